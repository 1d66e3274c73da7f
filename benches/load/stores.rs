//! `switchgrid-load stores`: a switch of its own on an empty folder while calls come in and orders
//! are written, and its databases are in the hands of others: its files are held by another program
//! for ten seconds of every fifteen, or its PostgreSQL goes away and comes back, and falls silent
//! and speaks again. Calls are to notice nothing, and what was written is to be there once.

mod away;
mod held;
mod talk;
mod writer;

use crate::api;
use crate::bench::{self, Bench};
use crate::kill;
use crate::server::Server;
use anyhow::Result;
use benches::media::wire::Choice;
use std::fmt;
use std::time::Duration;
use talk::Book;
use tokio::time::Instant;
use writer::Written;

/// Agents of the switch: more than calls are up at a time.
const AGENTS: u32 = 100;
/// Calls come in for so long before anything happens, to compare with.
const BEFORE: Duration = Duration::from_secs(20);
/// And for so long after it.
const AFTER: Duration = Duration::from_secs(5);
/// The last rows come within this.
const ROWS_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which stores.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// Times that the files are held, ten seconds each.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long the database server is away, in minutes; one when left out.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    minutes: u64,
    /// How long it is silent, in seconds.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..))]
    silent: u64,
    /// How packets reach the kernel on our side.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// SQLite files in the hands of another program.
    Held,
    /// A PostgreSQL server that goes away and falls silent.
    Away,
}

impl Part {
    const ALL: [Part; 2] = [Part::Held, Part::Away];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no variant is skipped");
        f.write_str(value.get_name())
    }
}

/// Runs it. False when a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let mut bench = Bench::named("stores")?;
    for part in &arguments.only {
        eprintln!("{part}");
        match part {
            Part::Held => held::happen(arguments, &mut bench)?,
            Part::Away => away::happen(arguments, &mut bench)?,
        }
    }
    Ok(bench.good)
}

/// What became of all calls: none is lost, and each has one row.
async fn note_calls(bench: &mut Bench, server: &Server, fault: &str, book: &Book) -> Result<()> {
    let lost = book.lost();
    for why in &lost {
        println!("       {why}");
    }
    let (placed, lost) = (book.placed, lost.len() as u32);
    let admin = bench::admin(server).await?;
    let (rows, calls) = kill::records(&admin, placed - lost).await?;
    let (missing, twice) = ((placed - lost).saturating_sub(calls), rows.saturating_sub(calls));
    bench.note(&format!("{fault}: calls"), f64::from(placed), "calls", None)?;
    bench.note(&format!("{fault}: calls lost"), f64::from(lost), "calls", Some(0.0))?;
    bench.note(&format!("{fault}: calls without a row"), f64::from(missing), "calls", Some(0.0))?;
    bench.note(&format!("{fault}: calls with two rows"), f64::from(twice), "rows", Some(0.0))
}

/// What became of all orders: each is there once, in the order in which they were written.
async fn note_orders(
    bench: &mut Bench,
    server: &Server,
    fault: &str,
    written: &Written,
) -> Result<()> {
    let admin = bench::admin(server).await?;
    let (began, wanted) = (Instant::now(), written.orders);
    let question = "SELECT DISTINCT order_id, title FROM orders ORDER BY order_id";
    let titles = loop {
        let rows = admin.sql(question).await?;
        if rows.len() >= wanted as usize || began.elapsed() > ROWS_MAX {
            let title = |row| api::text(row, "title").unwrap_or_default();
            break rows.iter().map(title).collect::<Vec<_>>();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    for other in &written.otherwise {
        println!("       {other}");
    }
    let (missing, twice, late) = writer::compared(wanted, &titles);
    let mut note = |what: &str, count: usize, limit| {
        bench.note(&format!("{fault}: orders {what}"), count as f64, "", limit)
    };
    note("written", wanted as usize, None)?;
    note("told to come back", written.refused as usize, None)?;
    note("that failed otherwise", written.otherwise.len(), Some(0.0))?;
    note("without a row", missing, Some(0.0))?;
    note("that are there twice", twice, Some(0.0))?;
    note("behind one that was written later", late, Some(0.0))
}
