//! The process is killed, and the next core goes on with its dialogs and phones.

use super::*;
use crate::kept::{Change, Key};
use crate::sip::user_agent::{Destination, Invite};
use std::collections::BTreeMap;
use terms::TrunkId;

const LEG: LegId = LegId(900);

/// A core that says what is to be kept, and what it said.
struct Kept {
    bench: Bench,
    records: BTreeMap<Key, Change>,
}

impl Kept {
    fn new() -> Self {
        Kept { bench: keeping(), records: BTreeMap::new() }
    }

    /// Another core in its place; what it sends at once.
    fn kill(&mut self) -> Vec<Sent> {
        for change in self.bench.core.take_changes() {
            match change.value {
                Some(_) => self.records.insert(change.key, change),
                None => self.records.remove(&change.key),
            };
        }
        let mut next = keeping();
        (next.ms, next.branch) = (self.bench.ms + 400, self.bench.branch);
        let records: Vec<Change> = self.records.values().cloned().collect();
        let now = next.now();
        next.core.restore(now, &records);
        self.bench = next;
        self.bench.sent()
    }
}

fn keeping() -> Bench {
    Bench::with(|config| {
        browsers::listen(config);
        config.keeps = true;
    })
}

fn invite(to: Destination) -> Command {
    let (from_user, from_name) = ("95105688".to_owned(), String::new());
    let (sdp, headers) = (SDP.to_owned(), Vec::new());
    Command::Invite(Box::new(Invite {
        leg: LEG,
        to,
        from_user,
        from_name,
        sdp,
        elsewhere: Vec::new(),
        browser: false,
        other_way: false,
        not_at: None,
        category: None,
        headers,
    }))
}

#[test]
fn their_bye_ends_a_restored_dialog_and_a_strange_one_does_not() {
    let mut kept = Kept::new();
    let mut call = kept.bench.talk();
    assert!(kept.kill().is_empty(), "nobody is told of it");
    assert_eq!(kept.bench.counter("legs_live"), 1);
    let strange = call.request("BYE", "", "").replace(&call.tag, "0123456789abcdef");
    kept.bench.receive(carrier(), strange);
    assert!(kept.bench.one().start().contains("481"));
    let bye = call.request("BYE", "", "");
    kept.bench.receive(carrier(), bye);
    assert_eq!(kept.bench.one().start(), "SIP/2.0 200 OK");
    assert_eq!(kept.bench.events(), [Event::Ended { leg: call.leg, cause: 16 }]);
    kept.kill();
    assert_eq!(kept.bench.counter("legs_live"), 0, "what has ended is not kept");
}

#[test]
fn our_requests_in_a_restored_dialog_follow_those_of_before() {
    let mut kept = Kept::new();
    let call = kept.bench.talk();
    kept.bench.command(Command::Reoffer { leg: call.leg, sdp: SDP.into() });
    let before = kept.bench.one();
    let answer = before.answer("200 OK", "", "Contact: <sip:b@203.0.113.5:5062>\r\n", SDP);
    kept.bench.receive(carrier(), &answer);
    kept.bench.sent();
    kept.kill();
    kept.bench.command(Command::Hangup { leg: call.leg, cause: 16 });
    let bye = kept.bench.one();
    assert_eq!(bye.start(), "BYE sip:b@203.0.113.5:5062 SIP/2.0", "their newest target");
    let seq = |sent: &Sent| {
        let text = sent.header("CSeq");
        text.split(' ').next().and_then(|n| n.parse::<u32>().ok()).expect("a number")
    };
    assert!(seq(&bye) > seq(&before), "{} after {}", seq(&bye), seq(&before));
    for name in ["From", "To", "Call-ID"] {
        assert_eq!(bye.header(name), before.header(name));
    }
}

#[test]
fn our_bye_in_a_restored_dialog_that_speaks_isup_has_its_release() {
    let mut kept = Kept::new();
    let mut plan = plan();
    plan.trunks[0].sip_i = true;
    kept.bench.core.set_plan(kept.bench.now(), &plan);
    kept.bench.command(invite(Destination::Trunk(TENANT, TrunkId(1), "010".into())));
    let sent = kept.bench.one();
    let contact = "Contact: <sip:b@203.0.113.5>\r\n";
    kept.bench.receive(carrier(), sent.answer("200 OK", "t", contact, SDP));
    kept.bench.sent();
    kept.kill();
    kept.bench.command(Command::Hangup { leg: LEG, cause: 31 });
    let bye = kept.bench.one();
    assert!(bye.start().starts_with("BYE "), "{}", bye.text);
    assert!(bye.header("Content-Type").starts_with("application/isup;"), "{}", bye.text);
}

#[test]
fn a_re_invite_in_a_restored_dialog_is_offered_and_a_copy_of_the_first_invite_is_not_a_new_call() {
    let mut kept = Kept::new();
    let mut call = kept.bench.talk();
    kept.kill();
    let hold = SDP.replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n");
    let reinvite = call.request("INVITE", "", &hold);
    kept.bench.receive(carrier(), &reinvite);
    assert_eq!(
        kept.bench.events(),
        [Event::Offer { leg: call.leg, sdp: Some(hold), source: carrier() }]
    );
    kept.bench.sent();
    // The trunk's own copy, on another way.
    let copy = call.invite.replace("branch=z9hG4bKt", "branch=z9hG4bKother");
    kept.bench.receive(carrier(), copy);
    assert!(kept.bench.one().start().contains("482"));
}

#[test]
fn a_session_timer_runs_on() {
    let mut kept = Kept::new();
    let more = "Session-Expires: 120;refresher=uac\r\nSupported: timer\r\n";
    let mut call = kept.bench.call_with(more, SDP);
    kept.bench.command(Command::Answer { leg: call.leg, sdp: SDP.into() });
    kept.bench.sent();
    let ack = call.ack("");
    kept.bench.receive(carrier(), ack);
    kept.bench.pass(Duration::from_secs(60));
    kept.kill();
    kept.bench.events();
    let sent = kept.bench.pass(Duration::from_secs(35));
    assert!(sent.iter().any(|(_, sent)| sent.start().starts_with("BYE ")), "nobody refreshed");
    assert_eq!(kept.bench.events(), [Event::Ended { leg: call.leg, cause: 102 }]);
}

#[test]
fn a_registered_phone_is_rung_and_one_behind_a_connection_is_not() {
    let mut kept = Kept::new();
    kept.bench.register(phone(), "sip:1001@198.51.100.7:5070");
    kept.kill();
    let registered = Event::Registered { tenant: TENANT, agent: AGENT, registered: true };
    assert_eq!(kept.bench.events(), [registered]);
    kept.bench.command(invite(Destination::Agent(TENANT, AGENT)));
    assert_eq!(kept.bench.one().start(), "INVITE sip:1001@198.51.100.7:5070 SIP/2.0");
    kept.bench.pass(Duration::from_secs(700));
    kept.kill();
    assert!(kept.bench.events().is_empty(), "it has expired");
}

#[test]
fn a_browsers_dialog_goes_on_over_the_socket_that_it_opens_next() {
    let mut kept = Kept::new();
    browsers::register(&mut kept.bench, browsers::WSS, 7, browsers::CONTACT);
    browsers::talk(&mut kept.bench, 7);
    kept.bench.sent();
    assert!(kept.kill().is_empty());
    assert!(kept.bench.events().is_empty(), "its registration went with its socket");
    browsers::register(&mut kept.bench, browsers::WSS, 1, browsers::CONTACT);
    assert_eq!(kept.bench.counter("dialogs_rebound"), 1);
    kept.bench.command(Command::Hangup { leg: LEG, cause: 16 });
    let bye = kept.bench.one();
    assert!(bye.start().starts_with("BYE "), "{}", bye.text);
    assert_eq!(bye.connection, Some(ConnectionId(1)));
}

#[test]
fn a_phone_that_rang_is_told_to_stop_and_one_that_answers_gets_its_bye() {
    for answers in [false, true] {
        let mut kept = Kept::new();
        kept.bench.register(phone(), "sip:1001@198.51.100.7:5070");
        kept.bench.command(invite(Destination::Agent(TENANT, AGENT)));
        let first = kept.bench.one();
        kept.bench.receive(phone(), first.answer("180 Ringing", "t", "", ""));
        let again = kept.kill();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].text, first.text, "a repetition, under the same branch");
        assert_eq!(kept.bench.counter("legs_live"), 0);
        if answers {
            let contact = "Contact: <sip:1001@198.51.100.7:5070>\r\n";
            kept.bench.receive(phone(), first.answer("200 OK", "t", contact, SDP));
            let starts = kept.bench.starts();
            let words: Vec<&str> = starts.iter().filter_map(|s| s.split(' ').next()).collect();
            assert_eq!(words, ["ACK", "BYE"]);
        } else {
            kept.bench.receive(phone(), first.answer("180 Ringing", "t", "", ""));
            let cancel = kept.bench.one();
            assert!(cancel.start().starts_with("CANCEL "));
            assert_eq!(cancel.header("Via"), first.header("Via"));
            kept.bench.receive(phone(), first.answer("487 Gone", "t", "", ""));
            assert!(kept.bench.one().start().starts_with("ACK "));
        }
        let events = kept.bench.events();
        assert!(events.iter().all(|e| matches!(e, Event::Registered { .. })), "{events:?}");
    }
}

#[test]
fn a_trunk_counts_restored_calls() {
    let mut kept = Kept::new();
    kept.bench.command(invite(Destination::Trunk(TENANT, TrunkId(1), "010".into())));
    let sent = kept.bench.one();
    let contact = "Contact: <sip:x@203.0.113.5:5060>\r\n";
    kept.bench.receive(carrier(), sent.answer("200 OK", "t", contact, SDP));
    kept.bench.sent();
    kept.kill();
    let key = (TENANT, TrunkId(1));
    assert_eq!(kept.bench.core.trunks.get(key).map(|trunk| trunk.calls()), Some(1));
    kept.bench.command(Command::Hangup { leg: LEG, cause: 16 });
    assert!(kept.bench.one().start().starts_with("BYE "));
    assert_eq!(kept.bench.core.trunks.get(key).map(|trunk| trunk.calls()), Some(0));
}
