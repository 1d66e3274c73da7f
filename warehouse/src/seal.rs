//! From staged rows to a hot file: sort, write, sync, rename, sync the folder, and one transaction
//! that names the file and removes the rows. Until the transaction the rows are staged and the file
//! is nothing; after it the file holds them. Named steps: `seal.write`, `seal.sync`, `seal.rename`,
//! `seal.dirsync`, `seal.commit`, `seal.done`.

use crate::file::{self, Steps};
use crate::schema::{self, layout_of};
use crate::stage::{self, Staged};
use crate::{Error, Warehouse, fail, manifest};
use terms::record::Row;

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

/// Seals the oldest rows of one table's day into one file.
async fn part(warehouse: &Warehouse, table: &str, day: &str) -> Result<u64, Error> {
    let mut tx = warehouse.read("read staged rows").await?;
    let staged = stage::of_day(&mut tx, table, day).await?;
    drop(tx);
    let (Some(first), Some(last)) = (staged.first(), staged.last()) else { return Ok(0) };
    let (first, last) = (first.seq, last.seq);
    let (rows, damaged) = decode(staged);
    let count = rows.len() as u64;
    let name = format!("{first:020}-{last:020}.parquet");
    let path = format!("_hot/{table}/dt={day}/{name}");
    let written = if rows.is_empty() {
        None
    } else {
        let tmp = warehouse.tmp(&format!("seal-{table}-{name}"));
        let place = warehouse.dir().join(&path);
        let layout = layout_of(rows[0].table());
        let work = move || {
            file::make_folder(tmp.parent().expect("_tmp is its folder"))?;
            let sorted = schema::batch(layout, &rows)
                .and_then(|batch| schema::sort(layout, &batch))
                .map_err(|error| Error::parquet("sort rows for", &tmp)(error.into()))?;
            let written = file::write(layout, &sorted, &tmp, STEPS)?;
            file::place(&tmp, &place, STEPS)?;
            Ok::<_, Error>(written)
        };
        Some(tokio::task::spawn_blocking(work).await.expect("sealing does not panic")?)
    };
    fail::database("seal.commit", "seal")?;
    let mut tx = warehouse.write("seal").await?;
    if let Some(written) = written {
        let entry = manifest::Entry::new((path, table, day), (first, last), "hot", written);
        manifest::insert(&mut tx, &entry).await?;
    }
    stage::remove(&mut tx, (table, day, last), &damaged).await?;
    tx.commit().await.map_err(Error::database("seal"))?;
    fail::database("seal.done", "seal")?;
    tracing::debug!(table, day, rows = count, "sealed");
    Ok(count)
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
