//! Areas and field workers: what cannot be is refused, what changes is in the next plan, and nobody
//! sees another tenant's.

use super::place;
use desk::area::AreaDraft;
use desk::bootstrap::{Defaults, First};
use desk::number::NumberDraft;
use desk::order::query::{OrderFilter, OrderSort};
use desk::order::rule::Rule;
use desk::queue::QueueDraft;
use desk::tenant::Profile;
use desk::worker::{Absence, Worker, WorkerDraft};
use desk::{By, Error, Store};
use serde_json::json;
use std::sync::Arc;
use terms::event::{ENTRY_VERSION, Entry, Hop, Hunt, InHunt, Kind};
use terms::media::{Ledger, RecordingState};
use terms::routing::Target;
use terms::{AreaId, CallId, ContactId, QueueId, RecordingId, TenantId, Timestamp, WorkerId};

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

async fn other_tenant(store: &Store) -> TenantId {
    let profile = Profile {
        name: "Other".into(),
        time_zone: "Asia/Shanghai".into(),
        country: "86".into(),
        realm: "other".into(),
        language: "en".into(),
    };
    store.create_tenant(&by(), &profile).await.unwrap().id
}

fn li() -> WorkerDraft {
    WorkerDraft {
        name: "李师傅".into(),
        phone: "138-0000-0001".into(),
        bound: true,
        substitute: None,
        absence: None,
    }
}

fn wang(substitute: Option<WorkerId>) -> WorkerDraft {
    let (name, phone) = ("王师傅".into(), "13900000002".into());
    WorkerDraft { name, phone, substitute, ..li() }
}

fn north(workers: &[WorkerId]) -> AreaDraft {
    AreaDraft {
        code: "020-1".into(),
        name: "城北片区".into(),
        name_en: "North".into(),
        number: None,
        workers: workers.to_vec(),
        team: None,
        queue: QueueId(1),
        ring_s: 25,
        order: None,
        callers: Vec::new(),
        addresses: Vec::new(),
    }
}

/// The field that is refused.
fn field<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

async fn made(store: &Store, tenant: TenantId, draft: &WorkerDraft) -> Worker {
    store.create_worker(tenant, &by(), draft).await.unwrap()
}

async fn last_action(store: &Store, tenant: TenantId) -> String {
    store.audit(tenant, None, 1).await.unwrap()[0].action.clone()
}

#[tokio::test]
async fn a_leave_a_substitute_and_a_bound_phone_reach_the_plan_and_are_audited() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let one = made(&store, tenant, &li()).await;
    assert_eq!(one.draft.phone, "13800000001", "without what is not dialled");
    let two = made(&store, tenant, &wang(Some(one.id))).await;
    let area = store.create_area(tenant, &by(), &north(&[two.id, one.id])).await.unwrap();
    let before = store.plan_version(tenant).await.unwrap();
    let grid = store.compile_plan(tenant).await.unwrap().grid;
    assert_eq!((grid.areas[0].id, grid.areas[0].ring_s), (area.id, 25));
    assert_eq!(grid.areas[0].workers, [two.id, one.id], "in their order");
    assert_eq!(grid.workers[1].substitute, Some(one.id));
    assert_eq!(store.worker(tenant, one.id).await.unwrap().areas, [area.id]);

    let until = Some(after(72));
    let away = WorkerDraft { absence: Some(Absence { from: NOON, until }), ..wang(None) };
    store.change_worker(tenant, &by(), two.id, &away).await.unwrap();
    assert_eq!(last_action(&store, tenant).await, "worker.change");
    let absence = store.compile_plan(tenant).await.unwrap().grid.workers[1].absence.unwrap();
    assert_eq!((absence.from, absence.until), (NOON, until));
    for (bound, action) in [(false, "worker.unbind"), (true, "worker.bind")] {
        let draft = WorkerDraft { bound, ..wang(None) };
        store.change_worker(tenant, &by(), two.id, &draft).await.unwrap();
        assert_eq!(last_action(&store, tenant).await, action);
        let grid = store.compile_plan(tenant).await.unwrap().grid;
        assert_eq!((grid.workers[1].bound, grid.workers[1].absence), (bound, None));
    }
    assert!(store.plan_version(tenant).await.unwrap() > before, "the call path is told");
}

#[tokio::test]
async fn what_is_no_worker_and_no_area_is_refused_by_its_field() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let one = made(&store, tenant, &li()).await;
    for phone in ["", "1", "+", "13800x", "0044 20 1234 5678 1234 5678 9"] {
        let draft = WorkerDraft { phone: phone.into(), ..li() };
        assert_eq!(field(store.create_worker(tenant, &by(), &draft).await), "phone", "{phone}");
    }
    let hotline = store.numbers(tenant).await.unwrap()[0].digits.clone();
    let draft = WorkerDraft { phone: hotline, ..li() };
    assert_eq!(field(store.create_worker(tenant, &by(), &draft).await), "phone", "in circles");
    let backwards = Some(Absence { from: NOON, until: Some(NOON) });
    let draft = WorkerDraft { absence: backwards, ..wang(None) };
    assert_eq!(field(store.create_worker(tenant, &by(), &draft).await), "absence");
    let draft = wang(Some(WorkerId(99)));
    assert_eq!(field(store.create_worker(tenant, &by(), &draft).await), "substitute");
    let own = WorkerDraft { substitute: Some(one.id), ..li() };
    assert_eq!(field(store.change_worker(tenant, &by(), one.id, &own).await), "substitute");
    let twin = WorkerDraft { phone: "+8613800000001".into(), ..wang(None) };
    let taken = store.create_worker(tenant, &by(), &twin).await;
    assert!(matches!(taken, Err(Error::Taken { .. })), "one phone, one worker: {taken:?}");

    let good = north(&[one.id]);
    for (draft, expected) in [
        (AreaDraft { code: "北".into(), ..good.clone() }, "code"),
        (AreaDraft { name: " ".into(), ..good.clone() }, "name"),
        (AreaDraft { number: Some("10086".into()), ..good.clone() }, "number"),
        (AreaDraft { workers: vec![WorkerId(99)], ..good.clone() }, "workers"),
        (AreaDraft { workers: vec![one.id, one.id], ..good.clone() }, "workers"),
        (AreaDraft { queue: QueueId(99), ..good.clone() }, "queue"),
        (AreaDraft { team: Some(QueueId(99)), ..good.clone() }, "team"),
        (AreaDraft { team: Some(QueueId(1)), ..good.clone() }, "team"),
        (AreaDraft { ring_s: 4, ..good.clone() }, "ring_s"),
        (AreaDraft { ring_s: 121, ..good.clone() }, "ring_s"),
        (AreaDraft { order: Some("没有的类型".into()), ..good.clone() }, "order"),
        (AreaDraft { callers: vec!["withheld".into()], ..good.clone() }, "callers"),
        (AreaDraft { callers: vec!["020*".into()], ..good.clone() }, "callers"),
        (AreaDraft { callers: vec!["*".into()], ..good.clone() }, "callers"),
        (AreaDraft { callers: vec!["'; DROP TABLE".into()], ..good.clone() }, "callers"),
    ] {
        assert_eq!(field(store.create_area(tenant, &by(), &draft).await), expected, "{draft:?}");
    }
    assert!(store.areas(tenant).await.unwrap().is_empty(), "nothing of it was kept");
}

#[tokio::test]
async fn a_code_a_number_and_a_caller_belong_to_one_area_and_workers_stay_when_it_goes() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let draft = NumberDraft { digits: "02087654321".into(), target: Target::Hangup };
    store.create_number(tenant, &by(), &draft).await.unwrap();
    let one = made(&store, tenant, &li()).await;
    let callers = vec!["020-8123-4567".to_owned(), "+862087*".to_owned(), "02081234567".into()];
    let number = Some("020-87654321".to_owned());
    let draft = AreaDraft { number, callers, ..north(&[one.id]) };
    let area = store.create_area(tenant, &by(), &draft).await.unwrap();
    assert_eq!(area.draft.callers, ["+862081234567", "+862087*"], "normalised, each once");
    assert_eq!(area.draft.number.as_deref(), Some("+862087654321"));
    assert_eq!(store.area(tenant, area.id).await.unwrap(), area, "as it was made");
    let south = AreaDraft { code: "020-2".into(), ..north(&[one.id]) };
    for taken in [
        north(&[]),
        AreaDraft { number: Some("+862087654321".into()), ..south.clone() },
        AreaDraft { callers: vec!["+862087*".into()], ..south.clone() },
    ] {
        let refused = store.create_area(tenant, &by(), &taken).await;
        assert!(matches!(refused, Err(Error::Taken { .. })), "{taken:?}: {refused:?}");
    }
    let changed = store.change_area(tenant, &by(), area.id, &south).await.unwrap();
    assert_eq!(store.area(tenant, area.id).await.unwrap(), changed);
    assert!(changed.draft.callers.is_empty() && changed.draft.number.is_none());

    let refused = store.remove_worker(tenant, &by(), one.id).await;
    assert!(matches!(refused, Err(Error::InUse { .. })), "they work there: {refused:?}");
    store.remove_area(tenant, &by(), area.id).await.unwrap();
    assert_eq!(last_action(&store, tenant).await, "area.remove");
    assert!(store.worker(tenant, one.id).await.unwrap().areas.is_empty());
    store.remove_worker(tenant, &by(), one.id).await.unwrap();
    assert!(store.compile_plan(tenant).await.unwrap().grid.workers.is_empty());
}

#[tokio::test]
async fn another_tenants_areas_and_workers_do_not_exist() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let one = made(&store, tenant, &li()).await;
    let area = store.create_area(tenant, &by(), &north(&[one.id])).await.unwrap();
    let other = other_tenant(&store).await;
    let missing = |error: Error| matches!(error, Error::NotFound { .. });
    assert!(store.areas(other).await.unwrap().is_empty());
    assert!(store.workers(other).await.unwrap().is_empty());
    assert!(missing(store.area(other, area.id).await.unwrap_err()));
    assert!(missing(store.worker(other, one.id).await.unwrap_err()));
    assert!(missing(store.remove_area(other, &by(), area.id).await.unwrap_err()));
    assert!(missing(store.remove_worker(other, &by(), one.id).await.unwrap_err()));
    assert!(missing(store.change_worker(other, &by(), one.id, &li()).await.unwrap_err()));
    // Their own worker with the same phone is another one, and stands in for nobody here.
    let theirs = made(&store, other, &li()).await;
    let draft = wang(Some(theirs.id));
    assert_eq!(field(store.create_worker(tenant, &by(), &draft).await), "substitute");
    assert_eq!(store.area(tenant, area.id).await.unwrap().draft.workers, [one.id]);
    let unknown = store.area(tenant, AreaId(99)).await.unwrap_err();
    assert!(missing(unknown));
}

/// What happened in a call.
fn told(tenant: TenantId, call: u64, seq: u64, kind: Kind) -> Arc<Entry> {
    Arc::new(Entry {
        v: ENTRY_VERSION,
        seq,
        at: NOON,
        tenant,
        contact: None,
        call: Some(CallId(call)),
        leg: None,
        kind,
    })
}

fn lost(tenant: TenantId, area: AreaId, call: u64, seq: u64) -> Arc<Entry> {
    let hop = Hop::Voicemail { queue: QueueId(1) };
    let what = InHunt::Lost { caller: "+8613800138000".into() };
    told(tenant, call, seq, Kind::Hunt(Hunt { area, hop, what }))
}

#[tokio::test]
async fn a_caller_whom_nobody_answered_becomes_an_order_once() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let rule = Rule {
        kind: "回访".into(),
        department: "客服部".into(),
        assignee: None,
        due_minutes: 60,
        warn_minutes: 10,
        hours: None,
        visit_minutes: None,
    };
    store.put_order_rule(tenant, &by(), &rule).await.unwrap();
    let draft = AreaDraft { order: Some(rule.kind.clone()), ..north(&[]) };
    let area = store.create_area(tenant, &by(), &draft).await.unwrap().id;
    let quiet = AreaDraft { code: "020-2".into(), ..north(&[]) };
    let quiet = store.create_area(tenant, &by(), &quiet).await.unwrap().id;
    let entries = [lost(tenant, area, 7, 1), lost(tenant, quiet, 8, 2)];
    store.keep_calling(&entries, 2, false).await.unwrap();
    store.keep_calling(&entries, 2, true).await.unwrap();
    let other = other_tenant(&store).await;
    let foreign = [lost(other, area, 9, 3), lost(tenant, AreaId(99), 10, 4)];
    store.keep_calling(&foreign, 4, false).await.unwrap();
    let all = OrderFilter { limit: 10, ..OrderFilter::default() };
    let orders = store.orders(tenant, &all, NOON).await.unwrap().orders;
    assert_eq!(orders.len(), 1, "{orders:#?}");
    let order = &orders[0];
    assert_eq!((order.kind.as_str(), order.department.as_str()), ("回访", "客服部"));
    assert_eq!((order.area.as_str(), order.call), ("城北片区", Some(CallId(7))));
    assert_eq!(order.customer_number, "+8613800138000");
    assert_eq!(order.deadline_at, Some(after(1)));
    assert!(store.orders(other, &all, NOON).await.unwrap().orders.is_empty());
}

/// A message in that call for the first queue, and that it can be heard.
fn message(tenant: TenantId, seq: u64, recording: u64) -> [Arc<Entry>; 2] {
    let (queue, recording) = (QueueId(1), RecordingId(recording));
    let left = Kind::VoicemailLeft { queue, recording, caller: "+8613800138000".into() };
    let of = (tenant, ContactId(7), CallId(7));
    let ledger = Ledger::refused(of, recording, NOON, "");
    let ledger = Ledger { state: RecordingState::Recorded, ..ledger };
    let (agent, queue, meeting) = (None, Some(queue), None);
    let recorded = Kind::Recorded { ledger, agent, queue, meeting, message: false };
    [told(tenant, 7, seq, left), told(tenant, 7, seq + 1, recorded)]
}

/// Messages of the first queue are orders of one type, lost callers of an area those of another.
async fn orders_of_both(store: &Store, tenant: TenantId) -> AreaId {
    let shown = store.queue(tenant, QueueId(1)).await.unwrap();
    let mut draft = QueueDraft { name: shown.name, settings: shown.settings };
    draft.settings.messages_as_orders = Some("投诉".into());
    store.change_queue(tenant, &by(), QueueId(1), &draft).await.unwrap();
    let draft = AreaDraft { order: Some("报修".into()), ..north(&[]) };
    store.create_area(tenant, &by(), &draft).await.unwrap().id
}

/// Types of the orders and the messages that they name, the oldest first.
async fn named(store: &Store, tenant: TenantId) -> Vec<(String, Option<u64>)> {
    let oldest = Some(OrderSort::Oldest);
    let all = OrderFilter { limit: 10, sort: oldest, ..OrderFilter::default() };
    let orders = store.orders(tenant, &all, NOON).await.unwrap().orders;
    let named = orders.into_iter().map(|order| (order.kind, order.recording.map(|of| of.0)));
    named.collect()
}

#[tokio::test]
async fn the_message_of_a_caller_whom_nobody_answered_belongs_to_the_order_that_they_are() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let area = orders_of_both(&store, tenant).await;
    store.keep_calling(&[lost(tenant, area, 7, 1)], 1, false).await.unwrap();
    store.keep_calling(&message(tenant, 2, 71), 3, false).await.unwrap();
    store.keep_calling(&message(tenant, 2, 71), 3, true).await.unwrap();
    // What they say once more is a message of its own.
    store.keep_calling(&message(tenant, 4, 72), 5, false).await.unwrap();
    let expected = [("报修".to_owned(), Some(71)), ("投诉".to_owned(), Some(72))];
    assert_eq!(named(&store, tenant).await, expected);
}

#[tokio::test]
async fn a_caller_whom_nobody_answered_is_an_order_also_where_they_had_left_a_message_before() {
    let (_folder, store, first) = desk().await;
    let tenant = first.tenant;
    let area = orders_of_both(&store, tenant).await;
    store.keep_calling(&message(tenant, 1, 71), 2, false).await.unwrap();
    let lost = [lost(tenant, area, 7, 3)];
    store.keep_calling(&lost, 3, false).await.unwrap();
    store.keep_calling(&lost, 3, true).await.unwrap();
    let complaint = ("投诉".to_owned(), Some(71));
    let expected = [complaint.clone(), ("报修".to_owned(), None)];
    assert_eq!(named(&store, tenant).await, expected, "somebody is to call them back");
    store.keep_calling(&message(tenant, 4, 72), 5, false).await.unwrap();
    store.keep_calling(&lost, 5, true).await.unwrap();
    let expected = [complaint, ("报修".to_owned(), Some(72))];
    assert_eq!(named(&store, tenant).await, expected);
}
