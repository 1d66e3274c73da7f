//! The physical limit of the machine: sockets connected in pairs, one multishot receive each, every
//! datagram sent on from the buffer it came in, and not a byte looked at. What mediacore needs above
//! this is its own work.

use crate::system::Pair;
use anyhow::{Context, Result};
use io_uring::types::{BufRingEntry, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BUFFERS: u16 = 32_768;
const BUFFER_BYTES: usize = 256;
const GROUP: u16 = 1;
const TICK: Duration = Duration::from_millis(2);
const SENT: u64 = 1 << 32;

/// The running loop.
pub struct Bare {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Bare {
    /// Binds and connects two sockets for each call and starts the loop.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn start(calls: &[Pair]) -> Result<(Bare, Vec<Pair>)> {
        let mut sockets = Vec::new();
        let mut pairs = Vec::new();
        for (caller, called) in calls {
            let own = [caller, called].map(|phone| -> Result<UdpSocket> {
                let socket = UdpSocket::bind("127.0.0.1:0")?;
                socket.connect(phone)?;
                Ok(socket)
            });
            let [a, b] = own;
            let (a, b) = (a?, b?);
            pairs.push((a.local_addr()?, b.local_addr()?));
            sockets.extend([a, b]);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("bare-loop".into())
            .spawn(move || forward(&sockets, &flag))?;
        Ok((Bare { stop, thread }, pairs))
    }

    /// Ends it.
    ///
    /// # Errors
    /// What ended the loop before its time.
    pub fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the loop does not panic")
    }
}

/// Entries and bytes, at addresses that stay.
struct Pool {
    entries: Box<[Page]>,
    bytes: Vec<u8>,
    tail: u16,
}

/// A page of the ring of entries, which must begin on a page.
#[repr(C, align(4096))]
struct Page([u8; 4096]);

impl Pool {
    fn new() -> Pool {
        let pages = usize::from(BUFFERS) * size_of::<BufRingEntry>() / size_of::<Page>();
        let entries = (0..pages).map(|_| Page([0; 4096])).collect();
        let bytes = vec![0; usize::from(BUFFERS) * BUFFER_BYTES];
        let mut pool = Pool { entries, bytes, tail: 0 };
        (0..BUFFERS).for_each(|id| pool.give(id));
        pool.publish();
        pool
    }

    fn base(&mut self) -> *mut BufRingEntry {
        self.entries.as_mut_ptr().cast()
    }

    fn at(&self, id: u16) -> *const u8 {
        self.bytes[usize::from(id) * BUFFER_BYTES..].as_ptr()
    }

    fn give(&mut self, id: u16) {
        let address = self.at(id) as u64;
        let place = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: `place` is below the number of entries, and the kernel reads none at or after
        // the published tail.
        let entry = unsafe { &mut *self.base().add(place) };
        entry.set_addr(address);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&mut self) {
        let tail = self.tail;
        // SAFETY: the tail lies in the first entry, aligned for u16; only this thread writes it.
        unsafe {
            let at = BufRingEntry::tail(self.base()).cast::<AtomicU16>();
            (*at).store(tail, Ordering::Release);
        }
    }
}

fn forward(sockets: &[UdpSocket], stop: &AtomicBool) -> Result<()> {
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .setup_cqsize(65_536)
        .build(4_096)
        .context("set up io_uring")?;
    let mut this = Forward { ring, pool: Pool::new() };
    let base = this.pool.base() as u64;
    let submitter = this.ring.submitter();
    // SAFETY: the entries begin on a page, are BUFFERS many, and are dropped after the ring.
    unsafe { submitter.register_buf_ring_with_flags(base, BUFFERS, GROUP, 0)? };
    let files: Vec<i32> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
    submitter.register_files(&files)?;
    for socket in 0..files.len() as u32 {
        this.receive(socket);
    }
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        next = (next + TICK).max(Instant::now());
        this.turn(next.saturating_duration_since(Instant::now()))?;
    }
    Ok(())
}

struct Forward {
    // Dropped first: it ends what uses the pool.
    ring: IoUring,
    pool: Pool,
}

impl Forward {
    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: receives use the registered pool and sends its bytes, which outlive the ring.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            // A submission that fails is tried again with the next entry.
            let _ = self.ring.submit();
        }
    }

    fn receive(&mut self, socket: u32) {
        let entry = opcode::RecvMulti::new(Fixed(socket), GROUP).build();
        self.push(&entry.user_data(u64::from(socket)));
    }

    fn turn(&mut self, wait: Duration) -> Result<()> {
        let time = Timespec::from(wait);
        let arguments = SubmitArgs::new().timespec(&time);
        if let Err(error) = self.ring.submitter().submit_with_args(2_048, &arguments) {
            let expected = [libc::ETIME, libc::EINTR, libc::EBUSY, libc::EAGAIN];
            if !error.raw_os_error().is_some_and(|code| expected.contains(&code)) {
                return Err(error).context("wait for datagrams");
            }
        }
        let done: Vec<cqueue::Entry> = self.ring.completion().collect();
        for entry in done {
            let name = entry.user_data();
            if name & SENT != 0 {
                self.pool.give(name as u16);
                continue;
            }
            let socket = name as u32;
            if let Some(id) = cqueue::buffer_select(entry.flags()) {
                let length = u32::try_from(entry.result()).unwrap_or(0);
                let send = opcode::Send::new(Fixed(socket ^ 1), self.pool.at(id), length).build();
                self.push(&send.user_data(SENT | u64::from(id)));
            }
            if !cqueue::more(entry.flags()) {
                self.receive(socket);
            }
        }
        self.pool.publish();
        Ok(())
    }
}
