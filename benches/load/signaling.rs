//! `switchgrid-load signaling`: what the signalling of a two-legged call costs where a core has as much
//! of it as it can take, beside kamailio that passes calls of the same callers on. Our switch takes
//! each call through a queue to an agent, with its event log and live state; audio is left out on both
//! sides. The systems take turns.

mod callers;
mod kamailio;
mod switch;

use crate::sip::digest::Credential;
use anyhow::{Result, ensure};
use benches::procstat;
use benches::results::{self, Figure};
use callers::Callers;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

pub use switch::{SideArguments, side};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Agents for each call in flight: one rings, one has just hung up.
const AGENTS_PER_CALL: u32 = 3;
/// Before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// What is meant on the reference machine, and how that compares with kamailio's 950 µs there.
const CALL_US_MAX: f64 = 250.0;
const RATIO_MAX: f64 = 0.263;

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Calls in flight.
    #[arg(long, default_value_t = 40)]
    flight: u32,
    /// How long a run lasts, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Runs of each system; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Leave kamailio out.
    #[arg(long)]
    no_peer: bool,
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

/// Runs it. False when a call failed or a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.runs > 0, "at least one run");
    let (mut ours, mut theirs, mut good) = (Vec::new(), Vec::new(), true);
    for run in 0..arguments.runs {
        eprintln!("run {} of {}", run + 1, arguments.runs);
        let switch = switch::Switch::start(arguments.flight * AGENTS_PER_CALL)?;
        ours.push(measure("switchgrid", arguments, &switch, &mut good)?);
        drop(switch);
        if !arguments.no_peer {
            let proxy = kamailio::Proxy::start()?;
            // What it refuses is its own fault, and counts as no call.
            theirs.push(measure("kamailio", arguments, &proxy, &mut true)?);
        }
    }
    Ok(judge(&mut ours, &mut theirs)? && good)
}

/// CPU of a call, in µs.
fn measure(
    name: &str,
    arguments: &Arguments,
    system: &impl System,
    good: &mut bool,
) -> Result<f64> {
    let mut callers = Callers::start(LOCAL, system)?;
    callers.run(arguments.flight, WARM_UP)?;
    let (first, before) = (callers.done, procstat::threads(system.pid(), "")?);
    let began = Instant::now();
    callers.run(arguments.flight, Duration::from_secs(arguments.seconds))?;
    let (took, calls) = (began.elapsed(), callers.done - first);
    ensure!(calls > 0, "no call came to its end: {:?}", callers.failed.first());
    let (mut whole, mut parts) = (0.0, String::new());
    for (thread, cpu) in procstat::threads(system.pid(), "")? {
        let spent = cpu.saturating_sub(before.get(&thread).copied().unwrap_or_default());
        let us = spent.as_secs_f64() * 1e6 / f64::from(calls);
        whole += us;
        if us >= 1.0 {
            parts.push_str(&format!(", {thread} {us:.0}"));
        }
    }
    let rate = f64::from(calls) / took.as_secs_f64();
    println!("{name}: {whole:.0} µs a call at {rate:.0} calls a second{parts}");
    for failed in callers.failed.chunk_by(|a, b| a == b) {
        println!("  {} × {}", failed.len(), failed[0]);
        *good = false;
    }
    Ok(whole)
}

fn judge(ours: &mut [f64], theirs: &mut [f64]) -> Result<bool> {
    let file = results::file()?;
    let metric = "CPU per two-legged call";
    let us = median(ours);
    let mut figure = Figure::new("signaling", metric, us, "µs");
    print!("{metric}: {us:.0} µs");
    let mut holds = us <= CALL_US_MAX;
    if !theirs.is_empty() {
        let peer = median(theirs);
        figure = figure.beside("kamailio", peer);
        holds |= us / peer <= RATIO_MAX;
        print!("; kamailio {peer:.0} µs, ratio {:.3}", us / peer);
    }
    let word = if holds { "ok" } else { "EXCEEDED" };
    println!("  (at most {CALL_US_MAX} µs, or {RATIO_MAX} of kamailio: {word})");
    results::append(&file, &figure)?;
    Ok(holds)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
