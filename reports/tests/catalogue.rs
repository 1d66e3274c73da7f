//! Every report of the catalogue on staged rows, against numbers counted by hand.

#[path = "catalogue/abandoned_calls.rs"]
mod abandoned_calls;
#[path = "catalogue/adherence.rs"]
mod adherence;
#[path = "catalogue/agent_time.rs"]
mod agent_time;
#[path = "catalogue/area_tries.rs"]
mod area_tries;
#[path = "catalogue/audit.rs"]
mod audit;
#[path = "catalogue/business_day.rs"]
mod business_day;
#[path = "catalogue/busy_hours.rs"]
mod busy_hours;
#[path = "catalogue/by_team.rs"]
mod by_team;
#[path = "catalogue/call_reasons.rs"]
mod call_reasons;
#[path = "catalogue/calls_by_region.rs"]
mod calls_by_region;
#[path = "catalogue/capacity.rs"]
mod capacity;
#[path = "catalogue/cost_per_contact.rs"]
mod cost_per_contact;
#[path = "catalogue/counts.rs"]
mod counts;
#[path = "catalogue/first_contact.rs"]
mod first_contact;
#[path = "catalogue/first_visit.rs"]
mod first_visit;
#[path = "catalogue/handed_on.rs"]
mod handed_on;
#[path = "catalogue/incomplete.rs"]
mod incomplete;
#[path = "catalogue/items.rs"]
mod items;
#[path = "catalogue/ivr.rs"]
mod ivr;
#[path = "catalogue/narrowed.rs"]
mod narrowed;
#[path = "catalogue/opened.rs"]
mod opened;
#[path = "catalogue/order_books.rs"]
mod order_books;
#[path = "catalogue/order_handling.rs"]
mod order_handling;
#[path = "catalogue/order_kinds.rs"]
mod order_kinds;
#[path = "catalogue/orders_over_time.rs"]
mod orders_over_time;
#[path = "catalogue/overdue_by.rs"]
mod overdue_by;
#[path = "catalogue/own.rs"]
mod own;
#[path = "catalogue/provisional.rs"]
mod provisional;
#[path = "catalogue/quality.rs"]
mod quality;
#[path = "catalogue/reconciled.rs"]
mod reconciled;
#[path = "catalogue/recording_log.rs"]
mod recording_log;
#[path = "catalogue/repeat_orders.rs"]
mod repeat_orders;
#[path = "catalogue/return_visits.rs"]
mod return_visits;
#[path = "catalogue/satisfaction_by_area.rs"]
mod satisfaction_by_area;
#[path = "catalogue/satisfaction_by_queue.rs"]
mod satisfaction_by_queue;
#[path = "catalogue/service_level.rs"]
mod service_level;
#[path = "catalogue/staffing.rs"]
mod staffing;
#[path = "catalogue/stages.rs"]
mod stages;
#[path = "catalogue/system.rs"]
mod system;
#[path = "catalogue/told.rs"]
mod told;
#[path = "catalogue/transfer_hold.rs"]
mod transfer_hold;
#[path = "catalogue/trunk_usage.rs"]
mod trunk_usage;

use reports::catalogue::{
    CALLS, ORDER_LIST, OVERDUE_ORDERS, QUEUE_SUMMARY, SATISFACTION, SATISFACTION_LIST, WORKLOAD,
};
use reports::{
    AgentName, Cell, Language, Names, Params, Period, Report, ReportTable, Row as TableRow,
    Thresholds, cell_text, run,
};
use terms::record::{AgentSpan, Call, Leg, Order, QueueVisit, Row, Survey};
use terms::{
    AgentId, CallId, ContactId, FlowId, LegId, OrderId, QueueId, SpanId, SurveyId, TenantId,
    Timestamp, TrunkId, VisitId,
};
use warehouse::{Limits, Scope, Session, Warehouse};

const OURS: TenantId = TenantId(1);
const THEIRS: TenantId = TenantId(2);
const FANG: AgentId = AgentId(7);
const LI: AgentId = AgentId(8);
const REPAIR: QueueId = QueueId(3);
const CARRIER: TrunkId = TrunkId(5);
const HOTLINE: FlowId = FlowId(2);

/// A warehouse that goes with its directory.
struct Store {
    warehouse: Warehouse,
    dir: tempfile::TempDir,
}

async fn store(rows: Vec<Row>) -> Store {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let warehouse = Warehouse::open(dir.path()).await.expect("an empty directory");
    assert!(warehouse.stage_rows("test", 1, &rows).await.expect("rows are staged"));
    Store { warehouse, dir }
}

impl Store {
    async fn session(&self) -> Session {
        Session::open(&self.warehouse, Scope::of(OURS), Limits::default()).await.expect("a session")
    }

    async fn run(
        &self,
        report: &'static Report,
        period: &str,
        zone: &str,
        now: &str,
    ) -> ReportTable {
        self.run_by(report, period, zone, now, Thresholds::default()).await
    }

    /// The same by other numbers than the usual ones.
    async fn run_by(
        &self,
        report: &'static Report,
        period: &str,
        zone: &str,
        now: &str,
        thresholds: Thresholds,
    ) -> ReportTable {
        let now = at("UTC", now);
        let period = Period::parse(period, zone, now).expect("a good period");
        self.run_on(report, period, now, thresholds).await
    }

    /// The same on a period that was read before.
    async fn run_on(
        &self,
        report: &'static Report,
        period: Period,
        now: Timestamp,
        thresholds: Thresholds,
    ) -> ReportTable {
        let agent = |number: &str, name: &str| AgentName {
            number: number.to_owned(),
            name: name.to_owned(),
        };
        let names = Names {
            agents: [(FANG, agent("1001", "王芳")), (LI, agent("998", "李建国"))].into(),
            queues: [(REPAIR, "报修".to_owned())].into(),
            trunks: [(CARRIER, "电信".to_owned())].into(),
            flows: [(HOTLINE, "热线".to_owned())].into(),
            teams: by_team::names(),
            areas: area_tries::areas(),
            workers: area_tries::workers(),
        };
        let params = Params::new(period, now, "江城燃气热线", names);
        let params = Params { thresholds, ..params };
        run(&self.session().await, report, &params).await.expect("the report runs")
    }

    /// How many matters are behind a row.
    async fn behind(&self, row: &TableRow) -> usize {
        let condition = row.behind.as_ref().expect("every data row has a condition");
        self.session().await.query(&condition.sql()).await.expect("the condition runs").rows()
    }
}

/// `2026-11-23 09:40:10` on the clock of `zone`, the first of two where it comes twice.
fn at(zone: &str, text: &str) -> Timestamp {
    use chrono::{NaiveDateTime, TimeZone};
    let zone: chrono_tz::Tz = zone.parse().expect("a zone");
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time");
    Timestamp(zone.from_local_datetime(&local).earliest().expect("it exists").timestamp_micros())
}

fn shanghai(text: &str) -> Timestamp {
    at("Asia/Shanghai", text)
}

/// The rows as people read them, totals last.
fn lines(table: &ReportTable) -> Vec<String> {
    let line = |cells: &[Cell]| {
        let texts: Vec<String> = cells
            .iter()
            .zip(table.report.columns)
            .map(|(cell, column)| cell_text(cell, column.kind, table.period.zone, Language::ZhCn))
            .collect();
        texts.join(" ")
    };
    let rows = table.rows.iter().map(|row| line(&row.cells));
    rows.chain([line(&table.total)]).collect()
}

fn survey(tenant: TenantId, id: u64, agent: AgentId, asked_at: Timestamp, answer: &str) -> Row {
    Row::Survey(Survey {
        tenant_id: tenant,
        survey_id: SurveyId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: Timestamp(asked_at.0 - 300_000_000),
        agent_id: agent,
        queue_id: Some(REPAIR),
        asked_at,
        ended_at: asked_at,
        answer: (!answer.is_empty()).then(|| answer.to_owned()),
    })
}

#[tokio::test]
async fn satisfaction_counts_what_was_asked_in_the_period() {
    let noon = shanghai("2026-11-23 12:00:00");
    let rows = vec![
        // The first instant belongs to the day, the first after it does not.
        survey(OURS, 1, FANG, shanghai("2026-11-23 00:00:00"), "satisfied"),
        survey(OURS, 2, FANG, shanghai("2026-11-24 00:00:00"), "satisfied"),
        survey(OURS, 3, FANG, noon, "satisfied"),
        survey(OURS, 4, FANG, noon, "dissatisfied"),
        survey(OURS, 5, FANG, noon, ""),
        survey(OURS, 6, LI, noon, "neutral"),
        survey(OURS, 7, LI, noon, "satisfied"),
        survey(OURS, 8, AgentId(99), noon, ""),
        survey(THEIRS, 9, FANG, noon, "dissatisfied"),
    ];
    let store = store(rows).await;
    let table =
        store.run(&SATISFACTION, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "998 李建国 2 2 1 1 0 50.0% 0.0% 100.0%",
            "1001 王芳 4 3 2 0 1 66.7% 33.3% 75.0%",
            "#99 #99 1 0 0 0 0 — — 0.0%",
            "— — 7 5 3 1 1 60.0% 20.0% 71.4%",
        ]
    );
    assert!(!table.provisional);
    for row in table.data_rows() {
        let Cell::Count(asked) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, asked);
    }
}

struct Spans(u64, Vec<Row>);

impl Spans {
    fn add(&mut self, agent: AgentId, activity: &str, from: Timestamp, to: Timestamp) {
        self.0 += 1;
        self.1.push(Row::AgentSpan(AgentSpan {
            tenant_id: OURS,
            span_id: SpanId(self.0),
            agent_id: agent,
            activity: activity.to_owned(),
            reason: None,
            started_at: from,
            ended_at: to,
            duration_ms: to.millis_since(from) as i32,
            call_id: None,
            queue_id: None,
            skill_set_id: None,
        }));
    }
}

fn offer(id: u64, agent: AgentId, started_at: Timestamp, answered: bool) -> Row {
    Row::Leg(Leg {
        tenant_id: OURS,
        leg_id: LegId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: Timestamp(started_at.0 - 60_000_000),
        role: "agent".to_owned(),
        agent_id: Some(agent),
        queue_id: Some(REPAIR),
        address: "sip:1001@box".to_owned(),
        started_at,
        ringing_at: Some(started_at),
        answered_at: answered.then_some(Timestamp(started_at.0 + 10_000_000)),
        ended_at: Timestamp(started_at.0 + 20_000_000),
        ring_ms: 10_000,
        talk_ms: 0,
        hold_ms: 0,
        hangup_cause: 16,
        hangup_by: "customer".to_owned(),
        packets_received: 0,
        packets_lost: 0,
        jitter_us: 0,
        mos: None,
        trunk_id: None,
        call_direction: None,
        call_queue_id: None,
    })
}

/// The same, and a colleague took it.
fn picked_up(id: u64, agent: AgentId, started_at: Timestamp) -> Row {
    match offer(id, agent, started_at, false) {
        Row::Leg(leg) => Row::Leg(Leg { hangup_cause: 26, ..leg }),
        other => other,
    }
}

fn call(id: u64, direction: &str, started_at: Timestamp) -> Call {
    Call {
        tenant_id: OURS,
        call_id: CallId(id),
        contact_id: ContactId(id),
        direction: direction.to_owned(),
        started_at,
        answered_at: None,
        ended_at: Timestamp(started_at.0 + 90_000_000),
        duration_ms: 90_000,
        caller: "+8613800138000".to_owned(),
        caller_received: "013800138000".to_owned(),
        called: "+862188880000".to_owned(),
        trunk_id: None,
        flow_id: None,
        queue_id: None,
        agent_id: None,
        last_agent_id: None,
        outcome: "ivr_only".to_owned(),
        hangup_cause: 16,
        hangup_by: "customer".to_owned(),
        ivr_ms: 90_000,
        wait_ms: 0,
        talk_ms: 0,
        hold_ms: 0,
        transfers: 0,
        agents: 0,
        recording_id: None,
        satisfaction: None,
        sip_call_id: String::new(),
        user_agent: String::new(),
        outside_ms: Some(0),
        conference_id: None,
        meeting_id: None,
        province: None,
        city: None,
    }
}

#[tokio::test]
async fn workload_splits_time_by_the_clock_and_offers_by_their_start() {
    let day = |time: &str| shanghai(&format!("2026-11-23 {time}"));
    let mut spans = Spans(0, Vec::new());
    spans.add(FANG, "idle", day("09:00:00"), day("09:40:00"));
    spans.add(FANG, "ringing", day("09:40:00"), day("09:40:10"));
    spans.add(FANG, "talking", day("09:40:10"), day("10:20:00"));
    spans.add(FANG, "holding", day("10:20:00"), day("10:25:00"));
    spans.add(FANG, "wrap_up", day("10:25:00"), day("10:26:00"));
    spans.add(FANG, "break", day("10:26:00"), day("12:30:00"));
    // Half of it lies in the next day.
    spans.add(LI, "idle", day("23:30:00"), shanghai("2026-11-24 00:30:00"));
    let mut rows = spans.1;
    rows.push(offer(1, FANG, day("09:40:00"), true));
    rows.push(offer(2, FANG, day("10:59:59"), false));
    rows.push(offer(3, FANG, day("11:00:00"), false));
    rows.push(offer(4, FANG, shanghai("2026-11-24 00:00:00"), true));
    // What a colleague picked up costs nobody anything.
    rows.push(picked_up(6, FANG, day("11:10:00")));
    // What an agent dials is no offer.
    rows.push(offer(5, FANG, day("11:30:00"), true));
    rows.push(Row::Call(call(5, "outbound", day("11:29:00"))));
    let store = store(rows).await;

    let table = store.run(&WORKLOAD, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "998 李建国 23:00–24:00 0 0 0 0:00:00 0:00:00 0:00:00 — 0:30:00 0:00:00 0.0%",
            "998 李建国 小计 0 0 0 0:00:00 0:00:00 0:00:00 — 0:30:00 0:00:00 0.0%",
            "1001 王芳 09:00–10:00 1 1 0 0:19:50 0:00:00 0:00:00 0:19:50 0:40:10 0:00:00 33.1%",
            "1001 王芳 10:00–11:00 1 0 1 0:20:00 0:05:00 0:01:00 — 0:00:00 0:34:00 100.0%",
            "1001 王芳 11:00–12:00 1 0 1 0:00:00 0:00:00 0:00:00 — 0:00:00 1:00:00 —",
            "1001 王芳 12:00–13:00 0 0 0 0:00:00 0:00:00 0:00:00 — 0:00:00 0:30:00 —",
            "1001 王芳 小计 3 1 2 0:39:50 0:05:00 0:01:00 0:45:50 0:40:10 2:04:00 53.3%",
            "— — — 3 1 2 0:39:50 0:05:00 0:01:00 0:45:50 1:10:10 2:04:00 39.5%",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(offered) = row.cells[3] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, offered);
    }
}

#[tokio::test]
async fn an_offer_of_a_call_that_began_days_ago_is_told_apart_by_that_call() {
    let day = |time: &str| shanghai(&format!("2026-11-23 {time}"));
    let long_ago = shanghai("2026-11-20 08:00:00");
    let of_an_old_call = |offer: Row| match offer {
        Row::Leg(leg) => Row::Leg(Leg { call_started_at: long_ago, ..leg }),
        other => other,
    };
    let rows = vec![
        of_an_old_call(offer(1, FANG, day("09:00:00"), true)),
        Row::Call(call(1, "inbound", long_ago)),
        of_an_old_call(offer(2, FANG, day("09:10:00"), true)),
        Row::Call(call(2, "outbound", long_ago)),
        // Nothing is known of this one's call, as of one that has not ended.
        of_an_old_call(offer(3, FANG, day("09:20:00"), false)),
    ];
    let store = store(rows).await;
    let table = store.run(&WORKLOAD, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    let offered = table.report.position("offered");
    let counts: Vec<&Cell> = table.data_rows().map(|row| &row.cells[offered]).collect();
    assert!(matches!(counts[..], [Cell::Count(2)]), "{:?}", lines(&table));
}

/// Hours and ready time of the only agent.
fn ready_by_hour(table: &ReportTable) -> Vec<String> {
    let ready = table.report.position("ready_ms");
    let text = |cell: &Cell, column: usize| {
        let kind = table.report.columns[column].kind;
        cell_text(cell, kind, table.period.zone, Language::En)
    };
    table
        .data_rows()
        .map(|row| format!("{} {}", &text(&row.cells[2], 2)[..2], text(&row.cells[ready], ready)))
        .collect()
}

#[tokio::test]
async fn the_hour_that_comes_twice_holds_two_hours_and_the_missing_one_none() {
    let berlin = |text: &str| at("Europe/Berlin", text);
    let mut spans = Spans(0, Vec::new());
    spans.add(FANG, "idle", berlin("2026-10-25 00:30:00"), berlin("2026-10-25 04:30:00"));
    spans.add(FANG, "idle", berlin("2026-03-29 00:30:00"), berlin("2026-03-29 04:30:00"));
    let store = store(spans.1).await;
    let autumn = store.run(&WORKLOAD, "2026-10-25", "Europe/Berlin", "2026-11-24 12:00:00").await;
    assert_eq!(
        ready_by_hour(&autumn),
        ["00 0:30:00", "01 1:00:00", "02 2:00:00", "03 1:00:00", "04 0:30:00"]
    );
    let spring = store.run(&WORKLOAD, "2026-03-29", "Europe/Berlin", "2026-11-24 12:00:00").await;
    assert_eq!(ready_by_hour(&spring), ["00 0:30:00", "01 1:00:00", "03 1:00:00", "04 0:30:00"]);
    // Over the year both nights fall together.
    let year = store.run(&WORKLOAD, "2026", "Europe/Berlin", "2026-11-24 12:00:00").await;
    assert_eq!(
        ready_by_hour(&year),
        ["00 1:00:00", "01 2:00:00", "02 2:00:00", "03 2:00:00", "04 1:00:00"]
    );
    assert!(year.provisional);
}

#[tokio::test]
async fn a_stretch_of_days_gives_every_hour_its_part() {
    let mut spans = Spans(0, Vec::new());
    spans.add(FANG, "idle", shanghai("2026-11-02 09:30:00"), shanghai("2026-11-05 08:15:00"));
    let store = store(spans.1).await;
    let table = store.run(&WORKLOAD, "2026-11", "Asia/Shanghai", "2026-12-24 12:00:00").await;
    let hours = ready_by_hour(&table);
    assert_eq!(hours.len(), 24);
    assert_eq!(hours[8], "08 2:15:00");
    assert_eq!(hours[9], "09 2:30:00");
    assert_eq!(hours[10], "10 3:00:00");
    let ready = table.report.position("ready_ms");
    assert_eq!(table.total[ready], Cell::Duration((70 * 60 + 45) * 60_000));
}

struct Orders(i64, Vec<Row>);

impl Orders {
    /// A version: order, version, department, changed at, deadline, closed at.
    fn add(
        &mut self,
        (order, version): (u64, i32),
        department: &str,
        changed_at: &str,
        deadline: &str,
        closed: Option<&str>,
    ) {
        self.0 += 1;
        let deadline_at = shanghai(deadline);
        self.1.push(Row::Order(Order {
            tenant_id: OURS,
            version_id: self.0,
            order_id: OrderId(order),
            version,
            changed_at: shanghai(changed_at),
            created_at: shanghai("2026-11-01 08:00:00"),
            number: format!("GD{order:06}"),
            kind: "报修".to_owned(),
            department: department.to_owned(),
            area: "东湖".to_owned(),
            title: "漏气".to_owned(),
            assignee_id: None,
            deadline_at: Some(deadline_at),
            // Warned four hours before.
            warn_at: Some(Timestamp(deadline_at.0 - 4 * 3_600_000_000)),
            progress: if closed.is_some() { "done" } else { "open" }.to_owned(),
            closed_at: closed.map(shanghai),
            call_id: None,
            customer_id: None,
            customer_number: String::new(),
        }));
    }
}

#[tokio::test]
async fn overdue_orders_speak_by_their_latest_version_at_the_time_of_asking() {
    let mut orders = Orders(0, Vec::new());
    let created = "2026-11-01 08:00:00";
    // Closed in time; the first version is history.
    orders.add((1, 1), "抢修一班", created, "2026-11-10 12:00:00", None);
    orders.add(
        (1, 2),
        "抢修一班",
        "2026-11-10 11:00:00",
        "2026-11-10 12:00:00",
        Some("2026-11-10 11:00:00"),
    );
    // Closed at the deadline is in time, a second later is not.
    orders.add((2, 1), "抢修一班", created, "2026-11-11 12:00:00", Some("2026-11-11 12:00:00"));
    orders.add((3, 1), "抢修一班", created, "2026-11-11 12:00:00", Some("2026-11-11 12:00:01"));
    // Open: overdue by 12 hours, 2, 5 and 10 days.
    for (order, deadline) in [
        (4, "2026-11-20 00:00:00"),
        (5, "2026-11-18 12:00:00"),
        (6, "2026-11-15 12:00:00"),
        (7, "2026-11-10 12:00:00"),
    ] {
        orders.add((order, 1), "抢修一班", created, deadline, None);
    }
    // Open, not due yet: one warned, one not. Moved to another department before.
    orders.add((8, 1), "客户服务部", created, "2026-11-20 15:00:00", None);
    orders.add((8, 2), "O'Hara 部", "2026-11-02 08:00:00", "2026-11-20 15:00:00", None);
    orders.add((9, 1), "O'Hara 部", created, "2026-11-25 12:00:00", None);
    // Closed only after the time of asking: still open then.
    orders.add((10, 1), "", created, "2026-11-19 12:00:00", None);
    orders.add(
        (10, 2),
        "",
        "2026-11-20 13:00:00",
        "2026-11-19 12:00:00",
        Some("2026-11-20 13:00:00"),
    );
    // The extension moved the deadline out of the period.
    orders.add((11, 1), "抢修一班", created, "2026-11-12 12:00:00", None);
    orders.add((11, 2), "抢修一班", "2026-11-11 12:00:00", "2026-12-12 12:00:00", None);
    let store = store(orders.1).await;

    // 2026-11-20 12:00 in Shanghai.
    let table = store.run(&OVERDUE_ORDERS, "2026-11", "Asia/Shanghai", "2026-11-20 04:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "O'Hara 部 2 0 1 1 0 0 0.0% 0 0 0 0",
            "抢修一班 7 2 0 0 1 4 28.6% 1 1 1 1",
            "（未分派） 1 0 0 0 0 1 0.0% 1 0 0 0",
            "— 10 2 1 1 1 5 20.0% 2 1 1 1",
        ]
    );
    assert!(table.provisional);
    for row in table.data_rows() {
        let Cell::Count(due) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, due);
    }
}

#[tokio::test]
async fn warned_and_overdue_orders_are_listed_with_the_most_overdue_first() {
    let mut orders = Orders(0, Vec::new());
    let created = "2026-11-01 08:00:00";
    orders.add((1, 1), "抢修一班", created, "2026-11-10 12:00:00", Some("2026-11-10 11:00:00"));
    orders.add((2, 1), "抢修一班", created, "2026-11-11 12:00:00", Some("2026-11-11 14:00:00"));
    orders.add((3, 1), "抢修二班", created, "2026-11-18 12:00:00", None);
    orders.add((4, 1), "", created, "2026-11-20 15:00:00", None);
    orders.add((5, 1), "抢修二班", created, "2026-11-25 12:00:00", None);
    let store = store(orders.1).await;
    let table = store.run(&ORDER_LIST, "2026-11", "Asia/Shanghai", "2026-11-20 04:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "GD000003 报修 抢修二班 东湖 漏气 — 2026-11-18 12:00:00 — 超时未结 48:00:00",
            "GD000002 报修 抢修一班 东湖 漏气 — 2026-11-11 12:00:00 2026-11-11 14:00:00 超时办结 2:00:00",
            "GD000004 报修 （未分派） 东湖 漏气 — 2026-11-20 15:00:00 — 预警 —",
            "— — — — — — — — — 48:00:00",
        ]
    );
}

#[tokio::test]
async fn satisfaction_results_are_listed_one_by_one() {
    let noon = shanghai("2026-11-23 12:00:00");
    let rows = vec![
        survey(OURS, 1, FANG, noon, "dissatisfied"),
        survey(OURS, 2, LI, Timestamp(noon.0 + 1_000_000), ""),
        survey(THEIRS, 3, FANG, noon, "satisfied"),
        Row::Call(call(1, "inbound", shanghai("2026-11-23 11:55:00"))),
    ];
    let store = store(rows).await;
    let table =
        store.run(&SATISFACTION_LIST, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table)[..2],
        [
            "2026-11-23 12:00:01 998 李建国 报修 — 未评价 2",
            "2026-11-23 12:00:00 1001 王芳 报修 +8613800138000 不满意 1",
        ]
    );
    assert_eq!(store.behind(&table.rows[0]).await, 1);
}

fn visit(id: u64, entered: &str, wait_ms: i32, outcome: &str) -> Row {
    let entered_at = shanghai(&format!("2026-11-23 {entered}"));
    Row::QueueVisit(QueueVisit {
        tenant_id: OURS,
        visit_id: VisitId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: entered_at,
        queue_id: REPAIR,
        entered_at,
        left_at: Timestamp(entered_at.0 + i64::from(wait_ms) * 1000),
        wait_ms,
        ring_ms: 0,
        outcome: outcome.to_owned(),
        flow_out_reason: None,
        agent_id: None,
        priority: 0,
        position: 1,
        offers: 1,
        offers_unanswered: 0,
    })
}

#[tokio::test]
async fn queues_reconcile_and_print_their_service_level() {
    let rows = vec![
        visit(1, "09:00:00", 20_000, "answered"),
        visit(2, "09:01:00", 20_001, "answered"),
        visit(3, "09:02:00", 4_000, "answered"),
        visit(4, "09:03:00", 5_000, "abandoned"),
        visit(5, "09:04:00", 60_000, "abandoned"),
        visit(6, "09:05:00", 30_000, "flowed_out"),
        visit(7, "09:06:00", 30_000, "callback_queued"),
    ];
    let store = store(rows).await;
    let table =
        store.run(&QUEUE_SUMMARY, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    // Service level: 2 in time ÷ (3 answered + 2 abandoned − 1 short).
    assert_eq!(lines(&table)[0], "报修 7 3 2 2 1 1 1 42.9% 50.0% 28.6% 0:00:15 0:01:00");
    assert_eq!(store.behind(&table.rows[0]).await, 7);
}

#[tokio::test]
async fn call_history_is_newest_first_and_speaks_the_readers_language() {
    let mut answered = call(1, "inbound", shanghai("2026-11-23 09:00:00"));
    answered.queue_id = Some(REPAIR);
    answered.agent_id = Some(FANG);
    answered.outcome = "answered".to_owned();
    answered.talk_ms = 61_000;
    answered.satisfaction = Some("satisfied".to_owned());
    let rows =
        vec![Row::Call(answered), Row::Call(call(2, "inbound", shanghai("2026-11-23 10:00:00")))];
    let store = store(rows).await;
    let table = store.run(&CALLS, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    let lines = lines(&table);
    assert_eq!(
        lines[0],
        "2026-11-23 10:00:00 呼入 +8613800138000 +862188880000 （无队列） — 自助 \
         0:00:00 0:00:00 0:00:00 — 2"
    );
    assert_eq!(
        lines[1],
        "2026-11-23 09:00:00 呼入 +8613800138000 +862188880000 报修 王芳 已接听 \
         0:00:00 0:01:01 0:00:00 满意 1"
    );
    assert_eq!(store.behind(&table.rows[1]).await, 1);
}

#[tokio::test]
async fn a_period_without_rows_gives_an_empty_table() {
    let store = store(vec![survey(THEIRS, 1, FANG, shanghai("2026-11-23 12:00:00"), "")]).await;
    for report in reports::catalogue() {
        let table = store.run(report, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
        assert!(table.rows.is_empty() && table.total.is_empty(), "{}", report.id);
    }
}
