//! The events of a day as the entries of the log that they were.

use super::found::Found;
use crate::{Error, Warehouse, manifest};
use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::BTreeSet;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::{CallId, ContactId, LegId, TenantId, Timestamp};

/// What happened on a day.
pub struct Happened {
    batches: Vec<RecordBatch>,
}

/// One row of `events`.
pub struct Event<'a> {
    /// Whose.
    pub tenant: i64,
    /// Its number in the log.
    pub seq: i64,
    /// Its call.
    pub call: Option<i64>,
    /// Its kind.
    pub kind: &'a str,
    contact: Option<i64>,
    leg: Option<i64>,
    at: i64,
    detail: &'a str,
}

impl Happened {
    /// What rows of `events` say.
    pub fn of(batches: Vec<RecordBatch>) -> Self {
        Happened { batches }
    }

    /// Reads a day; gives back the files, too, that cannot be read.
    pub async fn on(
        warehouse: &Warehouse,
        found: &Found,
        day: NaiveDate,
    ) -> Result<(Self, Vec<manifest::Entry>), Error> {
        let here = found.read(warehouse, ("events", day)).await?;
        let damaged = here.files.into_iter().filter(|entry| here.damaged.contains(&entry.path));
        let damaged = damaged.collect();
        Ok((Happened::of(here.rows), damaged))
    }

    /// The events as the log had them: by number. Where a power cut took the end of the log, numbers
    /// were given twice, and only the clock tells which came first.
    pub fn in_order(&self) -> impl Iterator<Item = Event<'_>> {
        let mut order: Vec<(i64, i64, usize, usize)> = Vec::new();
        for (at_batch, batch) in self.batches.iter().enumerate() {
            let (seqs, times) = (whole(batch, "seq"), times(batch));
            let rows = seqs.iter().zip(times).enumerate();
            order.extend(rows.map(|(row, (seq, at))| (*seq, *at, at_batch, row)));
        }
        let numbers: BTreeSet<i64> = order.iter().map(|(seq, ..)| *seq).collect();
        if numbers.len() == order.len() {
            order.sort_unstable();
        } else {
            order.sort_unstable_by_key(|(seq, at, ..)| (*at, *seq));
        }
        order.into_iter().map(move |(.., batch, row)| event(&self.batches[batch], row))
    }
}

impl Event<'_> {
    /// The entry; `None` where what it said is gone, or in a form that is not known here.
    pub fn entry(&self) -> Option<Entry> {
        let mut detail: Value = serde_json::from_str(self.detail).ok()?;
        detail.as_object_mut()?.insert("type".to_owned(), self.kind.into());
        let kind: Kind = serde_json::from_value(detail).ok()?;
        let entry = Entry {
            v: ENTRY_VERSION,
            seq: self.seq as u64,
            at: Timestamp(self.at),
            tenant: TenantId(self.tenant as u64),
            contact: self.contact.map(|id| ContactId(id as u64)),
            call: self.call.map(|id| CallId(id as u64)),
            leg: self.leg.map(|id| LegId(id as u64)),
            kind,
        };
        // Of some kinds nothing has to be said: what was taken out is missed by what is written then.
        let is_bare = self.detail == "{}";
        let is_same = || crate::derive::event_row(&entry).detail == self.detail;
        (!is_bare || is_same()).then_some(entry)
    }
}

fn event(batch: &RecordBatch, row: usize) -> Event<'_> {
    let id = |name: &str| {
        let column = column(batch, name);
        column.is_valid(row).then(|| column.value(row))
    };
    Event {
        tenant: column(batch, "tenant_id").value(row),
        seq: column(batch, "seq").value(row),
        call: id("call_id"),
        kind: text(batch, "kind").value(row),
        contact: id("contact_id"),
        leg: id("leg_id"),
        at: times(batch)[row],
        detail: text(batch, "detail").value(row),
    }
}

/// Every batch has the columns of its layout.
const DECLARED: &str = "the column is declared in terms::record";

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a Int64Array {
    batch.column_by_name(name).expect(DECLARED).as_primitive::<Int64Type>()
}

fn whole<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    column(batch, name).values()
}

fn times(batch: &RecordBatch) -> &[i64] {
    batch.column_by_name("at").expect(DECLARED).as_primitive::<TimestampMicrosecondType>().values()
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringArray {
    batch.column_by_name(name).expect(DECLARED).as_string::<i32>()
}
