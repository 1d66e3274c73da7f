//! Hears the beep before a message: a tone of 1 kHz, by Goertzel's algorithm on frames of 20 ms.

use std::f64::consts::TAU;

const TONE_HZ: f64 = 1000.0;
const RATE_HZ: f64 = 8000.0;
/// Below this the frame is silence.
const POWER_MIN: f64 = 100.0 * 100.0;
/// The tone's share of the frame's power.
const SHARE_MIN: f64 = 0.7;
/// Frames of tone that make a beep.
const FRAMES_MIN: u32 = 3;

/// Feed frames; it says when a beep is heard.
#[derive(Default)]
pub struct BeepDetector {
    frames: u32,
}

impl BeepDetector {
    /// True once a beep, on the frame that makes it one: a switch may send nothing after it.
    pub fn on_frame(&mut self, samples: impl Iterator<Item = i16>) -> bool {
        self.frames = if is_tone(samples) { self.frames + 1 } else { 0 };
        self.frames == FRAMES_MIN
    }
}

fn is_tone(samples: impl Iterator<Item = i16>) -> bool {
    let turn = 2.0 * (TAU * TONE_HZ / RATE_HZ).cos();
    let (mut before, mut last, mut power, mut count) = (0.0, 0.0, 0.0, 0.0);
    for sample in samples.map(f64::from) {
        (before, last) = (last, sample + turn * last - before);
        power += sample * sample;
        count += 1.0;
    }
    // A pure tone of amplitude a has power a²/2 · n and Goertzel's value a²/4 · n².
    let tone = before * before + last * last - turn * before * last;
    power > POWER_MIN * count && tone > SHARE_MIN * power * count / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(hz: f64, amplitude: f64) -> impl Iterator<Item = i16> {
        (0..160).map(move |n| (amplitude * (TAU * hz * f64::from(n) / RATE_HZ).sin()) as i16)
    }

    fn beeps(hz: f64, amplitude: f64) -> usize {
        let mut detector = BeepDetector::default();
        let quiet_after = [0.0; 3];
        let loudness = [amplitude; 10].into_iter().chain(quiet_after);
        loudness.filter(|loudness| detector.on_frame(frame(hz, *loudness))).count()
    }

    #[test]
    fn a_beep_is_heard_once() {
        assert_eq!(beeps(1000.0, 8000.0), 1);
        assert_eq!(beeps(1000.0, 400.0), 1, "a quiet one too");
    }

    #[test]
    fn ringback_speech_like_tones_and_silence_are_no_beep() {
        for hz in [450.0, 700.0, 1400.0, 2000.0] {
            assert_eq!(beeps(hz, 8000.0), 0, "{hz} Hz");
        }
        assert_eq!(beeps(1000.0, 20.0), 0);
    }
}
