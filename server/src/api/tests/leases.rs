//! Leases of numbers and trace-back from the outside: who may, what is refused, what the switch hears.

use super::rig::{NOON, Rig, request};
use crate::api::plans::PENDING;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use std::time::Duration;
use terms::control::Ask;
use terms::record::{Event, Row};
use terms::routing::{Lease, LeaseKind};
use terms::{CallId, LeaseId};

const LEASES: &str = "/api/v1/leases";
const TRACE_BACK: &str = "/api/v1/trace-back";
/// Noon is 04:00 here.
const UNTIL: &str = "2027-05-01T04:00:00Z";

/// A and B by the hotline.
fn two(reference: &str) -> Value {
    json!({"kind": "axb", "number": "95105688", "a": "13800138001", "b": "13800138002",
        "until": UNTIL, "reference": reference})
}

/// What the switch was told of a lease last.
fn heard(rig: &Rig, id: &Value) -> Option<Lease> {
    let id: LeaseId = id.as_str().unwrap().parse().unwrap();
    let asked = rig.calls.asked.lock().unwrap();
    asked.iter().rev().find_map(|ask| match ask {
        Ask::Leases(changes) if changes.tenant == rig.tenant() => {
            changes.leases.iter().find(|lease| lease.id == id).cloned()
        }
        _ => None,
    })
}

#[tokio::test]
async fn managers_lease_numbers_and_the_switch_is_told_each_change_alone() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    for role in [Role::Agent, Role::Supervisor] {
        let got = rig.post(LEASES, &rig.token(role).await, two("o-1")).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let plan = rig.store.plan_version(rig.tenant()).await.unwrap();
    let got = rig.post(LEASES, &manager, two("o-1")).await;
    assert_eq!((got.status, got.header(PENDING)), (StatusCode::CREATED, ""), "{got:?}");
    let made = got.json();
    let lease = heard(&rig, &made["id"]).expect("the switch is told");
    assert_eq!((lease.kind, lease.number.as_str()), (LeaseKind::Axb, "95105688"));
    assert_eq!((lease.from, lease.record), (NOON, false));

    let uri = format!("{LEASES}/{}", made["id"].as_str().unwrap());
    let later = json!({"until": "2027-06-01T04:00:00Z"});
    let got = rig.ask(Method::PUT, &format!("{uri}/until"), &manager, Some(later)).await;
    assert_eq!(
        (got.status, &got.json()["until"]),
        (StatusCode::OK, &json!("2027-06-01T04:00:00.000Z"))
    );
    let extended = heard(&rig, &made["id"]).expect("the switch is told");
    assert!(extended.until > lease.until && extended.version > lease.version);
    rig.clock.advance(Duration::from_secs(60));
    let got = rig.ask(Method::DELETE, &uri, &manager, None).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    let ended = heard(&rig, &made["id"]).expect("the switch is told");
    assert_eq!(ended.until, NOON + Duration::from_secs(60));
    let got = rig.ask(Method::DELETE, &uri, &manager, None).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "{got:?}");

    assert_eq!(rig.store.plan_version(rig.tenant()).await.unwrap(), plan, "no plan is made for it");
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = |action: &str| rows.iter().filter(|row| row.action == action).count();
    assert_eq!(["lease.create", "lease.extend", "lease.end"].map(noted), [1, 1, 1]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_field_and_a_conflict_names_the_other_lease() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let with = |field: &str, value: Value| {
        let mut draft = two("o-1");
        draft[field] = value;
        draft
    };
    for (draft, field) in [
        (with("number", json!("95105699")), "number"),
        (with("a", json!("95105688")), "a"),
        (with("a", json!("12")), "a"),
        (with("a", json!("1380013800*")), "a"),
        (with("b", json!("+8613800138001")), "b"),
        (with("b", Value::Null), "b"),
        (with("kind", json!("ax")), "b"),
        (with("code", json!("12")), "code"),
        (with("until", json!("2026-11-23T03:00:00Z")), "until"),
        (with("until", json!("2028-11-23T03:00:00Z")), "until"),
        (with("from", json!("2027-05-01T04:00:00Z")), "until"),
    ] {
        let got = rig.post(LEASES, &manager, draft.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{draft}: {got:?}");
        assert_eq!(got.json()["field"], field, "{draft}");
    }
    let coded = |code: &str| {
        json!({"kind": "axe", "number": "95105688", "a": "13800138001", "code": code,
            "until": UNTIL})
    };
    let got = rig.post(LEASES, &manager, coded("1")).await;
    assert_eq!((got.status, got.json()["field"].as_str()), (StatusCode::BAD_REQUEST, Some("code")));

    let first = rig.post(LEASES, &manager, two("o-1")).await.json();
    let name = format!("lease {} has this number at that time", first["id"].as_str().unwrap());
    for draft in [two("o-2"), coded("1234")] {
        let got = rig.post(LEASES, &manager, draft).await;
        assert_eq!(
            (got.status, got.json()["message"].as_str()),
            (StatusCode::CONFLICT, Some(&*name))
        );
    }
    let mut after = two("o-3");
    after["from"] = json!(UNTIL);
    after["until"] = json!("2027-06-01T04:00:00Z");
    let got = rig.post(LEASES, &manager, after).await;
    assert_eq!(got.status, StatusCode::CREATED, "one after the other: {got:?}");
    let uri = format!("{LEASES}/{}/until", first["id"].as_str().unwrap());
    let later = json!({"until": "2027-05-01T05:00:00Z"});
    let got = rig.ask(Method::PUT, &uri, &manager, Some(later)).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "the next one has it by then: {got:?}");
}

#[tokio::test]
async fn leases_are_listed_in_pages_and_another_tenant_sees_and_ends_none() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let mut ids = Vec::new();
    for code in ["1001", "1002", "1003"] {
        let draft = json!({"kind": "axe", "number": "95105688", "a": "13800138001", "code": code,
            "until": UNTIL, "reference": format!("o-{code}")});
        let got = rig.post(LEASES, &manager, draft).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
        ids.insert(0, got.json()["id"].clone());
    }
    let supervisor = rig.token(Role::Supervisor).await;
    let of = |page: &Value| {
        let leases = page["leases"].as_array().unwrap();
        leases.iter().map(|lease| lease["id"].clone()).collect::<Vec<_>>()
    };
    let first = rig.get(&format!("{LEASES}?limit=2"), &supervisor).await.json();
    assert_eq!(of(&first), ids[..2]);
    let next = first["next"].as_str().unwrap();
    let rest = rig.get(&format!("{LEASES}?limit=2&cursor={next}"), &supervisor).await.json();
    assert_eq!((of(&rest), &rest["next"]), (vec![ids[2].clone()], &Value::Null));
    let one = rig.get(&format!("{LEASES}?reference=o-1002&number=95105688"), &supervisor).await;
    assert_eq!(of(&one.json()), ids[1..2]);
    let uri = format!("{LEASES}/{}", ids[0].as_str().unwrap());
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(LEASES, &foreign).await.json()["leases"], json!([]));
    let got = rig.ask(Method::DELETE, &uri, &foreign, None).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    let got = rig.post(LEASES, &foreign, two("o-1")).await;
    assert_eq!(got.json()["field"], "number", "the number is another tenant's: {got:?}");
    assert_eq!(rig.get(LEASES, &rig.token(Role::Agent).await).await.status, StatusCode::FORBIDDEN);
    rig.ask(Method::DELETE, &uri, &manager, None).await;
    let open = rig.get(&format!("{LEASES}?open=true"), &supervisor).await.json();
    assert_eq!(of(&open), ids[1..]);
}

#[tokio::test]
async fn a_lease_that_is_asked_for_again_under_its_key_is_made_once() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let mut made = Vec::new();
    for _ in 0..2 {
        let mut asked = request(Method::POST, LEASES, &manager, Some(two("o-1")));
        asked.headers_mut().insert("idempotency-key", "o-1".parse().unwrap());
        let got = rig.send(asked).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
        made.push(got.json()["id"].clone());
    }
    assert_eq!(made[0], made[1]);
}

#[tokio::test]
async fn a_switch_that_is_away_or_began_anew_is_told_what_it_lacks() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    *rig.calls.away.lock().unwrap() = true;
    let got = rig.post(LEASES, &manager, two("o-1")).await;
    assert_eq!(got.status, StatusCode::CREATED, "it stands: {got:?}");
    assert!(got.header(PENDING).contains("the switch is not running"), "{got:?}");
    let first = got.json();
    assert!(heard(&rig, &first["id"]).is_none());
    *rig.calls.away.lock().unwrap() = false;
    let mut after = two("o-2");
    after["from"] = json!(UNTIL);
    after["until"] = json!("2027-06-01T04:00:00Z");
    let second = rig.post(LEASES, &manager, after).await;
    assert_eq!((second.status, second.header(PENDING)), (StatusCode::CREATED, ""), "{second:?}");
    assert!(heard(&rig, &first["id"]).is_some() && heard(&rig, &second.json()["id"]).is_some());
}

#[tokio::test]
async fn trace_back_is_a_setting_of_the_tenant_that_reaches_the_plan() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let usual = json!({"keep_s": 7_200, "wait_s": 20, "not_at": []});
    let supervisor = rig.token(Role::Supervisor).await;
    assert_eq!(rig.get(TRACE_BACK, &supervisor).await.json(), usual);
    let rules = json!({"keep_s": 600, "wait_s": 0, "not_at": ["95105688"]});
    let got = rig.ask(Method::PUT, TRACE_BACK, &supervisor, Some(rules.clone())).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "{got:?}");
    let got = rig.ask(Method::PUT, TRACE_BACK, &manager, Some(rules.clone())).await;
    assert_eq!((got.status, got.json()), (StatusCode::OK, rules));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!((plan.trace_back.keep_s, plan.trace_back.wait_s), (600, 0));
    assert_eq!(plan.trace_back.not_at, ["95105688"]);
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");
    for (bad, field) in [
        (json!({"keep_s": 604_801}), "keep_s"),
        (json!({"wait_s": 121}), "wait_s"),
        (json!({"not_at": ["95105699"]}), "not_at"),
    ] {
        let got = rig.ask(Method::PUT, TRACE_BACK, &manager, Some(bad.clone())).await;
        assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &json!(field)));
    }
}

#[tokio::test]
async fn the_routing_of_a_call_says_whom_the_caller_called_back() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let rows: Vec<Row> = ["waits", "rings"]
        .into_iter()
        .enumerate()
        .map(|(seq, what)| {
            let detail = json!({"agent": "7", "called_by": "900", "found": "busy", "what": what});
            Row::Event(Event {
                tenant_id: rig.tenant(),
                seq: seq as i64,
                at: NOON,
                contact_id: None,
                call_id: Some(call),
                leg_id: None,
                kind: "traced_back".to_owned(),
                detail: detail.to_string(),
            })
        })
        .collect();
    rig.stage(&rows).await;
    let uri = format!("/api/v1/calls/{call}/routing");
    let returns = rig.get(&uri, &token).await.json()["returns"].clone();
    assert_eq!((&returns[0]["what"], &returns[1]["what"]), (&json!("waits"), &json!("rings")));
    assert_eq!(returns[0]["called_by"], json!(CallId(900).to_string()));
    assert_eq!(
        returns[1]["explanation"],
        "They called back: agent 7, who had called them, came first."
    );
    let mut asked = request(Method::GET, &uri, &token, None);
    asked.headers_mut().insert("accept-language", "zh-CN".parse().unwrap());
    let returns = rig.send(asked).await.json()["returns"].clone();
    assert_eq!(returns[0]["explanation"], "客户回拨：等候曾致电客户的座席 7。");
}
