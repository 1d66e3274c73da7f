//! Segments: one append-only file per shard and stretch of time, and how one is read after a crash.
//! Promise: every whole block is found, whatever stands between; a torn tail is not an error, a
//! damaged block in the middle is named.
//!
//! `<data>/segments/<shard>-<seq>.seg`, where `seq` rises and is never used twice:
//!
//! ```text
//!  0        4        8       10      12       16       24       28      36      52      68
//! ┌────────┬────────┬───────┬───────┬────────┬────────┬────────┬───────┬───────┬───────┬────────┬───
//! │ "SGSG" │ CRC-32 │version│ shard │ run    │ seq    │ CRC-32 │ key   │ salt  │ tag   │ block  │ …
//! │        │of 8..28│ u16   │ u16   │ u32    │ u64    │ of 28..│ u64   │ 16    │ 16    │        │
//! └────────┴────────┴───────┴───────┴────────┴────────┴────────┴───────┴───────┴───────┴────────┴───
//! ```
//!
//! `run` rises with each start of the process: block and track numbers are unique within a run. A
//! block that stands twice (written again after a failed sync) is read once. Version 1, before
//! sealing, ended after 28 bytes, with zeros at 24. The first 28 bytes mean the same in every version,
//! so that an older program can say that it is older.
//!
//! What is said here of a file holds without its keys: checksums find what a crash left. Whether it
//! is what was written, [`super::seal`] tells.

use super::block::{
    BODY_BYTES_MAX, HEADER_BYTES, Layout, MAGIC, VERSION, VERSION_CLEAR, u16_at, u32_at, u64_at,
};
use super::seal::{FileSeal, seal_of};
use terms::Moment;

/// Bytes before the first block.
pub const SEGMENT_HEADER_BYTES: usize = 68;
/// The same in version 1.
pub const SEGMENT_HEADER_BYTES_CLEAR: usize = 28;
const SEGMENT_MAGIC: [u8; 4] = *b"SGSG";

/// Names a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId {
    /// Whose log.
    pub shard: u16,
    /// Which stretch.
    pub seq: u64,
}

impl SegmentId {
    /// The file's name inside the segments directory.
    pub fn file_name(self) -> String {
        format!("{:03}-{:010}.seg", self.shard, self.seq)
    }

    /// The other direction; `None` for any other file.
    pub fn parse(name: &str) -> Option<SegmentId> {
        let (shard, seq) = name.strip_suffix(".seg")?.split_once('-')?;
        Some(SegmentId { shard: shard.parse().ok()?, seq: seq.parse().ok()? })
    }
}

/// The beginning of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Its name.
    pub id: SegmentId,
    /// The run that wrote it.
    pub run: u32,
    /// How it is sealed; `None` in version 1.
    pub seal: Option<FileSeal>,
}

/// Why a segment file cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The process died before the header was whole; nothing can follow it.
    #[error("the header is torn")]
    Torn,
    /// Bits changed.
    #[error("the header is damaged")]
    Damaged,
    /// A later release wrote it.
    #[error("it has format version {0} and this program knows versions up to {VERSION}")]
    Newer(u16),
}

impl SegmentHeader {
    /// The bytes at the start of the file, but for tag and checksum, which [`super::seal`] adds.
    pub(crate) fn write(self, seal: &FileSeal) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..4].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.id.shard.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.run.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.seq.to_le_bytes());
        bytes[28..36].copy_from_slice(&seal.key.0.to_le_bytes());
        bytes[36..52].copy_from_slice(&seal.salt);
        bytes
    }

    /// Reads the start of a file.
    ///
    /// # Errors
    /// What is wrong with it, as far as it can be told without its keys.
    pub fn read(bytes: &[u8]) -> Result<SegmentHeader, HeaderError> {
        let Some(start) = bytes.get(..SEGMENT_HEADER_BYTES_CLEAR) else {
            return Err(HeaderError::Torn);
        };
        if start.iter().all(|&byte| byte == 0) {
            return Err(HeaderError::Torn);
        }
        if start[..4] != SEGMENT_MAGIC || crc32fast::hash(&start[8..]) != u32_at(start, 4) {
            return Err(HeaderError::Damaged);
        }
        let seal = match u16_at(start, 8) {
            VERSION_CLEAR => None,
            VERSION => Some(sealed_part(bytes)?),
            version => return Err(HeaderError::Newer(version)),
        };
        Ok(SegmentHeader {
            id: SegmentId { shard: u16_at(start, 10), seq: u64_at(start, 16) },
            run: u32_at(start, 12),
            seal,
        })
    }

    /// Bytes before the first block.
    pub(crate) fn bytes(&self) -> usize {
        if self.seal.is_some() { SEGMENT_HEADER_BYTES } else { SEGMENT_HEADER_BYTES_CLEAR }
    }
}

fn sealed_part(bytes: &[u8]) -> Result<FileSeal, HeaderError> {
    let header = bytes.get(..SEGMENT_HEADER_BYTES).ok_or(HeaderError::Torn)?;
    let rest = &header[SEGMENT_HEADER_BYTES_CLEAR..];
    if crc32fast::hash(rest) != u32_at(header, 24) {
        return Err(HeaderError::Damaged);
    }
    Ok(seal_of(header).expect("its length was just checked"))
}

/// What stands at some place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A whole block.
    Block {
        /// First byte.
        at: usize,
        /// Length.
        bytes: usize,
        /// Its number.
        number: u64,
        /// When it was opened.
        opened: Moment,
        /// When it was closed.
        closed: Moment,
    },
    /// Bytes that are no block, with a whole block after them or of a block's full length.
    Damaged {
        /// First byte.
        at: usize,
        /// Length.
        bytes: usize,
    },
    /// The last write did not finish.
    TornTail {
        /// First byte.
        at: usize,
        /// Length.
        bytes: usize,
    },
}

/// Walks a segment's bytes after its header.
pub fn scan(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = first_block(bytes).min(bytes.len());
    while at < bytes.len() {
        if let Some(block) = block_at(bytes, at) {
            found.push(block);
            at += block.bytes();
            continue;
        }
        let next = after_promised(bytes, at).or_else(|| next_block(bytes, at + 1));
        let end = next.unwrap_or(bytes.len());
        found.push(match next {
            None if is_torn(&bytes[at..]) => Found::TornTail { at, bytes: end - at },
            _ => Found::Damaged { at, bytes: end - at },
        });
        at = end;
    }
    found
}

/// Where the header ends: it says so, or, where it is damaged, the first block does.
pub(crate) fn first_block(bytes: &[u8]) -> usize {
    let known = [SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES_CLEAR];
    match SegmentHeader::read(bytes) {
        Ok(header) => header.bytes(),
        Err(_) => {
            let begins = known.into_iter().find(|&at| block_at(bytes, at).is_some());
            begins.unwrap_or(SEGMENT_HEADER_BYTES_CLEAR)
        }
    }
}

impl Found {
    fn bytes(self) -> usize {
        match self {
            Found::Block { bytes, .. }
            | Found::Damaged { bytes, .. }
            | Found::TornTail { bytes, .. } => bytes,
        }
    }
}

/// Header and whole length that a block's first bytes promise.
fn promised(bytes: &[u8], at: usize) -> Option<(Layout, usize)> {
    let header = bytes.get(at..at + 16).filter(|header| header[..4] == MAGIC)?;
    let layout = Layout::of(u16_at(header, 8))?;
    let body_bytes = u32_at(header, 12) as usize;
    (body_bytes <= BODY_BYTES_MAX).then_some((layout, layout.header_bytes + body_bytes))
}

fn block_at(bytes: &[u8], at: usize) -> Option<Found> {
    let (_, len) = promised(bytes, at)?;
    let whole = bytes.get(at..at + len)?;
    (crc32fast::hash(&whole[8..]) == u32_at(whole, 4)).then(|| Found::Block {
        at,
        bytes: whole.len(),
        number: u64_at(whole, 16),
        opened: Moment(u64_at(whole, 24)),
        closed: Moment(u64_at(whole, 32)),
    })
}

/// The block after a damaged one whose header still tells its length. Tried first, so that what a
/// caller put into a payload is not taken for a block.
fn after_promised(bytes: &[u8], at: usize) -> Option<usize> {
    let next = at + promised(bytes, at)?.1;
    block_at(bytes, next).is_some().then_some(next)
}

fn next_block(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find_iter(bytes.get(from..)?, &MAGIC)
        .map(|offset| from + offset)
        .find(|&at| block_at(bytes, at).is_some())
}

/// A write that ended early leaves less than its header promised, or pages that are still zero.
fn is_torn(tail: &[u8]) -> bool {
    let cut = match promised(tail, 0) {
        Some((_, len)) => len > tail.len(),
        None => tail.len() < HEADER_BYTES,
    };
    let zero_end = tail.iter().rev().take(512).all(|&byte| byte == 0);
    cut || zero_end
}

/// How a block that [`scan`] found says that its file is sealed; `None` in version 1.
pub(crate) fn block_seal(block: &[u8]) -> Option<FileSeal> {
    (u16_at(block, 8) == VERSION).then(|| seal_of(&block[..HEADER_BYTES]))?
}

#[cfg(test)]
mod tests {
    use super::super::block::{Block, BlockWriter, Chunk, Entry, Frame};
    use super::super::story::sealed_segment;
    use super::*;
    use terms::media::{Codec, RtpTime, SeqNo, Ssrc};
    use terms::{RecordingId, TenantId};

    const ID: SegmentId = SegmentId { shard: 3, seq: 42 };

    fn stop_block(number: u64) -> Block {
        let mut writer = BlockWriter::open(Moment::from_secs(number));
        writer.stop(TenantId(5), RecordingId(number), Moment::from_secs(number));
        writer.close(Moment::from_secs(number + 1), ID.shard, number)
    }

    fn segment(blocks: u64) -> Vec<u8> {
        sealed_segment(ID, 7, &(0..blocks).map(stop_block).collect::<Vec<_>>()).0
    }

    /// A block as version 1 wrote it: no tenant, no tag, nothing sealed.
    fn clear(block: &Block) -> Vec<u8> {
        let mut bytes = block.bytes()[..40].to_vec();
        bytes[8..10].copy_from_slice(&VERSION_CLEAR.to_le_bytes());
        for located in block.entries() {
            bytes.extend_from_slice(&located.raw[..4]);
            bytes.extend_from_slice(&block.bytes()[located.offset..][..located.bytes]);
        }
        let body_bytes = (bytes.len() - 40) as u32;
        bytes[12..16].copy_from_slice(&body_bytes.to_le_bytes());
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// A segment's header as version 1 wrote it.
    fn clear_header() -> Vec<u8> {
        let mut bytes = segment(0)[..SEGMENT_HEADER_BYTES_CLEAR].to_vec();
        bytes[8..10].copy_from_slice(&VERSION_CLEAR.to_le_bytes());
        bytes[24..].fill(0);
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn numbers(found: &[Found]) -> Vec<u64> {
        let number = |found: &Found| match found {
            Found::Block { number, .. } => Some(*number),
            _ => None,
        };
        found.iter().filter_map(number).collect()
    }

    #[test]
    fn a_segment_name_is_read_back_and_strangers_are_not() {
        assert_eq!(SegmentId::parse(&ID.file_name()), Some(ID));
        for stranger in ["journal", "3-42", "x-1.seg", "1-x.seg", "99999-1.seg", "..seg"] {
            assert_eq!(SegmentId::parse(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn a_tail_torn_at_any_byte_keeps_every_whole_block() {
        let bytes = segment(4);
        let block_bytes = stop_block(0).bytes().len();
        for end in SEGMENT_HEADER_BYTES..=bytes.len() {
            let found = scan(&bytes[..end]);
            let whole = (end - SEGMENT_HEADER_BYTES) / block_bytes;
            assert_eq!(numbers(&found), (0..whole as u64).collect::<Vec<_>>(), "cut at {end}");
            assert!(!found.iter().any(|found| matches!(found, Found::Damaged { .. })), "{end}");
        }
        for end in 0..SEGMENT_HEADER_BYTES {
            assert_eq!(SegmentHeader::read(&bytes[..end]), Err(HeaderError::Torn));
        }
    }

    #[test]
    fn any_flipped_bit_costs_one_block_and_no_more() {
        let clean = segment(4);
        let block_bytes = stop_block(0).bytes().len();
        for at in SEGMENT_HEADER_BYTES..clean.len() {
            for bit in 0..8 {
                let mut bytes = clean.clone();
                bytes[at] ^= 1 << bit;
                let hit = ((at - SEGMENT_HEADER_BYTES) / block_bytes) as u64;
                let rest: Vec<u64> = (0..4).filter(|&number| number != hit).collect();
                assert_eq!(numbers(&scan(&bytes)), rest, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_in_the_header_is_damage() {
        for at in 0..SEGMENT_HEADER_BYTES {
            let mut bytes = segment(0);
            bytes[at] ^= 0x10;
            assert_eq!(SegmentHeader::read(&bytes), Err(HeaderError::Damaged), "byte {at}");
        }
    }

    #[test]
    fn a_newer_segment_is_refused_by_its_version() {
        let mut bytes = segment(0);
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[8..SEGMENT_HEADER_BYTES_CLEAR]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::read(&bytes), Err(HeaderError::Newer(9)));
        // The first 28 bytes are enough for that, whatever follows.
        let start = &bytes[..SEGMENT_HEADER_BYTES_CLEAR];
        assert_eq!(SegmentHeader::read(start), Err(HeaderError::Newer(9)));
    }

    #[test]
    fn a_payload_that_looks_like_a_block_is_not_one() {
        // Where nothing is sealed, a caller's bytes stand in the file as they came.
        let forged = clear(&stop_block(99));
        let mut chunk = Chunk::new();
        let frame = Frame {
            arrival: Moment::from_secs(1),
            rtp_time: RtpTime(0),
            seq: SeqNo(0),
            payload: &forged,
        };
        chunk.push(frame, Codec::Pcma, Ssrc(1));
        let mut writer = BlockWriter::open(Moment::from_secs(1));
        writer.audio(TenantId(5), chunk.seal(1));
        let mut bytes = clear_header();
        bytes.extend_from_slice(&clear(&writer.close(Moment::from_secs(2), ID.shard, 0)));
        bytes.extend_from_slice(&clear(&stop_block(1)));
        assert_eq!(numbers(&scan(&bytes)), [0, 1]);
        bytes[SEGMENT_HEADER_BYTES_CLEAR + 40 + 1] ^= 1;
        assert_eq!(numbers(&scan(&bytes)), [1]);
    }

    #[test]
    fn a_segment_of_version_1_is_read_whatever_happened_to_its_header() {
        let mut bytes = clear_header();
        (0..4).for_each(|number| bytes.extend_from_slice(&clear(&stop_block(number))));
        assert_eq!(SegmentHeader::read(&bytes).map(|header| header.seal), Ok(None));
        assert_eq!(numbers(&scan(&bytes)), [0, 1, 2, 3]);
        bytes[9] ^= 1;
        assert_eq!(SegmentHeader::read(&bytes), Err(HeaderError::Damaged));
        assert_eq!(numbers(&scan(&bytes)), [0, 1, 2, 3]);
    }

    #[test]
    fn a_damaged_block_between_two_whole_ones_is_named() {
        let mut bytes = segment(3);
        let block_bytes = stop_block(0).bytes().len();
        let second = SEGMENT_HEADER_BYTES + block_bytes;
        bytes[second + 45] ^= 1;
        let found = scan(&bytes);
        assert_eq!(found[1], Found::Damaged { at: second, bytes: block_bytes });
        let Found::Block { at, bytes: len, .. } = found[2] else { panic!("{found:?}") };
        let (_, mut keys) = sealed_segment(ID, 7, &[]);
        let third = keys.open_block(at as u64, bytes[at..at + len].to_vec()).unwrap().0;
        let entries: Vec<_> = third.entries().map(|located| located.entry).collect();
        assert!(matches!(entries[..], [Entry::Stop(RecordingId(2), _)]));
    }
}
