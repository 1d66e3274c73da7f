//! The eighty bits of a frame, table 8 of the Recommendation, and the delays that they tell.

use super::{FRAME_OCTETS, SID_OCTETS};

/// Bits of each parameter, in the order of the wire.
const WIDTHS: [u32; 15] = [1, 7, 5, 5, 8, 1, 13, 4, 3, 4, 5, 13, 4, 3, 4];
/// Bits of a silence insertion descriptor, table B.2; one bit more fills its octets.
const SID_WIDTHS: [u32; 4] = [1, 5, 4, 5];

/// Shortest and longest delay that is searched, in samples.
pub const DELAY_MIN: usize = 20;
pub const DELAY_MAX: usize = 143;
/// First codes of the first delay stand for thirds of a sample, the others for samples.
const THIRD_CODES: u16 = 197;
/// Thirds of a sample that the first of these codes stands for.
const THIRDS_FIRST: u16 = 58;

/// How the spectrum of a frame is told: L0 to L3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpectrumCode {
    pub predictor: usize,
    pub first: usize,
    pub low: usize,
    pub high: usize,
}

/// How the excitation of a subframe is told: P, C, S, GA and GB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExcitationCode {
    pub delay: u16,
    pub positions: u16,
    pub signs: u16,
    pub gain_first: usize,
    pub gain_second: usize,
}

/// A frame of speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub spectrum: SpectrumCode,
    pub subframes: [ExcitationCode; 2],
    /// The first delay's bits agree with their parity.
    pub delay_intact: bool,
}

/// A description of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    pub predictor: usize,
    pub first: usize,
    pub second: usize,
    pub gain: usize,
}

impl Frame {
    pub fn read(octets: &[u8; FRAME_OCTETS]) -> Self {
        let [l0, l1, l2, l3, p1, p0, c1, s1, ga1, gb1, p2, c2, s2, ga2, gb2] =
            fields(octets, WIDTHS);
        let subframe = |delay, positions, signs, first: u16, second: u16| ExcitationCode {
            delay,
            positions,
            signs,
            gain_first: usize::from(first),
            gain_second: usize::from(second),
        };
        Frame {
            spectrum: SpectrumCode {
                predictor: usize::from(l0),
                first: usize::from(l1),
                low: usize::from(l2),
                high: usize::from(l3),
            },
            subframes: [subframe(p1, c1, s1, ga1, gb1), subframe(p2, c2, s2, ga2, gb2)],
            delay_intact: p0 == parity(p1),
        }
    }

    pub fn write(&self) -> [u8; FRAME_OCTETS] {
        let SpectrumCode { predictor, first, low, high } = self.spectrum;
        let [one, two] = &self.subframes;
        let values = [
            predictor as u16,
            first as u16,
            low as u16,
            high as u16,
            one.delay,
            parity(one.delay),
            one.positions,
            one.signs,
            one.gain_first as u16,
            one.gain_second as u16,
            two.delay,
            two.positions,
            two.signs,
            two.gain_first as u16,
            two.gain_second as u16,
        ];
        let bits = values.iter().zip(WIDTHS).fold(0_u128, |bits, (&value, width)| {
            bits << width | u128::from(value) & ((1 << width) - 1)
        });
        let [.., a, b, c, d, e, f, g, h, i, j] = bits.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }
}

impl Silence {
    pub fn read(octets: &[u8; SID_OCTETS]) -> Self {
        let [predictor, first, second, gain] = fields(octets, SID_WIDTHS).map(usize::from);
        Silence { predictor, first, second, gain }
    }
}

/// Cuts octets into fields, the most significant bit first.
fn fields<const N: usize>(octets: &[u8], widths: [u32; N]) -> [u16; N] {
    let bits = octets.iter().fold(0_u128, |bits, &octet| bits << 8 | u128::from(octet));
    let mut left = 8 * octets.len() as u32;
    widths.map(|width| {
        left -= width;
        ((bits >> left) & ((1 << width) - 1)) as u16
    })
}

/// The parity bit of the first delay: it and the six most significant bits have an odd sum, §3.7.2.
fn parity(delay: u16) -> u16 {
    u16::from((delay >> 2).count_ones().is_multiple_of(2))
}

/// How far back the excitation repeats, in thirds of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delay {
    pub thirds: usize,
}

impl Delay {
    pub fn samples(samples: usize) -> Self {
        Delay { thirds: 3 * samples }
    }

    /// The nearest whole number of samples.
    pub fn whole(self) -> usize {
        (self.thirds + 1) / 3
    }

    /// The delay of the first subframe, §4.1.3.
    pub fn read_first(code: u16) -> Self {
        if code < THIRD_CODES {
            Delay { thirds: usize::from(code + THIRDS_FIRST) }
        } else {
            Delay::samples(usize::from(code) - 112)
        }
    }

    /// The delay of the second subframe, told from that of the first.
    pub fn read_second(code: u16, first: Delay) -> Self {
        Delay { thirds: 3 * second_from(first) - 2 + usize::from(code) }
    }

    /// The code of a delay of the first subframe; thirds are only told below 85 samples.
    pub fn write_first(self) -> u16 {
        let thirds = self.thirds as u16;
        if thirds < THIRDS_FIRST + THIRD_CODES { thirds - THIRDS_FIRST } else { thirds / 3 + 112 }
    }

    pub fn write_second(self, first: Delay) -> u16 {
        (self.thirds + 2 - 3 * second_from(first)) as u16
    }

    /// Thirds that the first subframe can tell.
    pub fn tellable_first(self) -> bool {
        let last = usize::from(THIRDS_FIRST + THIRD_CODES);
        self.thirds >= usize::from(THIRDS_FIRST)
            && (self.thirds < last || self.thirds.is_multiple_of(3))
    }

    /// Thirds that the second subframe can tell.
    pub fn tellable_second(self, first: Delay) -> bool {
        (0..32).contains(&(self.thirds + 2).wrapping_sub(3 * second_from(first)))
    }
}

/// The shortest whole delay that the second subframe searches.
pub fn second_from(first: Delay) -> usize {
    first.whole().saturating_sub(5).clamp(DELAY_MIN, DELAY_MAX - 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let mut random = 1_u32;
        for _ in 0..1_000 {
            let octets: [u8; FRAME_OCTETS] = std::array::from_fn(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24) as u8
            });
            let read = Frame::read(&octets);
            let written = read.write();
            let parity_bit = |octets: &[u8; FRAME_OCTETS]| octets[3] & 0x20;
            assert_eq!(read.delay_intact, parity_bit(&octets) == parity_bit(&written));
            assert_eq!(Frame { delay_intact: read.delay_intact, ..Frame::read(&written) }, read);
        }
    }

    #[test]
    fn every_delay_that_can_be_told_is_told_by_one_code() {
        for code in 0..=255 {
            let first = Delay::read_first(code);
            assert!(first.tellable_first() && first.write_first() == code, "{first:?}");
            assert!((19..=DELAY_MAX).contains(&first.whole()));
            for code in 0..32 {
                let second = Delay::read_second(code, first);
                assert!(second.tellable_second(first), "{second:?} after {first:?}");
                assert_eq!(second.write_second(first), code);
                assert!((19..=DELAY_MAX + 1).contains(&second.whole()));
            }
        }
    }
}
