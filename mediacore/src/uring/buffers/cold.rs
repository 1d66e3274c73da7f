//! Which buffers nobody has used for a while, and the pages that hold only such: a burst touches pages
//! that are not needed again until the next one, and a process that kept them would look like one
//! that leaks.

use super::BUFFER_BYTES;
use std::ops::Range;

/// Ranges of pages that one look gives up: each is a system call of the thread that relays packets.
const RANGES_MAX: usize = 64;
/// Bytes that one look gives up, but for the last page: some half a millisecond of that thread.
const BYTES_MAX: usize = 8 << 20;

/// Buffers whose memory is with the system.
pub(super) struct Cold {
    /// By buffer: its pages were never touched, or given up since.
    is_away: Vec<bool>,
    page_bytes: usize,
}

impl Cold {
    /// A pool of `count` buffers that nobody has touched yet.
    pub fn new(count: u16, page_bytes: usize) -> Self {
        Cold { is_away: vec![true; usize::from(count)], page_bytes }
    }

    /// Looks at the pool after a while in which exactly the buffers `unused` were not touched. Gives
    /// ranges of bytes, whole pages each, that hold unused buffers alone and may be given up now.
    pub fn look(&mut self, unused: &[u16]) -> Vec<Range<usize>> {
        let mut is_unused = vec![false; self.is_away.len()];
        for &buffer in unused {
            is_unused[usize::from(buffer)] = true;
        }
        for (away, unused) in self.is_away.iter_mut().zip(&is_unused) {
            *away &= *unused;
        }
        let (mut ranges, mut given): (Vec<Range<usize>>, usize) = (Vec::new(), 0);
        let pages = (self.is_away.len() * BUFFER_BYTES).div_ceil(self.page_bytes);
        for page in 0..pages {
            let bytes = page * self.page_bytes..(page + 1) * self.page_bytes;
            let on_it = self.buffers_on(&bytes);
            let is_wanted = is_unused[on_it.clone()].iter().all(|unused| *unused)
                && self.is_away[on_it].iter().any(|away| !away);
            if !is_wanted {
                continue;
            }
            if given >= BYTES_MAX {
                break;
            }
            given += bytes.len();
            let before = ranges.len();
            match ranges.last_mut() {
                Some(last) if last.end == bytes.start => last.end = bytes.end,
                _ if before == RANGES_MAX => break,
                _ => ranges.push(bytes),
            }
        }
        for range in &ranges {
            let on_them = self.buffers_on(range);
            self.is_away[on_them].fill(true);
        }
        ranges
    }

    /// Buffers of which some part lies there.
    fn buffers_on(&self, bytes: &Range<usize>) -> Range<usize> {
        bytes.start / BUFFER_BYTES..bytes.end.div_ceil(BUFFER_BYTES).min(self.is_away.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 pages.
    fn pool() -> Cold {
        Cold::new(64, 4_096)
    }

    fn all_but(used: Range<u16>) -> Vec<u16> {
        (0..64).filter(|buffer| !used.contains(buffer)).collect()
    }

    #[test]
    fn what_was_never_touched_has_nothing_to_give_up() {
        assert_eq!(pool().look(&all_but(0..0)), []);
    }

    #[test]
    fn pages_of_a_burst_are_given_up_once_and_again_after_the_next_one() {
        let mut cold = pool();
        for _ in 0..2 {
            assert_eq!(cold.look(&all_but(0..30)), [], "they were used");
            // Buffers 10 to 29 lie on 16,000 to 48,000; page 3 begins with the end of buffer 7.
            let given: Vec<_> = std::iter::once(4 * 4_096..12 * 4_096).collect();
            assert_eq!(cold.look(&all_but(0..10)), given);
            assert_eq!(cold.look(&all_but(0..10)), [], "they are away");
        }
    }

    #[test]
    fn a_page_with_one_buffer_in_use_stays() {
        let mut cold = pool();
        cold.look(&[]);
        let ranges = cold.look(&all_but(20..21));
        let used = 20 * BUFFER_BYTES..21 * BUFFER_BYTES;
        assert!(ranges.iter().all(|range| range.end <= used.start || used.end <= range.start));
        let given: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        assert_eq!(given, (25 - 2) * 4_096, "it lies on two pages: {ranges:?}");
    }

    #[test]
    fn one_look_gives_up_so_many_bytes_and_the_next_one_goes_on() {
        let mut cold = Cold::new(16_384, 4_096);
        cold.look(&[]);
        let all: Vec<u16> = (0..16_384).collect();
        let looks: Vec<usize> =
            (0..5).map(|_| cold.look(&all).iter().map(ExactSizeIterator::len).sum()).collect();
        assert_eq!(
            looks,
            [BYTES_MAX, BYTES_MAX, BYTES_MAX, 16_384 * BUFFER_BYTES - 3 * BYTES_MAX, 0]
        );
    }

    #[test]
    fn one_look_gives_up_so_many_ranges_and_the_next_one_goes_on() {
        let mut cold = Cold::new(4_096, 4_096);
        cold.look(&[]);
        let all_but_every_eighth: Vec<u16> = (0..4_096).filter(|buffer| buffer % 8 != 0).collect();
        let first = cold.look(&all_but_every_eighth);
        assert_eq!(first.len(), RANGES_MAX);
        let second = cold.look(&all_but_every_eighth);
        assert!(!second.is_empty());
        assert!(second.iter().all(|range| range.start >= first[RANGES_MAX - 1].end), "{second:?}");
    }
}
