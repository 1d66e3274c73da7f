//! The recording of a conversation: from the moment both hear each other, through hold and blind
//! transfer, to the end. A conversation that is not recorded gets its row in the ledger all the
//! same, saying why.
//!
//! A long conversation is recorded in parts that follow each other: each is rendered while the
//! conversation goes on, so that one long call does not keep what was heard in all the others from
//! being cleared away on disk, and a crash late in it costs no more than its last part.

use super::Call;
use super::timers::Timer;
use crate::switch::{Cx, RecordingOf};
use terms::event::{Kind, Role};
use terms::media::{Command, Ledger, RecordStart, Side};
use terms::{AgentId, LegId, QueueId, RecordingId};

/// A recording that runs.
#[derive(Debug)]
pub(super) struct Recording {
    pub id: RecordingId,
    parties: Vec<(LegId, Side)>,
}

impl Call {
    /// `partner` has joined the anchor.
    pub(super) fn record(&mut self, cx: &mut Cx, partner: LegId) {
        let (agent, queue) = (self.agent, self.queue.as_ref().map(|queue| queue.id));
        if self.recording.is_some() {
            return self.join_recording(cx, partner);
        }
        let wanted =
            self.queue.as_ref().map_or(cx.world.config.record_direct, |queue| queue.record);
        if wanted {
            let parties =
                [self.anchor, partner].into_iter().map(|leg| (leg, self.side(leg))).collect();
            self.start_recording(cx, parties, agent, queue);
            self.arm_next_part(cx);
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
        self.recording = Some(Recording { id: recording, parties: parties.clone() });
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

    /// `leg` has come into the conversation; where that is not recorded, neither are they.
    pub(super) fn join_recording(&mut self, cx: &mut Cx, leg: LegId) {
        let side = self.side(leg);
        if let Some(Recording { id: recording, parties }) = &mut self.recording {
            parties.push((leg, side));
            cx.media(Command::RecordJoin { recording: *recording, leg, side });
        }
    }

    pub(super) fn leave_recording(&mut self, cx: &mut Cx, leg: LegId) {
        if let Some(Recording { id: recording, parties }) = &mut self.recording {
            parties.retain(|(party, _)| *party != leg);
            cx.media(Command::RecordLeave { recording: *recording, leg });
        }
    }

    fn arm_next_part(&mut self, cx: &Cx) {
        let max = cx.world.config.recording_part_max;
        self.timers.set(Timer::RecordingPart, cx.now.moment + max);
    }

    /// The part is long enough: the next one begins in the same moment, with the same parties.
    pub(super) fn next_part(&mut self, cx: &mut Cx) {
        let Some(Recording { id: recording, parties }) = self.recording.take() else { return };
        cx.media(Command::RecordStop { recording });
        let queue = self.queue.as_ref().map(|queue| queue.id);
        self.start_recording(cx, parties, self.agent, queue);
        self.arm_next_part(cx);
    }

    /// The conversation is over.
    pub(super) fn stop_recording(&mut self, cx: &mut Cx) {
        self.timers.clear(Timer::RecordingPart);
        if let Some(Recording { id: recording, .. }) = self.recording.take() {
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
        let whose = (self.tenant, self.contact, self.id);
        let ledger = Ledger::refused(whose, recording, cx.now.wall, why);
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
