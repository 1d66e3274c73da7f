//! An agent parks a caller over the API, and a colleague takes them by dialling the slot's code. SIPp
//! signals for the caller, whose voice and ear are on a port of their own; two baresips are the agents.
//! Each says a tone, and so does the music, so that the tones tell who heard whom and when.

use super::consulted::{activity, details, ended, hears, music_on_hold, talks_with};
use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use super::{agent, house_of_callers, phone, seconds};
use serde_json::json;
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::sound::sides;

/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const COLLEAGUE: u32 = 1_000;
const MUSIC: u32 = 1_400;
const ALL: [u32; 4] = [CALLER, AGENT, COLLEAGUE, MUSIC];
/// How long each part lasts at least.
const PART: Duration = Duration::from_secs(4);

pub fn who_dials_the_code_of_a_slot_talks_with_who_was_parked_there(backend: &str) {
    let house = house_of_callers(backend);
    number_of_the_queue(&house);
    music_on_hold(&house, MUSIC);
    let (agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    let (colleague_phone, colleague_id) = phone(&house, 1, COLLEAGUE, Manner::Calls);
    let voice = Voice::start(f64::from(CALLER));
    let mut caller = Caller::new("13500135000", NUMBER, vec![Act::WaitForBye]);
    caller.media_port = Some(voice.port());
    let caller = caller.call(house.sip, house.scratch());
    let call = talks_with(&house, &agent_id);
    std::thread::sleep(PART);

    acts(&house, &call, &json!({"action": "park", "slot": 7}));
    wait_for("the caller on the slot", seconds(10), || {
        let call = only_call(&house)?;
        (call["phase"] == "parked" && call["parked"] == 7).then_some(())
    });
    wait_for("the agent to be out of it", seconds(10), || {
        (activity(&house, &agent_id) == "wrap_up").then_some(())
    });
    std::thread::sleep(PART);

    colleague_phone.calls(house.sip, "*457");
    assert_eq!(talks_with(&house, &colleague_id), call, "the same call");
    let live = only_call(&house).expect("it goes on");
    assert!(live["parked"].is_null(), "the slot is free: {live}");
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
    assert_eq!((&row["agents"], &row["transfers"]), (&json!(2), &json!(0)), "{row}");
    assert!(row["hold_ms"].as_i64().expect("hold") >= 3_000, "{row}");
    let steps = [
        json!({"slot": 7, "what": {"parked": {"by": agent_id}}}),
        json!({"slot": 7, "what": {"taken": {"by": colleague_id}}}),
    ];
    assert_eq!(details(&house, "parking"), steps);
    assert_eq!(house.sql("SELECT count(*) AS n FROM calls"), [json!({"n": 1})]);

    hears("the caller", &voice.finish().all(), &ALL, &[&[AGENT], &[MUSIC], &[COLLEAGUE]]);
    hears("the agent", &ended(&agent_phone), &ALL, &[&[CALLER]]);
    hears("the colleague", &ended(&colleague_phone), &ALL, &[&[CALLER]]);
    each_conversation_is_recorded(&house);
}

/// A recording of each conversation, with nothing of the other.
fn each_conversation_is_recorded(house: &House) {
    let parts = wait_for("both recordings", seconds(20), || {
        let wanted = "SELECT * FROM recordings WHERE path IS NOT NULL ORDER BY started_at";
        let parts = house.sql(wanted);
        (parts.len() == 2).then_some(parts)
    });
    for (part, hz) in parts.iter().zip([AGENT, COLLEAGUE]) {
        assert_eq!(part["state"], "recorded", "{part}");
        let id = part["recording_id"].as_str().expect("an id");
        let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
        let sides = sides(&answer.bytes().expect("the file"));
        hears("the left", &sides.left, &ALL, &[&[CALLER]]);
        hears("the right", &sides.right, &ALL, &[&[hz]]);
    }
}
