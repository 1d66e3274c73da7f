//! `switchgrid-warehouse`: reports, searches and questions over a year of calls, beside DuckDB on the
//! same files, and large reports in their forms. Makes the calls once and keeps them, prints a line
//! for each figure with its limit and `ok` or `EXCEEDED`, and its exit status says whether a limit was
//! missed.

mod dialect;
mod duck;
mod figures;
mod fill;
mod layout;
mod make;
mod measure;
mod ours;
mod pages;
mod postgres;
mod printed;
mod questions;
mod rows;
mod shape;

use crate::duck::{Duck, Share};
use crate::figures::{Figures, Limit};
use crate::ours::Ours;
use crate::postgres::Postgres;
use crate::questions::{Question, Subject};
use crate::shape::OURS;
use anyhow::{Context, Result, ensure};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use warehouse::Limits;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads of each engine, as the product's sessions have them at most.
const THREADS_MAX: usize = 4;
/// Calls of the small store, or a twentieth where there are fewer in all.
const SMALL: u64 = 1_000_000;
/// Questions that are asked at two sizes, and how many times as long one may take with twenty times
/// the calls: 2.72, 1.15 and 1.19 were measured (`docs/capacity.md`, 1 to 20 million, 2026-11-30),
/// and half as much again is left to a slow hour.
const GROWTH: [(&str, f64); 3] =
    [("outcomes of a year", 4.0), ("queue_summary", 1.75), ("a call by its number", 1.75)];

/// What the bench is told.
#[derive(Parser)]
#[command(name = "switchgrid-warehouse", version, about, max_term_width = 100)]
struct Arguments {
    /// Calls of the year; a store of that number and seed is used again.
    #[arg(long, default_value_t = 20_000_000)]
    calls: u64,
    /// What chance is made from.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Times that each question is asked; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Memory of a question in MiB, for either engine.
    #[arg(long, default_value_t = 512)]
    memory_mib: usize,
    /// Only large reports in their forms, without a store.
    #[arg(long, conflicts_with = "layout")]
    forms: bool,
    /// Only what files look like: some days of a million calls in one form after another.
    #[arg(long)]
    layout: bool,
    /// With --layout: every choice with every other, which takes hours.
    #[arg(long, requires = "layout")]
    every: bool,
    /// Folder for the stores; `bench/warehouse` in the target folder when left out.
    #[arg(long)]
    data: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = benches::with_settings(&benches::ALLOCATOR) {
        eprintln!("switchgrid-warehouse: start: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("switchgrid-warehouse: start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(bench(&arguments)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(misses) => {
            eprintln!("switchgrid-warehouse: {misses} figures missed their limit");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("switchgrid-warehouse: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many limits were missed.
async fn bench(arguments: &Arguments) -> Result<u32> {
    ensure!(arguments.runs > 0 && arguments.calls >= 10_000, "one run and 10,000 calls at least");
    let mut figures = Figures::new()?;
    let root = match &arguments.data {
        Some(root) => root.clone(),
        None => figures.file.parent().context("results lie in a folder")?.join("warehouse"),
    };
    let limits = Limits {
        rows_max: 5_000_000,
        time_max: Duration::from_secs(300),
        memory_max: arguments.memory_mib << 20,
    };
    if arguments.layout {
        layout::layout(&root, scale(arguments), limits, &mut figures).await?;
    } else {
        printed::printed(&mut figures)?;
    }
    if arguments.forms || arguments.layout {
        println!("figures appended to {}", figures.file.display());
        return Ok(figures.misses);
    }
    let small_calls = SMALL.min(arguments.calls / 20);
    let small = fill::fill(&root, arguments.seed, small_calls).await?;
    let large = fill::fill(&root, arguments.seed, arguments.calls).await?;
    let (bytes, files) = fill::size(&large).await?;
    figures.line(
        "bytes of a call, all its rows",
        bytes as f64 / arguments.calls as f64,
        "B",
        Limit::None,
    )?;
    figures.line("published files", files as f64, "", Limit::None)?;

    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let share = Share { threads, memory_bytes: limits.memory_max };
    let scratch = tempfile::tempdir()?;
    compare(arguments, (&small, &large), (limits, share), scratch.path(), &mut figures).await?;
    println!("figures appended to {}", figures.file.display());
    Ok(figures.misses)
}

/// What of the arguments is about the form of files.
fn scale(arguments: &Arguments) -> layout::Scale {
    let &Arguments { calls, seed, runs, every, .. } = arguments;
    layout::Scale { calls: calls.min(SMALL), seed, runs, every }
}

async fn compare(
    arguments: &Arguments,
    (small_folder, large_folder): (&Path, &Path),
    (limits, share): (Limits, Share),
    scratch: &Path,
    figures: &mut Figures,
) -> Result<()> {
    let runs = arguments.runs;
    let mut small = Ours::open(small_folder, limits).await?;
    let mut large = Ours::open(large_folder, limits).await?;
    let of_small = questions::all(&subject(&mut small).await?)?;
    let of_large = questions::all(&subject(&mut large).await?)?;
    let mut duck = Duck::open(large_folder, OURS, share)?;
    println!("{} calls, DuckDB {}, {} threads each", arguments.calls, duck.version, share.threads);
    measure::side_by_side((&mut large, &mut duck), &of_large, runs, scratch, figures).await?;
    measure::whole_reports(&mut large, &of_large, runs, figures).await?;
    let peak = large.peak_bytes as f64 / f64::from(1 << 20);
    let setting = Limit::Most((limits.memory_max >> 20) as f64);
    figures.line("most memory of a question, above the process at rest", peak, "MiB", setting)?;

    let calls = ((arguments.calls / 20).min(SMALL), arguments.calls);
    for (name, most) in GROWTH {
        let texts = (text(&of_small, name)?, text(&of_large, name)?);
        let of = (name, calls, most);
        measure::growth((&mut small, &mut large), texts, of, runs, figures).await?;
    }
    pages::pages(&mut large, runs, figures).await?;
    let file = scratch.join("calls.db");
    duck.copy(small_folder, OURS, &file)?;
    let asked = (of_small.as_slice(), runs);
    let sqlite = |sql: &str| duck.time_of_rows(&file, sql);
    measure::rows_of("sqlite", &mut small, asked, sqlite, figures).await?;
    match Postgres::start() {
        Ok(postgres) => {
            let file = scratch.join("calls.csv");
            duck.write_out(small_folder, OURS, &file)?;
            postgres.load(&file)?;
            let asks = |sql: &str| postgres.time(sql);
            measure::rows_of("postgresql", &mut small, asked, asks, figures).await
        }
        Err(error) => {
            figures.wrong("rows of postgresql", &format!("not tried: {error:#}"));
            Ok(())
        }
    }
}

/// The text of the question `name`.
fn text<'a>(questions: &'a [Question], name: &str) -> Result<&'a str> {
    let found = questions.iter().find(|question| question.name == name);
    found.map(|question| question.sql.as_str()).with_context(|| format!("nobody asks for {name}"))
}

/// A call of the middle of the year that was answered and recorded.
async fn subject(ours: &mut Ours) -> Result<Subject> {
    let sql = "SELECT call_id, caller, agent_id FROM calls \
               WHERE direction = 'inbound' AND recording_id IS NOT NULL \
               AND started_at >= arrow_cast(1782864000000000, \
                                            'Timestamp(Microsecond, Some(\"UTC\"))') \
               ORDER BY call_id LIMIT 1";
    let (_, answer) = ours.time(sql).await?;
    let batch = answer.batches.first().context("there is no recorded call after 2026-07-01")?;
    let int = |at: usize| batch.column(at).as_primitive::<Int64Type>().value(0);
    let caller = batch.column(1).as_string::<i32>().value(0).to_owned();
    Ok(Subject { call: int(0), caller, agent: int(2) })
}
