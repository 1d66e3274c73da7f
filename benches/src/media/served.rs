//! Calls of a media engine in a bench's own process, told what signaling would tell it: opened as
//! pairs that hear each other, recorded where there is a storage, and ended until the last row of
//! their recordings has come.

use super::crowd::Pair;
use anyhow::{Context, Result, bail};
use mediacore::edge::clock;
use mediacore::edge::engine::{Engine, EngineConfig};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use terms::media::{
    Codec, Command, Event, Ledger, PayloadType, Payloads, Place, Port, RecordStart, RecordTerms,
    Remote, Side,
};
use terms::{CallId, ContactId, LegId, RecordingId, RoomId, TenantId};

/// Anything asked of the engine is answered within this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// A full ring is tried again after this.
const AGAIN: Duration = Duration::from_millis(1);
/// Pairs of even and odd ports below the ephemeral ones: 3,183 calls.
pub const PORTS: std::ops::RangeInclusive<u16> = 20_000..=32_766;

/// The engine and its calls.
pub struct Calls {
    /// The engine.
    pub engine: Engine,
    events: Receiver<Event>,
    /// Rows of recordings, where there are any.
    rows: Option<Receiver<Ledger>>,
    /// Those that are up.
    up: Range<u64>,
}

impl Calls {
    /// Starts the engine. Calls are recorded where their rows are heard of.
    ///
    /// # Errors
    /// When the engine does not start.
    pub fn start(config: EngineConfig, rows: Option<Receiver<Ledger>>) -> Result<Calls> {
        let (tell, events) = channel();
        let engine = Engine::start(config, move |_, event| {
            // Nobody listens to what comes after the last call.
            let _ = tell.send(event);
        })?;
        Ok(Calls { engine, events, rows, up: 1..1 })
    }

    fn send(&self, command: &Command) {
        while self.engine.send(command.clone()).is_err() {
            std::thread::sleep(AGAIN);
        }
    }

    /// Opens calls: where their parties listen, to where they should send.
    ///
    /// # Errors
    /// What was refused, or did not come in time.
    pub fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        let payloads = Payloads::of(Codec::Pcma).with_dtmf(PayloadType(101));
        self.open_as(calls, |_, _, phone| Remote::at(phone, payloads))
    }

    /// The same for parties that speak as `remote` says of the number of the call, of the caller or the
    /// called one, and of where they listen. Those with ICE come to the shared port.
    ///
    /// # Errors
    /// What was refused, or did not come in time.
    pub fn open_as(
        &mut self,
        calls: &[Pair],
        remote: impl Fn(u64, bool, SocketAddr) -> Remote,
    ) -> Result<Vec<Pair>> {
        let first = self.up.end;
        let up = first..first + calls.len() as u64;
        let both = |(call, phones): (u64, &Pair)| {
            [(false, remote(call, false, phones.0)), (true, remote(call, true, phones.1))]
        };
        let parties: Vec<_> = up.clone().zip(calls).map(both).collect();
        // All at once: a core takes commands at the end of a tick, and answers one tick later.
        for (call, sides) in up.clone().zip(&parties) {
            for (called, remote) in sides {
                let (contact, tenant) = (ContactId(call), TenantId(1));
                let port = if remote.ice.is_some() { Port::Shared } else { Port::Own };
                let (leg, place) = (leg(call, *called), Place::WithContact);
                self.send(&Command::Open { leg, contact, tenant, place, port });
            }
        }
        let doors = self.opened(2 * calls.len())?;
        let mut pairs = Vec::new();
        for (call, sides) in up.clone().zip(parties) {
            for (called, remote) in sides {
                self.join(call, called, remote);
            }
            if self.rows.is_some() {
                self.record(call);
            }
            let door = |called| doors.get(&leg(call, called)).copied();
            pairs.push(door(false).zip(door(true)).context("every leg has a port")?);
        }
        self.up = up;
        self.wait_for_all_before()?;
        Ok(pairs)
    }

    /// Whoever speaks now is heard: what was asked of the core so far is done. Commands are in order,
    /// so one more leg that comes and goes has come after them.
    fn wait_for_all_before(&self) -> Result<()> {
        let (contact, tenant) = (ContactId(self.up.end), TenantId(1));
        let (leg, place, port) = (leg(self.up.end, false), Place::WithContact, Port::Own);
        self.send(&Command::Open { leg, contact, tenant, place, port });
        self.opened(1)?;
        self.send(&Command::Release { leg });
        loop {
            let event = self.events.recv_timeout(PATIENCE).context("a leg closes in time")?;
            if matches!(event, Event::Released { .. }) {
                return Ok(());
            }
        }
    }

    fn join(&self, call: u64, called: bool, remote: Remote) {
        let leg = leg(call, called);
        self.send(&Command::Connect { leg, remote: Box::new(remote) });
        self.send(&Command::Join { leg, room: RoomId(call) });
    }

    /// The addresses of so many legs.
    fn opened(&self, count: usize) -> Result<HashMap<LegId, SocketAddr>> {
        let mut doors = HashMap::with_capacity(count);
        while doors.len() < count {
            match self.events.recv_timeout(PATIENCE).context("legs open in time")? {
                Event::Opened { leg, rtp } => _ = doors.insert(leg, rtp),
                // Nobody speaks before all calls are open.
                Event::Silent { .. } => {}
                other => bail!("a leg was to open, but {other:?}"),
            }
        }
        Ok(doors)
    }

    fn record(&self, call: u64) {
        self.send(&Command::RecordStart(RecordStart {
            recording: RecordingId(call),
            tenant: TenantId(1),
            contact: ContactId(call),
            call: CallId(call),
            started_at: clock::wall(),
            parties: vec![(leg(call, false), Side::Customer), (leg(call, true), Side::Other)],
            terms: RecordTerms::default(),
        }));
    }

    /// Ends those that are up and waits for the rows of their recordings.
    ///
    /// # Errors
    /// What did not end in time.
    pub fn end(&mut self) -> Result<Vec<Ledger>> {
        for call in self.up.clone() {
            if self.rows.is_some() {
                self.send(&Command::RecordStop { recording: RecordingId(call) });
            }
            for called in [false, true] {
                self.send(&Command::Release { leg: leg(call, called) });
            }
        }
        let calls = self.up.end - self.up.start;
        let mut released = 0;
        while released < 2 * calls {
            let event = self.events.recv_timeout(PATIENCE).context("legs close in time")?;
            released += u64::from(matches!(event, Event::Released { .. }));
        }
        let Some(rows) = &self.rows else { return Ok(Vec::new()) };
        let row = |_| rows.recv_timeout(PATIENCE).context("recordings end in time");
        (0..calls).map(row).collect()
    }
}

fn leg(call: u64, called: bool) -> LegId {
    LegId(call * 2 + u64::from(called))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn calls_have_a_port_for_each_party_and_end_and_others_come_after_them() {
        let mut calls = Calls::start(EngineConfig::default(), None).unwrap();
        let phone = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for (round, count) in [(1_u16, 2_usize), (2, 3)] {
            let phones = vec![(phone(40_000 + round), phone(41_000 + round)); count];
            let opened = calls.open(&phones).unwrap();
            let ports: BTreeSet<SocketAddr> =
                opened.iter().flat_map(|&(caller, called)| [caller, called]).collect();
            assert_eq!((opened.len(), ports.len()), (count, 2 * count));
            assert!(calls.end().unwrap().is_empty(), "nothing was recorded");
        }
        assert_eq!(calls.up, 3..6, "no call has the number of another");
    }
}
