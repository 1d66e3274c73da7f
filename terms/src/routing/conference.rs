//! Conference rooms: who may come in, with which PIN, and what goes on there.

use crate::id::ConferenceId;
use serde::{Deserialize, Serialize};

/// Fewest digits of a PIN: a shorter one is found by trying.
pub const PIN_DIGITS_MIN: usize = 4;
/// Most digits of a PIN.
pub const PIN_DIGITS_MAX: usize = 16;
/// Most participants that a conference may allow.
pub const CONFERENCE_MEMBERS_MAX: u32 = 500;

/// A conference room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conference {
    /// Its id.
    pub id: ConferenceId,
    /// Its name.
    pub name: String,
    /// Its room number, which people inside dial and flows pass on to; a published number leads
    /// there by its target. Empty is none.
    pub number: String,
    /// PIN of guests; empty is none.
    pub guest_pin: Pin,
    /// PIN of the chairperson; empty is none, and then nobody who dials in is one.
    pub chair_pin: Pin,
    /// Most participants at a time; one more is refused with a prompt.
    pub members_max: u32,
    /// A tone says that somebody came or left.
    pub tones: bool,
    /// Nobody hears anybody before a chairperson is there: music until then.
    pub wait_for_chair: bool,
    /// Guests come in muted.
    pub muted_on_entry: bool,
    /// The meeting ends when the last chairperson leaves.
    pub ends_with_chair: bool,
    /// Record it, where no recording rule says otherwise.
    pub record: bool,
}

impl Conference {
    /// A room with the house's defaults: no PIN, 50 participants, tones, not recorded.
    pub fn new(id: ConferenceId, name: &str) -> Self {
        Conference {
            id,
            name: name.to_owned(),
            number: String::new(),
            guest_pin: Pin::default(),
            chair_pin: Pin::default(),
            members_max: 50,
            tones: true,
            wait_for_chair: false,
            muted_on_entry: false,
            ends_with_chair: false,
            record: false,
        }
    }
}

/// Digits that let somebody in. Kept out of logs; compared without telling how many were right.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pin(pub String);

impl Pin {
    /// There is none.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is one that may be set: empty, or [`PIN_DIGITS_MIN`] to [`PIN_DIGITS_MAX`] digits.
    pub fn is_sound(&self) -> bool {
        let digits = self.0.len();
        self.is_none()
            || ((PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&digits)
                && self.0.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Whether `typed` is this PIN. Takes the same steps whatever was typed; never true where there
    /// is none.
    pub fn opens(&self, typed: &str) -> bool {
        let padded = |text: &str| {
            let mut bytes = [0_u8; PIN_DIGITS_MAX];
            let length = text.len().min(PIN_DIGITS_MAX);
            bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
            bytes
        };
        let (pin, other) = (padded(&self.0), padded(typed));
        let differs = pin.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
        let lengths = self.0.len() ^ typed.len();
        (differs == 0) & (lengths == 0) & !self.is_none()
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(if self.is_none() { "Pin(none)" } else { "Pin(…)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_opens_to_itself_alone_and_none_opens_to_nothing() {
        let pin = Pin("482913".into());
        assert!(pin.opens("482913"));
        for wrong in ["", "48291", "4829130", "482914", "582913", "482913\0"] {
            assert!(!pin.opens(wrong), "{wrong:?}");
        }
        assert!(!Pin::default().opens("") && !Pin::default().opens("0000"));
        let longest = Pin("1".repeat(PIN_DIGITS_MAX));
        assert!(longest.opens(&"1".repeat(PIN_DIGITS_MAX)));
        assert!(!longest.opens(&"1".repeat(PIN_DIGITS_MAX + 1)), "what is beyond counts too");
    }

    #[test]
    fn a_pin_is_four_to_sixteen_digits_and_does_not_reach_a_log() {
        let sound = ["", "1234", "0000", "1234567890123456"];
        assert!(sound.iter().all(|&text| Pin(text.into()).is_sound()));
        let bad = ["123", "12345678901234567", "12a4", "12#4", "一二三四"];
        assert!(!bad.iter().any(|&text| Pin(text.into()).is_sound()));
        let conference =
            Conference { guest_pin: Pin("4829".into()), ..Conference::new(ConferenceId(1), "m") };
        let told = format!("{conference:?}");
        assert!(!told.contains("4829"), "{told}");
    }
}
