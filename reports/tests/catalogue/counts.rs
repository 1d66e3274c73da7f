//! A report has the same figures whether it reads counts of quarter-hours or the rows.

use super::quality::sounded;
use super::reconciled::Books;
use super::{OURS, shanghai, survey};
use reports::{Period, Window, catalogue};
use terms::record::{AgentSpan, Row};
use terms::{AgentId, QueueId, SpanId, Timestamp};
use warehouse::{Limits, Only, Scope, Session, Warehouse};

const NOW: Timestamp = Timestamp::from_secs(1_798_000_000);
/// Reports that read counts where the period fits them.
const READERS: [&str; 7] = [
    "cost_per_contact",
    "quality",
    "queue_summary",
    "satisfaction",
    "satisfaction_by_queue",
    "service_level",
    "workload",
];

/// What the books have, with legs that were measured and what lies on the edges of quarter-hours.
fn rows(seed: u64) -> Vec<Row> {
    let mut rows = Books::made(seed);
    let codecs = ["PCMA", "opus"];
    let scores = [None, Some(4.41), Some(4.03), Some(3.604_9), Some(3.6), Some(2.123_45)];
    for id in 0..60 {
        let at = |of: usize| (id as usize * 7 + seed as usize) % of;
        let started = format!("2026-11-{} {:02}:{:02}:30", 22 + at(3), at(24), at(60));
        let party = (["customer", "agent"][at(2)], codecs[at(5) % 2]);
        let packets = [500 + id, id % 9, id % 4];
        let jitter_us = 700 + id as i32 * 3;
        rows.push(sounded(
            OURS,
            9_000 + id as u64,
            &started,
            party,
            packets,
            jitter_us,
            scores[at(6)],
        ));
    }
    // An instant on a quarter-hour, one within, and from one quarter-hour to the next.
    let edges = [("12:15:00", "12:15:00"), ("13:00:00", "13:00:00"), ("15:15:00", "15:30:00")];
    for (id, (from, to)) in (1..).zip(edges) {
        rows.push(Row::AgentSpan(AgentSpan {
            tenant_id: OURS,
            span_id: SpanId(id),
            agent_id: AgentId(90 + id),
            activity: "talking".to_owned(),
            reason: None,
            started_at: shanghai(&format!("2026-11-23 {from}")),
            ended_at: shanghai(&format!("2026-11-23 {to}")),
            duration_ms: 0,
            call_id: None,
            queue_id: Some(QueueId(id)),
            skill_set_id: None,
        }));
    }
    rows.push(survey(OURS, 9_999, AgentId(90), shanghai("2026-11-24 00:00:00"), "neutral"));
    rows
}

/// The rows of these tables alone that name this one in the column.
fn asked(tables: &[&'static str], columns: &'static [&'static str], id: u64) -> Scope {
    let only = tables.iter().map(|&table| Only { table, columns, ids: vec![id] });
    Scope { only: only.collect(), ..Scope::of(OURS) }
}

async fn answer(session: &Session, sql: &str) -> String {
    session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")).to_csv()
}

#[tokio::test]
async fn reports_have_the_same_figures_with_counts_and_without() {
    for seed in 0..2 {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let warehouse = Warehouse::open(dir.path()).await.expect("an empty directory");
        // Half of the rows is published, and what comes late is not.
        let rows = rows(seed);
        let (early, late) = rows.split_at(rows.len() / 2);
        warehouse.stage_rows("test", 1, early).await.expect("rows are staged");
        warehouse.publish_all().await.expect("days are published");
        warehouse.stage_rows("test", 2, late).await.expect("rows are staged");
        let leader = Scope { queues: Some(vec![QueueId(3)]), ..Scope::of(OURS) };
        let queue = asked(&["queue_visits", "legs", "agent_spans", "surveys"], &["queue_id"], 3);
        let agent = asked(&["legs", "agent_spans", "surveys", "quality"], &["agent_id"], 7);
        let mut readers = Vec::new();
        for scope in [Scope::of(OURS), leader, queue, agent] {
            let session = Session::open(&warehouse, scope, Limits::default()).await;
            let session = session.expect("a session");
            for (text, zone) in [
                ("2026-11-23..2026-11-24", "Asia/Shanghai"),
                ("2026-11-23", "Asia/Kathmandu"),
                ("2026-11", "Europe/Berlin"),
            ] {
                let period = Period::parse(text, zone, NOW).expect("a good period");
                let window = Window::new(&period, NOW, 20, 5);
                for report in catalogue() {
                    let counts = (report.sql)(&window);
                    let rows = (report.sql)(&Window { rollups: false, ..window.clone() });
                    if counts == rows {
                        continue;
                    }
                    readers.push(report.id);
                    let (counts, rows) =
                        (answer(&session, &counts).await, answer(&session, &rows).await);
                    assert_eq!(counts, rows, "seed {seed}, {text} in {zone}: {}", report.id);
                }
            }
        }
        readers.sort_unstable();
        readers.dedup();
        assert_eq!(readers, READERS);
    }
}
