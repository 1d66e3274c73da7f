//! A business that moves from a file to a database and back: every row, every secret, and the numbers
//! where they were; and what is refused.

use crate::place::postgres as place;
use desk::bootstrap::Defaults;
use desk::order::write::NewOrder;
use desk::store::moved::{Moved, Place, carry};
use desk::team::TeamDraft;
use desk::trunk::{self, TrunkDraft};
use desk::worker::WorkerDraft;
use desk::{By, Error, Store};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use terms::{TeamId, TenantId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
/// More than are carried at a time.
const NOTES: usize = 450;

fn by() -> By {
    By::system("test", NOON)
}

fn file(folder: &Path) -> PathBuf {
    folder.join("desk.db")
}

fn key(folder: &Path) -> PathBuf {
    folder.join("desk.key")
}

/// An empty database of the folder's own.
async fn url(folder: &Path) -> String {
    let name = place::database(folder);
    place::make(&format!("CREATE DATABASE {name}")).await;
    place::url(&name)
}

async fn to_database(folder: &Path, url: &str) -> Result<Vec<Moved>, Error> {
    let (file, key) = (file(folder), key(folder));
    carry(Place::File(&file), Place::Database { url, key: &key }, |_, _| {}).await
}

async fn to_file(folder: &Path, url: &str, file: &Path) -> Result<Vec<Moved>, Error> {
    let key = key(folder);
    carry(Place::Database { url, key: &key }, Place::File(file), |_, _| {}).await
}

fn team(name: &str, parent: Option<TeamId>) -> TeamDraft {
    TeamDraft { name: name.to_owned(), parent }
}

fn worker(phone: &str) -> WorkerDraft {
    WorkerDraft {
        name: "李师傅".to_owned(),
        phone: phone.to_owned(),
        bound: false,
        substitute: None,
        absence: None,
    }
}

/// A business in the folder's file. Teams of one name refer to one that was made after them, two
/// workers to each other.
async fn filled(folder: &Path) -> (Store, TenantId) {
    let store = Store::open(file(folder).to_str().unwrap()).await.unwrap();
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let t = store.bootstrap(&defaults, NOON).await.unwrap().unwrap().tenant;
    let carrier = TrunkDraft {
        name: "carrier".into(),
        settings: trunk::Settings {
            proxy: "sip:carrier.example:5060".into(),
            outbound_user: "us".into(),
            ..Default::default()
        },
        outbound_password: Some("outbound-secret-77".into()),
        inbound_password: None,
        certificate_key: None,
    };
    store.create_trunk(t, &by(), &carrier).await.unwrap();
    let mut shifts = Vec::new();
    for _ in 0..2 {
        let parent = shifts.last().copied();
        shifts.push(store.create_team(t, &by(), &team("一班", parent)).await.unwrap().id);
    }
    let top = store.create_team(t, &by(), &team("客服", None)).await.unwrap().id;
    store.change_team(t, &by(), shifts[0], &team("一班", Some(top))).await.unwrap();
    let one = store.create_worker(t, &by(), &worker("13900139001")).await.unwrap().id;
    let mut other = worker("13900139002");
    other.substitute = Some(one);
    let two = store.create_worker(t, &by(), &other).await.unwrap().id;
    let first = WorkerDraft { substitute: Some(two), ..worker("13900139001") };
    store.change_worker(t, &by(), one, &first).await.unwrap();
    for _ in 0..NOTES {
        store.note(t, &by(), "report.read", "日报 'x' \\ \"y\"").await.unwrap();
    }
    order(&store, t).await;
    (store, t)
}

async fn order(store: &Store, t: TenantId) -> String {
    let draft = NewOrder { kind: "报修".into(), title: "漏水".into(), ..NewOrder::default() };
    store.create_order(t, &by(), &draft).await.unwrap().number
}

async fn last_position(store: &Store) -> i64 {
    store.read_after(0, 1000).await.unwrap().last().map_or(0, |entry| entry.position)
}

fn refusal(moved: Result<Vec<Moved>, Error>) -> String {
    moved.unwrap_err().to_string()
}

async fn tables(folder: &Path) -> i64 {
    let mut connection = place::connection(&place::database(folder)).await;
    let select = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    sqlx::query_scalar(select).fetch_one(&mut connection).await.unwrap()
}

async fn is_whole(store: &Store, t: TenantId) {
    let plan = store.compile_plan(t).await.unwrap();
    let carrier = plan.trunks.iter().find(|trunk| trunk.name == "carrier").unwrap();
    assert_eq!(carrier.outbound.as_ref().unwrap().password, "outbound-secret-77");
    let names: Vec<String> =
        store.team_names(t).await.unwrap().into_iter().map(|(_, name)| name).collect();
    assert!(names.contains(&"客服 / 一班 / 一班".to_owned()), "{names:?}");
    let workers = store.workers(t).await.unwrap();
    assert_eq!(workers.len(), 2);
    assert!(workers.iter().all(|worker| worker.draft.substitute.is_some()));
}

#[tokio::test]
async fn a_business_moves_to_a_database_and_back_with_every_row_and_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (here, url) = (folder.path(), url(folder.path()).await);
    let (store, t) = filled(here).await;
    let before = (order(&store, t).await, last_position(&store).await);
    store.close().await;
    let bytes = std::fs::read(file(here)).unwrap();
    let there = to_database(here, &url).await.unwrap();
    assert_eq!(std::fs::read(file(here)).unwrap(), bytes, "the source is as it was");
    assert_eq!(std::fs::metadata(key(here)).unwrap().permissions().mode() & 0o077, 0);
    let audit = there.iter().find(|moved| moved.table == "audit").unwrap();
    assert!(audit.rows > NOTES as u64, "{audit:?}");
    let place_of = |table: &str| there.iter().position(|moved| moved.table == table).unwrap();
    assert!(place_of("tenants") < place_of("users") && place_of("users") < place_of("agents"));

    let store = Store::connect(&url, &key(here)).await.unwrap();
    is_whole(&store, t).await;
    assert_eq!(last_position(&store).await, before.1);
    let next = order(&store, t).await;
    assert!(next > before.0, "{next} is behind {}", before.0);
    assert!(last_position(&store).await > before.1, "positions go on");
    store.close().await;

    let new = here.join("back/desk.db");
    let again = to_database(here, &url).await;
    assert!(refusal(again).contains("tables already"));
    let back = to_file(here, &url, &new).await.unwrap();
    assert_eq!(back.len(), there.len());
    for (back, there) in back.iter().zip(&there) {
        assert_eq!(back.table, there.table);
        let is_same = back.sha256 == there.sha256;
        let grew = ["audit", "order_steps", "orders", "outbox", "sequences"];
        assert!(is_same || grew.contains(&back.table.as_str()), "{back:?} {there:?}");
    }
    assert!(!here.join("back/desk.db.moving").exists());
    let store = Store::open(new.to_str().unwrap()).await.unwrap();
    is_whole(&store, t).await;
    assert!(order(&store, t).await > next);
}

#[tokio::test]
async fn a_move_that_dies_leaves_the_source_as_it_was_and_the_target_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (here, url) = (folder.path().to_owned(), url(folder.path()).await);
    let (store, t) = filled(&here).await;
    store.close().await;
    let cut = |from_file: bool| {
        let (here, url) = (here.clone(), url.clone());
        let dies = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (old, new, key) = (file(&here), here.join("new.db"), key(&here));
            let database = Place::Database { url: &url, key: &key };
            let (from, to) = match from_file {
                true => (Place::File(&old), database),
                false => (database, Place::File(&new)),
            };
            let late = |done: u64, all: u64| assert!(done < all / 2, "the process dies here");
            runtime.unwrap().block_on(carry(from, to, late)).is_ok()
        };
        assert!(std::thread::spawn(dies).join().is_err(), "it died");
    };
    cut(true);
    assert_eq!(tables(&here).await, 0);
    to_database(&here, &url).await.unwrap();
    cut(false);
    assert!(!here.join("new.db").exists());
    to_file(&here, &url, &here.join("new.db")).await.unwrap();
    is_whole(&Store::open(here.join("new.db").to_str().unwrap()).await.unwrap(), t).await;
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_with_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let (here, url) = (folder.path(), url(folder.path()).await);
    let file = file(here);
    assert!(refusal(to_database(here, &url).await).contains("cannot be read"), "there is no key");
    filled(here).await.0.close().await;

    let said = refusal(carry(Place::File(&file), Place::File(&file), |_, _| {}).await);
    assert!(said.contains("copy a file as it is"), "{said}");
    std::fs::write(key(here), [7; 32]).unwrap();
    let said = refusal(to_database(here, &url).await);
    assert!(said.contains("is the key of another store"), "{said}");
    std::fs::remove_file(key(here)).unwrap();
    let wrong = url.replace("user=postgres", "user=postgres&password=hush-hush&port=1");
    let said = refusal(to_database(here, &wrong).await);
    assert!(said.contains("does not answer") && !said.contains("hush"), "{said}");

    for (statement, words) in [
        (
            "UPDATE _sqlx_migrations SET version = 99999 WHERE version = 1",
            "a newer program (table version 99999)",
        ),
        (
            "DELETE FROM _sqlx_migrations WHERE version = 99999",
            "an older program (it lacks table version 1)",
        ),
    ] {
        crate::place::sqlite::sql(here, statement).await.unwrap();
        let said = refusal(to_database(here, &url).await);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(tables(here).await, 0, "nothing was made");
    assert!(!key(here).exists());
    let said = refusal(to_file(here, &url, &file).await);
    assert!(said.contains("its key"), "{said}");
}
