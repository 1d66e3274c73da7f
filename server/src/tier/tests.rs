//! What lies in the second tier is what was sent; what comes back is whole or not at all.

use super::fragile::Fragile;
use super::*;
use std::fs;

const WAV: &str = "1/2026-11-23/7.wav";

struct Rig {
    folder: tempfile::TempDir,
    store: Arc<Fragile>,
    tier: Tier,
}

impl Rig {
    fn new() -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Fragile::default());
        let cache = Cache::new(folder.path().join("cache"), 64 << 20);
        let tier = Tier::over(store.clone(), "box-1", cache);
        Rig { folder, store, tier }
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    async fn put(&self, path: &str, expected: Option<(u64, &str)>) -> Result<Stored, Error> {
        self.tier.put(self.folder.path(), path, expected).await
    }

    async fn fetch(&self, stored: &Stored) -> Result<Vec<u8>, Error> {
        let mut file = self.tier.fetch(&stored.path, Some(stored)).await?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        Ok(bytes)
    }

    /// Files of the cache, parts included.
    fn cached(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let of = |path: PathBuf| if path.is_dir() { count(&path) } else { 1 };
            entries.map(|entry| of(entry.path())).sum()
        }
        count(self.tier.cache().folder())
    }
}

/// More than two pieces, so that it goes up in parts and comes down in ranges.
fn long() -> Vec<u8> {
    (0..2 * PIECE_BYTES + 4_321).map(|n| (n / 7 % 251) as u8).collect()
}

#[tokio::test]
async fn a_file_goes_up_and_comes_back_octet_by_octet_however_long_it_is() {
    for bytes in [b"RIFF".to_vec(), vec![5; PIECE_BYTES], long(), Vec::new()] {
        let rig = Rig::new();
        rig.write(WAV, &bytes);
        let stored = rig.put(WAV, None).await.unwrap();
        assert_eq!(stored.bytes, bytes.len() as u64);
        assert_eq!(rig.store.names().await, ["box-1/1/2026-11-23/7.wav"]);
        rig.tier.holds(&stored).await.unwrap();
        assert!(rig.fetch(&stored).await.unwrap() == bytes, "{} bytes", bytes.len());
        assert_eq!(rig.cached(), 1);
        // The second time nobody is asked.
        rig.store.away.store(true, Ordering::Relaxed);
        assert!(rig.fetch(&stored).await.unwrap() == bytes);
        let figures = rig.tier.figures();
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((of(&figures.fetches), of(&figures.hits), of(&figures.fetch_errors)), (1, 1, 0));
    }
}

#[tokio::test]
async fn what_was_sent_before_a_crash_is_read_back_and_not_sent_again() {
    let rig = Rig::new();
    rig.write(WAV, &long());
    let first = rig.put(WAV, None).await.unwrap();
    assert_eq!(rig.put(WAV, None).await.unwrap(), first);
    assert_eq!(rig.store.sent.load(Ordering::Relaxed), 1);
    // One that is something else is replaced.
    rig.write(WAV, b"another");
    let second = rig.put(WAV, None).await.unwrap();
    assert_eq!(rig.fetch(&second).await.unwrap(), b"another");
}

#[tokio::test]
async fn an_object_of_the_same_length_that_holds_something_else_is_another_one() {
    let rig = Rig::new();
    rig.write(WAV, b"RIFF");
    let first = rig.put(WAV, None).await.unwrap();
    rig.write(WAV, b"RIFX");
    let second = rig.put(WAV, None).await.unwrap();
    assert_eq!((second.bytes, rig.store.sent.load(Ordering::Relaxed)), (first.bytes, 2));
    assert_eq!(rig.fetch(&second).await.unwrap(), b"RIFX");
    rig.tier.holds(&second).await.unwrap();
    let error = rig.tier.holds(&first).await.unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_what_its_row_says_is_not_sent() {
    let rig = Rig::new();
    rig.write(WAV, b"RIFF");
    let right = rig.put(WAV, None).await.unwrap();
    rig.write(WAV, b"RIFX");
    for expected in [(4, right.sha256.as_str()), (5, right.sha256.as_str())] {
        let error = rig.put(WAV, Some(expected)).await.unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{error}");
    }
    assert_eq!(rig.store.sent.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_store_that_spoils_what_it_keeps_is_found_out_by_reading_back() {
    let rig = Rig::new();
    rig.write(WAV, b"RIFF");
    rig.store.spoils.store(true, Ordering::Relaxed);
    let error = rig.put(WAV, None).await.unwrap_err();
    assert!(error.to_string().contains("gives back something else"), "{error}");
}

#[tokio::test]
async fn a_line_that_breaks_leaves_no_entry_in_the_cache() {
    let rig = Rig::new();
    rig.write(WAV, &long());
    let stored = rig.put(WAV, None).await.unwrap();
    // Of the three pieces the second does not come.
    rig.store.reads_until.store(1, Ordering::Relaxed);
    let error = rig.fetch(&stored).await.unwrap_err();
    assert!(matches!(error, Error::Away { .. }), "{error}");
    assert_eq!(rig.cached(), 0);
    rig.store.reads_until.store(0, Ordering::Relaxed);
    assert!(rig.fetch(&stored).await.unwrap() == long());
}

#[tokio::test]
async fn an_object_that_changed_or_went_is_told_apart_from_a_store_that_is_away() {
    let rig = Rig::new();
    rig.write(WAV, b"RIFF");
    let stored = rig.put(WAV, None).await.unwrap();
    rig.store.damage("box-1/1/2026-11-23/7.wav").await;
    assert!(matches!(rig.fetch(&stored).await.unwrap_err(), Error::Changed { .. }));
    assert_eq!(rig.cached(), 0);
    rig.store.lose("box-1/1/2026-11-23/7.wav").await;
    assert!(matches!(rig.fetch(&stored).await.unwrap_err(), Error::Missing(_)));
    assert!(matches!(rig.tier.holds(&stored).await.unwrap_err(), Error::Missing(_)));
    rig.store.away.store(true, Ordering::Relaxed);
    assert!(matches!(rig.fetch(&stored).await.unwrap_err(), Error::Away { .. }));
    assert!(matches!(rig.tier.holds(&stored).await.unwrap_err(), Error::Away { .. }));
    let objects = [stored.path.clone()];
    assert!(rig.tier.delete(&objects).await.is_err());
    rig.store.away.store(false, Ordering::Relaxed);
    rig.tier.delete(&objects).await.unwrap();
}

#[tokio::test]
async fn many_who_want_one_file_fetch_it_once() {
    let rig = Rig::new();
    rig.write(WAV, &long());
    let stored = rig.put(WAV, None).await.unwrap();
    let all = futures::future::join_all((0..20).map(|_| rig.fetch(&stored))).await;
    assert!(all.into_iter().all(|bytes| bytes.unwrap() == long()));
    assert_eq!(rig.tier.figures().fetches.load(Ordering::Relaxed), 1);
    // Nothing is left of who waited.
    drop(rig.tier.flight("another"));
    assert_eq!(rig.tier.flights.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_row_the_object_says_what_it_should_be() {
    let rig = Rig::new();
    rig.write(WAV, b"RIFF");
    rig.put(WAV, None).await.unwrap();
    assert!(rig.tier.fetch(WAV, None).await.is_ok());
    rig.tier.cache().forget(WAV).unwrap();
    rig.store.damage("box-1/1/2026-11-23/7.wav").await;
    assert!(matches!(rig.tier.fetch(WAV, None).await.unwrap_err(), Error::Changed { .. }));
}
