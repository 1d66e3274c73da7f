//! Who drives is not rung: a caller is asked for a message at once, and rings the phone again when
//! the drive is over. Baresip is the agent's phone, SIPp signals for the callers.

use super::consulted::{details, talks_with};
use super::own_keys::{DIRECT, ends, number_of_the_agent};
use super::{house, phone, seconds};
use serde_json::{Value, json};
use tests::house::{House, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};

pub fn who_drives_is_left_a_message_and_rung_again_when_the_drive_is_over(backend: &str) {
    let house = house(backend, 1);
    let agent = number_of_the_agent(&house);
    let (phone, _) = phone(&house, 0, 440, Manner::AnswersTraced);
    drives(&house, &agent, true);
    // The greeting comes first.
    let acts = vec![
        Act::Pause(seconds(8)),
        Act::Speak,
        Act::Pause(seconds(4)),
        Act::Digit('#'),
        Act::WaitForBye,
    ];
    Caller::new("13900139000", DIRECT, acts).call(house.sip, house.scratch()).finish();
    let call = house.wait_row("SELECT outcome FROM calls");
    assert_eq!(call["outcome"], "voicemail", "{}", house.log());
    let row = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(
        (&row["kind"], &row["state"], &row["agent_id"]),
        (&json!("voicemail"), &json!("recorded"), &json!(agent)),
        "{row}"
    );
    assert!(row["duration_ms"].as_i64().expect("a length") > 2_000, "{row}");
    assert!(phone.heard().is_empty(), "the phone was in no call");
    assert!(!phone.log().contains("INVITE sip:"), "nobody rang it: {}", phone.log());
    let told: Vec<String> = details(&house, "mailbox").iter().map(Value::to_string).collect();
    assert!(told.iter().any(|what| what.contains("\"left\"")), "{told:?}");

    drives(&house, &agent, false);
    let caller = Caller::new("13900139001", DIRECT, vec![Act::WaitForBye]);
    let caller = caller.call(house.sip, house.scratch());
    let call = talks_with(&house, &agent);
    ends(&house, &call);
    caller.finish();
    assert!(phone.log().contains("INVITE sip:"), "it rings again: {}", phone.log());
}

/// The agent drives from now on, or no longer.
fn drives(house: &House, agent: &str, on: bool) {
    let path = format!("/api/v1/agents/{agent}/driving");
    let (status, body) = house.put_json(&path, &json!({"on": on}));
    assert_eq!(status, 204, "{body}");
    wait_for("the store to know", seconds(10), || {
        let mailbox = house.json(&format!("/api/v1/agents/{agent}/mailbox"));
        (mailbox["driving"] == on).then_some(())
    });
}
