//! `switchgrid warehouse verify`. With `--repair`, a database that is lost or damaged is made anew from
//! the files, files that it does not name are named again where their rows are not there, and damaged
//! counts are counted anew. Damaged rows are a matter of `switchgrid warehouse rebuild`.

use super::{bar, show};
use crate::api::child::TRAIL;
use crate::config::Config;
use crate::first;
use crate::serve::lock;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use terms::record::{Audit, Record};
use warehouse::repair::{Repaired, has_files, manifest_from_files};
use warehouse::{Error, Manifest, Warehouse};

/// How to look.
#[derive(clap::Args)]
pub struct Options {
    /// Make the database anew where it is lost, and name files again; the box must not run.
    #[arg(long)]
    repair: bool,
    /// The findings as JSON.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Nothing is wrong.
    pub ok: bool,
    /// Files that were read.
    pub files: u64,
    /// Staged rows that were read.
    pub staged_rows: u64,
    /// What is wrong, a sentence each.
    pub faults: Vec<String>,
    /// Files that lie aside: no answer has their rows.
    pub aside: Vec<String>,
    /// The database was made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// Files that are named again.
    pub adopted: Vec<String>,
    /// Files whose damaged counts were counted anew.
    pub recounted: u64,
}

/// What a new database has.
#[derive(Debug, Serialize)]
pub struct Database {
    /// Files that it names.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Files that are not what was written.
    pub damaged: Vec<String>,
    /// The entry of the event log behind which it is read on.
    pub position: u64,
}

impl From<Repaired> for Database {
    fn from(of: Repaired) -> Self {
        Database { files: of.files, rows: of.rows, damaged: of.damaged, position: of.position }
    }
}

/// Runs the command.
pub async fn run(config: &Config, options: &Options) -> Result<ExitCode, anyhow::Error> {
    let report = look(config, options.repair).await?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks, and with `repair` mends before.
pub async fn look(config: &Config, repair: bool) -> Result<Report, anyhow::Error> {
    let folder = config.server.data.join("warehouse");
    let (mut report, bar) = (Report::default(), bar());
    let warehouse = if repair {
        lock::check_free(config)?;
        let manifest = config.manifest()?;
        if is_lost(config, &folder, &manifest).await? {
            // The audit table stays with desk, all of it.
            let numbered = [(TRAIL, Audit::TABLE)];
            let progress = |done, all| show(&bar, done, all);
            let places = (&manifest, config.published_files()?);
            let made = manifest_from_files(&folder, places, &numbered, progress).await?;
            report.database = Some(made.into());
        }
        let warehouse = first::open_warehouse(config).await?;
        report.adopted = warehouse.adopt().await?.adopted;
        report.recounted = warehouse.recount().await?;
        warehouse
    } else {
        first::read_warehouse(config).await.map_err(told)?
    };
    let found = warehouse.verify_with(|done, all| show(&bar, done, all)).await?;
    warehouse.close().await;
    bar.finish_and_clear();
    report.ok = found.faults.is_empty();
    (report.files, report.staged_rows) = (found.files, found.staged_rows);
    (report.faults, report.aside) = (found.faults, found.aside);
    Ok(report)
}

/// Says what helps where the database cannot be read.
fn told(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Error>() {
        Some(damaged) if damaged.is_damaged_database() => error.context(
            "warehouse.db is damaged: `switchgrid warehouse verify --repair` makes it anew from the \
             files",
        ),
        _ => error,
    }
}

/// The database is not there, its bytes are not its own, or tables of it are gone.
async fn is_lost(
    config: &Config,
    folder: &Path,
    manifest: &Manifest,
) -> Result<bool, anyhow::Error> {
    let files = config.published_files()?;
    let found = match Warehouse::open_reader_in(folder, manifest, files.clone()).await {
        Ok(reader) => {
            let stats = reader.stats().await;
            reader.close().await;
            stats.map(|_| ())
        }
        Err(error) => Err(error),
    };
    match found {
        Ok(()) => Ok(false),
        Err(Error::Unnamed(_)) => Ok(true),
        // A schema of which nothing is left looks like one that was never made.
        Err(Error::Missing(_)) if has_files(folder, files).await? => Ok(true),
        Err(error) if error.is_damaged_database() => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn print(report: &Report) {
    let Report { files, staged_rows, faults, aside, database, adopted, recounted, .. } = report;
    if let Some(made) = database {
        println!(
            "the manifest was made anew: it names {} files with {} rows, and the event log is read \
             on behind entry {}",
            made.files, made.rows, made.position
        );
        for path in &made.damaged {
            println!("  {path} is not what was written and lies aside");
        }
        println!(
            "rows that were staged only are gone; those of the event log come again from it. \
             `switchgrid warehouse rebuild` looks for others"
        );
    }
    for path in adopted {
        println!("{path} is named again");
    }
    if *recounted > 0 {
        println!("{recounted} files were counted anew");
    }
    for fault in faults {
        println!("{fault}");
    }
    for path in aside {
        println!("{path} lies aside, below _aside: no answer has its rows");
    }
    println!("{files} files and {staged_rows} staged rows: {} faults", faults.len());
}
