//! Waiting: into the queue, music, announcements of the place, and out again by overflow. (Out by
//! an answer is `offer` and `connect`, out by hanging up is `end`.)

mod decide;
mod facts;
mod leave;
mod notice;

use super::timers::Timer;
use super::{Call, Next, Phase};
use crate::acd::{Arrival, Entered, Personal};
use crate::ivr::prompt;
use crate::switch::Cx;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{ChosenBy, FlowOut, HopEnd, Kind, OfferEnd};
use terms::media::{PlayEnd, Source};
use terms::routing::Queue;
use terms::{AgentId, LegId, Moment, QueueId, VisitId};

/// Length of the silence that is repeated where music is missing.
const SILENCE_MS: u32 = 60_000;

/// One stay in a queue.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub visit: VisitId,
    pub queue: Arc<Queue>,
    /// Whose phones ring for them, by which legs.
    pub offers: Vec<(AgentId, LegId)>,
    /// The contact's own priority.
    pub own: i32,
    /// The number at which they want to be called back, while they type it.
    pub typed: Option<String>,
    /// Something is said, and not music.
    pub speaks: bool,
    /// Notices that they have heard.
    pub noticed: usize,
    /// The request to a program that is to say what they are worth.
    pub deciding: Option<u64>,
}

impl Waiting {
    pub fn new(visit: VisitId, queue: Arc<Queue>, own: i32) -> Self {
        Waiting {
            visit,
            queue,
            offers: Vec::new(),
            own,
            typed: None,
            speaks: false,
            noticed: 0,
            deciding: None,
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
        let (now, call, visit) = (cx.now, self.id, VisitId(cx.id()));
        let Some(queue) = cx.plan(self.tenant).and_then(|plan| plan.queue(id)) else {
            return false;
        };
        let called_back = self.take_callback_off(cx, id, self.customer());
        let since = since.or(called_back).or_else(|| self.comes_back(cx, id));
        let since = since.unwrap_or(now.moment);
        let priority = priority.saturating_add(self.vip_priority(cx, &queue));
        let own = priority;
        let undecided = queue.matching.decision.is_some();
        let personal = if undecided { None } else { self.personal(cx, &queue) };
        let callback = None;
        let arrival =
            Arrival { visit, call, queue: id, priority, since, personal, callback, undecided };
        self.introduce(cx, visit, &queue);
        let entered = cx.acd(self.tenant).and_then(|acd| acd.enqueue(now, arrival).ok());
        let (position, priority, full) = match entered {
            Some(Entered::Waiting { position, priority }) => (position, priority, false),
            Some(Entered::Full { position, priority }) => (position, priority, true),
            None => return false,
        };
        self.log(cx, Some(self.anchor), Kind::Enqueued { visit, queue: id, priority, position });
        self.queue = Some(Arc::clone(&queue));
        self.queued_since = Some(since);
        self.phase = Phase::Waiting(Waiting::new(visit, Arc::clone(&queue), own));
        self.left_flow(cx, "enqueued");
        if full {
            self.overflow(cx, FlowOut::Overflow);
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

    /// Music until something else happens. Where the music itself is missing it is silence:
    /// asking for it again and again would keep the box busy with nothing.
    pub(super) fn play_music(&mut self, cx: &mut Cx, before: &PlayEnd) {
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        if waiting.typed.is_some() {
            return;
        }
        waiting.speaks = false;
        let music = match waiting.queue.music.as_str() {
            "" => "music/wait",
            name => name,
        };
        let source = match before {
            PlayEnd::Missing(name) if name == music => Source::Silence { ms: SILENCE_MS },
            _ => Source::Prompt(music.to_owned()),
        };
        self.play(cx, self.anchor, vec![source], true, false);
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

    /// The distributor sends the caller on.
    pub(crate) fn flow_out(&mut self, cx: &mut Cx, visit: VisitId, reason: FlowOut) {
        if !matches!(&self.phase, Phase::Waiting(waiting) if waiting.visit == visit) {
            return;
        }
        if self.waits_to_call_back() {
            self.callback_flows_out(cx, reason);
        } else {
            self.overflow(cx, reason);
        }
    }

    /// Out of the queue to where the queue sends those it cannot serve.
    fn overflow(&mut self, cx: &mut Cx, reason: FlowOut) {
        let Phase::Waiting(waiting) = std::mem::replace(&mut self.phase, Phase::Ending) else {
            return;
        };
        let (visit, queue) = (waiting.visit, waiting.queue.id);
        self.hush();
        self.log(cx, Some(self.anchor), Kind::FlowedOut { visit, queue, reason });
        self.story.stranded = true;
        self.stop_play(cx, self.anchor);
        if self.hunt.is_some() {
            return self.hunt_goes_on(cx, HopEnd::FlowedOut);
        }
        self.go_to(cx, Next::To(waiting.queue.overflow.clone()));
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
