//! One moment of the warehouse for all tenants: which files and staged rows there are, and the rows of
//! a table's day.

use super::{date, over};
use crate::schema::{self, layout_of};
use crate::stage::Staged;
use crate::{Error, Warehouse, file, manifest, rewrite};
use arrow::array::RecordBatch;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use terms::record::Row;

type Place = (String, String);

/// The moment.
pub struct Found {
    files: BTreeMap<Place, Vec<manifest::Entry>>,
    staged: BTreeMap<Place, Vec<Staged>>,
    /// Tenant, table and day whose rows are over.
    pub over: BTreeSet<(i64, String, String)>,
    /// Tenant and day of events that were put aside because nobody can read them.
    pub aside: Vec<(i64, String)>,
}

/// The rows of a table's day.
pub struct Here {
    /// Those that can be read.
    pub rows: Vec<RecordBatch>,
    /// The files that name them, damaged ones too.
    pub files: Vec<manifest::Entry>,
    /// The paths of the damaged ones.
    pub damaged: Vec<String>,
}

impl Here {
    /// How many rows the damaged files had.
    pub fn rows_damaged(&self) -> u64 {
        let damaged = self.files.iter().filter(|entry| self.damaged.contains(&entry.path));
        damaged.map(|entry| entry.rows as u64).sum()
    }
}

impl Found {
    /// Reads manifest and staged rows in one transaction.
    pub async fn take(warehouse: &Warehouse) -> Result<Self, Error> {
        let error = "read what is there";
        let mut tx = warehouse.read(error).await?;
        let mut files: BTreeMap<Place, Vec<manifest::Entry>> = BTreeMap::new();
        for state in ["hot", "published"] {
            for entry in manifest::in_state(&mut tx, state).await? {
                files.entry((entry.tbl.clone(), entry.day.clone())).or_default().push(entry);
            }
        }
        let rows: Vec<(String, String, i64, i64, Vec<u8>)> =
            sqlx::query_as("SELECT tbl, day, seq, crc, blob FROM stage ORDER BY seq")
                .fetch_all(&mut *tx)
                .await
                .map_err(Error::database(error))?;
        let mut staged: BTreeMap<Place, Vec<Staged>> = BTreeMap::new();
        for (table, day, seq, crc, blob) in rows {
            staged.entry((table, day)).or_default().push(Staged { seq, crc, blob });
        }
        let aside: Vec<(i64, String)> =
            sqlx::query_as("SELECT DISTINCT tenant, day FROM quarantine WHERE tbl = 'events'")
                .fetch_all(&mut *tx)
                .await
                .map_err(Error::database(error))?;
        let over = over::all(&mut tx).await?;
        Ok(Found { files, staged, over, aside })
    }

    /// The days of a table.
    pub fn days(&self, table: &str) -> BTreeSet<NaiveDate> {
        let places = self.files.keys().chain(self.staged.keys());
        places.filter(|(of, _)| of == table).filter_map(|(_, day)| date(day)).collect()
    }

    /// The rows of a table's day.
    pub async fn read(
        &self,
        warehouse: &Warehouse,
        (table, day): (&'static str, NaiveDate),
    ) -> Result<Here, Error> {
        let layout = layout_of(table);
        let place = (table.to_owned(), day.to_string());
        let files = self.files.get(&place).cloned().unwrap_or_default();
        let (near, entries) = (warehouse.shelf().near_all(&files).await?, files.clone());
        let work = move || {
            let (mut rows, mut damaged) = (Vec::new(), Vec::new());
            for entry in &entries {
                let live = near.path(&entry.path);
                // Beside a running box a file may have been replaced since the moment.
                let path =
                    if live.exists() { live } else { near.path(&rewrite::old_path(&entry.path)) };
                match file::read_if_whole(layout, &path, entry) {
                    Ok(read) => rows.extend(read),
                    Err(error) => {
                        tracing::error!(%error, "its rows are not there");
                        damaged.push(entry.path.clone());
                    }
                }
            }
            (rows, damaged)
        };
        let (mut rows, damaged) =
            tokio::task::spawn_blocking(work).await.expect("reading does not panic");
        let staged = self.staged.get(&place).into_iter().flatten();
        let staged: Vec<Row> = staged.filter_map(|staged| staged.row().ok()).collect();
        if !staged.is_empty() {
            rows.push(schema::batch(layout, &staged).map_err(super::unmade(table))?);
        }
        Ok(Here { rows, files, damaged })
    }
}
