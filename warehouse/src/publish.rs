//! From hot files to published ones: a day's hot files of a table are merged, sorted, and put where
//! every engine looks, `<table>/dt=<day>/part-….parquet`. An outside reader of
//! `<table>/dt=*/*.parquet` sees each row once, and never sees a count fall: a file that was renamed
//! before a crash is completed at the next start, not removed.
//!
//! Named steps: `publish.write`, `publish.sync`, `publish.announce`, `publish.rename`,
//! `publish.dirsync`, `publish.commit`, `publish.done`.

use crate::file::{self, Steps, Written};
use crate::schema::{self, Layout, layout_of, layouts};
use crate::shelf::Near;
use crate::store::now;
use crate::{Error, Warehouse, db, fail, manifest, sweep};
use arrow::compute::concat_batches;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::Timestamp;

/// Rows of a published file, a hot file more or less.
pub const PART_ROWS_MAX: i64 = 1_000_000;
/// A UTC day is published this long after its end: calls that began in it have ended by then,
/// as a rule. Later rows add a file.
pub const CLOSE_AFTER_MS: i64 = 2 * 3_600_000;

/// The failpoints on the way to disk.
pub const STEPS: Steps = Steps {
    write: "publish.write",
    sync: "publish.sync",
    rename: "publish.rename",
    dirsync: "publish.dirsync",
};

/// The first day that is not over yet, with its grace.
pub fn closed_before(now: Timestamp) -> String {
    Timestamp(now.0 - CLOSE_AFTER_MS * 1000).day_text()
}

/// Publishes what is due at `now`: days that are over, and late rows of days that were published
/// before once a day, so that a day does not become a thousand files.
pub async fn due(warehouse: &Warehouse, now: Timestamp) -> Result<u64, Error> {
    let mut tx = warehouse.read("list published days").await?;
    let published = manifest::published(&mut tx).await?;
    drop(tx);
    let closed = closed_before(now);
    let late = |entry: &manifest::Entry| closed_before(Timestamp(entry.sealed_at)) < closed;
    let first =
        |entry: &manifest::Entry| !published.contains(&(entry.tbl.clone(), entry.day.clone()));
    files(warehouse, |entry| entry.day < closed && (first(entry) || late(entry))).await
}

/// Publishes the hot files that are `wanted`. Returns how many rows.
pub async fn files(
    warehouse: &Warehouse,
    wanted: impl Fn(&manifest::Entry) -> bool,
) -> Result<u64, Error> {
    sweep::unfinished(warehouse).await?;
    let mut tx = warehouse.read("list hot files").await?;
    let hot = manifest::in_state(&mut tx, "hot").await?;
    drop(tx);
    let hot: Vec<_> = hot.into_iter().filter(|entry| wanted(entry)).collect();
    let mut published = 0;
    for part in plan(&hot) {
        published += self::part(warehouse, part).await?;
    }
    Ok(published)
}

/// Which hot files make which part: neighbours of one table and day, up to the limit of rows.
fn plan(hot: &[manifest::Entry]) -> Vec<&[manifest::Entry]> {
    let mut parts = Vec::new();
    for day in hot.chunk_by(|a, b| (&a.tbl, &a.day) == (&b.tbl, &b.day)) {
        let (mut from, mut rows) = (0, 0);
        for (at, entry) in day.iter().enumerate() {
            if at > from && rows + entry.rows > PART_ROWS_MAX {
                parts.push(&day[from..at]);
                (from, rows) = (at, 0);
            }
            rows += entry.rows;
        }
        parts.push(&day[from..]);
    }
    parts
}

async fn part(warehouse: &Warehouse, hot: &[manifest::Entry]) -> Result<u64, Error> {
    let (table, day) = (hot[0].tbl.as_str(), hot[0].day.as_str());
    // A table that this program does not know was written by a newer one: it stays as it is.
    let Some(layout) = layouts().contains_key(table).then(|| layout_of(table)) else {
        return Ok(0);
    };
    let seqs = (hot[0].seq_min, hot[hot.len() - 1].seq_max);
    let sealed_at = Timestamp(hot.iter().map(|entry| entry.sealed_at).min().unwrap_or_default());
    let tmp = warehouse.tmp(&format!("publish-{table}-{:020}.parquet", seqs.0));
    let merged = merge(layout, warehouse.shelf().here(), hot.to_vec(), tmp.clone()).await?;
    let Some((written, replaced)) = merged else { return Ok(0) };
    let path = path_of((table, day), seqs, &written);
    let rows = written.rows as u64;

    let names = (path, table, day);
    let entry = manifest::Entry::new(names, seqs, "publishing", sealed_at, written);
    settle(warehouse, &entry, &replaced, tmp).await?;
    tracing::debug!(table, day, rows, "published");
    Ok(rows)
}

/// Brings the file that was written at `tmp` to its place among the published ones: named, renamed,
/// counted, and the hot files that it replaces retired.
pub async fn settle(
    warehouse: &Warehouse,
    entry: &manifest::Entry,
    replaced: &[String],
    tmp: PathBuf,
) -> Result<(), Error> {
    let path = &entry.path;
    fail::database("publish.announce", "publish").await?;
    let mut tx = warehouse.write("publish").await?;
    manifest::announce(&mut tx, entry, replaced).await?;
    db::commit(tx, "publish").await?;

    if let Err(error) = warehouse.shelf().place(tmp, entry, STEPS).await {
        // It may lie there although the bucket did not say so: the next publication looks.
        if error.is_away() {
            return Err(error);
        }
        // The row counts stay right either way. What lies there is removed before it is forgotten:
        // nobody looks for what nothing names.
        if warehouse.shelf().remove(path).await.is_ok() {
            let mut tx = warehouse.write("publish").await?;
            manifest::withdraw(&mut tx, path).await?;
            db::commit(tx, "publish").await?;
        }
        return Err(error);
    }
    fail::database("publish.commit", "publish").await?;
    complete(warehouse, path).await?;
    fail::database("publish.done", "publish").await
}

/// Where a published file lies.
pub fn path_of(of: (&str, &str), seqs: (i64, i64), written: &Written) -> String {
    path_with(of, seqs, &written.sha256)
}

/// The same for what has this SHA-256.
pub fn path_with((table, day): (&str, &str), seqs: (i64, i64), sha256: &str) -> String {
    let name = format!("part-{:020}-{:020}-{}.parquet", seqs.0, seqs.1, &sha256[..8]);
    format!("{table}/dt={day}/{name}")
}

/// Makes an announced file count.
pub async fn complete(warehouse: &Warehouse, path: &str) -> Result<(), Error> {
    let mut tx = warehouse.write("publish").await?;
    manifest::complete(&mut tx, path, now()).await?;
    db::commit(tx, "publish").await
}

/// Removes a file that may be gone already.
pub fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Writes the rows of the hot files that are whole into one file, and says which those are.
async fn merge(
    layout: &'static Arc<Layout>,
    near: Near,
    hot: Vec<manifest::Entry>,
    tmp: PathBuf,
) -> Result<Option<(Written, Vec<String>)>, Error> {
    let work = move || {
        file::make_folder(tmp.parent().expect("_tmp is its folder"))?;
        let (batches, read) = file::read_whole(layout, &near, &hot);
        if read.is_empty() {
            return Ok(None);
        }
        let sorted = concat_batches(&layout.schema, &batches)
            .and_then(|batch| schema::sort(layout, &batch))
            .map_err(|error| Error::parquet("merge into", &tmp)(error.into()))?;
        Ok(Some((file::write(layout, &sorted, &tmp, STEPS)?, read)))
    };
    tokio::task::spawn_blocking(work).await.expect("publishing does not panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hot(table: &str, day: &str, rows: i64) -> manifest::Entry {
        manifest::Entry {
            path: String::new(),
            tbl: table.into(),
            day: day.into(),
            rows,
            bytes: 0,
            seq_min: 0,
            seq_max: 0,
            sha256: String::new(),
            state: "hot".into(),
            tenant_min: 0,
            tenant_max: 0,
            at_min: 0,
            at_max: 0,
            sealed_at: 0,
        }
    }

    #[test]
    fn a_part_holds_one_table_and_day_up_to_a_limit() {
        let files = [
            hot("calls", "2026-11-22", 600_000),
            hot("calls", "2026-11-22", 300_000),
            hot("calls", "2026-11-22", 200_000),
            hot("calls", "2026-11-23", 5),
            hot("legs", "2026-11-23", 2_000_000),
        ];
        let sizes: Vec<usize> = plan(&files).iter().map(|part| part.len()).collect();
        assert_eq!(sizes, [2, 1, 1, 1]);
    }

    #[test]
    fn a_day_closes_two_hours_after_midnight() {
        let at = |text: i64| closed_before(Timestamp::from_secs(text));
        assert_eq!(at(86_400 + 7_199), "1970-01-01");
        assert_eq!(at(86_400 + 7_200), "1970-01-02");
    }
}
