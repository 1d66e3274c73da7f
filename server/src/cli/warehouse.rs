//! `switchgrid warehouse`: whether every byte of the warehouse is what was written and every row what
//! its events give, and both made so again; and its manifest moved to another place. Looking changes
//! nothing and the box may run; for a repair, a rebuild or a move it must not.

mod manifest;
mod rebuild;
#[cfg(test)]
mod tests;
mod verify;

use super::block_on;
use crate::config::Config;
use indicatif::{ProgressBar, ProgressStyle};
use std::process::ExitCode;

/// Arguments of `switchgrid warehouse`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Read every file and staged row: say what is damaged, missing, there twice or not named. Ends
    /// with 1 where something is.
    Verify(verify::Options),
    /// Make the rows that the event log gave anew from the table `events`, where they differ.
    Rebuild(rebuild::Options),
    /// Move manifest and staged rows from `warehouse.db` to a schema of a PostgreSQL server, or back.
    /// The box must not run.
    Move(manifest::Options),
}

/// Runs the command.
///
/// # Errors
/// When there is no box, it runs and must not, or the warehouse cannot be read or written.
pub fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, anyhow::Error> {
    let data = &config.server.data;
    anyhow::ensure!(
        config.store().has_box(),
        "{} holds no box; start one with `switchgrid serve`, or name its folder with --data",
        data.display()
    );
    match &arguments.command {
        Command::Verify(options) => block_on(verify::run(config, options)),
        Command::Rebuild(options) => block_on(rebuild::run(config, options)),
        Command::Move(options) => block_on(manifest::run(config, options)),
    }
}

/// A bar for what takes a while.
pub(super) fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}");
    ProgressBar::new(0).with_style(style.expect("the template is valid"))
}

/// Moves the bar to `done` of `all`.
pub(super) fn show(bar: &ProgressBar, done: usize, all: usize) {
    bar.set_length(all as u64);
    bar.set_position(done as u64);
}
