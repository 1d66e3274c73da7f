//! Connectors to business databases: who may make them, that a password never comes back, and that a
//! published flow keeps what it asks.

use super::rig::{Got, Rig};
use axum::http::{Method, StatusCode};
use desk::connector::{Connector, ConnectorDraft};
use desk::{By, Role};
use serde_json::{Value, json};
use terms::Timestamp;

const GAS: &str = "/api/v1/connectors/gas";

async fn put(rig: &Rig, token: &str, body: Value) -> Got {
    rig.ask(Method::PUT, GAS, token, Some(body)).await
}

fn server() -> Value {
    json!({"address": "postgres://db.example/gas", "user": "ivr", "password": "hunter2"})
}

#[tokio::test]
async fn administrators_make_connectors_whose_password_reaches_the_plan_and_nobody_else() {
    let rig = Rig::new().await;
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let token = rig.token(role).await;
        assert_eq!(put(&rig, &token, server()).await.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let token = rig.token(Role::Administrator).await;
    let made = put(&rig, &token, server()).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    assert_eq!(made.json()["has_password"], true);
    assert_eq!(made.json()["address"], "postgres://db.example:5432/gas?sslmode=require");
    let listed = rig.get("/api/v1/connectors", &token).await.json();
    assert_eq!((&listed[0]["name"], &listed[0]["writes"]), (&json!("gas"), &json!(false)));
    assert!(!made.json().to_string().contains("hunter2"));
    assert!(!listed.to_string().contains("hunter2"));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!(plan.connectors[0].password, "hunter2");
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");

    // It stays where it was given, and is not sent to another place.
    let mut change = server();
    change.as_object_mut().unwrap().remove("password");
    change["writes"] = json!(true);
    assert_eq!(put(&rig, &token, change.clone()).await.json()["has_password"], true);
    for (field, other) in [("address", "postgres://evil.example/gas"), ("user", "root")] {
        let mut moved = change.clone();
        moved[field] = json!(other);
        let refused = put(&rig, &token, moved).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{field}: {refused:?}");
    }
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let kept = &plan.connectors[0];
    assert_eq!((kept.password.as_str(), kept.writes), ("hunter2", true));
    let audit = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.action == "connector.put").count(), 2);
    assert!(!format!("{audit:?}").contains("hunter2"));

    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get("/api/v1/connectors", &foreign).await.json(), json!([]));
    let gone = rig.ask(Method::DELETE, GAS, &foreign, None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

/// Made beside the API: with a second administrator a flow would have to be approved first.
async fn file(rig: &Rig, writes: bool) -> desk::Result<Connector> {
    let draft = json!({"address": "sqlite:gas.db", "writes": writes});
    let draft: ConnectorDraft = serde_json::from_value(draft).unwrap();
    let by = By::system("test", Timestamp::from_secs(1_795_406_400));
    rig.store.put_connector(rig.tenant(), &by, "gas", &draft).await
}

#[tokio::test]
async fn a_published_flow_keeps_its_database_and_the_right_to_write_there() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let document = json!({"format": 1, "start": "note", "steps": {
        "note": {"kind": "sql", "connector": "gas", "write": true,
            "statement": "INSERT INTO calls (who) VALUES (:caller)",
            "found": "bye", "none": "bye", "on": {"error": "bye", "timeout": "bye"}},
        "bye": {"kind": "hangup"}}});
    let check = async || {
        let body = json!({"document": document});
        rig.post("/api/v1/flows/check", &token, body).await.json()["problems"].to_string()
    };
    assert!(check().await.contains("there is no database"));
    file(&rig, false).await.unwrap();
    assert!(check().await.contains("is only read"));
    file(&rig, true).await.unwrap();
    assert_eq!(check().await, "[]");
    let draft = json!({"name": "gas", "document": document});
    let made = rig.post("/api/v1/flows", &token, draft).await.json();
    let publish = format!("/api/v1/flows/{}/publish", made["id"].as_str().unwrap());
    let done = rig.post(&publish, &token, json!({"revision": 1})).await;
    assert_eq!(done.status, StatusCode::CREATED, "{done:?}");

    let refused = file(&rig, false).await;
    assert!(matches!(refused, Err(desk::Error::Refused(_))), "{refused:?}");
    let administrator = rig.token(Role::Administrator).await;
    let refused = rig.ask(Method::DELETE, GAS, &administrator, None).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.json()["message"].to_string().contains("gas"), "{refused:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert!(plan.connectors[0].writes);
}

/// A connector to this address.
async fn lead(rig: &Rig, address: &str) -> desk::Result<Connector> {
    let draft: ConnectorDraft = serde_json::from_value(json!({"address": address})).unwrap();
    let by = By::system("test", Timestamp::from_secs(1_795_406_400));
    rig.store.put_connector(rig.tenant(), &by, "gas", &draft).await
}

#[tokio::test]
async fn a_published_flow_keeps_its_bot_and_a_database_is_none() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let document = json!({"format": 1, "start": "talk", "steps": {
        "talk": {"kind": "bot", "connector": "gas", "done": "bye",
            "on": {"error": "bye", "timeout": "bye"}},
        "bye": {"kind": "hangup"}}});
    let check = async || {
        let body = json!({"document": document});
        rig.post("/api/v1/flows/check", &token, body).await.json()["problems"].to_string()
    };
    lead(&rig, "sqlite:gas.db").await.unwrap();
    assert!(check().await.contains("there is no bot"));
    lead(&rig, "wss://bot.example/voice").await.unwrap();
    assert_eq!(check().await, "[]");
    let draft = json!({"name": "gas", "document": document});
    let made = rig.post("/api/v1/flows", &token, draft).await.json();
    let publish = format!("/api/v1/flows/{}/publish", made["id"].as_str().unwrap());
    let done = rig.post(&publish, &token, json!({"revision": 1})).await;
    assert_eq!(done.status, StatusCode::CREATED, "{done:?}");

    let administrator = rig.token(Role::Administrator).await;
    let refused = rig.ask(Method::DELETE, GAS, &administrator, None).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    let file = Some(json!({"address": "sqlite:gas.db"}));
    let refused = rig.ask(Method::PUT, GAS, &administrator, file).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    assert!(refused.json()["message"].to_string().contains("needs it to stay"), "{refused:?}");
    for (body, field) in [
        (json!({"address": "wss://bot.example/", "user": "ivr"}), "user"),
        (json!({"address": "wss://bot.example/", "writes": true}), "writes"),
    ] {
        let refused = rig.ask(Method::PUT, GAS, &administrator, Some(body)).await;
        assert_eq!(refused.json()["field"], field, "{refused:?}");
    }
    lead(&rig, "wss://other.example/voice").await.unwrap();
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert!(plan.connectors[0].database.is_bot());
}
