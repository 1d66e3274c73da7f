//! The process is killed, or the power fails, while calls are recorded; the next start repairs.
//!
//! A power cut is simulated: the process is killed, and of its segment only what it had called
//! durable stays. In every other round zeros stand where the rest was, as a file system leaves them
//! that wrote the length before the data.

use crate::books::{self, Books};
use crate::child::Setup;
use crate::scene::{Scene, folder};
use crate::{Bench, Limit};
use anyhow::{Context, Result, ensure};
use mediacore::edge::storage::Storage;
use mediacore::record::segment::SEGMENT_HEADER_BYTES;
use rand::Rng;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use terms::media::Ledger;

/// Calls that are recorded when it happens.
const CALLS: u32 = 100;
/// A repair takes no longer than this.
const REPAIR_MAX: Duration = Duration::from_secs(60);
/// Lost to a killed process at most, in ms: chunks and the open block.
const KILL_MS_MAX: f64 = 200.0;
/// Lost to a power cut at most, in ms.
const POWER_MS_MAX: f64 = 1_000.0;

/// What is left after the process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// All that it gave to the kernel.
    Written,
    /// What it had called durable.
    Durable {
        /// The rest is zeros instead of nothing.
        zeros: bool,
    },
}

/// SIGKILL.
///
/// # Errors
/// What kept it from being tried.
pub fn killed(bench: &mut Bench) -> Result<()> {
    let name = "killed while recording";
    let kill = |_| round(bench, Left::Written);
    let rounds = (0..bench.arguments.rounds).map(kill).collect::<Result<_>>()?;
    judge(bench, name, rounds, KILL_MS_MAX)
}

/// A power cut.
///
/// # Errors
/// What kept it from being tried.
pub fn power(bench: &mut Bench) -> Result<()> {
    let name = "power cut (unsynced bytes cut off)";
    let cut = |n: u32| round(bench, Left::Durable { zeros: n % 2 == 1 });
    let rounds = (0..bench.arguments.rounds).map(cut).collect::<Result<_>>()?;
    judge(bench, name, rounds, POWER_MS_MAX)
}

struct Round {
    calls: u32,
    rows: Vec<Ledger>,
    told_twice: u64,
    books: Books,
    lost_ms: Vec<f64>,
    repair: Duration,
}

fn round(bench: &Bench, left: Left) -> Result<Round> {
    let folder = folder()?;
    let mut setup = Setup::new(folder.path(), bench.arguments.server_core);
    setup.tell_durable = left != Left::Written;
    let mut scene = Scene::open(bench, CALLS, setup)?;
    let instant = bench.chance.borrow_mut().random_range(0..1_500);
    bench.wait(Duration::from_millis(instant));
    let calls = scene.calls;
    let at_us = scene.crowd.clock.now_us();
    scene.child.kill()?;
    scene.crowd.leave()?;
    if let Left::Durable { zeros } = left {
        cut(&scene.setup, zeros)?;
    }
    let (rows, repair) = repaired(&scene.setup)?;
    let books = books::read(&scene.setup.recordings(), &rows, usize::MAX)?;
    // The second start has nothing to say.
    let (again, _) = repaired(&scene.setup)?;
    let lost = |last_us: &u64| at_us.saturating_sub(*last_us) as f64 / 1e3;
    let lost_ms = books.last_us.iter().map(lost).collect();
    Ok(Round { calls, rows, told_twice: again.len() as u64, books, lost_ms, repair })
}

/// Takes away what was not durable.
fn cut(setup: &Setup, zeros: bool) -> Result<()> {
    let segments = segment_files(&setup.segments())?;
    ensure!(segments.len() == 1, "{} segments after a few seconds", segments.len());
    let segment = File::options().write(true).open(&segments[0])?;
    let (written, durable) = (segment.metadata()?.len(), setup.durable_bytes()?);
    let kept = SEGMENT_HEADER_BYTES as u64 + durable;
    ensure!(durable > 0 && kept <= written, "{durable} bytes are durable, {written} written");
    segment.set_len(kept)?;
    if zeros {
        segment.set_len(written)?;
    }
    Ok(())
}

fn segment_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Starts storage on what was left, until all is repaired: the rows, and how long it took.
fn repaired(setup: &Setup) -> Result<(Vec<Ledger>, Duration)> {
    let (tell, rows) = mpsc::channel();
    let began = Instant::now();
    let (storage, _rings) = Storage::start(setup.storage()?, move |row| {
        let _ = tell.send(row);
    })?;
    loop {
        let stats = storage.stats();
        if stats.repair.is_some() && stats.renders_waiting == 0 {
            break;
        }
        ensure!(began.elapsed() < REPAIR_MAX, "not repaired in time: {stats:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = began.elapsed();
    storage.stop();
    let left = segment_files(&setup.segments())?.len();
    ensure!(left == 0, "{left} segments stay after the repair");
    Ok((rows.try_iter().collect(), took))
}

fn judge(bench: &mut Bench, name: &str, rounds: Vec<Round>, lost_ms_max: f64) -> Result<()> {
    let sum = |of: &dyn Fn(&Round) -> u64| rounds.iter().map(of).sum::<u64>() as f64;
    let recordings = sum(&|round| u64::from(round.calls));
    let mut lost_ms: Vec<f64> = rounds.iter().flat_map(|round| round.lost_ms.clone()).collect();
    lost_ms.sort_by(f64::total_cmp);
    let last = *lost_ms.last().context("there are files")?;
    let sox = if rounds.iter().all(|round| round.books.sox) { ", and by sox" } else { "" };
    let (rows, bad) = (sum(&|round| round.rows.len() as u64), sum(&|round| round.books.bad));
    bench.line(name, "rows of the ledger", rows, "rows", Limit::Exactly(recordings))?;
    let playable = format!("files read sample by sample{sox}");
    bench.line(name, &playable, rows - bad, "files", Limit::Exactly(recordings))?;
    bench.line(name, "audio lost, p50", lost_ms[lost_ms.len() / 2], "ms", Limit::None)?;
    bench.line(name, "audio lost, max", last, "ms", Limit::Most(lost_ms_max))?;
    let holes = sum(&|round| round.books.holes);
    bench.line(name, "frames missing between others", holes, "frames", Limit::Exactly(0.0))?;
    let orphans = sum(&|round| round.books.orphans);
    bench.line(name, "orphans", orphans, "files", Limit::Exactly(0.0))?;
    let twice = sum(&|round| round.told_twice);
    bench.line(name, "rows told again by the next start", twice, "rows", Limit::Exactly(0.0))?;
    let repair = rounds.iter().map(|round| round.repair).max().unwrap_or_default();
    bench.line(name, "repair, longest", repair.as_secs_f64() * 1e3, "ms", Limit::None)?;
    bench.explain(rounds.iter().find_map(|round| round.books.why.clone()));
    Ok(())
}
