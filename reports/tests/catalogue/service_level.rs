//! Service level by every formula.

use super::{lines, store, visit};
use reports::catalogue::{QUEUE_SUMMARY, SERVICE_LEVELS};
use reports::{Cell, LevelFormula, Thresholds};

/// What came of contacts of one morning.
fn morning() -> Vec<terms::record::Row> {
    vec![
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
    ]
}

#[tokio::test]
async fn the_service_level_is_told_by_every_formula() {
    let store = store(morning()).await;
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

#[tokio::test]
async fn the_queues_have_the_level_of_the_formula_and_thresholds_that_were_asked_for() {
    let store = store(morning()).await;
    let told = async |thresholds: Thresholds| {
        let table = store
            .run_by(
                &QUEUE_SUMMARY,
                "2026-11-23",
                "Asia/Shanghai",
                "2026-11-24 12:00:00",
                thresholds,
            )
            .await;
        table.total[table.report.position("service_level")].clone()
    };
    let ratio = |numerator, denominator| Cell::Ratio { numerator, denominator };
    let usual = Thresholds::default();
    // Four answered, two of them in time; four gave up, two of them short and three in time.
    for (level, expected) in [
        (LevelFormula::Usual, ratio(2, 6)),
        (LevelFormula::F1, ratio(5, 8)),
        (LevelFormula::F2, ratio(2, 4)),
        (LevelFormula::F3, ratio(2, 8)),
        (LevelFormula::F4, ratio(2, 5)),
    ] {
        assert_eq!(told(Thresholds { level, ..usual }).await, expected, "{level:?}");
    }
    // Other thresholds than those that counts of quarter-hours know.
    assert_eq!(told(Thresholds { service_level_s: 21, ..usual }).await, ratio(3, 6));
    assert_eq!(told(Thresholds { short_abandon_s: 20, ..usual }).await, ratio(2, 5));
    let late = Thresholds { service_level_s: 60, level: LevelFormula::F4, ..usual };
    assert_eq!(told(late).await, ratio(4, 4));
}

#[tokio::test]
async fn the_chosen_level_heads_the_page_and_its_formula_has_its_seconds() {
    let store = store(morning()).await;
    let level = LevelFormula::F2;
    let thresholds = Thresholds { service_level_s: 30, level, ..Thresholds::default() };
    let page = async |report| {
        let table = store
            .run_by(report, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00", thresholds)
            .await;
        let text = reports::render(&table, reports::Format::Txt, reports::Language::En).unwrap();
        (table, String::from_utf8(text.bytes).unwrap())
    };
    let (table, _) = page(&SERVICE_LEVELS).await;
    assert_eq!(table.figures, ["offered", "level_f2", "level_f1", "level_f3", "abandon_rate"]);
    let (_, text) = page(&QUEUE_SUMMARY).await;
    assert!(text.contains("Service level = answered within 30 s ÷ answered\n"), "{text}");
}
