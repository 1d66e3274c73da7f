//! Messages that callers left, on a real file: they wait until somebody has heard them, and are orders
//! where their queue says so.

use super::begun::{NOON, entry, filled};
use super::place;
use desk::bootstrap::FIRST_QUEUE;
use desk::order::Order;
use desk::order::query::OrderFilter;
use desk::order::rule::Rule;
use desk::queue::QueueDraft;
use desk::user::UserChange;
use desk::{By, Error, Store};
use std::sync::Arc;
use std::time::Duration;
use terms::event::{Entry, Kind};
use terms::media::{Ledger, RecordingState};
use terms::routing::QueueMessages;
use terms::{CallId, ContactId, RecordingId, TenantId, UserId};

const ONE: RecordingId = RecordingId(70);
const TWO: RecordingId = RecordingId(71);
const CALL: CallId = CallId(7);

fn left(secs: u64, tenant: TenantId, recording: RecordingId) -> Arc<Entry> {
    let caller = "+8613800138000".into();
    entry(secs, tenant, Kind::VoicemailLeft { queue: FIRST_QUEUE, recording, caller })
}

fn heard(secs: u64, tenant: TenantId, recording: RecordingId, by: UserId) -> Arc<Entry> {
    entry(secs, tenant, Kind::VoicemailHeard { queue: FIRST_QUEUE, recording, by })
}

fn refused(secs: u64, tenant: TenantId, recording: RecordingId) -> Arc<Entry> {
    let of = (tenant, ContactId(1), CallId(1));
    let ledger = Ledger::refused(of, recording, NOON, "too short");
    let (agent, queue, meeting) = (None, Some(FIRST_QUEUE), None);
    entry(secs, tenant, Kind::Recorded { ledger, agent, queue, meeting, message: false })
}

/// It is on disk, and can be heard.
fn recorded(secs: u64, tenant: TenantId, recording: RecordingId) -> Arc<Entry> {
    let of = (tenant, ContactId(1), CALL);
    let ledger = Ledger::refused(of, recording, NOON, "");
    let ledger = Ledger { state: RecordingState::Recorded, ..ledger };
    let (agent, queue, meeting) = (None, Some(FIRST_QUEUE), None);
    entry(secs, tenant, Kind::Recorded { ledger, agent, queue, meeting, message: false })
}

/// The plan's version, and what it says of messages.
async fn planned(store: &Store, tenant: TenantId) -> (u64, Vec<(u32, u32)>) {
    let plan = store.compile_plan(tenant).await.unwrap();
    let count = |of: &QueueMessages| {
        assert_eq!(of.queue, FIRST_QUEUE);
        (of.waiting, of.heard)
    };
    (plan.version, plan.messages.iter().map(count).collect())
}

#[tokio::test]
async fn a_message_waits_over_a_start_until_somebody_has_heard_it_and_once_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let (before, none) = planned(&store, tenant).await;
    assert_eq!(none, []);
    let nobodys = TenantId(tenant.0 + 1);
    let entries = [left(1, tenant, ONE), left(2, tenant, TWO), left(3, nobodys, ONE)];
    store.keep_calling(&entries, 3, false).await.unwrap();
    let (version, waiting) = planned(&store, tenant).await;
    assert_eq!(waiting, [(2, 0)]);
    assert!(version > before, "phones are told");
    store.keep_calling(&entries, 3, false).await.unwrap();
    assert_eq!(planned(&store, tenant).await, (version, waiting), "said again it is nothing new");
    store.close().await;

    let store = place::open(folder.path()).await;
    let first = [heard(9, tenant, ONE, UserId(5)), heard(10, tenant, ONE, UserId(6))];
    store.keep_calling(&first, 10, false).await.unwrap();
    assert_eq!(planned(&store, tenant).await.1, [(1, 1)]);
    let listed = store.voicemails(tenant).await.unwrap();
    let of = |index: usize| (listed[index].recording, listed[index].heard_by);
    assert_eq!((of(0), of(1)), ((TWO, None), (ONE, Some(UserId(5)))), "the latest first");
    let known = store.voicemail(tenant, ONE).await.unwrap().expect("a message");
    assert_eq!(known.heard_at, Some(NOON + Duration::from_secs(9)), "the first one counts");
    assert_eq!(store.voicemail(nobodys, ONE).await.unwrap(), None);
}

#[tokio::test]
async fn a_message_goes_with_its_recording_and_one_that_was_not_recorded_never_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [left(1, tenant, ONE), left(2, tenant, TWO), refused(3, tenant, TWO)];
    store.keep_calling(&entries, 3, false).await.unwrap();
    let (version, waiting) = planned(&store, tenant).await;
    assert_eq!(waiting, [(1, 0)]);
    store.forget_voicemails(tenant, &[RecordingId(99)]).await.unwrap();
    assert_eq!(planned(&store, tenant).await, (version, waiting), "that was no message");
    store.forget_voicemails(tenant, &[ONE, TWO]).await.unwrap();
    let (after, none) = planned(&store, tenant).await;
    assert_eq!((after > version, none), (true, vec![]));
}

fn by() -> By {
    By::system("test", NOON)
}

/// Messages of the first queue are orders of this type from now on.
async fn wants(store: &Store, tenant: TenantId, kind: &str) -> Result<(), Error> {
    let queue = store.queue(tenant, FIRST_QUEUE).await?;
    let mut draft = QueueDraft { name: queue.name, settings: queue.settings };
    draft.settings.messages_as_orders = Some(kind.to_owned());
    store.change_queue(tenant, &by(), FIRST_QUEUE, &draft).await.map(drop)
}

async fn orders(store: &Store, tenant: TenantId) -> Vec<Order> {
    let all = OrderFilter { limit: 10, ..OrderFilter::default() };
    store.orders(tenant, &all, NOON).await.unwrap().orders
}

#[tokio::test]
async fn a_message_of_a_queue_that_wants_orders_becomes_one_order_over_a_start_and_a_second_reading()
 {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let wanted = wants(&store, tenant, "嘉奖").await;
    assert!(
        matches!(wanted, Err(Error::Invalid { field: "messages_as_orders", .. })),
        "{wanted:?}"
    );
    let before = [left(1, tenant, RecordingId(69)), recorded(2, tenant, RecordingId(69))];
    store.keep_calling(&before, 2, false).await.unwrap();
    wants(&store, tenant, "投诉").await.unwrap();
    let said = [left(3, tenant, ONE), left(4, tenant, TWO)];
    store.keep_calling(&said, 4, false).await.unwrap();
    assert_eq!(orders(&store, tenant).await, [], "none wanted before, and none heard yet");
    store.close().await;

    let store = place::open(folder.path()).await;
    let kept = [recorded(5, tenant, ONE), recorded(5, tenant, ONE), refused(6, tenant, TWO)];
    store.keep_calling(&kept, 6, true).await.unwrap();
    store.close().await;
    let store = place::open(folder.path()).await;
    store.keep_calling(&said[..1], 6, true).await.unwrap();
    store.keep_calling(&kept, 6, true).await.unwrap();
    let all = orders(&store, tenant).await;
    let [order] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!((order.kind.as_str(), order.department.as_str()), ("投诉", "客服部"));
    assert_eq!((order.call, order.recording, order.created_by), (Some(CALL), Some(ONE), None));
    assert_eq!(order.customer_number, "+8613800138000");
    assert_eq!(order.title, store.queue(tenant, FIRST_QUEUE).await.unwrap().name);
    assert_eq!(order.deadline_at, Some(NOON + Duration::from_secs(5 + 24 * 3_600)));
    let steps = store.order_steps(tenant, order.id).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.action.as_str(), &*step.note)).collect();
    assert_eq!(told, [("create", "message 70")]);
    let message = store.voicemail(tenant, ONE).await.unwrap().expect("it stays a message");
    assert_eq!((message.order, message.order_problem), (Some(order.id), None));
    assert_eq!(store.voicemail(tenant, TWO).await.unwrap(), None, "it was too short");

    store.forget_voicemails(tenant, &[ONE]).await.unwrap();
    assert_eq!(store.order(tenant, order.id).await.unwrap().recording, None);
}

#[tokio::test]
async fn a_message_whose_order_cannot_be_made_stays_and_says_why_and_the_next_one_is_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let user = UserId(store.agents(tenant).await.unwrap()[0].id.0);
    let rule = Rule {
        kind: "投诉".into(),
        department: "客服部".into(),
        assignee: Some(user),
        due_minutes: 60,
        warn_minutes: 10,
        hours: None,
        visit_minutes: None,
    };
    store.put_order_rule(tenant, &by(), &rule).await.unwrap();
    wants(&store, tenant, "投诉").await.unwrap();
    let off = UserChange { enabled: Some(false), ..UserChange::default() };
    store.change_user(tenant, &by(), user, &off).await.unwrap();
    let said = [left(1, tenant, ONE), recorded(2, tenant, ONE)];
    store.keep_calling(&said, 2, false).await.unwrap();
    assert_eq!(orders(&store, tenant).await, []);
    let message = store.voicemail(tenant, ONE).await.unwrap().expect("nothing is lost");
    let problem = message.order_problem.expect("why");
    assert!(message.order.is_none() && problem.contains("no such person"), "{problem}");
    assert_eq!(planned(&store, tenant).await.1, [(1, 0)], "it waits to be heard");

    let rule = Rule { assignee: None, ..rule };
    store.put_order_rule(tenant, &by(), &rule).await.unwrap();
    store.keep_calling(&[left(3, tenant, TWO), recorded(4, tenant, TWO)], 4, false).await.unwrap();
    let made = orders(&store, tenant).await;
    assert_eq!(made.iter().map(|order| order.recording).collect::<Vec<_>>(), [Some(TWO)]);
}
