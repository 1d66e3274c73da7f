//! Packet-loss concealment after ITU-T G.711 Appendix I: what was said last is said again, pitch
//! period by pitch period, and fades.
//!
//! The pitch is the best correlation of the last 20 ms with what was 5 to 15 ms before. The first
//! 10 ms of a loss repeat one period, the second two, from 20 ms on three, so that it does not
//! buzz. From 10 ms on it fades by a fifth each 10 ms and is silent after 60 ms. When audio comes
//! back the two overlap for a quarter of a period and 4 ms for each 10 ms of loss, 10 ms at most.
//!
//! The appendix holds its output back by 3.75 ms to smooth the beginning of a loss; we let the
//! difference at the joint fade instead and add no delay. At 16 kHz all lengths are doubled.

use super::rate::Rate;
use crate::shard::ahead::fetch_at;

/// Of 8 kHz, as in the appendix.
const PITCH_MIN: usize = 40;
const PITCH_MAX: usize = 120;
const CORRELATION: usize = 160;
const HISTORY: usize = 390;
/// What is remembered beyond that before it is moved to the front: most frames only append.
const SLACK: usize = 4 * CORRELATION;
const TEN_MS: usize = 80;
/// A loss is concealed for this long, then there is silence.
const CONCEALED_MAX: usize = 6 * TEN_MS;

/// Octets that a cache fetches at once, and how many of those 20 ms at 8 kHz are.
const LINE: usize = 64;
const FRAME_LINES: usize = 2 * CORRELATION / LINE + 1;

/// A silent history with room for what is appended.
fn remembered(scale: usize) -> Vec<i16> {
    let mut history = Vec::with_capacity((HISTORY + SLACK) * scale);
    history.resize(HISTORY * scale, 0);
    history
}

/// The last of what was said, and what is made of it.
#[derive(Clone, Debug)]
pub struct Plc {
    /// One or two: samples for each sample at 8 kHz.
    scale: usize,
    /// The last of it counts, [`HISTORY`] samples.
    history: Vec<i16>,
    /// The history when the loss began.
    origin: Vec<i16>,
    /// The periods that are repeated, and the place in them.
    repeated: Vec<f32>,
    at: usize,
    period: usize,
    /// Samples made since the last real one.
    made: usize,
    /// What the joint still differs by, and how it shrinks.
    joint: f32,
    joint_step: f32,
}

impl Plc {
    /// Nothing was said yet.
    pub fn new(rate: Rate) -> Self {
        let scale = rate.hz() as usize / 8_000;
        Plc {
            scale,
            history: remembered(scale),
            origin: vec![0; HISTORY * scale],
            repeated: Vec::with_capacity(3 * PITCH_MAX * scale),
            at: 0,
            period: PITCH_MAX * scale,
            made: 0,
            joint: 0.0,
            joint_step: 0.0,
        }
    }

    /// Samples that came: remembers them, and after a loss blends into them.
    pub fn good(&mut self, samples: &mut [i16]) {
        if self.made > 0 {
            let ten_ms = TEN_MS * self.scale;
            let blend = self.period / 4 + self.made / ten_ms * (ten_ms * 4 / 10);
            let blend = blend.min(ten_ms).min(samples.len());
            for (n, sample) in samples[..blend].iter_mut().enumerate() {
                let weight = (n + 1) as f32 / (blend + 1) as f32;
                let made = self.next();
                *sample = (f32::from(*sample) * weight + made * (1.0 - weight)) as i16;
            }
            self.made = 0;
        }
        self.remember(samples);
    }

    /// Appends samples in place of lost ones.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let from = out.len();
        if self.made == 0 && samples > 0 {
            self.begin();
        }
        out.extend((0..samples).map(|_| self.next() as i16));
        self.remember(&out[from..]);
    }

    fn remember(&mut self, samples: &[i16]) {
        let keep = HISTORY * self.scale;
        let newest = &samples[samples.len().saturating_sub(keep)..];
        if self.history.len() + newest.len() > keep + SLACK * self.scale {
            let old = self.history.len() + newest.len() - keep;
            self.history.drain(..old);
        }
        self.history.extend_from_slice(newest);
    }

    /// The next frame comes soon: where it will be remembered.
    pub fn expect(&self) {
        let end = self.history.as_ptr().wrapping_add(self.history.len()).cast::<u8>();
        (0..FRAME_LINES).for_each(|line| fetch_at(end.wrapping_add(line * LINE)));
    }

    fn begin(&mut self) {
        let last = self.history.len() - self.origin.len();
        self.origin.copy_from_slice(&self.history[last..]);
        self.period = self.pitch();
        let whole = self.origin.len();
        self.at = 0;
        self.repeat(1);
        let last = f32::from(self.origin[whole - 1]);
        self.fade_joint(last - f32::from(self.origin[whole - self.period - 1]));
    }

    fn next(&mut self) -> f32 {
        let ten_ms = TEN_MS * self.scale;
        if self.made >= CONCEALED_MAX * self.scale {
            return 0.0;
        }
        if self.made == ten_ms || self.made == 2 * ten_ms {
            let before = self.repeated[self.at] + self.joint;
            self.at %= self.period;
            self.repeat(1 + self.made / ten_ms);
            self.fade_joint(before - self.repeated[self.at]);
        }
        let sample = self.repeated[self.at] + self.joint;
        self.joint -= self.joint_step;
        if self.joint.abs() < self.joint_step.abs() {
            (self.joint, self.joint_step) = (0.0, 0.0);
        }
        self.at = (self.at + 1) % self.repeated.len();
        let faded = self.made.saturating_sub(ten_ms) as f32 / (5 * ten_ms) as f32;
        self.made += 1;
        (sample * (1.0 - faded)).clamp(-32_768.0, 32_767.0)
    }

    /// Takes the last `periods` periods; the end of the last runs into the beginning of the first.
    fn repeat(&mut self, periods: usize) {
        let (length, quarter) = (periods * self.period, self.period / 4);
        let first = self.origin.len() - length;
        self.repeated.clear();
        self.repeated.extend(self.origin[first..].iter().map(|&sample| f32::from(sample)));
        for n in 0..quarter {
            let weight = (n + 1) as f32 / (quarter + 1) as f32;
            let before = f32::from(self.origin[first - quarter + n]);
            let end = &mut self.repeated[length - quarter + n];
            *end = *end * (1.0 - weight) + before * weight;
        }
    }

    fn fade_joint(&mut self, difference: f32) {
        self.joint = difference;
        self.joint_step = difference / (self.period / 4) as f32;
    }

    /// The lag of the best normalized correlation: every second one first, then its neighbours.
    fn pitch(&self) -> usize {
        let (least, most) = (PITCH_MIN * self.scale, PITCH_MAX * self.scale);
        let step = 2 * self.scale;
        let best = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
            let scored = lags.map(|lag| (lag, self.correlation(lag, step)));
            scored.fold((least, f32::MIN), |best, new| if new.1 > best.1 { new } else { best }).0
        };
        let coarse = best(&mut (least..=most).step_by(step), step);
        best(&mut ((coarse - step).max(least)..=(coarse + step).min(most)), 1)
    }

    fn correlation(&self, lag: usize, step: usize) -> f32 {
        let window = self.origin.len() - CORRELATION * self.scale;
        let (mut both, mut energy) = (0.0, 1.0);
        for place in (window..self.origin.len()).step_by(step) {
            let before = f32::from(self.origin[place - lag]);
            both += f32::from(self.origin[place]) * before;
            energy += before * before;
        }
        both / energy.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::sound::{level_dbov, signal_to_noise_db, tone, voice};

    fn heard_before(rate: Rate, said: &[i16]) -> Plc {
        let mut plc = Plc::new(rate);
        for frame in said.chunks(rate.samples(20)) {
            plc.good(&mut frame.to_vec());
        }
        plc
    }

    /// Appendix I: full level for 10 ms, then a fifth less each 10 ms, silence from 60 ms on.
    #[test]
    fn a_loss_fades_by_a_fifth_every_ten_milliseconds_and_ends_in_silence() {
        for rate in [Rate::Narrow, Rate::Wide] {
            // Periods of the tone divide 10 ms, so each piece of 10 ms has the same energy.
            let said = tone(200, rate.hz(), rate.samples(200), 10_000);
            let mut plc = heard_before(rate, &said);
            let level = |samples: &[i16]| 10f64.powf(level_dbov(samples) / 20.0);
            let full = level(&said[..rate.samples(10)]);
            for (tens, expected) in [1.0, 0.9, 0.7, 0.5, 0.3, 0.1, 0.0, 0.0].into_iter().enumerate()
            {
                let mut made = Vec::new();
                plc.conceal(rate.samples(10), &mut made);
                let share = level(&made) / full;
                assert!((share - expected).abs() < 0.04, "{rate:?}, {tens}0 ms: {share:.3}");
            }
        }
    }

    #[test]
    fn the_pitch_of_a_voice_goes_on() {
        for rate in [Rate::Narrow, Rate::Wide] {
            for hz in [100, 125, 160, 190] {
                let said = tone(hz, rate.hz(), rate.samples(420), 9_000);
                let (before, lost) = said.split_at(rate.samples(400));
                let mut made = Vec::new();
                heard_before(rate, before).conceal(rate.samples(20), &mut made);
                // Over the first 10 ms nothing has faded: it is the tone itself.
                let ten = rate.samples(10);
                let error: f64 = made[..ten]
                    .iter()
                    .zip(lost)
                    .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
                    .sum();
                let power: f64 = lost[..ten].iter().map(|&b| f64::from(b).powi(2)).sum();
                let db = 10.0 * (power / error.max(1.0)).log10();
                assert!(db > 12.0, "{rate:?} {hz} Hz: {db:.1} dB");
            }
        }
    }

    #[test]
    fn five_lost_frames_of_a_hundred_cost_less_than_silence_would() {
        let said = voice(8_000, 16_000);
        let played = |conceals: bool| {
            let (mut plc, mut out) = (Plc::new(Rate::Narrow), Vec::new());
            for (n, frame) in said.chunks(160).enumerate() {
                let lost = n % 20 == 13;
                match (lost, conceals) {
                    (true, true) => plc.conceal(160, &mut out),
                    (true, false) => out.resize(out.len() + 160, 0),
                    (false, true) => {
                        let mut frame = frame.to_vec();
                        plc.good(&mut frame);
                        out.extend(frame);
                    }
                    (false, false) => out.extend(frame),
                }
            }
            signal_to_noise_db(&said, &out, 0)
        };
        let (with, without) = (played(true), played(false));
        assert!(with > without + 3.0, "{with:.1} dB against {without:.1} dB");
    }

    #[test]
    fn nothing_is_made_of_nothing_and_no_length_is_too_odd() {
        let mut plc = Plc::new(Rate::Narrow);
        let mut out = Vec::new();
        plc.conceal(1_000, &mut out);
        assert!(out.iter().all(|&sample| sample == 0));
        for length in [0, 1, 3, 79, 500, 7] {
            out.clear();
            plc.conceal(length, &mut out);
            assert_eq!(out.len(), length);
            plc.good(&mut vec![i16::MIN; length]);
        }
    }
}
