//! Whole conversations through networks that delay, lose, double and reorder, in virtual time.

use super::*;
use crate::codec::sound::{level_at, tone, voice};
use crate::codec::{Encoder, Rate};
use crate::g711::{self, Law};
use crate::stats::{Order, ReceiveStats};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use terms::media::{SeqNo, Ssrc, Wishes};

/// What the network does to a packet; times in microseconds.
struct Network {
    rng: SmallRng,
    delay_max_us: u64,
    loss_percent: u32,
    doubled_percent: u32,
    /// How much slower the sender's clock is, in parts per million.
    drift_ppm: i64,
}

impl Network {
    fn calm() -> Self {
        Network {
            rng: SmallRng::seed_from_u64(7),
            delay_max_us: 0,
            loss_percent: 0,
            doubled_percent: 0,
            drift_ppm: 0,
        }
    }

    fn shaky(delay_max_us: u64) -> Self {
        Network { delay_max_us, ..Network::calm() }
    }
}

/// What came out.
struct Heard {
    samples: Vec<i16>,
    /// Of each frame, in ms.
    behind: Vec<i64>,
    jitter: Jitter,
}

/// Sends `said` as A-law from these numbers on and plays it. Packet `n` takes `extra_ms(n)` longer, or
/// never comes.
fn played(
    network: &mut Network,
    (first_seq, ptime_ms): (u16, u32),
    said: &[i16],
    extra_ms: impl Fn(u32) -> Option<u64>,
) -> Heard {
    let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
    let mut stats = ReceiveStats::default();
    let start = u32::MAX - 20_000;
    let mut wire = Vec::new();
    let samples = ptime_ms as usize * 8;
    for (n, packet) in (0_u32..).zip(said.chunks_exact(samples)) {
        let sent_us = u64::from(n * ptime_ms) * 1_000;
        let drift_us = (sent_us as i64 * network.drift_ppm / 1_000_000) as u64;
        let Some(extra_ms) = extra_ms(n) else { continue };
        let late_us = network.rng.random_range(0..=network.delay_max_us) + extra_ms * 1_000;
        let at_us = 1_000_000 + sent_us.wrapping_add(drift_us) + late_us;
        let payload: Vec<u8> = packet.iter().map(|&s| g711::encode(Law::A, s)).collect();
        if network.rng.random_range(0..100) < network.loss_percent {
            continue;
        }
        wire.push((at_us, n, payload.clone()));
        if network.rng.random_range(0..100) < network.doubled_percent {
            wire.push((at_us + 3_000, n, payload));
        }
    }
    wire.sort_by_key(|&(at_us, n, _)| (at_us, n));
    let end_us = wire.last().expect("something was sent").0;
    let mut wire = wire.into_iter().peekable();
    let (mut out, mut behind) = (Vec::new(), Vec::new());
    // Our grid stands 7 ms off the sender's.
    for grid_us in (1_007_000..end_us).step_by(20_000) {
        while let Some((at_us, n, payload)) = wire.next_if(|&(at_us, ..)| at_us <= grid_us) {
            let seq = SeqNo(first_seq.wrapping_add(n as u16));
            // As the shard does it: what came before is dropped before it is put.
            if stats.note(Moment(at_us * 1_000), Ssrc(1), seq) != Order::Duplicate {
                let time = RtpTime(start.wrapping_add(n * ptime_ms * 8));
                jitter.put(Moment(at_us * 1_000), time, &payload);
            }
        }
        let now = Moment(grid_us * 1_000);
        let at = jitter.play_at;
        behind.extend(at.and_then(|at| jitter.delay.behind_ms(now, at)));
        let silent = Frame::silent(Rate::Narrow);
        out.extend(jitter.take(now).unwrap_or(silent).samples());
    }
    Heard { samples: out, behind, jitter }
}

fn step_max(samples: &[i16]) -> i32 {
    let step = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
    samples.windows(2).map(step).max().unwrap_or(0)
}

const SEQS: [u16; 3] = [0, 32_767, 65_535];
const PTIMES: [u32; 5] = [10, 20, 30, 40, 60];

#[test]
fn every_packet_time_from_every_number_plays_whole_over_a_shaky_network() {
    let said = tone(1_000, 8_000, 8_000 * 20, 10_000);
    for seq in SEQS {
        for ptime_ms in PTIMES {
            let mut network = Network::shaky(30_000);
            let heard = played(&mut network, (seq, ptime_ms), &said, |_| Some(0));
            let what = format!("from {seq}, packets of {ptime_ms} ms");
            assert_eq!(heard.jitter.late(), 0, "{what}");
            assert_eq!(heard.jitter.concealed_ms(), 0, "{what}");
            let settled = &heard.samples[8_000..];
            assert!(step_max(settled) <= 8_200, "{what}: {}", step_max(settled));
            let level = level_at(&settled[..8_000], 1_000, 8_000);
            assert!((level + 10.3).abs() < 0.5, "{what}: {level:.1} dB");
        }
    }
}

#[test]
fn doubled_and_reordered_packets_are_heard_once_and_in_order() {
    let said = tone(1_000, 8_000, 8_000 * 20, 10_000);
    let mut network = Network { doubled_percent: 30, ..Network::shaky(35_000) };
    for seq in SEQS {
        let heard = played(&mut network, (seq, 10), &said, |_| Some(0));
        assert_eq!((heard.jitter.late(), heard.jitter.concealed_ms()), (0, 0), "from {seq}");
        assert!(step_max(&heard.samples[8_000..]) <= 8_200);
    }
}

/// Ten minutes of a clock that is 200 ppm off, 120 ms in all: followed without a click, a hole or a
/// growing delay.
#[test]
fn a_clock_200_ppm_off_is_followed_for_ten_minutes() {
    let said: Vec<i16> = tone(1_000, 8_000, 8_000, 10_000).repeat(600);
    for (seq, drift_ppm) in SEQS.into_iter().flat_map(|seq| [(seq, 200), (seq, -200)]) {
        let mut network = Network { drift_ppm, ..Network::shaky(5_000) };
        let heard = played(&mut network, (seq, 20), &said, |_| Some(0));
        let (playout, made_up) = (heard.jitter.playout(), heard.jitter.concealed_ms());
        assert_eq!((heard.jitter.late(), made_up), (0, 0), "{drift_ppm} ppm");
        let behind = &heard.behind[100..];
        let (least, most) = (behind.iter().min().unwrap(), behind.iter().max().unwrap());
        assert!(*least >= 20 && *most <= 80, "{drift_ppm} ppm: {least} to {most} ms behind");
        let (left_out, put_in) = (playout.accelerated_ms, playout.expanded_ms);
        let changed = if drift_ppm > 0 { put_in } else { left_out };
        assert!((100..=160).contains(&changed), "{drift_ppm} ppm: {playout:?}");
        assert!(left_out.min(put_in) <= 40, "{drift_ppm} ppm: {playout:?}");
        assert!(step_max(&heard.samples[8_000..]) <= 8_200, "no clicks");
        let level = level_at(&heard.samples[8_000 * 300..8_000 * 301], 1_000, 8_000);
        assert!((level + 10.3).abs() < 1.0, "{level:.1} dB");
    }
}

#[test]
fn a_network_that_gets_worse_is_waited_for_and_one_that_calms_is_caught_up_with() {
    // Ten seconds of 10 ms of jitter, ten of 120 ms, twenty of 10 ms again.
    let said = voice(8_000, 8_000 * 40);
    let extra = |n: u32| Some(u64::from((500..1_000).contains(&n)) * (u64::from(n) * 37 % 120));
    let heard = played(&mut Network::shaky(10_000), (0, 20), &said, extra);
    let mean =
        |from: usize, to: usize| heard.behind[from..to].iter().sum::<i64>() / (to - from) as i64;
    let (before, worse, after) = (mean(100, 490), mean(700, 990), mean(1_600, 1_990));
    assert!((40..75).contains(&before), "{before} ms");
    assert!((100..180).contains(&worse), "{worse} ms");
    assert!((40..85).contains(&after), "{after} ms");
    let playout = heard.jitter.playout();
    assert!(playout.expanded_ms >= 40 && playout.accelerated_ms >= 40, "{playout:?}");
    // Ten bad seconds, in which packets overtake each other by up to five places.
    let made_up = heard.jitter.concealed_ms();
    assert!(made_up < 800, "{made_up} ms");
    assert!(heard.jitter.late() < 50, "{}", heard.jitter.late());
}

#[test]
fn a_stop_of_150_ms_delays_the_voice_and_loses_little_of_it() {
    let said = tone(1_000, 8_000, 8_000 * 10, 10_000);
    // Packets 200 to 207 come together.
    let extra =
        |n: u32| Some(if (200..208).contains(&n) { 150 - u64::from(n - 200) * 20 } else { 0 });
    let heard = played(&mut Network::calm(), (0, 20), &said, extra);
    assert_eq!(heard.jitter.late(), 0, "what was waited for was not too late");
    let made_up = heard.jitter.concealed_ms();
    assert!((60..=120).contains(&made_up), "{made_up} ms");
    let end = heard.behind[heard.behind.len() - 50..].iter().max().copied();
    assert!(end.is_some_and(|end| end <= 75), "caught up again: {end:?} ms behind");
}

#[test]
fn lost_packets_singly_and_in_bursts_are_concealed_and_shift_nothing() {
    let said = tone(400, 8_000, 8_000 * 30, 10_000);
    let bursts = [(20, 1), (20, 3), (60, 1), (10, 2), (30, 1), (40, 1)];
    for (seq, (ptime_ms, burst)) in SEQS.into_iter().flat_map(|seq| bursts.map(|of| (seq, of))) {
        let mut network = Network::calm();
        let lost = |n: u32| n % 50 >= 25 && n % 50 < 25 + burst && n > 100;
        let last = said.len() as u32 / 8 / ptime_ms;
        let extra = |n: u32| (!lost(n)).then_some(0);
        let heard = played(&mut network, (seq, ptime_ms), &said, extra);
        let losses = (101..last).filter(|&n| lost(n)).count() as u64;
        let made_up = heard.jitter.concealed_ms();
        let missing = losses * u64::from(ptime_ms);
        let in_time = heard.behind[..1_400].iter().skip(200);
        let (least, most) = (in_time.clone().min().unwrap(), in_time.max().unwrap());
        let what = format!("{burst} of {ptime_ms} ms from {seq}: {made_up} of {missing}");
        assert!(made_up >= missing * 9 / 10 && made_up <= missing + 200, "{what}");
        assert!(*least >= 30 && *most <= 110, "{what}, {least} to {most} ms behind");
    }
}

#[test]
fn another_source_and_a_jump_of_the_timestamp_are_heard_at_once() {
    let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
    let payload = vec![g711::encode(Law::A, 5_000); 160];
    let mut silent = 0;
    for n in 0..300_u32 {
        let now = Moment::from_millis(1_000 + u64::from(n) * 20);
        if n == 100 {
            jitter.restart();
        }
        let time = match n {
            0..100 => n * 160,
            100..200 => 3_000_000_000_u32.wrapping_add(n * 160),
            _ => 77_u32.wrapping_sub(500_000).wrapping_add(n * 160),
        };
        jitter.put(now, RtpTime(time), &payload);
        silent += u32::from(jitter.take(now).is_none() && n > 3);
    }
    // After each change the delay is filled once.
    assert!(silent <= 6, "{silent} silent frames");
    assert_eq!(jitter.late(), 0);
}

#[test]
fn rests_of_the_sender_keep_the_delay_and_cost_no_words() {
    for noise in [false, true] {
        let mut jitter = Jitter::new(Codec::Pcma, Limits::default());
        let payload = vec![g711::encode(Law::A, 5_000); 160];
        let (mut heard, mut said) = (0, 0);
        for n in 0..1_000_u32 {
            let now = Moment::from_millis(1_000 + u64::from(n) * 20);
            // A second of words, then a second of rest.
            if n / 50 % 2 == 0 {
                jitter.put(now, RtpTime(n * 160), &payload);
                said += 1;
            } else if noise && n % 50 == 0 {
                jitter.put_noise(now, RtpTime(n * 160), &[60]);
            }
            let frame = jitter.take(now);
            let is_word = |frame: &Frame| frame.samples().iter().all(|&s| s > 3_000);
            heard += u32::from(frame.as_ref().is_some_and(is_word));
            assert_eq!(jitter.playout().target_ms, 40);
        }
        assert_eq!(jitter.late(), 0);
        assert!(heard + 3 >= said, "{heard} of {said} frames, noise {noise}");
    }
}

#[test]
fn opus_and_wide_codecs_follow_a_drifting_clock_too() {
    for codec in [Codec::Opus, Codec::G722, Codec::L16] {
        let mut jitter = Jitter::new(codec, Limits::default());
        let hz = codec.sample_hz();
        let said = tone(500, hz, hz as usize, 8_000);
        let mut encoder = Encoder::new(codec, Wishes::default());
        let mut out = Vec::new();
        // 0.5 % fast, for a minute: 300 ms.
        let mut sent = 0_u32;
        for frame in 0..3_000_u64 {
            let now = Moment(1_000_000_000 + frame * 20_000_000);
            while u64::from(sent) * 19_900_000 <= frame * 20_000_000 {
                let place = sent as usize % 50 * hz as usize / 50;
                let mut payload = Vec::new();
                encoder.encode(&said[place..place + hz as usize / 50], &mut payload);
                jitter.put(now, RtpTime(sent * (codec.clock_hz() / 50)), &payload);
                sent += 1;
            }
            let frame = jitter.take(now).unwrap_or(Frame::silent(Rate::Wide));
            out.extend_from_slice(frame.samples());
        }
        let playout = jitter.playout();
        assert!((230..=330).contains(&playout.accelerated_ms), "{codec:?}: {playout:?}");
        assert_eq!((jitter.late(), jitter.concealed_ms()), (0, 0), "{codec:?}");
        let level = level_at(&out[out.len() / 2..][..16_000], 500, hz);
        assert!((level + 12.2).abs() < 3.0, "{codec:?}: {level:.1} dB");
    }
}
