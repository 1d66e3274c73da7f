//! Return visits: who can be asked, what is noted and revised, and what the warehouse gets of it.

use super::place;
use desk::bootstrap::{Defaults, First};
use desk::order::Action;
use desk::order::rule::Rule;
use desk::order::write::NewOrder;
use desk::return_visit::{NewReturnVisit, Noted, Outcome, VisitFilter};
use desk::{By, Error, Store};
use serde_json::json;
use terms::record::Row;
use terms::{CallId, OrderId, TenantId, Timestamp};

/// 2026-11-23T04:00:00Z.
const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn after(hours: i64) -> Timestamp {
    Timestamp(NOON.0 + hours * 3_600_000_000)
}

fn by(hours: i64) -> By {
    By::system("test", after(hours))
}

async fn desk() -> (tempfile::TempDir, Store, First) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (folder, store, first)
}

async fn order(store: &Store, tenant: TenantId) -> OrderId {
    let new: NewOrder = serde_json::from_value(json!({
        "kind": "回访测试", "department": "维修部", "title": "漏水", "customer_number": "13800138000",
    }))
    .unwrap();
    store.create_order(tenant, &by(0), &new).await.unwrap().id
}

async fn done(store: &Store, tenant: TenantId) -> OrderId {
    let order = order(store, tenant).await;
    store.step_order(tenant, &by(0), order, None, &Action::Finish, "").await.unwrap();
    order
}

#[tokio::test]
async fn a_result_is_noted_and_revised_and_every_version_is_handed_over() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let order = done(&store, tenant).await;
    let new = NewReturnVisit { order, due_at: after(48) };
    let made = store.plan_return_visit(tenant, &by(1), &new).await.unwrap();
    let again = store.plan_return_visit(tenant, &by(1), &new).await;
    assert!(matches!(again, Err(Error::Refused(_))), "one at a time");

    let unreached = Noted { result: Outcome::Unreached, call: Some(CallId(7)) };
    store.note_return_visit(tenant, &by(2), made.id, unreached).await.unwrap();
    let satisfied = Noted { result: Outcome::Satisfied, call: None };
    let revised = store.note_return_visit(tenant, &by(3), made.id, satisfied).await.unwrap();
    assert_eq!(revised.result, Some(Outcome::Satisfied));
    assert_eq!((revised.done_at, revised.changed_at), (Some(after(2)), after(3)));
    assert_eq!(revised.call, Some(CallId(7)), "what is not named anew stays");
    let withdrawn = store.withdraw_return_visit(tenant, &by(3), made.id).await;
    assert!(matches!(withdrawn, Err(Error::Refused(_))), "what was said is not unsaid");

    let second = store.plan_return_visit(tenant, &by(4), &new).await.unwrap();
    store.withdraw_return_visit(tenant, &by(5), second.id).await.unwrap();
    let gone = store.note_return_visit(tenant, &by(6), second.id, satisfied).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));

    let handed: Vec<(i64, i64, Option<String>, bool)> = store
        .read_after(0, 100)
        .await
        .unwrap()
        .into_iter()
        .filter_map(|entry| match entry.row {
            Row::ReturnVisit(row) => {
                assert_eq!(row.order_id, order);
                Some((row.version_id, row.visit_id, row.result, row.withdrawn))
            }
            _ => None,
        })
        .collect();
    let result = |text: &str| Some(text.to_owned());
    assert_eq!(
        handed,
        [
            (1, 1, None, false),
            (2, 1, result("unreached"), false),
            (3, 1, result("satisfied"), false),
            (4, 2, None, false),
            (5, 2, None, true),
        ]
    );
}

#[tokio::test]
async fn so_many_visits_may_wait_for_a_result_and_those_that_have_one_do_not_count() {
    let (folder, store, first) = desk().await;
    let order = done(&store, first.tenant).await;
    let many = "INSERT INTO return_visits
             (id, tenant_id, order_id, planned_at, due_at, done_at, result, changed_at)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         SELECT 1000 + n.i, o.tenant_id, o.id, 0, 0, 0, 'satisfied', 0 FROM n, orders o";
    place::sql(folder.path(), many).await.unwrap();
    let new = NewReturnVisit { order, due_at: after(48) };
    store.plan_return_visit(first.tenant, &by(1), &new).await.unwrap();
}

#[tokio::test]
async fn only_what_is_done_is_asked_about_and_nobody_elses() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let open = order(&store, tenant).await;
    let order = done(&store, tenant).await;
    let plan = async |tenant, order, due_at| {
        store.plan_return_visit(tenant, &by(1), &NewReturnVisit { order, due_at }).await
    };
    let refused = plan(tenant, open, after(48)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "it is not done");
    let past = plan(tenant, order, after(1)).await;
    assert!(matches!(past, Err(Error::Invalid { field: "due_at", .. })));
    let foreign = plan(TenantId(99), order, after(48)).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })));
    let made = plan(tenant, order, after(48)).await.unwrap();

    let found = async |tenant, filter: VisitFilter| {
        let visits = store.return_visits(tenant, &filter, 100).await.unwrap();
        visits.iter().map(|visit| visit.id).collect::<Vec<_>>()
    };
    let to_do = VisitFilter { done: Some(false), ..VisitFilter::default() };
    assert_eq!(found(tenant, to_do.clone()).await, [made.id]);
    assert!(found(TenantId(99), to_do.clone()).await.is_empty());
    let due_before = VisitFilter { to: Some(after(48)), ..VisitFilter::default() };
    assert!(found(tenant, due_before).await.is_empty());
    let noted = Noted { result: Outcome::Dissatisfied, call: None };
    let stranger = store.note_return_visit(TenantId(99), &by(2), made.id, noted).await;
    assert!(matches!(stranger, Err(Error::NotFound { .. })));
    store.note_return_visit(tenant, &by(2), made.id, noted).await.unwrap();
    assert!(found(tenant, to_do).await.is_empty());
    let angry = VisitFilter {
        order: Some(order),
        result: Some(Outcome::Dissatisfied),
        ..VisitFilter::default()
    };
    assert_eq!(found(tenant, angry).await, [made.id]);
}

#[tokio::test]
async fn a_visit_is_planned_when_an_order_is_done_and_withdrawn_when_it_was_not() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let rule = Rule {
        kind: "回访测试".to_owned(),
        department: "维修部".to_owned(),
        assignee: None,
        due_minutes: 600,
        warn_minutes: 60,
        hours: None,
        visit_minutes: Some(120),
    };
    let wrong = Rule { visit_minutes: Some(0), ..rule.clone() };
    let refused = store.put_order_rule(tenant, &by(0), &wrong).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "visit_minutes", .. })));
    store.put_order_rule(tenant, &by(0), &rule).await.unwrap();
    assert!(store.order_rules(tenant).await.unwrap().contains(&rule));

    let order = order(&store, tenant).await;
    let step = async |hours, action: Action| {
        store.step_order(tenant, &by(hours), order, None, &action, "").await.unwrap();
    };
    let open = async || {
        let filter = VisitFilter { order: Some(order), ..VisitFilter::default() };
        let visits = store.return_visits(tenant, &filter, 100).await.unwrap();
        visits.iter().map(|visit| (visit.id, visit.due_at)).collect::<Vec<_>>()
    };
    step(1, Action::Start).await;
    assert!(open().await.is_empty());
    step(2, Action::Finish).await;
    assert_eq!(open().await, [(1, after(4))]);
    step(3, Action::Reopen).await;
    assert!(open().await.is_empty());
    step(5, Action::Finish).await;
    assert_eq!(open().await, [(2, after(7))]);
    // What was said is not withdrawn, and a second time is asked anew.
    let noted = Noted { result: Outcome::Dissatisfied, call: None };
    store.note_return_visit(tenant, &by(6), 2, noted).await.unwrap();
    step(7, Action::Reopen).await;
    step(8, Action::Finish).await;
    assert_eq!(open().await, [(2, after(7)), (3, after(10))]);
}
