//! Log lines: one event, one line, control characters of callers escaped.

use crate::config::Config;
use std::io::IsTerminal;

/// Starts logging to standard error. `SWITCHGRID_LOG` overrides `server.log` with a filter such as
/// `info,signaling=debug`.
pub fn start(config: &Config) {
    let filter = std::env::var("SWITCHGRID_LOG")
        .unwrap_or_else(|_| format!("{},sqlx=warn,datafusion=warn", config.server.log.as_str()));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process (a test) keeps the first.
    let _ = if config.server.log_json { lines.json().try_init() } else { lines.try_init() };
}
