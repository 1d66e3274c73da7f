//! What is where, and whether every byte is still what was written.

use crate::stage::Staged;
use crate::store::{Stats, Verified};
use crate::{Error, Warehouse, file, manifest};
use futures::TryStreamExt;

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

/// Reads everything.
pub async fn verify(warehouse: &Warehouse) -> Result<Verified, Error> {
    let mut found = Verified::default();
    let mut tx = warehouse.read("verify").await?;
    let mut files = manifest::in_state(&mut tx, "hot").await?;
    files.extend(manifest::in_state(&mut tx, "published").await?);
    let counts = crate::rollup::readable(&mut tx).await?;
    files.extend(counts.into_iter().map(|(_, entry)| entry));
    {
        let mut staged =
            sqlx::query_as::<_, Staged>("SELECT seq, crc, blob FROM stage ORDER BY seq")
                .fetch(&mut *tx);
        while let Some(staged) = staged.try_next().await.map_err(Error::database("verify"))? {
            found.staged_rows += 1;
            found.faults.extend(staged.row().err().map(|error| error.to_string()));
        }
    }
    drop(tx);
    for entry in files {
        found.files += 1;
        let path = warehouse.dir().join(&entry.path);
        let work = move || fault_of(&path, &entry);
        let fault = tokio::task::spawn_blocking(work).await.expect("reading does not panic");
        found.faults.extend(fault);
    }
    Ok(found)
}

/// What is wrong with a file.
fn fault_of(path: &std::path::Path, entry: &manifest::Entry) -> Option<String> {
    let (sha256, bytes) = match file::digest(path) {
        Ok(found) => found,
        Err(error) => return Some(error.to_string()),
    };
    if bytes != entry.bytes {
        return Some(format!("{} has {bytes} bytes, {} were written", entry.path, entry.bytes));
    }
    if sha256 != entry.sha256 {
        return Some(format!("{} is not what was written: its SHA-256 differs", entry.path));
    }
    let layout = crate::schema::layouts().get(entry.tbl.as_str())?;
    match file::read(layout, path) {
        Err(error) => Some(error.to_string()),
        Ok(batches) => {
            let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
            (rows as i64 != entry.rows)
                .then(|| format!("{} holds {rows} rows, {} were written", entry.path, entry.rows))
        }
    }
}
