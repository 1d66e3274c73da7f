//! Somebody other than a queue's agent is rung: a colleague, or a number outside over the first
//! trunk that works, one leg an attempt. The caller hears ringing, from us when they were answered
//! already, from their own phone when not.

use super::early::HeardEarly;
use super::hunt::hop_end;
use super::leg::{Bye, Invitation, Leg};
use super::offer::offer_end;
use super::send_fax::Sending;
use super::timers::Timer;
use super::trace_back::Returning;
use super::transfer_blind::Transfer;
use super::{Call, Phase, cause, media, reroute};
use crate::sip::user_agent::Destination;
use crate::switch::{Calling, Compiled, Cx};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use terms::event::{Direction, ForwardWhen, Kind, OfferEnd, Party, Role};
use terms::media::{Place, Source};
use terms::{AgentId, LegId, SiteId, TrunkId};

/// Who is dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Dialable {
    /// A colleague.
    Agent(AgentId),
    /// The outside, over the first of these trunks that works, or a site of the tenant; so many were
    /// called already.
    Outside { digits: String, trunks: VecDeque<TrunkId>, attempts: u8, site: Option<SiteId> },
}

impl Dialable {
    /// The outside, or a site of the tenant, of which nothing was called yet.
    pub fn outside(digits: String, trunks: Vec<TrunkId>, site: Option<SiteId>) -> Self {
        Dialable::Outside { digits, trunks: trunks.into(), attempts: 0, site }
    }
}

/// Why somebody is dialled: it says what follows when they do not answer.
#[derive(Debug)]
pub(super) enum Why {
    /// The caller dialled them.
    Direct,
    /// A flow sent the caller there.
    Flow,
    /// An agent passed the caller on.
    Transfer(Transfer),
    /// Nobody took the caller whom they had parked.
    Parked,
    /// A customer is called back.
    Callback,
    /// A field worker is called for the caller.
    Area,
    /// The caller calls back the agent who called them.
    TraceBack(Box<Returning>),
    /// The number that was called stands for them.
    Lease,
    /// A fax is to be sent to them.
    Fax(Box<Sending>),
    /// An agent asked them on a second line, and the customer has gone.
    Second,
}

/// Somebody rings.
#[derive(Debug)]
pub(super) struct Dial {
    pub why: Why,
    to: Dialable,
    pub leg: Option<LegId>,
    tried: bool,
    /// Who waits hears them before they answer.
    pub early: Option<Box<HeardEarly>>,
}

impl Dial {
    /// The colleague who is dialled.
    pub fn agent(&self) -> Option<AgentId> {
        match self.to {
            Dialable::Agent(agent) => Some(agent),
            Dialable::Outside { .. } => None,
        }
    }

    /// The caller is on hold meanwhile, in the log.
    pub fn is_held(&self) -> bool {
        matches!(self.why, Why::Transfer(_) | Why::Parked)
    }

    /// An agent is to be free first; then they ring.
    pub fn awaiting(agent: AgentId, why: Why) -> Self {
        Dial { why, to: Dialable::Agent(agent), leg: None, tried: true, early: None }
    }

    /// Their phone rings already.
    pub fn ringing(leg: LegId, to: Dialable, why: Why) -> Self {
        Dial { why, to, leg: Some(leg), tried: true, early: None }
    }

    /// Who calls back.
    pub fn returning(&self) -> Option<&Returning> {
        match &self.why {
            Why::TraceBack(returning) => Some(returning),
            _ => None,
        }
    }

    /// Somebody else is dialled for the same reason.
    pub fn start_again(&mut self, to: Dialable) {
        (self.to, self.leg, self.tried) = (to, None, false);
    }
}

impl Call {
    /// Rings `to`.
    pub(super) fn dial(&mut self, cx: &mut Cx, to: Dialable, why: Why) {
        self.phase = Phase::Dialling(Dial { why, to, leg: None, tried: false, early: None });
        if self.anchor_answered() {
            self.play(cx, self.anchor, vec![Source::Ringback], true, false);
        }
        self.ring(cx);
    }

    /// The same, unless they forward it.
    pub(super) fn ring(&mut self, cx: &mut Cx) {
        if self.asks_who_drives(cx)
            || self.forward(cx, ForwardWhen::Always)
            || self.ask_for_message(cx, ForwardWhen::Always)
        {
            return;
        }
        if let Err((status, cause)) = self.dial_next(cx) {
            self.not_reached(cx, status, cause);
        }
    }

    /// The next way to reach them, or why there is none.
    fn dial_next(&mut self, cx: &mut Cx) -> Result<(), (u16, u8)> {
        let Phase::Dialling(dial) = &mut self.phase else { return Ok(()) };
        let first = !std::mem::replace(&mut dial.tried, true);
        let mut to = dial.to.clone();
        let leg = self.leg_towards(cx, &mut to, first)?;
        let leg = self.open_leg(cx, leg, Place::WithContact);
        // A trunk that was silent for long takes nothing of the time that the callee has to answer.
        let ring_max = self.ring_max(cx);
        self.timers.set(Timer::Ring, cx.now.moment + ring_max);
        if let Phase::Dialling(dial) = &mut self.phase {
            (dial.to, dial.leg) = (to, Some(leg));
        }
        Ok(())
    }

    /// A leg that would ring `to`, or the status and cause for which there is none. An agent has
    /// one way, the outside as many as there are trunks, up to a limit; those that were tried are
    /// taken off.
    pub(super) fn leg_towards(
        &mut self,
        cx: &mut Cx,
        to: &mut Dialable,
        first: bool,
    ) -> Result<Leg, (u16, u8)> {
        match to {
            Dialable::Agent(agent) if first => {
                let agent = *agent;
                if cx.acd(self.tenant).is_some_and(|acd| acd.is_not_disturbed(agent)) {
                    // RFC 3261 §21.4.18 names "do not disturb" among what 480 says.
                    return Err((480, cause::BUSY));
                }
                self.leg_to_agent(cx, agent).ok_or((486, cause::BUSY))
            }
            Dialable::Agent(_) => Err((480, cause::NO_ANSWER)),
            Dialable::Outside { digits, trunks, attempts, site } => {
                if let Some(site) = *site {
                    self.may_go_to_site(site)?;
                }
                if *attempts >= cx.world.config.trunk_attempts_max {
                    return Err((503, cause::NO_CIRCUIT));
                }
                let probe = (*attempts == 0).then(|| self.probe(cx, trunks)).flatten();
                let whom = (digits.as_str(), *site);
                let leg = match probe {
                    Some(trunk) => {
                        trunks.retain(|other| *other != trunk);
                        self.leg_to_outside(cx, trunk, whom, true)
                    }
                    None => std::iter::from_fn(|| trunks.pop_front())
                        .find_map(|trunk| self.leg_to_outside(cx, trunk, whom, false)),
                };
                let mut leg = leg.ok_or((503, cause::NO_CIRCUIT))?;
                cx.world.reroutes += u64::from(*attempts > 0);
                *attempts += 1;
                if let Some(invitation) = &mut leg.invitation {
                    let more = *attempts < cx.world.config.trunk_attempts_max;
                    // A trunk that may be dead is not waited for.
                    invitation.other_way = more && !trunks.is_empty() || probe.is_some();
                }
                Ok(leg)
            }
        }
    }

    /// A leg to a colleague who is free to take it, or whose phone shows it as a call that waits; `None`
    /// when they are busy.
    fn leg_to_agent(&mut self, cx: &mut Cx, agent: AgentId) -> Option<Leg> {
        let (now, call) = (cx.now, self.id);
        let plan = cx.plan(self.tenant)?;
        let settings = plan.agent(agent)?;
        let queue = self.queue.as_ref().map(|queue| queue.id);
        let waits = settings.ringing.call_waiting && self.may_wait_at_a_phone();
        let acd = cx.acd(self.tenant)?;
        let taken = match acd.is_reachable(agent) {
            true => acd.engage(now, agent, call, queue, false),
            false if waits => acd.engage_second(now, agent, call, queue),
            false => return None,
        };
        taken.ok()?;
        let from = self.agent_of(self.anchor).and_then(|agent| plan.agent(agent));
        let from = from.map_or_else(
            || (self.caller_for_agents(), String::new()),
            |from| (from.sip_user.clone(), from.name.clone()),
        );
        let mut leg = self.phone_leg(Role::Agent, agent, settings.sip_user.clone(), from);
        leg.engaged = true;
        Some(leg)
    }

    /// Somebody wants this agent and nobody else: a conversation of theirs may be put on hold for it.
    fn may_wait_at_a_phone(&self) -> bool {
        let Phase::Dialling(dial) = &self.phase else { return false };
        matches!(dial.why, Why::Direct | Why::Flow | Why::Transfer(_))
    }

    /// The trunk that is tried although it is down, because all of these are.
    fn probe(&self, cx: &mut Cx, trunks: &VecDeque<TrunkId>) -> Option<TrunkId> {
        let now = cx.now.moment;
        let tenant = cx.world.tenants.get_mut(&self.tenant)?;
        tenant.trunks.probe(trunks.iter(), now)
    }

    /// A leg over one trunk; `None` when the trunk is full or down (where it is not `probed`) or may show
    /// no number of ours.
    fn leg_to_outside(
        &mut self,
        cx: &mut Cx,
        id: TrunkId,
        (digits, site): (&str, Option<SiteId>),
        probed: bool,
    ) -> Option<Leg> {
        let plan = cx.plan(self.tenant)?;
        let trunk = plan.trunk(id)?;
        let inside = site.and_then(|_| self.shown_at_site(&plan, trunk));
        let (from, from_name) = match inside {
            Some(shown) => shown,
            None => (plan.shown(trunk, &self.calling(&plan))?, String::new()),
        };
        if !self.may_be_shown(&plan, &from) {
            return None;
        }
        let mut headers = self.forwarding_headers(trunk, &from, digits);
        headers.extend(self.charging_headers(cx, trunk));
        headers.extend(site.map(|_| self.servers_header()));
        let now = cx.now.moment;
        let usage = &mut cx.world.tenants.get_mut(&self.tenant)?.trunks;
        let taken = if probed { usage.take(trunk, now) } else { usage.take_out(trunk, now) };
        if !taken {
            return None;
        }
        if site.is_none() {
            self.note_called(cx, digits, &from);
        }
        // The first party outside that an agent dials is the customer of the call.
        let customer = self.direction == Direction::Outbound && !self.story.answered;
        let role = if customer { Role::Customer } else { Role::Outside };
        let mut leg = Leg::new(role, None, digits.to_owned());
        leg.trunk = Some(id);
        leg.invitation = Some(Invitation {
            to: Destination::Trunk(self.tenant, id, digits.to_owned()),
            from_user: from,
            from_name,
            other_way: false,
            not_at: None,
            at_desk: false,
            category: self.category,
            headers,
        });
        Some(leg)
    }

    /// Who calls out: the agent among the two who talk or of the call, and the caller of an incoming
    /// call with the number that they dialled.
    fn calling(&self, plan: &Compiled) -> Calling {
        if self.callback.is_some() {
            // It is the hotline that calls, whichever agent is on the line.
            return Calling { dialled: self.caller.clone(), ..Calling::default() };
        }
        let agent = self.agent_of(self.anchor).or(self.agent);
        let agent = agent.map(|agent| plan.numbers_of(agent)).unwrap_or_default();
        let wanted = self.shown_in_hunt().or_else(|| self.wanted.clone());
        match self.direction {
            Direction::Inbound => {
                Calling { wanted, agent, caller: self.caller.clone(), dialled: self.called.clone() }
            }
            Direction::Outbound | Direction::Internal => {
                Calling { wanted, agent, ..Calling::default() }
            }
        }
    }

    /// 180 or 183 of a phone that we ring; `told` where who waits hears more of it than that it rings.
    pub(super) fn on_ringing(&mut self, cx: &mut Cx, id: LegId, status: u16, told: bool) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| status >= 180 && !leg.rang) else {
            return;
        };
        leg.rang = true;
        self.log(cx, Some(id), Kind::LegRinging);
        if !told {
            self.consulted_rings(cx, id);
        }
        let Phase::Dialling(dial) = &self.phase else { return };
        if dial.leg != Some(id) {
            return;
        }
        if let Why::Transfer(transfer) = &dial.why {
            self.refer_progress(cx, transfer, 180);
        } else if !told
            && !matches!(dial.why, Why::Callback | Why::Fax(_))
            && !self.anchor_answered()
        {
            self.ring_back(cx, self.anchor);
        }
    }

    /// A phone that we ring answered.
    pub(super) fn on_answered(&mut self, cx: &mut Cx, id: LegId, sdp: &str) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.incoming) else { return };
        leg.sip = super::leg::Sip::Answered;
        let (source, nat) = (leg.source, leg.nat);
        let agreed = leg.local().map(|local| media::accept(local, sdp, source, nat));
        let Some(Ok(remote)) = agreed else {
            self.close_leg(cx, id, cause::INCOMPATIBLE, Party::System, Bye::Hangup);
            let end = OfferEnd::Unreachable;
            return self.phone_failed(cx, id, end, (488, cause::INCOMPATIBLE), false);
        };
        self.early_over(cx, id);
        self.connect_media(cx, id, remote);
        self.log(cx, Some(id), Kind::LegAnswered);
        self.note_call_answered(cx, id);
        self.listen_answered(cx, id);
        match &self.phase {
            _ if self.is_supervisor(id) => self.supervisor_answered(cx),
            _ if self.is_picking(id) => self.picked_up(cx),
            _ if self.is_taker(id) => self.taken(cx),
            _ if self.is_replacing(id) => self.replacement_answered(cx, id),
            Phase::Waiting(_) => self.phone_takes_offer(cx, id),
            Phase::Dialling(Dial { why: Why::Callback, leg, .. }) if *leg == Some(id) => {
                self.customer_answered(cx, id);
            }
            Phase::Dialling(Dial { why: Why::Fax(_), leg, .. }) if *leg == Some(id) => {
                self.machine_answered(cx, id);
            }
            Phase::Dialling(dial) if dial.leg == Some(id) => self.connect(cx, id, None),
            Phase::Summoning(_) if id == self.anchor => self.summoned_answered(cx),
            Phase::Clicking(clicking) if clicking.leg == Some(id) => self.clicked_answered(cx, id),
            Phase::Line(_) if id == self.anchor => self.open_line(cx),
            Phase::Talking(talk) if talk.asked.as_ref().is_some_and(|asked| asked.leg == id) => {
                self.guest_answered(cx, id);
            }
            Phase::Talking(talk) if talk.is_consulted(id) => self.consulted_answered(cx, id),
            _ => self.close_leg(cx, id, cause::NORMAL, Party::System, Bye::Hangup),
        }
    }

    /// A phone that we ring said no, or nothing at all.
    pub(super) fn on_failed(&mut self, cx: &mut Cx, id: LegId, status: u16, cause: u8) {
        let rang = self.legs.get(&id).is_some_and(|leg| leg.rang);
        let by = self.party(id);
        self.close_leg(cx, id, cause, by, Bye::Gone);
        let again = reroute::another_may(status, cause, rang);
        self.phone_failed(cx, id, offer_end(status, rang), (status, cause), again);
    }

    /// A leg that rang is closed: whose turn is it? `again` says that another trunk may do better.
    pub(super) fn phone_failed(
        &mut self,
        cx: &mut Cx,
        id: LegId,
        end: OfferEnd,
        (status, cause): (u16, u8),
        again: bool,
    ) {
        if self.is_supervisor(id) {
            return self.supervisor_failed(cx, again);
        }
        if self.is_picking(id) {
            return self.picking_failed();
        }
        if self.is_taker(id) {
            return self.taker_failed();
        }
        if self.is_replacing(id) {
            return self.replacement_failed();
        }
        match &mut self.phase {
            Phase::Waiting(_) => self.offer_failed(cx, id, end),
            Phase::Talking(talk) if talk.is_consulted(id) => {
                self.consulted_failed(cx, again, cause);
            }
            Phase::Talking(_) => self.guest_failed(cx, id, again),
            Phase::Summoning(_) if id == self.anchor => self.summoned_failed(cx, cause, again),
            Phase::Clicking(clicking) if clicking.leg == Some(id) => {
                self.clicked_failed(cx, cause, again);
            }
            Phase::Line(_) if id == self.anchor => self.end(cx, cause, Party::System),
            Phase::Dialling(dial) if dial.leg == Some(id) => {
                dial.leg = None;
                if !again || self.dial_next(cx).is_err() {
                    self.not_reached(cx, status, cause);
                }
            }
            _ => {}
        }
    }

    /// Media has no port for a phone that should ring. It is not the agent's fault.
    pub(super) fn no_port_for(&mut self, cx: &mut Cx, id: LegId) {
        match &self.phase {
            // The conversation goes on without the supervisor.
            _ if self.is_supervisor(id) => self.supervisor_failed(cx, false),
            // Others ring on.
            Phase::Waiting(waiting)
                if waiting.offers.len() > 1 && waiting.agent_at(id).is_some() =>
            {
                self.offer_failed(cx, id, OfferEnd::Withdrawn);
            }
            Phase::Waiting(waiting)
                if waiting.agent_at(id).is_some() && self.waits_to_call_back() =>
            {
                self.callback_without_port(cx);
            }
            Phase::Waiting(waiting) if waiting.agent_at(id).is_some() => {
                self.end(cx, cause::NO_RESOURCE, Party::System);
            }
            Phase::Dialling(dial) if dial.leg == Some(id) => {
                self.dial_failed(cx, 503, cause::NO_RESOURCE);
            }
            // The conversation goes on without who was asked in.
            Phase::Talking(talk) if talk.asked.as_ref().is_some_and(|asked| asked.leg == id) => {
                self.guest_failed(cx, id, false);
            }
            Phase::Talking(talk) if talk.is_consulted(id) => {
                self.consulted_failed(cx, false, cause::NO_RESOURCE);
            }
            _ => self.end(cx, cause::NO_RESOURCE, Party::System),
        }
    }

    pub(super) fn rang_too_long(&mut self, cx: &mut Cx) {
        if matches!(self.phase, Phase::Summoning(_)) {
            return self.summoned_rang_too_long(cx);
        }
        if matches!(self.phase, Phase::Clicking(_)) {
            return self.clicked_rang_too_long(cx);
        }
        if matches!(self.phase, Phase::Line(_)) {
            return self.end(cx, cause::NO_ANSWER, Party::System);
        }
        let Phase::Dialling(dial) = &mut self.phase else { return };
        if let Some(leg) = dial.leg.take() {
            self.close_leg(cx, leg, cause::NO_ANSWER, Party::System, Bye::Hangup);
        }
        self.not_reached(cx, 480, cause::NO_ANSWER);
    }

    /// Nobody could be reached.
    pub(super) fn dial_failed(&mut self, cx: &mut Cx, status: u16, cause: u8) {
        self.timers.clear(Timer::Ring);
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        let Phase::Dialling(dial) = phase else {
            self.phase = phase;
            return;
        };
        self.stop_play(cx, self.anchor);
        match dial.why {
            Why::Transfer(transfer) => self.transfer_failed(cx, transfer, status, cause),
            Why::Parked => self.nobody_took(cx, cause),
            Why::Callback => self.customer_unreached(cx, cause),
            Why::Area => self.hunt_goes_on(cx, hop_end(status, cause)),
            Why::TraceBack(returning) => self.trace_missed(cx, *returning),
            Why::Lease => self.lease_unreached(cx, cause),
            Why::Fax(sending) => self.fax_unreached(cx, &sending, cause),
            Why::Second => self.second_unreached(cx, status, cause),
            Why::Flow if self.follow_flow(cx, "error") => {}
            Why::Flow | Why::Direct if self.anchor_answered() => {
                self.story.stranded = true;
                self.farewell(cx, &["busy"], cause);
            }
            Why::Flow | Why::Direct => {
                self.story.stranded = true;
                self.refuse(cx, status.clamp(400, 699), cause);
            }
        }
    }
}
