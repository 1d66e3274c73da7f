//! How an agent's phone is rung: who says it, and what the switch is told.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;

#[tokio::test]
async fn managers_say_how_a_phone_is_rung_and_it_reaches_the_plan() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let uri = format!("/api/v1/agents/{agent}/ringing");
    let both = json!({"call_waiting": true, "auto_answer": true});
    for role in [Role::Agent, Role::Supervisor] {
        let got = rig.ask(Method::PUT, &uri, &rig.token(role).await, Some(both.clone())).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::PUT, &uri, &foreign, Some(both.clone())).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    let manager = rig.token(Role::Manager).await;
    let shown = rig.get(&format!("/api/v1/agents/{agent}"), &manager).await.json();
    assert_eq!(shown["ringing"], json!({"call_waiting": false, "auto_answer": false}));
    let wrong = rig.ask(Method::PUT, &uri, &manager, Some(json!({"loud": true}))).await;
    assert!(wrong.status.is_client_error(), "{wrong:?}");

    let got = rig.ask(Method::PUT, &uri, &manager, Some(both.clone())).await;
    assert_eq!((got.status, &got.json()["ringing"]), (StatusCode::OK, &both));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let ringing = plan.agent(agent).expect("an agent of the plan").ringing;
    assert!(ringing.call_waiting && ringing.auto_answer);
    let half = rig.ask(Method::PUT, &uri, &manager, Some(json!({"call_waiting": true}))).await;
    assert_eq!(half.json()["ringing"], json!({"call_waiting": true, "auto_answer": false}));
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = rows.iter().filter(|row| row.action == "agent.ringing").count();
    assert_eq!(noted, 2, "each change is written down");
}

#[tokio::test]
async fn an_agent_sets_their_own_pin_and_supervisors_any_and_nobody_reads_it() {
    let rig = Rig::new().await;
    let (own, second) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let uri = |agent| format!("/api/v1/agents/{agent}/sign-in-pin");
    let (agent, manager) = (rig.token(Role::Agent).await, rig.token(Role::Manager).await);
    let (_, foreign) = rig.other_tenant().await;
    let pin = Some(json!({"pin": "481516"}));
    for (token, of, status) in [
        (&agent, own, StatusCode::OK),
        (&agent, second, StatusCode::FORBIDDEN),
        (&foreign, own, StatusCode::NOT_FOUND),
        (&manager, second, StatusCode::OK),
    ] {
        let got = rig.ask(Method::PUT, &uri(of), token, pin.clone()).await;
        assert_eq!(got.status, status, "{got:?}");
    }
    for wrong in ["123", "12345678901234567", "12a4", ""] {
        let got = rig.ask(Method::PUT, &uri(own), &agent, Some(json!({"pin": wrong}))).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let shown = rig.get(&format!("/api/v1/agents/{own}"), &manager).await;
    assert_eq!(shown.json()["has_pin"], true);
    assert!(!String::from_utf8_lossy(&shown.body).contains("481516"));
    let kept = |plan: terms::routing::Plan, of| plan.agent(of).map(|a| a.sign_in_pin.clone());
    let one = kept(rig.store.compile_plan(rig.tenant()).await.unwrap(), own).unwrap();
    let other = kept(rig.store.compile_plan(rig.tenant()).await.unwrap(), second).unwrap();
    assert!(one.len() == 64 && other.len() == 64 && one != other, "the number is in it");
    let taken = rig.ask(Method::PUT, &uri(own), &agent, Some(json!({"pin": null}))).await;
    assert_eq!(taken.json()["has_pin"], false);
    let none = kept(rig.store.compile_plan(rig.tenant()).await.unwrap(), own);
    assert_eq!(none.as_deref(), Some(""));
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = rows.iter().filter(|row| row.action == "agent.sign_in_pin");
    assert_eq!(noted.clone().count(), 3);
    assert!(noted.into_iter().all(|row| !row.subject.contains("481516")));
}
