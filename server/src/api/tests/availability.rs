//! How long the processes of the box ran.

use super::rig::{NOON, Rig};
use crate::uptime::{Journal, What};
use axum::http::StatusCode;
use desk::Role;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn the_share_of_time_in_which_a_process_ran_is_told_without_stops_that_were_asked_for() {
    let rig = Rig::new().await;
    std::fs::create_dir_all(rig.folder.path().join("run")).unwrap();
    let journal = Journal::open(rig.folder.path());
    let at = |back: u64| terms::Timestamp(NOON.0 - Duration::from_secs(back).as_micros() as i64);
    for (back, what) in
        [(10_000, What::Up), (5_100, What::Ended), (5_099, What::Up), (99, What::Stopped)]
    {
        journal.note(at(back), "calls", what);
    }
    let token = rig.token(Role::Administrator).await;
    let uri = format!("/api/v1/availability?from={}&to={NOON}", at(10_099));
    let got = rig.get(&uri, &token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let told = got.json();
    let calls = &told[0];
    assert_eq!(calls["process"], "calls");
    assert_eq!(
        (calls["up_ms"].as_i64(), calls["down_ms"].as_i64()),
        (Some(9_900_000), Some(1_000))
    );
    assert_eq!((calls["stopped_ms"].as_i64(), calls["ends"].as_i64()), (Some(99_000), Some(1)));
    let share = calls["availability"].as_f64().unwrap();
    assert!((share - 9_900.0 / 9_901.0).abs() < 1e-9, "{share}");
    let wrong = rig.get(&format!("/api/v1/availability?from={NOON}&to={NOON}"), &token).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get(&uri, &agent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_report_on_the_system_says_how_long_processes_ran_on_each_day() {
    let rig = Rig::new().await;
    std::fs::create_dir_all(rig.folder.path().join("run")).unwrap();
    let journal = Journal::open(rig.folder.path());
    let hours = Duration::from_secs(3_600);
    let at = |back: Duration| terms::Timestamp(NOON.0 - back.as_micros() as i64);
    let minute = Duration::from_secs(60);
    for (back, what) in [(15 * hours, What::Up), (hours, What::Ended), (hours - minute, What::Up)] {
        journal.note(at(back), "calls", what);
    }
    let token = rig.token(Role::Administrator).await;
    let uri = "/api/v1/reports/system?period=2026-11-22..2026-11-23&format=json";
    let got = rig.get(uri, &token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let told = got.json();
    let ran = |row: usize| {
        let cells = &told["rows"][row]["cells"];
        let part = |part: &str| cells["calls_up"][part].as_i64().unwrap();
        let down = cells["calls_down_ms"]["ms"].as_i64().unwrap();
        (part("numerator"), part("denominator"), down)
    };
    // Three hours before midnight in Shanghai, and twelve after it.
    let hour = 3_600_000;
    assert_eq!(ran(0), (3 * hour, 3 * hour, 0));
    assert_eq!(ran(1), (12 * hour - 60_000, 12 * hour, 60_000));
    // How the box ran is not of one organisation alone.
    let manager = rig.token(Role::Manager).await;
    assert_eq!(rig.get(uri, &manager).await.status, StatusCode::FORBIDDEN);
    for (who, shown) in [(&manager, false), (&token, true)] {
        let listed = rig.get("/api/v1/reports", who).await.json();
        let has = listed.as_array().unwrap().iter().any(|report| report["id"] == "system");
        assert_eq!(has, shown);
    }
    let saved = json!({
        "name": "box", "report": "system", "period": "yesterday", "format": "pdf", "language": "en",
    });
    let refused = rig.post("/api/v1/saved-reports", &token, saved).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["field"], "report");
}
