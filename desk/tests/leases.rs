//! Leases: what changed since a version, what is refused, and how one ends.

use super::place;
use desk::bootstrap::{Defaults, First};
use desk::lease::{LeaseFilter, NewLease};
use desk::{By, Error, Store};
use serde_json::json;
use terms::routing::LeaseKind;
use terms::{LeaseId, TenantId, Timestamp};

/// 2026-11-23T04:00:00Z.
const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
const X: &str = "95105688";

fn after(hours: i64) -> Timestamp {
    Timestamp(NOON.0 + hours * 3_600_000_000)
}

fn by(at: Timestamp) -> By {
    By::system("test", at)
}

async fn desk() -> (tempfile::TempDir, Store, First) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (folder, store, first)
}

fn new(kind: LeaseKind, from: i64, until: i64) -> NewLease {
    NewLease {
        kind,
        number: X.into(),
        a: "13800138001".into(),
        b: (kind == LeaseKind::Axb).then(|| "13800138002".into()),
        code: (kind == LeaseKind::Axe).then(|| "4711".into()),
        from: Some(after(from)),
        until: after(until),
        record: false,
        reference: "o-1".into(),
    }
}

/// Leases that changed after a version, by id, and the version after them.
async fn changed(store: &Store, tenant: TenantId, since: Option<u64>) -> (Vec<LeaseId>, u64) {
    let changes = store.lease_changes(tenant, since, after(1)).await.unwrap();
    (changes.leases.iter().map(|lease| lease.id).collect(), changes.version)
}

#[tokio::test]
async fn what_changed_since_a_version_is_told_and_no_plan_is_raised() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let plan = store.plan_version(tenant).await.unwrap();
    assert_eq!(store.lease_versions().await.unwrap(), []);
    let one = store.create_lease(tenant, &by(NOON), &new(LeaseKind::Axb, 0, 1)).await.unwrap();
    let two = store.create_lease(tenant, &by(NOON), &new(LeaseKind::Ax, 1, 2)).await.unwrap();
    let all = changed(&store, tenant, None).await;
    assert_eq!(all, (vec![two.id, one.id], 2), "those that end last come first");
    assert_eq!(changed(&store, tenant, Some(1)).await, (vec![two.id], 2));
    assert_eq!(changed(&store, tenant, Some(2)).await, (vec![], 2));
    store.end_lease(tenant, &by(NOON), one.id).await.unwrap();
    assert_eq!(changed(&store, tenant, Some(2)).await, (vec![one.id], 3), "an end is a change");
    assert_eq!(store.lease_versions().await.unwrap(), [(tenant, 3)]);
    let long_after = store.lease_changes(tenant, None, after(50)).await.unwrap();
    assert!(long_after.leases.is_empty(), "what is over for long is not told");
    assert_eq!(store.plan_version(tenant).await.unwrap(), plan);
}

#[tokio::test]
async fn one_number_stands_for_one_at_a_time_and_with_codes_for_several() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let make = async |draft: NewLease| store.create_lease(tenant, &by(NOON), &draft).await;
    let one = make(new(LeaseKind::Axb, 2, 4)).await.unwrap();
    for (from, until) in [(1, 3), (3, 5), (2, 4), (1, 6)] {
        for kind in [LeaseKind::Ax, LeaseKind::Axb, LeaseKind::Axe] {
            let refused = make(new(kind, from, until)).await.unwrap_err().to_string();
            assert!(refused.contains(&format!("lease {} has", one.id)), "{refused}");
        }
    }
    make(new(LeaseKind::Ax, 1, 2)).await.expect("one before it");
    make(new(LeaseKind::Axe, 4, 5)).await.expect("one after it");
    make(new(LeaseKind::Axe, 4, 5)).await.expect_err("the same code");
    let other = NewLease { code: Some("4712".into()), ..new(LeaseKind::Axe, 4, 5) };
    make(other).await.expect("another code");
    store.end_lease(tenant, &by(NOON), one.id).await.unwrap();
    make(new(LeaseKind::Ax, 2, 4)).await.expect("it never began");
}

#[tokio::test]
async fn an_end_moves_while_it_is_to_come_and_is_final_then() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let one = store.create_lease(tenant, &by(NOON), &new(LeaseKind::Axb, 0, 1)).await.unwrap();
    let extended = store.extend_lease(tenant, &by(NOON), one.id, after(3)).await.unwrap();
    assert_eq!(extended.until, after(3));
    for until in [after(0), after(24 * 400)] {
        let refused = store.extend_lease(tenant, &by(after(2)), one.id, until).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "until", .. })), "{refused:?}");
    }
    let late = store.extend_lease(tenant, &by(after(3)), one.id, after(9)).await;
    assert!(matches!(late, Err(Error::Refused(_))), "{late:?}");
    let ended = store.end_lease(tenant, &by(after(3)), one.id).await;
    assert!(matches!(ended, Err(Error::Refused(_))), "{ended:?}");
    let stranger = store.end_lease(TenantId(99), &by(NOON), one.id).await;
    assert!(matches!(stranger, Err(Error::NotFound { .. })), "{stranger:?}");
    let open = LeaseFilter { open_at: Some(after(3)), ..LeaseFilter::default() };
    assert!(store.leases(tenant, &open, 10).await.unwrap().is_empty());
    let all = store.leases(tenant, &LeaseFilter::default(), 10).await.unwrap();
    assert_eq!(all, [extended]);
}

#[tokio::test]
async fn a_lease_that_is_over_for_a_year_is_forgotten_when_the_next_one_is_made() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let old = store.create_lease(tenant, &by(NOON), &new(LeaseKind::Axb, 0, 1)).await.unwrap();
    let mut kept = Vec::new();
    for days in [366, 367] {
        let hours = days * 24;
        let draft = new(LeaseKind::Ax, hours, hours + 1);
        let made = store.create_lease(tenant, &by(after(hours)), &draft).await.unwrap();
        let listed = store.leases(tenant, &LeaseFilter::default(), 10).await.unwrap();
        kept.push((made.id, listed.iter().any(|lease| lease.id == old.id)));
    }
    assert_eq!([kept[0].1, kept[1].1], [true, false]);
}
