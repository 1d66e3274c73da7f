//! A browser on the shared port: one check of ICE that names its way, then the handshake that makes
//! its keys.

use benches::media::page::{self, Agreed};
use mediacore::dtls::{Handshake, Identity, Output};
use mediacore::shard::{Shard, TRANSMIT_MAX};
use mediacore::srtp::Session;
use std::net::SocketAddr;
use std::sync::Arc;
use terms::Moment;
use terms::media::{Dtls, DtlsRole, Fingerprint};

/// Datagrams each way of a handshake that loses none, with room.
const TURNS_MAX: usize = 50;

/// What a box and its browser `n` agree on.
pub fn agree(identity: &Identity, n: u32) -> Agreed {
    page::agree(identity.fingerprint(), u64::from(n))
}

/// Brings browser `n` to the shard: its check, its handshake, and what it seals audio with.
pub fn arrive(
    shard: &mut Shard,
    now: Moment,
    identity: &Arc<Identity>,
    box_print: Fingerprint,
    (n, address): (u32, SocketAddr),
) -> Session {
    deliver(shard, now, address, &page::check(&agree(identity, n).ice));
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
