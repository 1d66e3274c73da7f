//! Click-to-dial from the outside: what the switch is asked, whose call it is, and the warning when
//! somebody called there a moment ago.

use super::rig::{MADE_CALL, NOON, Rig, call_row};
use axum::http::StatusCode;
use desk::Role;
use serde_json::{Value, json};
use std::time::Duration;
use terms::control::{Ask, DialFirst, DialOrder};
use terms::record::{Call, Leg, Row};
use terms::{AgentId, CallId, ContactId, LegId, Timestamp, UserId};

const URI: &str = "/api/v1/calls";

/// What the switch was asked to dial.
fn asked(rig: &Rig) -> Vec<DialOrder> {
    let asked = rig.calls.asked.lock().unwrap();
    let orders = asked.iter().filter_map(|ask| match ask {
        Ask::Dial(order) => Some((**order).clone()),
        _ => None,
    });
    orders.collect()
}

/// A call out that `agent` made so many seconds before noon, to 13811112222.
async fn called_before(rig: &Rig, agent: AgentId, seconds: i64) {
    let id = CallId(rig.id());
    let row = call_row(rig.tenant(), id, -seconds, 20, agent);
    let called = "+8613811112222".to_owned();
    let caller = "1001".to_owned();
    let outbound = Call { direction: "outbound".into(), caller, called, agent_id: None, ..row };
    rig.stage(&[Row::Call(outbound), Row::Leg(leg_row(rig, id, agent, -seconds))]).await;
}

pub(super) fn leg_row(rig: &Rig, call: CallId, agent: AgentId, second: i64) -> Leg {
    let at = Timestamp(NOON.0 + second * 1_000_000);
    Leg {
        tenant_id: rig.tenant(),
        leg_id: LegId(rig.id()),
        call_id: call,
        contact_id: ContactId(call.0),
        call_started_at: at,
        role: "agent".into(),
        agent_id: Some(agent),
        queue_id: None,
        address: "1001".into(),
        started_at: at,
        ringing_at: None,
        answered_at: None,
        ended_at: at,
        ring_ms: 0,
        talk_ms: 0,
        hold_ms: 0,
        hangup_cause: 16,
        hangup_by: "agent".into(),
        packets_received: 0,
        packets_lost: 0,
        jitter_us: 0,
        mos: None,
        trunk_id: None,
        call_direction: None,
        call_queue_id: None,
    }
}

#[tokio::test]
async fn a_number_on_a_screen_is_called_for_oneself_or_by_right_for_a_colleague() {
    let rig = Rig::new().await;
    let (own, second) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let agent = rig.token(Role::Agent).await;
    let got = rig.post(URI, &agent, json!({"to": "013811112222"})).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    assert_eq!(got.json(), json!({"call": MADE_CALL.to_string(), "recent": null}));
    let whole = json!({"agent": second.to_string(), "to": "013811112222", "first": "customer",
        "caller_number": "95105688"});
    assert_eq!(rig.post(URI, &agent, whole.clone()).await.status, StatusCode::FORBIDDEN);
    let supervisor = rig.token(Role::Supervisor).await;
    assert_eq!(rig.post(URI, &supervisor, whole).await.status, StatusCode::CREATED);
    let by = rig.person(rig.tenant(), Role::Supervisor).await;
    let target = || "013811112222".to_owned();
    let tenant = rig.tenant();
    let first = DialOrder {
        tenant,
        by: UserId(own.0),
        agent: own,
        target: target(),
        first: DialFirst::Agent,
        caller_number: None,
    };
    let other = DialOrder {
        by,
        agent: second,
        first: DialFirst::Customer,
        caller_number: Some("95105688".into()),
        ..first.clone()
    };
    assert_eq!(asked(&rig), [first, other]);
    let noted = rig.store.audit(tenant, None, 100).await.unwrap();
    assert_eq!(noted.iter().filter(|row| row.action == "call.dial").count(), 1);
    let got = rig.post(URI, &supervisor, json!({"to": "10086"})).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "no phone of their own: {got:?}");
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.post(URI, &foreign, json!({"agent": own.to_string(), "to": "10086"})).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_number_is_refused_and_what_the_switch_says_is_told() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    for bad in [
        json!({"to": "sip:x@evil.example"}),
        json!({"to": ""}),
        json!({"to": "10086", "caller_number": "x\r\ny"}),
        json!({"to": "10086", "first": "nobody"}),
        json!({"to": "10086", "orders": "1"}),
    ] {
        let got = rig.post(URI, &agent, bad.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}: {got:?}");
    }
    let got = rig.post(URI, &agent, json!({"to": "10086", "order": "99"})).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    assert_eq!(asked(&rig), []);
    for why in [
        "the agent has not signed in",
        "the phone is not registered",
        "the agent has another call",
        "there is no right to call numbers of this class",
    ] {
        *rig.calls.refuse.lock().unwrap() = Some(why.into());
        let got = rig.post(URI, &agent, json!({"to": "10086"})).await;
        assert_eq!((got.status, &got.json()["message"]), (StatusCode::CONFLICT, &json!(why)));
    }
}

#[tokio::test]
async fn a_number_that_a_colleague_called_a_moment_ago_is_called_when_it_is_confirmed() {
    let rig = Rig::new().await;
    let second = rig.first.agents[1].0;
    called_before(&rig, second, 3 * 3_600).await;
    let agent = rig.token(Role::Agent).await;
    let wanted = json!({"to": "013811112222"});
    let got = rig.post(URI, &agent, wanted.clone()).await;
    assert_eq!(got.status, StatusCode::CREATED, "hours ago is long ago: {got:?}");
    called_before(&rig, second, 600).await;
    let got = rig.post(URI, &agent, wanted.clone()).await;
    assert_eq!((got.status, &got.json()["call"]), (StatusCode::OK, &Value::Null));
    let recent =
        json!({"at": "2026-11-23T03:50:00.000Z", "agent": second.to_string(), "live": false});
    assert_eq!(got.json()["recent"], recent);
    assert_eq!(asked(&rig).len(), 1, "nobody rings before it is confirmed");
    let got = rig.post(URI, &agent, json!({"to": "+86 138 1111 2222", "confirm": true})).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "no blanks: {got:?}");
    let got = rig.post(URI, &agent, json!({"to": "+8613811112222", "confirm": true})).await;
    assert_eq!((got.status, &got.json()["recent"]), (StatusCode::CREATED, &recent));
    rig.clock.advance(Duration::from_secs(1_800));
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.post(URI, &agent, wanted).await.status, StatusCode::CREATED, "its time is over");
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.post(URI, &foreign, json!({"to": "013811112222"})).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "another tenant learns nothing: {got:?}");
}

#[tokio::test]
async fn a_call_about_an_order_is_noted_there() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    let new = json!({"kind": "报修", "title": "漏水", "customer_number": "13800138000"});
    let order = rig.post("/api/v1/orders", &agent, new).await.json()["id"].clone();
    let got = rig.post(URI, &agent, json!({"to": "013800138000", "order": order})).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let steps = format!("/api/v1/orders/{}/steps", order.as_str().unwrap());
    let steps = rig.get(&steps, &agent).await.json();
    let last = steps.as_array().unwrap().last().unwrap();
    assert_eq!((&last["action"], &last["note"]), (&json!("note"), &json!("tel:013800138000 #902")));
}
