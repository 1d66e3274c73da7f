//! The postfilter of Annex A, §A.4.2: it makes the valleys of the spectrum and the time between
//! the pulses of a voice deeper, where the noise of coding is heard.

use super::filter::{Predictor, Synthesis, bounded, dot, residual, widened};
use super::frame::DELAY_MAX;
use super::tables::ORDER;
use super::{SUBFRAME, Subframe};

/// How much narrower the valleys and the peaks become: γn and γd.
const VALLEYS: f32 = 0.55;
const PEAKS: f32 = 0.7;
/// How strongly a voice repeats: γp.
const REPEATED: f32 = 0.5;
/// How much of the tilt is taken back, γt, and over how many samples it is measured.
const TILT: f32 = 0.8;
const TILT_SAMPLES: usize = 22;
/// How much of the last sample's gain the next one keeps.
const GAIN_KEPT: f32 = 0.9;
/// How far around the delay that was told a better one is looked for.
const AROUND: usize = 3;

#[derive(Clone, Debug)]
pub struct Postfilter {
    /// The last samples that came in.
    inputs: [f32; ORDER],
    /// The residual, the oldest first, with room for a subframe.
    residual: [f32; DELAY_MAX + SUBFRAME],
    /// The last sample before the tilt is taken back.
    level: f32,
    peaks: Synthesis,
    gain: f32,
}

impl Default for Postfilter {
    fn default() -> Self {
        Postfilter {
            inputs: [0.0; ORDER],
            residual: [0.0; DELAY_MAX + SUBFRAME],
            level: 0.0,
            peaks: Synthesis::default(),
            gain: 1.0,
        }
    }
}

impl Postfilter {
    /// One subframe, and whether it repeats at a delay near `delay` by more than 3 dB: is voiced.
    pub fn run(
        &mut self,
        predictor: &Predictor,
        delay: Option<usize>,
        speech: &Subframe,
    ) -> (Subframe, bool) {
        let valleys = widened(predictor, VALLEYS);
        let peaks = widened(predictor, PEAKS);
        self.residual.copy_within(SUBFRAME.., 0);
        let left = residual(&valleys, &self.with_past(speech));
        self.residual[DELAY_MAX..].copy_from_slice(&left);

        let repeats = delay.and_then(|delay| self.repeats(delay));
        let mut shaped = left;
        if let Some((delay, gain)) = repeats {
            let before = &self.residual[DELAY_MAX - delay..][..SUBFRAME];
            let share = 1.0 / (1.0 + REPEATED * gain);
            for (sample, past) in shaped.iter_mut().zip(before) {
                *sample = share * (*sample + REPEATED * gain * past);
            }
        }
        self.take_back(tilt(&valleys, &peaks), &mut shaped);
        let shaped = self.peaks.run(&peaks, &shaped);
        (self.as_loud_as(speech, shaped), repeats.is_some())
    }

    fn with_past(&mut self, speech: &Subframe) -> [f32; ORDER + SUBFRAME] {
        let mut samples = [0.0; ORDER + SUBFRAME];
        samples[..ORDER].copy_from_slice(&self.inputs);
        samples[ORDER..].copy_from_slice(speech);
        self.inputs.copy_from_slice(&samples[SUBFRAME..]);
        samples
    }

    /// The delay at which the residual repeats, and its gain, §A.4.2.1.
    fn repeats(&self, delay: usize) -> Option<(usize, f32)> {
        let now = &self.residual[DELAY_MAX..];
        let at = |delay: usize| &self.residual[DELAY_MAX - delay..][..SUBFRAME];
        let least = delay.saturating_sub(AROUND).clamp(1, DELAY_MAX - 2 * AROUND);
        let mut best = (least, f32::MIN);
        for delay in least..=least + 2 * AROUND {
            let correlation = dot(now, at(delay));
            if correlation > best.1 {
                best = (delay, correlation);
            }
        }
        let (delay, correlation) = best;
        let (energy, before) = (dot(now, now), dot(at(delay), at(delay)));
        let voiced = correlation > 0.0 && correlation * correlation >= 0.5 * energy * before;
        (voiced && before > 0.0).then(|| (delay, (correlation / before).min(1.0)))
    }

    /// Takes back the tilt that the two filters make, §A.4.2.3.
    fn take_back(&mut self, tilt: f32, samples: &mut Subframe) {
        for sample in samples {
            let before = std::mem::replace(&mut self.level, *sample);
            *sample = bounded(*sample - tilt * before);
        }
    }

    /// Brings the level back to that of the input, slowly, §A.4.2.4.
    fn as_loud_as(&mut self, speech: &Subframe, mut shaped: Subframe) -> Subframe {
        let (before, after) = (dot(speech, speech), dot(&shaped, &shaped));
        let wanted = if after > 0.0 { (before / after).sqrt().min(100.0) } else { 0.0 };
        for sample in &mut shaped {
            self.gain = GAIN_KEPT * self.gain + (1.0 - GAIN_KEPT) * wanted;
            *sample *= self.gain;
        }
        shaped
    }
}

/// How one sample of both filters' answer follows from the one before.
fn tilt(valleys: &Predictor, peaks: &Predictor) -> f32 {
    let mut pulse = [0.0; SUBFRAME];
    pulse[..=ORDER].copy_from_slice(valleys);
    let answer = Synthesis::default().run(peaks, &pulse);
    let answer = &answer[..TILT_SAMPLES];
    let (energy, next) = (dot(answer, answer), dot(&answer[1..], &answer[..TILT_SAMPLES - 1]));
    if next > 0.0 { TILT * next / energy } else { 0.0 }
}
