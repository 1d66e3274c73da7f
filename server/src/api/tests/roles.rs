//! Who may ask what.

use super::rig::{LIVE_CALL, Rig, request};
use crate::api::{PUBLIC, document};
use axum::http::{Method, StatusCode};
use desk::{Permission, Role};
use serde_json::{Value, json};
use terms::control::{AgentAction, Ask};

/// Every operation of the document: method, path with ids, and the permission it names.
pub(super) fn operations() -> Vec<(Method, String, Option<Permission>)> {
    let document = serde_json::to_value(document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let text = operation["description"].as_str().unwrap_or("");
            let permission = text.rsplit_once("Needs the permission `").map(|(_, rest)| {
                let name = rest.split('`').next().unwrap();
                Permission::from_text(name).unwrap_or_else(|| panic!("{name}"))
            });
            let method = method.to_uppercase().parse().unwrap();
            operations.push((
                method,
                [
                    "{id}",
                    "{number}",
                    "{language}",
                    "{name}",
                    "{review}",
                    "{pack}",
                    "{format}",
                    "{address}",
                ]
                .into_iter()
                .fold(path.clone(), |path, part| path.replace(part, "1")),
                permission,
            ));
        }
    }
    operations
}

fn body(method: &Method) -> Option<Value> {
    [Method::POST, Method::PUT, Method::PATCH].contains(method).then(|| json!({}))
}

#[test]
fn every_route_but_the_public_ones_names_its_permission() {
    let operations = operations();
    assert!(operations.len() > 55, "{}", operations.len());
    for (method, path, permission) in operations {
        let is_sign_in = path == "/api/v1/session" && method == Method::POST;
        let is_public =
            PUBLIC.contains(&path.as_str()) && (!path.starts_with("/api") || is_sign_in);
        assert_eq!(permission.is_none(), is_public, "{method} {path}");
    }
}

#[tokio::test]
async fn nothing_is_answered_without_a_good_token() {
    let rig = Rig::new().await;
    let expired = rig.token(Role::Administrator).await;
    rig.clock.advance(std::time::Duration::from_secs(13 * 3600));
    let unknown = format!("sgt_{}", "0".repeat(64));
    for (method, path, permission) in operations() {
        if permission.is_none() {
            continue;
        }
        for token in ["", "nonsense", &unknown, &expired] {
            let got = rig.ask(method.clone(), &path, token, body(&method)).await;
            assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{method} {path} {token}");
            assert!(got.header("www-authenticate").starts_with("Bearer"));
        }
    }
}

#[tokio::test]
async fn every_route_answers_those_roles_that_the_table_names() {
    let rig = Rig::new().await;
    for role in Role::ALL {
        for (method, path, permission) in operations() {
            let Some(permission) = permission else { continue };
            let token = rig.token(*role).await;
            let got = rig.ask(method.clone(), &path, &token, body(&method)).await;
            let refused = got.status == StatusCode::FORBIDDEN;
            assert_eq!(refused, !role.allows(permission), "{role:?} {method} {path}: {got:?}");
            assert_ne!(got.status, StatusCode::UNAUTHORIZED, "{role:?} {method} {path}");
            assert!(!got.status.is_server_error(), "{role:?} {method} {path}: {got:?}");
        }
    }
}

#[tokio::test]
async fn the_office_is_closed_to_agents_and_sql_to_supervisors() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    for path in ["/api/v1/users", "/api/v1/trunks", "/api/v1/reports", "/api/v1/audit"] {
        assert_eq!(rig.get(path, &agent).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let supervisor = rig.token(Role::Supervisor).await;
    let sql = json!({"sql": "SELECT 1"});
    let refused = rig.post("/api/v1/sql", &supervisor, sql.clone()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let manager = rig.token(Role::Manager).await;
    assert_eq!(rig.post("/api/v1/sql", &manager, sql).await.status, StatusCode::OK);
    let sealing = rig.post("/api/v1/warehouse/seal", &manager, json!({})).await;
    assert_eq!(sealing.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_agent_changes_their_own_state_and_no_other() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let pause = json!({"action": "break", "reason": "午餐"});
    let got = rig.post(&format!("/api/v1/agents/{own}/state"), &token, pause.clone()).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    // The plan may be on its way at any time.
    let mut asked = rig.calls.asked.lock().unwrap().clone();
    asked.retain(|ask| !matches!(ask, Ask::Plan(_)));
    let action = AgentAction::Break { reason: "午餐".into() };
    assert_eq!(asked, [Ask::Agent { tenant: rig.tenant(), agent: own, action }]);
    let got = rig.post(&format!("/api/v1/agents/{other}/state"), &token, pause.clone()).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    let supervisor = rig.token(Role::Supervisor).await;
    let got = rig.post(&format!("/api/v1/agents/{other}/state"), &supervisor, pause.clone()).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT);
    *rig.calls.refuse.lock().unwrap() = Some("the phone is not registered".into());
    let got = rig.post(&format!("/api/v1/agents/{own}/state"), &token, pause).await;
    assert_eq!(
        (got.status, got.json()["message"].as_str()),
        (StatusCode::CONFLICT, Some("the phone is not registered"))
    );
}

#[tokio::test]
async fn an_agent_asks_not_to_be_disturbed_and_a_supervisor_for_others() {
    let rig = Rig::new().await;
    let (own, other) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let quiet = |on: bool| json!({"action": "do_not_disturb", "on": on});
    let (agent, supervisor) = (rig.token(Role::Agent).await, rig.token(Role::Supervisor).await);
    let (_, foreign) = rig.other_tenant().await;
    for (who, of, on, status) in [
        (&agent, own, true, StatusCode::NO_CONTENT),
        (&agent, other, true, StatusCode::FORBIDDEN),
        (&supervisor, other, false, StatusCode::NO_CONTENT),
        (&foreign, other, true, StatusCode::NOT_FOUND),
    ] {
        let got = rig.post(&format!("/api/v1/agents/{of}/state"), who, quiet(on)).await;
        assert_eq!(got.status, status, "{got:?}");
    }
    let asked = rig.calls.asked.lock().unwrap().clone();
    let asked: Vec<_> = asked.into_iter().filter(|ask| matches!(ask, Ask::Agent { .. })).collect();
    let ask = |agent, on| {
        let action = AgentAction::DoNotDisturb { on };
        Ask::Agent { tenant: rig.tenant(), agent, action }
    };
    assert_eq!(asked, [ask(own, true), ask(other, false)]);
    let unclear = json!({"action": "do_not_disturb"});
    let got = rig.post(&format!("/api/v1/agents/{own}/state"), &agent, unclear).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_agent_acts_on_their_own_live_call_and_no_other() {
    let rig = Rig::new().await;
    let uri = format!("/api/v1/calls/{LIVE_CALL}/actions");
    let hold = json!({"action": "hold"});
    let own = rig.token(Role::Agent).await;
    assert_eq!(rig.post(&uri, &own, hold.clone()).await.status, StatusCode::NO_CONTENT);
    let second = rig.first.agents[1].0;
    let other =
        rig.token_of(rig.tenant(), terms::UserId(second.0), Role::Agent, Some(second)).await;
    assert_eq!(rig.post(&uri, &other, hold.clone()).await.status, StatusCode::FORBIDDEN);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.post(&uri, &foreign, hold).await.status, StatusCode::NOT_FOUND);
    let keys = json!({"action": "send_digits", "digits": "1#"});
    assert_eq!(rig.post(&uri, &own, keys).await.status, StatusCode::NO_CONTENT);
    let action = terms::control::CallAction::SendDigits { digits: "1#".into() };
    let ask = Ask::Call { tenant: rig.tenant(), call: LIVE_CALL, action };
    assert!(rig.calls.asked.lock().unwrap().contains(&ask));
    let evil = json!({"action": "transfer", "target": "sip:x@evil.example"});
    assert_eq!(rig.post(&uri, &own, evil).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn assigning_an_order_needs_a_dispatcher() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    let new =
        json!({"kind": "报修", "title": "漏水", "customer_number": "13800138000", "call": "77"});
    let made = rig.post("/api/v1/orders", &agent, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let order = made.json();
    assert_eq!((&order["department"], &order["status"]), (&json!("维修部"), &json!("open")));
    assert_eq!(order["deadline_at"], "2026-11-25T04:00:00.000Z");
    let uri = format!("/api/v1/orders/{}/steps", order["id"].as_str().unwrap());
    let assign = json!({"action": "assign", "department": "二组", "note": "急"});
    assert_eq!(rig.post(&uri, &agent, assign.clone()).await.status, StatusCode::FORBIDDEN);
    let supervisor = rig.token(Role::Supervisor).await;
    let got = rig.post(&uri, &supervisor, assign).await;
    assert_eq!((got.status, got.json()["department"].as_str()), (StatusCode::OK, Some("二组")));
    let start = rig.post(&uri, &agent, json!({"action": "start", "version": 2})).await;
    assert_eq!(start.json()["status"], "in_progress");
    let again = rig.post(&uri, &agent, json!({"action": "start"})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    rig.clock.advance(std::time::Duration::from_secs(49 * 3600));
    let agent = rig.token(Role::Agent).await;
    let late = rig.get("/api/v1/orders?status=overdue&call=77", &agent).await.json();
    assert_eq!(
        (late["orders"][0]["status"].as_str(), late["orders"].as_array().unwrap().len()),
        (Some("overdue"), 1)
    );
    let steps = rig.get(&uri, &agent).await.json();
    assert_eq!(steps.as_array().unwrap().len(), 3);
    assert_eq!(steps[1]["note"], "急");
}

#[tokio::test]
async fn ten_failures_lock_an_address_out_but_nobody_else() {
    let rig = Rig::new().await;
    let (login, password) = &rig.first.administrator;
    let wrong = json!({"login": login, "password": "not-the-password"});
    let right = json!({"user": login, "password": password.expose()});
    for _ in 0..10 {
        let got = rig.post("/api/v1/session", "", wrong.clone()).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    }
    let got = rig.post("/api/v1/session", "", right.clone()).await;
    assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(got.header("retry-after"), "900");
    let mut elsewhere = request(Method::POST, "/api/v1/session", "", Some(right.clone()));
    let other = std::net::SocketAddr::from(([198, 51, 100, 7], 5000));
    elsewhere.extensions_mut().insert(axum::extract::ConnectInfo(other));
    let got = rig.send(elsewhere).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let session = got.json();
    assert_eq!(session["role"], "administrator");
    let token = session["token"].as_str().unwrap();
    assert_eq!(rig.get("/api/v1/session", token).await.json()["login"], *login);
    let out = rig.ask(Method::DELETE, "/api/v1/session", token, None).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/api/v1/session", token).await.status, StatusCode::UNAUTHORIZED);
    rig.clock.advance(std::time::Duration::from_secs(901));
    assert_eq!(rig.post("/api/v1/session", "", right).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn another_tenants_business_is_not_found() {
    let rig = Rig::new().await;
    let (_, foreign) = rig.other_tenant().await;
    let agent = rig.first.agents[0].0;
    for path in [
        format!("/api/v1/agents/{agent}"),
        format!("/api/v1/users/{agent}"),
        "/api/v1/queues/1".to_owned(),
        "/api/v1/flows/1".to_owned(),
        "/api/v1/flows/1/history".to_owned(),
    ] {
        let ours = rig.token(Role::Administrator).await;
        assert_eq!(rig.get(&path, &ours).await.status, StatusCode::OK, "{path}");
        assert_eq!(rig.get(&path, &foreign).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["agents", "queues", "flows", "numbers", "trunks", "customers"] {
        let got = rig.get(&format!("/api/v1/{path}"), &foreign).await;
        assert_eq!(got.json(), json!([]), "{path}");
    }
}
