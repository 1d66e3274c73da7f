//! SQL steps of IVR flows: one statement each, its values bound, bounded in time, rows and the bytes of
//! each row, and only where it may go. A server is asked at an address that was checked ([`Place`]), a
//! file lies below the folder of its tenant.
//!
//! What reads runs where nothing can be written and is tried once more when the connection was lost.
//! What writes is sent once. Each connector has a few connections of its own: one whose database hangs
//! takes none from others, and a connection that was given up on is closed, not used again.
//!
//! The database measures a row before it gives it: one above [`ROW_BYTES_MAX`] fails the step, and is
//! neither sent nor copied. What stays unbounded is a server that lies, since the driver reads a message
//! whole, and what a SQLite file `RETURNING`s, which can be measured only after it was read.

mod postgres;
mod sqlite;

use crate::outward::Place;
use signaling::ivr::run::{Fault, Found};
use signaling::switch::{SqlAsk, SqlDone};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgPool};
use sqlx::sqlite::SqlitePool;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terms::TenantId;
use terms::routing::{Connector, Database};
use tokio::time::{Instant, timeout_at};

/// Connections of one connector at a time; who finds none waits within their own time.
const CONNECTIONS_MAX: u32 = 8;
/// Longest row: its texts together, with the names of its columns where a server writes them.
const ROW_BYTES_MAX: u64 = 64 << 10;
/// How long a connection is kept that nobody uses.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How long a connection is used at all: a file may have been replaced, a server moved.
const LIFETIME_MAX: Duration = Duration::from_secs(300);
/// A connector that nobody asks for so long, or that is gone, is forgotten with its password.
const UNUSED_MAX: Duration = Duration::from_secs(3_600);

/// Asks databases for flows.
#[derive(Clone)]
pub struct SqlSteps {
    allowed: Arc<[IpAddr]>,
    folder: Arc<PathBuf>,
    pools: Arc<Mutex<HashMap<(TenantId, String), Kept>>>,
}

/// The connections of a connector as it was when they were made.
struct Kept {
    connector: Connector,
    pool: Pool,
    /// Asked for last.
    used: Instant,
}

#[derive(Clone)]
enum Pool {
    Postgres { at: SocketAddr, pool: PgPool },
    Sqlite(SqlitePool),
}

/// Why one try came to nothing.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// Time is over.
    Late,
    /// Another try may go better.
    Passing(String),
    /// It may not.
    Lasting(String),
}

impl SqlSteps {
    /// Private addresses in `allowed` may be asked; public ones always. Files lie below
    /// `<folder>/<tenant>`; without a folder no file is asked.
    pub fn new(allowed: &[IpAddr], folder: PathBuf) -> Self {
        SqlSteps { allowed: allowed.into(), folder: Arc::new(folder), pools: Arc::default() }
    }

    /// Brings one question to its end.
    pub async fn run(&self, ask: SqlAsk) -> SqlDone {
        let deadline = Instant::now() + ask.timeout;
        let answer = match self.once(&ask, deadline).await {
            Err(Trouble::Passing(_)) if !ask.writes => self.once(&ask, deadline).await,
            answer => answer,
        };
        let result = answer.map_err(|trouble| match trouble {
            Trouble::Late => Fault::Late,
            Trouble::Passing(why) | Trouble::Lasting(why) => Fault::Failed(why),
        });
        if let Err(why) = &result {
            let (tenant, connector) = (ask.tenant, &ask.connector.name);
            tracing::warn!(%tenant, %connector, call = %ask.call, ?why, "a flow heard no database");
        }
        SqlDone { id: ask.id, result }
    }

    async fn once(&self, ask: &SqlAsk, deadline: Instant) -> Result<Found, Trouble> {
        let pool = timeout_at(deadline, self.pool(ask)).await.map_err(|_| Trouble::Late)??;
        match pool {
            Pool::Postgres { pool, .. } => {
                let line = timeout_at(deadline, pool.acquire()).await;
                let mut line = line.map_err(|_| Trouble::Late)??;
                let answer = timeout_at(deadline, postgres::ask(&mut line, ask)).await;
                match answer {
                    Ok(found) => found,
                    Err(_) => {
                        // What it was doing is rolled back when the server sees that it is closed.
                        drop(line.detach());
                        Err(Trouble::Late)
                    }
                }
            }
            Pool::Sqlite(pool) => {
                let line = timeout_at(deadline, pool.acquire()).await;
                let mut line = line.map_err(|_| Trouble::Late)??;
                let until = deadline.into_std();
                let answer = timeout_at(deadline, sqlite::ask(&mut line, ask, until)).await;
                match answer {
                    Ok(found) => found,
                    Err(_) => {
                        drop(line.detach());
                        Err(Trouble::Late)
                    }
                }
            }
        }
    }

    /// The connections of the connector; new ones where it was changed or its server moved.
    async fn pool(&self, ask: &SqlAsk) -> Result<Pool, Trouble> {
        let connector = &ask.connector;
        let key = (ask.tenant, connector.name.clone());
        let addresses = self.addresses(connector).await?;
        if let Some(pool) = self.kept(&key, connector, &addresses) {
            return Ok(pool);
        }
        let pool = match &connector.database {
            Database::Postgres { .. } => {
                let at = addresses.first().copied();
                let at = at.ok_or_else(|| Trouble::Lasting("it has no address".to_owned()))?;
                Pool::Postgres { at, pool: postgres::pool(connector, at)? }
            }
            Database::Sqlite { file } => {
                let folder = self.folder.join(ask.tenant.to_string());
                if self.folder.as_os_str().is_empty() {
                    let why = "no file is asked here: ivr.sqlite_folder names no folder";
                    return Err(Trouble::Lasting(why.to_owned()));
                }
                Pool::Sqlite(sqlite::pool(connector, &folder, file).await?)
            }
            Database::Bot { .. } => {
                return Err(Trouble::Lasting("a bot is no database".to_owned()));
            }
        };
        let used = Instant::now();
        let kept = Kept { connector: connector.clone(), pool: pool.clone(), used };
        self.forget_unused(used);
        self.pools.lock().expect("no panic while held").insert(key, kept);
        Ok(pool)
    }

    /// Connections go when the last question over them has ended.
    fn forget_unused(&self, now: Instant) {
        let mut pools = self.pools.lock().expect("no panic while held");
        pools.retain(|_, kept| now.duration_since(kept.used) < UNUSED_MAX);
    }

    fn kept(
        &self,
        key: &(TenantId, String),
        connector: &Connector,
        addresses: &[SocketAddr],
    ) -> Option<Pool> {
        let mut pools = self.pools.lock().expect("no panic while held");
        let kept = pools.get_mut(key).filter(|kept| kept.connector == *connector)?;
        kept.used = Instant::now();
        match &kept.pool {
            Pool::Postgres { at, .. } if !addresses.contains(at) => None,
            pool => Some(pool.clone()),
        }
    }

    /// Where a server is, as far as it may be asked; none of a file.
    async fn addresses(&self, connector: &Connector) -> Result<Vec<SocketAddr>, Trouble> {
        let Database::Postgres { host, port, .. } = &connector.database else {
            return Ok(Vec::new());
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let url = reqwest::Url::parse(&format!("http://{host}:{port}/"));
        let url = url.map_err(|error| Trouble::Lasting(error.to_string()))?;
        match Place::of(&url, &self.allowed, "ivr.sql_allowed").await {
            Ok(place) => Ok(place.addresses().to_vec()),
            Err(refusal) => Err(Trouble::Lasting(refusal.to_string())),
        }
    }
}

/// Refuses a row of so many bytes; `None` is an empty one.
fn fits(bytes: Option<i64>) -> Result<(), Trouble> {
    match bytes.and_then(|bytes| u64::try_from(bytes).ok()) {
        Some(bytes) if bytes > ROW_BYTES_MAX => {
            let why =
                format!("a row of {bytes} bytes; at most {ROW_BYTES_MAX} are read: ask for less");
            Err(Trouble::Lasting(why))
        }
        _ => Ok(()),
    }
}

/// What a database says may have a caller's digits in it: its code is kept, its words are not.
impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Trouble::Late,
            sqlx::Error::Database(said) => {
                let code = said.code().unwrap_or_default().into_owned();
                let why = format!("the database answers with {code}");
                match weight(said.as_ref(), &code) {
                    Weight::Late => Trouble::Late,
                    Weight::Passing => Trouble::Passing(why),
                    Weight::Lasting => Trouble::Lasting(why),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Trouble::Passing(error.to_string()),
            _ => Trouble::Lasting("the answer cannot be read".to_owned()),
        }
    }
}

enum Weight {
    Late,
    Passing,
    Lasting,
}

/// How much a code means: SQLSTATE of a server, a result code of SQLite.
fn weight(said: &(dyn DatabaseError + 'static), code: &str) -> Weight {
    if said.try_downcast_ref::<PgDatabaseError>().is_some() {
        return match code.get(..2) {
            _ if code == "57014" => Weight::Late,
            Some("08" | "40" | "53" | "57") => Weight::Passing,
            _ => Weight::Lasting,
        };
    }
    // The lowest byte is the primary code: interrupted, busy, locked.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(9) => Weight::Late,
        Ok(5 | 6) => Weight::Passing,
        _ => Weight::Lasting,
    }
}

#[cfg(test)]
mod tests;
