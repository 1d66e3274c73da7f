//! Session timers (RFC 4028) as JsSIP 3.13 speaks them: it asks for 90 s, refreshes by UPDATE without a
//! description at half of that, or by re-INVITE where the page says so, and calls itself the refresher in
//! every request.

use super::browsers::{CONTACT, WSS, deliver, invite, laptop, listen, register};
use super::*;

/// Of a call to the page.
const LEG: LegId = LegId(900);
/// Half of the interval.
const HALF: Duration = Duration::from_secs(45);

/// The dialog as the page has it.
struct Dialog {
    call_id: String,
    ours: String,
    theirs: &'static str,
}

impl Dialog {
    /// A request of the page, its headers in JsSIP's order.
    fn says(&self, method: &str, seq: u32, more: &str, body: &str) -> String {
        let Dialog { call_id, ours, theirs } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:switchgrid@192.0.2.1:7443;transport=ws SIP/2.0\r\n\
             Via: SIP/2.0/WSS x7d2.invalid;branch=z9hG4bK{method}{seq}\r\nMax-Forwards: 69\r\n\
             To: <sip:95105688@192.0.2.1>;tag={ours}\r\nFrom: <sip:1001@192.0.2.1>;tag={theirs}\r\n\
             Call-ID: {call_id}\r\nCSeq: {seq} {method}\r\nContact: <{CONTACT};ob>\r\n{kind}{more}\
             Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\n\
             User-Agent: JsSIP 3.13.8\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

fn say(bench: &mut Bench, text: &str) {
    deliver(bench, WSS, 7, laptop(), text);
}

#[test]
fn a_page_that_is_called_refreshes_its_session_by_update_and_one_that_is_gone_does_not() {
    let mut bench = Bench::with(listen);
    register(&mut bench, WSS, 7, CONTACT);
    bench.command(invite(true));
    let ring = bench.one();
    assert!(ring.header("Supported").contains("timer") && ring.header("Allow").contains("UPDATE"));
    let more = format!(
        "Contact: <{CONTACT};ob>\r\nSession-Expires: 90;refresher=uas\r\n\
         Supported: timer,ice,replaces,outbound\r\n"
    );
    say(&mut bench, &ring.answer("200 OK", "page", &more, SDP));
    assert!(bench.one().start().starts_with("ACK "));
    let ours = ring.header("From").split("tag=").nth(1).expect("our tag").to_owned();
    let dialog = Dialog { call_id: ring.header("Call-ID"), ours, theirs: "page" };
    bench.events();

    let more = "Session-Expires: 90;refresher=uac\r\nSupported: timer,ice,outbound\r\n";
    for seq in 1..5 {
        assert!(bench.pass(HALF).is_empty(), "the page refreshes, and nobody else");
        say(&mut bench, &dialog.says("UPDATE", seq, more, ""));
        let done = bench.one();
        assert_eq!(done.start(), "SIP/2.0 200 OK", "{}", done.text);
        assert_eq!(done.header("Session-Expires"), "90;refresher=uac");
        assert_eq!(done.header("Require"), "timer");
    }
    // An offer of ours between two refreshes leaves that to the page.
    bench.command(Command::Reoffer { leg: LEG, sdp: SDP.into() });
    let offer = bench.one();
    assert_eq!(offer.header("Session-Expires"), "90;refresher=uas");
    let more = format!("Contact: <{CONTACT};ob>\r\nSession-Expires: 90;refresher=uas\r\n");
    say(&mut bench, &offer.answer("200 OK", "page", &more, SDP));
    assert!(bench.one().start().starts_with("ACK "));
    assert_eq!(bench.events(), [Event::OfferAccepted { leg: LEG, sdp: SDP.into() }]);

    assert!(bench.pass(Duration::from_secs(59)).is_empty());
    let sent = bench.pass(Duration::from_secs(2));
    assert!(sent[0].1.start().starts_with("BYE "), "{}", sent[0].1.text);
    assert_eq!(bench.events(), [Event::Ended { leg: LEG, cause: 102 }]);
}

#[test]
fn a_page_that_calls_refreshes_its_session_by_its_own_offer_too() {
    let mut bench = Bench::with(listen);
    register(&mut bench, WSS, 7, CONTACT);
    bench.events();
    let asks = "Session-Expires: 90\r\nSupported: timer,ice,replaces,outbound\r\n";
    let plain = bench.request("INVITE", "95105688", asks, SDP);
    let plain = plain
        .replace("<sip:a@198.51.100.7:5060>", &format!("<{CONTACT};ob>"))
        .replace("UDP 198.51.100.7:5060", "WSS x7d2.invalid");
    say(&mut bench, &plain);
    let challenge = bench.one();
    say(&mut bench, &authorize(&challenge, &plain, "INVITE", "secret", 1));
    let leg = match &bench.events()[..] {
        [Event::Incoming(incoming)] => incoming.leg,
        other => panic!("{other:?}"),
    };
    bench.sent();
    bench.command(Command::Answer { leg, sdp: SDP.into() });
    let ok = bench.one();
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uac");
    assert_eq!(ok.header("Require"), "timer");
    let (call_id, ours) = (ok.header("Call-ID"), ok.to_tag());
    let dialog = Dialog { call_id, ours, theirs: "caller" };
    say(&mut bench, &dialog.says("ACK", 2, "", ""));
    bench.events();

    let more = "Session-Expires: 90;refresher=uac\r\nSupported: timer,ice,replaces,outbound\r\n";
    for seq in 3..6 {
        assert!(bench.pass(HALF).is_empty(), "the page refreshes, and nobody else");
        say(&mut bench, &dialog.says("INVITE", seq, more, SDP));
        bench.sent();
        assert!(matches!(bench.events()[..], [Event::Offer { .. }]));
        bench.command(Command::AcceptOffer { leg, sdp: SDP.into() });
        let done = bench.one();
        assert_eq!(done.start(), "SIP/2.0 200 OK", "{}", done.text);
        assert_eq!(done.header("Session-Expires"), "90;refresher=uac");
        say(&mut bench, &dialog.says("ACK", seq, "", ""));
        bench.events();
    }
}
