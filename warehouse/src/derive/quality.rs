//! A leg's row of measurements: from the figures that media told at its end.

use crate::derive::ended::signed;
use crate::derive::entry::word;
use crate::derive::leg::{LegOf, OpenLeg};
use terms::media::Quality;
use terms::record::{self, Row};

/// The row of a leg that had media, audio or a fax. Entries of a program that did not measure have no codec, and
/// no row: zeros would pass for figures.
pub fn quality_row(open: &OpenLeg, of: &LegOf, quality: &Quality) -> Option<Row> {
    let fax = quality.fax;
    let codec = quality.codec.filter(|_| quality.has_media() || fax.is_some())?;
    let heard = quality.packets_received > 0;
    // Rounded, so that 3.6 as media said it is 3.6 in SQL as well.
    let score = |figure: f32| heard.then(|| (f64::from(figure) * 1e4).round() / 1e4);
    let far = quality.far;
    let reported = far.reports > 0;
    let tenths = |figure: Option<u8>| figure.map(|tenths| f64::from(tenths) / 10.0);
    Some(Row::Quality(record::Quality {
        tenant_id: of.tenant,
        leg_id: of.leg,
        call_id: of.call,
        contact_id: of.contact,
        call_started_at: of.call_started_at,
        role: word(open.role),
        agent_id: open.agent,
        trunk_id: open.trunk,
        codec: codec.name().to_owned(),
        packets_received: signed(quality.packets_received),
        packets_expected: signed(quality.packets_expected),
        packets_lost: signed(quality.packets_lost),
        packets_late: signed(quality.packets_late),
        packets_duplicate: signed(quality.packets_duplicate),
        packets_reordered: signed(quality.packets_reordered),
        packets_sent: signed(quality.packets_sent),
        concealed_ms: signed(quality.concealed_ms),
        jitter_us: short(quality.jitter_us),
        jitter_us_max: short(quality.jitter_us_max),
        round_trip_us: (quality.round_trip_us > 0).then(|| short(quality.round_trip_us)),
        delay_ms: short(quality.delay_ms),
        bursts: signed(quality.bursts),
        burst_packets: signed(quality.burst_packets),
        burst_lost: signed(quality.burst_unheard),
        burst_ms: (quality.bursts > 0).then(|| short(quality.burst_ms())),
        r_factor: score(quality.r_factor),
        mos_cq: score(quality.mos),
        mos_lq: score(quality.mos_listening),
        far_packets_lost: reported.then(|| signed(far.packets_lost)),
        far_jitter_us: reported.then(|| short(far.jitter_us)),
        far_r_factor: far.voip.and_then(|voip| voip.r_factor).map(i32::from),
        far_mos_cq: tenths(far.voip.and_then(|voip| voip.mos_cq)),
        far_mos_lq: tenths(far.voip.and_then(|voip| voip.mos_lq)),
        far_discarded: far.voip.map(|voip| f64::from(voip.discard_rate) / 256.0),
        ssrc_epochs: short(quality.epochs),
        recorder_frames_lost: signed(quality.recorder_frames_lost),
        fax_received: fax.map(|fax| signed(fax.received)),
        fax_sent: fax.map(|fax| signed(fax.sent)),
        fax_missing: fax.map(|fax| signed(fax.missing)),
        fax_dropped: fax.map(|fax| signed(fax.dropped)),
    }))
}

fn short(figure: impl TryInto<i32>) -> i32 {
    figure.try_into().unwrap_or(i32::MAX)
}
