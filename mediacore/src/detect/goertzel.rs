//! One Fourier term for each of some frequencies, by Goertzel's recursion; all of them in step, so
//! that they share vector lanes.

use super::RATE_HZ;
use std::f32::consts::TAU;

/// A Fourier term of a block: its phase is that at the end of the block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Term {
    /// Real part.
    pub re: f32,
    /// Imaginary part.
    pub im: f32,
}

impl Term {
    /// Square of its length. A sine of peak A in a block of N samples gives (A·N/2)².
    pub fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    /// The angle from `earlier` to here, −π to π.
    pub fn angle_from(self, earlier: Term) -> f32 {
        let re = self.re * earlier.re + self.im * earlier.im;
        let im = self.im * earlier.re - self.re * earlier.im;
        im.atan2(re)
    }
}

/// Frequencies that are looked at together.
#[derive(Clone, Copy, Debug)]
pub struct Bank<const N: usize> {
    cos: [f32; N],
    sin: [f32; N],
}

impl<const N: usize> Bank<N> {
    /// For these frequencies in Hz.
    pub fn new(hz: [f32; N]) -> Self {
        let turn = hz.map(|hz| TAU * hz / RATE_HZ);
        Bank { cos: turn.map(f32::cos), sin: turn.map(f32::sin) }
    }

    /// The terms of a block.
    pub fn terms(&self, samples: &[i16]) -> [Term; N] {
        let (mut one, mut two) = ([0.0_f32; N], [0.0_f32; N]);
        for &sample in samples {
            let sample = f32::from(sample);
            for n in 0..N {
                let next = sample + 2.0 * self.cos[n] * one[n] - two[n];
                two[n] = one[n];
                one[n] = next;
            }
        }
        std::array::from_fn(|n| Term {
            re: one[n] - self.cos[n] * two[n],
            im: self.sin[n] * two[n],
        })
    }
}

/// The share of a tone's term that is also in the term of a frequency `apart_hz` higher.
pub fn leak(apart_hz: f32, block_samples: usize) -> Term {
    let turn = TAU * apart_hz / RATE_HZ;
    let sum = (0..block_samples).fold(Term::default(), |sum, n| {
        let angle = turn * n as f32;
        Term { re: sum.re + angle.cos(), im: sum.im + angle.sin() }
    });
    let count = block_samples as f32;
    Term { re: sum.re / count, im: sum.im / count }
}

/// How far a frequency is off, in Hz, when its term turned by `angle` from one block to the next.
/// Unambiguous to half a turn in a block.
pub fn offset_hz(angle: f32, nominal_hz: f32, block_samples: usize) -> f32 {
    let expected = nominal_hz * block_samples as f32 / RATE_HZ;
    let turns = angle / TAU - expected;
    (turns - turns.round()) * RATE_HZ / block_samples as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::tone;

    #[test]
    fn a_term_has_the_length_of_its_tone_and_turns_with_its_offset() {
        let bank = Bank::new([770.0, 1_336.0]);
        for off in [-30.0, -10.0, 0.0, 12.0, 40.0_f32] {
            let said = tone((1_336.0 + off) as u32, 8_000, 160, 8_000);
            let [_, first] = bank.terms(&said[..80]);
            let [_, second] = bank.terms(&said[80..]);
            let found = offset_hz(second.angle_from(first), 1_336.0, 80);
            assert!((found - off).abs() < 1.5, "{off} Hz off is found as {found}");
        }
        let [other, own] = bank.terms(&tone(1_336, 8_000, 80, 8_000));
        let expected = 8_000.0 * 40.0;
        assert!((own.power().sqrt() / expected - 1.0).abs() < 0.02);
        assert!(other.power() < own.power() / 50.0);
    }
}
