//! Recordings in an object store that speaks S3 over HTTP: a message moves there and is heard as
//! before, and the box is ended at every step of the move.

use crate::seconds;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};
use terms::failpoint::MOVE_STEPS;
use tests::house::{House, Options, program, wait_for};
use tests::peer::sipp::{Act, Caller};
use tests::shelf::{SECRET, Shelf};

/// A box with this object store behind it.
fn house(shelf: &Shelf) -> House {
    let (name, secret) = Shelf::secret();
    let env = vec![(name.to_owned(), secret.to_owned())];
    House::start(Options { config: shelf.config(), env, ..Options::default() })
}

/// Somebody leaves a message; its row.
fn message(house: &House, from: &str) -> Value {
    let acts = vec![
        Act::Pause(seconds(1)),
        Act::Digit('3'),
        Act::Pause(seconds(8)),
        Act::Speak,
        Act::Pause(seconds(3)),
        Act::Digit('#'),
        Act::WaitForBye,
    ];
    Caller::new(from, &house.hotline, acts).call(house.sip, house.scratch()).finish();
    let caller = format!("+86{from}");
    house.wait_row(&format!(
        "SELECT * FROM recordings WHERE path IS NOT NULL AND caller = '{caller}'"
    ))
}

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_else(|| panic!("{key} of {row}")).to_owned()
}

fn uri(row: &Value) -> String {
    format!("/api/v1/recordings/{}", text(row, "recording_id"))
}

fn local(house: &House, row: &Value) -> PathBuf {
    house.data().join("recordings").join(text(row, "path"))
}

/// A command beside the box.
fn command(house: &House, arguments: &[&str]) -> Output {
    Command::new(program("switchgrid"))
        .args(["--config", "switchgrid.toml", "--data", "data", "recording"])
        .args(arguments)
        .envs([Shelf::secret()])
        .current_dir(house.scratch())
        .output()
        .expect("switchgrid lies beside the tests")
}

fn verified(house: &House) -> Value {
    let output = command(house, &["verify", "--json"]);
    let report = serde_json::from_slice(&output.stdout);
    report.unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The answer to a GET with a header: status and body.
fn get_with(house: &House, uri: &str, header: (&str, &str)) -> (u16, Vec<u8>) {
    let token = house.sign_in(&house.admin.user, &house.admin.password);
    let answer = reqwest::blocking::Client::builder()
        .no_proxy()
        .build()
        .expect("an HTTP client")
        .get(format!("http://{}{uri}", house.http))
        .bearer_auth(token)
        .header(header.0, header.1)
        .send()
        .expect("the API answers");
    (answer.status().as_u16(), answer.bytes().expect("a body").to_vec())
}

#[test]
fn a_message_moves_to_an_object_store_and_is_heard_exported_verified_and_deleted_from_there() {
    let mut shelf = Shelf::start();
    let house = house(&shelf);
    let row = message(&house, "13900139000");
    wait_for("the move", seconds(90), || (!local(&house, &row).exists()).then_some(()));
    let object = std::fs::read(shelf.object(&text(&row, "path"))).expect("it lies there");
    assert_eq!(object.len() as i64, row["bytes"].as_i64().expect("a size"));
    wait_for("the counters", seconds(20), || {
        (house.metric("switchgrid_tier_recordings_moved_total") >= 1.0).then_some(())
    });

    let whole = house.get(&uri(&row));
    assert_eq!(whole.status(), 200);
    let etag = whole.headers()["etag"].to_str().expect("text").to_owned();
    assert_eq!(etag, format!("\"{}\"", text(&row, "sha256")));
    assert!(whole.bytes().expect("a body") == object);
    let (status, part) = get_with(&house, &uri(&row), ("range", "bytes=1000-1999"));
    assert_eq!((status, &part[..]), (206, &object[1000..2000]));

    let report = verified(&house);
    assert_eq!((&report["ok"], &report["moved"]), (&json!(true), &json!(1)), "{report}");
    let output = command(&house, &["export", "--out", "out"]);
    assert!(output.status.success(), "{output:?}");
    let day = &text(&row, "path")[2..12];
    let copy = format!("out/{day}/{}.wav", text(&row, "recording_id"));
    assert!(std::fs::read(house.scratch().join(copy)).expect("it was exported") == object);

    // Nobody answers: what was fetched is heard, what is here is heard, the rest is told.
    shelf.go_away();
    assert_eq!(house.get(&uri(&row)).status(), 200, "from the cache");
    std::fs::remove_dir_all(house.data().join("tier-cache")).expect("there is a cache");
    let (status, body) = get_with(&house, &uri(&row), ("accept-language", "zh-CN"));
    let body = String::from_utf8(body).expect("text");
    assert!(status == 503 && body.contains("该录音存放在对象存储中"), "{status}: {body}");
    let (status, body) = get_with(&house, &uri(&row), ("accept-language", "en"));
    let body = String::from_utf8(body).expect("text");
    assert!(status == 503 && body.contains("lies in the object store"), "{status}: {body}");
    let second = message(&house, "13900139001");
    assert_eq!(house.get(&uri(&second)).status(), 200, "it is on the box");
    let report = verified(&house);
    assert_eq!(report["summary"], json!({"unreadable": 1}), "{report}");

    shelf.come_back();
    assert!(house.get(&uri(&row)).bytes().expect("a body") == object);
    let (status, body) =
        house.post(&format!("{}/deletion", uri(&row)), &json!({"reason": "asked"}));
    assert_eq!(status, 204, "{body}");
    assert!(!shelf.object(&text(&row, "path")).exists(), "the object is gone");
    assert_eq!(house.get(&uri(&row)).status(), 410);
    // The store was away for a while: the mover waits a minute before it asks again.
    wait_for("the second move", seconds(120), || (!local(&house, &second).exists()).then_some(()));
    assert!(shelf.object(&text(&second, "path")).exists());

    let resolved = std::fs::read_to_string(house.data().join("run/config.json"));
    let resolved = resolved.expect("the children read it");
    assert!(!resolved.contains(SECRET) && !house.log().contains(SECRET), "the secret leaked");
}

#[test]
fn a_box_ended_at_any_step_of_a_move_loses_nothing_and_finishes_it() {
    let mut shelf = Shelf::start();
    // While nobody answers the message stays.
    shelf.go_away();
    let mut house = house(&shelf);
    let row = message(&house, "13900139002");
    let before = house.get(&uri(&row)).bytes().expect("a body");
    house.kill();
    shelf.come_back();
    for step in MOVE_STEPS {
        let from = house.log().len();
        let point = format!("{step}=stall:600000");
        house.start_again(&[("SWITCHGRID_FAILPOINTS", point.as_str()), Shelf::secret()]);
        let said = format!("failpoint {step}: ");
        wait_for(step, seconds(60), || {
            house.log().get(from..).is_some_and(|log| log.contains(&said)).then_some(())
        });
        let heard = house.get(&uri(&row));
        assert_eq!(heard.status(), 200, "while it stands at {step}");
        assert!(heard.bytes().expect("a body") == before, "while it stands at {step}");
        house.kill();
        let there = shelf.object(&text(&row, "path")).exists();
        assert!(there || local(&house, &row).exists(), "killed at {step}: it is nowhere");
    }
    house.start_again(&[Shelf::secret()]);
    wait_for("the end of the move", seconds(60), || {
        (verified(&house)["moved"] == 1 && !local(&house, &row).exists()).then_some(())
    });
    assert!(house.get(&uri(&row)).bytes().expect("a body") == before);
    let object = shelf.object(&text(&row, "path"));
    assert!(std::fs::read(object).expect("it lies there") == before);
    assert!(!local(&house, &row).exists());
    let report = verified(&house);
    assert_eq!((&report["ok"], &report["moved"]), (&json!(true), &json!(1)), "{report}");
    assert_eq!(report["orphans"], 0, "{report}");
}
