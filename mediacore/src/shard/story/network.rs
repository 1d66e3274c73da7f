//! A bad network under a recorded call: what is lost is lost, is said, and moves nothing else.

use super::*;
use crate::record::story::{log_of, rendered};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;

const FRAMES: u32 = 1_500;

/// What the network does to a packet: when its copies arrive, in ms.
fn fate(chance: &mut SmallRng) -> Vec<u64> {
    match chance.random_range(0..100) {
        0..10 => vec![],
        10 => vec![0, 3],
        // After the next one.
        11..16 => vec![25],
        _ => vec![0],
    }
}

/// A level that tells the frame from its neighbours and the voice from the other.
fn level(phone: usize, n: u32) -> i16 {
    (1_000 + (n % 16) as i16 * 400) * if phone == 0 { 1 } else { -1 }
}

#[test]
fn a_tenth_lost_some_doubled_and_reordered_cost_what_was_lost_and_nothing_else() {
    for seed in 0..3 {
        let mut chance = SmallRng::seed_from_u64(seed);
        let mut world = World::new();
        world.pair(65_000);
        let parties = vec![(LegId(1), Side::Customer), (LegId(2), Side::Other)];
        world.command(Command::RecordStart(RecordStart {
            recording: RecordingId(9),
            tenant: TenantId(5),
            contact: ContactId(1),
            call: CallId(1),
            started_at: terms::Timestamp::from_secs(1_800_000_000),
            parties,
            terms: RecordTerms::default(),
        }));
        let began_ms = world.now_ms;
        // What arrives at once was spoken before the recording began.
        world.run(40);
        let mut on_the_way: Vec<(u64, usize, Vec<u8>)> = Vec::new();
        let mut arrived = [BTreeSet::new(), BTreeSet::new()];
        for n in 0..FRAMES {
            for (phone, arrived) in arrived.iter_mut().enumerate() {
                let bytes = world.phones[phone].speech(20, level(phone, n));
                // The ends are whole, so that both lengths are known.
                let whole = n == 0 || n + 1 == FRAMES;
                let copies = if whole { vec![0] } else { fate(&mut chance) };
                arrived.extend((!copies.is_empty()).then_some(n));
                let at = world.now_ms;
                on_the_way.extend(copies.into_iter().map(|ms| (at + ms, phone, bytes.clone())));
            }
            for _ in 0..20 {
                let now_ms = world.now_ms;
                for (_, phone, bytes) in on_the_way.extract_if(.., |(at, ..)| *at <= now_ms) {
                    world.send(phone, bytes);
                }
                world.run(1);
            }
        }
        world.run(100);
        for (phone, other) in [(0, 1), (1, 0)] {
            let heard = world.phones[other].heard.len();
            assert_eq!(heard, arrived[phone].len(), "each once, seed {seed}");
        }
        let length_ms = (world.now_ms - began_ms) as i64;
        world.command(Command::RecordStop { recording: RecordingId(9) });
        world.run(300);

        let (bytes, conversations) = log_of(&world.blocks);
        let (wav, told) = rendered(&conversations[0], &bytes);
        assert!((told.duration_ms() - length_ms).abs() <= 40, "{} ms", told.duration_ms());
        assert_eq!((told.frames_missing, told.gaps.len()), (0, 0), "all that came is on disk");
        let mut starts = Vec::new();
        for (phone, arrived) in arrived.iter().enumerate() {
            let said = |n: u32| g711::decode(Law::A, g711::encode(Law::A, level(phone, n)));
            let samples = &wav.channels[phone];
            let start = samples.iter().position(|&sample| sample == said(0)).expect("frame 0");
            let whole = |n: &u32| {
                let frame = &samples[start + *n as usize * 160..][..160];
                frame.iter().all(|&sample| sample == said(*n))
            };
            let heard: BTreeSet<u32> = (0..FRAMES).filter(whole).collect();
            let apart: Vec<&u32> = heard.symmetric_difference(arrived).collect();
            assert_eq!(apart, [] as [&u32; 0], "frames of {phone}, seed {seed}");
            starts.push(start as i64);
        }
        assert!((starts[0] - starts[1]).abs() <= 160, "sides {starts:?} samples apart");
        for (phone, arrived) in arrived.iter().enumerate() {
            let quality = world.release(phone);
            let lost = u64::from(FRAMES) - arrived.len() as u64;
            assert_eq!(quality.packets_lost, lost, "seed {seed}");
            assert!((100..200).contains(&lost), "a tenth of them: {lost}");
        }
    }
}
