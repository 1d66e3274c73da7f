//! Takes plans, cuts them into stages and gives those to the executors that ask for work. It reads no
//! file.

use super::codec::Codec;
use super::{Error, MESSAGE_BYTES_MAX, failed, host, runtime, state};
use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use object_store::memory::InMemory;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Seconds that an answer is kept for who asked, and what is known of a question.
const ANSWERS_KEPT_S: u64 = 300;
/// What fails when it ends.
const RUN: &str = "run the scheduler";

/// A scheduler. Questions and executors are let in by whoever reaches its port.
pub struct Scheduler {
    listener: TcpListener,
    address: SocketAddr,
}

impl Scheduler {
    /// Takes the port; port 0 is any.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn bind(listen: SocketAddr) -> Result<Scheduler, Error> {
        let doing = format!("listen on {listen} for the cluster");
        let listener = TcpListener::bind(listen).await.map_err(failed(doing.clone()))?;
        let address = listener.local_addr().map_err(failed(doing))?;
        Ok(Scheduler { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Works until it fails.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn run(self) -> Result<(), Error> {
        let config = Arc::new(config(self.address));
        let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed(RUN))?;
        let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config);
        let scheduler = scheduler.await.map_err(failed(RUN))?;
        start_grpc_service_with_listener(self.listener, scheduler).await.map_err(failed(RUN))
    }
}

fn config(address: SocketAddr) -> SchedulerConfig {
    // Plans are read before they are cut, and a plan that is read wants its files to be somewhere.
    let session = |config: SessionConfig| {
        let nothing = Arc::new(InMemory::new());
        state(config, runtime(nothing, None)?)
    };
    SchedulerConfig {
        bind_host: host(address.ip()),
        external_host: host(address.ip()),
        bind_port: address.port(),
        // Executors ask: they need one port that others reach, and the scheduler reaches none.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        finished_job_data_clean_up_interval_seconds: ANSWERS_KEPT_S,
        finished_job_state_clean_up_interval_seconds: ANSWERS_KEPT_S,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES_MAX,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES_MAX,
        override_session_builder: Some(Arc::new(session)),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..SchedulerConfig::default()
    }
}
