//! New calls that were refused because they had waited too long to be read. Their callers send the same
//! request again until they have read the refusal; a copy that comes in time gets the same answer, as
//! the transaction would give it (RFC 3261 §17.2.1): a call that was refused is not taken after all.

use super::transaction::Key;
use std::collections::{HashSet, VecDeque};
use std::time::Duration;
use terms::Moment;

/// Most refusals that are remembered; one more takes the place of the oldest.
const REFUSED_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Late {
    /// What is being read has waited too long for a new call.
    pub(super) is_now: bool,
    refused: HashSet<Key>,
    /// The same in order of the first refusal.
    order: VecDeque<(Moment, Key)>,
}

impl Late {
    /// This one was refused.
    pub(super) fn refuse(&mut self, now: Moment, key: Key) {
        if self.refused.contains(&key) {
            return;
        }
        if self.order.len() >= REFUSED_MAX {
            self.forget_oldest();
        }
        self.refused.insert(key.clone());
        self.order.push_back((now, key));
    }

    /// Whether this one was refused less than `kept_for` ago.
    pub(super) fn was_refused(&mut self, now: Moment, kept_for: Duration, key: &Key) -> bool {
        while self.order.front().is_some_and(|(at, _)| now.since(*at) >= kept_for) {
            self.forget_oldest();
        }
        self.refused.contains(key)
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.refused.remove(&key);
        }
    }
}
