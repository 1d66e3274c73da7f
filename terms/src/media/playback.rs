//! What is played to a leg: prompts, speech and tones one after the other, and how people move in
//! it.

use crate::id::{LegId, PlaybackId, RoomId, TenantId};
use serde::{Deserialize, Serialize};

/// Characters of one text that is spoken, at most.
pub const SPEECH_CHARS_MAX: usize = 500;

/// One thing to play.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Source {
    /// A prompt by name, such as `zh-CN/welcome`: letters, digits, `-`, `_` and `/`. Where it is
    /// missing in that language, it is heard in the language of [`Playback::tenant`].
    Prompt(String),
    /// A text in a voice's words, made by an engine before it is played.
    Speech {
        /// The language it is spoken in, such as `zh-CN`.
        language: String,
        /// At most [`SPEECH_CHARS_MAX`] characters.
        text: String,
    },
    /// Ringback as the caller's country hears it (450 Hz, 1 s on, 4 s off).
    Ringback,
    /// Busy tone (450 Hz, 350 ms on, 350 ms off).
    Busy,
    /// A beep of 1 kHz.
    Beep {
        /// Length in ms.
        ms: u32,
    },
    /// A soft beep of 1 kHz: what is said is being recorded.
    Reminder {
        /// Length in ms.
        ms: u32,
    },
    /// Silence.
    Silence {
        /// Length in ms.
        ms: u32,
    },
    /// Somebody comes into a conference: two soft notes, the second higher; 300 ms.
    Arrival,
    /// Somebody leaves it: two soft notes, the second lower; 300 ms.
    Departure,
}

/// A set of keys of a telephone, written as text: `0123456789*#ABCD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Keys(u16);

impl Keys {
    const ORDER: &'static str = "0123456789*#ABCD";
    /// Every key.
    pub const ALL: Keys = Keys(u16::MAX);
    /// No key.
    pub const NONE: Keys = Keys(0);

    /// Whether a key is one of them; what is no key is not.
    pub fn contains(self, key: char) -> bool {
        Keys::ORDER.find(key).is_some_and(|bit| self.0 >> bit & 1 == 1)
    }

    /// These without those.
    #[must_use]
    pub fn without(self, others: Keys) -> Keys {
        Keys(self.0 & !others.0)
    }
}

impl Default for Keys {
    fn default() -> Self {
        Keys::ALL
    }
}

impl FromIterator<char> for Keys {
    /// What is no key is left out.
    fn from_iter<T: IntoIterator<Item = char>>(keys: T) -> Self {
        let bits = keys.into_iter().filter_map(|key| Keys::ORDER.find(key));
        Keys(bits.fold(0, |set, bit| set | 1 << bit))
    }
}

impl From<String> for Keys {
    fn from(text: String) -> Self {
        text.chars().collect()
    }
}

impl From<Keys> for String {
    fn from(keys: Keys) -> Self {
        Keys::ORDER.chars().filter(|&key| keys.contains(key)).collect()
    }
}

/// A play order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playback {
    /// Its name in `PlayDone`.
    pub id: PlaybackId,
    /// Played one after the other.
    pub sources: Vec<Source>,
    /// Starts over at the end, for music.
    pub looped: bool,
    /// Stops by itself at the first digit.
    pub interruptible: bool,
    /// How many times all of it is played, where it is not looped; 0 is once.
    #[serde(default)]
    pub times: u16,
    /// Where the first round begins, in ms from its beginning.
    #[serde(default)]
    pub start_ms: u32,
    /// Which digits stop it, where digits do.
    #[serde(default)]
    pub stop_keys: Keys,
    /// Whose own prompts come before the box's; none has only those of the box.
    #[serde(default)]
    pub tenant: Option<TenantId>,
}

impl Playback {
    /// These sources, once, whatever is pressed.
    pub const fn once(id: PlaybackId, sources: Vec<Source>) -> Self {
        Playback {
            id,
            sources,
            looped: false,
            interruptible: false,
            times: 1,
            start_ms: 0,
            stop_keys: Keys::ALL,
            tenant: None,
        }
    }
}

/// Something said into a room while its talk goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interject {
    /// A leg of the room: it is the one that its end is told of.
    pub leg: LegId,
    /// Where.
    pub room: RoomId,
    /// What; cut after a minute.
    pub playback: Playback,
    /// The voice that says it: no leg, but what recordings know it by.
    pub voice: LegId,
    /// The one leg that hears it; none is everybody there.
    pub only: Option<LegId>,
}

/// A place in a playback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seek {
    /// From its beginning, all rounds after one another.
    To {
        /// In ms.
        ms: u32,
    },
    /// From where it is.
    By {
        /// Forward, or back where it is below zero, in ms.
        ms: i32,
    },
}

/// Why a playback ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlayEnd {
    /// Played to the end.
    Finished,
    /// A digit came.
    Interrupted,
    /// `StopPlay`, a new `Play`, or the leg ended.
    Stopped,
    /// A prompt of this name does not exist, or a text could not be spoken.
    Missing(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_text_and_a_playback_of_before_stops_at_any() {
        let keys: Keys = "9*x".chars().collect();
        assert!(keys.contains('*') && keys.contains('9'));
        assert!(!keys.contains('x') && !keys.contains('0'));
        assert_eq!(serde_json::to_string(&keys).unwrap(), "\"9*\"");
        assert_eq!(serde_json::from_str::<Keys>("\"*9\"").unwrap(), keys);
        assert!(!Keys::ALL.without(keys).contains('9') && Keys::ALL.without(keys).contains('D'));

        let before = r#"{"id":"3","sources":["Busy"],"looped":true,"interruptible":true}"#;
        let playback: Playback = serde_json::from_str(before).unwrap();
        assert_eq!((playback.times, playback.start_ms, playback.stop_keys), (0, 0, Keys::ALL));
        assert_eq!(playback.tenant, None);
    }
}
