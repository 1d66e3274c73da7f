//! The INVITE client transaction, RFC 3261 §17.1.1 and RFC 6026 §7.2.

use super::{Due, Heard, Repeat, Timing, earliest};
use std::sync::Arc;
use std::time::Duration;
use terms::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

/// Our INVITE.
#[derive(Debug)]
pub(crate) struct InviteClient {
    state: State,
    /// Empty once nobody needs it: half a minute is long for a thousand octets of each call.
    request: Arc<[u8]>,
    ack: Option<Arc<[u8]>>,
    /// Timer A.
    repeat: Option<Repeat>,
    /// Timers B, D and M, one at a time.
    ends_at: Option<Moment>,
    timing: Timing,
    reliable: bool,
}

impl InviteClient {
    pub(crate) fn new(now: Moment, request: Arc<[u8]>, reliable: bool, timing: Timing) -> Self {
        let repeat = (!reliable).then(|| Repeat::new(now, timing.t1, Duration::MAX));
        let ends_at = Some(now + timing.give_up());
        InviteClient {
            state: State::Calling,
            request,
            ack: None,
            repeat,
            ends_at,
            timing,
            reliable,
        }
    }

    /// No response came yet, so CANCEL has to wait (RFC 3261 §9.1).
    pub(crate) fn is_calling(&self) -> bool {
        self.state == State::Calling
    }
    /// No final response came yet.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding)
    }

    pub(crate) fn on_response(&mut self, now: Moment, status: u16) -> Heard {
        use State::{Accepted, Calling, Completed, Proceeding, Terminated};
        match (self.state, status) {
            (Calling | Proceeding, 100..200) => {
                self.state = Proceeding;
                self.repeat = None;
                // Timer B covers Calling only; how long it rings is the user's business. After
                // CANCEL the user sets an end with `give_up_at`.
                self.ends_at = None;
                Heard::Pass
            }
            (Calling | Proceeding, 200..300) => {
                self.state = Accepted;
                (self.repeat, self.request) = (None, Arc::default());
                self.ends_at = Some(now + self.timing.give_up());
                Heard::Pass
            }
            (Calling | Proceeding, _) => {
                self.state = Completed;
                self.repeat = None;
                let wait = if self.reliable { Duration::ZERO } else { self.timing.give_up() };
                self.ends_at = Some(now + wait);
                Heard::PassAndAck
            }
            (Completed, 300..) => Heard::AckAgain,
            // Repeated and forked 2xx: the user sends ACK for each.
            (Accepted, 200..300) => Heard::Pass,
            (Completed | Accepted | Terminated, _) => Heard::Absorb,
        }
    }

    /// What was sent; empty after its final response.
    pub(crate) fn request(&self) -> Arc<[u8]> {
        self.request.clone()
    }
    /// The ACK of a refusal, which its repetitions get again.
    pub(crate) fn set_ack(&mut self, ack: Arc<[u8]>) {
        (self.ack, self.request) = (Some(ack), Arc::default());
    }
    pub(crate) fn ack(&self) -> Option<Arc<[u8]>> {
        self.ack.clone()
    }
    /// After CANCEL the final response may never come (RFC 3261 §9.1).
    pub(crate) fn give_up_at(&mut self, at: Moment) {
        if self.is_pending() {
            self.ends_at = Some(at);
        }
    }

    pub(crate) fn on_timeout(&mut self, now: Moment) -> Option<Due> {
        if self.ends_at.is_some_and(|at| at <= now) {
            let timed_out = self.is_pending();
            self.state = State::Terminated;
            self.repeat = None;
            self.ends_at = None;
            return Some(if timed_out { Due::TimedOut } else { Due::Over });
        }
        let repeat = self.repeat.as_mut().filter(|repeat| repeat.at <= now)?;
        repeat.advance(now);
        Some(Due::Send(self.request.clone()))
    }

    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        earliest(self.repeat.map(|repeat| repeat.at), self.ends_at)
    }
}
