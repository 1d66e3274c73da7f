//! Scanners are not listened to, whoever they pretend to be, and nobody else pays for it.

use super::*;
use crate::reach::Network;
use crate::sip::bans::Limits;

fn bench() -> Bench {
    Bench::with(|config| config.bans = Limits { after: 10, ..Limits::default() })
}

fn scanner() -> SocketAddr {
    peer("198.51.100.66:5060")
}

/// So many wrong passwords for 1001, with a nonce that the scanner was given, from this address.
fn guess(bench: &mut Bench, from: SocketAddr, count: u32) {
    let plain = bench.request("REGISTER", "1001", "", "");
    bench.receive(scanner(), &plain);
    let challenge = bench.one();
    for nc in 1..=count {
        bench.receive(from, authorize(&challenge, &plain, "REGISTER", "guess", nc));
    }
}

/// Whether a question from there has an answer.
fn is_heard(bench: &mut Bench, from: SocketAddr) -> bool {
    let question = bench.request("OPTIONS", "1001", "", "");
    bench.receive(from, question);
    !bench.sent().is_empty()
}

/// Ten messages that are wrong.
fn send_nonsense(bench: &mut Bench, from: SocketAddr) {
    for _ in 0..10 {
        let wrong = bench.request("OPTIONS", "1001", "", "").replace("CSeq: 1 ", "CSeq: x ");
        bench.receive(from, wrong);
    }
    bench.sent();
}

#[test]
fn who_guesses_passwords_is_banned_and_a_phone_from_elsewhere_registers_and_is_called() {
    let mut bench = bench();
    guess(&mut bench, scanner(), 10);
    assert_eq!(bench.sent().len(), 9, "the tenth was one too many");
    assert_eq!(bench.counter("bans"), 1);
    assert!(!is_heard(&mut bench, scanner()), "not a word over UDP");
    assert_eq!(bench.counter("dropped_banned"), 1);
    let now = bench.now();
    assert!(bench.core.refuses_connection(now, 1, scanner()));
    assert!(!bench.core.refuses_connection(now, 1, phone()));
    let question = bench.request("OPTIONS", "1001", "", "");
    bench.core.handle_stream(now, 1, ConnectionId(3), scanner(), question.as_bytes());
    let closed = bench.one();
    assert!(closed.close && closed.text.is_empty(), "{closed:?}");

    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    bench.events();
    bench.talk();
    bench.pass(Duration::from_secs(601));
    assert!(is_heard(&mut bench, scanner()), "it is over");
}

#[test]
fn guesses_in_the_name_of_a_phone_count_for_nothing() {
    let mut bench = bench();
    guess(&mut bench, phone(), 50);
    let answers = bench.sent();
    assert!(answers.iter().all(|answer| answer.has("stale=true")), "{answers:?}");
    assert_eq!((bench.counter("auth_wrong"), bench.counter("bans")), (0, 0));
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
}

#[test]
fn who_looks_for_extensions_is_banned_and_a_phone_in_whose_name_it_is_done_is_not() {
    let mut bench = bench();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    for method in ["OPTIONS", "INVITE", "REGISTER"] {
        for n in 0..10 {
            for from in [phone(), scanner()] {
                let question = bench.request(method, &format!("{method}{n}"), "", "");
                bench.receive(from, question);
            }
        }
    }
    bench.sent();
    bench.pass(Duration::from_secs(11));
    assert!(is_heard(&mut bench, phone()));
    assert!(!is_heard(&mut bench, scanner()));
    let bans = bench.core.bans(bench.now());
    assert_eq!(bans.len(), 1, "{bans:?}");
    assert!(bans[0].claimed && bans[0].address == scanner().ip());
}

#[test]
fn a_ban_says_nothing_of_which_extensions_there_are() {
    let asks = |names: &[&str]| {
        let mut bench = bench();
        for name in names {
            let question = bench.request("REGISTER", name, "", "");
            bench.receive(scanner(), question);
        }
        bench.sent();
        bench.pass(Duration::from_secs(11));
        is_heard(&mut bench, scanner())
    };
    let unknown = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    assert!(asks(&unknown), "nine are few");
    assert!(!asks(&[&unknown[..], &["1001"]].concat()), "one that exists counts");
    assert!(!asks(&[&unknown[..], &["1002"]].concat()), "like one that does not");
}

#[test]
fn a_tool_that_says_its_name_and_who_sends_nonsense_are_banned() {
    let mut bench = bench();
    for answered in (0..10).map(|n| n < 9) {
        let question = bench.request("OPTIONS", "1001", "User-Agent: Friendly-Scanner\r\n", "");
        bench.receive(scanner(), question);
        assert_eq!(!bench.sent().is_empty(), answered);
    }
    assert!(!is_heard(&mut bench, scanner()));
    let other = peer("198.51.100.67:5060");
    send_nonsense(&mut bench, other);
    assert!(!is_heard(&mut bench, other));
    let lifted = bench.core.lift_ban(bench.now(), other.ip());
    assert!(lifted.is_some() && is_heard(&mut bench, other), "it is heard again at once");
}

#[test]
fn trunks_lists_of_an_interface_and_who_is_named_are_never_banned() {
    let network = |text: &str| Network::parse(text).expect("a network");
    let mut bench = Bench::with(|config| {
        config.allowed = vec![(Transport::Tcp, network("10.0.0.0/8"))];
        let never = vec![network("192.0.2.128/25")];
        config.bans = Limits { after: 10, never, ..Limits::default() };
    });
    for spared in [carrier(), peer("192.0.2.200:5060")] {
        send_nonsense(&mut bench, spared);
        assert!(is_heard(&mut bench, spared), "{spared}");
    }
    let inside = peer("10.0.0.7:5060");
    for _ in 0..20 {
        let tool = bench.request("OPTIONS", "1001", "User-Agent: sipcli\r\n", "");
        bench.core.handle_stream(bench.now(), 1, ConnectionId(5), inside, tool.as_bytes());
        assert!(bench.one().start().contains("200"));
    }
    // A trunk without sources is called at its server, whose answers have to come in.
    let mut plan = plan();
    plan.trunks[0].sources.clear();
    bench.core.set_plan(bench.now(), &plan);
    send_nonsense(&mut bench, carrier());
    assert!(is_heard(&mut bench, carrier()));
    assert_eq!(bench.counter("bans"), 0);
}
