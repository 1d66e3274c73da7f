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
