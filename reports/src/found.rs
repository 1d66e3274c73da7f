//! Orders, calls and other lists that somebody searched for, as the list on the screen has them: printed in
//! every form like a report, though no SQL of the warehouse finds them. They are in no catalogue.

mod listed;

pub use listed::Listed;

use crate::cell::local;
use crate::definition::{Column, Kind, Order, Report, Source, Total};
use crate::messages::{Words, stored, words};
use crate::period::{Period, PeriodError, parse_zone};
use crate::run::{Error, Fields};
use crate::table::{Cell, Condition, ReportTable, Row, RowKind};
use crate::window::Window;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use terms::Timestamp;

/// An order as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundOrder {
    /// The number people quote.
    pub number: String,
    /// Created.
    pub created_at: Timestamp,
    /// What people see, such as `overdue`.
    pub state: String,
    /// Type.
    pub kind: String,
    /// Department.
    pub department: String,
    /// Area.
    pub area: String,
    /// Title.
    pub title: String,
    /// Where.
    pub address: String,
    /// The customer's number.
    pub customer_number: String,
    /// The name of who made it.
    pub creator: String,
    /// The name of who does it.
    pub assignee: String,
    /// Due.
    pub deadline_at: Option<Timestamp>,
    /// Done or returned.
    pub closed_at: Option<Timestamp>,
}

/// A call as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCall {
    /// First INVITE.
    pub started_at: Timestamp,
    /// Such as `inbound`.
    pub direction: String,
    /// The caller, normalised.
    pub caller: String,
    /// The dialled number, normalised.
    pub called: String,
    /// The name of the last queue.
    pub queue: String,
    /// The name of the first agent who answered.
    pub agent: String,
    /// Such as `answered`.
    pub outcome: String,
    /// In queues.
    pub wait_ms: i64,
    /// In conversation.
    pub talk_ms: i64,
    /// From start to end.
    pub duration_ms: i64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundList {
    /// Orders.
    Orders(Vec<FoundOrder>),
    /// Calls.
    Calls(Vec<FoundCall>),
    /// Rows of a list of the API, as it tells them.
    Rows {
        /// Which.
        of: Listed,
        /// Each an object.
        rows: Vec<Value>,
    },
}

impl FoundList {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            FoundList::Orders(orders) => orders.len(),
            FoundList::Calls(calls) => calls.len(),
            FoundList::Rows { rows, .. } => rows.len(),
        }
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the first of them began.
    pub fn oldest(&self) -> Option<Timestamp> {
        match self {
            FoundList::Orders(orders) => orders.iter().map(|order| order.created_at).min(),
            FoundList::Calls(calls) => calls.iter().map(|call| call.started_at).min(),
            FoundList::Rows { of, rows } => rows.iter().filter_map(|row| of.at(row)).min(),
        }
    }
}

/// What people see of an order.
static STATES: [(&str, Words); 7] = [
    ("open", words("未处理", "open")),
    ("in_progress", words("处理中", "in progress")),
    ("done", words("已处理", "done")),
    ("suspended", words("挂起", "suspended")),
    ("returned", words("退单", "returned")),
    ("warned", words("预警", "warned")),
    ("overdue", words("超时", "overdue")),
];

static FOUND_ORDERS: Report = Report {
    id: "found_orders",
    title: words("工单查询结果", "Orders found"),
    help: words("按查询条件找到的工单。", "The orders that a search found."),
    parameters: &[],
    narrows: &[],
    sql: asked_elsewhere,
    behind: itself,
    numbers: &[],
    columns: &[
        column("number", words("工单号", "Order"), Kind::Text),
        column("created_at", words("建立时间", "Created"), Kind::Time),
        column("state", words("状态", "State"), Kind::Text),
        column("kind", words("类型", "Type"), Kind::Text),
        column("department", words("部门", "Department"), Kind::Text),
        column("area", words("片区", "Area"), Kind::Text),
        column("title", words("标题", "Title"), Kind::Text),
        column("address", words("地址", "Address"), Kind::Text),
        column("customer_number", words("客户号码", "Customer"), Kind::Text),
        column("creator", words("派单人", "Made by"), Kind::Text),
        column("assignee", words("处理人", "Assignee"), Kind::Text),
        column("deadline_at", words("截止时间", "Due"), Kind::Time),
        column("closed_at", words("办结时间", "Closed"), Kind::Time),
    ],
    figures: &[],
    charts: &[],
    formulas: &[],
    subtotals: false,
    order: Order::Sql,
};

static FOUND_CALLS: Report = Report {
    id: "found_calls",
    title: words("通话查询结果", "Calls found"),
    help: words("按查询条件找到的通话。", "The calls that a search found."),
    columns: &[
        column("started_at", words("开始时间", "Started"), Kind::Time),
        column("direction", words("方向", "Direction"), Kind::Text),
        column("caller", words("主叫", "Caller"), Kind::Text),
        column("called", words("被叫", "Called"), Kind::Text),
        column("queue", words("队列", "Queue"), Kind::Text),
        column("agent", words("座席", "Agent"), Kind::Text),
        column("outcome", words("结果", "Outcome"), Kind::Text),
        summed("wait_ms", words("等待时长", "Wait")),
        summed("talk_ms", words("通话时长", "Talk")),
        summed("duration_ms", words("总时长", "Length")),
    ],
    ..FOUND_ORDERS
};

const fn summed(id: &'static str, header: Words) -> Column {
    Column { total: Total::Sum, ..column(id, header, Kind::Duration) }
}

const fn column(id: &'static str, header: Words, kind: Kind) -> Column {
    Column { id, header, kind, source: Source::Field(id), total: Total::None }
}

fn asked_elsewhere(_: &Window) -> String {
    String::new()
}

/// Nobody asks for it: each row is its order.
fn itself(_: &Window, _: &Fields) -> Result<Condition, Error> {
    Ok(Condition { table: "orders", key: "order_id", predicate: "FALSE".to_owned() })
}

/// The table of what was found from `from` until before `until`, in days of `zone`.
///
/// # Errors
/// When there is no such zone.
pub fn table(
    tenant: &str,
    (from, until): (Timestamp, Timestamp),
    zone: &str,
    now: Timestamp,
    list: &FoundList,
) -> Result<ReportTable, PeriodError> {
    let zone = parse_zone(zone)?;
    let first = local(from, zone).date_naive();
    let last = local(Timestamp(until.0 - 1), zone).date_naive().max(first);
    let period = Period { from, to: until, first, last, zone, day_begins_min: 0 };
    let (report, cells): (&'static Report, Vec<Vec<Cell>>) = match list {
        FoundList::Orders(orders) => (&FOUND_ORDERS, orders.iter().map(of_order).collect()),
        FoundList::Calls(calls) => (&FOUND_CALLS, calls.iter().map(of_call).collect()),
        FoundList::Rows { of, rows } => {
            (of.report(), rows.iter().map(|row| of.cells(row)).collect())
        }
    };
    let row = |cells| Row { kind: RowKind::Data, cells, behind: None, provisional: false };
    let rows = cells.into_iter().map(row).collect();
    let table = ReportTable::new(report, tenant, period, now, rows);
    // A list is what it is at this moment, whenever its period ends.
    Ok(ReportTable { provisional: false, ..table })
}

fn of_order(order: &FoundOrder) -> Vec<Cell> {
    let time = |at: Option<Timestamp>| at.map_or(Cell::Empty, Cell::Time);
    let state = STATES.iter().find(|(state, _)| *state == order.state);
    vec![
        Cell::text(&order.number),
        Cell::Time(order.created_at),
        state.map_or_else(|| Cell::text(&order.state), |(_, words)| Cell::Word(words)),
        Cell::text(&order.kind),
        Cell::text(&order.department),
        Cell::text(&order.area),
        Cell::text(&order.title),
        Cell::text(&order.address),
        Cell::text(&order.customer_number),
        Cell::text(&order.creator),
        Cell::text(&order.assignee),
        time(order.deadline_at),
        time(order.closed_at),
    ]
}

fn of_call(call: &FoundCall) -> Vec<Cell> {
    let word = |text: &str| stored(text).map_or_else(|| Cell::text(text), Cell::Word);
    vec![
        Cell::Time(call.started_at),
        word(&call.direction),
        Cell::text(&call.caller),
        Cell::text(&call.called),
        Cell::text(&call.queue),
        Cell::text(&call.agent),
        word(&call.outcome),
        Cell::Duration(call.wait_ms),
        Cell::Duration(call.talk_ms),
        Cell::Duration(call.duration_ms),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::Language;
    use crate::render::{Format, render};

    fn order(number: &str, state: &str, title: &str) -> FoundOrder {
        FoundOrder {
            number: number.into(),
            created_at: Timestamp::from_secs(1_795_406_400),
            state: state.into(),
            kind: "报修".into(),
            department: "维修部".into(),
            area: "W1".into(),
            title: title.into(),
            address: "West Road 7".into(),
            customer_number: "+8613800138000".into(),
            creator: "王芳".into(),
            assignee: String::new(),
            deadline_at: Some(Timestamp::from_secs(1_795_492_800)),
            closed_at: None,
        }
    }

    #[test]
    fn every_order_that_was_found_stands_in_every_form_and_no_formula_comes_in() {
        let orders = vec![order("A-1", "overdue", "漏水"), order("A-2", "open", "=1+1")];
        let list = FoundList::Orders(orders);
        let (from, now) =
            (Timestamp::from_secs(1_795_300_000), Timestamp::from_secs(1_795_500_000));
        let table = table("燃气公司", (from, now), "Asia/Shanghai", now, &list).unwrap();
        let text = |format, language| {
            let made = render(&table, format, language).unwrap();
            String::from_utf8(made.bytes).unwrap()
        };
        for format in [Format::Csv, Format::Html, Format::Json] {
            let told = text(format, Language::ZhCn);
            for word in ["A-1", "A-2", "漏水", "超时", "未处理", "维修部", "West Road 7"]
            {
                assert!(told.contains(word), "{format:?} lacks {word}: {told}");
            }
        }
        let csv = text(Format::Csv, Language::En);
        assert!(csv.contains("overdue") && csv.contains("2026-11-23 12:00"), "{csv}");
        assert!(!csv.contains(",=1+1") && !csv.contains("\"=1+1"), "a cell is no formula: {csv}");
        for format in [Format::Xlsx, Format::Pdf, Format::Txt] {
            assert!(!render(&table, format, Language::ZhCn).unwrap().bytes.is_empty());
        }
    }

    #[test]
    fn a_search_that_found_nothing_is_a_table_with_its_heads() {
        let now = Timestamp::from_secs(1_795_500_000);
        let table =
            table("x", (now, now), "Asia/Shanghai", now, &FoundList::Orders(vec![])).unwrap();
        let csv = render(&table, Format::Csv, Language::En).unwrap().bytes;
        assert!(String::from_utf8(csv).unwrap().contains("Assignee"));
    }

    #[test]
    fn calls_that_were_found_stand_in_their_order_and_their_times_add_up() {
        let call = |caller: &str, talk_ms: i64| FoundCall {
            started_at: Timestamp::from_secs(1_795_406_400),
            direction: "inbound".into(),
            caller: caller.into(),
            called: "95105688".into(),
            queue: "客服".into(),
            agent: "王芳".into(),
            outcome: "answered".into(),
            wait_ms: 5_000,
            talk_ms,
            duration_ms: talk_ms + 9_000,
        };
        let list = FoundList::Calls(vec![call("+8613800138000", 60_000), call("10010", 30_000)]);
        let (from, now) =
            (Timestamp::from_secs(1_795_400_000), Timestamp::from_secs(1_795_500_000));
        let table = table("x", (from, now), "Asia/Shanghai", now, &list).unwrap();
        let csv = render(&table, Format::Csv, Language::En).unwrap().bytes;
        let csv = String::from_utf8(csv).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 4, "{csv}");
        assert!(lines[1].contains("8613800138000") && lines[2].contains("10010"), "{csv}");
        assert!(lines[1].contains("answered") && lines[1].contains("客服"), "{csv}");
        assert_eq!(table.total[8], Cell::Duration(90_000));
        assert_eq!(table.total[9], Cell::Duration(108_000));
    }
}
