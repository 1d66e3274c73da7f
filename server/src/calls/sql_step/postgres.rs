//! A PostgreSQL server as a business database.

use super::{CONNECTIONS_MAX, IDLE_MAX, LIFETIME_MAX, ROW_BYTES_MAX, Trouble, fits};
use futures::TryStreamExt;
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
                   FROM json_each_text(row_to_json(switchgrid_row))) AS text";

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
pub(super) async fn ask(line: &mut PgConnection, ask: &SqlAsk) -> Result<Found, Trouble> {
    let begin = if ask.writes { "BEGIN READ WRITE" } else { "BEGIN READ ONLY" };
    let mut transaction = line.begin_with(begin).await?;
    let found = if ask.wants_rows {
        let mut query =
            sqlx::query_as::<Postgres, (Option<i64>, Option<String>)>(AssertSqlSafe(in_rows(ask)));
        for value in &ask.values {
            query = query.bind(value.clone());
        }
        let mut found = Found::default();
        let mut rows = query.fetch(&mut *transaction);
        while let Some((bytes, row)) = rows.try_next().await? {
            fits(bytes)?;
            if found.rows == 0 {
                found.first = columns(row.as_deref());
            }
            found.rows += 1;
        }
        drop(rows);
        found
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

/// The statement inside of one that makes rows of it, as many as are read, each with its length and
/// without its text where that is too long. What changes something does so wholly, however many rows of
/// it are read.
fn in_rows(ask: &SqlAsk) -> String {
    let SqlAsk { statement, connector, .. } = ask;
    let rows = connector.rows_max;
    let measured = format!(
        "SELECT octet_length(text)::bigint, \
         CASE WHEN octet_length(text) <= {ROW_BYTES_MAX} THEN text END FROM"
    );
    if ask.writes {
        format!(
            "WITH switchgrid_row AS ({statement}) \
             {measured} ({ROW} FROM switchgrid_row LIMIT {rows}) AS switchgrid_text"
        )
    } else {
        format!(
            "{measured} ({ROW} FROM ({statement}) AS switchgrid_row LIMIT {rows}) AS switchgrid_text"
        )
    }
}

fn columns(row: Option<&str>) -> BTreeMap<String, String> {
    let columns: Option<BTreeMap<String, Option<String>>> =
        row.and_then(|row| serde_json::from_str(row).ok());
    let columns = columns.unwrap_or_default().into_iter();
    columns.map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::{CallId, TenantId};

    #[test]
    fn a_server_measures_each_row_and_sends_none_that_is_too_long() {
        let connector = Connector {
            name: "gas".into(),
            database: Database::parse("postgres://192.0.2.9/gas").expect("an address"),
            user: "ivr".into(),
            password: String::new(),
            writes: true,
            timeout_ms: 1_000,
            rows_max: 2,
        };
        let statement = "SELECT owes FROM accounts".to_owned();
        let (id, call, tenant, timeout) = (1, CallId(1), TenantId(1), Duration::from_secs(1));
        let (values, writes, wants_rows) = (Vec::new(), false, true);
        let read =
            SqlAsk { id, call, tenant, connector, statement, values, writes, wants_rows, timeout };
        for writes in [false, true] {
            let text = in_rows(&SqlAsk { writes, ..read.clone() });
            assert!(text.contains("CASE WHEN octet_length(text) <= 65536 THEN text END"), "{text}");
            assert!(text.contains("switchgrid_row LIMIT 2) AS switchgrid_text"), "{text}");
        }
    }
}
