//! Removes the files of deleted recordings, folder by folder: each day's folder is opened once,
//! beneath the recordings folder and through no link, and its files are unlinked relative to it.
//! The thread that does it has the lowest priority of the box for processor and disk. What lies in
//! the second tier, or was fetched back from it, goes too: a recording is removed when all of it
//! is.

use super::behind::behind_the_rest;
use super::jobs::{Done, Problem};
use super::moving::{self, Claims};
use crate::tier::Tier;
use mediacore::edge::storage::verify::QUARANTINE;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Recordings of one job.
pub const BATCH_MAX: usize = 1_000;
/// What stands beside each other for one recording.
pub(super) const RENDERINGS: [&str; 6] =
    ["wav", "mp3", "opus", "wav.sealed", "mp3.sealed", "opus.sealed"];
/// What is being written of them, or was left by a crash.
const PARTS: [&str; 6] =
    ["wav_tmp", "mp3_tmp", "opus_tmp", "wav.sealed_tmp", "mp3.sealed_tmp", "opus.sealed_tmp"];

/// Recordings whose objects go with one request.
const AT_ONCE: usize = 100;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Files that went.
    pub files: u64,
    /// Recordings of which something is left, with what the disk or the object store said.
    pub failed: Vec<(String, String)>,
    /// Recordings of which no file was here.
    pub absent: Vec<String>,
}

/// Does the job: the local files on a thread of its own, then what was fetched back of them, then
/// their objects. `moved` are those that may have some; of which nothing was here may have, too.
///
/// # Errors
/// 400 for more than [`BATCH_MAX`] recordings.
pub async fn run(
    recordings: PathBuf,
    tier: Option<&Tier>,
    claims: &Claims,
    wavs: Vec<String>,
    moved: &BTreeSet<String>,
) -> Result<Done, Problem> {
    few_enough(wavs.len())?;
    let mut taken = Vec::new();
    let mut busy = Vec::new();
    let wavs: Vec<String> = wavs
        .into_iter()
        .filter(|wav| match claims.take(wav) {
            Some(claim) => {
                taken.push(claim);
                true
            }
            // What is no path of a recording is told so below.
            None if parts(wav).is_none() => true,
            None => {
                busy.push((wav.clone(), "it is being moved; it goes in the next round".to_owned()));
                false
            }
        })
        .collect();
    let cache = tier.map(|tier| tier.cache().folder().to_owned());
    let local = move || {
        let mut removed = remove(&recordings, &wavs);
        if let Some(cache) = cache.filter(|cache| cache.exists()) {
            removed.failed.extend(remove(&cache, &wavs).failed);
        }
        removed
    };
    let mut removed = on_its_thread(local).await?;
    removed.failed.extend(busy);
    remove_objects(tier, moved, &mut removed).await;
    drop(taken);
    Ok(moving::done(&removed))
}

/// The same for received faxes (`<tenant>/<fax>.tif`), which lie here alone.
///
/// # Errors
/// 400 for more than [`BATCH_MAX`] of them.
pub async fn run_faxes(faxes: PathBuf, files: Vec<String>) -> Result<Done, Problem> {
    few_enough(files.len())?;
    let removed = on_its_thread(move || remove_faxes(&faxes, &files)).await?;
    Ok(moving::done(&removed))
}

fn few_enough(count: usize) -> Result<(), Problem> {
    if count <= BATCH_MAX {
        return Ok(());
    }
    let detail = format!("{count} recordings; at most {BATCH_MAX} are removed at a time");
    Err(Problem::new(400, "too_many", "These are too many recordings.", detail))
}

/// On a thread of its own, to which everybody comes first.
async fn on_its_thread(
    work: impl FnOnce() -> Removed + Send + 'static,
) -> Result<Removed, Problem> {
    let done = behind_the_rest("remove", work).await;
    done.map_err(|error| Problem::new(500, "remove", "The files could not be removed.", error))
}

/// Removes the objects of recordings that may have some. Without the second tier nothing is known
/// of what nobody noted; what was noted stays until the tier is there again.
async fn remove_objects(tier: Option<&Tier>, moved: &BTreeSet<String>, removed: &mut Removed) {
    let failed: BTreeSet<&str> = removed.failed.iter().map(|(wav, _)| wav.as_str()).collect();
    let absent = removed.absent.iter().filter(|_| tier.is_some());
    let wavs: BTreeSet<&String> =
        moved.iter().chain(absent).filter(|wav| !failed.contains(wav.as_str())).collect();
    let wavs: Vec<String> = wavs.into_iter().cloned().collect();
    let Some(tier) = tier else {
        let why = "it lies in the object store, which [tier] of switchgrid.toml does not name";
        removed.failed.extend(wavs.into_iter().map(|wav| (wav, why.to_owned())));
        return;
    };
    // Few enough that all of their objects go with one request.
    for (at, some) in wavs.chunks(AT_ONCE).enumerate() {
        let objects: Vec<String> = some.iter().flat_map(|wav| moving::objects(wav)).collect();
        if let Err(error) = tier.delete(&objects).await {
            // Who does not answer now is not asked for the rest: the asker waits.
            let left = wavs[at * AT_ONCE..].iter();
            removed.failed.extend(left.map(|wav| (wav.clone(), error.to_string())));
            return;
        }
    }
}

/// Removes files of one folder beneath the recordings and syncs it; says how many went.
///
/// # Errors
/// What the disk says; what went is gone then.
pub(super) fn unlink_all(recordings: &Path, files: &[String]) -> io::Result<u64> {
    let Some((folder, _)) = files.first().and_then(|file| file.rsplit_once('/')) else {
        return Ok(0);
    };
    let open = open_folder(recordings, folder)?;
    let mut gone = 0;
    for file in files {
        let name = file.strip_prefix(folder).and_then(|name| name.strip_prefix('/'));
        gone += name.map_or(Ok(0), |name| unlink(open.as_raw_fd(), name))?;
    }
    open.sync_all()?;
    drop(open);
    // Refused while anything is in it.
    let _ = std::fs::remove_dir(recordings.join(folder));
    Ok(gone)
}

/// Removes every rendering of these recordings (`<tenant>/<day>/<recording>.wav`). What is not
/// there is as good as removed; a folder that is empty afterwards goes too.
pub fn remove(recordings: &Path, wavs: &[String]) -> Removed {
    let mut folders: BTreeMap<&str, Vec<(&str, &String)>> = BTreeMap::new();
    let mut removed = Removed::default();
    for wav in wavs {
        match parts(wav) {
            Some((folder, stem)) => folders.entry(folder).or_default().push((stem, wav)),
            None => removed.failed.push((wav.clone(), "this is no path of a recording".to_owned())),
        }
    }
    let aside = open_folder(recordings, QUARANTINE).ok();
    for (folder, stems) in folders {
        let open = match open_folder(recordings, folder) {
            Ok(open) => Some(open),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let each = stems.iter().map(|(_, wav)| ((*wav).clone(), error.to_string()));
                removed.failed.extend(each);
                continue;
            }
        };
        for (stem, wav) in stems {
            let set_aside = aside.as_ref().map_or(Ok(0), |aside| unlink_aside(aside, folder, stem));
            let files = open.as_ref().map_or(Ok(0), |open| remove_one(open.as_raw_fd(), stem));
            match set_aside.and_then(|aside| files.map(|files| files + aside)) {
                Ok(0) => removed.absent.push(wav.clone()),
                Ok(files) => removed.files += files,
                Err(error) => removed.failed.push((wav.clone(), error.to_string())),
            }
        }
        let Some(open) = open else { continue };
        // Gone for good before anybody notes that it is.
        if let Err(error) = open.sync_all() {
            removed.failed.push((folder.to_owned(), error.to_string()));
        }
        drop(open);
        // Refused while anything is in it.
        let _ = std::fs::remove_dir(recordings.join(folder));
    }
    removed
}

/// Removes these faxes (`<tenant>/<fax>.tif`), tenant by tenant. A tenant's folder stays: its
/// documents lie in it.
pub fn remove_faxes(faxes: &Path, files: &[String]) -> Removed {
    let mut folders: BTreeMap<&str, Vec<(&str, &String)>> = BTreeMap::new();
    let mut removed = Removed::default();
    for file in files {
        match fax_parts(file) {
            Some((tenant, name)) => folders.entry(tenant).or_default().push((name, file)),
            None => removed.failed.push((file.clone(), "this is no path of a fax".to_owned())),
        }
    }
    for (tenant, names) in folders {
        let open = match open_folder(faxes, tenant) {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                removed.absent.extend(names.iter().map(|(_, file)| (*file).clone()));
                continue;
            }
            Err(error) => {
                let each = names.iter().map(|(_, file)| ((*file).clone(), error.to_string()));
                removed.failed.extend(each);
                continue;
            }
        };
        for (name, file) in names {
            match unlink(open.as_raw_fd(), name) {
                Ok(0) => removed.absent.push(file.clone()),
                Ok(files) => removed.files += files,
                Err(error) => removed.failed.push((file.clone(), error.to_string())),
            }
        }
        // Gone for good before anybody notes that it is.
        if let Err(error) = open.sync_all() {
            removed.failed.push((tenant.to_owned(), error.to_string()));
        }
    }
    removed
}

/// Folder and name of `<tenant>/<fax>.tif`, both of digits.
fn fax_parts(file: &str) -> Option<(&str, &str)> {
    let (tenant, name) = file.split_once('/')?;
    let stem = name.strip_suffix(".tif")?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(tenant) && digits(stem)).then_some((tenant, name))
}

/// Folder and stem of `<tenant>/<yyyy-mm-dd>/<recording>.wav`, all of them plain.
pub(super) fn parts(wav: &str) -> Option<(&str, &str)> {
    let (folder, name) = wav.rsplit_once('/')?;
    let (tenant, day) = folder.split_once('/')?;
    let stem = name.strip_suffix(".wav").or_else(|| name.strip_suffix(".wav.sealed"))?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_day = day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    (digits(tenant) && is_day && digits(stem)).then_some((folder, stem))
}

fn open_folder(recordings: &Path, folder: &str) -> io::Result<File> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    let mut here = File::options().read(true).custom_flags(flags).open(recordings)?;
    for part in folder.split('/') {
        let name = CString::new(part)?;
        let flags = flags | libc::O_NOFOLLOW;
        // SAFETY: the descriptor is open and `name` ends with NUL and outlives the call.
        let fd = unsafe { libc::openat(here.as_raw_fd(), name.as_ptr(), flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
        here = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    Ok(here)
}

fn remove_one(folder: RawFd, stem: &str) -> io::Result<u64> {
    let endings = RENDERINGS.iter().chain(&PARTS);
    endings.map(|ending| unlink(folder, &format!("{stem}.{ending}"))).sum()
}

/// What a repair moved aside has its folders in its name.
fn unlink_aside(aside: &File, folder: &str, stem: &str) -> io::Result<u64> {
    let stem = format!("{folder}/{stem}").replace('/', "-");
    let removed = remove_one(aside.as_raw_fd(), &stem)?;
    if removed > 0 {
        aside.sync_all()?;
    }
    Ok(removed)
}

/// How many files went: one, or none because there is none.
fn unlink(folder: RawFd, name: &str) -> io::Result<u64> {
    let name = CString::new(name)?;
    // SAFETY: the descriptor is open and `name` ends with NUL and outlives the call.
    if unsafe { libc::unlinkat(folder, name.as_ptr(), 0) } == 0 {
        return Ok(1);
    }
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::NotFound => Ok(0),
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn every_rendering_goes_and_neighbours_stay() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("1/2026-11-23");
        fs::create_dir_all(&day).unwrap();
        let kept = ["7.txt", "77.wav", "77.mp3_tmp"];
        let going = ["7.wav", "7.mp3", "7.opus", "7.mp3_tmp", "8.wav.sealed", "8.mp3.sealed"];
        for name in going.iter().chain(&kept).chain(&["8.opus.sealed_tmp"]) {
            fs::write(day.join(name), "x").unwrap();
        }
        let wavs = ["1/2026-11-23/7.wav", "1/2026-11-23/8.wav.sealed", "1/2026-11-24/9.wav"];
        let removed = remove(folder.path(), &wavs.map(str::to_owned));
        let absent = vec!["1/2026-11-24/9.wav".to_owned()];
        assert_eq!(removed, Removed { files: 7, failed: Vec::new(), absent });
        assert_eq!(names(&day), ["7.txt", "77.mp3_tmp", "77.wav"]);
        // Once more is the same.
        let removed = remove(folder.path(), &wavs.map(str::to_owned));
        assert_eq!((removed.files, removed.failed.len(), removed.absent.len()), (0, 0, 3));
    }

    #[test]
    fn a_fax_goes_and_nothing_else_of_its_tenant() {
        let outside = tempfile::tempdir().unwrap();
        let faxes = outside.path().join("faxes");
        fs::create_dir_all(faxes.join("1/documents")).unwrap();
        fs::create_dir_all(outside.path().join("2")).unwrap();
        for name in ["1/7.tif", "1/77.tif", "1/documents/news.tif", "../2/8.tif"] {
            fs::write(faxes.join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(outside.path().join("2"), faxes.join("2")).unwrap();
        let removed = remove_faxes(&faxes, &["1/7.tif", "1/9.tif", "3/9.tif"].map(str::to_owned));
        let absent = ["1/9.tif", "3/9.tif"].map(str::to_owned).to_vec();
        assert_eq!(removed, Removed { files: 1, failed: Vec::new(), absent });
        for bad in ["2/8.tif", "../2/8.tif", "1/documents/news.tif", "1/../1/77.tif", "1/77", ""] {
            let removed = remove_faxes(&faxes, &[bad.to_owned()]);
            assert_eq!((removed.files, removed.failed.len()), (0, 1), "{bad}");
        }
        assert_eq!(names(&faxes.join("1")), ["77.tif", "documents"]);
        assert!(
            faxes.join("1/documents/news.tif").exists() && outside.path().join("2/8.tif").exists()
        );
    }

    #[test]
    fn what_a_repair_moved_aside_goes_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("quarantine")).unwrap();
        for name in ["1-2026-11-23-7.wav", "1-2026-11-23-7.mp3", "1-2026-11-23-8.wav"] {
            fs::write(folder.path().join("quarantine").join(name), "x").unwrap();
        }
        let removed = remove(folder.path(), &["1/2026-11-23/7.wav".to_owned()]);
        assert_eq!((removed.files, removed.failed.len()), (2, 0));
        assert_eq!(names(&folder.path().join("quarantine")), ["1-2026-11-23-8.wav"]);
    }

    #[test]
    fn an_empty_day_goes_with_its_last_recording() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("1/2026-11-23");
        fs::create_dir_all(&day).unwrap();
        fs::write(day.join("7.wav"), "x").unwrap();
        remove(folder.path(), &["1/2026-11-23/7.wav".to_owned()]);
        assert!(!day.exists() && folder.path().join("1").exists());
    }

    #[test]
    fn nothing_outside_the_recordings_is_reached() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("recordings");
        fs::create_dir_all(folder.join("1")).unwrap();
        fs::create_dir_all(outside.path().join("2026-11-23")).unwrap();
        fs::write(outside.path().join("2026-11-23/7.wav"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path().join("2026-11-23"), folder.join("1/2026-11-23"))
            .unwrap();
        for wav in [
            "1/2026-11-23/7.wav",
            "../2026-11-23/7.wav",
            "1/../2026-11-23/7.wav",
            "/1/2026-11-23/7.wav",
            "1/2026-11-23/../7.wav",
            "1/2026-11-23/7",
            "",
        ] {
            let removed = remove(&folder, &[wav.to_owned()]);
            assert_eq!((removed.files, removed.failed.len()), (0, 1), "{wav}");
        }
        assert!(outside.path().join("2026-11-23/7.wav").exists());
    }
}
