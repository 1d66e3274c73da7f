//! Playout delay of a leg that is mixed: packets stand at their RTP time and are decoded when their
//! turn comes on the 20 ms grid, in the order of the audio, as codecs with a memory need it.
//!
//! The buffer starts [`Limits::ms_min`] behind the newest packet. A packet that comes after its
//! turn is late: it is counted and the delay grows by one frame, up to [`Limits::ms_max`]. When the
//! buffer has been deeper than needed for two seconds, one frame is skipped. Packet times from 10
//! to 60 ms need no special care, because the place of a sample is its timestamp and not its packet.
//! A hole is filled from the copy that the next packet carries, else concealed as the codec does it,
//! else with the comfort noise that the sender described (RFC 3389).

use crate::codec::noise::{Description, Generator};
use crate::codec::{Decoder, Rate, ticks};
use crate::mix::Frame;
use std::collections::VecDeque;
use terms::media::{Codec, RtpTime};

/// Milliseconds of one frame of the grid.
const FRAME_MS: u32 = 20;
/// Packets further ahead than this begin a new stream.
const AHEAD_MS_MAX: u32 = 512;
/// Packets further behind than this do.
const BEHIND_MS_MAX: u32 = 2_048;
/// Packets that wait: 10 ms each up to the furthest ahead, and some.
const PACKETS_MAX: usize = 64;
/// Frames between two looks at a buffer that is too deep, 2 s.
const CALM_FRAMES: u16 = 100;

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

#[derive(Debug)]
enum Content {
    Audio,
    /// The sender rests: this is how its silence sounds.
    Noise,
}

#[derive(Debug)]
struct Packet {
    time: RtpTime,
    content: Content,
    payload: Vec<u8>,
}

/// The buffer of one leg.
#[derive(Debug)]
pub struct Jitter {
    decoder: Decoder,
    /// Ticks of the RTP clock in a millisecond.
    clock: u32,
    /// By time, the next one first.
    packets: VecDeque<Packet>,
    /// Payloads whose turn is over, for their memory.
    spare: Vec<Vec<u8>>,
    /// Decoded and not yet taken: what is left of a packet longer than a frame.
    decoded: Vec<i16>,
    /// The next sample to play; `None` before the first packet and after a restart.
    play_at: Option<RtpTime>,
    /// One past the newest sample.
    end: RtpTime,
    delay_ms: u32,
    limits: Limits,
    /// Of the hole that is being concealed.
    concealed_ms: u32,
    noise: Option<Generator>,
    /// Least ticks ahead since the last look, and frames since then.
    shallowest: i32,
    looked: u16,
    late: u64,
    /// Samples made up until now.
    made_up: u64,
}

impl Jitter {
    /// An empty buffer for a codec.
    pub fn new(codec: Codec, limits: Limits) -> Self {
        Jitter {
            decoder: Decoder::new(codec),
            clock: codec.clock_hz() / 1_000,
            packets: VecDeque::with_capacity(PACKETS_MAX),
            spare: Vec::new(),
            decoded: Vec::new(),
            play_at: None,
            end: RtpTime(0),
            delay_ms: limits.ms_min,
            limits,
            concealed_ms: u32::MAX,
            noise: None,
            shallowest: i32::MAX,
            looked: 0,
            late: 0,
            made_up: 0,
        }
    }

    /// What it takes.
    pub fn codec(&self) -> Codec {
        self.decoder.codec()
    }

    /// Of the frames that come out.
    pub fn rate(&self) -> Rate {
        self.decoder.rate()
    }

    /// Packets that came after their turn, or for which there was no place.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Audio made up in place of packets that were not there, in ms. What a codec recovers from a
    /// copy and comfort noise are not made up.
    pub fn concealed_ms(&self) -> u64 {
        self.made_up / self.rate().samples(1) as u64
    }

    /// How far behind the newest packet we play, in ms: now, and at most.
    pub fn delay_ms(&self) -> (u32, u32) {
        (self.delay_ms, self.limits.ms_max)
    }

    /// Forgets everything: the source changed.
    pub fn restart(&mut self) {
        self.forget_packets();
        self.decoder = Decoder::new(self.decoder.codec());
        self.play_at = None;
    }

    fn forget_packets(&mut self) {
        while let Some(packet) = self.packets.pop_front() {
            self.spare.push(packet.payload);
        }
        self.decoded.clear();
        self.concealed_ms = u32::MAX;
        self.noise = None;
    }

    /// Puts a packet at its place; false when its turn is over and it will not be heard.
    pub fn put(&mut self, time: RtpTime, payload: &[u8]) -> bool {
        let ticks = ticks(self.decoder.codec(), payload);
        self.insert(time, ticks, Content::Audio, payload)
    }

    /// Puts a comfort noise packet (RFC 3389) at its place, as [`Jitter::put`] does.
    pub fn put_noise(&mut self, time: RtpTime, payload: &[u8]) -> bool {
        // It lasts until something else comes; its place is a frame.
        self.insert(time, FRAME_MS * self.clock, Content::Noise, payload)
    }

    fn insert(&mut self, time: RtpTime, ticks: u32, content: Content, payload: &[u8]) -> bool {
        let end = RtpTime(time.0.wrapping_add(ticks));
        let play_at = match self.play_at {
            Some(play_at) if self.is_near(play_at, time, end) => play_at,
            _ => self.begin(time),
        };
        if end.distance(play_at) <= 0 {
            self.late += 1;
            self.deepen();
            return false;
        }
        let place = self.packets.iter().rposition(|packet| time.distance(packet.time) >= 0);
        if place.is_some_and(|place| self.packets[place].time == time) {
            return true;
        }
        if self.packets.len() == PACKETS_MAX {
            self.late += 1;
            return false;
        }
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(payload);
        let packet = Packet { time, content, payload: kept };
        self.packets.insert(place.map_or(0, |place| place + 1), packet);
        if end.distance(self.end) > 0 {
            self.end = end;
        }
        true
    }

    fn is_near(&self, play_at: RtpTime, time: RtpTime, end: RtpTime) -> bool {
        let ahead = end.distance(play_at);
        let behind = play_at.distance(time);
        ahead <= (AHEAD_MS_MAX * self.clock) as i32 && behind <= (BEHIND_MS_MAX * self.clock) as i32
    }

    fn begin(&mut self, time: RtpTime) -> RtpTime {
        self.forget_packets();
        let play_at = RtpTime(time.0.wrapping_sub(self.delay_ms * self.clock));
        self.play_at = Some(play_at);
        self.end = time;
        self.shallowest = i32::MAX;
        self.looked = 0;
        play_at
    }

    /// Plays one frame later from now on.
    fn deepen(&mut self) {
        if self.delay_ms + FRAME_MS <= self.limits.ms_max {
            self.delay_ms += FRAME_MS;
            let ticks = FRAME_MS * self.clock;
            self.play_at = self.play_at.map(|at| RtpTime(at.0.wrapping_sub(ticks)));
        }
    }

    /// Takes the next frame; `None` when nobody speaks.
    pub fn take(&mut self) -> Option<Frame> {
        let play_at = self.play_at?;
        self.shallowest = self.shallowest.min(self.end.distance(play_at));
        let frame = self.advance(play_at);
        self.calm();
        frame
    }

    fn advance(&mut self, play_at: RtpTime) -> Option<Frame> {
        let rate = self.rate();
        let wanted = rate.samples(FRAME_MS);
        let mut heard = !self.decoded.is_empty();
        while self.decoded.len() < wanted {
            heard |= self.fill(play_at, wanted - self.decoded.len());
        }
        let frame = Frame::from_samples(rate, &self.decoded);
        self.decoded.drain(..wanted);
        self.play_at = Some(RtpTime(play_at.0.wrapping_add(FRAME_MS * self.clock)));
        heard.then_some(frame)
    }

    /// Samples that so many ticks last.
    fn samples(&self, ticks: i32) -> usize {
        ticks.max(0) as usize * self.rate().samples(1) / self.clock as usize
    }

    /// Decodes the packet whose turn it is, or fills the hole before the next one, up to `missing`
    /// samples. Says whether there is something to hear.
    fn fill(&mut self, play_at: RtpTime, missing: usize) -> bool {
        let done = self.decoded.len() as u32 * self.clock / self.rate().samples(1) as u32;
        let here = RtpTime(play_at.0.wrapping_add(done));
        let Some(next) = self.packets.front() else { return self.fill_hole(missing) };
        let gap = next.time.distance(here);
        if gap <= 0 {
            let packet = self.packets.pop_front().expect("it was just looked at");
            let heard = self.decode(&packet, self.samples(-gap), missing);
            self.spare.push(packet.payload);
            return heard;
        }
        let hole = self.samples(gap);
        let lost = ticks(self.decoder.codec(), &next.payload);
        let was_heard = self.concealed_ms == 0 && matches!(next.content, Content::Audio);
        if gap as u32 == lost && was_heard {
            // One packet is lost, and the one after it may carry a copy.
            self.decoder.recover(&next.payload, hole, &mut self.decoded);
            return true;
        }
        self.fill_hole(hole.clamp(1, missing))
    }

    /// Decodes a packet, of which `skip` samples are over already.
    fn decode(&mut self, packet: &Packet, skip: usize, missing: usize) -> bool {
        match packet.content {
            Content::Audio => {
                self.noise = None;
                let from = self.decoded.len();
                if self.decoder.decode(&packet.payload, &mut self.decoded).is_err() {
                    return self.fill_hole(missing);
                }
                let made = self.decoded.len() - from;
                self.decoded.drain(from..from + skip.min(made));
                self.concealed_ms = 0;
                made > skip
            }
            Content::Noise => {
                if let Some(description) = Description::parse(&packet.payload) {
                    match &mut self.noise {
                        Some(noise) => noise.become_like(description),
                        None => self.noise = Some(Generator::new(description, packet.time.0)),
                    }
                }
                false
            }
        }
    }

    fn fill_hole(&mut self, samples: usize) -> bool {
        if let Some(noise) = &mut self.noise {
            noise.fill(samples, &mut self.decoded);
            return true;
        }
        if self.concealed_ms >= self.decoder.conceal_ms_max() {
            self.decoded.resize(self.decoded.len() + samples, 0);
            return false;
        }
        self.concealed_ms += (samples / self.rate().samples(1)).max(1) as u32;
        self.made_up += samples as u64;
        self.decoder.conceal(samples, &mut self.decoded);
        true
    }

    /// Skips a frame when the buffer never came near empty for two seconds.
    fn calm(&mut self) {
        self.looked += 1;
        if self.looked < CALM_FRAMES {
            return;
        }
        let frame = (FRAME_MS * self.clock) as i32;
        let spare = self.shallowest - (self.limits.ms_min * self.clock) as i32;
        self.looked = 0;
        self.shallowest = i32::MAX;
        if spare < frame * 2 {
            return;
        }
        if let Some(play_at) = self.play_at {
            // Decoded all the same, because what follows builds on it.
            self.advance(play_at);
            self.delay_ms = self.delay_ms.saturating_sub(FRAME_MS).max(self.limits.ms_min);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_at, level_dbov, signal_to_noise_db, tone, voice};
    use crate::codec::{Encoded, Encoder};
    use crate::g711::{self, Law};
    use terms::media::Wishes;

    /// What a frame sounds like; silence when nobody speaks.
    fn taken(jitter: &mut Jitter) -> Vec<i16> {
        let silent = Frame::silent(jitter.rate());
        jitter.take().unwrap_or(silent).samples().to_vec()
    }

    /// A-law octets that decode to a slow counter, so that every sample has a value of its own.
    fn payload(ptime_ms: usize, level: u8) -> Vec<u8> {
        vec![0xD5 ^ level; ptime_ms * 8]
    }

    fn loud_frames(jitter: &mut Jitter, frames: usize) -> Vec<bool> {
        (0..frames).map(|_| taken(jitter).iter().all(|&sample| sample != 0)).collect()
    }

    #[test]
    fn every_packet_time_plays_without_a_hole() {
        for ptime_ms in [10, 20, 30, 40, 60] {
            for start in [0_u32, u32::MAX - 300] {
                let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
                let mut holes = 0;
                for ms in (0..1_200).step_by(10) {
                    if ms % ptime_ms == 0 {
                        let time = RtpTime(start.wrapping_add(ms as u32 * 8));
                        jitter.put(time, &payload(ptime_ms, 0x20));
                    }
                    if ms % 20 == 0 {
                        let out = taken(&mut jitter);
                        holes += usize::from(ms > 60 && out.contains(&0));
                    }
                }
                assert_eq!((holes, jitter.late()), (0, 0), "ptime {ptime_ms}");
            }
        }
    }

    #[test]
    fn reordered_packets_play_in_order() {
        let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
        for n in [0_u32, 2, 1, 3] {
            jitter.put(RtpTime(n * 160), &payload(20, 0x10 + n as u8));
        }
        let levels: Vec<i16> = (0..6).map(|_| taken(&mut jitter)[0]).collect();
        let expected: Vec<i16> = (0..4).map(|n| g711::decode(Law::A, 0xD5 ^ (0x10 + n))).collect();
        assert_eq!(levels[..2], [0, 0]);
        assert_eq!(levels[2..], expected);
    }

    #[test]
    fn a_late_packet_is_counted_and_the_delay_grows_up_to_its_limit() {
        let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 20, ms_max: 60 });
        jitter.put(RtpTime(0), &payload(20, 0x20));
        loud_frames(&mut jitter, 10);
        for _ in 0..5 {
            jitter.put(RtpTime(160), &payload(20, 0x20));
        }
        assert_eq!(jitter.late(), 5);
        assert_eq!(jitter.delay_ms, 60);
    }

    #[test]
    fn a_lost_frame_is_concealed_and_silence_follows() {
        let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 0, ms_max: 200 });
        jitter.put(RtpTime(0), &payload(20, 0x20));
        assert_eq!(loud_frames(&mut jitter, 6), [true, true, true, true, false, false]);
    }

    #[test]
    fn a_buffer_that_stays_deep_gets_shallower() {
        let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 20, ms_max: 200 });
        for n in 0..10_u32 {
            jitter.put(RtpTime(n * 160), &payload(20, 0x20));
        }
        for n in 10..410_u32 {
            jitter.put(RtpTime(n * 160), &payload(20, 0x20));
            taken(&mut jitter);
        }
        let ahead = jitter.end.distance(jitter.play_at.unwrap());
        assert!(ahead < 8 * 160, "{ahead} samples ahead");
    }

    #[test]
    fn a_wild_timestamp_begins_anew() {
        let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 0, ms_max: 200 });
        jitter.put(RtpTime(0), &payload(20, 0x20));
        jitter.put(RtpTime(2_000_000_000), &payload(20, 0x20));
        assert_eq!(loud_frames(&mut jitter, 1), [true]);
    }

    fn played(
        jitter: &mut Jitter,
        codec: Codec,
        wishes: Wishes,
        said: &[i16],
        lost: &[u32],
    ) -> Vec<i16> {
        let mut encoder = Encoder::new(codec, wishes);
        let mut out = Vec::new();
        for (n, frame) in (0_u32..).zip(said.chunks_exact(Rate::of(codec).samples(20))) {
            let mut payload = Vec::new();
            let sent = encoder.encode(frame, &mut payload) == Encoded::Packet;
            if sent && !lost.contains(&n) {
                jitter.put(RtpTime((n + 9).wrapping_mul(codec.clock_hz() / 50)), &payload);
            }
            out.extend(taken(jitter));
        }
        out
    }

    #[test]
    fn every_codec_plays_a_tone_in_order() {
        for codec in Codec::ALL {
            let hz = codec.sample_hz();
            let said = tone(1_000, hz, hz as usize, 8_000);
            let mut jitter = Jitter::new(codec, Limits::default());
            let out = played(&mut jitter, codec, Wishes::default(), &said, &[]);
            let settled = &out[out.len() / 2..];
            let level = level_at(settled, 1_000, hz);
            assert!((level + 12.2).abs() < 3.0, "{codec:?} plays at {level:.1} dB");
            assert_eq!(jitter.late(), 0);
        }
    }

    #[test]
    fn a_lost_opus_frame_is_recovered_from_the_next_one() {
        let said = voice(16_000, 64_000);
        let lost: Vec<u32> = (0..200).filter(|n| n % 10 == 5).collect();
        let heard = |wishes: Wishes, lost: &[u32]| {
            let mut jitter = Jitter::new(Codec::Opus, Limits::default());
            played(&mut jitter, Codec::Opus, wishes, &said, lost)
        };
        let fec = Wishes { fec: true, ..Wishes::default() };
        let with = signal_to_noise_db(&heard(fec, &[]), &heard(fec, &lost), 0);
        let plain = Wishes::default();
        let without = signal_to_noise_db(&heard(plain, &[]), &heard(plain, &lost), 0);
        assert!(with > without + 3.0, "with the copy {with:.1} dB, without {without:.1} dB");
    }

    #[test]
    fn a_rest_of_opus_sounds_as_quiet_as_the_silence_it_stands_for() {
        let mut said = voice(16_000, 32_000);
        said.extend(crate::codec::sound::noise(64_000, 30, 9));
        let mut jitter = Jitter::new(Codec::Opus, Limits::default());
        let dtx = Wishes { dtx: true, ..Wishes::default() };
        let out = played(&mut jitter, Codec::Opus, dtx, &said, &[]);
        let level = level_dbov(&out[48_000..]);
        assert!((-95.0..-55.0).contains(&level), "the rest sounds at {level:.1} dBov");
        assert!(level_dbov(&out[..32_000]) > -30.0);
    }

    #[test]
    fn comfort_noise_sounds_at_its_level_until_somebody_speaks() {
        for codec in [Codec::Pcma, Codec::G722] {
            let mut jitter = Jitter::new(codec, Limits::default());
            jitter.put(RtpTime(0), &payload(20, 0x20));
            jitter.put_noise(RtpTime(160), &[50, 127, 127]);
            (0..4).for_each(|_| drop(taken(&mut jitter)));
            let mut rest = Vec::new();
            (0..100).for_each(|_| rest.extend(jitter.take().expect("noise is heard").samples()));
            let level = level_dbov(&rest);
            assert!((level + 50.0).abs() < 0.5, "{codec:?}: {level:.1} dBov");
            jitter.put(RtpTime(160 * 105), &payload(20, 0x20));
            let after: Vec<Vec<i16>> = (0..10).map(|_| taken(&mut jitter)).collect();
            assert_eq!(after.last().unwrap(), &vec![0; jitter.rate().samples(20)], "it has ended");
        }
    }

    #[test]
    fn any_packets_at_any_times_end() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::SmallRng::seed_from_u64(8);
        for codec in Codec::ALL {
            let mut jitter = Jitter::new(codec, Limits::default());
            for n in 0..2_000_u32 {
                let payload: Vec<u8> =
                    (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
                let time = RtpTime(n * codec.clock_hz() / 50 + rng.random_range(0..3_000));
                if n % 7 == 0 {
                    jitter.put_noise(time, &payload);
                } else {
                    jitter.put(time, &payload);
                }
                assert_eq!(taken(&mut jitter).len(), jitter.rate().samples(20));
                assert!(jitter.packets.len() <= PACKETS_MAX && jitter.decoded.len() < 2_000);
            }
        }
    }
}
