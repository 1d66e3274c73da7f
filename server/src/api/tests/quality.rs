//! How a live call sounds, and who may know.

use super::rig::{LIVE_CALL, Rig};
use axum::http::StatusCode;
use desk::Role;
use serde_json::json;
use terms::UserId;

fn path(call: impl std::fmt::Display) -> String {
    format!("/api/v1/calls/{call}/quality")
}

#[tokio::test]
async fn a_supervisor_reads_how_a_live_call_sounds() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let got = rig.get(&path(LIVE_CALL), &token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let quality = got.json();
    assert_eq!(quality["call"], LIVE_CALL.to_string());
    let leg = &quality["legs"][0];
    assert_eq!((&leg["role"], &leg["codec"]), (&json!("customer"), &json!("PCMA")));
    let heard = &leg["heard"];
    assert_eq!(heard["packets_lost"], 5);
    assert_eq!((&heard["mos_cq"], &heard["jitter_ms"]), (&json!(4.21), &json!(1.25)));
    assert_eq!((&heard["bursts"], &heard["burst_density"]), (&json!(1), &json!(0.5)));
    assert_eq!(heard["burst_ms"], 200);
    assert_eq!(heard["epochs"][0]["ssrc"], "0000000a");
    assert_eq!(heard["round_trip_ms"], json!(null), "no reports, no round trip");
    assert_eq!(leg["far"]["mos_cq"], 3.9);
    let silent = &quality["legs"][1];
    assert_eq!((&silent["far"], &silent["heard"]["mos_cq"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn an_agent_reads_their_own_call_and_nobody_reads_another_tenants() {
    let rig = Rig::new().await;
    let own = rig.token(Role::Agent).await;
    assert_eq!(rig.get(&path(LIVE_CALL), &own).await.status, StatusCode::OK);
    let other = rig.first.agents[1].0;
    let colleague = rig.token_of(rig.tenant(), UserId(other.0), Role::Agent, Some(other)).await;
    assert_eq!(rig.get(&path(LIVE_CALL), &colleague).await.status, StatusCode::FORBIDDEN);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(&path(LIVE_CALL), &foreign).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(&path(1), &own).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(&path("x"), &own).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_switch_that_does_not_answer_is_a_503() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    *rig.calls.refuse.lock().unwrap() = Some("the switch is starting".into());
    assert_eq!(rig.get(&path(LIVE_CALL), &token).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
