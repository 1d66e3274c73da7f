//! A switch of a bench's own, on an empty folder beside the results; those who telephone there, who all
//! speak; and calls that are up together.

use crate::bench;
use crate::field::{Field, Setup};
use crate::kill::{Round, listen_until, order};
use crate::server::{self, Server};
use anyhow::{Context, Result};
use benches::media::g711::Law;
use benches::media::wire::Choice;
use benches::voices;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// The field hears of calls that it has ended itself within this.
const CLEARED: Duration = Duration::from_millis(500);

/// A switch with these sections of the configuration, as long as the work takes. Its folder stays where
/// the work fails.
///
/// # Errors
/// What kept it from running, and those of the work.
pub fn with_switch<T>(
    more: &str,
    work: impl AsyncFnOnce(&Server, &Path) -> Result<T>,
) -> Result<T> {
    let data = bench::scratch()?;
    let mut server = server::start_with(&data, more)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work(&server, &data));
    server.end()?;
    if result.is_ok() {
        std::fs::remove_dir_all(&data).with_context(|| format!("remove {}", data.display()))?;
    }
    result
}

/// Who telephones there, over A-law and with the switch's own address.
pub fn speakers(server: &Server, wire: Choice) -> Setup {
    let law = Law::A;
    Setup {
        server: server.sip,
        ip: server.sip.ip(),
        law,
        engines: 1,
        wire,
        seed: u64::from(std::process::id()),
        customer: voices::customer(law),
        agent: voices::agent(law),
        silent: false,
    }
}

/// Calls that begin one after the other, and are all up from some time on.
#[derive(Clone, Copy)]
pub struct Wave {
    /// How many.
    pub calls: u32,
    /// New calls in a second.
    pub cps: f64,
    /// When the first one begins.
    pub began: Instant,
}

impl Wave {
    /// When the last one has begun.
    pub fn all_up(&self) -> Instant {
        self.at(self.calls)
    }

    fn at(&self, n: u32) -> Instant {
        self.began + Duration::from_secs_f64(f64::from(n) / self.cps)
    }

    /// Places them; they all end at `ends`.
    ///
    /// # Errors
    /// When the field ends before.
    pub async fn place(&self, field: &mut Field, ends: Instant, round: &mut Round) -> Result<()> {
        for n in 0..self.calls {
            listen_until(field, self.at(n), round).await?;
            field.place(order(n + 1, ends - Instant::now()));
        }
        Ok(())
    }
}

/// Ends the calls that are left, notes them, and stops the field.
///
/// # Errors
/// When it cannot be stopped in order.
pub async fn leave(mut field: Field, round: &mut Round) -> Result<()> {
    field.clear();
    listen_until(&mut field, Instant::now() + CLEARED, round).await?;
    tokio::task::spawn_blocking(move || field.stop()).await??;
    Ok(())
}
