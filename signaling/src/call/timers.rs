//! The timers of one call: one of each kind, few at a time.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{LegId, Moment};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Timer {
    Ack,
    Flow,
    Announce,
    Notice,
    Typing,
    Callback,
    Decision,
    Ring,
    Asked,
    Parked,
    Return,
    Supervisor,
    SurveyKey,
    ConferenceKey,
    Code,
    Pin,
    Message,
    Farewell,
    CallMax,
    RecordingPart,
    RecordingMax,
    RecordingBeep,
    T38,
    Release(LegId),
    Tones(LegId),
}

/// Timers that are set.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<(Timer, Moment)>", into = "Vec<(Timer, Moment)>")]
pub(super) struct Timers(BTreeMap<Timer, Moment>);

impl From<Vec<(Timer, Moment)>> for Timers {
    fn from(set: Vec<(Timer, Moment)>) -> Self {
        Timers(set.into_iter().collect())
    }
}

impl From<Timers> for Vec<(Timer, Moment)> {
    fn from(timers: Timers) -> Self {
        timers.0.into_iter().collect()
    }
}

impl Timers {
    pub fn set(&mut self, timer: Timer, at: Moment) {
        self.0.insert(timer, at);
    }

    pub fn set_or_clear(&mut self, timer: Timer, at: Option<Moment>) {
        match at {
            Some(at) => self.set(timer, at),
            None => self.clear(timer),
        }
    }

    pub fn clear(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    pub fn is_set(&self, timer: Timer) -> bool {
        self.0.contains_key(&timer)
    }

    pub fn next(&self) -> Option<Moment> {
        self.0.values().min().copied()
    }

    /// Timers that are due, taken off the list.
    pub fn take_due(&mut self, now: Moment) -> Vec<Timer> {
        let due: Vec<Timer> =
            self.0.iter().filter(|&(_, &at)| at <= now).map(|(&timer, _)| timer).collect();
        for timer in &due {
            self.0.remove(timer);
        }
        due
    }
}
