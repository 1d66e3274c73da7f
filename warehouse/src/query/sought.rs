//! Which files may hold what is looked for by its number. A call, an order or a caller is in few of a
//! year's files, and opening one to find nothing costs more than to know beforehand: the range of each
//! file's ids, and its Bloom filters of what people look up, are kept once they were read. They rule
//! files out and never in.

use crate::form::BLOOM_COLUMNS;
use crate::manifest::Entry;
use crate::schema::Layout;
use chrono::{DateTime, Utc};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{StreamExt, stream};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of Bloom filters that a process keeps; where a search needs more, they are read anew.
const FILTERS_BYTES_MAX: usize = 64 << 20;
/// Bytes of a block of a Bloom filter (Parquet format, "Split Block Bloom Filter").
const BLOCK_BYTES: usize = 32;
/// Ranges that a process keeps.
const RANGES_MAX: usize = 1 << 16;
/// Files whose beginnings are read at a time.
const READ_AT_A_TIME: usize = 8;
/// Ids that grow with time, beside those of a table's own rows.
const GROWING: &str = "recording_id";

/// What a file is to hold, and since when it lies there: one that was replaced is another, and so is
/// one that was damaged and came back from a copy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Content {
    sha256: String,
    changed_at: DateTime<Utc>,
}

/// A column of a file.
type Key = (Content, &'static str);

/// What is known of files.
#[derive(Debug, Default)]
pub struct Known {
    dir: PathBuf,
    ranges: Mutex<HashMap<Key, Option<(i64, i64)>>>,
    filters: Mutex<Filters>,
}

#[derive(Debug, Default)]
struct Filters {
    kept: HashMap<Key, Arc<Vec<Sbbf>>>,
    bytes: usize,
}

/// One of these values in one of these columns is looked for.
type Sought = Vec<(&'static str, ScalarValue)>;

/// What the parts of a condition look for; all of them have to be found.
pub fn sought(layout: &Layout, filters: &[&Expr]) -> Vec<Sought> {
    filters.iter().filter_map(|filter| alternatives(layout, filter)).collect()
}

/// `None` where it may be true of what is not looked for by its number.
fn alternatives(layout: &Layout, filter: &Expr) -> Option<Sought> {
    match filter {
        Expr::BinaryExpr(binary) if binary.op == Operator::Or => {
            let mut both = alternatives(layout, &binary.left)?;
            both.extend(alternatives(layout, &binary.right)?);
            Some(both)
        }
        Expr::BinaryExpr(binary) if binary.op == Operator::Eq => {
            match (&*binary.left, &*binary.right) {
                (Expr::Column(column), Expr::Literal(value, _))
                | (Expr::Literal(value, _), Expr::Column(column)) => {
                    Some(vec![(known(layout, column.name())?, value.clone())])
                }
                _ => None,
            }
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = &*list.expr else { return None };
            let column = known(layout, column.name())?;
            let value = |item: &Expr| match item {
                Expr::Literal(value, _) => Some((column, value.clone())),
                _ => None,
            };
            list.list.iter().map(value).collect()
        }
        _ => None,
    }
}

/// The name of a column of which files tell something.
fn known(layout: &Layout, name: &str) -> Option<&'static str> {
    let column = layout.table.columns.iter().find(|column| column.name == name)?;
    let is_own = layout.schema.field(layout.id).name() == name;
    (is_own || name == GROWING || BLOOM_COLUMNS.contains(&name)).then_some(column.name)
}

/// The files that may hold a row with all that is sought, in their order.
pub async fn narrowed(
    known: &Known,
    reader: &dyn ParquetFileReaderFactory,
    files: Vec<Arc<Entry>>,
    sought: &[Sought],
) -> Vec<Arc<Entry>> {
    if sought.is_empty() {
        return files;
    }
    let judged = stream::iter(files).map(|entry| async move {
        let mut may_hold = true;
        let file = known.file(&entry);
        let changed_at = file.object_meta.last_modified;
        let content = Content { sha256: entry.sha256.clone(), changed_at };
        for any_of in sought {
            may_hold = may_hold && may_hold_any(known, reader, (&content, &file), any_of).await;
        }
        may_hold.then_some(entry)
    });
    judged.buffered(READ_AT_A_TIME).filter_map(|entry| async move { entry }).collect().await
}

async fn may_hold_any(
    known: &Known,
    reader: &dyn ParquetFileReaderFactory,
    of: (&Content, &PartitionedFile),
    any_of: &Sought,
) -> bool {
    for (column, value) in any_of {
        // What cannot be read now is for the scan to meet.
        if may_hold(known, reader, of, column, value).await.unwrap_or(true) {
            return true;
        }
    }
    false
}

async fn may_hold(
    known: &Known,
    reader: &dyn ParquetFileReaderFactory,
    (content, file): (&Content, &PartitionedFile),
    column: &'static str,
    value: &ScalarValue,
) -> Result<bool> {
    let key = || (content.clone(), column);
    if let ScalarValue::Int64(Some(id)) = value {
        let found = known.ranges().get(&key()).copied();
        let range = match found {
            Some(range) => range,
            None => known.keep_range(key(), range(reader, file, column).await?),
        };
        if range.is_some_and(|(least, most)| *id < least || *id > most) {
            return Ok(false);
        }
    }
    if !BLOOM_COLUMNS.contains(&column) {
        return Ok(true);
    }
    let found = known.filters().kept.get(&key()).cloned();
    let filters = match found {
        Some(filters) => filters,
        None => known.keep_filters(key(), filters(reader, file, column).await?),
    };
    Ok(filters.is_empty() || filters.iter().any(|filter| may_contain(filter, value)))
}

fn may_contain(filter: &Sbbf, value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Int64(Some(id)) => filter.check(id),
        ScalarValue::Utf8(Some(text)) => filter.check(&text.as_str()),
        _ => true,
    }
}

/// A file with its footer, and where in it the column is; `None` where the file is older than that.
async fn begun(
    reader: &dyn ParquetFileReaderFactory,
    file: &PartitionedFile,
    column: &str,
) -> Result<(Box<dyn AsyncFileReader + Send>, Arc<ParquetMetaData>, Option<usize>)> {
    let mut file = reader.create_reader(0, file.clone(), None, &ExecutionPlanMetricsSet::new())?;
    let footer = file.get_metadata(None).await?;
    let columns = footer.file_metadata().schema_descr().columns();
    let at = columns.iter().position(|has| has.name() == column);
    Ok((file, footer, at))
}

/// The least and the greatest id of a file; `None` where it does not say.
async fn range(
    reader: &dyn ParquetFileReaderFactory,
    file: &PartitionedFile,
    column: &str,
) -> Result<Option<(i64, i64)>> {
    let (_, footer, Some(at)) = begun(reader, file, column).await? else { return Ok(None) };
    let mut range: Option<(i64, i64)> = None;
    for group in footer.row_groups() {
        let Some(Statistics::Int64(of_group)) = group.column(at).statistics() else {
            return Ok(None);
        };
        let (Some(least), Some(most)) = (of_group.min_opt(), of_group.max_opt()) else {
            return Ok(None);
        };
        let (low, high) = range.unwrap_or((*least, *most));
        range = Some((low.min(*least), high.max(*most)));
    }
    Ok(range)
}

/// The Bloom filters of a file, one for each row group; none where a row group has none.
async fn filters(
    reader: &dyn ParquetFileReaderFactory,
    file: &PartitionedFile,
    column: &str,
) -> Result<Vec<Sbbf>> {
    let (mut file, footer, at) = begun(reader, file, column).await?;
    let Some(at) = at else { return Ok(Vec::new()) };
    let mut filters = Vec::with_capacity(footer.num_row_groups());
    for group in footer.row_groups() {
        let place =
            (group.column(at).bloom_filter_offset(), group.column(at).bloom_filter_length());
        let (Some(from), Some(bytes)) = place else { return Ok(Vec::new()) };
        let (from, bytes) = (from.max(0) as u64, bytes.max(0) as u64);
        filters.push(Sbbf::from_bytes(&file.get_bytes(from..from + bytes).await?)?);
    }
    Ok(filters)
}

impl Known {
    /// Of the files in `dir`, about which nothing is known yet.
    pub fn of(dir: &Path) -> Self {
        Known { dir: dir.to_owned(), ..Known::default() }
    }

    /// A file as the engine reads it. Where it lies in the folder it says since when, so that neither
    /// what is known here nor its footer outlives it; one in a bucket does not say.
    pub fn file(&self, entry: &Entry) -> PartitionedFile {
        let mut file = PartitionedFile::new(entry.path.clone(), entry.bytes as u64);
        if let Some(changed_at) = changed_at(&self.dir.join(&entry.path)) {
            file.object_meta.last_modified = changed_at;
        }
        file
    }

    /// A file is not what was written: what was learned of it is nothing.
    pub fn forget(&self, sha256: &str) {
        self.ranges().retain(|(content, _), _| content.sha256 != sha256);
        let mut filters = self.filters();
        filters.kept.retain(|(content, _), _| content.sha256 != sha256);
        filters.bytes = filters.kept.values().map(|filters| bytes_of(filters)).sum();
    }

    fn ranges(&self) -> MutexGuard<'_, HashMap<Key, Option<(i64, i64)>>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn filters(&self) -> MutexGuard<'_, Filters> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_range(&self, key: Key, range: Option<(i64, i64)>) -> Option<(i64, i64)> {
        let mut ranges = self.ranges();
        if ranges.len() >= RANGES_MAX {
            ranges.clear();
        }
        ranges.insert(key, range);
        range
    }

    fn keep_filters(&self, key: Key, filters: Vec<Sbbf>) -> Arc<Vec<Sbbf>> {
        let bytes = bytes_of(&filters);
        let filters = Arc::new(filters);
        let mut all = self.filters();
        if all.bytes + bytes > FILTERS_BYTES_MAX {
            *all = Filters::default();
        }
        if all.kept.insert(key, Arc::clone(&filters)).is_none() {
            all.bytes += bytes;
        }
        filters
    }
}

fn bytes_of(filters: &[Sbbf]) -> usize {
    filters.iter().map(|filter| filter.num_blocks() * BLOCK_BYTES).sum()
}

/// When a file was last written, renamed or linked: a copy that keeps its time of modification has
/// another.
fn changed_at(path: &Path) -> Option<DateTime<Utc>> {
    let found = std::fs::metadata(path).ok()?;
    DateTime::from_timestamp(found.ctime(), u32::try_from(found.ctime_nsec()).ok()?)
}

#[cfg(test)]
mod tests;
