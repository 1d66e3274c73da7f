//! The filters: prediction of a spectrum, its inverse, and the high-passes at both ends.

use super::tables::ORDER;
use super::{SUBFRAME, Subframe};

/// Coefficients of A(z) = 1 + a₁z⁻¹ + … + a₁₀z⁻¹⁰.
pub type Predictor = [f32; ORDER + 1];

/// A sample that the past keeps: inside 16 bits, and nothing that is too small to be quick.
pub fn bounded(sample: f32) -> f32 {
    if sample.abs() < 1e-15 { 0.0 } else { sample.clamp(-32_768.0, 32_767.0) }
}

/// A(z/γ): the same spectrum with wider peaks.
pub fn widened(predictor: &Predictor, gamma: f32) -> Predictor {
    let mut power = 1.0;
    predictor.map(|tap| {
        let wide = tap * power;
        power *= gamma;
        wide
    })
}

/// What a predictor does not foresee of a signal whose first [`ORDER`] samples are from before.
pub fn residual(predictor: &Predictor, signal: &[f32; ORDER + SUBFRAME]) -> Subframe {
    let mut left = [0.0; SUBFRAME];
    for (n, tap) in predictor.iter().enumerate() {
        let delayed = &signal[ORDER - n..][..SUBFRAME];
        left.iter_mut().zip(delayed).for_each(|(sum, sample)| *sum += tap * sample);
    }
    left
}

/// 1/A(z), with its last outputs, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Synthesis {
    pub last: [f32; ORDER],
}

impl Synthesis {
    pub fn run(&mut self, predictor: &Predictor, excitation: &Subframe) -> Subframe {
        let mut out = [0.0; ORDER + SUBFRAME];
        out[..ORDER].copy_from_slice(&self.last);
        for (n, input) in excitation.iter().enumerate() {
            let past = out[n..n + ORDER].iter().rev();
            let foreseen: f32 = predictor[1..].iter().zip(past).map(|(tap, y)| tap * y).sum();
            out[n + ORDER] = bounded(input - foreseen);
        }
        self.last.copy_from_slice(&out[SUBFRAME..]);
        std::array::from_fn(|n| out[n + ORDER])
    }
}

/// What 1/A(z) answers to one pulse.
pub fn impulse_response(predictor: &Predictor) -> Subframe {
    let mut pulse = [0.0; SUBFRAME];
    pulse[0] = 1.0;
    Synthesis::default().run(predictor, &pulse)
}

/// `signal` through a filter whose answer to a pulse is `response`, from rest.
pub fn convolved(signal: &Subframe, response: &Subframe) -> Subframe {
    let mut out = [0.0; SUBFRAME];
    for (n, sample) in signal.iter().enumerate() {
        out[n..].iter_mut().zip(response).for_each(|(sum, tap)| *sum += sample * tap);
    }
    out
}

/// The sum of products.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums side by side: one alone must wait for itself at each step.
    let mut sums = [0.0_f32; 8];
    let (many, rest) = a.as_chunks::<8>();
    let (others, other_rest) = b.as_chunks::<8>();
    for (x, y) in many.iter().zip(others) {
        for (n, sum) in sums.iter_mut().enumerate() {
            *sum += x[n] * y[n];
        }
    }
    let last: f32 = rest.iter().zip(other_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + last
}

/// A filter of second order that takes away what is below speech.
#[derive(Clone, Debug)]
pub struct HighPass {
    zeros: [f32; 3],
    poles: [f32; 2],
    inputs: [f32; 2],
    outputs: [f32; 2],
}

impl HighPass {
    /// Below 140 Hz, and half as loud: before coding, §3.1.
    pub fn before_coding() -> Self {
        HighPass::new([0.463_637_18, -0.927_247_05, 0.463_637_18], [1.905_946_5, -0.911_402_4])
    }

    /// Below 100 Hz, and twice as loud: after decoding, §4.2.5.
    pub fn after_decoding() -> Self {
        let zeros = [0.939_805_8, -1.879_583_4, 0.939_805_8].map(|tap| 2.0 * tap);
        HighPass::new(zeros, [1.933_073_5, -0.935_892])
    }

    fn new(zeros: [f32; 3], poles: [f32; 2]) -> Self {
        HighPass { zeros, poles, inputs: [0.0; 2], outputs: [0.0; 2] }
    }

    pub fn run(&mut self, input: f32) -> f32 {
        let from_zeros =
            self.zeros[0] * input + self.zeros[1] * self.inputs[0] + self.zeros[2] * self.inputs[1];
        let from_poles = self.poles[0] * self.outputs[0] + self.poles[1] * self.outputs[1];
        let output = from_zeros + from_poles;
        let output = if output.abs() < 1e-15 { 0.0 } else { output };
        self.inputs = [input, self.inputs[0]];
        self.outputs = [output, self.outputs[0]];
        output
    }
}
