//! Presence: who watches a colleague is told whether they can be reached, and phones publish it.

use super::lamps::{answered, desk, notify, office, prove, ring, subscribe};
use super::*;

const MEAL: &str = "<presence><tuple id=\"a\"><status><basic>closed</basic></status></tuple>\
    <person><activities><meal/></activities></person></presence>";
const LIVES: &str = "Event: presence\r\nExpires: 60\r\n";

/// The colleague's phone publishes; what comes.
fn publish(bench: &mut Bench, more: &str, body: &str) -> Vec<Sent> {
    let request = bench.request("PUBLISH", "1002", more, body).replace("sip:1001@", "sip:1002@");
    let request = request.replace("application/sdp", "application/pidf+xml");
    prove(bench, desk(), "1002", "PUBLISH", &request)
}

/// A phone that watches the colleague, whose first NOTIFY was answered.
fn watching(bench: &mut Bench) {
    let sent = subscribe(bench, "8002", "Event: presence\r\nExpires: 600\r\n");
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].header("Content-Type"), "application/pidf+xml");
    assert!(sent[1].has("<basic>open</basic>") && !sent[1].has("activities"), "{}", sent[1].text);
    answered(bench, &sent[1], "200 OK");
}

#[test]
fn who_watches_is_told_what_a_phone_publishes_until_its_time_is_over() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let sent = publish(&mut bench, LIVES, MEAL);
    assert_eq!(sent[0].start(), "SIP/2.0 200 OK", "{}", sent[0].text);
    assert_eq!(sent[0].header("Expires"), "60");
    let told = notify(&sent);
    assert!(told.has("<basic>closed</basic>") && told.has("<rpid:meal/>"), "{}", told.text);
    answered(&mut bench, told, "200 OK");
    // It lives on by its name, which is another one then (RFC 3903 §4.1).
    let tag = format!("{LIVES}SIP-If-Match: {}\r\n", sent[0].header("SIP-ETag"));
    let again = publish(&mut bench, &tag, "");
    assert_eq!(again[0].start(), "SIP/2.0 200 OK", "{}", again[0].text);
    assert!(notify(&again).has("<rpid:meal/>"));
    answered(&mut bench, notify(&again), "200 OK");
    assert!(publish(&mut bench, &tag, "")[0].start().contains("412"), "the name of before");
    let later: Vec<Sent> =
        bench.pass(Duration::from_secs(61)).into_iter().map(|(_, sent)| sent).collect();
    let over = later.iter().find(|sent| sent.start().starts_with("NOTIFY ")).expect("it is told");
    assert!(over.has("<basic>open</basic>") && !over.has("meal"), "{}", over.text);
}

#[test]
fn a_publication_is_taken_back_and_a_phone_that_leaves_is_closed() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let sent = publish(&mut bench, LIVES, MEAL);
    answered(&mut bench, notify(&sent), "200 OK");
    let tag = sent[0].header("SIP-ETag");
    let end = format!("Event: presence\r\nExpires: 0\r\nSIP-If-Match: {tag}\r\n");
    let sent = publish(&mut bench, &end, "");
    assert_eq!(sent[0].start(), "SIP/2.0 200 OK", "{}", sent[0].text);
    assert!(notify(&sent).has("<basic>open</basic>"), "{}", notify(&sent).text);
    answered(&mut bench, notify(&sent), "200 OK");
    let contact = "Contact: <sip:1002@198.51.100.8:5060>;expires=0\r\n";
    let leave = bench.request("REGISTER", "1002", "", "").replace("sip:1001@", "sip:1002@");
    let leave = leave.replace("Contact: <sip:a@198.51.100.7:5060>\r\n", contact);
    let sent = prove(&mut bench, desk(), "1002", "REGISTER", &leave);
    assert!(notify(&sent).has("<basic>closed</basic>"), "{}", notify(&sent).text);
}

#[test]
fn who_talks_is_on_the_phone_and_who_is_only_rung_is_not() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let sent = ring(&mut bench);
    assert_eq!(sent.len(), 1, "nothing is told of it: {sent:?}");
    let contact = "Contact: <sip:1002@198.51.100.8:5060>\r\n";
    bench.receive(desk(), sent[0].answer("180 Ringing", "t", "", ""));
    assert!(bench.sent().is_empty());
    bench.receive(desk(), sent[0].answer("200 OK", "t", contact, SDP));
    let sent = bench.sent();
    assert!(notify(&sent).has("<rpid:on-the-phone/>"), "{}", notify(&sent).text);
    assert!(!notify(&sent).has("13800138000"), "and never with whom");
}

#[test]
fn what_cannot_be_published_is_refused_with_what_would_be_right() {
    let mut bench = office(|_| {});
    for (more, body, status) in [
        (LIVES, "", "400"),
        (LIVES, "<presence/>", "400"),
        ("Event: presence\r\nSIP-If-Match: x\r\n", "", "412"),
        ("Event: presence\r\nSIP-If-Match: x\r\n", MEAL, "412"),
        ("Event: presence\r\nExpires: 59\r\n", MEAL, "423"),
    ] {
        let sent = publish(&mut bench, more, body);
        assert!(sent[0].start().contains(status), "{more} {body}: {}", sent[0].start());
    }
    let another = bench.request("PUBLISH", "1002", LIVES, SDP).replace("sip:1001@", "sip:1002@");
    let sent = prove(&mut bench, desk(), "1002", "PUBLISH", &another);
    assert!(sent[0].start().contains("415"), "{}", sent[0].start());
    assert_eq!(sent[0].header("Accept"), "application/pidf+xml");
    let colleague = bench.request("PUBLISH", "8002", LIVES, MEAL);
    let sent = prove(&mut bench, phone(), "1001", "PUBLISH", &colleague);
    assert!(sent[0].start().contains("403"), "nobody speaks for a colleague");
    let trunks = bench.request("PUBLISH", "1001", LIVES, MEAL);
    bench.receive(carrier(), trunks.replace("198.51.100.7:5060", "203.0.113.5:5060"));
    assert!(bench.one().start().contains("403"));
    let dialog = bench.request("PUBLISH", "1001", "Event: dialog\r\n", "");
    bench.receive(phone(), dialog);
    let refused = bench.one();
    assert!(refused.start().contains("489"));
    assert_eq!(refused.header("Allow-Events"), "presence");
}
