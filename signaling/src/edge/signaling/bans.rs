//! Sources that are not listened to: what administrators ask about them, and the file in which they
//! outlast an orderly stop. Who may read it is the owner alone: it names who calls from where.

use super::Thread;
use super::over_a_stop::{leave, take};
use crate::sip::bans::Kept;
use crate::switch::Now;
use terms::control::{Ask, Ban};

/// The file, in the data folder.
const FILE: &str = "bans.json";

impl Thread {
    /// The answer, where the question is about bans.
    pub(super) fn about_bans(&mut self, now: Now, ask: &Ask) -> Option<Vec<Ban>> {
        match ask {
            Ask::Bans => Some(self.user_agent.bans(now)),
            Ask::LiftBan(address) => {
                let lifted = self.user_agent.lift_ban(now, *address);
                if let Some(ban) = &lifted {
                    tracing::info!(address = %ban.address, "a ban is lifted");
                }
                Some(lifted.into_iter().collect())
            }
            _ => None,
        }
    }

    /// Takes up what the last orderly stop has left, once: after a kill it would be old.
    pub(super) fn restore_bans(&mut self, now: Now) {
        match take::<Kept>(&self.data.join(FILE)) {
            Ok(Some(kept)) => self.user_agent.restore_bans(now, kept),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "bans of before are no use"),
        }
    }

    /// Before an orderly stop.
    pub(super) fn keep_bans(&self, now: Now) {
        let kept = self.user_agent.keep_bans(now);
        if kept == Kept::default() {
            return;
        }
        if let Err(error) = leave(&self.data.join(FILE), &kept) {
            tracing::error!(%error, "bans could not be kept on disk");
        }
    }
}
