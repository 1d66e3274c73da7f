//! Service level by every formula.

use super::{lines, store, visit};
use reports::Cell;
use reports::catalogue::{QUEUE_SUMMARY, SERVICE_LEVELS};

#[tokio::test]
async fn the_service_level_is_told_by_every_formula() {
    let rows = vec![
        // Two of four answered in time.
        visit(1, "09:00:00", 20_000, "answered"),
        visit(2, "09:29:59", 20_001, "answered"),
        visit(3, "09:02:00", 4_000, "answered"),
        visit(4, "09:03:00", 40_000, "answered"),
        // Three hang up: short, within the threshold, later.
        visit(5, "09:04:00", 5_000, "abandoned"),
        visit(6, "09:05:00", 20_000, "abandoned"),
        visit(7, "09:06:00", 60_000, "abandoned"),
        visit(8, "09:07:00", 30_000, "flowed_out"),
        visit(9, "09:08:00", 30_000, "callback_queued"),
        // The next half-hour, of which nobody was answered.
        visit(10, "09:30:00", 1_000, "abandoned"),
    ];
    let store = store(rows).await;
    let table =
        store.run(&SERVICE_LEVELS, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    // 2 ÷ (4 + 3 − 1), (2 + 2) ÷ 7, 2 ÷ 4, 2 ÷ 7, 2 ÷ (4 + 1); abandoned 2 of 8.
    assert_eq!(
        lines(&table),
        [
            "报修 09:00–09:30 9 4 2 2 3 2 1 33.3% 57.1% 50.0% 28.6% 40.0% 25.0%",
            "报修 09:30–10:00 1 0 0 0 1 1 1 — 100.0% — 0.0% — —",
            "报修 小计 10 4 2 2 4 3 2 33.3% 62.5% 50.0% 25.0% 40.0% 25.0%",
            "— — 10 4 2 2 4 3 2 33.3% 62.5% 50.0% 25.0% 40.0% 25.0%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(offered) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, offered);
    }
    // The level without a name is that of the queue summary.
    let queues =
        store.run(&QUEUE_SUMMARY, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    let level = queues.report.position("service_level");
    assert_eq!(table.total[table.report.position("level")], queues.total[level]);
}
