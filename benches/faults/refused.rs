//! The kernel refuses io_uring: epoll and blocking writers are chosen, and the results are the
//! same. What the same calls cost where it is not refused says how many fewer a core takes.

use crate::books;
use crate::child::Setup;
use crate::scene::{self, Scene, delay_ms};
use crate::{Bench, Limit};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Recorded calls.
const CALLS: u32 = 100;
/// How long their cost is measured.
const MEASURED: Duration = Duration::from_secs(3);
/// What a core takes on epoll, of what it takes on io_uring.
const CAPACITY_PERCENT_MIN: f64 = 60.0;

/// The refusal.
///
/// # Errors
/// What kept it from being tried.
pub fn io_uring(bench: &mut Bench) -> Result<()> {
    let name = "io_uring refused (EPERM)";
    let folder = scene::folder()?;
    let mut setup = Setup::new(folder.path(), bench.arguments.server_core);
    setup.refuse_uring = true;
    let epoll = Scene::open(bench, CALLS, setup)?;
    let chosen = epoll.child.backends.clone();
    let refused = cpu(bench, &epoll)?;
    let delays = epoll.crowd.delays();
    let recordings = epoll.setup.recordings();
    let outcome = epoll.end()?;
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
    let free = scene::folder()?;
    let uring = Scene::simple(bench, CALLS, free.path())?;
    if let Some(why) = uring.child.backends.media_on_epoll.clone() {
        uring.end()?;
        bench.skip("capacity on epoll", &why);
        return Ok(());
    }
    let allowed = cpu(bench, &uring)?;
    uring.end()?;
    let share = capacity_percent(refused, allowed);
    bench.line(name, "capacity, of io_uring's", share, "%", Limit::Least(CAPACITY_PERCENT_MIN))
}

/// What the system under test uses of a core while all calls are up.
fn cpu(bench: &Bench, scene: &Scene) -> Result<f64> {
    let before = scene.child.cpu()?;
    let began = Instant::now();
    bench.wait(MEASURED);
    Ok((scene.child.cpu()? - before).as_secs_f64() / began.elapsed().as_secs_f64())
}

/// Whatever needs twice as much for the same calls takes half as many.
fn capacity_percent(refused: f64, allowed: f64) -> f64 {
    100.0 * allowed / refused.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_cost_is_half_the_capacity() {
        assert_eq!(capacity_percent(0.5, 0.25), 50.0);
        assert!(Limit::Least(CAPACITY_PERCENT_MIN).holds(capacity_percent(0.25, 0.2)));
        assert!(!Limit::Least(CAPACITY_PERCENT_MIN).holds(capacity_percent(0.4, 0.2)));
    }
}
