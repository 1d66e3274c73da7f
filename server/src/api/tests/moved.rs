//! Recordings in the second tier: how they get there, how they are heard, and how they go.

use super::rig::{Got, NOON, Rig, recording_row, request};
use crate::api::deletion::Swept;
use crate::api::moving::Round;
use crate::tier::fragile::Fragile;
use crate::work::jobs::Job;
use axum::http::{Method, StatusCode};
use desk::Role;
use mediacore::edge::keys::Keys;
use mediacore::edge::rendering::{SealFor, Writer};
use mediacore::g711::{self, Law};
use mediacore::record::wav;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use terms::record::{Recording, Row};
use terms::{RecordingId, Timestamp};
use warehouse::recordings::{Reason, Stage};

/// Two seconds with a tone on the left.
fn audio() -> Vec<u8> {
    let samples = 16_000;
    let mut bytes = wav::Format::stereo_8k(Some(Law::A)).header(samples);
    let tone = |n: u64| ((n as f64 * 0.35).sin() * 9_000.0) as i16;
    bytes.extend((0..samples).flat_map(|n| [g711::encode(Law::A, tone(n)), 0xD5]));
    bytes
}

/// A box with a second tier and one recording of an hour ago, which has an MP3.
struct Story {
    rig: Rig,
    store: Arc<Fragile>,
    token: String,
    id: RecordingId,
    wav: Vec<u8>,
}

impl Story {
    async fn new() -> Story {
        let store = Arc::new(Fragile::default());
        let rig = Rig::with_tier(store.clone()).await;
        let token = rig.token(Role::Administrator).await;
        let wav = audio();
        let id = recorded(&rig, &wav).await;
        let story = Story { rig, store, token, id, wav };
        std::fs::write(story.file("mp3"), b"\xFF\xFBan MP3").unwrap();
        story
    }

    fn file(&self, ending: &str) -> PathBuf {
        let path = format!("recordings/1/2026-11-23/{}.{ending}", self.id);
        self.rig.folder.path().join(path)
    }

    fn cached(&self, ending: &str) -> PathBuf {
        let path = format!("tier-cache/1/2026-11-23/{}.{ending}", self.id);
        self.rig.folder.path().join(path)
    }

    fn object(&self, ending: &str) -> String {
        format!("box-1/1/2026-11-23/{}.{ending}", self.id)
    }

    fn uri(&self) -> String {
        format!("/api/v1/recordings/{}", self.id)
    }

    async fn get(&self, query: &str) -> Got {
        self.rig.get(&format!("{}{query}", self.uri()), &self.token).await
    }

    async fn round(&self) -> Result<Round, crate::api::moving::Error> {
        let now = Timestamp(NOON.0 + 3_600_000_000);
        self.rig.moving.as_ref().expect("there is a second tier").round(now).await
    }

    async fn stage(&self) -> Option<Stage> {
        let found = self.rig.warehouse.recording(self.rig.tenant(), self.id).await.unwrap();
        found.unwrap().moved.map(|moved| moved.stage)
    }

    fn away(&self, is_away: bool) {
        self.store.away.store(is_away, Ordering::Relaxed);
    }
}

async fn recorded(rig: &Rig, bytes: &[u8]) -> RecordingId {
    let id = RecordingId(rig.id());
    let path = format!("1/2026-11-23/{id}.wav");
    rig.write(&path, bytes);
    let row = recording_row(rig.tenant(), id, rig.first.agents[0].0, Some(path), bytes.len());
    rig.stage(&[Row::Recording(Recording { sha256: Some(sha256(bytes)), ..row })]).await;
    id
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_recording_moves_and_is_heard_as_before() {
    let story = Story::new().await;
    let before = story.get("").await;
    let moved = story.round().await.unwrap();
    assert_eq!(moved, Round { moved: 1, freed: 2, ..Round::default() });
    assert_eq!(story.store.names().await, [story.object("mp3"), story.object("wav")]);
    assert!(!story.file("wav").exists() && !story.file("mp3").exists());
    assert_eq!(story.stage().await, Some(Stage::Alone));

    let mut part = request(Method::GET, &story.uri(), &story.token, None);
    part.headers_mut().insert("range", "bytes=100-299".parse().unwrap());
    part.headers_mut().insert("if-range", before.header("etag").parse().unwrap());
    let part = story.rig.send(part).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "it is the same file");
    assert_eq!(part.body, story.wav[100..300]);
    let whole = story.get("").await;
    assert!(whole.body == story.wav);
    assert_eq!(whole.header("etag"), before.header("etag"));
    assert_eq!(story.get("?format=mp3").await.body, &b"\xFF\xFBan MP3"[..], "as it was sent");
    // A form that was never sent is made from what was fetched, in the cache.
    let opus = story.get("?format=opus").await;
    assert!(opus.body.starts_with(b"OggS\0\x02"));
    assert!(story.cached("opus").exists() && !story.file("opus").exists());

    assert_eq!(story.round().await.unwrap(), Round::default(), "once");
    let metrics = story.rig.get("/metrics", &story.token).await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "switchgrid_tier_recordings_moved_total 1",
        "switchgrid_tier_files_moved_total 2",
        "switchgrid_tier_backlog 0",
        "switchgrid_tier_fetches_total{from=\"store\"} 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    let bytes = format!("switchgrid_tier_bytes_moved_total {}", story.wav.len() + 8);
    assert!(metrics.contains(&bytes), "{metrics}");
}

#[tokio::test]
async fn a_store_that_is_away_is_told_and_what_is_here_is_heard() {
    let story = Story::new().await;
    story.round().await.unwrap();
    let here = recorded(&story.rig, b"RIFF").await;
    story.away(true);
    let got = story.get("").await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    let message = got.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("lies in the object store, which does not answer"), "{message}");
    let chinese = crate::api::messages::in_chinese(&message).unwrap();
    assert!(chinese.contains("对象存储"), "{chinese}");
    let got = story.rig.get(&format!("/api/v1/recordings/{here}"), &story.token).await;
    assert_eq!(got.status, StatusCode::OK, "a local file is none of the store's business");
    assert!(story.round().await.is_err(), "nothing moves meanwhile");
    story.away(false);
    assert!(story.get("").await.body == story.wav);
    story.away(true);
    assert!(story.get("").await.body == story.wav, "from the cache");
}

#[tokio::test]
async fn a_move_that_died_anywhere_goes_on_and_loses_nothing() {
    // After it was sent, before the index knew.
    let story = Story::new().await;
    let id = story.id;
    assert!(story.rig.warehouse.note_moving(id).await.unwrap());
    let wav = format!("1/2026-11-23/{id}.wav");
    let send = Job::Send { wav: wav.clone(), bytes: story.wav.len() as u64, sha256: None };
    story.rig.work.run(send).await.unwrap();
    assert!(story.get("").await.body == story.wav);
    assert_eq!(story.round().await.unwrap().moved, 1);
    assert_eq!(story.store.sent.load(Ordering::Relaxed), 2, "it was read back, not sent again");
    assert!(story.get("").await.body == story.wav);

    // After the index knew, before the local files went.
    let story = Story::new().await;
    story.away(true);
    assert!(story.round().await.is_err());
    assert_eq!(story.stage().await, Some(Stage::Begun));
    assert!(story.get("").await.body == story.wav, "a store that is away changes nothing here");
    story.away(false);
    let stored = sent(&story).await;
    assert!(story.rig.warehouse.note_moved(story.id, &stored).await.unwrap());
    let round = story.round().await.unwrap();
    assert_eq!(round, Round { freed: 2, ..Round::default() });

    // After the local files went, before the index knew.
    let story = Story::new().await;
    assert!(story.rig.warehouse.note_moving(story.id).await.unwrap());
    let stored = sent(&story).await;
    assert!(story.rig.warehouse.note_moved(story.id, &stored).await.unwrap());
    for ending in ["wav", "mp3"] {
        std::fs::remove_file(story.file(ending)).unwrap();
    }
    assert!(story.get("").await.body == story.wav);
    assert_eq!(story.round().await.unwrap(), Round::default());
    assert_eq!(story.stage().await, Some(Stage::Alone));
}

/// Sends the recording as the worker does.
async fn sent(story: &Story) -> Vec<warehouse::recordings::Stored> {
    let wav = format!("1/2026-11-23/{}.wav", story.id);
    let send = Job::Send { wav, bytes: story.wav.len() as u64, sha256: None };
    let done = story.rig.work.run(send).await.unwrap();
    match serde_json::from_slice(&done.body).unwrap() {
        crate::work::moving::Sent::Stored(stored) => stored,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_local_files_stay_until_what_was_sent_is_there_and_is_all() {
    // What was sent is gone.
    let story = Story::new().await;
    assert!(story.rig.warehouse.note_moving(story.id).await.unwrap());
    let stored = sent(&story).await;
    assert!(story.rig.warehouse.note_moved(story.id, &stored).await.unwrap());
    story.store.lose(&story.object("wav")).await;
    // The round sees it, keeps the files, and sends them again.
    let round = story.round().await.unwrap();
    assert_eq!(round, Round { moved: 1, freed: 2, busy: 1, ..Round::default() });
    assert!(story.get("").await.body == story.wav);

    // A form was made between sending and removing.
    let story = Story::new().await;
    assert!(story.rig.warehouse.note_moving(story.id).await.unwrap());
    let stored = sent(&story).await;
    assert!(story.rig.warehouse.note_moved(story.id, &stored).await.unwrap());
    std::fs::write(story.file("opus"), b"OggS").unwrap();
    let round = story.round().await.unwrap();
    assert_eq!(round, Round { moved: 1, freed: 3, busy: 1, ..Round::default() });
    assert_eq!(story.store.names().await.len(), 3);
}

#[tokio::test]
async fn a_recording_that_is_being_rendered_or_is_damaged_does_not_move() {
    let story = Story::new().await;
    let being_made = story.file("opus_tmp");
    std::fs::write(&being_made, b"Og").unwrap();
    assert_eq!(story.round().await.unwrap(), Round { busy: 1, ..Round::default() });
    assert!(story.store.names().await.is_empty());
    std::fs::remove_file(being_made).unwrap();

    let mut damaged = story.wav.clone();
    damaged[500] ^= 1;
    std::fs::write(story.file("wav"), &damaged).unwrap();
    assert_eq!(story.round().await.unwrap(), Round { failed: 1, ..Round::default() });
    assert!(story.file("wav").exists());
    assert_eq!(story.round().await.unwrap(), Round::default(), "it is left alone for a while");
    assert_eq!(story.store.sent.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_store_that_spoils_what_it_gets_gets_nothing_for_good() {
    let story = Story::new().await;
    story.store.spoils.store(true, Ordering::Relaxed);
    assert_eq!(story.round().await.unwrap().failed, 1);
    assert!(story.file("wav").exists() && story.file("mp3").exists());
    assert_eq!(story.stage().await, Some(Stage::Begun));
}

#[tokio::test]
async fn what_is_too_young_stays() {
    let story = Story::new().await;
    let moving = story.rig.moving.as_ref().unwrap();
    assert_eq!(moving.round(NOON).await.unwrap(), Round::default(), "it began at noon");
    assert_eq!(moving.round(Timestamp(NOON.0 + 1)).await.unwrap().moved, 1);
}

#[tokio::test]
async fn a_deletion_removes_the_objects_and_what_was_fetched_back() {
    let story = Story::new().await;
    story.round().await.unwrap();
    story.get("").await;
    story.get("?format=opus").await;
    assert!(story.cached("wav").exists());
    let uri = format!("{}/deletion", story.uri());
    // A hold keeps what has moved as it keeps everything.
    let hold = json!({"kind": "recording", "value": story.id, "reason": "case 7"});
    let hold = story.rig.post("/api/v1/holds", &story.token, hold).await;
    assert_eq!(hold.status, StatusCode::CREATED);
    let why = json!({"reason": "asked for"});
    let got = story.rig.post(&uri, &story.token, why.clone()).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    let days = json!({"days": 1});
    let set = story.rig.ask(Method::PUT, "/api/v1/retention", &story.token, Some(days)).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT);
    let late = Timestamp(NOON.0 + 40 * 86_400_000_000);
    let kept = story.rig.deletion.round(late).await.unwrap();
    assert_eq!(kept, Swept { held: 1, ..Swept::default() });
    assert_eq!(story.store.names().await.len(), 2);
    let lift = format!("/api/v1/holds/{}/lift", hold.json()["id"]);
    let got = story.rig.post(&lift, &story.token, json!({"reason": "closed"})).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT);

    let swept = story.rig.deletion.round(late).await.unwrap();
    assert_eq!((swept.deleted, swept.failed), (1, 0));
    assert!(story.store.names().await.is_empty());
    assert!(!story.cached("wav").exists() && !story.cached("opus").exists());
    assert_eq!(story.get("").await.status, StatusCode::GONE);
    assert_eq!(story.round().await.unwrap(), Round::default());
}

#[tokio::test]
async fn objects_of_a_deleted_recording_go_when_the_store_is_back() {
    let story = Story::new().await;
    story.round().await.unwrap();
    story.away(true);
    let why = json!({"reason": "asked for"});
    let uri = format!("{}/deletion", story.uri());
    let got = story.rig.post(&uri, &story.token, why.clone()).await;
    assert_eq!(got.status, StatusCode::ACCEPTED);
    assert_eq!(story.get("").await.status, StatusCode::GONE, "nobody hears it meanwhile");
    let here = recorded(&story.rig, b"RIFF").await;
    let uri = format!("/api/v1/recordings/{here}/deletion");
    let got = story.rig.post(&uri, &story.token, why).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "one that never moved goes at once");
    assert_eq!(story.rig.deletion.round(NOON).await.unwrap().failed, 1);
    assert_eq!(story.store.names().await.len(), 2);
    story.away(false);
    assert_eq!(story.rig.deletion.round(NOON).await.unwrap(), Swept::default());
    assert!(story.store.names().await.is_empty());
    assert_eq!(story.get("").await.status, StatusCode::GONE);
}

/// Decided while it is on its way: what was sent goes, and the index never says that it lies there.
#[tokio::test]
async fn a_deletion_in_the_middle_of_a_move_leaves_no_object() {
    let story = Story::new().await;
    assert!(story.rig.warehouse.note_moving(story.id).await.unwrap());
    let stored = sent(&story).await;
    let why = (Reason::Erasure, "asked for");
    let ids = [story.id];
    story.rig.warehouse.delete_recordings(story.rig.tenant(), &ids, why, NOON).await.unwrap();
    assert!(!story.rig.warehouse.note_moved(story.id, &stored).await.unwrap());
    let swept = story.rig.deletion.round(NOON).await.unwrap();
    assert_eq!(swept, Swept { files: 2, ..Swept::default() });
    assert!(story.store.names().await.is_empty());
}

/// Decided while it comes back: nobody hears it, and what came stays nowhere.
#[tokio::test]
async fn a_recording_that_is_deleted_while_it_is_fetched_is_not_kept_here() {
    let story = Story::new().await;
    story.round().await.unwrap();
    let closed = story.store.door.lock().await;
    let deleting = async {
        while story.store.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let (tenant, why) = (story.rig.tenant(), (Reason::Erasure, "asked for"));
        let warehouse = &story.rig.warehouse;
        warehouse.delete_recordings(tenant, &[story.id], why, NOON).await.unwrap();
        drop(closed);
    };
    let both = async { tokio::join!(story.get(""), deleting) };
    let both = tokio::time::timeout(Duration::from_secs(20), both).await;
    let (got, ()) = both.expect("it is fetched");
    assert_eq!(got.status, StatusCode::GONE);
    assert!(!story.cached("wav").exists());
}

/// An index that was made again from the files knows nothing of the second tier.
#[tokio::test]
async fn a_recording_whose_move_nobody_remembers_is_found_and_deleted_all_the_same() {
    let story = Story::new().await;
    sent(&story).await;
    for ending in ["wav", "mp3"] {
        std::fs::remove_file(story.file(ending)).unwrap();
    }
    assert_eq!(story.stage().await, None);
    assert!(story.get("").await.body == story.wav);
    let why = (Reason::Erasure, "asked for");
    let ids = [story.id];
    story.rig.warehouse.delete_recordings(story.rig.tenant(), &ids, why, NOON).await.unwrap();
    story.rig.deletion.round(NOON).await.unwrap();
    assert!(story.store.names().await.is_empty());
}

#[tokio::test]
async fn where_a_recording_lies_is_learned_again_from_what_its_objects_say() {
    let story = Story::new().await;
    let stored = sent(&story).await;
    std::fs::remove_file(story.file("wav")).unwrap();
    assert_eq!(story.stage().await, None, "nobody remembers it");
    let round = story.round().await.unwrap();
    assert_eq!(round, Round { learned: 1, freed: 1, ..Round::default() });
    assert_eq!(story.stage().await, Some(Stage::Alone));
    let found = story.rig.warehouse.recording(story.rig.tenant(), story.id).await.unwrap();
    assert_eq!(found.unwrap().moved.unwrap().files, stored, "all that lies there");
    assert!(!story.file("mp3").exists(), "it lies there, and goes from here");
    assert_eq!(story.store.sent.load(Ordering::Relaxed), 2, "nothing was sent again");
    assert!(story.get("").await.body == story.wav);
    assert_eq!(story.round().await.unwrap(), Round::default(), "once");

    // What lies there under its name is something else.
    let other = recorded(&story.rig, b"RIFF").await;
    let wav = format!("1/2026-11-23/{other}.wav");
    let file = story.rig.write(&wav, b"RIFX");
    story.rig.work.run(Job::Send { wav, bytes: 4, sha256: None }).await.unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!(story.round().await.unwrap(), Round { failed: 1, ..Round::default() });
}

#[tokio::test]
async fn a_sealed_recording_lies_there_sealed_and_is_heard_in_clear() {
    let story = Story::new().await;
    let (rig, clear) = (&story.rig, &story.wav);
    let folder = rig.folder.path();
    let keys = Keys::open(&folder.join("recording.keys"), &folder.join("segments")).unwrap();
    let id = RecordingId(rig.id());
    let path = format!("1/2026-11-23/{id}.wav.sealed");
    let file = rig.write(&path, b"");
    let seal = SealFor { ring: &keys.ring, tenant: rig.tenant() };
    let mut writer = Writer::create(&file, Some(seal)).unwrap();
    writer.write(clear).unwrap();
    writer.finish(&[]).unwrap();
    let sealed = std::fs::read(&file).unwrap();
    let row = recording_row(rig.tenant(), id, rig.first.agents[0].0, Some(path), sealed.len());
    let sha256 = Some(sha256(&sealed));
    rig.stage(&[Row::Recording(Recording { sha256, ..row })]).await;
    assert_eq!(story.round().await.unwrap().moved, 2);
    assert!(!file.exists());

    let uri = format!("/api/v1/recordings/{id}");
    assert!(rig.get(&uri, &story.token).await.body == *clear);
    let opus = rig.get(&format!("{uri}?format=opus"), &story.token).await;
    assert!(opus.body.starts_with(b"OggS"), "{opus:?}");
    let cached = |name: String| folder.join("tier-cache/1/2026-11-23").join(name);
    for ending in ["wav.sealed", "opus.sealed"] {
        let lying = std::fs::read(cached(format!("{id}.{ending}"))).unwrap();
        assert!(lying.starts_with(b"SGSF"), "nothing of it lies in the cache in clear");
    }
    assert!(!cached(format!("{id}.opus")).exists());
}

#[tokio::test]
async fn an_object_that_somebody_removed_is_said_to_be_gone() {
    let story = Story::new().await;
    story.round().await.unwrap();
    story.store.lose(&story.object("wav")).await;
    let got = story.get("").await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    let message = got.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("neither on this box nor in the object store"), "{message}");
}
