//! How long to wait: where a longer wait would cost more than the packets it saves are worth.
//!
//! A packet's transit is when it came less where it stands in the audio. The least transit of the
//! last seconds is the network without a queue; what a packet took longer is its relative delay.
//! A percent of packets that come too late is worth [`MS_PER_PERCENT`] of delay, so the target is the
//! least of (delay + that × percent later than it) over the packets of the last five seconds,
//! between the limits. NetEQ weighs reordered packets in the same way; a plain quantile would give
//! away the last packets of a network whose worst is hardly worse than its usual.
//! A clock that drifts by 200 ppm moves the least transit by 1 ms in the window: the target does
//! not see it, and the play-out follows.

use super::Limits;
use std::collections::VecDeque;
use std::time::Duration;
use terms::Moment;
use terms::media::RtpTime;

/// What is remembered.
const WINDOW: Duration = Duration::from_secs(5);
/// Packets of that, at 20 ms; of shorter ones less time is remembered.
const PACKETS_MAX: usize = 256;
/// Delay that is accepted to hear one more packet of a hundred.
const MS_PER_PERCENT: i64 = 20;
/// Of fewer packets each counts as one of so many: a single one is no habit of the network.
const SHARE_OF_MIN: usize = 100;
/// Packets between two looks at the whole window.
const LOOK_EVERY: u32 = 8;
/// Fewer say nothing about the network.
const PACKETS_MIN: usize = 10;

/// Watches the arrivals of one source.
#[derive(Clone, Debug)]
pub struct Delay {
    limits: Limits,
    /// Ticks of the RTP clock in a millisecond.
    clock: i64,
    /// The newest packet: its timestamp, and the same in microseconds without wrap.
    newest: Option<(RtpTime, i64)>,
    /// When packets came and their transits in microseconds.
    transits: VecDeque<(Moment, i64)>,
    fastest: i64,
    target_ms: u32,
    looked: u32,
    sorted: Vec<i64>,
}

fn micros(moment: Moment) -> i64 {
    (moment.0 / 1_000) as i64
}

impl Delay {
    /// Nothing came yet: the least that is allowed.
    pub fn new(clock_hz: u32, limits: Limits) -> Self {
        Delay {
            limits,
            clock: i64::from(clock_hz / 1_000),
            newest: None,
            transits: VecDeque::with_capacity(PACKETS_MAX),
            fastest: i64::MAX,
            target_ms: limits.ms_min.min(limits.ms_max),
            looked: 0,
            sorted: Vec::with_capacity(PACKETS_MAX),
        }
    }

    /// Another source, or another beginning: transits cannot be compared. The target stays, because
    /// the network does.
    pub fn restart(&mut self) {
        self.newest = None;
        self.transits.clear();
        self.fastest = i64::MAX;
    }

    /// A packet came.
    pub fn note(&mut self, now: Moment, time: RtpTime) {
        let place = self.place(time).unwrap_or(0);
        if self.newest.is_none_or(|(newest, _)| time.distance(newest) > 0) {
            self.newest = Some((time, place));
        }
        let transit = micros(now) - place;
        // Nobody waits for what is later than may be waited for.
        let most_us = i64::from(self.limits.ms_max.max(self.limits.ms_min)) * 1_000;
        if self.fastest != i64::MAX && transit - self.fastest > most_us {
            return;
        }
        while self.transits.len() == PACKETS_MAX
            || self.transits.front().is_some_and(|&(came, _)| now - came > WINDOW)
        {
            self.transits.pop_front();
        }
        self.transits.push_back((now, transit));
        self.fastest = self.fastest.min(transit);
        self.looked += 1;
        let is_late = transit - self.fastest > i64::from(self.target_ms) * 1_000;
        if self.looked >= LOOK_EVERY || is_late {
            self.look();
        }
    }

    fn look(&mut self) {
        self.looked = 0;
        self.sorted.clear();
        self.sorted.extend(self.transits.iter().map(|&(_, transit)| transit));
        self.fastest = self.sorted.iter().copied().min().unwrap_or(i64::MAX);
        if self.sorted.len() < PACKETS_MIN {
            return;
        }
        self.sorted.sort_unstable();
        let each_us = MS_PER_PERCENT * 100_000 / self.sorted.len().max(SHARE_OF_MIN) as i64;
        let later = (0..self.sorted.len() as i64).rev();
        let waits = self.sorted.iter().map(|transit| transit - self.fastest);
        let cost = |&(wait, later): &(i64, i64)| wait + later * each_us;
        let best = waits.zip(later).min_by_key(cost);
        let wanted = best.map_or(0, |(wait, _)| (wait + 999) / 1_000);
        let most = self.limits.ms_max.max(self.limits.ms_min);
        self.target_ms = (wanted.max(0) as u32).clamp(self.limits.ms_min, most);
    }

    /// Where a timestamp stands, in microseconds; `None` before the first packet.
    fn place(&self, time: RtpTime) -> Option<i64> {
        let (newest, place) = self.newest?;
        Some(place + i64::from(time.distance(newest)) * 1_000 / self.clock)
    }

    /// The delay to aim at.
    pub fn target_ms(&self) -> u32 {
        self.target_ms
    }

    /// How far behind the fastest packets the audio at `time` is when it is played now, in
    /// milliseconds; `None` before the first packet.
    pub fn behind_ms(&self, now: Moment, time: RtpTime) -> Option<i64> {
        let place = self.place(time)?;
        Some((micros(now) - self.fastest - place) / 1_000)
    }

    /// The timestamp that is to be played now.
    pub fn due(&self, now: Moment) -> Option<RtpTime> {
        let (newest, place) = self.newest?;
        let due = micros(now) - self.fastest - i64::from(self.target_ms) * 1_000;
        let ticks = (due - place) * self.clock / 1_000;
        Some(RtpTime(newest.0.wrapping_add(ticks as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { ms_min: 40, ms_max: 200 };

    /// Packets of 20 ms that come `late_ms` later than they could.
    fn after(start: u32, late_ms: impl Fn(u64) -> u64) -> Delay {
        let mut delay = Delay::new(8_000, LIMITS);
        for n in 0..500_u64 {
            let now = Moment::from_millis(1_000 + n * 20 + late_ms(n));
            delay.note(now, RtpTime(start.wrapping_add(n as u32 * 160)));
        }
        delay
    }

    #[test]
    fn the_target_is_where_one_more_packet_costs_more_than_it_is_worth() {
        for start in [0, u32::MAX - 500] {
            assert_eq!(after(start, |_| 0).target_ms(), 40);
            assert_eq!(after(start, |n| n % 10 * 10).target_ms(), 90);
            assert_eq!(after(start, |n| if n % 50 == 0 { 150 } else { n % 7 }).target_ms(), 40);
            assert_eq!(after(start, |n| if n % 10 == 5 { 190 } else { 0 }).target_ms(), 190);
            assert_eq!(after(start, |n| if n % 10 == 5 { 500 } else { 0 }).target_ms(), 40);
        }
    }

    #[test]
    fn the_target_comes_down_once_the_network_calms() {
        let mut delay = after(0, |n| n % 10 * 10);
        for n in 500..800_u32 {
            delay.note(Moment::from_millis(1_000 + u64::from(n) * 20), RtpTime(n * 160));
        }
        assert_eq!(delay.target_ms(), 40);
    }

    #[test]
    fn a_clock_that_drifts_is_no_jitter() {
        let mut delay = Delay::new(8_000, LIMITS);
        for n in 0..5_000_u64 {
            // Every packet takes 20.004 ms of ours.
            delay.note(Moment(n * 20_004_000), RtpTime(n as u32 * 160));
        }
        assert_eq!(delay.target_ms(), 40);
        let now = Moment(4_999 * 20_004_000);
        let behind = delay.behind_ms(now, RtpTime(4_999 * 160)).expect("packets came");
        assert!((-2..=2).contains(&behind), "{behind}");
        let due = delay.due(now).expect("packets came");
        assert!((due.distance(RtpTime(4_999 * 160 - 320))).abs() < 16);
    }
}
