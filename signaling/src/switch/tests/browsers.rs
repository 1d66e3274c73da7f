//! Calls of browsers: on which port they are opened, what media is told, and how they end when
//! nothing of them ever reaches media.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent, Invite, Origin};
use crate::switch::rig::{FINGERPRINT, page_sdp};
use crate::switch::{Config, Input};
use terms::media::{Command, Event, Failure, Fingerprint, Port, Remote};

fn call(certificate: Option<Fingerprint>) -> (Rig, LegId) {
    let config = Config { certificate, ..Config::default() };
    let mut rig = Rig::with(demo_plan(), config);
    sign_in(&mut rig, A1);
    let offer = Some(page_sdp("actpass", "sendrecv"));
    let leg = rig.dials_with(Origin::Agent(A2), "1002", "95105600", offer);
    rig.wait(secs(1));
    (rig, leg)
}

fn port(rig: &Rig, wanted: LegId) -> Option<Port> {
    rig.media.iter().find_map(|command| match command {
        Command::Open { leg, port, .. } if *leg == wanted => Some(*port),
        _ => None,
    })
}

fn remote(rig: &Rig, wanted: LegId) -> Option<&Remote> {
    rig.media.iter().find_map(|command| match command {
        Command::Connect { leg, remote } if *leg == wanted => Some(remote.as_ref()),
        _ => None,
    })
}

#[test]
fn a_browser_is_opened_on_the_shared_port_and_media_is_told_its_certificate() {
    let ours = Fingerprint([0xC5; 32]);
    let (rig, leg) = call(Some(ours));
    assert_eq!(port(&rig, leg), Some(Port::Shared));
    let told = remote(&rig, leg).expect("it is connected");
    let dtls = told.dtls.as_ref().expect("by a handshake");
    assert_eq!(dtls.fingerprints, [Fingerprint::parse(FINGERPRINT).unwrap()]);
    let ice = told.ice.as_ref().expect("and ICE");
    let answer = rig.sip.iter().find_map(|command| match command {
        Sipc::Answer { sdp, .. } => Some(sdp.as_str()),
        _ => None,
    });
    let answer = answer.expect("it is answered");
    assert!(answer.contains(&format!("a=ice-ufrag:{}\r\n", ice.ufrag)), "{answer}");
    assert!(answer.contains(&format!("a=fingerprint:sha-256 {ours}\r\n")), "{answer}");
}

#[test]
fn without_a_certificate_of_ours_a_browser_is_refused_and_keeps_no_port() {
    let (mut rig, leg) = call(None);
    assert_eq!((port(&rig, leg), remote(&rig, leg)), (Some(Port::Own), None));
    let refused = rig.sip.iter().any(|command| {
        matches!(command, Sipc::Reject { leg: refused, status: 488, .. } if *refused == leg)
    });
    assert!(refused);
    rig.wait(secs(10));
    balanced(&mut rig);
}

#[test]
fn a_leg_that_media_gave_up_is_hung_up() {
    for why in [Failure::Unreached, Failure::WrongCertificate] {
        let (mut rig, leg) = call(Some(Fingerprint([0xC5; 32])));
        rig.feed(Input::Media(Event::Failed { leg, why }));
        rig.wait(secs(10));
        let ended = rig
            .sip
            .iter()
            .any(|command| matches!(command, Sipc::Hangup { leg: ended, .. } if *ended == leg));
        assert!(ended, "{why:?}");
        balanced(&mut rig);
    }
}

#[test]
fn a_page_that_is_gone_while_it_holds_keeps_nobody_waiting() {
    let config = Config { certificate: Some(Fingerprint([0xC5; 32])), ..Config::default() };
    let mut rig = Rig::with(demo_plan(), config);
    rig.describe = |_| page_sdp("active", "sendrecv");
    sign_in(&mut rig, A1);
    rig.feed(Input::Sip(SipEvent::Browser { tenant: TENANT, agent: A1, present: true }));
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.reinvites_with(agent, page_sdp("actpass", "sendonly"));
    assert_eq!(phase(&mut rig), "holding");

    let silent = |leg| Input::Media(Event::Silent { leg, ms: 30_000, paused: false });
    rig.feed(silent(customer));
    assert_eq!(phase(&mut rig), "holding", "who waits need not speak");
    rig.phones.insert(A1, Phone::Refuses(480));
    rig.feed(silent(agent));
    rig.wait(secs(59));
    assert_eq!(phase(&mut rig), "holding", "as long as a page may take to come back");
    rig.wait(secs(2));
    assert_eq!(outcome(&rig), (Outcome::Answered, 102, Party::System));
    balanced(&mut rig);
}

fn invites(rig: &Rig) -> Vec<&Invite> {
    let invites = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => Some(&**invite),
        _ => None,
    });
    invites.collect()
}

#[test]
fn an_agent_with_a_browser_is_offered_webrtc_and_one_without_is_not() {
    let config = Config { certificate: Some(Fingerprint([0xC5; 32])), ..Config::default() };
    let mut rig = Rig::with(demo_plan(), config);
    sign_in(&mut rig, A1);
    rig.phones.insert(A1, Phone::Rings);
    for (present, proto, wanted) in [
        (false, "RTP/AVP", Port::Own),
        (true, "UDP/TLS/RTP/SAVPF", Port::Shared),
        (false, "RTP/AVP", Port::Own),
    ] {
        let before = invites(&rig).len();
        rig.feed(Input::Sip(SipEvent::Browser { tenant: TENANT, agent: A1, present }));
        let customer = rig.customer_dials("95105600");
        rig.wait(secs(2));
        let all = invites(&rig);
        let invite = all[before];
        assert_eq!((invite.browser, port(&rig, invite.leg)), (present, Some(wanted)));
        let audio = invite.sdp.lines().find(|line| line.starts_with("m=audio"));
        assert_eq!(audio.and_then(|line| line.split(' ').nth(2)), Some(proto), "{}", invite.sdp);
        assert_eq!(invite.sdp.contains("a=ice-lite\r\n"), present, "{}", invite.sdp);
        rig.hangs_up(customer);
        rig.wait(secs(60));
    }
}

#[test]
fn a_guest_is_offered_webrtc_only_where_a_page_of_the_desk_is_there() {
    let config = Config { certificate: Some(Fingerprint([0xC5; 32])), ..Config::default() };
    let mut rig = Rig::with(super::sign_in::plan(), config);
    let heard = super::sign_in::keys_in(&mut rig, A3, "*418001", super::sign_in::PIN);
    assert_eq!(heard.last().map(String::as_str), Some("signed_in"));
    rig.phones.insert(A3, Phone::Rings);
    let (tenant, agent, phones) = (TENANT, A3, false);
    rig.feed(Input::Sip(SipEvent::Browser { tenant, agent, present: true }));
    for (browsers, wanted) in [(true, Port::Own), (false, Port::Shared)] {
        let before = invites(&rig).len();
        rig.feed(Input::Sip(SipEvent::AppsAlone { tenant, agent, phones, browsers }));
        let customer = rig.customer_dials("95105600");
        rig.wait(secs(2));
        let invite = invites(&rig)[before];
        assert_eq!((invite.at_desk, port(&rig, invite.leg)), (true, Some(wanted)));
        rig.hangs_up(customer);
        rig.wait(secs(60));
    }
}
