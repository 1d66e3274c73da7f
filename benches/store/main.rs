//! `switchgrid-store`: the store of recordings at 80,000 hours. Fills a warehouse with as many rows
//! as 100-second recordings make of that, a year of them, and measures what people do with it: find
//! one, page through, and let retention delete. The figures go to the results file.

mod delete;
mod fill;
mod find;

use anyhow::Result;
use benches::results::{self, Figure};
use clap::Parser;
use std::path::{Path, PathBuf};
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

fn main() -> Result<()> {
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

async fn bench(folder: &Path, arguments: &Arguments) -> Result<()> {
    fill::fill(folder, arguments.recordings).await?;
    let mut figures = Figures::new()?;
    find::measure(folder, arguments.recordings, &mut figures).await?;
    delete::measure(folder, arguments.deletions, &mut figures).await?;
    println!("{} figures in {}", figures.count, figures.file.display());
    Ok(())
}

/// Where figures go.
struct Figures {
    file: PathBuf,
    count: usize,
}

impl Figures {
    fn new() -> Result<Figures> {
        Ok(Figures { file: results::file()?, count: 0 })
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
        self.add(&format!("{what}, longest of {}", times.len()), ms(times[times.len() - 1]), "ms")
    }
}

/// How long some work takes.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let done = work.await;
    (done, start.elapsed())
}
