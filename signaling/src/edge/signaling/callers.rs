//! What is remembered of callers, and the file in which it outlasts an orderly stop: it has their numbers.

use super::Thread;
use super::over_a_stop::{leave, take};
use crate::switch::{Now, Remembered};

/// The file, in the data folder.
const FILE: &str = "callers.json";

impl Thread {
    /// Takes up what the last orderly stop has left, once the plans are there. After a kill (`killed`)
    /// live state knows better.
    pub(super) fn recall_callers(&mut self, now: Now, killed: bool) {
        match take::<Remembered>(&self.data.join(FILE)) {
            Ok(Some(remembered)) if !killed => self.switch.recall(now, remembered),
            Ok(_) => {}
            // The error itself may quote a number.
            Err(error) => {
                let why = error.kind();
                tracing::error!(%why, "what was remembered of callers is no use");
            }
        }
    }

    /// Before an orderly stop.
    pub(super) fn keep_callers(&self, now: Now) {
        let remembered = self.switch.remember(now);
        if remembered.is_empty() {
            return;
        }
        if let Err(error) = leave(&self.data.join(FILE), &remembered) {
            tracing::error!(%error, "what is remembered of callers could not be kept on disk");
        }
    }
}
