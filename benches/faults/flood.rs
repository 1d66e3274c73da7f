//! Strangers send garbage to every media port of live calls.

use crate::scene::{Scene, delay_ms, folder};
use crate::{Bench, Limit};
use anyhow::Result;
use benches::media::crowd::Pair;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use socket2::SockAddr;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Calls under the flood.
const CALLS: u32 = 100;
/// Datagrams a second.
const RATE: u64 = 200_000;
const LASTS: Duration = Duration::from_secs(5);
/// Addresses that it comes from.
const SOURCES: usize = 16;
/// Datagrams of one system call.
const BATCH: usize = 64;
/// Datagrams that are sent again and again.
const KINDS: usize = 1_024;

/// The flood.
///
/// # Errors
/// What kept it from being tried.
pub fn garbage(bench: &mut Bench) -> Result<()> {
    let name = "garbage at the media ports";
    let folder = folder()?;
    let mut scene = Scene::simple(bench, CALLS, folder.path())?;
    let before = scene.before(bench);
    let dropped = scene.child.state()?.dropped;
    let seed = bench.chance.borrow_mut().random();
    let flood = Flood::prepare(&scene.ports, seed)?;
    let stop = AtomicBool::new(false);
    scene.crowd.delays();
    let sent_per_s = thread::scope(|scope| {
        let sending = scope.spawn(|| flood.send(&stop));
        bench.wait(LASTS);
        stop.store(true, Ordering::Relaxed);
        sending.join().expect("the flood does not panic")
    });
    let during = scene.crowd.delays();
    bench.wait(Duration::from_millis(500));
    let looked_at = scene.child.state()?.dropped - dropped;
    let outcome = scene.end()?;
    let lost = outcome.verdict.lost() as f64;
    bench.line(name, "datagrams sent", sent_per_s, "per s", Limit::Least(RATE as f64 * 0.95))?;
    bench.line(name, "reached a media core", looked_at as f64, "datagrams", Limit::None)?;
    bench.line(name, "packets of calls lost", lost, "packets", Limit::Exactly(0.0))?;
    let damaged = outcome.verdict.damaged as f64;
    bench.line(name, "packets of calls damaged", damaged, "packets", Limit::Exactly(0.0))?;
    bench.line(name, "relay delay before, p99", delay_ms(&before, 990), "ms", Limit::None)?;
    bench.line(name, "relay delay during, p99", delay_ms(&during, 990), "ms", Limit::None)?;
    let dropped = outcome.calls_dropped as f64;
    bench.line(name, "legs dropped", dropped, "legs", Limit::Exactly(0.0))?;
    let missing = outcome.missing() as f64;
    bench.line(name, "recorded frames missing", missing, "frames", Limit::Exactly(0.0))
}

struct Flood {
    sources: Vec<UdpSocket>,
    datagrams: Vec<(Vec<u8>, SockAddr)>,
}

impl Flood {
    fn prepare(ports: &[Pair], seed: u64) -> Result<Flood> {
        let bind = |_| UdpSocket::bind("127.0.0.1:0");
        let sources = (0..SOURCES).map(bind).collect::<std::io::Result<_>>()?;
        let mut chance = SmallRng::seed_from_u64(seed);
        let targets: Vec<SocketAddr> = ports
            .iter()
            .flat_map(|(caller, called)| [*caller, *called])
            .flat_map(|rtp| [rtp, SocketAddr::new(rtp.ip(), rtp.port() + 1)])
            .collect();
        let datagram = |n: usize| {
            let to = targets[n % targets.len()];
            (garbage_of(n / targets.len() + n, &mut chance), SockAddr::from(to))
        };
        Ok(Flood { sources, datagrams: (0..KINDS).map(datagram).collect() })
    }

    /// Sends until told to stop: how many a second the kernel took.
    fn send(&self, stop: &AtomicBool) -> f64 {
        let began = Instant::now();
        let (mut sent, mut round) = (0_u64, 0);
        while !stop.load(Ordering::Relaxed) {
            let due = (began.elapsed().as_secs_f64() * RATE as f64) as u64;
            if sent >= due {
                thread::sleep(Duration::from_micros(500));
                continue;
            }
            let from = round * BATCH % self.datagrams.len();
            let source = &self.sources[round % SOURCES];
            sent += send_batch(source, &self.datagrams[from..from + BATCH]);
            round += 1;
        }
        sent as f64 / began.elapsed().as_secs_f64()
    }
}

/// How many of them the kernel took.
fn send_batch(socket: &UdpSocket, datagrams: &[(Vec<u8>, SockAddr)]) -> u64 {
    let mut vectors: Vec<libc::iovec> = datagrams
        .iter()
        .map(|(bytes, _)| libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        })
        .collect();
    let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(datagrams.len());
    for (vector, (_, to)) in vectors.iter_mut().zip(datagrams) {
        // SAFETY: an mmsghdr of zeros is a valid one without buffers or names.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = to.len();
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        headers.push(header);
    }
    // SAFETY: every header points to one vector, one buffer and one name that are alive during the
    // call and only read by it.
    let sent = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as u32, 0)
    };
    u64::try_from(sent).unwrap_or(0)
}

/// Noise, audio of a stranger, cut and lying reports, a goodbye, and datagrams that are too long.
fn garbage_of(n: usize, chance: &mut SmallRng) -> Vec<u8> {
    let noise = |chance: &mut SmallRng, length: usize| -> Vec<u8> {
        (0..length).map(|_| chance.random()).collect()
    };
    let mut bytes = match n % 8 {
        0..=2 => {
            let length = chance.random_range(0..100);
            noise(chance, length)
        }
        3 | 4 => noise(chance, 172),
        5 => noise(chance, 28),
        6 => noise(chance, 8),
        _ => noise(chance, 1_400),
    };
    let head: &[u8] = match n % 8 {
        3 | 4 => &[0x80, 8],
        // A receiver report that says it is longer than it is.
        5 => &[0x81, 201, 0, 60],
        // Goodbye.
        6 => &[0x81, 203, 0, 1],
        _ => &[],
    };
    bytes[..head.len()].copy_from_slice(head);
    bytes
}
