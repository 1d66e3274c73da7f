//! Mails that flows have sent: to one address alone, once in a call, and what the log says of them.

use super::*;
use serde_json::{Value, json};
use terms::event::{Entry, MailAsked};
use terms::routing::Plan;

/// The hotline's flow has a mail sent, as `step` says; a second step has one more sent.
fn plan(step: &Value, variables: Value) -> Plan {
    let mail = |next: &str, more: &Value| {
        let mut mail = json!({"kind": "mail", "to": "zhang@example.com", "subject": "your parcel",
            "text": "it is on its way", "next": next, "on": {"error": "badly"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            mail[name] = value.clone();
        }
        mail
    };
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "mail", "variables": variables,
        "steps": {
            "mail": mail("well", step),
            "well": {"kind": "play", "prompts": ["thanks"], "next": "again"},
            "again": mail("bye", &json!({})),
            "badly": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
            "bye": {"kind": "hangup"}}});
    plan
}

fn called(step: &Value, variables: Value) -> (Rig, LegId) {
    let mut rig = Rig::new(plan(step, variables));
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    (rig, caller)
}

fn asked(rig: &Rig) -> Vec<(&Entry, &MailAsked)> {
    let asked = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::MailAsked(asked) => Some((entry, asked)),
        _ => None,
    });
    asked.collect()
}

#[test]
fn a_caller_has_one_mail_sent_with_a_document_and_their_flow_goes_on() {
    let step = json!({"to": "${mail}", "subject": "parcel ${parcel}", "text": "${parcel}: here",
        "document": "price-${parcel}"});
    let variables = json!({"mail": " Zhang@example.com ", "parcel": "42"});
    let (mut rig, caller) = called(&step, variables);
    assert_eq!(heard(&rig, caller), ["thanks"]);
    let call = only_call(&mut rig);
    let [(entry, mail)] = asked(&rig)[..] else { panic!("one mail") };
    assert_eq!((entry.call, mail.address.as_str()), (Some(call), "Zhang@example.com"));
    assert_eq!((mail.subject.as_str(), mail.text.0.as_str()), ("parcel 42", "42: here"));
    assert_eq!(mail.document.as_deref(), Some("price-42"));
    rig.wait(secs(3));
    assert_eq!(heard(&rig, caller), ["thanks", "invalid"], "one in a call");
    rig.kill(&[]);
    rig.wait(secs(10));
    balanced(&mut rig);
    assert_eq!(asked(&rig).len(), 1, "nor one more after a kill");
}

#[test]
fn what_is_no_address_no_document_or_says_nothing_is_not_sent() {
    for (name, value) in [
        ("to", "zhang"),
        ("to", ""),
        ("to", "a@example.com,b@example.com"),
        ("to", "a@example.com\r\nBcc: b@example.com"),
        ("to", "Zhang <a@example.com>"),
        ("subject", " "),
        ("text", ""),
        ("document", "../secret"),
        ("document", ""),
    ] {
        let mut step = json!({});
        step[name] = json!("${value}");
        let (mut rig, caller) = called(&step, json!({"value": value}));
        assert_eq!(heard(&rig, caller), ["invalid"], "{name}: {value:?}");
        assert!(asked(&rig).is_empty(), "{name}: {value:?}");
        rig.wait(secs(10));
        balanced(&mut rig);
    }
}

#[test]
fn a_subject_is_one_line_whatever_a_server_answered() {
    let step = json!({"subject": "${said}", "text": "${said}"});
    let said = format!("a\r\nBcc: b@example.com{}", "x".repeat(300));
    let (rig, _) = called(&step, json!({"said": said}));
    let [(_, mail)] = asked(&rig)[..] else { panic!("one mail") };
    assert!(mail.subject.starts_with("a  Bcc: b@example.comx"), "{}", mail.subject);
    assert_eq!(mail.subject.chars().count(), 200);
    assert!(mail.text.0.starts_with("a\nBcc: b@example.comx"), "lines of a text stay");
}
