//! A provider that is called over TLS, with an authority of its own and encrypted audio alone. One that
//! shows a certificate for another name is not called, and the trunk's state says why.

use super::three_parties::{acts, only_call};
use super::{house_of_callers, phone, seconds};
use serde_json::{Value, json};
use std::path::PathBuf;
use tests::house::{House, wait_for};
use tests::peer::baresip::{Manner, Phone};
use tests::sound::{halves_with, sides};

/// Whom the agent calls, and what each of them says, in Hz.
const NUMBER: &str = "13900139000";
const CUSTOMER: u32 = 1_900;
const AGENT: u32 = 440;
/// Half seconds of the conversation that must have the other's tone at least.
const HALVES_MIN: usize = 8;

/// A box with a trunk to a provider whose certificate is for `name`, which is called `localhost`.
struct Provided {
    house: House,
    provider: Phone,
    trunk: String,
}

fn provided(backend: &str, name: &str) -> Provided {
    let house = house_of_callers(backend);
    let (authority, both) = certificate(&house, name);
    let (provider, port) = Phone::carrier(NUMBER, &both, CUSTOMER, house.scratch());
    let draft = json!({
        "name": "over TLS",
        "proxy": format!("sip:localhost:{port};transport=tls"),
        "ca": authority,
        "srtp": "required",
        "caller_number": house.hotline,
        "prefixes": ["1"],
    });
    let (status, body) = house.post("/api/v1/trunks", &draft);
    assert_eq!(status, 201, "{body}");
    let trunk = body["id"].as_str().expect("an id").to_owned();
    Provided { house, provider, trunk }
}

/// The certificate as text, and a file of it and its key.
fn certificate(house: &House, name: &str) -> (String, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]);
    let made = made.expect("a certificate is made");
    let file = house.scratch().join("provider.pem");
    let both = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(&file, both).expect("the folder is ours");
    (made.cert.pem(), file)
}

/// How the trunk is now.
fn state(house: &House, trunk: &str) -> Value {
    let live = house.json("/api/v1/trunks/live");
    let all = live.as_array().expect("a list");
    all.iter().find(|one| one["id"] == trunk).expect("the trunk is there").clone()
}

pub fn a_call_goes_out_over_a_trunk_that_shows_its_certificate_and_both_are_heard(backend: &str) {
    let Provided { house, provider, trunk } = provided(backend, "localhost");
    let (agent, agent_id) = phone(&house, 0, AGENT, Manner::Calls);
    agent.calls(house.sip, NUMBER);
    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(&house)?;
        (call["phase"] == "talking").then(|| call["call"].as_str().map(str::to_owned))?
    });
    let live = state(&house, &trunk);
    assert_eq!((&live["calls"], &live["problem"]), (&json!(1), &Value::Null), "{live}");
    std::thread::sleep(seconds(6));
    acts(&house, &call, &json!({"action": "hangup"}));

    let row = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{call}'"));
    assert_eq!(
        (&row["outcome"], &row["agent_id"]),
        (&json!("answered"), &json!(agent_id)),
        "{row}"
    );
    let log = provider.log();
    assert!(log.contains("SRTP is Enabled"), "{log}");
    assert!(log.contains("Via: SIP/2.0/TLS ") && log.contains("RTP/SAVP "), "{log}");
    assert!(!log.contains("\nUDP ") && !log.contains("\nTCP "), "in no other way: {log}");
    wait_for("the goodbye over it", seconds(10), || {
        provider.log().contains("\nBYE sip:").then_some(())
    });
    assert!(house.metric("switchgrid_sip_trunk_connections_total") >= 1.0);

    let recording = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(recording["frames_missing"], 0, "{recording}");
    let id = recording["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    for (who, side, own, other) in [
        ("left", &sides.left, CUSTOMER, AGENT),
        ("right", &sides.right, AGENT, CUSTOMER),
        ("the agent", &agent.heard(), CUSTOMER, AGENT),
        ("the customer", &provider.heard(), AGENT, CUSTOMER),
    ] {
        let halves = halves_with(side, &[own], &[other]);
        assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {} samples", side.len());
    }
}

pub fn a_trunk_that_shows_a_wrong_certificate_is_not_called_and_says_so(backend: &str) {
    let Provided { house, provider, trunk } = provided(backend, "provider.example");
    let (agent, _) = phone(&house, 0, AGENT, Manner::Calls);
    agent.calls(house.sip, NUMBER);
    let live = wait_for("the trunk's problem", seconds(20), || {
        let live = state(&house, &trunk);
        live["problem"].is_string().then_some(live)
    });
    assert_eq!(live["problem"], "certificate_name", "{live}");
    assert!(live["detail"].as_str().is_some_and(|said| said.contains("localhost")), "{live}");
    let row = house.wait_row("SELECT * FROM calls");
    assert_ne!(row["outcome"], "answered", "{row}");
    assert!(!provider.log().contains("INVITE sip:"), "{}", provider.log());
    assert!(house.metric("switchgrid_sip_trunk_connections_failed_total") >= 1.0);
}
