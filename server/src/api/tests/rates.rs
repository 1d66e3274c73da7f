//! What an hour and a minute cost.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};

const RATES: &str = "/api/v1/rates";
const REPORT: &str = "/api/v1/reports/cost_per_contact?period=2026-11-23&format=txt&lang=en";

#[tokio::test]
async fn a_cost_is_told_once_rates_are_set_and_refused_before() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let put = async |token: &str, body: Value| rig.ask(Method::PUT, RATES, token, Some(body)).await;
    assert_eq!(rig.get(RATES, &manager).await.json(), Value::Null);
    let refused = rig.get(REPORT, &supervisor).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("No rates are set"), "{message}");

    let rates = json!({
        "agent_hour": 4_500, "inbound_minute": 3, "outbound_minute": 30,
        "prefixes": [{"prefix": "+8610", "minute": 12}],
    });
    assert_eq!(put(&supervisor, rates.clone()).await.status, StatusCode::FORBIDDEN);
    let twice = json!({
        "agent_hour": 1,
        "prefixes": [{"prefix": "+86", "minute": 1}, {"prefix": "+86", "minute": 2}],
    });
    let got = put(&manager, twice).await;
    assert_eq!(
        (got.status, got.json()["field"].as_str()),
        (StatusCode::BAD_REQUEST, Some("prefixes"))
    );
    assert_eq!(put(&manager, rates.clone()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(RATES, &manager).await.json(), rates);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(RATES, &foreign).await.json(), Value::Null);
    let audit = &rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0];
    assert_eq!(audit.action, "rates.set");

    rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let told = rig.get(REPORT, &supervisor).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    let page = String::from_utf8(told.body.to_vec()).unwrap();
    assert!(page.contains("45.00 an hour") && page.contains("+8610 0.12"), "{page}");
}
