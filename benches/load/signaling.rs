//! `switchgrid-load signaling`: what the signalling of a two-legged call and of a registration
//! costs where a core has as much of it as it can take, beside kamailio that passes calls of the
//! same callers on and registers the same phones; and what a switch takes that holds very many
//! phones. Our switch takes each call through a queue to an agent, with its event log and live
//! state; audio is left out on both sides. The systems take turns.

mod callers;
mod kamailio;
mod meter;
mod registrations;
mod switch;

use crate::bench::{Bench, Limit};
use crate::sip::digest::Credential;
use anyhow::{Result, ensure};
use benches::procstat;
use benches::results::Figure;
use callers::Callers;
use meter::{Cost, Meter, median};
use registrations::Registrations;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

pub use switch::{SideArguments, side};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Agents for each call in flight: one rings, one has just hung up.
const AGENTS_PER_CALL: u32 = 3;
/// Phones that register over and over.
const PHONES: u32 = 2_000;
/// Before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// A switch takes so many requests at a time, and knows each for 32 s (RFC 3261, timer J): phones
/// register in groups of half as many, and a run ends before it would be refused.
const REQUESTS_KNOWN_MAX: u32 = 100_000;
const FORGOTTEN: Duration = Duration::from_secs(35);
/// The allocator keeps what is free for so long ([`benches::ALLOCATOR`]), and gives it back while it
/// works and not while nobody asks anything: so many register once more, as somebody always does.
const KEPT_FREE: Duration = Duration::from_secs(5);
const AGAIN: u32 = 1_000;

/// What is meant on the reference machine, each by itself. How a call compares with kamailio's is
/// told without a limit.
const CALLS_PER_S_MIN: f64 = 1_000.0;
const CALL_US_MAX: f64 = 250.0;
const CALL_OWN_US_MAX: f64 = 100.0;
const REGISTRATIONS_PER_S_MIN: f64 = 10_000.0;
const PHONES_MB_MAX: f64 = 400.0;

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which parts.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// Calls, or registrations, in flight.
    #[arg(long, default_value_t = 40)]
    flight: u32,
    /// How long a run lasts, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Runs of each system; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Phones that are held at a time.
    #[arg(long, default_value_t = 100_000)]
    phones: u32,
    /// Leave kamailio out.
    #[arg(long)]
    no_peer: bool,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Two-legged calls.
    Calls,
    /// Registrations with a password.
    Registrar,
    /// Memory of many phones.
    Phones,
}

impl Part {
    const ALL: [Part; 3] = [Part::Calls, Part::Registrar, Part::Phones];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no variant is skipped");
        f.write_str(value.get_name())
    }
}

/// A process that calls go through.
trait System {
    /// Where it takes calls.
    fn address(&self) -> SocketAddr;
    /// Its process.
    fn pid(&self) -> u32;
    /// The number that callers dial.
    fn dial(&self) -> &str;
    /// The phones that register.
    fn phones(&self) -> Vec<Credential>;
}

/// Runs it. False when a call or a registration failed or a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.runs > 0, "at least one run");
    let mut bench = Bench::named("signaling")?;
    for part in &arguments.only {
        match part {
            Part::Calls => calls(arguments, &mut bench)?,
            Part::Registrar => registrar(arguments, &mut bench)?,
            Part::Phones => phones(arguments, &mut bench)?,
        }
    }
    Ok(bench.good)
}

/// What one system did in its runs.
#[derive(Default)]
struct Runs {
    costs: Vec<Cost>,
    failed: u32,
}

impl Runs {
    fn add(&mut self, cost: Cost, failed: &mut [String]) {
        self.costs.push(cost);
        self.failed += failed.len() as u32;
        failed.sort();
        for same in failed.chunk_by(|a, b| a == b) {
            println!("  {} × {}", same.len(), same[0]);
        }
    }
}

fn calls(arguments: &Arguments, bench: &mut Bench) -> Result<()> {
    let (mut ours, mut theirs) = (Runs::default(), Runs::default());
    let agents = arguments.flight * AGENTS_PER_CALL;
    for run in 0..arguments.runs {
        eprintln!("calls, run {} of {}", run + 1, arguments.runs);
        let switch = switch::Switch::start(agents, agents)?;
        measure_calls("switchgrid", arguments, &switch, &mut ours)?;
        drop(switch);
        if !arguments.no_peer {
            // What it refuses is its own fault, and counts as no call.
            let proxy = kamailio::Proxy::start()?;
            measure_calls("kamailio", arguments, &proxy, &mut theirs)?;
        }
    }
    let cost = median(&ours.costs);
    let figure = |metric: &str, value, unit: &str| Figure::new("signaling", metric, value, unit);
    let least = Limit::Least(CALLS_PER_S_MIN);
    bench.judge(&figure("two-legged calls", cost.per_s, "per s"), least)?;
    bench.note("calls lost", f64::from(ours.failed), "calls", Some(0.0))?;
    bench.note("CPU per two-legged call, in our code", cost.own_us, "µs", Some(CALL_OWN_US_MAX))?;
    let mut whole = figure("CPU per two-legged call", cost.us, "µs");
    if !arguments.no_peer {
        whole = whole.beside("kamailio", median(&theirs.costs).us);
    }
    bench.judge(&whole, Limit::Most(CALL_US_MAX))?;
    if let Some(ratio) = whole.ratio {
        bench.note("CPU per two-legged call, of kamailio's", ratio, "", None)?;
    }
    Ok(())
}

fn measure_calls(
    name: &str,
    arguments: &Arguments,
    system: &impl System,
    runs: &mut Runs,
) -> Result<()> {
    let mut callers = Callers::start(LOCAL, system)?;
    callers.run(arguments.flight, WARM_UP)?;
    let (first, meter) = (callers.done, Meter::start(system.pid())?);
    callers.run(arguments.flight, Duration::from_secs(arguments.seconds))?;
    let cost = meter.end(name, "call", callers.done - first)?;
    runs.add(cost, &mut callers.failed);
    Ok(())
}

fn registrar(arguments: &Arguments, bench: &mut Bench) -> Result<()> {
    let (mut ours, mut theirs) = (Runs::default(), Runs::default());
    for run in 0..arguments.runs {
        eprintln!("registrar, run {} of {}", run + 1, arguments.runs);
        let switch = switch::Switch::start(PHONES, 0)?;
        measure_registrations("switchgrid", arguments, &switch, &mut ours)?;
        drop(switch);
        if !arguments.no_peer {
            let proxy = kamailio::Proxy::registrar(PHONES)?;
            measure_registrations("kamailio", arguments, &proxy, &mut theirs)?;
        }
    }
    let cost = median(&ours.costs);
    let figure = |metric: &str, value, unit: &str| Figure::new("signaling", metric, value, unit);
    let mut rate = figure("registrations with a password", cost.per_s, "per s");
    let mut whole = figure("CPU per registration", cost.us, "µs");
    if !arguments.no_peer {
        let peer = median(&theirs.costs);
        rate = rate.beside("kamailio", peer.per_s);
        whole = whole.beside("kamailio", peer.us);
    }
    bench.judge(&rate, Limit::Least(REGISTRATIONS_PER_S_MIN))?;
    bench.judge(&whole, Limit::None)?;
    bench.note("CPU per registration, in our code", cost.own_us, "µs", None)?;
    bench.note("registrations refused", f64::from(ours.failed), "phones", Some(0.0))
}

fn measure_registrations(
    name: &str,
    arguments: &Arguments,
    system: &impl System,
    runs: &mut Runs,
) -> Result<()> {
    let mut phones = Registrations::start(system)?;
    let until = |time: Duration, most: u32| {
        let end = Instant::now() + time;
        move |begun: u32| begun >= most || Instant::now() >= end
    };
    phones.run(arguments.flight, until(WARM_UP, REQUESTS_KNOWN_MAX / 10))?;
    let (first, meter) = (phones.done, Meter::start(system.pid())?);
    let (time, most) = (Duration::from_secs(arguments.seconds), REQUESTS_KNOWN_MAX / 10 * 8);
    phones.run(arguments.flight, until(time, most))?;
    let cost = meter.end(name, "registration", phones.done - first)?;
    runs.add(cost, &mut phones.failed);
    Ok(())
}

/// Very many phones, each registered once.
fn phones(arguments: &Arguments, bench: &mut Bench) -> Result<()> {
    eprintln!("{} phones", arguments.phones);
    let switch = switch::Switch::start(arguments.phones, 0)?;
    let before = procstat::usage(switch.pid(), "")?.memory_bytes as f64;
    let mut phones = Registrations::start(&switch)?;
    let mut left = arguments.phones;
    while left > 0 {
        let group = left.min(REQUESTS_KNOWN_MAX / 2);
        let (first, meter) = (phones.done, Meter::start(switch.pid())?);
        phones.run(arguments.flight, |begun| begun >= group)?;
        meter.end("switchgrid", "registration", phones.done - first)?;
        left -= group;
        std::thread::sleep(FORGOTTEN);
    }
    let held = f64::from(phones.done);
    std::thread::sleep(KEPT_FREE);
    phones.run(arguments.flight, |begun| begun >= AGAIN)?;
    for failed in phones.failed.iter().take(3) {
        println!("  {failed}");
    }
    let after = procstat::usage(switch.pid(), "")?.memory_bytes as f64;
    let each = (after - before) / 1e3 / f64::from(arguments.phones.max(1));
    bench.note("phones refused", phones.failed.len() as f64, "phones", Some(0.0))?;
    let least = Limit::Least(f64::from(arguments.phones));
    let held = Figure::new("signaling", "phones held", held, "phones");
    bench.judge(&held, least)?;
    bench.note("memory per phone", each, "kB", None)?;
    bench.note("memory with all phones registered", after / 1e6, "MB", Some(PHONES_MB_MAX))
}
