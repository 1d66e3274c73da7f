//! Business databases that flows may ask, and bots that they may let speak.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest that a flow waits for a database, in ms.
pub const CONNECTOR_MS_MAX: u32 = 30_000;
/// Most rows of one answer that are read.
pub const CONNECTOR_ROWS_MAX: u32 = 1_000;

/// A business database, or a bot, under the name by which flows call it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// Named in `sql` and `bot` steps.
    pub name: String,
    /// Where it is.
    pub database: Database,
    /// Who we are there; empty for a file and a bot.
    pub user: String,
    /// Their password; what a bot is shown as a bearer token.
    pub password: String,
    /// Flows may change something there.
    pub writes: bool,
    /// Longest that a flow waits for it, in ms; for a bot, until it is connected.
    pub timeout_ms: u32,
    /// Most rows of one answer that are read.
    pub rows_max: u32,
}

/// The password stays out of logs.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Connector({} at {}, …)", self.name, self.database)
    }
}

/// Where a connector leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// A PostgreSQL server.
    Postgres {
        /// A name or an address, without brackets.
        host: String,
        /// Its port.
        port: u16,
        /// The database there.
        name: String,
        /// How its connection is protected.
        tls: DatabaseTls,
    },
    /// A SQLite file below the tenant's folder.
    Sqlite {
        /// Its relative path.
        file: String,
    },
    /// A bot that hears and speaks over a WebSocket.
    Bot {
        /// `wss://host:port/path`, or `ws:` for one in a network of its own.
        url: String,
    },
}

/// How the connection to a database is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseTls {
    /// Not at all: for a server on the same machine or a network of its own.
    Disable,
    /// Encrypted, with whatever certificate.
    #[default]
    Require,
    /// Encrypted, with a certificate of that name.
    VerifyFull,
}

/// Longest address of a bot.
const BOT_URL_MAX: usize = 500;
/// What an address of a connector looks like.
const RIGHT: &str = "postgres://host:5432/database?sslmode=require (or verify-full, or disable), \
                     sqlite:folder/file.db or wss://host/path, without a user and password";

impl Database {
    /// Reads `postgres://host:5432/database?sslmode=…`, `sqlite:folder/file.db` or
    /// `wss://host/path`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(address: &str) -> Result<Self, String> {
        let file = address.strip_prefix("sqlite:");
        let server =
            address.strip_prefix("postgres://").or_else(|| address.strip_prefix("postgresql://"));
        let read = match (file, server) {
            (Some(file), _) => is_file(file).then(|| Database::Sqlite { file: file.to_owned() }),
            (None, Some(rest)) => postgres(rest),
            (None, None) => bot(address),
        };
        read.ok_or_else(|| format!("an address such as {RIGHT} is needed"))
    }
}

impl Database {
    /// It is a bot: flows speak with it and ask it nothing.
    pub fn is_bot(&self) -> bool {
        matches!(self, Database::Bot { .. })
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Database::Sqlite { file } => write!(f, "sqlite:{file}"),
            Database::Bot { url } => f.write_str(url),
            Database::Postgres { host, port, name, tls } => {
                let tls = match tls {
                    DatabaseTls::Disable => "disable",
                    DatabaseTls::Require => "require",
                    DatabaseTls::VerifyFull => "verify-full",
                };
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                write!(f, "postgres://{open}{host}{close}:{port}/{name}?sslmode={tls}")
            }
        }
    }
}

fn postgres(rest: &str) -> Option<Database> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (server, name) = place.split_once('/')?;
    let (host, port) = host_and_port(server)?;
    let tls = match query {
        "" | "sslmode=require" => DatabaseTls::Require,
        "sslmode=verify-full" => DatabaseTls::VerifyFull,
        "sslmode=disable" => DatabaseTls::Disable,
        _ => return None,
    };
    let is_name = (1..=63).contains(&name.len()) && name.bytes().all(is_plain);
    is_name.then(|| Database::Postgres { host: host.to_owned(), port, name: name.to_owned(), tls })
}

/// An address of a WebSocket, kept as it is: no user, no fragment, nothing that an URL would escape.
fn bot(address: &str) -> Option<Database> {
    let rest = address.strip_prefix("wss://").or_else(|| address.strip_prefix("ws://"))?;
    let (server, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    host_and_port(server)?;
    let is_url = |byte: u8| is_plain(byte) || b"/?&=~%+:,@!*'()".contains(&byte);
    let is_right = address.len() <= BOT_URL_MAX && path.bytes().all(is_url);
    is_right.then(|| Database::Bot { url: address.to_owned() })
}

fn host_and_port(server: &str) -> Option<(&str, u16)> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':'))
        }
        None => match server.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (server, None),
        },
    };
    let is_host = host.contains(':') || (!host.is_empty() && host.bytes().all(is_plain));
    let port = match port {
        None => 5432,
        Some(port) => port.parse().ok().filter(|&port| port > 0)?,
    };
    is_host.then_some((host, port))
}

/// A path that cannot leave its folder.
fn is_file(path: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain);
    path.len() <= 200 && path.split('/').all(is_part)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_database_is_read_and_written_the_same() {
        for (address, written) in [
            ("postgres://db.example/gas", "postgres://db.example:5432/gas?sslmode=require"),
            (
                "postgresql://[::1]:5433/a-b?sslmode=disable",
                "postgres://[::1]:5433/a-b?sslmode=disable",
            ),
            (
                "postgres://10.0.0.9/g?sslmode=verify-full",
                "postgres://10.0.0.9:5432/g?sslmode=verify-full",
            ),
            ("sqlite:tariffs/2026.db", "sqlite:tariffs/2026.db"),
            ("wss://bot.example/voice?line=1", "wss://bot.example/voice?line=1"),
            ("ws://[::1]:8765", "ws://[::1]:8765"),
            ("ws://10.0.0.9:8765/", "ws://10.0.0.9:8765/"),
        ] {
            let read = Database::parse(address).unwrap();
            assert_eq!(read.to_string(), written);
            assert_eq!(Database::parse(written).unwrap(), read);
        }
    }

    #[test]
    fn an_address_says_no_password_and_leaves_no_folder() {
        for bad in [
            "",
            "mysql://h/d",
            "postgres://",
            "postgres://h",
            "postgres://h/",
            "postgres://h:0/d",
            "postgres://u:p@h/d",
            "postgres://h:99999/d",
            "postgres://h/d?host=/run/x",
            "postgres://h/d?sslmode=allow",
            "postgres:///run/socket/d",
            "postgres://[zz]/d",
            "sqlite:",
            "sqlite:/etc/passwd",
            "sqlite:../desk.db",
            "sqlite:a/../b",
            "sqlite:a//b",
            "sqlite:.hidden",
            "sqlite::memory:",
            "sqlite:a.db?mode=rwc",
            "wss://",
            "wss:///voice",
            "wss://user:secret@bot.example/",
            "wss://bot.example:0/",
            "wss://bot.example/a b",
            "wss://bot.example/#here",
            "https://bot.example/",
        ] {
            assert!(Database::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_of_a_database_does_not_reach_a_log() {
        let connector = Connector {
            name: "billing".into(),
            database: Database::parse("postgres://h/d").unwrap(),
            user: "ivr".into(),
            password: "hunter2".into(),
            writes: false,
            timeout_ms: 3_000,
            rows_max: 10,
        };
        assert!(!format!("{connector:?}").contains("hunter2"));
    }
}
