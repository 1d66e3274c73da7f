//! The way of decoded samples to 8 kHz and 16 bits, a chunk at a time, so that a long file of a high
//! rate costs no more memory than its result. Promise: as many samples come out as the length of
//! what went in, rounded up; the resampler's delay is taken off the front.

use super::{Error, RATE_HZ};
use rubato::audioadapter::Adapter;
use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{Fft, FixedSync, Resampler};
use std::time::Duration;

/// Samples that the resampler takes at a time, about.
const CHUNK_SAMPLES: usize = 1_024;

/// Samples of one rate in, 8 kHz out.
pub struct Funnel {
    rate_hz: u32,
    length_max: Duration,
    taken: u64,
    taken_max: u64,
    out: Vec<i16>,
    resampler: Option<Resampling>,
}

struct Resampling {
    fft: Fft<f32>,
    waiting: Vec<f32>,
}

impl Resampling {
    /// Turns what waits into samples at 8 kHz, filled up with silence.
    fn step(&mut self, out: &mut Vec<i16>) -> Result<(), Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Resample(error.to_string());
        self.waiting.resize(self.fft.input_frames_next(), 0.0);
        let frames = self.waiting.len();
        let input = InterleavedOwned::new_from(std::mem::take(&mut self.waiting), 1, frames)
            .map_err(|error| failed(&error))?;
        let output = self.fft.process(&input, None).map_err(|error| failed(&error))?;
        out.extend(
            (0..output.frames()).map(|n| to_i16(output.read_sample(0, n).unwrap_or_default())),
        );
        self.waiting = input.take_data();
        self.waiting.clear();
        Ok(())
    }
}

impl Funnel {
    /// For samples of this rate. More than `length_max` of them are refused.
    ///
    /// # Errors
    /// [`Error::Resample`] for a rate that cannot be resampled.
    pub fn new(rate_hz: u32, length_max: Duration) -> Result<Self, Error> {
        let resampler = match rate_hz {
            RATE_HZ => None,
            _ => {
                let (from, to) = (rate_hz as usize, RATE_HZ as usize);
                let fft = Fft::new(from, to, CHUNK_SAMPLES, 1, FixedSync::Both)
                    .map_err(|error| Error::Resample(error.to_string()))?;
                Some(Resampling { fft, waiting: Vec::new() })
            }
        };
        let taken_max = length_max.as_millis().saturating_mul(u128::from(rate_hz)) / 1_000;
        let taken_max = u64::try_from(taken_max).unwrap_or(u64::MAX);
        Ok(Funnel { rate_hz, length_max, taken: 0, taken_max, out: Vec::new(), resampler })
    }

    /// One sample more; 1 is full scale.
    ///
    /// # Errors
    /// [`Error::Long`] beyond the length allowed.
    pub fn push(&mut self, sample: f32) -> Result<(), Error> {
        if self.taken == self.taken_max {
            return Err(Error::Long { max: self.length_max });
        }
        self.taken += 1;
        let Some(resampler) = &mut self.resampler else {
            self.out.push(to_i16(sample));
            return Ok(());
        };
        resampler.waiting.push(if sample.is_finite() { sample } else { 0.0 });
        if resampler.waiting.len() == resampler.fft.input_frames_next() {
            resampler.step(&mut self.out)?;
        }
        Ok(())
    }

    /// How much went in, in ms.
    pub fn taken_ms(&self) -> u64 {
        self.taken * 1_000 / u64::from(self.rate_hz)
    }

    /// What came out.
    ///
    /// # Errors
    /// [`Error::Empty`] when nothing went in.
    pub fn finish(mut self) -> Result<Vec<i16>, Error> {
        if self.taken == 0 {
            return Err(Error::Empty);
        }
        let Some(mut resampler) = self.resampler.take() else { return Ok(self.out) };
        let length = (self.taken * u64::from(RATE_HZ)).div_ceil(u64::from(self.rate_hz)) as usize;
        let delay = resampler.fft.output_delay();
        while self.out.len() < delay + length {
            resampler.step(&mut self.out)?;
        }
        self.out.drain(..delay);
        self.out.truncate(length);
        self.out.shrink_to_fit();
        Ok(self.out)
    }
}

fn to_i16(sample: f32) -> i16 {
    // What is not a number becomes silence.
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}
