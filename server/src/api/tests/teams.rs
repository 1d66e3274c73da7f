//! Teams over the API, and what a supervisor of teams sees.

use super::callbacks::waiting;
use super::click::leg_row;
use super::rig::{LIVE_CALL, NOON, Rig};
use super::voicemails::left;
use axum::http::{Method, StatusCode};
use desk::agent::NewAgent;
use desk::{By, Role};
use serde_json::{Value, json};
use terms::control::{LiveAgent, LiveConference, LiveMember, RecordingNow};
use terms::event::{Activity, Forwarding};
use terms::record::{Leg, Row};
use terms::{AgentId, CallId, ConferenceId, ContactId, MeetingId, Timestamp, UserId};

async fn put(rig: &Rig, uri: &str, token: &str, body: Value) -> StatusCode {
    rig.ask(Method::PUT, uri, token, Some(body)).await.status
}

async fn make(rig: &Rig, token: &str, name: &str, parent: Value) -> String {
    let got = rig.post("/api/v1/teams", token, json!({"name": name, "parent": parent})).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    got.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn teams_are_a_tree_that_agents_move_about_in() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let department = make(&rig, &manager, "客服部", Value::Null).await;
    let team = make(&rig, &manager, "一班", json!(department)).await;
    let own = rig.token(Role::Agent).await;
    let draft = json!({"name": "二班"});
    assert_eq!(rig.post("/api/v1/teams", &own, draft.clone()).await.status, StatusCode::FORBIDDEN);
    let twice = json!({"name": "一班", "parent": department});
    assert_eq!(rig.post("/api/v1/teams", &manager, twice).await.status, StatusCode::CONFLICT);
    let ring = json!({"name": "客服部", "parent": team});
    let uri = format!("/api/v1/teams/{department}");
    let got = rig.ask(Method::PUT, &uri, &manager, Some(ring)).await;
    assert_eq!(
        (got.status, got.json()["field"].as_str()),
        (StatusCode::BAD_REQUEST, Some("parent"))
    );

    let agent = rig.first.agents[0].0;
    let membership = format!("/api/v1/agents/{agent}/team");
    assert_eq!(put(&rig, &membership, &manager, json!({"team": team})).await, StatusCode::OK);
    let listed = rig.get("/api/v1/teams", &own).await.json();
    let paths = |teams: &Value| {
        let teams = teams.as_array().unwrap().iter();
        teams.map(|team| team["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&listed), ["客服部", "客服部 / 一班"]);
    assert_eq!(listed[1]["agents"], json!([agent]));
    let used = rig.ask(Method::DELETE, &format!("/api/v1/teams/{team}"), &manager, None).await;
    assert_eq!(used.status, StatusCode::CONFLICT);

    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get("/api/v1/teams", &foreign).await.json(), json!([]));
    assert_eq!(put(&rig, &uri, &foreign, draft).await, StatusCode::NOT_FOUND);
    assert_eq!(
        put(&rig, &membership, &foreign, json!({"team": null})).await,
        StatusCode::NOT_FOUND
    );

    assert_eq!(put(&rig, &membership, &manager, json!({"team": null})).await, StatusCode::OK);
    let history = rig.get(&membership, &own).await.json();
    assert_eq!(history[0]["team"], json!(team));
    assert!(history[0]["until"].is_string(), "{history}");
    let gone = rig.ask(Method::DELETE, &format!("/api/v1/teams/{team}"), &manager, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let audit = &rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0];
    assert_eq!(audit.action, "team.dissolve");
}

/// A box with two agents in a team each, a call and a recording of each, and the same question to all
/// that tells of calls.
struct Floor {
    rig: Rig,
    administrator: String,
    supervisor: String,
    /// Where the supervisor's teams are.
    sight: String,
    /// A department with the two teams, and the teams.
    department: String,
    teams: [String; 2],
    recordings: [String; 2],
    calls: [String; 2],
}

impl Floor {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let administrator = rig.token(Role::Administrator).await;
        let supervisor = rig.token(Role::Supervisor).await;
        let user = rig.person(rig.tenant(), Role::Supervisor).await;
        let department = make(&rig, &administrator, "客服部", Value::Null).await;
        let (mut teams, mut recordings, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        let agents: Vec<AgentId> = rig.first.agents.iter().map(|agent| agent.0).take(2).collect();
        for (second, agent) in (0..).zip(agents) {
            let name = format!("{second} 班");
            let team = make(&rig, &administrator, &name, json!(department)).await;
            let uri = format!("/api/v1/agents/{agent}/team");
            let put = put(&rig, &uri, &administrator, json!({"team": team})).await;
            assert_eq!(put, StatusCode::OK);
            teams.push(team);
            calls.push(rig.call(rig.tenant(), second, 60, agent).await.to_string());
            recordings.push(rig.recording(rig.tenant(), agent, b"RIFF").await.to_string());
        }
        Floor {
            sight: format!("/api/v1/users/{user}/teams"),
            rig,
            administrator,
            supervisor,
            department,
            teams: teams.try_into().unwrap(),
            recordings: recordings.try_into().unwrap(),
            calls: calls.try_into().unwrap(),
        }
    }

    async fn limit(&self, teams: Value) {
        let status =
            put(&self.rig, &self.sight, &self.administrator, json!({"teams": teams})).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }

    async fn status(&self, uri: &str) -> StatusCode {
        self.rig.get(uri, &self.supervisor).await.status
    }

    /// Of which of the two agents the supervisor is told anything.
    async fn seen(&self) -> [bool; 2] {
        let (rig, supervisor) = (&self.rig, &self.supervisor);
        let calls = rig.get("/api/v1/calls", supervisor).await.json()["calls"].to_string();
        let list = rig.get("/api/v1/recordings", supervisor).await.json();
        let list = list["recordings"].to_string();
        let report = "/api/v1/reports/calls?format=csv&period=2026-11-23";
        let report = rig.get(report, supervisor).await;
        let report = String::from_utf8(report.body.to_vec()).unwrap();
        let hours = "/api/v1/reports/busy_hours?period=2026-11-23&format=json";
        let hours = rig.get(hours, supervisor).await.json();
        let opened = match hours["rows"][0]["key"].as_str() {
            Some(row) => {
                let uri = format!("/api/v1/reports/busy_hours/behind?period=2026-11-23&row={row}");
                rig.get(&uri, supervisor).await.json()["ids"].to_string()
            }
            None => String::new(),
        };
        let mut seen = [false; 2];
        for (at, seen) in seen.iter_mut().enumerate() {
            let (call, recording) = (&self.calls[at], &self.recordings[at]);
            let told = [
                calls.contains(call),
                list.contains(recording),
                report.contains(&format!("861380013{at:04}")),
                opened.contains(call),
                self.status(&format!("/api/v1/calls/{call}")).await != StatusCode::NOT_FOUND,
                self.status(&format!("/api/v1/recordings/{recording}")).await
                    != StatusCode::NOT_FOUND,
            ];
            assert!(told.iter().all(|one| *one == told[0]), "agent {at}: {told:?}");
            *seen = told[0];
        }
        seen
    }
}

#[tokio::test]
async fn a_supervisor_of_teams_finds_nothing_of_other_agents() {
    let floor = Floor::new().await;
    assert_eq!(floor.seen().await, [true, true]);
    floor.limit(json!([floor.teams[0]])).await;
    assert_eq!(floor.seen().await, [true, false]);
    floor.limit(json!([floor.teams[1]])).await;
    assert_eq!(floor.seen().await, [false, true]);
    floor.limit(json!([])).await;
    assert_eq!(floor.seen().await, [false, false]);
    // A department is all of its teams.
    floor.limit(json!([floor.department])).await;
    assert_eq!(floor.seen().await, [true, true]);
    floor.limit(Value::Null).await;
    assert_eq!(floor.seen().await, [true, true]);
}

#[tokio::test]
async fn a_conversation_that_was_passed_on_is_heard_by_both_agents_and_by_who_leads_either() {
    let floor = Floor::new().await;
    let (rig, own) = (&floor.rig, floor.rig.token(Role::Agent).await);
    let ids = async |uri: &str, token: &str| -> Vec<String> {
        let listed = rig.get(uri, token).await.json();
        let rows = listed["recordings"].as_array().unwrap().iter();
        rows.map(|row| row["recording_id"].as_str().unwrap().to_owned()).collect()
    };
    let second = rig.first.agents[1].0;
    let of_first = floor.recordings[0].as_str();
    floor.limit(json!([floor.teams[1]])).await;
    assert_eq!(ids("/api/v1/recordings", &floor.supervisor).await, [floor.recordings[1].as_str()]);

    // The first agent's recording is of call 5; the second agent took that over.
    let leg = leg_row(rig, CallId(5), second, 0);
    let ended_at = Timestamp(NOON.0 + 900_000);
    let leg = Leg { answered_at: Some(leg.started_at), ended_at, talk_ms: 900, ..leg };
    rig.stage(&[Row::Leg(leg)]).await;
    let mut found = ids("/api/v1/recordings", &floor.supervisor).await;
    found.sort();
    let mut both = floor.recordings.to_vec();
    both.sort();
    assert_eq!(found, both, "their leader finds it");
    let uri = format!("/api/v1/recordings/{of_first}");
    assert_eq!(floor.status(&uri).await, StatusCode::OK, "and hears it");
    let by_agent = format!("/api/v1/recordings?agent={second}");
    assert!(ids(&by_agent, &floor.administrator).await.contains(&floor.recordings[0]));
    let colleague = rig.token_of(rig.tenant(), UserId(second.0), Role::Agent, Some(second)).await;
    assert!(ids("/api/v1/recordings", &colleague).await.contains(&floor.recordings[0]));
    assert_eq!(rig.get(&uri, &colleague).await.status, StatusCode::OK);
    // Who was not in it is told as little as before.
    assert_eq!(ids("/api/v1/recordings", &own).await, [of_first]);
    let uri = format!("/api/v1/recordings/{}", floor.recordings[1]);
    assert_eq!(rig.get(&uri, &own).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_supervisor_of_teams_acts_on_no_call_of_other_agents() {
    let floor = Floor::new().await;
    let (rig, supervisor) = (&floor.rig, &floor.supervisor);
    let act = format!("/api/v1/calls/{LIVE_CALL}/actions");
    // The live call is that of the first agent.
    for (team, sees) in [(1, false), (0, true)] {
        floor.limit(json!([floor.teams[team]])).await;
        let live = rig.get("/api/v1/live", supervisor).await.json();
        assert_eq!(live["calls"].as_array().unwrap().len(), usize::from(sees));
        let quality = floor.status(&format!("/api/v1/calls/{LIVE_CALL}/quality")).await;
        assert_eq!(quality == StatusCode::NOT_FOUND, !sees, "{quality}");
        let got = rig.post(&act, supervisor, json!({"action": "hangup"})).await;
        assert_eq!(got.status == StatusCode::NOT_FOUND, !sees, "{got:?}");
        let state = format!("/api/v1/agents/{}/state", rig.first.agents[0].0);
        let got = rig.post(&state, supervisor, json!({"action": "ready"})).await;
        assert_eq!(got.status == StatusCode::NOT_FOUND, !sees, "{got:?}");
        // Neither events nor faxes say of whom they are.
        assert_eq!(floor.status("/api/v1/events").await, StatusCode::FORBIDDEN);
        assert_eq!(floor.status("/api/v1/faxes").await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_supervisor_of_teams_plans_and_withdraws_shifts_of_no_other_agent() {
    let floor = Floor::new().await;
    let (rig, supervisor) = (&floor.rig, &floor.supervisor);
    let agent = rig.first.agents[0].0;
    let shift = |day: u32| {
        json!({
            "agent": agent,
            "starts_at": format!("2026-11-{day}T01:00:00Z"),
            "ends_at": format!("2026-11-{day}T09:00:00Z"),
        })
    };
    let planned = rig.post("/api/v1/shifts", &floor.administrator, shift(23)).await.json();
    let uri = format!("/api/v1/shifts/{}", planned["id"]);
    floor.limit(json!([floor.teams[1]])).await;
    let refused = rig.post("/api/v1/shifts", supervisor, shift(24)).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");
    let kept = rig.ask(Method::DELETE, &uri, supervisor, None).await;
    assert_eq!(kept.status, StatusCode::NOT_FOUND, "{kept:?}");
    floor.limit(json!([floor.teams[0]])).await;
    let made = rig.post("/api/v1/shifts", supervisor, shift(24)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let gone = rig.ask(Method::DELETE, &uri, supervisor, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
}

#[tokio::test]
async fn calls_and_settings_of_other_agents_are_not_among_who_is_signed_in() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let live = |agent| LiveAgent {
        agent,
        activity: Activity::Idle,
        reason: None,
        since: NOON,
        call: Some(LIVE_CALL),
        registered: true,
        do_not_disturb: false,
        forwarding: Forwarding { always: Some("13800138000".into()), ..Forwarding::default() },
        barred: false,
        at: None,
        skill_set: None,
        line: None,
    };
    let agents = [rig.first.agents[0].0, rig.first.agents[1].0];
    *rig.calls.agents.lock().unwrap() = agents.map(live).into();
    floor.limit(json!([floor.teams[1]])).await;
    let whole = rig.get("/api/v1/live", &floor.supervisor).await.json();
    let listed = rig.get("/api/v1/agents", &floor.supervisor).await.json();
    for (at, agent) in agents.iter().enumerate() {
        let uri = format!("/api/v1/agents/{agent}");
        let one = rig.get(&uri, &floor.supervisor).await.json();
        let of = |list: &Value, id: &str| {
            let mut list = list.as_array().unwrap().iter();
            list.find(|one| one.pointer(id) == Some(&json!(agent))).unwrap().clone()
        };
        let told = [
            of(&whole["agents"], "/agent"),
            of(&listed, "/live/agent")["live"].clone(),
            one["live"].clone(),
        ];
        for live in told {
            assert_eq!((live["call"].is_null(), live["forwarding"].is_null()), (at == 0, at == 0));
            assert_eq!(live["registered"], true, "the floor is seen by everybody");
        }
    }
}

#[tokio::test]
async fn a_meeting_of_other_agents_is_neither_shown_nor_steered() {
    let floor = Floor::new().await;
    let (rig, supervisor) = (&floor.rig, &floor.supervisor);
    let member = |call, agent| LiveMember {
        call: CallId(call),
        number: "1001".into(),
        agent,
        chair: false,
        muted: false,
        since: Some(NOON),
    };
    *rig.calls.conferences.lock().unwrap() = vec![LiveConference {
        conference: ConferenceId(1),
        meeting: MeetingId(1),
        contact: ContactId(1),
        name: "Monday".into(),
        started_at: NOON,
        locked: false,
        open: true,
        recording: RecordingNow::Off,
        members: vec![member(7, Some(rig.first.agents[0].0)), member(8, None)],
    }];
    let uri = "/api/v1/conferences/1/live";
    for (team, sees) in [(1, false), (0, true)] {
        floor.limit(json!([floor.teams[team]])).await;
        let live = rig.get("/api/v1/conferences/live", supervisor).await.json();
        assert_eq!(live.as_array().unwrap().len(), usize::from(sees));
        let got = rig.post(uri, supervisor, json!({"action": "end"})).await;
        assert_eq!(got.status == StatusCode::NOT_FOUND, !sees, "{got:?}");
    }
    let nowhere = rig.post("/api/v1/conferences/2/live", supervisor, json!({"action": "end"}));
    assert_eq!(nowhere.await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_is_limited_while_following_events_follows_them_no_longer() {
    let floor = Floor::new().await;
    let api = crate::api::shared(floor.rig.state.clone());
    assert_eq!(api.may_follow(&floor.supervisor, false).await, Some(false));
    assert_eq!(api.may_follow("sgt_unknown", false).await, None);
    floor.limit(json!([floor.teams[0]])).await;
    assert_eq!(api.may_follow(&floor.supervisor, false).await, None);
    floor.limit(Value::Null).await;
    assert_eq!(api.may_follow(&floor.supervisor, false).await, Some(false));
}

#[tokio::test]
async fn who_follows_events_goes_on_while_the_store_is_away() {
    let floor = Floor::new().await;
    let api = crate::api::shared(floor.rig.state.clone());
    floor.rig.store.close().await;
    assert!(
        api.may_follow(&floor.supervisor, false).await.is_some(),
        "nobody takes a token back meanwhile"
    );
}

#[tokio::test]
async fn only_a_supervisor_is_limited_and_only_to_teams_that_there_are() {
    let floor = Floor::new().await;
    let (rig, administrator) = (&floor.rig, &floor.administrator);
    let manager = rig.person(rig.tenant(), Role::Manager).await;
    let uri = format!("/api/v1/users/{manager}/teams");
    let teams = json!({"teams": [floor.teams[0]]});
    assert_eq!(put(rig, &uri, administrator, teams.clone()).await, StatusCode::CONFLICT);
    assert_eq!(put(rig, &floor.sight, &floor.supervisor, teams).await, StatusCode::FORBIDDEN);
    let unknown = json!({"teams": ["77"]});
    assert_eq!(put(rig, &floor.sight, administrator, unknown).await, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(&floor.sight, administrator).await.json(), json!({"teams": null}));
    floor.limit(json!([floor.teams[1]])).await;
    let kept = rig.get(&floor.sight, administrator).await.json();
    assert_eq!(kept, json!({"teams": [floor.teams[1]]}));
}

#[tokio::test]
async fn messages_and_callbacks_are_seen_by_who_sees_an_agent_of_their_queue() {
    let floor = Floor::new().await;
    let (rig, supervisor) = (&floor.rig, &floor.supervisor);
    let message = left(rig).await;
    rig.calls.callbacks.lock().unwrap().push(waiting());
    let by = By::system("test", NOON);
    let new = NewAgent { number: "8999".into(), name: "Nan".into(), queues: Vec::new() };
    let apart = rig.store.create_agent(rig.tenant(), &by, &new).await.unwrap().0.id;
    let quiet = make(rig, &floor.administrator, "后台", Value::Null).await;
    let uri = format!("/api/v1/agents/{apart}/team");
    assert_eq!(put(rig, &uri, &floor.administrator, json!({"team": quiet})).await, StatusCode::OK);
    for (team, sees) in [(&floor.teams[0], true), (&quiet, false)] {
        floor.limit(json!([team])).await;
        for list in ["/api/v1/voicemails", "/api/v1/callbacks"] {
            let listed = rig.get(list, supervisor).await.json();
            assert_eq!(listed.as_array().unwrap().len(), usize::from(sees), "{list}: {listed}");
        }
        let heard = floor.status(&format!("/api/v1/recordings/{message}")).await;
        assert_eq!(heard == StatusCode::OK, sees, "{heard}");
    }
    let gone = rig.ask(Method::DELETE, "/api/v1/callbacks/7", supervisor, None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let heard = format!("/api/v1/voicemails/{message}/heard");
    assert_eq!(rig.ask(Method::POST, &heard, supervisor, None).await.status, StatusCode::NOT_FOUND);
    floor.limit(Value::Null).await;
    assert_eq!(floor.status(&format!("/api/v1/recordings/{message}")).await, StatusCode::OK);
}
