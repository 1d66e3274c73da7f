//! Buffers that are with us and unused: of near ones and far ones the one used last on top.
//!
//! After a burst its buffers come back in any order, and those on top would lie scattered over all
//! pages of the burst for as long as the process lives. So the far ones are taken only when no near one
//! is left: a while later they are cold in one piece, and their pages can go.

/// Buffers below this number are near: what a turn of some 1,500 calls needs.
pub(super) const NEAR: u16 = 2_048;

/// The unused ones.
pub(super) struct Unused {
    near: Stack,
    far: Stack,
}

impl Unused {
    /// All of a pool of `count`, the lowest number on top.
    pub fn all(count: u16) -> Self {
        let edge = NEAR.min(count);
        Unused { near: Stack::of((0..edge).rev()), far: Stack::of((edge..count).rev()) }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.near.buffers.len() + self.far.buffers.len()
    }

    /// The next one to use.
    pub fn pop(&mut self) -> Option<u16> {
        self.near.pop().or_else(|| self.far.pop())
    }

    /// One more.
    pub fn push(&mut self, buffer: u16) {
        let stack = if buffer < NEAR { &mut self.near } else { &mut self.far };
        stack.buffers.push(buffer);
    }

    /// Those that are here.
    pub fn here(&self) -> Vec<u16> {
        [&self.near.buffers[..], &self.far.buffers[..]].concat()
    }

    /// The lowest on top, as in the beginning: what is used next lies together.
    pub fn put_in_order(&mut self) {
        for stack in [&mut self.near, &mut self.far] {
            stack.buffers.sort_unstable_by(|one, other| other.cmp(one));
        }
    }

    /// Those that nobody has taken since this was asked last.
    pub fn untouched(&mut self) -> Vec<u16> {
        [&mut self.near, &mut self.far].into_iter().flat_map(Stack::untouched).collect()
    }
}

struct Stack {
    buffers: Vec<u16>,
    /// How many there were at the lowest since the last look.
    least: usize,
}

impl Stack {
    fn of(buffers: impl Iterator<Item = u16>) -> Stack {
        let buffers: Vec<u16> = buffers.collect();
        Stack { least: buffers.len(), buffers }
    }

    fn pop(&mut self) -> Option<u16> {
        let buffer = self.buffers.pop();
        self.least = self.least.min(self.buffers.len());
        buffer
    }

    /// What is below the lowest mark has not moved.
    fn untouched(&mut self) -> Vec<u16> {
        let least = std::mem::replace(&mut self.least, self.buffers.len());
        self.buffers[..least.min(self.buffers.len())].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ones_are_taken_first_and_what_nobody_took_is_known() {
        let mut unused = Unused::all(4_096);
        let taken: Vec<u16> = (0..3_000).filter_map(|_| unused.pop()).collect();
        assert!(taken.iter().copied().eq(0..3_000), "the lowest first");
        // They come back in another order, far ones last.
        taken.iter().for_each(|&buffer| unused.push(buffer));
        let mut untouched = unused.untouched();
        untouched.sort_unstable();
        assert!(untouched.into_iter().eq(3_000..4_096));
        (0..100).for_each(|_| _ = unused.pop().map(|near| assert!(near < NEAR, "{near}")));
        let untouched = unused.untouched();
        assert_eq!(untouched.len(), 4_096 - 100);
        assert!((NEAR..4_096).all(|far| untouched.contains(&far)), "all far ones are cold");
    }

    #[test]
    fn a_small_pool_has_near_ones_alone() {
        let mut unused = Unused::all(64);
        assert_eq!((unused.len(), unused.untouched().len()), (64, 64));
        assert_eq!(std::iter::from_fn(|| unused.pop()).last(), Some(63));
        assert_eq!((unused.len(), unused.untouched().len()), (0, 0));
    }
}
