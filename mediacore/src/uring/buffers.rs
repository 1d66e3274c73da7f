//! The pool of receive buffers that the kernel fills: a ring-mapped group of provided buffers.
//!
//! Two mappings: the ring of entries that we share with the kernel, and the bytes. A buffer is
//! either with the kernel or with us; only buffers that a completion named are read here, and they
//! go back one by one.
//!
//! The kernel takes buffers in the order of the ring. If it held them all, every packet would be
//! copied into the memory that was used longest ago and is in no cache any more. So it holds only
//! about twice what one turn needs, and of those with us the one used last goes back first. A turn
//! that finds the kernel short doubles what it holds; a calm while brings it down again. What a long
//! while did not come down to gives its pages back to the system. Once no call is here all of them do:
//! what the kernel holds is taken back before, and it is lent the lowest ones anew.

mod cold;
mod unused;

use crate::shard::ahead::fetch_at;
use cold::Cold;
use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use unused::Unused;

/// Bytes that the kernel fills at most: its result, a name, and a datagram as long as an Ethernet
/// carries. The greeting of a browser's handshake is. A longer one is cut and then malformed.
pub const RECEIVE_BYTES: usize = 1_568;
/// Bytes of a buffer: those, and room behind them for the tag of an encrypted party.
pub const BUFFER_BYTES: usize = 1_600;
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

    /// Gives whole pages back to the system; whoever touches them again finds zeros.
    fn give_up(&self, bytes: Range<usize>) {
        let end = bytes.end.min(self.len);
        assert!(bytes.start < end, "inside the mapping");
        // SAFETY: a part of our own anonymous mapping, at the beginning of a page; nobody holds a
        // slice of it, as its buffers are unused. Where the system refuses, the pages stay.
        unsafe {
            let start = self.start.as_ptr().add(bytes.start);
            libc::madvise(start.cast(), end - bytes.start, libc::MADV_DONTNEED);
        }
    }
}

fn page_bytes() -> usize {
    // SAFETY: asks for a number.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4_096)
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that `new` made; its owner is dropped after the ring.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Buffers with the kernel at least, where the pool has so many.
const LEVEL_MIN: u16 = 512;
/// Turns after which the level follows a smaller need.
const CALM_TURNS: u32 = 512;
/// Turns after which pages that nobody used are given up: four seconds where a turn is 2 ms.
const COLD_TURNS: u32 = 2_048;

/// The pool.
pub struct Pool {
    entries: Pages,
    bytes: Pages,
    count: u16,
    /// Ours; the kernel sees it when it is published.
    tail: u16,
    /// With us and unused.
    free: Unused,
    /// In the ring: given to the kernel and not named by a completion yet.
    lent: u16,
    /// How many the kernel shall hold after a turn.
    level: u16,
    /// The most that one turn took since the calm began, and how long that is.
    taken_max: u16,
    calm: u32,
    /// Taken in this turn.
    taken: u16,
    /// Turns since the last look for cold ones.
    turns: u32,
    cold: Cold,
}

impl Pool {
    /// A pool of `count` buffers, a power of two. The kernel has the first of them once it is
    /// registered.
    pub fn new(count: u16) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the ring of {count} buffers is indexed by a mask");
        let entries = Pages::new(usize::from(count) * size_of::<BufRingEntry>())?;
        let bytes = Pages::new(usize::from(count) * BUFFER_BYTES)?;
        let mut pool = Pool {
            entries,
            bytes,
            count,
            tail: 0,
            free: Unused::all(count),
            lent: 0,
            level: LEVEL_MIN.min(count),
            taken_max: 0,
            calm: 0,
            taken: 0,
            turns: 0,
            cold: Cold::new(count, page_bytes()),
        };
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

    /// The packet in a buffer is looked at soon: asks for its beginning. Without names it lies there.
    pub fn expect(&self, buffer: u16) {
        fetch_at(self.start(buffer).as_ptr());
    }

    /// Where a part of a buffer begins.
    pub fn part(&self, buffer: u16, at: usize, len: usize) -> NonNull<u8> {
        assert!(at + len <= BUFFER_BYTES, "a packet lies inside its buffer");
        // SAFETY: `at` is inside the buffer, as was just checked.
        unsafe { self.start(buffer).add(at) }
    }

    /// A completion named a buffer: the kernel has one less.
    pub fn take(&mut self) {
        self.lent = self.lent.saturating_sub(1);
        self.taken = self.taken.saturating_add(1);
    }

    /// A buffer is not used any more.
    pub fn give_back(&mut self, buffer: u16) {
        debug_assert!(self.free.len() < usize::from(self.count), "each buffer comes back once");
        self.free.push(buffer);
    }

    /// How many are neither with the kernel nor unused.
    pub fn out(&self) -> u64 {
        let known = self.free.len() + usize::from(self.lent);
        usize::from(self.count).saturating_sub(known) as u64
    }

    /// The kernel ended a receive for want of buffers.
    pub fn ran_short(&mut self) {
        self.level = self.level.saturating_mul(2).min(self.count);
    }

    /// A turn is over: what it took says how many the kernel will need.
    pub fn turned(&mut self) {
        self.taken_max = self.taken_max.max(std::mem::take(&mut self.taken));
        self.calm += 1;
        let needed = self.needed();
        if needed > self.level || self.calm >= CALM_TURNS {
            self.level = needed;
            (self.taken_max, self.calm) = (0, 0);
        }
        self.turns += 1;
        if self.turns >= COLD_TURNS {
            self.give_up_cold();
        }
    }

    fn give_up_cold(&mut self) {
        for range in self.cold.look(&self.free.untouched()) {
            self.bytes.give_up(range);
        }
        self.turns = 0;
    }

    /// No call is here: the kernel will need few, and no page holds anything. Where `is_kernel_still`
    /// (it has told of every buffer that it filled and fills none until it is entered again) what it
    /// holds is taken back too.
    pub fn rest(&mut self, is_kernel_still: bool) {
        self.level = LEVEL_MIN.min(self.count);
        (self.taken_max, self.calm) = (0, 0);
        // Notes what was touched since the last look, too.
        self.give_up_cold();
        if is_kernel_still {
            self.take_back();
        }
        let unused = self.free.here();
        loop {
            let cold = self.cold.look(&unused);
            if cold.is_empty() {
                break;
            }
            cold.into_iter().for_each(|range| self.bytes.give_up(range));
        }
        self.publish();
    }

    /// Ends the ring where the kernel will read on. It sees so when it is published with what is lent
    /// anew: a tail before that would, for a moment, say that it holds nothing.
    fn take_back(&mut self) {
        for back in 1..=self.lent {
            let place = usize::from(self.tail.wrapping_sub(back) & (self.count - 1));
            // SAFETY: inside the mapping of `count` entries. The kernel only reads them.
            let entry = unsafe { &*self.entries.start.cast::<BufRingEntry>().add(place).as_ptr() };
            self.free.push(entry.bid());
        }
        self.tail = self.tail.wrapping_sub(std::mem::take(&mut self.lent));
        self.free.put_in_order();
    }

    /// Twice the most that a turn took.
    fn needed(&self) -> u16 {
        self.taken_max.saturating_mul(2).clamp(LEVEL_MIN.min(self.count), self.count)
    }

    /// Puts a buffer at the end of the ring; the kernel sees it with the tail.
    fn lend(&mut self, buffer: u16) {
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
        self.lent += 1;
    }

    /// Fills the ring up to the level, the buffers used last first, and shows it to the kernel.
    pub fn publish(&mut self) {
        while self.lent < self.level
            && let Some(buffer) = self.free.pop()
        {
            self.lend(buffer);
        }
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

    /// The buffers that the kernel would take next, by their entries.
    fn lent(pool: &Pool, places: std::ops::Range<u16>) -> Vec<u16> {
        let base = pool.entries.start.cast::<BufRingEntry>().as_ptr();
        // SAFETY: the pool's own ring; places are masked as in `lend`.
        let bid = |place: u16| unsafe { (*base.add(usize::from(place & (pool.count - 1)))).bid() };
        places.map(bid).collect()
    }

    fn shown_tail(pool: &Pool) -> u16 {
        let base = pool.entries.start.cast::<BufRingEntry>().as_ptr();
        // SAFETY: the pool's own ring.
        unsafe { *BufRingEntry::tail(base) }
    }

    #[test]
    fn buffers_lie_apart_and_the_tail_follows() {
        let mut pool = Pool::new(64).unwrap();
        assert_eq!((pool.tail, shown_tail(&pool)), (64, 64));
        for buffer in 0..64 {
            // SAFETY: the pool is not registered, so all buffers are ours; one slice at a time.
            unsafe { pool.filled(buffer) }.fill(buffer as u8);
        }
        for buffer in 0..64 {
            // SAFETY: as above.
            let bytes = unsafe { pool.filled(buffer) };
            assert!(bytes.iter().all(|&byte| byte == buffer as u8));
        }
        pool.take();
        pool.give_back(0);
        pool.publish();
        assert_eq!((lent(&pool, 64..65), shown_tail(&pool)), (vec![0], 65));
    }

    #[test]
    fn the_buffer_used_last_is_used_again_first() {
        let mut pool = Pool::new(4_096).unwrap();
        assert_eq!(pool.lent, LEVEL_MIN);
        for buffer in [0, 1, 2] {
            pool.take();
            pool.give_back(buffer);
        }
        pool.publish();
        assert_eq!(lent(&pool, LEVEL_MIN..LEVEL_MIN + 3), [2, 1, 0]);
        assert_eq!(pool.free.len(), usize::from(4_096 - LEVEL_MIN), "the rest stays cold");
    }

    #[test]
    fn what_is_filled_and_not_given_back_is_out() {
        let mut pool = Pool::new(4_096).unwrap();
        assert_eq!(pool.out(), 0);
        (0..3).for_each(|_| pool.take());
        assert_eq!(pool.out(), 3);
        pool.give_back(1);
        assert_eq!(pool.out(), 2);
        pool.publish();
        assert_eq!(pool.out(), 2, "what is lent again is not in use");
    }

    #[test]
    fn a_burst_raises_what_the_kernel_holds_and_a_calm_while_lowers_it() {
        let mut pool = Pool::new(4_096).unwrap();
        (0..LEVEL_MIN).for_each(|_| pool.take());
        pool.turned();
        (0..LEVEL_MIN).for_each(|buffer| pool.give_back(buffer));
        pool.publish();
        assert_eq!(pool.lent, 2 * LEVEL_MIN);
        pool.ran_short();
        pool.publish();
        assert_eq!(pool.lent, 4 * LEVEL_MIN);
        (0..4).for_each(|_| pool.ran_short());
        pool.publish();
        assert_eq!(pool.lent, 4_096, "never more than there are");
        assert_eq!(pool.free.len(), 0);
        (0..CALM_TURNS).for_each(|_| pool.turned());
        assert_eq!(pool.level, LEVEL_MIN);
    }

    /// Pages of the pool's bytes that are in memory.
    fn resident(pool: &Pool) -> usize {
        let mut pages = vec![0_u8; pool.bytes.len.div_ceil(page_bytes())];
        let start = pool.bytes.start.as_ptr().cast();
        // SAFETY: the pool's own mapping, and a byte for each of its pages.
        let asked = unsafe { libc::mincore(start, pool.bytes.len, pages.as_mut_ptr()) };
        assert_eq!(asked, 0, "{}", io::Error::last_os_error());
        pages.iter().filter(|page| *page & 1 == 1).count()
    }

    #[test]
    fn a_pool_at_rest_keeps_what_the_kernel_holds_and_what_is_in_use() {
        let mut pool = Pool::new(16_384).unwrap();
        (0..6).for_each(|_| pool.ran_short());
        pool.publish();
        for buffer in 0..16_384 {
            pool.take();
            // SAFETY: the pool is not registered, so all buffers are ours; one slice at a time.
            unsafe { pool.filled(buffer) }.fill(7);
        }
        (0..CALM_TURNS * 2).for_each(|_| pool.turned());
        (10..16_384).for_each(|buffer| pool.give_back(buffer));
        pool.rest(false);
        assert_eq!(pool.lent, LEVEL_MIN);
        let most = 12 * BUFFER_BYTES / page_bytes() + 2;
        assert!(resident(&pool) <= most, "{} pages, {most}", resident(&pool));
        for buffer in 0..10 {
            // SAFETY: as above.
            assert!(unsafe { pool.filled(buffer) }.iter().all(|&byte| byte == 7), "{buffer}");
        }
    }

    #[test]
    fn a_pool_at_rest_takes_back_what_the_kernel_holds_and_lends_the_lowest_anew() {
        let mut pool = Pool::new(16_384).unwrap();
        (0..6).for_each(|_| pool.ran_short());
        pool.publish();
        for buffer in 0..16_384 {
            // SAFETY: the pool is not registered, so all buffers are ours; one slice at a time.
            unsafe { pool.filled(buffer) }.fill(7);
        }
        // The kernel filled some; two of them are still in use, and the others came back in disorder.
        (0..1_000).for_each(|_| pool.take());
        (2..1_000).rev().for_each(|buffer| pool.give_back(buffer));
        let filled = 1_000;
        assert_eq!((pool.lent, pool.tail), (15_384, 16_384));
        pool.rest(true);
        assert_eq!((pool.lent, pool.out()), (LEVEL_MIN, 2));
        assert_eq!(shown_tail(&pool), filled + LEVEL_MIN, "it reads on where it was");
        assert!(lent(&pool, filled..filled + LEVEL_MIN).into_iter().eq(2..LEVEL_MIN + 2));
        let most = 2 * BUFFER_BYTES / page_bytes() + 2;
        assert!(resident(&pool) <= most, "{} pages, {most}", resident(&pool));
        for buffer in 0..2 {
            // SAFETY: as above.
            assert!(unsafe { pool.filled(buffer) }.iter().all(|&byte| byte == 7), "{buffer}");
        }
        let mut all: Vec<u16> = std::iter::from_fn(|| pool.free.pop()).collect();
        all.extend(lent(&pool, filled..filled + LEVEL_MIN));
        all.sort_unstable();
        assert!(all.into_iter().eq(2..16_384), "each is there once");
    }

    #[test]
    fn memory_of_a_burst_goes_back_after_a_long_while_and_what_is_in_use_keeps_its_bytes() {
        let mut pool = Pool::new(4_096).unwrap();
        let at_rest = resident(&pool);
        (0..3).for_each(|_| pool.ran_short());
        pool.publish();
        assert_eq!(pool.lent, 4_096);
        for buffer in 0..4_096 {
            pool.take();
            // SAFETY: the pool is not registered, so all buffers are ours; one slice at a time.
            unsafe { pool.filled(buffer) }.fill(7);
        }
        // The first hundred stay in use; the others come back when the kernel needs few.
        (0..2 * CALM_TURNS).for_each(|_| pool.turned());
        (100..4_096).for_each(|buffer| pool.give_back(buffer));
        let in_burst = resident(&pool);
        assert_eq!(in_burst - at_rest, 4_096 * BUFFER_BYTES / page_bytes());
        for _ in 0..3 * COLD_TURNS {
            pool.turned();
            pool.publish();
        }
        let held = usize::from(LEVEL_MIN) + 100;
        let most = at_rest + held * BUFFER_BYTES / page_bytes() + 2;
        assert!(resident(&pool) <= most, "{} of {in_burst} pages, {most}", resident(&pool));
        for buffer in 0..100 {
            // SAFETY: as above.
            assert!(unsafe { pool.filled(buffer) }.iter().all(|&byte| byte == 7), "{buffer}");
        }
    }
}
