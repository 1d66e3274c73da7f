//! The line on which the call path asks for the state of an order: a question and its answer, each one
//! line of JSON, on a socket in `<data>/run` that only this user may open. The child `calls` asks; the
//! child `api`, which has the business store, answers. Where it is away, the flow goes on at `error`.

mod answer;
mod ask;
#[cfg(test)]
mod tests;

pub use answer::serve;
pub use ask::OrderSteps;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::TenantId;

/// Below the folder of the data.
pub const SOCKET: &str = "run/orders.sock";
/// Questions at a time; one more is not asked, or waits to be read.
const OPEN_MAX: usize = 64;
/// Longest question and answer.
const LINE_BYTES_MAX: usize = 16 << 10;

/// A question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    tenant: TenantId,
    /// Digits of its number; empty is the latest one of the customer.
    number: String,
    /// Whose it must be.
    of: Option<String>,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    /// How it is, by name.
    Found(BTreeMap<String, String>),
    /// There is none.
    None,
    /// Nobody knows, and why.
    Failed(String),
}
