//! How calls sounded: sums are divided, days are local.

use super::{OURS, THEIRS, lines, shanghai, store};
use reports::Cell;
use reports::catalogue::QUALITY;
use terms::record::{Quality, Row};
use terms::{CallId, ContactId, LegId, TenantId};

/// A leg of `tenant` of a call at `started`: its party and codec, packets expected, lost and late,
/// jitter, and its score.
pub fn sounded(
    tenant: TenantId,
    id: u64,
    started: &str,
    (role, codec): (&str, &str),
    [expected, lost, late]: [i64; 3],
    jitter_us: i32,
    mos: Option<f64>,
) -> Row {
    Row::Quality(Quality {
        tenant_id: tenant,
        leg_id: LegId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: shanghai(started),
        role: role.to_owned(),
        agent_id: None,
        trunk_id: None,
        codec: codec.to_owned(),
        packets_received: expected - lost,
        packets_expected: expected,
        packets_lost: lost,
        packets_late: late,
        packets_duplicate: 0,
        packets_reordered: 0,
        packets_sent: expected,
        concealed_ms: 0,
        jitter_us,
        jitter_us_max: jitter_us,
        round_trip_us: None,
        delay_ms: 40,
        bursts: 0,
        burst_packets: 0,
        burst_lost: 0,
        burst_ms: None,
        r_factor: mos.map(|_| 90.0),
        mos_cq: mos,
        mos_lq: mos,
        far_packets_lost: None,
        far_jitter_us: None,
        far_r_factor: None,
        far_mos_cq: None,
        far_mos_lq: None,
        far_discarded: None,
        ssrc_epochs: 1,
        recorder_frames_lost: 0,
        fax_received: None,
        fax_sent: None,
        fax_missing: None,
        fax_dropped: None,
    })
}

#[tokio::test]
async fn quality_divides_sums_and_cuts_days_in_the_zone() {
    let customer = ("customer", "PCMA");
    let (late, early) = ("2026-11-23 23:59:59", "2026-11-24 00:00:00");
    let rows = vec![
        // 20 ms of jitter on 900 packets and none on 100: the mean is 18.00, not 10.
        sounded(OURS, 1, late, customer, [1_000, 100, 9], 20_000, Some(3.59)),
        sounded(OURS, 2, late, customer, [100, 0, 0], 0, Some(4.40)),
        sounded(OURS, 3, late, customer, [100, 0, 1], 0, Some(3.60)),
        // Nothing came: it has no score and is in no share of scores.
        sounded(OURS, 4, late, ("agent", "opus"), [0, 0, 0], 0, None),
        sounded(OURS, 5, early, customer, [10, 1, 0], 500, Some(4.03)),
        sounded(OURS, 6, "2026-11-22 23:59:59", customer, [10, 9, 0], 0, Some(1.0)),
        sounded(THEIRS, 7, late, customer, [10, 9, 0], 0, Some(1.0)),
    ];
    let store = store(rows).await;
    let period = "2026-11-23..2026-11-24";
    let table = store.run(&QUALITY, period, "Asia/Shanghai", "2026-11-25 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "2026-11-23 坐席 opus 1 0 0 0 — — — — 0 0 0 —",
            "2026-11-23 客户 PCMA 3 1,200 100 10 8.3% 0.8% 16.36 3.86 1 1 1 33.3%",
            "2026-11-23 小计 — 4 1,200 100 10 8.3% 0.8% 16.36 3.86 1 1 1 33.3%",
            "2026-11-24 客户 PCMA 1 10 1 0 10.0% 0.0% 0.50 4.03 1 0 0 0.0%",
            "2026-11-24 小计 PCMA 1 10 1 0 10.0% 0.0% 0.50 4.03 1 0 0 0.0%",
            "— — — 5 1,210 101 10 8.3% 0.8% 16.23 3.91 2 1 1 25.0%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(legs) = row.cells[3] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, legs);
    }
}
