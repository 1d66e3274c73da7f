//! The page of an agent is lost in a conversation: it was loaded anew, its machine fell asleep, or its
//! network is away. A page that is there sends without a pause, on hold too, so silence tells. The other
//! party hears music until something comes again, or until the agent has the conversation in another leg:
//!
//! - The box offers it to every other page of the same agent, those that are there and those that come,
//!   by an INVITE which says that it may be answered by itself.
//! - A page asks for it, by INVITE with Replaces or with a code (`switch::lost`).
//!
//! Whoever has it is who was lost, proven by the password of the same agent; the leg takes the place of
//! the lost one ([`super::replace`]), so that call, recording and record stay one. When the time is over
//! the lost leg is hung up, and what follows is what follows any leg that breaks.

use super::hold::Hold;
use super::leg::{Bye, Leg, Sip};
use super::replace::Replacing;
use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::switch::Cx;
use std::sync::Arc;
use terms::event::Direction;
use terms::media::Place;
use terms::{AgentId, LegId};

impl Call {
    /// The leg of a page that is lost and may come back.
    fn lost(&self) -> Option<LegId> {
        let Phase::Talking(talk) = &self.phase else { return None };
        talk.lost.filter(|leg| self.legs.get(leg).is_some_and(Leg::is_alive))
    }

    /// This agent's page is.
    pub(crate) fn is_lost_to(&self, agent: AgentId) -> bool {
        self.lost().is_some_and(|leg| self.agent_of(leg) == Some(agent))
    }

    /// The leg in which this agent talks, where another one may take its place.
    pub(crate) fn talks_in(&self, agent: AgentId) -> Option<LegId> {
        let of_theirs = |leg: &LegId| self.agent_of(*leg) == Some(agent);
        let mut legs = self.legs.keys().copied().filter(of_theirs);
        legs.find(|&leg| self.may_be_lost(leg))
    }

    /// One that may be replaced, of somebody who consults nobody.
    fn may_be_lost(&self, leg: LegId) -> bool {
        let consults = matches!(&self.phase, Phase::Talking(talk) if talk.consult.is_some());
        !consults && self.may_be_replaced(leg).is_ok()
    }

    /// Nothing comes of a leg. True where that is a page that may come back: it has a time of its own.
    pub(super) fn page_is_silent(&mut self, cx: &mut Cx, id: LegId) -> bool {
        if self.lost() == Some(id) {
            return true;
        }
        let wait = cx.world.config.return_max;
        let is_page = self.legs.get(&id).is_some_and(|leg| leg.is_browser() && leg.agent.is_some());
        let may_return = is_page && !wait.is_zero() && self.may_be_lost(id);
        if !may_return || self.lost().is_some() {
            return false;
        }
        let Phase::Talking(talk) = &mut self.phase else { return false };
        talk.lost = Some(id);
        let (hold, alone) = (talk.hold, talk.guests.is_empty());
        self.timers.set(Timer::Return, cx.now.moment + wait);
        // Three or more go on talking with each other.
        if alone && hold.holder.is_none_or(|holder| holder == id) {
            self.set_hold(cx, Hold { holder: Some(id), lost: true, ..hold });
        }
        self.offer_back(cx);
        true
    }

    /// Something comes again of a leg. One whose dialog is over is not found: its page has to be called.
    pub(super) fn heard_again(&mut self, cx: &mut Cx, id: LegId) {
        let talks = self.legs.get(&id).is_some_and(|leg| leg.sip == Sip::Answered);
        if talks && self.lost() == Some(id) {
            self.withdraw_offer_back(cx);
            self.found(cx);
        }
    }

    /// The lost page is there: who waited for it does not any more.
    pub(super) fn found(&mut self, cx: &mut Cx) {
        self.timers.clear(Timer::Return);
        let Phase::Talking(talk) = &mut self.phase else { return };
        talk.lost = None;
        let hold = talk.hold;
        if hold.lost {
            self.set_hold(cx, Hold { lost: false, ..hold });
        }
    }

    /// The dialog of a leg is over. True where nobody said so and its page is lost: nobody was there to
    /// refresh the session, and the place stays theirs.
    pub(super) fn outlives_dialog(&mut self, cx: &mut Cx, id: LegId, why: u8) -> bool {
        if why != cause::TIMER_EXPIRED || self.lost() != Some(id) {
            return false;
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sip = Sip::Gone;
        }
        self.offer_back(cx);
        true
    }

    /// Another page of theirs has come: what rings at those of before rings there too.
    pub(crate) fn page_came(&mut self, cx: &mut Cx) {
        self.withdraw_offer_back(cx);
        self.offer_back(cx);
    }

    /// Calls every page of theirs but the one that is lost. Where there is none it fails at once.
    fn offer_back(&mut self, cx: &mut Cx) {
        let lost = self.lost().filter(|&lost| self.may_be_lost(lost));
        let Some((lost, agent)) = lost.and_then(|lost| Some((lost, self.agent_of(lost)?))) else {
            return;
        };
        let plan = cx.plan(self.tenant).unwrap_or_else(|| Arc::clone(&self.plan));
        let phone = cx.acd(self.tenant).map_or(agent, |acd| acd.phone_of(agent));
        let is_there = cx.world.has_browser((self.tenant, phone), phone != agent);
        let (Some(settings), true) = (plan.agent(agent), is_there && self.replacing.is_none())
        else {
            return;
        };
        let Some(role) = self.legs.get(&lost).map(|leg| leg.role) else { return };
        let from = (self.other_of(lost), String::new());
        let mut leg = self.phone_leg(role, agent, settings.sip_user.clone(), from);
        if let Some(invitation) = &mut leg.invitation {
            invitation.not_at = Some(lost);
            invitation.lets_it_answer();
        }
        let id = self.open_leg(cx, leg, Place::WithContact);
        self.replacing = Some(Replacing::of(id, lost));
    }

    /// With whom they talk, as their phone shows it.
    fn other_of(&self, lost: LegId) -> String {
        let Phase::Talking(talk) = &self.phase else { return String::new() };
        let other = if lost == self.anchor { talk.partner } else { self.anchor };
        match (self.direction, self.legs.get(&other)) {
            (Direction::Outbound | Direction::Internal, Some(leg)) => leg.address.clone(),
            (Direction::Inbound, _) | (_, None) => self.caller_for_agents(),
        }
    }

    /// The phone that rings for the place stops. A page that asks for it by itself goes on.
    pub(super) fn withdraw_offer_back(&mut self, cx: &mut Cx) {
        let offered = self.replacing.as_ref().map(Replacing::leg);
        if offered.is_some_and(|leg| self.legs.get(&leg).is_some_and(|leg| !leg.incoming)) {
            self.drop_replacement(cx, cause::ELSEWHERE, Bye::Hangup);
        }
    }

    /// Nobody came back in time.
    pub(super) fn lost_too_long(&mut self, cx: &mut Cx) {
        let Some(lost) = self.lost() else { return };
        self.drop_replacement(cx, cause::NO_ANSWER, Bye::Hangup);
        self.drop_leg(cx, lost, cause::TIMER_EXPIRED);
    }
}
