//! Connections that begin with a handshake: TLS, WebSocket, and one in the other. They live on a
//! thread of their own, because a handshake is a millisecond of arithmetic that no call should wait
//! for, whoever begins it; what they say reaches the signaling thread like everything else.
//!
//! Until a handshake is done its sender has proven nothing. So it takes one of few places, of which
//! a source has some at most, it has to be over in time, and it may send no more than a request and
//! a certificate need.

use super::dial::{self, Target};
use super::names::NameServers;
use super::net::{Link, To};
use super::peers::Peers;
use super::tls::{self, Certificate, Files};
use super::websocket::{self, Rules};
use crate::sip::bucket::source_key;
use crate::sip::flow::Transport;
use crate::sip::shown::ByCertificate;
use rustls::pki_types::UnixTime;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terms::TenantId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// How long the handshakes of a connection may take together.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes at a time, and of one source. After a restart all browsers of an office come at once,
/// from one address; who finds no place comes again by itself.
const HANDSHAKES_MAX: usize = 1_024;
const HANDSHAKES_OF_SOURCE_MAX: usize = 128;

/// Where these connections are awaited, and how.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Addresses of SIP over TLS.
    pub tls: Vec<SocketAddr>,
    /// Addresses of WebSocket in clear.
    pub ws: Vec<SocketAddr>,
    /// Addresses of WebSocket over TLS.
    pub wss: Vec<SocketAddr>,
    /// For both kinds of TLS.
    pub certificate: Option<Files>,
    /// Who is let in over WebSocket.
    pub rules: Rules,
}

impl Config {
    /// All of them, in the order in which they are bound.
    pub fn listeners(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let of = |transport| move |address: &SocketAddr| (transport, *address);
        let tls = self.tls.iter().map(of(Transport::Tls));
        let ws = self.ws.iter().map(of(Transport::Ws));
        tls.chain(ws).chain(self.wss.iter().map(of(Transport::Wss)))
    }
}

/// Why they cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No thread.
    #[error("start the thread of handshakes: {0}")]
    Thread(#[from] io::Error),
    /// TLS without files.
    #[error("TLS needs a certificate and its key")]
    NoCertificate,
    /// The files.
    #[error(transparent)]
    Certificate(#[from] tls::Error),
}

/// The thread.
pub struct Doors {
    /// Until the end.
    runtime: Option<Runtime>,
    certificate: Option<Arc<Certificate>>,
    rules: Arc<Rules>,
    /// Who is known by a certificate.
    peers: Arc<Peers>,
    /// Who is asked for names.
    name_servers: NameServers,
    handshakes: Arc<Mutex<Handshakes>>,
}

impl Doors {
    /// Reads the certificate and starts the thread.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) fn open(config: &Config, name_servers: NameServers) -> Result<Self, Error> {
        let needs = config.listeners().any(|(transport, _)| transport.is_encrypted());
        let certificate = match &config.certificate {
            Some(files) if needs => Some(Arc::new(Certificate::open(files.clone())?)),
            None if needs => return Err(Error::NoCertificate),
            Some(_) | None => None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("signaling-doors")
            .enable_all()
            .build()?;
        if let Some(certificate) = &certificate {
            runtime.spawn(certificate.clone().watch());
        }
        Ok(Doors {
            runtime: Some(runtime),
            certificate,
            rules: Arc::new(config.rules.clone()),
            peers: Arc::default(),
            name_servers,
            handshakes: Arc::default(),
        })
    }

    /// Takes a connection from its first byte to its end.
    pub fn receive(&self, stream: TcpStream, transport: Transport, link: Link) {
        let place = Place::take(&self.handshakes, link.peer.ip());
        let Some(runtime) = &self.runtime else { return };
        // The socket changes its thread, and with it who wakes it.
        let stream = stream.into_std();
        let (certificate, rules) = (self.certificate.clone(), self.rules.clone());
        let peers = self.peers.clone();
        runtime.spawn(async move {
            let stream = stream.and_then(TcpStream::from_std);
            let (Ok(stream), Some(place)) = (stream, place) else { return link.failed().await };
            match transport {
                Transport::Tls => speak_tls(stream, certificate, &peers, place, link).await,
                Transport::Ws => speak_websocket(async { Ok(stream) }, rules, place, link).await,
                Transport::Wss => {
                    let stream = secure(stream, certificate);
                    speak_websocket(stream, rules, place, link).await;
                }
                Transport::Udp | Transport::Tcp => link.failed().await,
            }
        });
    }
}

impl Doors {
    /// Opens a connection over TLS to this trunk; what becomes of it comes over `link`.
    pub fn dial(&self, target: Arc<Target>, to: To, link: Link) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(dial::speak(target, to, self.name_servers.clone(), link));
        }
    }

    /// The trunks of a tenant that are known by their certificates from now on.
    pub fn set_peers(&self, tenant: TenantId, wanted: Vec<ByCertificate>) {
        self.peers.set(tenant, wanted);
    }
}

impl Drop for Doors {
    /// Nobody waits for connections: who is connected sees them close.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Secured = tokio_rustls::server::TlsStream<TcpStream>;

async fn secure(stream: TcpStream, certificate: Option<Arc<Certificate>>) -> io::Result<Secured> {
    let certificate = certificate.ok_or(io::ErrorKind::NotFound)?;
    certificate.acceptor().accept(stream).await
}

/// Whoever connects is asked for a certificate where somebody is known by one, and need not have any. A
/// page is never asked: its browser would ask its user.
async fn secure_and_ask(
    stream: TcpStream,
    certificate: Option<Arc<Certificate>>,
    peers: &Peers,
) -> io::Result<Secured> {
    if !peers.has_any() {
        return secure(stream, certificate).await;
    }
    let certificate = certificate.ok_or(io::ErrorKind::NotFound)?;
    certificate.acceptor_that_asks().accept(stream).await
}

async fn speak_tls(
    stream: TcpStream,
    certificate: Option<Arc<Certificate>>,
    peers: &Peers,
    place: Place,
    link: Link,
) {
    match timeout(HANDSHAKE_MAX, secure_and_ask(stream, certificate, peers)).await {
        Ok(Ok(stream)) => {
            drop(place);
            let chain = stream.get_ref().1.peer_certificates();
            let shown = chain.map(|chain| peers.judge(chain, UnixTime::now()));
            if let Some(shown) = shown {
                peers.tell(link.peer.ip(), &shown);
                if !link.shown(shown).await {
                    return;
                }
            }
            let (read, write) = tokio::io::split(stream);
            super::net::converse(read, write, link).await;
        }
        Ok(Err(error)) => {
            tracing::debug!(peer = %link.peer, %error, "TLS");
            link.failed().await;
        }
        Err(_) => link.failed().await,
    }
}

async fn speak_websocket<S>(
    stream: impl Future<Output = io::Result<S>>,
    rules: Arc<Rules>,
    place: Place,
    link: Link,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let upgraded = timeout(HANDSHAKE_MAX, async {
        let stream = stream.await?;
        websocket::upgrade(stream, rules).await
    });
    match upgraded.await {
        Ok(Ok(socket)) => {
            drop(place);
            websocket::converse(socket, link).await;
        }
        Ok(Err(error)) => {
            tracing::debug!(peer = %link.peer, %error, "WebSocket");
            link.failed().await;
        }
        Err(_) => link.failed().await,
    }
}

/// Handshakes that are going on.
#[derive(Debug, Default)]
struct Handshakes {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// One of their places.
struct Place {
    handshakes: Arc<Mutex<Handshakes>>,
    source: IpAddr,
}

impl Place {
    /// `None` when there is none for this source.
    fn take(handshakes: &Arc<Mutex<Handshakes>>, source: IpAddr) -> Option<Self> {
        let source = source_key(source);
        let mut open = handshakes.lock().expect("no panic while held");
        let own = open.of.get(&source).copied().unwrap_or(0);
        if open.all >= HANDSHAKES_MAX || own >= HANDSHAKES_OF_SOURCE_MAX {
            return None;
        }
        open.all += 1;
        open.of.insert(source, own + 1);
        Some(Place { handshakes: handshakes.clone(), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.handshakes.lock().expect("no panic while held");
        open.all -= 1;
        if let Some(own) = open.of.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                open.of.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_some_of_the_places_and_gives_them_back() {
        let handshakes = Arc::default();
        let ip = |last: u8| IpAddr::from([192, 0, 2, last]);
        let take = |last| Place::take(&handshakes, ip(last));
        let held: Vec<Place> = (0..HANDSHAKES_OF_SOURCE_MAX).map(|_| take(1).unwrap()).collect();
        assert!(take(1).is_none());
        let others: Vec<Place> = (2..=255).map_while(take).collect();
        assert!(others.len() == 254, "others find theirs");
        drop(held);
        assert!(take(1).is_some());
        drop(others);
        assert!(handshakes.lock().unwrap().of.is_empty());
    }
}
