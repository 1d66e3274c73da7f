//! A PostgreSQL server as a business database.

use super::{CONNECTIONS_MAX, IDLE_MAX, LIFETIME_MAX, Trouble};
use signaling::ivr::run::Found;
use signaling::switch::SqlAsk;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Postgres};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use terms::routing::{Connector, Database, DatabaseTls};

/// Each row as one JSON object of texts: whatever types its columns have, the server writes them.
const ROW: &str = "SELECT (SELECT json_object_agg(key, value)::text \
                   FROM json_each_text(row_to_json(switchgrid_row)))";

/// Connections to the server at `at`, made when they are needed.
pub(super) fn pool(connector: &Connector, at: SocketAddr) -> Result<PgPool, Trouble> {
    let Database::Postgres { host, name, tls, .. } = &connector.database else {
        return Err(Trouble::Lasting("it is no server".to_owned()));
    };
    let (host, mode) = match tls {
        DatabaseTls::Disable => (at.ip().to_string(), PgSslMode::Disable),
        DatabaseTls::Require => (at.ip().to_string(), PgSslMode::Require),
        // The name is looked up once more, and what answers there has to prove that it is it.
        DatabaseTls::VerifyFull => (host.clone(), PgSslMode::VerifyFull),
    };
    let read_only = if connector.writes { "off" } else { "on" };
    let options = PgConnectOptions::new_without_pgpass()
        .host(&host)
        .port(at.port())
        .username(&connector.user)
        .password(&connector.password)
        .database(name)
        .ssl_mode(mode)
        .application_name("switchgrid")
        .options([
            ("statement_timeout", connector.timeout_ms.to_string()),
            ("default_transaction_read_only", read_only.to_owned()),
        ])
        .disable_statement_logging();
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(Duration::from_millis(connector.timeout_ms.into()))
        .idle_timeout(IDLE_MAX)
        .max_lifetime(LIFETIME_MAX)
        .connect_lazy_with(options))
}

/// One statement in a transaction of its own.
pub(super) async fn ask(line: &mut PgConnection, ask: &SqlAsk) -> Result<Found, sqlx::Error> {
    let begin = if ask.writes { "BEGIN READ WRITE" } else { "BEGIN READ ONLY" };
    let mut transaction = line.begin_with(begin).await?;
    let found = if ask.wants_rows {
        let mut query = sqlx::query_scalar::<Postgres, Option<String>>(AssertSqlSafe(in_rows(ask)));
        for value in &ask.values {
            query = query.bind(value.clone());
        }
        let rows = query.fetch_all(&mut *transaction).await?;
        let first = rows.first().map(|row| columns(row.as_deref())).unwrap_or_default();
        Found { rows: rows.len() as u64, first }
    } else {
        let mut query = sqlx::query::<Postgres>(AssertSqlSafe(ask.statement.clone()));
        for value in &ask.values {
            query = query.bind(value.clone());
        }
        let done = query.execute(&mut *transaction).await?;
        Found { rows: done.rows_affected(), first: BTreeMap::new() }
    };
    transaction.commit().await?;
    Ok(found)
}

/// The statement inside of one that makes rows of it, as many as are read. What changes something
/// does so wholly, however many rows of it are read.
fn in_rows(ask: &SqlAsk) -> String {
    let SqlAsk { statement, connector, .. } = ask;
    let rows = connector.rows_max;
    if ask.writes {
        format!("WITH switchgrid_row AS ({statement}) {ROW} FROM switchgrid_row LIMIT {rows}")
    } else {
        format!("{ROW} FROM ({statement}) AS switchgrid_row LIMIT {rows}")
    }
}

fn columns(row: Option<&str>) -> BTreeMap<String, String> {
    let columns: Option<BTreeMap<String, Option<String>>> =
        row.and_then(|row| serde_json::from_str(row).ok());
    let columns = columns.unwrap_or_default().into_iter();
    columns.map(|(name, value)| (name, value.unwrap_or_default())).collect()
}
