//! A colleague takes what rings at an agent's phone. Who dialled the code is a leg of this call from
//! their INVITE on and has it as soon as their port is open; who asked for it on a screen is rung and
//! has it when they answer. Until then the first phone rings on: whoever is first has the caller, and
//! the other is told that the call was completed elsewhere (RFC 3326).
//!
//! It costs the agent at whose phone it rang nothing: the offer ends as one that was picked up, and
//! they stay as they were. What follows is what follows any answer. Nor does it cost who picks up
//! anything where they do not get it: their leg ends as one that was not chosen (Q.850 cause 26).

use super::incoming::leg_of;
use super::leg::Bye;
use super::{Call, Phase, cause};
use crate::sip::user_agent::Incoming;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use terms::event::{Kind, OfferEnd, Party, Role};
use terms::media::Place;
use terms::{AgentId, LegId};

/// Why nobody is rung, for people.
const BUSY: &str = "you have another call";

/// Somebody is about to take what rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Picking {
    /// Theirs.
    leg: LegId,
    /// The one that rings.
    from: LegId,
    agent: AgentId,
}

impl Call {
    /// The legs that ring at agents' phones and could be picked up, and whose they are.
    pub(crate) fn rings_at(&self) -> Vec<(LegId, AgentId)> {
        let legs: Vec<LegId> = match &self.phase {
            // The customer is not on the line. Of two who pick up at the same instant the first has it.
            _ if self.waits_to_call_back() || self.picking.is_some() => return Vec::new(),
            Phase::Waiting(waiting) => waiting.offers.iter().map(|offer| offer.1).collect(),
            Phase::Dialling(dial) => dial.leg.into_iter().collect(),
            _ => Vec::new(),
        };
        legs.into_iter().filter_map(|leg| Some((leg, self.agent_of(leg)?))).collect()
    }

    /// Their INVITE with the code is a leg of this call from now on.
    ///
    /// # Errors
    /// When they have another call. Nothing changes then.
    pub(crate) fn dialled_pickup(
        &mut self,
        cx: &mut Cx,
        from: LegId,
        agent: AgentId,
        incoming: &Incoming,
    ) -> Result<(), &'static str> {
        let id = self.dialled_leg(cx, agent, incoming)?;
        self.picking = Some(Picking { leg: id, from, agent });
        self.open_voice(cx, id, Place::WithContact);
        Ok(())
    }

    /// An agent's INVITE is a leg of this call, as yet without a port.
    ///
    /// # Errors
    /// When they have another call. Nothing changes then.
    pub(super) fn dialled_leg(
        &mut self,
        cx: &mut Cx,
        agent: AgentId,
        incoming: &Incoming,
    ) -> Result<LegId, &'static str> {
        self.engage_picker(cx, agent)?;
        let mut leg = leg_of(cx, incoming);
        leg.engaged = true;
        let id = incoming.leg;
        let (role, address) = (leg.role, leg.address.clone());
        self.legs.insert(id, leg);
        cx.world.legs.insert(id, self.id);
        self.log(cx, Some(id), Kind::LegStarted { role, agent: Some(agent), address, trunk: None });
        Ok(id)
    }

    /// Rings their phone.
    ///
    /// # Errors
    /// When they have another call. Nothing changes then.
    pub(crate) fn ring_picker(
        &mut self,
        cx: &mut Cx,
        from: LegId,
        agent: AgentId,
    ) -> Result<(), &'static str> {
        let leg = self.rung_leg(cx, agent)?;
        self.picking = Some(Picking { leg, from, agent });
        Ok(())
    }

    /// A leg that rings an agent's phone for who waits in this call.
    ///
    /// # Errors
    /// When they have another call. Nothing changes then.
    pub(super) fn rung_leg(&mut self, cx: &mut Cx, agent: AgentId) -> Result<LegId, &'static str> {
        let plan = cx.plan(self.tenant).unwrap_or_else(|| Arc::clone(&self.plan));
        self.engage_picker(cx, agent)?;
        let address = plan.agent(agent).map_or(String::new(), |agent| agent.sip_user.clone());
        let colleague = self.agent_of(self.anchor).and_then(|agent| plan.agent(agent));
        let from = match colleague {
            Some(colleague) => (colleague.sip_user.clone(), colleague.name.clone()),
            None => {
                let name = self.queue.as_ref().map_or("", |queue| plan.queue_name(queue.id));
                (self.caller_for_agents(), name.to_owned())
            }
        };
        let mut leg = self.phone_leg(Role::Agent, agent, address, from);
        leg.engaged = true;
        Ok(self.open_leg(cx, leg, Place::WithContact))
    }

    fn engage_picker(&mut self, cx: &mut Cx, agent: AgentId) -> Result<(), &'static str> {
        let (now, call) = (cx.now, self.id);
        let acd = cx.acd(self.tenant).ok_or(BUSY)?;
        acd.engage(now, agent, call, None, false).map_err(|_| BUSY)
    }

    pub(super) fn is_picking(&self, id: LegId) -> bool {
        self.picking.is_some_and(|picking| picking.leg == id)
    }

    /// The phone at which it rang is silent: nothing is there to be picked up.
    pub(super) fn rings_no_more(&mut self, cx: &mut Cx, id: LegId, cause: u8) {
        if self.picking.is_some_and(|picking| picking.from == id) {
            self.drop_picking(cx, cause, Bye::Hangup);
        }
    }

    /// They do not get it after all.
    pub(super) fn drop_picking(&mut self, cx: &mut Cx, cause: u8, bye: Bye) {
        if let Some(picking) = self.picking {
            self.close_leg(cx, picking.leg, cause, Party::System, bye);
            self.picking = None;
        }
    }

    /// The leg of who picks up ended by itself, and is closed.
    pub(super) fn picking_failed(&mut self) {
        self.picking = None;
    }

    /// The port of who dialled the code is open.
    pub(super) fn picker_opened(&mut self, cx: &mut Cx, id: LegId) {
        if self.prepare_answer(id) {
            self.picked_up(cx);
        } else {
            self.drop_picking(cx, cause::INCOMPATIBLE, Bye::Hangup);
        }
    }

    /// Whoever picks up has the call from now on.
    pub(super) fn picked_up(&mut self, cx: &mut Cx) {
        let Some(Picking { leg, from, agent }) = self.picking.take() else { return };
        let stay = match &self.phase {
            Phase::Waiting(waiting) => Some((waiting.visit, Arc::clone(&waiting.queue))),
            _ => None,
        };
        let Some(colleague) = self.agent_of(from) else { return };
        if let Some((visit, queue)) = &stay {
            let (now, visit, queue) = (cx.now, *visit, queue.id);
            let acd = cx.acd(self.tenant);
            if !acd.is_some_and(|acd| acd.picked_up(now, visit, colleague, agent)) {
                return self.close_leg(cx, leg, cause::ELSEWHERE, Party::System, Bye::Hangup);
            }
            let end = OfferEnd::PickedUp;
            self.log(cx, Some(from), Kind::OfferEnded { visit, queue, agent: colleague, end });
            self.stop_others(cx, from);
        } else {
            let (now, call) = (cx.now, self.id);
            let queue = self.queue.as_ref().map(|queue| queue.id);
            if let Some(acd) = cx.acd(self.tenant) {
                acd.serve(now, agent, call, queue);
            }
        }
        match &mut self.phase {
            Phase::Waiting(waiting) => waiting.offers.clear(),
            Phase::Dialling(dial) => dial.leg = None,
            _ => {}
        }
        self.close_leg(cx, from, cause::ELSEWHERE, Party::System, Bye::Hangup);
        self.log(cx, Some(leg), Kind::PickedUp { agent, from: colleague });
        self.answer_leg(cx, leg);
        self.connect(cx, leg, stay.as_ref().map(|(visit, queue)| (*visit, &**queue)));
    }
}
