//! The lite half of ICE for one leg, RFC 8445 §7.3: a check that is signed with our password opens
//! its way, the way that is nominated carries the audio. Until one is, the last that was opened
//! does.

use crate::latch::canonical;
use std::net::SocketAddr;
use terms::media;

/// Ways of a leg that are open at a time; the oldest that is not nominated is closed for another.
pub const WAYS_MAX: usize = 4;

/// What a check has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// A way was closed for this one.
    pub closed: Option<SocketAddr>,
    /// Audio goes this way from now on.
    pub carries: bool,
}

/// The ways of one leg.
#[derive(Clone, Debug)]
pub struct Ways {
    /// What was agreed.
    pub agreed: media::Ice,
    open: Vec<SocketAddr>,
    nominated: Option<SocketAddr>,
}

impl Ways {
    /// No way is open.
    pub fn new(agreed: media::Ice) -> Self {
        Ways { agreed, open: Vec::new(), nominated: None }
    }

    /// Those that are open.
    pub fn open(&self) -> &[SocketAddr] {
        &self.open
    }

    /// What was agreed anew; ways stay open until the new checks have come (RFC 8445 §2.4).
    pub fn agree(&mut self, agreed: media::Ice) {
        if self.agreed != agreed {
            self.nominated = None;
        }
        self.agreed = agreed;
    }

    /// A signed check came from here.
    pub fn on_check(&mut self, from: SocketAddr, nominates: bool) -> Opened {
        let from = canonical(from);
        let mut closed = None;
        let is_new = !self.open.contains(&from);
        if is_new {
            if self.open.len() >= WAYS_MAX {
                let old = self.open.iter().position(|way| Some(*way) != self.nominated);
                closed = old.map(|old| self.open.remove(old));
            }
            self.open.push(from);
        }
        let carries = if nominates {
            self.nominated.replace(from) != Some(from)
        } else {
            is_new && self.nominated.is_none()
        };
        Opened { closed, carries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(n: u8) -> SocketAddr {
        ([198, 51, 100, n], 5_000).into()
    }

    fn ways() -> Ways {
        let agreed = media::Ice { ufrag: "a".into(), pwd: "b".into(), peer_ufrag: "c".into() };
        Ways::new(agreed)
    }

    #[test]
    fn the_last_way_carries_until_one_is_nominated() {
        let mut ways = ways();
        let carries = |ways: &mut Ways, n, nominates| ways.on_check(way(n), nominates).carries;
        assert!(carries(&mut ways, 1, false) && carries(&mut ways, 2, false));
        assert!(!carries(&mut ways, 1, false), "a check again is a sign of life");
        assert!(carries(&mut ways, 1, true) && !carries(&mut ways, 1, true));
        assert!(!carries(&mut ways, 3, false), "another way is only open");
        assert!(carries(&mut ways, 3, true), "until it is nominated");
    }

    #[test]
    fn as_many_ways_are_open_as_there_is_room_for_and_the_nominated_one_stays() {
        let mut ways = ways();
        ways.on_check(way(1), true);
        for n in 2..=4 {
            assert_eq!(ways.on_check(way(n), false).closed, None);
        }
        for n in 5..50 {
            assert_eq!(ways.on_check(way(n), false).closed, Some(way(n - 3)));
        }
        assert_eq!(ways.open().len(), WAYS_MAX);
        assert!(ways.open().contains(&way(1)));
    }
}
