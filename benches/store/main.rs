//! `switchgrid-store`: the store of recordings at 80,000 hours. Fills a warehouse with as many rows
//! as 100-second recordings make of that, a year of them, and measures what people do with it: find
//! one, page through, and let retention delete. The figures go to the results file; one beyond its limit
//! makes the bench fail.

mod delete;
mod fill;
mod find;

use anyhow::Result;
use benches::results::{self, Figure};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What the bench is told.
#[derive(Parser)]
struct Arguments {
    /// Recordings in the store; 80,000 hours of 100 seconds are 2,880,000.
    #[arg(long, default_value_t = 3_000_000)]
    recordings: u64,
    /// Recordings whose files are made and deleted.
    #[arg(long, default_value_t = 100_000)]
    deletions: u64,
    /// Folder for the store, kept afterwards and used again when it is full; a temporary one when
    /// left out.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// The longest lookup through the index, in ms.
const LOOKUP_MS: Limit = Limit::AtMost(1_000.0);
/// Files that retention removes in a second, the decision and its row included.
const FILES_PER_S: Limit = Limit::AtLeast(10_000.0);

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let temporary;
    let folder = match &arguments.data {
        Some(folder) => folder.as_path(),
        None => {
            temporary = tempfile::tempdir()?;
            temporary.path()
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench(folder, &arguments))
}

async fn bench(folder: &Path, arguments: &Arguments) -> Result<ExitCode> {
    fill::fill(folder, arguments.recordings).await?;
    let mut figures = Figures::new()?;
    find::measure(folder, arguments.recordings, &mut figures).await?;
    delete::measure(folder, arguments.deletions, &mut figures).await?;
    println!("{} figures in {}", figures.count, figures.file.display());
    if figures.missed > 0 {
        eprintln!("switchgrid-store: beyond their limit: {}", figures.missed);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a figure should keep to.
#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Limit::AtMost(most) => value <= most,
            Limit::AtLeast(least) => value >= least,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Limit::AtMost(most) => write!(f, "at most {most}"),
            Limit::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

/// Where figures go.
struct Figures {
    file: PathBuf,
    count: usize,
    /// Beyond their limit.
    missed: usize,
}

impl Figures {
    fn new() -> Result<Figures> {
        Ok(Figures { file: results::file()?, count: 0, missed: 0 })
    }

    /// The same with its limit.
    fn add_within(&mut self, metric: &str, value: f64, unit: &str, limit: Limit) -> Result<()> {
        self.add(metric, value, unit)?;
        let word = if limit.holds(value) { "ok" } else { "EXCEEDED" };
        self.missed += usize::from(!limit.holds(value));
        println!("{:<56} {limit}: {word}", "");
        Ok(())
    }

    /// Prints and keeps one figure.
    fn add(&mut self, metric: &str, value: f64, unit: &str) -> Result<()> {
        println!("{metric:<56} {value:>12.2} {unit}");
        self.count += 1;
        results::append(&self.file, &Figure::new("store", metric, value, unit))?;
        Ok(())
    }

    /// The median and the longest of some times, in ms.
    fn times(&mut self, what: &str, mut times: Vec<Duration>) -> Result<()> {
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        self.add(&format!("{what}, median"), ms(times[times.len() / 2]), "ms")?;
        let longest = format!("{what}, longest of {}", times.len());
        self.add_within(&longest, ms(times[times.len() - 1]), "ms", LOOKUP_MS)
    }
}

/// How long some work takes.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let done = work.await;
    (done, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_their_edge_and_not_beyond() {
        let held = |limit: Limit| [9.0, 10.0, 11.0].map(|value| limit.holds(value));
        assert_eq!(held(Limit::AtMost(10.0)), [true, true, false]);
        assert_eq!(held(Limit::AtLeast(10.0)), [false, true, true]);
    }
}
