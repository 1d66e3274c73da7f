//! The mix of a room: one sum per frame, and for each listener that sum without their own voice.

use crate::jitter::{FRAME, Frame};

/// The sum of all voices of one frame.
#[derive(Clone, Debug)]
pub struct Sum([i32; FRAME]);

impl Default for Sum {
    fn default() -> Self {
        Sum([0; FRAME])
    }
}

impl Sum {
    /// Adds a voice.
    pub fn add(&mut self, voice: &Frame) {
        for (sum, &sample) in self.0.iter_mut().zip(voice) {
            *sum += i32::from(sample);
        }
    }

    /// What a listener hears: the sum without their own voice, clamped.
    pub fn without(&self, own: Option<&Frame>, out: &mut Frame) {
        match own {
            Some(own) => {
                for ((out, &sum), &own) in out.iter_mut().zip(&self.0).zip(own) {
                    *out = clamp(sum - i32::from(own));
                }
            }
            None => {
                for (out, &sum) in out.iter_mut().zip(&self.0) {
                    *out = clamp(sum);
                }
            }
        }
    }
}

fn clamp(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_hears_themselves_and_everybody_hears_the_others() {
        let voices = [[100; FRAME], [-30; FRAME], [7; FRAME]];
        let mut sum = Sum::default();
        voices.iter().for_each(|voice| sum.add(voice));
        let mut out = [0; FRAME];
        for (voice, others) in voices.iter().zip([-23, 107, 70]) {
            sum.without(Some(voice), &mut out);
            assert_eq!(out, [others; FRAME]);
        }
        sum.without(None, &mut out);
        assert_eq!(out, [77; FRAME]);
    }

    #[test]
    fn loud_voices_clamp_and_do_not_wrap() {
        let mut sum = Sum::default();
        (0..1_000).for_each(|_| sum.add(&[i16::MAX; FRAME]));
        let mut out = [0; FRAME];
        sum.without(None, &mut out);
        assert_eq!(out, [i16::MAX; FRAME]);
        sum.without(Some(&[i16::MIN; FRAME]), &mut out);
        assert_eq!(out, [i16::MAX; FRAME]);
    }
}
