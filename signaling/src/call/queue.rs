//! Waiting: into the queue and announcements of the place; its children have the music, the way out by
//! overflow or by a key, and what a caller hears aside. (Out by an answer is `offer` and `connect`, out
//! by hanging up is `end`.)

mod aside;
mod decide;
mod facts;
mod leave;
mod music;
mod notice;
mod overflow;

pub(super) use aside::Aside;

use super::timers::Timer;
use super::{Call, Phase};
use crate::acd::{Arrival, Entered, Personal};
use crate::ivr::prompt;
use crate::switch::Cx;
use music::Music;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{ChosenBy, FlowOut, Kind, OfferEnd};
use terms::routing::{Onward, Queue};
use terms::{AgentId, LegId, Moment, QueueId, VisitId};

/// One stay in a queue.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub visit: VisitId,
    pub queue: Arc<Queue>,
    /// Whose phones ring for them, by which legs.
    pub offers: Vec<(AgentId, LegId)>,
    /// The contact's own priority.
    pub own: i32,
    /// What of it came with them, and goes with them to where they overflow.
    pub brought: i32,
    /// The number at which they want to be called back, while they type it.
    pub typed: Option<String>,
    /// Something is said, and not music.
    pub speaks: bool,
    /// Notices that they have heard.
    pub noticed: usize,
    /// The request to a program that is to say what they are worth.
    pub deciding: Option<u64>,
    /// What follows where they came by an overflow.
    pub onward: Vec<Onward>,
    /// What they hear, from the first time on.
    pub music: Option<Music>,
}

impl Waiting {
    pub fn new(visit: VisitId, queue: Arc<Queue>, own: i32) -> Self {
        Waiting {
            visit,
            queue,
            offers: Vec::new(),
            own,
            brought: 0,
            typed: None,
            speaks: false,
            noticed: 0,
            deciding: None,
            onward: Vec::new(),
            music: None,
        }
    }

    /// An agent rings for them.
    pub fn rings(&self) -> bool {
        !self.offers.is_empty()
    }

    /// An agent rings for them, or they type.
    fn is_busy(&self) -> bool {
        self.rings() || self.typed.is_some()
    }

    /// The agent at whose phone this leg rings for them.
    pub fn agent_at(&self, leg: LegId) -> Option<AgentId> {
        self.offers.iter().find(|offer| offer.1 == leg).map(|offer| offer.0)
    }

    /// The leg that rings at this agent's phone.
    pub fn leg_of(&self, agent: AgentId) -> Option<LegId> {
        self.offers.iter().find(|offer| offer.0 == agent).map(|offer| offer.1)
    }

    /// This leg rings no more. Whose it was.
    pub fn take_offer(&mut self, leg: LegId) -> Option<AgentId> {
        let agent = self.agent_at(leg)?;
        self.offers.retain(|offer| offer.1 != leg);
        Some(agent)
    }
}

impl Call {
    /// Puts the anchor into a queue; `since` keeps an age from before. False when there is no such
    /// queue: nothing happened then.
    pub(super) fn enqueue(
        &mut self,
        cx: &mut Cx,
        id: QueueId,
        priority: i32,
        since: Option<Moment>,
    ) -> bool {
        self.enter(cx, id, priority, since, Vec::new())
    }

    /// The same for who came by an overflow, with what follows there.
    fn enter(
        &mut self,
        cx: &mut Cx,
        id: QueueId,
        priority: i32,
        mut since: Option<Moment>,
        onward: Vec<Onward>,
    ) -> bool {
        let (now, call, visit) = (cx.now, self.id, VisitId(cx.id()));
        let Some(queue) = cx.plan(self.tenant).and_then(|plan| plan.queue(id)) else {
            return false;
        };
        let closed = !self.is_open(cx, &queue);
        let comes_in = !closed && cx.acd(self.tenant).is_some_and(|acd| acd.lets_in(id));
        // Who may not come in keeps what they have.
        if comes_in {
            let called_back = self.take_callback_off(cx, id, self.customer());
            since = since.or(called_back).or_else(|| self.comes_back(cx, id));
        }
        let since = since.unwrap_or(now.moment);
        let brought = priority;
        let priority = priority.saturating_add(self.vip_priority(cx, &queue));
        let own = priority;
        let undecided = queue.matching.decision.is_some();
        let personal = if undecided { None } else { self.personal(cx, &queue) };
        let callback = None;
        let arrival =
            Arrival { visit, call, queue: id, priority, since, personal, callback, undecided };
        self.introduce(cx, visit, &queue);
        let line = cx.acd(self.tenant).map_or(0, |acd| acd.waiting_in(id));
        let entered = match cx.acd(self.tenant) {
            Some(acd) if !closed => acd.enqueue(now, arrival).ok(),
            _ => None,
        };
        let (position, priority, refused) = match entered {
            Some(Entered::Waiting { position, priority }) => (position, priority, None),
            Some(Entered::Full { position, priority }) => {
                (position, priority, Some(FlowOut::Overflow))
            }
            Some(Entered::Unstaffed { position, priority }) => {
                (position, priority, Some(FlowOut::NoAgents))
            }
            None if closed => {
                (line + 1, queue.priority.saturating_add(priority), Some(FlowOut::Closed))
            }
            None => return false,
        };
        if let (Some(stay), None, Some(acd)) =
            (overflow::stay(&onward), refused, cx.acd(self.tenant))
        {
            acd.limit(now, visit, stay);
        }
        self.log(cx, Some(self.anchor), Kind::Enqueued { visit, queue: id, priority, position });
        self.queue = Some(Arc::clone(&queue));
        self.queued_since = Some(since);
        let waiting = Waiting { brought, onward, ..Waiting::new(visit, Arc::clone(&queue), own) };
        self.phase = Phase::Waiting(waiting);
        self.left_flow(cx, "enqueued");
        if let Some(reason) = refused {
            self.overflow(cx, reason);
        } else {
            let greeting = prompt::prompt(self.language(), "queue");
            self.say_waiting(cx, vec![greeting]);
            self.arm_announcement(cx, &queue);
            self.arm_notice(cx, &queue);
            self.ask_decision(cx, position);
        }
        true
    }

    /// Since when a caller has waited who hung up here a while ago.
    fn comes_back(&self, cx: &mut Cx, queue: QueueId) -> Option<Moment> {
        let now = cx.now.moment;
        let customer = self.customer();
        let acd = cx.acd(self.tenant).filter(|_| !customer.is_withheld())?;
        acd.resumes(now, queue, &customer.normal)
    }

    /// Whom the caller waits for first. Who talked already was passed on, and does not go back.
    fn personal(&self, cx: &mut Cx, queue: &Queue) -> Option<Personal> {
        if self.customer().is_withheld() || self.story.answered {
            return None;
        }
        let matching = &queue.matching;
        let plan = cx.plan(self.tenant);
        let known = plan.as_ref().and_then(|plan| plan.known_caller(self.customer()));
        let own = known.and_then(|known| known.agent).filter(|_| matching.own_agent_s > 0);
        let (agent, wait_s, by) = match own {
            Some(agent) => (agent, matching.own_agent_s, ChosenBy::OwnAgent),
            None if matching.last_agent_s > 0 => {
                let last = cx.acd(self.tenant)?.last_agent(&self.customer().normal)?;
                (last, matching.last_agent_s, ChosenBy::LastAgent)
            }
            None => return None,
        };
        Some(Personal { agent, wait: Duration::from_secs(wait_s.into()), by })
    }

    pub(super) fn vip_priority(&self, cx: &Cx, queue: &Queue) -> i32 {
        let plan = cx.plan(self.tenant);
        let known = plan.as_ref().and_then(|plan| plan.known_caller(self.customer()));
        known.filter(|known| known.vip).map_or(0, |_| queue.matching.vip_priority)
    }

    pub(super) fn arm_announcement(&mut self, cx: &Cx, queue: &Queue) {
        let every = Duration::from_secs(queue.announce_every_s.into());
        let at = (!every.is_zero()).then(|| cx.now.moment + every);
        self.timers.set_or_clear(Timer::Announce, at);
    }

    /// Says the place, the wait when it can be told, and how to be called back. Not while an agent's
    /// phone rings, whose answer would cut the sentence, and not while the caller types a number.
    pub(super) fn announce(&mut self, cx: &mut Cx) {
        let Phase::Waiting(waiting) = &self.phase else { return };
        if waiting.speaks {
            return self.timers.set(Timer::Announce, cx.now.moment + notice::LATER);
        }
        let (queue, visit, busy) = (Arc::clone(&waiting.queue), waiting.visit, waiting.is_busy());
        self.arm_announcement(cx, &queue);
        let position = cx.acd(self.tenant).and_then(|acd| acd.position(visit));
        let Some(position) = position.filter(|_| !busy) else { return };
        let wait = cx.acd(self.tenant).and_then(|acd| acd.estimated_wait(queue.id, position));
        let language = self.language();
        let mut sources = vec![prompt::prompt(language, "position")];
        sources.extend(prompt::count(language, position));
        if let Some(minutes) = wait.and_then(whole_minutes) {
            sources.push(prompt::prompt(language, "wait"));
            sources.extend(prompt::count(language, minutes));
            sources.push(prompt::prompt(language, "minutes"));
        }
        sources.extend(self.callback_offer(&queue));
        self.say_waiting(cx, sources);
    }

    /// The call ends while it waits: abandoned when the caller left, forced out otherwise. Its offers
    /// are withdrawn.
    pub(super) fn quit_queue(&mut self, cx: &mut Cx, waiting: &Waiting, caller_left: bool) {
        let (visit, queue, now) = (waiting.visit, waiting.queue.id, cx.now);
        self.hush();
        // Whom a kill took out of the queue did not want to leave it.
        let may_return = (caller_left || self.story.interrupted) && !self.customer().is_withheld();
        if let Some(acd) = cx.acd(self.tenant) {
            if may_return {
                acd.abandons(now.moment, visit, &self.customer().normal);
            }
            acd.leave(now, visit);
        }
        for &(agent, leg) in &waiting.offers {
            let end = OfferEnd::Withdrawn;
            self.log(cx, Some(leg), Kind::OfferEnded { visit, queue, agent, end });
        }
        let kind = if caller_left {
            self.story.abandoned = true;
            Kind::Abandoned { visit, queue }
        } else {
            self.story.stranded = true;
            Kind::FlowedOut { visit, queue, reason: FlowOut::Forced }
        };
        self.log(cx, Some(self.anchor), kind);
    }
}

/// Minutes to say, rounded up; nothing beyond ninety-nine, which nobody would believe.
fn whole_minutes(wait: Duration) -> Option<u32> {
    u32::try_from(wait.as_secs().div_ceil(60)).ok().filter(|minutes| (1..=99).contains(minutes))
}
