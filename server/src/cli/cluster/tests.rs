//! A cluster on loopback over files in a bucket, beside the box whose files they are.

use super::*;
use crate::config::value::{Endpoint, Secret};
use crate::first::open_warehouse;
use crate::tier::wire::service;
use reports::{Names, Params, Period, find, run as run_report};
use std::path::Path;
use std::time::Duration;
use terms::event::{
    Activity, Direction, ENTRY_VERSION, Entry, Kind, Outcome, Party, Role, Satisfaction,
};
use terms::record::Row;
use terms::{
    AgentId, CallId, ContactId, LegId, PhoneNumber, QueueId, SurveyId, TenantId, Timestamp,
    TrunkId, VisitId,
};
use warehouse::derive::Fold;
use warehouse::query::cluster::Cluster;
use warehouse::{Limits, Scope, Session};

/// Noon of 2026-11-22, UTC.
const NOON: Timestamp = Timestamp::from_secs(1_795_348_800);
/// More than this is no answer, however slow the machine is.
const TIME_MAX: Duration = Duration::from_secs(300);
/// Of the threads that read plans, in a build that is not optimised.
const STACK_BYTES: usize = 32 << 20;

const QUESTIONS: [&str; 6] = [
    "SELECT call_id, caller, outcome FROM calls ORDER BY call_id",
    "SELECT outcome, count(*) AS n, max(wait_ms) AS longest FROM queue_visits
     GROUP BY outcome ORDER BY outcome",
    "SELECT v.visit_id, c.caller, row_number() OVER (PARTITION BY v.queue_id ORDER BY v.visit_id) AS n
     FROM queue_visits v JOIN calls c ON c.call_id = v.call_id ORDER BY v.visit_id",
    "SELECT q.queue_id, q.n, round(erlang_c(q.n / 60.0, 5), 6) AS waits,
            round(service_level(q.n / 60.0, 5, 180, 20), 6) AS in_time, occupancy(q.n / 60.0, 5) AS busy
     FROM (SELECT queue_id, count(*) AS n FROM queue_visits GROUP BY queue_id) q ORDER BY q.queue_id",
    "SELECT queue_id, from_at, sum(offered) AS n FROM queue_intervals GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT count(*) AS n FROM calls WHERE call_id NOT IN (SELECT call_id FROM queue_visits)",
];
const REPORTS: [&str; 6] =
    ["queue_summary", "service_level", "abandoned_calls", "calls", "satisfaction", "workload"];

/// A box whose published files are in a bucket.
fn config(data: &Path, endpoint: String) -> Config {
    let mut config = Config::default();
    config.server.data = data.to_owned();
    let warehouse = &mut config.warehouse;
    warehouse.files = "s3://calls/box-1".parse().unwrap();
    warehouse.files_endpoint = Endpoint(endpoint);
    warehouse.files_access_key = "box".into();
    warehouse.files_secret_key = Secret::new("secret");
    warehouse.files_allow_http = true;
    config
}

/// The entries of one call after another.
#[derive(Default)]
struct Story(Vec<Entry>);

impl Story {
    fn push(&mut self, tenant: u64, at_s: u64, ids: (Option<u64>, Option<u64>), kind: Kind) {
        self.0.push(Entry {
            v: ENTRY_VERSION,
            seq: self.0.len() as u64 + 1,
            at: Timestamp(NOON.0 + at_s as i64 * 1_000_000),
            tenant: TenantId(tenant),
            contact: ids.0.map(ContactId),
            call: ids.0.map(CallId),
            leg: ids.1.map(LegId),
            kind,
        });
    }

    /// Call number `n`: every fourth gives up, every fifth is another tenant's.
    fn call(&mut self, n: u64) {
        let (tenant, id, at) = (if n.is_multiple_of(5) { 2 } else { 1 }, n * 100, n * 500);
        let (queue, agent) = (QueueId(1 + n % 2), AgentId(7 + n % 3));
        let (visit, survey) = (VisitId(id), SurveyId(id));
        let (call, customer, theirs) = ((Some(id), None), Some(id + 1), Some(id + 2));
        let caller = format!("138{:08}", n * 7_919);
        let started = Kind::CallStarted {
            direction: Direction::Inbound,
            caller: PhoneNumber::parse(&caller, "86"),
            called: PhoneNumber::parse("95105688", "86"),
            trunk: Some(TrunkId(1)),
            sip_call_id: format!("{n}@test"),
            user_agent: "test".into(),
            region: None,
            category: None,
        };
        let leg = |role, agent| Kind::LegStarted {
            role,
            agent,
            address: "sip:8001@test".into(),
            trunk: None,
        };
        let ended = |by| Kind::LegEnded { cause: 16, by, quality: None };
        self.push(tenant, at, call, started);
        self.push(tenant, at, (call.0, customer), leg(Role::Customer, None));
        self.push(tenant, at + 1, (call.0, customer), Kind::LegAnswered);
        self.push(tenant, at + 2, call, Kind::Enqueued { visit, queue, priority: 0, position: 1 });
        if n.is_multiple_of(4) {
            let (outcome, by) = (Outcome::Abandoned, Party::Customer);
            self.push(tenant, at + 9 + n % 40, call, Kind::Abandoned { visit, queue });
            self.push(tenant, at + 60, (call.0, customer), ended(by));
            self.push(tenant, at + 60, call, Kind::CallEnded { outcome, cause: 16, by });
            return;
        }
        let talk = 60 + n % 50;
        let both = (Some(visit), Some(queue));
        let answered = Kind::Answered { visit: both.0, queue: both.1, agent };
        self.push(tenant, at + 4, call, Kind::Offered { visit, queue, agent, choice: None });
        self.push(tenant, at + 5, (call.0, theirs), leg(Role::Agent, Some(agent)));
        self.push(tenant, at + 6, (call.0, theirs), Kind::LegRinging);
        self.push(tenant, at + 9 + n % 20, (call.0, theirs), Kind::LegAnswered);
        self.push(tenant, at + 9 + n % 20, (call.0, theirs), answered);
        let (outcome, by) = (Outcome::Answered, Party::Agent);
        self.push(tenant, at + talk, (call.0, theirs), Kind::Released { agent, by });
        self.push(tenant, at + talk, (call.0, theirs), ended(by));
        let queue = Some(queue);
        self.push(tenant, at + talk + 1, call, Kind::SurveyAsked { survey, agent, queue });
        let answer =
            [Some(Satisfaction::Satisfied), Some(Satisfaction::Dissatisfied), None][n as usize % 3];
        let told = Kind::SurveyAnswered { survey, agent, queue, answer };
        self.push(tenant, at + talk + 5, call, told);
        self.push(tenant, at + talk + 6, (call.0, customer), ended(by));
        self.push(tenant, at + talk + 6, call, Kind::CallEnded { outcome, cause: 16, by });
    }

    fn day_of(&mut self, agent: u64) {
        for (at, activity) in (0..).zip([Activity::Idle, Activity::Break, Activity::SignedOut]) {
            let (agent, reason, queue, skill_set) = (AgentId(agent), None, None, None);
            let kind = Kind::AgentChanged { agent, activity, reason, queue, skill_set };
            self.push(1, at * 3_600, (None, None), kind);
        }
    }

    fn rows(&self) -> Vec<Row> {
        let (mut fold, mut rows) = (Fold::new(), Vec::new());
        self.0.iter().for_each(|entry| fold.apply(entry, &mut rows));
        rows
    }
}

/// Rows of some calls, over two days.
fn rows(calls: std::ops::Range<u64>) -> Vec<Row> {
    let mut story = Story::default();
    calls.for_each(|n| story.call(n));
    (7..10).for_each(|agent| story.day_of(agent));
    story.rows()
}

/// What a session says to all questions, and what reports print.
async fn said(session: &Session) -> Vec<(&'static str, Vec<String>)> {
    let mut said = Vec::new();
    for sql in QUESTIONS {
        let answer = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        said.push((sql, answer.to_csv().lines().map(str::to_owned).collect()));
    }
    let period = Period::parse("2026-11-22..2026-11-23", "Asia/Shanghai", NOON).unwrap();
    let params = Params::new(period, NOON, "Test", Names::default());
    for id in REPORTS {
        let report = find(id).expect("it is in the catalogue");
        let table = run_report(session, report, &params).await;
        let table = table.unwrap_or_else(|error| panic!("{id}: {error:?}"));
        assert!(!table.rows.is_empty(), "{id} has rows");
        let mut rows: Vec<String> = table.rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows.push(format!("{:?}", table.total));
        said.push((id, rows));
    }
    said
}

fn work(scheduler: &Place, folder: PathBuf) -> Work {
    Work {
        scheduler: scheduler.clone(),
        listen: SocketAddr::new(EXECUTOR.ip(), 0),
        reached_at: None,
        work: folder,
        cores: 2,
        memory_mib: Some(256),
    }
}

/// Does `story` where plans that are read and cut have the stack that unoptimised code needs for it.
fn with_room<F: Future<Output = ()>>(story: impl FnOnce() -> F + Send + 'static) {
    let run = move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(4).thread_stack_size(STACK_BYTES).enable_all();
        runtime.build().unwrap().block_on(story());
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_cluster_of_two_says_what_the_box_said_when_all_was_published() {
    with_room(a_cluster_of_two);
}

async fn a_cluster_of_two() {
    let (folder, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = config(folder.path(), service(shelf.path(), "calls").await);
    let warehouse = open_warehouse(&config).await.unwrap();
    warehouse.stage_rows("desk", 1, &rows(1..160)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    let limits = Limits { time_max: TIME_MAX, ..Limits::default() };
    let scope = Scope::of(TenantId(1));
    let near = Session::open(&warehouse, scope.clone(), limits).await.unwrap();
    let expected = said(&near).await;
    // What comes later is the box's alone.
    warehouse.stage_rows("desk", 2, &rows(160..200)).await.unwrap();
    warehouse.seal().await.unwrap();
    warehouse.stage_rows("desk", 3, &rows(200..240)).await.unwrap();

    let scheduler = Scheduler::bind(SocketAddr::new(SCHEDULER.ip(), 0)).await.unwrap();
    let place: Place = scheduler.address().to_string().parse().unwrap();
    // They have no box: a bucket is what they know.
    let mut theirs = config.clone();
    theirs.server.data = folder.path().join("nowhere");
    let one = bound(&theirs, work(&place, folder.path().join("one"))).await.unwrap();
    let two = bound(&theirs, work(&place, folder.path().join("two"))).await.unwrap();
    let story = async {
        let cluster = Cluster::connect(place.clone()).await.unwrap();
        let far = Session::open_on(cluster, &warehouse, scope, limits).await.unwrap();
        for (far, near) in said(&far).await.iter().zip(&expected) {
            assert_eq!(far, near);
        }
        let plan = far.query("EXPLAIN SELECT count(*) FROM calls").await.unwrap();
        assert!(plan.rows() > 0);
        let wrong = far.query("SELECT erlang_c(queue_id - 9, 3) FROM queue_visits").await;
        let wrong = wrong.unwrap_err();
        assert!(wrong.message.contains("it must be 0 erlangs or more"), "{wrong:?}");
    };
    tokio::select! {
        ended = scheduler.run() => panic!("the scheduler: {ended:?}"),
        ended = one.run() => panic!("the first executor: {ended:?}"),
        ended = two.run() => panic!("the second executor: {ended:?}"),
        told = tokio::time::timeout(TIME_MAX, story) => told.expect("a cluster answers"),
    }
}

#[tokio::test]
async fn an_executor_without_a_bucket_and_without_a_warehouse_is_told_where_it_looked() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data = folder.path().join("nowhere");
    let place = "127.0.0.1:1".parse().unwrap();
    let refused = bound(&config, work(&place, folder.path().to_owned())).await.err().unwrap();
    let said = refused.to_string();
    assert!(said.starts_with("read the warehouse in") && said.contains("nowhere"), "{said}");
}
