//! How long recordings stay, what keeps them, and what is left when they are gone.

use super::rig::{NOON, Rig, recording_row};
use crate::api::deletion::Swept;
use crate::work::remove::BATCH_MAX;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::json;
use std::time::Duration;
use terms::record::{Recording, Row};
use terms::{QueueId, RecordingId, TenantId, Timestamp};

const DAY: Duration = Duration::from_secs(86_400);

impl Rig {
    /// A recording that began so many days before noon, with a WAV and an MP3.
    async fn aged(&self, tenant: TenantId, days: u32, queue: Option<u64>) -> RecordingId {
        let recording = RecordingId(self.id());
        let path = format!("{tenant}/2026-01-01/{recording}.wav");
        self.write(&path, b"RIFF");
        self.write(&path.replace(".wav", ".mp3"), b"ID3");
        let row = recording_row(tenant, recording, self.first.agents[0].0, Some(path), 4);
        let started_at = Timestamp(NOON.0 - i64::from(days) * 86_400_000_000);
        let queue_id = queue.map(QueueId);
        self.stage(&[Row::Recording(Recording { started_at, queue_id, ..row })]).await;
        recording
    }

    fn files_of(&self, tenant: TenantId, recording: RecordingId) -> usize {
        let stem = self.folder.path().join(format!("recordings/{tenant}/2026-01-01/{recording}"));
        ["wav", "mp3"].iter().filter(|end| stem.with_extension(end).exists()).count()
    }

    async fn status(&self, recording: RecordingId, token: &str) -> StatusCode {
        self.get(&format!("/api/v1/recordings/{recording}"), token).await.status
    }

    async fn keep(&self, token: &str, body: serde_json::Value) {
        let got = self.ask(Method::PUT, "/api/v1/retention", token, Some(body)).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    }

    async fn round(&self) -> Swept {
        self.deletion.round(super::rig::NOON).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_over_is_deleted_and_says_so_for_good() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let tenant = rig.tenant();
    let (old, young) = (rig.aged(tenant, 91, None).await, rig.aged(tenant, 89, None).await);
    assert_eq!(rig.round().await, Swept::default(), "recordings are kept for ever by default");
    rig.keep(&token, json!({"days": 90})).await;
    let swept = rig.round().await;
    assert_eq!(swept, Swept { deleted: 1, files: 2, ..Swept::default() });
    assert_eq!((rig.files_of(tenant, old), rig.files_of(tenant, young)), (0, 2));

    let got = rig.get(&format!("/api/v1/recordings/{old}"), &token).await;
    assert_eq!(got.status, StatusCode::GONE);
    let message = got.json()["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "This recording was deleted on 2026-11-23: its time of keeping was over.");
    assert_eq!(rig.get(&format!("/api/v1/recordings/{old}?format=mp3"), &token).await.status, 410);
    assert_eq!(rig.status(young, &token).await, StatusCode::OK);

    let listed = rig.get("/api/v1/recordings", &token).await.json();
    let rows = listed["recordings"].as_array().unwrap();
    assert_eq!(rows[0]["recording_id"], young.to_string());
    assert_eq!(rows[0]["deleted_at"], json!(null));
    assert_eq!(rows[1]["deleted_reason"], "retention");

    let sql = "SELECT recording_id, reason, detail FROM recording_deletions";
    let got = rig.post("/api/v1/sql", &token, json!({"sql": sql})).await.json();
    let row = json!({"recording_id": old.to_string(), "reason": "retention", "detail": "kept for 90 days"});
    assert_eq!(got["rows"], json!([row]));
    let audit = rig.store.audit(tenant, None, 10).await.unwrap();
    let note = audit.iter().find(|row| row.action == "recording.retention").unwrap();
    assert_eq!(note.subject, "1 recordings kept for 90 days");
    assert_eq!(rig.round().await, Swept::default(), "once");
}

#[tokio::test]
async fn a_queue_has_a_time_of_its_own() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let tenant = rig.tenant();
    let of_queue = rig.aged(tenant, 40, Some(1)).await;
    let of_none = rig.aged(tenant, 40, None).await;
    rig.keep(&token, json!({"days": 30, "queues": [{"queue": "1", "days": 50}]})).await;
    assert_eq!(rig.round().await.deleted, 1);
    assert_eq!(rig.status(of_none, &token).await, StatusCode::GONE);
    assert_eq!(rig.status(of_queue, &token).await, StatusCode::OK);
    rig.keep(&token, json!({"days": 0, "queues": [{"queue": "1", "days": 39}]})).await;
    assert_eq!(rig.round().await.deleted, 1);
    assert_eq!(rig.status(of_queue, &token).await, StatusCode::GONE);
    let got = rig.get("/api/v1/retention", &token).await.json();
    assert_eq!(got, json!({"days": 0, "queues": [{"queue": "1", "days": 39}]}));
    for bad in [
        json!({"days": 1, "queues": [{"queue": "1", "days": 1}, {"queue": "1", "days": 2}]}),
        json!({"days": 40_000}),
    ] {
        let got = rig.ask(Method::PUT, "/api/v1/retention", &token, Some(bad)).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
    }
    let foreign = json!({"days": 1, "queues": [{"queue": "99", "days": 1}]});
    let got = rig.ask(Method::PUT, "/api/v1/retention", &token, Some(foreign)).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_hold_on_recording_contact_or_number_keeps_it_until_every_hold_is_lifted() {
    let rig = Rig::new().await;
    let (boss, manager) = (rig.token(Role::Administrator).await, rig.token(Role::Manager).await);
    let tenant = rig.tenant();
    rig.keep(&boss, json!({"days": 30})).await;
    let old = rig.aged(tenant, 40, None).await;
    let hold = async |kind: &str, value: &str| {
        let body = json!({"kind": kind, "value": value, "reason": "case 7"});
        let got = rig.post("/api/v1/holds", &manager, body).await;
        assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
        got.json()["id"].as_i64().unwrap()
    };
    let lift = async |id: i64| {
        let body = json!({"reason": "the case is closed"});
        rig.post(&format!("/api/v1/holds/{id}/lift"), &manager, body).await.status
    };
    for (kind, value) in [
        ("recording", old.to_string()),
        ("contact", "5".into()),
        ("number", "138 0013 8000".into()),
    ] {
        let (first, second) = (hold(kind, &value).await, hold(kind, &value).await);
        assert_eq!(rig.round().await, Swept { held: 1, ..Swept::default() }, "{kind}");
        let ask = json!({"reason": "asked for"});
        let uri = format!("/api/v1/recordings/{old}/deletion");
        let got = rig.post(&uri, &boss, ask).await;
        assert_eq!(got.status, StatusCode::CONFLICT, "{kind}");
        assert_eq!(lift(first).await, StatusCode::NO_CONTENT);
        assert_eq!(rig.round().await.deleted, 0, "{kind}: the other hold is in force");
        assert_eq!(lift(second).await, StatusCode::NO_CONTENT);
        assert_eq!(lift(second).await, StatusCode::NOT_FOUND);
        assert_eq!(rig.files_of(tenant, old), 2);
    }
    assert_eq!(rig.round().await.deleted, 1);
    let body = json!({"kind": "recording", "value": old, "reason": "too late"});
    assert_eq!(rig.post("/api/v1/holds", &manager, body).await.status, StatusCode::GONE);

    let audit = rig.store.audit(tenant, None, 100).await.unwrap();
    let count = |action| audit.iter().filter(|row| row.action == action).count();
    assert_eq!((count("hold.set"), count("hold.lift")), (6, 6));
    let holds = rig.get("/api/v1/holds", &manager).await.json();
    assert_eq!(holds.as_array().unwrap().len(), 6);
    assert_eq!(holds[0]["value"], "+8613800138000");
    assert_eq!(holds[0]["lifted_reason"], "the case is closed");
}

#[tokio::test]
async fn a_hold_is_lifted_by_nobody_of_another_tenant() {
    let rig = Rig::new().await;
    let (token, (_, theirs)) = (rig.token(Role::Administrator).await, rig.other_tenant().await);
    let one = rig.aged(rig.tenant(), 90, None).await;
    rig.keep(&token, json!({"days": 30})).await;
    let body = json!({"kind": "recording", "value": one, "reason": "case 7"});
    let hold = rig.post("/api/v1/holds", &token, body).await.json();
    let lift = format!("/api/v1/holds/{}/lift", hold["id"]);
    let why = json!({"reason": "the case is closed"});
    let got = rig.post(&lift, &theirs, why.clone()).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/api/v1/holds", &token).await.json()[0]["lifted_at"], json!(null));
    assert_eq!(rig.round().await, Swept { held: 1, ..Swept::default() });
    assert_eq!(rig.post(&lift, &token, why).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.round().await.deleted, 1);
}

#[tokio::test]
async fn a_hold_without_reason_or_on_nothing_is_refused() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for (body, status) in [
        (json!({"kind": "recording", "value": "1", "reason": "x"}), StatusCode::NOT_FOUND),
        (json!({"kind": "contact", "value": "x", "reason": "x"}), StatusCode::BAD_REQUEST),
        (json!({"kind": "number", "value": "138", "reason": " "}), StatusCode::BAD_REQUEST),
        (json!({"kind": "person", "value": "138", "reason": "x"}), StatusCode::BAD_REQUEST),
    ] {
        let got = rig.post("/api/v1/holds", &token, body).await;
        assert_eq!(got.status, status, "{got:?}");
    }
    let got = rig.post("/api/v1/holds/1/lift", &token, json!({"reason": ""})).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_administrator_deletes_one_recording_with_a_reason() {
    let rig = Rig::new().await;
    let boss = rig.token(Role::Administrator).await;
    let one = rig.aged(rig.tenant(), 1, None).await;
    let uri = format!("/api/v1/recordings/{one}/deletion");
    let got = rig.post(&uri, &boss, json!({"reason": " "})).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    for _ in 0..2 {
        let got = rig.post(&uri, &boss, json!({"reason": "the customer asked"})).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(rig.files_of(rig.tenant(), one), 0);
    let got = rig.get(&format!("/api/v1/recordings/{one}"), &boss).await;
    assert_eq!(got.status, StatusCode::GONE);
    assert!(got.json()["message"].as_str().unwrap().contains("its erasure was ordered"));
    let audit = rig.store.audit(rig.tenant(), None, 10).await.unwrap();
    assert!(audit.iter().any(|row| row.action == "recording.delete"
        && row.subject == format!("{one}: the customer asked")));
}

#[tokio::test]
async fn who_may_keep_and_delete_and_whose() {
    let rig = Rig::new().await;
    let one = rig.aged(rig.tenant(), 400, None).await;
    let uri = format!("/api/v1/recordings/{one}/deletion");
    let why = json!({"reason": "x"});
    for (role, hold, delete) in [
        (Role::Agent, false, false),
        (Role::Supervisor, false, false),
        (Role::Manager, true, false),
    ] {
        let token = rig.token(role).await;
        let new = json!({"kind": "number", "value": "13800138001", "reason": "x"});
        let set = rig.post("/api/v1/holds", &token, new).await.status;
        assert_eq!(set == StatusCode::CREATED, hold, "{role:?}");
        assert_eq!(rig.get("/api/v1/holds", &token).await.status == StatusCode::OK, hold);
        let deleted = rig.post(&uri, &token, why.clone()).await.status;
        let days = json!({"days": 1});
        let kept = rig.ask(Method::PUT, "/api/v1/retention", &token, Some(days)).await.status;
        assert_eq!((deleted, kept), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN), "{delete}");
    }
    // Another tenant's administrator sees, holds and deletes nothing of it.
    let (other, foreign) = rig.other_tenant().await;
    assert_eq!(rig.post(&uri, &foreign, why).await.status, StatusCode::NOT_FOUND);
    let hold = json!({"kind": "recording", "value": one, "reason": "x"});
    assert_eq!(rig.post("/api/v1/holds", &foreign, hold).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/api/v1/holds", &foreign).await.json(), json!([]));
    rig.keep(&foreign, json!({"days": 1})).await;
    let theirs = rig.aged(other, 2, None).await;
    assert_eq!(rig.round().await.deleted, 1);
    assert_eq!((rig.files_of(rig.tenant(), one), rig.files_of(other, theirs)), (2, 0));
}

/// More than one batch, and some in the middle that are held: the rest goes all the same.
#[tokio::test]
async fn many_are_deleted_in_batches_around_what_is_held() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    rig.keep(&token, json!({"days": 30})).await;
    let agent = rig.first.agents[0].0;
    let count = BATCH_MAX + 50;
    let rows: Vec<Row> = (0..count)
        .map(|at| {
            let recording = RecordingId(rig.id());
            let path = format!("1/2026-01-{:02}/{recording}.wav", 1 + at % 28);
            rig.write(&path, b"");
            let row = recording_row(rig.tenant(), recording, agent, Some(path), 0);
            let started_at = Timestamp(NOON.0 - (DAY * 40).as_micros() as i64);
            let caller = if at % 100 == 0 { "+8610" } else { "+8613" }.to_owned();
            Row::Recording(Recording { started_at, caller, ..row })
        })
        .collect();
    rig.stage(&rows).await;
    let hold = json!({"kind": "number", "value": "+8610", "reason": "case 7"});
    assert_eq!(rig.post("/api/v1/holds", &token, hold).await.status, StatusCode::CREATED);
    let held = count.div_ceil(100) as u64;
    let gone = count as u64 - held;
    let swept = rig.round().await;
    assert_eq!(swept, Swept { deleted: gone, held, files: gone, ..Swept::default() });
}

/// The worker is away when the deletion is decided: nobody hears the recording meanwhile, and the
/// next round removes its files.
#[tokio::test]
async fn what_was_decided_before_a_crash_is_removed_by_the_next_round() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let one = rig.aged(rig.tenant(), 1, None).await;
    let why = (warehouse::recordings::Reason::Erasure, "asked for");
    rig.warehouse.delete_recordings(rig.tenant(), &[one], why, NOON).await.unwrap();
    assert_eq!(rig.status(one, &token).await, StatusCode::GONE);
    assert_eq!(rig.files_of(rig.tenant(), one), 2);
    assert_eq!(rig.round().await, Swept { files: 2, ..Swept::default() });
    assert_eq!(rig.files_of(rig.tenant(), one), 0);
    assert_eq!(rig.round().await, Swept::default());
}

/// The folder of one tenant's faxes cannot be read: a file lies in its place.
#[tokio::test]
async fn what_goes_wrong_for_one_tenant_keeps_no_other_from_its_round_and_is_told() {
    let rig = Rig::new().await;
    let (token, (other, theirs)) = (rig.token(Role::Administrator).await, rig.other_tenant().await);
    assert!(rig.tenant() < other, "the one that fails comes first");
    for token in [&token, &theirs] {
        let got = rig.get("/api/v1/retention/round", token).await;
        assert_eq!((got.status, &got.json()["at"]), (StatusCode::OK, &json!(null)), "none yet");
        rig.keep(token, json!({"days": 30})).await;
    }
    let (mine, of_other) =
        (rig.aged(rig.tenant(), 40, None).await, rig.aged(other, 40, None).await);
    let faxes = rig.folder.path().join("faxes");
    std::fs::create_dir_all(&faxes).unwrap();
    let in_the_way = faxes.join(rig.tenant().to_string());
    std::fs::write(&in_the_way, b"").unwrap();

    let swept = rig.round().await;
    assert_eq!(swept, Swept { deleted: 2, files: 4, stopped: 1, ..Swept::default() });
    assert_eq!((rig.files_of(rig.tenant(), mine), rig.files_of(other, of_other)), (0, 0));
    let told = async |token: &str| rig.get("/api/v1/retention/round", token).await.json();
    let stopped = told(&token).await;
    let expected =
        json!({"at": NOON.to_string(), "deleted": 1, "held": 0, "failed": 0, "stopped": "faxes"});
    assert_eq!(stopped, expected);
    assert_eq!(told(&theirs).await["stopped"], json!(null));
    let agent = rig.token(Role::Agent).await;
    let denied = rig.get("/api/v1/retention/round", &agent).await.status;
    assert_eq!(denied, StatusCode::FORBIDDEN);
    let metrics = rig.get("/metrics", &token).await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains("\nswitchgrid_retention_stopped_total 1\n"), "{metrics}");

    std::fs::remove_file(&in_the_way).unwrap();
    assert_eq!(rig.round().await, Swept::default());
    assert_eq!(told(&token).await["stopped"], json!(null), "the next one came to its end");
}
