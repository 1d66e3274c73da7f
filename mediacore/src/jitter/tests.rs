//! Tests of the jitter buffer.

use super::*;
use crate::codec::sound::{level_at, level_dbov, signal_to_noise_db, tone, voice};
use crate::codec::{Encoded, Encoder};
use crate::g711::{self, Law};
use terms::media::Wishes;

fn at(ms: u32) -> Moment {
    Moment::from_millis(10_000 + u64::from(ms))
}

/// What the frame of this time sounds like; silence when nobody speaks.
fn taken(jitter: &mut Jitter, ms: u32) -> Vec<i16> {
    let silent = Frame::silent(jitter.rate());
    jitter.take(at(ms)).unwrap_or(silent).samples().to_vec()
}

/// A-law octets that decode to a slow counter, so that every sample has a value of its own.
fn payload(ptime_ms: usize, level: u8) -> Vec<u8> {
    vec![0xD5 ^ level; ptime_ms * 8]
}

fn loud_frames(jitter: &mut Jitter, frames: u32) -> Vec<bool> {
    (0..frames).map(|n| taken(jitter, n * 20).iter().all(|&sample| sample != 0)).collect()
}

#[test]
fn every_packet_time_plays_without_a_hole() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        for start in [0_u32, u32::MAX - 300] {
            let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
            let mut holes = 0;
            for ms in (0..1_200_u32).step_by(10) {
                if ms % ptime_ms == 0 {
                    let time = RtpTime(start.wrapping_add(ms * 8));
                    jitter.put(at(ms), time, &payload(ptime_ms as usize, 0x20));
                }
                if ms % 20 == 0 {
                    let out = taken(&mut jitter, ms);
                    holes += usize::from(ms > 60 && out.contains(&0));
                }
            }
            assert_eq!((holes, jitter.late()), (0, 0), "ptime {ptime_ms}");
        }
    }
}

#[test]
fn reordered_packets_play_in_order() {
    let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
    for n in [0_u32, 2, 1, 3] {
        jitter.put(at(0), RtpTime(n * 160), &payload(20, 0x10 + n as u8));
    }
    let levels: Vec<i16> = (0..6).map(|n| taken(&mut jitter, n * 20)[0]).collect();
    let expected: Vec<i16> = (0..4).map(|n| g711::decode(Law::A, 0xD5 ^ (0x10 + n))).collect();
    assert_eq!(levels[..2], [0, 0]);
    assert_eq!(levels[2..], expected);
}

/// Four seconds of which every fifth packet comes `late_ms` later.
fn every_fifth_later(late_ms: u32) -> Jitter {
    let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 20, ms_max: 60 });
    for n in 0..200_u32 {
        let steps = late_ms / 20;
        if n % 5 != 0 {
            jitter.put(at(n * 20), RtpTime(n * 160), &payload(20, 0x20));
        }
        if n >= steps && (n - steps).is_multiple_of(5) {
            let time = RtpTime((n - steps) * 160);
            jitter.put(at(n * 20 + late_ms % 20), time, &payload(20, 0x20));
        }
        taken(&mut jitter, n * 20 + 19);
    }
    jitter
}

#[test]
fn late_packets_are_counted_and_the_delay_grows_up_to_its_limit() {
    let waited_for = every_fifth_later(55);
    assert!((1..=8).contains(&waited_for.late()), "{}", waited_for.late());
    assert_eq!(waited_for.playout().target_ms, 55);
    // What is later than may be waited for is not waited for.
    let lost = every_fifth_later(200);
    assert_eq!((lost.late(), lost.playout().target_ms), (38, 20));
}

#[test]
fn a_source_whose_clock_stood_still_is_heard_again() {
    let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
    let mut heard = 0;
    for n in 0..150_u32 {
        // It rests for a second and goes on with the timestamp after its last one.
        let place = if n < 50 { n } else { n.max(100) - 50 };
        if !(50..100).contains(&n) {
            jitter.put(at(n * 20), RtpTime(place * 160), &payload(20, 0x20));
        }
        let is_loud = taken(&mut jitter, n * 20).iter().all(|&sample| sample != 0);
        heard += u32::from(n >= 100 && is_loud);
    }
    assert!(heard >= 35, "{heard} of 50 frames after the rest");
    assert!(jitter.late() <= u64::from(LATE_MAX));
}

#[test]
fn a_lost_frame_is_concealed_and_silence_follows() {
    let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 0, ms_max: 200 });
    jitter.put(at(0), RtpTime(0), &payload(20, 0x20));
    assert_eq!(loud_frames(&mut jitter, 6), [true, true, true, true, false, false]);
}

#[test]
fn a_buffer_that_stays_deep_gets_shallower() {
    let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 20, ms_max: 200 });
    // The first packets come in a burst, all but the last of them late.
    for n in 0..10_u32 {
        jitter.put(at(180), RtpTime(n * 160), &payload(20, 0x20));
    }
    for n in 10..410_u32 {
        jitter.put(at(n * 20), RtpTime(n * 160), &payload(20, 0x20));
        taken(&mut jitter, n * 20);
    }
    let behind = jitter.delay.behind_ms(at(410 * 20), jitter.play_at.unwrap()).unwrap();
    assert!((20..=60).contains(&behind), "{behind} ms behind");
    assert!(jitter.playout().accelerated_ms >= 100, "{:?}", jitter.playout());
}

#[test]
fn a_wild_timestamp_begins_anew() {
    let mut jitter = Jitter::new(Codec::Pcma, Limits { ms_min: 0, ms_max: 200 });
    jitter.put(at(0), RtpTime(0), &payload(20, 0x20));
    jitter.put(at(0), RtpTime(2_000_000_000), &payload(20, 0x20));
    assert_eq!(loud_frames(&mut jitter, 1), [true]);
}

fn played(
    jitter: &mut Jitter,
    codec: Codec,
    wishes: Wishes,
    said: &[i16],
    lost: &[u32],
) -> Vec<i16> {
    let mut encoder = Encoder::new(codec, wishes);
    let mut out = Vec::new();
    for (n, frame) in (0_u32..).zip(said.chunks_exact(Rate::of(codec).samples(20))) {
        let mut payload = Vec::new();
        let sent = encoder.encode(frame, &mut payload) == Encoded::Packet;
        if sent && !lost.contains(&n) {
            let time = RtpTime((n + 9).wrapping_mul(codec.clock_hz() / 50));
            jitter.put(at(n * 20), time, &payload);
        }
        out.extend(taken(jitter, n * 20));
    }
    out
}

#[test]
fn every_codec_plays_a_tone_in_order() {
    for codec in Codec::ALL {
        let hz = codec.sample_hz();
        let said = tone(1_000, hz, hz as usize, 8_000);
        let mut jitter = Jitter::new(codec, Limits::default());
        let out = played(&mut jitter, codec, Wishes::default(), &said, &[]);
        let settled = &out[out.len() / 2..];
        let level = level_at(settled, 1_000, hz);
        assert!((level + 12.2).abs() < 3.0, "{codec:?} plays at {level:.1} dB");
        assert_eq!(jitter.late(), 0);
    }
}

#[test]
fn a_lost_opus_frame_is_recovered_from_the_next_one() {
    let said = voice(16_000, 64_000);
    let lost: Vec<u32> = (0..200).filter(|n| n % 10 == 5).collect();
    let heard = |wishes: Wishes, lost: &[u32]| {
        let mut jitter = Jitter::new(Codec::Opus, Limits::default());
        played(&mut jitter, Codec::Opus, wishes, &said, lost)
    };
    let fec = Wishes { fec: true, ..Wishes::default() };
    let with = signal_to_noise_db(&heard(fec, &[]), &heard(fec, &lost), 0);
    let plain = Wishes::default();
    let without = signal_to_noise_db(&heard(plain, &[]), &heard(plain, &lost), 0);
    assert!(with > without + 3.0, "with the copy {with:.1} dB, without {without:.1} dB");
}

#[test]
fn a_rest_of_opus_sounds_as_quiet_as_the_silence_it_stands_for() {
    let mut said = voice(16_000, 32_000);
    said.extend(crate::codec::sound::noise(64_000, 30, 9));
    let mut jitter = Jitter::new(Codec::Opus, Limits::default());
    let dtx = Wishes { dtx: true, ..Wishes::default() };
    let out = played(&mut jitter, Codec::Opus, dtx, &said, &[]);
    let level = level_dbov(&out[48_000..]);
    assert!((-95.0..-55.0).contains(&level), "the rest sounds at {level:.1} dBov");
    assert!(level_dbov(&out[..32_000]) > -30.0);
}

/// G.729 Annex B describes a silence once, however long it lasts.
#[test]
fn a_rest_of_g729_sounds_until_somebody_speaks_and_nothing_of_it_is_made_up() {
    let said = voice(8_000, 8_000);
    let mut jitter = Jitter::new(Codec::G729, Limits::default());
    let mut encoder = Encoder::new(Codec::G729, Wishes::default());
    let (mut out, mut unheard) = (Vec::<i16>::new(), Vec::new());
    for n in 0..200_u32 {
        let mut payload = Vec::new();
        if !(50..150).contains(&n) {
            if n == 150 {
                encoder = Encoder::new(Codec::G729, Wishes::default());
            }
            let place = n as usize % 50 * 160;
            encoder.encode(&said[place..place + 160], &mut payload);
        }
        // With the last words, and once more when it has changed.
        if n == 49 || n == 100 {
            payload.extend([0x34, 0x54]);
        }
        if !payload.is_empty() {
            assert!(jitter.put(at(n * 20), RtpTime(n * 160), &payload), "packet {n}");
        }
        match jitter.take(at(n * 20)) {
            Some(frame) => out.extend(frame.samples()),
            None => {
                out.extend([0; 160]);
                unheard.push(n);
            }
        }
    }
    assert!(unheard.iter().all(|&n| n < 3), "frames {unheard:?} are not heard");
    let level =
        |frames: std::ops::Range<usize>| level_dbov(&out[frames.start * 160..frames.end * 160]);
    let rest = level(60..145);
    assert!((rest + 59.5).abs() < 6.0, "the rest sounds at {rest:.1} dBov");
    assert!(level(5..50) > -30.0 && level(155..195) > -30.0, "words before and after");
    assert_eq!((jitter.concealed_ms(), jitter.late()), (0, 0));
}

#[test]
fn a_lost_packet_of_g729_is_concealed_and_counted() {
    let said = voice(8_000, 32_000);
    let lost: Vec<u32> = (0..200).filter(|n| n % 20 == 13).collect();
    let mut jitter = Jitter::new(Codec::G729, Limits::default());
    let out = played(&mut jitter, Codec::G729, Wishes::default(), &said, &lost);
    assert_eq!(jitter.concealed_ms(), 200);
    let mut whole = Jitter::new(Codec::G729, Limits::default());
    let whole = played(&mut whole, Codec::G729, Wishes::default(), &said, &[]);
    // In its places there is a voice and no silence; all is heard 40 ms later.
    let level = |out: &[i16]| {
        let place = |&n: &u32| out[(n as usize + 2) * 160..][..160].to_vec();
        level_dbov(&lost.iter().flat_map(place).collect::<Vec<i16>>())
    };
    let (now, then) = (level(&out), level(&whole));
    assert!((now - then).abs() < 10.0, "{now:.1} dBov in place of {then:.1}");
}

/// A codec that remembers hears a packet once: decoded again, it would go on from where nobody spoke.
#[test]
fn what_is_put_twice_is_decoded_once() {
    for codec in [Codec::G722, Codec::Opus, Codec::G729] {
        let said = voice(codec.sample_hz(), 32_000);
        let heard = |times: usize| {
            let mut jitter = Jitter::new(codec, Limits::default());
            let mut encoder = Encoder::new(codec, Wishes::default());
            let mut out = Vec::new();
            for (n, frame) in (0_u32..).zip(said.chunks_exact(Rate::of(codec).samples(20))) {
                let mut payload = Vec::new();
                let became = encoder.encode(frame, &mut payload);
                assert_eq!(became, Encoded::Packet, "{codec:?} {n}");
                let time = RtpTime(n * (codec.clock_hz() / 50));
                (0..times).for_each(|_| assert!(jitter.put(at(n * 20), time, &payload)));
                out.extend(taken(&mut jitter, n * 20));
            }
            out
        };
        assert!(heard(1) == heard(2), "{codec:?}");
    }
}

#[test]
fn comfort_noise_sounds_at_its_level_until_somebody_speaks() {
    for codec in [Codec::Pcma, Codec::G722] {
        let mut jitter = Jitter::new(codec, Limits::default());
        jitter.put(at(0), RtpTime(0), &payload(20, 0x20));
        jitter.put_noise(at(20), RtpTime(160), &[50, 127, 127]);
        (0..4).for_each(|n| drop(taken(&mut jitter, n * 20)));
        let mut rest = Vec::new();
        for n in 4..104 {
            rest.extend(jitter.take(at(n * 20)).expect("noise is heard").samples());
        }
        let level = level_dbov(&rest);
        assert!((level + 50.0).abs() < 0.5, "{codec:?}: {level:.1} dBov");
        jitter.put(at(104 * 20), RtpTime(160 * 105), &payload(20, 0x20));
        let after: Vec<Vec<i16>> = (104..114).map(|n| taken(&mut jitter, n * 20)).collect();
        assert_eq!(after.last().unwrap(), &vec![0; jitter.rate().samples(20)], "it has ended");
    }
}

#[test]
fn any_packets_at_any_times_end() {
    use rand::{Rng, SeedableRng};
    let mut rng = rand::rngs::SmallRng::seed_from_u64(8);
    for codec in Codec::ALL {
        let mut jitter = Jitter::new(codec, Limits::default());
        for n in 0..2_000_u32 {
            let payload: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
            let time = RtpTime(n * codec.clock_hz() / 50 + rng.random_range(0..3_000));
            if n % 7 == 0 {
                jitter.put_noise(at(n * 20), time, &payload);
            } else {
                jitter.put(at(n * 20), time, &payload);
            }
            assert_eq!(taken(&mut jitter, n * 20).len(), jitter.rate().samples(20));
            assert!(jitter.packets.len() <= PACKETS_MAX && jitter.decoded.len() < 2_000);
        }
    }
}

#[test]
fn a_fixed_buffer_keeps_every_sample_at_its_place_and_makes_nothing_up() {
    let mut jitter = Jitter::new(Codec::L16Narrow, Limits::default());
    jitter.fix();
    let sample = |n: usize| (n % 20_000) as i16 + 1;
    let mut heard = Vec::new();
    for n in 0..200_usize {
        let now = Moment::from_millis(1_000 + n as u64 * 20);
        // Two losses, one of them long, and a rest of two seconds.
        if ![50, 80, 81, 82, 83].contains(&n) && !(100..200).contains(&n) {
            let payload: Vec<u8> =
                (n * 160..(n + 1) * 160).flat_map(|n| sample(n).to_be_bytes()).collect();
            jitter.put(now, RtpTime(n as u32 * 160), &payload);
        }
        let frame = jitter.take(now);
        heard.extend(frame.map_or(vec![0; 160], |frame| frame.samples().to_vec()));
    }
    let begins = heard.iter().position(|&sample| sample != 0).expect("something was heard");
    for (n, &heard) in heard[begins..].iter().enumerate() {
        let packet = n / 160;
        let is_lost = [50, 80, 81, 82, 83].contains(&packet) || packet >= 100;
        assert_eq!(heard, if is_lost { 0 } else { sample(n) }, "sample {n}");
    }
    assert_eq!((jitter.concealed_ms(), jitter.playout().expanded_ms), (0, 0));
    assert_eq!(jitter.playout().accelerated_ms, 0);
}
