//! People who ask to be forgotten: who may ask, what keeps them, and that no byte is left.

use super::faxes::{document, row as fax_row};
use super::rig::{NOON, Rig, call_row, item_row, recording_row};
use axum::http::StatusCode;
use desk::Role;
use desk::customer::Card;
use desk::erasure::ErasureState;
use desk::texts::Whose;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use terms::control::{Ask, CallAction, LiveCallback};
use terms::event::{
    Direction, ENTRY_VERSION, Entry, Kind, TextResult, TextSent, Written, write_frame,
};
use terms::record::{Call, Fax, Row};
use terms::routing::CallFirst;
use terms::{
    CallId, ContactId, FaxId, PhoneNumber, QueueId, RecordingId, Subscriber, TextId, Timestamp,
    UserId,
};

const ERASURES: &str = "/api/v1/erasures";
const DIGITS: &str = "13800138000";
/// Long after every file that was replaced in a test.
const LATER: Timestamp = Timestamp::from_secs(4_000_000_000);

/// The number of the digits.
fn digits() -> Subscriber {
    Subscriber::parse(DIGITS, "86").unwrap()
}

/// Who has it.
fn somebody() -> terms::Person {
    terms::Person::by_number(DIGITS, "86").unwrap()
}

/// The files below a folder that hold the digits.
fn telling(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(DIGITS.len()).any(|some| some == DIGITS.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

/// The rows of a person: a call, a recording with a file, and a fax with one.
struct Person {
    call: CallId,
    recording: RecordingId,
    fax: PathBuf,
    log: PathBuf,
}

impl Rig {
    async fn person_of_the_digits(&self) -> Person {
        let (tenant, agent) = (self.tenant(), self.first.agents[0].0);
        let (call, recording) = (CallId(self.id()), RecordingId(self.id()));
        let (fax, caller) = (FaxId(self.id()), format!("+86{DIGITS}"));
        let path = format!("{tenant}/2026-11-23/{recording}.wav");
        self.write(&path, b"RIFF");
        let folder = self.folder.path().join("faxes").join(tenant.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let fax_file = folder.join(format!("{fax}.tif"));
        std::fs::write(&fax_file, document(1_728)).unwrap();
        let contact_id = ContactId(call.0);
        let row = call_row(tenant, call, 1, 60, agent);
        let of_recording = recording_row(tenant, recording, agent, Some(path), 4);
        self.stage(&[
            Row::Call(Call { caller: caller.clone(), ..row }),
            Row::Recording(terms::record::Recording {
                call_id: call,
                contact_id,
                caller: caller.clone(),
                ..of_recording
            }),
            Row::Fax(Fax { contact_id, caller: caller.clone(), ..fax_row(tenant, fax) }),
        ])
        .await;
        let card = Card { name: "李雷".into(), ..Card::default() };
        let by = desk::By::system("test", NOON);
        self.store.put_customer(tenant, &by, DIGITS, &card).await.unwrap();
        Person { call, recording, fax: fax_file, log: self.log_of(&caller) }
    }

    /// A file of the event log in which the number called.
    fn log_of(&self, caller: &str) -> PathBuf {
        let kind = Kind::CallStarted {
            direction: Direction::Inbound,
            caller: PhoneNumber::parse(caller, "86"),
            called: PhoneNumber::parse("95105688", "86"),
            trunk: None,
            sip_call_id: "x".into(),
            user_agent: "x".into(),
            region: None,
            category: None,
        };
        let (contact, call, leg) = (Some(ContactId(1)), Some(CallId(1)), None);
        let (tenant, at) = (self.tenant(), NOON);
        let entry = Entry { v: ENTRY_VERSION, seq: 1, at, tenant, contact, call, leg, kind };
        let mut bytes = Vec::new();
        write_frame(&entry, &mut bytes);
        let path = self.folder.path().join("events/events-00000000000000000001.log");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn attempt(&self) {
        let data = self.folder.path();
        self.deletion.erase_persons(data, || NOON + Duration::from_secs(60)).await.unwrap();
    }

    async fn erasure(&self, token: &str, id: &Value) -> Value {
        self.get(&format!("{ERASURES}/{id}"), token).await.json()
    }
}

#[tokio::test]
async fn whoever_is_forgotten_is_in_no_byte_of_the_data_folder() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let person = rig.person_of_the_digits().await;
    rig.calls.callbacks.lock().unwrap().push(LiveCallback {
        callback: CallId(77),
        contact: ContactId(77),
        queue: QueueId(1),
        number: format!("+86{DIGITS}"),
        asked_at: NOON,
        first: CallFirst::Agent,
        tries: 0,
        position: Some(1),
        not_before: None,
    });
    assert!(telling(rig.folder.path()).len() >= 3, "there is something to erase");

    let body = json!({"number": "138 0013-8000", "reason": "letter of 3 May"});
    let got = rig.post(ERASURES, &token, body).await;
    assert_eq!(got.status, StatusCode::ACCEPTED, "{got:?}");
    let id = got.json()["id"].clone();
    assert_eq!(got.header("location"), format!("{ERASURES}/{id}"));
    assert_eq!(got.json()["state"], "waiting");
    let cancelled = rig.calls.asked.lock().unwrap().iter().any(|ask| {
        let is_cancel = |action: &CallAction| matches!(action, CallAction::CancelCallback { .. });
        matches!(ask, Ask::Call { call: CallId(77), action, .. } if is_cancel(action))
    });
    assert!(cancelled, "nobody calls back");
    let forget = Ask::Forget(rig.tenant(), digits());
    assert!(rig.calls.asked.lock().unwrap().contains(&forget), "calls remember them no more");

    rig.attempt().await;
    rig.attempt().await;
    let now = rig.erasure(&token, &id).await;
    assert_eq!(
        (&now["state"], &now["recordings"], &now["faxes"]),
        (&json!("clearing"), &json!(1), &json!(1)),
        "{now}"
    );
    assert!(now["rows"].as_i64().unwrap() >= 3 && now["entries"].as_i64().unwrap() >= 1, "{now}");
    assert!(now["problem"].as_str().unwrap().contains("1 of the event log"), "{now}");
    assert!(!person.fax.exists());
    let heard = rig.get(&format!("/api/v1/recordings/{}", person.recording), &token).await;
    assert_eq!(heard.status, StatusCode::GONE);
    let sql = format!("SELECT caller FROM calls WHERE call_id = {}", person.call);
    let row = rig.post("/api/v1/sql", &token, json!({"sql": sql})).await.json();
    assert_eq!(row["rows"], json!([{"caller": ""}]), "the call is still counted");

    // A call that went on meanwhile has its row only now; its day was rewritten a moment ago.
    let late = call_row(rig.tenant(), CallId(rig.id()), 2, 60, rig.first.agents[0].0);
    rig.stage(&[Row::Call(Call { caller: format!("+86{DIGITS}"), ..late })]).await;
    rig.attempt().await;
    let now = rig.erasure(&token, &id).await;
    assert_eq!(now["state"], "waiting", "{now}");
    assert!(now["problem"].as_str().unwrap().contains("were rewritten"), "{now}");
    rig.warehouse.tend(LATER).await.unwrap();
    rig.attempt().await;
    assert_eq!(rig.erasure(&token, &id).await["state"], "clearing");

    // The files of before go ten minutes later, the log past its time.
    rig.warehouse.tend(LATER).await.unwrap();
    rig.attempt().await;
    assert_eq!(rig.erasure(&token, &id).await["state"], "clearing", "the log is there");
    assert_eq!(telling(rig.folder.path()), std::slice::from_ref(&person.log));
    std::fs::remove_file(&person.log).unwrap();
    rig.attempt().await;
    let done = rig.erasure(&token, &id).await;
    assert_eq!((&done["state"], &done["problem"]), (&json!("done"), &json!("")));
    assert_eq!(telling(rig.folder.path()), Vec::<PathBuf>::new());
    let audit = rig.store.audit(rig.tenant(), None, 50).await.unwrap();
    let said = |action: &str| {
        let row = audit.iter().find(|row| row.action == action);
        row.map(|row| row.subject.clone()).unwrap_or_default()
    };
    assert_eq!(said("person.erase"), format!("erasure {id}: letter of 3 May"));
    assert_eq!(said("person.erased"), format!("erasure {id}: done"));
}

#[tokio::test]
async fn an_erasure_that_waits_for_the_event_log_alone_is_not_done_before_it_has_gone() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let log = rig.log_of(&format!("+86{DIGITS}"));
    let wish = json!({"number": DIGITS, "reason": "letter of 3 May"});
    let id = rig.post(ERASURES, &token, wish).await.json()["id"].clone();
    rig.attempt().await;
    rig.warehouse.tend(LATER).await.unwrap();
    rig.attempt().await;
    let now = rig.erasure(&token, &id).await;
    let waits_for = "there are still 0 replaced files, 1 of the event log, 0 of recordings and \
                     faxes, 0 plans of calls, and 0 of reports under way";
    assert_eq!((&now["state"], &now["problem"]), (&json!("clearing"), &json!(waits_for)));
    std::fs::remove_file(log).unwrap();
    rig.attempt().await;
    let done = rig.erasure(&token, &id).await;
    assert_eq!((&done["state"], &done["problem"]), (&json!("done"), &json!("")));
}

#[tokio::test]
async fn what_an_attempt_reached_that_failed_half_way_is_counted() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let person = rig.person_of_the_digits().await;
    let wish = json!({"number": DIGITS, "reason": "letter"});
    let id = rig.post(ERASURES, &token, wish).await.json()["id"].clone();
    let options = SqliteConnectOptions::new().filename(rig.folder.path().join("desk.db"));
    let mut desk = SqliteConnection::connect_with(&options).await.unwrap();
    let stuck = "CREATE TRIGGER stuck BEFORE DELETE ON customers
                 BEGIN SELECT RAISE(ABORT, 'stuck'); END";
    sqlx::query(stuck).execute(&mut desk).await.unwrap();
    rig.deletion.erase_persons(rig.folder.path(), || NOON).await.unwrap_err();
    assert!(!person.fax.exists());
    let now = rig.erasure(&token, &id).await;
    assert_eq!((&now["state"], &now["entries"]), (&json!("waiting"), &json!(0)), "{now}");
    assert!(now["problem"].as_str().unwrap().contains("tried again"), "{now}");

    sqlx::query("DROP TRIGGER stuck").execute(&mut desk).await.unwrap();
    desk.close().await.unwrap();
    rig.attempt().await;
    let now = rig.erasure(&token, &id).await;
    assert_eq!(
        (&now["state"], &now["recordings"], &now["faxes"]),
        (&json!("clearing"), &json!(1), &json!(1)),
        "{now}"
    );
    assert!(now["entries"].as_i64().unwrap() >= 1, "{now}");
}

#[tokio::test]
async fn a_row_of_the_audit_that_was_read_before_an_erasure_is_not_carried_after_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let by = desk::By::system("test", NOON);
    let subject = format!("+86{DIGITS}");
    rig.store.note(rig.tenant(), &by, "caller.block", &subject).await.unwrap();
    let read = rig.store.audit_after(0, 1_000).await.unwrap();
    assert!(read.iter().any(|row| row.subject.contains(DIGITS)));
    let wish = json!({"number": DIGITS, "reason": "letter"});
    assert_eq!(rig.post(ERASURES, &token, wish).await.status, StatusCode::ACCEPTED);
    rig.attempt().await;
    let last = read.last().unwrap().audit_id;
    let rows: Vec<Row> = read.into_iter().map(Row::Audit).collect();
    assert!(!rig.warehouse.stage_rows("desk audit", last, &rows).await.unwrap());
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_ends_at_once_and_keeps_no_others_from_being_done() {
    let rig = Rig::new().await;
    let by = desk::By::system("test", NOON);
    let mine = rig.store.ask_erasure(rig.tenant(), &by, &somebody(), "letter").await.unwrap().id;
    let (other, _) = rig.other_tenant().await;
    let theirs = rig.store.ask_erasure(other, &by, &somebody(), "letter").await.unwrap().id;
    let options = SqliteConnectOptions::new().filename(rig.folder.path().join("desk.db"));
    let mut desk = SqliteConnection::connect_with(&options).await.unwrap();
    let spoil = "UPDATE erasures SET number_sealed = 'x' WHERE tenant_id <> $1";
    sqlx::query(spoil).bind(other.0 as i64).execute(&mut desk).await.unwrap();
    desk.close().await.unwrap();
    rig.deletion.erase_persons(rig.folder.path(), || NOON).await.unwrap();
    let mine = rig.store.erasure(rig.tenant(), mine).await.unwrap();
    assert_eq!((mine.state, mine.ended_at), (ErasureState::Unreadable, Some(NOON)), "it ends");
    assert!(mine.problem.contains("ask for it again"), "{}", mine.problem);
    let theirs = rig.store.erasure(other, theirs).await.unwrap();
    assert_eq!(theirs.state, ErasureState::Clearing);
}

#[tokio::test]
async fn a_hold_on_anything_of_a_person_keeps_them_and_is_named() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let person = rig.person_of_the_digits().await;
    let wish = json!({"number": DIGITS, "reason": "letter"});
    for (kind, value) in [
        ("number", DIGITS.to_owned()),
        ("contact", person.call.to_string()),
        ("recording", person.recording.to_string()),
        ("fax", person.fax.file_stem().unwrap().to_string_lossy().into_owned()),
    ] {
        let body = json!({"kind": kind, "value": value, "reason": "case 7"});
        let hold = rig.post("/api/v1/holds", &token, body).await.json()["id"].clone();
        let got = rig.post(ERASURES, &token, wish.clone()).await;
        assert_eq!(got.status, StatusCode::CONFLICT, "{kind}");
        let message = got.json()["message"].as_str().unwrap().to_owned();
        assert!(message.ends_with(&format!("first: {hold}.")), "{kind}: {message}");
        let why = json!({"reason": "closed"});
        let lifted = rig.post(&format!("/api/v1/holds/{hold}/lift"), &token, why).await;
        assert_eq!(lifted.status, StatusCode::NO_CONTENT);
    }
    // One that comes between the wish and the work is respected too.
    let got = rig.post(ERASURES, &token, wish).await;
    assert_eq!(got.status, StatusCode::ACCEPTED);
    let body = json!({"kind": "number", "value": DIGITS, "reason": "case 8"});
    rig.post("/api/v1/holds", &token, body).await;
    rig.attempt().await;
    let ended = rig.erasure(&token, &got.json()["id"]).await;
    assert_eq!(ended["state"], "held");
    assert!(ended["problem"].as_str().unwrap().starts_with("legal holds: "), "{ended}");
    assert!(person.fax.exists());
    let listed = rig.get(ERASURES, &token).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_administrators_ask_and_only_for_persons_numbers_with_a_reason() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let manager = rig.token(Role::Manager).await;
    let wish = json!({"number": DIGITS, "reason": "letter"});
    assert_eq!(rig.post(ERASURES, &manager, wish.clone()).await.status, StatusCode::FORBIDDEN);
    for bad in [
        json!({"number": "95105", "reason": "letter"}),
        json!({"number": "95105688", "reason": "the hotline is nobody's"}),
        json!({"number": "withheld", "reason": "letter"}),
        json!({"number": DIGITS, "reason": ""}),
        json!({"number": DIGITS, "reason": "asked by 13800138000"}),
        json!({"number": DIGITS}),
    ] {
        let got = rig.post(ERASURES, &token, bad.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let asked = rig.post(ERASURES, &token, wish).await.json();
    let (_, foreign) = rig.other_tenant().await;
    let theirs = rig.get(&format!("{ERASURES}/{}", asked["id"]), &foreign).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_is_forgotten_by_a_mail_address_alone_stands_in_no_row_any_more() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let (item, address) = (rig.id(), "zhang.wei@example.com");
    rig.stage(&[Row::Item(item_row(rig.tenant(), item, None, NOON))]).await;
    let letter = "letter of 3 May";
    for (bad, why) in [
        (json!({"reason": letter}), "a number or a mail address is needed"),
        (json!({"mail_address": "zhang.wei", "reason": letter}), "a whole mail address such as"),
        (json!({"mail_address": address, "number": "95105", "reason": letter}), "six digits"),
        (json!({"mail_address": address, "reason": "of Zhang.Wei@example.com"}), "leave the mail"),
    ] {
        let got = rig.post(ERASURES, &token, bad.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}");
        let message = got.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(why), "{bad}: {message}");
    }
    let wish = json!({"mail_address": "ZHANG.wei@Example.com", "reason": letter});
    let got = rig.post(ERASURES, &token, wish).await;
    assert_eq!(got.status, StatusCode::ACCEPTED, "{got:?}");
    let is_forget = |ask: &Ask| matches!(ask, Ask::Forget(..));
    assert!(!rig.calls.asked.lock().unwrap().iter().any(is_forget), "calls know no addresses");
    rig.attempt().await;
    let id = got.json()["id"].clone();
    let now = rig.erasure(&token, &id).await;
    assert_eq!((&now["state"], &now["rows"]), (&json!("clearing"), &json!(1)), "{now}");
    let sql = json!({"sql": format!("SELECT address FROM items WHERE item_id = {item}")});
    let row = rig.post("/api/v1/sql", &token, sql).await.json();
    assert_eq!(row["rows"], json!([{"address": null}]), "the item is still counted");
    rig.warehouse.tend(LATER).await.unwrap();
    rig.attempt().await;
    assert_eq!(rig.erasure(&token, &id).await["state"], "done");
}

impl Rig {
    /// A run of a report with a file.
    async fn report(&self, id: i64, file: &str, text: &str, ended: Option<Timestamp>) -> PathBuf {
        let tenant = self.tenant();
        let folder = self.folder.path().join(format!("report-runs/reports/{tenant}"));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(file);
        std::fs::write(&path, text).unwrap();
        let format = file.rsplit('.').next().unwrap();
        let work = json!({
            "name": "daily", "report": "calls", "period": "2026-11-22", "format": format,
            "language": "en", "time_zone": "Asia/Shanghai", "manual": false, "more": [],
        });
        let kept = json!({"name": file, "bytes": text.len(), "content_type": "text/plain"});
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("desk.db"));
        let mut desk = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(
            "INSERT INTO report_runs (id, tenant_id, schedule_id, due_at, document, state, next_at,
             file, ended_at) VALUES ($1, $2, $1, $3, $4, $5, $3, $6, $7)",
        )
        .bind(id)
        .bind(tenant.0 as i64)
        .bind(NOON.0)
        .bind(work.to_string())
        .bind(if ended.is_some() { "done" } else { "made" })
        .bind(kept.to_string())
        .bind(ended.map(|at| at.0))
        .execute(&mut desk)
        .await
        .unwrap();
        desk.close().await.unwrap();
        path
    }
}

#[tokio::test]
async fn reports_on_the_box_that_name_who_is_forgotten_go_and_those_that_may_are_named() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let theirs = rig.report(11, "a.csv", &format!("caller\r\n+86{DIGITS}\r\n"), Some(NOON)).await;
    let other = rig.report(12, "b.csv", &format!("caller\r\n9{DIGITS}\r\n"), Some(NOON)).await;
    let closed = rig.report(13, "c.pdf", "%PDF-1.7", Some(NOON)).await;
    let running = rig.report(14, "d.csv", DIGITS, None).await;
    let body = json!({"number": DIGITS, "reason": "letter of 3 May"});
    let id = rig.post(ERASURES, &token, body).await.json()["id"].clone();
    rig.attempt().await;
    rig.attempt().await;
    let now = rig.erasure(&token, &id).await;
    assert_eq!((&now["report_files"], &now["reports_left"]), (&json!(1), &json!("13")), "{now}");
    assert!(!theirs.exists() && other.exists() && closed.exists());
    assert!(now["problem"].as_str().unwrap().contains("1 of reports under way"), "{now}");
    assert!(running.exists(), "its delivery goes on");
    let audit = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let removed = audit.iter().filter(|row| row.action == "report.erase");
    let removed: Vec<_> =
        removed.map(|row| (row.subject.as_str(), row.source.as_str(), row.user)).collect();
    assert_eq!(removed, [("a.csv", "erasure", None)], "the audit table names what was removed");
}

#[tokio::test]
async fn a_report_that_was_made_while_a_person_was_forgotten_goes_too() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let passed = AtomicU64::new(0);
    let wall = || NOON + Duration::from_secs(60 * passed.fetch_add(1, Ordering::SeqCst));
    let during = rig.report(11, "a.csv", DIGITS, Some(NOON)).await;
    let options = SqliteConnectOptions::new().filename(rig.folder.path().join("desk.db"));
    let mut desk = SqliteConnection::connect_with(&options).await.unwrap();
    let due = NOON + Duration::from_secs(30);
    sqlx::query("UPDATE report_runs SET due_at = $1").bind(due.0).execute(&mut desk).await.unwrap();
    desk.close().await.unwrap();
    let body = json!({"number": DIGITS, "reason": "letter of 3 May"});
    assert_eq!(rig.post(ERASURES, &token, body).await.status, StatusCode::ACCEPTED);
    // The first one begins at noon and ends a minute later.
    rig.deletion.erase_persons(rig.folder.path(), wall).await.unwrap();
    rig.deletion.erase_persons(rig.folder.path(), wall).await.unwrap();
    assert!(!during.exists());
}

#[tokio::test]
async fn an_erasure_ends_when_the_plan_of_a_switch_that_is_away_names_nobody_any_more() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let plans = rig.folder.path().join("plans");
    std::fs::create_dir_all(&plans).unwrap();
    let plan = plans.join(format!("{}.json", rig.tenant()));
    std::fs::write(&plan, format!("{{\"blocked\": \"+86{DIGITS}\"}}")).unwrap();
    let body = json!({"number": DIGITS, "reason": "letter of 3 May"});
    let id = rig.post(ERASURES, &token, body).await.json()["id"].clone();
    rig.attempt().await;
    rig.warehouse.tend(LATER).await.unwrap();
    rig.attempt().await;
    let now = rig.erasure(&token, &id).await;
    assert_eq!(now["state"], "clearing", "{now}");
    assert!(now["problem"].as_str().unwrap().contains("1 plans of calls"), "{now}");
    // As the switch writes it when it is back.
    std::fs::write(&plan, b"{}").unwrap();
    rig.attempt().await;
    assert_eq!(rig.erasure(&token, &id).await["state"], "done");
}

#[tokio::test]
async fn what_calls_that_are_away_have_left_of_a_person_goes_with_them() {
    for (number, stays) in [(DIGITS, false), ("13700137000", true)] {
        let rig = Rig::new().await;
        let token = rig.token(Role::Administrator).await;
        let left = rig.folder.path().join("callers.json");
        std::fs::write(&left, format!("{{\"customer\": \"+86{number}\"}}")).unwrap();
        let body = json!({"number": DIGITS, "reason": "letter of 3 May"});
        assert_eq!(rig.post(ERASURES, &token, body).await.status, StatusCode::ACCEPTED);
        rig.attempt().await;
        assert_eq!(left.exists(), stays, "{number}");
    }
}

#[tokio::test]
async fn a_text_that_was_on_its_way_while_its_person_was_erased_goes_too() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let wish = json!({"number": DIGITS, "reason": "letter of 3 May"});
    assert_eq!(rig.post(ERASURES, &token, wish).await.status, StatusCode::ACCEPTED);
    rig.attempt().await;
    let kind = Kind::TextSent(TextSent {
        id: TextId(rig.id()),
        by: Some(UserId(1)),
        trunk: None,
        from: String::new(),
        to: PhoneNumber::parse(DIGITS, "86"),
        text: Written("on its way".into()),
        result: TextResult::NoTrunk,
        status: None,
    });
    let (tenant, at) = (rig.tenant(), NOON + Duration::from_secs(90));
    let (contact, call, leg) = (None, None, None);
    let entry = Entry { v: ENTRY_VERSION, seq: 1, at, tenant, contact, call, leg, kind };
    rig.store.keep_calling(&[Arc::new(entry)], 1, false).await.unwrap();
    let texts = async || rig.store.texts(tenant, &Whose::All, None, 10).await.unwrap().len();
    assert_eq!(texts().await, 1);
    rig.attempt().await;
    assert_eq!(texts().await, 0);
}
