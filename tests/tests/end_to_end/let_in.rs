//! Who is let in, and what everybody hears first: a blocked caller is refused as the list says, a VIP is
//! let in all the same, who is on the white list goes past the flow, and an emergency plan says its
//! announcement from the moment it is switched on until it is switched off. SIPp calls.

use super::consulted::talks_with;
use super::own_keys::{ends, number_of_the_agent};
use super::{house, phone, seconds};
use serde_json::{Value, json};
use tests::house::House;
use tests::peer::baresip::Manner;
use tests::peer::device::{Device, ack_of_refusal, describes, hears, insists, request, says};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::sound::{halves_with, mono_wav, tone};

const DIALLED: &str = "sip:[service]@[remote_ip]:[remote_port]";
const NUISANCE: &str = "13800138000";
const LISTED: &str = "13900139000";
/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const ANNOUNCED: u32 = 1_000;
/// Seconds of the announcement, and half seconds that a caller has to hear of it.
const LONG: u32 = 4;
const HALVES_MIN: usize = 5;

fn posts(house: &House, path: &str, body: &Value) {
    let (status, answer) = house.post(path, body);
    assert_eq!(status, 201, "{path}: {answer}");
}

/// Who calls the hotline from this number is answered, and hangs up.
fn is_let_in(house: &House, from: &str) {
    let acts = vec![Act::Pause(seconds(2)), Act::HangUp];
    Caller::new(from, &house.hotline, acts).call(house.sip, house.scratch()).finish();
}

/// The nuisance calls the hotline and gets this status.
fn is_refused(house: &House, name: &str, status: u16) {
    let from = format!("From: <sip:{NUISANCE}@[local_ip]:[local_port]>");
    let to = format!("To: <{DIALLED}>");
    let audio = describes("m=audio [auto_media_port] RTP/AVP 8\na=rtpmap:8 PCMA/8000");
    let steps = [
        insists(&request("INVITE", DIALLED, (&from, &to), 1, &audio)),
        hears(status),
        says(&ack_of_refusal(DIALLED, &from, 1)),
    ];
    Device::calls(house, name, &house.hotline, &steps).finish(house);
}

pub fn a_blocked_caller_is_refused_as_the_list_says_and_a_vip_is_let_in(backend: &str) {
    let house = house(backend, 1);
    let agent = number_of_the_agent(&house);
    let (_phone, registered) = phone(&house, 0, AGENT, Manner::Answers);
    assert_eq!(registered, agent);
    is_let_in(&house, NUISANCE);
    let block = |treatment: &str| json!({"number": NUISANCE, "days": 1, "treatment": treatment});
    posts(&house, "/api/v1/blocked", &block("busy"));
    is_refused(&house, "busy", 486);
    posts(&house, "/api/v1/blocked", &block("hang_up"));
    is_refused(&house, "hung-up", 603);
    is_let_in(&house, "13600136000");
    let card = json!({"number": NUISANCE, "name": "王女士", "vip": true});
    let (status, body) = house.put_json("/api/v1/customers", &card);
    assert_eq!(status, 200, "{body}");
    is_let_in(&house, NUISANCE);

    // Past the flow, straight to the agent.
    let allow = json!({"number": LISTED, "target": {"agent": agent}});
    posts(&house, "/api/v1/allowed", &allow);
    let voice = Voice::start(f64::from(CALLER));
    let mut caller = Caller::new(LISTED, &house.hotline, vec![Act::WaitForBye]);
    caller.media_port = Some(voice.port());
    let caller = caller.call(house.sip, house.scratch());
    let call = talks_with(&house, &agent);
    std::thread::sleep(seconds(3));
    ends(&house, &call);
    caller.finish();
    let halves = halves_with(&voice.finish().all(), &[AGENT], &[CALLER]);
    assert!(halves >= 4, "the listed caller heard the agent for {halves} halves");

    house.wait_row(&format!("SELECT call_id FROM calls WHERE caller = '+86{LISTED}'"));
    let outcomes = house.sql(&format!(
        "SELECT outcome, count(*) AS n FROM calls WHERE caller = '+86{NUISANCE}' \
         GROUP BY outcome ORDER BY n DESC, outcome"
    ));
    assert!(outcomes.contains(&json!({"outcome": "refused", "n": 2})), "{outcomes:?}");
    let let_in: i64 = outcomes
        .iter()
        .filter(|row| row["outcome"] != "refused")
        .filter_map(|row| row["n"].as_i64())
        .sum();
    assert_eq!(let_in, 2, "before it was blocked and as a VIP: {outcomes:?}");
}

pub fn an_emergency_says_its_announcement_first_from_on_to_off(backend: &str) {
    let house = house(backend, 1);
    let file = mono_wav(&tone(ANNOUNCED, LONG));
    let (status, body) = house.put("/api/v1/prompts/zh-CN/storm_notice", "audio/wav", file);
    assert_eq!(status, 201, "{body}");
    let plan = json!({"announcement": "storm_notice", "checklist": ["call the control room"]});
    let (status, body) = house.put_json("/api/v1/emergency/storm", &plan);
    assert_eq!(status, 200, "{body}");

    assert_eq!(announced(&house, "13500135001"), 0, "it is only prepared");
    switch(&house, "on");
    // Who switches twice changes nothing.
    switch(&house, "on");
    let halves = announced(&house, "13500135002");
    assert!(halves >= HALVES_MIN, "{halves} halves of the announcement");
    switch(&house, "off");
    assert_eq!(announced(&house, "13500135003"), 0, "it is over");

    let plans = house.json("/api/v1/emergency");
    assert_eq!(plans.as_array().map(Vec::len), Some(1), "{plans}");
    let audit = house.json("/api/v1/audit");
    let actions: Vec<&str> = audit
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["action"].as_str())
        .filter(|action| ["emergency.on", "emergency.off"].contains(action))
        .collect();
    assert_eq!(actions, ["emergency.off", "emergency.on"], "the latest first");
    let calls = "SELECT n FROM (SELECT count(*) AS n FROM calls) AS counted WHERE n = 3";
    house.wait_row(calls);
}

fn switch(house: &House, which: &str) {
    let (status, body) = house.post(&format!("/api/v1/emergency/storm/{which}"), &Value::Null);
    assert_eq!(status, 200, "{body}");
}

/// Half seconds of the announcement that who calls the hotline from this number hears.
fn announced(house: &House, from: &str) -> usize {
    let voice = Voice::start(f64::from(CALLER));
    let mut caller = Caller::new(from, &house.hotline, vec![Act::Pause(seconds(6)), Act::HangUp]);
    caller.media_port = Some(voice.port());
    caller.call(house.sip, house.scratch()).finish();
    let heard = voice.finish().all();
    assert!(heard.len() > 16_000, "{from} heard {} samples", heard.len());
    halves_with(&heard, &[ANNOUNCED], &[])
}
