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
        at_desk: false,
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
fn phones_and_who_is_in_a_call_are_known_before_they_have_said_a_word() {
    let mut kept = Kept::new();
    kept.bench.register(phone(), "sip:1001@198.51.100.7:5070");
    kept.bench.events();
    kept.bench.talk();
    kept.kill();
    let known: Vec<_> = std::iter::from_fn(|| kept.bench.core.poll_known()).collect();
    assert_eq!(known.len(), 2, "{known:?}");
    for source in [phone(), carrier()] {
        assert!(known.contains(&(source.ip(), true)), "{source} in {known:?}");
    }
}

#[test]
fn a_registered_phone_is_rung_until_it_expires() {
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

const TCP: u16 = 1;

/// Phones behind a connection: the listener, and what they register.
const OVER_TCP: (u16, &str) = (TCP, "<sip:1001@10.0.0.9:61000;transport=tcp>;expires=600");
const OVER_TLS: (u16, &str) =
    (browsers::TLS, "<sip:1001@10.0.0.9:61000;transport=tls>;expires=600");

/// Such a phone registers over connection 5 and answers a call; our INVITE.
fn talks(kept: &mut Kept, listener: u16, contact: &str) -> Sent {
    let bench = &mut kept.bench;
    browsers::registers(bench, listener, 5, contact);
    bench.command(invite(Destination::Agent(TENANT, AGENT)));
    let ring = bench.one();
    assert_eq!(ring.connection, Some(ConnectionId(5)));
    let uri = contact.split(['<', '>']).nth(1).expect("a URI in brackets");
    let answer = ring.answer("200 OK", "desk", &format!("Contact: <{uri}>\r\n"), SDP);
    browsers::deliver(bench, listener, 5, browsers::laptop(), &answer);
    assert!(bench.one().start().starts_with("ACK "));
    bench.events();
    ring
}

/// What a phone says in the dialog of our INVITE.
fn within(ring: &Sent, method: &str, transport: &str) -> String {
    format!(
        "{method} sip:switchgrid@192.0.2.1:5061 SIP/2.0\r\n\
         Via: SIP/2.0/{transport} 10.0.0.9:61000;branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
         From: {};tag=desk\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 7 {method}\r\n\
         Content-Length: 0\r\n\r\n",
        ring.header("To"),
        ring.header("From"),
        ring.header("Call-ID")
    )
}

fn word(sent: &Sent) -> String {
    sent.start().split(' ').next().unwrap_or_default().to_owned()
}

fn gone() -> Event {
    Event::Registered { tenant: TENANT, agent: AGENT, registered: false }
}

#[test]
fn a_phone_behind_a_connection_is_rung_as_soon_as_it_has_another_one() {
    for (listener, contact) in [OVER_TCP, OVER_TLS] {
        let mut kept = Kept::new();
        browsers::registers(&mut kept.bench, listener, 5, contact);
        kept.kill();
        kept.kill();
        kept.bench.command(invite(Destination::Agent(TENANT, AGENT)));
        kept.bench.pass(Duration::from_secs(20));
        assert!(kept.bench.events().is_empty(), "neither gone nor failed");
        let sent = browsers::registers(&mut kept.bench, listener, 1, contact);
        assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["SIP/2.0", "INVITE"]);
        assert_eq!(sent[1].connection, Some(ConnectionId(1)));
        let answer = sent[1].answer("486 Busy Here", "desk", "", "");
        browsers::deliver(&mut kept.bench, listener, 1, browsers::laptop(), &answer);
        let events = kept.bench.events();
        let failed = |e: &&Event| matches!(e, Event::Failed { leg: LEG, status: 486, .. });
        assert_eq!(events.iter().filter(failed).count(), 1, "{events:?}");
        kept.bench.pass(Duration::from_secs(60));
        assert!(kept.bench.events().is_empty(), "it is there");
    }
}

#[test]
fn a_phone_that_does_not_come_back_in_time_is_registered_no_more_and_its_call_fails() {
    let (listener, contact) = OVER_TLS;
    let mut kept = Kept::new();
    browsers::registers(&mut kept.bench, listener, 5, contact);
    kept.kill();
    kept.bench.command(invite(Destination::Agent(TENANT, AGENT)));
    kept.bench.pass(Duration::from_secs(59));
    assert!(kept.bench.events().is_empty());
    let sent = kept.bench.pass(Duration::from_secs(2));
    assert!(sent.iter().all(|(_, sent)| word(sent) != "INVITE"), "{sent:?}");
    let events = kept.bench.events();
    let failed = Event::Failed { leg: LEG, status: 480, cause: 20 };
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events.contains(&gone()) && events.contains(&failed), "{events:?}");
    kept.bench.command(invite(Destination::Agent(TENANT, AGENT)));
    assert_eq!(kept.bench.events(), [failed], "nobody is waited for any more");
    kept.kill();
    kept.bench.pass(Duration::from_secs(61));
    assert!(kept.bench.events().is_empty(), "it is said once");
}

#[test]
fn a_call_out_of_a_queue_waits_a_moment_for_a_phone_and_is_not_taken_for_unanswered() {
    let (listener, contact) = OVER_TLS;
    let mut kept = Kept::new();
    browsers::registers(&mut kept.bench, listener, 5, contact);
    kept.kill();
    let mut offer = invite(Destination::Agent(TENANT, AGENT));
    if let Command::Invite(invite) = &mut offer {
        invite.headers.push(("X-Queue".to_owned(), "1".to_owned()));
    }
    kept.bench.command(offer.clone());
    kept.bench.pass(Duration::from_millis(1_900));
    assert_eq!(kept.bench.events(), []);
    kept.bench.pass(Duration::from_millis(200));
    let failed = Event::Failed { leg: LEG, status: 480, cause: 20 };
    assert_eq!(kept.bench.events(), [failed], "nothing rang: it is out of reach");

    kept.bench.command(offer);
    let sent = browsers::registers(&mut kept.bench, listener, 1, contact);
    assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["SIP/2.0", "INVITE"]);
    let registered = Event::Registered { tenant: TENANT, agent: AGENT, registered: true };
    assert!(kept.bench.events().contains(&registered), "which takes the agent back");
}

#[test]
fn a_call_that_waits_for_a_phone_may_be_given_up() {
    let (listener, contact) = OVER_TCP;
    let mut kept = Kept::new();
    browsers::registers(&mut kept.bench, listener, 5, contact);
    kept.kill();
    kept.bench.command(invite(Destination::Agent(TENANT, AGENT)));
    kept.bench.command(Command::Hangup { leg: LEG, cause: 16 });
    assert_eq!(kept.bench.counter("legs_live"), 0);
    let sent = browsers::registers(&mut kept.bench, listener, 1, contact);
    assert_eq!(sent.len(), 1, "it does not ring");
}

#[test]
fn the_bye_for_a_phone_behind_a_connection_goes_over_its_next_one() {
    for (listener, contact) in [OVER_TCP, OVER_TLS] {
        let mut kept = Kept::new();
        let ring = talks(&mut kept, listener, contact);
        assert!(kept.kill().is_empty());
        kept.kill();
        kept.bench.command(Command::Hangup { leg: LEG, cause: 16 });
        let at_once: Vec<String> = kept.bench.sent().iter().map(word).collect();
        let tried: &[&str] = if listener == TCP { &["BYE"] } else { &[] };
        assert_eq!(at_once, tried, "a phone over TCP may listen");
        assert_eq!(kept.bench.counter("legs_live"), 1);
        let sent = browsers::registers(&mut kept.bench, listener, 1, contact);
        assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["SIP/2.0", "BYE"]);
        let bye = &sent[1];
        assert_eq!(bye.connection, Some(ConnectionId(1)));
        assert_eq!(bye.header("Call-ID"), ring.header("Call-ID"));
        assert_eq!(kept.bench.counter("legs_live"), 0);
        let events = kept.bench.events();
        assert!(events.iter().all(|e| matches!(e, Event::Registered { .. })), "{events:?}");
    }
}

#[test]
fn an_offer_for_a_phone_over_tls_waits_for_the_next_request_of_its_dialog() {
    let (listener, contact) = OVER_TLS;
    let mut kept = Kept::new();
    let ring = talks(&mut kept, listener, contact);
    kept.kill();
    kept.bench.command(Command::Reoffer { leg: LEG, sdp: SDP.into() });
    assert!(kept.bench.sent().is_empty());
    let other = within(&ring, "OPTIONS", "TLS").replace("tag=desk", "tag=other");
    browsers::deliver(&mut kept.bench, listener, 2, carrier(), &other);
    assert!(kept.bench.one().start().contains("481"), "somebody else");
    let options = within(&ring, "OPTIONS", "TLS").replace("OPTIONS\r\nMax", "again\r\nMax");
    browsers::deliver(&mut kept.bench, listener, 1, browsers::laptop(), &options);
    let sent = kept.bench.sent();
    assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["SIP/2.0", "INVITE"]);
    assert_eq!(sent[1].connection, Some(ConnectionId(1)));
    assert_eq!(kept.bench.counter("dialogs_rebound"), 1);
    let answer = sent[1].answer("200 OK", "", "Contact: <sip:1001@10.0.0.9:61000>\r\n", SDP);
    browsers::deliver(&mut kept.bench, listener, 1, browsers::laptop(), &answer);
    let accepted = Event::OfferAccepted { leg: LEG, sdp: SDP.into() };
    assert_eq!(kept.bench.events(), [accepted]);
}

#[test]
fn what_is_due_to_a_phone_that_stays_away_is_given_up_and_its_call_is_not() {
    let (listener, contact) = OVER_TLS;
    let mut kept = Kept::new();
    let ring = talks(&mut kept, listener, contact);
    kept.kill();
    kept.bench.pass(Duration::from_secs(61));
    assert_eq!(kept.bench.events(), [gone()], "its registration alone");
    kept.bench.command(Command::Reoffer { leg: LEG, sdp: SDP.into() });
    kept.bench.pass(Duration::from_secs(59));
    assert!(kept.bench.events().is_empty());
    kept.bench.pass(Duration::from_secs(2));
    assert_eq!(kept.bench.events(), [Event::OfferRejected { leg: LEG, status: 503 }]);
    assert_eq!(kept.bench.counter("legs_live"), 1, "they talk on");
    // They hang up there: their phone says so over a new connection.
    let bye = within(&ring, "BYE", "TLS");
    browsers::deliver(&mut kept.bench, listener, 1, browsers::laptop(), &bye);
    assert_eq!(kept.bench.one().start(), "SIP/2.0 200 OK");
    assert_eq!(kept.bench.events(), [Event::Ended { leg: LEG, cause: 16 }]);
}

#[test]
fn a_leg_that_was_let_go_does_not_wait_for_its_phone_for_ever() {
    let (listener, contact) = OVER_TLS;
    let mut kept = Kept::new();
    talks(&mut kept, listener, contact);
    kept.kill();
    kept.bench.command(Command::Hangup { leg: LEG, cause: 16 });
    kept.bench.pass(Duration::from_secs(59));
    assert_eq!(kept.bench.counter("legs_live"), 1);
    kept.bench.pass(Duration::from_secs(2));
    assert_eq!(kept.bench.counter("legs_live"), 0);
    assert_eq!(kept.bench.counter("phones_not_back"), 1);
    assert_eq!(kept.bench.events(), [gone()]);
}

#[test]
fn an_offer_to_a_phone_over_tcp_that_does_not_listen_waits_for_it() {
    let (listener, contact) = OVER_TCP;
    let mut kept = Kept::new();
    talks(&mut kept, listener, contact);
    kept.kill();
    kept.bench.command(Command::Reoffer { leg: LEG, sdp: SDP.into() });
    let tried = kept.bench.one();
    assert_eq!((word(&tried).as_str(), tried.connection), ("INVITE", None));
    let tx = tried.transaction.expect("a request of ours");
    kept.bench.core.handle_unsent(kept.bench.now(), tx);
    assert!(kept.bench.events().is_empty(), "it is not rejected yet");
    let sent = browsers::registers(&mut kept.bench, listener, 1, contact);
    assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["SIP/2.0", "INVITE"]);
    assert_eq!(sent[1].connection, Some(ConnectionId(1)));
}

#[test]
fn a_phone_is_known_by_its_name_where_its_contact_has_changed() {
    let value = |host: &str, name: &str| {
        format!(
            "<sip:1001@{host}:61000;transport=tls>;expires=600;reg-id=1;+sip.instance=\"<{name}>\""
        )
    };
    let mut kept = Kept::new();
    talks(&mut kept, browsers::TLS, &value("10.0.0.9", "urn:uuid:1"));
    kept.kill();
    let (other, same) = (value("10.0.0.7", "urn:uuid:2"), value("10.0.0.8", "urn:uuid:1"));
    browsers::registers(&mut kept.bench, browsers::TLS, 1, &other);
    assert_eq!(kept.bench.counter("dialogs_rebound"), 0, "another phone of the same agent");
    browsers::registers(&mut kept.bench, browsers::TLS, 2, &same);
    assert_eq!(kept.bench.counter("dialogs_rebound"), 1);
    kept.bench.command(Command::Hangup { leg: LEG, cause: 16 });
    assert_eq!(kept.bench.one().connection, Some(ConnectionId(2)));
}

#[test]
fn a_phone_whose_dialog_goes_by_datagrams_is_offered_and_told_at_once() {
    let mut kept = Kept::new();
    let at_home = "<sip:1001@198.51.100.9:61000;transport=tls>;expires=600";
    browsers::registers(&mut kept.bench, browsers::TLS, 5, at_home);
    kept.bench.command(invite(Destination::Agent(TENANT, AGENT)));
    let ring = kept.bench.one();
    let answer = ring.answer("200 OK", "desk", "Contact: <sip:1001@198.51.100.77:5070>\r\n", SDP);
    browsers::deliver(&mut kept.bench, browsers::TLS, 5, browsers::laptop(), &answer);
    assert_eq!(kept.bench.one().connection, None, "its ACK is a datagram");
    kept.kill();
    kept.bench.command(Command::Reoffer { leg: LEG, sdp: SDP.into() });
    let offer = kept.bench.one();
    assert_eq!(offer.start(), "INVITE sip:1001@198.51.100.77:5070 SIP/2.0");
    assert!(offer.header("Via").starts_with("SIP/2.0/UDP "), "{}", offer.text);
    kept.bench.command(Command::Hangup { leg: LEG, cause: 16 });
    assert_eq!(kept.bench.sent().iter().map(word).collect::<Vec<_>>(), ["BYE"]);
}
