//! Prompts of a tenant's own from the outside: who may, what is taken, what is refused and why, and
//! what the switch is told.

use super::rig::{Got, PROMPT_BYTES_MAX, PROMPTS_MAX, Rig, request};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use desk::Role;
use serde_json::{Value, json};
use std::path::PathBuf;
use terms::TenantId;
use terms::control::Ask;
use terms::routing::OwnPrompt;
use tower::ServiceExt;

const PROMPTS: &str = "/api/v1/prompts";

/// A mono WAV of 16-bit samples that swing.
pub fn tone(rate_hz: u32, samples: usize) -> Vec<u8> {
    let length = samples as u32 * 2;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend((0..samples).flat_map(|n| (((n % 16) as i16 - 8) * 1_000).to_le_bytes()));
    file
}

async fn bring(rig: &Rig, name: &str, token: &str, file: Vec<u8>) -> Got {
    let mut sent = request(Method::PUT, &format!("{PROMPTS}/{name}"), token, None);
    sent.headers_mut().insert(header::CONTENT_TYPE, "audio/wav".parse().unwrap());
    *sent.body_mut() = Body::from(file);
    rig.send(sent).await
}

async fn say(rig: &Rig, name: &str, token: &str, text: &str) -> Got {
    let body = Some(json!({"text": text}));
    rig.ask(Method::PUT, &format!("{PROMPTS}/{name}"), token, body).await
}

async fn take_away(rig: &Rig, name: &str, token: &str) -> Got {
    rig.ask(Method::DELETE, &format!("{PROMPTS}/{name}"), token, None).await
}

fn message(got: &Got) -> String {
    got.json()["message"].as_str().unwrap().to_owned()
}

/// What lies in a tenant's folder.
fn files(rig: &Rig, tenant: TenantId) -> Vec<PathBuf> {
    let folder = rig.folder.path().join("own-prompts").join(tenant.to_string());
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The prompts of the newest plan that the switch got.
fn plan_has(rig: &Rig) -> Vec<OwnPrompt> {
    let asked = rig.calls.asked.lock().unwrap();
    let plans = asked.iter().filter_map(|ask| match ask {
        Ask::Plan(plan) if plan.tenant == rig.tenant() => Some(plan),
        _ => None,
    });
    plans.max_by_key(|plan| plan.version).expect("a plan was sent").prompts.clone()
}

#[tokio::test]
async fn a_prompt_is_brought_heard_back_replaced_and_taken_away() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    // More than other bodies may have.
    let first = tone(16_000, 40_000);
    assert!(first.len() > 64 << 10);
    let got = bring(&rig, "zh-CN/promo", &token, first.clone()).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let told = got.json();
    assert_eq!((&told["language"], &told["name"]), (&json!("zh-CN"), &json!("promo")));
    assert_eq!((&told["format"], &told["length_s"]), (&json!("wav"), &json!(2.5)));
    assert_eq!(told["bytes"], first.len());
    assert_eq!(
        (&told["text"], &told["uploaded_at"]),
        (&Value::Null, &json!("2026-11-23T04:00:00.000Z"))
    );
    assert!(told["uploaded_by"].is_string());
    let sha256 = told["sha256"].as_str().unwrap().to_owned();
    let own = |sha256: &str| OwnPrompt { name: "zh-CN/promo".into(), sha256: sha256.into() };
    assert_eq!(plan_has(&rig), [own(&sha256)], "before the answer the switch works by it");

    let supervisor = rig.token(Role::Supervisor).await;
    assert_eq!(rig.get(PROMPTS, &supervisor).await.json(), json!([told]));
    let heard = rig.get(&format!("{PROMPTS}/zh-CN/promo"), &supervisor).await;
    assert_eq!((heard.status, &heard.body[..]), (StatusCode::OK, &first[..]));
    assert_eq!(heard.header("content-type"), "audio/wav");
    assert_eq!(heard.header("content-length"), first.len().to_string());
    assert_eq!(heard.header("content-disposition"), "attachment; filename=\"promo.wav\"");
    let before = files(&rig, rig.tenant());
    assert_eq!(before, [rig.folder.path().join(format!("own-prompts/{}/{sha256}", rig.tenant()))]);

    let second = bring(&rig, "zh-CN/promo", &token, tone(8_000, 8_000)).await;
    assert_eq!(second.status, StatusCode::OK, "it took a place");
    let sha256 = second.json()["sha256"].as_str().unwrap().to_owned();
    assert_eq!(plan_has(&rig), [own(&sha256)]);
    let after = files(&rig, rig.tenant());
    assert_eq!(after.len(), 1, "the file of before is gone");
    assert_ne!(after, before);

    assert_eq!(take_away(&rig, "zh-CN/promo", &token).await.status, StatusCode::NO_CONTENT);
    assert_eq!((plan_has(&rig), files(&rig, rig.tenant())), (vec![], vec![]));
    let gone = rig.get(&format!("{PROMPTS}/zh-CN/promo"), &token).await;
    assert_eq!(
        (gone.status, message(&gone).as_str()),
        (StatusCode::NOT_FOUND, "There is no such prompt.")
    );
    assert_eq!(take_away(&rig, "zh-CN/promo", &token).await.status, StatusCode::NOT_FOUND);

    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let rows = rows.iter().rev().filter(|row| row.action.starts_with("prompt."));
    let noted: Vec<_> = rows.map(|row| (row.action.as_str(), row.user.is_some())).collect();
    assert_eq!(noted, [("prompt.put", true), ("prompt.put", true), ("prompt.remove", true)]);
}

#[tokio::test]
async fn supervisors_listen_managers_change_agents_and_other_tenants_get_nothing() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let one = format!("{PROMPTS}/en/hi");
    assert_eq!(bring(&rig, "en/hi", &manager, tone(8_000, 80)).await.status, StatusCode::CREATED);
    for (role, reads, writes) in [
        (Role::Agent, StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
        (Role::Supervisor, StatusCode::OK, StatusCode::FORBIDDEN),
        (Role::Administrator, StatusCode::OK, StatusCode::OK),
    ] {
        let token = rig.token(role).await;
        assert_eq!(rig.get(PROMPTS, &token).await.status, reads, "{role:?}");
        assert_eq!(rig.get(&one, &token).await.status, reads, "{role:?}");
        assert_eq!(bring(&rig, "en/hi", &token, tone(8_000, 80)).await.status, writes, "{role:?}");
        if writes == StatusCode::FORBIDDEN {
            assert_eq!(take_away(&rig, "en/hi", &token).await.status, writes, "{role:?}");
        }
    }
    for uri in [PROMPTS, &one] {
        assert_eq!(rig.get(uri, "").await.status, StatusCode::UNAUTHORIZED);
    }
    let (other, stranger) = rig.other_tenant().await;
    assert_eq!(rig.get(PROMPTS, &stranger).await.json(), json!([]));
    assert_eq!(rig.get(&one, &stranger).await.status, StatusCode::NOT_FOUND);
    assert_eq!(take_away(&rig, "en/hi", &stranger).await.status, StatusCode::NOT_FOUND);
    let theirs = bring(&rig, "en/hi", &stranger, tone(8_000, 160)).await;
    assert_eq!(theirs.status, StatusCode::CREATED, "a name is a tenant's own");
    assert_eq!((files(&rig, rig.tenant()).len(), files(&rig, other).len()), (1, 1));
    let ours = rig.get(&one, &manager).await;
    assert_eq!(ours.body.len(), tone(8_000, 80).len());
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for name in ["zh-CN/b", "music/wait", "en/b", "en/a"] {
        assert_eq!(bring(&rig, name, &token, tone(8_000, 80)).await.status, StatusCode::CREATED);
    }
    let mut pages = Vec::new();
    let mut uri = format!("{PROMPTS}?limit=3");
    loop {
        let page = rig.get(&uri, &token).await.json();
        let page = page.as_array().unwrap();
        let Some(last) = page.last() else { break };
        let text = |field: &str| last[field].as_str().unwrap();
        uri = format!("{PROMPTS}?limit=3&after={}/{}", text("language"), text("name"));
        pages.push(
            page.iter().map(|p| format!("{}/{}", p["language"], p["name"])).collect::<String>(),
        );
    }
    let expected = [r#""en"/"a""en"/"b""music"/"wait""#, r#""zh-CN"/"b""#];
    assert_eq!(pages, expected);
    let got = rig.get(&format!("{PROMPTS}?after=../x"), &token).await;
    assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &json!("language")));
}

#[tokio::test]
async fn a_hostile_name_is_refused_and_nothing_is_written() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for (name, field) in [
        ("en/%2e%2e", "name"),
        ("en/..%2f..%2fx", "name"),
        ("en/a%00b", "name"),
        ("en/A", "name"),
        ("en/a.wav", "name"),
        ("en/%E5%90%8D", "name"),
        ("%2e%2e/x", "language"),
        ("..%2f8/x", "language"),
        ("EN/x", "language"),
        ("digits/x", "language"),
        ("zh-CN%2f..%2fx/x", "language"),
    ] {
        let got = bring(&rig, name, &token, tone(8_000, 80)).await;
        assert_eq!(
            (got.status, &got.json()["field"]),
            (StatusCode::BAD_REQUEST, &json!(field)),
            "{name}"
        );
        for method in [Method::GET, Method::DELETE] {
            let got = rig.ask(method, &format!("{PROMPTS}/{name}"), &token, None).await;
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{name}");
        }
    }
    let unreadable = bring(&rig, "en/%ff%fe", &token, tone(8_000, 80)).await;
    assert_eq!(unreadable.status, StatusCode::NOT_FOUND);
    let long = bring(&rig, &format!("en/{}", "a".repeat(49)), &token, tone(8_000, 80)).await;
    assert_eq!(message(&long), "name: 1-48 of a-z, 0-9, \"_\" and \"-\" are needed");
    assert!(!rig.folder.path().join("own-prompts").exists());
    assert_eq!(rig.get(PROMPTS, &token).await.json(), json!([]));
}

#[tokio::test]
async fn a_file_that_cannot_be_played_is_refused_with_the_reason_and_leaves_nothing() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let whole = tone(8_000, 800);
    let with = |at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    for (file, status, says) in [
        (vec![], 400, "no audio is in it"),
        (b"hello".to_vec(), 415, "of an unknown kind (it begins with 68 65 6c 6c)"),
        (
            b"fLaC\0\0\0\x22".to_vec(),
            415,
            "it is FLAC; WAV, MP3 (MPEG audio layer III) and Ogg Opus are played",
        ),
        (b"\0\0\0\x18ftypM4A ".to_vec(), 415, "it is MP4 (M4A)"),
        (whole[..20].to_vec(), 400, "the \"fmt \" chunk of the WAV is missing or too short"),
        (whole[..36].to_vec(), 400, "the \"data\" chunk of the WAV is missing"),
        (whole[..44].to_vec(), 400, "no audio is in it"),
        (with(20, &[0x11, 0]), 400, "format tag 17 with 16 bits, 1 channels and 8000 Hz"),
        (with(24, &1_000_u32.to_le_bytes()), 400, "1000 Hz is not played; PCM of 8 to 32 bits"),
        (with(22, &[0, 0]), 400, "0 channels"),
        (b"ID3\x04\0\0\0\0\0\0no frames in here".to_vec(), 400, "file: "),
        (b"OggS\0\x02".to_vec(), 400, "file: "),
        (tone(8_000, 40_001), 413, "a prompt is at most 5 s long (rtp.prompt_length_max)"),
        (vec![0; PROMPT_BYTES_MAX as usize + 1], 413, "(rtp.prompt_bytes_max)"),
    ] {
        let got = bring(&rig, "en/bad", &token, file).await;
        assert_eq!(got.status, status, "{says}: {got:?}");
        assert!(message(&got).starts_with("file: ") && message(&got).contains(says), "{got:?}");
        assert_eq!(got.json()["field"], "file");
    }
    assert_eq!(
        (files(&rig, rig.tenant()), rig.get(PROMPTS, &token).await.json()),
        (vec![], json!([]))
    );

    // A body that does not say how long it is ends where it may not go on.
    let piece = || Ok::<_, std::io::Error>(vec![0_u8; 64 << 10]);
    let mut sent = request(Method::PUT, &format!("{PROMPTS}/en/bad"), &token, None);
    *sent.body_mut() = Body::from_stream(futures::stream::repeat_with(piece));
    assert_eq!(rig.send(sent).await.status, StatusCode::PAYLOAD_TOO_LARGE);

    let mut sent = request(Method::PUT, &format!("{PROMPTS}/en/bad"), &token, None);
    sent.headers_mut().insert(header::ACCEPT_LANGUAGE, "zh-CN".parse().unwrap());
    *sent.body_mut() = Body::from(b"fLaC".to_vec());
    let got = rig.router.clone().oneshot(sent).await.unwrap();
    let body = axum::body::to_bytes(got.into_body(), 1 << 20).await.unwrap();
    let told: Value = serde_json::from_slice(&body).unwrap();
    let chinese = "file：文件是 FLAC；可播放 WAV、MP3（MPEG 音频第三层）和 Ogg Opus";
    assert_eq!(told["message"], chinese);
}

#[tokio::test]
async fn whatever_the_bytes_are_they_are_played_or_refused() {
    use rand_of_the_test::Dice;
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let mut dice = Dice(0x5EED_1234_5678_9ABC);
    for round in 0..150 {
        let mut file = match round % 3 {
            0 => tone(8_000, 400),
            1 => [b"OggS\0\x02".to_vec(), vec![0; 200]].concat(),
            _ => [b"\xFF\xFB\x50\xC4".to_vec(), vec![0; 400]].concat(),
        };
        for _ in 0..1 + dice.below(8) {
            let at = dice.below(file.len().min(64));
            file[at] = dice.below(256) as u8;
        }
        let got = bring(&rig, "en/x", &token, file).await;
        assert!(got.status.is_success() || got.status.is_client_error(), "{round}: {got:?}");
    }
}

/// Numbers that are the same in each run.
mod rand_of_the_test {
    pub struct Dice(pub u64);

    impl Dice {
        /// Xorshift, Marsaglia 2003.
        pub fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit as u64) as usize
        }
    }
}

#[tokio::test]
async fn a_tenant_has_room_for_so_many_prompts_and_so_many_seconds() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for n in 0..PROMPTS_MAX {
        let file = tone(8_000, 80 + n as usize);
        assert_eq!(
            bring(&rig, &format!("en/p{n}"), &token, file).await.status,
            StatusCode::CREATED
        );
    }
    let got = bring(&rig, "en/more", &token, tone(8_000, 800)).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert_eq!(message(&got), "a tenant has at most 4 prompts (rtp.own_prompts_max)");
    assert_eq!(files(&rig, rig.tenant()).len(), PROMPTS_MAX as usize, "nothing is left of it");
    // In the place of another there is room, as long as all together are not too long.
    assert_eq!(bring(&rig, "en/p0", &token, tone(8_000, 40_000)).await.status, StatusCode::OK);
    let got = bring(&rig, "en/p1", &token, tone(8_000, 32_000)).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    let says = "all prompts of a tenant are at most 8 s long (rtp.own_prompts_length_max)";
    assert_eq!(message(&got), says);
    assert_eq!(bring(&rig, "en/p1", &token, tone(8_000, 20_000)).await.status, StatusCode::OK);
    assert_eq!(files(&rig, rig.tenant()).len(), PROMPTS_MAX as usize);
}

#[tokio::test]
async fn one_file_under_two_names_stays_until_the_last_of_them_goes() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for name in ["en/a", "en/b"] {
        assert_eq!(bring(&rig, name, &token, tone(8_000, 80)).await.status, StatusCode::CREATED);
    }
    assert_eq!(files(&rig, rig.tenant()).len(), 1);
    assert_eq!(take_away(&rig, "en/a", &token).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&format!("{PROMPTS}/en/b"), &token).await.status, StatusCode::OK);
    // What a kill left: a file without a row, and half of one. The next start removes both.
    let folder = rig.folder.path().join(format!("own-prompts/{}", rig.tenant()));
    std::fs::write(folder.join("0a".repeat(32)), b"x").unwrap();
    std::fs::write(folder.join("0b.part"), b"x").unwrap();
    rig.prompts.tidy(&rig.store).await;
    assert_eq!(files(&rig, rig.tenant()).len(), 1);
    assert_eq!(rig.get(&format!("{PROMPTS}/en/b"), &token).await.status, StatusCode::OK);
    // And a file that somebody removed by hand is a sentence, not a fault.
    std::fs::remove_file(&files(&rig, rig.tenant())[0]).unwrap();
    let got = rig.get(&format!("{PROMPTS}/en/b"), &token).await;
    assert_eq!(message(&got), "The file of this prompt is not on this box any more.");
}

#[tokio::test]
async fn a_text_is_spoken_where_something_speaks() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let got = say(&rig, "en/hello", &token, " Hello you ").await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let told = got.json();
    assert_eq!((&told["text"], &told["format"]), (&json!("Hello you"), &json!("wav")));
    assert!(told["length_s"].as_f64().unwrap() > 0.5, "{told}");
    let heard = rig.get(&format!("{PROMPTS}/en/hello"), &token).await;
    assert_eq!(&heard.body[..4], b"RIFF");
    let long = "a".repeat(501);
    for (name, text, status, says) in [
        ("en/x", "", 400, "text: no word is in it"),
        ("en/x", long.as_str(), 400, "text: 501 characters; a text that is spoken has at most 500"),
        (
            "fr/x",
            "bonjour",
            400,
            "text: there is no voice for the language \"fr\"; zh and en are spoken",
        ),
        ("music/x", "la la", 400, "there is no voice"),
        ("en/x", "fail", 503, "The text could not be spoken."),
    ] {
        let got = say(&rig, name, &token, text).await;
        assert_eq!(got.status, status, "{got:?}");
        assert!(message(&got).contains(says), "{got:?}");
    }
    let odd = Some(json!({"text": "hi", "voice": "loud"}));
    let got = rig.ask(Method::PUT, &format!("{PROMPTS}/en/x"), &token, odd).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    std::fs::write(rig.folder.path().join("mute"), b"").unwrap();
    let got = say(&rig, "en/x", &token, "hello").await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert_eq!(message(&got), "Texts cannot be spoken here: install espeak-ng");
    assert_eq!(rig.get(PROMPTS, &token).await.json().as_array().unwrap().len(), 1);
}

/// A flow of one prompt that ends.
fn plays(prompt: &str) -> Value {
    json!({"format": 1, "start": "a", "steps": {"a": {"kind": "hangup", "prompts": [prompt]}}})
}

async fn publish(rig: &Rig, token: &str, name: &str, document: Value) -> Got {
    let made = rig.post("/api/v1/flows", token, json!({"name": name, "document": document})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    rig.post(&format!("/api/v1/flows/{id}/publish"), token, json!({"revision": 1})).await
}

#[tokio::test]
async fn a_flow_names_what_the_tenant_or_the_box_has_and_keeps_it_there() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let refused = publish(&rig, &token, "one", plays("promo")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let says = message(&refused);
    assert!(says.contains("step \"a\": the prompt \"promo\" does not exist"), "{says}");
    let good = publish(&rig, &token, "two", plays("goodbye")).await;
    assert_eq!(good.status, StatusCode::CREATED, "the box has it: {good:?}");

    let file = || tone(8_000, 80);
    assert_eq!(bring(&rig, "en/promo", &token, file()).await.status, StatusCode::CREATED);
    let refused = publish(&rig, &token, "three", plays("promo")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "calls are Chinese");
    assert_eq!(bring(&rig, "zh-CN/promo", &token, file()).await.status, StatusCode::CREATED);
    let good = publish(&rig, &token, "four", plays("promo")).await;
    assert_eq!(good.status, StatusCode::CREATED, "{good:?}");

    let kept = take_away(&rig, "zh-CN/promo", &token).await;
    assert_eq!(kept.status, StatusCode::CONFLICT);
    assert_eq!(message(&kept), "This prompt is in use: flow \"four\"; name another there first.");
    assert_eq!(kept.json()["errors"], json!(["flow \"four\""]));
    assert_eq!(take_away(&rig, "en/promo", &token).await.status, StatusCode::NO_CONTENT);
    // In the place of one of the box's there is the box's again.
    assert_eq!(bring(&rig, "zh-CN/goodbye", &token, file()).await.status, StatusCode::CREATED);
    assert_eq!(take_away(&rig, "zh-CN/goodbye", &token).await.status, StatusCode::NO_CONTENT);
    // Another tenant has none of it.
    let (_, stranger) = rig.other_tenant().await;
    let refused = publish(&rig, &stranger, "five", plays("promo")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_flow_goes_over_to_a_language_that_there_is_something_in() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let goes_over = |language: &str| {
        json!({"format": 1, "start": "a", "steps": {
            "a": {"kind": "language", "language": language, "next": "b"},
            "b": {"kind": "hangup", "prompts": ["nei-hou", "say:Good bye"]}}})
    };
    let refused = publish(&rig, &token, "one", goes_over("yue")).await;
    let says = refused.json()["errors"].to_string();
    assert!(
        says.contains("there is no prompt in \\\"yue\\\"; right is one of en, zh-CN"),
        "{says}"
    );
    let brought = bring(&rig, "yue/nei-hou", &token, tone(8_000, 80)).await;
    assert_eq!(brought.status, StatusCode::CREATED);
    let good = publish(&rig, &token, "two", goes_over("yue")).await;
    assert_eq!(good.status, StatusCode::CREATED, "{good:?}");
    let kept = take_away(&rig, "yue/nei-hou", &token).await;
    assert_eq!(message(&kept), "This prompt is in use: flow \"two\"; name another there first.");
    let id = good.json();
    assert_eq!(id["version"], 1);
    let flows = rig.get("/api/v1/flows", &token).await.json();
    let two = flows.as_array().unwrap().iter().find(|flow| flow["name"] == "two").unwrap();
    let uri = format!("/api/v1/flows/{}/try", two["id"].as_str().unwrap());
    let told = rig.post(&uri, &token, json!({"script": "silence"})).await.json();
    assert_eq!(told["lines"][0], "go on in yue", "{told}");
    assert_eq!(told["lines"][2], "hear yue/nei-hou", "{told}");
}

#[tokio::test]
async fn what_a_queue_says_or_plays_between_is_kept_there() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for name in ["zh-CN/ask-online", "en/ask-online", "music/summer", "music/autumn"] {
        assert_eq!(bring(&rig, name, &token, tone(8_000, 80)).await.status, StatusCode::CREATED);
    }
    let queue = json!({"name": "咨询", "notices": ["ask-online"], "notice_every_s": 30,
        "playlist": ["summer", "autumn"]});
    let made = rig.post("/api/v1/queues", &token, queue).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    for name in ["zh-CN/ask-online", "music/summer", "music/autumn"] {
        let kept = take_away(&rig, name, &token).await;
        assert_eq!(kept.status, StatusCode::CONFLICT, "{name}");
        assert_eq!(kept.json()["errors"], json!(["queue \"咨询\""]), "{name}");
    }
    let other = take_away(&rig, "en/ask-online", &token).await;
    assert_eq!(other.status, StatusCode::NO_CONTENT, "calls are Chinese");
}
