//! Segments: one append-only file per shard and stretch of time, and how one is read after a crash.
//! Promise: every whole block is found, whatever stands between; a torn tail is not an error, a
//! damaged block in the middle is named.
//!
//! `<data>/segments/<shard>-<seq>.seg`, where `seq` rises and is never used twice:
//!
//! ```text
//!  0        4        8       10      12       16       24       28
//! ┌────────┬────────┬───────┬───────┬────────┬────────┬────────┬────────┬────────┬───
//! │ "SGSG" │ CRC-32 │version│ shard │ run    │ seq    │ zero   │ block  │ block  │ …
//! │        │ of 8.. │ u16   │ u16   │ u32    │ u64    │ u32    │        │        │
//! └────────┴────────┴───────┴───────┴────────┴────────┴────────┴────────┴────────┴───
//! ```
//!
//! `run` rises with each start of the process: block and track numbers are unique within a run. A
//! block that stands twice (written again after a failed sync) is read once.

use super::block::{BODY_BYTES_MAX, Block, HEADER_BYTES, MAGIC, VERSION, u16_at, u32_at, u64_at};
use terms::Moment;

/// Bytes before the first block.
pub const SEGMENT_HEADER_BYTES: usize = 28;
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
    /// The bytes at the start of the file.
    pub fn write(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..4].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.id.shard.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.run.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.seq.to_le_bytes());
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the start of a file.
    pub fn read(bytes: &[u8]) -> Result<SegmentHeader, HeaderError> {
        let Some(header) = bytes.get(..SEGMENT_HEADER_BYTES) else {
            return Err(HeaderError::Torn);
        };
        if header.iter().all(|&byte| byte == 0) {
            return Err(HeaderError::Torn);
        }
        if header[..4] != SEGMENT_MAGIC || crc32fast::hash(&header[8..]) != u32_at(header, 4) {
            return Err(HeaderError::Damaged);
        }
        match u16_at(header, 8) {
            VERSION => Ok(SegmentHeader {
                id: SegmentId { shard: u16_at(header, 10), seq: u64_at(header, 16) },
                run: u32_at(header, 12),
            }),
            version => Err(HeaderError::Newer(version)),
        }
    }
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
    let mut at = SEGMENT_HEADER_BYTES.min(bytes.len());
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

impl Found {
    fn bytes(self) -> usize {
        match self {
            Found::Block { bytes, .. }
            | Found::Damaged { bytes, .. }
            | Found::TornTail { bytes, .. } => bytes,
        }
    }
}

fn block_at(bytes: &[u8], at: usize) -> Option<Found> {
    let header = bytes.get(at..at + HEADER_BYTES)?;
    let body_bytes = u32_at(header, 12) as usize;
    if header[..4] != MAGIC || u16_at(header, 8) != VERSION || body_bytes > BODY_BYTES_MAX {
        return None;
    }
    let whole = bytes.get(at..at + HEADER_BYTES + body_bytes)?;
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
    let header = bytes.get(at..at + HEADER_BYTES)?;
    let body_bytes = u32_at(header, 12) as usize;
    let next = at + HEADER_BYTES + body_bytes;
    let plausible = header[..4] == MAGIC && body_bytes <= BODY_BYTES_MAX;
    (plausible && block_at(bytes, next).is_some()).then_some(next)
}

fn next_block(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find_iter(bytes.get(from..)?, &MAGIC)
        .map(|offset| from + offset)
        .find(|&at| block_at(bytes, at).is_some())
}

/// A write that ended early leaves less than its header promised, or pages that are still zero.
fn is_torn(tail: &[u8]) -> bool {
    let Some(header) = tail.get(..HEADER_BYTES) else {
        return true;
    };
    let promised = HEADER_BYTES + u32_at(header, 12) as usize;
    let zero_end = tail.iter().rev().take(512).all(|&byte| byte == 0);
    header[..4] == MAGIC && promised > tail.len() || zero_end
}

/// The block that [`scan`] found there.
pub fn block(bytes: &[u8], at: usize, len: usize) -> Block {
    Block::from_bytes(bytes[at..at + len].to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::block::{BlockWriter, Entry};
    use super::*;
    use terms::RecordingId;

    const ID: SegmentId = SegmentId { shard: 3, seq: 42 };

    fn stop_block(number: u64) -> Block {
        let mut writer = BlockWriter::open(Moment::from_secs(number));
        writer.stop(RecordingId(number), Moment::from_secs(number));
        writer.close(Moment::from_secs(number + 1), ID.shard, number)
    }

    fn segment(blocks: u64) -> Vec<u8> {
        let mut bytes = SegmentHeader { id: ID, run: 7 }.write().to_vec();
        (0..blocks).for_each(|number| bytes.extend_from_slice(stop_block(number).bytes()));
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
        let crc = crc32fast::hash(&bytes[8..SEGMENT_HEADER_BYTES]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::read(&bytes), Err(HeaderError::Newer(9)));
    }

    #[test]
    fn a_payload_that_looks_like_a_block_is_not_one() {
        let forged = stop_block(99);
        let mut chunk = super::super::block::Chunk::new();
        let (rtp_time, seq) = (terms::media::RtpTime(0), terms::media::SeqNo(0));
        let arrival = Moment::from_secs(1);
        let frame = super::super::block::Frame { arrival, rtp_time, seq, payload: forged.bytes() };
        chunk.push(frame, terms::media::Codec::Pcma, terms::media::Ssrc(1));
        let mut writer = BlockWriter::open(Moment::from_secs(1));
        writer.audio(chunk.seal(1));
        let mut bytes = segment(0);
        bytes.extend_from_slice(writer.close(Moment::from_secs(2), ID.shard, 0).bytes());
        bytes.extend_from_slice(stop_block(1).bytes());
        assert_eq!(numbers(&scan(&bytes)), [0, 1]);
        bytes[SEGMENT_HEADER_BYTES + HEADER_BYTES + 1] ^= 1;
        assert_eq!(numbers(&scan(&bytes)), [1]);
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
        let third = block(&bytes, at, len);
        let entries: Vec<_> = third.entries().map(|located| located.entry).collect();
        assert!(matches!(entries[..], [Entry::Stop(RecordingId(2), _)]));
    }
}
