//! The manifest in PostgreSQL: the stories of this crate are told once more with it, and what is
//! PostgreSQL's alone is told here. The server is one of a test's own, on a socket in a temporary
//! folder, started once by a program of tests and ended with it.

use crate::store_tests::{number, session};
use crate::stories::order;
use crate::{Error, Manifest, Warehouse, file};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use terms::record::Row;

/// Holds the folder of a server: the stories that this program tells use it.
const SERVER: &str = "SWITCHGRID_TEST_POSTGRES";
/// Which of them.
const STORIES: &[&str] = &[
    "age::tests::",
    "age_crash_tests::",
    "bucket_tests::",
    "compact::tests::",
    "crash_tests::",
    "damage_tests::",
    "erase::tests::",
    "faxes::tests::",
    "load::tests::",
    "meeting_tests::",
    "rebuild::tests::",
    "recordings::tests::",
    "repair::tests::",
    "rollup::kinds_tests::",
    "rollup::tests::",
    "scope_tests::",
    "store_tests::",
];
/// They explain plans of SQLite, or are about its file: a schema that is lost, put back or made anew has
/// stories of its own (`repair::schema_tests`).
const SQLITE_ALONE: &[&str] = &[
    "a_file_that_is_not_what_its_name_says_lies_aside_and_the_rest_is_named",
    "a_flipped_or_cut_manifest_is_refused_answers_rightly_or_is_found_by_verifying",
    "a_lost_database_is_made_anew_and_nobody_writes_before",
    "a_page_starts_in_an_index_where_the_last_one_ended_and_is_not_sorted",
    "a_repair_that_was_killed_is_done_again_and_the_old_database_lies_aside",
    "files_of_after_an_old_database_lie_aside_and_count_again_when_they_are_adopted",
    "rows_that_were_sealed_after_an_old_database_lie_aside_and_count_again_too",
    "what_is_to_move_is_found_without_reading_what_has_moved",
    "who_is_heard_in_a_recording_is_looked_at_once_whoever_is_asked_for",
];
/// Makes a cluster, starts its server, says so, and ends it when nobody listens any more.
const SCRIPT: &str = r#"
"$1/initdb" --username=postgres --auth=trust --no-sync --no-locale --encoding=UTF8 \
    --pgdata "$2/data" >"$2/log" 2>&1 &&
"$1/pg_ctl" start -w -D "$2/data" -l "$2/log" -o "-c listen_addresses='' -c fsync=off \
    -c synchronous_commit=off -c max_connections=300 -c unix_socket_directories=$2" \
    >"$2/start" 2>&1 </dev/null && echo ready || cat "$2/log"
cat >/dev/null
"$1/pg_ctl" stop -m immediate -D "$2/data" >"$2/stop" 2>&1
rm -rf "$2"
"#;

/// A server, and the program that waits for the end of ours.
struct Server {
    folder: PathBuf,
    _until: Child,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "sh"]).arg(programs()).arg(&folder).current_dir(&folder);
        if let Some((uid, gid)) = owner() {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
            shell.uid(uid).gid(gid);
        }
        let streams = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut until = streams.spawn().unwrap();
        let mut said = String::new();
        let mut stdout = BufReader::new(until.stdout.take().unwrap());
        stdout.read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "postgresql is installed by scripts/setup --tests");
        Server { folder, _until: until }
    }
}

/// Where Debian keeps the programs of the server.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").exists());
    folders.sort();
    folders.pop().unwrap_or_else(|| PathBuf::from("/usr/bin"))
}

/// A server does not run as root: where the tests do, it is the user `postgres`.
fn owner() -> Option<(u32, u32)> {
    let id = |which: &str| {
        let output = Command::new("id").args([which, "postgres"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
    };
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    is_root.then(|| (id("-u"), id("-g")))
}

/// The folder of the server's socket.
pub fn server() -> PathBuf {
    static STARTED: OnceLock<Server> = OnceLock::new();
    let told = std::env::var_os(SERVER).map(PathBuf::from);
    told.unwrap_or_else(|| STARTED.get_or_init(Server::start).folder.clone())
}

/// The address of a schema.
pub fn address(server: &Path, schema: &str) -> Manifest {
    let host = server.display();
    let address = format!("postgres:///postgres?host={host}&user=postgres&schema={schema}");
    Manifest::at(&address).unwrap()
}

/// A schema of its own for every folder.
pub fn schema_of(dir: &Path) -> String {
    let digest = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    digest.iter().take(12).fold("w".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// Where the stories keep the manifest of a folder.
pub fn manifest_of(dir: &Path) -> Manifest {
    match std::env::var_os(SERVER) {
        Some(server) => address(Path::new(&server), &schema_of(dir)),
        None => Manifest::Sqlite,
    }
}

/// The schema of a folder.
pub fn postgres(dir: &Path) -> Manifest {
    address(&server(), &schema_of(dir))
}

fn orders(from: i64, to: i64) -> Vec<Row> {
    (from..=to).map(|id| order(1, id, id as u64, 1, 11)).collect()
}

async fn count(warehouse: &Warehouse) -> i64 {
    number(&session(warehouse, 1).await, "SELECT count(*) FROM orders").await
}

/// The sentence with which a warehouse is not opened.
pub fn refusal(opened: Result<Warehouse, Error>) -> String {
    match opened {
        Err(Error::Manifest(sentence)) => sentence,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[test]
fn the_stories_of_the_warehouse_hold_with_postgresql() {
    if std::env::var_os(SERVER).is_some() {
        return;
    }
    let mut stories = Command::new(std::env::current_exe().unwrap());
    stories.env(SERVER, server()).args(STORIES);
    stories.args(SQLITE_ALONE.iter().flat_map(|name| ["--skip", *name]));
    let told = stories.output().unwrap();
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{said}\n{}", String::from_utf8_lossy(&told.stderr));
    assert!(!said.contains("running 0 tests"), "{said}");
}

#[tokio::test]
async fn rows_are_staged_sealed_and_published_and_no_file_of_sqlite_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = postgres(dir.path());
    let warehouse = Warehouse::open_on(dir.path(), &manifest).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 5)).await.unwrap();
    assert!(!warehouse.stage_rows("desk", 1, &orders(1, 5)).await.unwrap(), "it is there");
    assert_eq!(warehouse.publish_all().await.unwrap(), 5);
    warehouse.stage_rows("desk", 2, &orders(6, 7)).await.unwrap();
    let reader = Warehouse::open_reader_on(dir.path(), &manifest).await.unwrap();
    assert_eq!(count(&reader).await, 7);
    assert!(matches!(reader.seal().await, Err(Error::ReadOnly(_))));
    warehouse.close().await;
    let warehouse = Warehouse::open_on(dir.path(), &manifest).await.unwrap();
    assert_eq!((warehouse.position("desk").await.unwrap(), count(&warehouse).await), (2, 7));
    assert!(!dir.path().join("warehouse.db").exists());
}

#[tokio::test]
async fn a_reader_sees_one_moment_and_cannot_write_and_a_commit_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open_on(dir.path(), &postgres(dir.path())).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 1)).await.unwrap();
    let mut tx = warehouse.read("look").await.unwrap();
    let staged = "SELECT COUNT(*) FROM stage";
    let before: i64 = sqlx::query_scalar(staged).fetch_one(&mut *tx).await.unwrap();
    warehouse.stage_rows("desk", 2, &orders(2, 2)).await.unwrap();
    let after: i64 = sqlx::query_scalar(staged).fetch_one(&mut *tx).await.unwrap();
    assert_eq!((before, after), (1, 1));
    assert!(sqlx::query("DELETE FROM stage").execute(&mut *tx).await.is_err());
    drop(tx);
    // The server's own setting is off.
    let mut tx = warehouse.write("look").await.unwrap();
    let level: String =
        sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(level, "on");
}

/// Ends the connection that writes, from another one.
async fn cut(warehouse: &Warehouse, pid: i32) {
    let mut tx = warehouse.read("cut").await.unwrap();
    let done: bool = sqlx::query_scalar("SELECT pg_terminate_backend($1, 10000)")
        .bind(pid)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert!(done);
}

#[tokio::test]
async fn nothing_of_a_person_stands_in_the_statistics_of_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open_on(dir.path(), &postgres(dir.path())).await.unwrap();
    let rows = crate::stories::fold(&crate::stories::day(42, 1, 30));
    warehouse.stage_rows("test", 1, &rows).await.unwrap();
    let mut tx = warehouse.write("sample rows").await.unwrap();
    sqlx::query("ANALYZE stage, recording").execute(&mut *tx).await.unwrap();
    let sampled: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(attname AS TEXT) FROM pg_stats WHERE schemaname = current_schema()",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let has = |name: &str| sampled.iter().any(|column| column == name);
    assert!(has("tbl") && has("started_at"), "{sampled:?}");
    assert!(!has("blob") && !has("row") && !has("caller"), "{sampled:?}");
}

#[tokio::test]
async fn a_connection_that_is_cut_loses_and_doubles_nothing_and_keeps_others_out() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = postgres(dir.path());
    let warehouse = Warehouse::open_on(dir.path(), &manifest).await.unwrap();
    for position in 1..=3 {
        // Within a transaction, and between two.
        let mut tx = warehouse.write("stage rows").await.unwrap();
        let pid: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *tx).await.unwrap();
        if position != 2 {
            crate::stage::insert(&mut tx, &orders(position, position), crate::store::now())
                .await
                .unwrap();
            cut(&warehouse, pid).await;
            assert!(crate::db::commit(tx, "stage rows").await.is_err());
        } else {
            drop(tx);
            cut(&warehouse, pid).await;
        }
        let rows = orders(position, position);
        let mut staged = warehouse.stage_rows("desk", position, &rows).await;
        for _ in 0..5 {
            if staged.is_err() {
                staged = warehouse.stage_rows("desk", position, &rows).await;
            }
        }
        assert!(staged.unwrap());
        assert_eq!(count(&warehouse).await, position);
    }
    let other = tempfile::tempdir().unwrap();
    let busy = Warehouse::open_on(other.path(), &manifest).await;
    assert!(matches!(busy, Err(Error::Busy(_))), "the lock is held again");
}

#[tokio::test]
async fn a_manifest_of_another_directory_is_refused_and_no_file_is_touched() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (postgres(dir.path()), postgres(other.path()));
    for (dir, manifest) in [(&dir, &ours), (&other, &theirs)] {
        let warehouse = Warehouse::open_on(dir.path(), manifest).await.unwrap();
        warehouse.stage_rows("desk", 1, &orders(1, 3)).await.unwrap();
        warehouse.publish_all().await.unwrap();
        warehouse.close().await;
    }
    let files = || file::walk(&dir.path().join("orders")).unwrap();
    let before = files();
    let sentence = refusal(Warehouse::open_on(dir.path(), &theirs).await);
    assert!(sentence.contains("do not belong together"), "{sentence}");
    let sentence = refusal(Warehouse::open_reader_on(dir.path(), &theirs).await);
    assert!(sentence.contains("do not belong together"), "{sentence}");
    let fresh = address(&server(), &format!("{}_new", schema_of(dir.path())));
    let sentence = refusal(Warehouse::open_on(dir.path(), &fresh).await);
    assert!(sentence.contains("files of rows that the schema knows nothing of"), "{sentence}");
    assert!(matches!(Warehouse::open_reader_on(dir.path(), &fresh).await, Err(Error::Missing(_))));
    let sentence = refusal(Warehouse::open_on(dir.path(), &Manifest::Sqlite).await);
    assert!(sentence.contains("keeps its manifest in PostgreSQL"), "{sentence}");
    let sentence = refusal(Warehouse::open_reader_on(dir.path(), &Manifest::Sqlite).await);
    assert!(sentence.contains("keeps its manifest in PostgreSQL"), "{sentence}");
    assert_eq!((files(), before.len()), (before.clone(), 1));
}

#[tokio::test]
async fn a_directory_with_a_file_of_sqlite_and_a_server_that_is_away_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    Warehouse::open_on(dir.path(), &Manifest::Sqlite).await.unwrap().close().await;
    let sentence = refusal(Warehouse::open_on(dir.path(), &postgres(dir.path())).await);
    assert!(sentence.contains("keeps its manifest in warehouse.db"), "{sentence}");

    let nowhere = "postgres:///calls?host=/nowhere&user=box&password=hush";
    let dir = tempfile::tempdir().unwrap();
    let away = Warehouse::open_on(dir.path(), &Manifest::at(nowhere).unwrap()).await;
    let sentence = refusal(away);
    assert!(sentence.contains("cannot be reached") && !sentence.contains("hush"), "{sentence}");
}

#[tokio::test]
async fn a_name_of_a_schema_is_a_name_whatever_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("%22;%20DROP%20TABLE%20x;--{}", schema_of(dir.path()));
    let manifest = address(&server(), &name);
    let warehouse = Warehouse::open_on(dir.path(), &manifest).await.unwrap();
    warehouse.stage_rows("desk", 1, &orders(1, 2)).await.unwrap();
    assert_eq!(count(&warehouse).await, 2);
    let mut tx = warehouse.read("look").await.unwrap();
    let schema: String = sqlx::query_scalar("SELECT CAST(current_schema() AS TEXT)")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(schema, format!("\"; DROP TABLE x;--{}", schema_of(dir.path())));
}
