//! Refreshes of ours that are refused (RFC 4028 §10): when the next one is tried, and what ends the call.

use super::calls_out::{LEG, to_trunk};
use super::trunks::{CHALLENGE, with_credentials};
use super::*;

const GRANTED: &str = "Session-Expires: 1800;refresher=uac\r\n";
/// Half of the interval.
const HALF: Duration = Duration::from_secs(900);
/// From the first refresh until the session is over.
const LEFT_S: u64 = 868;

/// A call of ours that we refresh: by UPDATE where they know it.
fn refreshing(bench: Bench, knows_update: bool) -> Bench {
    refreshing_at("203.0.113.5", bench, knows_update)
}

/// The same with somebody whom the trunk names at this address.
fn refreshing_at(at: &str, mut bench: Bench, knows_update: bool) -> Bench {
    bench.command(to_trunk("13900139000"));
    let allow = if knows_update { "Allow: INVITE, UPDATE\r\n" } else { "" };
    let more = format!("Contact: <sip:x@{at}>\r\n{allow}{GRANTED}");
    let answer = bench.one().answer("200 OK", "t", &more, SDP);
    bench.receive(carrier(), answer);
    assert!(bench.one().start().starts_with("ACK "));
    bench.events();
    bench
}

/// They say this to each refresh for so long: tenths of seconds between the refreshes, and the moment of a
/// BYE in seconds after the first of them.
fn refuses(bench: &mut Bench, status: &str, more: &str, seconds: u64) -> (Vec<u64>, Option<u64>) {
    let (mut tries, mut bye) = (Vec::new(), None);
    for _ in 0..seconds * 10 {
        for (ms, sent) in bench.pass(Duration::from_millis(100)) {
            match sent.start().split(' ').next() {
                Some("UPDATE" | "INVITE") => {
                    tries.push(ms);
                    bench.receive(carrier(), sent.answer(status, "", more, ""));
                    bench.sent();
                }
                Some("BYE") => {
                    bye.get_or_insert(ms);
                    bench.receive(carrier(), sent.answer("200 OK", "", "", ""));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let first = tries[0];
    let gaps = tries.windows(2).map(|two| (two[1] - two[0]).div_ceil(100)).collect();
    (gaps, bye.map(|ms: u64| (ms - first) / 1_000))
}

fn goes_on(bench: &mut Bench) {
    assert_eq!((bench.events(), bench.counter("legs_live")), (Vec::new(), 1));
}

#[test]
fn who_refuses_a_refresh_is_there_and_the_call_goes_on() {
    for knows_update in [true, false] {
        for status in [403, 420, 488, 500, 603] {
            let mut bench = refreshing(Bench::new(), knows_update);
            let (gaps, bye) = refuses(&mut bench, &format!("{status} No"), "", 900 + 6_000);
            assert_eq!(bye, None, "{status}");
            assert_eq!(gaps[..4], [100, 200, 400, 800], "ever more seldom: {gaps:?}");
            assert!(gaps.iter().all(|gap| *gap <= 9_000), "and not for ever: {gaps:?}");
            goes_on(&mut bench);
        }
    }
}

#[test]
fn a_server_that_does_not_reach_them_and_one_to_whom_the_dialog_is_gone_keep_no_call() {
    for status in [302, 404, 410, 430, 480, 482, 502, 503, 504, 604] {
        let mut bench = refreshing(Bench::new(), true);
        let (gaps, bye) = refuses(&mut bench, &format!("{status} No"), "", 900 + LEFT_S + 60);
        assert_eq!(bye, Some(LEFT_S), "{status}: at its time");
        assert!(gaps.len() > 5, "it was tried again: {gaps:?}");
        assert_eq!(bench.events(), [Event::Ended { leg: LEG, cause: 102 }]);
        assert_eq!(bench.counter("legs_live"), 0);
    }
}

#[test]
fn a_later_try_saves_the_call() {
    let mut bench = refreshing(Bench::new(), true);
    let (_, bye) = refuses(&mut bench, "503 Down", "", 900 + 20);
    assert_eq!(bye, None);
    // Tries after 10 and 30 s: the third is taken.
    let sent = bench.pass(Duration::from_secs(10));
    let [(_, update)] = &sent[..] else { panic!("{sent:?}") };
    bench.receive(carrier(), update.answer("200 OK", "", GRANTED, ""));
    assert!(bench.pass(HALF - Duration::from_secs(1)).is_empty());
    let (gaps, _) = refuses(&mut bench, "503 Down", "", 40);
    assert_eq!(gaps[..1], [100], "what was before is forgotten");
    goes_on(&mut bench);
}

#[test]
fn the_next_try_is_when_they_say_as_long_as_the_session_lasts() {
    for status in ["500 Busy", "503 Down"] {
        let mut bench = refreshing(Bench::new(), true);
        let (gaps, _) = refuses(&mut bench, status, "Retry-After: 7\r\n", 900 + 30);
        assert_eq!(gaps[..3], [70, 70, 70], "{status}");
    }
    let mut bench = refreshing(Bench::new(), true);
    let (gaps, _) = refuses(&mut bench, "503 Down", "Retry-After: 5000\r\n", 900 + 440);
    assert_eq!(gaps, [LEFT_S / 2 * 10], "half of what is left is kept for another try");
    let mut bench = refreshing(Bench::new(), true);
    let (gaps, _) = refuses(&mut bench, "500 Busy", "Retry-After: 0\r\n", 900 + 400);
    assert_eq!(gaps, [10, 10, 10, 10, 10, 3_200], "not without a pause, and not for ever");
}

#[test]
fn an_offer_of_theirs_in_the_way_is_waited_for_some_seconds() {
    let mut bench = refreshing(Bench::new(), true);
    let (gaps, bye) = refuses(&mut bench, "491 Request Pending", "", 900 + 400);
    assert!(gaps[..5].iter().all(|gap| (21..=41).contains(gap)), "who began waits: {gaps:?}");
    assert!(gaps[5] > 41, "and is then refused as others are: {gaps:?}");
    assert_eq!(bye, None);
    goes_on(&mut bench);
}

#[test]
fn a_session_that_stays_too_short_for_them_is_not_asked_for_without_end() {
    let mut bench = refreshing(Bench::new(), true);
    let (gaps, bye) = refuses(&mut bench, "422 Too Small", "Min-SE: 1800\r\n", 900 + 3_600);
    assert_eq!((&gaps[..3], bye), (&[100, 200, 400][..], None));
    goes_on(&mut bench);
}

#[test]
fn no_answer_and_one_of_who_knows_no_such_dialog_end_the_call_at_once() {
    for status in ["408 Request Timeout", "481 Gone"] {
        for knows_update in [true, false] {
            let mut bench = refreshing(Bench::new(), knows_update);
            let refresh = bench.pass(HALF).remove(0).1;
            bench.receive(carrier(), refresh.answer(status, "", "", ""));
            assert!(bench.starts().iter().any(|start| start.starts_with("BYE ")), "{status}");
            assert_eq!(bench.events(), [Event::Ended { leg: LEG, cause: 102 }]);
        }
    }
}

#[test]
fn a_trunk_that_asks_about_a_refresh_gets_credentials_once_and_no_other_realm_does() {
    for (knows_update, method) in [(true, "UPDATE"), (false, "INVITE")] {
        for realm in ["carrier", "evil"] {
            let mut bench = refreshing(with_credentials("carrier"), knows_update);
            let first = bench.pass(HALF).remove(0).1;
            assert!(first.start().starts_with(method) && !first.has("Proxy-Authorization"));
            let challenge = CHALLENGE.replace("carrier", realm);
            bench.receive(carrier(), first.answer("407 Proof", "", &challenge, ""));
            let mut sent = bench.sent();
            sent.retain(|sent| !sent.start().starts_with("ACK "));
            if realm == "evil" {
                assert!(sent.is_empty(), "{sent:?}");
                continue;
            }
            let [again] = &sent[..] else { panic!("{sent:?}") };
            assert_eq!(again.start(), first.start());
            assert_eq!(again.header("Session-Expires"), first.header("Session-Expires"));
            assert_ne!(again.header("CSeq"), first.header("CSeq"));
            let proof = again.header("Proxy-Authorization");
            assert!(proof.contains("username=\"gw\"") && !proof.contains("hunter2"));
            bench.receive(carrier(), again.answer("407 Proof", "", &challenge, ""));
            assert!(bench.starts().iter().all(|start| start.starts_with("ACK ")), "once");
            let next = bench.pass(Duration::from_secs(10)).pop().expect("the next try").1;
            bench.receive(carrier(), next.answer("407 Proof", "", &challenge, ""));
            let proven = bench.sent().pop().expect("it is proven anew");
            let body = if knows_update { "" } else { SDP };
            bench.receive(carrier(), proven.answer("200 OK", "", GRANTED, body));
            bench.sent();
            let later = bench.pass(HALF - Duration::from_secs(1));
            assert!(later.is_empty(), "{later:?}");
            goes_on(&mut bench);
        }
    }
}

#[test]
fn a_refresh_that_goes_past_its_trunk_gets_no_credentials() {
    for knows_update in [true, false] {
        let mut bench = refreshing_at("198.51.100.9", with_credentials("carrier"), knows_update);
        let refresh = bench.pass(HALF).remove(0).1;
        assert_eq!(refresh.to, Host::Address(peer("198.51.100.9:5060")));
        bench.receive(carrier(), refresh.answer("407 Proof", "", CHALLENGE, ""));
        assert!(bench.starts().iter().all(|start| start.starts_with("ACK ")));
        goes_on(&mut bench);
    }
}

#[test]
fn a_trunk_asks_about_an_offer_again_that_one_of_theirs_was_in_the_way_of() {
    let mut bench = refreshing(with_credentials("carrier"), true);
    bench.command(Command::Reoffer { leg: LEG, sdp: SDP.into() });
    let mut offer = bench.one();
    for (last, body) in [("491 Request Pending", ""), ("200 OK", SDP)] {
        assert!(!offer.has("Proxy-Authorization"), "{}", offer.text);
        bench.receive(carrier(), offer.answer("407 Proof", "", CHALLENGE, ""));
        let proven = bench.sent().pop().expect("it is said with credentials");
        assert!(proven.has("Proxy-Authorization: Digest username=\"gw\""), "{}", proven.text);
        bench.receive(carrier(), proven.answer(last, "", "", body));
        assert!(bench.one().start().starts_with("ACK "));
        if body.is_empty() {
            offer = bench.pass(Duration::from_secs(4)).remove(0).1;
        }
    }
    assert_eq!(bench.events(), [Event::OfferAccepted { leg: LEG, sdp: SDP.into() }]);
}

#[test]
fn who_called_over_a_trunk_learns_no_credentials_from_a_refresh() {
    let mut bench = with_credentials("carrier");
    let mut call = bench.call_with("Allow: INVITE, UPDATE\r\nSupported: timer\r\n", SDP);
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    bench.sent();
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    bench.events();
    let update = bench.pass(HALF).remove(0).1;
    bench.receive(carrier(), update.answer("407 Proof", "", CHALLENGE, ""));
    assert!(bench.sent().is_empty());
    goes_on(&mut bench);
}

#[test]
fn a_refresh_of_theirs_keeps_the_call_whatever_became_of_ours() {
    let mut bench = Bench::new();
    let mut call = bench.call_with("Allow: INVITE, UPDATE\r\nSupported: timer\r\n", SDP);
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    bench.sent();
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    bench.events();
    let (_, bye) = refuses(&mut bench, "503 Down", "", 900 + 600);
    assert_eq!(bye, None);
    let more = "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n";
    let theirs = call.request("UPDATE", more, "");
    bench.receive(carrier(), theirs);
    assert_eq!(bench.one().start(), "SIP/2.0 200 OK");
    assert!(bench.pass(Duration::from_secs(1_700)).is_empty(), "they refresh now");
    goes_on(&mut bench);
}
