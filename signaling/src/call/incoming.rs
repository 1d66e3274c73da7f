//! A call arrives: who calls, what was dialled, may it come in, and where does it go. The caller's
//! number and the dialled digits are data; what is not known is refused.

use super::dial::Dialable;
use super::fax::Fax;
use super::hearing::Hearing;
use super::leg::{Bye, Leg, Sip};
use super::outside::{announcement, why_not};
use super::timers::{Timer, Timers};
use super::{Call, Next, Phase, Story, cause, feature_code, media};
use crate::sip::user_agent::{Incoming, Origin};
use crate::switch::{Compiled, Cx};
use std::collections::BTreeMap;
use std::sync::Arc;
use terms::event::{CallingWay, Direction, Kind, Party, Role};
use terms::media::Place;
use terms::routing::{Target, Treatment};
use terms::{AgentId, CallId, ContactId, LegId, PhoneNumber, TenantId, TrunkId};

/// Why a call may not come in.
struct Refusal {
    status: u16,
    cause: u8,
    retry: bool,
    /// For who reads the answer.
    warning: Option<&'static str>,
}

impl Refusal {
    const fn of(status: u16, cause: u8) -> Self {
        Refusal { status, cause, retry: false, warning: None }
    }
}

const BLOCKED: Refusal = Refusal::of(603, cause::REJECTED);
/// A gateway that sends digits as they are dialled comes again with more of them (RFC 3578 §3.1).
const INCOMPLETE: Refusal = Refusal::of(484, cause::INCOMPLETE);
const UNKNOWN: Refusal = Refusal::of(404, cause::UNALLOCATED);
const BUSY: Refusal = Refusal::of(486, cause::BUSY);
const FORBIDDEN: Refusal = Refusal::of(403, cause::REJECTED);
/// RFC 3261 §21.4.19.
const LOOP: Refusal = Refusal::of(482, cause::EXCHANGE_ROUTING);
const OVERLOAD: Refusal = Refusal { retry: true, ..Refusal::of(503, cause::CONGESTION) };

/// A new call, admitted or refused. `phone` is whose phone it comes from, whoever is signed in there;
/// `closed` is a box that takes no more calls.
pub(crate) fn incoming(
    cx: &mut Cx,
    incoming: Incoming,
    phone: Option<AgentId>,
    closed: bool,
) -> Call {
    let plan = cx.plan(incoming.tenant);
    let known = plan.is_some();
    let plan = plan.unwrap_or_else(|| Compiled::nothing(incoming.tenant));
    let called = PhoneNumber::parse(&incoming.called, &plan.plan.country);
    let mut call = new_call(cx, &incoming, plan, called);
    call.phone = phone;
    call.begin(cx, &incoming);
    let next = if closed || !known { Err(OVERLOAD) } else { call.admit(cx, incoming.origin) };
    match next {
        Ok(next) => {
            call.timers.set(Timer::CallMax, cx.now.moment + cx.world.config.call_max);
            call.phase = Phase::Opening { next };
            call.open_voice(cx, call.anchor, Place::WithContact);
        }
        Err(refusal) => {
            let retry_after_s = refusal.retry.then_some(cx.world.config.retry_after_s);
            call.story.refused = true;
            let Refusal { status, cause, warning, .. } = refusal;
            call.refuse_with(cx, (status, cause), retry_after_s, warning);
        }
    }
    call
}

fn new_call(cx: &mut Cx, incoming: &Incoming, plan: Arc<Compiled>, called: PhoneNumber) -> Call {
    let leg = leg_of(cx, incoming);
    let direction = direction(&plan, incoming.origin, &called);
    let mut call = Call::blank(cx, incoming.tenant, plan, (incoming.caller.clone(), called));
    call.direction = direction;
    call.diverted = incoming.diverted;
    call.servers_left = match incoming.origin {
        Origin::Trunk(_) => Some(incoming.servers_left),
        Origin::Agent(_) => None,
    };
    call.category = incoming.category;
    call.charging.clone_from(&incoming.charging);
    call.anchor = incoming.leg;
    call.legs.insert(incoming.leg, leg);
    call
}

/// The leg of who calls.
pub(super) fn leg_of(cx: &Cx, incoming: &Incoming) -> Leg {
    let (role, agent) = match incoming.origin {
        Origin::Agent(agent) => (Role::Agent, Some(agent)),
        Origin::Trunk(_) => (Role::Customer, None),
    };
    let address = incoming.caller.normal.clone();
    let mut leg = Leg::new(role, agent, address);
    leg.incoming = true;
    leg.sip = Sip::Trying;
    leg.offer = incoming.sdp.clone();
    if let (Some(offer), Some(_)) = (&leg.offer, cx.world.config.certificate) {
        leg.port = media::port(offer);
    }
    leg.source = incoming.source;
    leg.encrypted = incoming.encrypted;
    leg.nat = incoming.nat;
    leg
}

fn direction(plan: &Compiled, origin: Origin, called: &PhoneNumber) -> Direction {
    use crate::switch::Dialled;
    match origin {
        Origin::Trunk(_) => Direction::Inbound,
        // Which trunk it is does not matter here.
        Origin::Agent(_) => match plan.dialled(called, 0) {
            Some(Dialled::Outside { .. }) => Direction::Outbound,
            Some(Dialled::Agent(_) | Dialled::Published(_)) | None => Direction::Internal,
        },
    }
}

impl Call {
    /// A call that has no leg yet.
    pub(super) fn blank(
        cx: &mut Cx,
        tenant: TenantId,
        plan: Arc<Compiled>,
        (caller, called): (PhoneNumber, PhoneNumber),
    ) -> Self {
        Call {
            id: CallId(cx.id()),
            contact: ContactId(cx.id()),
            tenant,
            listed: None,
            plan,
            direction: Direction::Internal,
            caller,
            called,
            started: cx.now,
            anchor: LegId(0),
            legs: BTreeMap::new(),
            phase: Phase::Ending,
            flow: None,
            hearing: Hearing::default(),
            fax: Fax::default(),
            queue: None,
            queued_since: None,
            agent: None,
            recording: None,
            interjection: None,
            supervision: None,
            picking: None,
            replacing: None,
            announcing: None,
            story: Story::default(),
            ending: None,
            released_by: None,
            timers: Timers::default(),
            hops: 0,
            forwarded: Vec::new(),
            diverted: 0,
            servers_left: None,
            category: None,
            charging: None,
            language: None,
            wanted: None,
            over: false,
            conference: None,
            callback: None,
            hunt: None,
            lease: None,
            phone: None,
        }
    }

    fn begin(&mut self, cx: &mut Cx, incoming: &Incoming) {
        cx.world.legs.insert(self.anchor, self.id);
        let trunk = match incoming.origin {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Agent(_) => None,
        };
        let started = Kind::CallStarted {
            direction: self.direction,
            caller: self.caller.clone(),
            called: self.called.clone(),
            trunk,
            sip_call_id: incoming.call_id.chars().take(256).collect(),
            user_agent: incoming.user_agent.chars().take(256).collect(),
            region: self.region(),
            category: incoming.category,
        };
        self.log(cx, None, started);
        let leg = &self.legs[&self.anchor];
        let (role, agent, address) = (leg.role, leg.agent, leg.address.clone());
        self.log(cx, Some(self.anchor), Kind::LegStarted { role, agent, address, trunk });
    }

    fn admit(&mut self, cx: &mut Cx, origin: Origin) -> Result<Next, Refusal> {
        match origin {
            Origin::Trunk(trunk) => self.admit_from_outside(cx, trunk),
            Origin::Agent(agent) => self.admit_from_agent(cx, agent),
        }
    }

    /// From outside only published numbers are reached: no agent's phone, no other trunk. A site that
    /// may do so reaches extensions.
    fn admit_from_outside(&mut self, cx: &mut Cx, trunk: TrunkId) -> Result<Next, Refusal> {
        let turned_away = match self.plan.treatment(&self.caller, cx.now.wall) {
            Some(Treatment::HangUp) => return Err(BLOCKED),
            Some(Treatment::Busy) => return Err(BUSY),
            Some(Treatment::Announcement(prompt)) => Some(prompt.clone()),
            None => None,
        };
        let target = self.plan.answering(&self.called, trunk, cx.now.wall).cloned();
        let target = target.or_else(|| self.plan.inward(&self.called, trunk));
        let unknown = || if self.plan.is_begun(&self.called) { INCOMPLETE } else { UNKNOWN };
        let target = target.ok_or_else(unknown)?;
        if let Some(settings) = self.plan.trunk(trunk)
            && let Some(tenant) = cx.world.tenants.get_mut(&self.tenant)
        {
            if !tenant.trunks.take(settings, cx.now.moment) {
                return Err(OVERLOAD);
            }
            if let Some(leg) = self.legs.get_mut(&self.anchor) {
                leg.trunk = Some(trunk);
            }
        }
        if let Some(prompt) = turned_away {
            return Ok(Next::TurnAway(prompt));
        }
        if let Some(emergency) = self.plan.emergency(&self.called) {
            // Without a flow what usually answers the number does: a lease stands before its target.
            if emergency.flow.is_none()
                && let Some(found) = self.lease_of_number(cx)
            {
                return self.by_lease(cx, found).map(Next::Leased).ok_or(LOOP);
            }
            let own = self.plan.way_of(&self.caller).cloned();
            return Ok(self.emergency_way(own.unwrap_or(target)));
        }
        self.lead(cx, trunk, target)
    }

    /// Where a caller goes who is let in: by the lease of the number, by their own way, back to the
    /// agent who called them, unless it is the hour that decides, or to what answers it.
    fn lead(&self, cx: &mut Cx, trunk: TrunkId, target: Target) -> Result<Next, Refusal> {
        if let Some(found) = self.lease_of_number(cx) {
            return self.by_lease(cx, found).map(Next::Leased).ok_or(LOOP);
        }
        if let Some(way) = self.plan.way_of(&self.caller) {
            return Ok(Next::To(way.clone()));
        }
        if self.plan.is_by_hours(&self.called, trunk, cx.now.wall) {
            return Ok(Next::To(target));
        }
        Ok(self.returning(cx, &target).map_or(Next::To(target), Next::Returning))
    }

    fn admit_from_agent(&mut self, cx: &mut Cx, agent: AgentId) -> Result<Next, Refusal> {
        let code = feature_code::FeatureCode::parse(&self.called.received);
        let mut next = match &code {
            Some(_) => None,
            None => self.resolve(&self.called.received),
        };
        if next == Some(Next::Dial(Dialable::Agent(agent))) {
            return Err(BUSY);
        }
        let may = match &next {
            Some(Next::Dial(to)) => self.may_call(cx, agent, to, CallingWay::Dial),
            None if code.is_none() => {
                self.may_try(cx, agent, &self.called.received, CallingWay::Dial)
            }
            Some(_) | None => Ok(()),
        };
        if let Err(why) = may {
            if !self.plan.plan.calling.announce {
                return Err(Refusal { warning: Some(why_not(why)), ..FORBIDDEN });
            }
            next = Some(Next::TurnAway(announcement(why).to_owned()));
        }
        if code.is_none() && next.is_none() {
            return Err(UNKNOWN);
        }
        let turned_away = matches!(next, Some(Next::TurnAway(_)));
        let (now, call, quiet) = (cx.now, self.id, code.is_some() || turned_away);
        let acd = cx.acd(self.tenant).ok_or(UNKNOWN)?;
        // During a feature code the phone is off the hook, so nobody is offered to it.
        let engaged = acd.engage(now, agent, call, None, quiet).is_ok();
        let line = code == Some(feature_code::FeatureCode::Line);
        if !engaged && (code.is_none() || line) {
            return Err(BUSY);
        }
        if let Some(leg) = self.legs.get_mut(&self.anchor) {
            leg.engaged = engaged;
        }
        match (code, next) {
            (Some(feature_code::FeatureCode::SignInAs(who)), _) => Ok(Next::Identify(who)),
            (Some(_), _) if line && self.may_open_line(cx, agent) => Ok(Next::Line),
            (Some(code), _) => Ok(Next::Say(vec![self.feature_code(cx, agent, code)])),
            (None, Some(next)) => Ok(next),
            (None, None) => Err(UNKNOWN),
        }
    }

    /// Refuses a caller who was not answered yet; hangs up on one who was.
    pub(super) fn refuse(&mut self, cx: &mut Cx, status: u16, cause: u8) {
        let retry = (status == 503).then_some(cx.world.config.retry_after_s);
        self.refuse_with(cx, (status, cause), retry, None);
    }

    fn refuse_with(
        &mut self,
        cx: &mut Cx,
        (status, cause): (u16, u8),
        retry_after_s: Option<u32>,
        warning: Option<&'static str>,
    ) {
        self.ending = Some((cause, Party::System));
        self.phase = Phase::Ending;
        self.timers.clear(Timer::Ring);
        let bye = Bye::Reject { status, retry_after_s, warning };
        self.close_leg(cx, self.anchor, cause, Party::System, bye);
        self.try_finish(cx);
    }

    /// Where a dialled number of this tenant leads.
    pub(super) fn resolve(&self, digits: &str) -> Option<Next> {
        use crate::switch::Dialled;
        let dialled = match digits.strip_prefix("site:") {
            Some(site) => self.plan.front_door(site.parse().ok()?)?,
            None => {
                let called = PhoneNumber::parse(digits, &self.plan.plan.country);
                self.plan.dialled(&called, self.id.0)?
            }
        };
        match dialled {
            Dialled::Agent(agent) => Some(Next::Dial(Dialable::Agent(agent))),
            Dialled::Published(Target::Number(other)) if other == digits => None,
            Dialled::Published(target) => Some(Next::To(target)),
            Dialled::Outside { digits, trunks, site } => {
                Some(Next::Dial(Dialable::outside(digits, trunks, site)))
            }
        }
    }

    /// Nothing answers the number that somebody is brought to.
    pub(super) fn nothing_there(&mut self, cx: &mut Cx) {
        if !self.anchor_answered() {
            return self.refuse(cx, 404, cause::UNALLOCATED);
        }
        self.story.stranded = true;
        self.farewell(cx, &["number_unknown"], cause::UNALLOCATED);
    }
}
