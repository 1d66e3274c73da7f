//! A change that concerns calls is answered when the switch works by it.

use super::rig::{Got, Rig};
use crate::api::plans::PENDING;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::task::Poll;
use terms::control::{AgentAction, Ask};

fn new_agent(number: &str) -> Value {
    json!({"number": number, "name": "王芳"})
}

#[tokio::test]
async fn a_new_agent_is_answered_once_the_switch_knows_them() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let door = rig.calls.door.lock().await;
    let making = rig.post("/api/v1/agents", &token, new_agent("1077"));
    tokio::pin!(making);
    // The agent stands in the store, and still nobody is told.
    loop {
        let early = poll_fn(|cx| Poll::Ready(making.as_mut().poll(cx).is_ready())).await;
        assert!(!early, "answered before the switch has the plan");
        let agents = rig.store.agents(rig.tenant()).await.unwrap();
        if agents.iter().any(|agent| agent.number == "1077") {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(door);
    let made: Got = making.await;
    assert_eq!((made.status, made.header(PENDING)), (StatusCode::CREATED, ""));
    let version = rig.store.plan_version(rig.tenant()).await.unwrap();
    assert_eq!(rig.calls.plan_version(rig.tenant()), version);

    let agent = made.json()["id"].as_str().unwrap().to_owned();
    let uri = format!("/api/v1/agents/{agent}/state");
    let state = rig.post(&uri, &token, json!({"action": "sign_in"})).await;
    assert_eq!(state.status, StatusCode::NO_CONTENT);
    let asked = rig.calls.asked.lock().unwrap();
    let plan = asked.iter().rposition(|ask| matches!(ask, Ask::Plan(_)));
    let sign_in =
        asked.iter().rposition(|ask| matches!(ask, Ask::Agent { action: AgentAction::SignIn, .. }));
    assert!(plan < sign_in, "the switch hears of the agent before it hears from them");
}

#[tokio::test]
async fn queues_numbers_and_published_flows_are_in_the_plan_when_they_are_answered() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let number = json!({"digits": "95105699", "target": "hangup"});
    for (method, uri, body) in [
        (Method::POST, "/api/v1/queues", json!({"name": "夜间"})),
        (Method::POST, "/api/v1/numbers", number),
        (Method::PUT, "/api/v1/queues/1/agents", json!({"agents": []})),
        (Method::POST, "/api/v1/flows/1/publish", json!({"revision": 1})),
    ] {
        let before = rig.store.plan_version(rig.tenant()).await.unwrap();
        let got = rig.ask(method, uri, &token, Some(body)).await;
        assert!(got.status.is_success(), "{uri}: {got:?}");
        let version = rig.store.plan_version(rig.tenant()).await.unwrap();
        assert!(version > before, "{uri} concerns calls");
        assert_eq!(rig.calls.plan_version(rig.tenant()), version, "{uri}");
    }
}

#[tokio::test]
async fn without_a_switch_a_change_is_saved_and_says_that_it_waits() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    *rig.calls.away.lock().unwrap() = true;
    let made = rig.post("/api/v1/agents", &token, new_agent("1077")).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let sentence = made.header(PENDING);
    assert!(sentence.starts_with("Saved") && sentence.contains("not running"), "{sentence}");
    // What does not concern calls does not wait for them.
    let order = json!({"kind": "投诉", "title": "无人接听"});
    let order = rig.post("/api/v1/orders", &token, order).await;
    assert_eq!((order.status, order.header(PENDING)), (StatusCode::CREATED, ""));
    // The switch is back: the plan is sent again by itself.
    *rig.calls.away.lock().unwrap() = false;
    let made = rig.post("/api/v1/agents", &token, new_agent("1078")).await;
    assert_eq!((made.status, made.header(PENDING)), (StatusCode::CREATED, ""));
}

#[tokio::test]
async fn a_plan_that_the_switch_refuses_is_told_to_whoever_made_it_wrong() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    *rig.calls.refuse.lock().unwrap() = Some("flow 1 has no step \"x\"".into());
    let made = rig.post("/api/v1/agents", &token, new_agent("1077")).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(made.header(PENDING).contains("flow 1 has no step"), "{made:?}");
}

#[tokio::test]
async fn a_change_that_fails_waits_for_nobody() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let _door = rig.calls.door.lock().await;
    let got = rig.post("/api/v1/agents", &token, new_agent("")).await;
    assert_eq!((got.status, got.header(PENDING)), (StatusCode::BAD_REQUEST, ""));
}
