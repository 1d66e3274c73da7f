//! Our engine, asked as the box asks it: a session for each question, memory and time limited.

use crate::shape::OURS;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::time::Instant;
use warehouse::{Answer, Limits, Scope, Session, Warehouse};

/// The engine over a folder.
pub struct Ours {
    warehouse: Warehouse,
    limits: Limits,
    /// The most bytes that a question took above what the process held before it.
    pub peak_bytes: u64,
}

impl Ours {
    /// Opens a folder for reading.
    ///
    /// # Errors
    /// When there is no warehouse.
    pub async fn open(folder: &Path, limits: Limits) -> Result<Ours> {
        let warehouse = Warehouse::open_reader(folder).await?;
        Ok(Ours { warehouse, limits, peak_bytes: 0 })
    }

    /// Asks, and says how many ms it took until all rows were there, the session's opening included.
    ///
    /// # Errors
    /// What the engine says, and when the answer was cut.
    pub async fn time(&mut self, sql: &str) -> Result<(f64, Answer)> {
        // The kernel forgets the peak of before (proc(5), clear_refs).
        fs::write("/proc/self/clear_refs", "5").context("reset the peak of memory")?;
        let before = memory("VmRSS:")?;
        let begin = Instant::now();
        let session = Session::open(&self.warehouse, Scope::of(OURS), self.limits).await?;
        let answer = session.query(sql).await?;
        let ms = begin.elapsed().as_secs_f64() * 1000.0;
        ensure!(!answer.truncated, "the answer has more than {} rows", self.limits.rows_max);
        self.peak_bytes = self.peak_bytes.max(memory("VmHWM:")?.saturating_sub(before));
        Ok((ms, answer))
    }
}

/// A line of `/proc/self/status`, in bytes.
///
/// # Errors
/// When there is no such line.
pub fn memory(line: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let rest = status.lines().find_map(|found| found.strip_prefix(line));
    let kib = rest.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("/proc/self/status has no line {line}"))? * 1024)
}
