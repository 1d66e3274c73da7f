//! Where a source stands: its roll-over counter and what of it came, RFC 3711 §3.3.1 and §3.3.2.

use terms::media::Ssrc;

/// Packets behind the newest that may still come, once each.
const WINDOW: u64 = 128;
/// Sources of one key that are remembered; the one that was silent longest is forgotten for
/// another.
const SOURCES_MAX: usize = 16;

/// One source under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    ssrc: Ssrc,
    /// The highest index that was authentic: roll-over counter and sequence number.
    newest: u64,
    /// Bit n: the packet n before the newest came.
    seen: u128,
}

impl Source {
    /// A source whose first packet was this one.
    pub fn new(ssrc: Ssrc, index: u64) -> Self {
        Source { ssrc, newest: index, seen: 1 }
    }

    /// A source of which this packet came last and more is not known: none before it comes again.
    pub fn resumed(ssrc: Ssrc, index: u64) -> Self {
        Source { ssrc, newest: index, seen: u128::MAX }
    }

    /// The index that a sequence number most likely means: the one nearest to the newest. `None`
    /// before the first and after the last.
    pub fn index_of(&self, seq: u16) -> Option<u64> {
        let step = i64::from(seq.wrapping_sub(self.newest as u16) as i16);
        self.newest.checked_add_signed(step).filter(|&index| index < 1 << 48)
    }

    /// Whether nothing came under this index, and it is not too old to know.
    pub fn is_new(&self, index: u64) -> bool {
        match self.newest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.seen & 1 << behind == 0,
        }
    }

    /// A packet of this index was authentic.
    pub fn note(&mut self, index: u64) {
        match index.checked_sub(self.newest) {
            Some(ahead) if ahead > 0 => {
                self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
                self.newest = index;
            }
            _ => {
                let behind = self.newest - index;
                if behind < WINDOW {
                    self.seen |= 1 << behind;
                }
            }
        }
    }

    fn roll_over(&self) -> u32 {
        (self.newest >> 16) as u32
    }
}

/// All sources of one key, the one that spoke last first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    known: Vec<Source>,
}

impl Sources {
    /// A source by name; it counts as having spoken.
    pub fn get(&mut self, ssrc: Ssrc) -> Option<&mut Source> {
        let place = self.known.iter().position(|source| source.ssrc == ssrc)?;
        self.known[..=place].rotate_right(1);
        self.known.first_mut()
    }

    /// A source that was not known.
    pub fn put(&mut self, source: Source) {
        self.known.truncate(SOURCES_MAX - 1);
        self.known.insert(0, source);
    }

    /// The source that spoke last and its newest index.
    pub fn newest(&self) -> Option<(Ssrc, u64)> {
        self.known.first().map(|source| (source.ssrc, source.newest))
    }

    /// The roll-over counter of the source that spoke last.
    pub fn newest_roll_over(&self) -> u32 {
        self.known.first().map_or(0, Source::roll_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711, appendix A, word for word in the cases of its two branches.
    fn by_the_book(newest: u64, seq: u16) -> Option<u64> {
        let (roll_over, last) = (i64::try_from(newest >> 16).unwrap(), (newest & 0xFFFF) as i64);
        let seq = i64::from(seq);
        let guess = if last < 32_768 {
            if seq - last > 32_768 { roll_over - 1 } else { roll_over }
        } else if last - 32_768 > seq {
            roll_over + 1
        } else {
            roll_over
        };
        u64::try_from(guess * 65_536 + seq).ok()
    }

    #[test]
    fn the_index_is_estimated_as_in_appendix_a() {
        for newest in [0, 1, 100, 32_767, 32_768, 65_535, 65_536, 98_304, 131_071, 3 << 16 | 7] {
            for seq in (0..=65_535_u16).step_by(127).chain([65_535, 32_767, 32_768]) {
                // At exactly half the circle both neighbours are equally near.
                if seq.wrapping_sub(newest as u16) != 32_768 {
                    let index = Source::new(Ssrc(1), newest).index_of(seq);
                    assert_eq!(index, by_the_book(newest, seq), "{newest} and {seq}");
                }
            }
        }
    }

    #[test]
    fn each_index_passes_once_and_none_that_is_older_than_the_window() {
        let mut source = Source::new(Ssrc(1), 65_530);
        for index in 65_531..65_700 {
            assert!(source.is_new(index), "{index}");
            source.note(index);
            assert!(!source.is_new(index), "{index}");
        }
        source.note(66_000);
        let (first, last) = (66_000 - (WINDOW - 1), 65_999);
        assert!(source.is_new(first) && source.is_new(last));
        source.note(first);
        assert!(!source.is_new(first) && !source.is_new(first - 1));
        source.note(70_000);
        assert!(!source.is_new(66_000) && source.is_new(69_999));
    }

    #[test]
    fn the_source_that_was_silent_longest_is_forgotten_first() {
        let mut sources = Sources::default();
        for ssrc in 0..SOURCES_MAX as u32 {
            sources.put(Source::new(Ssrc(ssrc), 5 << 16));
        }
        assert!(sources.get(Ssrc(0)).is_some(), "it speaks again");
        sources.put(Source::new(Ssrc(99), 7 << 16));
        assert_eq!(sources.newest_roll_over(), 7);
        assert!(sources.get(Ssrc(1)).is_none() && sources.get(Ssrc(0)).is_some());
        assert_eq!(sources.newest_roll_over(), 5);
    }
}
