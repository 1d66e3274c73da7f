//! An agent talks with a caller of the queue, and somebody calls the agent alone: the phone shows a second
//! call, its own keys answer it, and the first caller waits with music until the phone goes back to them.
//! Baresips say a tone each and keep what they hear.

use super::three_parties::{NUMBER, acts, number_of_the_queue};
use super::{agent, house_of_callers, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::halves_with;

/// What each of them says, in Hz.
const AGENT: u32 = 440;
const FIRST: u32 = 1_900;
const SECOND: u32 = 1_000;
/// A number that leads to the agent.
const OWN_NUMBER: &str = "95105698";
/// How long each conversation lasts at least.
const PART: Duration = Duration::from_secs(5);
/// Half seconds of it that must be as they should.
const HALVES_MIN: usize = 5;

/// Calls that are live, by phase.
fn live(house: &House) -> Vec<(String, String)> {
    let live = house.json("/api/v1/live");
    let calls = live["calls"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut calls: Vec<_> =
        calls.iter().map(|call| (text(&call["phase"]), text(&call["call"]))).collect();
    calls.sort_unstable();
    calls
}

/// The phone rings for the `nth` time and is answered; then the calls have these phases.
fn answers(house: &House, phone: &Phone, nth: usize, phases: &[&str]) -> Vec<String> {
    wait_for("the phone to ring", seconds(20), || {
        (phone.log().matches("SIP/2.0 180").count() >= nth).then_some(())
    });
    phone.accepts();
    wait_for("the conversation", seconds(10), || {
        let live = live(house);
        let fits = live.iter().map(|(phase, _)| phase.as_str()).eq(phases.iter().copied());
        fits.then(|| live.into_iter().map(|(_, call)| call).collect())
    })
}

pub fn a_second_caller_rings_the_phone_of_who_talks_and_the_first_one_waits(backend: &str) {
    let house = house_of_callers(backend);
    number_of_the_queue(&house);
    let (phone, id) = agent(&house, 0, AGENT, Manner::RingsTraced);
    let (status, body) =
        house.put_json(&format!("/api/v1/agents/{id}/ringing"), &json!({"call_waiting": true}));
    assert_eq!(status, 200, "{body}");
    let number = json!({"digits": OWN_NUMBER, "target": {"agent": id}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");

    let dials = |from, to, hz| Phone::dials(house.sip, from, to, hz, Audio::Plain, house.scratch());
    let _first = dials("13500135000", NUMBER, FIRST);
    let first = answers(&house, &phone, 1, &["talking"]).remove(0);
    std::thread::sleep(PART);
    let second_phone = dials("13600136000", OWN_NUMBER, SECOND);
    let both = answers(&house, &phone, 2, &["holding", "talking"]);
    assert_eq!(both[0], first, "who came first waits");
    std::thread::sleep(PART);
    let phases = live(&house).into_iter().map(|(phase, _)| phase);
    assert_eq!(phases.collect::<Vec<_>>(), ["holding", "talking"], "all the while");
    acts(&house, &both[1], &json!({"action": "hangup"}));
    // A phone of this kind goes back by itself to who waited, some milliseconds after the other call
    // ended: how long nobody is talked with is its affair, and nothing to wait for.
    let alone = [("talking".to_owned(), first.clone())];
    wait_for("the first call to go on alone", seconds(10), || {
        (live(&house) == alone).then_some(())
    });
    assert!(phone.log().contains("resuming previous call"), "nobody else takes them off hold");
    // The agent hangs up, and who asks the caller for satisfaction is ended too.
    acts(&house, &first, &json!({"action": "hangup"}));
    acts(&house, &first, &json!({"action": "hangup"}));

    let rows = wait_for("both rows", seconds(30), || {
        let rows = house.sql("SELECT outcome, agent_id FROM calls");
        (rows.len() == 2).then_some(rows)
    });
    let row = json!({"outcome": "answered", "agent_id": id});
    assert_eq!(rows, [row.clone(), row]);
    let heard = halves_with(&second_phone.heard(), &[AGENT], &[FIRST]);
    assert!(heard >= HALVES_MIN, "the second caller heard the agent for {heard} halves");
    let heard = halves_with(&phone.heard(), &[SECOND], &[FIRST]);
    assert!(heard >= HALVES_MIN, "the agent heard the second caller for {heard} halves");
    let heard = halves_with(&phone.heard(), &[FIRST], &[SECOND]);
    assert!(heard >= HALVES_MIN, "the agent heard the first caller for {heard} halves");
    // Each call by itself: a half second may lie across the end of one and the beginning of the next.
    for heard in phone.heard_by_call() {
        assert_eq!(halves_with(&heard, &[FIRST, SECOND], &[]), 0, "never both");
    }
}
