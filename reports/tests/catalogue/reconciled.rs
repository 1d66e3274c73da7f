//! The books balance: on random calls, agents and orders, reports that count the same thing agree,
//! and so does what stands behind their rows. A failure names its seed.

use super::adherence::shift;
use super::by_team::member;
use super::items::item;
use super::order_handling::step;
use super::orders_over_time::order;
use super::staffing::stay;
use super::{
    CARRIER, FANG, LI, OURS, REPAIR, Store, TableRow, call, offer, shanghai, store, survey,
};
use reports::catalogue::{
    ABANDONED_CALLS, ADHERENCE, BREAKS, CALLS, CAPACITY, FIRST_CONTACT, ITEMS, ITEMS_BY_AGENT,
    ITEMS_BY_DAY, ITEMS_BY_HOUR, ORDERS_BY_MONTH, ORDERS_BY_WEEK, ORDERS_BY_YEAR,
    OVERDUE_BY_ASSIGNEE, OVERDUE_BY_KIND, OVERDUE_ORDERS, QUEUE_SUMMARY, SATISFACTION,
    SATISFACTION_BY_AREA, SATISFACTION_BY_QUEUE, SATISFACTION_BY_TEAM, SATISFACTION_LIST,
    SERVICE_LEVELS, STAFFING, STAGES_BY_DAY, SYSTEM, TIME_SHEET, TIME_SHEET_BY_TEAM, TRANSFER_HOLD,
    TRUNK_USAGE, WORKLOAD, WORKLOAD_BY_TEAM,
};
use reports::{Cell, Report, ReportTable};
use terms::record::{AgentSpan, Call, Item, Leg, Order, OrderStep, Row};
use terms::{AgentId, CustomerId, LegId, QueueId, SpanId, TeamId, Timestamp, TrunkId};

pub(super) const SEEDS: u64 = 4;
/// Two of the four days that calls are made on.
const PERIOD: &str = "2026-11-23..2026-11-24";
const NOW: &str = "2026-12-24 12:00:00";
const SECOND_US: i64 = 1_000_000;
const DAY_S: u64 = 86_400;
const STEPS: [&str; 9] =
    ["assign", "give_back", "suspend", "extend", "urge", "arrive", "finish", "reopen", "note"];

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 up to, not including, `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn agent(&mut self) -> AgentId {
        self.pick(&[FANG, LI])
    }
}

fn after(at: Timestamp, seconds: u64) -> Timestamp {
    Timestamp(at.0 + seconds as i64 * SECOND_US)
}

/// Rows as they are made; legs are numbered through.
pub(super) struct Books {
    dice: Dice,
    rows: Vec<Row>,
    legs: u64,
}

impl Books {
    pub(super) fn made(seed: u64) -> Vec<Row> {
        let mut books = Books { dice: Dice::of(seed), rows: Vec::new(), legs: 0 };
        for id in 1..=150 {
            books.call(id);
        }
        for agent in [FANG, LI] {
            books.time_of(agent);
        }
        for id in 1..=120 {
            books.order(id);
        }
        for version in 1..=12 {
            books.membership(version);
        }
        books.steps();
        books.shifts();
        for id in 1..=100 {
            books.item(id);
        }
        books.rows
    }

    /// A call that is over before its day is.
    fn call(&mut self, id: u64) {
        let midnight = shanghai("2026-11-22 00:00:00");
        let day = self.dice.below(4);
        let started = after(midnight, day * DAY_S + self.dice.below(DAY_S - 3_600));
        let inbound = self.dice.below(5) > 0;
        let mut made = call(id, if inbound { "inbound" } else { "outbound" }, started);
        made.caller = format!("+86138000000{:02}", self.dice.below(20));
        let agent = self.dice.agent();
        if inbound {
            self.inbound(&mut made, agent);
        } else if self.dice.below(2) == 0 {
            self.talk(&mut made, agent, after(started, 10));
        } else {
            made.outcome = "failed".to_owned();
        }
        let trunk = self.dice.pick(&[CARRIER, TrunkId(6)]);
        let answered_at = (made.outcome != "failed").then_some(started);
        let hangup_cause = self.dice.pick(&[16, 17, 19, 34]);
        self.leg(Leg {
            role: "customer".to_owned(),
            agent_id: None,
            queue_id: None,
            trunk_id: Some(trunk),
            answered_at,
            hangup_cause,
            ..blank(id, started)
        });
        // Legs of half of the calls are of before they told of their call.
        if id.is_multiple_of(2) {
            tell(&mut self.rows, &made);
        }
        self.rows.push(Row::Call(made));
    }

    fn inbound(&mut self, made: &mut Call, agent: AgentId) {
        let entered = after(made.started_at, 10);
        let wait = self.dice.below(60);
        let outcome = self.dice.pick(&[
            "ivr_only",
            "abandoned",
            "flowed_out",
            "callback_queued",
            "answered",
            "answered",
            "answered",
        ]);
        if outcome == "ivr_only" {
            return;
        }
        let queue = self.dice.pick(&[REPAIR, QueueId(4)]);
        let id = made.call_id.0;
        self.rows.push(stay(id, queue, entered, wait as i32 * 1000, outcome));
        made.queue_id = Some(queue);
        for _ in 0..self.dice.below(3) {
            let rung = self.dice.agent();
            self.leg(Leg { agent_id: Some(rung), hangup_cause: 19, ..blank(id, entered) });
        }
        match outcome {
            "abandoned" => made.outcome = outcome.to_owned(),
            "answered" => {
                self.talk(made, agent, after(entered, wait));
                if self.dice.below(2) == 0 {
                    let answer = self.dice.pick(&["satisfied", "neutral", "dissatisfied", ""]);
                    self.rows.push(survey(OURS, id, agent, after(entered, wait + 600), answer));
                }
            }
            _ => made.outcome = "voicemail".to_owned(),
        }
    }

    /// The agent's conversation.
    fn talk(&mut self, made: &mut Call, agent: AgentId, at: Timestamp) {
        made.outcome = "answered".to_owned();
        made.agent_id = Some(agent);
        made.talk_ms = self.dice.below(300) as i32 * 1000;
        made.hold_ms = self.dice.below(3) as i32 * 7_000;
        made.transfers = self.dice.below(2) as i32;
        made.agents = 1;
        self.leg(Leg {
            agent_id: Some(agent),
            answered_at: Some(after(at, 5)),
            ..blank(made.call_id.0, at)
        });
    }

    fn leg(&mut self, leg: Leg) {
        self.legs += 1;
        self.rows.push(Row::Leg(Leg { leg_id: LegId(self.legs), ..leg }));
    }

    /// Three days of one agent in one state after the other, with some time signed out.
    fn time_of(&mut self, agent: AgentId) {
        let mut at = shanghai("2026-11-22 20:00:00");
        for _ in 0..150 {
            let length = self.dice.below(7_200);
            let activity = self.dice.pick(&[
                "idle",
                "ringing",
                "talking",
                "holding",
                "wrap_up",
                "break",
                "signed_out",
            ]);
            let ended_at = after(at, length);
            if activity != "signed_out" {
                let reason = self.dice.pick(&[None, Some("午餐"), Some("培训")]);
                let id = agent.0 * 1_000_000 + self.rows.len() as u64;
                self.rows.push(Row::AgentSpan(AgentSpan {
                    tenant_id: OURS,
                    span_id: SpanId(id),
                    agent_id: agent,
                    activity: activity.to_owned(),
                    reason: reason.filter(|_| activity == "break").map(str::to_owned),
                    started_at: at,
                    ended_at,
                    duration_ms: length as i32 * 1000,
                    call_id: None,
                    queue_id: None,
                    skill_set_id: None,
                }));
            }
            at = ended_at;
        }
    }

    /// One or the other changes the team, at every full six hours.
    fn membership(&mut self, version: i64) {
        let team = self.dice.pick(&[None, Some(TeamId(1)), Some(TeamId(2))]);
        let (day, hour) = (22 + version / 4, version % 4 * 6);
        let since = format!("2026-11-{day} {hour:02}:00:00");
        let agent = self.dice.agent();
        self.rows.push(member(OURS, version, agent, team, &since));
    }

    fn order(&mut self, id: u64) {
        let created_at = after(shanghai("2026-10-20 00:00:00"), self.dice.below(40 * DAY_S));
        let later = |seconds: u64, given: bool| given.then(|| after(created_at, seconds));
        let (due, closed) = (self.dice.below(10 * DAY_S), self.dice.below(20 * DAY_S));
        let (is_due, is_closed) = (self.dice.below(8) > 0, self.dice.below(4) > 0);
        let assignee = self.dice.pick(&[Some(FANG), Some(LI), None]);
        self.rows.push(Row::Order(Order {
            created_at,
            changed_at: created_at,
            deadline_at: later(due, is_due),
            closed_at: later(closed, is_closed),
            kind: self.dice.pick(&["报修", "投诉"]).to_owned(),
            department: self.dice.pick(&["抢修一班", "抢修二班", ""]).to_owned(),
            assignee_id: assignee,
            customer_id: (!id.is_multiple_of(7)).then_some(CustomerId(id % 10 + 1)),
            ..order(id, ["2026-11-01 08:00:00", "", ""])
        }));
    }

    /// What was no call, in one of two queues; what nobody took was closed, and some of the rest.
    fn item(&mut self, id: u64) {
        let received_at = after(shanghai("2026-11-21 12:00:00"), self.dice.below(4 * DAY_S));
        let taken_at = after(received_at, self.dice.below(8 * 3_600));
        let done_at = after(taken_at, self.dice.below(3_600));
        let agent = self.dice.pick(&[Some(FANG), Some(LI), None]);
        let (unanswered, is_closed) = (self.dice.below(3) as i32, self.dice.below(6) == 0);
        let made = item(OURS, id, agent, [received_at, taken_at, done_at]);
        self.rows.push(Row::Item(Item {
            channel: self.dice.pick(&["email", "sms", "web"]).to_owned(),
            queue_id: self.dice.pick(&[REPAIR, QueueId(4)]),
            offers: unanswered + i32::from(agent.is_some()),
            unanswered,
            outcome: if is_closed { "closed".to_owned() } else { made.outcome.clone() },
            ..made
        }));
    }

    /// Shifts through the day and through the night, some of which were withdrawn.
    fn shifts(&mut self) {
        for (id, day) in (1..).zip(21..=25) {
            let (agent, is_withdrawn) = (self.dice.agent(), self.dice.below(4) == 0);
            let span = match self.dice.below(2) {
                0 => [format!("2026-11-{day} 09:00:00"), format!("2026-11-{day} 17:30:00")],
                _ => [format!("2026-11-{day} 21:00:00"), format!("2026-11-{} 05:00:00", day + 1)],
            };
            let span = [span[0].as_str(), span[1].as_str()];
            self.rows.push(shift(id * 2, id, agent, span, false));
            if is_withdrawn {
                self.rows.push(shift(id * 2 + 1, id, agent, span, true));
            }
        }
    }

    /// What was done to each order; the version that a step makes keeps its deadline and its end.
    fn steps(&mut self) {
        let is_order = |row: &Row| match row {
            Row::Order(order) => Some(order.clone()),
            _ => None,
        };
        let orders: Vec<Order> = self.rows.iter().filter_map(is_order).collect();
        for mut latest in orders {
            for _ in 0..self.dice.below(5) {
                let action = self.dice.pick(&STEPS);
                latest.version += 1;
                latest.version_id += 1;
                latest.changed_at = after(latest.changed_at, self.dice.below(3 * DAY_S));
                if action == "assign" {
                    latest.assignee_id = self.dice.pick(&[Some(FANG), Some(LI), None]);
                }
                let done = [action, "2026-11-01 08:00:00", "open"];
                let made = step(OURS, latest.order_id.0, latest.version_id, done);
                let (done_at, assignee_id) = (latest.changed_at, latest.assignee_id);
                self.rows.push(Row::Order(latest.clone()));
                self.rows.push(Row::OrderStep(OrderStep { done_at, assignee_id, ..made }));
            }
        }
    }
}

/// The legs of `call` tell what they do of it, as those do that end from now on.
pub(super) fn tell(rows: &mut [Row], call: &Call) {
    for row in rows {
        if let Row::Leg(leg) = row
            && leg.call_id == call.call_id
        {
            leg.call_direction = Some(call.direction.clone());
            leg.call_queue_id = call.queue_id;
        }
    }
}

/// A leg of the call that began at a moment and was not answered.
fn blank(call: u64, at: Timestamp) -> Leg {
    match offer(call, FANG, at, false) {
        Row::Leg(leg) => leg,
        other => panic!("an offer is a leg and not {other:?}"),
    }
}

/// The sum below a column; of a share that of its numerators.
pub(super) fn total(table: &ReportTable, column: &str) -> i64 {
    match &table.total[table.report.position(column)] {
        Cell::Count(sum) | Cell::Duration(sum) | Cell::Ratio { numerator: sum, .. } => *sum,
        other => panic!("{} has no sum of {column}: {other:?}", table.report.id),
    }
}

pub(super) async fn of(store: &Store, report: &'static Report, period: &str) -> ReportTable {
    store.run(report, period, "Asia/Shanghai", NOW).await
}

/// Every row of `table` opens as many matters as it counts in `column`.
pub(super) async fn opens(store: &Store, table: &ReportTable, column: &str, seed: u64) {
    let at = table.report.position(column);
    for row in table.data_rows() {
        let Cell::Count(count) = row.cells[at] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, count, "seed {seed}: {}", table.report.id);
    }
}

/// How many calls of the list read like this.
fn listed(calls: &ReportTable, direction: &str, outcome: &str) -> i64 {
    let reads = |row: &TableRow, column: &str, wanted: &str| {
        let cell = &row.cells[calls.report.position(column)];
        matches!(cell, Cell::Word(words) if words.en == wanted)
    };
    let found = calls
        .data_rows()
        .filter(|row| reads(row, "direction", direction) && reads(row, "outcome", outcome));
    found.count() as i64
}

/// The sum below several columns.
pub(super) fn totals(table: &ReportTable, columns: &[&str]) -> i64 {
    columns.iter().map(|column| total(table, column)).sum()
}

#[tokio::test]
async fn reports_on_queues_and_workload_agree_with_the_list_of_calls() {
    for seed in 0..SEEDS {
        let store = store(Books::made(seed)).await;
        let calls = of(&store, &CALLS, PERIOD).await;
        let answered = listed(&calls, "inbound", "answered");
        assert!(answered > 10, "seed {seed}: {answered} answered");

        let queues = of(&store, &QUEUE_SUMMARY, PERIOD).await;
        let ended = totals(&queues, &["answered", "abandoned", "flowed_out", "callback_queued"]);
        assert_eq!(total(&queues, "offered"), ended, "seed {seed}");
        assert_eq!(total(&queues, "answered"), answered, "seed {seed}");
        opens(&store, &queues, "offered", seed).await;

        let stages = of(&store, &STAGES_BY_DAY, PERIOD).await;
        for column in ["offered", "answered", "abandoned"] {
            assert_eq!(total(&stages, column), total(&queues, column), "seed {seed}: {column}");
        }
        opens(&store, &stages, "calls", seed).await;

        let levels = of(&store, &SERVICE_LEVELS, PERIOD).await;
        for column in ["offered", "answered", "in_time", "abandoned", "short_abandoned"] {
            assert_eq!(total(&levels, column), total(&queues, column), "seed {seed}: {column}");
        }

        let abandoned = of(&store, &ABANDONED_CALLS, PERIOD).await;
        assert_eq!(total(&queues, "abandoned"), abandoned.rows.len() as i64, "seed {seed}");

        let staffing = of(&store, &STAFFING, PERIOD).await;
        assert_eq!(total(&staffing, "offered"), ended, "seed {seed}");
        assert_eq!(total(&staffing, "answered"), answered, "seed {seed}");
        opens(&store, &staffing, "offered", seed).await;

        let workload = of(&store, &WORKLOAD, PERIOD).await;
        assert_eq!(total(&workload, "answered"), answered, "seed {seed}");
        assert_eq!(
            total(&workload, "offered"),
            totals(&workload, &["answered", "unanswered"]),
            "seed {seed}"
        );
    }
}

#[tokio::test]
async fn reports_on_answered_calls_and_on_trunks_agree_with_the_list_of_calls() {
    for seed in 0..SEEDS {
        let store = store(Books::made(seed)).await;
        let calls = of(&store, &CALLS, PERIOD).await;
        let answered = listed(&calls, "inbound", "answered");

        let held = of(&store, &TRANSFER_HOLD, PERIOD).await;
        let with_agents = answered + listed(&calls, "outbound", "answered");
        assert_eq!(total(&held, "calls"), with_agents, "seed {seed}");
        assert_eq!(totals(&held, &["kept", "passed_on"]), with_agents, "seed {seed}");
        assert_eq!(total(&held, "hold_ms"), total(&calls, "hold_ms"), "seed {seed}");
        opens(&store, &held, "calls", seed).await;

        let first = of(&store, &FIRST_CONTACT, PERIOD).await;
        assert_eq!(total(&first, "contacts"), answered, "seed {seed}");
        assert_eq!(totals(&first, &["first", "repeats"]), answered, "seed {seed}");
        let ends = totals(&first, &["resolved", "repeated", "pending"]);
        assert_eq!(total(&first, "first"), ends, "seed {seed}");
        opens(&store, &first, "contacts", seed).await;

        let trunks = of(&store, &TRUNK_USAGE, PERIOD).await;
        let ends = totals(&trunks, &["answered", "busy", "no_answer", "given_up", "failed"]);
        assert_eq!(total(&trunks, "calls"), calls.rows.len() as i64, "seed {seed}");
        assert_eq!(total(&trunks, "calls"), ends, "seed {seed}");
        opens(&store, &trunks, "calls", seed).await;

        let (system, capacity) =
            (of(&store, &SYSTEM, PERIOD).await, of(&store, &CAPACITY, PERIOD).await);
        assert_eq!(total(&system, "calls"), calls.rows.len() as i64, "seed {seed}");
        for column in ["calls", "calls_peak", "lines_peak"] {
            assert_eq!(total(&system, column), total(&capacity, column), "seed {seed}: {column}");
        }
        opens(&store, &system, "calls", seed).await;
    }
}

#[tokio::test]
async fn reports_on_satisfaction_agree() {
    for seed in 0..SEEDS {
        let store = store(Books::made(seed)).await;
        let by_agent = of(&store, &SATISFACTION, PERIOD).await;
        let by_queue = of(&store, &SATISFACTION_BY_QUEUE, PERIOD).await;
        let by_area = of(&store, &SATISFACTION_BY_AREA, PERIOD).await;
        let by_team = of(&store, &SATISFACTION_BY_TEAM, PERIOD).await;
        let results = of(&store, &SATISFACTION_LIST, PERIOD).await;
        for column in ["asked", "answered", "satisfied", "neutral", "dissatisfied"] {
            assert_eq!(total(&by_agent, column), total(&by_queue, column), "seed {seed}: {column}");
            assert_eq!(total(&by_agent, column), total(&by_area, column), "seed {seed}: {column}");
            assert_eq!(total(&by_agent, column), total(&by_team, column), "seed {seed}: {column}");
        }
        assert_eq!(total(&by_agent, "asked"), results.rows.len() as i64, "seed {seed}");
        assert!(by_team.rows.len() > 1, "seed {seed}: agents are in teams");
        opens(&store, &by_team, "asked", seed).await;
    }
}

#[tokio::test]
async fn reports_on_items_agree_and_count_each_once() {
    for seed in 0..SEEDS {
        let rows = Books::made(seed);
        let (from, to) = (shanghai("2026-11-23 00:00:00"), shanghai("2026-11-25 00:00:00"));
        let ended = |row: &&Row| match row {
            Row::Item(item) => from <= item.done_at && item.done_at < to,
            _ => false,
        };
        let all = rows.iter().filter(ended).count() as i64;
        assert!(all > 20, "seed {seed}: {all} ended");
        let store = store(rows).await;
        let by_queue = of(&store, &ITEMS, PERIOD).await;
        assert_eq!(total(&by_queue, "ended"), all, "seed {seed}");
        assert_eq!(totals(&by_queue, &["done", "closed"]), all, "seed {seed}");
        assert_eq!(totals(&by_queue, &["in_time", "late", "closed"]), all, "seed {seed}");
        assert!(total(&by_queue, "late") > 0 && total(&by_queue, "in_time") > 0, "seed {seed}");
        opens(&store, &by_queue, "ended", seed).await;
        for other in [&ITEMS_BY_AGENT, &ITEMS_BY_DAY, &ITEMS_BY_HOUR] {
            let other = of(&store, other, PERIOD).await;
            // All but what names a row and its channel.
            for column in ITEMS.columns.iter().skip(2).map(|column| column.id) {
                let (here, there) = (total(&by_queue, column), total(&other, column));
                assert_eq!(here, there, "seed {seed}: {}: {column}", other.report.id);
            }
            opens(&store, &other, "ended", seed).await;
        }
    }
}

#[tokio::test]
async fn reports_on_agents_time_add_up_to_the_time_that_they_were_signed_in() {
    for seed in 0..SEEDS {
        let rows = Books::made(seed);
        let (from, to) = (shanghai("2026-11-23 00:00:00"), shanghai("2026-11-25 00:00:00"));
        let within = |span: &AgentSpan| {
            (span.ended_at.min(to).0 - span.started_at.max(from).0).max(0) / 1000
        };
        let spans = |row: &Row| match row {
            Row::AgentSpan(span) => within(span),
            _ => 0,
        };
        let signed_in: i64 = rows.iter().map(spans).sum();
        assert!(signed_in > 0, "seed {seed}");
        let store = store(rows).await;
        let sheet = of(&store, &TIME_SHEET, PERIOD).await;
        let workload = of(&store, &WORKLOAD, PERIOD).await;
        let breaks = of(&store, &BREAKS, PERIOD).await;
        assert_eq!(total(&sheet, "signed_in_ms"), signed_in, "seed {seed}");
        for column in ["talk_ms", "hold_ms", "wrap_up_ms", "break_ms"] {
            assert_eq!(total(&sheet, column), total(&workload, column), "seed {seed}: {column}");
        }
        let ready = total(&sheet, "ringing_ms") + total(&sheet, "idle_ms");
        assert_eq!(total(&workload, "ready_ms"), ready, "seed {seed}");
        assert_eq!(total(&breaks, "break_ms"), total(&sheet, "break_ms"), "seed {seed}");
        let (sheet_by_team, by_team) = (
            of(&store, &TIME_SHEET_BY_TEAM, PERIOD).await,
            of(&store, &WORKLOAD_BY_TEAM, PERIOD).await,
        );
        let adherence = of(&store, &ADHERENCE, PERIOD).await;
        assert_eq!(total(&sheet, "planned_ms"), total(&adherence, "planned_ms"), "seed {seed}");
        for column in [
            "signed_in_ms",
            "talk_ms",
            "hold_ms",
            "ringing_ms",
            "idle_ms",
            "break_ms",
            "planned_ms",
            "signed_in_use",
            "utilisation",
        ] {
            let (by_team, by_agent) = (total(&sheet_by_team, column), total(&sheet, column));
            assert_eq!(by_team, by_agent, "seed {seed}: {column}");
        }
        for column in ["offered", "answered", "unanswered", "talk_ms", "ready_ms", "occupancy"] {
            let (by_team, by_agent) = (total(&by_team, column), total(&workload, column));
            assert_eq!(by_team, by_agent, "seed {seed}: {column}");
        }
        opens(&store, &breaks, "breaks", seed).await;
    }
}

#[tokio::test]
async fn reports_on_orders_agree_and_their_backlog_goes_on() {
    const PERIOD: &str = "2026-10-28..2026-12-05";
    for seed in 0..SEEDS {
        let store = store(Books::made(seed)).await;
        let by_department = of(&store, &OVERDUE_ORDERS, PERIOD).await;
        for other in [&OVERDUE_BY_KIND, &OVERDUE_BY_ASSIGNEE] {
            let other = of(&store, other, PERIOD).await;
            let sums = by_department.report.columns.iter().skip(1);
            for column in sums.map(|column| column.id) {
                assert_eq!(total(&other, column), total(&by_department, column), "seed {seed}");
            }
            opens(&store, &other, "due", seed).await;
        }
        let weeks = of(&store, &ORDERS_BY_WEEK, PERIOD).await;
        assert_eq!(total(&weeks, "due"), total(&by_department, "due"), "seed {seed}");
        assert_eq!(total(&weeks, "on_time"), total(&by_department, "on_time"), "seed {seed}");
        for other in [&ORDERS_BY_MONTH, &ORDERS_BY_YEAR] {
            let other = of(&store, other, PERIOD).await;
            for column in ["created", "closed", "due", "on_time"] {
                assert_eq!(total(&weeks, column), total(&other, column), "seed {seed}: {column}");
            }
            assert_eq!(open_at_end(&other), open_at_end(&weeks), "seed {seed}");
        }
    }
}

/// What stays open in the last interval, each of which begins with what the one before left.
fn open_at_end(table: &ReportTable) -> i64 {
    let count = |row: &TableRow, column: &str| {
        let Cell::Count(count) = row.cells[table.report.position(column)] else {
            panic!("a count");
        };
        count
    };
    let rows: Vec<&TableRow> = table.data_rows().collect();
    for pair in rows.windows(2) {
        assert_eq!(count(pair[0], "open_after"), count(pair[1], "open_before"));
    }
    for row in &rows {
        let moved = count(row, "created") - count(row, "closed");
        assert_eq!(count(row, "open_before") + moved, count(row, "open_after"));
    }
    count(rows.last().expect("there are orders"), "open_after")
}
