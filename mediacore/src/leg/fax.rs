//! The fax of a leg: T.38 over UDPTL in place of its audio, while it was agreed, and what of it came.

use super::Leg;
use crate::udptl::Door;
use terms::media::{FaxQuality, SeqNo};

/// Numbers that step further than this are a new beginning, not loss.
const STEP_MAX: i16 = 1_000;
const BACK_MAX: i16 = -STEP_MAX;

/// What a leg carried as T.38. It stays when audio comes back.
#[derive(Debug, Default)]
pub struct Fax {
    /// Where its datagrams may come from; `None` once there is audio again.
    pub door: Option<Door>,
    /// Over all faxes.
    pub counts: FaxQuality,
    newest: Option<SeqNo>,
}

impl Fax {
    /// T.38 was agreed, for the first time or anew.
    pub fn open(&mut self, door: Door) {
        (self.door, self.newest) = (Some(door), None);
    }

    /// Counts a datagram of the accepted source. Some gateways say the same one several times.
    pub fn note(&mut self, seq: SeqNo) {
        self.counts.received += 1;
        let step = self.newest.map_or(1, |newest| seq.distance(newest));
        match step {
            0 => return,
            1..=STEP_MAX => self.counts.missing += (step - 1) as u64,
            // It was missed when its successor came.
            BACK_MAX..0 => {
                self.counts.missing = self.counts.missing.saturating_sub(1);
                return;
            }
            _ => {}
        }
        self.newest = Some(seq);
    }
}

impl Leg {
    /// The door of its fax, while it carries one.
    pub fn fax_door(&self) -> Option<&Door> {
        self.fax.as_ref()?.door.as_ref()
    }

    /// Its port carries UDPTL.
    pub fn is_fax(&self) -> bool {
        self.fax_door().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_jumped_over_is_missing_until_it_comes() {
        let mut fax = Fax::default();
        for seq in [65_534, 65_535, 2, 2, 0, 3, 30_000, 30_001] {
            fax.note(SeqNo(seq));
        }
        assert_eq!((fax.counts.received, fax.counts.missing), (8, 1), "number 1 never came");
    }
}
