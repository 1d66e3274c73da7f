//! The key that packs of this box are signed with: Ed25519 in PKCS#8, a file of the data folder that
//! its owner alone reads, made when the first pack is. Whoever doubts a pack compares the public key
//! with the one that `switchgrid evidence key` prints.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use desk::secret::hex;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl SigningKey {
    /// Where the key of the box with this data folder lies.
    pub fn path(data: &Path) -> PathBuf {
        data.join("evidence.key")
    }

    /// Reads the key at `path`, or makes one.
    ///
    /// # Errors
    /// The disk's, and `InvalidData` for a file that is no key.
    pub fn open(path: &Path) -> io::Result<SigningKey> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path)?;
                std::fs::read(path)?
            }
            read => read?,
        };
        Ed25519KeyPair::from_pkcs8(&bytes).map(SigningKey).map_err(|_| {
            let why = format!("{} is no Ed25519 key; put the right file back", path.display());
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    }

    /// The public key, 32 octets in hex.
    pub fn public(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    /// The signature of `bytes`, 64 octets.
    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).as_ref().to_vec()
    }
}

/// Two who make one at a time end with one key: a name is given to a whole file, and once.
fn make(path: &Path) -> io::Result<()> {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| io::Error::other("the system has no randomness"))?;
    let partial = path.with_extension(format!("key{}", std::process::id()));
    let _ = std::fs::remove_file(&partial);
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(&partial)?;
    file.write_all(key.as_ref())?;
    file.sync_all()?;
    let named = std::fs::hard_link(&partial, path);
    std::fs::remove_file(&partial)?;
    match named {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = SigningKey::path(folder.path());
        let made = SigningKey::open(&path).unwrap();
        assert_eq!(made.public().len(), 64);
        assert_eq!(SigningKey::open(&path).unwrap().public(), made.public());
        make(&path).unwrap();
        assert_eq!(SigningKey::open(&path).unwrap().public(), made.public(), "the first stays");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::write(&path, "no key").unwrap();
        let error = SigningKey::open(&path).unwrap_err().to_string();
        assert!(error.contains("is no Ed25519 key"), "{error}");
    }
}
