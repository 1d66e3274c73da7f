//! A supervisor listens to a conversation from a screen, then coaches: the phone hears both, the agent
//! hears the supervisor only while they coach, and the customer never does. Three baresips say a tone
//! each and keep what they hear.

use super::consulted::{ended, talks_with};
use super::own_keys::ends;
use super::three_parties::{NUMBER, number_of_the_queue};
use super::{agent, house, phone, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::{halves_with, sides};

/// What each of them says, in Hz.
const CUSTOMER: u32 = 1_900;
const AGENT: u32 = 440;
const SUPERVISOR: u32 = 1_000;
/// How long each part lasts at least, and half seconds of it that must be as they should.
const PART: Duration = Duration::from_secs(5);
const HALVES_MIN: usize = 6;

pub fn a_supervisor_listens_and_coaches_and_the_customer_hears_nothing_of_it(backend: &str) {
    let house = house(backend, 1);
    number_of_the_queue(&house);
    let (agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    let (supervisor, _) = phone(&house, 1, SUPERVISOR, Manner::Answers);
    let customer =
        Phone::dials(house.sip, "13500135000", NUMBER, CUSTOMER, Audio::Plain, house.scratch());
    let call = talks_with(&house, &agent_id);

    let path = format!("/api/v1/calls/{call}/supervise");
    let listens = json!({"mode": "listen", "phone": house.agents[1].user});
    let (status, body) = house.post(&path, &listens);
    assert_eq!(status, 204, "{body}");
    has_legs(&house, 3);
    std::thread::sleep(PART);
    let (status, body) = house.patch_json(&path, &json!({"mode": "whisper"}));
    assert_eq!(status, 204, "{body}");
    std::thread::sleep(PART);
    let (status, body) = house.delete(&path);
    assert_eq!(status, 204, "{body}");
    has_legs(&house, 2);
    assert_eq!(talks_with(&house, &agent_id), call, "the conversation goes on");
    ends(&house, &call);

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(
        (&row["outcome"], &row["agent_id"], &row["agents"]),
        (&json!("answered"), &json!(agent_id), &json!(1)),
        "{row}\n{}",
        house.log()
    );
    let roles = house.sql("SELECT role FROM legs WHERE role = 'supervisor'");
    assert_eq!(roles, [json!({"role": "supervisor"})]);
    let audit = house.json("/api/v1/audit");
    for action in ["call.supervise.listen", "call.supervise.whisper", "call.supervise.end"] {
        let noted = |row: &Value| row["action"] == action;
        let rows = audit.as_array().expect("a list");
        assert_eq!(rows.iter().filter(|row| noted(row)).count(), 1, "{action}: {audit}");
    }

    let heard = ended(&supervisor);
    let both = halves_with(&heard, &[CUSTOMER, AGENT], &[SUPERVISOR]);
    assert!(both >= 2 * HALVES_MIN, "the supervisor heard both for {both} halves");
    let heard = ended(&agent_phone);
    let alone = halves_with(&heard, &[CUSTOMER], &[SUPERVISOR, AGENT]);
    assert!(alone >= HALVES_MIN, "who listens is not heard: {alone} halves");
    let coached = halves_with(&heard, &[CUSTOMER, SUPERVISOR], &[AGENT]);
    assert!(coached >= HALVES_MIN, "the agent was coached for {coached} halves");
    let heard = ended(&customer);
    let agent = halves_with(&heard, &[AGENT], &[SUPERVISOR, CUSTOMER]);
    assert!(agent >= 2 * HALVES_MIN, "the customer heard the agent alone for {agent} halves");
    assert_eq!(halves_with(&heard, &[SUPERVISOR], &[]), 0, "and never who supervised");
    the_recording_has_no_supervisor(&house);
}

pub fn has_legs(house: &House, wanted: u8) {
    wait_for("a leg to come or to go", seconds(20), || {
        let legs = house.metric("switchgrid_rtp_legs");
        ((legs - f64::from(wanted)).abs() < 0.5).then_some(())
    });
}

fn the_recording_has_no_supervisor(house: &House) {
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(row["state"], "recorded", "{row}");
    let id = row["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    let agent = halves_with(&sides.right, &[AGENT], &[SUPERVISOR]);
    assert!(agent >= 2 * HALVES_MIN, "{agent} halves on the right are the agent alone");
    for (side, samples) in [("left", &sides.left), ("right", &sides.right)] {
        assert_eq!(halves_with(samples, &[SUPERVISOR], &[]), 0, "the supervisor is on the {side}");
    }
}
