//! The audit as a report and in SQL: for those only who may read it.

use super::rig::{NOON, Rig};
use axum::http::StatusCode;
use desk::Role;
use serde_json::json;
use terms::UserId;
use terms::record::{Audit, Row};

const REPORT: &str = "/api/v1/reports/audit?period=2026-11-23&format=csv";

#[tokio::test]
async fn the_audit_is_reported_and_asked_by_administrators_alone() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    let manager = rig.token(Role::Manager).await;
    rig.stage(&[Row::Audit(Audit {
        tenant_id: rig.tenant(),
        audit_id: 1,
        done_at: NOON,
        user_id: Some(UserId(1)),
        login: Some("wang".to_owned()),
        source: "192.0.2.1".to_owned(),
        action: "recording.fetch".to_owned(),
        subject: "7".to_owned(),
    })])
    .await;
    let told = async |uri: &str| {
        let got = rig.get(uri, &administrator).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        String::from_utf8(got.body.to_vec()).unwrap().contains("recording.fetch")
    };
    assert!(told(REPORT).await);
    assert!(told(&format!("{REPORT}&user=1&action=recording")).await);
    assert!(!told(&format!("{REPORT}&user=2")).await);
    assert_eq!(rig.get(REPORT, &manager).await.status, StatusCode::FORBIDDEN);

    let other = "/api/v1/reports/workload?period=2026-11-23&format=csv&user=1";
    let got = rig.get(other, &administrator).await;
    assert_eq!((got.status, got.json()["field"].as_str()), (StatusCode::BAD_REQUEST, Some("user")));
    let saved = json!({
        "name": "audit", "report": "audit", "period": "yesterday", "format": "pdf", "language": "en",
    });
    let got = rig.post("/api/v1/saved-reports", &administrator, saved).await;
    assert_eq!(
        (got.status, got.json()["field"].as_str()),
        (StatusCode::BAD_REQUEST, Some("report"))
    );

    let count = json!({"sql": "SELECT count(*) AS n FROM audit", "format": "csv"});
    for (token, rows) in [(&administrator, "1"), (&manager, "0")] {
        let got = rig.post("/api/v1/sql", token, count.clone()).await;
        let text = String::from_utf8(got.body.to_vec()).unwrap();
        assert_eq!(text.lines().nth(1), Some(rows), "{text}");
        let listed = rig.get("/api/v1/reports", token).await.json();
        let has = listed.as_array().unwrap().iter().any(|report| report["id"] == "audit");
        assert_eq!(has, rows == "1");
    }
}
