//! Who takes parked callers: a setting of the tenant.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::bootstrap::FIRST_QUEUE;
use serde_json::json;

const PARKING: &str = "/api/v1/parking";

#[tokio::test]
async fn who_takes_parked_callers_is_a_setting_of_the_tenant_that_reaches_the_plan() {
    let rig = Rig::new().await;
    let (manager, supervisor) = (rig.token(Role::Manager).await, rig.token(Role::Supervisor).await);
    let usual = json!({"team_only": false, "wait_s": null, "queue": null, "flow": null});
    assert_eq!(rig.get(PARKING, &supervisor).await.json(), usual);
    let rules = json!({"team_only": true, "wait_s": 30, "queue": FIRST_QUEUE, "flow": null});
    let got = rig.ask(Method::PUT, PARKING, &supervisor, Some(rules.clone())).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN, "{got:?}");
    let got = rig.ask(Method::PUT, PARKING, &manager, Some(rules.clone())).await;
    assert_eq!((got.status, got.json()), (StatusCode::OK, rules));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert!(plan.parking.team_only);
    assert_eq!((plan.parking.wait_s, plan.parking.queue), (Some(30), Some(FIRST_QUEUE)));
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");
    for wait in [9, 3_601] {
        let got = rig.ask(Method::PUT, PARKING, &manager, Some(json!({"wait_s": wait}))).await;
        let field = got.json()["field"].clone();
        assert_eq!((got.status, field), (StatusCode::BAD_REQUEST, json!("wait_s")), "{wait}");
    }
    let foreign = json!({"queue": "999"});
    let got = rig.ask(Method::PUT, PARKING, &manager, Some(foreign)).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    let flow = plan.flows[0].id;
    let both = json!({"queue": FIRST_QUEUE, "flow": flow});
    let got = rig.ask(Method::PUT, PARKING, &manager, Some(both)).await;
    assert_eq!((got.status, got.json()["field"].clone()), (StatusCode::BAD_REQUEST, json!("flow")));
    let message = got.json()["message"].as_str().expect("a message").to_owned();
    assert!(crate::api::messages::in_chinese(&message).is_some(), "{message}");
    let got = rig.ask(Method::PUT, PARKING, &manager, Some(json!({"flow": "999"}))).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "no tenant's");
    let got = rig.ask(Method::PUT, PARKING, &manager, Some(json!({"flow": flow}))).await;
    assert_eq!((got.status, got.json()["flow"].clone()), (StatusCode::OK, json!(flow)));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!((plan.parking.queue, plan.parking.flow), (None, Some(flow)));
    let (_, other) = rig.other_tenant().await;
    assert_eq!(rig.get(PARKING, &other).await.json(), usual, "another tenant's is its own");
}
