//! Work that was no call, counted by hand.

use super::{FANG, LI, OURS, REPAIR, THEIRS, lines, shanghai, store};
use reports::catalogue::{ITEMS, ITEMS_BY_AGENT, ITEMS_BY_DAY, ITEMS_BY_HOUR};
use reports::{Cell, Format, Language, ReportTable, Thresholds, render};
use terms::record::{Item, Row};
use terms::{AgentId, ItemId, QueueId, TenantId, Timestamp};

const DAY: &str = "2026-11-23";
const ZONE: &str = "Asia/Shanghai";
const NOW: &str = "2026-11-24 12:00:00";

/// A mail that came, was taken by an agent, where there is one, and ended.
pub(super) fn item(
    tenant: TenantId,
    id: u64,
    agent: Option<AgentId>,
    [received_at, taken_at, done_at]: [Timestamp; 3],
) -> Item {
    let taken_at = agent.map(|_| taken_at);
    Item {
        tenant_id: tenant,
        item_id: ItemId(id),
        channel: "email".to_owned(),
        queue_id: REPAIR,
        agent_id: agent,
        address: Some("zhang@example.com".to_owned()),
        priority: 0,
        received_at,
        taken_at,
        done_at,
        wait_ms: taken_at.unwrap_or(done_at).millis_since(received_at),
        work_ms: taken_at.map_or(0, |taken_at| done_at.millis_since(taken_at)),
        offers: 1,
        unanswered: 0,
        outcome: if agent.is_some() { "done" } else { "closed" }.to_owned(),
        disposition: None,
        order_id: None,
    }
}

fn on(channel: &str, item: Item) -> Item {
    Item { channel: channel.to_owned(), ..item }
}

fn rows() -> Vec<Row> {
    let times = |received: &str, taken: &str, done: &str| {
        [received, taken, done].map(|time| shanghai(&format!("{DAY} {time}")))
    };
    let night = [shanghai("2026-11-22 20:00:00"), shanghai("2026-11-23 07:30:00")];
    let late = [night[0], night[1], shanghai("2026-11-23 08:00:00")];
    let midnight = shanghai("2026-11-24 00:00:00");
    let evening = times("23:00:00", "23:30:00", "23:30:00");
    let items = [
        item(OURS, 1, Some(FANG), times("08:00:00", "10:00:00", "11:00:00")),
        Item { unanswered: 2, ..item(OURS, 2, Some(FANG), late) },
        Item { unanswered: 3, ..item(OURS, 3, None, times("09:00:00", "12:00:00", "12:00:00")) },
        // As long as the target, to the second.
        on("sms", item(OURS, 4, Some(LI), times("09:00:00", "09:05:00", "13:00:00"))),
        // The first instant after the day.
        on("sms", item(OURS, 5, Some(LI), [evening[0], evening[1], midnight])),
        item(THEIRS, 6, Some(FANG), times("08:00:00", "10:00:00", "11:00:00")),
        // The first instant of it, in a queue without a name.
        Item {
            queue_id: QueueId(4),
            ..on("web", item(OURS, 7, Some(LI), times("00:00:00", "00:00:00", "00:00:00")))
        },
    ];
    items.map(Row::Item).into()
}

/// Ended, done, in time, late, closed and their rate; mean and longest wait, mean work, offers that
/// nobody took.
#[tokio::test]
async fn items_count_when_they_end_and_in_time_within_the_target() {
    let store = store(rows()).await;
    let table = store.run(&ITEMS, DAY, ZONE, NOW).await;
    assert_eq!(
        lines(&table),
        [
            "#4 网页 1 1 1 0 0 100.0% 0:00:00 0:00:00 0:00:00 0",
            "#4 小计 1 1 1 0 0 100.0% 0:00:00 0:00:00 0:00:00 0",
            "报修 邮件 3 2 1 1 1 33.3% 5:30:00 11:30:00 0:45:00 5",
            "报修 短信 1 1 1 0 0 100.0% 0:05:00 0:05:00 3:55:00 0",
            "报修 小计 4 3 2 1 1 50.0% 4:08:45 11:30:00 1:48:20 5",
            "— — 5 4 3 1 1 60.0% 3:19:00 11:30:00 1:21:15 5",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(ended) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, ended);
    }
}

#[tokio::test]
async fn items_by_agent_have_a_line_for_what_nobody_took() {
    let store = store(rows()).await;
    let table = store.run(&ITEMS_BY_AGENT, DAY, ZONE, NOW).await;
    assert_eq!(
        lines(&table),
        [
            "998 李建国 短信 1 1 1 0 0 100.0% 0:05:00 0:05:00 3:55:00 0",
            "998 李建国 网页 1 1 1 0 0 100.0% 0:00:00 0:00:00 0:00:00 0",
            "998 李建国 小计 2 2 2 0 0 100.0% 0:02:30 0:05:00 1:57:30 0",
            "1001 王芳 邮件 2 2 1 1 0 50.0% 6:45:00 11:30:00 0:45:00 2",
            "1001 王芳 小计 2 2 1 1 0 50.0% 6:45:00 11:30:00 0:45:00 2",
            "— — 邮件 1 0 0 0 1 0.0% 3:00:00 3:00:00 — 3",
            "— — 小计 1 0 0 0 1 0.0% 3:00:00 3:00:00 — 3",
            "— — — 5 4 3 1 1 60.0% 3:19:00 11:30:00 1:21:15 5",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(ended) = row.cells[3] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, ended);
    }
}

#[tokio::test]
async fn items_by_day_and_hour_follow_the_clock_of_the_zone() {
    let store = store(rows()).await;
    let days = store.run(&ITEMS_BY_DAY, "2026-11-23..2026-11-24", ZONE, NOW).await;
    assert_eq!(
        lines(&days),
        [
            "2026-11-23 邮件 3 2 1 1 1 33.3% 5:30:00 11:30:00 0:45:00 5",
            "2026-11-23 短信 1 1 1 0 0 100.0% 0:05:00 0:05:00 3:55:00 0",
            "2026-11-23 网页 1 1 1 0 0 100.0% 0:00:00 0:00:00 0:00:00 0",
            "2026-11-23 小计 5 4 3 1 1 60.0% 3:19:00 11:30:00 1:21:15 5",
            "2026-11-24 短信 1 1 1 0 0 100.0% 0:30:00 0:30:00 0:30:00 0",
            "2026-11-24 小计 1 1 1 0 0 100.0% 0:30:00 0:30:00 0:30:00 0",
            "— — 6 5 4 1 1 66.7% 2:50:50 11:30:00 1:11:00 5",
        ]
    );
    let hours = async |zone: &str| -> Vec<String> {
        let table = store.run(&ITEMS_BY_HOUR, DAY, zone, NOW).await;
        let all = lines(&table).into_iter();
        all.filter(|line| !line.contains("小计")).map(|line| line[..8].to_owned()).collect()
    };
    assert_eq!(hours(ZONE).await, ["00:00–", "08:00–", "11:00–", "12:00–", "13:00–", "— — "]);
    // Its day is over eight hours later, and so are its hours.
    assert_eq!(hours("UTC").await, ["00:00–", "03:00–", "04:00–", "05:00–", "16:00–", "— — "]);
}

#[tokio::test]
async fn the_target_is_what_was_asked_for_and_the_page_says_so() {
    let store = store(rows()).await;
    let thresholds = Thresholds { item_target_s: 3 * 3_600, ..Thresholds::default() };
    let table = store.run_by(&ITEMS, DAY, ZONE, NOW, thresholds).await;
    let total = |table: &ReportTable, column: &str| {
        let Cell::Count(count) = table.total[table.report.position(column)] else {
            panic!("a count");
        };
        count
    };
    assert_eq!(["in_time", "late", "closed"].map(|column| total(&table, column)), [2, 2, 1]);
    let text = render(&table, Format::Txt, Language::En).unwrap();
    let text = String::from_utf8(text.bytes).unwrap();
    assert!(text.contains("in time (done within 3:00:00 after they came) ÷ ended"), "{text}");
}
