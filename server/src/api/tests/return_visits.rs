//! Return visits over the API.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;

#[tokio::test]
async fn dispatchers_plan_return_visits_agents_note_what_they_brought() {
    let rig = Rig::new().await;
    let (agent, supervisor) = (rig.token(Role::Agent).await, rig.token(Role::Supervisor).await);
    let new = json!({"kind": "报修", "title": "漏水", "customer_number": "13800138000"});
    let order = rig.post("/api/v1/orders", &agent, new).await.json();
    let order = order["id"].as_str().unwrap();
    let visit = json!({"order": order, "due_at": "2026-11-25T04:00:00Z"});
    let early = rig.post("/api/v1/return-visits", &supervisor, visit.clone()).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "the order is not done: {early:?}");
    let steps = format!("/api/v1/orders/{order}/steps");
    let finished = rig.post(&steps, &agent, json!({"action": "finish"})).await;
    assert_eq!(finished.status, StatusCode::OK, "{finished:?}");
    let past = json!({"order": order, "due_at": "2026-11-20T04:00:00Z"});
    let got = rig.post("/api/v1/return-visits", &supervisor, past).await;
    assert_eq!(
        (got.status, got.json()["field"].as_str()),
        (StatusCode::BAD_REQUEST, Some("due_at"))
    );
    let by_agent = rig.post("/api/v1/return-visits", &agent, visit.clone()).await;
    assert_eq!(by_agent.status, StatusCode::FORBIDDEN);
    let made = rig.post("/api/v1/return-visits", &supervisor, visit).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");

    let uri = format!("/api/v1/return-visits/{}", made.json()["id"]);
    let result = format!("{uri}/result");
    let unknown = json!({"result": "delighted"});
    let got = rig.ask(Method::PUT, &result, &agent, Some(unknown)).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
    let said = json!({"result": "satisfied", "call": "77"});
    let (_, foreign) = rig.other_tenant().await;
    let stranger = rig.ask(Method::PUT, &result, &foreign, Some(said.clone())).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    let noted = rig.ask(Method::PUT, &result, &agent, Some(said)).await;
    assert_eq!(
        (noted.status, &noted.json()["result"], &noted.json()["call"]),
        (StatusCode::OK, &json!("satisfied"), &json!("77"))
    );
    let withdrawn = rig.ask(Method::DELETE, &uri, &supervisor, None).await;
    assert_eq!(withdrawn.status, StatusCode::CONFLICT, "it has a result");

    let list = "/api/v1/return-visits?done=true&result=satisfied&limit=1";
    let page = rig.get(&format!("{list}&order={order}"), &agent).await.json();
    assert_eq!(page["return_visits"][0]["id"], made.json()["id"]);
    assert_eq!(page["next"], json!(null));
    let nobodys = rig.get(list, &foreign).await.json();
    assert_eq!(nobodys["return_visits"], json!([]));
    let audit = &rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0];
    assert_eq!(audit.action, "return_visit.note");
}
