//! What a source sent and what of it arrived: sequence, loss and jitter by RFC 3550 A.1, A.3 and
//! A.8; the listening estimate by the E-model, ITU-T G.107.
//!
//! Jitter is kept in sixteenths of a tick as A.8 does. Totals go on over a change of source, so
//! that a leg's quality covers the whole call.

use terms::Moment;
use terms::media::{RtpTime, SeqNo, Ssrc};

/// A forward jump up to here is loss (A.1).
const DROPOUT_MAX: u16 = 3_000;
/// A backward step up to here is reordering (A.1).
const MISORDER_MAX: u16 = 100;
const WRAP: u32 = 1 << 16;

/// What a packet's number says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// New and in order, or ahead.
    New,
    /// Before the newest, not seen yet.
    Late,
    /// Seen before.
    Duplicate,
    /// Far from everything before: wait for its successor (A.1 `bad_seq`).
    Jump,
}

/// One source as received.
#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: Ssrc,
    max_seq: u16,
    cycles: u32,
    base_seq: u32,
    bad_seq: u32,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
    /// Bit n: the packet n before the newest was seen.
    window: u64,
    transit: Option<i32>,
    /// Sixteenths of a tick.
    jitter: u32,
    /// Ticks in a second.
    clock_hz: u32,
}

impl Source {
    fn new(ssrc: Ssrc, seq: SeqNo) -> Self {
        Source {
            ssrc,
            max_seq: seq.0,
            cycles: 0,
            base_seq: u32::from(seq.0),
            bad_seq: WRAP + 1,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            window: 0,
            transit: None,
            jitter: 0,
            clock_hz: 8_000,
        }
    }

    fn expected(&self) -> u32 {
        (self.cycles + u32::from(self.max_seq)).wrapping_sub(self.base_seq).wrapping_add(1)
    }

    fn note(&mut self, seq: SeqNo) -> Order {
        let ahead = seq.0.wrapping_sub(self.max_seq);
        if self.received == 0 || (ahead < DROPOUT_MAX && ahead != 0) {
            return self.advance(seq, ahead);
        }
        let behind = self.max_seq.wrapping_sub(seq.0);
        if behind <= MISORDER_MAX {
            return self.look_back(behind);
        }
        if u32::from(seq.0) == self.bad_seq {
            // Two in a row: the sender restarted without a word.
            let received = self.received;
            *self = Source {
                transit: self.transit,
                jitter: self.jitter,
                clock_hz: self.clock_hz,
                ..Source::new(self.ssrc, seq)
            };
            debug_assert!(received > 0, "a jump follows at least one packet");
            self.received = 1;
            self.window = 1;
            return Order::New;
        }
        self.bad_seq = u32::from(seq.0.wrapping_add(1));
        Order::Jump
    }

    fn advance(&mut self, seq: SeqNo, ahead: u16) -> Order {
        if seq.0 < self.max_seq {
            self.cycles = self.cycles.wrapping_add(WRAP);
        }
        self.max_seq = seq.0;
        self.window = if ahead >= 64 { 1 } else { self.window << ahead | 1 };
        self.received += 1;
        Order::New
    }

    fn look_back(&mut self, behind: u16) -> Order {
        let bit = if behind < 64 { 1 << behind } else { 0 };
        if self.window & bit != 0 {
            return Order::Duplicate;
        }
        self.window |= bit;
        self.received += 1;
        Order::Late
    }

    fn note_arrival(&mut self, now: Moment, time: RtpTime, clock_hz: u32) {
        if self.clock_hz != clock_hz {
            // What was measured on another clock means nothing on this one.
            (self.clock_hz, self.transit, self.jitter) = (clock_hz, None, 0);
        }
        let arrival = (now.0 / 1_000 * u64::from(clock_hz / 1_000) / 1_000) as u32;
        let transit = arrival.wrapping_sub(time.0) as i32;
        if let Some(before) = self.transit.replace(transit) {
            let step = transit.wrapping_sub(before).unsigned_abs();
            // A step of over a second is a new talk spurt's timestamp, not jitter.
            if step < clock_hz {
                self.jitter = (self.jitter + step).saturating_sub((self.jitter + 8) >> 4);
            }
        }
    }
}

/// The numbers of one report block, RFC 3550 §6.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whose packets.
    pub ssrc: Ssrc,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the beginning.
    pub lost: i32,
    /// Highest sequence number with its cycles.
    pub highest_seq: u32,
    /// Interarrival jitter in ticks.
    pub jitter: u32,
}

/// Everything received on a leg.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceiveStats {
    source: Option<Source>,
    /// Of sources before this one.
    expected_before: u64,
    received_before: u64,
}

impl ReceiveStats {
    /// Notes an accepted packet and says what its number means. A new SSRC begins a new source.
    pub fn note(&mut self, ssrc: Ssrc, seq: SeqNo) -> Order {
        if self.source.is_none_or(|source| source.ssrc != ssrc) {
            self.retire();
            self.source = Some(Source::new(ssrc, seq));
        }
        let source = self.source.as_mut().expect("a source was set above");
        let before = (source.expected(), source.received);
        let base = source.base_seq;
        let order = source.note(seq);
        if source.base_seq != base {
            // The restart began a new count; the old one is kept in the totals.
            self.expected_before += u64::from(before.0);
            self.received_before += u64::from(before.1);
        }
        order
    }

    /// Notes when an audio packet came, for jitter.
    /// `clock_hz` is the codec's.
    pub fn note_arrival(&mut self, now: Moment, time: RtpTime, clock_hz: u32) {
        if let Some(source) = &mut self.source {
            source.note_arrival(now, time, clock_hz);
        }
    }

    fn retire(&mut self) {
        if let Some(source) = self.source.take() {
            self.expected_before += u64::from(source.expected());
            self.received_before += u64::from(source.received);
        }
    }

    /// The current source.
    pub fn ssrc(&self) -> Option<Ssrc> {
        self.source.map(|source| source.ssrc)
    }

    /// Packets received, duplicates not counted.
    pub fn received(&self) -> u64 {
        self.received_before + self.source.map_or(0, |source| u64::from(source.received))
    }

    /// Packets that the numbers say were sent.
    pub fn expected(&self) -> u64 {
        let now = self.source.filter(|source| source.received > 0);
        self.expected_before + now.map_or(0, |source| u64::from(source.expected()))
    }

    /// Expected less received, never below zero.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received())
    }

    /// Interarrival jitter in microseconds.
    pub fn jitter_us(&self) -> u32 {
        self.source.map_or(0, |source| {
            (u64::from(source.jitter >> 4) * 1_000_000 / u64::from(source.clock_hz)) as u32
        })
    }

    /// The block of the next report; taking it begins the next interval (A.3).
    pub fn take_block(&mut self) -> Option<Block> {
        let source = self.source.as_mut().filter(|source| source.received > 0)?;
        let expected = source.expected();
        let expected_now = expected.wrapping_sub(source.expected_prior);
        let received_now = source.received.wrapping_sub(source.received_prior);
        source.expected_prior = expected;
        source.received_prior = source.received;
        let lost_now = i64::from(expected_now) - i64::from(received_now);
        let fraction_lost = if expected_now == 0 || lost_now <= 0 {
            0
        } else {
            ((lost_now << 8) / i64::from(expected_now)).min(255) as u8
        };
        let lost = i64::from(expected) - i64::from(source.received);
        Some(Block {
            ssrc: source.ssrc,
            fraction_lost,
            lost: lost.clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_seq: source.cycles.wrapping_add(u32::from(source.max_seq)),
            jitter: source.jitter >> 4,
        })
    }
}

/// Mean opinion score 1.0–4.5 by G.107 with the G.711 values of G.113 (Ie 0, Bpl 25.1), from the
/// share of packets lost or late in percent and the one-way delay in ms.
pub fn mos(lost_percent: f64, delay_ms: f64) -> f32 {
    let late = (delay_ms - 177.3).max(0.0);
    let delay_impairment = 0.024 * delay_ms + 0.11 * late;
    let loss_impairment = 95.0 * lost_percent / (lost_percent + 25.1);
    let r = (93.2 - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    let score = 1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r);
    score.clamp(1.0, 4.5) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ONE: Ssrc = Ssrc(1);

    #[test]
    fn loss_is_counted_from_every_awkward_start() {
        for first in [0_u16, 32_767, 65_535] {
            let mut stats = ReceiveStats::default();
            for n in (0..1_000_u16).filter(|n| n % 10 != 5) {
                assert_eq!(stats.note(ONE, SeqNo(first.wrapping_add(n))), Order::New);
            }
            assert_eq!((stats.expected(), stats.received(), stats.lost()), (1_000, 900, 100));
        }
    }

    #[test]
    fn reordered_is_late_and_repeated_is_duplicate() {
        let mut stats = ReceiveStats::default();
        let orders: Vec<Order> = [65_534_u16, 0, 65_535, 65_535, 0, 1]
            .iter()
            .map(|&n| stats.note(ONE, SeqNo(n)))
            .collect();
        use Order::{Duplicate, Late, New};
        assert_eq!(orders, [New, New, Late, Duplicate, Duplicate, New]);
        assert_eq!((stats.received(), stats.lost()), (4, 0));
    }

    #[test]
    fn a_jump_needs_a_successor_and_keeps_the_totals() {
        let mut stats = ReceiveStats::default();
        for n in 0..100 {
            stats.note(ONE, SeqNo(n));
        }
        assert_eq!(stats.note(ONE, SeqNo(40_000)), Order::Jump);
        assert_eq!(stats.note(ONE, SeqNo(40_001)), Order::New);
        assert_eq!((stats.received(), stats.lost()), (101, 0));
    }

    #[test]
    fn a_new_source_keeps_the_totals() {
        let mut stats = ReceiveStats::default();
        for n in 0..50 {
            stats.note(ONE, SeqNo(n));
        }
        for n in 0..50 {
            stats.note(Ssrc(2), SeqNo(60_000 + n));
        }
        assert_eq!((stats.expected(), stats.received()), (100, 100));
        assert_eq!(stats.ssrc(), Some(Ssrc(2)));
    }

    #[test]
    fn a_report_block_says_what_was_lost_since_the_last() {
        let mut stats = ReceiveStats::default();
        for n in (0..100).filter(|n| n % 4 != 1) {
            stats.note(ONE, SeqNo(n));
        }
        let block = stats.take_block().unwrap();
        assert_eq!((block.fraction_lost, block.lost), (64, 25));
        for n in 100..200 {
            stats.note(ONE, SeqNo(n));
        }
        let block = stats.take_block().unwrap();
        assert_eq!((block.fraction_lost, block.lost, block.highest_seq), (0, 25, 199));
    }

    #[test]
    fn jitter_follows_the_spread_of_arrivals() {
        let mut steady = ReceiveStats::default();
        let mut shaky = ReceiveStats::default();
        for n in 0..500_u64 {
            let due = Moment::from_millis(1_000 + n * 20);
            let time = RtpTime((n * 160) as u32);
            steady.note(ONE, SeqNo(n as u16));
            steady.note_arrival(due, time, 8_000);
            shaky.note(ONE, SeqNo(n as u16));
            shaky.note_arrival(due + Duration::from_millis(n % 2 * 10), time, 8_000);
        }
        assert_eq!(steady.jitter_us(), 0);
        assert!((9_000..11_000).contains(&shaky.jitter_us()), "{}", shaky.jitter_us());
    }

    #[test]
    fn the_estimate_falls_with_loss_and_delay() {
        assert!((mos(0.0, 20.0) - 4.4).abs() < 0.05);
        assert!((mos(5.0, 60.0) - 3.95).abs() < 0.2, "{}", mos(5.0, 60.0));
        assert!(mos(10.0, 60.0) < 3.6);
        assert!(mos(0.0, 400.0) < mos(0.0, 100.0));
        assert_eq!(mos(100.0, 1_000.0), 1.0);
    }
}
