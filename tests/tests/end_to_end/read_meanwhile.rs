//! Programs that know nothing of us read the published files, in a folder and in a bucket of the S3 API (pyarrow alone),
//! while publishing runs, and while a day's files are replaced.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use terms::record::{Order, Row};
use terms::{OrderId, Person, TenantId, Timestamp};
use tests::shelf::{ACCESS_KEY, BUCKET, SECRET, Shelf};
use tests::tree;
use warehouse::{Bucket, Manifest, Warehouse};

/// Noon of 2026-11-22, UTC.
const NOON: Timestamp = Timestamp::from_secs(1_795_348_800);
/// Publications of the one day, each a file more.
const BATCHES: u64 = 8;
/// Orders of each.
const EACH: u64 = 25;
/// One reading takes a second on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the orders of a place over and over, with one program after another, until it is told to stop;
/// then once more. Prints a line for each reading: who read, and which rows, or why none.
const READERS: &str = r#"
import json, sys, threading
import polars, pyarrow.dataset
from pyarrow.fs import FileSelector, LocalFileSystem, S3FileSystem
place, endpoint, key, secret = sys.argv[1:5]
if endpoint:
    host = endpoint.removeprefix("http://")
    files = S3FileSystem(access_key=key, secret_key=secret, region="us-east-1", scheme="http",
                         endpoint_override=host)
else:
    files, source = LocalFileSystem(), f"{place}/orders/dt=*/*.parquet"

def pyarrow_reads():
    # The service of the test has folders, which are no objects: it is not asked for one.
    listed = files.get_file_info(FileSelector(f"{place}/orders", recursive=True))
    paths = [found.path for found in listed if found.extension == "parquet"]
    orders = pyarrow.dataset.dataset(paths, filesystem=files, format="parquet")
    return orders.to_table(columns=["order_id"])["order_id"].to_pylist()

def polars_reads():
    orders = polars.scan_parquet(source)
    return orders.select("order_id").collect()["order_id"].to_list()

def duckdb_reads():
    import duckdb
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT order_id FROM read_parquet(?)", [source]).fetchall()
    return [row[0] for row in rows]

readers = {"pyarrow": pyarrow_reads}
if not endpoint:
    # DuckDB's extension for S3 is none of its wheel; the service of the test answers Polars with 500.
    readers.update({"polars": polars_reads, "duckdb": duckdb_reads})
stop = threading.Event()
def wait():
    sys.stdin.read()
    stop.set()
threading.Thread(target=wait, daemon=True).start()
while True:
    is_last = stop.is_set()
    for name, read in readers.items():
        try:
            line = {"reader": name, "ids": read()}
        except Exception as error:
            line = {"reader": name, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(line), flush=True)
    if is_last:
        break
"#;

/// So many readings may fail one after another while a day's files are replaced.
const FAILED_MAX: usize = 30;
/// What a reader says of a file that is gone: it was not found, or the store of the test failed over an
/// object that went while it looked at it.
const GONE: [&str; 7] = [
    "No such file",
    "FileNotFoundError",
    "No files found",
    "does not exist",
    "NO_SUCH_KEY",
    "INTERNAL_FAILURE",
    "HTTP status 500",
];

/// Whether a reader failed because a file was gone.
fn is_gone(error: &str) -> bool {
    GONE.iter().any(|said| error.contains(said))
}

/// How often each row was seen, or why nothing was.
type Seen = Result<BTreeMap<u64, usize>, String>;

struct Readers {
    process: Child,
    /// Closed, it tells them to stop.
    go_on: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Readers {
    /// They begin with a place that has files already.
    fn start(place: &str, endpoint: &str) -> Readers {
        let mut process = Command::new(tree::root().join(".venv/bin/python"))
            .args(["-c", READERS, place, endpoint, ACCESS_KEY, SECRET])
            .env("NO_PROXY", "*")
            .env("no_proxy", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python is installed by scripts/setup --tests");
        let go_on = process.stdin.take();
        let output = process.stdout.take().expect("it was asked for");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Who waited for lines is gone.
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Readers { process, go_on, lines }
    }

    fn next(&self) -> (String, Seen) {
        told(&self.lines.recv_timeout(PATIENCE).expect("a reading"))
    }

    /// What was read until they stopped, the last reading of each at the end.
    fn stop(mut self) -> Vec<(String, Seen)> {
        drop(self.go_on.take());
        let mut readings = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            readings.push(told(&line));
        }
        assert!(self.process.wait().expect("it was started").success());
        readings
    }
}

fn told(line: &str) -> (String, Seen) {
    let told: serde_json::Value = serde_json::from_str(line).expect("the script prints JSON");
    let reader = told["reader"].as_str().expect("a name").to_owned();
    let Some(ids) = told["ids"].as_array() else { return (reader, Err(told["error"].to_string())) };
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for id in ids {
        *seen.entry(id.as_u64().expect("an id is a number")).or_default() += 1;
    }
    (reader, Ok(seen))
}

fn order(id: u64) -> Row {
    Row::Order(Order {
        tenant_id: TenantId(1),
        version_id: id.cast_signed(),
        order_id: OrderId(id),
        version: 1,
        changed_at: NOON,
        created_at: NOON,
        number: format!("A-{id}"),
        kind: "repair".into(),
        department: "field".into(),
        area: "north".into(),
        title: "no heating".into(),
        assignee_id: None,
        deadline_at: None,
        warn_at: None,
        progress: "open".into(),
        closed_at: None,
        call_id: None,
        customer_id: None,
        customer_number: "+8613800138000".into(),
    })
}

async fn publish(warehouse: &Warehouse, batch: u64) {
    let rows: Vec<Row> = (batch * EACH..(batch + 1) * EACH).map(order).collect();
    let position = batch.cast_signed() + 1;
    assert!(warehouse.stage_rows("desk", position, &rows).await.expect("it takes them"));
    assert_eq!(warehouse.publish_all().await.expect("it publishes"), EACH);
}

/// Publishes a day file by file and then replaces all of it, before readers of `place`.
async fn read_meanwhile(folder: &Path, bucket: Option<Bucket>, place: &str, endpoint: &str) {
    let is_folder = bucket.is_none();
    let warehouse = Warehouse::open_in(folder, &Manifest::Sqlite, bucket).await.expect("it opens");
    publish(&warehouse, 0).await;
    let readers = Readers::start(place, endpoint);
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for batch in 1..BATCHES {
        publish(&warehouse, batch).await;
        let (reader, seen) = readers.next();
        let seen = seen.unwrap_or_else(|error| panic!("{reader} while publishing: {error}"));
        let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{reader} saw {twice:?}");
        // A file is there whole or not at all, and what was there stays.
        assert!((seen.len() as u64).is_multiple_of(EACH), "{reader} saw {}", seen.len());
        let before = known.insert(reader.clone(), seen.len()).unwrap_or_default();
        assert!(seen.len() >= before, "{reader} saw {before} and then {}", seen.len());
    }

    let person = Person::by_number("138 0013 8000", "86").expect("a number");
    let erased = warehouse.erase_person(TenantId(1), &person).await.expect("it erases");
    assert_eq!(erased.rows, BATCHES * EACH);
    let mut readings = vec![readers.next()];
    while readings.last().is_none_or(|(_, seen)| seen.is_err()) {
        assert!(readings.len() < FAILED_MAX, "nobody reads any more: {readings:?}");
        readings.push(readers.next());
    }
    readings.extend(readers.stop());
    let last = readings.split_off(readings.len() - if is_folder { 3 } else { 1 });
    for (reader, seen) in readings {
        let seen = match seen {
            Ok(seen) => seen,
            // Who has listed a file that goes before they open it is told that it is not there.
            Err(error) => {
                assert!(is_gone(&error), "{reader} while a day was replaced: {error}");
                continue;
            }
        };
        // Some readings are from before, of fewer files.
        assert!((seen.len() as u64).is_multiple_of(EACH), "{reader} saw {}", seen.len());
        let most = if is_folder { 1 } else { 2 };
        assert!(seen.values().all(|times| *times <= most), "{reader} saw {seen:?}");
    }
    for (reader, seen) in last {
        let seen = seen.unwrap_or_else(|error| panic!("{reader} afterwards: {error}"));
        let all: BTreeMap<u64, usize> = (0..BATCHES * EACH).map(|id| (id, 1)).collect();
        assert_eq!(seen, all, "{reader} afterwards");
    }
    warehouse.close().await;
}

#[test]
fn a_reader_that_fails_otherwise_is_no_reader_of_a_file_that_is_gone() {
    assert!(is_gone("FileNotFoundError: [Errno 2] Path does not exist 'recordings/box-1/x'"));
    assert!(is_gone("OSError: When reading information for key 'x': AWS Error NO_SUCH_KEY"));
    for other in ["ArrowInvalid: Parquet magic bytes not found in footer", "MemoryError: "] {
        assert!(!is_gone(other), "{other}");
    }
}

#[test]
fn duckdb_pyarrow_and_polars_see_each_row_of_a_folder_once_while_publishing_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let place = folder.path().to_str().expect("a path of letters");
    runtime.block_on(read_meanwhile(folder.path(), None, place, ""));
}

/// A bucket exchanges no folders: who lists it between two requests finds the new file and the old.
#[test]
fn pyarrow_sees_each_row_of_a_bucket_once_while_publishing_and_at_most_twice_while_replaced() {
    // The service has a runtime of its own, which may not end within another.
    let shelf = Shelf::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (endpoint, place) = (shelf.endpoint(), format!("{BUCKET}/box-1"));
    runtime.block_on(read_meanwhile(folder.path(), Some(shelf.bucket()), &place, &endpoint));
}
