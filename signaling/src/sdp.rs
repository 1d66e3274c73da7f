//! Session descriptions (RFC 8866) and offer/answer (RFC 3264) for one audio stream.
//!
//! A leg has one [`Local`]: where we receive and what we speak. From it comes an [`offer`], or an
//! [`answer`] to theirs; [`accept`] reads their answer to ours. All three end in a
//! [`media::Remote`], which is all that mediacore needs. An answer takes the offered codec that
//! stands first in our list, an agreement the first codec of their answer. Keys are agreed
//! by SDES (RFC 4568) or made by a handshake (DTLS-SRTP, RFC 5763) as the leg's [`Security`] wants;
//! a leg on a shared port is a WebRTC leg and speaks ICE.
//! Video, fax beside audio and a second audio stream are refused with port 0, the call goes on without
//! them. A call that goes over to fax has a description of its own: [`fax`].

mod base64;
mod crypto;
pub mod fax;
mod negotiate;
mod parse;
mod security;
mod webrtc;

#[cfg(test)]
mod tests;

pub use crypto::Crypto;
pub(crate) use negotiate::is_private;
pub use negotiate::{accept, answer, offer};
pub use parse::{Audio, Description, Direction, fuzz_description};
pub use security::Security;

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use terms::media::{Codec, PayloadType, Port};

/// Longest description that is read, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;
/// Most `m=` lines that are read.
pub const MEDIA_MAX: usize = 16;
/// The number of `telephone-event` in our offers.
pub const DTMF_TYPE: PayloadType = PayloadType(101);

/// Our side of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// Where we receive RTP, as the peer reaches it; RTCP is one port higher.
    pub rtp: SocketAddr,
    /// The address that is told to whom nothing else is said about.
    pub usual: IpAddr,
    /// More addresses of ours, for peers that find out by ICE which of them they reach.
    pub others: Vec<IpAddr>,
    /// `o=` session id: stable for the leg's life.
    pub session: u64,
    /// `o=` version: goes up by one with every changed description (RFC 3264 §8).
    pub version: u64,
    /// What we want: `sendonly` puts the peer on hold.
    pub direction: Direction,
    /// What we speak and hear, the preferred codec first.
    pub codecs: Vec<Codec>,
    /// Our packet time in ms.
    pub ptime_ms: u8,
    /// Our keys.
    pub security: Security,
    /// On which port: the shared one is for WebRTC, which means a handshake, ICE, and RTCP on the
    /// same port.
    pub port: Port,
    /// RTCP goes the way of RTP, as was last agreed: our next offer asks for it again.
    #[serde(default)]
    pub one_port: bool,
}

impl Local {
    /// A-law and µ-law at 20 ms, both directions open, no keys, first version.
    pub fn new(rtp: SocketAddr, session: u64) -> Self {
        Local {
            rtp,
            usual: rtp.ip(),
            others: Vec::new(),
            session,
            version: 1,
            direction: Direction::SendRecv,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            ptime_ms: 20,
            security: Security::NONE,
            port: Port::Own,
            one_port: false,
        }
    }

    /// The peer reaches us at this address, or at the usual one.
    pub fn tell(&mut self, address: Option<IpAddr>) {
        self.rtp.set_ip(address.unwrap_or(self.usual));
    }

    /// Every address of ours, the one that the peer is told first, each once.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut all = vec![self.rtp.ip()];
        for ip in std::iter::once(&self.usual).chain(&self.others) {
            if !all.contains(ip) {
                all.push(*ip);
            }
        }
        all
    }

    /// The next version of our description, with another direction.
    pub fn turn(&mut self, direction: Direction) {
        self.direction = direction;
        self.version += 1;
    }
}

/// Why a description cannot be used. Every reason is a 488 to the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a session description.
    #[error("read session description: {0}")]
    Malformed(String),
    /// Longer than [`DESCRIPTION_BYTES_MAX`], or with more lines than [`MEDIA_MAX`].
    #[error("session description is too large: {0}")]
    TooLarge(usize),
    /// No `m=audio` line over RTP with a port.
    #[error("no audio stream over RTP/AVP, RTP/SAVP or UDP/TLS/RTP/SAVP(F) is offered")]
    NoAudio,
    /// Encrypted, but with no key that we can use and no certificate that we can check.
    #[error(
        "an a=crypto line with a suite of ours and one key, or a=fingerprint:sha-256 is needed"
    )]
    NoKeys,
    /// Not encrypted where it has to be.
    #[error("plain audio where encryption is required")]
    Plain,
    /// On the shared port, but without ICE.
    #[error("a=ice-ufrag and a=ice-pwd of a full agent and a=rtcp-mux are needed")]
    NoIce,
    /// Audio, but in no codec that we speak.
    #[error("no common codec: PCMA, PCMU, G722, opus or L16 is needed")]
    NoCodec,
    /// No `m=image` line over UDPTL with a port.
    #[error("no T.38 over UDPTL is offered")]
    NoFax,
    /// The connection address is a name or missing.
    #[error("connection address \"{0}\" is not an IP address")]
    NoAddress(String),
}
