//! A carrier of the box, played by the bench: it answers whatever is called over its trunk, and
//! remembers what that was.

use super::line::Line;
use crate::sip::phone::{Event, LegKey};
use anyhow::Result;
use std::net::SocketAddr;

/// What a number abroad begins with.
const ABROAD: &str = "00";

/// The carrier.
pub struct Carrier {
    line: Line,
    seen: Seen,
}

/// The calls that it was asked to make.
#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    /// Most calls abroad at a time.
    at_a_time: usize,
}

struct Call {
    leg: LegKey,
    number: String,
    up: bool,
}

impl Seen {
    fn on_call(&mut self, leg: LegKey, number: String) {
        self.calls.push(Call { leg, number, up: true });
        self.at_a_time = self.at_a_time.max(self.abroad().filter(|call| call.up).count());
    }

    fn on_ended(&mut self, leg: LegKey) {
        for call in self.calls.iter_mut().filter(|call| call.leg == leg) {
            call.up = false;
        }
    }

    fn abroad(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.number.starts_with(ABROAD))
    }
}

impl Carrier {
    /// Opens its socket on this machine.
    ///
    /// # Errors
    /// When the kernel has none.
    pub fn open(server: SocketAddr) -> Result<Carrier> {
        Ok(Carrier { line: Line::carrier(server, 5)?, seen: Seen::default() })
    }

    /// Where the box finds it.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn address(&self) -> Result<SocketAddr> {
        self.line.address()
    }

    /// Takes what has come: each call rings and is answered.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn turn(&mut self) -> Result<()> {
        for event in self.line.turn() {
            match event {
                Event::Incoming { leg, user, .. } => {
                    self.line.ring(leg);
                    self.line.answer(leg)?;
                    self.seen.on_call(leg, user);
                }
                Event::Ended { leg } => self.seen.on_ended(leg),
                _ => {}
            }
        }
        Ok(())
    }

    /// Calls that came until now.
    pub fn calls(&self) -> usize {
        self.seen.calls.len()
    }

    /// Those of them that went abroad.
    pub fn abroad(&self) -> usize {
        self.seen.abroad().count()
    }

    /// Those of them that the box has not ended.
    pub fn abroad_up(&self) -> usize {
        self.seen.abroad().filter(|call| call.up).count()
    }

    /// The most of them at a time.
    pub fn abroad_at_a_time(&self) -> usize {
        self.seen.at_a_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_abroad_are_counted_apart_and_the_most_at_a_time_is_kept() {
        let mut seen = Seen::default();
        seen.on_call(LegKey(1), "0044207".into());
        seen.on_call(LegKey(2), "13900139000".into());
        seen.on_call(LegKey(3), "0044208".into());
        assert_eq!((seen.calls.len(), seen.abroad().count(), seen.at_a_time), (3, 2, 2));
        seen.on_ended(LegKey(1));
        seen.on_ended(LegKey(2));
        seen.on_call(LegKey(4), "0044209".into());
        let up = seen.abroad().filter(|call| call.up).count();
        assert_eq!((up, seen.at_a_time), (2, 2), "one had ended");
    }
}
