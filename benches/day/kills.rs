//! `switchgrid-day kills`: the log of a day into a warehouse by a process that is killed again and
//! again at random instants, while it stages, seals, publishes and merges. It tells which entries
//! it has made durable, and after each kill a reader looks whether the calls of those are there,
//! each once. How long the next start takes until it goes on is measured.

use crate::floor::{Day, TENANT};
use crate::log::Log;
use crate::{Figures, Limit};
use anyhow::{Context, Result, anyhow, ensure};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use terms::Timestamp;
use terms::event::Entry;
use terms::record::Row;
use tokio::runtime::Runtime;
use warehouse::derive::Fold;
use warehouse::{Ingest, Limits, Scope, Session, Warehouse};

/// A process lives for so long, from its start to its kill.
const LIVES_MS: std::ops::Range<u64> = 50..4_000;
/// Steps of ingest, of some 20,000 entries each, after which rows are sealed, and days published and
/// merged.
const SEAL_EVERY: u32 = 1;
const PUBLISH_EVERY: u32 = 5;
/// Tables whose rows are counted in the end.
const TABLES: [&str; 3] = ["calls", "legs", "queue_visits"];
const ROWS_MAX: usize = 10_000_000;
/// A start goes on within this for each million entries of the log, and within this where there are
/// fewer (row C2 of the research on reliability).
const RECOVERY_S_MAX: f64 = 2.0;

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Calls of the day; a million entries are some 56,000.
    #[arg(long, default_value_t = 60_000)]
    calls: u64,
    /// Kills; some forty take two minutes. The log is read anew when it comes to its end.
    #[arg(long, default_value_t = 40)]
    kills: u64,
    /// What chance is made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The work that is killed.
#[derive(clap::Args)]
pub struct Work {
    warehouse: PathBuf,
    events: PathBuf,
}

/// What the log says.
#[derive(Default)]
struct Ledger {
    entries: u64,
    /// Calls, with the entry that finished the row of each, in order.
    calls: Vec<(u64, u64)>,
    /// Rows of each table.
    rows: BTreeMap<&'static str, u64>,
}

impl Ledger {
    fn note(&mut self, entry: &Entry, finished: &[Row]) {
        for row in finished {
            *self.rows.entry(row.table()).or_default() += 1;
            if let Row::Call(call) = row {
                self.calls.push((entry.seq, call.call_id.0));
            }
        }
    }

    /// Calls of entries up to this one that are not among those that were found.
    fn missing(&self, applied: u64, found: &[u64]) -> usize {
        let due = self.calls.iter().take_while(|(seq, _)| *seq <= applied);
        due.filter(|(_, call)| found.binary_search(call).is_err()).count()
    }

    /// Those that were found and that it does not know.
    fn foreign(&self, found: &[u64]) -> usize {
        let mut known: Vec<u64> = self.calls.iter().map(|(_, call)| *call).collect();
        known.sort_unstable();
        found.iter().filter(|call| known.binary_search(call).is_err()).count()
    }
}

/// What a process told until it ended.
#[derive(Debug, Default, PartialEq)]
struct Told {
    /// Entries that were durable when it began.
    opened: u64,
    /// From its start until it went on behind those.
    recovered: Option<Duration>,
    /// Entries that it made durable.
    applied: u64,
    /// It came to the end of the log.
    done: bool,
}

/// What came of all kills.
#[derive(Default)]
struct Sum {
    missing: usize,
    twice: usize,
    foreign: usize,
    fewer: usize,
    /// Rounds that came to the log's end: what `verify` found, and tables with other rows.
    faults: usize,
    apart: usize,
    recoveries: usize,
    longest_s: f64,
    /// For each million entries, or in all where there are fewer.
    dearest_s: f64,
}

impl Sum {
    fn add(&mut self, told: &Told) {
        let Some(took) = told.recovered else { return };
        let (took, millions) = (took.as_secs_f64(), told.opened as f64 / 1e6);
        self.recoveries += 1;
        self.longest_s = self.longest_s.max(took);
        self.dearest_s = self.dearest_s.max(took / millions.max(1.0));
    }
}

/// A warehouse and the log that it is made from.
struct Place {
    folder: PathBuf,
    events: PathBuf,
    /// Entries that somebody was told are durable, and rows that were seen.
    applied: u64,
    seen: usize,
}

/// Runs it; how many limits were missed.
///
/// # Errors
/// What kept it from running.
pub fn bench(arguments: &Arguments) -> Result<u32> {
    let mut figures = Figures::new()?;
    // Beside the program: on the disk of the build, not on a tmpfs.
    let root = std::env::current_exe()?.parent().context("a folder")?.to_owned();
    let root = tempfile::tempdir_in(root)?;
    let events = root.path().join("events");
    std::fs::create_dir(&events)?;
    println!("seed {}", arguments.seed);
    let ledger = write_log(arguments, &events)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} kills")?;
    let bar = ProgressBar::new(arguments.kills).with_style(style.progress_chars("=> "));
    let mut chance = SmallRng::seed_from_u64(arguments.seed);
    let mut sum = Sum::default();
    let (mut kills, mut rounds) = (0, 0);
    while kills < arguments.kills {
        let folder = root.path().join(format!("warehouse-{rounds}"));
        let mut place = Place { folder, events: events.clone(), applied: 0, seen: 0 };
        let mut done = false;
        while !done {
            let lives = Duration::from_millis(chance.random_range(LIVES_MS));
            let told = place.run((kills < arguments.kills).then_some(lives))?;
            done = told.done;
            kills += u64::from(!done);
            bar.set_position(kills);
            sum.add(&told);
            place.look(&ledger, &runtime, &mut sum)?;
        }
        runtime.block_on(place.end(&ledger, &mut sum))?;
        std::fs::remove_dir_all(&place.folder)?;
        rounds += 1;
    }
    bar.finish_and_clear();
    judge(&mut figures, (&ledger, kills, rounds), &sum)?;
    println!("figures appended to {}", figures.file.display());
    Ok(figures.missed)
}

fn write_log(arguments: &Arguments, events: &Path) -> Result<Ledger> {
    let (mut log, mut day) = (Log::new(events), Day::begin(arguments.seed)?);
    let (mut fold, mut ledger, mut rows) = (Fold::new(), Ledger::default(), Vec::new());
    day.pass(arguments.calls, |entry| {
        let entry = log.write(entry)?;
        fold.apply(&entry, &mut rows);
        ledger.note(&entry, &rows);
        rows.clear();
        Ok(())
    })?;
    ledger.entries = log.end()?;
    Ok(ledger)
}

impl Place {
    /// Starts the work, and kills it when it has lived for so long: what it told.
    fn run(&mut self, lives: Option<Duration>) -> Result<Told> {
        let began = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("work")
            .args([&self.folder, &self.events])
            .stdout(Stdio::piped())
            .spawn()
            .context("start the work")?;
        let said = child.stdout.take().context("the work has a pipe")?;
        let listening = thread::spawn(move || listen(BufReader::new(said), began));
        if let Some(lives) = lives {
            thread::sleep(lives);
            child.kill().context("kill the work")?;
        }
        let status = child.wait()?;
        let told = listening.join().map_err(|_| anyhow!("listening has panicked"))?;
        let was_killed = lives.is_some() && status.signal() == Some(libc::SIGKILL);
        ensure!(told.done || was_killed, "the work ended by itself: {status}");
        self.applied = self.applied.max(told.applied);
        Ok(told)
    }

    /// What a reader sees now.
    fn look(&mut self, ledger: &Ledger, runtime: &Runtime, sum: &mut Sum) -> Result<()> {
        let mut found = runtime.block_on(calls(&self.folder)).context("read after a kill")?;
        let rows = found.len();
        found.sort_unstable();
        found.dedup();
        sum.twice += rows - found.len();
        sum.missing += ledger.missing(self.applied, &found);
        sum.foreign += ledger.foreign(&found);
        sum.fewer += usize::from(found.len() < self.seen);
        self.seen = found.len();
        Ok(())
    }

    /// What is there when all of the log is.
    async fn end(&self, ledger: &Ledger, sum: &mut Sum) -> Result<()> {
        let warehouse = Warehouse::open_reader(&self.folder).await?;
        let faults = warehouse.verify().await?.faults;
        faults.iter().for_each(|fault| println!("       {fault}"));
        sum.faults += faults.len();
        let session = Session::open(&warehouse, Scope::of(TENANT), Limits::default()).await?;
        for table in TABLES {
            let csv = session.query(&format!("SELECT count(*) AS n FROM {table}")).await?.to_csv();
            let count = csv.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
            let wanted = ledger.rows.get(table).copied().unwrap_or_default();
            sum.apart += usize::from(count != Some(wanted));
        }
        drop(session);
        warehouse.close().await;
        Ok(())
    }
}

/// The calls whose rows are there, one entry a row.
async fn calls(folder: &Path) -> Result<Vec<u64>> {
    if !folder.join("warehouse.db").exists() {
        return Ok(Vec::new());
    }
    let warehouse = match Warehouse::open_reader(folder).await {
        Ok(warehouse) => warehouse,
        // It was killed while it was made.
        Err(warehouse::Error::Missing(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let limits = Limits { rows_max: ROWS_MAX, ..Limits::default() };
    let session = Session::open(&warehouse, Scope::of(TENANT), limits).await?;
    let answer = session.query("SELECT call_id FROM calls").await?;
    ensure!(!answer.truncated && answer.left_out.is_empty(), "not all rows were read");
    let mut calls = Vec::with_capacity(answer.rows());
    for batch in &answer.batches {
        let ids = batch.column(0).as_primitive::<Int64Type>();
        calls.extend(ids.values().iter().map(|id| *id as u64));
    }
    drop(session);
    warehouse.close().await;
    Ok(calls)
}

/// What the work says, line by line, until it ends. The last line may be cut: a number is then a
/// smaller one, and a word none.
fn listen(said: BufReader<ChildStdout>, began: Instant) -> Told {
    let mut told = Told::default();
    for line in said.lines().map_while(std::io::Result::ok) {
        told.on(&line, began.elapsed());
    }
    told
}

impl Told {
    fn on(&mut self, line: &str, at: Duration) {
        let Some((word, number)) = line.split_once(' ') else { return };
        let Ok(number) = number.parse() else { return };
        match word {
            "opened" => self.opened = number,
            "recovered" => self.recovered = Some(at),
            "applied" => self.applied = self.applied.max(number),
            "done" => self.done = true,
            _ => {}
        }
    }
}

/// The work: from where the warehouse is to the end of the log.
///
/// # Errors
/// What the warehouse says.
pub fn work(work: &Work) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(to_the_end(&work.warehouse, &work.events))
}

async fn to_the_end(folder: &Path, events: &Path) -> Result<()> {
    let warehouse = Arc::new(Warehouse::open(folder).await?);
    let mut ingest = Ingest::open(Arc::clone(&warehouse), events).await?;
    let opened = ingest.progress().applied_seq;
    println!("opened {opened}");
    let (mut recovered, mut steps) = (false, 0_u32);
    loop {
        let step = ingest.step().await?;
        let applied = ingest.progress().applied_seq;
        // What was open at the kill is folded anew first, and makes no row.
        if !recovered && (step.entries == 0 || applied > opened) {
            recovered = true;
            println!("recovered {applied}");
        }
        println!("applied {applied}");
        if step.entries == 0 {
            break;
        }
        steps += 1;
        if steps.is_multiple_of(SEAL_EVERY) {
            warehouse.seal().await?;
        }
        if steps.is_multiple_of(PUBLISH_EVERY) {
            warehouse.publish_all().await?;
            warehouse.tend(now()).await?;
        }
    }
    warehouse.seal().await?;
    warehouse.publish_all().await?;
    println!("done {}", ingest.progress().applied_seq);
    Ok(())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

fn judge(
    figures: &mut Figures,
    (ledger, kills, rounds): (&Ledger, u64, u64),
    sum: &Sum,
) -> Result<()> {
    let mut none = |what: &str, count: usize, limit| {
        figures.line(&format!("killed: {what}"), count as f64, "", limit)
    };
    let nothing = Limit::Exactly(0.0);
    none("entries of the log", ledger.entries as usize, Limit::None)?;
    none("kills", kills as usize, Limit::None)?;
    none("times that the log was read to its end", rounds as usize, Limit::None)?;
    none("calls told to be durable and missing", sum.missing, nothing)?;
    none("calls there twice", sum.twice, nothing)?;
    none("calls that the log does not know", sum.foreign, nothing)?;
    none("times that a reader saw fewer than before", sum.fewer, nothing)?;
    none("faults that verify finds in the end", sum.faults, nothing)?;
    none("tables whose rows are not their log's", sum.apart, nothing)?;
    none("starts that went on", sum.recoveries, Limit::Least(1.0))?;
    figures.line("killed: until a start goes on, longest", sum.longest_s, "s", Limit::None)?;
    let what = "killed: the same for each million entries";
    figures.line(what, sum.dearest_s, "s", Limit::Most(RECOVERY_S_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_twice_or_foreign_is_found() {
        let calls = vec![(10, 7), (20, 3), (30, 5)];
        let ledger = Ledger { entries: 40, calls, ..Ledger::default() };
        assert_eq!(ledger.missing(9, &[]), 0, "nothing was promised yet");
        assert_eq!(ledger.missing(20, &[7]), 1);
        assert_eq!(ledger.missing(40, &[3, 5, 7]), 0);
        assert_eq!(ledger.foreign(&[3, 4, 5]), 1);
    }

    #[test]
    fn a_line_that_was_cut_promises_no_more_than_was_said() {
        let mut told = Told::default();
        let at = Duration::from_millis(30);
        for line in ["opened 500", "applied 500", "recovered 900", "applied 900", "applied 9"] {
            told.on(line, at);
        }
        for cut in ["applied", "do", "done"] {
            told.on(cut, at);
        }
        let recovered = Some(at);
        assert_eq!(told, Told { opened: 500, recovered, applied: 900, done: false });
        told.on("done 900", at);
        assert!(told.done);
    }

    #[test]
    fn a_start_has_its_time_for_each_million_and_for_less_as_well() {
        let mut sum = Sum::default();
        let told = |opened, seconds| {
            let recovered = Some(Duration::from_secs(seconds));
            Told { opened, recovered, ..Told::default() }
        };
        sum.add(&told(10, 1));
        sum.add(&told(4_000_000, 6));
        sum.add(&Told::default());
        assert_eq!((sum.recoveries, sum.longest_s, sum.dearest_s), (2, 6.0, 1.5));
    }
}
