//! The warehouse's published files over the wire: signed requests to a service that speaks S3 on
//! loopback.

use crate::config::Config;
use crate::config::value::{Endpoint, Secret};
use crate::first::{open_warehouse, read_warehouse};
use crate::tier::wire::service;
use std::path::{Path, PathBuf};
use terms::record::{Order, Row};
use terms::{OrderId, Person, TenantId, Timestamp};
use warehouse::{Limits, Scope, Session, Warehouse};

/// Noon of 2026-11-22, UTC.
const NOON: Timestamp = Timestamp::from_secs(1_795_348_800);

fn config(data: &Path, endpoint: String, secret: &str) -> Config {
    let mut config = Config::default();
    config.server.data = data.to_owned();
    let warehouse = &mut config.warehouse;
    warehouse.files = "s3://calls/box-1".parse().unwrap();
    warehouse.files_endpoint = Endpoint(endpoint);
    warehouse.files_access_key = "box".into();
    warehouse.files_secret_key = Secret::new(secret);
    warehouse.files_allow_http = true;
    config
}

fn order(id: u64) -> Row {
    Row::Order(Order {
        tenant_id: TenantId(1),
        version_id: id as i64,
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

async fn answer(warehouse: &Warehouse, sql: &str) -> String {
    let scope = Scope::of(TenantId(1));
    let session = Session::open(warehouse, scope, Limits::default()).await.unwrap();
    session.query(sql).await.unwrap().to_csv()
}

/// The files behind the objects of a folder, the service's own aside.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn days_that_are_over_are_sent_to_the_bucket_and_read_rewritten_and_checked_there() {
    let (folder, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let endpoint = service(shelf.path(), "calls").await;
    let config = config(folder.path(), endpoint, "secret");
    let warehouse = open_warehouse(&config).await.unwrap();
    warehouse.stage_rows("desk", 1, &[order(1), order(2)]).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.stage_rows("desk", 2, &[order(3)]).await.unwrap();

    let day = shelf.path().join("calls/box-1/orders/dt=2026-11-22");
    let published = objects(&day);
    assert_eq!(published.len(), 1);
    let bytes = std::fs::read(&published[0]).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "as every reader wants it");
    assert!(!folder.path().join("warehouse/orders").exists());
    let all = "SELECT COUNT(*) AS n FROM orders";
    assert_eq!(answer(&warehouse, all).await, "n\r\n3\r\n");
    let beside = read_warehouse(&config).await.unwrap();
    assert_eq!(answer(&beside, all).await, "n\r\n3\r\n", "another process reads it too");
    assert_eq!(beside.verify().await.unwrap().faults, Vec::<String>::new());

    let person = Person::by_number("138 0013 8000", "86").unwrap();
    assert_eq!(warehouse.erase_person(TenantId(1), &person).await.unwrap().rows, 3);
    assert!(!objects(&day).contains(&published[0]), "what told of the person has left the day");
    let telling = "SELECT COUNT(*) AS n FROM orders WHERE customer_number = '+8613800138000'";
    assert_eq!(answer(&warehouse, telling).await, "n\r\n0\r\n");
    assert_eq!(answer(&warehouse, all).await, "n\r\n3\r\n");
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_secret_is_refused_without_being_told_and_the_rows_wait() {
    let (folder, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let endpoint = service(shelf.path(), "calls").await;
    let warehouse = open_warehouse(&config(folder.path(), endpoint, "wrong-secret")).await.unwrap();
    warehouse.stage_rows("desk", 1, &[order(1)]).await.unwrap();
    let error = warehouse.publish_all().await.unwrap_err();
    assert!(error.is_away() && !error.to_string().contains("wrong-secret"), "{error}");
    assert_eq!(answer(&warehouse, "SELECT title FROM orders").await, "title\r\nno heating\r\n");
}
