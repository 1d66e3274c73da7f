//! Rows that are there twice: with one tenant, time and id.

use crate::schema::Layout;
use crate::shelf::Near;
use crate::{Error, manifest};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

/// Tenant, time and id of a row.
pub type Key = (i64, i64, i64);

/// The keys of rows.
pub fn keys(layout: &Layout, batches: &[RecordBatch]) -> Vec<Key> {
    batches.iter().flat_map(|batch| keys_in(layout, batch)).collect()
}

/// The keys of a batch that has the columns of a key at least.
fn keys_in(layout: &Layout, batch: &RecordBatch) -> Vec<Key> {
    let column = |at: usize| {
        let found = batch.column_by_name(layout.schema.field(at).name());
        found.expect("every version of a table has the columns of its key")
    };
    let tenants = column(0).as_primitive::<Int64Type>().values();
    let times = column(layout.day).as_primitive::<TimestampMicrosecondType>().values();
    let ids = column(layout.id).as_primitive::<Int64Type>().values();
    let rows = tenants.iter().zip(times.iter()).zip(ids.iter());
    rows.map(|((tenant, at), id)| (*tenant, *at, *id)).collect()
}

/// The keys of a file's rows; of its columns no other is read.
///
/// # Errors
/// See [`Error`].
pub fn keys_of(layout: &Layout, path: &Path) -> Result<Vec<Key>, Error> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| {
        // Columns are only ever added at the end: these have the same places in every version.
        let places = [0, layout.day, layout.id];
        let mask = ProjectionMask::leaves(builder.parquet_schema(), places);
        builder.with_projection(mask).with_batch_size(65_536).build()
    });
    let mut keys = Vec::new();
    for batch in reader.map_err(Error::parquet("read", path))? {
        let batch = batch.map_err(|error| Error::parquet("read", path)(error.into()))?;
        keys.extend(keys_in(layout, &batch));
    }
    Ok(keys)
}

/// The sorted keys of the rows of a table's day: of its files, which are whole, and `staged` ones.
pub fn keys_of_day(
    layout: &Layout,
    near: &Near,
    files: &[manifest::Entry],
    staged: &[Key],
) -> Vec<Key> {
    let of_file = |entry: &manifest::Entry| keys_of(layout, &near.path(&entry.path));
    let mut keys = staged.to_vec();
    // What cannot be read is told by who looks at its bytes.
    keys.extend(files.iter().flat_map(|entry| of_file(entry).unwrap_or_default()));
    keys.sort_unstable();
    keys
}

/// How many rows of sorted keys are there once too often, and the id of the first.
pub fn doubled(keys: &[Key]) -> Option<(usize, i64)> {
    let mut twice = keys.windows(2).filter(|pair| pair[0] == pair[1]);
    let first = twice.next()?;
    Some((1 + twice.count(), first[0].2))
}
