//! A leg whose port carries a fax as packets: T.38 over UDPTL (ITU-T T.38 Annex D), agreed by offer
//! and answer, passed on unchanged from one party to the other.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Longest UDPTL datagram that is passed on, in bytes; a longer one is dropped and counted. It fits
/// the receive buffers of mediacore, and signaling tells no peer that it may send more.
pub const FAX_DATAGRAM_BYTES_MAX: u16 = 640;

/// Whether a call may go over to T.38.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum T38Policy {
    /// An offer of it is refused with 488; the fax goes on as audio.
    Off,
    /// Between two trunks it passes from party to party.
    #[default]
    Pass,
}

/// Whether a trunk carries T.38.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkT38 {
    /// As the box says ([`T38Policy`]).
    #[default]
    Allow,
    /// It is offered none, and what it offers is refused with 488; the call goes on as it was.
    Refuse,
}

/// What offer and answer agreed for a leg that carries T.38 over UDPTL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxRemote {
    /// Where our datagrams go.
    pub udptl: SocketAddr,
    /// A NAT is declared or was detected: the source may be learned, and only from `signalling`.
    pub nat: bool,
    /// Where the leg's signalling comes from.
    pub signalling: IpAddr,
}

/// The UDPTL of one leg, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxQuality {
    /// Datagrams received from the accepted source.
    pub received: u64,
    /// Datagrams passed on to it.
    pub sent: u64,
    /// Numbers that were jumped over and did not come later. UDPTL repeats what was lost, so a page
    /// may be whole all the same.
    pub missing: u64,
    /// Dropped: not UDPTL, too long, or nobody to pass it on to.
    pub dropped: u64,
}
