//! What must be accepted is accepted, what must be refused gets its status: RFC 4475 and RFC 5118
//! section by section, what peers in the field send, and the messages of old advisories. All are
//! written after their sources, with our own words, names and addresses.

mod differential;
mod field;
mod rfc4475;
mod rfc5118;

use super::*;

/// What a message of a corpus is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// Read without a fault; what it asks for is answered so.
    Answer(u16),
    /// Read without a fault, and a call.
    Call,
    /// Refused while it is read, and answered so.
    Refusal(u16),
    /// Read without a fault, and nobody waits for it: a response.
    Nothing,
    /// Refused while it is read, and nobody is told: a response with a fault (its status), or no
    /// message at all (0).
    Silence(u16),
}

/// One message of a corpus.
struct Case {
    /// Where it is described.
    section: &'static str,
    owed: Owed,
    bytes: Vec<u8>,
}

/// A description that needs nothing of us.
const BODY: &str = "v=0\no=torture 29739 7272939 IN IP4 192.0.2.15\ns=-\nc=IN IP4 192.0.2.15\n\
    t=0 0\nm=audio 49217 RTP/AVP 0 8\nm=video 3227 RTP/AVP 31\na=rtpmap:31 LPC\n";

/// A message as it is on the wire, of text whose lines end with LF. `{length}` is the body's.
fn case(section: &'static str, owed: Owed, head: &str, body: &str) -> Case {
    let body = body.replace('\n', "\r\n");
    case_of_bytes(section, owed, head, body.as_bytes())
}

/// The same with a body of any bytes.
fn case_of_bytes(section: &'static str, owed: Owed, head: &str, body: &[u8]) -> Case {
    let head = head.trim_start_matches('\n').replace("{length}", &body.len().to_string());
    let head = head.replace('\n', "\r\n") + "\r\n";
    Case { section, owed, bytes: [head.as_bytes(), body].concat() }
}

/// Reads every message, and sends it to a core of its own from where a trunk is.
fn torture(corpus: &[Case]) {
    for Case { section, owed, bytes } in corpus {
        let mut bench = Bench::new();
        bench.receive(carrier(), bytes);
        let calls = bench.events().iter().filter(|e| matches!(e, Event::Incoming(_))).count();
        let answers: Vec<u16> = bench.sent().iter().map(status_of).collect();
        let owes = match *owed {
            Owed::Answer(status) => (Ok(()), 0, vec![status]),
            Owed::Call => (Ok(()), 1, vec![100]),
            Owed::Refusal(status) => (Err(status), 0, vec![status]),
            Owed::Nothing => (Ok(()), 0, Vec::new()),
            Owed::Silence(status) => (Err(status), 0, Vec::new()),
        };
        let message = bytes.escape_ascii();
        assert_eq!((verdict(bytes), calls, answers), owes, "{section}: {message}");
        crate::sip::fuzz_message(bytes);
    }
}

fn status_of(sent: &Sent) -> u16 {
    sent.start()[8..11].parse().expect("only answers go out")
}

/// The message of this section, once it was tortured.
fn of<'a>(corpus: &'a [Case], section: &str) -> Message<'a> {
    let found = corpus.iter().find(|case| case.section == section).expect("a section");
    Message::parse(&found.bytes, Carrier::Datagram).expect("SIP")
}

fn verdict(text: &[u8]) -> Result<(), u16> {
    match Message::parse(text, Carrier::Datagram) {
        Err(_) => Err(0),
        Ok(message) => message.validate().map_err(|fault| fault.status),
    }
}

/// A request in which one line replaces the usual one.
fn request(start: &str, lines: &[&str]) -> Vec<u8> {
    let usual = [
        "Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw",
        "Max-Forwards: 70",
        "From: <sip:caller@example.net>;tag=242etr",
        "To: <sip:j.user@example.com>",
        "Call-ID: torture.0ha0isndaksdj@192.0.2.1",
        "CSeq: 8 OPTIONS",
    ];
    let name = |line: &str| line.split(':').next().unwrap_or_default().trim().to_owned();
    let mut text = format!("{start}\r\n");
    for line in usual.iter().filter(|line| !lines.iter().any(|l| name(l) == name(line))) {
        text += &format!("{line}\r\n");
    }
    for line in lines.iter().filter(|line| !line.ends_with(": -")) {
        text += &format!("{line}\r\n");
    }
    (text + "\r\n").into_bytes()
}

const OPTIONS: &str = "OPTIONS sip:user@example.com SIP/2.0";

#[track_caller]
fn refused(status: u16, message: &[u8]) {
    assert_eq!(verdict(message), Err(status), "{}", message.escape_ascii());
}
#[track_caller]
fn accepted(message: &[u8]) {
    assert_eq!(verdict(message), Ok(()), "{}", message.escape_ascii());
}

#[test]
fn one_letter_of_another_alphabet_costs_no_header() {
    let mut text = request(OPTIONS, &["Subject: caf\u{e9}"]);
    let at = text.windows(2).position(|pair| pair == [0xc3, 0xa9]).unwrap();
    text.splice(at..at + 2, [0xe9]);
    accepted(&text);
    let message = Message::parse(&text, Carrier::Datagram).unwrap();
    assert_eq!(message.other("subject"), Some(&b"caf\xe9"[..]));
}

#[test]
fn broken_headers_are_refused() {
    for name in ["From: -", "To: -", "CSeq: -", "Call-ID: -", "Via: -"] {
        refused(400, &request(OPTIONS, &[name]));
    }
    refused(400, &request(OPTIONS, &["CSeq: 5 OPTIONS", "CSeq: 59 OPTIONS"]));
    refused(400, &request(OPTIONS, &["Content-Length: 0", "Content-Length : 5"]));
    refused(400, &request(OPTIONS, &["NoColonHere"]));
    refused(400, &request(OPTIONS, &["Bad Name: x"]));
    refused(400, &request(OPTIONS, &["Call-ID: a b"]));
    refused(0, &request(OPTIONS, &["Subject: bare\rreturn"]));
    refused(0, b"\x00\x01\x02\x03");
    refused(0, b"GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn the_messages_of_old_advisories_do_no_harm() {
    let accepts = "Accept: application/sdp\r\n".repeat(50);
    let long_tag = "x".repeat(2000);
    let cases = [
        format!("{OPTIONS}\r\nCSeq: {}\r\n\r\n", "9".repeat(4000)),
        format!("{OPTIONS}\r\n{accepts}\r\n"),
        format!(
            "{OPTIONS}\r\nFrom: <sip:a@b>;tag={long_tag}\r\nVia: SIP/2.0/UDP h;branch={long_tag}\r\n\r\n"
        ),
        format!("{OPTIONS}\r\nAuthorization: Digest realm=\"\",,,,=,username\r\n\r\n"),
        format!("{OPTIONS}\r\nContent-Type: multipart/mixed;boundary=\"\r\n\r\n--\r\n"),
        format!("{OPTIONS}\r\n{}\r\n", "X: y\r\n".repeat(5000)),
        format!("{OPTIONS}\r\nContent-Type: multipart/mixed;boundary=a\r\n\r\n--a\r\n--a\r\n--a--"),
        format!("{OPTIONS}\r\nAuthorization: Digest\r\nAuthorization: Digest username\r\n\r\n"),
        format!("{OPTIONS}\r\nAuthorization: Digest username=\"{long_tag}\",nc=zz\r\n\r\n"),
        format!("{OPTIONS}\r\nCSeq: 4294967296 OPTIONS\r\nCSeq:\r\nVia: ;branch\r\n\r\n"),
        format!("{OPTIONS}\r\nFrom: <>;tag=;tag\r\nTo: \"\r\nContact: <<<\r\n\r\n"),
    ];
    for text in &cases {
        crate::sip::fuzz_message(text.as_bytes());
        crate::sip::fuzz_stream(text.as_bytes());
        crate::sip::fuzz_digest_header(text.as_bytes());
    }
    let many = request(OPTIONS, &["X: y\r\nX: y"; 100]);
    refused(400, &many);
}

#[test]
fn the_descriptions_of_old_advisories_do_no_harm() {
    let audio = "v=0\r\no=- 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n";
    let formats = |list: &str| format!("{audio}m=audio 4000 RTP/AVP {list}\r\n");
    let cases = [
        formats("8 4294967304"),
        formats("8 -1 256 99999999999999999999"),
        format!("{}a=fmtp:101 0-16\0\r\na=rtpmap:101 \0\r\n", formats("8 101")),
        format!("{}{}", formats("8"), "a=rtpmap:8 PCMA/8000\r\n".repeat(2_000)),
        format!("{audio}{}", "m=audio 4000 RTP/AVP 8\r\n".repeat(500)),
        formats(&"8 ".repeat(1_000)),
        format!("{audio}m=audio 99999999 RTP/AVP 8\r\n"),
        format!("{}c=IN IP4 203.0.113.5/127/9999999999\r\na=ptime:-1\r\n", formats("8")),
        format!("{}c=IN IP6 ::::\r\na=rtcp:x IN IP4\r\na=ptime:0\r\n", formats("8")),
        "v=0\r\nm=\r\nc=\r\no=\r\n".to_owned(),
        "v=".to_owned(),
    ];
    let mut bench = Bench::new();
    for sdp in &cases {
        crate::sdp::fuzz_description(sdp.as_bytes());
        let call = bench.request("INVITE", "95105688", "", sdp);
        bench.receive(carrier(), &call);
        for event in bench.events() {
            let Event::Incoming(incoming) = event else { continue };
            bench.command(Command::Reject {
                leg: incoming.leg,
                status: 488,
                cause: 88,
                retry_after_s: None,
                warning: None,
            });
        }
        let last = bench.sent().pop().expect("every request is answered");
        let status: u16 = last.start()[8..11].parse().unwrap();
        assert!((400..500).contains(&status), "{}", last.start());
    }
    bench.pass(Duration::from_secs(100));
    assert_eq!((bench.counter("legs_live"), bench.counter("transactions_live")), (0, 0));
}

#[test]
fn a_datagrams_body_ends_where_rfc_3261_says() {
    let body = |lines: &str, rest: &str| {
        let text = format!("{OPTIONS}\r\n{lines}\r\n{rest}");
        let message = Message::parse(text.as_bytes(), Carrier::Datagram).unwrap();
        String::from_utf8(message.body().to_vec()).unwrap()
    };
    assert_eq!(body("", "all of it"), "all of it");
    assert_eq!(body("Content-Length: 3\r\n", "all of it"), "all");
    assert_eq!(body("l: 0\r\n", "all of it"), "");
}

#[test]
fn a_bad_request_gets_its_status_and_a_bad_response_silence() {
    let mut bench = Bench::new();
    let bad = request(OPTIONS, &["Max-Forwards: 300"]);
    bench.receive(phone(), bad);
    assert_eq!(bench.one().start(), "SIP/2.0 400 Bad Max-Forwards");
    bench.receive(phone(), request("OPTIONS sip:a@b SIP/7.0", &[]));
    assert!(bench.one().start().contains("505"));
    bench.receive(phone(), request("SIP/2.0 200 OK", &["CSeq: x"]));
    bench.receive(phone(), request("SIP/2.0 200 OK", &["CSeq: 8 INVITE"]));
    bench.receive(phone(), request("ACK sip:a@b SIP/2.0", &["CSeq: 8 INVITE"]));
    bench.receive(phone(), b"garbage");
    assert!(bench.sent().is_empty());
    assert_eq!((bench.counter("unreadable"), bench.counter("malformed")), (1, 4));
}

#[test]
fn an_invite_of_852_bytes_is_read_in_microseconds() {
    let sdp = "v=0\r\no=- 3890 3890 IN IP4 192.0.2.55\r\ns=call\r\nc=IN IP4 192.0.2.55\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
    let text = request(
        "INVITE sip:95105688@192.0.2.1 SIP/2.0",
        &[
            "CSeq: 8 INVITE",
            "Contact: <sip:1001@192.0.2.55:5060;transport=udp>",
            "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, MESSAGE, SUBSCRIBE",
            "User-Agent: Example Phone 1.2.3",
            "Supported: replaces, timer, outbound",
            "Content-Type: application/sdp",
            "Content-Length: 172",
        ],
    );
    let mut text = [&text[..], sdp.as_bytes()].concat();
    let padding = format!("X-Padding: {}\r\n", "x".repeat(852 - text.len() - 13));
    let at = text.windows(12).position(|window| window == b"Content-Type").unwrap();
    text.splice(at..at, padding.into_bytes());
    assert_eq!(text.len(), 852);
    let rounds = 2_000;
    let batch = || {
        let started = crate::edge::clock::moment();
        for _ in 0..rounds {
            let message = Message::parse(std::hint::black_box(&text), Carrier::Datagram).unwrap();
            std::hint::black_box(message.body());
        }
        (crate::edge::clock::moment() - started) / rounds
    };
    let each = (0..9).map(|_| batch()).min().unwrap();
    println!("{} ns for {} bytes", each.as_nanos(), text.len());
    // The bench measures the optimised build; this only notices a fall by an order of magnitude.
    assert!(each < Duration::from_micros(40), "{each:?} for {} bytes", text.len());
}
