//! Calls to agents' phones and through the trunk.

use super::*;
use crate::sip::user_agent::{Destination, Early, Invite};
use terms::TrunkId;

pub(super) const LEG: LegId = LegId(900);

fn invite(to: Destination) -> Command {
    Command::Invite(Box::new(Invite {
        leg: LEG,
        to,
        from_user: "+8613800138000".into(),
        from_name: "李\"四\r\nX: y".into(),
        sdp: SDP.into(),
        elsewhere: Vec::new(),
        browser: false,
        other_way: false,
        not_at: None,
        at_desk: false,
        category: None,
        headers: vec![("X-Call".into(), "77".into())],
    }))
}

pub(super) fn to_agent() -> Command {
    invite(Destination::Agent(TENANT, AGENT))
}
pub(super) fn to_trunk(number: &str) -> Command {
    invite(Destination::Trunk(TENANT, TrunkId(1), number.into()))
}

const CONTACT: &str = "Contact: <sip:1001@198.51.100.7:5070>\r\n";

#[test]
fn an_agents_phone_rings_and_answers() {
    let mut bench = Bench::new();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    assert!(matches!(bench.events()[..], [Event::Registered { registered: true, .. }]));
    bench.command(to_agent());
    let sent = bench.one();
    assert_eq!(sent.start(), "INVITE sip:1001@198.51.100.7:5070 SIP/2.0");
    assert_eq!(sent.to, Host::Address(peer("198.51.100.7:5070")));
    assert!(
        sent.has("From: \"李\\\"四  X: y\" <sip:+8613800138000@192.0.2.1:5060>;tag="),
        "{}",
        sent.text
    );
    assert!(sent.has("X-Call: 77\r\n"));
    bench.receive(phone(), sent.answer("180 Ringing", "t", "", ""));
    bench.receive(phone(), sent.answer("200 OK", "t", CONTACT, SDP));
    assert_eq!(
        bench.events(),
        [
            Event::Progress { leg: LEG, status: 180, early: None },
            Event::Answered {
                leg: LEG,
                sdp: SDP.into(),
                source: phone(),
                encrypted: false,
                nat: false
            },
        ]
    );
    let ack = bench.one();
    assert_eq!(ack.start(), "ACK sip:1001@198.51.100.7:5070 SIP/2.0");
    assert!(ack.header("CSeq").ends_with("1 ACK"));
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    let bye = bench.one();
    assert!(bye.start().starts_with("BYE ") && bye.has("CSeq: 2 BYE"));
    bench.receive(phone(), bye.answer("200 OK", "t", "", ""));
    bench.pass(Duration::from_secs(40));
    assert_eq!((bench.counter("legs_live"), bench.counter("transactions_live")), (0, 0));
    assert!(bench.core.branches.is_empty());
}

#[test]
fn an_agent_without_a_phone_is_absent() {
    let mut bench = Bench::new();
    bench.command(to_agent());
    assert_eq!(bench.events(), [Event::Failed { leg: LEG, status: 480, cause: 20 }]);
}

#[test]
fn all_phones_ring_and_the_first_answer_wins() {
    let mut bench = Bench::new();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    let home = peer("198.51.100.8:5060");
    bench.register(home, "sip:1001@198.51.100.8:5070");
    bench.events();
    bench.command(to_agent());
    let sent = bench.sent();
    assert_eq!(sent.len(), 2);
    bench.receive(phone(), sent[0].answer("180 Ringing", "a", "", ""));
    bench.receive(home, sent[1].answer("180 Ringing", "b", "", ""));
    bench.receive(home, sent[1].answer("200 OK", "b", CONTACT, SDP));
    let reaction = bench.sent();
    assert!(reaction[0].start().starts_with("ACK "));
    assert!(reaction[1].start().starts_with("CANCEL sip:1001@198.51.100.7:5070"));
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=26";
    assert_eq!(reaction[1].header("Reason"), elsewhere);
    // The other phone answered at the same moment: its 200 crosses our CANCEL.
    let crossing = sent[0].answer("200 OK", "a", CONTACT, SDP);
    bench.receive(phone(), &crossing);
    let starts = bench.starts();
    assert!(starts[0].starts_with("ACK ") && starts[1].starts_with("BYE "), "{starts:?}");
    bench.receive(phone(), &crossing);
    assert!(bench.one().start().starts_with("ACK "), "no second BYE");
    let answered: Vec<_> =
        bench.events().into_iter().filter(|e| matches!(e, Event::Answered { .. })).collect();
    assert_eq!(answered.len(), 1);
}

#[test]
fn a_trunk_is_told_of_a_forwarded_call_and_headers_of_the_protocol_stay_ours() {
    let mut bench = Bench::new();
    let Command::Invite(mut invite) = to_trunk("13900139000") else { panic!("it is an INVITE") };
    let diversion = "<sip:95105688@203.0.113.5:5060>;reason=user-busy;counter=1";
    invite.headers = vec![
        ("Diversion".to_owned(), diversion.to_owned()),
        ("Contact".to_owned(), "<sip:evil@example.org>".to_owned()),
    ];
    bench.command(Command::Invite(invite));
    let sent = bench.one();
    assert_eq!(sent.header("Diversion"), diversion);
    assert!(!sent.has("evil"), "{}", sent.text);
}

#[test]
fn a_call_passes_as_many_servers_as_the_switch_says_and_usually_seventy() {
    let mut bench = Bench::new();
    bench.command(to_trunk("13900139000"));
    assert_eq!(bench.one().header("Max-Forwards"), "70");
    let mut bench = Bench::new();
    let Command::Invite(mut invite) = to_trunk("13900139000") else { panic!("it is an INVITE") };
    invite.headers = vec![("Max-Forwards".to_owned(), "9".to_owned())];
    bench.command(Command::Invite(invite));
    let sent = bench.one();
    assert_eq!(sent.text.matches("Max-Forwards:").count(), 1, "{}", sent.text);
    assert_eq!(sent.header("Max-Forwards"), "9");
}

#[test]
fn forked_answers_are_acknowledged_and_ended() {
    let mut bench = Bench::new();
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    assert_eq!(sent.start(), "INVITE sip:13900139000@203.0.113.5:5060 SIP/2.0");
    let contact = "Contact: <sip:x@203.0.113.5>\r\n";
    bench.receive(carrier(), sent.answer("200 OK", "first", contact, SDP));
    assert!(bench.one().header("To").ends_with("tag=first"));
    bench.receive(carrier(), sent.answer("200 OK", "second", contact, SDP));
    let losers = bench.sent();
    assert!(
        losers[0].start().starts_with("ACK ") && losers[0].header("To").ends_with("tag=second")
    );
    assert!(
        losers[1].start().starts_with("BYE ") && losers[1].header("To").ends_with("tag=second")
    );
    assert_eq!(bench.events().len(), 1);
}

#[test]
fn a_hang_up_before_any_answer_waits_with_its_cancel() {
    let mut bench = Bench::new();
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    assert!(bench.sent().is_empty(), "no CANCEL before a provisional answer (RFC 3261 §9.1)");
    bench.receive(carrier(), sent.answer("100 Trying", "", "", ""));
    let cancel = bench.one();
    assert!(cancel.start().starts_with("CANCEL sip:13900139000@203.0.113.5:5060 "));
    assert_eq!(cancel.header("Via"), sent.header("Via"));
    bench.receive(carrier(), cancel.answer("200 OK", "t", "", ""));
    bench.receive(carrier(), sent.answer("487 Request Terminated", "t", "", ""));
    assert!(bench.one().start().starts_with("ACK "));
    assert!(bench.events().is_empty());
    bench.pass(Duration::from_secs(70));
    assert_eq!(bench.counter("transactions_live"), 0);
}

#[test]
fn a_cancel_that_nobody_heeds_gives_up() {
    let mut bench = Bench::new();
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    bench.receive(carrier(), sent.answer("180 Ringing", "t", "", ""));
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    let cancel = bench.one();
    assert!(cancel.start().starts_with("CANCEL"));
    bench.pass(Duration::from_secs(70));
    assert_eq!((bench.counter("transactions_live"), bench.core.branches.len()), (0, 0));
    assert_eq!(bench.events(), [Event::Progress { leg: LEG, status: 180, early: None }]);
}

#[test]
fn refusals_carry_status_and_cause() {
    for (status, more, expected) in [
        ("486 Busy", "", (486, 17)),
        ("404 No", "Reason: Q.850;cause=1\r\n", (404, 1)),
        ("503 No", "Reason: Q.850;cause=34\r\n", (503, 34)),
        ("302 Moved", "Contact: <sip:+1900@evil>\r\n", (302, 41)),
        ("603 Decline", "", (603, 21)),
    ] {
        let mut bench = Bench::new();
        bench.command(to_trunk("13900139000"));
        let sent = bench.one();
        bench.receive(carrier(), sent.answer(status, "t", more, ""));
        let ack = bench.one();
        assert!(ack.start().starts_with("ACK ") && ack.header("Via") == sent.header("Via"));
        let (status, cause) = expected;
        assert_eq!(bench.events(), [Event::Failed { leg: LEG, status, cause }]);
        assert_eq!(bench.counter("legs_live"), 0);
    }
}

#[test]
fn silence_and_unreachable_hosts_fail_the_call() {
    let mut bench = Bench::new();
    bench.command(to_trunk("13900139000"));
    let first = bench.one();
    let repeated = bench.pass(Duration::from_secs(40));
    assert_eq!(repeated.len(), 6);
    assert_eq!(repeated[0].1.text, first.text, "the same octets");
    assert_eq!(bench.events(), [Event::Failed { leg: LEG, status: 408, cause: 102 }]);
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    bench.core.handle_unsent(bench.now(), sent.transaction.unwrap());
    assert_eq!(bench.events(), [Event::Failed { leg: LEG, status: 503, cause: 41 }]);
}

#[test]
fn a_header_with_a_line_end_refuses_the_call_and_an_own_header_is_not_replaced() {
    let mut bench = Bench::new();
    let Command::Invite(mut call) = to_trunk("300&Zap/g1@evil;x") else { unreachable!() };
    call.headers = vec![("X-A".into(), "1\r\nX-B: 2".into())];
    bench.command(Command::Invite(call.clone()));
    assert_eq!(bench.events(), [Event::Failed { leg: LEG, status: 400, cause: 111 }]);
    assert!(bench.sent().is_empty());
    call.headers = vec![("Contact".into(), "<sip:evil>".into())];
    bench.command(Command::Invite(call));
    let sent = bench.one();
    assert!(!sent.has("evil>") && sent.start().contains("sip:300&Zap/g1%40evil%3Bx@203.0.113.5"));
}

#[test]
fn a_phone_on_tcp_is_called_on_its_connection_until_that_closes() {
    let mut bench = Bench::new();
    let source = peer("198.51.100.9:41000");
    let connection = ConnectionId(3);
    let plain = bench
        .request("REGISTER", "1001", "", "")
        .replace("SIP/2.0/UDP", "SIP/2.0/TCP")
        .replace("<sip:a@198.51.100.7:5060>", "<sip:1001@198.51.100.9:41000;transport=tcp>");
    bench.core.handle_stream(bench.now(), 1, connection, source, plain.as_bytes());
    let challenge = bench.one();
    assert_eq!(challenge.connection, Some(connection));
    assert_eq!(challenge.text.matches("WWW-Authenticate").count(), 2);
    let again = authorize(&challenge, &plain, "REGISTER", "secret", 1);
    bench.core.handle_stream(bench.now(), 1, connection, source, again.as_bytes());
    assert!(bench.one().start().contains("200"));
    bench.events();
    bench.command(to_agent());
    let sent = bench.one();
    assert_eq!(sent.connection, Some(connection));
    assert!(sent.has("Via: SIP/2.0/TCP 192.0.2.1:5060;branch=") && sent.has(";transport=tcp>"));
    bench.core.handle_closed(bench.now(), connection);
    assert_eq!(
        bench.events(),
        [
            Event::Registered { tenant: TENANT, agent: AGENT, registered: false },
            Event::Failed { leg: LEG, status: 503, cause: 41 },
        ]
    );
}

#[test]
fn what_is_described_before_the_answer_is_told_with_where_it_came_from() {
    let mut bench = Bench::new();
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    let inside = "Contact: <sip:x@10.0.0.9>\r\n";
    bench.receive(carrier(), sent.answer("183 Session Progress", "t", inside, SDP));
    let early = Early { sdp: SDP.into(), source: carrier(), encrypted: false, nat: true };
    let told = Event::Progress { leg: LEG, status: 183, early: Some(Box::new(early)) };
    assert_eq!(bench.events(), [told]);
}
