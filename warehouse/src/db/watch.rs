//! Whether the server of the manifest answers, asked over a connection of its own: those of the pools
//! may all have long work.

use super::Db;
use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;
use tokio::sync::Mutex;

/// Asks for a sign.
pub(crate) struct Watch {
    options: AnyConnectOptions,
    kept: Mutex<Option<Db>>,
}

impl Watch {
    pub(super) fn new(options: AnyConnectOptions) -> Self {
        Watch { options, kept: Mutex::new(None) }
    }

    /// Whether the server gives one `within` that time.
    pub async fn answers(&self, within: Duration) -> bool {
        let mut kept = self.kept.lock().await;
        // Taken out: whoever stops waiting in the middle of it takes the connection along.
        let before = kept.take();
        let asked = tokio::time::timeout(within, self.asked(before)).await;
        let (answers, db) = asked.unwrap_or((false, None));
        *kept = db;
        answers
    }

    /// Whether it gave a sign, and the connection over which.
    async fn asked(&self, before: Option<Db>) -> (bool, Option<Db>) {
        if let Some(mut db) = before
            && db.ping().await.is_ok()
        {
            return (true, Some(db));
        }
        match self.connected().await {
            Ok(db) => (true, Some(db)),
            Err(error) => (has_spoken(&error), None),
        }
    }

    async fn connected(&self) -> sqlx::Result<Db> {
        let mut db: Db = self.options.connect().await?;
        db.ping().await?;
        Ok(db)
    }
}

/// True when it was the server that turned us away: one that has no connection left is there. One that
/// stops, crashed or starts (class 57P, Appendix A of PostgreSQL) is not.
fn has_spoken(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_none_or(|code| !code.starts_with("57P"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::any::install_default_drivers;
    use std::io::{Read, Write};

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
        install_default_drivers();
        for (code, answers) in [("53300", true), ("28P01", true), ("57P03", false)] {
            let address = format!("postgres://u:p@127.0.0.1:{}/x?sslmode=disable", refusing(code));
            let over = Watch::new(address.parse().unwrap());
            assert_eq!(over.answers(Duration::from_secs(60)).await, answers, "{code}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_silent_or_gone_does_not_answer() {
        install_default_drivers();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("postgres://u:p@{}/x", silent.local_addr().unwrap());
        let over = Watch::new(address.parse().unwrap());
        assert!(!over.answers(Duration::from_millis(50)).await, "it takes us in and says nothing");
        drop(silent);
        assert!(!over.answers(Duration::from_secs(60)).await, "nobody is there");
    }
}
