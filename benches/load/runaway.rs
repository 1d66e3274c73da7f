//! `switchgrid-load runaway`: a switch of its own on an empty folder with live, recorded
//! conversations, while questions in SQL that would never end take every place there is for them.
//! Each is ended when its time is over and says so; whoever finds no place is told that all are
//! taken; and what the conversations' audio waits on its way is measured before, meanwhile and
//! afterwards.

use crate::api::{Api, Told};
use crate::bench::{self, Bench};
use crate::field::Field;
use crate::kill::{Round, Sum, listen_until};
use crate::load;
use crate::own::{self, Wave};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use benches::media::delay::Delays;
use benches::media::wire::Choice;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// New calls in a second.
const CPS: f64 = 25.0;
/// All calls are up for so long before anything is measured.
const SETTLES: Duration = Duration::from_secs(3);
/// Calls that should have ended are waited for this long.
const STRAGGLERS: Duration = Duration::from_secs(3);
/// Questions that run at a time; the configuration's default.
const JOBS_MAX: usize = 2;
/// What a question may take beyond its time to be stopped and to say so.
const STOPS: Duration = Duration::from_secs(3);
/// More rows than anybody counts: 10^11 of two that were read long ago.
const ENDLESS: &str = "WITH d(x) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) \
    SELECT sum(a.x + b.x + c.x + d.x + e.x + f.x + g.x + h.x + i.x + j.x + k.x) AS n FROM d a \
    CROSS JOIN (d b CROSS JOIN (d c CROSS JOIN (d CROSS JOIN (d e CROSS JOIN (d f \
    CROSS JOIN (d g CROSS JOIN (d h CROSS JOIN (d i CROSS JOIN (d j CROSS JOIN d k)))))))))";

/// The delay of the audio may grow by this, in ms: what the research allows to calls whose box is
/// loaded from its other side (row C20 of reliability.md).
const DELAY_MS_MORE_MAX: f64 = 10.0;

/// What the bench is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Conversations at a time.
    #[arg(long, default_value_t = 100)]
    calls: u32,
    /// How long the questions run, and how long is measured before and afterwards, in seconds; each
    /// question has half of it.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(4..=120))]
    seconds: u64,
    /// How packets reach the kernel on our side.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

impl Arguments {
    /// Of one question.
    fn time_max(&self) -> Duration {
        Duration::from_secs(self.seconds) / 2
    }
}

/// How the questions were answered.
#[derive(Default)]
struct Answers {
    asked: usize,
    /// Ended with the sentence that says after how long.
    stopped: usize,
    /// No place was free.
    busy: usize,
    /// Anything else.
    others: Vec<String>,
    longest: Duration,
}

impl Answers {
    fn add(&mut self, told: &Told, took: Duration, time_max: Duration) {
        self.asked += 1;
        self.longest = self.longest.max(took);
        let sentence = format!("stopped after {} s", time_max.as_secs_f32());
        if told.status == 408 && told.is("sql") && told.text.contains(&sentence) {
            self.stopped += 1;
        } else if told.status == 503 && told.is("busy") {
            self.busy += 1;
        } else {
            self.others.push(format!("{} {}", told.status, told.text));
        }
    }
}

/// Runs it. False when a limit does not hold.
///
/// # Errors
/// What kept it from running.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let time_max = arguments.time_max().as_millis();
    let more = format!("[sql]\ntime_max = \"{time_max}ms\"\njobs_max = {JOBS_MAX}\n");
    own::with_switch(&more, async |server, _| measure(arguments, server).await)
}

async fn measure(arguments: &Arguments, server: &Server) -> Result<bool> {
    let mut bench = Bench::named(format!("runaway-{}-calls", arguments.calls))?;
    let agents = bench::hire(server, arguments.calls).await?;
    let admin = bench::admin(server).await?;
    let mut field = Field::start(own::speakers(server, arguments.wire))?;
    load::register(&mut field, &agents).await?;

    let phase = Duration::from_secs(arguments.seconds);
    let wave = Wave { calls: arguments.calls, cps: CPS, began: Instant::now() };
    let ends = wave.all_up() + SETTLES + 3 * phase + STOPS + Duration::from_secs(1);
    let mut round = Round::default();
    wave.place(&mut field, ends, &mut round).await?;
    listen_until(&mut field, wave.all_up() + SETTLES, &mut round).await?;
    let style = ProgressStyle::with_template("{elapsed_precise} {msg}")?;
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.set_message("before the questions");
    let before = measured(&mut field, phase, &mut round).await?;
    bar.set_message("beside the questions");
    let asking = ask_all(&admin, arguments.time_max());
    let during = measured(&mut field, phase, &mut round).await?;
    listen_until(&mut field, Instant::now() + STOPS, &mut round).await?;
    let answers = asking.await??;
    bar.set_message("after the questions");
    let after = measured(&mut field, phase, &mut round).await?;
    bar.finish_and_clear();

    listen_until(&mut field, ends + STRAGGLERS, &mut round).await?;
    own::leave(field, &mut round).await?;
    let mut sum = Sum::default();
    round.end(arguments.calls, &mut sum);
    note_delays(&mut bench, &[before, during, after])?;
    note_answers(&mut bench, &answers, arguments.time_max())?;
    for why in &sum.lost {
        println!("       {why}");
    }
    let lost = f64::from(sum.placed - sum.survived);
    bench.note("calls live beside the questions", f64::from(sum.placed), "calls", None)?;
    bench.note("calls lost", lost, "calls", Some(0.0))?;
    admin.sql("SELECT count(*) AS n FROM calls").await.context("ask once more afterwards")?;
    Ok(bench.good)
}

/// The delays of so long, and not what was before.
async fn measured(field: &mut Field, time: Duration, round: &mut Round) -> Result<Delays> {
    field.delays().await?;
    listen_until(field, Instant::now() + time, round).await?;
    field.delays().await
}

/// As many endless questions as have places, as many in the middle of those, and as many once more
/// shortly after. Whoever waits has the patience of one question's time: the second ones take the
/// places of the first, and the last ones find none.
fn ask_all(admin: &Api, time_max: Duration) -> JoinHandle<Result<Answers>> {
    let admin = admin.clone();
    tokio::spawn(async move {
        let mut asking = Vec::new();
        for pause in [Duration::ZERO, time_max / 2, time_max / 10] {
            tokio::time::sleep(pause).await;
            for _ in 0..JOBS_MAX {
                asking.push(tokio::spawn(ask(admin.clone())));
            }
        }
        let mut answers = Answers::default();
        for asked in asking {
            let (told, took) = asked.await??;
            answers.add(&told, took, time_max);
        }
        Ok(answers)
    })
}

/// An endless question: its answer, and how long that took.
async fn ask(admin: Api) -> Result<(Told, Duration)> {
    let began = Instant::now();
    let told = admin.told("/api/v1/sql", &json!({"sql": ENDLESS}), None).await?;
    Ok((told, began.elapsed()))
}

fn note_delays(bench: &mut Bench, phases: &[Delays; 3]) -> Result<()> {
    let ms = |delays: &Delays, share| delays.quantile_us(share) as f64 / 1e3;
    for delays in phases {
        ensure!(delays.count() > 0, "nobody heard anybody");
    }
    let [before, during, after] = phases;
    let most = Some(ms(before, 0.99) + DELAY_MS_MORE_MAX);
    bench.note("delay added before the questions, p50", ms(before, 0.5), "ms", None)?;
    bench.note("delay added before the questions, p99", ms(before, 0.99), "ms", None)?;
    bench.note("delay added beside the questions, p50", ms(during, 0.5), "ms", None)?;
    bench.note("delay added beside the questions, p99", ms(during, 0.99), "ms", most)?;
    bench.note("delay added after the questions, p99", ms(after, 0.99), "ms", most)
}

fn note_answers(bench: &mut Bench, answers: &Answers, time_max: Duration) -> Result<()> {
    for other in &answers.others {
        println!("       {other}");
    }
    let ran = 2 * JOBS_MAX;
    let unstopped = ran.saturating_sub(answers.stopped) as f64;
    let unrefused = (answers.asked - ran).saturating_sub(answers.busy) as f64;
    bench.note("questions that would never end", answers.asked as f64, "questions", None)?;
    let what = "of those that had a place, not ended with the reason";
    bench.note(what, unstopped, "questions", Some(0.0))?;
    let what = "of those without a place, not told that all are taken";
    bench.note(what, unrefused, "questions", Some(0.0))?;
    // One that waited for its place first has its time after that.
    let most = (2 * time_max + STOPS).as_secs_f64();
    let longest = answers.longest.as_secs_f64();
    bench.note("longest until a question was answered", longest, "s", Some(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_time_the_places_or_something_else() {
        let told = |status, kind: &str, message: &str| {
            let text =
                json!({"type": format!("urn:switchgrid:problem:{kind}"), "message": message});
            Told { status, text: text.to_string(), ..Told::default() }
        };
        let mut answers = Answers::default();
        let mut add =
            |told: Told| answers.add(&told, Duration::from_secs(1), Duration::from_secs(10));
        add(told(408, "sql", "stopped after 10 s; ask for a shorter period"));
        add(told(503, "busy", "Too many questions and reports are running."));
        // Neither the process that ended nor another reason is what was promised.
        add(told(503, "ended", "The worker ended or is full; ask for less."));
        add(told(408, "sql", "stopped"));
        add(Told { status: 200, ..Told::default() });
        assert_eq!((answers.asked, answers.stopped, answers.busy), (5, 1, 1));
        assert_eq!(answers.others.len(), 3);
    }
}
