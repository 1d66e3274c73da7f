//! What an agent sees of their own work.

use super::rig::{NOON, Rig, call_row};
use axum::http::StatusCode;
use desk::Role;
use serde_json::{Value, json};
use terms::record::{AgentSpan, Call, Leg, Row};
use terms::{AgentId, CallId, ContactId, LegId, SpanId, Timestamp};

fn at(second: i64) -> Timestamp {
    Timestamp(NOON.0 + second * 1_000_000)
}

fn span(rig: &Rig, agent: AgentId, activity: &str, (begins, lasts): (i64, i32)) -> Row {
    Row::AgentSpan(AgentSpan {
        tenant_id: rig.tenant(),
        span_id: SpanId(rig.id()),
        agent_id: agent,
        activity: activity.into(),
        reason: (activity == "break").then(|| "lunch".into()),
        started_at: at(begins),
        ended_at: at(begins + i64::from(lasts)),
        duration_ms: lasts * 1_000,
        call_id: None,
        queue_id: None,
        skill_set_id: None,
    })
}

/// A call with one leg of an agent who talked so many seconds and held the other for two.
fn call(rig: &Rig, agent: AgentId, direction: &str, (begins, talks): (i64, i32)) -> [Row; 2] {
    let id = CallId(rig.id());
    let row = call_row(rig.tenant(), id, begins, 60, agent);
    let leg = Leg {
        tenant_id: rig.tenant(),
        leg_id: LegId(rig.id()),
        call_id: id,
        contact_id: ContactId(id.0),
        call_started_at: at(begins),
        role: "agent".into(),
        agent_id: Some(agent),
        queue_id: None,
        address: "1001".into(),
        started_at: at(begins),
        ringing_at: None,
        answered_at: (talks > 0).then_some(at(begins)),
        ended_at: at(begins + 60),
        ring_ms: 0,
        talk_ms: talks * 1_000,
        hold_ms: if talks > 0 { 2_000 } else { 0 },
        hangup_cause: 16,
        hangup_by: "agent".into(),
        packets_received: 0,
        packets_lost: 0,
        jitter_us: 0,
        mos: None,
        trunk_id: None,
        call_direction: None,
        call_queue_id: None,
    };
    [Row::Call(Call { direction: direction.into(), ..row }), Row::Leg(leg)]
}

#[tokio::test]
async fn an_agent_sees_their_own_states_and_conversations_and_nobody_elses() {
    let rig = Rig::new().await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let mut rows = vec![
        span(&rig, own, "break", (0, 60)),
        span(&rig, own, "break", (100, 30)),
        span(&rig, own, "idle", (60, 40)),
        span(&rig, own, "idle", (7_200, 9)),
        span(&rig, other, "break", (0, 500)),
    ];
    for (agent, direction, begins_and_talks) in [
        (own, "inbound", (10, 20)),
        (own, "inbound", (80, 30)),
        (own, "inbound", (200, 0)),
        (own, "outbound", (300, 5)),
        (own, "outbound", (7_200, 50)),
        (other, "inbound", (10, 600)),
    ] {
        rows.extend(call(&rig, agent, direction, begins_and_talks));
    }
    rig.stage(&rows).await;
    let token = rig.token(Role::Agent).await;
    let uri = format!("/api/v1/work/own?from={}&to={}", at(0), at(3_600));
    let got = rig.get(&uri, &token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let told = got.json();
    assert_eq!(told["agent"], json!(own));
    let states: Vec<[&Value; 4]> = told["states"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| ["activity", "reason", "times", "ms"].map(|field| &of[field]))
        .collect();
    assert_eq!(
        states,
        [
            [&json!("break"), &json!("lunch"), &json!(2), &json!(90_000)],
            [&json!("idle"), &Value::Null, &json!(1), &json!(40_000)],
        ]
    );
    assert_eq!(
        told["conversations"],
        json!([
            {"direction": "inbound", "calls": 2, "talk_ms": 50_000, "hold_ms": 4_000},
            {"direction": "outbound", "calls": 1, "talk_ms": 5_000, "hold_ms": 2_000},
        ])
    );
    let manager = rig.token(Role::Manager).await;
    assert_eq!(rig.get(&uri, &manager).await.status, StatusCode::CONFLICT, "no agent");
}
