//! The kernel refuses io_uring: epoll and blocking writers are chosen, and the results are the same.

use crate::books;
use crate::child::Setup;
use crate::scene::{Scene, delay_ms, folder};
use crate::{Bench, Limit};
use anyhow::Result;
use std::time::Duration;

/// Recorded calls.
const CALLS: u32 = 100;

/// The refusal.
///
/// # Errors
/// What kept it from being tried.
pub fn io_uring(bench: &mut Bench) -> Result<()> {
    let name = "io_uring refused (EPERM)";
    let folder = folder()?;
    let mut setup = Setup::new(folder.path(), bench.arguments.server_core);
    setup.refuse_uring = true;
    let scene = Scene::open(bench, CALLS, setup)?;
    let chosen = scene.child.backends.clone();
    bench.wait(Duration::from_secs(3));
    let delays = scene.crowd.delays();
    let recordings = scene.setup.recordings();
    let outcome = scene.end()?;
    let books = books::read(&recordings, &outcome.rows, usize::MAX)?;
    let exactly = Limit::Exactly;
    let named = chosen.media_on_epoll.as_deref().is_some_and(|why| why.contains("io_uring_setup"));
    bench.line(name, "epoll chosen, and the reason named", f64::from(named), "", exactly(1.0))?;
    let blocks = f64::from(chosen.storage_blocks);
    bench.line(name, "blocking writers chosen", blocks, "", exactly(1.0))?;
    let lost = (outcome.verdict.lost() + outcome.verdict.damaged) as f64;
    bench.line(name, "packets lost toward phones", lost, "packets", exactly(0.0))?;
    bench.line(name, "relay delay, p99.9", delay_ms(&delays, 999), "ms", Limit::None)?;
    let missing = outcome.missing() as f64;
    bench.line(name, "recorded frames missing", missing, "frames", exactly(0.0))?;
    let wrong = (books.bad + books.orphans + books.holes) as f64;
    bench.line(name, "recordings wrong or orphaned", wrong, "files", exactly(0.0))?;
    bench.explain(books.why);
    Ok(())
}
