//! Reports of some queues, of some agents, of the agents of a team: the parts of a report are the
//! whole, what is behind a row is what is left of it, and nobody sees more than without.

use super::reconciled::Books;
use super::{FANG, LI, OURS, REPAIR, Store, at, quality, recording_log, store};
use reports::catalogue::{CALLS, QUEUE_SUMMARY, SATISFACTION, WORKLOAD};
use reports::{
    AgentName, Cell, Format, Language, Names, Narrowed, Params, Period, Report, ReportTable,
    Row as TableRow, Total, catalogue, numbers_of, open, open_number, render, run,
};
use std::collections::{BTreeMap, BTreeSet};
use terms::record::{AgentSpan, Call, Item, Leg, Order, Quality, Recording, Row, Survey};
use terms::{AgentId, QueueId, TeamId};
use warehouse::{Limits, Scope, Session};

const SEEDS: u64 = 2;
const SECOND: QueueId = QueueId(4);
const NOW: &str = "2026-12-24 12:00:00";
/// Rows of one report that are opened.
const ROWS_MAX: usize = 5;
/// What a report on a queue says nothing of.
const OF_NO_QUEUE: [&str; 3] = ["ready_ms", "break_ms", "occupancy"];

/// Books in which every row tells its queue and its agent, so that the parts are the whole.
fn books(seed: u64) -> Vec<Row> {
    let queue = |id: u64| Some(if id.is_multiple_of(3) { REPAIR } else { SECOND });
    let agent = |id: u64| Some(if id.is_multiple_of(2) { FANG } else { LI });
    let told = |row: Row| match row {
        Row::Call(call) => {
            let had = call.agent_id.or(agent(call.call_id.0));
            let queue_id = call.queue_id.or(queue(call.call_id.0));
            Row::Call(Call { queue_id, agent_id: had, last_agent_id: had, ..call })
        }
        Row::Leg(leg) => Row::Leg(Leg { queue_id: queue(leg.leg_id.0), ..leg }),
        Row::Survey(of) => Row::Survey(Survey { queue_id: queue(of.survey_id.0), ..of }),
        Row::AgentSpan(of) => Row::AgentSpan(AgentSpan { queue_id: queue(of.span_id.0), ..of }),
        Row::Item(of) => Row::Item(Item { agent_id: of.agent_id.or(agent(of.item_id.0)), ..of }),
        Row::Order(of) => Row::Order(Order { assignee_id: of.assignee_id.or(Some(LI)), ..of }),
        Row::Quality(of) => Row::Quality(Quality { agent_id: agent(of.leg_id.0), ..of }),
        Row::Recording(of) => {
            let id = of.recording_id.0;
            Row::Recording(Recording { queue_id: queue(id), agent_id: agent(id), ..of })
        }
        other => other,
    };
    let mut rows = Books::made(seed);
    for id in 1..=4 {
        rows.push(Row::Recording(recording_log::recording(id, "2026-11-23 09:00:00")));
        let (heard, id) = (("agent", "PCMA"), 9_000 + id);
        rows.push(quality::sounded(
            OURS,
            id,
            "2026-11-23 09:00:00",
            heard,
            [100, 1, 0],
            900,
            Some(4.2),
        ));
    }
    rows.into_iter().map(told).collect()
}

/// Half of the rows published, so that some are counted beforehand, and half of them not yet.
async fn filled(seed: u64) -> Store {
    let rows = books(seed);
    let (early, late) = rows.split_at(rows.len() / 2);
    let store = store(early.to_vec()).await;
    store.warehouse.publish_all().await.expect("days are published");
    assert!(store.warehouse.stage_rows("test", 2, late).await.expect("rows are staged"));
    store
}

fn of_queues(queues: &[QueueId]) -> Narrowed {
    Narrowed { queues: queues.to_vec(), ..Narrowed::default() }
}

fn of_agents(agents: &[AgentId]) -> Narrowed {
    Narrowed { agents: agents.to_vec(), ..Narrowed::default() }
}

fn params(narrowed: &Narrowed) -> Params {
    let now = at("UTC", NOW);
    let period = Period::parse("2026-11", "Asia/Shanghai", now).expect("a good period");
    let fang = AgentName { number: "1001".to_owned(), name: "王芳".to_owned() };
    let names = Names {
        agents: [(FANG, fang)].into(),
        queues: [(REPAIR, "报修".to_owned())].into(),
        ..Names::default()
    };
    Params { narrowed: narrowed.clone(), ..Params::new(period, now, "热线", names) }
}

/// The report as `scope` sees it, narrowed, with the session that it was run on.
async fn seen(
    store: &Store,
    report: &'static Report,
    narrowed: &Narrowed,
    scope: Scope,
) -> (Session, ReportTable) {
    let scope = Scope { only: report.only(narrowed), ..scope };
    let session = Session::open(&store.warehouse, scope, Limits::default()).await;
    let session = session.expect("a session");
    let table = run(&session, report, &params(narrowed)).await.expect("the report runs");
    (session, table)
}

async fn made(store: &Store, report: &'static Report, narrowed: &Narrowed) -> ReportTable {
    seen(store, report, narrowed, Scope::of(OURS)).await.1
}

fn takes(report: &Report, parameter: &str) -> bool {
    report.asked_with().any(|known| known.id == parameter)
}

/// What the columns of a table add up to, but for those in `without`.
fn add(sums: &mut BTreeMap<&'static str, (i64, i64)>, table: &ReportTable, without: &[&str]) {
    for (column, cell) in table.report.columns.iter().zip(&table.total) {
        let is_sum = column.total == Total::Sum && !without.contains(&column.id);
        let (above, below) = match *cell {
            Cell::Count(sum) | Cell::Duration(sum) if is_sum => (sum, 0),
            Cell::Ratio { numerator, denominator } if is_sum => (numerator, denominator),
            _ => continue,
        };
        let sum = sums.entry(column.id).or_default();
        *sum = (sum.0 + above, sum.1 + below);
    }
}

/// The cells of all rows, but for the columns in `without`.
fn cells(table: &ReportTable, without: &[&str]) -> Vec<Vec<Cell>> {
    let left = |row: &TableRow| {
        let of = row.cells.iter().zip(table.report.columns);
        let of = of.filter(|(_, column)| !without.contains(&column.id));
        of.map(|(cell, _)| cell.clone()).collect()
    };
    table.data_rows().map(left).collect()
}

/// The report whose parts do not add up: a number that called once in each of two queues is in neither.
const NO_SUM: &str = "repeat_callers";

/// The parts of every report that takes `parameter` add up to it, and all of them together are it.
async fn parts_are_the_whole(parameter: &str, parts: &[Narrowed; 2], all: &Narrowed) {
    let mut with_rows = BTreeSet::new();
    for seed in 0..SEEDS {
        let store = filled(seed).await;
        for &report in catalogue().iter().filter(|report| takes(report, parameter)) {
            let mut without = if report.id.starts_with("workload") && parameter == "queue" {
                OF_NO_QUEUE.to_vec()
            } else {
                Vec::new()
            };
            let whole = made(&store, report, &Narrowed::default()).await;
            let together = made(&store, report, all).await;
            let what = format!("seed {seed}: {}", report.id);
            assert_eq!(cells(&together, &without), cells(&whole, &without), "{what}");
            // One number may have called in both.
            without.push("customers");
            let (mut sums, mut expected) = (BTreeMap::new(), BTreeMap::new());
            for part in parts {
                let table = made(&store, report, part).await;
                assert!(table.rows.len() <= whole.rows.len(), "{what}");
                with_rows.extend(table.data_rows().next().map(|_| report.id));
                add(&mut sums, &table, &without);
            }
            add(&mut expected, &whole, &without);
            if report.id != NO_SUM {
                assert_eq!(sums, expected, "{what}");
            }
        }
    }
    let all = catalogue().iter().filter(|report| takes(report, parameter));
    let all: BTreeSet<&str> = all.map(|report| report.id).collect();
    assert_eq!(with_rows, all, "some part of every report has rows");
}

#[tokio::test]
async fn the_queues_of_a_report_add_up_to_it() {
    let parts = [of_queues(&[REPAIR]), of_queues(&[SECOND])];
    parts_are_the_whole("queue", &parts, &of_queues(&[SECOND, REPAIR])).await;
}

#[tokio::test]
async fn the_agents_of_a_report_add_up_to_it() {
    let parts = [of_agents(&[FANG]), of_agents(&[LI])];
    parts_are_the_whole("agent", &parts, &of_agents(&[FANG, LI])).await;
}

/// Every row and number of a narrowed report opens what it counts, and the condition of a row finds
/// the same for who reads the whole tenant.
#[tokio::test]
async fn what_is_behind_a_row_is_narrowed_like_the_row() {
    let store = filled(1).await;
    let whole = store.session().await;
    let mut opened = BTreeSet::new();
    for (parameter, narrowed) in
        [("queue", of_queues(&[REPAIR])), ("agent", of_agents(&[FANG])), ("team", of_team())]
    {
        for &report in catalogue().iter().filter(|report| takes(report, parameter)) {
            let (session, table) = seen(&store, report, &narrowed, Scope::of(OURS)).await;
            for row in table.data_rows().take(ROWS_MAX) {
                let condition = row.behind.as_ref().expect("every data row has a condition");
                let page = (None, 500);
                let here = open(&session, report, condition, page).await.expect("it opens");
                let there = open(&whole, report, condition, page).await.expect("it opens");
                assert_eq!(here, there, "{parameter}: {}: {}", report.id, condition.predicate);
                let (asked, key) = (params(&narrowed), condition.key());
                let numbers = numbers_of(&session, report, &asked, &key).await;
                let numbers = numbers.expect("the report runs").expect("the row is found");
                for (column, number) in numbers {
                    let of = open_number(&session, report, &number, page).await;
                    let counted = of.expect("it opens").counted.expect("a number is counted");
                    let what = format!("{parameter}: {}: {column}", report.id);
                    match row.cells[report.position(column)] {
                        Cell::Count(count) => assert_eq!(counted, count.unsigned_abs(), "{what}"),
                        Cell::Duration(ms) => assert_eq!(counted > 0, ms > 0, "{what}"),
                        ref other => panic!("{what}: {other:?} does not open"),
                    }
                }
                opened.insert(report.id);
            }
        }
    }
    let narrows = |report: &&&Report| takes(report, "queue") || takes(report, "agent");
    assert_eq!(opened.len(), catalogue().iter().filter(narrows).count());
}

fn of_team() -> Narrowed {
    Narrowed { team: Some(TeamId(1)), members: vec![LI], ..Narrowed::default() }
}

#[tokio::test]
async fn a_team_is_its_agents_and_one_without_any_has_no_rows() {
    let store = filled(0).await;
    for &report in catalogue().iter().filter(|report| takes(report, "team")) {
        let agents = made(&store, report, &of_agents(&[LI])).await;
        let team = made(&store, report, &of_team()).await;
        assert_eq!(cells(&team, &[]), cells(&agents, &[]), "{}", report.id);
        let empty = Narrowed { members: Vec::new(), ..of_team() };
        assert!(made(&store, report, &empty).await.rows.is_empty(), "{}", report.id);
        let another = Narrowed { agents: vec![FANG], ..of_team() };
        let neither = made(&store, report, &another).await;
        assert!(neither.rows.is_empty(), "both hold: {}", report.id);
    }
}

#[tokio::test]
async fn whoever_asks_sees_no_more_than_without() {
    let store = filled(1).await;
    let seen_agents = Scope { agents: Some(vec![FANG]), ..Scope::of(OURS) };
    let seen_queues =
        Scope { queues: Some(vec![REPAIR]), agents: Some(Vec::new()), ..Scope::of(OURS) };
    for (parameter, scope, elsewhere, both) in [
        ("agent", seen_agents, of_agents(&[LI]), of_agents(&[FANG, LI])),
        ("queue", seen_queues, of_queues(&[SECOND]), of_queues(&[REPAIR, SECOND])),
    ] {
        for &report in catalogue().iter().filter(|report| takes(report, parameter)) {
            let (_, table) = seen(&store, report, &elsewhere, scope.clone()).await;
            assert!(table.rows.is_empty(), "{parameter}: {}", report.id);
            if report.id.starts_with("workload") {
                continue;
            }
            let (_, table) = seen(&store, report, &both, scope.clone()).await;
            let (_, whole) = seen(&store, report, &Narrowed::default(), scope.clone()).await;
            assert_eq!(cells(&table, &[]), cells(&whole, &[]), "{parameter}: {}", report.id);
        }
    }
}

/// Who is limited to a queue and asks for an agent has that agent's rows in the queue.
#[tokio::test]
async fn who_sees_a_queue_sees_of_an_agent_what_is_of_the_queue() {
    let store = filled(0).await;
    let limited = Scope { queues: Some(vec![REPAIR]), agents: Some(Vec::new()), ..Scope::of(OURS) };
    for report in [&SATISFACTION, &CALLS] {
        let (_, table) = seen(&store, report, &of_agents(&[FANG]), limited.clone()).await;
        let asked = Narrowed { queues: vec![REPAIR], ..of_agents(&[FANG]) };
        let expected = made(&store, report, &asked).await;
        assert!(!table.rows.is_empty(), "{}", report.id);
        assert_eq!(cells(&table, &[]), cells(&expected, &[]), "{}", report.id);
        assert_eq!(expected.conditions[1].1, "1001 王芳");
        assert_eq!(table.conditions[0].1, "#7", "whom they do not see is not named");
    }
}

#[tokio::test]
async fn the_head_says_what_a_report_is_narrowed_to_in_every_form_that_has_one() {
    let store = filled(0).await;
    let table = made(&store, &QUEUE_SUMMARY, &of_queues(&[REPAIR, SECOND])).await;
    let form = |format| {
        let made = render(&table, format, Language::En).expect("it renders");
        String::from_utf8_lossy(&made.bytes).into_owned()
    };
    for format in [Format::Txt, Format::Html] {
        let text = form(format);
        assert!(text.contains("报修, #4"), "{format}: {text}");
    }
    let json: serde_json::Value = serde_json::from_str(&form(Format::Json)).expect("JSON");
    let expected = serde_json::json!([{"name": "Queue", "value": "报修, #4"}]);
    assert_eq!(json["conditions"], expected);
    let whole = made(&store, &QUEUE_SUMMARY, &Narrowed::default()).await;
    assert!(whole.conditions.is_empty());
}

#[tokio::test]
async fn time_of_no_queue_is_left_empty_where_a_queue_is_asked_for() {
    let store = filled(0).await;
    let table = made(&store, &WORKLOAD, &of_queues(&[REPAIR])).await;
    for row in table.rows.iter().map(|row| &row.cells).chain([&table.total]) {
        for column in OF_NO_QUEUE {
            assert_eq!(row[WORKLOAD.position(column)], Cell::Empty, "{column}");
        }
        assert!(matches!(row[WORKLOAD.position("talk_ms")], Cell::Duration(_)));
    }
    assert!(!table.rows.is_empty());
}
