//! One moment of the warehouse for one tenant: its staged rows and the files that may hold more.

use crate::listing::Listing;
use crate::manifest::Entry;
use crate::query::sought::Known;
use crate::rollup::Counts;
use crate::schema::{self, Layout};
use crate::shelf::Shelf;
use crate::stage::Staged;
use crate::store::{now, read_source};
use crate::{Error, Warehouse, ingest, sweep};
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use terms::record::Row;
use terms::{TenantId, Timestamp};

/// Tables whose rows are of the past; others hold what is planned.
#[cfg(feature = "ballista")]
const HAPPENED: [&str; 2] = ["calls", "events"];

/// The moment.
#[derive(Debug)]
pub struct Snapshot {
    listing: Arc<Listing>,
    /// What is known of files, for all sessions.
    known: Arc<Known>,
    staged: BTreeMap<String, Arc<Rows>>,
    /// Paths of files that are not what was written: no answer has their rows any more.
    damaged: Arc<Mutex<BTreeSet<String>>>,
    /// The wall clock of the latest entry of the event log whose rows are in it.
    pub as_of: Timestamp,
    taken_at: Timestamp,
}

/// Staged rows of one table, decoded when a query first wants them.
#[derive(Debug, Default)]
struct Rows {
    blobs: Vec<Staged>,
    batch: OnceLock<RecordBatch>,
}

impl Snapshot {
    /// Reads manifest and staged rows in one transaction.
    pub async fn take(warehouse: &Warehouse, tenant: TenantId) -> Result<Self, Error> {
        let mut tx = warehouse.read("take a snapshot").await?;
        let listing = warehouse.listings().read(&mut tx, tenant).await?;
        let rows: Vec<(String, i64, i64, Vec<u8>)> =
            sqlx::query_as("SELECT tbl, seq, crc, blob FROM stage WHERE tenant = $1 ORDER BY seq")
                .bind(tenant.0 as i64)
                .fetch_all(&mut *tx)
                .await
                .map_err(Error::database("take a snapshot"))?;
        let mut staged: BTreeMap<String, Rows> = BTreeMap::new();
        for (table, seq, crc, blob) in rows {
            staged.entry(table).or_default().blobs.push(Staged { seq, crc, blob });
        }
        let as_of = Timestamp(read_source(&mut tx, ingest::SOURCE).await?.at);
        let staged = staged.into_iter().map(|(table, rows)| (table, Arc::new(rows))).collect();
        let (damaged, taken_at) = (Arc::default(), now());
        let known = warehouse.known();
        Ok(Snapshot { listing, known, staged, damaged, as_of, taken_at })
    }

    /// What of it is in published files, without the counts that lie beside them: what is read from
    /// elsewhere too. It is as of the latest event or call in those files.
    #[cfg(feature = "ballista")]
    pub fn published(mut self) -> Snapshot {
        let mut files = self.listing.files.clone();
        for entries in files.values_mut() {
            entries.retain(|entry| entry.state == "published");
        }
        self.staged.clear();
        let happened = HAPPENED.iter().filter_map(|table| files.get(*table)).flatten();
        self.as_of = Timestamp(happened.map(|entry| entry.at_max).max().unwrap_or_default());
        self.listing = Arc::new(Listing { files, ..Listing::default() });
        self
    }

    /// A table as counts: those that are kept, under the name of their table, and the rows that have
    /// none. What turns out to be damaged later is left out of both.
    pub fn counted(&self, of: &Counts) -> (Snapshot, Snapshot) {
        let (mut counts, mut files) = (Vec::new(), Vec::new());
        for entry in self.files(of.source) {
            let of_file = self.listing.counts.get(&entry.path);
            match of_file.filter(|_| entry.state == "published") {
                Some(of_file) => counts.push(Arc::clone(of_file)),
                None => files.push(entry),
            }
        }
        let (kept, mut others) = (self.only(of.name, counts), self.only(of.source, files));
        if let Some(rows) = self.staged.get(of.source) {
            others.staged.insert(of.source.to_owned(), Arc::clone(rows));
        }
        (kept, others)
    }

    /// The same moment with these files of one table and no others.
    fn only(&self, table: &str, files: Vec<Arc<Entry>>) -> Snapshot {
        let files = BTreeMap::from([(table.to_owned(), files)]);
        Snapshot {
            listing: Arc::new(Listing { files, ..Listing::default() }),
            known: Arc::clone(&self.known),
            staged: BTreeMap::new(),
            damaged: Arc::clone(&self.damaged),
            as_of: self.as_of,
            taken_at: self.taken_at,
        }
    }

    /// What is known of files.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The files that may hold rows of the tenant, without those that are damaged.
    pub fn files(&self, table: &str) -> Vec<Arc<Entry>> {
        let damaged = self.damaged();
        let files = self.listing.files.get(table).into_iter().flatten();
        files.filter(|entry| !damaged.contains(&entry.path)).cloned().collect()
    }

    /// The files of some tables, and the counts of those.
    pub fn files_of(&self, is_asked: impl Fn(&str) -> bool) -> Vec<Arc<Entry>> {
        let asked = self.listing.files.iter().filter(|(table, _)| is_asked(table));
        let counts = self.listing.counts.values().filter(|entry| is_asked(&entry.tbl));
        asked.flat_map(|(_, entries)| entries).chain(counts).cloned().collect()
    }

    /// Holds files against what was written, and leaves out those that are another or are not there.
    /// Says whether there are more of them than before. A file that is gone may have been taken away
    /// since the snapshot, where that is as old as replaced files are kept.
    pub async fn leave_out_damaged(&self, shelf: &Shelf, asked: Vec<Arc<Entry>>) -> bool {
        let mut found = Vec::new();
        for entry in asked {
            let is_another = match shelf.digest(&entry.path).await {
                Ok((sha256, _)) => sha256 != entry.sha256,
                Err(error) if error.is_away() => false,
                Err(_) => self.is_lost(shelf, &entry.path).await,
            };
            if is_another {
                tracing::error!(file = %entry.path, "is not what was written; left out of answers");
                self.known.forget(&entry.sha256);
                found.push(entry.path.clone());
            }
        }
        let mut damaged = self.damaged();
        let before = damaged.len();
        damaged.extend(found);
        damaged.len() > before
    }

    /// A file is neither in its place nor where replaced ones lie, and nobody was to take it away yet.
    async fn is_lost(&self, shelf: &Shelf, path: &str) -> bool {
        let is_young = now().millis_since(self.taken_at) < sweep::RETIRED_MS;
        is_young && shelf.is_kept(path).await.is_ok_and(|kept| !kept)
    }

    /// The files that are left out because they are damaged.
    pub fn left_out(&self) -> Vec<String> {
        self.damaged().iter().cloned().collect()
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The staged rows. A damaged one is left out and told; sealing puts it aside.
    pub fn staged(&self, layout: &Layout) -> Result<Option<RecordBatch>, ArrowError> {
        let Some(rows) = self.staged.get(layout.table.name) else { return Ok(None) };
        if let Some(batch) = rows.batch.get() {
            return Ok(Some(batch.clone()));
        }
        let decoded: Vec<Row> = rows.blobs.iter().filter_map(readable).collect();
        let batch = schema::batch(layout, &decoded)?;
        Ok(Some(rows.batch.get_or_init(|| batch).clone()))
    }
}

fn readable(staged: &Staged) -> Option<Row> {
    match staged.row() {
        Ok(row) => Some(row),
        Err(error) => {
            tracing::error!(%error, "left out of an answer");
            None
        }
    }
}
