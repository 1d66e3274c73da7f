//! Whether an agent may call a number outside: their right, the bar on their extension, and a guard
//! that bars it when it calls out like a thief (telecom fraud rests on stolen extensions that call
//! many dear numbers before anybody looks).
//!
//! [`Guard`] watches one agent, [`CallsOut`] has those of all. Time comes in; what follows from a bar
//! (the log, calls that end) is its user's business. What is counted outlives a kill of the process; a
//! bar comes back with the plan.

mod guard;
mod texts;

pub(crate) use guard::Guard;
pub(crate) use texts::TextsAsked;

use crate::kept::{self, Change};
use crate::switch::Now;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use terms::event::CallingLimit;
use terms::routing::Bar;
use terms::{AgentId, CallId, Moment, Subscriber, TenantId};

/// An agent of a tenant.
pub(crate) type Key = (TenantId, AgentId);

/// How much one agent may call out before they are barred. 0 is as much as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in a minute.
    pub per_minute_max: u32,
    /// Calls at a time.
    pub at_once_max: u32,
    /// Different numbers in an hour.
    pub destinations_per_hour_max: u32,
    /// Length of all calls in an hour, from dialling on.
    pub length_per_hour_max: Duration,
    /// Calls in an hour that they have no right to.
    pub refused_per_hour_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            per_minute_max: 10,
            at_once_max: 5,
            destinations_per_hour_max: 60,
            length_per_hour_max: Duration::from_secs(7_200),
            refused_per_hour_max: 4,
        }
    }
}

/// Calls out of all agents.
#[derive(Debug, Default)]
pub(crate) struct CallsOut {
    guards: BTreeMap<Key, Guard>,
    bars: BTreeMap<Key, Bar>,
    /// Whose guards count a call.
    of_call: HashMap<CallId, BTreeSet<Key>>,
    /// When a guard wants to look again.
    due: BTreeSet<(Moment, Key)>,
    /// Dear calls of who was barred: they are to end.
    ending: VecDeque<CallId>,
    /// Those whose counts may have changed, for those who keep them.
    touched: BTreeSet<Key>,
}

impl CallsOut {
    /// Whether they are kept from calling out.
    pub fn is_barred(&self, key: Key) -> bool {
        self.bars.get(&key).is_some_and(|bar| bar.barred)
    }

    /// What the plan says of a bar. What was decided later stays.
    pub fn learn(&mut self, key: Key, bar: Bar) {
        let known = self.bars.get(&key).copied().unwrap_or_default();
        if bar.at <= known.at {
            return;
        }
        self.bars.insert(key, bar);
        if known.barred && !bar.barred {
            // Whoever lifted it wants them to begin anew.
            self.forget(key);
        }
    }

    /// They call a number that they have a right to; `costly` where a thief earns.
    ///
    /// # Errors
    /// What was too much: they are barred from now on, and this call is not made.
    pub fn call(
        &mut self,
        now: Now,
        limits: &Limits,
        key: Key,
        (call, number, costly): (CallId, &str, bool),
    ) -> Result<(), CallingLimit> {
        self.touched.insert(key);
        let guard = self.guards.entry(key).or_default();
        let done = guard.call(now.moment, limits, (call, number, costly));
        match done {
            Ok(()) => {
                self.of_call.entry(call).or_default().insert(key);
            }
            Err(_) => self.bar(now, key),
        }
        self.settle(now, limits, key);
        done
    }

    /// They have a text sent to a number that they have a right to.
    ///
    /// # Errors
    /// What was too much: they are barred from now on, and it is not sent.
    pub fn text(
        &mut self,
        now: Now,
        limits: &Limits,
        key: Key,
        number: &str,
    ) -> Result<(), CallingLimit> {
        self.touched.insert(key);
        let done = self.guards.entry(key).or_default().text(now.moment, limits, number);
        if done.is_err() {
            self.bar(now, key);
        }
        self.settle(now, limits, key);
        done
    }

    /// They called a number that they have no right to. What was too much with it, where it was: they
    /// are barred from now on.
    pub fn refused(&mut self, now: Now, limits: &Limits, key: Key) -> Option<CallingLimit> {
        self.touched.insert(key);
        let guard = self.guards.entry(key).or_default();
        let limit = guard.refused(now.moment, limits);
        if limit.is_some() {
            self.bar(now, key);
            self.settle(now, limits, key);
        }
        limit
    }

    /// A call is over.
    pub fn ended(&mut self, now: Now, limits: &Limits, call: CallId) {
        for key in self.of_call.remove(&call).unwrap_or_default() {
            if let Some(guard) = self.guards.get_mut(&key) {
                guard.ended(now.moment, call);
            }
            self.touched.insert(key);
            self.settle(now, limits, key);
        }
    }

    /// What was called in one call goes on in another one.
    pub fn goes_over(&mut self, from: CallId, to: CallId) {
        let Some(keys) = self.of_call.remove(&from) else { return };
        for key in &keys {
            if let Some(guard) = self.guards.get_mut(key) {
                guard.goes_over(from, to);
            }
        }
        self.touched.extend(keys.iter().copied());
        self.of_call.entry(to).or_default().extend(keys);
    }

    /// Who called for too long by now: they are barred from now on.
    pub fn handle_timeout(&mut self, now: Now, limits: &Limits) -> Vec<(Key, CallingLimit)> {
        let mut barred = Vec::new();
        while let Some(&(at, key)) = self.due.first() {
            if at > now.moment {
                break;
            }
            let limit = self.guards.get(&key).and_then(|guard| guard.look(now.moment, limits));
            if let Some(limit) = limit.filter(|_| !self.is_barred(key)) {
                self.bar(now, key);
                barred.push((key, limit));
            }
            self.settle(now, limits, key);
        }
        barred
    }

    /// When [`CallsOut::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.due.first().map(|&(at, _)| at)
    }

    /// This person was called by no agent of the tenant.
    pub fn forget_person(&mut self, tenant: TenantId, person: &Subscriber) {
        let from = (tenant, AgentId(0));
        let own = self.guards.range_mut(from..).take_while(|(key, _)| key.0 == tenant);
        let changed = own.filter_map(|(&key, guard)| guard.forget(person).then_some(key));
        self.touched.extend(changed);
    }

    /// What the process before counted of an agent.
    pub fn restore(&mut self, now: Now, limits: &Limits, key: Key, guard: Guard) {
        for call in guard.live_calls() {
            self.of_call.entry(call).or_default().insert(key);
        }
        self.guards.insert(key, guard);
        self.touched.insert(key);
        self.settle(now, limits, key);
    }

    /// What changed since this was asked last.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        let change = |key: Key| Change::of(kept::Key::Guard(key.0, key.1), self.guards.get(&key));
        touched.map(change).collect()
    }

    /// The next call that a bar ends.
    pub fn poll_ending(&mut self) -> Option<CallId> {
        self.ending.pop_front()
    }

    fn bar(&mut self, now: Now, key: Key) {
        self.bars.insert(key, Bar { barred: true, at: now.wall });
        if let Some(guard) = self.guards.get(&key) {
            self.ending.extend(guard.costly());
        }
    }

    /// Puts the guard's next look where it belongs. Who is barred needs none.
    fn settle(&mut self, now: Now, limits: &Limits, key: Key) {
        let barred = self.is_barred(key);
        let Some(guard) = self.guards.get_mut(&key) else { return };
        let next = guard.next_look(now.moment, limits).filter(|_| !barred);
        let old = std::mem::replace(&mut guard.listed, next);
        if let Some(at) = old {
            self.due.remove(&(at, key));
        }
        self.due.extend(next.map(|at| (at, key)));
    }

    fn forget(&mut self, key: Key) {
        self.touched.insert(key);
        if let Some(at) = self.guards.remove(&key).and_then(|guard| guard.listed) {
            self.due.remove(&(at, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::Timestamp;

    const KEY: Key = (TenantId(1), AgentId(7));

    fn at(secs: u64) -> Now {
        let wall = Timestamp::from_secs(1_700_000_000) + Duration::from_secs(secs);
        Now { moment: Moment::from_secs(1_000 + secs), wall }
    }

    fn call(out: &mut CallsOut, secs: u64, id: u64) -> Result<(), CallingLimit> {
        let number = format!("1380013{id:04}");
        out.call(at(secs), &Limits::default(), KEY, (CallId(id), &number, id.is_multiple_of(2)))
    }

    #[test]
    fn who_calls_too_much_is_barred_and_dear_calls_end_and_others_go_on() {
        let mut out = CallsOut::default();
        for id in 1..=5 {
            assert_eq!(call(&mut out, id, id), Ok(()));
        }
        assert_eq!(call(&mut out, 6, 6), Err(CallingLimit::AtOnce));
        assert!(out.is_barred(KEY));
        let ending: Vec<CallId> = std::iter::from_fn(|| out.poll_ending()).collect();
        assert_eq!(ending, [CallId(2), CallId(4)], "those that cost");
        assert!(!out.is_barred((TenantId(1), AgentId(8))), "a colleague is not");
        assert!(!out.is_barred((TenantId(2), AgentId(7))), "nor somebody of another tenant");
    }

    #[test]
    fn the_later_word_about_a_bar_counts_and_lifting_it_begins_anew() {
        let mut out = CallsOut::default();
        for id in 1..=6 {
            assert_eq!(call(&mut out, 5, id).is_ok(), id <= 5);
        }
        let bar = |barred, secs| Bar { barred, at: at(secs).wall };
        out.learn(KEY, bar(false, 4));
        assert!(out.is_barred(KEY), "a plan from before");
        out.learn(KEY, bar(false, 5));
        assert!(out.is_barred(KEY), "of two in one moment the first stays");
        out.learn(KEY, bar(false, 6));
        assert!(!out.is_barred(KEY));
        assert_eq!(call(&mut out, 7, 9), Ok(()), "those from before do not count");
        out.learn(KEY, bar(true, 8));
        assert!(out.is_barred(KEY), "a process that begins learns it from the plan");
    }

    #[test]
    fn a_call_that_goes_on_bars_when_the_hour_is_used_up() {
        let mut out = CallsOut::default();
        let limits = Limits { length_per_hour_max: Duration::from_secs(600), ..Limits::default() };
        assert_eq!(out.call(at(0), &limits, KEY, (CallId(1), "0044", true)), Ok(()));
        let due = out.next_timeout().expect("it looks again");
        assert_eq!(due, at(600).moment);
        assert_eq!(out.handle_timeout(at(599), &limits), []);
        assert_eq!(out.handle_timeout(at(600), &limits), [(KEY, CallingLimit::Length)]);
        assert_eq!((out.next_timeout(), out.poll_ending()), (None, Some(CallId(1))));
        out.ended(at(601), &limits, CallId(1));
        assert_eq!(out.next_timeout(), None);
    }

    #[test]
    fn what_goes_on_in_another_call_counts_until_that_one_ends() {
        let mut out = CallsOut::default();
        let limits = Limits { at_once_max: 1, ..Limits::default() };
        assert_eq!(out.call(at(0), &limits, KEY, (CallId(1), "0044", true)), Ok(()));
        out.goes_over(CallId(1), CallId(2));
        out.ended(at(1), &limits, CallId(1));
        let again = out.call(at(2), &limits, KEY, (CallId(3), "0045", true));
        assert_eq!(again, Err(CallingLimit::AtOnce));
        assert_eq!(out.poll_ending(), Some(CallId(2)), "a bar ends it where it is");
        out.ended(at(3), &limits, CallId(2));
        assert_eq!(out.next_timeout(), None);
    }

    #[test]
    fn what_was_counted_goes_on_in_the_next_process_and_is_watched_there() {
        let (mut out, limits) = (CallsOut::default(), Limits::default());
        for id in 1..=5 {
            assert_eq!(call(&mut out, id, id), Ok(()));
        }
        let mut again = CallsOut::default();
        for change in out.take_changes() {
            let guard = change.read().expect("what was written is read");
            again.restore(at(6), &limits, KEY, guard);
        }
        assert!(out.take_changes().is_empty(), "it is told once");
        assert_eq!(again.take_changes().len(), 1, "and to whoever keeps it for the next one");
        assert_eq!(again.next_timeout(), out.next_timeout(), "the hour is watched");
        again.ended(at(6), &limits, CallId(1));
        assert_eq!(call(&mut again, 7, 6), Ok(()), "one did not come back");
        assert_eq!(call(&mut again, 8, 7), Err(CallingLimit::AtOnce));
    }

    #[test]
    fn who_is_forgotten_was_called_by_nobody_of_the_tenant_in_what_is_kept_too() {
        let (mut out, limits) = (CallsOut::default(), Limits::default());
        let other = (TenantId(2), AgentId(7));
        for (id, key) in [(1, KEY), (2, other)] {
            assert_eq!(out.call(at(1), &limits, key, (CallId(id), "13800138001", false)), Ok(()));
        }
        out.take_changes();
        out.forget_person(KEY.0, &Subscriber::parse("13800138001", "86").expect("a number"));
        let kept: Vec<(kept::Key, Option<Guard>)> =
            out.take_changes().iter().map(|change| (change.key, change.read())).collect();
        let [(key, Some(guard))] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(*key, kept::Key::Guard(KEY.0, KEY.1));
        assert!(!format!("{guard:?}").contains("13800138001"), "{guard:?}");
    }

    #[test]
    fn calls_that_are_over_leave_nothing_to_look_at() {
        let mut out = CallsOut::default();
        assert_eq!(call(&mut out, 0, 1), Ok(()));
        out.ended(at(60), &Limits::default(), CallId(1));
        out.ended(at(61), &Limits::default(), CallId(1));
        assert_eq!((out.next_timeout(), out.of_call.len()), (None, 0));
    }
}
