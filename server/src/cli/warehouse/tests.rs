//! A box whose warehouse lost rows and its database.

use super::*;
use crate::api::child::carry_trail;
use crate::config::value::Secret;
use desk::retention::{Retention, RowRetention};
use std::path::Path;
use terms::event::{Activity, ENTRY_VERSION, Entry, Kind, write_frame};
use terms::{AgentId, TenantId, Timestamp};
use warehouse::{Ingest, Warehouse};

/// Years ago, 2020-11-23 04:00 UTC.
const BEGIN: Timestamp = Timestamp::from_secs(1_606_104_000);

fn config(data: &Path) -> Config {
    let mut config = Config::default();
    config.server.data = data.to_owned();
    config
}

/// A box with an agent's three stretches, published.
async fn filled(data: &Path) -> Config {
    let config = config(data);
    std::fs::create_dir_all(data.join("run")).unwrap();
    crate::first::bootstrap(&config, None).await.unwrap();
    let log = data.join("log");
    std::fs::create_dir_all(&log).unwrap();
    let states = [Activity::Idle, Activity::Break, Activity::Idle, Activity::SignedOut];
    let mut bytes = Vec::new();
    for (seq, activity) in (1..).zip(states) {
        let (agent, reason, queue, skill_set) = (AgentId(7), None, None, None);
        let kind = Kind::AgentChanged { agent, activity, reason, queue, skill_set };
        let entry = Entry {
            v: ENTRY_VERSION,
            seq,
            at: Timestamp(BEGIN.0 + seq as i64 * 60_000_000),
            tenant: TenantId(1),
            contact: None,
            call: None,
            leg: None,
            kind,
        };
        write_frame(&entry, &mut bytes);
    }
    std::fs::write(log.join(format!("events-{:020}.log", 1)), bytes).unwrap();
    let warehouse = std::sync::Arc::new(Warehouse::open(data.join("warehouse")).await.unwrap());
    let mut ingest = Ingest::open(std::sync::Arc::clone(&warehouse), log).await.unwrap();
    ingest.catch_up().await.unwrap();
    warehouse.publish_all().await.unwrap();
    drop(ingest);
    std::sync::Arc::into_inner(warehouse).unwrap().close().await;
    config
}

fn lose_spans(config: &Config) {
    let folder = config.server.data.join("warehouse/agent_spans/dt=2020-11-23");
    for entry in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

#[tokio::test]
async fn rows_that_are_gone_are_told_by_a_check_and_made_by_a_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    let config = filled(folder.path()).await;
    let check = rebuild::Options { check: true, ..rebuild::Options::default() };
    assert_eq!(rebuild::rebuild(&config, &check).await.unwrap().differing, 0);
    lose_spans(&config);
    assert!(!verify::look(&config, false).await.unwrap().ok);
    assert_eq!(rebuild::rebuild(&config, &check).await.unwrap().differing, 3);
    let done = rebuild::rebuild(&config, &rebuild::Options::default()).await.unwrap();
    assert_eq!((done.differing, done.days_written), (3, 1));
    assert_eq!(rebuild::rebuild(&config, &check).await.unwrap().differing, 0);
    assert!(verify::look(&config, false).await.unwrap().ok);
}

#[tokio::test]
async fn rows_whose_time_is_over_are_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = filled(folder.path()).await;
    lose_spans(&config);
    let store = crate::first::open_store(&config).await.unwrap();
    let by = desk::By::system("test", crate::first::wall());
    let rows = RowRetention { agents: 1, ..RowRetention::default() };
    let kept = Retention { rows, ..Retention::default() };
    store.set_retention(TenantId(1), &by, &kept).await.unwrap();
    store.close().await;
    let done = rebuild::rebuild(&config, &rebuild::Options::default()).await.unwrap();
    assert_eq!(
        (done.differing, done.days_written),
        (0, 1),
        "the damaged file is not named any more"
    );
}

#[tokio::test]
async fn a_lost_database_is_made_anew_by_a_repair_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = filled(folder.path()).await;
    let database = folder.path().join("warehouse/warehouse.db");
    std::fs::write(&database, "this is no database, and it is long enough to be none").unwrap();
    let refused = verify::look(&config, false).await.unwrap_err();
    assert!(refused.to_string().contains("warehouse.db"), "{refused}");
    let report = verify::look(&config, true).await.unwrap();
    let made = report.database.as_ref().unwrap();
    assert!(report.ok && made.files == 2 && made.rows == 7 && made.position == 4, "{report:?}");
    std::fs::remove_file(&database).unwrap();
    let refused = verify::look(&config, false).await.unwrap_err().to_string();
    assert!(refused.contains("`switchgrid warehouse verify --repair`"), "{refused}");
    assert!(verify::look(&config, true).await.unwrap().ok);
}

#[tokio::test]
async fn after_a_repair_who_did_what_is_carried_on_and_not_anew() {
    let folder = tempfile::tempdir().unwrap();
    let config = filled(folder.path()).await;
    let store = crate::first::open_store(&config).await.unwrap();
    let by = desk::By::system("test", crate::first::wall());
    let carried = async || {
        let warehouse = crate::first::open_warehouse(&config).await.unwrap();
        let mut rows = 0;
        loop {
            match carry_trail(&store, &warehouse).await.unwrap() {
                0 => break,
                more => rows += more,
            }
        }
        warehouse.publish_all().await.unwrap();
        warehouse.close().await;
        rows
    };
    store.note(TenantId(1), &by, "test.done", "before").await.unwrap();
    assert!(carried().await > 0);
    std::fs::remove_file(folder.path().join("warehouse/warehouse.db")).unwrap();
    assert!(verify::look(&config, true).await.unwrap().ok);
    assert_eq!(carried().await, 0);
    store.note(TenantId(1), &by, "test.done", "after").await.unwrap();
    assert_eq!(carried().await, 1);
    store.close().await;
}

#[test]
fn a_box_is_there_wherever_its_business_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    block_on(async {
        filled(folder.path()).await;
        Ok(())
    })
    .unwrap();
    for suffix in ["", ".key"] {
        let of = |name: &str| folder.path().join(format!("{name}{suffix}"));
        std::fs::rename(of("desk.db"), of("elsewhere.db")).unwrap();
    }
    config.server.store = Secret::new(folder.path().join("elsewhere.db").to_str().unwrap());
    let options = rebuild::Options { check: true, ..rebuild::Options::default() };
    run(&config, &Arguments { command: Command::Rebuild(options) }).unwrap();
}

#[tokio::test]
async fn a_rebuild_says_what_it_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |options: rebuild::Options| {
        let config = config(folder.path());
        let arguments = Arguments { command: Command::Rebuild(options) };
        std::thread::spawn(move || run(&config, &arguments).unwrap_err().to_string())
            .join()
            .unwrap()
    };
    assert!(refused(rebuild::Options::default()).contains("holds no box"));
    let config = filled(folder.path()).await;
    let plan = |from: &str, to: &str, table: Option<&str>| rebuild::Options {
        from: from.parse().ok(),
        to: to.parse().ok(),
        table: table.map(str::to_owned),
        ..rebuild::Options::default()
    };
    let told = async |options: rebuild::Options| {
        rebuild::rebuild(&config, &options).await.unwrap_err().to_string()
    };
    let text = told(plan("2026-11-24", "2026-11-23", None)).await;
    assert_eq!(text, "--from 2026-11-24 is after --to 2026-11-23");
    let text = told(plan("", "", Some("audit"))).await;
    assert!(
        text.starts_with("\"audit\" is not made of events; agent_spans, area_tries, calls"),
        "{text}"
    );
    // While the box runs, its warehouse has a writer.
    let writer = Warehouse::open(folder.path().join("warehouse")).await.unwrap();
    let text = told(rebuild::Options::default()).await;
    assert!(text.contains("is written by another process"), "{text}");
    writer.close().await;
}
