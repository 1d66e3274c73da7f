//! An agent without a phone signs in at a colleague's by number and PIN, keyed in on that phone. A caller
//! of the queue rings there, and a tone goes before their voice. Baresips say a tone each and keep what
//! they hear.

use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use super::{house_of_callers, phone, seconds};
use serde_json::json;
use std::time::Duration;
use tests::house::wait_for;
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::{halves_with, share_at};

/// What each of them says, in Hz, and what tells the agent of a caller.
const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const TONE: u32 = 1_000;
const PIN: &str = "481516";
/// How long the conversation lasts at least.
const PART: Duration = Duration::from_secs(5);
/// Half seconds of it that must be as they should.
const HALVES_MIN: usize = 5;
/// Samples of a tenth of a second. The tone is shorter than a half, and begins anywhere in one.
const TENTH: usize = 800;
/// Tenths that are nothing but the tone, at least: of 400 ms three are whole, and one may have a gap.
const TENTHS_MIN: usize = 2;

/// Nothing but this tone.
fn is_alone(tenth: &[i16], hz: u32) -> bool {
    share_at(tenth, f64::from(hz)) > 0.8
}

pub fn an_agent_signs_in_at_a_colleagues_phone_and_a_tone_goes_before_the_caller(backend: &str) {
    let house = house_of_callers(backend);
    number_of_the_queue(&house);
    let (desk, owner) = phone(&house, 1, AGENT, Manner::Calls);
    let number = house.agents[0].user.as_str();
    let agents = house.json("/api/v1/agents");
    let mut all = agents.as_array().expect("agents").iter();
    let found = all.find(|agent| agent["number"] == number).expect("the first agent");
    let id = found["id"].as_str().expect("an id").to_owned();
    for (what, body) in
        [("sign-in-pin", json!({"pin": PIN})), ("ringing", json!({"auto_answer": true}))]
    {
        let (status, body) = house.put_json(&format!("/api/v1/agents/{id}/{what}"), &body);
        assert_eq!(status, 200, "{what}: {body}");
    }

    desk.calls(house.sip, &format!("*41{number}"));
    wait_for("the question", seconds(10), || (only_call(&house)?["phase"] == "ivr").then_some(()));
    // The keys go as RFC 4733, once both sides have media.
    std::thread::sleep(seconds(2));
    desk.presses(&format!("{PIN}#"));
    wait_for("the agent to sit there", seconds(15), || {
        let live = house.json("/api/v1/live");
        let agents = live["agents"].as_array()?.clone();
        let agent = agents.into_iter().find(|agent| agent["agent"] == id.as_str())?;
        let sits = agent["at"] == owner.as_str() && agent["activity"] == "idle";
        (sits && only_call(&house).is_none()).then_some(())
    });

    let caller_phone =
        Phone::dials(house.sip, "13500135000", NUMBER, CALLER, Audio::Plain, house.scratch());
    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(&house)?;
        let is_theirs = call["phase"] == "talking" && call["agent"] == json!(id);
        is_theirs.then(|| call["call"].as_str().map(str::to_owned))?
    });
    std::thread::sleep(PART);
    // The agent hangs up, and who asks the caller for satisfaction is ended too.
    acts(&house, &call, &json!({"action": "hangup"}));
    acts(&house, &call, &json!({"action": "hangup"}));

    let row = house.wait_row("SELECT * FROM calls WHERE direction = 'inbound'");
    assert_eq!((&row["outcome"], &row["agent_id"]), (&json!("answered"), &json!(id)), "{row}");
    let rows = house.json("/api/v1/audit");
    let sat = format!("{id} at the phone of {owner}");
    let noted = |row: &serde_json::Value| row["action"] == "agent.phone" && row["subject"] == sat;
    assert!(rows.as_array().is_some_and(|rows| rows.iter().any(noted)), "{rows}");

    let sound = desk.heard();
    let tenths: Vec<&[i16]> = sound.chunks_exact(TENTH).collect();
    let told = tenths.iter().filter(|tenth| is_alone(tenth, TONE)).count();
    assert!(told >= TENTHS_MIN, "the agent was told of the caller for {told} tenths");
    let first = |hz: u32| tenths.iter().position(|tenth| is_alone(tenth, hz));
    assert!(first(TONE) < first(CALLER), "{:?} {:?}", first(TONE), first(CALLER));
    let heard = halves_with(&desk.heard(), &[CALLER], &[AGENT]);
    assert!(heard >= HALVES_MIN, "the agent heard the caller for {heard} halves");
    let heard = halves_with(&caller_phone.heard(), &[AGENT], &[CALLER]);
    assert!(heard >= HALVES_MIN, "the caller heard the agent for {heard} halves");
}
