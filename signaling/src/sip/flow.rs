//! Where messages come from and go to. The core names listeners and connections by number; the
//! edge owns the sockets.

use super::trunk::TrunkKey;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

/// How messages travel, RFC 3261 §18 and RFC 7118.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Encrypted streams.
    Tls,
    /// WebSocket in clear: one message in each of its own.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// The word in Via.
    pub const fn via(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }
    /// The parameter of our URIs. Both kinds of WebSocket have one word (RFC 7118 §5.3).
    pub const fn uri_param(self) -> &'static str {
        match self {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
            Transport::Ws | Transport::Wss => ";transport=ws",
        }
    }
    /// Nothing gets lost, so nothing is sent again.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }
    /// Browsers speak over it. They are reached over the connection that they opened and in no other
    /// way: their Contact names no place (RFC 7118 §5.2).
    pub const fn is_websocket(self) -> bool {
        matches!(self, Transport::Ws | Transport::Wss)
    }
    /// Who listens on the way reads nothing.
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }
}

/// A listener by its place in the configuration.
pub type ListenerId = u16;

/// A connection, named by the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// The listener it reached.
    pub listener: ListenerId,
    /// How.
    pub transport: Transport,
    /// The peer as the kernel saw it.
    pub remote: SocketAddr,
    /// The connection; none over UDP.
    pub connection: Option<ConnectionId>,
}

impl Flow {
    /// A datagram's flow.
    pub const fn udp(listener: ListenerId, remote: SocketAddr) -> Self {
        Flow { listener, transport: Transport::Udp, remote, connection: None }
    }
    /// The flow of a connection that reached a listener of this transport.
    pub const fn connected(
        transport: Transport,
        listener: ListenerId,
        remote: SocketAddr,
        connection: ConnectionId,
    ) -> Self {
        Flow { listener, transport, remote, connection: Some(connection) }
    }
}

/// An address or a name that the edge looks up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Host {
    /// Known.
    Address(SocketAddr),
    /// A host name and port.
    Name(String, u16),
}

/// Where a message goes. A TCP connection that is gone is replaced by a new one to `host`, and one of
/// TLS by a new one to the trunk that it is about; those of phones over TLS and of WebSocket are opened
/// by the peer alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hop {
    /// The listener that it leaves from.
    pub listener: ListenerId,
    /// How.
    pub transport: Transport,
    /// To whom.
    pub host: Host,
    /// The connection to use while it lives.
    pub connection: Option<ConnectionId>,
    /// The trunk that it leads to: it says which address of ours is told, and whose certificate has to
    /// be shown over TLS.
    pub trunk: Option<TrunkKey>,
}

impl Hop {
    /// The same way, to a trunk or not.
    #[must_use]
    pub fn of(self, trunk: Option<TrunkKey>) -> Hop {
        Hop { trunk, ..self }
    }
}

/// The user of our Contact, where a registrar finds us whatever was dialled.
pub(crate) const CONTACT_USER: &str = "switchgrid";

/// How the other end of a way reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
}

impl Seen {
    /// `SIP/2.0/UDP host:port;branch=…;rport`
    pub(crate) fn via(&self, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch};rport", self.transport.via(), self.address)
    }

    /// `<sip:host:port;transport=tcp>`
    pub(crate) fn contact(&self) -> String {
        format!("<sip:{CONTACT_USER}@{}{}>", self.address, self.transport.uri_param())
    }
}

impl From<Flow> for Hop {
    fn from(flow: Flow) -> Hop {
        Hop {
            listener: flow.listener,
            transport: flow.transport,
            host: Host::Address(flow.remote),
            connection: flow.connection,
            trunk: None,
        }
    }
}

/// What the edge is to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub hop: Hop,
    /// What; empty where only `close` matters.
    pub bytes: Arc<[u8]>,
    /// Names our request in `handle_unsent` when it could not be sent.
    pub transaction: Option<u64>,
    /// Close the connection afterwards.
    pub close: bool,
}
