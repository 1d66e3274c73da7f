//! What is behind the rows of reports.

use super::rig::{NOON, Rig, item_row};
use axum::http::StatusCode;
use desk::Role;
use serde_json::{Value, json};
use std::time::Duration;
use terms::record::{AgentSpan, Row, Shift};
use terms::{SpanId, Timestamp};

const HOURS: &str = "/api/v1/reports/busy_hours?period=2026-11-23&format=json";

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// The address that opens a row of the report at `uri`.
fn opening(uri: &str, row: &Value) -> String {
    let key = row["key"].as_str().unwrap();
    let (path, asked) = uri.split_once('?').unwrap();
    format!("{path}/behind?{}&row={key}", asked.replace("&format=json", ""))
}

#[tokio::test]
async fn a_row_is_opened_page_by_page_by_who_may_read_reports_and_not_ask_in_sql() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let mut calls = Vec::new();
    for second in 0..5 {
        calls.push(rig.call(rig.tenant(), second, 60, rig.first.agents[0].0).await.to_string());
    }
    let (other, foreign) = rig.other_tenant().await;
    rig.call(other, 0, 60, rig.first.agents[0].0).await;
    let report = rig.get(HOURS, &supervisor).await.json();
    let row = &report["rows"][0];
    assert_eq!(row["cells"]["calls"]["value"], 5);
    let asked = rig.post("/api/v1/sql", &supervisor, json!({"sql": row["behind"]})).await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN, "the text of SQL is of no use to them");

    let uri = opening(HOURS, row);
    let (mut seen, mut after) = (Vec::new(), String::new());
    for (length, is_last) in [(2, false), (2, false), (1, true)] {
        let got = rig.get(&format!("{uri}&limit=2{after}"), &supervisor).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        let page = got.json();
        assert_eq!((&page["count"], &page["key"]), (&json!(5), &json!("contact_id")));
        let ids = texts(&page["ids"]);
        assert_eq!((ids.len(), page["next"].is_null()), (length, is_last));
        after = format!("&after={}", page["next"].as_str().unwrap_or_default());
        seen.extend(ids);
    }
    assert_eq!(seen, calls, "each once, in order");
    let noted = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
    assert_eq!(noted.action, "report.open");
    assert!(noted.subject.starts_with("busy_hours 2026-11-23 "), "{}", noted.subject);

    // The same row of another tenant has their contacts alone.
    let theirs = rig.get(&uri, &foreign).await.json();
    assert_eq!(theirs["count"], 1);
    assert!(!calls.contains(&texts(&theirs["ids"])[0]));
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get(&uri, &agent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_number_opens_what_it_counts_and_the_report_says_which_columns_do() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    for second in 0..3 {
        rig.call(rig.tenant(), second, 60, rig.first.agents[0].0).await;
    }
    let report = rig.get(HOURS, &supervisor).await.json();
    let columns = report["columns"].as_array().unwrap();
    let opens = |column: &&Value| column["opens"] == true;
    let open: Vec<&str> = columns.iter().filter(opens).filter_map(|c| c["id"].as_str()).collect();
    assert_eq!(open, ["calls", "offered", "answered", "abandoned", "moved_on", "answers"]);
    let listed = rig.get("/api/v1/reports?lang=en", &supervisor).await.json();
    let hours = listed.as_array().unwrap().iter().find(|one| one["id"] == "busy_hours").unwrap();
    assert_eq!(hours["columns"][2]["opens"], true);
    assert_eq!(hours["columns"][0]["opens"], false);

    let row = &report["rows"][0];
    let uri = opening(HOURS, row);
    for column in open {
        let got = rig.get(&format!("{uri}&column={column}"), &supervisor).await;
        assert_eq!(got.status, StatusCode::OK, "{column}: {got:?}");
        assert_eq!(got.json()["counted"], row["cells"][column]["value"], "{column}");
    }
    let page = rig.get(&format!("{uri}&column=calls&limit=2"), &supervisor).await.json();
    assert_eq!((&page["count"], &page["counted"]), (&json!(3), &json!(3)));
    assert_eq!(texts(&page["ids"]).len(), 2);
    let next = page["next"].as_str().unwrap();
    let last = rig.get(&format!("{uri}&column=calls&limit=2&after={next}"), &supervisor).await;
    assert_eq!((texts(&last.json()["ids"]).len(), &last.json()["next"]), (1, &Value::Null));
    let noted = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
    assert!(noted.subject.ends_with(" calls"), "{}", noted.subject);
    assert!(rig.get(&uri, &supervisor).await.json()["counted"].is_null(), "a row counts nothing");

    for column in ["asa", "weekday", "gossip"] {
        let got = rig.get(&format!("{uri}&column={column}"), &supervisor).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{column}");
        let message = got.json()["message"].to_string();
        assert!(message.contains("there are calls, offered, answered"), "{message}");
    }
    let other = uri.replace("2026-11-23", "2026-11-22");
    let got = rig.get(&format!("{other}&column=calls"), &supervisor).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND, "no such row");
}

/// Work that was no call: two mails that an agent did, one that nobody took, and one of somebody else.
#[tokio::test]
async fn a_number_of_items_opens_them_in_the_sight_of_who_asks() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let agent = rig.first.agents[0].0;
    let ended = |id: u64, agent| Row::Item(item_row(rig.tenant(), id, agent, NOON));
    let (other, foreign) = rig.other_tenant().await;
    let theirs = Row::Item(item_row(other, 4, None, NOON));
    rig.stage(&[ended(1, Some(agent)), ended(2, Some(agent)), ended(3, None), theirs]).await;
    let uri = "/api/v1/reports/items?period=2026-11-23&format=json";
    let report = rig.get(uri, &supervisor).await.json();
    let row = &report["rows"][0];
    // Each took as long as the target.
    assert_eq!(row["cells"]["on_time"]["numerator"], 2);
    assert_eq!(row["cells"]["channel"]["text"], "邮件");
    let uri = opening(uri, row);
    let whole = rig.get(&uri, &supervisor).await.json();
    assert_eq!((&whole["key"], &whole["table"]), (&json!("item_id"), &json!("items")));
    assert_eq!(whole["ids"], json!(["1", "2", "3"]));
    for (column, ids, counted) in [
        ("ended", json!(["1", "2", "3"]), 3),
        ("done", json!(["1", "2"]), 2),
        ("in_time", json!(["1", "2"]), 2),
        ("late", json!([]), 0),
        ("closed", json!(["3"]), 1),
        ("unanswered", json!(["1", "2", "3"]), 3),
    ] {
        let page = rig.get(&format!("{uri}&column={column}"), &supervisor).await.json();
        assert_eq!((&page["ids"], &page["counted"]), (&ids, &json!(counted)), "{column}");
        assert_eq!(row["cells"][column]["value"], counted, "{column}");
    }
    assert_eq!(rig.get(&uri, &foreign).await.json()["ids"], json!(["4"]));
    let strict = "/api/v1/reports/items?period=2026-11-23&format=json&item_target_s=14399";
    let report = rig.get(strict, &supervisor).await.json();
    assert_eq!(report["rows"][0]["cells"]["late"]["value"], 2);
    let late = format!("{}&column=late", opening(strict, &report["rows"][0]));
    assert_eq!(rig.get(&late, &supervisor).await.json()["ids"], json!(["1", "2"]));
}

#[tokio::test]
async fn every_row_of_the_catalogue_opens_what_its_condition_lists() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    rig.ask(
        axum::http::Method::PUT,
        "/api/v1/rates",
        &administrator,
        Some(json!({"agent_hour": 100})),
    )
    .await;
    for (second, length) in [(0, 60), (1, 60), (2, 10), (4_000, 60)] {
        rig.call(rig.tenant(), second, length, rig.first.agents[0].0).await;
    }
    rig.recording(rig.tenant(), rig.first.agents[0].0, b"RIFF").await;
    rig.stage(&[Row::Item(item_row(rig.tenant(), 1, None, NOON))]).await;
    let listed = rig.get("/api/v1/reports?lang=en", &administrator).await.json();
    let mut opened = Vec::new();
    for report in listed.as_array().unwrap() {
        let id = report["id"].as_str().unwrap();
        let uri = format!("/api/v1/reports/{id}?period=2026-11-23&format=json");
        let made = rig.get(&uri, &administrator).await.json();
        let rows = made["rows"].as_array().unwrap();
        for row in rows.iter().filter(|row| row["kind"] == "data").take(3) {
            let got = rig.get(&opening(&uri, row), &administrator).await;
            assert_eq!(got.status, StatusCode::OK, "{id}: {got:?}");
            let asked = json!({"sql": row["behind"]});
            let sql = rig.post("/api/v1/sql", &administrator, asked).await.json();
            let (rows, page) = (sql["rows"].as_array().unwrap(), got.json());
            assert_eq!(page["count"], rows.len(), "{id}");
            let key = page["key"].as_str().unwrap();
            let listed: Vec<String> =
                rows.iter().map(|row| row[key].to_string().trim_matches('"').to_owned()).collect();
            assert_eq!(texts(&page["ids"]), listed, "{id}");
            opened.push(id.to_owned());
        }
    }
    for id in ["calls", "busy_hours", "calls_by_region", "items", "recording_log", "transfer_hold"]
    {
        assert!(opened.iter().any(|one| one == id), "{id}: {opened:?}");
    }
}

#[tokio::test]
async fn a_row_of_a_report_that_looks_at_the_time_is_opened_as_of_that_time() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let agent_id = rig.first.agents[0].0;
    let hours = |hours: i64| Timestamp(NOON.0 + hours * 3_600_000_000);
    let shift = Shift {
        tenant_id: rig.tenant(),
        version_id: 1,
        shift_id: 1,
        agent_id,
        starts_at: hours(-3),
        ends_at: hours(3),
        withdrawn: false,
        changed_at: hours(-48),
    };
    let span = AgentSpan {
        tenant_id: rig.tenant(),
        span_id: SpanId(77),
        agent_id,
        activity: "idle".into(),
        reason: None,
        started_at: hours(-3),
        ended_at: hours(-1),
        duration_ms: 7_200_000,
        call_id: None,
        queue_id: None,
        skill_set_id: None,
    };
    rig.stage(&[Row::Shift(shift), Row::AgentSpan(span)]).await;
    let uri = "/api/v1/reports/adherence?period=today&format=json";
    let report = rig.get(uri, &manager).await.json();
    let uri = opening(uri, &report["rows"][0]);
    rig.clock.advance(Duration::from_secs(60));
    assert_eq!(rig.get(&uri, &manager).await.status, StatusCode::NOT_FOUND, "as of a minute later");
    // The plus of its offset is sent as it is, and once more as it should be.
    let at = report["generated_at"].as_str().unwrap();
    for at in [at.to_owned(), at.replace('+', "%2B")] {
        let got = rig.get(&format!("{uri}&at={at}"), &manager).await;
        assert_eq!(got.status, StatusCode::OK, "{at}: {got:?}");
        assert_eq!(got.json()["ids"], json!(["77"]));
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_a_sentence() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let row = rig.get(HOURS, &manager).await.json()["rows"][0].clone();
    let uri = opening(HOURS, &row);
    for (more, field) in [
        ("&at=2026-11-23T12:00:01%2B08:00", "at"),
        ("&at=noon", "at"),
        ("&after=x", "after"),
        ("&after=1%20OR%201=1", "after"),
        ("&service_level_s=20", "service_level_s"),
        ("&format=pdf", "query"),
        ("&limit=many", "query"),
    ] {
        let got = rig.get(&format!("{uri}{more}"), &manager).await;
        assert_eq!(
            (got.status, got.json()["field"].as_str()),
            (StatusCode::BAD_REQUEST, Some(field)),
            "{more}"
        );
    }
    let of = async |uri: &str| rig.get(uri, &manager).await;
    let none = of("/api/v1/reports/busy_hours/behind?period=2026-11-23").await;
    assert_eq!((none.status, &none.json()["field"]), (StatusCode::BAD_REQUEST, &json!("row")));
    for unknown in [
        // Another day, another zone, another report, and no key at all.
        uri.replace("2026-11-23", "2026-11-22"),
        format!("{uri}&zone=UTC"),
        uri.replace("busy_hours", "calls"),
        uri.replace("busy_hours", "gossip"),
        "/api/v1/reports/busy_hours/behind?period=2026-11-23&row=1'%20OR%20'1".to_owned(),
    ] {
        assert_eq!(of(&unknown).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
    let audit = of("/api/v1/reports/audit/behind?row=x").await;
    assert_eq!(audit.status, StatusCode::FORBIDDEN);
}
