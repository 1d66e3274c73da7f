//! `switchgrid recording backup` and `recording restore`: every recording of every tenant as it is
//! stored, sealed ones sealed, in a folder or in a bucket, and back.
//!
//! - **What is there is not copied again**: beside each file in a folder stands its hash
//!   (`<file>.sha256`, as `sha256sum --check` reads it), an object of a bucket says its own.
//! - **What is said to be there was read back**, and is what the ledger says. A file here that is
//!   something else is not copied over a good copy.
//! - **What was deleted here goes there too**, at the next run.
//!
//! Either command may be stopped at any moment and goes on where it stopped; the box may run.

mod vault;

#[cfg(test)]
mod tests;

use super::{Form, Source};
use crate::cli::home::Home;
use crate::config::Config;
use crate::open::beneath;
use anyhow::Context;
use desk::By;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use terms::RecordingId;
use vault::Vault;
use warehouse::Warehouse;
use warehouse::recordings::{Indexed, Repair, Stored};

/// Rows read at a time.
const PAGE: u32 = 1_000;
/// Pause after a start: calls come first.
const AFTER_START: Duration = Duration::from_secs(600);

/// Where to.
#[derive(clap::Args)]
pub struct Options {
    /// A folder, made when it is missing, or s3://bucket/folder, asked with the access of [tier].
    #[arg(long)]
    to: String,
    /// Read again what is there already; what is not as it was is copied anew.
    #[arg(long)]
    verify: bool,
}

/// Where from.
#[derive(clap::Args)]
pub struct RestoreOptions {
    /// The folder or s3://bucket/folder of a backup.
    #[arg(long)]
    from: String,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    copied: u64,
    there: u64,
    failed: u64,
}

impl Outcome {
    fn told(&self, what: &str, place: &str) -> ExitCode {
        let Outcome { copied, there, failed } = self;
        println!("{copied} recordings {what} {place}, {there} were there, {failed} failed");
        if *failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Backs up.
pub async fn run(
    config: &Config,
    home: &Home,
    options: &Options,
) -> Result<ExitCode, anyhow::Error> {
    let vault = Vault::open(config, &options.to)?;
    let warehouse = crate::first::read_warehouse(config).await?;
    let by = By::system("command line", crate::first::wall());
    for tenant in home.store.tenants().await? {
        home.store.note(tenant.id, &by, "recording.backup", &options.to).await?;
    }
    let outcome = back_up(config, &warehouse, &vault, options.verify).await?;
    Ok(outcome.told("copied to", &options.to))
}

/// Brings back what is missing.
pub async fn restore(config: &Config, options: &RestoreOptions) -> Result<ExitCode, anyhow::Error> {
    let vault = Vault::open(config, &options.from)?;
    let warehouse = crate::first::read_warehouse(config).await?;
    let outcome = bring_back(&config.recordings_dir(), &warehouse, &vault).await?;
    Ok(outcome.told("brought back from", &options.from))
}

/// Backs up where the configuration says, again and again, on a thread of its own until the process
/// ends: reading files holds up nothing else. Where it fails the next one tries again.
pub fn keep_on(config: Config) {
    std::thread::spawn(move || rounds(&config));
}

fn rounds(config: &Config) {
    let place = &config.recording.backup_to;
    std::thread::sleep(AFTER_START);
    loop {
        match super::block_on(once(config)) {
            Ok(Outcome { copied, there, failed: 0 }) => {
                tracing::info!(place, copied, there, "recordings are backed up");
            }
            Ok(Outcome { copied, there, failed }) => {
                tracing::error!(place, copied, there, failed, "some recordings are not backed up");
            }
            Err(error) => tracing::error!(place, "recordings are not backed up: {error:#}"),
        }
        std::thread::sleep(config.recording.backup_every.0);
    }
}

/// One backup to where the configuration says.
async fn once(config: &Config) -> Result<Outcome, anyhow::Error> {
    let vault = Vault::open(config, &config.recording.backup_to)?;
    let warehouse = crate::first::read_warehouse(config).await?;
    let outcome = back_up(config, &warehouse, &vault, false).await;
    warehouse.close().await;
    outcome
}

async fn back_up(
    config: &Config,
    warehouse: &Warehouse,
    vault: &Vault,
    verify: bool,
) -> Result<Outcome, anyhow::Error> {
    let source = Source::open(config);
    let bar = bar(warehouse).await?;
    let (mut after, mut outcome) = (RecordingId(0), Outcome::default());
    loop {
        let page = warehouse.all_recordings(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.recording.recording_id;
        let gone = page.iter().filter(|found| found.deleted.is_some());
        let gone = gone.filter_map(|found| found.recording.path.clone());
        let gone: Vec<String> = gone.filter(|path| is_plain(path)).collect();
        vault.forget(&gone).await?;
        for found in &page {
            bar.inc(1);
            let Some(path) = kept(found) else { continue };
            match copy(&source, vault, found, path, verify).await {
                Ok(true) => outcome.copied += 1,
                Ok(false) => outcome.there += 1,
                Err(error) => outcome.fail(&bar, found, &error),
            }
        }
    }
    bar.finish_and_clear();
    Ok(outcome)
}

async fn bring_back(
    folder: &Path,
    warehouse: &Warehouse,
    vault: &Vault,
) -> Result<Outcome, anyhow::Error> {
    let bar = bar(warehouse).await?;
    let (mut after, mut outcome) = (RecordingId(0), Outcome::default());
    loop {
        let page = warehouse.all_recordings(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.recording.recording_id;
        for found in &page {
            bar.inc(1);
            // What lies in the second tier is missing nowhere.
            let Some(path) = kept(found).filter(|_| found.moved.is_none()) else { continue };
            match fetch(folder, vault, found, path).await {
                Ok(true) => outcome.copied += 1,
                Ok(false) => outcome.there += 1,
                Err(error) => outcome.fail(&bar, found, &error),
            }
        }
    }
    bar.finish_and_clear();
    Ok(outcome)
}

impl Outcome {
    fn fail(&mut self, bar: &ProgressBar, found: &Indexed, error: &anyhow::Error) {
        self.failed += 1;
        bar.println(format!("{}: {error:#}", found.recording.recording_id));
    }
}

async fn bar(warehouse: &Warehouse) -> Result<ProgressBar, anyhow::Error> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}");
    let bar = ProgressBar::new(warehouse.recordings_count().await?);
    Ok(bar.with_style(style.expect("the template is valid")))
}

/// The path of a recording that is to be there.
fn kept(found: &Indexed) -> Option<&str> {
    let is_lost = matches!(found.repair, Some(Repair::Quarantined { .. }));
    found.recording.path.as_deref().filter(|_| found.deleted.is_none() && !is_lost)
}

/// Beneath a folder and nowhere else.
fn is_plain(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// What the ledger says of a file.
fn expected(found: &Indexed, path: &str) -> Result<Stored, anyhow::Error> {
    anyhow::ensure!(is_plain(path), "the ledger has the path {path:?}");
    let row = &found.recording;
    let (bytes, sha256) = match &found.repair {
        Some(Repair::Shortened { bytes, sha256, .. }) => (*bytes, Some(sha256)),
        _ => (u64::try_from(row.bytes).unwrap_or_default(), row.sha256.as_ref()),
    };
    let sha256 = sha256.context("its row has no hash")?.clone();
    Ok(Stored { path: path.to_owned(), bytes, sha256 })
}

/// False when it was there.
async fn copy(
    source: &Source,
    vault: &Vault,
    found: &Indexed,
    path: &str,
    verify: bool,
) -> Result<bool, anyhow::Error> {
    let stored = expected(found, path)?;
    if vault.holds(&stored, verify).await? {
        return Ok(false);
    }
    let folder = holding(source, found, path).await?;
    vault.put(&folder, &stored).await?;
    Ok(true)
}

/// The folder beneath which a recording lies, fetched from the second tier where it lies there.
async fn holding(source: &Source, found: &Indexed, path: &str) -> Result<PathBuf, anyhow::Error> {
    if beneath(&source.folder, path).is_ok() {
        return Ok(source.folder.clone());
    }
    source.file(found, path, Form::Wav).await?;
    match &source.tier {
        Ok(Some(tier)) => Ok(tier.cache().folder().to_owned()),
        Ok(None) | Err(_) => anyhow::bail!("{path} is not here"),
    }
}

/// False when it was here.
async fn fetch(
    folder: &Path,
    vault: &Vault,
    found: &Indexed,
    path: &str,
) -> Result<bool, anyhow::Error> {
    let stored = expected(found, path)?;
    let here = folder.join(path);
    if let Ok(meta) = std::fs::metadata(&here) {
        anyhow::ensure!(
            meta.len() == stored.bytes,
            "{path} has {} bytes instead of {}; `switchgrid recording verify --repair` moves it aside",
            meta.len(),
            stored.bytes
        );
        return Ok(false);
    }
    let day = here.parent().context("a recording lies in a folder")?;
    std::fs::create_dir_all(day).with_context(|| format!("make {}", day.display()))?;
    let mut part = here.clone().into_os_string();
    part.push("_again");
    let part = PathBuf::from(part);
    let fetched = vault.fetch(&stored, &part).await;
    if fetched.is_err() {
        // Half a file has no name of a whole one, and does not stay.
        let _ = std::fs::remove_file(&part);
    }
    fetched?;
    vault::name(&part, &here)?;
    Ok(true)
}
