//! What a plan holds when it arrives at an executor, and what it gives there.

use super::codec::Codec;
use super::{Cluster, Executor, Options, Published, executor, runtime, state};
use crate::query::Session;
use crate::query::scan::STORE;
use crate::query::scoped::ScopedExec;
use crate::stories::{day, fold, order};
use crate::{Answer, Limits, Scope, Warehouse};
use ballista_core::extension::SessionConfigExt;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionConfig;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use terms::record::Row;
use terms::{AgentId, QueueId, TenantId};

/// Every kind of table, and what asks for more than one stage.
const QUESTIONS: [&str; 8] = [
    "SELECT * FROM calls",
    "SELECT caller, count(*) FROM calls GROUP BY caller",
    "SELECT v.visit_id, c.caller FROM queue_visits v JOIN calls c ON c.call_id = v.call_id",
    "SELECT order_id, version, assignee_id FROM orders_latest",
    "SELECT queue_id, from_at, sum(offered), max(wait_ms_max) FROM queue_intervals GROUP BY 1, 2",
    "SELECT agent_id, row_number() OVER (PARTITION BY agent_id ORDER BY started_at) FROM agent_spans",
    "SELECT visit_id FROM queue_visits WHERE call_id NOT IN (SELECT call_id FROM recordings)",
    "SELECT queue_id, erlang_c(10, 12), max(wait_ms) FROM queue_visits WHERE tenant_id = 2 OR 1 = 1
     GROUP BY queue_id",
];

/// A warehouse of three tenants, whose rows are published.
async fn published(folder: &Path) -> Warehouse {
    let warehouse = Warehouse::open(folder).await.unwrap();
    let mut rows = fold(&day(7, 3, 90));
    rows.extend((1..=12).map(|id| order(1 + id as u64 % 3, id, id as u64, 1, 10)));
    warehouse.stage_rows("desk", 1, &rows).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse
}

/// Nobody is asked until there are rows to fetch.
async fn session(warehouse: &Warehouse, scope: Scope) -> Session {
    let nobody = Cluster { scheduler: "127.0.0.1:1".parse().unwrap() };
    Session::open_on(nobody, warehouse, scope, Limits::default()).await.unwrap()
}

/// What an executor over the folder of a warehouse knows.
fn executor_of(warehouse: &Warehouse) -> SessionState {
    let place = Published::Folder(warehouse.dir().to_owned());
    let files = Arc::new(executor::files(place, warehouse.dir()).unwrap());
    state(SessionConfig::new_with_ballista(), runtime(files, None).unwrap()).unwrap()
}

/// The plan of a question as it arrives at an executor.
async fn arrived(session: &Session, sql: &str, there: &SessionState) -> Arc<dyn ExecutionPlan> {
    let frame = session.context.sql(sql).await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let codec = Codec::default();
    let sent = PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap();
    let mut bytes = Vec::new();
    sent.try_encode(&mut bytes).unwrap();
    let sent = PhysicalPlanNode::try_decode(&bytes).unwrap();
    sent.try_into_physical_plan(&there.task_ctx(), &codec).unwrap()
}

/// The rows of a plan as sorted lines.
async fn lines(plan: Arc<dyn ExecutionPlan>, there: &SessionState) -> Vec<String> {
    let schema = plan.schema();
    let batches = collect(plan, there.task_ctx()).await.unwrap();
    sorted(&Answer { schema, batches, truncated: false, left_out: Vec::new() })
}

fn sorted(answer: &Answer) -> Vec<String> {
    let mut lines: Vec<String> = answer.to_csv().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// How many operators read files or rows, and how many of them no wall is above.
fn leaves(plan: &Arc<dyn ExecutionPlan>, is_walled: bool) -> (usize, usize) {
    let is_walled = is_walled || plan.is::<ScopedExec>();
    if plan.is::<DataSourceExec>() {
        return (1, usize::from(!is_walled));
    }
    plan.children().into_iter().fold((0, 0), |(all, open), child| {
        let (more, more_open) = leaves(child, is_walled);
        (all + more, open + more_open)
    })
}

#[tokio::test]
async fn a_plan_arrives_with_its_walls_and_gives_the_rows_of_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = published(folder.path()).await;
    let there = executor_of(&warehouse);
    let scopes = [
        Scope::of(TenantId(1)),
        Scope { mask_numbers: true, ..Scope::of(TenantId(2)) },
        Scope { queues: Some(vec![QueueId(10)]), ..Scope::of(TenantId(1)) },
        Scope { agents: Some(vec![AgentId(11)]), mask_numbers: true, ..Scope::of(TenantId(1)) },
    ];
    for scope in scopes {
        let far = session(&warehouse, scope.clone()).await;
        let near = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
        for sql in QUESTIONS {
            let plan = arrived(&far, sql, &there).await;
            let (all, open) = leaves(&plan, false);
            assert!(all > 0 && open == 0, "{sql}: {open} of {all} are read without a wall");
            let expected = sorted(&near.query(sql).await.unwrap());
            assert_eq!(lines(plan, &there).await, expected, "{sql}");
        }
    }
}

#[tokio::test]
async fn what_is_not_published_is_not_in_a_plan_that_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = published(folder.path()).await;
    let there = executor_of(&warehouse);
    let at = session(&warehouse, Scope::of(TenantId(1))).await.as_of();
    assert!(at.0 > 0);
    let later = |id: i64| -> Row { order(1, id, id as u64, 1, 10) };
    warehouse.stage_rows("desk", 2, &[later(101)]).await.unwrap();
    warehouse.seal().await.unwrap();
    warehouse.stage_rows("desk", 3, &[later(102)]).await.unwrap();
    let sql = "SELECT order_id FROM orders WHERE order_id > 100";
    let far = session(&warehouse, Scope::of(TenantId(1))).await;
    assert_eq!(far.as_of(), at);
    let plan = arrived(&far, sql, &there).await;
    assert_eq!(lines(plan, &there).await, ["order_id"]);
    let near = Session::open(&warehouse, Scope::of(TenantId(1)), Limits::default()).await.unwrap();
    assert_eq!(near.query(sql).await.unwrap().rows(), 2);
}

#[tokio::test]
async fn an_executor_has_the_files_of_the_warehouse_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = published(folder.path()).await;
    let there = executor_of(&warehouse);
    let ours = ObjectStoreUrl::parse(STORE).unwrap();
    assert!(there.runtime_env().object_store(&ours).is_ok());
    let of_the_machine = ObjectStoreUrl::local_filesystem();
    assert!(there.runtime_env().object_store(&of_the_machine).is_err());
}

#[tokio::test]
async fn an_executor_that_nobody_could_reach_or_without_a_warehouse_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = |listen: &str| Options {
        scheduler: "127.0.0.1:1".parse().unwrap(),
        listen: listen.parse().unwrap(),
        reached_at: None,
        cores: 1,
        memory_max: None,
        work: folder.path().join("work"),
    };
    let here = || Published::Folder(folder.path().to_owned());
    let refused = Executor::bind(options("0.0.0.0:0"), here()).await.err().unwrap();
    assert!(refused.to_string().contains("a name or an address"), "{refused}");
    let nowhere = Published::Folder(folder.path().join("nowhere"));
    let refused = Executor::bind(options("127.0.0.1:0"), nowhere).await.err().unwrap();
    assert!(refused.to_string().starts_with("read the warehouse in"), "{refused}");
    let bound = Executor::bind(options("127.0.0.1:0"), here()).await.unwrap();
    assert_ne!(bound.address().port(), 0);
}

#[tokio::test]
async fn rows_between_two_stages_are_the_executors_alone() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("switchgrid-executor");
    std::fs::create_dir(&work).unwrap();
    std::fs::set_permissions(&work, Permissions::from_mode(0o755)).unwrap();
    let options = Options {
        scheduler: "127.0.0.1:1".parse().unwrap(),
        listen: "127.0.0.1:0".parse().unwrap(),
        reached_at: None,
        cores: 1,
        memory_max: None,
        work: folder.path().to_owned(),
    };
    let published = Published::Folder(folder.path().to_owned());
    Executor::bind(options, published).await.unwrap();
    assert_eq!(std::fs::metadata(&work).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_scheduler_that_is_not_there_is_told_with_its_address() {
    let place = "127.0.0.1:1".parse().unwrap();
    let refused = Cluster::connect(place).await.unwrap_err().to_string();
    assert!(refused.starts_with("ask the cluster at 127.0.0.1:1: "), "{refused}");
}
