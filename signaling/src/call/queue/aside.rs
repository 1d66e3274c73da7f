//! A caller steps aside from their queue: a key of the step that put them there leads to other steps of
//! the flow, and the place is kept meanwhile. No agent is found for them; neither the longest wait nor
//! the last agent's leaving sends them away. A step that puts them into the same queue brings them back
//! to their place; any other that gives the call away ends the stay, as by a key that leads out.
//!
//! What is kept of a call that a killed process had aside is the place: it waits there again.

use super::Waiting;
use crate::call::{Call, Phase};
use crate::ivr::step::ASIDES;
use crate::switch::Cx;
use std::sync::Arc;
use terms::event::{FlowOut, Kind};
use terms::media::PlayEnd;
use terms::{Moment, QueueId, VisitId};

/// A stay whose caller hears something else.
#[derive(Debug)]
pub(in crate::call) struct Aside {
    pub waiting: Waiting,
    /// When they would have had to leave.
    pub leave_at: Moment,
}

impl Call {
    /// The stay that the caller has stepped aside from.
    pub(in crate::call) fn aside(&self) -> Option<&Aside> {
        self.flow.as_ref()?.aside.as_deref()
    }

    fn take_aside(&mut self) -> Option<Aside> {
        self.flow.as_mut()?.aside.take().map(|aside| *aside)
    }

    /// A key leads aside, by an edge of the flow. False when the key means nothing there. While it is
    /// not known whom they wait for the key does nothing.
    pub(in crate::call) fn step_aside(&mut self, cx: &mut Cx, digit: char) -> bool {
        let edge = format!("{ASIDES}.{digit}");
        if !self.flow.as_ref().is_some_and(|flowing| flowing.run.leads(&edge)) {
            return false;
        }
        let (now, visit) = match &self.phase {
            Phase::Waiting(waiting) if waiting.deciding.is_none() => (cx.now, waiting.visit),
            _ => return true,
        };
        let leave_at = cx.acd(self.tenant).and_then(|acd| acd.step_aside(now, visit));
        let Some(leave_at) = leave_at else { return true };
        if let Phase::Waiting(waiting) = std::mem::replace(&mut self.phase, Phase::Ivr)
            && let Some(flowing) = &mut self.flow
        {
            flowing.aside = Some(Box::new(Aside { waiting, leave_at }));
        }
        self.hush();
        self.stop_play(cx, self.anchor);
        if !self.follow_flow(cx, &edge) {
            self.step_back(cx);
        }
        true
    }

    /// Back to the place, where the flow puts the caller into the queue that they stepped aside from, or
    /// into the one from which they had flowed there. False where it is another, or there is no place
    /// any more.
    pub(in crate::call) fn back_in_line(&mut self, cx: &mut Cx, queue: QueueId) -> bool {
        let named = self.flow.as_ref().and_then(|flowing| flowing.line);
        let is_theirs = |aside: &Aside| aside.waiting.queue.id == queue || named == Some(queue);
        self.aside().is_some_and(is_theirs) && self.step_back(cx)
    }

    fn step_back(&mut self, cx: &mut Cx) -> bool {
        let Some(Aside { waiting, leave_at }) = self.take_aside() else { return false };
        let (now, visit, queue) = (cx.now, waiting.visit, Arc::clone(&waiting.queue));
        self.phase = Phase::Waiting(waiting);
        self.left_flow(cx, "enqueued");
        self.arm_announcement(cx, &queue);
        self.arm_notice(cx, &queue);
        self.play_music(cx, &PlayEnd::Finished);
        if let Some(acd) = cx.acd(self.tenant) {
            acd.step_back(now, visit, leave_at);
        }
        true
    }

    /// The flow leads elsewhere: the stay is over.
    pub(in crate::call) fn leave_aside(&mut self, cx: &mut Cx) {
        let Some(Aside { waiting, .. }) = self.take_aside() else { return };
        let (now, visit, queue) = (cx.now, waiting.visit, waiting.queue.id);
        if let Some(acd) = cx.acd(self.tenant) {
            acd.leave(now, visit);
        }
        let reason = FlowOut::ExitKey;
        self.log(cx, Some(self.anchor), Kind::FlowedOut { visit, queue, reason });
    }

    /// The distributor keeps the place no longer: the caller goes on in the flow, without one. False
    /// where this stay is not aside.
    pub(super) fn aside_flows_out(&mut self, cx: &mut Cx, visit: VisitId, reason: FlowOut) -> bool {
        if self.aside().is_none_or(|aside| aside.waiting.visit != visit) {
            return false;
        }
        let Some(Aside { waiting, .. }) = self.take_aside() else { return false };
        let queue = waiting.queue.id;
        self.log(cx, Some(self.anchor), Kind::FlowedOut { visit, queue, reason });
        true
    }

    /// The call ends while the caller is aside.
    pub(in crate::call) fn quit_aside(&mut self, cx: &mut Cx, caller_left: bool) {
        if let Some(Aside { waiting, .. }) = self.take_aside() {
            self.quit_queue(cx, &waiting, caller_left);
        }
    }
}
