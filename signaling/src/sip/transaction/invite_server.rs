//! The INVITE server transaction, RFC 3261 §17.2.1 and RFC 6026 §7.1. A 2xx is repeated by the
//! dialog, not here: in Accepted the machine only swallows repeated INVITEs.

use super::{Due, Repeat, Timing, earliest};
use std::sync::Arc;
use std::time::Duration;
use terms::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
}

/// Their INVITE.
#[derive(Debug)]
pub(crate) struct InviteServer {
    state: State,
    last: Option<Arc<[u8]>>,
    /// Timer G.
    repeat: Option<Repeat>,
    /// Timers H, I and L.
    ends_at: Option<Moment>,
    timing: Timing,
    reliable: bool,
}

impl InviteServer {
    pub(crate) fn new(reliable: bool, timing: Timing) -> Self {
        InviteServer {
            state: State::Proceeding,
            last: None,
            repeat: None,
            ends_at: None,
            timing,
            reliable,
        }
    }

    /// No final response was sent yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Takes our response; false when a final one was sent before.
    pub(crate) fn on_respond(&mut self, now: Moment, status: u16, bytes: Arc<[u8]>) -> bool {
        if self.state != State::Proceeding {
            return false;
        }
        match status {
            100..200 => self.last = Some(bytes),
            200..300 => {
                self.state = State::Accepted;
                self.last = None;
                self.ends_at = Some(now + self.timing.give_up());
            }
            _ => {
                self.state = State::Completed;
                self.last = Some(bytes);
                self.ends_at = Some(now + self.timing.give_up());
                if !self.reliable {
                    self.repeat = Some(Repeat::new(now, self.timing.t1, self.timing.t2));
                }
            }
        }
        true
    }

    /// The INVITE came again: what to send.
    pub(crate) fn on_repeated(&self) -> Option<Arc<[u8]>> {
        match self.state {
            State::Proceeding | State::Completed => self.last.clone(),
            State::Accepted | State::Confirmed => None,
        }
    }

    /// The ACK of a final refusal came.
    pub(crate) fn on_ack(&mut self, now: Moment) {
        if self.state == State::Completed {
            self.state = State::Confirmed;
            self.repeat = None;
            let wait = if self.reliable { Duration::ZERO } else { self.timing.t4 };
            self.ends_at = Some(now + wait);
        }
    }

    pub(crate) fn on_timeout(&mut self, now: Moment) -> Option<Due> {
        if self.ends_at.is_some_and(|at| at <= now) {
            let unheard = self.state == State::Completed;
            return Some(if unheard { Due::TimedOut } else { Due::Over });
        }
        let last = self.last.clone()?;
        let repeat = self.repeat.as_mut().filter(|repeat| repeat.at <= now)?;
        repeat.advance(now);
        Some(Due::Send(last))
    }

    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        earliest(self.repeat.map(|repeat| repeat.at), self.ends_at)
    }
}
