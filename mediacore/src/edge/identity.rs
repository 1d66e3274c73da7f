//! The certificate of the box's media: made when the process starts, the same for all legs. The
//! signalling carries its fingerprint, so nobody has to know it from before.
//!
//! It stands beside the slots of the legs, in memory and ours alone, so that the process after a kill
//! is who the descriptions of its restored legs say, and goes at an orderly end.
//!
//! ```text
//! checksum, 4 bytes · length of the certificate, 4 bytes · certificate (DER) · key (PKCS #8)
//! ```

use super::slots;
use crate::dtls::Identity;
use dimpl::DtlsCertificate;
use dimpl::certificate::generate_self_signed_certificate;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Octets of the file at most; a certificate on P-256 and its key are some 600.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Makes a key on P-256 and a certificate for it.
///
/// # Errors
/// What the cryptographic library says.
pub fn generate() -> Result<Identity, String> {
    Identity::new(fresh()?, Instant::now())
}

/// The identity that the process before this one left in the folder, or a new one that is left there
/// for the next. Where it cannot be left, a restored leg cannot make new keys; that is logged.
///
/// # Errors
/// What the cryptographic library says.
pub fn kept(live: Option<&Path>) -> Result<Identity, String> {
    let Some(folder) = live else { return generate() };
    let certificate = match read(folder) {
        Ok(certificate) => certificate,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "the certificate of media is made anew");
            }
            let certificate = fresh()?;
            if let Err(error) = leave(folder, &certificate) {
                tracing::error!(%error, "the certificate of media will not survive a kill");
            }
            certificate
        }
    };
    Identity::new(certificate, Instant::now())
}

/// Removes what [`kept`] left.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn forget(folder: &Path) -> io::Result<()> {
    match fs::remove_file(path_of(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn fresh() -> Result<DtlsCertificate, String> {
    let made = generate_self_signed_certificate();
    made.map_err(|error| format!("make the certificate of media: {error}"))
}

fn path_of(folder: &Path) -> PathBuf {
    folder.join("media.identity")
}

fn read(folder: &Path) -> io::Result<DtlsCertificate> {
    let file =
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path_of(folder))?;
    // A folder of somebody else may have their certificate.
    slots::own(folder).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| io::Error::other("it was not written to its end"))
}

fn leave(folder: &Path, certificate: &DtlsCertificate) -> io::Result<()> {
    slots::own(folder).map_err(io::Error::other)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path_of(folder))?;
    file.write_all(&write(certificate))
}

fn write(DtlsCertificate { certificate, private_key }: &DtlsCertificate) -> Vec<u8> {
    let len = (certificate.len() as u32).to_be_bytes();
    let body = [&len[..], certificate, private_key].concat();
    [&crc32fast::hash(&body).to_be_bytes()[..], &body].concat()
}

fn parse(bytes: &[u8]) -> Option<DtlsCertificate> {
    let (sum, body) = bytes.split_first_chunk::<4>()?;
    let (len, rest) = body.split_first_chunk::<4>()?;
    let whole = crc32fast::hash(body).to_be_bytes() == *sum;
    let (certificate, key) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    (whole && !key.is_empty())
        .then(|| DtlsCertificate { certificate: certificate.to_vec(), private_key: key.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn every_process_has_a_certificate_of_its_own() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(format!("{one:?}"), format!("Identity({})", one.fingerprint()));
    }

    #[test]
    fn the_process_after_a_kill_is_who_the_one_before_was_and_nobody_after_an_orderly_end() {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join("live");
        let name = || kept(Some(&live)).unwrap().fingerprint();
        let first = name();
        let file = fs::metadata(path_of(&live)).unwrap();
        assert_eq!((name(), file.mode() & 0o777), (first, 0o600));
        forget(&live).unwrap();
        forget(&live).unwrap();
        assert_ne!(name(), first);
    }

    #[test]
    fn a_file_that_was_cut_or_changed_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join("live");
        let first = kept(Some(&live)).unwrap().fingerprint();
        let whole = fs::read(path_of(&live)).unwrap();
        for broken in [&whole[..whole.len() - 1], &whole[..5], &[], &[&whole[..], &[0]].concat()] {
            fs::write(path_of(&live), broken).unwrap();
            let second = kept(Some(&live)).unwrap().fingerprint();
            assert_ne!(second, first);
            assert_eq!(kept(Some(&live)).unwrap().fingerprint(), second, "left for the next");
        }
    }
}
