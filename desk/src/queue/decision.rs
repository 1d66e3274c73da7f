//! A program of the tenant that is asked about each contact of a queue.

use crate::{Error, Result, text};
use serde::{Deserialize, Serialize};
use terms::routing;
use utoipa::ToSchema;

/// A program that says what a contact is worth and whom it waits for first. It is asked by POST with
/// `call`, `contact`, `queue`, `caller`, `called`, `language`, `priority`, `position`, `waiting` and
/// `data` (what the flow shows of its variables), and answers with any of `agent` (an id), `wait_s`
/// (0–600) and `priority` (points of the contact's own, -1000 to 1000).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueueDecision)]
pub struct Decision {
    /// Where, `http` or `https`; an address inside must stand in `ivr.http_allowed`.
    pub url: String,
    /// How long an answer is waited for, 100–5,000 ms; then the contact waits as if nobody had been
    /// asked.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// Seconds that a contact waits for an agent who is named, 0–600.
    #[serde(default = "wait_s")]
    pub wait_s: u32,
}

const fn timeout_ms() -> u32 {
    1_000
}

const fn wait_s() -> u32 {
    30
}

impl Decision {
    pub(super) fn check(&self) -> Result<()> {
        for (name, value, range) in
            [("timeout_ms", self.timeout_ms, 100..=5_000), ("wait_s", self.wait_s, 0..=600)]
        {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                let problem = format!("{name}: {value} is outside {least}-{most}");
                return Err(Error::invalid("decision", problem));
            }
        }
        text::web_address("decision", &self.url).map(drop)
    }
}

impl From<Decision> for routing::Decision {
    fn from(Decision { url, timeout_ms, wait_s }: Decision) -> Self {
        routing::Decision { url: url.trim().to_owned(), timeout_ms, wait_s }
    }
}
