//! What a leg says, from octets to what is heard: digits, tones of three networks, fax machines,
//! people and machines.

use super::PEAK_0_DBM0;
use super::ear::{Ear, Heard};
use crate::codec::sound::{noise, tone, voice};
use crate::codec::{Converter, Decoder, Encoder, Rate};
use crate::g711::{self, Law};
use crate::prompt::Limits;
use crate::tone::keys::Keypad;
use std::path::PathBuf;
use terms::Moment;
use terms::media::{Codec, Progress, RtpTime, Ssrc, TonePlan, Watch, Wishes};

const FRAME: usize = 160;

fn frames(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

fn sine(hz: u32, ms: usize, dbm0: f32) -> Vec<i16> {
    tone(hz, 8_000, ms * 8, (PEAK_0_DBM0 * 10f32.powf(dbm0 / 20.0)) as i16)
}

fn both(one: u32, two: u32, ms: usize) -> Vec<i16> {
    sine(one, ms, -16.0).iter().zip(sine(two, ms, -16.0)).map(|(one, two)| one + two).collect()
}

fn digits(keys: &str) -> Vec<i16> {
    let mut keypad = Keypad::default();
    keypad.push(keys);
    let (mut out, mut frame) = (Vec::new(), [0; FRAME]);
    while keypad.fill(&mut frame) {
        out.extend(frame);
    }
    out
}

/// One packet of 20 ms after the other through a codec; `lost` ones never come.
fn heard(codec: Codec, what: Watch, said: &[i16], lost: impl Fn(usize) -> bool) -> Vec<Heard> {
    let mut ear = Ear::new(codec, false, what).expect("somebody listens");
    let (mut encoder, mut converter) =
        (Encoder::new(codec, Wishes::default()), Converter::default());
    let mut out = Vec::new();
    for (n, frame) in said.chunks_exact(FRAME).enumerate() {
        let (mut samples, mut payload) = (Vec::new(), Vec::new());
        converter.convert(Rate::Narrow, Rate::of(codec), frame, &mut samples);
        encoder.encode(&samples, &mut payload);
        if !lost(n) {
            let time = RtpTime((u32::MAX - 3_000).wrapping_add(n as u32 * codec.clock_hz() / 50));
            let now = Moment::from_millis(n as u64 * 20);
            ear.hear(now, (Ssrc(1), time), &payload, |heard| out.push(heard));
        }
    }
    out
}

fn keys(heard: &[Heard]) -> String {
    let key = |heard: &Heard| match heard {
        Heard::Digit(digit) => Some(digit.key),
        Heard::Pressed(_) | Heard::Progress(_) => None,
    };
    heard.iter().filter_map(key).collect()
}

fn told(what: Watch, said: &[i16]) -> Vec<Progress> {
    let progress = |heard: Heard| match heard {
        Heard::Progress(progress) => Some(progress),
        Heard::Pressed(_) | Heard::Digit(_) => None,
    };
    heard(Codec::Pcma, what, said, |_| false).into_iter().filter_map(progress).collect()
}

#[test]
fn digits_are_heard_through_every_codec_that_is_listened_to() {
    let mut said = frames(100);
    said.extend(digits("0123456789*#ABCD"));
    for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::L16, Codec::L16Narrow] {
        let heard = heard(codec, Watch::default(), &said, |_| false);
        assert_eq!(keys(&heard), "0123456789*#ABCD", "{codec:?}");
    }
    for unheard in [Codec::Opus, Codec::G729] {
        assert!(Ear::new(unheard, false, Watch::default()).is_none(), "{unheard:?}");
    }
    assert!(Ear::new(Codec::Pcma, true, Watch::default()).is_none(), "events were agreed");
}

#[test]
fn a_lost_packet_in_a_digit_makes_no_second_one() {
    let mut said = frames(100);
    said.extend(digits("5550"));
    for first in 5..10 {
        let heard = heard(Codec::Pcma, Watch::default(), &said, |n| n % 10 == first);
        let keys = keys(&heard);
        assert!(keys.len() <= 4 && "5550".contains(&keys), "{keys} with packet {first} lost");
        assert!(keys.len() >= 3, "{keys} with packet {first} lost");
    }
}

#[test]
fn a_digit_ends_when_packets_stop_and_late_ones_change_nothing() {
    let mut ear = Ear::new(Codec::Pcma, false, Watch::default()).expect("it hears keys");
    let mut out = Vec::new();
    let said = digits("7");
    let payload = |n: usize| -> Vec<u8> {
        said[n * FRAME..][..FRAME].iter().map(|&s| g711::encode(Law::A, s)).collect()
    };
    for n in [0, 1, 2, 1, 0, 3] {
        let at = (Ssrc(1), RtpTime(n as u32 * 160));
        ear.hear(Moment::from_millis(n as u64 * 20), at, &payload(n), |heard| out.push(heard));
    }
    assert_eq!(out, [Heard::Pressed('7')]);
    let timeout = ear.next_timeout().expect("the key is down");
    assert_eq!(ear.handle_timeout(Moment(timeout.0 - 1)), None);
    let digit = ear.handle_timeout(timeout).expect("it ends");
    assert_eq!((digit.key, digit.duration_ms), ('7', 80));
    assert_eq!(ear.next_timeout(), None);
}

/// Talk-off: what we play ourselves, some minutes of voice and music, is no digit and no tone.
#[test]
fn prompts_and_music_are_no_digits_and_no_tones() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../prompts");
    let (store, skipped) =
        crate::edge::prompts::load(&[folder], &Limits::default()).expect("the prompts are there");
    assert!(skipped.is_empty() && store.len() > 40, "{} prompts", store.len());
    let what = Watch { tones: Some(TonePlan::China), fax: true, answerer: false };
    for name in store.names() {
        let prompt = store.get(name).expect("a listed name");
        let octets = prompt.octets(Law::A);
        for lead in [0, 37] {
            let mut ear = Ear::new(Codec::Pcma, false, what).expect("somebody listens");
            let mut out = Vec::new();
            for (n, payload) in octets[lead.min(octets.len())..].chunks(FRAME).enumerate() {
                let at = (Ssrc(1), RtpTime(n as u32 * 160));
                ear.hear(Moment(0), at, payload, |heard| out.push(heard));
            }
            assert!(out.is_empty(), "{name}: {out:?}");
        }
    }
    let mut said = voice(8_000, 160_000);
    said.extend(noise(80_000, 9_000, 5));
    assert_eq!(heard(Codec::Pcma, what, &said, |_| false), []);
}

fn rhythm(on: &[i16], off_ms: usize, rounds: usize) -> Vec<i16> {
    let mut said = frames(300);
    for _ in 0..rounds {
        said.extend(on);
        said.extend(frames(off_ms));
    }
    said
}

#[test]
fn each_network_says_ringback_busy_and_congestion_in_its_own_tones() {
    use Progress::{Busy, Congestion, Ringback};
    let watch = |plan| Watch { tones: Some(plan), ..Watch::default() };
    let china = |on, off, rounds| rhythm(&sine(450, on, -12.0), off, rounds);
    let itu = |on, off, rounds| rhythm(&sine(425, on, -20.0), off, rounds);
    for (plan, said, expected) in [
        (TonePlan::China, china(1_000, 4_000, 3), Ringback),
        (TonePlan::China, china(350, 350, 6), Busy),
        (TonePlan::China, china(700, 700, 6), Congestion),
        (TonePlan::Itu, itu(1_000, 4_000, 2), Ringback),
        (TonePlan::Itu, itu(500, 500, 6), Busy),
        (TonePlan::Itu, itu(250, 250, 6), Congestion),
        (TonePlan::Us, rhythm(&both(440, 480, 2_000), 4_000, 2), Ringback),
        (TonePlan::Us, rhythm(&both(480, 620, 500), 500, 6), Busy),
        (TonePlan::Us, rhythm(&both(480, 620, 250), 250, 6), Congestion),
    ] {
        assert_eq!(told(watch(plan), &said), [expected], "{plan:?}");
        assert_eq!(told(Watch { fax: true, ..Watch::default() }, &said), [], "{plan:?}");
    }
    let mut said = china(1_000, 4_000, 2);
    said.extend(china(350, 350, 4));
    assert_eq!(told(watch(TonePlan::China), &said), [Ringback, Busy]);
    // Dial tone, half a rhythm and other lengths are nothing.
    assert_eq!(told(watch(TonePlan::China), &sine(450, 10_000, -12.0)), []);
    assert_eq!(told(watch(TonePlan::China), &china(350, 3_000, 1)), []);
    assert_eq!(told(watch(TonePlan::China), &china(200, 200, 8)), []);
    assert_eq!(told(watch(TonePlan::China), &rhythm(&sine(600, 350, -12.0), 350, 6)), []);
}

#[test]
fn the_three_special_information_tones_are_heard_in_their_order_only() {
    let watch = Watch { tones: Some(TonePlan::China), ..Watch::default() };
    let tones = |order: [u32; 3]| {
        let mut said = frames(200);
        for hz in order {
            said.extend(sine(hz, 330, -18.0));
        }
        said.extend(frames(1_000));
        said
    };
    assert_eq!(told(watch, &tones([950, 1_400, 1_800])), [Progress::SpecialInformation]);
    assert_eq!(told(watch, &tones([914, 1_371, 1_777])), [Progress::SpecialInformation]);
    assert_eq!(told(watch, &tones([1_800, 1_400, 950])), []);
    assert_eq!(told(watch, &tones([950, 1_400, 1_400])), []);
}

#[test]
fn a_fax_machine_is_heard_by_its_call_and_by_its_answer() {
    let watch = Watch { fax: true, ..Watch::default() };
    let cng = |hz, ms| rhythm(&sine(hz, ms, -15.0), 3_000, 2);
    assert_eq!(told(watch, &cng(1_100, 500)), [Progress::FaxCalling]);
    assert_eq!(told(watch, &cng(1_138, 425)), [Progress::FaxCalling]);
    assert_eq!(told(watch, &cng(1_062, 575)), [Progress::FaxCalling]);
    assert_eq!(told(watch, &cng(1_200, 500)), []);
    assert_eq!(told(watch, &cng(1_100, 1_500)), []);
    let mut ced = frames(200);
    ced.extend(sine(2_100, 2_600, -12.0));
    assert_eq!(told(watch, &ced), [Progress::FaxAnswering]);
    assert_eq!(told(watch, &rhythm(&sine(2_100, 200, -12.0), 500, 3)), []);
    assert_eq!(told(Watch { answerer: true, ..Watch::default() }, &ced), []);
}

#[test]
fn a_short_word_is_a_person_and_a_text_with_a_beep_a_machine() {
    let watch = Watch { answerer: true, ..Watch::default() };
    let mut person = frames(800);
    person.extend(voice(8_000, 5_600));
    person.extend(frames(2_000));
    assert_eq!(told(watch, &person), [Progress::Human]);
    let mut machine = frames(800);
    machine.extend(voice(8_000, 48_000));
    machine.extend(frames(300));
    machine.extend(sine(1_000, 400, -14.0));
    machine.extend(frames(1_000));
    assert_eq!(told(watch, &machine), [Progress::Machine, Progress::Beep]);
    let mut beep_alone = frames(800);
    beep_alone.extend(sine(1_000, 400, -14.0));
    beep_alone.extend(frames(1_000));
    assert_eq!(told(watch, &beep_alone), [], "a beep follows a text");
}

#[test]
fn digits_that_a_wideband_codec_carried_sound_as_they_should() {
    // The generator through G.722 and back, so that what we send there is a digit there.
    let mut converter = Converter::default();
    let (mut encoder, mut decoder) =
        (Encoder::new(Codec::G722, Wishes::default()), Decoder::new(Codec::G722));
    let (mut wide, mut payload, mut out) = (Vec::new(), Vec::new(), Vec::new());
    converter.convert(Rate::Narrow, Rate::Wide, &digits("42"), &mut wide);
    encoder.encode(&wide, &mut payload);
    decoder.decode(&payload, &mut out).expect("our own packet");
    let level = crate::codec::sound::level_at(&out[800..1_500], 770, 16_000);
    assert!((level + 12.3).abs() < 1.0, "{level:.1} dB");
}
