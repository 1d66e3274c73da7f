//! `switchgrid-load bench`: a switch of its own on an empty folder, with as many agents as calls,
//! measured idle, with short silent calls, and with all calls up, relayed and recorded. The figures
//! go to the results file; the ones with a limit say whether it holds.

use crate::api::{self, Api};
use crate::calls;
use crate::load::{self, Load, Outcome};
use crate::server::{self, Server};
use crate::sip::digest::Credential;
use anyhow::{Context, Result};
use benches::media::g711::Law;
use benches::media::wire::Choice;
use benches::procstat;
use benches::results::{self, Figure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// A number that reaches the queue without a voice menu.
pub const NUMBER: &str = "95105600";
/// The first agents of an empty box have four digits; ours have six.
const FIRST_AGENT: u32 = 200_001;
const IDLE: Duration = Duration::from_secs(5);
const SIGN_IN_TRIES: usize = 100;
const SIGN_IN_EVERY: Duration = Duration::from_millis(50);
const SHORT_CALLS: u32 = 1_000;
/// Below the 100 calls a second that the first trunk takes.
const SHORT_CPS: f64 = 80.0;
/// A thread that needs less for a call is not worth a line, µs.
const THREAD_US_MIN: f64 = 1.0;

/// Limits of the figures on the reference machine.
const IDLE_MB_MAX: f64 = 120.0;
const CALL_MB_MAX: f64 = 0.3;

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Calls at a time.
    #[arg(long, default_value_t = 500)]
    calls: u32,
    /// How long all of them stay up, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Folder of the switch's data, which must be empty; a temporary one when left out.
    #[arg(long)]
    data: Option<PathBuf>,
    /// How packets reach the kernel on our side.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

/// The figures of one run.
pub struct Bench {
    /// As the results name it.
    pub name: String,
    /// Where they go.
    pub file: PathBuf,
    /// Whether every limit held until now.
    pub good: bool,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Anything.
    None,
    /// No more.
    Most(f64),
    /// No less.
    Least(f64),
}

impl Limit {
    /// Whether it holds, and its words: nothing where there is none.
    fn verdict(self, value: f64) -> (bool, String) {
        let (holds, limit) = match self {
            Limit::None => return (true, String::new()),
            Limit::Most(most) => (value <= most, format!("at most {most}")),
            Limit::Least(least) => (value >= least, format!("at least {least}")),
        };
        let word = if holds { "ok" } else { "EXCEEDED" };
        (holds, format!("  ({limit}: {word})"))
    }
}

impl Bench {
    /// The figures of a run of this name, for the file of the results.
    ///
    /// # Errors
    /// When that is not known.
    pub fn named(name: impl Into<String>) -> Result<Self> {
        Ok(Bench { name: name.into(), file: results::file()?, good: true })
    }

    /// Prints a figure, with what it may be at most, and keeps it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&mut self, metric: &str, value: f64, unit: &str, limit: Option<f64>) -> Result<()> {
        let limit = limit.map_or(Limit::None, Limit::Most);
        self.judge(&Figure::new(&self.name, metric, value, unit), limit)
    }

    /// Prints a figure, with what a peer needs and what it must be, and keeps it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn judge(&mut self, figure: &Figure, limit: Limit) -> Result<()> {
        results::append(&self.file, figure)
            .with_context(|| format!("append to {}", self.file.display()))?;
        let (holds, words) = limit.verdict(figure.value);
        self.good &= holds;
        let beside = match (&figure.peer, figure.peer_value, figure.ratio) {
            (Some(peer), Some(value), Some(ratio)) => {
                format!("; {peer} {value:.2} {}, ratio {ratio:.3}", figure.unit)
            }
            _ => String::new(),
        };
        let Figure { metric, value, unit, .. } = figure;
        println!("{metric}: {value:.2} {unit}{beside}{words}");
        Ok(())
    }
}

/// Runs it. False when a frame was lost or a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let own = scratch()?;
    let data = arguments.data.clone().unwrap_or_else(|| own.clone());
    let mut server = server::start(&data)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(measure(arguments, &server));
    server.end()?;
    if arguments.data.is_none() && result.is_ok() {
        std::fs::remove_dir_all(&own).with_context(|| format!("remove {}", own.display()))?;
    }
    result
}

/// Beside the results, so that the disk that is measured is the disk that is built on.
///
/// # Errors
/// When the folder of the results is not known.
pub fn scratch() -> Result<PathBuf> {
    let folder = results::file()?.with_file_name(format!("data-{}", std::process::id()));
    Ok(folder)
}

async fn measure(arguments: &Arguments, server: &Server) -> Result<bool> {
    let mut bench = Bench::named(format!("load-{}-calls", arguments.calls))?;
    tokio::time::sleep(IDLE).await;
    let idle = procstat::usage(server.pid(), "")?;
    bench.note("idle server memory", idle.memory_bytes as f64 / 1e6, "MB", Some(IDLE_MB_MAX))?;
    let agents = hire(server, arguments.calls).await?;
    let calls_cpu = || procstat::usage(server.pid(), "calls").map(|usage| usage.cpu);
    let before = calls_cpu()?;
    tokio::time::sleep(IDLE).await;
    let at_rest = (calls_cpu()? - before).as_secs_f64() / IDLE.as_secs_f64();
    let whole = Load {
        server: server.sip,
        local: server.sip.ip(),
        dial: NUMBER.to_owned(),
        calls: arguments.calls,
        cps: 25.0,
        time: Duration::from_secs(arguments.seconds),
        short: false,
        press: None,
        agents,
        law: Law::A,
        silent: false,
        engines: 1,
        wire: arguments.wire,
        server_pid: Some(server.pid()),
    };
    let short = Load {
        calls: SHORT_CALLS,
        cps: SHORT_CPS,
        time: Duration::from_secs(1),
        short: true,
        silent: true,
        ..whole.clone()
    };
    let (cpu, began) = (calls_cpu()?, tokio::time::Instant::now());
    let threads = procstat::threads(server.pid(), "calls")?;
    let outcome = load::run(&short).await?;
    let spent = (calls_cpu()? - cpu).as_secs_f64() - at_rest * began.elapsed().as_secs_f64();
    calls::print(&short, &outcome);
    bench.good &= outcome.failed.is_empty();
    let us = spent.max(0.0) * 1e6 / f64::from(short.calls);
    // With ports, music and a recording; what signalling alone costs says `signaling`.
    bench.note("CPU per two-legged call without audio, whole process", us, "µs", None)?;
    for (thread, cpu) in procstat::threads(server.pid(), "calls")? {
        let spent = cpu.saturating_sub(threads.get(&thread).copied().unwrap_or_default());
        let us = spent.as_secs_f64() * 1e6 / f64::from(short.calls);
        if us >= THREAD_US_MIN {
            bench.note(&format!("of it, rest included, thread {thread}"), us, "µs", None)?;
        }
    }
    // Measured again: agents that were just made left memory behind that no call needs.
    let before = procstat::usage(server.pid(), "")?.memory_bytes;
    let outcome = load::run(&whole).await?;
    calls::print(&whole, &outcome);
    calls::append(&bench.file, &bench.name, &outcome)?;
    bench.good &= outcome.is_good();
    note_memory(&mut bench, &outcome, before, arguments.calls)?;
    Ok(bench.good)
}

fn note_memory(bench: &mut Bench, outcome: &Outcome, before: u64, calls: u32) -> Result<()> {
    let grown = outcome.memory_bytes.saturating_sub(before) as f64 / 1e6;
    bench.note("memory per recorded call", grown / f64::from(calls), "MB", Some(CALL_MB_MAX))
}

/// Signs the administrator of a first start in.
///
/// # Errors
/// When the interface does not take it.
pub async fn admin(server: &Server) -> Result<Api> {
    let person = &server.credentials.admin;
    Api::sign_in(&server.http.to_string(), &person.user, &person.password).await
}

/// Makes a queue without wrap-up, an agent for every call in it, and a number that leads there.
///
/// # Errors
/// When the interface refuses one.
pub async fn hire(server: &Server, count: u32) -> Result<Vec<Credential>> {
    let admin = admin(server).await?;
    let queue = json!({"name": "load", "wrap_up_s": 0});
    let queue = admin.post("/api/v1/queues", &queue).await.context("make a queue")?;
    let queue = api::id(&queue["id"]).context("a queue has an id")?;
    let number = json!({"digits": NUMBER, "target": {"queue": queue}});
    admin.post("/api/v1/numbers", &number).await.context("make a number")?;
    let bar = ProgressBar::new(u64::from(count)).with_style(
        ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} agents")?
            .progress_chars("=> "),
    );
    let (mut agents, mut ids) = (Vec::new(), Vec::new());
    for n in 0..count {
        let user = (FIRST_AGENT + n).to_string();
        let new = json!({"number": user, "name": format!("load {n}"), "queues": [queue]});
        let made = admin.post("/api/v1/agents", &new).await.context("make an agent")?;
        let id = api::id(&made["id"]).context("an agent has an id")?;
        let password = made["password"].as_str().context("an agent has a password")?.to_owned();
        ids.push(id);
        agents.push(Credential { user, password });
        bar.inc(1);
    }
    bar.finish_and_clear();
    for id in &ids {
        sign_in(&admin, id).await?;
    }
    Ok(agents)
}

/// The switch hears of a new agent a moment after the store.
async fn sign_in(admin: &Api, agent: &str) -> Result<()> {
    let mut tries = 0;
    loop {
        let answer = admin.post(&state(agent), &json!({"action": "sign_in"})).await;
        tries += 1;
        match answer {
            Ok(_) => return Ok(()),
            Err(error) if tries >= SIGN_IN_TRIES => return Err(error.context("sign in")),
            Err(_) => tokio::time::sleep(SIGN_IN_EVERY).await,
        }
    }
}

fn state(agent: &str) -> String {
    format!("/api/v1/agents/{agent}/state")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_does_not_hold_makes_the_bench_fail() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.jsonl");
        let mut bench = Bench { name: "b".into(), file, good: true };
        bench.note("memory", 119.0, "MB", Some(IDLE_MB_MAX)).unwrap();
        bench.note("delay", 5.0, "ms", None).unwrap();
        assert!(bench.good);
        bench.note("memory", 121.0, "MB", Some(IDLE_MB_MAX)).unwrap();
        assert!(!bench.good);
        assert_eq!(std::fs::read_to_string(&bench.file).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_rate_is_met_at_its_edge_and_missed_below() {
        assert!(Limit::Least(1_000.0).verdict(1_000.0).0);
        let (holds, words) = Limit::Least(1_000.0).verdict(999.9);
        assert!(!holds && words.contains("at least 1000: EXCEEDED"), "{words}");
        assert_eq!(Limit::None.verdict(f64::MAX), (true, String::new()));
    }

    #[test]
    fn a_good_figure_does_not_make_up_for_one_that_missed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.jsonl");
        let mut bench = Bench { name: "b".into(), file, good: true };
        let whole = Figure::new("b", "whole", 300.0, "µs").beside("peer", 2_000.0);
        bench.judge(&whole, Limit::Most(250.0)).unwrap();
        bench.judge(&Figure::new("b", "own", 80.0, "µs"), Limit::Most(100.0)).unwrap();
        assert!(!bench.good);
    }

    #[test]
    fn a_peer_that_needs_less_is_told_and_is_no_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.jsonl");
        let mut bench = Bench { name: "b".into(), file, good: true };
        let whole = Figure::new("b", "whole", 200.0, "µs").beside("peer", 100.0);
        bench.judge(&whole, Limit::Most(250.0)).unwrap();
        bench.note("of the peer's", whole.ratio.expect("there is a peer"), "", None).unwrap();
        assert!(bench.good);
        let told = std::fs::read_to_string(&bench.file).unwrap();
        assert!(told.contains("peer") && told.contains("2.0"), "{told}");
    }
}
