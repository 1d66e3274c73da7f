//! A trunk that is given by name: which of its servers is called, and who after it.

use super::texts::{done, out};
use super::trunks::{CHALLENGE, invite};
use super::*;
use crate::sip::servers::Server;
use terms::TrunkId;

const FIRST: &str = "203.0.113.5:5060";
const SECOND: &str = "203.0.113.6:5070";

/// A core that calls a trunk by its name, which has two servers; a third is in a
/// network that we have no listener in.
fn by_name() -> Bench {
    by_name_with(None)
}

/// The same with a password of ours there.
fn by_name_with(outbound: Option<Credential>) -> Bench {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].proxy = "sip:carrier.example.com".into();
    plan.trunks[0].outbound = outbound;
    bench.core.set_plan(bench.now(), &plan);
    let server = |address, priority| Server {
        address: peer(address),
        transport: Transport::Udp,
        priority,
        weight: 0,
    };
    let unreachable = server("[2001:db8::5]:5060", 1);
    let servers = vec![unreachable, server(SECOND, 20), server(FIRST, 10)];
    bench.core.handle_located(bench.now(), (TENANT, TrunkId(1)), servers);
    bench
}

/// The INVITEs among what was sent, with where they went.
fn invites(sent: Vec<Sent>) -> Vec<(Host, Sent)> {
    let own = sent.into_iter().filter(|sent| sent.start().starts_with("INVITE "));
    own.map(|sent| (sent.to.clone(), sent)).collect()
}

fn goes_to(sent: &Sent, address: &str) {
    assert!(matches!(sent.to, Host::Address(to) if to == peer(address)), "{:?}", sent.to);
    assert_eq!(sent.start(), "INVITE sip:13900139000@carrier.example.com SIP/2.0");
}

/// The only INVITE of what was sent last.
fn next(bench: &mut Bench) -> Sent {
    let mut sent = invites(bench.sent());
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.remove(0).1
}

#[test]
fn the_server_of_the_lowest_priority_is_called_and_the_next_one_when_it_cannot() {
    let mut bench = by_name();
    bench.command(invite(901));
    let first = next(&mut bench);
    goes_to(&first, FIRST);
    bench.receive(carrier(), first.answer("503 Down", "t", "", ""));
    let second = next(&mut bench);
    goes_to(&second, SECOND);
    assert_ne!(first.header("Call-ID"), second.header("Call-ID"));
    assert!(bench.events().is_empty(), "nobody hears of it");
    bench.receive(carrier(), second.answer("503 Down", "t", "", ""));
    let failed = |event: &Event| matches!(event, Event::Failed { status: 503, .. });
    assert!(bench.events().iter().any(failed), "there is no third");
    assert_eq!(bench.counter("trunk_servers_passed_over"), 1);
}

/// The same with a registration at each server; the REGISTERs by where they go.
fn registered_at_each() -> (Bench, Sent, Sent) {
    let mut bench = Bench::new();
    let mut plan = plan();
    let trunk = &mut plan.trunks[0];
    trunk.proxy = "sip:carrier.example.com".into();
    (trunk.register, trunk.register_each) = (true, true);
    trunk.outbound =
        Some(Credential { user: "gw".into(), password: "p".into(), realm: String::new() });
    bench.core.set_plan(bench.now(), &plan);
    let server = |address, priority| Server {
        address: peer(address),
        transport: Transport::Udp,
        priority,
        weight: 0,
    };
    let servers = vec![server(SECOND, 20), server(FIRST, 10)];
    bench.core.handle_located(bench.now(), (TENANT, TrunkId(1)), servers);
    let sent = bench.pass(Duration::from_millis(1));
    let at = |address: &str| {
        let to = Host::Address(peer(address));
        let own = sent.iter().filter(|(_, sent)| sent.start().starts_with("REGISTER "));
        let own: Vec<&Sent> = own.map(|(_, sent)| sent).filter(|sent| sent.to == to).collect();
        assert_eq!(own.len(), 1, "{address}: {sent:?}");
        own[0].clone()
    };
    let (first, second) = (at(FIRST), at(SECOND));
    (bench, first, second)
}

#[test]
fn each_server_has_a_registration_of_its_own_and_one_that_counts_is_enough() {
    let (mut bench, first, second) = registered_at_each();
    assert_ne!(first.header("Call-ID"), second.header("Call-ID"));
    bench.receive(carrier(), first.answer("403 Forbidden", "t", "", ""));
    let route = "Expires: 600\r\nService-Route: <sip:two.example;lr>\r\n";
    bench.receive(peer(SECOND), second.answer("200 OK", "t", route, ""));
    let live = bench.core.live_trunks(TENANT);
    assert_eq!((live[0].registered, live[0].down), (Some(true), None));
    bench.command(invite(901));
    let call = next(&mut bench);
    goes_to(&call, SECOND);
    assert!(call.has("Route: <sip:two.example;lr>\r\n"), "by its own way: {}", call.text);
    let again = bench.pass(Duration::from_secs(6));
    let asked = |(_, sent): &(u64, Sent)| sent.header("Call-ID") == first.header("Call-ID");
    assert!(again.iter().any(asked), "the first one is asked again by itself");
}

#[test]
fn a_trunk_that_no_server_of_knows_us_is_down() {
    let (mut bench, first, second) = registered_at_each();
    bench.receive(carrier(), first.answer("403 Forbidden", "t", "", ""));
    assert_eq!(bench.core.live_trunks(TENANT)[0].down, None, "the other one may");
    bench.receive(peer(SECOND), second.answer("403 Forbidden", "t", "", ""));
    let down = bench.core.live_trunks(TENANT)[0].down.map(|down| down.fault);
    assert_eq!(down, Some(terms::control::TrunkFault::Registration));
}

#[test]
fn a_server_of_a_transport_that_we_have_no_listener_for_is_not_called() {
    let mut bench = by_name();
    let server = |address, transport, priority| Server {
        address: peer(address),
        transport,
        priority,
        weight: 0,
    };
    let servers = vec![server(SECOND, Transport::Wss, 1), server(FIRST, Transport::Udp, 10)];
    bench.core.handle_located(bench.now(), (TENANT, TrunkId(1)), servers);
    bench.command(invite(901));
    let first = next(&mut bench);
    goes_to(&first, FIRST);
    bench.receive(carrier(), first.answer("503 Down", "t", "", ""));
    let failed = |event: &Event| matches!(event, Event::Failed { status: 503, .. });
    assert!(bench.events().iter().any(failed), "there is no second");
}

#[test]
fn a_server_behind_which_nobody_says_anything_is_passed_over() {
    let mut bench = by_name();
    bench.command(invite(901));
    let first = next(&mut bench);
    bench.receive(carrier(), first.answer("408 Request Timeout", "t", "", ""));
    goes_to(&next(&mut bench), SECOND);
    assert!(bench.events().is_empty());
}

#[test]
fn a_server_that_cannot_be_reached_is_passed_over_by_the_next_calls_too() {
    let mut bench = by_name();
    bench.command(invite(901));
    let first = next(&mut bench);
    let transaction = first.transaction.expect("an INVITE has one");
    bench.core.handle_unsent(bench.now(), transaction);
    goes_to(&next(&mut bench), SECOND);
    bench.command(invite(902));
    goes_to(&next(&mut bench), SECOND);
}

#[test]
fn a_silent_server_is_given_up_and_what_it_says_later_is_taken_back() {
    let mut bench = by_name();
    bench.command(invite(901));
    let first = next(&mut bench);
    let passed = bench.pass(Duration::from_secs(7)).into_iter().map(|(_, sent)| sent).collect();
    let to_second = |of: &(Host, Sent)| matches!(of.0, Host::Address(to) if to == peer(SECOND));
    let second = invites(passed).into_iter().find(to_second).expect("the second is called").1;
    goes_to(&second, SECOND);
    assert!(bench.events().is_empty());
    bench.receive(carrier(), first.answer("180 Ringing", "t", "", ""));
    let taken_back = bench.starts().iter().any(|start| start.starts_with("CANCEL "));
    assert!(taken_back && bench.events().is_empty(), "nobody rings twice");
    bench.receive(carrier(), second.answer("486 Busy Here", "t", "", ""));
    let failed = |event: &Event| matches!(event, Event::Failed { status: 486, .. });
    assert!(bench.events().iter().any(failed), "what the callee says stands");
}

#[test]
fn each_server_is_asked_by_itself_and_who_is_silent_is_called_last() {
    let mut bench = by_name();
    let mut plan = plan();
    plan.trunks[0].proxy = "sip:carrier.example.com".into();
    plan.trunks[0].options_every_s = 10;
    bench.core.set_plan(bench.now(), &plan);
    let mut asked: Vec<Sent> = Vec::new();
    while asked.is_empty() {
        asked = bench.pass(Duration::from_secs(1)).into_iter().map(|(_, sent)| sent).collect();
    }
    let to = |asked: &[Sent], address: &str| {
        let host = Host::Address(peer(address));
        let first =
            asked.iter().find(|sent| sent.start().starts_with("OPTIONS ") && sent.to == host);
        first.expect("it is asked").clone()
    };
    assert_ne!(to(&asked, FIRST).header("Call-ID"), to(&asked, SECOND).header("Call-ID"));
    let answer = to(&asked, SECOND).answer("200 OK", "t", "", "");
    bench.receive(peer(SECOND), answer);
    bench.pass(Duration::from_secs(33));
    assert!(bench.core.live_trunks(TENANT)[0].down.is_none(), "one of them is there");
    assert!(bench.events().iter().all(|event| !matches!(event, Event::Trunk { down: true, .. })));
    bench.command(invite(901));
    goes_to(&next(&mut bench), SECOND);
}

#[test]
fn who_rang_is_not_called_over_another_server() {
    let mut bench = by_name();
    bench.command(invite(901));
    let first = next(&mut bench);
    bench.receive(carrier(), first.answer("180 Ringing", "t", "", ""));
    bench.events();
    bench.receive(carrier(), first.answer("503 Down", "t", "", ""));
    let failed = |event: &Event| matches!(event, Event::Failed { status: 503, .. });
    assert!(bench.events().iter().any(failed));
    assert!(invites(bench.sent()).is_empty());
}

#[test]
fn what_a_name_says_outlives_a_change_of_the_trunk_and_not_of_the_name() {
    let mut bench = by_name();
    let mut plan = plan();
    plan.trunks[0].calls_max = 7;
    for (proxy, known) in [("sip:carrier.example.com", true), ("sip:other.example.com", false)] {
        plan.trunks[0].proxy = proxy.into();
        bench.core.set_plan(bench.now(), &plan);
        bench.command(invite(if known { 901 } else { 902 }));
        assert_eq!(matches!(next(&mut bench).to, Host::Address(_)), known, "{proxy}");
    }
}

/// The only MESSAGE of what was sent last, which goes there.
fn text_to(bench: &mut Bench, address: &str) -> Sent {
    let sent = bench.one();
    assert_eq!(sent.to, Host::Address(peer(address)));
    assert_eq!(sent.start(), "MESSAGE sip:13900139000@carrier.example.com SIP/2.0");
    assert!(sent.text.ends_with("\r\n\r\nhello"), "{}", sent.text);
    sent
}

fn sends_text(bench: &mut Bench) -> Sent {
    bench.core.handle_text(bench.now(), out("hello"));
    text_to(bench, FIRST)
}

#[test]
fn a_text_of_which_a_server_takes_nothing_goes_to_the_next_one() {
    for status in ["500 Broken", "502 Bad Gateway", "503 Down"] {
        let mut bench = by_name();
        let first = sends_text(&mut bench);
        let refused = first.answer(status, "t", "", "");
        bench.receive(carrier(), &refused);
        let second = text_to(&mut bench, SECOND);
        assert_ne!(first.header("Call-ID"), second.header("Call-ID"));
        assert!(bench.events().is_empty(), "nobody hears of it");
        bench.receive(peer(SECOND), second.answer("202 Accepted", "t", "", ""));
        assert_eq!(bench.events(), [done(202)]);
        bench.receive(carrier(), &refused);
        assert!(bench.pass(Duration::from_secs(40)).is_empty() && bench.events().is_empty());
        assert_eq!(bench.counter("transactions_live"), 0);
        assert_eq!(bench.counter("trunk_servers_passed_over"), 1);
    }
}

#[test]
fn a_text_that_never_left_goes_to_the_next_server_and_what_the_last_one_says_is_told() {
    let mut bench = by_name();
    let first = sends_text(&mut bench);
    bench.core.handle_unsent(bench.now(), first.transaction.expect("a transaction"));
    let second = text_to(&mut bench, SECOND);
    assert!(bench.events().is_empty());
    bench.receive(peer(SECOND), second.answer("500 Broken", "t", "", ""));
    assert_eq!(bench.events(), [done(500)], "there is no third");
    assert!(bench.sent().is_empty());
}

#[test]
fn a_text_that_a_server_may_have_and_one_that_nobody_wants_is_sent_to_no_other() {
    for status in [404, 408, 413, 486, 504, 603] {
        let mut bench = by_name();
        let first = sends_text(&mut bench);
        bench.receive(carrier(), first.answer(&format!("{status} No"), "t", "", ""));
        assert_eq!(bench.events(), [done(status)]);
        assert!(bench.sent().is_empty(), "{status}");
    }
    let to_first = |sent: &(u64, Sent)| sent.1.to == Host::Address(peer(FIRST));
    let mut bench = by_name();
    sends_text(&mut bench);
    assert!(bench.pass(Duration::from_secs(33)).iter().all(to_first), "silence says nothing");
    assert_eq!(bench.events(), [done(408)]);
    let mut bench = by_name();
    let first = sends_text(&mut bench);
    assert_eq!(bench.pass(Duration::from_millis(600)).len(), 1, "it is sent once more");
    bench.core.handle_unsent(bench.now(), first.transaction.expect("a transaction"));
    assert_eq!(bench.events(), [done(408)]);
    assert!(bench.sent().is_empty());
}

#[test]
fn each_server_may_ask_who_sends_a_text() {
    let (user, password, realm) = ("gw".to_owned(), "hunter2".to_owned(), "carrier".to_owned());
    let mut bench = by_name_with(Some(Credential { user, password, realm }));
    let mut sent = sends_text(&mut bench);
    for (server, last) in [(FIRST, "503 Down"), (SECOND, "200 OK")] {
        assert!(!sent.has("Proxy-Authorization"), "{}", sent.text);
        bench.receive(peer(server), sent.answer("407 Proof", "t", CHALLENGE, ""));
        let proven = text_to(&mut bench, server);
        assert!(proven.has("Proxy-Authorization: Digest username=\"gw\""), "{}", proven.text);
        bench.receive(peer(server), proven.answer(last, "t", "", ""));
        if server == FIRST {
            sent = text_to(&mut bench, SECOND);
        }
    }
    assert_eq!(bench.events(), [done(200)]);
}
