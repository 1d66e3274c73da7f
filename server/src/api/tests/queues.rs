//! Queues from the outside: strategies, seats, skills, and what is refused.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;
use terms::routing::Strategy;

#[tokio::test]
async fn every_strategy_is_taken_by_its_name_and_others_are_refused_with_those_there_are() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for strategy in Strategy::ALL {
        let draft = json!({"name": strategy.as_str(), "strategy": strategy.as_str()});
        let made = rig.post("/api/v1/queues", &token, draft).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert_eq!(made.json()["strategy"], strategy.as_str());
    }
    let draft = json!({"name": "x", "strategy": "loudest"});
    let refused = rig.post("/api/v1/queues", &token, draft).await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("loudest") && message.contains("fewest_calls"), "{message}");
}

#[tokio::test]
async fn seats_and_skills_are_set_by_who_may_and_come_back() {
    let rig = Rig::new().await;
    let (manager, agent) = (rig.token(Role::Manager).await, rig.token(Role::Agent).await);
    let (_, foreign) = rig.other_tenant().await;
    let (one, two) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let seat = json!({"agent": two, "weight": 3, "level": 2});
    let members = json!({"agents": [two, one], "seats": [seat]});
    let skills = json!({"skills": [{"name": "粤语", "level": 4}]});
    let (seats_uri, skills_uri) =
        ("/api/v1/queues/1/agents", format!("/api/v1/agents/{one}/skills"));
    for (token, status) in [
        (&agent, StatusCode::FORBIDDEN),
        (&foreign, StatusCode::NOT_FOUND),
        (&manager, StatusCode::OK),
    ] {
        let got = rig.ask(Method::PUT, seats_uri, token, Some(members.clone())).await;
        assert_eq!(got.status, status, "{got:?}");
        let got = rig.ask(Method::PUT, &skills_uri, token, Some(skills.clone())).await;
        assert_eq!(got.status, status, "{got:?}");
    }
    let queue = rig.get("/api/v1/queues/1", &manager).await.json();
    assert_eq!((&queue["agents"], &queue["seats"]), (&json!([two, one]), &json!([seat])));
    let shown = rig.get(&format!("/api/v1/agents/{one}"), &manager).await.json();
    assert_eq!(shown["skills"], skills["skills"]);

    let strange = json!({"agents": [one], "seats": [seat]});
    let refused = rig.ask(Method::PUT, seats_uri, &manager, Some(strange)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("each seat belongs to another one"), "{message}");
}

#[tokio::test]
async fn doors_chains_and_music_come_back_as_they_were_set_and_what_is_none_is_refused() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let set = json!({"name": "gas", "joins_while": ["idle", "wrap_up"], "stays_while": ["break"],
        "overflow": {"queue": "1"}, "out_of_hours": "hangup", "skill_choice": "best_available",
        "overflow_chain": [{"after_s": 30, "target": {"voicemail": "1"}}],
        "playlist": ["summer", "music"], "shuffled": true});
    let made = rig.post("/api/v1/queues", &token, set.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let made = made.json();
    for (field, value) in set.as_object().unwrap() {
        assert_eq!(&made[field.as_str()], value, "{field}");
    }
    let stage = |after_s: u32| json!({"after_s": after_s, "target": "hangup"});
    for (field, wrong, word) in [
        ("joins_while", json!(["asleep"]), "asleep"),
        ("skill_choice", json!("some"), "some"),
        ("overflow_chain", json!([stage(3)]), "3 is outside 5-7200"),
        ("overflow_chain", json!([stage(30), stage(30)]), "must be queues"),
        ("hours", json!("never heard of"), "there are no opening hours"),
    ] {
        let mut draft = set.clone();
        draft["name"] = json!("other");
        draft[field] = wrong;
        let refused = rig.post("/api/v1/queues", &token, draft).await;
        assert!(refused.status.is_client_error(), "{field}: {refused:?}");
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(word), "{field}: {message}");
    }
}

#[tokio::test]
async fn an_expression_that_cannot_score_agents_is_refused_with_its_place() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let draft = |expression: &str| json!({"name": "gas", "strategy": "expression", "expression": expression});
    for (expression, part) in [
        ("skill('gas') +", "it ends where a value is needed"),
        ("agent_idel_ms", "there is no agent_idel_ms"),
        ("caller * 2", "caller is a text, and \"*\" takes a number"),
        ("priority > 2", "a score is a number"),
    ] {
        let refused = rig.post("/api/v1/queues", &token, draft(expression)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{expression}");
        let problem = refused.json();
        assert_eq!(problem["field"], "expression");
        let message = problem["message"].as_str().unwrap();
        assert!(message.contains(part), "{expression}: {message}");
    }
    let made = rig.post("/api/v1/queues", &token, draft("skill('gas') * 10 - agent_calls")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let uri = format!("/api/v1/queues/{}", made.json()["id"].as_str().unwrap());
    let refused = rig.ask(Method::PUT, &uri, &token, Some(draft("caller"))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let expression = plan.queues.last().unwrap().matching.expression.clone();
    assert_eq!(expression.as_deref(), Some("skill('gas') * 10 - agent_calls"));
}
