//! The manifest and the staged rows moved from `warehouse.db` to a schema of a PostgreSQL server, or
//! back. The Parquet files stay where they are.
//!
//! All of the target is one transaction: made, filled, read again and compared before it counts. Until
//! then the source is what counts. Two manifests of one directory would each remove what the other has
//! sealed, so that at the end one of them stops to be the directory's:
//!
//! ```text
//!  to the server:  commit ─► warehouse.mark ─► warehouse.db lies aside
//!  to the file:    commit ─► warehouse.db   ─► warehouse.mark goes
//! ```
//!
//! Between the last two nobody opens the directory, and both say the same: a move that is asked for
//! again finishes it.

mod table;
#[cfg(test)]
mod tests;

use crate::db::{self, Database, Db, Manifest, mark};
use crate::{Error, aside, file, repair, store};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use table::{Cell, Table};

const ACTION: &str = "move the manifest";
/// Rows that are carried at a time: SQLite takes 32,766 parameters in a statement.
const ROWS_MAX: usize = 200;
/// Where a file is made until it is whole.
const BESIDE: &str = "_move";

/// A table that was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 in hex over all values in the order of the table's key: the same on both sides.
    pub sha256: String,
}

/// Moves the manifest of `dir`. `progress` is told how many rows were carried, and of how many. Gives
/// the tables; none where an earlier move lacked only its end.
///
/// # Errors
/// [`Error::Busy`] while another process writes there, [`Error::Missing`] where there is no manifest,
/// [`Error::Manifest`] when it cannot be moved so or the target is not empty; otherwise see [`Error`].
pub async fn carry(
    dir: impl AsRef<Path>,
    (from, to): (&Manifest, &Manifest),
    mut progress: impl FnMut(u64, u64),
) -> Result<Vec<Moved>, Error> {
    let dir = std::path::absolute(dir.as_ref()).map_err(Error::file("find", dir.as_ref()))?;
    if !dir.exists() {
        return Err(Error::Missing(dir));
    }
    let _lock = store::lock(&dir)?;
    let server = match (from, to) {
        (Manifest::Sqlite, Manifest::Postgres(_)) => Database::at(&dir, to)?,
        (Manifest::Postgres(_), Manifest::Sqlite) => Database::at(&dir, from)?,
        _ => {
            let sentence = "a manifest moves from warehouse.db to a schema of PostgreSQL, or from \
                            there to warehouse.db";
            return Err(Error::Manifest(sentence.to_owned()));
        }
    };
    let is_to_file = *to == Manifest::Sqlite;
    if let Some(mark) = mark::half_moved(&dir)? {
        check_same(&dir, &server, mark).await?;
        finish(&dir, is_to_file)?;
        return Ok(Vec::new());
    }
    let moved = match is_to_file {
        true => to_file(&dir, &server, &mut progress).await?,
        false => to_server(&dir, &server, &mut progress).await?,
    };
    finish(&dir, is_to_file)?;
    Ok(moved)
}

/// Removes the file that a move to it was writing when it died: it tells of people, and no erasure
/// looks there.
///
/// # Errors
/// See [`Error`].
pub(crate) fn forget_unfinished(dir: &Path) -> Result<(), Error> {
    file::remove_folder(&dir.join(BESIDE))
}

/// What the directory says of itself when both have all rows.
fn finish(dir: &Path, is_to_file: bool) -> Result<(), Error> {
    match is_to_file {
        true => mark::remove(dir),
        false => aside::replace(dir, &repair::DATABASE.map(str::to_owned)),
    }
}

/// The other side of a move that lacks its end is this one, and both have the same rows: nobody wrote
/// meanwhile. An old file that somebody has put back is not taken for one that was just made.
async fn check_same(dir: &Path, server: &Database, mark: i64) -> Result<(), Error> {
    let file = Database::at(dir, &Manifest::Sqlite)?.readers().await?;
    let schema = server.readers().await?;
    let mut here = file.begin(ACTION, dir).await?;
    let mut there = schema.begin(ACTION, dir).await?;
    let problem = difference(&mut here, &mut there, mark).await;
    drop((here, there));
    file.close().await;
    schema.close().await;
    match problem? {
        None => Ok(()),
        Some(problem) => Err(Error::Manifest(format!("{} {problem}", dir.display()))),
    }
}

/// What keeps the file `here` and the schema `there` from being two ends of one move.
async fn difference(
    here: &mut Db,
    there: &mut Db,
    mark: i64,
) -> Result<Option<&'static str>, Error> {
    if !db::has_table(there, "meta").await? || mark::there(there).await? != Some(mark) {
        return Ok(Some("was being moved to or from another schema; give the address of that one"));
    }
    check_columns(db::columns(here).await?, &db::columns(there).await?)?;
    for table in &table::all(here).await? {
        let ours = sum_of(here, table).await?.of(table);
        if ours != sum_of(there, table).await?.of(table) {
            return Ok(Some(
                "has a warehouse.db whose rows are not those of the schema; take the old one away: \
                 the file, or warehouse.mark where the schema is the old one",
            ));
        }
    }
    Ok(None)
}

async fn to_server(
    dir: &Path,
    server: &Database,
    progress: &mut impl FnMut(u64, u64),
) -> Result<Vec<Moved>, Error> {
    let source = Database::of(dir, &Manifest::Sqlite)?;
    if !source.may_exist() {
        return Err(Error::Missing(dir.to_owned()));
    }
    let readers = source.readers().await?;
    let mut read = readers.begin(ACTION, dir).await?;
    check_source(dir, &mut read).await?;
    let writer = server.writer().await?;
    let mut write = writer.begin_first(dir).await?;
    let there = db::columns(&mut write).await?.len();
    if there > 0 {
        return Err(Error::Manifest(
            "the schema has tables already, those of another warehouse or of a move that died at \
             its end; drop it, or name another one"
                .to_owned(),
        ));
    }
    store::make_tables(&mut write).await?;
    let tables = table::all(&mut read).await?;
    let moved = all(&mut read, &mut write, &tables, progress).await?;
    let mark = mark::new(&mut write).await?;
    mark::put(&mut write, mark).await?;
    db::commit(write, ACTION).await?;
    drop(read);
    readers.close().await;
    writer.close().await;
    mark::write(dir, mark)?;
    Ok(moved)
}

async fn to_file(
    dir: &Path,
    server: &Database,
    progress: &mut impl FnMut(u64, u64),
) -> Result<Vec<Moved>, Error> {
    mark::check_postgres(dir)?;
    // A schema that is not there is not made.
    let readers = server.readers().await?;
    let mut read = readers.begin(ACTION, dir).await?;
    check_source(dir, &mut read).await?;
    drop(read);
    readers.close().await;
    let holder = server.writer().await?;
    // Its lock keeps those out who write.
    let mut read = holder.begin_first(dir).await?;
    mark::check(&mut read, dir).await?;
    forget_unfinished(dir)?;
    let beside = dir.join(BESIDE);
    file::make_folder(&beside)?;
    let writer = Database::at(&beside, &Manifest::Sqlite)?.writer().await?;
    let mut write = writer.begin(ACTION, &beside).await?;
    store::make_tables(&mut write).await?;
    let tables = table::all(&mut write).await?;
    let moved = all(&mut read, &mut write, &tables, progress).await?;
    db::commit(write, ACTION).await?;
    drop(read);
    holder.close().await;
    writer.close_whole().await?;
    // What an older file has left beside it is none of this one's.
    aside::replace(dir, &repair::DATABASE.map(str::to_owned))?;
    let (from, to) = (beside.join(repair::DATABASE[0]), dir.join(repair::DATABASE[0]));
    std::fs::rename(&from, &to).map_err(Error::file("rename", &to))?;
    file::sync_folder(dir)?;
    forget_unfinished(dir)?;
    Ok(moved)
}

async fn check_source(dir: &Path, read: &mut Db) -> Result<(), Error> {
    if !db::has_table(read, "meta").await? {
        return Err(Error::Missing(dir.to_owned()));
    }
    store::check_format(dir, read).await
}

/// Carries all tables and compares each.
async fn all(
    read: &mut Db,
    write: &mut Db,
    tables: &[Table],
    progress: &mut impl FnMut(u64, u64),
) -> Result<Vec<Moved>, Error> {
    check_columns(db::columns(read).await?, &db::columns(write).await?)?;
    let (mut done, mut rows) = (0, 0);
    for table in tables {
        rows += table.count(read).await?;
    }
    progress(done, rows);
    let mut moved = Vec::new();
    for table in tables {
        let there = one(read, write, table, |more| {
            done += more;
            progress(done, rows);
        });
        moved.push(there.await?);
    }
    let last = db::last_staged(read).await?;
    db::number_from(write, last).await?;
    Ok(moved)
}

/// What stands in a source is read as it is: one of another version is not understood.
fn check_columns(
    source: BTreeSet<(String, String)>,
    ours: &BTreeSet<(String, String)>,
) -> Result<(), Error> {
    let problem = match (ours.difference(&source).next(), source.difference(ours).next()) {
        (Some((table, column)), _) => format!(
            "the manifest lacks the column {column} of {table}; start the box once with this \
             program, end it, and move it then"
        ),
        (_, Some((table, column))) => {
            format!("the manifest has a column {column} of {table}, of which nothing is known here")
        }
        (None, None) => return Ok(()),
    };
    Err(Error::Manifest(problem))
}

async fn one(
    read: &mut Db,
    write: &mut Db,
    table: &Table,
    mut carried: impl FnMut(u64),
) -> Result<Moved, Error> {
    let (mut sum, mut after) = (Sum::default(), None::<Vec<Cell>>);
    loop {
        let rows = table.page(read, after.as_deref(), ROWS_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = Some(table.key_of(last));
        rows.iter().for_each(|row| sum.add(row));
        table.insert(write, &rows).await?;
        carried(rows.len() as u64);
    }
    let (moved, there) = (sum.of(table), sum_of(write, table).await?.of(table));
    if moved != there {
        return Err(Error::Damaged {
            what: format!("the table {}", table.name),
            why: format!(
                "it has {} rows with the sum {}, and {} with {} after it was written",
                moved.rows, moved.sha256, there.rows, there.sha256
            ),
        });
    }
    Ok(moved)
}

async fn sum_of(db: &mut Db, table: &Table) -> Result<Sum, Error> {
    let (mut sum, mut after) = (Sum::default(), None::<Vec<Cell>>);
    loop {
        let rows = table.page(db, after.as_deref(), ROWS_MAX).await?;
        let Some(last) = rows.last() else { return Ok(sum) };
        after = Some(table.key_of(last));
        rows.iter().for_each(|row| sum.add(row));
    }
}

/// What is counted of rows, and their checksum.
#[derive(Default)]
struct Sum {
    rows: u64,
    hash: Sha256,
}

impl Sum {
    /// Each value begins with its kind, and what has a length with that: no two rows read the same.
    fn add(&mut self, row: &[Cell]) {
        self.rows += 1;
        for cell in row {
            match cell {
                Cell::Number(None) | Cell::Text(None) | Cell::Bytes(None) => {
                    self.hash.update(b"-");
                }
                Cell::Number(Some(number)) => {
                    self.hash.update(b"n");
                    self.hash.update(number.to_le_bytes());
                }
                Cell::Text(Some(text)) => self.add_long(b"t", text.as_bytes()),
                Cell::Bytes(Some(bytes)) => self.add_long(b"b", bytes),
            }
        }
    }

    fn add_long(&mut self, kind: &[u8], bytes: &[u8]) {
        self.hash.update(kind);
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    fn of(self, table: &Table) -> Moved {
        let digest = self.hash.finalize();
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Moved { table: table.name.clone(), rows: self.rows, sha256 }
    }
}
