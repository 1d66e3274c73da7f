//! The frames of one track as pieces of the file: octets as they came where the file keeps their
//! law, else samples at the file's rate.
//!
//! Codecs remember, so frames are decoded in the order of the audio: each waits until nothing can
//! come before it any more. What is missing stays silent, but for a packet whose copy is in the next
//! one.

use crate::codec::{Converter, Decoder, Rate};
use crate::g711::Law;
use crate::record::block::samples_of;
use crate::record::timeline::{Placed, RATE_HZ};
use std::collections::{BTreeMap, VecDeque};

/// Frames wait this long for one that was overtaken, in samples of 8 kHz.
const ORDER_SAMPLES: i64 = RATE_HZ as i64 / 2;

/// What a piece holds.
pub(super) enum Sound {
    /// In the law of the file.
    Octets(Vec<u8>),
    /// At the rate of the file.
    Samples(Vec<i16>),
}

/// A frame at its place in the file.
pub(super) struct Stretch {
    /// First sample; may lie before the beginning.
    pub at: i64,
    /// What is heard.
    pub sound: Sound,
}

impl Stretch {
    /// How long it lasts, in samples of the file.
    pub fn len(&self) -> i64 {
        match &self.sound {
            Sound::Octets(octets) => octets.len() as i64,
            Sound::Samples(samples) => samples.len() as i64,
        }
    }
}

/// One party's voice.
pub(super) struct Voice {
    law: Option<Law>,
    rate: Rate,
    /// By place and number, because two frames may have one place.
    waiting: BTreeMap<(i64, u64), Placed>,
    taken: u64,
    newest: i64,
    decoder: Option<Decoder>,
    converter: Converter,
    /// Where the decoded audio ends, at 8 kHz.
    end: i64,
}

impl Voice {
    /// A voice in a file of that law, or of PCM at that rate.
    pub fn new(law: Option<Law>, rate: Rate) -> Self {
        Voice {
            law,
            rate,
            waiting: BTreeMap::new(),
            taken: 0,
            newest: i64::MIN,
            decoder: None,
            converter: Converter::default(),
            end: i64::MIN,
        }
    }

    /// Takes a frame; pieces that are ready go to `out`.
    pub fn push(&mut self, frame: Placed, out: &mut VecDeque<Stretch>) {
        if self.law.is_some() {
            // Each octet is a sample of the file, in any order.
            return out.push_back(Stretch { at: frame.at, sound: Sound::Octets(frame.payload) });
        }
        self.newest = self.newest.max(frame.at);
        self.waiting.insert((frame.at, self.taken), frame);
        self.taken += 1;
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 < self.newest - ORDER_SAMPLES
        {
            let frame = first.remove();
            self.decode(&frame, out);
        }
    }

    /// Nothing comes after what was pushed.
    pub fn finish(&mut self, out: &mut VecDeque<Stretch>) {
        while let Some((_, frame)) = self.waiting.pop_first() {
            self.decode(&frame, out);
        }
    }

    fn decode(&mut self, frame: &Placed, out: &mut VecDeque<Stretch>) {
        let Placed { at, codec, ref payload } = *frame;
        let samples = samples_of(codec, payload) as i64;
        if self.decoder.as_ref().is_none_or(|decoder| decoder.codec() != codec) {
            self.decoder = Some(Decoder::new(codec));
            self.end = i64::MIN;
        }
        let mut decoder = self.decoder.take().expect("it was just made");
        let gap = at.saturating_sub(self.end);
        if gap != 0 {
            self.converter = Converter::default();
        }
        let mut heard = Vec::new();
        if decoder.repeats() && gap == samples && gap > 0 {
            decoder.recover(payload, decoder.rate().samples(1) * gap as usize / 8, &mut heard);
            self.emit(at - gap, decoder.rate(), &heard, out);
            heard.clear();
        }
        if decoder.decode(payload, &mut heard).is_ok() {
            self.emit(at, decoder.rate(), &heard, out);
        }
        self.decoder = Some(decoder);
        self.end = at + samples;
    }

    fn emit(&mut self, at: i64, rate: Rate, heard: &[i16], out: &mut VecDeque<Stretch>) {
        let mut samples = Vec::with_capacity(heard.len() * 2);
        self.converter.convert(rate, self.rate, heard, &mut samples);
        let at = at * i64::from(self.rate.hz() / RATE_HZ);
        out.push_back(Stretch { at, sound: Sound::Samples(samples) });
    }
}
