//! A caller is led into an area: its field worker does not answer, nor does the substitute, and an agent
//! of the queue behind them does. Where nobody is there at all the caller is asked for a message. Nobody
//! is lost, and no phone rings twice. Baresips are the workers' phones and the agent's, SIPp calls.

use super::consulted::{hears, talks_with};
use super::own_keys::ends;
use super::{agent, house, phone, seconds};
use serde_json::{Value, json};
use tests::house::{House, wait_for};
use tests::peer::baresip::{Manner, Phone};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::seat::is_registered;

const NUMBER: &str = "95105690";
/// The worker's phone.
const EXTENSION: &str = "1003";
/// What each of them says, in Hz: the caller, the worker, the substitute and the agent.
const CALLER: u32 = 1_900;
const WORKER: u32 = 700;
const SUBSTITUTE: u32 = 1_000;
const AGENT: u32 = 440;
const ALL: [u32; 4] = [CALLER, WORKER, SUBSTITUTE, AGENT];

pub fn who_finds_neither_worker_nor_substitute_has_an_agent_or_leaves_a_message(backend: &str) {
    let house = house(backend, 1);
    let worker_phone = phone_of_the_worker(&house);
    let (substitute_phone, _) = phone(&house, 1, SUBSTITUTE, Manner::RingsTraced);
    let (_agent_phone, agent_id) = agent(&house, 0, AGENT, Manner::Answers);
    let [worker, substitute] = area(&house);
    let voice = Voice::start(f64::from(CALLER));
    let mut caller = Caller::new("13500135000", NUMBER, vec![Act::WaitForBye]);
    caller.media_port = Some(voice.port());
    let caller = caller.call(house.sip, house.scratch());
    let call = answered_by(&house, &agent_id);
    std::thread::sleep(seconds(4));
    ends(&house, &call);
    caller.finish();

    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(
        (&row["outcome"], &row["agent_id"]),
        (&json!("answered"), &json!(agent_id)),
        "{row}\n{}",
        house.log()
    );
    let expected = [
        json!(["worker", worker, "no_answer"]),
        json!(["substitute", substitute, "no_answer"]),
        json!(["queue", null, "answered"]),
    ];
    assert_eq!(hops(&house, &call), expected);
    for (who, phone) in [("worker", &worker_phone), ("substitute", &substitute_phone)] {
        let log = phone.log();
        assert!(log.contains("SIP/2.0 180"), "the {who}'s phone rang: {log}");
        assert!(phone.heard().is_empty(), "the {who} heard nobody");
    }
    hears("the caller", &voice.finish().all(), &ALL, &[&[AGENT]]);

    // The agent has gone, and so have both phones: the caller is asked for a message.
    drop((worker_phone, substitute_phone));
    let out = json!({"action": "sign_out"});
    let (status, body) = house.post(&format!("/api/v1/agents/{agent_id}/state"), &out);
    assert_eq!(status, 204, "{body}");
    // However long the others ring, they speak after the tone too.
    let speaks = [Act::Pause(seconds(9)), Act::Speak];
    let ends = [Act::Pause(seconds(4)), Act::HangUp];
    let acts = [&speaks[..], &speaks[..], &speaks[..], &ends[..]].concat();
    Caller::new("13600136000", NUMBER, acts).call(house.sip, house.scratch()).finish();
    let lost = house.wait_row("SELECT * FROM calls WHERE caller = '+8613600136000'");
    assert_eq!(lost["outcome"], "voicemail", "{lost}\n{}", house.log());
    let hops = hops(&house, lost["call_id"].as_str().expect("an id"));
    let last = hops.last().expect("they were led on");
    assert_eq!((&last[0], &last[2]), (&json!("voicemail"), &json!("message")), "{hops:?}");
    let message = "SELECT kind FROM recordings WHERE kind = 'voicemail' AND path IS NOT NULL";
    house.wait_row(message);
}

/// The worker's extension, where somebody has a phone and does not answer it.
fn phone_of_the_worker(house: &House) -> Phone {
    let draft = json!({"number": EXTENSION, "name": "李师傅"});
    let (status, body) = house.post("/api/v1/agents", &draft);
    assert_eq!(status, 201, "{body}");
    let word = |key: &str| body[key].as_str().unwrap_or_else(|| panic!("{key}")).to_owned();
    let (id, password) = (word("id"), word("password"));
    let manner = Manner::RingsTraced;
    let phone = Phone::start(house.sip, EXTENSION, &password, WORKER, manner, house.scratch());
    wait_for("the phone to register", seconds(20), || is_registered(house, &id).then_some(()));
    phone
}

/// The caller waits for two phones that ring first.
fn answered_by(house: &House, agent: &str) -> String {
    std::thread::sleep(seconds(8));
    talks_with(house, agent)
}

/// Who was tried, which worker that was, and how it ended.
fn hops(house: &House, call: &str) -> Vec<Value> {
    let routing = house.json(&format!("/api/v1/calls/{call}/routing"));
    let hops = routing["hops"].as_array().expect("a list");
    hops.iter().map(|hop| json!([hop["hop"], hop["worker"], hop["end"]])).collect()
}

/// An area of one worker and a substitute before the first queue, whose flow answers a number; the two.
fn area(house: &House) -> [String; 2] {
    let queues = house.json("/api/v1/queues");
    let queue = queues[0]["id"].as_str().expect("the first queue");
    // Nobody waits long in it.
    let settings = json!({"name": queues[0]["name"], "wait_max_s": 5, "survey": false});
    let (status, body) = house.put_json(&format!("/api/v1/queues/{queue}"), &settings);
    assert_eq!(status, 200, "{body}");
    let substitute =
        made(house, "workers", &json!({"name": "王师傅", "phone": house.agents[1].user}));
    let draft = json!({"name": "李师傅", "phone": EXTENSION, "substitute": substitute});
    let worker = made(house, "workers", &draft);
    let draft = json!({"code": "020-1", "name": "城北片区", "workers": [worker], "queue": queue,
        "ring_s": 5});
    made(house, "areas", &draft);
    let document = json!({"format": 1, "start": "area", "steps": {
        "area": {"kind": "area", "by": "code", "code": "020-1", "unknown": "bye"},
        "bye": {"kind": "hangup"}}});
    let flow = made(house, "flows", &json!({"name": "grid", "document": document}));
    made(house, &format!("flows/{flow}/publish"), &json!({"revision": 1}));
    made(house, "numbers", &json!({"digits": NUMBER, "target": {"flow": flow}}));
    [worker, substitute]
}

/// Makes one of these; its id, where it has one.
fn made(house: &House, what: &str, draft: &Value) -> String {
    let (status, body) = house.post(&format!("/api/v1/{what}"), draft);
    assert_eq!(status, 201, "{what}: {body}");
    body["id"].as_str().unwrap_or_default().to_owned()
}
