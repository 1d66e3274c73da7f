//! What address of ours each party is told for its audio, from its first description to its last.

use super::*;
use crate::reach::{Network, Reach, Told};
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent, Origin};
use crate::switch::rig::{TRUNK, sdp};
use crate::switch::{Config, Input};
use std::net::SocketAddr;
use std::sync::Arc;
use terms::media::Fingerprint;

/// What media is bound to in the rig.
const USUAL: &str = "203.0.113.1";
const INSIDE: &str = "10.0.0.6";
const OFFICE: &str = "10.9.0.6";

fn rig_with_networks(change: impl FnOnce(&mut terms::routing::Plan)) -> Rig {
    let told = |peers: &str, ip: &str| Told {
        peers: Network::parse(peers).unwrap(),
        sip: "10.0.0.5".parse().unwrap(),
        media: ip.parse().unwrap(),
    };
    let reach = Reach::new(vec![told("10.0.0.0/8", INSIDE), told("10.9.0.0/16", OFFICE)]);
    let certificate = Some(Fingerprint([0xC5; 32]));
    let config = Config { reach: Arc::new(reach), certificate, ..Config::default() };
    let mut plan = demo_plan();
    change(&mut plan);
    let mut rig = Rig::with(plan, config);
    sign_in(&mut rig, A1);
    rig
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Where a description says that we are.
fn address(sdp: &str) -> String {
    let word = |start: &str| {
        let line = sdp.lines().find(|line| line.starts_with(start)).expect("each has one");
        line.rsplit(' ').next().expect("a line has words").to_owned()
    };
    assert_eq!(word("o="), word("c="), "{sdp}");
    word("c=")
}

/// What a leg was told in answers of ours, in order.
fn answers(rig: &Rig, of: LegId) -> Vec<String> {
    let commands = rig.sip.iter();
    commands
        .filter_map(|command| match command {
            Sipc::Answer { leg, sdp } | Sipc::AcceptOffer { leg, sdp } if *leg == of => {
                Some(address(sdp))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_caller_is_told_the_address_that_its_network_reaches() {
    for (from, expected) in [
        ("198.51.100.7:5060", USUAL),
        ("10.1.2.3:5060", INSIDE),
        ("10.9.2.3:5060", OFFICE),
        ("[::ffff:10.9.2.3]:5060", OFFICE),
    ] {
        let mut rig = rig_with_networks(|_| {});
        rig.callers_at = at(from);
        let customer = talking(&mut rig);
        assert_eq!(answers(&rig, customer), [expected], "{from}");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn each_phone_of_an_agent_is_offered_the_address_that_it_reaches() {
    let mut rig = rig_with_networks(|_| {});
    rig.called_at = at("10.1.2.3:5060");
    let customer = talking(&mut rig);
    let invite = rig.sip.iter().find_map(|command| match command {
        Sipc::Invite(invite) => Some(invite.clone()),
        _ => None,
    });
    let invite = invite.expect("the agent is called");
    assert_eq!(address(&invite.sdp), USUAL);
    let told: Vec<_> =
        invite.elsewhere.iter().map(|(ip, sdp)| (ip.to_string(), address(sdp))).collect();
    let both = [OFFICE, INSIDE].map(|ip| (ip.to_owned(), ip.to_owned()));
    assert_eq!(told, both);
    for (_, other) in &invite.elsewhere {
        let same = |text: &str| text.lines().filter(|line| !line.contains(" IN ")).count();
        assert_eq!(same(other), same(&invite.sdp), "but for the address it is the same offer");
    }
    // The one that answered is told the same from now on.
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.reinvites(agent, Some("sendonly"));
    rig.reinvites(agent, None);
    assert_eq!(answers(&rig, agent), [INSIDE, INSIDE]);
    assert_eq!(answers(&rig, customer), [USUAL]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_moves_is_told_anew_and_a_kill_changes_nothing() {
    let mut rig = rig_with_networks(|_| {});
    rig.callers_at = at("10.1.2.3:5060");
    let customer = talking(&mut rig);
    rig.kill(&[]);
    rig.reinvites(customer, Some("sendrecv"));
    assert_eq!(answers(&rig, customer), [INSIDE, INSIDE], "as before the kill");
    let offer = |source| SipEvent::Offer { leg: customer, sdp: Some(sdp("sendrecv")), source };
    rig.feed(Input::Sip(offer(at("10.9.2.3:5060"))));
    rig.feed(Input::Sip(offer(at("198.51.100.7:5060"))));
    assert_eq!(answers(&rig, customer)[2..], [OFFICE, USUAL], "it moved to the office, then home");
    rig.kill(&[]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_trunk_is_told_what_stands_in_its_settings() {
    let own = |plan: &mut terms::routing::Plan| {
        let trunk = plan.trunks.iter_mut().find(|trunk| trunk.id == TRUNK);
        trunk.expect("the rig's trunk").advertise = Some("192.0.2.200".parse().unwrap());
    };
    let mut rig = rig_with_networks(own);
    rig.callers_at = at("10.9.2.3:5060");
    let customer = talking(&mut rig);
    assert_eq!(answers(&rig, customer), ["192.0.2.200"], "before what its network says");
    rig.hangs_up(customer);
    balanced(&mut rig);

    let mut rig = rig_with_networks(own);
    let agent = rig.agent_dials(A1, "013811112222");
    rig.wait(secs(5));
    let out = rig.sip.iter().find_map(|command| match command {
        Sipc::Invite(invite) => Some(address(&invite.sdp)),
        _ => None,
    });
    assert_eq!(out.as_deref(), Some("192.0.2.200"), "{:#?}", rig.sip);
    rig.hangs_up(agent);
    balanced(&mut rig);
}

#[test]
fn a_browser_is_told_every_address_whatever_its_network() {
    let offer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:F7gI\r\n\
         a=ice-pwd:x9cml/YzichV2+XlhiMu8g01\r\na=fingerprint:sha-256 \
         6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:\
         DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n\
         a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\n";
    let mut rig = rig_with_networks(|_| {});
    rig.callers_at = at("10.1.2.3:5060");
    let page = rig.dials_with(Origin::Agent(A2), "1002", "95105600", Some(offer.into()));
    rig.wait(secs(1));
    let answer = rig.sip.iter().find_map(|command| match command {
        Sipc::Answer { leg, sdp } if *leg == page => Some(sdp.clone()),
        _ => None,
    });
    let answer = answer.expect("it is answered");
    let candidates = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    let named: Vec<&str> = candidates.filter_map(|line| line.split(' ').nth(4)).collect();
    assert_eq!(named, [INSIDE, USUAL, OFFICE], "its own network's first");
    rig.hangs_up(page);
    balanced(&mut rig);
}
