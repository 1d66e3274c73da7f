//! Session timers that we ask for or give to who knows of them, RFC 4028; those that the peer asks for
//! are in `in_dialog`.

use super::calls_out::{LEG, to_trunk};
use super::*;

/// An answer that knows UPDATE, with this besides.
fn answered(bench: &mut Bench, more: &str) {
    answered_by(bench, &format!("Allow: INVITE, UPDATE\r\n{more}"));
}

/// An answer with this; what we had offered.
fn answered_by(bench: &mut Bench, more: &str) -> String {
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    assert_eq!(
        (sent.header("Session-Expires"), sent.header("Min-SE")),
        ("1800".into(), "90".into())
    );
    let more = format!("Contact: <sip:x@203.0.113.5>\r\n{more}");
    bench.receive(carrier(), sent.answer("200 OK", "t", &more, SDP));
    assert!(bench.one().start().starts_with("ACK "));
    assert_eq!(bench.events().len(), 1);
    body(&sent).to_owned()
}

fn body(sent: &Sent) -> &str {
    sent.text.split_once("\r\n\r\n").expect("a head").1
}

#[test]
fn a_session_that_we_asked_for_is_refreshed_by_us_where_they_say_so() {
    let mut bench = Bench::new();
    answered(&mut bench, "Session-Expires: 1800;refresher=uac\r\nRequire: timer\r\n");
    for _ in 0..3 {
        let sent = bench.pass(Duration::from_secs(900));
        assert_eq!(sent.len(), 1, "at half of the interval");
        assert!(sent[0].1.start().starts_with("UPDATE "));
        assert_eq!(sent[0].1.header("Session-Expires"), "1800;refresher=uac");
        let granted = "Session-Expires: 1800;refresher=uac\r\n";
        bench.receive(carrier(), sent[0].1.answer("200 OK", "", granted, ""));
    }
    assert_eq!((bench.events(), bench.counter("legs_live")), (Vec::new(), 1));
}

#[test]
fn who_answers_and_knows_no_update_is_refreshed_by_the_offer_once_more() {
    let mut bench = Bench::new();
    let granted = "Session-Expires: 1800;refresher=uac\r\n";
    let offered = answered_by(&mut bench, granted);
    for _ in 0..3 {
        let sent = bench.pass(Duration::from_secs(900));
        let (_, refresh) = sent.last().expect("at half of the interval");
        assert!(refresh.start().starts_with("INVITE "), "{sent:?}");
        assert_eq!(body(refresh), offered);
        bench.receive(carrier(), refresh.answer("200 OK", "", granted, SDP));
        assert!(bench.one().start().starts_with("ACK "));
    }
    assert_eq!((bench.events(), bench.counter("legs_live")), (Vec::new(), 1));
}

#[test]
fn an_offer_while_a_refresh_is_under_way_leaves_after_it_and_has_its_own_answer() {
    let granted = "Session-Expires: 1800;refresher=uac\r\n";
    for status in ["200 OK", "500 Later"] {
        let mut bench = Bench::new();
        answered_by(&mut bench, granted);
        let refresh = bench.pass(Duration::from_secs(900)).pop().expect("a refresh").1;
        let fax = SDP.replace("m=audio ", "m=image ");
        bench.command(Command::Reoffer { leg: LEG, sdp: fax.clone() });
        assert!(bench.sent().is_empty(), "one at a time");
        bench.receive(carrier(), refresh.answer(status, "", granted, SDP));
        let sent = bench.sent();
        let [ack, offer] = &sent[..] else { panic!("{sent:?}") };
        assert!(ack.start().starts_with("ACK ") && offer.start().starts_with("INVITE "));
        assert_eq!(body(offer), fax);
        assert_eq!(bench.events(), [], "the answer to the refresh is none to it");
        bench.receive(carrier(), offer.answer("200 OK", "", granted, &fax));
        assert_eq!(bench.events(), [Event::OfferAccepted { leg: LEG, sdp: fax }]);
    }
}

#[test]
fn a_session_that_they_took_over_to_refresh_ends_when_they_do_not() {
    let mut bench = Bench::new();
    answered(&mut bench, "Session-Expires: 1800;refresher=uas\r\n");
    assert!(bench.pass(Duration::from_secs(1_767)).is_empty());
    let sent = bench.pass(Duration::from_secs(1));
    assert!(sent[0].1.start().starts_with("BYE "), "32 s before the interval ends");
    assert_eq!(bench.events(), [Event::Ended { leg: LEG, cause: 102 }]);
}

#[test]
fn a_peer_that_knows_no_timers_is_called_without() {
    let mut bench = Bench::new();
    answered(&mut bench, "");
    assert!(bench.pass(Duration::from_secs(10_000)).is_empty());
    assert_eq!((bench.events(), bench.counter("legs_live")), (Vec::new(), 1));
}

#[test]
fn a_box_that_asks_for_no_session_says_nothing_of_one() {
    let mut bench = Bench::with(|config| config.session_expires_s = 0);
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    assert!(!sent.has("Session-Expires: ") && !sent.has("Min-SE: "), "{}", sent.text);
    let short = sent.answer("422 Session Interval Too Small", "t", "Min-SE: 3600\r\n", "");
    bench.receive(carrier(), short);
    assert!(bench.one().start().starts_with("ACK "));
    assert!(matches!(bench.events()[..], [Event::Failed { leg: LEG, status: 422, .. }]));
}

#[test]
fn a_session_that_is_too_short_for_them_is_asked_for_once_more_and_then_not_at_all() {
    let mut bench = Bench::new();
    bench.command(to_trunk("13900139000"));
    let mut sent = bench.one();
    for (min, asked) in [("3600", Some("3600")), ("7200", None)] {
        let more = format!("Min-SE: {min}\r\n");
        bench.receive(carrier(), sent.answer("422 Session Interval Too Small", "t", &more, ""));
        let reaction = bench.sent();
        let [ack, again] = &reaction[..] else { panic!("{reaction:?}") };
        assert!(ack.start().starts_with("ACK ") && again.start().starts_with("INVITE "));
        match asked {
            Some(asked) => {
                assert_eq!(
                    (again.header("Session-Expires"), again.header("Min-SE")),
                    (asked.into(), min.into())
                );
            }
            None => assert!(!again.has("Session-Expires: "), "{}", again.text),
        }
        assert_eq!(again.header("Call-ID"), sent.header("Call-ID"));
        sent = again.clone();
    }
    assert_eq!(sent.header("CSeq"), "3 INVITE");
    assert_eq!(bench.events(), []);
    bench.receive(carrier(), sent.answer("422 Session Interval Too Small", "t", "", ""));
    assert!(bench.one().start().starts_with("ACK "));
    assert!(matches!(bench.events()[..], [Event::Failed { leg: LEG, status: 422, .. }]));
}

#[test]
fn a_refresh_that_comes_too_early_for_them_takes_their_interval() {
    let mut bench = Bench::new();
    answered(&mut bench, "Session-Expires: 1800;refresher=uac\r\n");
    let sent = bench.pass(Duration::from_secs(900));
    let refused = sent[0].1.answer("422 Session Interval Too Small", "", "Min-SE: 2400\r\n", "");
    bench.receive(carrier(), refused);
    let again = bench.pass(Duration::from_millis(1));
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].1.header("Session-Expires"), "2400;refresher=uac");
    let granted = "Session-Expires: 2400;refresher=uac\r\n";
    bench.receive(carrier(), again[0].1.answer("200 OK", "", granted, ""));
    assert!(bench.pass(Duration::from_secs(1_199)).is_empty());
    assert_eq!(bench.pass(Duration::from_secs(1)).len(), 1, "at half of theirs");
    assert_eq!((bench.events(), bench.counter("legs_live")), (Vec::new(), 1));
}

/// A call of a peer with these lines, answered and acknowledged; our answer.
fn answers(bench: &mut Bench, more: &str) -> (Call, Sent) {
    let mut call = bench.call_with(&format!("Allow: INVITE, UPDATE\r\n{more}"), SDP);
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    let answer = bench.one();
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    bench.events();
    (call, answer)
}

#[test]
fn a_caller_who_knows_timers_and_asks_for_none_gets_one_that_we_refresh() {
    let mut bench = Bench::new();
    let (call, answer) = answers(&mut bench, "Supported: 100rel, timer\r\n");
    assert_eq!(answer.header("Session-Expires"), "1800;refresher=uas");
    assert!(!answer.has("Require: "), "nothing is asked of them");
    for _ in 0..2 {
        let sent = bench.pass(Duration::from_secs(900));
        assert_eq!(sent.len(), 1, "at half of the interval");
        assert!(sent[0].1.start().starts_with("UPDATE "));
        let granted = "Session-Expires: 1800;refresher=uac\r\n";
        bench.receive(carrier(), sent[0].1.answer("200 OK", "", granted, ""));
    }
    // Their power is gone.
    let sent = bench.pass(Duration::from_secs(1_800));
    assert!(sent.iter().any(|(_, sent)| sent.start().starts_with("BYE ")));
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 102 }]);
}

#[test]
fn a_caller_who_takes_no_update_although_they_say_so_is_refreshed_by_an_invite() {
    for status in ["405 Method Not Allowed", "501 Not Implemented"] {
        let mut bench = Bench::new();
        answers(&mut bench, "Supported: timer\r\n");
        let update = bench.pass(Duration::from_secs(900)).remove(0).1;
        assert!(update.start().starts_with("UPDATE "));
        bench.receive(carrier(), update.answer(status, "", "", ""));
        // The session lasts, and what was refused is not tried again.
        for wait in [10, 900] {
            let sent = bench.pass(Duration::from_secs(wait));
            let (_, invite) = sent.last().expect("a refresh");
            assert!(invite.start().starts_with("INVITE "), "{sent:?}");
            let granted = "Session-Expires: 1800;refresher=uac\r\n";
            bench.receive(carrier(), invite.answer("200 OK", "", granted, SDP));
            assert!(bench.one().start().starts_with("ACK "));
        }
        assert_eq!((bench.events(), bench.counter("legs_live")), (Vec::new(), 1));
    }
}

#[test]
fn the_timer_that_we_give_is_as_long_as_they_want_and_is_given_again_with_each_offer() {
    let mut bench = Bench::new();
    let knows = "Supported: timer\r\nMin-SE: 3600\r\n";
    let (mut call, answer) = answers(&mut bench, knows);
    assert_eq!(answer.header("Session-Expires"), "3600;refresher=uas");
    let again = call.request("INVITE", knows, SDP);
    bench.receive(carrier(), again);
    bench.command(Command::AcceptOffer { leg: call.leg, sdp: SDP.into() });
    let sent = bench.sent();
    let ok = sent.iter().find(|sent| sent.start() == "SIP/2.0 200 OK").expect("an answer");
    assert_eq!(ok.header("Session-Expires"), "3600;refresher=uas");
}

#[test]
fn a_caller_who_knows_no_timers_or_a_box_that_wants_none_has_none() {
    for (seconds, more) in [(1_800, "Supported: 100rel\r\n"), (0, "Supported: timer\r\n")] {
        let mut bench = Bench::with(|config| config.session_expires_s = seconds);
        let (_, answer) = answers(&mut bench, more);
        assert!(!answer.has("Session-Expires: "), "{}", answer.text);
        assert!(bench.pass(Duration::from_secs(10_000)).is_empty());
        assert_eq!((bench.events(), bench.counter("legs_live")), (Vec::new(), 1));
    }
}

#[test]
fn a_session_begins_with_its_answer_however_long_it_rings() {
    let mut bench = Bench::new();
    let call = bench.call_with("Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", SDP);
    let sent = bench.pass(Duration::from_secs(80));
    let ends = |(_, sent): &(u64, Sent)| !sent.start().starts_with("SIP/2.0 1");
    assert!(!sent.iter().any(ends), "{sent:?}");
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    let answer = bench.one();
    assert_eq!((answer.start(), bench.events()), ("SIP/2.0 200 OK", Vec::new()));
}
