//! Addresses that SIP does not listen to.

use super::rig::{NOON, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;
use terms::control::{Ask, Ban, BanReason};

const BANS: &str = "/api/v1/bans";

fn ban(address: &str) -> Ban {
    Ban {
        address: address.parse().unwrap(),
        why: BanReason::Passwords,
        named: "<script>\u{1b}".into(),
        since: NOON,
        until: NOON + Duration::from_secs(600),
        claimed: false,
        times: 1,
    }
}

fn lifted(rig: &Rig) -> Vec<IpAddr> {
    let asked = rig.calls.asked.lock().unwrap();
    let lifted = asked.iter().filter_map(|ask| match ask {
        Ask::LiftBan(address) => Some(*address),
        _ => None,
    });
    lifted.collect()
}

#[tokio::test]
async fn administrators_see_bans_and_lift_them_and_who_did_is_noted() {
    let rig = Rig::new().await;
    *rig.calls.bans.lock().unwrap() = vec![ban("198.51.100.66"), ban("2001:db8::")];
    let admin = rig.token(Role::Administrator).await;
    let got = rig.get(BANS, &admin).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let expected = json!({
        "address": "198.51.100.66", "why": "passwords", "named": "<script>\u{1b}",
        "since": "2026-11-23T04:00:00.000Z", "until": "2026-11-23T04:10:00.000Z",
        "claimed": false, "times": 1,
    });
    assert_eq!(got.json()[0], expected);

    for (address, status) in [
        ("198.51.100.67", StatusCode::NOT_FOUND),
        ("2001:db8:0:1::7", StatusCode::NOT_FOUND),
        ("everybody", StatusCode::NOT_FOUND),
        ("198.51.100.66", StatusCode::NO_CONTENT),
        ("2001:db8::7", StatusCode::NO_CONTENT),
    ] {
        let got = rig.ask(Method::DELETE, &format!("{BANS}/{address}"), &admin, None).await;
        assert_eq!(got.status, status, "{address}: {got:?}");
    }
    let both = ["198.51.100.66", "2001:db8::7"].map(|text| text.parse::<IpAddr>().unwrap());
    assert_eq!(lifted(&rig), both);
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = rows.iter().filter(|row| row.action == "ban.lift");
    let noted: Vec<&str> = noted.map(|row| row.subject.as_str()).collect();
    assert_eq!(noted, ["2001:db8::7", "198.51.100.66"], "the latest first");
}

#[tokio::test]
async fn nobody_below_an_administrator_sees_or_lifts_a_ban() {
    let rig = Rig::new().await;
    *rig.calls.bans.lock().unwrap() = vec![ban("198.51.100.66")];
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let token = rig.token(role).await;
        assert_eq!(rig.get(BANS, &token).await.status, StatusCode::FORBIDDEN);
        let one = format!("{BANS}/198.51.100.66");
        let got = rig.ask(Method::DELETE, &one, &token, None).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN);
    }
    assert!(lifted(&rig).is_empty());
    let admin = rig.token(Role::Administrator).await;
    *rig.calls.refuse.lock().unwrap() = Some("it is starting".into());
    assert_eq!(rig.get(BANS, &admin).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
