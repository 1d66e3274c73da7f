//! Emergency mode: who prepares and who switches, what is refused, and what stays behind.

use super::rig::{Got, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::bootstrap::FIRST_FLOW;
use serde_json::{Value, json};
use terms::record::Row;

const STORM: &str = "/api/v1/emergency/storm";

async fn prepare(rig: &Rig, token: &str, name: &str, draft: Value) -> Got {
    rig.ask(Method::PUT, &format!("/api/v1/emergency/{name}"), token, Some(draft)).await
}

async fn switch(rig: &Rig, token: &str, name: &str, way: &str) -> Got {
    rig.post(&format!("/api/v1/emergency/{name}/{way}"), token, json!({})).await
}

fn message(got: &Got) -> String {
    got.json()["message"].to_string()
}

#[tokio::test]
async fn managers_prepare_supervisors_switch_and_the_list_says_since_when_and_by_whom() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let agent = rig.token(Role::Agent).await;
    let storm = json!({"flow": "1", "announcement": "goodbye"});
    let got = prepare(&rig, &supervisor, "storm", storm.clone()).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    let got = prepare(&rig, &manager, "storm", storm).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    assert!(got.json()["active_since"].is_null());
    let before = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert!(before.emergency.is_empty(), "prepared is not in force");
    assert_eq!(switch(&rig, &agent, "storm", "on").await.status, StatusCode::FORBIDDEN);
    let on = switch(&rig, &supervisor, "storm", "on").await;
    assert_eq!(on.status, StatusCode::OK, "{on:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch works by it");
    let [storm] = plan.emergency.as_slice() else { panic!("{:?}", plan.emergency) };
    assert_eq!((storm.flow, storm.announcement.as_deref()), (Some(FIRST_FLOW), Some("goodbye")));
    let listed = rig.get("/api/v1/emergency", &supervisor).await.json();
    assert!(listed[0]["active_since"].is_string() && listed[0]["active_by"].is_string());

    // A second press changes nothing; what is in force is neither changed nor taken away.
    rig.clock.advance(std::time::Duration::from_secs(60));
    let again = switch(&rig, &supervisor, "storm", "on").await.json();
    assert_eq!(again["active_since"], listed[0]["active_since"]);
    let got = prepare(&rig, &manager, "storm", json!({"flow": "1"})).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "{got:?}");
    let got = rig.ask(Method::DELETE, STORM, &manager, None).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "{got:?}");
    let off = switch(&rig, &supervisor, "storm", "off").await;
    assert!(off.json()["active_since"].is_null(), "{off:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert!(plan.emergency.is_empty());
    let got = rig.ask(Method::DELETE, STORM, &manager, None).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");

    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = |action: &str| rows.iter().filter(|row| row.action == action).count();
    let actions = ["emergency.prepare", "emergency.on", "emergency.off", "emergency.remove"];
    assert_eq!(actions.map(noted), [1, 1, 1, 1]);
    let entries = rig.store.read_after(0, 100).await.unwrap();
    let handed = entries.iter().filter_map(|entry| match &entry.row {
        Row::Emergency(row) => Some((row.name.as_str(), row.in_force, row.user_id > 0)),
        _ => None,
    });
    assert_eq!(handed.collect::<Vec<_>>(), [("storm", true, true), ("storm", false, true)]);
}

#[tokio::test]
async fn a_plan_names_a_published_flow_a_prompt_and_numbers_that_there_are() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let draft = json!({"name": "not yet", "document": {"format": 1, "start": "a",
        "steps": {"a": {"kind": "hangup"}}}});
    let made = rig.post("/api/v1/flows", &manager, draft).await.json();
    for (draft, says) in [
        (json!({}), "a flow, an announcement, or both"),
        (json!({"flow": "99"}), "there is no flow 99"),
        (json!({"flow": made["id"]}), "the flow \\\"not yet\\\" is not published"),
        (json!({"announcement": "nobody-said-it"}), "the prompt \\\"nobody-said-it\\\""),
        (json!({"flow": "1", "numbers": ["99"]}), "there is no number 99"),
        (json!({"flow": "1", "numbers": ["1", "1"]}), "each once"),
    ] {
        let refused = prepare(&rig, &manager, "storm", draft.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{draft}: {refused:?}");
        assert!(message(&refused).contains(says), "{draft}: {}", message(&refused));
    }
    let refused = prepare(&rig, &manager, "a%20b", json!({"flow": "1"})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
}

#[tokio::test]
async fn at_most_one_plan_is_in_force_for_a_number_and_what_has_gone_is_refused_at_the_switch() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let number = |digits: &str| json!({"digits": digits, "target": {"flow": "1"}});
    let mut ids = Vec::new();
    for digits in ["95105601", "95105602"] {
        let made = rig.post("/api/v1/numbers", &manager, number(digits)).await.json();
        ids.push(made["id"].clone());
    }
    let of = |numbers: &[Value]| json!({"flow": "1", "numbers": numbers});
    for (name, draft) in
        [("all", of(&[])), ("one", of(&ids[..1])), ("two", of(&ids[1..])), ("both", of(&ids))]
    {
        let got = prepare(&rig, &manager, name, draft).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
    }
    for name in ["one", "two"] {
        assert_eq!(switch(&rig, &manager, name, "on").await.status, StatusCode::OK);
    }
    for name in ["all", "both"] {
        let refused = switch(&rig, &manager, name, "on").await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
        assert!(message(&refused).contains("the emergency plan one is in force"), "{refused:?}");
    }
    switch(&rig, &manager, "one", "off").await;
    let uri = format!("/api/v1/numbers/{}", ids[0].as_str().unwrap());
    let gone = rig.ask(Method::DELETE, &uri, &manager, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    let refused = switch(&rig, &manager, "one", "on").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    assert!(message(&refused).contains("there is no number"), "{refused:?}");
    // Another tenant neither sees nor switches it.
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get("/api/v1/emergency", &foreign).await.json(), json!([]));
    assert_eq!(switch(&rig, &foreign, "two", "off").await.status, StatusCode::NOT_FOUND);
}
