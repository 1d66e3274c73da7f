//! Return visits: who was to be asked, who was, and what they said.

use super::orders_over_time::order;
use super::{FANG, OURS, THEIRS, lines, shanghai, store};
use reports::catalogue::RETURN_VISITS;
use terms::record::{Order, ReturnVisit, Row};
use terms::{OrderId, TenantId};

/// The visit as it was planned.
fn planned(tenant: TenantId, version_id: i64, visit_id: i64, order: u64, due: &str) -> ReturnVisit {
    let planned_at = shanghai("2026-10-30 09:00:00");
    ReturnVisit {
        tenant_id: tenant,
        version_id,
        visit_id,
        order_id: OrderId(order),
        planned_at,
        due_at: shanghai(due),
        agent_id: None,
        done_at: None,
        result: None,
        call_id: None,
        withdrawn: false,
        changed_at: planned_at,
    }
}

/// The same, and something was noted.
fn noted(before: &ReturnVisit, version_id: i64, at: &str, result: &str) -> ReturnVisit {
    let changed_at = shanghai(at);
    ReturnVisit {
        version_id,
        agent_id: Some(FANG),
        done_at: before.done_at.or(Some(changed_at)),
        result: Some(result.to_owned()),
        changed_at,
        ..before.clone()
    }
}

pub(super) fn rows() -> Vec<Row> {
    let closed = ["2026-10-28 08:00:00", "2026-10-29 08:00:00", "2026-10-28 18:00:00"];
    let second = Order { department: "二班".to_owned(), ..order(2, closed) };
    let due = "2026-11-05 18:00:00";
    // Not reached, and satisfied when somebody tried again.
    let revised = planned(OURS, 10, 1, 1, due);
    let unreached = noted(&revised, 11, "2026-11-03 10:00:00", "unreached");
    let satisfied = noted(&unreached, 12, "2026-11-04 10:00:00", "satisfied");
    // Dissatisfied, and revised after the report was made.
    let late = planned(OURS, 20, 2, 1, due);
    let dissatisfied = noted(&late, 21, "2026-11-06 10:00:00", "dissatisfied");
    let afterwards = noted(&dissatisfied, 22, "2026-11-21 10:00:00", "satisfied");
    let never = planned(OURS, 30, 3, 1, due);
    let not_yet = planned(OURS, 40, 4, 1, "2026-11-30 18:00:00");
    let nobody = planned(OURS, 50, 5, 2, due);
    let nobody_there = noted(&nobody, 51, "2026-11-03 10:00:00", "unreached");
    let withdrawn = planned(OURS, 60, 6, 2, due);
    let gone = ReturnVisit { version_id: 61, withdrawn: true, ..withdrawn.clone() };
    // Due in another month.
    let later = planned(OURS, 70, 7, 2, "2026-12-01 00:00:00");
    let foreign = planned(THEIRS, 80, 8, 1, due);
    let visits = [
        revised,
        unreached,
        satisfied,
        late,
        dissatisfied,
        afterwards,
        never,
        not_yet,
        nobody,
        nobody_there,
        withdrawn,
        gone,
        later,
        foreign,
    ];
    let orders = [order(1, closed), second].map(Row::Order);
    orders.into_iter().chain(visits.map(Row::ReturnVisit)).collect()
}

#[tokio::test]
async fn return_visits_count_by_their_latest_result_and_open_ones_that_are_late() {
    let store = store(rows()).await;
    let table = store.run(&RETURN_VISITS, "2026-11", "Asia/Shanghai", "2026-11-20 04:00:00").await;
    assert_eq!(
        lines(&table),
        [
            // planned, done, reached, unreached, satisfied, neutral, dissatisfied, late, overdue
            "二班 1 1 0 1 0 0 0 0 0 100.0% 0.0% —",
            "抢修一班 4 2 2 0 1 0 1 1 1 50.0% 100.0% 50.0%",
            "— 5 3 2 1 1 0 1 1 1 60.0% 66.7% 50.0%",
        ]
    );
    for row in table.data_rows() {
        assert_eq!(store.behind(row).await, 1, "all visits are about one order");
    }
}
