//! Where each frame of a track stands on the recording's timeline.
//! Promise: a frame is placed within 10 ms of when it was spoken plus the path's least delay, for
//! hours, whatever the sender's clock does.
//!
//! A sender counts RTP time with its own crystal, up to some 200 ppm off ours: 0.7 s in an hour.
//! The difference between arrival and RTP time, the skew, is the sender's offset plus the delay of
//! each packet, and delay only adds. So the least skew of the last 8 s and the next 8 s (rendering
//! happens afterwards, so the future is known) follows the offset and its drift. The mapping moves
//! to it in silence from 4 ms on and in speech only from 8 ms on. A path that is slow for as long as
//! that, as at the beginning of a call, moves nothing: where it became quick again, frames would fall
//! on those before them.
//!
//! A new SSRC, or RTP time that jumps against arrival by more than a second (a phone that freezes
//! its timestamps on hold, a switch that changes source), begins a new epoch: its own mapping, from
//! its own least skew. RFC 3550 §5.1 and §6.4.4 on what a timestamp may mean across sources.

use super::block::samples_of;
use crate::g711::{self, Law};
use std::collections::VecDeque;
use std::time::Duration;
use terms::Moment;
use terms::media::{Codec, RtpTime, Ssrc};

/// Samples a second of all places here; a file of 16 kHz has two for each.
pub const RATE_HZ: u32 = 8000;
/// How far into the future the least skew is looked for.
pub const AHEAD: Duration = Duration::from_secs(8);
const AHEAD_SAMPLES: i64 = 8 * RATE_HZ as i64;
const BACK_SAMPLES: i64 = 8 * RATE_HZ as i64;
const JUMP_SAMPLES: i64 = RATE_HZ as i64;
const QUIET_SAMPLES: i64 = 32;
const FORCED_SAMPLES: i64 = 64;
/// Mean amplitude below which a frame counts as silence, about −50 dBov.
const SILENCE_MEAN: i32 = 100;

/// A frame as it came.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// When.
    pub arrival: Moment,
    /// Its place in the sender's audio.
    pub rtp_time: RtpTime,
    /// Its source.
    pub ssrc: Ssrc,
    /// Its codec.
    pub codec: Codec,
    /// As received.
    pub payload: Vec<u8>,
}

/// A frame with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// First sample at 8 kHz; may lie before the file's beginning.
    pub at: i64,
    /// Its codec.
    pub codec: Codec,
    /// As received.
    pub payload: Vec<u8>,
}

struct Waiting {
    arrival: i64,
    epoch: u64,
    media: i64,
    samples: i64,
    codec: Codec,
    payload: Vec<u8>,
}

struct Epoch {
    id: u64,
    ssrc: Ssrc,
    last_rtp: RtpTime,
    last_media: i64,
    last_skew: i64,
    /// (arrival, skew), both rising: the front is the least skew of the window.
    least: VecDeque<(i64, i64)>,
    applied: Option<i64>,
    /// End of the audio placed so far, in the sender's time.
    media_end: i64,
}

/// Places the frames of one track.
pub struct Timeline {
    start: Moment,
    waiting: VecDeque<Waiting>,
    epochs: VecDeque<Epoch>,
    next_epoch: u64,
    newest: i64,
}

impl Timeline {
    /// A timeline whose first sample is at `start`.
    pub fn new(start: Moment) -> Timeline {
        Timeline {
            start,
            waiting: VecDeque::new(),
            epochs: VecDeque::new(),
            next_epoch: 0,
            newest: 0,
        }
    }

    /// The next frame in the order of arrival.
    pub fn push(&mut self, frame: Arrived) {
        // To the nearest sample: the log keeps whole microseconds.
        let arrival = samples_between(self.start, frame.arrival + Duration::from_nanos(62_500));
        self.newest = self.newest.max(arrival);
        // A packet leaves when its last sample is spoken.
        let samples = samples_of(frame.codec, &frame.payload) as i64;
        let spoken = arrival - samples;
        let place = self.epoch_for(&frame, spoken);
        let epoch = &mut self.epochs[place];
        let media = epoch.media_of(frame.rtp_time, frame.codec);
        let skew = spoken - media;
        if media >= epoch.last_media {
            (epoch.last_rtp, epoch.last_media) = (frame.rtp_time, media);
        }
        epoch.last_skew = skew;
        while epoch.least.back().is_some_and(|&(_, least)| least >= skew) {
            epoch.least.pop_back();
        }
        epoch.least.push_back((arrival, skew));
        let (epoch, codec, payload) = (epoch.id, frame.codec, frame.payload);
        self.waiting.push_back(Waiting { arrival, epoch, media, samples, codec, payload });
    }

    /// The epoch that the frame continues, or a new one.
    fn epoch_for(&mut self, frame: &Arrived, spoken: i64) -> usize {
        let continues = |epoch: &Epoch| {
            let skew = spoken - epoch.media_of(frame.rtp_time, frame.codec);
            epoch.ssrc == frame.ssrc && (skew - epoch.last_skew).abs() <= JUMP_SAMPLES
        };
        // The epoch before may still get packets that were overtaken by the new source.
        let newest_two = self.epochs.len().saturating_sub(2)..self.epochs.len();
        if let Some(place) = newest_two.rev().find(|&place| continues(&self.epochs[place])) {
            return place;
        }
        self.epochs.push_back(Epoch {
            id: self.next_epoch,
            ssrc: frame.ssrc,
            last_rtp: frame.rtp_time,
            last_media: 0,
            last_skew: spoken,
            least: VecDeque::new(),
            applied: None,
            media_end: 0,
        });
        self.next_epoch += 1;
        self.epochs.len() - 1
    }

    /// The next frame with its place, once enough of the future is known; all of them when `ended`.
    pub fn pop(&mut self, ended: bool) -> Option<Placed> {
        let front = self.waiting.front()?;
        if !ended && front.arrival + AHEAD_SAMPLES > self.newest {
            return None;
        }
        let frame = self.waiting.pop_front().expect("the front was just seen");
        let place = self.epochs.iter().position(|epoch| epoch.id == frame.epoch);
        let place = place.expect("an epoch outlives its frames");
        let at = self.epochs[place].place(&frame);
        self.forget_epochs();
        Some(Placed { at, codec: frame.codec, payload: frame.payload })
    }

    fn forget_epochs(&mut self) {
        let waits = |id: u64| self.waiting.iter().any(|frame| frame.epoch == id);
        while self.epochs.len() > 2 && !waits(self.epochs[0].id) {
            self.epochs.pop_front();
        }
    }
}

impl Epoch {
    fn media_of(&self, rtp_time: RtpTime, codec: Codec) -> i64 {
        let ticks = i64::from(rtp_time.distance(self.last_rtp));
        self.last_media + ticks * i64::from(RATE_HZ) / i64::from(codec.clock_hz())
    }

    fn place(&mut self, frame: &Waiting) -> i64 {
        while self.least.len() > 1 && self.least[0].0 < frame.arrival - BACK_SAMPLES {
            self.least.pop_front();
        }
        let least = self.least.front().expect("the frame's own skew came in").1;
        let applied = self.applied.get_or_insert(least);
        let off = (least - *applied).abs();
        let free = || frame.media > self.media_end || is_silence(frame.codec, &frame.payload);
        if off >= FORCED_SAMPLES || off >= QUIET_SAMPLES && free() {
            *applied = least;
        }
        self.media_end = self.media_end.max(frame.media + frame.samples);
        *applied + frame.media
    }
}

/// Whether a payload can be moved without being missed. Codecs with a memory are not decoded for
/// it: they are silent when their sender rests.
fn is_silence(codec: Codec, payload: &[u8]) -> bool {
    let is_low = |sum: i32, samples: usize| sum <= SILENCE_MEAN * samples as i32;
    match codec {
        Codec::Pcma | Codec::Pcmu => {
            let law = Law::of(codec).expect("both are laws");
            let level = |&octet: &u8| i32::from(g711::decode(law, octet)).abs();
            is_low(payload.iter().map(level).sum(), payload.len())
        }
        Codec::L16 | Codec::L16Narrow => {
            let (pairs, _) = payload.as_chunks::<2>();
            let level = |&pair: &[u8; 2]| i32::from(i16::from_be_bytes(pair)).abs();
            is_low(pairs.iter().map(level).sum(), pairs.len())
        }
        Codec::Opus => payload.len() <= 2,
        Codec::G722 | Codec::G729 => false,
    }
}

/// Samples from `start` to `moment`, negative before it.
pub fn samples_between(start: Moment, moment: Moment) -> i64 {
    let ns = i128::from(moment.0) - i128::from(start.0);
    (ns * i128::from(RATE_HZ) / 1_000_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    const START: Moment = Moment::from_secs(100);
    const SSRC: Ssrc = Ssrc(0xABCD);

    fn frame(arrival_ms: f64, rtp: u32, ssrc: Ssrc) -> Arrived {
        let arrival = Moment(START.0 + (arrival_ms * 1e6) as u64);
        let (rtp_time, codec) = (RtpTime(rtp), Codec::Pcma);
        Arrived { arrival, rtp_time, ssrc, codec, payload: vec![0x55; 160] }
    }

    fn places(frames: impl IntoIterator<Item = Arrived>) -> Vec<i64> {
        let mut timeline = Timeline::new(START);
        let mut at = Vec::new();
        for frame in frames {
            timeline.push(frame);
            at.extend(std::iter::from_fn(|| timeline.pop(false)).map(|placed| placed.at));
        }
        at.extend(std::iter::from_fn(|| timeline.pop(true)).map(|placed| placed.at));
        at
    }

    #[test]
    fn jitter_does_not_move_frames() {
        let mut rng = SmallRng::seed_from_u64(1);
        let jittered = (0..500).map(|n: u32| {
            let delay = if n.is_multiple_of(40) { 0.0 } else { rng.random_range(0.0..60.0) };
            frame(f64::from(n) * 20.0 + 20.0 + delay, n.wrapping_mul(160), SSRC)
        });
        let expected: Vec<i64> = (0..500).map(|n| n * 160).collect();
        assert_eq!(places(jittered), expected);
    }

    #[test]
    fn an_hour_of_drift_stays_within_ten_milliseconds() {
        for (ppm, octet) in [(-200.0, 0x55), (200.0, 0x55), (-200.0, 0xAA), (200.0, 0xAA)] {
            let mut rng = SmallRng::seed_from_u64(2);
            let frames = (0..180_000_u32).map(|n| {
                let spoken_ms = f64::from(n) * 20.0 * (1.0 + ppm / 1e6);
                let delay = rng.random_range(0.0_f64..30.0);
                let silent = frame(spoken_ms + 20.0 + delay, 7_u32.wrapping_add(n * 160), SSRC);
                Arrived { payload: vec![octet; 160], ..silent }
            });
            let worst = places(frames)
                .iter()
                .enumerate()
                .map(|(n, &at)| (at as f64 / 8.0 - n as f64 * 20.0 * (1.0 + ppm / 1e6)).abs())
                .fold(0.0, f64::max);
            assert!(worst <= 10.0, "{ppm} ppm of {octet:x} ends {worst} ms off");
        }
    }

    #[test]
    fn overtaken_and_repeated_packets_keep_their_places() {
        let order = [0_u32, 1, 3, 2, 2, 4, 7, 6, 5];
        let frames = order.iter().enumerate().map(|(slot, &n)| {
            let rtp = (u32::MAX - 300).wrapping_add(n * 160);
            frame(slot.max(n as usize) as f64 * 20.0 + 20.0, rtp, SSRC)
        });
        let expected: Vec<i64> = order.iter().map(|&n| i64::from(n) * 160).collect();
        assert_eq!(places(frames), expected);
    }

    #[test]
    fn a_new_source_is_placed_by_its_arrival() {
        let before = (0..100).map(|n| frame(f64::from(n) * 20.0 + 20.0, n * 160, SSRC));
        let after =
            (100..200).map(|n| frame(f64::from(n) * 20.0 + 20.0, n * 160 + 0x7000_0000, Ssrc(9)));
        let expected: Vec<i64> = (0..200).map(|n| n * 160).collect();
        assert_eq!(places(before.chain(after)), expected);
    }

    #[test]
    fn timestamps_frozen_on_hold_resume_where_they_are_heard() {
        let before = (0..100).map(|n| frame(f64::from(n) * 20.0 + 20.0, n * 160, SSRC));
        let after = (100..200).map(|n| frame(f64::from(n) * 20.0 + 30_020.0, n * 160, SSRC));
        let expected: Vec<i64> =
            (0..200).map(|n| n * 160 + if n < 100 { 0 } else { 240_000 }).collect();
        assert_eq!(places(before.chain(after)), expected);
    }

    #[test]
    fn a_network_that_stood_still_loses_no_place() {
        for stall_ms in [400.0, 3000.0] {
            let frames = (0..600_u32).map(|n| {
                let sent = f64::from(n) * 20.0 + 20.0;
                let stalled = (5000.0..5000.0 + stall_ms).contains(&sent);
                let arrival = if stalled { 5000.0 + stall_ms } else { sent };
                frame(arrival, n * 160, SSRC)
            });
            let expected: Vec<i64> = (0..600).map(|n| n * 160).collect();
            assert_eq!(places(frames), expected, "{stall_ms} ms");
        }
    }

    #[test]
    fn a_path_that_is_slow_when_the_call_begins_costs_no_frame() {
        let frames = (0..1_000_u32).map(|n| {
            let sent = f64::from(n) * 20.0 + 20.0;
            let delay = if sent < 7_000.0 { 100.0 } else { 0.0 };
            frame(sent + delay, n * 160, SSRC)
        });
        let expected: Vec<i64> = (0..1_000).map(|n| n * 160).collect();
        assert_eq!(places(frames), expected);
    }

    #[test]
    fn a_source_that_changes_with_every_packet_is_bounded() {
        let mut timeline = Timeline::new(START);
        for n in 0..20_000_u32 {
            timeline.push(frame(f64::from(n) * 20.0, n.wrapping_mul(977_777), Ssrc(n)));
            while timeline.pop(false).is_some() {}
            // One for each packet that waits for its future.
            let waiting = AHEAD.as_millis() as usize / 20;
            assert!(timeline.epochs.len() <= waiting + 10, "{} epochs", timeline.epochs.len());
        }
    }
}
