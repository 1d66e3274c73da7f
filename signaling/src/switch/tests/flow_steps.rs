//! Steps of a flow that do something around the call: tell programs, have the caller called back.

use super::*;
use crate::switch::Input;
use serde_json::{Value, json};
use terms::Category;
use terms::media::{Command, Event, Ledger};
use terms::routing::{Callback, Plan};

/// The hotline's flow is this step; behind it the caller hears `thanks`, or `invalid` where it failed.
fn plan(step: Value) -> Plan {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "step", "steps": {
        "step": step,
        "well": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
        "badly": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
        "bye": {"kind": "hangup"}}});
    plan
}

fn calls_back(number: &str, other_number: bool) -> Plan {
    let step = json!({"kind": "callback", "queue": "1", "number": number, "next": "well",
        "on": {"error": "badly"}});
    let mut plan = plan(step);
    let callback = Callback { key: '5', other_number, ..Callback::default() };
    plan.queues[0].in_queue.callback = Some(callback);
    plan
}

fn callbacks(rig: &Rig) -> Vec<String> {
    let is_one =
        |word: &String| ["asked back", "tried", "callback "].iter().any(|part| word.contains(part));
    told(rig).into_iter().filter(is_one).collect()
}

#[test]
fn programs_are_told_in_the_log_and_the_flow_goes_on_at_once() {
    let step = json!({"kind": "webhook", "event": "rang", "data": {"who": "${caller}"},
        "next": "well"});
    let mut plan = plan(step);
    // Nothing goes wrong in it.
    if let Some(steps) = plan.flows[0].document["steps"].as_object_mut() {
        steps.remove("badly");
    }
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert!(told(&rig).contains(&"told rang {\"who\": \"+8613800138000\"}".to_owned()));
    assert_eq!(heard(&rig, caller), ["thanks"]);
    rig.wait(secs(10));
    balanced(&mut rig);
}

#[test]
fn who_asks_in_a_flow_is_called_back_once_they_have_heard_it_out() {
    let mut rig = Rig::new(calls_back("", false));
    sign_in(&mut rig, A1);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(8));
    assert_eq!(heard(&rig, caller)[0], "thanks");
    assert_eq!(callbacks(&rig), ["+8613800138000 asked back, Agent first"]);
    assert_eq!(rig.leg_of(A1), None, "the agent is not rung while the caller is on the line");
    rig.wait(secs(30));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(callbacks(&rig)[1..], ["tried 1", "callback Reached"]);
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn what_the_queue_does_not_allow_takes_the_error_edge() {
    let mut none = calls_back("", false);
    none.queues[0].in_queue.callback = None;
    let mut full = calls_back("", false);
    full.queues[0].waiting_max = 0;
    let premium = calls_back("0016505550100", true);
    let other = calls_back("02087654321", false);
    for (plan, why) in [(none, "none"), (full, "full"), (premium, "abroad"), (other, "other")] {
        let mut rig = Rig::new(plan);
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(2));
        assert_eq!(heard(&rig, caller)[0], "invalid", "{why}");
        assert_eq!(callbacks(&rig), Vec::<String>::new(), "{why}");
        rig.wait(secs(10));
        balanced(&mut rig);
    }
}

fn records(more: &Value) -> Plan {
    let mut step = json!({"kind": "record", "queue": "1", "prompts": ["voicemail"], "max_s": 20,
        "min_ms": 2_000, "next": "well", "on": {"error": "badly", "timeout": "badly"}});
    for (name, value) in more.as_object().into_iter().flatten() {
        step[name] = value.clone();
    }
    plan(step)
}

fn messages(rig: &Rig) -> usize {
    told(rig).iter().filter(|word| *word == "message left").count()
}

#[test]
fn a_message_in_a_flow_ends_with_its_key_or_its_length_and_the_flow_goes_on() {
    for (more, key, heard_then) in [
        (json!({}), Some("#"), "thanks"),
        (json!({"terminator": "*"}), Some("*"), "thanks"),
        (json!({"terminator": null}), None, "thanks"),
    ] {
        let mut rig = Rig::new(records(&more));
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(3));
        assert_eq!(phase(&mut rig), "voicemail", "{more}");
        rig.wait(secs(4));
        rig.presses(caller, "17");
        assert_eq!(phase(&mut rig), "voicemail", "{more}: other keys mean nothing");
        match key {
            Some(key) => rig.presses(caller, key),
            None => rig.wait(secs(20)),
        }
        let heard = heard(&rig, caller);
        assert_eq!(heard[0], "voicemail");
        assert!(heard.contains(&heard_then.to_owned()), "{more}: {heard:?}");
        assert_eq!(messages(&rig), 1, "{more}");
        rig.wait(secs(10));
        assert_eq!(outcome(&rig).0, Outcome::Voicemail);
        assert!(told(&rig).contains(&"recorded Recorded".to_owned()));
        balanced(&mut rig);
    }
}

#[test]
fn what_is_too_short_is_no_message_and_who_hangs_up_has_left_what_they_said() {
    let mut rig = Rig::new(records(&json!({})));
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(3));
    rig.presses(caller, "#");
    assert!(heard(&rig, caller).contains(&"invalid".to_owned()));
    rig.wait(secs(10));
    assert_eq!((messages(&rig), outcome(&rig).0), (0, Outcome::IvrOnly));

    for (said, left) in [(1, 0), (6, 1)] {
        let mut rig = Rig::new(records(&json!({})));
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(2 + said));
        rig.hangs_up(caller);
        rig.wait(secs(1));
        assert_eq!(messages(&rig), left, "after {said} s");
        balanced(&mut rig);
    }
}

#[test]
fn a_message_in_a_flow_that_outlives_the_process_is_one_like_others() {
    let mut rig = Rig::new(records(&json!({})));
    rig.customer_dials("95105688");
    rig.wait(secs(8));
    rig.kill(&[]);
    rig.wait(secs(5));
    assert_eq!(messages(&rig), 1, "what was said until then");
    balanced(&mut rig);
}

#[test]
fn a_flow_and_the_log_know_what_kind_of_line_a_call_comes_from() {
    let step = json!({"kind": "webhook", "event": "rang", "data": {"line": "${category}"},
        "next": "well"});
    let mut plan = plan(step);
    if let Some(steps) = plan.flows[0].document["steps"].as_object_mut() {
        steps.remove("badly");
    }
    for (category, word) in [(Some(Category::Payphone), "payphone"), (None, "")] {
        let mut rig = Rig::new(plan.clone());
        rig.category = category;
        rig.customer_dials("95105688");
        rig.wait(secs(1));
        let line = format!("told rang {{\"line\": \"{word}\"}}");
        assert!(told(&rig).contains(&line), "{:#?}", told(&rig));
        let logged = rig.log.iter().find_map(|entry| match entry.kind {
            Kind::CallStarted { category, .. } => Some(category),
            _ => None,
        });
        assert_eq!(logged, Some(category));
        rig.wait(secs(10));
        balanced(&mut rig);
    }
}

/// The same, with both ways led to, whatever edges the step has.
fn led_to(step: Value) -> Plan {
    let never = |go: &str| json!({"if": {"left": "1", "op": "equals", "right": "2"}, "go": go});
    let mut plan = plan(step);
    let document = &mut plan.flows[0].document;
    document["steps"]["first"] =
        json!({"kind": "branch", "cases": [never("well"), never("badly")], "else": "step"});
    document["start"] = json!("first");
    plan
}

/// By which edge the step was left.
fn exit(rig: &Rig) -> Option<String> {
    rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::IvrStep { step, exit, .. } if step == "step" => Some(exit.clone()),
        _ => None,
    })
}

#[test]
fn what_cannot_be_heard_takes_the_error_edge_where_there_is_one() {
    for (missing, step) in [
        ("closed", json!({"kind": "play", "prompts": ["closed"], "next": "well"})),
        (
            "menu",
            json!({"kind": "menu", "prompts": ["menu"], "keys": {"1": "well"},
                "on": {"timeout": "well", "invalid": "well"}}),
        ),
        (
            "account",
            json!({"kind": "collect", "prompts": ["account"], "variable": "account",
                "digits_max": 4, "next": "well", "on": {"timeout": "well", "invalid": "well"}}),
        ),
        ("survey", json!({"kind": "survey", "next": "well", "on": {"timeout": "well"}})),
        ("voicemail", json!({"kind": "voicemail", "queue": "1"})),
    ] {
        for catches in [true, false] {
            let mut step = step.clone();
            if catches {
                step["on"]["error"] = json!("badly");
            }
            let mut rig = Rig::new(led_to(step));
            rig.missing = vec![format!("zh-CN/{missing}")];
            let caller = rig.customer_dials("95105688");
            rig.wait(secs(2));
            let heard = heard(&rig, caller);
            assert_eq!(heard.contains(&"invalid".to_owned()), catches, "{missing}: {heard:?}");
            assert_eq!(exit(&rig).as_deref() == Some("error"), catches, "{missing}");
            rig.wait(secs(1));
            rig.hangs_up(caller);
            balanced(&mut rig);
        }
    }
}

#[test]
fn a_message_whose_prompts_cannot_be_heard_is_not_recorded() {
    let mut rig = Rig::new(records(&json!({})));
    rig.missing = vec!["zh-CN/voicemail".to_owned()];
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert!(heard(&rig, caller).contains(&"invalid".to_owned()));
    assert!(!rig.media.iter().any(|command| matches!(command, Command::RecordStart(_))));
    balanced(&mut rig);
}

/// Media keeps nothing of the message that is spoken.
fn refuses_to_record(rig: &mut Rig) {
    assert_eq!(phase(rig), "voicemail");
    let begun = rig.media.iter().find_map(|command| match command {
        Command::RecordStart(start) => Some(start.clone()),
        _ => None,
    });
    let start = begun.expect("it is recorded");
    let whose = (start.tenant, start.contact, start.call);
    let refused = Ledger::refused(whose, start.recording, start.started_at, "too many at once");
    rig.feed(Input::Media(Event::Recorded(refused)));
}

#[test]
fn a_message_that_media_refuses_to_record_is_none_where_the_step_has_no_way_for_it() {
    for hangs_up in [true, false] {
        let mut rig = Rig::new(led_to(json!({"kind": "voicemail", "queue": "1"})));
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(4));
        refuses_to_record(&mut rig);
        assert_eq!(phase(&mut rig), "voicemail", "they speak on");
        if hangs_up {
            rig.hangs_up(caller);
        } else {
            rig.presses(caller, "#");
        }
        rig.wait(secs(10));
        assert_eq!(messages(&rig), 0);
        assert_ne!(outcome(&rig).0, Outcome::Voicemail);
        balanced(&mut rig);
    }
}

#[test]
fn a_message_that_media_refuses_to_record_takes_the_error_edge() {
    let voicemail = json!({"kind": "voicemail", "queue": "1", "on": {"error": "badly"}});
    for plan in [records(&json!({})), led_to(voicemail)] {
        let mut rig = Rig::new(plan);
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(4));
        refuses_to_record(&mut rig);
        assert!(heard(&rig, caller).contains(&"invalid".to_owned()), "at once");
        assert_eq!(exit(&rig).as_deref(), Some("error"));
        rig.wait(secs(10));
        assert_eq!((messages(&rig), outcome(&rig).0), (0, Outcome::IvrOnly));
        balanced(&mut rig);
    }
}

#[test]
fn a_message_that_succeeds_leaves_its_step_as_before() {
    let voicemail = json!({"kind": "voicemail", "queue": "1", "on": {"error": "badly"}});
    for hangs_up in [true, false] {
        let mut rig = Rig::new(led_to(voicemail.clone()));
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(6));
        if hangs_up {
            rig.hangs_up(caller);
        } else {
            rig.presses(caller, "#");
        }
        rig.wait(secs(10));
        assert_eq!((messages(&rig), exit(&rig).as_deref()), (1, Some("voicemail")));
        assert_eq!(outcome(&rig).0, Outcome::Voicemail);
        balanced(&mut rig);
    }
}
