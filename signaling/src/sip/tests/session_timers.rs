//! Session timers that we ask for, RFC 4028; those that the peer asks for are in `in_dialog`.

use super::calls_out::{LEG, to_trunk};
use super::*;

/// An answer that knows UPDATE, with this besides.
fn answered(bench: &mut Bench, more: &str) {
    bench.command(to_trunk("13900139000"));
    let sent = bench.one();
    assert_eq!(
        (sent.header("Session-Expires"), sent.header("Min-SE")),
        ("1800".into(), "90".into())
    );
    let more = format!("Contact: <sip:x@203.0.113.5>\r\nAllow: INVITE, UPDATE\r\n{more}");
    bench.receive(carrier(), sent.answer("200 OK", "t", &more, SDP));
    assert!(bench.one().start().starts_with("ACK "));
    assert_eq!(bench.events().len(), 1);
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
