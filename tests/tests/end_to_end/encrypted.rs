//! A caller and an agent whose phones take encrypted audio or none: each has keys of its own with the
//! box, hears the other, and the recording is in clear.

use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use super::{agent, seconds};
use serde_json::json;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::{Audio, Manner, Phone};
use tests::sound::{halves_with, sides};

const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
/// Half seconds of the conversation that must have the other's tone at least.
const HALVES_MIN: usize = 8;

pub fn two_encrypted_phones_hear_each_other_and_the_recording_is_in_clear(backend: &str) {
    let house = House::start(Options {
        backend: backend.into(),
        sip: "srtp = \"required\"\n".into(),
        ..Options::default()
    });
    number_of_the_queue(&house);
    let (agent_phone, _) = agent(&house, 0, AGENT, Manner::AnswersEncrypted);
    let caller_phone =
        Phone::dials(house.sip, "13500135000", NUMBER, CALLER, Audio::Srtp, house.scratch());
    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(&house)?;
        (call["phase"] == "talking").then(|| call["call"].as_str().map(str::to_owned))?
    });
    std::thread::sleep(seconds(6));
    for phone in [&caller_phone, &agent_phone] {
        assert!(phone.log().contains("SRTP is Enabled"), "{}", phone.log());
    }
    // The agent leaves, and who asks the caller for satisfaction is ended too.
    acts(&house, &call, &json!({"action": "hangup"}));
    acts(&house, &call, &json!({"action": "hangup"}));

    let row = house.wait_row("SELECT * FROM calls WHERE outcome = 'answered'");
    let recording = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(recording["frames_missing"], 0, "{recording}");
    assert_eq!(recording["call_id"], row["call_id"]);
    let id = recording["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    for (who, side, own, other) in [
        ("left", &sides.left, CALLER, AGENT),
        ("right", &sides.right, AGENT, CALLER),
        ("the agent", &agent_phone.heard(), CALLER, AGENT),
        ("the caller", &caller_phone.heard(), AGENT, CALLER),
    ] {
        let halves = halves_with(side, &[own], &[other]);
        assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {} samples", side.len());
    }
    // The keys went over UDP, and the box says so.
    assert!(house.metric("switchgrid_srtp_keys_in_clear_total") >= 2.0);
}
