//! The network between all: every datagram is lost, comes twice or takes its time, so that some overtake
//! others.

use rand::Rng;
use rand::rngs::SmallRng;
use std::net::SocketAddr;
use std::time::Duration;

/// One datagram on its way.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// How the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Share of datagrams that are lost.
    pub loss: f64,
    /// Least time on the way.
    pub delay: Duration,
    /// Added to it at random, up to this.
    pub jitter: Duration,
    /// Share of datagrams that take `detour` longer: those behind them overtake.
    pub stray: f64,
    /// How much longer.
    pub detour: Duration,
    /// Share of datagrams of which the network sends a second one on its way.
    pub twins: f64,
}

impl Weather {
    /// Nothing is lost and nothing overtakes: 5 ms on the way.
    pub fn calm() -> Self {
        Weather {
            loss: 0.0,
            delay: Duration::from_millis(5),
            jitter: Duration::ZERO,
            stray: 0.0,
            detour: Duration::ZERO,
            twins: 0.0,
        }
    }

    /// Ordinary days: half a percent is lost, a little jitter, some overtake.
    pub fn fair() -> Self {
        Weather {
            loss: 0.005,
            delay: Duration::from_millis(10),
            jitter: Duration::from_millis(12),
            stray: 0.01,
            detour: Duration::from_millis(45),
            twins: 0.0,
        }
    }

    /// One in twelve is lost, one in ten takes 150 ms longer.
    pub fn storm() -> Self {
        Weather {
            loss: 0.08,
            delay: Duration::from_millis(30),
            jitter: Duration::from_millis(40),
            stray: 0.1,
            detour: Duration::from_millis(150),
            twins: 0.0,
        }
    }

    /// One in ten is lost, one in a hundred comes twice, one in twenty is overtaken.
    pub fn rough() -> Self {
        Weather {
            loss: 0.1,
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(20),
            stray: 0.05,
            detour: Duration::from_millis(150),
            twins: 0.01,
        }
    }

    /// How long the next datagram is on its way; `None` when it is lost.
    pub fn fate(&self, rng: &mut SmallRng) -> Option<Duration> {
        if self.loss > 0.0 && rng.random_bool(self.loss) {
            return None;
        }
        let detour = self.stray > 0.0 && rng.random_bool(self.stray);
        let detour = if detour { self.detour } else { Duration::ZERO };
        Some(self.delay + self.jitter.mul_f64(rng.random_range(0.0..1.0)) + detour)
    }

    /// How long the second one of the next datagram is on its way; `None` where there is none, or it is
    /// lost.
    pub fn twin(&self, rng: &mut SmallRng) -> Option<Duration> {
        let doubled = self.twins > 0.0 && rng.random_bool(self.twins);
        doubled.then(|| self.fate(rng)).flatten()
    }
}
