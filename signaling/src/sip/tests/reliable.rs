//! Provisional answers that have to arrive (RFC 3262), and offers before the call is answered (RFC 3311).

use super::calls_out::{LEG, to_trunk};
use super::*;

const CONTACT: &str = "Contact: <sip:x@203.0.113.5>\r\n";

/// Headers of a provisional answer that wants its PRACK.
fn reliably(rseq: u32) -> String {
    format!("Require: 100rel\r\nRSeq: {rseq}\r\n{CONTACT}")
}

/// Our INVITE over the trunk.
fn dial(bench: &mut Bench) -> Sent {
    bench.command(to_trunk("13900139000"));
    bench.one()
}

/// Their UPDATE in the dialog of this tag.
fn update(invite: &Sent, tag: &str, seq: u32, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "UPDATE sip:switchgrid@192.0.2.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKu{tag}{seq};rport\r\nMax-Forwards: 70\r\n\
         From: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {seq} UPDATE\r\n{CONTACT}{kind}\
         Content-Length: {}\r\n\r\n{body}",
        invite.header("To"),
        invite.header("From"),
        invite.header("Call-ID"),
        body.len()
    )
}

fn held() -> String {
    SDP.replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")
}

#[test]
fn each_fork_that_rings_reliably_gets_its_pracks_once_and_in_order() {
    let mut bench = Bench::new();
    let sent = dial(&mut bench);
    assert!(sent.header("Supported").contains("100rel") && !sent.has("Require: "));
    let rings = |tag: &str, rseq| sent.answer("180 Ringing", tag, &reliably(rseq), "");

    bench.receive(carrier(), rings("a", 7));
    let first = bench.one();
    assert_eq!(first.start(), "PRACK sip:x@203.0.113.5 SIP/2.0");
    assert_eq!(
        (first.header("RAck"), first.header("CSeq")),
        ("7 1 INVITE".into(), "2 PRACK".into())
    );
    assert_eq!(first.to_tag(), "a");

    bench.receive(carrier(), rings("a", 7));
    bench.receive(carrier(), rings("a", 9));
    assert!(bench.sent().is_empty(), "it came again, and one came before its turn");
    assert_eq!((bench.counter("progress_again"), bench.counter("progress_out_of_order")), (1, 1));

    bench.receive(carrier(), rings("b", 100));
    let other = bench.one();
    assert_eq!(
        (other.header("RAck"), other.header("CSeq")),
        ("100 1 INVITE".into(), "2 PRACK".into())
    );
    assert_eq!(other.to_tag(), "b");
    bench.receive(carrier(), rings("a", 8));
    let next = bench.one();
    assert_eq!((next.header("RAck"), next.header("CSeq")), ("8 1 INVITE".into(), "3 PRACK".into()));
    let told = Event::Progress { leg: LEG, status: 180, early: None };
    assert_eq!(bench.events(), [told.clone(), told.clone(), told]);

    for prack in [&first, &other, &next] {
        bench.receive(carrier(), prack.answer("200 OK", "", "", ""));
    }
    bench.receive(carrier(), sent.answer("200 OK", "a", CONTACT, SDP));
    assert_eq!(bench.one().header("CSeq"), "1 ACK");
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    let bye = bench.one();
    assert_eq!((bye.header("CSeq"), bye.to_tag()), ("4 BYE".into(), "a".into()));
    bench.receive(carrier(), bye.answer("200 OK", "", "", ""));
    bench.pass(Duration::from_secs(70));
    assert_eq!((bench.counter("legs_live"), bench.counter("transactions_live")), (0, 0));
    assert!(bench.core.branches.is_empty() && bench.core.early_tags.is_empty());
}

#[test]
fn a_trunk_that_is_set_to_it_is_required_to_ring_reliably_and_no_phone_is() {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].requires_prack = true;
    bench.core.set_plan(bench.now(), &plan);
    let sent = dial(&mut bench);
    assert_eq!(sent.header("Require"), "100rel");
    let short = sent.answer("422 Session Interval Too Small", "t", "Min-SE: 3600\r\n", "");
    bench.receive(carrier(), short);
    assert_eq!(bench.sent()[1].header("Require"), "100rel", "and so it stays");
    let mut bench = Bench::new();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    bench.command(super::calls_out::to_agent());
    assert!(!bench.one().has("Require: "));
}

#[test]
fn a_prack_that_is_lost_is_sent_again_and_the_answer_is_told_once() {
    let mut bench = Bench::new();
    let sent = dial(&mut bench);
    let ringing = sent.answer("180 Ringing", "a", &reliably(1), "");
    bench.receive(carrier(), &ringing);
    let prack = bench.one();
    let again = bench.pass(Duration::from_secs(2));
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|(_, sent)| sent.text == prack.text), "the same octets");
    bench.receive(carrier(), &ringing);
    assert!(bench.sent().is_empty());
    bench.receive(carrier(), prack.answer("200 OK", "", "", ""));
    assert!(bench.pass(Duration::from_secs(20)).is_empty());
    assert_eq!(bench.events(), [Event::Progress { leg: LEG, status: 180, early: None }]);
}

#[test]
fn a_provisional_answer_that_is_not_required_to_arrive_gets_no_prack() {
    let mut bench = Bench::new();
    let sent = dial(&mut bench);
    let more = format!("RSeq: 1\r\nSupported: 100rel\r\n{CONTACT}");
    for _ in 0..2 {
        bench.receive(carrier(), sent.answer("180 Ringing", "a", &more, ""));
    }
    assert!(bench.sent().is_empty());
    assert_eq!(bench.events().len(), 2);
}

#[test]
fn more_forks_than_are_followed_are_read_over() {
    let mut bench = Bench::new();
    let sent = dial(&mut bench);
    for fork in 0..20 {
        let tag = format!("f{fork}");
        bench.receive(carrier(), sent.answer("180 Ringing", &tag, &reliably(1), ""));
    }
    assert_eq!(bench.sent().len(), 8);
    assert_eq!((bench.counter("forks_unanswered"), bench.events().len()), (12, 8));
}

#[test]
fn their_offer_before_the_answer_is_taken_where_ours_was_answered_reliably() {
    let mut bench = Bench::new();
    let sent = dial(&mut bench);
    bench.receive(carrier(), sent.answer("183 Session Progress", "a", CONTACT, SDP));
    bench.events();
    bench.receive(carrier(), update(&sent, "a", 1, &held()));
    assert!(bench.one().start().contains("491"), "ours has no answer yet");
    bench.receive(carrier(), update(&sent, "b", 1, &held()));
    assert!(bench.one().start().contains("481"), "nobody has said that tag");

    bench.receive(carrier(), sent.answer("183 Session Progress", "b", &reliably(1), SDP));
    let prack = bench.one();
    bench.receive(carrier(), prack.answer("200 OK", "", "", ""));
    bench.events();
    bench.receive(carrier(), update(&sent, "b", 1, ""));
    assert_eq!(bench.one().start(), "SIP/2.0 200 OK", "it asks for nothing");
    bench.receive(carrier(), update(&sent, "b", 2, &held()));
    assert!(bench.sent().is_empty(), "the switch answers");
    assert_eq!(bench.events(), [Event::Offer { leg: LEG, sdp: Some(held()), source: carrier() }]);
    bench.receive(carrier(), update(&sent, "b", 3, SDP));
    let refused = bench.one();
    assert!(refused.start().contains("500") && refused.has("Retry-After: "), "{}", refused.text);
    bench.command(Command::AcceptOffer { leg: LEG, sdp: SDP.into() });
    let accepted = bench.one();
    assert_eq!((accepted.start(), accepted.header("CSeq")), ("SIP/2.0 200 OK", "2 UPDATE".into()));
    assert!(accepted.text.ends_with(SDP));

    // The answer need not say again what the UPDATE said.
    bench.receive(carrier(), sent.answer("200 OK", "b", CONTACT, ""));
    let events = bench.events();
    let [Event::Answered { leg: LEG, sdp, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*sdp, held());
}

#[test]
fn their_offer_before_the_answer_that_was_refused_is_not_what_they_answer() {
    let mut bench = Bench::new();
    let sent = dial(&mut bench);
    bench.receive(carrier(), sent.answer("183 Session Progress", "b", &reliably(1), SDP));
    let prack = bench.one();
    bench.receive(carrier(), prack.answer("200 OK", "", "", ""));
    bench.events();
    bench.receive(carrier(), update(&sent, "b", 1, &held()));
    bench.command(Command::RejectOffer { leg: LEG, status: 488 });
    assert!(bench.one().start().contains("488"));
    bench.events();

    bench.receive(carrier(), sent.answer("200 OK", "b", CONTACT, ""));
    let events = bench.events();
    let [Event::Answered { leg: LEG, sdp, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(sdp, SDP, "the session is as it was");
}

#[test]
fn an_offer_before_our_answer_is_taken_once_the_first_one_is_answered() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("Require: 100rel\r\n", SDP);
    let leg = call.leg;
    bench.command(Command::Progress { leg, status: 180, sdp: None });
    bench.sent();
    let early = call.request("UPDATE", "", &held());
    bench.receive(carrier(), early);
    let refused = bench.one();
    assert!(refused.start().contains("500") && refused.has("Retry-After: "), "{}", refused.text);
    let early = call.request("PRACK", "RAck: 1 1 INVITE\r\n", &held());
    bench.receive(carrier(), early);
    assert!(bench.one().start().contains("488"));
    assert_eq!(bench.events(), []);

    bench.command(Command::Progress { leg, status: 183, sdp: Some(SDP.into()) });
    assert_eq!(bench.one().header("RSeq"), "2");
    let offer = call.request("PRACK", "RAck: 2 1 INVITE\r\n", &held());
    bench.receive(carrier(), offer);
    assert!(bench.sent().is_empty(), "the switch answers");
    assert_eq!(bench.events(), [Event::Offer { leg, sdp: Some(held()), source: carrier() }]);
    bench.command(Command::AcceptOffer { leg, sdp: SDP.into() });
    let accepted = bench.one();
    assert!(accepted.start().contains("200") && accepted.header("CSeq").ends_with(" PRACK"));
    assert!(accepted.text.ends_with(SDP));

    let offer = call.request("UPDATE", "", SDP);
    bench.receive(carrier(), offer);
    assert_eq!(bench.events(), [Event::Offer { leg, sdp: Some(SDP.into()), source: carrier() }]);
    bench.command(Command::RejectOffer { leg, status: 488 });
    let refused = bench.one();
    assert!(refused.start().contains("488") && refused.header("CSeq").ends_with(" UPDATE"));
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    let answer = bench.one();
    assert_eq!((answer.start(), answer.header("CSeq")), ("SIP/2.0 200 OK", "1 INVITE".into()));
}

#[test]
fn an_offer_that_crosses_ours_in_the_answer_is_pending() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("", "");
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    bench.sent();
    let offer = call.request("UPDATE", "", SDP);
    bench.receive(carrier(), offer);
    let refused = bench.one();
    assert!(refused.start().contains("491") && !refused.has("Retry-After: "), "{}", refused.text);
    assert_eq!(bench.events(), []);
}

#[test]
fn a_prack_that_its_trunk_asks_about_is_said_once_more_with_credentials() {
    let mut bench = trunks::with_credentials("carrier");
    let sent = dial(&mut bench);
    let asks = |prack: &Sent, realm: &str| {
        prack.answer("407 Proof", "", &trunks::CHALLENGE.replace("carrier", realm), "")
    };
    for (tag, rseq) in [("a", 7), ("b", 3)] {
        bench.receive(carrier(), sent.answer("180 Ringing", tag, &reliably(rseq), ""));
    }
    let [first, other]: [Sent; 2] = bench.sent().try_into().unwrap();
    bench.receive(carrier(), asks(&other, "evil"));
    assert!(bench.sent().is_empty(), "another realm gets nothing");
    bench.receive(carrier(), asks(&first, "carrier"));
    let again = bench.one();
    assert_eq!(again.start(), first.start());
    assert_eq!(
        (again.header("RAck"), again.header("CSeq")),
        ("7 1 INVITE".into(), "3 PRACK".into())
    );
    assert_eq!((again.to_tag(), again.header("Call-ID")), ("a".into(), sent.header("Call-ID")));
    let proof = again.header("Proxy-Authorization");
    assert!(proof.contains("username=\"gw\"") && proof.contains("uri=\"sip:x@203.0.113.5\""));
    assert_ne!(again.header("Via"), first.header("Via"));
    bench.receive(carrier(), asks(&again, "carrier"));
    assert!(bench.sent().is_empty(), "once");

    bench.receive(carrier(), sent.answer("180 Ringing", "a", &reliably(8), ""));
    let next = bench.one();
    assert_eq!(next.header("CSeq"), "4 PRACK");
    bench.receive(carrier(), asks(&next, "carrier"));
    let again = bench.one();
    assert_eq!(
        (again.header("RAck"), again.header("CSeq")),
        ("8 1 INVITE".into(), "5 PRACK".into())
    );
    bench.receive(carrier(), again.answer("200 OK", "", "", ""));
    bench.receive(carrier(), sent.answer("200 OK", "a", CONTACT, SDP));
    assert_eq!(bench.one().header("CSeq"), "1 ACK");
}

#[test]
fn a_prack_that_a_phone_asks_about_gets_no_credentials() {
    let mut bench = trunks::with_credentials("");
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    bench.command(super::calls_out::to_agent());
    let sent = bench.one();
    bench.receive(phone(), sent.answer("180 Ringing", "a", &reliably(1), ""));
    let prack = bench.one();
    bench.receive(phone(), prack.answer("407 Proof", "", trunks::CHALLENGE, ""));
    assert!(bench.sent().is_empty());
}

#[test]
fn a_prack_that_goes_past_its_trunk_gets_no_credentials() {
    let mut bench = trunks::with_credentials("carrier");
    let sent = dial(&mut bench);
    let past = reliably(1).replace("203.0.113.5", "198.51.100.9");
    bench.receive(carrier(), sent.answer("180 Ringing", "a", &past, ""));
    let prack = bench.one();
    assert_eq!(prack.to, Host::Address(peer("198.51.100.9:5060")));
    bench.receive(carrier(), prack.answer("407 Proof", "", trunks::CHALLENGE, ""));
    assert!(bench.sent().is_empty());
}

#[test]
fn an_invite_without_an_offer_gets_ours_before_the_answer_and_says_theirs_with_the_prack() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("Require: 100rel\r\n", "");
    let leg = call.leg;
    bench.command(Command::Progress { leg, status: 180, sdp: Some(SDP.into()) });
    let ringing = bench.one();
    assert!(ringing.header("RSeq") == "1" && ringing.text.ends_with(SDP), "{}", ringing.text);
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    assert!(bench.sent().is_empty(), "their answer comes first");

    let prack = call.request("PRACK", "RAck: 1 1 INVITE\r\n", &held());
    bench.receive(carrier(), prack);
    let sent = bench.sent();
    let of = |sent: &Sent| (sent.start().to_owned(), sent.header("CSeq"));
    let heads: Vec<_> = sent.iter().map(of).collect();
    let ok = |seq: &str| ("SIP/2.0 200 OK".to_owned(), seq.to_owned());
    assert_eq!(heads, [ok("2 PRACK"), ok("1 INVITE")]);
    assert!(sent.iter().all(|sent| !sent.has("Content-Type")), "all is agreed");
    bench.receive(carrier(), call.with_seq("ACK", 1, "", ""));
    assert_eq!(bench.events(), [Event::Acked { leg, sdp: Some(held()) }]);
}

#[test]
fn an_offer_of_ours_that_nobody_acknowledges_or_answers_is_in_the_200() {
    let progress = |leg| Command::Progress { leg, status: 180, sdp: Some(SDP.into()) };
    let mut bench = Bench::new();
    let call = bench.call_with("", "");
    bench.command(progress(call.leg));
    assert!(!bench.one().has("Content-Type"), "it may not be in what may be lost");

    let mut bench = Bench::new();
    let mut call = bench.call_with("Require: 100rel\r\n", "");
    let leg = call.leg;
    bench.command(Command::Progress { leg, status: 180, sdp: None });
    bench.command(progress(leg));
    assert!(!bench.one().has("Content-Type"));
    let first = call.request("PRACK", "RAck: 1 1 INVITE\r\n", "");
    bench.receive(carrier(), first);
    assert!(bench.sent().iter().all(|sent| !sent.has("Content-Type")), "not in the second one");

    let mut bench = Bench::new();
    let mut call = bench.call_with("Require: 100rel\r\n", "");
    let leg = call.leg;
    bench.command(progress(leg));
    bench.sent();
    let silent = call.request("PRACK", "RAck: 1 1 INVITE\r\n", "");
    bench.receive(carrier(), silent);
    bench.sent();
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    assert!(bench.one().text.ends_with(SDP), "their PRACK said nothing");
    bench.receive(carrier(), call.with_seq("ACK", 1, "", &held()));
    assert_eq!(bench.events(), [Event::Acked { leg, sdp: Some(held()) }]);
}

#[test]
fn their_next_offer_is_pending_until_their_answer_came_and_then_one_for_later() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("Require: 100rel\r\n", "");
    let leg = call.leg;
    let refused = |bench: &mut Bench, call: &mut Call| {
        let offer = call.request("UPDATE", "", SDP);
        bench.receive(carrier(), offer);
        let refused = bench.one();
        (refused.start()[8..11].to_owned(), refused.has("Retry-After: "))
    };
    let (pending, later) = (("491".to_owned(), false), ("500".to_owned(), true));
    bench.command(Command::Progress { leg, status: 180, sdp: Some(SDP.into()) });
    bench.sent();
    assert_eq!(refused(&mut bench, &mut call), pending);
    let prack = call.request("PRACK", "RAck: 1 1 INVITE\r\n", &held());
    bench.receive(carrier(), prack);
    bench.sent();
    assert_eq!(refused(&mut bench, &mut call), later, "ours has its answer");
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    bench.sent();
    assert_eq!(refused(&mut bench, &mut call), later, "our answer has none");
    assert_eq!(bench.events(), []);
}
