//! The warehouse as a stranger reads it: DuckDB over the published files, and what the event log says
//! must be in them. Neither asks the box.

use crate::tree;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use terms::event::{self, Entry, FrameError, Kind};

/// The tables whose rows follow from one entry each, with their column of ids.
const TABLES: [(&str, &str); 6] = [
    ("events", "seq"),
    ("calls", "call_id"),
    ("legs", "leg_id"),
    ("queue_visits", "visit_id"),
    ("ivr_steps", "seq"),
    ("recordings", "recording_id"),
];

/// Ids by table.
pub type Ids = BTreeMap<&'static str, BTreeSet<i64>>;

/// What lies published in a data folder.
pub struct Published {
    /// Ids of all rows.
    pub ids: Ids,
    /// Rows that are there more than once: table and id.
    pub doubled: Vec<(&'static str, i64)>,
    /// Calls by their caller's number.
    pub callers: BTreeMap<String, usize>,
}

/// Reads the published files of `data` with DuckDB.
///
/// # Panics
/// When a file cannot be read: what lies there is whole or is not there.
pub fn published(data: &Path) -> Published {
    let answer = ask_duckdb(&data.join("warehouse"), &TABLES);
    let mut found = Published { ids: Ids::new(), doubled: Vec::new(), callers: BTreeMap::new() };
    for (table, _) in TABLES {
        let seen = found.ids.entry(table).or_default();
        for id in answer[table].as_array().expect("a list of ids") {
            let id = id.as_i64().expect("an id is a number");
            if !seen.insert(id) {
                found.doubled.push((table, id));
            }
        }
    }
    for caller in answer["callers"].as_array().expect("a list of callers") {
        let caller = caller.as_str().expect("a number").to_owned();
        *found.callers.entry(caller).or_default() += 1;
    }
    found
}

/// The ids in `column` of the published rows of a table, in the folder of a warehouse or of the bucket
/// that its files are in: who is there twice is named twice.
///
/// # Panics
/// When a file cannot be read: what lies there is whole or is not there.
pub fn ids_of(folder: &Path, table: &str, column: &str) -> Vec<i64> {
    let answer = ask_duckdb(folder, &[(table, column)]);
    let ids = answer[table].as_array().expect("a list of ids");
    ids.iter().map(|id| id.as_i64().expect("an id is a number")).collect()
}

fn ask_duckdb(warehouse: &Path, tables: &[(&str, &str)]) -> Value {
    let script = r#"
import duckdb, glob, json, sys
root, tables = sys.argv[1], json.loads(sys.argv[2])
def column(table, name):
    files = glob.glob(f"{root}/{table}/dt=*/*.parquet")
    rows = duckdb.read_parquet(files).project(name).fetchall() if files else []
    return [row[0] for row in rows]
answer = {table: column(table, name) for table, name in tables}
answer["callers"] = column("calls", "caller")
print(json.dumps(answer))
"#;
    let tables = serde_json::to_string(tables).expect("names are JSON");
    let output = Command::new(tree::root().join(".venv/bin/python"))
        .args(["-c", script])
        .arg(warehouse)
        .arg(tables)
        .output()
        .expect("python is installed by scripts/setup --tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

/// The rows that the event log of `data` promises, as far as it still lies there.
///
/// # Panics
/// When the log is damaged other than at its end.
pub fn promised(data: &Path) -> Ids {
    let mut ids: Ids = TABLES.iter().map(|(table, _)| (*table, BTreeSet::new())).collect();
    let mut promise = |table: &str, id: u64| {
        let known = ids.get_mut(table).expect("a table of the list");
        known.insert(i64::try_from(id).expect("ids fit a column"));
    };
    for entry in entries(&data.join("events")) {
        promise("events", entry.seq);
        match &entry.kind {
            Kind::CallEnded { .. } => promise("calls", entry.call.expect("a call ended").0),
            Kind::LegEnded { .. } => promise("legs", entry.leg.expect("a leg ended").0),
            Kind::IvrStep { .. } => promise("ivr_steps", entry.seq),
            Kind::Recorded { ledger, .. } => promise("recordings", ledger.recording.0),
            Kind::Answered { visit: Some(visit), .. }
            | Kind::Abandoned { visit, .. }
            | Kind::FlowedOut { visit, .. } => promise("queue_visits", visit.0),
            _ => {}
        }
    }
    ids
}

/// Cuts the last file of the event log of a box that does not run into `pieces` files, all but the
/// last of them written long ago.
///
/// # Panics
/// When there are fewer entries than pieces.
pub fn cut_log(data: &Path, pieces: usize) {
    let folder = data.join("events");
    let whole = files(&folder).pop().expect("a log has a file");
    let bytes = std::fs::read(&whole).expect("the event log can be read");
    let frames = frames(&whole, &bytes);
    assert!(frames.len() >= pieces, "{} entries", frames.len());
    std::fs::remove_file(&whole).expect("the folder is ours");
    for (index, piece) in frames.chunks(frames.len().div_ceil(pieces)).enumerate() {
        let name = format!("events-{:020}.log", piece[0].0.seq);
        let piece: Vec<u8> = piece.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        std::fs::write(folder.join(&name), piece).expect("the folder is ours");
        if index + 1 < pieces {
            let file = std::fs::File::options().write(true).open(folder.join(&name));
            let long_ago = SystemTime::now() - Duration::from_secs(365 * 86_400);
            file.and_then(|file| file.set_modified(long_ago)).expect("the file is ours");
        }
    }
}

fn entries(folder: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    for file in files(folder) {
        // A file that nobody needs any more may go while we look.
        let Ok(bytes) = std::fs::read(&file) else { continue };
        entries.extend(frames(&file, &bytes).into_iter().map(|(entry, _)| entry));
    }
    entries
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).expect("the event log is a folder");
    let mut files: Vec<_> = listed.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    files
}

/// The entries of a file and the bytes of each.
fn frames<'a>(file: &Path, bytes: &'a [u8]) -> Vec<(Entry, &'a [u8])> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    loop {
        match event::read_frame(rest) {
            Ok(Some((entry, used))) => {
                found.push((entry, &rest[..used]));
                rest = &rest[used..];
            }
            Ok(None) | Err(FrameError::Torn) => return found,
            Err(error) => panic!("{}: {error}", file.display()),
        }
    }
}
