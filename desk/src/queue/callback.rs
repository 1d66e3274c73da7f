//! How callers of a queue are called back.

use crate::store::Write;
use crate::{Error, Result, hours};
use serde::{Deserialize, Serialize};
use terms::TenantId;
use terms::routing::{self, CallFirst};
use utoipa::ToSchema;

/// How callers of a queue are called back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Callback {
    /// The key that a waiting caller presses: `0` to `9`, so that it can be said with their place.
    #[schema(value_type = String)]
    pub key: char,
    /// Who is called first: `agent`, and the customer once they have accepted; or `customer`, shortly
    /// before their turn.
    #[schema(value_type = String)]
    pub first: CallFirst,
    /// Customer first: they are dialled when the estimated wait of those before them is at most so
    /// many seconds, 0–600.
    pub lead_s: u32,
    /// How often a customer is dialled, 1–10.
    pub tries_max: u32,
    /// Seconds from one try to the next, 10–86,400.
    pub pause_s: u32,
    /// Seconds from the wish to the last moment in which it is tried, 60–604,800.
    pub age_max_s: u32,
    /// Opening hours within which customers are dialled, by name; none is always.
    pub hours: Option<String>,
    /// The caller may type another number than the one that they call from. What the tenant may not
    /// call is refused.
    pub other_number: bool,
}

impl Default for Callback {
    fn default() -> Self {
        let routing::Callback {
            key,
            first,
            lead_s,
            tries_max,
            pause_s,
            age_max_s,
            hours,
            other_number,
        } = routing::Callback::default();
        Callback { key, first, lead_s, tries_max, pause_s, age_max_s, hours, other_number }
    }
}

impl From<Callback> for routing::Callback {
    fn from(set: Callback) -> Self {
        let Callback { key, first, lead_s, tries_max, pause_s, age_max_s, hours, other_number } =
            set;
        routing::Callback { key, first, lead_s, tries_max, pause_s, age_max_s, hours, other_number }
    }
}

impl Callback {
    pub(super) fn check(&self) -> Result<()> {
        if !self.key.is_ascii_digit() {
            let problem = format!("{:?} is no key from 0 to 9", self.key);
            return Err(Error::invalid("callback", problem));
        }
        for (name, value, range) in [
            ("lead_s", self.lead_s, 0..=600),
            ("tries_max", self.tries_max, 1..=10),
            ("pause_s", self.pause_s, 10..=86_400),
            ("age_max_s", self.age_max_s, 60..=604_800),
        ] {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                let problem = format!("{name}: {value} is outside {least}-{most}");
                return Err(Error::invalid("callback", problem));
            }
        }
        Ok(())
    }

    /// Its opening hours must be the tenant's.
    pub(super) async fn check_hours(&self, write: &mut Write, tenant: TenantId) -> Result<()> {
        match &self.hours {
            Some(name) => hours::check_name(write, tenant, "callback", name).await,
            None => Ok(()),
        }
    }
}
