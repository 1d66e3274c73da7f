//! Texts that flows have sent: to whom and by whose right, once in a call, over which trunk, and that what
//! comes of one is noted once.

use super::*;
use crate::sip::user_agent::{Event as SipEvent, Origin};
use crate::switch::Input;
use crate::switch::rig::TRUNK;
use serde_json::{Value, json};
use terms::TrunkId;
use terms::event::{Entry, TextAsked, TextResult, TextSent};
use terms::routing::{NumberClass, Plan, Target, Trunk};

const MOBILE: &str = "13800138000";
const OTHER: &str = "13800138001";
const ABROAD: &str = "00442071234567";

/// The hotline's flow has a text sent, as `step` says; a second step has one more sent to another number.
fn plan(step: &Value, variables: Value) -> Plan {
    let text = |next: &str, more: &Value| {
        let mut text = json!({"kind": "text", "text": "it is on its way", "next": next,
            "on": {"error": "badly"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            text[name] = value.clone();
        }
        text
    };
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "text", "variables": variables,
        "steps": {
            "text": text("well", step),
            "well": {"kind": "play", "prompts": ["thanks"], "next": "again"},
            "again": text("bye", &json!({"to": OTHER})),
            "badly": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
            "bye": {"kind": "hangup"}}});
    plan
}

fn called(plan: Plan) -> (Rig, LegId) {
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    (rig, caller)
}

fn asked(rig: &Rig) -> Vec<(&Entry, &TextAsked)> {
    let asked = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::TextAsked(asked) => Some((entry, asked)),
        _ => None,
    });
    asked.collect()
}

fn sent(rig: &Rig) -> Vec<(&Entry, &TextSent)> {
    let sent = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::TextSent(sent) => Some((entry, sent)),
        _ => None,
    });
    sent.collect()
}

/// The trunk says its last word of the only text.
fn says(rig: &mut Rig, status: u16) {
    let id = asked(rig)[0].1.id;
    rig.feed(Input::Sip(SipEvent::TextDone { id, status }));
}

#[test]
fn a_caller_is_sent_one_text_and_their_flow_goes_on() {
    let step = json!({"text": "parcel ${parcel}: on its way"});
    let (mut rig, caller) = called(plan(&step, json!({"parcel": "42"})));
    assert_eq!(heard(&rig, caller), ["thanks"]);
    let call = only_call(&mut rig);
    let [(entry, text)] = asked(&rig)[..] else { panic!("one text") };
    assert_eq!((entry.call, text.to.normal.as_str()), (Some(call), "+8613800138000"));
    assert_eq!(text.text.0, "parcel 42: on its way");
    assert!(sent(&rig).is_empty());
    says(&mut rig, 202);
    says(&mut rig, 200);
    let [(entry, done)] = sent(&rig)[..] else { panic!("it is told once") };
    assert_eq!((entry.call, done.by, done.id), (None, None, asked(&rig)[0].1.id));
    assert_eq!((done.result, done.status), (TextResult::Taken, Some(202)));
    assert_eq!((done.from.as_str(), done.text.0.as_str()), ("95105688", "parcel 42: on its way"));
    rig.wait(secs(3));
    assert_eq!(heard(&rig, caller), ["thanks", "invalid"], "one in a call");
    assert_eq!(asked(&rig).len(), 1);
    rig.wait(secs(10));
    balanced(&mut rig);
}

#[test]
fn the_number_that_was_dialled_is_shown_where_the_trunk_shows_it() {
    let mut plan = plan(&json!({"to": OTHER}), json!({}));
    let flow = plan.flows[0].id;
    plan.numbers[1].target = Target::Flow(flow);
    let mut rig = Rig::new(plan);
    rig.customer_dials("95105600");
    rig.wait(secs(1));
    says(&mut rig, 503);
    let [(_, done)] = sent(&rig)[..] else { panic!("it is told once") };
    assert_eq!((done.from.as_str(), done.to.received.as_str()), ("95105600", OTHER));
    assert_eq!(done.result, TextResult::Refused);
}

#[test]
fn what_the_tenant_may_not_call_and_what_is_no_number_outside_gets_no_text() {
    for number in [ABROAD, "1001", "110", "120", "", "*41", "12", "abc", "queue:1", "13800138000;x"]
    {
        let (mut rig, caller) =
            called(plan(&json!({"to": "${number}"}), json!({"number": number})));
        assert_eq!(heard(&rig, caller), ["invalid"], "{number}");
        assert!(asked(&rig).is_empty(), "{number}");
        rig.wait(secs(10));
        balanced(&mut rig);
    }
}

#[test]
fn a_text_says_something_within_its_length_and_nothing_that_steers_a_terminal() {
    let step = json!({"text": "${said}${said}${said}${said}${said}"});
    for said in ["", " ", &"x".repeat(1_000)] {
        let (rig, caller) = called(plan(&step, json!({"said": said})));
        assert_eq!(heard(&rig, caller), ["invalid"], "{} bytes", said.len());
        assert!(asked(&rig).is_empty());
    }
    let step = json!({"text": "${said}"});
    let (rig, _) = called(plan(&step, json!({"said": "a\u{1b}[2J\r\nb"})));
    assert_eq!(asked(&rig)[0].1.text.0, "a [2J\nb");
}

#[test]
fn a_text_goes_over_the_trunk_that_a_step_names_or_over_none() {
    for (trunk, is_sent) in [(2, true), (9, false)] {
        let mut plan = plan(&json!({"trunk": trunk.to_string()}), json!({}));
        let like = plan.trunks[0].clone();
        plan.trunks.push(Trunk { id: TrunkId(2), name: "gsm".into(), order: 1, ..like });
        let (mut rig, caller) = called(plan);
        let expected = if is_sent { "thanks" } else { "invalid" };
        assert_eq!(heard(&rig, caller), [expected]);
        assert_eq!(asked(&rig).len(), usize::from(is_sent));
        if is_sent {
            says(&mut rig, 503);
            let [(_, done)] = sent(&rig)[..] else { panic!("it is told once") };
            assert_eq!((done.trunk, done.result), (Some(TrunkId(2)), TextResult::Refused));
        }
    }
}

#[test]
fn a_number_gets_no_more_than_three_texts_of_callers_in_an_hour() {
    let (mut rig, _) = called(plan(&json!({}), json!({})));
    for expected in ["thanks", "thanks", "invalid"] {
        rig.wait(secs(20));
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(1));
        assert_eq!(heard(&rig, caller), [expected]);
    }
    assert_eq!(asked(&rig).len(), 3, "the fourth got none");
    rig.wait(secs(3_600));
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(asked(&rig).len(), 4);
}

#[test]
fn few_texts_of_callers_go_to_dear_numbers_in_an_hour() {
    let mut plan = plan(&json!({}), json!({}));
    plan.calling.dial = NumberClass::International;
    let mut rig = Rig::new(plan);
    for n in 0..32 {
        rig.dials(Origin::Trunk(TRUNK), &format!("0044207123{n:04}"), "95105688", true);
        rig.wait(secs(20));
    }
    assert_eq!(asked(&rig).len(), 30, "of callers from abroad");
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(asked(&rig).len(), 31, "others have theirs");
}

#[test]
fn a_flow_that_begins_anew_after_a_kill_sends_nothing_again() {
    let (mut rig, caller) = called(plan(&json!({}), json!({})));
    assert_eq!(asked(&rig).len(), 1);
    rig.kill(&[]);
    rig.wait(secs(1));
    assert_eq!(heard(&rig, caller).last().map(String::as_str), Some("invalid"));
    assert_eq!(asked(&rig)[0].1.to.received, MOBILE);
    assert_eq!((asked(&rig).len(), sent(&rig).len()), (1, 0), "nobody knows what came of it");
    rig.wait(secs(10));
    balanced(&mut rig);
}
