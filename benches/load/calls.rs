//! `switchgrid-load calls`: a load run against anybody's switch, step by step, and a table of what came
//! of each.

use crate::load::{self, Load, Outcome};
use crate::sip::digest::Credential;
use anyhow::{Context, Result};
use benches::media::g711::Law;
use benches::media::wire::Choice;
use benches::results::{self, Figure};
use comfy_table::{Table, presets};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which law is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Codec {
    /// A-law.
    Pcma,
    /// µ-law.
    Pcmu,
}

/// What the load run is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// The switch's SIP address.
    #[arg(long)]
    server: SocketAddr,
    /// Number to dial.
    #[arg(long, default_value = "95105688")]
    dial: String,
    /// Calls at a time, one step each, such as 100,500,1000.
    #[arg(long, value_delimiter = ',', default_values_t = [10])]
    calls: Vec<u32>,
    /// New calls per second.
    #[arg(long, default_value_t = 10.0)]
    cps: f64,
    /// How long all calls stay up together, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Each call lasts `--seconds` only, so that they follow one another.
    #[arg(long)]
    short: bool,
    /// Keys to press after the answer, such as 0.
    #[arg(long)]
    press: Option<String>,
    /// How long to wait before the keys, in milliseconds.
    #[arg(long, default_value_t = 500)]
    press_after_ms: u64,
    /// Agents' phones to register: a file with a line `user password` each.
    #[arg(long, value_name = "FILE")]
    agents: Option<PathBuf>,
    /// Send no audio: signalling alone is measured.
    #[arg(long)]
    silent: bool,
    /// Our address.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    local: IpAddr,
    /// Codec.
    #[arg(long, value_enum, default_value_t = Codec::Pcma)]
    codec: Codec,
    /// Media threads.
    #[arg(long, default_value_t = 1)]
    engines: usize,
    /// How packets reach the kernel.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
    /// The switch's process, to measure its CPU time and memory.
    #[arg(long)]
    server_pid: Option<u32>,
    /// Also append the figures to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

/// Runs it. False when a call failed or a frame was lost or damaged.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let mut all_good = true;
    for calls in &arguments.calls {
        all_good &= step(arguments, *calls)?;
    }
    Ok(all_good)
}

fn step(arguments: &Arguments, calls: u32) -> Result<bool> {
    let load = Load {
        server: arguments.server,
        local: arguments.local,
        dial: arguments.dial.clone(),
        calls,
        cps: arguments.cps,
        time: Duration::from_secs(arguments.seconds),
        short: arguments.short,
        press: arguments
            .press
            .clone()
            .map(|keys| (Duration::from_millis(arguments.press_after_ms), keys)),
        agents: arguments.agents.as_deref().map(read_agents).transpose()?.unwrap_or_default(),
        law: match arguments.codec {
            Codec::Pcma => Law::A,
            Codec::Pcmu => Law::Mu,
        },
        silent: arguments.silent,
        engines: arguments.engines,
        wire: arguments.wire,
        server_pid: arguments.server_pid,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(load::run(&load))?;
    print(&load, &outcome);
    if let Some(file) = &arguments.results {
        append(file, &format!("load-{}-calls", load.calls), &outcome)?;
    }
    Ok(outcome.is_good())
}

/// Prints the table of a run and why calls failed.
pub fn print(load: &Load, outcome: &Outcome) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let Load { calls, cps, time, .. } = load;
    table.set_header([&format!("{calls} calls, {cps}/s, {time:?}, {}", outcome.wire), "", ""]);
    for (name, value, unit) in &outcome.figures {
        let digits = if value.fract() == 0.0 { 0 } else { 2 };
        table.add_row([name, &format!("{value:.digits$}"), *unit]);
    }
    println!("{table}");
    for reason in outcome.failed.chunk_by(|a, b| a == b) {
        println!("{:>6} × {}", reason.len(), reason[0]);
    }
}

/// Appends the figures of a run.
///
/// # Errors
/// When the file cannot be written.
pub fn append(file: &Path, bench: &str, outcome: &Outcome) -> Result<()> {
    for (metric, value, unit) in &outcome.figures {
        let figure = Figure::new(bench, metric, *value, unit);
        results::append(file, &figure).with_context(|| format!("append to {}", file.display()))?;
    }
    Ok(())
}

fn read_agents(file: &Path) -> Result<Vec<Credential>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    parse_agents(&text)
}

fn parse_agents(text: &str) -> Result<Vec<Credential>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (user, password) = line
                .split_once(char::is_whitespace)
                .with_context(|| format!("{line:?} is no line `user password`"))?;
            Ok(Credential { user: user.to_owned(), password: password.trim().to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_a_line_each() {
        let agents = parse_agents("1001 secret one\n\n 1002\tx\n").unwrap();
        assert_eq!(agents[0].password, "secret one");
        assert_eq!(agents[1].user, "1002");
        assert!(parse_agents("1003").unwrap_err().to_string().contains("1003"));
    }
}
