//! What happens to who waits in a queue, as a trial says it: an agent answers, time passes, they press
//! keys of the step or of the queue, the queue sends them on. When an agent would be found is the
//! distributor's affair and not looked at.

use super::{Walk, goes, heard};
use crate::ivr::prompt::prompt;
use crate::ivr::run::{Hand, Run, stand_in_load};
use crate::ivr::step::{ASIDES, LONG_WAIT};
use crate::ivr::wording;
use crate::switch::Now;
use std::time::Duration;
use terms::routing::{Onward, Queue, Target};
use terms::{Moment, QueueId};

/// Queues that send a caller on to each other, in one wait.
const HOPS_MAX: usize = 16;
/// Longest number that a caller types.
const DIGITS_MAX: usize = 20;
/// Normal call clearing, ITU-T Q.850.
const NORMAL: u8 = 16;

/// A stay in a queue.
#[derive(Debug)]
pub(super) struct Stay {
    queue: QueueId,
    /// The queue that the step named; an overflow may have led on from there.
    named: QueueId,
    /// Since when it is this queue.
    since: Moment,
    /// What follows where an overflow led here.
    onward: Vec<Onward>,
    /// The number at which they want to be called back, while they type it.
    typed: Option<String>,
    /// They walk through other steps; the place is kept.
    aside: bool,
}

impl Walk<'_> {
    /// They wait in a queue, and hear what is said there.
    pub(super) fn is_waiting(&self) -> bool {
        self.stay.as_ref().is_some_and(|stay| !stay.aside)
    }

    /// A step puts the call into a queue.
    pub(super) fn enters_queue(&mut self, queue: QueueId) {
        let (since, onward, typed) = (self.now.moment, Vec::new(), None);
        self.stay = Some(Stay { queue, named: queue, since, onward, typed, aside: false });
    }

    /// Takes the edge for who would wait too long, where something stands in for the queue.
    pub(super) fn dissuades(&mut self, run: &mut Run, queue: QueueId) -> bool {
        let Some(max) = run.estimate_max() else { return false };
        let path = format!("queue:{queue}");
        let mock = self.scene.mocks.iter().find(|mock| mock.path == path);
        let load = mock.map(|mock| stand_in_load(&mock.body)).unwrap_or_default();
        let too_long = load.free == 0 && load.wait.is_some_and(|wait| wait > max);
        too_long && run.follow(&self.cx(), LONG_WAIT)
    }

    /// A step puts the call into the queue where it keeps a place. False where it keeps none there.
    pub(super) fn is_back(&mut self, queue: QueueId, priority: i32) -> bool {
        let keeps = |stay: &&mut Stay| stay.aside && (stay.queue == queue || stay.named == queue);
        let Some(stay) = self.stay.as_mut().filter(keeps) else { return false };
        stay.aside = false;
        let queue = stay.queue;
        self.told.line(format!("is back in queue {queue}"));
        self.told.end = Some(Hand::Enqueue { queue, priority });
        self.pass(Duration::ZERO);
        true
    }

    /// The call goes elsewhere: a place that was kept is gone.
    pub(super) fn gives_up_place(&mut self) {
        if let Some(stay) = self.stay.take()
            && stay.aside
        {
            self.told.line(format!("gives up the place in queue {}", stay.queue));
        }
    }

    /// An agent of the queue answers.
    pub(super) fn is_answered(&mut self) {
        if let Some(stay) = self.stay.take_if(|stay| !stay.aside) {
            self.told.line(format!("an agent of queue {} answers", stay.queue));
            self.told.answered = Some(stay.queue);
        }
    }

    /// A key while they wait: out of the queue, aside, or to be called back.
    pub(super) fn key_in_queue(&mut self, run: &mut Run, key: char) {
        if run.swallows(self.now.moment, key) {
            return;
        }
        let Some(stay) = &mut self.stay else { return };
        if stay.typed.is_some() {
            return self.number_key(run, key);
        }
        let (out, aside) = (format!("keys.{key}"), format!("{ASIDES}.{key}"));
        let (queue, leads_aside) = (stay.queue, run.leads(&aside));
        if run.leads(&out) {
            self.stay = None;
            self.leads_on(run, &out);
        } else if leads_aside {
            stay.aside = true;
            self.leads_on(run, &aside);
        } else if self.called_back_by(queue).is_some_and(|(own, _)| own == key) {
            self.asks_back(run);
        }
    }

    fn leads_on(&mut self, run: &mut Run, edge: &str) {
        if run.follow(&self.cx(), edge) {
            self.told.end = None;
        }
        self.drain(run);
    }

    /// They want to be called back. A queue that is not known here calls back who asks.
    pub(super) fn asks_back(&mut self, run: &Run) {
        let Some(stay) = self.stay.as_ref().filter(|stay| !stay.aside) else { return };
        let queue = stay.queue;
        let known = self.scene.queues.iter().any(|known| known.id == queue);
        match self.called_back_by(queue) {
            Some((_, true)) => {
                if let Some(stay) = &mut self.stay {
                    stay.typed = Some(String::new());
                }
                self.say(run, &["callback_number"]);
            }
            None if known => self.told.line(format!("queue {queue} calls nobody back")),
            Some((_, false)) | None => self.is_called_back(run, queue, String::new()),
        }
    }

    /// The key of a queue that calls back, and whether another number may be typed.
    fn called_back_by(&self, queue: QueueId) -> Option<(char, bool)> {
        let callback = self.known_queue(queue)?.in_queue.callback.as_ref()?;
        Some((callback.key, callback.other_number))
    }

    fn known_queue(&self, queue: QueueId) -> Option<&Queue> {
        self.scene.queues.iter().find(|known| known.id == queue)
    }

    fn number_key(&mut self, run: &Run, key: char) {
        let Some(stay) = &mut self.stay else { return };
        let Some(typed) = &mut stay.typed else { return };
        match key {
            '#' => {
                let (queue, number) = (stay.queue, std::mem::take(typed));
                self.is_called_back(run, queue, number);
            }
            '*' => stay.typed = None,
            '0'..='9' if typed.len() < DIGITS_MAX => typed.push(key),
            _ => {}
        }
    }

    fn is_called_back(&mut self, run: &Run, queue: QueueId, number: String) {
        self.stay = None;
        self.over = true;
        let hand = Hand::Callback { queue, number };
        self.told.line(goes(&hand));
        self.say(run, &["callback_taken", "goodbye"]);
        self.told.end = Some(hand);
    }

    fn say(&mut self, run: &Run, names: &[&str]) {
        let language = run.language(&self.cx());
        let sources: Vec<_> = names.iter().map(|name| prompt(&language, name)).collect();
        self.heard.push(wording::text(&sources));
        for source in sources {
            self.told.line(heard(source));
        }
    }

    /// So long passes while they wait, or until they were in queues for as long as those allow.
    pub(super) fn pass(&mut self, time: Duration) {
        let mut left = time;
        for _ in 0..HOPS_MAX {
            let Some(stay) = self.stay.as_ref().filter(|stay| !stay.aside) else { return };
            let (queue, since) = (stay.queue, stay.since);
            let over = self.stay_max(stay).map(|max| (since + max).max(self.now.moment));
            let passed = over.map_or(left, |over| left.min(over - self.now.moment));
            if !passed.is_zero() {
                let Now { moment, wall } = self.now;
                self.now = Now { moment: moment + passed, wall: wall + passed };
                self.told.line(format!("waits {} s in queue {queue}", passed.as_secs()));
                left = left.saturating_sub(passed);
            }
            if over.is_none_or(|over| self.now.moment < over) {
                return;
            }
            self.flows_out();
        }
    }

    /// The longest stay in this queue, where it is known.
    fn stay_max(&self, stay: &Stay) -> Option<Duration> {
        let own = || self.known_queue(stay.queue).map(|queue| queue.wait_max_s);
        let seconds = stay.onward.first().map(|next| next.after_s).or_else(own)?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// The queue sends them on. Who keeps a place meanwhile is not sent.
    pub(super) fn flows_out(&mut self) {
        let Some(stay) = self.stay.take_if(|stay| !stay.aside) else { return };
        let overflow =
            |queue: &Queue| (queue.overflow.clone(), queue.matching.doors.overflow_chain.clone());
        let way = match stay.onward.split_first() {
            Some((next, rest)) => Some((next.target.clone(), rest.to_vec())),
            None => self.known_queue(stay.queue).map(overflow),
        };
        self.told.line(format!("flows out of queue {}", stay.queue));
        let Some((target, onward)) = way else { return };
        let hand = onto(target);
        if let Hand::Enqueue { queue, .. } = hand {
            let (since, typed) = (self.now.moment, None);
            self.stay = Some(Stay { queue, since, onward, typed, ..stay });
        }
        self.over = matches!(hand, Hand::Hangup { .. });
        self.told.line(goes(&hand));
        self.told.end = Some(hand);
    }
}

/// Where an overflow leads. What is behind a flow, a number or a room is not tried.
fn onto(target: Target) -> Hand {
    let target = match target {
        Target::Queue(queue) => return Hand::Enqueue { queue, priority: 0 },
        Target::Voicemail(queue) => return Hand::Voicemail { queue },
        Target::Hangup => return Hand::Hangup { cause: NORMAL },
        Target::Flow(flow) => format!("flow:{flow}"),
        Target::Conference(room) => format!("conference:{room}"),
        Target::Site(site) => format!("site:{site}"),
        Target::Agent(agent) => format!("agent {agent}"),
        Target::Number(number) => number,
    };
    Hand::Transfer { target }
}
