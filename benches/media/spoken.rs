//! What each side of a kind of call speaks: the codec and the keys, as the box is told and as the
//! phones do.

use crate::system::Kind;
use benches::media::page::{self, Agreed};
use mediacore::srtp::Session;
use std::net::SocketAddr;
use terms::media::{Codec, Fingerprint, PayloadType, Payloads, Remote, Srtp, SrtpKey, SrtpSuite};

/// Of the calls whose audio is encrypted.
const SUITE: SrtpSuite = SrtpSuite::AesCm128HmacSha1Tag80;

/// What the caller or the called one speaks.
pub fn codec(kind: Kind, called: bool) -> Codec {
    match (kind, called) {
        (Kind::G722, false) => Codec::G722,
        (Kind::G729, false) => Codec::G729,
        (Kind::Opus | Kind::Webrtc, false) => Codec::Opus,
        _ => Codec::Pcma,
    }
}

/// The numbers on its packets.
pub fn payloads(kind: Kind, called: bool) -> Payloads {
    Payloads::of(codec(kind, called)).with_dtmf(PayloadType(101))
}

/// A party that listens at `phone`, as the box is told.
pub fn remote(kind: Kind, called: bool, phone: SocketAddr) -> Remote {
    let (send, receive) = (key(1), key(2));
    let srtp = (kind == Kind::Srtp).then_some(Srtp { suite: SUITE, send, receive });
    Remote { srtp, ..Remote::at(phone, payloads(kind, called)) }
}

/// The same party as the page of call `call`, which shows the certificate `pages`.
pub fn page(plain: Remote, pages: Fingerprint, call: u64) -> Remote {
    let Agreed { dtls, ice } = page::agree(pages, call);
    Remote { dtls: Some(dtls), ice: Some(ice), rtcp_mux: true, ..plain }
}

/// What its phone protects its packets with.
pub fn session(kind: Kind) -> Option<Session> {
    let (send, receive) = (key(2), key(1));
    (kind == Kind::Srtp).then(|| Session::new(Srtp { suite: SUITE, send, receive }))
}

fn key(seed: u8) -> SrtpKey {
    SrtpKey::new([seed; 32], [seed ^ 0x5A; 14])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_is_transcoded_and_both_are_encrypted() {
        let phone = SocketAddr::from(([127, 0, 0, 1], 4_000));
        assert_eq!((codec(Kind::Opus, false), codec(Kind::Opus, true)), (Codec::Opus, Codec::Pcma));
        assert_eq!(codec(Kind::G722, false), Codec::G722);
        assert_eq!((codec(Kind::G729, false), codec(Kind::G729, true)), (Codec::G729, Codec::Pcma));
        for called in [false, true] {
            assert!(remote(Kind::Srtp, called, phone).srtp.is_some());
            assert!(remote(Kind::Opus, called, phone).srtp.is_none());
        }
        let page = page(remote(Kind::Webrtc, false, phone), Fingerprint([7; 32]), 3);
        assert!(page.rtcp_mux && page.dtls.is_some());
        assert_eq!(page.ice.map(|ice| ice.ufrag).as_deref(), Some("leg3"));
        assert!(session(Kind::Srtp).is_some() && session(Kind::G722).is_none());
    }
}
