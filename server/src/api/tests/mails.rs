//! Mails of flows, from the outside: from the log to what came of them, who sees them, and which flows are
//! refused.

use super::rig::{MADE_CALL, NOON, Rig};
use crate::api::mails::sending;
use crate::schedules::outcome::Outcome;
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::bootstrap::FIRST_QUEUE;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use terms::event::{ENTRY_VERSION, Entry, Kind, MailAsked, Written};
use terms::{CallId, MailId, TenantId};

const MAILS: &str = "/api/v1/mails";

fn asked(seq: u64, tenant: TenantId, text: &str) -> Entry {
    let kind = Kind::MailAsked(MailAsked {
        id: MailId(500 + seq),
        address: "zhang.wei@example.com".into(),
        subject: "your parcel".into(),
        text: Written(text.into()),
        document: None,
    });
    let (contact, call, leg) = (None, Some(MADE_CALL), None);
    Entry { v: ENTRY_VERSION, seq, at: NOON, tenant, contact, call, leg, kind }
}

async fn listed(rig: &Rig, token: &str) -> Vec<Value> {
    let got = rig.get(MAILS, token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    got.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_mail_of_a_flow_is_taken_from_the_log_and_seen_by_who_sees_the_calls_of_all() {
    let rig = Rig::new().await;
    rig.write_log(&[asked(1, rig.tenant(), "call 13800138000")]);
    rig.follow_log();
    let supervisor = rig.token(Role::Supervisor).await;
    let mails = rig.rows_at_last(MAILS, &supervisor).await;
    assert_eq!(
        (&mails[0]["id"], &mails[0]["state"], &mails[0]["address"]),
        (&json!("501"), &json!("waiting"), &json!("zhang.wei@example.com"))
    );
    let one = rig.get(&format!("{MAILS}/501"), &supervisor).await;
    assert_eq!(one.json(), mails[0]);
    let agent = rig.token(Role::Agent).await;
    for uri in [MAILS.to_owned(), format!("{MAILS}/501")] {
        assert_eq!(rig.get(&uri, &agent).await.status, StatusCode::FORBIDDEN, "{uri}");
    }
    let (_, stranger) = rig.other_tenant().await;
    assert!(listed(&rig, &stranger).await.is_empty());
    let none = rig.get(&format!("{MAILS}/501"), &stranger).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_mail_of_a_flow_that_the_server_does_not_take_is_tried_again_and_then_no_more() {
    let rig = Rig::new().await;
    let other = Entry { call: Some(CallId(MADE_CALL.0 + 1)), ..asked(2, rig.tenant(), "y") };
    let entries = [Arc::new(asked(1, rig.tenant(), "x")), Arc::new(other)];
    rig.store.keep_calling(&entries[..1], 1, false).await.unwrap();
    let (mut pauses, mut now) = (Vec::new(), NOON);
    while let Some((tenant, mail)) = rig.store.claim_mail(now).await.unwrap() {
        let outcome = Outcome::Again("no room".into());
        let pause = sending::note(&rig.store, tenant, &mail, outcome, now).await;
        assert_eq!(rig.store.claim_mail(now).await.unwrap(), None, "not at once");
        pauses.push(pause.as_secs());
        now = now + pause;
    }
    assert_eq!(pauses, [60, 120, 240, 480, 960, 1_920, 3_600, 0]);
    let mail = rig.store.mail(rig.tenant(), MailId(501)).await.unwrap();
    assert_eq!((mail.state.as_str(), mail.problem.as_str()), ("failed", "no room"));
    rig.store.keep_calling(&entries[1..], 2, false).await.unwrap();
    let (tenant, mail) = rig.store.claim_mail(NOON).await.unwrap().expect("one more");
    sending::note(&rig.store, tenant, &mail, Outcome::Delivered, NOON).await;
    let mail = rig.store.mail(rig.tenant(), MailId(502)).await.unwrap();
    assert_eq!((mail.state.as_str(), mail.ended_at), ("sent", Some(NOON)));
}

#[tokio::test]
async fn what_a_mail_server_says_of_a_mail_names_nobody() {
    let rig = Rig::new().await;
    let told = [Arc::new(asked(1, rig.tenant(), "x"))];
    rig.store.keep_calling(&told, 1, false).await.unwrap();
    let (tenant, mail) = rig.store.claim_mail(NOON).await.unwrap().expect("it is due");
    let said = "550 5.1.1 <Zhang.Wei@Example.com>: no such person at example.com";
    sending::note(&rig.store, tenant, &mail, Outcome::Failed(said.into()), NOON).await;
    let mail = rig.store.mail(tenant, MailId(501)).await.unwrap();
    assert_eq!(mail.problem, "550 5.1.1 <***>: no such person at example.com");
}

#[tokio::test]
async fn mails_go_with_the_rows_of_events() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let told = [Arc::new(asked(1, rig.tenant(), "x"))];
    rig.store.keep_calling(&told, 1, false).await.unwrap();
    let (tenant, mail) = rig.store.claim_mail(NOON).await.unwrap().expect("it is due");
    sending::note(&rig.store, tenant, &mail, Outcome::Delivered, NOON).await;
    let kept = json!({"days": 0, "rows": {"events": 10}});
    let set = rig.ask(Method::PUT, "/api/v1/retention", &token, Some(kept)).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    let later = |days: u64| NOON + Duration::from_secs(days * 86_400);
    rig.deletion.round(later(5)).await.unwrap();
    assert_eq!(listed(&rig, &token).await.len(), 1, "it is young");
    rig.deletion.round(later(20)).await.unwrap();
    assert!(listed(&rig, &token).await.is_empty());
    let written = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
    let told = (written.action.as_str(), written.subject.as_str());
    assert_eq!(told, ("mails.retention", "1 mails kept for 10 days"));
}

#[tokio::test]
async fn a_flow_with_an_unknown_trunk_or_document_is_refused_with_the_steps_name() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let document = json!({"format": 1, "start": "text", "steps": {
        "text": {"kind": "text", "text": "hello", "trunk": "999", "next": "mail",
            "on": {"error": "mail"}},
        "mail": {"kind": "mail", "to": "${mail}", "subject": "hello", "text": "hello",
            "document": "tariff", "next": "bye", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    let got = rig.post("/api/v1/flows/check", &token, json!({"document": document})).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let problems = got.json()["problems"].to_string();
    for problem in [
        "step \\\"text\\\": there is no trunk 999",
        "step \\\"mail\\\": there is no document \\\"tariff\\\"",
        "a mail cannot be sent: there is no mail server (schedules.smtp_host)",
    ] {
        assert!(problems.contains(problem), "{problem}: {problems}");
    }
}

#[tokio::test]
async fn from_whom_numbers_are_hidden_sees_no_address_and_who_is_limited_sees_no_mail() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    let told = [Arc::new(asked(1, rig.tenant(), "call 13800138000"))];
    rig.store.keep_calling(&told, 1, false).await.unwrap();
    let user = rig.person(rig.tenant(), Role::Supervisor).await;
    let sight = async |limits: Value| {
        let uri = format!("/api/v1/users/{user}/sight");
        let set = rig.ask(Method::PUT, &uri, &administrator, Some(limits)).await;
        assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
        rig.token(Role::Supervisor).await
    };
    let hidden = sight(json!({"mask_numbers": true, "queues": null})).await;
    let mails = listed(&rig, &hidden).await;
    assert_eq!(
        (&mails[0]["address"], &mails[0]["text"]),
        (&json!("z***@example.com"), &json!("call 138****8000"))
    );
    let file = rig.get("/api/v1/lists/mails/csv", &hidden).await;
    let file = String::from_utf8(file.body.to_vec()).unwrap();
    assert!(file.contains("z***@example.com") && !file.contains("zhang.wei"), "{file}");
    let queue = FIRST_QUEUE.to_string();
    let limited = sight(json!({"mask_numbers": false, "queues": [queue]})).await;
    for uri in [MAILS.to_owned(), format!("{MAILS}/501")] {
        assert_eq!(rig.get(&uri, &limited).await.status, StatusCode::FORBIDDEN, "{uri}");
    }
}
