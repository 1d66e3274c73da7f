//! What a crash left, and what was replaced: finished, undone or removed. A file that the manifest
//! does not name is never read, so removing it changes no answer.

use crate::{
    Error, Warehouse, aside, db, fail, file, manifest, moving, publish, repair, rewrite, rollup,
    shelf,
};
use std::collections::BTreeSet;
use terms::Timestamp;
use terms::record::tables;

/// A replaced file is kept this long: a session that was opened before may still read it.
pub const RETIRED_MS: i64 = 10 * 60_000;

/// Finishes or undoes what was begun when the process died, and removes orphans. What is in a bucket
/// that does not answer waits: nothing is published or rewritten before it is decided.
pub async fn recover(warehouse: &Warehouse) -> Result<(), Error> {
    shelf::forget_copies(warehouse.dir())?;
    moving::forget_unfinished(warehouse.dir())?;
    unless_away(unfinished(warehouse).await)?;
    unless_away(rewrite::recover(warehouse).await)?;
    rollup::tidy(warehouse).await?;
    orphans(warehouse).await?;
    unless_away(strays(warehouse).await)
}

fn unless_away(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(error) if error.is_away() => {
            tracing::warn!(%error, "the bucket of published files does not answer");
            Ok(())
        }
        done => done,
    }
}

/// Finishes or undoes publications that were begun and left: the process died, or the database did not
/// answer. The caller publishes nothing meanwhile.
pub async fn unfinished(warehouse: &Warehouse) -> Result<(), Error> {
    let mut tx = warehouse.read("look for unfinished files").await?;
    let unfinished = manifest::in_state(&mut tx, "publishing").await?;
    drop(tx);
    for entry in unfinished {
        if warehouse.shelf().is_whole(&entry).await? {
            publish::complete(warehouse, &entry.path).await?;
        } else {
            warehouse.shelf().remove(&entry.path).await?;
            let mut tx = warehouse.write("undo an unfinished file").await?;
            manifest::withdraw(&mut tx, &entry.path).await?;
            db::commit(tx, "undo an unfinished file").await?;
        }
    }
    Ok(())
}

/// Removes retired files whose time is over, and what replaced ones have left in a bucket.
pub async fn retired(warehouse: &Warehouse, now: Timestamp) -> Result<(), Error> {
    over(warehouse, now).await?;
    rewrite::clear(warehouse).await
}

async fn over(warehouse: &Warehouse, now: Timestamp) -> Result<(), Error> {
    let until = Timestamp(now.0 - RETIRED_MS * 1000);
    let mut tx = warehouse.read("list retired files").await?;
    let paths = manifest::retired(&mut tx, until).await?;
    drop(tx);
    if paths.is_empty() {
        return Ok(());
    }
    for path in paths {
        let whole = warehouse.dir().join(&path);
        let old = warehouse.dir().join(rewrite::old_path(&path));
        let work = move || {
            fail::file("publish.retire", "remove", &whole)?;
            publish::remove(&whole)?;
            publish::remove(&old)
        };
        tokio::task::spawn_blocking(work).await.expect("removing does not panic")?;
        warehouse.shelf().let_go(&path).await?;
        let mut tx = warehouse.write("forget a file").await?;
        manifest::forget(&mut tx, &path).await?;
        db::commit(tx, "forget a file").await?;
    }
    rollup::tidy(warehouse).await?;
    rewrite::tidy(warehouse).await
}

/// Takes objects of ours that nothing names out of the bucket: they lie aside as those of a folder do
/// ([`orphans`]).
async fn strays(warehouse: &Warehouse) -> Result<(), Error> {
    if warehouse.shelf().ours().await?.is_none() {
        return Ok(());
    }
    let mut found = Vec::new();
    for table in tables() {
        found.extend(warehouse.shelf().list(table.name).await?);
    }
    let mut tx = warehouse.read("list files").await?;
    let named: BTreeSet<String> = manifest::paths(&mut tx).await?.into_iter().collect();
    drop(tx);
    for name in found {
        if name.ends_with(".parquet") && !named.contains(&name) {
            warehouse.shelf().take_aside(&name).await?;
        }
    }
    Ok(())
}

/// Removes Parquet files of ours that nothing names. Only our own folders are looked at, and only
/// names of our own form, so that a stray file of somebody else stays. What is published is named
/// before it comes to its place: one that is not was named by a database that is gone, as was a sealed
/// one with rows that this database never numbered. Both lie aside until somebody decides
/// ([`crate::repair`]).
async fn orphans(warehouse: &Warehouse) -> Result<(), Error> {
    let mut tx = warehouse.read("list files").await?;
    let named: BTreeSet<String> = manifest::paths(&mut tx).await?.into_iter().collect();
    let last = manifest::last_seq(&mut tx).await?;
    drop(tx);
    repair::set_aside(warehouse.dir(), &named, last)?;
    let mut found = file::walk(&warehouse.dir().join("_tmp"))?;
    for table in tables() {
        for folder in [warehouse.dir().join("_hot"), warehouse.dir().to_owned()] {
            found.extend(file::walk(&folder.join(table.name))?);
        }
    }
    for path in found {
        let relative = path.strip_prefix(warehouse.dir()).expect("it was found below").to_owned();
        let name = relative.to_string_lossy();
        if !name.ends_with(".parquet") || named.contains(name.as_ref()) {
            continue;
        }
        if name.starts_with('_') {
            tracing::info!(%name, "removes a file that a crash left");
            publish::remove(&path)?;
        } else {
            aside::take(warehouse.dir(), &name)?;
        }
    }
    Ok(())
}
