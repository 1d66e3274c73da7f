//! The excitation and its past: the adaptive codebook of §3.7.

use super::SUBFRAME;
use super::Subframe;
use super::filter::{bounded, dot};
use super::frame::{DELAY_MAX, Delay};
use super::tables::THIRDS;

/// Taps of the interpolation for one third of a sample.
const TAPS: usize = 20;
/// The past that the longest delay and its interpolation reach.
const PAST: usize = DELAY_MAX + 1 + TAPS / 2;

/// The interpolation filter at no, one and two thirds after a sample, the oldest tap first.
static PHASES: [[f32; TAPS]; 3] = phases();

const fn phases() -> [[f32; TAPS]; 3] {
    let mut phases = [[0.0; TAPS]; 3];
    let mut phase = 0;
    while phase < 3 {
        let mut n = 0;
        while n < TAPS / 2 {
            phases[phase][TAPS / 2 - 1 - n] = THIRDS[phase + 3 * n] as f32 / 32_768.0;
            phases[phase][TAPS / 2 + n] = THIRDS[3 - phase + 3 * n] as f32 / 32_768.0;
            n += 1;
        }
        phase += 1;
    }
    phases
}

/// What has excited the filter, and room for the subframe to come.
#[derive(Clone, Debug)]
pub struct Excitation {
    samples: [f32; PAST + SUBFRAME],
}

impl Default for Excitation {
    fn default() -> Self {
        Excitation { samples: [0.0; PAST + SUBFRAME] }
    }
}

impl Excitation {
    /// The past at a delay, interpolated; a delay shorter than the subframe repeats itself.
    pub fn repeated(&mut self, delay: Delay) -> Subframe {
        let back = delay.thirds.div_ceil(3);
        let phase = &PHASES[3 * back - delay.thirds];
        for at in PAST..PAST + SUBFRAME {
            let from = at - back + 1 - TAPS / 2;
            self.samples[at] = dot(phase, &self.samples[from..from + TAPS]);
        }
        self.coming()
    }

    /// Takes something for the subframe to come, so that short delays find samples to repeat.
    pub fn suppose(&mut self, samples: &Subframe) {
        self.samples[PAST..].copy_from_slice(samples);
    }

    /// Samples at a whole delay, without interpolation: what was supposed stands for the future.
    pub fn at(&self, delay: usize) -> &[f32] {
        &self.samples[PAST - delay..][..SUBFRAME]
    }

    /// Keeps the excitation of a subframe, and moves on.
    pub fn push(&mut self, samples: &Subframe) {
        self.samples.copy_within(SUBFRAME.., 0);
        let kept = &mut self.samples[PAST - SUBFRAME..PAST];
        kept.iter_mut().zip(samples).for_each(|(kept, &sample)| *kept = bounded(sample));
    }

    fn coming(&self) -> Subframe {
        std::array::from_fn(|n| self.samples[PAST + n])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_tone_is_the_tone_at_the_delay_of_thirds() {
        let tone = |at: f32| 1_000.0 * (at * std::f32::consts::TAU * 400.0 / 8_000.0).sin();
        let mut excitation = Excitation::default();
        for subframe in 0..8 {
            excitation.push(&std::array::from_fn(|n| tone((subframe * SUBFRAME + n) as f32)));
        }
        // Beyond 50 samples nothing of the subframe itself is needed.
        for thirds in 150..430 {
            let heard = excitation.repeated(Delay { thirds });
            for (n, sample) in heard.iter().enumerate() {
                let wanted = tone((8 * SUBFRAME + n) as f32 - thirds as f32 / 3.0);
                assert!((sample - wanted).abs() < 20.0, "{thirds}: {sample} for {wanted}");
            }
        }
    }

    #[test]
    fn a_short_delay_repeats_what_it_has_made() {
        let mut excitation = Excitation::default();
        excitation.push(&std::array::from_fn(|n| if n == SUBFRAME - 1 { 100.0 } else { 0.0 }));
        let heard = excitation.repeated(Delay::samples(20));
        assert!(heard[19] > 80.0 && heard[39] > 70.0, "{heard:?}");
    }
}
