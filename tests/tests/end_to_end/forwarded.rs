//! Who calls an agent's number reaches the agent, the colleague to whom a busy agent forwards while they
//! are not to be disturbed, and the colleague to whom all is forwarded. SIPp signals for the callers,
//! two baresips are the agents' phones and say a tone each.

use super::consulted::{ended, talks_with};
use super::own_keys::{DIRECT, ends, number_of_the_agent};
use super::{house, phone, seconds};
use serde_json::{Value, json};
use tests::house::House;
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::sound::halves_with;

/// What each of them says, in Hz.
const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const COLLEAGUE: u32 = 1_000;
/// Half seconds that a caller has to hear of who took the call.
const HALVES_MIN: usize = 4;

pub fn calls_go_to_a_colleague_while_an_agent_is_not_to_be_disturbed_or_forwards_all(
    backend: &str,
) {
    let house = house(backend, 1);
    let own = number_of_the_agent(&house);
    let (agent_phone, agent) = phone(&house, 0, AGENT, Manner::Answers);
    let (_colleague_phone, colleague) = phone(&house, 1, COLLEAGUE, Manner::Answers);
    assert_eq!(agent, own);
    let to = house.agents[1].user.as_str();
    forwards(&house, &agent, &json!({"busy": to}));
    reaches(&house, "13500135001", &agent, AGENT, COLLEAGUE);
    let heard = ended(&agent_phone).len();

    disturb(&house, &agent, false);
    reaches(&house, "13500135002", &colleague, COLLEAGUE, AGENT);
    disturb(&house, &agent, true);
    forwards(&house, &agent, &json!({"always": to}));
    reaches(&house, "13500135003", &colleague, COLLEAGUE, AGENT);
    assert_eq!(agent_phone.heard().len(), heard, "the agent's phone was in the first call alone");
    forwards(&house, &agent, &json!({}));
    reaches(&house, "13500135004", &agent, AGENT, COLLEAGUE);

    let rows = house.sql("SELECT caller, outcome, last_agent_id FROM calls ORDER BY caller");
    let row = |n: u8, agent: &str| json!({"caller": format!("+861350013500{n}"), "outcome": "answered", "last_agent_id": agent});
    let by_turns = [row(1, &agent), row(2, &colleague), row(3, &colleague), row(4, &agent)];
    assert_eq!(rows, by_turns, "{}", house.log());
    let forwarded = house.sql("SELECT count(*) AS n FROM events WHERE kind = 'forwarded'");
    assert_eq!(forwarded, [json!({"n": 2})]);
}

/// Sets what the agent forwards.
fn forwards(house: &House, agent: &str, forwarding: &Value) {
    let path = format!("/api/v1/agents/{agent}/forwarding");
    let (status, body) = house.put_json(&path, forwarding);
    assert_eq!(status, 204, "{body}");
}

/// The agent may be disturbed, or not.
fn disturb(house: &House, agent: &str, may: bool) {
    let action = json!({"action": "do_not_disturb", "on": !may});
    let (status, body) = house.post(&format!("/api/v1/agents/{agent}/state"), &action);
    assert_eq!(status, 204, "{body}");
}

/// Who calls from this number talks with this agent, and hears their tone and not the other's.
fn reaches(house: &House, from: &str, agent: &str, hz: u32, other: u32) {
    let voice = Voice::start(f64::from(CALLER));
    let mut caller = Caller::new(from, DIRECT, vec![Act::WaitForBye]);
    caller.media_port = Some(voice.port());
    let caller = caller.call(house.sip, house.scratch());
    let call = talks_with(house, agent);
    std::thread::sleep(seconds(3));
    ends(house, &call);
    caller.finish();
    let heard = voice.finish().all();
    let halves = halves_with(&heard, &[hz], &[other]);
    assert!(halves >= HALVES_MIN, "{from} heard {hz} Hz for {halves} halves");
    assert_eq!(halves_with(&heard, &[other], &[]), 0, "{from} heard {other} Hz");
    house.wait_row(&format!("SELECT call_id FROM calls WHERE caller = '+86{from}'"));
}
