//! RFC 4475, every section. Where the RFC leaves a choice, the comment says which one is ours.

mod messages;

use super::*;
use crate::sip::frame::{Frame, Framer};
use crate::sip::message::Method;
use messages::*;

/// §3.1.1, syntax that is odd and right.
fn valid() -> Vec<Case> {
    vec![
        // Its To has a tag of a dialog that is not ours.
        case("3.1.1.1", Owed::Answer(481), TORTUOUS, BODY),
        case("3.1.1.2", Owed::Answer(501), WIDE, ""),
        case("3.1.1.3", Owed::Call, ESCAPED, BODY),
        case("3.1.1.4", Owed::Answer(401), ESCAPED_NULLS, ""),
        case("3.1.1.5", Owed::Answer(501), NO_ESCAPES, ""),
        case("3.1.1.6", Owed::Answer(200), NO_BLANK_BEFORE_THE_BRACKET, ""),
        case("3.1.1.7", Owed::Call, &long(), BODY),
        // The second request of the datagram is noise (RFC 3261 §18.3).
        two_requests(),
        case("3.1.1.9", Owed::Answer(200), SEMICOLON_IN_THE_USER, ""),
        case("3.1.1.10", Owed::Answer(200), EVERY_TRANSPORT, ""),
        case_of_bytes("3.1.1.11", Owed::Answer(415), MULTIPART, &parts()),
        case("3.1.1.12", Owed::Nothing, REASON_OF_ANY_LETTERS, BODY),
        case("3.1.1.13", Owed::Nothing, &format!("SIP/2.0 100\x20\n{NO_REASON}"), ""),
    ]
}

/// §3.1.2, syntax that is wrong.
fn invalid() -> Vec<Case> {
    vec![
        case("3.1.2.1", Owed::Refusal(400), EXTRA_SEPARATORS, BODY),
        case("3.1.2.2", Owed::Refusal(400), &invite("clerr", "Content-Length: 9999"), BODY),
        case("3.1.2.3", Owed::Refusal(400), &invite("ncl", "Content-Length: -999"), BODY),
        case("3.1.2.4", Owed::Refusal(400), SCALARS_OF_A_REQUEST, ""),
        case("3.1.2.5", Owed::Silence(400), SCALARS_OF_A_RESPONSE, ""),
        case("3.1.2.6", Owed::Refusal(400), UNCLOSED_QUOTE, BODY),
        case("3.1.2.7", Owed::Refusal(400), &start("INVITE <sip:user@example.com> SIP/2.0"), BODY),
        case(
            "3.1.2.8",
            Owed::Refusal(400),
            &start("INVITE sip:user@example.com; lr SIP/2.0"),
            BODY,
        ),
        case("3.1.2.9", Owed::Refusal(400), &start("INVITE  sip:user@example.com  SIP/2.0"), BODY),
        case("3.1.2.10", Owed::Refusal(400), &start("OPTIONS sip:a@example.com SIP/2.0  "), ""),
        case("3.1.2.11", Owed::Refusal(400), &start(HEADERS_IN_THE_REQUEST_URI), BODY),
        // Nothing here needs the Date, so a zone that is not GMT hurts nobody.
        case(
            "3.1.2.12",
            Owed::Call,
            &invite("baddate", "Date: Fri, 01 Jan 2010 16:00:00 EST"),
            BODY,
        ),
        case("3.1.2.13", Owed::Refusal(400), CONTACT_WITHOUT_BRACKETS, ""),
        // Blanks inside of the brackets leave no doubt about the URI.
        case("3.1.2.14", Owed::Answer(200), BLANKS_IN_THE_BRACKETS, ""),
        case("3.1.2.15", Owed::Refusal(400), COMMA_IN_A_NAME, ""),
        case("3.1.2.16", Owed::Refusal(505), ANOTHER_VERSION, ""),
        case("3.1.2.17", Owed::Refusal(400), OPTIONS_THAT_COUNTS_AS_INVITE, ""),
        case("3.1.2.18", Owed::Refusal(400), UNKNOWN_THAT_COUNTS_AS_INVITE, BODY),
        case("3.1.2.19", Owed::Silence(0), TOO_LARGE_A_STATUS, ""),
    ]
}

/// §3.2, §3.3 and §3.4: transactions, what a request asks for, and what is older than RFC 3261.
fn meaning() -> Vec<Case> {
    vec![
        case("3.2.1", Owed::Answer(200), BRANCH_WITHOUT_A_NAME, ""),
        case("3.3.1", Owed::Refusal(400), HEADERS_MISSING, BODY),
        case("3.3.2", Owed::Refusal(416), &options("nobodyKnowsThisScheme:totallyopaque"), ""),
        case("3.3.3", Owed::Refusal(416), &options("soap.beep://192.0.2.103:3002"), ""),
        // Who it is about is asked after the password.
        case("3.3.4", Owed::Answer(401), ADDRESSES_OF_UNKNOWN_SCHEMES, ""),
        case("3.3.5", Owed::Answer(420), UNKNOWN_EXTENSIONS, ""),
        case(
            "3.3.6",
            Owed::Answer(415),
            UNKNOWN_BODY,
            "<audio>\n <pcmu port=\"443\"/>\n</audio>\n",
        ),
        case("3.3.7", Owed::Answer(401), UNKNOWN_AUTHORIZATION, ""),
        case("3.3.8", Owed::Refusal(400), EACH_TWICE, BODY),
        case("3.3.9", Owed::Refusal(400), TWO_LENGTHS, "There is no telling how long this is.\n"),
        case("3.3.10", Owed::Nothing, ANSWER_OF_SOMEBODY_ELSE, BODY),
        // We are where it was going: only a proxy would have to refuse it.
        case("3.3.11", Owed::Answer(200), NO_HOPS_LEFT, ""),
        case(
            "3.3.12",
            Owed::Answer(401),
            &registers("sip:+8613800138000@gw1.example.net;unknown"),
            "",
        ),
        case("3.3.13", Owed::Answer(401), &registers(PARAMETER_OF_THE_URI), ""),
        case("3.3.14", Owed::Answer(401), &registers(HEADERS_OF_THE_CONTACT), ""),
        case("3.3.15", Owed::Answer(406), &invite("sdp01", "Accept: text/nobodyKnowsThis"), BODY),
        case("3.4.1", Owed::Call, OLD_INVITE, BODY),
    ]
}

#[test]
fn what_rfc_4475_calls_valid_is_read_and_answered_for_what_it_asks() {
    torture(&valid());
}

#[test]
fn what_rfc_4475_calls_invalid_is_refused_with_the_status_that_is_owed() {
    torture(&invalid());
}

#[test]
fn what_rfc_4475_asks_for_in_vain_gets_the_status_that_it_names() {
    torture(&meaning());
}

#[test]
fn what_is_read_from_a_datagram_is_cut_out_of_a_stream_in_whatever_pieces_it_comes() {
    let all = [valid(), meaning()].into_iter().flatten();
    let with_length = |bytes: &[u8]| {
        let message = Message::parse(bytes, Carrier::Datagram);
        message.is_ok_and(|message| matches!(message.content_length(), Ok(Some(_))))
    };
    let mut cut = 0;
    for Case { section, bytes, .. } in all.filter(|case| with_length(&case.bytes)) {
        for piece in [1, 7, 1_000, bytes.len()] {
            let (mut framer, mut out) = (Framer::default(), Vec::new());
            for piece in bytes.chunks(piece) {
                framer.push(piece);
                while let Some(Frame::Message(message)) = framer.next_frame() {
                    out.extend_from_slice(&message);
                }
            }
            assert_eq!(out, bytes, "{section} in pieces of {piece}");
        }
        cut += 1;
    }
    assert!(cut > 20, "{cut} have a length");
}

#[test]
fn every_section_of_rfc_4475_is_there() {
    let range =
        |before: &'static str, last: usize| (1..=last).map(move |n| format!("{before}.{n}"));
    let sections = range("3.1.1", 13).chain(range("3.1.2", 19)).chain(range("3.2", 1));
    let sections: Vec<String> = sections.chain(range("3.3", 15)).chain(range("3.4", 1)).collect();
    let all = [valid(), invalid(), meaning()].into_iter().flatten();
    assert_eq!(all.map(|case| case.section.to_owned()).collect::<Vec<_>>(), sections);
}

#[test]
fn a_short_tortuous_invite_is_read_whole() {
    let corpus = valid();
    let message = of(&corpus, "3.1.1.1");
    assert_eq!(message.list(Name::Via).count(), 3);
    assert_eq!(message.cseq().map(|cseq| cseq.number), Some(9));
    assert_eq!(message.to_tag(), Some(&b"1918181833n"[..]));
    assert_eq!(message.from().unwrap().display_text(), "J Rosenberg \\\"");
    assert_eq!(message.contact().unwrap().uri, b"sip:jdrosen@example.com");
    assert!(message.sdp().unwrap().starts_with("v=0\r\n"));
}

#[test]
fn odd_letters_and_escapes_are_kept_as_they_came() {
    let corpus = valid();
    let wide = of(&corpus, "3.1.1.2");
    let method = b"!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!((wide.method(), wide.method_bytes()), (Method::Other, &method[..]));
    assert_eq!(wide.from_tag(), Some(&b"_token~1'+`*%!-."[..]));
    assert_eq!(of(&corpus, "3.1.1.5").method(), Method::Other, "no REGISTER, whatever %47 is");
    assert_eq!(of(&corpus, "3.1.1.5").occurrences(Name::Contact), 2);
    assert_eq!(of(&corpus, "3.1.1.8").body(), b"");
    assert_eq!(of(&corpus, "3.1.1.11").body(), parts());
    assert_eq!(of(&corpus, "3.1.1.7").list(Name::Via).count(), 34);
}

#[test]
fn a_branch_without_a_name_makes_no_two_calls_one() {
    let mut bench = Bench::new();
    for name in ["first", "second"] {
        let head = invite(name, "l: {length}").replace("z9hG4bK-39234-23523", "z9hG4bK");
        bench.receive(carrier(), case("3.2.1", Owed::Call, &head, BODY).bytes);
    }
    assert_eq!(bench.events().len(), 2);
    assert_eq!(bench.counter("requests_again"), 0);
}

#[test]
fn a_contact_keeps_its_own_parameters_and_a_call_to_it_leaves_its_headers_out() {
    for (contact, kept, called) in [
        ("<sip:1001@198.51.100.7;unknown>", "<sip:1001@198.51.100.7;unknown>;expires=", ";unknown"),
        ("sip:1001@198.51.100.7;unknown", "<sip:1001@198.51.100.7>;expires=", ""),
        (
            "<sip:1001@198.51.100.7?Route=%3Csip:evil.example.com%3E>",
            "<sip:1001@198.51.100.7?Route=%3Csip:evil.example.com%3E>;expires=",
            "",
        ),
    ] {
        let mut bench = Bench::new();
        let plain = bench.request("REGISTER", "1001", "", "");
        let plain =
            plain.replace("Contact: <sip:a@198.51.100.7:5060>", &format!("Contact: {contact}"));
        bench.receive(phone(), &plain);
        let again = authorize(&bench.one(), &plain, "REGISTER", "secret", 1);
        bench.receive(phone(), again);
        let done = bench.one();
        assert!(done.header("Contact").starts_with(kept), "{}", done.text);
        bench.command(super::super::calls_out::to_agent());
        let start = format!("INVITE sip:1001@198.51.100.7{called} SIP/2.0");
        assert_eq!(bench.one().start(), start);
    }
}

#[test]
fn a_request_that_needs_what_we_lack_is_told_what() {
    let mut bench = Bench::new();
    let corpus = meaning();
    bench.receive(carrier(), of(&corpus, "3.3.5").bytes());
    let refused = bench.one();
    assert_eq!(refused.header("Unsupported"), "nothingSupportsThis, nothingSupportsThisEither");
    bench.receive(carrier(), of(&corpus, "3.3.6").bytes());
    assert_eq!(bench.one().header("Accept"), "application/sdp");
    bench.receive(carrier(), of(&corpus, "3.3.7").bytes());
    assert!(bench.one().header("WWW-Authenticate").starts_with("Digest "));
}

#[test]
fn an_invite_of_before_rfc_3261_is_answered_and_hung_up_on() {
    let mut bench = Bench::new();
    let corpus = meaning();
    bench.receive(carrier(), of(&corpus, "3.4.1").bytes());
    let leg = match &bench.events()[..] {
        [Event::Incoming(incoming)] => incoming.leg,
        other => panic!("{other:?}"),
    };
    bench.sent();
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    let answer = bench.one();
    assert_eq!(answer.start(), "SIP/2.0 200 OK");
    let ack = format!(
        "ACK sip:UserB@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP iftgw.example.com\r\n\
         From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 56 ACK\r\n\r\n",
        answer.header("From"),
        answer.header("To"),
        answer.header("Call-ID")
    );
    bench.receive(carrier(), ack);
    assert_eq!(bench.events(), [Event::Acked { leg, sdp: None }]);
    bench.command(Command::Hangup { leg, cause: 16 });
    let bye = bench.one();
    // Its proxy is a strict router: it stands in the Request-URI, and who called in Route.
    assert_eq!(bye.start(), "BYE sip:UserB@example.com;maddr=ss1.example.com SIP/2.0");
    let caller = "<sip:+13035551111@ift.client.example.net;user=phone>";
    assert_eq!(bye.header("Route"), caller);
    assert_eq!(bye.header("To"), caller);
}
