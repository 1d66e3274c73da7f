//! From samples to parameters, clause 3 with the simplifications of Annex A.

use super::excitation::Excitation;
use super::filter::{
    HighPass, Predictor, Synthesis, bounded, convolved, dot, impulse_response, residual, widened,
};
use super::frame::{DELAY_MAX, DELAY_MIN, Delay, ExcitationCode, Frame, second_from};
use super::gain::Corrections;
use super::prediction::{self, WINDOW};
use super::pulses::sharpen;
use super::search::{self, LOOKED_AT, Repeated};
use super::spectrum::{self, Cosines, Told};
use super::spectrum_search;
use super::tables::ORDER;
use super::{FRAME_OCTETS, FRAME_SAMPLES, SUBFRAME, Subframe};

/// Where the frame begins in the window: half a subframe's look ahead comes after it.
const FRAME_AT: usize = 120;
/// How far the noise of coding follows the peaks of speech: γ, §A.3.3.
const WEIGHT: f32 = 0.75;
/// The slope of weighted speech before its delay is searched, §A.3.4.
const SLOPE: f32 = 0.7;
/// Bounds of the pitch gain: what is searched, and what sharpens the pulses.
const PITCH_MAX: f32 = 1.2;
const SHARPENING: (f32, f32) = (0.2, 0.8);
/// Pitch gains while an error of the other side might grow.
const PITCH_TAME: f32 = 0.95;

/// Samples to octets of frames.
#[derive(Clone, Debug)]
pub struct Encoder {
    high_pass: HighPass,
    speech: [f32; WINDOW],
    /// Unquantized cosines of the last frame, for a frame whose own are not found.
    found: Cosines,
    told: Told,
    cosines: Cosines,
    weighted: [f32; LOOKED_AT],
    weighting: Synthesis,
    slope: f32,
    excitation: Excitation,
    /// The weighted error that is left, as the memory of its filter.
    error: Synthesis,
    corrections: Corrections,
    sharpening: f32,
    growth: Growth,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder {
            high_pass: HighPass::before_coding(),
            speech: [0.0; WINDOW],
            found: spectrum::even().map(f32::cos),
            told: Told::default(),
            cosines: spectrum::even().map(f32::cos),
            weighted: [0.0; LOOKED_AT],
            weighting: Synthesis::default(),
            slope: 0.0,
            excitation: Excitation::default(),
            error: Synthesis::default(),
            corrections: Corrections::default(),
            sharpening: SHARPENING.0,
            growth: Growth::default(),
        }
    }
}

impl Encoder {
    /// An encoder that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One frame of 10 ms. It tells what was said up to 5 ms before its last sample.
    pub fn encode(&mut self, samples: &[i16; FRAME_SAMPLES]) -> [u8; FRAME_OCTETS] {
        self.speech.copy_within(FRAME_SAMPLES.., 0);
        for (kept, &sample) in self.speech[WINDOW - FRAME_SAMPLES..].iter_mut().zip(samples) {
            *kept = self.high_pass.run(f32::from(sample));
        }
        let mut frame = Frame { delay_intact: true, ..Frame::default() };
        if let Some(found) = prediction::cosines(&prediction::predictor(&self.speech)) {
            self.found = found;
        }
        let frequencies = self.found.map(|cosine| cosine.clamp(-1.0, 1.0).acos());
        frame.spectrum = spectrum_search::nearest(&frequencies, &self.told);
        let now = self.told.speech(frame.spectrum).map(f32::cos);
        let predictors = spectrum::interpolated(&std::mem::replace(&mut self.cosines, now), &now);

        let rest = [0, 1].map(|half| self.unforeseen(&predictors[half], half));
        let near = self.delay_of(&predictors, &rest);
        let (one, first) = self.first_subframe(&predictors[0], &rest[0], near);
        let two = self.second_subframe(&predictors[1], &rest[1], first);
        frame.subframes = [one, two];
        frame.write()
    }

    /// The residual of a subframe.
    fn unforeseen(&self, predictor: &Predictor, half: usize) -> Subframe {
        let from = FRAME_AT + half * SUBFRAME - ORDER;
        residual(predictor, &std::array::from_fn(|n| self.speech[from + n]))
    }

    /// The delay of the frame, roughly, in weighted speech.
    fn delay_of(&mut self, predictors: &[Predictor; 2], rest: &[Subframe; 2]) -> usize {
        self.weighted.copy_within(FRAME_SAMPLES.., 0);
        for (half, (predictor, rest)) in predictors.iter().zip(rest).enumerate() {
            let weighted = self.weighting.run(&widened(predictor, WEIGHT), rest);
            let out = &mut self.weighted[DELAY_MAX + half * SUBFRAME..][..SUBFRAME];
            for (out, sample) in out.iter_mut().zip(weighted) {
                self.slope = bounded(sample + SLOPE * self.slope);
                *out = self.slope;
            }
        }
        search::open_loop(&self.weighted)
    }

    fn first_subframe(
        &mut self,
        predictor: &Predictor,
        rest: &Subframe,
        near: usize,
    ) -> (ExcitationCode, Delay) {
        let from = near.saturating_sub(3).clamp(DELAY_MIN, DELAY_MAX - 6);
        let (code, delay) = self.subframe(predictor, rest, from..=from + 6, Delay::tellable_first);
        (ExcitationCode { delay: delay.write_first(), ..code }, delay)
    }

    fn second_subframe(
        &mut self,
        predictor: &Predictor,
        rest: &Subframe,
        first: Delay,
    ) -> ExcitationCode {
        let from = second_from(first);
        // There is a code for 143⅔, but some decoders take it for a mistake.
        let tellable = |delay: Delay| delay.tellable_second(first) && delay.whole() <= DELAY_MAX;
        let (code, delay) = self.subframe(predictor, rest, from..=from + 9, tellable);
        ExcitationCode { delay: delay.write_second(first), ..code }
    }

    /// Searches the excitation of a subframe, and moves on by what the other side will hear.
    fn subframe(
        &mut self,
        predictor: &Predictor,
        rest: &Subframe,
        range: std::ops::RangeInclusive<usize>,
        tellable: impl Fn(Delay) -> bool,
    ) -> (ExcitationCode, Delay) {
        let weighting = widened(predictor, WEIGHT);
        let response = impulse_response(&weighting);
        let wanted = self.error.clone().run(&weighting, rest);

        self.excitation.suppose(rest);
        let repeated =
            search::closed_loop(&mut self.excitation, &response, &wanted, range, tellable);
        let delay = repeated.delay;
        let tame = self.growth.would_grow(delay);
        let pitch_max = if tame { PITCH_TAME } else { PITCH_MAX };
        let pitch = pitch_gain(&wanted, &repeated.heard).min(pitch_max);
        let left = std::array::from_fn(|n| wanted[n] - pitch * repeated.heard[n]);

        let mut sharp = response;
        sharpen(&mut sharp, delay.whole(), self.sharpening);
        let pulses = search::pulses(&left, &sharp);
        let code = pulses.code(delay.whole(), self.sharpening);
        let heard = convolved(&code, &response);
        let expected = self.corrections.expected(&code);
        let quantized_max = if tame { PITCH_TAME } else { f32::MAX };
        let (gain_first, gain_second, told) =
            search::gains(&wanted, &repeated.heard, &heard, expected, quantized_max);

        self.corrections.push(told.code);
        self.sharpening = told.pitch.clamp(SHARPENING.0, SHARPENING.1);
        self.growth.push(delay, told.pitch);
        let gain = told.code * expected;
        self.excite(&repeated, told.pitch, &code, gain);
        let from = SUBFRAME - ORDER;
        self.error.last = std::array::from_fn(|n| {
            let n = from + n;
            bounded(wanted[n] - told.pitch * repeated.heard[n] - gain * heard[n])
        });
        let (positions, signs) = pulses.write();
        (ExcitationCode { delay: 0, positions, signs, gain_first, gain_second }, delay)
    }

    fn excite(&mut self, repeated: &Repeated, pitch: f32, code: &Subframe, gain: f32) {
        let sum = std::array::from_fn(|n| pitch * repeated.samples[n] + gain * code[n]);
        self.excitation.push(&sum);
    }
}

/// The gain of the past that comes nearest, §3.7.3.
fn pitch_gain(wanted: &Subframe, heard: &Subframe) -> f32 {
    let energy = dot(heard, heard);
    if energy > 0.0 { (dot(wanted, heard) / energy).clamp(0.0, PITCH_MAX) } else { 0.0 }
}

/// How an error on the other side could have grown by now: pitch gains above one that follow each
/// other repeat it louder each time. One bound for each of the last four subframes, newest first.
#[derive(Clone, Debug)]
struct Growth {
    bounds: [f32; 4],
}

impl Default for Growth {
    fn default() -> Self {
        Growth { bounds: [1.0; 4] }
    }
}

impl Growth {
    /// Where the pitch gain is held below one.
    const MOST: f32 = 60_000.0;
    /// What the interpolation reaches on each side.
    const REACH: usize = 10;

    fn would_grow(&self, delay: Delay) -> bool {
        self.worst(delay) > Growth::MOST
    }

    fn push(&mut self, delay: Delay, pitch: f32) {
        let once = 1.0 + pitch * self.worst(delay);
        // A delay shorter than the subframe repeats what it has just made.
        let twice = if delay.whole() < SUBFRAME { 1.0 + pitch * once } else { once };
        self.bounds.rotate_right(1);
        self.bounds[0] = once.max(twice).min(f32::MAX.sqrt());
    }

    /// The largest bound where the past is repeated from.
    fn worst(&self, delay: Delay) -> f32 {
        let delay = delay.whole();
        let newest = delay.saturating_sub(SUBFRAME + Growth::REACH) / SUBFRAME;
        let oldest = (delay + Growth::REACH - 1) / SUBFRAME;
        self.bounds[newest..=oldest.min(3)].iter().copied().fold(0.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_above_one_are_held_once_an_error_could_have_grown() {
        let mut growth = Growth::default();
        let delay = Delay::samples(60);
        let mut subframes = 0;
        while !growth.would_grow(delay) {
            growth.push(delay, PITCH_MAX);
            subframes += 1;
        }
        assert!((40..200).contains(&subframes), "{subframes} subframes");
        // It is over where nothing is repeated.
        (0..4).for_each(|_| growth.push(delay, 0.0));
        assert!(!growth.would_grow(delay));
        // And no bound is ever infinite.
        (0..100_000).for_each(|_| growth.push(Delay::samples(20), 1.3));
        assert!(growth.bounds.iter().all(|bound| bound.is_finite()));
    }

    #[test]
    fn the_gain_that_is_told_is_held_as_the_one_that_is_searched() {
        // What is wanted is louder than what was, and otherwise the same: a gain of 1.15 has no rival.
        let flat: Predictor = std::array::from_fn(|n| if n == 0 { 1.0 } else { 0.0 });
        let voice = |n: usize| {
            let turn = n as f32 * std::f32::consts::TAU / 60.0;
            1_000.0 * turn.sin() + 500.0 * (3.0 * turn).sin()
        };
        let mut calm = Encoder::new();
        for subframe in 0..8 {
            calm.excitation.push(&std::array::from_fn(|n| voice(subframe * SUBFRAME + n)));
        }
        let wanted: Subframe = std::array::from_fn(|n| 1.15 * voice(8 * SUBFRAME + n));
        let told = |encoder: &Encoder| {
            let (code, delay) = encoder.clone().first_subframe(&flat, &wanted, 60);
            assert_eq!(delay.whole(), 60);
            super::super::gain::told(code.gain_first, code.gain_second).pitch
        };
        assert!(told(&calm) > 1.0, "{}", told(&calm));
        let mut grown = calm;
        grown.growth.bounds = [2.0 * Growth::MOST; 4];
        assert!(told(&grown) < PITCH_TAME, "{}", told(&grown));
    }
}
