//! The business moved from a file of SQLite to a database of PostgreSQL, or back: every table in the
//! order of references, and the key that opens what is sealed.
//!
//! The source is read and never written. All of the target is one transaction: made, filled, read
//! again and compared before it counts. So whoever is interrupted, by whatever, finds the target as
//! empty as it was. A file is made under another name and takes its own last.

mod table;
#[cfg(test)]
mod tests;

use super::{Change, Pool, postgres, sqlite, to_date};
use crate::error::During;
use crate::sql::{self, DbRow, Value};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use table::Table;

const DOING: &str = "move the store";
/// Rows that are carried at a time: SQLite takes 32,766 parameters in a statement.
const ROWS_MAX: usize = 200;
/// What is added to the name of a file until it is whole.
const UNTIL_WHOLE: &str = ".moving";
/// What SQLite keeps beside a file.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// Where a business is, or is to be.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// A file of SQLite; its key lies beside it, in `<file>.key`.
    File(&'a Path),
    /// A database of PostgreSQL.
    Database {
        /// `postgres://…`; it may have a password in it.
        url: &'a str,
        /// The file of the key.
        key: &'a Path,
    },
}

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

/// Moves everything that is at `from` to `to`, where nothing is. `progress` is told how many rows were
/// carried, and of how many. Gives the tables in the order in which they were carried.
///
/// # Errors
/// [`Error::Refused`] when both are of one kind; [`Error::Open`] when `from` is no store of this
/// program's version or its key is missing, or `to` is not empty; [`Error::Stored`] when what was
/// written is not what was read. Then nothing is at `to`.
pub async fn carry(
    from: Place<'_>,
    to: Place<'_>,
    progress: impl FnMut(u64, u64),
) -> Result<Vec<Moved>> {
    let moved = carry_all(from, to, progress).await;
    if let (Err(_), Place::File(file)) = (&moved, to) {
        // The error that counts is told already; the next move clears what is left.
        let _ = cleared(file);
    }
    moved
}

async fn carry_all(
    from: Place<'_>,
    to: Place<'_>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Vec<Moved>> {
    if matches!((from, to), (Place::File(_), Place::File(_)))
        || matches!((from, to), (Place::Database { .. }, Place::Database { .. }))
    {
        let sentence = "a store moves from a file to a database of PostgreSQL or back; copy a file \
                        as it is, and a database with pg_dump";
        return Err(Error::Refused(sentence.to_owned()));
    }
    let key = read_key(from).map_err(|problem| from.refused(problem))?;
    check_key(to, &key).map_err(|problem| to.refused(problem))?;
    let (source, mut read) = from.reading().await?;
    from.check_version(&mut read).await?;
    let (target, mut write) = to.writing().await?;
    let tables = match from {
        Place::File(_) => table::all(&mut read).await?,
        Place::Database { .. } => table::all(&mut write).await?,
    };
    let moved = all(&mut read, &mut write, &tables, &mut progress).await?;
    // Before the rows: what is sealed in them could not be opened without it.
    put_key(to, &key).map_err(|error| to.refused(format!("keep its key: {error}")))?;
    write.commit().await.during(DOING)?;
    drop(read);
    source.close().await;
    to.finish(target).await?;
    Ok(moved)
}

impl Place<'_> {
    fn refused(self, problem: impl ToString) -> Error {
        let store = match self {
            Place::File(file) => file.display().to_string(),
            Place::Database { url, .. } => postgres::named(url),
        };
        Error::Open { store, problem: problem.to_string() }
    }

    fn key(self) -> PathBuf {
        match self {
            Place::File(file) => sqlite::key_path(file),
            Place::Database { key, .. } => key.to_owned(),
        }
    }

    /// A transaction that sees one moment. Nobody writes to a database meanwhile; a file is its box's,
    /// which does not run.
    async fn reading(self) -> Result<(Pool, Change)> {
        match self {
            Place::File(file) if !file.exists() => Err(self.refused("there is no such file")),
            Place::File(file) => {
                let pool = sqlite::for_reading(file).await.map_err(|e| self.refused(e))?;
                let tx = pool.begin().await.during(DOING)?;
                Ok((Pool::Sqlite(pool), Change::Sqlite(tx)))
            }
            Place::Database { url, .. } => {
                let pool = postgres::for_reading(url).await.map_err(|e| self.refused(e))?;
                let tx = postgres::begin(&pool).await.during(DOING)?;
                Ok((Pool::Postgres(pool), Change::Postgres(tx)))
            }
        }
    }

    /// Refuses tables that are not those of this program: they are read as they are.
    async fn check_version(self, read: &mut Change) -> Result<()> {
        let known = match self {
            Place::File(_) => &sqlite::MIGRATIONS,
            Place::Database { .. } => &postgres::MIGRATIONS,
        };
        let known: Vec<i64> = known.iter().map(|migration| migration.version).collect();
        let select = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
        let found: sqlx::Result<Vec<i64>> = sql::query_scalar(select).fetch_all(read.on()).await;
        let Ok(found) = found else {
            return Err(self.refused("it has no tables of a store"));
        };
        if let Some(version) = found.iter().find(|version| !known.contains(version)) {
            return Err(self.refused(format!(
                "it was written by a newer program (table version {version}); use that program"
            )));
        }
        if let Some(version) = known.iter().find(|version| !found.contains(version)) {
            return Err(self.refused(format!(
                "it was written by an older program (it lacks table version {version}); start the \
                 box once with this one, end it, and move it then"
            )));
        }
        Ok(())
    }

    /// A transaction in which the tables were just made, where there were none.
    async fn writing(self) -> Result<(Pool, Change)> {
        let (pool, mut tx) = match self {
            Place::File(file) => {
                let taken = BESIDE.iter().map(|end| with(file, end)).find(|path| path.exists());
                if let Some(path) = taken {
                    return Err(self.refused(format!(
                        "{} is there already; take it away, or name another file",
                        path.display()
                    )));
                }
                let new = std::fs::create_dir_all(folder_of(file))
                    .and_then(|()| cleared(file))
                    .map_err(|error| self.refused(error))?;
                let pool = sqlite::for_writing(&new).await.map_err(|e| self.refused(e))?;
                let tx = pool.begin_with("BEGIN IMMEDIATE").await.during(DOING)?;
                (Pool::Sqlite(pool), Change::Sqlite(tx))
            }
            Place::Database { url, .. } => {
                let pool = postgres::for_writing(url).await.map_err(|e| self.refused(e))?;
                let tx = postgres::begin(&pool).await.during(DOING)?;
                (Pool::Postgres(pool), Change::Postgres(tx))
            }
        };
        if matches!(tx, Change::Postgres(_)) {
            let select = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
            let there: i64 = sql::query_scalar(select).fetch_one(tx.on()).await.during(DOING)?;
            if there > 0 {
                return Err(self.refused(format!(
                    "it has {there} tables already; make a database for the box alone, with CREATE \
                     DATABASE … ENCODING 'UTF8' TEMPLATE template0"
                )));
            }
        }
        let made = match &mut tx {
            Change::Sqlite(tx) => sqlite::MIGRATIONS.run(&mut **tx).await,
            Change::Postgres(tx) => postgres::MIGRATIONS.run(&mut **tx).await,
        };
        to_date(made).map_err(|problem| self.refused(problem))?;
        Ok((pool, tx))
    }

    /// Closes the target; a file that is whole takes its name.
    async fn finish(self, target: Pool) -> Result<()> {
        if let Pool::Sqlite(pool) = &target {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await.during(DOING)?;
        }
        target.close().await;
        let Place::File(file) = self else { return Ok(()) };
        let named = std::fs::rename(with(file, UNTIL_WHOLE), file)
            .and_then(|()| File::open(folder_of(file))?.sync_all());
        named.map_err(|error| self.refused(format!("give it its name: {error}")))
    }
}

fn with(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The name of a file that is not whole yet; what an earlier move left there is removed.
fn cleared(file: &Path) -> std::io::Result<PathBuf> {
    let new = with(file, UNTIL_WHOLE);
    for end in BESIDE {
        match std::fs::remove_file(with(&new, end)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(new)
}

fn read_key(from: Place<'_>) -> std::result::Result<Vec<u8>, String> {
    let path = from.key();
    std::fs::read(&path).map_err(|error| {
        format!("its key {} cannot be read ({error}); put it back", path.display())
    })
}

fn check_key(to: Place<'_>, key: &[u8]) -> std::result::Result<(), String> {
    let path = to.key();
    match std::fs::read(&path) {
        Ok(other) if other == key => Ok(()),
        Ok(_) => Err(format!("{} is the key of another store; take it away", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// Puts the key to its place, readable by its owner only.
fn put_key(to: Place<'_>, key: &[u8]) -> std::io::Result<()> {
    let path = to.key();
    if path.exists() {
        return Ok(());
    }
    let folder = folder_of(&path);
    std::fs::create_dir_all(folder)?;
    let new = with(&path, UNTIL_WHOLE);
    let mut file =
        File::options().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    file.write_all(key)?;
    file.sync_all()?;
    std::fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()
}

/// Carries all tables and compares each.
async fn all(
    read: &mut Change,
    write: &mut Change,
    tables: &[Table],
    progress: &mut impl FnMut(u64, u64),
) -> Result<Vec<Moved>> {
    let (mut done, mut rows) = (0, 0);
    for table in tables {
        rows += table.count(read).await?;
    }
    let mut moved = Vec::new();
    progress(done, rows);
    for table in tables {
        let there = one(read, write, table, |more| {
            done += more;
            progress(done, rows);
        });
        moved.push(there.await?);
    }
    Ok(moved)
}

/// Carries a table and compares both sides.
async fn one(
    read: &mut Change,
    write: &mut Change,
    table: &Table,
    mut carried: impl FnMut(u64),
) -> Result<Moved> {
    let (mut sum, mut held) = (Sum::default(), Vec::new());
    let mut after: Option<Vec<Value>> = None;
    loop {
        let rows = page(read, table, after.as_deref()).await?;
        let Some(last) = rows.last() else { break };
        after = Some(table.key_of(last));
        rows.iter().for_each(|row| sum.add(row));
        let count = rows.len() as u64;
        if table.names_itself() {
            held.extend(rows);
        } else {
            table.insert(&rows).execute(write.on()).await.during(DOING)?;
        }
        carried(count);
    }
    put_held(write, table, held).await?;
    let (moved, there) = (sum.of(table), sum_of(write, table).await?.of(table));
    if moved != there {
        return Err(Error::Stored {
            doing: DOING,
            what: "table",
            problem: format!(
                "{} has {} rows with the sum {}, and {} with {} after it was written",
                table.name, moved.rows, moved.sha256, there.rows, there.sha256
            ),
        });
    }
    Ok(moved)
}

/// Puts rows that refer to others of their own table: those behind these. Where they go round in a
/// circle, each says to whom it refers when all are there.
async fn put_held(write: &mut Change, table: &Table, held: Vec<Vec<Value>>) -> Result<()> {
    let (ordered, mut round) = table.ordered(held);
    let later: Vec<_> = round.iter_mut().flat_map(|row| table.take_own(row)).collect();
    for rows in ordered.chunks(ROWS_MAX).chain(round.chunks(ROWS_MAX)) {
        table.insert(rows).execute(write.on()).await.during(DOING)?;
    }
    for own in later {
        own.update(table).execute(write.on()).await.during(DOING)?;
    }
    Ok(())
}

async fn sum_of(on: &mut Change, table: &Table) -> Result<Sum> {
    let (mut sum, mut after) = (Sum::default(), None::<Vec<Value>>);
    loop {
        let rows = page(on, table, after.as_deref()).await?;
        let Some(last) = rows.last() else { return Ok(sum) };
        after = Some(table.key_of(last));
        rows.iter().for_each(|row| sum.add(row));
    }
}

/// The next rows of a table in the order of its key.
async fn page(on: &mut Change, table: &Table, after: Option<&[Value]>) -> Result<Vec<Vec<Value>>> {
    let rows: Vec<DbRow> = table.select(after, ROWS_MAX).fetch_all(on.on()).await.during(DOING)?;
    Ok(rows.iter().map(|row| table.values(row)).collect())
}

/// What is counted of rows, and their checksum.
#[derive(Default)]
struct Sum {
    rows: u64,
    hash: Sha256,
}

impl Sum {
    /// Each value begins with its kind, and a text with its length: no two rows read the same.
    fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        for value in row {
            match value {
                Value::Number(None) | Value::Text(None) | Value::Flag(None) => {
                    self.hash.update(b"-");
                }
                Value::Number(Some(number)) => {
                    self.hash.update(b"n");
                    self.hash.update(number.to_le_bytes());
                }
                Value::Text(Some(text)) => {
                    self.hash.update(b"t");
                    self.hash.update((text.len() as u64).to_le_bytes());
                    self.hash.update(text.as_bytes());
                }
                Value::Flag(Some(flag)) => self.hash.update([b'f', u8::from(*flag)]),
            }
        }
    }

    fn of(self, table: &Table) -> Moved {
        let sha256 = crate::secret::hex(&self.hash.finalize());
        Moved { table: table.name.clone(), rows: self.rows, sha256 }
    }
}
