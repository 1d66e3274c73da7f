//! One Parquet file from rows to disk: written under `_tmp`, synced, renamed to its place, the
//! folder synced. Only after that may a transaction name it. Any engine can read it ([`crate::form`]).

use crate::manifest::Entry;
use crate::schema::Layout;
use crate::shelf::Near;
use crate::{Error, Form, fail};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use parquet::arrow::ArrowWriter;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A file that is whole and on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: i64,
    /// Size.
    pub bytes: i64,
    /// SHA-256 of the bytes in hex.
    pub sha256: String,
    /// Smallest and largest tenant.
    pub tenants: (i64, i64),
    /// Earliest and latest time of the table's day column.
    pub times: (i64, i64),
}

/// Writes `batch`, sorted as it is, to `path` and syncs it. `steps` prefixes the failpoints:
/// `<steps>.write`, `<steps>.sync`.
pub fn write(
    layout: &Layout,
    batch: &RecordBatch,
    path: &Path,
    steps: Steps,
) -> Result<Written, Error> {
    write_in(Form::default(), (layout, batch), path, steps)
}

/// The same in another form, in whose order the rows are.
pub fn write_in(
    form: Form,
    (layout, batch): (&Layout, &RecordBatch),
    path: &Path,
    steps: Steps,
) -> Result<Written, Error> {
    let mut file = File::create(path).map_err(Error::file("create", path))?;
    let properties = form.properties(layout, batch.num_rows());
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties))
        .map_err(Error::parquet("write", path))?;
    writer.write(batch).map_err(Error::parquet("write", path))?;
    fail::file(steps.write, "write", path)?;
    writer.close().map_err(Error::parquet("write", path))?;
    fail::file(steps.sync, "sync", path)?;
    file.sync_all().map_err(Error::file("sync", path))?;
    let (sha256, bytes) = digest(path)?;
    let (tenants, times) = ranges(layout, batch);
    Ok(Written { rows: batch.num_rows() as i64, bytes, sha256, tenants, times })
}

/// Smallest and largest tenant, earliest and latest time of the table's day column.
pub fn ranges(layout: &Layout, batch: &RecordBatch) -> ((i64, i64), (i64, i64)) {
    let tenants = batch.column(0).as_primitive::<Int64Type>();
    let times = batch.column(layout.day).as_primitive::<TimestampMicrosecondType>();
    (range(tenants.values()), range(times.values()))
}

/// Moves a written file to its place and syncs the folder, so that a power cut cannot undo it.
pub fn place(from: &Path, to: &Path, steps: Steps) -> Result<(), Error> {
    let folder = to.parent().expect("a file of the warehouse lies in a folder of its table");
    make_folder(folder)?;
    fail::file(steps.rename, "rename", to)?;
    std::fs::rename(from, to).map_err(Error::file("rename", to))?;
    fail::file(steps.dirsync, "sync folder", folder)?;
    sync_folder(folder)
}

/// The names of the failpoints of one way to disk.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Before the last bytes.
    pub write: &'static str,
    /// Before the file is synced.
    pub sync: &'static str,
    /// Before the rename.
    pub rename: &'static str,
    /// Before the folder is synced.
    pub dirsync: &'static str,
}

/// Makes a folder and its parents, and syncs each folder that got a new name in it.
pub fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().expect("the root exists");
    make_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::file("make folder", folder)(error))
        }
        _ => sync_folder(parent),
    }
}

/// Removes a folder with all that is in it, where there is one.
pub fn remove_folder(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(Error::file("sync", folder))
}

/// SHA-256 in hex, and the size.
pub fn digest(path: &Path) -> Result<(String, i64), Error> {
    let mut file = File::open(path).map_err(Error::file("open", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(Error::file("read", path))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as i64;
    }
    let hex = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hex, bytes))
}

/// Reads a whole file.
pub fn read(layout: &Layout, path: &Path) -> Result<Vec<RecordBatch>, Error> {
    // The reader believes lengths and offsets that a damaged file says.
    let caught = catch_unwind(AssertUnwindSafe(|| read_believing(layout, path)));
    caught.unwrap_or_else(|_| {
        let why = "the reader panicked over it".to_owned();
        Err(Error::Damaged { what: path.display().to_string(), why })
    })
}

fn read_believing(layout: &Layout, path: &Path) -> Result<Vec<RecordBatch>, Error> {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let file = File::open(path).map_err(Error::file("open", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(65_536).build())
        .map_err(Error::parquet("read", path))?;
    reader
        .map(|batch| batch.and_then(|batch| crate::schema::conform(layout, &batch)))
        .collect::<Result<_, _>>()
        .map_err(|error| Error::parquet("read", path)(error.into()))
}

/// Reads the files that are still what was written. Gives back their rows and which they are;
/// damaged ones are told and left where they are.
pub fn read_whole(
    layout: &Layout,
    near: &Near,
    entries: &[Entry],
) -> (Vec<RecordBatch>, Vec<String>) {
    let (mut batches, mut read) = (Vec::new(), Vec::new());
    for entry in entries {
        let path = near.path(&entry.path);
        match read_if_whole(layout, &path, entry) {
            Ok(rows) => {
                batches.extend(rows);
                read.push(entry.path.clone());
            }
            Err(error) => tracing::error!(%error, "stays where it is"),
        }
    }
    (batches, read)
}

/// Reads a file that is still what was written.
pub fn read_if_whole(
    layout: &Layout,
    path: &Path,
    entry: &Entry,
) -> Result<Vec<RecordBatch>, Error> {
    if digest(path)?.0 != entry.sha256 {
        let why = "its SHA-256 is not that of what was written".to_owned();
        return Err(Error::Damaged { what: entry.path.clone(), why });
    }
    read(layout, path)
}

/// Every file below `root`, folders walked in order.
pub fn walk(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::file("list", &folder)(error)),
        };
        for entry in entries {
            let path = entry.map_err(Error::file("list", &folder))?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

fn range(values: &[i64]) -> (i64, i64) {
    (values.iter().copied().min().unwrap_or(0), values.iter().copied().max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::STEPS;
    use crate::schema::{self, layout_of};
    use crate::stories::order;

    /// The kernel takes every byte for this file and cannot sync it.
    #[test]
    fn a_file_that_cannot_be_brought_to_disk_is_not_written() {
        let layout = layout_of("orders");
        let rows = schema::batch(layout, &[order(1, 1, 1, 1, 11)]).unwrap();
        let error = write(layout, &rows, Path::new("/dev/null"), STEPS).unwrap_err();
        assert!(matches!(error, Error::File { action: "sync", .. }), "{error}");
    }
}
