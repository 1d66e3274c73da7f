//! A phone with several flows: it is one phone, called over one of them, and told that they are kept.

use super::browsers::{TLS, WS, deliver, invite, laptop, listen, registers, registers_saying};
use super::*;

const SUPPORTS: &str = "Supported: path, outbound\r\n";

fn bench() -> Bench {
    Bench::with(listen)
}

/// A Contact of this phone on this of its ways.
fn contact(phone: u8, way: &str) -> String {
    let way = if way.is_empty() { String::new() } else { format!(";reg-id={way}") };
    format!(
        "<sip:1001@10.0.0.{phone}:61000;transport=tls>;expires=600{way}\
         ;+sip.instance=\"<urn:uuid:{phone}>\""
    )
}

/// Its two flows are the connections 5 and 6.
fn with_two_flows() -> Bench {
    let mut bench = bench();
    for (connection, way) in [(5, "1"), (6, "2")] {
        registers(&mut bench, TLS, connection, &contact(9, way));
    }
    bench.events();
    bench
}

fn word(sent: &Sent) -> &str {
    sent.start().split(' ').next().unwrap_or_default()
}

/// What the phone says to this INVITE.
fn says(bench: &mut Bench, ring: &Sent, status: &str) -> Vec<Sent> {
    let connection = ring.connection.expect("it goes over a connection");
    deliver(bench, TLS, connection.0, laptop(), &ring.answer(status, "phone", "", ""));
    bench.sent()
}

#[test]
fn a_phone_with_two_flows_is_called_once_over_the_newest_and_then_over_the_other() {
    for status in ["430 Flow Failed", "408 Request Timeout"] {
        let mut bench = with_two_flows();
        registers(&mut bench, TLS, 7, &contact(8, "1"));
        bench.events();
        bench.command(invite(false));
        let rings = bench.sent();
        let over: Vec<_> = rings.iter().filter_map(|ring| ring.connection).collect();
        assert_eq!(over, [ConnectionId(6), ConnectionId(7)], "each phone once");
        let sent = says(&mut bench, &rings[0], status);
        assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["ACK", "INVITE"], "{status}");
        assert_eq!(sent[1].connection, Some(ConnectionId(5)));
        assert_eq!(bench.counter("flows_passed_over"), 1);
        let ok = "Contact: <sip:1001@10.0.0.9:61000;transport=tls>\r\n";
        let answer = sent[1].answer("200 OK", "phone", ok, SDP);
        deliver(&mut bench, TLS, 5, laptop(), &answer);
        assert!(matches!(bench.events()[..], [Event::Answered { .. }]), "it never failed");
    }
}

#[test]
fn a_flow_that_closes_while_its_phone_rings_is_followed_by_the_next() {
    let mut bench = with_two_flows();
    bench.command(invite(false));
    let ring = bench.one();
    assert!(says(&mut bench, &ring, "180 Ringing").is_empty());
    bench.events();
    bench.core.handle_closed(bench.now(), ConnectionId(6));
    let again = bench.one();
    assert_eq!((word(&again), again.connection), ("INVITE", Some(ConnectionId(5))));
    assert_eq!(bench.events(), [], "the phone is registered, and rings");
    bench.core.handle_closed(bench.now(), ConnectionId(5));
    let failed = |event: &Event| matches!(event, Event::Failed { status: 503, .. });
    assert!(bench.events().iter().any(failed), "there is no other");
}

/// A call that the phone answers over the newer of its flows, with these lines besides.
fn talks(bench: &mut Bench, more: &str) {
    bench.command(invite(false));
    let ring = bench.one();
    let lines = format!("{IN_DIALOG}{more}");
    deliver(bench, TLS, 6, laptop(), &ring.answer("200 OK", "phone", &lines, SDP));
    let ack = bench.one();
    assert_eq!((word(&ack), ack.connection), ("ACK", Some(ConnectionId(6))));
    bench.events();
}

/// The Contact of the phone in a dialog.
const IN_DIALOG: &str = "Contact: <sip:1001@10.0.0.9:61000;transport=tls;ob>\r\n";

fn hangs_up(bench: &mut Bench) -> Sent {
    bench.command(Command::Hangup { leg: LegId(900), cause: 16 });
    let bye = bench.one();
    assert_eq!(word(&bye), "BYE");
    bye
}

#[test]
fn what_follows_in_a_dialog_goes_over_another_flow_of_the_phone_once_its_own_is_closed() {
    let mut bench = with_two_flows();
    talks(&mut bench, "");
    registers(&mut bench, TLS, 7, &contact(8, "1"));
    bench.events();
    bench.core.handle_closed(bench.now(), ConnectionId(6));
    assert!(bench.sent().is_empty() && bench.events().is_empty(), "nobody hears of it");
    assert_eq!(bench.counter("dialogs_rebound"), 1);
    bench.command(Command::Reoffer { leg: LegId(900), sdp: SDP.into() });
    let offer = bench.one();
    assert_eq!((word(&offer), offer.connection), ("INVITE", Some(ConnectionId(5))));
    deliver(&mut bench, TLS, 5, laptop(), &offer.answer("200 OK", "", IN_DIALOG, SDP));
    let ack = bench.one();
    assert_eq!((word(&ack), ack.connection), ("ACK", Some(ConnectionId(5))));
    bench.core.handle_closed(bench.now(), ConnectionId(5));
    assert_eq!(bench.counter("dialogs_rebound"), 1);
    assert_eq!(
        hangs_up(&mut bench).connection,
        Some(ConnectionId(5)),
        "the other phone is another"
    );
}

#[test]
fn a_phone_that_names_itself_otherwise_in_a_dialog_is_known_by_its_connection() {
    let mut bench = with_two_flows();
    bench.command(invite(false));
    let ring = bench.one();
    let other = IN_DIALOG.replace("1001@10.0.0.9", "line1@192.168.7.7");
    deliver(&mut bench, TLS, 6, laptop(), &ring.answer("200 OK", "phone", &other, SDP));
    bench.sent();
    bench.core.handle_closed(bench.now(), ConnectionId(6));
    assert_eq!(hangs_up(&mut bench).connection, Some(ConnectionId(5)));
}

#[test]
fn who_was_asked_for_a_sign_over_a_flow_that_closes_is_asked_over_the_other() {
    let mut bench = with_two_flows();
    talks(&mut bench, "");
    bench.command(Command::Probe { leg: LegId(900) });
    assert_eq!(bench.one().connection, Some(ConnectionId(6)));
    bench.core.handle_closed(bench.now(), ConnectionId(6));
    let again = bench.one();
    assert_eq!((word(&again), again.connection), ("OPTIONS", Some(ConnectionId(5))));
    assert_eq!(bench.events(), [], "nobody is taken for gone");
    bench.core.handle_closed(bench.now(), ConnectionId(5));
    assert!(bench.events().contains(&Event::Ended { leg: LegId(900), cause: 102 }));
}

#[test]
fn a_dialog_over_a_proxy_and_one_whose_other_flow_is_not_as_safe_stay_where_they_are() {
    let mut bench = with_two_flows();
    talks(&mut bench, "Record-Route: <sip:10.0.0.1;transport=tls;lr>\r\n");
    bench.core.handle_closed(bench.now(), ConnectionId(6));
    assert_eq!(bench.counter("dialogs_rebound"), 0);
    assert_ne!(hangs_up(&mut bench).connection, Some(ConnectionId(5)));

    let mut bench = bench_of_two_transports();
    talks(&mut bench, "");
    bench.core.handle_closed(bench.now(), ConnectionId(6));
    assert_eq!(bench.counter("dialogs_rebound"), 0);
    assert_eq!(hangs_up(&mut bench).connection, Some(ConnectionId(6)));
}

/// Its flow 5 is a WebSocket in clear, 6 is over TLS.
fn bench_of_two_transports() -> Bench {
    let mut bench = bench();
    registers(&mut bench, WS, 5, &contact(9, "1"));
    registers(&mut bench, TLS, 6, &contact(9, "2"));
    bench.events();
    bench
}

#[test]
fn what_the_phone_itself_says_is_not_asked_again_over_another_flow() {
    for status in [486, 503, 603] {
        let mut bench = with_two_flows();
        bench.command(invite(false));
        let ring = bench.one();
        let sent = says(&mut bench, &ring, &format!("{status} No"));
        assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["ACK"]);
        let events = bench.events();
        let refused = matches!(events[..], [Event::Failed { status: said, .. }] if said == status);
        assert!(refused, "{events:?}");
    }
}

#[test]
fn a_call_that_is_taken_back_goes_over_no_other_flow() {
    let mut bench = with_two_flows();
    bench.command(invite(false));
    let ring = bench.one();
    says(&mut bench, &ring, "180 Ringing");
    bench.command(Command::Hangup { leg: LegId(900), cause: 16 });
    assert_eq!(word(&bench.one()), "CANCEL");
    let sent = says(&mut bench, &ring, "430 Flow Failed");
    assert_eq!(sent.iter().map(word).collect::<Vec<_>>(), ["ACK"]);
}

#[test]
fn flows_with_the_same_contact_are_two_and_each_is_refreshed_by_itself() {
    let mut bench = with_two_flows();
    let ok = registers(&mut bench, TLS, 5, &contact(9, "1")).remove(0);
    assert_eq!(ok.text.matches("\r\nContact: ").count(), 2, "{}", ok.text);
    bench.command(invite(false));
    assert_eq!(bench.one().connection, Some(ConnectionId(5)), "the newest");
}

#[test]
fn a_phone_that_asks_for_it_is_told_that_its_flow_is_kept_and_how_often_it_says_so() {
    let mut bench = bench();
    let told = |bench: &mut Bench, contact: &str, more: &str| {
        let ok = registers_saying(bench, TLS, 5, contact, more).remove(0);
        let timer = ok.has("\r\nFlow-Timer: 120\r\n");
        assert_eq!(ok.has("\r\nRequire: outbound\r\n"), timer, "{}", ok.text);
        timer
    };
    assert!(told(&mut bench, &contact(9, "1"), SUPPORTS));
    assert!(!told(&mut bench, &contact(9, "1"), ""), "it does not know what that is");
    assert!(!told(&mut bench, &contact(9, ""), SUPPORTS), "it names no flow");
    let proxied = format!("{SUPPORTS}Via: SIP/2.0/TLS 10.0.0.1;branch=z9hG4bKother\r\n");
    assert!(!told(&mut bench, &contact(9, "1"), &proxied), "it is the proxy's connection");
    let gone = contact(9, "1").replace("expires=600", "expires=0");
    assert!(!told(&mut bench, &gone, SUPPORTS), "nothing is kept");
}
