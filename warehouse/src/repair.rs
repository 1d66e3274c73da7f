//! The manifest made anew from the files, when it is lost or cannot be read. A published
//! file says by its path of which table and day it is and which staged rows it has, and by the end of
//! its name what its SHA-256 begins with, so that a damaged one is not taken for whole; a sealed one of
//! ours says all but that. What is counted of it is read from it.
//!
//! The database is made beside the old one and takes its name in one step; the old one lies aside: a
//! file below `_aside`, a schema under its name with `_aside` behind it. Until then nobody opens the
//! warehouse for writing, however often it is tried again.
//!
//! What only the database knew is gone: rows that were staged and not sealed. Those of the event log
//! come again from it, as long as it has them.

mod adopt;
mod doubled;
mod later;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

pub use adopt::Adopted;

pub(crate) use doubled::{Key, doubled, keys, keys_of_day};
pub(crate) use later::set_aside;

use crate::db::{self, Database, Manifest, Pool, Server, Tx, mark};
use crate::file::{self, Written};
use crate::ingest::SOURCE;
use crate::schema::{Layout, layout_of};
use crate::shelf::{self, Shelf};
use crate::store::{self, Source, now, write_source};
use crate::{Bucket, Error, aside, faxes, manifest, recordings};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::record::{Fax, Record, RecordingDeletion, Row, tables};

/// The database, and what SQLite keeps beside it.
pub(crate) const DATABASE: [&str; 3] = ["warehouse.db", "warehouse.db-wal", "warehouse.db-shm"];
/// Where the new one is made.
const BESIDE: &str = "_repair";
const ACTION: &str = "make the database anew";

/// What the files gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Files that are named now.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Files that are not what was written; they lie below `_aside`.
    pub damaged: Vec<String>,
    /// The last entry of the event log whose row is there; the log is read on behind it.
    pub position: u64,
}

/// A file as its path tells of it.
struct Known {
    path: String,
    table: &'static str,
    day: String,
    seqs: (i64, i64),
    /// What its SHA-256 begins with; `None` of a sealed one of ours.
    hash: Option<String>,
}

/// Refuses a folder with published files and without a database: a new one would name none of them.
pub(crate) fn check_named(dir: &Path) -> Result<(), Error> {
    // An empty file is what a database is before its first page.
    if std::fs::metadata(dir.join(DATABASE[0])).is_ok_and(|about| about.len() > 0) {
        return Ok(());
    }
    match known(dir, Vec::new())?.is_empty() && !shelf::is_marked(dir) {
        true => Ok(()),
        false => Err(Error::Unnamed(dir.to_owned())),
    }
}

/// Makes the database of the warehouse in `dir` anew where `manifest` says, from its files, the published
/// ones of which may be in a bucket. `numbered` names the sources whose positions are the ids of a
/// table's rows, each with the table: they are read on behind the last row that is there. `progress` is
/// told how many files were read, and of how many.
///
/// # Errors
/// [`Error::Busy`] while another process writes there; otherwise see [`Error`]: then the old database
/// is there, or none, and it can be tried again.
pub async fn manifest_from_files(
    dir: impl AsRef<Path>,
    (manifest, bucket): (&Manifest, Option<Bucket>),
    numbered: &[(&str, &str)],
    progress: impl Fn(usize, usize),
) -> Result<Repaired, Error> {
    let dir = std::path::absolute(dir.as_ref()).map_err(Error::file("find", dir.as_ref()))?;
    let _lock = store::lock(&dir)?;
    let database = Database::of(&dir, manifest)?;
    let shelf = Shelf::unnamed(&dir, bucket)?;
    match &database {
        Database::Sqlite(_) => in_file((&dir, &shelf), numbered, progress).await,
        Database::Postgres(server) => {
            let pool = database.writer().await?;
            let tx = emptied(&dir, server, &pool).await?;
            let repaired = fill((&dir, &shelf), tx, numbered, progress).await?;
            pool.close().await;
            Ok(repaired)
        }
    }
}

/// Whether there are files that a manifest has to name.
///
/// # Errors
/// See [`Error`].
pub async fn has_files(dir: &Path, bucket: Option<Bucket>) -> Result<bool, Error> {
    let objects = in_bucket(&Shelf::unnamed(dir, bucket)?).await?;
    known(dir, objects).map(|files| !files.is_empty())
}

async fn in_file(
    (dir, shelf): (&Path, &Shelf),
    numbered: &[(&str, &str)],
    progress: impl Fn(usize, usize),
) -> Result<Repaired, Error> {
    let beside = dir.join(BESIDE);
    file::remove_folder(&beside)?;
    file::make_folder(&beside)?;
    let pool = store::made(&beside, &Database::of(&beside, &Manifest::Sqlite)?).await?;
    let tx = pool.begin(ACTION, dir).await?;
    let repaired = fill((dir, shelf), tx, numbered, progress).await?;
    pool.close_whole().await?;
    let old: Vec<String> = DATABASE.iter().map(|name| (*name).to_owned()).collect();
    aside::replace(dir, &old)?;
    let (from, to) = (beside.join(DATABASE[0]), dir.join(DATABASE[0]));
    std::fs::rename(&from, &to).map_err(Error::file("rename", &to))?;
    file::sync_folder(dir)?;
    file::remove_folder(&beside)?;
    Ok(repaired)
}

/// A transaction in which the schema is empty and its own directory's. What is left of the old one lies
/// aside when it is committed.
async fn emptied(dir: &Path, server: &Server, pool: &Pool) -> Result<Tx<'static>, Error> {
    let mut tx = pool.begin_first(dir).await?;
    let old = db::columns(&mut tx).await?;
    if db::has_table(&mut tx, "meta").await? && mark::there(&mut tx).await?.is_some() {
        mark::check(&mut tx, dir).await?;
    }
    if !old.is_empty() {
        server.put_aside(&mut tx).await?;
    }
    store::make_tables(&mut tx).await?;
    let ours: BTreeSet<String> =
        db::columns(&mut tx).await?.into_iter().map(|(table, _)| table).collect();
    if let Some((table, _)) = old.iter().find(|(table, _)| !ours.contains(table)) {
        return Err(Error::Manifest(format!(
            "the schema has a table {table}, which is none of the warehouse's; give the address of \
             its own schema"
        )));
    }
    store::write_format(&mut tx).await?;
    let mark = match mark::here(dir)? {
        Some(mark) => mark,
        None => {
            let mark = mark::new(&mut tx).await?;
            mark::write(dir, mark)?;
            mark
        }
    };
    mark::put(&mut tx, mark).await?;
    Ok(tx)
}

/// Names the files and commits.
async fn fill(
    (dir, shelf): (&Path, &Shelf),
    mut tx: Tx<'static>,
    numbered: &[(&str, &str)],
    progress: impl Fn(usize, usize),
) -> Result<Repaired, Error> {
    let files = known(dir, in_bucket(shelf).await?)?;
    let (mut repaired, mut there) = (Repaired::default(), There::default());
    let (mut source, mut seq_max, all) = (Source::default(), 0, files.len());
    let (mut deleted, mut ids) = (Vec::new(), BTreeMap::<String, i64>::new());
    let ours: BTreeSet<(String, String)> = files
        .iter()
        .filter(|known| known.hash.is_none())
        .map(|known| (known.table.to_owned(), known.day.clone()))
        .collect();
    // Published files come first: what ours have that they have too was about to go.
    for (at, known) in files.into_iter().enumerate() {
        progress(at, all);
        let (layout, path) = (layout_of(known.table), known.path.clone());
        let near = shelf.near(vec![path.clone()]).await?;
        let Some((entry, batches)) = read(near.path(&path), known, layout).await? else {
            shelf.take_aside(&path).await?;
            repaired.damaged.push(path);
            continue;
        };
        seq_max = seq_max.max(entry.seq_max);
        if entry.state == "hot" && there.has_all(&entry, keys(layout, &batches)) {
            continue;
        }
        if ours.contains(&(entry.tbl.clone(), entry.day.clone())) {
            there.add(&entry, keys(layout, &batches));
        }
        manifest::insert(&mut tx, &entry).await?;
        index(&mut tx, &entry.tbl, &batches, &mut deleted).await?;
        let last = ids.entry(entry.tbl.clone()).or_default();
        *last = greatest(layout, &batches).max(*last);
        if entry.tbl == "events" {
            (source.position, source.at) = (*last, source.at.max(entry.at_max));
        }
        repaired.files += 1;
        repaired.rows += entry.rows as u64;
    }
    mark_deleted(&mut tx, &deleted).await?;
    recordings::forget_places(&mut tx).await?;
    // The log is read from its beginning: nobody knows any more what was open.
    write_source(&mut tx, SOURCE, source).await?;
    for (name, table) in numbered {
        let position = ids.get(*table).copied().unwrap_or_default();
        let source = Source { position, replay_from: position, at: now().0 };
        write_source(&mut tx, name, source).await?;
    }
    db::number_from(&mut tx, seq_max).await?;
    db::commit(tx, ACTION).await?;
    progress(all, all);
    repaired.position = source.position as u64;
    Ok(repaired)
}

/// The greatest id of rows; 0 of none.
fn greatest(layout: &Layout, batches: &[RecordBatch]) -> i64 {
    let ids = batches.iter().flat_map(|batch| {
        batch.column(layout.id).as_primitive::<Int64Type>().values().iter().copied()
    });
    ids.max().unwrap_or_default()
}

/// The rows of a table's day that are named already.
#[derive(Default)]
struct There(BTreeMap<(String, String), BTreeSet<Key>>);

impl There {
    fn has_all(&self, entry: &manifest::Entry, keys: Vec<Key>) -> bool {
        let there = self.0.get(&(entry.tbl.clone(), entry.day.clone()));
        there.is_some_and(|there| keys.iter().all(|key| there.contains(key)))
    }

    fn add(&mut self, entry: &manifest::Entry, keys: Vec<Key>) {
        self.0.entry((entry.tbl.clone(), entry.day.clone())).or_default().extend(keys);
    }
}

/// The entry of the file that lies at `whole` and its rows; `None` where it is damaged.
async fn read(
    whole: PathBuf,
    known: Known,
    layout: &'static Arc<Layout>,
) -> Result<Option<(manifest::Entry, Vec<RecordBatch>)>, Error> {
    let work = move || -> Result<_, Error> {
        let (sha256, bytes) = file::digest(&whole)?;
        if known.hash.as_ref().is_some_and(|hash| !sha256.starts_with(hash.as_str())) {
            tracing::error!(file = %known.path, "is not what was written");
            return Ok(None);
        }
        let batches = match file::read(layout, &whole) {
            Ok(batches) => batches,
            Err(error) => {
                tracing::error!(%error, "cannot be read");
                return Ok(None);
            }
        };
        let state = if known.hash.is_some() { "published" } else { "hot" };
        let names = (known.path, known.table, known.day.as_str());
        let written = written(layout, &batches, (sha256, bytes));
        let entry = manifest::Entry::new(names, known.seqs, state, now(), written);
        Ok(Some((entry, batches)))
    };
    tokio::task::spawn_blocking(work).await.expect("reading does not panic")
}

fn written(layout: &Layout, batches: &[RecordBatch], (sha256, bytes): (String, i64)) -> Written {
    let column = |at: usize| batches.iter().map(move |batch| batch.column(at));
    let tenants = column(0).flat_map(|of| of.as_primitive::<Int64Type>().values().iter().copied());
    let times = column(layout.day)
        .flat_map(|of| of.as_primitive::<TimestampMicrosecondType>().values().iter().copied());
    Written {
        rows: batches.iter().map(|batch| batch.num_rows() as i64).sum(),
        bytes,
        sha256,
        tenants: range(tenants),
        times: range(times),
    }
}

fn range(values: impl Iterator<Item = i64>) -> (i64, i64) {
    let wider = |range: Option<(i64, i64)>, value: i64| {
        let (least, most) = range.unwrap_or((value, value));
        Some((least.min(value), most.max(value)))
    };
    values.fold(None, wider).unwrap_or_default()
}

/// Puts received faxes where they are found by number, and keeps what was deleted; the index of
/// recordings is filled at the next opening.
async fn index(
    tx: &mut Tx<'_>,
    table: &str,
    batches: &[RecordBatch],
    deleted: &mut Vec<RecordingDeletion>,
) -> Result<(), Error> {
    match table {
        Fax::TABLE => {
            let faxes: Vec<Fax> = rows(batches)?;
            let faxes: Vec<Row> = faxes.into_iter().map(Row::Fax).collect();
            faxes::note(tx, &faxes).await
        }
        RecordingDeletion::TABLE => {
            deleted.extend(rows(batches)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn rows<R: Record>(batches: &[RecordBatch]) -> Result<Vec<R>, Error> {
    let columns = R::columns();
    let places = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| (batch, at)));
    places.map(|(batch, at)| recordings::row(&columns, batch, at)).collect()
}

/// Faxes that were deleted stay so; their files are looked for again.
async fn mark_deleted(tx: &mut Tx<'_>, deleted: &[RecordingDeletion]) -> Result<(), Error> {
    for deletion in deleted {
        sqlx::query(
            "UPDATE fax SET deleted_at = $2, deleted_reason = $3, deleted_detail = $4, told = 1 \
             WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(deletion.recording_id.0 as i64)
        .bind(deletion.deleted_at.0)
        .bind(&deletion.reason)
        .bind(&deletion.detail)
        .execute(&mut **tx)
        .await
        .map_err(Error::database("index deletions"))?;
    }
    Ok(())
}

/// The objects that may be published files.
async fn in_bucket(shelf: &Shelf) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    if shelf.ours().await?.is_some() {
        for table in tables() {
            found.extend(shelf.list(table.name).await?);
        }
    }
    Ok(found)
}

/// The files of the warehouse and those among `objects` of its bucket, by their paths, published ones
/// first, and of the others those first that may have the rows of earlier ones; those of other names
/// are not ours.
fn known(dir: &Path, objects: Vec<String>) -> Result<Vec<Known>, Error> {
    let mut found = Vec::new();
    for path in objects {
        let table = tables().into_iter().find(|table| path.split('/').next() == Some(table.name));
        found.extend(table.and_then(|table| named(table.name, &path)));
    }
    for folder in [dir.to_owned(), dir.join("_hot")] {
        for table in tables() {
            for path in file::walk(&folder.join(table.name))? {
                let path = path.strip_prefix(dir).unwrap_or(&path);
                found.extend(path.to_str().and_then(|path| named(table.name, path)));
            }
        }
    }
    found.sort_by_key(|known: &Known| (known.hash.is_none(), Reverse(known.seqs.1), known.seqs.0));
    Ok(found)
}

/// What a path says, of whichever table.
fn named_any(path: &str) -> Option<Known> {
    let table = path.strip_prefix("_hot/").unwrap_or(path).split('/').next()?;
    named(tables().into_iter().find(|of| of.name == table)?.name, path)
}

/// What a path relative to the warehouse says.
fn named(table: &'static str, path: &str) -> Option<Known> {
    let mut parts = path.rsplit('/');
    let (name, day) = (parts.next()?, parts.next()?.strip_prefix("dt=")?.to_owned());
    let stem = name.strip_suffix(".parquet")?;
    let is_hot = path.starts_with("_hot/");
    let words: Vec<&str> = stem.split('-').collect();
    let (first, last, hash) = match (is_hot, words.as_slice()) {
        (true, [first, last]) => (first, last, None),
        (false, ["part", first, last, hash]) => (first, last, Some((*hash).to_owned())),
        _ => return None,
    };
    let seqs = (first.parse().ok()?, last.parse().ok()?);
    Some(Known { path: path.to_owned(), table, day, seqs, hash })
}
