//! The algebraic codebook, §3.8: four pulses of one size, each on a track of its own.

use super::{SUBFRAME, Subframe};

/// The step between two places of a track.
const STEP: usize = 5;

/// Where four pulses are and which way they point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulses {
    pub places: [usize; 4],
    /// 1 or −1.
    pub signs: [f32; 4],
}

impl Pulses {
    pub fn read(positions: u16, signs: u16) -> Self {
        let place = |track: usize| usize::from(positions >> (3 * track) & 7) * STEP + track;
        // The last track is two: its first bit chooses between 3 and 4 after each fifth.
        let last = usize::from(positions >> 10 & 7) * STEP + 3 + usize::from(positions >> 9 & 1);
        Pulses {
            places: [place(0), place(1), place(2), last],
            signs: std::array::from_fn(|n| if signs >> n & 1 == 1 { 1.0 } else { -1.0 }),
        }
    }

    /// Positions and signs.
    pub fn write(&self) -> (u16, u16) {
        let [a, b, c, d] = self.places.map(|place| (place / STEP) as u16);
        let of_two = (self.places[3] % STEP) as u16 - 3;
        let positions = a | b << 3 | c << 6 | of_two << 9 | d << 10;
        let signs =
            self.signs.iter().rev().fold(0, |bits, &sign| bits << 1 | u16::from(sign > 0.0));
        (positions, signs)
    }

    /// The pulses as samples, repeated at the delay where it is shorter than the subframe.
    pub fn code(&self, delay: usize, sharpening: f32) -> Subframe {
        let mut code = [0.0; SUBFRAME];
        for (&place, sign) in self.places.iter().zip(self.signs) {
            code[place] = sign;
        }
        sharpen(&mut code, delay, sharpening);
        code
    }
}

/// Adds what was a delay before, §3.8 (48): a voice's pulses come again.
pub fn sharpen(samples: &mut Subframe, delay: usize, amount: f32) {
    for n in delay..SUBFRAME {
        samples[n] += amount * samples[n - delay];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_as_it_was_read() {
        for positions in 0..1 << 13 {
            let pulses = Pulses::read(positions, positions & 15);
            assert_eq!(pulses.write(), (positions, positions & 15));
            let code = pulses.code(SUBFRAME, 0.5);
            assert_eq!(code.iter().filter(|&&sample| sample.abs() == 1.0).count(), 4);
        }
    }
}
