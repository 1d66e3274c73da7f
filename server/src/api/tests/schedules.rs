//! Reports that are saved and scheduled.

use super::rig::Rig;
use crate::api::links::Clock;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use std::time::Duration;

fn saved() -> Value {
    json!({"name": "Workload", "report": "workload", "period": "yesterday", "format": "csv",
        "language": "en"})
}

fn daily(saved: &str, targets: Value) -> Value {
    json!({"name": "Daily", "saved_report": saved, "cron": "0 8 * * MON-FRI",
        "misfire": "run_once", "targets": targets})
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

async fn save(rig: &Rig, token: &str) -> String {
    let got = rig.post("/api/v1/saved-reports", token, saved()).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    id(&got.json())
}

#[tokio::test]
async fn a_report_is_saved_scheduled_run_and_fetched_and_every_step_is_audited() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let saved = save(&rig, &manager).await;
    let out = rig.folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let target = json!([{"kind": "directory", "root": out.to_str().unwrap(), "path": "daily"}]);
    let made = rig.post("/api/v1/schedules", &manager, daily(&saved, target)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.json()["next_at"], "2026-11-24T00:00:00.000Z");
    let schedule = id(&made.json());
    let run = rig.post(&format!("/api/v1/schedules/{schedule}/run"), &manager, json!({})).await;
    assert_eq!(run.status, StatusCode::ACCEPTED, "{run:?}");
    assert_eq!(run.json()["state"], "waiting");
    let file = format!("/api/v1/report-runs/{}/file", id(&run.json()));
    let early = rig.get(&file, &manager).await;
    assert_eq!(early.json()["message"], "This run has no file.");
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let runs = rig.get(&format!("/api/v1/report-runs?schedule={schedule}"), &manager).await.json();
    let [done] = runs.as_array().unwrap().as_slice() else { panic!("{runs}") };
    assert_eq!(
        (done["state"].as_str(), done["period"].as_str()),
        (Some("done"), Some("2026-11-22"))
    );
    assert_eq!(done["deliveries"][0]["state"], "delivered");
    let name = done["file"]["name"].as_str().unwrap();
    let got = rig.get(&file, &manager).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.header("content-disposition"), format!("attachment; filename=\"{name}\""));
    let kept = out.join(format!("{}/daily/{name}", rig.tenant()));
    assert!(std::fs::read(kept).unwrap() == got.body, "the folder has the same file");
    let administrator = rig.token(Role::Administrator).await;
    let audit = rig.get("/api/v1/audit", &administrator).await.json().to_string();
    for action in
        ["saved_report.create", "schedule.create", "schedule.run", "schedule.end", "report.fetch"]
    {
        assert!(audit.contains(action), "{action}");
    }
    let path = format!("/api/v1/saved-reports/{saved}");
    let used = rig.ask(Method::DELETE, &path, &manager, None).await;
    assert_eq!(used.status, StatusCode::CONFLICT);
    let path = format!("/api/v1/schedules/{schedule}");
    let gone = rig.ask(Method::DELETE, &path, &manager, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&file, &manager).await.status, StatusCode::OK, "its runs stay");
}

#[tokio::test]
async fn a_call_that_goes_on_keeps_its_days_report_waiting() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let saved = save(&rig, &manager).await;
    let made = rig.post("/api/v1/schedules", &manager, daily(&saved, json!([]))).await;
    // Tuesday at 8:00: the live call began on Monday at noon.
    rig.clock.advance(Duration::from_secs(20 * 3_600));
    let manager = rig.token(Role::Manager).await;
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let list = format!("/api/v1/report-runs?schedule={}", id(&made.json()));
    let run = rig.get(&list, &manager).await.json();
    assert_eq!(
        (run[0]["state"].as_str(), run[0]["problem"].as_str()),
        (Some("waiting"), Some("calls of its period go on: 1"))
    );
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_field_and_sentence() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let saved_id = save(&rig, &manager).await;
    for (field, value, said) in [
        ("report", json!("gossip"), "There is no such report"),
        ("format", json!("docx"), "no reports as"),
        ("language", json!("fr"), "zh-CN or en"),
        ("paper", json!("letter"), "a4 or a3"),
        ("orientation", json!("askew"), "portrait or landscape"),
        ("name", json!(" "), "at least one character"),
    ] {
        let mut draft = saved();
        draft[field] = value;
        let got = rig.post("/api/v1/saved-reports", &manager, draft).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{field}");
        let problem = got.json();
        assert_eq!(problem["field"], field);
        assert!(problem["message"].as_str().unwrap().contains(said), "{problem}");
    }
    for (field, value, said) in [
        ("until", json!("2026-11-23T03:59:59Z"), "a time in the future"),
        ("cron", json!("0 8 31 2 *"), "never comes due"),
        ("cron", json!("*/5 * * * *"), "once an hour"),
        ("cron", json!("daily"), "five fields"),
        ("time_zone", json!("Mars/Olympus"), "IANA name"),
        ("calendar", json!("moon"), "no opening hours"),
        ("webhook_secret", json!("short"), "16-200 characters"),
        ("targets", json!([{"kind": "s3"}]), "no object store"),
        ("targets", json!([{"kind": "mail", "to": ["a@b.c"]}]), "no mail server"),
        ("targets", json!([{"kind": "directory", "root": "/etc"}]), "schedules.directories"),
        ("targets", json!([{"kind": "webhook", "url": "javascript:x"}]), "such as https://"),
    ] {
        let mut draft = daily(&saved_id, json!([]));
        draft[field] = value;
        let got = rig.post("/api/v1/schedules", &manager, draft).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{field}: {said}");
        let problem = got.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["message"].as_str().unwrap().contains(said), "{problem}");
    }
    let unsigned = json!([{"kind": "webhook", "url": "https://example.com/in"}]);
    let mut draft = daily(&saved_id, unsigned);
    draft["name"] = json!("Unsigned");
    let got = rig.post("/api/v1/schedules", &manager, draft).await;
    assert_eq!(got.json()["field"], "webhook_secret", "{got:?}");
}

#[tokio::test]
async fn schedules_are_a_managers_and_another_tenant_sees_none() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let saved = save(&rig, &manager).await;
    let made = rig.post("/api/v1/schedules", &manager, daily(&saved, json!([]))).await.json();
    let run = rig.post(&format!("/api/v1/schedules/{}/run", id(&made)), &manager, json!({})).await;
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let (schedule, run) = (id(&made), id(&run.json()));
    let (_, foreign) = rig.other_tenant().await;
    let supervisor = rig.token(Role::Supervisor).await;
    for (method, path) in [
        (Method::GET, format!("/api/v1/schedules/{schedule}")),
        (Method::POST, format!("/api/v1/schedules/{schedule}/run")),
        (Method::DELETE, format!("/api/v1/schedules/{schedule}")),
        (Method::DELETE, format!("/api/v1/saved-reports/{saved}")),
        (Method::GET, format!("/api/v1/report-runs/{run}")),
        (Method::GET, format!("/api/v1/report-runs/{run}/file")),
    ] {
        let body = (method == Method::POST).then(|| json!({}));
        let got = rig.ask(method.clone(), &path, &foreign, body.clone()).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}: {got:?}");
        let got = rig.ask(method, &path, &supervisor, body).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{path}: {got:?}");
    }
    for path in ["/api/v1/schedules", "/api/v1/saved-reports", "/api/v1/report-runs"] {
        assert_eq!(rig.get(path, &foreign).await.json(), json!([]), "{path}");
    }
    // A schedule of another tenant's report is none.
    let stolen = rig.post("/api/v1/schedules", &foreign, daily(&saved, json!([]))).await;
    assert_eq!(stolen.status, StatusCode::NOT_FOUND, "{stolen:?}");
    assert_eq!(
        rig.get(&format!("/api/v1/report-runs/{run}/file"), &manager).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_run_of_several_reports_lists_and_gives_all_its_files() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let first = save(&rig, &manager).await;
    let mut queues = saved();
    queues["name"] = json!("Queues");
    queues["report"] = json!("queue_summary");
    let second = id(&rig.post("/api/v1/saved-reports", &manager, queues).await.json());
    let mut draft = daily(&first, json!([]));
    draft["more"] = json!([first]);
    let twice = rig.post("/api/v1/schedules", &manager, draft.clone()).await;
    assert_eq!((twice.status, &twice.json()["field"]), (StatusCode::BAD_REQUEST, &json!("more")));
    draft["more"] = json!([second]);
    let made = rig.post("/api/v1/schedules", &manager, draft).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let run = format!("/api/v1/schedules/{}/run", id(&made.json()));
    let run = id(&rig.post(&run, &manager, json!({})).await.json());
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let done = rig.get(&format!("/api/v1/report-runs/{run}"), &manager).await.json();
    assert_eq!(done["state"], "done", "{done}");
    let names = [&done["file"]["name"], &done["more_files"][0]["name"]];
    for (number, name) in names.into_iter().enumerate() {
        let got = rig.get(&format!("/api/v1/report-runs/{run}/files/{number}"), &manager).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        let named = format!("attachment; filename=\"{}\"", name.as_str().unwrap());
        assert_eq!(got.header("content-disposition"), named);
    }
    assert!(names[1].as_str().unwrap().starts_with("queue_summary-2026-11-22-"), "{done}");
    let none = rig.get(&format!("/api/v1/report-runs/{run}/files/2"), &manager).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let (_, foreign) = rig.other_tenant().await;
    let other = rig.get(&format!("/api/v1/report-runs/{run}/files/1"), &foreign).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}
