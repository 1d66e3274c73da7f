//! What peers in the field send: letters of other alphabets, lengths that are missing or differ,
//! compact forms, folded and joined lines, `tel:` and IPv6, methods and schemes that nobody knows,
//! browsers that have no name.

use super::*;
use crate::sip::message::{MESSAGE_BYTES_MAX, URI_BYTES_MAX};

fn corpus() -> Vec<Case> {
    vec![
        case("no length in a datagram", Owed::Call, &invite("sip:95105688@example.com", ""), BODY),
        case(
            "the same length twice",
            Owed::Call,
            &with("Content-Length: {length}\nl: {length}\n"),
            BODY,
        ),
        case("two lengths", Owed::Refusal(400), &with("Content-Length: {length}\nl: 5\n"), BODY),
        case("two lengths in one line", Owed::Refusal(400), &with("Content-Length: 5, 6\n"), BODY),
        case("a length in words", Owed::Refusal(400), &with("Content-Length: abc\n"), BODY),
        case("too great a length", Owed::Refusal(413), &with("Content-Length: 70000\n"), BODY),
        case("compact forms", Owed::Call, COMPACT, BODY),
        case("compact forms in capitals", Owed::Call, &COMPACT.replace("\nv:", "\nV:"), BODY),
        case("folded lines", Owed::Call, FOLDED, BODY),
        case("joined lines", Owed::Call, JOINED, BODY),
        case("a telephone number", Owed::Call, &invite("tel:+862087654321;ext=7", ""), BODY),
        case("a secure URI", Owed::Call, &invite("sips:95105688@example.com", ""), BODY),
        case("an IPv6 URI", Owed::Call, &invite("sip:95105688@[2001:db8::1]:5060;x", ""), BODY),
        case(
            "a URI of another scheme",
            Owed::Refusal(416),
            &invite("im:95105688@example.com", ""),
            BODY,
        ),
        case("a URI without scheme", Owed::Refusal(400), &invite("95105688", ""), BODY),
        case(
            "too long a URI",
            Owed::Refusal(414),
            &invite(&format!("sip:{}@h", "9".repeat(URI_BYTES_MAX)), ""),
            BODY,
        ),
        case(
            "an unknown method",
            Owed::Answer(501),
            &OF_A_PAGE.replace("REGISTER", "FROBNICATE"),
            "",
        ),
        case(
            "a method in small letters",
            Owed::Answer(501),
            &OF_A_PAGE.replace("REGISTER", "register"),
            "",
        ),
        case(
            "a text in a form that is not read",
            Owed::Answer(415),
            &OF_A_PAGE
                .replace("REGISTER", "MESSAGE")
                .replace("Expires: 600", "Content-Type: text/html"),
            "<p>hello</p>",
        ),
        case(
            "an extension that is not there",
            Owed::Answer(420),
            &with("Require: sec-agree\n"),
            BODY,
        ),
        case(
            "a version to come",
            Owed::Refusal(505),
            &OF_A_PAGE.replace(" SIP/2.0\n", " SIP/3.0\n"),
            "",
        ),
        case("a browser without a name", Owed::Answer(401), OF_A_PAGE, ""),
        case(
            "a body in another coding",
            Owed::Answer(415),
            &with("Content-Encoding: gzip\n"),
            BODY,
        ),
        case(
            "who hears other things too",
            Owed::Call,
            &with("Accept: text/plain, application/SDP;q=0.5\n"),
            BODY,
        ),
        case("who hears anything", Owed::Call, &with("Accept: */*\n"), BODY),
        case("who says nothing of it", Owed::Call, &with("Accept:\n"), BODY),
    ]
}

/// A call to this URI with these lines more.
fn invite(uri: &str, lines: &str) -> String {
    format!(
        "INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKfield;rport\n\
         Max-Forwards: 70\nFrom: \"王\" <sip:13800138000@example.net>;tag=9\n\
         To: <sip:95105688@example.com>\n\
         Call-ID: field@203.0.113.5\nCSeq: 1 INVITE\nContact: <sip:gw@203.0.113.5>\n\
         Content-Type: application/sdp\n{lines}"
    )
}

fn with(lines: &str) -> String {
    invite("sip:95105688@example.com", lines)
}

const COMPACT: &str = "
INVITE sip:95105688@example.com SIP/2.0
v: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKcompact
f: <sip:13800138000@example.net>;tag=9
t: <sip:95105688@example.com>
i: compact@203.0.113.5
CSeq: 1 INVITE
m: <sip:gw@203.0.113.5>
k: timer
s: hello
c: application/sdp
x: 1800;refresher=uac
l: {length}
";

const FOLDED: &str = "
INVITE sip:95105688@example.com SIP/2.0
Via: SIP/2.0/UDP 203.0.113.5
\t;branch=z9hG4bKfolded
From:
 <sip:13800138000@example.net>
  ;tag=9
To: \"A name
 of two lines\" <sip:95105688@example.com>
Call-ID:
 folded@203.0.113.5
CSeq: 1
 INVITE
Contact: <sip:gw@203.0.113.5>
Content-Type:
 application/sdp
Content-Length:
 {length}
";

const JOINED: &str = r#"
INVITE sip:95105688@example.com SIP/2.0
Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKjoined, SIP/2.0/TCP a.example.net;branch=z9hG4bK1 ,SIP/2.0/WS x.invalid
From: "Li, Si" <sip:13800138000@example.net>;tag=9
To: <sip:95105688@example.com>
Call-ID: joined@203.0.113.5
CSeq: 1 INVITE
Record-Route: <sip:p2.example.net;lr>, <sip:p,1@p1.example.net;lr>
Record-Route: <sip:p0.example.net;lr>
Contact: "Gate, way" <sip:gw@203.0.113.5>, <sip:other@203.0.113.5>
Supported: timer,,replaces ,100rel
Content-Type: application/sdp
l: {length}
"#;

/// As JsSIP registers (RFC 7118 §5): no address of a browser is of use to anybody.
const OF_A_PAGE: &str = r#"
REGISTER sip:pbx.example.com SIP/2.0
Via: SIP/2.0/WSS i3k2ugmgav1l.invalid;branch=z9hG4bK7317264
Max-Forwards: 69
To: <sip:1001@pbx.example.com>
From: "1001" <sip:1001@pbx.example.com>;tag=b8i2q5fjn3
Call-ID: 3ujbqvqvt4dgbuqmbk5i1e
CSeq: 1 REGISTER
Contact: <sip:jrd2nc8k@i3k2ugmgav1l.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";expires=600
Expires: 600
Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
Supported: path,gruu,outbound
Content-Length: {length}
"#;

#[test]
fn what_the_field_sends_is_understood_or_told_what_is_wrong() {
    torture(&corpus());
}

#[test]
fn compact_folded_and_joined_lines_say_what_the_long_ones_say() {
    let corpus = corpus();
    for section in ["compact forms", "folded lines", "joined lines", "no length in a datagram"] {
        let message = of(&corpus, section);
        assert!(message.via().unwrap().names_transaction(), "{section}");
        assert_eq!(message.via().unwrap().host, b"203.0.113.5", "{section}");
        assert_eq!(message.from().unwrap().uri, b"sip:13800138000@example.net", "{section}");
        assert_eq!(message.to().unwrap().uri, b"sip:95105688@example.com", "{section}");
        assert_eq!(message.from_tag(), Some(&b"9"[..]), "{section}");
        assert!(message.call_id().ends_with(b"@203.0.113.5"), "{section}");
        assert_eq!(message.cseq().unwrap().method, b"INVITE", "{section}");
        assert!(message.contact().unwrap().uri.starts_with(b"sip:gw@203.0.113.5"), "{section}");
        let body = message.sdp().expect("a description");
        assert_eq!(body, BODY.replace('\n', "\r\n"), "{section}");
    }
    let joined = of(&corpus, "joined lines");
    assert_eq!(joined.list(Name::Via).count(), 3);
    assert_eq!(joined.list(Name::RecordRoute).count(), 3);
    assert_eq!(joined.list(Name::Contact).count(), 2);
    assert!(joined.lists(Name::Supported, "Replaces"));
    assert!(of(&corpus, "compact forms").lists(Name::Supported, "timer"));
    assert_eq!(of(&corpus, "compact forms").number(Name::SessionExpires), Some(1800));
}

#[test]
fn the_dialled_number_is_read_from_every_kind_of_uri() {
    for (uri, dialled) in [
        ("tel:+862087654321;ext=7", "+862087654321"),
        ("sips:95105688@example.com", "95105688"),
        ("sip:95105688:secret@[2001:db8::1]:5060;user=phone", "95105688"),
        ("sip:9510%35688@example.com", "95105688"),
    ] {
        let mut bench = Bench::new();
        bench.receive(carrier(), case(uri, Owed::Call, &invite(uri, ""), BODY).bytes);
        match &bench.events()[..] {
            [Event::Incoming(incoming)] => assert_eq!(incoming.called, dialled, "{uri}"),
            other => panic!("{uri}: {other:?}"),
        }
    }
}

#[test]
fn a_longest_message_is_read_and_a_longer_one_is_not() {
    let head = with("l: {length}\n");
    let room = MESSAGE_BYTES_MAX - case("", Owed::Call, &head, &"x".repeat(10_000)).bytes.len();
    let longest = case("", Owed::Call, &head, &"x".repeat(10_000 + room)).bytes;
    assert_eq!((longest.len(), verdict(&longest)), (MESSAGE_BYTES_MAX, Ok(())));
    assert_eq!(verdict(&[&longest[..], b"x"].concat()), Err(0));
}
