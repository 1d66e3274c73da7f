//! Conferences as a screen sees them.

use super::RecordingNow;
use crate::id::{AgentId, CallId, ConferenceId, ContactId, MeetingId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A conference right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveConference {
    /// Which.
    pub conference: ConferenceId,
    /// The meeting in it.
    pub meeting: MeetingId,
    /// The contact that its recording and the calls that it makes belong to.
    pub contact: ContactId,
    /// Its name.
    pub name: String,
    /// Began then.
    pub started_at: Timestamp,
    /// Nobody else gets in.
    pub locked: bool,
    /// Members hear each other; else they wait.
    pub open: bool,
    /// Whether it is being recorded.
    pub recording: RecordingNow,
    /// Who is there, in the order they came, and who is called.
    pub members: Vec<LiveMember>,
}

/// A member of a conference right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveMember {
    /// Their call.
    pub call: CallId,
    /// Their number, as shown.
    pub number: String,
    /// The agent.
    pub agent: Option<AgentId>,
    /// A chairperson.
    pub chair: bool,
    /// Nobody hears them.
    pub muted: bool,
    /// Came then; none while they are being called.
    pub since: Option<Timestamp>,
}
