//! Phones in browsers, and phones over TLS: they are reached over the connection that they opened.

use super::*;
use crate::sip::user_agent::{Destination, Invite};

pub(super) const TLS: u16 = 2;
pub(super) const WS: u16 = 3;
pub(super) const WSS: u16 = 4;
const LEG: LegId = LegId(900);
/// What a browser makes of random letters.
pub(super) const CONTACT: &str = "sip:k3v9q1@x7d2.invalid;transport=ws";

fn bench() -> Bench {
    Bench::with(listen)
}

/// Listens for TLS and WebSocket too.
pub(super) fn listen(config: &mut Config) {
    let listener = |transport, port| Listener {
        transport,
        advertised: peer(&format!("192.0.2.1:{port}")),
        digest: vec![Algorithm::Md5],
    };
    config.listeners.push(listener(Transport::Tls, 5061));
    config.listeners.push(listener(Transport::Ws, 7080));
    config.listeners.push(listener(Transport::Wss, 7443));
}

pub(super) fn laptop() -> SocketAddr {
    peer("198.51.100.9:51000")
}

/// A message over a connection to a listener.
pub(super) fn deliver(
    bench: &mut Bench,
    listener: u16,
    connection: u64,
    from: SocketAddr,
    text: &str,
) {
    let (now, id, bytes) = (bench.now(), ConnectionId(connection), text.as_bytes());
    if listener == TLS {
        bench.core.handle_stream(now, listener, id, from, bytes);
    } else {
        bench.core.handle_message(now, listener, id, from, bytes);
    }
}

/// Registers over a connection; the 200.
pub(super) fn register(bench: &mut Bench, listener: u16, connection: u64, contact: &str) -> Sent {
    let mut sent = registers(bench, listener, connection, &format!("<{contact}>;expires=600"));
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.remove(0)
}

/// Registers this Contact value over a connection; the 200 and what follows it.
pub(super) fn registers(
    bench: &mut Bench,
    listener: u16,
    connection: u64,
    contact: &str,
) -> Vec<Sent> {
    registers_saying(bench, listener, connection, contact, "")
}

/// The same with further lines.
pub(super) fn registers_saying(
    bench: &mut Bench,
    listener: u16,
    connection: u64,
    contact: &str,
    more: &str,
) -> Vec<Sent> {
    let word = ["UDP", "TCP", "TLS", "WS", "WSS"][usize::from(listener)];
    let plain = bench.request("REGISTER", "1001", more, "");
    let plain = plain
        .replace("<sip:a@198.51.100.7:5060>", contact)
        .replace("UDP 198.51.100.7:5060", &format!("{word} x7d2.invalid"))
        .replace(";rport", "");
    deliver(bench, listener, connection, laptop(), &plain);
    let challenge = bench.one();
    assert!(challenge.start().contains("401"), "{}", challenge.text);
    assert_eq!(challenge.connection, Some(ConnectionId(connection)));
    let again = authorize(&challenge, &plain, "REGISTER", "secret", 1);
    deliver(bench, listener, connection, laptop(), &again);
    let sent = bench.sent();
    assert_eq!(sent[0].start(), "SIP/2.0 200 OK", "{}", sent[0].text);
    sent
}

pub(super) fn invite(browser: bool) -> Command {
    Command::Invite(Box::new(Invite {
        leg: LEG,
        to: Destination::Agent(TENANT, AGENT),
        from_user: "+8613800138000".into(),
        from_name: String::new(),
        sdp: SDP.into(),
        elsewhere: Vec::new(),
        browser,
        other_way: false,
        not_at: None,
        at_desk: false,
        category: None,
        headers: Vec::new(),
    }))
}

/// A call to the browser that registered over this connection, answered.
pub(super) fn talk(bench: &mut Bench, connection: u64) -> Sent {
    bench.command(invite(true));
    let ring = bench.one();
    let contact = format!("Contact: <{CONTACT};ob>\r\n");
    deliver(bench, WSS, connection, laptop(), &ring.answer("200 OK", "page", &contact, SDP));
    ring
}

#[test]
fn a_browser_registers_over_its_socket_and_is_told_before_it_can_be_rung() {
    let mut bench = bench();
    let done = register(&mut bench, WSS, 7, CONTACT);
    assert_eq!((done.to, done.connection), (Host::Address(laptop()), Some(ConnectionId(7))));
    assert!(done.text.contains("Via: SIP/2.0/WSS x7d2.invalid;branch="), "{}", done.text);
    assert!(done.text.contains(";received=198.51.100.9\r\n"), "{}", done.text);
    assert!(done.text.contains(&format!("Contact: <{CONTACT}>;expires=600\r\n")), "{}", done.text);
    let (tenant, agent) = (TENANT, AGENT);
    assert_eq!(
        bench.events(),
        [
            Event::Browser { tenant, agent, present: true },
            Event::Registered { tenant, agent, registered: true },
        ]
    );
    register(&mut bench, WSS, 7, CONTACT);
    assert!(bench.events().is_empty(), "it is told once");
}

#[test]
fn a_call_to_a_browser_goes_over_its_socket_from_invite_to_bye() {
    for (listener, word, port) in [(WS, "WS", 7080), (WSS, "WSS", 7443)] {
        let mut bench = bench();
        register(&mut bench, listener, 7, CONTACT);
        bench.events();
        bench.command(invite(true));
        let ring = bench.one();
        assert_eq!(ring.connection, Some(ConnectionId(7)));
        assert_eq!(ring.start(), format!("INVITE {CONTACT} SIP/2.0"));
        assert!(
            ring.header("Via").starts_with(&format!("SIP/2.0/{word} 192.0.2.1:{port};branch="))
        );
        let ours = format!("<sip:switchgrid@192.0.2.1:{port};transport=ws>");
        assert_eq!(ring.header("Contact"), ours);
        let contact = format!("Contact: <{CONTACT};ob>\r\n");
        deliver(&mut bench, listener, 7, laptop(), &ring.answer("200 OK", "page", &contact, SDP));
        let encrypted = listener == WSS;
        let answered =
            Event::Answered { leg: LEG, sdp: SDP.into(), source: laptop(), encrypted, nat: true };
        assert_eq!(bench.events(), [answered]);
        let ack = bench.one();
        assert_eq!(ack.connection, Some(ConnectionId(7)));
        assert_eq!(ack.start(), format!("ACK {CONTACT};ob SIP/2.0"));
        bench.command(Command::Hangup { leg: LEG, cause: 16 });
        let bye = bench.one();
        assert_eq!(bye.connection, Some(ConnectionId(7)));
        assert_eq!(bye.start(), format!("BYE {CONTACT};ob SIP/2.0"));
    }
}

#[test]
fn what_a_page_calls_comes_back_over_its_socket() {
    let mut bench = bench();
    register(&mut bench, WSS, 7, CONTACT);
    bench.events();
    let plain = bench.request("INVITE", "95105688", "", SDP);
    let plain = plain
        .replace("<sip:a@198.51.100.7:5060>", &format!("<{CONTACT};ob>"))
        .replace("UDP 198.51.100.7:5060", "WSS x7d2.invalid");
    deliver(&mut bench, WSS, 7, laptop(), &plain);
    let challenge = bench.one();
    let again = authorize(&challenge, &plain, "INVITE", "secret", 1);
    deliver(&mut bench, WSS, 7, laptop(), &again);
    let leg = match &bench.events()[..] {
        [Event::Incoming(incoming)] => {
            assert!(incoming.encrypted && !incoming.nat, "{incoming:?}");
            incoming.leg
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(bench.one().connection, Some(ConnectionId(7)));
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    let ok = bench.one();
    assert_eq!((ok.start(), ok.connection), ("SIP/2.0 200 OK", Some(ConnectionId(7))));
    assert_eq!(ok.header("Contact"), "<sip:switchgrid@192.0.2.1:7443;transport=ws>");
    // Content-Length may be missing: the socket knows where a message ends (RFC 7118 §5.1).
    let bye = format!(
        "BYE sip:switchgrid@192.0.2.1:7443;transport=ws SIP/2.0\r\n\
         Via: SIP/2.0/WSS x7d2.invalid;branch=z9hG4bKbye\r\nMax-Forwards: 69\r\n\
         From: \"A\" <sip:1001@192.0.2.1>;tag=caller\r\nTo: <sip:95105688@192.0.2.1>;tag={}\r\n\
         Call-ID: {}\r\nCSeq: 9 BYE\r\n\r\n",
        ok.to_tag(),
        ok.header("Call-ID")
    );
    deliver(&mut bench, WSS, 7, laptop(), &bye);
    assert!(matches!(bench.events()[..], [Event::Ended { .. }]));
    let bye = bench.one();
    assert_eq!((bye.start(), bye.connection), ("SIP/2.0 200 OK", Some(ConnectionId(7))));
}

#[test]
fn each_offer_rings_the_phones_that_can_read_it() {
    let mut bench = bench();
    bench.register(phone(), "sip:1001@198.51.100.7:5060");
    register(&mut bench, WSS, 7, CONTACT);
    bench.events();
    bench.command(invite(true));
    assert_eq!(bench.one().connection, Some(ConnectionId(7)));
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    bench.sent();
    let other = match invite(false) {
        Command::Invite(invite) => Command::Invite(Box::new(Invite { leg: LegId(901), ..*invite })),
        other => panic!("{other:?}"),
    };
    bench.command(other);
    let ring = bench.one();
    assert_eq!((ring.to, ring.connection), (Host::Address(phone()), None));
}

#[test]
fn a_closed_socket_takes_the_browser_and_what_rings_there_away() {
    let mut bench = bench();
    register(&mut bench, WSS, 7, CONTACT);
    bench.events();
    bench.command(invite(true));
    assert!(bench.one().start().starts_with("INVITE"));
    bench.core.handle_closed(bench.now(), ConnectionId(7));
    let (tenant, agent) = (TENANT, AGENT);
    assert_eq!(
        bench.events(),
        [
            Event::Registered { tenant, agent, registered: false },
            Event::Browser { tenant, agent, present: false },
            Event::Failed { leg: LEG, status: 503, cause: 41 },
        ]
    );
    bench.command(invite(true));
    assert!(matches!(bench.events()[..], [Event::Failed { status: 480, .. }]));
    assert!(bench.sent().is_empty(), "nobody looks for a name that does not exist");
}

#[test]
fn a_dialog_follows_its_browser_to_the_next_socket() {
    let mut bench = bench();
    register(&mut bench, WSS, 7, CONTACT);
    talk(&mut bench, 7);
    bench.core.handle_closed(bench.now(), ConnectionId(7));
    bench.events();
    bench.sent();
    register(&mut bench, WSS, 8, "sip:another@page.invalid;transport=ws");
    assert_eq!(bench.counter("dialogs_rebound"), 0, "another page of the same agent");
    register(&mut bench, WSS, 9, CONTACT);
    assert_eq!(bench.counter("dialogs_rebound"), 1);
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    let bye = bench.one();
    assert_eq!(
        (bye.start().split(' ').next(), bye.connection),
        (Some("BYE"), Some(ConnectionId(9)))
    );
}

#[test]
fn what_a_page_lost_is_offered_to_every_other_page_of_its_agent() {
    let mut bench = bench();
    register(&mut bench, WSS, 7, CONTACT);
    talk(&mut bench, 7);
    bench.sent();
    bench.events();
    let offer = |leg: u64| match invite(true) {
        Command::Invite(invite) => {
            let headers = [("Answer-Mode", "Auto"), ("Call-Info", "<sip:a@b>;answer-after=0")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let (leg, not_at) = (LegId(leg), Some(LEG));
            Command::Invite(Box::new(Invite { leg, not_at, headers, ..*invite }))
        }
        other => panic!("{other:?}"),
    };
    bench.command(offer(901));
    let nobody = Event::Failed { leg: LegId(901), status: 480, cause: 20 };
    assert_eq!(bench.events(), [nobody], "the page that has it is not called for it");
    assert!(bench.sent().is_empty());

    register(&mut bench, WSS, 8, "sip:another@page.invalid;transport=ws");
    let (tenant, agent) = (TENANT, AGENT);
    assert_eq!(bench.events(), [Event::Browser { tenant, agent, present: true }]);
    bench.command(offer(902));
    let ring = bench.one();
    assert_eq!(ring.connection, Some(ConnectionId(8)));
    assert_eq!(ring.header("Answer-Mode"), "Auto");
    assert_eq!(ring.header("Call-Info"), "<sip:a@b>;answer-after=0");
}

#[test]
fn a_page_at_a_trunks_address_is_no_trunk() {
    let mut bench = bench();
    let call = bench.request("INVITE", "95105688", "", SDP);
    deliver(&mut bench, WS, 7, carrier(), &call);
    assert!(bench.one().start().contains("401"));
    assert!(bench.events().is_empty());
}

#[test]
fn two_line_ends_are_answered_with_one() {
    let mut bench = bench();
    deliver(&mut bench, WS, 7, laptop(), "\r\n\r\n");
    let pong = bench.one();
    assert_eq!((pong.text.as_str(), pong.connection), ("\r\n", Some(ConnectionId(7))));
    deliver(&mut bench, WS, 7, laptop(), "\r\n");
    assert!(bench.sent().is_empty(), "that was an answer");
    assert_eq!(bench.counter("keepalives"), 2);
}

#[test]
fn messages_over_a_socket_count_like_all_others_of_their_source() {
    let mut bench = bench();
    let limit = bench.core.config.requests_per_s_max;
    for _ in 0..limit {
        deliver(&mut bench, WS, 7, laptop(), "\r\n");
    }
    let before = bench.counter("dropped_rate");
    deliver(&mut bench, WS, 7, laptop(), "\r\n\r\n");
    assert!(bench.sent().is_empty() && bench.counter("dropped_rate") == before + 1);
    let now = bench.now();
    assert!(!bench.core.admit_connection(now, laptop()), "nor may it begin a handshake");
    assert!(bench.core.admit_connection(now, phone()));
}

#[test]
fn a_phone_over_tls_is_called_over_its_connection() {
    let mut bench = bench();
    register(&mut bench, TLS, 5, "sip:1001@198.51.100.9:61000;transport=tls");
    let (tenant, agent) = (TENANT, AGENT);
    assert_eq!(bench.events(), [Event::Registered { tenant, agent, registered: true }]);
    bench.command(invite(false));
    let ring = bench.one();
    assert_eq!(ring.connection, Some(ConnectionId(5)));
    assert!(ring.header("Via").starts_with("SIP/2.0/TLS 192.0.2.1:5061;branch="), "{}", ring.text);
    assert_eq!(ring.header("Contact"), "<sip:switchgrid@192.0.2.1:5061;transport=tls>");
    let contact = "Contact: <sip:1001@198.51.100.9:61000;transport=tls>\r\n";
    deliver(&mut bench, TLS, 5, laptop(), &ring.answer("200 OK", "desk", contact, SDP));
    assert!(matches!(bench.events()[..], [Event::Answered { encrypted: true, .. }]));
    assert_eq!(bench.one().connection, Some(ConnectionId(5)), "the ACK");
}

#[test]
fn a_long_invite_to_a_datagram_phone_does_not_go_to_a_browser_beside_it() {
    let mut bench = bench();
    let beside = peer("198.51.100.9:5060");
    bench.register(beside, "sip:1001@198.51.100.9:5060");
    register(&mut bench, WSS, 7, CONTACT);
    let long = match invite(false) {
        Command::Invite(invite) => {
            let sdp = format!("{SDP}a=x:{}\r\n", "y".repeat(2_000));
            Command::Invite(Box::new(Invite { sdp, ..*invite }))
        }
        other => panic!("{other:?}"),
    };
    bench.command(long);
    assert_eq!(bench.one().connection, None);
}
