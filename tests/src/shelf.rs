//! An object store with the S3 API on loopback, over a folder: what a box of a test moves its
//! recordings to, or a warehouse publishes into. It can go away and come back on the same port.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::aws::AmazonS3Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The bucket that is there.
pub const BUCKET: &str = "recordings";
/// Who may ask.
pub const ACCESS_KEY: &str = "the-box";
/// Their secret.
pub const SECRET: &str = "nobody-shall-read-this";

/// A running object store.
pub struct Shelf {
    folder: TempDir,
    address: SocketAddr,
    running: Option<Runtime>,
}

impl Shelf {
    /// Starts one with an empty bucket.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Shelf {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("the bucket can be made");
        let (running, address) = serve(folder.path(), SocketAddr::from(([127, 0, 0, 1], 0)));
        Shelf { folder, address, running: Some(running) }
    }

    /// The table `[tier]` of a box that moves what is a second old; its secret comes another way.
    pub fn config(&self) -> String {
        format!(
            "[tier]\nbucket = \"{BUCKET}\"\nendpoint = \"http://{}\"\nallow_http = true\n\
             prefix = \"box-1\"\naccess_key = \"{ACCESS_KEY}\"\nafter = \"1s\"\n",
            self.address
        )
    }

    /// Where it is asked, as a client is told.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What begins with `box-1` in the bucket, for a warehouse's published files.
    ///
    /// # Panics
    /// When the client cannot be made.
    pub fn bucket(&self) -> warehouse::Bucket {
        Shelf::bucket_at(&self.endpoint())
    }

    /// The same for another process, which was told where it is asked.
    ///
    /// # Panics
    /// When the client cannot be made.
    pub fn bucket_at(endpoint: &str) -> warehouse::Bucket {
        let store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_region("us-east-1")
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET)
            .with_allow_http(true)
            .with_endpoint(endpoint)
            .build()
            .expect("the client can be made");
        warehouse::Bucket::over(Arc::new(store), "s3://recordings/box-1", "box-1")
    }

    /// What a box needs in its environment.
    pub fn secret() -> (&'static str, &'static str) {
        ("SWITCHGRID_TIER_SECRET", SECRET)
    }

    /// The file behind the object of a recording's file.
    pub fn object(&self, path: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join("box-1").join(path)
    }

    /// Nobody answers any more.
    pub fn go_away(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown_background();
        }
    }

    /// It answers again, with what it held.
    ///
    /// # Panics
    /// When the port was taken meanwhile.
    pub fn come_back(&mut self) {
        self.running = Some(serve(self.folder.path(), self.address).0);
    }
}

fn serve(folder: &Path, address: SocketAddr) -> (Runtime, SocketAddr) {
    let files = FileSystem::new(folder).expect("the folder is there");
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET));
    let service = builder.build();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind(address)).expect("the port is free");
    let address = listener.local_addr().expect("it is bound");
    runtime.spawn(accept(listener, service));
    (runtime, address)
}

async fn accept(listener: TcpListener, service: S3Service) {
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            // A client that leaves early is its own affair.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}
