//! INVITE with Replaces (RFC 3891): which dialog it names, and what it is refused with.

use super::*;

/// A new INVITE of the trunk with these lines.
fn invite(bench: &mut Bench, lines: &str) -> String {
    let text = bench.request("INVITE", "95105688", lines, SDP);
    text.replace("198.51.100.7:5060", "203.0.113.5:5060")
}

fn named(call: &Call, more: &str) -> String {
    format!("Replaces: {};to-tag={};from-tag=caller{more}\r\n", call.call_id(), call.tag)
}

/// What came of an INVITE: whose place it is to take, or the status.
fn comes(bench: &mut Bench, text: &str) -> Result<Option<LegId>, String> {
    bench.receive(carrier(), text);
    let start = bench.one().start().to_owned();
    match &bench.events()[..] {
        [Event::Incoming(incoming)] => Ok(incoming.replaces),
        [] => Err(start[8..11].to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invite_names_the_leg_whose_place_it_takes() {
    let mut bench = Bench::new();
    let call = bench.talk();
    let lines = format!("Require: replaces\r\n{}", named(&call, ""));
    let text = invite(&mut bench, &lines);
    assert_eq!(comes(&mut bench, &text), Ok(Some(call.leg)));
    let text = invite(&mut bench, "");
    assert_eq!(comes(&mut bench, &text), Ok(None), "a call like others");
}

#[test]
fn a_dialog_that_cannot_be_replaced_is_refused_with_the_status_of_rfc_3891() {
    let mut bench = Bench::new();
    let call = bench.talk();
    let ringing = bench.call();
    let closing = bench.call();
    bench.command(Command::Answer { leg: closing.leg, sdp: SDP.into() });
    bench.command(Command::Hangup { leg: closing.leg, cause: 16 });
    bench.sent();
    let own = named(&call, "");
    for (lines, status) in [
        (own.replace("to-tag=", "to-tag=x"), "481"),
        (own.replace("from-tag=", "from-tag=x"), "481"),
        (own.replace("Replaces: ", "Replaces: x"), "481"),
        (named(&ringing, ""), "481"),
        (named(&closing, ""), "603"),
        (named(&call, ";early-only"), "486"),
        (format!("{own}{own}"), "400"),
        (format!("{own}Join: x;to-tag=1;from-tag=2\r\n"), "400"),
    ] {
        let text = invite(&mut bench, &lines);
        assert_eq!(comes(&mut bench, &text), Err(status.to_owned()), "{lines}");
    }
    assert_eq!(bench.counter("refused_replaces"), 8);
    let options = bench.request("OPTIONS", "95105688", &own, "");
    bench.receive(carrier(), options);
    assert_eq!(bench.one().start(), "SIP/2.0 400 Bad Request", "only an INVITE replaces");
}

#[test]
fn a_phone_does_not_replace_what_came_over_a_trunk() {
    let mut bench = Bench::new();
    let call = bench.talk();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    bench.events();
    let plain = bench.request("INVITE", "95105688", &named(&call, ""), SDP);
    bench.receive(phone(), &plain);
    let again = authorize(&bench.one(), &plain, "INVITE", "secret", 1);
    bench.receive(phone(), again);
    assert!(bench.one().start().contains("403"));
    assert_eq!(bench.events(), []);
}

#[test]
fn that_dialogs_are_replaced_is_said() {
    let mut bench = Bench::new();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    bench.command(calls_out::to_agent());
    assert_eq!(bench.one().header("Supported"), "timer, replaces, join, 100rel, outbound");
}
