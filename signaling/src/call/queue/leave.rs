//! The ways past a queue that a flow offers: a key that leads out of it, and other edges for who may
//! not come in and who would wait too long.

use crate::call::{Call, Phase};
use crate::ivr::step::{LONG_WAIT, REFUSED};
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

    /// Takes the edge of the step for who may not come in: the queue is full or closed, or nobody is
    /// there. Who has a place there keeps it.
    pub(in crate::call) fn turned_to_refused(&mut self, cx: &mut Cx, id: QueueId) -> bool {
        if !self.flow.as_ref().is_some_and(|flowing| flowing.run.leads(REFUSED)) {
            return false;
        }
        let Some(queue) = cx.plan(self.tenant).and_then(|plan| plan.queue(id)) else {
            return false;
        };
        let key = (self.customer().normal.clone(), id);
        let Some(tenant) = cx.world.tenants.get(&self.tenant) else { return false };
        let called_back = tenant.callbacks.contains_key(&key) && tenant.acd.lets_in(id);
        let comes_in = called_back || tenant.acd.admits(id);
        !(comes_in && self.is_open(cx, &queue)) && self.follow_flow(cx, REFUSED)
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
