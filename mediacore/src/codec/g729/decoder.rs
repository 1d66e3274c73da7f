//! From parameters to samples, clause 4.

use super::excitation::Excitation;
use super::filter::{HighPass, Predictor, Synthesis};
use super::frame::{DELAY_MAX, Delay, ExcitationCode, Frame};
use super::gain::{self, Corrections, Gains};
use super::postfilter::Postfilter;
use super::pulses::Pulses;
use super::silence::Noise;
use super::spectrum::{self, Cosines, Frequencies, SPEECH, Told};
use super::{FRAME_OCTETS, FRAME_SAMPLES, SID_OCTETS, SUBFRAME, Subframe};

/// Bounds of the pitch gain as sharpening of the pulses, §3.8.
const SHARPENING: (f32, f32) = (0.2, 0.8);
/// Gains of a lost subframe, as shares of the last ones, §4.4.2.
const PITCH_LOST: f32 = 0.9;
const CODE_LOST: f32 = 0.98;

/// Octets of frames to samples.
#[derive(Clone, Debug)]
pub struct Decoder {
    told: Told,
    frequencies: Frequencies,
    cosines: Cosines,
    /// The predictor of the last frame's spectrum.
    predictor: usize,
    excitation: Excitation,
    corrections: Corrections,
    gains: Gains,
    sharpening: f32,
    /// The last delay, in samples.
    delay: usize,
    /// Whether the last frame was a voice's: what a lost one repeats.
    voiced: bool,
    random: u16,
    synthesis: Synthesis,
    postfilter: Postfilter,
    high_pass: HighPass,
    noise: Noise,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            told: Told::default(),
            frequencies: spectrum::even(),
            cosines: spectrum::even().map(f32::cos),
            predictor: 0,
            excitation: Excitation::default(),
            corrections: Corrections::default(),
            gains: Gains::default(),
            sharpening: SHARPENING.0,
            delay: 60,
            voiced: false,
            random: 21_845,
            synthesis: Synthesis::default(),
            postfilter: Postfilter::default(),
            high_pass: HighPass::after_decoding(),
            noise: Noise::default(),
        }
    }
}

impl Decoder {
    /// A decoder that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One frame of 10 ms. `None` is a frame that was lost: it is concealed, §4.4.
    pub fn decode(&mut self, frame: Option<&[u8; FRAME_OCTETS]>, out: &mut [i16; FRAME_SAMPLES]) {
        self.noise.stop();
        match frame.map(Frame::read) {
            Some(frame) => self.heard(&frame, out),
            None => self.lost(out),
        }
    }

    /// A silence insertion descriptor of Annex B, and each further frame of silence with `None`:
    /// comfort noise.
    pub fn silence(&mut self, sid: Option<&[u8; SID_OCTETS]>, out: &mut [i16; FRAME_SAMPLES]) {
        if let Some(described) = sid.map(super::frame::Silence::read) {
            self.noise.describe(&described);
            self.frequencies = self.told.silence(&described);
        }
        self.noise.step();
        let predictors = self.filters();
        for (predictor, out) in predictors.iter().zip(halves(out)) {
            let excitation = self.noise.subframe();
            self.sound(predictor, None, &excitation, out);
        }
        // A frame that gets lost now goes on as this noise does.
        self.gains = Gains { pitch: 0.0, code: self.noise.as_pulses() };
        self.sharpening = SHARPENING.0;
        self.voiced = false;
    }

    fn heard(&mut self, frame: &Frame, out: &mut [i16; FRAME_SAMPLES]) {
        self.frequencies = self.told.speech(frame.spectrum);
        self.predictor = frame.spectrum.predictor;
        let predictors = self.filters();
        let [one, two] = &frame.subframes;
        let first = if frame.delay_intact {
            Delay::read_first(one.delay)
        } else {
            Delay::samples(self.delay)
        };
        let second = Delay::read_second(two.delay, first);
        let told = [(first, one), (second, two)];
        let mut voiced = false;
        for ((predictor, (delay, code)), out) in predictors.iter().zip(told).zip(halves(out)) {
            let excitation = self.excited(delay, code);
            voiced |= self.sound(predictor, Some(delay.whole()), &excitation, out);
        }
        self.voiced = voiced;
    }

    /// The excitation that a code tells.
    fn excited(&mut self, delay: Delay, code: &ExcitationCode) -> Subframe {
        let repeated = self.excitation.repeated(delay);
        let pulses = Pulses::read(code.positions, code.signs).code(delay.whole(), self.sharpening);
        let told = gain::told(code.gain_first, code.gain_second);
        self.gains =
            Gains { pitch: told.pitch, code: told.code * self.corrections.expected(&pulses) };
        self.corrections.push(told.code);
        self.sharpening = told.pitch.clamp(SHARPENING.0, SHARPENING.1);
        self.delay = delay.whole();
        std::array::from_fn(|n| self.gains.pitch * repeated[n] + self.gains.code * pulses[n])
    }

    /// A frame that was lost: the last spectrum, a voice that goes on or noise, and both fade.
    fn lost(&mut self, out: &mut [i16; FRAME_SAMPLES]) {
        self.told.suppose(&SPEECH[self.predictor], &self.frequencies);
        let predictors = self.filters();
        for (predictor, out) in predictors.iter().zip(halves(out)) {
            let (delay, excitation) = self.concealed();
            self.sound(predictor, Some(delay), &excitation, out);
        }
    }

    fn concealed(&mut self) -> (usize, Subframe) {
        let delay = self.delay;
        // A lost voice gets lower: the same delay for long would sound like a machine.
        self.delay = (delay + 1).min(DELAY_MAX);
        self.gains.pitch = (PITCH_LOST * self.gains.pitch).min(PITCH_LOST);
        self.gains.code *= CODE_LOST;
        self.corrections.lose();
        let excitation = if self.voiced {
            self.excitation.repeated(Delay::samples(delay)).map(|sample| self.gains.pitch * sample)
        } else {
            let pulses = Pulses::read(self.next_random() & 0x1FFF, self.next_random() & 15);
            pulses.code(delay, self.sharpening).map(|sample| self.gains.code * sample)
        };
        self.sharpening = self.gains.pitch.clamp(SHARPENING.0, SHARPENING.1);
        (delay, excitation)
    }

    /// The generator of §4.4.4.
    fn next_random(&mut self) -> u16 {
        self.random = self.random.wrapping_mul(31_821).wrapping_add(13_849);
        self.random
    }

    /// The filters of both subframes, on the way to the present frequencies.
    fn filters(&mut self) -> [Predictor; 2] {
        let now = self.frequencies.map(f32::cos);
        let last = std::mem::replace(&mut self.cosines, now);
        spectrum::interpolated(&last, &now)
    }

    /// Excitation to samples; whether they are a voice's.
    fn sound(
        &mut self,
        predictor: &Predictor,
        delay: Option<usize>,
        excitation: &Subframe,
        out: &mut [i16; SUBFRAME],
    ) -> bool {
        self.excitation.push(excitation);
        let speech = self.synthesis.run(predictor, excitation);
        let (shaped, voiced) = self.postfilter.run(predictor, delay, &speech);
        for (out, sample) in out.iter_mut().zip(shaped) {
            *out = self.high_pass.run(sample).round() as i16;
        }
        voiced
    }
}

/// The two subframes of a frame.
fn halves(frame: &mut [i16; FRAME_SAMPLES]) -> impl Iterator<Item = &mut [i16; SUBFRAME]> {
    frame.as_chunks_mut::<SUBFRAME>().0.iter_mut()
}
