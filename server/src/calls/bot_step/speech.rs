//! What a bot has said and nobody has heard yet: octets of L16 in any pieces, out in frames of
//! 20 ms.

use mediacore::codec::Rate;
use mediacore::mix::Frame;
use std::collections::VecDeque;

/// A bot may speak this far ahead.
pub const AHEAD_S_MAX: usize = 30;
/// The rest of a frame waits so many turns for more: 50 ms.
const REST_TURNS: u32 = 5;

/// The line of one talk.
pub struct Speech {
    rate: Rate,
    big_endian: bool,
    samples: VecDeque<i16>,
    /// Turns since something came.
    turns: u32,
}

impl Speech {
    /// Nothing was said yet.
    pub fn new(rate: Rate, big_endian: bool) -> Self {
        Speech { rate, big_endian, samples: VecDeque::new(), turns: 0 }
    }

    /// Takes more of it, whole samples.
    ///
    /// # Errors
    /// A sentence: half a sample, or too far ahead.
    pub fn take(&mut self, octets: &[u8]) -> Result<(), String> {
        let (pairs, rest) = octets.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(format!("{} octets of sound are no whole samples", octets.len()));
        }
        if self.samples.len() + pairs.len() > self.rate.samples(1_000) * AHEAD_S_MAX {
            return Err(format!("it speaks more than {AHEAD_S_MAX} s ahead"));
        }
        let of = if self.big_endian { i16::from_be_bytes } else { i16::from_le_bytes };
        self.samples.extend(pairs.iter().map(|&pair| of(pair)));
        self.turns = 0;
        Ok(())
    }

    /// Nothing of it is heard any more.
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// All of it went out.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// A turn passes.
    pub fn turn(&mut self) {
        self.turns = self.turns.saturating_add(1);
    }

    /// The next frame, as long as `says` takes it. One that is not full goes when nothing followed.
    pub fn give(&mut self, mut says: impl FnMut(Frame) -> bool) {
        let full = self.rate.samples(20);
        while self.samples.len() >= full || (!self.samples.is_empty() && self.turns >= REST_TURNS) {
            let count = full.min(self.samples.len());
            let samples: Vec<i16> = self.samples.iter().take(count).copied().collect();
            if !says(Frame::from_samples(self.rate, &samples)) {
                return;
            }
            self.samples.drain(..count);
        }
    }
}

/// The octets of a frame.
pub fn octets(frame: &Frame, big_endian: bool) -> impl Iterator<Item = u8> {
    let of = if big_endian { i16::to_be_bytes } else { i16::to_le_bytes };
    frame.samples().iter().flat_map(move |&sample| of(sample))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(speech: &mut Speech) -> Vec<Frame> {
        let mut frames = Vec::new();
        speech.give(|frame| {
            frames.push(frame);
            true
        });
        frames
    }

    #[test]
    fn what_is_said_in_pieces_comes_out_in_frames_of_either_order_of_octets() {
        for (rate, big_endian) in
            [(Rate::Narrow, false), (Rate::Narrow, true), (Rate::Wide, false), (Rate::Wide, true)]
        {
            let said: Vec<i16> = (0..1_000).map(|n| n * 31 - 12_000).collect();
            let full = rate.samples(20);
            let mut wire = Vec::new();
            for frame in said.chunks(full) {
                wire.extend(octets(&Frame::from_samples(rate, frame), big_endian));
            }
            let mut speech = Speech::new(rate, big_endian);
            for piece in wire[..2_000].chunks(34) {
                speech.take(piece).unwrap();
            }
            let frames = given(&mut speech);
            assert_eq!(frames.len(), 1_000 / full);
            let heard: Vec<i16> =
                frames.iter().flat_map(|frame| frame.samples().to_vec()).collect();
            assert_eq!(heard, said[..heard.len()]);
            for _ in 0..REST_TURNS {
                speech.turn();
            }
            let rest = given(&mut speech);
            assert_eq!(rest.len(), 1, "the rest goes by itself");
            assert_eq!(rest[0].samples()[0], said[heard.len()]);
            assert!(speech.is_empty());
        }
    }

    #[test]
    fn half_a_sample_and_sound_without_end_are_refused() {
        let mut speech = Speech::new(Rate::Narrow, false);
        assert!(speech.take(&[1, 2, 3]).unwrap_err().contains("no whole samples"));
        let second = vec![0; 16_000];
        let taken = (0..100).take_while(|_| speech.take(&second).is_ok()).count();
        assert_eq!(taken, AHEAD_S_MAX);
        assert!(speech.take(&second).unwrap_err().contains("30 s ahead"));
        speech.clear();
        speech.take(&second).unwrap();
    }
}
