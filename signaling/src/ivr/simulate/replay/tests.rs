//! Calls of yesterday in a flow of tomorrow.

use super::*;
use crate::ivr::{Known, check, default_flow};
use serde_json::{Value, json};
use terms::QueueId;

type Step = (&'static str, &'static str, Option<&'static str>);

fn past(steps: &[Step]) -> Vec<Past> {
    let past = steps.iter().map(|&(step, exit, digits)| Past {
        step: step.to_owned(),
        exit: exit.to_owned(),
        digits: digits.map(str::to_owned),
    });
    past.collect()
}

fn replayed(document: &Value, steps: &[Step]) -> Replayed {
    let flow = check(document, &Known::anything()).unwrap_or_else(|p| panic!("{p:?}"));
    replay(&Arc::new(flow), &Scene::default(), &past(steps))
}

fn differs(before: Option<(&str, &str)>, after: Option<(&str, Option<&str>)>) -> Replayed {
    Replayed::Differs {
        before: before.map(|(step, exit)| (step.to_owned(), exit.to_owned())),
        after: after.map(|(step, exit)| (step.to_owned(), exit.map(str::to_owned))),
    }
}

const SERVED: &[Step] =
    &[("welcome", "next", None), ("menu", "1", Some("1")), ("service", "enqueued", None)];

#[test]
fn a_call_goes_the_same_way_through_the_same_flow() {
    let flow = default_flow(QueueId(7));
    let calls: [&[Step]; 5] = [
        SERVED,
        &[("welcome", "next", None), ("menu", "timeout", None), ("service", "enqueued", None)],
        &[("welcome", "next", None), ("menu", "hangup", None)],
        &[("welcome", "hangup", None)],
        &[
            ("welcome", "next", None),
            ("menu", "2", Some("2")),
            ("opening_hours", "next", None),
            ("goodbye", "hangup", None),
        ],
    ];
    for steps in calls {
        assert_eq!(replayed(&flow, steps), Replayed::Same, "{steps:?}");
    }
}

#[test]
fn a_key_that_is_gone_a_new_question_and_another_edge_are_told() {
    let mut gone = default_flow(QueueId(7));
    gone["steps"]["menu"]["keys"].as_object_mut().unwrap().remove("1");
    assert_eq!(
        replayed(&gone, SERVED),
        differs(Some(("menu", "1")), Some(("menu", Some("invalid"))))
    );
    let mut asked = default_flow(QueueId(7));
    asked["steps"]["vip"] = json!({"kind": "menu", "prompts": ["menu"], "keys": {"1": "menu"},
        "on": {"timeout": "menu", "invalid": "menu"}});
    asked["steps"]["welcome"]["next"] = json!("vip");
    assert_eq!(replayed(&asked, SERVED), differs(Some(("menu", "1")), Some(("vip", None))));
    let mut short = default_flow(QueueId(7));
    short["steps"]["menu"]["keys"]["1"] = json!("goodbye");
    assert_eq!(
        replayed(&short, SERVED),
        differs(Some(("service", "enqueued")), Some(("goodbye", Some("hangup"))))
    );
}

fn account(change: Value) -> Value {
    let mut ask = json!({"kind": "collect", "prompts": [], "variable": "n", "digits_max": 8,
        "attempts": 2, "next": "look", "on": {"timeout": "bye", "invalid": "bye"}});
    ask.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json!({"format": 1, "start": "ask", "steps": {"ask": ask,
        "look": {"kind": "http", "url": "http://crm/${n}", "retries": 2, "next": "bye",
            "on": {"error": "wait", "timeout": "wait"}},
        "wait": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}})
}

#[test]
fn an_entry_is_typed_again_and_a_server_fails_again() {
    let failed = |exit: &'static str| -> [Step; 3] {
        [("ask", "next", Some("4711")), ("look", exit, None), ("wait", "abandoned", None)]
    };
    for exit in ["error", "timeout"] {
        assert_eq!(replayed(&account(json!({})), &failed(exit)), Replayed::Same, "{exit}");
    }
    let strict = account(json!({"forms": ["????????"]}));
    assert_eq!(
        replayed(&strict, &failed("error")),
        differs(Some(("ask", "next")), Some(("ask", Some("invalid"))))
    );
}

#[test]
fn what_the_log_does_not_know_ends_a_replay() {
    let flow = account(json!({}));
    let unknown = |step: &str| Replayed::Unknown { step: step.to_owned() };
    let secret = [("ask", "next", Some("****")), ("look", "error", None)];
    assert_eq!(replayed(&flow, &secret), unknown("ask"));
    let answered = [("ask", "next", Some("4711")), ("look", "next", None), ("bye", "hangup", None)];
    assert_eq!(replayed(&flow, &answered), unknown("look"));
    assert_eq!(replayed(&flow, &[("ask", "invalid", None)]), unknown("ask"));
}

#[test]
fn a_prompt_that_could_not_be_heard_goes_the_same_way_again() {
    let document = json!({"format": 1, "start": "hello", "steps": {
        "hello": {"kind": "play", "prompts": ["welcome"], "next": "bye", "on": {"error": "queue"}},
        "queue": {"kind": "enqueue", "queue": "7", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    let unheard: [Step; 2] = [("hello", "error", None), ("queue", "enqueued", None)];
    assert_eq!(replayed(&document, &unheard), Replayed::Same);
    let heard: [Step; 2] = [("hello", "next", None), ("bye", "hangup", None)];
    assert_eq!(replayed(&document, &heard), Replayed::Same);
}
