//! What every fault needs: a folder, the system under test, phones that speak and are recorded, and
//! what they heard when it is over.

use crate::Bench;
use crate::child::{Child, Setup};
use anyhow::{Context, Result};
use benches::media::crowd::{Crowd, Pair, Verdict};
use benches::media::delay::Delays;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use terms::media::Ledger;

/// Between the last call's first word and the fault: the kernel filters every source by then.
const SETTLE: Duration = Duration::from_millis(2_500);
/// The last call's commands are taken by the media core within this time.
const JOIN: Duration = Duration::from_millis(300);
/// How long the delay without a fault is measured.
const BEFORE: Duration = Duration::from_secs(2);

/// Calls that are up.
pub struct Scene {
    /// How it was set up.
    pub setup: Setup,
    /// The system under test.
    pub child: Child,
    /// The phones.
    pub crowd: Crowd,
    /// Where the system listens, call by call.
    pub ports: Vec<Pair>,
    /// How many.
    pub calls: u32,
}

/// What is known when all calls have ended.
pub struct Outcome {
    /// What the phones heard.
    pub verdict: Verdict,
    /// The rows of the recordings.
    pub rows: Vec<Ledger>,
    /// Legs that were gone before their calls ended.
    pub calls_dropped: u64,
}

impl Outcome {
    /// Frames that the ledger says are missing.
    pub fn missing(&self) -> u64 {
        self.rows.iter().map(|row| row.frames_missing).sum()
    }
}

/// A folder beside the program: on the disk of the build, not on a tmpfs.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> Result<TempDir> {
    Ok(tempfile::tempdir_in(std::env::current_exe()?.parent().context("a folder")?)?)
}

/// The upper delay of so many of a thousand, in ms.
pub fn delay_ms(delays: &Delays, permille: u32) -> f64 {
    delays.quantile_us(f64::from(permille) / 1e3) as f64 / 1e3
}

impl Scene {
    /// Opens and records so many calls, as far as the limit allows; all speak.
    ///
    /// # Errors
    /// What kept it from starting.
    pub fn open(bench: &Bench, calls: u32, setup: Setup) -> Result<Scene> {
        let calls = bench.calls(calls);
        let mut child = Child::start(&setup)?;
        let crowd = Crowd::gather(calls)?;
        let ports = child.open(&crowd.calls()).context("open the calls")?;
        bench.wait(JOIN);
        crowd.speak(&ports);
        bench.wait(SETTLE);
        Ok(Scene { setup, child, crowd, ports, calls })
    }

    /// The usual setup in a folder of its own.
    ///
    /// # Errors
    /// What kept it from starting.
    pub fn simple(bench: &Bench, calls: u32, folder: &Path) -> Result<Scene> {
        Scene::open(bench, calls, Setup::new(folder, bench.arguments.server_core))
    }

    /// Delays before any fault.
    pub fn before(&self, bench: &Bench) -> Delays {
        self.crowd.delays();
        bench.wait(BEFORE);
        self.crowd.delays()
    }

    /// Everybody hangs up.
    ///
    /// # Errors
    /// What did not end as it should.
    pub fn end(mut self) -> Result<Outcome> {
        self.crowd.hush();
        let legs = self.child.state()?.legs as u64;
        let rows = self.child.end_calls().context("end the calls")?;
        let verdict = self.crowd.leave()?;
        Ok(Outcome { verdict, rows, calls_dropped: 2 * u64::from(self.calls) - legs })
    }
}
