//! Retention at work: files by themselves, and the whole way with the decision, the rows that tell of
//! it, and the note that the files are gone.

use crate::{FILES_PER_S, Figures};
use anyhow::{Context, Result, ensure};
use server::work::remove::{BATCH_MAX, remove};
use std::fs;
use std::path::Path;
use std::time::Instant;
use terms::record::Recording;
use terms::{RecordingId, TenantId, Timestamp};
use warehouse::Warehouse;
use warehouse::recordings::{OfQueues, Reason};

const TENANT: TenantId = TenantId(1);

pub async fn measure(folder: &Path, count: u64, figures: &mut Figures) -> Result<()> {
    let recordings = folder.join("recordings");
    let warehouse = Warehouse::open(folder).await?;
    let due = due(&warehouse, count).await?;
    ensure!(!due.is_empty(), "there is nothing to delete");
    let paths: Vec<String> = due.iter().filter_map(|of| of.path.clone()).collect();

    make(&recordings, &paths)?;
    let (start, mut files) = (Instant::now(), 0);
    for batch in paths.chunks(BATCH_MAX) {
        let removed = remove(&recordings, batch);
        ensure!(removed.failed.is_empty(), "{:?} are left", removed.failed.first());
        files += removed.files;
    }
    let seconds = start.elapsed().as_secs_f64();
    figures.add("files removed", files as f64 / seconds, "files/s")?;

    make(&recordings, &paths)?;
    let (start, mut files) = (Instant::now(), 0);
    for batch in due.chunks(BATCH_MAX) {
        let ids: Vec<RecordingId> = batch.iter().map(|of| of.recording_id).collect();
        let why = (Reason::Retention, "kept for 90 days");
        let at = Timestamp(batch[0].started_at.0 + 1);
        let doomed = warehouse.delete_recordings(TENANT, &ids, why, at).await?;
        let wavs: Vec<String> = doomed.into_iter().map(|of| of.path).collect();
        files += remove(&recordings, &wavs).files;
        warehouse.recordings_removed(&ids).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = files as f64 / seconds;
    figures.add_within("files deleted, decision and row included", rate, "files/s", FILES_PER_S)?;
    figures.add("recordings deleted, all included", due.len() as f64 / seconds, "recordings/s")?;
    warehouse.close().await;
    Ok(())
}

/// The oldest recordings that have a file.
async fn due(warehouse: &Warehouse, count: u64) -> Result<Vec<Recording>> {
    let (mut found, mut after) = (Vec::new(), (Timestamp(i64::MIN), RecordingId(0)));
    while (found.len() as u64) < count {
        let (of, until) = (OfQueues::AllBut(&[]), Timestamp(i64::MAX));
        let page = warehouse.recordings_due(TENANT, of, until, after, BATCH_MAX as u32).await?;
        let Some(last) = page.last() else { break };
        after = (last.started_at, last.recording_id);
        found.extend(page);
    }
    found.truncate(count as usize);
    Ok(found)
}

/// A WAV and an MP3 of 4 KiB for each.
fn make(recordings: &Path, paths: &[String]) -> Result<()> {
    let bytes = [7; 4096];
    for path in paths {
        let wav = recordings.join(path);
        let day = wav.parent().expect("a recording lies in its day");
        fs::create_dir_all(day).with_context(|| day.display().to_string())?;
        fs::write(&wav, bytes)?;
        fs::write(wav.with_extension("mp3"), bytes)?;
    }
    Ok(())
}
