//! The event log as it grows, for many readers: one task follows the log and passes entries on;
//! whoever is behind reads the log itself until it has caught up.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use terms::event::Entry;
use tokio::sync::broadcast::{self, error::RecvError};
use warehouse::log::Tail;

/// Entries that wait for a reader before it has to read the log itself.
const PASSED_ON_MAX: usize = 4_096;
/// Entries read from the log at a time.
const READ_MAX: usize = 500;
/// How often the end of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long to wait after the log could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// The log, followed.
pub struct Feed {
    log: PathBuf,
    passed_on: broadcast::Sender<Arc<Entry>>,
    /// The sequence number after the last entry that was passed on; 0 before the first look.
    next: AtomicU64,
}

impl Feed {
    /// A feed of the event log in `log`. Nothing is passed on before [`Feed::follow`] runs.
    pub fn new(log: impl AsRef<Path>) -> Arc<Self> {
        let (passed_on, _) = broadcast::channel(PASSED_ON_MAX);
        Arc::new(Feed { log: log.as_ref().to_owned(), passed_on, next: AtomicU64::new(0) })
    }

    /// Follows the log from entry `from` on, for ever. Entries before `from` are read by those who
    /// ask for them.
    pub async fn follow(self: Arc<Self>, from: u64) {
        let mut tail = Tail::open(&self.log, from);
        self.next.store(from, Ordering::Release);
        loop {
            let (back, entries) = read(tail).await;
            tail = back;
            match entries {
                Ok(entries) if entries.is_empty() => tokio::time::sleep(LOOK_EVERY).await,
                Ok(entries) => {
                    for entry in entries {
                        self.next.store(entry.seq + 1, Ordering::Release);
                        // Nobody may be listening.
                        let _ = self.passed_on.send(Arc::new(entry));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the event log cannot be read for live clients");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// The first entry that the log still has.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn first(&self) -> Result<Option<u64>, warehouse::Error> {
        warehouse::log::first_entry(&self.log)
    }

    /// `seq`, or the first entry that is left where the log no longer has that one.
    pub fn left_from(&self, seq: u64) -> u64 {
        self.first().ok().flatten().map_or(seq, |first| first.max(seq))
    }

    /// The last entry that was passed on; 0 before the first look.
    pub fn through(&self) -> u64 {
        self.next.load(Ordering::Acquire).saturating_sub(1)
    }

    /// A reader that begins with `from`, or with whatever comes next.
    pub fn subscribe(self: &Arc<Self>, from: Option<u64>) -> Subscription {
        // First listen, then look where we are: what comes in between is heard twice, not never.
        let live = self.passed_on.subscribe();
        let now = self.next.load(Ordering::Acquire);
        Subscription {
            feed: self.clone(),
            live,
            next: from.unwrap_or(now),
            is_behind: from.is_some(),
            tail: None,
        }
    }
}

/// Reads some entries away from the runtime's threads.
async fn read(mut tail: Tail) -> (Tail, Result<Vec<Entry>, warehouse::Error>) {
    let reading = tokio::task::spawn_blocking(move || {
        let mut entries = Vec::new();
        let result = tail.read(READ_MAX, &mut entries);
        (tail, result.map(|()| entries))
    });
    reading.await.expect("reading the log does not panic")
}

/// One reader of the feed.
pub struct Subscription {
    feed: Arc<Feed>,
    live: broadcast::Receiver<Arc<Entry>>,
    /// The first sequence number that was not handed out; 0 while it is not known.
    next: u64,
    /// The log has, or may have, entries that were not handed out.
    is_behind: bool,
    /// The place in the log, while we are behind.
    tail: Option<Tail>,
}

impl Subscription {
    /// Entries that the log already has; empty when all of them were handed out. Safe to drop while
    /// it reads.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn catch_up(&mut self) -> Result<Vec<Arc<Entry>>, warehouse::Error> {
        if !self.is_behind {
            return Ok(Vec::new());
        }
        // A read that is dropped half-way takes its place with it: the next one begins anew.
        let tail = self.tail.take().unwrap_or_else(|| Tail::open(&self.feed.log, self.next));
        let (tail, entries) = read(tail).await;
        let next = self.next;
        let entries: Vec<Arc<Entry>> =
            entries?.into_iter().filter(|entry| entry.seq >= next).map(Arc::new).collect();
        match entries.last() {
            Some(last) => {
                self.next = last.seq + 1;
                self.tail = Some(tail);
            }
            None => self.is_behind = false,
        }
        Ok(entries)
    }

    /// Waits for the next entries, in order and each once. Safe to drop while it waits.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Arc<Entry>>, warehouse::Error> {
        loop {
            let entries = self.catch_up().await?;
            if !entries.is_empty() {
                return Ok(entries);
            }
            match self.live.recv().await {
                Ok(entry) if entry.seq == self.next || self.next == 0 => {
                    self.next = entry.seq + 1;
                    return Ok(vec![entry]);
                }
                // Heard before, while catching up.
                Ok(entry) if entry.seq < self.next => {}
                // A gap: too much was passed on at once, or we began before the follower.
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    self.is_behind = true;
                }
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::event::{ENTRY_VERSION, Kind, write_frame};
    use terms::{QueueId, TenantId, Timestamp, VisitId};

    fn append(log: &Path, seqs: std::ops::RangeInclusive<u64>) {
        use std::io::Write;
        let mut bytes = Vec::new();
        for seq in seqs {
            let kind = Kind::Abandoned { visit: VisitId(1), queue: QueueId(1) };
            let entry = Entry {
                v: ENTRY_VERSION,
                seq,
                at: Timestamp::from_secs(1_800_000_000),
                tenant: TenantId(1),
                contact: None,
                call: None,
                leg: None,
                kind,
            };
            write_frame(&entry, &mut bytes);
        }
        let file = log.join("events-00000000000000000001.log");
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        file.write_all(&bytes).unwrap();
    }

    async fn take(subscription: &mut Subscription, count: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            let entries = tokio::time::timeout(Duration::from_secs(5), subscription.next());
            seqs.extend(entries.await.unwrap().unwrap().iter().map(|entry| entry.seq));
        }
        seqs
    }

    #[tokio::test]
    async fn a_reader_gets_what_it_missed_and_then_what_comes() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), 1..=5);
        let feed = Feed::new(folder.path());
        let follower = tokio::spawn(feed.clone().follow(6));
        let mut resumed = feed.subscribe(Some(3));
        assert_eq!(take(&mut resumed, 3).await, [3, 4, 5]);
        append(folder.path(), 6..=8);
        assert_eq!(take(&mut resumed, 3).await, [6, 7, 8]);
        follower.abort();
    }

    #[tokio::test]
    async fn a_reader_that_lags_far_behind_misses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), 1..=1);
        let feed = Feed::new(folder.path());
        let follower = tokio::spawn(feed.clone().follow(1));
        let mut slow = feed.subscribe(Some(1));
        assert_eq!(take(&mut slow, 1).await, [1]);
        let many = PASSED_ON_MAX as u64 * 2;
        append(folder.path(), 2..=many);
        tokio::time::timeout(Duration::from_secs(10), async {
            while feed.next.load(Ordering::Acquire) <= many {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        let seqs = take(&mut slow, many as usize - 1).await;
        assert!(seqs.iter().copied().eq(2..=many));
        follower.abort();
    }
}
