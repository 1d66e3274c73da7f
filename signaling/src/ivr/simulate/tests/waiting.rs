//! What happens to who waits in a queue.

use super::*;
use crate::switch::rig::demo_plan;
use terms::routing::{Callback, Onward, Queue, Target};

/// They wait in queue 1, leave it by 9 for a message, and hear the opening hours by 4.
fn waits() -> Value {
    json!({"format": 1, "start": "wait", "steps": {
        "wait": {"kind": "enqueue", "queue": "1", "keys": {"9": "message"}, "asides": {"4": "hours"},
            "on": {"error": "bye", "released": "ask"}},
        "hours": {"kind": "menu", "prompts": ["hours"], "attempts": 1, "keys": {"0": "message"},
            "on": {"timeout": "wait", "invalid": "wait"}},
        "ask": {"kind": "survey", "next": "bye", "on": {"timeout": "bye"}},
        "message": {"kind": "voicemail", "queue": "1"},
        "bye": {"kind": "hangup"}}})
}

/// Of a wait of 120 s at most, then a message.
fn queue() -> Queue {
    demo_plan().queues[0].clone()
}

fn trial(queue: Queue, text: &str) -> Transcript {
    let scene = Scene { queues: vec![queue], ..Scene::default() };
    simulate(flow(&waits()), &scene, script(text))
}

#[test]
fn time_passes_a_key_leads_aside_and_back_and_an_agent_answers() {
    let told = trial(queue(), "30s 4 silence silence answered 9");
    assert_eq!(
        told.lines,
        [
            "goes to queue 1",
            "waits 30 s in queue 1",
            "press 4",
            "step wait → asides.4",
            "hear zh-CN/hours",
            "silence",
            "step hours → timeout",
            "is back in queue 1",
            "an agent of queue 1 answers",
            "press 9",
        ]
    );
    assert_eq!(told.answered, Some(QueueId(1)));
    assert_eq!(
        told.steps.last().map(|step| (step.kind, step.exit.clone())),
        Some(("enqueue", None))
    );
}

#[test]
fn keys_lead_out_of_the_queue_and_from_aside_the_place_is_given_up() {
    let out = trial(queue(), "9");
    assert_eq!(out.lines[1..], ["press 9", "step wait → keys.9", "leaves a message for queue 1"]);
    let given_up = trial(queue(), "4 0");
    assert_eq!(
        given_up.lines[4..],
        [
            "press 0",
            "step hours → 0",
            "gives up the place in queue 1",
            "leaves a message for queue 1"
        ]
    );
    assert_eq!(given_up.end, Some(Hand::Voicemail { queue: QueueId(1) }));
    // A key that means nothing there changes nothing.
    assert_eq!(trial(queue(), "7 answered").answered, Some(QueueId(1)));
}

#[test]
fn who_was_answered_comes_back_when_the_agent_has_released() {
    let acts = vec![Act::Answered, Act::Back("released".into())];
    let scene = Scene { queues: vec![queue()], ..Scene::default() };
    let told = simulate(flow(&waits()), &scene, acts);
    assert_eq!(
        told.lines[1..],
        [
            "an agent of queue 1 answers",
            "back by released",
            "step wait → released",
            "is asked for satisfaction"
        ]
    );
    assert_eq!((told.end, told.answered), (Some(Hand::Survey), None));
}

#[test]
fn who_waits_too_long_goes_where_the_queue_sends_them() {
    let told = trial(queue(), "100s 30s");
    assert_eq!(
        told.lines[1..],
        [
            "waits 100 s in queue 1",
            "waits 20 s in queue 1",
            "flows out of queue 1",
            "leaves a message for queue 1"
        ]
    );
    assert_eq!(told.end, Some(Hand::Voicemail { queue: QueueId(1) }));
    let at_once = trial(queue(), "flows_out answered");
    assert_eq!(at_once.lines[1..], ["flows out of queue 1", "leaves a message for queue 1"]);
    assert_eq!(at_once.answered, None);

    let mut chain = queue();
    chain.overflow = Target::Queue(QueueId(2));
    chain.matching.doors.overflow_chain = vec![Onward { after_s: 45, target: Target::Hangup }];
    let told = trial(chain, "200s 9");
    assert_eq!(
        told.lines[1..],
        [
            "waits 120 s in queue 1",
            "flows out of queue 1",
            "goes to queue 2",
            "waits 45 s in queue 2",
            "flows out of queue 2",
            "ends with cause 16"
        ]
    );
    let mut circle = queue();
    (circle.wait_max_s, circle.overflow) = (0, Target::Queue(QueueId(1)));
    assert!(trial(circle, "10s").lines.len() < 100, "it ends");
}

#[test]
fn a_time_in_a_script_is_a_day_at_most_and_never_keys() {
    let day = Act::Waits(Duration::from_secs(WAITS_S_MAX));
    assert_eq!(script("86400s 86401s"), [day.clone(), day]);
    assert_eq!(script("90s 9"), [Act::Waits(Duration::from_secs(90)), Act::Digit('9')]);
}

#[test]
fn whose_time_is_over_while_they_are_aside_goes_on_when_they_are_back() {
    let told = trial(queue(), "118s 4 silence silence");
    assert_eq!(
        told.lines[told.lines.len() - 3..],
        ["is back in queue 1", "flows out of queue 1", "leaves a message for queue 1"]
    );
}

#[test]
fn who_asks_for_it_is_called_back_where_the_queue_does_so() {
    let with = |other_number| {
        let mut queue = queue();
        let callback = Callback { key: '5', other_number, ..Callback::default() };
        queue.in_queue.callback = Some(callback);
        queue
    };
    let told = trial(with(false), "5 9");
    assert_eq!(
        told.lines[1..],
        [
            "press 5",
            "is called back for queue 1",
            "hear zh-CN/callback_taken",
            "hear zh-CN/goodbye"
        ]
    );
    assert_eq!(trial(with(false), "called_back").end, told.end);
    let other = trial(with(true), "5 02087654321#");
    let line = "is called back for queue 1 at 02087654321".to_owned();
    assert!(other.lines.contains(&line), "{:#?}", other.lines);
    assert_eq!(trial(with(true), "5 02* answered").answered, Some(QueueId(1)));
    let none = trial(queue(), "5 called_back answered");
    assert_eq!(none.lines[2], "queue 1 calls nobody back");
    assert_eq!(none.answered, Some(QueueId(1)));
}

#[test]
fn who_would_wait_too_long_by_what_stands_in_for_the_queue_does_not_come_in() {
    let document = json!({"format": 1, "start": "wait", "steps": {
        "wait": {"kind": "enqueue", "queue": "1", "estimate_max_s": 60, "long_wait": "bye",
            "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    let told = |body: Value| {
        let mocks = vec![Mock { path: "queue:1".into(), status: 200, body }];
        simulate(flow(&document), &Scene { mocks, ..Scene::default() }, Vec::new())
    };
    assert_eq!(told(json!({"wait_s": 61})).lines[0], "step wait → long_wait");
    assert_eq!(told(json!({"wait_s": 60})).lines, ["goes to queue 1"]);
    assert_eq!(told(json!({"wait_s": 61, "free": 1})).lines, ["goes to queue 1"]);
}
