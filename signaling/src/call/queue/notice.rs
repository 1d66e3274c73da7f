//! What a waiting caller is told between the music: one after the other, and never in the middle of
//! something else that is said.

use crate::call::timers::Timer;
use crate::call::{Call, Phase};
use crate::ivr::prompt;
use crate::switch::Cx;
use std::sync::Arc;
use std::time::Duration;
use terms::media::{PlayEnd, Source};
use terms::routing::Queue;

/// What is due while something else is said comes this much later.
pub(super) const LATER: Duration = Duration::from_secs(2);

impl Call {
    /// Says something to who waits; music follows.
    pub(in crate::call) fn say_waiting(&mut self, cx: &mut Cx, sources: Vec<Source>) {
        if let Phase::Waiting(waiting) = &mut self.phase {
            waiting.speaks = true;
        }
        if !self.play(cx, self.anchor, sources, false, false) {
            self.play_music(cx, &PlayEnd::Finished);
        }
    }

    /// Nothing more is told: the wait is over.
    pub(in crate::call) fn hush(&mut self) {
        for timer in [Timer::Announce, Timer::Notice, Timer::Typing, Timer::Decision] {
            self.timers.clear(timer);
        }
    }

    pub(in crate::call) fn arm_notice(&mut self, cx: &Cx, queue: &Queue) {
        let every = Duration::from_secs(queue.in_queue.notice_every_s.into());
        let some = !every.is_zero() && !queue.in_queue.notices.is_empty();
        self.timers.set_or_clear(Timer::Notice, some.then(|| cx.now.moment + every));
    }

    /// The next notice of the queue. Not while an agent's phone rings, or a number is typed.
    pub(in crate::call) fn notice(&mut self, cx: &mut Cx) {
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        let queue = Arc::clone(&waiting.queue);
        if waiting.is_busy() || waiting.speaks {
            return self.timers.set(Timer::Notice, cx.now.moment + LATER);
        }
        let notices = &queue.in_queue.notices;
        let next = notices.get(waiting.noticed % notices.len().max(1));
        waiting.noticed = waiting.noticed.wrapping_add(1);
        let said = next.map(|name| prompt::prompt(self.language(), name));
        self.arm_notice(cx, &queue);
        if let Some(said) = said {
            self.say_waiting(cx, vec![said]);
        }
    }
}
