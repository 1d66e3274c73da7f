//! Fetching recordings.

use super::rig::{LIVE_RECORDING, NOON, Rig, recording_row, request};
use axum::http::{Method, StatusCode};
use desk::{By, Role};
use mediacore::edge::keys::Keys;
use mediacore::edge::rendering::{SealFor, Writer};
use mediacore::g711::{self, Law};
use mediacore::record::wav;
use terms::record::Row;
use terms::{RecordingId, UserId};

const AUDIO: &[u8] = b"RIFF0123456789abcdefghij";

async fn fetch(rig: &Rig, token: &str, id: impl std::fmt::Display, range: &str) -> super::rig::Got {
    let mut request = request(Method::GET, &format!("/api/v1/recordings/{id}"), token, None);
    if !range.is_empty() {
        request.headers_mut().insert("range", range.parse().unwrap());
    }
    rig.send(request).await
}

#[tokio::test]
async fn a_recording_comes_whole_in_parts_and_not_at_all() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let id = rig.recording(rig.tenant(), rig.first.agents[0].0, AUDIO).await;
    let whole = fetch(&rig, &token, id, "").await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, AUDIO));
    assert_eq!(whole.header("content-type"), "audio/wav");
    assert_eq!(whole.header("content-length"), "24");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-disposition"), format!("attachment; filename=\"{id}.wav\""));
    let etag = whole.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}\"", "ab".repeat(32)));

    for (range, part, bytes) in [
        ("bytes=0-3", "bytes 0-3/24", &AUDIO[..4]),
        ("bytes=20-", "bytes 20-23/24", &AUDIO[20..]),
        ("bytes=-2", "bytes 22-23/24", &AUDIO[22..]),
        ("bytes=4-999", "bytes 4-23/24", &AUDIO[4..]),
    ] {
        let got = fetch(&rig, &token, id, range).await;
        assert_eq!((got.status, &got.body[..]), (StatusCode::PARTIAL_CONTENT, bytes), "{range}");
        assert_eq!(got.header("content-range"), part);
        assert_eq!(got.header("content-length"), bytes.len().to_string());
    }
    let outside = fetch(&rig, &token, id, "bytes=24-").await;
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header("content-range"), "bytes */24");

    let head = rig.ask(Method::HEAD, &format!("/api/v1/recordings/{id}"), &token, None).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), "24");

    let mut again = request(Method::GET, &format!("/api/v1/recordings/{id}"), &token, None);
    again.headers_mut().insert("if-none-match", etag.parse().unwrap());
    assert_eq!(rig.send(again).await.status, StatusCode::NOT_MODIFIED);
    let mut stale = request(Method::GET, &format!("/api/v1/recordings/{id}"), &token, None);
    stale.headers_mut().insert("range", "bytes=0-3".parse().unwrap());
    stale.headers_mut().insert("if-range", "\"other\"".parse().unwrap());
    assert_eq!(rig.send(stale).await.status, StatusCode::OK, "not a part of another version");
}

#[tokio::test]
async fn every_fetch_is_written_down() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let id = rig.recording(rig.tenant(), rig.first.agents[0].0, AUDIO).await;
    fetch(&rig, &token, id, "").await;
    let rows = rig.store.audit(rig.tenant(), None, 1).await.unwrap();
    assert_eq!(
        (rows[0].action.as_str(), rows[0].subject.clone()),
        ("recording.fetch", format!("{id} wav"))
    );
    assert_eq!(rows[0].source, "192.0.2.1");
    assert_eq!(rows[0].user, Some(rig.person(rig.tenant(), Role::Supervisor).await));
}

#[tokio::test]
async fn another_tenants_recording_does_not_exist() {
    let rig = Rig::new().await;
    let id = rig.recording(rig.tenant(), rig.first.agents[0].0, AUDIO).await;
    let (other, foreign) = rig.other_tenant().await;
    let got = fetch(&rig, &foreign, id, "").await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    let nothing = fetch(&rig, &foreign, rig.id(), "").await;
    assert_eq!(got.body, nothing.body, "foreign and missing look alike");
    let listed = rig.get("/api/v1/recordings", &foreign).await.json();
    assert_eq!(listed["recordings"], serde_json::json!([]));
    assert_eq!(rig.store.audit(other, None, 1).await.unwrap()[0].action, "session.open");
}

#[tokio::test]
async fn a_ledger_that_points_into_another_tenants_folder_is_not_followed() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    rig.write("2/2026-11-23/9.wav", b"theirs");
    std::fs::write(rig.folder.path().join("secret.wav"), "secret").unwrap();
    for path in ["2/2026-11-23/9.wav", "../secret.wav", "1/../../secret.wav", "/etc/passwd"] {
        let id = RecordingId(rig.id());
        let agent = rig.first.agents[0].0;
        let row = recording_row(rig.tenant(), id, agent, Some(path.into()), 6);
        rig.stage(&[Row::Recording(row)]).await;
        let got = fetch(&rig, &token, id, "").await;
        assert!(got.status == StatusCode::INTERNAL_SERVER_ERROR, "{path}: {got:?}");
        assert!(!String::from_utf8_lossy(&got.body).contains(path));
    }
}

#[tokio::test]
async fn a_recording_that_is_still_being_written_is_a_conflict() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let id = rig.id();
    rig.write(&format!("1/2026-11-23/{id}.wav_tmp"), b"RIFF");
    let got = fetch(&rig, &token, id, "").await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert!(got.json()["message"].as_str().unwrap().contains("still being written"));
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(fetch(&rig, &foreign, id, "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_recording_whose_conversation_goes_on_is_a_conflict() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let agent = rig.token(Role::Agent).await;
    for (token, query) in [(&supervisor, ""), (&supervisor, "?format=mp3"), (&agent, "")] {
        let got = rig.get(&format!("/api/v1/recordings/{LIVE_RECORDING}{query}"), token).await;
        assert_eq!(got.status, StatusCode::CONFLICT);
        let message = got.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("the conversation goes on"), "{message}");
    }
    let colleague = rig.first.agents[1].0;
    let colleague =
        rig.token_of(rig.tenant(), UserId(colleague.0), Role::Agent, Some(colleague)).await;
    let (_, foreign) = rig.other_tenant().await;
    for token in [&colleague, &foreign] {
        let got = fetch(&rig, token, LIVE_RECORDING, "").await;
        let nothing = fetch(&rig, token, rig.id(), "").await;
        assert_eq!((got.status, &got.body), (StatusCode::NOT_FOUND, &nothing.body));
    }
    // Nobody knows what runs while the switch is away; a guess would be a wrong answer for good.
    *rig.calls.refuse.lock().unwrap() = Some("it is starting".into());
    let got = fetch(&rig, &supervisor, LIVE_RECORDING, "").await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_refused_recording_says_why() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let id = RecordingId(rig.id());
    let mut row = recording_row(rig.tenant(), id, rig.first.agents[0].0, None, 0);
    row.reason = Some("the disk was full".into());
    rig.stage(&[Row::Recording(row)]).await;
    let got = fetch(&rig, &token, id, "").await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert!(got.json()["message"].as_str().unwrap().contains("the disk was full"));
}

#[tokio::test]
async fn an_agent_hears_their_own_recordings_only() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let own = rig.recording(rig.tenant(), rig.first.agents[0].0, AUDIO).await;
    let other = rig.recording(rig.tenant(), rig.first.agents[1].0, AUDIO).await;
    assert_eq!(fetch(&rig, &token, own, "").await.status, StatusCode::OK);
    assert_eq!(fetch(&rig, &token, other, "").await.status, StatusCode::NOT_FOUND);
    let listed = rig.get("/api/v1/recordings", &token).await.json();
    assert_eq!(listed["recordings"].as_array().unwrap().len(), 1);
    // Somebody with the role of an agent but without a phone has no calls at all.
    let by = By::system("test", NOON);
    let new = desk::user::NewUser {
        login: "clerk".into(),
        name: "clerk".into(),
        role: Role::Agent,
        password: "a-good-password".into(),
    };
    let clerk = rig.store.create_user(rig.tenant(), &by, &new).await.unwrap().id;
    let token = rig.token_of(rig.tenant(), clerk, Role::Agent, None).await;
    assert_eq!(fetch(&rig, &token, own, "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn traversal_strings_reach_no_file() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    std::fs::write(rig.folder.path().join("secret"), "secret").unwrap();
    let dots = [
        "..",
        "%2e%2e",
        "%252e%252e",
        "..%00",
        "%c0%ae%c0%ae",
        "%uff0e%uff0e",
        "....",
        "%ef%bc%8e%ef%bc%8e",
    ];
    let slashes = ["/", "%2f", "%252f", "%5c", "%c0%af", "%ef%bc%8f", "//"];
    let targets = ["secret", "desk.db", "etc%2fpasswd", "1.wav%00.mp3"];
    let mut tried = 0;
    for dot in dots {
        for slash in slashes {
            for target in targets {
                for uri in [
                    format!("/api/v1/recordings/{dot}{slash}{target}"),
                    format!("/api/v1/recordings/1{slash}{dot}{slash}{dot}{slash}{target}"),
                ] {
                    let got = rig.get(&uri, &token).await;
                    let refused = [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST];
                    assert!(refused.contains(&got.status), "{uri}: {got:?}");
                    assert!(!String::from_utf8_lossy(&got.body).contains("secret\n"));
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 200, "{tried}");
    for format in ["../../secret", "wav/../../x", "exe", "%00"] {
        let got = rig.get(&format!("/api/v1/recordings/1?format={format}"), &token).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{format}");
    }
}

/// A WAV of so many seconds, with a tone on the left.
fn wav(seconds: usize) -> Vec<u8> {
    let samples = seconds * 8000;
    let mut bytes = wav::Format::stereo_8k(Some(Law::A)).header(samples as u64);
    let tone = |n: usize| ((n as f64 * 0.35).sin() * 9_000.0) as i16;
    bytes.extend((0..samples).flat_map(|n| [g711::encode(Law::A, tone(n)), 0xD5]));
    bytes
}

#[tokio::test]
async fn every_form_is_made_when_it_is_fetched() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let id = rig.recording(rig.tenant(), rig.first.agents[0].0, &wav(2)).await;
    for (format, kind, start) in
        [("mp3", "audio/mpeg", &b"\xFF"[..]), ("opus", "audio/ogg; codecs=opus", b"OggS\0\x02")]
    {
        let uri = format!("/api/v1/recordings/{id}?format={format}");
        let got = rig.get(&uri, &token).await;
        assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, kind));
        assert!(got.body.starts_with(start), "{format}");
        let mut part = request(Method::GET, &uri, &token, None);
        part.headers_mut().insert("range", "bytes=10-19".parse().unwrap());
        assert_eq!(rig.send(part).await.body, got.body[10..20], "{format}");
        let made = rig.folder.path().join(format!("recordings/1/2026-11-23/{id}.{format}"));
        assert_eq!(std::fs::read(made).unwrap(), got.body, "{format}");
    }
}

#[tokio::test]
async fn a_sealed_recording_is_heard_in_clear_whole_in_parts_and_in_every_form() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let keys =
        Keys::open(&rig.folder.path().join("recording.keys"), &rig.folder.path().join("segments"))
            .unwrap();
    // Three chunks of 64 KiB.
    let clear = wav(10);
    let id = RecordingId(rig.id());
    let path = format!("{}/2026-11-23/{id}.wav.sealed", rig.tenant());
    let file = rig.write(&path, b"");
    let seal = SealFor { ring: &keys.ring, tenant: rig.tenant() };
    let mut writer = Writer::create(&file, Some(seal)).unwrap();
    writer.write(&clear).unwrap();
    writer.finish(&[]).unwrap();
    let bytes = std::fs::metadata(&file).unwrap().len() as usize;
    assert!(bytes > clear.len());
    let row = recording_row(rig.tenant(), id, rig.first.agents[0].0, Some(path), bytes);
    rig.stage(&[Row::Recording(row)]).await;

    let whole = fetch(&rig, &token, id, "").await;
    assert_eq!((whole.status, whole.header("content-type")), (StatusCode::OK, "audio/wav"));
    assert!(whole.body == clear);
    let disposition = whole.header("content-disposition");
    assert_eq!(disposition, format!("attachment; filename=\"{id}.wav\""));
    let last = clear.len() - 1;
    for (from, to) in [(0, 43), (65_530, 65_550), (65_536, 131_072), (100_000, last)] {
        let got = fetch(&rig, &token, id, &format!("bytes={from}-{to}")).await;
        assert_eq!(got.status, StatusCode::PARTIAL_CONTENT);
        assert!(got.body == clear[from..=to], "{from}-{to}");
        assert_eq!(got.header("content-range"), format!("bytes {from}-{to}/{}", clear.len()));
        assert_eq!(got.header("etag"), whole.header("etag"));
    }
    let opus = rig.get(&format!("/api/v1/recordings/{id}?format=opus"), &token).await;
    assert!(opus.body.starts_with(b"OggS"), "{opus:?}");
    let lying = std::fs::read(file.with_file_name(format!("{id}.opus.sealed"))).unwrap();
    assert!(lying.starts_with(b"SGSF"), "nothing of it lies there in clear");
    assert!(!file.with_file_name(format!("{id}.opus")).exists());

    std::fs::remove_file(rig.folder.path().join("recording.keys")).unwrap();
    let got = fetch(&rig, &token, id, "").await;
    assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR, "without keys nobody hears it");
}
