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
use terms::record::Row;
use terms::{AgentId, RecordingId, UserId};

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
    let kind = Kind::VoicemailLeft { queue: FIRST_QUEUE, recording };
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
            "left_at": "2026-11-23T04:00:00.000Z", "heard_by": null}])
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
