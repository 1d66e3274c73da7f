//! The codec as a whole: what comes back, what is concealed, what nobody may break.

use super::frame::{DELAY_MAX, Delay, ExcitationCode, Frame};
use super::*;
use crate::codec::sound::{level_at, level_dbov, noise, signal_to_noise_db, tone, voice};

/// Half a second of [`voice`] in the words of another encoder (bcg729 1.1.1, without silence).
const FOREIGN: &[u8] = include_bytes!("../../../tests/g729-voice.bin");

fn encoded(said: &[i16]) -> Vec<[u8; FRAME_OCTETS]> {
    let mut encoder = Encoder::new();
    said.as_chunks::<FRAME_SAMPLES>().0.iter().map(|frame| encoder.encode(frame)).collect()
}

fn decoded<'a>(frames: impl IntoIterator<Item = Option<&'a [u8; FRAME_OCTETS]>>) -> Vec<i16> {
    let mut decoder = Decoder::new();
    let hear = |frame| {
        let mut out = [0; FRAME_SAMPLES];
        decoder.decode(frame, &mut out);
        out
    };
    frames.into_iter().flat_map(hear).collect()
}

fn round(said: &[i16]) -> Vec<i16> {
    decoded(encoded(said).iter().map(Some))
}

/// Octets that mean nothing, the same each time.
fn octets(random: &mut u32) -> [u8; FRAME_OCTETS] {
    std::array::from_fn(|_| {
        *random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*random >> 24) as u8
    })
}

/// A codec of speech at one bit a sample follows a voice's wave to about 10 dB, and the postfilter
/// takes some of that; a wrong filter or gain gives nothing above 0 dB.
#[test]
fn a_voice_comes_back() {
    let said = voice(8_000, 16_000);
    let db = signal_to_noise_db(&said, &round(&said), 60);
    assert!(db > 7.0, "{db:.1} dB");
    let (before, after) = (level_dbov(&said), level_dbov(&round(&said)));
    assert!((before - after).abs() < 1.5, "{before:.1} became {after:.1} dBov");
}

#[test]
fn tones_keep_their_pitch_and_level() {
    for hz in [300, 440, 1_000, 2_000, 3_000] {
        let said = tone(hz, 8_000, 8_000, 8_000);
        let (before, after) = (level_at(&said, hz, 8_000), level_at(&round(&said), hz, 8_000));
        assert!((before - after).abs() < 2.0, "{hz} Hz: {before:.1} became {after:.1} dB");
    }
}

/// White noise has nothing that this codec could foresee: with four pulses of one size it comes out
/// 5 dB quieter, here as in other implementations.
#[test]
fn silence_stays_silent_and_noise_is_noise() {
    assert!(round(&[0; 8_000]).iter().all(|sample| sample.abs() < 30));
    let said = noise(16_000, 4_000, 3);
    let (before, after) = (level_dbov(&said), level_dbov(&round(&said)));
    assert!(before - after < 6.0 && after < before, "{before:.1} became {after:.1} dBov");
}

#[test]
fn the_words_of_another_encoder_are_the_voice_that_it_heard() {
    let frames = FOREIGN.as_chunks::<FRAME_OCTETS>().0;
    assert_eq!(frames.len(), 50);
    let said = voice(8_000, 50 * FRAME_SAMPLES);
    let db = signal_to_noise_db(&said, &decoded(frames.iter().map(Some)), 60);
    assert!(db > 7.0, "{db:.1} dB");
}

/// Other decoders (FFmpeg's) take a delay of 143⅔ samples, which has a code, for a mistake.
#[test]
fn no_delay_is_longer_than_every_decoder_takes() {
    // 55.7 Hz: a period of 143.6 samples.
    let said: Vec<i16> = (0..16_000)
        .map(|n| {
            let after = (f64::from(n) * 3.0) % 431.0 / 3.0;
            (8_000.0 * (-after / 20.0).exp() * (after * 0.7).cos()) as i16
        })
        .collect();
    let mut longest = 0;
    for frame in encoded(&said) {
        let [one, two] = Frame::read(&frame).subframes;
        let second = Delay::read_second(two.delay, Delay::read_first(one.delay));
        longest = longest.max(second.whole());
    }
    assert_eq!(longest, DELAY_MAX);
}

#[test]
fn both_are_the_same_each_time() {
    let said = voice(8_000, 8_000);
    assert!(encoded(&said) == encoded(&said));
    assert!(round(&said) == round(&said));
}

#[test]
fn any_octets_losses_and_silences_give_samples() {
    let mut random = 11;
    let mut decoder = Decoder::new();
    let mut out = [0; FRAME_SAMPLES];
    for _ in 0..20_000 {
        let octets = octets(&mut random);
        match octets[0] >> 4 {
            0 => decoder.decode(None, &mut out),
            1 => decoder.silence(Some(&[octets[1], octets[2]]), &mut out),
            2 => decoder.silence(None, &mut out),
            _ => decoder.decode(Some(&octets), &mut out),
        }
    }
    // The largest gains at the shortest delay feed themselves, and must end at the bound.
    let loudest = ExcitationCode { delay: 1, gain_first: 0, gain_second: 5, ..Default::default() };
    let frame = Frame { subframes: [loudest; 2], ..Frame::default() }.write();
    (0..2_000).for_each(|_| decoder.decode(Some(&frame), &mut out));
    // Nothing of it stays: a voice is a voice again after a second.
    let said = voice(8_000, 16_000);
    let heard: Vec<i16> = encoded(&said)
        .iter()
        .flat_map(|frame| {
            decoder.decode(Some(frame), &mut out);
            out
        })
        .collect();
    let db = signal_to_noise_db(&said[8_000..], &heard[8_000..], 60);
    assert!(db > 7.0, "{db:.1} dB");
}

#[test]
fn any_samples_are_encoded_and_the_voice_after_them_is_understood() {
    let mut encoder = Encoder::new();
    let mut decoder = Decoder::new();
    let mut out = [0; FRAME_SAMPLES];
    let mut random = 5_u32;
    let loud = |n: usize| if n % 80 < 40 { i16::MAX } else { i16::MIN };
    for n in 0..4_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let kind = n / 40 % 5;
        let said: [i16; FRAME_SAMPLES] = std::array::from_fn(|m| match kind {
            0 => (random.rotate_left(m as u32) >> 8) as i16,
            1 => loud(m * (1 + n % 13)),
            2 => 0,
            3 => i16::from(m == 7) * i16::MIN,
            _ => i16::MIN,
        });
        decoder.decode(Some(&encoder.encode(&said)), &mut out);
    }
    let said = voice(8_000, 16_000);
    let mut heard = Vec::new();
    for frame in said.as_chunks::<FRAME_SAMPLES>().0 {
        decoder.decode(Some(&encoder.encode(frame)), &mut out);
        heard.extend(out);
    }
    let db = signal_to_noise_db(&said[8_000..], &heard[8_000..], 60);
    assert!(db > 7.0, "{db:.1} dB");
}

#[test]
fn a_voice_that_is_lost_goes_on_and_fades() {
    for said in [voice(8_000, 6_000), noise(6_000, 4_000, 1), tone(250, 8_000, 6_000, 8_000)] {
        let frames = encoded(&said);
        let frames = frames[..70].iter().map(Some).chain([None; 100]);
        let heard = decoded(frames);
        let level = |frame: usize| level_dbov(&heard[frame * FRAME_SAMPLES..][..4 * FRAME_SAMPLES]);
        let (before, soon, late) = (level(66), level(70), level(165));
        assert!(soon > before - 12.0, "{before:.1}, then at once {soon:.1} dBov");
        assert!(late < before - 20.0, "{before:.1}, then after a second {late:.1} dBov");
    }
}

/// A tone repeats itself with gains near one, so that a mistake of the decoder would stay, or grow.
#[test]
fn a_decoder_that_began_wrongly_agrees_after_a_while() {
    let mut random = 4;
    let garbage: Vec<[u8; FRAME_OCTETS]> = (0..20).map(|_| octets(&mut random)).collect();
    for hz in [230, 310, 1_000] {
        let said = tone(hz, 8_000, 24_000, 8_000);
        let frames = encoded(&said);
        let right = decoded(frames[..20].iter().chain(&frames).map(Some));
        let wrong = decoded(garbage.iter().chain(&frames).map(Some));
        let half = right.len() / 2;
        let db = signal_to_noise_db(&right[half..], &wrong[half..], 0);
        assert!(db > 30.0, "{hz} Hz: {db:.1} dB");
    }
}

#[test]
fn a_few_lost_frames_are_hardly_missed() {
    let said = voice(8_000, 16_000);
    let frames = encoded(&said);
    let heard =
        decoded(frames.iter().enumerate().map(|(n, frame)| (n % 20 != 13).then_some(frame)));
    let db = signal_to_noise_db(&said, &heard, 60);
    assert!(db > 3.0, "{db:.1} dB");
}

/// A delay with the wrong parity is not used: whatever bit of it is wrong, the last one stands in.
#[test]
fn a_delay_with_the_wrong_parity_is_not_heard() {
    // Noise has another delay in each subframe, so the last one is not the right one by chance.
    let said = noise(4_000, 4_000, 2);
    let frames = encoded(&said);
    let with = |bit: u8| {
        // The delay's bits begin with the nineteenth of the frame.
        let mut frames = frames.clone();
        frames[30][usize::from(18 + bit) / 8] ^= 0x80 >> ((18 + bit) % 8);
        assert!(!Frame::read(&frames[30]).delay_intact);
        decoded(frames.iter().map(Some))
    };
    assert!(Frame::read(&frames[30]).delay_intact);
    let one = with(0);
    assert!((1..6).all(|bit| with(bit) == one));
    assert!(one != decoded(frames.iter().map(Some)));
}

/// A descriptor of level `gain` with the flattest of the spectra.
fn descriptor(gain: u8) -> [u8; SID_OCTETS] {
    [0, gain << 1]
}

#[test]
fn noise_of_silence_is_as_loud_as_it_is_described() {
    let heard = |gain: u8| {
        let mut decoder = Decoder::new();
        let mut samples = Vec::new();
        for n in 0..200 {
            let mut out = [0; FRAME_SAMPLES];
            decoder.silence((n == 0).then_some(&descriptor(gain)), &mut out);
            samples.extend(out);
        }
        level_dbov(&samples[800..])
    };
    // Two decibels a step, and four below the seventh.
    let middle = heard(12);
    for (gain, wanted) in [(4, -20.0), (6, -12.0), (16, 8.0), (24, 24.0)] {
        let louder = heard(gain) - middle;
        assert!((louder - wanted).abs() < 1.0, "{gain}: {louder:.1} dB for {wanted:.1}");
    }
}

#[test]
fn noise_before_any_descriptor_is_silence() {
    let mut decoder = Decoder::new();
    let mut out = [1; FRAME_SAMPLES];
    decoder.silence(None, &mut out);
    assert_eq!(out, [0; FRAME_SAMPLES]);
}

#[test]
fn a_frame_that_is_lost_in_silence_is_as_quiet_as_the_silence() {
    let mut decoder = Decoder::new();
    let mut out = [0; FRAME_SAMPLES];
    let mut heard = Vec::new();
    for frame in encoded(&voice(8_000, 4_000)) {
        decoder.decode(Some(&frame), &mut out);
    }
    for n in 0..40 {
        decoder.silence((n == 0).then_some(&descriptor(16)), &mut out);
        heard.extend(out);
    }
    for _ in 0..10 {
        decoder.decode(None, &mut out);
        heard.extend(out);
    }
    let (silence, lost) = heard[800..].split_at(30 * FRAME_SAMPLES);
    let (silence, lost) = (level_dbov(silence), level_dbov(lost));
    assert!((silence - lost).abs() < 4.0, "{silence:.1} dBov, then {lost:.1}");
}
