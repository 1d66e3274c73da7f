//! A working day in little time: calls come and go in groups through one process, and after each
//! group we look at what it holds that it did not hold before: memory, open files (a socket is
//! one), segments on disk, and after the last one legs, rooms and recordings. Its folder lies in
//! memory where the system has such a place: a disk that syncs every one of 80,000 files would take
//! most of the time, and is measured elsewhere.

use crate::system::{self, Counts, Kind};
use anyhow::{Context, Result};
use benches::media::crowd::Crowd;
use benches::procstat;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everybody speaks for so long in each call.
const WORDS: Duration = Duration::from_millis(500);
/// The first groups fill what is kept for the next ones: they are no measure.
const WARM_SHARE: usize = 5;
/// Between two groups: a thread that has been idle for a second gives back what it does not use.
const REST: Duration = Duration::from_millis(1_500);
/// What the engine counted is told within this.
const TOLD: Duration = Duration::from_millis(300);
/// How the memory at rest went.
const FIFTHS: [&str; 5] = [
    "memory at rest, first fifth",
    "memory at rest, second fifth",
    "memory at rest, third fifth",
    "memory at rest, fourth fifth",
    "memory at rest, last fifth",
];
/// Memory may differ by this from what it was.
const GROWTH_PERCENT_MAX: f64 = 5.0;

/// What is there between two groups.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Held {
    memory_bytes: u64,
    files: usize,
    segments: usize,
}

impl Held {
    fn by(pid: u32, segments: &Path) -> Result<Held> {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).context("see what it has open")?;
        let on_disk = fs::read_dir(segments).map_or(0, Iterator::count);
        Ok(Held { memory_bytes: memory(pid)?, files: open.count(), segments: on_disk })
    }

    /// The middle of each figure.
    fn middle(of: &[Held]) -> Held {
        let middle = |figure: fn(&Held) -> u64| {
            let mut all: Vec<u64> = of.iter().map(figure).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        Held {
            memory_bytes: middle(|held| held.memory_bytes),
            files: middle(|held| held.files as u64) as usize,
            segments: middle(|held| held.segments as u64) as usize,
        }
    }
}

/// What a soak left behind.
#[derive(Debug, Default)]
pub struct Left {
    calls: u32,
    lost: u64,
    missing: u64,
    held: Vec<Held>,
    /// At the end of a group, before anything was given back.
    memory_most: u64,
    /// After the last call.
    counts: Counts,
}

/// A figure with its limit.
#[derive(Debug)]
pub struct Line {
    /// What it says.
    pub what: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// No more.
    pub most: Option<f64>,
}

impl Line {
    /// Whether the limit holds.
    pub fn holds(&self) -> bool {
        self.most.is_none_or(|most| self.value <= most)
    }
}

impl Left {
    /// Its figures: the groups after the first fifth beside the last ones.
    pub fn lines(&self) -> Vec<Line> {
        let warm = self.held.len() / WARM_SHARE;
        let rest = &self.held[warm..];
        let some = (rest.len() / WARM_SHARE).max(1).min(rest.len());
        let (early, late) = (Held::middle(&rest[..some]), Held::middle(&rest[rest.len() - some..]));
        let grown = late.memory_bytes as f64 / early.memory_bytes.max(1) as f64 * 100.0 - 100.0;
        let more = |late: usize, early: usize| late.saturating_sub(early) as f64;
        let line = |what, value, unit, most| Line { what, value, unit, most };
        let fifth = self.held.len().div_ceil(FIFTHS.len()).max(1);
        let fifths = self.held.chunks(fifth).zip(FIFTHS).map(|(held, what)| {
            line(what, Held::middle(held).memory_bytes as f64 / 1e6, "MB", None)
        });
        let mut lines: Vec<Line> = fifths.collect();
        lines.extend([
            line("calls that came and went", f64::from(self.calls), "calls", None),
            line("packets lost", self.lost as f64, "packets", Some(0.0)),
            line("recorded frames missing", self.missing as f64, "frames", Some(0.0)),
            line("most memory after a group", self.memory_most as f64 / 1e6, "MB", None),
            line("memory at rest, at the end", late.memory_bytes as f64 / 1e6, "MB", None),
            line("memory grown", grown, "%", Some(GROWTH_PERCENT_MAX)),
            line("files and sockets left open", more(late.files, early.files), "files", Some(0.0)),
            line("segments left", more(late.segments, early.segments), "files", Some(1.0)),
            line("legs left", self.counts.legs as f64, "legs", Some(0.0)),
            line("rooms left", self.counts.rooms as f64, "rooms", Some(0.0)),
            line("recordings left", self.counts.recordings as f64, "recordings", Some(0.0)),
            line("receive buffers in use", self.counts.buffers_out as f64, "", Some(0.0)),
            line("receives without a buffer", self.counts.buffers_short as f64, "", None),
        ]);
        lines
    }
}

fn memory(pid: u32) -> Result<u64> {
    Ok(procstat::usage(pid, "")?.memory_bytes)
}

/// Where the soak's folder is made.
fn place() -> Result<PathBuf> {
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() {
        return Ok(in_memory.to_owned());
    }
    Ok(std::env::current_exe()?.parent().context("a folder")?.to_owned())
}

/// Runs `calls` calls in groups through our system on a core.
///
/// # Errors
/// What kept it from running.
pub fn run(core: usize, calls: u32, group: u32) -> Result<Left> {
    let folder = tempfile::tempdir_in(place()?)?;
    let mut system = system::start(Kind::Ours, core, folder.path()).context("start ours")?;
    let group = group.clamp(1, calls.max(1));
    let groups = calls.div_ceil(group);
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} groups")?;
    let bar = ProgressBar::new(u64::from(groups)).with_style(style.progress_chars("=> "));
    let mut left = Left::default();
    for _ in 0..groups {
        let crowd = Crowd::gather(group)?;
        let to = system.open(&crowd.calls()).context("open the calls")?;
        crowd.speak(&to);
        std::thread::sleep(WORDS);
        crowd.hush();
        let ending = system.end_calls().context("end the calls")?;
        let verdict = crowd.leave()?;
        left.calls += group;
        left.lost += verdict.lost() + verdict.damaged;
        left.missing += ending.frames_missing;
        for file in &ending.files {
            fs::remove_file(folder.path().join(file)).context("remove a recording")?;
        }
        left.memory_most = left.memory_most.max(memory(system.pid())?);
        std::thread::sleep(REST);
        left.held.push(Held::by(system.pid(), &folder.path().join("segments"))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    std::thread::sleep(TOLD);
    left.counts = system.counts()?;
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(memory: impl Fn(u64) -> u64, files: impl Fn(usize) -> usize) -> Left {
        let held = |n: usize| Held { memory_bytes: memory(n as u64), files: files(n), segments: 3 };
        let held = (0..20).map(held).collect();
        Left { calls: 1_000, held, ..Left::default() }
    }

    #[test]
    fn what_grows_is_seen_and_what_is_flat_after_the_start_is_not() {
        let flat = left(|n| 100_000_000 + n.min(3) * 20_000_000, |n| 40 + n.min(2));
        assert!(flat.lines().iter().all(Line::holds), "{:?}", flat.lines());
        let leaks = left(|n| 100_000_000 + n * 2_000_000, |n| 40 + n);
        let wrong: Vec<&str> =
            leaks.lines().iter().filter(|line| !line.holds()).map(|line| line.what).collect();
        assert_eq!(wrong, ["memory grown", "files and sockets left open"]);
        assert!(Left::default().lines().iter().all(Line::holds), "nothing was tried");
    }

    #[test]
    fn a_leg_or_a_room_that_stays_is_seen() {
        let counts = Counts { legs: 1, rooms: 2, buffers_out: 3, ..Counts::default() };
        let left = Left { counts, ..Left::default() };
        let wrong: Vec<&str> =
            left.lines().iter().filter(|line| !line.holds()).map(|line| line.what).collect();
        assert_eq!(wrong, ["legs left", "rooms left", "receive buffers in use"]);
    }
}
