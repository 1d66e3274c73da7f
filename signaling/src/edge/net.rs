//! Sockets: listeners of datagrams and streams, one task a connection. Bytes of streams come in as
//! [`Arrived`] over one bounded queue, and who sends them waits for room; datagrams come through an
//! `Inbox`, and what does not fit is dropped as a network would drop it. Connections that
//! begin with a handshake are handed to [`Doors`]; those over TLS to a trunk are opened there, when
//! something is to be sent ([`Net::set_lines`]).

mod inbox;
mod lines;
mod stream;

pub(super) use inbox::{Datagram, Inbox, LATE_AFTER};
pub(super) use stream::{converse, talk};

use super::clock;
use super::dial::connect;
use super::doors::Doors;
use super::names::{self, NameServers};
use super::peers::Shown;
use super::pulse::{Beat, Mutes};
use crate::sip::bucket::source_key;
use crate::sip::flow::{ConnectionId, Host, ListenerId, Transmit, Transport};
use crate::sip::servers::{Named, Server};
use crate::sip::shown::ByCertificate;
use crate::sip::trunk::TrunkKey;
use lines::Line;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use terms::TenantId;
use terms::control::LineProblem;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// Pieces of streams and news that wait for the core.
pub const ARRIVED_MAX: usize = 8_192;
/// Open connections of all listeners.
const CONNECTIONS_MAX: usize = 10_000;
/// Messages that wait for one connection; one more closes it.
const WRITES_MAX: usize = 256;
/// How long a connection may take to open.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long one message may take to be written: who reads so slowly is gone.
pub(super) const WRITE_MAX: Duration = Duration::from_secs(5);
/// How long something may wait for a connection without a pause: many slow messages are as bad.
const BEHIND_MAX: Duration = Duration::from_secs(15);
/// Accepted connections that the loop has not looked at; more wait in the kernel.
const OPENED_MAX: usize = 256;
/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Kernel buffer of a UDP socket: a burst of 10,000 requests.
const UDP_BUFFER_BYTES: usize = 8 << 20;

/// What came from the network.
pub enum Arrived {
    /// Bytes of a stream.
    Stream(ListenerId, ConnectionId, SocketAddr, Vec<u8>),
    /// A message of a WebSocket.
    Message(ListenerId, ConnectionId, SocketAddr, Vec<u8>),
    /// The connection is gone.
    Closed(ConnectionId),
    /// It is gone before its handshake was done.
    Failed(ConnectionId),
    /// A connection to a trunk is open, to this address.
    Dialled(ListenerId, ConnectionId, SocketAddr, TrunkKey),
    /// It did not come about, or was open and the trunk refuses who we are.
    NotDialled(ConnectionId, To, LineProblem),
    /// Who connected has shown a certificate: the trunks that it is of, or why it is of none.
    Shown(ListenerId, ConnectionId, SocketAddr, Shown),
    /// This request of ours could not be sent.
    Unsent(u64),
    /// The servers of a trunk that is given by name.
    Located(TrunkKey, Vec<Server>),
}

/// A bound listener.
pub enum Bound {
    /// UDP.
    Udp(Rc<UdpSocket>),
    /// Streams, and what is spoken on them.
    Stream(Transport, TcpListener),
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
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                let socket =
                    if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.set_reuseaddr(true)?;
                socket.bind(address)?;
                Ok(Bound::Stream(transport, socket.listen(1024)?))
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
            Bound::Stream(_, listener) => listener.local_addr(),
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
    /// What is spoken on the streams of each listener; we open none but those of TCP.
    streams: HashMap<ListenerId, Transport>,
    doors: Doors,
    /// Trunks that we call over TLS.
    lines: HashMap<TrunkKey, Line>,
    /// Trunks whose names are looked up, and who does it.
    named: HashMap<TrunkKey, (Named, AbortHandle)>,
    connections: HashMap<ConnectionId, Connection>,
    /// How many each source has, and may have.
    sources: HashMap<IpAddr, usize>,
    of_source_max: usize,
    /// Connections by peer, for reuse (RFC 3261 §18.1.1).
    peers: HashMap<SocketAddr, ConnectionId>,
    next: u64,
    /// Who is asked for names.
    name_servers: NameServers,
    /// Peers that do not answer empty lines.
    mutes: Mutes,
    inbox: Inbox,
    arrived: mpsc::Sender<Arrived>,
    opened: mpsc::Sender<Opening>,
}

/// An open connection, or one to a trunk that is being opened.
struct Connection {
    peer: SocketAddr,
    transport: Transport,
    writes: mpsc::Sender<Arc<[u8]>>,
    /// We opened it to this trunk.
    trunk: Option<TrunkKey>,
}

/// A connection that the loop has to register.
pub struct Opening {
    /// The connection.
    pub stream: TcpStream,
    /// The listener that it reached, or that its requests name.
    pub listener: ListenerId,
    /// The peer.
    pub peer: SocketAddr,
    /// We opened it.
    pub is_ours: bool,
}

/// Connections in the order in which they opened.
pub type Opened = mpsc::Receiver<Opening>;

/// Whom a connection over TLS of ours leads to: the trunk, and the server where each has one.
pub type To = (TrunkKey, Option<SocketAddr>);

/// What a connection's task has of the loop.
pub struct Link {
    /// The listener that it reached.
    pub listener: ListenerId,
    /// Its name.
    pub connection: ConnectionId,
    /// The peer.
    pub peer: SocketAddr,
    /// What is to be written.
    pub writes: mpsc::Receiver<Arc<[u8]>>,
    /// We opened it, and keep it open.
    is_ours: bool,
    /// Since when something waits.
    behind_since: Option<Instant>,
    mutes: Mutes,
    arrived: mpsc::Sender<Arrived>,
}

impl Link {
    /// A piece of a stream; waits until the loop has room. False when the loop has ended.
    async fn hand_bytes(&self, bytes: Vec<u8>) -> bool {
        let piece = Arrived::Stream(self.listener, self.connection, self.peer, bytes);
        self.arrived.send(piece).await.is_ok()
    }

    /// A whole message; waits until the loop has room. False when the loop has ended.
    pub async fn hand_message(&self, bytes: Vec<u8>) -> bool {
        let message = Arrived::Message(self.listener, self.connection, self.peer, bytes);
        self.arrived.send(message).await.is_ok()
    }

    /// Asked after each message that was written: the peer reads more slowly than we speak.
    pub fn is_too_slow(&mut self) -> bool {
        if self.writes.is_empty() {
            self.behind_since = None;
        }
        let waits = !self.writes.is_empty();
        waits && self.behind_since.get_or_insert_with(Instant::now).elapsed() > BEHIND_MAX
    }

    /// Nobody answered: whether the connection is as good as gone.
    fn is_given_up(&self, beat: Beat) -> bool {
        let gone = match beat {
            Beat::Ask => false,
            Beat::Gone => true,
            Beat::Mute => self.mutes.note(self.peer.ip()),
        };
        if gone {
            tracing::debug!(peer = %self.peer, "empty lines are not answered: it is taken for gone");
        }
        gone
    }

    /// Who connected has shown a certificate. False when the loop has ended.
    pub(super) async fn shown(&self, shown: Shown) -> bool {
        let shown = Arrived::Shown(self.listener, self.connection, self.peer, shown);
        self.arrived.send(shown).await.is_ok()
    }

    /// It is over.
    pub async fn closed(self) {
        let _ = self.arrived.send(Arrived::Closed(self.connection)).await;
    }

    /// It is over before it began.
    pub async fn failed(self) {
        let _ = self.arrived.send(Arrived::Failed(self.connection)).await;
    }

    /// It is open, to this trunk. False when the loop has ended.
    pub async fn dialled(&self, trunk: TrunkKey) -> bool {
        let dialled = Arrived::Dialled(self.listener, self.connection, self.peer, trunk);
        self.arrived.send(dialled).await.is_ok()
    }

    /// It did not come about.
    pub async fn not_dialled(self, to: To, problem: LineProblem) {
        let _ = self.arrived.send(Arrived::NotDialled(self.connection, to, problem)).await;
    }

    /// It was open, and the trunk refuses who we are; [`Link::closed`] follows.
    pub async fn refused(&self, to: To, problem: LineProblem) {
        let _ = self.arrived.send(Arrived::NotDialled(self.connection, to, problem)).await;
    }
}

impl Net {
    /// Starts to listen on `bound`, in the order of their [`ListenerId`]s. A source may have so many
    /// connections.
    pub fn start(
        bound: Vec<Bound>,
        doors: Doors,
        of_source_max: usize,
        name_servers: NameServers,
        inbox: Inbox,
        arrived: mpsc::Sender<Arrived>,
    ) -> (Self, Opened) {
        let (opened, accepted) = mpsc::channel(OPENED_MAX);
        let (mut udp, mut streams) = (HashMap::new(), HashMap::new());
        for (listener, bound) in (0..).zip(bound) {
            match bound {
                Bound::Udp(socket) => {
                    udp.insert(listener, socket.clone());
                    tokio::task::spawn_local(receive(listener, socket, inbox.clone()));
                }
                Bound::Stream(transport, socket) => {
                    streams.insert(listener, transport);
                    tokio::task::spawn_local(accept(listener, socket, opened.clone()));
                }
            }
        }
        let net = Net {
            udp,
            streams,
            doors,
            lines: HashMap::new(),
            named: HashMap::new(),
            connections: HashMap::new(),
            sources: HashMap::new(),
            of_source_max,
            peers: HashMap::new(),
            next: 1,
            name_servers,
            mutes: Mutes::default(),
            inbox,
            arrived,
            opened,
        };
        (net, accepted)
    }

    /// Where datagrams wait.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Connections to this listener begin with a handshake.
    pub fn has_handshake(&self, listener: ListenerId) -> bool {
        self.streams.get(&listener).is_some_and(|transport| *transport != Transport::Tcp)
    }

    /// Makes an accepted or opened connection known. False when there are too many: dropping the
    /// stream closes it, and those who are connected stay.
    pub fn register(&mut self, opening: Opening) -> bool {
        let Opening { stream, listener, peer, is_ours } = opening;
        let source = source_key(peer.ip());
        let of_source = self.sources.get(&source).copied().unwrap_or(0);
        if self.connections.len() >= CONNECTIONS_MAX || of_source >= self.of_source_max {
            let all = self.connections.len();
            tracing::debug!(%peer, all, of_source, "too many connections: one more is closed");
            return false;
        }
        let connection = ConnectionId(self.next);
        self.next += 1;
        let (writes, waiting) = mpsc::channel(WRITES_MAX);
        // A connection that we open leaves from a listener of datagrams where there is no other.
        let transport = self.streams.get(&listener).copied().unwrap_or(Transport::Tcp);
        let trunk = None;
        self.connections.insert(connection, Connection { peer, transport, writes, trunk });
        self.peers.insert(peer, connection);
        self.sources.insert(source, of_source + 1);
        let (arrived, writes, behind_since) = (self.arrived.clone(), waiting, None);
        let mutes = self.mutes.clone();
        let link =
            Link { listener, connection, peer, writes, is_ours, behind_since, mutes, arrived };
        if transport == Transport::Tcp {
            let (read, write) = stream.into_split();
            tokio::task::spawn_local(converse(read, write, link));
        } else {
            self.doors.receive(stream, transport, link);
        }
        true
    }

    /// The trunks of a tenant that are known by their certificates from now on.
    pub fn set_peers(&self, tenant: TenantId, wanted: Vec<ByCertificate>) {
        self.doors.set_peers(tenant, wanted);
    }

    /// The trunks of a tenant whose names are looked up from now on.
    pub fn set_names(&mut self, tenant: TenantId, wanted: Vec<(TrunkKey, Named)>) {
        let is_kept = |key: &TrunkKey, named: &Named| {
            key.0 != tenant || wanted.iter().any(|(other, want)| other == key && want == named)
        };
        self.named.retain(|key, (named, task)| {
            let kept = is_kept(key, named);
            if !kept {
                task.abort();
            }
            kept
        });
        for (key, named) in wanted {
            if !self.named.contains_key(&key) {
                let (servers, arrived) = (self.name_servers.clone(), self.arrived.clone());
                let following = names::follow(key, named.clone(), servers, arrived);
                let task = tokio::task::spawn_local(following).abort_handle();
                self.named.insert(key, (named, task));
            }
        }
    }

    /// Forgets a connection that closed.
    pub fn forget(&mut self, connection: ConnectionId) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        if let Some(trunk) = gone.trunk {
            let line = self.lines.get_mut(&trunk);
            let waiting = line.map_or(Vec::new(), |line| line.on_gone(connection));
            return waiting.into_iter().for_each(|id| self.unsent(Some(id)));
        }
        if self.peers.get(&gone.peer) == Some(&connection) {
            self.peers.remove(&gone.peer);
        }
        let source = source_key(gone.peer.ip());
        if let Some(count) = self.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }

    /// Sends.
    pub fn send(&mut self, transmit: Transmit) {
        match transmit.hop.transport {
            Transport::Udp => self.send_datagram(transmit),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.send_stream(transmit);
            }
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
                let (servers, arrived) = (self.name_servers.clone(), self.arrived.clone());
                tokio::task::spawn_local(async move {
                    let sent = async {
                        let to =
                            resolve((name.as_str(), port), &servers, socket.local_addr()?).await?;
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
        let transport = transmit.hop.transport;
        // Over TLS it matters which trunk is at the other end, and not at which address.
        let trunk = transmit.hop.trunk.filter(|_| transport == Transport::Tls);
        let other = match (trunk, &transmit.hop.host) {
            (Some(trunk), host) => self.lines.get(&trunk).and_then(|l| l.connection_to(host)),
            (None, Host::Address(address)) => self.peers.get(address).copied(),
            (None, Host::Name(..)) => None,
        };
        let known = transmit.hop.connection.into_iter().chain(other);
        let fits = |id: &ConnectionId| {
            self.connections.get(id).is_some_and(|connection| connection.transport == transport)
        };
        let live = known.into_iter().find(fits);
        match live {
            Some(connection) => {
                let writes = &self.connections[&connection].writes;
                if !transmit.bytes.is_empty() && writes.try_send(transmit.bytes).is_err() {
                    // The peer reads nothing: its connection is as good as gone.
                    self.forget(connection);
                    self.unsent(transmit.transaction);
                } else if transmit.close {
                    self.forget(connection);
                } else if let Some(id) = transmit.transaction {
                    self.wait_on(connection, id);
                }
            }
            None if transmit.close || transmit.bytes.is_empty() => {}
            None if transport == Transport::Tcp => self.open(transmit),
            // A browser and a phone over TLS cannot be called up.
            None => match trunk {
                Some(trunk) => self.dial(trunk, transmit),
                None => self.unsent(transmit.transaction),
            },
        }
    }

    /// Opens a connection, hands it to the loop and sends on it.
    fn open(&self, transmit: Transmit) {
        let (opened, arrived) = (self.opened.clone(), self.arrived.clone());
        let servers = self.name_servers.clone();
        tokio::task::spawn_local(async move {
            let connecting = async {
                let to = match transmit.hop.host {
                    Host::Address(address) => vec![address],
                    Host::Name(name, port) => {
                        let found = names::hosts((name.as_str(), port), &servers);
                        timeout(CONNECT_MAX, found).await??
                    }
                };
                let mut stream = connect(&to).await?;
                let to = stream.peer_addr()?;
                stream.write_all(&transmit.bytes).await?;
                io::Result::Ok((stream, to))
            };
            match (connecting.await, transmit.transaction) {
                (Ok((stream, peer)), _) => {
                    let listener = transmit.hop.listener;
                    let _ = opened.send(Opening { stream, listener, peer, is_ours: true }).await;
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
async fn resolve(
    host: (&str, u16),
    servers: &[SocketAddr],
    local: SocketAddr,
) -> io::Result<SocketAddr> {
    let addresses = timeout(CONNECT_MAX, names::hosts(host, servers)).await??;
    // A socket of IPv6 that is bound to every address speaks IPv4 too.
    let both = local.is_ipv6() && local.ip().is_unspecified();
    addresses
        .into_iter()
        .find(|address| both || address.is_ipv4() == local.is_ipv4())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

async fn receive(listener: ListenerId, socket: Rc<UdpSocket>, inbox: Inbox) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                let (bytes, came) = (buffer[..length].to_vec(), clock::moment());
                inbox.put(Datagram { listener, source, bytes, came });
            }
            // ICMP errors of earlier sends come up here; the socket itself goes on.
            Err(error) => tracing::debug!(%error, "receive"),
        }
    }
}

async fn accept(listener: ListenerId, socket: TcpListener, opened: mpsc::Sender<Opening>) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let opening = Opening { stream, listener, peer, is_ours: false };
                if opened.send(opening).await.is_err() {
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
