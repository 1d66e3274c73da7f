//! What was done to orders.

use super::orders_over_time::order;
use super::{FANG, LI, OURS, THEIRS, lines, shanghai, store};
use reports::Cell;
use reports::catalogue::ORDER_HANDLING;
use terms::record::{Order, OrderStep, Row};
use terms::{AgentId, OrderId, TenantId};

const CREATED: &str = "2026-11-01 08:00:00";

/// A step that made the version `version_id` of an order: what, when, out of which progress.
pub(super) fn step(
    tenant: TenantId,
    order: u64,
    version_id: i64,
    [action, done_at, before]: [&str; 3],
) -> OrderStep {
    OrderStep {
        tenant_id: tenant,
        version_id,
        order_id: OrderId(order),
        done_at: shanghai(done_at),
        action: action.to_owned(),
        progress_before: (!before.is_empty()).then(|| before.to_owned()),
        progress_after: "open".to_owned(),
        agent_id: None,
        assignee_id: None,
        note: String::new(),
        call_id: None,
        customer_number: String::new(),
    }
}

/// An order through versions, each with the step that made it.
struct Life {
    order: Order,
    rows: Vec<Row>,
}

impl Life {
    fn begins(id: u64, department: &str, assignee: Option<AgentId>) -> Self {
        let made = order(id, [CREATED, "", ""]);
        let made = Order { department: department.to_owned(), assignee_id: assignee, ..made };
        let create = step(OURS, id, made.version_id, ["create", CREATED, ""]);
        let rows = vec![Row::Order(made.clone()), Row::OrderStep(create)];
        Life { order: made, rows }
    }

    fn step(mut self, of: [&str; 3]) -> Self {
        self.order.version += 1;
        self.order.version_id += 1;
        self.order.changed_at = shanghai(of[1]);
        self.rows.push(Row::Order(self.order.clone()));
        let made = step(OURS, self.order.order_id.0, self.order.version_id, of);
        let assignee_id = self.order.assignee_id;
        self.rows.push(Row::OrderStep(OrderStep { assignee_id, ..made }));
        self
    }

    /// Assigned to a department and person.
    fn assign(self, at: &str, before: &str, department: &str, who: Option<AgentId>) -> Self {
        let Life { order, rows } = self;
        let order = Order { department: department.to_owned(), assignee_id: who, ..order };
        Life { order, rows }.step(["assign", at, before])
    }
}

fn lives() -> Vec<Row> {
    let (one, two) = ("抢修一班", "抢修'二班");
    let lives = [
        // Given to the first person, to another one, to the same again; put off, urged twice.
        Life::begins(1, one, None)
            .assign("2026-11-02 08:00:00", "open", one, Some(FANG))
            .assign("2026-11-02 09:00:00", "open", one, Some(LI))
            .assign("2026-11-02 10:00:00", "open", one, Some(LI))
            .step(["extend", "2026-11-03 08:00:00", "open"])
            .step(["urge", "2026-11-03 09:00:00", "open"])
            .step(["urge", "2026-11-04 09:00:00", "open"]),
        // Given back and out again, to another department, taken from its person, and once more to one.
        Life::begins(2, one, Some(FANG))
            .step(["give_back", "2026-11-02 08:00:00", "open"])
            .assign("2026-11-02 09:00:00", "returned", one, Some(FANG))
            .assign("2026-11-02 10:00:00", "open", two, Some(FANG))
            .assign("2026-11-02 11:00:00", "open", two, None)
            .assign("2026-11-02 12:00:00", "open", two, Some(LI)),
        // Suspended and resumed; finished, opened again and finished.
        Life::begins(3, two, Some(LI))
            .step(["suspend", "2026-11-05 08:00:00", "open"])
            .step(["resume", "2026-11-05 09:00:00", "suspended"])
            .step(["finish", "2026-11-06 08:00:00", "in_progress"])
            .step(["reopen", "2026-11-07 08:00:00", "done"])
            .step(["note", "2026-11-07 09:00:00", "in_progress"])
            .step(["finish", "2026-11-08 08:00:00", "in_progress"]),
        // The first instant of the period, the first one after it, and after the time of asking.
        Life::begins(4, "", None).step(["urge", "2026-11-01 00:00:00", "open"]).step([
            "urge",
            "2026-12-01 00:00:00",
            "open",
        ]),
        // Nothing but made, noted and begun.
        Life::begins(5, one, None).step(["note", "2026-11-02 08:00:00", "open"]).step([
            "start",
            "2026-11-02 09:00:00",
            "open",
        ]),
    ];
    let theirs = step(THEIRS, 1, 11, ["urge", "2026-11-03 09:00:00", "open"]);
    // Its versions are gone by their age.
    let alone = step(OURS, 99, 990, ["urge", "2026-11-03 09:00:00", "open"]);
    let steps = [theirs, alone].map(Row::OrderStep);
    lives.into_iter().flat_map(|life| life.rows).chain(steps).collect()
}

#[tokio::test]
async fn steps_are_counted_for_the_department_that_has_the_order_now() {
    let store = store(lives()).await;
    let table = store.run(&ORDER_HANDLING, "2026-11", "Asia/Shanghai", "2026-12-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            // orders; assigned, reassigned, given back, suspended, extended, urged, finished, reopened
            "抢修'二班 2 1 3 1 1 0 0 2 1 50.0%",
            "抢修一班 1 2 1 0 0 1 2 0 0 —",
            "（未分派） 1 0 0 0 0 0 1 0 0 —",
            "— 4 3 4 1 1 1 3 2 1 50.0%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(orders) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, orders);
    }
}

#[tokio::test]
async fn what_was_done_after_the_time_of_asking_does_not_count() {
    let store = store(lives()).await;
    // Half past nine on the 2nd in Shanghai.
    let table = store.run(&ORDER_HANDLING, "2026-11", "Asia/Shanghai", "2026-11-02 01:30:00").await;
    assert_eq!(
        lines(&table),
        ["抢修一班 2 1 2 1 0 0 0 0 0 —", "（未分派） 1 0 0 0 0 0 1 0 0 —", "— 3 1 2 1 0 0 1 0 0 —",]
    );
}
