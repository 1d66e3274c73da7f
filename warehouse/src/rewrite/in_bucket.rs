//! Published files of a day put in the place of others where they are in a bucket, which exchanges
//! nothing in one step. What goes has a second name below `_old` before the new file comes, for
//! sessions that began before; its first name goes right after the manifest has the new file. Who
//! lists the bucket from the moment that the new file is there until the last first name is gone finds
//! the rows of the day twice; who asks the manifest never does. Where the process dies in between, or
//! the bucket does not answer, the next start or the next upkeep removes what stayed ([`clear`]).
//!
//! The named steps are those of a folder; `rewrite.rename` is before the new file is sent,
//! `rewrite.dirsync` before it is read back.

use super::{STEPS, old_path, withdraw};
use crate::bucket::Bucket;
use crate::{Error, Warehouse, db, fail, manifest, publish};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// As [`super::exchange_for`].
pub async fn exchange_for(
    warehouse: &Warehouse,
    entry: &manifest::Entry,
    replaced: &[String],
    tmp: PathBuf,
) -> Result<(), Error> {
    // Asked first: nothing is begun in a bucket that is another's or away.
    let Some(bucket) = warehouse.shelf().ours().await? else { return Ok(()) };
    fail::database("rewrite.announce", "rewrite").await?;
    let mut tx = warehouse.write("rewrite").await?;
    manifest::announce(&mut tx, entry, replaced).await?;
    db::commit(tx, "rewrite").await?;

    for path in replaced.iter().filter(|path| !path.starts_with('_')) {
        bucket.copy(path, &old_path(path)).await?;
    }
    bucket.pass("rewrite.swap", "send", &entry.path).await?;
    if let Err(error) = warehouse.shelf().place(tmp, entry, STEPS).await {
        // It may lie there although the bucket did not say so: the next rewrite looks.
        // What lies there is removed before it is forgotten: nobody looks for what nothing names.
        if !error.is_away() && bucket.remove(&entry.path).await.is_ok() {
            withdraw(warehouse, &entry.path).await?;
        }
        return Err(error);
    }
    fail::database("rewrite.commit", "rewrite").await?;
    complete(warehouse, bucket, entry).await?;
    fail::database("rewrite.done", "rewrite").await
}

/// Lets the new file count; those that it replaces lose their first names.
async fn complete(
    warehouse: &Warehouse,
    bucket: &Bucket,
    entry: &manifest::Entry,
) -> Result<(), Error> {
    publish::complete(warehouse, &entry.path).await?;
    let mut tx = warehouse.read("list replaced files").await?;
    let replaced = manifest::replaced_by(&mut tx, &entry.path).await?;
    drop(tx);
    for path in replaced.iter().filter(|path| !path.starts_with('_')) {
        if let Err(error) = bucket.remove(path).await {
            tracing::warn!(%error, "is replaced and still there");
            warehouse.shelf().set_leaves_over(true);
        }
    }
    Ok(())
}

/// Removes first names that replaced files still have.
pub async fn clear(warehouse: &Warehouse, bucket: &Bucket) -> Result<(), Error> {
    let mut tx = warehouse.read("list replaced files").await?;
    let replaced = manifest::replaced(&mut tx).await?;
    drop(tx);
    for path in &replaced {
        bucket.remove(path).await?;
    }
    warehouse.shelf().set_leaves_over(false);
    Ok(())
}

/// Completes or undoes a rewrite that was begun and left.
pub async fn finish(warehouse: &Warehouse, entry: &manifest::Entry) -> Result<(), Error> {
    let Some(bucket) = warehouse.shelf().ours().await? else { return Ok(()) };
    if warehouse.shelf().is_whole(entry).await? {
        return complete(warehouse, bucket, entry).await;
    }
    bucket.remove(&entry.path).await?;
    withdraw(warehouse, &entry.path).await
}

/// Removes second names below `_old` that no session needs: also those of files that count under their
/// first ones, because a rewrite was broken off.
pub async fn tidy(warehouse: &Warehouse, bucket: &Bucket) -> Result<(), Error> {
    let kept = bucket.list(super::OLD).await?;
    if kept.is_empty() {
        return Ok(());
    }
    let mut tx = warehouse.read("look for kept files").await?;
    let replaced = manifest::replaced(&mut tx).await?;
    drop(tx);
    let needed: BTreeSet<String> = replaced.iter().map(|path| old_path(path)).collect();
    for name in kept {
        if !needed.contains(&name) {
            bucket.remove(&name).await?;
        }
    }
    Ok(())
}
