//! From the event log to staged rows, exactly once.
//!
//! Entries are folded, and what they finished is staged together with the position in **one
//! transaction**. After a start the log is read again from the oldest thing that was open; rows
//! whose finishing entry had been applied are dropped. Named steps: `ingest.stage`,
//! `ingest.commit`, `ingest.done`.

use crate::db::{self, Db, Text};
use crate::derive::{Ended, Fold, REMEMBERED_MAX, REMEMBERED_MS_MAX};
use crate::log::{Damage, Tail, trim};
use crate::stage::{self, Prepared};
use crate::store::{Source, now, read_source, write_source};
use crate::{Error, Warehouse, fail};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use terms::event::Entry;
use terms::record::Row;
use terms::{CallId, TenantId, Timestamp};
use tokio::sync::watch;

/// The log's name among the sources: `warehouse.position(SOURCE)` is the last entry applied.
pub const SOURCE: &str = "event log";
/// Entries of one transaction: a call has some twenty, and each transaction waits for the disk once.
const ENTRIES_MAX: usize = 20_000;
/// Calls of one INSERT: five columns each.
const ENDED_ROWS: usize = 1_000;
/// How long to wait when the log has nothing new; a row is durable this much after its entry.
const POLL: Duration = Duration::from_millis(20);
/// How often sealing, publishing and sweeping are looked at.
const TEND_EVERY: Duration = Duration::from_secs(2);
/// How often the log is looked at for files that nobody needs any more.
const TRIM_EVERY: Duration = Duration::from_secs(600);
/// How long to wait after a failure of disk or database.
const RETRY: Duration = Duration::from_secs(1);

/// A reader of the event log that fills a warehouse.
pub struct Ingest {
    warehouse: Arc<Warehouse>,
    log_dir: PathBuf,
    /// How long a file of the log stays after its last entry; `None` is for ever.
    keep: Option<Duration>,
    reader: Option<Box<Reader>>,
    /// What the database holds.
    here: Source,
    /// Folded, but not committed, the oldest first, at most two: while one is committed the next is
    /// read. A failed transaction is tried again with the same rows.
    pending: VecDeque<Batch>,
    told: watch::Sender<Progress>,
}

/// Reads and folds, on a thread of its own: beside it the database works.
struct Reader {
    tail: Tail,
    fold: Fold,
    /// What the database will hold with everything that is folded.
    folded: Source,
    forks: u64,
}

struct Batch {
    entries: usize,
    rows: Prepared,
    ended: Vec<Ended>,
    after: Source,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Entries read; 0 means the log's end was reached.
    pub entries: usize,
    /// Rows staged.
    pub rows: usize,
}

/// How the reader stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last entry whose rows are durable here.
    pub applied_seq: u64,
    /// The log's files before this entry are no longer needed.
    pub replay_from: u64,
    /// Calls that are open.
    pub calls_open: usize,
    /// Places of the log that could not be read.
    pub damaged: u64,
    /// Times the log went back behind what was applied: a power cut took entries that were not
    /// yet on disk.
    pub forks: u64,
}

impl Ingest {
    /// Begins where the warehouse left off.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(
        warehouse: Arc<Warehouse>,
        log_dir: impl Into<PathBuf>,
    ) -> Result<Self, Error> {
        let mut tx = warehouse.read("read a position").await?;
        let here = read_source(&mut tx, SOURCE).await?;
        let mut fold = Fold::new();
        for ended in read_ended(&mut tx).await? {
            fold.remember(ended);
        }
        drop(tx);
        let log_dir = log_dir.into();
        let tail = Tail::open(&log_dir, here.replay_from as u64);
        let reader = Some(Box::new(Reader { tail, fold, folded: here, forks: 0 }));
        let told = watch::Sender::new(Progress::default());
        let (keep, pending) = (None, VecDeque::new());
        let ingest = Ingest { warehouse, log_dir, keep, reader, here, pending, told };
        ingest.told.send_replace(ingest.progress());
        Ok(ingest)
    }

    /// Removes files of the log that have not been written to for `keep` and that nobody needs any
    /// more. Without this the log stays whole.
    #[must_use]
    pub fn keeping(mut self, keep: Duration) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Reads some entries and stages what they finished. A step that was begun must be awaited to
    /// its end.
    ///
    /// # Errors
    /// See [`Error`]; the same entries are tried again at the next step.
    pub async fn step(&mut self) -> Result<Step, Error> {
        if self.pending.is_empty() {
            self.prepare().await?;
        }
        let Some(batch) = self.pending.pop_front() else { return Ok(Step::default()) };
        let warehouse = Arc::clone(&self.warehouse);
        let prepare = async { if self.pending.is_empty() { self.prepare().await } else { Ok(()) } };
        let (committed, prepared) = tokio::join!(commit(&warehouse, &batch), prepare);
        if let Err(error) = committed {
            self.pending.push_front(batch);
            return Err(error);
        }
        let step = Step { entries: batch.entries, rows: batch.rows.len() };
        self.here = batch.after;
        self.told.send_replace(self.progress());
        fail::database("ingest.done", "stage rows").await?;
        prepared?;
        Ok(step)
    }

    /// Reads the log to its end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn catch_up(&mut self) -> Result<Step, Error> {
        let mut all = Step::default();
        loop {
            let step = self.step().await?;
            if step.entries == 0 {
                return Ok(all);
            }
            all = Step { entries: all.entries + step.entries, rows: all.rows + step.rows };
        }
    }

    /// Follows the log and tends the warehouse until `end`, then reads to the log's end and seals.
    /// A failure of disk or database is told and tried again.
    pub async fn run(&mut self, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        let mut tended = tokio::time::Instant::now();
        let mut trimmed: Option<tokio::time::Instant> = None;
        loop {
            let pause = match self.step().await {
                Ok(Step { entries: 0, .. }) => POLL,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::error!(%error, "rows wait in the event log");
                    RETRY
                }
            };
            if tended.elapsed() >= TEND_EVERY {
                tended = tokio::time::Instant::now();
                if let Err(error) = self.warehouse.tend(now()).await {
                    tracing::error!(%error, "rows wait to be sealed or published");
                }
                if trimmed.is_none_or(|at| at.elapsed() >= TRIM_EVERY) {
                    trimmed = Some(tokio::time::Instant::now());
                    if let Err(error) = self.trim(SystemTime::now()).await {
                        tracing::error!(%error, "old files of the event log stay");
                    }
                }
            }
            tokio::select! {
                () = &mut end => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let Err(error) = self.drain().await {
            tracing::error!(%error, "rows wait in the event log or the database");
        }
    }

    /// Reads to the log's end and seals, as at a shutdown.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn drain(&mut self) -> Result<u64, Error> {
        self.catch_up().await?;
        self.warehouse.seal().await
    }

    /// Removes the files of the log that are older than what [`Ingest::keeping`] says at `now`,
    /// whose entries are all applied, in which nothing open began, and whose rows are sealed; says
    /// how many.
    ///
    /// # Errors
    /// See [`Error`]; what is left goes the next time.
    pub async fn trim(&mut self, now: SystemTime) -> Result<usize, Error> {
        let until = self.keep.and_then(|keep| now.checked_sub(keep));
        let Some(until) = until else { return Ok(0) };
        // The committed place: what is folded but not staged is still needed.
        let (dir, replay_from) = (self.log_dir.clone(), self.here.replay_from as u64);
        let found = blocking(move || trim::unneeded(&dir, replay_from, until)).await?;
        if found.is_empty() {
            return Ok(0);
        }
        // Their rows may be staged only: the log goes when the warehouse has files of them.
        self.warehouse.seal().await?;
        let (dir, count) = (self.log_dir.clone(), found.len());
        blocking(move || trim::remove(&dir, &found)).await?;
        Ok(count)
    }

    /// How the reader stands.
    pub fn progress(&self) -> Progress {
        Progress {
            applied_seq: self.here.position as u64,
            replay_from: self.here.replay_from as u64,
            calls_open: self.reader().fold.calls_open(),
            damaged: self.reader().tail.damaged(),
            forks: self.reader().forks,
        }
    }

    /// The same from outside while [`Ingest::run`] holds the reader: for metrics, and to wait until
    /// an entry's rows are here.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.told.subscribe()
    }

    /// The places of the log that could not be read, the first hundred of them.
    pub fn damages(&self) -> &[Damage] {
        self.reader().tail.damages()
    }

    fn reader(&self) -> &Reader {
        self.reader.as_ref().expect("the reader is here between two steps")
    }

    /// Reads the next entries and makes their rows ready to be committed.
    async fn prepare(&mut self) -> Result<(), Error> {
        let mut reader = self.reader.take().expect("the reader is here between two steps");
        let work = move || {
            let batch = reader.batch();
            (reader, batch)
        };
        let (reader, batch) = blocking(work).await;
        self.reader = Some(reader);
        self.pending.extend(batch?);
        Ok(())
    }
}

impl Reader {
    /// The next entries and their rows; `None` at the log's end.
    fn batch(&mut self) -> Result<Option<Batch>, Error> {
        let mut entries = Vec::new();
        let read = self.tail.read(ENTRIES_MAX, &mut entries);
        let Some(last) = entries.last() else { return read.map(|()| None) };
        // What was read before a failure has moved the reader on and must be used.
        let last = last.seq;
        let (rows, ended) = self.fold(&entries);
        self.folded.replay_from = self.fold.open_from().unwrap_or(last + 1) as i64;
        let rows = Prepared::of(rows);
        Ok(Some(Batch { entries: entries.len(), rows, ended, after: self.folded }))
    }

    /// What the entries finished, and the calls that ended.
    fn fold(&mut self, entries: &[Entry]) -> (Vec<Row>, Vec<Ended>) {
        let (mut rows, mut ended) = (Vec::new(), Vec::new());
        for entry in entries {
            let mut finished = Vec::new();
            self.fold.apply(entry, &mut finished);
            let newly_ended = self.fold.take_newly_ended();
            if self.is_applied(entry) {
                continue;
            }
            rows.append(&mut finished);
            ended.extend(newly_ended);
            self.folded.position = entry.seq as i64;
            self.folded.at = self.folded.at.max(entry.at.0);
        }
        (rows, ended)
    }

    /// True when the rows of `entry` are here. An entry that is numbered below what was applied but
    /// is younger than all of it was written after a power cut took the end of the log: it is new,
    /// and so is everything after it.
    fn is_applied(&mut self, entry: &Entry) -> bool {
        if entry.seq as i64 > self.folded.position {
            return false;
        }
        if entry.at.0 <= self.folded.at {
            return true;
        }
        let applied = self.folded.position;
        tracing::error!(seq = entry.seq, applied, "the event log went back");
        self.forks += 1;
        false
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("reading the log does not panic")
}

async fn commit(warehouse: &Warehouse, batch: &Batch) -> Result<(), Error> {
    let mut tx = warehouse.write("stage rows").await?;
    if read_source(&mut tx, SOURCE).await? == batch.after {
        // They are here: the answer to an earlier commit of theirs was lost.
        return Ok(());
    }
    stage::insert_prepared(&mut tx, &batch.rows, now()).await?;
    write_ended(&mut tx, &batch.ended).await?;
    write_source(&mut tx, SOURCE, batch.after).await?;
    fail::database("ingest.commit", "stage rows").await?;
    db::commit(tx, "stage rows").await
}

async fn read_ended(db: &mut Db) -> Result<Vec<Ended>, Error> {
    let rows: Vec<(i64, i64, i64, i64, String)> = sqlx::query_as(
        "SELECT call, tenant, started_at, ended_at, caller FROM (SELECT * FROM ended \
         ORDER BY ended_at DESC LIMIT $1) AS latest ORDER BY ended_at, call",
    )
    .bind(REMEMBERED_MAX as i64)
    .fetch_all(db)
    .await
    .map_err(Error::database("read ended calls"))?;
    let ended = |(call, tenant, started_at, ended_at, caller)| Ended {
        call: CallId(call as u64),
        tenant: TenantId(tenant as u64),
        started_at: Timestamp(started_at),
        ended_at: Timestamp(ended_at),
        caller,
    };
    Ok(rows.into_iter().map(ended).collect())
}

async fn write_ended(db: &mut Db, ended: &[Ended]) -> Result<(), Error> {
    let Some(latest) = ended.iter().map(|ended| ended.ended_at.0).max() else { return Ok(()) };
    // A call that ends twice has one row: the database takes no two for it at a time.
    let latest_of: BTreeMap<CallId, &Ended> =
        ended.iter().map(|ended| (ended.call, ended)).collect();
    let calls: Vec<&Ended> = latest_of.into_values().collect();
    for chunk in calls.chunks(ENDED_ROWS) {
        let mut insert =
            Text::new("INSERT INTO ended (call, tenant, started_at, ended_at, caller) ");
        insert.push_rows(chunk, |values, ended| {
            values
                .bind(ended.call.0 as i64)
                .bind(ended.tenant.0 as i64)
                .bind(ended.started_at.0)
                .bind(ended.ended_at.0)
                .bind(ended.caller.clone());
        });
        insert.push(
            " ON CONFLICT (call) DO UPDATE SET tenant = excluded.tenant, \
             started_at = excluded.started_at, ended_at = excluded.ended_at, \
             caller = excluded.caller",
        );
        let insert = insert.query(db);
        insert.execute(&mut *db).await.map_err(Error::database("remember ended calls"))?;
    }
    sqlx::query("DELETE FROM ended WHERE ended_at < $1")
        .bind(latest - REMEMBERED_MS_MAX * 1000)
        .execute(db)
        .await
        .map_err(Error::database("forget ended calls"))?;
    Ok(())
}
