//! An agent in a browser: the page registers over secure WebSocket, is rung by the queue with WebRTC,
//! talks with a caller on a plain phone, is hung up on, and is out of reach as soon as it is closed.
//! When the call path is killed meanwhile, the conversation goes on and ends over the next socket.

use super::seconds;
use super::three_parties::{NUMBER, acts, number_of_the_queue, only_call};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::{Audio, Phone};
use tests::peer::page::{Login, Page};
use tests::seat::{is_registered, registered, sign_in};
use tests::sound::{halves_with, sides};

const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
/// Half seconds of the conversation that must have the other's tone at least.
const HALVES_MIN: usize = 8;

/// A box that listens for pages, the page of its first agent, who that is, and where the certificate
/// lies: a child that starts again reads it again.
fn open(backend: &str, keeps: bool) -> (House, Page, String, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .expect("a certificate is made");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("the folder is ours");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the folder is ours");
    let house = House::start(Options {
        backend: backend.into(),
        sip: format!(
            "wss = \"127.0.0.1:0\"\ncertificate = {certificate:?}\ncertificate_key = {key:?}\n"
        ),
        keeps,
        ..Options::default()
    });
    number_of_the_queue(&house);
    let login = Login {
        wss: house.listener("wss"),
        certificate: made.cert.der().clone(),
        user: house.agents[0].user.clone(),
        password: house.agents[0].password.clone(),
    };
    let page = Page::open(login, AGENT);
    let id = registered(&house, 0);
    sign_in(&house, &id);
    (house, page, id, folder)
}

/// A caller who talks with the page's agent, and the call.
pub fn talking(house: &House) -> (Phone, String) {
    let phone =
        Phone::dials(house.sip, "13500135000", NUMBER, CALLER, Audio::Plain, house.scratch());
    let call = wait_for("the conversation", seconds(20), || {
        let call = only_call(house)?;
        (call["phase"] == "talking").then(|| call["call"].as_str().map(str::to_owned))?
    });
    (phone, call)
}

/// The agent leaves, and who asks the caller for satisfaction is ended too.
pub fn let_go(house: &House, call: &str) {
    acts(house, call, &json!({"action": "hangup"}));
    acts(house, call, &json!({"action": "hangup"}));
}

pub fn a_page_over_secure_web_socket_talks_with_a_caller_and_is_gone_when_it_closes(backend: &str) {
    let (house, page, id, _folder) = open(backend, false);
    let (caller_phone, call) = talking(&house);
    std::thread::sleep(seconds(6));
    let_go(&house, &call);

    let row = house.wait_row("SELECT * FROM calls WHERE outcome = 'answered'");
    assert_eq!(row["agent_id"], id.as_str(), "{row}");
    let said = page.said();
    for start in ["< INVITE sip:8ju2c0@3fk7u2.invalid;transport=ws SIP/2.0", "< ACK ", "< BYE "] {
        assert!(said.iter().any(|line| line.starts_with(start)), "{start}: {said:?}");
    }
    both_are_heard(&house, &row, &caller_phone.heard());

    assert!(is_registered(&house, &id));
    let heard = page.close();
    wait_for("the closed page to be out of reach", seconds(5), || {
        (!is_registered(&house, &id)).then_some(())
    });
    let halves = halves_with(&heard, &[CALLER], &[AGENT]);
    assert!(halves >= HALVES_MIN, "the page: {halves} halves of {} samples", heard.len());
}

pub fn a_page_talks_on_and_is_hung_up_on_over_its_next_socket_after_a_kill(backend: &str) {
    let (mut house, page, id, _folder) = open(backend, true);
    let (caller_phone, call) = talking(&house);
    std::thread::sleep(seconds(6));

    house.kill_child("calls");
    house.wait_ready();
    wait_for("the page to register again", seconds(20), || {
        is_registered(&house, &id).then_some(())
    });
    let said_before = page.said().len();
    std::thread::sleep(seconds(6));
    let_go(&house, &call);
    let row = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{call}'"));
    assert_eq!((&row["outcome"], &row["agent_id"]), (&json!("answered"), &json!(id)), "{row}");
    wait_for("the BYE over the next socket", seconds(10), || {
        page.said()[said_before..].iter().any(|line| line.starts_with("< BYE ")).then_some(())
    });
    let heard = [page.close(), caller_phone.heard()];
    for (heard, own, other) in [(&heard[0], AGENT, CALLER), (&heard[1], CALLER, AGENT)] {
        let halves = halves_with(heard, &[other], &[own]);
        assert!(halves >= 2 * HALVES_MIN, "{halves} halves of {} samples", heard.len());
    }
}

pub fn both_are_heard(house: &House, row: &Value, by_the_caller: &[i16]) {
    let recording = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(recording["frames_missing"], 0, "{recording}");
    assert_eq!(recording["call_id"], row["call_id"]);
    let id = recording["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    for (who, side, own, other) in [
        ("left", &sides.left[..], CALLER, AGENT),
        ("right", &sides.right, AGENT, CALLER),
        ("the caller", by_the_caller, AGENT, CALLER),
    ] {
        let halves = halves_with(side, &[own], &[other]);
        assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {} samples", side.len());
    }
}
