//! What the lamps of desk phones show, each phone played by SIPp: a colleague's call from ringing to its
//! end, and a message that a caller left for an agent alone until somebody has heard it.

use super::own_keys::{DIRECT, audio_of, ends, number_of_the_agent};
use super::three_parties::only_call;
use super::{house_of_callers, seconds};
use serde_json::{Value, json};
use tests::house::{House, wait_for};
use tests::peer::baresip::{Audio, Phone};
use tests::peer::desk_phone::{DeskPhone, goes_on_granting, grants, registers_at, takes_a_call};
use tests::peer::device::{Device, EMPTY, hears};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;

/// How long the watched phone rings.
const RINGS_MS: u32 = 2_000;

/// A phone of the agent with this index that watches this extension.
pub fn watches(house: &House, name: &str, index: usize, extension: &str, event: &str) -> Device {
    let phone = DeskPhone::of(house, index);
    let uri = format!("sip:{extension}@{}", house.sip);
    let more = format!(
        "Contact: <sip:device@[local_ip]:[local_port]>\nEvent: {event}\nExpires: 300\n{EMPTY}"
    );
    let steps = [
        phone.registers(),
        phone.proves("SUBSCRIBE", (&uri, &format!("To: <{uri}>")), 3, &more),
        vec![hears(200)],
        goes_on_granting("NOTIFY"),
    ];
    Device::calls(house, name, extension, &steps.concat())
}

/// What it was told, in order; what was said twice over stands once.
pub fn told(device: &Device) -> Vec<String> {
    let mut told = device.heard();
    told.retain(|message| message.starts_with("NOTIFY "));
    told.dedup();
    told
}

pub fn a_lamp_shows_a_colleagues_call_from_ringing_to_its_end_and_not_who_calls(backend: &str) {
    let house = house_of_callers(backend);
    let agent = number_of_the_agent(&house);
    let voice = Voice::start(440.0);
    let steps = [takes_a_call(RINGS_MS, &audio_of(&voice, "")), grants("BYE")];
    let mut rung = Device::awaits(&house, "rung", 1, &steps.concat());
    assert_eq!(registers_at(&house, 0, rung.port()), agent);
    let extension = house.agents[0].user.as_str();
    let lamp = watches(&house, "lamp", 1, extension, "dialog");
    let says = |state: &'static str| {
        wait_for(state, seconds(20), || {
            let told = told(&lamp);
            told.iter().any(|notify| notify.contains(state)).then_some(())
        });
    };
    says("</dialog-info>");
    let first = &told(&lamp)[0];
    assert!(first.contains("Content-Type: application/dialog-info+xml"), "{first}");
    assert!(first.contains("Subscription-State: active"), "{first}");
    assert!(!first.contains("<dialog "), "nobody rings yet: {first}");

    let _caller =
        Phone::dials(house.sip, "13500135000", DIRECT, 1_900, Audio::Plain, house.scratch());
    says("<state>early</state>");
    says("<state>confirmed</state>");
    let call = only_call(&house).expect("they talk")["call"].as_str().expect("an id").to_owned();
    ends(&house, &call);
    says("<state>terminated</state>");
    rung.finish(&house);

    let told = told(&lamp);
    let at = |state: &str| told.iter().position(|notify| notify.contains(state)).expect("it came");
    let states = ["early", "confirmed", "terminated"].map(|state| at(&format!("<state>{state}<")));
    assert!(states.is_sorted(), "{told:#?}");
    let entity = format!("entity=\"sip:{extension}@");
    for (n, notify) in told.iter().enumerate() {
        assert!(notify.contains(&entity) && notify.contains("state=\"full\""), "{notify}");
        assert!(notify.contains(&format!(" version=\"{n}\"")), "one after the other: {notify}");
        assert!(!notify.contains("13500135000"), "who calls is nobody else's business: {notify}");
    }
    let confirmed = &told[states[1]];
    assert!(confirmed.contains("direction=\"recipient\""), "{confirmed}");
    voice.finish();
}

pub fn a_message_for_an_agent_lights_the_lamp_of_their_phone_until_it_was_heard(backend: &str) {
    let house = house_of_callers(backend);
    let agent = number_of_the_agent(&house);
    let mailbox = format!("/api/v1/agents/{agent}/mailbox");
    let (status, body) = house.put_json(&mailbox, &json!({"takes": "always"}));
    assert_eq!(status, 204, "{body}");
    let lamp = watches(&house, "lamp", 0, &house.agents[0].user, "message-summary");
    let counts = |waiting: &'static str, count: &'static str| {
        wait_for(count, seconds(20), || {
            let last = told(&lamp).pop()?;
            let says = last.contains(&format!("Messages-Waiting: {waiting}"))
                && last.contains(&format!("Voice-Message: {count}"));
            says.then_some(last)
        })
    };
    let first = counts("no", "0/0");
    assert!(first.contains("Content-Type: application/simple-message-summary"), "{first}");
    is_nobody_elses_to_watch(&house);

    let acts = vec![
        Act::Pause(seconds(8)),
        Act::Speak,
        Act::Pause(seconds(4)),
        Act::Digit('#'),
        Act::WaitForBye,
    ];
    Caller::new("13900139000", DIRECT, acts).call(house.sip, house.scratch()).finish();
    counts("yes", "1/0");
    let messages = house.json("/api/v1/agent-messages");
    let [message] = messages.as_array().expect("a list").as_slice() else { panic!("{messages}") };
    assert_eq!(message["agent"], agent.as_str(), "{message}");
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(
        (&row["kind"], &row["state"], &row["agent_id"]),
        (&json!("voicemail"), &json!("recorded"), &json!(agent)),
        "{row}"
    );
    assert!(row["duration_ms"].as_i64().expect("a length") > 2_000, "{row}");

    let id = message["recording"].as_str().expect("an id");
    let (status, body) = house.post(&format!("/api/v1/agent-messages/{id}/heard"), &Value::Null);
    assert_eq!(status, 204, "{body}");
    counts("no", "0/1");
}

/// The second agent's phone watches the first one's messages and may not.
fn is_nobody_elses_to_watch(house: &House) {
    let phone = DeskPhone::of(house, 1);
    let uri = format!("sip:{}@{}", house.agents[0].user, house.sip);
    let more = format!(
        "Contact: <sip:device@[local_ip]:[local_port]>\nEvent: message-summary\n\
         Expires: 300\n{EMPTY}"
    );
    let steps = [
        phone.registers(),
        phone.proves("SUBSCRIBE", (&uri, &format!("To: <{uri}>")), 3, &more),
        vec![hears(403)],
    ];
    Device::calls(house, "curious", &house.agents[0].user, &steps.concat()).finish(house);
}
