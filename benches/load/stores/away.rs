//! The PostgreSQL server with the business and with the manifest of the warehouse goes away and
//! comes back, and falls silent and speaks again.

use super::talk::Talk;
use super::writer::Writer;
use super::{AFTER, AGENTS, Arguments, BEFORE, note_calls, note_orders};
use crate::api::Api;
use crate::bench::{self, Bench};
use crate::own::with_switch;
use crate::server::Server;
use anyhow::{Result, bail};
use benches::postgres::Postgres;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const FAULT: &str = "PostgreSQL away";
const DATABASES: [&str; 2] = ["desk", "calls"];
/// What is asked while it is gone: the business store, and the warehouse.
const PATHS: [&str; 2] = ["/api/v1/agents", "/api/v1/calls"];
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Limits of the figures.
const TOLD_S_MAX: f64 = 2.0;
const BACK_S_MAX: f64 = 30.0;
/// After which it is not waited for any more.
const GONE_MAX: Duration = Duration::from_secs(120);

/// It goes, and falls silent.
///
/// # Errors
/// What kept it from being tried.
pub fn happen(arguments: &Arguments, bench: &mut Bench) -> Result<()> {
    let database = Postgres::listening()?;
    for name in DATABASES {
        database.psql(&[&format!("CREATE DATABASE {name}")])?;
    }
    let [store, manifest] = DATABASES.map(|name| database.url(name));
    let more = format!("[server]\nstore = \"{store}\"\n\n[warehouse]\nmanifest = \"{manifest}\"\n");
    // It ends after the switch, which has something to write when it ends.
    with_switch(&more, async |server, _| measure(arguments, server, database, bench).await)
        .map(drop)
}

async fn measure(
    arguments: &Arguments,
    server: &Server,
    database: Postgres,
    bench: &mut Bench,
) -> Result<Postgres> {
    let agents = bench::hire(server, AGENTS).await?;
    let admin = bench::admin(server).await?;
    let mut talk = Talk::begin(server, &agents, arguments.wire).await?;
    let writer = Writer::begin(&admin);
    let before = talk.on(BEFORE).await?;
    let mut asked = Asked::default();

    let database = apart(database, Postgres::stop).await?;
    let asking = Asking::begin(&admin);
    let away = talk.on(Duration::from_secs(60 * arguments.minutes)).await?;
    asked.add(asking.end().await?);
    let database = apart(database, Postgres::start_again).await?;
    let (came_in, took) = tokio::join!(talk.on(AFTER), back(&admin));
    came_in?;
    asked.back = took?;

    let database = apart(database, |database| {
        database.freeze();
        Ok(())
    })
    .await?;
    let asking = Asking::begin(&admin);
    let silent = talk.on(Duration::from_secs(arguments.silent)).await?;
    asked.add(asking.end().await?);
    let database = apart(database, |database| {
        database.thaw();
        Ok(())
    })
    .await?;
    let (came_in, took) = tokio::join!(talk.on(AFTER), back(&admin));
    came_in?;
    asked.back = asked.back.max(took?);
    let book = talk.end().await?;
    let written = writer.end().await?;

    for (when, calls) in [("before", before), ("while away", away), ("while silent", silent)] {
        let setup = book.setup_ms(&[calls], 0.99);
        bench.note(&format!("{FAULT}: set-up, p99, {when}"), setup, "ms", None)?;
    }
    note_calls(bench, server, FAULT, &book).await?;
    asked.note(bench)?;
    let late = written.late.as_secs_f64();
    bench.note(&format!("{FAULT}: an order late, longest"), late, "s", None)?;
    note_orders(bench, server, FAULT, &written).await?;
    Ok(database)
}

/// What takes a while, beside the runtime that places calls.
async fn apart(
    mut database: Postgres,
    act: impl FnOnce(&mut Postgres) -> Result<()> + Send + 'static,
) -> Result<Postgres> {
    let acting = move || act(&mut database).map(|()| database);
    tokio::task::spawn_blocking(acting).await?
}

/// How long it takes until the API answers again.
async fn back(admin: &Api) -> Result<Duration> {
    let began = Instant::now();
    for path in PATHS {
        while admin.seen(path).await?.status != 200 {
            if began.elapsed() > GONE_MAX {
                bail!("{path} does not answer {GONE_MAX:?} after the database came back");
            }
            tokio::time::sleep(ASK_EVERY / 5).await;
        }
    }
    Ok(began.elapsed())
}

/// How requests were answered while the database was gone.
#[derive(Default)]
struct Asked {
    count: u32,
    /// Not with 503 and when to come back.
    otherwise: Vec<String>,
    longest: Duration,
    back: Duration,
}

impl Asked {
    fn add(&mut self, other: Asked) {
        self.count += other.count;
        self.otherwise.extend(other.otherwise);
        self.longest = self.longest.max(other.longest);
    }

    fn note(&self, bench: &mut Bench) -> Result<()> {
        for other in &self.otherwise {
            println!("       {other}");
        }
        let (count, longest) = (f64::from(self.count), self.longest.as_secs_f64());
        let (others, back) = (self.otherwise.len() as f64, self.back.as_secs_f64());
        bench.note(&format!("{FAULT}: requests meanwhile"), count, "requests", None)?;
        let what = format!("{FAULT}: of those, not 503 with Retry-After");
        bench.note(&what, others, "requests", Some(0.0))?;
        let what = format!("{FAULT}: longest until one was told so");
        bench.note(&what, longest, "s", Some(TOLD_S_MAX))?;
        let what = format!("{FAULT}: the API answers again after, longest");
        bench.note(&what, back, "s", Some(BACK_S_MAX))
    }
}

/// Somebody who asks while the database is gone.
struct Asking {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Result<Asked>>,
}

impl Asking {
    fn begin(admin: &Api) -> Asking {
        let stop = Arc::new(AtomicBool::new(false));
        let asking = tokio::spawn(ask(admin.clone(), Arc::clone(&stop)));
        Asking { stop, asking }
    }

    async fn end(self) -> Result<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.await?
    }
}

async fn ask(admin: Api, stop: Arc<AtomicBool>) -> Result<Asked> {
    let mut asked = Asked::default();
    for path in PATHS.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        let told = admin.seen(path).await?;
        asked.count += 1;
        asked.longest = asked.longest.max(began.elapsed());
        if told.status != 503 || told.retry_after.is_none() {
            asked.otherwise.push(format!("{path}: {} {}", told.status, told.text));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    Ok(asked)
}
