//! Sealed renderings: a finished WAV, MP3 or Opus file as it lies on disk where renderings are
//! encrypted. Promise: no part of it is readable without the box's keys; a part is read without the
//! rest; what was changed, moved, cut off or taken from another file does not open.
//!
//! ```text
//!  0        4        8       10     12       16      24      32      48      64
//! ┌────────┬────────┬───────┬──────┬────────┬───────┬───────┬───────┬───────┬─────────┬─────────┬──
//! │ "SGSF" │ CRC-32 │version│ zero │ chunk  │tenant │ key   │ salt  │ tag   │ chunk 0 │ chunk 1 │ …
//! │        │of 8..48│ u16   │ u16  │bytes u32│ u64  │ u64   │ 16    │ 16    │         │         │
//! └────────┴────────┴───────┴──────┴────────┴───────┴───────┴───────┴───────┴─────────┴─────────┴──
//! ```
//!
//! A chunk is [`CHUNK_BYTES`] of the file in clear, the last one what is left (it may be empty), and
//! a tag of 16 bytes after it. AES-256-GCM; the key is the tenant's in this file, derived as
//! [`super::seal`] says with the word `rendering`. The nonce is the chunk's number (u64, little
//! endian), then 1 in the last chunk and 0 in the others, then zeros: a file that ends early at a
//! chunk's border ends with a chunk that does not open. The header's tag is that of nothing under
//! the number 2⁶⁴−1, with bytes 8 to 48 as additional data. This is the STREAM construction of
//! Hoang, Reyhanitabar, Rogaway and Vizár, 2015.
//!
//! The salt is random and drawn for each file, so no pair of key and nonce comes twice.

use super::block::{TAG_BYTES, u16_at, u32_at, u64_at};
use super::seal::{FileSeal, KeyId, Keyring, SALT_BYTES};
use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use std::io;
use terms::TenantId;

/// Bytes of the file in clear in one chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The same as it lies on disk.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// Bytes before the first chunk.
pub const HEADER_BYTES: usize = 64;
/// What the name of a sealed file ends in, after the ending of the file in clear.
pub const ENDING: &str = ".sealed";
const MAGIC: [u8; 4] = *b"SGSF";
const VERSION: u16 = 1;
const TAG_AT: usize = HEADER_BYTES - TAG_BYTES;

/// The beginning of a sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose it is.
    pub tenant: TenantId,
    /// How it is sealed.
    pub seal: FileSeal,
}

/// Why a sealed file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends before its header does.
    #[error("the sealed file is cut off in its header")]
    Torn,
    /// It does not begin like one, or bits changed.
    #[error("the header of the sealed file is damaged")]
    Damaged,
    /// A later release wrote it.
    #[error(
        "the sealed file has format version {0} and this program knows versions up to {VERSION}"
    )]
    Newer(u16),
    /// The master key is not there.
    #[error("the file is sealed with key {0}, which is not among the recording keys")]
    Key(KeyId),
    /// The header is not the one that was written.
    #[error("the header of the sealed file was changed")]
    Changed,
    /// A chunk is not what was written, or chunks after it are gone.
    #[error("chunk {0} of the sealed file was changed, or the file was cut off after it")]
    Chunk(u64),
}

/// Whether a file that begins like this is sealed.
pub fn is_sealed(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

impl Header {
    /// Reads the start of a file, as far as it can be told without keys.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(start: &[u8]) -> Result<Header, Error> {
        let header = start.get(..HEADER_BYTES).ok_or(Error::Torn)?;
        if header[..4] != MAGIC || crc32fast::hash(&header[8..TAG_AT]) != u32_at(header, 4) {
            return Err(Error::Damaged);
        }
        match u16_at(header, 8) {
            VERSION => {}
            version => return Err(Error::Newer(version)),
        }
        // One size is written; another one would be another version.
        if u32_at(header, 12) as usize != CHUNK_BYTES {
            return Err(Error::Damaged);
        }
        let salt = header[32..32 + SALT_BYTES].try_into().expect("sixteen bytes");
        Ok(Header {
            tenant: TenantId(u64_at(header, 16)),
            seal: FileSeal { key: KeyId(u64_at(header, 24)), salt },
        })
    }

    fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(CHUNK_BYTES as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.tenant.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.seal.key.0.to_le_bytes());
        bytes[32..32 + SALT_BYTES].copy_from_slice(&self.seal.salt);
        let crc = crc32fast::hash(&bytes[8..TAG_AT]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// Which chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 0.
    pub number: u64,
    /// Nothing follows it.
    pub last: bool,
}

/// The key of one sealed file.
pub struct FileKey(LessSafeKey);

impl FileKey {
    /// The key and the header of a new file, sealed with the ring's current key. `salt` is random
    /// and used for no other file.
    pub fn new(
        ring: &Keyring,
        tenant: TenantId,
        salt: [u8; SALT_BYTES],
    ) -> (FileKey, [u8; HEADER_BYTES]) {
        let header = Header { tenant, seal: FileSeal { key: ring.current(), salt } };
        let key = FileKey::derive(ring, &header).expect("a ring holds its current key");
        let mut bytes = header.write();
        let (said, tag) = bytes.split_at_mut(TAG_AT);
        let made = key
            .0
            .seal_in_place_separate_tag(HEADER_PLACE.nonce(), Aad::from(&said[8..]), &mut [])
            .expect("AES-GCM seals nothing too");
        tag.copy_from_slice(made.as_ref());
        (key, bytes)
    }

    /// The key of a file that begins like this.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(ring: &Keyring, start: &[u8]) -> Result<(FileKey, Header), Error> {
        let header = Header::read(start)?;
        let key = FileKey::derive(ring, &header).ok_or(Error::Key(header.seal.key))?;
        let (said, tag) = start[..HEADER_BYTES].split_at(TAG_AT);
        let mut tag = tag.to_owned();
        let opened = key.0.open_in_place(HEADER_PLACE.nonce(), Aad::from(&said[8..]), &mut tag);
        if opened.is_err() {
            return Err(Error::Changed);
        }
        Ok((key, header))
    }

    fn derive(ring: &Keyring, header: &Header) -> Option<FileKey> {
        let owner = header.tenant.0.to_le_bytes();
        ring.file_key(&header.seal, &[b"tenant", &owner], "rendering").map(FileKey)
    }

    /// Seals a chunk in place; its tag comes onto its end.
    pub fn seal(&self, place: Place, chunk: &mut Vec<u8>) {
        assert!(chunk.len() <= CHUNK_BYTES, "a chunk of {} bytes", chunk.len());
        self.0
            .seal_in_place_append_tag(place.nonce(), Aad::empty(), chunk)
            .expect("AES-GCM seals 64 KiB");
    }

    /// Opens a chunk in place and takes its tag off.
    ///
    /// # Errors
    /// [`Error::Chunk`]; what is in `chunk` then is of no use.
    pub fn unseal(&self, place: Place, chunk: &mut Vec<u8>) -> Result<(), Error> {
        let opened = self.0.open_in_place(place.nonce(), Aad::empty(), chunk);
        let bytes = opened.map_err(|_| Error::Chunk(place.number))?.len();
        chunk.truncate(bytes);
        Ok(())
    }
}

/// Makes a sealed file from the bytes of one in clear, as they come. Where the beginning is only
/// known at the end (the Info frame of an MP3), the first chunk is kept back and sealed last: no
/// place is ever sealed twice.
pub struct Sealing {
    key: FileKey,
    /// The chunk that fills; it is sealed when the next one begins, so that the last one is known.
    chunk: Vec<u8>,
    number: u64,
    keeps_first: bool,
    first: Option<Vec<u8>>,
}

impl Sealing {
    /// A new file. The header is its first bytes.
    pub fn new(
        ring: &Keyring,
        tenant: TenantId,
        salt: [u8; SALT_BYTES],
        keeps_first: bool,
    ) -> (Sealing, [u8; HEADER_BYTES]) {
        let (key, header) = FileKey::new(ring, tenant, salt);
        (Sealing { key, chunk: Vec::new(), number: 0, keeps_first, first: None }, header)
    }

    /// More of the file in clear. `put` gets what is sealed by it, with its place in the file.
    ///
    /// # Errors
    /// Those of `put`.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        put: &mut impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK_BYTES {
                self.close(false, put)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// The end. `start` replaces the first bytes of the file where they were kept back.
    ///
    /// # Errors
    /// Those of `put`.
    pub fn finish(
        mut self,
        start: &[u8],
        put: &mut impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.keeps_first = false;
        let Some(mut first) = self.first.take() else {
            if self.number == 0 {
                replace(&mut self.chunk, start);
            }
            return self.close(true, put);
        };
        self.close(true, put)?;
        replace(&mut first, start);
        self.key.seal(Place { number: 0, last: false }, &mut first);
        put(HEADER_BYTES as u64, &first)
    }

    fn close(
        &mut self,
        last: bool,
        put: &mut impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let number = self.number;
        self.number += 1;
        let mut chunk = std::mem::take(&mut self.chunk);
        if number == 0 && self.keeps_first {
            self.first = Some(chunk);
            return Ok(());
        }
        self.key.seal(Place { number, last }, &mut chunk);
        put(place_of(number), &chunk)?;
        chunk.clear();
        self.chunk = chunk;
        Ok(())
    }
}

fn replace(bytes: &mut [u8], start: &[u8]) {
    let count = start.len().min(bytes.len());
    bytes[..count].copy_from_slice(&start[..count]);
}

/// Where a chunk begins in the file.
pub fn place_of(number: u64) -> u64 {
    HEADER_BYTES as u64 + number * SEALED_CHUNK_BYTES as u64
}

const HEADER_PLACE: Place = Place { number: u64::MAX, last: false };

impl Place {
    fn nonce(self) -> Nonce {
        let mut bytes = [0; NONCE_LEN];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8] = u8::from(self.last);
        Nonce::assume_unique_for_key(bytes)
    }
}

/// How many chunks a sealed file of `bytes` has; `None` when none of ours is so long.
pub fn chunks(bytes: u64) -> Option<u64> {
    let body = bytes.checked_sub(HEADER_BYTES as u64)?;
    let (whole, rest) = (body / SEALED_CHUNK_BYTES as u64, body % SEALED_CHUNK_BYTES as u64);
    match (whole, rest as usize) {
        (0, 0) => None,
        (whole, 0) => Some(whole),
        (_, rest) if rest < TAG_BYTES => None,
        (whole, _) => Some(whole + 1),
    }
}

/// How long the file in clear is whose sealed file has `bytes`; `None` when none of ours is so long.
pub fn clear_bytes(bytes: u64) -> Option<u64> {
    let chunks = chunks(bytes)?;
    Some(bytes - HEADER_BYTES as u64 - chunks * TAG_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [7; 32];
    const TENANT: TenantId = TenantId(5);

    fn sealed(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (key, header) = FileKey::new(&Keyring::of(&SECRET), TENANT, [9; SALT_BYTES]);
        let seal = |(number, piece): (usize, &&[u8])| {
            let mut chunk = piece.to_vec();
            let last = number + 1 == pieces.len();
            key.seal(Place { number: number as u64, last }, &mut chunk);
            chunk
        };
        (header.to_vec(), pieces.iter().enumerate().map(seal).collect())
    }

    #[test]
    fn a_chunk_opens_at_its_place_and_nowhere_else() {
        let (header, chunks) = sealed(&[b"first", b"second", b""]);
        let (key, read) = FileKey::open(&Keyring::of(&SECRET), &header).unwrap();
        assert_eq!(read.tenant, TENANT);
        let open = |chunk: &[u8], number, last| {
            let mut chunk = chunk.to_vec();
            key.unseal(Place { number, last }, &mut chunk).map(|()| chunk)
        };
        assert_eq!(open(&chunks[0], 0, false).unwrap(), b"first");
        assert_eq!(open(&chunks[2], 2, true).unwrap(), b"");
        assert_eq!(open(&chunks[0], 1, false), Err(Error::Chunk(1)), "moved");
        assert_eq!(open(&chunks[1], 1, true), Err(Error::Chunk(1)), "cut off after it");
        let mut flipped = chunks[1].clone();
        flipped[0] ^= 1;
        assert_eq!(open(&flipped, 1, false), Err(Error::Chunk(1)));
        assert_eq!(open(b"short", 1, false), Err(Error::Chunk(1)));
    }

    #[test]
    fn a_header_that_was_changed_or_whose_key_is_gone_opens_nothing() {
        let (header, _) = sealed(&[b"x"]);
        let ring = Keyring::of(&SECRET);
        for at in 0..HEADER_BYTES {
            let mut changed = header.clone();
            changed[at] ^= 1;
            assert!(FileKey::open(&ring, &changed).is_err(), "byte {at}");
            // With the checksum made good, it is the keys that tell.
            let crc = crc32fast::hash(&changed[8..TAG_AT]);
            changed[4..8].copy_from_slice(&crc.to_le_bytes());
            let is_crc = (4..8).contains(&at);
            assert_eq!(FileKey::open(&ring, &changed).is_ok(), is_crc, "byte {at}");
        }
        for end in 0..HEADER_BYTES {
            assert_eq!(Header::read(&header[..end]), Err(Error::Torn));
        }
        let other = FileKey::open(&Keyring::of(&[8; 32]), &header).err();
        assert_eq!(other, Some(Error::Key(ring.current())));
    }

    #[test]
    fn lengths_are_those_of_files_that_were_written() {
        let (head, tag, chunk) = (HEADER_BYTES as u64, TAG_BYTES as u64, CHUNK_BYTES as u64);
        assert_eq!(clear_bytes(head + tag), Some(0));
        assert_eq!(clear_bytes(head + tag + 1), Some(1));
        assert_eq!(clear_bytes(head + chunk + tag), Some(chunk));
        assert_eq!(clear_bytes(head + chunk + 2 * tag + 5), Some(chunk + 5));
        for bytes in [0, head - 1, head, head + tag - 1, head + chunk + tag + 1] {
            assert_eq!(clear_bytes(bytes), None, "{bytes}");
        }
    }

    /// What is said of the format holds for a second implementation: bytes of Python's
    /// `cryptography`, HKDF and AESGCM, by the words of this page.
    #[test]
    fn the_format_is_that_of_the_page() {
        let (header, chunks) = sealed(&[b"hello"]);
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(&header[8..TAG_AT]), HEADER_HEX);
        assert_eq!(hex(&header[TAG_AT..]), HEADER_TAG_HEX);
        assert_eq!(hex(&chunks[0]), CHUNK_HEX);
    }
    const HEADER_HEX: &str =
        "01000000000001000500000000000000b8bc6d61bd866c6809090909090909090909090909090909";
    const HEADER_TAG_HEX: &str = "d858625d8ff99ef07ac28f6402439286";
    const CHUNK_HEX: &str = "7a3645e248b9cac05e6729ad3ba9c26b44bfa559aa";
}
