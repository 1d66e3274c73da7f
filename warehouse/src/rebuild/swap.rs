//! Rows that were made anew into the place of those that were there.

use super::found::Here;
use crate::file::{self, Written};
use crate::recordings;
use crate::schema::Layout;
use crate::store::now;
use crate::{Error, Warehouse, db, faxes, manifest, publish, rewrite};
use arrow::array::RecordBatch;
use chrono::NaiveDate;
use std::path::PathBuf;
use std::sync::Arc;
use terms::Timestamp;
use terms::record::{Fax, Leg, Record, Recording, Row};

/// Puts rows that were not there into the indexes, before a file has them: the one of recordings, and
/// who is heard in them, is filled at the next opening.
pub async fn note(warehouse: &Warehouse, table: &str, added: &RecordBatch) -> Result<(), Error> {
    let is_indexed = [Recording::TABLE, Leg::TABLE, Fax::TABLE].contains(&table);
    if !is_indexed || added.num_rows() == 0 {
        return Ok(());
    }
    let mut tx = warehouse.write("index rows").await?;
    if table == Fax::TABLE {
        let columns = Fax::columns();
        let rows = (0..added.num_rows()).map(|at| recordings::row(&columns, added, at));
        let rows: Vec<Row> = rows.map(|row| row.map(Row::Fax)).collect::<Result<_, _>>()?;
        faxes::note(&mut tx, &rows).await?;
    } else if table == Leg::TABLE {
        recordings::unfill_heard(&mut tx).await?;
    } else {
        recordings::unfill(&mut tx).await?;
    }
    db::commit(tx, "index rows").await
}

/// Writes the rows of a table's day. False, and nothing happens, while files of an earlier rewrite of
/// the day are still kept for sessions. Damaged files are put aside first.
pub async fn put(
    warehouse: &Warehouse,
    (layout, day): (&'static Arc<Layout>, NaiveDate),
    here: &Here,
    rows: RecordBatch,
) -> Result<bool, Error> {
    let (table, day) = (layout.table.name, day.to_string());
    let mut tx = warehouse.read("look for kept files").await?;
    let kept = manifest::keeps_old(&mut tx, (table, &day)).await?;
    drop(tx);
    if kept {
        return Ok(false);
    }
    warehouse.shelf().keep_aside(&here.damaged).await?;
    let replaced: Vec<String> = here.files.iter().map(|entry| entry.path.clone()).collect();
    if rows.num_rows() == 0 {
        let mut tx = warehouse.write("rebuild").await?;
        manifest::retire(&mut tx, &replaced, now()).await?;
        db::commit(tx, "rebuild").await?;
        return Ok(true);
    }
    let tmp = warehouse.tmp(&format!("rebuild-{table}-{day}.parquet"));
    let written = write(layout, rows, tmp.clone()).await?;
    let seqs = (
        here.files.iter().map(|entry| entry.seq_min).min().unwrap_or_default(),
        here.files.iter().map(|entry| entry.seq_max).max().unwrap_or_default(),
    );
    let sealed_at = here.files.iter().map(|entry| entry.sealed_at).min().unwrap_or(now().0);
    let path = publish::path_of((table, &day), seqs, &written);
    let names = (path, table, day.as_str());
    let of = |state: &str| {
        manifest::Entry::new(names.clone(), seqs, state, Timestamp(sealed_at), written.clone())
    };
    if replaced.contains(&of("published").path) {
        // What is to be there is what was there, and lost or damaged since.
        return put_back(warehouse, &of("published"), &replaced, tmp).await.map(|()| true);
    }
    if replaced.is_empty() {
        publish::settle(warehouse, &of("publishing"), &[], tmp).await?;
    } else {
        if warehouse.shelf().bucket().is_none() {
            file::make_folder(&warehouse.dir().join(format!("{table}/dt={day}")))?;
        }
        rewrite::exchange_for(warehouse, &of(rewrite::STATE), &replaced, tmp).await?;
    }
    tracing::debug!(table, day, "rebuilt");
    Ok(true)
}

/// Puts a file to where the manifest names it, and retires the others.
async fn put_back(
    warehouse: &Warehouse,
    entry: &manifest::Entry,
    replaced: &[String],
    tmp: PathBuf,
) -> Result<(), Error> {
    warehouse.shelf().place(tmp, entry, rewrite::STEPS).await?;
    let others = replaced.iter().filter(|other| **other != entry.path);
    let others: Vec<String> = others.cloned().collect();
    let mut tx = warehouse.write("rebuild").await?;
    manifest::retire(&mut tx, &others, now()).await?;
    db::commit(tx, "rebuild").await
}

async fn write(
    layout: &'static Arc<Layout>,
    rows: RecordBatch,
    tmp: PathBuf,
) -> Result<Written, Error> {
    let work = move || {
        file::make_folder(tmp.parent().expect("_tmp is its folder"))?;
        file::write(layout, &rows, &tmp, rewrite::STEPS)
    };
    tokio::task::spawn_blocking(work).await.expect("rebuilding does not panic")
}
