//! Every recording read by us and by sox, and compared with what was said.

use anyhow::Result;
use benches::media::crowd::speaker;
use benches::media::g711::Law;
use benches::media::wav::{self, Wav};
use benches::voices;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use terms::media::{Ledger, RecordingState};

/// What the files of a run are like.
#[derive(Debug, Default)]
pub struct Books {
    /// Files that cannot be read, or say something else than what was said.
    pub bad: u64,
    /// Why the first one is.
    pub why: Option<String>,
    /// Files without a row, rows without a file, and what was left half done.
    pub orphans: u64,
    /// When the last frame of each side was said, on the phones' clock.
    pub last_us: Vec<u64>,
    /// Frames that are missing between others.
    pub holes: u64,
    /// Rows that miss frames and do not say where.
    pub unmarked: u64,
    /// Whether sox read the files too.
    pub sox: bool,
}

/// Looks for the files of these rows below `recordings`; so many of them are read sample by sample.
///
/// # Errors
/// When the folder cannot be read.
pub fn read(recordings: &Path, rows: &[Ledger], files_max: usize) -> Result<Books> {
    let sox = Command::new("sox").arg("--version").output().is_ok_and(|out| out.status.success());
    let mut books = Books { sox, ..Books::default() };
    let mut owned = BTreeSet::new();
    for (n, row) in rows.iter().enumerate() {
        let Some(path) = &row.path else {
            books.orphans += 1;
            continue;
        };
        owned.insert(recordings.join(path));
        let missing = row.state == RecordingState::Partial || row.frames_missing > 0;
        books.unmarked += u64::from(missing && row.gaps.is_empty());
        if n >= files_max {
            continue;
        }
        if let Err(error) = books.listen(&recordings.join(path), row) {
            books.bad += 1;
            books.why.get_or_insert(format!("{path}: {error:#}"));
        }
    }
    let found: BTreeSet<PathBuf> = walk(recordings)?.into_iter().collect();
    books.orphans += found.symmetric_difference(&owned).count() as u64;
    Ok(books)
}

impl Books {
    fn listen(&mut self, file: &Path, row: &Ledger) -> Result<()> {
        let bytes = fs::read(file)?;
        let parsed = Wav::parse(&bytes)?;
        anyhow::ensure!(parsed.channels.len() == 2, "it is not stereo");
        let voices = [voices::customer(Law::A), voices::agent(Law::A)];
        for ((channel, voice), called) in parsed.channels.iter().zip(voices).zip([false, true]) {
            let side = wav::check(channel, &voice);
            let own = speaker(row.recording.0 as usize - 1, called);
            let alone = side.speakers.len() == 1 && side.speakers.contains_key(&own);
            anyhow::ensure!(alone, "speakers {:?} instead of {own}", side.speakers);
            anyhow::ensure!(side.damaged + side.disordered == 0, "{side:?}");
            self.holes += side.lost;
            self.last_us.extend(side.said_us.map(|(_, last)| last));
        }
        if self.sox {
            let out = Command::new("sox").arg(file).args(["-n", "stat"]).output()?;
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            let warned = words.contains("WARN") || words.contains("FAIL");
            anyhow::ensure!(out.status.success() && !warned, "sox: {words}");
        }
        Ok(())
    }
}

fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(walk(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
