//! The commands of `switchgrid`.

#[cfg(feature = "ballista")]
pub mod cluster;
pub mod erase;
pub mod evidence;
pub mod fax;
pub mod home;
pub mod item;
pub mod recording;
pub mod report;
pub mod sql;
pub mod store;
pub mod user;
pub mod warehouse;

use crate::config::Config;
use crate::{api, calls, logging, own, serve, work};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Switchgrid: the open call centre for hotlines and the field grids behind them.
#[derive(Parser)]
#[command(name = "switchgrid", version, about, max_term_width = 100)]
struct Arguments {
    /// Configuration; without it ./switchgrid.toml if there is one, else the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder, instead of `server.data`.
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the box.
    Serve {
        /// Also write the passwords of a first start to this file, readable by its owner only.
        #[arg(long, value_name = "FILE")]
        credentials: Option<PathBuf>,
    },
    /// Read the configuration and say whether the box could start.
    Check,
    /// Ask the warehouse a question in SQL.
    Sql(sql::Arguments),
    /// Print a report.
    Report(report::Arguments),
    /// List, fetch and verify recordings.
    Recording(recording::Arguments),
    /// Move the business to a database of PostgreSQL or back, while the box does not run.
    Store(store::Arguments),
    /// Verify the warehouse, repair it, make its rows anew from the events, and move its manifest.
    Warehouse(warehouse::Arguments),
    /// Answer questions on several machines, over the published files: a scheduler, and executors.
    #[cfg(feature = "ballista")]
    Cluster(cluster::Arguments),
    /// Take what the warehouse knows of one person out of it, while the box does not run.
    Erase(erase::Arguments),
    /// Make and verify evidence packs of calls.
    Evidence(evidence::Arguments),
    /// Bring work that is no call to a box that runs.
    Item(item::Arguments),
    /// Manage people who sign in.
    User(user::Arguments),
    /// The fax machine of one fax, on standard input and output. The box starts it itself.
    #[command(hide = true)]
    Fax(fax::Arguments),
    /// One of the supervisor's children.
    #[command(hide = true)]
    Child {
        /// `first`, `calls`, `api` or `work`.
        name: String,
        /// The supervisor's resolved configuration.
        config: PathBuf,
        /// For `first`: where the generated passwords go.
        credentials: Option<PathBuf>,
    },
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("no other provider was installed before main");
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("switchgrid: {}", told(&error));
            ExitCode::from(serve::child::EXIT_HOPELESS as u8)
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, anyhow::Error> {
    if let Command::Child { name, config, credentials } = &arguments.command {
        own::be_named();
        return child(name, config, credentials.as_deref());
    }
    if let Command::Fax(arguments) = &arguments.command {
        own::be_named();
        return fax::run(arguments);
    }
    let mut config = Config::load(arguments.config.as_deref())?;
    if let Some(data) = arguments.data {
        config.server.data = data;
    }
    logging::start(&config);
    match arguments.command {
        Command::Serve { credentials } => {
            serve::run(config, &serve::Options { credentials })?;
        }
        Command::Check => check(config)?,
        Command::Sql(arguments) => return sql::run(&config, &arguments),
        Command::Report(arguments) => report::run(&config, &arguments)?,
        Command::Recording(arguments) => return recording::run(&config, &arguments),
        Command::Store(arguments) => store::run(&config, &arguments)?,
        Command::Warehouse(arguments) => return warehouse::run(&config, &arguments),
        #[cfg(feature = "ballista")]
        Command::Cluster(arguments) => cluster::run(&config, arguments)?,
        Command::Erase(arguments) => erase::run(&config, &arguments)?,
        Command::Evidence(arguments) => return evidence::run(&config, &arguments),
        Command::Item(arguments) => return item::run(&config, &arguments),
        Command::User(arguments) => user::run(&config, &arguments)?,
        Command::Child { .. } | Command::Fax(_) => unreachable!("these are handled above"),
    }
    Ok(ExitCode::SUCCESS)
}

fn child(name: &str, config: &Path, credentials: Option<&Path>) -> Result<ExitCode, anyhow::Error> {
    let config: Config = serde_json::from_slice(&std::fs::read(config)?)?;
    logging::start(&config);
    match name {
        "first" => block_on(crate::first::bootstrap(&config, credentials))?,
        "calls" => calls::run(config)?,
        "api" => api::child::run(config)?,
        "work" => work::run(config)?,
        other => anyhow::bail!("\"{other}\" is no child; first, calls, api and work are"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The error and its causes, each said once: most errors here name their cause themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        match (text.is_empty(), text.contains(&cause)) {
            (true, _) => cause,
            (false, true) => text,
            (false, false) => format!("{text}: {cause}"),
        }
    })
}

/// What `serve` would refuse, without starting anything.
fn check(mut config: Config) -> Result<(), anyhow::Error> {
    serve::prepare::folders(&mut config)?;
    serve::lock::check_free(&config)?;
    serve::prepare::ports(&mut config)?;
    println!("The configuration is good; {} can be used.", config.server.data.display());
    Ok(())
}

/// Of each thread of a command, as the first one of a process has it: plans are read and cut by functions
/// that call themselves.
const STACK_BYTES: usize = 8 << 20;

/// A runtime for commands that read stores.
fn block_on<T>(work: impl Future<Output = Result<T, anyhow::Error>>) -> Result<T, anyhow::Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let missing = Config::load(Some(std::path::Path::new("/nowhere/switchgrid.toml")));
        let text = told(&anyhow::Error::from(missing.unwrap_err()));
        assert_eq!(text.matches("No such file").count(), 1, "{text}");
        let text = told(&anyhow::anyhow!("disk full").context("write the report"));
        assert_eq!(text, "write the report: disk full");
    }
}
