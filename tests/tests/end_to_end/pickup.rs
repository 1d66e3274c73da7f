//! A caller rings at an agent's phone, and a colleague of the same queue dials the code on theirs:
//! the caller and the colleague hear each other at once, and the phone that rang is told that the
//! call was completed elsewhere. Baresips say a tone each and keep what they hear.

use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use super::{agent, house_of_callers, phone, seconds};
use serde_json::json;
use std::time::Duration;
use tests::house::wait_for;
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::halves_with;

/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const RUNG: u32 = 440;
const PICKER: u32 = 1_000;
/// How long the conversation lasts at least.
const PART: Duration = Duration::from_secs(5);
/// Half seconds of it that must be as they should.
const HALVES_MIN: usize = 5;

pub fn a_colleague_picks_up_by_code_what_rings_at_an_agents_phone(backend: &str) {
    let house = house_of_callers(backend);
    number_of_the_queue(&house);
    let (rung_phone, rung) = agent(&house, 0, RUNG, Manner::RingsTraced);
    let (picker_phone, picker) = phone(&house, 1, PICKER, Manner::Calls);
    let caller_phone =
        Phone::dials(house.sip, "13500135000", NUMBER, CALLER, Audio::Plain, house.scratch());
    let phase = || only_call(&house).map(|call| call["phase"].clone());
    wait_for("the agent's phone to ring", seconds(20), || {
        let rings = rung_phone.log().contains("SIP/2.0 180");
        (rings && phase()? == "ringing").then_some(())
    });

    picker_phone.calls(house.sip, "*8");
    let call = wait_for("the conversation", seconds(10), || {
        let call = only_call(&house)?;
        let is_theirs = call["phase"] == "talking" && call["agent"] == json!(picker);
        is_theirs.then(|| call["call"].as_str().map(str::to_owned))?
    });
    let live = house.json("/api/v1/live");
    let agents = live["agents"].as_array().expect("agents");
    let of = |id: &str| agents.iter().find(|agent| agent["agent"] == id).expect("they are there");
    assert_eq!(of(&rung)["activity"], "idle", "it cost them nothing: {live}");
    std::thread::sleep(PART);
    // The colleague hangs up, and who asks the caller for satisfaction is ended too.
    acts(&house, &call, &json!({"action": "hangup"}));
    acts(&house, &call, &json!({"action": "hangup"}));

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}\n{}", house.log());
    assert_eq!((&row["agent_id"], &row["agents"]), (&json!(picker), &json!(1)), "{row}");
    let visits = house.sql("SELECT outcome, offers, offers_unanswered, agent_id FROM queue_visits");
    let visit =
        json!({"outcome": "answered", "offers": 1, "offers_unanswered": 0, "agent_id": picker});
    assert_eq!(visits, [visit]);
    let recordings = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(recordings["state"], "recorded", "{recordings}");

    let told = rung_phone.log();
    assert!(told.contains("Call completed elsewhere"), "{told}");
    let halves = |phone: &Phone, hz, others: &[u32]| halves_with(&phone.heard(), &[hz], others);
    let heard = halves(&caller_phone, PICKER, &[CALLER, RUNG]);
    assert!(heard >= HALVES_MIN, "the caller heard the colleague for {heard} halves");
    let heard = halves(&picker_phone, CALLER, &[PICKER, RUNG]);
    assert!(heard >= HALVES_MIN, "the colleague heard the caller for {heard} halves");
    assert!(rung_phone.heard().is_empty(), "who only rang heard nobody");
}
