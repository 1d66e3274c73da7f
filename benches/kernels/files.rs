//! What the renderings of a recording cost: how many live calls one spare core keeps up with.

use benches::media::wav::Wav;
use mediacore::encode::Encode;
use mediacore::g711::{self, Law};
use mediacore::mp3::{self, Mp3Options};
use mediacore::ogg_opus;
use mediacore::record::wav::Format;
use std::hint::black_box;
use std::time::Instant;

/// Samples given at a time, of both sides: as many as the program reads of a WAV.
const PIECE: usize = 32 * 1024;
/// The default of `recording.opus_kbit`.
const OPUS_KBIT: u16 = 24;

/// One rendering.
pub struct Form {
    /// What is measured.
    pub metric: &'static str,
    encoder: fn() -> Box<dyn Encode>,
}

/// All of them, as they are made by default.
pub const FORMS: [Form; 2] = [
    Form {
        metric: "MP3 of 32 kbit/s, stereo: live calls that one core encodes",
        encoder: || {
            let made = mp3::Encoder::new(Mp3Options::default(), Format::stereo_8k(None));
            Box::new(made.expect("the default is a rate of 8 kHz"))
        },
    },
    Form {
        metric: "Opus of 24 kbit/s, two streams: live calls that one core encodes",
        encoder: || {
            let made = ogg_opus::Encoder::new(OPUS_KBIT, Format::stereo_8k(None));
            Box::new(made.expect("the default is a rate of 8 kHz"))
        },
    },
];

/// Two who talk in turns, left and right.
fn conversation() -> Vec<i16> {
    let voice = |file: &[u8]| -> Vec<i16> {
        let wav = Wav::parse(file).expect("a sample prompt is a WAV file");
        wav.channels[0].iter().map(|&code| g711::decode(Law::A, code)).collect()
    };
    let customer = voice(include_bytes!("../../prompts/en/test.wav"));
    let agent = voice(include_bytes!("../../prompts/zh-CN/test.wav"));
    let left = customer.into_iter().map(|sample| [sample, 0]);
    left.chain(agent.into_iter().map(|sample| [0, sample])).flatten().collect()
}

/// Seconds of a recording that are encoded in one of CPU, so many live calls: the median of some
/// rounds.
pub fn calls_per_core(form: &Form, seconds: usize, rounds: usize) -> f64 {
    let samples = seconds * 2 * 8_000;
    let sound: Vec<i16> = conversation().into_iter().cycle().take(samples).collect();
    let round = |_| {
        let (mut encoder, mut out) = ((form.encoder)(), Vec::new());
        let began = Instant::now();
        for piece in sound.chunks(PIECE) {
            out.clear();
            encoder.encode(black_box(piece), &mut out).expect("samples can be encoded");
        }
        black_box(encoder.finish(&mut out).expect("a file has an end"));
        seconds as f64 / began.elapsed().as_secs_f64()
    };
    let mut all: Vec<f64> = (0..rounds).map(round).collect();
    all.sort_by(f64::total_cmp);
    all[rounds / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_made_of_two_who_talk_in_turns() {
        let said = conversation();
        let (pairs, rest) = said.as_chunks::<2>();
        assert!(rest.is_empty() && pairs.iter().all(|[left, right]| *left == 0 || *right == 0));
        for side in 0..2 {
            let loudest = pairs.iter().map(|pair| pair[side].unsigned_abs()).max();
            assert!(loudest > Some(1_000), "side {side}");
        }
        for form in &FORMS {
            assert!(calls_per_core(form, 1, 1) > 0.0, "{}", form.metric);
        }
    }
}
