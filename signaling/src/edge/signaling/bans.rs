//! What administrators ask about sources that are not listened to.

use super::Thread;
use crate::switch::Now;
use terms::control::{Ask, Ban};

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
}
