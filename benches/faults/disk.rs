//! A disk that stalls, fails, or is full, while calls are recorded.

use crate::books;
use crate::child::Setup;
use crate::scene::{Outcome, Scene, delay_ms, folder};
use crate::{Bench, Limit};
use anyhow::{Context, Result};
use benches::small_disk::SmallDisk;
use std::path::Path;
use std::time::{Duration, Instant};
use terms::failpoint;

/// Recorded calls on a stalled disk.
const STALL_CALLS: u32 = 200;
/// Backlog of a call in the stall that is longer than it: some eleven seconds of both sides.
const STALL_BACKLOG_BYTES: usize = 200_000;
/// Memory besides the backlog: buffers that the kernel fills, and pages that were not used before.
const MEMORY_SLACK_BYTES: f64 = 48.0 * 1024.0 * 1024.0;
/// Recorded calls on a failing or full disk.
const CALLS: u32 = 50;
const SMALL_MIB: u32 = 64;
/// Backlog of a call on the full disk: some two seconds of both sides.
const FULL_BACKLOG_BYTES: usize = 40_000;
const FULL_FOR: Duration = Duration::from_secs(6);
/// Between two looks at the counters.
const LOOK: Duration = Duration::from_millis(20);
/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a stalled disk may add to the way of a packet.
const DELAY_MS_MAX: f64 = 5.0;
const ALARM_S_MAX: f64 = 5.0;
const RESUME_S_MAX: f64 = 5.0;
/// Recordings of a run that are read sample by sample.
const LISTEN: usize = 20;

/// What no fault of a disk may do to a call.
fn calls_go_on(bench: &mut Bench, name: &str, outcome: &Outcome) -> Result<()> {
    let lost = (outcome.verdict.lost() + outcome.verdict.damaged) as f64;
    bench.line(name, "packets lost toward phones", lost, "packets", Limit::Exactly(0.0))?;
    let dropped = outcome.calls_dropped as f64;
    bench.line(name, "legs dropped", dropped, "legs", Limit::Exactly(0.0))
}

/// The ledger, the metric and the files say the same.
fn books_balance(
    bench: &mut Bench,
    name: &str,
    recordings: &Path,
    outcome: &Outcome,
    frames_lost: u64,
) -> Result<()> {
    let books = books::read(recordings, &outcome.rows, LISTEN)?;
    let apart = outcome.missing().abs_diff(frames_lost) as f64;
    bench.line(name, "ledger and metric apart", apart, "frames", Limit::Exactly(0.0))?;
    bench.line(name, "gaps without a mark", books.unmarked as f64, "rows", Limit::Exactly(0.0))?;
    let wrong = (books.bad + books.orphans) as f64;
    bench.line(name, "recordings wrong or orphaned", wrong, "files", Limit::Exactly(0.0))?;
    bench.explain(books.why);
    Ok(())
}

/// Each write takes ten seconds, then one takes thirty.
///
/// # Errors
/// What kept it from being tried.
pub fn stalled(bench: &mut Bench) -> Result<()> {
    if !failpoint::COMPILED {
        bench.skip("stalled disk", "this build has no failpoints");
        return Ok(());
    }
    stall(bench, Duration::from_secs(10), None)?;
    stall(bench, Duration::from_secs(30), Some(STALL_BACKLOG_BYTES))
}

fn stall(bench: &mut Bench, time: Duration, backlog: Option<usize>) -> Result<()> {
    let name = &format!("disk stalled for {} s", time.as_secs());
    let folder = folder()?;
    let mut setup = Setup::new(folder.path(), bench.arguments.server_core);
    if let Some(of_a_call) = backlog {
        setup.backlog_bytes = bench.calls(STALL_CALLS) as usize * of_a_call;
    }
    let mut scene = Scene::open(bench, STALL_CALLS, setup)?;
    let before = scene.before(bench);
    let (idle, began) = (scene.child.memory()?, Instant::now());
    scene.child.arm("storage.write", Some(time), 1)?;
    let mut memory = idle;
    while began.elapsed() < time {
        bench.wait(Duration::from_millis(500));
        memory = memory.max(scene.child.memory()?);
    }
    let during = scene.crowd.delays();
    scene.child.disarm("storage.write")?;
    let drained = drain(bench, &mut scene)?;
    let state = scene.child.state()?;
    let backlog_bytes = scene.setup.backlog_bytes as f64;
    let recordings = scene.setup.recordings();
    let outcome = scene.end()?;
    calls_go_on(bench, name, &outcome)?;
    let (was, is) = (delay_ms(&before, 999), delay_ms(&during, 999));
    bench.line(name, "relay delay before, p99.9", was, "ms", Limit::None)?;
    let most = Limit::Most(was + DELAY_MS_MAX);
    bench.line(name, "relay delay during, p99.9", is, "ms", most)?;
    let grown = memory.saturating_sub(idle) as f64;
    let most = Limit::Most((backlog_bytes + MEMORY_SLACK_BYTES) / 1e6);
    bench.line(name, "memory grown", grown / 1e6, "MB", most)?;
    bench.line(name, "backlog drained after", drained.as_secs_f64(), "s", Limit::None)?;
    let limit = match backlog {
        None => Limit::Exactly(0.0),
        // Longer than the backlog: something must be missing, or the fault did not happen.
        Some(_) => Limit::Least(1.0),
    };
    bench.line(name, "frames missing", outcome.missing() as f64, "frames", limit)?;
    books_balance(bench, name, &recordings, &outcome, state.frames_lost)
}

/// Until the disk has taken what waited.
fn drain(bench: &Bench, scene: &mut Scene) -> Result<Duration> {
    let began = Instant::now();
    // Two seconds of all calls wait for the next sync at any time.
    let usual = scene.calls as usize * 16_000 * 2;
    while scene.child.state()?.backlog_bytes > usual && began.elapsed() < PATIENCE {
        bench.wait(Duration::from_millis(100));
    }
    let took = began.elapsed();
    bench.wait(Duration::from_secs(2));
    Ok(took)
}

/// EIO in the middle: once at a write, once at a sync, then three writes in a row.
///
/// # Errors
/// What kept it from being tried.
pub fn fails(bench: &mut Bench) -> Result<()> {
    let name = "EIO in the middle";
    if !failpoint::COMPILED {
        bench.skip(name, "this build has no failpoints");
        return Ok(());
    }
    let folder = folder()?;
    let mut scene = Scene::simple(bench, CALLS, folder.path())?;
    for point in ["storage.write", "storage.sync", "storage.open"] {
        scene.child.arm(point, None, 1)?;
        // A new segment is begun after each of the first two.
        bench.wait(Duration::from_millis(2_000));
        scene.child.disarm(point)?;
    }
    scene.child.arm("storage.write", None, 0)?;
    bench.wait(Duration::from_secs(1));
    scene.child.disarm("storage.write")?;
    bench.wait(Duration::from_secs(3));
    let state = scene.child.state()?;
    let recordings = scene.setup.recordings();
    let outcome = scene.end()?;
    calls_go_on(bench, name, &outcome)?;
    bench.line(name, "operations that failed", state.failures as f64, "", Limit::Least(4.0))?;
    bench.line(name, "frames missing", outcome.missing() as f64, "frames", Limit::Exactly(0.0))?;
    books_balance(bench, name, &recordings, &outcome, state.frames_lost)
}

/// A disk of 64 MB that fills up and is freed.
///
/// # Errors
/// What kept it from being tried.
pub fn full(bench: &mut Bench) -> Result<()> {
    let name = "disk full, then freed";
    let folder = folder()?;
    let Some(disk) = SmallDisk::over(folder.path(), SMALL_MIB) else {
        bench.skip(name, "this user may not mount a tmpfs");
        return Ok(());
    };
    let mut setup = Setup::new(folder.path(), bench.arguments.server_core);
    setup.backlog_bytes = bench.calls(CALLS) as usize * FULL_BACKLOG_BYTES;
    let mut scene = Scene::open(bench, CALLS, setup)?;
    disk.fill()?;
    let full = Instant::now();
    let alarm = until(&mut scene, full, |state| state.failures > 0).context("see the alarm")?;
    let error = scene.child.state()?.last_error.unwrap_or_default();
    bench.wait(FULL_FOR.saturating_sub(full.elapsed()));
    let held = scene.child.state()?.bytes;
    disk.free()?;
    let resumed = until(&mut scene, Instant::now(), |state| state.bytes > held)
        .context("see recording resume")?;
    bench.wait(Duration::from_secs(3));
    let state = scene.child.state()?;
    let recordings = scene.setup.recordings();
    let outcome = scene.end()?;
    calls_go_on(bench, name, &outcome)?;
    let most = Limit::Most(ALARM_S_MAX);
    bench.line(name, "alarm after", alarm.as_secs_f64(), "s", most)?;
    let named = error.contains("No space left");
    bench.line(name, "the alarm names the cause", f64::from(named), "", Limit::Exactly(1.0))?;
    let most = Limit::Most(RESUME_S_MAX);
    bench.line(name, "resumed after", resumed.as_secs_f64(), "s", most)?;
    bench.line(name, "frames missing", outcome.missing() as f64, "frames", Limit::Least(1.0))?;
    books_balance(bench, name, &recordings, &outcome, state.frames_lost)?;
    drop(disk);
    Ok(())
}

fn until(
    scene: &mut Scene,
    began: Instant,
    fits: impl Fn(&crate::child::State) -> bool,
) -> Result<Duration> {
    while began.elapsed() < PATIENCE {
        if fits(&scene.child.state()?) {
            return Ok(began.elapsed());
        }
        std::thread::sleep(LOOK);
    }
    anyhow::bail!("not within {PATIENCE:?}")
}
