//! How long rows of the warehouse stay.

use super::rig::{NOON, Rig, call_row, item_row};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use terms::record::{Call, Row};
use terms::{CallId, TenantId, Timestamp};

const DAY_US: i64 = 86_400_000_000;

impl Rig {
    /// A call that began so many days before noon.
    async fn aged_call(&self, tenant: TenantId, days: i64) -> CallId {
        let call = CallId(self.id());
        let row = call_row(tenant, call, 1, 60, self.first.agents[0].0);
        let started_at = Timestamp(NOON.0 - days * DAY_US);
        let caller = format!("+8613900000{days:03}");
        self.stage(&[Row::Call(Call { started_at, caller, ..row })]).await;
        call
    }

    async fn calls_left(&self, token: &str) -> Vec<String> {
        let sql = "SELECT call_id FROM calls ORDER BY started_at";
        let got = self.post("/api/v1/sql", token, json!({"sql": sql})).await.json();
        let id = |row: &Value| row["call_id"].as_str().unwrap_or_default().to_owned();
        got["rows"].as_array().unwrap().iter().map(id).collect()
    }

    async fn keep_rows(&self, token: &str, rows: Value) -> StatusCode {
        let body = json!({"days": 0, "rows": rows});
        self.ask(Method::PUT, "/api/v1/retention", token, Some(body)).await.status
    }
}

#[tokio::test]
async fn rows_go_after_the_days_of_their_setting_and_the_audit_table_has_the_counts() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let (other, their_token) = rig.other_tenant().await;
    let (tenant, day) = (rig.tenant(), |days| rig.aged_call(rig.tenant(), days));
    let (old, young) = (day(120).await, day(80).await);
    let theirs = rig.aged_call(other, 120).await;
    rig.warehouse.publish_all().await.unwrap();
    rig.deletion.round(NOON).await.unwrap();
    let all = vec![old.to_string(), young.to_string()];
    assert_eq!(rig.calls_left(&token).await, all, "rows are kept for ever by default");

    assert_eq!(rig.keep_rows(&token, json!({"events": 10})).await, StatusCode::NO_CONTENT);
    rig.deletion.round(NOON).await.unwrap();
    assert_eq!(rig.calls_left(&token).await, all, "events are another setting");
    assert_eq!(rig.keep_rows(&token, json!({"calls": 90})).await, StatusCode::NO_CONTENT);
    let got = rig.get("/api/v1/retention", &token).await.json();
    assert_eq!(got["rows"]["calls"], 90);
    rig.deletion.round(NOON).await.unwrap();
    assert_eq!(rig.calls_left(&token).await, [young.to_string()]);
    assert_eq!(rig.calls_left(&their_token).await, [theirs.to_string()]);
    assert_eq!(rig.warehouse.verify().await.unwrap().faults, Vec::<String>::new());

    rig.deletion.round(NOON).await.unwrap();
    let audit = rig.store.audit(tenant, None, 50).await.unwrap();
    let notes: Vec<&str> = audit
        .iter()
        .filter(|row| row.action == "rows.retention")
        .map(|row| row.subject.as_str())
        .collect();
    assert_eq!(notes, ["1 rows of calls of 1 days kept for 90 days; 0 held"], "once");
}

#[tokio::test]
async fn rows_of_items_have_a_setting_of_their_own() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let ended = |days: i64| Timestamp(NOON.0 - days * DAY_US);
    let items = [(1, 120), (2, 80)];
    let items = items.map(|(id, days)| Row::Item(item_row(rig.tenant(), id, None, ended(days))));
    rig.stage(&items).await;
    let call = rig.aged_call(rig.tenant(), 120).await;
    rig.warehouse.publish_all().await.unwrap();
    assert_eq!(rig.keep_rows(&token, json!({"items": 90})).await, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/api/v1/retention", &token).await.json()["rows"]["items"], 90);
    rig.deletion.round(NOON).await.unwrap();
    let sql = json!({"sql": "SELECT item_id FROM items"});
    let got = rig.post("/api/v1/sql", &token, sql).await.json();
    assert_eq!(got["rows"], json!([{"item_id": "2"}]));
    assert_eq!(rig.calls_left(&token).await, [call.to_string()], "calls are another setting");
}

#[tokio::test]
async fn a_hold_on_a_number_or_contact_keeps_rows_until_it_is_lifted() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let (by_contact, by_number, free) = (
        rig.aged_call(rig.tenant(), 120).await,
        rig.aged_call(rig.tenant(), 110).await,
        rig.aged_call(rig.tenant(), 100).await,
    );
    rig.warehouse.publish_all().await.unwrap();
    let mut holds = Vec::new();
    for (kind, value) in
        [("contact", by_contact.to_string()), ("number", "139 0000 0110".to_owned())]
    {
        let body = json!({"kind": kind, "value": value, "reason": "case 7"});
        let got = rig.post("/api/v1/holds", &token, body).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
        holds.push(got.json()["id"].as_i64().unwrap());
    }
    assert_eq!(rig.keep_rows(&token, json!({"calls": 90})).await, StatusCode::NO_CONTENT);
    rig.deletion.round(NOON).await.unwrap();
    let left = rig.calls_left(&token).await;
    assert_eq!(left, [by_contact.to_string(), by_number.to_string()]);
    assert!(!left.contains(&free.to_string()));
    for hold in holds {
        let body = json!({"reason": "the case is closed"});
        let got = rig.post(&format!("/api/v1/holds/{hold}/lift"), &token, body).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT);
    }
    rig.deletion.round(NOON).await.unwrap();
    assert_eq!(rig.calls_left(&token).await, Vec::<String>::new());
}

/// A table of the manifest is away.
#[tokio::test]
async fn a_round_that_stops_at_rows_says_so() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    assert_eq!(rig.keep_rows(&token, json!({"calls": 90})).await, StatusCode::NO_CONTENT);
    let rename = async |from: &str, to: &str| {
        let file = rig.folder.path().join("warehouse/warehouse.db");
        let options = SqliteConnectOptions::new().filename(file);
        let mut manifest = SqliteConnection::connect_with(&options).await.unwrap();
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut manifest).await.unwrap();
        manifest.close().await.unwrap();
    };
    rename("aged", "away").await;
    assert_eq!(rig.deletion.round(NOON).await.unwrap().stopped, 1);
    let told = async || rig.get("/api/v1/retention/round", &token).await.json();
    assert_eq!(told().await["stopped"], "rows");
    rename("away", "aged").await;
    assert_eq!(rig.deletion.round(NOON).await.unwrap().stopped, 0);
    assert_eq!(told().await["stopped"], Value::Null);
}

#[tokio::test]
async fn rows_of_recordings_cannot_go_before_the_recordings() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    assert_eq!(rig.keep_rows(&token, json!({"recordings": 90})).await, StatusCode::BAD_REQUEST);
    assert_eq!(rig.keep_rows(&token, json!({"calls": 40_000})).await, StatusCode::BAD_REQUEST);
    assert_eq!(rig.keep_rows(&token, json!({"callers": 4})).await, StatusCode::BAD_REQUEST);
}
