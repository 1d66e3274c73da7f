//! Another program holds the SQLite files of the box for ten seconds of every fifteen: the business
//! store and the manifest of the warehouse, both exclusively.

use super::talk::Talk;
use super::writer::Writer;
use super::{AFTER, AGENTS, Arguments, BEFORE, LOOK_EVERY, note_calls, note_orders};
use crate::bench::{self, Bench};
use crate::own::with_switch;
use crate::server::Server;
use anyhow::{Context, Result, anyhow};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use terms::TenantId;
use tokio::time::Instant;
use warehouse::{Limits, Scope, Session, Warehouse};

const FAULT: &str = "databases held by another program";
/// How long they are held, and how long not.
const HELD: Duration = Duration::from_secs(10);
const FREE: Duration = Duration::from_secs(5);
/// The files, below the folder of the box.
const FILES: [&str; 2] = ["desk.db", "warehouse/warehouse.db"];

/// Limits of the figures.
const SETUP_MS_MORE_MAX: f64 = 10.0;
const LATE_S_MAX: f64 = 12.0;

/// They are held.
///
/// # Errors
/// What kept it from being tried.
pub fn happen(arguments: &Arguments, bench: &mut Bench) -> Result<()> {
    with_switch("", async |server, data| measure(arguments, server, data, bench).await)
}

async fn measure(
    arguments: &Arguments,
    server: &Server,
    data: &Path,
    bench: &mut Bench,
) -> Result<()> {
    let agents = bench::hire(server, AGENTS).await?;
    let admin = bench::admin(server).await?;
    let who = admin.get("/api/v1/session").await?;
    let tenant = serde_json::from_value(who["tenant"].clone()).context("who asks has a tenant")?;
    let rows = Rows::watch(data.join("warehouse"), tenant);
    let mut talk = Talk::begin(server, &agents, arguments.wire).await?;
    let writer = Writer::begin(&admin);
    let before = talk.on(BEFORE).await?;
    let mut held = Vec::new();
    for _ in 0..arguments.rounds {
        let holding = hold(data).await?;
        held.push(talk.on(HELD).await?);
        drop(holding);
        talk.on(FREE).await?;
    }
    talk.on(AFTER).await?;
    let book = talk.end().await?;
    let written = writer.end().await?;
    let seen = tokio::task::spawn_blocking(move || rows.end()).await??;

    let calm = book.setup_ms(std::slice::from_ref(&before), 0.99);
    let most = Some(calm + SETUP_MS_MORE_MAX);
    bench.note(&format!("{FAULT}: set-up, p99, before"), calm, "ms", None)?;
    let meanwhile = book.setup_ms(&held, 0.99);
    bench.note(&format!("{FAULT}: set-up, p99, meanwhile"), meanwhile, "ms", most)?;
    note_calls(bench, server, FAULT, &book).await?;
    let (late, most) = (book.latest_row(&seen.counts).as_secs_f64(), Some(LATE_S_MAX));
    bench.note(&format!("{FAULT}: the row of a call late, longest"), late, "s", most)?;
    let late = written.late.as_secs_f64();
    bench.note(&format!("{FAULT}: an order late, longest"), late, "s", most)?;
    note_orders(bench, server, FAULT, &written).await?;
    for why in &seen.failed {
        println!("       {why}");
    }
    let locked = f64::from(written.locked);
    bench.note(&format!("{FAULT}: answers that speak of a lock"), locked, "answers", Some(0.0))?;
    let failed = seen.failed.len() as f64;
    bench.note(&format!("{FAULT}: questions that failed"), failed, "questions", Some(0.0))
}

/// Takes the files; they are free again when this is dropped.
async fn hold(data: &Path) -> Result<Vec<sqlx::SqliteConnection>> {
    let mut held = Vec::new();
    for file in FILES {
        let path = data.join(file);
        let taken = async {
            let mut database = SqliteConnectOptions::new().filename(&path).connect().await?;
            sqlx::query("BEGIN EXCLUSIVE").execute(&mut database).await?;
            anyhow::Ok(database)
        };
        held.push(taken.await.with_context(|| format!("hold {}", path.display()))?);
    }
    Ok(held)
}

/// Counts the rows of answered calls again and again, as another program would read them.
struct Rows {
    stop: Arc<AtomicBool>,
    counting: thread::JoinHandle<Result<Seen>>,
}

/// What was counted.
#[derive(Default)]
struct Seen {
    /// How many rows there were, or were more, at each instant.
    counts: Vec<(Instant, u32)>,
    /// Why a question had no answer.
    failed: Vec<String>,
}

impl Rows {
    fn watch(folder: PathBuf, tenant: TenantId) -> Rows {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        // Beside the runtime that places calls, so that a question makes none of them late.
        let counting = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(count_all(&folder, tenant, &stopped))
        });
        Rows { stop, counting }
    }

    fn end(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.counting.join().map_err(|_| anyhow!("counting rows has panicked"))?
    }
}

async fn count_all(folder: &Path, tenant: TenantId, stop: &AtomicBool) -> Result<Seen> {
    let warehouse = Warehouse::open_reader(folder).await?;
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        match count(&warehouse, tenant).await {
            Ok(rows) => seen.counts.push((asked, rows)),
            Err(error) => seen.failed.push(format!("{error:#}")),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    warehouse.close().await;
    Ok(seen)
}

async fn count(warehouse: &Warehouse, tenant: TenantId) -> Result<u32> {
    let session = Session::open(warehouse, Scope::of(tenant), Limits::default()).await?;
    let question = "SELECT count(*) AS n FROM calls WHERE outcome = 'answered'";
    let csv = session.query(question).await?.to_csv();
    let count = csv.split_whitespace().nth(1).context("a count is a row")?;
    count.parse().with_context(|| format!("{count} is no count"))
}
