//! The phones: two sockets a call, stamped G.711 on both sides, every packet checked on arrival.

use crate::media::delay::Delays;
use crate::media::engine::{Clock, Engines, Place, Totals, Watch};
use crate::media::g711::Law;
use crate::media::rtp::{Heard, Listener, Speaker};
use crate::media::wire::Choice;
use crate::voices;
use anyhow::{Context, Result};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Calls that begin to speak together; the next such group a moment later.
const GROUP: usize = 20;
const BETWEEN_GROUPS: Duration = Duration::from_millis(10);
/// The last packets are on their way for less than this.
const ECHO: Duration = Duration::from_millis(500);
/// Where the machine stood still they are for longer: so often it is looked whether more has come.
const LOOKS_MAX: usize = 10;

/// Addresses of the two parties of a call.
pub type Pair = (SocketAddr, SocketAddr);

/// Phones of all calls.
pub struct Crowd {
    /// What the stamps count from.
    pub clock: Clock,
    engines: Engines,
    legs: Vec<Place>,
    watches: Vec<Arc<Watch>>,
    addresses: Vec<SocketAddr>,
}

/// What they heard and said.
#[derive(Default)]
pub struct Verdict {
    /// Stamped frames sent.
    pub said: u64,
    /// Stamped frames that arrived.
    pub heard: u64,
    /// Frames with wrong samples.
    pub damaged: u64,
    /// Of the generator's threads.
    pub totals: Totals,
}

impl Verdict {
    /// Frames that never arrived.
    pub fn lost(&self) -> u64 {
        self.said.saturating_sub(self.heard)
    }
}

/// The number of the party in the stamps: callers are even, the called odd.
pub fn speaker(call: usize, called: bool) -> u32 {
    call as u32 * 2 + u32::from(called)
}

impl Crowd {
    /// Binds two sockets for each call.
    ///
    /// # Errors
    /// When the kernel has no more sockets.
    pub fn gather(calls: u32) -> Result<Crowd> {
        let clock = Clock::start();
        let mut engines = Engines::start(1, Choice::Auto, clock)?;
        let (customer, agent) = (voices::customer(Law::A), voices::agent(Law::A));
        let (mut legs, mut watches, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for call in 0..calls as usize {
            for called in [false, true] {
                let socket = UdpSocket::bind("127.0.0.1:0").context("bind a phone's socket")?;
                addresses.push(socket.local_addr()?);
                let id = speaker(call, called);
                let (own, other) = if called { (&agent, &customer) } else { (&customer, &agent) };
                let starts = (id.wrapping_mul(0x9E37_79B9), id as u16, id << 8);
                let speaker = Speaker::new(id, own.clone(), Law::A, 101, starts);
                let listener = Listener::new(other.clone(), Law::A);
                let (leg, watch) = engines.open(socket, speaker, listener);
                legs.push(leg);
                watches.push(watch);
            }
        }
        Ok(Crowd { clock, engines, legs, watches, addresses })
    }

    /// Where the parties of each call listen.
    pub fn calls(&self) -> Vec<Pair> {
        self.addresses.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// Everybody begins to speak to where the system listens.
    pub fn speak(&self, to: &[Pair]) {
        for (group, legs) in to.chunks(GROUP).zip(self.legs.chunks(2 * GROUP)) {
            for (pair, legs) in group.iter().zip(legs.chunks_exact(2)) {
                self.engines.connect(legs[0], pair.0, Some(101), true);
                self.engines.connect(legs[1], pair.1, Some(101), true);
            }
            std::thread::sleep(BETWEEN_GROUPS);
        }
    }

    /// Delays of what arrived since this was asked last.
    pub fn delays(&self) -> Delays {
        self.engines.delays()
    }

    /// Everybody falls silent until what was said has arrived.
    pub fn hush(&self) {
        self.legs.iter().for_each(|leg| self.engines.mute(*leg, true));
        let mut heard = None;
        for _ in 0..LOOKS_MAX {
            std::thread::sleep(ECHO);
            let now: u64 = self.watches.iter().map(|watch| watch.look(0).packets).sum();
            if heard.replace(now) == Some(now) {
                return;
            }
        }
    }

    /// Ends the phones.
    ///
    /// # Errors
    /// What ended the threads before their time.
    pub fn leave(mut self) -> Result<Verdict> {
        let mut verdict = Verdict::default();
        for leg in self.legs {
            let (heard, said): (Heard, u32) = self.engines.close(leg);
            verdict.said += u64::from(said);
            verdict.heard += heard.frames;
            verdict.damaged += heard.frames_damaged;
        }
        verdict.totals = self.engines.stop()?;
        Ok(verdict)
    }
}
