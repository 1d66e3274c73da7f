//! `switchgrid-load soak`: a switch of its own on an empty folder, on which short, recorded calls come
//! many in a second while clients of its events come and go. A day at a call a second is as many calls
//! as an hour and a bit here. Before and after, when nobody telephones and no phone is registered, we
//! look at what is there: files, dialogs, transactions, media legs, recordings. Meanwhile we look at the
//! memory, and at how long callers wait for an answer.

mod followers;
mod held;

use crate::api::Api;
use crate::bench::{self, Bench};
use crate::field::{Field, Setup};
use crate::kill::order;
use crate::load::{self, Sum, listen_until};
use crate::own;
use crate::server::Server;
use crate::sip::digest::Credential;
use anyhow::{Context, Result, ensure};
use benches::media::wire::Choice;
use followers::{Followed, Followers};
use held::{GAUGES, Left, Memory};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;
use tokio::time::Instant;

/// From the answer to the end of a call.
const TALK: Duration = Duration::from_secs(5);
/// Agents for each new call in a second: they talk, ring, and have just hung up.
const AGENTS_PER_CPS: u32 = 8;
/// Calls before anything counts: they fill what is kept for the next ones.
const WARM_UP: Duration = Duration::from_secs(30);
/// A transaction is remembered for 32 s (RFC 3261, 64·T1), and nothing for longer.
const QUIET: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Calls that should have ended are waited for this long.
const STRAGGLERS: Duration = Duration::from_secs(3);
/// The last records and files come within this.
const RECORDS_MAX: Duration = Duration::from_secs(60);
/// The last so many parts of the time are compared with as many of the first.
const PARTS: usize = 3;

/// Calls in an hour at one a second.
const HOUR: f64 = 3_600.0;
/// Limits. Growth counts as far as it is more than three times what it may be off by: the longer
/// calls come, the less of it is overlooked.
const GROWN_MB_MAX: f64 = 1.0;
const ERRORS: f64 = 3.0;
/// Of what it was at first; less than so much is no difference.
const SLOWER_SHARE_MAX: f64 = 0.05;
const SLOWER_MS_MIN: f64 = 5.0;

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long calls come, in minutes.
    #[arg(long, default_value_t = 4)]
    minutes: u64,
    /// New calls in a second.
    #[arg(long, default_value_t = 20)]
    cps: u32,
    /// Clients at a time that follow events.
    #[arg(long, default_value_t = 8)]
    followers: u32,
    /// How packets reach the kernel on our side.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

/// Runs it. False when a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    ensure!(arguments.cps > 0 && arguments.minutes > 0, "calls come for a while");
    own::with_switch("", async |server, _| measure(arguments, server).await)
}

async fn measure(arguments: &Arguments, server: &Server) -> Result<bool> {
    let mut bench = Bench::named("soak")?;
    let agents = bench::hire(server, arguments.cps * AGENTS_PER_CPS).await?;
    let admin = bench::admin(server).await?;
    let mut soak = Soak { arguments, server, admin, agents, placed: 0, sum: Sum::default() };
    soak.spell(WARM_UP).await?;
    let before = soak.left().await?;
    soak.sum.setup.clear();
    let looks = soak.spell(Duration::from_secs(60 * arguments.minutes)).await?;
    let after = soak.left().await?;
    soak.note_calls(&mut bench).await?;
    note_setup(&soak.sum.setup, &mut bench)?;
    note_memory(&looks.memory, &mut bench)?;
    note_left(&before, &after, &mut bench)?;
    note_followers(looks.followed, &mut bench)?;
    Ok(bench.good)
}

/// What was seen while calls came.
#[derive(Default)]
struct Looks {
    /// Each with the calls until then.
    memory: Vec<(u32, Memory)>,
    followed: Followed,
}

struct Soak<'a> {
    arguments: &'a Arguments,
    server: &'a Server,
    admin: Api,
    agents: Vec<Credential>,
    /// Calls until now.
    placed: u32,
    sum: Sum,
}

impl Soak<'_> {
    /// Phones come, calls for so long, and all go.
    async fn spell(&mut self, time: Duration) -> Result<Looks> {
        let mut field = self.field()?;
        load::register(&mut field, &self.agents).await?;
        let (count, token) = (self.arguments.followers, self.admin.token());
        let followers = Followers::start(self.server.http, token, count);
        let mut looks = Looks::default();
        let (began, gap) = (Instant::now(), Duration::from_secs(1) / self.arguments.cps);
        let calls = (time.as_secs_f64() / gap.as_secs_f64()) as u32;
        let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} calls")?;
        let bar = ProgressBar::new(u64::from(calls)).with_style(style.progress_chars("=> "));
        let mut look_at = began + LOOK_EVERY;
        for n in 0..calls {
            listen_until(&mut field, began + gap * n, &mut self.sum).await?;
            self.placed += 1;
            field.place(order(self.placed, TALK));
            bar.inc(1);
            if Instant::now() >= look_at {
                look_at += LOOK_EVERY;
                looks.memory.push((n, Memory::of(self.server)?));
            }
        }
        bar.finish_and_clear();
        // Whoever came until now hears of the last calls.
        followers.stop();
        let ends = began + time + TALK + STRAGGLERS;
        listen_until(&mut field, ends, &mut self.sum).await?;
        looks.followed = followers.end().await?;
        field.clear();
        let last = Instant::now() + Duration::from_millis(500);
        listen_until(&mut field, last, &mut self.sum).await?;
        tokio::task::spawn_blocking(move || field.stop()).await??;
        Ok(looks)
    }

    fn field(&self) -> Result<Field> {
        let speakers = own::speakers(self.server, self.arguments.wire);
        let seed = speakers.seed + u64::from(self.placed) * 2;
        Field::start(Setup { seed, ..speakers })
    }

    /// What is there when nothing is remembered any more.
    async fn left(&self) -> Result<Left> {
        tokio::time::sleep(QUIET).await;
        Left::of(self.server, &self.admin).await
    }

    /// What came of all calls, those of the warm-up too.
    async fn note_calls(&mut self, bench: &mut Bench) -> Result<()> {
        let sum = &mut self.sum;
        sum.failed.sort();
        for same in sum.failed.chunk_by(|a, b| a == b) {
            println!("{:>6} × {}", same.len(), same[0]);
        }
        bench.note("soak: calls", f64::from(self.placed), "calls", None)?;
        bench.note("soak: calls failed", sum.failed.len() as f64, "calls", Some(0.0))?;
        let silent = f64::from(self.placed) - (sum.heard_agent.min(sum.heard_by_agents)) as f64;
        bench.note(
            "soak: calls in which one did not hear the other",
            silent,
            "calls",
            Some(0.0),
        )?;
        let bad = (sum.heard.frames_lost + sum.heard.frames_damaged) as f64;
        bench.note("soak: frames lost or damaged", bad, "frames", Some(0.0))?;
        let of = "FROM calls WHERE outcome = 'answered'";
        let distinct = format!("SELECT count(DISTINCT call_id) AS n {of}");
        let calls = self.admin.count(&distinct, self.placed, RECORDS_MAX).await?;
        let rows = format!("SELECT count(*) AS n {of}");
        let rows = self.admin.count(&rows, calls, RECORDS_MAX).await?;
        let files = "SELECT count(DISTINCT call_id) AS n FROM recordings WHERE path IS NOT NULL";
        let files = self.admin.count(files, self.placed, RECORDS_MAX).await?;
        let without = |count: u32| f64::from(self.placed.saturating_sub(count));
        bench.note("soak: calls without a record", without(calls), "calls", Some(0.0))?;
        let twice = f64::from(rows.saturating_sub(calls));
        bench.note("soak: calls recorded twice", twice, "calls", Some(0.0))?;
        bench.note("soak: calls without a recording", without(files), "calls", Some(0.0))
    }
}

/// Whether callers waited longer for an answer in the end; in the order of their calls.
fn note_setup(setup: &[Duration], bench: &mut Bench) -> Result<()> {
    let part = setup.len() / PARTS;
    let (first, last) = (p99_ms(&setup[..part]), p99_ms(&setup[setup.len() - part..]));
    bench.note("soak: time to answer, p99 at first", first, "ms", None)?;
    bench.note("soak: time to answer, p99 in the end", last, "ms", None)?;
    let most = (first * SLOWER_SHARE_MAX).max(SLOWER_MS_MIN);
    bench.note("soak: time to answer, p99, more in the end", last - first, "ms", Some(most))
}

fn p99_ms(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = (times.len().saturating_sub(1) as f64 * 0.99).round() as usize;
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

/// One of the figures of a look, in MB.
type Part = fn(&Memory) -> f64;

/// How much more each process holds for so many calls, once the first part of the time is over.
fn note_memory(looks: &[(u32, Memory)], bench: &mut Bench) -> Result<()> {
    let looks = &looks[looks.len() / PARTS..];
    let of: [(&str, Part); 2] =
        [("of all processes", |memory| memory.whole), ("of the call path", |memory| memory.calls)];
    for (whose, mb) in of {
        let last = looks.last().map_or(0.0, |(_, memory)| mb(memory));
        bench.note(&format!("soak: memory {whose}"), last, "MB", None)?;
        let points: Vec<(f64, f64)> =
            looks.iter().map(|(calls, memory)| (f64::from(*calls), mb(memory))).collect();
        let slope = held::slope(&points).context("too few looks at the memory")?;
        let (grown, error) = (slope.each * HOUR, slope.error * HOUR);
        let what = format!("soak: memory {whose}, more for {HOUR} calls");
        bench.note(&what, grown, "MB", None)?;
        let what = format!("soak: memory {whose}, more for {HOUR} calls, at least");
        bench.note(&what, grown - ERRORS * error, "MB", Some(GROWN_MB_MAX))?;
    }
    Ok(())
}

fn note_left(before: &Left, after: &Left, bench: &mut Bench) -> Result<()> {
    let more = |after: usize, before: usize| after.saturating_sub(before) as f64;
    let files = more(after.files, before.files);
    bench.note("soak: files and sockets left open", files, "files", Some(0.0))?;
    let files = more(after.files_of_calls, before.files_of_calls);
    bench.note("soak: of them by the call path", files, "files", Some(0.0))?;
    for ((_, what), left) in GAUGES.iter().zip(&after.lives) {
        bench.note(&format!("soak: {what} left"), *left, "", Some(0.0))?;
    }
    Ok(())
}

fn note_followers(followed: Followed, bench: &mut Bench) -> Result<()> {
    let Followed { came, turned_away, in_vain } = followed;
    bench.note("soak: followers that came and went", came as f64, "clients", None)?;
    let away = turned_away as f64;
    bench.note("soak: followers turned away", away, "clients", Some(0.0))?;
    bench.note("soak: followers that heard nothing", in_vain as f64, "clients", Some(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(folder: &tempfile::TempDir) -> Bench {
        Bench { name: "soak".into(), file: folder.path().join("results.jsonl"), good: true }
    }

    #[test]
    fn memory_that_is_flat_after_the_start_holds_and_a_leak_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let looks = |mb: fn(u32) -> f64| -> Vec<(u32, Memory)> {
            let look = |n: u32| (n * 100, Memory { whole: 2.0 * mb(n), calls: mb(n) });
            (0..48).map(look).collect()
        };
        let mut flat = bench(&folder);
        note_memory(&looks(|n| 90.0 + f64::from(n.min(10)) + f64::from(n % 2)), &mut flat).unwrap();
        assert!(flat.good);
        let mut leaks = bench(&folder);
        note_memory(&looks(|n| 90.0 + f64::from(n) * 0.1), &mut leaks).unwrap();
        assert!(!leaks.good, "1 kB a call");
        assert!(note_memory(&[], &mut leaks).is_err());
    }

    #[test]
    fn callers_who_wait_longer_in_the_end_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let ms = |of: fn(u64) -> u64| -> Vec<Duration> {
            (0..300).map(|n| Duration::from_millis(of(n))).collect()
        };
        let mut same = bench(&folder);
        note_setup(&ms(|n| 200 + n % 7), &mut same).unwrap();
        note_setup(&[], &mut same).unwrap();
        assert!(same.good);
        let mut slower = bench(&folder);
        note_setup(&ms(|n| 200 + n / 10), &mut slower).unwrap();
        assert!(!slower.good);
    }

    #[test]
    fn what_stays_is_seen_and_what_was_there_before_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let left = |files, first| {
            let mut lives = vec![0.0; GAUGES.len()];
            lives[4] = first;
            Left { files, files_of_calls: 40, lives }
        };
        let mut good = bench(&folder);
        note_left(&left(90, 3.0), &left(88, 0.0), &mut good).unwrap();
        assert!(good.good);
        for after in [left(91, 0.0), left(90, 1.0)] {
            let mut bad = bench(&folder);
            note_left(&left(90, 0.0), &after, &mut bad).unwrap();
            assert!(!bad.good, "{after:?}");
        }
    }
}
