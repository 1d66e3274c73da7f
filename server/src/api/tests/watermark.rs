//! Who fetched a file stands in it, and what is stored stays as it is.

use super::export::unzipped;
use super::rig::{Got, Rig};
use axum::http::{Method, StatusCode};
use desk::{Permission, Role};
use mediacore::record::wav::{self, Format};
use serde_json::json;
use sha2::{Digest, Sha256};

const SETTING: &str = "/api/v1/watermark";
const FETCHED: &str = "manager (the-manager) | ";

fn audio() -> Vec<u8> {
    let mut file = Format::stereo_8k(None).header(400);
    file.extend((0..800_i16).flat_map(i16::to_le_bytes));
    file
}

fn holds(got: &[u8], text: &str) -> bool {
    got.windows(text.len()).any(|window| window == text.as_bytes())
}

fn sum(bytes: &[u8]) -> String {
    desk::secret::hex(&Sha256::digest(bytes))
}

async fn last_subject(rig: &Rig) -> (String, String) {
    let row = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
    (row.action, row.subject)
}

#[tokio::test]
async fn a_recording_to_keep_says_who_has_it_and_one_to_hear_is_as_it_was() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let file = audio();
    let id = rig.recording(rig.tenant(), rig.first.agents[0].0, &file).await;
    let uri = format!("/api/v1/recordings/{id}");
    let heard = rig.get(&uri, &manager).await;
    assert!(heard.body[..] == file[..], "who listens has it in parts, as it is");

    let kept = rig.get(&format!("{uri}?download=true"), &manager).await;
    assert_eq!(kept.status, StatusCode::OK, "{kept:?}");
    assert!(holds(&kept.body, FETCHED) && holds(&kept.body, "2026-11-23 12:00:00 UTC+08:00"));
    let samples = |bytes: &[u8]| wav::read(bytes).unwrap().channels;
    assert_eq!(samples(&kept.body), samples(&file));
    assert_eq!(kept.header("content-length"), kept.body.len().to_string());
    assert_eq!(kept.header("accept-ranges"), "none");
    let (sent, stored) = (sum(&kept.body), "ab".repeat(32));
    assert_eq!(kept.header("etag"), format!("\"{sent}\""));
    assert_eq!(kept.header("x-stored-sha256"), stored);
    let noted = format!("{id} wav, stored {stored}, sent {sent}");
    assert_eq!(last_subject(&rig).await, ("recording.download".to_owned(), noted));
    let on_disk = rig.folder.path().join(format!("recordings/1/2026-11-23/{id}.wav"));
    assert!(std::fs::read(on_disk).unwrap() == file, "the stored file is as it was");

    for (form, starts) in [("mp3", &b"ID3\x04"[..]), ("opus", b"OggS")] {
        let kept = rig.get(&format!("{uri}?download=true&format={form}"), &manager).await;
        assert!(kept.body.starts_with(starts) && holds(&kept.body, FETCHED), "{form}");
        let heard = rig.get(&format!("{uri}?format={form}"), &manager).await;
        assert!(!holds(&heard.body, FETCHED), "{form}: the stored one has no mark");
    }
}

#[tokio::test]
async fn every_recording_of_a_set_says_who_has_it_beside_the_hash_of_what_is_kept() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let id = rig.recording(rig.tenant(), rig.first.agents[0].0, &audio()).await;
    let files = unzipped(&rig.get("/api/v1/recordings/export/wav", &manager).await);
    let marked = &files[&format!("2026-11-23/{id}.wav")];
    assert!(holds(marked, FETCHED));
    let index = String::from_utf8(files["index.csv"].clone()).unwrap();
    let hashes = format!("{},{},{}", marked.len(), sum(marked), "ab".repeat(32));
    assert!(index.contains("bytes,sha256,stored_sha256,problem") && index.contains(&hashes));
}

#[tokio::test]
async fn an_organisation_that_wants_no_marks_has_none_and_only_administrators_say_so() {
    let rig = Rig::new().await;
    let (manager, administrator) =
        (rig.token(Role::Manager).await, rig.token(Role::Administrator).await);
    let usual = json!({"fetched": true, "delivered": false});
    assert_eq!(rig.get(SETTING, &manager).await.json(), usual);
    let put = async |token: &str| {
        rig.ask(Method::PUT, SETTING, token, Some(json!({"fetched": false}))).await
    };
    assert!(!Role::Manager.allows(Permission::WatermarkWrite));
    assert_eq!(put(&manager).await.status, StatusCode::FORBIDDEN);

    let report = "/api/v1/reports/calls?period=2026-11-23&lang=en&format=";
    let id = rig.recording(rig.tenant(), rig.first.agents[0].0, &audio()).await;
    let recording = format!("/api/v1/recordings/{id}?download=true");
    let text = |got: Got| String::from_utf8(got.body.to_vec()).unwrap();
    let marked = text(rig.get(&format!("{report}txt"), &manager).await);
    let last = marked.lines().last().unwrap();
    assert!(last.starts_with(&format!("Fetched by {FETCHED}")), "{marked}");
    let csv = rig.get(&format!("{report}csv"), &manager).await;
    let named = "filename=\"calls-2026-11-23-the-manager-20261123120000.csv\"";
    assert!(csv.header("content-disposition").contains(named), "{csv:?}");
    assert!(!text(csv).contains("Fetched by"), "its rows are rows");
    let list = text(rig.get("/api/v1/call-lists/html", &manager).await);
    assert!(list.contains(FETCHED), "{list}");

    assert_eq!(put(&administrator).await.status, StatusCode::OK);
    assert!(!text(rig.get(&format!("{report}txt"), &manager).await).contains(FETCHED));
    let csv = rig.get(&format!("{report}csv"), &manager).await;
    assert!(csv.header("content-disposition").contains("\"calls-2026-11-23.csv\""), "{csv:?}");
    assert!(rig.get(&recording, &manager).await.body[..] == audio()[..]);
    let (_, other) = rig.other_tenant().await;
    assert_eq!(rig.get(SETTING, &other).await.json(), usual, "another tenant's is its own");
}
