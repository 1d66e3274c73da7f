//! What contacts cost.

use super::{CARRIER, FANG, REPAIR, Spans, at, call, lines, offer, shanghai, store};
use reports::catalogue::COST_PER_CONTACT;
use reports::{Cell, Names, Params, Period, Rates, run};
use std::collections::BTreeMap;
use terms::QueueId;
use terms::record::{AgentSpan, Call, Leg, Row};

/// A leg over a trunk that was connected for some minutes from `answered` on.
fn carried(id: u64, of_call: u64, role: &str, address: &str, answered: &str, minutes: i64) -> Row {
    let answered = shanghai(&format!("2026-11-23 {answered}"));
    match offer(id, FANG, answered, true) {
        Row::Leg(leg) => Row::Leg(Leg {
            call_id: terms::CallId(of_call),
            role: role.to_owned(),
            agent_id: None,
            trunk_id: Some(CARRIER),
            address: address.to_owned(),
            answered_at: Some(answered),
            ended_at: terms::Timestamp(answered.0 + minutes * 60_000_000),
            ..leg
        }),
        other => other,
    }
}

fn answered(id: u64, direction: &str, started: &str, queue_id: Option<QueueId>) -> Row {
    let started = shanghai(&format!("2026-11-23 {started}"));
    Row::Call(Call { outcome: "answered".to_owned(), queue_id, ..call(id, direction, started) })
}

fn rows() -> Vec<Row> {
    let on = |time: &str| shanghai(&format!("2026-11-23 {time}"));
    let mut spans = Spans(0, Vec::new());
    spans.add(FANG, "talking", on("10:00:00"), on("11:00:00"));
    spans.add(FANG, "idle", on("11:00:00"), on("13:00:00"));
    // An hour of it lies in the period.
    spans.add(FANG, "break", on("23:00:00"), shanghai("2026-11-24 05:00:00"));
    let of_queue = |row: Row| match row {
        Row::AgentSpan(span) if span.activity == "talking" => {
            Row::AgentSpan(AgentSpan { queue_id: Some(REPAIR), ..span })
        }
        other => other,
    };
    let mut rows: Vec<Row> = spans.1.into_iter().map(of_queue).collect();
    rows.push(answered(1, "inbound", "10:00:00", Some(REPAIR)));
    rows.push(answered(2, "outbound", "12:00:00", None));
    rows.push(carried(1, 1, "customer", "+8610123", "10:00:00", 5));
    rows.push(carried(2, 1, "outside", "+1999", "10:10:00", 3));
    rows.push(carried(3, 2, "customer", "+8610123", "12:00:00", 2));
    rows.push(carried(4, 2, "outside", "+8699", "12:00:00", 1));
    rows
}

#[tokio::test]
async fn a_contact_costs_the_time_of_agents_and_the_minutes_of_trunks_by_their_rates() {
    let store = store(rows()).await;
    let now = at("UTC", "2026-11-24 12:00:00");
    let period = Period::parse("2026-11-23", "Asia/Shanghai", now).expect("a good period");
    let queues = BTreeMap::from([(REPAIR, "报修".to_owned())]);
    let names = Names { queues, ..Names::default() };
    let rates = Rates {
        agent_hour: 3_000,
        inbound_minute: 10,
        outbound_minute: 100,
        // The longer one holds.
        prefixes: vec![("+86".to_owned(), 7), ("+8610".to_owned(), 20)],
    };
    let params = Params::new(period, now, "江城燃气热线", names);
    let params = Params { rates: Some(rates), ..params };
    let table = run(&store.session().await, &COST_PER_CONTACT, &params).await.expect("it runs");
    assert_eq!(
        lines(&table),
        [
            // Five minutes that came in and three to abroad.
            "报修 1 1:00:00 0:08:00 3,000 350 3,350 33.50",
            // Two minutes to +8610 and one to +86.
            "（无队列） 1 3:00:00 0:03:00 9,000 47 9,047 90.47",
            "— 2 4:00:00 0:11:00 12,000 397 12,397 61.99",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(contacts) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, contacts);
    }
    let told: Vec<String> = table.values.iter().map(|(_, value)| value.clone()).collect();
    assert!(told.contains(&"+8610 0.20, +86 0.07, * 1.00".to_owned()), "{told:?}");
}
