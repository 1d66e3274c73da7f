//! Who is on duty for an emergency plan, its checklist, and the log of emergencies and drills.

use super::rig::{Got, Rig};
use crate::api::links::Clock;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use std::time::Duration;
use terms::record::Row;

const STORM: &str = "/api/v1/emergency/storm";

async fn prepare(rig: &Rig, token: &str) {
    let draft = json!({"flow": "1", "checklist": ["Call the network", "Spare staff to gas"]});
    let got = rig.ask(Method::PUT, STORM, token, Some(draft)).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
}

async fn post(rig: &Rig, token: &str, path: &str, body: Value) -> Got {
    rig.post(&format!("/api/v1/{path}"), token, body).await
}

async fn log(rig: &Rig, token: &str, search: &str) -> Vec<Value> {
    let got = rig.get(&format!("/api/v1/emergency-log{search}"), token).await.json();
    got["occasions"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_drill_is_ticked_off_point_by_point_and_logged_and_touches_no_caller() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let agent = rig.token(Role::Agent).await;
    let who = rig.person(rig.tenant(), Role::Supervisor).await.to_string();
    prepare(&rig, &manager).await;
    let before = rig.store.plan_version(rig.tenant()).await.unwrap();
    assert_eq!(
        post(&rig, &agent, "emergency/storm/drill", json!({})).await.status,
        StatusCode::FORBIDDEN
    );
    let drill = post(&rig, &supervisor, "emergency/storm/drill", json!({})).await;
    assert_eq!(drill.status, StatusCode::CREATED, "{drill:?}");
    let drill = drill.json();
    assert_eq!((&drill["drill"], &drill["started_by"]), (&json!(true), &json!(who)));
    let again = post(&rig, &supervisor, "emergency/storm/drill", json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "it goes on: {again:?}");
    let gone = rig.ask(Method::DELETE, STORM, &manager, None).await;
    assert_eq!(gone.status, StatusCode::CONFLICT, "it goes on: {gone:?}");

    let ticks = format!("emergency-log/{}/ticks", drill["id"]);
    rig.clock.advance(Duration::from_secs(60));
    let ticked = post(&rig, &supervisor, &ticks, json!({"point": 2})).await.json();
    let [first, second] = [&ticked["points"][0], &ticked["points"][1]];
    assert_eq!(first["text"], "Call the network");
    assert!(first["ticked_at"].is_null(), "{ticked}");
    assert_eq!(second["ticked_by"], json!(who));
    assert!(second["ticked_at"].is_string(), "{ticked}");
    rig.clock.advance(Duration::from_secs(60));
    let again = post(&rig, &manager, &ticks, json!({"point": 2})).await.json();
    assert_eq!(again["points"], ticked["points"], "who did it first did it");
    for point in [0, 3] {
        let refused = post(&rig, &supervisor, &ticks, json!({"point": point})).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(refused.json()["message"].to_string().contains("1 to 2"), "{refused:?}");
    }
    // What is changed in the plan meanwhile leaves the log as it was.
    let other = json!({"flow": "1", "checklist": ["Something else"]});
    rig.ask(Method::PUT, STORM, &manager, Some(other)).await;
    let end = format!("emergency-log/{}/end", drill["id"]);
    let ended = post(&rig, &supervisor, &end, json!({"note": "Nobody had the keys"})).await.json();
    assert_eq!(ended["points"], ticked["points"]);
    let refused = post(&rig, &supervisor, &ticks, json!({"point": 1})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "it is over: {refused:?}");
    let drills = log(&rig, &supervisor, "?plan=storm&drill=true").await;
    assert_eq!(drills, std::slice::from_ref(&ended));
    assert_eq!((&ended["note"], &ended["ended_by"]), (&json!("Nobody had the keys"), &json!(who)));

    assert_eq!(
        rig.store.plan_version(rig.tenant()).await.unwrap(),
        before,
        "no caller heard of it"
    );
    let rows = rig.store.read_after(0, 1_000).await.unwrap();
    let told = rows.iter().filter(|entry| matches!(entry.row, Row::Emergency(_))).count();
    assert_eq!(told, 0, "nothing was switched");
    let audit = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = |action: &str| audit.iter().filter(|row| row.action == action).count();
    assert_eq!(["emergency.drill", "emergency.tick", "emergency.drill_end"].map(noted), [1, 1, 1]);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(log(&rig, &foreign, "").await, Vec::<Value>::new());
    let refused = post(&rig, &foreign, &ticks, json!({"point": 1})).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");
}

#[tokio::test]
async fn an_emergency_has_its_own_checklist_and_ends_a_drill_of_its_plan() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    prepare(&rig, &manager).await;
    post(&rig, &supervisor, "emergency/storm/drill", json!({})).await;
    rig.clock.advance(Duration::from_secs(60));
    let on = post(&rig, &supervisor, "emergency/storm/on", json!({})).await;
    assert_eq!(on.status, StatusCode::OK, "{on:?}");
    let occasions = log(&rig, &supervisor, "").await;
    let [real, drill] = occasions.as_slice() else { panic!("{occasions:?}") };
    assert_eq!((&real["drill"], &drill["drill"]), (&json!(false), &json!(true)));
    assert!(drill["ended_at"].is_string() && real["ended_at"].is_null(), "{occasions:?}");
    let refused = post(&rig, &supervisor, "emergency/storm/drill", json!({})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "it is in force: {refused:?}");
    let path = format!("emergency-log/{}", real["id"]);
    let ticked =
        post(&rig, &supervisor, &format!("{path}/ticks"), json!({"point": 1})).await.json();
    assert!(ticked["points"][0]["ticked_at"].is_string(), "{ticked}");
    let refused = post(&rig, &supervisor, &format!("{path}/end"), json!({})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "the switch ends it: {refused:?}");
    post(&rig, &supervisor, "emergency/storm/off", json!({})).await;
    let ended = log(&rig, &supervisor, "?drill=false").await;
    assert!(ended[0]["ended_at"].is_string(), "{ended:?}");
    assert_eq!(ended[0]["points"], ticked["points"]);
    let page = rig.get("/api/v1/emergency-log?limit=1", &supervisor).await.json();
    let next = page["next"].as_str().expect("one more");
    let rest = log(&rig, &supervisor, &format!("?limit=1&cursor={next}")).await;
    assert_eq!(rest[0]["id"], drill["id"]);
}

#[tokio::test]
async fn the_rota_says_who_is_on_duty_and_changes_also_in_an_emergency() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let user = rig.person(rig.tenant(), Role::Supervisor).await.to_string();
    prepare(&rig, &manager).await;
    post(&rig, &supervisor, "emergency/storm/on", json!({})).await;
    let now = rig.clock.wall();
    let at = |seconds: i64| terms::Timestamp(now.0 + seconds * 1_000_000).to_string();
    let duty = |from: i64, until: i64| json!({"user": user, "starts_at": at(from), "ends_at": at(until), "task": "leads"});
    let put = async |token: &str, duties: Value| {
        let uri = format!("{STORM}/rota");
        rig.ask(Method::PUT, &uri, token, Some(json!({"duties": duties}))).await
    };
    let refused = put(&supervisor, json!([])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let set = put(&manager, json!([duty(60, 120), duty(-60, 30)])).await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    assert_eq!(set.json()["rota"][0]["ends_at"], json!(at(30)), "in the order of time");
    let on_duty = async || rig.get(&format!("{STORM}/duty"), &supervisor).await.json();
    assert_eq!(on_duty().await, json!([{"user": user, "name": "supervisor"}]));
    rig.clock.advance(Duration::from_secs(30));
    assert_eq!(on_duty().await, json!([]));
    post(&rig, &supervisor, "emergency/storm/off", json!({})).await;
    rig.clock.advance(Duration::from_secs(30));
    let drill = post(&rig, &supervisor, "emergency/storm/drill", json!({})).await.json();
    assert_eq!(drill["on_duty"], json!([user]));
    let nobody = json!([{"user": "99", "starts_at": at(0), "ends_at": at(9)}]);
    for (duties, says) in [(json!([duty(60, 60)]), "ends after"), (nobody, "no such person: 99")] {
        let refused = put(&manager, duties).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(refused.json()["message"].to_string().contains(says), "{refused:?}");
    }
}
