//! Messages from the outside: who learns of them, who may hear them, and what the switch is asked when
//! one was heard.

use super::rig::{Got, NOON, Rig, recording_row};
use axum::http::{Method, StatusCode};
use desk::agent::NewAgent;
use desk::bootstrap::FIRST_QUEUE;
use desk::{By, Role};
use mediacore::g711::{self, Law};
use mediacore::record::wav::{self, Format};
use serde_json::{Value, json};
use std::sync::Arc;
use terms::control::Ask;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::media::{Ledger, RecordingState};
use terms::record::Row;
use terms::{AgentId, CallId, ContactId, RecordingId, UserId};

const VOICEMAILS: &str = "/api/v1/voicemails";
const AUDIO: &[u8] = b"RIFF0123456789abcdefghij";

/// A message is left for the first queue.
pub(super) async fn left(rig: &Rig) -> RecordingId {
    left_with(rig, AUDIO).await
}

/// The same; what was said has these bytes.
async fn left_with(rig: &Rig, audio: &[u8]) -> RecordingId {
    let recording = RecordingId(rig.id());
    let tenant = rig.tenant();
    let path = format!("{tenant}/2026-11-23/{recording}.wav");
    rig.write(&path, audio);
    let mut row = recording_row(tenant, recording, AgentId(0), Some(path), audio.len());
    row.agent_id = None;
    rig.stage(&[Row::Recording(row)]).await;
    let caller = "+8613800138000".into();
    let kind = Kind::VoicemailLeft { queue: FIRST_QUEUE, recording, caller };
    let (v, seq, at) = (ENTRY_VERSION, 1, NOON);
    let (contact, call, leg) = (None, None, None);
    let entry = Arc::new(Entry { v, seq, at, tenant, contact, call, leg, kind });
    rig.store.keep_calling(&[entry], 1, false).await.unwrap();
    recording
}

fn heard(rig: &Rig) -> Vec<(RecordingId, UserId)> {
    let asked = rig.calls.asked.lock().unwrap();
    let of = asked.iter().filter_map(|ask| match ask {
        Ask::Heard { tenant, queue, recording, by } => {
            assert_eq!((*tenant, *queue), (rig.tenant(), FIRST_QUEUE));
            Some((*recording, *by))
        }
        _ => None,
    });
    of.collect()
}

#[tokio::test]
async fn the_people_of_a_queue_hear_its_messages_and_say_so_and_nobody_else_learns_of_them() {
    let rig = Rig::new().await;
    let recording = left(&rig).await;
    let one = format!("{VOICEMAILS}/{recording}/heard");
    let audio = format!("/api/v1/recordings/{recording}");
    let (_, foreign) = rig.other_tenant().await;
    let new = NewAgent { number: "8999".into(), name: "Nan".into(), queues: Vec::new() };
    let by = By::system("test", NOON);
    let agent = rig.store.create_agent(rig.tenant(), &by, &new).await.unwrap().0.id;
    let stranger = rig.token_of(rig.tenant(), UserId(agent.0), Role::Agent, Some(agent)).await;
    for token in [&foreign, &stranger] {
        assert_eq!(rig.get(VOICEMAILS, token).await.json(), json!([]));
        assert_eq!(rig.get(&audio, token).await.status, StatusCode::NOT_FOUND);
        let got = rig.ask(Method::POST, &one, token, None).await;
        assert_eq!((got.status, heard(&rig)), (StatusCode::NOT_FOUND, vec![]));
    }
    let agent = rig.token(Role::Agent).await;
    let listed = rig.get(VOICEMAILS, &agent).await.json();
    assert_eq!(
        listed,
        json!([{"recording": recording, "queue": FIRST_QUEUE, "heard_at": null,
            "left_at": "2026-11-23T04:00:00.000Z", "heard_by": null, "order": null,
            "order_problem": null}])
    );
    assert_eq!(rig.get(&audio, &agent).await.status, StatusCode::OK);
    let other = rig.ask(Method::POST, &format!("{VOICEMAILS}/7/heard"), &agent, None).await;
    assert_eq!((other.status, heard(&rig)), (StatusCode::NOT_FOUND, vec![]));
    let got = rig.ask(Method::POST, &one, &agent, None).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT);
    let by = UserId(rig.first.agents[0].0.0);
    assert_eq!(heard(&rig), [(recording, by)]);
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = |row: &desk::audit::AuditRow| row.action == "voicemail.heard";
    assert!(rows.iter().any(|row| noted(row) && row.subject == recording.to_string()));
    let leader = rig.token(Role::Supervisor).await;
    assert_eq!(rig.get(VOICEMAILS, &leader).await.json(), listed);
}

const QUEUE: &str = "/api/v1/queues/1";

/// The message is on disk.
async fn recorded(rig: &Rig, recording: RecordingId) {
    let of = (rig.tenant(), ContactId(5), CallId(5));
    let ledger = Ledger::refused(of, recording, NOON, "");
    let ledger = Ledger { state: RecordingState::Recorded, ..ledger };
    let (agent, queue, meeting) = (None, Some(FIRST_QUEUE), None);
    let kind = Kind::Recorded { ledger, agent, queue, meeting, message: false };
    let (contact, call, leg) = (None, None, None);
    let (v, seq, at, tenant) = (ENTRY_VERSION, 2, NOON, rig.tenant());
    let entry = Arc::new(Entry { v, seq, at, tenant, contact, call, leg, kind });
    rig.store.keep_calling(&[entry], 2, false).await.unwrap();
}

#[tokio::test]
async fn a_message_that_became_an_order_is_named_by_it_and_heard_by_who_opens_it() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let mut queue = rig.get(QUEUE, &manager).await.json();
    queue["messages_as_orders"] = json!("嘉奖");
    let refused = rig.ask(Method::PUT, QUEUE, &manager, Some(queue.clone())).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("messages_as_orders") && message.contains("嘉奖"), "{message}");
    queue["messages_as_orders"] = json!("投诉");
    let set = rig.ask(Method::PUT, QUEUE, &manager, Some(queue)).await;
    assert_eq!((set.status, &set.json()["messages_as_orders"]), (StatusCode::OK, &json!("投诉")));

    let recording = left(&rig).await;
    let audio = format!("/api/v1/recordings/{recording}");
    let new = NewAgent { number: "8999".into(), name: "Nan".into(), queues: Vec::new() };
    let by = By::system("test", NOON);
    let agent = rig.store.create_agent(rig.tenant(), &by, &new).await.unwrap().0.id;
    let other = rig.token_of(rig.tenant(), UserId(agent.0), Role::Agent, Some(agent)).await;
    assert_eq!(rig.get(&audio, &other).await.status, StatusCode::NOT_FOUND, "of no order yet");
    recorded(&rig, recording).await;
    let listed = rig.get(VOICEMAILS, &manager).await.json();
    let order = listed[0]["order"].as_str().unwrap_or_else(|| panic!("{listed}"));
    assert_eq!(listed[0]["order_problem"], json!(null));
    let order = format!("/api/v1/orders/{order}");
    let shown = rig.get(&order, &other).await.json();
    assert_eq!((&shown["recording"], &shown["kind"]), (&json!(recording), &json!("投诉")));
    assert_eq!((&shown["call"], &shown["created_by"]), (&json!(CallId(5)), &json!(null)));
    assert_eq!(shown["customer_number"], "+8613800138000");
    let steps = rig.get(&format!("{order}/steps"), &other).await.json();
    assert_eq!(steps[0]["note"], format!("message {recording}"));

    assert_eq!(rig.get(&audio, &other).await.status, StatusCode::OK, "its order is theirs to open");
    assert_eq!(rig.get(VOICEMAILS, &other).await.json(), json!([]), "the queue is not");
    let heard_by_them = format!("{VOICEMAILS}/{recording}/heard");
    let got = rig.ask(Method::POST, &heard_by_them, &other, None).await;
    assert_eq!((got.status, heard(&rig)), (StatusCode::NOT_FOUND, vec![]));
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(&audio, &foreign).await.status, StatusCode::NOT_FOUND);
}

const PROMPT: &str = "/api/v1/prompts/zh-CN/storm";

/// Gives a message the name of a prompt.
async fn name(rig: &Rig, token: &str, body: Value) -> Got {
    rig.ask(Method::PUT, PROMPT, token, Some(body)).await
}

#[tokio::test]
async fn a_message_becomes_a_prompt_with_the_callers_side_alone_and_only_for_who_may_do_both() {
    let rig = Rig::new().await;
    let format = Format::stereo_8k(Some(Law::A));
    let silence = g711::encode(Law::A, 0);
    let mut audio = format.header(16_000);
    audio.extend((0..16_000_i16).flat_map(|n| [g711::encode(Law::A, n % 200 * 40), silence]));
    let message = left_with(&rig, &audio).await;
    let conversation = rig.recording(rig.tenant(), AgentId(1), &audio).await;
    let manager = rig.token(Role::Manager).await;
    let (_, foreign) = rig.other_tenant().await;
    let of = |recording: RecordingId| json!({"recording": recording.to_string()});
    let supervisor = rig.token(Role::Supervisor).await;
    let got = name(&rig, &supervisor, of(message)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    for (token, body, status) in [
        (&foreign, of(message), StatusCode::NOT_FOUND),
        (&manager, of(conversation), StatusCode::NOT_FOUND),
        (&manager, of(RecordingId(7)), StatusCode::NOT_FOUND),
        (&manager, json!({}), StatusCode::BAD_REQUEST),
        (&manager, json!({"text": "a", "recording": "7"}), StatusCode::BAD_REQUEST),
    ] {
        let got = name(&rig, token, body).await;
        assert_eq!(got.status, status, "{got:?}");
    }
    let got = name(&rig, &manager, of(message)).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    assert_eq!((&got.json()["length_s"], &got.json()["text"]), (&json!(2.0), &json!(null)));
    let heard = rig.get(PROMPT, &manager).await;
    let file = wav::read(&heard.body).unwrap();
    let [said] = file.channels.as_slice() else { panic!("{} sides", file.channels.len()) };
    assert_eq!(said.len(), 16_000);
    assert!(said.iter().copied().max() > Some(7_000), "as loud as it was said");
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let subject = format!("{message} prompt");
    assert!(rows.iter().any(|row| row.action == "recording.fetch" && row.subject == subject));
}
