//! `switchgrid-day`: a day of calls through the switch in virtual time, its event log into a
//! warehouse as the product fills one, and the report on its queues, whose figures must be those
//! of the log. Then two hours of queues that have the agents whom their load needs, and how many
//! callers were answered in time. `kills` kills who fills the warehouse again and again. Prints a
//! line for each figure with its limit, and fails where one was missed.

mod floor;
mod house;
mod kills;
mod log;
mod rated;
mod tally;

use anyhow::{Context, Result};
use benches::results::{self, Figure};
use clap::{Parser, Subcommand};
use floor::Day;
use log::Log;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tally::Tally;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The day and its rows, made from nothing.
const DAY_S_MAX: f64 = 60.0;
/// Finished calls whose rows are durable, in a second.
const CALLS_PER_S_MIN: f64 = 5_000.0;
/// How long queues are at their rated load.
const RATED: Duration = Duration::from_secs(2 * 3_600);

/// What the bench is told.
#[derive(Parser)]
#[command(name = "switchgrid-day", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Calls of the day.
    #[arg(long, default_value_t = 200_000)]
    calls: u64,
    /// What chance is made from.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

#[derive(Subcommand)]
enum Command {
    /// Kill who fills a warehouse from the log, again and again, and look what is lost.
    Kills(kills::Arguments),
    /// Who is killed.
    #[command(hide = true)]
    Work(kills::Work),
}

/// What a figure must be.
#[derive(Clone, Copy)]
enum Limit {
    None,
    Exactly(f64),
    Most(f64),
    Least(f64),
}

impl Limit {
    /// Whether it holds, and its words.
    fn verdict(self, value: f64) -> (bool, String) {
        let (holds, words) = match self {
            Limit::None => return (true, String::new()),
            Limit::Exactly(wanted) => (value == wanted, format!("exactly {wanted}")),
            Limit::Most(most) => (value <= most, format!("at most {most}")),
            Limit::Least(least) => (value >= least, format!("at least {least}")),
        };
        let word = if holds { "ok" } else { "EXCEEDED" };
        (holds, format!("  ({words}: {word})"))
    }
}

/// Where figures go.
struct Figures {
    file: PathBuf,
    missed: u32,
}

impl Figures {
    fn new() -> Result<Figures> {
        Ok(Figures { file: results::file()?, missed: 0 })
    }

    fn line(&mut self, what: &str, value: f64, unit: &str, limit: Limit) -> Result<()> {
        let (holds, words) = limit.verdict(value);
        self.missed += u32::from(!holds);
        println!("{}", format!("{what:<52} {value:>12.2} {unit}{words}").trim_end());
        Ok(results::append(&self.file, &Figure::new("day", what, value, unit))?)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let missed = match &arguments.command {
        None => bench(&arguments),
        Some(Command::Kills(arguments)) => kills::bench(arguments),
        Some(Command::Work(arguments)) => kills::work(arguments).map(|()| 0),
    };
    match missed {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("switchgrid-day: {missed} figures missed their limit");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("switchgrid-day: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<u32> {
    let mut figures = Figures::new()?;
    // Beside the program: on the disk of the build, not on a tmpfs.
    let folder = std::env::current_exe()?.parent().context("a folder")?.to_owned();
    let folder = tempfile::tempdir_in(folder)?;
    let events = folder.path().join("events");
    std::fs::create_dir(&events)?;

    let (mut tally, mut log, began) = (Tally::default(), Log::new(&events), Instant::now());
    let mut day = Day::begin(arguments.seed)?;
    day.pass(arguments.calls, |entry| {
        let entry = log.write(entry)?;
        tally.note(&entry);
        Ok(())
    })?;
    let entries = log.end()?;
    let took = began.elapsed().as_secs_f64();
    let calls = tally.calls;
    figures.line("calls of the day", calls as f64, "", Limit::Exactly(arguments.calls as f64))?;
    figures.line("entries of the log", entries as f64, "", Limit::None)?;
    for (what, count) in tally.sums() {
        figures.line(&format!("contacts in queues: {what}"), count as f64, "", Limit::None)?;
    }
    figures.line("the day, its log and its rows", took, "s", Limit::Most(DAY_S_MAX))?;
    let apart = tally.apart() as f64;
    figures.line("queues whose rows are not their log's", apart, "", Limit::Exactly(0.0))?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let warehouse = folder.path().join("warehouse");
    let (ingested, report) = runtime.block_on(house::keep(&warehouse, &events))?;
    let per_s = calls as f64 / ingested.as_secs_f64();
    let least = Limit::Least(CALLS_PER_S_MIN);
    figures.line("finished calls made durable", per_s, "per s", least)?;
    let differ = tally.differ(&report) as f64;
    figures.line("queues whose report is not their log's", differ, "", Limit::Exactly(0.0))?;

    let level = rated::level(arguments.seed, RATED)?;
    figures.line("agents of a queue at its rated load", level.agents as f64, "", Limit::None)?;
    figures.line("contacts of such queues", level.offered as f64, "", Limit::None)?;
    let least = Limit::Least(100.0 * rated::LEVEL_MIN);
    figures.line("of them answered within 20 s", 100.0 * level.in_time, "%", least)?;
    println!("figures appended to {}", figures.file.display());
    Ok(figures.missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_their_edge_and_not_beyond() {
        let held = |limit: Limit| [9.0, 10.0, 11.0].map(|value| limit.verdict(value).0);
        assert_eq!(held(Limit::Most(10.0)), [true, true, false]);
        assert_eq!(held(Limit::Least(10.0)), [false, true, true]);
        assert_eq!(held(Limit::Exactly(10.0)), [false, true, false]);
        assert_eq!(held(Limit::None), [true; 3]);
    }

    #[test]
    fn a_short_day_reconciles_from_its_log_to_its_report() {
        let folder = tempfile::tempdir().unwrap();
        let events = folder.path().join("events");
        std::fs::create_dir(&events).unwrap();
        let (mut tally, mut log) = (Tally::default(), Log::new(&events));
        let mut day = Day::begin(7).unwrap();
        day.pass(400, |entry| {
            let entry = log.write(entry)?;
            tally.note(&entry);
            Ok(())
        })
        .unwrap();
        log.end().unwrap();
        assert_eq!(tally.calls, 400);
        assert_eq!(tally.apart(), 0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let warehouse = folder.path().join("warehouse");
        let (_, report) = runtime.block_on(house::keep(&warehouse, &events)).unwrap();
        assert_eq!(tally.differ(&report), 0);
        let mut wrong = report.clone();
        wrong.values_mut().next().unwrap().answered += 1;
        assert_eq!(tally.differ(&wrong), 1);
        wrong.pop_first();
        assert!(tally.differ(&wrong) >= 1, "a queue is missing");
    }
}
