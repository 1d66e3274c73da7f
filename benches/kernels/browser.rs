//! A browser on the shared port: one check of ICE that names its way, then the handshake that makes
//! its keys.

use aws_lc_rs::hmac;
use mediacore::dtls::{Handshake, Identity, Output};
use mediacore::shard::{Shard, TRANSMIT_MAX};
use mediacore::srtp::Session;
use std::net::SocketAddr;
use std::sync::Arc;
use terms::Moment;
use terms::media::{Dtls, DtlsRole, Fingerprint, Ice};

/// Datagrams each way of a handshake that loses none, with room.
const TURNS_MAX: usize = 50;
/// Octets of a STUN header, RFC 8489 §5.
const STUN_HEADER_BYTES: usize = 20;
/// MESSAGE-INTEGRITY, §14.5, with its own header.
const SIGNATURE_BYTES: usize = 24;

/// What is agreed with a browser: its handshake and its names.
pub struct Agreed {
    /// The certificate that it shows; we wait for it to begin.
    pub dtls: Dtls,
    /// Names and password.
    pub ice: Ice,
}

/// What a box and its browser `n` agree on.
pub fn agree(identity: &Identity, n: u32) -> Agreed {
    let dtls = Dtls { role: DtlsRole::Server, fingerprints: vec![identity.fingerprint()] };
    let ice = Ice {
        ufrag: format!("leg{n}"),
        pwd: "0123456789abcdefghijklmn".to_owned(),
        peer_ufrag: format!("page{n}"),
    };
    Agreed { dtls, ice }
}

/// Brings browser `n` to the shard: its check, its handshake, and what it seals audio with.
pub fn arrive(
    shard: &mut Shard,
    now: Moment,
    identity: &Arc<Identity>,
    box_print: Fingerprint,
    (n, address): (u32, SocketAddr),
) -> Session {
    deliver(shard, now, address, &check(&agree(identity, n).ice));
    let agreed = Dtls { role: DtlsRole::Client, fingerprints: vec![box_print] };
    let mut handshake = Handshake::new(now, Arc::clone(identity), agreed);
    handshake.start(now);
    let mut buffer = [0; TRANSMIT_MAX];
    for _ in 0..TURNS_MAX {
        while let Some(output) = handshake.poll(&mut buffer) {
            match output {
                Output::Send(len) => deliver(shard, now, address, &buffer[..len]),
                Output::Keys(keys) => return Session::new(*keys),
                Output::Failed(why) => panic!("browser {n} has no keys: {why:?}"),
            }
        }
        while let Some(sent) = shard.poll_transmit(&mut buffer) {
            // Records of DTLS, RFC 7983 §7; the answer to the check needs no look.
            if sent.to == address && (20..=63).contains(&buffer[0]) {
                handshake.handle_packet(now, &buffer[..sent.len]);
            }
        }
    }
    panic!("browser {n} has no keys after {TURNS_MAX} turns");
}

fn deliver(shard: &mut Shard, now: Moment, from: SocketAddr, bytes: &[u8]) {
    let mut buffer = [0; TRANSMIT_MAX];
    buffer[..bytes.len()].copy_from_slice(bytes);
    let door = shard.shared_door();
    shard.handle_packet(now, door, from, &mut buffer, bytes.len());
}

/// A binding request that nominates the way it comes, RFC 8445 §7.1.
fn check(ice: &Ice) -> Vec<u8> {
    let name = format!("{}:{}", ice.ufrag, ice.peer_ufrag);
    let mut bytes = vec![0; STUN_HEADER_BYTES];
    bytes[1] = 1;
    bytes[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
    attribute(&mut bytes, 0x0006, name.as_bytes());
    attribute(&mut bytes, 0x0025, &[]);
    let body = bytes.len() - STUN_HEADER_BYTES + SIGNATURE_BYTES;
    bytes[2..4].copy_from_slice(&(body as u16).to_be_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, ice.pwd.as_bytes());
    let signature = hmac::sign(&key, &bytes);
    attribute(&mut bytes, 0x0008, signature.as_ref());
    bytes
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(kind.to_be_bytes());
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
