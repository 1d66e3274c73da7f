//! Flows heard as transcripts.

mod outside;
mod waiting;

use super::*;
use crate::ivr::default_flow;
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
        flows: &scene.flows,
    };
    let mut run = Run::start(Arc::new(flow(&account())), &cx, &[], "");
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
        flows: &media.flows,
    };
    // From media: the prompt is over when the key goes down, the key comes when it is let go.
    let mut run = Run::start(Arc::new(flow(&default_flow(QueueId(7)))), &cx, &[], "");
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

fn collect(change: Value, text: &str) -> Transcript {
    let mut step = json!({"kind": "collect", "prompts": ["account"], "invalid_prompts": ["invalid"],
        "variable": "account", "digits_max": 18, "attempts": 2, "next": "bye",
        "on": {"timeout": "bye", "invalid": "wrong"}});
    step.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    told(
        &json!({"format": 1, "start": "ask", "steps": {"ask": step,
            "wrong": {"kind": "hangup", "cause": 21}, "bye": {"kind": "hangup"}}}),
        text,
    )
}

#[test]
fn an_entry_that_is_not_what_is_asked_for_is_asked_again() {
    for (change, good, bad) in [
        (json!({"forms": ["1[3-9]?????????", "0??"]}), "013#", "12800138000#"),
        (json!({"check_digit": "luhn"}), "79927398713#", "79927398710#"),
        (json!({"check_digit": "mod_11_2"}), "11010519491231002*", "110105194912310021"),
        (json!({"value_min": 1, "value_max": 12}), "12#", "13#"),
        (json!({"value_min": 1}), "1#", "0#"),
        (json!({"digits_min": 2}), "12#", "1#"),
    ] {
        let right = collect(change.clone(), good);
        assert_eq!(right.end, Some(Hand::Hangup { cause: 16 }), "{change} takes {good}");
        let again = collect(change.clone(), &format!("{bad} {good}"));
        assert_eq!(again.end, Some(Hand::Hangup { cause: 16 }), "{change}: a second chance");
        assert!(again.lines.contains(&"hear zh-CN/invalid".to_owned()), "{change} says so");
        let wrong = collect(change.clone(), &format!("{bad} {bad}"));
        assert_eq!(wrong.end, Some(Hand::Hangup { cause: 21 }), "{change} refuses {bad}");
    }
}

#[test]
fn a_table_finds_a_row_by_its_key_or_by_the_longest_beginning() {
    let told = |way: &str, key: &str| {
        let document = json!({"format": 1, "start": "look", "variables": {"zip": key},
            "tables": {"zones": {"31": {"city": "杭州", "fee": "12"}, "3100": {"city": "萧山"}}},
            "steps": {
                "look": {"kind": "table", "table": "zones", "key": "${zip}", "match": way,
                    "map": {"city": "city", "fee": "fee"}, "next": "bye", "not_found": "none"},
                "none": {"kind": "hangup", "cause": 1}, "bye": {"kind": "hangup"}}});
        let told = simulate(flow(&document), &Scene::default(), Vec::new());
        let value = |name: &str| told.variables.get(name).cloned().unwrap_or_default();
        let is_found = told.end == Some(Hand::Hangup { cause: 16 });
        is_found.then(|| [value("table_key"), value("city"), value("fee")].join(" "))
    };
    assert_eq!(told("exact", "31").as_deref(), Some("31 杭州 12"));
    assert_eq!(told("exact", "310000"), None);
    assert_eq!(told("longest_prefix", "310012").as_deref(), Some("3100 萧山 "));
    assert_eq!(told("longest_prefix", "311200").as_deref(), Some("31 杭州 12"));
    assert_eq!(told("longest_prefix", "3"), None);
    assert_eq!(told("longest_prefix", "杭州"), None);
}

#[test]
fn an_expression_computes_and_chooses_and_takes_its_error_edge() {
    let told = |balance: &str| {
        let document = json!({"format": 1, "start": "fee", "variables": {"balance": balance},
            "steps": {
                "fee": {"kind": "expression", "expression": "round(balance * 1.1, 2)",
                    "variable": "due", "next": "owes", "on": {"error": "broken"}},
                "owes": {"kind": "expression", "expression": "due > 100", "next": "much",
                    "else": "little", "on": {"error": "broken"}},
                "much": {"kind": "hangup", "prompts": ["money:${due}"]},
                "little": {"kind": "hangup", "cause": 1}, "broken": {"kind": "hangup", "cause": 2}}});
        let told = simulate(flow(&document), &Scene::default(), Vec::new());
        (told.end, told.variables.get("due").cloned())
    };
    let ends = |cause| Some(Hand::Hangup { cause });
    assert_eq!(told("100.05"), (ends(16), Some("110.06".into())));
    assert_eq!(told("80"), (ends(1), Some("88".into())));
    assert_eq!(told("many"), (ends(2), None));
}

/// The paying flow, 7, asks and comes back with `paid` or with nothing; 8 calls itself.
fn payments() -> Library {
    let pay = json!({"format": 1, "start": "ask", "variables": {"currency": "CNY"}, "steps": {
        "ask": {"kind": "menu", "prompts": ["menu"], "attempts": 1, "keys": {"1": "paid"},
            "on": {"timeout": "back", "invalid": "back"}},
        "paid": {"kind": "return", "result": "paid"}, "back": {"kind": "return"}}});
    let round = json!({"format": 1, "start": "again", "steps": {
        "again": {"kind": "subflow", "flow": "8", "next": "back", "on": {"error": "deep"}},
        "deep": {"kind": "set", "values": {"deep": "yes"}, "next": "back"},
        "back": {"kind": "return"}}});
    [(7, 3, pay), (8, 1, round)]
        .into_iter()
        .map(|(id, version, document)| (FlowId(id), (version, Arc::new(flow(&document)))))
        .collect()
}

fn calling(id: &str) -> Value {
    json!({"format": 1, "start": "pay", "steps": {
        "pay": {"kind": "subflow", "flow": id, "results": {"paid": "thanks"}, "next": "bye",
            "on": {"error": "broken", "hangup": "note"}},
        "note": {"kind": "set", "values": {"gone": "yes"}, "next": "bye"},
        "thanks": {"kind": "hangup", "prompts": ["thanks"]},
        "broken": {"kind": "hangup", "cause": 41}, "bye": {"kind": "hangup", "cause": 17}}})
}

fn called(id: &str, text: &str) -> Transcript {
    let scene = Scene { flows: payments(), ..Scene::default() };
    simulate(flow(&calling(id)), &scene, script(text))
}

#[test]
fn a_flow_calls_another_and_goes_on_by_what_it_says() {
    let paid = called("7", "silence 1");
    assert_eq!(
        paid.lines,
        [
            "step pay → enter",
            "hear zh-CN/menu",
            "press 1",
            "step 7/ask → 1",
            "step 7/paid → paid",
            "hear zh-CN/thanks",
            "step thanks → hangup",
            "ends with cause 16",
        ]
    );
    assert_eq!(paid.steps[1].of, Some((FlowId(7), 3)));
    assert_eq!(paid.steps[1].heard, [wording::of("zh-CN/menu").unwrap()]);
    assert_eq!(paid.variables.get("currency").map(String::as_str), Some("CNY"));
    assert_eq!(called("7", "").end, Some(Hand::Hangup { cause: 17 }), "without a result");
    assert_eq!(called("9", "").end, Some(Hand::Hangup { cause: 41 }), "it is gone");
}

#[test]
fn a_trial_finds_the_flows_that_are_called_and_no_others() {
    let published = |id, document| terms::routing::Flow {
        id: FlowId(id),
        name: String::new(),
        version: 2,
        document,
    };
    let end = json!({"format": 1, "start": "a", "steps": {"a": {"kind": "return"}}});
    let flows = [published(7, calling("8")), published(8, end.clone()), published(9, end)];
    let found = library(&calling("7"), &flows);
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [FlowId(7), FlowId(8)]);
    assert_eq!(found[&FlowId(8)].0, 2);
    assert!(library(&json!([1]), &flows).is_empty(), "whatever is sent");
}

#[test]
fn who_hangs_up_in_a_called_flow_is_noted_by_the_one_that_called_it() {
    let gone = called("7", "hangup");
    assert_eq!(gone.variables.get("gone").map(String::as_str), Some("yes"), "{:#?}", gone.lines);
    assert!(gone.lines.contains(&"step note → next".to_owned()), "{:#?}", gone.lines);
}

#[test]
fn a_flow_that_calls_itself_ends_at_the_depth_and_one_that_nobody_called_ends_the_call() {
    let round = called("8", "");
    assert_eq!(round.variables.get("deep").map(String::as_str), Some("yes"));
    let deep = round.lines.iter().filter(|line| *line == "step 8/again → enter").count();
    assert_eq!(deep + 1, crate::ivr::SUBFLOWS_DEEP_MAX);
    assert_eq!(round.end, Some(Hand::Hangup { cause: 17 }));
    let alone = told(&json!({"format": 1, "start": "a", "steps": {"a": {"kind": "return"}}}), "");
    assert_eq!(alone.end, Some(Hand::Hangup { cause: 16 }));
}

#[test]
fn called_flows_share_the_steps_that_the_first_one_allows() {
    let mut document = calling("8");
    document["steps_max"] = json!(5);
    let scene = Scene { flows: payments(), ..Scene::default() };
    let told = simulate(flow(&document), &scene, Vec::new());
    assert_eq!(told.end, Some(Hand::Hangup { cause: 41 }));
    assert!(told.lines.last().is_some_and(|line| line == "ends with cause 41"));
    assert!(told.lines.contains(&"step 8/again → loop".to_owned()), "{:#?}", told.lines);
}

#[test]
fn a_server_of_a_trial_answers_by_itself() {
    let body = json!({"data": {"name": "Li", "level": 4}});
    let mocks = vec![Mock { path: "/v1".into(), status: 200, body }];
    let scene = Scene { mocks, ..Scene::default() };
    let told = simulate(flow(&account()), &scene, script("12345#"));
    assert_eq!(told.end, Some(Hand::Transfer { target: "1001".into() }));
    assert_eq!(told.variables.get("level").map(String::as_str), Some("4"));
    assert_eq!(
        told.steps.last().map(|step| (step.kind, step.exit.clone())),
        Some(("transfer", None))
    );
    assert_eq!(told.steps[0].digits.as_deref(), Some("*****"));
}

#[test]
fn a_holiday_has_a_way_of_its_own() {
    let office = Hours {
        name: "office".into(),
        windows: Vec::new(),
        closed: vec!["2026-10-01".into()],
        open: Vec::new(),
    };
    let document = |holiday: Value| {
        json!({"format": 1, "start": "a", "steps": {
            "a": {"kind": "hours", "hours": "office", "open": "b", "closed": "b",
                "holiday": holiday},
            "b": {"kind": "hangup"}, "c": {"kind": "hangup", "cause": 1}}})
    };
    let ends = |document: &Value, day: i64| {
        // 2026-10-01, 10:00 in Shanghai, and days after it.
        let at = Timestamp::from_secs(1_790_820_000 + day * 86_400);
        let scene = Scene { at, hours: vec![office.clone()], ..Scene::default() };
        let mut document = document.clone();
        if document["steps"]["a"]["holiday"].is_null() {
            document["steps"].as_object_mut().unwrap().remove("c");
        }
        simulate(flow(&document), &scene, Vec::new()).end
    };
    let named = document(json!("c"));
    assert_eq!(ends(&named, 0), Some(Hand::Hangup { cause: 1 }));
    assert_eq!(ends(&named, 1), Some(Hand::Hangup { cause: 16 }));
    assert_eq!(ends(&document(Value::Null), 0), Some(Hand::Hangup { cause: 16 }));
}

#[test]
fn who_calls_when_nobody_works_is_led_to_a_message() {
    let (closed, open) = (Vec::new(), Vec::new());
    let hours = vec![Hours { name: "office".into(), windows: Vec::new(), closed, open }];
    let document = json!({"format": 1, "start": "hours", "steps": {
        "hours": {"kind": "hours", "hours": "office", "open": "queue", "closed": "sorry"},
        "sorry": {"kind": "play", "prompts": ["closed"], "next": "message"},
        "message": {"kind": "voicemail", "queue": "7"},
        "queue": {"kind": "enqueue", "queue": "7", "on": {"error": "message"}}
    }});
    let told = simulate(flow(&document), &Scene { hours, ..Scene::default() }, script("silence"));
    assert!(told.lines.contains(&"hear zh-CN/closed".to_owned()), "{:#?}", told.lines);
    assert_eq!(told.end, Some(Hand::Voicemail { queue: QueueId(7) }));
}

#[test]
fn the_key_that_ends_an_entry_which_is_full_already_is_no_key_of_the_next_step() {
    let document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["account"], "variable": "pin", "digits_max": 4,
            "next": "menu", "on": {"timeout": "bye", "invalid": "bye"}},
        "menu": {"kind": "menu", "prompts": ["menu"], "keys": {"#": "again", "1": "queue"},
            "attempts": 1, "on": {"timeout": "bye", "invalid": "bye"}},
        "again": {"kind": "voicemail", "queue": "2"},
        "queue": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}
    }});
    let end = |keys| told(&document, keys).end;
    let queue = Some(Hand::Enqueue { queue: QueueId(1), priority: 0 });
    assert_eq!(end("1234#1"), queue, "belongs to the entry");
    assert_eq!(end("12#1"), queue, "ends the entry, which is shorter");
    assert_eq!(end("1234##"), Some(Hand::Voicemail { queue: QueueId(2) }), "once");
    assert_eq!(end("12341#"), queue, "only right behind the entry");
}

#[test]
fn an_entry_that_is_asked_again_is_not_answered_by_the_end_of_the_first() {
    let document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["account"], "variable": "pin", "digits_max": 4,
            "attempts": 2, "value_max": 2000, "next": "queue",
            "on": {"timeout": "bye", "invalid": "bye"}},
        "queue": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}
    }});
    let queue = Some(Hand::Enqueue { queue: QueueId(1), priority: 0 });
    assert_eq!(told(&document, "9999#1999#").end, queue, "two entries, each with its key");
}

#[test]
fn programs_are_told_what_the_call_knows_also_when_the_caller_has_gone() {
    let document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["account"], "variable": "account", "digits_max": 4,
            "next": "tell", "on": {"timeout": "bye", "invalid": "bye", "hangup": "gone"}},
        "tell": {"kind": "webhook", "event": "entered", "data": {"who": "${caller}",
            "account": "${account}"}, "next": "bye"},
        "gone": {"kind": "webhook", "event": "left", "next": "bye"},
        "bye": {"kind": "hangup"}
    }});
    let told_of = |script| {
        let lines = told(&document, script).lines;
        lines.into_iter().filter(|line| line.starts_with("tell")).collect::<Vec<_>>()
    };
    assert_eq!(told_of("4711"), ["tell entered account=4711 who=+8613800138000"]);
    assert_eq!(told_of("47 hangup"), ["tell left"]);
}

#[test]
fn a_key_says_whether_the_caller_agrees_to_be_recorded() {
    let document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "menu", "prompts": ["choose"], "keys": {"1": "yes", "2": "no"},
            "on": {"timeout": "bye", "invalid": "bye"}},
        "yes": {"kind": "consent", "given": true, "next": "bye"},
        "no": {"kind": "consent", "given": false, "next": "bye"},
        "bye": {"kind": "hangup"}
    }});
    let said_by = |key| {
        let lines = told(&document, key).lines;
        lines.into_iter().filter(|line| line.contains("agree")).collect::<Vec<_>>()
    };
    assert_eq!(said_by("1"), ["agrees to be recorded"]);
    assert_eq!(said_by("2"), ["does not agree to be recorded"]);
    assert_eq!(said_by("silence silence silence"), [""; 0]);
}

#[test]
fn a_caller_is_called_back_without_waiting_and_the_flow_goes_on() {
    let document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["account"], "variable": "number", "digits_min": 0,
            "digits_max": 12, "next": "back", "on": {"timeout": "sorry", "invalid": "sorry"}},
        "back": {"kind": "callback", "queue": "7", "number": "${number}", "next": "bye",
            "on": {"error": "sorry"}},
        "sorry": {"kind": "play", "prompts": ["callback_not_possible"], "next": "bye"},
        "bye": {"kind": "hangup"}
    }});
    let goes = |script_text, back: &str| {
        let mut acts = script(script_text);
        acts.push(Act::Back(back.to_owned()));
        simulate(flow(&document), &Scene::default(), acts)
    };
    let told = goes("02087654321#", "next");
    assert!(told.lines.contains(&"is called back for queue 7 at 02087654321".to_owned()));
    assert_eq!(told.end, Some(Hand::Hangup { cause: 16 }));
    let told = goes("#", "error");
    assert!(told.lines.contains(&"is called back for queue 7".to_owned()), "{:#?}", told.lines);
    assert!(told.lines.contains(&"step back → error".to_owned()));
    assert!(told.lines.contains(&"hear zh-CN/callback_not_possible".to_owned()));
}

#[test]
fn what_a_caller_says_is_recorded_and_the_flow_goes_on_by_whether_it_was_enough() {
    let document = json!({"format": 1, "start": "say", "steps": {
        "say": {"kind": "record", "queue": "7", "prompts": ["voicemail"], "next": "thanks",
            "on": {"error": "bye", "timeout": "again"}},
        "again": {"kind": "play", "prompts": ["invalid"], "next": "say"},
        "thanks": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
        "bye": {"kind": "hangup"}
    }});
    let acts =
        vec![Act::Back("timeout".into()), Act::Silence, Act::Back("next".into()), Act::Silence];
    let told = simulate(flow(&document), &Scene::default(), acts);
    assert_eq!(
        told.lines,
        [
            "hear zh-CN/voicemail",
            "says something for queue 7",
            "back by timeout",
            "step say → timeout",
            "hear zh-CN/invalid",
            "step again → next",
            "hear zh-CN/voicemail",
            "says something for queue 7",
            "back by next",
            "step say → next",
            "hear zh-CN/thanks",
            "step thanks → next",
            "step bye → hangup",
            "ends with cause 16",
        ]
    );
}
