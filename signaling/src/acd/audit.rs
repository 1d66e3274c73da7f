//! What must hold after every input. The property tests and the fuzz targets ask for it each time.

use super::agent::{Agent, Presence, Stage};
use super::{Distributor, Offer, RUNG_MAX, Timer};
use std::collections::BTreeSet;
use terms::{AgentId, VisitId};

impl Distributor {
    /// Looks for a state that must not be: a free agent beside an eligible waiting contact, an agent
    /// who is listed and engaged, an offer without a deadline, a wrap-up without an end.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn audit(&self) -> Result<(), String> {
        self.audit_queues()?;
        self.audit_visits()?;
        self.audit_phones()?;
        self.agents.values().try_for_each(|agent| self.audit_agent(agent))
    }

    fn audit_phones(&self) -> Result<(), String> {
        let at = |guest: &AgentId| self.agents.get(guest).and_then(|agent| agent.at);
        match self.guests.iter().find(|&(phone, guest)| at(guest) != Some(*phone)) {
            Some((phone, guest)) => Err(format!("agent {guest} is not at the phone of {phone}")),
            None => Ok(()),
        }
    }

    fn audit_queues(&self) -> Result<(), String> {
        for (id, queue) in self.queues.iter() {
            let stranded = queue.visits().any(|visit| self.stays_for_nobody(visit));
            if queue.open && stranded && !self.thinned.contains(id) {
                return Err(format!("a contact waits in queue {id} with nobody to stay for"));
            }
            if queue.open && queue.head().is_some() {
                return Err(format!("queue {id} has a waiting contact and a free agent"));
            }
        }
        if !self.matchable.is_empty() {
            return Err("a matchable queue was left".to_owned());
        }
        Ok(())
    }

    fn audit_visits(&self) -> Result<(), String> {
        let mut rung = BTreeSet::new();
        for (id, visit) in &self.visits {
            let queue = self.queues.get(&visit.queue).ok_or(format!("visit {id}: no queue"))?;
            let is_there = match (&visit.offer, visit.awaited) {
                (Some(_), _) => queue.ringing.get(&visit.key) == Some(id),
                (None, Some(awaited)) => {
                    let agent = self.agents.get(&awaited.agent);
                    let knows = |a: &Agent| a.is_there() && a.personal.get(&visit.key) == Some(id);
                    queue.personal.get(&visit.key) == Some(id)
                        && self.timers.contains(&(awaited.until, Timer::Personal(*id)))
                        && agent.is_some_and(|agent| knows(agent))
                }
                (None, None) if visit.absent => queue.absent.get(&visit.key) == Some(id),
                (None, None) => queue.waits(visit.key, visit.stage, *id),
            };
            if !is_there {
                return Err(format!("visit {id} is not in its place"));
            }
            if visit.widens_at.is_some_and(|at| !self.timers.contains(&(at, Timer::Widen(*id)))) {
                return Err(format!("visit {id} never reaches further agents"));
            }
            let Some(offer) = &visit.offer else { continue };
            self.audit_offer(*id, offer)?;
            if let Some(twice) = offer.agents.iter().find(|&&agent| !rung.insert(agent)) {
                return Err(format!("agent {twice} is offered two contacts"));
            }
            if offer.agents.len() > RUNG_MAX {
                return Err(format!("visit {id} rings at {} agents", offer.agents.len()));
            }
        }
        Ok(())
    }

    fn audit_offer(&self, id: VisitId, offer: &Offer) -> Result<(), String> {
        if offer.agents.is_empty() {
            return Err(format!("visit {id} rings at nobody"));
        }
        if !self.timers.contains(&(offer.deadline, Timer::Offer(id))) {
            return Err(format!("the offer of visit {id} never ends"));
        }
        if offer.more_at.is_some_and(|at| !self.timers.contains(&(at, Timer::RingMore(id)))) {
            return Err(format!("visit {id} never rings at one more"));
        }
        for agent in &offer.agents {
            let engaged = self.agents.get(agent).and_then(|agent| agent.engaged);
            if engaged.is_none_or(|e| e.visit != Some(id) || e.stage != Stage::Ringing) {
                return Err(format!("visit {id} rings at agent {agent}, who does not know"));
            }
        }
        Ok(())
    }

    fn audit_agent(&self, agent: &Agent) -> Result<(), String> {
        let id = agent.id;
        if agent.listed != (agent.in_plan && agent.is_free()) {
            return Err(format!("agent {id} is listed {}, but is not so", agent.listed));
        }
        if agent.listed && !agent.personal.is_empty() {
            return Err(format!("agent {id} is free, and somebody waits for them alone"));
        }
        if agent.listed && self.claims.wants(id) {
            return Err(format!("agent {id} is free, and a call wants them"));
        }
        if let Some(wrap_up) = &agent.wrap_up
            && !wrap_up.mandatory
            && !self.timers.contains(&(wrap_up.until, Timer::WrapUp(id)))
        {
            return Err(format!("the wrap-up of agent {id} never ends"));
        }
        if let Some(visit) = agent.engaged.and_then(|engaged| engaged.visit)
            && !self.rung(visit).contains(&id)
        {
            return Err(format!("agent {id} is reserved for nothing"));
        }
        let second = agent.second.as_ref();
        if second.is_some_and(|second| second.visit.is_some() || agent.engaged.is_none()) {
            return Err(format!(
                "agent {id} has a second call without a first, or an offer as one"
            ));
        }
        if agent.at.is_some_and(|phone| self.guests.get(&phone) != Some(&id)) {
            return Err(format!("agent {id} is at a phone that has somebody else"));
        }
        if agent.has_left() {
            return Err(format!("agent {id} has signed out and is at the phone of somebody else"));
        }
        if self.is_displaced(id) && agent.presence != Presence::SignedOut {
            return Err(format!("agent {id} is signed in at a phone that has somebody else"));
        }
        if agent.presence == Presence::SignedOut && agent.wrap_up.is_some() {
            return Err(format!("agent {id} is signed out and wraps up"));
        }
        Ok(())
    }
}
