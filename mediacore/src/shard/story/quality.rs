//! What a leg's record says of streams whose loss, order and clock are known.

use super::*;
use crate::rtcp::{COMPOUND_MAX, Compound, Item, Ntp, xr};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use terms::media::{ExtendedReports, MosBand, SsrcEpoch, VoipMetrics};

/// A call of two, of which the first speaks `count` packets of 20 ms; `lost` never arrive.
fn heard(first_seq: u16, count: u32, mut lost: impl FnMut(u32) -> bool) -> Quality {
    let mut world = World::new();
    world.pair(first_seq);
    for n in 0..count {
        let bytes = world.phones[0].speech(20, 900);
        if !lost(n) {
            world.send(0, bytes);
        }
        world.run(20);
    }
    world.release(0)
}

fn near(value: f32, expected: f64, within: f64) -> bool {
    (f64::from(value) - expected).abs() <= within
}

#[test]
fn a_perfect_call_has_the_score_of_its_codec() {
    let quality = heard(65_500, 500, |_| false);
    assert_eq!((quality.packets_received, quality.packets_expected), (500, 500));
    assert_eq!((quality.packets_unheard, quality.bursts, quality.concealed_ms), (0, 0, 0));
    assert_eq!((quality.packet_us, quality.codec), (20_000, Some(Codec::Pcma)));
    // 93.2 less 40 ms of delay.
    assert!(near(quality.r_factor, 93.2 - 0.96, 0.01), "{}", quality.r_factor);
    assert!(near(quality.mos, 4.39, 0.01) && near(quality.mos_listening, 4.41, 0.01));
    assert_eq!(MosBand::of(&quality), MosBand::Good);
}

#[test]
fn the_score_falls_with_the_known_loss_as_the_table_says() {
    // Every 100th, 20th, 10th and 5th packet lost: R by hand from G.107 with Bpl 25.1, BurstR 1 and
    // 40 ms of delay, 92.24 - 95 p / (p + 25.1).
    for (every, percent, score) in [(100, 1, 4.30), (20, 5, 3.88), (10, 10, 3.36), (5, 20, 2.57)] {
        for first_seq in [0, 32_767, 65_535] {
            let quality = heard(first_seq, 1_000, |n| n % every == every / 2);
            assert_eq!(quality.packets_lost, u64::from(1_000 / every));
            assert!(near(quality.mos, score, 0.02), "{percent} %: {}", quality.mos);
        }
    }
}

#[test]
fn loss_in_bursts_is_told_and_costs_more_than_the_same_loss_spread() {
    let spread = heard(0, 2_000, |n| n % 50 == 25);
    let bursts = heard(0, 2_000, |n| (100..105).contains(&(n % 250)));
    assert_eq!((spread.packets_lost, bursts.packets_lost), (40, 40));
    assert_eq!((spread.bursts, bursts.bursts), (0, 8));
    assert_eq!((bursts.burst_packets, bursts.burst_unheard), (40, 40));
    assert_eq!((bursts.burst_ms(), bursts.loss_runs, spread.loss_runs), (100, 8, 40));
    assert!(bursts.mos < spread.mos, "{} and {}", bursts.mos, spread.mos);
}

#[test]
fn one_percent_at_random_is_told_to_the_packet() {
    let mut rng = SmallRng::seed_from_u64(11);
    let lost: Vec<bool> =
        (0..5_000).map(|n| n > 0 && n < 4_999 && rng.random_ratio(1, 100)).collect();
    let sent = lost.iter().filter(|&&lost| lost).count() as u64;
    let quality = heard(65_000, 5_000, |n| lost[n as usize]);
    assert_eq!((quality.packets_lost, quality.packets_unheard), (sent, sent));
    assert_eq!((quality.packets_expected, quality.packets_received), (5_000, 5_000 - sent));
}

#[test]
fn repeated_and_reordered_packets_are_counted_and_cost_nothing() {
    let mut world = World::new();
    world.pair(65_534);
    for _ in 0..100 {
        let (one, other) = (world.phones[0].speech(20, 5), world.phones[0].speech(20, 5));
        for bytes in [&other, &one, &other] {
            world.send(0, bytes.clone());
        }
        world.run(40);
    }
    let quality = world.release(0);
    assert_eq!((quality.packets_received, quality.packets_lost), (200, 0));
    assert_eq!((quality.packets_reordered, quality.packets_duplicate), (100, 100));
    assert_eq!(quality.packets_unheard, 0);
}

#[test]
fn every_packet_time_is_told() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        let mut world = World::new();
        world.pair(7);
        for _ in 0..50 {
            world.speak(0, ptime_ms, 900);
            world.run(u64::from(ptime_ms));
        }
        let quality = world.release(0);
        assert_eq!((quality.packet_us, quality.jitter_us), (ptime_ms * 1_000, 0));
        assert_eq!((quality.packets_expected, quality.packets_lost), (50, 0));
    }
}

#[test]
fn sources_are_told_one_after_the_other() {
    let mut world = World::new();
    world.pair(100);
    for n in 0..30 {
        if n == 10 || n == 20 {
            let phone = &mut world.phones[0];
            (phone.ssrc, phone.seq, phone.time) = (Ssrc(0xA000 + n), 40_000, 7);
        }
        let bytes = world.phones[0].speech(20, 1);
        if n != 15 {
            world.send(0, bytes);
        }
        world.run(20);
    }
    let quality = world.release(0);
    let epoch =
        |ssrc, from_ms, received, lost| SsrcEpoch { ssrc: Ssrc(ssrc), from_ms, received, lost };
    let expected = [epoch(100, 0, 10, 0), epoch(0xA00A, 200, 9, 1), epoch(0xA014, 400, 10, 0)];
    assert_eq!((quality.epochs, quality.epoch_list), (3, expected.to_vec()));
    assert_eq!((quality.packets_lost, quality.packets_expected), (1, 30));
}

#[test]
fn a_packet_too_late_for_the_mix_counts_as_loss_to_who_listens() {
    let mut world = World::new();
    for _ in 0..3 {
        let n = world.add(Codec::Pcma, 10, |_| {});
        world.join(n, 1);
    }
    let mut held = Vec::new();
    for n in 0..200 {
        let bytes = world.phones[0].speech(20, 900);
        if (100..102).contains(&n) {
            held.push(bytes);
        } else {
            world.send(0, bytes);
        }
        if n == 120 {
            for late in held.drain(..) {
                world.send(0, late);
            }
        }
        world.run(20);
    }
    let quality = world.release(0);
    assert_eq!((quality.packets_received, quality.packets_lost), (200, 0));
    assert_eq!((quality.packets_late, quality.packets_unheard), (2, 2));
    assert_eq!((quality.bursts, quality.burst_packets), (1, 2));
    assert!(quality.concealed_ms >= 40, "{} ms were made up", quality.concealed_ms);
    assert!(quality.r_factor < 92.0);
}

#[test]
fn a_leg_is_measured_while_it_goes_on() {
    let mut world = World::new();
    world.pair(1);
    for _ in 0..50 {
        world.speak(0, 20, 1);
        world.run(20);
    }
    let leg = world.phones[0].leg;
    world.command(Command::Measure { leg });
    world.command(Command::Measure { leg: LegId(99) });
    let told: Vec<(LegId, u64)> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Measured { leg, quality } => Some((*leg, quality.packets_received)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(leg, 50)], "a leg that is not there is not told");
    world.speak(0, 20, 1);
    assert_eq!(world.release(0).packets_received, 51, "measuring changes nothing");
}

#[test]
fn legs_that_ended_stand_in_the_counters_by_their_score() {
    let mut world = World::new();
    world.pair(1);
    for n in 0..400 {
        let bytes = world.phones[0].speech(20, 1);
        if n % 4 != 1 {
            world.send(0, bytes);
        }
        world.run(20);
    }
    world.release(0);
    world.release(1);
    let totals = world.shard.stats().quality;
    assert_eq!((totals.expected, totals.lost, totals.late), (400, 100, 0));
    assert_eq!(totals.legs, [0, 0, 0, 1, 1], "a quarter lost is bad, and one said nothing");
}

#[test]
fn recordings_that_could_not_be_handed_on_are_told_with_the_leg() {
    let mut world = World::new();
    world.pair(1);
    let start = RecordStart {
        terms: RecordTerms::default(),
        recording: RecordingId(5),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties: vec![(world.phones[0].leg, Side::Customer), (world.phones[1].leg, Side::Other)],
    };
    world.command(Command::RecordStart(start));
    for _ in 0..50 {
        let bytes = world.phones[0].speech(20, 1);
        let (idx, from) = (world.phones[0].idx, world.phones[0].address);
        let mut bytes = bytes;
        let len = bytes.len();
        world.shard.handle_packet(world.now(), idx, from, &mut bytes, len);
        for _ in 0..20 {
            world.now_ms += 1;
            world.shard.tick(world.now());
            // The ring to storage is full.
            while let Some(block) = world.shard.poll_block() {
                world.shard.block_lost(&block);
            }
        }
    }
    let quality = world.release(0);
    // What waits in the last chunk is not lost yet.
    assert!((40..=50).contains(&quality.recorder_frames_lost), "{}", quality.recorder_frames_lost);
    assert_eq!(world.release(1).recorder_frames_lost, 0);
}

fn items(report: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    rtcp::parse(report, |item| items.push(item)).expect("our reports are well-formed");
    items
}

const BOTH: ExtendedReports = ExtendedReports { voip_metrics: true, receiver_round_trip: true };

#[test]
fn extended_reports_go_to_who_asked_for_them_and_say_what_the_record_says() {
    let mut world = World::new();
    for xr in [BOTH, ExtendedReports::default()] {
        let n = world.add(Codec::Pcma, 1, |remote| remote.xr = xr);
        world.join(n, 1);
    }
    for n in 0..1_000 {
        let bytes = world.phones[0].speech(20, 1);
        if n % 100 != 50 {
            world.send(0, bytes);
        }
        world.speak(1, 20, 1);
        world.run(20);
    }
    let quality = world.release(0);
    world.release(1);
    let last = items(world.phones[0].reports.last().unwrap());
    let voip = last.iter().find_map(|item| match item {
        Item::Voip(about, voip) => Some((*about, *voip)),
        _ => None,
    });
    let (about, voip) = voip.expect("it asked for them");
    assert_eq!((about, voip.loss_rate), (Ssrc(100), 2), "10 of 1,000 are 2 of 256");
    assert_eq!(voip.r_factor, Some(quality.r_factor.round() as u8));
    assert_eq!(voip.mos_cq, Some((quality.mos * 10.0).round() as u8));
    assert_eq!((voip.burst_ms, voip.gap_ms), (0, 20_000), "no bursts, one gap of 20 s");
    assert!(last.iter().any(|item| matches!(item, Item::ReceiverTime { .. })));
    for report in &world.phones[1].reports {
        let extended = |item: &Item| matches!(item, Item::Voip(..) | Item::ReceiverTime { .. });
        assert!(!items(report).iter().any(extended), "it did not ask");
    }
}

/// A report of a phone: about `about`, with these extended parts.
fn report(world: &World, extended: xr::Extended) -> Vec<u8> {
    let mut out = [0; COMPOUND_MAX];
    let compound = Compound { extended, ..Compound::empty(Ssrc(9), "phone") };
    let len = rtcp::write(&compound, world.now(), &mut out);
    out[..len].to_vec()
}

#[test]
fn who_only_listens_learns_its_round_trip_and_tells_us_ours() {
    let mut world = World::new();
    let n = world.add(Codec::Pcma, 1, |remote| remote.xr = BOTH);
    let (idx, from) = (world.phones[n].idx, world.phones[n].address);
    let ours = world.shard.leg(idx).unwrap().stream.ssrc();
    world.run(10_000);
    let epoch = world.shard.config.epoch;
    let theirs = Ntp(0x1111_2222_3333_4444);
    // They say their time, and answer ours that we sent 80 ms ago at once.
    let sent = Ntp::at(epoch, Moment::from_millis(world.now_ms - 80)).middle();
    let last = rtcp::LastReport { middle: sent, heard_at: world.now() };
    let extended =
        xr::Extended { receiver_time: Some(theirs), answer: Some((ours, last)), voip: None };
    let mut bytes = report(&world, extended);
    world.shard.handle_rtcp(world.now(), idx, from, &mut bytes);
    let before = world.phones[n].reports.len();
    world.run(10_000);
    let answers: Vec<_> = world.phones[n].reports[before..]
        .iter()
        .flat_map(|report| items(report))
        .filter_map(|item| match item {
            Item::ReceiverRoundTrip { about, last, since } => Some((about, last, since)),
            _ => None,
        })
        .collect();
    assert_eq!(answers.len(), 1, "each time is answered once");
    assert_eq!((answers[0].0, answers[0].1), (Ssrc(9), theirs.middle()));
    assert!(answers[0].2 > 0);
    let round_trip_us = world.release(n).round_trip_us;
    assert!((79_000..81_000).contains(&round_trip_us), "{round_trip_us}");
}

#[test]
fn what_the_far_end_says_is_kept_and_what_strangers_say_is_not() {
    let mut world = World::new();
    world.pair(1);
    for _ in 0..100 {
        world.speak(0, 20, 1);
        world.run(20);
    }
    let (idx, from) = (world.phones[1].idx, world.phones[1].address);
    let ours = world.phones[1].heard[0].header.ssrc;
    let voip = VoipMetrics { r_factor: Some(71), mos_cq: Some(36), ..VoipMetrics::default() };
    let about = |ssrc| xr::Extended { voip: Some((ssrc, voip)), ..xr::Extended::default() };
    // A receiver report as well: 3 lost, a jitter of 40 ticks.
    let mut block = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    block.extend(ours.0.to_be_bytes());
    block.extend([0, 0, 0, 3, 0, 0, 0, 99, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0]);
    let now = world.now();
    let stranger: SocketAddr = ([203, 0, 113, 66], 4_001).into();
    for mut bytes in [report(&world, about(ours)), block.clone()] {
        world.shard.handle_rtcp(now, idx, stranger, &mut bytes);
    }
    let mut other = report(&world, about(Ssrc(ours.0 ^ 1)));
    world.shard.handle_rtcp(now, idx, from, &mut other);
    let untouched = world.shard.leg(idx).unwrap().far;
    assert_eq!(untouched, terms::media::FarQuality::default());

    for mut bytes in [report(&world, about(ours)), block] {
        world.shard.handle_rtcp(now, idx, from, &mut bytes);
    }
    let quality = world.release(1);
    let far = quality.far;
    assert_eq!((far.reports, far.packets_lost, far.jitter_us), (1, 3, 5_000));
    assert_eq!(far.voip, Some(voip));
    assert_eq!(quality.packets_strange, 2);
}

#[test]
fn malformed_reports_are_counted_and_change_nothing() {
    let mut world = World::new();
    world.pair(1);
    for _ in 0..50 {
        world.speak(0, 20, 1);
        world.run(20);
    }
    let (idx, from) = (world.phones[1].idx, world.phones[1].address);
    let ours = world.phones[1].heard[0].header.ssrc;
    let voip = VoipMetrics { mos_cq: Some(10), ..VoipMetrics::default() };
    let last = rtcp::LastReport { middle: 5, heard_at: Moment(0) };
    let extended = xr::Extended {
        receiver_time: Some(Ntp(1 << 40)),
        answer: Some((ours, last)),
        voip: Some((ours, voip)),
    };
    let good = report(&world, extended);
    let stranger: SocketAddr = ([203, 0, 113, 66], 1).into();
    let mut rng = SmallRng::seed_from_u64(3);
    let (mut malformed, mut strange) = (0, 0);
    let now = world.now();
    while malformed + strange < 4_272 {
        let mut bytes = good.clone();
        match rng.random_range(0..4) {
            // Cut, but for the two places where a shorter compound is whole as well.
            0 => bytes.truncate(rng.random_range(25..good.len())),
            // The version.
            1 => bytes[0] = rng.random_range(0..0x80),
            // The length of the extended report.
            2 => bytes[27] = rng.random_range(0..17),
            // Oversized: a tail that is no packet.
            _ => bytes.extend(vec![0_u8; rng.random_range(4..1_200)]),
        }
        if rng.random_ratio(1, 4) {
            strange += 1;
            world.shard.handle_rtcp(now, idx, stranger, &mut bytes);
        } else {
            malformed += 1;
            world.shard.handle_rtcp(now, idx, from, &mut bytes);
        }
    }
    let dropped = world.shard.stats().dropped;
    assert_eq!(dropped[Reason::Malformed as usize], malformed);
    assert_eq!(dropped[Reason::Strange as usize], strange);
    world.speak(0, 20, 1);
    let quality = world.release(1);
    assert_eq!((quality.packets_dropped, quality.packets_strange), (malformed, strange));
    assert_eq!((quality.far, quality.round_trip_us), (terms::media::FarQuality::default(), 0));
}
