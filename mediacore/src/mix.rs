//! The mix of a room: one sum per frame, and for each listener that sum without their own voice.
//!
//! In a room of more than [`crate::shard::Config::speakers_max`] only the loudest are in the sum, those
//! of all its shards
//! ([`speakers`]). A frame is 20 ms. A room runs at 8 kHz, and at 16 kHz from its first wideband leg
//! on.

pub mod speakers;

use crate::codec::{Converter, Rate};

/// Samples of a frame at 16 kHz, the most there are.
pub const FRAME_MAX: usize = 320;

/// 20 ms of one voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    rate: Rate,
    samples: [i16; FRAME_MAX],
}

impl Frame {
    /// Silence.
    pub const fn silent(rate: Rate) -> Self {
        Frame { rate, samples: [0; FRAME_MAX] }
    }

    /// From samples; what is missing is silent, what is too much is left out.
    pub fn from_samples(rate: Rate, samples: &[i16]) -> Self {
        let mut frame = Frame::silent(rate);
        frame.samples_mut().iter_mut().zip(samples).for_each(|(to, &sample)| *to = sample);
        frame
    }

    /// The same sound at another rate; `converter` is the one of this voice.
    pub fn converted(&self, rate: Rate, converter: &mut Converter) -> Frame {
        if rate == self.rate {
            return *self;
        }
        let mut samples = Vec::with_capacity(FRAME_MAX);
        converter.convert(self.rate, rate, self.samples(), &mut samples);
        Frame::from_samples(rate, &samples)
    }

    /// The same, rising from silence or falling to it, so that a voice that comes or goes does not
    /// click.
    #[must_use]
    pub fn faded(&self, rises: bool) -> Frame {
        let mut faded = *self;
        let length = faded.samples().len() as i32;
        for (n, sample) in (0..length).zip(faded.samples_mut()) {
            let share = if rises { n } else { length - n };
            *sample = (i32::from(*sample) * share / length) as i16;
        }
        faded
    }

    /// Its rate.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Its samples, 160 or 320.
    pub fn samples(&self) -> &[i16] {
        &self.samples[..self.rate.samples(20)]
    }

    /// The same, to change.
    pub fn samples_mut(&mut self) -> &mut [i16] {
        &mut self.samples[..self.rate.samples(20)]
    }
}

/// The sum of all voices of one frame.
#[derive(Clone, Debug)]
pub struct Sum {
    rate: Rate,
    sums: [i32; FRAME_MAX],
}

impl Sum {
    /// Nobody speaks.
    pub const fn new(rate: Rate) -> Self {
        Sum { rate, sums: [0; FRAME_MAX] }
    }

    /// Adds a voice of the same rate.
    pub fn add(&mut self, voice: &Frame) {
        debug_assert_eq!(self.rate, voice.rate, "voices are converted before they are added");
        for (sum, &sample) in self.sums.iter_mut().zip(voice.samples()) {
            *sum += i32::from(sample);
        }
    }

    /// What a listener hears: the sum without their own voice, clamped.
    pub fn without(&self, own: Option<&Frame>) -> Frame {
        let mut out = Frame::silent(self.rate);
        match own {
            Some(own) => {
                let voices = self.sums.iter().zip(own.samples());
                for (out, (&sum, &own)) in out.samples_mut().iter_mut().zip(voices) {
                    *out = clamp(sum - i32::from(own));
                }
            }
            None => {
                for (out, &sum) in out.samples_mut().iter_mut().zip(&self.sums) {
                    *out = clamp(sum);
                }
            }
        }
        out
    }
}

fn clamp(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(rate: Rate, level: i16) -> Frame {
        Frame::from_samples(rate, &[level; FRAME_MAX])
    }

    #[test]
    fn nobody_hears_themselves_and_everybody_hears_the_others() {
        for rate in [Rate::Narrow, Rate::Wide] {
            let voices = [level(rate, 100), level(rate, -30), level(rate, 7)];
            let mut sum = Sum::new(rate);
            voices.iter().for_each(|voice| sum.add(voice));
            for (voice, others) in voices.iter().zip([-23, 107, 70]) {
                assert_eq!(sum.without(Some(voice)), level(rate, others));
            }
            assert_eq!(sum.without(None), level(rate, 77));
            assert_eq!(sum.without(None).samples().len(), rate.samples(20));
        }
    }

    #[test]
    fn a_faded_frame_begins_or_ends_in_silence() {
        let frame = level(Rate::Narrow, 16_000);
        let (rising, falling) = (frame.faded(true), frame.faded(false));
        assert_eq!((rising.samples()[0], falling.samples()[0]), (0, 16_000));
        assert!(rising.samples()[159] > 15_800 && falling.samples()[159] < 200);
        assert!(rising.samples().is_sorted());
    }

    #[test]
    fn loud_voices_clamp_and_do_not_wrap() {
        let mut sum = Sum::new(Rate::Wide);
        (0..1_000).for_each(|_| sum.add(&level(Rate::Wide, i16::MAX)));
        assert_eq!(sum.without(None), level(Rate::Wide, i16::MAX));
        assert_eq!(sum.without(Some(&level(Rate::Wide, i16::MIN))), level(Rate::Wide, i16::MAX));
    }
}
