//! Planned shifts: what cannot be is refused, and every change is handed over.

use super::place;
use desk::bootstrap::{Defaults, First};
use desk::shift::{NewShift, ShiftFilter};
use desk::{By, Error, Store};
use serde_json::json;
use terms::record::Row;
use terms::{AgentId, TenantId, Timestamp};

/// 2026-11-23T04:00:00Z.
const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn after(hours: i64) -> Timestamp {
    Timestamp(NOON.0 + hours * 3_600_000_000)
}

fn by() -> By {
    By::system("test", NOON)
}

async fn desk() -> (tempfile::TempDir, Store, First) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (folder, store, first)
}

fn shift(agent: AgentId, from: i64, to: i64) -> NewShift {
    NewShift { agent, starts_at: after(from), ends_at: after(to) }
}

#[tokio::test]
async fn a_shift_is_planned_once_found_by_its_time_and_withdrawn() {
    let (_folder, store, first) = desk().await;
    let (tenant, fang, li) = (first.tenant, first.agents[0].0, first.agents[1].0);
    let early = store.plan_shift(tenant, &by(), &shift(fang, 0, 8)).await.unwrap();
    let late = store.plan_shift(tenant, &by(), &shift(fang, 8, 16)).await.unwrap();
    let other = store.plan_shift(tenant, &by(), &shift(li, 4, 12)).await.unwrap();
    for (from, to) in [(-1, 1), (7, 9), (2, 3), (-1, 20)] {
        let refused = store.plan_shift(tenant, &by(), &shift(fang, from, to)).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{from} to {to}");
    }
    let found = async |filter: ShiftFilter| {
        let shifts = store.shifts(tenant, &filter, 100).await.unwrap();
        shifts.iter().map(|shift| shift.id).collect::<Vec<_>>()
    };
    assert_eq!(found(ShiftFilter::default()).await, [early.id, other.id, late.id]);
    let of_fang = ShiftFilter { agent: Some(fang), ..ShiftFilter::default() };
    assert_eq!(found(of_fang).await, [early.id, late.id]);
    let within = ShiftFilter { from: Some(after(1)), to: Some(after(8)), ..ShiftFilter::default() };
    assert_eq!(found(within).await, [other.id]);
    let page = ShiftFilter { after: Some((after(4), other.id)), ..ShiftFilter::default() };
    assert_eq!(found(page).await, [late.id]);

    store.withdraw_shift(tenant, &by(), early.id).await.unwrap();
    assert_eq!(found(ShiftFilter::default()).await, [other.id, late.id]);
    let again = store.withdraw_shift(tenant, &by(), early.id).await;
    assert!(matches!(again, Err(Error::NotFound { .. })));
    store.plan_shift(tenant, &by(), &shift(fang, 1, 7)).await.unwrap();

    let handed: Vec<(i64, i64, bool)> = store
        .read_after(0, 100)
        .await
        .unwrap()
        .into_iter()
        .filter_map(|entry| match entry.row {
            Row::Shift(row) => Some((row.version_id, row.shift_id, row.withdrawn)),
            _ => None,
        })
        .collect();
    assert_eq!(
        handed,
        [(1, 1, false), (2, 2, false), (3, 3, false), (4, 1, true), (5, 4, false)],
        "every change, in its order"
    );
}

#[tokio::test]
async fn what_is_no_shift_is_refused_and_nobody_elses_is_found() {
    let (_folder, store, first) = desk().await;
    let (tenant, agent) = (first.tenant, first.agents[0].0);
    for (from, to) in [(0, 0), (1, 0), (0, 26)] {
        let refused = store.plan_shift(tenant, &by(), &shift(agent, from, to)).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "ends_at", .. })), "{from} to {to}");
    }
    let nobody = store.plan_shift(tenant, &by(), &shift(AgentId(999), 0, 8)).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
    let made = store.plan_shift(tenant, &by(), &shift(agent, 0, 25)).await.unwrap();
    let foreign = TenantId(99);
    let refused = store.withdraw_shift(foreign, &by(), made.id).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    assert!(store.shifts(foreign, &ShiftFilter::default(), 10).await.unwrap().is_empty());
}
