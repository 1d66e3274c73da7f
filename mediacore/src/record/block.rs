//! Blocks: what a shard's recorder hands to storage, and what the segment log is made of.
//! Promise: a block is read back whole or refused; nothing of a damaged block is believed.
//!
//! All numbers are little endian. A block is a header and up to 64 KiB of entries. In memory it is
//! clear, with zeros where checksum, key, salt and tags will stand; on its way to the disk
//! [`super::seal`] fills them in, and nothing moves:
//!
//! ```text
//!  0        4        8       10      12        16       24       32       40      48      64    80
//! ┌────────┬────────┬───────┬───────┬─────────┬────────┬────────┬────────┬───────┬───────┬─────┬───
//! │ "SGBK" │ CRC-32 │version│ shard │ body    │ number │ opened │ closed │ key   │ salt  │ tag │ …
//! │        │ of 8.. │ u16   │ u16   │bytes u32│ u64    │ ns u64 │ ns u64 │ u64   │ 16    │ 16  │
//! └────────┴────────┴───────┴───────┴─────────┴────────┴────────┴────────┴───────┴───────┴─────┴───
//! ```
//!
//! An entry is a head of 12 bytes, a body that is sealed with the tenant's key, and its tag; a reader
//! skips kinds that it does not know:
//!
//! ```text
//!  0      1      2         4        12
//! ┌──────┬──────┬─────────┬────────┬───────────────┬────────┐   kind 1 Recording   72 bytes
//! │ kind │ zero │ body    │ tenant │ body          │ tag    │   kind 2 Track       48 bytes
//! │ u8   │ u8   │bytes u16│ u64    │               │ 16     │   kind 3 Audio       28 bytes + frames
//! └──────┴──────┴─────────┴────────┴───────────────┴────────┘   kind 4 Lost        32 bytes
//!                                                               kind 5 Stop        16 bytes
//!                                                               kind 6 Refused     16 bytes
//!                                                               kind 7 Mark        32 bytes
//! Recording   recording u64 · tenant u64 · contact u64 · call u64 · started_at µs i64 · start ns u64 ·
//!             least length ms u32 · longest ms u32 (0: none) · format u8 (0 both, 1 WAV, 2 MP3) · zero
//!             u8 ×7 · recording that was cut u64 (0: none); older releases end after `start` or zeros
//! Track       recording u64 · leg u64 · joined ns u64 · left ns u64 (0: still in) · samples u64 ·
//!             track u32 · side u8 (0 customer, 1 other) · zero u8 ×3
//! Audio       CRC-32 of the rest u32 · track u32 · SSRC u32 · codec u8 (0 PCMU, 8 PCMA, 9 G.722,
//!             18 G.729, 111 Opus, 112 L16 of 16 kHz, 113 L16 of 8 kHz) ·
//!             clock kHz u8 · frames u16 · arrival of the first frame ns u64 · zero u32 · frames
//!   frame     sequence u16 · payload bytes u16 · RTP time u32 · µs after the first arrival u32 ·
//!             payload
//! Lost        track u32 · zero u32 · samples u64 · from ns u64 · to ns u64
//! Stop        recording u64 · at ns u64
//! Refused     recording u64 · reason u32 (1 recordings, 2 tracks: the limit that was reached) · zero u32
//! Mark        recording u64 · at ns u64 · person u64 · kind u32 (1–4) · zero u32
//! ```
//!
//! Times in ns are [`Moment`]s. Samples count time at 8 kHz whatever the codec is. `samples` of a
//! track counts what was handed to the recorder so far,
//! so that what is missing shows even when the block that held it is gone. Recording and Track are
//! repeated each second, so that a damaged block costs no more than what it held; so are marks.
//!
//! Version 1 was clear: a header of 40 bytes without key, salt and tag, entries with a head of 4 bytes
//! without tenant and tag. It is read, and not written any more.

use crate::codec::ticks;
use crate::shard::ahead::fetch_at;
use terms::media::{
    Codec, MarkKind, PayloadType, RecordFormat, RecordTerms, RtpTime, SeqNo, Side, Ssrc,
};
use terms::{CallId, ContactId, LegId, Moment, RecordingId, TenantId, Timestamp, UserId};

/// Version of the format; a reader refuses newer ones.
pub const VERSION: u16 = 2;
/// The version before sealing.
pub const VERSION_CLEAR: u16 = 1;
/// A block closes before its entries grow beyond this.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes before the first entry.
pub const HEADER_BYTES: usize = 80;
/// Bytes before an entry's body.
pub const ENTRY_HEAD_BYTES: usize = 12;
/// Bytes of an authentication tag: after an entry's body, and at the end of a header.
pub const TAG_BYTES: usize = 16;
/// Bytes of an Audio body before its frames.
pub const AUDIO_HEAD_BYTES: usize = 28;
/// Bytes of a frame before its payload.
pub const FRAME_HEAD_BYTES: usize = 12;
/// Body bytes of one Audio entry: about 100 ms of G.711 with room to spare.
pub const AUDIO_BYTES_MAX: usize = 2048;

/// The kind of an Audio entry.
pub const KIND_AUDIO: u8 = 3;

/// First bytes of a block.
pub const MAGIC: [u8; 4] = *b"SGBK";

/// Sizes that differ between the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes before the first entry.
    pub header_bytes: usize,
    entry_head_bytes: usize,
    tag_bytes: usize,
}

impl Layout {
    /// Of a version that this program reads.
    pub(crate) fn of(version: u16) -> Option<Layout> {
        match version {
            VERSION => Some(Layout {
                header_bytes: HEADER_BYTES,
                entry_head_bytes: ENTRY_HEAD_BYTES,
                tag_bytes: TAG_BYTES,
            }),
            VERSION_CLEAR => Some(Layout { header_bytes: 40, entry_head_bytes: 4, tag_bytes: 0 }),
            _ => None,
        }
    }
}

/// A closed block, in clear: the unit of the ring, and of the log once it is sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Block {{ number: {}, {} bytes }}", self.number(), self.bytes.len())
    }
}

impl Block {
    /// The block in clear. It never goes to a disk like this.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// A block that was opened, or one of a version that was never sealed.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Block {
        debug_assert!(bytes.len() >= 40, "a block has a header");
        Block { bytes }
    }
    /// Rises by one with each block of a shard.
    pub fn number(&self) -> u64 {
        u64_at(&self.bytes, 16)
    }
    /// When its first entry came.
    pub fn opened(&self) -> Moment {
        Moment(u64_at(&self.bytes, 24))
    }
    /// When it was closed: everything in it came before.
    pub fn closed(&self) -> Moment {
        Moment(u64_at(&self.bytes, 32))
    }
    /// What it says.
    pub fn entries(&self) -> Entries<'_> {
        let layout = Layout::of(u16_at(&self.bytes, 8)).expect("a block has a version we read");
        Entries { bytes: &self.bytes, layout, at: layout.header_bytes }
    }
}

/// Who is recorded: the Recording entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub recording: RecordingId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The contact.
    pub contact: ContactId,
    /// The call.
    pub call: CallId,
    /// Wall clock of the first sample.
    pub started_at: Timestamp,
    /// Monotonic clock of the first sample.
    pub start: Moment,
    /// What its rule asks of it. A pause at the start is a mark.
    pub terms: RecordTerms,
}

impl Head {
    /// Bytes of the body.
    pub const BYTES: usize = 72;
    /// Bytes of it before terms came in.
    const BYTES_WITHOUT_TERMS: usize = 48;

    fn read(body: &[u8]) -> Head {
        Head {
            recording: RecordingId(u64_at(body, 0)),
            tenant: TenantId(u64_at(body, 8)),
            contact: ContactId(u64_at(body, 16)),
            call: CallId(u64_at(body, 24)),
            started_at: Timestamp(u64_at(body, 32) as i64),
            start: Moment(u64_at(body, 40)),
            terms: read_terms(&body[Self::BYTES_WITHOUT_TERMS..]),
        }
    }
}

fn read_terms(body: &[u8]) -> RecordTerms {
    if body.len() < 16 {
        return RecordTerms::default();
    }
    let format = match body[8] {
        1 => RecordFormat::Wav,
        2 => RecordFormat::Mp3,
        3 => RecordFormat::Opus,
        _ => RecordFormat::Both,
    };
    let (min_ms, max_ms) = (u32_at(body, 0), u32_at(body, 4));
    let cut = body.get(16..24).map(|cut| u64_at(cut, 0)).filter(|&cut| cut > 0);
    RecordTerms { min_ms, max_ms, format, paused: None, continues: cut.map(RecordingId) }
}

/// A pause or its end: the Mark entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Its recording.
    pub recording: RecordingId,
    /// When.
    pub at: Moment,
    /// What happened: 1 paused, 2 resumed, 3 a fax began, 4 it ended.
    pub kind: MarkKind,
    /// Who asked for it; zero is nobody.
    pub by: UserId,
}

impl Marked {
    /// Bytes of the body.
    pub const BYTES: usize = 32;

    fn read(body: &[u8]) -> Option<Marked> {
        let kind = match u32_at(body, 24) {
            1 => MarkKind::Paused,
            2 => MarkKind::Resumed,
            3 => MarkKind::FaxStarted,
            4 => MarkKind::FaxEnded,
            _ => return None,
        };
        let (recording, by) = (RecordingId(u64_at(body, 0)), UserId(u64_at(body, 16)));
        Some(Marked { recording, at: Moment(u64_at(body, 8)), kind, by })
    }
}

/// One party of a recording: the Track entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackHead {
    /// Its recording.
    pub recording: RecordingId,
    /// The party.
    pub leg: LegId,
    /// Since when.
    pub joined: Moment,
    /// Until when; `None` while it stands.
    pub left: Option<Moment>,
    /// Samples handed to the recorder so far.
    pub samples: u64,
    /// Its number: never used twice by a recorder.
    pub track: u32,
    /// Left or right.
    pub side: Side,
}

/// Frames that will never be in the log: the Lost entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The track.
    pub track: u32,
    /// Samples they held.
    pub samples: u64,
    /// Arrival of the first.
    pub from: Moment,
    /// Arrival of the last.
    pub to: Moment,
}

/// Frames of one track, one SSRC and one codec: the Audio entry.
#[derive(Clone, Copy, Debug)]
pub struct Audio<'a> {
    /// The track.
    pub track: u32,
    /// Their source.
    pub ssrc: Ssrc,
    /// Their codec.
    pub codec: Codec,
    /// How many.
    pub frames: u16,
    /// Arrival of the first.
    pub arrival: Moment,
    rest: &'a [u8],
}

/// One frame inside an Audio entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it came.
    pub arrival: Moment,
    /// Its place in the audio.
    pub rtp_time: RtpTime,
    /// Its place in the stream.
    pub seq: SeqNo,
    /// As received.
    pub payload: &'a [u8],
}

/// One thing that a block says.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A recording began, or still runs.
    Recording(Head),
    /// A party joined, still stands, or left.
    Track(TrackHead),
    /// Frames.
    Audio(Audio<'a>),
    /// Frames that are missing.
    Lost(Lost),
    /// A recording ended.
    Stop(RecordingId, Moment),
    /// A recording was refused, by the code of the limit.
    Refused(RecordingId, u32),
    /// A recording was paused or resumed.
    Mark(Marked),
}

/// How long a payload lasts, in samples of 8 kHz: the unit of every count in the log.
pub fn samples_of(codec: Codec, payload: &[u8]) -> u64 {
    u64::from(ticks(codec, payload)) * 8000 / u64::from(codec.clock_hz())
}

impl<'a> Audio<'a> {
    /// Reads an Audio body; `None` when its checksum or its shape is wrong.
    pub fn read(body: &'a [u8]) -> Option<Audio<'a>> {
        if body.len() < AUDIO_HEAD_BYTES || crc32fast::hash(&body[4..]) != u32_at(body, 0) {
            return None;
        }
        Audio::read_trusted(body)
    }

    /// The same inside a block whose own checksum was right.
    fn read_trusted(body: &'a [u8]) -> Option<Audio<'a>> {
        if body.len() < AUDIO_HEAD_BYTES {
            return None;
        }
        Some(Audio {
            track: u32_at(body, 4),
            ssrc: Ssrc(u32_at(body, 8)),
            codec: codec_named(body[12])?,
            frames: u16_at(body, 14),
            arrival: Moment(u64_at(body, 16)),
            rest: &body[AUDIO_HEAD_BYTES..],
        })
    }

    /// The frames in the order of arrival.
    pub fn frames(self) -> impl Iterator<Item = Frame<'a>> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            let (head, after) = rest.split_at_checked(FRAME_HEAD_BYTES)?;
            let (payload, after) = after.split_at_checked(usize::from(u16_at(head, 2)))?;
            rest = after;
            Some(Frame {
                arrival: Moment(self.arrival.0 + u64::from(u32_at(head, 8)) * 1000),
                rtp_time: RtpTime(u32_at(head, 4)),
                seq: SeqNo(u16_at(head, 0)),
                payload,
            })
        })
        .take(usize::from(self.frames))
    }

    /// How long all frames last, in samples of 8 kHz.
    pub fn samples(self) -> u64 {
        if self.codec.is_g711() {
            // An octet is a sample: no need to visit the frames.
            let heads = usize::from(self.frames) * FRAME_HEAD_BYTES;
            return self.rest.len().saturating_sub(heads) as u64;
        }
        self.frames().map(|frame| samples_of(self.codec, frame.payload)).sum()
    }

    /// Arrival of the last frame.
    pub fn last_arrival(self) -> Moment {
        self.frames().last().map_or(self.arrival, |frame| frame.arrival)
    }
}

/// The entries of a block in order, each with the place of its body in the block.
pub struct Entries<'a> {
    bytes: &'a [u8],
    layout: Layout,
    at: usize,
}

/// An entry and where its body lies: offset from the start of the block, and length.
pub struct Located<'a> {
    /// What it says.
    pub entry: Entry<'a>,
    /// Whose it is; version 1 did not say.
    pub tenant: Option<TenantId>,
    /// The body's offset from the block's first byte.
    pub offset: usize,
    /// The body's length.
    pub bytes: usize,
    /// The whole entry, head and tag included.
    pub raw: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Located<'a>;

    fn next(&mut self) -> Option<Located<'a>> {
        loop {
            let head = self.bytes.get(self.at..self.at + self.layout.entry_head_bytes)?;
            let (kind, bytes) = (head[0], usize::from(u16_at(head, 2)));
            let tenant = (head.len() >= ENTRY_HEAD_BYTES).then(|| TenantId(u64_at(head, 4)));
            let offset = self.at + head.len();
            let end = offset + bytes + self.layout.tag_bytes;
            let raw = self.bytes.get(self.at..end)?;
            self.at = end;
            if let Some(entry) = read_entry(kind, &self.bytes[offset..offset + bytes]) {
                return Some(Located { entry, tenant, offset, bytes, raw });
            }
        }
    }
}

fn read_entry(kind: u8, body: &[u8]) -> Option<Entry<'_>> {
    let needed = match kind {
        1 | 2 => 48,
        KIND_AUDIO => return Audio::read_trusted(body).map(Entry::Audio),
        4 => 32,
        5 | 6 => 16,
        7 => Marked::BYTES,
        _ => return None,
    };
    if body.len() < needed {
        return None;
    }
    Some(match kind {
        1 => Entry::Recording(Head::read(body)),
        2 => Entry::Track(TrackHead {
            recording: RecordingId(u64_at(body, 0)),
            leg: LegId(u64_at(body, 8)),
            joined: Moment(u64_at(body, 16)),
            left: Some(u64_at(body, 24)).filter(|&ns| ns != 0).map(Moment),
            samples: u64_at(body, 32),
            track: u32_at(body, 40),
            side: if body[44] == 0 { Side::Customer } else { Side::Other },
        }),
        4 => Entry::Lost(Lost {
            track: u32_at(body, 0),
            samples: u64_at(body, 8),
            from: Moment(u64_at(body, 16)),
            to: Moment(u64_at(body, 24)),
        }),
        5 => Entry::Stop(RecordingId(u64_at(body, 0)), Moment(u64_at(body, 8))),
        6 => Entry::Refused(RecordingId(u64_at(body, 0)), u32_at(body, 8)),
        _ => return Marked::read(body).map(Entry::Mark),
    })
}

/// Builds one block.
#[derive(Debug)]
pub struct BlockWriter {
    bytes: Vec<u8>,
    /// When its first entry came.
    pub opened: Moment,
}

impl BlockWriter {
    /// An empty block with room for a full one, so that appending never allocates.
    pub fn open(now: Moment) -> BlockWriter {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + BODY_BYTES_MAX);
        bytes.resize(HEADER_BYTES, 0);
        BlockWriter { bytes, opened: now }
    }

    /// Whether an entry with a body of this many bytes still fits.
    pub fn fits(&self, body_bytes: usize) -> bool {
        let entry_bytes = ENTRY_HEAD_BYTES + body_bytes + TAG_BYTES;
        self.bytes.len() + entry_bytes <= HEADER_BYTES + BODY_BYTES_MAX
    }

    /// No entry yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER_BYTES
    }

    /// Appends an entry as it stood in another block.
    pub fn append_raw(&mut self, entry: &[u8]) {
        self.bytes.extend_from_slice(entry);
    }

    /// Head, what `body` appends, and room for the tag.
    fn entry(
        &mut self,
        kind: u8,
        tenant: TenantId,
        body_bytes: usize,
        body: impl FnOnce(&mut Self),
    ) {
        debug_assert!(self.fits(body_bytes), "the caller asked fits()");
        self.bytes.extend_from_slice(&[kind, 0]);
        self.bytes.extend_from_slice(&(body_bytes as u16).to_le_bytes());
        self.u64s(&[tenant.0]);
        let begins = self.bytes.len();
        body(self);
        debug_assert_eq!(self.bytes.len(), begins + body_bytes, "the head tells the body's length");
        self.bytes.extend_from_slice(&[0; TAG_BYTES]);
    }

    fn u64s(&mut self, values: &[u64]) {
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    fn u32s(&mut self, values: &[u32]) {
        values.iter().for_each(|value| self.bytes.extend_from_slice(&value.to_le_bytes()));
    }

    /// Appends a Recording entry.
    pub fn recording(&mut self, head: &Head) {
        let terms = head.terms;
        let format = match terms.format {
            RecordFormat::Both => 0,
            RecordFormat::Wav => 1,
            RecordFormat::Mp3 => 2,
            RecordFormat::Opus => 3,
        };
        self.entry(1, head.tenant, Head::BYTES, |entry| {
            entry.u64s(&[head.recording.0, head.tenant.0, head.contact.0, head.call.0]);
            entry.u64s(&[head.started_at.0 as u64, head.start.0]);
            entry.u32s(&[terms.min_ms, terms.max_ms, format, 0]);
            entry.u64s(&[terms.continues.map_or(0, |cut| cut.0)]);
        });
    }

    /// Appends a Track entry.
    pub fn track(&mut self, tenant: TenantId, track: &TrackHead) {
        let left = track.left.map_or(0, |moment| moment.0);
        self.entry(2, tenant, 48, |entry| {
            entry.u64s(&[track.recording.0, track.leg.0, track.joined.0, left, track.samples]);
            entry.u32s(&[track.track, u32::from(track.side == Side::Other)]);
        });
    }

    /// Appends a finished Audio body.
    pub fn audio(&mut self, tenant: TenantId, body: &[u8]) {
        self.entry(KIND_AUDIO, tenant, body.len(), |entry| entry.bytes.extend_from_slice(body));
    }

    /// Appends a Lost entry.
    pub fn lost(&mut self, tenant: TenantId, lost: &Lost) {
        self.entry(4, tenant, 32, |entry| {
            entry.u32s(&[lost.track, 0]);
            entry.u64s(&[lost.samples, lost.from.0, lost.to.0]);
        });
    }

    /// Appends a Stop entry.
    pub fn stop(&mut self, tenant: TenantId, recording: RecordingId, at: Moment) {
        self.entry(5, tenant, 16, |entry| entry.u64s(&[recording.0, at.0]));
    }

    /// Appends a Refused entry.
    pub fn refused(&mut self, tenant: TenantId, recording: RecordingId, reason: u32) {
        self.entry(6, tenant, 16, |entry| {
            entry.u64s(&[recording.0]);
            entry.u32s(&[reason, 0]);
        });
    }

    /// Appends a Mark entry.
    pub fn mark(&mut self, tenant: TenantId, marked: &Marked) {
        let kind = match marked.kind {
            MarkKind::Paused => 1,
            MarkKind::Resumed => 2,
            MarkKind::FaxStarted => 3,
            MarkKind::FaxEnded => 4,
        };
        self.entry(7, tenant, Marked::BYTES, |entry| {
            entry.u64s(&[marked.recording.0, marked.at.0, marked.by.0]);
            entry.u32s(&[kind, 0]);
        });
    }

    /// Fills in the header, but for what sealing adds.
    pub fn close(mut self, now: Moment, shard: u16, number: u64) -> Block {
        let body_bytes = (self.bytes.len() - HEADER_BYTES) as u32;
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        self.bytes[10..12].copy_from_slice(&shard.to_le_bytes());
        self.bytes[12..16].copy_from_slice(&body_bytes.to_le_bytes());
        self.bytes[16..24].copy_from_slice(&number.to_le_bytes());
        self.bytes[24..32].copy_from_slice(&self.opened.0.to_le_bytes());
        self.bytes[32..40].copy_from_slice(&now.0.to_le_bytes());
        Block { bytes: self.bytes }
    }
}

/// Frames of one track on their way into a block: the body of an Audio entry, filled in place.
#[derive(Debug)]
pub struct Chunk {
    body: Vec<u8>,
    frames: u16,
    /// Their codec; meaningless while empty.
    pub codec: Codec,
    /// Their source; meaningless while empty.
    pub ssrc: Ssrc,
    /// Arrival of the first; meaningless while empty.
    pub first: Moment,
    /// Arrival of the last; meaningless while empty.
    pub last: Moment,
}

impl Chunk {
    /// An empty one with all the room it will ever need.
    pub fn new() -> Chunk {
        let mut body = Vec::with_capacity(AUDIO_BYTES_MAX);
        body.resize(AUDIO_HEAD_BYTES, 0);
        let (codec, ssrc) = (Codec::Pcma, Ssrc(0));
        Chunk { body, frames: 0, codec, ssrc, first: Moment(0), last: Moment(0) }
    }

    /// Holds no frame.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Whether one more frame fits.
    pub fn fits(&self, payload: &[u8]) -> bool {
        self.body.len() + FRAME_HEAD_BYTES + payload.len() <= AUDIO_BYTES_MAX
    }

    /// A frame comes soon: asks for the memory behind the last one, three lines of it for 20 ms of
    /// G.711.
    pub fn expect_frame(&self) {
        let end = self.body.as_ptr().wrapping_add(self.body.len());
        for line in 0..3 {
            fetch_at(end.wrapping_add(64 * line));
        }
    }

    /// All frames are read soon.
    pub fn expect_body(&self) {
        (0..self.body.len()).step_by(64).for_each(|at| fetch_at(self.body[at..].as_ptr()));
    }

    /// Appends a frame that fits.
    pub fn push(&mut self, frame: Frame, codec: Codec, ssrc: Ssrc) {
        if self.frames == 0 {
            (self.codec, self.ssrc, self.first) = (codec, ssrc, frame.arrival);
        }
        let after_us = frame.arrival.since(self.first).as_micros() as u32;
        self.body.extend_from_slice(&frame.seq.0.to_le_bytes());
        self.body.extend_from_slice(&(frame.payload.len() as u16).to_le_bytes());
        self.body.extend_from_slice(&frame.rtp_time.0.to_le_bytes());
        self.body.extend_from_slice(&after_us.to_le_bytes());
        self.body.extend_from_slice(frame.payload);
        self.frames += 1;
        self.last = frame.arrival;
    }

    /// Length of the body as it stands.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Seals the body for [`BlockWriter::audio`].
    pub fn seal(&mut self, track: u32) -> &[u8] {
        self.body[4..8].copy_from_slice(&track.to_le_bytes());
        self.body[8..12].copy_from_slice(&self.ssrc.0.to_le_bytes());
        self.body[12] = self.codec.payload_type().0;
        self.body[13] = (self.codec.clock_hz() / 1000) as u8;
        self.body[14..16].copy_from_slice(&self.frames.to_le_bytes());
        self.body[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        self.body[24..28].fill(0);
        let crc = crc32fast::hash(&self.body[4..]);
        self.body[..4].copy_from_slice(&crc.to_le_bytes());
        &self.body
    }

    /// Empty again, with the same memory.
    pub fn clear(&mut self) {
        self.body.truncate(AUDIO_HEAD_BYTES);
        self.frames = 0;
    }
}

impl Default for Chunk {
    fn default() -> Chunk {
        Chunk::new()
    }
}

fn codec_named(number: u8) -> Option<Codec> {
    Codec::with_payload_type(PayloadType(number))
}

/// Reads `u16` at `at`; the caller checked the length.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes make a u16"))
}
/// Reads `u32` at `at`; the caller checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes make a u32"))
}
/// Reads `u64` at `at`; the caller checked the length.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes make a u64"))
}

#[cfg(test)]
mod tests;
