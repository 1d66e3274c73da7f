//! RTP and RFC 4733 as a telephone speaks them: one stream out, one stream in. Pure: bytes and
//! times in, bytes and counts out. RFC 3550 §5.1, RFC 4733 §2.5.

use crate::media::beep::BeepDetector;
use crate::media::delay::Delays;
use crate::media::g711::Law;
use crate::media::stamp::{Carrier, SAMPLES, Stamp};
use std::collections::VecDeque;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 12;
/// A packet of ours.
pub type Packet = [u8; HEADER_BYTES + SAMPLES];

/// A digit lasts this many packets, then its end is sent three times (RFC 4733 §2.5.1.4).
const DIGIT_PACKETS: u16 = 5;
/// Packets of audio between two digits.
const DIGIT_GAP: u8 = 4;

/// One stream out.
pub struct Speaker {
    /// Who speaks, in the stamps.
    pub id: u32,
    carrier: Carrier,
    audio_type: u8,
    dtmf_type: u8,
    ssrc: u32,
    sequence: u16,
    time: u32,
    /// Stamped frames sent.
    pub frames: u32,
    digits: VecDeque<u8>,
    digit: Option<(u8, u16)>,
    gap: u8,
    marker: bool,
}

impl Speaker {
    /// A stream that begins at the given places, which a caller draws at random.
    pub fn new(id: u32, carrier: Carrier, law: Law, dtmf_type: u8, start: (u32, u16, u32)) -> Self {
        let (ssrc, sequence, time) = start;
        Speaker {
            id,
            carrier,
            audio_type: law.payload_type(),
            dtmf_type,
            ssrc,
            sequence,
            time,
            frames: 0,
            digits: VecDeque::new(),
            digit: None,
            gap: 0,
            marker: true,
        }
    }

    /// Takes the other party's number for digits.
    pub fn agree(&mut self, dtmf_type: Option<u8>) {
        self.dtmf_type = dtmf_type.unwrap_or(self.dtmf_type);
    }

    /// Presses these keys, one after the other. Others than `0-9*#A-D` are passed over.
    pub fn press(&mut self, keys: &str) {
        let code = |key: char| "0123456789*#ABCD".find(key).map(|code| code as u8);
        self.digits.extend(keys.chars().filter_map(code));
    }

    /// The packet of this 20 ms. Returns its length.
    pub fn next(&mut self, now_us: u64, packet: &mut Packet) -> usize {
        if self.digit.is_none() && self.gap == 0 {
            self.digit = self.digits.pop_front().map(|code| (code, 0));
        }
        self.gap = self.gap.saturating_sub(1);
        let length = match self.digit {
            Some((code, part)) => self.write_digit(code, part, packet),
            None => self.write_audio(now_us, packet),
        };
        self.sequence = self.sequence.wrapping_add(1);
        length
    }

    fn write_audio(&mut self, now_us: u64, packet: &mut Packet) -> usize {
        self.write_header(self.audio_type, self.marker, packet);
        self.marker = false;
        let payload = packet[HEADER_BYTES..].first_chunk_mut().expect("a packet has a payload");
        let stamp = Stamp { speaker: self.id, counter: self.frames, sent_us: now_us };
        stamp.write(&self.carrier, payload);
        self.frames += 1;
        self.time = self.time.wrapping_add(SAMPLES as u32);
        packet.len()
    }

    /// All packets of a digit carry the time at which it began; the audio goes on after it.
    fn write_digit(&mut self, code: u8, part: u16, packet: &mut Packet) -> usize {
        self.write_header(self.dtmf_type, part == 0, packet);
        let ends = part >= DIGIT_PACKETS;
        let samples = (part + 1).min(DIGIT_PACKETS) * SAMPLES as u16;
        packet[HEADER_BYTES] = code;
        packet[HEADER_BYTES + 1] = if ends { 0x80 } else { 0 } | 10;
        packet[HEADER_BYTES + 2..HEADER_BYTES + 4].copy_from_slice(&samples.to_be_bytes());
        if part == DIGIT_PACKETS + 2 {
            self.digit = None;
            self.gap = DIGIT_GAP;
            self.marker = true;
            self.time = self.time.wrapping_add(SAMPLES as u32 * u32::from(DIGIT_PACKETS + 3));
        } else {
            self.digit = Some((code, part + 1));
        }
        HEADER_BYTES + 4
    }

    fn write_header(&self, payload_type: u8, marker: bool, packet: &mut Packet) {
        packet[0] = 0x80;
        packet[1] = payload_type | if marker { 0x80 } else { 0 };
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.time.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// What a stream in held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// RTP packets.
    pub packets: u64,
    /// Sequence numbers that never came.
    pub missing: u64,
    /// Packets that came twice or after a later one.
    pub late: u64,
    /// Changes of SSRC after the first packet.
    pub ssrc_changes: u64,
    /// Stamped frames.
    pub frames: u64,
    /// Stamped frames that never came, between the first and the last of each speaker.
    pub frames_lost: u64,
    /// Stamped frames whose samples are not what they must be.
    pub frames_damaged: u64,
    /// Packets of prompts, music and tones.
    pub other: u64,
    /// The last speaker.
    pub speaker: Option<u32>,
    /// When the last stamped frame came.
    pub speaker_at_us: u64,
    /// The longest time between two stamped frames of one speaker.
    pub gap_us_max: u64,
    /// When the leg was closed.
    pub closed_at_us: u64,
    /// Tones of 1 kHz.
    pub beeps: u32,
}

/// One stream in.
pub struct Listener {
    law: Law,
    carrier: Carrier,
    sequence: Option<u16>,
    ssrc: u32,
    counter: Option<u32>,
    beeps: BeepDetector,
    /// What came so far.
    pub heard: Heard,
}

impl Listener {
    /// `carrier` is what the other side's speakers sound like.
    pub fn new(carrier: Carrier, law: Law) -> Self {
        Listener {
            law,
            carrier,
            sequence: None,
            ssrc: 0,
            counter: None,
            beeps: BeepDetector::default(),
            heard: Heard::default(),
        }
    }

    /// Takes one datagram. Delays of stamped frames go to `delays`.
    pub fn on_packet(&mut self, now_us: u64, bytes: &[u8], delays: &mut Delays) {
        let Some((header, payload)) = split(bytes) else { return };
        self.heard.packets += 1;
        let in_order = self.on_sequence(header.sequence, header.ssrc);
        if header.payload_type != self.law.payload_type() {
            return;
        }
        match Stamp::read(payload) {
            Some(stamp) => self.on_stamp(now_us, stamp, payload, delays),
            None if in_order => {
                self.heard.other += 1;
                let samples = payload.iter().map(|code| self.law.decode(*code));
                self.heard.beeps += u32::from(self.beeps.on_frame(samples));
            }
            None => {}
        }
    }

    /// Counts gaps. False when the packet is older than the newest.
    fn on_sequence(&mut self, sequence: u16, ssrc: u32) -> bool {
        if self.sequence.is_some() && self.ssrc != ssrc {
            self.heard.ssrc_changes += 1;
            self.sequence = None;
        }
        self.ssrc = ssrc;
        let step = self.sequence.map_or(1, |last| sequence.wrapping_sub(last) as i16);
        if step <= 0 {
            self.heard.late += 1;
            self.heard.missing = self.heard.missing.saturating_sub(u64::from(step < 0));
            return false;
        }
        self.heard.missing += step as u64 - 1;
        self.sequence = Some(sequence);
        true
    }

    fn on_stamp(&mut self, now_us: u64, stamp: Stamp, payload: &[u8], delays: &mut Delays) {
        let heard = &mut self.heard;
        heard.frames += 1;
        if stamp.damaged(&self.carrier, payload) > 0 || payload.len() != SAMPLES {
            heard.frames_damaged += 1;
        }
        if heard.speaker != Some(stamp.speaker) {
            self.counter = None;
        }
        let step = self.counter.map_or(1, |last| stamp.counter.wrapping_sub(last) as i32);
        if step > 0 {
            heard.frames_lost += step as u64 - 1;
            self.counter = Some(stamp.counter);
        } else if step < 0 {
            heard.frames_lost = heard.frames_lost.saturating_sub(1);
        }
        if heard.speaker == Some(stamp.speaker) {
            let gap_us = now_us.saturating_sub(heard.speaker_at_us);
            heard.gap_us_max = heard.gap_us_max.max(gap_us);
        }
        heard.speaker = Some(stamp.speaker);
        heard.speaker_at_us = now_us;
        delays.add(now_us.saturating_sub(stamp.sent_us));
    }

    /// Hold and resume leave a hole that is nobody's loss.
    pub fn forgive_gap(&mut self) {
        self.counter = None;
    }
}

struct Header {
    payload_type: u8,
    sequence: u16,
    ssrc: u32,
}

/// Header and payload, RFC 3550 §5.1: version 2, CSRCs, extension and padding taken off.
fn split(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let head: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    // RTCP multiplexed by accident has packet types 200–204 (RFC 5761 §4).
    if head[0] >> 6 != 2 || (72..=76).contains(&(head[1] & 0x7f)) {
        return None;
    }
    let mut from = HEADER_BYTES + 4 * usize::from(head[0] & 15);
    if head[0] & 0x10 != 0 {
        let words = bytes.get(from + 2..from + 4)?;
        from += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    let padding = if head[0] & 0x20 != 0 { usize::from(*bytes.last()?) } else { 0 };
    let payload = bytes.get(from..bytes.len().checked_sub(padding)?)?;
    let header = Header {
        payload_type: head[1] & 0x7f,
        sequence: u16::from_be_bytes([head[2], head[3]]),
        ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
    };
    Some((header, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrier() -> Carrier {
        Carrier::new(&[0x55; 480], Law::A)
    }

    fn speaker() -> Speaker {
        Speaker::new(9, carrier(), Law::A, 101, (1, 65_534, u32::MAX - 100))
    }

    fn packet(speaker: &mut Speaker, at: u64) -> Vec<u8> {
        let mut packet = [0; HEADER_BYTES + SAMPLES];
        let length = speaker.next(at, &mut packet);
        packet[..length].to_vec()
    }

    #[test]
    fn a_lost_a_late_and_a_damaged_frame_are_told_apart() {
        let (mut speaker, mut listener) = (speaker(), Listener::new(carrier(), Law::A));
        let mut delays = Delays::default();
        let packets: Vec<_> = (0..6).map(|n| packet(&mut speaker, n * 20_000)).collect();
        let mut bad = packets[5].clone();
        bad[HEADER_BYTES + 3] ^= 0x20;
        for bytes in [&packets[0], &packets[2], &packets[1], &packets[4], &bad] {
            listener.on_packet(120_000, bytes, &mut delays);
        }
        let heard = listener.heard;
        assert_eq!((heard.packets, heard.missing, heard.late), (5, 1, 1));
        assert_eq!((heard.frames, heard.frames_lost, heard.frames_damaged), (5, 1, 1));
        assert_eq!(heard.speaker, Some(9));
    }

    #[test]
    fn a_digit_is_eight_packets_of_one_time_with_three_ends() {
        let mut speaker = speaker();
        packet(&mut speaker, 0);
        speaker.press("5x#");
        let digit: Vec<_> = (0..8).map(|_| packet(&mut speaker, 0)).collect();
        let time = |packet: &[u8]| packet[4..8].to_vec();
        assert!(digit.iter().all(|packet| packet[12] == 5 && packet[1] & 0x7f == 101));
        assert!(digit.iter().all(|packet| time(packet) == time(&digit[0])));
        let ends: Vec<_> = digit.iter().filter(|packet| packet[13] & 0x80 != 0).collect();
        assert_eq!(ends.len(), 3);
        assert!(ends.iter().all(|packet| packet[14..16] == 800u16.to_be_bytes()));
        let audio: Vec<_> = (0..3).map(|_| packet(&mut speaker, 0)).collect();
        assert!(audio.iter().all(|packet| packet.len() == 172), "a gap before the next digit");
        assert_eq!(audio[0][1] & 0x80, 0x80, "the first packet after it is marked");
        let later: Vec<_> = (0..3).map(|_| packet(&mut speaker, 0)).collect();
        assert_eq!(later.last().unwrap()[12], 11, "then #");
    }

    #[test]
    fn what_is_not_rtp_counts_nothing() {
        let mut listener = Listener::new(carrier(), Law::A);
        let mut rtcp = [0; 40];
        (rtcp[0], rtcp[1]) = (0x80, 200);
        for bytes in [&rtcp[..], &[0x80; 11], &[], &[0xbf; 16]] {
            listener.on_packet(0, bytes, &mut Delays::default());
        }
        assert_eq!(listener.heard, Heard::default());
    }

    #[test]
    fn another_speaker_is_no_loss() {
        let mut listener = Listener::new(carrier(), Law::A);
        let mut first = speaker();
        let mut second = Speaker::new(10, carrier(), Law::A, 101, (1, 1, 1));
        listener.on_packet(0, &packet(&mut first, 0), &mut Delays::default());
        for _ in 0..50 {
            packet(&mut second, 0);
        }
        listener.on_packet(0, &packet(&mut second, 0), &mut Delays::default());
        assert_eq!((listener.heard.frames, listener.heard.frames_lost), (2, 0));
    }
}
