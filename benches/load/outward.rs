//! `switchgrid-load outward`: a switch of its own on an empty folder whose agents call numbers in the
//! country from their phones, each another one, all at a time and recorded. The field plays the
//! phones, and the carrier that the calls go to over a trunk; both sides speak, and each has to hear
//! the other until the phone hangs up.

use crate::bench::{self, Bench, NUMBER};
use crate::field::{Field, News, Order};
use crate::kill::{self, Round};
use crate::load::{self, Sum};
use crate::own;
use crate::script::{Handling, Step, Then};
use crate::server::Server;
use crate::sip::digest::Credential;
use anyhow::{Context, Result, bail, ensure};
use benches::media::wire::Choice;
use benches::procstat;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// New calls in a second.
const CPS: f64 = 20.0;
/// The switch calls over a new trunk within this.
const KNOWN_MAX: Duration = Duration::from_secs(10);
/// The number of the call that finds out, after those of all others.
const FIRST_TRY: u32 = 9_999;
const TRY_EVERY: Duration = Duration::from_millis(200);
/// Calls that should have ended are waited for this long.
const STRAGGLERS: Duration = Duration::from_secs(3);
/// The last records and files come within this.
const RECORDS_MAX: Duration = Duration::from_secs(60);

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Calls at a time.
    #[arg(long, default_value_t = 480)]
    calls: u32,
    /// How long all of them stay up, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How packets reach the kernel on our side.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

/// What came of the calls: who heard whom to the end, and how well.
#[derive(Default)]
struct Calls {
    round: Round,
    sum: Sum,
}

impl Calls {
    async fn listen_until(&mut self, field: &mut Field, until: Instant) -> Result<()> {
        while let Ok(news) = tokio::time::timeout_at(until, field.news()).await {
            let news = news.context("the field ended")?;
            self.round.add(news.clone());
            self.sum.add(news)?;
        }
        Ok(())
    }
}

/// Runs it. False when a call was lost, a frame was, or there is a call without a record.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    own::with_switch("", async |server, _| measure(arguments, server).await)
}

async fn measure(arguments: &Arguments, server: &Server) -> Result<bool> {
    ensure!(arguments.calls < FIRST_TRY, "so many calls have no number each");
    let mut bench = Bench::named(format!("outward-{}-calls", arguments.calls))?;
    let agents = bench::hire(server, arguments.calls).await?;
    let mut field = Field::start_outward(own::speakers(server, arguments.wire))?;
    load::register(&mut field, &agents).await?;
    let admin = bench::admin(server).await?;
    let trunk = json!({
        "name": "carrier", "proxy": format!("sip:{};transport=udp", field.called_at),
        "prefixes": [""], "caller_number": NUMBER, "codecs": ["PCMA"],
    });
    admin.post("/api/v1/trunks", &trunk).await.context("make a trunk")?;
    let tried = until_one_goes_out(&mut field, &agents).await?;
    let mut calls = Calls::default();
    let began = Instant::now();
    let all_up = began + Duration::from_secs_f64(f64::from(arguments.calls) / CPS);
    let ends = all_up + Duration::from_secs(arguments.seconds);
    for (agent, n) in agents.iter().zip(0..) {
        let at = began + Duration::from_secs_f64(f64::from(n) / CPS);
        calls.listen_until(&mut field, at).await?;
        field.place(order(n + 1, agent, ends - Instant::now()));
    }
    calls.listen_until(&mut field, all_up).await?;
    let before = procstat::usage(server.pid(), "")?;
    calls.listen_until(&mut field, ends - Duration::from_millis(200)).await?;
    let after = procstat::usage(server.pid(), "")?;
    calls.listen_until(&mut field, ends + STRAGGLERS).await?;
    field.clear();
    calls.listen_until(&mut field, Instant::now() + Duration::from_millis(500)).await?;
    tokio::task::spawn_blocking(move || field.stop()).await??;
    let share = (after.cpu - before.cpu).as_secs_f64() / arguments.seconds.max(1) as f64;
    bench.note("outward: switch CPU", 100.0 * share, "% of a core", None)?;
    bench.note("outward: switch memory", after.memory_bytes as f64 / 1e6, "MB", None)?;
    note_calls(calls, arguments.calls, &mut bench)?;
    let of = "FROM calls WHERE outcome = 'answered' AND direction = 'outbound'";
    let wanted = arguments.calls + tried;
    let records = format!("SELECT count(DISTINCT call_id) AS n {of}");
    let records = admin.count(&records, wanted, RECORDS_MAX).await?;
    let files = format!(
        "SELECT count(DISTINCT call_id) AS n FROM recordings \
         WHERE path IS NOT NULL AND call_id IN (SELECT call_id {of})"
    );
    let files = admin.count(&files, wanted, RECORDS_MAX).await?;
    let without = |count: u32| f64::from(wanted.saturating_sub(count));
    bench.note("outward: calls without a record", without(records), "calls", Some(0.0))?;
    bench.note("outward: calls without a recording", without(files), "calls", Some(0.0))?;
    Ok(bench.good)
}

fn note_calls(calls: Calls, placed: u32, bench: &mut Bench) -> Result<()> {
    let Calls { round, sum } = calls;
    let mut outcome = kill::Sum::default();
    round.end(placed, &mut outcome);
    outcome.lost.sort();
    for same in outcome.lost.chunk_by(|a, b| a == b) {
        println!("{:>6} × {}", same.len(), same[0]);
    }
    let lost = f64::from(outcome.placed - outcome.survived);
    bench.note("outward: calls held at a time", f64::from(placed), "calls", None)?;
    bench.note("outward: calls lost", lost, "calls", Some(0.0))?;
    let (gone, damaged) = (sum.heard.frames_lost as f64, sum.heard.frames_damaged as f64);
    bench.note("outward: frames lost", gone, "frames", Some(0.0))?;
    bench.note("outward: frames damaged", damaged, "frames", Some(0.0))
}

/// The switch hears of a new trunk a moment after the store: one agent calls until somebody answers.
/// How many calls were answered for it.
async fn until_one_goes_out(field: &mut Field, agents: &[Credential]) -> Result<u32> {
    let first = agents.first().context("somebody calls")?;
    let end = Instant::now() + KNOWN_MAX;
    while Instant::now() < end {
        field.place(order(FIRST_TRY, first, TRY_EVERY));
        let status = loop {
            match tokio::time::timeout_at(end, field.news()).await {
                Ok(Some(News::Ended(report))) => break report.status,
                Ok(Some(_)) => {}
                Ok(None) => bail!("the field ended"),
                Err(_) => bail!("the first call did not end within {KNOWN_MAX:?}"),
            }
        };
        // The carrier's end of it is over before anything counts.
        tokio::time::sleep(TRY_EVERY).await;
        while let Ok(Some(_)) = tokio::time::timeout(TRY_EVERY, field.news()).await {}
        if status == 200 {
            return Ok(1);
        }
    }
    bail!("no call went out over the carrier's trunk within {KNOWN_MAX:?}")
}

/// A call of an agent to a number of its own, which the agent ends after so long.
fn order(id: u32, agent: &Credential, time: Duration) -> Order {
    let steps = vec![Step::Wait(time), Step::HangUp];
    let handling = vec![Handling { talk: time, then: Then::Stay }];
    Order { id, from: agent.user.clone(), to: number(id), steps, handling }
}

/// A mobile in the country.
fn number(id: u32) -> String {
    format!("1390013{id:04}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_goes_to_another_number_and_is_the_agents_own() {
        let agent = Credential { user: "200001".into(), password: "x".into() };
        let (first, last) = (order(1, &agent, STRAGGLERS), order(480, &agent, STRAGGLERS));
        assert_eq!((first.from.as_str(), first.to.as_str()), ("200001", "13900130001"));
        assert_eq!(last.to, "13900130480");
    }

    #[test]
    fn a_call_in_which_one_side_was_not_heard_to_the_end_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.jsonl");
        let mut bench = Bench { name: "outward".into(), file, good: true };
        note_calls(Calls::default(), 0, &mut bench).unwrap();
        assert!(bench.good, "nobody called");
        note_calls(Calls::default(), 1, &mut bench).unwrap();
        assert!(!bench.good);
    }
}
