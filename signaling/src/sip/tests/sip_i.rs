//! Trunks that speak SIP-I: ISUP beside the description, both ways.

use super::trunks::invite;
use super::*;
use crate::isup::{
    Backward, Cause, Event as Happened, InitialAddress, Message as Isup, Nature, Number,
    Presentation, Redirection,
};
use crate::sip::multipart::{self, Part};
use terms::Category;
use terms::routing::CallerRule;

const KIND: &str = "application/isup;version=itu-t92+;base=itu-t92+";

/// A core whose trunk speaks it, or does not, and is trusted, or is not.
fn speaks(sip_i: bool, trusted: bool) -> Bench {
    let mut bench = Bench::new();
    let mut plan = plan();
    (plan.trunks[0].sip_i, plan.trunks[0].trusted) = (sip_i, trusted);
    bench.core.set_plan(bench.now(), &plan);
    bench
}

/// A payphone calls, and its call was forwarded twice.
fn address() -> InitialAddress {
    let called = Number::shown(Nature::Unknown, "95105688", 0);
    let mut address = InitialAddress::new(Category::Payphone, called);
    address.calling = Some(Number::shown(Nature::National, "13800138000", 3));
    address.redirection =
        Some(Redirection { indicator: 3, original_reason: 3, count: 2, reason: 1 });
    address
}

fn initial(address: &InitialAddress) -> Vec<u8> {
    Isup::InitialAddress(Box::new(address.clone())).write()
}

fn released(cause: u8) -> Vec<u8> {
    Isup::Release(Cause::ours(cause)).write()
}

/// A message that has no body with this one.
fn with_body(text: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let lines = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    let head = text.replace("Content-Length: 0\r\n\r\n", &lines);
    [head.as_bytes(), body].concat()
}

/// Our description and this ISUP in two parts.
fn both(kind: &str, isup: &[u8], handling: &str) -> (String, Vec<u8>) {
    let disposition = format!("signal;handling={handling}");
    let parts =
        [Part::new("application/sdp", "", SDP.as_bytes()), Part::new(kind, &disposition, isup)];
    multipart::write(&parts)
}

/// The trunk calls with this body.
fn calls_with(bench: &mut Bench, kind: &str, body: &[u8]) -> String {
    let head = bench.request("INVITE", "95105688", "", "");
    let head = head.replace("198.51.100.7:5060", "203.0.113.5:5060");
    bench.receive(carrier(), with_body(&head, kind, body));
    head
}

fn calls(bench: &mut Bench, isup: &[u8], handling: &str) -> String {
    let (kind, body) = both(KIND, isup, handling);
    calls_with(bench, &kind, &body)
}

/// A call that is under way.
fn call(bench: &mut Bench) -> Call {
    let invite = calls(bench, &initial(&address()), "required");
    let leg = match &bench.events()[..] {
        [Event::Incoming(incoming)] => incoming.leg,
        other => panic!("{other:?}"),
    };
    let trying = bench.one();
    Call { invite, leg, tag: trying.to_tag(), seq: 1 }
}

/// The only message that goes out, and its ISUP.
fn one(bench: &mut Bench) -> (Sent, Option<Isup>) {
    let transmit = bench.core.poll_transmit().expect("something goes out");
    assert!(bench.core.poll_transmit().is_none(), "and nothing else");
    let message = Message::parse(&transmit.bytes, Carrier::Datagram).unwrap();
    let parts = message.parts().unwrap();
    let isup = parts.iter().find(|part| part.is("application/isup"));
    let isup = isup.map(|part| Isup::parse(part.body).unwrap());
    let sent = Sent {
        to: transmit.hop.host.clone(),
        connection: transmit.hop.connection,
        transaction: transmit.transaction,
        close: transmit.close,
        text: String::from_utf8_lossy(&transmit.bytes).into_owned(),
    };
    (sent, isup)
}

#[test]
fn an_initial_address_beside_the_description_says_who_calls_and_from_what_kind_of_line() {
    let mut withheld = address();
    if let Some(calling) = &mut withheld.calling {
        calling.presentation = Presentation::Restricted;
    }
    for (trusted, address, caller) in [
        (true, address(), "+8613800138000"),
        (false, address(), "1001"),
        (true, withheld.clone(), "anonymous"),
        (false, withheld, "anonymous"),
    ] {
        let mut bench = speaks(true, trusted);
        calls(&mut bench, &initial(&address), "required");
        let events = bench.events();
        let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(incoming.caller.normal, caller, "{trusted}");
        assert_eq!((incoming.category, incoming.diverted), (Some(Category::Payphone), 2));
        assert_eq!(incoming.sdp.as_deref(), Some(SDP));
    }
}

#[test]
fn isup_of_a_trunk_that_is_not_set_to_it_is_left_unread() {
    let mut bench = speaks(false, true);
    calls(&mut bench, &initial(&address()), "optional");
    let events = bench.events();
    let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((incoming.caller.normal.as_str(), incoming.category), ("1001", None));
    assert_eq!((incoming.diverted, incoming.sdp.as_deref()), (0, Some(SDP)));
    bench.sent();
    bench.command(Command::Progress { leg: incoming.leg, status: 180, sdp: None });
    assert_eq!(one(&mut bench).1, None);
    bench.command(invite(901));
    assert_eq!(one(&mut bench).1, None);

    calls(&mut bench, &initial(&address()), "required");
    let refused = bench.one();
    assert_eq!(refused.start(), "SIP/2.0 415 Unsupported Media Type");
    assert_eq!(refused.header("Accept"), "application/sdp");

    let mut call = bench.talk();
    let bye = call.request("BYE", "Reason: Q.850;cause=27\r\n", "");
    bench.receive(carrier(), with_body(&bye, KIND, &released(31)));
    assert_eq!(one(&mut bench).1, None);
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 27 }]);
}

#[test]
fn answers_to_a_call_have_the_isup_that_belongs_to_them() {
    let mut bench = speaks(true, true);
    let mut call = call(&mut bench);
    let leg = call.leg;
    bench.command(Command::Progress { leg, status: 180, sdp: None });
    let (ringing, isup) = one(&mut bench);
    assert_eq!(isup, Some(Isup::AddressComplete(Backward::ours(true))));
    assert_eq!(ringing.header("Content-Type"), KIND);
    assert_eq!(ringing.header("Content-Disposition"), "signal;handling=optional");
    bench.command(Command::Progress { leg, status: 183, sdp: Some(SDP.into()) });
    let (early, isup) = one(&mut bench);
    assert_eq!(isup, Some(Isup::Progress(Happened::IN_BAND)));
    assert!(early.header("Content-Type").starts_with("multipart/mixed;boundary="));
    assert!(early.has(SDP), "{}", early.text);
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    let (answer, isup) = one(&mut bench);
    assert_eq!(isup, Some(Isup::Answer));
    assert!(answer.has(SDP), "{}", answer.text);
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    bench.events();

    // SUS and RES: the call goes on.
    let info = call.request("INFO", "", "");
    bench.receive(carrier(), with_body(&info, KIND, &Isup::Suspend(1).write()));
    assert_eq!(bench.one().start(), "SIP/2.0 200 OK");
    assert!(bench.events().is_empty());
    bench.command(Command::Hangup { leg, cause: 31 });
    let (bye, isup) = one(&mut bench);
    assert_eq!(isup, Some(Isup::Release(Cause::ours(31))));
    assert_eq!(bye.header("Reason"), "Q.850;cause=31");
}

#[test]
fn a_refusal_has_a_release_with_its_cause_and_an_answer_at_once_is_a_connect() {
    let mut bench = speaks(true, true);
    let refused = call(&mut bench);
    bench.command(Command::Reject {
        leg: refused.leg,
        status: 503,
        cause: 34,
        retry_after_s: None,
        warning: None,
    });
    assert_eq!(one(&mut bench).1, Some(Isup::Release(Cause::ours(34))));
    let taken = call(&mut bench);
    bench.command(Command::Answer { leg: taken.leg, sdp: SDP.into() });
    assert_eq!(one(&mut bench).1, Some(Isup::Connect(Backward::ours(true))));
}

#[test]
fn the_cause_of_a_release_comes_before_reason_unless_it_is_of_another_list() {
    let national = Isup::Release(Cause { standard: 2, location: 4, value: 17 }).write();
    for (isup, expected) in [(released(31), 31), (national, 27), (vec![0x0C, 9], 27)] {
        let mut bench = speaks(true, true);
        let mut call = call(&mut bench);
        bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
        bench.sent();
        let ack = call.ack("");
        bench.receive(carrier(), ack);
        bench.events();
        let bye = call.request("BYE", "Reason: Q.850;cause=27\r\n", "");
        bench.receive(carrier(), with_body(&bye, KIND, &isup));
        let (_, answer) = one(&mut bench);
        let is_release = Isup::parse(&isup).is_ok();
        assert_eq!(answer, is_release.then_some(Isup::ReleaseComplete));
        assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: expected }]);
    }
    let mut bench = speaks(true, true);
    let call = call(&mut bench);
    bench.receive(carrier(), with_body(&call.cancel(), KIND, &released(102)));
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 102 }]);
}

#[test]
fn a_call_out_says_by_isup_who_calls_whom_and_that_it_was_forwarded() {
    let mut bench = speaks(true, false);
    let Command::Invite(mut out) = invite(901) else { panic!("an INVITE") };
    out.category = Some(Category::Payphone);
    let diversion = "<sip:95105688@h>;reason=user-busy;counter=2";
    out.headers = vec![("Diversion".into(), diversion.into())];
    bench.command(Command::Invite(out));
    let (sent, isup) = one(&mut bench);
    assert!(sent.has(SDP), "{}", sent.text);
    let Some(Isup::InitialAddress(said)) = isup else { panic!("{isup:?}") };
    let shown = |screening| Some(Number::shown(Nature::Unknown, "95105688", screening));
    assert_eq!(said.called, Number::shown(Nature::National, "13900139000", 0));
    assert_eq!((said.calling, said.category), (shown(1), 0x0F));
    assert_eq!((said.redirecting, said.original_called), (shown(0), shown(0)));
    let redirection = Redirection { indicator: 3, original_reason: 0, count: 2, reason: 1 };
    assert_eq!(said.redirection, Some(redirection));
}

#[test]
fn a_withheld_number_is_in_no_isup_for_a_trunk_that_is_not_trusted() {
    for trusted in [false, true] {
        let mut bench = speaks(true, trusted);
        let mut plan = plan();
        plan.trunks[0].sip_i = true;
        plan.trunks[0].trusted = trusted;
        plan.trunks[0].caller_rule = CallerRule::Withheld;
        bench.core.set_plan(bench.now(), &plan);
        let Command::Invite(mut out) = invite(901) else { panic!("an INVITE") };
        out.headers = vec![("Diversion".into(), "<sip:95105688@h>;reason=user-busy".into())];
        bench.command(Command::Invite(out));
        let (_, isup) = one(&mut bench);
        let Some(Isup::InitialAddress(said)) = isup else { panic!("{isup:?}") };
        let calling = said.calling.expect("a number, or that there is none");
        assert_eq!(said.category, 0x0A, "ordinary where nothing else is known");
        assert_eq!(said.redirecting.is_some(), trusted);
        if trusted {
            assert_eq!(calling.presentation, Presentation::Restricted);
            assert_eq!(calling.digits, "95105688");
            // The same number, which the callee is not to be shown by another name.
            for before in [said.redirecting, said.original_called].map(Option::unwrap) {
                assert_eq!(before.presentation, Presentation::Restricted);
                assert_eq!(before.digits, "95105688");
            }
            assert_eq!(said.redirection.map(|said| said.indicator), Some(4));
        } else {
            assert_eq!(calling, Number::unavailable());
        }
    }
}

#[test]
fn what_the_called_network_says_by_isup_is_heard() {
    let mut bench = speaks(true, true);
    bench.command(invite(901));
    let (sent, _) = one(&mut bench);
    let contact = "Contact: <sip:x@203.0.113.5>\r\n";
    for (isup, status) in [
        (Isup::Progress(Happened::PROGRESS), 183),
        (Isup::AddressComplete(Backward::ours(false)), 183),
        (Isup::AddressComplete(Backward::ours(true)), 180),
        (Isup::Progress(Happened::ALERTING), 180),
    ] {
        let early = sent.answer("183 Session Progress", "t", contact, "");
        bench.receive(carrier(), with_body(&early, KIND, &isup.write()));
        let leg = LegId(901);
        assert_eq!(bench.events(), [Event::Progress { leg, status, early: None }], "{isup:?}");
    }
    let more = "Reason: Q.850;cause=18\r\n";
    let refusal = sent.answer("480 Temporarily Unavailable", "t", more, "");
    bench.receive(carrier(), with_body(&refusal, KIND, &released(34)));
    assert_eq!(bench.events(), [Event::Failed { leg: LegId(901), status: 480, cause: 34 }]);
    bench.sent();

    // The answer, with its description beside the ANM; then our end has a REL.
    bench.command(invite(902));
    let (sent, _) = one(&mut bench);
    let (kind, body) = both(KIND, &Isup::Answer.write(), "optional");
    bench.receive(carrier(), with_body(&sent.answer("200 OK", "t", contact, ""), &kind, &body));
    let events = bench.events();
    assert!(matches!(&events[..], [Event::Answered { sdp, .. }] if sdp == SDP), "{events:?}");
    bench.sent();
    bench.command(Command::Hangup { leg: LegId(902), cause: 17 });
    assert_eq!(one(&mut bench).1, Some(Isup::Release(Cause::ours(17))));
}

#[test]
fn what_cannot_be_read_or_carried_is_refused_with_its_cause() {
    let (mut looped, mut data) = (address(), address());
    (looped.hops, data.medium) = (Some(0), 0x02);
    let american = "application/isup;version=ansi88;base=ansi88";
    let of = |isup: &[u8], handling: &str| both(KIND, isup, handling);
    let good = initial(&address());
    let coded = format!("{KIND}\r\nContent-Transfer-Encoding: base64");
    for ((kind, body), refusal, cause) in [
        (of(&initial(&looped), "optional"), Some("483"), Some(25)),
        (of(&initial(&data), "required"), Some("488"), Some(65)),
        (of(&[0x01, 0x00], "required"), Some("400"), None),
        (of(&[0x01, 0x00], "optional"), None, None),
        (of(&Isup::Answer.write(), "required"), Some("400"), None),
        (both(american, &good, "required"), Some("415"), None),
        (both(american, &good, "optional"), None, None),
        (both(&coded, &good, "required"), Some("415"), None),
        (both(&coded, &good, "optional"), None, None),
        (both("application/pidf+xml", b"<x/>", "required"), Some("415"), None),
        (both("application/pidf+xml", b"<x/>", "optional"), None, None),
        (("multipart/mixed".to_owned(), b"--b\r\n\r\nx\r\n--b--".to_vec()), Some("400"), None),
        ((KIND.to_owned(), good.clone()), None, None),
    ] {
        let mut bench = speaks(true, true);
        calls_with(&mut bench, &kind, &body);
        let taken = matches!(&bench.events()[..], [Event::Incoming(_)]);
        assert_eq!(taken, refusal.is_none(), "{kind} {}", body.escape_ascii());
        if let Some(status) = refusal {
            let (answer, isup) = one(&mut bench);
            assert!(answer.start().contains(status), "{} {}", answer.start(), body.escape_ascii());
            assert_eq!(isup, cause.map(|cause| Isup::Release(Cause::ours(cause))), "{status}");
        }
    }
}
