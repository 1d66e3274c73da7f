//! An agent in a real browser: Chromium with JsSIP in its page, which says a tone and keeps what it
//! hears. It talks with a caller on a plain phone, presses a key, holds, passes the caller on; its
//! socket breaks, the call path is killed and the page is loaded anew in the middle of a call, and has
//! it back; and it calls the hotline itself.

use super::browser::{both_are_heard, let_go, talking};
use super::three_parties::{acts, number_of_the_queue, only_call};
use super::{phone, seconds};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::chromium::Browser;
use tests::seat::{is_registered, registered, sign_in};
use tests::sound::{halves_with, sides};

const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
const GUEST: u32 = 1_000;
/// Half seconds with the other's tone and not one's own that a part of a conversation has at least:
/// the first second of a browser's audio, and a busy machine, may spoil some.
const HALVES_MIN: usize = 6;

/// A box that listens for pages at `listener`, a browser whose phone is the first agent's, who that
/// is, and where the certificate lies.
fn open(listener: &str, options: Options) -> (House, Browser, String, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate is made");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("the folder is ours");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the folder is ours");
    let sip = format!(
        "{listener} = \"127.0.0.1:0\"\ncertificate = {certificate:?}\ncertificate_key = {key:?}\n{}",
        options.sip
    );
    let house = House::start(Options { sip, ..options });
    number_of_the_queue(&house);
    let mut browser = Browser::open(AGENT, house.scratch());
    register(&house, &mut browser, listener);
    let id = registered(&house, 0);
    sign_in(&house, &id);
    (house, browser, id, folder)
}

fn register(house: &House, browser: &mut Browser, listener: &str) {
    let (who, url) = (&house.agents[0], format!("{listener}://{}/", house.listener(listener)));
    browser.register(&url, &who.user, &who.password);
    wait_registered(browser, 1);
}

/// The page's phone has registered so many times.
fn wait_registered(browser: &mut Browser, times: usize) {
    wait_for("the page to register", seconds(20), || {
        (browser.times("registered") >= times).then_some(())
    });
}

/// The box has ended the page's call.
fn wait_let_go(browser: &mut Browser) {
    wait_for("the page to be let go", seconds(20), || {
        (browser.times("ended: remote: Terminated") == 1).then_some(())
    });
}

fn wait_phase(house: &House, phase: &str) -> Value {
    wait_for(phase, seconds(20), || only_call(house).filter(|call| call["phase"] == phase))
}

/// The agent holds on their phone, and resumes: the caller hears music meanwhile.
fn holds_and_resumes(house: &House, browser: &mut Browser) {
    browser.says("phone.holds()");
    wait_phase(house, "holding");
    std::thread::sleep(seconds(3));
    browser.says("phone.resumes()");
    wait_phase(house, "talking");
}

pub fn an_agent_in_chromium_talks_presses_a_key_holds_and_passes_the_caller_on(backend: &str) {
    let options = Options { backend: backend.into(), ..Options::default() };
    let (house, mut browser, id, _folder) = open("wss", options);
    let (guest_phone, guest_id) = phone(&house, 1, GUEST, Manner::Answers);
    let (caller_phone, call) = talking(&house);
    std::thread::sleep(seconds(6));

    browser.says("phone.presses('5')");
    wait_for("the key at the caller's phone", seconds(10), || {
        caller_phone.log().contains("received event: '5'").then_some(())
    });
    holds_and_resumes(&house, &mut browser);
    std::thread::sleep(seconds(6));
    let heard = browser.heard();

    let guest = &house.agents[1].user;
    browser.says(&format!("phone.transfers('sip:{guest}@127.0.0.1')"));
    wait_let_go(&mut browser);
    let live = wait_phase(&house, "talking");
    assert_eq!(live["agent"], guest_id.as_str(), "{live}");
    std::thread::sleep(seconds(5));
    let_go(&house, &call);

    let row = house.wait_row("SELECT * FROM calls WHERE outcome = 'answered'");
    assert_eq!((&row["agent_id"], &row["last_agent_id"]), (&json!(id), &json!(guest_id)), "{row}");
    assert_eq!((&row["transfers"], &row["agents"]), (&json!(1), &json!(2)), "{row}");
    assert!(row["hold_ms"].as_i64().expect("a time") >= 3_000, "{row}");
    let caller_heard = caller_phone.heard();
    let halves = halves_with(&heard, &[CALLER], &[AGENT]);
    assert!(halves >= 2 * HALVES_MIN, "the page: {halves} halves of {}", heard.len());
    both_are_heard(&house, &row, &caller_heard);
    for (who, samples, other) in
        [("the caller", &caller_heard, GUEST), ("the guest", &guest_phone.heard(), CALLER)]
    {
        let halves = halves_with(samples, &[other], &[AGENT]);
        assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {}", samples.len());
    }
    assert!(is_registered(&house, &id), "a call that is passed on takes no phone with it");
}

/// With Opus first, which the caller's phone does not speak: what is said is converted both ways.
pub fn a_conversation_in_chromium_outlives_its_socket_and_the_call_path_and_ends_with_its_page(
    backend: &str,
) {
    let options = Options {
        backend: backend.into(),
        keeps: true,
        sip: "codecs = [\"opus\", \"PCMA\"]\n".into(),
        calls: "silence_max = \"5s\"\nreturn_max = \"5s\"\n".into(),
        ..Options::default()
    };
    let (mut house, mut browser, id, _folder) = open("ws", options);
    let (caller_phone, call) = talking(&house);
    std::thread::sleep(seconds(5));

    browser.says("phone.losesItsSocket()");
    wait_registered(&mut browser, 2);
    holds_and_resumes(&house, &mut browser);
    std::thread::sleep(seconds(5));

    house.kill_child("calls");
    house.wait_ready();
    wait_registered(&mut browser, 3);
    holds_and_resumes(&house, &mut browser);
    std::thread::sleep(seconds(5));
    let live = wait_phase(&house, "talking");
    assert_eq!((&live["call"], &live["agent"]), (&json!(call), &json!(id)), "{live}");

    let page_heard = browser.heard();
    browser.reload();
    let row = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{call}'"));
    assert_eq!((&row["outcome"], &row["agent_id"]), (&json!("answered"), &json!(id)), "{row}");
    // The caller's phone ends its file with the call.
    for (heard, own, other) in
        [(&page_heard, AGENT, CALLER), (&caller_phone.heard(), CALLER, AGENT)]
    {
        let halves = halves_with(heard, &[other], &[own]);
        assert!(halves >= 3 * HALVES_MIN, "{other} Hz: {halves} halves of {}", heard.len());
    }
    register(&house, &mut browser, "ws");
    wait_for("the page to be registered", seconds(5), || is_registered(&house, &id).then_some(()));
}

/// The page's socket breaks, and its audio goes by other sockets from then on.
pub fn a_conversation_in_chromium_goes_on_over_other_sockets_after_a_change_of_network(
    backend: &str,
) {
    let options = Options { backend: backend.into(), ..Options::default() };
    let (house, mut browser, id, _folder) = open("wss", options);
    let (caller_phone, call) = talking(&house);
    wait_connected(&mut browser);
    std::thread::sleep(seconds(7));
    let before = browser.says("phone.mediaPort()");
    assert!(before.is_number(), "{before}");

    browser.says("phone.losesItsSocket()");
    wait_registered(&mut browser, 2);
    browser.says("phone.restartsIce()");
    wait_for("audio by another socket", seconds(20), || {
        let now = browser.says("phone.mediaPort()");
        (now.is_number() && now != before).then_some(())
    });
    let heard_before = browser.heard().len();
    std::thread::sleep(seconds(7));
    let live = wait_phase(&house, "talking");
    assert_eq!((&live["call"], &live["agent"]), (&json!(call), &json!(id)), "{live}");
    let heard = browser.heard();
    let_go(&house, &call);

    let row = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{call}'"));
    assert_eq!((&row["outcome"], &row["agent_id"]), (&json!("answered"), &json!(id)), "{row}");
    let recording = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(recording["state"], "recorded", "{recording}");
    for table in ["calls", "recordings"] {
        assert_eq!(house.sql(&format!("SELECT * FROM {table}")).len(), 1, "{table}");
    }
    let halves = halves_with(&heard[heard_before..], &[CALLER], &[AGENT]);
    assert!(halves >= HALVES_MIN, "the page afterwards: {halves} of {}", heard.len());
    let heard = caller_phone.heard();
    let halves = halves_with(&heard, &[AGENT], &[CALLER]);
    assert!(halves >= 3 * HALVES_MIN, "the caller: {halves} halves of {}", heard.len());
}

/// The page is loaded anew twice: the box calls the one that comes, and the next one asks by itself.
pub fn a_page_that_is_loaded_anew_in_chromium_has_its_conversation_back(backend: &str) {
    let options = Options { backend: backend.into(), ..Options::default() };
    let (house, mut browser, id, _folder) = open("wss", options);
    let (caller_phone, call) = talking(&house);
    std::thread::sleep(seconds(6));
    let mut heard = vec![browser.heard()];

    browser.reload();
    register(&house, &mut browser, "wss");
    wait_connected(&mut browser);
    assert!(browser.times("given back") >= 1, "the box has called");
    wait_phase(&house, "talking");
    std::thread::sleep(seconds(6));
    heard.push(browser.heard());

    browser.reload();
    register(&house, &mut browser, "wss");
    browser.says("phone.calls('*47')");
    wait_connected(&mut browser);
    let live = wait_phase(&house, "talking");
    assert_eq!((&live["call"], &live["agent"]), (&json!(call), &json!(id)), "{live}");
    std::thread::sleep(seconds(6));
    heard.push(browser.heard());
    browser.says("phone.hangsUp()");
    // Who asks the caller for satisfaction is ended too.
    wait_phase(&house, "survey");
    acts(&house, &call, &json!({"action": "hangup"}));

    let row = house.wait_row(&format!("SELECT * FROM calls WHERE call_id = '{call}'"));
    assert_eq!((&row["outcome"], &row["agent_id"]), (&json!("answered"), &json!(id)), "{row}");
    let recording = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    for (table, rows) in [("calls", 1), ("recordings", 1)] {
        assert_eq!(house.sql(&format!("SELECT * FROM {table}")).len(), rows, "{table}");
    }
    let measured = house.sql(&format!("SELECT * FROM quality WHERE call_id = '{call}'"));
    assert!(measured.len() >= 4, "the caller's leg and three of the agent's: {measured:?}");

    let path = format!("/api/v1/recordings/{}?format=wav", text(&recording["recording_id"]));
    let sides = sides(&house.get(&path).bytes().expect("the file"));
    for (who, samples, own, other) in [
        ("the caller's side", &sides.left[..], CALLER, AGENT),
        ("the agent's side", &sides.right[..], AGENT, CALLER),
        ("the caller", &caller_phone.heard()[..], AGENT, CALLER),
    ] {
        let halves = halves_with(samples, &[own], &[other]);
        assert!(halves >= 3 * HALVES_MIN, "{who}: {halves} halves of {}", samples.len());
    }
    for (page, samples) in heard.iter().enumerate() {
        let halves = halves_with(samples, &[CALLER], &[AGENT]);
        assert!(halves >= HALVES_MIN, "page {page}: {halves} halves of {}", samples.len());
    }
    assert!(is_registered(&house, &id));
}

/// The page's audio has its way.
fn wait_connected(browser: &mut Browser) {
    wait_for("the page to talk", seconds(30), || {
        (browser.times("media: connected") >= 1).then_some(())
    });
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The other direction: the browser makes the offer, and the flow hears its key.
pub fn chromium_calls_the_hotline_and_chooses_by_a_key(backend: &str) {
    let options = Options { backend: backend.into(), ..Options::default() };
    let (house, mut browser, id, _folder) = open("wss", options);
    browser.says(&format!("phone.calls({:?})", house.hotline));
    wait_for("the page to be answered", seconds(20), || {
        (browser.times("media: connected") == 1 && browser.times("confirmed: local") >= 1)
            .then_some(())
    });
    std::thread::sleep(seconds(1));
    browser.says("phone.presses('2')");
    let row = house.wait_row("SELECT * FROM calls");
    assert_eq!(
        (&row["outcome"], &row["hangup_by"]),
        (&json!("ivr_only"), &json!("system")),
        "{row}"
    );
    let steps = house.sql("SELECT * FROM ivr_steps");
    assert!(steps.iter().any(|step| step["digits"] == "2"), "{steps:?}");
    wait_let_go(&mut browser);
    let loud = browser.heard().chunks_exact(4_000).filter(|half| is_loud(half)).count();
    assert!(loud >= HALVES_MIN, "{loud} halves of what the flow says");
    assert!(is_registered(&house, &id));
}

fn is_loud(half: &[i16]) -> bool {
    tests::sound::loudness(half) > 300.0
}
