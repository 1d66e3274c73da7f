//! Sockets: UDP and TCP listeners, one task a connection. Bytes come in as [`Arrived`] over one
//! bounded queue; what does not fit is dropped as a network would drop it.

use crate::sip::flow::{ConnectionId, Host, ListenerId, Transmit, Transport};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Datagrams and pieces of streams that wait for the core.
pub const ARRIVED_MAX: usize = 8_192;
/// Open connections of all listeners.
const CONNECTIONS_MAX: usize = 10_000;
/// Messages that wait for one connection; one more closes it.
const WRITES_MAX: usize = 256;
/// How long a connection may take to open.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a connection may be silent. Phones ping every two minutes (RFC 5626 §4.4.1).
const IDLE_MAX: Duration = Duration::from_secs(600);
/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Kernel buffer of a UDP socket: a burst of 10,000 requests.
const UDP_BUFFER_BYTES: usize = 8 << 20;

/// What came from the network.
pub enum Arrived {
    /// A datagram.
    Datagram(ListenerId, SocketAddr, Vec<u8>),
    /// Bytes of a stream.
    Stream(ListenerId, ConnectionId, SocketAddr, Vec<u8>),
    /// The connection is gone.
    Closed(ConnectionId),
    /// This request of ours could not be sent.
    Unsent(u64),
}

/// A bound listener.
pub enum Bound {
    /// UDP.
    Udp(Rc<UdpSocket>),
    /// TCP.
    Tcp(TcpListener),
}

impl Bound {
    /// Binds `address`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bind(transport: Transport, address: SocketAddr) -> io::Result<Self> {
        match transport {
            Transport::Udp => {
                let domain = socket2::Domain::for_address(address);
                let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
                enlarge(&socket);
                socket.set_nonblocking(true)?;
                socket.bind(&address.into())?;
                Ok(Bound::Udp(Rc::new(UdpSocket::from_std(socket.into())?)))
            }
            Transport::Tcp => {
                let socket =
                    if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.set_reuseaddr(true)?;
                socket.bind(address)?;
                Ok(Bound::Tcp(socket.listen(1024)?))
            }
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Bound::Udp(socket) => socket.local_addr(),
            Bound::Tcp(listener) => listener.local_addr(),
        }
    }
}

/// Asks for a receive buffer that holds a burst: beyond the system's limit where we may, else up to
/// it. A smaller buffer than asked for still works. What it gains was not measured.
fn enlarge(socket: &socket2::Socket) {
    let bytes = UDP_BUFFER_BYTES as libc::c_int;
    // SAFETY: the descriptor is open, and the value is an int of the length that is given.
    let forced = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if forced != 0
        && let Err(error) = socket.set_recv_buffer_size(UDP_BUFFER_BYTES)
    {
        tracing::debug!(%error, "the receive buffer keeps its size");
    }
}

/// All sockets of the edge.
pub struct Net {
    udp: HashMap<ListenerId, Rc<UdpSocket>>,
    connections: HashMap<ConnectionId, Connection>,
    /// Connections by peer, for reuse (RFC 3261 §18.1.1).
    peers: HashMap<SocketAddr, ConnectionId>,
    next: u64,
    arrived: mpsc::Sender<Arrived>,
    opened: mpsc::UnboundedSender<(TcpStream, ListenerId, SocketAddr)>,
}

/// An open connection.
struct Connection {
    peer: SocketAddr,
    writes: mpsc::Sender<Arc<[u8]>>,
}

/// Accepted connections that the loop has to register.
pub type Opened = mpsc::UnboundedReceiver<(TcpStream, ListenerId, SocketAddr)>;

impl Net {
    /// Starts to listen on `bound`, in the order of their [`ListenerId`]s.
    pub fn start(bound: Vec<Bound>, arrived: mpsc::Sender<Arrived>) -> (Self, Opened) {
        let (opened, accepted) = mpsc::unbounded_channel();
        let mut udp = HashMap::new();
        for (listener, bound) in (0..).zip(bound) {
            match bound {
                Bound::Udp(socket) => {
                    udp.insert(listener, socket.clone());
                    tokio::task::spawn_local(receive(listener, socket, arrived.clone()));
                }
                Bound::Tcp(socket) => {
                    tokio::task::spawn_local(accept(listener, socket, opened.clone()));
                }
            }
        }
        let net = Net {
            udp,
            connections: HashMap::new(),
            peers: HashMap::new(),
            next: 1,
            arrived,
            opened,
        };
        (net, accepted)
    }

    /// Makes an accepted or opened connection known.
    pub fn register(&mut self, stream: TcpStream, listener: ListenerId, peer: SocketAddr) {
        if self.connections.len() >= CONNECTIONS_MAX {
            // Dropping the stream closes it; those who are connected stay.
            return tracing::warn!(%peer, "{CONNECTIONS_MAX} connections are open: one more is closed");
        }
        let connection = ConnectionId(self.next);
        self.next += 1;
        let (writes, waiting) = mpsc::channel(WRITES_MAX);
        self.connections.insert(connection, Connection { peer, writes });
        self.peers.insert(peer, connection);
        let arrived = self.arrived.clone();
        tokio::task::spawn_local(converse(stream, listener, connection, peer, waiting, arrived));
    }

    /// Forgets a connection that closed.
    pub fn forget(&mut self, connection: ConnectionId) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        if self.peers.get(&gone.peer) == Some(&connection) {
            self.peers.remove(&gone.peer);
        }
    }

    /// Sends.
    pub fn send(&mut self, transmit: Transmit) {
        match transmit.hop.transport {
            Transport::Udp => self.send_datagram(transmit),
            Transport::Tcp => self.send_stream(transmit),
        }
    }

    fn send_datagram(&self, transmit: Transmit) {
        let Some(socket) = self.udp.get(&transmit.hop.listener).cloned() else { return };
        match transmit.hop.host {
            Host::Address(to) => {
                let sent = socket.try_send_to(&transmit.bytes, to);
                let is_full = |e: &io::Error| e.kind() == io::ErrorKind::WouldBlock;
                if sent.as_ref().is_err_and(|error| !is_full(error)) {
                    self.unsent(transmit.transaction);
                }
            }
            Host::Name(name, port) => {
                let arrived = self.arrived.clone();
                tokio::task::spawn_local(async move {
                    let sent = async {
                        let to = resolve(&name, port, socket.local_addr()?).await?;
                        socket.send_to(&transmit.bytes, to).await
                    };
                    if let (Err(error), Some(id)) = (sent.await, transmit.transaction) {
                        tracing::warn!(%name, %error, "cannot be reached");
                        let _ = arrived.send(Arrived::Unsent(id)).await;
                    }
                });
            }
        }
    }

    fn send_stream(&mut self, transmit: Transmit) {
        let by_peer = match &transmit.hop.host {
            Host::Address(address) => self.peers.get(address).copied(),
            Host::Name(..) => None,
        };
        let known = transmit.hop.connection.into_iter().chain(by_peer);
        let live = known.into_iter().find(|id| self.connections.contains_key(id));
        match live {
            Some(connection) => {
                let writes = &self.connections[&connection].writes;
                if !transmit.bytes.is_empty() && writes.try_send(transmit.bytes).is_err() {
                    // The peer reads nothing: its connection is as good as gone.
                    self.forget(connection);
                    self.unsent(transmit.transaction);
                } else if transmit.close {
                    self.forget(connection);
                }
            }
            None if transmit.close || transmit.bytes.is_empty() => {}
            None => self.open(transmit),
        }
    }

    /// Opens a connection, hands it to the loop and sends on it.
    fn open(&self, transmit: Transmit) {
        let (opened, arrived) = (self.opened.clone(), self.arrived.clone());
        tokio::task::spawn_local(async move {
            let connecting = async {
                let to = match transmit.hop.host {
                    Host::Address(address) => address,
                    Host::Name(name, port) => {
                        resolve(&name, port, SocketAddr::from(([0, 0, 0, 0], 0))).await?
                    }
                };
                let mut stream = timeout(CONNECT_MAX, TcpStream::connect(to)).await??;
                stream.set_nodelay(true)?;
                stream.write_all(&transmit.bytes).await?;
                io::Result::Ok((stream, to))
            };
            match (connecting.await, transmit.transaction) {
                (Ok((stream, to)), _) => {
                    let _ = opened.send((stream, transmit.hop.listener, to));
                }
                (Err(_), Some(id)) => {
                    let _ = arrived.send(Arrived::Unsent(id)).await;
                }
                (Err(_), None) => {}
            }
        });
    }

    fn unsent(&self, transaction: Option<u64>) {
        if let Some(id) = transaction {
            // A full queue means that the loop is far behind: the transaction's timer ends it.
            let _ = self.arrived.try_send(Arrived::Unsent(id));
        }
    }
}

/// The first address of a name that the socket's family can reach.
async fn resolve(name: &str, port: u16, local: SocketAddr) -> io::Result<SocketAddr> {
    let mut addresses = timeout(CONNECT_MAX, lookup_host((name, port))).await??;
    addresses
        .find(|address| address.is_ipv4() == local.is_ipv4())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

async fn receive(listener: ListenerId, socket: Rc<UdpSocket>, arrived: mpsc::Sender<Arrived>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                let datagram = Arrived::Datagram(listener, source, buffer[..length].to_vec());
                // A full queue drops the datagram: the peer sends it again.
                let _ = arrived.try_send(datagram);
            }
            // ICMP errors of earlier sends come up here; the socket itself goes on.
            Err(error) => tracing::debug!(%error, "receive"),
        }
    }
}

async fn accept(
    listener: ListenerId,
    socket: TcpListener,
    opened: mpsc::UnboundedSender<(TcpStream, ListenerId, SocketAddr)>,
) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                if opened.send((stream, listener, peer)).is_err() {
                    return;
                }
            }
            Err(error) => {
                // Out of descriptors: the connections that live go on, new ones wait.
                tracing::error!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// One connection's life.
async fn converse(
    stream: TcpStream,
    listener: ListenerId,
    connection: ConnectionId,
    peer: SocketAddr,
    mut writes: mpsc::Receiver<Arc<[u8]>>,
    arrived: mpsc::Sender<Arrived>,
) {
    let (mut read, mut write) = stream.into_split();
    let mut buffer = vec![0; 16 << 10];
    loop {
        tokio::select! {
            got = timeout(IDLE_MAX, read.read(&mut buffer)) => match got {
                Ok(Ok(length)) if length > 0 => {
                    let bytes = buffer[..length].to_vec();
                    let piece = Arrived::Stream(listener, connection, peer, bytes);
                    if arrived.send(piece).await.is_err() {
                        return;
                    }
                }
                _ => break,
            },
            bytes = writes.recv() => match bytes {
                Some(bytes) => {
                    if !matches!(timeout(CONNECT_MAX, write.write_all(&bytes)).await, Ok(Ok(()))) {
                        break;
                    }
                }
                None => break,
            },
        }
    }
    let _ = write.shutdown().await;
    let _ = arrived.send(Arrived::Closed(connection)).await;
}
