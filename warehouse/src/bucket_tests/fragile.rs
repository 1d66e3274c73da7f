//! An object store in memory that fails when it is told to.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What goes wrong.
#[derive(Debug, Default)]
pub struct Fragile {
    inner: InMemory,
    /// Nobody answers.
    pub away: AtomicBool,
    /// Whoever sends hears nothing, but what was sent is there.
    pub silent: AtomicBool,
    /// What is sent is kept with its first byte changed.
    pub spoils: AtomicBool,
    /// Nothing is removed.
    pub keeps: AtomicBool,
    /// The next object that is asked for is told to be missing.
    pub blind: AtomicBool,
    /// An object is put over another whatever the condition.
    pub careless: AtomicBool,
    /// Conditions are refused.
    pub old: AtomicBool,
    /// Objects that were asked for whole.
    pub whole: AtomicU64,
}

impl Fragile {
    fn answer(&self) -> Result<()> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(Error::Generic { store: "fragile", source: "connection refused".into() }),
            false => Ok(()),
        }
    }

    /// The names of all objects with this in them.
    pub async fn names(&self, with: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .inner
            .list(None)
            .map(|meta| meta.expect("memory answers").location.to_string())
            .collect()
            .await;
        names.retain(|name| name.contains(with));
        names.sort();
        names
    }

    /// Puts as many other bytes in the place of an object's.
    pub async fn damage(&self, name: &str) {
        let path = Path::from(name);
        let bytes = self.inner.get(&path).await.unwrap().bytes().await.unwrap();
        self.inner.put(&path, vec![7; bytes.len()].into()).await.unwrap();
    }

    /// Gives an object another name too.
    pub async fn double(&self, name: &str, other: &str) {
        self.inner.copy(&Path::from(name), &Path::from(other)).await.unwrap();
    }
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
        mut options: PutOptions,
    ) -> Result<PutResult> {
        self.answer()?;
        if options.mode == PutMode::Create && self.old.load(Ordering::Relaxed) {
            // As `object_store` gives what a service says over HTTP.
            let source = "501 Not Implemented: <Code>NotImplemented</Code>".into();
            return Err(Error::Generic { store: "fragile", source });
        }
        if self.careless.load(Ordering::Relaxed) {
            options.mode = PutMode::Overwrite;
        }
        let mut bytes: Vec<u8> = payload.iter().flat_map(|piece| piece.to_vec()).collect();
        if self.spoils.load(Ordering::Relaxed) {
            bytes[0] ^= 1;
        }
        let put = self.inner.put_opts(location, bytes.into(), options).await;
        if self.silent.load(Ordering::Relaxed) {
            self.away.store(true, Ordering::Relaxed);
        }
        self.answer().and(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.answer()?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.answer()?;
        if self.blind.swap(false, Ordering::Relaxed) {
            return Err(Error::NotFound { path: location.to_string(), source: "not yet".into() });
        }
        if !options.head && options.range.is_none() {
            self.whole.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let answer = match self.keeps.load(Ordering::Relaxed) {
            true => Err(Error::Generic { store: "fragile", source: "connection reset".into() }),
            false => self.answer(),
        };
        match answer {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.answer() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.answer()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answer()?;
        self.inner.copy_opts(from, to, options).await
    }
}
