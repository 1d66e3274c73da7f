//! The files of a warehouse as sessions read them: where a file was replaced since the session began
//! ([`crate::rewrite`]), it is read where it lies now. Published files may be in a bucket: of those the
//! wanted ranges are asked for, and that it does not answer is remembered. Nothing is written through
//! a session.

use crate::Bucket;
use crate::rewrite::old_path;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The files.
#[derive(Debug)]
pub struct Files {
    /// Those of the folder.
    pub folder: LocalFileSystem,
    /// Where the published ones are, if not there.
    pub bucket: Option<Bucket>,
    /// The bucket has not answered.
    pub is_away: Arc<AtomicBool>,
}

impl Files {
    /// Where a file is looked for.
    fn place(&self, location: &Path) -> &dyn ObjectStore {
        match &self.bucket {
            Some(bucket) if !location.as_ref().starts_with('_') => bucket.store(),
            _ => &self.folder,
        }
    }

    /// The answer, after it was noted that there is none.
    fn noted<T>(&self, location: &Path, answer: Result<T>) -> Result<T> {
        if answer.is_err() && self.bucket.is_some() && !location.as_ref().starts_with('_') {
            self.is_away.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the files of a warehouse")
    }
}

fn refused(what: &str) -> Error {
    Error::NotImplemented { operation: what.to_owned(), implementer: "a session".to_owned() }
}

/// Where a file of before is; `None` where it cannot be.
fn old(location: &Path) -> Option<Path> {
    Path::parse(old_path(location.as_ref())).ok()
}

#[async_trait]
impl ObjectStore for Files {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused("put"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("put"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let place = self.place(location);
        let missing = match place.get_opts(location, options.clone()).await {
            Err(error @ Error::NotFound { .. }) => error,
            other => return self.noted(location, other),
        };
        match old(location) {
            Some(old) => place.get_opts(&old, options).await.map_err(|_| missing),
            None => Err(missing),
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let place = self.place(location);
        let missing = match place.get_ranges(location, ranges).await {
            Err(error @ Error::NotFound { .. }) => error,
            other => return self.noted(location, other),
        };
        match old(location) {
            Some(old) => place.get_ranges(&old, ranges).await.map_err(|_| missing),
            None => Err(missing),
        }
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        futures::stream::iter([Err(refused("delete"))]).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.folder.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.folder.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("copy"))
    }
}
