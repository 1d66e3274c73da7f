//! Texts over trunks: MESSAGE that comes in, and that goes out (RFC 3428).

use super::trunks::{CHALLENGE, with_credentials};
use super::*;
use crate::sip::user_agent::{TextCame, TextOut};
use terms::event::Written;
use terms::{TextId, TrunkId};

const PLAIN: &str = "Content-Type: text/plain;charset=UTF-8\r\n";

/// A text of the phone outside.
fn message(bench: &mut Bench, kind: &str, body: &str) -> String {
    let bare = bench.request("MESSAGE", "95105688", "", "");
    let end = format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len());
    bare.replace("Content-Length: 0\r\n\r\n", &end)
}

/// The same of the gateway.
fn of_gateway(bench: &mut Bench, kind: &str, body: &str) -> String {
    message(bench, kind, body).replace("198.51.100.7:5060", "203.0.113.5:5060")
}

/// The text that the switch is told of.
fn came(bench: &mut Bench) -> TextCame {
    match &bench.events()[..] {
        [Event::TextCame(came)] => (**came).clone(),
        other => panic!("{other:?}"),
    }
}

fn kept(bench: &mut Bench, came: &TextCame, is_kept: bool) {
    bench.core.handle_text_kept(bench.now(), came.tx, is_kept);
}

pub(super) fn out(text: &str) -> TextOut {
    TextOut {
        id: TextId(5),
        tenant: TENANT,
        trunk: TrunkId(1),
        number: "13900139000".into(),
        from_user: "95105688".into(),
        text: Written(text.into()),
    }
}

fn sends(bench: &mut Bench, text: &str) {
    bench.core.handle_text(bench.now(), out(text));
}

pub(super) fn done(status: u16) -> Event {
    Event::TextDone { id: TextId(5), status }
}

#[test]
fn a_text_of_a_trunk_is_taken_once_it_is_written_down_and_its_copies_get_the_same_answer() {
    let mut bench = Bench::new();
    let text = of_gateway(&mut bench, PLAIN, "查余额\r\n请回");
    bench.receive(carrier(), &text);
    let came = came(&mut bench);
    assert_eq!((came.tenant, came.trunk), (TENANT, TrunkId(1)));
    assert_eq!((came.from.received.as_str(), came.to.received.as_str()), ("1001", "95105688"));
    assert_eq!(came.text.0, "查余额\n请回");
    bench.receive(carrier(), &text);
    assert!(bench.sent().is_empty() && bench.events().is_empty(), "it is not written down yet");
    kept(&mut bench, &came, true);
    let answer = bench.one();
    assert!(answer.start() == "SIP/2.0 200 OK" && !answer.has("Contact"), "{}", answer.text);
    bench.receive(carrier(), &text);
    assert_eq!(bench.one().text, answer.text);
    assert!(bench.events().is_empty(), "it came once");
    bench.pass(Duration::from_secs(40));
    assert_eq!(bench.counter("transactions_live"), 0);
}

#[test]
fn a_text_that_could_not_be_written_down_is_to_be_sent_again() {
    let mut bench = Bench::new();
    let text = of_gateway(&mut bench, PLAIN, "hello");
    bench.receive(carrier(), text);
    let came = came(&mut bench);
    kept(&mut bench, &came, false);
    let answer = bench.one();
    assert!(answer.start().contains("503") && answer.has("Retry-After: 5\r\n"));
}

#[test]
fn a_hostile_text_is_defused_and_one_without_words_or_a_type_is_a_text() {
    let mut bench = Bench::new();
    let mut bytes = of_gateway(&mut bench, PLAIN, "\x1b[2J@@\0end").into_bytes();
    let at = bytes.windows(2).position(|pair| pair == b"@@").unwrap();
    bytes[at..at + 2].copy_from_slice(b"\xe4\xb8");
    bench.receive(carrier(), bytes);
    assert_eq!(came(&mut bench).text.0, " [2J\u{fffd} end");
    let longest = "x".repeat(1_300);
    for (kind, body) in [("", "no type"), (PLAIN, ""), ("", ""), (PLAIN, longest.as_str())] {
        let text = of_gateway(&mut bench, kind, body);
        bench.receive(carrier(), text);
        assert_eq!(came(&mut bench).text.0, body);
    }
}

#[test]
fn what_is_no_plain_text_or_too_long_is_refused_with_what_would_be_taken() {
    let mut bench = Bench::new();
    let plain = |more: &str| format!("Content-Type: text/plain{more}\r\n");
    let gb = plain(";charset=GB18030");
    let base64 = plain("\r\nContent-Transfer-Encoding: base64");
    let packed = plain("\r\nContent-Encoding: gzip");
    let (long, accept) = ("x".repeat(1_301), "Accept: text/plain\r\n");
    for (kind, body, status, more) in [
        ("Content-Type: text/html\r\n", "x", "415", accept),
        ("Content-Type: application/vnd.3gpp.sms\r\n", "x", "415", accept),
        ("Content-Type: multipart/mixed;boundary=b\r\n", "--b\r\n\r\nx\r\n--b--", "415", accept),
        (gb.as_str(), "x", "415", accept),
        (base64.as_str(), "eA==", "415", accept),
        (packed.as_str(), "x", "415", "Accept-Encoding: identity\r\n"),
        (PLAIN, long.as_str(), "413", ""),
    ] {
        let text = of_gateway(&mut bench, kind, body);
        bench.receive(carrier(), text);
        let refused = bench.one();
        assert!(refused.start().contains(status) && refused.has(more), "{kind}: {}", refused.text);
    }
    assert!(bench.events().is_empty());
}

#[test]
fn who_is_no_trunk_is_asked_for_a_password_and_a_phone_sends_no_texts() {
    let mut bench = Bench::new();
    let text = message(&mut bench, PLAIN, "hello");
    bench.receive(phone(), &text);
    let challenge = bench.one();
    assert!(challenge.start().contains("401"), "{}", challenge.text);
    bench.receive(phone(), authorize(&challenge, &text, "MESSAGE", "secret", 1));
    let refused = bench.one();
    assert!(refused.start().contains("405"), "{}", refused.text);
    assert!(!refused.header("Allow").contains("MESSAGE"));
    assert!(bench.events().is_empty());
    assert_eq!(bench.counter("transactions_live"), 0);
}

#[test]
fn a_text_inside_a_call_is_refused_and_texts_are_offered_to_trunks_alone() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let inside = call.request("MESSAGE", PLAIN, "hello");
    bench.receive(carrier(), inside);
    let refused = bench.one();
    assert!(refused.start().contains("405") && !refused.header("Allow").contains("MESSAGE"));
    let more = format!("X-Filling: {}\r\n", "x".repeat(600));
    for (from, takes_texts) in [(carrier(), true), (phone(), false)] {
        let options = bench.request("OPTIONS", "95105688", &more, "");
        bench.receive(from, options);
        assert_eq!(bench.one().header("Allow").contains("MESSAGE"), takes_texts, "{from}");
    }
}

#[test]
fn a_box_that_drains_and_a_trunk_over_its_limit_take_no_text() {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].calls_per_s_max = 1;
    bench.core.set_plan(bench.now(), &plan);
    let text = of_gateway(&mut bench, PLAIN, "one");
    bench.receive(carrier(), text);
    let first = came(&mut bench);
    kept(&mut bench, &first, true);
    assert!(bench.one().start().contains("200"));
    let text = of_gateway(&mut bench, PLAIN, "two");
    bench.receive(carrier(), text);
    let refused = bench.one();
    assert!(refused.start().contains("503") && refused.has("Retry-After: 5\r\n"));
    let call = bench.call();
    bench.command(Command::Hangup { leg: call.leg, cause: 16 });
    bench.sent();
    bench.ms += 1_000;
    bench.core.drain();
    let text = of_gateway(&mut bench, PLAIN, "three");
    bench.receive(carrier(), text);
    assert!(bench.one().start().contains("503"));
    assert!(bench.events().is_empty());
}

#[test]
fn a_text_goes_out_as_a_call_would_and_its_last_answer_is_told_once() {
    let mut bench = Bench::new();
    sends(&mut bench, "您好\n再见");
    let sent = bench.one();
    assert_eq!(sent.start(), "MESSAGE sip:13900139000@203.0.113.5:5060 SIP/2.0");
    assert!(sent.header("From").starts_with("<sip:95105688@192.0.2.1:5060>;tag="));
    assert_eq!(sent.header("Content-Type"), "text/plain;charset=UTF-8");
    assert!(sent.text.ends_with("\r\n\r\n您好\n再见") && !sent.has("Contact"), "{}", sent.text);
    bench.receive(carrier(), sent.answer("100 Trying", "t", "", ""));
    assert!(bench.events().is_empty());
    let taken = sent.answer("202 Accepted", "t", "", "");
    bench.receive(carrier(), &taken);
    assert_eq!(bench.events(), [done(202)]);
    bench.receive(carrier(), &taken);
    bench.pass(Duration::from_secs(40));
    assert!(bench.events().is_empty());
    assert_eq!(bench.counter("transactions_live"), 0);
}

#[test]
fn a_text_answers_its_trunks_challenge_once_and_no_other_realm_sees_the_password() {
    let mut bench = with_credentials("carrier");
    sends(&mut bench, "hello");
    let first = bench.one();
    assert!(first.header("From").starts_with("<sip:95105688@203.0.113.5:5060>;tag="));
    bench.receive(carrier(), first.answer("407 Proof", "t", CHALLENGE, ""));
    let second = bench.one();
    assert!(second.start().starts_with("MESSAGE ") && second.has("CSeq: 2 MESSAGE"));
    let proof = second.header("Proxy-Authorization");
    assert!(proof.contains("username=\"gw\"") && !proof.contains("hunter2"));
    assert_ne!(second.header("Via"), first.header("Via"));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    assert!(second.text.ends_with("\r\n\r\nhello"));
    bench.receive(carrier(), second.answer("407 Again", "t", CHALLENGE, ""));
    assert_eq!(bench.events(), [done(407)]);

    sends(&mut bench, "hello");
    let first = bench.one();
    let evil = CHALLENGE.replace("carrier", "evil");
    bench.receive(carrier(), first.answer("407 Proof", "t", &evil, ""));
    assert_eq!(bench.events(), [done(407)]);
    assert!(bench.sent().is_empty());
}

#[test]
fn a_trunk_that_says_nothing_is_asked_again_and_given_up() {
    let mut bench = Bench::new();
    sends(&mut bench, "hello");
    let first = bench.one();
    let copies = bench.pass(Duration::from_secs(33));
    assert!(copies.len() >= 6 && copies.iter().all(|(_, copy)| copy.text == first.text));
    assert_eq!(bench.events(), [done(408)]);
    sends(&mut bench, "hello");
    let transaction = bench.one().transaction.expect("a transaction");
    bench.core.handle_unsent(bench.now(), transaction);
    assert_eq!(bench.events(), [done(503)]);
}

#[test]
fn a_text_that_they_may_have_read_before_the_way_to_them_ended_is_unanswered() {
    let mut bench = Bench::new();
    let (connection, from) = (ConnectionId(3), peer("203.0.113.5:40000"));
    bench.core.handle_stream(bench.now(), 1, connection, from, b"\r\n\r\n");
    bench.sent();
    sends(&mut bench, &"长".repeat(400));
    assert_eq!(bench.one().connection, Some(connection));
    bench.core.handle_closed(bench.now(), connection);
    assert_eq!(bench.events(), [done(408)]);
    sends(&mut bench, "hello");
    let transaction = bench.one().transaction.expect("a transaction");
    assert_eq!(bench.pass(Duration::from_millis(600)).len(), 1, "it is sent once more");
    bench.core.handle_unsent(bench.now(), transaction);
    assert_eq!(bench.events(), [done(408)]);
    sends(&mut bench, "hello");
    let sent = bench.one();
    bench.receive(carrier(), sent.answer("100 Trying", "t", "", ""));
    bench.core.handle_unsent(bench.now(), sent.transaction.expect("a transaction"));
    assert_eq!(bench.events(), [done(408)], "they had begun");
}

#[test]
fn a_text_too_long_for_a_datagram_goes_over_a_connection_or_not_at_all() {
    let mut bench = Bench::new();
    let long = "长".repeat(400);
    sends(&mut bench, &long);
    assert!(bench.sent().is_empty());
    assert_eq!(bench.events(), [done(413)]);
    let (connection, from) = (ConnectionId(3), peer("203.0.113.5:40000"));
    bench.core.handle_stream(bench.now(), 1, connection, from, b"\r\n\r\n");
    bench.sent();
    sends(&mut bench, &long);
    let sent = bench.one();
    assert_eq!(sent.connection, Some(connection));
    assert!(sent.header("Via").starts_with("SIP/2.0/TCP ") && sent.text.ends_with(&long));
}

#[test]
fn a_trunk_that_is_gone_or_over_its_limit_gets_no_text() {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].calls_per_s_max = 1;
    bench.core.set_plan(bench.now(), &plan);
    sends(&mut bench, "one");
    assert!(bench.one().start().starts_with("MESSAGE "));
    sends(&mut bench, "two");
    assert_eq!(bench.events(), [done(503)]);
    bench.core.handle_text(bench.now(), TextOut { trunk: TrunkId(9), ..out("three") });
    assert_eq!(bench.events(), [done(404)]);
    assert!(bench.sent().is_empty());
}
