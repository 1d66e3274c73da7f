//! From staged rows to a hot file: sort, write, sync, rename, sync the folder, and one transaction
//! that names the file and removes the rows. Until the transaction the rows are staged and the file
//! is nothing; after it the file holds them. Named steps: `seal.write`, `seal.sync`, `seal.rename`,
//! `seal.dirsync`, `seal.commit`, `seal.done`.

use crate::file::{self, Steps};
use crate::schema::{self, layout_of};
use crate::stage::{self, Staged};
use crate::store::now;
use crate::{Error, Warehouse, db, fail, manifest};
use arrow::compute::concat_batches;
use terms::Timestamp;
use terms::record::Row;

/// A hot file with fewer rows is merged into the next one of its day.
const SMALL_ROWS: i64 = 10_000;

const STEPS: Steps = Steps {
    write: "seal.write",
    sync: "seal.sync",
    rename: "seal.rename",
    dirsync: "seal.dirsync",
};

/// Seals everything that is staged. Returns how many rows.
pub async fn all(warehouse: &Warehouse) -> Result<u64, Error> {
    some(warehouse, |_| true).await
}

/// Seals what is staged of one day.
pub async fn day(warehouse: &Warehouse, day: &str) -> Result<u64, Error> {
    some(warehouse, |staged| staged == day).await
}

async fn some(warehouse: &Warehouse, wanted: impl Fn(&str) -> bool) -> Result<u64, Error> {
    let mut tx = warehouse.read("list staged days").await?;
    let days = stage::days(&mut tx).await?;
    drop(tx);
    let mut sealed = 0;
    for (table, day) in days.into_iter().filter(|(_, day)| wanted(day)) {
        loop {
            let rows = part(warehouse, &table, &day).await?;
            sealed += rows;
            if rows < stage::SEAL_ROWS_MAX as u64 {
                break;
            }
        }
    }
    Ok(sealed)
}

/// Seals the oldest rows of one table's day into one file, together with the small hot files of
/// that day: orders change for weeks after their day, a few at a time.
async fn part(warehouse: &Warehouse, table: &str, day: &str) -> Result<u64, Error> {
    let mut tx = warehouse.read("read staged rows").await?;
    let staged = stage::of_day(&mut tx, table, day).await?;
    let small = manifest::small_hot(&mut tx, (table, day), SMALL_ROWS).await?;
    drop(tx);
    let (Some(first), Some(last)) = (staged.first(), staged.last()) else { return Ok(0) };
    let (first, last) = (first.seq, last.seq);
    let (rows, damaged) = decode(staged);
    let count = rows.len() as u64;
    let sealed = match rows.is_empty() {
        true => None,
        false => Some(write(warehouse, (table, day), (first, last), rows, small).await?),
    };
    fail::database("seal.commit", "seal").await?;
    let mut tx = warehouse.write("seal").await?;
    if let Some(Sealed { entry, merged }) = sealed {
        manifest::insert(&mut tx, &entry).await?;
        manifest::retire(&mut tx, &merged, now()).await?;
    }
    stage::remove(&mut tx, (table, day, last), &damaged).await?;
    db::commit(tx, "seal").await?;
    fail::database("seal.done", "seal").await?;
    tracing::debug!(table, day, rows = count, "sealed");
    Ok(count)
}

/// A file that lies in its place but is not named yet.
struct Sealed {
    entry: manifest::Entry,
    /// The hot files whose rows it holds too.
    merged: Vec<String>,
}

async fn write(
    warehouse: &Warehouse,
    (table, day): (&str, &str),
    (first, last): (i64, i64),
    rows: Vec<Row>,
    small: Vec<manifest::Entry>,
) -> Result<Sealed, Error> {
    let first = small.iter().map(|entry| entry.seq_min).fold(first, i64::min);
    let sealed_at = small.iter().map(|entry| entry.sealed_at).fold(now().0, i64::min);
    let name = format!("{first:020}-{last:020}.parquet");
    let path = format!("_hot/{table}/dt={day}/{name}");
    let tmp = warehouse.tmp(&format!("seal-{table}-{name}"));
    let (near, place) = (warehouse.shelf().here(), warehouse.dir().join(&path));
    let layout = layout_of(rows[0].table());
    let work = move || {
        file::make_folder(tmp.parent().expect("_tmp is its folder"))?;
        let (mut batches, merged) = file::read_whole(layout, &near, &small);
        let sorted = schema::batch(layout, &rows)
            .and_then(|batch| {
                batches.push(batch);
                concat_batches(&layout.schema, &batches)
            })
            .and_then(|batch| schema::sort(layout, &batch))
            .map_err(|error| Error::parquet("sort rows for", &tmp)(error.into()))?;
        let written = file::write(layout, &sorted, &tmp, STEPS)?;
        file::place(&tmp, &place, STEPS)?;
        Ok::<_, Error>((written, merged))
    };
    let done = tokio::task::spawn_blocking(work).await.expect("sealing does not panic");
    let (written, merged) = done?;
    let sealed_at = Timestamp(sealed_at);
    let entry = manifest::Entry::new((path, table, day), (first, last), "hot", sealed_at, written);
    Ok(Sealed { entry, merged })
}

/// The rows that can be read, and the numbers of those that cannot.
fn decode(staged: Vec<Staged>) -> (Vec<Row>, Vec<i64>) {
    let mut rows = Vec::with_capacity(staged.len());
    let mut damaged = Vec::new();
    for staged in staged {
        match staged.row() {
            Ok(row) => rows.push(row),
            Err(error) => {
                tracing::error!(%error, "put aside");
                damaged.push(staged.seq);
            }
        }
    }
    (rows, damaged)
}
