//! Satisfaction by queue.

use super::{FANG, LI, OURS, THEIRS, lines, shanghai, store, survey};
use reports::Cell;
use reports::catalogue::SATISFACTION_BY_QUEUE;
use terms::QueueId;
use terms::record::{Row, Survey};

/// The same question after a call from another queue, or from none.
fn from(queue: Option<QueueId>, asked: Row) -> Row {
    match asked {
        Row::Survey(survey) => Row::Survey(Survey { queue_id: queue, ..survey }),
        other => other,
    }
}

#[tokio::test]
async fn satisfaction_counts_by_the_queue_of_the_call() {
    let noon = shanghai("2026-11-23 12:00:00");
    let other = Some(QueueId(4));
    let rows = vec![
        survey(OURS, 1, FANG, noon, "satisfied"),
        survey(OURS, 2, LI, noon, "satisfied"),
        survey(OURS, 3, LI, noon, "dissatisfied"),
        survey(OURS, 4, FANG, noon, ""),
        from(other, survey(OURS, 5, FANG, noon, "neutral")),
        from(None, survey(OURS, 6, FANG, noon, "satisfied")),
        survey(OURS, 7, FANG, shanghai("2026-11-24 00:00:00"), "satisfied"),
        survey(THEIRS, 8, FANG, noon, "dissatisfied"),
    ];
    let store = store(rows).await;
    let table = store
        .run(&SATISFACTION_BY_QUEUE, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00")
        .await;
    assert_eq!(
        lines(&table),
        [
            "#4 1 1 0 1 0 0.0% 0.0% 100.0%",
            "报修 4 3 2 0 1 66.7% 33.3% 75.0%",
            "（无队列） 1 1 1 0 0 100.0% 0.0% 100.0%",
            "— 6 5 3 1 1 60.0% 20.0% 83.3%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(asked) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, asked);
    }
}
