//! What a leg heard and said, summed up for its record.

use super::{Leg, sum};
use crate::jitter::Jitter;
use crate::stats;
use terms::media::Quality;

/// Delay that neither jitter nor round trip show: packet time and playout at the phone.
const BASE_DELAY_MS: f64 = 40.0;

/// The figures of a leg until now.
pub fn quality(leg: &Leg) -> Quality {
    let late = leg.counts.late_before + leg.jitter.as_ref().map_or(0, Jitter::late);
    let before = leg.counts.playout_before;
    let (expected, received) = (leg.receive.expected(), leg.receive.received());
    let jitter_us = leg.receive.jitter_us();
    let unheard = (leg.receive.lost() + late).min(expected);
    let mos = if received == 0 {
        0.0
    } else {
        let lost_percent = 100.0 * unheard as f64 / expected.max(1) as f64;
        let way_ms = f64::from(leg.round_trip_us) / 2_000.0;
        stats::mos(lost_percent, BASE_DELAY_MS + way_ms + 2.0 * f64::from(jitter_us) / 1_000.0)
    };
    Quality {
        packets_received: received,
        packets_expected: expected,
        packets_lost: leg.receive.lost(),
        packets_late: late,
        packets_sent: leg.stream.packets(),
        packets_strange: leg.counts.strange,
        packets_dropped: leg.counts.malformed + leg.counts.unknown,
        jitter_us,
        round_trip_us: leg.round_trip_us,
        mos,
        playout: leg.jitter.as_ref().map_or(before, |jitter| sum(before, jitter.playout())),
    }
}
