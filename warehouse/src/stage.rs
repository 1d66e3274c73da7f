//! Rows that are not in a file yet: one checksummed blob each, in the same database as the manifest.

use crate::db::{Db, Text};
use crate::{Error, fail};
use serde::de::DeserializeOwned;
use terms::Timestamp;
use terms::record::Row;

/// Rows of one INSERT: nine columns each; SQLite takes at most 32,766 values, PostgreSQL 65,535.
const INSERT_ROWS: usize = 500;
/// Rows sealed into one file.
pub const SEAL_ROWS_MAX: i64 = 100_000;

/// A staged row as the database holds it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Staged {
    /// Rises with every staged row.
    pub seq: i64,
    /// CRC-32 of the blob.
    pub crc: i64,
    /// The row as JSON.
    pub blob: Vec<u8>,
}

impl Staged {
    /// The row, when the bytes are those that were written.
    pub fn row(&self) -> Result<Row, Error> {
        let damaged =
            |why: String| Error::Damaged { what: format!("staged row {}", self.seq), why };
        if i64::from(crc32fast::hash(&self.blob)) != self.crc {
            return Err(damaged("the checksum does not match".to_owned()));
        }
        parse(&self.blob).map_err(|error| damaged(error.to_string()))
    }
}

fn parse<T: DeserializeOwned>(blob: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(blob)
}

/// Rows and the bytes that are staged of each.
#[derive(Debug, Default)]
pub struct Prepared {
    rows: Vec<Row>,
    /// The row as JSON, and its CRC-32.
    blobs: Vec<(Vec<u8>, u32)>,
}

impl Prepared {
    /// Takes time: not for a thread that others wait for.
    pub fn of(rows: Vec<Row>) -> Self {
        let blobs = rows.iter().map(blob_of).collect();
        Prepared { rows, blobs }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

fn blob_of(row: &Row) -> (Vec<u8>, u32) {
    let blob = serde_json::to_vec(row).expect("a row is always valid JSON");
    let crc = crc32fast::hash(&blob);
    (blob, crc)
}

/// Appends `rows` inside the caller's transaction.
pub async fn insert(db: &mut Db, rows: &[Row], now: Timestamp) -> Result<(), Error> {
    insert_prepared(db, &Prepared::of(rows.to_vec()), now).await
}

/// The same with bytes that were made before.
pub async fn insert_prepared(db: &mut Db, rows: &Prepared, now: Timestamp) -> Result<(), Error> {
    let lines: Vec<(&Row, &(Vec<u8>, u32))> = rows.rows.iter().zip(&rows.blobs).collect();
    let mut chunks = lines.chunks(INSERT_ROWS);
    let mut next = chunks.next().map(|chunk| inserted(chunk, now));
    while let Some(insert) = next {
        let insert = insert.query(db);
        // The database has a thread of its own: while it works on one, the next is put together.
        let made = async { chunks.next().map(|chunk| inserted(chunk, now)) };
        let (done, made) = tokio::join!(insert.execute(&mut *db), made);
        done.map_err(Error::database("stage rows"))?;
        next = made;
    }
    crate::recordings::note(db, &rows.rows).await?;
    crate::faxes::note(db, &rows.rows).await?;
    fail::database("ingest.stage", "stage rows").await
}

fn inserted(lines: &[(&Row, &(Vec<u8>, u32))], now: Timestamp) -> Text {
    let mut insert =
        Text::new("INSERT INTO stage (tbl, tenant, day, id, version, staged_at, crc, blob) ");
    insert.push_rows(lines, |values, (row, (blob, crc))| {
        let layout = crate::schema::layout_of(row.table());
        values
            .bind(row.table())
            .bind(row.tenant().0 as i64)
            .bind(row.day_of().day_text())
            .bind(row.id() as i64)
            .bind(i64::from(layout.table.version))
            .bind(now.0)
            .bind(i64::from(*crc))
            .bind(blob.clone());
    });
    insert
}

/// The oldest rows of a table's day.
pub async fn of_day(db: &mut Db, table: &str, day: &str) -> Result<Vec<Staged>, Error> {
    sqlx::query_as(
        "SELECT seq, crc, blob FROM stage WHERE tbl = $1 AND day = $2 ORDER BY seq LIMIT $3",
    )
    .bind(table)
    .bind(day)
    .bind(SEAL_ROWS_MAX)
    .fetch_all(db)
    .await
    .map_err(Error::database("read staged rows"))
}

/// The tables and days that have staged rows.
pub async fn days(db: &mut Db) -> Result<Vec<(String, String)>, Error> {
    sqlx::query_as("SELECT DISTINCT tbl, day FROM stage ORDER BY day, tbl")
        .fetch_all(db)
        .await
        .map_err(Error::database("list staged days"))
}

/// How many rows are staged, and since when the oldest.
pub async fn backlog(db: &mut Db) -> Result<(i64, Option<Timestamp>), Error> {
    let (count, oldest): (i64, Option<i64>) =
        sqlx::query_as("SELECT COUNT(*), MIN(staged_at) FROM stage")
            .fetch_one(db)
            .await
            .map_err(Error::database("count staged rows"))?;
    Ok((count, oldest.map(Timestamp)))
}

/// Removes rows that a file holds now, and puts damaged ones aside where they can be looked at.
pub async fn remove(
    db: &mut Db,
    (table, day, last): (&str, &str, i64),
    damaged: &[i64],
) -> Result<(), Error> {
    for seq in damaged {
        sqlx::query(
            "INSERT INTO quarantine (seq, tbl, tenant, day, id, version, staged_at, crc, blob) \
             SELECT seq, tbl, tenant, day, id, version, staged_at, crc, blob FROM stage WHERE seq = $1",
        )
        .bind(seq)
        .execute(&mut *db)
        .await
        .map_err(Error::database("put a damaged row aside"))?;
    }
    sqlx::query("DELETE FROM stage WHERE tbl = $1 AND day = $2 AND seq <= $3")
        .bind(table)
        .bind(day)
        .bind(last)
        .execute(db)
        .await
        .map_err(Error::database("remove sealed rows"))?;
    Ok(())
}
