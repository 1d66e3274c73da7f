//! Playout delay of a leg that is mixed: packets stand at their RTP time and are decoded when their
//! turn comes on the 20 ms grid, in the order of the audio, as codecs with a memory need it.
//!
//! [`delay`] says how long to wait, from what the network did in the last seconds, between
//! [`Limits::ms_min`] and [`Limits::ms_max`]. When we are further behind than that, or less far, a
//! period of the voice is left out or said twice ([`stretch`]), in silence sooner than in speech and
//! never twice within [`SPEECH_FRAMES`]; while nothing comes at all the place is simply set. So two
//! clocks may drift, and a spike of delay costs no audio. A buffer that runs empty waits: what is
//! made up then stands in front of the packets to come, not in place of them, and when they show
//! that one was lost the wait is taken back.
//!
//! A packet that comes after its turn is late and counted; when many in a row are, the network has
//! changed and the buffer begins anew. Packet times from 10 to 60 ms need no special care, because
//! the place of a sample is its timestamp and not its packet. A hole is filled from the copy that
//! the next packet carries, else concealed as the codec does it, else with the comfort noise that
//! the sender described (RFC 3389, or in the codec itself as G.729 Annex B). Where a modem speaks
//! nothing of this is done: [`Jitter::fix`]. The recorder stands before all this: it keeps what was
//! received.

pub mod delay;
#[cfg(test)]
mod story;
pub mod stretch;

use crate::activity::Activity;
use crate::codec::noise::{Description, Generator};
use crate::codec::{Decoder, Rate, ticks};
use crate::mix::{FRAME_MAX, Frame};
use crate::shard::ahead::fetch_at;
use delay::Delay;
use std::collections::VecDeque;
use std::time::Duration;
use stretch::{LOOK_MS, lengthen, shorten};
use terms::Moment;
use terms::media::{Codec, Playout, RtpTime};

/// Milliseconds of one frame of the grid.
const FRAME_MS: u32 = 20;
/// Packets further ahead than this begin a new stream.
const AHEAD_MS_MAX: u32 = 512;
/// Packets further behind than this do.
const BEHIND_MS_MAX: u32 = 2_048;
/// Packets that wait: 10 ms each up to the furthest ahead, and some.
const PACKETS_MAX: usize = 64;
/// So many late packets in a row are a network that has changed.
const LATE_MAX: u32 = 6;
/// Further behind than the target by this is too far: in silence, and in speech.
const FAR_MS: i64 = 20;
const FAR_SPEECH_MS: i64 = 30;
/// Less far behind than the target by this is too near.
const NEAR_MS: i64 = 5;
const NEAR_SPEECH_MS: i64 = 10;
/// Off by this is changed more often.
const URGENT_MS: i64 = 60;
/// Frames from one change to the next: in speech, and in silence or when it is urgent.
const SPEECH_FRAMES: u32 = 5;
const QUIET_FRAMES: u32 = 2;

/// Octets that a cache fetches at once.
const LINE: usize = 64;

/// How far behind the fastest packets we play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At least.
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

/// Samples, since the beginning.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    accelerated: u64,
    expanded: u64,
    concealed: u64,
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
    delay: Delay,
    limits: Limits,
    /// Of the hole that is being concealed.
    concealed_ms: u32,
    /// Ticks that were made up while nothing was there, and may have to be taken back.
    waited: u32,
    noise: Option<Generator>,
    /// The codec itself has described a silence, which goes on until a packet comes.
    rests: bool,
    activity: Activity,
    is_quiet: bool,
    /// Frames since the last change of length.
    unchanged: u32,
    late: u64,
    late_in_row: u32,
    made: Made,
    /// A modem speaks: every sample keeps its place.
    is_fixed: bool,
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
            delay: Delay::new(codec.clock_hz(), limits),
            limits,
            concealed_ms: u32::MAX,
            waited: 0,
            noise: None,
            rests: false,
            activity: Activity::default(),
            is_quiet: true,
            unchanged: 0,
            late: 0,
            late_in_row: 0,
            made: Made::default(),
            is_fixed: false,
        }
    }

    /// A modem speaks from now on: the delay stays what it is, nothing is left out, drawn out or made
    /// up, and a hole is silence as long as it is. To a modem a lost packet is an error of the line;
    /// one sample more or less is the end of its training.
    pub fn fix(&mut self) {
        (self.is_fixed, self.waited, self.noise) = (true, 0, None);
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

    /// Whether the last frame was speech.
    pub fn speaks(&self) -> bool {
        !self.is_quiet
    }

    /// Mean square of the voice, smoothed.
    pub fn level(&self) -> f32 {
        self.activity.level()
    }

    /// The delay it aims at.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(u64::from(self.delay.target_ms()))
    }

    /// Audio made up in place of packets that were not there at their turn, in ms. What a codec
    /// recovers from a copy and comfort noise are not made up.
    pub fn concealed_ms(&self) -> u64 {
        self.made.concealed / self.rate().samples(1) as u64
    }

    /// How far behind the fastest packets we mean to play, in ms: now, and at most.
    pub fn delay_ms(&self) -> (u32, u32) {
        (self.delay.target_ms(), self.limits.ms_max)
    }

    /// What else it did until now.
    pub fn playout(&self) -> Playout {
        let ms = |samples: u64| samples / self.rate().samples(1) as u64;
        Playout {
            target_ms: self.delay.target_ms(),
            accelerated_ms: ms(self.made.accelerated),
            expanded_ms: ms(self.made.expanded),
        }
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
        self.waited = 0;
        self.noise = None;
        self.rests = false;
        self.late_in_row = 0;
        self.delay.restart();
    }

    /// Puts a packet at its place; false when its turn is over and it will not be heard.
    pub fn put(&mut self, now: Moment, time: RtpTime, payload: &[u8]) -> bool {
        let ticks = ticks(self.decoder.codec(), payload);
        self.insert(now, time, ticks, Content::Audio, payload)
    }

    /// Puts a comfort noise packet (RFC 3389) at its place, as [`Jitter::put`] does.
    pub fn put_noise(&mut self, now: Moment, time: RtpTime, payload: &[u8]) -> bool {
        // It lasts until something else comes; its place is a frame.
        self.insert(now, time, FRAME_MS * self.clock, Content::Noise, payload)
    }

    fn insert(
        &mut self,
        now: Moment,
        time: RtpTime,
        ticks: u32,
        content: Content,
        payload: &[u8],
    ) -> bool {
        let end = RtpTime(time.0.wrapping_add(ticks));
        let play_at = match self.play_at {
            Some(play_at) if self.is_near(play_at, time, end) => play_at,
            _ => self.begin(time),
        };
        self.delay.note(now, time);
        if end.distance(play_at) <= 0 {
            self.late_in_row += 1;
            if self.late_in_row < LATE_MAX {
                self.late += 1;
                return false;
            }
            self.begin(time);
            self.delay.note(now, time);
        }
        self.late_in_row = 0;
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
        true
    }

    fn is_near(&self, play_at: RtpTime, time: RtpTime, end: RtpTime) -> bool {
        let ahead = end.distance(play_at);
        let behind = play_at.distance(time);
        ahead <= (AHEAD_MS_MAX * self.clock) as i32 && behind <= (BEHIND_MS_MAX * self.clock) as i32
    }

    fn begin(&mut self, time: RtpTime) -> RtpTime {
        self.forget_packets();
        let play_at = RtpTime(time.0.wrapping_sub(self.delay.target_ms() * self.clock));
        self.play_at = Some(play_at);
        play_at
    }

    /// A frame will be taken soon: asks for the buffer itself.
    pub fn expect(&self) {
        let place = std::ptr::from_ref(self).cast::<u8>();
        (0..size_of::<Self>()).step_by(LINE).for_each(|at| fetch_at(place.wrapping_add(at)));
    }

    /// A frame will be taken sooner: asks for what the buffer points to.
    pub fn expect_frame(&self) {
        if let Some(next) = self.packets.front() {
            next.payload.chunks(LINE).for_each(|line| fetch_at(line.as_ptr()));
        }
        let decoded = self.decoded.as_ptr().cast::<u8>();
        (0..2 * self.decoded.capacity().min(FRAME_MAX))
            .step_by(LINE)
            .for_each(|at| fetch_at(decoded.wrapping_add(at)));
        self.decoder.expect();
    }

    /// Takes the next frame; `None` when nobody speaks.
    pub fn take(&mut self, now: Moment) -> Option<Frame> {
        self.play_at?;
        self.unchanged = self.unchanged.saturating_add(1);
        if !self.is_fixed {
            self.adapt(now);
        }
        let rate = self.rate();
        let wanted = rate.samples(FRAME_MS);
        let mut heard = !self.decoded.is_empty();
        while self.decoded.len() < wanted {
            heard |= self.fill(now, wanted - self.decoded.len());
        }
        let frame = Frame::from_samples(rate, &self.decoded);
        self.decoded.drain(..wanted);
        self.advance((FRAME_MS * self.clock) as i32);
        self.is_quiet = !self.activity.note(frame.samples());
        if !heard && self.waited == 0 && !self.is_fixed {
            self.settle(now);
        }
        heard.then_some(frame)
    }

    /// Moves the place of the next sample.
    fn advance(&mut self, ticks: i32) {
        self.play_at = self.play_at.map(|at| RtpTime(at.0.wrapping_add(ticks as u32)));
    }

    /// Where what is decoded next belongs.
    fn here(&self) -> Option<RtpTime> {
        let done = self.decoded.len() as u32 * self.clock / self.rate().samples(1) as u32;
        self.play_at.map(|at| RtpTime(at.0.wrapping_add(done)))
    }

    /// Nothing is there to be played: the place is where it should be.
    fn settle(&mut self, now: Moment) {
        if self.packets.is_empty() && self.decoded.is_empty() {
            let next = now + Duration::from_millis(u64::from(FRAME_MS));
            self.play_at = self.delay.due(next).or(self.play_at);
        }
    }

    /// Leaves a period out, or says one twice, when the delay is not what it should be.
    fn adapt(&mut self, now: Moment) {
        let behind = self.play_at.and_then(|at| self.delay.behind_ms(now, at));
        let Some(behind) = behind else { return };
        let off = behind - i64::from(self.delay.target_ms());
        let (far, near) =
            if self.is_quiet { (FAR_MS, NEAR_MS) } else { (FAR_SPEECH_MS, NEAR_SPEECH_MS) };
        let urgent = off.abs() > URGENT_MS;
        let rest = if self.is_quiet || urgent { QUIET_FRAMES } else { SPEECH_FRAMES };
        if (-near..=far).contains(&off) || self.unchanged < rest || !self.look_ahead(now) {
            return;
        }
        // What is quiet now may not be quiet in what was just decoded.
        let is_quiet = self.is_quiet && !self.activity.would(&self.decoded);
        let rate = self.rate();
        let by = if off > 0 {
            let by = shorten(rate, &mut self.decoded, is_quiet);
            self.made.accelerated += by as u64;
            self.advance(self.ticks_of(by));
            by
        } else {
            let by = lengthen(rate, &mut self.decoded, is_quiet);
            self.made.expanded += by as u64;
            self.advance(-self.ticks_of(by));
            by
        };
        if by > 0 {
            self.unchanged = 0;
        }
    }

    /// Decodes what follows without a hole, up to what a change looks at. False when it is less.
    fn look_ahead(&mut self, now: Moment) -> bool {
        let wanted = self.rate().samples(LOOK_MS);
        while self.decoded.len() < wanted {
            let follows = match (self.packets.front(), self.here()) {
                (Some(next), Some(here)) => {
                    next.time.distance(here) <= 0 && matches!(next.content, Content::Audio)
                }
                (None, _) | (_, None) => false,
            };
            if !follows {
                return false;
            }
            self.fill(now, wanted - self.decoded.len());
        }
        true
    }

    /// Samples that so many ticks last.
    fn samples(&self, ticks: i32) -> usize {
        ticks.max(0) as usize * self.rate().samples(1) / self.clock as usize
    }

    /// Ticks that so many samples last.
    fn ticks_of(&self, samples: usize) -> i32 {
        (samples * self.clock as usize / self.rate().samples(1)) as i32
    }

    /// Decodes the packet whose turn it is, or fills the hole before the next one, up to `missing`
    /// samples. Says whether there is something to hear.
    fn fill(&mut self, now: Moment, missing: usize) -> bool {
        let Some(here) = self.here() else { return false };
        let Some(next) = self.packets.front() else {
            return if self.is_fixed { self.fill_hole(missing) } else { self.wait(now, missing) };
        };
        let mut gap = next.time.distance(here);
        if gap > 0 && self.waited > 0 {
            // The hole that was waited for is here: it was a loss.
            let back = gap.min(self.waited as i32);
            self.advance(back);
            self.waited -= back as u32;
            gap -= back;
        }
        if gap <= 0 {
            self.made.expanded += self.samples(self.waited as i32) as u64;
            self.waited = 0;
            let packet = self.packets.pop_front().expect("it was just looked at");
            let heard = self.decode(&packet, self.samples(-gap), missing);
            self.spare.push(packet.payload);
            return heard;
        }
        let hole = self.samples(gap);
        if self.is_fixed {
            return self.fill_hole(hole.clamp(1, missing));
        }
        if self.is_near_now(now) {
            // A hole is the best place to wait a little longer from now on.
            self.made.expanded += missing as u64;
            let heard = self.fill_hole(missing);
            self.advance(-self.ticks_of(missing));
            return heard;
        }
        let next = self.packets.front().expect("it was just looked at");
        let lost = ticks(self.decoder.codec(), &next.payload);
        let was_heard =
            self.concealed_ms == 0 && !self.rests && matches!(next.content, Content::Audio);
        if gap as u32 == lost && was_heard {
            // One packet is lost, and the one after it may carry a copy.
            if !self.decoder.recover(&next.payload, hole, &mut self.decoded) {
                self.made.concealed += hole as u64;
            }
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
                self.rests = self.decoder.rests();
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

    /// Whether the place is nearer to the newest audio than it should be.
    fn is_near_now(&self, now: Moment) -> bool {
        let behind = self.play_at.and_then(|at| self.delay.behind_ms(now, at));
        let target = i64::from(self.delay.target_ms());
        behind.is_some_and(|behind| behind + NEAR_SPEECH_MS < target)
    }

    /// Nothing is there. The place stands still for as long as may be, in case the packets are late
    /// and not lost.
    fn wait(&mut self, now: Moment, missing: usize) -> bool {
        let behind = self.play_at.and_then(|at| self.delay.behind_ms(now, at));
        let may_wait = behind.is_some_and(|behind| behind < i64::from(self.limits.ms_max))
            && self.noise.is_none()
            && !self.rests;
        let heard = self.fill_hole(missing);
        if !may_wait && !heard {
            // It was a rest.
            self.waited = 0;
        } else if may_wait {
            let ticks = self.ticks_of(missing);
            self.advance(-ticks);
            self.waited += ticks as u32;
        }
        heard
    }

    fn fill_hole(&mut self, samples: usize) -> bool {
        if self.is_fixed {
            self.decoded.resize(self.decoded.len() + samples, 0);
            return false;
        }
        if let Some(noise) = &mut self.noise {
            noise.fill(samples, &mut self.decoded);
            return true;
        }
        if self.rests {
            self.decoder.conceal(samples, &mut self.decoded);
            return true;
        }
        if self.concealed_ms >= self.decoder.conceal_ms_max() {
            self.decoded.resize(self.decoded.len() + samples, 0);
            return false;
        }
        self.concealed_ms += (samples / self.rate().samples(1)).max(1) as u32;
        self.made.concealed += samples as u64;
        self.decoder.conceal(samples, &mut self.decoded);
        true
    }
}

#[cfg(test)]
mod tests;
