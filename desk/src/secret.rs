//! Secrets: making them, and keeping them so that a copy of the database gives none away.
//!
//! People's passwords are Argon2id hashes. Phone passwords are kept as HA1 (RFC 7616 §3.4.2), the
//! one thing digest authentication needs. Bearer tokens are 32 random bytes, kept as SHA-256.
//! Only what we must present to others (a trunk's password) is kept so that it can be read
//! again: sealed with AES-256-GCM under a key that is not in the database.

use crate::{Error, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{Read, Write as _};
use std::path::Path;

/// A secret on its way to the one person who needs it. Never in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }
    /// The secret itself: to print once, to answer once, to hash.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Fills from the system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel has random bytes");
    bytes
}

/// A password that a person can read out and type: 16 characters, 80 bits, nothing that looks
/// like something else.
pub fn generated_password() -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
    Secret(random::<16>().iter().map(|byte| LETTERS[usize::from(byte & 31)] as char).collect())
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 in hex.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// HA1 of RFC 7616 §3.4.2 in both algorithms: (MD5, SHA-256) of `user:realm:password`.
pub fn ha1(user: &str, realm: &str, password: &str) -> (String, String) {
    let text = format!("{user}:{realm}:{password}");
    (hex(&Md5::digest(text.as_bytes())), sha256_hex(&text))
}

/// Seals and opens what must be readable again.
pub(crate) struct Keeper(RandomizedNonceKey);

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Keeper(…)")
    }
}

impl Keeper {
    /// Reads the key at `path`, or makes one with mode 0600.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let key = match made {
            Ok(mut file) => {
                let key = random::<32>();
                file.write_all(&key)?;
                file.sync_all()?;
                key.to_vec()
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                let mut key = Vec::new();
                std::fs::File::open(path)?.take(64).read_to_end(&mut key)?;
                key
            }
            Err(e) => return Err(e),
        };
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Keeper).map_err(|_| {
            std::io::Error::other(format!(
                "{} holds {} bytes, a key has 32; put the right file back, or remove it and enter \
                 the trunk passwords again",
                path.display(),
                key.len()
            ))
        })
    }

    /// `owner` binds the secret to its place: moved to another row, it does not open.
    pub(crate) fn seal(&self, owner: &str, secret: &str) -> String {
        let mut bytes = secret.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(owner), &mut bytes)
            .expect("a short text can be sealed");
        hex(nonce.as_ref()) + &hex(&bytes)
    }

    pub(crate) fn open_sealed(&self, owner: &str, sealed: &str) -> Result<Secret> {
        let broken = |problem: &str| Error::Stored {
            doing: "open a sealed password",
            what: "password",
            problem: problem.to_owned(),
        };
        let bytes = unhex(sealed).ok_or_else(|| broken("it is not hex"))?;
        let (nonce, rest) =
            bytes.split_at_checked(NONCE_LEN).ok_or_else(|| broken("it is too short"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).expect("the length was just cut");
        let mut rest = rest.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(owner), &mut rest)
            .map_err(|_| broken("the key file is not the one it was sealed with"))?;
        Ok(Secret(String::from_utf8_lossy(plain).into_owned()))
    }
}

/// The octets of hex; `None` for anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ha1_is_that_of_rfc_7616() {
        // RFC 7616 §3.9.1 gives user, realm and password; the MD5 is also RFC 2617 §3.5's form.
        let (md5, sha256) = ha1("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(md5, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(sha256, "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
    }

    #[test]
    fn a_secret_does_not_reach_a_log() {
        let secret = generated_password();
        assert_eq!(secret.expose().len(), 16);
        assert!(!format!("{secret:?}").contains(secret.expose()));
        assert_ne!(secret, generated_password());
    }

    #[test]
    fn a_sealed_secret_opens_in_its_own_place_only() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(&folder.path().join("k")).unwrap();
        let sealed = keeper.seal("tenant 1 trunk 2", "hunter2");
        assert!(!sealed.contains("hunter2"));
        let again = Keeper::open(&folder.path().join("k")).unwrap();
        assert_eq!(again.open_sealed("tenant 1 trunk 2", &sealed).unwrap().expose(), "hunter2");
        assert!(again.open_sealed("tenant 9 trunk 2", &sealed).is_err());
        assert!(again.open_sealed("tenant 1 trunk 2", "00").is_err());
        let other = Keeper::open(&folder.path().join("other")).unwrap();
        assert!(other.open_sealed("tenant 1 trunk 2", &sealed).is_err());
    }
}
