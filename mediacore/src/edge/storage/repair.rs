//! The first work of a start: segments of earlier runs are read, and every recording in them that
//! has no row is rendered. Promise: whole blocks are used, torn tails skipped, damaged stretches
//! copied to `<segments>/quarantine/` and named; running it again changes nothing. What is whole by
//! its checksum and does not open was changed, not torn: it is damage too, and said to be changed.

use super::disk::{pass_gate, sync_directory};
use super::shelf::Shelf;
use crate::record::block::Block;
use crate::record::index::{Absorbed, Conversation, Index};
use crate::record::seal::{Broken, FileKeys, FileSeal, Keyring};
use crate::record::segment::{
    Found, HeaderError, SegmentHeader, SegmentId, block_seal, first_block, scan,
};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use terms::Moment;

/// Damaged stretches that are named and kept; further ones are counted.
const QUARANTINED_MAX: usize = 1000;

/// A damaged stretch of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The segment's file name.
    pub segment: String,
    /// First damaged byte.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// What a start found in the segments of earlier runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Segments read.
    pub segments: usize,
    /// Whole blocks.
    pub blocks: u64,
    /// Segments whose last write had not finished.
    pub torn_tails: u64,
    /// Damaged stretches, the first thousand of them.
    pub quarantined: Vec<Quarantined>,
    /// All damaged stretches.
    pub damaged: u64,
    /// Of those, whole by their checksum and not what was written.
    pub changed: u64,
    /// Recordings that had ended.
    pub ended: u64,
    /// Recordings cut short by the end of the process.
    pub unfinished: u64,
}

/// Segments of earlier runs in the order of shard and sequence.
pub(super) type Old = Vec<(SegmentId, Option<SegmentHeader>)>;

/// Reads them all and gives each recording to `found` as it ends.
pub(super) fn read_all(
    old: &Old,
    directory: &Path,
    shelf: &Shelf,
    ring: &Arc<Keyring>,
    found: &mut impl FnMut(Conversation),
) -> io::Result<RepairReport> {
    let (mut index, mut report) = (Index::default(), RepairReport::default());
    let mut run = 0;
    let mut last = None;
    for (place, &(id, header)) in old.iter().enumerate() {
        pass_gate("storage.repair")?;
        let bytes = match fs::read(shelf.path(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes?,
        };
        // A damaged header says no run; its neighbours of the same shard know.
        let near = |at: &(SegmentId, Option<SegmentHeader>)| {
            at.1.filter(|_| at.0.shard == id.shard).map(|header| header.run)
        };
        run = header
            .map(|header| header.run)
            .or_else(|| {
                near(&old[place.saturating_sub(1)]).or_else(|| old.get(place + 1).and_then(near))
            })
            .unwrap_or(run);
        report.segments += 1;
        if header.is_none() && SegmentHeader::read(&bytes) != Err(HeaderError::Torn) {
            let start = first_block(&bytes).min(bytes.len());
            quarantine(directory, id, 0, &bytes[..start], &mut report)?;
        }
        if last.is_some_and(|(shard, _)| shard != (id.shard, run)) {
            last = None;
        }
        let pieces = scan(&bytes);
        let mut opener = Opener::new(header, &bytes, &pieces, ring);
        shelf.sealed(id, opener.seal);
        // Damage since the last whole block, and whether any of it was changed.
        let mut hole: Option<bool> = None;
        for piece in pieces {
            match piece {
                Found::Block { at, bytes: len, opened, closed, .. } => {
                    let Some((block, broken)) = opener.open(at, &bytes[at..at + len]) else {
                        hole = Some(true);
                        report.changed += 1;
                        quarantine(directory, id, at, &bytes[at..at + len], &mut report)?;
                        continue;
                    };
                    let from = last.map_or(opened, |(_, closed): (_, Moment)| closed);
                    if let Some(changed) = hole.take() {
                        index.hole(run, id.shard, from, opened.max(from), changed);
                    }
                    last = Some(((id.shard, run), closed));
                    report.blocks += 1;
                    if !broken.is_empty() {
                        index.hole(run, id.shard, from, closed, true);
                    }
                    let absorbed = index.absorb_once(run, id, at as u64, &block);
                    take(absorbed, shelf, found, &mut report.ended);
                    if !broken.is_empty() {
                        // Those that this block began may miss something too.
                        index.hole(run, id.shard, from, closed, true);
                    }
                    for Broken { at: place, bytes: len } in broken {
                        let at = at + place;
                        report.changed += 1;
                        quarantine(directory, id, at, &bytes[at..at + len], &mut report)?;
                    }
                }
                Found::Damaged { at, bytes: len } => {
                    hole = Some(hole.unwrap_or(false));
                    quarantine(directory, id, at, &bytes[at..at + len], &mut report)?;
                }
                Found::TornTail { .. } => report.torn_tails += 1,
            }
        }
    }
    for conversation in index.take_unfinished() {
        report.unfinished += 1;
        found(conversation);
    }
    Ok(report)
}

/// Opens the blocks of one segment.
pub(super) struct Opener {
    /// How the file is sealed; `None` in version 1.
    seal: Option<FileSeal>,
    /// `None` in version 1, and when the master key is not known.
    keys: Option<FileKeys>,
}

impl Opener {
    /// The header says how, or, where it is damaged, the first block.
    pub(super) fn new(
        header: Option<SegmentHeader>,
        bytes: &[u8],
        pieces: &[Found],
        ring: &Arc<Keyring>,
    ) -> Opener {
        let of_block = |piece: &Found| match *piece {
            Found::Block { at, .. } => Some(block_seal(&bytes[at..])),
            _ => None,
        };
        let of_header = header.map(|header| header.seal);
        let seal = of_header.or_else(|| pieces.iter().find_map(of_block)).flatten();
        let keys = seal.and_then(|seal| FileKeys::segment(ring.clone(), seal));
        Opener { seal, keys }
    }

    /// The block in clear; `None` when it is not one that was written here.
    pub(super) fn open(&mut self, at: usize, block: &[u8]) -> Option<(Block, Vec<Broken>)> {
        match (&mut self.keys, self.seal, block_seal(block)) {
            (Some(keys), ..) => keys.open_block(at as u64, block.to_vec()),
            (None, None, None) => Some((Block::from_bytes(block.to_vec()), Vec::new())),
            _ => None,
        }
    }
}

fn take(absorbed: Absorbed, shelf: &Shelf, found: &mut impl FnMut(Conversation), ended: &mut u64) {
    for (segment, recording) in absorbed.touched {
        shelf.touch(segment, recording);
    }
    for conversation in absorbed.finished {
        *ended += 1;
        found(conversation);
    }
}

fn quarantine(
    directory: &Path,
    segment: SegmentId,
    at: usize,
    bytes: &[u8],
    report: &mut RepairReport,
) -> io::Result<()> {
    report.damaged += 1;
    if report.quarantined.len() >= QUARANTINED_MAX {
        return Ok(());
    }
    let name = segment.file_name();
    tracing::warn!(segment = %name, offset = at, bytes = bytes.len(), "damaged recording log");
    let aside = directory.join("quarantine");
    fs::create_dir_all(&aside)?;
    fs::write(aside.join(format!("{name}-{at}.bad")), bytes)?;
    sync_directory(&aside)?;
    let (offset, bytes) = (at as u64, bytes.len() as u64);
    report.quarantined.push(Quarantined { segment: name, offset, bytes });
    Ok(())
}
