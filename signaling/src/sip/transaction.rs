//! The four transaction machines of RFC 3261 §17 with the corrections of RFC 6026. Each keeps the
//! octets that it may have to send again, not a message tree; each is driven by what was received
//! or sent and by time, and says what to do.

mod client;
mod invite_client;
mod invite_server;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use client::Client;
pub(crate) use invite_client::InviteClient;
pub(crate) use invite_server::InviteServer;
pub(crate) use server::Server;

use super::message::{Message, Method};
use std::sync::Arc;
use std::time::Duration;
use terms::Moment;

/// T1, T2 and T4 of RFC 3261 §17.1.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Estimate of a round trip.
    pub t1: Duration,
    /// Longest interval between repetitions.
    pub t2: Duration,
    /// Longest time that a message stays in the network.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// 64·T1: timers B, D, F, H, J, L and M.
    pub const fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// Names a server transaction: branch, sent-by and method of the request (RFC 3261 §17.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(Box<[u8]>);

impl Key {
    /// The key of a request. ACK belongs to the INVITE's transaction; CANCEL finds the INVITE by
    /// `as_method`. Requests without a proper branch are told apart by Call-ID, tag and CSeq as
    /// well (RFC 2543).
    pub(crate) fn of(request: &Message, as_method: Option<&[u8]>) -> Option<Key> {
        let via = request.via()?;
        let branch = via.branch().unwrap_or_default();
        let method = match (as_method, request.method()) {
            (Some(method), _) => method,
            (None, Method::Ack) => b"INVITE",
            (None, _) => request.method_bytes(),
        };
        let mut key = Vec::with_capacity(branch.len() + via.host.len() + method.len() + 8);
        let port = via.port.unwrap_or(0).to_be_bytes();
        for part in [branch, &via.host.to_ascii_lowercase(), &port[..], method] {
            key.extend_from_slice(part);
            key.push(0);
        }
        if !via.names_transaction() {
            key.extend_from_slice(request.call_id());
            key.push(0);
            key.extend_from_slice(request.from_tag().unwrap_or_default());
            key.extend_from_slice(&request.cseq()?.number.to_be_bytes());
        }
        Some(Key(key.into_boxed_slice()))
    }
}

/// What a client machine makes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// New to the user.
    Pass,
    /// A repetition, or too late.
    Absorb,
    /// A final refusal of an INVITE: build its ACK, then pass.
    PassAndAck,
    /// The same again: send the ACK again.
    AckAgain,
}

/// What a machine wants when its time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send these octets (again).
    Send(Arc<[u8]>),
    /// No answer, or no ACK, came in time; the machine is over.
    TimedOut,
    /// The machine is over.
    Over,
}

/// A repetition with doubling intervals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    pub(crate) at: Moment,
    interval: Duration,
    interval_max: Duration,
}

impl Repeat {
    pub(crate) fn new(now: Moment, first: Duration, interval_max: Duration) -> Self {
        Repeat { at: now + first, interval: first, interval_max }
    }
    /// Never, until it is replaced.
    pub(crate) fn idle() -> Self {
        Repeat { at: Moment(u64::MAX), interval: Duration::ZERO, interval_max: Duration::ZERO }
    }
    pub(crate) fn advance(&mut self, now: Moment) {
        self.interval = (self.interval * 2).min(self.interval_max);
        self.at = now + self.interval;
    }
}

pub(crate) fn earliest(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
