//! So many calls at a time for so long, and the figures that come of it.

use crate::field::{Field, News, Order, Report, Setup};
use crate::script::{Handling, Step, Then};
use crate::sip::digest::Credential;
use anyhow::{Context, Result, bail, ensure};
use benches::media::engine::Totals;
use benches::media::g711::Law;
use benches::media::rtp::Heard;
use benches::media::wire::Choice;
use benches::procstat::{self, Usage};
use benches::voices;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;

/// Phones register and register again within this time.
const REGISTER_MAX: Duration = Duration::from_secs(60);
/// Calls that should have ended are waited for this long.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Clone)]
pub struct Load {
    /// The switch.
    pub server: SocketAddr,
    /// Our address.
    pub local: IpAddr,
    /// Number to dial.
    pub dial: String,
    /// Calls at a time.
    pub calls: u32,
    /// New calls per second.
    pub cps: f64,
    /// How long the last call lasts; with `short`, every call.
    pub time: Duration,
    /// Each call ends by itself after `time`, so that they follow one another.
    pub short: bool,
    /// Keys to press, and how long after the answer.
    pub press: Option<(Duration, String)>,
    /// Agents' phones.
    pub agents: Vec<Credential>,
    /// What is spoken.
    pub law: Law,
    /// Nobody speaks.
    pub silent: bool,
    /// Media threads.
    pub engines: usize,
    /// How packets reach the kernel.
    pub wire: Choice,
    /// The switch's process, to be measured.
    pub server_pid: Option<u32>,
}

/// What came of it.
pub struct Outcome {
    /// How packets reached the kernel.
    pub wire: &'static str,
    /// Name, value and unit.
    pub figures: Vec<(String, f64, &'static str)>,
    /// Why calls failed, one entry a call, sorted.
    pub failed: Vec<String>,
    /// Stamped frames that were lost or damaged.
    pub frames_bad: u64,
    /// CPU time of the switch while all calls were up, or of all calls with `short`.
    pub cpu: Duration,
    /// Over this time.
    pub measured: Duration,
    /// Memory of the switch while all calls were up.
    pub memory_bytes: u64,
}

impl Outcome {
    /// Every call was answered and ended as meant, and every frame came through.
    pub fn is_good(&self) -> bool {
        self.failed.is_empty() && self.frames_bad == 0
    }
}

/// What is told of calls and phones, added up.
#[derive(Default)]
pub struct Sum {
    /// Calls that were answered.
    pub answered: u64,
    /// Callers who heard an agent.
    pub heard_agent: u64,
    /// Agents who heard a caller.
    pub heard_by_agents: u64,
    /// Why calls failed, one entry a call.
    pub failed: Vec<String>,
    /// What was heard on all legs.
    pub heard: Heard,
    said: u64,
    /// From each INVITE to its answer.
    pub setup: Vec<Duration>,
}

impl Sum {
    /// Adds one.
    ///
    /// # Errors
    /// When a phone is not registered any more.
    pub fn add(&mut self, news: News) -> Result<()> {
        match news {
            News::Ended(report) => self.add_report(&report),
            News::AgentFree { customer, heard, said, .. } => {
                self.heard_by_agents += u64::from(customer.is_some());
                self.add_leg(&heard, said);
            }
            News::Registered { user, status } => {
                ensure!(status == 200, "the phone of {user} lost its registration: {status}");
            }
        }
        Ok(())
    }

    fn add_report(&mut self, report: &Report) {
        self.answered += u64::from(report.status == 200);
        self.heard_agent += u64::from(!report.agents.is_empty());
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
        self.heard.frames += heard.frames;
        self.heard.frames_lost += heard.frames_lost;
        self.heard.frames_damaged += heard.frames_damaged;
    }
}

/// Runs it.
///
/// # Errors
/// What kept it from running.
pub async fn run(load: &Load) -> Result<Outcome> {
    ensure!(load.cps > 0.0, "calls per second must be above 0");
    let mut field = Field::start(Setup {
        server: load.server,
        ip: load.local,
        law: load.law,
        engines: load.engines,
        wire: load.wire,
        seed: u64::from(std::process::id()),
        customer: voices::customer(load.law),
        agent: voices::agent(load.law),
        silent: load.silent,
    })?;
    register(&mut field, &load.agents).await?;
    let mut sum = Sum::default();
    let began = Instant::now();
    let first = usage(load)?;
    let ends = began + Duration::from_secs_f64(f64::from(load.calls) / load.cps) + load.time;
    for n in 0..load.calls {
        let at = began + Duration::from_secs_f64(f64::from(n) / load.cps);
        listen_until(&mut field, at, &mut sum).await?;
        let time = if load.short { load.time } else { ends - Instant::now() };
        field.place(order(load, n + 1, time));
    }
    let own_before = own_cpu();
    let (from, before) = if load.short { (began, first) } else { (Instant::now(), usage(load)?) };
    listen_until(&mut field, ends - Duration::from_millis(200), &mut sum).await?;
    let (measured, after) = (from.elapsed(), usage(load)?);
    let own = own_cpu().saturating_sub(own_before);
    listen_until(&mut field, ends + STRAGGLERS, &mut sum).await?;
    field.clear();
    listen_until(&mut field, Instant::now() + Duration::from_millis(300), &mut sum).await?;
    let wire = field.wire;
    let totals = tokio::task::spawn_blocking(move || field.stop()).await??;
    let mut outcome = Outcome {
        wire,
        figures: figures(load, &mut sum, &totals),
        failed: sum.failed,
        frames_bad: sum.heard.frames_lost + sum.heard.frames_damaged,
        cpu: after.cpu.saturating_sub(before.cpu),
        measured,
        memory_bytes: after.memory_bytes,
    };
    outcome.failed.sort();
    if load.server_pid.is_some() {
        outcome.add_usage(load, own, first.memory_bytes);
    }
    Ok(outcome)
}

impl Outcome {
    /// What the switch used while all calls were up, and the generator apart from it.
    fn add_usage(&mut self, load: &Load, own: Duration, idle_bytes: u64) {
        let calls = f64::from(load.calls);
        let share = 100.0 * self.cpu.as_secs_f64() / self.measured.as_secs_f64();
        self.figures.push(("switch CPU".into(), share, "% of a core"));
        if !load.short && !load.silent {
            // Fifty packets a second each way, forwarded and recorded.
            let packets = calls * 2.0 * 50.0 * self.measured.as_secs_f64();
            let us = |cpu: Duration| cpu.as_secs_f64() * 1e6 / packets;
            let full = calls * 100.0 / share.max(1e-9);
            let grown = self.memory_bytes.saturating_sub(idle_bytes) as f64 / 1e3 / calls;
            self.figures.extend([
                ("switch CPU per packet".to_owned(), us(self.cpu), "µs"),
                ("generator CPU per packet".to_owned(), us(own), "µs"),
                ("calls that would fill a core".to_owned(), full, "calls"),
                ("switch memory per call".to_owned(), grown, "kB"),
            ]);
        }
        self.figures.push(("switch memory".into(), self.memory_bytes as f64 / 1e6, "MB"));
    }
}

fn figures(load: &Load, sum: &mut Sum, totals: &Totals) -> Vec<(String, f64, &'static str)> {
    sum.setup.sort();
    let setup = sum.setup.get(sum.setup.len() / 2).copied().unwrap_or_default();
    let heard = &sum.heard;
    let counts = [
        ("calls placed", u64::from(load.calls), "calls"),
        ("calls answered", sum.answered, "calls"),
        ("callers who heard an agent", sum.heard_agent, "calls"),
        ("agents who heard a caller", sum.heard_by_agents, "calls"),
        ("packets sent", totals.sent, "packets"),
        ("packets received", heard.packets, "packets"),
        ("sequence numbers missing", heard.missing, "packets"),
        ("stamped frames sent", sum.said, "frames"),
        ("stamped frames received", heard.frames, "frames"),
        ("stamped frames lost", heard.frames_lost, "frames"),
        ("stamped frames damaged", heard.frames_damaged, "frames"),
        ("delays measured", totals.delays.count(), "frames"),
        ("packets the generator could not send", totals.unsent, "packets"),
    ];
    let us = |share: f64| totals.delays.quantile_us(share);
    let times = [
        ("time to answer, median", setup.as_micros() as u64),
        ("delay added, p50", us(0.5)),
        ("delay added, p99", us(0.99)),
        ("delay added, p99.9", us(0.999)),
        ("delay added, longest", totals.delays.longest_us()),
        ("generator late at most", totals.late_us_max),
    ];
    let counts = counts.map(|(name, count, unit)| (name.to_owned(), count as f64, unit));
    let times = times.map(|(name, us)| (name.to_owned(), us as f64 / 1e3, "ms"));
    counts.into_iter().chain(times).collect()
}

/// Registers agents' phones and waits for all of them.
///
/// # Errors
/// When one is refused, or not all are heard of in time.
pub async fn register(field: &mut Field, agents: &[Credential]) -> Result<()> {
    field.register(agents.to_vec());
    for _ in agents {
        let news = tokio::time::timeout(REGISTER_MAX, field.news()).await;
        match news.context("the phones did not register in time")? {
            Some(News::Registered { user, status }) => {
                ensure!(status == 200, "the phone of {user} was refused with {status}");
            }
            other => bail!("before the phones were registered came {other:?}"),
        }
    }
    Ok(())
}

fn order(load: &Load, id: u32, time: Duration) -> Order {
    let mut steps = Vec::new();
    if let Some((wait, keys)) = &load.press {
        steps.extend([Step::Wait(*wait), Step::Press(keys.clone())]);
    }
    steps.extend([Step::Wait(time), Step::HangUp]);
    let handling = vec![Handling { talk: time, then: Then::Stay }];
    Order { id, from: format!("139{id:08}"), to: load.dial.clone(), steps, handling }
}

/// Adds up what is told until then.
///
/// # Errors
/// When the field ends before, or a phone is not registered any more.
pub async fn listen_until(field: &mut Field, until: Instant, sum: &mut Sum) -> Result<()> {
    while let Ok(news) = tokio::time::timeout_at(until, field.news()).await {
        sum.add(news.context("the field ended")?)?;
    }
    Ok(())
}

/// CPU time of this process alone: the switch may be a child of it.
fn own_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours that lives through the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "every Linux counts what a process uses");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn usage(load: &Load) -> Result<Usage> {
    load.server_pid.map_or(Ok(Usage::default()), |pid| procstat::usage(pid, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_switch_used_is_divided_by_packets_calls_and_cores() {
        let mut load = load_of(200);
        let mut outcome = Outcome {
            wire: "epoll",
            figures: Vec::new(),
            failed: Vec::new(),
            frames_bad: 0,
            cpu: Duration::from_secs(1),
            measured: Duration::from_secs(10),
            memory_bytes: 90_000_000,
        };
        outcome.add_usage(&load, Duration::from_millis(500), 80_000_000);
        let figure = |outcome: &Outcome, name: &str| {
            let found = outcome.figures.iter().find(|(known, ..)| known == name);
            found.map(|(_, value, _)| value.round())
        };
        assert_eq!(figure(&outcome, "switch CPU"), Some(10.0));
        assert_eq!(figure(&outcome, "switch CPU per packet"), Some(5.0), "1 s for 200,000");
        assert_eq!(figure(&outcome, "generator CPU per packet"), Some(3.0));
        assert_eq!(figure(&outcome, "calls that would fill a core"), Some(2_000.0));
        assert_eq!(figure(&outcome, "switch memory per call"), Some(50.0));
        load.silent = true;
        outcome.figures.clear();
        outcome.add_usage(&load, Duration::ZERO, 0);
        assert_eq!(figure(&outcome, "switch CPU per packet"), None, "nobody spoke");
    }

    fn load_of(calls: u32) -> Load {
        Load {
            server: SocketAddr::from(([127, 0, 0, 1], 5060)),
            local: [127, 0, 0, 1].into(),
            dial: "1".into(),
            calls,
            cps: 10.0,
            time: Duration::from_secs(10),
            short: false,
            press: None,
            agents: Vec::new(),
            law: Law::A,
            silent: false,
            engines: 1,
            wire: Choice::Auto,
            server_pid: Some(1),
        }
    }

    #[test]
    fn a_refused_call_counts_as_failed_and_a_good_one_does_not() {
        let mut sum = Sum::default();
        sum.add_report(&Report { status: 503, ..Report::default() });
        sum.add_report(&Report { status: 200, agents: vec![1], ..Report::default() });
        assert_eq!((sum.answered, sum.heard_agent), (1, 1));
        assert_eq!(sum.failed, ["refused with 503"]);
    }
}
