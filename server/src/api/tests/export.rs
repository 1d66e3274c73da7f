//! Sets of recordings as one file.

use super::rig::{Got, Rig, recording_row};
use crate::api::router;
use axum::http::StatusCode;
use desk::Role;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use terms::RecordingId;
use terms::record::Row;
use zip::ZipArchive;

/// The files of an answer by name.
pub fn unzipped(got: &Got) -> BTreeMap<String, Vec<u8>> {
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "application/zip"));
    let mut archive = ZipArchive::new(Cursor::new(got.body.to_vec())).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.insert(file.name().unwrap().into_owned(), bytes);
    }
    files
}

fn text(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

#[tokio::test]
async fn a_set_comes_as_a_zip_with_index_checksums_and_an_audit_row() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (agent, colleague) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let first = rig.recording(rig.tenant(), agent, b"RIFFone").await;
    let second = rig.recording(rig.tenant(), agent, &vec![9; 200_000]).await;
    let gone = rig.recording(rig.tenant(), agent, b"RIFFgone").await;
    std::fs::remove_file(rig.folder.path().join(format!("recordings/1/2026-11-23/{gone}.wav")))
        .unwrap();
    rig.recording(rig.tenant(), colleague, b"RIFFother").await;
    let refused = recording_row(rig.tenant(), RecordingId(rig.id()), agent, None, 0);
    rig.stage(&[Row::Recording(refused)]).await;

    let uri = format!("/api/v1/recordings/export/wav?agent={agent}");
    let got = rig.get(&uri, &token).await;
    let files = unzipped(&got);
    assert_eq!(got.header("content-disposition"), "attachment; filename=\"recordings.zip\"");
    let name = |of: RecordingId| format!("2026-11-23/{of}.wav");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let (one, two) = (name(first), name(second));
    assert_eq!(names, [one.as_str(), two.as_str(), "SHA256SUMS", "index.csv"]);
    assert_eq!(files[&name(first)], b"RIFFone");
    assert!(files[&name(second)] == vec![9; 200_000]);
    let sums = text(&files, "SHA256SUMS");
    assert_eq!(sums.lines().count(), 3);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sum, desk::secret::hex(&Sha256::digest(&files[name])), "{name}");
    }
    let index = text(&files, "index.csv");
    let lines: Vec<&str> = index.lines().collect();
    assert_eq!(lines.len(), 4, "a head and one line each: {index}");
    let started_at = "2026-11-23T04:00:00";
    assert!(lines[1].starts_with(&format!("{gone},5,5,{started_at}")), "{index}");
    assert!(lines[1].ends_with(",,,,\"The file of this recording is not on this box any more.\""));
    let row = format!("\"'+8613800138000\",{agent},1,{},200000,", name(second));
    assert!(lines[2].contains(&row), "{index}");

    let audit = &rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0];
    assert_eq!(audit.action, "recording.export");
    let subject = format!("3 recordings wav from … to … agent {agent}");
    assert_eq!(audit.subject, subject);
}

#[tokio::test]
async fn a_set_is_that_of_the_tenant_and_of_who_may() {
    let rig = Rig::new().await;
    rig.recording(rig.tenant(), rig.first.agents[0].0, b"RIFFone").await;
    let (_, foreign) = rig.other_tenant().await;
    let files = unzipped(&rig.get("/api/v1/recordings/export/wav", &foreign).await);
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), ["SHA256SUMS", "index.csv"]);
    for role in [Role::Agent, Role::Supervisor] {
        let token = rig.token(role).await;
        let got = rig.get("/api/v1/recordings/export/wav", &token).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let token = rig.token(Role::Manager).await;
    for (uri, status) in [
        ("/api/v1/recordings/export/exe", StatusCode::NOT_FOUND),
        ("/api/v1/recordings/export/wav?limit=5", StatusCode::BAD_REQUEST),
        ("/api/v1/recordings/export/wav?cursor=1.1", StatusCode::BAD_REQUEST),
        ("/api/v1/recordings/export/wav?nothing=1", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(rig.get(uri, &token).await.status, status, "{uri}");
    }
}

#[tokio::test]
async fn a_set_that_is_too_large_is_refused_with_its_number_and_what_can_do_it() {
    let mut rig = Rig::new().await;
    let mut state = rig.state.clone();
    state.limits.export_max = 2;
    rig.router = router(state);
    let token = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    for bytes in [b"RIFFa", b"RIFFb"] {
        rig.recording(rig.tenant(), agent, bytes).await;
    }
    assert_eq!(unzipped(&rig.get("/api/v1/recordings/export/wav", &token).await).len(), 4);
    rig.recording(rig.tenant(), agent, b"RIFFc").await;
    let before = rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0].id;
    let got = rig.get("/api/v1/recordings/export/wav", &token).await;
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
    let message = got.json()["message"].as_str().unwrap().to_owned();
    for part in ["3 recordings fit", "at most 2", "export.recordings_max", "recording export"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(rig.store.audit(rig.tenant(), None, 1).await.unwrap()[0].id, before);
}
