//! The one RTP stream of a leg toward its phone: one SSRC, sequence and timestamps without a seam
//! across prompt, music, relay and mix.
//!
//! What is made here (prompt, mix, digits) is stamped one after the other. What is relayed keeps
//! its own steps, so that the phone sees loss and order as they were; the offset between both
//! numberings is set anew whenever the feed changes, and the first packet after a gap carries the
//! marker bit.

use std::time::Duration;
use terms::Moment;
use terms::media::{RtpTime, SeqNo, Ssrc};

/// A pause longer than this is a gap: the timestamp jumps with the clock and the marker is set.
const GAP: Duration = Duration::from_millis(60);
/// Relayed numbers that step further than this are a new beginning.
const STEP_MAX: i16 = 1_000;
/// Relayed timestamps may run ahead of the clock by this much.
const AHEAD_S_MAX: i64 = 10;

/// Where the packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feed {
    Nothing,
    Local,
    Relay(Relay),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Relay {
    ssrc: Ssrc,
    first: SeqNo,
    newest: SeqNo,
    newest_time: RtpTime,
    seq_offset: u16,
    time_offset: u32,
}

/// The numbers of one outgoing packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its sequence number.
    pub seq: SeqNo,
    /// Its timestamp.
    pub time: RtpTime,
    /// Its marker bit.
    pub marker: bool,
}

/// One outgoing stream.
#[derive(Clone, Debug)]
pub struct Stream {
    ssrc: Ssrc,
    /// Of the newest packet sent.
    seq: SeqNo,
    time: RtpTime,
    /// Ticks of audio in it.
    span: u32,
    sent_at: Option<Moment>,
    feed: Feed,
    packets: u64,
    octets: u64,
    /// Ticks in a second.
    clock_hz: u32,
}

impl Stream {
    /// A stream that begins after these numbers; all three come from randomness (RFC 3550 §5.1).
    pub fn new(ssrc: Ssrc, seq: SeqNo, time: RtpTime) -> Self {
        Stream {
            ssrc,
            seq,
            time,
            span: 0,
            sent_at: None,
            feed: Feed::Nothing,
            packets: 0,
            octets: 0,
            clock_hz: 8_000,
        }
    }

    /// A stream that goes on after `seq`: of its newest packet `time` and when it was sent are known.
    /// The next packet carries the marker, and a timestamp as much later as the clock is.
    pub fn resumed(ssrc: Ssrc, seq: SeqNo, time: RtpTime, sent_at: Option<Moment>) -> Self {
        Stream { sent_at, ..Stream::new(ssrc, seq, time) }
    }

    /// Counts on the clock of another codec from now on. The numbers go on, so that one source
    /// stays one stream; the next packet carries the marker (RFC 7160 §4.1).
    pub fn set_clock(&mut self, hz: u32) {
        if self.clock_hz != hz {
            self.clock_hz = hz;
            self.feed = Feed::Nothing;
        }
    }

    fn ticks(&self, time: Duration) -> u32 {
        (time.as_micros() * u128::from(self.clock_hz / 1_000) / 1_000) as u32
    }

    /// Our source.
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }
    /// Number of the newest packet sent.
    pub fn seq(&self) -> SeqNo {
        self.seq
    }
    /// The newest timestamp sent.
    pub fn time(&self) -> RtpTime {
        self.time
    }
    /// When the newest timestamp was sent.
    pub fn sent_at(&self) -> Option<Moment> {
        self.sent_at
    }
    /// Packets sent.
    pub fn packets(&self) -> u64 {
        self.packets
    }
    /// Octets of payload sent.
    pub fn octets(&self) -> u64 {
        self.octets
    }
    /// The timestamp that corresponds to `now`, for sender reports.
    pub fn time_at(&self, now: Moment) -> RtpTime {
        let since = self.sent_at.map_or(0, |sent_at| self.ticks(now - sent_at));
        RtpTime(self.time.0.wrapping_add(since))
    }

    /// Numbers a packet of `span` ticks made here and due at `due`.
    pub fn stamp_local(&mut self, due: Moment, span: u32, octets: usize) -> Stamp {
        let gap = self.feed != Feed::Local || self.is_gap(due);
        self.feed = Feed::Local;
        let stamp = Stamp {
            seq: self.next_seq(),
            time: if gap { self.time_after(due) } else { self.next_time() },
            marker: gap,
        };
        self.sent(due, stamp, span, octets);
        stamp
    }

    /// A packet of `span` ticks is not sent, because nobody speaks: its time passes.
    pub fn rest(&mut self, span: u32) {
        self.span = self.span.wrapping_add(span);
    }

    /// Numbers a repetition with the newest timestamp: the packets of one telephone event.
    pub fn stamp_again(&mut self, now: Moment, octets: usize) -> Stamp {
        let stamp = Stamp { seq: self.next_seq(), time: self.time, marker: false };
        let span = self.span;
        // The event began at `sent_at`; the clock of the stream goes on from there.
        let began_at = self.sent_at.unwrap_or(now);
        self.sent(began_at, stamp, span, octets);
        stamp
    }

    /// Numbers the first packet of another segment of a telephone event, `step` ticks after the one
    /// before (RFC 4733 §2.5.1.3).
    pub fn stamp_segment(&mut self, now: Moment, step: u32, octets: usize) -> Stamp {
        let time = RtpTime(self.time.0.wrapping_add(step));
        let stamp = Stamp { seq: self.next_seq(), time, marker: false };
        let span = self.span;
        let earlier =
            Duration::from_micros(u64::from(step) * 1_000 / u64::from(self.clock_hz / 1_000));
        let began_at = self.sent_at.map_or(now, |sent_at| (sent_at + earlier).min(now));
        self.sent(began_at, stamp, span, octets);
        stamp
    }

    /// Numbers a relayed packet of `span` ticks, none for an event; `None` when it is older than the seam and so has
    /// no number in this stream.
    pub fn stamp_relay(
        &mut self,
        now: Moment,
        source: (Ssrc, SeqNo, RtpTime, bool),
        span: u32,
        octets: usize,
    ) -> Option<Stamp> {
        let (ssrc, seq, time, marker) = source;
        let relay = match self.feed {
            Feed::Relay(relay) if self.follows(now, &relay, (ssrc, seq, time), span) => relay,
            _ => return Some(self.begin_relay(now, ssrc, seq, time, span, octets)),
        };
        if seq.distance(relay.first) < 0 {
            return None;
        }
        let stamp = Stamp {
            seq: SeqNo(seq.0.wrapping_add(relay.seq_offset)),
            time: RtpTime(time.0.wrapping_add(relay.time_offset)),
            marker,
        };
        // The seam stays near enough to be compared: half the circle behind it would look like before.
        let far = seq.distance(relay.first) > STEP_MAX;
        let first = if far { SeqNo(seq.0.wrapping_sub(STEP_MAX as u16)) } else { relay.first };
        let relay = Relay { first, ..relay };
        if seq.distance(relay.newest) > 0 && span > 0 {
            self.feed = Feed::Relay(Relay { newest: seq, newest_time: time, ..relay });
            self.sent(now, stamp, span, octets);
            return Some(stamp);
        }
        if seq.distance(relay.newest) > 0 {
            // An event takes a number, but the place in the audio stays that of the last audio.
            self.feed = Feed::Relay(Relay { newest: seq, ..relay });
            self.seq = stamp.seq;
        }
        self.packets += 1;
        self.octets += octets as u64;
        Some(stamp)
    }

    /// A relayed packet is not passed on (comfort noise, an event the other side does not speak):
    /// its number is not missed.
    pub fn skip_relay(&mut self, ssrc: Ssrc, seq: SeqNo) {
        if let Feed::Relay(relay) = &mut self.feed
            && relay.ssrc == ssrc
            && seq.distance(relay.newest) > 0
        {
            relay.newest = seq;
            relay.seq_offset = relay.seq_offset.wrapping_sub(1);
            // Packets before this one can no longer be placed.
            relay.first = SeqNo(seq.0.wrapping_add(1));
        }
    }

    fn follows(
        &self,
        now: Moment,
        relay: &Relay,
        (ssrc, seq, time): (Ssrc, SeqNo, RtpTime),
        span: u32,
    ) -> bool {
        let step = seq.distance(relay.newest);
        let walk = i64::from(time.distance(relay.newest_time));
        let since = self.sent_at.map_or(0, |sent_at| i64::from(self.ticks(now - sent_at)));
        let ahead_max = AHEAD_S_MAX * i64::from(self.clock_hz);
        let plausible = match (span, step > 0) {
            // The packets of an event carry its beginning, also between audio that is newer.
            (0, _) => -ahead_max..=since + ahead_max,
            (_, true) => 0..=since + ahead_max,
            (_, false) => -ahead_max..=0,
        };
        relay.ssrc == ssrc && step.abs() <= STEP_MAX && plausible.contains(&walk)
    }

    fn begin_relay(
        &mut self,
        now: Moment,
        ssrc: Ssrc,
        seq: SeqNo,
        time: RtpTime,
        span: u32,
        octets: usize,
    ) -> Stamp {
        let stamp = Stamp { seq: self.next_seq(), time: self.time_after(now), marker: true };
        self.feed = Feed::Relay(Relay {
            ssrc,
            first: seq,
            newest: seq,
            newest_time: time,
            seq_offset: stamp.seq.0.wrapping_sub(seq.0),
            time_offset: stamp.time.0.wrapping_sub(time.0),
        });
        self.sent(now, stamp, span, octets);
        stamp
    }

    fn is_gap(&self, now: Moment) -> bool {
        let audio =
            Duration::from_micros(u64::from(self.span) * 1_000 / u64::from(self.clock_hz / 1_000));
        self.sent_at.is_none_or(|sent_at| now - sent_at > audio + GAP)
    }

    fn next_seq(&self) -> SeqNo {
        SeqNo(self.seq.0.wrapping_add(1))
    }

    fn next_time(&self) -> RtpTime {
        RtpTime(self.time.0.wrapping_add(self.span))
    }

    /// The timestamp at `now`, at the earliest directly after the newest packet.
    fn time_after(&self, now: Moment) -> RtpTime {
        let since = self.sent_at.map_or(0, |sent_at| self.ticks(now - sent_at));
        RtpTime(self.time.0.wrapping_add(since.max(self.span)))
    }

    fn sent(&mut self, now: Moment, stamp: Stamp, span: u32, octets: usize) {
        self.seq = stamp.seq;
        self.time = stamp.time;
        self.span = span;
        self.sent_at = Some(now);
        self.packets += 1;
        self.octets += octets as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(10_000 + ms)
    }

    fn stream(seq: u16) -> Stream {
        Stream::new(Ssrc(1), SeqNo(seq), RtpTime(u32::MAX - 100))
    }

    fn relay(stream: &mut Stream, ms: u64, ssrc: u32, seq: u16, time: u32) -> Option<Stamp> {
        stream.stamp_relay(at(ms), (Ssrc(ssrc), SeqNo(seq), RtpTime(time), false), 160, 160)
    }

    #[test]
    fn prompt_relay_and_mix_follow_without_a_seam() {
        for first in [65_534_u16, 32_766, 65_533] {
            let mut out = stream(first);
            let mut stamps = Vec::new();
            for n in 0..5 {
                stamps.push(out.stamp_local(at(n * 20), 160, 160));
            }
            for n in 5..10_u64 {
                let (seq, time) = (500 + n as u16, 9_000 + n as u32 * 160);
                stamps.push(relay(&mut out, n * 20, 7, seq, time).unwrap());
            }
            for n in 10..15 {
                stamps.push(out.stamp_local(at(n * 20), 160, 160));
            }
            for pair in stamps.windows(2) {
                assert_eq!(pair[1].seq.distance(pair[0].seq), 1);
                assert_eq!(pair[1].time.distance(pair[0].time), 160);
            }
            let markers: Vec<usize> = (0..stamps.len()).filter(|&n| stamps[n].marker).collect();
            assert_eq!(markers, [0, 5, 10]);
        }
    }

    #[test]
    fn half_an_hour_of_relayed_packets_has_one_beginning() {
        let mut out = stream(10);
        let mut newest = None;
        for n in 0..90_000_u32 {
            let time = n.wrapping_mul(160);
            let stamp = relay(&mut out, u64::from(n) * 20, 7, n as u16, time);
            let stamp = stamp.unwrap_or_else(|| panic!("packet {n} is older than the beginning"));
            if let Some(before) = newest.replace(stamp.seq) {
                assert_eq!((stamp.seq.distance(before), stamp.marker), (1, false), "packet {n}");
            }
        }
    }

    #[test]
    fn relayed_loss_and_order_stay_visible() {
        let mut out = stream(10);
        let seqs: Vec<u16> = [100, 101, 103, 102, 105]
            .iter()
            .map(|&n: &u16| relay(&mut out, 0, 7, n, u32::from(n) * 160).unwrap().seq.0)
            .collect();
        assert_eq!(seqs, [11, 12, 14, 13, 16]);
    }

    #[test]
    fn packets_older_than_the_seam_are_left_out() {
        let mut out = stream(10);
        relay(&mut out, 0, 7, 100, 16_000);
        assert_eq!(relay(&mut out, 1, 7, 99, 15_840), None);
        assert_eq!(relay(&mut out, 20, 7, 101, 16_160).unwrap().seq, SeqNo(12));
    }

    #[test]
    fn a_new_source_or_a_wild_step_gets_a_new_offset() {
        let mut out = stream(10);
        let first = relay(&mut out, 0, 7, 100, 16_000).unwrap();
        let other = relay(&mut out, 20, 8, 40_000, 3).unwrap();
        assert_eq!((other.seq.distance(first.seq), other.time.distance(first.time)), (1, 160));
        let restarted = relay(&mut out, 40, 8, 2, 900_000_000).unwrap();
        assert_eq!((restarted.seq.distance(other.seq), restarted.marker), (1, true));
        let backward = relay(&mut out, 60, 8, 3, 5).unwrap();
        assert_eq!(backward.time.distance(restarted.time), 160);
    }

    #[test]
    fn relayed_events_keep_one_timestamp_between_newer_audio() {
        let mut out = stream(10);
        let audio = relay(&mut out, 0, 7, 100, 16_000).unwrap();
        let mut event = |ms, seq| {
            let source = (Ssrc(7), SeqNo(seq), RtpTime(16_160), seq == 101);
            out.stamp_relay(at(ms), source, 0, 4).unwrap()
        };
        let stamps = [event(20, 101), event(40, 102)];
        let newer = relay(&mut out, 60, 7, 103, 16_480).unwrap();
        let source = (Ssrc(7), SeqNo(104), RtpTime(16_160), false);
        let last = out.stamp_relay(at(80), source, 0, 4).unwrap();
        assert_eq!(stamps[0].time, stamps[1].time);
        assert_eq!((last.time, last.seq.distance(audio.seq)), (stamps[0].time, 4));
        assert_eq!(newer.time.distance(audio.time), 480);
        let prompt = out.stamp_local(at(100), 160, 160);
        assert_eq!(prompt.time.distance(audio.time), 800);
    }

    #[test]
    fn an_opus_stream_counts_48_ticks_a_millisecond_through_its_rests() {
        let mut out = stream(10);
        out.set_clock(48_000);
        let first = out.stamp_local(at(0), 960, 50);
        out.rest(960);
        out.rest(960);
        let second = out.stamp_local(at(60), 960, 50);
        assert_eq!((second.time.distance(first.time), second.marker), (2_880, false));
        (0..20).for_each(|_| out.rest(960));
        let third = out.stamp_local(at(480), 960, 50);
        assert_eq!((third.time.distance(second.time), third.seq.distance(second.seq)), (20_160, 1));
        assert_eq!(out.time_at(at(500)).distance(third.time), 960);
    }

    #[test]
    fn a_skipped_packet_leaves_no_hole() {
        let mut out = stream(10);
        relay(&mut out, 0, 7, 100, 16_000);
        out.skip_relay(Ssrc(7), SeqNo(101));
        assert_eq!(relay(&mut out, 40, 7, 102, 16_320).unwrap().seq, SeqNo(12));
    }

    #[test]
    fn after_a_pause_the_clock_and_the_marker_tell() {
        let mut out = stream(10);
        let before = out.stamp_local(at(0), 160, 160);
        let after = out.stamp_local(at(1_000), 160, 160);
        assert_eq!((after.time.distance(before.time), after.marker), (8_000, true));
        assert_eq!(after.seq.distance(before.seq), 1);
    }

    #[test]
    fn the_packets_of_an_event_share_a_timestamp_and_audio_goes_on_after_it() {
        let mut out = stream(10);
        out.stamp_local(at(0), 160, 160);
        let event = out.stamp_local(at(20), 160, 4);
        let again = out.stamp_again(at(40), 4);
        assert_eq!((again.time, again.seq.distance(event.seq)), (event.time, 1));
        let audio = out.stamp_local(at(200), 160, 160);
        assert_eq!(audio.time.distance(event.time), 180 * 8);
    }
}
