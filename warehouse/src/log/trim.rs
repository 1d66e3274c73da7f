//! Files of the event log that nobody needs any more: every entry of theirs is applied, nothing
//! that is still open began in them, their rows are sealed, and they have not been written to for
//! as long as the configuration says.
//!
//! They go oldest first, each removal by itself, so that a crash leaves a log without a hole. The
//! last file is the writer's and never goes: the numbering continues from it.

use super::list;
use crate::{Error, fail, file};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The files of `dir` whose entries all come before `replay_from` and whose last one was written
/// before `until`, the oldest first. Ends at the first file that is to stay.
pub fn unneeded(dir: &Path, replay_from: u64, until: SystemTime) -> Result<Vec<PathBuf>, Error> {
    let files = list(dir)?;
    let mut found = Vec::new();
    for pair in files.windows(2) {
        let ((_, path), (next_first, _)) = (&pair[0], &pair[1]);
        let written = path.metadata().and_then(|about| about.modified());
        let is_old = written.map_err(Error::file("look at", path))? < until;
        if *next_first > replay_from || !is_old {
            break;
        }
        found.push(path.clone());
    }
    Ok(found)
}

/// Removes `files` one after another. Named step: `log.trim`, before each.
pub fn remove(dir: &Path, files: &[PathBuf]) -> Result<(), Error> {
    for path in files {
        fail::file("log.trim", "remove", path)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::file("remove", path)(error));
            }
            _ => tracing::info!(path = %path.display(), "removed a file of the event log"),
        }
        // One after another on the disk too: a power cut must not keep the second of two.
        file::sync_folder(dir)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A log whose files begin with these entries, written as many days ago.
    fn log(files: &[(u64, u64)], now: SystemTime) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (first, days) in files {
            let path = dir.path().join(format!("events-{first:020}.log"));
            let file = std::fs::File::create(path).unwrap();
            file.set_modified(now - Duration::from_secs(days * 86_400)).unwrap();
        }
        dir
    }

    fn firsts(dir: &Path) -> Vec<u64> {
        list(dir).unwrap().into_iter().map(|(first, _)| first).collect()
    }

    #[test]
    fn what_is_applied_and_old_goes_and_the_last_file_stays() {
        let now = SystemTime::now();
        let until = now - Duration::from_secs(7 * 86_400);
        let files = [(1, 30), (100, 20), (200, 9), (300, 8)];
        for (replay_from, left) in [
            (99, vec![1, 100, 200, 300]),
            (100, vec![100, 200, 300]),
            (299, vec![200, 300]),
            (300, vec![300]),
            (1_000, vec![300]),
        ] {
            let dir = log(&files, now);
            remove(dir.path(), &unneeded(dir.path(), replay_from, until).unwrap()).unwrap();
            assert_eq!(firsts(dir.path()), left, "replay from {replay_from}");
        }
    }

    #[test]
    fn a_young_file_stays_and_so_do_all_behind_it() {
        let now = SystemTime::now();
        let until = now - Duration::from_secs(7 * 86_400);
        let dir = log(&[(1, 30), (100, 6), (200, 20), (300, 0)], now);
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        remove(dir.path(), &unneeded(dir.path(), 1_000, until).unwrap()).unwrap();
        assert_eq!(firsts(dir.path()), [100, 200, 300]);
        assert!(dir.path().join("notes.txt").exists(), "files of others are not ours to remove");
    }

    #[test]
    fn a_log_that_was_never_written_has_nothing_to_remove() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("events");
        assert!(unneeded(&missing, 5, SystemTime::now()).unwrap().is_empty());
    }
}
