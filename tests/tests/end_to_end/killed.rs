//! The process `calls` is killed while two people talk, recorded, and a third waits in the queue. Both
//! hear each other again on the same ports, the recording goes on in a second part, the one who waits
//! gets the agent when the conversation ends, and each call has one record.

use super::{agent, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::{halves_with, sides};

/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const SECOND: u32 = 1_000;
const AGENT: u32 = 440;
/// A number that leads into the queue without a key to be pressed.
const NUMBER: &str = "95105699";
/// How long they talk before and after the kill.
const PART: Duration = Duration::from_secs(6);
/// Half seconds of a part that must be as they should.
const HALVES_MIN: usize = 8;

pub fn a_conversation_and_a_queue_go_on_when_the_call_path_is_killed(backend: &str) {
    let options = Options { backend: backend.into(), keeps: true, ..Options::default() };
    let mut house = House::start(options);
    let queues = house.json("/api/v1/queues");
    let queue = queues[0]["id"].as_str().expect("the first queue");
    let number = json!({"digits": NUMBER, "target": {"queue": queue}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
    let (agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    let dials = |from, hz| Phone::dials(house.sip, from, NUMBER, hz, Audio::Plain, house.scratch());
    let caller = dials("13500135000", CALLER);
    let talking = wait_for("the conversation", seconds(20), || call_in(&house, "talking"));
    let second = dials("13600136000", SECOND);
    let waiting = wait_for("the queue", seconds(20), || call_in(&house, "waiting"));
    std::thread::sleep(PART);

    house.kill_child("calls");
    house.wait_ready();
    let on = wait_for("the conversation again", seconds(20), || call_in(&house, "talking"));
    assert_eq!(on, talking, "the same call");
    assert_eq!(call_in(&house, "waiting").as_deref(), Some(waiting.as_str()));
    std::thread::sleep(PART);

    // The agent lets the first go; the one who waited is next.
    let_go(&house, &talking);
    let first = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{talking}'"));
    assert_eq!(first["outcome"], "answered", "{first}\n{}", house.log());
    assert_eq!(first["agent_id"], agent_id.as_str());
    let both = u64::try_from(2 * PART.as_millis()).expect("some seconds");
    assert!(first["talk_ms"].as_u64().expect("talk") > both, "{first}");
    wait_for("who waited", seconds(90), || {
        (call_in(&house, "talking").as_deref() == Some(waiting.as_str())).then_some(())
    });
    let_go(&house, &waiting);
    let next = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{waiting}'"));
    assert_eq!(next["outcome"], "answered", "{next}");
    assert_eq!(house.sql("SELECT count(*) AS n FROM calls")[0]["n"], 2, "one record a call");

    recorded_in_two_parts(&house, &talking);
    let ran = house.json("/api/v1/availability?from=2020-01-01T00:00:00Z");
    let ends = |process: &str| {
        let of = ran.as_array()?.iter().find(|of| of["process"] == process)?;
        of["ends"].as_u64()
    };
    assert_eq!((ends("calls"), ends("api"), ends("work")), (Some(1), Some(0), Some(0)), "{ran}");
    drop((agent_phone, second));
    let heard = caller.heard();
    let halves = halves_with(&heard, &[AGENT], &[CALLER, SECOND]);
    assert!(halves >= 2 * HALVES_MIN, "{halves} halves of {} s", heard.len() / 8_000);
}

/// The agent leaves, and who asks the caller for satisfaction is ended too.
fn let_go(house: &House, call: &str) {
    for _ in 0..2 {
        let path = format!("/api/v1/calls/{call}/actions");
        let (status, body) = house.post(&path, &json!({"action": "hangup"}));
        assert_eq!(status, 204, "{body}");
    }
}

fn call_in(house: &House, phase: &str) -> Option<String> {
    let live = house.json("/api/v1/live");
    let call = live["calls"].as_array()?.iter().find(|call| call["phase"] == phase)?.clone();
    call["call"].as_str().map(str::to_owned)
}

fn recorded_in_two_parts(house: &House, call: &str) {
    let parts = wait_for("both parts", seconds(20), || {
        let wanted = format!(
            "SELECT * FROM recordings WHERE call_id = '{call}' AND path IS NOT NULL \
             ORDER BY started_at"
        );
        let parts = house.sql(&wanted);
        (parts.len() == 2).then_some(parts)
    });
    let states: Vec<&Value> = parts.iter().map(|part| &part["state"]).collect();
    assert_eq!(states, [&json!("repaired"), &json!("recorded")]);
    let between = parts[1]["reason"].as_str().expect("what lies before the second part");
    assert!(between.contains("before it, on each of 2 tracks"), "{between}");
    assert_eq!(parts[1]["frames_missing"], 0, "they are in the count of neither part");
    for part in &parts {
        let id = part["recording_id"].as_str().expect("an id");
        let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
        let sides = sides(&answer.bytes().expect("the file"));
        assert!(halves_with(&sides.left, &[CALLER], &[AGENT]) >= HALVES_MIN, "{part}");
        assert!(halves_with(&sides.right, &[AGENT], &[CALLER]) >= HALVES_MIN, "{part}");
    }
}
