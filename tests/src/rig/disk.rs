//! The disk under the recorder: blocks go through the production segment log onto a disk in memory
//! that is slow and sometimes fails; what is durable is indexed, and what has ended is rendered.

use super::handset::voices_in;
use mediacore::record::Block;
use mediacore::record::block::{ENTRY_HEAD_BYTES, KIND_AUDIO, TAG_BYTES};
use mediacore::record::index::{Conversation, Index};
use mediacore::record::log::{LogConfig, Op, Outcome, ShardLog};
use mediacore::record::render::{self, Piece, Source};
use mediacore::record::seal::{FileKeys, FileSeal, KEY_BYTES, Keyring, SALT_BYTES, Sealer};
use mediacore::record::segment::SegmentId;
use mediacore::record::wav;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use terms::media::{Ledger, RecordingState};
use terms::{Moment, TenantId};

/// Between two looks at the log while something is in it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
type Files = BTreeMap<SegmentId, File>;

/// A segment: how it is sealed, and what is on the disk.
struct File {
    seal: FileSeal,
    bytes: Vec<u8>,
}

/// A recording as a file.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Its row.
    pub ledger: Ledger,
    /// The file.
    pub wav: Vec<u8>,
}

impl Rendered {
    /// Cells of each voice on the left and on the right.
    ///
    /// # Panics
    /// When the file is not one that we write, or not in the voices' own law.
    pub fn voices(&self) -> (BTreeMap<u16, u32>, BTreeMap<u16, u32>) {
        let layout = wav::layout(&self.wav, self.wav.len() as u64).expect("our own file is WAV");
        assert!(layout.format.law().is_some(), "voices of one law keep their octets");
        let at = layout.data_at as usize;
        let data = &self.wav[at..at + layout.data_bytes as usize];
        let side = |first| data.iter().skip(first).step_by(2).copied().collect::<Vec<u8>>();
        (voices_in(&side(0)), voices_in(&side(1)))
    }
}

/// The disk and what stands on it.
pub struct Disk {
    log: ShardLog,
    ring: Arc<Keyring>,
    /// The run that writes: a kill begins another.
    run: u32,
    /// Of the open segment.
    sealer: Option<Sealer>,
    salts: SmallRng,
    files: Files,
    index: Index,
    under_way: Option<(Moment, Op, Outcome)>,
    look_at: Moment,
    told_at: VecDeque<(Moment, Ledger)>,
    /// Share of operations that fail.
    trouble: f64,
    rng: SmallRng,
    /// Operations that failed.
    pub failures: u64,
    /// Everything that was rendered.
    pub rendered: Vec<Rendered>,
}

impl Disk {
    /// An empty disk.
    pub fn new(seed: u64, trouble: f64) -> Self {
        let mut salts = SmallRng::seed_from_u64(seed ^ 0x5A17);
        Disk {
            log: ShardLog::new(LogConfig::default(), 0, 1, 1),
            ring: Arc::new(Keyring::of(&salts.random::<[u8; KEY_BYTES]>())),
            run: 1,
            sealer: None,
            files: Files::new(),
            index: Index::default(),
            under_way: None,
            look_at: Moment(0),
            told_at: VecDeque::new(),
            trouble,
            salts,
            rng: SmallRng::seed_from_u64(seed ^ 0xD15C),
            failures: 0,
            rendered: Vec::new(),
        }
    }

    /// A block from the recorder.
    pub fn accept(&mut self, block: Block) {
        self.log.accept(block);
    }

    /// The process ends here, and the next one repairs what it finds: of a recording that ran the
    /// part that is durable becomes a file. What was on its way to the disk is gone; rows that were
    /// not told yet are told still.
    pub fn kill(&mut self, now: Moment) {
        self.run += 1;
        let next_seq = self.files.keys().map(|id| id.seq + 1).max().unwrap_or(1);
        self.log = ShardLog::new(LogConfig::default(), 0, self.run, next_seq);
        (self.sealer, self.under_way) = (None, None);
        let torn = std::mem::take(&mut self.index).take_unfinished();
        for conversation in torn.iter().filter(|conversation| conversation.head.is_some()) {
            self.render(now, conversation);
        }
    }

    /// When [`Disk::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Option<Moment> {
        let done = self.under_way.as_ref().map(|&(at, ..)| at);
        let look = (done.is_none() && !self.log.is_drained()).then_some(self.look_at);
        let told = self.told_at.front().map(|&(at, _)| at);
        [done, look, told].into_iter().flatten().min()
    }

    /// Does what is due; the rows of recordings that are files now.
    pub fn handle_timeout(&mut self, now: Moment) -> Vec<Ledger> {
        if self.under_way.as_ref().is_some_and(|&(at, ..)| at <= now) {
            let (_, op, outcome) = self.under_way.take().expect("seen a line above");
            self.carry_out(now, op, outcome);
        }
        if self.under_way.is_none() && self.look_at <= now {
            self.under_way = self.log.poll_op(now).map(|op| {
                let takes = Duration::from_micros(self.rng.random_range(100..30_000));
                (now + takes, op, Outcome::Done)
            });
            self.look_at = now + LOOK_EVERY;
            self.spoil();
        }
        let mut told = Vec::new();
        while self.told_at.front().is_some_and(|&(at, _)| at <= now) {
            told.extend(self.told_at.pop_front().map(|(_, ledger)| ledger));
        }
        told
    }

    fn spoil(&mut self) {
        let Some((at, op, outcome)) = &mut self.under_way else { return };
        if matches!(op, Op::Close(_)) || self.trouble == 0.0 || !self.rng.random_bool(self.trouble)
        {
            return;
        }
        let full = matches!(op, Op::Write { .. }) && self.rng.random_bool(0.5);
        *outcome = if full { Outcome::NoSpace } else { Outcome::Failed };
        *at += Duration::from_millis(self.rng.random_range(0..400));
        self.failures += 1;
    }

    fn carry_out(&mut self, now: Moment, op: Op, outcome: Outcome) {
        match &op {
            Op::Open(header) if outcome == Outcome::Done => {
                let salt = self.salts.random::<[u8; SALT_BYTES]>();
                let sealer = Sealer::new(self.ring.clone(), salt);
                let bytes = sealer.header(*header).to_vec();
                self.files.insert(header.id, File { seal: sealer.seal(), bytes });
                self.sealer = Some(sealer);
            }
            Op::Write { segment, offset, blocks } => {
                let file = self.files.get_mut(segment).expect("a write goes to an open segment");
                let sealer = self.sealer.as_mut().expect("an open segment has its sealer");
                let mut bytes = Vec::new();
                sealer.blocks(*offset, blocks, &mut bytes).expect("a place is sealed once");
                // A write that fails leaves a part of itself.
                let written = if outcome == Outcome::Done { bytes.len() } else { bytes.len() / 2 };
                file.bytes.truncate(*offset as usize);
                file.bytes.extend_from_slice(&bytes[..written]);
            }
            Op::Open(_) | Op::Sync(_) | Op::Close(_) => {}
        }
        for durable in self.log.done(now, op, outcome) {
            let absorbed =
                self.index.absorb(self.run, durable.segment, durable.offset, &durable.block);
            for conversation in absorbed.finished {
                self.render(now, &conversation);
            }
        }
        self.look_at = now;
    }

    fn render(&mut self, now: Moment, conversation: &Conversation) {
        let head = conversation.head.expect("no declaration is lost here");
        if render::is_too_short(conversation) {
            let whose = (head.tenant, head.contact, head.call);
            let why = "shorter than its rule keeps";
            let ledger = Ledger::refused(whose, head.recording, head.started_at, why);
            self.told_at.push_back((now + Duration::from_millis(300), ledger));
            return;
        }
        let mut source = Bytes { files: &self.files, ring: &self.ring, tenant: head.tenant };
        let mut wav = Vec::new();
        let mut write = |bytes: &[u8]| {
            wav.extend_from_slice(bytes);
            Ok(())
        };
        let made = render::render(conversation, &mut source, &mut write)
            .expect("memory can be read and written");
        let state = match (conversation.refused, conversation.stopped, made.frames_missing) {
            (Some(_), ..) => RecordingState::Refused,
            (None, None, _) => RecordingState::Repaired,
            (None, Some(_), 0) => RecordingState::Recorded,
            (None, Some(_), _) => RecordingState::Partial,
        };
        let ledger = Ledger {
            recording: head.recording,
            tenant: head.tenant,
            contact: head.contact,
            call: head.call,
            started_at: head.started_at,
            duration_ms: made.duration_ms(),
            state,
            frames_expected: made.frames_expected,
            frames_missing: made.frames_missing,
            gaps: made.gaps,
            path: Some(format!("{}/{}.wav", head.tenant, head.recording)),
            bytes: wav.len() as u64,
            sha256: None,
            reason: render::is_cut(conversation).then(|| "cut".to_owned()),
            paused_ms: made.paused_ms,
            marks: made.marks,
            format: head.terms.format,
            before: None,
        };
        self.rendered.push(Rendered { ledger: ledger.clone(), wav });
        self.told_at.push_back((now + Duration::from_millis(300), ledger));
    }

    /// Recordings that never became a file, and bytes that never became durable.
    pub fn left(&self) -> Option<String> {
        let (running, told) = (self.index.len(), self.told_at.len());
        let drained = self.log.is_drained();
        (running + told > 0 || !drained).then(|| {
            format!("{running} recordings unfinished, {told} untold, log drained: {drained}")
        })
    }
}

struct Bytes<'a> {
    files: &'a Files,
    ring: &'a Arc<Keyring>,
    tenant: TenantId,
}

impl Source for Bytes<'_> {
    fn read(&mut self, segment: SegmentId, offset: u32, body: &mut [u8]) -> io::Result<Piece> {
        let at = offset as usize;
        let Some(file) = self.files.get(&segment) else { return Ok(Piece::Gone) };
        let Some(sealed) = file.bytes.get(at..at + body.len() + TAG_BYTES) else {
            return Ok(Piece::Gone);
        };
        let mut keys = FileKeys::segment(self.ring.clone(), file.seal).expect("the ring sealed it");
        let mut sealed = sealed.to_vec();
        let head = (at - ENTRY_HEAD_BYTES) as u64;
        let opened = keys.open_entry(head, KIND_AUDIO, self.tenant, &mut sealed);
        body.copy_from_slice(&sealed[..body.len()]);
        Ok(if opened { Piece::There } else { Piece::Changed })
    }
}
