//! `switchgrid cluster`: the parts of a cluster that answers questions over the published files, each on
//! a machine of its own or several on one. They need no box beside them: a scheduler needs nothing, an
//! executor the files, in a folder that it sees or in a bucket whose keys its own configuration has.

#[cfg(test)]
mod tests;

use super::block_on;
use crate::config::Config;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use warehouse::query::cluster::{Executor, Options, Place, Published, Scheduler};

/// Where a scheduler listens that is told nothing else.
const SCHEDULER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50050);
/// Where an executor does.
const EXECUTOR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50051);

/// Arguments of `switchgrid cluster`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Take questions, cut them into stages and give those to the executors that ask for work.
    Scheduler {
        /// Where it listens, for executors and for who asks.
        #[arg(long, value_name = "ADDRESS", default_value_t = SCHEDULER)]
        listen: SocketAddr,
    },
    /// Read published files and compute what a scheduler gives.
    Executor(Work),
}

/// Arguments of `switchgrid cluster executor`.
#[derive(clap::Args)]
struct Work {
    /// The scheduler, host:port; where it is not there yet it is waited for.
    #[arg(long, value_name = "ADDRESS")]
    scheduler: Place,
    /// Where it listens, for other executors and for who asks.
    #[arg(long, value_name = "ADDRESS", default_value_t = EXECUTOR)]
    listen: SocketAddr,
    /// The name or the address by which others reach this machine, where that is not the one of
    /// `--listen`.
    #[arg(long, value_name = "HOST")]
    reached_at: Option<String>,
    /// A folder on a disk of this machine, where rows lie between two stages: rows of callers, so on a
    /// disk that is trusted with them.
    #[arg(long, value_name = "FOLDER")]
    work: PathBuf,
    /// How many parts of questions it computes at a time; 0 is one a core.
    #[arg(long, default_value_t = 0)]
    cores: usize,
    /// MiB that sorts, joins and aggregates share; left out, 70 % of what the machine or its group of
    /// processes has.
    #[arg(long)]
    memory_mib: Option<u64>,
}

/// Runs a part until it is told to end.
///
/// # Errors
/// When its port or its files cannot be had, or it fails.
pub fn run(config: &Config, arguments: Arguments) -> Result<(), anyhow::Error> {
    match arguments.command {
        Command::Scheduler { listen } => block_on(async {
            let scheduler = Scheduler::bind(listen).await?;
            println!("The scheduler listens on {}.", scheduler.address());
            warn(scheduler.address());
            Ok(scheduler.run().await?)
        }),
        Command::Executor(work) => block_on(async {
            let executor = bound(config, work).await?;
            println!("The executor listens on {}.", executor.address());
            warn(executor.address());
            Ok(executor.run().await?)
        }),
    }
}

/// An executor over the published files of `config`.
async fn bound(config: &Config, work: Work) -> Result<Executor, anyhow::Error> {
    let published = match config.published_files()? {
        Some(bucket) => Published::Bucket(bucket),
        None => Published::Folder(config.server.data.join("warehouse")),
    };
    let options = Options {
        scheduler: work.scheduler,
        listen: work.listen,
        reached_at: work.reached_at,
        cores: work.cores,
        memory_max: work.memory_mib.map(|mib| mib.saturating_mul(1 << 20)),
        work: work.work,
    };
    Ok(Executor::bind(options, published).await?)
}

/// The parts of a cluster ask nobody who they are.
fn warn(listens: SocketAddr) {
    if !listens.ip().is_loopback() {
        eprintln!(
            "Whoever reaches {listens} reads the rows of all tenants: let in the cluster and the box \
             alone."
        );
    }
}
