//! The journal of rows, `<segments>/ledger.log`: which recordings are rendered and which rows were
//! told. Promise: a row is told again after a crash only if the telling may not have ended; what is
//! not in the journal is rendered from the segments.
//!
//! One line an entry, `<CRC-32 of the JSON in 8 hex digits> <JSON>`: `{"rendered":<ledger>}` before
//! the row is told, `{"told":"<recording>"}` after, and `{"cut":…}` for a recording that the end of the
//! process cut, until the row of its next part is made. A torn or damaged line counts as absent.

use super::cut::Cut;
use super::disk::{pass_gate, sync_directory};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use terms::RecordingId;
use terms::media::Ledger;

const NAME: &str = "ledger.log";
/// Room for so many recordings: more than are known before it is rewritten, as a rule. A table that grows
/// meanwhile would look like a leak for hours.
const ROOM: usize = 32_768;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Rendered(Ledger),
    Told(RecordingId),
    Cut(Cut),
}

/// How far a recording came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The row is made; telling it may have been cut short.
    Rendered(Box<Ledger>),
    /// Done with.
    Told,
}

/// The journal and what it says.
pub(super) struct Journal {
    directory: PathBuf,
    file: File,
    bytes: u64,
    /// Its length when it was rewritten last.
    rewritten: u64,
    /// One piece of memory: entries that stay for hours, each somewhere among what calls ask for and
    /// give back, would keep all of its pages.
    known: HashMap<RecordingId, Known>,
    /// What was cut and has no next part with a row.
    cuts: HashMap<RecordingId, Cut>,
    /// The last line did not get out whole; the next one begins on a line of its own.
    torn: bool,
}

impl Journal {
    /// Reads what is there and opens it for appending.
    pub(super) fn open(directory: &Path) -> io::Result<Journal> {
        let path = directory.join(NAME);
        let mut known = HashMap::with_capacity(ROOM);
        let mut cuts: HashMap<RecordingId, Cut> = HashMap::new();
        let text = match fs::read(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            text => text.unwrap_or_default(),
        };
        for line in text.split(|&byte| byte == b'\n').filter_map(read_line) {
            match line {
                Line::Rendered(ledger) => {
                    if let Some(before) = &ledger.before {
                        cuts.remove(&before.recording);
                    }
                    known.insert(ledger.recording, Known::Rendered(Box::new(ledger)));
                }
                Line::Told(recording) => {
                    known.insert(recording, Known::Told);
                }
                Line::Cut(cut) => {
                    cuts.insert(cut.recording, cut);
                }
            }
        }
        let file = File::options().append(true).create(true).open(&path)?;
        sync_directory(directory)?;
        let torn = text.last().is_some_and(|&byte| byte != b'\n');
        let (directory, bytes) = (directory.to_owned(), text.len() as u64);
        Ok(Journal { directory, file, bytes, rewritten: 0, known, cuts, torn })
    }

    /// How far it came.
    pub(super) fn known(&self, recording: RecordingId) -> Option<&Known> {
        self.known.get(&recording)
    }

    /// Where a recording was cut whose next part has no row yet.
    pub(super) fn cut_of(&self, recording: RecordingId) -> Option<&Cut> {
        self.cuts.get(&recording)
    }

    /// What a start found: `cuts`, and which recordings of before go on in a part that was found too.
    /// Of the others no part is left that could tell. Durable when this returns.
    pub(super) fn cut(&mut self, cuts: Vec<Cut>, go_on: &BTreeSet<RecordingId>) -> io::Result<()> {
        self.cuts.retain(|recording, _| go_on.contains(recording));
        if cuts.is_empty() {
            return Ok(());
        }
        self.cuts.extend(cuts.iter().map(|cut| (cut.recording, cut.clone())));
        for cut in cuts {
            self.append(&Line::Cut(cut))?;
        }
        self.file.sync_data()
    }

    /// The row is made and will be told: durable when this returns.
    pub(super) fn rendered(&mut self, ledger: &Ledger) -> io::Result<()> {
        pass_gate("storage.ledger")?;
        self.append(&Line::Rendered(ledger.clone()))?;
        self.file.sync_data()?;
        if let Some(before) = &ledger.before {
            self.cuts.remove(&before.recording);
        }
        self.known.insert(ledger.recording, Known::Rendered(Box::new(ledger.clone())));
        Ok(())
    }

    /// The row was told. Not synced: losing this line tells the row once more.
    pub(super) fn told(&mut self, recording: RecordingId) -> io::Result<()> {
        self.known.insert(recording, Known::Told);
        pass_gate("storage.told")?;
        self.append(&Line::Told(recording))
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = write_line(line);
        if std::mem::replace(&mut self.torn, true) {
            text.insert(0, '\n');
        }
        self.file.write_all(text.as_bytes())?;
        self.torn = false;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// True when it is longer than `most` and has doubled since it was rewritten: what segments speak of
    /// may be more than `most`, and is not to be rewritten for every row.
    pub(super) fn is_long(&self, most: u64) -> bool {
        self.bytes > most.max(2 * self.rewritten)
    }

    /// Rewrites it with the recordings that segments still speak of, and with what was cut; the others
    /// cannot come back.
    pub(super) fn compact(&mut self, live: &BTreeSet<RecordingId>) -> io::Result<()> {
        self.known.retain(|recording, _| live.contains(recording));
        let line = |(&recording, known): (&RecordingId, &Known)| match known {
            Known::Told => write_line(&Line::Told(recording)),
            Known::Rendered(ledger) => write_line(&Line::Rendered((**ledger).clone())),
        };
        let cuts = self.cuts.values().map(|cut| write_line(&Line::Cut(cut.clone())));
        let text: String = self.known.iter().map(line).chain(cuts).collect();
        let (path, part) = (self.directory.join(NAME), self.directory.join("ledger.log_tmp"));
        let mut file = File::create(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        pass_gate("storage.compact")?;
        fs::rename(&part, &path)?;
        sync_directory(&self.directory)?;
        self.file = File::options().append(true).open(&path)?;
        (self.bytes, self.rewritten) = (text.len() as u64, text.len() as u64);
        self.torn = false;
        Ok(())
    }
}

fn write_line(line: &Line) -> String {
    let json = serde_json::to_string(line).expect("a ledger has string keys only");
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
}

fn read_line(line: &[u8]) -> Option<Line> {
    let (crc, json) = line.split_at_checked(8)?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?, 16).ok()?;
    let json = json.strip_prefix(b" ")?;
    (crc32fast::hash(json) == crc).then(|| serde_json::from_slice(json).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::media::{RecordFormat, RecordingState};
    use terms::{CallId, ContactId, TenantId, Timestamp};

    fn ledger(recording: u64) -> Ledger {
        Ledger {
            recording: RecordingId(recording),
            tenant: TenantId(1),
            contact: ContactId(2),
            call: CallId(3),
            started_at: Timestamp(4),
            duration_ms: 5,
            state: RecordingState::Recorded,
            frames_expected: 6,
            frames_missing: 0,
            gaps: Vec::new(),
            path: None,
            bytes: 0,
            sha256: None,
            reason: None,
            paused_ms: 0,
            marks: Vec::new(),
            format: RecordFormat::default(),
            before: None,
        }
    }

    #[test]
    fn a_journal_cut_anywhere_knows_its_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.rendered(&ledger(1)).unwrap();
        journal.rendered(&ledger(2)).unwrap();
        journal.told(RecordingId(1)).unwrap();
        let whole = fs::read(dir.path().join(NAME)).unwrap();
        let ends: Vec<usize> =
            (0..whole.len()).filter(|&at| whole[at] == b'\n').map(|at| at + 1).collect();
        for cut in 0..=whole.len() {
            fs::write(dir.path().join(NAME), &whole[..cut]).unwrap();
            let mut journal = Journal::open(dir.path()).unwrap();
            // A whole line counts even when only its end of line is missing.
            let lines = ends.iter().filter(|&&end| end <= cut + 1).count();
            let first = journal.known(RecordingId(1)).cloned();
            let expected = match lines {
                0 => None,
                1 | 2 => Some(Known::Rendered(Box::new(ledger(1)))),
                _ => Some(Known::Told),
            };
            assert_eq!(first, expected, "cut at {cut}");
            journal.told(RecordingId(9)).unwrap();
            let again = Journal::open(dir.path()).unwrap();
            assert_eq!(again.known(RecordingId(9)), Some(&Known::Told), "cut at {cut}");
        }
    }

    #[test]
    fn compaction_keeps_what_segments_speak_of() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        (1..=50).for_each(|id| journal.rendered(&ledger(id)).unwrap());
        (1..=49).for_each(|id| journal.told(RecordingId(id)).unwrap());
        let before = journal.bytes;
        journal.compact(&BTreeSet::from([RecordingId(7), RecordingId(50)])).unwrap();
        journal.told(RecordingId(60)).unwrap();
        assert!(journal.bytes < before / 10);
        let again = Journal::open(dir.path()).unwrap();
        assert_eq!(again.known(RecordingId(7)), Some(&Known::Told));
        assert_eq!(again.known(RecordingId(60)), Some(&Known::Told));
        assert!(matches!(again.known(RecordingId(50)), Some(Known::Rendered(_))));
        assert_eq!(again.known(RecordingId(8)), None);
    }

    #[test]
    fn a_journal_that_cannot_be_shorter_is_not_rewritten_for_every_row() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        (1..=50).for_each(|id| journal.rendered(&ledger(id)).unwrap());
        let (length, live) = (journal.bytes, (1..=50).map(RecordingId).collect());
        assert!(!journal.is_long(length) && journal.is_long(length - 1));
        journal.compact(&live).unwrap();
        journal.rendered(&ledger(51)).unwrap();
        assert!(!journal.is_long(length / 2), "all that it says is still needed");
        (52..=101).for_each(|id| journal.rendered(&ledger(id)).unwrap());
        assert!(journal.is_long(length / 2));
    }
}
