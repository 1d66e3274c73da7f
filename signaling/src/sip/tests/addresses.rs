//! The address of ours in Via, Contact, From and descriptions: each peer is told the one that it
//! reaches.

use super::*;
use crate::kept::Change;
use crate::reach::{Network, Reach, Told};
use crate::sip::user_agent::{Destination, Invite};
use std::sync::Arc;
use terms::TrunkId;

const LEG: LegId = LegId(900);
/// What the phone's network is told.
const INSIDE: &str = "10.0.0.5:5060";
const USUAL: &str = "192.0.2.1:5060";

fn networks(config: &mut Config) {
    config.reach = Arc::new(Reach::new(vec![Told {
        peers: Network::parse("198.51.100.0/29").unwrap(),
        sip: "10.0.0.5".parse().unwrap(),
        media: "10.0.0.6".parse().unwrap(),
    }]));
    config.keeps = true;
}

fn invite(to: Destination) -> Command {
    let inside = SDP.replace("198.51.100.7", "10.0.0.6");
    Command::Invite(Box::new(Invite {
        leg: LEG,
        to,
        from_user: "95105688".into(),
        from_name: String::new(),
        sdp: SDP.into(),
        elsewhere: vec![("10.0.0.6".parse().unwrap(), inside)],
        browser: false,
        other_way: false,
        not_at: None,
        at_desk: false,
        category: None,
        headers: Vec::new(),
    }))
}

fn to_trunk() -> Command {
    invite(Destination::Trunk(TENANT, TrunkId(1), "13900139000".into()))
}

/// Via and Contact name this address, and no other of ours is there.
fn names(sent: &Sent, address: &str) {
    let via = sent.header("Via");
    if !sent.start().starts_with("SIP/2.0") {
        assert!(via.starts_with(&format!("SIP/2.0/UDP {address};branch=")), "{}", sent.text);
    }
    if sent.has("\r\nContact: ") {
        assert_eq!(sent.header("Contact"), format!("<sip:switchgrid@{address}>"));
    }
    let other = if address == USUAL { INSIDE } else { USUAL };
    assert!(!sent.has(&format!("@{other}")) && !via.contains(other), "{}", sent.text);
}

const FROM_PHONE: &str = "Contact: <sip:1001@198.51.100.7:5060>\r\n";

#[test]
fn all_that_a_phone_hears_of_us_names_the_address_that_it_reaches() {
    let mut bench = Bench::with(networks);
    bench.register(phone(), "sip:1001@198.51.100.7:5060");
    bench.events();
    bench.command(invite(Destination::Agent(TENANT, AGENT)));
    let ring = bench.one();
    names(&ring, INSIDE);
    assert!(ring.header("From").contains(&format!("@{INSIDE}>")), "{}", ring.text);
    assert!(ring.has("c=IN IP4 10.0.0.6\r\n") && !ring.has("c=IN IP4 198.51.100.7"));
    bench.receive(phone(), ring.answer("200 OK", "t", FROM_PHONE, SDP));
    names(&bench.one(), INSIDE);
    bench.command(Command::Reoffer { leg: LEG, sdp: SDP.into() });
    let again = bench.one();
    names(&again, INSIDE);
    bench.receive(phone(), again.answer("200 OK", "", FROM_PHONE, SDP));
    let ack = bench.one();
    assert!(ack.start().starts_with("ACK "));
    names(&ack, INSIDE);
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    names(&bench.one(), INSIDE);
}

#[test]
fn two_phones_of_one_agent_are_told_two_addresses_in_one_call() {
    let mut bench = Bench::with(networks);
    bench.register(phone(), "sip:1001@198.51.100.7:5060");
    let away = peer("198.51.100.200:5060");
    bench.register(away, "sip:1001@198.51.100.200:5060");
    bench.events();
    bench.command(invite(Destination::Agent(TENANT, AGENT)));
    let sent = bench.sent();
    let [inside, outside] = &sent[..] else { panic!("{} were sent", sent.len()) };
    assert_eq!(inside.to, Host::Address(phone()));
    names(inside, INSIDE);
    names(outside, USUAL);
    assert!(inside.has("c=IN IP4 10.0.0.6\r\n") && outside.has("c=IN IP4 198.51.100.7\r\n"));
}

#[test]
fn a_caller_is_answered_with_the_address_that_it_reaches() {
    let mut bench = Bench::with(networks);
    let mut plan = plan();
    plan.trunks[0].sources.push("198.51.100.0/24".into());
    bench.core.set_plan(bench.now(), &plan);
    for (from, expected) in [(phone(), INSIDE), (peer("198.51.100.200:5060"), USUAL)] {
        let asked = bench.request("INVITE", "95105688", "", SDP);
        let asked = asked.replace("198.51.100.7:5060", &from.to_string());
        bench.receive(from, asked);
        let leg = match &bench.events()[..] {
            [Event::Incoming(incoming)] => incoming.leg,
            other => panic!("{other:?}"),
        };
        bench.sent();
        bench.command(Command::Progress { leg, status: 180, sdp: None });
        bench.command(Command::Answer { leg, sdp: SDP.into() });
        let sent = bench.sent();
        assert_eq!(sent.len(), 2);
        for answer in &sent {
            assert_eq!(answer.header("Contact"), format!("<sip:switchgrid@{expected}>"));
        }
    }
}

#[test]
fn a_trunk_is_told_what_its_settings_say() {
    let mut bench = Bench::with(networks);
    let mut plan = plan();
    let trunk = &mut plan.trunks[0];
    trunk.advertise = Some("10.0.0.5".parse().unwrap());
    trunk.register = true;
    trunk.outbound =
        Some(Credential { user: "gw".into(), password: "p".into(), realm: String::new() });
    bench.core.set_plan(bench.now(), &plan);
    let (_, register) = bench.pass(Duration::from_millis(1)).remove(0);
    names(&register, INSIDE);
    bench.command(to_trunk());
    let out = bench.one();
    names(&out, INSIDE);
    let contact = "Contact: <sip:x@203.0.113.5>\r\n";
    bench.receive(carrier(), out.answer("200 OK", "t", contact, SDP));
    names(&bench.one(), INSIDE);
    bench.events();
    let call = bench.call();
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    assert_eq!(bench.one().header("Contact"), format!("<sip:switchgrid@{INSIDE}>"));
}

#[test]
fn a_trunk_with_a_name_is_told_what_its_sources_are_told() {
    let mut bench = Bench::with(networks);
    let mut plan = plan();
    plan.trunks[0].proxy = "sip:carrier.example.com".into();
    bench.core.set_plan(bench.now(), &plan);
    bench.command(to_trunk());
    names(&bench.one(), USUAL);
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    bench.sent();
    plan.trunks[0].sources = vec!["198.51.100.0/30".into()];
    bench.core.set_plan(bench.now(), &plan);
    bench.command(match to_trunk() {
        Command::Invite(invite) => Command::Invite(Box::new(Invite { leg: LegId(901), ..*invite })),
        other => panic!("{other:?}"),
    });
    let out = bench.one();
    names(&out, INSIDE);
    assert!(out.has("c=IN IP4 10.0.0.6\r\n"));
}

#[test]
fn who_moves_to_another_network_is_told_anew() {
    let mut bench = Bench::with(networks);
    bench.register(phone(), "sip:1001@198.51.100.7:5060");
    bench.command(invite(Destination::Agent(TENANT, AGENT)));
    let ring = bench.one();
    bench.receive(phone(), ring.answer("200 OK", "t", FROM_PHONE, SDP));
    bench.sent();
    bench.events();
    let moved = peer("198.51.100.200:5062");
    let reinvite = format!(
        "INVITE sip:switchgrid@{INSIDE} SIP/2.0\r\nVia: SIP/2.0/UDP {moved};branch=z9hG4bKmoved;rport\r\n\
         Max-Forwards: 70\r\nFrom: {};tag=t\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 5 INVITE\r\n\
         Contact: <sip:1001@{moved}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        ring.header("To"),
        ring.header("From"),
        ring.header("Call-ID"),
        SDP.len()
    );
    bench.receive(moved, reinvite);
    let offer = Event::Offer { leg: LEG, sdp: Some(SDP.into()), source: moved };
    assert_eq!(bench.events(), [offer], "the switch hears from where");
    bench.sent();
    bench.command(Command::AcceptOffer { leg: LEG, sdp: SDP.into() });
    assert_eq!(bench.one().header("Contact"), format!("<sip:switchgrid@{USUAL}>"));
}

#[test]
fn a_restored_dialog_names_the_address_that_it_named_before() {
    let mut bench = Bench::with(networks);
    bench.register(phone(), "sip:1001@198.51.100.7:5060");
    bench.command(invite(Destination::Agent(TENANT, AGENT)));
    let ring = bench.one();
    bench.receive(phone(), ring.answer("200 OK", "t", FROM_PHONE, SDP));
    let kept: Vec<Change> =
        bench.core.take_changes().into_iter().filter(|change| change.value.is_some()).collect();
    let mut next = Bench::with(networks);
    let now = next.now();
    next.core.restore(now, &kept);
    next.sent();
    next.command(Command::Hangup { leg: LEG, cause: 16 });
    names(&next.one(), INSIDE);
}
