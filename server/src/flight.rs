//! The door for Flight SQL (Arrow Flight RPC, "Flight SQL"): ADBC from Python, JDBC, DBeaver and
//! whatever else takes answers as columns.
//!
//! Who comes, what they may see and what they may take are those of the door for clients of
//! PostgreSQL ([`crate::pg`]): a token for SQL by user and password, looked at again at every
//! question; or a token of the API as a bearer. Secrets are sent as they are, so that nothing but TLS
//! will do, except on this machine. Answers come from the `work` child piece by piece and are passed
//! on unread; none is held.
//!
//! ```text
//!  lines ── TLS, places ──► served, service ── sign_in: whose? ──► held: tickets, what is prepared
//!                              │                              │
//!                              ├──► catalogue                 └──► answer ──► work child
//!                              └──► parameters
//! ```

mod answer;
mod catalogue;
mod held;
mod lines;
mod parameters;
mod served;
mod service;
mod sign_in;
mod status;

use crate::api::links::{Clock, FlowLink, WorkLink};
use crate::config::Config;
use crate::doors::Counts;
use arrow_flight::flight_service_server::FlightServiceServer;
use desk::Store;
use desk::lockout::Lockout;
use held::Held;
use lines::Lines;
use served::Served;
use service::Service;
use sign_in::Sessions;
use signaling::edge::tls::Certificate;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tonic::transport::Server;

/// Longest message of a client: a question, or the values of its parameters.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// All headers of one request.
const HEADERS_BYTES_MAX: u32 = 16 << 10;
/// Requests of one connection at a time.
const STREAMS_MAX: u32 = 16;
/// How often a connection that is silent is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(60);
/// Secrets that are proved at a time: each takes a thread for some milliseconds, whoever sends it.
const PROOFS_MAX: usize = 2;
/// Connections that are ready and wait to be served.
const READY_MAX: usize = 16;

/// Everything that connections share.
pub struct Door {
    store: Store,
    work: Arc<dyn WorkLink>,
    flow: Arc<dyn FlowLink>,
    clock: Arc<dyn Clock>,
    lockout: Mutex<Lockout>,
    proofs: Semaphore,
    /// Makes verifiers for names that nobody has.
    nobody: [u8; 32],
    sessions: Sessions,
    held: Held,
    lines: Arc<Lines>,
    counts: Arc<Counts>,
}

impl Door {
    /// A door of this box.
    pub fn new(
        config: &Config,
        store: Store,
        (work, flow): (Arc<dyn WorkLink>, Arc<dyn FlowLink>),
        clock: Arc<dyn Clock>,
        certificate: Option<Arc<Certificate>>,
        counts: Arc<Counts>,
    ) -> Self {
        let mut nobody = [0; 32];
        getrandom::fill(&mut nobody).expect("the kernel has random bytes");
        Door {
            store,
            work,
            flow,
            clock,
            lockout: Mutex::default(),
            proofs: Semaphore::new(PROOFS_MAX),
            nobody,
            sessions: Sessions::default(),
            held: Held::default(),
            lines: Lines::new(
                certificate,
                config.sql.flight_connections_max as usize,
                counts.clone(),
            ),
            counts,
        }
    }

    /// Takes connections until it is dropped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let (ready, taken) = mpsc::channel(READY_MAX);
        let incoming = futures::stream::unfold(taken, |mut taken| async move {
            let line = taken.recv().await?;
            Some((Ok::<_, io::Error>(line), taken))
        });
        let service = FlightServiceServer::new(Served(Service::new(self.clone())))
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let serving = Server::builder()
            .max_concurrent_streams(STREAMS_MAX)
            .http2_max_header_list_size(HEADERS_BYTES_MAX)
            .http2_keepalive_interval(Some(PING_EVERY))
            .max_connection_age(desk::token::SESSION_LIFETIME)
            .add_service(service)
            .serve_with_incoming(incoming);
        let (served, ()) = tokio::join!(serving, self.lines.clone().take(listener, ready));
        if let Err(error) = served {
            tracing::error!(%error, "the door for Flight SQL is closed");
        }
    }
}

#[cfg(test)]
mod tests;
