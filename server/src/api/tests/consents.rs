//! What callers say of being recorded: who may note it, and where it is read.

use super::rig::{LIVE_CALL, NOON, Rig};
use axum::http::StatusCode;
use desk::Role;
use serde_json::{Value, json};
use terms::control::{Ask, CallAction};
use terms::record::{Consent, Row};
use terms::{AgentId, ContactId, FlowId, UserId};

async fn note(rig: &Rig, token: &str, body: Value) -> StatusCode {
    rig.post(&format!("/api/v1/calls/{LIVE_CALL}/consent"), token, body).await.status
}

#[tokio::test]
async fn the_agent_of_a_call_and_a_supervisor_note_what_its_caller_says_of_being_recorded() {
    let rig = Rig::new().await;
    let own = rig.token(Role::Agent).await;
    let beside: AgentId = rig.first.agents[1].0;
    let (user, role) = (UserId(beside.0), Role::Agent);
    let neighbour = rig.token_of(rig.tenant(), user, role, Some(beside)).await;
    let (_, foreign) = rig.other_tenant().await;
    let no = json!({"given": false});
    assert_eq!(note(&rig, &neighbour, no.clone()).await, StatusCode::FORBIDDEN);
    assert_eq!(note(&rig, &foreign, no.clone()).await, StatusCode::NOT_FOUND);
    for wrong in [json!({}), json!({"given": "no"}), json!({"given": true, "by": "7"})] {
        let status = note(&rig, &own, wrong.clone()).await;
        assert!(status.is_client_error(), "{wrong}: {status}");
    }
    let supervisor = rig.token(Role::Supervisor).await;
    assert_eq!(note(&rig, &own, no).await, StatusCode::NO_CONTENT);
    assert_eq!(note(&rig, &supervisor, json!({"given": true})).await, StatusCode::NO_CONTENT);
    let noted: Vec<(bool, bool, UserId)> = {
        let asked = rig.calls.asked.lock().unwrap();
        let consents = asked.iter().filter_map(|ask| match ask {
            Ask::Call { action: CallAction::Consent { given, own, by }, .. } => {
                Some((*given, *own, *by))
            }
            _ => None,
        });
        consents.collect()
    };
    let [(false, true, agent), (true, false, boss)] = noted[..] else { panic!("{noted:?}") };
    assert_ne!(agent, boss, "each says who noted it");
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    for action in ["recording.not_agreed", "recording.agreed"] {
        let of = rows.iter().filter(|row| row.action == action);
        assert_eq!(of.map(|row| row.subject.clone()).collect::<Vec<_>>(), [LIVE_CALL.to_string()]);
    }
}

#[tokio::test]
async fn a_call_says_what_its_caller_said_of_being_recorded() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let row = Consent {
        tenant_id: rig.tenant(),
        seq: 5,
        call_id: call,
        contact_id: ContactId(call.0),
        call_started_at: NOON,
        said_at: NOON,
        caller: "+8613800138000".into(),
        given: false,
        way: "flow".into(),
        flow_id: Some(FlowId(1)),
        step: Some("agree".into()),
        user_id: None,
    };
    rig.stage(&[Row::Consent(row)]).await;
    let detail = rig.get(&format!("/api/v1/calls/{call}"), &token).await.json();
    let said = &detail["consents"][0];
    assert_eq!((&said["given"], &said["way"]), (&json!(false), &json!("flow")), "{detail}");
    assert_eq!((&said["step"], &said["caller"]), (&json!("agree"), &json!("+8613800138000")));
    assert!(said["tenant_id"].is_null());
    let (_, foreign) = rig.other_tenant().await;
    let nothing = rig.get(&format!("/api/v1/calls/{call}"), &foreign).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
}
