//! Loads prompts from directories: `<dir>/zh-CN/welcome.wav` becomes `zh-CN/welcome`, and so does
//! `welcome.mp3` or `welcome.opus` beside it.

use crate::prompt::{self, Kind, Limits, Prompt, PromptStore};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Prompts of all directories at most.
pub const PROMPTS_MAX: usize = 20_000;
/// Directories below one another at most.
const DEPTH_MAX: usize = 4;

/// Why the prompts could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory or a file could not be read.
    #[error("load prompts from {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// The kernel's word.
        source: io::Error,
    },
    /// There are more files than the limit.
    #[error("load prompts from {path}: more than {PROMPTS_MAX} files")]
    TooMany {
        /// Where the limit was reached.
        path: PathBuf,
    },
}

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Loads the WAV, MP3 and Opus files of these directories; a name in a later directory replaces an
/// earlier one, and of one name in one directory the WAV comes first, then MP3, then Opus.
/// A file that cannot be played is left out and named.
///
/// # Errors
/// When a directory cannot be read or holds too many files.
pub fn load(dirs: &[PathBuf], limits: &Limits) -> Result<(PromptStore, Vec<Skipped>), Error> {
    let mut prompts = Vec::new();
    let mut skipped = Vec::new();
    for (name, Found { path, .. }) in find(dirs)? {
        match read(&path, limits) {
            Ok(prompt) => prompts.push((name, prompt)),
            Err(reason) => skipped.push(Skipped { path, reason }),
        }
    }
    Ok((PromptStore::new(prompts), skipped))
}

/// The names of the prompts that [`load`] would find, whether they can be played or not.
///
/// # Errors
/// As [`load`].
pub fn names(dirs: &[PathBuf]) -> Result<BTreeSet<String>, Error> {
    Ok(find(dirs)?.into_keys().collect())
}

fn find(dirs: &[PathBuf]) -> Result<BTreeMap<String, Found>, Error> {
    let mut files = BTreeMap::new();
    for (rank, dir) in dirs.iter().enumerate() {
        collect(&Folder { root: dir, rank }, dir, 0, &mut files)?;
    }
    Ok(files)
}

/// Reads one file.
///
/// # Errors
/// A sentence: what the kernel says, or why it is not played.
pub fn read(path: &Path, limits: &Limits) -> Result<Prompt, String> {
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > limits.bytes_max {
        return Err(prompt::Error::Bytes { bytes, max: limits.bytes_max }.to_string());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    Prompt::read(&bytes, limits).map_err(|error| error.to_string())
}

struct Folder<'a> {
    root: &'a Path,
    /// Its place among the directories: a later one comes before.
    rank: usize,
}

struct Found {
    path: PathBuf,
    rank: usize,
    kind: Kind,
}

fn collect(
    folder: &Folder,
    dir: &Path,
    depth: usize,
    files: &mut BTreeMap<String, Found>,
) -> Result<(), Error> {
    let failed = |source| Error::Read { path: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            if depth < DEPTH_MAX {
                collect(folder, &path, depth + 1, files)?;
            }
            continue;
        }
        if let Some((name, kind)) = name_of(folder.root, &path) {
            let rank = folder.rank;
            let stays = |old: &Found| old.rank == rank && (old.kind as u8) < kind as u8;
            if !files.get(&name).is_some_and(stays) {
                files.insert(name, Found { path, rank, kind });
            }
        }
        if files.len() > PROMPTS_MAX {
            return Err(Error::TooMany { path: dir.to_owned() });
        }
    }
    Ok(())
}

fn name_of(root: &Path, path: &Path) -> Option<(String, Kind)> {
    let kind = path.extension()?.to_str().and_then(Kind::with_extension)?;
    let name = path.strip_prefix(root).ok()?.with_extension("");
    let name = name.to_str()?.to_owned();
    prompt::is_name(&name).then_some((name, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_names_and_bad_ones_are_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("zh-CN")).unwrap();
        fs::write(dir.path().join("zh-CN/welcome.wav"), wav(1)).unwrap();
        fs::write(dir.path().join("zh-CN/bad.wav"), b"no").unwrap();
        fs::write(dir.path().join("zh-CN/large.mp3"), [0; 200]).unwrap();
        fs::write(dir.path().join("readme.txt"), b"no").unwrap();
        let limits = Limits { bytes_max: 100, ..Limits::default() };
        let (store, skipped) = load(&[dir.path().to_owned()], &limits).unwrap();
        assert_eq!(store.names(), ["zh-CN/welcome"]);
        let reasons: Vec<&str> = skipped.iter().map(|file| file.reason.as_str()).collect();
        assert!(reasons[0].contains("WAV, MP3 (MPEG audio layer III) and Ogg Opus"), "{reasons:?}");
        assert_eq!(reasons[1], "200 bytes; a prompt has at most 100");
    }

    #[test]
    fn a_later_directory_wins_whatever_the_kind_and_within_one_the_wav() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        // What a file is, its bytes say: the names tell only what comes first.
        for (dir, name, samples) in [
            (0, "one.wav", 1),
            (1, "one.mp3", 2),
            (1, "one.opus", 3),
            (0, "two.mp3", 4),
            (0, "two.wav", 5),
            (0, "two.ogg", 6),
        ] {
            fs::write(dirs[dir].path().join(name), wav(samples)).unwrap();
        }
        let dirs = dirs.each_ref().map(|dir| dir.path().to_owned());
        let (store, _) = load(&dirs, &Limits::default()).unwrap();
        let samples = |name: &str| store.get(name).unwrap().octets(crate::g711::Law::A).len();
        assert_eq!((samples("one"), samples("two")), (2, 5));
        assert_eq!(names(&dirs).unwrap().into_iter().collect::<Vec<_>>(), ["one", "two"]);
    }

    fn wav(samples: usize) -> Vec<u8> {
        let mut wav =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data"
                .to_vec();
        wav.extend((samples as u32 * 2).to_le_bytes());
        wav.extend([1].repeat(samples * 2));
        wav
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = load(&[PathBuf::from("no/such/place")], &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("no/such/place"));
    }
}
