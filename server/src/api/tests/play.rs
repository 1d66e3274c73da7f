//! Something is said into a live call: who may have it said, and what the switch is asked.

use super::rig::{LIVE_CALL, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::control::{Ask, CallAction, PlayTo, PlayWhat};
use terms::{AgentId, UserId};

fn asked(rig: &Rig) -> Vec<CallAction> {
    let asked = rig.calls.asked.lock().unwrap();
    let of = asked.iter().filter_map(|ask| match ask {
        Ask::Call { tenant, call, action } => {
            assert_eq!((*tenant, *call), (rig.tenant(), LIVE_CALL));
            Some(action.clone())
        }
        _ => None,
    });
    of.collect()
}

async fn play(rig: &Rig, token: &str, body: Value) -> StatusCode {
    rig.post(&format!("/api/v1/calls/{LIVE_CALL}/play"), token, body).await.status
}

#[tokio::test]
async fn the_agent_of_a_call_and_a_supervisor_have_something_said_into_it_and_nobody_next_door() {
    let rig = Rig::new().await;
    let own = rig.token(Role::Agent).await;
    let beside: AgentId = rig.first.agents[1].0;
    let (user, role) = (UserId(beside.0), Role::Agent);
    let neighbour = rig.token_of(rig.tenant(), user, role, Some(beside)).await;
    let (_, foreign) = rig.other_tenant().await;
    let goodbye = json!({"prompt": "goodbye"});
    assert_eq!(play(&rig, &neighbour, goodbye.clone()).await, StatusCode::FORBIDDEN);
    assert_eq!(play(&rig, &foreign, goodbye.clone()).await, StatusCode::NOT_FOUND);
    for wrong in [
        json!({}),
        json!({"prompt": "goodbye", "text": "hello"}),
        json!({"prompt": "no-such-prompt"}),
        json!({"text": ""}),
        json!({"prompt": "goodbye", "to": "everybody"}),
    ] {
        let status = play(&rig, &own, wrong.clone()).await;
        assert!(status.is_client_error(), "{wrong}: {status}");
    }
    assert_eq!(asked(&rig), []);
    let supervisor = rig.token(Role::Supervisor).await;
    let apart = json!({"prompt": "goodbye", "to": "customer", "apart": true});
    for (token, body) in [(&own, apart), (&supervisor, goodbye)] {
        assert_eq!(play(&rig, token, body).await, StatusCode::NO_CONTENT);
    }
    let uri = format!("/api/v1/calls/{LIVE_CALL}/play");
    let stopped = rig.ask(Method::DELETE, &uri, &own, None).await;
    assert_eq!(stopped.status, StatusCode::NO_CONTENT);
    let what = PlayWhat::Prompt("goodbye".into());
    let asked = asked(&rig);
    let [CallAction::Play(one), CallAction::Play(two), CallAction::StopPlay] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert_eq!((&one.what, one.to, one.apart), (&what, PlayTo::Customer, true));
    assert_eq!((&two.what, two.to, two.apart), (&what, PlayTo::Both, false));
    assert_ne!(one.by, two.by, "each says who asks");
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(noted.iter().filter(|action| **action == "call.play").count(), 2, "{noted:?}");
    assert!(noted.contains(&"call.play.stop"), "{noted:?}");
    let told = rows.iter().any(|row| row.subject == format!("{LIVE_CALL} to customer: goodbye"));
    assert!(told, "whom, and what");
}
