//! A session whose questions a cluster answers.

use super::codec::Codec;
use super::{Cluster, Error, MESSAGE_BYTES_MAX, Place, failed};
use crate::query::snapshot::Snapshot;
use crate::query::{Session, config, prepare, runtime};
use crate::{Limits, Scope, Warehouse};
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use ballista_core::optimizer::ballista_default_optimizer_rules;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::protobuf::PhysicalPlanNode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time for a connection to a scheduler.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Parts that files are cut into at most: so many cores of a cluster have something to read.
const PARTS: usize = 16;

impl Cluster {
    /// The cluster of a scheduler that is there.
    ///
    /// # Errors
    /// When nobody listens at `scheduler`.
    pub async fn connect(scheduler: Place) -> Result<Cluster, Error> {
        let doing = format!("ask the cluster at {scheduler}");
        let place = (bare(scheduler.host()), scheduler.port());
        let reached = timeout(CONNECT_MAX, TcpStream::connect(place)).await;
        match reached {
            Ok(Ok(_)) => Ok(Cluster { scheduler }),
            Ok(Err(error)) => Err(failed(doing)(error)),
            Err(_) => Err(failed(doing)("no scheduler answers there")),
        }
    }

    /// Runs a plan of `context` there. What comes back is in the order that the plan has.
    pub(in crate::query) async fn rows(
        &self,
        context: &SessionContext,
        plan: &LogicalPlan,
    ) -> Result<SendableRecordBatchStream> {
        let state = context.state();
        let plan = state.create_physical_plan(plan).await?;
        execute_physical_plan::<PhysicalPlanNode>(
            format!("http://{}", self.scheduler),
            &state.config().ballista_config(),
            plan,
            &Codec::default(),
            state.session_id().to_owned(),
            state.config().clone(),
        )
        .await
    }
}

/// The address without brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

impl Session {
    /// As [`Session::open`], with questions that `cluster` answers from published files; what is staged
    /// or sealed only is not in their answers. [`Session::as_of`] is the time of the latest event or
    /// call in those files. EXPLAIN is answered here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_on(
        cluster: Cluster,
        warehouse: &Warehouse,
        scope: Scope,
        limits: Limits,
    ) -> Result<Self, crate::Error> {
        let snapshot = Snapshot::take(warehouse, scope.tenant).await?.published();
        let is_away = Arc::default();
        let runtime = runtime(warehouse, &limits, &is_away).map_err(prepare)?;
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(of_cluster(config(&scope)))
            .with_runtime_env(runtime)
            .with_optimizer_rules(ballista_default_optimizer_rules())
            .build();
        let context = SessionContext::new_with_state(state);
        let mut session = Session::over(warehouse, context, snapshot, (scope, limits), is_away)?;
        session.cluster = Some(cluster);
        Ok(session)
    }
}

/// What a plan must not have where its parts run in several processes is Ballista's to know.
fn of_cluster(config: SessionConfig) -> SessionConfig {
    config
        .upgrade_for_ballista()
        .with_target_partitions(PARTS)
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES_MAX as usize)
}
