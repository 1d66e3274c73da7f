//! An agent keeps the line of their phone open. Two callers of the queue come to it, one after the other: a
//! tone tells the agent of each, both are heard, and the phone has had one call. Baresips say a tone each and
//! keep what they hear.

use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use super::{agent, house_of_callers, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::{halves_with, share_at};

/// What each of them says, in Hz, and what tells the agent of a caller.
const AGENT: u32 = 440;
const FIRST: u32 = 1_900;
const SECOND: u32 = 700;
const TONE: u32 = 1_000;
/// How long each conversation lasts at least.
const PART: Duration = Duration::from_secs(5);
/// Half seconds of it that must be as they should.
const HALVES_MIN: usize = 5;
/// Samples of a tenth of a second.
const TENTH: usize = 800;
/// Tenths that are nothing but the tone, at least: of 400 ms for each caller three are whole, and one may
/// have a gap.
const TENTHS_MIN: usize = 4;

fn state(house: &House, id: &str, action: &str) {
    let uri = format!("/api/v1/agents/{id}/state");
    let (status, body) = house.post(&uri, &json!({"action": action}));
    assert_eq!(status, 204, "{action}: {body}");
}

fn keeps_line_open(house: &House, id: &str, open: bool) {
    wait_for("the line", seconds(20), || {
        let live = house.json("/api/v1/live");
        let agents = live["agents"].as_array()?.clone();
        let agent = agents.into_iter().find(|agent| agent["agent"] == id)?;
        (agent["line"] == open && agent["activity"] == "idle").then_some(())
    });
}

/// Somebody calls the queue and talks with this agent, who hangs up.
fn talks(house: &House, from: &str, hz: u32, id: &str) -> Phone {
    let caller = Phone::dials(house.sip, from, NUMBER, hz, Audio::Plain, house.scratch());
    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(house)?;
        let is_theirs = call["phase"] == "talking" && call["agent"] == json!(id);
        is_theirs.then(|| call["call"].as_str().map(str::to_owned))?
    });
    std::thread::sleep(PART);
    // The agent hangs up, and who asks the caller for satisfaction is ended too.
    acts(house, &call, &json!({"action": "hangup"}));
    acts(house, &call, &json!({"action": "hangup"}));
    wait_for("after-call work", seconds(10), || {
        let live = house.json("/api/v1/live");
        let agents = live["agents"].as_array()?;
        let agent = agents.iter().find(|agent| agent["agent"] == id)?;
        (agent["line"] == true && agent["activity"] == "wrap_up").then_some(())
    });
    state(house, id, "end_wrap_up");
    caller
}

pub fn a_line_that_stays_open_brings_two_callers_with_one_call_to_the_phone(backend: &str) {
    let house = house_of_callers(backend);
    number_of_the_queue(&house);
    let (phone, id) = agent(&house, 0, AGENT, Manner::AnswersTraced);
    state(&house, &id, "open_line");
    keeps_line_open(&house, &id, true);
    let first = talks(&house, "13500135000", FIRST, &id);
    keeps_line_open(&house, &id, true);
    let second = talks(&house, "13600136000", SECOND, &id);
    keeps_line_open(&house, &id, true);
    state(&house, &id, "close_line");
    keeps_line_open(&house, &id, false);

    assert_eq!(phone.log().matches("INVITE sip:").count(), 1, "{}", phone.log());
    let rows = wait_for("all rows", seconds(30), || {
        let rows = house.sql("SELECT direction, outcome, agent_id FROM calls ORDER BY started_at");
        (rows.len() == 3).then_some(rows)
    });
    let talked = json!({"direction": "inbound", "outcome": "answered", "agent_id": id});
    let line = json!({"direction": "internal", "outcome": "ivr_only", "agent_id": Value::Null});
    assert_eq!(rows, [line, talked.clone(), talked]);

    let sound = phone.heard();
    let is_told = |tenth: &&[i16]| share_at(tenth, f64::from(TONE)) > 0.8;
    let told = sound.chunks_exact(TENTH).filter(is_told).count();
    assert!(told >= TENTHS_MIN, "the agent was told of the callers for {told} tenths");
    for (caller, hz, other) in [(first, FIRST, SECOND), (second, SECOND, FIRST)] {
        let heard = halves_with(&sound, &[hz], &[AGENT, other]);
        assert!(heard >= HALVES_MIN, "the agent heard {hz} Hz for {heard} halves");
        let heard = halves_with(&caller.heard(), &[AGENT], &[hz]);
        assert!(heard >= HALVES_MIN, "who says {hz} Hz heard the agent for {heard} halves");
    }
}
