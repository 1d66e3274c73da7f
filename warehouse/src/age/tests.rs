//! Days of one tenant that go, and all that stays.

use super::*;
use crate::stories::{day, fold, order};
use crate::sweep;
use std::path::Path;
use terms::record::{Call, Row};

/// Before the second of the two days of a story, and after both.
const FIRST_OVER: Timestamp = Timestamp::from_secs(1_795_392_000 + 3_600);
const BOTH_OVER: Timestamp = Timestamp::from_secs(1_795_392_000 + 90_000);
const TENANT: TenantId = TenantId(1);

/// A warehouse with everything published that three tenants did around a midnight.
async fn published(dir: &Path) -> (Warehouse, Vec<Row>) {
    let warehouse = Warehouse::open(dir).await.unwrap();
    let mut rows = fold(&day(42, 3, 40));
    rows.extend(
        (1..5).flat_map(|id| [order(1, id, id as u64, 1, 11), order(2, id + 10, 9, 1, 21)]),
    );
    warehouse.stage_rows("test", 1, &rows).await.unwrap();
    warehouse.publish_all().await.unwrap();
    (warehouse, rows)
}

/// Takes everything out whose time is over.
async fn age(warehouse: &Warehouse, until: Timestamp, stays: &Stays) -> Aged {
    let mut aged = Aged::default();
    for table in layouts().keys() {
        for day in warehouse.days_over(TENANT, table, until, stays).await.unwrap() {
            aged = aged.and(warehouse.age_day(TENANT, (table, &day), stays).await.unwrap());
        }
    }
    aged
}

async fn counted(warehouse: &Warehouse, tenant: u64, condition: &str) -> Vec<(&'static str, i64)> {
    let scope = Scope::of(TenantId(tenant));
    let session = Session::open(warehouse, scope, LIMITS).await.unwrap();
    let mut found = Vec::new();
    for (table, layout) in layouts() {
        let at = layout.table.columns[layout.day].name;
        let condition = condition.replace("$at", &format!("CAST({at} AS BIGINT)"));
        let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE {condition}");
        let answer = session.query(&sql).await.unwrap();
        found.push((*table, answer.batches[0].column(0).as_primitive::<Int64Type>().value(0)));
    }
    found
}

fn calls_of(rows: &[Row], tenant: TenantId) -> Vec<&Call> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Call(call) if call.tenant_id == tenant => Some(call),
            _ => None,
        })
        .collect()
}

fn later() -> Timestamp {
    Timestamp(now().0 + 2 * sweep::RETIRED_MS * 1000)
}

#[tokio::test]
async fn days_that_are_over_go_for_their_tenant_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, _) = published(dir.path()).await;
    let second = "$at >= 1795392000000000";
    let (young, other) =
        (counted(&warehouse, 1, second).await, counted(&warehouse, 2, "TRUE").await);
    assert!(young.iter().any(|(_, rows)| *rows > 0), "some are younger");
    let before: i64 = counted(&warehouse, 1, "TRUE").await.iter().map(|(_, rows)| rows).sum();

    let aged = age(&warehouse, FIRST_OVER, &Stays::default()).await;
    let left: i64 = young.iter().map(|(_, rows)| rows).sum();
    assert_eq!(aged, Aged { rows: (before - left) as u64, held: 0, days_waiting: 0 });
    assert!(aged.rows > 0);
    assert_eq!(counted(&warehouse, 1, "TRUE").await, young);
    assert_eq!(counted(&warehouse, 2, "TRUE").await, other);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());

    sweep::retired(&warehouse, later()).await.unwrap();
    assert_eq!(counted(&warehouse, 1, "TRUE").await, young);
    assert_eq!(counted(&warehouse, 2, "TRUE").await, other);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    assert_eq!(age(&warehouse, FIRST_OVER, &Stays::default()).await, Aged::default(), "once");
}

#[tokio::test]
async fn a_file_of_one_tenant_alone_goes_whole_and_its_bytes_ten_minutes_later() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("test", 1, &fold(&day(3, 1, 20))).await.unwrap();
    warehouse.publish_all().await.unwrap();
    let before = Session::open(&warehouse, Scope::of(TENANT), LIMITS).await.unwrap();
    let count = "SELECT COUNT(*) AS n FROM calls";
    let calls = before.query(count).await.unwrap().to_csv();
    let files = || file::walk(&dir.path().join("calls")).unwrap().len();
    let there = files();
    age(&warehouse, BOTH_OVER, &Stays::default()).await;
    assert!(counted(&warehouse, 1, "TRUE").await.iter().all(|(_, rows)| *rows == 0));
    let too_early = Timestamp(now().0 + sweep::RETIRED_MS * 1000 / 2);
    sweep::retired(&warehouse, too_early).await.unwrap();
    assert_eq!(files(), there, "a session of before reads on");
    assert_eq!(before.query(count).await.unwrap().to_csv(), calls);
    sweep::retired(&warehouse, later()).await.unwrap();
    assert_eq!(files(), 0);
    assert_eq!(warehouse.stats().await.unwrap().published_files, 0);
}

#[tokio::test]
async fn counts_of_quarter_hours_go_with_the_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, _) = published(dir.path()).await;
    age(&warehouse, FIRST_OVER, &Stays::default()).await;
    for tenant in [1, 2] {
        let scope = Scope::of(TenantId(tenant));
        let session = Session::open(&warehouse, scope, LIMITS).await.unwrap();
        let stays = session.query("SELECT COUNT(*) AS n FROM queue_visits").await.unwrap();
        let counts = session.query("SELECT SUM(offered) AS n FROM queue_intervals").await.unwrap();
        assert_eq!(counts.to_csv(), stays.to_csv(), "tenant {tenant}");
    }
}

#[tokio::test]
async fn what_is_held_by_contact_number_or_recording_stays_until_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, rows) = published(dir.path()).await;
    let calls = calls_of(&rows, TENANT);
    let recording = rows.iter().find_map(|row| match row {
        Row::Recording(of) if of.tenant_id == TENANT && of.call_id != calls[0].call_id => Some(of),
        _ => None,
    });
    let recording = recording.expect("some call was recorded");
    let by_number = calls
        .iter()
        .find(|call| ![calls[0].call_id, recording.call_id].contains(&call.call_id))
        .expect("there are many");
    let holds = Holds {
        recordings: [recording.recording_id].into(),
        contacts: [calls[0].contact_id].into(),
        numbers: [Subscriber::of_normal(&by_number.caller, "86").expect("a number")].into(),
        ..Holds::default()
    };
    let held = [calls[0].call_id, recording.call_id, by_number.call_id].map(|call| call.0 as i64);
    let ids = held.map(|id| id.to_string()).join(", ");
    let session = Session::open(&warehouse, Scope::of(TENANT), LIMITS).await.unwrap();
    let theirs = async |session: &Session| {
        let mut found = Vec::new();
        for table in ["calls", "legs", "events", "queue_visits", "recordings"] {
            let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE call_id IN ({ids})");
            found.push(session.query(&sql).await.unwrap().to_csv());
        }
        found
    };
    let whole = theirs(&session).await;

    let stays = warehouse.held_rows(TENANT, &holds).await.unwrap();
    let aged = age(&warehouse, BOTH_OVER, &stays).await;
    assert!(aged.rows > 0 && aged.held > 0, "{aged:?}");
    let session = Session::open(&warehouse, Scope::of(TENANT), LIMITS).await.unwrap();
    assert_eq!(theirs(&session).await, whole);
    let left = session.query("SELECT DISTINCT call_id FROM calls ORDER BY 1").await.unwrap();
    let left: Vec<i64> = left
        .batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    let mut held = held.to_vec();
    held.sort_unstable();
    assert_eq!(left, held, "nothing else stays");
    sweep::retired(&warehouse, later()).await.unwrap();
    assert_eq!(age(&warehouse, BOTH_OVER, &stays).await.rows, 0, "and so it stays");
    sweep::retired(&warehouse, later()).await.unwrap();
    age(&warehouse, BOTH_OVER, &Stays::default()).await;
    assert!(counted(&warehouse, 1, "TRUE").await.iter().all(|(_, rows)| *rows == 0));
}

#[tokio::test]
async fn a_file_without_anything_to_go_is_looked_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, _) = published(dir.path()).await;
    // One between two others: their files may have rows of it for all that the manifest says.
    let (two, nothing) = (TenantId(2), Stays::default());
    let mut looked = [0, 0];
    for round in &mut looked {
        let mut aged = Aged::default();
        for table in layouts().keys() {
            for day in warehouse.days_over(two, table, BOTH_OVER, &nothing).await.unwrap() {
                aged = aged.and(warehouse.age_day(two, (table, &day), &nothing).await.unwrap());
                *round += 1;
            }
        }
        assert_eq!(aged.days_waiting, 0);
    }
    assert!(looked[0] > 0 && looked[1] > 0, "what was rewritten is looked at: {looked:?}");
    assert!(counted(&warehouse, 2, "TRUE").await.iter().all(|(_, rows)| *rows == 0));
    for table in layouts().keys() {
        let days = warehouse.days_over(two, table, BOTH_OVER, &nothing).await.unwrap();
        assert_eq!(days, Vec::<String>::new(), "{table}");
    }
    let held = Stays { contacts: [1].into(), ..Stays::default() };
    let other = warehouse.days_over(two, "calls", BOTH_OVER, &held).await.unwrap();
    assert!(!other.is_empty(), "another hold has them looked at again");
}

#[tokio::test]
async fn a_hold_on_a_number_keeps_no_longer_one_that_has_its_digits_within() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let of = |id: u64, number: &str, title: &str| match order(1, id as i64, id, 1, 11) {
        Row::Order(order) => Row::Order(terms::record::Order {
            customer_number: number.to_owned(),
            title: title.to_owned(),
            ..order
        }),
        other => other,
    };
    let rows = [
        of(1, "+8613800138000", ""),
        of(2, "+86138001380001", ""),
        of(3, "", "call 138-0013-8000 back"),
        of(4, "", "call 9138-0013-8000 back"),
    ];
    warehouse.stage_rows("desk", 1, &rows).await.unwrap();
    warehouse.publish_all().await.unwrap();
    let number = Subscriber::parse("138 0013 8000", "86").expect("a number");
    let holds = Holds { numbers: [number].into(), ..Holds::default() };
    let stays = warehouse.held_rows(TENANT, &holds).await.unwrap();
    assert_eq!(age(&warehouse, BOTH_OVER, &stays).await.held, 2);
    let session = Session::open(&warehouse, Scope::of(TENANT), LIMITS).await.unwrap();
    let left = session.query("SELECT order_id FROM orders ORDER BY order_id").await.unwrap();
    assert_eq!(left.to_csv(), "order_id\r\n1\r\n3\r\n");
}
