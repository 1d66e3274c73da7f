//! Counts of quarter-hours, made once of each published file and kept beside it, so that a report over
//! months reads some thousand rows and not every stay or call. They are sums of a file's rows and nothing
//! else: the sums of all files are those of all rows, whenever rows came, and a file without counts
//! (not made yet, just merged, hot, staged) is counted when somebody asks ([`crate::query`]). One text
//! of SQL makes both.
//!
//! `_rollup/<name>/dt=…/<file>` holds the counts of one published file, and a row of `rollup` names it
//! once it is on disk. What is counted of which table is said in `kinds`; where that is more than it
//! was, the folder is `<name>.<version>`, and counts in another one are as if they were not there until
//! they are made anew. Named steps: `rollup.write`, `rollup.sync`, `rollup.rename`, `rollup.dirsync`,
//! `rollup.commit`.

mod counts;
mod kinds;
#[cfg(test)]
mod kinds_tests;

use crate::db::{self, Db};
use crate::file::{self, Steps, Written};
use crate::schema::{self, Layout, layout_of};
use crate::{Error, Warehouse, fail, manifest};
use arrow::array::RecordBatch;
use arrow::compute::{cast, concat_batches};
use datafusion::common::{DataFusionError, Result as Planned};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use counts::Counts;
pub use kinds::KINDS;

/// Where they lie.
pub const FOLDER: &str = "_rollup";
/// The thresholds in seconds that they know: answered in time, and abandoned soon.
pub const THRESHOLDS_S: (u32, u32) = (20, 5);

const STEPS: Steps = Steps {
    write: "rollup.write",
    sync: "rollup.sync",
    rename: "rollup.rename",
    dirsync: "rollup.dirsync",
};

/// The table of the manifest.
pub const SCHEMA: &[&str] = &["CREATE TABLE IF NOT EXISTS rollup (
        source TEXT PRIMARY KEY, path TEXT NOT NULL, rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, tenant_min INTEGER NOT NULL,
        tenant_max INTEGER NOT NULL, at_min INTEGER NOT NULL, at_max INTEGER NOT NULL) STRICT"];

/// The counts of a table, where it is counted.
pub fn of_source(table: &str) -> Option<&'static Counts> {
    KINDS.iter().find(|counts| counts.source == table)
}

/// The counts that a name in SQL is of: that of their table, or of a view of their sums.
pub fn named(table: &str) -> Option<&'static Counts> {
    KINDS.iter().find(|counts| counts.names().any(|name| name == table))
}

/// Counts the published files that have no counts yet. Returns how many files.
///
/// # Errors
/// See [`Error`]; what was counted before stays.
pub async fn catch_up(warehouse: &Warehouse) -> Result<u64, Error> {
    let mut tx = warehouse.read("list files without counts").await?;
    let mut uncounted = Vec::new();
    for counts in &KINDS {
        let kept = format!("{FOLDER}/{}/", counts.folder());
        let files = manifest::uncounted(&mut tx, counts.source, &kept).await?;
        uncounted.extend(files.into_iter().map(|entry| (counts, entry)));
    }
    drop(tx);
    let mut made = 0;
    for (counts, entry) in uncounted {
        made += u64::from(count(warehouse, counts, &entry).await?);
    }
    Ok(made)
}

/// The counts of one file. False where it is damaged: it is told and not counted.
async fn count(
    warehouse: &Warehouse,
    counts: &'static Counts,
    entry: &manifest::Entry,
) -> Result<bool, Error> {
    let name = entry.path.rsplit('/').next().unwrap_or_default();
    let path = format!("{FOLDER}/{}/dt={}/{name}", counts.folder(), entry.day);
    let tmp = warehouse.tmp(&format!("rollup-{name}"));
    let near = warehouse.shelf().near(vec![entry.path.clone()]).await?;
    let source = entry.clone();
    let read = move || file::read_whole(layout_of(counts.source), &near, &[source]);
    let (batches, whole) = tokio::task::spawn_blocking(read).await.expect("reading does not panic");
    if whole.is_empty() {
        return Ok(false);
    }
    let made = aggregate(counts, batches).await;
    let made = made.map_err(|error| Error::Session(error.to_string()))?;
    let written = write(counts.layout(), made, tmp, warehouse.dir().join(&path)).await?;
    fail::database("rollup.commit", "keep counts").await?;
    let mut tx = warehouse.write("keep counts").await?;
    sqlx::query(
        "INSERT INTO rollup (source, path, rows, bytes, sha256, tenant_min, tenant_max, at_min, \
         at_max) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (source) DO UPDATE SET \
         path = $2, rows = $3, bytes = $4, sha256 = $5, tenant_min = $6, tenant_max = $7, \
         at_min = $8, at_max = $9",
    )
    .bind(&entry.path)
    .bind(&path)
    .bind(written.rows)
    .bind(written.bytes)
    .bind(&written.sha256)
    .bind(written.tenants.0)
    .bind(written.tenants.1)
    .bind(written.times.0)
    .bind(written.times.1)
    .execute(&mut *tx)
    .await
    .map_err(Error::database("keep counts"))?;
    db::commit(tx, "keep counts").await?;
    Ok(true)
}

async fn aggregate(counts: &'static Counts, batches: Vec<RecordBatch>) -> Planned<RecordBatch> {
    let (context, layout) = (SessionContext::new(), counts.layout());
    let rows = MemTable::try_new(Arc::clone(&layout_of(counts.source).schema), vec![batches])?;
    context.register_table(counts.source, Arc::new(rows))?;
    let counted = context.sql(&counts.sql(counts.source)).await?.collect().await?;
    let mut conformed = Vec::new();
    for batch in &counted {
        let fields = layout.schema.fields().iter();
        let columns = fields
            .zip(batch.columns())
            .map(|(field, column)| cast(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        conformed.push(RecordBatch::try_new(Arc::clone(&layout.schema), columns)?);
    }
    concat_batches(&layout.schema, &conformed).map_err(DataFusionError::from)
}

async fn write(
    layout: &'static Layout,
    counts: RecordBatch,
    tmp: PathBuf,
    to: PathBuf,
) -> Result<Written, Error> {
    let work = move || {
        file::make_folder(tmp.parent().expect("_tmp is its folder"))?;
        let sorted = schema::sort(layout, &counts)
            .map_err(|error| Error::parquet("sort counts for", &tmp)(error.into()))?;
        let written = file::write(layout, &sorted, &tmp, STEPS)?;
        file::place(&tmp, &to, STEPS)?;
        Ok(written)
    };
    tokio::task::spawn_blocking(work).await.expect("counting does not panic")
}

/// Forgets the counts of files that are gone, and removes files that nothing names.
///
/// # Errors
/// See [`Error`].
pub async fn tidy(warehouse: &Warehouse) -> Result<(), Error> {
    let mut tx = warehouse.write("forget counts").await?;
    sqlx::query("DELETE FROM rollup WHERE source NOT IN (SELECT path FROM file)")
        .execute(&mut *tx)
        .await
        .map_err(Error::database("forget counts"))?;
    let named: Vec<String> = sqlx::query_scalar("SELECT path FROM rollup")
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("list counts"))?;
    db::commit(tx, "forget counts").await?;
    let dir = warehouse.dir().to_owned();
    let work = move || {
        let is_named = |path: &Path| named.iter().any(|name| dir.join(name) == path);
        for path in file::walk(&dir.join(FOLDER))?.iter().filter(|path| !is_named(path)) {
            crate::publish::remove(path)?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(work).await.expect("removing does not panic")
}

/// The counts of published files, each as if it were a file of the manifest, by the file they are of.
pub async fn readable(db: &mut Db) -> Result<Vec<(String, manifest::Entry)>, Error> {
    // A reader may come before the first writer of this version.
    if !db::has_table(db, "rollup").await? {
        return Ok(Vec::new());
    }
    let text = format!("SELECT {} FROM rollup", db::lines(COLUMNS));
    let text = db::sql(db, &text);
    let found: Option<String> =
        sqlx::query_scalar(text).fetch_one(db).await.map_err(Error::database("list counts"))?;
    let mut counts = Vec::new();
    for line in found.iter().flat_map(|lines| lines.lines()) {
        let no_counts =
            || Error::Manifest(format!("the manifest has a line that is no counts: {line}"));
        counts.extend(Kept::of_line(line).ok_or_else(no_counts)?.entry());
    }
    Ok(counts)
}

const COLUMNS: &str = "source, path, rows, bytes, sha256, tenant_min, tenant_max, at_min, at_max";

struct Kept {
    source: String,
    path: String,
    rows: i64,
    bytes: i64,
    sha256: String,
    tenant_min: i64,
    tenant_max: i64,
    at_min: i64,
    at_max: i64,
}

impl Kept {
    /// The cells of `COLUMNS` with tabs between them; `None` where they are something else.
    fn of_line(line: &str) -> Option<Kept> {
        let mut cells = line.split('\t');
        let mut next = || cells.next().map(str::to_owned);
        Some(Kept {
            source: next()?,
            path: next()?,
            rows: next()?.parse().ok()?,
            bytes: next()?.parse().ok()?,
            sha256: next()?,
            tenant_min: next()?.parse().ok()?,
            tenant_max: next()?.parse().ok()?,
            at_min: next()?.parse().ok()?,
            at_max: next()?.parse().ok()?,
        })
    }

    /// None where another program keeps counts that this one does not know, or that it knows otherwise.
    fn entry(self) -> Option<(String, manifest::Entry)> {
        let name = self.path.strip_prefix(FOLDER)?.split('/').nth(1)?;
        let table = KINDS.iter().find(|counts| counts.folder() == name)?.name;
        let written = Written {
            rows: self.rows,
            bytes: self.bytes,
            sha256: self.sha256,
            tenants: (self.tenant_min, self.tenant_max),
            times: (self.at_min, self.at_max),
        };
        let names = (self.path, table, "");
        let at = terms::Timestamp(0);
        Some((self.source, manifest::Entry::new(names, (0, 0), "published", at, written)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::BEGIN;
    use crate::{Limits, Scope, Session, compact, sweep};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::time::Duration;
    use terms::record::{QueueVisit, Row};
    use terms::{CallId, ContactId, QueueId, TenantId, Timestamp, VisitId};

    const DAY_US: i64 = 86_400_000_000;
    const SOURCE: &str = "queue_visits";
    const QUEUE_INTERVALS: &str = "queue_intervals";

    fn visit(id: u64, rng: &mut StdRng) -> Row {
        let start = Timestamp(BEGIN.0 + rng.random_range(0..3 * DAY_US));
        let entered_at = start + Duration::from_secs(rng.random_range(0..2_000));
        let wait_ms = rng.random_range(0..60_000);
        let outcomes = ["answered", "abandoned", "flowed_out", "callback_queued"];
        Row::QueueVisit(QueueVisit {
            tenant_id: TenantId(1 + u64::from(id.is_multiple_of(5))),
            visit_id: VisitId(id),
            call_id: CallId(id),
            contact_id: ContactId(id),
            call_started_at: start,
            queue_id: QueueId(rng.random_range(1..4)),
            entered_at,
            left_at: entered_at + Duration::from_millis(wait_ms),
            wait_ms: wait_ms as i32,
            ring_ms: 0,
            outcome: outcomes[rng.random_range(0..4)].to_owned(),
            flow_out_reason: None,
            agent_id: None,
            priority: 0,
            position: 1,
            offers: 0,
            offers_unanswered: 0,
        })
    }

    async fn answers(warehouse: &Warehouse, texts: &[String]) -> Vec<String> {
        let scope = Scope::of(TenantId(1));
        let session = Session::open(warehouse, scope, Limits::default()).await.unwrap();
        let mut answers = Vec::new();
        for text in texts {
            answers.push(session.query(text).await.unwrap().to_csv());
        }
        answers
    }

    /// The kept counts, and the same counted anew, as text.
    async fn both(warehouse: &Warehouse) -> (String, String) {
        let columns = "tenant_id, queue_id, from_at, SUM(offered) AS offered, \
            SUM(answered) AS answered, SUM(answered_20s) AS answered_20s, \
            SUM(abandoned) AS abandoned, SUM(abandoned_20s) AS abandoned_20s, \
            SUM(abandoned_5s) AS abandoned_5s, SUM(flowed_out) AS flowed_out, \
            SUM(callback_queued) AS callback_queued, \
            SUM(answered_wait_ms) AS answered_wait_ms, MAX(wait_ms_max) AS wait_ms_max";
        let of = |source: &str| {
            format!(
                "SELECT {columns} FROM {source} GROUP BY tenant_id, queue_id, from_at \
                 ORDER BY tenant_id, queue_id, from_at"
            )
        };
        let sql = of_source(SOURCE).unwrap().sql(SOURCE);
        let anew = of(&format!("({sql}) AS anew"));
        let mut found = answers(warehouse, &[of(QUEUE_INTERVALS), anew]).await;
        let anew = found.pop().unwrap_or_default();
        (found.pop().unwrap_or_default(), anew)
    }

    #[tokio::test]
    async fn kept_counts_are_those_of_the_rows_whatever_comes_late_or_is_merged() {
        for seed in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let warehouse = Warehouse::open(dir.path()).await.unwrap();
            let mut rng = StdRng::seed_from_u64(seed);
            let (mut id, mut position) = (0, 0);
            for step in 0..25 {
                match rng.random_range(0..5) {
                    0 | 1 => {
                        let rows: Vec<Row> = (0..rng.random_range(1..30))
                            .map(|_| {
                                id += 1;
                                visit(id, &mut rng)
                            })
                            .collect();
                        position += 1;
                        warehouse.stage_rows("test", position, &rows).await.unwrap();
                    }
                    2 => {
                        warehouse.seal().await.unwrap();
                    }
                    3 => {
                        warehouse.publish_all().await.unwrap();
                    }
                    _ => {
                        let later = Timestamp(crate::store::now().0 + 3_600_000_000);
                        sweep::retired(&warehouse, later).await.unwrap();
                        compact::some(&warehouse, (2, 2), "9999-12-31").await.unwrap();
                    }
                }
                let (kept, anew) = both(&warehouse).await;
                assert_eq!(kept, anew, "seed {seed}, step {step}");
            }
            warehouse.publish_all().await.unwrap();
            assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
        }
    }

    #[tokio::test]
    async fn published_files_have_counts_that_are_read_instead_of_their_rows() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut rng = StdRng::seed_from_u64(9);
        let rows: Vec<Row> = (1..200).map(|id| visit(id, &mut rng)).collect();
        warehouse.stage_rows("test", 1, &rows).await.unwrap();
        warehouse.publish_all().await.unwrap();
        let (kept, _) = both(&warehouse).await;
        // The stays themselves are gone; their counts answer.
        for path in file::walk(&dir.path().join(SOURCE)).unwrap() {
            std::fs::remove_file(path).unwrap();
        }
        let text = format!("SELECT SUM(offered) AS offered FROM {QUEUE_INTERVALS}");
        let offered = answers(&warehouse, &[text]).await;
        let ours = (1..200).filter(|id| id % 5 != 0).count();
        assert_eq!(offered, [format!("offered\r\n{ours}\r\n")]);
        assert!(kept.lines().count() > 100);
    }

    #[tokio::test]
    async fn a_warehouse_of_before_there_were_counts_is_read_without_them() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut rng = StdRng::seed_from_u64(2);
        let rows: Vec<Row> = (1..50).map(|id| visit(id, &mut rng)).collect();
        warehouse.stage_rows("test", 1, &rows).await.unwrap();
        warehouse.publish_all().await.unwrap();
        let mut tx = warehouse.write("test").await.unwrap();
        sqlx::query("DROP TABLE rollup").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let (kept, anew) = both(&warehouse).await;
        assert_eq!(kept, anew);
        warehouse.close().await;
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        assert!(catch_up(&warehouse).await.unwrap() >= 3, "a file a day");
    }

    /// How many files of counts of legs are read.
    async fn kept_of_legs(warehouse: &Warehouse) -> usize {
        let mut tx = warehouse.read("test").await.unwrap();
        let kept = readable(&mut tx).await.unwrap();
        kept.iter().filter(|(_, entry)| entry.tbl == "leg_intervals").count()
    }

    #[tokio::test]
    async fn counts_of_another_version_are_not_read_and_are_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let rows = crate::stories::fold(&crate::stories::day(3, 1, 20));
        warehouse.stage_rows("test", 1, &rows).await.unwrap();
        warehouse.publish_all().await.unwrap();
        let text = "SELECT call_direction, SUM(legs) AS legs, SUM(offered) AS offered \
                    FROM leg_intervals GROUP BY call_direction ORDER BY call_direction";
        let text = [text.to_owned()];
        let (before, files) = (answers(&warehouse, &text).await, kept_of_legs(&warehouse).await);
        assert!(files > 0 && before[0].contains("inbound"), "{before:?}");

        // As a program left them that knew less of legs.
        let (now, then) = (dir.path().join("_rollup"), "_rollup/leg_intervals/");
        std::fs::rename(now.join("leg_intervals.2"), now.join("leg_intervals")).unwrap();
        let mut tx = warehouse.write("test").await.unwrap();
        sqlx::query("UPDATE rollup SET path = REPLACE(path, '_rollup/leg_intervals.2/', $1)")
            .bind(then)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(kept_of_legs(&warehouse).await, 0);
        assert_eq!(answers(&warehouse, &text).await, before, "the rows are counted");

        assert_eq!(catch_up(&warehouse).await.unwrap(), files as u64, "and no others");
        assert_eq!(kept_of_legs(&warehouse).await, files);
        assert_eq!(answers(&warehouse, &text).await, before);
        tidy(&warehouse).await.unwrap();
        assert!(
            file::walk(&now.join("leg_intervals")).unwrap().is_empty(),
            "the old ones are gone"
        );
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    }

    #[tokio::test]
    async fn hours_and_days_are_sums_by_the_readers_clock() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut rng = StdRng::seed_from_u64(3);
        let rows: Vec<Row> = (1..100).map(|id| visit(id, &mut rng)).collect();
        warehouse.stage_rows("test", 1, &rows).await.unwrap();
        let by = |unit: &str, table: &str| {
            let local = "arrow_cast(entered_at, 'Timestamp(Microsecond, Some(\"Asia/Shanghai\"))')";
            [
                format!("SELECT from_at, SUM(offered) AS n FROM {table} GROUP BY 1 ORDER BY 1"),
                format!(
                    "SELECT date_trunc('{unit}', {local}) AS from_at, COUNT(*) AS n \
                     FROM queue_visits GROUP BY 1 ORDER BY 1"
                ),
            ]
        };
        for (unit, table) in [("hour", "queue_hours"), ("day", "queue_days")] {
            let found = answers(&warehouse, &by(unit, table)).await;
            assert_eq!(found[0], found[1], "{table}");
            assert!(found[0].lines().count() > 3);
        }
    }

    #[tokio::test]
    async fn the_longest_stay_of_an_hour_and_of_a_day_is_the_longest_of_all_their_counts() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut rng = StdRng::seed_from_u64(7);
        // Two stays of one quarter-hour, one of the next, and one of the next hour.
        let stays = [(60, 20_000), (120, 50_000), (1_000, 30_000), (3_700, 40_000)];
        let rows = (1..).zip(stays).map(|(id, (after_s, wait_ms))| match visit(id, &mut rng) {
            Row::QueueVisit(of) => {
                // Midnight in UTC, eight o'clock of the reader's.
                let entered_at = BEGIN + Duration::from_secs(600 + after_s);
                let (call_started_at, queue_id) = (entered_at, QueueId(1));
                Row::QueueVisit(QueueVisit { entered_at, call_started_at, queue_id, wait_ms, ..of })
            }
            other => other,
        });
        let rows: Vec<Row> = rows.collect();
        for (position, row) in (1..).zip(&rows) {
            warehouse.stage_rows("test", position, std::slice::from_ref(row)).await.unwrap();
            if position < 3 {
                warehouse.publish_all().await.unwrap();
            }
        }
        let of = |table: &str| format!("SELECT wait_ms_max FROM {table} ORDER BY from_at");
        let found = answers(&warehouse, &[of("queue_hours"), of("queue_days")]).await;
        assert_eq!(found, ["wait_ms_max\r\n50000\r\n40000\r\n", "wait_ms_max\r\n50000\r\n"]);
    }

    #[tokio::test]
    async fn counts_of_stays_are_of_ones_own_tenant_queues_and_agents() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut rng = StdRng::seed_from_u64(5);
        let rows: Vec<Row> = (1..100).map(|id| visit(id, &mut rng)).collect();
        warehouse.stage_rows("test", 1, &rows[..60]).await.unwrap();
        warehouse.publish_all().await.unwrap();
        warehouse.stage_rows("test", 2, &rows[60..]).await.unwrap();
        let asked = async |scope: Scope, text: &str| {
            let session = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
            session.query(text).await.unwrap().to_csv()
        };
        let theirs = Scope::of(TenantId(2));
        let text = "SELECT SUM(offered) AS n FROM queue_intervals";
        assert_eq!(asked(theirs, text).await, "n\r\n19\r\n");
        let one = Scope { queues: Some(vec![QueueId(2)]), ..Scope::of(TenantId(1)) };
        let text = "SELECT DISTINCT queue_id FROM queue_intervals";
        assert_eq!(asked(one, text).await, "queue_id\r\n2\r\n");
        let agents = Some(vec![terms::AgentId(1)]);
        let team = Scope { agents, ..Scope::of(TenantId(1)) };
        assert_eq!(asked(team, text).await, "queue_id\r\n");
    }
}
