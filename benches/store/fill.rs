//! A year of recordings, the same for the same number: 500 agents, 40 queues, numbers that call
//! again, one tenant beside a small second one.

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row as _};
use std::path::Path;
use std::time::Duration;
use terms::record::{Recording, Row};
use terms::{AgentId, CallId, ContactId, IdGen, QueueId, RecordingId, TenantId, Timestamp};
use warehouse::Warehouse;

/// 2026-01-01T00:00:00Z.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_767_225_600);
/// The year that the recordings are spread over.
pub const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// Agents.
pub const AGENTS: u64 = 500;
/// Customers: each calls six times a year.
const CUSTOMERS: u64 = 500_000;
/// Rows of one transaction.
const BATCH: u64 = 20_000;
/// Rows that are published as files at a time.
const PUBLISH_EVERY: u64 = 500_000;

/// The recording of number `at` of `count`.
pub fn recording(at: u64, count: u64, ids: &mut IdGen, rng: &mut StdRng) -> Recording {
    let started_at = BEGIN + Duration::from_micros(YEAR.as_micros() as u64 / count.max(1) * at);
    let id = ids.next(started_at);
    let customer = rng.random_range(0..CUSTOMERS);
    let tenant = TenantId(1 + u64::from(at.is_multiple_of(50)));
    Recording {
        paused_ms: None,
        marks: None,
        format: None,
        tenant_id: tenant,
        recording_id: RecordingId(id),
        call_id: CallId(id - 1),
        contact_id: ContactId(id - 1),
        call_started_at: started_at,
        started_at,
        duration_ms: rng.random_range(20_000..180_000),
        kind: "conversation".into(),
        agent_id: Some(AgentId(1 + rng.random_range(0..AGENTS))),
        queue_id: Some(QueueId(1 + rng.random_range(0..40))),
        caller: format!("+861{:010}", 3_000_000_000 + customer * 13_999),
        state: "recorded".into(),
        frames_expected: 10_000,
        frames_missing: 0,
        path: Some(format!("{tenant}/{}/{id}.wav", started_at.day_text())),
        bytes: 1_600_058,
        sha256: Some(format!("{:064x}", u128::from(id) << 40)),
        reason: None,
    }
}

/// Fills the warehouse in `folder`, unless it is full.
pub async fn fill(folder: &Path, count: u64) -> Result<()> {
    let warehouse = Warehouse::open(folder).await?;
    let found = warehouse.recordings_count().await?;
    if found == count {
        println!("{count} recordings are there");
        return Ok(());
    }
    ensure!(found == 0, "{} holds {found} recordings; name an empty folder", folder.display());
    // Indexes are made faster when all rows are there; the next opening makes them.
    drop_indexes(folder).await?;
    let bar = ProgressBar::new(count).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").expect("the template is valid"),
    );
    let (mut ids, mut rng) = (IdGen::new(1), StdRng::seed_from_u64(42));
    let (mut rows, mut since) = (Vec::new(), 0);
    for at in 0..count {
        rows.push(Row::Recording(recording(at, count, &mut ids, &mut rng)));
        if rows.len() as u64 == BATCH || at + 1 == count {
            warehouse.stage_rows("bench", at as i64 + 1, &rows).await?;
            bar.inc(rows.len() as u64);
            since += rows.len() as u64;
            rows.clear();
        }
        if since >= PUBLISH_EVERY || at + 1 == count {
            warehouse.publish_all().await?;
            since = 0;
        }
    }
    bar.finish_and_clear();
    warehouse.close().await;
    Warehouse::open(folder).await?.close().await;
    println!("{count} recordings were made");
    Ok(())
}

async fn drop_indexes(folder: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new().filename(folder.join("warehouse.db"));
    let mut db = options.connect().await?;
    let names = sqlx::query(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'recording'",
    )
    .fetch_all(&mut db)
    .await?;
    for row in &names {
        let text = format!("DROP INDEX {}", row.get::<String, _>("name"));
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut db).await?;
    }
    Ok(())
}
