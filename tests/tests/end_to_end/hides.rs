//! Published numbers that stand for somebody. Two who have a leased number between them reach each
//! other by it, a number leased for one leads to them and back to who called last, and nobody sees
//! another's own number. Who calls back the number that an agent's call showed reaches that agent. SIPp is
//! the carrier, baresips are the callers and the agent; each says a tone.

use super::consulted::{ended, hears, talks_with};
use super::own_keys::ends;
use super::three_parties::only_call;
use super::trunks::{Carrier, answers, trunk_for_all};
use super::{agent, house, seconds};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use terms::Timestamp;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::peer::device::heard_in;
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;

/// Two who hide from each other, one more, and whom an agent calls.
const COURIER: &str = "13800138001";
const CUSTOMER: &str = "13800138002";
const STRANGER: &str = "13700137000";
const CALLED: &str = "13900139000";
/// A second published number.
const OTHER: &str = "95105677";
/// What who calls, who is called and the agent say, in Hz.
const CALLING: u32 = 1_900;
const THERE: u32 = 1_000;
const AGENT: u32 = 440;
const ALL: [u32; 3] = [CALLING, THERE, AGENT];
/// How long each conversation lasts at least.
const PART: Duration = Duration::from_secs(4);

pub fn each_side_of_a_lease_reaches_the_other_and_sees_the_published_number_alone(backend: &str) {
    let house = house(backend, 1);
    let voice = Voice::start(f64::from(THERE));
    let mut carrier = Carrier::start(&house, "carrier", 4, &answers(Some(voice.port())));
    shows_both(&house, &carrier);
    let hotline = house.hotline.as_str();
    leases(&house, &json!({"kind": "axb", "number": hotline, "a": COURIER, "b": CUSTOMER}));
    talks(&house, COURIER, hotline);
    talks(&house, CUSTOMER, hotline);
    // Whoever calls the other one reaches the courier, who reaches them by it.
    leases(&house, &json!({"kind": "ax", "number": OTHER, "a": COURIER}));
    talks(&house, STRANGER, OTHER);
    talks(&house, COURIER, OTHER);
    carrier.finish(&house);

    let mut invites = heard_in(&carrier.said());
    invites.retain(|message| message.starts_with("INVITE "));
    invites.dedup();
    let ways = [
        (CUSTOMER, hotline, [COURIER, STRANGER]),
        (COURIER, hotline, [CUSTOMER, STRANGER]),
        (COURIER, OTHER, [CUSTOMER, STRANGER]),
        (STRANGER, OTHER, [COURIER, CUSTOMER]),
    ];
    assert_eq!(invites.len(), ways.len(), "{invites:#?}");
    for (invite, (called, shown, hidden)) in invites.iter().zip(ways) {
        assert!(invite.starts_with(&format!("INVITE sip:{called}@")), "{invite}");
        assert!(invite.contains(&format!("<sip:{shown}@")), "{invite}");
        assert!(hidden.iter().all(|number| !invite.contains(number)), "{hidden:?}: {invite}");
    }
    let answered = "SELECT count(*) AS n FROM calls WHERE outcome = 'answered'";
    assert_eq!(house.sql(answered), [json!({"n": 4})], "{}", house.log());
    let files = house.sql("SELECT count(*) AS n FROM recordings WHERE path IS NOT NULL");
    assert_eq!(files, [json!({"n": 0})], "without `record` nothing is recorded");
    hears("who was called", &voice.finish().all(), &ALL, &[&[CALLING]]);
}

/// Another number of ours beside the hotline, and a trunk that may show both.
fn shows_both(house: &House, carrier: &Carrier) {
    let number = json!({"digits": OTHER, "target": "hangup"});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
    let draft = json!({
        "name": "carrier", "proxy": format!("sip:127.0.0.1:{};transport=udp", carrier.port()),
        "prefixes": [""], "caller_number": house.hotline, "caller_numbers": [OTHER],
        "codecs": ["PCMA"],
    });
    let (status, body) = house.post("/api/v1/trunks", &draft);
    assert_eq!(status, 201, "{body}");
}

/// Leases a number for an hour.
fn leases(house: &House, lease: &Value) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let until = Timestamp::from_secs(i64::try_from(now.as_secs()).expect("seconds") + 3_600);
    let mut draft = lease.clone();
    draft["until"] = json!(until.to_string());
    let (status, body) = house.post("/api/v1/leases", &draft);
    assert_eq!(status, 201, "{body}");
}

/// Who calls the leased number hears the one who is called.
fn talks(house: &House, from: &str, number: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let caller = Phone::dials(house.sip, from, number, CALLING, Audio::Plain, folder.path());
    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(house)?;
        (call["phase"] == "talking").then(|| call["call"].as_str().map(str::to_owned))?
    });
    std::thread::sleep(PART);
    ends(house, &call);
    hears(from, &ended(&caller), &ALL, &[&[THERE]]);
    house.wait_row(&format!("SELECT call_id FROM calls WHERE call_id = '{call}'"));
}

pub fn who_calls_back_reaches_the_agent_who_called_and_not_the_flow(backend: &str) {
    let house = house(backend, 1);
    let voice = Voice::start(f64::from(THERE));
    let mut carrier = Carrier::start(&house, "carrier", 1, &answers(Some(voice.port())));
    trunk_for_all(&house, &carrier);
    let (_phone, agent) = agent(&house, 0, AGENT, Manner::Answers);
    let dial = json!({"agent": agent, "to": CALLED, "first": "agent"});
    let (status, body) = house.post("/api/v1/calls", &dial);
    assert_eq!(status, 201, "{body}");
    let out = talks_with(&house, &agent);
    std::thread::sleep(seconds(2));
    ends(&house, &out);
    carrier.finish(&house);
    voice.finish();

    let (status, body) = house.put_json("/api/v1/trace-back", &json!({"wait_s": 60}));
    assert_eq!(status, 200, "{body}");
    let caller =
        Phone::dials(house.sip, CALLED, &house.hotline, CALLING, Audio::Plain, house.scratch());
    let back = talks_with(&house, &agent);
    assert_ne!(back, out, "another call");
    std::thread::sleep(PART);
    ends(&house, &back);
    hears("who called back", &ended(&caller), &ALL, &[&[AGENT]]);
    let row = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{back}'"));
    assert_eq!(
        (&row["direction"], &row["outcome"], &row["agent_id"]),
        (&json!("inbound"), &json!("answered"), &json!(agent)),
        "{row}\n{}",
        house.log()
    );
    let returns = house.json(&format!("/api/v1/calls/{back}/routing"))["returns"].clone();
    let rings = returns.as_array().expect("a list").last().expect("they were called back").clone();
    assert_eq!(
        (&rings["what"], &rings["agent"], &rings["called_by"], &rings["found"]),
        (&json!("rings"), &json!(agent), &json!(out), &json!("answered")),
        "{returns}"
    );

    // Where what answers the number comes first, the flow does.
    let not_at = json!({"wait_s": 60, "not_at": [house.hotline]});
    let (status, body) = house.put_json("/api/v1/trace-back", &not_at);
    assert_eq!(status, 200, "{body}");
    let acts = vec![Act::Pause(seconds(2)), Act::HangUp];
    Caller::new(CALLED, &house.hotline, acts).call(house.sip, house.scratch()).finish();
    let third =
        format!("SELECT agent_id FROM calls WHERE direction = 'inbound' AND call_id <> '{back}'");
    assert_eq!(house.wait_row(&third)["agent_id"], Value::Null);
}
