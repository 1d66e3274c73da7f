//! An agent asks a colleague over the API while the caller hears music, and passes the caller on.
//! SIPp signals for the caller, whose voice and ear are on a port of their own; two baresips are the
//! agents. Each says a tone, and so does the music, so that the tones tell who heard whom and when.

use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use super::{agent, house, phone, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Manner, Phone};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::seat::sign_in;
use tests::sound::{halves_with, mono_wav, sides, tone};

/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const COLLEAGUE: u32 = 1_000;
const MUSIC: u32 = 1_400;
const ALL: [u32; 4] = [CALLER, AGENT, COLLEAGUE, MUSIC];
/// How long each part lasts at least, and half seconds of it that must be as they should: what comes
/// and goes at its ends, and a busy machine, may spoil some.
const PART: Duration = Duration::from_secs(4);
const HALVES_MIN: usize = 4;

pub fn a_caller_hears_music_while_a_colleague_is_asked_and_then_has_them(backend: &str) {
    let house = house(backend, 1);
    number_of_the_queue(&house);
    music_on_hold(&house, MUSIC);
    let (agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    let (colleague_phone, colleague_id) = phone(&house, 1, COLLEAGUE, Manner::Answers);
    let voice = Voice::start(f64::from(CALLER));
    let mut caller = Caller::new("13500135000", NUMBER, vec![Act::WaitForBye]);
    caller.media_port = Some(voice.port());
    let caller = caller.call(house.sip, house.scratch());
    let call = talks_with(&house, &agent_id);
    sign_in(&house, &colleague_id);
    std::thread::sleep(PART);

    let colleague = house.agents[1].user.as_str();
    acts(&house, &call, &json!({"action": "consult", "target": colleague}));
    wait_for("the colleague to answer", seconds(20), || {
        let both = activity(&house, &agent_id) == "holding"
            && activity(&house, &colleague_id) == "talking";
        (both && only_call(&house)?["phase"] == "consulting").then_some(())
    });
    std::thread::sleep(PART);

    acts(&house, &call, &json!({"action": "complete_consultation"}));
    assert_eq!(talks_with(&house, &colleague_id), call, "the same call");
    std::thread::sleep(PART);
    // The colleague hangs up, and who asks the caller for satisfaction is ended too.
    acts(&house, &call, &json!({"action": "hangup"}));
    acts(&house, &call, &json!({"action": "hangup"}));
    caller.finish();

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}\n{}", house.log());
    assert_eq!(
        (&row["agent_id"], &row["last_agent_id"]),
        (&json!(agent_id), &json!(colleague_id)),
        "{row}"
    );
    assert_eq!((&row["agents"], &row["transfers"]), (&json!(2), &json!(1)), "{row}");
    assert!(row["hold_ms"].as_i64().expect("hold") >= 3_000, "{row}");
    let passed_on = json!({"kind": "attended", "agent": agent_id, "target": colleague});
    assert_eq!(details(&house, "transferred"), [passed_on]);

    hears("the caller", &voice.finish().all(), &ALL, &[&[AGENT], &[MUSIC], &[COLLEAGUE]]);
    hears("the agent", &ended(&agent_phone), &ALL, &[&[CALLER], &[COLLEAGUE]]);
    hears("the colleague", &ended(&colleague_phone), &ALL, &[&[AGENT], &[CALLER]]);
    one_recording_has_all_three(&house);
}

fn one_recording_has_all_three(house: &House) {
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(row["state"], "recorded", "{row}");
    assert_eq!(house.sql("SELECT count(*) AS n FROM recordings"), [json!({"n": 1})]);
    let id = row["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    let right: [&[u32]; 3] = [&[AGENT], &[AGENT, COLLEAGUE], &[COLLEAGUE]];
    hears("the right", &sides.right, &ALL, &right);
    let halves = halves_with(&sides.left, &[CALLER], &[AGENT, COLLEAGUE]);
    assert!(halves >= 2 * HALVES_MIN, "{halves} halves on the left are the caller alone");
    assert_eq!(halves_with(&sides.right, &[CALLER], &[]), 0, "the caller is not on the right");
}

/// Who is held hears this tone.
pub fn music_on_hold(house: &House, hz: u32) {
    let file = mono_wav(&tone(hz, 4));
    let (status, body) = house.put("/api/v1/prompts/music/hold", "audio/wav", file);
    assert_eq!(status, 201, "{body}");
}

/// The only call, once this agent has it.
pub fn talks_with(house: &House, agent: &str) -> String {
    wait_for("the conversation", seconds(20), || {
        let call = only_call(house)?;
        let is_theirs = call["phase"] == "talking" && call["agent"] == agent;
        is_theirs.then(|| call["call"].as_str().map(str::to_owned))?
    })
}

/// What an agent does now.
pub fn activity(house: &House, agent: &str) -> Value {
    let live = house.json("/api/v1/live");
    let agents = live["agents"].as_array().expect("agents");
    let found = agents.iter().find(|one| one["agent"] == agent).expect("they are there");
    found["activity"].clone()
}

/// What the events of a kind say, in order.
pub fn details(house: &House, kind: &str) -> Vec<Value> {
    let rows = house.sql(&format!("SELECT detail FROM events WHERE kind = '{kind}' ORDER BY seq"));
    let parsed = |row: &Value| {
        serde_json::from_str(row["detail"].as_str().expect("JSON as text")).expect("JSON")
    };
    rows.iter().map(parsed).collect()
}

/// What a phone has heard, when its call has ended: it ends its file when it has taken the BYE.
pub fn ended(phone: &Phone) -> Vec<i16> {
    wait_for("the phone to hang up", seconds(10), || {
        phone.log().contains("terminated (duration").then_some(())
    });
    phone.heard()
}

/// Each part has its tones and none of the others.
pub fn hears(who: &str, samples: &[i16], all: &[u32], parts: &[&[u32]]) {
    for &part in parts {
        let others: Vec<u32> = all.iter().copied().filter(|hz| !part.contains(hz)).collect();
        let halves = halves_with(samples, part, &others);
        let seconds = samples.len() / 8_000;
        assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {seconds} s have {part:?} alone");
    }
}
