//! Planned shifts over the API.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn shifts_are_planned_by_leaders_listed_in_pages_and_withdrawn() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let agent = rig.first.agents[0].0;
    let shift = |day: u32| {
        json!({
            "agent": agent,
            "starts_at": format!("2026-11-{day}T01:00:00Z"),
            "ends_at": format!("2026-11-{day}T09:00:00Z"),
        })
    };
    let mut made = Vec::new();
    for day in [23, 24, 25] {
        let got = rig.post("/api/v1/shifts", &supervisor, shift(day)).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
        made.push(got.json()["id"].clone());
    }
    let again = rig.post("/api/v1/shifts", &supervisor, shift(24)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let backwards = json!({
        "agent": agent, "starts_at": "2026-11-23T09:00:00Z", "ends_at": "2026-11-23T01:00:00Z",
    });
    let got = rig.post("/api/v1/shifts", &supervisor, backwards).await;
    assert_eq!(
        (got.status, got.json()["field"].as_str()),
        (StatusCode::BAD_REQUEST, Some("ends_at"))
    );

    let own = rig.token(Role::Agent).await;
    assert_eq!(rig.post("/api/v1/shifts", &own, shift(26)).await.status, StatusCode::FORBIDDEN);
    let ids = |page: &Value| {
        let shifts = page["shifts"].as_array().unwrap();
        shifts.iter().map(|shift| shift["id"].clone()).collect::<Vec<_>>()
    };
    let first = rig.get("/api/v1/shifts?limit=2", &own).await.json();
    assert_eq!(ids(&first), made[..2]);
    let next = first["next"].as_str().unwrap();
    let rest = rig.get(&format!("/api/v1/shifts?limit=2&cursor={next}"), &own).await.json();
    assert_eq!((ids(&rest), &rest["next"]), (vec![made[2].clone()], &Value::Null));
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get("/api/v1/shifts", &foreign).await.json()["shifts"], json!([]));

    let uri = format!("/api/v1/shifts/{}", made[1]);
    let stranger = rig.ask(Method::DELETE, &uri, &foreign, None).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    let gone = rig.ask(Method::DELETE, &uri, &supervisor, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let left = rig.get("/api/v1/shifts?from=2026-11-24T00:00:00Z", &own).await.json();
    assert_eq!(ids(&left), [made[2].clone()]);
    let audit = &rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0];
    assert_eq!(audit.action, "shift.withdraw");
}
