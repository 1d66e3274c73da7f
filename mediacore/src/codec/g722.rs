//! G.722 at 64 kbit/s: 7 kHz audio in 8,000 octets a second.
//!
//! ITU-T G.722 splits 16 kHz into two bands by a quadrature mirror filter of 24 taps (§3.1, §4.4)
//! and codes each as the difference from a prediction: six bits for the lower band, two for the
//! upper (§3.2–§3.6). Names follow the blocks of the recommendation: BLOCK4L and BLOCK4H are
//! [`Band::adapt`]. All arithmetic is that of §5 in 16 bits with saturation, so the bits are the
//! same on every machine.

/// Taps of the mirror filter, table 11: one half, the other is its mirror.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the lower band, table 14.
const DECISION: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Steps of the logarithmic scale factor of the lower band, by four bits, table 15 over table 16.
const LOG_STEP_LOW: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// The same of the upper band, by two bits.
const LOG_STEP_HIGH: [i32; 4] = [798, -214, 798, -214];
/// Powers of two in 32nds of an octave, table 17.
const POWER: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Quantized differences of the lower band by four bits, for the predictor: table 18.
const LEVEL_LOW_4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Quantized differences of the lower band by six bits, for the ear: table 19.
const LEVEL_LOW_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// Quantized differences of the upper band: table 20.
const LEVEL_HIGH: [i32; 4] = [-7408, -1616, 7408, 1616];

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// The adaptive predictor and quantizer of one band.
#[derive(Clone, Debug)]
struct Band {
    /// What the next sample is expected to be.
    predicted: i32,
    /// Of the zeros alone.
    predicted_zeros: i32,
    /// Quantized differences, the newest first.
    differences: [i32; 7],
    /// Coefficients of the six zeros; the first is not used.
    zeros: [i32; 7],
    /// Reconstructed samples, the newest first.
    reconstructed: [i32; 3],
    /// The same without the poles' part.
    partial: [i32; 3],
    /// Coefficients of the two poles; the first is not used.
    poles: [i32; 3],
    /// Logarithm of the scale factor.
    log_scale: i32,
    scale: i32,
}

impl Band {
    fn new(scale: i32) -> Self {
        Band {
            predicted: 0,
            predicted_zeros: 0,
            differences: [0; 7],
            zeros: [0; 7],
            reconstructed: [0; 3],
            partial: [0; 3],
            poles: [0; 3],
            log_scale: 0,
            scale,
        }
    }

    /// LOGSCL and SCALEL, or LOGSCH and SCALEH: `most` and `shift` differ between the bands.
    fn rescale(&mut self, step: i32, most: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + step).clamp(0, most);
        let power = POWER[((self.log_scale >> 6) & 31) as usize];
        let right = shift - (self.log_scale >> 11);
        self.scale = if right < 0 { power << -right } else { power >> right } << 2;
    }

    /// Adapts the predictor to a quantized difference and predicts the next sample.
    fn adapt(&mut self, difference: i32) {
        self.differences[0] = difference;
        self.reconstructed[0] = saturate(self.predicted + difference);
        self.partial[0] = saturate(self.predicted_zeros + difference);
        let same = |a: i32, b: i32| (a < 0) == (b < 0);
        let [now, before, earlier] = self.partial;

        // UPPOL2 and UPPOL1.
        let slope = saturate(self.poles[1] << 2);
        let slope = (if same(now, before) { -slope } else { slope }).min(32_767);
        let second = (slope >> 7) + if same(now, earlier) { 128 } else { -128 };
        let second = (second + ((self.poles[2] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let first = if same(now, before) { 192 } else { -192 };
        let first = saturate(first + ((self.poles[1] * 32_640) >> 15));
        let most = saturate(15_360 - second);
        self.poles = [0, first.clamp(-most, most), second];

        // UPZERO.
        let step = if difference == 0 { 0 } else { 128 };
        for n in 1..7 {
            let step = if same(self.differences[n], difference) { step } else { -step };
            self.zeros[n] = saturate(step + ((self.zeros[n] * 32_640) >> 15));
        }

        // DELAYA.
        self.differences.copy_within(0..6, 1);
        self.reconstructed.copy_within(0..2, 1);
        self.partial.copy_within(0..2, 1);

        // FILTEP, FILTEZ and PREDIC.
        let pole = |n: usize| (self.poles[n] * saturate(self.reconstructed[n] * 2)) >> 15;
        let from_poles = saturate(pole(1) + pole(2));
        let zero = |n: usize| (self.zeros[n] * saturate(self.differences[n] * 2)) >> 15;
        self.predicted_zeros = saturate((1..7).map(zero).sum());
        self.predicted = saturate(from_poles + self.predicted_zeros);
    }

    fn adapt_low(&mut self, four_bits: usize) {
        let difference = (self.scale * LEVEL_LOW_4[four_bits]) >> 15;
        self.rescale(LOG_STEP_LOW[four_bits], 18_432, 8);
        self.adapt(difference);
    }

    fn adapt_high(&mut self, two_bits: usize) -> i32 {
        let difference = (self.scale * LEVEL_HIGH[two_bits]) >> 15;
        self.rescale(LOG_STEP_HIGH[two_bits], 22_528, 10);
        self.adapt(difference);
        difference
    }
}

/// Samples at 16 kHz to octets.
#[derive(Clone, Debug)]
pub struct Encoder {
    low: Band,
    high: Band,
    history: [i32; 24],
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { low: Band::new(32), high: Band::new(8), history: [0; 24] }
    }
}

impl Encoder {
    /// Appends one octet for each two samples; an odd last sample is left out.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        let (pairs, _) = samples.as_chunks::<2>();
        out.extend(pairs.iter().map(|&pair| self.octet(pair)));
    }

    fn octet(&mut self, [first, second]: [i16; 2]) -> u8 {
        self.history.copy_within(2.., 0);
        self.history[22] = i32::from(first);
        self.history[23] = i32::from(second);
        let (mut odd, mut even) = (0, 0);
        for n in 0..12 {
            odd += self.history[2 * n] * QMF[n];
            even += self.history[2 * n + 1] * QMF[11 - n];
        }
        let low = self.encode_low((even + odd) >> 14);
        let high = self.encode_high((even - odd) >> 14);
        (high << 6 | low) as u8
    }

    /// QUANTL: six bits.
    fn encode_low(&mut self, sample: i32) -> usize {
        let band = &mut self.low;
        let error = saturate(sample - band.predicted);
        let size = if error >= 0 { error } else { -(error + 1) };
        let above = |&level: &i32| size >= (level * band.scale) >> 12;
        let step = DECISION.iter().take_while(|level| above(level)).count();
        let bits = match (error < 0, step) {
            (true, 0) => 63,
            (true, 1) => 62,
            (true, step) => 33 - step,
            (false, step) => 61 - step,
        };
        band.adapt_low(bits >> 2);
        bits
    }

    /// QUANTH: two bits.
    fn encode_high(&mut self, sample: i32) -> usize {
        let band = &mut self.high;
        let error = saturate(sample - band.predicted);
        let size = if error >= 0 { error } else { -(error + 1) };
        let outer = size >= (564 * band.scale) >> 12;
        let bits = match (error < 0, outer) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        band.adapt_high(bits);
        bits
    }
}

/// Octets to samples at 16 kHz.
#[derive(Clone, Debug)]
pub struct Decoder {
    low: Band,
    high: Band,
    history: [i32; 24],
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { low: Band::new(32), high: Band::new(8), history: [0; 24] }
    }
}

impl Decoder {
    /// Appends two samples for each octet.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        for &octet in payload {
            out.extend(self.samples(octet));
        }
    }

    fn samples(&mut self, octet: u8) -> [i16; 2] {
        let six = usize::from(octet & 0x3F);
        let band = |value: i32| value.clamp(-16_384, 16_383);
        let low = band(self.low.predicted + ((self.low.scale * LEVEL_LOW_6[six]) >> 15));
        self.low.adapt_low(six >> 2);
        let predicted = self.high.predicted;
        let high = band(predicted + self.high.adapt_high(usize::from(octet >> 6)));
        self.history.copy_within(2.., 0);
        self.history[22] = low + high;
        self.history[23] = low - high;
        let (mut first, mut second) = (0, 0);
        for n in 0..12 {
            second += self.history[2 * n] * QMF[n];
            first += self.history[2 * n + 1] * QMF[11 - n];
        }
        [first, second].map(|sum| saturate(sum >> 11) as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_at, level_dbov, noise, signal_to_noise_db, tone};

    fn round(samples: &[i16]) -> Vec<i16> {
        let (mut octets, mut back) = (Vec::new(), Vec::new());
        Encoder::default().encode(samples, &mut octets);
        Decoder::default().decode(&octets, &mut back);
        assert_eq!((octets.len(), back.len()), (samples.len() / 2, samples.len()));
        back
    }

    /// G.722 §2.5 wants at least 30 dB at 1 kHz and 20 dB at 6 kHz or so over the whole chain; six
    /// bits of ADPCM in the lower band and two in the upper make it.
    #[test]
    fn tones_of_both_bands_come_back_clean() {
        for (hz, least_db) in
            [(300, 30.0), (1_000, 30.0), (3_000, 25.0), (5_000, 12.0), (6_500, 9.0)]
        {
            let said = tone(hz, 16_000, 8_000, 10_000);
            let db = signal_to_noise_db(&said, &round(&said), 30);
            assert!(db > least_db, "{hz} Hz: {db:.1} dB");
            let (before, after) =
                (level_at(&said, hz, 16_000), level_at(&round(&said), hz, 16_000));
            assert!((before - after).abs() < 1.0, "{hz} Hz: {before:.1} became {after:.1} dB");
        }
    }

    #[test]
    fn silence_stays_silent_and_loud_noise_keeps_its_level() {
        assert!(round(&[0; 3_200]).iter().all(|sample| sample.abs() < 40));
        let said = noise(16_000, 4_000, 3);
        let (before, after) = (level_dbov(&said), level_dbov(&round(&said)));
        assert!((before - after).abs() < 1.0, "{before:.1} became {after:.1} dBov");
    }

    /// The bits and samples that an independent implementation (audio-codec 0.4.13, set to the
    /// scale factors that the standard begins with) gives for the same input: first a square wave
    /// to read, then ten seconds of noise that gets quieter.
    #[test]
    fn the_bits_are_those_of_another_implementation() {
        let said: Vec<i16> = (0..64).map(|n| if n % 8 < 4 { 6_000 } else { -6_000 }).collect();
        let (mut octets, mut back) = (Vec::new(), Vec::new());
        Encoder::default().encode(&said, &mut octets);
        Decoder::default().decode(&octets, &mut back);
        assert_eq!(
            octets[..16],
            [152, 37, 133, 34, 135, 32, 32, 186, 6, 31, 106, 188, 206, 31, 235, 187]
        );
        assert_eq!(back[32..40], [7141, 2979, -3073, -7274, -7288, -3136, 3035, 7304]);

        let mut random = 12_345_u32;
        let noise: Vec<i16> = (0..160_000)
            .map(|n| {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                (random as i32 >> (16 + n / 20_000 % 8)) as i16
            })
            .collect();
        let (mut octets, mut back) = (Vec::new(), Vec::new());
        Encoder::default().encode(&noise, &mut octets);
        Decoder::default().decode(&octets, &mut back);
        // FNV-1a of both.
        let add = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3);
        let of_octets = octets.iter().copied().fold(0xcbf2_9ce4_8422_2325, add);
        let of_both = back.iter().flat_map(|sample| sample.to_le_bytes()).fold(of_octets, add);
        assert_eq!((of_octets, of_both), (0xf88e_622e_082b_a007, 0xaef4_3839_762c_32c0));
    }
}
