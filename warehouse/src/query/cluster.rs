//! Questions on a cluster of Ballista, where one machine is not enough: the same tables and the same
//! SQL, answered by executors that read the published files themselves.
//!
//! ```text
//!  Session ── checks, plans, puts walls above the files ──► scheduler ──► executors ──► files
//!     ▲                                                                       │  (folder or bucket)
//!     └───────────────────────────── rows ────────────────────────────────────┘
//! ```
//!
//! **The plan leaves with its walls.** A session plans here, over its own tables, and sends the plan of
//! operators: each scan is below the wall of `scoped`, as it is in this process. A text is never sent.
//! **A plan names files, never who may read them.** An executor has the folder or the bucket from its
//! own configuration, and no other place to read from.
//! **What is answered is what is published.** Staged rows and files that are sealed only are this box's.

mod ask;
mod codec;
mod executor;
mod place;
mod scheduler;
#[cfg(test)]
mod tests;

pub use executor::{Executor, Options, Published};
pub use place::{NotAPlace, Place};
pub use scheduler::Scheduler;

use super::scan::STORE;
use super::staffing;
use datafusion::common::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::ObjectStore;
use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Longest message between the parts of a cluster, in bytes: a plan names every file that is read.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;

/// A cluster that answers, known by its scheduler.
#[derive(Clone, Debug)]
pub struct Cluster {
    scheduler: Place,
}

/// Why a part of a cluster does not start, has ended or is not there.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {why}")]
pub struct Error {
    doing: String,
    why: String,
}

/// What went wrong while we were doing something.
fn failed<E: Display>(doing: impl Into<String>) -> impl FnOnce(E) -> Error {
    let doing = doing.into();
    move |why| Error { doing, why: why.to_string() }
}

/// A session of a scheduler or an executor: the functions of ours, and these files alone. What a question
/// may not call was refused before its plan was sent; reports call more.
fn state(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> Result<SessionState, DataFusionError> {
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(runtime)
        .build();
    let context = SessionContext::new_with_state(state);
    staffing::register(&context);
    Ok(context.state())
}

/// What a plan may read, and where what has no room in memory goes.
fn runtime(
    files: Arc<dyn ObjectStore>,
    spill: Option<&Path>,
) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let builder = match spill {
        Some(folder) => RuntimeEnvBuilder::new().with_temp_file_path(folder),
        None => RuntimeEnvBuilder::new(),
    };
    let runtime = builder.build_arc()?;
    // Absent is as good as removed.
    runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref()).ok();
    runtime.register_object_store(ObjectStoreUrl::parse(STORE)?.as_ref(), files);
    Ok(runtime)
}

/// An address as it stands before a port.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
