//! The door for clients of PostgreSQL: its protocol 3.0 (PostgreSQL 16, "Frontend/Backend Protocol")
//! over the tenant's rows, for psql, DBeaver, Grafana, Metabase and whatever else speaks it.
//!
//! It asks for TLS, except on this machine; who connects proves a token for SQL by SCRAM-SHA-256
//! ([`desk::scram`]). Every question is looked at anew: whether the token is still good, whose rows
//! it may see. It is answered by the `work` child, like those of the API, and only reads.
//!
//! ```text
//!  start ── TLS, sign-in ──► session ── simple, extended ──────────► ask ──► work child
//!    └── cancel ──────────────► cancel      └── cursor, copying ──► ask  └──► rows, as they are
//! ```

pub(crate) mod ask;
mod cancel;
mod copying;
mod cursor;
mod extended;
mod message;
mod parameter;
mod parts;
mod session;
mod start;
mod statement;
mod words;

use crate::api::links::{Clock, WorkLink};
use crate::config::Config;
use crate::doors::Counts;
use cancel::Cancels;
use desk::Store;
use desk::lockout::Lockout;
pub(crate) use message::refused;
use signaling::edge::tls::Certificate;
use socket2::{SockRef, TcpKeepalive};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections that have not signed in yet.
const STARTING_MAX: usize = 64;
/// Longest time from the connection to the end of its sign-in.
const START_MAX: Duration = Duration::from_secs(20);
/// How long to wait before the next connection when one could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client is silent before it is asked for a sign of life, how often then, and how many
/// times without one.
const SILENT_MAX: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

/// Everything that connections share.
pub struct Door {
    store: Store,
    work: Arc<dyn WorkLink>,
    clock: Arc<dyn Clock>,
    certificate: Option<Arc<Certificate>>,
    /// Others than this machine may come without TLS.
    plain: bool,
    lockout: Mutex<Lockout>,
    /// Makes salts for names that nobody has.
    nobody: [u8; 32],
    starting: Arc<Semaphore>,
    signed_in: Arc<Semaphore>,
    /// Room for answers, in KiB.
    held: Arc<Semaphore>,
    cancels: Arc<Cancels>,
    counts: Arc<Counts>,
}

impl Door {
    /// A door of this box.
    pub fn new(
        config: &Config,
        store: Store,
        work: Arc<dyn WorkLink>,
        clock: Arc<dyn Clock>,
        certificate: Option<Arc<Certificate>>,
        counts: Arc<Counts>,
    ) -> Self {
        let mut nobody = [0; 32];
        getrandom::fill(&mut nobody).expect("the kernel has random bytes");
        Door {
            store,
            work,
            clock,
            certificate,
            plain: config.sql.postgres_plain,
            lockout: Mutex::default(),
            nobody,
            starting: Arc::new(Semaphore::new(STARTING_MAX)),
            signed_in: Arc::new(Semaphore::new(config.sql.postgres_connections_max as usize)),
            held: Arc::new(Semaphore::new(ask::HELD_KIB_MAX)),
            cancels: Arc::default(),
            counts,
        }
    }

    /// Takes connections until it is dropped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::error!(%error, "a connection for SQL was not taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Who finds no place is closed.
            let Ok(place) = self.starting.clone().try_acquire_owned() else { continue };
            let door = self.clone();
            tokio::spawn(async move {
                let started = tokio::time::timeout(START_MAX, door.start(stream, from)).await;
                drop(place);
                match started {
                    Ok(Ok(Some(session))) => session.run().await,
                    Ok(Ok(None)) => {}
                    Ok(Err(error)) => tracing::debug!(%error, %from, "a sign-in for SQL ended"),
                    Err(_) => tracing::debug!(%from, "a sign-in for SQL took too long"),
                }
            });
        }
    }

    async fn start(
        self: &Arc<Self>,
        stream: TcpStream,
        from: SocketAddr,
    ) -> std::io::Result<Option<session::Session>> {
        // Small messages go at once.
        stream.set_nodelay(true)?;
        watched(&stream)?;
        start::start(self, stream, from).await
    }

    /// True when passwords and rows may go in clear to this address.
    fn may_be_plain(&self, from: IpAddr) -> bool {
        self.plain || from.to_canonical().is_loopback()
    }
}

/// A client that is gone without a word gives its place back: it is asked for a sign of life when it
/// is silent, and what it does not acknowledge ends its connection.
fn watched(stream: &TcpStream) -> std::io::Result<()> {
    let socket = SockRef::from(stream);
    let every = TcpKeepalive::new().with_time(SILENT_MAX).with_interval(PROBE_EVERY);
    socket.set_tcp_keepalive(&every.with_retries(PROBES))?;
    socket.set_tcp_user_timeout(Some(SILENT_MAX + PROBE_EVERY * PROBES))
}

#[cfg(test)]
mod tests;
