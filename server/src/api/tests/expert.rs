//! An urgent fault goes to the expert with its order.

use super::rig::{LIVE_CALL, Rig};
use axum::http::StatusCode;
use desk::Role;
use serde_json::{Value, json};
use terms::control::{Ask, CallAction};
use terms::{AgentId, UserId};

fn moved(rig: &Rig) -> Vec<CallAction> {
    let asked = rig.calls.asked.lock().unwrap();
    let of = asked.iter().filter_map(|ask| match ask {
        Ask::Call { call, action, .. } => {
            assert_eq!(*call, LIVE_CALL);
            Some(action.clone())
        }
        _ => None,
    });
    of.collect()
}

fn fault(target: &str) -> Value {
    json!({"target": target, "order": {"kind": "报修", "title": "漏气",
        "customer_number": "13800138000"}})
}

#[tokio::test]
async fn an_urgent_fault_becomes_an_order_and_its_caller_goes_to_the_expert_in_one_action() {
    let rig = Rig::new().await;
    let uri = format!("/api/v1/calls/{LIVE_CALL}/expert");
    let agent = rig.token(Role::Agent).await;
    let got = rig.post(&uri, &agent, fault("queue:1")).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let told = got.json();
    assert_eq!((&told["passed_on"], &told["problem"]), (&json!(true), &Value::Null));
    let order = &told["order"];
    assert_eq!((&order["department"], &order["call"]), (&json!("维修部"), &json!(LIVE_CALL)));
    assert_eq!(moved(&rig), [CallAction::Transfer { target: "queue:1".into() }]);
    let supervisor = rig.token(Role::Supervisor).await;
    let got = rig.post(&uri, &supervisor, fault("1002")).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let forced = moved(&rig).pop();
    assert!(
        matches!(forced, Some(CallAction::ForceTransfer { ref target, .. }) if target == "1002")
    );
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.action == "call.expert").count(), 2);
}

#[tokio::test]
async fn an_order_is_made_before_the_caller_moves_and_stays_where_nobody_takes_them() {
    let rig = Rig::new().await;
    let uri = format!("/api/v1/calls/{LIVE_CALL}/expert");
    let beside: AgentId = rig.first.agents[1].0;
    let (user, role) = (UserId(beside.0), Role::Agent);
    let neighbour = rig.token_of(rig.tenant(), user, role, Some(beside)).await;
    assert_eq!(rig.post(&uri, &neighbour, fault("1002")).await.status, StatusCode::FORBIDDEN);
    let own = rig.token(Role::Agent).await;
    let nowhere = rig.post(&uri, &own, fault("sip:evil@example.org")).await;
    assert_eq!(nowhere.status, StatusCode::BAD_REQUEST);
    let mut unknown = fault("1002");
    unknown["order"]["kind"] = json!("没有的类型");
    let nothing = rig.post(&uri, &own, unknown).await;
    assert!(nothing.status.is_client_error(), "{nothing:?}");
    assert_eq!(moved(&rig), [], "nobody moves without an order");
    let orders = rig.get("/api/v1/orders", &own).await.json();
    assert_eq!(orders["orders"], json!([]), "and none was made of what was refused");
}
