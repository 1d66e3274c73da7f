//! Inside a dialog: hold, glare, transfer, digits, refreshes, the end.

use super::*;

#[test]
fn a_hold_is_offered_to_the_switch_and_answered() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let hold = SDP.replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n");
    let reinvite = call.request("INVITE", "", &hold);
    bench.receive(carrier(), &reinvite);
    assert_eq!(
        bench.events(),
        [Event::Offer { leg: call.leg, sdp: Some(hold), source: carrier() }]
    );
    assert_eq!(bench.one().start(), "SIP/2.0 100 Trying");
    // A second one before the answer has to wait.
    let second = call.request("INVITE", "", SDP);
    bench.receive(carrier(), second);
    let busy = bench.one();
    assert!(busy.start().contains("500") && busy.has("Retry-After: "));
    bench.command(Command::AcceptOffer { leg: call.leg, sdp: SDP.into() });
    assert_eq!(bench.one().start(), "SIP/2.0 200 OK");
    let repeated = bench.pass(Duration::from_millis(600));
    let accepted = repeated.iter().filter(|(_, sent)| sent.start().contains("200 OK"));
    assert_eq!(accepted.count(), 1, "repeated until its ACK");
}

#[test]
fn a_refused_offer_leaves_the_dialog_as_it_was() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let reinvite = call.request("INVITE", "", SDP);
    bench.receive(carrier(), reinvite);
    bench.sent();
    bench.command(Command::RejectOffer { leg: call.leg, status: 488 });
    assert!(bench.one().start().contains("488"));
    let update = call.request("UPDATE", "", SDP);
    bench.receive(carrier(), update);
    bench.command(Command::AcceptOffer { leg: call.leg, sdp: SDP.into() });
    let accepted = bench.one();
    assert!(accepted.start().contains("200") && accepted.has("CSeq: 3 UPDATE"));
    assert_eq!(bench.counter("legs_live"), 1);
}

#[test]
fn our_offer_is_answered_and_every_repeated_answer_gets_its_ack() {
    let mut bench = Bench::new();
    let call = bench.talk();
    bench.command(Command::Reoffer { leg: call.leg, sdp: SDP.into() });
    let reinvite = bench.one();
    assert_eq!(reinvite.start(), "INVITE sip:a@203.0.113.5:5060 SIP/2.0");
    let answer = reinvite.answer("200 OK", "", "Contact: <sip:b@203.0.113.5:5062>\r\n", SDP);
    bench.receive(carrier(), &answer);
    let ack = bench.one();
    assert_eq!(ack.start(), "ACK sip:b@203.0.113.5:5062 SIP/2.0", "their target moved");
    assert_eq!(bench.events(), [Event::OfferAccepted { leg: call.leg, sdp: SDP.into() }]);
    bench.receive(carrier(), &answer);
    assert_eq!(bench.one().text, ack.text);
    assert!(bench.events().is_empty());
}

#[test]
fn crossing_offers_give_way_and_ours_is_tried_again() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    bench.command(Command::Reoffer { leg: call.leg, sdp: SDP.into() });
    let ours = bench.one();
    let theirs = call.request("INVITE", "", SDP);
    bench.receive(carrier(), theirs);
    assert_eq!(bench.one().start(), "SIP/2.0 491 Request Pending");
    let glare = ours.answer("491 Request Pending", "", "", "");
    bench.receive(carrier(), glare);
    assert!(bench.one().start().starts_with("ACK "));
    assert!(bench.events().is_empty());
    // We did not begin the dialog, so we wait for less than two seconds.
    let again = bench.pass(Duration::from_secs(2));
    let invites: Vec<_> = again.iter().filter(|(_, s)| s.start().starts_with("INVITE")).collect();
    assert!(!invites.is_empty(), "{again:?}");
    let refused = invites[0].1.answer("488 No", "", "", "");
    bench.receive(carrier(), refused);
    assert_eq!(bench.events(), [Event::OfferRejected { leg: call.leg, status: 488 }]);
}

#[test]
fn a_dialog_that_the_peer_does_not_know_ends() {
    let mut bench = Bench::new();
    let call = bench.talk();
    bench.command(Command::Reoffer { leg: call.leg, sdp: SDP.into() });
    let reinvite = bench.one();
    bench.receive(carrier(), reinvite.answer("481 Gone", "", "", ""));
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 102 }]);
    assert_eq!(bench.counter("legs_live"), 0);
}

/// A gateway that does not know T.38 may drop the question, and carries the fax in sound.
#[test]
fn who_does_not_answer_an_offer_of_fax_keeps_the_call_and_of_audio_does_not() {
    let fax = SDP.replace("m=audio ", "m=image ");
    for (sdp, goes_on) in [(fax.as_str(), true), (SDP, false)] {
        for says in [None, Some("408 Request Timeout")] {
            let mut bench = Bench::new();
            let call = bench.talk();
            bench.command(Command::Reoffer { leg: call.leg, sdp: sdp.into() });
            let reinvite = bench.one();
            if let Some(status) = says {
                bench.receive(carrier(), reinvite.answer(status, "", "", ""));
            }
            let sent = bench.pass(Duration::from_secs(33));
            let said_bye = sent.iter().any(|(_, sent)| sent.start().starts_with("BYE "))
                || bench.starts().iter().any(|start| start.starts_with("BYE "));
            let expected = match goes_on {
                true => Event::OfferRejected { leg: call.leg, status: 408 },
                false => Event::Ended { leg: call.leg, cause: 102 },
            };
            assert_eq!(bench.events(), [expected], "{says:?} to {sdp}");
            assert_eq!((said_bye, bench.counter("legs_live")), (!goes_on, u64::from(goes_on)));
        }
    }
}

#[test]
fn who_is_asked_for_a_sign_is_there_by_any_answer_and_gone_without_one() {
    let gone = |leg| vec![Event::Ended { leg, cause: 102 }];
    for (status, is_there) in [("200 OK", true), ("405 No", true), ("481 Gone", false)] {
        let mut bench = Bench::new();
        let call = bench.talk();
        bench.command(Command::Probe { leg: call.leg });
        let options = bench.one();
        assert_eq!(options.start(), "OPTIONS sip:a@203.0.113.5:5060 SIP/2.0");
        bench.receive(carrier(), options.answer(status, "", "", ""));
        let expected = if is_there { Vec::new() } else { gone(call.leg) };
        assert_eq!(bench.events(), expected, "{status}");
    }
    let mut bench = Bench::new();
    let call = bench.talk();
    bench.command(Command::Probe { leg: call.leg });
    bench.pass(Duration::from_secs(31));
    assert!(bench.events().is_empty());
    let said = bench.pass(Duration::from_secs(2));
    assert!(said.iter().any(|(_, sent)| sent.start().starts_with("BYE ")), "{said:?}");
    assert_eq!(bench.events(), gone(call.leg));
    assert_eq!(bench.counter("legs_live"), 0);
}

/// After a kill all who paused are due in one moment.
#[test]
fn many_who_are_to_be_asked_for_a_sign_are_asked_a_few_at_a_time_and_each_once() {
    let mut bench = Bench::new();
    let calls: Vec<Call> = (0..35).map(|_| bench.talk()).collect();
    for call in &calls {
        bench.command(Command::Probe { leg: call.leg });
    }
    let first = bench.sent();
    assert_eq!(first.len(), 10, "in one moment");
    for call in &calls[10..] {
        bench.command(Command::Probe { leg: call.leg });
    }
    let later = bench.pass(Duration::from_millis(400));
    let mut moments = std::collections::BTreeMap::<u64, usize>::new();
    for (ms, _) in &later {
        *moments.entry(*ms).or_default() += 1;
    }
    assert_eq!(moments.into_values().collect::<Vec<_>>(), [10, 10, 5]);
    let mut asked: Vec<String> = Vec::new();
    for sent in first.iter().chain(later.iter().map(|(_, sent)| sent)) {
        assert!(sent.start().starts_with("OPTIONS "), "{}", sent.text);
        asked.push(sent.header("Call-ID"));
    }
    let mut named: Vec<String> = calls.iter().map(Call::call_id).collect();
    asked.sort_unstable();
    named.sort_unstable();
    assert_eq!(asked, named);
    bench.command(Command::Probe { leg: calls[0].leg });
    assert!(bench.one().start().starts_with("OPTIONS "), "one alone waits for nobody");
}

#[test]
fn who_hangs_up_before_their_turn_is_not_asked_for_a_sign() {
    let mut bench = Bench::new();
    let calls: Vec<Call> = (0..12).map(|_| bench.talk()).collect();
    for call in &calls {
        bench.command(Command::Probe { leg: call.leg });
    }
    bench.command(Command::Hangup { leg: calls[10].leg, cause: 16 });
    bench.sent();
    let later = bench.pass(Duration::from_millis(400));
    let [(_, asked)] = &later[..] else { panic!("{later:?}") };
    assert!(asked.start().starts_with("OPTIONS "), "{}", asked.text);
    assert_eq!(asked.header("Call-ID"), calls[11].call_id());
    assert!(bench.pass(Duration::from_millis(50)).is_empty());
}

#[test]
fn a_blind_transfer_reports_how_it_goes() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let refer = call.request("REFER", "Refer-To: <sip:1002@192.0.2.1>\r\n", "");
    bench.receive(carrier(), refer);
    let told = Event::Refer { leg: call.leg, target: "1002".into(), replaces: None };
    assert_eq!(bench.events(), [told]);
    let second = call.request("REFER", "Refer-To: <sip:1003@192.0.2.1>\r\n", "");
    bench.receive(carrier(), second);
    assert!(bench.one().start().contains("491"));
    bench.command(Command::AcceptRefer { leg: call.leg });
    let sent = bench.sent();
    assert_eq!(sent[0].start(), "SIP/2.0 202 Accepted");
    assert_eq!(sent[1].header("Event"), "refer");
    assert!(sent[1].has("SIP/2.0 100 Trying\r\n") && sent[1].has("Subscription-State: active"));
    bench.command(Command::ReferProgress { leg: call.leg, status: 200 });
    let last = bench.one();
    assert!(last.has("SIP/2.0 200 OK\r\n") && last.has("terminated;reason=noresource"));
    bench.command(Command::ReferProgress { leg: call.leg, status: 200 });
    assert!(bench.sent().is_empty(), "the subscription is over");
    for (refer_to, status) in [
        ("<sip:1002@h?Replaces=x%3Bto-tag%3Da>", "481"),
        ("<soap.beep:1002>", "416"),
        ("<sip:h>", "404"),
    ] {
        let refer = call.request("REFER", &format!("Refer-To: {refer_to}\r\n"), "");
        bench.receive(carrier(), refer);
        assert!(bench.one().start().contains(status), "{refer_to}");
    }
}

#[test]
fn an_attended_transfer_names_a_dialog_of_ours_and_no_other() {
    let mut bench = Bench::new();
    let mut first = bench.talk();
    let second = bench.talk();
    let ringing = bench.call();
    let replaces = |call_id: &str, to: &str, more: &str| {
        format!(
            "Refer-To: <sip:1003@192.0.2.1?Require=replaces&Replaces={}%3Bto-tag%3D{to}\
             %3Bfrom-tag%3Dcaller{more}>\r\n",
            call_id.replace('@', "%40")
        )
    };
    let (own, other) = (second.call_id(), first.call_id());
    for (named, status) in [
        (replaces("nobody", &second.tag, ""), "481"),
        (replaces(&other, &second.tag, ""), "481"),
        (replaces(&own, "guessed", ""), "481"),
        (replaces(&own, &second.tag, "x"), "481"),
        (replaces(&own, &second.tag, "%3Bearly-only"), "486"),
        (replaces(&ringing.call_id(), &ringing.tag, ""), "491"),
    ] {
        let refer = first.request("REFER", &named, "");
        bench.receive(carrier(), refer);
        assert!(bench.one().start().contains(status), "{named}");
        assert_eq!(bench.events(), [], "{named}");
    }
    assert_eq!(bench.counter("refused_replaces"), 4);
    let refer = first.request("REFER", &replaces(&own, &second.tag, ""), "");
    bench.receive(carrier(), refer);
    let (leg, replaces) = (first.leg, Some(second.leg));
    assert_eq!(bench.events(), [Event::Refer { leg, target: "1003".into(), replaces }]);
}

#[test]
fn digits_by_info_reach_the_switch() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let info = call.request(
        "INFO",
        "Content-Type: application/dtmf-relay\r\n",
        "Signal=5\r\nDuration=200\r\n",
    );
    bench.receive(carrier(), &info);
    bench.receive(carrier(), &info);
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
    let digit = Event::Digit { leg: call.leg, digit: '5', duration_ms: 200 };
    assert_eq!(bench.events(), [digit], "once, however often it was sent");
    let strange = call.request("INFO", "Content-Type: text/plain\r\n", "hello");
    bench.receive(carrier(), strange);
    assert!(bench.one().start().contains("415"));
}

#[test]
fn a_bye_ends_the_leg_and_every_request_that_waits_in_it() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let reinvite = call.request("INVITE", "", SDP);
    bench.receive(carrier(), reinvite);
    bench.sent();
    bench.events();
    let bye = call.request("BYE", "Reason: SIP;cause=200, Q.850 ;cause=31\r\n", "");
    bench.receive(carrier(), &bye);
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 31 }]);
    bench.receive(carrier(), &bye);
    assert_eq!(bench.one().start(), "SIP/2.0 200 OK", "the repetition gets the same answer");
    let late = call.request("INFO", "", "");
    bench.receive(carrier(), late);
    assert!(bench.one().start().contains("481"));
}

#[test]
fn an_older_request_and_a_strangers_request_are_refused() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let newer = call.with_seq("OPTIONS", 50, "", "");
    bench.receive(carrier(), newer);
    assert!(bench.one().start().contains("200"));
    let older = call.request("INFO", "", "");
    bench.receive(carrier(), older);
    assert!(bench.one().start().contains("500"));
    let stranger = call.with_seq("BYE", 60, "", "").replace("tag=caller", "tag=other");
    bench.receive(carrier(), stranger);
    assert!(bench.one().start().contains("481"));
    let unknown = call.with_seq("FOO", 70, "", "");
    bench.receive(carrier(), unknown);
    let refused = bench.one();
    assert!(refused.start().contains("501") && refused.header("Allow").contains("UPDATE"));
    assert_eq!(bench.counter("legs_live"), 1);
}

#[test]
fn a_session_that_the_peer_refreshes_ends_when_it_stops() {
    let mut bench = Bench::new();
    let more = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let mut call = bench.call_with(more, SDP);
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    let answer = bench.one();
    assert_eq!(answer.header("Session-Expires"), "90;refresher=uac");
    assert_eq!(answer.header("Require"), "timer");
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    assert!(bench.pass(Duration::from_secs(50)).is_empty());
    let update = call.request("UPDATE", more, "");
    bench.receive(carrier(), update);
    assert!(bench.one().has("Session-Expires: 90;refresher=uac\r\n"));
    bench.events();
    assert!(bench.pass(Duration::from_secs(50)).is_empty(), "it started over");
    let sent = bench.pass(Duration::from_secs(15));
    assert!(sent[0].1.start().starts_with("BYE "));
    assert_eq!(bench.events(), [Event::Ended { leg: call.leg, cause: 102 }]);
}

#[test]
fn a_session_that_we_refresh_goes_on_while_it_is_answered() {
    let mut bench = Bench::new();
    let more = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 100;refresher=uas\r\n";
    let mut call = bench.call_with(more, SDP);
    bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    assert_eq!(bench.one().header("Session-Expires"), "100;refresher=uas");
    let ack = call.ack("");
    bench.receive(carrier(), ack);
    bench.events();
    for _ in 0..3 {
        let sent = bench.pass(Duration::from_secs(50));
        let (_, update) = sent.last().expect("a refresh at half of the interval");
        assert!(update.start().starts_with("UPDATE "), "{}", update.start());
        assert_eq!(update.header("Session-Expires"), "100;refresher=uac");
        let granted = update.answer("200 OK", "", "Session-Expires: 100;refresher=uac\r\n", "");
        bench.receive(carrier(), granted);
    }
    assert!(bench.events().is_empty());
    let short = bench.request("INVITE", "95105688", "Session-Expires: 30\r\n", SDP);
    bench.receive(carrier(), short);
    assert_eq!(bench.one().header("Min-SE"), "90");
}
