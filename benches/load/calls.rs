//! `switchgrid-load calls`: so many calls at a time for so long, and a table of what came of them.

use crate::field::{Field, News, Order, Report, Setup};
use crate::media::g711::Law;
use crate::media::rtp::Heard;
use crate::media::wire::Choice;
use crate::procstat::{self, Usage};
use crate::script::{Handling, Step, Then};
use crate::sip::digest::Credential;
use crate::voices;
use anyhow::{Context, Result, ensure};
use benches::results::{self, Figure};
use comfy_table::{Table, presets};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

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
    /// Calls at a time.
    #[arg(long, default_value_t = 10)]
    calls: u32,
    /// New calls per second.
    #[arg(long, default_value_t = 10.0)]
    cps: f64,
    /// How long each call lasts, in seconds, once all are up.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Keys to press after the answer, such as 0.
    #[arg(long)]
    press: Option<String>,
    /// How long to wait before the keys, in milliseconds.
    #[arg(long, default_value_t = 500)]
    press_after_ms: u64,
    /// Agents' phones to register: a file with a line `user password` each.
    #[arg(long, value_name = "FILE")]
    agents: Option<PathBuf>,
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

/// What all calls together came to.
#[derive(Default)]
struct Sum {
    answered: u64,
    bridged: u64,
    heard_by_agents: u64,
    failed: Vec<String>,
    heard: Heard,
    said: u64,
    setup: Vec<Duration>,
}

impl Sum {
    fn add_report(&mut self, report: &Report) {
        self.answered += u64::from(report.status == 200);
        self.bridged += u64::from(!report.agents.is_empty());
        if report.status == 200 {
            self.setup.push(report.setup);
        }
        let why = match (&report.failed, report.status) {
            (Some(why), _) => Some(why.clone()),
            (None, 200) => None,
            (None, status) => Some(format!("refused with {status}")),
        };
        self.failed.extend(why);
        self.add_leg(&report.heard, report.said);
    }

    fn add_leg(&mut self, heard: &Heard, said: u32) {
        self.said += u64::from(said);
        self.heard.packets += heard.packets;
        self.heard.missing += heard.missing;
        self.heard.late += heard.late;
        self.heard.frames += heard.frames;
        self.heard.frames_lost += heard.frames_lost;
        self.heard.frames_damaged += heard.frames_damaged;
        self.heard.other += heard.other;
    }
}

/// Runs it. False when a call failed or a frame was lost or damaged.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.cps > 0.0, "--cps must be above 0");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(load(arguments))
}

async fn load(arguments: &Arguments) -> Result<bool> {
    let law = match arguments.codec {
        Codec::Pcma => Law::A,
        Codec::Pcmu => Law::Mu,
    };
    let mut field = Field::start(Setup {
        server: arguments.server,
        ip: arguments.local,
        law,
        engines: arguments.engines,
        wire: arguments.wire,
        seed: u64::from(std::process::id()),
        customer: voices::customer(law),
        agent: voices::agent(law),
    })?;
    let wire = field.wire;
    register(&mut field, arguments).await?;
    let ramp = Duration::from_secs_f64(f64::from(arguments.calls) / arguments.cps);
    let began = Instant::now();
    let ends = began + ramp + Duration::from_secs(arguments.seconds);
    let mut sum = Sum::default();
    let mut placed = 0;
    while placed < arguments.calls {
        let at = began + Duration::from_secs_f64(f64::from(placed) / arguments.cps);
        listen_until(&mut field, at, &mut sum).await?;
        placed += 1;
        field.place(order(arguments, placed, ends - Instant::now()));
    }
    let before = Instant::now();
    let usage_before = usage(arguments)?;
    listen_until(&mut field, ends - Duration::from_millis(200), &mut sum).await?;
    let (steady, usage_after) = (before.elapsed(), usage(arguments)?);
    listen_until(&mut field, ends + Duration::from_secs(2), &mut sum).await?;
    field.clear();
    listen_until(&mut field, Instant::now() + Duration::from_millis(300), &mut sum).await?;
    let totals = tokio::task::spawn_blocking(move || field.stop()).await??;
    let mut figures = Figures::new(arguments, wire);
    figures.add("calls placed", f64::from(placed), "calls");
    figures.add("calls answered", sum.answered as f64, "calls");
    figures.add("callers who heard an agent", sum.bridged as f64, "calls");
    figures.add("agents who heard a caller", sum.heard_by_agents as f64, "calls");
    sum.setup.sort();
    if let Some(median) = sum.setup.get(sum.setup.len() / 2) {
        figures.add("time to answer, median", median.as_secs_f64() * 1e3, "ms");
    }
    figures.add("packets sent", totals.sent as f64, "packets");
    figures.add("packets received", sum.heard.packets as f64, "packets");
    figures.add("sequence numbers missing", sum.heard.missing as f64, "packets");
    figures.add("stamped frames sent", sum.said as f64, "frames");
    figures.add("stamped frames received", sum.heard.frames as f64, "frames");
    figures.add("stamped frames lost", sum.heard.frames_lost as f64, "frames");
    figures.add("stamped frames damaged", sum.heard.frames_damaged as f64, "frames");
    figures.add("delays measured", totals.delays.count() as f64, "frames");
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let ms = totals.delays.quantile_us(share) as f64 / 1e3;
        figures.add(&format!("delay added, {name}"), ms, "ms");
    }
    figures.add("delay added, longest", totals.delays.longest_us() as f64 / 1e3, "ms");
    figures.add("generator late at most", totals.late_us_max as f64 / 1e3, "ms");
    figures.add("packets the generator could not send", totals.unsent as f64, "packets");
    if let (Some(before), Some(after)) = (usage_before, usage_after) {
        let cpu = after.cpu.saturating_sub(before.cpu);
        let forwarded = f64::from(arguments.calls) * 2.0 * 50.0 * steady.as_secs_f64();
        figures.add("switch CPU", 100.0 * cpu.as_secs_f64() / steady.as_secs_f64(), "% of a core");
        figures.add("switch CPU per packet", cpu.as_secs_f64() * 1e6 / forwarded, "µs");
        figures.add("switch memory", after.memory_bytes as f64 / 1e6, "MB");
    }
    figures.print();
    figures.append()?;
    let mut reasons: Vec<String> = sum.failed;
    reasons.sort();
    for reason in reasons.chunk_by(|a, b| a == b) {
        println!("{:>6} × {}", reason.len(), reason[0]);
    }
    Ok(reasons.is_empty() && sum.heard.frames_lost == 0 && sum.heard.frames_damaged == 0)
}

async fn register(field: &mut Field, arguments: &Arguments) -> Result<()> {
    let Some(file) = &arguments.agents else { return Ok(()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let agents = parse_agents(&text)?;
    let count = agents.len();
    field.register(agents);
    for _ in 0..count {
        let news = tokio::time::timeout(Duration::from_secs(40), field.news()).await;
        match news.context("the phones did not register in time")? {
            Some(News::Registered { user, status }) => {
                ensure!(status == 200, "the phone of {user} was refused with {status}");
            }
            other => anyhow::bail!("before the phones were registered came {other:?}"),
        }
    }
    println!("{count} agents' phones are registered");
    Ok(())
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

fn order(arguments: &Arguments, id: u32, left: Duration) -> Order {
    let mut steps = Vec::new();
    if let Some(keys) = &arguments.press {
        let wait = Duration::from_millis(arguments.press_after_ms);
        steps.extend([Step::Wait(wait), Step::Press(keys.clone())]);
    }
    steps.extend([Step::Wait(left), Step::HangUp]);
    let handling = Handling { talk: left, then: Then::Stay };
    Order {
        id,
        from: format!("139{id:08}"),
        to: arguments.dial.clone(),
        steps,
        handling: vec![handling],
    }
}

async fn listen_until(field: &mut Field, until: Instant, sum: &mut Sum) -> Result<()> {
    while let Ok(news) = tokio::time::timeout_at(until, field.news()).await {
        match news.context("the field ended")? {
            News::Ended(report) => sum.add_report(&report),
            News::AgentFree { customer, heard, said, .. } => {
                sum.heard_by_agents += u64::from(customer.is_some());
                sum.add_leg(&heard, said);
            }
            News::Registered { user, status } => {
                ensure!(status == 200, "the phone of {user} lost its registration: {status}");
            }
        }
    }
    Ok(())
}

fn usage(arguments: &Arguments) -> Result<Option<Usage>> {
    arguments.server_pid.map(procstat::usage).transpose()
}

struct Figures<'a> {
    arguments: &'a Arguments,
    wire: &'static str,
    rows: Vec<(String, f64, &'static str)>,
}

impl<'a> Figures<'a> {
    fn new(arguments: &'a Arguments, wire: &'static str) -> Self {
        Figures { arguments, wire, rows: Vec::new() }
    }

    fn add(&mut self, name: &str, value: f64, unit: &'static str) {
        self.rows.push((name.to_owned(), value, unit));
    }

    fn print(&self) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        let Arguments { calls, cps, seconds, .. } = self.arguments;
        let what = format!("{calls} calls, {cps}/s, {seconds} s, {}", self.wire);
        table.set_header([what.as_str(), "", ""]);
        for (name, value, unit) in &self.rows {
            let digits = if value.fract() == 0.0 { 0 } else { 2 };
            table.add_row([name.clone(), format!("{value:.digits$}"), (*unit).to_owned()]);
        }
        println!("{table}");
    }

    fn append(&self) -> Result<()> {
        let Some(file) = &self.arguments.results else { return Ok(()) };
        let bench = format!("load-{}-calls", self.arguments.calls);
        for (metric, value, unit) in &self.rows {
            let figure = Figure::new(&bench, metric, *value, unit);
            results::append(file, &figure)
                .with_context(|| format!("append to {}", file.display()))?;
        }
        Ok(())
    }
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

    #[test]
    fn a_refused_call_counts_as_failed_and_a_good_one_does_not() {
        let mut sum = Sum::default();
        sum.add_report(&Report { status: 503, ..Report::default() });
        sum.add_report(&Report { status: 200, agents: vec![1], ..Report::default() });
        assert_eq!((sum.answered, sum.bridged), (1, 1));
        assert_eq!(sum.failed, ["refused with 503"]);
    }
}
