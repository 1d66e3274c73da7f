//! Calls from the trunk: answer, refusal, CANCEL and what gets lost on the way.

use super::*;
use crate::sip::user_agent::Origin;
use terms::TrunkId;

#[test]
fn a_call_from_the_trunk_is_described_to_the_switch() {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].trusted = true;
    bench.core.set_plan(bench.now(), &plan);
    let more = "P-Asserted-Identity: \"李 四\" <sip:+8613800138000@carrier>\r\nUser-Agent: Gate\x1bway\r\n";
    let invite = bench.request("INVITE", "95105688", more, SDP);
    bench.receive(carrier(), &invite);
    let events = bench.events();
    let [Event::Incoming(call)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(call.tenant, TENANT);
    assert_eq!(call.origin, Origin::Trunk(TrunkId(1)));
    assert_eq!((call.called.as_str(), call.caller.normal.as_str()), ("95105688", "+8613800138000"));
    assert_eq!(call.caller_name, "李 四");
    assert_eq!(call.user_agent, "Gate way", "an escape sequence never reaches a log");
    assert!(call.nat, "Via says 198.51.100.7, the packet came from 203.0.113.5");
    assert_eq!(call.sdp.as_deref(), Some(SDP));
}

#[test]
fn an_answer_is_repeated_until_its_ack_comes() {
    let mut bench = Bench::new();
    let mut call = bench.call();
    bench.command(Command::Progress { leg: call.leg, status: 180, sdp: None });
    assert_eq!(bench.one().start(), "SIP/2.0 180 Ringing");
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    let answer = bench.one();
    assert!(answer.has("Contact: <sip:switchgrid@192.0.2.1:5060>\r\n") && answer.has("Allow: "));
    let repeated: Vec<u64> =
        bench.pass(Duration::from_secs(4)).iter().map(|(ms, _)| ms - 1_000_000).collect();
    assert_eq!(repeated, [500, 1500, 3500]);
    let ack = call.ack("");
    bench.receive(carrier(), &ack);
    bench.receive(carrier(), &ack);
    assert_eq!(bench.events(), [Event::Acked { leg: call.leg, sdp: None }]);
    assert!(bench.pass(Duration::from_secs(60)).is_empty());
    assert_eq!(bench.counter("legs_live"), 1);
}

#[test]
fn a_lost_ack_ends_the_call_after_64_t1_with_a_bye() {
    let mut bench = Bench::new();
    let call = bench.call();
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    bench.sent();
    let sent = bench.pass(Duration::from_secs(33));
    let starts: Vec<&str> = sent.iter().map(|(_, sent)| sent.start()).collect();
    assert_eq!(starts.iter().filter(|s| s.contains("200 OK")).count(), 10);
    assert!(starts.contains(&"BYE sip:a@203.0.113.5:5060 SIP/2.0"), "{starts:?}");
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 102 }]);
    assert_eq!(bench.counter("legs_live"), 0);
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("", "");
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    bench.sent();
    let ack = call.ack(SDP);
    bench.receive(carrier(), ack);
    assert_eq!(bench.events(), [Event::Acked { leg: call.leg, sdp: Some(SDP.into()) }]);
}

#[test]
fn a_repeated_invite_gets_the_last_answer_and_no_second_leg() {
    let mut bench = Bench::new();
    let call = bench.call();
    bench.receive(carrier(), &call.invite);
    assert_eq!(bench.one().start(), "SIP/2.0 100 Trying");
    bench.command(Command::Progress { leg: call.leg, status: 183, sdp: Some(SDP.into()) });
    bench.sent();
    bench.receive(carrier(), &call.invite);
    assert_eq!(bench.one().start(), "SIP/2.0 183 Session Progress");
    assert!(bench.events().is_empty());
    // The same request on another way through a proxy is a loop.
    bench.receive(carrier(), call.invite.replace("branch=z9hG4bK", "branch=z9hG4bKother"));
    assert_eq!(bench.one().start(), "SIP/2.0 482 Loop Detected");
}

#[test]
fn a_trunk_tells_how_often_a_call_was_forwarded_on_its_way() {
    let long = "Diversion: <sip:1@a>;counter=200\r\n";
    for (more, times) in [
        (String::new(), 0),
        ("Diversion: <sip:1@a>;reason=no-answer\r\n".into(), 1),
        (
            "Diversion: <sip:1@a>;counter=3, <sip:2@a>;counter=x\r\ndiversion: <sip:3@a>\r\n"
                .into(),
            5,
        ),
        (long.to_owned() + long, 255),
        ("History-Info: <sip:1@a>;index=1\r\n".into(), 0),
        (
            "Diversion: <sip:1@a>\r\nHistory-Info: <sip:1@a>;index=1, \
             <sip:2@a;cause=302>;index=1.1;mp=1,<sip:3@a;cause=408>;index=1.2;mp=1.1\r\n"
                .into(),
            2,
        ),
    ] {
        let mut bench = Bench::new();
        let invite = bench.request("INVITE", "95105688", &more, SDP);
        bench.receive(carrier(), invite.replace("198.51.100.7:5060", "203.0.113.5:5060"));
        let events = bench.events();
        let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(incoming.diverted, times, "{more}");
    }
}

#[test]
fn what_is_left_of_the_servers_on_the_way_is_told() {
    for (said, left) in [("Max-Forwards: 3\r\n", 3), ("", 70)] {
        let mut bench = Bench::new();
        let invite = bench.request("INVITE", "95105688", "", SDP);
        let invite = invite.replace("198.51.100.7:5060", "203.0.113.5:5060");
        bench.receive(carrier(), invite.replace("Max-Forwards: 70\r\n", said));
        let events = bench.events();
        let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(incoming.servers_left, left, "{said}");
    }
}

#[test]
fn a_cancel_takes_the_call_back() {
    let mut bench = Bench::new();
    let call = bench.call();
    bench.receive(carrier(), call.cancel());
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 16 }]);
    let again = bench.pass(Duration::from_secs(1));
    assert!(again[0].1.start().contains("487"), "repeated until its ACK");
    let ack = call.with_seq("ACK", 1, "", "").replace("z9hG4bKACK1", "z9hG4bKt1");
    bench.receive(carrier(), ack);
    assert!(bench.pass(Duration::from_secs(60)).is_empty());
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    assert!(bench.sent().is_empty(), "too late");
    assert_eq!((bench.counter("legs_live"), bench.counter("transactions_live")), (0, 0));
}

#[test]
fn a_cancel_says_why_the_call_is_taken_back() {
    for (reason, cause) in [
        ("SIP ;cause=200 ;text=\"Call completed elsewhere\"", 26),
        ("SIP;cause=200, Q.850;cause=102", 102),
        ("SIP;cause=487", 16),
        ("X;cause=200", 16),
    ] {
        let mut bench = Bench::new();
        let call = bench.call();
        let line = format!("Max-Forwards: 70\r\nReason: {reason}\r\n");
        bench.receive(carrier(), call.cancel().replace("Max-Forwards: 70\r\n", &line));
        assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause }], "{reason}");
    }
}

#[test]
fn a_cancel_that_crosses_the_answer_changes_nothing() {
    let mut bench = Bench::new();
    let mut call = bench.call();
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    bench.sent();
    bench.receive(carrier(), call.cancel());
    assert_eq!(bench.one().start(), "SIP/2.0 200 OK", "for the CANCEL only");
    assert!(bench.events().is_empty());
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    assert_eq!(bench.events(), [Event::Acked { leg: call.leg, sdp: None }]);
    let lost = bench.request("CANCEL", "95105688", "", "");
    bench.receive(carrier(), lost);
    assert!(bench.one().start().contains("481"));
}

#[test]
fn a_refusal_says_why_and_a_busy_box_when_to_come_back() {
    let mut bench = Bench::new();
    let call = bench.call();
    bench.command(Command::Reject {
        leg: call.leg,
        status: 503,
        cause: 0,
        retry_after_s: Some(7),
        warning: None,
    });
    let later = bench.one();
    assert_eq!(later.header("Retry-After"), "7");
    assert!(!later.has("Reason: "), "{}", later.text);
    let call = bench.call();
    let warning = Some("there is no right");
    let (leg, cause) = (call.leg, 21);
    bench.command(Command::Reject { leg, status: 403, cause, retry_after_s: None, warning });
    let forbidden = bench.one();
    assert_eq!(forbidden.header("Reason"), "Q.850;cause=21");
    assert_eq!(forbidden.start(), "SIP/2.0 403 Forbidden");
    assert_eq!(forbidden.header("Warning"), "399 switchgrid \"there is no right\"");
    let call = bench.call();
    bench.command(Command::Hangup { leg: call.leg, cause: 17 });
    let busy = bench.one();
    assert_eq!(busy.start(), "SIP/2.0 486 Busy Here");
    assert_eq!(busy.header("Reason"), "Q.850;cause=17");
    assert!(bench.events().is_empty(), "the switch knows");
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut bench = Bench::new();
    let mut call = bench.call();
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    bench.sent();
    bench.command(Command::Hangup { leg: call.leg, cause: 16 });
    assert!(bench.sent().is_empty(), "no BYE before the ACK (RFC 3261 §15)");
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    let bye = bench.one();
    assert!(bye.start().starts_with("BYE ") && bye.has("Reason: Q.850;cause=16\r\n"));
    assert!(bench.events().is_empty());
    assert_eq!(bench.counter("legs_live"), 0);
}

#[test]
fn reliable_progress_waits_for_its_prack() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("Require: 100rel\r\n", SDP);
    bench.command(Command::Progress { leg: call.leg, status: 180, sdp: None });
    let ringing = bench.one();
    assert_eq!(
        (ringing.header("RSeq").as_str(), ringing.header("Require").as_str()),
        ("1", "100rel")
    );
    bench.command(Command::Progress { leg: call.leg, status: 183, sdp: Some(SDP.into()) });
    assert!(bench.sent().is_empty(), "one at a time");
    let again: Vec<u64> =
        bench.pass(Duration::from_secs(2)).iter().map(|(ms, _)| ms - 1_000_000).collect();
    assert_eq!(again, [500, 1500]);
    let wrong = call.request("PRACK", "RAck: 9 1 INVITE\r\n", "");
    bench.receive(carrier(), wrong);
    assert!(bench.one().start().contains("481"));
    let right = call.request("PRACK", "RAck: 1 1 INVITE\r\n", "");
    bench.receive(carrier(), right);
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK", "SIP/2.0 183 Session Progress"]);
    let unheard = bench.pass(Duration::from_secs(40));
    assert!(unheard.iter().any(|(_, sent)| sent.start().contains("504")));
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 102 }]);
}

#[test]
fn an_ack_is_that_of_its_invite_whatever_came_in_between() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("Require: 100rel\r\n", SDP);
    bench.command(Command::Progress { leg: call.leg, status: 180, sdp: None });
    bench.sent();
    let prack = call.request("PRACK", "RAck: 1 1 INVITE\r\n", "");
    bench.receive(carrier(), prack);
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
    bench.receive(carrier(), call.with_seq("ACK", 1, "", ""));
    assert_eq!(bench.events(), [Event::Acked { leg: call.leg, sdp: None }]);

    let reinvite = call.request("INVITE", "", SDP);
    bench.receive(carrier(), reinvite);
    let info = call.request("INFO", "", "");
    bench.receive(carrier(), info);
    bench.command(Command::AcceptOffer { leg: call.leg, sdp: SDP.into() });
    bench.receive(carrier(), call.with_seq("ACK", 3, "", ""));
    bench.sent();
    assert!(bench.pass(Duration::from_secs(60)).is_empty(), "no 200 is repeated, and no BYE comes");
}

#[test]
fn an_extension_that_nobody_knows_is_named_in_the_refusal() {
    let mut bench = Bench::new();
    let invite = bench.request("INVITE", "95105688", "Require: timer, secret-sauce\r\n", SDP);
    bench.receive(carrier(), invite);
    let refused = bench.one();
    assert!(refused.start().contains("420"));
    assert_eq!(refused.header("Unsupported"), "secret-sauce");
    let invite = bench.request("INVITE", "95105688", "Content-Type: text/plain\r\n", "");
    let invite = invite.replace("Content-Length: 0\r\n\r\n", "Content-Length: 2\r\n\r\nhi");
    bench.receive(carrier(), invite);
    assert!(bench.one().start().contains("415"));
}
