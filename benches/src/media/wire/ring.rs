//! io_uring: one multishot receive a socket into buffers that the kernel picks from a shared ring,
//! and sends that wait for the turn's single `enter`. Linux 6.0 or later.

use super::{SLOTS_MAX, Wire};
use crate::media::rtp::{HEADER_BYTES, Packet};
use crate::media::stamp::SAMPLES;
use io_uring::types::{BufRingEntry, Fd, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::HashSet;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

const ENTRIES: u32 = 4096;
const COMPLETIONS: u32 = 65_536;
/// Buffers of the shared ring; a power of two. The kernel walks through all of them, so no more than
/// a cache holds: 25 ms of 1,600 calls. When they run out, datagrams wait in their sockets.
const BUFFERS: u16 = 4_096;
const BUFFER_BYTES: usize = 256;
const GROUP: u16 = 1;
/// Packets on their way into the kernel at a time.
const SENDS_MAX: usize = 16_384;
const PAGE: usize = 4096;

/// A turn ends early when so many completions wait. A thread that woke for every packet would make
/// whoever sends to it pay for waking it.
const WAIT_FOR: usize = 512;

/// What a completion is about, in the top byte of its user data.
const RECEIVED: u64 = 1 << 56;
const SENT: u64 = 2 << 56;
const CANCELLED: u64 = 3 << 56;
const KIND: u64 = 0xff << 56;

/// The ring that the kernel takes receive buffers from, and the buffers.
struct Buffers {
    entries: *mut BufRingEntry,
    bytes: Vec<u8>,
    tail: u16,
}

impl Buffers {
    fn layout() -> Layout {
        let size = usize::from(BUFFERS) * size_of::<BufRingEntry>();
        Layout::from_size_align(size, PAGE).expect("a few pages")
    }

    fn new() -> Buffers {
        // SAFETY: the layout has a size above zero.
        let entries = unsafe { alloc_zeroed(Buffers::layout()) }.cast::<BufRingEntry>();
        if entries.is_null() {
            handle_alloc_error(Buffers::layout());
        }
        let bytes = vec![0; usize::from(BUFFERS) * BUFFER_BYTES];
        let mut buffers = Buffers { entries, bytes, tail: 0 };
        for id in 0..BUFFERS {
            buffers.give(id);
        }
        buffers.publish();
        buffers
    }

    /// Hands a buffer back; the kernel sees it after `publish`.
    fn give(&mut self, id: u16) {
        let at = usize::from(self.tail & (BUFFERS - 1));
        let address = self.bytes[usize::from(id) * BUFFER_BYTES..].as_ptr() as u64;
        // SAFETY: `at` is below BUFFERS, the number of entries that were allocated, and the kernel
        // does not read an entry at or after the published tail.
        let entry = unsafe { &mut *self.entries.add(at) };
        entry.set_addr(address);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&mut self) {
        // SAFETY: `entries` is the page-aligned base of the ring. The tail lies in its first entry,
        // is aligned for u16, and only this thread writes it; the release store makes the entries
        // before it visible to the kernel.
        unsafe {
            let tail = BufRingEntry::tail(self.entries).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }

    fn read(&self, id: u16, length: usize) -> &[u8] {
        let at = usize::from(id) * BUFFER_BYTES;
        &self.bytes[at..at + length.min(BUFFER_BYTES)]
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout. The ring was dropped before (field
        // order of `Ring`), so the kernel no longer holds the address.
        unsafe { dealloc(self.entries.cast(), Buffers::layout()) }
    }
}

/// See the module.
pub struct Ring {
    ring: IoUring,
    buffers: Buffers,
    sockets: Vec<Option<UdpSocket>>,
    /// The kernel keeps the sockets by slot and need not look each up for each packet.
    fixed: bool,
    harvest: Vec<cqueue::Entry>,
    /// Counts openings of a slot, so that a completion of its last socket is not taken for it.
    ages: Vec<u32>,
    starved: HashSet<usize>,
    sends: Vec<Packet>,
    free: Vec<usize>,
    backlog: Vec<squeue::Entry>,
    unsent: u64,
}

impl Ring {
    /// # Errors
    /// When the kernel does not know or does not allow what we need.
    pub fn new() -> io::Result<Ring> {
        let ring = IoUring::builder()
            .setup_cqsize(COMPLETIONS)
            .setup_submit_all()
            .setup_coop_taskrun()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(ENTRIES)?;
        let buffers = Buffers::new();
        // SAFETY: the ring of entries is page-aligned, holds BUFFERS entries and lives as long as
        // `ring`, which is dropped before it.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                buffers.entries as u64,
                BUFFERS,
                GROUP,
                0,
            )?;
        }
        // More than the process may have open is refused; descriptors do as well.
        let fixed = ring.submitter().register_files_sparse(SLOTS_MAX as u32).is_ok();
        Ok(Ring {
            ring,
            buffers,
            sockets: Vec::new(),
            fixed,
            harvest: Vec::new(),
            ages: Vec::new(),
            starved: HashSet::new(),
            sends: vec![[0; HEADER_BYTES + SAMPLES]; SENDS_MAX],
            free: (0..SENDS_MAX).rev().collect(),
            backlog: Vec::new(),
            unsent: 0,
        })
    }

    fn name_of(&self, slot: usize) -> u64 {
        RECEIVED | (u64::from(self.ages[slot] & 0xff_ffff) << 32) | slot as u64
    }

    fn receive(&mut self, slot: usize) {
        let Some(Some(socket)) = self.sockets.get(slot) else { return };
        let entry = if self.fixed {
            opcode::RecvMulti::new(Fixed(slot as u32), GROUP).build()
        } else {
            opcode::RecvMulti::new(Fd(socket.as_raw_fd()), GROUP).build()
        };
        self.push(entry.user_data(self.name_of(slot)));
    }

    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: receives use registered buffers only; a send's packet stays in `sends` until its
        // completion; descriptors stay open until the cancellation of `close` was submitted.
        if unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.backlog.push(entry);
        }
    }

    fn drain_backlog(&mut self) {
        let waiting = std::mem::take(&mut self.backlog);
        for entry in waiting {
            self.push(entry);
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry, on_packet: &mut dyn FnMut(usize, &[u8])) {
        let (name, result, flags) = (entry.user_data(), entry.result(), entry.flags());
        match name & KIND {
            SENT => {
                self.free.push((name & !KIND) as usize);
                self.unsent += u64::from(result < 0);
            }
            RECEIVED => {
                let slot = (name & 0xffff_ffff) as usize;
                let known = self.socket(slot).is_some() && self.name_of(slot) == name;
                if let Some(id) = cqueue::buffer_select(flags) {
                    if known && result >= 0 {
                        on_packet(slot, self.buffers.read(id, result as usize));
                    }
                    self.buffers.give(id);
                }
                // Out of buffers, or ECONNREFUSED: the receive ended and begins again.
                if known && !cqueue::more(flags) {
                    self.starved.insert(slot);
                }
            }
            _ => {}
        }
    }
}

impl Wire for Ring {
    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn open(&mut self, slot: usize, socket: UdpSocket) -> io::Result<()> {
        if slot >= SLOTS_MAX {
            return Err(io::Error::other(format!("more than {SLOTS_MAX} sockets")));
        }
        if self.sockets.len() <= slot {
            self.sockets.resize_with(slot + 1, || None);
            self.ages.resize(slot + 1, 0);
        }
        self.ages[slot] = self.ages[slot].wrapping_add(1);
        if self.fixed {
            self.ring.submitter().register_files_update(slot as u32, &[socket.as_raw_fd()])?;
        }
        self.sockets[slot] = Some(socket);
        self.receive(slot);
        Ok(())
    }

    fn socket(&self, slot: usize) -> Option<&UdpSocket> {
        self.sockets.get(slot)?.as_ref()
    }

    fn close(&mut self, slot: usize) {
        if self.socket(slot).is_none() {
            return;
        }
        let cancel = opcode::AsyncCancel::new(self.name_of(slot)).build().user_data(CANCELLED);
        self.push(cancel);
        // The cancellation must reach the kernel while the descriptor is still open.
        let _ = self.ring.submit();
        self.starved.remove(&slot);
        if self.fixed {
            // A place that cannot be emptied is filled by the next who opens it.
            let _ = self.ring.submitter().register_files_update(slot as u32, &[-1]);
        }
        self.sockets[slot] = None;
    }

    fn room(&self) -> usize {
        self.free.len()
    }

    fn send(&mut self, slot: usize, packet: &Packet, length: usize) {
        let Some(Some(socket)) = self.sockets.get(slot) else { return };
        let Some(place) = self.free.pop() else {
            self.unsent += 1;
            return;
        };
        let fd = Fd(socket.as_raw_fd());
        self.sends[place] = *packet;
        let (bytes, length) = (self.sends[place].as_ptr(), length as u32);
        let entry = if self.fixed {
            opcode::Send::new(Fixed(slot as u32), bytes, length).build()
        } else {
            opcode::Send::new(fd, bytes, length).build()
        };
        self.push(entry.user_data(SENT | place as u64));
    }

    fn turn(&mut self, wait: Duration, on_packet: &mut dyn FnMut(usize, &[u8])) -> io::Result<()> {
        for slot in std::mem::take(&mut self.starved) {
            self.receive(slot);
        }
        self.drain_backlog();
        let time = Timespec::new().sec(wait.as_secs()).nsec(wait.subsec_nanos());
        let arguments = SubmitArgs::new().timespec(&time);
        match self.ring.submitter().submit_with_args(WAIT_FOR, &arguments) {
            Ok(_) => {}
            Err(error) if is_expected(&error) => {}
            Err(error) => return Err(error),
        }
        let mut harvest = std::mem::take(&mut self.harvest);
        harvest.extend(self.ring.completion());
        for entry in harvest.drain(..) {
            self.complete(&entry, on_packet);
        }
        self.harvest = harvest;
        self.buffers.publish();
        Ok(())
    }

    fn unsent(&self) -> u64 {
        self.unsent
    }
}

/// The time is over, a signal came, or the completions must be read first.
fn is_expected(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY))
}
