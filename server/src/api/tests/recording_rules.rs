//! Rules and lists of what is recorded, and orders about a running recording.

use super::rig::{LIVE_CALL, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::UserId;
use terms::control::{Ask, Asker, CallAction, RecordingOrder};
use terms::media::RecordFormat;

const RULES: &str = "/api/v1/recording-rules";
const EXCLUSIONS: &str = "/api/v1/recording-exclusions";

#[tokio::test]
async fn only_administrators_say_what_is_recorded() {
    let rig = Rig::new().await;
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let token = rig.token(role).await;
        for path in [RULES, EXCLUSIONS] {
            assert_eq!(rig.get(path, &token).await.status, StatusCode::FORBIDDEN, "{role:?}");
        }
    }
    let token = rig.token(Role::Administrator).await;
    assert_eq!(rig.get(RULES, &token).await.json(), json!([]));
    assert_eq!(rig.get(EXCLUSIONS, &token).await.json(), json!({"exclusions": [], "next": null}));
}

#[tokio::test]
async fn rules_are_made_changed_ordered_and_removed_and_reach_the_plan_in_their_order() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let mut ids = Vec::new();
    for (name, record) in [("vip", false), ("rest", true)] {
        let rule = json!({"name": name, "when": {"queues": ["1"]}, "then": {"record": record}});
        let got = rig.post(RULES, &token, rule).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
        ids.push(got.json()["id"].as_str().unwrap().to_owned());
    }
    let then = json!({"max_s": 600, "agents_control": true, "format": "opus"});
    let changed = json!({"name": "vip", "then": then});
    let uri = format!("{RULES}/{}", ids[0]);
    let got = rig.ask(Method::PUT, &uri, &token, Some(changed)).await;
    assert_eq!((got.status, &got.json()["then"]["max_s"]), (StatusCode::OK, &json!(600)));
    let order = json!({"order": [ids[1], ids[0]]});
    let got = rig.ask(Method::PUT, &format!("{RULES}/order"), &token, Some(order)).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let names: Vec<&str> = plan.recording_rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["rest", "vip"]);
    assert!(plan.recording_rules[1].then.agents_control);
    assert_eq!(plan.recording_rules[1].then.format, RecordFormat::Opus);

    let half = json!({"order": [ids[1]]});
    let got = rig.ask(Method::PUT, &format!("{RULES}/order"), &token, Some(half)).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::DELETE, &uri, &foreign, None).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "another tenant's rule");
    assert_eq!(rig.ask(Method::DELETE, &uri, &token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.ask(Method::DELETE, &uri, &token, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(RULES, &token).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_rule_that_cannot_mean_anything_is_refused_with_its_field() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let bad = [
        ("queues", json!({"name": "x", "when": {"queues": ["99"]}})),
        ("agents", json!({"name": "x", "when": {"agents": ["99"]}})),
        ("hours", json!({"name": "x", "when": {"hours": ["never"]}})),
        ("numbers", json!({"name": "x", "when": {"numbers": ["nine"]}})),
        ("min_s", json!({"name": "x", "then": {"min_s": 9, "max_s": 5}})),
        ("body", json!({"name": "x", "then": {"format": "flac"}})),
        ("beep_every_s", json!({"name": "x", "then": {"beep": true, "beep_every_s": 1}})),
        ("announce", json!({"name": "x", "then": {"announce": "../x"}})),
        ("announce", json!({"name": "x", "then": {"announce": "welcome", "scope": "call"}})),
        ("name", json!({"name": " "})),
        ("body", json!({"name": "x", "then": {"recrod": true}})),
    ];
    for (field, rule) in bad {
        let got = rig.post(RULES, &token, rule.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{rule}");
        assert_eq!(got.json()["field"], field, "{rule}");
    }
    let rule = json!({"name": "x"});
    assert_eq!(rig.post(RULES, &token, rule.clone()).await.status, StatusCode::CREATED);
    assert_eq!(rig.post(RULES, &token, rule).await.status, StatusCode::CONFLICT, "its name");
}

#[tokio::test]
async fn exclusions_come_many_at_a_time_all_or_none_and_are_paged() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let agent = rig.first.agents[0].0;
    let number = |n: u32| json!({"kind": "number", "value": format!("138{n:08}")});
    let mut entries: Vec<Value> = (0..500).map(number).collect();
    entries.push(json!({"kind": "agent", "value": agent, "reason": "works council"}));
    entries.push(json!({"kind": "line", "value": "city"}));
    let got = rig.post(EXCLUSIONS, &token, json!({"entries": entries})).await;
    assert_eq!((got.status, got.json()), (StatusCode::CREATED, json!({"added": 502})));
    let again = rig.post(EXCLUSIONS, &token, json!({"entries": [number(7)]})).await;
    assert_eq!(again.json(), json!({"added": 0}));
    let bad = json!({"entries": [number(501), {"kind": "agent", "value": "99"}]});
    let got = rig.post(EXCLUSIONS, &token, bad).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(got.json()["message"].as_str().unwrap().contains("entry 2"), "{got:?}");

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let uri = format!("{EXCLUSIONS}?limit=200{cursor}");
        let page = rig.get(&uri, &token).await.json();
        let entries = page["exclusions"].as_array().unwrap().clone();
        seen.extend(entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={}", next.replace('+', "%2B"));
    }
    assert_eq!(seen.len(), 502, "the one that came with a wrong one is not there");
    assert!(seen.contains(&"number:+8613800000007".to_owned()), "normalised");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!(plan.recording_exclusions.len(), 502);
    assert!(plan.recording_exclusions.agents.contains(&agent));

    let uri = format!("{EXCLUSIONS}/number:%2B8613800000007");
    assert_eq!(rig.ask(Method::DELETE, &uri, &token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.ask(Method::DELETE, &uri, &token, None).await.status, StatusCode::NOT_FOUND);
    let audit = rig.get("/api/v1/audit", &token).await;
    let text = String::from_utf8_lossy(&audit.body).into_owned();
    for action in ["recording_exclusion.add", "recording_exclusion.remove"] {
        assert!(text.contains(action), "{action}: {text}");
    }
}

#[tokio::test]
async fn a_recording_is_paused_by_its_agent_or_a_supervisor_and_it_is_noted() {
    let rig = Rig::new().await;
    let uri = format!("/api/v1/calls/{LIVE_CALL}/actions");
    let agent = rig.first.agents[0].0;
    let pause = json!({"action": "pause_recording"});
    let own = rig.token(Role::Agent).await;
    assert_eq!(rig.post(&uri, &own, pause.clone()).await.status, StatusCode::NO_CONTENT);
    let second = rig.first.agents[1].0;
    let other = rig.token_of(rig.tenant(), UserId(second.0), Role::Agent, Some(second)).await;
    assert_eq!(rig.post(&uri, &other, pause.clone()).await.status, StatusCode::FORBIDDEN);
    let supervisor = rig.token(Role::Supervisor).await;
    assert_eq!(rig.post(&uri, &supervisor, pause).await.status, StatusCode::NO_CONTENT);
    let orders: Vec<(RecordingOrder, Asker)> = rig
        .calls
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter_map(|ask| match ask {
            Ask::Call { action: CallAction::Record { order, by }, .. } => Some((*order, *by)),
            _ => None,
        })
        .collect();
    let boss = rig.person(rig.tenant(), Role::Supervisor).await;
    let by = |user, any| (RecordingOrder::Pause, Asker { user, any });
    assert_eq!(orders, [by(UserId(agent.0), false), by(boss, true)]);
    let administrator = rig.token(Role::Administrator).await;
    let audit = rig.get("/api/v1/audit", &administrator).await;
    let noted = String::from_utf8_lossy(&audit.body).matches("recording.pause").count();
    assert_eq!(noted, 2, "one's own too");
    let live = rig.get("/api/v1/live", &supervisor).await.json();
    assert_eq!(live["calls"][0]["recording"], "on");
}
