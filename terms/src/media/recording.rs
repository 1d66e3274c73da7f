//! What a rule asks of one recording, and what its ledger tells of pauses.

use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// In which forms a recording is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordFormat {
    /// WAV, and an MP3 beside it where the box makes them.
    #[default]
    Both,
    /// WAV alone; an MP3 is made when somebody asks for one.
    Wav,
    /// MP3: it is made even where the box makes none unasked.
    Mp3,
}

/// What a rule asks of one recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordTerms {
    /// A shorter one is dropped, in ms; zero keeps all.
    pub min_ms: u32,
    /// A longer one is cut there, in ms; zero is no limit.
    pub max_ms: u32,
    /// Its forms.
    pub format: RecordFormat,
    /// It begins paused: this person asked for it.
    pub paused: Option<UserId>,
}

/// What happened to a recording while it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// Nothing is kept from here on.
    Paused,
    /// Kept again.
    Resumed,
}

/// One mark on the file's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What happened.
    pub kind: MarkKind,
    /// Where in the file, in ms.
    pub at_ms: i64,
    /// Who asked for it.
    pub by: UserId,
}
