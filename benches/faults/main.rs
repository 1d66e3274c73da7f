//! `switchgrid-faults`: what a call and its recording lose when something breaks. Each fault happens to
//! the system under test while live calls are recorded; its figures are printed as lines with their
//! limits, and the exit status says whether one was missed, or a fault could not be tried.
//!
//! The system under test is a process of its own, pinned to one core; the phones are in this one on
//! another. Both sides speak stamped G.711: each frame says who speaks, which frame it is and when it
//! was said, so that a lost packet, a wrong sample and the last recorded instant are all seen.

mod books;
mod child;
mod cut;
mod disk;
mod flood;
mod refuse;
mod refused;
mod scene;

use anyhow::{Context, Result};
use benches::procstat;
use benches::results::{self, Figure};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What calls and recordings lose when something breaks.
#[derive(Parser)]
#[command(name = "switchgrid-faults", version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Which faults.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Kind::ALL)]
    only: Vec<Kind>,
    /// Calls of a fault at most; each has its usual number.
    #[arg(long, default_value_t = 200)]
    calls_max: u32,
    /// Rounds of those that end the process, each at another instant.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seed of the instants and of the garbage.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Core of the system under test.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the phones.
    #[arg(long, default_value_t = 1)]
    phone_core: usize,
    /// End well although a fault could not be tried on this machine.
    #[arg(long)]
    allow_skips: bool,
    /// Where figures go, instead of `bench/results.jsonl` in the target folder.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the system under test; talks in JSON lines on standard input and output.
    #[command(hide = true)]
    Serve(child::Setup),
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// SIGKILL while recording.
    Killed,
    /// A power cut while recording.
    Power,
    /// Writes of 10 and 30 s.
    Stalled,
    /// A full disk that is freed.
    Full,
    /// EIO in the middle.
    Eio,
    /// Garbage at the media ports.
    Flood,
    /// io_uring is refused.
    Refused,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::Killed,
        Kind::Power,
        Kind::Stalled,
        Kind::Full,
        Kind::Eio,
        Kind::Flood,
        Kind::Refused,
    ];

    /// About how long it takes.
    fn seconds(self, rounds: u32) -> u64 {
        match self {
            Kind::Killed | Kind::Power => u64::from(rounds) * 5,
            Kind::Stalled => 70,
            Kind::Full => 16,
            Kind::Eio => 15,
            Kind::Flood => 12,
            Kind::Refused => 16,
        }
    }

    fn happen(self, bench: &mut Bench) -> Result<()> {
        match self {
            Kind::Killed => cut::killed(bench),
            Kind::Power => cut::power(bench),
            Kind::Stalled => disk::stalled(bench),
            Kind::Full => disk::full(bench),
            Kind::Eio => disk::fails(bench),
            Kind::Flood => flood::garbage(bench),
            Kind::Refused => refused::io_uring(bench),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no variant is skipped");
        f.write_str(value.get_name())
    }
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Anything.
    None,
    /// This.
    Exactly(f64),
    /// No more.
    Most(f64),
    /// No less.
    Least(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Limit::None => true,
            Limit::Exactly(wanted) => value == wanted,
            Limit::Most(most) => value <= most,
            Limit::Least(least) => value >= least,
        }
    }

    fn words(self) -> String {
        match self {
            Limit::None => String::new(),
            Limit::Exactly(wanted) => number(wanted),
            Limit::Most(most) => format!("at most {}", number(most)),
            Limit::Least(least) => format!("at least {}", number(least)),
        }
    }
}

/// Whole numbers whole, others with two digits.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The run.
pub struct Bench {
    arguments: Arguments,
    chance: RefCell<SmallRng>,
    file: PathBuf,
    bar: ProgressBar,
    misses: u32,
    skips: Cell<u32>,
}

impl Bench {
    /// So many calls, as far as the limit allows.
    fn calls(&self, usual: u32) -> u32 {
        usual.min(self.arguments.calls_max)
    }

    /// Sleeps, and moves the bar on.
    fn wait(&self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            std::thread::sleep(left.min(Duration::from_millis(100)));
            self.bar.inc(1);
        }
    }

    /// Prints a figure and keeps it.
    fn line(
        &mut self,
        fault: &str,
        what: &str,
        value: f64,
        unit: &str,
        limit: Limit,
    ) -> Result<()> {
        let verdict = match limit {
            Limit::None => "",
            limit if limit.holds(value) => "ok",
            _ => "EXCEEDED",
        };
        self.misses += u32::from(verdict == "EXCEEDED");
        let text = format!(
            "{fault:<36} {what:<44} {:>10} {unit:<9} {:<16} {verdict}",
            number(value),
            limit.words()
        );
        self.bar.suspend(|| println!("{}", text.trim_end()));
        let figure = Figure::new("faults", &format!("{fault}: {what}"), value, unit);
        Ok(results::append(&self.file, &figure)?)
    }

    /// Says why a fault was not tried.
    fn skip(&self, fault: &str, why: &str) {
        self.skips.set(self.skips.get() + 1);
        self.bar.suspend(|| println!("{fault:<36} not tried: {why}"));
    }

    /// Says what was wrong with a file.
    fn explain(&self, why: Option<String>) {
        if let Some(why) = why {
            self.bar.suspend(|| println!("{:<36} {why}", ""));
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    let done = match arguments.command.take() {
        Some(Command::Serve(setup)) => child::run(&setup).map(|()| None),
        None => run(arguments),
    };
    match done {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(wrong)) => {
            eprintln!("switchgrid-faults: {wrong}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("switchgrid-faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it; what is wrong with the outcome, in words.
fn run(arguments: Arguments) -> Result<Option<String>> {
    let file = match &arguments.results {
        Some(file) => file.clone(),
        None => results::file().context("find the target folder")?,
    };
    procstat::pin(arguments.phone_core).context("run on the core of the phones")?;
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {msg}")
        .expect("the template is right")
        .progress_chars("=> ");
    let rounds = arguments.rounds;
    let tenths = arguments.only.iter().map(|kind| kind.seconds(rounds) * 10).sum();
    let mut bench = Bench {
        chance: RefCell::new(SmallRng::seed_from_u64(arguments.seed)),
        bar: ProgressBar::new(tenths).with_style(style),
        file,
        misses: 0,
        skips: Cell::new(0),
        arguments,
    };
    println!("seed {}", bench.arguments.seed);
    let mut planned = 0;
    for kind in bench.arguments.only.clone() {
        bench.bar.set_message(kind.to_string());
        kind.happen(&mut bench).with_context(|| format!("try {kind}"))?;
        planned += kind.seconds(rounds) * 10;
        bench.bar.set_position(planned);
    }
    bench.bar.finish_and_clear();
    println!("figures appended to {}", bench.file.display());
    let skips = if bench.arguments.allow_skips { 0 } else { bench.skips.get() };
    Ok(verdict(bench.misses, skips))
}

fn verdict(misses: u32, skips: u32) -> Option<String> {
    let mut wrong = Vec::new();
    if misses > 0 {
        wrong.push(format!("{misses} figures missed their limit"));
    }
    if skips > 0 {
        wrong.push(format!("{skips} faults were not tried (--allow-skips takes that as well)"));
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_was_not_tried_is_no_success() {
        assert_eq!(verdict(0, 0), None);
        assert!(verdict(0, 1).is_some_and(|wrong| wrong.contains("1 faults were not tried")));
        assert!(verdict(2, 1).is_some_and(|wrong| wrong.starts_with("2 figures")));
    }

    #[test]
    fn a_limit_is_met_at_its_edge_and_missed_beyond() {
        assert!(Limit::Most(200.0).holds(200.0) && !Limit::Most(200.0).holds(200.1));
        assert!(Limit::Least(1.0).holds(1.0) && !Limit::Least(1.0).holds(0.0));
        assert!(Limit::Exactly(0.0).holds(0.0) && !Limit::Exactly(0.0).holds(1.0));
        assert!(Limit::None.holds(f64::MAX));
    }
}
