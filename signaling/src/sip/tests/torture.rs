//! RFC 4475: what must be accepted is accepted, what must be refused gets its status. The messages
//! are written after the RFC's, section by section, with our addresses.

use super::*;
use crate::sip::message::Method;

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
fn a_short_tortuous_invite_is_read_whole() {
    let text = b"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n\
TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n\
from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n\
MaX-fOrWaRdS: 0068\r\n\
Call-ID: wsinv.ndaksdj@192.0.2.1\r\n\
Content-Length   : 150\r\n\
cseq: 0009\r\n  INVITE\r\n\
Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n\
s :\r\n\
NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n\
UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n\
Content-Type: application/sdp\r\n\
Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n\
v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n\
m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n\
v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n";
    accepted(text);
    let message = Message::parse(text, Carrier::Datagram).unwrap();
    assert_eq!(message.list(Name::Via).count(), 3);
    assert_eq!(message.cseq().map(|cseq| cseq.number), Some(9));
    assert_eq!(message.to_tag(), Some(&b"1918181833n"[..]));
    assert_eq!(message.from().unwrap().display_text(), "J Rosenberg \\\"");
    assert_eq!(message.contact().unwrap().uri, b"sip:jdrosen@example.com");
    assert!(message.sdp().unwrap().starts_with("v=0\r\n"));
}

#[test]
fn unusual_but_valid_messages_are_accepted() {
    // 3.1.1.2 wide range of characters; the method is kept and gets its 405 later.
    let wild = "!interesting-Method0123456789_*+`.%indeed'~";
    let uri = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
    let text = request(
        &format!("{wild} {uri} SIP/2.0"),
        &[
            &format!("CSeq: 139122385 {wild}"),
            "To: \"BEL:\\\x07 NUL:\\ DEL:\\\x7f\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$@example.com>",
            "extensionHeader-!.%*+_`'~:\u{feff}大停電",
        ],
    );
    accepted(&text);
    let message = Message::parse(&text, Carrier::Datagram).unwrap();
    assert_eq!((message.method(), message.method_bytes()), (Method::Other, wild.as_bytes()));
    // 3.1.1.3 escapes in the URI, 3.1.1.4 escaped nulls.
    accepted(&request(
        "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
        &["CSeq: 8 INVITE"],
    ));
    accepted(&request(
        OPTIONS,
        &[
            "From: sip:null-%00-null@example.com;tag=839923423",
            "Contact: <sip:%00@host5.example.com>, <sip:%00%00@host5>",
        ],
    ));
    // 3.1.1.5 the method RE%47IST%45R is no REGISTER.
    let text = request("RE%47IST%45R sip:registrar.example.com SIP/2.0", &["CSeq: 8 RE%47IST%45R"]);
    accepted(&text);
    assert_eq!(Message::parse(&text, Carrier::Datagram).unwrap().method(), Method::Other);
    // 3.1.1.6 no blank between display name and bracket, 3.1.1.7 long values.
    accepted(&request(OPTIONS, &["From: caller<sip:caller@example.com>;tag=323"]));
    accepted(&request(
        OPTIONS,
        &[
            "To: \"I have a user name of extreme proportion\"<sip:user@example.com:6000;unknownparam1=verylong>",
            "Contact: <sip:amazinglylongcallername@host5.example.net>",
        ],
    ));
    // 3.1.1.9 semicolon parameters in the user part.
    accepted(&request("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", &[]));
    // 3.1.1.10 every transport word.
    accepted(&request(
        OPTIONS,
        &[
            "Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw, SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasj, SIP/2.0/UNKNOWN t3.example.com;branch=z9hG4bKx",
        ],
    ));
    // 3.1.1.12 and 3.1.1.13 reason phrases of any letters and of none.
    let response = |phrase: &str| request(&format!("SIP/2.0 200{phrase}"), &["CSeq: 8 INVITE"]);
    accepted(&response(" = 2**3 * 5**2 но сто девяносто девять - простое"));
    accepted(&response(" "));
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
fn broken_start_lines_are_refused() {
    refused(400, &request("OPTIONS <sip:user@example.com> SIP/2.0", &[])); // 3.1.2.7
    refused(400, &request("OPTIONS sip:user@example.com; lr SIP/2.0", &[])); // 3.1.2.8
    refused(400, &request("OPTIONS  sip:user@example.com  SIP/2.0", &[])); // 3.1.2.9
    refused(400, &request("OPTIONS sip:user@example.com SIP/2.0  ", &[])); // 3.1.2.10
    refused(400, &request("OPTIONS sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", &[])); // .11
    refused(505, &request("OPTIONS sip:t.watson@example.org SIP/7.0", &[])); // 3.1.2.16
    refused(0, &request("SIP/2.0 4294967301 better not break the receiver", &[])); // 3.1.2.19
    refused(416, &request("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", &[])); // 3.3.2
    refused(416, &request("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", &[])); // 3.3.3
    refused(0, b"\x00\x01\x02\x03");
    refused(0, b"GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn broken_headers_are_refused() {
    // 3.1.2.1 extraneous separators, 3.1.2.2 a length beyond the datagram, 3.1.2.3 a negative one.
    refused(
        400,
        &request(
            OPTIONS,
            &[
                "Via: SIP/2.0/UDP 192.0.2.15;;,;,,",
                "Contact: \"Joe\" <sip:joe@example.org>;;;;, , ;",
            ],
        ),
    );
    refused(400, &request(OPTIONS, &["Content-Length: 9999"]));
    refused(400, &request(OPTIONS, &["Content-Length: -999"]));
    // 3.1.2.4 and 3.1.2.5 numbers that do not fit.
    refused(400, &request(OPTIONS, &["CSeq: 36893488147419103232 OPTIONS"]));
    refused(400, &request(OPTIONS, &["Max-Forwards: 300"]));
    refused(
        400,
        &request("SIP/2.0 503 Service Unavailable", &["CSeq: 9292394834772304023312 OPTIONS"]),
    );
    // 3.1.2.6 an unterminated quote, 3.1.2.13 a URI that needs brackets, 3.1.2.15 display names.
    refused(400, &request(OPTIONS, &["To: \"Mr. J. User <sip:j.user@example.com>"]));
    refused(
        400,
        &request(OPTIONS, &["Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"]),
    );
    refused(400, &request(OPTIONS, &["From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"]));
    // 3.1.2.17 and 3.1.2.18 the method of CSeq.
    refused(400, &request(OPTIONS, &["CSeq: 8 INVITE"]));
    refused(400, &request("NEWMETHOD sip:user@example.com SIP/2.0", &["CSeq: 8 INVITE"]));
    // 3.3.1 missing headers, 3.3.8 doubled ones, 3.3.9 and CVE-2026-23457 several lengths.
    for name in ["From: -", "To: -", "CSeq: -", "Call-ID: -", "Via: -"] {
        refused(400, &request(OPTIONS, &[name]));
    }
    refused(400, &request(OPTIONS, &["CSeq: 5 OPTIONS", "CSeq: 59 OPTIONS"]));
    refused(400, &request(OPTIONS, &["Content-Length: 0", "Content-Length : 5"]));
    refused(400, &request(OPTIONS, &["NoColonHere"]));
    refused(400, &request(OPTIONS, &["Bad Name: x"]));
    refused(400, &request(OPTIONS, &["Call-ID: a b"]));
    refused(0, &request(OPTIONS, &["Subject: bare\rreturn"]));
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
