//! People who are forgotten by the business store: their card, orders, lists, and every byte.

use super::place;
use desk::area::AreaDraft;
use desk::bootstrap::Defaults;
use desk::customer::Card;
use desk::emergency::EmergencyDraft;
use desk::emergency::occasion::OccasionFilter;
use desk::erasure::{ErasureState, Reached};
use desk::item::query::ItemFilter;
use desk::item::write::{ItemChange, ReplyWay};
use desk::item::{NewItem, ReplyDelivery};
use desk::lease::{LeaseFilter, NewLease};
use desk::once::{Kept, Once, Slot};
use desk::order::Action;
use desk::order::write::NewOrder;
use desk::outgoing_fax::Then;
use desk::shift_log::{LogFilter, LogKind, NewLogEntry};
use desk::worker::WorkerDraft;
use desk::{By, Store};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::routing::LeaseKind;
use terms::{
    AgentId, FaxId, MailAddress, Person, QueueId, RecordingId, Subscriber, TenantId, Timestamp,
    UserId,
};

const AT: Timestamp = Timestamp::from_secs(1_795_406_400);
const DIGITS: &str = "13800138000";
const ADDRESS: &str = "zhang.wei@example.com";

async fn opened(folder: &Path) -> (Store, TenantId) {
    let store = place::open(folder).await;
    let first = store
        .bootstrap(&Defaults::with_flow(json!({"start": "hello", "steps": {}})), AT)
        .await
        .unwrap()
        .unwrap();
    (store, first.tenant)
}

async fn holds_digits(folder: &Path) -> bool {
    let bytes = place::bytes(folder).await;
    bytes.windows(DIGITS.len()).any(|some| some == DIGITS.as_bytes())
}

/// Whether the files have the mail address, whatever its case.
async fn holds_address(folder: &Path) -> bool {
    let bytes = place::bytes(folder).await.to_ascii_lowercase();
    bytes.windows(ADDRESS.len()).any(|some| some == ADDRESS.as_bytes())
}

fn person() -> Person {
    Person::by_number(DIGITS, "86").unwrap()
}

fn by() -> By {
    By::system("test", AT)
}

/// A person in every place that the store has.
async fn known(store: &Store, tenant: TenantId) -> terms::OrderId {
    let card = Card { name: "李雷".into(), note: "rings at night".into(), ..Card::default() };
    store.put_customer(tenant, &by(), DIGITS, &card).await.unwrap();
    let other = Card { note: format!("neighbour of {DIGITS}"), ..Card::default() };
    store.put_customer(tenant, &by(), "13900139000", &other).await.unwrap();
    store.put_order_fields(tenant, &by(), &["meter".to_owned()]).await.unwrap();
    let new = NewOrder {
        kind: "repair".into(),
        title: "lamp".into(),
        content: format!("ring {DIGITS} before"),
        address: "Long Street 1".into(),
        area: String::new(),
        customer_number: DIGITS.into(),
        call: None,
        department: Some("north".into()),
        assignee: None,
        deadline_at: None,
        warn_at: None,
        fields: [("meter".to_owned(), format!("of {DIGITS}"))].into(),
        origin: String::new(),
    };
    let order = store.create_order(tenant, &by(), &new).await.unwrap();
    let note = format!("asked at {DIGITS}");
    store.step_order(tenant, &by(), order.id, None, &Action::Start, &note).await.unwrap();
    let block = desk::blocked::Block::always(DIGITS, "rings at night");
    store.block(tenant, &by(), &block).await.unwrap();
    let writer = By { user: Some(UserId(1)), ..by() };
    let text = format!("{DIGITS} rang again");
    let entry = NewLogEntry { kind: LogKind::Incident, text };
    store.write_shift_log(tenant, &writer, None, &entry).await.unwrap();
    let item = json!({"channel": "sms", "queue": "1", "address": DIGITS, "subject": "meter",
        "content": format!("ring {DIGITS}")});
    let item = serde_json::from_value(item).unwrap();
    let (item, _) = store.create_item(tenant, &by(), &item).await.unwrap();
    let note = ItemChange::Note { note: format!("rang {DIGITS}") };
    store.change_item(tenant, &by(), item.id, &note).await.unwrap();
    let (queue, recording) = (QueueId(1), RecordingId(71));
    let kind = Kind::VoicemailLeft { queue, recording, caller: format!("+86{DIGITS}") };
    let (v, seq, at, contact, call, leg) = (ENTRY_VERSION, 1, AT, None, None, None);
    let left = Arc::new(Entry { v, seq, at, tenant, contact, call, leg, kind });
    store.keep_calling(&[left], seq, false).await.unwrap();
    // The warehouse has what the outbox held.
    let entries = store.read_after(0, 1_000).await.unwrap();
    store.forget_through(entries.last().unwrap().position).await.unwrap();
    order.id
}

#[tokio::test]
async fn no_byte_of_the_store_tells_of_who_was_erased_and_orders_are_still_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let order = known(&store, tenant).await;
    place::gather_statistics(folder.path()).await;
    assert!(holds_digits(folder.path()).await, "there is something to erase");
    let plan = store.compile_plan(tenant).await.unwrap().version;

    assert!(store.erase_person(tenant, &person()).await.unwrap() >= 8);
    assert!(!holds_digits(folder.path()).await);
    let order = store.order(tenant, order).await.unwrap();
    assert_eq!((order.title.as_str(), order.content.as_str(), order.version), ("", "", 2));
    assert_eq!((order.customer, order.customer_number.as_str()), (None, ""));
    assert_eq!(store.fields_of_order(tenant, order.id).await.unwrap()["meter"], "");
    assert!(store.customer_by_number(tenant, DIGITS).await.unwrap().is_none());
    let neighbour = store.customer_by_number(tenant, "13900139000").await.unwrap().unwrap();
    assert_eq!(neighbour.card.note, "");
    assert_eq!(store.blocked(tenant).await.unwrap(), []);
    let filter = ItemFilter { limit: 10, ..ItemFilter::default() };
    let items = store.items(tenant, &filter).await.unwrap().items;
    assert_eq!((items[0].address.as_str(), items[0].subject.as_str()), ("", ""), "it stays");
    let log = store.shift_log(tenant, &LogFilter::default(), 10).await.unwrap();
    assert!(log[0].text.ends_with(" rang again"), "the entry stays: {log:?}");
    let audit = store.audit(tenant, None, 100).await.unwrap();
    let blocked = audit.iter().find(|row| row.action == "caller.block").unwrap();
    assert_eq!(blocked.subject, "+86***", "the row stays");
    assert!(store.compile_plan(tenant).await.unwrap().version > plan, "calls are told");
    assert_eq!(store.erase_person(tenant, &person()).await.unwrap(), 0);
}

#[tokio::test]
async fn an_answer_that_tells_of_who_was_erased_is_given_to_nobody_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let named = format!("order-{DIGITS}");
    let of = |key: &str| Slot { tenant, user: UserId(1), key: key.to_owned() };
    // More than are looked through at a time.
    let others: Vec<String> = (100..170).map(|key| key.to_string()).collect();
    let keys = others.iter().map(String::as_str).chain(["a", "z", &named]);
    for key in keys {
        let begun = store.begin_once(&of(key), "f", AT).await.unwrap();
        assert_eq!(begun, Once::Begun, "{key}");
        let number = if key == "z" { DIGITS } else { "13900139000" };
        let body = Some(format!("{{\"number\":\"+86{number}\"}}"));
        let answer = Kept { status: 201, kind: "application/json".into(), body };
        store.keep_once(&of(key), &answer).await.unwrap();
    }
    store.erase_person(tenant, &person()).await.unwrap();
    assert!(!holds_digits(folder.path()).await);
    for (key, is_kept) in [("a", true), ("z", false)] {
        let known = store.begin_once(&of(key), "f", AT).await.unwrap();
        let Once::Known { answer: Some(kept), .. } = known else { panic!("{known:?}") };
        assert_eq!((kept.status, kept.body.is_some()), (201, is_kept), "{key}");
    }
    assert_eq!(store.begin_once(&of(&named), "f", AT).await.unwrap(), Once::Begun);
}

#[tokio::test]
async fn the_log_of_emergencies_stays_without_the_number_of_who_was_erased() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let draft = EmergencyDraft {
        announcement: Some("flood".into()),
        checklist: vec!["ring the mayor".into()],
        ..EmergencyDraft::default()
    };
    store.put_emergency(tenant, &by(), "flood", &draft).await.unwrap();
    let drill = store.start_drill(tenant, &by(), "flood").await.unwrap();
    let note = format!("nobody answered at {DIGITS}");
    store.end_drill(tenant, &by(), drill.id, &note).await.unwrap();
    store.erase_person(tenant, &person()).await.unwrap();
    assert!(!holds_digits(folder.path()).await);
    let log = store.occasions(tenant, &OccasionFilter::default(), 10).await.unwrap();
    let [drill] = &log[..] else { panic!("{log:?}") };
    assert_eq!(drill.note, "nobody answered at ***");
    assert_eq!(drill.points[0].text, "ring the mayor");
}

#[tokio::test]
async fn anothers_place_on_a_list_stays_and_says_nothing_of_who_was_erased() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let reason = format!("rings as {DIGITS} does");
    let block = desk::blocked::Block::always("13900139000", &reason);
    store.block(tenant, &by(), &block).await.unwrap();
    store.erase_person(tenant, &person()).await.unwrap();
    let blocked = store.blocked(tenant).await.unwrap();
    let told: Vec<&str> = blocked.iter().map(|block| block.reason.as_str()).collect();
    assert_eq!(told, [""]);
    assert!(!holds_digits(folder.path()).await);
}

#[tokio::test]
async fn no_fax_is_sent_any_more_to_who_was_erased_and_those_to_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    for number in [DIGITS, "+86 138 0013 8000", "13900139000"] {
        let draft = serde_json::from_value(json!({"number": number, "document": "news"}));
        store.add_outgoing_fax(tenant, &by(), draft.unwrap()).await.unwrap();
    }
    let failed = format!("the call did not come about: {DIGITS}");
    store.claim_outgoing_fax(FaxId(7), AT).await.unwrap().expect("it is due");
    store.outgoing_fax_refused(FaxId(7), &failed, Then::Fail, AT).await.unwrap();
    assert!(store.erase_person(tenant, &person()).await.unwrap() >= 2);
    let left = store.outgoing_faxes(tenant, None, 10).await.unwrap();
    let left: Vec<_> = left.iter().map(|fax| fax.draft.number.as_str()).collect();
    assert_eq!(left, ["13900139000"]);
    assert!(!holds_digits(folder.path()).await, "the audit table says no number");
}

fn worker(phone: &str) -> WorkerDraft {
    let (name, substitute, absence) = ("李雷".into(), None, None);
    WorkerDraft { name, phone: phone.into(), bound: true, substitute, absence }
}

/// A lease of one of the tenant's numbers, by its code, for somebody.
fn lease(code: &str, a: &str, reference: &str) -> NewLease {
    NewLease {
        kind: LeaseKind::Axe,
        number: "95105688".into(),
        a: a.into(),
        b: None,
        code: Some(code.into()),
        from: None,
        until: Timestamp(AT.0 + 3_600_000_000),
        record: false,
        reference: reference.into(),
    }
}

#[tokio::test]
async fn leases_field_workers_and_areas_forget_who_was_erased_and_go_on_without() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let theirs = store.create_worker(tenant, &by(), &worker(DIGITS)).await.unwrap();
    let other = store.create_worker(tenant, &by(), &worker("13900139000")).await.unwrap();
    let area = AreaDraft {
        code: "020-1".into(),
        name: "North".into(),
        name_en: String::new(),
        number: None,
        workers: vec![theirs.id, other.id],
        team: None,
        queue: QueueId(1),
        ring_s: 20,
        order: None,
        callers: vec![DIGITS.into(), "+862087*".into()],
        addresses: Vec::new(),
    };
    let area = store.create_area(tenant, &by(), &area).await.unwrap();
    let ended = store.create_lease(tenant, &by(), &lease("11", DIGITS, "o-1")).await.unwrap();
    let kept = lease("22", "13900139000", &format!("for {DIGITS}"));
    let kept = store.create_lease(tenant, &by(), &kept).await.unwrap();
    let before = store.lease_versions().await.unwrap()[0].1;
    let entries = store.read_after(0, 1_000).await.unwrap();
    if let Some(last) = entries.last() {
        store.forget_through(last.position).await.unwrap();
    }

    store.erase_person(tenant, &person()).await.unwrap();
    assert!(!holds_digits(folder.path()).await);
    let grid = store.compile_plan(tenant).await.unwrap().grid;
    let of = |id| grid.workers.iter().find(|worker| worker.id == id).unwrap();
    assert_eq!((of(theirs.id).bound, of(theirs.id).phone.as_str()), (false, ""));
    assert_eq!((of(other.id).bound, of(other.id).phone.as_str()), (true, "13900139000"));
    let area = store.area(tenant, area.id).await.unwrap();
    assert_eq!(area.draft.callers, ["+862087*"]);
    assert_eq!(area.draft.workers, [theirs.id, other.id], "the area goes on");
    // Calls are told of the one that is over, and it never counts again.
    let told = store.lease_changes(tenant, Some(before), AT).await.unwrap().leases;
    let told: Vec<_> = told.iter().map(|lease| (lease.id, lease.counts(AT))).collect();
    assert_eq!(told, [(ended.id, false)]);
    let listed = store.leases(tenant, &LeaseFilter::default(), 10).await.unwrap();
    let kept = listed.iter().find(|lease| lease.id == kept.id).unwrap();
    assert_eq!((kept.reference.as_str(), kept.until > AT), ("", true));
    assert_eq!(store.erase_person(tenant, &person()).await.unwrap(), 0);
}

#[tokio::test]
async fn another_tenants_card_of_the_same_number_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    known(&store, tenant).await;
    let profile = desk::tenant::Profile {
        name: "Other".into(),
        time_zone: "Asia/Shanghai".into(),
        country: "86".into(),
        realm: "other".into(),
        language: "en".into(),
    };
    let other = store.create_tenant(&by(), &profile).await.unwrap().id;
    let card = Card { name: "李雷".into(), ..Card::default() };
    store.put_customer(other, &by(), DIGITS, &card).await.unwrap();
    store.erase_person(tenant, &person()).await.unwrap();
    assert!(store.customer_by_number(other, DIGITS).await.unwrap().is_some());
}

#[tokio::test]
async fn a_wish_is_kept_sealed_until_it_has_ended_and_its_number_nowhere_after() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    for bad in ["", "asked by 138 0013 8000"] {
        let refused = store.ask_erasure(tenant, &by(), &person(), bad).await.unwrap_err();
        assert!(refused.to_string().starts_with("reason: "), "{refused}");
    }
    let asked = store.ask_erasure(tenant, &by(), &person(), "letter of 3 May").await.unwrap();
    assert_eq!(asked.state, ErasureState::Waiting);
    assert!(!holds_digits(folder.path()).await, "it lies sealed");
    let open = store.open_erasures(tenant).await.unwrap();
    assert_eq!(
        (open[0].id, open[0].person.clone(), open[0].erased),
        (asked.id, Some(person()), None)
    );

    let reached = Reached { rows: 3, entries: 2, ..Reached::default() };
    store.note_reached(tenant, asked.id, reached, None, "days wait").await.unwrap();
    let both = Some((AT, Timestamp(AT.0 + 1)));
    store.note_reached(tenant, asked.id, reached, both, "").await.unwrap();
    assert_eq!(store.open_erasures(tenant).await.unwrap()[0].erased, both);
    let now = store.erasure(tenant, asked.id).await.unwrap();
    assert_eq!((now.state, now.rows, now.entries), (ErasureState::Clearing, 6, 4));

    store.end_erasure(tenant, asked.id, ErasureState::Done, "", AT).await.unwrap();
    assert_eq!(store.open_erasures(tenant).await.unwrap(), []);
    let listed = store.erasures(tenant, None, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].state), (1, ErasureState::Done));
    assert!(store.erasure(TenantId(99), asked.id).await.is_err(), "another tenant has none");
    place::sql(folder.path(), "UPDATE erasures SET ended_at = NULL").await.unwrap();
    assert_eq!(store.open_erasures(tenant).await.unwrap(), [], "no number is left, sealed or not");
}

#[tokio::test]
async fn who_only_has_the_digits_within_a_longer_number_is_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let note = format!("see order 9{DIGITS}");
    let card = Card { name: "韩梅梅".into(), note: note.clone(), ..Card::default() };
    // As somebody abroad would have it, and a longer one.
    for number in ["+4413800138000", "913800138000"] {
        store.put_customer(tenant, &by(), number, &card).await.unwrap();
        let block = desk::blocked::Block::always(number, "rings at night");
        store.block(tenant, &by(), &block).await.unwrap();
    }
    let longer = worker("+4413800138000");
    let theirs = store.create_worker(tenant, &by(), &longer).await.unwrap();
    assert_eq!(store.erase_person(tenant, &person()).await.unwrap(), 0);
    let found = store.customer_by_number(tenant, "+4413800138000").await.unwrap().unwrap();
    assert_eq!((found.card.name.as_str(), found.card.note), ("韩梅梅", note));
    assert_eq!(store.blocked(tenant).await.unwrap().len(), 2);
    assert!(store.worker(tenant, theirs.id).await.unwrap().draft.bound);
    // Each form of their own number is theirs.
    for form in ["013800138000", "0086 138 0013 8000"] {
        let person = Person::by_number(form, "86").unwrap();
        store.put_customer(tenant, &by(), DIGITS, &card).await.unwrap();
        assert!(store.erase_person(tenant, &person).await.unwrap() > 0, "{form}");
        assert!(store.customer_by_number(tenant, DIGITS).await.unwrap().is_none(), "{form}");
    }
}

#[tokio::test]
async fn a_number_that_somebody_wrote_in_groups_into_a_note_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    for (number, note) in [
        ("13900139000", "neighbour of 138 0013-8000"),
        ("13900139001", "neighbour of +86 (0)138-0013-8000"),
        ("13900139002", "neighbour of 9138 0013 8000"),
    ] {
        let card = Card { note: note.into(), ..Card::default() };
        store.put_customer(tenant, &by(), number, &card).await.unwrap();
    }
    assert!(store.erase_person(tenant, &person()).await.unwrap() >= 2);
    let note =
        async |number| store.customer_by_number(tenant, number).await.unwrap().unwrap().card.note;
    assert_eq!(
        (note("13900139000").await, note("13900139001").await),
        (String::new(), String::new())
    );
    assert_eq!(note("13900139002").await, "neighbour of 9138 0013 8000");
}

fn item(address: &str, content: &str) -> NewItem {
    let item = json!({"channel": "email", "queue": "1", "address": address, "subject": "meter",
        "content": content});
    serde_json::from_value(item).unwrap()
}

#[tokio::test]
async fn who_is_known_by_a_mail_address_alone_is_in_no_byte_of_the_store_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let new = item("Zhang.Wei@example.com", "It stands still.");
    let new = NewItem { external_id: Some(format!("{ADDRESS}/7")), ..new };
    let (theirs, _) = store.create_item(tenant, &by(), &new).await.unwrap();
    let note = ItemChange::Note { note: "Mrs Zhang wrote twice".into() };
    store.change_item(tenant, &by(), theirs.id, &note).await.unwrap();
    let new = item("li@example.com", "as ZHANG.WEI@EXAMPLE.COM says");
    let (other, _) = store.create_item(tenant, &by(), &new).await.unwrap();
    let card = Card { note: format!("writes from {ADDRESS}"), ..Card::default() };
    store.put_customer(tenant, &by(), "13900139000", &card).await.unwrap();
    store.note(tenant, &by(), "mail.ask", ADDRESS).await.unwrap();
    if let Some(last) = store.read_after(0, 1_000).await.unwrap().last() {
        store.forget_through(last.position).await.unwrap();
    }
    assert!(holds_address(folder.path()).await, "there is something to erase");

    let person = Person::by_mail("ZHANG.wei@Example.com").unwrap();
    assert!(store.erase_person(tenant, &person).await.unwrap() >= 6);
    assert!(!holds_address(folder.path()).await);
    let theirs = store.item(tenant, theirs.id).await.unwrap();
    assert_eq!((theirs.address.as_str(), theirs.external_id), ("", None));
    assert_eq!((theirs.subject.as_str(), theirs.content.as_str()), ("", ""));
    let steps = store.item_steps(tenant, theirs.id).await.unwrap();
    assert!(steps.len() == 2 && steps.iter().all(|step| step.text.is_empty()), "{steps:?}");
    let other = store.item(tenant, other.id).await.unwrap();
    assert_eq!((other.address.as_str(), other.subject.as_str()), ("li@example.com", "meter"));
    assert_eq!(other.content, "", "it named them");
    let card = store.customer_by_number(tenant, "13900139000").await.unwrap().unwrap().card;
    assert_eq!(card.note, "");
    let audit = store.audit(tenant, None, 100).await.unwrap();
    let asked = audit.iter().find(|row| row.action == "mail.ask").unwrap();
    assert_eq!(asked.subject, "***", "the row stays");
    assert_eq!(store.erase_person(tenant, &person).await.unwrap(), 0);
}

#[tokio::test]
async fn who_has_the_mail_address_within_a_longer_one_is_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let person = Person::by_mail(ADDRESS).unwrap();
    for address in ["li.zhang.wei@example.com", "zhang.wei@example.com.cn", "zhang_wei@example.com"]
    {
        let (made, _) = store.create_item(tenant, &by(), &item(address, "x")).await.unwrap();
        assert_eq!(store.erase_person(tenant, &person).await.unwrap(), 0, "{address}");
        let left = store.item(tenant, made.id).await.unwrap();
        assert_eq!((left.address.as_str(), left.content.as_str()), (address, "x"));
    }
}

#[tokio::test]
async fn no_reply_goes_out_any_more_to_who_was_erased() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let (made, _) = store.create_item(tenant, &by(), &item(ADDRESS, "When?")).await.unwrap();
    let reply = ItemChange::Reply { text: "Soon.".into(), way: ReplyWay::Mail };
    for change in [ItemChange::Take { agent: AgentId(1) }, reply] {
        store.change_item(tenant, &by(), made.id, &change).await.unwrap();
    }
    let (other, _) = store.create_item(tenant, &by(), &item("li@a.cn", "Who?")).await.unwrap();
    let names = ItemChange::Reply { text: format!("Write to {ADDRESS}."), way: ReplyWay::Mail };
    for change in [ItemChange::Take { agent: AgentId(1) }, names] {
        store.change_item(tenant, &by(), other.id, &change).await.unwrap();
    }
    store.erase_person(tenant, &Person::by_mail(ADDRESS).unwrap()).await.unwrap();
    let claimed = store.claim_reply(by().at).await.unwrap();
    assert_eq!(claimed, None, "nor to somebody else without a word");
    for item in [made.id, other.id] {
        let steps = store.item_steps(tenant, item).await.unwrap();
        let reply = steps.last().unwrap();
        assert_eq!((reply.text.as_str(), reply.delivery), ("", Some(ReplyDelivery::Failed)));
    }
}

#[tokio::test]
async fn what_a_mail_server_says_of_a_reply_to_who_was_erased_meanwhile_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let (made, _) = store.create_item(tenant, &by(), &item(ADDRESS, "When?")).await.unwrap();
    let reply = ItemChange::Reply { text: "Soon.".into(), way: ReplyWay::Mail };
    for change in [ItemChange::Take { agent: AgentId(1) }, reply] {
        store.change_item(tenant, &by(), made.id, &change).await.unwrap();
    }
    let sent = store.claim_reply(by().at).await.unwrap().expect("it waits");
    store.erase_person(tenant, &Person::by_mail(ADDRESS).unwrap()).await.unwrap();
    let problem = format!("450 {ADDRESS} is away");
    store.note_reply(sent.step, ReplyDelivery::Waiting, &problem, by().at).await.unwrap();
    assert_eq!(store.claim_reply(by().at).await.unwrap(), None, "it is not tried again");
    let steps = store.item_steps(tenant, made.id).await.unwrap();
    let reply = steps.last().unwrap();
    assert_eq!((reply.problem.as_str(), reply.delivery), ("", Some(ReplyDelivery::Failed)));
}

#[tokio::test]
async fn a_wish_by_mail_address_is_kept_sealed_too_alone_or_beside_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = opened(folder.path()).await;
    let mail = Person::by_mail(ADDRESS).unwrap();
    let both = Person::new(Subscriber::parse(DIGITS, "86"), MailAddress::parse(ADDRESS)).unwrap();
    let bad = "asked by Zhang.Wei@Example.com";
    let refused = store.ask_erasure(tenant, &by(), &mail, bad).await.unwrap_err();
    assert!(refused.to_string().contains("leave the mail address out of it"), "{refused}");
    for person in [&mail, &both] {
        store.ask_erasure(tenant, &by(), person, "letter of 3 May").await.unwrap();
    }
    let path = folder.path();
    assert!(!holds_address(path).await && !holds_digits(path).await, "they lie sealed");
    let open = store.open_erasures(tenant).await.unwrap();
    let people: Vec<Option<&Person>> = open.iter().map(|open| open.person.as_ref()).collect();
    assert_eq!(people, [Some(&mail), Some(&both)]);

    place::sql(path, "UPDATE erasures SET mail_sealed = 'x'").await.unwrap();
    let open = store.open_erasures(tenant).await.unwrap();
    assert!(open.iter().all(|open| open.person.is_none()), "nobody is erased by half: {open:?}");
    for open in open {
        store.end_erasure(tenant, open.id, ErasureState::Done, "", AT).await.unwrap();
    }
    place::sql(path, "UPDATE erasures SET ended_at = NULL").await.unwrap();
    assert_eq!(store.open_erasures(tenant).await.unwrap(), [], "nothing is left, sealed or not");
}
