//! Reads files and computes what the scheduler gives it. Rows between two stages lie in its work folder
//! and are fetched there by other executors and by who asked.

use super::codec::Codec;
use super::{Error, MESSAGE_BYTES_MAX, Place, failed, host, runtime, state};
use crate::Bucket;
use crate::query::files::Files;
use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::RuntimeProducer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::{GrpcServerConfig, create_grpc_server};
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::shutdown::Shutdown;
use datafusion::prelude::SessionConfig;
use object_store::local::LocalFileSystem;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

/// Where rows between stages lie in the work folder. All in it is removed when it is old and at the
/// end, so it is nobody else's.
const FOLDER: &str = "switchgrid-executor";
/// Seconds after which rows are removed that the scheduler forgot, and how often that is looked at.
const ROWS_KEPT_S: u64 = 3_600;
const LOOK_EVERY_S: u64 = 600;
/// More than 0: the executor waits for its scheduler.
const WAIT_S: u16 = 60;

/// What an executor is started with.
pub struct Options {
    /// Who gives it work.
    pub scheduler: Place,
    /// Where it listens; port 0 is any.
    pub listen: SocketAddr,
    /// How others name the machine, where that is not the address of `listen`.
    pub reached_at: Option<String>,
    /// How many parts of questions it computes at a time; 0 is one a core.
    pub cores: usize,
    /// Bytes of memory that sorts, joins and aggregates share; `None` is most of the machine's.
    pub memory_max: Option<u64>,
    /// A folder on a disk of the machine.
    pub work: PathBuf,
}

/// Where the published files are.
pub enum Published {
    /// In the folder of a warehouse.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Bucket),
}

/// An executor.
pub struct Executor {
    config: ExecutorProcessConfig,
    address: SocketAddr,
}

impl Executor {
    /// Takes the port and makes the work folder.
    ///
    /// # Errors
    /// When one of them cannot be had, others could not reach it, or there is no warehouse.
    pub async fn bind(options: Options, published: Published) -> Result<Executor, Error> {
        let work = options.work.join(FOLDER);
        let doing = format!("make the folder {}", work.display());
        let mut folder = std::fs::DirBuilder::new();
        // One that was there may have been open to others of the machine, or be somebody else's.
        folder
            .recursive(true)
            .mode(0o700)
            .create(&work)
            .and_then(|()| std::fs::set_permissions(&work, Permissions::from_mode(0o700)))
            .map_err(failed(doing))?;
        let files = Arc::new(files(published, &work)?);

        let doing = format!("listen on {} for the cluster", options.listen);
        let listener = TcpListener::bind(options.listen).await.map_err(failed(doing.clone()))?;
        let address = listener.local_addr().map_err(failed(doing.clone()))?;
        let reached_at = match options.reached_at {
            Some(name) => name,
            None if address.ip().is_unspecified() => {
                return Err(failed(doing)("others need a name or an address to reach it at"));
            }
            None => host(address.ip()),
        };

        let known = runtime(files.clone(), None)
            .and_then(|runtime| state(SessionConfig::new_with_ballista(), runtime))
            .map_err(failed("prepare the executor"))?;
        let spill = work.clone();
        let runtimes: RuntimeProducer =
            Arc::new(move |_| runtime(files.clone(), Some(spill.as_path())));
        let config = ExecutorProcessConfig {
            bind_host: host(address.ip()),
            external_host: Some(reached_at),
            port: address.port(),
            scheduler_host: options.scheduler.host().to_owned(),
            scheduler_port: options.scheduler.port(),
            scheduler_connect_timeout_seconds: WAIT_S,
            vcores: options.cores,
            task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
            work_dir: Some(work.to_string_lossy().into_owned()),
            job_data_ttl_seconds: ROWS_KEPT_S,
            job_data_clean_up_interval_seconds: LOOK_EVERY_S,
            grpc_max_decoding_message_size: MESSAGE_BYTES_MAX,
            grpc_max_encoding_message_size: MESSAGE_BYTES_MAX,
            memory_pool_size: options.memory_max,
            override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&known))),
            override_runtime_producer: Some(runtimes),
            override_physical_codec: Some(Arc::new(Codec::default())),
            override_arrow_flight_service: Some(fetched_from(listener)),
            ..ExecutorProcessConfig::default()
        };
        Ok(Executor { config, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Works until the process is told to end (SIGINT, SIGTERM), after what it computes is done.
    ///
    /// # Errors
    /// Why it ended otherwise.
    pub async fn run(self) -> Result<(), Error> {
        start_executor_process(Arc::new(self.config)).await.map_err(failed("run the executor"))
    }
}

/// The files of a warehouse, and nothing else of the machine.
pub(super) fn files(published: Published, work: &Path) -> Result<Files, Error> {
    let (folder, bucket) = match published {
        Published::Folder(folder) => (folder, None),
        // Nothing of a bucket's warehouse is read here.
        Published::Bucket(bucket) => (work.to_owned(), Some(bucket)),
    };
    let doing = format!("read the warehouse in {}", folder.display());
    let folder = LocalFileSystem::new_with_prefix(&folder).map_err(failed(doing))?;
    Ok(Files { folder, bucket, is_away: Arc::default() })
}

/// Serves the rows of the work folder on a port that is taken already.
fn fetched_from(listener: TcpListener) -> Arc<ArrowFlightServerProvider> {
    let listener = Mutex::new(Some(listener));
    let serve = move |work: String, _: SocketAddr, mut end: Shutdown, config: GrpcServerConfig| {
        let listener = listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        tokio::spawn(async move {
            // An executor is started once.
            let Some(listener) = listener else { return Ok(()) };
            let bytes_max = MESSAGE_BYTES_MAX as usize;
            let rows = FlightServiceServer::new(BallistaFlightService::new(work))
                .max_decoding_message_size(bytes_max)
                .max_encoding_message_size(bytes_max);
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            create_grpc_server(&config)
                .add_service(rows)
                .serve_with_incoming_shutdown(incoming, end.recv())
                .await
                .map_err(BallistaError::TonicError)
        })
    };
    Arc::new(serve)
}
