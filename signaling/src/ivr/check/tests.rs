//! Documents that are refused, and with which words.

use super::*;
use serde_json::json;

fn problems(document: &Value) -> Vec<String> {
    let mut known = Known::default();
    known.queues.insert(QueueId(1));
    known.hours.insert("office".to_owned());
    check(document, &known).unwrap_err().iter().map(ToString::to_string).collect()
}

fn one(step: Value) -> Value {
    json!({"format": 1, "start": "a", "steps": {"a": step, "z": {"kind": "hangup"}}})
}

#[test]
fn each_problem_names_its_step_and_what_is_right() {
    let menu = json!({"kind": "menu", "prompts": ["menu"], "keys": {"1": "nowhere"},
        "on": {"timeout": "z"}});
    let text = problems(&one(menu)).join("\n");
    assert!(text.contains("step \"a\": the edge on.invalid is missing"), "{text}");

    let menu = json!({"kind": "menu", "prompts": ["menu"], "keys": {"1": "nowhere"},
        "on": {"timeout": "z", "invalid": "z"}});
    let text = problems(&one(menu)).join("\n");
    assert!(text.contains("keys.1 leads to \"nowhere\", which does not exist"), "{text}");
    assert!(text.contains("one of a, z"), "{text}");
}

#[test]
fn what_does_not_exist_is_refused() {
    for (step, what) in [
        (json!({"kind": "enqueue", "queue": "9", "on": {"error": "z"}}), "no queue 9"),
        (
            json!({"kind": "enqueue", "queue": "1", "keys": {"x": "z"}, "on": {"error": "z"}}),
            "keys has \"x\"",
        ),
        (
            json!({"kind": "enqueue", "queue": "1", "asides": {"x": "z"}, "on": {"error": "z"}}),
            "asides has \"x\"",
        ),
        (
            json!({"kind": "enqueue", "queue": "1", "keys": {"1": "z"}, "asides": {"1": "z"},
                "on": {"error": "z"}}),
            "keys and asides have \"1\"",
        ),
        (
            json!({"kind": "enqueue", "queue": "1", "asides": {"1": "nowhere"},
                "on": {"error": "z"}}),
            "asides.1 leads to \"nowhere\"",
        ),
        (
            json!({"kind": "enqueue", "queue": "1", "refused": "nowhere", "on": {"error": "z"}}),
            "refused leads to \"nowhere\"",
        ),
        (
            json!({"kind": "enqueue", "queue": "1", "estimate_max_s": 60, "on": {"error": "z"}}),
            "estimate_max_s and long_wait together",
        ),
        (
            json!({"kind": "enqueue", "queue": "1", "keys": {"1": "nowhere"}, "on": {"error": "z"}}),
            "keys.1 leads to \"nowhere\"",
        ),
        (json!({"kind": "hours", "hours": "x", "open": "z", "closed": "z"}), "opening hours"),
        (json!({"kind": "load", "queue": "9", "next": "z", "on": {"error": "z"}}), "no queue 9"),
        (json!({"kind": "load", "queue": "1", "next": "z"}), "the edge on.error is missing"),
        (json!({"kind": "dance"}), "unknown variant `dance`"),
        (json!({"kind": "consent", "next": "z"}), "missing field `given`"),
        (json!({"kind": "webhook", "event": "a b", "next": "z"}), "a letter, then letters"),
        (json!({"kind": "webhook", "event": "a", "data": {"1": ""}, "next": "z"}), "the variable"),
        (
            json!({"kind": "webhook", "event": "a", "data": {"b": "${"}, "next": "z"}),
            "broken template",
        ),
        (
            json!({"kind": "callback", "queue": "9", "next": "z", "on": {"error": "z"}}),
            "no queue 9",
        ),
        (json!({"kind": "callback", "queue": "1", "next": "z"}), "the edge on.error is missing"),
        (
            json!({"kind": "record", "queue": "1", "prompts": ["a"], "max_s": 601, "next": "z",
                "on": {"error": "z", "timeout": "z"}}),
            "1 to 600",
        ),
        (
            json!({"kind": "record", "queue": "1", "prompts": ["a"], "terminator": "1", "next": "z",
                "on": {"error": "z", "timeout": "z"}}),
            "or null",
        ),
        (
            json!({"kind": "play", "prompts": ["a"], "next": "z", "volume": 3}),
            "unknown field `volume`",
        ),
        (json!({"kind": "play", "prompts": ["../x"], "next": "z"}), "letters, digits"),
        (
            json!({"kind": "play", "prompts": [], "next": "z", "on": {"timeout": "z"}}),
            "never takes on.timeout",
        ),
        (json!({"kind": "transfer", "target": "queue:9", "on": {"error": "z"}}), "no queue 9"),
        (
            json!({"kind": "transfer", "target": "conference:9", "on": {"error": "z"}}),
            "no conference \"9\"",
        ),
        (json!({"kind": "transfer", "target": "site:9", "on": {"error": "z"}}), "no site \"9\""),
        (json!({"kind": "transfer", "target": "1;rm -rf", "on": {"error": "z"}}), "a number"),
        (
            json!({"kind": "http", "url": "http://${caller}/", "next": "z",
            "on": {"error": "z", "timeout": "z"}}),
            "a host without variables",
        ),
        (json!({"kind": "set", "values": {"a": "${"}, "next": "z"}), "broken template"),
        (json!({"kind": "play", "prompts": ["number:12a"], "next": "z"}), "such as 123"),
        (json!({"kind": "play", "prompts": ["date:2026-02-30"], "next": "z"}), "2026-11-28"),
        (json!({"kind": "play", "prompts": ["money:${"], "next": "z"}), "broken template"),
        (json!({"kind": "play", "prompts": ["sum:1"], "next": "z"}), "digits, number, money"),
        (json!({"kind": "play", "prompts": ["say: "], "next": "z"}), "1 to 500"),
        (json!({"kind": "play", "prompts": ["a"], "times": 0, "next": "z"}), "1 to 20"),
        (json!({"kind": "play", "prompts": ["a"], "keys": "x", "next": "z"}), "some of 0123"),
        (json!({"kind": "play", "prompts": ["a"], "seek": {"4": 0}, "next": "z"}), "go back"),
        (json!({"kind": "language", "language": "../x", "next": "z"}), "zh-CN or en"),
        (json!({"kind": "language", "language": "${x}", "next": "z"}), "zh-CN or en"),
    ] {
        let text = problems(&one(step)).join("\n");
        assert!(text.contains(what), "{what}: {text}");
        assert!(text.contains("step \"a\""), "{text}");
    }
}

#[test]
fn a_fax_is_taken_where_there_is_a_machine_and_its_names_are_good() {
    let step = |change: serde_json::Value| {
        let mut step = json!({"kind": "fax", "next": "z", "on": {"error": "z"}});
        let fields = change.as_object().expect("an object").clone();
        step.as_object_mut().expect("an object").extend(fields);
        one(step)
    };
    for good in [
        json!({}),
        json!({"send": "price-list"}),
        json!({"send": "${form}", "station": "+86 10 1", "ecm": false}),
    ] {
        check(&step(good), &Known::default()).expect("it is good");
    }
    let missing = Known { faxless: Some("install libspandsp2".into()), ..Known::default() };
    for (bad, known, word) in [
        (json!({"send": "../etc"}), Known::default(), "no name of a document"),
        (json!({"station": "Switchgrid"}), Known::default(), "station"),
        (json!({}), missing, "install libspandsp2"),
    ] {
        let problems = check(&step(bad), &known).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].to_string().contains(word), "{}", problems[0]);
    }
}

#[test]
fn what_is_said_of_values_is_taken_and_texts_only_where_they_can_be_spoken() {
    let prompts = json!([
        "digits:${a}",
        "number:${a}",
        "number:-4.5",
        "money:12.50",
        "date:today",
        "time:${a}",
        "say:您好 ${a}"
    ]);
    let document = one(json!({"kind": "play", "prompts": prompts, "next": "z"}));
    check(&document, &Known::default()).expect("all of it is said");
    let why = "espeak-ng is not installed".to_owned();
    let known = Known { speechless: Some(why), ..Known::default() };
    let problems = check(&document, &known).unwrap_err();
    let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(problems.len(), 1, "{text}");
    assert!(text.contains("step \"a\"") && text.contains("espeak-ng is not installed"), "{text}");
}

#[test]
fn a_prompt_or_a_language_that_nobody_has_is_refused() {
    let set = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    let (prompts, languages) = (set(&["hi"]), set(&["en", "yue"]));
    let known = Known { prompts, languages, ..Known::default() };
    let document = |prompt: &str, language: &str| {
        json!({"format": 1, "start": "a", "steps": {
            "a": {"kind": "language", "language": language, "next": "b"},
            "b": {"kind": "hangup", "prompts": [prompt]}}})
    };
    check(&document("hi", "yue"), &known).expect("both are there");
    let problems = check(&document("promo", "fr"), &known).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("no prompt in \"fr\"; right is one of en, yue"), "{told:?}");
    assert!(told[1].contains("step \"b\": the prompt \"promo\" does not exist"), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn a_step_that_nothing_leads_to_is_found() {
    let document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "hangup"}, "lost": {"kind": "hangup"}}});
    assert_eq!(
        problems(&document),
        ["step \"lost\": nothing leads here; right is an edge from another step, or no such step"]
    );
}

#[test]
fn a_newer_format_and_an_unknown_field_are_refused() {
    let document = json!({"format": 2, "start": "a", "colour": 1,
        "steps": {"a": {"kind": "hangup"}}});
    let text = problems(&document).join("\n");
    assert!(text.contains("another version") && text.contains("\"colour\""), "{text}");
}

#[test]
fn tables_expressions_forms_and_called_flows_are_checked() {
    let look = |change: Value| {
        let mut step = json!({"kind": "table", "table": "zones", "key": "${zip}",
            "map": {"city": "city"}, "next": "z", "not_found": "z"});
        step.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let mut document = one(step);
        document["tables"] = json!({"zones": {"31": {"city": "杭州"}}});
        document
    };
    check(&look(json!({})), &Known::default()).expect("the table is there");
    let collect = |change: Value| {
        let mut step = json!({"kind": "collect", "prompts": [], "variable": "n", "digits_max": 4,
            "next": "z", "on": {"timeout": "z", "invalid": "z"}});
        step.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        one(step)
    };
    let compute = |expression: &str| {
        one(json!({"kind": "expression", "expression": expression, "variable": "x", "next": "z",
            "on": {"error": "z"}}))
    };
    let mut rows = look(json!({}));
    rows["tables"]["zones"] = json!({"": {"city": "x"}});
    let mut shown = collect(json!({"secret": true}));
    shown["show"] = json!(["n"]);
    let mut listed = look(json!({}));
    listed["show"] = json!("city");
    let mut texts = look(json!({}));
    texts["tables"]["zones"] = json!({"31": {"city": 5}});
    for (document, what) in [
        (look(json!({"table": "prices"})), "no table \"prices\"; right is one of zones"),
        (
            look(json!({"map": {"fee": "fee"}})),
            "no row has the column \"fee\"; right is one of city",
        ),
        (look(json!({"match": "regex"})), "unknown variant `regex`"),
        (shown, "show has \"n\", which is entered in secret"),
        (listed, "\"show\" is not a list of variables"),
        (rows, "tables.zones has the row \"\""),
        (texts, "tables.zones is not rows by key"),
        (collect(json!({"forms": ["1[3"]})), "? for any digit"),
        (collect(json!({"value_min": 5, "value_max": 4})), "at most value_max, which is 4"),
        (collect(json!({"check_digit": "crc"})), "unknown variant `crc`"),
        (compute("1 +"), "expression: it ends where a value is needed"),
        (
            one(
                json!({"kind": "expression", "expression": "1", "next": "z", "on": {"error": "z"}}),
            ),
            "its value goes nowhere",
        ),
        (
            one(json!({"kind": "subflow", "flow": "9", "next": "z", "on": {"error": "z"}})),
            "there is no flow \"9\"",
        ),
        (one(json!({"kind": "return", "result": "a b"})), "names the variable"),
    ] {
        let text = problems(&document).join("\n");
        assert!(text.contains(what), "{what}: {text}");
    }
}

#[test]
fn a_database_is_one_of_the_tenants_and_a_statement_is_one_with_bound_values() {
    let step = |change: Value| {
        let mut step = json!({"kind": "sql", "connector": "billing", "statement": "SELECT 1",
            "found": "z", "none": "z", "on": {"error": "z", "timeout": "z"}});
        let fields = change.as_object().expect("an object").clone();
        step.as_object_mut().expect("an object").extend(fields);
        one(step)
    };
    let mut known = Known::default();
    known.connectors.insert("billing".into(), false);
    check(&step(json!({})), &known).expect("it reads");
    let write = json!({"statement": "INSERT INTO t VALUES (:caller)", "write": true});
    for (change, right) in [
        (json!({"connector": "other"}), "one of billing"),
        (write.clone(), "is only read"),
        (json!({"statement": "DELETE FROM t"}), "\"write\": true"),
        (json!({"statement": "DROP TABLE t"}), "one of select"),
        (json!({"statement": "SELECT '${caller}' || ${caller}"}), "with :name for a value"),
        (json!({"statement": "SELECT 1; DELETE FROM t"}), "one statement"),
        (json!({"timeout_ms": 60_000}), "100 to 30000"),
        (json!({"map": {"1": "a"}}), "a letter, then letters"),
        (json!({"map": {"a": ""}}), "the name of a column"),
    ] {
        let problems = check(&step(change), &known).unwrap_err();
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(text.join("\n").contains(right), "{right}: {text:?}");
    }
    known.connectors.insert("billing".into(), true);
    check(&step(write), &known).expect("it may write");
}

#[test]
fn a_bot_is_one_of_the_tenants_and_its_outcomes_are_words() {
    let step = |change: Value| {
        let mut step = json!({"kind": "bot", "connector": "assistant", "done": "z",
            "on": {"error": "z", "timeout": "z"}});
        let fields = change.as_object().expect("an object").clone();
        step.as_object_mut().expect("an object").extend(fields);
        one(step)
    };
    let mut known = Known::default();
    known.connectors.insert("billing".into(), true);
    let told = |change: Value, known: &Known| {
        let problems = check(&step(change), known).unwrap_err();
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        text.join("\n")
    };
    let none = told(json!({"connector": "billing"}), &known);
    assert!(none.contains("there is no bot \"billing\""), "{none}");
    known.bots.insert("assistant".into());
    check(
        &step(json!({"outcomes": {"paid": "z"}, "set": ["a"], "tell": {"b": "${caller}"}})),
        &known,
    )
    .expect("it is whole");
    for (change, right) in [
        (json!({"connector": "other"}), "one of assistant"),
        (json!({"sample_hz": 44_100}), "8000 or 16000"),
        (json!({"timeout_s": 0}), "1 to 3600"),
        (json!({"outcomes": {"error": "z"}}), "no name of another edge"),
        (json!({"outcomes": {"a b": "z"}}), "a letter, then letters"),
        (json!({"set": ["1"]}), "a letter, then letters"),
        (json!({"tell": {"a": "${"}}), "text with ${variable}"),
        (json!({"on": {"error": "z"}}), "timeout"),
    ] {
        let text = told(change, &known);
        assert!(text.contains(right), "{right}: {text}");
    }
}

#[test]
fn a_step_is_left_out_for_one_that_there_is_and_not_in_a_circle() {
    let flow = |bypass: serde_json::Value| {
        json!({"format": 1, "start": "a", "bypass": bypass, "steps": {
            "a": {"kind": "play", "prompts": ["welcome"], "next": "b"},
            "b": {"kind": "play", "prompts": ["menu"], "next": "z"},
            "z": {"kind": "hangup"}}})
    };
    assert!(check(&flow(json!({"a": "b", "b": "z"})), &Known::anything()).is_ok());
    for (bypass, what) in [
        (json!({"a": "nowhere"}), "bypass has \"nowhere\", which does not exist"),
        (json!({"other": "z"}), "bypass has \"other\", which does not exist"),
        (json!({"a": "b", "b": "a"}), "bypass of \"a\" goes in a circle"),
        (json!({"a": "a"}), "bypass of \"a\" goes in a circle"),
        (json!(["a"]), "\"bypass\" is not an object of steps"),
    ] {
        let problems = check(&flow(bypass), &Known::anything()).expect_err("it is refused");
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(text.join("; ").contains(what), "{text:?}");
    }
}

#[test]
fn what_is_said_or_recorded_may_have_a_way_for_its_failure() {
    for step in [
        json!({"kind": "play", "prompts": ["a"], "next": "z"}),
        json!({"kind": "menu", "prompts": ["a"], "keys": {"1": "z"},
            "on": {"timeout": "z", "invalid": "z"}}),
        json!({"kind": "collect", "prompts": ["a"], "variable": "a", "digits_max": 4, "next": "z",
            "on": {"timeout": "z", "invalid": "z"}}),
        json!({"kind": "survey", "next": "z", "on": {"timeout": "z"}}),
        json!({"kind": "voicemail", "queue": "7", "on": {"hangup": "z"}}),
    ] {
        let mut caught = step.clone();
        caught["on"]["error"] = json!("z");
        for step in [step, caught] {
            let flow = check(&one(step.clone()), &Known::anything());
            assert!(flow.is_ok(), "{step}: {flow:?}");
        }
    }
}

#[test]
fn an_order_step_has_a_way_for_who_cannot_be_asked() {
    let step = json!({"kind": "order", "found": "z", "none": "z"});
    let text = problems(&one(step.clone())).join("\n");
    assert!(text.contains("the edge on.error is missing"), "{text}");
    for (field, value, right) in [
        ("number", json!("${"), "text with ${variable}"),
        ("timeout_ms", json!(99), "100 to"),
        ("customer", json!("+8613800138000"), "fields of docs/formats"),
    ] {
        let mut bad = step.clone();
        (bad[field], bad["on"]["error"]) = (value, json!("z"));
        let text = problems(&one(bad)).join("\n");
        assert!(text.contains(right), "{right}: {text}");
    }
}

#[test]
fn a_fax_is_work_of_a_queue_that_there_is_where_one_is_received() {
    let step = |more: serde_json::Value| {
        let mut step = json!({"kind": "fax", "next": "z", "on": {"error": "z"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            step[name] = value.clone();
        }
        one(step)
    };
    let flow = check(&step(json!({"queue": "7"})), &Known::anything());
    assert!(flow.is_ok(), "{flow:?}");
    let text = problems(&step(json!({"queue": "7"}))).join("\n");
    assert!(text.contains("there is no queue 7"), "{text}");
    let text = problems(&step(json!({"queue": "7", "send": "price-list"}))).join("\n");
    assert!(text.contains("queue is for what is received"), "{text}");
}

#[test]
fn a_fax_to_another_number_has_a_document_and_a_number() {
    let step = |more: serde_json::Value| {
        let mut step = json!({"kind": "fax", "next": "z", "on": {"error": "z"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            step[name] = value.clone();
        }
        one(step)
    };
    for good in ["${number}", "01065529988", "+861065529988"] {
        let flow = check(&step(json!({"send": "price-list", "to": good})), &Known::anything());
        assert!(flow.is_ok(), "{good}: {flow:?}");
    }
    for (more, right) in [
        (json!({"to": "01065529988"}), "both of them"),
        (json!({"send": "price-list", "to": "queue:7"}), "3 to 20 digits"),
        (json!({"send": "price-list", "to": "${"}), "text with ${variable}"),
    ] {
        let text = problems(&step(more)).join("\n");
        assert!(text.contains(right), "{right}: {text}");
    }
}

#[test]
fn a_text_says_something_to_a_number_over_a_trunk_that_there_is() {
    let step = |more: serde_json::Value| {
        let mut step =
            json!({"kind": "text", "text": "${stage}", "next": "z", "on": {"error": "z"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            step[name] = value.clone();
        }
        one(step)
    };
    let known = Known { trunks: Some([terms::TrunkId(4)].into()), ..Known::default() };
    for good in [
        json!({}),
        json!({"to": "${mobile}"}),
        json!({"to": "13800138000"}),
        json!({"to": "+8613800138000", "trunk": "4"}),
    ] {
        let flow = check(&step(good.clone()), &known);
        assert!(flow.is_ok(), "{good}: {flow:?}");
    }
    for (more, right) in [
        (json!({"text": ""}), "1 to 4096 bytes"),
        (json!({"text": " \n"}), "1 to 4096 bytes"),
        (json!({"text": "a\u{1b}[2J"}), "1 to 4096 bytes"),
        (json!({"text": "x".repeat(4_097)}), "1 to 4096 bytes"),
        (json!({"text": "${"}), "text with ${variable}"),
        (json!({"to": "queue:7"}), "3 to 20 digits"),
        (json!({"to": "${"}), "text with ${variable}"),
        (json!({"trunk": "9"}), "there is no trunk 9; right is one of 4"),
        (json!({"on": {}}), "on.error is missing"),
    ] {
        let Err(found) = check(&step(more.clone()), &known) else { panic!("{more} is taken") };
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|text| text.contains(right)), "{right}: {text:?}");
        assert!(text.iter().all(|text| text.starts_with("step \"")), "{text:?}");
    }
    // A flow that is published outlives the trunk.
    assert!(check(&step(json!({"trunk": "9"})), &Known::default()).is_ok());
}

#[test]
fn a_mail_goes_to_one_address_with_a_document_that_there_is() {
    let step = |more: serde_json::Value| {
        let mut step = json!({"kind": "mail", "to": "${mail}", "subject": "${parcel}",
            "text": "${stage}", "next": "z", "on": {"error": "z"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            step[name] = value.clone();
        }
        one(step)
    };
    let documents = Some(["price-list".to_owned()].into());
    let known = Known { documents, ..Known::default() };
    for good in [
        json!({}),
        json!({"to": "office@example.com"}),
        json!({"document": "price-list"}),
        json!({"document": "price-${zone}"}),
    ] {
        let flow = check(&step(good.clone()), &known);
        assert!(flow.is_ok(), "{good}: {flow:?}");
    }
    for (more, right) in [
        (json!({"to": ""}), "one mail address such as office@example.com"),
        (json!({"to": "a@example.com, b@example.com"}), "one mail address"),
        (json!({"to": "${"}), "text with ${variable}"),
        (json!({"subject": ""}), "one line of 1 to 200 characters"),
        (json!({"subject": "a\nb"}), "one line of 1 to 200 characters"),
        (json!({"text": ""}), "1 to 4096 bytes"),
        (json!({"document": "../x"}), "no name of a document"),
        (
            json!({"document": "tariff"}),
            "there is no document \"tariff\"; right is one of price-list",
        ),
    ] {
        let Err(found) = check(&step(more.clone()), &known) else { panic!("{more} is taken") };
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|text| text.contains(right)), "{right}: {text:?}");
        assert!(text.iter().all(|text| text.starts_with("step \"")), "{text:?}");
    }
    // A flow that is published outlives the document.
    assert!(check(&step(json!({"document": "tariff"})), &Known::default()).is_ok());
    let mailless = Known { mailless: Some("there is no mail server".into()), ..Known::default() };
    let found = check(&step(json!({})), &mailless).unwrap_err();
    let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("a mail cannot be sent: there is no mail server"), "{text}");
}
