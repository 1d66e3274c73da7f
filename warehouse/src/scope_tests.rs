//! The wall between tenants, teams and numbers; what is refused and how it is said.

mod every_table;

use crate::query::Session;
use crate::store_tests::{number, session};
use crate::stories::{day, fold, order};
use crate::{Limits, Only, Position, Scope, SqlFault, Warehouse};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use terms::record::{Row, TeamMember};
use terms::{AgentId, QueueId, TeamId, TenantId, Timestamp};

/// Rows of three tenants.
fn rows() -> Vec<Row> {
    let mut rows = fold(&day(5, 3, 60));
    for id in 1..=12 {
        let tenant = (id % 3 + 1) as u64;
        rows.push(order(tenant, id, id as u64 / 2, (id % 2 + 1) as i32, tenant * 10));
    }
    rows
}

/// Puts a third of the rows into published files, a third into hot ones, and stages the rest.
async fn fill(warehouse: &Warehouse, rows: &[Row]) {
    for (part, rows) in rows.chunks(rows.len().div_ceil(3)).enumerate() {
        warehouse.stage_rows("test", part as i64 + 1, rows).await.unwrap();
        match part {
            0 => drop(warehouse.publish_all().await.unwrap()),
            1 => drop(warehouse.seal().await.unwrap()),
            _ => {}
        }
    }
}

struct Pair {
    _dir: tempfile::TempDir,
    /// With tenants 1, 2 and 3.
    shared: Warehouse,
    /// The same without 2 and 3.
    alone: Warehouse,
}

async fn pair() -> Pair {
    let dir = tempfile::tempdir().unwrap();
    let shared = Warehouse::open(dir.path().join("shared")).await.unwrap();
    let alone = Warehouse::open(dir.path().join("alone")).await.unwrap();
    let rows = rows();
    fill(&shared, &rows).await;
    let own: Vec<Row> = rows.into_iter().filter(|row| row.tenant() == TenantId(1)).collect();
    fill(&alone, &own).await;
    Pair { _dir: dir, shared, alone }
}

/// The rows as sorted lines: the order of an answer without ORDER BY is nobody's promise.
async fn lines(session: &Session, sql: &str) -> Result<Vec<String>, String> {
    match session.query(sql).await {
        Ok(answer) => {
            let mut lines: Vec<String> = answer.to_csv().lines().map(str::to_owned).collect();
            lines[1..].sort();
            Ok(lines)
        }
        Err(error) => Err(format!("{} | {}", error.message, error.detail)),
    }
}

/// A table, the column that names its rows, and columns of text.
type Place = (&'static str, &'static str, Vec<&'static str>);

/// Tables of which [`rows`] has rows.
fn places() -> Vec<Place> {
    [
        ("calls", "call_id", "caller"),
        ("legs", "leg_id", "address"),
        ("quality", "leg_id", "codec"),
        ("queue_visits", "visit_id", "outcome"),
        ("agent_spans", "span_id", "activity"),
        ("events", "seq", "kind"),
        ("recordings", "recording_id", "caller"),
        ("orders_latest", "version_id", "number"),
    ]
    .map(|(table, id, text)| (table, id, vec![text]))
    .into()
}

/// Queries made of everything that might look behind the wall.
struct Maker {
    rng: StdRng,
    places: Vec<Place>,
}

impl Maker {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.choose(&mut self.rng).expect("there is something to choose from")
    }

    fn table(&mut self) -> (&'static str, &'static str, &'static str) {
        let (table, id, texts) =
            self.places.choose(&mut self.rng).expect("there are tables").clone();
        let text = if let [only] = texts[..] { only } else { self.pick(&texts) };
        (table, id, text)
    }

    fn filter(&mut self, id: &str, text: &str) -> String {
        let n = self.rng.random_range(0..6_000);
        match self.rng.random_range(0..14) {
            0 => "tenant_id = 2".to_owned(),
            1 => "tenant_id <> 1 OR tenant_id IS NOT NULL".to_owned(),
            2 => "1 = 1 OR tenant_id IN (1, 2, 3)".to_owned(),
            3 => format!("{text} LIKE '%FOREIGN%'"),
            4 => format!("{text} = 'FOREIGN-2'"),
            5 => format!("{id} > {n}"),
            6 => format!("CAST({text} AS BIGINT) > 0"),
            7 => "1 / (tenant_id - 2) < 5".to_owned(),
            8 => format!("{id} BETWEEN {n} AND {}", n * 3),
            9 => format!("coalesce(NULLIF({text}, 'x'), 'y') >= 'A'"),
            10 => format!("EXISTS (SELECT 1 FROM calls x WHERE x.tenant_id = {})", n % 4),
            11 => format!("{id} IN (SELECT call_id FROM calls WHERE tenant_id <> 1)"),
            12 => format!("length({text}) > {}", n % 20),
            _ => "true".to_owned(),
        }
    }

    fn query(&mut self) -> String {
        let (table, id, text) = self.table();
        let (other, other_id, _) = self.table();
        let filter = self.filter(id, text);
        match self.rng.random_range(0..10) {
            0 => format!("SELECT * FROM {table} WHERE {filter}"),
            1 => format!(
                "SELECT tenant_id, count(*), min({text}), max({text}) FROM {table} WHERE {filter} GROUP BY tenant_id"
            ),
            2 => format!(
                "SELECT count(*), count(DISTINCT tenant_id), sum({id}) FROM {table} WHERE {filter}"
            ),
            3 => format!(
                "WITH t AS (SELECT * FROM {table}) SELECT a.{id}, a.{text} FROM t a JOIN t b ON a.{id} = b.{id} WHERE a.{filter}",
                filter = "tenant_id >= 0"
            ),
            4 => format!(
                "SELECT {id}, {text} FROM {table} WHERE {filter} UNION ALL SELECT {other_id}, cast(tenant_id AS VARCHAR) FROM {other}"
            ),
            5 => format!(
                "SELECT a.tenant_id, b.tenant_id, count(*) FROM {table} a FULL JOIN {other} b ON a.{id} = b.{other_id} GROUP BY 1, 2"
            ),
            6 => format!(
                "SELECT {id}, {text} FROM {table} WHERE {filter} ORDER BY {id} DESC, {text} LIMIT 5"
            ),
            7 => format!(
                "SELECT {id}, row_number() OVER (ORDER BY {id}) FROM {table} WHERE {filter}"
            ),
            8 => format!(
                "SELECT (SELECT max({other_id}) FROM {other} WHERE tenant_id <> 1), count(*) FROM {table} WHERE {filter}"
            ),
            _ => {
                let set = self.pick(&["INTERSECT", "EXCEPT", "UNION"]);
                format!(
                    "SELECT {id} FROM {table} WHERE {filter} {set} SELECT {other_id} FROM {other}"
                )
            }
        }
    }
}

#[tokio::test]
async fn no_query_can_tell_whether_there_are_other_tenants() {
    let pair = pair().await;
    let shared = session(&pair.shared, 1).await;
    let alone = session(&pair.alone, 1).await;
    let mut answered = 0;
    for seed in 0..150 {
        let sql = Maker { rng: StdRng::seed_from_u64(seed), places: places() }.query();
        let (with, without) = (lines(&shared, &sql).await, lines(&alone, &sql).await);
        match (&with, &without) {
            (Ok(with), Ok(without)) => {
                answered += 1;
                assert_eq!(with, without, "seed {seed}: {sql}");
            }
            (Err(with), Err(_)) => assert!(!with.contains("FOREIGN"), "seed {seed}: {sql}: {with}"),
            _ => panic!("seed {seed}: {sql}: with others {with:?}, alone {without:?}"),
        }
    }
    assert!(answered > 100, "only {answered} queries of 150 have an answer");
}

#[tokio::test]
async fn a_cast_that_fails_on_foreign_rows_does_not_fail() {
    let pair = pair().await;
    let shared = session(&pair.shared, 1).await;
    let sql = "SELECT count(*) FROM calls WHERE CAST(substr(caller, 2) AS BIGINT) > 0";
    assert!(number(&shared, sql).await > 0, "foreign callers are no numbers");
    let foreign = session(&pair.shared, 2).await;
    let error = foreign.query(sql).await.unwrap_err();
    assert_eq!(error.fault, SqlFault::Execution);
}

#[tokio::test]
async fn a_plan_shows_no_files_and_counts_nobody() {
    let pair = pair().await;
    let session = session(&pair.shared, 1).await;
    let plan = session.query("EXPLAIN SELECT count(*) FROM calls").await.unwrap().to_csv();
    assert!(plan.contains("TableScan: calls"), "{plan}");
    for word in ["parquet", "dt=", "tenant", "physical"] {
        assert!(!plan.contains(word), "{word} in {plan}");
    }
}

#[tokio::test]
async fn a_team_leader_sees_the_queues_and_agents_of_the_team() {
    let pair = pair().await;
    let all = session(&pair.shared, 1).await;
    let open = |queues: Option<Vec<u64>>, agents: Option<Vec<u64>>| {
        let scope = Scope {
            queues: queues.map(|ids| ids.into_iter().map(QueueId).collect()),
            agents: agents.map(|ids| ids.into_iter().map(AgentId).collect()),
            ..Scope::of(TenantId(1))
        };
        Session::open(&pair.shared, scope, Limits::default())
    };
    let queue = open(Some(vec![10]), None).await.unwrap();
    let agent = open(None, Some(vec![11])).await.unwrap();
    let both = open(Some(vec![10]), Some(vec![11])).await.unwrap();
    let none = open(Some(vec![]), None).await.unwrap();
    let count = "SELECT count(*) FROM queue_visits";
    let wanted = [
        (&queue, "queue_id = 10"),
        (&agent, "agent_id = 11"),
        (&both, "queue_id = 10 OR agent_id = 11"),
        (&none, "false"),
    ];
    for (session, filter) in wanted {
        let expected = number(&all, &format!("{count} WHERE {filter}")).await;
        assert_eq!(number(session, count).await, expected, "{filter}");
        assert_eq!(number(session, "SELECT count(*) FROM events").await, 0, "no queue, no agent");
    }
    assert!(number(&both, count).await > number(&queue, count).await);
}

/// Whatever is asked for, of what is seen and never more, in the rows and in what counts them.
#[tokio::test]
async fn what_is_asked_for_is_left_of_what_is_seen() {
    let pair = pair().await;
    let all = session(&pair.shared, 1).await;
    let of = |table, columns, ids: &[u64]| Only { table, columns, ids: ids.to_vec() };
    let queue = of("queue_visits", &["queue_id"], &[10]);
    let agent = of("queue_visits", &["agent_id"], &[11, 12]);
    let nobody = of("queue_visits", &["agent_id"], &[]);
    let elsewhere = of("calls", &["agent_id", "last_agent_id"], &[11]);
    let seen = Some(vec![QueueId(10), QueueId(11)]);
    for (queues, only, filter) in [
        (None, vec![queue.clone()], "queue_id = 10"),
        (None, vec![agent.clone()], "agent_id IN (11, 12)"),
        (None, vec![queue.clone(), agent.clone()], "queue_id = 10 AND agent_id IN (11, 12)"),
        (None, vec![nobody], "FALSE"),
        (None, vec![elsewhere.clone()], "TRUE"),
        (seen.clone(), vec![agent], "queue_id IN (10, 11) AND agent_id IN (11, 12)"),
        (seen.clone(), vec![of("queue_visits", &["queue_id"], &[12])], "FALSE"),
        (seen, vec![queue], "queue_id = 10"),
    ] {
        let scope = Scope { queues, only, ..Scope::of(TenantId(1)) };
        let session = Session::open(&pair.shared, scope, Limits::default()).await.unwrap();
        let rows = number(&session, "SELECT count(*) FROM queue_visits").await;
        let expected = format!("SELECT count(*) FROM queue_visits WHERE {filter}");
        assert_eq!(rows, number(&all, &expected).await, "{filter}");
        for table in ["queue_intervals", "queue_days"] {
            let counted = format!("SELECT COALESCE(SUM(offered), 0) FROM {table}");
            assert_eq!(number(&session, &counted).await, rows, "{table}: {filter}");
        }
    }
    let scope = Scope { only: vec![elsewhere], ..Scope::of(TenantId(1)) };
    let session = Session::open(&pair.shared, scope, Limits::default()).await.unwrap();
    let calls = "SELECT count(*) FROM calls";
    let theirs = number(&all, &format!("{calls} WHERE agent_id = 11 OR last_agent_id = 11")).await;
    assert!((1..number(&all, calls).await).contains(&theirs), "some, and not all");
    assert_eq!(number(&session, calls).await, theirs);
    assert_eq!(number(&session, "SELECT SUM(calls) FROM call_intervals").await, theirs);
    let legs = "SELECT count(*) FROM legs";
    assert_eq!(number(&session, legs).await, number(&all, legs).await, "a table not asked about");
}

/// What is asked for of orders is that of their latest versions.
#[tokio::test]
async fn an_order_that_somebody_else_has_now_is_not_among_those_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let rows = [order(1, 1, 7, 1, 11), order(1, 2, 7, 2, 12), order(1, 3, 8, 1, 11)];
    warehouse.stage_rows("desk", 1, &rows).await.unwrap();
    let only = Only { table: "orders", columns: &["assignee_id"], ids: vec![11] };
    let scope = Scope { only: vec![only], ..Scope::of(TenantId(1)) };
    let session = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM orders").await, 2);
    assert_eq!(number(&session, "SELECT MAX(order_id) FROM orders_latest").await, 8);
    assert_eq!(number(&session, "SELECT count(*) FROM orders_latest").await, 1);
}

#[tokio::test]
async fn who_sees_some_agents_sees_who_of_them_belonged_to_which_team() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let rows: Vec<Row> = [(1, 11), (1, 12), (2, 11)]
        .into_iter()
        .enumerate()
        .map(|(version, (tenant, agent))| {
            Row::TeamMember(TeamMember {
                tenant_id: TenantId(tenant),
                version_id: version as i64,
                agent_id: AgentId(agent),
                team_id: Some(TeamId(5)),
                since: Timestamp::from_secs(1_795_406_400),
            })
        })
        .collect();
    warehouse.stage_rows("desk", 1, &rows).await.unwrap();
    let count = "SELECT count(*) FROM team_members";
    assert_eq!(number(&session(&warehouse, 1).await, count).await, 2);
    let scope = Scope { agents: Some(vec![AgentId(11)]), ..Scope::of(TenantId(1)) };
    let limited = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
    assert_eq!(number(&limited, count).await, 1);
    assert_eq!(number(&limited, "SELECT agent_id FROM team_members").await, 11);
    let nobody = Scope { agents: Some(Vec::new()), ..Scope::of(TenantId(1)) };
    let nobody = Session::open(&warehouse, nobody, Limits::default()).await.unwrap();
    assert_eq!(number(&nobody, count).await, 0);
}

#[tokio::test]
async fn the_latest_version_is_found_before_the_team_is() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let versions = [order(1, 1, 7, 1, 11), order(1, 2, 7, 2, 12), order(1, 3, 8, 1, 11)];
    warehouse.stage_rows("desk", 1, &versions[..2]).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.stage_rows("desk", 2, &versions[2..]).await.unwrap();
    let all = session(&warehouse, 1).await;
    assert_eq!(number(&all, "SELECT count(*) FROM orders_latest").await, 2);
    let version = "SELECT CAST(version AS BIGINT) FROM orders_latest WHERE order_id = 7";
    assert_eq!(number(&all, version).await, 2);
    let scope = Scope { agents: Some(vec![AgentId(11)]), ..Scope::of(TenantId(1)) };
    let team = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
    assert_eq!(number(&team, "SELECT count(*) FROM orders_latest").await, 1);
    assert_eq!(number(&team, "SELECT order_id FROM orders_latest").await, 8);
}

#[tokio::test]
async fn masked_numbers_cannot_be_searched_for() {
    let pair = pair().await;
    let scope = Scope { mask_numbers: true, ..Scope::of(TenantId(1)) };
    let masked = Session::open(&pair.shared, scope, Limits::default()).await.unwrap();
    let shown = session(&pair.shared, 1).await;
    let one = shown.query("SELECT caller FROM calls ORDER BY call_id LIMIT 1").await.unwrap();
    let caller = one.to_csv().lines().nth(1).unwrap().trim_start_matches('\'').to_owned();
    let by = |caller: &str| format!("SELECT count(*) FROM calls WHERE caller = '{caller}'");
    assert_eq!(number(&shown, &by(&caller)).await, 1);
    assert_eq!(number(&masked, &by(&caller)).await, 0);
    let hidden = format!("{}****{}", &caller[..6], &caller[10..]);
    assert!(number(&masked, &by(&hidden)).await >= 1, "{hidden}");
    let texts =
        masked.query("SELECT caller, caller_received, called FROM calls").await.unwrap().to_csv();
    assert!(texts.lines().skip(1).all(|line| line.matches("****").count() == 3), "{texts}");
    let details = "SELECT count(DISTINCT detail) FROM events";
    assert_eq!(number(&masked, details).await, 1);
}

#[tokio::test]
async fn only_reading_is_possible() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let session = session(&warehouse, 1).await;
    for sql in [
        "",
        "SELECT 1; SELECT 2",
        "INSERT INTO calls VALUES (1)",
        "WITH x AS (INSERT INTO calls VALUES (1)) SELECT 1",
        "UPDATE calls SET caller = ''",
        "DELETE FROM calls",
        "DROP TABLE calls",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY calls TO 'x.csv'",
        "COPY (SELECT 1) TO 'x.csv'",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "SHOW TABLES",
        "DESCRIBE calls",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN VERBOSE SELECT 1",
        "EXPLAIN INSERT INTO calls VALUES (1)",
        "EXPLAIN FORMAT TREE SELECT 1",
        "SELECT * INTO t FROM calls",
        "SELECT * FROM calls FOR UPDATE",
        "TABLE calls",
        "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r) SELECT * FROM r",
        "SELECT * FROM generate_series(1, 1000000000)",
        "SELECT * FROM range(1, 10)",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"file:///etc/passwd\"",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM datafusion.public.calls",
        "SELECT * FROM other.calls",
        "SELECT generate_series(1, 1000000000)",
        "SELECT range(1, 1000000000)",
        "SELECT repeat('x', 1000000000)",
        "SELECT array_repeat(1, 1000000000)",
        "SELECT array_resize(make_array(1), 1000000000)",
        "SELECT lpad('x', 1000000000, 'y')",
        "SELECT rpad('x', 1000 * 1000, 'y')",
    ] {
        let refused = session.query(sql).await;
        assert!(refused.is_err(), "{sql} was answered");
    }
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    assert_eq!(session.query(&long).await.unwrap_err().fault, SqlFault::Forbidden);
    let deep = format!("SELECT {}1{}", "(".repeat(3_000), ")".repeat(3_000));
    assert_eq!(session.query(&deep).await.unwrap_err().fault, SqlFault::Syntax);
}

#[tokio::test]
async fn a_text_whose_tree_would_need_more_stack_than_there_is_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let session = session(&warehouse, 1).await;
    for (sql, why) in [
        (format!("SELECT 1{}", "+1".repeat(400)), "one behind the other"),
        (format!("SELECT 1{}", "::BIGINT".repeat(400)), "one behind the other"),
        (format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(400)), "one behind the other"),
        (format!("UPDATE calls SET caller = 1{}", "+1".repeat(400)), "one behind the other"),
        (format!("EXPLAIN SELECT 1{}", "+1".repeat(400)), "one behind the other"),
        (format!("{}SELECT 1", "EXPLAIN ".repeat(40)), "one EXPLAIN"),
        (format!("SELECT 1 FROM calls{}", ", calls".repeat(64)), "tables are joined"),
        (format!("SELECT 1 FROM calls{}", " CROSS JOIN calls".repeat(64)), "tables are joined"),
    ] {
        let refused = session.query(&sql).await.unwrap_err();
        assert_eq!(refused.fault, SqlFault::Forbidden);
        assert!(refused.to_string().contains(why), "{refused} | {sql:.60}");
    }
    let sum = format!("SELECT 1{} AS n", "+1".repeat(100));
    assert_eq!(number(&session, &sum).await, 101);
    let many = format!(
        "SELECT 1 AS n WHERE 7 IN ({})",
        (0..2_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
    );
    assert_eq!(number(&session, &many).await, 1, "a list is no chain");
}

#[tokio::test]
async fn what_reads_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let session = session(&warehouse, 1).await;
    for sql in [
        "SELECT 1",
        "VALUES (1), (2)",
        "(SELECT 1) UNION SELECT 2;",
        "SELECT * FROM CALLS c, public.legs l, switchgrid.public.orders o WHERE c.call_id = l.call_id",
        "WITH Mine AS (SELECT * FROM calls), legs AS (SELECT 1 AS n) SELECT * FROM mine, legs",
        "SELECT lpad('7', 4, '0'), x FROM (SELECT unnest(make_array(1, 2)) AS x)",
        "SELECT date_trunc('hour', started_at), count(*) FROM calls GROUP BY 1 ORDER BY 1",
        "SELECT count(*) FILTER (WHERE outcome = 'answered') FROM calls",
        "EXPLAIN SELECT * FROM calls",
    ] {
        let answer = session.query(sql).await;
        assert!(answer.is_ok(), "{sql}: {:?}", answer.err());
    }
}

#[tokio::test]
async fn a_mistake_is_told_with_its_place_and_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let session = session(&warehouse, 1).await;
    let cases = [
        ("SELECT *\nFROM cals", SqlFault::UnknownTable, (2, 6), "cals", "calls"),
        ("SELECT calller FROM calls", SqlFault::UnknownColumn, (1, 8), "calller", "caller"),
        ("SELECT c.calller FROM calls c", SqlFault::UnknownColumn, (1, 8), "calller", "caller"),
        ("SELECT coutn(*) FROM calls", SqlFault::UnknownFunction, (1, 8), "coutn", "count"),
    ];
    for (sql, fault, (line, column), word, near) in cases {
        let error = session.query(sql).await.unwrap_err();
        assert_eq!(error.fault, fault, "{sql}: {error}");
        assert_eq!(error.position, Some(Position { line, column }), "{sql}: {error}");
        assert_eq!(error.word.as_deref(), Some(word), "{sql}");
        assert_eq!(error.nearest.first().map(String::as_str), Some(near), "{sql}: {error}");
        assert!(error.message.contains(near), "{error}");
    }
    let error = session.query("SELECT 1 FROM calls WHERE").await.unwrap_err();
    assert_eq!(error.fault, SqlFault::Syntax);
    let error = session.query("SELECT * FORM calls").await.unwrap_err();
    assert_eq!(error.position, Some(Position { line: 1, column: 15 }), "{error}");
    let error = session.query("SELECT * FROM zzzzzzzzz").await.unwrap_err();
    assert!(
        error.message.contains(
            "there are agent_days, agent_hours, agent_intervals, agent_spans, area_tries, audit"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn rows_and_time_and_memory_have_a_limit() {
    let pair = pair().await;
    let open = |limits| Session::open(&pair.shared, Scope::of(TenantId(1)), limits);
    let few = open(Limits { rows_max: 7, ..Limits::default() }).await.unwrap();
    let cut = few.query("SELECT * FROM events").await.unwrap();
    assert_eq!((cut.rows(), cut.truncated), (7, true));
    let exact = few.query("SELECT * FROM events LIMIT 7").await.unwrap();
    assert_eq!((exact.rows(), exact.truncated), (7, false));

    let short = Limits { time_max: Duration::from_millis(200), ..Limits::default() };
    let short = open(short).await.unwrap();
    let began = std::time::Instant::now();
    let cross = "SELECT count(*) FROM events a, events b, events c, events d \
                 WHERE a.seq + b.seq + c.seq + d.seq = 7";
    assert_eq!(short.query(cross).await.unwrap_err().fault, SqlFault::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // Nobody asks the leaves again once they were read: joins alone make these rows.
    let joined = "WITH d(x) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) \
                  SELECT sum(a.x + b.x + c.x + d.x + e.x + f.x + g.x + h.x) FROM d a \
                  CROSS JOIN (d b CROSS JOIN (d c CROSS JOIN (d CROSS JOIN (d e CROSS JOIN (d f \
                  CROSS JOIN (d g CROSS JOIN d h))))))";
    assert_eq!(short.query(joined).await.unwrap_err().fault, SqlFault::TimedOut);

    let small = open(Limits { memory_max: 20_000, ..Limits::default() }).await.unwrap();
    let error = small.query("SELECT DISTINCT detail, seq FROM events").await.unwrap_err();
    assert_eq!(error.fault, SqlFault::OutOfMemory);
}

#[tokio::test]
async fn the_session_has_the_tenants_clock() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("desk", 1, &[order(1, 1, 1, 1, 11)]).await.unwrap();
    let session = session(&warehouse, 1).await;
    // 23:50 UTC of the 22nd is 07:50 of the 23rd in Shanghai.
    let sql = "SELECT CAST(to_char(created_at AT TIME ZONE 'Asia/Shanghai', '%d') AS BIGINT) \
               FROM orders";
    assert_eq!(number(&session, sql).await, 23);
}
