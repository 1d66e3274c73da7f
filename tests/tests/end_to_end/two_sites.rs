//! Two boxes of one tenant on one machine, a trunk between them: an extension at one dials a short
//! number of the other, and a caller of one is led to the front door of the other, or passed on to
//! a phone there. Who calls is seen there, and both hear each other. When the other box is gone,
//! the one goes on alone.

use super::consulted::{details, ended, hears, talks_with};
use super::own_keys::{DIRECT, ends, number_of_the_agent};
use super::three_parties::{NUMBER as OF_THE_QUEUE, acts, number_of_the_queue, only_call};
use super::{house_of_callers, phone, seconds};
use serde_json::{Value, json};
use std::time::Duration;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::peer::sipp::{Act, Caller};
use tests::seat::{is_registered, sign_in};
use tests::sound::halves_with;

/// A phone of the second box, and the number of the first that leads to the second.
const SHORT: &str = "8205";
const NUMBER: &str = "95105677";
/// What each of them says, in Hz.
const NEAR: u32 = 440;
const FAR: u32 = 1_900;
const CUSTOMER: u32 = 700;
const ALL: [u32; 3] = [NEAR, FAR, CUSTOMER];
/// How long they talk at least.
const PART: Duration = Duration::from_secs(5);
/// Half seconds that each has to hear of the other.
const HALVES_MIN: usize = 5;

pub fn an_extension_dials_a_phone_at_another_box_and_a_caller_is_led_there(backend: &str) {
    let near = house_of_callers(backend);
    // Everything here has one address: without the trunk of callers what comes from it is the other box.
    let far = House::start(Options {
        backend: backend.into(),
        config: "trunk_sources = []\n".into(),
        ..Options::default()
    });
    let far_phone = phone_at(&far);
    let site = join(&near, &far);
    let (near_phone, _) = phone(&near, 0, NEAR, Manner::Calls);
    near_phone.calls(near.sip, SHORT);
    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(&near)?;
        (call["phase"] == "talking").then(|| call["call"].as_str().map(str::to_owned))?
    });
    std::thread::sleep(PART);
    acts(&near, &call, &json!({"action": "hangup"}));
    for (who, phone, own, other) in
        [("near", &near_phone, NEAR, FAR), ("far", &far_phone, FAR, NEAR)]
    {
        let halves = halves_with(&ended(phone), &[other], &[own]);
        assert!(halves >= HALVES_MIN, "{who} heard the other for {halves} halves");
    }
    let extension = near.agents[0].user.as_str();
    let row = far.wait_row("SELECT caller, outcome FROM calls");
    assert_eq!(
        (&row["caller"], &row["outcome"]),
        (&json!(extension), &json!("answered")),
        "{row}\n{}",
        far.log()
    );
    let row = near.wait_row("SELECT outcome FROM calls");
    assert_eq!(row["outcome"], "answered", "{row}\n{}", near.log());

    let number = json!({"digits": NUMBER, "target": {"site": site}});
    made(&near, "/api/v1/numbers", &number);
    let caller = Caller::new("13500135000", NUMBER, vec![Act::Pause(seconds(2)), Act::HangUp]);
    caller.call(near.sip, near.scratch()).finish();
    let led = format!("SELECT called FROM calls WHERE called = '{}'", far.hotline);
    far.wait_row(&led);
}

pub fn a_caller_is_passed_on_to_another_site_and_the_near_one_answers_when_that_is_gone(
    backend: &str,
) {
    let near = house_of_callers(backend);
    let mut far = House::start(Options {
        backend: backend.into(),
        config: "trunk_sources = []\n".into(),
        ..Options::default()
    });
    let far_phone = phone_at(&far);
    join(&near, &far);
    let agent = number_of_the_agent(&near);
    let (near_phone, _) = phone(&near, 0, NEAR, Manner::Answers);

    let (first, call) = customer(&near, "13500135001", &agent);
    acts(&near, &call, &json!({"action": "transfer", "target": SHORT}));
    talks_there(&far);
    std::thread::sleep(PART);
    ends(&near, &call);
    wait_for("the far end to hang up", seconds(10), || only_call(&far).is_none().then_some(()));

    let (second, call) = customer(&near, "13500135002", &agent);
    acts(&near, &call, &json!({"action": "consult", "target": SHORT}));
    talks_there(&far);
    std::thread::sleep(PART);
    acts(&near, &call, &json!({"action": "complete_consultation"}));
    wait_for("the customer to be passed on", seconds(10), || {
        (only_call(&near)?["phase"] == "talking").then_some(())
    });
    std::thread::sleep(PART);
    ends(&near, &call);
    let attended = json!({"kind": "attended", "agent": agent, "target": SHORT});
    assert!(details(&near, "transferred").contains(&attended), "{}", near.log());
    let both = "SELECT n FROM (SELECT count(*) AS n FROM calls WHERE outcome = 'answered') AS counted \
                WHERE n = 2";
    near.wait_row(both);
    far.wait_row(both);
    hears("the first customer", &ended(&first), &ALL, &[&[FAR]]);
    hears("the second customer", &ended(&second), &ALL, &[&[FAR]]);
    hears("the agent", &ended(&near_phone), &ALL, &[&[FAR]]);
    wait_for("both calls to be over there", seconds(10), || {
        (far_phone.log().matches("terminated (duration").count() >= 2).then_some(())
    });
    hears("the far phone", &far_phone.heard(), &ALL, &[&[CUSTOMER], &[NEAR]]);

    far.kill();
    answers_alone(&near, &agent);
}

/// A customer who calls the agent of the near box from this number, and the call once they talk.
fn customer(near: &House, from: &str, agent: &str) -> (Phone, String) {
    let phone = Phone::dials(near.sip, from, DIRECT, CUSTOMER, Audio::Plain, near.scratch());
    (phone, talks_with(near, agent))
}

fn talks_there(far: &House) {
    wait_for("a conversation there", seconds(20), || {
        (only_call(far)?["phase"] == "talking").then_some(())
    });
}

/// The hotline leads to the agent, and so does the overflow of a queue where nobody is signed in.
fn answers_alone(near: &House, agent: &str) {
    number_of_the_queue(near);
    let queues = near.json("/api/v1/queues");
    let queue = queues[0]["id"].as_str().expect("the first queue");
    let settings = json!({"name": queues[0]["name"], "survey": false, "overflow": {"agent": agent},
        "joins_while": ["idle", "busy", "wrap_up", "break"]});
    let (status, body) = near.put_json(&format!("/api/v1/queues/{queue}"), &settings);
    assert_eq!(status, 200, "{body}");
    let talks = |from: &str, to: &str, acts: Vec<Act>| {
        let caller = Caller::new(from, to, acts).call(near.sip, near.scratch());
        let call = talks_with(near, agent);
        // The key of the caller takes a moment to end.
        std::thread::sleep(PART);
        ends(near, &call);
        caller.finish();
        let answered = format!("SELECT outcome FROM calls WHERE caller = '+86{from}'");
        assert_eq!(near.wait_row(&answered)["outcome"], "answered", "{}", near.log());
    };
    sign_in(near, agent);
    let keys = vec![Act::Pause(seconds(1)), Act::Digit('1'), Act::WaitForBye];
    talks("13500135003", &near.hotline, keys);
    let out = json!({"action": "sign_out"});
    let (status, body) = near.post(&format!("/api/v1/agents/{agent}/state"), &out);
    assert_eq!(status, 204, "{body}");
    talks("13500135004", OF_THE_QUEUE, vec![Act::WaitForBye]);
    let out = "SELECT flow_out_reason FROM queue_visits WHERE outcome = 'flowed_out'";
    assert_eq!(near.wait_row(out)["flow_out_reason"], "no_agents");
}

/// The phone that is dialled, registered at its box.
fn phone_at(far: &House) -> Phone {
    let agent = made(far, "/api/v1/agents", &json!({"number": SHORT, "name": "north"}));
    let password = agent["password"].as_str().expect("a password");
    let phone = Phone::start(far.sip, SHORT, password, FAR, Manner::Answers, far.scratch());
    let id = agent["id"].as_str().expect("an id");
    wait_for("the phone to register", seconds(20), || is_registered(far, id).then_some(()));
    phone
}

/// Makes each box a site of the other; the id of the second at the first.
fn join(near: &House, far: &House) -> String {
    let trunk = |at: &House, to: &House, sources: Value| {
        let proxy = format!("sip:{};transport=udp", to.sip);
        let draft = json!({"name": "other house", "proxy": proxy, "sources": sources,
            "trusted": true, "caller_number": at.hotline, "codecs": ["PCMA"]});
        made(at, "/api/v1/trunks", &draft)["id"].clone()
    };
    let back = trunk(far, near, json!(["127.0.0.1"]));
    let south = json!({"name": "south", "trunk": back, "number": near.hotline, "inward": true});
    made(far, "/api/v1/sites", &south);
    let north = json!({"name": "north", "trunk": trunk(near, far, json!([])),
        "number": far.hotline, "ranges": [{"prefix": "82", "digits": 4}]});
    let site = made(near, "/api/v1/sites", &north)["id"].as_str().expect("an id").to_owned();
    let (status, body) = near.put_json("/api/v1/calling-rules", &json!({"sites": true}));
    assert_eq!(status, 204, "{body}");
    site
}

fn made(house: &House, path: &str, draft: &Value) -> Value {
    let (status, body) = house.post(path, draft);
    assert_eq!(status, 201, "{path}: {body}");
    body
}
