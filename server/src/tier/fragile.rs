//! An object store in memory that fails when it is told to, for tests.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What goes wrong.
#[derive(Debug, Default)]
pub struct Fragile {
    inner: InMemory,
    /// Nobody answers.
    pub away: AtomicBool,
    /// What is sent is kept with its first byte changed.
    pub spoils: AtomicBool,
    /// Reads end with an error after so many requests; 0 is never.
    pub reads_until: AtomicU64,
    /// Objects that were sent.
    pub sent: AtomicU64,
    /// Whoever reads waits while a test holds this.
    pub door: tokio::sync::Mutex<()>,
    /// Those who wait there.
    pub waiting: AtomicU64,
    reads: AtomicU64,
}

impl Fragile {
    fn answer(&self) -> Result<()> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(away("connection refused")),
            false => Ok(()),
        }
    }

    async fn pass_the_door(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        drop(self.door.lock().await);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// The names of all objects.
    pub async fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .inner
            .list(None)
            .map(|meta| meta.expect("memory answers").location.to_string())
            .collect()
            .await;
        names.sort();
        names
    }

    /// Replaces an object and leaves what it says of itself.
    pub async fn damage(&self, name: &str) {
        let path = Path::from(name);
        let got = self.inner.get(&path).await.expect("it is there");
        let attributes = got.attributes.clone();
        let mut bytes = got.bytes().await.expect("it is there").to_vec();
        bytes[0] ^= 1;
        let options = PutOptions { attributes, ..PutOptions::default() };
        self.inner.put_opts(&path, bytes.into(), options).await.expect("memory takes it");
    }

    /// Removes an object behind the box's back.
    pub async fn lose(&self, name: &str) {
        self.inner.delete(&Path::from(name)).await.expect("memory lets go");
    }
}

fn away(why: &'static str) -> Error {
    Error::Generic { store: "fragile", source: why.into() }
}

impl fmt::Display for Fragile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("fragile")
    }
}

#[async_trait]
impl ObjectStore for Fragile {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.answer()?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mut bytes: Vec<u8> = payload.iter().flat_map(|piece| piece.to_vec()).collect();
        if self.spoils.load(Ordering::Relaxed) {
            bytes[0] ^= 1;
        }
        self.inner.put_opts(location, bytes.into(), options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.answer()?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.answer()?;
        if !options.head {
            self.pass_the_door().await;
        }
        let until = self.reads_until.load(Ordering::Relaxed);
        if !options.head && until > 0 && self.reads.fetch_add(1, Ordering::Relaxed) >= until {
            return Err(away("the line broke"));
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.answer() {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
