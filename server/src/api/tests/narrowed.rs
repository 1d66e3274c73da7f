//! Reports of some queues, of an agent and of a team, at the doors of the API.

use super::rig::{Rig, call_row, request};
use crate::api::links::Clock;
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::bootstrap::FIRST_QUEUE;
use serde_json::{Value, json};
use std::time::Duration;
use terms::record::{Call, Row};
use terms::{AgentId, CallId, QueueId, UserId};
use tower::ServiceExt;

const HOURS: &str = "/api/v1/reports/busy_hours?period=2026-11-23&lang=en";
const CALLS: &str = "/api/v1/reports/calls?period=2026-11-23&format=json&lang=en";
const DAY_S: i64 = 86_400;

/// A box with three calls of an agent in the first queue, and two of another in a second one.
struct Floor {
    rig: Rig,
    manager: String,
    other: QueueId,
    agents: [AgentId; 2],
    /// Those of the second agent.
    calls: Vec<String>,
}

impl Floor {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let manager = rig.token(Role::Manager).await;
        let administrator = rig.token(Role::Administrator).await;
        let made = rig.post("/api/v1/queues", &administrator, json!({"name": "二线"})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let other: QueueId = made.json()["id"].as_str().unwrap().parse().unwrap();
        let agents = [rig.first.agents[0].0, rig.first.agents[1].0];
        for second in 0..3 {
            rig.call(rig.tenant(), second, 60, agents[0]).await;
        }
        let mut calls = Vec::new();
        for second in 3..5 {
            let call = CallId(rig.id());
            let row = call_row(rig.tenant(), call, second, 60, agents[1]);
            rig.stage(&[Row::Call(Call { queue_id: Some(other), ..row })]).await;
            calls.push(call.to_string());
        }
        Floor { rig, manager, other, agents, calls }
    }

    /// A team with the second agent.
    async fn team(&self) -> String {
        let made = self.rig.post("/api/v1/teams", &self.manager, json!({"name": "一班"})).await;
        let team = made.json()["id"].as_str().unwrap().to_owned();
        self.join(json!(team)).await;
        team
    }

    /// Puts the second agent into a team.
    async fn join(&self, team: Value) {
        let uri = format!("/api/v1/agents/{}/team", self.agents[1]);
        let put = self.rig.ask(Method::PUT, &uri, &self.manager, Some(json!({"team": team})));
        assert_eq!(put.await.status, StatusCode::OK);
    }

    async fn report(&self, uri: &str, token: &str) -> Value {
        let got = self.rig.get(uri, token).await;
        assert_eq!(got.status, StatusCode::OK, "{uri}: {got:?}");
        got.json()
    }

    /// How many calls the history has, asked so.
    async fn calls(&self, given: &str, token: &str) -> usize {
        let report = self.report(&format!("{CALLS}{given}"), token).await;
        report["rows"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_report_that_is_not_narrowed_so_says_by_what_it_is_in_both_languages() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    for (report, given, english, chinese) in [
        ("queue_summary", "agent=1", "but by queue", "可按队列（queue）筛选"),
        ("abandoned_calls", "team=1", "but by queue", "可按队列（queue）筛选"),
        ("time_sheet", "queue=1", "but by agent and team", "可按坐席（agent）或班组（team）筛选"),
        ("capacity", "team=1", "neither queue nor agent nor team", "不支持按队列、坐席或班组筛选"),
    ] {
        let uri = format!("/api/v1/reports/{report}?period=2026-11-23&{given}");
        let got = rig.get(&uri, &manager).await;
        let field = json!(given.split_once('=').unwrap().0);
        assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &field));
        assert!(got.json()["message"].as_str().unwrap().contains(english), "{got:?}");
        let mut asked = request(Method::GET, &uri, &manager, None);
        asked.headers_mut().insert("accept-language", "zh-CN".parse().unwrap());
        let told = rig.router.clone().oneshot(asked).await.unwrap().into_body();
        let told = axum::body::to_bytes(told, 1 << 20).await.unwrap();
        let told = String::from_utf8(told.to_vec()).unwrap();
        assert!(told.contains(chinese), "{told}");
    }
    let many = format!("queue={}1", "1,".repeat(100));
    for (given, said) in [
        ("queue=1,x", "is not an id"),
        (many.as_str(), "at most 100 ids are taken"),
        ("team=77", "there is no such team"),
    ] {
        let got = rig.get(&format!("{CALLS}&{given}"), &manager).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{given}");
        assert!(got.json()["message"].as_str().unwrap().contains(said), "{got:?}");
    }
}

#[tokio::test]
async fn a_report_of_a_queue_says_so_and_its_number_opens_the_calls_of_the_queue() {
    let floor = Floor::new().await;
    let (rig, manager, other) = (&floor.rig, &floor.manager, floor.other);
    let report = floor.report(&format!("{HOURS}&format=json&queue={other}"), manager).await;
    assert_eq!(report["conditions"], json!([{"name": "Queue", "value": "二线"}]));
    let row = &report["rows"][0];
    assert_eq!(row["cells"]["calls"]["value"], 2);
    let text = rig.get(&format!("{HOURS}&format=txt&queue={other}"), manager).await;
    assert!(String::from_utf8(text.body.to_vec()).unwrap().contains("二线"));
    let named = text.header("content-disposition").to_owned();
    assert_eq!(named, "attachment; filename=\"busy_hours-2026-11-23.txt\"");

    let key = row["key"].as_str().unwrap();
    let opening = format!("/api/v1/reports/busy_hours/behind?period=2026-11-23&row={key}");
    let opened = floor.report(&format!("{opening}&queue={other}"), manager).await;
    assert_eq!((&opened["count"], &opened["ids"]), (&json!(2), &json!(floor.calls)));
    let number = format!("{opening}&queue={other}&column=calls");
    assert_eq!(floor.report(&number, manager).await["counted"], 2);
    let whole = rig.get(&opening, manager).await;
    assert_eq!(whole.status, StatusCode::NOT_FOUND, "the report of all queues has no such row");
    let asked = rig.post("/api/v1/sql", manager, json!({"sql": row["behind"]})).await.json();
    assert_eq!(asked["rows"].as_array().map(Vec::len), Some(2), "the condition says so too");

    let both = format!("{HOURS}&format=json&queue={FIRST_QUEUE},{other}");
    let both = floor.report(&both, manager).await;
    assert_eq!(both["rows"][0]["cells"]["calls"]["value"], 5);
    let whole = floor.report(&format!("{HOURS}&format=json"), manager).await;
    assert_eq!(whole["rows"][0]["cells"]["calls"]["value"], 5);
    assert!(whole["conditions"].is_null());
}

#[tokio::test]
async fn a_report_of_agents_and_of_a_team_has_their_calls() {
    let floor = Floor::new().await;
    let (manager, [first, second]) = (&floor.manager, floor.agents);
    assert_eq!(floor.calls("", manager).await, 5);
    assert_eq!(floor.calls(&format!("&agent={first}"), manager).await, 3);
    assert_eq!(floor.calls(&format!("&agent={first},{second}"), manager).await, 5);
    let elsewhere = format!("&agent={first}&queue={}", floor.other);
    assert_eq!(floor.calls(&elsewhere, manager).await, 0, "both hold");
    let team = floor.team().await;
    assert_eq!(floor.calls(&format!("&team={team}"), manager).await, 2);
    let report = floor.report(&format!("{CALLS}&team={team}"), manager).await;
    assert_eq!(report["conditions"], json!([{"name": "Team", "value": "一班"}]));
    // A department is the agents of its teams.
    let made = floor.rig.post("/api/v1/teams", manager, json!({"name": "客服部"})).await;
    let department = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(floor.calls(&format!("&team={department}"), manager).await, 0);
    let body = json!({"name": "一班", "parent": department});
    let uri = format!("/api/v1/teams/{team}");
    let put = floor.rig.ask(Method::PUT, &uri, manager, Some(body)).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    assert_eq!(floor.calls(&format!("&team={department}"), manager).await, 2);
    floor.join(Value::Null).await;
    assert_eq!(floor.calls(&format!("&team={team}"), manager).await, 0, "nobody is in it now");
}

#[tokio::test]
async fn who_is_limited_is_shown_no_more_by_asking_for_it() {
    let floor = Floor::new().await;
    let (rig, [first, second]) = (&floor.rig, floor.agents);
    let administrator = rig.token(Role::Administrator).await;
    let user: UserId = rig.person(rig.tenant(), Role::Supervisor).await;
    let limits = json!({"mask_numbers": true, "queues": [FIRST_QUEUE.to_string()]});
    let uri = format!("/api/v1/users/{user}/sight");
    let put = rig.ask(Method::PUT, &uri, &administrator, Some(limits)).await;
    assert_eq!(put.status, StatusCode::NO_CONTENT, "{put:?}");
    let limited = rig.token(Role::Supervisor).await;
    let team = floor.team().await;
    assert_eq!(floor.calls("", &limited).await, 3);
    assert_eq!(floor.calls(&format!("&queue={FIRST_QUEUE}"), &limited).await, 3);
    assert_eq!(floor.calls(&format!("&queue={}", floor.other), &limited).await, 0);
    assert_eq!(floor.calls(&format!("&agent={first}"), &limited).await, 3);
    assert_eq!(floor.calls(&format!("&agent={second}"), &limited).await, 0);
    assert_eq!(floor.calls(&format!("&team={team}"), &limited).await, 0);
    let report = floor.report(&format!("{CALLS}&agent={second}"), &limited).await;
    let told = json!([{"name": "Agent", "value": format!("#{second}")}]);
    assert_eq!(report["conditions"], told, "whom they do not see is not named");
}

#[tokio::test]
async fn a_saved_report_of_a_team_is_made_for_who_belongs_to_it_then() {
    let floor = Floor::new().await;
    let (rig, manager) = (&floor.rig, &floor.manager);
    for (second, agent) in [(-DAY_S, floor.agents[0]), (1 - DAY_S, floor.agents[1])] {
        rig.call(rig.tenant(), second, 60, agent).await;
    }
    let team = floor.team().await;
    let saved = |parameters: Value| {
        json!({"name": "Team", "report": "calls", "period": "yesterday", "format": "json",
            "language": "en", "parameters": parameters})
    };
    let unknown = rig.post("/api/v1/saved-reports", manager, saved(json!({"team": "77"}))).await;
    assert_eq!(unknown.json()["message"], "team: there is no such team");
    let made = rig.post("/api/v1/saved-reports", manager, saved(json!({"team": team}))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let schedule = json!({"name": "Daily", "saved_report": made.json()["id"],
        "cron": "0 8 * * *", "misfire": "run_once"});
    let schedule = rig.post("/api/v1/schedules", manager, schedule).await.json();
    let run = async || {
        let uri = format!("/api/v1/schedules/{}/run", schedule["id"].as_str().unwrap());
        // A run is of its moment, and of one moment there is one.
        rig.clock.advance(Duration::from_secs(60));
        let run = rig.post(&uri, manager, json!({})).await;
        assert_eq!(run.status, StatusCode::ACCEPTED, "{run:?}");
        let run = run.json();
        // The warehouse has heard who belongs to which team.
        rig.store.forget_through(i64::MAX).await.unwrap();
        rig.schedules.round(|| rig.clock.wall()).await.unwrap();
        format!("/api/v1/report-runs/{}", run["id"].as_str().unwrap())
    };
    let first = run().await;
    let state = floor.report(&first, manager).await;
    assert_eq!(state["state"], "done", "{state}");
    let report = floor.report(&format!("{first}/file"), manager).await;
    assert_eq!(report["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["conditions"][0]["value"], "一班");

    floor.join(Value::Null).await;
    let uri = format!("/api/v1/teams/{team}");
    let gone = rig.ask(Method::DELETE, &uri, manager, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    let run = floor.report(&run().await, manager).await;
    assert_eq!(
        (run["state"].as_str(), run["problem"].as_str()),
        (Some("failed"), Some("team: there is no such team"))
    );
}

#[tokio::test]
async fn a_report_of_ones_own_is_asked_with_one_id() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let definition = json!({
        "title": {"zh": "通话", "en": "Calls"}, "help": {"zh": "通话", "en": "Calls"},
        "sql": "SELECT COUNT(*) AS calls FROM calls WHERE queue_id = :queue",
        "columns": [{"id": "calls", "title": {"zh": "通话", "en": "Calls"},
            "kind": "count", "total": "sum"}],
        "chart": {"kind": "none"}, "roles": ["manager"],
    });
    let uri = "/api/v1/report-definitions/of_queue";
    let put = rig.ask(Method::PUT, uri, &manager, Some(definition)).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    let own = "/api/v1/reports/own.of_queue?period=2026-11-23&format=json";
    let one = rig.get(&format!("{own}&queue={FIRST_QUEUE}"), &manager).await;
    assert_eq!(one.status, StatusCode::OK, "{one:?}");
    let several = rig.get(&format!("{own}&queue=1,2"), &manager).await;
    assert_eq!(several.status, StatusCode::BAD_REQUEST);
    assert_eq!(several.json()["message"], "this report is asked with one id");
    let team = rig.get(&format!("{own}&team=1"), &manager).await;
    assert_eq!(team.json()["message"], "this report does not look at this condition");
}
