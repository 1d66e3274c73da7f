//! An order that was handed on to another team: who sees one team finds it where it is now, and not
//! as it was before, in every report on orders.

use super::order_handling::step;
use super::orders_over_time::order;
use super::{FANG, LI, OURS, Store, at, shanghai, store};
use reports::catalogue::{
    FIRST_VISIT, ORDER_HANDLING, ORDER_KINDS, ORDER_LIST, ORDERS_BY_MONTH, ORDERS_BY_WEEK,
    ORDERS_BY_YEAR, OVERDUE_BY_ASSIGNEE, OVERDUE_BY_KIND, OVERDUE_ORDERS, REPEAT_ORDERS,
    RETURN_VISITS,
};
use reports::{Names, Params, Period, Report, run};
use terms::record::{Order, OrderStep, ReturnVisit, Row};
use terms::{AgentId, OrderId};
use warehouse::{Limits, Scope, Session};

static REPORTS: [&Report; 12] = [
    &OVERDUE_ORDERS,
    &OVERDUE_BY_KIND,
    &OVERDUE_BY_ASSIGNEE,
    &ORDER_LIST,
    &ORDER_KINDS,
    &ORDERS_BY_WEEK,
    &ORDERS_BY_MONTH,
    &ORDERS_BY_YEAR,
    &REPEAT_ORDERS,
    &FIRST_VISIT,
    &ORDER_HANDLING,
    &RETURN_VISITS,
];

/// A version of the one order, and the step that made it.
fn version(number: i32, who: AgentId, [action, changed, closed]: [&str; 3]) -> [Row; 2] {
    let made = order(1, ["2026-11-02 08:00:00", "2026-11-03 09:00:00", closed]);
    let version_id = i64::from(number);
    let changed_at = shanghai(changed);
    let of_order =
        Order { version: number, version_id, changed_at, assignee_id: Some(who), ..made };
    let done = step(OURS, 1, version_id, [action, changed, "open"]);
    let done = OrderStep { assignee_id: Some(who), ..done };
    [Row::Order(of_order), Row::OrderStep(done)]
}

/// What came of asking the customer, as this agent noted it.
fn visit(version_id: i64, who: AgentId, noted: &str, result: &str) -> Row {
    let planned_at = shanghai("2026-11-03 09:30:00");
    Row::ReturnVisit(ReturnVisit {
        tenant_id: OURS,
        version_id,
        visit_id: 1,
        order_id: OrderId(1),
        planned_at,
        due_at: shanghai("2026-11-06 18:00:00"),
        agent_id: Some(who),
        done_at: Some(shanghai(noted)),
        result: Some(result.to_owned()),
        call_id: None,
        withdrawn: false,
        changed_at: shanghai(noted),
    })
}

/// One finishes it late; it is opened again, given to the other and finished by them.
fn rows() -> Vec<Row> {
    let first_end = "2026-11-03 10:00:00";
    let versions = [
        version(1, FANG, ["assign", "2026-11-02 08:00:00", ""]),
        version(2, FANG, ["finish", first_end, first_end]),
        version(3, LI, ["reopen", "2026-11-04 08:00:00", ""]),
        version(4, LI, ["finish", "2026-11-05 08:00:00", "2026-11-05 08:00:00"]),
    ];
    let visits = [
        visit(1, FANG, "2026-11-03 11:00:00", "unreached"),
        visit(2, LI, "2026-11-05 11:00:00", "satisfied"),
    ];
    versions.into_iter().flatten().chain(visits).collect()
}

/// How many rows a report of November has for who sees this agent alone, made at `now` in Shanghai.
async fn rows_for(store: &Store, report: &'static Report, who: AgentId, now: &str) -> usize {
    let scope = Scope { agents: Some(vec![who]), ..Scope::of(OURS) };
    let session = Session::open(&store.warehouse, scope, Limits::default()).await;
    let session = session.expect("a session");
    let now = at("Asia/Shanghai", now);
    let period = Period::parse("2026-11", "Asia/Shanghai", now).expect("a good period");
    let params = Params::new(period, now, "热线", Names::default());
    let table = run(&session, report, &params).await.expect("the report runs");
    table.data_rows().count()
}

#[tokio::test]
async fn an_order_is_in_the_reports_of_the_team_that_has_it_now_alone() {
    let store = store(rows()).await;
    for report in REPORTS {
        let now = "2026-11-20 12:00:00";
        assert_eq!(rows_for(&store, report, FANG, now).await, 0, "{}: as it was", report.id);
        assert_eq!(rows_for(&store, report, LI, now).await, 1, "{}: as it is", report.id);
    }
}

/// What was handed on later is counted where it was when the report was made.
#[tokio::test]
async fn a_report_of_before_an_order_was_handed_on_stays_as_it_was() {
    let store = store(rows()).await;
    for report in REPORTS {
        let then = "2026-11-03 12:00:00";
        assert_eq!(rows_for(&store, report, FANG, then).await, 1, "{}", report.id);
        assert_eq!(rows_for(&store, report, LI, then).await, 0, "{}", report.id);
    }
}
