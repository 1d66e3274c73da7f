//! The log of a shift.

use super::rig::Rig;
use axum::http::StatusCode;
use desk::Role;
use serde_json::{Value, json};
use std::time::Duration;
use terms::UserId;

const LOG: &str = "/api/v1/shift-log";

fn texts(page: &Value) -> Vec<&str> {
    let entries = page["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn people_write_the_log_of_their_shift_and_leaders_read_and_print_it() {
    let rig = Rig::new().await;
    let (fang, li) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let agent = rig.token(Role::Agent).await;
    let colleague = rig.token_of(rig.tenant(), UserId(li.0), Role::Agent, Some(li)).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let write = async |token: &str, kind: &str, text: &str| {
        let got = rig.post(LOG, token, json!({"kind": kind, "text": text})).await;
        rig.clock.advance(Duration::from_secs(3_600));
        got
    };
    let first = write(&agent, "handover", "3 号线有杂音").await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert_eq!(first.json()["agent"], json!(fang));
    write(&colleague, "incident", "断电 5 分钟").await;
    write(&supervisor, "remark", "=1+1").await;

    assert_eq!(texts(&rig.get(LOG, &agent).await.json()), ["3 号线有杂音"], "one's own");
    let all = rig.get(LOG, &supervisor).await.json();
    assert_eq!(texts(&all), ["=1+1", "断电 5 分钟", "3 号线有杂音"], "the latest first");
    for (query, found) in [
        ("kind=incident", vec!["断电 5 分钟"]),
        ("from=2026-11-23T05:30:00Z", vec!["=1+1"]),
        ("to=2026-11-23T04:30:00Z", vec!["3 号线有杂音"]),
    ] {
        let got = rig.get(&format!("{LOG}?{query}"), &supervisor).await.json();
        assert_eq!(texts(&got), found, "{query}");
    }
    let page = rig.get(&format!("{LOG}?limit=2"), &supervisor).await.json();
    let next = page["next"].as_str().unwrap();
    let rest = rig.get(&format!("{LOG}?limit=2&cursor={next}"), &supervisor).await.json();
    assert_eq!((texts(&rest), &rest["next"]), (vec!["3 号线有杂音"], &Value::Null));

    let csv = rig.get("/api/v1/lists/shift-log/csv?kind=handover", &supervisor).await;
    let csv = String::from_utf8(csv.body.to_vec()).unwrap();
    assert!(csv.contains("2026-11-23 12:00:00") && csv.contains("交接,3 号线有杂音"), "{csv}");
    let printed = rig.get("/api/v1/lists/shift-log/pdf", &supervisor).await;
    assert!(printed.body.starts_with(b"%PDF"));
    let (_, other) = rig.other_tenant().await;
    assert!(texts(&rig.get(LOG, &other).await.json()).is_empty());
    let long = "x".repeat(201);
    for (kind, text) in [("remark", ""), ("remark", long.as_str()), ("other", "x")] {
        let got = write(&agent, kind, text).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{kind} {text}");
    }
}
