//! What reports are asked with, and what they go by where nobody says so.

use super::rig::{NOON, Rig};
use crate::api::links::Clock;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::record::{QueueVisit, Row};
use terms::{CallId, ContactId, QueueId, Timestamp, VisitId};

const SETTINGS: &str = "/api/v1/report-settings";
const QUEUES: &str = "/api/v1/reports/queue_summary?period=2026-11-23&format=json&lang=en";

fn visit(rig: &Rig, entered_at: Timestamp, wait_s: i32, outcome: &str) -> Row {
    let id = rig.id();
    Row::QueueVisit(QueueVisit {
        tenant_id: rig.tenant(),
        visit_id: VisitId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: entered_at,
        queue_id: QueueId(1),
        entered_at,
        left_at: Timestamp(entered_at.0 + i64::from(wait_s) * 1_000_000),
        wait_ms: wait_s * 1_000,
        ring_ms: 0,
        outcome: outcome.to_owned(),
        flow_out_reason: None,
        agent_id: None,
        priority: 0,
        position: 1,
        offers: 1,
        offers_unanswered: 0,
    })
}

/// Two answered, one of them within 20 seconds; two gave up, one of them within 5.
async fn stage(rig: &Rig, at: Timestamp) {
    let rows = [(10, "answered"), (25, "answered"), (3, "abandoned"), (30, "abandoned")]
        .map(|(wait_s, outcome)| visit(rig, at, wait_s, outcome));
    rig.stage(&rows).await;
}

/// Above the line of the service level of all queues, and below it.
fn level(report: &Value) -> (i64, i64) {
    let part = |name: &str| report["total"]["service_level"][name].as_i64().unwrap();
    (part("numerator"), part("denominator"))
}

#[tokio::test]
async fn a_report_counts_by_what_is_given_else_by_what_the_organisation_has() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    stage(&rig, NOON).await;
    let told = async |given: &str| {
        let got = rig.get(&format!("{QUEUES}{given}"), &supervisor).await;
        assert_eq!(got.status, StatusCode::OK, "{given}: {got:?}");
        level(&got.json())
    };
    assert_eq!(told("").await, (1, 3));
    assert_eq!(told("&service_level_s=30").await, (2, 3));
    assert_eq!(told("&short_abandon_s=0").await, (1, 4));
    assert_eq!(told("&service_level_formula=f2").await, (1, 2));

    let usual = json!({
        "service_level_s": 20, "short_abandon_s": 5, "repeat_days": 7,
        "item_target_s": 14400, "service_level_formula": "default", "day_begins": "00:00",
    });
    assert_eq!(rig.get(SETTINGS, &supervisor).await.json(), usual);
    let put =
        async |token: &str, body: Value| rig.ask(Method::PUT, SETTINGS, token, Some(body)).await;
    let own = json!({"service_level_s": 30, "service_level_formula": "f3"});
    assert_eq!(put(&supervisor, own.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(put(&manager, own).await.status, StatusCode::OK);
    assert_eq!(
        rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0].action,
        "report_settings.change"
    );
    assert_eq!(told("").await, (2, 4));
    assert_eq!(told("&service_level_s=20").await, (1, 4));
    assert_eq!(told("&service_level_formula=default").await, (2, 3));
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(SETTINGS, &foreign).await.json(), usual);

    let listed = rig.get("/api/v1/reports?lang=en", &supervisor).await.json();
    let queues = listed.as_array().unwrap().iter().find(|one| one["id"] == "queue_summary");
    let parameters = queues.unwrap()["parameters"].as_array().unwrap();
    let defaults: Vec<(&str, &str)> = parameters[1..]
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["default"].as_str().unwrap()))
        .collect();
    assert_eq!(
        defaults,
        [
            ("zone", "Asia/Shanghai"),
            ("service_level_s", "30"),
            ("short_abandon_s", "5"),
            ("service_level_formula", "f3"),
            ("queue", "*"),
        ]
    );
}

#[tokio::test]
async fn every_parameter_that_the_catalogue_lists_is_taken() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    let rates = json!({"agent_hour": 100});
    rig.ask(Method::PUT, "/api/v1/rates", &administrator, Some(rates)).await;
    let team = rig.post("/api/v1/teams", &administrator, json!({"name": "一班"})).await.json();
    let team = team["id"].as_str().unwrap();
    let listed = rig.get("/api/v1/reports?lang=en", &administrator).await.json();
    let mut asked = 0;
    for report in listed.as_array().unwrap() {
        let mut uri = format!(
            "/api/v1/reports/{}?format=json&period=2026-11-23",
            report["id"].as_str().unwrap()
        );
        for parameter in report["parameters"].as_array().unwrap() {
            match (parameter["id"].as_str().unwrap(), parameter["default"].as_str()) {
                ("period", _) => continue,
                ("team", _) => uri += &format!("&team={team}"),
                (name, None | Some("*")) => uri += &format!("&{name}=7"),
                (name, Some(default)) => uri += &format!("&{name}={default}"),
            }
            asked += 1;
        }
        let got = rig.get(&uri, &administrator).await;
        assert_eq!(got.status, StatusCode::OK, "{uri}: {got:?}");
    }
    assert!(asked > listed.as_array().unwrap().len(), "the zone and more");
}

#[tokio::test]
async fn what_a_report_cannot_be_asked_with_is_refused_by_its_name() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    for (report, given, field, said) in [
        ("queue_summary", "service_level_s=0", "service_level_s", "from 1 to 3600"),
        ("queue_summary", "short_abandon_s=soon", "short_abandon_s", "from 0 to 3600"),
        ("queue_summary", "service_level_formula=f9", "service_level_formula", "f1, f2, f3 or f4"),
        ("queue_summary", "zone=Mars/Olympus", "zone", "an IANA name"),
        ("first_contact", "repeat_days=365", "repeat_days", "from 1 to 90"),
        ("items", "item_target_s=59", "item_target_s", "from 60 to 2592000"),
        ("workload", "item_target_s=60", "item_target_s", "does not look at this condition"),
        ("workload", "service_level_s=20", "service_level_s", "does not look at this condition"),
        ("workload", "user=1", "user", "does not look at this condition"),
        ("queue_summary", "agent=1", "agent", "not narrowed by agent or team, but by queue"),
    ] {
        let got = rig.get(&format!("/api/v1/reports/{report}?{given}"), &manager).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{given}: {got:?}");
        assert_eq!(got.json()["field"], field);
        assert!(got.json()["message"].as_str().unwrap().contains(said), "{got:?}");
    }
    let berlin = rig.get(&format!("{QUEUES}&zone=Europe/Berlin"), &manager).await.json();
    assert_eq!(berlin["period"]["time_zone"], "Europe/Berlin");
    assert_eq!(berlin["period"]["from"], "2026-11-23T00:00:00+01:00");
    for (field, value) in
        [("service_level_s", json!(0)), ("repeat_days", json!(91)), ("day_begins", json!("24:00"))]
    {
        let body = json!({field: value});
        let got = rig.ask(Method::PUT, SETTINGS, &manager, Some(body)).await;
        assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &json!(field)));
    }
}

#[tokio::test]
async fn a_saved_report_keeps_its_parameters_and_its_runs_are_made_with_them() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let saved = |parameters: Value| {
        json!({"name": "Queues", "report": "queue_summary", "period": "yesterday",
            "format": "json", "language": "en", "parameters": parameters})
    };
    for (parameters, said) in [
        (json!({"service_level_s": "0"}), "service_level_s: a whole number from 1 to 3600"),
        (json!({"user": "1"}), "user: this report does not look at this condition"),
        (json!({"agent": "1"}), "agent: this report is not narrowed by agent or team, but by"),
        (json!({"period": "today"}), "period: this report does not look at this condition"),
        (json!({"zone": "Mars/Olympus"}), "zone: \"Mars/Olympus\" is not a time zone"),
    ] {
        let got = rig.post("/api/v1/saved-reports", &manager, saved(parameters)).await;
        assert_eq!(
            (got.status, &got.json()["field"]),
            (StatusCode::BAD_REQUEST, &json!("parameters"))
        );
        assert!(got.json()["message"].as_str().unwrap().starts_with(said), "{got:?}");
    }
    // Noon in Shanghai is the evening of the day before in Los Angeles.
    let parameters = json!({"service_level_s": "30", "zone": "America/Los_Angeles"});
    let made = rig.post("/api/v1/saved-reports", &manager, saved(parameters.clone())).await;
    assert_eq!((made.status, &made.json()["parameters"]), (StatusCode::CREATED, &parameters));
    // 2026-11-21 12:00 there.
    stage(&rig, Timestamp(NOON.0 - 32 * 3_600 * 1_000_000)).await;
    let schedule = json!({"name": "Daily", "saved_report": made.json()["id"],
        "cron": "0 8 * * *", "misfire": "run_once"});
    let schedule = rig.post("/api/v1/schedules", &manager, schedule).await.json();
    let run = format!("/api/v1/schedules/{}/run", schedule["id"].as_str().unwrap());
    let run = rig.post(&run, &manager, json!({})).await.json();
    assert_eq!((&run["parameters"], &run["period"]), (&parameters, &json!("2026-11-21")));
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let file = format!("/api/v1/report-runs/{}/file", run["id"].as_str().unwrap());
    let report = rig.get(&file, &manager).await.json();
    assert_eq!(report["period"]["from"], "2026-11-21T00:00:00-08:00");
    assert_eq!(level(&report), (2, 3));
}

#[tokio::test]
async fn a_run_whose_report_looks_at_a_parameter_no_more_fails_and_says_so() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let definition = |condition: &str| {
        json!({
            "title": {"zh": "通话", "en": "Calls"}, "help": {"zh": "通话", "en": "Calls"},
            "sql": format!("SELECT COUNT(*) AS calls FROM calls WHERE {condition}"),
            "columns": [{"id": "calls", "title": {"zh": "通话", "en": "Calls"},
                "kind": "count", "total": "sum"}],
            "chart": {"kind": "none"}, "roles": ["manager"],
        })
    };
    let put = async |condition: &str| {
        let uri = "/api/v1/report-definitions/of_queue";
        let got = rig.ask(Method::PUT, uri, &manager, Some(definition(condition))).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
    };
    put("queue_id = :queue").await;
    let saved = json!({"name": "Own", "report": "own.of_queue", "period": "yesterday",
        "format": "csv", "language": "en", "parameters": {"queue": "1"}});
    let made = rig.post("/api/v1/saved-reports", &manager, saved).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    put("TRUE").await;
    let schedule = json!({"name": "Daily", "saved_report": made.json()["id"],
        "cron": "0 8 * * *", "misfire": "run_once"});
    let schedule = rig.post("/api/v1/schedules", &manager, schedule).await.json();
    let run = format!("/api/v1/schedules/{}/run", schedule["id"].as_str().unwrap());
    let run = rig.post(&run, &manager, json!({})).await.json();
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let run = format!("/api/v1/report-runs/{}", run["id"].as_str().unwrap());
    let run = rig.get(&run, &manager).await.json();
    assert_eq!(
        (run["state"].as_str(), run["problem"].as_str()),
        (Some("failed"), Some("queue: this report does not look at this condition"))
    );
}

#[tokio::test]
async fn a_day_that_begins_after_midnight_is_that_of_reports_and_of_schedules() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let body = json!({"day_begins": "13:00"});
    let got = rig.ask(Method::PUT, SETTINGS, &manager, Some(body)).await;
    assert_eq!((got.status, &got.json()["day_begins"]), (StatusCode::OK, &json!("13:00")));
    // It is noon: the day before goes on for an hour.
    let uri = "/api/v1/reports/queue_summary?period=today&format=json";
    let period = rig.get(uri, &manager).await.json()["period"].clone();
    assert_eq!(
        (&period["first"], &period["from"], &period["to"]),
        (
            &json!("2026-11-22"),
            &json!("2026-11-22T13:00:00+08:00"),
            &json!("2026-11-23T13:00:00+08:00")
        )
    );
    // Half an hour after the one day began, and half an hour before.
    for minutes in [30, -30] {
        stage(&rig, Timestamp(NOON.0 - (47 * 60 - minutes) * 60_000_000)).await;
    }
    let saved = json!({"name": "Queues", "report": "queue_summary", "period": "yesterday",
        "format": "json", "language": "en"});
    let saved = rig.post("/api/v1/saved-reports", &manager, saved).await.json();
    let schedule = json!({"name": "Daily", "saved_report": saved["id"],
        "cron": "0 8 * * *", "misfire": "run_once"});
    let schedule = rig.post("/api/v1/schedules", &manager, schedule).await.json();
    let run = format!("/api/v1/schedules/{}/run", schedule["id"].as_str().unwrap());
    let run = rig.post(&run, &manager, json!({})).await.json();
    assert_eq!(run["period"], "2026-11-21");
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let file = format!("/api/v1/report-runs/{}/file", run["id"].as_str().unwrap());
    let report = rig.get(&file, &manager).await.json();
    assert_eq!(report["period"]["to"], "2026-11-22T13:00:00+08:00");
    assert_eq!(report["total"]["offered"]["value"], 4, "what came before one is of another day");
}
