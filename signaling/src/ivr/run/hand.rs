//! What a run tells of its steps, and to whom it gives the call.

use crate::ivr::step::AreaBy;
use std::collections::BTreeMap;
use terms::media::Source;
use terms::{AgentId, FlowId, QueueId, Timestamp, TrunkId};

/// What programs are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The flow that was called, where it is a step of one; else it is one of the call's own flow.
    pub of: Option<(FlowId, u32)>,
    /// What it is about.
    pub event: String,
    /// Field to value.
    pub data: BTreeMap<String, String>,
}

/// Where a flow learned whether the caller agrees to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The flow that was called, where it is a step of one; else it is one of the call's own flow.
    pub of: Option<(FlowId, u32)>,
    /// The step's name.
    pub step: String,
    /// They agree.
    pub given: bool,
}

/// A step that the call went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The flow that was called, where it is a step of one; else it is one of the call's own flow.
    pub of: Option<(FlowId, u32)>,
    /// Its name.
    pub step: String,
    /// Its kind.
    pub kind: &'static str,
    /// When the call came in.
    pub entered_at: Timestamp,
    /// The edge.
    pub exit: String,
    /// Digits, masked where secret.
    pub digits: Option<String>,
}

/// What a fax machine of ours is to do with the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fax {
    /// The document to be sent; none receives one.
    pub document: Option<String>,
    /// What the other machine shows of us.
    pub station: String,
    /// Error correction.
    pub ecm: bool,
    /// The queue that hands out what is received.
    pub queue: Option<QueueId>,
}

/// What is to be faxed to somebody else, later and in a call of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaxTo {
    /// Whom to call, as it was typed.
    pub number: String,
    /// The document.
    pub document: String,
    /// What the other machine shows of us; empty is the caller number.
    pub station: String,
}

/// A text that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTo {
    /// To whom, as it was typed; empty is the caller.
    pub number: String,
    /// What it says.
    pub text: String,
    /// Over this trunk and no other.
    pub trunk: Option<TrunkId>,
}

/// A mail that is to be sent, later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailTo {
    /// To whom.
    pub address: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The document that goes with it.
    pub document: Option<String>,
}

/// What a caller says is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// For whose people.
    pub queue: QueueId,
    /// Said before the tone.
    pub sources: Vec<Source>,
    /// Longest, in seconds.
    pub max_s: u32,
    /// What is shorter is no message, in ms.
    pub min_ms: u32,
    /// Key that ends it.
    pub terminator: Option<char>,
}

/// To whom the call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hand {
    /// A queue.
    Enqueue {
        /// Which.
        queue: QueueId,
        /// Added to the queue's own.
        priority: i32,
    },
    /// The people of an area.
    Area {
        /// How it is found.
        by: AreaBy,
        /// Its code, or the address, where it is found by that.
        code: String,
    },
    /// A message.
    Voicemail {
        /// For whose people.
        queue: QueueId,
    },
    /// A message for one agent.
    Message {
        /// For whom.
        agent: AgentId,
    },
    /// A message, after which the flow goes on.
    Record(Record),
    /// Nowhere: the caller will be called back, and the flow goes on.
    Callback {
        /// By whose people.
        queue: QueueId,
        /// At which number; empty is the caller's.
        number: String,
    },
    /// The satisfaction question.
    Survey,
    /// A fax machine of ours.
    Fax(Fax),
    /// Nowhere: somebody will be faxed something, and the flow goes on.
    FaxTo(FaxTo),
    /// Nowhere: a text is sent, and the flow goes on.
    Text(TextTo),
    /// Nowhere: a mail will be sent, and the flow goes on.
    Mail(MailTo),
    /// Somebody else.
    Transfer {
        /// Who.
        target: String,
    },
    /// The end.
    Hangup {
        /// ITU-T Q.850.
        cause: u8,
    },
}
