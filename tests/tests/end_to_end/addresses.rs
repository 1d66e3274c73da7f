//! A box with two addresses, on one socket each for signalling and audio: an agent's phone reaches one
//! of them, a caller the other. Each is told its own, they hear each other, and the recording has both.

use super::seconds;
use super::three_parties::{NUMBER, number_of_the_queue, only_call};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::{Manner, Phone};
use tests::peer::sipp::{Act, Caller};
use tests::peer::voice::Voice;
use tests::seat::{registered, sign_in};
use tests::sound::{halves_with, sides};

const CALLER: u32 = 1_900;
const AGENT: u32 = 440;
/// Half seconds of the conversation that must have the other's tone at least.
const HALVES_MIN: usize = 8;

pub fn two_peers_are_told_two_addresses_and_hear_each_other(backend: &str) {
    let house = House::start(Options {
        backend: backend.into(),
        ip: Some(Ipv6Addr::UNSPECIFIED.into()),
        config: "[[sip.networks]]\npeers = \"::1/128\"\nsip = \"::1\"\n".into(),
        ..Options::default()
    });
    number_of_the_queue(&house);
    let port = house.sip.port();
    let at = |ip: IpAddr| SocketAddr::new(ip, port);
    let (four, six) = (at(Ipv4Addr::LOCALHOST.into()), at(Ipv6Addr::LOCALHOST.into()));
    let who = &house.agents[0];
    let manner = Manner::AnswersTraced;
    let phone = Phone::start(four, &who.user, &who.password, AGENT, manner, house.scratch());
    let id = registered(&house, 0);
    sign_in(&house, &id);

    let voice = Voice::start_at(f64::from(CALLER), six.ip());
    let mut caller = Caller::new("13500135000", NUMBER, vec![Act::Pause(seconds(12)), Act::HangUp]);
    caller.media_port = Some(voice.port());
    let call = caller.call(six, house.scratch());
    wait_for("the conversation", seconds(20), || {
        (only_call(&house)?["phase"] == "talking").then_some(())
    });
    let to_the_caller = call.finish();
    let heard = voice.finish().all();

    let row = house.wait_row("SELECT * FROM calls WHERE outcome = 'answered'");
    let log = phone.log();
    told(&log, "INVITE sip:", "IN IP4 127.0.0.1", four);
    told(&to_the_caller, "SIP/2.0 200 ", "IN IP6 ::1", six);

    let recording = house.wait_row("SELECT * FROM recordings WHERE path IS NOT NULL");
    assert_eq!(recording["call_id"], row["call_id"]);
    let id = recording["recording_id"].as_str().expect("an id");
    let answer = house.get(&format!("/api/v1/recordings/{id}?format=wav"));
    let sides = sides(&answer.bytes().expect("the file"));
    for (who, side, own, other) in [
        ("left", &sides.left, CALLER, AGENT),
        ("right", &sides.right, AGENT, CALLER),
        ("the agent", &phone.heard(), CALLER, AGENT),
        ("the caller", &heard, AGENT, CALLER),
    ] {
        let halves = halves_with(side, &[own], &[other]);
        assert!(halves >= HALVES_MIN, "{who}: {halves} halves of {} samples", side.len());
    }
}

/// The first message that begins with `start` names this address in Contact, `o=` and `c=`.
fn told(log: &str, start: &str, media: &str, signalling: SocketAddr) {
    let from = log.find(start).unwrap_or_else(|| panic!("{start} in {log}"));
    let message = &log[from..];
    let contact = format!("Contact: <sip:switchgrid@{signalling}>");
    assert!(message.contains(&contact), "{contact}: {message}");
    for line in ["o=", "c="] {
        let found = message.lines().find(|said| said.starts_with(line)).expect("a description");
        assert!(found.trim_end().ends_with(media), "{media}: {found}");
    }
}
