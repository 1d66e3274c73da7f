//! Reads a recording and checks it sample by sample. RIFF and RF64; A-law, µ-law or 16-bit PCM.

use crate::media::g711::Law;
use crate::media::stamp::{Carrier, SAMPLES, Stamp};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;

/// A recording in memory.
pub struct Wav {
    /// Samples per second.
    pub rate_hz: u32,
    /// One list of A-law codes a channel.
    pub channels: Vec<Vec<u8>>,
}

impl Wav {
    /// Reads a whole file.
    pub fn parse(bytes: &[u8]) -> Result<Wav> {
        ensure!(bytes.len() > 12 && &bytes[8..12] == b"WAVE", "not a WAV file");
        ensure!(matches!(&bytes[..4], b"RIFF" | b"RF64"), "neither RIFF nor RF64");
        let mut at = 12;
        let mut format = None;
        while let Some(head) = bytes.get(at..at + 8) {
            let length = u32::from_le_bytes(head[4..8].try_into().expect("4 bytes")) as usize;
            let body = &bytes[at + 8..bytes.len().min((at + 8).saturating_add(length))];
            match &head[..4] {
                b"fmt " => format = Some(Format::parse(body)?),
                b"data" => return format.context("data before fmt")?.read(body),
                _ => {}
            }
            at += 8 + length + length % 2;
        }
        bail!("no data chunk")
    }

    /// Length in milliseconds.
    pub fn milliseconds(&self) -> u64 {
        let samples = self.channels.first().map_or(0, Vec::len) as u64;
        samples * 1000 / u64::from(self.rate_hz.max(1))
    }
}

struct Format {
    tag: u16,
    channels: usize,
    rate_hz: u32,
    bits: u16,
}

impl Format {
    fn parse(body: &[u8]) -> Result<Format> {
        ensure!(body.len() >= 16, "fmt is {} bytes, at least 16 are needed", body.len());
        let word = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
        let rate_hz = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
        Ok(Format { tag: word(0), channels: word(2).into(), rate_hz, bits: word(14) })
    }

    fn read(&self, data: &[u8]) -> Result<Wav> {
        ensure!((1..=2).contains(&self.channels), "{} channels", self.channels);
        let codes: Vec<u8> = match (self.tag, self.bits) {
            (6, 8) => data.to_vec(),
            (7, 8) => data.iter().map(|code| Law::A.encode(Law::Mu.decode(*code))).collect(),
            (1, 16) => data
                .chunks_exact(2)
                .map(|pair| Law::A.encode(i16::from_le_bytes([pair[0], pair[1]])))
                .collect(),
            (tag, bits) => bail!("format {tag} with {bits} bits is not one we read"),
        };
        let channel = |n: usize| codes.iter().skip(n).step_by(self.channels).copied().collect();
        Ok(Wav { rate_hz: self.rate_hz, channels: (0..self.channels).map(channel).collect() })
    }
}

/// What one channel of a recording holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Frames by speaker.
    pub speakers: BTreeMap<u32, u64>,
    /// Frames missing inside of a speaker's stretch.
    pub lost: u64,
    /// Frames with wrong samples.
    pub damaged: u64,
    /// Frames that came before an earlier one, or twice.
    pub disordered: u64,
    /// When the first and the last were said, on the speakers' clock.
    pub said_us: Option<(u64, u64)>,
}

/// Looks for stamped frames anywhere in the channel and checks each.
pub fn check(channel: &[u8], carrier: &Carrier) -> Side {
    let mut side = Side::default();
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    let mut at = 0;
    while at + SAMPLES <= channel.len() {
        let frame = &channel[at..at + SAMPLES];
        let Some(stamp) = Stamp::read(frame) else {
            at += 1;
            continue;
        };
        *side.speakers.entry(stamp.speaker).or_default() += 1;
        let first_us = side.said_us.map_or(stamp.sent_us, |(first, _)| first);
        side.said_us = Some((first_us, stamp.sent_us));
        side.damaged += u64::from(stamp.damaged(carrier, frame) > 0);
        if let Some(last) = last.insert(stamp.speaker, stamp.counter) {
            match i64::from(stamp.counter) - i64::from(last) {
                step if step > 0 => side.lost += step as u64 - 1,
                _ => side.disordered += 1,
            }
        }
        at += SAMPLES;
    }
    side
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrier() -> Carrier {
        Carrier::new(&(0..=255).cycle().take(1600).collect::<Vec<u8>>(), Law::A)
    }

    fn frame(speaker: u32, counter: u32) -> [u8; SAMPLES] {
        let mut frame = [0; SAMPLES];
        Stamp { speaker, counter, sent_us: u64::from(counter) }.write(&carrier(), &mut frame);
        frame
    }

    fn file(tag: u16, bits: u16, channels: u16, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        file.extend(tag.to_le_bytes());
        file.extend(channels.to_le_bytes());
        file.extend(8000u32.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn frames_are_found_wherever_they_begin() {
        let mut channel = vec![0xd5; 77];
        for counter in [3, 4, 7] {
            channel.extend(frame(1, counter));
        }
        channel.extend([0xd5; 13]);
        channel.extend(frame(2, 0));
        let side = check(&channel, &carrier());
        assert_eq!(side.speakers, BTreeMap::from([(1, 3), (2, 1)]));
        assert_eq!((side.lost, side.damaged, side.disordered), (2, 0, 0));
        assert_eq!(side.said_us, Some((3, 0)), "the first is speaker 1's, the last speaker 2's");
    }

    #[test]
    fn the_three_encodings_say_the_same() {
        let codes = frame(6, 1);
        let linear: Vec<u8> =
            codes.iter().flat_map(|code| Law::A.decode(*code).to_le_bytes()).collect();
        for file in [file(6, 8, 1, &codes), file(1, 16, 1, &linear)] {
            let wav = Wav::parse(&file).unwrap();
            assert_eq!(wav.channels, [codes.to_vec()]);
            assert_eq!(wav.milliseconds(), 20);
        }
    }

    #[test]
    fn stereo_is_taken_apart() {
        let (left, right) = (frame(1, 1), frame(2, 1));
        let both: Vec<u8> = left.iter().zip(right).flat_map(|(l, r)| [*l, r]).collect();
        let wav = Wav::parse(&file(6, 8, 2, &both)).unwrap();
        assert_eq!(wav.channels, [left.to_vec(), right.to_vec()]);
    }

    #[test]
    fn what_is_no_recording_is_refused_with_a_sentence() {
        for (bytes, says) in [
            (&b"hello"[..], "not a WAV"),
            (&file(85, 8, 1, &[]), "format 85"),
            (&file(6, 8, 3, &[]), "3 channels"),
            (&b"RIFF\0\0\0\0WAVEdata\0\0\0\0"[..], "data before fmt"),
        ] {
            let error = Wav::parse(bytes).err().expect("refused").to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
