//! Comfort noise of Annex B: white noise of the level that a descriptor tells, through the filter
//! of its spectrum.

use super::Subframe;
use super::frame::Silence;

/// How much of the last frame's level the next one keeps, §B.4.4.
const KEPT: f32 = 7.0 / 8.0;
/// The mean square of four pulses in a subframe.
const PULSES_SQUARE: f32 = 0.1;

#[derive(Clone, Debug, Default)]
pub struct Noise {
    /// The level that was told, and the one that sounds.
    target: f32,
    level: f32,
    /// Whether the last frame was silence too.
    sounding: bool,
    random: u32,
}

impl Noise {
    /// Speech begins.
    pub fn stop(&mut self) {
        self.sounding = false;
    }

    pub fn describe(&mut self, described: &Silence) {
        self.target = level(described.gain);
    }

    /// Moves to the level that was told: at once where silence begins, slowly later.
    pub fn step(&mut self) {
        let kept = if self.sounding { KEPT } else { 0.0 };
        self.level = kept * self.level + (1.0 - kept) * self.target;
        self.sounding = true;
    }

    /// The excitation of a subframe.
    pub fn subframe(&mut self) -> Subframe {
        std::array::from_fn(|_| self.level * self.white())
    }

    /// The gain of four pulses that are as loud.
    pub fn as_pulses(&self) -> f32 {
        self.level / PULSES_SQUARE.sqrt()
    }

    /// Evenly spread, with a mean square of one.
    fn white(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random as i32) as f32 / 2_147_483_648.0 * 1.732_050_8
    }
}

/// Levels of the excitation, §B.4.2.2: from −12 dB in steps that become finer, up to 66 dB.
fn level(index: usize) -> f32 {
    let db = match index {
        0 => -12.0,
        1..=6 => 4.0 * index as f32 - 8.0,
        _ => 2.0 * index as f32 + 4.0,
    };
    10.0_f32.powf(db / 20.0)
}
