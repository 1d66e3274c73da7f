//! Files beneath the recordings that no row of the ledger knows. A file that was written a moment
//! ago may have its row still on the way and is left out.

use super::{LISTED_MAX, Report};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use terms::{RecordingId, TenantId};
use warehouse::Warehouse;
use warehouse::recordings::Indexed;

/// Rows asked for at a time.
const PAGE: usize = 1_000;
/// A younger file may have its row on the way.
const YOUNG: Duration = Duration::from_secs(600);

/// A file that nothing speaks of.
#[derive(Debug, Serialize)]
pub struct Orphan {
    /// Relative to the recordings.
    pub path: String,
    /// Why it is one.
    pub why: &'static str,
}

pub async fn find(
    warehouse: &Warehouse,
    store: &Path,
    report: &mut Report,
) -> Result<(), anyhow::Error> {
    // Folders are numbers and days; `quarantine` and what people put there are none of ours.
    for (tenant, of_tenant) in folders(store, |name| name.parse::<TenantId>().ok())? {
        for (day, of_day) in folders(&of_tenant, |name| Some(name.to_owned()))? {
            let files = files(&of_day)?;
            for page in files.chunks(PAGE) {
                let ids: Vec<RecordingId> = page.iter().filter_map(|file| id_of(file)).collect();
                let known = warehouse.known_recordings(&ids).await?;
                let known: BTreeMap<RecordingId, Indexed> =
                    known.into_iter().map(|row| (row.recording.recording_id, row)).collect();
                for name in page {
                    let path = format!("{tenant}/{day}/{name}");
                    let row = id_of(name).and_then(|id| known.get(&id));
                    let Some(why) = why(&path, name, row) else { continue };
                    if is_young(&of_day.join(name)) {
                        continue;
                    }
                    report.orphans += 1;
                    if report.orphan_files.len() < LISTED_MAX {
                        report.orphan_files.push(Orphan { path, why });
                    }
                }
            }
        }
    }
    Ok(())
}

/// Why a file is an orphan; `None` when it is none.
fn why(path: &str, name: &str, row: Option<&Indexed>) -> Option<&'static str> {
    let Some(Indexed { recording, deleted, .. }) = row else {
        return Some("no row of the ledger speaks of it");
    };
    let stem = |path: &str| path.split_once('.').map_or(path, |(stem, _)| stem).to_owned();
    if name.ends_with("_tmp") || name.ends_with("_again") {
        Some("left behind by something that did not finish")
    } else if deleted.is_some() {
        Some("its recording was deleted")
    } else if recording.path.as_deref().map(stem) != Some(stem(path)) {
        Some("its recording lies elsewhere")
    } else {
        None
    }
}

/// The recording that a file name begins with.
fn id_of(name: &str) -> Option<RecordingId> {
    name.split('.').next()?.parse().ok()
}

fn is_young(file: &Path) -> bool {
    let written = std::fs::metadata(file).and_then(|meta| meta.modified());
    // A file that is gone by now is no orphan either.
    written.map_or(true, |at| SystemTime::now().duration_since(at).is_ok_and(|age| age < YOUNG))
}

fn folders<T>(
    folder: &Path,
    named: impl Fn(&str) -> Option<T>,
) -> Result<Vec<(T, PathBuf)>, anyhow::Error> {
    let mut found = Vec::new();
    for (name, path) in entries(folder)? {
        if path.is_dir()
            && let Some(named) = named(&name)
        {
            found.push((named, path));
        }
    }
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<String>, anyhow::Error> {
    let entries = entries(folder)?.into_iter();
    Ok(entries.filter(|(_, path)| path.is_file()).map(|(name, _)| name).collect())
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, anyhow::Error> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        // A box that has recorded nothing, or a day that was deleted meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}
