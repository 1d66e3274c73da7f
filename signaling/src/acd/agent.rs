//! One agent. Presence is what they chose, activity is what we observe; the two are kept apart, so
//! a choice made during a conversation simply shows afterwards.

use super::offer::DO_NOT_DISTURB;
use super::phone::Guesses;
use super::queue::Key;
use super::strategy::Candidate;
use super::tally::Tally;
use super::{AgentView, Changed};
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use terms::event::{Activity, Forwarding};
use terms::routing::Skill;
use terms::{AgentId, CallId, Moment, QueueId, SkillSetId, Timestamp, VisitId};

/// What the agent chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Presence {
    SignedOut,
    Break { reason: String },
    Ready,
}

/// How far a call with the agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// A phone rings.
    Ringing,
    /// Both hear each other.
    Talking,
    /// The other party waits.
    Holding,
}

/// A call that has the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Engaged {
    pub call: CallId,
    pub stage: Stage,
    pub queue: Option<QueueId>,
    /// The offer, while it rings.
    pub visit: Option<VisitId>,
    /// Not shown as an activity: a feature code, or a call while signed out.
    pub quiet: bool,
    /// For the handling time.
    pub talking_since: Option<Moment>,
}

/// After-call work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WrapUp {
    pub until: Moment,
    pub call: CallId,
    pub queue: QueueId,
    pub handled: Duration,
    pub since: Moment,
    /// It ends with a disposition, and not by itself.
    pub mandatory: bool,
}

/// What was last told about an agent: activity, reason, call, queue.
pub(super) type Told = (Activity, Option<String>, Option<CallId>, Option<QueueId>);

/// An agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub id: AgentId,
    pub presence: Presence,
    pub engaged: Option<Engaged>,
    /// One more at the same phone, while there is a first. In a box, like all that few have at a time:
    /// there may be very many agents.
    pub second: Option<Box<Engaged>>,
    pub wrap_up: Option<Box<WrapUp>>,
    /// The order of the longest-idle strategy.
    pub idle_since: Moment,
    /// The order of other strategies.
    pub tally: Tally,
    /// Whether the phone at which they are is registered; unknown until the registrar says.
    pub registered: Option<bool>,
    /// The same of their own.
    pub own_phone: Option<bool>,
    /// Of their own only those are registered that are theirs wherever they are: nobody else is at one.
    pub apps_alone: bool,
    /// At whose phone they are, where it is not their own.
    pub at: Option<AgentId>,
    /// Wrong PINs that were typed for them.
    pub guessed: Guesses,
    /// Those that were typed at their phone.
    pub guesses: Guesses,
    /// Nobody may ring there.
    pub do_not_disturb: bool,
    /// Where calls to their extension go; none where they go nowhere else.
    forwarding: Option<Box<Forwarding>>,
    /// What they can do.
    pub skills: Vec<Skill>,
    /// What of it counts since they signed in last; none where all does.
    pub skill_set: Option<SkillSetId>,
    /// Queues that they serve.
    pub queues: Vec<QueueId>,
    /// Still in the plan; who is not leaves after their call.
    pub in_plan: bool,
    /// Listed as free in those queues.
    pub listed: bool,
    /// Visits that wait for them alone, and the head under which they stand among the matchable.
    pub personal: BTreeMap<Key, VisitId>,
    pub matchable: Option<Key>,
    told: Told,
    told_set: Option<SkillSetId>,
    since: Timestamp,
}

impl Agent {
    pub fn new(id: AgentId, now: Now) -> Self {
        Agent {
            id,
            presence: Presence::SignedOut,
            engaged: None,
            second: None,
            wrap_up: None,
            idle_since: now.moment,
            tally: Tally::new(now.moment),
            registered: None,
            own_phone: None,
            apps_alone: false,
            at: None,
            guessed: Guesses::default(),
            guesses: Guesses::default(),
            do_not_disturb: false,
            forwarding: None,
            skills: Vec::new(),
            skill_set: None,
            queues: Vec::new(),
            in_plan: true,
            listed: false,
            personal: BTreeMap::new(),
            matchable: None,
            told: (Activity::SignedOut, None, None, None),
            told_set: None,
            since: now.wall,
        }
    }

    /// Has to say what the last conversation was about before anything else.
    pub fn owes_disposition(&self) -> bool {
        self.wrap_up.as_ref().is_some_and(|wrap_up| wrap_up.mandatory)
    }

    /// Where calls to their extension go.
    pub fn forwarding(&self) -> &Forwarding {
        static NOWHERE: Forwarding =
            Forwarding { always: None, busy: None, no_answer: None, no_answer_s: 0 };
        self.forwarding.as_deref().unwrap_or(&NOWHERE)
    }

    /// Calls to their extension go there from now on.
    pub fn forward(&mut self, to: Forwarding) {
        self.forwarding = (to != Forwarding::default()).then(|| Box::new(to));
    }

    /// Has no business at the phone of somebody else any more: a call that goes on there ends first.
    pub fn has_left(&self) -> bool {
        self.at.is_some() && self.presence == Presence::SignedOut && self.engaged.is_none()
    }

    /// May be offered a contact. A phone that is known to be gone cannot ring.
    pub fn is_free(&self) -> bool {
        self.is_there() && self.engaged.is_none() && self.wrap_up.is_none()
    }

    /// May be offered a contact once they are done with the one they have.
    pub fn is_there(&self) -> bool {
        self.presence == Presence::Ready && self.registered != Some(false) && !self.do_not_disturb
    }

    /// As strategies see them.
    pub fn candidate(&self) -> Candidate {
        Candidate { agent: self.id, idle_since: self.idle_since, tally: self.tally }
    }

    pub fn activity(&self) -> Activity {
        self.state().0
    }

    pub fn view(&self) -> AgentView {
        let (activity, reason, call, _) = self.state();
        let call = call.or(self.engaged.map(|engaged| engaged.call));
        AgentView {
            agent: self.id,
            activity,
            reason,
            since: self.since,
            call,
            registered: self.registered == Some(true),
            do_not_disturb: self.do_not_disturb,
            forwarding: self.forwarding().clone(),
            at: self.at,
            skill_set: self.shown_set(activity),
        }
    }

    /// What is to be told since the last time. When a wrap-up ends, the first entry carries its
    /// disposition; a break's reason would be taken for one, so an idle instant parts the two.
    pub fn changes(
        &mut self,
        now: Now,
        disposition: Option<String>,
    ) -> impl Iterator<Item = Changed> + use<> {
        let state = self.state();
        let skill_set = self.shown_set(state.0);
        let mut told: [Option<Told>; 2] = [None, None];
        if state != self.told || skill_set != self.told_set {
            self.tally.spend(now.moment, self.told.0);
            let wrap_up_ends = self.told.0 == Activity::WrapUp && state.0 != Activity::WrapUp;
            if wrap_up_ends && state.0 != Activity::Idle {
                let idle = (Activity::Idle, disposition, None, None);
                told = [Some(idle), Some(state.clone())];
            } else if wrap_up_ends {
                told[0] = Some((state.0, disposition, state.2, state.3));
            } else {
                told[0] = Some(state.clone());
            }
            if state.0 != self.told.0 || state.1 != self.told.1 {
                self.since = now.wall;
            }
            self.told = state;
            self.told_set = skill_set;
        }
        let agent = self.id;
        told.into_iter().flatten().map(move |(activity, reason, call, queue)| Changed {
            agent,
            activity,
            reason,
            call,
            queue,
            skill_set,
        })
    }

    /// Who is signed out has chosen nothing.
    fn shown_set(&self, activity: Activity) -> Option<SkillSetId> {
        self.skill_set.filter(|_| activity != Activity::SignedOut)
    }

    /// The call that they are in, of two the one that they hear.
    fn shown(&self) -> Option<Engaged> {
        match (self.engaged, self.second.as_deref().copied()) {
            (Some(first), Some(second))
                if first.stage == Stage::Holding && second.stage == Stage::Talking =>
            {
                Some(second)
            }
            (first, _) => first,
        }
    }

    fn state(&self) -> Told {
        if let Some(engaged) = self.shown().filter(|engaged| !engaged.quiet) {
            let activity = match engaged.stage {
                Stage::Ringing => Activity::Ringing,
                Stage::Talking => Activity::Talking,
                Stage::Holding => Activity::Holding,
            };
            return (activity, None, Some(engaged.call), engaged.queue);
        }
        if let Some(wrap_up) = &self.wrap_up {
            return (Activity::WrapUp, None, Some(wrap_up.call), Some(wrap_up.queue));
        }
        match &self.presence {
            Presence::SignedOut => (Activity::SignedOut, None, None, None),
            Presence::Break { reason } => (Activity::Break, Some(reason.clone()), None, None),
            // Who is offered nobody is not ready, and no report shall say so.
            Presence::Ready if self.do_not_disturb => {
                (Activity::Break, Some(DO_NOT_DISTURB.to_owned()), None, None)
            }
            Presence::Ready => (Activity::Idle, None, None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_takes_little_memory_because_there_may_be_very_many() {
        assert!(size_of::<Agent>() <= 448, "{}", size_of::<Agent>());
    }

    #[test]
    fn calls_are_forwarded_as_was_said_last_and_nowhere_at_first() {
        let mut agent = Agent::new(AgentId(7), Now::default());
        assert_eq!(*agent.forwarding(), Forwarding::default());
        let late = Forwarding { no_answer_s: 20, ..Forwarding::default() };
        let always = Forwarding { always: Some("1002".into()), ..Forwarding::default() };
        for to in [late, always, Forwarding::default()] {
            agent.forward(to.clone());
            assert_eq!(*agent.forwarding(), to);
        }
    }
}
