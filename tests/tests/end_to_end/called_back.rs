//! A caller waits where no agent is, presses the key, and the line is free. When an agent has come and
//! accepts, a carrier gets the call to the caller's number, and both talk. SIPp signals for the caller
//! and for the carrier, whose voices and ears are on ports of their own; the agent is a baresip.

use super::consulted::{details, ended, hears, talks_with};
use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use super::trunks::{Carrier, answers, trunk_for_all};
use super::{agent, house, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;

/// Who calls, and is called back.
const CUSTOMER: &str = "13500135000";
/// The key that they press.
const KEY: u8 = 5;
/// What each of them says, in Hz: the customer before and when they are called back.
const BEFORE: u32 = 1_000;
const CALLED: u32 = 1_900;
const AGENT: u32 = 440;
const ALL: [u32; 3] = [BEFORE, CALLED, AGENT];
/// How long they talk at least.
const PART: Duration = Duration::from_secs(5);

pub fn who_asks_to_be_called_back_is_called_when_an_agent_has_come_and_accepts(backend: &str) {
    let house = house(backend, 1);
    calls_back(&house);
    let called = Voice::start(f64::from(CALLED));
    let mut carrier = Carrier::start(&house, "carrier", 1, &answers(Some(called.port())));
    let trunk = trunk_for_all(&house, &carrier);
    // Who reaches it finds all that was set before.
    number_of_the_queue(&house);
    asks_to_be_called_back(&house);
    let waiting = callbacks(&house);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let one = &waiting[0];
    assert_eq!(
        (&one["number"], &one["first"], &one["tries"], &one["position"]),
        (&json!("+8613500135000"), &json!("agent"), &json!(0), &json!(1)),
        "{one}"
    );
    let id = one["id"].as_str().expect("an id").to_owned();
    assert!(!carrier.said().contains("INVITE sip:"), "nobody has accepted yet");

    let (agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    assert_eq!(talks_with(&house, &agent_id), id, "the call bears the callback's id");
    assert!(callbacks(&house).is_empty());
    std::thread::sleep(PART);
    // The agent hangs up, and who asks the customer for satisfaction is ended too.
    acts(&house, &id, &json!({"action": "hangup"}));
    acts(&house, &id, &json!({"action": "hangup"}));
    carrier.finish(&house);

    let row = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{id}'"));
    assert_eq!(
        (&row["direction"], &row["outcome"], &row["agent_id"], &row["called"]),
        (&json!("outbound"), &json!("answered"), &json!(agent_id), &json!("+8613500135000")),
        "{row}\n{}",
        house.log()
    );
    rows_balance(&house, &row);
    let steps: Vec<Value> =
        details(&house, "callback").into_iter().map(|step| step["what"].clone()).collect();
    let expected = [
        json!({"asked": {"number": "+8613500135000", "first": "agent"}}),
        json!({"tried": {"attempt": 1}}),
        json!({"ended": {"end": "reached"}}),
    ];
    assert_eq!(steps, expected);
    let legs = house.sql(&format!("SELECT call_id FROM legs WHERE trunk_id = '{trunk}'"));
    assert_eq!(legs, [json!({"call_id": id})], "they are called once");
    let said = carrier.said();
    assert!(said.contains(&format!("INVITE sip:{CUSTOMER}@")), "{said}");

    hears("the customer", &called.finish().all(), &ALL, &[&[AGENT]]);
    hears("the agent", &ended(&agent_phone), &ALL, &[&[CALLED]]);
}

/// Lets callers of the first queue be called back, the agent first.
fn calls_back(house: &House) {
    let queues = house.json("/api/v1/queues");
    let queue = queues[0]["id"].as_str().expect("the first queue");
    let callback = json!({"key": KEY.to_string(), "first": "agent"});
    let settings = json!({"name": queues[0]["name"], "callback": callback});
    let (status, body) = house.put_json(&format!("/api/v1/queues/{queue}"), &settings);
    assert_eq!(status, 200, "{body}");
}

/// The caller presses the key, hears that they will be called, and is hung up on.
fn asks_to_be_called_back(house: &House) {
    let voice = Voice::start(f64::from(BEFORE));
    let mut caller = Caller::new(CUSTOMER, NUMBER, vec![Act::WaitForBye]);
    caller.media_port = Some(voice.port());
    let caller = caller.call(house.sip, house.scratch());
    wait_for("the caller to wait and to hear music", seconds(20), || {
        (only_call(house)?["phase"] == "waiting" && voice.has_heard()).then_some(())
    });
    voice.press(KEY);
    caller.finish();
    voice.finish();
    let row = house.wait_row("SELECT outcome FROM queue_visits");
    assert_eq!(row["outcome"], "callback_queued", "{row}\n{}", house.log());
}

fn callbacks(house: &House) -> Vec<Value> {
    house.json("/api/v1/callbacks").as_array().expect("a list").clone()
}

/// Two calls of one contact, a stay of each, and nobody who waits still.
fn rows_balance(house: &House, out: &Value) {
    let came = house.wait_row("SELECT * FROM calls WHERE direction = 'inbound'");
    assert_eq!(
        (&came["outcome"], &came["contact_id"]),
        (&json!("ivr_only"), &out["contact_id"]),
        "{came}"
    );
    assert_eq!(house.sql("SELECT count(*) AS n FROM calls"), [json!({"n": 2})]);
    let stays = house.sql("SELECT outcome, call_id FROM queue_visits ORDER BY outcome");
    let stay =
        |outcome: &str, call: &Value| json!({"outcome": outcome, "call_id": call["call_id"]});
    assert_eq!(stays, [stay("answered", out), stay("callback_queued", &came)]);
    let live = house.json("/api/v1/live");
    assert_eq!(live["queues"][0]["waiting"], 0, "{live}");
}
