//! Talks of callers with bots: out with all that is needed to begin one, back by their id. What is said
//! goes past signaling, from the caller's leg to whoever speaks with the bot.

use super::{Now, Switch};
use crate::ivr::run::{Fault, Parting, Talk};
use terms::routing::Connector;
use terms::{CallId, LegId, TenantId};

/// A talk of a bot step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotAsk {
    /// Names the end.
    pub id: u64,
    /// For the log.
    pub call: CallId,
    /// Whose connector it is.
    pub tenant: TenantId,
    /// Whom the bot hears.
    pub leg: LegId,
    /// Its voice in the recording of the call, where there is one.
    pub voice: Option<LegId>,
    /// Where and how.
    pub connector: Connector,
    /// What the step wants.
    pub talk: Talk,
}

/// The end of a talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotDone {
    /// Of the talk.
    pub id: u64,
    /// How the bot left, or why there is none any more.
    pub result: Result<Parting, Fault>,
}

impl Switch {
    /// A call that has ended, or did not wait so long, hears nothing of it.
    pub(super) fn on_bot(&mut self, now: Now, done: BotDone) {
        if let Some(id) = self.world.requests.remove(&done.id) {
            self.with_call(now, id, |call, cx| call.on_bot(cx, done));
        }
    }
}
