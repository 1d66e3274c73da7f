//! Rows made anew from `events`: everything that the event log gives is folded once more, as it was
//! when it happened ([`crate::derive`]), held against the rows that are there, and what differs takes
//! their place, a table's day at a time. Rows that are not of the log stay: those of desk, which came
//! through its outbox, and deletions.
//!
//! A row is made anew only where all that it is made of is still there. Of an erased person, of a day
//! whose events or rows are over, behind events that cannot be read, rows stay as they are found, and
//! none comes back.
//!
//! Rows take the way to disk that a merge takes ([`crate::rewrite`]): a reader sees a day as it was or
//! as it is, whenever the process dies, and whoever begins again finds fewer differences. Counts are
//! made of the new files ([`crate::rollup`]).

mod compare;
mod found;
mod over;
mod source;
mod swap;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use over::{SCHEMA, note as note_over};

use crate::derive::Fold;
use crate::rebuild::found::Found;
use crate::rebuild::source::Happened;
use crate::rebuild::whole::Whole;
use crate::schema::{self, layout_of};
use crate::store::now;
use crate::{Error, Warehouse, publish, rollup, seal, sweep};
use arrow::array::RecordBatch;
use chrono::{Days, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};
use terms::TenantId;
use terms::record::Row;

/// Tables that the event log gives.
pub const TABLES: [&str; 11] = [
    "agent_spans",
    "area_tries",
    "calls",
    "consents",
    "faxes",
    "ivr_steps",
    "legs",
    "quality",
    "queue_visits",
    "recordings",
    "surveys",
];
/// The events of so many days before and after a day have a say in its rows: a recording is on disk
/// after its call, and calls are remembered that long.
const AROUND: Days = Days::new(2);
/// Differences that are listed; further ones only count.
const LISTED_MAX: usize = 10_000;

/// What is made anew.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The first UTC day of rows; `None` for the first that there is.
    pub from: Option<NaiveDate>,
    /// The last UTC day of rows; `None` for the last that there is.
    pub until: Option<NaiveDate>,
    /// One of [`TABLES`]; `None` for all of them.
    pub table: Option<String>,
    /// Compare, and change nothing.
    pub check: bool,
    /// Rows of a tenant's table before a UTC day are over: none of them comes back.
    pub over: Vec<(TenantId, String, NaiveDate)>,
}

/// How a row differs from what its events give.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Differs {
    /// It is not there.
    Missing,
    /// No event speaks of it.
    Extra,
    /// It is there more than once.
    Doubled,
    /// These columns of it are others.
    Columns(Vec<String>),
}

/// A row that is not what its events give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its table.
    pub table: &'static str,
    /// Its UTC day.
    pub day: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The number that names it in its table.
    pub id: i64,
    /// How it differs.
    pub differs: Differs,
}

/// What was found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events read.
    pub events: u64,
    /// Rows compared.
    pub rows: u64,
    /// Rows that stay as they are found, because what they were made of is not all there.
    pub kept: u64,
    /// Rows that differ.
    pub differing: u64,
    /// The first ten thousand of them.
    pub differences: Vec<Difference>,
    /// Files that are not what was written: their rows were made anew, or, of `events`, those around
    /// them were left alone.
    pub damaged: Vec<String>,
    /// Rows of damaged files that could not be made anew: they are in none but those, which lie aside.
    pub lost: u64,
    /// Days of tables that were written.
    pub days_written: u64,
    /// Days of tables that were rewritten a moment ago: rebuild again in ten minutes.
    pub days_waiting: u64,
}

impl Plan {
    /// The tables that are made anew.
    fn tables(&self) -> Result<Vec<&'static str>, Error> {
        let wanted = |table: &&str| self.table.as_deref().is_none_or(|of| of == *table);
        let tables: Vec<&'static str> = TABLES.into_iter().filter(wanted).collect();
        match &self.table {
            Some(name) if tables.is_empty() => {
                Err(Error::NotRebuilt { table: name.clone(), tables: TABLES.join(", ") })
            }
            _ => Ok(tables),
        }
    }

    fn has(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

impl Warehouse {
    /// Makes rows anew from their events, or, with [`Plan::check`], says which differ. `progress` is
    /// told how many days of events were read, and of how many.
    ///
    /// # Errors
    /// [`Error::NotRebuilt`] for a table that the log does not give; otherwise see [`Error`]: days that
    /// were written stay so, and it can be asked for again.
    pub async fn rebuild(
        &self,
        plan: &Plan,
        progress: impl Fn(usize, usize),
    ) -> Result<Rebuilt, Error> {
        let tables = plan.tables()?;
        let _one = self.upkeep().await;
        if !plan.check {
            sweep::retired(self, now()).await?;
            seal::all(self).await?;
            publish::files(self, |hot| TABLES.contains(&hot.tbl.as_str())).await?;
        }
        let found = Found::take(self).await?;
        let mut work = Work::new(self, plan, tables, found);
        let days = work.days();
        for (read, day) in days.iter().enumerate() {
            progress(read, days.len());
            work.fold(*day).await?;
            for ready in work.ready(*day) {
                work.settle(ready).await?;
            }
            if work.is_done(*day) {
                break;
            }
        }
        for left in work.left() {
            work.settle(left).await?;
        }
        progress(days.len(), days.len());
        if !plan.check {
            rollup::catch_up(self).await?;
        }
        Ok(work.done)
    }
}

/// The fold on its way through the days.
struct Work<'a> {
    warehouse: &'a Warehouse,
    plan: &'a Plan,
    tables: Vec<&'static str>,
    found: Found,
    fold: Fold,
    whole: Whole,
    /// Rows of days that are not compared yet.
    made: BTreeMap<NaiveDate, BTreeMap<&'static str, Vec<RecordBatch>>>,
    /// Days whose rows are wanted and not compared yet, with the first and last event of each.
    waiting: BTreeMap<NaiveDate, (u64, u64)>,
    done: Rebuilt,
}

impl<'a> Work<'a> {
    fn new(
        warehouse: &'a Warehouse,
        plan: &'a Plan,
        tables: Vec<&'static str>,
        found: Found,
    ) -> Self {
        let whole = Whole::new(plan, &found);
        let (made, waiting) = (BTreeMap::new(), BTreeMap::new());
        let (fold, done) = (Fold::new(), Rebuilt::default());
        Work { warehouse, plan, tables, found, fold, whole, made, waiting, done }
    }

    /// The days of events that are read, in their order.
    fn days(&self) -> Vec<NaiveDate> {
        let first = self.plan.from.and_then(|from| from.checked_sub_days(AROUND));
        let days = self.found.days("events").into_iter();
        days.filter(|day| first.is_none_or(|first| first <= *day)).collect()
    }

    /// Reads the events of a day and keeps the rows that they finish.
    async fn fold(&mut self, day: NaiveDate) -> Result<(), Error> {
        let (happened, damaged) = Happened::on(self.warehouse, &self.found, day).await?;
        for entry in damaged {
            self.whole.hole((entry.tenant_min, entry.tenant_max), day);
            self.done.damaged.push(entry.path);
        }
        let mut rows: BTreeMap<(NaiveDate, &'static str), Vec<Row>> = BTreeMap::new();
        let mut finished = Vec::new();
        for event in happened.in_order() {
            self.done.events += 1;
            self.whole.number(event.seq, day);
            let Some(entry) = event.entry() else {
                self.whole.unreadable(&event, day);
                continue;
            };
            self.whole.saw(&entry, day);
            self.fold.apply(&entry, &mut finished);
            for row in finished.drain(..) {
                let wanted = self.tables.iter().find(|table| **table == row.table());
                let (Some(table), Some(of)) = (wanted, date(&row.day_of().day_text())) else {
                    continue;
                };
                if self.plan.has(of) {
                    rows.entry((of, *table)).or_default().push(row);
                }
            }
            if self.plan.has(day) {
                let (first, last) = self.waiting.entry(day).or_insert((entry.seq, entry.seq));
                (*first, *last) = (entry.seq.min(*first), entry.seq.max(*last));
            }
        }
        // Calls that ended are kept by the fold itself.
        drop(self.fold.take_newly_ended());
        for ((of, table), rows) in rows {
            // What comes after its day was compared stays as it is found.
            if self.waiting.contains_key(&of) {
                let batch = schema::batch(layout_of(table), &rows).map_err(unmade(table))?;
                self.made.entry(of).or_default().entry(table).or_default().push(batch);
            }
        }
        Ok(())
    }

    /// The days that can be compared once `day` was read: nothing that began on them is open, and what
    /// comes later of them has come.
    fn ready(&self, day: NaiveDate) -> Vec<NaiveDate> {
        let is_ready = |of: NaiveDate, (first, last): (u64, u64)| {
            let has_come = of.checked_add_days(AROUND).is_some_and(|later| later <= day);
            has_come && !self.fold.open_seqs().any(|seq| (first..=last).contains(&seq))
        };
        let waiting = self.waiting.iter();
        waiting.filter(|(of, seqs)| is_ready(**of, **seqs)).map(|(of, _)| *of).collect()
    }

    fn is_done(&self, day: NaiveDate) -> bool {
        self.plan.until.is_some_and(|until| until < day) && self.waiting.is_empty()
    }

    fn left(&self) -> Vec<NaiveDate> {
        self.waiting.keys().copied().collect()
    }

    /// Compares the rows of a day, and puts those in place that were made anew.
    async fn settle(&mut self, day: NaiveDate) -> Result<(), Error> {
        let mut made = self.made.remove(&day).unwrap_or_default();
        for table in self.tables.clone() {
            let made = made.remove(table).unwrap_or_default();
            self.settle_table((table, day), made).await?;
        }
        self.waiting.remove(&day);
        self.whole.forget(day);
        Ok(())
    }

    async fn settle_table(
        &mut self,
        (table, day): (&'static str, NaiveDate),
        made: Vec<RecordBatch>,
    ) -> Result<(), Error> {
        let layout = layout_of(table);
        let here = self.found.read(self.warehouse, (table, day)).await?;
        let is_whole =
            |batch: &RecordBatch, row: usize| self.whole.is_whole((layout, day), batch, row);
        let compared = compare::compare((layout, day), (&here.rows, &made), is_whole);
        let compared = compared.map_err(unmade(table))?;
        self.done.rows += compared.rows.num_rows() as u64;
        self.done.kept += compared.kept;
        self.done.differing += compared.differences.len() as u64;
        let room = LISTED_MAX - self.done.differences.len();
        let differs = !compared.differences.is_empty() || !here.damaged.is_empty();
        self.done.differences.extend(compared.differences.into_iter().take(room));
        self.done.damaged.extend(here.damaged.iter().cloned());
        self.done.lost += here.rows_damaged().saturating_sub(compared.added.num_rows() as u64);
        if self.plan.check || !differs {
            return Ok(());
        }
        swap::note(self.warehouse, table, &compared.added).await?;
        match swap::put(self.warehouse, (layout, day), &here, compared.rows).await? {
            true => self.done.days_written += 1,
            false => self.done.days_waiting += 1,
        }
        Ok(())
    }
}

/// The day that a text like `2026-11-23` names.
fn date(text: &str) -> Option<NaiveDate> {
    text.parse().ok()
}

fn unmade(table: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> Error {
    move |error| Error::parquet("make rows for", table)(error.into())
}

/// The days around one, itself among them.
fn around(day: NaiveDate) -> BTreeSet<NaiveDate> {
    [day.pred_opt(), Some(day), day.succ_opt()].into_iter().flatten().collect()
}
