//! Bursts and gaps of loss by the definition of RFC 3611 §4.7.2: a burst is the longest stretch
//! that begins and ends with an unheard packet and has nowhere [`HEARD_MIN`] heard ones in a row;
//! all else is gap. A single unheard packet among enough heard ones belongs to the gap.
//!
//! Counted by the definition itself, packet for packet in the order of their numbers. The formulas
//! of RFC 3611 A.2 estimate the same lengths and densities from transitions.

/// Heard packets in a row that end a burst: Gmin, for which §4.7.2 recommends 16.
pub const HEARD_MIN: u32 = 16;

/// What was heard and what not, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bursts {
    /// Packets that were decided upon.
    packets: u64,
    /// Of those, lost or late.
    unheard: u64,
    /// Stretches of unheard packets next to each other.
    runs: u64,
    /// Heard in a row until now.
    heard: u32,
    /// From the first unheard packet of what may be a burst to its last one until now.
    open: Stretch,
    /// Bursts that have ended.
    bursts: u64,
    closed: Stretch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    packets: u64,
    unheard: u64,
}

/// The counts of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Packets that the numbers say were sent.
    pub packets: u64,
    /// Of those, lost or late.
    pub unheard: u64,
    /// Stretches of unheard packets next to each other.
    pub runs: u64,
    /// Bursts.
    pub bursts: u64,
    /// Packets in bursts.
    pub burst_packets: u64,
    /// Of those, unheard.
    pub burst_unheard: u64,
}

impl Bursts {
    /// Counts on from here; what may have been a burst has ended.
    pub fn resumed(loss: &Loss) -> Self {
        Bursts {
            packets: loss.packets,
            unheard: loss.unheard,
            runs: loss.runs,
            bursts: loss.bursts,
            closed: Stretch { packets: loss.burst_packets, unheard: loss.burst_unheard },
            ..Bursts::default()
        }
    }

    /// The next packet by number was heard.
    pub fn hear(&mut self) {
        self.packets += 1;
        self.heard = self.heard.saturating_add(1);
    }

    /// The next packet by number was lost, or came too late.
    pub fn miss(&mut self) {
        if self.open.unheard == 0 || self.heard >= HEARD_MIN {
            self.close();
            self.open = Stretch { packets: 1, unheard: 1 };
            self.runs += 1;
        } else {
            self.runs += u64::from(self.heard > 0);
            self.open.packets += u64::from(self.heard) + 1;
            self.open.unheard += 1;
        }
        self.packets += 1;
        self.unheard += 1;
        self.heard = 0;
    }

    fn close(&mut self) {
        if self.open.unheard > 1 {
            self.bursts += 1;
            self.closed.packets += self.open.packets;
            self.closed.unheard += self.open.unheard;
        }
        self.open = Stretch::default();
    }

    /// The counts, as if the stream ended here.
    pub fn counts(mut self) -> Loss {
        self.close();
        Loss {
            packets: self.packets,
            unheard: self.unheard,
            runs: self.runs,
            bursts: self.bursts,
            burst_packets: self.closed.packets,
            burst_unheard: self.closed.unheard,
        }
    }
}

impl Loss {
    /// Share of packets that were not heard, in percent: Ppl of G.107.
    pub fn percent(&self) -> f64 {
        100.0 * share(self.unheard, self.packets)
    }

    /// Burst ratio of G.107 §3.4: the mean length of a stretch of loss over the mean that loss at
    /// random would have, `1 / (1 - p)`. Below 1 loss is spread better than at random, of which the
    /// model knows nothing.
    pub fn burst_ratio(&self) -> f64 {
        if self.runs == 0 {
            return 1.0;
        }
        let mean = self.unheard as f64 / self.runs as f64;
        (mean * (1.0 - share(self.unheard, self.packets))).max(1.0)
    }

    /// Share of the packets in bursts that were not heard.
    pub fn burst_density(&self) -> f64 {
        share(self.burst_unheard, self.burst_packets)
    }

    /// Share of the packets outside bursts that were not heard.
    pub fn gap_density(&self) -> f64 {
        share(self.unheard - self.burst_unheard, self.packets - self.burst_packets)
    }

    /// Mean length of a burst in packets.
    pub fn burst_mean(&self) -> f64 {
        self.burst_packets as f64 / self.bursts.max(1) as f64
    }

    /// Mean length of a gap in packets. Gaps lie around bursts: before the first, after the last
    /// and between.
    pub fn gap_mean(&self) -> f64 {
        (self.packets - self.burst_packets) as f64 / (self.bursts + 1) as f64
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` heard, `x` not, a number heard so often.
    fn loss(pattern: &[&str]) -> Loss {
        let mut bursts = Bursts::default();
        for part in pattern {
            match part.parse::<u32>() {
                Ok(heard) => (0..heard).for_each(|_| bursts.hear()),
                Err(_) => part.chars().for_each(|c| match c {
                    'x' => bursts.miss(),
                    _ => bursts.hear(),
                }),
            }
        }
        bursts.counts()
    }

    #[test]
    fn one_among_sixteen_is_gap_and_two_within_are_a_burst() {
        let lone = loss(&["20", "x", "16", "x", "20"]);
        assert_eq!((lone.unheard, lone.runs, lone.bursts), (2, 2, 0));
        let close = loss(&["20", "x", "15", "x", "20"]);
        assert_eq!((close.bursts, close.burst_packets, close.burst_unheard), (1, 17, 2));
        assert_eq!((close.runs, close.packets), (2, 57));
        assert_eq!((close.gap_density(), close.gap_mean()), (0.0, 20.0));
    }

    #[test]
    fn a_burst_ends_with_its_last_unheard_packet() {
        let counts = loss(&["40", "xx.x..x", "30", "x", "30", "xxx", "5"]);
        let expected = Loss {
            packets: 116,
            unheard: 8,
            runs: 5,
            bursts: 2,
            burst_packets: 10,
            burst_unheard: 7,
        };
        assert_eq!(counts, expected);
        assert_eq!(counts.burst_density(), 0.7);
        assert_eq!(counts.burst_mean(), 5.0);
        assert_eq!(counts.gap_density(), 1.0 / 106.0);
    }

    #[test]
    fn a_stream_may_begin_and_end_unheard() {
        let counts = loss(&["xx", "40", "xx"]);
        assert_eq!((counts.bursts, counts.burst_packets, counts.packets), (2, 4, 44));
        assert_eq!(loss(&[]), Loss::default());
        assert_eq!(loss(&[]).burst_ratio(), 1.0);
    }

    #[test]
    fn the_burst_ratio_is_one_at_random_and_five_in_fives() {
        // Fives at 1 %: mean length 5, at random 1 / 0.99.
        let mut bursts = Bursts::default();
        for n in 0..100_000 {
            if n % 500 < 5 { bursts.miss() } else { bursts.hear() }
        }
        let ratio = bursts.counts().burst_ratio();
        assert!((ratio - 4.95).abs() < 1e-9, "{ratio}");
        let spread = loss(&["x", "20", "x", "20", "x", "20"]);
        assert_eq!(spread.burst_ratio(), 1.0, "better than at random counts as random");
    }
}
