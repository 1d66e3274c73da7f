//! What an agent did, as far as strategies go by it.
//!
//! The share of busy time is a mean that forgets: time `t` ago counts by `exp(-t / MEMORY)`. While
//! two agents are idle their shares fall by the same factor, so that their order stays as it is and
//! an ordered index may hold it. Breaks and the time signed out leave the share as it was.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::Moment;
use terms::event::Activity;

/// What happened longer ago than this counts less than 1/e.
const MEMORY: Duration = Duration::from_secs(3_600);
/// Shares are kept in parts of this.
const WHOLE: f64 = 1e9;
/// Half a thousandth of the whole; a smaller share is told as nothing.
const TOLD_MIN: u32 = 500_000;

/// What an agent did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Conversations from queues since they signed in.
    pub calls: u32,
    /// How long those were, without wrap-up.
    pub talked: Duration,
    /// When their last conversation of any kind ended; when they became known, before the first.
    pub served_until: Moment,
    /// Billionths of the time that they were busy, as of `busy_at`.
    busy: u32,
    busy_at: Moment,
}

impl Tally {
    pub fn new(now: Moment) -> Self {
        Tally { calls: 0, talked: Duration::ZERO, served_until: now, busy: 0, busy_at: now }
    }

    /// A shift begins: everybody counts from nothing. The share of busy time goes on.
    pub fn begin_shift(&mut self) {
        (self.calls, self.talked) = (0, Duration::ZERO);
    }

    /// A conversation ended, which came from a queue or not.
    pub fn served(&mut self, now: Moment, handled: Duration, from_queue: bool) {
        self.served_until = now;
        if from_queue {
            self.calls = self.calls.saturating_add(1);
            self.talked += handled;
        }
    }

    /// The time until now was spent so.
    pub fn spend(&mut self, now: Moment, activity: Activity) {
        use Activity::{Break, Holding, Idle, Ringing, SignedOut, Talking, WrapUp};
        let kept = self.kept(now);
        let share = f64::from(self.busy) / WHOLE;
        let share = match activity {
            SignedOut | Break => share,
            Idle => share * kept,
            Ringing | Talking | Holding | WrapUp => 1.0 - (1.0 - share) * kept,
        };
        self.busy = (share * WHOLE).round() as u32;
        self.busy_at = now;
    }

    /// The share of busy time of an agent who was idle since, in thousandths.
    pub fn busy_permille(&self, now: Moment) -> i64 {
        // A share only falls, so that one this small need not be looked at closer.
        if self.busy < TOLD_MIN {
            return 0;
        }
        (f64::from(self.busy) / WHOLE * self.kept(now) * 1e3).round() as i64
    }

    /// Orders idle agents by their share of busy time, at any time: the instant, in ns, at which the
    /// share would have been all, had it always fallen as it does now.
    pub fn busy_rank(&self) -> i64 {
        if self.busy == 0 {
            return i64::MIN;
        }
        let before = MEMORY.as_nanos() as f64 * (f64::from(self.busy) / WHOLE).ln();
        i64::try_from(self.busy_at.0).unwrap_or(i64::MAX).saturating_add(before as i64)
    }

    /// How much the time before `busy_at` still counts.
    fn kept(&self, now: Moment) -> f64 {
        (-(now - self.busy_at).as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_rises_while_busy_falls_while_idle_and_stays_in_a_break() {
        let at = Moment::from_secs;
        let mut tally = Tally::new(at(0));
        tally.spend(at(3_600), Activity::Talking);
        assert_eq!(tally.busy_permille(at(3_600)), 632, "1 - 1/e");
        assert_eq!(tally.busy_permille(at(7_200)), 233, "falls by 1/e an hour");
        tally.spend(at(7_200), Activity::Break);
        assert_eq!(tally.busy_permille(at(7_200)), 632);
        tally.spend(at(10_800), Activity::Idle);
        assert_eq!(tally.busy_permille(at(10_800)), 233);
    }

    #[test]
    fn a_share_is_told_from_half_a_thousandth_on() {
        let at = Moment::from_secs;
        let told = |busy, now| Tally { busy, ..Tally::new(at(9)) }.busy_permille(at(now));
        assert_eq!(
            [0, TOLD_MIN - 1, TOLD_MIN, 3 * TOLD_MIN].map(|busy| told(busy, 9)),
            [0, 0, 1, 2]
        );
        assert_eq!([TOLD_MIN, 3 * TOLD_MIN - 1].map(|busy| told(busy, 900)), [0, 1]);
    }

    #[test]
    fn the_order_of_idle_agents_is_that_of_their_shares_whenever_one_looks() {
        let at = Moment::from_secs;
        let mut long_ago = Tally::new(at(0));
        long_ago.spend(at(3_000), Activity::Talking);
        let mut lately = Tally::new(at(0));
        lately.spend(at(4_000), Activity::Idle);
        lately.spend(at(4_600), Activity::WrapUp);
        for later in [4_600, 6_000, 20_000] {
            assert!(long_ago.busy_permille(at(later)) > lately.busy_permille(at(later)));
        }
        assert!(long_ago.busy_rank() > lately.busy_rank());
        assert!(Tally::new(at(9_000)).busy_rank() < lately.busy_rank());
    }

    #[test]
    fn a_shift_begins_with_nothing() {
        let at = Moment::from_secs;
        let mut tally = Tally::new(at(0));
        tally.served(at(60), Duration::from_secs(50), true);
        tally.served(at(90), Duration::from_secs(20), false);
        assert_eq!((tally.calls, tally.talked), (1, Duration::from_secs(50)));
        assert_eq!(tally.served_until, at(90));
        tally.begin_shift();
        assert_eq!((tally.calls, tally.talked), (0, Duration::ZERO));
        assert_eq!(tally.served_until, at(90));
    }
}
