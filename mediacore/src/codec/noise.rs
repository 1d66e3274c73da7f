//! Comfort noise, RFC 3389: a level and, where the sender cares, the shape of its spectrum.
//!
//! Payload: one octet of level in −dBov, then reflection coefficients `k = 258 (n − 127) / 32768`
//! (§3.1, §3.2). [`Description::of`] measures both, [`Generator`] sounds them: white noise through
//! the lattice filter of the coefficients, with the gain that makes the level come out right.

/// Coefficients that are read and made; RFC 3389 §3.2 lets a receiver ignore the rest.
pub const ORDER_MAX: usize = 10;
/// The quietest level that the octet can say.
const LEVEL_MAX: u8 = 127;

/// How the silence sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Description {
    /// In −dBov, 0–127.
    pub level: u8,
    reflections: [f32; ORDER_MAX],
    order: usize,
}

impl Description {
    /// White noise of a level.
    pub fn white(level: u8) -> Self {
        let level = level.min(LEVEL_MAX);
        Description { level, reflections: [0.0; ORDER_MAX], order: 0 }
    }

    /// Measures samples: their level and `order` coefficients.
    pub fn of(samples: &[i16], order: usize) -> Self {
        let mut found = Description::white(level_of(samples));
        found.order = order.min(ORDER_MAX);
        let correlation: [f32; ORDER_MAX + 1] = std::array::from_fn(|lag| {
            let pairs = samples.iter().zip(samples.get(lag..).unwrap_or_default());
            pairs.map(|(&a, &b)| f32::from(a) * f32::from(b)).sum()
        });
        // White noise 40 dB below keeps the recursion stable.
        let mut error = correlation[0] * 1.0001 + 1.0;
        let mut taps = [0.0_f32; ORDER_MAX + 1];
        for n in 1..=found.order {
            let sum: f32 = (1..n).map(|m| taps[m] * correlation[n - m]).sum();
            let k = (-(correlation[n] + sum) / error).clamp(-0.999, 0.999);
            let before = taps;
            (1..n).for_each(|m| taps[m] = before[m] + k * before[n - m]);
            taps[n] = k;
            found.reflections[n - 1] = k;
            error *= 1.0 - k * k;
        }
        found
    }

    /// Reads a payload; `None` when it is empty.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&level, indices) = payload.split_first()?;
        let mut read = Description::white(level & 0x7F);
        // 255 is reserved: what follows it means nothing.
        let known = indices.iter().take(ORDER_MAX).take_while(|&&index| index != 255);
        for (k, &index) in read.reflections.iter_mut().zip(known) {
            *k = 258.0 * (f32::from(index) - 127.0) / 32_768.0;
            read.order += 1;
        }
        Some(read)
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.level);
        let index = |&k: &f32| (k * 32_768.0 / 258.0 + 127.0).round().clamp(0.0, 254.0) as u8;
        out.extend(self.reflections[..self.order].iter().map(index));
    }
}

fn level_of(samples: &[i16]) -> u8 {
    let power: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    let mean = (power / samples.len().max(1) as f64).sqrt();
    if mean < 1e-2 {
        return LEVEL_MAX;
    }
    (-20.0 * (mean / 32_767.0).log10()).round().clamp(0.0, f64::from(LEVEL_MAX)) as u8
}

/// Makes the noise of a description.
#[derive(Clone, Debug)]
pub struct Generator {
    description: Description,
    gain: f32,
    lattice: [f32; ORDER_MAX + 1],
    random: u32,
}

impl Generator {
    /// A generator whose noise begins with `seed`.
    pub fn new(description: Description, seed: u32) -> Self {
        let (gain, lattice) = (gain_of(&description), [0.0; ORDER_MAX + 1]);
        Generator { description, gain, lattice, random: seed | 1 }
    }

    /// Sounds another description from now on.
    pub fn become_like(&mut self, description: Description) {
        self.gain = gain_of(&description);
        self.description = description;
    }

    /// Appends samples.
    pub fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        out.extend((0..samples).map(|_| self.sample()));
    }

    fn sample(&mut self) -> i16 {
        let mut forward = self.gain * self.white();
        for n in (0..self.description.order).rev() {
            let k = self.description.reflections[n];
            forward -= k * self.lattice[n];
            self.lattice[n + 1] = self.lattice[n] + k * forward;
        }
        self.lattice[0] = forward;
        forward.round().clamp(-32_768.0, 32_767.0) as i16
    }

    /// Evenly spread, with a mean square of one: xorshift by Marsaglia.
    fn white(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        (self.random as i32) as f32 / 2_147_483_648.0 * 1.732_050_8
    }
}

/// What the excitation must be so that the lattice, which amplifies by ∏ 1/(1 − k²), gives the level.
fn gain_of(description: &Description) -> f32 {
    let level = 32_767.0 * 10.0_f32.powf(-f32::from(description.level) / 20.0);
    let shape: f32 = description.reflections.iter().map(|k| 1.0 - k * k).product();
    // The level 127 is silence.
    if description.level == LEVEL_MAX { 0.0 } else { level * shape.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_at, level_dbov, noise, voice};

    fn sounded(description: Description) -> Vec<i16> {
        let mut out = Vec::new();
        Generator::new(description, 7).fill(16_000, &mut out);
        out
    }

    #[test]
    fn the_level_that_is_said_is_the_level_that_sounds() {
        for level in [20, 40, 60, 70] {
            let heard = level_dbov(&sounded(Description::white(level)));
            assert!((heard + f64::from(level)).abs() < 0.6, "−{level} dBov sounds at {heard:.1}");
            let shaped = Description { level, ..Description::of(&voice(8_000, 8_000), 8) };
            let heard = level_dbov(&sounded(shaped));
            assert!((heard + f64::from(level)).abs() < 1.5, "−{level} dBov, shaped: {heard:.1}");
        }
        assert!(sounded(Description::white(127)).iter().all(|&sample| sample == 0));
    }

    #[test]
    fn what_is_measured_is_written_and_read_back() {
        for seed in 0..20 {
            let said = noise(800, 40 << (seed % 8), seed);
            let described = Description::of(&said, 6);
            assert!((f64::from(described.level) + level_dbov(&said)).abs() <= 0.51);
            let mut payload = Vec::new();
            described.write(&mut payload);
            assert_eq!(payload.len(), 7);
            let back = Description::parse(&payload).expect("it has a level");
            assert_eq!(back.level, described.level);
            for (k, read) in described.reflections.iter().zip(back.reflections) {
                assert!((k - read).abs() <= 258.0 / 32_768.0, "{k} became {read}");
            }
        }
    }

    #[test]
    fn the_noise_has_the_colour_that_was_described() {
        // A hum: strong below 1 kHz, weak above 3 kHz.
        let mut line = 0.0;
        let hum: Vec<i16> = noise(16_000, 2_000, 5)
            .into_iter()
            .map(|sample| {
                line = 0.9 * line + 0.1 * f32::from(sample);
                line as i16
            })
            .collect();
        let heard = sounded(Description::of(&hum, 8));
        let band = |samples: &[i16], from: u32| -> f64 {
            (from..from + 500)
                .step_by(10)
                .map(|hz| 10f64.powf(level_at(samples, hz, 8_000) / 10.0))
                .sum()
        };
        let tilt = |samples: &[i16]| 10.0 * (band(samples, 100) / band(samples, 3_200)).log10();
        assert!(tilt(&hum) > 12.0);
        assert!((tilt(&hum) - tilt(&heard)).abs() < 4.0, "{} {}", tilt(&hum), tilt(&heard));
    }

    #[test]
    fn any_payload_sounds_without_running_away() {
        for seed in 0..200 {
            let octets: Vec<u8> = noise(1 + seed as usize % 14, 255, seed)
                .into_iter()
                .map(|value| value as u8)
                .collect();
            let read = Description::parse(&octets).expect("it has a level");
            assert!(read.order <= ORDER_MAX);
            let mut out = Vec::new();
            Generator::new(read, 1).fill(2_000, &mut out);
            assert!(level_dbov(&out) < 3.0);
        }
        assert_eq!(Description::parse(&[]), None);
    }
}
