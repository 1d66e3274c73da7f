//! Emergency mode: prepared routing and prompts that one switch brings into force.

use crate::id::{FlowId, NumberId};
use serde::{Deserialize, Serialize};

/// An emergency plan in force. Plans without it are in none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// What people call it.
    pub name: String,
    /// Published numbers that it is about; empty is all.
    pub numbers: Vec<NumberId>,
    /// The flow that answers in place of the number's target.
    pub flow: Option<FlowId>,
    /// The prompt that is heard first, without its language.
    pub announcement: Option<String>,
}

impl Emergency {
    /// True when it is about this number.
    pub fn covers(&self, number: NumberId) -> bool {
        self.numbers.is_empty() || self.numbers.contains(&number)
    }
}
