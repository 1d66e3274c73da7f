//! The recording of a conversation: from the moment both hear each other, through hold and blind
//! transfer, to the end. A conversation that is not recorded gets its row in the ledger all the
//! same, saying why.

use super::Call;
use crate::switch::{Cx, RecordingOf};
use terms::event::{Kind, Role};
use terms::media::{Command, Ledger, RecordStart, RecordingState, Side};
use terms::{AgentId, LegId, QueueId, RecordingId};

impl Call {
    /// `partner` has joined the anchor.
    pub(super) fn record(&mut self, cx: &mut Cx, partner: LegId) {
        let (agent, queue) = (self.agent, self.queue.as_ref().map(|queue| queue.id));
        if let Some(recording) = self.recording {
            let side = self.side(partner);
            return cx.media(Command::RecordJoin { recording, leg: partner, side });
        }
        let wanted =
            self.queue.as_ref().map_or(cx.world.config.record_direct, |queue| queue.record);
        if wanted {
            let parties =
                [self.anchor, partner].into_iter().map(|leg| (leg, self.side(leg))).collect();
            self.start_recording(cx, parties, agent, queue);
        } else {
            let recording = RecordingId(cx.id());
            self.refuse_recording(cx, recording, agent, queue, "this queue is not recorded");
        }
    }

    pub(super) fn start_recording(
        &mut self,
        cx: &mut Cx,
        parties: Vec<(LegId, Side)>,
        agent: Option<AgentId>,
        queue: Option<QueueId>,
    ) {
        let recording = RecordingId(cx.id());
        // A ledger that never came must not stop others: the oldest is forgotten.
        if cx.world.recordings.len() >= cx.world.config.recordings_max {
            cx.world.recordings.pop_first();
        }
        cx.world.recordings.insert(recording, RecordingOf { tenant: self.tenant, agent, queue });
        self.recording = Some(recording);
        self.log(cx, None, Kind::RecordingStarted { recording });
        cx.media(Command::RecordStart(RecordStart {
            recording,
            tenant: self.tenant,
            contact: self.contact,
            call: self.id,
            started_at: cx.now.wall,
            parties,
        }));
    }

    pub(super) fn leave_recording(&mut self, cx: &mut Cx, leg: LegId) {
        if let Some(recording) = self.recording {
            cx.media(Command::RecordLeave { recording, leg });
        }
    }

    /// The conversation is over.
    pub(super) fn stop_recording(&mut self, cx: &mut Cx) {
        if let Some(recording) = self.recording.take() {
            cx.media(Command::RecordStop { recording });
        }
    }

    fn refuse_recording(
        &self,
        cx: &mut Cx,
        recording: RecordingId,
        agent: Option<AgentId>,
        queue: Option<QueueId>,
        why: &str,
    ) {
        let ledger = Ledger {
            recording,
            tenant: self.tenant,
            contact: self.contact,
            call: self.id,
            started_at: cx.now.wall,
            duration_ms: 0,
            state: RecordingState::Refused,
            frames_expected: 0,
            frames_missing: 0,
            gaps: Vec::new(),
            path: None,
            bytes: 0,
            sha256: None,
            reason: Some(why.to_owned()),
        };
        self.log(cx, None, Kind::Recorded { ledger, agent, queue });
    }

    /// The customer is on the left; between colleagues it is the one who called.
    fn side(&self, leg: LegId) -> Side {
        let role = |id| self.legs.get(&id).map(|leg| leg.role);
        let has_customer = self.legs.values().any(|leg| leg.role == Role::Customer);
        let left = match role(leg) {
            Some(Role::Customer) => true,
            _ => !has_customer && leg == self.anchor,
        };
        if left { Side::Customer } else { Side::Other }
    }
}
