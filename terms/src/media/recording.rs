//! What a rule asks of one recording, and its ledger: what became of it, and its pauses.

use crate::id::{CallId, ContactId, LegId, RecordingId, TenantId, UserId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Which forms of a recording are made unasked. The WAV is the original and stays with each of them:
/// its SHA-256 is what the ledger, evidence and backups speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordFormat {
    /// WAV, and beside it what the box makes of every recording.
    #[default]
    Both,
    /// WAV alone; another form is made when somebody asks for it.
    Wav,
    /// MP3: it is made even where the box makes none unasked, and nothing else is.
    Mp3,
    /// Opus, likewise.
    Opus,
}

/// What a rule asks of one recording, and what it goes on after.
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
    /// The part that the end of the process cut; this one is the next.
    pub continues: Option<RecordingId>,
}

/// What happened to a recording while it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// Nothing is kept from here on.
    Paused,
    /// Kept again.
    Resumed,
    /// A fax goes over as T.38 from here on: there is no sound to keep.
    FaxStarted,
    /// There is sound again.
    FaxEnded,
}

/// One mark on the file's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What happened.
    pub kind: MarkKind,
    /// Where in the file, in ms.
    pub at_ms: i64,
    /// Who asked for it; zero where nobody did, as with a fax.
    pub by: UserId,
}

/// What lies between a recording and the part before it, which the end of the process cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The part that was cut.
    pub recording: RecordingId,
    /// Frames of 20 ms, by track leg, from the end of that part's file to the first sample of this
    /// one. They are in neither file and in no count of either.
    pub frames: Vec<(LegId, u64)>,
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// Every frame is on disk.
    Recorded,
    /// Some frames are missing; the ledger says which.
    Partial,
    /// A rule or a fault refused it; the ledger says why.
    Refused,
    /// The process ended while recording; repaired at the next start.
    Repaired,
}

/// The row every answered call gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The recording.
    pub recording: RecordingId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The contact.
    pub contact: ContactId,
    /// The call.
    pub call: CallId,
    /// Wall clock of the first sample.
    pub started_at: Timestamp,
    /// Length of the file in ms.
    pub duration_ms: i64,
    /// How it ended.
    pub state: RecordingState,
    /// Frames of 20 ms handed to the recorder over all tracks.
    pub frames_expected: u64,
    /// Of those, not on disk.
    pub frames_missing: u64,
    /// Gaps as (track leg, from ms, to ms) on the file's timeline.
    pub gaps: Vec<(LegId, i64, i64)>,
    /// WAV relative to the recordings directory: `<tenant>/<yyyy-mm-dd>/<recording>.wav`.
    pub path: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: Option<String>,
    /// Why refused, partial or cut, and what is missing before it, for people.
    pub reason: Option<String>,
    /// How much of the file is silence because it was paused, in ms; none of it is missing.
    #[serde(default)]
    pub paused_ms: i64,
    /// When it was paused and resumed, and who asked for it.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// Which forms are made of it.
    #[serde(default)]
    pub format: RecordFormat,
    /// What is missing before it; none where it goes on after no part that was cut.
    #[serde(default)]
    pub before: Option<Before>,
}

impl Ledger {
    /// Nothing was recorded, and this is why.
    pub fn refused(
        (tenant, contact, call): (TenantId, ContactId, CallId),
        recording: RecordingId,
        started_at: Timestamp,
        reason: impl Into<String>,
    ) -> Self {
        Ledger {
            recording,
            tenant,
            contact,
            call,
            started_at,
            duration_ms: 0,
            state: RecordingState::Refused,
            frames_expected: 0,
            frames_missing: 0,
            gaps: Vec::new(),
            path: None,
            bytes: 0,
            sha256: None,
            reason: Some(reason.into()),
            paused_ms: 0,
            marks: Vec::new(),
            format: RecordFormat::default(),
            before: None,
        }
    }
}
