//! Files as one zip that is written while it is sent: neither disk nor memory holds the rest.
//! The last file, `SHA256SUMS`, names the SHA-256 of every other as `sha256sum --check` reads it.
//! Files are stored as they are: audio hardly becomes smaller, and a stored file can be read at its
//! place.

mod pipe;
pub mod recordings;

pub use pipe::{Pipe, pipe};

use desk::secret::hex;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZIP64_BYTES_THR, ZipWriter};

/// Name of the list of hashes.
pub const SUMS: &str = "SHA256SUMS";
/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// A zip that is being written.
pub struct Bundle<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    sums: String,
}

/// What a file of it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

impl<W: Write> Bundle<W> {
    /// An empty one that goes to `to`.
    pub fn new(to: W) -> Self {
        Bundle { zip: ZipWriter::new_stream(to), sums: String::new() }
    }

    /// Adds a file of at most `bytes_max` bytes under a name of our own making: letters, digits, `.`,
    /// `-`, `_` and `/`.
    ///
    /// # Errors
    /// What reading or writing says. The bundle is no good then: half a file is in it.
    pub fn add(&mut self, name: &str, bytes_max: u64, from: &mut dyn Read) -> io::Result<Added> {
        self.start(name, bytes_max)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let got = from.read(&mut chunk)?;
            if got == 0 {
                break;
            }
            hash.update(&chunk[..got]);
            self.zip.write_all(&chunk[..got])?;
            bytes += got as u64;
        }
        let sha256 = hex(&hash.finalize());
        writeln!(self.sums, "{sha256}  {name}").expect("a string takes text");
        Ok(Added { bytes, sha256 })
    }

    /// Adds a file that is in memory.
    ///
    /// # Errors
    /// What writing says.
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<Added> {
        self.add(name, bytes.len() as u64, &mut &*bytes)
    }

    /// Writes the list of hashes and the zip's own directory.
    ///
    /// # Errors
    /// What writing says.
    pub fn finish(mut self) -> io::Result<()> {
        let sums = std::mem::take(&mut self.sums);
        self.start(SUMS, sums.len() as u64)?;
        self.zip.write_all(sums.as_bytes())?;
        self.zip.finish()?.into_inner().flush()
    }

    fn start(&mut self, name: &str, bytes_max: u64) -> io::Result<()> {
        // The time of a file is that of its row, not that of its copy: equal sets are equal files.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(bytes_max >= ZIP64_BYTES_THR);
        Ok(self.zip.start_file(name, options)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use zip::ZipArchive;

    #[test]
    fn a_bundle_names_the_hash_of_every_file_before_it() {
        let mut zip = Vec::new();
        let mut bundle = Bundle::new(&mut zip);
        let long = vec![7; CHUNK_BYTES + 1];
        let added = bundle.add_bytes("a/b.wav", &long).unwrap();
        assert_eq!(added.bytes, long.len() as u64);
        // Known from FIPS 180-2, appendix B.1.
        let abc = bundle.add_bytes("abc", b"abc").unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(abc, Added { bytes: 3, sha256: known.into() });
        bundle.finish().unwrap();

        let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
        let mut read = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        assert!(read("a/b.wav") == long);
        let sums = format!("{}  a/b.wav\n{known}  abc\n", added.sha256);
        assert_eq!(String::from_utf8(read(SUMS)).unwrap(), sums);
    }
}
