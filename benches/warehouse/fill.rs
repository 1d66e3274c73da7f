//! A year of calls in a folder, made once for a number of calls and a seed and used again.

use crate::make::Maker;
use crate::shape::{DAYS, days};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use terms::record::Row;
use warehouse::{Load, Warehouse};

/// Rows that one thread has made and the other has not written yet, in heaps of [`HEAP`] calls.
const HEAPS_AHEAD: usize = 4;
/// Calls whose rows are handed over together.
const HEAP: usize = 2_000;
/// Says in the folder that it is whole; grows when other rows are made.
const WHOLE: &str = "whole-1";

/// What the thread that makes rows hands over.
enum Made {
    /// Rows of so many calls.
    Rows(Vec<Row>, u64),
    /// A day is over.
    Day,
}

/// The folder below `root` with a year of `count` calls.
///
/// # Errors
/// When it cannot be written.
pub async fn fill(root: &Path, seed: u64, count: u64) -> Result<PathBuf> {
    let folder = root.join(format!("calls-{count}-seed-{seed}"));
    if folder.join(WHOLE).exists() {
        println!("{count} calls are in {}", folder.display());
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let warehouse = Warehouse::open(&folder).await?;
    let rows = write(&warehouse, seed, count).await?;
    warehouse.close().await;
    fs::write(folder.join(WHOLE), "").with_context(|| folder.display().to_string())?;
    println!("{count} calls, {rows} rows in {}", folder.display());
    Ok(folder)
}

async fn write(warehouse: &Warehouse, seed: u64, count: u64) -> Result<u64> {
    let bar = ProgressBar::new(count).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} calls {eta}")
            .expect("the template is valid"),
    );
    let (give, take) = sync_channel(HEAPS_AHEAD);
    // One core makes, the other sorts and packs.
    let maker = thread::spawn(move || {
        for (day, calls) in (0..DAYS).zip(days(count)) {
            let mut maker = Maker::new(seed, day, count);
            for starts in maker.starts(calls).chunks(HEAP) {
                let mut rows = Vec::new();
                starts.iter().for_each(|at| maker.call(*at, &mut rows));
                if give.send(Made::Rows(rows, starts.len() as u64)).is_err() {
                    return;
                }
            }
            let mut rows = Vec::new();
            maker.breaks(&mut rows);
            if give.send(Made::Rows(rows, 0)).is_err() || give.send(Made::Day).is_err() {
                return;
            }
        }
    });
    let (mut load, mut written) = (Load::new(warehouse), 0);
    while let Ok(made) = take.recv() {
        match made {
            Made::Rows(rows, calls) => {
                load.push(rows)?;
                bar.inc(calls);
            }
            Made::Day => {
                written += std::mem::replace(&mut load, Load::new(warehouse)).finish().await?;
            }
        }
    }
    maker.join().expect("making rows does not panic");
    bar.finish_and_clear();
    Ok(written)
}

/// Bytes of the published files of a folder, and how many files.
///
/// # Errors
/// When the folder cannot be read.
pub async fn size(folder: &Path) -> Result<(u64, u64)> {
    let warehouse = Warehouse::open_reader(folder).await?;
    let stats = warehouse.stats().await?;
    warehouse.close().await;
    Ok((stats.bytes, stats.published_files))
}
