//! Somebody answered: both parties hear each other from now on, and the recording runs.

use super::dial::Why;
use super::leg::Bye;
use super::timers::Timer;
use super::{Call, Phase, Talk, cause};
use crate::acd::Stage;
use crate::switch::Cx;
use std::time::Duration;
use terms::event::{Direction, Kind};
use terms::media::Command;
use terms::routing::Queue;
use terms::{LegId, QueueId, RoomId, VisitId};

impl Call {
    /// Brings the anchor and `partner` together. `from` is the stay in a queue that this ends.
    pub(super) fn connect(&mut self, cx: &mut Cx, partner: LegId, from: Option<(VisitId, &Queue)>) {
        self.timers.clear(Timer::Ring);
        self.hush();
        self.forwarded.clear();
        self.drop_picking(cx, cause::ELSEWHERE, Bye::Hangup);
        let room = RoomId(cx.id());
        let talk = Talk::new(partner, room);
        let before = std::mem::replace(&mut self.phase, Phase::Talking(talk));
        let why = match before {
            Phase::Dialling(dial) => Some(dial.why),
            _ => None,
        };
        self.hunt_answered(cx);
        if matches!(why, Some(Why::Flow | Why::Area)) {
            self.left_flow(cx, "connected");
        }
        let second = matches!(why, Some(Why::Second));
        match why {
            Some(Why::Transfer(transfer)) => self.transfer_done(cx, transfer),
            Some(Why::Parked) => self.log(cx, Some(self.anchor), Kind::Resumed),
            Some(
                Why::Direct
                | Why::Flow
                | Why::Callback
                | Why::Area
                | Why::TraceBack(_)
                | Why::Lease
                | Why::Fax(_)
                | Why::Second,
            )
            | None => {}
        }
        self.stop_play(cx, self.anchor);
        self.stop_listening(cx);
        self.send_answer(cx);
        cx.media(Command::Join { leg: self.anchor, room });
        cx.media(Command::Join { leg: partner, room });
        self.story.answered = true;
        let owed = self.legs.get(&self.anchor).and_then(|leg| leg.wrap_up);
        self.note_answered(cx, partner, from);
        if second {
            self.owes_for_the_first(partner, owed);
        }
        self.record(cx, partner);
    }

    /// The log, the agents' states and their wrap-up.
    fn note_answered(&mut self, cx: &mut Cx, partner: LegId, from: Option<(VisitId, &Queue)>) {
        let (now, call) = (cx.now, self.id);
        // On a call that an agent made outside, the agent is the one who has a conversation.
        let answers = match self.direction {
            Direction::Outbound if self.agent_of(partner).is_none() => self.anchor,
            _ => partner,
        };
        if let Some(agent) = self.agent_of(answers) {
            self.agent = Some(agent);
            let (visit, queue) = (from.map(|from| from.0), from.map(|from| from.1.id));
            self.log(cx, Some(answers), Kind::Answered { visit, queue, agent });
        }
        let wrap_up = self.wrap_up();
        for id in [self.anchor, partner] {
            let Some(leg) = self.legs.get_mut(&id) else { continue };
            let Some(agent) = leg.agent else { continue };
            leg.engaged = true;
            leg.talked = true;
            leg.wrap_up = wrap_up.filter(|_| id == partner);
            if let Some(acd) = cx.acd(self.tenant) {
                acd.stage(now, agent, call, Stage::Talking);
            }
        }
    }

    /// After-call work of who talked with the customer.
    pub(super) fn wrap_up(&self) -> Option<(QueueId, Duration)> {
        let queue = self.queue.as_ref()?;
        Some((queue.id, Duration::from_secs(queue.wrap_up_s.into())))
    }
}
