//! A year of calls in a folder, made once for a number of calls and a seed and used again; and some days
//! of one in files of any form.

use crate::make::Maker;
use crate::shape::{DAYS, days};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};
use terms::record::Row;
use warehouse::{Form, Load, Warehouse};

/// Rows that one thread has made and the other has not written yet, in heaps of [`HEAP`] calls.
const HEAPS_AHEAD: usize = 4;
/// Calls whose rows are handed over together.
const HEAP: usize = 2_000;
/// Says in the folder that it is whole; grows when other rows are made.
const WHOLE: &str = "whole-2";

/// Days of a year of calls, from the seed.
#[derive(Clone, Debug)]
pub struct Days {
    /// What chance is made from.
    pub seed: u64,
    /// Calls of the whole year.
    pub year: u64,
    /// Which days of it.
    pub days: Range<u64>,
}

impl Days {
    /// The calls of the days.
    pub fn calls(&self) -> u64 {
        let of = days(self.year);
        self.days.clone().map(|day| of[day as usize]).sum()
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Time in which days were sorted, packed, written and counted.
    pub took: Duration,
}

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
    let year = Days { seed, year: count, days: 0..DAYS };
    let rows = write(&warehouse, year, Form::default()).await?.rows;
    warehouse.close().await;
    fs::write(folder.join(WHOLE), "").with_context(|| folder.display().to_string())?;
    println!("{count} calls, {rows} rows in {}", folder.display());
    Ok(folder)
}

/// Writes days into an empty folder, in files of this form.
///
/// # Errors
/// When it cannot be written.
pub async fn fill_days(folder: &Path, days: Days, form: Form) -> Result<Written> {
    let warehouse = Warehouse::open(folder).await?;
    let written = write(&warehouse, days, form).await?;
    warehouse.close().await;
    Ok(written)
}

async fn write(warehouse: &Warehouse, of: Days, form: Form) -> Result<Written> {
    let bar = ProgressBar::new(of.calls()).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} calls {eta}")
            .expect("the template is valid"),
    );
    let (give, take) = sync_channel(HEAPS_AHEAD);
    // One core makes, the other sorts and packs.
    let maker = thread::spawn(move || {
        let calls_of = days(of.year);
        for day in of.days {
            let mut maker = Maker::new(of.seed, day, of.year);
            let calls = calls_of[day as usize];
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
    let begun = || Load::new(warehouse).in_form(form);
    let (mut load, mut written) = (begun(), Written::default());
    while let Ok(made) = take.recv() {
        match made {
            Made::Rows(rows, calls) => {
                load.push(rows)?;
                bar.inc(calls);
            }
            Made::Day => {
                let begin = Instant::now();
                written.rows += std::mem::replace(&mut load, begun()).finish().await?;
                written.took += begin.elapsed();
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
