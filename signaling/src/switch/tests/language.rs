//! The language of one call: chosen by its flow, kept behind it and over a kill.

use super::*;
use serde_json::json;
use terms::FlowId;
use terms::media::{Command, Playback};
use terms::routing::Flow;

/// A flow that greets, goes over to English and asks; 1 leads into a queue.
fn bilingual(rig: &mut Rig) {
    let document = json!({"format": 1, "start": "greet", "steps": {
        "greet": {"kind": "play", "prompts": ["welcome"], "next": "english"},
        "english": {"kind": "language", "language": "en", "next": "ask"},
        "ask": {"kind": "menu", "prompts": ["menu", "number:21", "music/hold", "say:${language}"],
            "keys": {"1": "wait"}, "on": {"timeout": "bye", "invalid": "bye"}},
        "wait": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup", "prompts": ["goodbye"]}}});
    let mut plan = demo_plan();
    plan.version = rig.state().plan_version + 1;
    plan.flows = vec![Flow { id: FlowId(1), name: "hotline".into(), version: 2, document }];
    // A whole plan is what a process that was killed is given again.
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
}

fn plays(rig: &Rig, of: LegId) -> Vec<&Playback> {
    let plays = rig.media.iter().filter_map(|command| match command {
        Command::Play { leg, playback } if *leg == of => Some(playback),
        _ => None,
    });
    plays.collect()
}

const ASKED: [&str; 4] = ["en/menu", "en/digits/20", "en/digits/1", "music/hold"];

#[test]
fn a_call_goes_on_in_the_language_that_its_flow_chose_also_behind_the_flow() {
    let mut rig = rig_with(&[]);
    bilingual(&mut rig);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(5));
    let mut told = heard(&rig, customer);
    let spoken = told.pop().expect("a text");
    assert!(spoken.contains("\"en\", text: \"en\""), "in its voice, of its name: {spoken}");
    assert_eq!(told, [&["welcome"][..], &ASKED].concat());
    rig.presses(customer, "1");
    rig.wait(secs(3));
    let after: Vec<String> = heard(&rig, customer).split_off(6);
    assert_eq!(after.first().map(String::as_str), Some("en/queue"), "{after:?}");
    let others = rig.customer_dials("95105600");
    rig.wait(secs(3));
    assert_eq!(heard(&rig, others).first().map(String::as_str), Some("queue"), "it is one call's");
    let whose: Vec<_> = plays(&rig, customer).iter().map(|playback| playback.tenant).collect();
    assert!(whose.iter().all(|tenant| *tenant == Some(TENANT)), "{whose:?}");
    rig.hangs_up(customer);
    rig.hangs_up(others);
    balanced(&mut rig);
}

#[test]
fn who_was_asked_in_english_when_the_process_was_killed_is_asked_in_english_again() {
    let mut rig = rig_with(&[]);
    bilingual(&mut rig);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(5));
    let before = heard(&rig, customer).len();
    rig.kill(&[]);
    rig.wait(secs(5));
    let again = heard(&rig, customer).split_off(before);
    assert!(again.len() > 4, "{again:?}");
    assert_eq!(again[..5], [&["en/welcome"][..], &ASKED].concat());
    rig.wait(secs(60));
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("en/goodbye"));
    balanced(&mut rig);
}
