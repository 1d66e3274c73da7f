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
        *kept = tokio::time::timeout(within, self.asked(before)).await.ok().flatten();
        kept.is_some()
    }

    async fn asked(&self, before: Option<Db>) -> Option<Db> {
        if let Some(mut db) = before
            && db.ping().await.is_ok()
        {
            return Some(db);
        }
        let mut db: Db = self.options.connect().await.ok()?;
        db.ping().await.ok()?;
        Some(db)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::any::install_default_drivers;

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
