//! Browsers over loopback sockets: all of them on the one port of their core.

use super::*;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use str0m::config::Fingerprint as Print;
use str0m::ice::IceCreds;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, Ssrc as Source32};
use str0m::{Candidate, Input as In, Output as Said, Rtc};
use terms::media::{Dtls, DtlsRole, Ice};

const PCMA: u8 = 8;

/// A full ICE agent on a socket of its own.
struct Browser {
    rtc: Rtc,
    socket: UdpSocket,
    mid: Mid,
    ssrc: Source32,
    seq: u64,
    /// First octets of what was heard, and how often.
    heard: HashMap<u8, usize>,
    server: SocketAddr,
}

/// What the signalling of a browser's leg agreed.
fn ice_of(leg: u64, peer_ufrag: String) -> Ice {
    let pwd = format!("password-of-leg-number-{leg}");
    Ice { ufrag: format!("name-of-{leg}"), pwd, peer_ufrag }
}

/// What offer and answer agreed about a browser of this name and certificate.
fn agreed(leg: u64, peer_ufrag: String, certificate: Fingerprint) -> Remote {
    let dtls = Dtls { role: DtlsRole::Server, fingerprints: vec![certificate] };
    let nowhere = "0.0.0.0:9".parse().unwrap();
    Remote {
        dtls: Some(dtls),
        ice: Some(ice_of(leg, peer_ufrag)),
        rtcp_mux: true,
        ..Remote::at(nowhere, Payloads::of(Codec::Pcma))
    }
}

impl Browser {
    /// Answered, and on its way.
    fn new(server: &mut Server, leg: u64, contact: u64) -> Self {
        let at = server.open_on(Port::Shared, leg, contact);
        let mut browser = Browser::unanswered(leg);
        let (name, certificate) = browser.who();
        server.send(Command::Connect {
            leg: LegId(leg),
            remote: Box::new(agreed(leg, name, certificate)),
        });
        browser.find(at, leg, server.certificate);
        browser
    }

    fn unanswered(leg: u64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let provider = Arc::new(str0m::crypto::from_feature_flags());
        let builder = Rtc::builder().clear_codecs().enable_pcma(true, false).set_rtp_mode(true);
        let mut rtc = builder.set_crypto_provider(provider).build(Instant::now());
        let here = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(here, "udp").unwrap());
        let (mid, ssrc) = ("aud".into(), Source32::from(leg as u32));
        Browser { rtc, socket, mid, ssrc, seq: 100, heard: HashMap::new(), server: here }
    }

    /// Its name and its certificate.
    fn who(&mut self) -> (String, Fingerprint) {
        let api = self.rtc.direct_api();
        let certificate = api.local_dtls_fingerprint().bytes.clone().try_into().unwrap();
        (api.local_ice_credentials().ufrag, Fingerprint(certificate))
    }

    /// It has an answer: where we are, and who.
    fn find(&mut self, at: SocketAddr, leg: u64, certificate: Fingerprint) {
        self.server = at;
        self.rtc.add_remote_candidate(Candidate::host(at, "udp").unwrap());
        let ours = ice_of(leg, String::new());
        let (hash_func, bytes) = ("sha-256".into(), certificate.0.to_vec());
        let mut api = self.rtc.direct_api();
        api.set_remote_ice_credentials(IceCreds { ufrag: ours.ufrag, pass: ours.pwd });
        api.set_remote_fingerprint(Print { hash_func, bytes });
        api.set_ice_controlling(true);
        api.declare_media(self.mid, MediaKind::Audio);
        api.declare_stream_tx(self.ssrc, None, self.mid, None);
        api.start_dtls(true).unwrap();
    }

    /// Sends and receives what there is.
    fn turn(&mut self) {
        let mut bytes = [0; 2_000];
        while let Ok((len, from)) = self.socket.recv_from(&mut bytes) {
            // The source of our audio is not described: it is told here, as a browser guesses it.
            if (128..=191).contains(&bytes[0]) && !(192..=223).contains(&bytes[1]) {
                let ssrc = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
                let mut api = self.rtc.direct_api();
                api.expect_stream_rx(Source32::from(ssrc), None, self.mid, None);
            }
            let here = self.socket.local_addr().unwrap();
            let received = Receive::new(Protocol::Udp, from, here, &bytes[..len]).unwrap();
            self.rtc.handle_input(In::Receive(Instant::now(), received)).unwrap();
            self.drain();
        }
        self.rtc.handle_input(In::Timeout(Instant::now())).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Said::Timeout(_) => break,
                Said::Transmit(sent) => {
                    assert_eq!(sent.destination, self.server);
                    self.socket.send_to(&sent.contents, sent.destination).unwrap();
                }
                Said::Event(str0m::Event::RtpPacket(packet)) => {
                    *self.heard.entry(packet.payload[0]).or_default() += 1;
                }
                Said::Event(_) => {}
            }
        }
    }

    fn speak(&mut self, level: i16) {
        if !self.rtc.is_connected() {
            return;
        }
        let payload = vec![g711::encode(Law::A, level); 160];
        let (pt, time) = (Pt::from(PCMA), self.seq as u32 * 160);
        let write = RtpWrite::new(pt, self.seq.into(), time, Instant::now(), payload);
        self.rtc.direct_api().stream_tx(&self.ssrc).unwrap().write_rtp(write);
        self.seq += 1;
        self.turn();
    }

    fn heard(&self, level: i16) -> usize {
        self.heard.get(&g711::encode(Law::A, level)).copied().unwrap_or(0)
    }
}

#[test]
fn browsers_on_one_port_talk_with_each_other_and_with_a_plain_phone() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let mut browsers: Vec<Browser> =
            (1..=3).map(|leg| Browser::new(&mut server, leg, 5)).collect();
        assert!(browsers.iter().all(|browser| browser.server == browsers[0].server));
        let mut phone = server.call(4, 5);
        phone.socket.set_nonblocking(true).unwrap();
        for (leg, room) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(room) });
        }
        let level = |n: usize| 1_000 * (n as i16 + 1);
        let (end, mut by_phone) = (Instant::now() + PATIENCE, 0);
        let enough = |browsers: &[Browser], by_phone: usize| {
            browsers[0].heard(level(1)) >= 50
                && browsers[1].heard(level(0)) >= 50
                && browsers[2].heard(level(3)) >= 50
                && by_phone >= 50
        };
        while !enough(&browsers, by_phone) {
            let heard: Vec<_> = browsers.iter().map(|browser| &browser.heard).collect();
            assert!(Instant::now() < end, "who heard whom: {heard:?}, {by_phone}");
            for (n, browser) in browsers.iter_mut().enumerate() {
                browser.turn();
                browser.speak(level(n));
            }
            phone.speak(level(3));
            let mut bytes = [0; 1_500];
            while let Ok(len) = phone.socket.recv(&mut bytes) {
                by_phone += usize::from(bytes[len - 1] == g711::encode(Law::A, level(2)));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(browsers.iter().all(|browser| browser.heard.len() == 1), "and nobody else");
        std::thread::sleep(Duration::from_millis(250));
        let stats = server.engine.stats();
        assert_eq!(stats.legs(), 4);
        assert!(stats.shards[0].packets.checks >= 3);
        for leg in 1..=4 {
            server.send(Command::Release { leg: LegId(leg) });
        }
        for _ in 0..4 {
            server.event(|event| matches!(event, Event::Released { .. }).then_some(()));
        }
        // The port stays for the next.
        assert_eq!(server.open_on(Port::Shared, 9, 5), browsers[0].server);
        server.engine.stop();
    });
}

/// What Chromium 156 sends first, caught on the wire: with a key for a world with quantum computers it
/// is longer than one datagram.
const GREETING: [&[u8]; 2] = [
    include_bytes!("../../../dtls/chromium-greeting-1.bin"),
    include_bytes!("../../../dtls/chromium-greeting-2.bin"),
];

#[test]
fn the_greeting_of_a_browser_fills_a_datagram_and_more_and_is_answered() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let at = server.open(1, 5);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let dtls = Dtls { role: DtlsRole::Server, fingerprints: vec![Fingerprint([7; 32])] };
        let plain = Remote::at(socket.local_addr().unwrap(), Payloads::of(Codec::Pcma));
        let remote = Box::new(Remote { dtls: Some(dtls), rtcp_mux: true, ..plain });
        server.send(Command::Connect { leg: LegId(1), remote });
        assert!(GREETING[0].len() == 1_200 && GREETING[1].len() > 200);
        let (end, mut answer) = (Instant::now() + PATIENCE, [0; 2_000]);
        // A record of a handshake, RFC 6347 §4.1.
        while answer[0] != 22 {
            assert!(Instant::now() < end, "it is not answered");
            GREETING.iter().for_each(|part| assert!(socket.send_to(part, at).is_ok()));
            let _ = socket.recv(&mut answer);
        }
        server.engine.stop();
    });
}

/// Says to the process that is to be killed who its browsers are, and which loop it runs.
const TOLD: &str = "SWITCHGRID_TEST_KILLED_BROWSERS";
/// What it says before its shared port and its certificate.
const PORT: &str = "port and certificate: ";

fn config(backend: BackendChoice, live: &Path) -> (EngineConfig, Fingerprint) {
    let identity = identity::kept(Some(live)).expect("P-256 is there");
    let certificate = identity.fingerprint();
    let shard = Config { legs_max: 64, identity: Some(Arc::new(identity)), ..Config::default() };
    let live = Some(live.to_owned());
    (EngineConfig { backend, live, shard, buffers: 64, ..EngineConfig::default() }, certificate)
}

/// Is run by the test below in a process of its own, which is killed; else it does nothing.
#[test]
fn a_process_with_browsers_in_it() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let words: Vec<&str> = told.split(' ').collect();
    let backend = if words[0] == "epoll" { BackendChoice::Epoll } else { BackendChoice::Auto };
    let (config, certificate) = config(backend, Path::new(words[1]));
    let (tell, events) = mpsc::channel();
    let engine = Engine::start(config, move |shard, event| {
        let _ = tell.send((shard, event));
    });
    let mut server = Server { engine: engine.unwrap(), events, early: Vec::new(), certificate };
    let mut at = None;
    for (leg, who) in (1..).zip(words[2..].chunks(2)) {
        at = Some(server.open_on(Port::Shared, leg, 5));
        let theirs = Fingerprint::parse(who[1]).expect("a fingerprint was told");
        server.send(Command::Connect {
            leg: LegId(leg),
            remote: Box::new(agreed(leg, who[0].into(), theirs)),
        });
        server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
    }
    println!("\n{PORT}{} {certificate}", at.expect("there are browsers"));
    std::thread::sleep(Duration::from_secs(60));
}

/// Both speak until both have heard twenty packets more.
fn talk(browsers: &mut [Browser; 2], level: i16) {
    let before = [0, 1].map(|n: usize| browsers[n].heard(level));
    let end = Instant::now() + PATIENCE;
    while (0..2).any(|n| browsers[n].heard(level) < before[n] + 20) {
        assert!(Instant::now() < end, "both hear each other: {before:?}");
        for browser in browsers.iter_mut() {
            browser.turn();
            browser.speak(level);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn browsers_talk_on_over_their_port_and_under_their_keys_after_sigkill() {
    on_both(|backend| {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join("live");
        let mut browsers = [Browser::unanswered(1), Browser::unanswered(2)];
        let name = if backend == BackendChoice::Epoll { "epoll" } else { "auto" };
        let mut told = format!("{name} {}", live.display());
        for browser in &mut browsers {
            let (name, certificate) = browser.who();
            told += &format!(" {name} {certificate}");
        }
        let mut killed = Process::new(std::env::current_exe().unwrap())
            .args(["a_process_with_browsers_in_it", "--nocapture"])
            .env(TOLD, told)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(killed.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| Some(line.unwrap().strip_prefix(PORT)?.to_owned()));
        let said = said.expect("it says where it is");
        let (at, certificate) = said.split_once(' ').unwrap();
        let (at, certificate) = (at.parse().unwrap(), Fingerprint::parse(certificate).unwrap());
        for (leg, browser) in (1..).zip(&mut browsers) {
            browser.find(at, leg, certificate);
        }
        talk(&mut browsers, 1_000);
        killed.kill().unwrap();
        killed.wait().unwrap();

        let (config, same) = config(backend, &live);
        assert_eq!(same, certificate, "who the descriptions say");
        let (tell, events) = mpsc::channel();
        let engine = Engine::start(config, move |shard, event| {
            let _ = tell.send((shard, event));
        });
        let early = Vec::new();
        let mut server = Server { engine: engine.unwrap(), events, early, certificate };
        assert_eq!(server.engine.restored(), [LegId(1), LegId(2)]);
        talk(&mut browsers, 2_000);
        let records = |server: &Server| server.engine.stats().shards[0].packets.handshakes_in;
        assert_eq!(records(&server), 0, "nobody has made keys again");
        assert_eq!(server.open_on(Port::Shared, 3, 5), at, "the port is shared on");
        // What waited for the process when it was killed is lost, and told.
        server.release_where(&[1, 2, 3], "a moment at most", |lost| lost <= 20);
        assert_eq!(std::fs::read_dir(&live).unwrap().count(), 0, "an orderly end leaves nothing");
    });
}
