//! The signaling thread against SIPp over real sockets: registrations by digest, calls over UDP and
//! TCP, connections that break off, a restart without anybody who sends a plan.

#![allow(clippy::disallowed_methods, reason = "a test of the edge stands outside of the core")]

mod bans;
mod bench;
mod callers;
mod doors;
mod lines;
mod names;
mod peers;

use bench::{Bench, sipp};
use signaling::sip::digest::Algorithm;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use terms::control::{Answer, Ask};
use terms::event::{Kind, Outcome};

#[test]
fn sipp_registers_by_md5_over_udp_and_tcp() {
    let bench = Bench::start(&[Algorithm::Md5]);
    sipp("register.xml", bench.udp, "u1", 5, bench.folder());
    assert!(bench.is_registered());
    sipp("unregister.xml", bench.udp, "u1", 1, bench.folder());
    assert!(!bench.is_registered());
    sipp("register.xml", bench.tcp, "t1", 5, bench.folder());
    // SIPp has closed its connection, and its phone went with it.
    bench.wait(|| !bench.is_registered());
}

#[test]
fn sipp_calls_and_is_answered_over_udp_and_tcp() {
    let bench = Bench::start(&[Algorithm::Sha256, Algorithm::Md5]);
    for (transport, server) in [("u1", bench.udp), ("t1", bench.tcp), ("tn", bench.tcp)] {
        let before = bench.ended().len();
        sipp("call.xml", server, transport, 20, bench.folder());
        bench.wait(|| bench.ended().len() == before + 20);
    }
    let outcomes = bench.ended();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::IvrOnly), "{outcomes:?}");
    assert_eq!(bench.started(), 60);
    let log = bench.log();
    let ended = log.iter().filter(|entry| matches!(entry.kind, Kind::LegEnded { .. }));
    assert_eq!(ended.count(), 60);
    let sequence: Vec<u64> = log.iter().map(|entry| entry.seq).collect();
    assert_eq!(sequence, (1..=log.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_box_that_starts_without_its_database_still_answers() {
    let mut bench = Bench::start(&[Algorithm::Md5]);
    // A plan that the switch refuses does not take the kept one's place.
    let mut broken = bench::plan();
    broken.version = 2;
    broken.agents.clear();
    broken.flows[0].document = serde_json::json!({"format": 1, "name": "x", "start": "nowhere"});
    assert!(matches!(bench.ask(Ask::Plan(Box::new(broken))), Answer::Refused(_)));
    sipp("register.xml", bench.udp, "u1", 1, bench.folder());
    bench.restart();
    sipp("call.xml", bench.udp, "u1", 1, bench.folder());
    bench.wait(|| bench.ended().len() == 1);
}

#[test]
fn calls_over_connections_that_break_off_disturb_nobody_and_leave_nothing() {
    let bench = Bench::start(&[Algorithm::Md5]);
    for round in 0..1_000 {
        let mut stream = TcpStream::connect(bench.tcp).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        for call in 0..5 {
            let invite = bench.invite("TCP", &format!("r{round}c{call}"));
            // Over its limit of connections the box closes one: there are as many as break off.
            if stream.write_all(invite.as_bytes()).is_err() {
                break;
            }
        }
        if round % 2 == 0 {
            // With the first answer unread the kernel says RST, not FIN.
            let _ = stream.read(&mut [0; 1]);
        }
    }
    // A reset takes unread INVITEs with it, and 1,000 dialogs are all that there may be.
    bench.wait(|| bench.started() >= 150);
    // Nobody acknowledges what was answered, nor the BYE for it: each is over after 64 times T1.
    let most = Duration::from_secs(150);
    bench.wait_at_most(most, || live(&bench, "legs") == 0.0);
    assert_eq!(bench.ended().len(), bench.started());
    bench.wait(|| live(&bench, "connections") == 0.0);
    sipp("call.xml", bench.udp, "u1", 1, bench.folder());
}

/// What lives in a table of the SIP core.
fn live(bench: &Bench, table: &str) -> f64 {
    let Answer::Metrics(metrics) = bench.ask(Ask::Metrics) else { panic!("no metrics") };
    let name = format!("switchgrid_sip_{table}_live");
    metrics.iter().find(|metric| metric.name == name).expect("it is counted").value
}

#[test]
fn a_stream_with_a_doubtful_length_is_answered_and_closed() {
    let bench = Bench::start(&[Algorithm::Md5]);
    let inner = bench.options("TCP", "inner");
    for (length, status) in [("4294967328", "413"), ("-10", "400"), ("0\r\nl: 5", "400")] {
        let mut stream = TcpStream::connect(bench.tcp).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let outer = bench.options("TCP", "outer");
        let outer = outer.replace("Content-Length: 0", &format!("Content-Length: {length}"));
        stream.write_all(format!("{outer}{inner}").as_bytes()).unwrap();
        let mut answer = String::new();
        // The peer may close with our second message unread: what came before that counts.
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with(&format!("SIP/2.0 {status}")), "{length}: {answer}");
        assert_eq!(answer.matches("SIP/2.0 ").count(), 1, "one answer: {answer}");
    }
}

#[test]
fn a_flood_from_one_source_does_not_keep_others_waiting() {
    let bench = Bench::start(&[Algorithm::Md5]);
    let flood = UdpSocket::bind("127.0.0.2:0").unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    let good = UdpSocket::bind("127.0.0.3:0").unwrap();
    good.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut asked = 0;
    let mut slowest = Duration::ZERO;
    while Instant::now() < until {
        for n in 0..200 {
            let _ = flood.send_to(bench.options("UDP", &format!("f{n}")).as_bytes(), bench.udp);
        }
        asked += 1;
        let started = Instant::now();
        let question = bench.options("UDP", &format!("g{asked}"));
        good.send_to(question.as_bytes(), bench.udp).unwrap();
        let mut answer = [0; 2000];
        let length = good.recv(&mut answer).expect("an answer during the flood");
        assert!(answer[..length].starts_with(b"SIP/2.0 200"));
        slowest = slowest.max(started.elapsed());
        // The bystander stays below the limit of answers to a source that has not proven who it
        // is; the flood does not pause meanwhile.
        while started.elapsed() < Duration::from_millis(5) {
            let _ = flood.send_to(bench.options("UDP", "pause").as_bytes(), bench.udp);
        }
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let Answer::Metrics(metrics) = bench.ask(Ask::Metrics) else { panic!("no metrics") };
    let dropped = metrics.iter().find(|metric| metric.name == "switchgrid_sip_dropped_rate_total");
    assert!(dropped.is_some_and(|metric| metric.value > 0.0), "{metrics:?}");
}
