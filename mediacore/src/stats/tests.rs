//! Known patterns give exactly the known counts, from every awkward beginning.

use super::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

const ONE: Ssrc = Ssrc(1);
const STARTS: [u16; 3] = [0, 32_767, 65_535];

fn note(stats: &mut ReceiveStats, seq: u16) -> Order {
    stats.note(Moment(0), ONE, SeqNo(seq))
}

/// Sends `count` packets from `first`, without those that are lost.
fn streamed(first: u16, count: u32, mut is_lost: impl FnMut(u32) -> bool) -> ReceiveStats {
    let mut stats = ReceiveStats::default();
    for n in (0..count).filter(|&n| !is_lost(n)) {
        assert_eq!(note(&mut stats, first.wrapping_add(n as u16)), Order::New);
    }
    stats
}

#[test]
fn loss_is_counted_from_every_awkward_start() {
    for first in STARTS {
        let stats = streamed(first, 1_000, |n| n % 10 == 5);
        assert_eq!((stats.expected(), stats.received(), stats.lost()), (1_000, 900, 100));
        let loss = stats.loss();
        assert_eq!((loss.packets, loss.unheard, loss.runs), (1_000, 100, 100));
        // One in ten never leaves 16 heard in a row: a single burst from the first to the last.
        assert_eq!((loss.bursts, loss.burst_packets, loss.burst_unheard), (1, 991, 100));
    }
}

#[test]
fn one_percent_at_random_is_counted_to_the_packet() {
    for first in STARTS {
        let mut rng = SmallRng::seed_from_u64(7);
        // The first and the last are known to have been sent only when they arrive.
        let lost: Vec<bool> =
            (0..100_000).map(|n| n > 0 && n < 99_999 && rng.random_ratio(1, 100)).collect();
        let sent = lost.iter().filter(|&&lost| lost).count() as u64;
        let stats = streamed(first, 100_000, |n| lost[n as usize]);
        assert_eq!((stats.expected(), stats.lost()), (100_000, sent));
        let loss = stats.loss();
        assert_eq!((loss.packets, loss.unheard), (100_000, sent));
        assert_eq!((loss.bursts, loss.burst_packets, loss.burst_unheard), bursts_of(&lost));
        assert!((0.9..1.1).contains(&loss.percent()), "{}", loss.percent());
        assert!((1.0..1.05).contains(&loss.burst_ratio()), "{}", loss.burst_ratio());
    }
}

/// Bursts, their packets and their losses, read off the pattern as RFC 3611 §4.7.2 defines them.
fn bursts_of(lost: &[bool]) -> (u64, u64, u64) {
    let places: Vec<usize> = (0..lost.len()).filter(|&n| lost[n]).collect();
    let stretches = places.chunk_by(|one, next| next - one <= 16);
    let bursts = stretches.filter(|stretch| stretch.len() > 1);
    bursts.fold((0, 0, 0), |(count, packets, unheard), burst| {
        let long = burst[burst.len() - 1] - burst[0] + 1;
        (count + 1, packets + long as u64, unheard + burst.len() as u64)
    })
}

#[test]
fn bursts_of_five_are_bursts_of_five() {
    for first in STARTS {
        let stats = streamed(first, 10_000, |n| (100..105).contains(&(n % 500)));
        let loss = stats.loss();
        assert_eq!((loss.unheard, loss.runs), (100, 20));
        assert_eq!((loss.bursts, loss.burst_packets, loss.burst_unheard), (20, 100, 100));
        assert_eq!((loss.burst_density(), loss.gap_density()), (1.0, 0.0));
        assert!((loss.burst_ratio() - 4.95).abs() < 1e-9);
    }
}

#[test]
fn a_hole_longer_than_the_window_is_one_burst() {
    for hole in [127, 128, 129, 400, 2_900] {
        let stats = streamed(65_000, 4_000, |n| (500..500 + hole).contains(&n));
        let loss = stats.loss();
        let hole = u64::from(hole);
        assert_eq!((loss.packets, loss.unheard, loss.bursts), (4_000, hole, 1), "{hole}");
        assert_eq!((loss.runs, loss.burst_packets), (1, hole));
    }
}

#[test]
fn reordered_is_late_and_repeated_is_duplicate() {
    let mut stats = ReceiveStats::default();
    let orders: Vec<Order> =
        [65_534_u16, 0, 65_535, 65_535, 0, 1].iter().map(|&n| note(&mut stats, n)).collect();
    use Order::{Duplicate, Late, New};
    assert_eq!(orders, [New, New, Late, Duplicate, Duplicate, New]);
    assert_eq!((stats.received(), stats.lost()), (4, 0));
    assert_eq!((stats.reordered(), stats.duplicates()), (1, 2));
    assert_eq!((stats.loss().unheard, stats.loss().packets), (0, 4));
}

#[test]
fn every_neighbour_swapped_and_every_packet_twice_loses_nothing() {
    for first in STARTS {
        let mut stats = ReceiveStats::default();
        for n in (0..2_000_u16).step_by(2) {
            for seq in [n + 1, n, n + 1, n] {
                note(&mut stats, first.wrapping_add(seq));
            }
        }
        assert_eq!((stats.expected(), stats.received(), stats.lost()), (2_000, 2_000, 0));
        assert_eq!((stats.reordered(), stats.duplicates()), (1_000, 2_000));
        assert_eq!(stats.loss().unheard, 0);
    }
}

#[test]
fn a_packet_a_hundred_late_is_taken_once() {
    let mut stats = streamed(65_500, 300, |n| n == 199);
    assert_eq!(stats.lost(), 1);
    let late = 65_500_u16.wrapping_add(199);
    assert_eq!(note(&mut stats, late), Order::Late);
    assert_eq!(note(&mut stats, late), Order::Duplicate);
    assert_eq!((stats.lost(), stats.loss().unheard), (0, 0));
}

#[test]
fn what_came_too_late_to_be_heard_counts_as_loss_in_bursts_and_not_in_the_report() {
    let mut stats = streamed(65_530, 150, |n| n == 50);
    for n in [51_u16, 52] {
        stats.discard(SeqNo(65_530_u16.wrapping_add(n)));
    }
    let loss = stats.loss();
    assert_eq!((stats.lost(), loss.unheard), (1, 3));
    assert_eq!((loss.runs, loss.bursts, loss.burst_packets), (1, 1, 3));
}

#[test]
fn a_jump_needs_a_successor_and_keeps_the_totals() {
    let mut stats = streamed(0, 100, |_| false);
    assert_eq!(note(&mut stats, 40_000), Order::Jump);
    assert_eq!(note(&mut stats, 40_001), Order::New);
    assert_eq!((stats.received(), stats.lost()), (101, 0));
    assert_eq!((stats.loss().packets, stats.epochs().0), (101, 1));
}

#[test]
fn a_new_source_keeps_the_totals_and_begins_an_epoch() {
    let mut stats = ReceiveStats::new(Moment::from_millis(1_000));
    for n in (0..50).filter(|n| n % 25 != 13) {
        stats.note(Moment::from_millis(1_500), ONE, SeqNo(n));
    }
    for n in 0..50 {
        stats.note(Moment::from_millis(3_000), Ssrc(2), SeqNo(65_500_u16.wrapping_add(n)));
    }
    assert_eq!((stats.expected(), stats.received()), (100, 98));
    assert_eq!((stats.loss().packets, stats.loss().unheard), (100, 2));
    assert_eq!(stats.ssrc(), Some(Ssrc(2)));
    let (count, list) = stats.epochs();
    let epoch = |ssrc, from_ms, received, lost| SsrcEpoch { ssrc, from_ms, received, lost };
    assert_eq!((count, list), (2, vec![epoch(ONE, 500, 48, 2), epoch(Ssrc(2), 2_000, 50, 0)]));
}

#[test]
fn sources_without_end_are_counted_and_the_list_of_them_is_bounded() {
    let mut stats = ReceiveStats::default();
    for n in 0..1_000 {
        stats.note(Moment(0), Ssrc(n), SeqNo(n as u16));
    }
    let (count, list) = stats.epochs();
    assert_eq!((count, list.len()), (1_000, EPOCHS_MAX));
    assert!(list.iter().all(|epoch| (epoch.received, epoch.lost) == (1, 0)));
    assert_eq!(stats.received(), 1_000);
}

#[test]
fn a_report_block_says_what_was_lost_since_the_last() {
    let mut stats = streamed(0, 100, |n| n % 4 == 1);
    let block = stats.take_block().unwrap();
    assert_eq!((block.fraction_lost, block.lost), (64, 25));
    for n in 100..200 {
        note(&mut stats, n);
    }
    let block = stats.take_block().unwrap();
    assert_eq!((block.fraction_lost, block.lost, block.highest_seq), (0, 25, 199));
    for n in (200..300_u16).filter(|n| n % 4 != 1) {
        note(&mut stats, n);
    }
    let block = stats.take_block().unwrap();
    assert_eq!((block.fraction_lost, block.lost, block.highest_seq), (64, 50, 299));
}

/// A stream that arrives `arrival(n)` after its due time.
fn arriving(ptime_ms: u64, ppm: i64, arrival: impl Fn(u64) -> Duration) -> ReceiveStats {
    let mut stats = ReceiveStats::default();
    for n in 0..(60_000 / ptime_ms) {
        let ns = n * ptime_ms * 1_000_000;
        let drifted = (i128::from(ns) * (1_000_000 + i128::from(ppm)) / 1_000_000) as u64;
        let now = Moment::from_millis(1_000) + Duration::from_nanos(drifted) + arrival(n);
        let time = RtpTime((u32::MAX - 8_000).wrapping_add((n * ptime_ms * 8) as u32));
        stats.note(now, ONE, SeqNo(n as u16));
        stats.note_arrival(now, SeqNo(n as u16), time, 8_000);
    }
    stats
}

#[test]
fn jitter_follows_the_spread_of_arrivals() {
    let steady = arriving(20, 0, |_| Duration::ZERO);
    let shaky = arriving(20, 0, |n| Duration::from_millis(n % 2 * 10));
    assert_eq!((steady.jitter_us(), steady.jitter_us_max()), (0, 0));
    assert!((9_000..11_000).contains(&shaky.jitter_us()), "{}", shaky.jitter_us());
    assert!((9_000..11_000).contains(&shaky.jitter_us_max()));
    let calmed = arriving(20, 0, |n| Duration::from_millis(if n < 200 { n % 2 * 10 } else { 0 }));
    assert!(calmed.jitter_us() < 500 && calmed.jitter_us_max() > 9_000);
}

#[test]
fn a_clock_that_drifts_by_200_ppm_is_no_jitter_and_no_loss() {
    for ppm in [-200, 200] {
        let stats = arriving(20, ppm, |_| Duration::ZERO);
        assert_eq!((stats.lost(), stats.received()), (0, 3_000));
        // 4 us a packet, which the wire's tick of 125 us rounds to one now and then.
        assert!(stats.jitter_us_max() <= 125, "{}", stats.jitter_us_max());
    }
}

#[test]
fn every_packet_time_is_measured() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        let stats = arriving(ptime_ms, 0, |_| Duration::ZERO);
        assert_eq!(u64::from(stats.packet_us()), ptime_ms * 1_000);
    }
}

#[test]
fn a_timestamp_that_jumps_is_neither_jitter_nor_a_packet_time() {
    let mut stats = ReceiveStats::default();
    for n in 0..500_u64 {
        let now = Moment::from_millis(1_000 + n * 20);
        let jump = if n >= 250 { 1_000_000_007 } else { 0 };
        let time = RtpTime((n * 160) as u32 + jump);
        stats.note(now, ONE, SeqNo(n as u16));
        stats.note_arrival(now, SeqNo(n as u16), time, 8_000);
    }
    assert_eq!((stats.lost(), stats.jitter_us_max(), stats.packet_us()), (0, 0, 20_000));
}
