//! The whole engine over loopback sockets, every story on both backends.

mod addresses;
mod bots;
mod documents;
mod faults;
mod fax;
mod inside;
mod restore;
mod strays;
mod webrtc;

use super::*;
use crate::dtmf::Event as DigitEvent;
use crate::edge::identity;
use crate::edge::storage::{Storage, StorageConfig};
use crate::g711::{self, Law};
use crate::prompt::Prompt;
use crate::rtp::{self, HEADER_BYTES, Header};
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;
use terms::media::{
    Audience, Codec, Fingerprint, PayloadType, Payloads, Place, PlayEnd, Playback, Port,
    RecordStart, RecordTerms, RecordingState, Remote, RtpTime, SeqNo, Side, Source, Ssrc,
};
use terms::{CallId, ContactId, PlaybackId, RecordingId, RoomId, TenantId};

const PATIENCE: Duration = Duration::from_secs(5);

/// Of an engine that makes no keys by a handshake.
const NO_CERTIFICATE: Fingerprint = Fingerprint([0; 32]);

/// An engine and what it said.
struct Server {
    engine: Engine,
    events: mpsc::Receiver<(usize, Event)>,
    early: Vec<(usize, Event)>,
    /// The certificate of its media.
    certificate: Fingerprint,
}

impl Server {
    fn start(backend: BackendChoice, shards: u16) -> Self {
        Server::start_with(backend, shards, |_| {})
    }

    fn start_with(
        backend: BackendChoice,
        shards: u16,
        change: impl FnOnce(&mut EngineConfig),
    ) -> Self {
        let (tell, events) = mpsc::channel();
        let music: Vec<i16> = vec![8_000; 800];
        let prompts = PromptStore::new([("zh-CN/welcome".into(), Prompt::from_samples(&music))]);
        let identity = identity::generate().expect("P-256 is there");
        let certificate = identity.fingerprint();
        let shard = Config { identity: Some(Arc::new(identity)), ..Config::default() };
        let mut config = EngineConfig {
            backend,
            shards,
            prompts,
            buffers: 1_024,
            shard,
            ..EngineConfig::default()
        };
        change(&mut config);
        let engine = Engine::start(config, move |shard, event| {
            let _ = tell.send((shard, event));
        })
        .expect("loopback is always there");
        Server { engine, events, early: Vec::new(), certificate }
    }

    fn send(&self, command: Command) {
        self.engine.send(command).expect("the ring is not full");
    }

    /// The next event that fits; others wait for their turn.
    fn event<T>(&mut self, mut fits: impl FnMut(&Event) -> Option<T>) -> T {
        if let Some((at, found)) =
            self.early.iter().enumerate().find_map(|(at, (_, event))| Some((at, fits(event)?)))
        {
            self.early.remove(at);
            return found;
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let (shard, event) = self.events.recv_timeout(left).expect("the event comes in time");
            match fits(&event) {
                Some(found) => return found,
                None => self.early.push((shard, event)),
            }
        }
    }

    fn open(&mut self, leg: u64, contact: u64) -> SocketAddr {
        self.open_on(Port::Own, leg, contact)
    }

    fn open_on(&mut self, port: Port, leg: u64, contact: u64) -> SocketAddr {
        self.send(Command::Open {
            leg: LegId(leg),
            contact: ContactId(contact),
            tenant: TenantId(1),
            place: Place::default(),
            port,
        });
        self.event(|event| match event {
            Event::Opened { leg: opened, rtp } if *opened == LegId(leg) => Some(*rtp),
            _ => None,
        })
    }

    fn call(&mut self, leg: u64, contact: u64) -> Phone {
        let server = self.open(leg, contact);
        let phone = Phone::new(server, leg as u32);
        self.send(Command::Connect { leg: LegId(leg), remote: Box::new(phone.remote()) });
        phone
    }

    fn release(self, legs: &[u64]) {
        self.release_where(legs, "loopback loses nothing", |lost| lost == 0);
    }

    fn release_where(mut self, legs: &[u64], why: &str, holds: fn(u64) -> bool) {
        for &leg in legs {
            self.send(Command::Release { leg: LegId(leg) });
            let quality = self.event(|event| match event {
                Event::Released { leg: gone, quality } if *gone == LegId(leg) => {
                    Some(quality.clone())
                }
                _ => None,
            });
            assert!(holds(quality.packets_lost), "{why}: {quality:?}");
        }
        self.engine.stop();
    }
}

/// A phone on loopback.
struct Phone {
    socket: UdpSocket,
    server: SocketAddr,
    ssrc: Ssrc,
    seq: u16,
    time: u32,
}

impl Phone {
    fn new(server: SocketAddr, ssrc: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Phone { socket, server, ssrc: Ssrc(ssrc), seq: 65_530, time: u32::MAX - 300 }
    }

    fn remote(&self) -> Remote {
        let payloads = Payloads::of(Codec::Pcma).with_dtmf(PayloadType(101));
        Remote::at(self.socket.local_addr().unwrap(), payloads)
    }

    fn packet(&self, payload_type: u8, marker: bool, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES + payload.len()];
        let header = Header {
            payload_type: PayloadType(payload_type),
            marker,
            seq: SeqNo(self.seq),
            time: RtpTime(self.time),
            ssrc: self.ssrc,
        };
        rtp::write(&header, &mut bytes);
        bytes[HEADER_BYTES..].copy_from_slice(payload);
        bytes
    }

    /// 20 ms of one level.
    fn speak(&mut self, level: i16) {
        let payload = [g711::encode(Law::A, level); 160];
        let packet = self.packet(8, false, &payload);
        self.socket.send_to(&packet, self.server).unwrap();
        self.seq = self.seq.wrapping_add(1);
        self.time = self.time.wrapping_add(160);
    }

    fn press(&mut self, key: u8) {
        for n in 0..6_u16 {
            let event = DigitEvent { code: key, end: n >= 3, duration: 160 * (n.min(3) + 1) };
            let packet = self.packet(101, n == 0, &event.write());
            self.socket.send_to(&packet, self.server).unwrap();
            self.seq = self.seq.wrapping_add(1);
        }
        self.time = self.time.wrapping_add(160 * 6);
    }

    fn hear(&self) -> (Header, Vec<i16>, Vec<u8>) {
        let mut bytes = [0; 1_500];
        let len = self.socket.recv(&mut bytes).expect("audio comes in time");
        let packet = rtp::parse(&bytes[..len]).expect("we send well-formed packets");
        let payload = bytes[packet.payload()].to_vec();
        let samples = payload.iter().map(|&octet| g711::decode(Law::A, octet)).collect();
        (packet.header, samples, payload)
    }
}

fn on_both(story: impl Fn(BackendChoice)) {
    story(BackendChoice::Epoll);
    match crate::uring::probe() {
        Ok(()) => story(BackendChoice::IoUring),
        Err(why) => eprintln!("io_uring is refused here ({why}): the story ran on epoll only"),
    }
}

#[test]
fn new_prompts_are_heard_while_the_engine_runs() {
    on_both(|backend| {
        let mut server = Server::start(backend, 2);
        let (one, two) = (server.call(1, 1), server.call(2, 2));
        let play = |id, leg| Command::Play {
            leg: LegId(leg),
            playback: Playback {
                looped: true,
                ..Playback::once(PlaybackId(id), vec![Source::Prompt("zh-CN/welcome".into())])
            },
        };
        server.send(play(1, 1));
        assert!(one.hear().1.iter().all(|&sample| (7_700..8_300).contains(&sample)));
        let quiet = Prompt::from_samples(&[1_000; 800]);
        let prompts = PromptStore::new([("zh-CN/welcome".into(), quiet)]);
        server.engine.set_prompts(&prompts).expect("the rings are not full");
        server.send(play(2, 2));
        assert!(two.hear().1.iter().all(|&sample| (900..1_100).contains(&sample)), "the new one");
        for _ in 0..10 {
            let heard = one.hear().1;
            assert!(heard.iter().all(|&sample| sample > 7_000), "what plays goes on");
        }
        server.release(&[1, 2]);
    });
}

#[test]
fn a_caller_hears_a_prompt_and_a_digit_interrupts_it() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let mut phone = server.call(1, 1);
        let sources = vec![Source::Prompt("zh-CN/welcome".into())];
        let playback = Playback {
            looped: true,
            interruptible: true,
            ..Playback::once(PlaybackId(9), sources)
        };
        server.send(Command::Play { leg: LegId(1), playback });
        let heard: Vec<_> = (0..10).map(|_| phone.hear()).collect();
        assert!(heard[0].0.marker);
        for pair in heard.windows(2) {
            assert_eq!(pair[1].0.seq.distance(pair[0].0.seq), 1);
            assert_eq!(pair[1].0.time.distance(pair[0].0.time), 160);
            assert!(pair[1].1.iter().all(|&sample| (7_700..8_300).contains(&sample)));
        }
        phone.press(7);
        let end = server.event(|event| match event {
            Event::PlayDone { playback: PlaybackId(9), end, .. } => Some(end.clone()),
            _ => None,
        });
        assert_eq!(end, PlayEnd::Interrupted);
        let digit = server.event(|event| match event {
            Event::Digit { digit, .. } => Some(*digit),
            _ => None,
        });
        assert_eq!(digit, '7');
        server.release(&[1]);
    });
}

#[test]
fn two_parties_hear_each_other_octet_by_octet() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let (mut caller, mut agent) = (server.call(1, 5), server.call(2, 5));
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        // Commands are taken at the next tick; audio before that has no listener.
        std::thread::sleep(Duration::from_millis(50));
        for n in 0..50_i16 {
            caller.speak(n * 100);
            agent.speak(-n * 100);
            let (_, _, from_caller) = agent.hear();
            let (_, _, from_agent) = caller.hear();
            assert_eq!(from_caller, [g711::encode(Law::A, n * 100); 160]);
            assert_eq!(from_agent, [g711::encode(Law::A, -n * 100); 160]);
        }
        std::thread::sleep(Duration::from_millis(250));
        let stats = server.engine.stats();
        assert_eq!(stats.legs(), 2);
        assert_eq!((stats.packets_in(), stats.packets_out()), (100, 100));
        assert_eq!(stats.shards[0].packets.packets_forwarded, 100);
        assert!(stats.cpu() > Duration::ZERO);
        server.release(&[1, 2]);
    });
}

/// Everybody speaks a level of their own; who hears whom is in the sums.
fn everybody_hears_the_others(server: &mut Server, phones: &mut [Phone]) {
    let levels = [1_000_i16, 2_000, 4_000];
    let stop = Instant::now() + PATIENCE;
    let mut right = [false; 3];
    for phone in phones.iter() {
        phone.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    }
    while right != [true; 3] {
        assert!(Instant::now() < stop, "who heard the others: {right:?}");
        for (phone, level) in phones.iter_mut().zip(levels) {
            phone.speak(level);
        }
        std::thread::sleep(Duration::from_millis(20));
        for (n, phone) in phones.iter().enumerate() {
            let others = 7_000 - i32::from(levels[n]);
            let mut bytes = [0; 1_500];
            while let Ok(len) = phone.socket.recv(&mut bytes) {
                let last = i32::from(g711::decode(Law::A, bytes[len - 1]));
                right[n] |= (last - others).abs() < 200;
            }
        }
    }
    assert!(server.events.try_iter().all(|(_, event)| !matches!(event, Event::OpenFailed { .. })));
}

#[test]
fn three_parties_are_mixed() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let mut phones: Vec<Phone> = (1..=3).map(|leg| server.call(leg, 8)).collect();
        for leg in 1..=3 {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        everybody_hears_the_others(&mut server, &mut phones);
        server.engine.stop();
    });
}

#[test]
fn three_parties_on_two_cores_hear_each_other() {
    on_both(|backend| {
        let mut server = Server::start(backend, 2);
        let mut phones: Vec<Phone> = Vec::new();
        let mut cores = std::collections::BTreeSet::new();
        for (leg, contact) in [(1, 1), (2, 2), (3, 4)] {
            phones.push(server.call(leg, contact));
            cores.insert(server.engine.shard_of(LegId(leg)).unwrap());
        }
        assert_eq!(cores.len(), 2, "the contacts were chosen to land on both cores");
        for leg in 1..=3 {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        everybody_hears_the_others(&mut server, &mut phones);
        server.engine.stop();
    });
}

#[test]
fn a_listener_on_another_core_hears_two_who_are_relayed_all_the_same() {
    on_both(|backend| {
        let mut server = Server::start(backend, 2);
        let (mut caller, mut agent) = (server.call(1, 1), server.call(2, 1));
        let mut leader = server.call(3, 2);
        assert_ne!(server.engine.shard_of(LegId(1)), server.engine.shard_of(LegId(3)));
        let audience = Audience::Nobody;
        server.send(Command::Audience { leg: LegId(3), audience });
        for leg in 1..=3 {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        std::thread::sleep(Duration::from_millis(50));
        leader.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let stop = Instant::now() + PATIENCE;
        let mut heard = false;
        while !heard {
            assert!(Instant::now() < stop, "the listener hears both");
            caller.speak(1_000);
            agent.speak(2_000);
            leader.speak(8_000);
            // What was said comes out as it went in: nobody decoded it, nobody added to it.
            assert_eq!(agent.hear().2, [g711::encode(Law::A, 1_000); 160]);
            assert_eq!(caller.hear().2, [g711::encode(Law::A, 2_000); 160]);
            std::thread::sleep(Duration::from_millis(20));
            let mut bytes = [0; 1_500];
            while let Ok(len) = leader.socket.recv(&mut bytes) {
                let both = i32::from(g711::decode(Law::A, bytes[len - 1]));
                heard |= (both - 3_000).abs() < 150;
            }
        }
        server.engine.stop();
    });
}

#[test]
fn an_attacker_gets_and_injects_nothing() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let (mut caller, mut agent) = (server.call(1, 5), server.call(2, 5));
        let mut attacker = Phone::new(caller.server, 66);
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        std::thread::sleep(Duration::from_millis(50));
        (0..200).for_each(|_| attacker.speak(30_000));
        for _ in 0..100 {
            caller.speak(500);
            attacker.speak(30_000);
            agent.speak(500);
            assert!(agent.hear().1.iter().all(|&sample| sample < 600));
            assert!(caller.hear().1.iter().all(|&sample| sample < 600));
        }
        attacker.socket.set_nonblocking(true).unwrap();
        assert!(attacker.socket.recv(&mut [0; 2_000]).is_err(), "nothing bled");
        server.send(Command::Release { leg: LegId(1) });
        let strange = server.event(|event| match event {
            Event::Released { quality, .. } => Some(quality.packets_strange),
            _ => None,
        });
        assert_eq!(strange, 300);
        server.engine.stop();
    });
}

#[test]
fn a_call_survives_a_spray_of_malformed_datagrams() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let (mut caller, mut agent) = (server.call(1, 5), server.call(2, 5));
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        std::thread::sleep(Duration::from_millis(50));
        let mut rtcp = caller.server;
        rtcp.set_port(rtcp.port() + 1);
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut noise = 0x9E37_79B9_u32;
        for n in 0..4_272_usize {
            let bytes: Vec<u8> = (0..n % 89)
                .map(|at| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if at == 0 && n % 3 != 0 {
                        0x80 | noise as u8 & 0x3F
                    } else {
                        (noise >> 24) as u8
                    }
                })
                .collect();
            let to = if n % 2 == 0 { caller.server } else { rtcp };
            // What happens to be a frame of audio comes from somewhere else.
            let payload_type = rtp::parse(&bytes).map(|packet| packet.header.payload_type.0);
            let audio = matches!(payload_type, Ok(8 | 101));
            let socket = if audio { &stranger } else { &caller.socket };
            socket.send_to(&bytes, to).unwrap();
            if n % 40 == 0 {
                caller.speak(700);
                agent.speak(700);
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        std::thread::sleep(Duration::from_millis(50));
        let heard = (0..50).filter(|_| agent.hear().1.iter().all(|&s| (600..800).contains(&s)));
        assert_eq!(heard.count(), 50);
        server.engine.stop();
    });
}

#[test]
fn ports_of_a_small_range_run_out_and_come_back() {
    on_both(|backend| {
        // A pair that is free now; the kernel does not give it to others at once.
        let mut probe = PortPool::new(IpAddr::V4(Ipv4Addr::LOCALHOST), None, 0, 1, Duration::ZERO);
        let port = probe.reserve(crate::edge::clock::now()).unwrap().port;
        let (tell, events) = mpsc::channel();
        let config = EngineConfig {
            backend,
            ports: Some(port..=port + 1),
            port_rest: Duration::ZERO,
            buffers: 64,
            ..EngineConfig::default()
        };
        let engine = Engine::start(config, move |_, event| {
            let _ = tell.send(event);
        })
        .unwrap();
        let open = |leg| {
            let (leg, contact, tenant) = (LegId(leg), ContactId(1), TenantId(1));
            engine
                .send(Command::Open {
                    leg,
                    contact,
                    tenant,
                    place: Place::default(),
                    port: Port::Own,
                })
                .unwrap();
            events.recv_timeout(PATIENCE).unwrap()
        };
        assert!(matches!(open(1), Event::Opened { .. }));
        let Event::OpenFailed { reason, .. } = open(2) else { panic!("one pair is all") };
        assert!(reason.contains("all 1 pairs") && reason.contains("rtp.ports"), "{reason}");
        engine.send(Command::Release { leg: LegId(1) }).unwrap();
        assert!(matches!(events.recv_timeout(PATIENCE).unwrap(), Event::Released { .. }));
        assert!(matches!(open(3), Event::Opened { .. }));
        engine.stop();
    });
}

#[test]
fn a_phone_that_goes_away_and_comes_back_is_heard_again() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let (mut caller, mut agent) = (server.call(1, 5), server.call(2, 5));
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        std::thread::sleep(Duration::from_millis(50));
        // Longer than a second, so that the kernel filters both sources.
        for _ in 0..60 {
            caller.speak(100);
            agent.speak(100);
            agent.hear();
            caller.hear();
            std::thread::sleep(Duration::from_millis(20));
        }
        let place = agent.socket.local_addr().unwrap();
        let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
        drop(std::mem::replace(&mut agent.socket, elsewhere));
        for _ in 0..10 {
            // Each of these comes back to the server as ECONNREFUSED.
            caller.speak(100);
            std::thread::sleep(Duration::from_millis(5));
        }
        agent.socket = UdpSocket::bind(place).unwrap();
        agent.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        for _ in 0..10 {
            caller.speak(200);
            agent.speak(300);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(agent.hear().1.iter().all(|&sample| (100..300).contains(&sample)));
        let heard = (0..10).map(|_| caller.hear().1[0]);
        assert_eq!(heard.filter(|&sample| (250..350).contains(&sample)).count(), 10);
        server.engine.stop();
    });
}

#[test]
fn both_voices_are_recorded_frame_by_frame() {
    let _alone = crate::edge::storage::story::alone();
    on_both(|backend| {
        let dir = tempfile::tempdir().unwrap();
        let (tell, ledgers) = mpsc::channel();
        let storage = StorageConfig::new(
            dir.path().join("segments"),
            dir.path().join("wav"),
            1,
            crate::edge::keys::Keys { ring: crate::record::story::ring(), from: "a test".into() },
        );
        let (storage, rings) = Storage::start(storage, move |row| {
            let _ = tell.send(row);
        })
        .unwrap();
        let (told, events) = mpsc::channel();
        let config =
            EngineConfig { backend, storage: rings, buffers: 1_024, ..EngineConfig::default() };
        let engine = Engine::start(config, move |shard, event| {
            let _ = told.send((shard, event));
        })
        .unwrap();
        let mut server = Server { engine, events, early: Vec::new(), certificate: NO_CERTIFICATE };
        let (mut caller, mut agent) = (server.call(1, 5), server.call(2, 5));
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        server.send(Command::RecordStart(RecordStart {
            recording: RecordingId(7),
            tenant: TenantId(1),
            contact: ContactId(5),
            call: CallId(6),
            started_at: crate::edge::clock::wall(),
            parties: vec![(LegId(1), Side::Customer), (LegId(2), Side::Other)],
            terms: RecordTerms::default(),
        }));
        std::thread::sleep(Duration::from_millis(50));
        for _ in 0..25 {
            caller.speak(1_000);
            agent.speak(-1_000);
            std::thread::sleep(Duration::from_millis(20));
        }
        (0..25).for_each(|_| drop((caller.hear(), agent.hear())));
        server.send(Command::RecordStop { recording: RecordingId(7) });
        let row = ledgers.recv_timeout(Duration::from_secs(10)).expect("the row is told");
        assert_eq!((row.recording, row.state), (RecordingId(7), RecordingState::Recorded));
        assert_eq!((row.frames_expected, row.frames_missing), (50, 0));
        let path = dir.path().join("wav").join(row.path.expect("there is a file"));
        assert_eq!(std::fs::metadata(path).unwrap().len(), row.bytes);
        server.engine.stop();
        storage.stop();
    });
}

#[test]
fn a_stopped_engine_says_goodbye_to_every_leg() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        server.call(1, 1);
        server.call(2, 2);
        server.engine.stop();
        let released =
            server.events.try_iter().filter(|(_, e)| matches!(e, Event::Released { .. }));
        assert_eq!(released.count(), 2);
    });
}

#[test]
fn wrong_numbers_stop_the_start() {
    for config in [
        EngineConfig { shards: 0, ..EngineConfig::default() },
        EngineConfig { tick: Duration::from_secs(1), ..EngineConfig::default() },
        EngineConfig { buffers: 1_000, ..EngineConfig::default() },
        EngineConfig { commands_max: 1, ..EngineConfig::default() },
        EngineConfig { dscp: 64, ..EngineConfig::default() },
    ] {
        assert!(matches!(Engine::start(config, |_, _| {}), Err(Error::Config(_))));
    }
}

#[test]
fn the_backend_is_reported() {
    let config = EngineConfig { backend: BackendChoice::Epoll, ..EngineConfig::default() };
    let engine = Engine::start(config, |_, _| {}).unwrap();
    assert_eq!(engine.backend(), &Backend::Epoll { why: "asked for".into() });
}
