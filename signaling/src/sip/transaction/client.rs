//! The client transaction of every other method, RFC 3261 §17.1.2.

use super::{Due, Heard, Repeat, Timing, earliest};
use std::sync::Arc;
use std::time::Duration;
use terms::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
}

/// Our request other than INVITE and ACK.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    /// Empty once it is answered.
    request: Arc<[u8]>,
    /// Timer E.
    repeat: Option<Repeat>,
    /// It was sent more than once.
    repeated: bool,
    /// Timers F and K.
    ends_at: Moment,
    timing: Timing,
    reliable: bool,
}

impl Client {
    pub(crate) fn new(now: Moment, request: Arc<[u8]>, reliable: bool, timing: Timing) -> Self {
        let repeat = (!reliable).then(|| Repeat::new(now, timing.t1, timing.t2));
        let ends_at = now + timing.give_up();
        let state = State::Trying;
        Client { state, request, repeat, repeated: false, ends_at, timing, reliable }
    }

    pub(crate) fn on_response(&mut self, now: Moment, status: u16) -> Heard {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..200) => {
                self.state = State::Proceeding;
                Heard::Pass
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                (self.repeat, self.request) = (None, Arc::default());
                let wait = if self.reliable { Duration::ZERO } else { self.timing.t4 };
                self.ends_at = now + wait;
                Heard::Pass
            }
            (State::Completed, _) => Heard::Absorb,
        }
    }

    pub(crate) fn on_timeout(&mut self, now: Moment) -> Option<Due> {
        if self.ends_at <= now {
            let completed = self.state == State::Completed;
            return Some(if completed { Due::Over } else { Due::TimedOut });
        }
        let (state, t2) = (self.state, self.timing.t2);
        let repeat = self.repeat.as_mut().filter(|repeat| repeat.at <= now)?;
        repeat.advance(now);
        self.repeated = true;
        if state == State::Proceeding {
            repeat.at = now + t2;
        }
        Some(Due::Send(self.request.clone()))
    }

    /// Its peer has it for all that is known: it said so, or was sent it more than once.
    pub(crate) fn may_be_there(&self) -> bool {
        self.repeated || self.state != State::Trying
    }

    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        earliest(self.repeat.map(|repeat| repeat.at), Some(self.ends_at))
    }
}
