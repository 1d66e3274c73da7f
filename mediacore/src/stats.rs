//! What a source sent and what of it arrived: sequence, loss and jitter by RFC 3550 A.1, A.3 and
//! A.8, bursts of loss by RFC 3611 §4.7.2.
//!
//! Jitter is kept in sixteenths of a tick as A.8 does. Totals go on over a change of source, so
//! that a leg's quality covers the whole call. A packet is decided to be heard or not only when it
//! is [`WINDOW`] numbers behind the newest: until then it may still come, or turn out to be late.

use crate::burst::{Bursts, Loss};
use crate::slot::Figures;
use std::time::Duration;
use terms::Moment;
use terms::media::{RtpTime, SeqNo, Ssrc, SsrcEpoch};

/// A forward jump up to here is loss (A.1).
const DROPOUT_MAX: u16 = 3_000;
/// A backward step up to here is reordering (A.1).
const MISORDER_MAX: u16 = 100;
/// Packets behind the newest that are remembered one by one; more than [`MISORDER_MAX`].
const WINDOW: u32 = u128::BITS;
/// Sources of a leg that are told one by one; more are counted.
pub const EPOCHS_MAX: usize = 16;
/// Steps of the timestamp up to here, an eighth of a second, are one packet's time.
const PACKETS_PER_S_MIN: u32 = 8;
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

/// Where a number stands to those before.
enum Place {
    Ahead(u16),
    Behind(u16),
    Far,
    /// Two far ones in a row: the sender restarted without a word.
    Restart,
}

/// One source as received; it begins with its first packet.
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
    seen: u128,
    /// Bit n: it was seen and came too late to be heard.
    discarded: u128,
    transit: Option<i32>,
    /// Sixteenths of a tick.
    jitter: u32,
    jitter_max: u32,
    /// Ticks in a second.
    clock_hz: u32,
    /// The last audio packet: its number and time.
    timed: Option<(SeqNo, RtpTime)>,
    /// Ticks of a packet.
    span: u32,
}

impl Source {
    fn new(ssrc: Ssrc, seq: SeqNo) -> Self {
        Source {
            ssrc,
            max_seq: seq.0,
            cycles: 0,
            base_seq: u32::from(seq.0),
            bad_seq: WRAP + 1,
            received: 1,
            expected_prior: 0,
            received_prior: 0,
            seen: 1,
            discarded: 0,
            transit: None,
            jitter: 0,
            jitter_max: 0,
            clock_hz: 8_000,
            timed: None,
            span: 0,
        }
    }

    /// The same sender, counting anew.
    fn restarted(&self, seq: SeqNo) -> Self {
        let Source { ssrc, transit, jitter, jitter_max, clock_hz, timed, span, .. } = *self;
        Source { transit, jitter, jitter_max, clock_hz, timed, span, ..Source::new(ssrc, seq) }
    }

    fn expected(&self) -> u32 {
        (self.cycles + u32::from(self.max_seq)).wrapping_sub(self.base_seq).wrapping_add(1)
    }

    fn place(&self, seq: SeqNo) -> Place {
        let ahead = seq.0.wrapping_sub(self.max_seq);
        let behind = self.max_seq.wrapping_sub(seq.0);
        if ahead != 0 && ahead < DROPOUT_MAX {
            Place::Ahead(ahead)
        } else if behind <= MISORDER_MAX {
            Place::Behind(behind)
        } else if u32::from(seq.0) == self.bad_seq {
            Place::Restart
        } else {
            Place::Far
        }
    }

    fn advance(&mut self, seq: SeqNo, ahead: u16, bursts: &mut Bursts) {
        self.slide(u32::from(ahead), bursts);
        if seq.0 < self.max_seq {
            self.cycles = self.cycles.wrapping_add(WRAP);
        }
        self.max_seq = seq.0;
        self.received += 1;
    }

    /// Decides what leaves the window, the oldest first.
    fn slide(&mut self, ahead: u32, bursts: &mut Bursts) {
        let held = self.held();
        let staying = WINDOW.saturating_sub(ahead).min(held);
        (staying..held).rev().for_each(|behind| self.decide(behind, bursts));
        // Numbers that were jumped over and are older than the window already.
        (WINDOW..ahead).for_each(|_| bursts.miss());
        self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
        self.discarded = self.discarded.checked_shl(ahead).unwrap_or(0);
    }

    fn held(&self) -> u32 {
        self.expected().min(WINDOW)
    }

    fn decide(&self, behind: u32, bursts: &mut Bursts) {
        let heard = (self.seen & !self.discarded) >> behind & 1 != 0;
        if heard { bursts.hear() } else { bursts.miss() }
    }

    /// Decides everything: the source ends.
    fn settle(&self, bursts: &mut Bursts) {
        (0..self.held()).rev().for_each(|behind| self.decide(behind, bursts));
    }

    fn look_back(&mut self, behind: u16) -> Order {
        let bit = 1_u128 << behind;
        if self.seen & bit != 0 {
            return Order::Duplicate;
        }
        // One from before our first belongs to the stream as well; nothing has left the window yet.
        let before_first = (u32::from(behind) + 1).saturating_sub(self.expected());
        self.base_seq = self.base_seq.wrapping_sub(before_first);
        self.seen |= bit;
        self.received += 1;
        Order::Late
    }

    fn note_arrival(&mut self, now: Moment, seq: SeqNo, time: RtpTime, clock_hz: u32) {
        if self.clock_hz != clock_hz {
            // What was measured on another clock means nothing on this one.
            (self.clock_hz, self.transit, self.timed) = (clock_hz, None, None);
            (self.jitter, self.jitter_max, self.span) = (0, 0, 0);
        }
        if let Some((seq_before, time_before)) = self.timed.replace((seq, time)) {
            let step = time.distance(time_before);
            let one = 1..=(clock_hz / PACKETS_PER_S_MIN) as i32;
            if seq.distance(seq_before) == 1 && one.contains(&step) {
                self.span = step as u32;
            }
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

    fn us(&self, ticks: u32) -> u32 {
        (u64::from(ticks) * 1_000_000 / u64::from(self.clock_hz)) as u32
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
#[derive(Clone, Debug, Default)]
pub struct ReceiveStats {
    opened_at: Moment,
    source: Option<Source>,
    /// Of sources before this one.
    expected_before: u64,
    received_before: u64,
    duplicates: u64,
    reordered: u64,
    bursts: Bursts,
    jitter_us_max: u32,
    /// Sources until now.
    epochs: u32,
    /// The first of them, each with the totals at its begin.
    epoch_list: Vec<SsrcEpoch>,
    /// The last packet of the process before, until the first one comes here.
    newest: Option<Newest>,
}

/// A packet of before a kill.
#[derive(Clone, Copy, Debug)]
struct Newest {
    ssrc: Ssrc,
    seq: SeqNo,
    packet_us: u32,
    /// Packets that can have passed while nobody listened.
    missed_max: u32,
}

impl ReceiveStats {
    /// Nothing received on a leg that was opened then.
    pub fn new(opened_at: Moment) -> Self {
        ReceiveStats { opened_at, ..ReceiveStats::default() }
    }

    /// The same leg in another process counts on; nobody listened for so long. The first number that
    /// comes shows how many packets have passed: those that fit into that time were missed, and the
    /// others heard after the figures were written.
    pub fn resumed(opened_at: Moment, figures: &Figures, deaf: Duration) -> Self {
        let (ssrc, seq) = figures.newest;
        let packet_us = figures.packet_us;
        let missed_max = deaf.as_micros().checked_div(packet_us.into()).unwrap_or(0);
        let missed_max = u32::try_from(missed_max).unwrap_or(u32::MAX);
        let newest = Newest { ssrc, seq: SeqNo(seq), packet_us, missed_max };
        ReceiveStats {
            opened_at,
            expected_before: figures.expected.into(),
            received_before: figures.received.into(),
            duplicates: figures.duplicates.into(),
            reordered: figures.reordered.into(),
            bursts: Bursts::resumed(&figures.loss),
            jitter_us_max: figures.jitter_us_max,
            newest: (packet_us > 0).then_some(newest),
            ..ReceiveStats::default()
        }
    }

    /// The first packet after a kill says what passed since the newest before it.
    fn bridge(&mut self, ssrc: Ssrc, seq: SeqNo) {
        let Some(newest) = self.newest.take().filter(|newest| newest.ssrc == ssrc) else { return };
        let Ok(ahead) = u32::try_from(seq.distance(newest.seq)) else { return };
        let passed = ahead.saturating_sub(1);
        let missed = passed.min(newest.missed_max);
        let heard = passed - missed;
        self.expected_before += u64::from(passed);
        self.received_before += u64::from(heard);
        (0..heard).for_each(|_| self.bursts.hear());
        (0..missed).for_each(|_| self.bursts.miss());
    }

    /// Notes an accepted packet and says what its number means. A new SSRC begins a new source.
    pub fn note(&mut self, now: Moment, ssrc: Ssrc, seq: SeqNo) -> Order {
        let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) else {
            self.retire();
            self.bridge(ssrc, seq);
            self.begin_epoch(now, ssrc);
            self.source = Some(Source::new(ssrc, seq));
            return Order::New;
        };
        let order = match source.place(seq) {
            Place::Ahead(ahead) => {
                source.advance(seq, ahead, &mut self.bursts);
                Order::New
            }
            Place::Behind(behind) => source.look_back(behind),
            Place::Restart => {
                let restarted = source.restarted(seq);
                self.retire();
                self.source = Some(restarted);
                Order::New
            }
            Place::Far => {
                source.bad_seq = u32::from(seq.0.wrapping_add(1));
                Order::Jump
            }
        };
        self.duplicates += u64::from(order == Order::Duplicate);
        self.reordered += u64::from(order == Order::Late);
        order
    }

    /// The packet of this number came too late to be heard, or too early for the buffer.
    pub fn discard(&mut self, seq: SeqNo) {
        if let Some(source) = &mut self.source {
            let behind = u32::from(source.max_seq.wrapping_sub(seq.0));
            source.discarded |= 1_u128.checked_shl(behind).unwrap_or(0);
        }
    }

    /// Notes when an audio packet came, for jitter.
    /// `clock_hz` is the codec's.
    pub fn note_arrival(&mut self, now: Moment, seq: SeqNo, time: RtpTime, clock_hz: u32) {
        if let Some(source) = &mut self.source {
            source.note_arrival(now, seq, time, clock_hz);
            if source.jitter > source.jitter_max {
                source.jitter_max = source.jitter;
                self.jitter_us_max = self.jitter_us_max.max(source.us(source.jitter >> 4));
            }
        }
    }

    fn begin_epoch(&mut self, now: Moment, ssrc: Ssrc) {
        self.epochs = self.epochs.saturating_add(1);
        if self.epoch_list.len() < EPOCHS_MAX {
            let from_ms = (now - self.opened_at).as_millis() as u64;
            self.epoch_list.push(SsrcEpoch { ssrc, from_ms, received: 0, lost: 0 });
        }
    }

    fn retire(&mut self) {
        self.close_epoch();
        if let Some(source) = self.source.take() {
            source.settle(&mut self.bursts);
            self.expected_before += u64::from(source.expected());
            self.received_before += u64::from(source.received);
        }
    }

    /// Adds what the source has until now to its epoch, when that stands in the list.
    fn close_epoch(&mut self) {
        let listed = self.epochs as usize == self.epoch_list.len();
        let Some(source) = self.source.filter(|_| listed) else { return };
        if let Some(epoch) = self.epoch_list.last_mut() {
            epoch.received += u64::from(source.received);
            epoch.lost += u64::from(source.expected().saturating_sub(source.received));
        }
    }

    /// Sources until now, and the first of them.
    pub fn epochs(&self) -> (u32, Vec<SsrcEpoch>) {
        let mut until_now = self.clone();
        until_now.close_epoch();
        (self.epochs, until_now.epoch_list)
    }

    /// What was heard and what not, as if the stream ended here.
    pub fn loss(&self) -> Loss {
        let mut bursts = self.bursts;
        if let Some(source) = &self.source {
            source.settle(&mut bursts);
        }
        bursts.counts()
    }

    /// Packets that came twice or more.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Packets that came after one with a higher number.
    pub fn reordered(&self) -> u64 {
        self.reordered
    }

    /// Packet time in microseconds; zero before two packets came in order.
    pub fn packet_us(&self) -> u32 {
        let before = self.newest.map_or(0, |newest| newest.packet_us);
        self.source.map_or(before, |source| source.us(source.span))
    }

    /// Source and number of the newest packet, also of one before a kill.
    pub fn newest(&self) -> Option<(Ssrc, SeqNo)> {
        let before = self.newest.map(|newest| (newest.ssrc, newest.seq));
        self.source.map(|source| (source.ssrc, SeqNo(source.max_seq))).or(before)
    }

    /// How long nobody listened after the newest packet.
    pub fn deaf(&self) -> Duration {
        let newest = self.newest.filter(|_| self.source.is_none());
        let us = newest.map_or(0, |n| u64::from(n.missed_max) * u64::from(n.packet_us));
        Duration::from_micros(us)
    }

    /// The greatest jitter in microseconds.
    pub fn jitter_us_max(&self) -> u32 {
        self.jitter_us_max
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
        self.expected_before + self.source.map_or(0, |source| u64::from(source.expected()))
    }

    /// Expected less received, never below zero.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received())
    }

    /// Interarrival jitter in microseconds.
    pub fn jitter_us(&self) -> u32 {
        self.source.map_or(0, |source| source.us(source.jitter >> 4))
    }

    /// The block of the next report; taking it begins the next interval (A.3).
    pub fn take_block(&mut self) -> Option<Block> {
        let source = self.source.as_mut()?;
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

#[cfg(test)]
mod tests;
