//! Items on a real store: each change with its step, its audit row and, at the end, its record.

use super::begun::{NOON, begun};
use super::place;
use desk::bootstrap::FIRST_QUEUE;
use desk::item::query::ItemFilter;
use desk::item::rules::{AgentItemCapacity, ItemCapacity};
use desk::item::write::{ItemChange, ReplyWay};
use desk::item::{Item, ItemAction, ItemState, NewItem, ReplyDelivery};
use desk::queue::QueueDraft;
use desk::{By, Error, Store};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::item::Channel;
use terms::media::{FaxOutcome, FaxWork, Ledger, RecordingState};
use terms::{
    AgentId, CallId, ContactId, FaxId, ItemId, PhoneNumber, QueueId, RecordingId, TenantId, UserId,
    record,
};

fn by_at(second: u64) -> By {
    By::system("test", NOON + Duration::from_secs(second))
}

fn mail(id: &str) -> NewItem {
    serde_json::from_value(json!({"channel": "email", "queue": FIRST_QUEUE, "external_id": id,
        "address": "li@example.com", "subject": "Meter", "content": "It stands still."}))
    .unwrap()
}

async fn made(store: &Store, tenant: TenantId, id: &str, second: u64) -> ItemId {
    let (item, is_new) = store.create_item(tenant, &by_at(second), &mail(id)).await.unwrap();
    assert!(is_new);
    item.id
}

fn offer(agent: AgentId) -> ItemChange {
    let why = json!({"ring": 1, "candidates": 2}).to_string();
    ItemChange::Offer { agent, until: NOON + Duration::from_secs(60), why }
}

fn done(disposition: &str) -> ItemChange {
    let disposition = Some(disposition.to_owned());
    ItemChange::Done { disposition, note: "all is well".into(), order: None }
}

async fn change(
    store: &Store,
    tenant: TenantId,
    second: u64,
    id: ItemId,
    what: ItemChange,
) -> Item {
    store.change_item(tenant, &by_at(second), id, &what).await.unwrap()
}

/// Items that were handed over to the warehouse.
async fn rows(store: &Store) -> Vec<record::Item> {
    let entries = store.read_after(0, 1_000).await.unwrap().into_iter();
    let items = entries.filter_map(|entry| match entry.row {
        record::Row::Item(item) => Some(item),
        _ => None,
    });
    items.collect()
}

#[tokio::test]
async fn an_item_is_offered_taken_and_done_with_a_step_an_audit_row_and_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let (t, a, b) = (first.tenant, first.agents[0].0, first.agents[1].0);
    let id = made(&store, t, "<1@example.com>", 0).await;
    change(&store, t, 1, id, offer(a)).await;
    let unanswered = ItemChange::Return { agent: a, unanswered: true };
    change(&store, t, 61, id, unanswered).await;
    change(&store, t, 61, id, offer(b)).await;
    let taken = change(&store, t, 71, id, ItemChange::Take { agent: b }).await;
    assert_eq!((taken.state, taken.agent), (ItemState::Taken, Some(b)));
    assert_eq!(rows(&store).await, [], "it is not over");
    let ended = change(&store, t, 101, id, done("meter")).await;
    assert_eq!((ended.state, ended.disposition.as_deref()), (ItemState::Done, Some("meter")));

    let rows = rows(&store).await;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.item_id, row.agent_id, row.queue_id), (id, Some(b), FIRST_QUEUE));
    assert_eq!((row.wait_ms, row.work_ms, row.offers, row.unanswered), (71_000, 30_000, 2, 1));
    assert_eq!((row.channel.as_str(), row.address.as_deref()), ("email", Some("li@example.com")));
    let steps = store.item_steps(t, id).await.unwrap();
    use ItemAction::{Create, Done, Offer, Take, Unanswered};
    let actions: Vec<ItemAction> = steps.iter().map(|step| step.action).collect();
    assert_eq!(actions, [Create, Offer, Unanswered, Offer, Take, Done]);
    assert_eq!(steps[1].why, Some(json!({"ring": 1, "candidates": 2})));
    assert_eq!((steps[2].agent, steps[5].text.as_str()), (Some(a), "all is well"));
    let audit = store.audit(t, None, 6).await.unwrap();
    assert!(audit.iter().all(|row| row.action == "item.step"), "{audit:?}");
    assert_eq!(audit[0].subject, format!("{id} done"));
}

#[tokio::test]
async fn an_item_that_comes_again_is_the_first_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let t = first.tenant;
    let id = made(&store, t, "<1@example.com>", 0).await;
    let (again, is_new) = store.create_item(t, &by_at(5), &mail("<1@example.com>")).await.unwrap();
    assert_eq!((again.id, is_new), (id, false));
    let other = NewItem { channel: Channel::Web, ..mail("<1@example.com>") };
    let (other, is_new) = store.create_item(t, &by_at(6), &other).await.unwrap();
    assert!(is_new && other.id != id, "another channel has names of its own");
    let nameless = NewItem { external_id: None, ..mail("") };
    for second in [7, 8] {
        assert!(store.create_item(t, &by_at(second), &nameless).await.unwrap().1);
    }
    let open = store.open_items(t).await.unwrap();
    assert_eq!(open.len(), 4);
    assert!(open.iter().all(|item| item.content.is_empty()), "as many texts may be long");
    let missing = NewItem { queue: QueueId(999), ..mail("<2@example.com>") };
    let refused = store.create_item(t, &by_at(9), &missing).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { what: "queue", .. }), "{refused}");
}

#[tokio::test]
async fn what_a_state_does_not_allow_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let (t, a, b) = (first.tenant, first.agents[0].0, first.agents[1].0);
    let id = made(&store, t, "<1@example.com>", 0).await;
    change(&store, t, 1, id, offer(a)).await;
    let reply = || ItemChange::Reply { text: "Soon.".into(), way: ReplyWay::Mail };
    for what in [ItemChange::Take { agent: b }, done("x"), reply()] {
        let refused = store.change_item(t, &by_at(2), id, &what).await.unwrap_err();
        assert!(matches!(refused, Error::Refused(_)), "{refused}");
    }
    assert_eq!(store.item_steps(t, id).await.unwrap().len(), 2);
    let elsewhere = store.change_item(TenantId(99), &by_at(2), id, &done("x")).await.unwrap_err();
    assert!(matches!(elsewhere, Error::NotFound { .. }), "{elsewhere}");
    let close = ItemChange::Close { note: "spam".into() };
    let closed = change(&store, t, 3, id, close.clone()).await;
    assert_eq!((closed.state, closed.agent), (ItemState::Closed, None));
    assert!(store.change_item(t, &by_at(4), id, &close).await.is_err(), "it is over");
    assert_eq!(rows(&store).await.len(), 1);
}

#[tokio::test]
async fn items_are_found_by_what_they_are_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let (t, a) = (first.tenant, first.agents[0].0);
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(made(&store, t, &n.to_string(), n * 10).await);
    }
    change(&store, t, 60, ids[1], offer(a)).await;
    let find = async |filter: ItemFilter| {
        let found = store.items(t, &filter).await.unwrap();
        let ids: Vec<ItemId> = found.items.iter().map(|item| item.id).collect();
        (ids, found.next)
    };
    let all = ItemFilter { limit: 100, ..ItemFilter::default() };
    let latest_first: Vec<ItemId> = ids.iter().rev().copied().collect();
    assert_eq!(find(all.clone()).await, (latest_first.clone(), None));
    let (page, next) = find(ItemFilter { limit: 3, ..all.clone() }).await;
    assert_eq!(page, latest_first[..3]);
    let (rest, next) = find(ItemFilter { cursor: next, ..all.clone() }).await;
    assert_eq!((rest, next), (latest_first[3..].to_vec(), None));
    for (filter, found) in [
        (ItemFilter { agent: Some(a), ..all.clone() }, vec![ids[1]]),
        (ItemFilter { state: Some(ItemState::Offered), ..all.clone() }, vec![ids[1]]),
        (ItemFilter { channel: Some(Channel::Sms), ..all.clone() }, vec![]),
        (ItemFilter { from: Some(by_at(40).at), ..all.clone() }, vec![ids[4]]),
        (ItemFilter { to: Some(by_at(10).at), ..all.clone() }, vec![ids[0]]),
        (ItemFilter { queue: Some(QueueId(999)), ..all.clone() }, vec![]),
        (ItemFilter { queues: Some([].into()), ..all.clone() }, vec![]),
        (ItemFilter { queues: Some([FIRST_QUEUE].into()), ..all.clone() }, latest_first),
    ] {
        assert_eq!(find(filter.clone()).await.0, found, "{filter:?}");
    }
    let broken = ItemFilter { cursor: Some("x".into()), ..all };
    assert!(matches!(store.items(t, &broken).await, Err(Error::Invalid { field: "cursor", .. })));
    assert!(!store.item(t, ids[0]).await.unwrap().content.is_empty());
}

#[tokio::test]
async fn capacities_are_the_tenants_and_an_agents_own() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let (t, a, b) = (first.tenant, first.agents[0].0, first.agents[1].0);
    let rules = store.item_rules(t).await.unwrap();
    assert_eq!((rules.capacity(a, Channel::Email), rules.offer_s(FIRST_QUEUE)), (3, 60));
    let set = ItemCapacity {
        capacity: [(Channel::Email, 5)].into(),
        while_talking: [Channel::Web].into(),
    };
    store.put_item_capacity(t, &by_at(1), &set).await.unwrap();
    let own = AgentItemCapacity { capacity: [(Channel::Email, 0)].into() };
    store.put_agent_item_capacity(t, &by_at(2), a, &own).await.unwrap();
    let queue = store.queue(t, FIRST_QUEUE).await.unwrap();
    let mut draft = QueueDraft { name: queue.name, settings: queue.settings };
    draft.settings.item_offer_s = 20;
    store.change_queue(t, &by_at(3), FIRST_QUEUE, &draft).await.unwrap();
    store.close().await;

    let store = place::open(folder.path()).await;
    assert_eq!(store.item_capacity(t).await.unwrap(), set);
    assert_eq!(store.agent_item_capacity(t, a).await.unwrap(), own);
    let rules = store.item_rules(t).await.unwrap();
    let of = |agent| rules.capacity(agent, Channel::Email);
    assert_eq!((of(a), of(b), rules.offer_s(FIRST_QUEUE)), (0, 5, 20));
    assert!(rules.while_talking.contains(&Channel::Web));
    let much = ItemCapacity { capacity: [(Channel::Web, 101)].into(), ..set };
    let refused = store.put_item_capacity(t, &by_at(4), &much).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { field: "capacity", .. }), "{refused}");
    draft.settings.item_offer_s = 5;
    assert!(store.change_queue(t, &by_at(5), FIRST_QUEUE, &draft).await.is_err());
}

#[tokio::test]
async fn a_reply_is_taken_once_and_uncertain_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let (t, a) = (first.tenant, first.agents[0].0);
    let id = made(&store, t, "<1@example.com>", 0).await;
    change(&store, t, 1, id, ItemChange::Take { agent: a }).await;
    use ReplyWay::{Mail, Told as ByOthers};
    for (text, way) in [("Soon.", Mail), ("Now.", Mail), ("Said elsewhere.", ByOthers)] {
        change(&store, t, 2, id, ItemChange::Reply { text: text.into(), way }).await;
    }
    let at = |second| by_at(second).at;
    assert_eq!(store.claim_reply(at(1)).await.unwrap(), None, "none is due");
    let reply = store.claim_reply(at(2)).await.unwrap().expect("one waits");
    assert_eq!((reply.item, reply.text.as_str()), (id, "Soon."));
    let to = (reply.address.as_str(), reply.in_reply_to.as_deref());
    assert_eq!(to, ("li@example.com", Some("<1@example.com>")));
    store.note_reply(reply.step, ReplyDelivery::Waiting, "no room", at(62)).await.unwrap();
    let other =
        store.claim_reply(at(61)).await.unwrap().expect("what is tried later holds up none");
    assert_eq!(other.text, "Now.");
    assert_eq!(store.claim_reply(at(61)).await.unwrap(), None);
    assert_eq!(store.claim_reply(at(62)).await.unwrap(), Some(reply.clone()), "again");
    store.note_reply(reply.step, ReplyDelivery::Sent, "", at(62)).await.unwrap();
    assert_eq!(store.claim_reply(at(99)).await.unwrap(), None);
    store.close().await;

    let store = place::open(folder.path()).await;
    store.doubt_replies().await.unwrap();
    assert_eq!(store.claim_reply(at(99)).await.unwrap(), None, "it is not sent twice");
    let steps = store.item_steps(t, id).await.unwrap();
    let deliveries: Vec<_> = steps.iter().filter_map(|step| step.delivery).collect();
    use ReplyDelivery::{Sent, Told, Uncertain};
    assert_eq!(deliveries, [Sent, Uncertain, Told]);
    let empty = ItemChange::Reply { text: "  ".into(), way: Mail };
    let refused = store.change_item(t, &by_at(9), id, &empty).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { field: "text", .. }), "{refused}");
}

#[tokio::test]
async fn steps_are_told_in_order_until_they_are_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let (t, a) = (first.tenant, first.agents[0].0);
    let id = made(&store, t, "<1@example.com>", 0).await;
    let who = By { user: Some(UserId(a.0)), ..by_at(1) };
    store.change_item(t, &who, id, &ItemChange::Take { agent: a }).await.unwrap();
    let told = store.untold_item_steps(10).await.unwrap();
    let seen: Vec<_> = told.iter().map(|step| (step.item, step.action, step.agent)).collect();
    assert_eq!(seen, [(id, ItemAction::Create, None), (id, ItemAction::Take, Some(a))]);
    assert_eq!((told[1].by, told[1].channel), (who.user, Channel::Email));
    assert_eq!(store.untold_item_steps(1).await.unwrap(), told[..1]);
    store.note_item_steps_told(told[0].step).await.unwrap();
    assert_eq!(store.untold_item_steps(10).await.unwrap(), told[1..]);
}

#[tokio::test]
async fn what_was_over_for_long_is_forgotten_and_what_is_open_never() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let t = first.tenant;
    let (open, over) = (made(&store, t, "1", 0).await, made(&store, t, "2", 0).await);
    change(&store, t, 1, over, ItemChange::Close { note: String::new() }).await;
    let day = 86_400;
    assert_eq!(store.tidy_items(by_at(89 * day).at).await.unwrap(), 0);
    assert_eq!(store.tidy_items(by_at(91 * day).at).await.unwrap(), 1);
    assert!(store.item(t, over).await.is_err());
    assert_eq!(store.item_steps(t, open).await.unwrap().len(), 1);
    assert_eq!(rows(&store).await.len(), 1, "its row is the warehouse's");
}

#[tokio::test]
async fn a_message_of_a_queue_that_wants_it_is_an_item_once_it_can_be_heard() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let t = first.tenant;
    let entry = |seq: u64, kind: Kind| {
        let (v, at, tenant) = (ENTRY_VERSION, by_at(seq).at, t);
        let (contact, call, leg) = (None, None, None);
        Arc::new(Entry { v, seq, at, tenant, contact, call, leg, kind })
    };
    let left = |seq, recording| {
        let caller = String::new();
        entry(seq, Kind::VoicemailLeft { queue: FIRST_QUEUE, recording, caller })
    };
    let recorded = |seq, recording, state| {
        let of = (t, ContactId(1), CallId(1));
        let ledger = Ledger { state, ..Ledger::refused(of, recording, NOON, "too short") };
        let (agent, queue, meeting) = (None, Some(FIRST_QUEUE), None);
        entry(seq, Kind::Recorded { ledger, agent, queue, meeting, message: false })
    };
    let (one, two, three) = (RecordingId(71), RecordingId(72), RecordingId(73));
    let told = [left(1, one), recorded(2, one, RecordingState::Recorded)];
    store.keep_calling(&told, 2, false).await.unwrap();
    assert_eq!(store.open_items(t).await.unwrap(), [], "nobody wants it");

    let queue = store.queue(t, FIRST_QUEUE).await.unwrap();
    let mut draft = QueueDraft { name: queue.name, settings: queue.settings };
    draft.settings.messages_as_items = true;
    store.change_queue(t, &by_at(3), FIRST_QUEUE, &draft).await.unwrap();
    store.keep_calling(&[left(4, two)], 4, false).await.unwrap();
    assert_eq!(store.open_items(t).await.unwrap(), [], "it cannot be heard yet");
    let told = [
        recorded(5, two, RecordingState::Recorded),
        recorded(5, two, RecordingState::Recorded),
        left(6, three),
        recorded(7, three, RecordingState::Refused),
    ];
    store.keep_calling(&told, 7, false).await.unwrap();
    let items = store.open_items(t).await.unwrap();
    let [item] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!((item.channel, item.queue), (Channel::Message, FIRST_QUEUE));
    assert_eq!(item.external_id, Some(two.to_string()));
    assert_eq!(store.items_waiting_after(t, ItemId(0)).await.unwrap(), items);
    assert_eq!(store.items_waiting_after(t, item.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_fax_that_came_for_a_queue_is_one_item_of_it_and_of_nobody_but_its_agent() {
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = begun(folder.path()).await;
    let (t, a, b) = (first.tenant, first.agents[0].0, first.agents[1].0);
    let entry = |seq: u64, fax: u64, path: Option<&str>, queue: Option<QueueId>| {
        let path = path.map(str::to_owned);
        let outcome = FaxOutcome { fax: FaxId(fax), path, ..FaxOutcome::default() };
        let caller = PhoneNumber::parse("01065529988", "86");
        let work = queue.map(|queue| FaxWork { queue, caller });
        let (v, at, tenant) = (ENTRY_VERSION, by_at(seq).at, t);
        let (contact, call, leg) = (Some(ContactId(1)), Some(CallId(1)), None);
        let kind = Kind::FaxDone { document: None, outcome, work };
        Arc::new(Entry { v, seq, at, tenant, contact, call, leg, kind })
    };
    let came = Some("1/81.tif");
    let told = [
        entry(1, 81, came, Some(FIRST_QUEUE)),
        entry(2, 81, came, Some(FIRST_QUEUE)),
        entry(3, 82, came, None),
        entry(4, 83, None, Some(FIRST_QUEUE)),
        entry(5, 84, came, Some(QueueId(999))),
    ];
    store.keep_calling(&told, 5, false).await.unwrap();
    let items = store.open_items(t).await.unwrap();
    let [item] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!((item.channel, item.queue), (Channel::Fax, FIRST_QUEUE));
    assert_eq!((item.external_id.clone(), item.fax), (Some("81".to_owned()), Some(FaxId(81))));
    let number = PhoneNumber::parse("01065529988", "86").normal;
    assert_eq!((item.address.clone(), item.received_at), (number, by_at(1).at));
    change(&store, t, 6, item.id, offer(a)).await;
    let called = NewItem { channel: Channel::Fax, ..mail("82") };
    let (called, _) = store.create_item(t, &by_at(7), &called).await.unwrap();
    change(&store, t, 8, called.id, offer(a)).await;
    for (agent, fax, is_theirs) in [(a, 81, true), (b, 81, false), (a, 82, false)] {
        let found = store.is_fax_item_of(t, agent, FaxId(fax)).await.unwrap();
        assert_eq!(found, is_theirs, "{agent} {fax}");
    }
    let elsewhere = TenantId(t.0 + 1);
    assert!(!store.is_fax_item_of(elsewhere, a, FaxId(81)).await.unwrap());
}
