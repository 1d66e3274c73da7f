//! Calls that the box makes because somebody at a screen, or a program, wants them.

use crate::id::{AgentId, FaxId, TenantId, UserId};
use serde::{Deserialize, Serialize};

/// A call that somebody at a screen wants made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialOrder {
    /// Whose.
    pub tenant: TenantId,
    /// Who asks for it.
    pub by: UserId,
    /// The agent whose call it is.
    pub agent: AgentId,
    /// A short number or an outside number.
    pub target: String,
    /// Who rings first.
    pub first: DialFirst,
    /// The number of the tenant that the outside is to see; none leaves it to the trunk's rule.
    pub caller_number: Option<String>,
}

/// Which side of a call that is made from a screen rings first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialFirst {
    /// The agent, who hears the other side ring.
    #[default]
    Agent,
    /// The customer, who waits for the agent with ringing in the ear.
    Customer,
}

/// Why no call is made while the box drains or is full, for people; later it is.
pub const NO_MORE_CALLS: &str = "the box takes no more calls at the moment";

/// A fax that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxCall {
    /// Whose.
    pub tenant: TenantId,
    /// Its name, chosen by who asks: its outcome bears it.
    pub fax: FaxId,
    /// Who asks for it: their right to call out holds.
    pub by: UserId,
    /// An outside number.
    pub target: String,
    /// The name of a document of the tenant.
    pub document: String,
    /// The number of the tenant that the outside is to see; none leaves it to the trunk's rule.
    pub caller_number: Option<String>,
    /// What the other machine shows of us; the caller number, where it is empty.
    pub station: String,
    /// Error correction, where the other machine knows it.
    pub ecm: bool,
}
