//! How long each process of the box ran: what the supervisor saw of its children, a line a change, in
//! `uptime.log` of the data folder. A line is
//! `{"at": <microseconds UTC>, "process": "calls", "what": "up"}`; `ended` is an end that nobody asked
//! for, `stopped` one that was. A box that lost its power or its supervisor says nothing: its next
//! start writes down that its processes ended at the last sign of life, of which there is one every
//! [`ALIVE_EVERY`].
//!
//! What is counted is the life of processes, from one that runs to one that does not: a process that
//! runs and answers nobody counts as up.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use terms::Timestamp;

/// How often the supervisor says that it lives.
pub const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// A longer log becomes the older one, and the older one goes.
const BYTES_MAX: u64 = 4 << 20;

/// What happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was started.
    Up,
    /// It ended, and nobody asked for it.
    Ended,
    /// It was asked to end.
    Stopped,
}

/// One change of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Which: `calls`, `api` or `work`.
    pub process: String,
    /// What.
    pub what: What,
}

/// How long a process ran within a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Which.
    pub process: String,
    /// It ran.
    pub up_ms: i64,
    /// It did not, and nobody had asked for that.
    pub down_ms: i64,
    /// It did not because the box was stopped.
    pub stopped_ms: i64,
    /// Ends in the period that nobody asked for.
    pub ends: u64,
    /// The longest of `down_ms` in one piece.
    pub longest_down_ms: i64,
}

/// What the supervisor writes to. What cannot be written is told in the log and keeps nothing from
/// running.
#[derive(Debug)]
pub struct Journal {
    data: PathBuf,
}

impl Journal {
    /// Begins to write in a data folder: what was up when the last supervisor was heard of
    /// ended then.
    pub fn open(data: &Path) -> Self {
        let journal = Journal { data: data.to_owned() };
        let ended = journal.end_cut_line().and_then(|()| journal.end_what_was_up());
        if let Err(error) = ended {
            tracing::error!(%error, "cannot write down how long the box was away");
        }
        journal
    }

    /// Writes a change down.
    pub fn note(&self, at: Timestamp, process: &str, what: What) {
        if let Err(error) = self.append(&Change { at, process: process.to_owned(), what }) {
            tracing::error!(%error, process, "cannot write down what happened to a process");
        }
    }

    /// The supervisor lives.
    pub fn alive(&self, now: Timestamp) {
        let (file, half) = (self.data.join("run/alive"), self.data.join("run/alive.new"));
        // In one step: the one before counts until this one is whole.
        let written = fs::write(&half, now.0.to_string()).and_then(|()| fs::rename(&half, file));
        if let Err(error) = written {
            tracing::error!(%error, "cannot write a sign of life");
        }
    }

    /// A line that was cut off when the power went takes no other with it.
    fn end_cut_line(&self) -> io::Result<()> {
        let [_, log] = files(&self.data);
        match fs::read(&log) {
            Ok(text) if text.last().is_some_and(|last| *last != b'\n') => {
                File::options().append(true).open(log)?.write_all(b"\n")
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn end_what_was_up(&self) -> io::Result<()> {
        let changes = read(&self.data)?;
        let alive = match fs::read_to_string(self.data.join("run/alive")) {
            Ok(text) => text.trim().parse().ok().map(Timestamp),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let last = changes.iter().map(|change| change.at).chain(alive).max().unwrap_or_default();
        let latest: BTreeMap<&str, What> =
            changes.iter().map(|change| (change.process.as_str(), change.what)).collect();
        for (process, _) in latest.into_iter().filter(|(_, what)| *what == What::Up) {
            self.append(&Change { at: last, process: process.to_owned(), what: What::Ended })?;
        }
        Ok(())
    }

    fn append(&self, change: &Change) -> io::Result<()> {
        let [older, log] = files(&self.data);
        if fs::metadata(&log).is_ok_and(|found| found.len() > BYTES_MAX) {
            fs::rename(&log, older)?;
        }
        let mut line = serde_json::to_vec(change)?;
        line.push(b'\n');
        File::options().create(true).append(true).open(log)?.write_all(&line)
    }
}

/// The older log and the one that is written.
fn files(data: &Path) -> [PathBuf; 2] {
    ["uptime.log.1", "uptime.log"].map(|name| data.join(name))
}

/// All changes that are known, the oldest first. A line that was cut off is left out.
///
/// # Errors
/// When a file that is there cannot be read.
pub fn read(data: &Path) -> io::Result<Vec<Change>> {
    let mut changes = Vec::new();
    for file in files(data) {
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let lines = text.split(|byte| *byte == b'\n');
        changes.extend(lines.filter_map(|line| serde_json::from_slice::<Change>(line).ok()));
    }
    Ok(changes)
}

/// How long each process ran from `from` until before `until`. Before the first change that is known
/// of a process nothing is counted.
pub fn ran(changes: &[Change], from: Timestamp, until: Timestamp) -> Vec<Ran> {
    let mut of: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        of.entry(&change.process).or_default().push(change);
    }
    of.into_iter().map(|(process, changes)| one(process, &changes, from, until)).collect()
}

fn one(process: &str, changes: &[&Change], from: Timestamp, until: Timestamp) -> Ran {
    let mut ran = Ran {
        process: process.to_owned(),
        up_ms: 0,
        down_ms: 0,
        stopped_ms: 0,
        ends: 0,
        longest_down_ms: 0,
    };
    let ends = changes.iter().skip(1).map(|change| change.at).chain([until]);
    for (change, end) in changes.iter().zip(ends) {
        let ms = end.min(until).millis_since(change.at.max(from)).max(0);
        match change.what {
            What::Up => ran.up_ms += ms,
            What::Stopped => ran.stopped_ms += ms,
            What::Ended => {
                ran.down_ms += ms;
                ran.longest_down_ms = ran.longest_down_ms.max(ms);
                ran.ends += u64::from((from..until).contains(&change.at));
            }
        }
    }
    ran
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn log(data: &Path, changes: &[(i64, &str, What)]) {
        let journal = Journal::open(data);
        for (secs, process, what) in changes {
            journal.note(at(*secs), process, *what);
        }
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("run")).unwrap();
        folder
    }

    #[test]
    fn time_up_down_and_stopped_adds_up_to_the_period() {
        let folder = folder();
        log(
            folder.path(),
            &[
                (100, "calls", What::Up),
                (100, "work", What::Up),
                (400, "calls", What::Ended),
                (402, "calls", What::Up),
                (500, "calls", What::Stopped),
            ],
        );
        let changes = read(folder.path()).unwrap();
        let [calls, work] = &ran(&changes, at(200), at(600))[..] else { panic!("{changes:?}") };
        assert_eq!((calls.process.as_str(), work.process.as_str()), ("calls", "work"));
        assert_eq!((calls.up_ms, calls.down_ms, calls.stopped_ms), (298_000, 2_000, 100_000));
        assert_eq!((calls.ends, calls.longest_down_ms), (1, 2_000));
        assert_eq!((work.up_ms, work.down_ms, work.ends), (400_000, 0, 0));
        let later = &ran(&changes, at(401), at(402))[0];
        assert_eq!((later.down_ms, later.ends), (1_000, 0), "it had ended before");
        let before = &ran(&changes, at(0), at(50))[0];
        assert_eq!((before.up_ms, before.down_ms, before.stopped_ms), (0, 0, 0));
    }

    #[test]
    fn a_box_without_power_was_away_from_its_last_sign_of_life_to_its_next_start() {
        let folder = folder();
        log(folder.path(), &[(100, "calls", What::Up)]);
        Journal { data: folder.path().to_owned() }.alive(at(190));
        log(folder.path(), &[(300, "calls", What::Up)]);
        let changes = read(folder.path()).unwrap();
        let calls = &ran(&changes, at(100), at(400))[0];
        assert_eq!((calls.up_ms, calls.down_ms, calls.ends), (190_000, 110_000, 1));
    }

    #[test]
    fn a_line_that_was_cut_off_with_the_power_takes_no_other_with_it() {
        let folder = folder();
        log(folder.path(), &[(100, "calls", What::Up)]);
        let [_, file] = files(folder.path());
        let mut text = fs::read(&file).unwrap();
        text.extend(b"{\"at\": 5, \"proc");
        fs::write(&file, text).unwrap();
        log(folder.path(), &[(300, "calls", What::Up)]);
        let whats: Vec<What> = read(folder.path()).unwrap().iter().map(|of| of.what).collect();
        assert_eq!(whats, [What::Up, What::Ended, What::Up]);
    }

    #[test]
    fn a_box_that_was_stopped_did_not_fail() {
        let folder = folder();
        log(folder.path(), &[(100, "api", What::Up), (200, "api", What::Stopped)]);
        Journal { data: folder.path().to_owned() }.alive(at(199));
        log(folder.path(), &[(300, "api", What::Up)]);
        let api = &ran(&read(folder.path()).unwrap(), at(100), at(400))[0];
        assert_eq!((api.up_ms, api.down_ms, api.stopped_ms), (200_000, 0, 100_000));
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out_and_a_long_log_becomes_the_older_one() {
        let folder = folder();
        log(folder.path(), &[(100, "api", What::Up)]);
        let [older, file] = files(folder.path());
        let mut text = fs::read(&file).unwrap();
        text.extend(b"{\"at\": 5, \"proc\n");
        text.resize(BYTES_MAX as usize + 1, b'\n');
        fs::write(&file, text).unwrap();
        let journal = Journal { data: folder.path().to_owned() };
        journal.note(at(200), "api", What::Ended);
        assert!(older.exists());
        assert!(fs::metadata(&file).unwrap().len() < 200);
        let whats: Vec<What> = read(folder.path()).unwrap().iter().map(|of| of.what).collect();
        assert_eq!(whats, [What::Up, What::Ended]);
    }
}
