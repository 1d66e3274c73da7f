//! RFC 5118, every section: addresses of the sixth version wherever a message may hold one.

use super::*;
use crate::sip::uri::{Uri, ip_of};
use std::net::IpAddr;

fn corpus() -> Vec<Case> {
    vec![
        case("4.1", Owed::Answer(401), &register("sip:[2001:db8::10]"), ""),
        case("4.2", Owed::Refusal(400), &register("sip:2001:db8::10"), ""),
        case("4.3", Owed::Answer(401), &register("sip:[2001:db8::10:5070]"), ""),
        case("4.4", Owed::Answer(401), &register("sip:[2001:db8::10]:5070"), ""),
        case("4.5 bare", Owed::Answer(200), RECEIVED_BARE, ""),
        case("4.5 in brackets", Owed::Answer(481), RECEIVED_IN_BRACKETS, ""),
        case("4.6", Owed::Call, &invite("[2001:db8::20]"), DESCRIPTION_OF_6),
        case("4.7", Owed::Answer(481), VIAS_OF_BOTH, ""),
        case("4.8", Owed::Call, &invite("[2001:db8::9:1]"), DESCRIPTION_OF_BOTH),
        case("4.9", Owed::Call, &invite("[::ffff:192.0.2.2]"), DESCRIPTION_OF_MAPPED),
        case("4.10 three colons", Owed::Answer(200), &options("[2001:db8:::192.0.2.1]"), ""),
        case("4.10 two colons", Owed::Answer(200), &options("[2001:db8::192.0.2.1]"), ""),
    ]
}

fn register(uri: &str) -> String {
    format!(
        "REGISTER {uri} SIP/2.0\nTo: sip:user@example.com\nFrom: sip:user@example.com;tag=81x2\n\
         Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\nCall-ID: six.997077@hlau_4100\n\
         Max-Forwards: 70\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\nCSeq: 98176 REGISTER\n\
         Content-Length: {{length}}\n"
    )
}

fn options(host: &str) -> String {
    format!(
        "OPTIONS sip:user@{host} SIP/2.0\nTo: sip:user@{host}\n\
         From: sip:user@example.com;tag=810x2\n\
         Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111\n\
         Call-ID: colons.997077@hlau_4100\nCSeq: 689 OPTIONS\nMax-Forwards: 70\n\
         Content-Length: {{length}}\n"
    )
}

fn invite(host: &str) -> String {
    format!(
        "INVITE sip:user@[2001:db8::10] SIP/2.0\nTo: sip:user@[2001:db8::10]\n\
         From: sip:user@example.com;tag=81x2\nVia: SIP/2.0/UDP {host}:19823;branch=z9hG4bKbh19\n\
         Via: SIP/2.0/UDP {host};branch=z9hG4bKas3-111\nCall-ID: six.612@hlau_4100\n\
         Contact: \"T. desk phone\" <sip:ted@{host}>\nCSeq: 612 INVITE\nMax-Forwards: 70\n\
         Content-Type: application/sdp\nContent-Length: {{length}}\n"
    )
}

const RECEIVED_BARE: &str = r#"
OPTIONS sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3
Call-ID: bare.95523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
CSeq: 921 OPTIONS
Content-Length: {length}
"#;

const RECEIVED_IN_BRACKETS: &str = "
BYE sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111
Call-ID: brackets.9559905523997077@hlau_4100
Max-Forwards: 70
CSeq: 321 BYE
Content-Length: {length}
";

const VIAS_OF_BOTH: &str = "
BYE sip:user@host.example.net SIP/2.0
Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj; received=192.0.2.200
Call-ID: both.997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
Content-Length: {length}
";

const DESCRIPTION_OF_6: &str = "v=0\no=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live feed of today's meeting\nc=IN IP6 2001:db8::20\nt=3338481189 3370017201
m=audio 6000 RTP/AVP 2\na=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107\na=rtpmap:107 H263-1998/90000\n";

const DESCRIPTION_OF_BOTH: &str = "v=0\no=bob 280744730 28977631 IN IP4 host.example.com\ns=
t=0 0\nm=audio 22334 RTP/AVP 0\nc=IN IP4 192.0.2.1\nm=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1\na=rtpmap:107 H263-1998/90000\n";

const DESCRIPTION_OF_MAPPED: &str = "v=0\no=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2
s=Call me soon, please!\nc=IN IP6 ::ffff:192.0.2.2\nt=3338481189 3370017201
m=audio 6000 RTP/AVP 0\nm=video 6024 RTP/AVP 107\na=rtpmap:107 H263-1998/90000\n";

#[test]
fn every_message_of_rfc_5118_gets_what_it_is_owed() {
    torture(&corpus());
}

#[test]
fn a_port_is_behind_the_bracket_and_what_is_within_is_the_address() {
    let corpus = corpus();
    let uri = |section: &str| Uri::parse(of(&corpus, section).uri()).unwrap();
    let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!((uri("4.1").ip(), uri("4.1").port), (ip("2001:db8::10"), None));
    assert_eq!((uri("4.3").ip(), uri("4.3").port), (ip("2001:db8::10:5070"), None));
    assert_eq!((uri("4.4").ip(), uri("4.4").port), (ip("2001:db8::10"), Some(5070)));
    assert_eq!(uri("4.10 three colons").ip(), uri("4.10 two colons").ip());
    assert_eq!(uri("4.10 three colons").ip(), ip("2001:db8::192.0.2.1"));
}

#[test]
fn vias_and_descriptions_keep_each_its_own_address() {
    let corpus = corpus();
    let vias = of(&corpus, "4.7");
    let hosts: Vec<Option<IpAddr>> = vias
        .list(Name::Via)
        .map(|via| ip_of(crate::sip::header::Via::parse(via).unwrap().host))
        .collect();
    let expected = ["2001:db8::9:1", "192.0.2.1", "2001:db8::9:255"];
    assert_eq!(hosts, expected.map(|host| Some(host.parse::<IpAddr>().unwrap())));
    assert_eq!(vias.via().unwrap().port, Some(6050));
    for (section, line) in [
        ("4.6", "c=IN IP6 2001:db8::20\r\n"),
        ("4.8", "c=IN IP6 2001:db8::1\r\n"),
        ("4.9", "c=IN IP6 ::ffff:192.0.2.2\r\n"),
    ] {
        assert!(of(&corpus, section).sdp().unwrap().contains(line), "{section}");
    }
}
