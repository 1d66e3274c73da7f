//! Moves a recording to the second tier: one job sends all its renderings and reads them back, the
//! next, once the index says so, removes the local ones. Between the two the process may die: each
//! job begins by looking at what is there, and does nothing twice that was done.
//!
//! A recording of which a form is being made, or whose removal is under way, is left for later: who
//! works on the files of a recording has its [`Claim`].

use super::jobs::{Done, Problem};
use super::remove::{RENDERINGS, parts, unlink_all};
use crate::tier::{Error, Tier, point};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use warehouse::recordings::Stored;

/// What came of sending a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sent {
    /// All its renderings lie there and were read back.
    Stored(Vec<Stored>),
    /// Its WAV is not here and lies there already: an index that was made anew does not know of it.
    There(Vec<Stored>),
    /// Somebody works on its files; later.
    Busy,
    /// Its file is nowhere, or not the one that was recorded: `switchgrid recording verify` tells.
    Unfit(String),
}

/// What came of removing the local files of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Freed {
    /// None is here any more; so many went.
    Gone(u64),
    /// Somebody works on its files; later.
    Busy,
    /// One is here that was not sent, or what was sent is not there: it is to be sent again.
    Changed,
}

/// Recordings whose files somebody works on.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<BTreeSet<String>>>);

/// Nobody else moves or removes the files of this recording while it lives.
#[derive(Debug)]
pub struct Claim {
    claims: Claims,
    stem: String,
}

impl Claims {
    /// `None` when somebody has it already, or this is no recording.
    pub fn take(&self, wav: &str) -> Option<Claim> {
        let (folder, stem) = parts(wav)?;
        let stem = format!("{folder}/{stem}");
        let mut taken = self.0.lock().expect("no panic while held");
        taken.insert(stem.clone()).then(|| Claim { claims: self.clone(), stem })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.0.lock().expect("no panic while held").remove(&self.stem);
    }
}

/// What stands beside a WAV, the WAV included.
#[derive(Debug, Default, PartialEq, Eq)]
struct Beside {
    /// Paths relative to the recordings.
    files: Vec<String>,
    /// One of them is being written.
    unfinished: bool,
}

fn beside(recordings: &Path, wav: &str) -> io::Result<Beside> {
    let mut found = Beside::default();
    let Some((folder, stem)) = parts(wav) else { return Ok(found) };
    for ending in RENDERINGS {
        let path = format!("{folder}/{stem}.{ending}");
        if recordings.join(&path).try_exists()? {
            found.files.push(path.clone());
        }
        found.unfinished |= recordings.join(format!("{path}_tmp")).try_exists()?;
    }
    Ok(found)
}

/// Sends a recording; `bytes` and `sha256` are what its row says of the WAV.
///
/// # Errors
/// 503 when the object store does not answer, 500 when something else keeps it.
pub async fn send(
    recordings: &Path,
    tier: &Tier,
    wav: &str,
    (bytes, sha256): (u64, Option<&str>),
) -> Result<Done, Problem> {
    let beside = beside(recordings, wav).map_err(|error| disk(&error))?;
    if beside.unfinished {
        return Ok(done(&Sent::Busy));
    }
    if !beside.files.iter().any(|file| file == wav) {
        let there = there(tier, wav, (bytes, sha256)).await?;
        if there.is_empty() {
            let why = "its file is neither here nor in the object store";
            return Ok(done(&Sent::Unfit(why.to_owned())));
        }
        let sent = put(recordings, tier, &beside.files, (wav, None)).await?;
        return Ok(match sent {
            Sent::Stored(more) => {
                let others = there.into_iter().filter(|of| !beside.files.contains(&of.path));
                done(&Sent::There(others.chain(more).collect()))
            }
            other => done(&other),
        });
    }
    let expected = sha256.map(|sha256| (bytes, sha256));
    Ok(done(&put(recordings, tier, &beside.files, (wav, expected)).await?))
}

/// Sends these files and reads them back; of the WAV among them is known what it should be.
async fn put(
    recordings: &Path,
    tier: &Tier,
    files: &[String],
    (wav, expected): (&str, Option<(u64, &str)>),
) -> Result<Sent, Problem> {
    let mut stored = Vec::new();
    for file in files {
        match tier.put(recordings, file, expected.filter(|_| file == wav)).await {
            Ok(file) => stored.push(file),
            Err(Error::Changed { path, why }) => return Ok(Sent::Unfit(format!("{path}: {why}"))),
            Err(error) => return Err(problem(&error)),
        }
    }
    Ok(Sent::Stored(stored))
}

/// What lies in the second tier of a recording whose WAV is there, and the one that was recorded; else
/// nothing.
async fn there(
    tier: &Tier,
    wav: &str,
    (bytes, sha256): (u64, Option<&str>),
) -> Result<Vec<Stored>, Problem> {
    let found = tier.find(wav).await.map_err(|error| problem(&error))?;
    let is_it =
        |found: &Stored| found.bytes == bytes && sha256.is_none_or(|sha256| found.sha256 == sha256);
    let Some(found) = found.filter(is_it) else { return Ok(Vec::new()) };
    let mut all = vec![found];
    for path in objects(wav).into_iter().filter(|path| path != wav) {
        all.extend(tier.find(&path).await.map_err(|error| problem(&error))?);
    }
    Ok(all)
}

/// Removes the local files of a recording that lies in the second tier, when what is here is what
/// lies there.
///
/// # Errors
/// 503 when the object store does not answer, 500 when the disk does not let go of a file.
pub async fn free(
    recordings: &Path,
    tier: &Tier,
    wav: &str,
    stored: &[Stored],
) -> Result<Done, Problem> {
    let beside = beside(recordings, wav).map_err(|error| disk(&error))?;
    let is_sent = |file: &String| stored.iter().any(|stored| stored.path == *file);
    if beside.unfinished || !beside.files.iter().all(is_sent) {
        return Ok(done(&Freed::Changed));
    }
    for stored in stored.iter().filter(|stored| beside.files.contains(&stored.path)) {
        let length = std::fs::metadata(recordings.join(&stored.path)).map(|meta| meta.len());
        if length.ok() != Some(stored.bytes) {
            return Ok(done(&Freed::Changed));
        }
        // The index may be right about yesterday; what counts is what lies there now.
        match tier.holds(stored).await {
            Ok(_) => {}
            Err(Error::Missing(_) | Error::Changed { .. }) => return Ok(done(&Freed::Changed)),
            Err(error) => return Err(problem(&error)),
        }
    }
    point("move.unlink").await.map_err(|error| Problem::unavailable(&error.to_string()))?;
    let gone = unlink_all(recordings, &beside.files).map_err(|error| disk(&error))?;
    Ok(done(&Freed::Gone(gone)))
}

/// The objects that a recording may have.
pub fn objects(wav: &str) -> Vec<String> {
    let Some((folder, stem)) = parts(wav) else { return Vec::new() };
    RENDERINGS.iter().map(|ending| format!("{folder}/{stem}.{ending}")).collect()
}

/// An outcome as the answer of a job.
pub(super) fn done(outcome: &impl Serialize) -> Done {
    let body = serde_json::to_vec(outcome).expect("an outcome is always valid JSON");
    Done { content_type: "application/json".into(), truncated: false, body }
}

fn disk(error: &io::Error) -> Problem {
    Problem::new(500, "disk", "The recording could not be moved.", error.to_string())
}

/// What the second tier could not do, as a problem.
pub fn problem(error: &Error) -> Problem {
    match error {
        Error::Away { .. } => Problem::new(
            503,
            "tier",
            "The object store does not answer right now; try again later.",
            error.to_string(),
        ),
        _ => Problem::new(500, "tier", "The recording could not be moved.", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_recording_is_claimed_by_one_until_they_let_go() {
        let claims = Claims::default();
        let first = claims.take("1/2026-11-23/7.wav").unwrap();
        assert!(claims.take("1/2026-11-23/7.wav.sealed").is_none(), "the same recording");
        assert!(claims.take("1/2026-11-23/8.wav").is_some());
        drop(first);
        assert!(claims.take("1/2026-11-23/7.wav").is_some());
        assert!(claims.take("../7.wav").is_none());
    }

    #[test]
    fn every_rendering_is_seen_and_one_that_is_being_made() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("1/2026-11-23");
        fs::create_dir_all(&day).unwrap();
        for name in ["7.wav", "7.mp3", "7.txt", "77.wav", "8.wav.sealed", "8.opus.sealed_tmp"] {
            fs::write(day.join(name), "x").unwrap();
        }
        let look = |wav| beside(folder.path(), wav).unwrap();
        let files = ["1/2026-11-23/7.wav", "1/2026-11-23/7.mp3"].map(str::to_owned).to_vec();
        assert_eq!(look("1/2026-11-23/7.wav"), Beside { files, unfinished: false });
        assert!(look("1/2026-11-23/8.wav.sealed").unfinished);
        assert_eq!(look("1/2026-11-23/9.wav"), Beside::default());
    }
}
