//! What agents choose: sign in, sign out, ready, break, end of wrap-up, do not disturb, where their
//! calls go. And whether their phone is there.

use super::Distributor;
use super::agent::Presence;
use super::offer::UNREACHABLE;
use super::phone::TAKEN;
use crate::switch::Now;
use terms::AgentId;
use terms::control::AgentAction;
use terms::event::OfferEnd;

/// Characters of a reason or a disposition that are kept.
pub const REASON_CHARS_MAX: usize = 64;
/// What an agent hears who has to end a wrap-up with a disposition.
pub(super) const OWES: &str = "choose a disposition first";

fn says(disposition: Option<&str>) -> bool {
    disposition.is_some_and(|text| !text.trim().is_empty())
}

impl Distributor {
    /// An agent chooses.
    ///
    /// # Errors
    /// A sentence for people, when the choice cannot be made now. Nothing changes then.
    pub fn act(&mut self, now: Now, id: AgentId, action: AgentAction) -> Result<(), String> {
        let displaced = self.is_displaced(id);
        let chosen = match action {
            AgentAction::SignInWith(skill_set) => Some(skill_set),
            _ => None,
        };
        let may_choose = self.may_choose(id, chosen);
        let Some(agent) = self.agents.get_mut(&id).filter(|agent| agent.in_plan) else {
            return Err(format!("there is no agent {id} in this tenant"));
        };
        let signed_out = agent.presence == Presence::SignedOut;
        let owes = agent.owes_disposition();
        match action {
            AgentAction::SignIn
            | AgentAction::SignInWith(_)
            | AgentAction::Ready
            | AgentAction::Break { .. }
                if owes =>
            {
                return Err(OWES.to_owned());
            }
            AgentAction::EndWrapUp { disposition } if owes && !says(disposition.as_deref()) => {
                return Err(OWES.to_owned());
            }
            AgentAction::SignIn | AgentAction::SignInWith(_) if displaced => {
                return Err(TAKEN.to_owned());
            }
            AgentAction::SignIn | AgentAction::SignInWith(_) => {
                may_choose?;
                self.choose_skills(now, id, chosen);
                self.choose(now, id, Presence::Ready);
            }
            AgentAction::SignOut => self.choose(now, id, Presence::SignedOut),
            AgentAction::Ready if signed_out => return Err("sign in first".to_owned()),
            AgentAction::Ready => {
                self.set_do_not_disturb(now, id, false);
                self.choose(now, id, Presence::Ready);
            }
            AgentAction::DoNotDisturb { on } => self.set_do_not_disturb(now, id, on),
            AgentAction::Forward(forwarding) => {
                agent.forward(forwarding);
                self.touched.insert(id);
            }
            AgentAction::Break { .. } if signed_out => return Err("sign in first".to_owned()),
            AgentAction::Break { reason } => {
                let reason = reason.chars().take(REASON_CHARS_MAX).collect();
                self.choose(now, id, Presence::Break { reason });
            }
            AgentAction::OpenLine | AgentAction::CloseLine => {
                return Err("a line is opened and closed by a call".to_owned());
            }
            AgentAction::EndWrapUp { .. } if agent.wrap_up.is_none() => {
                return Err("there is no wrap-up to end".to_owned());
            }
            AgentAction::EndWrapUp { disposition } => {
                let disposition =
                    disposition.map(|text| text.chars().take(REASON_CHARS_MAX).collect());
                self.end_wrap_up(now, id, disposition);
            }
        }
        self.pump(now);
        Ok(())
    }

    /// A new presence. Wrap-up ends by it; a caller who rings is offered to somebody else; during a
    /// conversation it shows afterwards.
    pub(super) fn choose(&mut self, now: Now, id: AgentId, presence: Presence) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let was_ready = agent.presence == Presence::Ready && agent.wrap_up.is_none();
        let leaves = presence != Presence::Ready;
        if agent.presence == Presence::SignedOut {
            // A call that began before the shift: it is shown from the next one on.
            let calls = [agent.engaged.as_mut(), agent.second.as_deref_mut()];
            for engaged in calls.into_iter().flatten() {
                engaged.quiet = true;
            }
        }
        if agent.presence == Presence::SignedOut && !leaves {
            agent.tally.begin_shift();
        }
        agent.presence = presence;
        if !was_ready && !leaves {
            agent.idle_since = now.moment;
        }
        self.drop_wrap_up(id);
        self.settle(id, now, None);
        if leaves && let Some(visit) = self.offered_to(id) {
            self.revoke(now, visit, id, OfferEnd::Declined);
        }
    }

    /// Nobody rings there from now on, or again. A caller who rings is offered to somebody else, and
    /// the agent does not pay for it.
    fn set_do_not_disturb(&mut self, now: Now, id: AgentId, on: bool) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if agent.do_not_disturb == on {
            return;
        }
        agent.do_not_disturb = on;
        if !on {
            agent.idle_since = now.moment;
        }
        self.settle(id, now, None);
        if on && let Some(visit) = self.offered_to(id) {
            self.revoke(now, visit, id, OfferEnd::Declined);
        }
    }

    /// The registrar says whether a phone is there. It counts for who is at it.
    pub fn registered(&mut self, now: Now, phone: AgentId, registered: bool) {
        let Some(owner) = self.agents.get_mut(&phone) else { return };
        owner.own_phone = Some(registered);
        self.touched.insert(phone);
        if self.phone_of(phone) == phone {
            self.phone_is_there(now, phone, registered);
        }
        let at_desk = registered && !self.agents.get(&phone).is_some_and(|owner| owner.apps_alone);
        if let Some(&guest) = self.guests.get(&phone) {
            self.phone_is_there(now, guest, at_desk);
        }
    }

    /// The registrar says whether of an agent's phones those alone are there at which nobody else can be.
    /// It counts for a guest.
    pub fn apps_alone(&mut self, now: Now, phone: AgentId, alone: bool) {
        let Some(owner) = self.agents.get_mut(&phone) else { return };
        owner.apps_alone = alone;
        let is_registered = owner.own_phone == Some(true);
        if let Some(&guest) = self.guests.get(&phone).filter(|_| is_registered) {
            self.phone_is_there(now, guest, !alone);
        }
    }

    /// An agent who was set aside because their phone was not there comes back with it.
    fn phone_is_there(&mut self, now: Now, id: AgentId, registered: bool) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        agent.registered = Some(registered);
        let set_aside =
            matches!(&agent.presence, Presence::Break { reason } if reason == UNREACHABLE);
        if registered && set_aside {
            agent.presence = Presence::Ready;
            agent.idle_since = now.moment;
        }
        self.settle(id, now, None);
        self.pump(now);
    }

    pub(super) fn offered_to(&self, id: AgentId) -> Option<terms::VisitId> {
        self.agents.get(&id)?.engaged?.visit
    }
}
