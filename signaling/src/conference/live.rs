//! A meeting as a screen sees it.

use super::Conference;
use terms::control::{LiveConference, LiveMember, RecordingNow};

impl Conference {
    pub(crate) fn live(&self) -> LiveConference {
        let members = self.members.iter().map(|member| LiveMember {
            call: member.call,
            number: member.number.clone(),
            agent: member.agent,
            chair: member.chair,
            muted: member.is_muted(),
            since: Some(member.since),
        });
        let called = self.called.iter().map(|called| LiveMember {
            call: called.call,
            number: called.number.clone(),
            agent: called.agent,
            chair: called.chair,
            muted: false,
            since: None,
        });
        LiveConference {
            conference: self.of.conference,
            meeting: self.of.meeting,
            contact: self.contact,
            name: self.settings.name.clone(),
            started_at: self.started,
            locked: self.locked,
            open: self.open,
            recording: if self.recording.runs() { RecordingNow::On } else { RecordingNow::Off },
            members: members.chain(called).collect(),
        }
    }

    /// Members that are there.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }
}
