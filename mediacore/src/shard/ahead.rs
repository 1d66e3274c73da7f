//! Memory that a packet will need, asked for while the packets before it are worked off.
//!
//! Thousands of legs do not fit into a core's own cache: between two packets of a leg, 20 ms apart,
//! everybody else's went through it. What a turn has to do is known when it begins, so the loop
//! names each packet's leg a few packets early, and what that leg points to a little later. Nothing
//! here changes anything; a processor without such an instruction does nothing.

use super::Shard;
use crate::leg::{LegIdx, Route};

/// How many packets early [`Shard::expect_leg`] is worth calling.
pub const LEG_AHEAD: usize = 12;
/// How many packets early [`Shard::expect_tracks`] is worth calling.
pub const TRACKS_AHEAD: usize = 6;
/// How many packets early [`Shard::expect_way`] is worth calling: what it reads has come by then.
pub const WAY_AHEAD: usize = 4;
/// The same for [`Shard::expect_chunk`].
pub const CHUNK_AHEAD: usize = 2;

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Asks for the cache line of a place.
pub fn fetch<T: ?Sized>(place: &T) {
    fetch_at(std::ptr::from_ref(place).cast());
}

/// Asks for every cache line of a place.
pub fn fetch_whole<T>(place: &T) {
    let start = std::ptr::from_ref(place).cast::<u8>();
    let last = size_of::<T>().saturating_sub(1);
    for at in (0..last).step_by(LINE) {
        fetch_at(start.wrapping_add(at));
    }
    fetch_at(start.wrapping_add(last));
}

/// Asks for the cache line of an address, whatever is there.
pub fn fetch_at(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch changes nothing that a program can see, and never faults, not even at
        // an address that is not mapped.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

impl Shard {
    /// A packet of this leg comes soon.
    pub fn expect_leg(&self, idx: LegIdx) {
        let Some(leg) = self.leg(idx) else { return };
        leg.expect();
        fetch_whole(&leg.receive);
    }

    /// A packet of this leg comes rather soon: the list of the tracks it is recorded on.
    pub fn expect_tracks(&self, idx: LegIdx) {
        let Some(leg) = self.leg(idx) else { return };
        fetch_at(leg.tracks.as_ptr().cast());
    }

    /// A packet of this leg comes sooner: the party who hears it, and the tracks it is recorded on.
    pub fn expect_way(&self, idx: LegIdx) {
        let Some(leg) = self.leg(idx) else { return };
        for &(_, track) in &leg.tracks {
            self.recorder.expect_track(track);
        }
        let Route::Relay(to) = leg.route else { return };
        if let Some(to) = self.leg(to) {
            to.expect();
            fetch_whole(&to.stream);
            fetch_whole(&to.sender);
            fetch_whole(&to.keypad);
            fetch(&to.player);
        }
        self.slots.expect(to.index());
    }

    /// The frame of a member of a room is taken soon.
    pub(super) fn expect_voice(&self, members: &[LegIdx], at: usize) {
        if let Some(leg) = members.get(at + WAY_AHEAD).and_then(|&idx| self.leg(idx)) {
            fetch(&leg.digits_to);
            fetch(&leg.held);
            if let Some(jitter) = &leg.jitter {
                jitter.expect();
            }
        }
        let sooner = members.get(at + CHUNK_AHEAD).and_then(|&idx| self.leg(idx));
        if let Some(jitter) = sooner.and_then(|leg| leg.jitter.as_ref()) {
            jitter.expect_frame();
        }
    }

    /// A member of a room is sent its frame soon.
    pub(super) fn expect_listener(&self, members: &[LegIdx], at: usize) {
        let Some(leg) = members.get(at + WAY_AHEAD).and_then(|&idx| self.leg(idx)) else { return };
        fetch(&leg.id);
        fetch(&leg.agreed);
        fetch(&leg.latch);
        fetch(&leg.srtp);
        fetch(&leg.sender);
        fetch(&leg.keypad);
        fetch(&leg.stream);
        fetch(&leg.player);
        fetch(&leg.hears_mix);
        fetch(&leg.outlet);
    }

    /// A packet of this leg is the next but one: where its payload will be copied to.
    pub fn expect_chunk(&self, idx: LegIdx) {
        let Some(leg) = self.leg(idx) else { return };
        for &(_, track) in &leg.tracks {
            self.recorder.expect_chunk(track);
        }
    }
}
