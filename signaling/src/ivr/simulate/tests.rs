//! Flows heard as transcripts.

use super::*;
use crate::ivr::{Known, check, default_flow};
use serde_json::{Value, json};
use terms::QueueId;

fn flow(document: &Value) -> Flow {
    check(document, &Known::anything()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn told(document: &Value, text: &str) -> Transcript {
    simulate(flow(document), &Scene::default(), script(text))
}

#[test]
fn a_caller_presses_one_during_the_menu_and_waits_in_the_queue() {
    let told = told(&default_flow(QueueId(7)), "silence 1");
    assert_eq!(
        told.lines,
        [
            "hear zh-CN/welcome",
            "step welcome → next",
            "hear zh-CN/menu",
            "press 1",
            "step menu → 1",
            "goes to queue 7",
        ]
    );
}

#[test]
fn wrong_keys_and_silence_are_asked_again_and_end_in_the_queue() {
    let wrong = told(&default_flow(QueueId(7)), "silence 9 9 9");
    assert_eq!(wrong.lines.iter().filter(|line| *line == "hear zh-CN/invalid").count(), 2);
    assert_eq!(wrong.end, Some(Hand::Enqueue { queue: QueueId(7), priority: 0 }));

    let silent = told(&default_flow(QueueId(7)), "");
    assert_eq!(silent.lines.iter().filter(|line| *line == "hear zh-CN/menu").count(), 3);
    assert_eq!(silent.end, Some(Hand::Enqueue { queue: QueueId(7), priority: 0 }));
}

#[test]
fn opening_hours_are_told_and_a_message_is_taken() {
    let hours = told(&default_flow(QueueId(7)), "silence 2");
    assert!(hours.lines.contains(&"hear zh-CN/hours".to_owned()));
    assert_eq!(hours.end, Some(Hand::Hangup { cause: 16 }));
    let message = told(&default_flow(QueueId(7)), "silence 3");
    assert_eq!(message.end, Some(Hand::Voicemail { queue: QueueId(7) }));
}

fn account() -> Value {
    json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["account"], "variable": "account", "digits_min": 3,
            "digits_max": 6, "attempts": 2, "secret": true, "next": "look",
            "on": {"timeout": "bye", "invalid": "bye"}},
        "look": {"kind": "http", "url": "http://crm/v1?a=${account}&n=${caller}", "retries": 1,
            "map": {"name": "/data/name", "level": "/data/level"}, "next": "vip",
            "on": {"error": "bye", "timeout": "slow"}},
        "vip": {"kind": "branch",
            "cases": [{"if": {"left": "${level}", "op": "greater", "right": "3"}, "go": "person"}],
            "else": "bye"},
        "person": {"kind": "transfer", "target": "1001", "on": {"error": "slow"}},
        "slow": {"kind": "enqueue", "queue": "1", "on": {"error": "bye", "hangup": "note"}},
        "note": {"kind": "http", "method": "POST", "url": "http://crm/gone",
            "body": {"who": "${caller}"}, "next": "bye", "on": {"error": "bye", "timeout": "bye"}},
        "bye": {"kind": "hangup", "prompts": ["goodbye"]}
    }})
}

#[test]
fn an_answer_from_a_server_chooses_the_way() {
    let mut acts = script("12345#");
    acts.push(Act::Http(Ok((200, json!({"data": {"name": "Li", "level": 4}})))));
    let told = simulate(flow(&account()), &Scene::default(), acts);
    assert_eq!(told.requests, ["http://crm/v1?a=12345&n=%2B8613800138000"]);
    assert_eq!(told.end, Some(Hand::Transfer { target: "1001".into() }));
}

#[test]
fn a_failing_server_is_asked_once_more_and_then_the_error_edge_is_taken() {
    let mut acts = script("12345#");
    acts.extend([Act::Http(Err("refused".into())), Act::Http(Ok((500, Value::Null)))]);
    let told = simulate(flow(&account()), &Scene::default(), acts);
    assert_eq!(told.requests.len(), 2);
    assert!(told.lines.contains(&"step look → error".to_owned()));
    assert_eq!(told.end, Some(Hand::Hangup { cause: 16 }));
}

#[test]
fn a_silent_server_takes_the_timeout_edge() {
    let told = told(&account(), "12345# silence silence");
    assert!(told.lines.contains(&"step look → timeout".to_owned()), "{:#?}", told.lines);
    assert_eq!(told.end, Some(Hand::Enqueue { queue: QueueId(1), priority: 0 }));
}

#[test]
fn who_hangs_up_in_the_queue_is_still_noted_by_the_flow() {
    let mut acts = script("12345# silence silence hangup");
    acts.push(Act::Http(Ok((204, Value::Null))));
    let told = simulate(flow(&account()), &Scene::default(), acts);
    assert_eq!(told.requests.last().map(String::as_str), Some("http://crm/gone"));
    assert!(told.lines.contains(&"step note → next".to_owned()), "{:#?}", told.lines);
}

#[test]
fn a_person_who_does_not_answer_gives_the_call_back() {
    let mut acts = script("12345#");
    acts.push(Act::Http(Ok((200, json!({"data": {"level": 9}})))));
    acts.push(Act::Back("error".into()));
    let told = simulate(flow(&account()), &Scene::default(), acts);
    assert_eq!(told.end, Some(Hand::Enqueue { queue: QueueId(1), priority: 0 }));
}

#[test]
fn a_flow_in_circles_ends_by_itself() {
    let document = json!({"format": 1, "start": "a", "steps_max": 50, "steps": {
        "a": {"kind": "set", "values": {"x": "${x}1"}, "next": "b"},
        "b": {"kind": "set", "values": {"x": "${x}2"}, "next": "a"}}});
    let told = told(&document, "");
    assert_eq!(told.end, Some(Hand::Hangup { cause: 41 }));
    assert_eq!(told.lines.iter().filter(|line| line.starts_with("step")).count(), 51);
}

#[test]
fn secret_digits_do_not_reach_the_log() {
    let scene = Scene::default();
    let cx = Cx {
        now: Now { moment: Moment::from_secs(1), wall: scene.at },
        hours: &[],
        zone: chrono_tz::Tz::UTC,
        language: "en",
    };
    let mut run = Run::start(Arc::new(flow(&account())), &cx, &[]);
    for digit in "4711#".chars() {
        run.handle(&cx, Input::Digit(digit));
    }
    let left = std::iter::from_fn(|| run.poll_effect()).find_map(|effect| match effect {
        Effect::Left(left) => Some(left),
        _ => None,
    });
    assert_eq!(left.and_then(|left| left.digits).as_deref(), Some("****"));
    assert_eq!(run.variables.get("account"), "4711");
}

#[test]
fn values_are_heard_in_words_and_keys_move_in_what_is_played() {
    let document = json!({"format": 1, "start": "a", "variables": {"n": "105"}, "steps": {
        "a": {"kind": "play", "prompts": ["welcome", "number:${n}", "say:您好"], "times": 2,
            "start_ms": 500, "keys": "#", "seek": {"4": -5000, "6": 5000}, "next": "z"},
        "z": {"kind": "hangup"}}});
    assert_eq!(
        told(&document, "4 6 5 #").lines,
        [
            "hear 2 times",
            "hear from 500 ms on",
            "hear zh-CN/welcome",
            "hear zh-CN/digits/1",
            "hear zh-CN/digits/100",
            "hear zh-CN/digits/0",
            "hear zh-CN/digits/5",
            "hear \"您好\" spoken",
            "press 4",
            "go -5000 ms on",
            "press 6",
            "go 5000 ms on",
            "press 5",
            "press #",
            "step a → next",
            "step z → hangup",
            "ends with cause 16",
        ]
    );
}

#[test]
fn a_step_changes_the_language_of_what_follows() {
    let document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "play", "prompts": ["welcome", "say:${language}"], "next": "b"},
        "b": {"kind": "language", "language": "en", "next": "c"},
        "c": {"kind": "hangup", "prompts": ["number:105", "music/wait", "say:${language}"]}}});
    assert_eq!(
        told(&document, "silence silence").lines,
        [
            "hear zh-CN/welcome",
            "hear \"zh-CN\" spoken",
            "step a → next",
            "go on in en",
            "step b → next",
            "hear en/digits/1",
            "hear en/digits/100",
            "hear en/digits/5",
            "hear music/wait",
            "hear \"en\" spoken",
            "step c → hangup",
            "ends with cause 16",
        ]
    );
}

#[test]
fn the_key_that_skips_a_prompt_is_the_answer_where_the_next_step_asks() {
    let ahead = told(&default_flow(QueueId(7)), "1");
    assert_eq!(ahead.end, Some(Hand::Enqueue { queue: QueueId(7), priority: 0 }));
    // What asks nothing takes no key: the goodbye after the hours is heard.
    let hours = told(&default_flow(QueueId(7)), "2 9");
    assert!(hours.lines.contains(&"hear zh-CN/goodbye".to_owned()), "{:#?}", hours.lines);
    let media = Scene::default();
    let cx = Cx {
        now: Now { moment: Moment::from_secs(1), wall: media.at },
        hours: &[],
        zone: chrono_tz::Tz::UTC,
        language: "en",
    };
    // From media: the prompt is over when the key goes down, the key comes when it is let go.
    let mut run = Run::start(Arc::new(flow(&default_flow(QueueId(7)))), &cx, &[]);
    run.handle(&cx, Input::PlayDone);
    run.handle(&cx, Input::Digit('1'));
    let hands = std::iter::from_fn(|| run.poll_effect())
        .filter(|effect| matches!(effect, Effect::Hand(Hand::Enqueue { .. })));
    assert_eq!(hands.count(), 1);
}

#[test]
fn a_fax_takes_the_call_from_the_flow() {
    let fax = |change: Value| {
        let mut step = json!({"kind": "fax", "next": "bye", "on": {"error": "bye"}});
        step.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        told(
            &json!({"format": 1, "start": "fax", "variables": {"form": "tariff"},
                "steps": {"fax": step, "bye": {"kind": "hangup"}}}),
            "",
        )
    };
    assert_eq!(fax(json!({})).lines, ["sends a fax"]);
    assert_eq!(fax(json!({"send": "${form}"})).lines, ["gets the fax tariff"]);
}
