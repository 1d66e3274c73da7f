//! A bucket of an object store with the S3 API that published files live in, with the names that they
//! have in a folder. Nothing is said to lie there that was not read back, every request is short, and
//! what does not answer is told apart from what is not there.

use crate::{Error, fail};
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{
    GetOptions, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutPayload,
};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of one request. S3 takes at most 10,000 parts: a file of 78 GiB.
const PIECE_BYTES: u64 = 8 << 20;

/// A bucket, or what in it begins with a prefix.
#[derive(Clone)]
pub struct Bucket {
    name: String,
    store: Arc<PrefixStore<Arc<dyn ObjectStore>>>,
}

impl Bucket {
    /// What of `store` begins with `prefix`. `name` is how people know it, such as
    /// `s3://calls/box-1`; it stands in messages and beside the warehouse's other files.
    pub fn over(store: Arc<dyn ObjectStore>, name: &str, prefix: &str) -> Bucket {
        let store = PrefixStore::new(store, ObjectPath::from(prefix));
        Bucket { name: name.to_owned(), store: Arc::new(store) }
    }

    /// How people know it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The objects as sessions read them.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    fn failed(
        &self,
        action: &'static str,
        path: &str,
    ) -> impl FnOnce(object_store::Error) -> Error + use<> {
        let path = format!("{}/{path}", self.name);
        move |source| Error::Bucket { action, path, source }
    }

    /// Sends the file `from`, in one request or in parts: it is there whole or not at all.
    pub(crate) async fn send(&self, from: &Path, path: &str) -> Result<(), Error> {
        let object = ObjectPath::from(path);
        let mut file = tokio::fs::File::open(from).await.map_err(Error::file("open", from))?;
        let first = next_piece(&mut file).await.map_err(Error::file("read", from))?;
        if (first.len() as u64) < PIECE_BYTES {
            let put = self.store.put(&object, PutPayload::from(first)).await;
            return put.map(drop).map_err(self.failed("send", path));
        }
        let upload = self.store.put_multipart_opts(&object, PutMultipartOptions::default()).await;
        let mut upload = upload.map_err(self.failed("send", path))?;
        let sent = self.send_parts(&mut *upload, first, (&mut file, from), path).await;
        if sent.is_err() {
            // Parts cost money as long as they lie there; where this fails too, the bucket's own
            // rule for unfinished uploads removes them.
            let _ = upload.abort().await;
        }
        sent
    }

    async fn send_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        first: Vec<u8>,
        (file, from): (&mut tokio::fs::File, &Path),
        path: &str,
    ) -> Result<(), Error> {
        let mut piece = first;
        while !piece.is_empty() {
            let put = upload.put_part(PutPayload::from(piece)).await;
            put.map_err(self.failed("send", path))?;
            piece = next_piece(file).await.map_err(Error::file("read", from))?;
        }
        upload.complete().await.map(drop).map_err(self.failed("send", path))
    }

    /// SHA-256 in hex, and the size, of an object that is read to its end.
    pub(crate) async fn digest(&self, path: &str) -> Result<(String, i64), Error> {
        let found = self.look(path).await?;
        let (mut hash, mut at) = (Sha256::new(), 0);
        while at < found.size {
            let piece = self.piece(path, at, &found).await?;
            hash.update(&piece);
            at += piece.len() as u64;
        }
        let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((hex, at as i64))
    }

    /// Copies an object into the file `to`. False where there is none.
    pub(crate) async fn fetch(&self, path: &str, to: &Path) -> Result<bool, Error> {
        let found = match self.look(path).await {
            Err(error) if error.is_missing() => return Ok(false),
            found => found?,
        };
        let mut file = tokio::fs::File::create(to).await.map_err(Error::file("create", to))?;
        let mut at = 0;
        while at < found.size {
            let piece = self.piece(path, at, &found).await?;
            file.write_all(&piece).await.map_err(Error::file("write", to))?;
            at += piece.len() as u64;
        }
        // A late error of a write is told by these alone.
        file.flush().await.map_err(Error::file("write", to))?;
        file.sync_all().await.map_err(Error::file("sync", to))?;
        Ok(true)
    }

    /// Whether there is such an object.
    pub(crate) async fn holds(&self, path: &str) -> Result<bool, Error> {
        match self.look(path).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives an object a second name. One that is not there has none.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        let (of, into) = (ObjectPath::from(from), ObjectPath::from(to));
        match self.store.copy(&of, &into).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("copy", from)(error)),
        }
    }

    /// Removes an object that may be gone already.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), Error> {
        match self.store.delete(&ObjectPath::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", path)(error)),
        }
    }

    /// The names of the objects below a folder, in order.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        let below = ObjectPath::from(folder);
        let mut found = Vec::new();
        let mut listed = self.store.list(Some(&below));
        while let Some(one) = listed.next().await {
            let one = one.map_err(self.failed("list", folder))?;
            found.push(one.location.to_string());
        }
        found.sort();
        Ok(found)
    }

    /// A short text that is an object; `None` where there is none.
    pub(crate) async fn text(&self, path: &str) -> Result<Option<String>, Error> {
        let got = match self.store.get(&ObjectPath::from(path)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            got => got.map_err(self.failed("read", path))?,
        };
        let bytes = got.bytes().await.map_err(self.failed("read", path))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Makes a short text an object where there is none of this name. False where there is one.
    ///
    /// # Errors
    /// [`Error::Files`] where the service does not know the condition; otherwise see [`Error`].
    pub(crate) async fn claim(&self, path: &str, text: &str) -> Result<bool, Error> {
        let (object, payload) = (ObjectPath::from(path), PutPayload::from(text.to_owned()));
        match self.store.put_opts(&object, payload, PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) if is_not_implemented(&error) => Err(self.without_conditions()),
            Err(error) => Err(self.failed("send", path)(error)),
        }
    }

    /// Finds out, with an object of this name that nobody else has, whether the service puts one over
    /// another although it was told not to.
    ///
    /// # Errors
    /// [`Error::Files`] where it does; otherwise see [`Error`].
    pub(crate) async fn keeps_to_conditions(&self, path: &str) -> Result<(), Error> {
        self.claim(path, "first\n").await?;
        let is_put_over = self.claim(path, "second\n").await?;
        self.remove(path).await?;
        if is_put_over { Err(self.without_conditions()) } else { Ok(()) }
    }

    fn without_conditions(&self) -> Error {
        Error::Files(format!(
            "the service of {} does not know conditional puts (If-None-Match: *), without which two \
             boxes may begin in one place: use one that does",
            self.name
        ))
    }

    async fn look(&self, path: &str) -> Result<ObjectMeta, Error> {
        self.store.head(&ObjectPath::from(path)).await.map_err(self.failed("look for", path))
    }

    /// The next piece of an object from `at` on, of the version that was looked at.
    async fn piece(&self, path: &str, at: u64, found: &ObjectMeta) -> Result<Bytes, Error> {
        let end = found.size.min(at + PIECE_BYTES);
        let options =
            GetOptions::new().with_range(Some(at..end)).with_if_match(found.e_tag.clone());
        let got = self.store.get_opts(&ObjectPath::from(path), options).await;
        let got = got.map_err(self.failed("read", path))?;
        let piece = got.bytes().await.map_err(self.failed("read", path))?;
        if piece.len() as u64 != end - at {
            let why = format!("{} bytes came instead of {}", piece.len(), end - at);
            return Err(self.failed("read", path)(object_store::Error::Generic {
                store: "bucket",
                source: why.into(),
            }));
        }
        Ok(piece)
    }

    /// Passes a failpoint before a request.
    pub(crate) async fn pass(
        &self,
        point: &str,
        action: &'static str,
        path: &str,
    ) -> Result<(), Error> {
        let failed = self.failed(action, path);
        fail::request(point).await.map_err(|source| {
            failed(object_store::Error::Generic { store: "failpoint", source: source.into() })
        })
    }
}

/// Without the store: what it is asked with is nobody's business.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Bucket({})", self.name)
    }
}

/// Whether the service does not know a part of the request. Over HTTP it says so in the code of its
/// answer (Amazon S3 API, "Error responses").
fn is_not_implemented(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotImplemented { .. })
        || error.to_string().contains("NotImplemented")
}

/// The next bytes of a file, fewer than [`PIECE_BYTES`] only at its end.
async fn next_piece(file: &mut tokio::fs::File) -> std::io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    file.take(PIECE_BYTES).read_to_end(&mut piece).await?;
    Ok(piece)
}
