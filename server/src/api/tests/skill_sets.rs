//! Skill sets: who makes them, who signs in with which, and what is refused in both languages.

use super::rig::{Rig, request};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::control::{AgentAction, Ask};
use tower::ServiceExt as _;

const SETS: &str = "/api/v1/skill-sets";

async fn made(rig: &Rig, token: &str, draft: Value) -> String {
    let made = rig.post(SETS, token, draft).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

/// What the switch was asked for agents.
fn asked(rig: &Rig) -> Vec<Ask> {
    let asked = rig.calls.asked.lock().unwrap().clone();
    asked.into_iter().filter(|ask| matches!(ask, Ask::Agent { .. })).collect()
}

#[tokio::test]
async fn who_changes_queues_makes_skill_sets_that_agents_see_and_other_tenants_do_not() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let draft = json!({"name": "gas", "number": 3, "skills": ["gas"], "agents": [agent]});
    for role in [Role::Agent, Role::Supervisor] {
        let got = rig.post(SETS, &rig.token(role).await, draft.clone()).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let manager = rig.token(Role::Manager).await;
    let id = made(&rig, &manager, draft.clone()).await;
    let seen = rig.get(SETS, &rig.token(Role::Agent).await).await.json();
    assert_eq!((&seen[0]["id"], &seen[0]["agents"]), (&json!(id), &json!([agent])));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!(plan.skill_set(agent, 3), Some(id.parse().unwrap()));
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");

    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(SETS, &foreign).await.json(), json!([]));
    let uri = format!("{SETS}/{id}");
    let own = json!({"name": "gas", "number": 3, "skills": ["gas"]});
    for (method, body) in [(Method::PUT, Some(own.clone())), (Method::DELETE, None)] {
        let got = rig.ask(method, &uri, &foreign, body).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    }
    let got = rig.post(SETS, &foreign, draft).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "the agent is not theirs: {got:?}");
    for (wrong, field) in [
        (json!({"name": "other", "number": 0, "skills": ["gas"]}), "number"),
        (json!({"name": "other", "number": 4}), "skills"),
    ] {
        let got = rig.post(SETS, &manager, wrong).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
        assert_eq!(got.json()["field"], field);
    }
    let taken = rig.post(SETS, &manager, own.clone()).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{taken:?}");
    let got = rig.ask(Method::PUT, &uri, &manager, Some(own)).await;
    assert_eq!((got.status, &got.json()["agents"]), (StatusCode::OK, &json!([])));
    let gone = rig.ask(Method::DELETE, &uri, &manager, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_agent_signs_in_with_a_skill_set_that_is_given_to_them_and_with_no_other() {
    let rig = Rig::new().await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let (agent, manager) = (rig.token(Role::Agent).await, rig.token(Role::Manager).await);
    let (_, foreign) = rig.other_tenant().await;
    let draft = json!({"name": "gas", "number": 3, "skills": ["gas"], "agents": [own]});
    let set = made(&rig, &manager, draft).await;
    let theirs = made(&rig, &foreign, json!({"name": "x", "number": 1, "skills": ["x"]})).await;
    let gone = made(&rig, &manager, json!({"name": "y", "number": 1, "skills": ["y"]})).await;
    let uri = |agent| format!("/api/v1/agents/{agent}/state");
    let sign_in = |set: &str| json!({"action": "sign_in", "skill_set": set});
    for (who, of, set) in [
        (&agent, own, theirs.as_str()),
        (&agent, own, gone.as_str()),
        (&agent, own, "999"),
        (&manager, other, set.as_str()),
    ] {
        let got = rig.post(&uri(of), who, sign_in(set)).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
        assert_eq!(got.json()["field"], "skill_set");
    }
    let got = rig.post(&uri(own), &foreign, sign_in(&theirs)).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    let mut chinese = request(Method::POST, &uri(own), &agent, Some(sign_in("999")));
    chinese.headers_mut().insert("accept-language", "zh-CN".parse().unwrap());
    let told = rig.router.clone().oneshot(chinese).await.unwrap();
    let told = axum::body::to_bytes(told.into_body(), 1 << 20).await.unwrap();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("此技能集未分配给该座席"), "{told}");
    assert_eq!(asked(&rig), [], "the switch hears of none of it");

    for body in [sign_in(&set), json!({"action": "sign_in"})] {
        let got = rig.post(&uri(own), &agent, body).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    }
    let ask = |action| Ask::Agent { tenant: rig.tenant(), agent: own, action };
    let with = AgentAction::SignInWith(set.parse().unwrap());
    assert_eq!(asked(&rig), [ask(with), ask(AgentAction::SignIn)]);
}
