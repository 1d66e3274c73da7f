//! The ways past a queue that a flow offers: a key that leads out of it, and another edge for who
//! would wait too long.

use crate::call::{Call, Phase};
use crate::ivr::step::LONG_WAIT;
use crate::switch::Cx;
use terms::QueueId;
use terms::event::{FlowOut, Kind};

impl Call {
    /// A key of the step that put the caller here leads out of the queue, by an edge of the flow. False
    /// when the key means nothing there.
    pub(in crate::call) fn leave_by_key(&mut self, cx: &mut Cx, digit: char) -> bool {
        let edge = format!("keys.{digit}");
        if !self.flow.as_ref().is_some_and(|flowing| flowing.run.leads(&edge)) {
            return false;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        let Phase::Waiting(waiting) = phase else {
            self.phase = phase;
            return false;
        };
        let (now, visit, queue) = (cx.now, waiting.visit, waiting.queue.id);
        self.hush();
        if let Some(acd) = cx.acd(self.tenant) {
            acd.leave(now, visit);
        }
        let reason = FlowOut::ExitKey;
        self.log(cx, Some(self.anchor), Kind::FlowedOut { visit, queue, reason });
        self.stop_play(cx, self.anchor);
        if !self.follow_flow(cx, &edge) {
            self.strand(cx);
        }
        true
    }

    /// Takes the edge of the step for who would wait longer than it wants, as far as that can be told.
    /// Who has a place there keeps it.
    pub(in crate::call) fn dissuade(&mut self, cx: &mut Cx, queue: QueueId) -> bool {
        let Some(max) = self.flow.as_ref().and_then(|flowing| flowing.run.estimate_max()) else {
            return false;
        };
        let key = (self.customer().normal.clone(), queue);
        let Some(tenant) = cx.world.tenants.get(&self.tenant) else { return false };
        let wait = tenant.acd.newcomers_wait(queue);
        let too_long = wait.is_some_and(|wait| wait > max) && !tenant.callbacks.contains_key(&key);
        too_long && self.follow_flow(cx, LONG_WAIT)
    }
}
