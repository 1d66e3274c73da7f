//! Text messages, on a real store: each is a row by its name, however often the log says it, and none is
//! said to be on its way when nobody knows any more.

use super::begun::{NOON, at, entry, filled};
use desk::bootstrap::FIRST_QUEUE;
use desk::item::write::{ItemChange, ReplyWay};
use desk::item::{Item, ItemStep, ReplyDelivery};
use desk::texts::{TextDirection, TextMessage, TextState, Whose};
use desk::trunk::{Settings, TrunkDraft};
use desk::{By, Error, Store};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use terms::event::{Entry, Kind, TextAsked, TextReceived, TextResult, TextSent, Written};
use terms::item::Channel;
use terms::{
    AgentId, ItemId, Person, PhoneNumber, QueueId, Subscriber, TenantId, TextId, TrunkId, UserId,
};

const MOBILE: &str = "13800138000";
const TRUNK: TrunkId = TrunkId(4);

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text, "86")
}

fn came(seq: u64, tenant: TenantId, from: &str, text: &str) -> Arc<Entry> {
    let (id, trunk, to) = (TextId(100 + seq), TRUNK, number("95105688"));
    let (from, text) = (number(from), Written(text.into()));
    entry(seq, tenant, Kind::TextReceived(TextReceived { id, trunk, from, to, text }))
}

fn went(seq: u64, tenant: TenantId, id: u64, result: TextResult) -> Arc<Entry> {
    let sent = TextSent {
        id: TextId(id),
        by: Some(UserId(3)),
        trunk: Some(TRUNK),
        from: "95105688".into(),
        to: number(MOBILE),
        text: Written("hello".into()),
        result,
        status: Some(202),
    };
    entry(seq, tenant, Kind::TextSent(sent))
}

fn started(seq: u64) -> Arc<Entry> {
    entry(seq, TenantId(0), Kind::Started { program: "9".into(), kept: Vec::new() })
}

/// One that the switch has on its way.
fn going(id: u64, asked: u64) -> TextMessage {
    TextMessage {
        id: TextId(id),
        direction: TextDirection::Out,
        trunk: None,
        number: number(MOBILE).normal,
        own_number: String::new(),
        text: "hello".into(),
        asked_by: Some(UserId(3)),
        at: at(asked),
        state: TextState::Sending,
        status: None,
        ended_at: None,
    }
}

async fn all(store: &Store, tenant: TenantId) -> Vec<TextMessage> {
    store.texts(tenant, &Whose::All, None, 100).await.unwrap()
}

#[tokio::test]
async fn a_text_that_came_is_one_row_however_often_the_log_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [came(1, tenant, MOBILE, "余额\n' OR 1=1 --"), came(2, tenant, "10086", "")];
    store.keep_calling(&entries, 2, false).await.unwrap();
    store.keep_calling(&entries, 2, false).await.unwrap();
    let texts = all(&store, tenant).await;
    assert_eq!(texts.iter().map(|text| text.id.0).collect::<Vec<_>>(), [102, 101]);
    let first = TextMessage {
        id: TextId(101),
        direction: TextDirection::In,
        trunk: Some(TRUNK),
        number: "+8613800138000".into(),
        own_number: number("95105688").normal,
        text: "余额\n' OR 1=1 --".into(),
        asked_by: None,
        at: at(1),
        state: TextState::Received,
        status: None,
        ended_at: None,
    };
    assert_eq!(texts[1], first);
    assert_eq!(store.text(tenant, &Whose::All, TextId(101)).await.unwrap(), first);
    let before = store.texts(tenant, &Whose::All, Some(TextId(102)), 100).await.unwrap();
    assert_eq!(before, [first]);
    assert!(all(&store, TenantId(tenant.0 + 1)).await.is_empty(), "another tenant has none");
    let of_another = store.text(TenantId(tenant.0 + 1), &Whose::All, TextId(101)).await;
    assert!(of_another.is_err());
}

#[tokio::test]
async fn what_came_of_a_text_is_known_whether_the_log_or_who_asked_was_first() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    store.add_text(tenant, &going(7, 1)).await.unwrap();
    store.keep_calling(&[went(5, tenant, 7, TextResult::Taken)], 5, false).await.unwrap();
    store.keep_calling(&[went(6, tenant, 8, TextResult::Unanswered)], 6, false).await.unwrap();
    store.add_text(tenant, &going(8, 1)).await.unwrap();
    let texts = all(&store, tenant).await;
    let told: Vec<_> = texts.iter().map(|text| (text.id.0, text.state, text.at)).collect();
    assert_eq!(told, [(8, TextState::Unanswered, at(6)), (7, TextState::Taken, at(1))]);
    assert_eq!((texts[1].trunk, texts[1].status), (Some(TRUNK), Some(202)));
    assert_eq!((texts[1].own_number.as_str(), texts[1].ended_at), ("95105688", Some(at(5))));
}

#[tokio::test]
async fn a_text_of_a_tenant_that_is_not_there_keeps_no_other_out() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let nobody = TenantId(tenant.0 + 9);
    let entries = [
        came(1, nobody, MOBILE, "lost"),
        went(2, nobody, 7, TextResult::Taken),
        came(3, tenant, MOBILE, "hello"),
        went(4, tenant, 8, TextResult::Taken),
    ];
    store.keep_calling(&entries, 4, false).await.unwrap();
    let texts = all(&store, tenant).await;
    let told: Vec<_> = texts.iter().map(|text| (text.id.0, text.state)).collect();
    assert_eq!(told, [(103, TextState::Received), (8, TextState::Taken)]);
    assert!(all(&store, nobody).await.is_empty());
}

#[tokio::test]
async fn a_text_on_its_way_when_the_switch_ends_is_unknown_and_one_of_afterwards_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    for (id, asked) in [(7, 1), (8, 60)] {
        store.add_text(tenant, &going(id, asked)).await.unwrap();
    }
    store.keep_calling(&[started(30)], 30, false).await.unwrap();
    let states: Vec<_> = all(&store, tenant).await.iter().map(|text| text.state).collect();
    assert_eq!(states, [TextState::Sending, TextState::Unknown]);
}

#[tokio::test]
async fn who_sees_no_other_texts_sees_those_that_they_had_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    store.keep_calling(&[came(1, tenant, MOBILE, "hello")], 1, false).await.unwrap();
    store.add_text(tenant, &going(7, 1)).await.unwrap();
    for (people, count) in [(vec![UserId(3), UserId(9)], 1), (vec![UserId(9)], 0), (vec![], 0)] {
        let whose = Whose::SentBy(people);
        assert_eq!(store.texts(tenant, &whose, None, 10).await.unwrap().len(), count, "{whose:?}");
        assert_eq!(store.text(tenant, &whose, TextId(7)).await.is_ok(), count == 1, "{whose:?}");
        assert!(store.text(tenant, &whose, TextId(101)).await.is_err(), "it came in");
    }
}

#[tokio::test]
async fn a_text_of_a_flow_is_on_its_way_by_nobody_until_the_log_says_what_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let asked = |seq: u64, id: u64| {
        let (id, to, text) = (TextId(id), number(MOBILE), Written("hello".into()));
        entry(seq, tenant, Kind::TextAsked(TextAsked { id, to, text }))
    };
    store.keep_calling(&[asked(1, 7), asked(2, 8)], 2, false).await.unwrap();
    let expected = TextMessage { asked_by: None, ..going(7, 1) };
    assert_eq!(store.text(tenant, &Whose::All, TextId(7)).await.unwrap(), expected);
    let limited = Whose::SentBy(vec![UserId(0), UserId(3)]);
    assert!(store.texts(tenant, &limited, None, 10).await.unwrap().is_empty());
    let mut sent = Entry::clone(&went(5, tenant, 7, TextResult::Taken));
    if let Kind::TextSent(sent) = &mut sent.kind {
        sent.by = None;
    }
    store.keep_calling(&[Arc::new(sent), started(30)], 30, false).await.unwrap();
    let texts = all(&store, tenant).await;
    let told: Vec<_> = texts.iter().map(|text| (text.id.0, text.state, text.at)).collect();
    assert_eq!(told, [(8, TextState::Unknown, at(2)), (7, TextState::Taken, at(1))]);
    assert_eq!((texts[1].asked_by, texts[1].trunk), (None, Some(TRUNK)));
}

#[tokio::test]
async fn texts_from_to_and_about_a_person_go_with_them_and_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [
        came(1, tenant, MOBILE, "my own"),
        came(2, tenant, "13900139000", "call 138-0013-8000"),
        came(3, tenant, "13900139000", "another"),
        went(4, tenant, 7, TextResult::Taken),
    ];
    store.keep_calling(&entries, 4, false).await.unwrap();
    let person = Person::by_number(MOBILE, "86").expect("a number");
    store.erase_person(tenant, &person).await.unwrap();
    store.keep_calling(&entries, 4, false).await.unwrap();
    let texts = all(&store, tenant).await;
    assert_eq!(texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>(), ["another"]);
}

#[tokio::test]
async fn texts_go_when_their_time_is_over_but_for_those_of_who_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let other = TenantId(tenant.0 + 1);
    let mut entries =
        vec![came(1, tenant, MOBILE, "held"), came(2, tenant, "13900139000", "call 138-0013-8000")];
    entries.extend((3..=1_203).map(|seq| came(seq, tenant, "13900139000", "over")));
    entries.push(came(2_000, tenant, "13900139000", "young"));
    store.keep_calling(&entries, 2_000, false).await.unwrap();
    let person = Subscriber::parse(MOBILE, "86").expect("a number");
    let held: BTreeSet<Subscriber> = [person].into();
    assert_eq!(store.forget_texts(other, at(1_500), &held).await.unwrap(), 0);
    assert_eq!(store.forget_texts(tenant, at(1_500), &held).await.unwrap(), 1_201);
    let left: Vec<_> = all(&store, tenant).await.into_iter().map(|text| text.text).collect();
    assert_eq!(left, ["young", "call 138-0013-8000", "held"]);
    assert_eq!(store.forget_texts(tenant, at(1_500), &BTreeSet::new()).await.unwrap(), 2);
}

/// A trunk whose texts wait in the first queue.
async fn handing_out(store: &Store, tenant: TenantId) -> TrunkId {
    let settings = Settings {
        sources: vec!["10.0.0.40".into()],
        texts_to_queue: Some(FIRST_QUEUE),
        ..Settings::default()
    };
    let draft = TrunkDraft { name: "mobile lines".into(), settings, ..TrunkDraft::default() };
    store.create_trunk(tenant, &By::system("test", NOON), &draft).await.unwrap().id
}

/// A text over this trunk.
fn came_over(trunk: TrunkId, entry: &Arc<Entry>) -> Arc<Entry> {
    let Kind::TextReceived(text) = &entry.kind else { panic!("{entry:?}") };
    let kind = Kind::TextReceived(TextReceived { trunk, ..text.clone() });
    Arc::new(Entry { kind, ..Entry::clone(entry) })
}

/// An item of a text, taken by the first agent.
async fn taken(store: &Store, tenant: TenantId) -> Item {
    let trunk = handing_out(store, tenant).await;
    let text = came_over(trunk, &came(1, tenant, MOBILE, "balance?"));
    store.keep_calling(&[text], 1, false).await.unwrap();
    let item = store.open_items(tenant).await.unwrap().remove(0);
    let take = ItemChange::Take { agent: AgentId(3) };
    store.change_item(tenant, &By::system("test", NOON), item.id, &take).await.unwrap()
}

/// Writes down a reply that goes out as a text; its step.
async fn replies(store: &Store, tenant: TenantId, item: ItemId) -> i64 {
    let (by, text) = (By::system("test", at(2)), "hello".to_owned());
    let reply = ItemChange::Reply { text, way: ReplyWay::Text };
    store.change_item_by_step(tenant, &by, item, &reply).await.unwrap().1
}

async fn last_step(store: &Store, tenant: TenantId, item: ItemId) -> ItemStep {
    store.item_steps(tenant, item).await.unwrap().pop().expect("it has steps")
}

#[tokio::test]
async fn a_text_of_a_trunk_that_names_a_queue_is_one_item_of_it_however_often_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let trunk = handing_out(&store, tenant).await;
    let entries =
        [came_over(trunk, &came(1, tenant, MOBILE, "balance?")), came(2, tenant, MOBILE, "again")];
    store.keep_calling(&entries, 2, false).await.unwrap();
    store.keep_calling(&entries, 2, false).await.unwrap();
    let told_anew = Entry { seq: 3, ..Entry::clone(&entries[0]) };
    store.keep_calling(&[Arc::new(told_anew)], 3, false).await.unwrap();
    assert_eq!(all(&store, tenant).await.len(), 2, "both are texts");
    let items = store.open_items(tenant).await.unwrap();
    let [item] = items.as_slice() else { panic!("{items:?}") };
    let item = store.item(tenant, item.id).await.unwrap();
    assert_eq!((item.channel, item.queue), (Channel::Sms, FIRST_QUEUE));
    assert_eq!((item.external_id.as_deref(), item.trunk), (Some("101"), Some(trunk)));
    assert_eq!((item.address.as_str(), item.content.as_str()), ("+8613800138000", "balance?"));
    assert_eq!(item.received_at, at(1));
}

#[tokio::test]
async fn a_trunk_names_no_queue_of_somebody_else_and_none_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let trunk = handing_out(&store, tenant).await;
    let by = By::system("test", NOON);
    let settings = Settings { texts_to_queue: Some(QueueId(999)), ..Settings::default() };
    let draft = TrunkDraft { name: "others".into(), settings, ..TrunkDraft::default() };
    for refused in [
        store.create_trunk(tenant, &by, &draft).await.unwrap_err(),
        store.change_trunk(tenant, &by, trunk, &draft).await.unwrap_err(),
    ] {
        let is_it = matches!(refused, Error::Invalid { field: "texts_to_queue", .. });
        assert!(is_it, "{refused}");
    }
    let settings: Settings = serde_json::from_value(json!({"proxy": "sip:a.example"})).unwrap();
    assert_eq!(settings.texts_to_queue, None);
}

#[tokio::test]
async fn a_reply_is_what_came_of_its_text_whether_the_log_or_its_name_was_first() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let item = taken(&store, tenant).await;
    let first = replies(&store, tenant, item.id).await;
    let step = last_step(&store, tenant, item.id).await;
    assert_eq!((step.id, step.delivery), (first, Some(ReplyDelivery::Sending)));
    store.note_reply_text(tenant, first, TextId(7)).await.unwrap();
    store.keep_calling(&[went(5, tenant, 7, TextResult::Taken)], 5, false).await.unwrap();
    let step = last_step(&store, tenant, item.id).await;
    assert_eq!((step.delivery, step.problem.as_str()), (Some(ReplyDelivery::Sent), ""));

    let second = replies(&store, tenant, item.id).await;
    store.keep_calling(&[went(6, tenant, 8, TextResult::Refused)], 6, false).await.unwrap();
    store.note_reply_text(tenant, second, TextId(8)).await.unwrap();
    let step = last_step(&store, tenant, item.id).await;
    assert_eq!(step.delivery, Some(ReplyDelivery::Failed));
    assert_eq!(step.problem, "the trunk did not take it: 202");
    assert_eq!(store.claim_reply(NOON).await.unwrap(), None, "no mail server is given it");
}

#[tokio::test]
async fn a_reply_whose_text_nobody_knows_of_any_more_is_uncertain_until_the_log_says() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let item = taken(&store, tenant).await;
    // Nobody has asked the switch yet, or nobody knows.
    let step = replies(&store, tenant, item.id).await;
    store.doubt_text_replies().await.unwrap();
    let delivery = async || last_step(&store, tenant, item.id).await.delivery;
    assert_eq!(delivery().await, Some(ReplyDelivery::Uncertain));
    store.note_reply_text(tenant, step, TextId(7)).await.unwrap();
    store.keep_calling(&[went(5, tenant, 7, TextResult::Taken)], 5, false).await.unwrap();
    assert_eq!(delivery().await, Some(ReplyDelivery::Sent));
    // The switch has it, and this process begins anew: the log will say.
    let step = replies(&store, tenant, item.id).await;
    store.note_reply_text(tenant, step, TextId(8)).await.unwrap();
    store.doubt_text_replies().await.unwrap();
    store.doubt_replies().await.unwrap();
    assert_eq!(delivery().await, Some(ReplyDelivery::Sending));
    store.keep_calling(&[started(30)], 30, false).await.unwrap();
    assert_eq!(delivery().await, Some(ReplyDelivery::Uncertain));
    let step = replies(&store, tenant, item.id).await;
    let why = (ReplyDelivery::Failed, "no right");
    store.note_reply_untexted(tenant, step, why).await.unwrap();
    assert_eq!(delivery().await, Some(ReplyDelivery::Failed));
}
