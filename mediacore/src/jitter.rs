//! Playout delay of a leg that is mixed: samples stand at their RTP time and are taken on the
//! 20 ms grid.
//!
//! The buffer starts [`Limits::ms_min`] behind the newest packet. A packet that comes after its
//! turn is late: it is counted and the delay grows by one frame, up to [`Limits::ms_max`]. When the
//! buffer has been deeper than needed for two seconds, one frame is skipped. Packet times from 10
//! to 60 ms need no special care, because the place of a sample is its timestamp and not its packet.
//! A missing frame is concealed by the last one, fading out over three frames.

use crate::g711;
use terms::media::{Codec, RtpTime};

/// Samples of one frame of the grid, 20 ms.
pub const FRAME: usize = 160;
/// Samples the ring holds, 512 ms.
const RING: usize = 4_096;
/// No G.711 octet decodes to this.
const ABSENT: i16 = i16::MIN;
/// Frames a loss is concealed for.
const CONCEAL_MAX: u8 = 3;
/// Frames between two looks at a buffer that is too deep, 2 s.
const CALM_FRAMES: u16 = 100;

/// One frame of the grid.
pub type Frame = [i16; FRAME];

/// How far behind the newest packet we play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At the beginning.
    pub ms_min: u32,
    /// At most.
    pub ms_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { ms_min: 40, ms_max: 200 }
    }
}

/// The buffer of one leg.
#[derive(Clone, Debug)]
pub struct Jitter {
    ring: Box<[i16; RING]>,
    /// The next sample to play; `None` before the first packet and after a restart.
    play_at: Option<RtpTime>,
    /// One past the newest sample.
    end: RtpTime,
    delay_samples: u32,
    limits: Limits,
    last: Frame,
    missing: u8,
    /// Fewest samples ahead since the last look, and frames since then.
    shallowest: i32,
    looked: u16,
    late: u64,
}

impl Jitter {
    /// An empty buffer.
    pub fn new(limits: Limits) -> Self {
        Jitter {
            ring: Box::new([ABSENT; RING]),
            play_at: None,
            end: RtpTime(0),
            delay_samples: limits.ms_min * 8,
            limits,
            last: [0; FRAME],
            missing: CONCEAL_MAX,
            shallowest: i32::MAX,
            looked: 0,
            late: 0,
        }
    }

    /// Packets that came after their turn.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Forgets everything: the source changed.
    pub fn restart(&mut self) {
        self.ring.fill(ABSENT);
        self.play_at = None;
        self.missing = CONCEAL_MAX;
    }

    /// Puts a packet at its place.
    pub fn put(&mut self, codec: Codec, time: RtpTime, payload: &[u8]) {
        let payload = &payload[..payload.len().min(RING / 2)];
        let end = RtpTime(time.0.wrapping_add(payload.len() as u32));
        let play_at = match self.play_at {
            Some(play_at) if self.is_near(play_at, time, end) => play_at,
            _ => self.begin(time),
        };
        let skip = play_at.distance(time).max(0) as usize;
        if skip >= payload.len() {
            self.late += 1;
            self.deepen();
            return;
        }
        for (n, &octet) in payload.iter().enumerate().skip(skip) {
            let place = time.0.wrapping_add(n as u32) as usize % RING;
            self.ring[place] = g711::decode(codec, octet);
        }
        if end.distance(self.end) > 0 {
            self.end = end;
        }
    }

    fn is_near(&self, play_at: RtpTime, time: RtpTime, end: RtpTime) -> bool {
        let ahead = end.distance(play_at);
        let behind = play_at.distance(time);
        ahead <= RING as i32 && behind <= RING as i32 * 4
    }

    fn begin(&mut self, time: RtpTime) -> RtpTime {
        self.ring.fill(ABSENT);
        let play_at = RtpTime(time.0.wrapping_sub(self.delay_samples));
        self.play_at = Some(play_at);
        self.end = time;
        self.shallowest = i32::MAX;
        self.looked = 0;
        play_at
    }

    /// Plays one frame later from now on.
    fn deepen(&mut self) {
        if self.delay_samples + FRAME as u32 <= self.limits.ms_max * 8 {
            self.delay_samples += FRAME as u32;
            self.play_at = self.play_at.map(|at| RtpTime(at.0.wrapping_sub(FRAME as u32)));
        }
    }

    /// Takes the next frame. Says whether there was audio in it.
    pub fn take(&mut self, out: &mut Frame) -> bool {
        let Some(play_at) = self.play_at else {
            out.fill(0);
            return false;
        };
        self.shallowest = self.shallowest.min(self.end.distance(play_at));
        let mut heard = 0;
        for (n, sample) in out.iter_mut().enumerate() {
            let place = play_at.0.wrapping_add(n as u32) as usize % RING;
            let value = std::mem::replace(&mut self.ring[place], ABSENT);
            heard += usize::from(value != ABSENT);
            *sample = if value == ABSENT { 0 } else { value };
        }
        self.play_at = Some(RtpTime(play_at.0.wrapping_add(FRAME as u32)));
        self.calm();
        if heard == 0 {
            return self.conceal(out);
        }
        self.missing = 0;
        self.last = *out;
        true
    }

    fn conceal(&mut self, out: &mut Frame) -> bool {
        if self.missing >= CONCEAL_MAX {
            return false;
        }
        self.missing += 1;
        for (sample, last) in out.iter_mut().zip(&self.last) {
            *sample = last >> self.missing;
        }
        true
    }

    /// Skips a frame when the buffer never came near empty for two seconds.
    fn calm(&mut self) {
        self.looked += 1;
        if self.looked < CALM_FRAMES {
            return;
        }
        let spare = self.shallowest - (self.limits.ms_min * 8) as i32;
        self.looked = 0;
        self.shallowest = i32::MAX;
        if spare < FRAME as i32 * 2 {
            return;
        }
        if let Some(play_at) = self.play_at {
            for n in 0..FRAME as u32 {
                self.ring[play_at.0.wrapping_add(n) as usize % RING] = ABSENT;
            }
            self.play_at = Some(RtpTime(play_at.0.wrapping_add(FRAME as u32)));
            self.delay_samples = self.delay_samples.saturating_sub(FRAME as u32);
            self.delay_samples = self.delay_samples.max(self.limits.ms_min * 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A-law octets that decode to a slow counter, so that every sample has a value of its own.
    fn payload(ptime_ms: usize, level: u8) -> Vec<u8> {
        vec![0xD5 ^ level; ptime_ms * 8]
    }

    fn loud_frames(jitter: &mut Jitter, frames: usize) -> Vec<bool> {
        let mut out = [0; FRAME];
        (0..frames)
            .map(|_| {
                jitter.take(&mut out);
                out.iter().all(|&sample| sample != 0)
            })
            .collect()
    }

    #[test]
    fn every_packet_time_plays_without_a_hole() {
        for ptime_ms in [10, 20, 30, 40, 60] {
            for start in [0_u32, u32::MAX - 300] {
                let mut jitter = Jitter::new(Limits::default());
                let mut out = [0; FRAME];
                let mut holes = 0;
                for ms in (0..1_200).step_by(10) {
                    if ms % ptime_ms == 0 {
                        let time = RtpTime(start.wrapping_add(ms as u32 * 8));
                        jitter.put(Codec::Pcma, time, &payload(ptime_ms, 0x20));
                    }
                    if ms % 20 == 0 {
                        jitter.take(&mut out);
                        holes += usize::from(ms > 60 && out.contains(&0));
                    }
                }
                assert_eq!((holes, jitter.late()), (0, 0), "ptime {ptime_ms}");
            }
        }
    }

    #[test]
    fn reordered_packets_play_in_order() {
        let mut jitter = Jitter::new(Limits::default());
        for n in [0_u32, 2, 1, 3] {
            jitter.put(Codec::Pcma, RtpTime(n * 160), &payload(20, 0x10 + n as u8));
        }
        let mut out = [0; FRAME];
        let levels: Vec<i16> = (0..6)
            .map(|_| {
                jitter.take(&mut out);
                out[0]
            })
            .collect();
        let expected: Vec<i16> =
            (0..4).map(|n| g711::decode(Codec::Pcma, 0xD5 ^ (0x10 + n))).collect();
        assert_eq!(levels[..2], [0, 0]);
        assert_eq!(levels[2..], expected);
    }

    #[test]
    fn a_late_packet_is_counted_and_the_delay_grows_up_to_its_limit() {
        let mut jitter = Jitter::new(Limits { ms_min: 20, ms_max: 60 });
        jitter.put(Codec::Pcma, RtpTime(0), &payload(20, 0x20));
        loud_frames(&mut jitter, 10);
        for _ in 0..5 {
            jitter.put(Codec::Pcma, RtpTime(160), &payload(20, 0x20));
        }
        assert_eq!(jitter.late(), 5);
        assert_eq!(jitter.delay_samples, 480);
    }

    #[test]
    fn a_lost_frame_is_concealed_and_silence_follows() {
        let mut jitter = Jitter::new(Limits { ms_min: 0, ms_max: 200 });
        jitter.put(Codec::Pcma, RtpTime(0), &payload(20, 0x20));
        assert_eq!(loud_frames(&mut jitter, 6), [true, true, true, true, false, false]);
    }

    #[test]
    fn a_buffer_that_stays_deep_gets_shallower() {
        let mut jitter = Jitter::new(Limits { ms_min: 20, ms_max: 200 });
        let mut out = [0; FRAME];
        for n in 0..10_u32 {
            jitter.put(Codec::Pcma, RtpTime(n * 160), &payload(20, 0x20));
        }
        for n in 10..410_u32 {
            jitter.put(Codec::Pcma, RtpTime(n * 160), &payload(20, 0x20));
            jitter.take(&mut out);
        }
        let ahead = jitter.end.distance(jitter.play_at.unwrap());
        assert!(ahead < 8 * 160, "{ahead} samples ahead");
    }

    #[test]
    fn a_wild_timestamp_begins_anew() {
        let mut jitter = Jitter::new(Limits { ms_min: 0, ms_max: 200 });
        jitter.put(Codec::Pcma, RtpTime(0), &payload(20, 0x20));
        jitter.put(Codec::Pcma, RtpTime(2_000_000_000), &payload(20, 0x20));
        assert_eq!(loud_frames(&mut jitter, 1), [true]);
    }
}
