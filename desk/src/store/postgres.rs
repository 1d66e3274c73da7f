//! The store at a server: a database of PostgreSQL that belongs to one box.
//!
//! Writes come one after another as in a file, also those of several processes: each takes a lock of
//! the database first and gives it back after it is visible. So positions of the outbox are without
//! gaps in the order of commits, and no write has to be tried again.

use super::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, Pool, READERS_MAX, to_date};
use crate::error::During;
use crate::secret::Keeper;
use crate::{Error, Result};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::Mutex;

/// Of the lock that a write takes: `desk` in ASCII.
const WRITE_LOCK: i64 = 0x6465_736b;

/// What makes the tables and brings them up to date.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations-postgres");

/// Longest statement, as the server counts it.
const STATEMENT_MAX: &str = "10min";

/// How often it is looked whether rows that are gone can still be seen, and how long in between.
const ROUNDS_MAX: u32 = 50;
const ROUND: Duration = Duration::from_millis(100);

/// Asks the server for a sign, over a connection of its own: those of the pools may all have long work.
pub(super) struct Watch {
    options: PgConnectOptions,
    kept: Mutex<Option<PgConnection>>,
}

impl Watch {
    /// Whether it gives one `within` that time.
    pub(super) async fn answers(&self, within: Duration) -> bool {
        let mut kept = self.kept.lock().await;
        // Taken out: whoever stops waiting in the middle of it takes the connection along.
        let before = kept.take();
        let asked = tokio::time::timeout(within, self.asked(before)).await;
        let (answers, connection) = asked.unwrap_or((false, None));
        *kept = connection;
        answers
    }

    /// Whether it gave a sign, and the connection over which.
    async fn asked(&self, before: Option<PgConnection>) -> (bool, Option<PgConnection>) {
        if let Some(mut connection) = before
            && connection.ping().await.is_ok()
        {
            return (true, Some(connection));
        }
        match self.connected().await {
            Ok(connection) => (true, Some(connection)),
            Err(error) => (has_spoken(&error), None),
        }
    }

    async fn connected(&self) -> sqlx::Result<PgConnection> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        connection.ping().await?;
        Ok(connection)
    }
}

/// True when it was the server that turned us away: one that has no connection left is there. One that
/// stops, crashed or starts (class 57P, Appendix A of PostgreSQL) is not.
fn has_spoken(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_none_or(|code| !code.starts_with("57P"))
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // Not the options: there is a password in them.
        f.write_str("Watch")
    }
}

/// Connects, and brings the tables up to date. The writer, the readers and the key in `key`, and who
/// watches whether the server answers.
///
/// # Errors
/// What is wrong and what would be right, without a word of the URL.
pub(super) async fn connect(
    url: &str,
    key: &Path,
) -> std::result::Result<((Pool, Pool, Keeper), Watch), String> {
    let options = reached(url).await?;
    let watch = Watch { options: options.clone(), kept: Mutex::new(None) };
    let writer = writer(options.clone()).await?;
    to_date(MIGRATIONS.run(&writer).await)?;
    let readers = PgPoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options.options([("default_transaction_read_only", "on")]))
        .await
        .map_err(|e| e.to_string())?;
    if let Some(folder) = key.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| format!("make the folder {}: {e}", folder.display()))?;
    }
    let keeper = Keeper::open(key).map_err(|e| e.to_string())?;
    Ok(((Pool::Postgres(writer), Pool::Postgres(readers), keeper), watch))
}

/// The one connection that writes.
pub(super) async fn for_writing(url: &str) -> std::result::Result<PgPool, String> {
    writer(reached(url).await?).await
}

/// A connection that reads the tables as they are, whoever made them.
pub(super) async fn for_reading(url: &str) -> std::result::Result<PgPool, String> {
    writer(reached(url).await?.options([("default_transaction_read_only", "on")])).await
}

/// How to connect, once the database has answered and keeps texts as it should.
async fn reached(url: &str) -> std::result::Result<PgConnectOptions, String> {
    let options = options(url)?;
    check(&options).await?;
    let lock_timeout = format!("{}ms", BUSY_TIMEOUT.as_millis());
    let limits = [("lock_timeout", lock_timeout.as_str()), ("statement_timeout", STATEMENT_MAX)];
    Ok(options.options(limits))
}

async fn writer(options: PgConnectOptions) -> std::result::Result<PgPool, String> {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(wait_for_the_disk(connection)))
        .connect_with(options)
        .await
        .map_err(|e| e.to_string())
}

/// How an error names the store: without user, password and parameters.
pub(super) fn named(url: &str) -> String {
    let Ok(options) = options(url) else { return "postgres://…".to_owned() };
    let host = match options.get_socket() {
        Some(folder) => folder.to_string_lossy().into_owned(),
        None => options.get_host().to_owned(),
    };
    let database = options.get_database().unwrap_or_default();
    format!("postgres://{host}:{}/{database}", options.get_port())
}

fn options(url: &str) -> std::result::Result<PgConnectOptions, String> {
    let right = "write postgres://user:password@host:5432/database, with %40 for @ in a password";
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(right.to_owned());
    }
    let options = PgConnectOptions::from_str(url).map_err(|e| format!("{e}; {right}"))?;
    Ok(options.application_name("switchgrid"))
}

/// One connection that says what is wrong before anything is made.
async fn check(options: &PgConnectOptions) -> std::result::Result<(), String> {
    let connecting = PgConnection::connect_with(options);
    let mut connection = match tokio::time::timeout(ACQUIRE_TIMEOUT, connecting).await {
        Err(_) => {
            let waited = ACQUIRE_TIMEOUT.as_secs();
            return Err(format!("the database does not answer within {waited} s; is it running?"));
        }
        Ok(Err(sqlx::Error::Io(e))) => {
            return Err(format!("the database does not answer: {e}; is it running there?"));
        }
        Ok(connected) => connected.map_err(|e| e.to_string())?,
    };
    let encoding: String = sqlx::query_scalar("SHOW server_encoding")
        .fetch_one(&mut connection)
        .await
        .map_err(|e| e.to_string())?;
    let _ = connection.close().await;
    match encoding.as_str() {
        "UTF8" => Ok(()),
        other => Err(format!(
            "the database keeps texts as {other}; make one with CREATE DATABASE … ENCODING 'UTF8' \
             TEMPLATE template0"
        )),
    }
}

/// What was answered is kept through a power cut, whatever the server does for others.
async fn wait_for_the_disk(connection: &mut PgConnection) -> sqlx::Result<()> {
    let statement = "SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') = 'off'";
    sqlx::query(statement).execute(connection).await.map(drop)
}

/// Begins a change once those of everybody else have ended.
pub(super) async fn begin(writer: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut tx = writer.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITE_LOCK).execute(&mut *tx).await?;
    Ok(tx)
}

/// Writes the tables anew, without a row that is gone. One at a time: whoever reads waits for one table
/// only; nobody of this process writes meanwhile.
///
/// # Errors
/// [`Error::Busy`] while another program has a transaction open that could still see such rows.
pub(super) async fn write_anew(writer: &PgPool, doing: &'static str) -> Result<()> {
    let mut connection = writer.acquire().await.during(doing)?;
    // A big table takes as long as it takes. Others than this get a connection with the limit again.
    connection.close_on_drop();
    let unlimited = sqlx::query("SET statement_timeout TO 0");
    unlimited.execute(&mut *connection).await.during(doing)?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            .fetch_all(&mut *connection)
            .await
            .during(doing)?;
    for table in tables {
        let mut rounds = 0;
        // What somebody may still see would be copied: first it is made sure that nobody does.
        while dead_rows(&mut connection, &table).await.during(doing)? > 0 {
            rounds += 1;
            if rounds == ROUNDS_MAX {
                return Err(Error::Busy("another program still reads rows that are gone"));
            }
            tokio::time::sleep(ROUND).await;
        }
        let anew = format!("VACUUM FULL \"{table}\"");
        sqlx::query(AssertSqlSafe(anew)).execute(&mut *connection).await.during(doing)?;
    }
    Ok(())
}

/// Clears the table of rows that are gone; how many somebody can still see.
async fn dead_rows(connection: &mut PgConnection, table: &str) -> sqlx::Result<i64> {
    let clear = format!("VACUUM \"{table}\"");
    sqlx::query(AssertSqlSafe(clear)).execute(&mut *connection).await?;
    let select = "SELECT COALESCE(MAX(n_dead_tup), 0) FROM pg_stat_user_tables
         WHERE schemaname = current_schema() AND relname = $1";
    sqlx::query_scalar(select).bind(table).fetch_one(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// A watch over whoever listens at `port`.
    fn watch(port: u16) -> Watch {
        let url = format!("postgres://u:hunter2@127.0.0.1:{port}/x?sslmode=disable");
        let options = options(&url).unwrap();
        Watch { options, kept: Mutex::new(None) }
    }

    #[tokio::test]
    async fn a_server_that_is_silent_or_gone_does_not_answer() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let over = watch(port);
        assert!(!format!("{over:?}").contains("hunter2"));
        assert!(!over.answers(Duration::from_millis(50)).await, "it takes us in and says nothing");
        drop(silent);
        assert!(!over.answers(Duration::from_secs(60)).await, "nobody is there");
    }

    /// A server that turns everybody away with `code`, and its port.
    fn refusing(code: &'static str) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                assert!(stream.read(&mut [0; 1_024]).unwrap() > 0);
                let fields = format!("SFATAL\0VFATAL\0C{code}\0Mnot now\0\0");
                let mut said = vec![b'E'];
                said.extend((fields.len() as u32 + 4).to_be_bytes());
                said.extend(fields.as_bytes());
                stream.write_all(&said).unwrap();
            }
        });
        port
    }

    #[tokio::test]
    async fn a_server_that_has_no_connection_left_answers_and_one_that_starts_does_not() {
        let minute = Duration::from_secs(60);
        for (code, answers) in [("53300", true), ("28P01", true), ("57P03", false)] {
            assert_eq!(watch(refusing(code)).answers(minute).await, answers, "{code}");
        }
    }

    #[test]
    fn a_url_in_an_error_has_no_password() {
        for url in [
            "postgres://u:hunter2@db:5433/x",
            "postgresql://u:hunter2@db:5433/x?sslmode=disable",
            "postgres://db:5433/x?user=a@b&password=hunter2",
        ] {
            assert_eq!(named(url), "postgres://db:5433/x");
        }
        assert_eq!(named("postgres://u@%2Frun%2Fpg:5433/x"), "postgres:///run/pg:5433/x");
        assert_eq!(named("postgres://u:hunter2@db:many/x"), "postgres://…");
    }

    #[test]
    fn a_url_that_is_none_is_told_what_one_looks_like() {
        for url in ["mysql://u:hunter2@db/x", "postgres://u:hunter2@db:many/x", "postgres:x"] {
            let problem = options(url).unwrap_err();
            assert!(problem.contains("write postgres://user:password@host:5432/"), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
