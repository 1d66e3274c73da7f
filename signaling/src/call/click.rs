//! Click-to-dial: a screen has a call made. One side rings, and when it has answered the other is
//! called as any call is: within the agent's right, counted by the guard, shown a number of the
//! tenant. It is one call of the agent, whoever rings first.
//!
//! Agent first, the agent hears the other side ring. Customer first, the customer waits with ringing
//! in the ear until the agent answers; the agent is taken from the beginning, so that nobody else is
//! offered to them meanwhile.

use super::dial::{Dialable, Why};
use super::invite_party::sorry;
use super::leg::{Bye, Leg};
use super::outside::why_not;
use super::timers::Timer;
use super::{Call, Next, Phase, cause};
use crate::switch::{Compiled, Cx};
use std::sync::Arc;
use terms::control::{DialFirst, DialOrder};
use terms::event::{Activity, CallingWay, Direction, Kind, Party, Role};
use terms::media::{Place, Source};
use terms::routing::Target;
use terms::{AgentId, LegId, PhoneNumber};

/// Why nobody rings, for people.
const BUSY: &str = "the agent has another call";

/// One side rings.
#[derive(Debug)]
pub(super) struct Clicking {
    /// Whose call it is.
    pub agent: AgentId,
    /// The leg that rings.
    pub leg: Option<LegId>,
    to: Dialable,
    rings: Rings,
}

/// Who rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rings {
    /// The agent, before the other side is called.
    AgentFirst,
    /// The other side; the agent is taken and has no leg yet.
    Customer,
    /// The agent, for whom the other side waits.
    AgentLast,
}

/// Makes the call that a screen wants. Where it comes to nothing although it began, it is over
/// already, and the sentence beside it says why.
///
/// # Errors
/// Why no call began, for people.
pub(crate) fn click(
    cx: &mut Cx,
    order: &DialOrder,
) -> Result<(Call, Result<(), &'static str>), String> {
    let tenant = order.tenant;
    let plan = cx.plan(tenant).ok_or_else(|| format!("tenant {tenant} has no plan yet"))?;
    let extension = plan.agent(order.agent).map(|agent| agent.sip_user.clone());
    let extension = extension.ok_or("there is no such agent")?;
    may_ring(cx, order)?;
    let country = plan.plan.country.clone();
    let called = PhoneNumber::parse(&order.target, &country);
    let caller = PhoneNumber::parse(&extension, &country);
    let mut call = Call::blank(cx, tenant, Arc::clone(&plan), (caller, called));
    let mut to = call.whom_to_dial(cx, order)?;
    if let Some(number) = &order.caller_number {
        let number = PhoneNumber::parse(number, &country);
        shows(&plan, &mut to, &number)?;
        call.wanted = Some(number);
    }
    call.direction = match to {
        Dialable::Agent(_) => Direction::Internal,
        Dialable::Outside { .. } => Direction::Outbound,
    };
    let started = Kind::CallStarted {
        direction: call.direction,
        caller: call.caller.clone(),
        called: call.called.clone(),
        trunk: None,
        sip_call_id: String::new(),
        user_agent: String::new(),
        region: call.region(),
        category: None,
    };
    call.log(cx, None, started);
    let result = call.begin_click(cx, order, to);
    let result = result.map_err(|(why, cause)| {
        call.end(cx, cause, Party::System);
        why
    });
    Ok((call, result))
}

/// Whether the agent's phone may be rung for this.
fn may_ring(cx: &mut Cx, order: &DialOrder) -> Result<(), &'static str> {
    let nobody = "there is no such agent";
    let acd = cx.acd(order.tenant).ok_or(nobody)?;
    let view = acd.agents().find(|view| view.agent == order.agent).ok_or(nobody)?;
    // A person and their extension have one id.
    let by_another = order.by.0 != order.agent.0;
    // After-call work ends with the next call, as it does for who dials on the phone.
    let engaged = view.call.is_some() && view.activity != Activity::WrapUp;
    match () {
        () if engaged => Err(BUSY),
        () if view.activity == Activity::SignedOut => Err("the agent has not signed in"),
        () if !view.registered => Err("the phone is not registered"),
        () if view.do_not_disturb && by_another => Err("the agent is not to be disturbed"),
        () => Ok(()),
    }
}

/// Leaves the trunks that may show `number`.
pub(super) fn shows(
    plan: &Compiled,
    to: &mut Dialable,
    number: &PhoneNumber,
) -> Result<(), &'static str> {
    let Dialable::Outside { trunks, .. } = to else { return Ok(()) };
    trunks.retain(|&id| plan.trunk(id).is_some_and(|trunk| plan.may_show(trunk, number)));
    match trunks.is_empty() {
        true => Err("no trunk may show that number"),
        false => Ok(()),
    }
}

impl Call {
    /// Only a person is called so: what speaks by itself is reached by a phone that dials it.
    fn whom_to_dial(&self, cx: &mut Cx, order: &DialOrder) -> Result<Dialable, &'static str> {
        let to = match self.resolve(&order.target) {
            Some(Next::Dial(to)) => to,
            Some(Next::To(Target::Agent(agent))) => Dialable::Agent(agent),
            Some(
                Next::To(_)
                | Next::Say(_)
                | Next::TurnAway(_)
                | Next::Announce { .. }
                | Next::Leased(_)
                | Next::Identify(_)
                | Next::Line
                | Next::Message(_)
                | Next::Returning(_),
            ) => {
                return Err("only an agent or a number outside can be called from a screen");
            }
            None => {
                self.may_click(cx, order.agent, &order.target).map_err(why_not)?;
                return Err("nothing answers that number");
            }
        };
        match to {
            Dialable::Agent(agent) if agent == order.agent => Err("nobody calls themselves"),
            to => Ok(to),
        }
    }

    /// Takes the agent and rings the first side.
    fn begin_click(
        &mut self,
        cx: &mut Cx,
        order: &DialOrder,
        mut to: Dialable,
    ) -> Result<(), (&'static str, u8)> {
        let agent = order.agent;
        if let Err(why) = self.may_call(cx, agent, &to, CallingWay::Dial) {
            self.story.refused = true;
            return Err((why_not(why), cause::REJECTED));
        }
        let (now, call) = (cx.now, self.id);
        let acd = cx.acd(self.tenant).ok_or((BUSY, cause::BUSY))?;
        acd.engage(now, agent, call, None, false).map_err(|_| (BUSY, cause::BUSY))?;
        self.timers.set(Timer::CallMax, now.moment + cx.world.config.call_max);
        // Whose numbers a trunk may show, while only the customer rings.
        self.agent = Some(agent);
        match order.first {
            DialFirst::Agent => self.ring_clicker(cx, agent, to, Rings::AgentFirst),
            DialFirst::Customer => {
                let rings = Rings::Customer;
                self.phase = Phase::Clicking(Clicking { agent, leg: None, to: to.clone(), rings });
                let leg = self.leg_towards(cx, &mut to, true);
                let leg = leg.map_err(|(_, cause)| (sorry(cause), cause))?;
                self.ring_clicked(cx, agent, leg, to);
            }
        }
        Ok(())
    }

    /// The other side rings before the agent does.
    fn ring_clicked(&mut self, cx: &mut Cx, agent: AgentId, leg: Leg, to: Dialable) {
        self.anchor = self.open_leg(cx, leg, Place::WithContact);
        self.timers.set(Timer::Ring, cx.now.moment + cx.world.config.ring_max);
        let (leg, rings) = (Some(self.anchor), Rings::Customer);
        self.phase = Phase::Clicking(Clicking { agent, leg, to, rings });
    }

    /// The agent's phone rings and shows who is called.
    fn ring_clicker(&mut self, cx: &mut Cx, agent: AgentId, to: Dialable, rings: Rings) {
        let plan = cx.plan(self.tenant).unwrap_or_else(|| Arc::clone(&self.plan));
        let address = plan.agent(agent).map_or(String::new(), |agent| agent.sip_user.clone());
        let from = match &to {
            Dialable::Outside { digits, .. } => (digits.clone(), String::new()),
            Dialable::Agent(colleague) => {
                let colleague = plan.agent(*colleague);
                colleague.map(|it| (it.sip_user.clone(), it.name.clone())).unwrap_or_default()
            }
        };
        let mut leg = self.phone_leg(Role::Agent, agent, address, from);
        leg.engaged = true;
        let leg = self.open_leg(cx, leg, Place::WithContact);
        if rings == Rings::AgentFirst {
            self.anchor = leg;
        }
        self.timers.set(Timer::Ring, cx.now.moment + cx.world.config.ring_max);
        self.phase = Phase::Clicking(Clicking { agent, leg: Some(leg), to, rings });
    }

    /// Who rang answered.
    pub(super) fn clicked_answered(&mut self, cx: &mut Cx, id: LegId) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        let Phase::Clicking(Clicking { agent, to, rings, .. }) = phase else {
            self.phase = phase;
            return;
        };
        self.timers.clear(Timer::Ring);
        match rings {
            Rings::AgentFirst => self.dial(cx, to, Why::Direct),
            Rings::Customer => {
                self.play(cx, self.anchor, vec![Source::Ringback], true, false);
                self.ring_clicker(cx, agent, to, Rings::AgentLast);
            }
            Rings::AgentLast => self.connect(cx, id, None),
        }
    }

    /// Who rang said no, or cannot be reached this way.
    pub(super) fn clicked_failed(&mut self, cx: &mut Cx, cause: u8, again: bool) {
        let Phase::Clicking(clicking) = &self.phase else { return };
        let (agent, rings, mut to) = (clicking.agent, clicking.rings, clicking.to.clone());
        match rings {
            Rings::Customer if again => match self.leg_towards(cx, &mut to, false) {
                Ok(leg) => self.ring_clicked(cx, agent, leg, to),
                Err(_) => self.end(cx, cause, Party::System),
            },
            Rings::AgentFirst | Rings::Customer => self.end(cx, cause, Party::System),
            Rings::AgentLast => self.clicker_missing(cx, cause),
        }
    }

    /// Nobody answered in time.
    pub(super) fn clicked_rang_too_long(&mut self, cx: &mut Cx) {
        let Phase::Clicking(Clicking { leg, rings, .. }) = &self.phase else { return };
        let (leg, rings) = (*leg, *rings);
        if rings != Rings::AgentLast {
            return self.end(cx, cause::NO_ANSWER, Party::System);
        }
        if let Some(leg) = leg {
            self.close_leg(cx, leg, cause::NO_ANSWER, Party::System, Bye::Hangup);
        }
        self.clicker_missing(cx, cause::NO_ANSWER);
    }

    /// The other side waits and the agent does not come: they are told so.
    fn clicker_missing(&mut self, cx: &mut Cx, cause: u8) {
        self.timers.clear(Timer::Ring);
        self.stop_play(cx, self.anchor);
        self.story.stranded = true;
        self.farewell(cx, &["busy"], cause);
    }

    /// The call is over before the agent's phone rang: they are free again.
    pub(super) fn give_back_clicker(&self, cx: &mut Cx, clicking: &Clicking) {
        if clicking.rings != Rings::Customer {
            return;
        }
        let (now, call) = (cx.now, self.id);
        if let Some(acd) = cx.acd(self.tenant) {
            acd.release(now, clicking.agent, call, None);
        }
    }
}
