//! `switchgrid recording verify`: the whole store against its ledger. Without `--repair` it changes
//! nothing and the box may run; with it the box must not run.
//!
//! What is repaired, in this order: a file that the recording log still holds is rendered again and
//! taken where it is the one that was written, octet by octet; a file that was cut short gets a
//! header that says so; what is left is moved to `quarantine` beneath the recordings. What became of
//! a file is noted in the index, so that the next look does not call it damage. What lies in the
//! second tier is fetched and looked at; damaged there, it is rendered again here or left. MP3 and
//! Opus files are looked at too and made again from their WAV ([`forms`]).

mod forms;
mod orphans;
#[cfg(test)]
pub(super) mod tests;

use crate::config::{self, Config};
use crate::serve::lock;
use crate::tier::cache::Part;
use crate::tier::{self, Tier};
use crate::work::encode::Rates;
use indicatif::{ProgressBar, ProgressStyle};
use mediacore::edge::keys::Keys;
use mediacore::edge::storage::verify::{
    Expected, Fault, SegmentsReport, check, check_segments, fix_header, quarantine, render_again,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use terms::record::Recording;
use terms::{RecordingId, TenantId};
use warehouse::Warehouse;
use warehouse::recordings::{Indexed, Moved, Repair};

/// Rows read at a time.
const PAGE: u32 = 1_000;
/// Faults and orphans that are listed; further ones only count.
const LISTED_MAX: usize = 10_000;

/// How to look.
#[derive(clap::Args)]
pub struct Options {
    /// Repair what can be repaired and move aside what cannot; the box must not run.
    #[arg(long)]
    repair: bool,
    /// The findings as JSON.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Nothing is wrong that was not repaired.
    ok: bool,
    /// Rows of the ledger.
    recordings: u64,
    /// Files as they were written, or as a repair left them.
    good: u64,
    /// Rows without a file: refused recordings.
    without_file: u64,
    /// Of the good ones, those that lie in the second tier and were read from there.
    moved: u64,
    /// Recordings that were deleted.
    deleted: u64,
    /// Recordings that an earlier repair could not save.
    lost_before: u64,
    /// Faults by kind.
    summary: BTreeMap<&'static str, u64>,
    /// What became of them.
    repaired: BTreeMap<&'static str, u64>,
    /// The faults, the first ten thousand.
    faults: Vec<Finding>,
    /// Files that no row knows.
    orphans: u64,
    /// The first ten thousand of them.
    orphan_files: Vec<orphans::Orphan>,
    /// MP3 and Opus files.
    forms: Forms,
    /// The recording log.
    segments: Segments,
}

#[derive(Debug, Default, Serialize)]
struct Forms {
    /// Files there are.
    files: u64,
    /// Whole ones, as long as their recording.
    good: u64,
    /// Sealed ones that could not be opened without the keys.
    unopened: u64,
}

impl Report {
    fn fault(&mut self, recording: &Recording, path: &str, fault: &Fault) {
        *self.summary.entry(fault.kind()).or_default() += 1;
        if self.faults.len() < LISTED_MAX {
            self.faults.push(Finding {
                recording: recording.recording_id,
                tenant: recording.tenant_id,
                path: path.to_owned(),
                kind: fault.kind(),
                detail: fault.to_string(),
                repair: None,
            });
        }
    }

    fn repair(&mut self, path: &str, word: &'static str) {
        *self.repaired.entry(word).or_default() += 1;
        if let Some(finding) = self.faults.iter_mut().find(|finding| finding.path == path) {
            finding.repair = Some(word);
        }
    }
}

#[derive(Debug, Serialize)]
struct Finding {
    recording: RecordingId,
    tenant: TenantId,
    path: String,
    kind: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<&'static str>,
}

#[derive(Debug, Default, Serialize)]
struct Segments {
    files: u64,
    bytes: u64,
    blocks: u64,
    torn_tails: u64,
    damaged: u64,
    faults: Vec<String>,
    /// False where the keys could not be read: then only checksums were looked at.
    opened: bool,
}

/// Runs the command.
pub async fn run(config: &Config, options: &Options) -> Result<ExitCode, anyhow::Error> {
    let data = &config.server.data;
    anyhow::ensure!(
        config.store().has_box(),
        "{} holds no box; start one with `switchgrid serve`, or name its folder with --data",
        data.display()
    );
    let report = look(config, options.repair).await?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(config: &Config, repair: bool) -> Result<Report, anyhow::Error> {
    let warehouse = if repair {
        lock::check_free(config)?;
        crate::first::open_warehouse(config).await?
    } else {
        crate::first::read_warehouse(config).await?
    };
    let store = config.recordings_dir();
    let mut report = Report::default();
    let keys = Keys::read(&config.recording_keys()).ok();
    let shelf = Shelf { here: store.clone(), tier: Tier::open(config) };
    let (bad, bad_forms) = files(&warehouse, &shelf, keys.as_ref(), &mut report).await?;
    orphans::find(&warehouse, &store, &mut report).await?;
    let segments = config.server.data.join("segments");
    report.segments = segments_of(check_segments(&segments, keys.as_ref())?, keys.is_some());
    let faults = bad.len() + bad_forms.len();
    let mut saved = 0;
    if repair && faults > 0 {
        let keys = Keys::read(&config.recording_keys())?;
        saved = repair_all(&warehouse, (&segments, &store), &keys, bad, &mut report).await?;
        let workshop = forms::Workshop { store: &store, rates: Rates::of(config), keys: &keys };
        saved += workshop.make_again(bad_forms, &mut report)?;
    }
    report.ok = saved == faults && report.segments.damaged == 0;
    warehouse.close().await;
    Ok(report)
}

/// A file that is not what its row says.
struct Bad {
    recording: Recording,
    moved: bool,
    path: String,
    fault: Fault,
}

async fn files(
    warehouse: &Warehouse,
    shelf: &Shelf,
    keys: Option<&Keys>,
    report: &mut Report,
) -> Result<(Vec<Bad>, Vec<forms::Bad>), anyhow::Error> {
    let bar = ProgressBar::new(warehouse.recordings_count().await?).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").expect("the template is valid"),
    );
    let (mut after, mut bad, mut bad_forms) = (RecordingId(0), Vec::new(), Vec::new());
    loop {
        let page = warehouse.all_recordings(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.recording.recording_id;
        for found in page {
            bar.inc(1);
            report.recordings += 1;
            let Some((path, fault)) = file_of(found.clone(), shelf, keys, report).await? else {
                continue;
            };
            let of_it = forms::look(&found, &path, fault.as_ref(), shelf, keys, report).await?;
            for form in &of_it {
                bar.println(format!("{}: {}", found.recording.recording_id, form.told()));
            }
            bad_forms.extend(of_it);
            let Some(fault) = fault else {
                report.good += 1;
                continue;
            };
            let recording = found.recording;
            bar.println(format!("{}: {path}: {fault}", recording.recording_id));
            report.fault(&recording, &path, &fault);
            bad.push(Bad { recording, moved: found.moved.is_some(), path, fault });
        }
    }
    bar.finish_and_clear();
    Ok((bad, bad_forms))
}

/// The path of a recording's file and what is wrong with it; `None` when it should have none.
async fn file_of(
    found: Indexed,
    shelf: &Shelf,
    keys: Option<&Keys>,
    report: &mut Report,
) -> Result<Option<(String, Option<Fault>)>, anyhow::Error> {
    let Indexed { recording, deleted, repair, moved } = found;
    if deleted.is_some() {
        report.deleted += 1;
        return Ok(None);
    }
    if matches!(repair, Some(Repair::Quarantined { .. } | Repair::Lost)) {
        report.lost_before += 1;
        return Ok(None);
    }
    let Some(path) = recording.path else {
        report.without_file += 1;
        return Ok(None);
    };
    let Some(file) = beneath(&shelf.here, &path) else {
        let fault = Fault::Unreadable("the ledger's path leads elsewhere".to_owned());
        return Ok(Some((path, Some(fault))));
    };
    let (bytes, sha256, duration_ms) = match repair {
        Some(Repair::Shortened { bytes, sha256, duration_ms }) => {
            (bytes, Some(sha256), duration_ms)
        }
        _ => (recording.bytes as u64, recording.sha256, i64::from(recording.duration_ms)),
    };
    let fetched = match shelf.fetch(&file, &path, moved.as_ref()).await {
        Ok(fetched) => fetched,
        Err(fault) => return Ok(Some((path, Some(fault)))),
    };
    let is_moved = fetched.is_some();
    let keys = keys.cloned();
    let work = move || {
        let file = fetched.as_ref().map_or(&*file, Part::path);
        let expected = Expected { bytes, sha256: sha256.as_deref(), duration_ms };
        check(file, &expected, keys.as_ref())
    };
    let fault = tokio::task::spawn_blocking(work).await?;
    report.moved += u64::from(is_moved && fault.is_none());
    Ok(Some((path, fault)))
}

/// Where recordings lie.
struct Shelf {
    here: PathBuf,
    tier: Result<Option<Tier>, config::Error>,
}

impl Shelf {
    /// What lies in the second tier alone, as it lies there: a copy in the cache would tell nothing
    /// of it, so none is taken and none is left. `None` for a file that is here.
    async fn fetch(
        &self,
        file: &Path,
        path: &str,
        moved: Option<&Moved>,
    ) -> Result<Option<Part>, Fault> {
        if file.exists() {
            return Ok(None);
        }
        let unreadable = |why: String| Fault::Unreadable(why);
        let tier = match &self.tier {
            Ok(Some(tier)) => tier,
            Ok(None) if moved.is_none() => return Ok(None),
            Ok(None) => {
                let why = "it lies in the object store, which [tier] does not name";
                return Err(unreadable(why.to_owned()));
            }
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let part = tier.cache().part().map_err(|error| unreadable(error.to_string()))?;
        let stored = moved.and_then(|moved| moved.file(path));
        match tier.download(path, stored, part.path()).await {
            Ok(_) => Ok(Some(part)),
            Err(tier::Error::Missing(_)) => Err(Fault::Missing),
            Err(tier::Error::Changed { .. }) => Err(Fault::Changed),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }
}

/// The file of a path that stays beneath the recordings.
fn beneath(store: &Path, path: &str) -> Option<PathBuf> {
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    (is_plain && !path.is_empty()).then(|| store.join(path))
}

/// Repairs what can be, and says how many are not faults any more: saved, or moved aside and noted.
async fn repair_all(
    warehouse: &Warehouse,
    (segments, store): (&Path, &Path),
    keys: &Keys,
    bad: Vec<Bad>,
    report: &mut Report,
) -> Result<usize, anyhow::Error> {
    let wanted: BTreeMap<RecordingId, Option<String>> = bad
        .iter()
        // A sealed file is never written twice with the same bytes.
        .filter(|bad| beneath(store, &bad.path).is_some() && bad.path.ends_with(".wav"))
        .map(|bad| (bad.recording.recording_id, bad.recording.sha256.clone()))
        .collect();
    let whole = render_again(segments, store, keys, &wanted)?;
    let mut saved = 0;
    for Bad { recording, moved, path, fault } in bad {
        let id = recording.recording_id;
        let done = if whole.contains(&id) {
            if moved {
                // What lies in the second tier is replaced by the next move.
                warehouse.note_here(id).await?;
            }
            Some("rendered")
        } else {
            match mend(store, &path, &fault)? {
                Some((word, repair)) => {
                    warehouse.note_repair(id, &repair).await?;
                    Some(word)
                }
                None => None,
            }
        };
        let Some(word) = done else { continue };
        saved += 1;
        report.repair(&path, word);
    }
    Ok(saved)
}

/// What can be done without the log; `None` for what the disk does not give: it may come back.
fn mend(
    store: &Path,
    path: &str,
    fault: &Fault,
) -> Result<Option<(&'static str, Repair)>, anyhow::Error> {
    let Some(file) = beneath(store, path) else { return Ok(None) };
    // What is damaged in the second tier is neither cut nor moved aside here.
    if !file.exists() && !matches!(fault, Fault::Missing) {
        return Ok(None);
    }
    match fault {
        Fault::Unreadable(_) => return Ok(None),
        Fault::Missing => return Ok(Some(("lost", Repair::Lost))),
        Fault::Truncated { .. } => {
            if let Some(fixed) = fix_header(&file)? {
                let (bytes, sha256, duration_ms) = (fixed.bytes, fixed.sha256, fixed.duration_ms);
                return Ok(Some(("shortened", Repair::Shortened { bytes, sha256, duration_ms })));
            }
        }
        Fault::Header(_) | Fault::Size { .. } | Fault::Duration { .. } | Fault::Changed => {}
        Fault::Encoded(_) => return Ok(None),
    }
    let aside = quarantine(store, path)?;
    let aside = aside.strip_prefix(store).unwrap_or(&aside).display().to_string();
    Ok(Some(("quarantined", Repair::Quarantined { path: aside })))
}

fn segments_of(found: SegmentsReport, opened: bool) -> Segments {
    let SegmentsReport { segments, bytes, blocks, torn_tails, damaged, faults } = found;
    Segments { files: segments, bytes, blocks, torn_tails, damaged, faults, opened }
}

fn print(report: &Report) {
    let Report { recordings, good, moved, without_file, deleted, lost_before, .. } = report;
    println!(
        "{recordings} recordings: {good} good ({moved} in the object store), {without_file} without a file, {deleted} deleted, {lost_before} lost before"
    );
    for (kind, count) in &report.summary {
        println!("  {count} {kind}");
    }
    for (word, count) in &report.repaired {
        println!("  {count} {word}");
    }
    for orphan in &report.orphan_files {
        println!("{}: {}", orphan.path, orphan.why);
    }
    let Forms { files, good, unopened } = report.forms;
    println!("{files} MP3 and Opus files: {good} good, {unopened} sealed and no keys here");
    println!("{} files that no row knows", report.orphans);
    let Segments { files, blocks, torn_tails, damaged, opened, .. } = &report.segments;
    let how = if *opened { "opened" } else { "checksums only" };
    println!(
        "recording log: {files} files, {blocks} blocks ({how}), {torn_tails} being written, \
         {damaged} damaged places"
    );
    for fault in &report.segments.faults {
        println!("  {fault}");
    }
}
