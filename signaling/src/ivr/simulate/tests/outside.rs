//! What a flow asks outside of itself: databases, programs that speak, queues.

use super::*;

/// A database is asked about an account; what stands in for it answers.
fn billing() -> Value {
    json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["account"], "variable": "account", "digits_min": 3,
            "digits_max": 6, "next": "look", "on": {"timeout": "bye", "invalid": "bye"}},
        "look": {"kind": "sql", "connector": "billing", "map": {"owes": "owes"},
            "statement": "SELECT owes FROM accounts WHERE id = :account::bigint",
            "found": "say", "none": "unknown", "on": {"error": "sorry", "timeout": "slow"}},
        "say": {"kind": "play", "prompts": ["number:${owes}"], "next": "bye"},
        "unknown": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
        "sorry": {"kind": "play", "prompts": ["sorry"], "next": "bye"},
        "slow": {"kind": "play", "prompts": ["wait"], "next": "bye"},
        "bye": {"kind": "hangup"}
    }})
}

#[test]
fn a_database_is_asked_with_bound_values_and_each_answer_has_its_way() {
    let walk = |body: Option<Value>, acts: &str| {
        let mock = |body| Mock { path: "sql:billing".into(), status: 200, body };
        let scene = Scene { mocks: body.map(mock).into_iter().collect(), ..Scene::default() };
        simulate(flow(&billing()), &scene, script(acts))
    };
    let told = walk(Some(json!([{"owes": 7, "name": null}, {"owes": 8}])), "123#");
    let asked = "ask the database billing: SELECT owes FROM accounts WHERE id = $1::bigint \
                 [\"123\"]";
    assert!(told.lines.contains(&asked.to_owned()), "{:?}", told.lines);
    assert_eq!(told.requests, ["sql:billing"]);
    assert_eq!((told.variables["owes"].as_str(), told.variables["sql_rows"].as_str()), ("7", "2"));
    let way = |told: &Transcript| told.steps[1].exit.clone().expect("it was left");
    assert_eq!(way(&told), "found");
    assert_eq!(way(&walk(Some(json!([])), "123#")), "none");
    assert_eq!(way(&walk(None, "123# silence")), "timeout");
    let failed = simulate(
        flow(&billing()),
        &Scene::default(),
        [script("123#"), vec![Act::Http(Err("refused".to_owned()))]].concat(),
    );
    assert_eq!(way(&failed), "error");
}

#[test]
fn each_visit_of_a_step_asks_by_a_name_of_its_own_and_a_called_flows_with_that_flow() {
    let write = |next: &str| {
        json!({"kind": "sql", "connector": "billing", "write": true, "found": next, "none": next,
            "statement": "INSERT INTO asked VALUES (:once_key, :once_key)",
            "on": {"error": next, "timeout": next}})
    };
    let called = json!({"format": 1, "start": "write", "steps": {
        "write": write("back"), "back": {"kind": "return"}}});
    let first = json!({"kind": "subflow", "flow": "9", "next": "write", "on": {"error": "bye"}});
    let second = json!({"kind": "subflow", "flow": "9", "next": "bye", "on": {"error": "bye"}});
    let document = json!({"format": 1, "start": "first", "steps": {
        "first": first, "write": write("second"), "second": second, "bye": {"kind": "hangup"}}});
    let mock = Mock { path: "sql:billing".into(), status: 200, body: json!(1) };
    let flows = [(FlowId(9), (1, Arc::new(flow(&called))))].into_iter().collect();
    let scene = Scene { flows, mocks: vec![mock], ..Scene::default() };
    let told = simulate(flow(&document), &scene, Vec::new());
    let asked: Vec<&String> = told.lines.iter().filter(|line| line.starts_with("ask")).collect();
    let by = |name: &str| {
        format!("ask the database billing: INSERT INTO asked VALUES ($1, $1) [\"0/1/{name}\"]")
    };
    assert_eq!(asked, [&by("9:write/1"), &by("write/1"), &by("9:write/2")]);
}

/// A bot has the caller; what stands in for it says its texts.
fn helped() -> Value {
    json!({"format": 1, "start": "talk", "steps": {
        "talk": {"kind": "bot", "connector": "assistant", "tell": {"who": "${caller}"},
            "set": ["account"], "outcomes": {"paid": "thank"}, "done": "bye",
            "on": {"error": "sorry", "timeout": "slow"}},
        "thank": {"kind": "play", "prompts": ["number:${account}"], "next": "bye"},
        "sorry": {"kind": "play", "prompts": ["sorry"], "next": "bye"},
        "slow": {"kind": "play", "prompts": ["wait"], "next": "bye"},
        "bye": {"kind": "hangup"}
    }})
}

#[test]
fn a_bot_says_its_texts_and_each_outcome_has_its_way() {
    let walk = |status: u16, body: Value| {
        let mock = Mock { path: "bot:assistant".into(), status, body };
        let scene = Scene { mocks: vec![mock], ..Scene::default() };
        simulate(flow(&helped()), &scene, Vec::new())
    };
    let way = |told: &Transcript| told.steps[0].exit.clone().expect("it was left");
    let told = walk(
        200,
        json!({"says": ["Good day", "Your bill is paid"], "outcome": "paid", "transfer": "queue:7",
            "set": {"account": "7", "caller": "nobody"}}),
    );
    assert_eq!(
        told.lines[..4],
        [
            "speak with the bot assistant who=+8613800138000",
            "hear the bot say \"Good day\"",
            "hear the bot say \"Your bill is paid\"",
            "step talk → paid",
        ]
    );
    assert_eq!(told.steps[0].heard, ["Good day", "Your bill is paid"]);
    assert_eq!(told.requests, ["bot:assistant"]);
    let value = |name: &str| told.variables[name].as_str();
    assert_eq!((value("bot_outcome"), value("bot_transfer")), ("paid", "queue:7"));
    assert_eq!((value("account"), value("caller")), ("7", "+8613800138000"), "what it may set");
    assert_eq!(way(&walk(200, json!({"outcome": "<b>"}))), "done");
    assert_eq!(way(&walk(500, json!({}))), "error");
    let silent = simulate(flow(&helped()), &Scene::default(), script("5 silence"));
    assert_eq!(way(&silent), "timeout");
    let act = Act::Http(Ok((200, json!({"outcome": "paid", "set": {"account": "9"}}))));
    let told = simulate(flow(&helped()), &Scene::default(), vec![Act::Digit('5'), act]);
    assert_eq!((way(&told).as_str(), told.variables["account"].as_str()), ("paid", "9"));
    let gone = simulate(flow(&helped()), &Scene::default(), script("hangup"));
    assert_eq!(way(&gone), "hangup");
}

#[test]
fn a_queue_is_looked_at_and_what_stands_in_for_it_decides() {
    let document = json!({"format": 1, "start": "look", "steps": {
        "look": {"kind": "load", "queue": "7", "next": "choose", "on": {"error": "bye"}},
        "choose": {"kind": "branch", "else": "wait", "cases": [
            {"if": {"left": "${queue_wait_s}", "op": "greater", "right": "300"}, "go": "bye"}]},
        "wait": {"kind": "enqueue", "queue": "7", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    let walk = |mock: Option<(u16, Value)>| {
        let mocks = mock.map(|(status, body)| Mock { path: "queue:7".into(), status, body });
        let scene = Scene { mocks: mocks.into_iter().collect(), ..Scene::default() };
        simulate(flow(&document), &scene, Vec::new())
    };
    let busy = json!({"waiting": 9, "free": 0, "agents": 2, "wait_s": 301});
    let told = walk(Some((200, busy)));
    let value = |name: &str| told.variables[name].as_str();
    assert_eq!(
        [value("queue_waiting"), value("queue_free"), value("queue_agents")],
        ["9", "0", "2"]
    );
    assert_eq!(told.end, Some(Hand::Hangup { cause: 16 }));
    assert_eq!(told.requests, ["queue:7"]);
    let alone = walk(None);
    assert_eq!(alone.variables["queue_wait_s"], "");
    assert_eq!(alone.end, Some(Hand::Enqueue { queue: QueueId(7), priority: 0 }));
    let gone = walk(Some((404, json!({}))));
    assert_eq!(gone.lines[0], "step look → error");
}

#[test]
fn what_cannot_be_heard_has_a_way_of_its_own_where_the_flow_has_one() {
    let document = |on: Value| {
        let mut hello = json!({"kind": "play", "prompts": ["welcome"], "next": "ask"});
        hello["on"] = on;
        json!({"format": 1, "start": "hello", "steps": {
            "hello": hello,
            "ask": {"kind": "menu", "prompts": ["menu"], "keys": {"1": "bye"},
                "on": {"timeout": "bye", "invalid": "bye", "error": "queue"}},
            "queue": {"kind": "enqueue", "queue": "7", "on": {"error": "bye"}},
            "bye": {"kind": "hangup"}}})
    };
    let told =
        |on: Value, text: &str| simulate(flow(&document(on)), &Scene::default(), script(text));
    let caught = told(json!({"error": "queue"}), "unheard");
    assert_eq!(
        caught.lines,
        ["hear zh-CN/welcome", "it cannot be heard", "step hello → error", "goes to queue 7"]
    );
    let forgiven = told(json!({}), "unheard unheard");
    assert_eq!(forgiven.lines[2], "step hello → next");
    assert_eq!(forgiven.lines[5], "step ask → error");
    // Where nothing is said nothing fails.
    assert_eq!(told(json!({}), "silence silence unheard 1").end, Some(Hand::Hangup { cause: 16 }));
}

#[test]
fn the_state_of_an_order_is_told_in_the_language_of_the_call() {
    let document = |language: &str| {
        json!({"format": 1, "start": "language", "steps": {
            "language": {"kind": "language", "language": language, "next": "ask"},
            "ask": {"kind": "collect", "prompts": ["account"], "variable": "typed",
                "digits_min": 0, "digits_max": 20, "next": "look",
                "on": {"timeout": "bye", "invalid": "bye"}},
            "look": {"kind": "order", "number": "${typed}", "found": "say", "none": "bye",
                "on": {"error": "bye"}},
            "say": {"kind": "play", "prompts": ["say:${order_stage_text}"], "next": "bye"},
            "bye": {"kind": "hangup"}}})
    };
    let told = |language: &str, keys: &str, mock: Option<(u16, Value)>| {
        let mocks = mock.map(|(status, body)| Mock { path: "orders".into(), status, body });
        let scene = Scene { mocks: mocks.into_iter().collect(), ..Scene::default() };
        simulate(flow(&document(language)), &scene, script(keys))
    };
    let way = |told: &Transcript| told.steps[2].exit.clone().expect("it was left");
    let order = json!({"number": "20261123-00042", "stage": "in_progress", "kind": "报修",
        "deadline": "2026-12-01T10:00:00Z", "overdue": "no"});
    let chinese = told("zh-CN", "2026112300042#", Some((200, order.clone())));
    assert!(chinese.lines.contains(&"ask for the order 2026112300042".to_owned()));
    assert!(chinese.lines.contains(&"hear \"正在处理\" spoken".to_owned()), "{chinese:#?}");
    assert_eq!(chinese.variables["order_number"], "20261123-00042");
    assert_eq!(chinese.requests, ["orders"]);
    let english = told("en", "#", Some((200, order)));
    assert!(english.lines.contains(&"ask for the latest order of the caller".to_owned()));
    assert!(english.lines.contains(&"hear \"being worked on\" spoken".to_owned()));
    assert_eq!(way(&told("en", "1#", Some((200, json!([]))))), "none");
    assert_eq!(way(&told("en", "1#", Some((503, json!({}))))), "error");
    assert_eq!(way(&told("en", "1# silence", None)), "error");
}

#[test]
fn a_fax_to_another_number_lets_the_flow_go_on() {
    let document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["account"], "variable": "number", "digits_max": 12,
            "next": "fax", "on": {"timeout": "bye", "invalid": "bye"}},
        "fax": {"kind": "fax", "send": "tariff", "to": "${number}", "next": "thank",
            "on": {"error": "bye"}},
        "thank": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
        "bye": {"kind": "hangup"}}});
    let acts = [script("01065529988#"), vec![Act::Back("next".to_owned())]].concat();
    let told = simulate(flow(&document), &Scene::default(), acts);
    assert!(told.lines.contains(&"has the fax tariff sent to 01065529988".to_owned()));
    assert!(told.lines.contains(&"step fax → next".to_owned()), "{:#?}", told.lines);
    assert_eq!(told.end, Some(Hand::Hangup { cause: 16 }));
}

#[test]
fn a_text_is_shown_and_lets_the_flow_go_on() {
    let document = |to: &str| {
        json!({"format": 1, "start": "ask", "steps": {
            "ask": {"kind": "collect", "prompts": ["account"], "variable": "parcel",
                "digits_max": 12, "next": "text", "on": {"timeout": "bye", "invalid": "bye"}},
            "text": {"kind": "text", "text": "parcel ${parcel}", "to": to, "next": "thank",
                "on": {"error": "bye"}},
            "thank": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
            "bye": {"kind": "hangup"}}})
    };
    for (to, line) in [
        ("", "is sent the text \"parcel 42\""),
        ("13800138000", "has the text \"parcel 42\" sent to 13800138000"),
    ] {
        let acts = [script("42#"), vec![Act::Back("next".to_owned())]].concat();
        let told = simulate(flow(&document(to)), &Scene::default(), acts);
        assert!(told.lines.contains(&line.to_owned()), "{:#?}", told.lines);
        assert!(told.lines.contains(&"step text → next".to_owned()), "{:#?}", told.lines);
        assert_eq!(told.end, Some(Hand::Hangup { cause: 16 }));
    }
    let told = simulate(flow(&document("${nobody}")), &Scene::default(), script("42#"));
    assert!(told.lines.contains(&"step text → error".to_owned()), "{:#?}", told.lines);
}

#[test]
fn a_mail_is_shown_and_lets_the_flow_go_on() {
    let document = json!({"format": 1, "start": "mail", "variables": {"mail": "zhang@example.com"},
        "steps": {
            "mail": {"kind": "mail", "to": "${mail}", "subject": "parcel", "text": "on its way",
                "document": "tariff", "next": "thank", "on": {"error": "bye"}},
            "thank": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
            "bye": {"kind": "hangup"}}});
    let acts = vec![Act::Back("next".to_owned())];
    let told = simulate(flow(&document), &Scene::default(), acts);
    let line = "has the mail \"parcel\" sent to zhang@example.com with tariff: \"on its way\"";
    assert!(told.lines.contains(&line.to_owned()), "{:#?}", told.lines);
    assert!(told.lines.contains(&"step mail → next".to_owned()), "{:#?}", told.lines);
    assert_eq!(told.end, Some(Hand::Hangup { cause: 16 }));
}
