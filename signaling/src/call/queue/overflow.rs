//! Out of a queue to where it sends those whom it cannot serve, and on from there: who came to another
//! queue in this way keeps the age of their wait and the priority that they brought, and goes on along
//! the first queue's chain when they have waited there for as long as it says.

use super::Waiting;
use crate::call::{Call, Next, Phase, cause};
use crate::ivr::hours;
use crate::switch::Cx;
use std::time::Duration;
use terms::event::{FlowOut, HopEnd, Kind, Party};
use terms::routing::{Onward, Queue, Target};
use terms::{QueueId, VisitId};

/// Where to, and what follows if nobody serves them there in time.
fn way_out(waiting: &Waiting, reason: FlowOut) -> (Target, Vec<Onward>) {
    if let Some((next, rest)) = waiting.onward.split_first() {
        return (next.target.clone(), rest.to_vec());
    }
    let doors = &waiting.queue.matching.doors;
    match &doors.out_of_hours {
        Some(target) if reason == FlowOut::Closed => (target.clone(), Vec::new()),
        _ => (waiting.queue.overflow.clone(), doors.overflow_chain.clone()),
    }
}

/// How long they wait in the queue to which this is the way, where its own longest wait is not meant.
pub(super) fn stay(onward: &[Onward]) -> Option<Duration> {
    onward.first().map(|next| Duration::from_secs(next.after_s.into()))
}

impl Call {
    /// The distributor sends the caller on.
    pub(crate) fn flow_out(&mut self, cx: &mut Cx, visit: VisitId, reason: FlowOut) {
        if self.aside_flows_out(cx, visit, reason)
            || !matches!(&self.phase, Phase::Waiting(waiting) if waiting.visit == visit)
        {
            return;
        }
        if self.waits_to_call_back() {
            self.callback_flows_out(cx, reason);
        } else {
            self.overflow(cx, reason);
        }
    }

    /// Out of the queue to where the queue sends those it cannot serve.
    pub(super) fn overflow(&mut self, cx: &mut Cx, reason: FlowOut) {
        let Phase::Waiting(waiting) = std::mem::replace(&mut self.phase, Phase::Ending) else {
            return;
        };
        let (visit, queue) = (waiting.visit, waiting.queue.id);
        self.hush();
        self.log(cx, Some(self.anchor), Kind::FlowedOut { visit, queue, reason });
        self.story.stranded = true;
        self.stop_play(cx, self.anchor);
        if self.hunt.is_some() {
            return self.hunt_goes_on(cx, HopEnd::FlowedOut);
        }
        let (target, onward) = way_out(&waiting, reason);
        self.flow_on(cx, target, waiting.brought, onward);
    }

    fn flow_on(&mut self, cx: &mut Cx, target: Target, brought: i32, onward: Vec<Onward>) {
        match target {
            Target::Queue(queue) => self.flow_into(cx, queue, brought, onward),
            target => self.go_to(cx, Next::To(target)),
        }
    }

    /// A queue that there is no more is passed at once.
    fn flow_into(&mut self, cx: &mut Cx, queue: QueueId, brought: i32, onward: Vec<Onward>) {
        if !self.may_hop(cx) || self.enter(cx, queue, brought, self.queued_since, onward.clone()) {
            return;
        }
        match onward.split_first() {
            Some((next, rest)) => self.flow_on(cx, next.target.clone(), brought, rest.to_vec()),
            None => self.strand(cx),
        }
    }

    /// One more step from place to place. False, and the call ends, where it has taken too many.
    pub(in crate::call) fn may_hop(&mut self, cx: &mut Cx) -> bool {
        self.hops += 1;
        let may = self.hops <= cx.world.config.hops_max;
        if !may {
            self.story.stranded = true;
            self.end(cx, cause::EXCHANGE_ROUTING, Party::System);
        }
        may
    }

    /// A newcomer finds it open.
    pub(in crate::call) fn is_open(&self, cx: &Cx, queue: &Queue) -> bool {
        self.is_within(cx, queue.matching.doors.hours.as_deref())
    }

    /// Now is within these opening hours, where there are any. Hours that the plan does not know are
    /// never open: nobody is sent to an empty room, nor rung at night, by a mistake.
    pub(in crate::call) fn is_within(&self, cx: &Cx, name: Option<&str>) -> bool {
        let Some(name) = name else { return true };
        let Some(plan) = cx.plan(self.tenant) else { return false };
        let hours = plan.plan.hours.iter().find(|hours| hours.name == name);
        hours.is_some_and(|hours| hours::is_open(hours, plan.zone, cx.now.wall))
    }
}
