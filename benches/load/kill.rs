//! `switchgrid-load kill`: a switch of its own on an empty folder with live, recorded conversations,
//! whose call process is killed in the middle. A call survives when both sides hear each other again
//! and hang up by themselves; a gap is the longest silence between two frames of one voice. A recording
//! goes on when what was repaired of it is followed by another part.

use crate::api::{self, Api};
use crate::bench::{self, Bench, NUMBER};
use crate::field::{Field, News, Order, Setup};
use crate::load;
use crate::own::{self, Wave};
use crate::script::{Handling, Step, Then};
use crate::server::Server;
use crate::sip::digest::Credential;
use anyhow::{Context, Result};
use benches::media::rtp::Heard;
use benches::media::wire::Choice;
use benches::procstat;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

/// New calls in a second.
const CPS: f64 = 25.0;
/// All calls are up for so long before the kill, and after it.
const BEFORE: Duration = Duration::from_secs(4);
const AFTER: Duration = Duration::from_secs(12);
/// Calls that should have ended are waited for this long.
const STRAGGLERS: Duration = Duration::from_secs(3);
/// Whoever heard nobody for so long at the end was not heard again.
const SILENT_US_MAX: u64 = 1_000_000;
/// The last records come within this time.
const RECORDS_MAX: Duration = Duration::from_secs(30);

/// Limits of the figures.
const LOST_PERCENT_MAX: f64 = 1.0;
const GAP_MS_MAX: f64 = 2_000.0;
const LONG_GAP_MS_MAX: f64 = 3_000.0;

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Conversations at a time.
    #[arg(long, default_value_t = 200)]
    calls: u32,
    /// Kills, each in the middle of conversations of its own.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How packets reach the kernel on our side.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

/// What came of some rounds.
#[derive(Default)]
pub struct Sum {
    /// Calls that were up.
    pub placed: u32,
    /// Those in which both were heard until the end.
    pub survived: u32,
    damaged: u64,
    /// Of each leg that was heard again, in µs.
    gaps_us: Vec<u64>,
    /// Why calls ended, one entry a call that was lost.
    pub lost: Vec<String>,
}

impl Sum {
    fn lost_percent(&self) -> f64 {
        100.0 * f64::from(self.placed - self.survived) / f64::from(self.placed.max(1))
    }

    /// A share of the gaps is at most this, in ms.
    fn gap_ms(&mut self, share: f64) -> f64 {
        self.gaps_us.sort_unstable();
        let last = self.gaps_us.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        self.gaps_us.get(at).map_or(0.0, |&us| us as f64 / 1e3)
    }
}

/// Of one round: who heard whom until the end.
#[derive(Default)]
pub struct Round {
    /// What was wrong with a caller's side; nothing when it was as it should be.
    callers: HashMap<u32, Option<String>>,
    /// Callers that an agent heard until the end.
    heard: HashSet<u32>,
    damaged: u64,
    gaps_us: Vec<u64>,
}

impl Round {
    /// Notes a leg; whether the other side was heard until its end.
    fn leg(&mut self, heard: &Heard) -> bool {
        self.damaged += heard.frames_damaged;
        let speaks = heard.speaker.is_some()
            && heard.closed_at_us.saturating_sub(heard.speaker_at_us) < SILENT_US_MAX;
        if speaks {
            self.gaps_us.push(heard.gap_us_max);
        }
        speaks
    }

    /// Notes what a call or a phone came to.
    pub fn add(&mut self, news: News) {
        match news {
            News::Ended(report) => {
                let speaks = self.leg(&report.heard);
                let why = match (&report.failed, report.status) {
                    (Some(why), _) => Some(why.clone()),
                    (None, 200) => (!speaks).then(|| "the agent was not heard again".into()),
                    (None, status) => Some(format!("refused with {status}")),
                };
                self.callers.insert(report.id, why);
            }
            News::AgentFree { customer, heard, .. } => {
                if self.leg(&heard) {
                    self.heard.extend(customer);
                }
            }
            // A phone that has to register again does; one that may not is not called any more.
            News::Registered { .. } => {}
        }
    }

    /// So many calls were up: adds what came of each.
    pub fn end(self, calls: u32, sum: &mut Sum) {
        sum.placed += calls;
        sum.damaged += self.damaged;
        sum.gaps_us.extend(self.gaps_us);
        for id in 1..=calls {
            let why = match self.callers.get(&id) {
                None => Some("the caller's leg never ended".to_owned()),
                Some(Some(why)) => Some(why.clone()),
                Some(None) if self.heard.contains(&id) => None,
                Some(None) => Some("the caller was not heard again".to_owned()),
            };
            sum.survived += u32::from(why.is_none());
            sum.lost.extend(why);
        }
    }
}

/// Runs it. False when a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    own::with_switch("", async |server, _| measure(arguments, server).await)
}

async fn measure(arguments: &Arguments, server: &Server) -> Result<bool> {
    let mut bench = Bench::named(format!("kill-{}-calls", arguments.calls))?;
    let agents = bench::hire(server, arguments.calls).await?;
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} kills")?;
    let bar = ProgressBar::new(u64::from(arguments.rounds)).with_style(style.progress_chars("=> "));
    let mut sum = Sum::default();
    for n in 0..arguments.rounds {
        let round = round(arguments, server, &agents, n).await?;
        round.end(arguments.calls, &mut sum);
        bar.inc(1);
    }
    bar.finish_and_clear();
    for reason in counted(std::mem::take(&mut sum.lost)) {
        println!("{:>6} × {}", reason.1, reason.0);
    }
    let admin = bench::admin(server).await?;
    let (rows, calls) = records(&admin, sum.placed).await?;
    let kept = go_on(&admin, sum.placed).await?;
    let ended = f64::from(sum.placed.saturating_sub(kept));
    let (missing, twice) = (sum.placed.saturating_sub(calls), rows.saturating_sub(calls));
    bench.note("calls live at a kill", f64::from(sum.placed), "calls", None)?;
    bench.note("calls lost", sum.lost_percent(), "%", Some(LOST_PERCENT_MAX))?;
    let median = sum.gap_ms(0.5);
    bench.note("gap of a voice, p50", median, "ms", None)?;
    let most = sum.gap_ms(0.95);
    bench.note("gap of a voice, p95", most, "ms", Some(GAP_MS_MAX))?;
    let long = sum.gap_ms(0.99);
    bench.note("gap of a voice, p99", long, "ms", Some(LONG_GAP_MS_MAX))?;
    let longest = sum.gap_ms(1.0);
    bench.note("gap of a voice, longest", longest, "ms", None)?;
    bench.note("frames damaged", sum.damaged as f64, "frames", Some(0.0))?;
    bench.note("recordings that went on", f64::from(kept), "calls", None)?;
    let share = 100.0 * ended / f64::from(sum.placed.max(1));
    bench.note("recordings that did not", share, "%", Some(LOST_PERCENT_MAX))?;
    bench.note("calls without a record", f64::from(missing), "calls", Some(0.0))?;
    bench.note("calls recorded twice", f64::from(twice), "calls", Some(0.0))?;
    Ok(bench.good)
}

async fn round(
    arguments: &Arguments,
    server: &Server,
    agents: &[Credential],
    n: u32,
) -> Result<Round> {
    let speakers = own::speakers(server, arguments.wire);
    let seed = speakers.seed + u64::from(n) * 2;
    let mut field = Field::start(Setup { seed, ..speakers })?;
    load::register(&mut field, agents).await?;
    let wave = Wave { calls: arguments.calls, cps: CPS, began: Instant::now() };
    let ends = wave.all_up() + BEFORE + AFTER;
    let mut round = Round::default();
    wave.place(&mut field, ends, &mut round).await?;
    listen_until(&mut field, wave.all_up() + BEFORE, &mut round).await?;
    let pid = procstat::find(server.pid(), "calls").context("the switch has a call process")?;
    kill(pid);
    listen_until(&mut field, ends + STRAGGLERS, &mut round).await?;
    own::leave(field, &mut round).await?;
    Ok(round)
}

/// A call that is up for so long and that nobody passes on.
pub fn order(id: u32, time: Duration) -> Order {
    let steps = vec![Step::Wait(time), Step::HangUp];
    let handling = vec![Handling { talk: time, then: Then::Stay }];
    Order { id, from: format!("139{id:08}"), to: NUMBER.to_owned(), steps, handling }
}

/// Notes what is told until then.
///
/// # Errors
/// When the field ends before.
pub async fn listen_until(field: &mut Field, until: Instant, round: &mut Round) -> Result<()> {
    while let Ok(news) = tokio::time::timeout_at(until, field.news()).await {
        round.add(news.context("the field ended")?);
    }
    Ok(())
}

fn kill(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: the call takes two numbers; a process that is gone is not an error for us.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

/// Rows of answered calls, and how many calls those are, once all are there.
///
/// # Errors
/// When the question is refused.
pub async fn records(admin: &Api, wanted: u32) -> Result<(u32, u32)> {
    let question = "SELECT count(*) AS n, count(DISTINCT call_id) AS calls FROM calls \
                    WHERE outcome = 'answered'";
    let began = Instant::now();
    loop {
        let rows = admin.sql(question).await?;
        let row = rows.first().context("a count is a row")?;
        let count = |column| api::number(row, column).and_then(|n| u32::try_from(n).ok());
        let (n, calls) = count("n").zip(count("calls")).context("two counts")?;
        if calls >= wanted || began.elapsed() > RECORDS_MAX {
            return Ok((n, calls));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Calls with a part that was repaired and one that was written after it, once all are there.
async fn go_on(admin: &Api, wanted: u32) -> Result<u32> {
    let question = "SELECT count(*) AS n FROM (SELECT call_id FROM recordings \
                    WHERE path IS NOT NULL GROUP BY call_id \
                    HAVING min(CASE WHEN state = 'repaired' THEN started_at END) \
                    < max(CASE WHEN state <> 'repaired' THEN started_at END)) AS parts";
    let began = Instant::now();
    loop {
        let rows = admin.sql(question).await?;
        let count = rows.first().and_then(|row| api::number(row, "n"));
        let count = count.and_then(|n| u32::try_from(n).ok()).context("a count is a row")?;
        if count >= wanted || began.elapsed() > RECORDS_MAX {
            return Ok(count);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Each reason once, with how often.
fn counted(mut reasons: Vec<String>) -> Vec<(String, usize)> {
    reasons.sort();
    reasons.chunk_by(|a, b| a == b).map(|same| (same[0].clone(), same.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Report;

    fn heard(gap_us_max: u64, silent_us: u64) -> Heard {
        let (speaker, closed_at_us) = (Some(7), 9_000_000);
        let speaker_at_us = closed_at_us - silent_us;
        Heard { speaker, gap_us_max, closed_at_us, speaker_at_us, ..Heard::default() }
    }

    fn ended(id: u32, heard: Heard) -> News {
        News::Ended(Box::new(Report { id, status: 200, heard, ..Report::default() }))
    }

    fn free(customer: u32, heard: Heard) -> News {
        let (user, heard) = ("1001".into(), Box::new(heard));
        News::AgentFree { user, customer: Some(customer), heard, said: 1 }
    }

    #[test]
    fn a_call_survives_when_both_are_heard_until_the_end() {
        let mut round = Round::default();
        round.add(ended(1, heard(600_000, 20_000)));
        round.add(free(1, heard(700_000, 20_000)));
        // The second caller heard nobody again, the third was not heard, the fourth never ended.
        round.add(ended(2, heard(20_000, 5_000_000)));
        round.add(free(2, heard(800_000, 20_000)));
        round.add(ended(3, heard(900_000, 20_000)));
        let mut sum = Sum::default();
        round.end(4, &mut sum);
        assert_eq!((sum.placed, sum.survived), (4, 1));
        assert_eq!(sum.lost_percent(), 75.0);
        assert_eq!(sum.gap_ms(1.0), 900.0);
        assert_eq!(sum.gap_ms(0.0), 600.0);
        assert_eq!(counted(sum.lost).len(), 3);
    }
}
