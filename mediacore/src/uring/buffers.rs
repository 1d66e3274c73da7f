//! The pool of receive buffers that the kernel fills: a ring-mapped group of provided buffers.
//!
//! Two mappings: the ring of entries that we share with the kernel, and the bytes. A buffer is
//! either with the kernel or with us; only buffers that a completion named are read here, and they
//! go back one by one.

use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

/// Bytes that the kernel fills at most: its result, a name, and 60 ms of G.711 with room for
/// extensions, or 20 ms of L16 and a tag. A longer datagram is cut and then malformed.
pub const RECEIVE_BYTES: usize = 736;
/// Bytes of a buffer: those, and room behind them for the tag of an encrypted party.
pub const BUFFER_BYTES: usize = 768;
const _: () = assert!(BUFFER_BYTES - RECEIVE_BYTES >= crate::srtp::ROOM_BYTES);

/// Pages from the kernel.
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

impl Pages {
    fn new(len: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("a mapping is never at address zero");
        Ok(Pages { start, len })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that `new` made; its owner is dropped after the ring.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The pool.
pub struct Pool {
    entries: Pages,
    bytes: Pages,
    count: u16,
    /// Ours; the kernel sees it when it is published.
    tail: u16,
}

impl Pool {
    /// A pool of `count` buffers, a power of two, all with the kernel once it is registered.
    pub fn new(count: u16) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the ring of {count} buffers is indexed by a mask");
        let entries = Pages::new(usize::from(count) * size_of::<BufRingEntry>())?;
        let bytes = Pages::new(usize::from(count) * BUFFER_BYTES)?;
        let mut pool = Pool { entries, bytes, count, tail: 0 };
        (0..count).for_each(|buffer| pool.give_back(buffer));
        pool.publish();
        Ok(pool)
    }

    /// Makes the pool known to a ring, which must be dropped before it.
    pub fn register(&self, submitter: &Submitter<'_>, group: u16) -> io::Result<()> {
        let address = self.entries.start.as_ptr() as u64;
        // SAFETY: the entries are page-aligned, `count` of them, and both mappings outlive the
        // ring, whose owner drops it first.
        unsafe { submitter.register_buf_ring_with_flags(address, self.count, group, 0) }
    }

    /// The bytes of a buffer.
    ///
    /// # Safety
    /// A completion named the buffer and it was not given back since, no other slice of it lives,
    /// and this one is dropped before the buffer is given back and before the pool is dropped.
    pub unsafe fn filled<'a>(&self, buffer: u16) -> &'a mut [u8] {
        let start = self.start(buffer);
        // SAFETY: inside the mapping and initialised (anonymous pages are zeros); by the caller's
        // promise neither the kernel nor anybody here touches these bytes while the slice lives.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), BUFFER_BYTES) }
    }

    /// Where a buffer begins.
    pub fn start(&self, buffer: u16) -> NonNull<u8> {
        assert!(buffer < self.count, "the kernel names only our buffers");
        // SAFETY: inside the mapping, as was just checked.
        unsafe { self.bytes.start.add(usize::from(buffer) * BUFFER_BYTES) }
    }

    /// Where a part of a buffer begins.
    pub fn part(&self, buffer: u16, at: usize, len: usize) -> NonNull<u8> {
        assert!(at + len <= BUFFER_BYTES, "a packet lies inside its buffer");
        // SAFETY: `at` is inside the buffer, as was just checked.
        unsafe { self.start(buffer).add(at) }
    }

    /// Puts a buffer at the end of the ring; the kernel has it after [`Pool::publish`].
    pub fn give_back(&mut self, buffer: u16) {
        let address = self.start(buffer).as_ptr() as u64;
        let place = usize::from(self.tail & (self.count - 1));
        // SAFETY: `place` is inside the mapping of `count` entries. The kernel reads entries only
        // up to the published tail, so this one is ours; setting the fields one by one leaves the
        // tail, which lies in the unused part of entry zero, as it is.
        let entry = unsafe { &mut *self.entries.start.cast::<BufRingEntry>().add(place).as_ptr() };
        entry.set_addr(address);
        entry.set_len(RECEIVE_BYTES as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel everything that was given back.
    pub fn publish(&mut self) {
        let base = self.entries.start.cast::<BufRingEntry>().as_ptr();
        // SAFETY: `base` is the first entry of the ring; its tail is an aligned u16 that only this
        // thread writes. The release store orders the entries before it.
        unsafe {
            let tail = BufRingEntry::tail(base).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_lie_apart_and_the_tail_follows() {
        let mut pool = Pool::new(64).unwrap();
        assert_eq!(pool.tail, 64);
        for buffer in 0..64 {
            // SAFETY: the pool is not registered, so all buffers are ours; one slice at a time.
            unsafe { pool.filled(buffer) }.fill(buffer as u8);
        }
        for buffer in 0..64 {
            // SAFETY: as above.
            let bytes = unsafe { pool.filled(buffer) };
            assert!(bytes.iter().all(|&byte| byte == buffer as u8));
        }
        pool.give_back(7);
        pool.publish();
        let base = pool.entries.start.cast::<BufRingEntry>().as_ptr();
        // SAFETY: the pool's own ring of 64 entries.
        let (bid, tail) = unsafe { ((*base).bid(), *BufRingEntry::tail(base)) };
        assert_eq!((bid, tail), (7, 65));
    }
}
