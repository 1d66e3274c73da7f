//! What a packet of a two-party call costs by what its legs speak: a whole shard in virtual time,
//! without sockets. Taking the packet in, opening it, decoding, encoding and sealing what goes out.

use crate::browser;
use crate::house::{self, FRAME, address, drain};
use benches::media::page::Agreed;
use benches::media::phrase;
use mediacore::dtls::Identity;
use mediacore::edge::identity;
use mediacore::leg::LegIdx;
use mediacore::rtp::{self, HEADER_BYTES, Header};
use mediacore::shard::{Config, Shard, TRANSMIT_MAX};
use mediacore::srtp::Session;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::media::{
    Codec, Command, PayloadType, Payloads, RecordStart, RecordTerms, Remote, RtpTime, SeqNo, Side,
    Srtp, SrtpKey, SrtpSuite, Ssrc,
};
use terms::{CallId, ContactId, LegId, Moment, RecordingId, TenantId, Timestamp};

const CALLS: u32 = 50;
/// Packets of a voice before it repeats.
const CYCLE: usize = 50;
/// Frames until every buffer has its delay.
const WARM: u32 = 25;

/// One kind of call: what each side speaks.
pub struct Pairing {
    /// What is measured.
    pub metric: &'static str,
    sides: [(Codec, Keys); 2],
    /// Both sides are recorded; what storage does with the blocks is not in it.
    recorded: bool,
}

impl Pairing {
    const fn of(metric: &'static str, sides: [(Codec, Keys); 2]) -> Self {
        Pairing { metric, sides, recorded: false }
    }
}

/// Where the keys of a side come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// There are none.
    Clear,
    /// The description.
    Sdes(SrtpSuite),
    /// A handshake: a browser on the shared port.
    Browser,
}

const PLAIN: (Codec, Keys) = (Codec::Pcma, Keys::Clear);
const TAG80: Keys = Keys::Sdes(SrtpSuite::AesCm128HmacSha1Tag80);
const GCM: Keys = Keys::Sdes(SrtpSuite::AeadAes128Gcm);

/// All of them.
pub const PAIRINGS: [Pairing; 12] = [
    Pairing::of("PCMA to PCMA, relayed", [PLAIN, PLAIN]),
    Pairing {
        recorded: true,
        ..Pairing::of("PCMA to PCMA, relayed and both sides recorded", [PLAIN, PLAIN])
    },
    Pairing::of(
        "PCMA to PCMA, SRTP (AES-CM, HMAC-SHA1-80) on both sides",
        [(Codec::Pcma, TAG80), (Codec::Pcma, TAG80)],
    ),
    Pairing::of(
        "PCMA to PCMA, SRTP (AES-GCM-128) on both sides",
        [(Codec::Pcma, GCM), (Codec::Pcma, GCM)],
    ),
    Pairing::of("L16 to PCMA", [(Codec::L16, Keys::Clear), PLAIN]),
    Pairing::of("G.722 to PCMA", [(Codec::G722, Keys::Clear), PLAIN]),
    Pairing::of("Opus to PCMA", [(Codec::Opus, Keys::Clear), PLAIN]),
    Pairing::of("G.729 to PCMA", [(Codec::G729, Keys::Clear), PLAIN]),
    Pairing::of(
        "G.729 to G.729, relayed",
        [(Codec::G729, Keys::Clear), (Codec::G729, Keys::Clear)],
    ),
    Pairing::of("Opus in SRTP (AES-GCM-128) to PCMA", [(Codec::Opus, GCM), PLAIN]),
    Pairing::of(
        "PCMA of a browser (WebRTC) to PCMA, relayed",
        [(Codec::Pcma, Keys::Browser), PLAIN],
    ),
    Pairing::of("Opus of a browser (WebRTC) to PCMA", [(Codec::Opus, Keys::Browser), PLAIN]),
];

/// A phone: what it says, and how it seals it.
struct Phone {
    address: SocketAddr,
    /// Where its packets come in.
    door: LegIdx,
    codec: Codec,
    audio: PayloadType,
    ssrc: Ssrc,
    session: Option<Session>,
}

fn key(seed: u8) -> SrtpKey {
    SrtpKey::new([seed; 32], [seed ^ 0x5A; 14])
}

impl Phone {
    /// The next packet, with what fits behind it.
    fn write(&mut self, frame: u32, payload: &[u8], packet: &mut Packet) {
        let ticks = self.codec.clock_hz() / 50;
        let header = Header {
            payload_type: self.audio,
            marker: false,
            seq: SeqNo(frame as u16),
            time: RtpTime(frame.wrapping_mul(ticks)),
            ssrc: self.ssrc,
        };
        rtp::write(&header, &mut packet.bytes);
        packet.len = HEADER_BYTES + payload.len();
        packet.bytes[HEADER_BYTES..packet.len].copy_from_slice(payload);
        if let Some(session) = &mut self.session {
            packet.len = session.protect(&mut packet.bytes, packet.len).expect("each is new");
        }
    }
}

struct Packet {
    bytes: [u8; TRANSMIT_MAX],
    len: usize,
}

fn open(pairing: &Pairing) -> (Shard, Moment, Vec<Phone>) {
    let side = |n: u32| pairing.sides[n as usize % 2];
    let payloads = |codec| Payloads::of(codec).with_dtmf(PayloadType(101));
    let ours = |suite| Srtp { suite, send: key(1), receive: key(2) };
    let theirs = |suite| Srtp { suite, send: key(2), receive: key(1) };
    let (box_identity, pages) = (certificate(), certificate());
    let remote = |n| {
        let (codec, keys) = side(n);
        let plain = Remote::at(address(n), payloads(codec));
        match keys {
            Keys::Clear => plain,
            Keys::Sdes(suite) => Remote { srtp: Some(ours(suite)), ..plain },
            Keys::Browser => {
                let Agreed { dtls, ice } = browser::agree(&pages, n);
                Remote { dtls: Some(dtls), ice: Some(ice), rtcp_mux: true, ..plain }
            }
        }
    };
    let config = Config { identity: Some(Arc::clone(&box_identity)), ..house::config() };
    let (mut shard, now) = house::shard(config, 2 * CALLS, remote, |n| u64::from(n / 2));
    let mut phone = |n| {
        let (codec, keys) = side(n);
        let address = address(n);
        let (door, session) = match keys {
            Keys::Clear => (LegIdx(n), None),
            Keys::Sdes(suite) => (LegIdx(n), Some(Session::new(theirs(suite)))),
            Keys::Browser => {
                let print = box_identity.fingerprint();
                let session = browser::arrive(&mut shard, now, &pages, print, (n, address));
                (shard.shared_door(), Some(session))
            }
        };
        Phone { address, door, codec, audio: payloads(codec).audio, ssrc: Ssrc(n), session }
    };
    let phones = (0..2 * CALLS).map(&mut phone).collect();
    if pairing.recorded {
        (0..CALLS).for_each(|call| shard.handle_command(now, record(call)));
    }
    drain(&mut shard);
    (shard, now, phones)
}

/// Both sides of a call, the first one as the customer.
fn record(call: u32) -> Command {
    let leg = |side: u32| LegId(u64::from(2 * call + side) + 1);
    Command::RecordStart(RecordStart {
        recording: RecordingId(u64::from(call) + 1),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(u64::from(call) + 1),
        started_at: Timestamp::from_secs(1_800_000_000),
        parties: vec![(leg(0), Side::Customer), (leg(1), Side::Other)],
        terms: RecordTerms::default(),
    })
}

fn certificate() -> Arc<Identity> {
    Arc::new(identity::generate().expect("a key on P-256 can be made"))
}

/// Time of the shard for each packet that came in, over so many frames of all legs, and how many
/// packets went out.
fn run(pairing: &Pairing, frames: u32) -> (Duration, u64) {
    let (mut shard, mut now, mut phones) = open(pairing);
    let voices = pairing.sides.map(|(codec, _)| phrase::packets(codec, CYCLE));
    let mut packets: Vec<Packet> =
        phones.iter().map(|_| Packet { bytes: [0; TRANSMIT_MAX], len: 0 }).collect();
    let (mut spent, mut sent_before) = (Duration::ZERO, 0);
    for frame in 0..WARM + frames {
        for (n, (phone, packet)) in phones.iter_mut().zip(&mut packets).enumerate() {
            phone.write(frame, &voices[n % 2][frame as usize % CYCLE], packet);
        }
        if frame == WARM {
            (spent, sent_before) = (Duration::ZERO, shard.stats().packets_out);
        }
        let began = Instant::now();
        for (phone, packet) in phones.iter().zip(&mut packets) {
            let Packet { bytes, len } = packet;
            black_box(shard.handle_packet(now, phone.door, phone.address, bytes, *len));
        }
        shard.tick(now);
        drain(&mut shard);
        spent += began.elapsed();
        now += FRAME;
    }
    let sent = shard.stats().packets_out - sent_before;
    (spent / (frames * 2 * CALLS), sent)
}

/// Microseconds a packet: the median of some rounds.
pub fn us(pairing: &Pairing, frames: u32, rounds: usize) -> f64 {
    let mut all: Vec<f64> =
        (0..rounds).map(|_| run(pairing, frames).0.as_secs_f64() * 1e6).collect();
    all.sort_by(f64::total_cmp);
    all[rounds / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pairing_sends_one_packet_on_for_each_that_came() {
        for pairing in &PAIRINGS {
            let (spent, sent) = run(pairing, 10);
            assert!(spent > Duration::ZERO);
            assert_eq!(sent, u64::from(10 * 2 * CALLS), "{}", pairing.metric);
        }
    }

    #[test]
    fn one_pairing_is_recorded_and_keeps_every_frame() {
        for pairing in &PAIRINGS {
            let (mut shard, now, mut phones) = open(pairing);
            let voices = pairing.sides.map(|(codec, _)| phrase::packets(codec, CYCLE));
            for (n, phone) in phones.iter_mut().enumerate() {
                let mut packet = Packet { bytes: [0; TRANSMIT_MAX], len: 0 };
                phone.write(0, &voices[n % 2][0], &mut packet);
                let (bytes, len) = (&mut packet.bytes, packet.len);
                shard.handle_packet(now, phone.door, phone.address, bytes, len);
            }
            let kept = if pairing.recorded { u64::from(2 * CALLS) } else { 0 };
            assert_eq!(shard.recorder_stats().frames, kept, "{}", pairing.metric);
        }
    }
}
