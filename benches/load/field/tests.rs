//! The field against a switch of a few lines: it bridges every call to the one agent by handing
//! each side's description to the other, so that audio flows between our own sockets.

use super::*;
use crate::script::Then;
use crate::sip::message::Message;
use std::time::Instant;

const LIMIT: Duration = Duration::from_secs(5);

fn setup(server: SocketAddr) -> Setup {
    let carrier = Carrier::new(&[0x55; 320], Law::A);
    Setup {
        server,
        ip: "127.0.0.1".parse().expect("an address"),
        law: Law::A,
        engines: 1,
        wire: Choice::Auto,
        seed: 7,
        customer: carrier.clone(),
        agent: carrier,
        silent: false,
    }
}

/// Passes requests and responses between the caller and the registered phone like a proxy.
fn proxy(socket: &UdpSocket, stop: &std::sync::atomic::AtomicBool) {
    let mut contact: Option<SocketAddr> = None;
    let mut caller: Option<SocketAddr> = None;
    let mut buffer = [0; 4096];
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let message = Message::parse(&buffer[..length]).expect("our own phones write SIP");
        if message.method() == "REGISTER" {
            contact = Some(from);
            let answer = Message::response(&message, 200, "OK").write();
            socket.send_to(&answer, from).expect("sent");
            continue;
        }
        if message.method() == "INVITE" && message.status().is_none() && contact != Some(from) {
            caller = Some(from);
        }
        let to = if contact == Some(from) { caller } else { contact };
        socket.send_to(&buffer[..length], to.expect("both sides are known")).expect("sent");
    }
}

#[test]
fn a_caller_talks_to_an_agent_who_releases() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let server = socket.local_addr().expect("bound");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| proxy(&socket, &stop));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let talk = async {
                let mut field = Field::start(setup(server)).expect("a field");
                let agent = Credential { user: "1001".into(), password: "x".into() };
                field.register(vec![agent]);
                let Some(News::Registered { status: 200, .. }) = field.news().await else {
                    panic!("not registered");
                };
                field.place(Order {
                    id: 3,
                    from: "13800138000".into(),
                    to: "1001".into(),
                    steps: vec![Step::HearAgent(LIMIT), Step::Stay(LIMIT)],
                    handling: vec![Handling {
                        talk: Duration::from_millis(400),
                        then: Then::Release,
                    }],
                });
                let (mut report, mut free) = (None, None);
                while report.is_none() || free.is_none() {
                    match field.news().await.expect("the field runs") {
                        News::Ended(ended) => report = Some(ended),
                        News::AgentFree { customer, heard, .. } => free = Some((customer, heard)),
                        News::Registered { .. } => {}
                    }
                }
                let (report, (customer, heard)) = (report.expect("set"), free.expect("set"));
                assert_eq!((report.status, report.failed.clone()), (200, None));
                assert_eq!(customer, Some(3));
                assert_eq!(report.agents, [legs::FIRST_AGENT]);
                for heard in [report.heard, *heard] {
                    assert!(heard.frames >= 15, "{heard:?}");
                    assert_eq!((heard.frames_lost, heard.frames_damaged), (0, 0));
                }
                field.stop().expect("the threads ran")
            };
            let began = Instant::now();
            let totals = tokio::time::timeout(LIMIT, talk).await.expect("in time");
            assert!(totals.sent > 30 && began.elapsed() < LIMIT);
        });
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
