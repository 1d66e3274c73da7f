//! Which files say who fetched them, and the log of a shift.

use super::place;
use desk::bootstrap::{Defaults, First};
use desk::shift_log::{LogFilter, LogKind, NewLogEntry};
use desk::watermark::Watermark;
use desk::{By, Error, Store};
use serde_json::json;
use terms::{AgentId, TenantId, Timestamp, UserId};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by(user: u64, seconds: i64) -> By {
    By { user: Some(UserId(user)), ..By::system("test", Timestamp(NOON.0 + seconds * 1_000_000)) }
}

async fn desk() -> (tempfile::TempDir, Store, First) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (folder, store, first)
}

#[tokio::test]
async fn files_that_are_fetched_are_marked_until_the_tenant_says_otherwise() {
    let (_folder, store, first) = desk().await;
    let usual = Watermark { fetched: true, delivered: false };
    assert_eq!(store.watermark(first.tenant).await.unwrap(), usual);
    let other = Watermark { fetched: false, delivered: true };
    store.put_watermark(first.tenant, &by(1, 0), other).await.unwrap();
    assert_eq!(store.watermark(first.tenant).await.unwrap(), other);
    let nobody = store.put_watermark(TenantId(99), &by(1, 0), usual).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn the_log_is_found_by_time_kind_and_person_and_shows_no_more_than_is_seen() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let write = async |user: u64, second: i64, agent: Option<u64>, kind: LogKind| {
        let entry = NewLogEntry { kind, text: format!("entry {second}") };
        let agent = agent.map(AgentId);
        store.write_shift_log(tenant, &by(user, second), agent, &entry).await.unwrap().id
    };
    let first_one = write(1, 10, Some(7), LogKind::Handover).await;
    let second = write(2, 20, Some(8), LogKind::Incident).await;
    let third = write(3, 20, None, LogKind::Remark).await;
    let found = async |filter: LogFilter| {
        let entries = store.shift_log(tenant, &filter, 100).await.unwrap();
        entries.iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    let at = |second: i64| Some(Timestamp(NOON.0 + second * 1_000_000));
    assert_eq!(found(LogFilter::default()).await, [third, second, first_one]);
    let of_kind = LogFilter { kind: Some(LogKind::Incident), ..LogFilter::default() };
    assert_eq!(found(of_kind).await, [second]);
    let until = LogFilter { from: at(10), to: at(20), ..LogFilter::default() };
    assert_eq!(found(until).await, [first_one]);
    let of_user = LogFilter { user: Some(UserId(3)), ..LogFilter::default() };
    assert_eq!(found(of_user).await, [third]);
    let seen = LogFilter { seen: Some((UserId(3), vec![AgentId(7)])), ..LogFilter::default() };
    assert_eq!(found(seen).await, [third, first_one]);
    let own = LogFilter { seen: Some((UserId(2), Vec::new())), ..LogFilter::default() };
    assert_eq!(found(own).await, [second]);
    let before = Some((Timestamp(NOON.0 + 20_000_000), third));
    assert_eq!(found(LogFilter { before, ..LogFilter::default() }).await, [second, first_one]);
    assert!(store.shift_log(TenantId(99), &LogFilter::default(), 9).await.unwrap().is_empty());
}
