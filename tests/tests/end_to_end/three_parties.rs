//! A caller, an agent and a colleague whom the agent asks in, on a box with two media cores: the
//! colleague's leg opens on the other core, and the two halves of the room are bridged. Three
//! baresips say a tone each and keep what they hear, so that the tones tell who heard whom and when.

use super::{agent, house, phone, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::{halves_with, sides};

/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const GUEST: u32 = 1_000;
/// How long each part of the conversation lasts at least.
const PART: Duration = Duration::from_secs(5);
/// Half seconds of such a part that must be as they should: what comes and goes at its ends, and a
/// busy machine, may spoil some.
const HALVES_MIN: usize = 5;
/// A number that leads into the queue without a key to be pressed.
pub const NUMBER: &str = "95105699";

pub fn three_parties_on_two_cores_hear_each_other_and_any_may_leave(backend: &str) {
    let house = house(backend, 2);
    number_of_the_queue(&house);
    let (agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    let (guest_phone, guest_id) = phone(&house, 1, GUEST, Manner::Answers);
    let caller_phone =
        Phone::dials(house.sip, "13500135000", NUMBER, CALLER, Audio::Plain, house.scratch());

    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(&house)?;
        (call["phase"] == "talking").then(|| call["call"].as_str().map(str::to_owned))?
    });
    wait_for("both legs on one core", seconds(5), || {
        (legs_by_core(&house) == [2, 0]).then_some(())
    });
    std::thread::sleep(PART);

    let guest = &house.agents[1].user;
    acts(&house, &call, &json!({"action": "invite", "target": guest}));
    wait_for("the third party on the other core", seconds(20), || {
        let bridged = legs_by_core(&house) == [2, 1] && gauge(&house, "rooms") == [1, 1];
        bridged.then_some(())
    });
    std::thread::sleep(PART);

    acts(&house, &call, &json!({"action": "hangup"}));
    wait_for("the agent to leave", seconds(5), || (legs_by_core(&house) == [1, 1]).then_some(()));
    let live = only_call(&house).expect("the rest go on");
    assert_eq!((&live["phase"], &live["agent"]), (&json!("talking"), &json!(guest_id)), "{live}");
    std::thread::sleep(PART);

    // The guest leaves, and who asks the caller for satisfaction is ended too.
    acts(&house, &call, &json!({"action": "hangup"}));
    wait_for("the guest to leave", seconds(5), || (legs_by_core(&house) == [1, 0]).then_some(()));
    acts(&house, &call, &json!({"action": "hangup"}));

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}\n{}", house.log());
    assert_eq!((&row["agent_id"], &row["last_agent_id"]), (&json!(agent_id), &json!(guest_id)));
    assert_eq!((&row["agents"], &row["transfers"]), (&json!(2), &json!(0)), "{row}");
    the_tables_tell_it(&house);
    both_agents_are_on_the_right(&house, &row);

    let heard = [&caller_phone, &agent_phone, &guest_phone].map(Phone::heard);
    for (who, parts) in heard.iter().zip([
        [vec![AGENT], vec![AGENT, GUEST], vec![GUEST]],
        [vec![CALLER], vec![CALLER, GUEST], vec![]],
        [vec![], vec![CALLER, AGENT], vec![CALLER]],
    ]) {
        parts_are_there(who, &parts);
    }
}

/// Each part of the conversation has its tones and no other, nobody's own among them.
fn parts_are_there(samples: &[i16], parts: &[Vec<u32>]) {
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let others: Vec<u32> =
            [CALLER, AGENT, GUEST].into_iter().filter(|hz| !part.contains(hz)).collect();
        let halves = halves_with(samples, part, &others);
        let seconds = samples.len() / 8_000;
        assert!(halves >= HALVES_MIN, "{halves} halves of {seconds} s have {part:?} and no other");
    }
}

fn both_agents_are_on_the_right(house: &House, call: &Value) {
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!((&row["state"], &row["frames_missing"]), (&json!("recorded"), &json!(0)), "{row}");
    let spoken = call["talk_ms"].as_i64().expect("talk") + call["hold_ms"].as_i64().expect("hold");
    let length = row["duration_ms"].as_i64().expect("a length");
    assert!((length - spoken).abs() <= 60, "recorded {length} ms of {spoken} ms");
    let id = row["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    parts_are_there(&sides.right, &[vec![AGENT], vec![AGENT, GUEST], vec![GUEST]]);
    let halves = sides.left.len() / 4_000;
    let pure = halves_with(&sides.left, &[CALLER], &[AGENT, GUEST]);
    assert!(pure * 10 >= halves * 8, "{pure} of {halves} halves on the left are the caller alone");
    assert_eq!(halves_with(&sides.right, &[CALLER], &[]), 0, "the caller is not on the right");
}

fn the_tables_tell_it(house: &House) {
    let legs = house.sql(
        "SELECT role, count(*) AS n FROM legs WHERE answered_at IS NOT NULL \
         GROUP BY role ORDER BY role",
    );
    assert_eq!(legs, [json!({"role": "agent", "n": 2}), json!({"role": "customer", "n": 1})]);
    let invited = house.sql("SELECT count(*) AS n FROM events WHERE kind = 'invited'");
    assert_eq!(invited, [json!({"n": 1})]);
}

pub fn number_of_the_queue(house: &House) {
    let queues = house.json("/api/v1/queues");
    let queue = queues[0]["id"].as_str().expect("the first queue");
    let number = json!({"digits": NUMBER, "target": {"queue": queue}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
}

pub fn acts(house: &House, call: &str, action: &Value) {
    let (status, body) = house.post(&format!("/api/v1/calls/{call}/actions"), action);
    assert_eq!(status, 204, "{action}: {body}");
}

pub fn only_call(house: &House) -> Option<Value> {
    house.json("/api/v1/live")["calls"].as_array()?.first().cloned()
}

/// Open legs of the two cores, the fuller one first.
fn legs_by_core(house: &House) -> Vec<u64> {
    let mut legs = gauge(house, "legs");
    legs.sort_unstable_by(|a, b| b.cmp(a));
    legs
}

/// A gauge of media for each core.
fn gauge(house: &House, name: &str) -> Vec<u64> {
    let metrics = house.get("/metrics").text().expect("text");
    let prefix = format!("switchgrid_rtp_{name}{{shard=");
    let lines = metrics.lines().filter(|line| line.starts_with(&prefix));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok());
    values.collect()
}
