//! The server transaction of every other method, RFC 3261 §17.2.2. A request that nobody answers
//! ends after 64·T1, when its sender has given up as well.

use super::{Due, Timing};
use std::sync::Arc;
use std::time::Duration;
use terms::Moment;

/// Their request other than INVITE and ACK.
#[derive(Debug)]
pub(crate) struct Server {
    last: Option<Arc<[u8]>>,
    completed: bool,
    /// Timer J once completed.
    ends_at: Moment,
    timing: Timing,
    reliable: bool,
}

impl Server {
    pub(crate) fn new(now: Moment, reliable: bool, timing: Timing) -> Self {
        let ends_at = now + timing.give_up();
        Server { last: None, completed: false, ends_at, timing, reliable }
    }

    /// No final response was sent yet.
    pub(crate) fn is_pending(&self) -> bool {
        !self.completed
    }

    /// Takes our response; false when a final one was sent before.
    pub(crate) fn on_respond(&mut self, now: Moment, status: u16, bytes: Arc<[u8]>) -> bool {
        if self.completed {
            return false;
        }
        self.last = Some(bytes);
        if status >= 200 {
            self.completed = true;
            let wait = if self.reliable { Duration::ZERO } else { self.timing.give_up() };
            self.ends_at = now + wait;
        }
        true
    }

    /// The request came again: what to send.
    pub(crate) fn on_repeated(&self) -> Option<Arc<[u8]>> {
        self.last.clone()
    }

    pub(crate) fn on_timeout(&mut self, now: Moment) -> Option<Due> {
        (self.ends_at <= now).then_some(if self.completed { Due::Over } else { Due::TimedOut })
    }

    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        Some(self.ends_at)
    }
}
