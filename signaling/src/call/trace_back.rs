//! Who calls back the number that an agent's call showed them reaches that agent first: at once when
//! they are ready, when they are done where they are busy, within the time of the tenant's plan. Then,
//! and where the agent is not there or does not answer, what answers the number does.
//!
//! Every call out of an agent is remembered ([`crate::switch::Trace`]), whatever came of it. Calls that
//! go by a lease are not: their other side is to know nobody.

use super::dial::{Dial, Why};
use super::timers::Timer;
use super::{Call, Next, Phase, cause};
use crate::acd::Claim;
use crate::switch::{Cx, Trace};
use std::time::Duration;
use terms::event::{Found, InTraceBack, Kind, Role, TracedBack};
use terms::media::Place;
use terms::routing::Target;
use terms::{AgentId, LegId, Moment, PhoneNumber};

/// How long the agent's phone rings.
const RING_MAX: Duration = Duration::from_secs(20);

/// Somebody calls back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Returning {
    trace: Trace,
    /// What answers the number.
    then: Target,
}

/// So long ago, or the beginning.
fn before(now: Moment, keep: Duration) -> Moment {
    Moment(now.0.saturating_sub(u64::try_from(keep.as_nanos()).unwrap_or(now.0)))
}

impl Call {
    /// An agent's call goes out to `digits` and shows this number.
    pub(super) fn note_called(&self, cx: &mut Cx, digits: &str, shown: &str) {
        let agent = self.agent_of(self.anchor).or(self.agent);
        let own = self.callback.is_none() && self.lease.is_none();
        let Some(agent) = agent.filter(|_| own) else { return };
        let (now, call_max) = (cx.now.moment, cx.world.config.call_max);
        let Some(tenant) = cx.world.tenants.get_mut(&self.tenant) else { return };
        let plan = &tenant.plan.plan;
        let keep = Duration::from_secs(plan.trace_back.keep_s.into());
        // The end of a call counts, which comes within the longest one.
        tenant.traces.forget_before(before(now, keep.saturating_add(call_max)));
        if keep.is_zero() {
            return;
        }
        let normal = |text| PhoneNumber::parse(text, &plan.country).normal;
        let trace = Trace {
            customer: normal(digits),
            shown: normal(shown),
            agent,
            queue: self.queue.as_ref().map(|queue| queue.id),
            call: self.id,
            at: now,
            found: Found::Open,
        };
        tenant.traces.note(trace);
    }

    /// A phone that was rung answered.
    pub(super) fn note_call_answered(&self, cx: &mut Cx, id: LegId) {
        let leg = self.legs.get(&id).filter(|leg| leg.trunk.is_some());
        if let Some(leg) = leg {
            self.note_news(cx, &leg.address, Found::Answered);
        }
    }

    /// A leg to somebody outside has ended: from now on its time counts.
    pub(super) fn note_call_ended(&self, cx: &mut Cx, called: &str, cause: u8) {
        let found = match cause {
            cause::BUSY | cause::REJECTED => Found::Busy,
            cause::NO_ANSWER | cause::NORMAL | cause::ELSEWHERE => Found::NoAnswer,
            _ => Found::Unreachable,
        };
        self.note_news(cx, called, found);
    }

    fn note_news(&self, cx: &mut Cx, called: &str, found: Found) {
        let customer = PhoneNumber::parse(called, &self.plan.plan.country).normal;
        if let Some(tenant) = cx.world.tenants.get_mut(&self.tenant) {
            tenant.traces.news(&customer, self.id, cx.now.moment, found);
        }
    }

    /// The call out that this caller calls back for; `then` is what answers the number.
    pub(super) fn returning(&self, cx: &Cx, then: &Target) -> Option<Returning> {
        let rules = &self.plan.plan.trace_back;
        let goes_first = rules.not_at.contains(&self.called.normal);
        if rules.keep_s == 0 || goes_first || self.caller.is_withheld() {
            return None;
        }
        let keep = Duration::from_secs(rules.keep_s.into());
        let since = before(cx.now.moment, keep);
        let traces = &cx.world.tenants.get(&self.tenant)?.traces;
        let trace = traces.find(&self.caller.normal, &self.called.normal, since)?.clone();
        Some(Returning { trace, then: then.clone() })
    }

    /// Rings the agent, waits for them, or goes on without.
    pub(super) fn trace_back(&mut self, cx: &mut Cx, returning: Returning) {
        let (now, call, agent) = (cx.now, self.id, returning.trace.agent);
        let wait = Duration::from_secs(self.plan.plan.trace_back.wait_s.into());
        let claim = cx.acd(self.tenant).map_or(Claim::Away, |acd| acd.claim(now, agent, call));
        let time = match claim {
            Claim::Taken => RING_MAX,
            Claim::Waits if !wait.is_zero() => {
                self.tell_trace(cx, &returning.trace, InTraceBack::Waits);
                self.ring_back(cx, self.anchor);
                wait
            }
            Claim::Waits | Claim::Away => return self.trace_missed(cx, returning),
        };
        self.timers.set(Timer::Ring, now.moment + time);
        self.phase = Phase::Dialling(Dial::awaiting(agent, Why::TraceBack(Box::new(returning))));
    }

    /// The agent is free and reserved for this call.
    pub(crate) fn claimed(&mut self, cx: &mut Cx, agent: AgentId) {
        let trace = match &self.phase {
            Phase::Dialling(dial) if dial.leg.is_none() => {
                dial.returning().map(|r| r.trace.clone())
            }
            _ => None,
        };
        let Some(trace) = trace.filter(|trace| trace.agent == agent) else {
            // The caller left, or the time was over, in the same moment.
            let (now, call) = (cx.now, self.id);
            if let Some(acd) = cx.acd(self.tenant) {
                acd.release(now, agent, call, None);
            }
            return;
        };
        self.tell_trace(cx, &trace, InTraceBack::Rings);
        let plan = cx.plan(self.tenant).unwrap_or_else(|| self.plan.clone());
        let address = plan.agent(agent).map_or(String::new(), |agent| agent.sip_user.clone());
        let from = (self.caller_for_agents(), String::new());
        let mut leg = self.phone_leg(Role::Agent, agent, address, from);
        leg.engaged = true;
        let leg = self.open_leg(cx, leg, Place::WithContact);
        self.timers.set(Timer::Ring, cx.now.moment + RING_MAX);
        if let Phase::Dialling(dial) = &mut self.phase {
            dial.leg = Some(leg);
        }
    }

    /// The agent has left before they were free.
    pub(crate) fn claim_over(&mut self, cx: &mut Cx, agent: AgentId) {
        let waits = |dial: &Dial| {
            dial.leg.is_none() && dial.returning().is_some_and(|r| r.trace.agent == agent)
        };
        if matches!(&self.phase, Phase::Dialling(dial) if waits(dial)) {
            self.dial_failed(cx, 480, cause::NO_ANSWER);
        }
    }

    /// The agent is not to be had: the caller goes where others go.
    pub(super) fn trace_missed(&mut self, cx: &mut Cx, returning: Returning) {
        self.give_up_agent(cx, &returning);
        self.tell_trace(cx, &returning.trace, InTraceBack::Missed);
        self.go_to(cx, Next::To(returning.then));
    }

    /// The agent is waited for no longer.
    pub(super) fn give_up_agent(&self, cx: &mut Cx, returning: &Returning) {
        let (agent, call) = (returning.trace.agent, self.id);
        if let Some(acd) = cx.acd(self.tenant) {
            acd.unclaim(agent, call);
        }
    }

    fn tell_trace(&self, cx: &mut Cx, trace: &Trace, what: InTraceBack) {
        let Trace { agent, call: called_by, found, .. } = *trace;
        let kind = Kind::TracedBack(TracedBack { agent, called_by, found, what });
        self.log(cx, Some(self.anchor), kind);
    }
}
