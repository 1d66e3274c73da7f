//! `switchgrid warehouse move`.

use super::{bar, show};
use crate::config::{Config, MANIFEST};
use crate::serve::lock;
use std::process::ExitCode;
use warehouse::Manifest;
use warehouse::moving::{self, Moved};

/// The word for the file in the data folder, in the place of an address.
const FILE: &str = "warehouse.db";

/// Where to.
#[derive(clap::Args)]
pub struct Options {
    /// postgres://user@host:5432/database?schema=name, or warehouse.db. A password is better in the
    /// environment variable PGPASSWORD or in .pgpass.
    to: String,
}

/// Runs the command.
pub async fn run(config: &Config, options: &Options) -> Result<ExitCode, anyhow::Error> {
    print(&carry(config, &options.to).await?, &options.to);
    Ok(ExitCode::SUCCESS)
}

/// Moves the manifest to where `to` says.
pub async fn carry(config: &Config, to: &str) -> Result<Vec<Moved>, anyhow::Error> {
    let from = config.manifest()?;
    let to = match to {
        // In the configuration it means the file; here it may be a variable that is not set.
        "" => anyhow::bail!("where to? {FILE}, or postgres://user@host:5432/database?schema=name"),
        FILE => Manifest::Sqlite,
        address => Manifest::at(address)?,
    };
    // Held until the end: a box that began meanwhile would write what is not moved.
    let _lock = lock::Held::take(config)?;
    let (folder, bar) = (config.server.data.join("warehouse"), bar());
    let moved = moving::carry(&folder, (&from, &to), |done, all| {
        show(&bar, done as usize, all as usize);
    });
    let moved = moved.await;
    bar.finish_and_clear();
    Ok(moved?)
}

fn print(moved: &[Moved], to: &str) {
    for table in moved.iter().filter(|table| table.rows > 0) {
        println!("{:>10}  {}", table.rows, table.table);
    }
    if moved.is_empty() {
        println!("A move that had lacked its end is finished.");
    } else {
        let rows: u64 = moved.iter().map(|table| table.rows).sum();
        println!("{rows} rows of {} tables are there, counted and compared.", moved.len());
    }
    if to == FILE {
        println!(
            "Now take the key out of switchgrid.toml and unset {MANIFEST}; manifest = \"\" of \
             [warehouse] says the same.\nThe schema is as it was, and nobody is forgotten there any \
             more: drop it once the box runs."
        );
    } else {
        println!(
            "Now say in switchgrid.toml where they are, or in {MANIFEST}:\n\n[warehouse]\nmanifest = \
             \"postgres://…\"   # the address that was given\n\nwarehouse.db lies below _aside: an \
             erasure takes it away."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manifest_moves_nowhere_where_nothing_says_where_to() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        for (to, told) in [("", "where to? warehouse.db, or postgres://"), ("x", "is no address")] {
            let said = carry(&config, to).await.unwrap_err().to_string();
            assert!(said.contains(told), "{said}");
        }
    }
}
