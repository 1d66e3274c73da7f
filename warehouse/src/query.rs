//! SQL over one tenant's rows: staged rows, hot files and published files as one snapshot.
//!
//! A query passes three gates. `guard` reads its syntax tree and lets through one SELECT, WITH,
//! VALUES or EXPLAIN over tables that exist. The plan is checked again (`SQLOptions`). And every
//! table is a `scoped` scan whose filter on tenant, queues and agents runs below everything the
//! text can say, errors and statistics included.

#[cfg(feature = "ballista")]
pub mod cluster;
mod erlang;
mod files;
mod functions;
mod giving_way;
mod guard;
mod intervals;
pub mod literal;
pub mod named;
mod names;
mod orders;
pub mod postgres;
mod refusal;
mod scan;
mod scoped;
mod snapshot;
mod sought;
mod staffing;

pub use guard::is_expression;
pub use names::nearest;
pub(crate) use sought::Known;

use crate::answer::plain_text;
use crate::query::files::Files;
use crate::query::giving_way::GivingWay;
use crate::query::scan::ScopedTable;
use crate::query::scoped::Rule;
use crate::query::snapshot::Snapshot;
use crate::rollup::KINDS;
use crate::schema::{Layout, layouts};
use crate::shelf::Shelf;
use crate::{Answer, Error, Limits, Scope, SqlError, SqlFault, Warehouse};
use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::config::Dialect;
use datafusion::execution::cache::cache_manager::{
    CacheManager, CacheManagerConfig, FileMetadataCache,
};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as Parsed;
use futures::StreamExt;
use object_store::local::LocalFileSystem;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use terms::Timestamp;

/// The catalogue's name in SQL.
const CATALOGUE: &str = "switchgrid";
/// The schema's name in SQL.
const SCHEMA: &str = "public";
/// The view of every order's latest version.
pub const ORDERS_LATEST: &str = "orders_latest";
/// Cores of one query: the box has calls to carry.
const CORES_MAX: usize = 4;
/// Bytes on disk that sorts and joins may spill, as a multiple of `memory_max`.
const SPILL_FACTOR: u64 = 4;
/// Bytes of footers that a process keeps: a file's is read and parsed once, not once a question.
const FOOTERS_BYTES_MAX: usize = 64 << 20;

/// One person's or one report's reading of the warehouse: a snapshot, a scope and limits.
pub struct Session {
    context: SessionContext,
    scope: Scope,
    limits: Limits,
    tables: BTreeMap<String, Vec<String>>,
    as_of: Timestamp,
    snapshot: Arc<Snapshot>,
    shelf: Shelf,
    /// The bucket of published files has not answered a question.
    is_away: Arc<AtomicBool>,
    /// Set for clients of PostgreSQL.
    catalogue: Option<postgres::Catalogue>,
    /// Who answers, where that is not this process.
    #[cfg(feature = "ballista")]
    cluster: Option<cluster::Cluster>,
}

impl Session {
    /// Takes a snapshot of `warehouse` for `scope`: all queries of the session see the same rows.
    /// A session is good for ten minutes; after that, files of its snapshot may be gone.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(warehouse: &Warehouse, scope: Scope, limits: Limits) -> Result<Self, Error> {
        let snapshot = Snapshot::take(warehouse, scope.tenant).await?;
        let is_away = Arc::default();
        let runtime = runtime(warehouse, &limits, &is_away).map_err(prepare)?;
        let context = context(&scope, runtime);
        Session::over(warehouse, context, snapshot, (scope, limits), is_away)
    }

    /// The session of `context`, with the tables and the functions that are ours.
    fn over(
        warehouse: &Warehouse,
        context: SessionContext,
        snapshot: Snapshot,
        (scope, limits): (Scope, Limits),
        is_away: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        let snapshot = Arc::new(snapshot);
        let mut tables = BTreeMap::new();
        for (name, layout) in layouts() {
            let rule = Rule::new(layout, &scope);
            let table = ScopedTable::new(Arc::clone(layout), Arc::clone(&snapshot), rule);
            context.register_table(*name, Arc::new(table)).map_err(prepare)?;
            tables.insert((*name).to_owned(), columns(layout));
        }
        let as_of = snapshot.as_of;
        intervals::register(&context, &snapshot, &scope, &mut tables).map_err(prepare)?;
        functions::restrict(&context);
        orders::register(&context, &snapshot, &scope).map_err(prepare)?;
        tables.insert(ORDERS_LATEST.to_owned(), tables["orders"].clone());
        staffing::register(&context);
        let (shelf, catalogue) = (warehouse.shelf().clone(), None);
        Ok(Session {
            context,
            scope,
            limits,
            tables,
            as_of,
            snapshot,
            shelf,
            is_away,
            catalogue,
            #[cfg(feature = "ballista")]
            cluster: None,
        })
    }

    /// Whose rows it reads.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether counts of rows of `table` tell apart what the scope does. Where they do not, all rows of
    /// it that are seen are counted whenever somebody asks for counts.
    pub fn keeps_counts(&self, table: &str) -> bool {
        intervals::are_kept(table, &self.scope)
    }

    /// The wall clock of the latest entry of the event log that the snapshot holds: what happened
    /// until then, and has ended, is in the answers. Zero when nothing was read yet.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The files whose rows no answer of this session has from now on, because they are not what was
    /// written.
    pub fn left_out(&self) -> Vec<String> {
        self.snapshot.left_out()
    }

    /// The tables and their columns.
    pub fn tables(&self) -> &BTreeMap<String, Vec<String>> {
        &self.tables
    }

    /// Runs one SELECT, WITH, VALUES or EXPLAIN. Where a file cannot be read because it is not what
    /// was written, the rest answers, and the answer names the file.
    ///
    /// # Errors
    /// See [`SqlFault`].
    pub async fn query(&self, sql: &str) -> Result<Answer, SqlError> {
        let statement = guard::parse(sql)?;
        guard::allow(&statement, &self.tables, None)?;
        self.within_time(sql, self.run(sql, statement)).await
    }

    /// The answer of `work`, unless it takes too long.
    async fn within_time(
        &self,
        sql: &str,
        work: impl Future<Output = Result<Answer, DataFusionError>>,
    ) -> Result<Answer, SqlError> {
        match tokio::time::timeout(self.limits.time_max, work).await {
            Ok(answer) => answer.map_err(|error| refusal::explain(error, sql, self)),
            Err(_) => Err(self.late()),
        }
    }

    /// Why a question that took too long has no answer.
    fn late(&self) -> SqlError {
        let most = self.limits.time_max.as_secs_f32();
        let text = format!("stopped after {most} s; ask for a shorter period or fewer columns");
        SqlError::new(SqlFault::TimedOut, text)
    }

    async fn run(&self, sql: &str, statement: Parsed) -> Result<Answer, DataFusionError> {
        let plan = self.context.state().statement_to_plan(statement).await?;
        self.answer(sql, self.read_only(plan)?).await
    }

    /// Asks, and once more without the files that turn out to be damaged.
    async fn answer(&self, sql: &str, plan: LogicalPlan) -> Result<Answer, DataFusionError> {
        let error = match self.collect_caught(plan.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !refusal::may_be_damage(&error) || !self.leave_out_damaged(sql).await {
            return Err(error);
        }
        self.collect_caught(plan).await
    }

    /// Collects; a panic of the engine, as over the lengths of a damaged file, is an error like others.
    async fn collect_caught(&self, plan: LogicalPlan) -> Result<Answer, DataFusionError> {
        use futures::FutureExt;
        let caught = AssertUnwindSafe(self.collect(plan)).catch_unwind().await;
        caught.unwrap_or_else(|_| Err(DataFusionError::Internal("the engine panicked".to_owned())))
    }

    /// True where files of the tables that are asked turned out to be damaged. While the bucket does
    /// not answer nothing is known of them, nor where others read them.
    async fn leave_out_damaged(&self, sql: &str) -> bool {
        if self.is_away.load(Ordering::Relaxed) || self.is_elsewhere() {
            return false;
        }
        let sql = sql.to_lowercase();
        let asked = self.snapshot.files_of(|table| {
            let mut kinds = KINDS.iter().filter(|of| table == of.name || table == of.source);
            sql.contains(table) || kinds.any(|of| of.names().any(|name| sql.contains(name)))
        });
        self.snapshot.leave_out_damaged(&self.shelf, asked).await
    }

    /// The plan, unless it does more than read.
    fn read_only(&self, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        options.verify_plan(&plan)?;
        Ok(plan)
    }

    /// True where a cluster answers.
    fn is_elsewhere(&self) -> bool {
        #[cfg(feature = "ballista")]
        {
            self.cluster.is_some()
        }
        #[cfg(not(feature = "ballista"))]
        {
            false
        }
    }

    /// The rows of a plan, from here or from the cluster of the session.
    async fn rows(&self, plan: LogicalPlan) -> Result<SendableRecordBatchStream, DataFusionError> {
        #[cfg(feature = "ballista")]
        if let Some(cluster) = &self.cluster
            && !matches!(plan, LogicalPlan::Explain(_))
        {
            return cluster.rows(&self.context, &plan).await;
        }
        let frame = self.context.execute_logical_plan(plan).await?;
        frame.execute_stream().await
    }

    async fn collect(&self, plan: LogicalPlan) -> Result<Answer, DataFusionError> {
        let mut stream = self.rows(plan).await?;
        let schema = plain_text::schema(&stream.schema());
        let mut batches: Vec<RecordBatch> = Vec::new();
        let (mut rows, mut bytes, mut truncated) = (0, 0, false);
        while let Some(batch) = stream.next().await {
            let batch = plain_text::batch(&schema, &batch?)?;
            let room = self.limits.rows_max - rows;
            truncated = batch.num_rows() > room;
            let batch = batch.slice(0, batch.num_rows().min(room));
            rows += batch.num_rows();
            bytes += batch.get_array_memory_size();
            if bytes > self.limits.memory_max {
                let text = format!("the answer is above {} bytes", self.limits.memory_max);
                return Err(DataFusionError::ResourcesExhausted(text));
            }
            if batch.num_rows() > 0 {
                batches.push(batch);
            }
            if truncated {
                break;
            }
        }
        Ok(Answer { schema, batches, truncated, left_out: self.snapshot.left_out() })
    }
}

/// The tables of counts of quarter-hours and the views of their sums, with their columns.
pub fn counts() -> impl Iterator<Item = (&'static str, &'static Layout)> {
    KINDS.iter().flat_map(|of| of.names().map(move |name| (name, &**of.layout())))
}

/// What a session of this process runs on.
fn context(scope: &Scope, runtime: Arc<RuntimeEnv>) -> SessionContext {
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config(scope))
        .with_runtime_env(runtime)
        .with_physical_optimizer_rule(Arc::new(GivingWay))
        .build();
    SessionContext::new_with_state(state)
}

fn config(scope: &Scope) -> SessionConfig {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(CORES_MAX));
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOGUE, SCHEMA)
        .with_information_schema(false)
        .with_target_partitions(cores)
        .with_collect_statistics(false);
    let options = config.options_mut();
    options.execution.time_zone = Some(scope.time_zone.clone());
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    // Text is Utf8 all the way: files, staged rows, answers.
    options.sql_parser.map_string_types_to_utf8view = false;
    // The physical plan names files and counts rows of everybody.
    options.explain.logical_plan_only = true;
    config
}

/// Memory and disk of the session, and the only place that it can read from: this warehouse.
fn runtime(
    warehouse: &Warehouse,
    limits: &Limits,
    is_away: &Arc<AtomicBool>,
) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let spill = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::OsTmpDirectory)
        .with_max_temp_directory_size(limits.memory_max as u64 * SPILL_FACTOR);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_max)))
        .with_disk_manager_builder(spill)
        .with_cache_manager(footers_only().with_file_metadata_cache(Some(warehouse.footers())))
        .build_arc()?;
    // Absent is as good as removed.
    runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref()).ok();
    let files = Files {
        folder: LocalFileSystem::new_with_prefix(warehouse.dir())?,
        bucket: warehouse.shelf().bucket().cloned(),
        is_away: Arc::clone(is_away),
    };
    runtime.register_object_store(ObjectStoreUrl::parse(scan::STORE)?.as_ref(), Arc::new(files));
    Ok(runtime)
}

/// An empty cache of footers.
pub(crate) fn footers() -> Result<Arc<FileMetadataCache>, Error> {
    let manager = CacheManager::try_new(&footers_only()).map_err(prepare)?;
    Ok(manager.get_file_metadata_cache())
}

/// Files are named by the manifest, so nothing is listed.
fn footers_only() -> CacheManagerConfig {
    CacheManagerConfig::default()
        .with_metadata_cache_limit(FOOTERS_BYTES_MAX)
        .with_file_statistics_cache_limit(0)
        .with_list_files_cache_limit(0)
}

fn columns(layout: &Layout) -> Vec<String> {
    layout.table.columns.iter().map(|column| column.name.to_owned()).collect()
}

fn prepare(error: DataFusionError) -> Error {
    Error::Session(error.strip_backtrace())
}
