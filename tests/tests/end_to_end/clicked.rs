//! A number on a screen becomes a call: the agent's phone, a baresip, rings first, and when it has
//! answered a carrier, played by SIPp, is called. Both hear each other, the recording has both, and the
//! warehouse has one call out.

use super::consulted::{ended, hears, talks_with};
use super::three_parties::{acts, only_call};
use super::trunks::{Carrier, answers, trunk_for_all};
use super::{agent, house};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::House;
use tests::peer::baresip::Manner;
use tests::peer::voice::Voice;
use tests::sound::sides;

/// Whom the agent calls, and what each of them says, in Hz.
const NUMBER: &str = "13900139000";
const CUSTOMER: u32 = 1_900;
const AGENT: u32 = 440;
const ALL: [u32; 2] = [CUSTOMER, AGENT];
/// How long they talk at least.
const PART: Duration = Duration::from_secs(5);

pub fn a_number_on_a_screen_rings_the_agent_and_then_the_customer_and_both_are_heard(
    backend: &str,
) {
    let house = house(backend, 1);
    let voice = Voice::start(f64::from(CUSTOMER));
    let mut carrier = Carrier::start(&house, "carrier", 1, &answers(Some(voice.port())));
    let trunk = trunk_for_all(&house, &carrier);
    let dial = |agent: &str| {
        house.post("/api/v1/calls", &json!({"agent": agent, "to": NUMBER, "first": "agent"}))
    };
    let (agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    let (status, body) = dial(&agent_id);
    assert_eq!((status, &body["recent"]), (201, &Value::Null), "{body}");
    let call = body["call"].as_str().expect("an id").to_owned();
    assert_eq!(talks_with(&house, &agent_id), call);
    // The same number once more is to be confirmed, and nobody rings.
    let (status, body) = dial(&agent_id);
    assert_eq!((status, &body["call"]), (200, &Value::Null), "{body}");
    let recent = &body["recent"];
    assert_eq!((&recent["agent"], &recent["live"]), (&json!(agent_id), &json!(true)), "{body}");
    std::thread::sleep(PART);
    assert_eq!(only_call(&house).expect("it goes on")["phase"], "talking");
    acts(&house, &call, &json!({"action": "hangup"}));
    carrier.finish(&house);

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(row["call_id"], call.as_str(), "{row}");
    assert_eq!(
        (&row["direction"], &row["outcome"], &row["agent_id"], &row["called"]),
        (&json!("outbound"), &json!("answered"), &json!(agent_id), &json!("+8613900139000")),
        "{row}\n{}",
        house.log()
    );
    assert_eq!(house.sql("SELECT count(*) AS n FROM calls"), [json!({"n": 1})]);
    let legs = house.sql("SELECT role FROM legs ORDER BY started_at, leg_id");
    assert_eq!(legs, [json!({"role": "agent"}), json!({"role": "customer"})], "the agent first");
    let legs = house.sql("SELECT role, trunk_id FROM legs WHERE trunk_id IS NOT NULL");
    assert_eq!(legs, [json!({"role": "customer", "trunk_id": trunk})]);
    let said = carrier.said();
    assert!(said.contains(&format!("INVITE sip:{NUMBER}@")), "{said}");
    assert!(said.contains(&format!("<sip:{}@", house.hotline)), "the hotline is shown: {said}");

    hears("the customer", &voice.finish().all(), &ALL, &[&[AGENT]]);
    hears("the agent", &ended(&agent_phone), &ALL, &[&[CUSTOMER]]);
    recorded(&house, &call);
}

fn recorded(house: &House, call: &str) {
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!((&row["state"], &row["call_id"]), (&json!("recorded"), &json!(call)), "{row}");
    let id = row["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    hears("the left", &sides.left, &ALL, &[&[CUSTOMER]]);
    hears("the right", &sides.right, &ALL, &[&[AGENT]]);
}
