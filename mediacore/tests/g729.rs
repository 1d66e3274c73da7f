//! G.729 against libbcg729, an implementation that is not ours: each understands the other, and
//! neither sounds worse for it.

use mediacore::codec::g729::{Decoder, Encoder, FRAME_OCTETS, FRAME_SAMPLES, SID_OCTETS};
use std::f64::consts::TAU;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the other side makes of octets.
fn other(what: &str, input: &[u8]) -> Vec<u8> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bcg729.py");
    let mut child = Command::new("python3")
        .arg(script)
        .arg(what)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed by scripts/setup --tests");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads all of its input");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "libbcg729-0 is installed by scripts/setup --tests");
    output.stdout
}

fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn samples(octets: &[u8]) -> Vec<i16> {
    octets.as_chunks::<2>().0.iter().map(|&two| i16::from_le_bytes(two)).collect()
}

fn decoded(frames: &[u8]) -> Vec<i16> {
    let mut decoder = Decoder::new();
    let mut out = [0; FRAME_SAMPLES];
    let frames = frames.as_chunks::<FRAME_OCTETS>().0;
    let hear = |frame| {
        decoder.decode(Some(frame), &mut out);
        out
    };
    frames.iter().flat_map(hear).collect()
}

fn encoded(said: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    said.as_chunks::<FRAME_SAMPLES>().0.iter().flat_map(|frame| encoder.encode(frame)).collect()
}

/// Three seconds like a voice: pulses whose pitch glides, through formants that move, between
/// hisses.
fn speech() -> Vec<i16> {
    let mut random = 7_u32;
    let mut hiss = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from((random >> 16) as i16) / 32_768.0
    };
    let mut formants = [[0.0; 2]; 3];
    let mut phase = 0.0;
    (0..24_000)
        .map(|n| {
            let at = f64::from(n) / 8_000.0;
            phase += (140.0 + 50.0 * (TAU * 0.7 * at).sin()) / 8_000.0;
            let pulse = if phase >= 1.0 { 8.0 } else { 0.0 };
            phase %= 1.0;
            let voiced = (TAU * 2.5 * at).sin() > -0.5;
            let source = if voiced { pulse + 0.05 * hiss() } else { 0.6 * hiss() };
            let slow = (TAU * 1.3 * at).sin();
            let centres = if voiced {
                [500.0 + 200.0 * slow, 1_500.0 - 400.0 * slow, 2_600.0]
            } else {
                [1_200.0, 2_400.0, 3_300.0]
            };
            let mut sample = source;
            for (state, hz) in formants.iter_mut().zip(centres) {
                let radius = 0.96;
                let turn = 2.0 * radius * (TAU * hz / 8_000.0).cos();
                let next = 0.3 * sample + turn * state[0] - radius * radius * state[1];
                *state = [next, state[0]];
                sample = next;
            }
            let syllable = 0.2 + (TAU * 2.0 * at).sin().powi(2);
            (sample * syllable * 12_000.0).clamp(-20_000.0, 20_000.0) as i16
        })
        .collect()
}

/// The mean of the signal to noise of pieces of 20 ms that are not silent, in dB.
fn segmental_db(wanted: &[i16], heard: &[i16]) -> f64 {
    let pieces = wanted.chunks_exact(160).zip(heard.chunks_exact(160)).skip(5);
    let each: Vec<f64> = pieces
        .filter_map(|(wanted, heard)| {
            let square = |value: f64| value * value;
            let signal: f64 = wanted.iter().map(|&sample| square(f64::from(sample))).sum();
            let pairs = wanted.iter().zip(heard);
            let noise: f64 = pairs.map(|(&a, &b)| square(f64::from(a) - f64::from(b))).sum();
            (signal > 160.0 * 200.0 * 200.0).then(|| 10.0 * (signal / noise.max(1.0)).log10())
        })
        .collect();
    assert!(each.len() > 80, "most of it is loud");
    each.iter().sum::<f64>() / each.len() as f64
}

#[test]
fn what_another_encoder_says_we_hear_as_its_own_decoder_does() {
    let frames = other("encode", &octets(&speech()));
    assert_eq!(frames.len(), 300 * FRAME_OCTETS);
    let db = segmental_db(&samples(&other("decode", &frames)), &decoded(&frames));
    // The other counts in whole numbers of 16 bits, which alone makes some 45 dB; a wrong figure of
    // a table or a filter leaves less than 20 dB.
    assert!(db > 35.0, "{db:.1} dB");
}

#[test]
fn what_we_say_another_decoder_hears_as_well_as_its_own_encoder() {
    let said = speech();
    // Five milliseconds of looking ahead are the delay of both.
    let quality =
        |frames: &[u8]| segmental_db(&said, &samples(&other("decode", frames)).split_off(40));
    let (ours, theirs) = (quality(&encoded(&said)), quality(&other("encode", &octets(&said))));
    assert!(ours > theirs - 0.5, "ours {ours:.2} dB, theirs {theirs:.2} dB");
}

#[test]
fn silence_that_another_encoder_describes_is_as_loud_here() {
    let mut random = 3_u32;
    let said: Vec<i16> = (0..16_000)
        .map(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random as i32 >> 24) as i16
        })
        .collect();
    let frames = other("silence", &octets(&said));
    let (mut rest, mut described) = (frames.as_slice(), 0);
    let (mut decoder, mut heard) = (Decoder::new(), Vec::new());
    while let Some((&length, after)) = rest.split_first() {
        let (frame, after) = after.split_at(usize::from(length));
        let mut out = [0; FRAME_SAMPLES];
        match length {
            0 => decoder.silence(None, &mut out),
            2 => decoder.silence(frame.first_chunk::<SID_OCTETS>(), &mut out),
            _ => decoder.decode(frame.first_chunk(), &mut out),
        }
        described += u32::from(length == 2);
        heard.extend(out);
        rest = after;
    }
    assert!(described > 0, "noise is described as silence");
    let level = |samples: &[i16]| {
        let sum: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        10.0 * (sum / samples.len() as f64).log10()
    };
    let (before, after) = (level(&said[8_000..]), level(&heard[8_000..]));
    assert!((before - after).abs() < 3.0, "{before:.1} dB became {after:.1} dB");
}
