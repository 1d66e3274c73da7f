//! The warehouse as a directory: `warehouse.db`, `_tmp`, `_hot` and a folder a table; or the same
//! with the database in a schema of a PostgreSQL server ([`Manifest`]), or with the published files in
//! a bucket ([`Bucket`]).
//!
//! One process writes (it holds `warehouse.lock`, and with PostgreSQL a lock there too); any number
//! read beside it, each in a read transaction of the manifest and the staged rows.

use crate::db::{self, Database, Db, Manifest, Pool, Tx, Watch};
use crate::file::make_folder;
use crate::listing::{self, Listings};
use crate::query::Known;
use crate::shelf::Shelf;
use crate::{Bucket, Error, age, compact, manifest, query, rollup, seal, stage, sweep};
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use terms::Timestamp;
use terms::record::Row;
use tokio::sync::{Mutex, MutexGuard};

/// Format of the directory; a newer one is refused.
pub const FORMAT: i64 = 1;
/// Rows that are staged before they are sealed.
pub const STAGED_ROWS_MAX: i64 = 10_000;
/// Milliseconds that a row is staged before it is sealed.
pub const STAGED_MS_MAX: i64 = 5 * 60_000;

/// A directory of rows.
pub struct Warehouse {
    dir: PathBuf,
    shelf: Shelf,
    readers: Pool,
    writer: Option<Writer>,
    /// Of the server of the manifest, where it is at one.
    server: Option<Watch>,
    /// Sealing, publishing and sweeping come one after another.
    upkeep: Mutex<()>,
    /// Staged rows that make a file, and the longest time in ms that a row stays staged.
    seal_after: (i64, i64),
    /// What Parquet files say of themselves, for all sessions: until one is put there anew.
    footers: Arc<FileMetadataCache>,
    /// The manifest as sessions have read it.
    listings: Listings,
    /// What sessions have learned of files.
    known: Arc<Known>,
}

struct Writer {
    pool: Pool,
    /// Held as long as the warehouse is open; the kernel lets go of it when the process ends.
    _lock: File,
}

/// What is where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows staged in the database.
    pub staged_rows: u64,
    /// Files sealed but not published.
    pub hot_files: u64,
    /// Rows of those.
    pub hot_rows: u64,
    /// Published files.
    pub published_files: u64,
    /// Rows of those.
    pub published_rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Staged rows that were damaged and put aside.
    pub quarantined_rows: u64,
}

/// What a check of every byte found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files read.
    pub files: u64,
    /// Staged rows read.
    pub staged_rows: u64,
    /// What is wrong, a sentence each; empty is good.
    pub faults: Vec<String>,
    /// Files that lie aside, by their paths of before: no answer has their rows.
    pub aside: Vec<String>,
}

impl Warehouse {
    /// Opens `dir` for writing and makes it when it is missing. One process at a time. What a
    /// crash left half done is finished or undone first.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process writes there, [`Error::Newer`] when a newer program
    /// made it; otherwise see [`Error`].
    pub async fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let manifest = usual(dir.as_ref());
        Self::open_on(dir, &manifest).await
    }

    /// The same with the manifest and the staged rows where `manifest` says.
    ///
    /// # Errors
    /// As [`Warehouse::open`]; [`Error::Manifest`] when they cannot be there, or are another
    /// directory's.
    pub async fn open_on(dir: impl AsRef<Path>, manifest: &Manifest) -> Result<Self, Error> {
        Self::open_in(dir, manifest, None).await
    }

    /// The same with the published files in a bucket, where one is given. It need not answer: what it
    /// is needed for is done, or refused, when it comes up.
    ///
    /// # Errors
    /// As [`Warehouse::open_on`]; [`Error::Files`] when the published files are elsewhere, or the bucket
    /// holds those of another warehouse.
    pub async fn open_in(
        dir: impl AsRef<Path>,
        manifest: &Manifest,
        bucket: Option<Bucket>,
    ) -> Result<Self, Error> {
        let dir = std::path::absolute(dir.as_ref()).map_err(Error::file("find", dir.as_ref()))?;
        make_folder(&dir)?;
        let lock = lock(&dir)?;
        let database = Database::of(&dir, manifest)?;
        if *manifest == Manifest::Sqlite {
            crate::repair::check_named(&dir)?;
        }
        let pool = made(&dir, &database).await?;
        let readers = database.readers().await?;
        let mut tx = readers.begin("open", &dir).await?;
        let shelf = Shelf::open(&dir, bucket, true, &mut tx).await?;
        drop(tx);
        let writer = Some(Writer { pool, _lock: lock });
        let known = Arc::new(Known::of(&dir));
        let warehouse = Warehouse {
            dir,
            shelf,
            readers,
            writer,
            server: database.watch(),
            upkeep: Mutex::new(()),
            seal_after: (STAGED_ROWS_MAX, STAGED_MS_MAX),
            footers: query::footers()?,
            listings: Listings::default(),
            known,
        };
        sweep::recover(&warehouse).await?;
        crate::recordings::fill(&warehouse).await?;
        Ok(warehouse)
    }

    /// Opens `dir` for reading, beside a writer or without one.
    ///
    /// # Errors
    /// [`Error::Missing`] when nobody has made it yet; otherwise see [`Error`].
    pub async fn open_reader(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let manifest = usual(dir.as_ref());
        Self::open_reader_on(dir, &manifest).await
    }

    /// The same with the manifest and the staged rows where `manifest` says.
    ///
    /// # Errors
    /// As [`Warehouse::open_reader`]; [`Error::Manifest`] when they cannot be there, or are another
    /// directory's.
    pub async fn open_reader_on(dir: impl AsRef<Path>, manifest: &Manifest) -> Result<Self, Error> {
        Self::open_reader_in(dir, manifest, None).await
    }

    /// The same with the published files in a bucket, where one is given.
    ///
    /// # Errors
    /// As [`Warehouse::open_reader_on`]; [`Error::Files`] when the published files are elsewhere.
    pub async fn open_reader_in(
        dir: impl AsRef<Path>,
        manifest: &Manifest,
        bucket: Option<Bucket>,
    ) -> Result<Self, Error> {
        let dir = std::path::absolute(dir.as_ref()).map_err(Error::file("find", dir.as_ref()))?;
        let database = Database::of(&dir, manifest)?;
        if *manifest == Manifest::Sqlite {
            crate::repair::check_named(&dir)?;
        }
        if !database.may_exist() {
            return Err(Error::Missing(dir));
        }
        let readers = database.readers().await?;
        let mut tx = readers.begin("open", &dir).await?;
        if !db::has_table(&mut tx, "meta").await? {
            return Err(Error::Missing(dir));
        }
        check_format(&dir, &mut tx).await?;
        database.belongs(&mut tx, &dir, false).await?;
        let shelf = Shelf::open(&dir, bucket, false, &mut tx).await?;
        drop(tx);
        let known = Arc::new(Known::of(&dir));
        Ok(Warehouse {
            dir,
            shelf,
            readers,
            writer: None,
            server: database.watch(),
            upkeep: Mutex::new(()),
            seal_after: (STAGED_ROWS_MAX, STAGED_MS_MAX),
            footers: query::footers()?,
            listings: Listings::default(),
            known,
        })
    }

    /// Seals after `rows` or `time` instead of [`STAGED_ROWS_MAX`] and [`STAGED_MS_MAX`].
    #[must_use]
    pub fn sealing(mut self, rows: u64, time: Duration) -> Self {
        let whole = |n: u128| i64::try_from(n).unwrap_or(i64::MAX);
        self.seal_after = (whole(rows.into()), whole(time.as_millis()));
        self
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stages `rows` that `source` (desk's outbox) has numbered `position`. False, and nothing
    /// happens, when this or a later position of the source is already here.
    ///
    /// # Errors
    /// See [`Error`]; nothing is staged then.
    pub async fn stage_rows(
        &self,
        source: &str,
        position: i64,
        rows: &[Row],
    ) -> Result<bool, Error> {
        let mut tx = self.write("stage rows").await?;
        if read_source(&mut tx, source).await?.position >= position {
            return Ok(false);
        }
        stage::insert(&mut tx, rows, now()).await?;
        let here = Source { position, replay_from: position, at: now().0 };
        write_source(&mut tx, source, here).await?;
        db::commit(tx, "stage rows").await?;
        Ok(true)
    }

    /// The last position of `source` that is here, 0 when none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn position(&self, source: &str) -> Result<i64, Error> {
        let mut db = self.readers.acquire("read a position").await?;
        Ok(read_source(&mut db, source).await?.position)
    }

    /// Seals all staged rows into hot files. Returns how many rows.
    ///
    /// # Errors
    /// See [`Error`]; rows stay staged then.
    pub async fn seal(&self) -> Result<u64, Error> {
        let _one = self.upkeep().await;
        seal::all(self).await
    }

    /// Publishes one UTC day, `2026-11-23`: merges its hot files into files for everybody. Rows
    /// that come later add a file. Returns how many rows.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn publish(&self, day: &str) -> Result<u64, Error> {
        let _one = self.upkeep().await;
        seal::day(self, day).await?;
        let rows = crate::publish::files(self, |hot| hot.day == day).await?;
        rollup::catch_up(self).await?;
        Ok(rows)
    }

    /// Seals and publishes every day.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn publish_all(&self) -> Result<u64, Error> {
        let _one = self.upkeep().await;
        seal::all(self).await?;
        let rows = crate::publish::files(self, |_| true).await?;
        rollup::catch_up(self).await?;
        Ok(rows)
    }

    /// What is due at `now`: seals after 10,000 rows or 5 minutes (see [`Warehouse::sealing`]),
    /// publishes days that are over, removes files that were replaced a while ago, merges the files
    /// of a day that late rows made many. Call it every few seconds.
    ///
    /// # Errors
    /// See [`Error`]; what was not done is due again the next time.
    pub async fn tend(&self, now: Timestamp) -> Result<(), Error> {
        let _one = self.upkeep().await;
        let mut db = self.readers.acquire("count rows").await?;
        let (rows, oldest) = stage::backlog(&mut db).await?;
        drop(db);
        let waited = oldest.map_or(0, |oldest| now.millis_since(oldest));
        let (rows_max, waited_max) = self.seal_after;
        if rows >= rows_max || waited >= waited_max {
            seal::all(self).await?;
        }
        let published = crate::publish::due(self, now).await?;
        sweep::retired(self, now).await?;
        let merged = compact::due(self, now).await?;
        if published > 0 || merged > 0 {
            rollup::catch_up(self).await?;
        }
        Ok(())
    }

    /// Whether the server of the manifest gives a sign `within` that time, however busy the connections
    /// are that work. A file always does.
    pub async fn answers(&self, within: Duration) -> bool {
        match &self.server {
            Some(server) => server.answers(within).await,
            None => true,
        }
    }

    /// What is where.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn stats(&self) -> Result<Stats, Error> {
        crate::check::stats(self).await
    }

    /// Bytes of the files that sessions read, by the UTC day of their rows (`2026-11-23`). Staged rows
    /// are in no file.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn bytes_by_day(&self) -> Result<BTreeMap<String, u64>, Error> {
        crate::check::bytes_by_day(self).await
    }

    /// Reads every staged row and every file and compares them with the manifest.
    ///
    /// # Errors
    /// See [`Error`]; damage is no error but part of the answer.
    pub async fn verify(&self) -> Result<Verified, Error> {
        self.verify_with(|_, _| {}).await
    }

    /// The same; `progress` is told how many files were read, and of how many.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn verify_with(&self, progress: impl Fn(usize, usize)) -> Result<Verified, Error> {
        crate::check::verify(self, progress).await
    }

    /// Gives the database back to the disk. The warehouse is closed when it is dropped too.
    pub async fn close(self) {
        self.readers.close().await;
        if let Some(writer) = self.writer {
            writer.pool.close().await;
        }
    }

    pub(crate) async fn upkeep(&self) -> MutexGuard<'_, ()> {
        self.upkeep.lock().await
    }

    /// A transaction that writes.
    pub(crate) async fn write(&self, action: &'static str) -> Result<Tx<'static>, Error> {
        let writer = self.writer.as_ref().ok_or(Error::ReadOnly(action))?;
        writer.pool.begin(action, &self.dir).await
    }

    /// A transaction that sees one moment of manifest and staged rows.
    pub(crate) async fn read(&self, action: &'static str) -> Result<Tx<'static>, Error> {
        self.readers.begin(action, &self.dir).await
    }

    /// Writes the database anew, without the bytes of rows that are gone, and empties its log.
    pub(crate) async fn write_anew(&self) -> Result<(), Error> {
        let writer = self.writer.as_ref().ok_or(Error::ReadOnly("write the database anew"))?;
        writer.pool.write_anew().await
    }

    /// Where its files are.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The footers of files that were read before.
    pub(crate) fn footers(&self) -> Arc<FileMetadataCache> {
        Arc::clone(&self.footers)
    }

    /// The manifest as sessions have read it.
    pub(crate) fn listings(&self) -> &Listings {
        &self.listings
    }

    /// What sessions have learned of files.
    pub(crate) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known)
    }

    /// A new name under `_tmp`.
    pub(crate) fn tmp(&self, name: &str) -> PathBuf {
        self.dir.join("_tmp").join(name)
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

/// How far a source has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Source {
    /// The last position whose rows are here.
    pub position: i64,
    /// Where reading begins after a start.
    pub replay_from: i64,
    /// The latest wall clock of an applied entry.
    pub at: i64,
}

/// How far `name` has been read.
pub(crate) async fn read_source(db: &mut Db, name: &str) -> Result<Source, Error> {
    sqlx::query_as("SELECT position, replay_from, at FROM source WHERE name = $1")
        .bind(name)
        .fetch_optional(db)
        .await
        .map(Option::unwrap_or_default)
        .map_err(Error::database("read a position"))
}

/// Notes how far `name` has been read, in the transaction that stages its rows.
pub(crate) async fn write_source(db: &mut Db, name: &str, source: Source) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO source (name, position, replay_from, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET position = $2, replay_from = $3, at = $4",
    )
    .bind(name)
    .bind(source.position)
    .bind(source.replay_from)
    .bind(source.at)
    .execute(db)
    .await
    .map_err(Error::database("write a position"))?;
    Ok(())
}

pub(crate) fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("warehouse.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(Error::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::file("lock", &path)(error)),
    }
}

/// Where manifests are when nobody says.
#[cfg(not(test))]
fn usual(_dir: &Path) -> Manifest {
    Manifest::Sqlite
}

/// The stories of this crate run with each database.
#[cfg(test)]
fn usual(dir: &Path) -> Manifest {
    crate::postgres_tests::manifest_of(dir)
}

/// The database of `dir`, made where it is missing.
pub(crate) async fn made(dir: &Path, database: &Database) -> Result<Pool, Error> {
    let pool = database.writer().await?;
    prepare(dir, database, &pool).await?;
    Ok(pool)
}

async fn prepare(dir: &Path, database: &Database, pool: &Pool) -> Result<(), Error> {
    let mut tx = pool.begin_first(dir).await?;
    check_whole(dir, &mut tx).await?;
    make_tables(&mut tx).await?;
    write_format(&mut tx).await?;
    check_format(dir, &mut tx).await?;
    database.belongs(&mut tx, dir, true).await?;
    db::commit(tx, "prepare").await
}

/// Tables of a schema can be dropped one by one. An empty one in the place of `file` would name nothing,
/// and what nobody names is removed; one in the place of `stage` would number rows from 1 again.
async fn check_whole(dir: &Path, db: &mut Db) -> Result<(), Error> {
    if db::has_table(db, "meta").await? {
        for table in ["file", "stage"] {
            if !db::has_table(db, table).await? {
                return Err(Error::Unnamed(dir.to_owned()));
            }
        }
    }
    Ok(())
}

/// Says of which format the tables are, where nothing says it yet.
pub(crate) async fn write_format(db: &mut Db) -> Result<(), Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ('format', $1) ON CONFLICT DO NOTHING")
        .bind(FORMAT)
        .execute(db)
        .await
        .map_err(Error::database("prepare"))?;
    Ok(())
}

/// Makes the tables and indexes that are missing.
pub(crate) async fn make_tables(db: &mut Db) -> Result<(), Error> {
    let indexes = crate::recordings::SCHEMA
        .iter()
        .chain(crate::recordings::HEARD)
        .chain(crate::faxes::SCHEMA)
        .chain(rollup::SCHEMA)
        .chain(age::SCHEMA)
        .chain(crate::rebuild::SCHEMA);
    for statement in manifest::SCHEMA.iter().chain(indexes) {
        sqlx::query(db::table(db, statement))
            .execute(&mut *db)
            .await
            .map_err(Error::database("prepare"))?;
    }
    crate::recordings::prepare(db).await?;
    listing::watch(db).await?;
    for statement in db::unsampled(db) {
        sqlx::query(*statement).execute(&mut *db).await.map_err(Error::database("prepare"))?;
    }
    Ok(())
}

pub(crate) async fn check_format(dir: &Path, db: &mut Db) -> Result<(), Error> {
    let found: i64 = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'format'")
        .fetch_one(db)
        .await
        .map_err(Error::database("read the format"))?;
    if found > FORMAT {
        return Err(Error::Newer { path: dir.to_owned(), found, known: FORMAT });
    }
    Ok(())
}
