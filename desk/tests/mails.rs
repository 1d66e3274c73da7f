//! Mails that flows have sent, on a real store: each is a row by its name, sent once or known not to be,
//! and not too many are.

use super::begun::{NOON, at, entry, filled};
use desk::mails::{MailState, OutgoingMail};
use desk::{Error, Store};
use std::collections::BTreeSet;
use std::sync::Arc;
use terms::event::{Entry, Kind, MailAsked, Written};
use terms::{CallId, MailAddress, MailId, Person, Subscriber, TenantId};

const ZHANG: &str = "zhang@example.com";

/// The entry `seq` of the log asks for the mail of that number, in a call of its own.
fn asked(seq: u64, tenant: TenantId, address: &str, text: &str) -> Arc<Entry> {
    let mail = MailAsked {
        id: MailId(seq),
        address: address.into(),
        subject: "your parcel".into(),
        text: Written(text.into()),
        document: Some("price-list".into()),
    };
    in_call(CallId(seq), &entry(seq, tenant, Kind::MailAsked(mail)))
}

/// The same in that call.
fn asked_in(call: CallId, seq: u64, tenant: TenantId, text: &str) -> Arc<Entry> {
    in_call(call, &asked(seq, tenant, ZHANG, text))
}

fn in_call(call: CallId, entry: &Entry) -> Arc<Entry> {
    Arc::new(Entry { call: Some(call), ..entry.clone() })
}

async fn all(store: &Store, tenant: TenantId) -> Vec<OutgoingMail> {
    store.mails(tenant, None, 1_000).await.unwrap()
}

async fn states(store: &Store, tenant: TenantId) -> Vec<(u64, MailState)> {
    all(store, tenant).await.iter().map(|mail| (mail.id.0, mail.state)).collect()
}

#[tokio::test]
async fn a_mail_of_a_flow_is_one_row_however_often_the_log_says_it_and_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [asked(1, tenant, ZHANG, "' OR 1=1 --"), asked(2, tenant, "li@a.example", "x")];
    store.keep_calling(&entries, 2, false).await.unwrap();
    store.keep_calling(&entries, 2, false).await.unwrap();
    assert_eq!(states(&store, tenant).await, [(2, MailState::Waiting), (1, MailState::Waiting)]);
    let first = OutgoingMail {
        id: MailId(1),
        call: Some(CallId(1)),
        address: ZHANG.into(),
        subject: "your parcel".into(),
        text: "' OR 1=1 --".into(),
        document: Some("price-list".into()),
        asked_at: at(1),
        state: MailState::Waiting,
        tries: 0,
        problem: String::new(),
        ended_at: None,
    };
    assert_eq!(store.mail(tenant, MailId(1)).await.unwrap(), first);
    assert_eq!(
        store.mails(tenant, Some(MailId(2)), 9).await.unwrap(),
        std::slice::from_ref(&first)
    );
    let other = TenantId(tenant.0 + 1);
    assert!(matches!(store.mail(other, MailId(1)).await, Err(Error::NotFound { .. })));
    assert!(all(&store, other).await.is_empty(), "another tenant has none");

    assert_eq!(store.claim_mail(NOON).await.unwrap(), None, "it is not due yet");
    let (whose, taken) = store.claim_mail(at(9)).await.unwrap().expect("the first one");
    let expected = OutgoingMail { state: MailState::Sending, tries: 1, ..first.clone() };
    assert_eq!((whose, &taken), (tenant, &expected));
    store.note_mail(MailId(1), MailState::Waiting, "no room\n", at(60)).await.unwrap();
    let (_, second) = store.claim_mail(at(9)).await.unwrap().expect("the other one");
    assert_eq!(second.id, MailId(2), "one that waits holds up no other");
    store.note_mail(MailId(2), MailState::Sent, "", at(10)).await.unwrap();
    assert_eq!(store.claim_mail(at(59)).await.unwrap(), None);
    let (_, again) = store.claim_mail(at(60)).await.unwrap().expect("the first one again");
    assert_eq!((again.id, again.tries), (MailId(1), 2));
    store.note_mail(MailId(1), MailState::Failed, "no such receiver", at(61)).await.unwrap();
    store.note_mail(MailId(1), MailState::Sent, "", at(62)).await.unwrap();
    let over = store.mail(tenant, MailId(1)).await.unwrap();
    assert_eq!((over.state, over.problem.as_str()), (MailState::Failed, "no such receiver"));
    assert_eq!(over.ended_at, Some(at(61)), "what is over stays over");
}

#[tokio::test]
async fn a_call_has_one_mail_sent_whatever_its_flow_asks_for_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let call = CallId(9);
    store.keep_calling(&[asked_in(call, 1, tenant, "x")], 1, false).await.unwrap();
    // Under other names, while the first waits and after it was sent.
    let again = [asked_in(call, 2, tenant, "x"), asked_in(call, 3, tenant, "other")];
    store.keep_calling(&again[..1], 2, false).await.unwrap();
    let (_, mail) = store.claim_mail(at(9)).await.unwrap().expect("the first one");
    store.note_mail(mail.id, MailState::Sent, "", at(9)).await.unwrap();
    store.keep_calling(&again[1..], 3, false).await.unwrap();
    assert_eq!(states(&store, tenant).await, [(1, MailState::Sent)]);
    assert_eq!(store.claim_mail(at(9)).await.unwrap(), None);

    let others = [
        asked_in(CallId(10), 4, tenant, "x"),
        asked_in(CallId(10), 5, tenant, "x"),
        asked_in(CallId(11), 6, tenant, "x"),
    ];
    store.keep_calling(&others, 6, false).await.unwrap();
    let waiting = MailState::Waiting;
    let expected = [(6, waiting), (4, waiting), (1, MailState::Sent)];
    assert_eq!(states(&store, tenant).await, expected, "other calls have theirs, three in all");
}

#[tokio::test]
async fn a_mail_that_was_being_sent_when_the_box_ended_is_uncertain() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [asked(1, tenant, ZHANG, "x"), asked(2, tenant, "li@a.example", "x")];
    store.keep_calling(&entries, 2, false).await.unwrap();
    store.claim_mail(at(9)).await.unwrap().expect("the first one");
    store.doubt_mails(at(10)).await.unwrap();
    assert_eq!(states(&store, tenant).await, [(2, MailState::Waiting), (1, MailState::Uncertain)]);
    let mail = store.mail(tenant, MailId(1)).await.unwrap();
    assert!(mail.problem.contains("not known whether it arrived"), "{mail:?}");
    assert_eq!(mail.ended_at, Some(at(10)));
}

#[tokio::test]
async fn an_address_gets_three_an_hour_and_a_tenant_sends_no_more_than_its_callers_may() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let mut entries: Vec<_> = (1..=3).map(|seq| asked(seq, tenant, ZHANG, "x")).collect();
    entries.push(asked(4, tenant, "ZHANG@example.com", "x"));
    entries.push(asked(3_604, tenant, ZHANG, "x"));
    store.keep_calling(&entries, 3_604, false).await.unwrap();
    let waiting = |mails: &[OutgoingMail]| {
        let is_waiting = |mail: &&OutgoingMail| mail.state == MailState::Waiting;
        mails.iter().filter(is_waiting).map(|mail| mail.id.0).collect::<Vec<_>>()
    };
    let mails = all(&store, tenant).await;
    assert_eq!(waiting(&mails), [3_604, 3, 2, 1]);
    assert_eq!(mails[1].problem, "callers had too many mails sent within an hour");
    assert!(mails[1].ended_at.is_some());
    let many: Vec<_> = (10_000..10_502)
        .map(|seq| asked(seq, tenant, &format!("a{seq}@example.com"), "x"))
        .collect();
    store.keep_calling(&many, 10_502, false).await.unwrap();
    assert_eq!(waiting(&all(&store, tenant).await).len(), 4 + 500);
}

#[tokio::test]
async fn mails_to_and_about_a_person_go_with_them_and_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [
        asked(1, tenant, "Zhang@Example.com", "to them"),
        asked(2, tenant, "li@a.example", "write to zhang@example.com"),
        asked(3, tenant, "li@a.example", "call 138-0013-8000"),
        asked(4, tenant, "wang@a.example", "another"),
    ];
    store.keep_calling(&entries, 4, false).await.unwrap();
    let (_, taken) = store.claim_mail(at(9)).await.unwrap().expect("the first one");
    let number = Subscriber::parse("13800138000", "86");
    let person = Person::new(number, MailAddress::parse(ZHANG)).expect("a person");
    store.erase_person(tenant, &person).await.unwrap();
    store
        .note_mail(taken.id, MailState::Failed, "zhang@example.com: no room", at(9))
        .await
        .unwrap();
    store.keep_calling(&entries, 4, false).await.unwrap();
    let left: Vec<_> = all(&store, tenant).await.into_iter().map(|mail| mail.text).collect();
    assert_eq!(left, ["another"]);
}

#[tokio::test]
async fn mails_go_when_their_time_is_over_also_those_that_wait_but_not_those_of_who_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let entries = [
        asked(1, tenant, "a@a.example", "call 138-0013-8000"),
        asked(2, tenant, "b@a.example", "over"),
        asked(3, tenant, "c@a.example", "waits"),
        asked(2_000, tenant, "d@a.example", "young"),
    ];
    store.keep_calling(&entries, 2_000, false).await.unwrap();
    for _ in 0..2 {
        let (_, mail) = store.claim_mail(at(9)).await.unwrap().expect("one that is due");
        store.note_mail(mail.id, MailState::Sent, "", at(9)).await.unwrap();
    }
    let held: BTreeSet<Subscriber> =
        [Subscriber::parse("13800138000", "86").expect("a number")].into();
    assert_eq!(store.forget_mails(TenantId(tenant.0 + 1), at(1_000), &held).await.unwrap(), 0);
    assert_eq!(store.forget_mails(tenant, at(1_000), &held).await.unwrap(), 2);
    let left: Vec<_> = all(&store, tenant).await.into_iter().map(|mail| mail.text).collect();
    assert_eq!(left, ["young", "call 138-0013-8000"]);
    assert_eq!(store.forget_mails(tenant, at(1_000), &held).await.unwrap(), 0);
}

#[tokio::test]
async fn a_mail_of_a_tenant_that_is_not_there_keeps_no_other_out() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let nobody = TenantId(tenant.0 + 9);
    let entries = [asked(1, nobody, ZHANG, "lost"), asked(2, tenant, ZHANG, "kept")];
    store.keep_calling(&entries, 2, false).await.unwrap();
    assert_eq!(states(&store, tenant).await, [(2, MailState::Waiting)]);
}
