//! `switchgrid-media`: how many two-party calls one media core relays and records, and what a packet
//! costs, with rtpengine and a bare receive-and-send loop beside it in the same run; and what is left
//! behind when a working day of calls has come and gone.
//!
//! The program under test runs in a process of its own, every thread of it on one core; the crowd of
//! phones runs in this one on another core. Both sides of every call speak stamped G.711, so each
//! packet that arrives and each recorded sample is checked. CPU time is read thread by thread from
//! the scheduler (`/proc/<pid>/task/*/schedstat`) while all calls are up; files are rendered after
//! the calls end, outside that time, and have a figure of their own.

/// That of the program: the system under test is a part of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod bare;
mod legs;
mod measure;
mod pages;
mod rtpengine;
mod server;
mod soak;
mod spoken;
mod system;

use anyhow::{Context, Result, ensure};
use benches::procstat;
use benches::results::{self, Figure};
use clap::{Parser, Subcommand};
use comfy_table::{Table, presets};
use measure::{Figures, Plan};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use system::Kind;

/// Calls relayed and recorded on one core, against peers.
#[derive(Parser)]
#[command(name = "switchgrid-media", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Calls at a time, one step each.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 500, 1000, 1600, 2000])]
    calls: Vec<u32>,
    /// Rounds of all steps; the run in the middle of each step counts, and the losses of all.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds that all calls of a step are up.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Calls of the side-by-side runs; 0 leaves them out.
    #[arg(long, default_value_t = 1000)]
    compare: u32,
    /// Side-by-side runs, one system after the other; the medians count.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Systems of the side-by-side runs.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Kind::ALL)]
    systems: Vec<Kind>,
    /// Calls whose legs are encrypted or transcoded, a line for each kind.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Kind::LEGS)]
    legs: Vec<Kind>,
    /// How many of each; 0 leaves them out.
    #[arg(long, default_value_t = 200)]
    leg_calls: u32,
    /// Calls of the soak, a group after the other through one process; 0 leaves it out. Eight hours of
    /// 1,000 calls at a time, six minutes each, are 80,000.
    #[arg(long, default_value_t = 80_000)]
    soak: u32,
    /// Calls of the soak at a time.
    #[arg(long, default_value_t = 1_000)]
    soak_group: u32,
    /// Recordings of each step that are read sample by sample.
    #[arg(long, default_value_t = 100)]
    listen: usize,
    /// Core of the system under test.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the phones.
    #[arg(long, default_value_t = 1)]
    phone_core: usize,
    /// Where figures go, instead of `bench/results.jsonl` in the target folder.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run one system under test; talks in JSON lines on standard input and output.
    #[command(hide = true)]
    Serve(server::Arguments),
}

/// A figure on the reference machine that a run must reach.
const LOST_MAX: f64 = 0.0;
const RATIO_MAX: f64 = 0.65;
const RATIO_GOAL: f64 = 0.55;
/// What a core takes on epoll, of what it takes on io_uring.
const EPOLL_SHARE_MIN: f64 = 0.6;
const CALLS_PER_CORE_MIN: f64 = 1_600.0;
/// What is hoped for: a step of so many may lose something, and says so.
const CALLS_PER_CORE_GOAL: f64 = 2_000.0;
/// What a packet costs at the step where it costs most, beside the one where it costs least.
const GROWTH_MAX: f64 = 1.15;
/// A system that used more of its core than this was full: what a packet costs is then the core
/// divided by the packets, whoever forwarded them.
const FULL: f64 = 0.95;
/// From here on it is said how long the phones' own core stood still: what they say afterwards comes
/// all at once.
const STILL_MS: f64 = 100.0;
/// Fewer calls than this say nothing.
const COMPARE_MIN: u32 = 100;

struct Bench {
    arguments: Arguments,
    file: PathBuf,
    misses: Vec<String>,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    if let Some(Command::Serve(serve)) = arguments.command.take() {
        return match server::run(&serve) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("switchgrid-media serve: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    match bench(arguments) {
        Ok(misses) if misses.is_empty() => ExitCode::SUCCESS,
        Ok(misses) => {
            misses.iter().for_each(|miss| eprintln!("switchgrid-media: {miss}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("switchgrid-media: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: Arguments) -> Result<Vec<String>> {
    let file = match &arguments.results {
        Some(file) => file.clone(),
        None => results::file().context("find the target folder")?,
    };
    let stamped = |kinds: &[Kind]| kinds.iter().all(|kind| !Kind::LEGS.contains(kind));
    ensure!(stamped(&arguments.systems), "calls of other legs than plain G.711 belong to --legs");
    let plain = arguments.legs.iter().find(|kind| !Kind::LEGS.contains(kind));
    ensure!(plain.is_none(), "--legs takes srtp, webrtc, g722, opus and g729");
    procstat::pin(arguments.phone_core).context("run on the core of the phones")?;
    let mut bench = Bench { arguments, file, misses: Vec::new() };
    bench.ladder()?;
    if bench.arguments.compare > 0 {
        bench.side_by_side()?;
    }
    if bench.arguments.leg_calls > 0 {
        bench.legs()?;
    }
    if bench.arguments.soak > 0 {
        bench.soak()?;
    }
    println!("figures appended to {}", bench.file.display());
    Ok(bench.misses)
}

impl Bench {
    fn plan(&self, kind: Kind, calls: u32) -> Plan {
        Plan {
            kind,
            calls,
            seconds: self.arguments.seconds,
            server_core: self.arguments.server_core,
            listen: self.arguments.listen,
        }
    }

    /// All steps, over and over, so that an hour in which the machine is slow meets all of them.
    fn ladder(&mut self) -> Result<()> {
        let steps = self.arguments.calls.clone();
        let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); steps.len()];
        for round in 1..=self.arguments.rounds.max(1) {
            eprintln!("ladder: round {round} of {}", self.arguments.rounds.max(1));
            for (&calls, runs) in steps.iter().zip(&mut runs) {
                runs.push(self.plan(Kind::Ours, calls).run()?);
            }
        }
        let (mut table, mut costs) = (heads(), Vec::new());
        for runs in &runs {
            let figures = Figures::median(runs);
            table.add_row(figures.cells());
            self.keep(&format!("media-{}-calls", figures.calls), &figures)?;
            self.judge(&figures);
            // At a full core a packet costs what is left for it.
            if figures.cores <= FULL {
                costs.push(figures.us_per_packet);
            }
        }
        println!("{table}");
        for runs in &runs {
            let Figures { calls, late_ms, .. } = Figures::median(runs);
            if late_ms >= STILL_MS {
                println!("{calls} calls: the phones themselves stood still for {late_ms:.0} ms");
            }
        }
        self.most_calls(&runs)?;
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = costs.iter().copied().fold(0.0, f64::max);
        if costs.len() > 1 {
            let growth = most / least;
            let figure = Figure::new("media-growth", "dearest step / cheapest", growth, "");
            results::append(&self.file, &figure)?;
            let word = if growth <= GROWTH_MAX { "ok" } else { "EXCEEDED" };
            println!("dearest step / cheapest: {growth:.3}  (at most {GROWTH_MAX}: {word})");
            if growth > GROWTH_MAX {
                self.misses.push(format!("a packet costs {growth:.2} times as much at one step"));
            }
        }
        Ok(())
    }

    /// A line for each kind of call whose legs are encrypted or transcoded.
    fn legs(&mut self) -> Result<()> {
        let Arguments { leg_calls, seconds, server_core, .. } = self.arguments;
        for kind in self.arguments.legs.clone() {
            let time = Duration::from_secs(seconds);
            let line = legs::run(kind, leg_calls, time, server_core)?;
            let bench = format!("media-{kind}-{leg_calls}-calls");
            let bad = line.lost + line.frames_missing;
            for (metric, value, unit) in [
                ("CPU per packet", line.us_per_packet, "µs"),
                ("calls per core", line.calls_per_core, "calls"),
                ("packets lost", line.lost as f64, "packets"),
                ("frames missing", line.frames_missing as f64, "frames"),
            ] {
                results::append(&self.file, &Figure::new(&bench, metric, value, unit))?;
            }
            let word = if bad == 0 { "ok" } else { "EXCEEDED" };
            println!(
                "{}, {leg_calls} calls: {:.2} µs a packet, {:.0} calls per core, {} packets lost, {} \
                 recorded frames missing  (at most 0: {word})",
                kind.name(),
                line.us_per_packet,
                line.calls_per_core,
                line.lost,
                line.frames_missing
            );
            if bad > 0 {
                self.misses.push(format!("{}: {} lost or missing", kind.name(), bad));
            }
        }
        Ok(())
    }

    /// The largest step in which nothing was lost, beside the floor and the goal.
    fn most_calls(&mut self, runs: &[Vec<Figures>]) -> Result<()> {
        if self.arguments.calls.iter().all(|&calls| f64::from(calls) < CALLS_PER_CORE_MIN) {
            return Ok(());
        }
        let clean = runs.iter().map(|runs| Figures::median(runs)).filter(|run| run.bad() == 0);
        let most = clean.map(|run| f64::from(run.calls)).fold(0.0, f64::max);
        let what = "most calls without a loss on one core";
        results::append(&self.file, &Figure::new("media-most", what, most, "calls"))?;
        let holds = most >= CALLS_PER_CORE_MIN;
        let word = if holds { "ok" } else { "EXCEEDED" };
        let goal = reached(most >= CALLS_PER_CORE_GOAL);
        println!(
            "{what}: {most:.0}  (at least {CALLS_PER_CORE_MIN}: {word}; goal \
             {CALLS_PER_CORE_GOAL}: {goal})"
        );
        if !holds {
            self.misses.push(format!("{what}: {most:.0}"));
        }
        Ok(())
    }

    /// Groups of calls come and go; what is left behind must not grow.
    fn soak(&mut self) -> Result<()> {
        let Arguments { soak, soak_group, server_core, .. } = self.arguments;
        let left = soak::run(server_core, soak, soak_group)?;
        for line in left.lines() {
            let figure = Figure::new("media-soak", line.what, line.value, line.unit);
            results::append(&self.file, &figure)?;
            let limit = line.most.map_or(String::new(), |most| {
                let word = if line.holds() { "ok" } else { "EXCEEDED" };
                format!("  (at most {most}: {word})")
            });
            println!("soak, {}: {:.2} {}{limit}", line.what, line.value, line.unit);
            if !line.holds() {
                self.misses.push(format!("soak, {}: {:.2} {}", line.what, line.value, line.unit));
            }
        }
        Ok(())
    }

    /// One system after the other, over and over, so that what else the machine does meets all.
    /// Where a core was full, the same with half as many calls.
    fn side_by_side(&mut self) -> Result<()> {
        let mut calls = self.arguments.compare;
        loop {
            let medians = self.medians(calls)?;
            let mut table = heads();
            for median in &medians {
                table.add_row(median.cells());
            }
            println!("{table}");
            let full = medians.iter().find(|median| median.cores > FULL);
            let Some(full) = full.filter(|_| calls / 2 >= COMPARE_MIN) else {
                return self.ratios(&medians);
            };
            let share = full.cores * 100.0;
            println!("{} filled its core to {share:.0} %: half as many calls", full.kind.name());
            calls /= 2;
        }
    }

    fn medians(&self, calls: u32) -> Result<Vec<Figures>> {
        let systems = &self.arguments.systems;
        let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); systems.len()];
        for run in 0..self.arguments.runs {
            eprintln!("side by side, {calls} calls: run {} of {}", run + 1, self.arguments.runs);
            for (kind, runs) in systems.iter().zip(&mut runs) {
                runs.push(self.plan(*kind, calls).run()?);
            }
        }
        Ok(runs.iter().map(|runs| Figures::median(runs)).collect())
    }

    fn ratios(&mut self, medians: &[Figures]) -> Result<()> {
        let of = |kind: Kind| medians.iter().find(|figures| figures.kind == kind);
        let Some(ours) = of(Kind::Ours) else { return Ok(()) };
        for peer in [Kind::RtpengineRecording, Kind::Rtpengine, Kind::Epoll, Kind::Bare] {
            let Some(theirs) = of(peer) else { continue };
            let figure =
                Figure::new("media-side-by-side", "CPU per packet", ours.us_per_packet, "µs")
                    .beside(peer.name(), theirs.us_per_packet);
            results::append(&self.file, &figure)?;
            let ratio = ours.us_per_packet / theirs.us_per_packet;
            let limit = if peer == Kind::RtpengineRecording {
                let word = if ratio <= RATIO_MAX { "ok" } else { "EXCEEDED" };
                let goal = reached(ratio <= RATIO_GOAL);
                format!("  (at most {RATIO_MAX}: {word}; goal {RATIO_GOAL}: {goal})")
            } else {
                String::new()
            };
            println!("{} / {}: {ratio:.3}{limit}", ours.kind.name(), peer.name());
            if ours.cores.max(theirs.cores) > FULL {
                self.misses.push(format!("a core was full beside {}", peer.name()));
            }
            if peer == Kind::RtpengineRecording && ratio > RATIO_MAX {
                self.misses.push(format!(
                    "a packet costs {ratio:.3} of what rtpengine needs; at most {RATIO_MAX} is meant"
                ));
            }
            if peer == Kind::Epoll {
                self.epoll(ours, theirs)?;
            }
        }
        Ok(())
    }

    /// Where io_uring is refused a core must still take most of the calls.
    fn epoll(&mut self, uring: &Figures, epoll: &Figures) -> Result<()> {
        let share = epoll.calls_per_core() / uring.calls_per_core();
        let figure = Figure::new("media-side-by-side", "epoll's calls per core", share, "");
        results::append(&self.file, &figure)?;
        let holds = share >= EPOLL_SHARE_MIN;
        let word = if holds { "ok" } else { "EXCEEDED" };
        println!(
            "calls per core, epoll / io_uring: {share:.3}  (at least {EPOLL_SHARE_MIN}: {word})"
        );
        if !holds {
            self.misses.push(format!("a core takes {share:.2} of the calls on epoll"));
        }
        Ok(())
    }

    fn keep(&self, bench: &str, figures: &Figures) -> Result<()> {
        for (metric, value, unit) in figures.named() {
            results::append(&self.file, &Figure::new(bench, metric, value, unit))?;
        }
        Ok(())
    }

    /// No step up to the floor may lose a packet or a frame, and its core must carry enough calls.
    fn judge(&mut self, figures: &Figures) {
        let lost = figures.bad() as f64;
        if lost > LOST_MAX {
            let loss = format!(
                "{} calls: {} packets lost, {} damaged, {} recorded frames missing, {} recordings wrong",
                figures.calls,
                figures.lost,
                figures.damaged,
                figures.frames_missing,
                figures.files_bad
            );
            if is_floor(figures.calls) {
                self.misses.push(loss);
            } else {
                println!("the goal of {CALLS_PER_CORE_GOAL} calls is missed: {loss}");
            }
        }
        let calls = f64::from(figures.calls);
        if calls >= CALLS_PER_CORE_MIN && figures.calls_per_core() < CALLS_PER_CORE_MIN {
            self.misses.push(format!(
                "{} calls per core; at least {CALLS_PER_CORE_MIN} are meant",
                figures.calls_per_core().round()
            ));
        }
    }
}

/// The word of a goal, which is no limit.
fn reached(reached: bool) -> &'static str {
    if reached { "reached" } else { "missed" }
}

/// Whether a step of so many calls has to lose nothing.
fn is_floor(calls: u32) -> bool {
    f64::from(calls) <= CALLS_PER_CORE_MIN
}

fn heads() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(Figures::HEADS);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_counts_up_to_the_floor_and_is_told_beyond_it() {
        assert_eq!([100, 1_600, 1_601, 2_000].map(is_floor), [true, true, false, false]);
    }
}
