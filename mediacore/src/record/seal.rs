//! Sealing: what stands in a segment can be read, and changed unseen, by nobody without the keys of
//! the box. Promise: no octet of a conversation reaches a disk in clear; a nonce is used once under
//! a key; what was changed, moved, or sealed for another tenant does not open.
//!
//! AES-256-GCM (NIST SP 800-38D), keys by HKDF-SHA256 (RFC 5869). The box has a few master keys, of
//! which the newest seals; every other key is derived, so nothing else has to be kept:
//!
//! ```text
//!  master key ─HKDF─► tenant's key ─HKDF, salt of the file─► AES key of one tenant in one file
//!            └─HKDF─► box's key    ─HKDF, salt of the file─► AES key of the file's own headers
//! ```
//!
//! A file draws 16 random bytes of salt when it is created, and names its master key. The nonce of a
//! thing is its offset in its file. So a pair of key and nonce stands for one place on the disk:
//! it can only repeat if one place is sealed twice with two contents. [`Sealer`] refuses that, and a
//! restart begins a new file with a new salt. Two files of one salt are as likely as a guessed one:
//! after 2³² files 2⁻⁶⁵.
//!
//! The place being the nonce, an entry that was moved does not open, within a file or to another.
//! The additional data is the entry's head: its kind, length and tenant. What an entry says of
//! recording, track and times is inside.

use super::block::{Block, ENTRY_HEAD_BYTES, HEADER_BYTES, TAG_BYTES, u16_at, u64_at};
use super::segment::{SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES_CLEAR, SegmentHeader};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Okm, Prk, Salt};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use terms::TenantId;

/// Bytes of a master key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a file's salt.
pub const SALT_BYTES: usize = 16;
/// Master keys that a ring may hold.
pub const KEYS_MAX: usize = 64;
/// Tenants whose keys of a file are remembered; then they are derived again.
const TENANTS_MAX: usize = 4096;

/// Names a master key: it is derived from the key and tells nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How a file is sealed: under which master key, with which salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSeal {
    /// The master key.
    pub key: KeyId,
    /// Random, drawn when the file was created.
    pub salt: [u8; SALT_BYTES],
}

/// The master keys of the box, never empty: the last one seals, the others only open.
pub struct Keyring(Vec<(KeyId, Prk)>);

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

/// Why a text is no ring of keys. Says where, and never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Nothing but comments.
    #[error("it holds no key")]
    Empty,
    /// A word that is no key.
    #[error("key {0} is not {len} hex digits", len = KEY_BYTES * 2)]
    NotAKey(usize),
    /// The same key again.
    #[error("key {0} stands twice")]
    Twice(usize),
    /// More than [`KEYS_MAX`].
    #[error("it holds more than {KEYS_MAX} keys")]
    TooMany,
}

impl Keyring {
    /// A ring of one key.
    pub fn of(secret: &[u8; KEY_BYTES]) -> Keyring {
        Keyring(vec![named(secret)])
    }

    /// Reads keys of 64 hex digits, the oldest first, apart by blanks, commas or lines; the rest of
    /// a line after `#` says nothing.
    ///
    /// # Errors
    /// [`KeyringError`] with the place of the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Keyring, KeyringError> {
        let mut keys: Vec<(KeyId, Prk)> = Vec::new();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.flat_map(|line| line.split([',', ' ', '\t', '\r']));
        for word in words.filter(|word| !word.is_empty()) {
            let place = keys.len() + 1;
            let key = named(&unhex(word).ok_or(KeyringError::NotAKey(place))?);
            if keys.iter().any(|(id, _)| *id == key.0) {
                return Err(KeyringError::Twice(place));
            }
            if place > KEYS_MAX {
                return Err(KeyringError::TooMany);
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeyringError::Empty) } else { Ok(Keyring(keys)) }
    }

    /// The key that seals.
    pub fn current(&self) -> KeyId {
        self.0.last().expect("a ring is never empty").0
    }

    /// Whether it opens what this key sealed.
    pub fn holds(&self, key: KeyId) -> bool {
        self.0.iter().any(|(id, _)| *id == key)
    }

    /// The key of one owner in one file; `None` when the ring lacks the master key.
    pub(super) fn file_key(
        &self,
        seal: &FileSeal,
        owner: &[&[u8]],
        use_: &str,
    ) -> Option<LessSafeKey> {
        let (_, master) = self.0.iter().find(|(id, _)| *id == seal.key)?;
        let mut secret = [0; KEY_BYTES];
        fill(master.expand(owner, &AES_256_GCM), &mut secret);
        let of_file = Salt::new(HKDF_SHA256, &seal.salt).extract(&secret);
        let info = [use_.as_bytes()];
        let key = of_file.expand(&info, &AES_256_GCM).expect("one block of HKDF can be had");
        Some(LessSafeKey::new(UnboundKey::from(key)))
    }
}

fn named(secret: &[u8; KEY_BYTES]) -> (KeyId, Prk) {
    let master = Salt::new(HKDF_SHA256, b"switchgrid recordings").extract(secret);
    let mut id = [0; KEY_BYTES];
    fill(master.expand(&[b"name"], &AES_256_GCM), &mut id);
    (KeyId(u64_at(&id, 0)), master)
}

fn fill(
    derived: Result<Okm<'_, &'static aws_lc_rs::aead::Algorithm>, aws_lc_rs::error::Unspecified>,
    out: &mut [u8; KEY_BYTES],
) {
    derived.and_then(|key| key.fill(out)).expect("32 bytes of HKDF can be had");
}

fn unhex(word: &str) -> Option<[u8; KEY_BYTES]> {
    let digits: Vec<u8> = word
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, d| sum << 4 | d)).collect();
    (digits.len() == KEY_BYTES * 2).then(|| bytes.try_into().expect("two digits make a byte"))
}

/// The keys of one file: they open what stands in it.
pub struct FileKeys {
    ring: Arc<Keyring>,
    seal: FileSeal,
    use_: &'static str,
    own: LessSafeKey,
    tenants: BTreeMap<TenantId, LessSafeKey>,
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FileKeys({:?})", self.seal)
    }
}

impl FileKeys {
    /// The keys of a segment; `None` when the ring lacks its master key.
    pub fn segment(ring: Arc<Keyring>, seal: FileSeal) -> Option<FileKeys> {
        FileKeys::new(ring, seal, "segment")
    }

    fn new(ring: Arc<Keyring>, seal: FileSeal, use_: &'static str) -> Option<FileKeys> {
        let own = ring.file_key(&seal, &[b"box"], use_)?;
        Some(FileKeys { ring, seal, use_, own, tenants: BTreeMap::new() })
    }

    /// How the file is sealed.
    pub fn seal(&self) -> FileSeal {
        self.seal
    }

    fn tenant(&mut self, tenant: TenantId) -> &LessSafeKey {
        if self.tenants.len() >= TENANTS_MAX && !self.tenants.contains_key(&tenant) {
            self.tenants.clear();
        }
        let (ring, seal, use_) = (&self.ring, &self.seal, self.use_);
        self.tenants.entry(tenant).or_insert_with(|| {
            let owner = tenant.0.to_le_bytes();
            ring.file_key(seal, &[b"tenant", &owner], use_).expect("the ring held the master key")
        })
    }

    /// Whether a segment's header is the one that was written.
    pub fn is_header(&self, header: &[u8]) -> bool {
        let Some((said, tag)) = header.get(..SEGMENT_HEADER_BYTES).and_then(split_tag) else {
            return false;
        };
        opens(&self.own, 0, &header_aad(said), &mut tag.to_owned())
    }

    /// Opens the entry whose body and tag these are; `offset` is that of its head in the file.
    /// Afterwards all but the last [`TAG_BYTES`] are its body.
    pub fn open_entry(&mut self, offset: u64, kind: u8, tenant: TenantId, body: &mut [u8]) -> bool {
        let Some(bytes) = body.len().checked_sub(TAG_BYTES) else { return false };
        let mut head = [0; ENTRY_HEAD_BYTES];
        head[0] = kind;
        head[2..4].copy_from_slice(&(bytes as u16).to_le_bytes());
        head[4..].copy_from_slice(&tenant.0.to_le_bytes());
        opens(self.tenant(tenant), offset, &head, body)
    }

    /// Opens a whole block that stands at `offset`: the block with what opened, and the places in it
    /// of entries that did not. `None` when its header is not the one that was written.
    pub fn open_block(&mut self, offset: u64, mut bytes: Vec<u8>) -> Option<(Block, Vec<Broken>)> {
        let header = bytes.get(..HEADER_BYTES)?;
        if seal_of(header) != Some(self.seal) {
            return None;
        }
        let (said, tag) = split_tag(header)?;
        if !opens(&self.own, offset, &said[8..], &mut tag.to_owned()) {
            return None;
        }
        let (mut at, mut broken) = (HEADER_BYTES, Vec::new());
        while let Some(entry) = Entry::at(&bytes, at) {
            let (head, sealed) = bytes[at..entry.end].split_at_mut(ENTRY_HEAD_BYTES);
            if !opens(self.tenant(entry.tenant), offset + at as u64, head, sealed) {
                broken.push(Broken { at, bytes: entry.end - at });
                // No reader knows this kind.
                head[0] = 0;
            }
            at = entry.end;
        }
        if at < bytes.len() {
            broken.push(Broken { at, bytes: bytes.len() - at });
        }
        Some((Block::from_bytes(bytes), broken))
    }
}

/// An entry that did not open, by its place in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// First byte.
    pub at: usize,
    /// Length with head and tag.
    pub bytes: usize,
}

struct Entry {
    tenant: TenantId,
    end: usize,
}

impl Entry {
    fn at(block: &[u8], at: usize) -> Option<Entry> {
        let head = block.get(at..at + ENTRY_HEAD_BYTES)?;
        let end = at + ENTRY_HEAD_BYTES + usize::from(u16_at(head, 2)) + TAG_BYTES;
        let entry = Entry { tenant: TenantId(u64_at(head, 4)), end };
        (end <= block.len()).then_some(entry)
    }
}

/// What a sealed header says of its file's seal: the last bytes before its tag.
pub(crate) fn seal_of(header: &[u8]) -> Option<FileSeal> {
    let (said, _) = split_tag(header)?;
    let (rest, salt) = said.split_last_chunk::<SALT_BYTES>()?;
    let (_, key) = rest.split_last_chunk::<8>()?;
    Some(FileSeal { key: KeyId(u64::from_le_bytes(*key)), salt: *salt })
}

fn split_tag(header: &[u8]) -> Option<(&[u8], &[u8])> {
    header.split_at_checked(header.len().checked_sub(TAG_BYTES)?)
}

/// Decrypts in place; false, and nothing to be read, when the tag does not match.
fn opens(key: &LessSafeKey, offset: u64, aad: &[u8], sealed: &mut [u8]) -> bool {
    key.open_in_place(nonce(offset), Aad::from(aad), sealed).is_ok()
}

fn nonce(offset: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&offset.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// A place that was sealed before would be sealed again with other contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset} of this segment is sealed already; what follows goes to a new segment")]
pub struct SealedTwice {
    /// The place.
    pub offset: u64,
}

/// Seals the blocks of one new segment on their way to the disk.
#[derive(Debug)]
pub struct Sealer {
    keys: FileKeys,
    /// Everything before this offset is sealed.
    sealed_to: u64,
    /// The blocks of the last write: their places, and their headers in clear.
    last: Vec<(u64, [u8; HEADER_BYTES])>,
}

impl Sealer {
    /// Seals under the ring's current key. `salt` is random and used for no other file.
    pub fn new(ring: Arc<Keyring>, salt: [u8; SALT_BYTES]) -> Sealer {
        let seal = FileSeal { key: ring.current(), salt };
        let keys = FileKeys::segment(ring, seal).expect("a ring holds its current key");
        Sealer { keys, sealed_to: SEGMENT_HEADER_BYTES as u64, last: Vec::new() }
    }

    /// How the segment is sealed.
    pub fn seal(&self) -> FileSeal {
        self.keys.seal
    }

    /// The segment's first bytes. The header of one file never changes, so that it may be asked for
    /// again.
    pub fn header(&self, header: SegmentHeader) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = header.write(&self.keys.seal);
        let (said, tag) = bytes.split_at_mut(SEGMENT_HEADER_BYTES - TAG_BYTES);
        encrypt(&self.keys.own, 0, &header_aad(said), &mut [], tag);
        let of_rest = crc32fast::hash(&bytes[SEGMENT_HEADER_BYTES_CLEAR..]);
        bytes[24..28].copy_from_slice(&of_rest.to_le_bytes());
        let crc = crc32fast::hash(&bytes[8..SEGMENT_HEADER_BYTES_CLEAR]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The blocks as they stand one behind the other from `offset` of the file on. The same block may
    /// be sealed for its place again, after a write that failed.
    ///
    /// # Errors
    /// When another block was sealed for one of these places before.
    pub fn blocks(
        &mut self,
        offset: u64,
        blocks: &[Block],
        out: &mut Vec<u8>,
    ) -> Result<(), SealedTwice> {
        out.clear();
        // What lies before is written and not tried again.
        self.last.retain(|&(place, _)| place >= offset);
        let mut at = offset;
        for block in blocks {
            if let Err(refused) = self.append(at, block, out) {
                out.clear();
                return Err(refused);
            }
            at += block.bytes().len() as u64;
        }
        Ok(())
    }

    fn append(&mut self, offset: u64, block: &Block, out: &mut Vec<u8>) -> Result<(), SealedTwice> {
        let plain = block.bytes();
        let header = *plain.first_chunk::<HEADER_BYTES>().expect("a block has a header");
        let is_again = self.last.contains(&(offset, header));
        if offset < self.sealed_to && !is_again {
            return Err(SealedTwice { offset });
        }
        if !is_again {
            self.last.push((offset, header));
        }
        self.sealed_to = self.sealed_to.max(offset + plain.len() as u64);
        let begins = out.len();
        out.extend_from_slice(plain);
        let block = &mut out[begins..];
        let mut at = HEADER_BYTES;
        while let Some(entry) = Entry::at(block, at) {
            let (head, rest) = block[at..entry.end].split_at_mut(ENTRY_HEAD_BYTES);
            let (body, tag) = rest.split_at_mut(rest.len() - TAG_BYTES);
            let key = self.keys.tenant(entry.tenant);
            encrypt(key, offset + at as u64, head, body, tag);
            at = entry.end;
        }
        assert_eq!(
            at,
            block.len(),
            "a block consists of whole entries, so that none stays in clear"
        );
        let seal = self.keys.seal;
        let own = &mut block[..HEADER_BYTES];
        own[40..48].copy_from_slice(&seal.key.0.to_le_bytes());
        own[48..48 + SALT_BYTES].copy_from_slice(&seal.salt);
        let (said, tag) = own.split_at_mut(HEADER_BYTES - TAG_BYTES);
        encrypt(&self.keys.own, offset, &said[8..], &mut [], tag);
        let crc = crc32fast::hash(&block[8..]);
        block[4..8].copy_from_slice(&crc.to_le_bytes());
        Ok(())
    }
}

/// A segment's header without its checksums.
fn header_aad(said: &[u8]) -> Vec<u8> {
    [&said[8..24], &said[SEGMENT_HEADER_BYTES_CLEAR..]].concat()
}

fn encrypt(key: &LessSafeKey, offset: u64, aad: &[u8], body: &mut [u8], tag: &mut [u8]) {
    let made = key
        .seal_in_place_separate_tag(nonce(offset), Aad::from(aad), body)
        .expect("AES-GCM seals up to 64 GiB");
    tag.copy_from_slice(made.as_ref());
}

#[cfg(test)]
mod tests;
