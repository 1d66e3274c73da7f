//! At which phone an agent is. It is their own, until they sign in at another one by number and PIN; that
//! one is theirs then until they sign out, and have no call there any more, or sign in elsewhere. One agent
//! is at a phone at a time: whoever was there is signed out, and whose it is cannot sign in there meanwhile.

use super::Distributor;
use super::agent::{Agent, Engaged, Presence, Stage};
use super::presence::OWES;
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::control::AgentAction;
use terms::{AgentId, CallId, Moment, SkillSetId};

/// What who takes a phone hears about a call that goes on there, or that they have elsewhere.
const TALKS: &str = "there is a call that has to end first";
/// What an agent hears at whose phone somebody else is.
pub(super) const TAKEN: &str = "somebody else is signed in at your phone";

/// Wrong PINs in a row of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Guesses {
    since: Moment,
    wrong: u32,
}

impl Guesses {
    fn count(self, now: Moment, within: Duration) -> u32 {
        if now - self.since > within { 0 } else { self.wrong }
    }

    fn note(&mut self, now: Moment, within: Duration) {
        let wrong = self.count(now, within);
        if wrong == 0 {
            self.since = now;
        }
        self.wrong = wrong.saturating_add(1);
    }
}

impl Distributor {
    /// Whose phone rings for an agent.
    pub fn phone_of(&self, id: AgentId) -> AgentId {
        self.agents.get(&id).and_then(|agent| agent.at).unwrap_or(id)
    }

    /// Who is at a phone.
    pub fn user_of(&self, phone: AgentId) -> AgentId {
        self.guests.get(&phone).copied().unwrap_or(phone)
    }

    /// Somebody else is at their phone, and they are at no other.
    pub fn is_displaced(&self, id: AgentId) -> bool {
        self.guests.contains_key(&id) && self.phone_of(id) == id
    }

    /// An agent signs in at a phone, with this skill set. `call` is the one in which they say so, of who
    /// was there until now. It is theirs from now on, so that nobody is offered to them before it ends.
    ///
    /// # Errors
    /// A sentence for people: there is another call at the phone or of the agent, they owe a
    /// disposition, or the skill set is not theirs. Nothing changes then.
    pub fn sit(
        &mut self,
        now: Now,
        id: AgentId,
        phone: AgentId,
        skill_set: Option<SkillSetId>,
        call: CallId,
    ) -> Result<(), String> {
        let there = self.user_of(phone);
        let of = |id: AgentId| {
            let agent = self.agents.get(&id).filter(|agent| agent.in_plan);
            agent.ok_or_else(|| format!("there is no agent {id} in this tenant"))
        };
        let talks = |agent: &Agent| {
            let calls = [agent.engaged.as_ref(), agent.second.as_deref()];
            calls.into_iter().flatten().any(|engaged| engaged.call != call)
        };
        let (owner, agent) = (of(phone)?, of(id)?);
        let own = owner.own_phone.map(|is| is && (id == phone || !owner.apps_alone));
        if talks(of(there)?) || talks(agent) {
            return Err(TALKS.to_owned());
        }
        if agent.owes_disposition() {
            return Err(OWES.to_owned());
        }
        self.may_choose(id, skill_set)?;
        self.choose_skills(now, id, skill_set);
        if there != id {
            self.leave_phone(there);
            self.leave_phone(id);
            self.take_phone(id, phone, own, call);
            self.choose(now, id, Presence::Ready);
            // Last, because it offers who waits: somebody is there for them, and the newcomer is not free.
            self.choose(now, there, Presence::SignedOut);
            self.release(now, there, call, None);
        }
        self.act(now, id, skill_set.map_or(AgentAction::SignIn, AgentAction::SignInWith))
    }

    /// The phone is theirs, and so is the call in which they said so.
    fn take_phone(&mut self, id: AgentId, phone: AgentId, registered: Option<bool>, call: CallId) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        agent.engaged = Some(Engaged {
            call,
            stage: Stage::Ringing,
            queue: None,
            visit: None,
            quiet: true,
            talking_since: None,
        });
        if id != phone {
            (agent.at, agent.registered) = (Some(phone), registered);
            self.guests.insert(phone, id);
        }
    }

    /// An agent who dials on their own phone is there again, unless they have a call at another one.
    pub fn come_home(&mut self, now: Now, id: AgentId, call: CallId) {
        let agent = self.agents.get(&id);
        if agent.is_some_and(|agent| agent.engaged.is_none_or(|engaged| engaged.call == call)) {
            self.leave_phone(id);
            self.settle(id, now, None);
        }
    }

    /// The phone of somebody else is theirs no longer.
    pub(super) fn leave_phone(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if let Some(phone) = agent.at.take() {
            agent.registered = agent.own_phone;
            self.guests.remove(&phone);
        }
    }

    /// Guests of phones that are in no plan any more sign out.
    pub(super) fn empty_phones(&mut self, now: Now) {
        let gone = |phone: &AgentId| !self.agents.get(phone).is_some_and(|agent| agent.in_plan);
        let guests = self.guests.iter().filter(|&(phone, _)| gone(phone));
        for guest in guests.map(|(_, &guest)| guest).collect::<Vec<_>>() {
            self.choose(now, guest, Presence::SignedOut);
        }
    }

    /// The same agent at the same phone as before a restart.
    pub(super) fn sit_again(&mut self, id: AgentId, phone: Option<AgentId>) {
        let known = phone.filter(|phone| self.agents.get(phone).is_some_and(|of| of.in_plan));
        if let (Some(phone), Some(agent)) = (known, self.agents.get_mut(&id)) {
            agent.at = Some(phone);
            self.guests.insert(phone, id);
        }
    }

    /// Whether no PIN for this agent is heard at this phone: of `limits` so many wrong ones within that
    /// time, for the agent or at the phone, are enough.
    pub fn guesses_too_often(
        &self,
        now: Moment,
        (id, phone): (Option<AgentId>, AgentId),
        (max, within): (u32, Duration),
    ) -> bool {
        let of = |id: AgentId| self.agents.get(&id);
        let for_them = id.and_then(of).map_or(0, |agent| agent.guessed.count(now, within));
        let at_it = of(phone).map_or(0, |agent| agent.guesses.count(now, within));
        for_them >= max || at_it >= max
    }

    /// A wrong PIN.
    pub fn note_guess(
        &mut self,
        now: Moment,
        (id, phone): (Option<AgentId>, AgentId),
        within: Duration,
    ) {
        if let Some(agent) = id.and_then(|id| self.agents.get_mut(&id)) {
            agent.guessed.note(now, within);
            self.touched.extend(id);
        }
        if let Some(owner) = self.agents.get_mut(&phone) {
            owner.guesses.note(now, within);
            self.touched.insert(phone);
        }
    }
}
