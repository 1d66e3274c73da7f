//! Text messages that somebody at a screen, or a program, wants sent.

use crate::event::Written;
use crate::id::{TenantId, TrunkId, UserId};
use serde::{Deserialize, Serialize};

/// A text that is to be sent over a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextOrder {
    /// Whose.
    pub tenant: TenantId,
    /// Who asks for it: their right to call out holds.
    pub by: UserId,
    /// An outside number.
    pub target: String,
    /// What it says.
    pub text: Written,
    /// Over this trunk and no other; none leaves the choice to the number, as for calls.
    pub trunk: Option<TrunkId>,
}
