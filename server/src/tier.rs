//! The second tier of recordings: an object store with the S3 API, and a cache of what was fetched
//! back from it.
//!
//! - **What is said to lie there was read back.** [`Tier::put`] sends a file, reads all of it again
//!   and compares size and SHA-256.
//! - **A part is never taken for the whole.** A download is hashed while it comes, synced, and gets
//!   its name in the [`cache`] only when it is what was sent.
//! - **Every request is short.** Files go up and come down in pieces of [`PIECE_BYTES`], so a slow
//!   line needs no long timeout and the memory does not grow with the file.
//!
//! An object's name is the prefix and the path of the file beneath the recordings; its metadata
//! `sha256` is that of the file as it lay there, sealed files included.

pub mod cache;
#[cfg(test)]
pub mod fragile;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub mod wire;

use crate::blocking::blocking;
use crate::config::{self, Config};
use crate::s3::Access;
use axum::body::Bytes;
use cache::Cache;
use desk::secret::hex;
use object_store::path::Path as ObjectPath;
use object_store::{
    Attribute, Attributes, GetOptions, MultipartUpload, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use terms::failpoint::{Fault, pass};
use tokio::sync::Semaphore;
use warehouse::recordings::Stored;

/// Bytes of one request. S3 takes at most 10,000 parts: a file of 78 GiB.
pub const PIECE_BYTES: usize = 8 << 20;
/// Files that come down at a time; the next waits.
pub const DOWNLOADS_MAX: usize = 8;
/// Objects that one request deletes at most, as S3 has it.
const DELETE_MAX: usize = 1_000;
/// The metadata of an object that says what it holds.
const SHA256: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("sha256"));

/// Why something in the second tier cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("the object store holds no {0}")]
    Missing(String),
    /// The object store does not answer, or refuses.
    #[error("{action} {path}: {source}")]
    Away {
        /// What we were doing.
        action: &'static str,
        /// With which object.
        path: String,
        /// What it said.
        source: object_store::Error,
    },
    /// An object is not what was sent, or a file not what its row says.
    #[error("{path}: {why}")]
    Changed {
        /// Which.
        path: String,
        /// How we know.
        why: String,
    },
    /// The local disk.
    #[error("{action} {}: {source}", path.display())]
    Disk {
        /// What we were doing.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Error {
    fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Disk { action, path, source }
    }

    fn away(action: &'static str, path: &str) -> impl FnOnce(object_store::Error) -> Error {
        let path = path.to_owned();
        move |source| match source {
            object_store::Error::NotFound { .. } => Error::Missing(path),
            source => Error::Away { action, path, source },
        }
    }

    fn changed(path: &str, why: impl Into<String>) -> Error {
        Error::Changed { path: path.to_owned(), why: why.into() }
    }
}

/// What the second tier has done in this process, for the counters.
#[derive(Debug, Default)]
pub struct Figures {
    /// Recordings that moved.
    pub moved: AtomicU64,
    /// Files of those.
    pub files: AtomicU64,
    /// Bytes of those.
    pub bytes: AtomicU64,
    /// Recordings that are old enough and still here.
    pub backlog: AtomicU64,
    /// Moves that failed.
    pub move_errors: AtomicU64,
    /// Files that were asked for and lay in the cache.
    pub hits: AtomicU64,
    /// Files that were fetched.
    pub fetches: AtomicU64,
    /// Fetches that failed.
    pub fetch_errors: AtomicU64,
}

/// Adds one.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The second tier of a box.
pub struct Tier {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    cache: Cache,
    /// Who fetches a file now: the next who wants it waits and finds it in the cache.
    flights: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
    downloads: Semaphore,
    figures: Figures,
}

impl Tier {
    /// The tier of the configuration; `None` when it names no bucket. Nothing is asked yet.
    ///
    /// # Errors
    /// [`config::Error::Refused`] when its secret is missing or the client cannot be built.
    pub fn open(config: &Config) -> Result<Option<Tier>, config::Error> {
        let Some(secret) = config.tier_secret()? else { return Ok(None) };
        let tier = &config.tier;
        if tier.bucket.0.is_empty() {
            return Ok(None);
        }
        let access = Access {
            bucket: &tier.bucket.0,
            endpoint: &tier.endpoint,
            region: &tier.region,
            access_key: &tier.access_key,
            secret: &secret,
            allow_http: tier.allow_http,
        };
        let store = access.client("tier.endpoint")?;
        let cache = Cache::new(config.tier_cache_dir(), tier.cache_max.0);
        Ok(Some(Tier::over(Arc::new(store), &tier.prefix.0, cache)))
    }

    /// A tier over any store.
    pub fn over(store: Arc<dyn ObjectStore>, prefix: &str, cache: Cache) -> Tier {
        Tier {
            store,
            prefix: prefix.to_owned(),
            cache,
            flights: Mutex::default(),
            downloads: Semaphore::new(DOWNLOADS_MAX),
            figures: Figures::default(),
        }
    }

    /// What was done.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Where files lie that were fetched back, and what was made of them.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The name of the object of a file.
    fn object(&self, path: &str) -> ObjectPath {
        ObjectPath::from(format!("{}/{path}", self.prefix))
    }

    /// Sends the file `path` beneath `folder` and reads all of it back. One that lies there already
    /// is only read back. `expected` is what its row says of it: a file that is something else stays.
    ///
    /// # Errors
    /// See [`Error`]; what lies there then is replaced by the next try.
    pub async fn put(
        &self,
        folder: &Path,
        path: &str,
        expected: Option<(u64, &str)>,
    ) -> Result<Stored, Error> {
        let local = folder.join(path);
        let file = File::open(&local).map_err(Error::disk("open", &local))?;
        let (bytes, sha256) = hash(file).await.map_err(Error::disk("read", &local))?;
        if expected.is_some_and(|expected| expected != (bytes, sha256.as_str())) {
            return Err(Error::changed(path, "the file is not the one that was recorded"));
        }
        let stored = Stored { path: path.to_owned(), bytes, sha256 };
        match self.look(path).await {
            Ok(found) if found.is(&stored) => {}
            Ok(_) | Err(Error::Missing(_)) => self.send(&local, &stored).await?,
            Err(error) => return Err(error),
        }
        self.verify(&stored).await?;
        Ok(stored)
    }

    /// Whether an object is there, as long as it should be and said to hold what it should.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn holds(&self, stored: &Stored) -> Result<Found, Error> {
        let found = self.look(&stored.path).await?;
        if found.is(stored) {
            return Ok(found);
        }
        let why = format!("{} bytes instead of {}, or another hash", found.bytes, stored.bytes);
        Err(Error::changed(&stored.path, why))
    }

    /// A file as its object says of itself, which was compared with it when it came there; `None` where
    /// there is none, or it does not say what it holds.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find(&self, path: &str) -> Result<Option<Stored>, Error> {
        match self.look(path).await {
            Ok(Found { bytes, sha256, .. }) => {
                Ok(sha256.map(|sha256| Stored { path: path.to_owned(), bytes, sha256 }))
            }
            Err(Error::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes objects; those that are not there are as good as deleted.
    ///
    /// # Errors
    /// See [`Error`]; some of them may be gone then.
    pub async fn delete(&self, paths: &[String]) -> Result<(), Error> {
        use futures::StreamExt;
        for paths in paths.chunks(DELETE_MAX) {
            let first = paths.first().map_or("", String::as_str);
            point("tier.delete").await.map_err(Error::away("delete", first))?;
            let objects: Vec<_> = paths.iter().map(|path| Ok(self.object(path))).collect();
            let mut deleted = self.store.delete_stream(futures::stream::iter(objects).boxed());
            while let Some(one) = deleted.next().await {
                match one {
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(Error::away("delete", first)(error)),
                }
            }
        }
        Ok(())
    }

    /// A file of the second tier, from the cache or fetched into it. `expected` is what the index
    /// knows of it; without, the object itself says what it should be.
    ///
    /// # Errors
    /// See [`Error`]; the cache is as it was then.
    pub async fn fetch(&self, path: &str, expected: Option<&Stored>) -> Result<File, Error> {
        let bytes = expected.map(|stored| stored.bytes);
        if let Some(file) = self.cache.open(path, bytes)? {
            count(&self.figures.hits);
            return Ok(file);
        }
        let flight = self.flight(path);
        let _one = flight.lock().await;
        // Who was first has brought it.
        if let Some(file) = self.cache.open(path, bytes)? {
            count(&self.figures.hits);
            return Ok(file);
        }
        let fetched = self.fetch_now(path, expected).await;
        count(if fetched.is_ok() { &self.figures.fetches } else { &self.figures.fetch_errors });
        fetched
    }

    async fn fetch_now(&self, path: &str, expected: Option<&Stored>) -> Result<File, Error> {
        let _turn = self.downloads.acquire().await.expect("the semaphore is never closed");
        let part = self.cache.part()?;
        self.download(path, expected, part.path()).await?;
        self.cache.keep(part, path).await
    }

    /// Writes an object into the file `to`, whole and synced, or fails.
    ///
    /// # Errors
    /// See [`Error`]; `to` may hold a part then.
    pub async fn download(
        &self,
        path: &str,
        expected: Option<&Stored>,
        to: &Path,
    ) -> Result<Stored, Error> {
        use tokio::io::AsyncWriteExt;
        let found = self.look(path).await?;
        let expected = match (expected, &found.sha256) {
            (Some(stored), _) => stored.clone(),
            (None, Some(sha256)) => {
                Stored { path: path.to_owned(), bytes: found.bytes, sha256: sha256.clone() }
            }
            (None, None) => return Err(Error::changed(path, "nothing says what it should hold")),
        };
        let mut file = tokio::fs::File::create(to).await.map_err(Error::disk("create", to))?;
        let mut hash = Sha256::new();
        let mut at = 0;
        while at < found.bytes {
            let piece = self.piece(path, at, &found).await?;
            hash.update(&piece);
            file.write_all(&piece).await.map_err(Error::disk("write", to))?;
            at += piece.len() as u64;
        }
        compare(&expected, at, &hex(&hash.finalize()))?;
        // A late error of a write is told by the flush alone.
        file.flush().await.map_err(Error::disk("write", to))?;
        file.sync_all().await.map_err(Error::disk("sync", to))?;
        Ok(expected)
    }

    /// Reads an object back and compares it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn verify(&self, stored: &Stored) -> Result<(), Error> {
        let path = &stored.path;
        point("tier.verify").await.map_err(Error::away("read back", path))?;
        let found = self.holds(stored).await?;
        let mut hash = Sha256::new();
        let mut at = 0;
        while at < found.bytes {
            let piece = self.piece(path, at, &found).await?;
            hash.update(&piece);
            at += piece.len() as u64;
        }
        compare(stored, at, &hex(&hash.finalize()))
    }

    /// The next piece of an object from `at` on, of the version that was looked at.
    async fn piece(&self, path: &str, at: u64, found: &Found) -> Result<Bytes, Error> {
        let end = found.bytes.min(at + PIECE_BYTES as u64);
        let options =
            GetOptions::new().with_range(Some(at..end)).with_if_match(found.e_tag.clone());
        let got = self.store.get_opts(&self.object(path), options).await;
        let piece = got.map_err(Error::away("read", path))?.bytes().await;
        let piece = piece.map_err(Error::away("read", path))?;
        if piece.len() as u64 != end - at {
            let why = format!("{} bytes came instead of {}", piece.len(), end - at);
            return Err(Error::changed(path, why));
        }
        Ok(piece)
    }

    async fn look(&self, path: &str) -> Result<Found, Error> {
        let options = GetOptions::new().with_head(true);
        let got = self.store.get_opts(&self.object(path), options).await;
        let got = got.map_err(Error::away("look for", path))?;
        let sha256 = got.attributes.get(&SHA256).map(|value| value.as_ref().to_owned());
        Ok(Found { bytes: got.meta.size, e_tag: got.meta.e_tag, sha256 })
    }

    /// Sends a file, in one request or in parts. It is there whole or not at all.
    async fn send(&self, local: &Path, stored: &Stored) -> Result<(), Error> {
        let path = &stored.path;
        // Here it is the bucket that is not found: not this file's fault.
        let away = |source| Error::Away { action: "send", path: path.clone(), source };
        point("tier.put").await.map_err(away)?;
        let (object, attributes) = (self.object(path), attributes(stored));
        let mut file = File::open(local).map_err(Error::disk("open", local))?;
        if stored.bytes <= PIECE_BYTES as u64 {
            let (_, piece) = next_piece(file).await.map_err(Error::disk("read", local))?;
            let options = PutOptions { attributes, ..PutOptions::default() };
            let put = self.store.put_opts(&object, PutPayload::from(piece), options).await;
            return put.map(drop).map_err(away);
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let upload = self.store.put_multipart_opts(&object, options).await;
        let mut upload = upload.map_err(away)?;
        let sent = async {
            loop {
                let (back, piece) = next_piece(file).await.map_err(Error::disk("read", local))?;
                file = back;
                if piece.is_empty() {
                    break upload.complete().await.map(drop).map_err(away);
                }
                upload.put_part(PutPayload::from(piece)).await.map_err(away)?;
            }
        };
        let sent = sent.await;
        if sent.is_err() {
            // Parts cost money as long as they lie there; where this fails too, the bucket's own
            // rule for unfinished uploads removes them.
            let _ = upload.abort().await;
        }
        sent
    }

    fn flight(&self, path: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().expect("no panic while held");
        if let Some(flight) = flights.get(path).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::default();
        flights.insert(path.to_owned(), Arc::downgrade(&flight));
        flight
    }
}

/// What an object says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    bytes: u64,
    e_tag: Option<String>,
    sha256: Option<String>,
}

impl Found {
    fn is(&self, stored: &Stored) -> bool {
        self.bytes == stored.bytes && self.sha256.as_ref() == Some(&stored.sha256)
    }
}

fn attributes(stored: &Stored) -> Attributes {
    let kind = match stored.path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("wav") => "audio/wav",
        Some("mp3") => "audio/mpeg",
        Some("opus") => "audio/ogg",
        _ => "application/octet-stream",
    };
    let sha256 = stored.sha256.clone();
    [(Attribute::ContentType, kind.to_owned()), (SHA256, sha256)].into_iter().collect()
}

fn compare(expected: &Stored, bytes: u64, sha256: &str) -> Result<(), Error> {
    if (bytes, sha256) == (expected.bytes, expected.sha256.as_str()) {
        return Ok(());
    }
    let why = format!("the object store gives back something else: {bytes} bytes, {sha256}");
    Err(Error::changed(&expected.path, why))
}

/// Size and SHA-256 of a file.
async fn hash(file: File) -> io::Result<(u64, String)> {
    let work = move || {
        let (mut file, mut hash, mut bytes) = (file, Sha256::new(), 0);
        let mut piece = vec![0; 1 << 20];
        loop {
            let got = file.read(&mut piece)?;
            if got == 0 {
                return Ok((bytes, hex(&hash.finalize())));
            }
            hash.update(&piece[..got]);
            bytes += got as u64;
        }
    };
    blocking(work).await
}

/// The next bytes of a file, fewer than [`PIECE_BYTES`] only at its end.
async fn next_piece(file: File) -> io::Result<(File, Vec<u8>)> {
    let work = move || {
        let mut piece = Vec::new();
        (&file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        Ok((file, piece))
    };
    blocking(work).await
}

/// Passes a point of fault: a stall holds up this task alone, everything else is a failed request.
pub async fn point(name: &str) -> Result<(), object_store::Error> {
    match pass(name) {
        None => Ok(()),
        Some(Fault::StallMs(ms)) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(())
        }
        Some(fault) => Err(object_store::Error::Generic {
            store: "failpoint",
            source: format!("{name}: {fault:?}").into(),
        }),
    }
}
