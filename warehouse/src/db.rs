//! The database of the manifest and the staged rows: a SQLite file in the directory, or a schema of a
//! PostgreSQL server. Every query is one text with `$1` parameters that both take, by way of
//! [`sqlx::Any`]; the few words that differ are said in `dialect`, and nowhere else. Setting up a
//! connection is each database's own (`sqlite`, `postgres`).

mod dialect;
pub(crate) mod mark;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;
mod text;
mod watch;

pub(crate) use dialect::{
    columns, counting_changes, damage, has_column, has_table, last_staged, lines, number_from, sql,
    table, unsampled,
};
pub(crate) use postgres::Server;
pub(crate) use text::{Cells, Text};
pub(crate) use watch::Watch;

use crate::{Error, fail};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A connection.
pub(crate) type Db = AnyConnection;
/// A transaction.
pub(crate) type Tx<'c> = sqlx::Transaction<'c, Any>;
/// A row.
pub(crate) type DbRow = sqlx::any::AnyRow;

/// Readers of one process at a time; the next waits.
const READERS_MAX: u32 = 8;
/// How long a server may take to let somebody in.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long somebody waits for a connection, while a server starts again too.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Where the manifest and the staged rows of a warehouse live. The Parquet files lie in its directory
/// either way.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Manifest {
    /// In `warehouse.db` in the directory.
    #[default]
    Sqlite,
    /// In a schema of a PostgreSQL server: `postgres://user:password@host:5432/database?schema=name`,
    /// as checked by [`Manifest::at`].
    Postgres(String),
}

impl Manifest {
    /// What a configuration says: nothing is SQLite, anything else the address of a schema.
    ///
    /// # Errors
    /// [`Error::Manifest`] when it is none; the message does not repeat it.
    pub fn at(address: &str) -> Result<Manifest, Error> {
        if address.is_empty() {
            return Ok(Manifest::Sqlite);
        }
        postgres::Server::parse(address)?;
        Ok(Manifest::Postgres(address.to_owned()))
    }
}

/// Without the address: there may be a password in it.
impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Manifest::Sqlite => "Sqlite",
            Manifest::Postgres(_) => "Postgres(…)",
        })
    }
}

/// The database of one warehouse.
pub(crate) enum Database {
    /// The directory.
    Sqlite(PathBuf),
    Postgres(postgres::Server),
}

/// Connections of one process, all for reading or the one that writes.
pub(crate) struct Pool {
    pool: AnyPool,
    begin: &'static str,
    /// The number of the lock that the one who writes holds; SQLite needs none.
    sole: Option<i64>,
    /// What a schema is called that lies aside, for the one who writes.
    aside: Option<String>,
}

impl Database {
    /// The database of `dir`.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the directory keeps its manifest elsewhere.
    pub fn of(dir: &Path, manifest: &Manifest) -> Result<Self, Error> {
        match manifest {
            Manifest::Sqlite => mark::check_sqlite(dir)?,
            Manifest::Postgres(_) => mark::check_postgres(dir)?,
        }
        Self::at(dir, manifest)
    }

    /// The same wherever the directory keeps its manifest: it is to be there.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the address is none.
    pub fn at(dir: &Path, manifest: &Manifest) -> Result<Self, Error> {
        install_default_drivers();
        match manifest {
            Manifest::Sqlite => Ok(Database::Sqlite(dir.to_owned())),
            Manifest::Postgres(address) => postgres::Server::parse(address).map(Database::Postgres),
        }
    }

    /// The connection that writes; makes file or schema where it is missing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn writer(&self) -> Result<Pool, Error> {
        match self {
            Database::Sqlite(dir) => {
                let pool = pool(sqlite::options(dir, true)?, sqlite::WRITES.to_owned(), 1).await?;
                // Takes the write lock now and waits for it: a read that turns into a write later is
                // refused at once where somebody else wrote meanwhile.
                Ok(Pool { pool, begin: "BEGIN IMMEDIATE", sole: None, aside: None })
            }
            Database::Postgres(server) => {
                server.make_schema().await?;
                let pool = pool(server.options.clone(), server.session(true), 1).await?;
                let (sole, aside) = (Some(server.lock()), Some(server.aside()));
                Ok(Pool { pool, begin: "BEGIN", sole, aside })
            }
        }
    }

    /// Connections that read.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn readers(&self) -> Result<Pool, Error> {
        let (options, session, begin) = match self {
            Database::Sqlite(dir) => {
                (sqlite::options(dir, false)?, sqlite::READS.to_owned(), "BEGIN")
            }
            Database::Postgres(server) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                (server.options.clone(), server.session(false), begin)
            }
        };
        Ok(Pool {
            pool: pool(options, session, READERS_MAX).await?,
            begin,
            sole: None,
            aside: None,
        })
    }

    /// Who watches whether the server answers; a file is never away.
    pub fn watch(&self) -> Option<Watch> {
        match self {
            Database::Sqlite(_) => None,
            Database::Postgres(server) => Some(Watch::new(server.options.clone())),
        }
    }

    /// Whether somebody has made it.
    pub fn may_exist(&self) -> bool {
        match self {
            Database::Sqlite(dir) => dir.join(sqlite::FILE).exists(),
            Database::Postgres(_) => true,
        }
    }

    /// Checks that directory and schema belong together; a writer makes them belong together where
    /// both are new. In SQLite they are one.
    ///
    /// # Errors
    /// [`Error::Manifest`] when they do not.
    pub async fn belongs(&self, db: &mut Db, dir: &Path, writes: bool) -> Result<(), Error> {
        match self {
            Database::Sqlite(_) => Ok(()),
            Database::Postgres(_) if writes => mark::make(db, dir).await,
            Database::Postgres(_) => mark::check(db, dir).await,
        }
    }
}

impl Pool {
    /// A transaction. One that writes holds the lock of the only writer, whose connection it is: where
    /// the connection was lost, the lock was lost with it and is asked for again.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process holds the lock; otherwise see [`Error`].
    pub async fn begin(&self, action: &'static str, dir: &Path) -> Result<Tx<'static>, Error> {
        let begun = self.pool.begin_with(self.begin).await;
        let mut tx = begun.map_err(Error::database(action))?;
        if let Some(number) = self.sole {
            let held: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(number)
                .fetch_one(&mut *tx)
                .await
                .map_err(Error::database(action))?;
            if !held {
                return Err(Error::Busy(dir.to_owned()));
            }
        }
        Ok(tx)
    }

    /// Waits a moment for the lock: a server notices the end of a process a little later than the
    /// kernel does.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process writes; otherwise see [`Error`].
    pub async fn begin_first(&self, dir: &Path) -> Result<Tx<'static>, Error> {
        for _ in 0..postgres::LOCK_TRIES {
            match self.begin("open", dir).await {
                Err(Error::Busy(_)) => tokio::time::sleep(postgres::LOCK_PAUSE).await,
                done => return done,
            }
        }
        self.begin("open", dir).await
    }

    /// A connection for one statement.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn acquire(
        &self,
        action: &'static str,
    ) -> Result<sqlx::pool::PoolConnection<Any>, Error> {
        self.pool.acquire().await.map_err(Error::database(action))
    }

    /// Writes the tables anew, without the bytes of rows that are gone; what lies aside goes.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write_anew(&self) -> Result<(), Error> {
        let action = "write the database anew";
        let mut db = self.acquire(action).await?;
        if let Some(aside) = &self.aside {
            postgres::drop_aside(&mut db, aside).await?;
        }
        for statement in dialect::anew(&db) {
            sqlx::query(*statement).execute(&mut *db).await.map_err(Error::database(action))?;
        }
        Ok(())
    }

    /// Closes a file of SQLite so that nothing of it lies beside it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn close_whole(self) -> Result<(), Error> {
        let action = "close the database";
        let mut db = self.acquire(action).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut *db)
            .await
            .map_err(Error::database(action))?;
        drop(db);
        self.close().await;
        Ok(())
    }

    /// Gives the connections back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Commits. Passes a failpoint before it, and one after it where the database has done it and its
/// answer is lost.
///
/// # Errors
/// See [`Error`]; where the answer was lost, what was to be done is done all the same.
pub(crate) async fn commit(tx: Tx<'_>, action: &'static str) -> Result<(), Error> {
    fail::database("manifest.commit", action).await?;
    tx.commit().await.map_err(Error::database(action))?;
    fail::database("manifest.committed", action).await
}

/// A connection, unless the other machine is silent.
async fn reached<T>(
    within: Duration,
    connecting: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    match tokio::time::timeout(within, connecting).await {
        Ok(connected) => connected,
        Err(_) => {
            let text = format!("no answer within {within:?}");
            Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)))
        }
    }
}

/// Connections that are each set up by `session`. The first is made by hand: a pool tries again what
/// cannot work, and does not say why.
async fn pool(options: AnyConnectOptions, session: String, max: u32) -> Result<AnyPool, Error> {
    let mut first =
        reached(CONNECT_MAX, options.connect()).await.map_err(Error::database("open"))?;
    first.execute(AssertSqlSafe(session.clone())).await.map_err(Error::database("open"))?;
    first.close().await.map_err(Error::database("open"))?;
    // One that holds a lock stays.
    let forever = None::<Duration>;
    AnyPoolOptions::new()
        .max_connections(max)
        .acquire_timeout(WAIT_MAX)
        .idle_timeout(forever)
        .max_lifetime(forever)
        .after_connect(move |db, _| {
            let session = session.clone();
            Box::pin(async move { db.execute(AssertSqlSafe(session)).await.map(|_| ()) })
        })
        .connect_with(options)
        .await
        .map_err(Error::database("open"))
}
