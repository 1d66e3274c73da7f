//! The file of the box's recording keys. Promise: a box never makes a new key where something is
//! sealed with one that is gone, and never goes on without a key; nothing of a key but its name is
//! printed.
//!
//! The file is text, mode 0600: a key a line, 64 hex digits, the oldest first. The last one seals,
//! all of them open. It is made at the first start. Who keeps keys elsewhere names another file, or
//! gives the same text in the environment variable [`VARIABLE`], which comes first.

#![allow(clippy::disallowed_methods)]

use super::storage::{self, list_segments};
use crate::record::seal::{KEY_BYTES, KeyId, Keyring, KeyringError};
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Holds the keys where it is set.
pub const VARIABLE: &str = "SWITCHGRID_RECORDING_KEYS";
/// A longer file is none of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const TEXT: &str = "\
# Keys of this box's recordings, the oldest first. The last one seals what is new.
# Keep a copy in another place: what is sealed cannot be read without its key.
";

/// The keys, and where they came from.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keys.
    pub ring: Arc<Keyring>,
    /// The file or the variable, for sentences.
    pub from: String,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be used.
    #[error("{doing} the recording keys {}: {source}", path.display())]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Others could read the keys.
    #[error("the recording keys {} may be read or changed by others (mode {mode:o}): chmod 600 it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The text holds no keys.
    #[error("the recording keys in {from} cannot be used: {source}; put the right ones back")]
    Bad {
        /// The file or the variable.
        from: String,
        /// What is wrong.
        source: KeyringError,
    },
    /// The file is gone, and something was sealed with its keys.
    #[error(
        "the recording keys {} are missing, and {sealed} is sealed with key {key}: put the file \
         back from your copy; if there is none, what is sealed is lost: move it away, and the next \
         start makes a new key", path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// Something that is sealed.
        sealed: String,
        /// With which key.
        key: KeyId,
    },
    /// Something was sealed with a key that is not there.
    #[error(
        "{sealed} is sealed with key {key}, which is not among the recording keys in {from}: put \
         that key back as one of its lines, the one in use last; if it is lost, move what it \
         sealed away"
    )]
    Unknown {
        /// Something that is sealed.
        sealed: String,
        /// With which key.
        key: KeyId,
        /// The file or the variable.
        from: String,
    },
    /// The folder of segments cannot be read, or a later release wrote there.
    #[error(transparent)]
    Segments(Box<storage::Error>),
    /// A rotation where the keys are not ours to write.
    #[error(
        "the recording keys are in the variable {VARIABLE}: add the new key there, as the last one"
    )]
    Elsewhere,
}

impl Keys {
    /// The keys for a start that will record: made if this box has sealed nothing yet, and checked
    /// against the segments of earlier runs.
    ///
    /// # Errors
    /// [`Error`], each with the file and what to do.
    pub fn open(file: &Path, segments: &Path) -> Result<Keys, Error> {
        let keys = match Keys::read(file) {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                if let Some((sealed, key)) = sealed(segments)?.into_iter().next() {
                    return Err(Error::Missing { path: file.to_owned(), sealed, key });
                }
                append(file, TEXT)?;
                let made = Keys::read(file)?;
                tracing::info!(
                    file = %file.display(), key = %made.ring.current(),
                    "made the recording keys; keep a copy of the file in another place"
                );
                made
            }
            keys => keys?,
        };
        keys.check(segments)?;
        Ok(keys)
    }

    /// The keys as they are.
    ///
    /// # Errors
    /// [`Error`], each with the file and what to do.
    pub fn read(file: &Path) -> Result<Keys, Error> {
        let (text, from) = match env::var(VARIABLE) {
            Ok(text) if !text.trim().is_empty() => (text, format!("the variable {VARIABLE}")),
            _ => (read_private(file)?, file.display().to_string()),
        };
        match Keyring::parse(&text) {
            Ok(ring) => Ok(Keys { ring: Arc::new(ring), from }),
            Err(source) => Err(Error::Bad { from, source }),
        }
    }

    /// Whether every segment can be opened.
    pub(crate) fn check(&self, segments: &Path) -> Result<(), Error> {
        let unknown = sealed(segments)?.into_iter().find(|(_, key)| !self.ring.holds(*key));
        match unknown {
            Some((sealed, key)) => Err(Error::Unknown { sealed, key, from: self.from.clone() }),
            None => Ok(()),
        }
    }
}

/// Adds a key to the file: from the next start on it seals, and the older ones open.
///
/// # Errors
/// When the keys are in the variable, or the file cannot be written.
pub fn rotate(file: &Path) -> Result<KeyId, Error> {
    if env::var(VARIABLE).is_ok_and(|text| !text.trim().is_empty()) {
        return Err(Error::Elsewhere);
    }
    append(file, &Keys::read(file).and_then(|_| read_private(file))?)?;
    Ok(Keys::read(file)?.ring.current())
}

/// Sealed segments that can be told by their header, with the key's name.
fn sealed(segments: &Path) -> Result<Vec<(String, KeyId)>, Error> {
    if !segments.exists() {
        return Ok(Vec::new());
    }
    let listed = list_segments(segments).map_err(|error| Error::Segments(Box::new(error)))?;
    let sealed = listed.into_iter().filter_map(|(id, header)| {
        let key = header?.seal?.key;
        Some((segments.join(id.file_name()).display().to_string(), key))
    });
    Ok(sealed.collect())
}

fn read_private(path: &Path) -> Result<String, Error> {
    let read = || {
        let open = File::open(path)?;
        let mode = open.metadata()?.permissions().mode() & 0o777;
        let mut text = String::new();
        open.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok((mode, text))
    };
    let (mode, text) = read().map_err(file_error("read", path))?;
    // A group may read: that is how containers mount secrets for one user.
    if mode & 0o037 != 0 {
        return Err(Error::Open { path: path.to_owned(), mode });
    }
    Ok(text)
}

/// The text with one more key, durable before it has its name.
fn append(path: &Path, text: &str) -> Result<(), Error> {
    let mut secret = [0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut secret)
        .map_err(|_| io::Error::other("the system gives no random bytes"))
        .map_err(file_error("make a key for", path))?;
    let mut text = text.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for byte in secret {
        write!(text, "{byte:02x}").expect("a string takes text");
    }
    text.push('\n');
    write_private(path, &text).map_err(file_error("write", path))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut part = path.as_os_str().to_owned();
    part.push("_tmp");
    // What a crash left is not trusted to have our mode.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&part, path)?;
    File::open(directory)?.sync_all()
}

fn file_error(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_makes_a_key_that_only_we_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/recording.keys");
        let made = Keys::open(&file, folder.path()).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Keys::open(&file, folder.path()).unwrap();
        assert_eq!(made.ring.current(), again.ring.current());
        let other = Keys::open(&folder.path().join("other"), folder.path()).unwrap();
        assert_ne!(made.ring.current(), other.ring.current());
    }

    #[test]
    fn a_key_is_in_no_debug_text_and_in_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording.keys");
        let keys = Keys::open(&file, folder.path()).unwrap();
        let secret = fs::read_to_string(&file).unwrap().lines().last().unwrap().to_owned();
        assert!(!format!("{keys:?}").contains(&secret[..8]));
        write_private(&file, &format!("{secret}\n{secret}\n")).unwrap();
        let twice = Keys::read(&file).unwrap_err();
        assert!(matches!(twice, Error::Bad { source: KeyringError::Twice(2), .. }), "{twice}");
        assert!(!format!("{twice} {twice:?}").contains(&secret[..8]));
    }

    #[test]
    fn a_rotated_key_is_last_and_the_older_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording.keys");
        let first = Keys::open(&file, folder.path()).unwrap().ring.current();
        let second = rotate(&file).unwrap();
        let keys = Keys::read(&file).unwrap();
        assert_ne!(first, second);
        assert_eq!(keys.ring.current(), second);
        assert!(keys.ring.holds(first));
        assert!(fs::read_to_string(&file).unwrap().starts_with(TEXT));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording.keys");
        Keys::open(&file, folder.path()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Keys::open(&file, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("chmod 600") && refused.contains("recording.keys"), "{refused}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
        Keys::read(&file).unwrap();
        assert!(matches!(rotate(&folder.path().join("none")), Err(Error::File { .. })));
    }

    #[test]
    fn a_text_without_keys_is_refused_by_its_place() {
        let key = "ab".repeat(32);
        for (text, expected) in [
            ("# nothing\n\n", KeyringError::Empty),
            ("abc", KeyringError::NotAKey(1)),
            (&format!("{key}\n{key}0"), KeyringError::NotAKey(2)),
            (&format!("{key}\n{}", "zz".repeat(32)), KeyringError::NotAKey(2)),
            (&format!("{key},{key}"), KeyringError::Twice(2)),
        ] {
            assert_eq!(Keyring::parse(text).unwrap_err(), expected, "{text}");
        }
        let many: String = (0..65).map(|n| format!("{n:064x}\n")).collect();
        assert_eq!(Keyring::parse(&many).unwrap_err(), KeyringError::TooMany);
        assert!(Keyring::parse(&format!("{key} # the old one\n{}", "cd".repeat(32))).is_ok());
    }
}
