//! Live calls while the disk fails, strangers send garbage, or the kernel refuses io_uring.

use super::*;
use crate::edge::keys::Keys;
use crate::edge::storage::Backend as Writers;
use crate::edge::storage::story::alone;
use crate::record::log::LogConfig;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use terms::failpoint::{Fault, arm, disarm};
use terms::media::Ledger;

const FRAME: Duration = Duration::from_millis(20);
/// How long a slow mount takes for one thing, in ms.
const STALL_MS: u64 = 2_000;
/// Frames of the first recording on a slow mount; the second one begins then.
const FIRST: usize = 15;

/// A server that records one conversation of two phones.
struct Recorded {
    server: Server,
    storage: Storage,
    ledgers: mpsc::Receiver<Ledger>,
    phones: [Phone; 2],
    dir: tempfile::TempDir,
}

impl Recorded {
    fn start(backend: BackendChoice, writers: Writers) -> Recorded {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys { ring: crate::record::story::ring(), from: "a test".into() };
        let (segments, files) = (dir.path().join("segments"), dir.path().join("wav"));
        let config = StorageConfig {
            backend: writers,
            log: LogConfig { sync_every: Duration::from_millis(50), ..LogConfig::default() },
            ..StorageConfig::new(segments, files, 1, keys)
        };
        let (tell, ledgers) = mpsc::channel();
        let (storage, rings) = Storage::start(config, move |row| {
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
        let phones = joined(&mut server);
        let call = Recorded { server, storage, ledgers, phones, dir };
        call.record(7);
        call
    }

    /// From now on both are recorded under this number.
    fn record(&self, recording: u64) {
        self.server.send(Command::RecordStart(RecordStart {
            recording: RecordingId(recording),
            tenant: TenantId(1),
            contact: ContactId(5),
            call: CallId(6),
            started_at: crate::edge::clock::wall(),
            parties: vec![(LegId(1), Side::Customer), (LegId(2), Side::Other)],
            terms: RecordTerms::default(),
        }));
        std::thread::sleep(Duration::from_millis(50));
    }

    /// The folder of finished files.
    fn files(&self) -> PathBuf {
        self.dir.path().join("wav")
    }

    /// Both hang up; the row of the recording.
    fn end(self) -> Ledger {
        self.server.send(Command::RecordStop { recording: RecordingId(7) });
        let row = self.ledgers.recv_timeout(Duration::from_secs(10)).expect("the row is told");
        self.server.release(&[1, 2]);
        self.storage.stop();
        row
    }
}

/// A caller and an agent who hear each other.
fn joined(server: &mut Server) -> [Phone; 2] {
    let phones = [server.call(1, 5), server.call(2, 5)];
    for leg in [1, 2] {
        server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
    }
    std::thread::sleep(Duration::from_millis(50));
    phones
}

/// Both say one frame of a level of its own.
fn say(phones: &mut [Phone; 2], n: usize) {
    phones.iter_mut().for_each(|phone| phone.speak(n as i16 % 50 * 100));
}

/// One frame each.
type Heard = [(Header, Vec<i16>, Vec<u8>); 2];

/// Both have heard `frames`, each octet by octet, in one unbroken stream.
fn heard_all(phones: &[Phone; 2], frames: usize) {
    let heard: Vec<Heard> = (0..frames).map(|_| phones.each_ref().map(Phone::hear)).collect();
    is_unbroken(&heard);
}

fn is_unbroken(heard: &[Heard]) {
    for phone in 0..2 {
        for (n, frame) in heard.iter().enumerate() {
            let said = [g711::encode(Law::A, n as i16 % 50 * 100); 160];
            assert_eq!(frame[phone].2, said, "frame {n}");
        }
        for pair in heard.windows(2) {
            let [before, after] = [&pair[0][phone].0, &pair[1][phone].0];
            assert_eq!(after.seq.distance(before.seq), 1);
            assert_eq!(after.ssrc, before.ssrc);
        }
    }
}

#[test]
fn a_disk_that_stalls_fails_and_is_full_leaves_no_gap_in_a_call_or_its_recording() {
    let _alone = alone();
    for (backend, writers) in
        [(BackendChoice::Epoll, Writers::Blocking), (BackendChoice::Auto, Writers::Auto)]
    {
        let mut call = Recorded::start(backend, writers);
        for n in 0..100 {
            match n {
                10 => arm("storage.write", Fault::StallMs(400), 1),
                40 => arm("storage.write", Fault::Eio, 1),
                50 => arm("storage.sync", Fault::Eio, 1),
                60 => arm("storage.write", Fault::NoSpace, 0),
                80 => disarm("storage.write"),
                _ => {}
            }
            say(&mut call.phones, n);
            std::thread::sleep(FRAME);
        }
        disarm("storage.sync");
        heard_all(&call.phones, 100);
        let failures = call.storage.stats().failures;
        let row = call.end();
        assert_eq!((row.frames_expected, row.frames_missing), (200, 0), "{row:?}");
        assert_eq!((row.state, row.gaps.len()), (RecordingState::Recorded, 0));
        assert!(failures >= 3, "the disk failed: {failures}");
    }
}

/// Names of finished recordings below a folder.
fn finished(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a folder of ours").path());
    let inside = |path: PathBuf| match path.extension() {
        None => finished(&path),
        Some(kind) if kind == "wav" => vec![path],
        Some(_) => Vec::new(),
    };
    paths.flat_map(inside).collect()
}

/// The file of a row is whole: as long as the row says, with its hash, and every frame is in it.
fn is_whole(files: &Path, row: &Ledger) {
    assert_eq!((row.state, row.frames_missing), (RecordingState::Recorded, 0), "{row:?}");
    let path = files.join(row.path.as_ref().expect("a row with a file"));
    let bytes = std::fs::read(&path).expect("the file is there");
    assert_eq!(bytes.len() as u64, row.bytes);
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(Some(hash), row.sha256);
    let wav = crate::record::wav::read(&bytes).expect("a valid file");
    for channel in &wav.channels {
        // Told in whole milliseconds.
        assert_eq!(channel.len() as i64 / 8, row.duration_ms);
        // A frame that says silence is none that can be told from a gap: one of fifty.
        let said = channel.iter().filter(|&&sample| sample.unsigned_abs() > 50).count() as i64;
        let least = (row.frames_expected as i64 / 2 - 1) * 49 / 50 * 160 - 160;
        assert!(said >= least, "{said} samples of at least {least}");
    }
}

#[test]
fn a_mount_that_answers_after_seconds_delays_a_file_and_no_frame_of_the_call() {
    let _alone = alone();
    for (backend, writers, slow) in [
        (
            BackendChoice::Epoll,
            Writers::Blocking,
            &["storage.open", "storage.render_open", "storage.rename"][..],
        ),
        (BackendChoice::Auto, Writers::Auto, &["storage.open", "storage.render_sync"][..]),
    ] {
        slow.iter().for_each(|point| arm(point, Fault::StallMs(STALL_MS), 1));
        let mut call = Recorded::start(backend, writers);
        let files = call.files();
        let mut heard: Vec<Heard> = Vec::new();
        let mut turn = |call: &mut Recorded| {
            say(&mut call.phones, heard.len());
            std::thread::sleep(FRAME);
            heard.push(call.phones.each_ref().map(Phone::hear));
            heard.len()
        };
        (0..FIRST).for_each(|_| _ = turn(&mut call));
        call.server.send(Command::RecordStop { recording: RecordingId(7) });
        call.record(8);
        // Nothing of it has its name while the mount lets us wait.
        while finished(&files).is_empty() {
            assert!(turn(&mut call) < 2_000, "the file never appears");
        }
        let meanwhile = turn(&mut call) - FIRST;
        (0..10).for_each(|_| _ = turn(&mut call));
        let frames = turn(&mut call);
        slow.iter().for_each(|point| disarm(point));
        assert!(meanwhile > slow.len() * 25, "only {meanwhile} frames were said meanwhile");
        is_unbroken(&heard);

        let first = call.ledgers.recv_timeout(PATIENCE).expect("the row of the first");
        assert_eq!((first.recording, first.frames_expected), (RecordingId(7), 2 * FIRST as u64));
        is_whole(&files, &first);
        call.server.send(Command::RecordStop { recording: RecordingId(8) });
        let second = call.ledgers.recv_timeout(PATIENCE).expect("the row of the second");
        let rest = 2 * (frames - FIRST) as u64;
        assert_eq!((second.recording, second.frames_expected), (RecordingId(8), rest));
        is_whole(&files, &second);
        assert_eq!(call.storage.stats().failures, 0, "it was slow and did not fail");
        call.server.release(&[1, 2]);
        call.storage.stop();
    }
}

/// Answers `io_uring_setup` with EPERM, for this thread and those that it starts (seccomp(2)).
fn refuse_io_uring() {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_io_uring_setup as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the first call takes numbers only; the second reads `filter` and the steps it points
    // to, which are alive during the call.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter)
    };
    assert_eq!(refused, 0, "{}", io::Error::last_os_error());
}

#[test]
fn where_io_uring_is_refused_epoll_and_blocking_writers_do_the_same() {
    let _alone = alone();
    // The filter stays with the thread and what it starts.
    let story = std::thread::spawn(|| {
        refuse_io_uring();
        let mut call = Recorded::start(BackendChoice::Auto, Writers::Auto);
        let Backend::Epoll { why } = call.server.engine.backend() else {
            panic!("io_uring was not refused")
        };
        assert!(why.contains("io_uring_setup") && why.contains("not permitted"), "{why}");
        assert_eq!(call.storage.stats().backend, Writers::Blocking);
        for n in 0..50 {
            say(&mut call.phones, n);
            std::thread::sleep(FRAME);
        }
        heard_all(&call.phones, 50);
        let row = call.end();
        assert_eq!((row.state, row.frames_missing), (RecordingState::Recorded, 0), "{row:?}");
        assert_eq!(row.frames_expected, 100);

        // Who insists is told, with what to do.
        let config = EngineConfig { backend: BackendChoice::IoUring, ..EngineConfig::default() };
        let refused = Engine::start(config, |_, _| {}).err().expect("it is refused").to_string();
        assert!(refused.contains("choose `epoll` or `auto`"), "{refused}");
    });
    story.join().expect("the story holds");
}

#[test]
fn oversized_and_cut_datagrams_of_the_phone_itself_are_counted_and_not_passed_on() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let mut phones = joined(&mut server);
        let mut sent = 0;
        // Longer than a second, so that sockets with and without a filter are met.
        for n in 0..70 {
            say(&mut phones, n);
            let phone = &phones[0];
            let octets = vec![0x2A; [1_600, 9_000, 60_000][n % 3]];
            phone.socket.send_to(&phone.packet(8, false, &octets), phone.server).unwrap();
            // A header that is cut, and one that announces more than there is.
            let mut short = phone.packet(8, false, &[]);
            short.truncate(n % 12);
            phone.socket.send_to(&short, phone.server).unwrap();
            let mut lies = phone.packet(8, false, &[0; 8]);
            lies[0] |= if n % 2 == 0 { 0x0F } else { 0x10 };
            lies[14..16].copy_from_slice(&[0xFF, 0xFF]);
            phone.socket.send_to(&lies, phone.server).unwrap();
            // A datagram of nothing is none to io_uring.
            sent += if n % 12 == 0 { 2 } else { 3 };
            std::thread::sleep(FRAME);
        }
        heard_all(&phones, 70);
        std::thread::sleep(Duration::from_millis(250));
        let dropped = server.engine.stats().shards[0].packets.dropped;
        let malformed = dropped[crate::shard::Reason::Malformed as usize];
        assert!((sent..=sent + 6).contains(&malformed), "{malformed} of {sent}");
        server.release(&[1, 2]);
    });
}

#[test]
fn a_flood_of_garbage_at_the_ports_of_a_call_loses_none_of_its_packets() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let mut phones = joined(&mut server);
        // Until the kernel filters both sources.
        for n in 0..60 {
            say(&mut phones, n);
            std::thread::sleep(FRAME);
        }
        let ports: Vec<SocketAddr> = phones
            .iter()
            .flat_map(|phone| {
                [phone.server, SocketAddr::new(phone.server.ip(), phone.server.port() + 1)]
            })
            .collect();
        let stop = AtomicBool::new(false);
        let sent = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let sources: Vec<UdpSocket> =
                    (0..16).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
                let mut garbage = [0x80_u8; 172];
                while !stop.load(Ordering::Relaxed) {
                    for n in 0..64_usize {
                        let at = sent.fetch_add(1, Ordering::Relaxed) as usize;
                        garbage[1..9].copy_from_slice(&at.wrapping_mul(0x9E37_79B9).to_ne_bytes());
                        let len = 8 + at % 160;
                        // A full queue of the attacker is its own trouble.
                        let _ = sources[n % 16].send_to(&garbage[..len], ports[at % ports.len()]);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            for n in 60..110 {
                say(&mut phones, n);
                std::thread::sleep(FRAME);
            }
            stop.store(true, Ordering::Relaxed);
        });
        heard_all(&phones, 110);
        assert!(sent.into_inner() > 10_000, "there was a flood");
        server.release(&[1, 2]);
    });
}

#[test]
fn a_phone_that_its_nat_moves_is_heard_again_while_strangers_spray() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let mut agent = server.call(2, 5);
        let port = server.open(1, 5);
        let mut caller = Phone::new(port, 1);
        // The description names an address that nobody reaches; the signalling came from loopback.
        let remote = Remote {
            nat: true,
            signalling: IpAddr::V4(Ipv4Addr::LOCALHOST),
            rtp: "192.0.2.1:4000".parse().unwrap(),
            ..caller.remote()
        };
        server.send(Command::Connect { leg: LegId(1), remote: Box::new(remote) });
        for leg in [1, 2] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(1) });
        }
        std::thread::sleep(Duration::from_millis(50));
        // Another address of this machine; where it has none, the spray is left out.
        let stranger = UdpSocket::bind("127.0.0.2:0");
        let spray = |caller: &Phone| {
            let bytes = caller.packet(8, false, &[0x2A; 160]);
            for _ in 0..5 {
                let _ = stranger.as_ref().map(|socket| socket.send_to(&bytes, caller.server));
            }
        };
        for n in 0..150 {
            if n == 80 {
                let moved = UdpSocket::bind("127.0.0.1:0").unwrap();
                moved.set_read_timeout(Some(PATIENCE)).unwrap();
                caller.socket = moved;
            }
            spray(&caller);
            caller.speak(1_000);
            std::thread::sleep(FRAME);
        }
        agent.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut bytes = [0; 1_500];
        let mut frames = 0;
        while let Ok(len) = agent.socket.recv(&mut bytes) {
            assert_eq!(bytes[HEADER_BYTES..len], [g711::encode(Law::A, 1_000); 160]);
            frames += 1;
        }
        // All but the 300 ms in which the old port might have gone on, and what a turn adds.
        assert!((110..150).contains(&frames), "{frames} of 150");
        agent.speak(500);
        assert_eq!(caller.hear().2, [g711::encode(Law::A, 500); 160], "where it is now");
        server.engine.stop();
    });
}
