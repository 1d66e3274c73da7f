//! Who comes into a queue and who stays there, and where those go who may not.

use crate::routing::Target;
use serde::{Deserialize, Serialize};

/// Stages of [`Doors::overflow_chain`].
pub const ONWARD_MAX: usize = 8;

/// What an agent of a queue is to those who would wait for them. Who is signed out, or whose phone is
/// known to be gone, is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Ready and free.
    Idle,
    /// Rings, talks or has somebody on hold.
    Busy,
    /// In after-call work.
    WrapUp,
    /// On a break, or undisturbed.
    Break,
}

/// Who comes into a queue, who stays, and where the others go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Doors {
    /// A contact comes in while at least one agent of the queue is one of these; none: always.
    pub joins_while: Vec<Standing>,
    /// Those who wait stay while at least one agent of the queue is one of these; none: always.
    pub stays_while: Vec<Standing>,
    /// Opening hours of the queue by name; none is always. Hours that the plan does not know are never
    /// open.
    pub hours: Option<String>,
    /// Where those go who come outside of them; none is the overflow.
    pub out_of_hours: Option<Target>,
    /// Where those go on who have gone to the overflow and were not served there in time: one target
    /// after the other.
    pub overflow_chain: Vec<Onward>,
}

/// One further stage of a way out of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onward {
    /// Longest wait at the target before, where that is a queue, in seconds.
    pub after_s: u32,
    /// Where they go then.
    pub target: Target,
}
