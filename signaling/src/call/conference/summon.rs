//! A call that a conference makes: a colleague or a number outside rings, is asked whether they
//! come, and comes in without a PIN. It is a call like any other, of the meeting's contact.

use crate::call::dial::Dialable;
use crate::call::invite_party::sorry;
use crate::call::timers::Timer;
use crate::call::{Call, Phase, cause};
use crate::conference::Invitee;
use crate::switch::Cx;
use std::sync::Arc;
use terms::event::{ConferenceBy, Direction, Kind, Party, Role};
use terms::media::Place;
use terms::{AgentId, ConferenceId, ContactId, PhoneNumber, TenantId, routing};

/// Who is to be called, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Summons {
    pub tenant: TenantId,
    pub conference: ConferenceId,
    /// A short number or an outside number.
    pub target: String,
    pub chair: bool,
    pub by: ConferenceBy,
    /// Whose extension it counts for, where it is one.
    pub extension: Option<AgentId>,
}

/// Rings.
#[derive(Debug)]
pub(in crate::call) struct Summoning {
    settings: routing::Conference,
    chair: bool,
    to: Dialable,
}

/// Calls somebody into a conference; a meeting begins with it where none is going on.
///
/// # Errors
/// Why nobody rings, for people.
pub(crate) fn summon(cx: &mut Cx, summons: Summons) -> Result<Call, String> {
    let Summons { tenant, conference, target, chair, by, extension } = summons;
    let plan = cx.plan(tenant).ok_or_else(|| format!("tenant {tenant} has no plan yet"))?;
    let settings = plan.plan.conference(conference).cloned();
    let settings = settings.ok_or("there is no such conference")?;
    let key = (tenant, conference);
    cx.confer(key, |meeting, _| meeting.has_room()).unwrap_or(Ok(()))?;
    let contact = cx.confer(key, |meeting, _| meeting.contact());
    let contact = contact.unwrap_or_else(|| ContactId(cx.id()));
    let country = plan.plan.country.clone();
    let called = PhoneNumber::parse(&target, &country);
    let caller = PhoneNumber::parse(&settings.number, &country);
    let mut call = Call::blank(cx, tenant, Arc::clone(&plan), (caller, called));
    call.contact = contact;
    let mut to = call.whom(&target)?;
    let user = match by {
        ConferenceBy::User(user) => Some(user),
        ConferenceBy::Chair | ConferenceBy::Member => None,
    };
    call.screen_may_call(cx, user, &to)?;
    if let Some(agent) = extension {
        call.count_for(cx, agent, &to)?;
    }
    call.direction = match to {
        Dialable::Agent(_) => Direction::Internal,
        Dialable::Outside { .. } => Direction::Outbound,
    };
    let mut leg = match call.leg_towards(cx, &mut to, true) {
        Ok(leg) => leg,
        Err((_, cause)) => {
            let (now, limits) = (cx.now, cx.world.config.out);
            cx.world.calls_out.ended(now, &limits, call.id);
            return Err(sorry(cause).to_owned());
        }
    };
    if leg.agent.is_none() {
        leg.role = Role::Outside;
    }
    if let Some(invitation) = &mut leg.invitation {
        invitation.from_name = settings.name.clone();
    }
    let started = Kind::CallStarted {
        direction: call.direction,
        caller: call.caller.clone(),
        called: call.called.clone(),
        trunk: leg.trunk,
        sip_call_id: String::new(),
        user_agent: String::new(),
        region: call.region(),
        category: None,
    };
    call.log(cx, None, started);
    let target = target.chars().take(terms::number::NUMBER_CHARS_MAX).collect();
    let invitee = Invitee { call: call.id, target, agent: leg.agent, chair, by };
    cx.convene(tenant, &settings, contact, |meeting, cx| meeting.expect(cx, invitee));
    call.conference = Some(conference);
    let now = cx.now.moment;
    call.timers.set(Timer::Ring, now + cx.world.config.ring_max);
    call.timers.set(Timer::CallMax, now + cx.world.config.call_max);
    call.phase = Phase::Summoning(Summoning { settings, chair, to });
    call.anchor = call.open_leg(cx, leg, Place::LeastLoaded);
    Ok(call)
}

impl Call {
    /// Who was called answered.
    pub(in crate::call) fn summoned_answered(&mut self, cx: &mut Cx) {
        self.timers.clear(Timer::Ring);
        self.story.heard = true;
        self.tell_stage(cx, self.anchor, crate::acd::Stage::Talking);
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        if let Phase::Summoning(Summoning { settings, chair, .. }) = phase {
            self.ask_to_come(cx, settings, chair);
        }
    }

    /// Who was called said no, or cannot be reached this way.
    pub(in crate::call) fn summoned_failed(&mut self, cx: &mut Cx, cause: u8, again: bool) {
        let Phase::Summoning(summoning) = &self.phase else { return };
        let mut to = summoning.to.clone();
        if again && let Ok(mut leg) = self.leg_towards(cx, &mut to, false) {
            leg.role = Role::Outside;
            if let Phase::Summoning(summoning) = &mut self.phase {
                summoning.to = to;
            }
            self.anchor = self.open_leg(cx, leg, Place::LeastLoaded);
            self.timers.set(Timer::Ring, cx.now.moment + cx.world.config.ring_max);
            return;
        }
        self.story.stranded = true;
        self.end(cx, cause, Party::System);
    }

    /// They were called for too long.
    pub(in crate::call) fn summoned_rang_too_long(&mut self, cx: &mut Cx) {
        self.story.stranded = true;
        self.end(cx, cause::NO_ANSWER, Party::System);
    }
}
