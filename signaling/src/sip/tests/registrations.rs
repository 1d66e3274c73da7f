//! Registration events: who watches a colleague's extension is told where it is registered.

use super::lamps::{answered, desk, notify, office, prove, subscribe, two, within};
use super::*;

const WATCH: &str = "Event: reg\r\nExpires: 600\r\n";
const HOME: &str = "<uri>sip:1002@198.51.100.8:5060</uri>";
const OTHER: &str = "<uri>sip:1002@198.51.100.8:5062</uri>";

/// The colleague's phones say where they are; what comes.
fn says(bench: &mut Bench, contacts: &str) -> Vec<Sent> {
    let plain = bench.request("REGISTER", "1002", "", "").replace("sip:1001@", "sip:1002@");
    let plain = plain.replace("Contact: <sip:a@198.51.100.7:5060>\r\n", contacts);
    let sent = prove(bench, desk(), "1002", "REGISTER", &plain);
    assert_eq!(sent[0].start(), "SIP/2.0 200 OK", "{}", sent[0].text);
    sent
}

/// A subscription whose first NOTIFY was answered.
fn watching(bench: &mut Bench) -> Sent {
    let mut sent = subscribe(bench, "8002", WATCH);
    assert_eq!(sent.len(), 2);
    answered(bench, &sent[1], "200 OK");
    sent.remove(0)
}

/// The line of this contact in a document.
fn line(notify: &Sent, uri: &str) -> String {
    let of = |line: &&str| line.contains(uri);
    notify.text.lines().find(of).unwrap_or_else(|| panic!("{}", notify.text)).to_owned()
}

#[test]
fn the_first_document_says_every_contact_and_the_next_what_is_otherwise() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", WATCH);
    let first = notify(&sent);
    assert_eq!(first.header("Event"), "reg");
    assert_eq!(first.header("Content-Type"), "application/reginfo+xml");
    assert!(first.has("version=\"0\" state=\"full\""), "{}", first.text);
    assert!(first.has("aor=\"sip:1002@192.0.2.1:5060\" id=\"r\" state=\"active\""));
    let own = line(first, HOME);
    assert!(own.contains("state=\"active\" event=\"registered\" expires=\"600\""), "{own}");
    answered(&mut bench, first, "200 OK");

    let sent = says(&mut bench, "Contact: <sip:1002@198.51.100.8:5062>;expires=300\r\n");
    let second = notify(&sent);
    assert!(second.has("version=\"1\" state=\"partial\""), "{}", second.text);
    assert!(line(second, OTHER).contains("event=\"registered\" expires=\"300\""));
    assert!(!second.has(HOME), "nothing is new of it: {}", second.text);
    answered(&mut bench, second, "200 OK");

    let sent = says(&mut bench, "Contact: <sip:1002@198.51.100.8:5062>;expires=500\r\n");
    let third = notify(&sent);
    assert!(line(third, OTHER).contains("event=\"refreshed\" expires=\"500\""), "{}", third.text);
    answered(&mut bench, third, "200 OK");
    assert_eq!(says(&mut bench, "").len(), 1, "who only asks changes nothing");
}

#[test]
fn a_contact_that_goes_is_told_with_its_reason_and_the_last_one_ends_the_registration() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let sent = says(&mut bench, "Contact: <sip:1002@198.51.100.8:5062>;expires=30\r\n");
    let name = line(notify(&sent), OTHER);
    answered(&mut bench, notify(&sent), "200 OK");
    let later: Vec<Sent> =
        bench.pass(Duration::from_secs(30)).into_iter().map(|(_, sent)| sent).collect();
    let over = notify(&later);
    let gone = line(over, OTHER);
    assert!(gone.contains("state=\"terminated\" event=\"expired\"><uri>"), "{gone}");
    let id = |line: &str| line.split(" state=").next().map(str::to_owned);
    assert_eq!(id(&gone), id(&name), "the same contact");
    assert!(over.has("id=\"r\" state=\"active\""), "the other phone is there: {}", over.text);
    answered(&mut bench, over, "200 OK");
    let sent = says(&mut bench, "Contact: <sip:1002@198.51.100.8:5060>;expires=0\r\n");
    let last = notify(&sent);
    assert!(line(last, HOME).contains("state=\"terminated\" event=\"unregistered\""));
    assert!(last.has("id=\"r\" state=\"terminated\""), "{}", last.text);
    answered(&mut bench, last, "200 OK");
    let nobody = subscribe(&mut bench, "8002", WATCH);
    let empty = notify(&nobody);
    assert!(empty.has("state=\"full\"") && empty.has("id=\"r\" state=\"init\""), "{}", empty.text);
    assert!(!empty.has("<contact "), "{}", empty.text);
}

#[test]
fn what_changes_while_a_notify_waits_is_said_by_the_next_and_never_doubled() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", WATCH);
    let both = "Contact: <sip:1002@198.51.100.8:5062>;expires=300\r\n";
    assert_eq!(says(&mut bench, both).len(), 1, "one NOTIFY at a time");
    says(&mut bench, "Contact: <sip:1002@198.51.100.8:5060>;expires=0\r\n");
    answered(&mut bench, notify(&sent), "200 OK");
    let next = bench.one();
    assert!(next.has("version=\"1\" state=\"partial\""), "{}", next.text);
    assert!(line(&next, OTHER).contains("event=\"registered\""), "{}", next.text);
    assert!(line(&next, HOME).contains("event=\"unregistered\""), "{}", next.text);
    answered(&mut bench, &next, "200 OK");
    assert!(bench.sent().is_empty());
}

#[test]
fn whoever_refused_a_document_or_asks_again_is_told_everything() {
    let mut bench = office(|_| {});
    let ok = watching(&mut bench);
    let sent = says(&mut bench, "Contact: <sip:1002@198.51.100.8:5062>;expires=300\r\n");
    answered(&mut bench, notify(&sent), "500 Server Internal Error");
    let sent = says(&mut bench, "Contact: <sip:1002@198.51.100.8:5062>;expires=400\r\n");
    let whole = notify(&sent);
    assert!(whole.has("state=\"full\"") && whole.has(HOME) && whole.has(OTHER), "{}", whole.text);
    answered(&mut bench, whole, "200 OK");
    let refresh = within(&ok, "SUBSCRIBE", 4, "Event: reg\r\n");
    let sent = prove(&mut bench, phone(), "1001", "SUBSCRIBE", &refresh);
    let again = notify(&sent);
    assert!(again.has("state=\"full\"") && again.has(HOME) && again.has(OTHER), "{}", again.text);
}

#[test]
fn a_phone_that_watches_itself_is_told_that_it_left_by_the_last_notify() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "1001", WATCH);
    answered(&mut bench, notify(&sent), "200 OK");
    let gone = "Contact: <sip:1001@198.51.100.7:5060>;expires=0\r\n";
    let plain = bench.request("REGISTER", "1001", "", "");
    let plain = plain.replace("Contact: <sip:a@198.51.100.7:5060>\r\n", gone);
    let sent = prove(&mut bench, phone(), "1001", "REGISTER", &plain);
    let last = notify(&sent);
    assert_eq!(last.header("Subscription-State"), "terminated;reason=timeout");
    assert!(last.has("event=\"unregistered\""), "{}", last.text);
    assert!(last.has("id=\"r\" state=\"terminated\""), "{}", last.text);
}

#[test]
fn a_contact_of_any_text_stays_within_its_element_and_a_long_one_is_not_passed_on() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let long = "x".repeat(201);
    let contacts = format!(
        "Contact: <sip:1002@198.51.100.8:5062;a=%3C&b>;expires=300, <sip:{long}@h>;expires=300\r\n"
    );
    let sent = says(&mut bench, &contacts);
    let told = notify(&sent);
    assert!(told.has("<uri>sip:1002@198.51.100.8:5062;a=%3C&amp;b</uri>"), "{}", told.text);
    assert!(told.has("<uri>sip:1002@192.0.2.1:5060</uri>"), "{}", told.text);
    assert!(!told.has(&long), "{}", told.text);
}

#[test]
fn the_phone_that_has_to_make_room_is_told_as_rejected() {
    let mut bench = office(|config| config.registrations.contacts_max = 1);
    watching(&mut bench);
    let sent = says(&mut bench, "Contact: <sip:1002@198.51.100.8:5062>;expires=300\r\n");
    let told = notify(&sent);
    assert!(line(told, HOME).contains("state=\"terminated\" event=\"rejected\""), "{}", told.text);
    assert!(line(told, OTHER).contains("event=\"registered\""), "{}", told.text);
}

#[test]
fn the_watch_of_a_registration_goes_on_after_a_kill_with_everything_anew() {
    let mut bench = office(|config| config.keeps = true);
    let ok = watching(&mut bench);
    let records = bench.core.take_changes();
    let mut next = Bench::with(|config| config.keeps = true);
    (next.ms, next.branch) = (bench.ms + 400, bench.branch);
    next.core.set_plan(next.now(), &two());
    let now = next.now();
    next.core.restore(now, &records);
    let first = next.one();
    assert_eq!(first.header("Call-ID"), ok.header("Call-ID"));
    assert!(first.has("state=\"full\"") && first.has(HOME), "{}", first.text);
    assert!(first.has("version=\"10"), "its numbers only rise: {}", first.text);
}
