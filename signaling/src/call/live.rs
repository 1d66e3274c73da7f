//! A call as a wallboard sees it.

use super::{Call, Phase};
use terms::control::{LiveCall, LiveSupervision, RecordingNow};
use terms::event::Role;
use terms::{AgentId, LegId};

impl Call {
    pub(crate) fn live(&self) -> LiveCall {
        let talker = match &self.phase {
            // While several ring nobody has it.
            Phase::Waiting(waiting) => match waiting.offers.as_slice() {
                [(agent, _)] => Some(*agent),
                _ => None,
            },
            Phase::Talking(talk) => {
                let pair: [LegId; 2] = [talk.partner, self.anchor];
                pair.into_iter().find_map(|leg| self.agent_of(leg))
            }
            Phase::Dialling(dial) => dial.leg.and_then(|leg| self.agent_of(leg)),
            Phase::Clicking(clicking) => Some(clicking.agent),
            _ => None,
        };
        LiveCall {
            call: self.id,
            contact: self.contact,
            caller: self.caller.shown.clone(),
            called: self.called.shown.clone(),
            started_at: self.started.wall,
            phase: self.phase_name().to_owned(),
            queue: self.queue.as_ref().map(|queue| queue.id),
            agent: talker.or(self.agent_of(self.anchor)),
            rung: match &self.phase {
                Phase::Waiting(waiting) => waiting.offers.iter().map(|offer| offer.0).collect(),
                _ => Vec::new(),
            },
            legs: self.legs.keys().copied().filter(|&leg| !self.is_supervisor(leg)).collect(),
            supervision: self.supervision.as_ref().map(|supervision| LiveSupervision {
                of: supervision.of,
                mode: supervision.mode,
                leg: supervision.leg,
                joined: supervision.joined,
            }),
            recording: self.recording_now(),
            parked: match &self.phase {
                Phase::Parked(parked) => Some(parked.slot),
                _ => None,
            },
            data: self.flow.as_ref().map(|flowing| flowing.run.shown()).unwrap_or_default(),
            region: self.region(),
        }
    }

    /// Its legs that have a port, and who they are.
    pub(crate) fn voices(&self) -> Vec<(LegId, Role, Option<AgentId>)> {
        let open = self.legs.iter().filter(|(_, leg)| leg.is_open());
        open.map(|(&id, leg)| (id, leg.role, leg.agent)).collect()
    }

    fn recording_now(&self) -> RecordingNow {
        match &self.recording {
            None => RecordingNow::Off,
            Some(recording) if recording.paused.is_some() => RecordingNow::Paused,
            Some(_) => RecordingNow::On,
        }
    }

    fn phase_name(&self) -> &'static str {
        match &self.phase {
            Phase::Waiting(waiting) if waiting.rings() => "ringing",
            Phase::Waiting(_) => "waiting",
            Phase::Dialling(_) | Phase::Summoning(_) | Phase::Clicking(_) => "ringing",
            Phase::Conferring(_) => "conference",
            Phase::Talking(talk) if talk.consult.is_some() => "consulting",
            Phase::Talking(talk) if talk.hold.is_held() => "holding",
            Phase::Talking(_) => "talking",
            Phase::Parked(_) => "parked",
            Phase::Survey(_) => "survey",
            Phase::Message(_) => "voicemail",
            Phase::Faxing(_) => "fax",
            Phase::Opening { .. }
            | Phase::Answering { .. }
            | Phase::Ivr
            | Phase::Knocking(_)
            | Phase::Announcing { .. }
            | Phase::Coding(_)
            | Phase::Identifying(_)
            | Phase::Line(_)
            | Phase::Farewell { .. }
            | Phase::Ending => "ivr",
        }
    }
}
