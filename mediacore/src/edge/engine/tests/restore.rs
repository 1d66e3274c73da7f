//! A process with a call in it is killed, and the next one goes on with the call: the same ports, the
//! same source, over loopback sockets and with a real SIGKILL.

use super::*;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};

/// Says to the process that is to be killed where its phones are, and which loop it runs.
const TOLD: &str = "SWITCHGRID_TEST_KILLED";
/// What it says before its ports.
const PORTS: &str = "ports of the legs: ";

fn config(backend: BackendChoice, live: &Path) -> EngineConfig {
    let live = Some(live.to_owned());
    let shard = Config { legs_max: 64, ..Config::default() };
    EngineConfig { backend, live, shard, buffers: 64, shards: 2, ..EngineConfig::default() }
}

/// Is run by the test below in a process of its own, which is killed; else it does nothing.
#[test]
fn a_process_with_a_call_in_it() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let words: Vec<&str> = told.split(' ').collect();
    let backend = if words[0] == "epoll" { BackendChoice::Epoll } else { BackendChoice::Auto };
    let (tell, events) = mpsc::channel();
    let engine = Engine::start(config(backend, Path::new(words[1])), move |shard, event| {
        let _ = tell.send((shard, event));
    });
    let mut server =
        Server { engine: engine.unwrap(), events, early: Vec::new(), certificate: NO_CERTIFICATE };
    let mut ports = Vec::new();
    for (leg, address) in (1..).zip(&words[2..]) {
        ports.push(server.open(leg, 5).port().to_string());
        let payloads = Payloads::of(Codec::Pcma).with_dtmf(PayloadType(101));
        let remote = Remote::at(address.parse().unwrap(), payloads);
        server.send(Command::Connect { leg: LegId(leg), remote: Box::new(remote) });
        server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
    }
    println!("\n{PORTS}{}", ports.join(" "));
    std::thread::sleep(Duration::from_secs(60));
}

/// The next packet with its number and source.
fn next(phone: &Phone) -> Header {
    let mut bytes = [0; 1_500];
    let len = phone.socket.recv(&mut bytes).expect("audio comes");
    rtp::parse(&bytes[..len]).unwrap().header
}

/// Both speak until both have heard something; what they heard first.
fn talk(phones: &mut [Phone; 2]) -> [Header; 2] {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "both hear each other");
        phones.iter_mut().for_each(|phone| phone.speak(1_000));
        std::thread::sleep(Duration::from_millis(20));
        let peek = |phone: &Phone| phone.socket.peek(&mut [0; 1]).is_ok();
        if phones.iter().all(peek) {
            return [next(&phones[0]), next(&phones[1])];
        }
    }
}

/// The newest packet that a phone has; `known` where no other came.
fn last(phone: &Phone, known: Header) -> Header {
    let mut newest = known;
    let mut bytes = [0; 1_500];
    while let Ok(len) = phone.socket.recv(&mut bytes) {
        newest = rtp::parse(&bytes[..len]).unwrap().header;
    }
    newest
}

#[test]
fn a_call_goes_on_in_the_next_process_on_its_ports_after_sigkill() {
    on_both(|backend| {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join("live");
        let nowhere: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut phones = [Phone::new(nowhere, 1), Phone::new(nowhere, 2)];
        for phone in &phones {
            phone.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        }
        let name = if backend == BackendChoice::Epoll { "epoll" } else { "auto" };
        let [one, two] = [0, 1].map(|n: usize| phones[n].socket.local_addr().unwrap());
        let mut killed = Process::new(std::env::current_exe().unwrap())
            .args(["a_process_with_a_call_in_it", "--nocapture"])
            .env(TOLD, format!("{name} {} {one} {two}", live.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(killed.stdout.take().unwrap()).lines();
        let mut lines = lines.map(|line| line.expect("it speaks"));
        let ports = lines.find_map(|line| Some(line.strip_prefix(PORTS)?.to_owned())).unwrap();
        for (phone, port) in phones.iter_mut().zip(ports.split(' ')) {
            phone.server = SocketAddr::new(nowhere.ip(), port.parse().unwrap());
        }
        let talked = talk(&mut phones);
        killed.kill().unwrap();
        killed.wait().unwrap();
        let before = [0, 1].map(|n: usize| {
            phones[n].speak(1_000);
            last(&phones[n], talked[n])
        });

        let (tell, events) = mpsc::channel();
        let engine = Engine::start(config(backend, &live), move |shard, event| {
            let _ = tell.send((shard, event));
        });
        let server = Server {
            engine: engine.unwrap(),
            events,
            early: Vec::new(),
            certificate: NO_CERTIFICATE,
        };
        assert_eq!(server.engine.restored(), [LegId(1), LegId(2)]);
        assert_eq!((server.engine.legs_lost(), server.engine.stats().legs()), (0, 2));
        let after = talk(&mut phones);
        for (before, after) in before.iter().zip(after) {
            assert_eq!(after.ssrc, before.ssrc);
            let step = i64::from(after.seq.distance(before.seq));
            assert!((1..=2 * crate::shard::keeping::SENT_AHEAD as i64).contains(&step), "{step}");
            assert!(after.time.distance(before.time) > 0);
        }
        // The map of the engine knows them: a command reaches the leg, and its room is bridged.
        server.release(&[1, 2]);
        let engine = Engine::start(config(backend, &live), |_, _| {}).unwrap();
        assert_eq!(engine.restored(), [], "an orderly end leaves nothing");
        engine.stop();
    });
}
