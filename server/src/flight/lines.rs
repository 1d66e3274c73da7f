//! Connections: TLS where there is a certificate, in clear from this machine alone, and places. Who
//! has not signed in has one of a few for a short while; who has, keeps one of those that are counted.

use crate::doors::{self, Counts};
use signaling::edge::tls::Certificate;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Sleep;
use tonic::transport::server::Connected;

/// Connections that have not signed in yet.
pub const STARTING_MAX: usize = 64;
/// Longest time from the connection to the first request of somebody who is known.
const START_MAX: Duration = Duration::from_secs(20);
/// How long to wait before the next connection when one could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What TLS begins with (RFC 8446 §5.1, `handshake`); HTTP/2 in clear begins with a letter.
const HANDSHAKE: u8 = 22;

/// A stream, in clear or under TLS.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// The places, and how a connection begins.
pub struct Lines {
    certificate: Option<Arc<Certificate>>,
    starting: Arc<Semaphore>,
    known: Arc<Semaphore>,
    counts: Arc<Counts>,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// From where.
    pub source: IpAddr,
    place: Arc<Mutex<Place>>,
}

#[derive(Debug)]
struct Place {
    /// Of somebody who signed in.
    known: Option<doors::Connected>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn of_stranger(permit: OwnedSemaphorePermit) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Place { known: None, _permit: permit }))
    }
}

/// No place is free for somebody who signed in.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Lines {
    /// With so many places for those who signed in.
    pub fn new(
        certificate: Option<Arc<Certificate>>,
        known: usize,
        counts: Arc<Counts>,
    ) -> Arc<Self> {
        Arc::new(Lines {
            certificate,
            starting: Arc::new(Semaphore::new(STARTING_MAX)),
            known: Arc::new(Semaphore::new(known)),
            counts,
        })
    }

    /// Takes connections and gives those that are ready to `ready`, until nobody takes them.
    pub async fn take(self: Arc<Self>, listener: TcpListener, ready: mpsc::Sender<Line>) {
        while !ready.is_closed() {
            let (stream, from) = match listener.accept().await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::error!(%error, "a connection for Flight SQL was not taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Who finds no place is closed.
            let Ok(place) = self.starting.clone().try_acquire_owned() else { continue };
            let (lines, ready) = (self.clone(), ready.clone());
            tokio::spawn(async move {
                match tokio::time::timeout(START_MAX, lines.begin(stream, from, place)).await {
                    // Where nobody takes it the door is closed.
                    Ok(Ok(line)) => drop(ready.send(line).await),
                    Ok(Err(error)) => {
                        tracing::debug!(%error, %from, "a connection for Flight SQL ended");
                    }
                    Err(_) => {
                        tracing::debug!(%from, "a connection for Flight SQL began too slowly")
                    }
                }
            });
        }
    }

    async fn begin(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> io::Result<Line> {
        // Small messages go at once.
        stream.set_nodelay(true)?;
        let mut first = [0];
        stream.peek(&mut first).await?;
        let source = from.ip().to_canonical();
        let socket: Box<dyn Socket> = match &self.certificate {
            Some(certificate) if first[0] == HANDSHAKE => {
                Box::new(certificate.acceptor_for("h2").accept(stream).await?)
            }
            _ if source.is_loopback() => Box::new(stream),
            // Whoever speaks in clear would send a secret next.
            _ => return Err(io::Error::new(io::ErrorKind::PermissionDenied, "TLS is needed")),
        };
        let peer = Peer { source, place: Place::of_stranger(place) };
        Ok(Line { socket, peer, patience: Box::pin(tokio::time::sleep(START_MAX)) })
    }

    /// Gives who signed in on a connection a place of their own, unless they have one.
    pub fn admit(&self, peer: &Peer) -> Result<(), Full> {
        let mut place = peer.place.lock().expect("no panic while held");
        if place.known.is_none() {
            let Ok(permit) = self.known.clone().try_acquire_owned() else {
                self.counts.full();
                return Err(Full);
            };
            *place = Place { known: Some(self.counts.connected()), _permit: permit };
        }
        Ok(())
    }
}

impl Peer {
    fn is_known(&self) -> bool {
        self.place.lock().expect("no panic while held").known.is_some()
    }
}

/// A connection.
pub struct Line {
    socket: Box<dyn Socket>,
    peer: Peer,
    /// How long a stranger may stay.
    patience: Pin<Box<Sleep>>,
}

impl Connected for Line {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.peer.is_known() && self.patience.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn pair(from: &str) -> (io::Result<Line>, TcpStream, Arc<Lines>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut there, b"PRI").await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let lines = Lines::new(None, 1, Arc::default());
        let place = lines.starting.clone().try_acquire_owned().unwrap();
        let line = lines.begin(stream, from.parse().unwrap(), place).await;
        (line, there, lines)
    }

    #[tokio::test]
    async fn only_this_machine_may_come_in_clear() {
        for here in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert!(pair(here).await.0.is_ok(), "{here}");
        }
        for there in ["192.0.2.1:9", "[2001:db8::1]:9", "[::ffff:192.0.2.1]:9"] {
            let (line, _there, lines) = pair(there).await;
            assert_eq!(line.err().unwrap().kind(), io::ErrorKind::PermissionDenied, "{there}");
            assert_eq!(lines.starting.available_permits(), STARTING_MAX, "its place is free");
        }
    }

    #[tokio::test]
    async fn who_signed_in_leaves_the_strangers_and_there_are_so_many_places() {
        let (line, _there, lines) = pair("127.0.0.1:9").await;
        let line = line.unwrap();
        assert_eq!(lines.starting.available_permits(), STARTING_MAX - 1);
        assert_eq!(lines.admit(&line.peer), Ok(()));
        assert_eq!(lines.admit(&line.peer), Ok(()), "once is enough");
        assert_eq!(lines.starting.available_permits(), STARTING_MAX);
        let place = Place::of_stranger(lines.starting.clone().try_acquire_owned().unwrap());
        let other = Peer { source: line.peer.source, place };
        assert_eq!(lines.admit(&other), Err(Full));
        let counted = lines.counts.counted();
        assert_eq!((counted.open, counted.signed_in, counted.full), (1, 1, 1));
        drop(line);
        assert_eq!(lines.counts.counted().open, 0);
        assert_eq!(lines.admit(&other), Ok(()), "with the connection its place is free");
    }

    #[tokio::test]
    async fn a_stranger_who_stays_too_long_is_closed_and_nobody_else() {
        let (line, _there, lines) = pair("127.0.0.1:9").await;
        let mut line = line.unwrap();
        line.patience = Box::pin(tokio::time::sleep(Duration::ZERO));
        line.patience.as_mut().await;
        let mut heard = [0; 3];
        let error = line.read(&mut heard).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        lines.admit(&line.peer).unwrap();
        assert_eq!(line.read(&mut heard).await.unwrap(), 3);
    }
}
