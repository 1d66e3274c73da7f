//! Faxes that the box sends, from the outside: who may have one sent, what the switch is asked, and how it
//! went.

use super::faxes::document;
use super::rig::{Got, MADE_CALL, NOON, Rig, request};
use crate::api::fax_sending::Sender;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Ask, FaxCall, NO_MORE_CALLS};
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::media::FaxOutcome;
use terms::{PhoneNumber, Timestamp, UserId};

const OUTGOING: &str = "/api/v1/faxes/outgoing";

async fn with_document(rig: &Rig, token: &str) {
    let uri = "/api/v1/fax-documents/price-list";
    let mut sent = request(Method::PUT, uri, token, None);
    *sent.body_mut() = Body::from(document(1_728));
    assert_eq!(rig.send(sent).await.status, StatusCode::OK);
}

fn wanted() -> Value {
    json!({"number": "01065529988", "document": "price-list", "pause_s": 60})
}

fn sender(rig: &Rig) -> Sender {
    Sender::new(rig.store.clone(), rig.calls.clone(), 2)
}

/// What the switch was asked to send.
fn asked(rig: &Rig) -> Vec<FaxCall> {
    let asked = rig.calls.asked.lock().unwrap();
    let faxes = asked.iter().filter_map(|ask| match ask {
        Ask::Fax(order) => Some((**order).clone()),
        _ => None,
    });
    faxes.collect()
}

/// The switch says how the last try went.
async fn told(rig: &Rig, seq: u64, at: Timestamp, outcome: FaxOutcome) {
    let last = asked(rig).pop().expect("one was asked for");
    let outcome = FaxOutcome { fax: last.fax, ..outcome };
    let entry = Entry {
        v: ENTRY_VERSION,
        seq,
        at,
        tenant: last.tenant,
        contact: None,
        call: Some(MADE_CALL),
        leg: None,
        kind: Kind::FaxDone { document: Some(last.document), outcome, work: None },
    };
    rig.store.keep_calling(&[Arc::new(entry)], seq, false).await.unwrap();
}

async fn listed(rig: &Rig, token: &str) -> Vec<Value> {
    let got = rig.get(OUTGOING, token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    got.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_fax_is_sent_by_the_right_of_who_asked_tried_again_and_told_of() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    with_document(&rig, &token).await;
    let mut body = wanted();
    body["caller_number"] = json!("95105688");
    body["station"] = json!("+86 10 1");
    let got = rig.post(OUTGOING, &token, body).await;
    assert_eq!(got.status, StatusCode::CREATED, "{got:?}");
    let (id, by) = (got.json()["id"].clone(), got.json()["asked_by"].clone());
    assert_eq!((&got.json()["state"], &got.json()["tries_max"]), (&json!("waiting"), &json!(3)));

    let mut sender = sender(&rig);
    assert!(sender.send_one(NOON).await);
    assert!(!sender.send_one(NOON).await, "there is one");
    let orders = asked(&rig);
    assert_eq!(orders.len(), 1);
    let FaxCall { tenant, target, document, caller_number, station, ecm, .. } = &orders[0];
    assert_eq!(
        (*tenant, target.as_str(), document.as_str()),
        (rig.tenant(), "01065529988", "price-list")
    );
    assert_eq!(
        (caller_number.as_deref(), station.as_str(), *ecm),
        (Some("95105688"), "+86 10 1", true)
    );
    assert_eq!(json!(orders[0].by), by);
    let live = listed(&rig, &token).await;
    assert_eq!((&live[0]["state"], &live[0]["call"]), (&json!("calling"), &json!(MADE_CALL)));

    let busy = FaxOutcome {
        unreached: Some(17),
        text: "the number is busy".into(),
        ..FaxOutcome::default()
    };
    told(&rig, 1, NOON, busy).await;
    assert_eq!(listed(&rig, &token).await[0]["problem"], "the number is busy");
    assert!(!sender.send_one(NOON + Duration::from_secs(59)).await);
    assert!(sender.send_one(NOON + Duration::from_secs(60)).await);
    let whole = FaxOutcome { complete: true, pages: 2, ..FaxOutcome::default() };
    told(&rig, 2, NOON + Duration::from_secs(90), whole).await;
    let names: Vec<_> = asked(&rig).iter().map(|order| order.fax).collect();
    assert!(names.len() == 2 && names[0] != names[1], "each try has a name of its own: {names:?}");
    let one = rig.get(&format!("{OUTGOING}/{}", id.as_str().unwrap()), &token).await.json();
    assert_eq!(
        (&one["state"], &one["pages"], &one["tries"]),
        (&json!("sent"), &json!(2), &json!(2))
    );
    assert_eq!(one["fax"], json!(names[1]));
    assert!(!sender.send_one(NOON + Duration::from_secs(9_000)).await, "it is not sent again");
    let (_, stranger) = rig.other_tenant().await;
    assert_eq!(rig.get(OUTGOING, &stranger).await.json(), json!([]));
}

#[tokio::test]
async fn nobody_is_called_for_whom_there_is_no_machine() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    with_document(&rig, &token).await;
    for _ in 0..3 {
        assert_eq!(rig.post(OUTGOING, &token, wanted()).await.status, StatusCode::CREATED);
    }
    let mut sender = sender(&rig);
    assert!(sender.send_one(NOON).await && sender.send_one(NOON).await);
    assert!(!sender.send_one(NOON).await, "there are two");
    assert_eq!(asked(&rig).len(), 2);
    let whole = FaxOutcome { complete: true, ..FaxOutcome::default() };
    told(&rig, 1, NOON, whole).await;
    assert!(sender.send_one(NOON).await);
    assert_eq!(asked(&rig).len(), 3);
}

#[tokio::test]
async fn a_request_that_comes_again_under_its_key_is_one_fax() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    with_document(&rig, &token).await;
    let ask = async || -> Got {
        let mut request = request(Method::POST, OUTGOING, &token, Some(wanted()));
        request.headers_mut().insert("idempotency-key", "fax-1".parse().unwrap());
        rig.send(request).await
    };
    let (first, again) = (ask().await, ask().await);
    assert_eq!((first.status, first.json()), (StatusCode::CREATED, again.json()));
    assert_eq!(listed(&rig, &token).await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_nothing_waits() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    with_document(&rig, &token).await;
    for (field, value, named) in [
        ("document", json!("nothing"), "document"),
        ("document", json!("../price-list"), "document"),
        ("number", json!("the office"), "number"),
        ("caller_number", json!(""), "caller_number"),
        ("station", json!("Switchgrid"), "station"),
        ("tries_max", json!(11), "tries_max"),
        ("pause_s", json!(1), "pause_s"),
    ] {
        let mut body = wanted();
        body[field] = value;
        let got = rig.post(OUTGOING, &token, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{field}: {got:?}");
        assert_eq!(got.json()["field"], named);
    }
    let mut body = wanted();
    body["order"] = json!("99");
    assert_eq!(rig.post(OUTGOING, &token, body).await.status, StatusCode::NOT_FOUND);
    let (_, stranger) = rig.other_tenant().await;
    let got = rig.post(OUTGOING, &stranger, wanted()).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "the document is another's: {got:?}");
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.post(OUTGOING, &agent, wanted()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.get(OUTGOING, &agent).await.status, StatusCode::FORBIDDEN);
    assert_eq!(listed(&rig, &token).await.len(), 0);
}

#[tokio::test]
async fn a_switch_that_is_away_or_full_is_asked_later_and_what_it_refuses_is_over() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    with_document(&rig, &token).await;
    let got = rig.post(OUTGOING, &token, wanted()).await.json();
    let uri = format!("{OUTGOING}/{}", got["id"].as_str().unwrap());
    let mut sender = sender(&rig);
    *rig.calls.away.lock().unwrap() = true;
    assert!(!sender.send_one(NOON).await);
    assert_eq!(rig.get(&uri, &token).await.json()["tries"], 0);
    *rig.calls.away.lock().unwrap() = false;
    *rig.calls.refuse.lock().unwrap() = Some(NO_MORE_CALLS.to_owned());
    assert!(!sender.send_one(NOON).await);
    let waits = rig.get(&uri, &token).await.json();
    assert_eq!((&waits["state"], &waits["tries"]), (&json!("waiting"), &json!(0)));
    *rig.calls.refuse.lock().unwrap() =
        Some("there is no right to call numbers of this class".into());
    assert!(!sender.send_one(NOON + Duration::from_secs(29)).await, "not before its pause");
    assert!(sender.send_one(NOON + Duration::from_secs(30)).await);
    let failed = rig.get(&uri, &token).await.json();
    assert_eq!(failed["state"], "failed");
    assert_eq!(failed["problem"], "there is no right to call numbers of this class");
    *rig.calls.refuse.lock().unwrap() = None;
    // One that waits is taken off, once.
    let got = rig.post(OUTGOING, &token, wanted()).await.json();
    let uri = format!("{OUTGOING}/{}", got["id"].as_str().unwrap());
    let cancel = async || rig.ask(Method::DELETE, &uri, &token, None).await.status;
    assert_eq!(cancel().await, StatusCode::NO_CONTENT);
    assert_eq!(cancel().await, StatusCode::CONFLICT);
    assert!(!sender.send_one(NOON + Duration::from_secs(600)).await);
    assert_eq!(asked(&rig).len(), 2, "the full one and the refused one");
}

#[tokio::test]
async fn what_a_caller_has_faxed_to_another_number_is_taken_from_the_log_and_sent() {
    let rig = Rig::new().await;
    let number = PhoneNumber::parse("01065529988", "86");
    let (document, station) = ("price-list".to_owned(), String::new());
    let entry = Entry {
        v: ENTRY_VERSION,
        seq: 1,
        at: NOON,
        tenant: rig.tenant(),
        contact: None,
        call: Some(MADE_CALL),
        leg: None,
        kind: Kind::FaxAsked { document, number, station },
    };
    rig.write_log(&[entry]);
    rig.follow_log();
    let mut sender = sender(&rig);
    for _ in 0..2_000 {
        if sender.send_one(NOON).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let orders = asked(&rig);
    let [order] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!((order.tenant, order.by), (rig.tenant(), UserId(0)), "by the tenant's right");
    assert_eq!((order.target.as_str(), order.document.as_str()), ("01065529988", "price-list"));
}
