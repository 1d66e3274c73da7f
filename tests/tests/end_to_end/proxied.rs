//! kamailio between the box and the world. Over it as a record-routing proxy a caller talks with an
//! agent, holds, goes on and is passed on; at it as a provider a trunk of the box registers with a
//! password and calls pass both ways. SIPp signals for those outside, whose voices and ears are on ports of
//! their own; baresips are the agents.

use super::consulted::{details, ended, hears, talks_with};
use super::gateways::trunk;
use super::own_keys::{DIRECT, audio_of, ends, number_of_the_agent};
use super::three_parties::acts;
use super::{agent, house, phone, seconds};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tests::house::{House, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::desk_phone::{grants, takes_a_call};
use tests::peer::device::{
    Device, EMPTY, KNOWN, heard_in, hears as answers, hears_answer, insists, pauses, request, says,
};
use tests::peer::kamailio::{Line, Proxy};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;

const DIALLED: &str = "sip:[service]@[remote_ip]:[remote_port]";
const FROM: &str = "From: <sip:13600136000@[local_ip]:[local_port]>";
const OUTSIDE: &str = "13900139000";
const PASSWORD: &str = "of-the-line-alone";
/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const COLLEAGUE: u32 = 1_000;
const ALL: [u32; 3] = [CALLER, AGENT, COLLEAGUE];
/// How long each part lasts at least.
const PART: Duration = Duration::from_secs(4);
const PART_MS: u32 = 4_000;
const HOLD_MS: u32 = 2_000;

/// A request within the call, over the proxies that the answer named.
fn inside(method: &str, number: u8, more: &str) -> String {
    request(method, "[next_url]", (FROM, KNOWN), number, &format!("[routes]\n{more}"))
}

fn offers(number: u8, description: &str) -> Vec<String> {
    let again = insists(&inside("INVITE", number, description));
    vec![again, answers(200), says(&inside("ACK", number, EMPTY))]
}

pub fn a_caller_over_a_proxy_holds_an_agent_goes_on_and_is_passed_on(backend: &str) {
    let house = house(backend, 1);
    let own = number_of_the_agent(&house);
    let (agent_phone, agent) = phone(&house, 0, AGENT, Manner::Answers);
    let (_colleague_phone, colleague) = phone(&house, 1, COLLEAGUE, Manner::Answers);
    assert_eq!(agent, own);
    let proxy = Proxy::start(house.sip, house.scratch());
    let voice = Voice::start(f64::from(CALLER));
    let to = format!("To: <{DIALLED}>");
    let steps = [
        vec![
            insists(&request("INVITE", DIALLED, (FROM, &to), 1, &audio_of(&voice, ""))),
            hears_answer(),
            says(&inside("ACK", 1, EMPTY)),
            pauses(PART_MS),
        ],
        offers(2, &audio_of(&voice, "\na=sendonly")),
        vec![pauses(HOLD_MS)],
        offers(3, &audio_of(&voice, "\na=sendrecv")),
        grants("BYE"),
    ];
    let mut caller = Device::calls_over(proxy.address, &house, "caller", DIRECT, &steps.concat());
    let call = talks_with(&house, &agent);
    wait_for("the caller to hold and go on", seconds(30), || {
        let last = |message: &String| {
            message.starts_with("SIP/2.0 200 ") && message.contains("CSeq: 3 INVITE")
        };
        caller.heard().iter().any(last).then_some(())
    });
    acts(&house, &call, &json!({"action": "transfer", "target": house.agents[1].user}));
    assert_eq!(talks_with(&house, &colleague), call, "the same call");
    std::thread::sleep(PART);
    ends(&house, &call);
    let said = caller.finish(&house);

    let there = heard_in(&said);
    let record = format!("Record-Route: <sip:{}", proxy.address);
    let answered = there.iter().find(|one| one.starts_with("SIP/2.0 200 ")).expect("an answer");
    assert!(answered.contains(&record), "{answered}");
    let bye = there.iter().find(|message| message.starts_with("BYE ")).expect("a BYE");
    let via = bye.lines().find(|line| line.starts_with("Via: ")).expect("a Via");
    assert!(via.contains(&proxy.address.to_string()), "the end came over the proxy: {bye}");
    let held =
        there.iter().find(|one| one.contains("CSeq: 2 INVITE") && one.contains("a=recvonly"));
    assert!(held.is_some(), "{there:#?}");
    let passed_on = details(&house, "transferred");
    assert_eq!(passed_on.len(), 1, "{passed_on:?}");
    assert_eq!(passed_on[0]["kind"], "blind", "{passed_on:?}");

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(
        (&row["outcome"], &row["agent_id"], &row["last_agent_id"], &row["transfers"]),
        (&json!("answered"), &json!(agent), &json!(colleague), &json!(1)),
        "{row}\n{}",
        house.log()
    );
    hears("the caller", &voice.finish().all(), &ALL, &[&[AGENT], &[COLLEAGUE]]);
    hears("the agent", &ended(&agent_phone), &ALL, &[&[CALLER]]);
}

pub fn a_trunk_registers_at_a_provider_with_a_password_and_calls_pass_both_ways(backend: &str) {
    let house = house(backend, 1);
    let own = number_of_the_agent(&house);
    let (agent_phone, agent) = agent(&house, 0, AGENT, Manner::Answers);
    assert_eq!(agent, own);
    let called = Voice::start(f64::from(COLLEAGUE));
    let steps = [takes_a_call(200, &audio_of(&called, "")), grants("BYE")];
    let mut outside = Device::awaits(&house, "outside", 1, &steps.concat());
    let there = SocketAddr::from(([127, 0, 0, 1], outside.port()));
    let line = Line { user: DIRECT, password: PASSWORD, outside: there };
    let provider = Proxy::provider(line, house.scratch());
    let port = provider.address.port();
    let registers =
        json!({"outbound_user": DIRECT, "outbound_password": PASSWORD, "register": true});
    let id = trunk(&house, "line", port, &registers);
    wait_for("the registration", seconds(20), || is_registered(&house, &id).then_some(()));

    // Who calls the line at the provider reaches the box where it registered.
    let voice = Voice::start(f64::from(CALLER));
    let mut caller = Caller::new("13500135000", DIRECT, vec![Act::WaitForBye]);
    caller.media_port = Some(voice.port());
    let caller = caller.call(provider.address, house.scratch());
    let call = talks_with(&house, &agent);
    std::thread::sleep(PART);
    ends(&house, &call);
    caller.finish();
    hears("the caller", &voice.finish().all(), &ALL, &[&[AGENT]]);

    let dial = json!({"agent": agent, "to": OUTSIDE, "first": "agent"});
    let (status, body) = house.post("/api/v1/calls", &dial);
    assert_eq!(status, 201, "{body}");
    let out = talks_with(&house, &agent);
    std::thread::sleep(PART);
    ends(&house, &out);
    let said = heard_in(&outside.finish(&house));
    let invite = said.iter().find(|message| message.starts_with("INVITE ")).expect("a call");
    assert!(invite.starts_with(&format!("INVITE sip:{OUTSIDE}@")), "{invite}");
    assert!(invite.contains(&format!("Record-Route: <sip:{}", provider.address)), "{invite}");
    assert!(!invite.contains("Proxy-Authorization"), "the provider keeps the proof: {invite}");
    hears("who was called", &called.finish().all(), &ALL, &[&[AGENT]]);

    let row = house.wait_row("SELECT * FROM calls WHERE direction = 'outbound'");
    assert_eq!(row["outcome"], "answered", "{row}\n{}", house.log());
    let legs =
        house.sql("SELECT trunk_id FROM legs WHERE trunk_id IS NOT NULL AND role = 'customer'");
    assert!(legs.contains(&json!({"trunk_id": id})), "{legs:?}");
    let heard = ended(&agent_phone);
    hears("the agent", &heard, &ALL, &[&[CALLER]]);
}

fn is_registered(house: &House, trunk: &str) -> bool {
    let live = house.json("/api/v1/trunks/live");
    let found = live.as_array().and_then(|all| all.iter().find(|one| one["id"] == trunk));
    found.is_some_and(|ours| ours["registered"] == true)
}
