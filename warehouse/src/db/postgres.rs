//! The schema of a PostgreSQL server. Promise: nothing of its address gets into a message; there may
//! be a password in it.

use super::Db;
use crate::Error;
use sha2::{Digest, Sha256};
use sqlx::any::AnyConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::time::Duration;

/// How often the lock of the only writer is asked for at the start, and the pause in between.
pub(super) const LOCK_TRIES: usize = 40;
pub(super) const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Longest statement, as the server counts it. The longest one writes a table anew.
const STATEMENT_MAX: &str = "10min";
/// The schema where the address names none.
const SCHEMA: &str = "switchgrid_warehouse";
/// Bytes of a name in PostgreSQL (NAMEDATALEN - 1).
const NAME_MAX: usize = 63;
/// What an address may say after its `?`, beside the schema.
const PARAMETERS: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
];

/// What is added to the name of a schema that lies aside, and what the server is told of it.
const ASIDE: &str = "_aside";
const REMARK: &str = "switchgrid warehouse: lies aside";

/// Where the schema is.
pub(crate) struct Server {
    pub(super) options: AnyConnectOptions,
    schema: String,
}

impl Server {
    /// Takes an address apart.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub fn parse(address: &str) -> Result<Self, Error> {
        let form = "write postgres://user:password@host:5432/database?schema=name";
        let refused = |problem: &str| {
            Err(Error::Manifest(format!("the address of the manifest {problem}; {form}")))
        };
        let Ok(mut options) = address.parse::<AnyConnectOptions>() else {
            return refused("is no address");
        };
        if !["postgres", "postgresql"].contains(&options.database_url.scheme()) {
            return refused("is not that of a PostgreSQL server");
        }
        let (mut schema, mut others) = (SCHEMA.to_owned(), Vec::new());
        for (name, value) in options.database_url.query_pairs() {
            if name == "schema" {
                schema = value.into_owned();
            } else if PARAMETERS.iter().any(|known| name == *known) {
                others.push((name.into_owned(), value.into_owned()));
            } else {
                // A password with a mistake in its name may stand here.
                return refused("has a parameter that is not known");
            }
        }
        let is_name = (1..=NAME_MAX).contains(&schema.len())
            && !schema.chars().any(char::is_control)
            && !schema.starts_with("pg_");
        if !is_name {
            return refused(
                "names a schema that cannot be: 1 to 63 bytes are needed, not beginning with pg_",
            );
        }
        if !others.iter().any(|(name, _)| name == "application_name") {
            others.push(("application_name".to_owned(), "switchgrid warehouse".to_owned()));
        }
        options.database_url.query_pairs_mut().clear().extend_pairs(others);
        Ok(Server { options, schema })
    }

    /// How a connection is set up, whatever the role's own settings are: a commit is on disk when it
    /// returns, nobody who only reads writes, no statement runs without end, and the server notices
    /// within a minute that the other end is gone without a word, so that the lock of the only writer
    /// is free again.
    pub(super) fn session(&self, writes: bool) -> String {
        let only = if writes { "off" } else { "on" };
        format!(
            "SET search_path TO {}; SET synchronous_commit TO on; SET lock_timeout TO '10s'; \
             SET statement_timeout TO '{STATEMENT_MAX}'; \
             SET client_min_messages TO warning; SET tcp_keepalives_idle TO 30; \
             SET tcp_keepalives_interval TO 10; SET tcp_keepalives_count TO 3; \
             SET default_transaction_read_only TO {only}",
            quoted(&self.schema)
        )
    }

    /// The number of the lock of the only writer. Locks are told apart by database.
    pub(super) fn lock(&self) -> i64 {
        let digest = Sha256::digest(format!("switchgrid warehouse {}", self.schema));
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
    }

    /// What the schema is called when it lies aside.
    pub(super) fn aside(&self) -> String {
        let mut name = self.schema.clone();
        while name.len() > NAME_MAX - ASIDE.len() {
            name.pop();
        }
        name + ASIDE
    }

    /// Puts the schema aside and makes an empty one in its place.
    ///
    /// # Errors
    /// [`Error::Manifest`] when one lies aside already; otherwise see [`Error`].
    pub async fn put_aside(&self, db: &mut Db) -> Result<(), Error> {
        let failed = || Error::database("put the schema aside");
        let aside = self.aside();
        let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_namespace WHERE nspname = $1")
            .bind(&aside)
            .fetch_one(&mut *db)
            .await
            .map_err(failed())?;
        if there > 0 {
            return Err(Error::Manifest(format!(
                "there is a schema of this one's name with {ASIDE} behind it, of an earlier repair; \
                 drop it, or give it another name"
            )));
        }
        let (ours, aside) = (quoted(&self.schema), quoted(&aside));
        for statement in [
            format!("ALTER SCHEMA {ours} RENAME TO {aside}"),
            format!("COMMENT ON SCHEMA {aside} IS '{REMARK}'"),
            format!("CREATE SCHEMA {ours}"),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *db).await.map_err(failed())?;
        }
        Ok(())
    }

    /// A connection, before there are many.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the server is away or lets nobody in.
    async fn reach(&self) -> Result<Db, Error> {
        super::reached(super::CONNECT_MAX, self.options.connect()).await.map_err(|error| {
            Error::Manifest(format!(
                "the PostgreSQL server of the manifest cannot be reached ({error}); start it, or \
                 correct the address"
            ))
        })
    }

    /// Makes the schema where it is missing. A role that may not make one uses one that is there.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the server is away; otherwise see [`Error`].
    pub(super) async fn make_schema(&self) -> Result<(), Error> {
        let failed = || Error::database("make the schema");
        let mut db = self.reach().await?;
        let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_namespace WHERE nspname = $1")
            .bind(&self.schema)
            .fetch_one(&mut db)
            .await
            .map_err(failed())?;
        if there == 0 {
            let make = format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(&self.schema));
            sqlx::query(AssertSqlSafe(make)).execute(&mut db).await.map_err(failed())?;
        }
        db.close().await.map_err(failed())
    }
}

/// Drops a schema that a repair has put aside, where there is one.
///
/// # Errors
/// See [`Error`].
pub(super) async fn drop_aside(db: &mut Db, name: &str) -> Result<(), Error> {
    let failed = || Error::database("drop the schema that lies aside");
    let there: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_namespace WHERE nspname = $1 \
         AND obj_description(oid, 'pg_namespace') = $2",
    )
    .bind(name)
    .bind(REMARK)
    .fetch_one(&mut *db)
    .await
    .map_err(failed())?;
    if there > 0 {
        let drop = format!("DROP SCHEMA {} CASCADE", quoted(name));
        sqlx::query(AssertSqlSafe(drop)).execute(&mut *db).await.map_err(failed())?;
    }
    Ok(())
}

/// A name as PostgreSQL takes it whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: &str) -> String {
        match Server::parse(address) {
            Err(Error::Manifest(sentence)) => sentence,
            Err(error) => panic!("{address}: {error}"),
            Ok(_) => panic!("{address} is taken"),
        }
    }

    #[test]
    fn an_address_names_a_server_and_a_schema() {
        let server =
            Server::parse("postgres://box:hush@db.example.com/calls?schema=a%22b").unwrap();
        assert_eq!(server.schema, "a\"b");
        assert!(server.session(true).starts_with("SET search_path TO \"a\"\"b\";"));
        assert!(server.session(true).contains("SET tcp_keepalives_idle TO 30;"));
        assert!(server.session(false).contains("SET statement_timeout TO '10min';"));
        assert!(!server.options.database_url.as_str().contains("schema"));
        let plain = Server::parse("postgresql:///calls?host=/run/postgresql").unwrap();
        assert_eq!(plain.schema, SCHEMA);
        assert_ne!(plain.lock(), server.lock());
    }

    #[tokio::test]
    async fn a_server_that_is_silent_is_not_waited_for_without_end() {
        let silent = std::future::pending::<sqlx::Result<()>>();
        let refusal = super::super::reached(Duration::ZERO, silent).await.unwrap_err();
        assert!(refusal.to_string().contains("no answer within 0ns"), "{refusal}");
    }

    #[test]
    fn a_schema_that_lies_aside_has_a_name_of_its_own_however_long_its_name_is() {
        let of = |schema: &str| {
            Server::parse(&format!("postgres://db/calls?schema={schema}")).unwrap().aside()
        };
        assert_eq!(of("box"), "box_aside");
        let long = of(&"é".repeat(31));
        assert!(long.ends_with("é_aside") && long.len() <= NAME_MAX, "{long}");
    }

    #[test]
    fn a_wrong_address_is_refused_without_being_repeated() {
        let long = format!("postgres://box:hush@db/calls?schema={}", "x".repeat(64));
        for (address, why) in [
            ("hush", "is no address"),
            ("mysql://box:hush@db/calls", "not that of a PostgreSQL server"),
            ("sqlite:hush.db", "not that of a PostgreSQL server"),
            ("postgres://box@db/calls?passwort=hush", "not known"),
            ("postgres://box:hush@db/calls?schema=", "cannot be"),
            ("postgres://box:hush@db/calls?schema=pg_hush", "cannot be"),
            ("postgres://box:hush@db/calls?schema=a%00b", "cannot be"),
            (long.as_str(), "cannot be"),
        ] {
            let sentence = refusal(address);
            assert!(sentence.contains(why) && !sentence.contains("hush"), "{sentence}");
        }
    }
}
