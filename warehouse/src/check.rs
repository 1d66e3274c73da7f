//! What is where, and whether every byte is still what was written.

use crate::db::{self, Db};
use crate::repair::Key;
use crate::stage::Staged;
use crate::store::{Stats, Verified};
use crate::{Error, Warehouse, file, manifest, query, repair};
use futures::TryStreamExt;
use std::collections::{BTreeMap, BTreeSet};

/// Counts.
pub async fn stats(warehouse: &Warehouse) -> Result<Stats, Error> {
    let mut tx = warehouse.read("count").await?;
    let staged: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM stage")
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::database("count staged rows"))?;
    let quarantined: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM quarantine")
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::database("count rows put aside"))?;
    let files: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT state, COUNT(*), CAST(SUM(rows) AS BIGINT), CAST(SUM(bytes) AS BIGINT) \
         FROM file GROUP BY state",
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(Error::database("count files"))?;
    let mut stats = Stats {
        staged_rows: staged as u64,
        quarantined_rows: quarantined as u64,
        ..Stats::default()
    };
    for (state, files, rows, bytes) in files {
        match state.as_str() {
            "hot" => (stats.hot_files, stats.hot_rows) = (files as u64, rows as u64),
            "published" => {
                (stats.published_files, stats.published_rows) = (files as u64, rows as u64);
            }
            _ => {}
        }
        stats.bytes += bytes as u64;
    }
    Ok(stats)
}

/// Bytes of the files that sessions read, by the UTC day of their rows (`2026-11-23`).
pub async fn bytes_by_day(warehouse: &Warehouse) -> Result<BTreeMap<String, u64>, Error> {
    let mut tx = warehouse.read("count").await?;
    let days: Vec<(String, i64)> = sqlx::query_as(
        "SELECT day, CAST(SUM(bytes) AS BIGINT) FROM file \
         WHERE state IN ('hot', 'published') GROUP BY day",
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(Error::database("count bytes"))?;
    Ok(days.into_iter().map(|(day, bytes)| (day, bytes.unsigned_abs())).collect())
}

/// Reads everything. `progress` is told how many files were read, and of how many.
pub async fn verify(
    warehouse: &Warehouse,
    progress: impl Fn(usize, usize),
) -> Result<Verified, Error> {
    let mut found = Verified { aside: warehouse.aside()?, ..Verified::default() };
    // Before the manifest is read: what comes to its place meanwhile is named there.
    let there = parquet_files(warehouse).await?;
    let mut tx = warehouse.read("verify").await?;
    found.faults.extend(db::damage(&mut tx).await?);
    let stateless = manifest::in_no_state(&mut tx).await?;
    let stateless = stateless.into_iter().map(|path| format!("{path} has no state that is known"));
    found.faults.extend(stateless);
    let named: BTreeSet<String> = manifest::paths(&mut tx).await?.into_iter().collect();
    let files = counted(&mut tx).await?;
    let mut days: BTreeMap<(String, String), Day> = BTreeMap::new();
    {
        let mut staged =
            sqlx::query_as::<_, Staged>("SELECT seq, crc, blob FROM stage ORDER BY seq")
                .fetch(&mut *tx);
        while let Some(staged) = staged.try_next().await.map_err(Error::database("verify"))? {
            found.staged_rows += 1;
            match staged.row() {
                Ok(row) => {
                    let at = row.day_of();
                    let key = (row.tenant().0 as i64, at.0, row.id() as i64);
                    let place = (row.table().to_owned(), at.day_text());
                    days.entry(place).or_default().staged.push(key);
                }
                Err(error) => found.faults.push(error.to_string()),
            }
        }
    }
    drop(tx);
    let (all, mut broken) = (files.len(), Vec::new());
    for entry in files {
        progress(found.files as usize, all);
        found.files += 1;
        let near = warehouse.shelf().near(vec![entry.path.clone()]).await?;
        let whole = entry.clone();
        let work = move || fault_of(&near.path(&entry.path), &entry);
        match tokio::task::spawn_blocking(work).await.expect("reading does not panic") {
            Some(fault) => broken.push((whole.path, fault)),
            None => {
                let place = (whole.tbl.clone(), whole.day.clone());
                days.entry(place).or_default().files.push(whole);
            }
        }
    }
    found.faults.extend(still_broken(warehouse, broken).await?);
    for ((table, day), of) in days {
        found.faults.extend(doubled_on(warehouse, &table, &day, of).await?);
    }
    let unnamed: Vec<String> = there.into_iter().filter(|path| !named.contains(path)).collect();
    found.faults.extend(still_unnamed(warehouse, unnamed).await?);
    progress(all, all);
    Ok(found)
}

/// The files that an answer reads: of rows, and of their counts.
async fn counted(db: &mut Db) -> Result<Vec<manifest::Entry>, Error> {
    let mut files = manifest::in_state(db, "hot").await?;
    files.extend(manifest::in_state(db, "published").await?);
    let counts = crate::rollup::readable(db).await?;
    files.extend(counts.into_iter().map(|(_, entry)| entry));
    Ok(files)
}

/// What is wrong with files by their paths, of those that still count: a box beside us may have put
/// another in the place of one since, and taken it away.
pub async fn still_broken(
    warehouse: &Warehouse,
    broken: Vec<(String, String)>,
) -> Result<Vec<String>, Error> {
    if broken.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = warehouse.read("verify").await?;
    let files = counted(&mut tx).await?;
    let counts: BTreeSet<&str> = files.iter().map(|entry| entry.path.as_str()).collect();
    let left = broken.into_iter().filter(|(path, _)| counts.contains(path.as_str()));
    Ok(left.map(|(_, fault)| fault).collect())
}

/// Of files that were not named, those that are not yet: a box beside us names a file right after it
/// came to its place.
async fn still_unnamed(warehouse: &Warehouse, unnamed: Vec<String>) -> Result<Vec<String>, Error> {
    if unnamed.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = warehouse.read("verify").await?;
    let named: BTreeSet<String> = manifest::paths(&mut tx).await?.into_iter().collect();
    let mut left = Vec::new();
    for path in unnamed {
        if !named.contains(&path) && warehouse.shelf().is_there(&path).await? {
            left.push(format!("{path} is not named by warehouse.db"));
        }
    }
    Ok(left)
}

/// A table's day.
#[derive(Default)]
struct Day {
    files: Vec<manifest::Entry>,
    staged: Vec<Key>,
}

/// Whether rows of a table's day are there twice.
async fn doubled_on(
    warehouse: &Warehouse,
    table: &str,
    day: &str,
    of: Day,
) -> Result<Option<String>, Error> {
    let Some(layout) = crate::schema::layouts().get(table) else { return Ok(None) };
    let near = warehouse.shelf().near_all(&of.files).await?;
    let work = move || repair::doubled(&repair::keys_of_day(layout, &near, &of.files, &of.staged));
    let found = tokio::task::spawn_blocking(work).await.expect("reading does not panic");
    Ok(found.map(|(rows, first)| {
        format!("{table} of {day} has {rows} rows twice, the first is {first}")
    }))
}

/// The paths of the Parquet files of ours, published and not.
async fn parquet_files(warehouse: &Warehouse) -> Result<Vec<String>, Error> {
    let (mut found, mut names) = (Vec::new(), Vec::new());
    for table in crate::schema::layouts().keys() {
        names.extend(warehouse.shelf().list(table).await?);
        for folder in [warehouse.dir().join("_hot"), warehouse.dir().to_owned()] {
            found.extend(file::walk(&folder.join(table))?);
        }
    }
    let relative = |path: &std::path::PathBuf| {
        Some(path.strip_prefix(warehouse.dir()).ok()?.to_str()?.to_owned())
    };
    names.extend(found.iter().filter_map(relative));
    names.retain(|name| name.ends_with(".parquet"));
    Ok(names)
}

/// What is wrong with a file.
pub fn fault_of(path: &std::path::Path, entry: &manifest::Entry) -> Option<String> {
    let (sha256, bytes) = match file::digest(path) {
        Ok(found) => found,
        Err(_) if !path.exists() => return Some(format!("{} is not there", entry.path)),
        Err(error) => return Some(error.to_string()),
    };
    if bytes != entry.bytes {
        return Some(format!("{} has {bytes} bytes, {} were written", entry.path, entry.bytes));
    }
    if sha256 != entry.sha256 {
        return Some(format!("{} is not what was written: its SHA-256 differs", entry.path));
    }
    let Some(layout) = crate::schema::layouts().get(entry.tbl.as_str()) else {
        let is_count = query::counts().any(|(name, _)| name == entry.tbl);
        return (!is_count).then(|| format!("{} is of no table that is known", entry.path));
    };
    let batches = match file::read(layout, path) {
        Err(error) => return Some(error.to_string()),
        Ok(batches) => batches,
    };
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    if rows as i64 != entry.rows {
        return Some(format!("{} holds {rows} rows, {} were written", entry.path, entry.rows));
    }
    // By these an answer passes over a file.
    let is_said = batches.iter().all(|batch| {
        let (tenants, times) = file::ranges(layout, batch);
        let covers = |(from, to): (i64, i64), of: (i64, i64)| from <= of.0 && of.1 <= to;
        covers((entry.tenant_min, entry.tenant_max), tenants)
            && covers((entry.at_min, entry.at_max), times)
    });
    (!is_said).then(|| format!("{} holds rows outside of what the manifest says of it", entry.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{day, fold};

    #[tokio::test]
    async fn a_file_in_a_state_that_nobody_knows_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        warehouse.stage_rows("test", 1, &fold(&day(42, 1, 10))).await.unwrap();
        warehouse.publish_all().await.unwrap();
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
        let mut tx = warehouse.write("test").await.unwrap();
        let published = manifest::in_state(&mut tx, "published").await.unwrap();
        let of_calls = published.into_iter().find(|entry| entry.tbl == "calls");
        let path = of_calls.expect("calls were published").path;
        // One bit of the last letter is another one.
        let changed = sqlx::query("UPDATE file SET state = 'publishee' WHERE path = $1")
            .bind(&path)
            .execute(&mut *tx)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1);
        tx.commit().await.unwrap();
        let faults = warehouse.verify().await.unwrap().faults;
        assert_eq!(faults, [format!("{path} has no state that is known")]);
    }

    #[tokio::test]
    async fn bytes_are_told_by_the_day_of_their_rows_without_files_that_were_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        warehouse.stage_rows("test", 1, &fold(&day(42, 3, 40))).await.unwrap();
        assert!(warehouse.bytes_by_day().await.unwrap().is_empty(), "no file is there yet");
        warehouse.seal().await.unwrap();
        let sealed = warehouse.bytes_by_day().await.unwrap();
        let all = warehouse.stats().await.unwrap().bytes;
        assert_eq!(sealed.keys().collect::<Vec<_>>(), ["2026-11-22", "2026-11-23"]);
        assert_eq!(sealed.values().sum::<u64>(), all);
        warehouse.publish_all().await.unwrap();
        let published = warehouse.bytes_by_day().await.unwrap();
        assert!(published.keys().eq(sealed.keys()));
        let with_replaced = warehouse.stats().await.unwrap().bytes;
        assert!(published.values().sum::<u64>() < with_replaced);
    }
}
