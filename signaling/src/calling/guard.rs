//! Counts the calls that one agent makes to the outside. Windows slide: what is older than a minute,
//! or an hour, counts no more. Each list is as long as its limit lets it be.

use super::Limits;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;
use terms::event::CallingLimit;
use terms::{CallId, Moment, Subscriber};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// Shortest pause between two looks at calls that go on.
const LOOK_MIN: Duration = Duration::from_secs(1);
/// Calls that are remembered of one agent, whatever the limits; more than a limit may be.
const REMEMBERED_MAX: usize = 2_000;

/// A call that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Live {
    call: CallId,
    since: Moment,
    costly: bool,
}

/// The calls of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guard {
    calls: VecDeque<Moment>,
    refused: VecDeque<Moment>,
    live: Vec<Live>,
    over: VecDeque<(Moment, Moment)>,
    destinations: VecDeque<(String, Moment)>,
    /// When it looks again; kept by who has all of them. It is no part of its record.
    #[serde(skip)]
    pub(super) listed: Option<Moment>,
}

impl Guard {
    /// They call `number`. `costly` where a thief earns.
    ///
    /// # Errors
    /// What is too much with it. The call does not count as one that is made.
    pub fn call(
        &mut self,
        now: Moment,
        limits: &Limits,
        (call, number, costly): (CallId, &str, bool),
    ) -> Result<(), CallingLimit> {
        self.forget_old(now);
        self.begin(now, limits)?;
        if is_over(self.live.len() + 1, limits.at_once_max) {
            return Err(CallingLimit::AtOnce);
        }
        self.reach(now, limits, number)?;
        if let Some(limit) = self.look(now, limits) {
            return Err(limit);
        }
        self.live.push(Live { call, since: now, costly });
        Ok(())
    }

    /// They have a text sent to `number`: it is one of the calls of its minute, reaches one of the numbers
    /// of its hour, and goes on for no time.
    ///
    /// # Errors
    /// What is too much with it.
    pub fn text(&mut self, now: Moment, limits: &Limits, number: &str) -> Result<(), CallingLimit> {
        self.forget_old(now);
        self.begin(now, limits)?;
        self.reach(now, limits, number)
    }

    fn begin(&mut self, now: Moment, limits: &Limits) -> Result<(), CallingLimit> {
        remember(&mut self.calls, now);
        match is_over(self.calls.len(), limits.per_minute_max) {
            true => Err(CallingLimit::PerMinute),
            false => Ok(()),
        }
    }

    fn reach(&mut self, now: Moment, limits: &Limits, number: &str) -> Result<(), CallingLimit> {
        self.destinations.retain(|(known, _)| known != number);
        remember(&mut self.destinations, (number.to_owned(), now));
        match is_over(self.destinations.len(), limits.destinations_per_hour_max) {
            true => Err(CallingLimit::Destinations),
            false => Ok(()),
        }
    }

    /// They called a number that they have no right to. What is too much with it.
    pub fn refused(&mut self, now: Moment, limits: &Limits) -> Option<CallingLimit> {
        self.forget_old(now);
        remember(&mut self.refused, now);
        is_over(self.refused.len(), limits.refused_per_hour_max).then_some(CallingLimit::Refused)
    }

    /// A call is over. One of which nothing is known changes nothing.
    pub fn ended(&mut self, now: Moment, call: CallId) {
        for live in self.live.iter().filter(|live| live.call == call) {
            remember(&mut self.over, (live.since, now));
        }
        self.live.retain(|live| live.call != call);
        self.forget_old(now);
    }

    /// A call goes on in another one.
    pub fn goes_over(&mut self, from: CallId, to: CallId) {
        for live in self.live.iter_mut().filter(|live| live.call == from) {
            live.call = to;
        }
    }

    /// Whether the calls of the last hour are too long by now.
    pub fn look(&self, now: Moment, limits: &Limits) -> Option<CallingLimit> {
        let max = limits.length_per_hour_max;
        (!max.is_zero() && self.length(now) >= max).then_some(CallingLimit::Length)
    }

    /// When calls that go on may have become too long; none where nothing goes on.
    pub fn next_look(&self, now: Moment, limits: &Limits) -> Option<Moment> {
        let max = limits.length_per_hour_max;
        let calls = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        if max.is_zero() || calls == 0 {
            return None;
        }
        // What leaves the window meanwhile makes it later: then one looks again.
        let left = max.saturating_sub(self.length(now)) / calls;
        Some(now + left.max(LOOK_MIN))
    }

    /// This person was called by nobody. Whether they had been.
    pub fn forget(&mut self, person: &Subscriber) -> bool {
        let known = self.destinations.len();
        self.destinations.retain(|(number, _)| !person.is_in(number));
        self.destinations.len() < known
    }

    /// Calls that go on.
    pub fn live_calls(&self) -> impl Iterator<Item = CallId> + '_ {
        self.live.iter().map(|live| live.call)
    }

    /// Dear calls that go on.
    pub fn costly(&self) -> impl Iterator<Item = CallId> + '_ {
        self.live.iter().filter(|live| live.costly).map(|live| live.call)
    }

    /// Length of all calls within the last hour.
    fn length(&self, now: Moment) -> Duration {
        let live = self.live.iter().map(|live| (live.since, now));
        let within = |(from, to): (Moment, Moment)| {
            let cut = (now - from).saturating_sub(HOUR);
            (to - from).saturating_sub(cut)
        };
        live.chain(self.over.iter().copied()).map(within).sum()
    }

    fn forget_old(&mut self, now: Moment) {
        while self.calls.front().is_some_and(|&at| now - at >= MINUTE) {
            self.calls.pop_front();
        }
        while self.refused.front().is_some_and(|&at| now - at >= HOUR) {
            self.refused.pop_front();
        }
        self.over.retain(|&(_, to)| now - to < HOUR);
        while self.destinations.front().is_some_and(|&(_, at)| now - at >= HOUR) {
            self.destinations.pop_front();
        }
    }
}

/// 0 is no limit.
fn is_over(count: usize, max: u32) -> bool {
    max > 0 && u32::try_from(count).is_ok_and(|count| count > max)
}

fn remember<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= REMEMBERED_MAX {
        list.pop_front();
    }
    list.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Limits = Limits {
        per_minute_max: 0,
        at_once_max: 0,
        destinations_per_hour_max: 0,
        length_per_hour_max: Duration::ZERO,
        refused_per_hour_max: 0,
    };

    fn at(secs: u64) -> Moment {
        Moment::from_secs(10_000 + secs)
    }

    /// A short call to one number.
    fn calls(guard: &mut Guard, secs: u64, limits: &Limits) -> Result<(), CallingLimit> {
        let done = guard.call(at(secs), limits, (CallId(secs), "13800138000", false));
        guard.ended(at(secs), CallId(secs));
        done
    }

    #[test]
    fn calls_in_a_minute_are_counted_in_a_window_that_slides() {
        let limits = Limits { per_minute_max: 2, ..NONE };
        let mut guard = Guard::default();
        assert_eq!(calls(&mut guard, 0, &limits), Ok(()));
        assert_eq!(calls(&mut guard, 30, &limits), Ok(()));
        assert_eq!(calls(&mut guard, 60, &limits), Ok(()), "the first is a minute old");
        assert_eq!(calls(&mut guard, 89, &limits), Err(CallingLimit::PerMinute));
    }

    #[test]
    fn texts_count_by_minute_and_by_number_and_go_on_for_no_time() {
        let limits = Limits { per_minute_max: 3, at_once_max: 1, ..NONE };
        let mut guard = Guard::default();
        assert_eq!(guard.call(at(0), &limits, (CallId(1), "1", false)), Ok(()));
        assert_eq!(guard.text(at(1), &limits, "2"), Ok(()), "beside a call");
        assert_eq!(guard.text(at(2), &limits, "2"), Ok(()));
        assert_eq!(guard.text(at(3), &limits, "2"), Err(CallingLimit::PerMinute));
        let limits = Limits { destinations_per_hour_max: 2, ..NONE };
        assert_eq!(guard.text(at(100), &limits, "2"), Ok(()));
        assert_eq!(guard.text(at(101), &limits, "3"), Err(CallingLimit::Destinations));
        assert_eq!(guard.live_calls().count(), 1);
    }

    #[test]
    fn calls_at_a_time_are_those_that_go_on() {
        let limits = Limits { at_once_max: 2, ..NONE };
        let mut guard = Guard::default();
        let call = |guard: &mut Guard, id| guard.call(at(id), &limits, (CallId(id), "1", true));
        assert_eq!((call(&mut guard, 1), call(&mut guard, 2)), (Ok(()), Ok(())));
        guard.ended(at(3), CallId(1));
        assert_eq!(call(&mut guard, 3), Ok(()));
        assert_eq!(call(&mut guard, 4), Err(CallingLimit::AtOnce));
        assert_eq!(guard.costly().collect::<Vec<_>>(), [CallId(2), CallId(3)]);
    }

    #[test]
    fn the_same_number_again_is_one_destination_and_an_hour_later_none() {
        let limits = Limits { destinations_per_hour_max: 2, ..NONE };
        let mut guard = Guard::default();
        let call = |guard: &mut Guard, secs, number: &str| {
            let done = guard.call(at(secs), &limits, (CallId(secs), number, false));
            guard.ended(at(secs), CallId(secs));
            done
        };
        for (secs, number) in [(0, "a"), (1, "b"), (2, "a"), (3_602, "c")] {
            assert_eq!(call(&mut guard, secs, number), Ok(()), "{number} at {secs}");
        }
        assert_eq!(call(&mut guard, 3_603, "d"), Ok(()));
        assert_eq!(call(&mut guard, 3_604, "e"), Err(CallingLimit::Destinations));
    }

    #[test]
    fn the_length_of_calls_counts_within_the_last_hour_alone() {
        let limits = Limits { length_per_hour_max: Duration::from_secs(1_800), ..NONE };
        let mut guard = Guard::default();
        assert_eq!(guard.call(at(0), &limits, (CallId(1), "1", false)), Ok(()));
        guard.ended(at(1_700), CallId(1));
        assert_eq!(guard.next_look(at(1_700), &limits), None, "nothing goes on");
        assert_eq!(guard.call(at(4_000), &limits, (CallId(2), "1", false)), Ok(()));
        // Of the first 1,300 s are left, and each second one less: 500 s fit, then it looks again.
        assert_eq!(guard.next_look(at(4_000), &limits), Some(at(4_500)));
        assert_eq!(guard.look(at(4_500), &limits), None);
        assert_eq!(guard.look(at(5_300), &limits), None, "of the first nothing is left");
        assert_eq!(guard.look(at(5_800), &limits), Some(CallingLimit::Length));
        let again = guard.call(at(5_800), &limits, (CallId(3), "1", false));
        assert_eq!(again, Err(CallingLimit::Length));
    }

    #[test]
    fn what_they_have_no_right_to_is_counted_apart() {
        let limits = Limits { refused_per_hour_max: 2, ..NONE };
        let mut guard = Guard::default();
        assert_eq!((guard.refused(at(0), &limits), guard.refused(at(1), &limits)), (None, None));
        assert_eq!(guard.refused(at(3_600), &limits), None, "the first is an hour old");
        assert_eq!(guard.refused(at(3_600), &limits), Some(CallingLimit::Refused));
        assert_eq!(calls(&mut guard, 3_600, &limits), Ok(()));
    }

    #[test]
    fn without_limits_nothing_is_too_much_and_memory_stays_small() {
        let mut guard = Guard::default();
        for secs in 0..10_000 {
            let number = format!("{secs}");
            assert_eq!(guard.call(at(secs / 100), &NONE, (CallId(secs), &number, false)), Ok(()));
            guard.ended(at(secs / 100), CallId(secs));
        }
        assert!(guard.calls.len() <= REMEMBERED_MAX && guard.destinations.len() <= REMEMBERED_MAX);
        assert!(guard.over.len() <= REMEMBERED_MAX);
    }
}
