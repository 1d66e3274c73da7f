//! What rooms cost, as a share of a core: a whole shard in virtual time, without sockets.

use crate::house::{self, FRAME, address, drain};
use mediacore::g711::{self, Law};
use mediacore::leg::LegIdx;
use mediacore::rtp::{self, HEADER_BYTES, Header};
use mediacore::shard::Shard;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};
use terms::Moment;
use terms::media::{Codec, PayloadType, Payloads, Remote, RtpTime, SeqNo, Ssrc};

/// Frames of a voice before it repeats: words of 400 ms with pauses of 200 ms.
const WORD_FRAMES: usize = 20;
const CYCLE_FRAMES: usize = 30;

/// One figure: time spent for so many frames of 20 ms.
pub struct Share {
    /// What is measured.
    pub metric: &'static str,
    /// What it should stay below, in percent of a core.
    pub limit_percent: Option<f64>,
    /// Runs it.
    pub run: fn(u64) -> Duration,
}

/// All of them.
pub const SHARES: [Share; 3] = [
    Share {
        metric: "room of 1,000 with three speakers, decode to encode",
        limit_percent: Some(5.0),
        run: |frames| big_room(frames).0,
    },
    Share {
        metric: "room of 1,000 with three speakers, packets in included",
        limit_percent: None,
        run: |frames| {
            let (mixing, taking) = big_room(frames);
            mixing + taking
        },
    },
    Share { metric: "2,048 idle rooms", limit_percent: Some(1.0), run: idle_rooms },
];

/// A shard with connected legs; `room` says in which room each is.
fn shard(legs: u32, room: impl Fn(u32) -> u64) -> (Shard, Moment) {
    let payloads = Payloads::of(Codec::Pcma).with_dtmf(PayloadType(101));
    house::shard(house::config(), legs, |n| Remote::at(address(n), payloads), room)
}

/// Frames of one voice, and of one who only listens but whose phone sends its quiet room.
fn voices() -> (Vec<[u8; 160]>, [u8; 160]) {
    let word = |frame: usize| {
        std::array::from_fn(|n| {
            let at = (frame * 160 + n) as f64 / 8_000.0;
            let peak = if frame < WORD_FRAMES { 8_000.0 } else { 20.0 };
            g711::encode(Law::A, (peak * (TAU * (180.0 + 300.0 * at) * at).sin()) as i16)
        })
    };
    let quiet = std::array::from_fn(|n| g711::encode(Law::A, (n as i16 * 37 % 31) - 15));
    ((0..CYCLE_FRAMES).map(word).collect(), quiet)
}

/// A thousand legs that all send; three speak. The time of mixing, and of taking the packets in.
fn big_room(frames: u64) -> (Duration, Duration) {
    let (mut shard, mut now) = shard(1_000, |_| 1);
    let (words, quiet) = voices();
    let (mut mixing, mut taking) = (Duration::ZERO, Duration::ZERO);
    let mut packet = [0; HEADER_BYTES + 160];
    let len = packet.len();
    for frame in 0..frames {
        let began = Instant::now();
        for leg in 0..1_000_u32 {
            let header = Header {
                payload_type: PayloadType(8),
                marker: false,
                seq: SeqNo(frame as u16),
                time: RtpTime(frame as u32 * 160),
                ssrc: Ssrc(leg),
            };
            rtp::write(&header, &mut packet);
            let payload =
                if leg % 333 == 7 { &words[frame as usize % CYCLE_FRAMES] } else { &quiet };
            packet[HEADER_BYTES..].copy_from_slice(payload);
            shard.handle_packet(now, LegIdx(leg), address(leg), &mut packet, len);
        }
        taking += began.elapsed();
        let began = Instant::now();
        shard.tick(now);
        mixing += began.elapsed();
        drain(&mut shard);
        now += FRAME;
    }
    (mixing, taking)
}

/// Rooms of one leg each that says nothing: reports and silences go on.
fn idle_rooms(frames: u64) -> Duration {
    let (mut shard, mut now) = shard(2_048, u64::from);
    let mut spent = Duration::ZERO;
    for _ in 0..frames {
        now += FRAME;
        let began = Instant::now();
        shard.tick(now);
        drain(&mut shard);
        spent += began.elapsed();
    }
    spent
}

/// Percent of a core: the median of some rounds.
pub fn percent(share: &Share, frames: u64, rounds: usize) -> f64 {
    let real = FRAME.as_secs_f64() * frames as f64;
    let mut all: Vec<f64> =
        (0..rounds).map(|_| (share.run)(frames).as_secs_f64() / real * 100.0).collect();
    all.sort_by(f64::total_cmp);
    all[rounds / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_big_room_sends_every_leg_one_packet_a_frame_and_idle_rooms_none() {
        let (mut shard, now) = shard(1_000, |_| 1);
        let before = shard.stats().packets_out;
        (0..10).for_each(|n| shard.tick(now + FRAME * n));
        assert_eq!(shard.stats().packets_out - before, 10_000);
        let (mut idle, now) = self::shard(2_048, u64::from);
        (0..10).for_each(|n| idle.tick(now + FRAME * n));
        assert_eq!((idle.stats().packets_out, idle.rooms()), (0, 2_048));
    }

    #[test]
    fn every_share_runs() {
        for share in &SHARES {
            assert!(percent(share, 3, 1) > 0.0, "{}", share.metric);
        }
    }
}
