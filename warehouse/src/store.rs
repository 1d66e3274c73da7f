//! The warehouse as a directory: `warehouse.db`, `_tmp`, `_hot` and a folder a table.

use crate::Error;
use std::path::{Path, PathBuf};
use terms::record::Row;

/// A directory of rows.
pub struct Warehouse {
    dir: PathBuf,
}

/// What is where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows staged in the database.
    pub staged_rows: u64,
    /// Files sealed but not published, and their rows.
    pub hot_files: u64,
    /// Rows of those.
    pub hot_rows: u64,
    /// Published files.
    pub published_files: u64,
    /// Rows of those.
    pub published_rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// What a check of every byte found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files read.
    pub files: u64,
    /// Staged rows read.
    pub staged_rows: u64,
    /// What is wrong, a sentence each; empty is good.
    pub faults: Vec<String>,
}

impl Warehouse {
    /// Opens `dir` for writing and makes it when it is missing. One process at a time.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process writes there; otherwise see [`Error`].
    pub async fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Warehouse { dir: dir.as_ref().to_owned() })
    }

    /// Opens `dir` for reading, beside a writer or without one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_reader(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Warehouse { dir: dir.as_ref().to_owned() })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stages `rows` that `source` (desk's outbox) has numbered `position`. False, and nothing
    /// happens, when this or a later position of the source is already here.
    ///
    /// # Errors
    /// See [`Error`]; nothing is staged then.
    pub async fn stage_rows(
        &self,
        _source: &str,
        _position: i64,
        _rows: &[Row],
    ) -> Result<bool, Error> {
        Err(Error::ReadOnly("staging"))
    }

    /// The last position of `source` that is here, 0 when none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn position(&self, _source: &str) -> Result<i64, Error> {
        Ok(0)
    }

    /// Seals all staged rows into hot files. Returns how many rows.
    ///
    /// # Errors
    /// See [`Error`]; rows stay staged then.
    pub async fn seal(&self) -> Result<u64, Error> {
        Err(Error::ReadOnly("sealing"))
    }

    /// Publishes one UTC day, `2026-11-23`: merges its hot files into files for everybody.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn publish(&self, _day: &str) -> Result<u64, Error> {
        Err(Error::ReadOnly("publishing"))
    }

    /// Seals and publishes every day.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn publish_all(&self) -> Result<u64, Error> {
        Err(Error::ReadOnly("publishing"))
    }

    /// What is where.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn stats(&self) -> Result<Stats, Error> {
        Ok(Stats::default())
    }

    /// Reads every staged row and every file and compares them with the manifest.
    ///
    /// # Errors
    /// See [`Error`]; damage is no error but part of the answer.
    pub async fn verify(&self) -> Result<Verified, Error> {
        Ok(Verified::default())
    }
}
