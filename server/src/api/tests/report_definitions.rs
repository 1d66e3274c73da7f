//! Reports that a tenant defines: checked when they are saved, run in the scope of who asks.

use super::rig::{Got, NOON, Rig};
use crate::api::links::Clock;
use crate::api::messages::in_chinese;
use crate::config::Config;
use crate::work::jobs::{Bench, Job, JobScope, ReportJob};
use crate::work::own_report::OwnReport;
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::report_definition::ReportDefinitionDraft;
use desk::team::Sight;
use reports::Progress;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

pub(super) const TALK: &str = "/api/v1/report-definitions/talk";
const RUN: &str = "/api/v1/reports/own.talk?period=2026-11-23&lang=en";

fn column(id: &str, kind: &str, total: &str) -> Value {
    json!({"id": id, "title": {"zh": id, "en": id}, "kind": kind, "total": total})
}

pub(super) fn definition() -> Value {
    json!({
        "title": {"zh": "通话时长", "en": "Talk time"},
        "help": {"zh": "各坐席的通话", "en": "What agents talked"},
        "sql": "SELECT agent_id, COUNT(*) AS calls FROM calls
                WHERE started_at >= :from AND started_at < :until
                  AND (:agent IS NULL OR agent_id = :agent)
                GROUP BY agent_id ORDER BY agent_id",
        "columns": [column("agent_id", "agent", "none"), column("calls", "count", "sum")],
        "chart": {"kind": "bar", "label": "agent_id", "series": ["calls"]},
        "roles": ["supervisor", "manager"],
    })
}

async fn put(rig: &Rig, token: &str, body: Value) -> Got {
    rig.ask(Method::PUT, TALK, token, Some(body)).await
}

fn text(got: &Got) -> String {
    String::from_utf8(got.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_manager_defines_a_report_that_its_roles_run_in_their_own_scope() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    assert_eq!(put(&rig, &supervisor, definition()).await.status, StatusCode::FORBIDDEN);
    let made = put(&rig, &manager, definition()).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    assert_eq!((&made.json()["version"], &made.json()["name"]), (&json!(1), &json!("talk")));

    let agent = rig.first.agents[0].0;
    rig.call(rig.tenant(), 0, 60, agent).await;
    let (_, foreign) = rig.other_tenant().await;
    for format in ["json", "csv", "txt", "html", "pdf", "png", "xlsx"] {
        let got = rig.get(&format!("{RUN}&format={format}"), &supervisor).await;
        assert_eq!(got.status, StatusCode::OK, "{format}: {got:?}");
        assert!(!got.body.is_empty(), "{format}");
    }
    let got = rig.get(&format!("{RUN}&format=json"), &supervisor).await.json();
    assert_eq!((&got["title"], &got["total"]["calls"]["value"]), (&json!("Talk time"), &json!(1)));
    let narrowed = format!("{RUN}&format=json&agent={}", agent.0 + 1_000);
    assert_eq!(rig.get(&narrowed, &supervisor).await.json()["rows"], json!([]));
    let wrong = rig.get(&format!("{RUN}&queue=1"), &supervisor).await;
    assert_eq!((wrong.status, &wrong.json()["field"]), (StatusCode::BAD_REQUEST, &json!("queue")));
    assert_eq!(rig.get(RUN, &foreign).await.status, StatusCode::NOT_FOUND);

    // Who may no longer run it does not; each change is a version.
    let mut narrow = definition();
    narrow["roles"] = json!(["manager"]);
    assert_eq!(put(&rig, &manager, narrow).await.json()["version"], 2);
    assert_eq!(rig.get(RUN, &supervisor).await.status, StatusCode::FORBIDDEN);
    let listed = rig.get("/api/v1/report-definitions", &supervisor).await.json();
    assert_eq!(listed, json!([]));
    let versions = rig.get(&format!("{TALK}/versions"), &manager).await.json();
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!(2), &json!(1)));
    let audit = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.action == "report_definition.put").count(), 2);
}

#[tokio::test]
async fn a_definition_names_nothing_outside_its_scope() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let (other, foreign) = rig.other_tenant().await;
    rig.call(other, 0, 60, rig.first.agents[0].0).await;
    for (sql, said) in [
        ("SELECT agent_id, 1 AS calls FROM desk.users", "there is no table \"desk.users\""),
        ("SELECT agent_id, 1 AS calls FROM '/etc/passwd'", ""),
        ("SELECT agent_id, 1 AS calls FROM read_parquet('x')", "table functions"),
        ("DELETE FROM calls", "only SELECT"),
        ("SELECT 1 AS agent_id, 1 AS calls; SELECT 2", "exactly one statement"),
        ("SELECT agent_id, 1 AS calls FROM calls WHERE agent_id = :agnt", "\":agent\"?"),
        ("SELECT agent_id, talks_ms AS calls FROM calls", "did you mean \"talk_ms\"? (line 1"),
    ] {
        let mut draft = definition();
        draft["sql"] = json!(sql);
        let got = put(&rig, &manager, draft).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{sql}: {got:?}");
        assert_eq!(got.json()["field"], "sql", "{sql}");
        assert!(got.json()["message"].as_str().unwrap().contains(said), "{got:?}");
    }
    // Without any condition it still reads its own tenant's rows alone.
    let mut draft = definition();
    draft["sql"] = json!("SELECT agent_id, COUNT(*) AS calls FROM calls GROUP BY agent_id");
    assert_eq!(put(&rig, &manager, draft).await.status, StatusCode::OK);
    let got = rig.get(&format!("{RUN}&format=json"), &manager).await.json();
    assert_eq!(got["rows"], json!([]));
    assert_eq!(rig.get(RUN, &foreign).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_columns_of_a_definition_are_those_of_its_answer() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    for (columns, said) in [
        (
            json!([column("agent_id", "agent", "none"), column("cals", "count", "sum")]),
            "column \"cals\": the answer has no field \"cals\"; did you mean \"calls\"?",
        ),
        (
            json!([column("calls", "count", "sum")]),
            "the answer's field \"agent_id\" is described by no column",
        ),
        (
            json!([column("agent_id", "agent", "none"), column("calls", "time", "none")]),
            "column \"calls\": the field \"calls\" has to be a time, and is Int64",
        ),
    ] {
        let mut draft = definition();
        draft["columns"] = columns;
        draft["chart"] = json!({"kind": "none"});
        let got = put(&rig, &manager, draft).await.json();
        assert_eq!((&got["field"], &got["message"]), (&json!("columns"), &json!(said)));
    }
}

#[tokio::test]
async fn an_own_report_is_saved_and_scheduled_like_any_other() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let saved = json!({"name": "Talk", "report": "own.talk", "period": "yesterday",
        "format": "csv", "language": "en"});
    let none = rig.post("/api/v1/saved-reports", &manager, saved.clone()).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    put(&rig, &manager, definition()).await;
    let made = rig.post("/api/v1/saved-reports", &manager, saved).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let used = rig.ask(Method::DELETE, TALK, &manager, None).await;
    assert_eq!(used.status, StatusCode::CONFLICT);

    let schedule = json!({"name": "Daily", "saved_report": made.json()["id"],
        "cron": "0 8 * * *", "misfire": "run_once"});
    let schedule = rig.post("/api/v1/schedules", &manager, schedule).await.json();
    let run = format!("/api/v1/schedules/{}/run", schedule["id"].as_str().unwrap());
    let run = rig.post(&run, &manager, json!({})).await.json();
    rig.schedules.round(|| rig.clock.wall()).await.unwrap();
    let file = format!("/api/v1/report-runs/{}/file", run["id"].as_str().unwrap());
    let got = rig.get(&file, &manager).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    assert!(text(&got).contains("agent_id,calls"), "{}", text(&got));
}

#[tokio::test]
async fn an_own_report_of_too_many_rows_is_refused_with_their_number_and_an_export() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    for second in 0..4 {
        rig.call(rig.tenant(), second, 60, agent).await;
    }
    let mut draft = definition();
    draft["sql"] = json!(
        "SELECT agent_id, 1 AS calls FROM calls
         WHERE started_at >= :from AND started_at < :until -- a row for each"
    );
    let draft: ReportDefinitionDraft = serde_json::from_value(draft).unwrap();
    let mut config = Config::default();
    config.server.data = rig.folder.path().to_owned();
    for (most, fits) in [(4, true), (3, false)] {
        config.sql.rows_max = most;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        let bench = Bench::open(config.clone()).await.unwrap();
        let bench = bench.heard_by(Arc::new(move |at: Progress| hears.lock().unwrap().push(at)));
        let named = crate::first::names(&rig.store, rig.tenant()).await.unwrap();
        let scope = JobScope::seen(rig.tenant(), Sight::WHOLE, false, "Asia/Shanghai".into());
        let asked = ("own.talk".to_owned(), "2026-11-23".to_owned());
        let job = ReportJob {
            format: "xlsx".into(),
            language: "en".into(),
            own: Some(OwnReport { name: "talk".into(), draft: draft.clone() }),
            ..ReportJob::of(named, scope, asked, NOON)
        };
        match bench.run(Job::Report(Box::new(job))).await {
            Ok(_) => {
                assert!(fits);
                let told = heard.lock().unwrap().last().copied();
                assert_eq!(
                    told,
                    Some(Progress { rows: 4, of: 4 }),
                    "a workbook says how far it is"
                );
            }
            Err(problem) => {
                assert!(!fits, "{problem}");
                assert_eq!(problem.status, 413);
                let said = "has 4 rows, and one from a question of your own has at most 3";
                assert!(problem.message.contains(said), "{problem}");
                assert!(problem.message.ends_with("as CSV with POST /api/v1/sql."), "{problem}");
                assert!(in_chinese(&problem.message).unwrap().contains("4 行"), "{problem}");
            }
        }
    }
    // Who defines reports can fetch their rows so.
    let portion = json!({"sql": "SELECT call_id FROM calls ORDER BY call_id LIMIT 2 OFFSET 2",
        "format": "csv"});
    let got = rig.post("/api/v1/sql", &manager, portion).await;
    assert_eq!((got.status, text(&got).lines().count()), (StatusCode::OK, 3), "{got:?}");
}

#[tokio::test]
async fn a_row_says_by_which_question_its_calls_are_listed() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    let call = rig.call(rig.tenant(), 0, 60, agent).await;
    let mut draft = definition();
    draft["behind"] =
        json!({"table": "calls", "key": "call_id", "by": ["agent_id"], "at": "started_at"});
    assert_eq!(put(&rig, &manager, draft.clone()).await.status, StatusCode::OK);
    let got = rig.get(&format!("{RUN}&format=json"), &manager).await.json();
    let behind = got["rows"][0]["behind"].as_str().unwrap_or_else(|| panic!("{got}"));
    let asked = json!({"sql": behind, "format": "json"});
    let listed = rig.post("/api/v1/sql", &manager, asked).await.json();
    assert_eq!(listed["rows"], json!([{"call_id": call.to_string()}]));

    for (behind, said) in [
        (json!({"table": "cals", "key": "call_id"}), "did you mean \"calls\"?"),
        (json!({"table": "calls", "key": "caller"}), "names no matter"),
        (json!({"table": "calls", "key": "call_id", "by": ["calls"]}), "no column \"calls\""),
        (json!({"table": "calls", "key": "call_id", "only": "1) OR (1"}), "only is one condition"),
    ] {
        draft["behind"] = behind;
        let got = put(&rig, &manager, draft.clone()).await;
        assert_eq!(
            (got.status, &got.json()["field"]),
            (StatusCode::BAD_REQUEST, &json!("behind")),
            "{got:?}"
        );
        assert!(got.json()["message"].as_str().unwrap().contains(said), "{got:?}");
    }
}
