//! Questions to a real file and to servers that are not what they should be.

use super::*;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::sync::atomic::{AtomicUsize, Ordering};
use terms::CallId;
use tokio::io::AsyncReadExt;

const TENANT: TenantId = TenantId(3);

struct Files {
    folder: tempfile::TempDir,
    steps: SqlSteps,
}

/// A folder with a file of accounts for the tenant.
async fn files() -> Files {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(TENANT.to_string());
    std::fs::create_dir(&own).unwrap();
    let options = SqliteConnectOptions::new().filename(own.join("gas.db")).create_if_missing(true);
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    for statement in [
        "CREATE TABLE accounts (id INTEGER, owes REAL, name TEXT, note TEXT)",
        "INSERT INTO accounts VALUES (123, 12.5, '王', NULL), (124, 7, '李', 'x')",
        "CREATE TABLE calls (who TEXT)",
    ] {
        sqlx::query(statement).execute(&mut file).await.unwrap();
    }
    file.close().await.unwrap();
    let steps = SqlSteps::new(&[], folder.path().to_owned());
    Files { folder, steps }
}

fn connector(address: &str, writes: bool) -> Connector {
    Connector {
        name: format!("gas {writes}"),
        database: Database::parse(address).unwrap(),
        user: "ivr".into(),
        password: "hunter2".into(),
        writes,
        timeout_ms: 5_000,
        rows_max: 2,
    }
}

fn reads(connector: Connector, statement: &str, values: &[&str]) -> SqlAsk {
    SqlAsk {
        id: 7,
        call: CallId(1),
        tenant: TENANT,
        connector,
        statement: statement.into(),
        values: values.iter().map(ToString::to_string).collect(),
        writes: false,
        wants_rows: true,
        timeout: Duration::from_secs(5),
    }
}

fn writes(connector: Connector, statement: &str, values: &[&str]) -> SqlAsk {
    SqlAsk { writes: true, wants_rows: false, ..reads(connector, statement, values) }
}

fn gas(writes: bool) -> Connector {
    connector("sqlite:gas.db", writes)
}

#[tokio::test]
async fn a_file_is_read_with_bound_values_whatever_they_are() {
    let Files { steps, folder: _folder } = files().await;
    let owes = "SELECT id, owes, name, note FROM accounts WHERE id = $1";
    let found = steps.run(reads(gas(false), owes, &["123"])).await.result.unwrap();
    let cells = ["id", "owes", "name", "note"].map(|column| found.first[column].as_str());
    assert_eq!((found.rows, cells), (1, ["123", "12.5", "王", ""]));
    let hostile = "123' OR '1'='1";
    assert_eq!(steps.run(reads(gas(false), owes, &[hostile])).await.result.unwrap().rows, 0);
    let all = "SELECT a.id FROM accounts a, accounts b, accounts c";
    assert_eq!(steps.run(reads(gas(false), all, &[])).await.result.unwrap().rows, 2, "rows_max");
}

#[tokio::test]
async fn only_what_may_write_writes_and_says_how_much() {
    let Files { steps, folder: _folder } = files().await;
    let insert = "INSERT INTO calls VALUES ($1)";
    let done = steps.run(writes(gas(true), insert, &["a'); DROP TABLE calls"])).await;
    assert_eq!(done.result.unwrap().rows, 1);
    let back = "SELECT who FROM calls";
    let found = steps.run(reads(gas(true), back, &[])).await.result.unwrap();
    assert_eq!(found.first["who"], "a'); DROP TABLE calls");
    // Neither a connector that reads nor a step that reads changes anything.
    for connector in [gas(false), gas(true)] {
        let refused = steps.run(reads(connector, "DELETE FROM calls RETURNING who", &[])).await;
        assert!(matches!(refused.result, Err(Fault::Failed(_))), "{refused:?}");
    }
    assert_eq!(steps.run(reads(gas(false), back, &[])).await.result.unwrap().rows, 1);
    let none = steps.run(writes(gas(true), "DELETE FROM calls WHERE who = $1", &["b"])).await;
    assert_eq!(none.result.unwrap().rows, 0);
}

#[tokio::test]
async fn a_statement_without_end_is_late_and_holds_no_connection() {
    let Files { steps, folder: _folder } = files().await;
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
                   SELECT count(*) FROM n";
    let ask = SqlAsk { timeout: Duration::from_millis(100), ..reads(gas(false), endless, &[]) };
    // More than there are connections, one after the other and all at once.
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..=CONNECTIONS_MAX {
        let (steps, ask) = (steps.clone(), ask.clone());
        running.spawn(async move { steps.run(ask).await.result });
    }
    while let Some(result) = running.join_next().await {
        assert_eq!(result.unwrap(), Err(Fault::Late));
    }
    let one = reads(gas(false), "SELECT 1 AS one", &[]);
    let one = SqlAsk { timeout: Duration::from_secs(60), ..one };
    assert_eq!(steps.run(one).await.result.unwrap().first["one"], "1");
}

#[tokio::test]
async fn a_file_of_another_tenant_or_behind_a_link_is_not_asked() {
    let Files { steps, folder } = files().await;
    let own = folder.path().join(TENANT.to_string());
    std::os::unix::fs::symlink("/etc", own.join("etc")).unwrap();
    std::os::unix::fs::symlink("../4", own.join("other")).unwrap();
    let other = folder.path().join("4");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(own.join("gas.db"), other.join("theirs.db")).unwrap();
    for (file, why) in [
        ("etc/passwd", "out of its folder"),
        ("other/theirs.db", "out of its folder"),
        ("theirs.db", "No such file"),
    ] {
        let connector = connector(&format!("sqlite:{file}"), false);
        let done = steps.run(reads(connector, "SELECT 1", &[])).await;
        let Err(Fault::Failed(said)) = done.result else { panic!("{file}: {done:?}") };
        assert!(said.contains(why), "{file}: {said}");
    }
    let nowhere = SqlSteps::new(&[], PathBuf::new());
    let done = nowhere.run(reads(gas(false), "SELECT 1", &[])).await;
    let Err(Fault::Failed(said)) = done.result else { panic!("{done:?}") };
    assert!(said.contains("ivr.sqlite_folder"), "{said}");
}

/// A server that takes connections: it says nothing, or hangs up. How many came.
async fn stranger(hangs_up: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, came) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = came.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut said = [0; 1_024];
                let read = stream.read(&mut said).await;
                if !hangs_up {
                    // Until the other side goes.
                    while read.is_ok() && matches!(stream.read(&mut said).await, Ok(1..)) {}
                }
            });
        }
    });
    (at, came)
}

#[tokio::test]
async fn what_reads_is_tried_twice_and_what_writes_once() {
    let (at, came) = stranger(true).await;
    let steps = SqlSteps::new(&[at.ip()], PathBuf::new());
    let there = connector(&format!("postgres://{at}/gas?sslmode=disable"), true);
    let read = steps.run(reads(there.clone(), "SELECT 1", &[])).await;
    assert!(matches!(read.result, Err(Fault::Failed(_))), "{read:?}");
    assert_eq!(came.swap(0, Ordering::SeqCst), 2);
    let write = steps.run(writes(there, "DELETE FROM calls", &[])).await;
    assert!(matches!(write.result, Err(Fault::Failed(_))), "{write:?}");
    assert_eq!(came.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_late_and_takes_nothing_from_another_connector() {
    let (at, _came) = stranger(false).await;
    let Files { folder, .. } = files().await;
    let steps = SqlSteps::new(&[at.ip()], folder.path().to_owned());
    let silent = connector(&format!("postgres://{at}/gas?sslmode=disable"), false);
    let mut hung = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS_MAX * 3 {
        let ask =
            SqlAsk { timeout: Duration::from_secs(1), ..reads(silent.clone(), "SELECT 1", &[]) };
        let steps = steps.clone();
        hung.spawn(async move { steps.run(ask).await.result });
    }
    let found = steps.run(reads(gas(false), "SELECT 1 AS one", &[])).await.result.unwrap();
    assert_eq!(found.first["one"], "1");
    while let Some(result) = hung.join_next().await {
        assert_eq!(result.unwrap(), Err(Fault::Late));
    }
}

#[tokio::test]
async fn a_flow_cannot_ask_a_database_inside() {
    let steps = SqlSteps::new(&[], PathBuf::new());
    for host in ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[fd00::1]"] {
        let inside = connector(&format!("postgres://{host}/gas?sslmode=disable"), false);
        let done = steps.run(reads(inside, "SELECT 1", &[])).await;
        let Err(Fault::Failed(why)) = done.result else { panic!("{host}: {done:?}") };
        assert!(why.contains("inside") && why.contains("ivr.sql_allowed"), "{host}: {why}");
    }
}

#[tokio::test]
async fn connections_of_a_connector_that_nobody_asks_any_more_are_forgotten() {
    let Files { steps, folder: _folder } = files().await;
    let count = "SELECT count(*) AS n FROM accounts";
    steps.run(reads(gas(false), count, &[])).await.result.unwrap();
    let now = Instant::now();
    steps.forget_unused(now);
    assert_eq!(steps.pools.lock().unwrap().len(), 1);
    steps.forget_unused(now + UNUSED_MAX);
    assert_eq!(steps.pools.lock().unwrap().len(), 0);
    steps.run(reads(gas(false), count, &[])).await.result.expect("asked anew");
}

#[tokio::test]
async fn a_row_that_is_too_long_is_refused_and_one_that_fits_is_read() {
    let Files { steps, folder: _folder } = files().await;
    let huge = "SELECT id, printf('%.*c', $1, 'x') AS note FROM accounts WHERE id = 123 -- all";
    let ask =
        async |bytes: u64| steps.run(reads(gas(false), huge, &[&bytes.to_string()])).await.result;
    // Three bytes are the account's.
    let fits = ask(ROW_BYTES_MAX - 3).await.unwrap();
    assert_eq!((fits.first["id"].as_str(), fits.first["note"].len()), ("123", 65_533));
    let Err(Fault::Failed(why)) = ask(ROW_BYTES_MAX - 2).await else { panic!("it was read") };
    assert!(why.contains("a row of 65537 bytes"), "{why}");
    // Also where it is not the first, and where a write gives it back.
    let later = "SELECT printf('%.*c', id - 123, 'x') || printf('%.*c', (id - 123) * 70000, 'x') \
                 FROM accounts ORDER BY id;\n";
    let done = steps.run(reads(gas(false), later, &[])).await.result;
    assert!(matches!(done, Err(Fault::Failed(_))), "{done:?}");
    let back = "INSERT INTO calls VALUES (printf('%.*c', 70000, 'x')) RETURNING who";
    let ask = SqlAsk { wants_rows: true, ..writes(gas(true), back, &[]) };
    let done = steps.run(ask).await.result;
    assert!(matches!(done, Err(Fault::Failed(_))), "{done:?}");
}
