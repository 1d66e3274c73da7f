//! Messages for one agent: who learns of them, who may hear and delete them, and who sets what.

use super::rig::{NOON, Rig, recording_row};
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::audit::AuditRow;
use desk::mailbox::AgentMessage;
use serde_json::{Value, json};
use std::sync::Arc;
use terms::control::Ask;
use terms::event::{ENTRY_VERSION, Entry, InMailbox, Kind, Mailbox};
use terms::record::Row;
use terms::{AgentId, RecordingId, UserId};

const MESSAGES: &str = "/api/v1/agent-messages";
const AUDIO: &[u8] = b"RIFF0123456789abcdefghij";

/// A box with a message for its first agent, and an agent who sits beside them.
struct Desk {
    rig: Rig,
    agent: AgentId,
    recording: RecordingId,
    own: String,
    neighbour: String,
}

impl Desk {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let (agent, beside) = (rig.first.agents[0].0, rig.first.agents[1].0);
        let own = rig.token(Role::Agent).await;
        let neighbour = UserId(beside.0);
        let neighbour = rig.token_of(rig.tenant(), neighbour, Role::Agent, Some(beside)).await;
        let recording = left(&rig, agent).await;
        Desk { rig, agent, recording, own, neighbour }
    }

    fn one(&self) -> String {
        format!("{MESSAGES}/{}", self.recording)
    }

    fn audio(&self) -> String {
        format!("/api/v1/recordings/{}", self.recording)
    }

    /// Whether somebody is told anything of the message.
    async fn is_known_to(&self, token: &str) -> bool {
        let named = |body: Value| body.to_string().contains(&self.recording.to_string());
        let heard = self.rig.ask(Method::POST, &format!("{}/heard", self.one()), token, None).await;
        let told = [
            named(self.rig.get(MESSAGES, token).await.json()),
            named(self.rig.get("/api/v1/recordings", token).await.json()),
            self.rig.get(&self.audio(), token).await.status != StatusCode::NOT_FOUND,
            heard.status != StatusCode::NOT_FOUND,
        ];
        assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
        told[0]
    }

    fn asked(&self) -> Vec<Mailbox> {
        let asked = self.rig.calls.asked.lock().unwrap();
        let of = asked.iter().filter_map(|ask| match ask {
            Ask::Mailbox(tenant, of) => {
                assert_eq!(*tenant, self.rig.tenant());
                Some(*of)
            }
            _ => None,
        });
        of.collect()
    }

    async fn put(&self, path: &str, token: &str, body: Value) -> StatusCode {
        let uri = format!("/api/v1/agents/{}/{path}", self.agent);
        self.rig.ask(Method::PUT, &uri, token, Some(body)).await.status
    }
}

/// A message is left for this agent.
async fn left(rig: &Rig, agent: AgentId) -> RecordingId {
    let recording = RecordingId(rig.id());
    let tenant = rig.tenant();
    let path = format!("{tenant}/2026-11-23/{recording}.wav");
    rig.write(&path, AUDIO);
    let mut row = recording_row(tenant, recording, agent, Some(path), AUDIO.len());
    (row.kind, row.queue_id) = ("voicemail".into(), None);
    rig.stage(&[Row::Recording(row)]).await;
    let kind = Kind::Mailbox(Mailbox { agent, what: InMailbox::Left { recording } });
    let (v, seq, at) = (ENTRY_VERSION, 1, NOON);
    let (contact, call, leg) = (None, None, None);
    let entry = Arc::new(Entry { v, seq, at, tenant, contact, call, leg, kind });
    rig.store.keep_calling(&[entry], 1, false).await.unwrap();
    recording
}

#[tokio::test]
async fn a_message_for_an_agent_is_for_them_and_their_superiors_and_nobody_next_door_learns_of_it()
{
    let desk = Desk::new().await;
    let (rig, agent, recording) = (&desk.rig, desk.agent, desk.recording);
    let (_, foreign) = rig.other_tenant().await;
    for token in [&desk.neighbour, &foreign] {
        assert!(!desk.is_known_to(token).await);
        let gone = rig.ask(Method::DELETE, &desk.one(), token, None).await;
        assert_eq!((gone.status, desk.asked()), (StatusCode::NOT_FOUND, vec![]));
    }
    let listed = rig.get(MESSAGES, &desk.own).await.json();
    assert_eq!(
        listed,
        json!([{"recording": recording, "agent": agent, "heard_at": null,
            "left_at": "2026-11-23T04:00:00.000Z", "heard_by": null}])
    );
    assert_eq!(rig.get(&desk.audio(), &desk.own).await.body, AUDIO);
    assert!(desk.is_known_to(&desk.own).await);
    let by = UserId(agent.0);
    let what = InMailbox::Heard { recording, by };
    assert_eq!(desk.asked(), [Mailbox { agent, what }]);
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted = |row: &AuditRow| row.action == "agent_message.heard";
    assert!(rows.iter().any(|row| noted(row) && row.subject == recording.to_string()));
    for role in [Role::Supervisor, Role::Manager] {
        let superior = rig.token(role).await;
        assert!(desk.is_known_to(&superior).await, "{role:?}");
    }
}

#[tokio::test]
async fn a_supervisor_of_other_teams_is_no_superior() {
    let desk = Desk::new().await;
    let rig = &desk.rig;
    let administrator = rig.token(Role::Administrator).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let user = rig.person(rig.tenant(), Role::Supervisor).await;
    let mut teams = Vec::new();
    for name in ["一班", "二班"] {
        let made = rig
            .post("/api/v1/teams", &administrator, json!({"name": name, "parent": null}))
            .await
            .json();
        teams.push(made["id"].clone());
    }
    assert_eq!(desk.put("team", &administrator, json!({"team": teams[0]})).await, StatusCode::OK);
    let sight = format!("/api/v1/users/{user}/teams");
    for (team, sees) in [(&teams[1], false), (&teams[0], true)] {
        let limit = Some(json!({"teams": [team]}));
        let got = rig.ask(Method::PUT, &sight, &administrator, limit).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT);
        assert_eq!(desk.is_known_to(&supervisor).await, sees);
        let report = "/api/v1/reports/recording_log?format=csv&period=2026-11-23";
        let report = String::from_utf8(rig.get(report, &supervisor).await.body.to_vec()).unwrap();
        assert_eq!(report.contains(&desk.recording.to_string()), sees, "{report}");
        let set = desk.put("mailbox", &supervisor, json!({"takes": "busy"})).await;
        let expected = if sees { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
        assert_eq!(set, expected);
    }
}

#[tokio::test]
async fn an_agent_deletes_their_message_and_its_recording_goes_with_it() {
    let desk = Desk::new().await;
    let rig = &desk.rig;
    let gone = rig.ask(Method::DELETE, &desk.one(), &desk.own, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    assert_eq!(rig.get(MESSAGES, &desk.own).await.json(), json!([]));
    assert_eq!(rig.get(&desk.audio(), &desk.own).await.status, StatusCode::GONE);
    let again = rig.ask(Method::DELETE, &desk.one(), &desk.own, None).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let none: Vec<AgentMessage> = rig.store.agent_messages(rig.tenant(), None).await.unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn who_is_asked_for_a_message_the_agent_says_and_a_supervisor_for_them() {
    let desk = Desk::new().await;
    let (rig, agent) = (&desk.rig, desk.agent);
    let mailbox = format!("/api/v1/agents/{agent}/mailbox");
    let off = json!({"takes": "off", "greeting": null, "driving": false});
    assert_eq!(rig.get(&mailbox, &desk.own).await.json(), off);
    let missed = json!({"takes": "missed"});
    let (_, foreign) = rig.other_tenant().await;
    for token in [&desk.neighbour, &foreign] {
        assert_eq!(rig.get(&mailbox, token).await.status, StatusCode::NOT_FOUND);
        assert_eq!(desk.put("mailbox", token, missed.clone()).await, StatusCode::NOT_FOUND);
        let on = json!({"on": true});
        assert_eq!(desk.put("driving", token, on).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(desk.asked(), []);
    assert_eq!(desk.put("mailbox", &desk.own, missed).await, StatusCode::NO_CONTENT);
    let set = json!({"takes": "missed", "greeting": null, "driving": false});
    assert_eq!(rig.get(&mailbox, &desk.own).await.json(), set);
    let nowhere = json!({"takes": "missed", "greeting": "no-such-prompt"});
    assert_eq!(desk.put("mailbox", &desk.own, nowhere).await, StatusCode::BAD_REQUEST);
    let leader = rig.token(Role::Supervisor).await;
    for (token, on) in [(&desk.own, true), (&leader, false)] {
        assert_eq!(desk.put("driving", token, json!({"on": on})).await, StatusCode::NO_CONTENT);
        let what = InMailbox::Driving { on };
        assert_eq!(desk.asked().last(), Some(&Mailbox { agent, what }));
    }
}
