//! Fills the index of a warehouse from before it had one, or whose index was removed: from the
//! staged rows and the files, deletions included. It happens once, at the start of the writer; a
//! process that dies in between begins again and changes nothing that is right.

use super::{heard, insert};
use crate::db::{self, Db};
use crate::schema::layout_of;
use crate::stage::Staged;
use crate::{Error, Warehouse, file, manifest};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use serde_json::{Map, Value};
use terms::record::{Column, ColumnType, Record, Recording, RecordingDeletion, Row};

/// Says in `meta` that the index is whole.
const FILLED: &str = "recordings";

pub(crate) async fn fill(warehouse: &Warehouse) -> Result<(), Error> {
    rows(warehouse).await?;
    heard::fill(warehouse).await
}

async fn rows(warehouse: &Warehouse) -> Result<(), Error> {
    let mut tx = warehouse.write("fill the index of recordings").await?;
    let filled: Option<i64> = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1")
        .bind(FILLED)
        .fetch_optional(&mut *tx)
        .await
        .map_err(Error::database("fill the index of recordings"))?;
    if filled.is_some() {
        return Ok(());
    }
    let mut files = manifest::in_state(&mut tx, "hot").await?;
    files.extend(manifest::in_state(&mut tx, "published").await?);
    let select =
        "SELECT seq, crc, blob FROM stage WHERE tbl IN ('recordings', 'recording_deletions')";
    let staged = staged(&mut tx, select).await?;
    // File by file: the memory does not grow with the store.
    for entry in of_table::<Recording>(&files) {
        let rows: Vec<Recording> = read(warehouse, entry).await?;
        insert(&mut tx, &rows.iter().collect::<Vec<_>>()).await?;
    }
    super::note(&mut tx, &staged).await?;
    for entry in of_table::<RecordingDeletion>(&files) {
        for deletion in read(warehouse, entry).await? {
            mark(&mut tx, &deletion).await?;
        }
    }
    for row in &staged {
        if let Row::RecordingDeletion(deletion) = row {
            mark(&mut tx, deletion).await?;
        }
    }
    heard::unfill(&mut tx).await?;
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, 1)")
        .bind(FILLED)
        .execute(&mut *tx)
        .await
        .map_err(Error::database("fill the index of recordings"))?;
    db::commit(tx, "fill the index of recordings").await
}

/// Forgets that the index is whole: the next opening fills it.
pub(crate) async fn unfill(db: &mut Db) -> Result<(), Error> {
    sqlx::query("DELETE FROM meta WHERE name = $1")
        .bind(FILLED)
        .execute(&mut *db)
        .await
        .map_err(Error::database("forget the index of recordings"))?;
    heard::unfill(db).await
}

/// The staged rows that `select` names; one that is damaged is left out.
pub(super) async fn staged(db: &mut Db, select: &'static str) -> Result<Vec<Row>, Error> {
    let rows: Vec<Staged> =
        sqlx::query_as(select).fetch_all(db).await.map_err(Error::database("read staged rows"))?;
    Ok(rows.iter().filter_map(|staged| staged.row().ok()).collect())
}

async fn mark(db: &mut Db, deletion: &RecordingDeletion) -> Result<(), Error> {
    sqlx::query(
        "UPDATE recording SET kept = 0, deleted_at = $2, deleted_reason = $3, \
         deleted_detail = $4 WHERE id = $1 AND deleted_at IS NULL",
    )
    .bind(deletion.recording_id.0 as i64)
    .bind(deletion.deleted_at.0)
    .bind(&deletion.reason)
    .bind(&deletion.detail)
    .execute(db)
    .await
    .map_err(Error::database("fill the index of recordings"))?;
    Ok(())
}

/// The files of a table.
pub(super) fn of_table<R: Record>(
    files: &[manifest::Entry],
) -> impl Iterator<Item = &manifest::Entry> {
    files.iter().filter(|entry| entry.tbl == R::TABLE)
}

async fn read<R: Record>(warehouse: &Warehouse, entry: &manifest::Entry) -> Result<Vec<R>, Error> {
    let (columns, mut rows) = (R::columns(), Vec::new());
    for batch in &batches::<R>(warehouse, entry).await? {
        for at in 0..batch.num_rows() {
            rows.push(row(&columns, batch, at)?);
        }
    }
    Ok(rows)
}

/// The rows of a file. A damaged one is told and left out.
pub(super) async fn batches<R: Record>(
    warehouse: &Warehouse,
    entry: &manifest::Entry,
) -> Result<Vec<RecordBatch>, Error> {
    let near = warehouse.shelf().near(vec![entry.path.clone()]).await?;
    let entry = entry.clone();
    let work = move || file::read_whole(layout_of(R::TABLE), &near, &[entry]).0;
    Ok(tokio::task::spawn_blocking(work).await.expect("reading does not panic"))
}

/// A row by way of its JSON: a column that this file lacks is as in a row from before it.
pub(crate) fn row<R: Record>(
    columns: &[Column],
    batch: &RecordBatch,
    at: usize,
) -> Result<R, Error> {
    let mut cells = Map::new();
    for (column, array) in columns.iter().zip(batch.columns()) {
        if !array.is_null(at) {
            cells.insert(column.name.to_owned(), cell(column.kind, array.as_ref(), at));
        }
    }
    serde_json::from_value(Value::Object(cells))
        .map_err(|error| Error::Damaged { what: R::TABLE.to_owned(), why: error.to_string() })
}

fn cell(kind: ColumnType, array: &dyn Array, at: usize) -> Value {
    match kind {
        ColumnType::Int64 => array.as_primitive::<Int64Type>().value(at).into(),
        ColumnType::Int32 => array.as_primitive::<Int32Type>().value(at).into(),
        ColumnType::Float64 => array.as_primitive::<Float64Type>().value(at).into(),
        ColumnType::Text => array.as_string::<i32>().value(at).into(),
        ColumnType::Bool => array.as_boolean().value(at).into(),
        ColumnType::Time => array.as_primitive::<TimestampMicrosecondType>().value(at).into(),
    }
}
