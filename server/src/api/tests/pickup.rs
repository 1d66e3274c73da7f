//! Pickup from the outside: who may, what the switch is asked, and whose right it is to give.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;
use terms::AgentId;
use terms::control::Ask;

/// What the switch was asked to pick up: by whom, and at whose phone.
fn asked(rig: &Rig) -> Vec<(AgentId, Option<AgentId>)> {
    let asked = rig.calls.asked.lock().unwrap();
    let pickups = asked.iter().filter_map(|ask| match ask {
        Ask::PickUp { tenant, by, from } => {
            assert_eq!(*tenant, rig.tenant());
            Some((*by, *from))
        }
        _ => None,
    });
    pickups.collect()
}

#[tokio::test]
async fn an_agent_picks_up_of_the_team_and_of_a_colleague_by_name() {
    let rig = Rig::new().await;
    let (own, second) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let token = rig.token(Role::Agent).await;
    let of_second = format!("/api/v1/agents/{second}/pick-up");
    for uri in ["/api/v1/pick-up", &of_second] {
        let got = rig.ask(Method::POST, uri, &token, None).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT, "{uri}: {got:?}");
    }
    assert_eq!(asked(&rig), [(own, None), (own, Some(second))]);
    for why in ["nothing rings there that you may pick up", "you have another call"] {
        *rig.calls.refuse.lock().unwrap() = Some(why.into());
        let got = rig.ask(Method::POST, &of_second, &token, None).await;
        assert_eq!(got.status, StatusCode::CONFLICT);
        assert_eq!(got.json()["message"], why);
    }
}

#[tokio::test]
async fn an_agent_parks_sees_the_slot_and_takes_from_it() {
    let rig = Rig::new().await;
    let own = rig.first.agents[0].0;
    let token = rig.token(Role::Agent).await;
    let take = |slot: u16| Some(json!({"slot": slot}));
    let uri = "/api/v1/take-parked";
    let got = rig.ask(Method::POST, uri, &token, take(3)).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    for wrong in [take(256), Some(json!({})), Some(json!({"slot": "3"}))] {
        let got = rig.ask(Method::POST, uri, &token, wrong).await;
        assert!(got.status.is_client_error(), "{got:?}");
    }
    let manager = rig.token(Role::Manager).await;
    let got = rig.ask(Method::POST, uri, &manager, take(3)).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "who has no phone: {got:?}");
    let taken: Vec<Ask> = {
        let asked = rig.calls.asked.lock().unwrap();
        let takes = asked.iter().filter(|ask| matches!(ask, Ask::TakeParked { .. }));
        takes.cloned().collect()
    };
    assert_eq!(taken, [Ask::TakeParked { tenant: rig.tenant(), by: own, slot: 3 }]);
    let live = rig.ask(Method::GET, "/api/v1/live", &token, None).await;
    assert_eq!(live.json()["calls"][0]["parked"], 3, "{live:?}");
    for why in [
        "there is no conversation to park",
        "every slot has somebody parked on it",
        "there is no such slot",
        "somebody is parked there already",
        "nobody is parked there",
    ] {
        assert!(crate::api::messages::in_chinese(why).is_some(), "{why}");
    }
}

#[tokio::test]
async fn who_has_no_phone_and_who_is_of_another_tenant_picks_up_nothing() {
    let rig = Rig::new().await;
    let second = rig.first.agents[1].0;
    let of_second = format!("/api/v1/agents/{second}/pick-up");
    let manager = rig.token(Role::Manager).await;
    for uri in ["/api/v1/pick-up", &of_second] {
        let got = rig.ask(Method::POST, uri, &manager, None).await;
        assert_eq!(got.status, StatusCode::CONFLICT, "{uri}: {got:?}");
    }
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::POST, &of_second, &foreign, None).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert_eq!(asked(&rig), []);
}

#[tokio::test]
async fn administrators_alone_let_an_agent_pick_up_anybodys_calls() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    let uri = format!("/api/v1/agents/{agent}/pickup-right");
    let any = json!({"any": true});
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let got = rig.ask(Method::PUT, &uri, &rig.token(role).await, Some(any.clone())).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::PUT, &uri, &foreign, Some(any.clone())).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "{got:?}");
    let may = |plan: terms::routing::Plan| plan.agent(agent).map(|agent| agent.pickup_any);
    assert_eq!(
        may(rig.store.compile_plan(rig.tenant()).await.unwrap()),
        Some(false),
        "denied at first"
    );

    let administrator = rig.token(Role::Administrator).await;
    let got = rig.ask(Method::PUT, &uri, &administrator, Some(any)).await;
    assert_eq!((got.status, got.json()["pickup_any"].as_bool()), (StatusCode::OK, Some(true)));
    assert_eq!(may(rig.store.compile_plan(rig.tenant()).await.unwrap()), Some(true));
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = rows.iter().find(|row| row.action == "agent.pickup_any").expect("written down");
    assert!(noted.subject.contains(&agent.to_string()), "{}", noted.subject);
    let taken = rig.ask(Method::PUT, &uri, &administrator, Some(json!({"any": false}))).await;
    assert_eq!(taken.json()["pickup_any"], json!(false));
    assert_eq!(may(rig.store.compile_plan(rig.tenant()).await.unwrap()), Some(false));
}
