//! A manifest on its way between a file and a schema: nothing is lost, at no step do two count, and what
//! cannot be moved is refused.

use super::*;
use crate::Warehouse;
use crate::db::Tx;
use crate::postgres_tests::{address, postgres, refusal, schema_of, server};
use crate::store_tests::{number, session};
use crate::stories::order;
use std::path::PathBuf;
use terms::record::Row;

fn orders(from: i64, to: i64) -> Vec<Row> {
    (from..=to).map(|id| order(1, id, id as u64, 1, 11)).collect()
}

async fn open(dir: &Path, manifest: &Manifest) -> Warehouse {
    Warehouse::open_on(dir, manifest).await.unwrap()
}

async fn count(warehouse: &Warehouse) -> i64 {
    number(&session(warehouse, 1).await, "SELECT count(*) FROM orders").await
}

/// A published file, a sealed one, and staged rows.
async fn filled(dir: &Path, manifest: &Manifest) {
    let warehouse = open(dir, manifest).await;
    warehouse.stage_rows("desk", 1, &orders(1, 5)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.stage_rows("desk", 2, &orders(6, 7)).await.unwrap();
    warehouse.seal().await.unwrap();
    warehouse.stage_rows("desk", 3, &orders(8, 9)).await.unwrap();
    warehouse.close().await;
}

async fn moved(dir: &Path, from: &Manifest, to: &Manifest) -> Result<Vec<Moved>, Error> {
    carry(dir, (from, to), |_, _| {}).await
}

fn sentence(moved: Result<Vec<Moved>, Error>) -> String {
    moved.unwrap_err().to_string()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = file::walk(&dir.join("orders")).unwrap();
    files.extend(file::walk(&dir.join("_hot")).unwrap());
    files
}

/// The last number of a file's rows, and the first of a staged one.
async fn numbers(warehouse: &Warehouse) -> (i64, i64) {
    let mut tx = warehouse.read("look").await.unwrap();
    let sealed = sqlx::query_scalar("SELECT MAX(seq_max) FROM file").fetch_one(&mut *tx).await;
    let staged = sqlx::query_scalar("SELECT MIN(seq) FROM stage").fetch_one(&mut *tx).await;
    (sealed.unwrap(), staged.unwrap())
}

#[tokio::test]
async fn a_manifest_moves_to_a_schema_and_back_with_staged_rows_and_goes_on_numbering() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, schema) = (dir.path(), postgres(dir.path()));
    filled(dir, &Manifest::Sqlite).await;
    let before = files(dir);
    let there = moved(dir, &Manifest::Sqlite, &schema).await.unwrap();
    let rows = |table: &str| there.iter().find(|moved| moved.table == table).unwrap().rows;
    assert_eq!((rows("stage"), rows("source")), (2, 1));
    assert_eq!(files(dir), before, "files stay where they are");
    assert!(!dir.join("warehouse.db").exists() && dir.join("_aside/warehouse.db").exists());

    let warehouse = open(dir, &schema).await;
    assert_eq!((warehouse.position("desk").await.unwrap(), count(&warehouse).await), (3, 9));
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    warehouse.publish_all().await.unwrap();
    warehouse.stage_rows("desk", 4, &orders(10, 11)).await.unwrap();
    let (sealed, staged) = numbers(&warehouse).await;
    assert!(staged > sealed, "{staged} is behind {sealed}");
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;
    let said = refusal(Warehouse::open_on(dir, &Manifest::Sqlite).await);
    assert!(said.contains("keeps its manifest in PostgreSQL"), "{said}");

    moved(dir, &schema, &Manifest::Sqlite).await.unwrap();
    assert!(!dir.join("warehouse.mark").exists() && !dir.join("_move").exists());
    let said = refusal(Warehouse::open_on(dir, &schema).await);
    assert!(said.contains("keeps its manifest in warehouse.db"), "{said}");
    let warehouse = open(dir, &Manifest::Sqlite).await;
    assert_eq!((warehouse.position("desk").await.unwrap(), count(&warehouse).await), (4, 11));
    warehouse.stage_rows("desk", 5, &orders(12, 12)).await.unwrap();
    let (sealed, staged) = numbers(&warehouse).await;
    assert!(staged > sealed, "{staged} is behind {sealed}");
    warehouse.publish_all().await.unwrap();
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

/// Ends a move in its midst.
fn die(dir: &Path, from: &Manifest, to: &Manifest) {
    let (dir, from, to) = (dir.to_owned(), from.clone(), to.clone());
    let dies = move || {
        let late = |done: u64, _| assert!(done < 2, "the process dies here");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(carry(&dir, (&from, &to), late)).is_ok()
    };
    assert!(std::thread::spawn(dies).join().is_err(), "it died");
}

#[tokio::test]
async fn a_move_that_dies_leaves_the_source_in_force_and_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, schema) = (dir.path(), postgres(dir.path()));
    filled(dir, &Manifest::Sqlite).await;
    die(dir, &Manifest::Sqlite, &schema);
    let warehouse = open(dir, &Manifest::Sqlite).await;
    assert_eq!(count(&warehouse).await, 9);
    let writing = moved(dir, &Manifest::Sqlite, &schema).await;
    assert!(matches!(writing, Err(Error::Busy(_))), "a box runs");
    warehouse.close().await;
    moved(dir, &Manifest::Sqlite, &schema).await.unwrap();
    die(dir, &schema, &Manifest::Sqlite);
    assert!(dir.join(BESIDE).exists());
    let warehouse = open(dir, &schema).await;
    assert_eq!(count(&warehouse).await, 9);
    assert!(!dir.join(BESIDE).exists(), "half a file that tells of people is not kept");
    let writing = moved(dir, &schema, &Manifest::Sqlite).await;
    assert!(matches!(writing, Err(Error::Busy(_))), "a box runs");
    warehouse.close().await;
    moved(dir, &schema, &Manifest::Sqlite).await.unwrap();
    assert_eq!(count(&open(dir, &Manifest::Sqlite).await).await, 9);
}

#[tokio::test]
async fn a_move_that_lacks_its_end_is_finished_and_nobody_opens_before() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, schema) = (dir.path(), postgres(dir.path()));
    let other = address(&server(), &format!("{}_other", schema_of(dir)));
    let database = dir.join("warehouse.db");
    filled(dir, &Manifest::Sqlite).await;
    moved(dir, &Manifest::Sqlite, &schema).await.unwrap();
    // It died before the old one was put aside.
    std::fs::copy(dir.join("_aside/warehouse.db"), &database).unwrap();
    for manifest in [&Manifest::Sqlite, &schema] {
        for opened in [
            Warehouse::open_on(dir, manifest).await,
            Warehouse::open_reader_on(dir, manifest).await,
        ] {
            let said = refusal(opened);
            assert!(said.contains("finishes it when it is asked once more"), "{said}");
        }
    }
    let said = sentence(moved(dir, &Manifest::Sqlite, &other).await);
    assert!(said.contains("to or from another schema"), "{said}");
    assert_eq!(moved(dir, &Manifest::Sqlite, &schema).await.unwrap(), Vec::new());
    let warehouse = open(dir, &schema).await;
    assert_eq!(count(&warehouse).await, 9);
    warehouse.stage_rows("desk", 4, &orders(10, 10)).await.unwrap();
    warehouse.close().await;
    // An old file that was put back is none that was just made.
    std::fs::copy(dir.join("_aside/warehouse.db"), &database).unwrap();
    let said = sentence(moved(dir, &schema, &Manifest::Sqlite).await);
    assert!(said.contains("whose rows are not those of the schema"), "{said}");
    std::fs::remove_file(&database).unwrap();

    let mark = std::fs::read(dir.join("warehouse.mark")).unwrap();
    moved(dir, &schema, &Manifest::Sqlite).await.unwrap();
    // It died before the mark went.
    std::fs::write(dir.join("warehouse.mark"), mark).unwrap();
    let said = refusal(Warehouse::open_on(dir, &Manifest::Sqlite).await);
    assert!(said.contains("finishes it when it is asked once more"), "{said}");
    assert_eq!(moved(dir, &schema, &Manifest::Sqlite).await.unwrap(), Vec::new());
    assert_eq!(count(&open(dir, &Manifest::Sqlite).await).await, 10);
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_and_nothing_is_changed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (dir, schema, taken) = (dir.path(), postgres(dir.path()), postgres(other.path()));
    let none = moved(dir, &Manifest::Sqlite, &schema).await;
    assert!(matches!(none, Err(Error::Missing(_))));
    let none = moved(dir, &schema, &Manifest::Sqlite).await;
    assert!(matches!(none, Err(Error::Missing(_))));
    filled(dir, &Manifest::Sqlite).await;
    filled(other.path(), &taken).await;
    let said = sentence(moved(dir, &Manifest::Sqlite, &taken).await);
    assert!(said.contains("has tables already"), "{said}");
    let said = sentence(moved(dir, &Manifest::Sqlite, &Manifest::Sqlite).await);
    assert!(said.contains("moves from warehouse.db to a schema"), "{said}");
    let nowhere = Manifest::at("postgres:///calls?host=/nowhere&user=box&password=hush").unwrap();
    let said = sentence(moved(dir, &Manifest::Sqlite, &nowhere).await);
    assert!(said.contains("cannot be reached") && !said.contains("hush"), "{said}");
    let warehouse = open(dir, &Manifest::Sqlite).await;
    let mut tx = warehouse.write("look").await.unwrap();
    sqlx::query("ALTER TABLE fax ADD COLUMN colour TEXT").execute(&mut *tx).await.unwrap();
    db::commit(tx, "look").await.unwrap();
    warehouse.close().await;
    let said = sentence(moved(dir, &Manifest::Sqlite, &schema).await);
    assert!(said.contains("a column colour of fax"), "{said}");
    assert_eq!(count(&open(dir, &Manifest::Sqlite).await).await, 9);
    assert!(!dir.join("warehouse.mark").exists());
    assert_eq!(count(&open(other.path(), &taken).await).await, 9);
}

/// The manifest of a directory carried into another file, of which `prepared` is done first. No server
/// takes part. The transactions end before their connections do.
async fn between_files(
    dirs: [&Path; 2],
    prepared: Option<&'static str>,
) -> (Result<Vec<Moved>, Error>, [(Tx<'static>, db::Pool); 2]) {
    let [old, new] = dirs;
    filled(old, &Manifest::Sqlite).await;
    let source = Database::at(old, &Manifest::Sqlite).unwrap().readers().await.unwrap();
    let mut read = source.begin(ACTION, old).await.unwrap();
    let target = Database::at(new, &Manifest::Sqlite).unwrap().writer().await.unwrap();
    let mut write = target.begin(ACTION, new).await.unwrap();
    store::make_tables(&mut write).await.unwrap();
    if let Some(statement) = prepared {
        sqlx::query(statement).execute(&mut *write).await.unwrap();
    }
    let tables = table::all(&mut read).await.unwrap();
    let moved = all(&mut read, &mut write, &tables, &mut |_, _| {}).await;
    (moved, [(read, source), (write, target)])
}

#[tokio::test]
async fn rows_that_are_others_or_fewer_after_they_were_written_are_no_move() {
    for (trigger, table) in [
        (
            "CREATE TRIGGER spoils AFTER INSERT ON source
             BEGIN UPDATE source SET position = position + 1 WHERE name = new.name; END",
            "source",
        ),
        (
            "CREATE TRIGGER spoils AFTER INSERT ON stage
             BEGIN DELETE FROM stage WHERE seq = new.seq; END",
            "stage",
        ),
    ] {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (moved, _open) = between_files([old.path(), new.path()], Some(trigger)).await;
        let error = moved.unwrap_err();
        let told = format!("the table {table}");
        assert!(matches!(&error, Error::Damaged { what, .. } if *what == told), "{error}");
    }
}

#[tokio::test]
async fn the_other_end_of_a_move_has_the_mark_of_the_directory_and_not_the_same_rows_alone() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (moved, [(mut here, _source), (mut there, _target)]) =
        between_files([old.path(), new.path()], None).await;
    moved.unwrap();
    let foreign = Some("was being moved to or from another schema; give the address of that one");
    assert_eq!(difference(&mut here, &mut there, 7).await.unwrap(), foreign, "it has none");
    mark::put(&mut there, 7).await.unwrap();
    assert_eq!(difference(&mut here, &mut there, 7).await.unwrap(), None);
    assert_eq!(difference(&mut here, &mut there, 8).await.unwrap(), foreign);
}
