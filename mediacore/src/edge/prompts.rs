//! Loads prompts from directories: `<dir>/zh-CN/welcome.wav` becomes `zh-CN/welcome`.

use crate::prompt::{self, Prompt, PromptStore, WavError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Bytes of one file at most.
const FILE_BYTES_MAX: u64 = 512 << 20;
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
#[derive(Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Loads all WAV files of these directories; a name in a later directory replaces an earlier one.
/// A file that cannot be played is left out and named.
pub fn load(dirs: &[PathBuf]) -> Result<(PromptStore, Vec<Skipped>), Error> {
    let mut files = BTreeMap::new();
    for dir in dirs {
        collect(dir, dir, 0, &mut files)?;
    }
    let mut prompts = Vec::new();
    let mut skipped = Vec::new();
    for (name, path) in files {
        match read(&path) {
            Ok(prompt) => prompts.push((name, prompt)),
            Err(reason) => skipped.push(Skipped { path, reason }),
        }
    }
    Ok((PromptStore::new(prompts), skipped))
}

fn read(path: &Path) -> Result<Prompt, String> {
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("{bytes} bytes; at most {FILE_BYTES_MAX} are read"));
    }
    let wav = fs::read(path).map_err(|error| error.to_string())?;
    Prompt::from_wav(&wav).map_err(|error: WavError| error.to_string())
}

fn collect(
    root: &Path,
    dir: &Path,
    depth: usize,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), Error> {
    let failed = |source| Error::Read { path: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            if depth < DEPTH_MAX {
                collect(root, &path, depth + 1, files)?;
            }
            continue;
        }
        if let Some(name) = name_of(root, &path) {
            files.insert(name, path);
        }
        if files.len() > PROMPTS_MAX {
            return Err(Error::TooMany { path: dir.to_owned() });
        }
    }
    Ok(())
}

fn name_of(root: &Path, path: &Path) -> Option<String> {
    let wav = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
    let name = path.strip_prefix(root).ok()?.with_extension("");
    let name = name.to_str()?.to_owned();
    (wav && prompt::is_name(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_names_and_bad_ones_are_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("zh-CN")).unwrap();
        let mut wav =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data"
                .to_vec();
        wav.extend([4, 0, 0, 0, 1, 0, 2, 0]);
        fs::write(dir.path().join("zh-CN/welcome.wav"), &wav).unwrap();
        fs::write(dir.path().join("zh-CN/bad.wav"), b"no").unwrap();
        fs::write(dir.path().join("readme.txt"), b"no").unwrap();
        let (store, skipped) = load(&[dir.path().to_owned()]).unwrap();
        assert_eq!(store.names(), ["zh-CN/welcome"]);
        assert_eq!(skipped.len(), 1);
        assert!(skipped[0].reason.contains("not a WAV file"));
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = load(&[PathBuf::from("no/such/place")]).unwrap_err();
        assert!(error.to_string().contains("no/such/place"));
    }
}
