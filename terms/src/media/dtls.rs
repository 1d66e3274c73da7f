//! Keys that are agreed on the way of the audio itself (DTLS-SRTP, RFC 5763 and RFC 5764), and how
//! two parties find each other through NATs (ICE, RFC 8445, of which we do the lite half). Passwords
//! appear in no `Debug` output.

use serde::{Deserialize, Serialize};
use std::fmt;

/// SHA-256 of a certificate, RFC 8122 §5: who is at the other end is who the signalling said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads `AA:BB:…`, in either case; `None` when it is not 32 octets.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 32];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2)?;
            // A sign would be taken for a number too.
            let is_hex = part.bytes().all(|digit| digit.is_ascii_hexdigit());
            *octet = u8::from_str_radix(part, 16).ok().filter(|_| is_hex)?;
        }
        parts.next().is_none().then_some(Fingerprint(octets))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (n, octet) in self.0.iter().enumerate() {
            write!(f, "{}{octet:02X}", if n == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// What we do in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DtlsRole {
    /// We begin: `a=setup:active`.
    Client,
    /// They begin: `a=setup:passive`.
    Server,
}

/// A handshake that makes the keys of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dtls {
    /// Our role.
    pub role: DtlsRole,
    /// Theirs; their certificate has to be one of these.
    pub fingerprints: Vec<Fingerprint>,
}

/// What both sides prove to each other before anything else passes, RFC 8445 §5.3.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ice {
    /// Our name for this leg: it finds the leg on a shared port.
    pub ufrag: String,
    /// Our password: their checks are signed with it.
    pub pwd: String,
    /// Their name. We send no checks, so that their password is not needed.
    pub peer_ufrag: String,
}

impl fmt::Debug for Ice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Ice({}:{})", self.ufrag, self.peer_ufrag)
    }
}

/// On which port a leg is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// A pair of its own, for RTP and RTCP.
    #[default]
    Own,
    /// The port that all WebRTC legs of a shard share; who sends is told apart by ICE.
    Shared,
}

/// Why a leg cannot be heard any more, and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No check of ICE reached us in time.
    Unreached,
    /// The handshake was not finished in time.
    NoHandshake,
    /// Their certificate is not the one that the signalling named.
    WrongCertificate,
    /// The handshake ended without keys: they speak no suite of ours.
    NoKeys,
    /// This box has no certificate.
    NoCertificate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_nothing_else_is_one() {
        let text = (0..32).map(|n| format!("{:02X}", n * 8)).collect::<Vec<_>>().join(":");
        let read = Fingerprint::parse(&text).expect("it is well formed");
        assert_eq!((read.0[0], read.0[31], read.to_string()), (0, 248, text.clone()));
        assert_eq!(Fingerprint::parse(&text.to_lowercase()), Some(read));
        for wrong in ["", "AA", &text[3..], &format!("{text}:00"), &text.replace("08", "+8")] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_password_is_in_no_debug_output() {
        let ice = Ice { ufrag: "a".into(), pwd: "hidden".into(), peer_ufrag: "b".into() };
        assert_eq!(format!("{ice:?}"), "Ice(a:b)");
    }
}
