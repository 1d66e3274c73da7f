//! Floods stay in bounds, and running calls do not notice.

use super::*;

#[test]
fn one_source_is_held_to_its_rate_before_anything_is_read() {
    let mut bench = Bench::with(|config| {
        config.requests_per_s_max = 100;
        config.challenges_per_s_max = 1000;
    });
    for _ in 0..10_000 {
        let request = bench.request("OPTIONS", "x", "", "");
        bench.receive(phone(), request);
    }
    assert_eq!(bench.sent().len(), 100);
    assert_eq!(bench.counter("dropped_rate"), 9_900);
    let other = bench.request("OPTIONS", "x", "", "");
    bench.receive(peer("198.51.100.8:5060"), other);
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn a_register_flood_from_many_sources_leaves_nothing_behind() {
    let mut bench = Bench::new();
    let request = bench.request("REGISTER", "1001", "", "");
    for n in 0..50_000u32 {
        let source = SocketAddr::from((std::net::Ipv4Addr::from(0x0b00_0000 + n), 5060));
        bench.receive(source, &request);
        bench.sent();
    }
    assert_eq!(bench.counter("transactions_live"), 0);
    assert!(bench.counter("sources_live") <= 10_000);
    assert!(bench.core.next_timeout().is_none());
}

#[test]
fn dialogs_over_the_limit_are_refused_and_running_ones_go_on() {
    let mut bench = Bench::with(|config| config.dialogs_max = 1);
    let mut call = bench.talk();
    let second = bench.request("INVITE", "95105688", "", SDP);
    bench.receive(carrier(), second);
    let refused = bench.one();
    assert!(refused.start().contains("503") && refused.has("Retry-After"));
    let info = call.request("INFO", "", "");
    bench.receive(carrier(), info);
    assert!(bench.one().start().contains("200"));
}

#[test]
fn transactions_over_the_limit_are_refused_and_in_dialog_ones_are_not() {
    let mut bench = Bench::with(|config| config.transactions_max = 3);
    let mut call = bench.talk();
    let first = bench.call();
    let second = bench.call();
    let third = bench.request("INVITE", "95105688", "", SDP);
    bench.receive(carrier(), third);
    assert!(bench.one().start().contains("503"));
    let bye = call.request("BYE", "", "");
    bench.receive(carrier(), bye);
    assert!(bench.one().start().contains("200"));
    assert_ne!(first.leg, second.leg);
}

#[test]
fn a_draining_core_takes_no_new_calls() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    bench.core.drain();
    let second = bench.request("INVITE", "95105688", "", SDP);
    bench.receive(carrier(), second);
    let refused = bench.one();
    assert!(refused.start().contains("503"));
    assert!(refused.header("Retry-After").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(bench.core.legs(), 1, "the conversation goes on");
    let bye = call.request("BYE", "", "");
    bench.receive(carrier(), bye);
    assert!(bench.one().start().contains("200"));
    assert_eq!(bench.core.legs(), 0);
}

#[test]
fn thousands_of_calls_that_break_off_leave_nothing_behind() {
    let mut bench = Bench::with(|config| config.requests_per_s_max = 1_000_000);
    let mut plan = plan();
    (plan.trunks[0].calls_max, plan.trunks[0].calls_per_s_max) = (100_000, 100_000);
    bench.core.set_plan(bench.now(), &plan);
    for n in 0..1000 {
        let connection = ConnectionId(n);
        for _ in 0..5 {
            let call = bench.request("INVITE", "95105688", "", SDP);
            bench.core.handle_stream(bench.now(), 1, connection, carrier(), call.as_bytes());
        }
        bench.core.handle_closed(bench.now(), connection);
    }
    let legs: Vec<LegId> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Incoming(incoming) => Some(incoming.leg),
            _ => None,
        })
        .collect();
    assert_eq!(legs.len(), 5000);
    for leg in legs {
        bench.command(Command::Answer { leg, sdp: SDP.into() });
    }
    bench.sent();
    bench.pass(Duration::from_secs(100));
    assert_eq!((bench.counter("legs_live"), bench.counter("transactions_live")), (0, 0));
    assert_eq!(bench.counter("connections_live"), 0);
}

#[test]
fn a_smuggled_length_is_answered_once_and_the_connection_closed() {
    let mut bench = Bench::new();
    let inner = bench.request("OPTIONS", "x", "", "");
    let outer = bench.request("OPTIONS", "x", "", "");
    let outer = outer.replace("Content-Length: 0", "Content-Length: 4294967328");
    let stream = format!("{outer}{inner}");
    bench.core.handle_stream(bench.now(), 1, ConnectionId(1), phone(), stream.as_bytes());
    let sent = bench.sent();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[0].start().contains("413") && !sent[0].close);
    assert!(sent[1].close && sent[1].text.is_empty());
}

#[test]
fn keep_alives_cost_nothing_and_pings_are_answered() {
    let mut bench = Bench::new();
    bench.receive(phone(), "\r\n\r\n");
    bench.receive(phone(), "\0");
    assert!(bench.sent().is_empty());
    assert_eq!(bench.counter("keepalives"), 2);
    bench.core.handle_stream(bench.now(), 1, ConnectionId(1), phone(), b"\r\n\r\n");
    assert_eq!(bench.one().text, "\r\n");
}

#[test]
fn ten_thousand_mutated_messages_do_no_harm() {
    use rand::{Rng, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(20_261_122);
    let mut bench = Bench::with(|config| {
        config.requests_per_s_max = 1_000_000;
        config.challenges_per_s_max = 1_000_000;
    });
    let mut call = bench.talk();
    let seeds = [
        call.invite.clone(),
        call.request("INVITE", "", SDP),
        call.request("REFER", "Refer-To: <sip:1@h>\r\n", ""),
        call.request("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=1\r\n"),
        bench.request("REGISTER", "1001", "Authorization: Digest realm=\"switchgrid\",username=\"1001\",nonce=\"00\",uri=\"x\",response=\"\",nc=00000001,cnonce=\"\",qop=auth\r\n", ""),
        call.cancel(),
    ];
    for round in 0..10_000 {
        let mut bytes = seeds[round % seeds.len()].clone().into_bytes();
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..3) {
                0 => bytes[at] = rng.random(),
                1 => {
                    let end = rng.random_range(at..bytes.len());
                    bytes.drain(at..end);
                }
                _ => bytes.insert(at, b"\r\n:;,<>\"\0 "[rng.random_range(0..10)]),
            }
            if bytes.is_empty() {
                bytes.push(b'x');
            }
        }
        bench.receive(carrier(), &bytes);
        crate::sip::fuzz_message(&bytes);
        crate::sip::fuzz_stream(&bytes);
        crate::sip::fuzz_digest_header(&bytes);
        bench.sent();
        for event in bench.events() {
            if let Event::Incoming(incoming) = event {
                bench.command(Command::Hangup { leg: incoming.leg, cause: 16 });
            }
        }
    }
    bench.command(Command::Hangup { leg: call.leg, cause: 16 });
    bench.pass(Duration::from_secs(200));
    assert_eq!((bench.counter("legs_live"), bench.counter("transactions_live")), (0, 0));
}

#[test]
fn who_is_on_no_list_of_the_interface_is_dropped_unread_and_a_trunk_never() {
    let network = |text: &str| crate::reach::Network::parse(text).expect("a network");
    let mut bench = Bench::with(|config| {
        config.allowed = vec![(Transport::Udp, network("10.0.0.0/8"))];
    });
    let stranger = bench.request("OPTIONS", "1001", "", "");
    bench.receive(phone(), &stranger);
    assert!(bench.sent().is_empty(), "not a word to a scanner");
    assert_eq!(bench.counter("dropped_not_allowed"), 1);
    let inside = bench.request("OPTIONS", "1001", "", "");
    bench.receive(peer("10.0.0.7:5060"), inside.replace("198.51.100.7", "10.0.0.7"));
    assert_eq!(bench.one().start(), "SIP/2.0 200 OK");
    bench.call();
    bench.core.handle_stream(bench.now(), 1, ConnectionId(9), phone(), stranger.as_bytes());
    assert!(bench.sent().iter().any(|sent| sent.start() == "SIP/2.0 200 OK"), "TCP has no list");
}

/// An address of a flood.
fn of_flood(n: u32) -> SocketAddr {
    SocketAddr::from((std::net::Ipv4Addr::from(0x0b00_0000 + n), 5060))
}

#[test]
fn a_flood_of_more_sources_than_there_are_buckets_takes_nothing_from_phones_trunks_and_calls() {
    let mut bench = Bench::with(|config| config.requests_per_s_max = 20);
    bench.register(phone(), "sip:1001@198.51.100.7:5060");
    bench.events();
    let mut call = bench.talk();
    bench.pass(Duration::from_secs(2));
    let flood = bench.request("OPTIONS", "x", "", "");
    for n in 0..50_000 {
        bench.receive(of_flood(n), &flood);
    }
    bench.sent();
    let dropped = bench.counter("dropped_rate");
    assert!(dropped >= 39_000, "{dropped}: the strangers share one bucket");

    let stranger = bench.request("OPTIONS", "x", "", "");
    bench.receive(of_flood(60_000), stranger);
    assert!(bench.sent().is_empty());
    for _ in 0..10 {
        let info = call.request("INFO", "", "");
        bench.receive(carrier(), info);
        assert!(bench.one().start().contains("200"), "a call goes on");
        let options = bench.request("OPTIONS", "x", "", "");
        bench.receive(phone(), options);
        assert!(bench.one().start().contains("200"), "a phone is answered");
        let other = bench.request("OPTIONS", "x", "", "");
        bench.receive(peer("203.0.113.200:5060"), other);
        assert!(bench.one().start().contains("200"), "another address of the trunk");
    }
    assert_eq!(bench.counter("dropped_rate"), dropped + 1);
}

#[test]
fn of_what_waited_too_long_new_calls_alone_are_refused() {
    let mut bench = Bench::new();
    let mut call = bench.talk();
    let late = |bench: &mut Bench, text: &str| {
        let now = bench.now();
        bench.core.handle_late_datagram(now, 0, carrier(), text.as_bytes());
    };
    let invite = bench.request("INVITE", "95105688", "", SDP);
    late(&mut bench, &invite);
    let refused = bench.one();
    assert!(refused.start().contains("503") && refused.header("Retry-After") == "5");
    assert_eq!((bench.counter("refused_late"), bench.core.legs()), (1, 1));
    assert_eq!(bench.events(), []);
    bench.receive(carrier(), &invite);
    let again = bench.one();
    assert_eq!(again.text, refused.text, "a copy that waited elsewhere is read in time");
    assert_eq!((bench.counter("refused_late"), bench.core.legs()), (2, 1));
    assert_eq!(bench.events(), []);

    let known = bench.call();
    late(&mut bench, &known.invite);
    assert_eq!(bench.one().start(), "SIP/2.0 100 Trying", "it is being looked at already");
    let reinvite = call.request("INVITE", "", SDP);
    late(&mut bench, &reinvite);
    assert_eq!(bench.one().start(), "SIP/2.0 100 Trying");
    assert!(matches!(bench.events()[..], [Event::Offer { .. }]));
    let bye = call.request("BYE", "", "");
    late(&mut bench, &bye);
    assert_eq!(bench.starts(), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert_eq!(bench.counter("refused_late"), 2);

    let again = bench.request("INVITE", "95105688", "", SDP);
    bench.receive(carrier(), again);
    assert_eq!(bench.one().start(), "SIP/2.0 100 Trying", "one that comes in time is taken");
}

#[test]
fn a_call_that_was_refused_as_too_late_is_remembered_as_long_as_it_may_be_sent_again() {
    let mut bench = Bench::new();
    let invite = bench.request("INVITE", "95105688", "", SDP);
    bench.core.handle_late_datagram(bench.now(), 0, carrier(), invite.as_bytes());
    assert!(bench.one().start().contains("503"));
    bench.pass(Duration::from_secs(31));
    bench.receive(carrier(), &invite);
    assert!(bench.one().start().contains("503"));
    bench.pass(Duration::from_secs(2));
    bench.receive(carrier(), &invite);
    assert_eq!(bench.one().start(), "SIP/2.0 100 Trying", "64 times T1 are over");
}
