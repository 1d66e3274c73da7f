//! The pulse of a connection that we opened: two empty lines now and then, which whoever is spoken to
//! answers with one (RFC 5626 §3.5.1 and §4.4.1). What lies between keeps it open meanwhile, and calls
//! come in over it. Who has answered before and does not any more is gone, long before TCP would say
//! so. Who never did is taken for gone as well, once: where the next connection to them is as mute they
//! do not know the question, and are left to TCP, which gives up a line that takes nothing for as long
//! (`TCP_USER_TIMEOUT`, RFC 5482).

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// From the last that was heard to the question: within 80 % and all of two minutes (§4.4.1).
const EVERY: Duration = Duration::from_secs(100);
/// How long an answer may take (§4.4.1).
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Peers that are remembered as mute; those beyond are left to TCP.
const MUTES_MAX: usize = 1_000;

/// The question.
pub(super) const PING: &[u8] = b"\r\n\r\n";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Send [`PING`].
    Ask,
    /// Nobody is there any more.
    Gone,
    /// Nobody answered, and nobody ever did over this connection.
    Mute,
}

/// Peers that were taken for gone because they never answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Mutes {
    known: Arc<Mutex<HashSet<IpAddr>>>,
}

impl Mutes {
    /// This one never answered. True where that is news.
    pub(super) fn note(&self, peer: IpAddr) -> bool {
        let mut known = self.known.lock().expect("no panic while held");
        known.len() < MUTES_MAX && known.insert(peer)
    }
}

/// Of one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    asks_at: Instant,
    answer_until: Option<Instant>,
    has_answered: bool,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Pulse { asks_at: now + EVERY, answer_until: None, has_answered: false }
    }

    /// When [`Pulse::on_timeout`] is to be called.
    pub(super) fn next_timeout(&self) -> Instant {
        self.answer_until.unwrap_or(self.asks_at)
    }

    pub(super) fn on_timeout(&mut self, now: Instant) -> Option<Beat> {
        match self.answer_until {
            Some(until) if until <= now => {
                (self.answer_until, self.asks_at) = (None, now + EVERY);
                Some(if self.has_answered { Beat::Gone } else { Beat::Mute })
            }
            None if self.asks_at <= now => {
                self.answer_until = Some(now + ANSWER_MAX);
                Some(Beat::Ask)
            }
            _ => None,
        }
    }

    /// Whatever is heard says that somebody is there; empty lines alone are an answer.
    pub(super) fn on_heard(&mut self, now: Instant, bytes: &[u8]) {
        let is_answer = bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        self.has_answered |= self.answer_until.take().is_some() && is_answer;
        self.asks_at = now + EVERY;
    }
}

/// Waits until then, or for ever.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn who_has_answered_once_and_does_not_any_more_is_gone() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.on_timeout(start + secs(99)), None);
        assert_eq!(pulse.next_timeout(), start + secs(100));
        assert_eq!(pulse.on_timeout(start + secs(100)), Some(Beat::Ask));
        assert_eq!(pulse.next_timeout(), start + secs(110));
        pulse.on_heard(start + secs(101), b"\r\n");
        assert_eq!(pulse.next_timeout(), start + secs(201));
        assert_eq!(pulse.on_timeout(start + secs(201)), Some(Beat::Ask));
        assert_eq!(pulse.on_timeout(start + secs(210)), None, "there is a second left");
        assert_eq!(pulse.on_timeout(start + secs(211)), Some(Beat::Gone));
    }

    #[test]
    fn who_never_answered_is_mute_each_time_and_that_is_news_once() {
        let mutes = Mutes::default();
        let peer = |last: u8| IpAddr::from([192, 0, 2, last]);
        assert!(mutes.note(peer(1)) && mutes.note(peer(2)));
        assert!(!mutes.clone().note(peer(1)), "the next connection is left alone");
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        for round in 0..3 {
            let asked = start + secs(110 * round + 100);
            assert_eq!(pulse.on_timeout(asked), Some(Beat::Ask));
            assert_eq!(pulse.on_timeout(asked + secs(9)), None);
            assert_eq!(pulse.on_timeout(asked + secs(10)), Some(Beat::Mute));
        }
    }

    #[test]
    fn who_speaks_is_there_but_has_not_answered() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        pulse.on_heard(start + secs(60), b"OPTIONS sip:a@b SIP/2.0\r\n");
        assert_eq!(pulse.next_timeout(), start + secs(160), "it need not be asked so soon");
        assert_eq!(pulse.on_timeout(start + secs(160)), Some(Beat::Ask));
        pulse.on_heard(start + secs(161), b"BYE sip:a@b SIP/2.0\r\n");
        assert_eq!(pulse.on_timeout(start + secs(261)), Some(Beat::Ask));
        let said = pulse.on_timeout(start + secs(271));
        assert_eq!(said, Some(Beat::Mute), "that was no answer to the question");
    }
}
