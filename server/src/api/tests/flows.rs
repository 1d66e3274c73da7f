//! Flows: tried without a telephone, reviewed, compared, taken from packs.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};

/// A flow that asks a server for what is owed and reads it out.
fn balance() -> Value {
    json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["say:请输入户号"], "variable": "account",
            "digits_max": 6, "secret": true, "next": "look",
            "on": {"timeout": "bye", "invalid": "bye"}},
        "look": {"kind": "http", "url": "http://gas.example/v1/${account}", "map": {"sum": "/sum"},
            "next": "read", "on": {"error": "agent", "timeout": "agent"}},
        "read": {"kind": "play", "prompts": ["say:您的余额是", "money:${sum}"], "next": "bye"},
        "agent": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup", "prompts": ["goodbye"]}}})
}

async fn made(rig: &Rig, token: &str, name: &str, document: Value) -> String {
    let made = rig.post("/api/v1/flows", token, json!({"name": name, "document": document})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_is_simulated_step_by_step_with_what_would_be_heard_in_words() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let id = made(&rig, &token, "balance", balance()).await;
    let uri = format!("/api/v1/flows/{id}/simulate");
    let servers = json!([{"path": "/v1/4711", "body": {"sum": "-20.50"}}]);
    let told = rig.post(&uri, &token, json!({"inputs": [{"keys": "4711#"}], "servers": servers}));
    let told = told.await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    let told = told.json();
    assert_eq!(
        told["heard"],
        json!(["请输入户号", "您的余额是负二十元五角", "感谢您的来电，再见。"])
    );
    assert_eq!(
        told["steps"][0],
        json!({"flow": null, "step": "ask", "kind": "collect", "exit": "next", "digits": "****",
            "heard": ["请输入户号"]})
    );
    assert_eq!(told["requests"], json!(["http://gas.example/v1/4711"]));
    assert_eq!(told["variables"]["sum"], "-20.50");
    assert_eq!(told["end"], json!({"kind": "hangup", "cause": 16}));

    let inputs = json!([{"text": "4711#"}, "failure"]);
    let told = rig.post(&uri, &token, json!({"inputs": inputs})).await.json();
    assert_eq!(told["end"], json!({"kind": "queue", "queue": "1", "priority": 0}));
    let last = told["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["step"], &last["exit"]), (&json!("agent"), &Value::Null));
    let back = json!([{"keys": "4711#"}, {"answer": {"status": 500}}, {"back": "error"}, "hangup"]);
    let told = rig.post(&uri, &token, json!({"inputs": back})).await.json();
    assert_eq!(told["steps"].as_array().unwrap().last().unwrap()["exit"], "hangup");
}

#[tokio::test]
async fn a_simulation_goes_into_published_flows_and_takes_no_nonsense() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let ask = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "menu", "prompts": ["menu"], "keys": {"1": "yes"},
            "on": {"timeout": "no", "invalid": "no"}},
        "yes": {"kind": "return", "result": "yes"}, "no": {"kind": "return"}}});
    let called = made(&rig, &token, "ask", ask).await;
    let publish = format!("/api/v1/flows/{called}/publish");
    let published = rig.post(&publish, &token, json!({"revision": 1})).await;
    assert_eq!(published.status, StatusCode::CREATED, "{published:?}");
    let outer = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "subflow", "flow": called, "results": {"yes": "b"}, "next": "c",
            "on": {"error": "c"}},
        "b": {"kind": "hangup"}, "c": {"kind": "hangup", "cause": 1}}});
    let uri = "/api/v1/flows/1/simulate";
    let told = rig.post(uri, &token, json!({"document": outer, "inputs": [{"keys": "1"}]})).await;
    let told = told.json();
    assert_eq!(told["end"], json!({"kind": "hangup", "cause": 16}), "{told}");
    assert_eq!(told["steps"][1]["flow"], json!(called));

    for (body, field) in [
        (json!({"inputs": [{"keys": "1;2"}]}), "inputs"),
        (json!({"inputs": vec!["silence"; 201]}), "inputs"),
        (json!({"inputs": [{"text": "1".repeat(1_001)}]}), "inputs"),
        (json!({"inputs": ["dance"]}), "body"),
        (json!({"document": {"format": 1}}), "document"),
    ] {
        let got = rig.post(uri, &token, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
        assert_eq!(got.json()["field"], field, "{got:?}");
    }
    let gone = rig.post(uri, &token, json!({"version": 9})).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let first = rig.post(uri, &token, json!({"version": 1, "inputs": [{"keys": "1"}]})).await;
    assert_eq!(first.json()["end"]["kind"], "queue");
    let agent = rig.token(Role::Agent).await;
    let denied = rig.ask(Method::POST, uri, &agent, Some(json!({}))).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
}
