//! Calls to an agent's extension that the agent forwards: always, when they are busy, or when nobody
//! answers in time. They go to a colleague, a queue or another published number, or to a number
//! outside that a trunk lets out, which is shown a number of the tenant and told that it is not the first
//! that was called ([`super::history`]).
//!
//! What they have no right to forward to is refused when it is set, and again when it is followed.
//!
//! # Circles
//! An agent forwards a call once; a call is not forwarded to who has forwarded it, but ends there as
//! if nothing were set. It is forwarded [`FORWARDS_MAX`] times at most, those counted that its trunk
//! tells of: so what goes out to a number that leads back here ends too.

use super::dial::{Dial, Dialable, Why};
use super::outside::why_not;
use super::site::NO_SITES;
use super::timers::Timer;
use super::{Call, Next, Phase};
use crate::switch::{Compiled, Cx, Dialled};
use std::ops::RangeInclusive;
use std::time::Duration;
use terms::event::{CallingRefusal, CallingWay, ForwardWhen, Forwarding, Kind};
use terms::routing::Target;
use terms::{AgentId, PhoneNumber, QueueId};

/// Most times that one call is forwarded.
const FORWARDS_MAX: usize = 5;
/// How long a phone may ring before a call is forwarded, in seconds.
const NO_ANSWER_S: RangeInclusive<u32> = 5..=120;

/// Looks whether calls to `agent` can be forwarded so, and may be. `barred` where they are kept from
/// calling out.
///
/// # Errors
/// A sentence for people.
pub(crate) fn check_forwarding(
    plan: &Compiled,
    agent: AgentId,
    forwarding: &Forwarding,
    barred: bool,
) -> Result<(), &'static str> {
    let Forwarding { always, busy, no_answer, no_answer_s } = forwarding;
    for target in [always, busy, no_answer].into_iter().flatten() {
        match whither(plan, target, 0) {
            None if target.starts_with("queue:") => return Err("there is no such queue"),
            None if target.starts_with("site:") => return Err("there is no such site"),
            None => return Err("nothing answers that number"),
            Some(Dialled::Agent(to) | Dialled::Published(Target::Agent(to))) if to == agent => {
                return Err("nobody forwards calls to themselves");
            }
            Some(Dialled::Outside { site: Some(_), .. }) => {
                if !plan.may_call_sites(Some(agent)) {
                    return Err(NO_SITES);
                }
            }
            Some(Dialled::Outside { digits, site: None, .. }) => {
                may_forward(plan, agent, &digits, barred).map_err(why_not)?;
            }
            Some(_) => {}
        }
    }
    if no_answer.is_some() && !NO_ANSWER_S.contains(no_answer_s) {
        return Err("a phone rings 5 to 120 seconds before a call is forwarded");
    }
    Ok(())
}

fn may_forward(
    plan: &Compiled,
    agent: AgentId,
    digits: &str,
    barred: bool,
) -> Result<(), CallingRefusal> {
    match plan.class_of(digits) {
        None => Ok(()),
        Some(_) if barred => Err(CallingRefusal::Barred),
        Some(class) if class > plan.right(Some(agent), CallingWay::Forward) => {
            Err(CallingRefusal::NoRight)
        }
        Some(_) => Ok(()),
    }
}

/// Where a target of theirs leads; `pick` decides among trunks that share their calls.
fn whither(plan: &Compiled, target: &str, pick: u64) -> Option<Dialled> {
    if let Some(site) = target.strip_prefix("site:") {
        return plan.front_door(site.parse().ok()?);
    }
    let Some(queue) = target.strip_prefix("queue:") else {
        return plan.dialled(&PhoneNumber::parse(target, &plan.plan.country), pick);
    };
    let queue: QueueId = queue.parse().ok()?;
    plan.queue(queue).map(|_| Dialled::Published(Target::Queue(queue)))
}

impl Call {
    /// Whom the call is dialled to was not reached, for this status.
    pub(super) fn not_reached(&mut self, cx: &mut Cx, status: u16, cause: u8) {
        let Phase::Dialling(dial) = &self.phase else { return };
        let agent = dial.agent();
        let not_disturbed = agent.is_some_and(|agent| {
            cx.acd(self.tenant).is_some_and(|acd| acd.is_not_disturbed(agent))
        });
        let when = match status {
            486 | 600 | 603 => ForwardWhen::Busy,
            _ if not_disturbed => ForwardWhen::Busy,
            _ => ForwardWhen::NoAnswer,
        };
        if !self.forward(cx, when) && !self.ask_for_message(cx, when) {
            self.dial_failed(cx, status, cause);
        }
    }

    /// How long whom the call is dialled to may ring.
    pub(super) fn ring_max(&self, cx: &mut Cx) -> Duration {
        let max = cx.world.config.ring_max;
        if let Some(ring) = self.rings_in_hunt() {
            return ring.min(max);
        }
        let Phase::Dialling(dial) = &self.phase else { return max };
        let agent = dial.agent().filter(|&agent| !self.has_forwarded(agent));
        let (Some(agent), Some(acd)) = (agent, cx.acd(self.tenant)) else { return max };
        let set = acd.forwarding(agent).filter(|set| set.no_answer.is_some());
        set.map_or(max, |it| max.min(Duration::from_secs(it.no_answer_s.into())))
    }

    /// Sends the call on where the agent whom it is dialled to wants it then. False when they want
    /// it nowhere, or it cannot go there: then nothing has changed.
    pub(super) fn forward(&mut self, cx: &mut Cx, when: ForwardWhen) -> bool {
        let Phase::Dialling(dial) = &self.phase else { return false };
        // A worker of an area is called, not an agent; who calls back wants this agent, and else what
        // answers the number; who is asked is asked themself.
        let by_name = dial.returning().is_none() && !matches!(dial.why, Why::Area | Why::Second);
        let Some(agent) = dial.agent().filter(|_| by_name) else { return false };
        let set = cx.acd(self.tenant).and_then(|acd| acd.forwarding(agent));
        let Some(target) = set.and_then(|set| set.target(when)).map(str::to_owned) else {
            return false;
        };
        let passed = self.forwarded.len() + usize::from(self.diverted);
        if passed >= FORWARDS_MAX || self.has_forwarded(agent) {
            return false;
        }
        let next = match whither(&self.plan, &target, self.id.0) {
            Some(Dialled::Agent(to) | Dialled::Published(Target::Agent(to))) => {
                if to == agent || self.has_forwarded(to) {
                    return false;
                }
                Next::Dial(Dialable::Agent(to))
            }
            Some(Dialled::Published(target)) => Next::To(target),
            Some(Dialled::Outside { digits, trunks, site }) => {
                Next::Dial(Dialable::outside(digits, trunks, site))
            }
            None => return false,
        };
        if let Next::Dial(to) = &next
            && self.may_call(cx, agent, to, CallingWay::Forward).is_err()
        {
            return false;
        }
        self.log(cx, None, Kind::Forwarded { agent, target, when });
        self.forwarded.push((agent, when));
        match next {
            Next::Dial(to) => self.ring_instead(cx, to),
            next => self.leave_for(cx, next),
        }
        true
    }

    fn has_forwarded(&self, agent: AgentId) -> bool {
        self.forwarded.iter().any(|(who, _)| *who == agent)
    }

    fn ring_instead(&mut self, cx: &mut Cx, to: Dialable) {
        if let Phase::Dialling(dial) = &mut self.phase {
            dial.start_again(to);
        }
        self.ring(cx);
    }

    /// Nobody rings any more: the call goes to a queue, a flow, a box for messages.
    pub(super) fn leave_for(&mut self, cx: &mut Cx, next: Next) {
        self.timers.clear(Timer::Ring);
        self.stop_play(cx, self.anchor);
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        if let Phase::Dialling(Dial { why, .. }) = phase {
            match why {
                Why::Transfer(transfer) => self.let_go(cx, transfer),
                Why::Flow => self.left_flow(cx, "transferred"),
                Why::Parked => self.log(cx, Some(self.anchor), Kind::Resumed),
                Why::Direct
                | Why::Callback
                | Why::Area
                | Why::TraceBack(_)
                | Why::Lease
                | Why::Fax(_)
                | Why::Second => {}
            }
        }
        self.go_to(cx, next);
    }
}
