//! Which files are the warehouse. A file that is not named here is not there for a session; what
//! is named lies whole on disk.
//!
//! A file's life: `hot` (sealed, ours) → `retired` (its rows are in a published file; kept a while
//! for sessions that still read it) → gone. A published file: `publishing` (named before the
//! rename, so that a start after a crash can finish or undo it) → `published` → `retired`, where a
//! rewritten one took its place, which was `rewriting` until it did.

use crate::Error;
use crate::db::{self, Db, Tx};
use crate::file::Written;
use std::collections::BTreeSet;
use terms::Timestamp;

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    /// Relative to the warehouse.
    pub path: String,
    /// Its table.
    pub tbl: String,
    /// UTC day.
    pub day: String,
    /// Rows.
    pub rows: i64,
    /// Size.
    pub bytes: i64,
    /// First staged row in it.
    pub seq_min: i64,
    /// Last staged row in it.
    pub seq_max: i64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// `hot`, `publishing`, `rewriting`, `published` or `retired`.
    pub state: String,
    /// Smallest tenant in it.
    pub tenant_min: i64,
    /// Largest tenant in it.
    pub tenant_max: i64,
    /// Earliest time of the day column.
    pub at_min: i64,
    /// Latest time of the day column.
    pub at_max: i64,
    /// When the oldest of its rows was sealed.
    pub sealed_at: i64,
}

impl Entry {
    /// The entry of a file that was just written.
    pub fn new(
        (path, tbl, day): (String, &str, &str),
        (seq_min, seq_max): (i64, i64),
        state: &str,
        sealed_at: Timestamp,
        written: Written,
    ) -> Self {
        Entry {
            path,
            tbl: tbl.to_owned(),
            day: day.to_owned(),
            rows: written.rows,
            bytes: written.bytes,
            seq_min,
            seq_max,
            sha256: written.sha256,
            state: state.to_owned(),
            tenant_min: written.tenants.0,
            tenant_max: written.tenants.1,
            at_min: written.times.0,
            at_max: written.times.1,
            sealed_at: sealed_at.0,
        }
    }
}

impl Entry {
    /// The cells of `COLUMNS` with tabs between them; `None` where they are something else.
    fn of_line(line: &str) -> Option<Entry> {
        let mut cells = line.split('\t');
        let mut next = || cells.next().map(str::to_owned);
        Some(Entry {
            path: next()?,
            tbl: next()?,
            day: next()?,
            rows: next()?.parse().ok()?,
            bytes: next()?.parse().ok()?,
            seq_min: next()?.parse().ok()?,
            seq_max: next()?.parse().ok()?,
            sha256: next()?,
            state: next()?,
            tenant_min: next()?.parse().ok()?,
            tenant_max: next()?.parse().ok()?,
            at_min: next()?.parse().ok()?,
            at_max: next()?.parse().ok()?,
            sealed_at: next()?.parse().ok()?,
        })
    }
}

/// The database's tables. Format 1.
pub const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS source (
        name TEXT PRIMARY KEY, position INTEGER NOT NULL,
        replay_from INTEGER NOT NULL, at INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS stage (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, tenant INTEGER NOT NULL,
        day TEXT NOT NULL, id INTEGER NOT NULL, version INTEGER NOT NULL,
        staged_at INTEGER NOT NULL, crc INTEGER NOT NULL, blob BLOB NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS stage_by_day ON stage (tbl, day, seq)",
    "CREATE INDEX IF NOT EXISTS stage_by_tenant ON stage (tenant, tbl)",
    "CREATE TABLE IF NOT EXISTS quarantine (
        seq INTEGER PRIMARY KEY, tbl TEXT NOT NULL, tenant INTEGER NOT NULL,
        day TEXT NOT NULL, id INTEGER NOT NULL, version INTEGER NOT NULL,
        staged_at INTEGER NOT NULL, crc INTEGER NOT NULL, blob BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS file (
        path TEXT PRIMARY KEY, tbl TEXT NOT NULL, day TEXT NOT NULL, rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL, seq_min INTEGER NOT NULL, seq_max INTEGER NOT NULL,
        sha256 TEXT NOT NULL, state TEXT NOT NULL, tenant_min INTEGER NOT NULL,
        tenant_max INTEGER NOT NULL, at_min INTEGER NOT NULL, at_max INTEGER NOT NULL,
        sealed_at INTEGER NOT NULL, replaced_by TEXT, retired_at INTEGER) STRICT",
    "CREATE INDEX IF NOT EXISTS file_by_state ON file (state, tbl, day)",
    "CREATE TABLE IF NOT EXISTS ended (
        call INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, started_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL, caller TEXT NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS ended_by_time ON ended (ended_at)",
];

const COLUMNS: &str = "path, tbl, day, rows, bytes, seq_min, seq_max, sha256, state, \
                       tenant_min, tenant_max, at_min, at_max, sealed_at";

/// Adds a file.
pub async fn insert(db: &mut Db, entry: &Entry) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO file (path, tbl, day, rows, bytes, seq_min, seq_max, sha256, state, \
         tenant_min, tenant_max, at_min, at_max, sealed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(&entry.path)
    .bind(&entry.tbl)
    .bind(&entry.day)
    .bind(entry.rows)
    .bind(entry.bytes)
    .bind(entry.seq_min)
    .bind(entry.seq_max)
    .bind(&entry.sha256)
    .bind(&entry.state)
    .bind(entry.tenant_min)
    .bind(entry.tenant_max)
    .bind(entry.at_min)
    .bind(entry.at_max)
    .bind(entry.sealed_at)
    .execute(db)
    .await
    .map_err(Error::database("name a file"))?;
    Ok(())
}

/// The files in a state, oldest rows first.
pub async fn in_state(db: &mut Db, state: &str) -> Result<Vec<Entry>, Error> {
    let text = format!("SELECT {COLUMNS} FROM file WHERE state = $1 ORDER BY tbl, day, seq_min");
    sqlx::query_as(sqlx::AssertSqlSafe(text))
        .bind(state)
        .fetch_all(db)
        .await
        .map_err(Error::database("list files"))
}

/// The published files of a table's day that may hold rows of `tenant`.
pub async fn published_of(
    db: &mut Db,
    (table, day): (&str, &str),
    tenant: i64,
) -> Result<Vec<Entry>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM file WHERE state = 'published' AND tbl = $1 AND day = $2 \
         AND tenant_min <= $3 AND tenant_max >= $3 ORDER BY seq_min"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(text))
        .bind(table)
        .bind(day)
        .bind(tenant)
        .fetch_all(db)
        .await
        .map_err(Error::database("list files"))
}

/// The published files of a table that have no counts in the folder `kept` ([`crate::rollup`]).
pub async fn uncounted(db: &mut Db, table: &str, kept: &str) -> Result<Vec<Entry>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM file WHERE state = 'published' AND tbl = $1 \
         AND path NOT IN (SELECT source FROM rollup WHERE rollup.path LIKE $2) \
         ORDER BY day, seq_min"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(text))
        .bind(table)
        .bind(format!("{kept}%"))
        .fetch_all(db)
        .await
        .map_err(Error::database("list files"))
}

/// Whether a table's day before `closed` has `files` published files with fewer than `rows` rows.
pub async fn has_small(
    db: &mut Db,
    (files, rows): (i64, i64),
    closed: &str,
) -> Result<bool, Error> {
    let days: Vec<i64> = sqlx::query_scalar(
        "SELECT COUNT(*) FROM file WHERE state = 'published' AND rows < $1 AND day < $2 \
         GROUP BY tbl, day HAVING COUNT(*) >= $3 LIMIT 1",
    )
    .bind(rows)
    .bind(closed)
    .bind(files)
    .fetch_all(db)
    .await
    .map_err(Error::database("list small files"))?;
    Ok(!days.is_empty())
}

/// The files that a session of `tenant` reads.
pub async fn readable(db: &mut Db, tenant: i64) -> Result<Vec<Entry>, Error> {
    let text = format!(
        "SELECT {} FROM file WHERE state IN ('hot', 'published') \
         AND tenant_min <= $1 AND tenant_max >= $1",
        db::lines(COLUMNS)
    );
    let text = db::sql(db, &text);
    let found: Option<String> = sqlx::query_scalar(text)
        .bind(tenant)
        .fetch_one(db)
        .await
        .map_err(Error::database("list files"))?;
    let mut entries = Vec::new();
    for line in found.iter().flat_map(|lines| lines.lines()) {
        let no_file =
            || Error::Manifest(format!("the manifest has a line that is no file: {line}"));
        entries.push(Entry::of_line(line).ok_or_else(no_file)?);
    }
    entries.sort_by(|a, b| (&a.tbl, &a.day, a.seq_min).cmp(&(&b.tbl, &b.day, b.seq_min)));
    Ok(entries)
}

/// The hot files of a table's day that have fewer than `rows` rows.
pub async fn small_hot(
    db: &mut Db,
    (table, day): (&str, &str),
    rows: i64,
) -> Result<Vec<Entry>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM file WHERE state = 'hot' AND replaced_by IS NULL \
         AND tbl = $1 AND day = $2 AND rows < $3 ORDER BY seq_min"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(text))
        .bind(table)
        .bind(day)
        .bind(rows)
        .fetch_all(db)
        .await
        .map_err(Error::database("list files"))
}

/// The tables and days that have a published file.
pub async fn published(db: &mut Db) -> Result<BTreeSet<(String, String)>, Error> {
    let days: Vec<(String, String)> =
        sqlx::query_as("SELECT DISTINCT tbl, day FROM file WHERE state = 'published'")
            .fetch_all(db)
            .await
            .map_err(Error::database("list published days"))?;
    Ok(days.into_iter().collect())
}

/// Retires files whose rows are in another hot file now, or whose time is over.
pub async fn retire(tx: &mut Tx<'_>, paths: &[String], now: Timestamp) -> Result<(), Error> {
    for path in paths {
        sqlx::query("UPDATE file SET state = 'retired', retired_at = $1 WHERE path = $2")
            .bind(now.0)
            .bind(path)
            .execute(&mut **tx)
            .await
            .map_err(Error::database("retire a file"))?;
    }
    Ok(())
}

/// Every path that is named, whatever its state.
pub async fn paths(db: &mut Db) -> Result<Vec<String>, Error> {
    sqlx::query_scalar("SELECT path FROM file")
        .fetch_all(db)
        .await
        .map_err(Error::database("list files"))
}

/// Files whose state is none, by their paths: no answer reads them, and nothing takes them away.
pub async fn in_no_state(db: &mut Db) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT path FROM file WHERE state NOT IN \
         ('hot', 'publishing', 'rewriting', 'published', 'retired')",
    )
    .fetch_all(db)
    .await
    .map_err(Error::database("list files"))
}

/// The last number of a staged row that this database gave, as far as it knows; 0 of none.
pub async fn last_seq(db: &mut Db) -> Result<i64, Error> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(seq) FROM (SELECT MAX(seq) AS seq FROM stage \
         UNION ALL SELECT MAX(seq_max) AS seq FROM file) AS known",
    )
    .fetch_one(db)
    .await
    .map_err(Error::database("read the last number"))?;
    Ok(last.unwrap_or_default())
}

/// Whether files of a table's day that were replaced are still kept, or a rewrite of it is under way.
pub async fn keeps_old(db: &mut Db, (table, day): (&str, &str)) -> Result<bool, Error> {
    let files: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM file WHERE tbl = $1 AND day = $2 AND \
         (state = 'rewriting' OR state = 'retired' AND substr(path, 1, 5) <> '_hot/')",
    )
    .bind(table)
    .bind(day)
    .fetch_one(db)
    .await
    .map_err(Error::database("look for kept files"))?;
    Ok(files > 0)
}

/// Names a file that is about to be published, and which files it replaces. The same announcement of
/// before, whose answer was lost, is forgotten.
pub async fn announce(tx: &mut Tx<'_>, entry: &Entry, replaces: &[String]) -> Result<(), Error> {
    withdraw(tx, &entry.path).await?;
    insert(tx, entry).await?;
    for path in replaces {
        sqlx::query(
            "UPDATE file SET replaced_by = $1 \
             WHERE path = $2 AND state IN ('hot', 'published')",
        )
        .bind(&entry.path)
        .bind(path)
        .execute(&mut **tx)
        .await
        .map_err(Error::database("announce a file"))?;
    }
    Ok(())
}

/// Makes an announced file count and retires those that it replaces.
pub async fn complete(tx: &mut Tx<'_>, path: &str, now: Timestamp) -> Result<(), Error> {
    let error = "publish a file";
    sqlx::query(
        "UPDATE file SET state = 'published' \
         WHERE path = $1 AND state IN ('publishing', 'rewriting')",
    )
    .bind(path)
    .execute(&mut **tx)
    .await
    .map_err(Error::database(error))?;
    sqlx::query(
        "UPDATE file SET state = 'retired', retired_at = $1 \
         WHERE replaced_by = $2 AND state IN ('hot', 'published')",
    )
    .bind(now.0)
    .bind(path)
    .execute(&mut **tx)
    .await
    .map_err(Error::database(error))?;
    Ok(())
}

/// Forgets an announced file: those that it was to replace go on counting.
pub async fn withdraw(tx: &mut Tx<'_>, path: &str) -> Result<(), Error> {
    let error = "withdraw a file";
    sqlx::query("DELETE FROM file WHERE path = $1 AND state IN ('publishing', 'rewriting')")
        .bind(path)
        .execute(&mut **tx)
        .await
        .map_err(Error::database(error))?;
    sqlx::query(
        "UPDATE file SET replaced_by = NULL \
         WHERE replaced_by = $1 AND state IN ('hot', 'published')",
    )
    .bind(path)
    .execute(&mut **tx)
    .await
    .map_err(Error::database(error))?;
    Ok(())
}

/// Retired files whose rows are in the file of this path.
pub async fn replaced_by(db: &mut Db, path: &str) -> Result<Vec<String>, Error> {
    sqlx::query_scalar("SELECT path FROM file WHERE state = 'retired' AND replaced_by = $1")
        .bind(path)
        .fetch_all(db)
        .await
        .map_err(Error::database("list replaced files"))
}

/// Retired files that were published and whose rows are in another published file.
pub async fn replaced(db: &mut Db) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "SELECT path FROM file WHERE state = 'retired' AND replaced_by IS NOT NULL \
         AND substr(path, 1, 1) <> '_'",
    )
    .fetch_all(db)
    .await
    .map_err(Error::database("list replaced files"))
}

/// Paths that were retired at or before `until`.
pub async fn retired(db: &mut Db, until: Timestamp) -> Result<Vec<String>, Error> {
    sqlx::query_scalar("SELECT path FROM file WHERE state = 'retired' AND retired_at <= $1")
        .bind(until.0)
        .fetch_all(db)
        .await
        .map_err(Error::database("list retired files"))
}

/// Forgets a retired file that is no longer on disk.
pub async fn forget(db: &mut Db, path: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM file WHERE path = $1 AND state = 'retired'")
        .bind(path)
        .execute(db)
        .await
        .map_err(Error::database("forget a file"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_whole_file_or_none() {
        let cells =
            ["calls/a.parquet", "calls", "2026-11-22", "5", "800", "1", "9", "ab", "hot", "1"];
        let line = format!("{}\t3\t-7\t8\t9", cells.join("\t"));
        let entry = Entry::of_line(&line).unwrap();
        assert_eq!((entry.path.as_str(), entry.state.as_str()), ("calls/a.parquet", "hot"));
        assert_eq!((entry.rows, entry.seq_max, entry.tenant_max), (5, 9, 3));
        assert_eq!((entry.at_min, entry.at_max, entry.sealed_at), (-7, 8, 9));
        assert_eq!(Entry::of_line(&cells.join("\t")), None);
        assert_eq!(Entry::of_line(&line.replace("800", "many")), None);
    }
}
