//! Faxes that the box sends, on a real store: they are taken one by one, tried again where nobody
//! answered, and never after one was delivered or nobody knows.

use super::begun::{NOON, at, filled};
use super::place;
use desk::outgoing_fax::{AT_ONCE_MAX, FaxDraft, OutgoingFax, OutgoingFaxState, Then};
use desk::tenant::Profile;
use desk::{By, Store};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{ENTRY_VERSION, Entry, Kind, Outcome, Party};
use terms::media::FaxOutcome;
use terms::{CallId, FaxId, PhoneNumber, TenantId, UserId};

const CALL: CallId = CallId(900);

fn by() -> By {
    By::system("test", NOON)
}

fn draft(number: &str) -> FaxDraft {
    let told = json!({"number": number, "document": "price-list", "tries_max": 2, "pause_s": 60});
    serde_json::from_value(told).unwrap()
}

fn entry(seq: u64, tenant: TenantId, kind: Kind) -> Arc<Entry> {
    Arc::new(Entry {
        v: ENTRY_VERSION,
        seq,
        at: at(seq),
        tenant,
        contact: None,
        call: Some(CALL),
        leg: None,
        kind,
    })
}

fn ended(seq: u64, tenant: TenantId, outcome: FaxOutcome) -> Arc<Entry> {
    let document = Some("price-list".to_owned());
    entry(seq, tenant, Kind::FaxDone { document, outcome, work: None })
}

fn busy(fax: u64) -> FaxOutcome {
    let failed = FaxOutcome::failed(FaxId(fax), "the number is busy");
    FaxOutcome { unreached: Some(17), ..failed }
}

async fn only(store: &Store, tenant: TenantId) -> OutgoingFax {
    let mut all = store.outgoing_faxes(tenant, None, 10).await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[tokio::test]
async fn a_fax_is_tried_again_after_its_pause_over_a_start_and_not_after_it_was_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let added = store.add_outgoing_fax(tenant, &by(), draft("01065529988")).await.unwrap();
    assert_eq!((added.state, added.tries), (OutgoingFaxState::Waiting, 0));
    assert!(store.outgoing_fax_due(at(0)).await.unwrap());
    let taken = store.claim_outgoing_fax(FaxId(71), at(1)).await.unwrap().expect("it is due");
    assert_eq!((taken.id, taken.tenant, taken.tries), (added.id, tenant, 1));
    assert_eq!(taken.draft, draft("01065529988"));
    assert_eq!(store.claim_outgoing_fax(FaxId(72), at(1)).await.unwrap(), None, "it is taken");
    store.outgoing_fax_called(FaxId(71), CALL).await.unwrap();
    store.keep_calling(&[ended(10, tenant, busy(71))], 10, false).await.unwrap();
    store.close().await;

    let store = place::open(folder.path()).await;
    let waits = only(&store, tenant).await;
    assert_eq!((waits.state, waits.next_at), (OutgoingFaxState::Waiting, Some(at(70))));
    assert_eq!((waits.problem.as_str(), waits.call), ("the number is busy", Some(CALL)));
    assert_eq!(store.claim_outgoing_fax(FaxId(73), at(69)).await.unwrap(), None);
    let again = store.claim_outgoing_fax(FaxId(73), at(70)).await.unwrap().expect("it is due");
    assert_eq!((again.tries, again.call), (2, None));
    // A word about the try before comes again, and one about a fax of a flow.
    let whole = FaxOutcome { fax: FaxId(73), complete: true, pages: 3, ..FaxOutcome::default() };
    let flows = FaxOutcome { fax: FaxId(5), ..whole.clone() };
    let told = [busy(71), flows].map(|outcome| ended(80, tenant, outcome));
    store.keep_calling(&told, 80, false).await.unwrap();
    assert_eq!(only(&store, tenant).await.state, OutgoingFaxState::Calling);
    let strangers = [ended(81, TenantId(tenant.0 + 1), whole.clone())];
    store.keep_calling(&strangers, 81, false).await.unwrap();
    assert_eq!(only(&store, tenant).await.state, OutgoingFaxState::Calling);
    store.keep_calling(&[ended(90, tenant, whole)], 90, false).await.unwrap();
    let sent = only(&store, tenant).await;
    assert_eq!((sent.state, sent.pages), (OutgoingFaxState::Sent, 3));
    assert_eq!((sent.problem.as_str(), sent.ended_at), ("", Some(at(90))));
    store.keep_calling(&[ended(91, tenant, busy(73))], 91, false).await.unwrap();
    store.tidy_outgoing_faxes(at(80_000)).await.unwrap();
    assert_eq!(only(&store, tenant).await, sent);
    assert_eq!(store.claim_outgoing_fax(FaxId(74), at(80_000)).await.unwrap(), None);
    // It is forgotten in the end.
    store.tidy_outgoing_faxes(at(91 * 86_400)).await.unwrap();
    assert_eq!(store.outgoing_faxes(tenant, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_try_of_which_nobody_knows_what_came_is_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let unknown = "it is not known whether it arrived; ask before it is sent again";
    // The call path was killed.
    store.add_outgoing_fax(tenant, &by(), draft("01065529988")).await.unwrap();
    store.claim_outgoing_fax(FaxId(71), at(0)).await.unwrap().expect("it is due");
    store.outgoing_fax_called(FaxId(71), CALL).await.unwrap();
    let (outcome, cause, by_whom) = (Outcome::Interrupted, 41, Party::System);
    let interrupted = entry(9, tenant, Kind::CallEnded { outcome, cause, by: by_whom });
    store.keep_calling(&[interrupted], 9, false).await.unwrap();
    let lost = only(&store, tenant).await;
    assert_eq!((lost.state, lost.problem.as_str()), (OutgoingFaxState::Failed, unknown));
    // The API was, before it heard whether there is a call.
    store.add_outgoing_fax(tenant, &by(), draft("01065529989")).await.unwrap();
    store.claim_outgoing_fax(FaxId(72), at(20)).await.unwrap().expect("it is due");
    assert_eq!(store.tidy_outgoing_faxes(at(3_600)).await.unwrap(), 0, "it may still be sent");
    assert_eq!(store.tidy_outgoing_faxes(at(5 * 3_600)).await.unwrap(), 1);
    let all = store.outgoing_faxes(tenant, None, 10).await.unwrap();
    assert!(all.iter().all(|fax| fax.state == OutgoingFaxState::Failed && fax.problem == unknown));
    assert_eq!(store.claim_outgoing_fax(FaxId(73), at(90_000)).await.unwrap(), None);
    // Where the log says it after all, it is known.
    let whole = FaxOutcome { fax: FaxId(72), complete: true, pages: 3, ..FaxOutcome::default() };
    store.keep_calling(&[ended(9_000, tenant, whole)], 9_000, false).await.unwrap();
    let known = store.outgoing_faxes(tenant, None, 10).await.unwrap().remove(0);
    assert_eq!((known.state, known.pages), (OutgoingFaxState::Sent, 3));
    // That nobody answered is known then, too, but whoever read that it is over may have sent another.
    store.keep_calling(&[ended(9_001, tenant, busy(71))], 9_001, false).await.unwrap();
    let known = store.outgoing_faxes(tenant, None, 10).await.unwrap().remove(1);
    assert_eq!((known.state, known.ended_at), (OutgoingFaxState::Failed, Some(at(9_001))));
    assert_eq!((known.problem.as_str(), known.next_at), ("the number is busy", None));
    assert_eq!(store.claim_outgoing_fax(FaxId(74), at(90_000)).await.unwrap(), None);
}

#[tokio::test]
async fn a_tenant_with_many_faxes_does_not_keep_the_one_of_another_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (store, many) = filled(folder.path()).await;
    let profile = Profile {
        name: "Other".into(),
        time_zone: "Asia/Shanghai".into(),
        country: "86".into(),
        realm: "other".into(),
        language: "en".into(),
    };
    let one = store.create_tenant(&by(), &profile).await.unwrap().id;
    for n in 0..3 {
        store.add_outgoing_fax(many, &by(), draft(&n.to_string())).await.unwrap();
    }
    store.add_outgoing_fax(one, &by(), draft("9")).await.unwrap();
    let mut taken = Vec::new();
    for n in 0..4 {
        assert_eq!(store.outgoing_faxes_under_way().await.unwrap(), n);
        let fax = store.claim_outgoing_fax(FaxId(70 + n as u64), at(0)).await.unwrap();
        taken.push(fax.expect("it is due").draft.number);
    }
    assert_eq!(taken, ["0", "9", "1", "2"]);
}

#[tokio::test]
async fn a_switch_that_makes_no_call_costs_a_try_only_where_it_never_will() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    store.add_outgoing_fax(tenant, &by(), draft("01065529988")).await.unwrap();
    store.claim_outgoing_fax(FaxId(71), at(0)).await.unwrap().expect("it is due");
    let later = Then::Wait(Duration::from_secs(30));
    store.outgoing_fax_refused(FaxId(71), "full", later, at(1)).await.unwrap();
    let waits = only(&store, tenant).await;
    assert_eq!((waits.tries, waits.next_at), (0, Some(at(31))));
    store.claim_outgoing_fax(FaxId(72), at(31)).await.unwrap().expect("it is due");
    // The name of the try before says nothing any more.
    store.outgoing_fax_refused(FaxId(71), "full", Then::Fail, at(32)).await.unwrap();
    assert_eq!(only(&store, tenant).await.state, OutgoingFaxState::Calling);
    store.outgoing_fax_refused(FaxId(72), "no right", Then::Fail, at(32)).await.unwrap();
    let failed = only(&store, tenant).await;
    assert_eq!((failed.state, failed.tries), (OutgoingFaxState::Failed, 1));
    assert_eq!((failed.problem.as_str(), failed.ended_at), ("no right", Some(at(32))));
}

#[tokio::test]
async fn one_that_waits_can_be_taken_off_and_only_so_many_are_sent_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let first = store.add_outgoing_fax(tenant, &by(), draft("1")).await.unwrap().id;
    let stranger = TenantId(tenant.0 + 1);
    assert!(store.cancel_outgoing_fax(stranger, &by(), first).await.is_err());
    store.cancel_outgoing_fax(tenant, &by(), first).await.unwrap();
    assert!(store.cancel_outgoing_fax(tenant, &by(), first).await.is_err(), "it is over");
    assert_eq!(store.claim_outgoing_fax(FaxId(1), at(0)).await.unwrap(), None);
    for n in 0..=AT_ONCE_MAX {
        store.add_outgoing_fax(tenant, &by(), draft(&n.to_string())).await.unwrap();
    }
    for n in 0..AT_ONCE_MAX as u64 {
        let taken = store.claim_outgoing_fax(FaxId(100 + n), at(0)).await.unwrap();
        assert_eq!(taken.expect("it is due").draft.number, n.to_string(), "who waits longest");
    }
    assert_eq!(store.claim_outgoing_fax(FaxId(99), at(0)).await.unwrap(), None);
    let whole = FaxOutcome { fax: FaxId(100), complete: true, ..FaxOutcome::default() };
    store.keep_calling(&[ended(1, tenant, whole)], 1, false).await.unwrap();
    assert!(store.claim_outgoing_fax(FaxId(99), at(1)).await.unwrap().is_some());
    for (bad, tries_max, pause_s) in
        [("tries_max", 0, 60), ("tries_max", 11, 60), ("pause_s", 2, 1)]
    {
        let wrong = FaxDraft { tries_max, pause_s, ..draft("1") };
        let error = store.add_outgoing_fax(tenant, &by(), wrong).await.unwrap_err();
        assert!(error.to_string().starts_with(bad), "{error}");
    }
}

fn asked(seq: u64, tenant: TenantId, number: &str) -> Arc<Entry> {
    let number = PhoneNumber::parse(number, "86");
    let (document, station) = ("price-list".to_owned(), String::new());
    entry(seq, tenant, Kind::FaxAsked { document, number, station })
}

#[tokio::test]
async fn a_fax_that_a_caller_wants_sent_waits_once_and_not_too_many_do() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let first = [asked(1, tenant, "01065529988")];
    store.keep_calling(&first, 1, false).await.unwrap();
    store.keep_calling(&first, 1, false).await.unwrap();
    let fax = only(&store, tenant).await;
    assert_eq!((fax.state, fax.asked_by), (OutgoingFaxState::Waiting, UserId(0)));
    assert_eq!(
        (fax.draft.number.as_str(), fax.draft.document.as_str()),
        ("01065529988", "price-list")
    );
    assert!(store.outgoing_fax_due(at(1)).await.unwrap());

    // However it is written it is one number.
    let written = ["01065529988", "+861065529988", "00861065529988", "+861065529988"];
    let more: Vec<_> = (2..).zip(written).map(|(seq, to)| asked(seq, tenant, to)).collect();
    store.keep_calling(&more, 6, false).await.unwrap();
    let all = store.outgoing_faxes(tenant, None, 200).await.unwrap();
    assert_eq!(all.len(), 3, "to one number within an hour");
    let others: Vec<_> =
        (7..200).map(|seq| asked(seq, tenant, &format!("0106552{seq:04}"))).collect();
    store.keep_calling(&others, 199, false).await.unwrap();
    let all = store.outgoing_faxes(tenant, None, 200).await.unwrap();
    assert_eq!(all.len(), 100, "of all callers within an hour");
    let later = [asked(4_000, tenant, "01065529988")];
    store.keep_calling(&later, 4_000, false).await.unwrap();
    let all = store.outgoing_faxes(tenant, None, 200).await.unwrap();
    assert_eq!(all.len(), 101, "an hour later");
}
