//! The rows of a table's day that are there against those that the events give.

use super::{Difference, Differs};
use crate::schema::{self, Layout};
use arrow::array::{Array, AsArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use terms::TenantId;

/// Rows of which one may come long after its call: that no event speaks of one says nothing.
const LATE: [&str; 2] = ["faxes", "recordings"];

/// What came of it.
pub struct Compared {
    /// The rows as they should be, in the order of a file.
    pub rows: RecordBatch,
    /// Those of them that were not there.
    pub added: RecordBatch,
    /// Those that differ.
    pub differences: Vec<Difference>,
    /// How many stay because what they were made of is not all there.
    pub kept: u64,
}

/// Places of rows with one name: of those that are there, and of those that were made.
#[derive(Default)]
struct Same {
    found: Vec<usize>,
    made: Vec<usize>,
}

/// Compares. `is_whole` says of a row whether all that it is made of is there.
pub fn compare(
    (layout, day): (&Layout, NaiveDate),
    (found, made): (&[RecordBatch], &[RecordBatch]),
    is_whole: impl Fn(&RecordBatch, usize) -> bool,
) -> Result<Compared, ArrowError> {
    let found = concat_batches(&layout.schema, found)?;
    let made = concat_batches(&layout.schema, made)?;
    let rows = Both::of(layout, &found, &made)?;
    let (mut taken, mut added, mut kept) = (Vec::new(), Vec::new(), 0);
    let mut differences = Vec::new();
    for ((tenant, id), same) in by_name(layout, &found, &made) {
        let differs = match (same.found.first(), same.made.first()) {
            (_, Some(made_at)) if !is_whole(&made, *made_at) => None,
            (Some(found_at), None) if !is_whole(&found, *found_at) => None,
            _ => Some(rows.differs(layout, &same)),
        };
        let from_found = same.found.iter().map(|at| *at as u64);
        let from_made = same.made.iter().map(|at| (found.num_rows() + at) as u64);
        match &differs {
            None => {
                kept += same.found.len() as u64;
                taken.extend(from_found);
            }
            Some(None) => taken.extend(from_found),
            Some(Some(Differs::Missing)) => {
                added.extend(from_made.clone());
                taken.extend(from_made);
            }
            Some(Some(_)) => taken.extend(from_made),
        }
        differences.extend(differs.flatten().map(|differs| Difference {
            table: layout.table.name,
            day: day.to_string(),
            tenant: TenantId(tenant as u64),
            id,
            differs,
        }));
    }
    let both = concat_batches(&layout.schema, [&found, &made])?;
    let pick = |rows: Vec<u64>| {
        take_record_batch(&both, &UInt64Array::from(rows))
            .and_then(|batch| schema::sort(layout, &batch))
    };
    Ok(Compared { rows: pick(taken)?, added: pick(added)?, differences, kept })
}

/// The places of rows by tenant and id.
fn by_name(layout: &Layout, found: &RecordBatch, made: &RecordBatch) -> BTreeMap<(i64, i64), Same> {
    let mut named: BTreeMap<(i64, i64), Same> = BTreeMap::new();
    let names = |batch: &RecordBatch| -> Vec<(i64, i64)> {
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>().values().clone();
        column(0).iter().copied().zip(column(layout.id).iter().copied()).collect()
    };
    for (at, name) in names(found).into_iter().enumerate() {
        named.entry(name).or_default().found.push(at);
    }
    for (at, name) in names(made).into_iter().enumerate() {
        named.entry(name).or_default().made.push(at);
    }
    named
}

/// Rows in a form in which whole ones are compared at once.
struct Both<'a> {
    found: (&'a RecordBatch, Rows),
    made: (&'a RecordBatch, Rows),
}

impl<'a> Both<'a> {
    fn of(
        layout: &Layout,
        found: &'a RecordBatch,
        made: &'a RecordBatch,
    ) -> Result<Self, ArrowError> {
        let fields = layout.schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let rows = |batch: &RecordBatch| converter.convert_columns(batch.columns());
        Ok(Both { found: (found, rows(found)?), made: (made, rows(made)?) })
    }

    /// How rows of one name differ; `None` where they do not.
    fn differs(&self, layout: &Layout, same: &Same) -> Option<Differs> {
        let (Some(found_at), Some(made_at)) = (same.found.first(), same.made.first()) else {
            return match same.found.is_empty() {
                true => Some(Differs::Missing),
                // What may come late stays.
                false if LATE.contains(&layout.table.name) => None,
                false => Some(Differs::Extra),
            };
        };
        let found: Vec<_> = sorted(same.found.iter().map(|at| self.found.1.row(*at)));
        let made: Vec<_> = sorted(same.made.iter().map(|at| self.made.1.row(*at)));
        if found == made {
            return None;
        }
        let columns = self.columns(*found_at, *made_at);
        Some(if columns.is_empty() { Differs::Doubled } else { Differs::Columns(columns) })
    }

    /// The columns in which two rows differ.
    fn columns(&self, found_at: usize, made_at: usize) -> Vec<String> {
        let (found, made) = (self.found.0, self.made.0);
        let differs = |at: &usize| {
            let found = found.column(*at).slice(found_at, 1);
            found.to_data() != made.column(*at).slice(made_at, 1).to_data()
        };
        let places = (0..found.num_columns()).filter(differs);
        places.map(|at| found.schema().field(at).name().clone()).collect()
    }
}

fn sorted<T: Ord>(rows: impl Iterator<Item = T>) -> Vec<T> {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_unstable();
    rows
}
