//! The gains of both codebooks, §3.9: that of the pulses is told as a correction of what the last
//! four subframes let expect.

use super::Subframe;
use super::filter::dot;
use super::tables;

/// Mean level of the pulses' part, in decibels.
const MEAN_DB: f32 = 30.0;
/// What a correction is taken for where none was heard.
const LEAST_DB: f32 = -14.0;

/// Gains of a subframe.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gains {
    pub pitch: f32,
    pub code: f32,
}

/// The gain of the past excitation, and the correction, that two indices tell.
pub fn told(first: usize, second: usize) -> Gains {
    let (a, b) = (tables::GAIN_FIRST[first], tables::GAIN_SECOND[second]);
    Gains {
        pitch: (f32::from(a[0]) + f32::from(b[0])) / 16_384.0,
        code: (f32::from(a[1]) + f32::from(b[1])) / 8_192.0,
    }
}

/// Corrections of the last four subframes in decibels, the newest first.
#[derive(Clone, Debug)]
pub struct Corrections {
    last: [f32; 4],
}

impl Default for Corrections {
    fn default() -> Self {
        Corrections { last: [LEAST_DB; 4] }
    }
}

impl Corrections {
    /// The gain that the past lets expect for a code.
    pub fn expected(&self, code: &Subframe) -> f32 {
        let energy_db = 10.0 * (dot(code, code) / code.len() as f32).max(1e-6).log10();
        let level_db = MEAN_DB + dot(&tables::GAIN_KEPT, &self.last) - energy_db;
        10.0_f32.powf(level_db / 20.0)
    }

    pub fn push(&mut self, correction: f32) {
        self.keep(20.0 * correction.max(1e-3).log10());
    }

    /// Of a lost subframe: quieter than the mean of the last ones, §4.4.3.
    pub fn lose(&mut self) {
        let mean = self.last.iter().sum::<f32>() / 4.0;
        self.keep((mean - 4.0).max(LEAST_DB));
    }

    fn keep(&mut self, db: f32) {
        self.last.rotate_right(1);
        self.last[0] = db;
    }
}
