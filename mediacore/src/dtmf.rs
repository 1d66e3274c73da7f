//! Digits as RFC 4733 telephone events, both ways.
//!
//! Receiving: a key press is one event however often its packets come. The key of an event is
//! (SSRC, timestamp, event); the digit is given once, at its end packet, at the beginning of the
//! next event, or when nothing came for [`DIGIT_TIMEOUT`] because all end packets were lost.
//! Sending: one timestamp, growing duration, marker on the first packet, three end packets. A digit
//! that is made anew for another leg begins when its key goes down and lasts as long as the key is
//! held; what a command sends lasts [`SEND_MS`]. Longer than a duration can say (8.2 s at 8 kHz, 1.37 s
//! at 48 kHz), an event goes on in another segment (RFC 4733 §2.5.1.3).

use std::collections::VecDeque;
use std::time::Duration;
use terms::Moment;
use terms::media::{RtpTime, Ssrc};

/// An event whose end packets were lost ends after this.
pub const DIGIT_TIMEOUT: Duration = Duration::from_millis(200);
/// How long a digit sounds that a command sends.
pub const SEND_MS: u32 = 100;
/// How long a digit sounds at least, however briefly its key was held: what a receiver must take
/// (ITU-T Q.24).
pub const HELD_MS_MIN: u32 = 40;
/// Ticks of a whole segment of a long event (RFC 4733 §2.5.1.3).
pub const SEGMENT_TICKS: u32 = 0xFFFF;
/// Pause between sent digits.
pub const SEND_GAP_MS: u32 = 60;
/// Digits of one leg that may wait to be sent.
pub const SEND_MAX: usize = 64;
/// Bytes of an event payload.
pub const EVENT_BYTES: usize = 4;
const END_PACKETS: u8 = 3;
/// Of the clock that every telephone knows.
const TICKS_PER_MS: u32 = 8;
/// Of a press that was under way when its first packet came, so much is believed.
const FIRST_MS_MAX: u32 = 1_000;
/// A press may be longer by this than the time in which its packets came: some were late.
const AHEAD_MS_MAX: u32 = 1_000;
/// Ended events and segments remembered, so that a reordered repetition stays silent.
const ENDED_MAX: usize = 4;
const KEYS: &[u8; 16] = b"0123456789*#ABCD";
/// −10 dBm0.
const VOLUME: u8 = 10;

/// The payload of a telephone-event packet, RFC 4733 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// 0–15 are the keys.
    pub code: u8,
    /// The key was let go.
    pub end: bool,
    /// Ticks since its beginning.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; `None` when it is shorter than four bytes.
    pub fn parse(payload: &[u8]) -> Option<Event> {
        let &[code, flags, high, low, ..] = payload else { return None };
        Some(Event { code, end: flags & 0x80 != 0, duration: u16::from_be_bytes([high, low]) })
    }

    /// The payload.
    pub fn write(self) -> [u8; EVENT_BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | VOLUME, high, low]
    }

    /// The same on another clock, both in ticks a second; what its duration cannot say there is cut.
    pub fn converted(self, from_hz: u32, to_hz: u32) -> Event {
        let duration = u64::from(self.duration) * u64::from(to_hz) / u64::from(from_hz.max(1));
        Event { duration: u16::try_from(duration).unwrap_or(u16::MAX), ..self }
    }

    /// The key, for codes that have one.
    pub fn key(self) -> Option<char> {
        KEYS.get(usize::from(self.code)).map(|&key| char::from(key))
    }
}

/// The event code of a key.
pub fn code(key: char) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().position(|&known| char::from(known) == key).map(|at| at as u8)
}

/// A complete key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// The key.
    pub key: char,
    /// How long it was held.
    pub duration_ms: u32,
}

/// What one event packet brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// A key went down with this packet.
    pub pressed: bool,
    /// Key presses that are now complete, in order.
    pub digits: [Option<Digit>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    ssrc: Ssrc,
    time: RtpTime,
    code: u8,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    name: Name,
    /// Duration of earlier segments of a very long event (RFC 4733 §2.5.1.3), in ticks.
    earlier: u32,
    duration: u16,
    /// What the first packet said, and when it came.
    first: u16,
    began_at: Moment,
    heard_at: Moment,
}

impl Held {
    fn digit(self, ticks_per_ms: u32) -> Option<Digit> {
        let event = Event { code: self.name.code, end: true, duration: self.duration };
        event.key().map(|key| Digit { key, duration_ms: self.duration_ms(ticks_per_ms) })
    }

    /// As long as its packets say, and no longer than it can have been: who hears it made anew hears
    /// nothing else meanwhile.
    fn duration_ms(self, ticks_per_ms: u32) -> u32 {
        let said_ms = self.earlier.saturating_add(u32::from(self.duration)) / ticks_per_ms;
        let first_ms = (u32::from(self.first) / ticks_per_ms).min(FIRST_MS_MAX);
        let heard_ms = u32::try_from((self.heard_at - self.began_at).as_millis());
        let most_ms = heard_ms.unwrap_or(u32::MAX).saturating_add(first_ms + AHEAD_MS_MAX);
        said_ms.min(most_ms)
    }
}

/// The receiving side of a leg.
#[derive(Clone, Debug)]
pub struct Receiver {
    held: Option<Held>,
    ended: VecDeque<Name>,
    ticks_per_ms: u32,
    /// A whole segment, as the timestamps of packets count it.
    segment: u32,
}

impl Default for Receiver {
    fn default() -> Self {
        let (held, ended) = (None, VecDeque::new());
        Receiver { held, ended, ticks_per_ms: TICKS_PER_MS, segment: SEGMENT_TICKS }
    }
}

impl Receiver {
    /// Events count on this clock from now on, and timestamps on that of the audio; 8 kHz both where
    /// nothing else is said.
    pub fn set_clock(&mut self, hz: u32, audio_hz: u32) {
        self.ticks_per_ms = (hz / 1_000).max(1);
        self.segment = SEGMENT_TICKS.saturating_mul((audio_hz / hz.max(1)).max(1));
    }

    /// Takes one event packet. Codes above 15 (flash, fax tones) bring nothing.
    pub fn note(
        &mut self,
        now: Moment,
        ssrc: Ssrc,
        time: RtpTime,
        marker: bool,
        event: Event,
    ) -> Step {
        let (name, segment) = (Name { ssrc, time, code: event.code }, self.segment);
        let mut step = Step::default();
        if event.key().is_none() || self.ended.contains(&name) {
            return step;
        }
        match &mut self.held {
            Some(held) if held.name == name => held.duration = held.duration.max(event.duration),
            Some(held) if is_late(held, name, segment) => return step,
            Some(held) if continues(held, name, segment, marker, event) => {
                // A new segment of a long event counts on; a sender that moves the timestamp of
                // one event keeps its growing duration.
                if held.duration == u16::MAX || is_next_segment(held, name, segment) {
                    held.earlier = held.earlier.saturating_add(SEGMENT_TICKS);
                }
                // Late packets of it are no press of their own, also when the key has been let go.
                remember(&mut self.ended, held.name);
                held.name = name;
                held.duration = event.duration;
            }
            _ => {
                step.digits[0] = self.end();
                step.pressed = true;
                let first = event.duration;
                let (began_at, heard_at) = (now, now);
                self.held =
                    Some(Held { name, earlier: 0, duration: first, first, began_at, heard_at });
            }
        }
        if let Some(held) = &mut self.held {
            held.heard_at = now;
        }
        if event.end {
            step.digits[1] = self.end();
        }
        step
    }

    /// How long the key that is down has been held, as far as was heard; `None` when none is.
    pub fn held_ms(&self) -> Option<u32> {
        self.held.map(|held| held.duration_ms(self.ticks_per_ms))
    }

    /// When a held key counts as let go.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.held.map(|held| held.heard_at + DIGIT_TIMEOUT)
    }

    /// The digit whose end packets never came.
    pub fn handle_timeout(&mut self, now: Moment) -> Option<Digit> {
        if self.next_timeout()? > now { None } else { self.end() }
    }

    /// Ends a held key, when the leg ends.
    pub fn end(&mut self) -> Option<Digit> {
        let held = self.held.take()?;
        remember(&mut self.ended, held.name);
        held.digit(self.ticks_per_ms)
    }
}

fn remember(ended: &mut VecDeque<Name>, name: Name) {
    if ended.len() == ENDED_MAX {
        ended.pop_front();
    }
    ended.push_back(name);
}

fn continues(held: &Held, name: Name, segment: u32, marker: bool, event: Event) -> bool {
    let same = held.name.ssrc == name.ssrc && held.name.code == name.code;
    let ahead = name.time.distance(held.name.time) > 0;
    let grows = held.duration == u16::MAX || event.duration > held.duration;
    same && ahead && !marker && (grows || is_next_segment(held, name, segment))
}

/// Whether it belongs to an earlier segment of the event that is held.
fn is_late(held: &Held, name: Name, segment: u32) -> bool {
    let same = held.name.ssrc == name.ssrc && held.name.code == name.code;
    let behind = -i64::from(name.time.distance(held.name.time));
    same && held.earlier > 0 && (1..=i64::from(segment)).contains(&behind)
}

/// Whether an event goes on in another segment, also where the packet that filled the one before was
/// lost. RFC 4733 §2.1 has one clock for both; with another for the audio, some move the timestamp by
/// their events' clock all the same.
fn is_next_segment(held: &Held, name: Name, segment: u32) -> bool {
    let ahead = i64::from(name.time.distance(held.name.time));
    ahead == i64::from(segment) || ahead == i64::from(SEGMENT_TICKS)
}

/// What to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// An event packet; `first` and `segment` begin a new timestamp, `last` is the third end packet.
    Packet {
        /// Its payload.
        event: Event,
        /// Begins a new event.
        first: bool,
        /// Begins another segment of it, [`SEGMENT_TICKS`] after the one before.
        segment: bool,
        /// Ends it: the stream moves on by the event's duration.
        last: bool,
    },
    /// The pause between two digits.
    Pause,
    /// All is sent.
    Done,
}

/// A key that is to be sent.
#[derive(Clone, Copy, Debug)]
struct Press {
    code: u8,
    /// It lasts so long; while it is down, it is known to have lasted so long.
    until_ms: u32,
    /// It is held, and how long it will be is not known.
    down: bool,
}

/// The sending side of a leg: ask once every packet time.
#[derive(Clone, Debug)]
pub struct Sender {
    waiting: VecDeque<Press>,
    sounding: Option<Press>,
    elapsed_ms: u32,
    /// Ticks of the segments that are complete.
    earlier: u32,
    /// The segment is full: the next packet begins another.
    full: bool,
    ends: u8,
    pause_ms: u32,
    ticks_per_ms: u32,
}

impl Default for Sender {
    fn default() -> Self {
        Sender {
            waiting: VecDeque::new(),
            sounding: None,
            elapsed_ms: 0,
            earlier: 0,
            full: false,
            ends: 0,
            pause_ms: 0,
            ticks_per_ms: TICKS_PER_MS,
        }
    }
}

impl Sender {
    /// Events count on this clock from now on.
    pub fn set_clock(&mut self, hz: u32) {
        self.ticks_per_ms = (hz / 1_000).max(1);
    }

    /// Appends digits of [`SEND_MS`]; what is no key or beyond [`SEND_MAX`] is left out. Says how many
    /// it took.
    pub fn push(&mut self, digits: &str) -> usize {
        let room = SEND_MAX.saturating_sub(self.waiting.len());
        let before = self.waiting.len();
        let press = |code| Press { code, until_ms: SEND_MS, down: false };
        self.waiting.extend(digits.chars().filter_map(code).take(room).map(press));
        self.waiting.len() - before
    }

    /// A key went down that is sent for as long as it is held; what was down before is let go. It has
    /// been held for `held_ms`, as far as is known, and lasts no longer before [`Sender::hold`] or
    /// [`Sender::let_go`] says so; `None` where only its end will tell. False when it is no key or
    /// [`SEND_MAX`] others wait.
    pub fn press(&mut self, key: char, held_ms: Option<u32>) -> bool {
        self.let_go(0);
        let Some(code) = code(key).filter(|_| self.waiting.len() < SEND_MAX) else { return false };
        let until_ms = held_ms.map_or(u32::MAX, |held_ms| held_ms.max(HELD_MS_MIN));
        self.waiting.push_back(Press { code, until_ms, down: true });
        true
    }

    /// The key that is down has been held for `held_ms`.
    pub fn hold(&mut self, held_ms: u32) {
        if let Some(press) = self.down() {
            press.until_ms = press.until_ms.max(held_ms);
        }
    }

    /// The key that is down was let go after `held_ms`; what was sent of it is not taken back.
    pub fn let_go(&mut self, held_ms: u32) {
        if let Some(press) = self.down() {
            let known_ms = if press.until_ms == u32::MAX { HELD_MS_MIN } else { press.until_ms };
            (press.until_ms, press.down) = (held_ms.max(known_ms), false);
        }
    }

    /// The key that is down ends now: nobody will say how long it was held.
    pub fn cut(&mut self) {
        let sent_ms =
            if self.sounding.is_some_and(|press| press.down) { self.elapsed_ms } else { 0 };
        if let Some(press) = self.down() {
            (press.until_ms, press.down) = (sent_ms.max(HELD_MS_MIN), false);
        }
    }

    fn down(&mut self) -> Option<&mut Press> {
        self.sounding.iter_mut().chain(&mut self.waiting).find(|press| press.down)
    }

    /// Whether something is being sent or waits.
    pub fn is_busy(&self) -> bool {
        self.sounding.is_some() || !self.waiting.is_empty() || self.pause_ms > 0
    }

    /// The next packet, after `ptime_ms` more.
    pub fn poll(&mut self, ptime_ms: u32) -> Sent {
        if self.pause_ms > 0 {
            self.pause_ms = self.pause_ms.saturating_sub(ptime_ms);
            return Sent::Pause;
        }
        let first = self.sounding.is_none();
        if first {
            let Some(press) = self.waiting.pop_front() else { return Sent::Done };
            self.sounding = Some(press);
            (self.elapsed_ms, self.earlier, self.full, self.ends) = (0, 0, false, 0);
        }
        let press = self.sounding.expect("set above or before");
        let grown_ms = self.elapsed_ms.saturating_add(ptime_ms).min(press.until_ms);
        self.elapsed_ms = self.elapsed_ms.max(grown_ms);
        let segment = std::mem::take(&mut self.full);
        if segment {
            self.earlier += SEGMENT_TICKS;
        }
        // A clock that changed in the middle may count less than it did.
        let ticks = self.elapsed_ms.saturating_mul(self.ticks_per_ms).saturating_sub(self.earlier);
        self.full = ticks > SEGMENT_TICKS;
        let end = !press.down && self.elapsed_ms >= press.until_ms && !first && !self.full;
        self.ends += u8::from(end);
        let last = self.ends == END_PACKETS;
        if last {
            self.sounding = None;
            self.pause_ms = SEND_GAP_MS;
        }
        let duration = ticks.min(SEGMENT_TICKS) as u16;
        Sent::Packet { event: Event { code: press.code, end, duration }, first, segment, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: Ssrc = Ssrc(9);

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    fn press(
        receiver: &mut Receiver,
        start_ms: u64,
        time: u32,
        code: u8,
        lost: &[usize],
    ) -> String {
        let mut heard = String::new();
        for n in 0..8_usize {
            let event = Event { code, end: n >= 5, duration: 160 * (n.min(5) as u16 + 1) };
            if lost.contains(&n) {
                continue;
            }
            let now = at(start_ms + n as u64 * 20);
            let step = receiver.note(now, SSRC, RtpTime(time), n == 0, event);
            heard.extend(step.digits.iter().flatten().map(|digit| digit.key));
        }
        heard
    }

    #[test]
    fn a_clock_of_48_khz_counts_the_same_time() {
        let (mut sender, mut receiver) = (Sender::default(), Receiver::default());
        sender.set_clock(48_000);
        receiver.set_clock(48_000, 48_000);
        sender.push("7");
        let mut heard = Vec::new();
        for n in 0..20 {
            if let Sent::Packet { event, first, .. } = sender.poll(20) {
                let step = receiver.note(at(n * 20), SSRC, RtpTime(5), first, event);
                heard.extend(step.digits.into_iter().flatten());
            }
        }
        assert_eq!(heard, [Digit { key: '7', duration_ms: SEND_MS }]);
    }

    #[test]
    fn a_digit_is_heard_once_whatever_is_lost() {
        for lost in [vec![], vec![0, 1], vec![5, 6], vec![0, 1, 2, 3, 4, 5, 6], vec![2, 5, 7]] {
            let mut receiver = Receiver::default();
            assert_eq!(press(&mut receiver, 0, 100, 5, &lost), "5", "lost {lost:?}");
            assert_eq!(receiver.handle_timeout(at(5_000)), None);
        }
    }

    #[test]
    fn a_digit_without_end_packets_ends_by_timeout() {
        let mut receiver = Receiver::default();
        assert_eq!(press(&mut receiver, 0, 100, 11, &[5, 6, 7]), "");
        assert_eq!(receiver.handle_timeout(at(200)), None);
        let digit = receiver.handle_timeout(at(80 + 200)).unwrap();
        assert_eq!(digit, Digit { key: '#', duration_ms: 100 });
        assert_eq!(press(&mut receiver, 300, 100, 11, &[]), "", "its late packets stay silent");
    }

    #[test]
    fn the_next_press_ends_a_digit_whose_end_was_lost() {
        let mut receiver = Receiver::default();
        assert_eq!(press(&mut receiver, 0, 100, 1, &[5, 6, 7]), "");
        assert_eq!(press(&mut receiver, 150, 5_000, 1, &[]), "11");
    }

    #[test]
    fn a_timestamp_that_moves_within_one_press_is_one_digit() {
        let mut receiver = Receiver::default();
        let mut heard = 0;
        for n in 0..6_u16 {
            let event = Event { code: 7, end: n == 5, duration: 160 * (n + 1) };
            let time = RtpTime(1_000 + u32::from(n) * 160);
            let step = receiver.note(at(u64::from(n) * 20), SSRC, time, n == 0, event);
            heard += step.digits.iter().flatten().count();
        }
        assert_eq!(heard, 1);
    }

    /// A segment counts to 65,535 ticks, 8.2 s; a longer press goes on in another (RFC 4733 §2.5.1.3).
    #[test]
    fn a_press_of_ten_seconds_is_one_digit_of_its_whole_length() {
        let mut receiver = Receiver::default();
        let first = Event { code: 9, end: false, duration: 160 };
        let step = receiver.note(at(20), SSRC, RtpTime(100), true, first);
        assert_eq!((step.pressed, step.digits), (true, [None, None]));
        let full = Event { duration: u16::MAX, ..first };
        let step = receiver.note(at(8_192), SSRC, RtpTime(100), false, full);
        assert_eq!((step.pressed, step.digits), (false, [None, None]));
        let rest = Event { code: 9, end: true, duration: 14_465 };
        let time = RtpTime(100 + u32::from(u16::MAX));
        let step = receiver.note(at(10_000), SSRC, time, false, rest);
        let whole = Digit { key: '9', duration_ms: 10_000 };
        assert_eq!((step.pressed, step.digits), (false, [None, Some(whole)]));
    }

    #[test]
    fn codes_without_a_key_and_short_payloads_bring_nothing() {
        let mut receiver = Receiver::default();
        let flash = Event { code: 16, end: true, duration: 800 };
        assert_eq!(receiver.note(at(0), SSRC, RtpTime(0), true, flash), Step::default());
        assert_eq!(Event::parse(&[1, 2, 3]), None);
    }

    #[test]
    fn a_sent_digit_grows_and_ends_three_times() {
        for ptime_ms in [10, 20, 30, 60] {
            let mut sender = Sender::default();
            assert_eq!(sender.push("1x#"), 2);
            let mut receiver = Receiver::default();
            let (mut heard, mut ends, mut time) = (String::new(), 0, 0);
            for n in 0..200_u32 {
                match sender.poll(ptime_ms) {
                    Sent::Done => break,
                    Sent::Pause => {}
                    Sent::Packet { event, first, .. } => {
                        time = if first { n * ptime_ms * 8 } else { time };
                        ends += u32::from(event.end);
                        let now = at(u64::from(n * ptime_ms));
                        let step = receiver.note(now, SSRC, RtpTime(time), first, event);
                        heard.extend(step.digits.iter().flatten().map(|digit| digit.key));
                    }
                }
            }
            assert_eq!((heard.as_str(), ends), ("1#", 6), "ptime {ptime_ms}");
            assert!(!sender.is_busy());
        }
    }

    /// Sends one key that is held for `held_ms` on a clock; what `keep` leaves of the packets is heard.
    /// Gives the digits, the segments begun after the first and the end packets, as sent.
    fn held(
        (hz, ptime_ms): (u32, u32),
        held_ms: u32,
        keep: impl Fn(Event) -> bool,
    ) -> (Vec<Digit>, u32, u32) {
        let (mut sender, mut receiver) = (Sender::default(), Receiver::default());
        sender.set_clock(hz);
        receiver.set_clock(hz, hz);
        assert!(sender.press('7', Some(0)));
        let (mut digits, mut segments, mut ends, mut time) = (Vec::new(), 0, 0, 500_u32);
        for now_ms in (0..held_ms + 1_000).step_by(ptime_ms as usize) {
            if now_ms < held_ms {
                sender.hold(now_ms)
            } else {
                sender.let_go(held_ms)
            }
            let Sent::Packet { event, first, segment, .. } = sender.poll(ptime_ms) else {
                continue;
            };
            assert_eq!(first, now_ms == 0, "one beginning");
            time = time.wrapping_add(if segment { SEGMENT_TICKS } else { 0 });
            (segments, ends) = (segments + u32::from(segment), ends + u32::from(event.end));
            if keep(event) {
                let now = at(u64::from(now_ms));
                let step = receiver.note(now, SSRC, RtpTime(time), first, event);
                digits.extend(step.digits.into_iter().flatten());
            }
        }
        assert!(!sender.is_busy(), "it ends");
        (digits, segments, ends)
    }

    #[test]
    fn a_digit_made_anew_lasts_as_long_as_its_key_was_held() {
        for clock in [(8_000, 10), (8_000, 20), (8_000, 60), (48_000, 20), (48_000, 30)] {
            for held_ms in [40, 500, 2_000, 10_000] {
                let whole = Digit { key: '7', duration_ms: held_ms };
                let segments = held_ms * (clock.0 / 1_000) / SEGMENT_TICKS;
                let told = held(clock, held_ms, |_| true);
                assert_eq!(told, (vec![whole], segments, 3), "{held_ms} ms at {clock:?}");
            }
            let shortest = Digit { key: '7', duration_ms: HELD_MS_MIN };
            assert_eq!(held(clock, 10, |_| true).0, [shortest], "{clock:?}");
        }
    }

    #[test]
    fn a_long_digit_is_one_although_packets_that_fill_its_segments_are_lost() {
        let whole = Digit { key: '7', duration_ms: 10_000 };
        let told = held((48_000, 20), 10_000, |event| event.duration != u16::MAX);
        assert_eq!(told, (vec![whole], 7, 3));
    }

    /// Beside Opus timestamps are those of 48 kHz, and events may be offered with 8 kHz.
    #[test]
    fn a_long_digit_is_one_where_timestamps_have_another_clock_and_the_filling_packet_is_lost() {
        for moved in [6 * SEGMENT_TICKS, SEGMENT_TICKS] {
            let mut receiver = Receiver::default();
            receiver.set_clock(8_000, 48_000);
            let event = |end, duration| Event { code: 9, end, duration };
            let (began, next) = (RtpTime(100), RtpTime(100 + moved));
            assert!(receiver.note(at(20), SSRC, began, true, event(false, 160)).pressed);
            receiver.note(at(8_180), SSRC, began, false, event(false, 65_440));
            let step = receiver.note(at(8_220), SSRC, next, false, event(false, 160));
            assert_eq!(step, Step::default(), "it goes on");
            let late = receiver.note(at(8_221), SSRC, began, false, event(false, 65_280));
            assert_eq!(late, Step::default());
            let step = receiver.note(at(10_000), SSRC, next, false, event(true, 14_465));
            assert_eq!(step.digits, [None, Some(Digit { key: '9', duration_ms: 10_000 })]);
        }
    }

    #[test]
    fn a_late_packet_of_an_earlier_segment_is_no_second_press() {
        let mut receiver = Receiver::default();
        let event = |end, duration| Event { code: 9, end, duration };
        let (began, next) = (RtpTime(100), RtpTime(100 + SEGMENT_TICKS));
        receiver.note(at(20), SSRC, began, true, event(false, 160));
        receiver.note(at(8_192), SSRC, began, false, event(false, u16::MAX));
        receiver.note(at(8_220), SSRC, next, false, event(false, 160));
        let late = receiver.note(at(8_221), SSRC, began, false, event(false, 65_000));
        assert_eq!(late, Step::default());
        let step = receiver.note(at(10_000), SSRC, next, false, event(true, 14_465));
        assert_eq!(step.digits, [None, Some(Digit { key: '9', duration_ms: 10_000 })]);
        let late = receiver.note(at(10_001), SSRC, began, false, event(false, 65_000));
        assert_eq!(late, Step::default(), "nor is it one when the key has been let go");
    }

    #[test]
    fn what_was_sent_of_a_key_is_not_taken_back_and_it_sounds_until_it_is_let_go() {
        let mut sender = Sender::default();
        sender.press('5', None);
        let mut durations = Vec::new();
        for n in 0..16 {
            if n == 10 {
                sender.let_go(100);
            }
            if let Sent::Packet { event, .. } = sender.poll(20) {
                durations.push((event.duration / 8, event.end));
            }
        }
        let grown = (1..=10).map(|n| (n * 20, false));
        assert_eq!(durations, grown.chain([(200, true); 3]).collect::<Vec<_>>());
    }

    #[test]
    fn two_quick_presses_of_one_key_are_two_with_a_pause_between() {
        let mut sender = Sender::default();
        sender.press('5', Some(60));
        // Its end was lost: the next press ends it.
        sender.press('5', Some(20));
        sender.let_go(80);
        let (mut ends, mut pauses) = (Vec::new(), 0);
        while sender.is_busy() {
            match sender.poll(20) {
                Sent::Packet { event, last: true, .. } => {
                    ends.push((event.code, event.duration / 8))
                }
                Sent::Packet { .. } => {}
                Sent::Pause => pauses += 1,
                Sent::Done => panic!("busy with nothing"),
            }
        }
        assert_eq!((ends, pauses), (vec![(5, 60), (5, 80)], 6));
    }

    #[test]
    fn no_more_digits_wait_than_the_limit() {
        let mut full = Sender::default();
        full.push(&"5".repeat(SEND_MAX));
        assert!(!full.press('1', None));
        let mut sender = Sender::default();
        assert!(!sender.press('x', None));
        assert_eq!((sender.push(&"5".repeat(60)), sender.push(&"6".repeat(60))), (60, 4));
        assert_eq!(sender.push("7"), 0);
    }
}
