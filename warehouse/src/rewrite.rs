//! Published files of one table's day put in the place of others: fewer larger ones, or the same
//! rows without what was said of a person. An outside reader sees the folder of the day as it was or as it is, never both:
//! the new folder is made beside (`_old/<table>/dt=…`, with hard links of what stays), and the kernel
//! exchanges the two names in one step (`RENAME_EXCHANGE`, renameat2(2)). The files that were replaced
//! then lie below `_old`, where sessions that began before find them ([`crate::query`]) until they are
//! removed as every retired file is.
//!
//! Named steps: `rewrite.write`, `rewrite.sync`, `rewrite.rename`, `rewrite.dirsync`,
//! `rewrite.announce`, `rewrite.swap`, `rewrite.commit`, `rewrite.done`. Until the exchange the old
//! files count, at whichever step the process dies; a start after it completes what was begun.
//!
//! In a bucket it goes as [`in_bucket`] says.

mod in_bucket;

use crate::file::{self, Steps, Written};
use crate::schema::{self, Layout, layout_of, layouts};
use crate::shelf::Near;
use crate::{Error, Warehouse, db, fail, manifest, publish};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::Timestamp;

/// Folders of before an exchange; readers of Parquet pass over names that begin like this.
pub const OLD: &str = "_old";
/// The state of a new file between announcement and commit.
pub const STATE: &str = "rewriting";

/// The failpoints on the way to disk.
pub const STEPS: Steps = Steps {
    write: "rewrite.write",
    sync: "rewrite.sync",
    rename: "rewrite.rename",
    dirsync: "rewrite.dirsync",
};

/// What becomes of the rows of a batch, which keeps its columns.
pub type Change = Arc<dyn Fn(&RecordBatch) -> Result<RecordBatch, ArrowError> + Send + Sync>;

/// Replaces `files`, all published and of one table's day, by one with their rows, as `change` makes
/// them. Damaged ones stay where they are. Returns how many were replaced: none where it is one file
/// and nothing changes. `None`, and nothing happens, while files of an earlier rewrite of the day are
/// still kept for sessions, and where no file is whole.
///
/// # Errors
/// See [`Error`]; the old files count on then.
pub async fn rewrite(
    warehouse: &Warehouse,
    files: &[manifest::Entry],
    change: Option<Change>,
) -> Result<Option<u64>, Error> {
    let Some(first) = files.first() else { return Ok(None) };
    let (table, day) = (first.tbl.as_str(), first.day.as_str());
    if unfinished(warehouse).await? {
        tidy(warehouse).await?;
    }
    let mut tx = warehouse.read("look for kept files").await?;
    let kept = manifest::keeps_old(&mut tx, (table, day)).await?;
    drop(tx);
    // A table that this program does not know was written by a newer one: it stays as it is.
    if kept || !layouts().contains_key(table) {
        return Ok(None);
    }
    let tmp = warehouse.tmp(&format!("rewrite-{table}-{day}.parquet"));
    let near = warehouse.shelf().near_all(files).await?;
    let made = make(layout_of(table), near, files.to_vec(), tmp.clone(), change);
    let Some((written, replaced)) = made.await? else { return Ok(None) };
    let seqs = (
        files.iter().map(|entry| entry.seq_min).min().unwrap_or_default(),
        files.iter().map(|entry| entry.seq_max).max().unwrap_or_default(),
    );
    let sealed_at = files.iter().map(|entry| entry.sealed_at).min().unwrap_or_default();
    let path = publish::path_of((table, day), seqs, &written);
    if files.iter().any(|entry| entry.path == path) {
        publish::remove(&tmp)?;
        return Ok(Some(0));
    }
    let names = (path, table, day);
    let entry = manifest::Entry::new(names, seqs, STATE, Timestamp(sealed_at), written);
    exchange_for(warehouse, &entry, &replaced, tmp).await?;
    tracing::debug!(table, day, files = replaced.len(), "rewritten");
    Ok(Some(replaced.len() as u64))
}

/// Writes the rows of the files that are whole into one, and says which those are.
async fn make(
    layout: &'static Arc<Layout>,
    near: Near,
    files: Vec<manifest::Entry>,
    tmp: PathBuf,
    change: Option<Change>,
) -> Result<Option<(Written, Vec<String>)>, Error> {
    let work = move || {
        file::make_folder(tmp.parent().expect("_tmp is its folder"))?;
        let (batches, read) = file::read_whole(layout, &near, &files);
        if read.is_empty() {
            return Ok(None);
        }
        let sorted = concat_batches(&layout.schema, &batches)
            .and_then(|batch| match &change {
                Some(change) => change(&batch),
                None => Ok(batch),
            })
            .and_then(|batch| schema::sort(layout, &batch))
            .map_err(|error| Error::parquet("merge into", &tmp)(error.into()))?;
        Ok(Some((file::write(layout, &sorted, &tmp, STEPS)?, read)))
    };
    tokio::task::spawn_blocking(work).await.expect("rewriting does not panic")
}

/// Puts the file that was written at `tmp` in the place of those that it replaces, of which a day's
/// folder need not have all.
///
/// # Errors
/// See [`Error`]; the old files count on then.
pub async fn exchange_for(
    warehouse: &Warehouse,
    entry: &manifest::Entry,
    replaced: &[String],
    tmp: PathBuf,
) -> Result<(), Error> {
    if warehouse.shelf().bucket().is_some() {
        return in_bucket::exchange_for(warehouse, entry, replaced, tmp).await;
    }
    let folders = Folders::of(warehouse.dir(), (&entry.tbl, &entry.day));
    let (beside, path, names) = (folders.clone(), entry.path.clone(), replaced.to_vec());
    blocking(move || beside.prepare(&path, &names, &tmp)).await?;

    fail::database("rewrite.announce", "rewrite").await?;
    let mut tx = warehouse.write("rewrite").await?;
    manifest::announce(&mut tx, entry, replaced).await?;
    db::commit(tx, "rewrite").await?;

    let swap = folders.clone();
    if let Err(error) = blocking(move || swap.exchange()).await {
        // Where the names were exchanged but not synced, the next start decides by what it finds.
        if !warehouse.dir().join(&entry.path).exists() {
            withdraw(warehouse, &entry.path).await?;
            blocking(move || remove_folder(&folders.old)).await?;
        }
        return Err(error);
    }
    fail::database("rewrite.commit", "rewrite").await?;
    publish::complete(warehouse, &entry.path).await?;
    fail::database("rewrite.done", "rewrite").await
}

async fn withdraw(warehouse: &Warehouse, path: &str) -> Result<(), Error> {
    let mut tx = warehouse.write("undo a rewrite").await?;
    manifest::withdraw(&mut tx, path).await?;
    db::commit(tx, "undo a rewrite").await
}

/// Completes or undoes what was begun when the process died.
///
/// # Errors
/// See [`Error`].
pub async fn recover(warehouse: &Warehouse) -> Result<(), Error> {
    unfinished(warehouse).await?;
    clear(warehouse).await?;
    if let Some(bucket) = warehouse.shelf().ours().await? {
        in_bucket::tidy(warehouse, bucket).await?;
    }
    tidy(warehouse).await
}

/// Removes what replaced files may have left in a bucket under their first names.
///
/// # Errors
/// See [`Error`].
pub async fn clear(warehouse: &Warehouse) -> Result<(), Error> {
    if !warehouse.shelf().leaves_over() {
        return Ok(());
    }
    match warehouse.shelf().ours().await? {
        Some(bucket) => in_bucket::clear(warehouse, bucket).await,
        None => Ok(()),
    }
}

/// Completes or undoes what was begun and left: the process died, or the database did not answer. Says
/// whether there was anything. The caller rewrites nothing meanwhile.
async fn unfinished(warehouse: &Warehouse) -> Result<bool, Error> {
    let mut tx = warehouse.read("look for unfinished rewrites").await?;
    let unfinished = manifest::in_state(&mut tx, STATE).await?;
    drop(tx);
    let any = !unfinished.is_empty();
    for entry in unfinished {
        if warehouse.shelf().bucket().is_some() {
            in_bucket::finish(warehouse, &entry).await?;
            continue;
        }
        let folders = Folders::of(warehouse.dir(), (&entry.tbl, &entry.day));
        // Before the exchange the new file lies below `_old` alone.
        if warehouse.dir().join(&entry.path).exists() {
            blocking(move || folders.sync()).await?;
            publish::complete(warehouse, &entry.path).await?;
        } else {
            withdraw(warehouse, &entry.path).await?;
        }
    }
    Ok(any)
}

/// Removes folders below `_old` that no session needs and no rewrite is about.
///
/// # Errors
/// See [`Error`].
pub async fn tidy(warehouse: &Warehouse) -> Result<(), Error> {
    let mut folders = Vec::new();
    for table in folders_of(&warehouse.dir().join(OLD))? {
        folders.extend(folders_of(&table)?);
    }
    for folder in folders {
        let name = |path: Option<&Path>| Some(path?.file_name()?.to_str()?.to_owned());
        let (table, day) = (name(folder.parent()), name(Some(folder.as_path())));
        let (Some(table), Some(day)) = (table, day) else { continue };
        let Some(day) = day.strip_prefix("dt=") else { continue };
        let mut tx = warehouse.read("look for kept files").await?;
        let needed = manifest::keeps_old(&mut tx, (&table, day)).await?;
        drop(tx);
        if !needed {
            blocking(move || remove_folder(&folder)).await?;
        }
    }
    Ok(())
}

/// Where a retired published file lies, relative to the warehouse.
pub fn old_path(path: &str) -> String {
    format!("{OLD}/{path}")
}

/// The folder of a table's day, and the one that it changes places with.
#[derive(Clone, Debug)]
struct Folders {
    live: PathBuf,
    old: PathBuf,
}

impl Folders {
    fn of(dir: &Path, (table, day): (&str, &str)) -> Self {
        let below = format!("{table}/dt={day}");
        Folders { live: dir.join(&below), old: dir.join(OLD).join(below) }
    }

    /// Makes the new folder: the file at `tmp` as `path`, and all that is not `replaced`.
    fn prepare(&self, path: &str, replaced: &[String], tmp: &Path) -> Result<(), Error> {
        remove_folder(&self.old)?;
        file::make_folder(&self.old)?;
        let goes: BTreeSet<&std::ffi::OsStr> =
            replaced.iter().filter_map(|path| Path::new(path).file_name()).collect();
        for stays in file::walk(&self.live)? {
            let Some(name) = stays.file_name().filter(|name| !goes.contains(name)) else {
                continue;
            };
            let link = self.old.join(name);
            std::fs::hard_link(&stays, &link).map_err(Error::file("link", &link))?;
        }
        let name = Path::new(path).file_name().expect("a file of the manifest has a name");
        file::place(tmp, &self.old.join(name), STEPS)
    }

    fn exchange(&self) -> Result<(), Error> {
        fail::file("rewrite.swap", "exchange", &self.live)?;
        exchange(&self.live, &self.old).map_err(Error::file("exchange", &self.live))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), Error> {
        for folder in [&self.live, &self.old] {
            let parent = folder.parent().expect("a day lies in the folder of its table");
            if parent.is_dir() {
                file::sync_folder(parent)?;
            }
        }
        Ok(())
    }
}

async fn blocking(work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    tokio::task::spawn_blocking(work).await.expect("moving files does not panic")
}

/// The folders in a folder that may be missing.
fn folders_of(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("list", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::file("list", folder))?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

fn remove_folder(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Gives each of two paths what the other named, in one step.
fn exchange(a: &Path, b: &Path) -> std::io::Result<()> {
    let (a, b) = (CString::new(a.as_os_str().as_bytes())?, CString::new(b.as_os_str().as_bytes())?);
    // SAFETY: both are strings that end with a zero and live until the call returns; the kernel only
    // reads them.
    let result = unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            a.as_ptr(),
            libc::AT_FDCWD,
            b.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
