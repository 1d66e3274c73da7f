//! A supervisor comes into a conversation from a screen and takes it over, passes another one on
//! and ends it. Baresips say a tone each and keep what they hear, so that the tones tell who heard
//! whom.

use super::consulted::{details, ended, hears, talks_with};
use super::own_keys::{DIRECT, ends, number_of_the_agent};
use super::supervised::has_legs;
use super::three_parties::{acts, only_call};
use super::{house, phone, seconds};
use serde_json::json;
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};

/// What each of them says, in Hz.
const CUSTOMER: u32 = 1_900;
const AGENT: u32 = 440;
const SUPERVISOR: u32 = 1_000;
const ALL: [u32; 3] = [CUSTOMER, AGENT, SUPERVISOR];
/// How long each part lasts at least.
const PART: Duration = Duration::from_secs(4);

pub fn a_supervisor_comes_in_and_takes_over_and_moves_and_ends_another_conversation(backend: &str) {
    let house = house(backend, 1);
    let agent = number_of_the_agent(&house);
    let (agent_phone, _) = phone(&house, 0, AGENT, Manner::Answers);
    let (own_phone, supervisor) = phone(&house, 1, SUPERVISOR, Manner::Answers);
    let (customer, call) = calls(&house, "13500135000", &agent);
    let path = format!("/api/v1/calls/{call}/supervise");
    let comes_in = json!({"mode": "barge", "phone": house.agents[1].user});
    let (status, body) = house.post(&path, &comes_in);
    assert_eq!(status, 204, "{body}");
    has_legs(&house, 3);
    std::thread::sleep(PART);
    let (status, body) = house.patch_json(&path, &json!({"mode": "take_over"}));
    assert_eq!(status, 204, "{body}");
    assert_eq!(talks_with(&house, &supervisor), call, "the same call");
    has_legs(&house, 2);
    std::thread::sleep(PART);
    ends(&house, &call);

    let (other, second) = calls(&house, "13500135001", &agent);
    std::thread::sleep(PART);
    let to = house.agents[1].user.as_str();
    acts(&house, &second, &json!({"action": "transfer", "target": to}));
    assert_eq!(talks_with(&house, &supervisor), second, "the same call");
    std::thread::sleep(PART);
    acts(&house, &second, &json!({"action": "hangup"}));
    wait_for("the end of the call", seconds(10), || only_call(&house).is_none().then_some(()));

    the_books_tell_it(&house, &agent, &supervisor);
    hears("the first customer", &ended(&customer), &ALL, &[&[AGENT, SUPERVISOR], &[SUPERVISOR]]);
    hears("the second customer", &ended(&other), &ALL, &[&[AGENT], &[SUPERVISOR]]);
    hears("the agent", &both(&agent_phone), &ALL, &[&[CUSTOMER, SUPERVISOR], &[CUSTOMER]]);
    hears("the supervisor", &both(&own_phone), &ALL, &[&[CUSTOMER, AGENT], &[CUSTOMER]]);
}

/// A customer who calls the agent from this number, and the call once they talk.
fn calls(house: &House, from: &str, agent: &str) -> (Phone, String) {
    let phone = Phone::dials(house.sip, from, DIRECT, CUSTOMER, Audio::Plain, house.scratch());
    (phone, talks_with(house, agent))
}

/// What a phone has heard when both its calls have ended.
fn both(phone: &Phone) -> Vec<i16> {
    wait_for("both calls to be over", seconds(10), || {
        (phone.log().matches("terminated (duration").count() >= 2).then_some(())
    });
    phone.heard()
}

fn the_books_tell_it(house: &House, agent: &str, supervisor: &str) {
    house.wait_row("SELECT n FROM (SELECT count(*) AS n FROM calls) AS counted WHERE n = 2");
    let row = json!({"outcome": "answered", "agent_id": agent, "last_agent_id": supervisor});
    let rows = house.sql("SELECT outcome, agent_id, last_agent_id FROM calls");
    assert_eq!(rows, [row.clone(), row], "{}", house.log());
    let forced = details(house, "forced");
    let to = house.agents[1].user.as_str();
    let moved = |one: &&serde_json::Value| one["act"] == "transfer";
    let moved: Vec<_> = forced.iter().filter(moved).collect();
    assert_eq!(moved.len(), 1, "{forced:?}");
    assert_eq!((&moved[0]["agent"], &moved[0]["target"]), (&json!(agent), &json!(to)));
    let released = forced.last().expect("they were forced");
    assert_eq!((&released["act"], &released["agent"]), (&json!("release"), &json!(supervisor)));
    let audit = house.json("/api/v1/audit");
    for action in ["call.supervise.barge", "call.take_over", "call.transfer", "call.hangup"] {
        let noted = audit.as_array().expect("a list").iter().any(|row| row["action"] == action);
        assert!(noted, "{action}: {audit}");
    }
}
