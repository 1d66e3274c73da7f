//! A name server that says nothing: who asks it waits, and nobody else does.

use crate::bench::plan;
use signaling::edge::alone;
use signaling::edge::signaling::Config;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use terms::TrunkId;
use terms::control::{Answer, Ask, Request};
use terms::routing::Trunk;

/// How long something may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// Calls while names are asked for.
const CALLS: usize = 50;
/// Trunks that are given by name.
const NAMED: u64 = 4;

fn invite(to: SocketAddr, id: &str) -> String {
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 8\r\n";
    format!(
        "INVITE sip:95105688@{to} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5999;rport;branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\n\
         From: <sip:13800138000@127.0.0.1>;tag={id}\r\nTo: <sip:95105688@{to}>\r\n\
         Call-ID: {id}@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: <sip:c@127.0.0.1:5999>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

/// Waits for the 200 of this call; what else comes is of the calls before.
fn is_answered(phone: &UdpSocket, id: &str) -> bool {
    let of_call = format!("Call-ID: {id}@127.0.0.1\r\n");
    let mut buffer = [0; 4_000];
    while let Ok(length) = phone.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]);
        if text.starts_with("SIP/2.0 200") && text.contains(&of_call) {
            return true;
        }
    }
    false
}

#[test]
fn calls_go_on_while_a_name_server_says_nothing() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.set_read_timeout(Some(SOON)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config =
        Config { name_servers: vec![silent.local_addr().unwrap()], ..alone::config(folder.path()) };
    let (signaling, answers) = alone::start(config).unwrap();
    let mut plan = plan();
    plan.trunks.extend((0..NAMED).map(|n| Trunk {
        id: TrunkId(2 + n),
        sources: Vec::new(),
        proxy: format!("sip:sbc{n}.carrier.example"),
        // Each is asked whether it is there, at a name that nobody says where it is.
        options_every_s: 1,
        ..alone::trunk("95105688", 1_000)
    }));
    signaling.handle().ask(Request { id: 7, body: Ask::Plan(Box::new(plan)) });
    assert_eq!(answers.recv_timeout(SOON).expect("every question is answered").body, Answer::Done);

    let mut buffer = [0; 512];
    for _ in 0..NAMED {
        silent.recv(&mut buffer).expect("each trunk's name is asked for");
    }
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(SOON)).unwrap();
    let to = signaling.local_addrs()[0];
    let answered = (0..CALLS).filter(|nth| {
        let id = format!("n{nth}");
        phone.send_to(invite(to, &id).as_bytes(), to).unwrap();
        is_answered(&phone, &id)
    });
    assert_eq!(answered.count(), CALLS);

    signaling.handle().ask(Request { id: 8, body: Ask::Metrics });
    let Answer::Metrics(metrics) = answers.recv_timeout(SOON).expect("it answers").body else {
        panic!("no metrics")
    };
    let calls = metrics.iter().find(|metric| metric.name == "switchgrid_sip_calls_answered_total");
    assert_eq!(calls.map(|metric| metric.value), Some(CALLS as f64));
    signaling.stop();
}
