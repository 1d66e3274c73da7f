//! Flows: tried without a telephone, reviewed, compared, taken from packs, counted, walked again,
//! and which one answers.

use super::rig::{NOON, Rig, call_row};
use axum::http::{Method, StatusCode};
use desk::user::NewUser;
use desk::{By, Role};
use serde_json::{Value, json};
use std::time::Duration;
use terms::record::{IvrStep, Row};
use terms::{CallId, ContactId, FlowId};

/// A flow that asks a server for what is owed and reads it out.
fn balance() -> Value {
    json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "collect", "prompts": ["say:请输入户号"], "variable": "account",
            "digits_max": 6, "secret": true, "next": "look",
            "on": {"timeout": "bye", "invalid": "bye"}},
        "look": {"kind": "http", "url": "http://gas.example/v1/${account}", "map": {"sum": "/sum"},
            "next": "read", "on": {"error": "agent", "timeout": "agent"}},
        "read": {"kind": "play", "prompts": ["say:您的余额是", "money:${sum}"], "next": "bye"},
        "agent": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup", "prompts": ["goodbye"]}}})
}

async fn made(rig: &Rig, token: &str, name: &str, document: Value) -> String {
    let made = rig.post("/api/v1/flows", token, json!({"name": name, "document": document})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_is_simulated_step_by_step_with_what_would_be_heard_in_words() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let id = made(&rig, &token, "balance", balance()).await;
    let uri = format!("/api/v1/flows/{id}/simulate");
    let servers = json!([{"path": "/v1/4711", "body": {"sum": "-20.50"}}]);
    let told = rig.post(&uri, &token, json!({"inputs": [{"keys": "4711#"}], "servers": servers}));
    let told = told.await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    let told = told.json();
    assert_eq!(
        told["heard"],
        json!(["请输入户号", "您的余额是负二十元五角", "感谢您的来电，再见。"])
    );
    assert_eq!(
        told["steps"][0],
        json!({"flow": null, "step": "ask", "kind": "collect", "exit": "next", "digits": "****",
            "heard": ["请输入户号"]})
    );
    assert_eq!(told["requests"], json!(["http://gas.example/v1/4711"]));
    assert_eq!(told["variables"]["sum"], "-20.50");
    assert_eq!(told["end"], json!({"kind": "hangup", "cause": 16}));

    let inputs = json!([{"text": "4711#"}, "failure"]);
    let told = rig.post(&uri, &token, json!({"inputs": inputs})).await.json();
    assert_eq!(told["end"], json!({"kind": "queue", "queue": "1", "priority": 0}));
    let last = told["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["step"], &last["exit"]), (&json!("agent"), &Value::Null));
    let back = json!([{"keys": "4711#"}, {"answer": {"status": 500}}, {"back": "error"}, "hangup"]);
    let told = rig.post(&uri, &token, json!({"inputs": back})).await.json();
    assert_eq!(told["steps"].as_array().unwrap().last().unwrap()["exit"], "hangup");
}

#[tokio::test]
async fn a_simulation_goes_on_in_the_tenants_queue() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let document = json!({"format": 1, "start": "wait", "steps": {
        "wait": {"kind": "enqueue", "queue": "1", "asides": {"4": "aside"}, "on": {"error": "bye"}},
        "aside": {"kind": "play", "prompts": ["welcome"], "next": "wait"},
        "bye": {"kind": "hangup"}}});
    let uri = "/api/v1/flows/1/simulate";
    let body = |inputs: Value| json!({"document": document, "inputs": inputs});
    let inputs = json!([{"waits_s": 5}, {"keys": "4"}, "silence", "answered"]);
    let told = rig.post(uri, &token, body(inputs)).await.json();
    assert_eq!(told["end"], json!({"kind": "agent", "queue": "1"}), "{told}");
    let lines = told["lines"].as_array().expect("they are told");
    assert_eq!(lines.last(), Some(&json!("an agent of queue 1 answers")));
    assert!(lines.contains(&json!("waits 5 s in queue 1")), "{told}");
    let told = rig.post(uri, &token, body(json!(["flows_out"]))).await.json();
    let left = json!("flows out of queue 1");
    assert!(told["lines"].as_array().expect("they are told").contains(&left), "{told}");
    let long = rig.post(uri, &token, body(json!([{"waits_s": 86_401}]))).await;
    assert_eq!(long.status, StatusCode::BAD_REQUEST, "{long:?}");
}

#[tokio::test]
async fn a_simulation_goes_into_published_flows_and_takes_no_nonsense() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let ask = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "menu", "prompts": ["menu"], "keys": {"1": "yes"},
            "on": {"timeout": "no", "invalid": "no"}},
        "yes": {"kind": "return", "result": "yes"}, "no": {"kind": "return"}}});
    let called = made(&rig, &token, "ask", ask).await;
    let publish = format!("/api/v1/flows/{called}/publish");
    let published = rig.post(&publish, &token, json!({"revision": 1})).await;
    assert_eq!(published.status, StatusCode::CREATED, "{published:?}");
    let outer = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "subflow", "flow": called, "results": {"yes": "b"}, "next": "c",
            "on": {"error": "c"}},
        "b": {"kind": "hangup"}, "c": {"kind": "hangup", "cause": 1}}});
    let uri = "/api/v1/flows/1/simulate";
    let told = rig.post(uri, &token, json!({"document": outer, "inputs": [{"keys": "1"}]})).await;
    let told = told.json();
    assert_eq!(told["end"], json!({"kind": "hangup", "cause": 16}), "{told}");
    assert_eq!(told["steps"][1]["flow"], json!(called));

    for (body, field) in [
        (json!({"inputs": [{"keys": "1;2"}]}), "inputs"),
        (json!({"inputs": vec!["silence"; 201]}), "inputs"),
        (json!({"inputs": [{"text": "1".repeat(1_001)}]}), "inputs"),
        (json!({"inputs": ["dance"]}), "body"),
        (json!({"document": {"format": 1}}), "document"),
    ] {
        let got = rig.post(uri, &token, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
        assert_eq!(got.json()["field"], field, "{got:?}");
    }
    let gone = rig.post(uri, &token, json!({"version": 9})).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let first = rig.post(uri, &token, json!({"version": 1, "inputs": [{"keys": "1"}]})).await;
    assert_eq!(first.json()["end"]["kind"], "queue");
    let agent = rig.token(Role::Agent).await;
    let denied = rig.ask(Method::POST, uri, &agent, Some(json!({}))).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
}

/// A second administrator with a token: from now on two have to look at a flow.
async fn second_administrator(rig: &Rig) -> String {
    let new = NewUser {
        login: "second".into(),
        name: "second".into(),
        role: Role::Administrator,
        password: "a-good-password".into(),
    };
    let by = By::system("test", NOON);
    let user = rig.store.create_user(rig.tenant(), &by, &new).await.unwrap().id;
    rig.token_of(rig.tenant(), user, Role::Administrator, None).await
}

#[tokio::test]
async fn who_writes_a_flow_has_it_approved_by_somebody_else_before_it_is_published() {
    let rig = Rig::new().await;
    let (author, other) = (rig.token(Role::Administrator).await, second_administrator(&rig).await);
    let end = json!({"format": 1, "start": "a", "steps": {"a": {"kind": "hangup"}}});
    let id = made(&rig, &author, "end", end.clone()).await;
    let (reviews, publish) =
        (format!("/api/v1/flows/{id}/reviews"), format!("/api/v1/flows/{id}/publish"));
    let early = rig.post(&publish, &author, json!({"revision": 1})).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{early:?}");

    let asked = rig.post(&reviews, &author, json!({"revision": 1, "note": "new"})).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{asked:?}");
    let review = format!("{reviews}/{}", asked.json()["id"]);
    let yes = json!({"approve": true});
    let own = rig.post(&review, &author, yes.clone()).await;
    assert_eq!(own.status, StatusCode::CONFLICT, "who wrote it: {own:?}");
    let supervisor = rig.token(Role::Supervisor).await;
    assert_eq!(rig.post(&review, &supervisor, yes.clone()).await.status, StatusCode::FORBIDDEN);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.post(&review, &foreign, yes.clone()).await.status, StatusCode::NOT_FOUND);
    let approved = rig.post(&review, &other, yes.clone()).await;
    assert_eq!((approved.status, &approved.json()["state"]), (StatusCode::OK, &json!("approved")));
    let again = rig.post(&review, &other, json!({"approve": false})).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{again:?}");

    // An approval is for what was seen: a change makes it worthless.
    let change = json!({"name": "end", "document": end});
    let uri = format!("/api/v1/flows/{id}?revision=1");
    rig.ask(Method::PUT, &uri, &other, Some(change)).await;
    let changed = rig.post(&publish, &author, json!({"revision": 2})).await;
    assert_eq!(changed.status, StatusCode::CONFLICT, "{changed:?}");
    let asked = rig.post(&reviews, &author, json!({"revision": 2})).await.json();
    let review = format!("{reviews}/{}", asked["id"]);
    let both = rig.post(&review, &other, yes.clone()).await;
    assert_eq!(both.status, StatusCode::CONFLICT, "both wrote a part: {both:?}");
    let manager = rig.token(Role::Manager).await;
    assert_eq!(rig.post(&review, &manager, yes).await.status, StatusCode::OK);
    let published = rig.post(&publish, &author, json!({"revision": 2})).await;
    assert_eq!(published.status, StatusCode::CREATED, "{published:?}");
    assert!(published.json()["approved_by"].is_string(), "{published:?}");
    let uri = format!("/api/v1/flows/{id}/rollback");
    let back = rig.post(&uri, &author, json!({"version": 1})).await.json();
    assert_eq!(
        (&back["version"], &back["approved_by"]),
        (&json!(2), &published.json()["approved_by"])
    );

    let audited = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let actions: Vec<&str> = audited.iter().map(|row| row.action.as_str()).collect();
    for action in ["flow.review", "flow.approve", "flow.publish", "flow.roll_back"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
}

#[tokio::test]
async fn a_rejected_draft_is_not_published_and_only_a_sound_one_is_reviewed() {
    let rig = Rig::new().await;
    let (author, other) = (rig.token(Role::Administrator).await, second_administrator(&rig).await);
    let reviews = "/api/v1/flows/1/reviews";
    let stale = rig.post(reviews, &author, json!({"revision": 9})).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    let first = rig.post(reviews, &author, json!({"revision": 1})).await.json();
    let second = rig.post(reviews, &author, json!({"revision": 1})).await.json();
    let no = json!({"approve": false, "reason": "请补充夜间流程"});
    let rejected = rig.post(&format!("{reviews}/{}", second["id"]), &other, no).await;
    assert_eq!(rejected.json()["reason"], "请补充夜间流程");
    let told = rig.get(reviews, &author).await.json();
    let states: Vec<_> = told.as_array().unwrap().iter().map(|r| r["state"].clone()).collect();
    assert_eq!(states, [json!("rejected"), json!("withdrawn")]);
    let late = format!("{reviews}/{}", first["id"]);
    let late = rig.post(&late, &other, json!({"approve": true})).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    let publish = rig.post("/api/v1/flows/1/publish", &author, json!({"revision": 1})).await;
    assert_eq!(publish.status, StatusCode::CONFLICT, "{publish:?}");
    let broken = made(&rig, &author, "broken", json!({"format": 1})).await;
    let uri = format!("/api/v1/flows/{broken}/reviews");
    let refused = rig.post(&uri, &author, json!({"revision": 1})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    for odd in ["x", "99999"] {
        let got = rig.post(&format!("{reviews}/{odd}"), &other, json!({"approve": true})).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{odd}");
    }
}

#[tokio::test]
async fn two_versions_or_the_draft_and_what_answers_calls_are_compared() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let flow = rig.get("/api/v1/flows/1", &token).await.json();
    let uri = "/api/v1/flows/1/differences";
    let same = rig.get(uri, &token).await.json();
    assert_eq!((&same["from"], &same["steps"]), (&json!(1), &json!([])));
    let mut draft = flow["draft"].clone();
    draft["steps"]["menu"]["attempts"] = json!(2);
    let change = json!({"name": flow["name"], "document": draft});
    rig.ask(Method::PUT, "/api/v1/flows/1?revision=1", &token, Some(change)).await;
    let told = rig.get(uri, &token).await.json();
    let fields = json!([{"field": "attempts", "before": 3, "after": 2}]);
    assert_eq!(told["steps"], json!([{"step": "menu", "change": "changed", "fields": fields}]));
    rig.post("/api/v1/flows/1/publish", &token, json!({"revision": 2})).await;
    let back = rig.get(&format!("{uri}?from=2&to=1"), &token).await.json();
    assert_eq!(back["steps"][0]["fields"][0]["after"], 3);
    let gone = rig.get(&format!("{uri}?from=7"), &token).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_sample_becomes_a_draft_that_is_simulated_with_its_own_answers_and_published() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let listed = rig.get("/api/v1/flows/packs", &token).await.json();
    let ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|pack| pack["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["courier", "gas", "cable_tv", "post"]);
    let gas = &listed[1];
    assert_eq!(
        (&gas["title"]["zh-CN"], &gas["needs"]),
        (&json!("燃气"), &json!(["queue", "server"]))
    );

    let uri = "/api/v1/flows/packs/gas";
    let bare = rig.post(uri, &token, json!({"name": "燃气", "queue": "1"})).await;
    assert_eq!((bare.status, &bare.json()["field"]), (StatusCode::BAD_REQUEST, &json!("server")));
    let own = json!({"name": "燃气", "queue": "1", "server": "https://gas.example"});
    let made = rig.post(uri, &token, own).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let inputs = json!(["silence", {"keys": "1"}, {"keys": "10023456"}, {"keys": "202611"}]);
    let body = json!({"inputs": inputs, "servers": gas["servers"]});
    let told = rig.post(&format!("/api/v1/flows/{id}/simulate"), &token, body).await.json();
    let heard = told["heard"].to_string();
    assert!(heard.contains("十一月份燃气费八十六元四角"), "{heard}");
    let asked = "https://gas.example/v1/bills?account=10023456&month=202611";
    assert_eq!(told["requests"], json!([asked]));
    let publish = format!("/api/v1/flows/{id}/publish");
    let published = rig.post(&publish, &token, json!({"revision": 1})).await;
    assert_eq!(published.status, StatusCode::CREATED, "{published:?}");

    let weekday = json!({"weekday": 1, "from_minute": 540, "to_minute": 1_080});
    let hours = json!({"name": "office", "windows": [weekday]});
    let put = rig.ask(Method::PUT, "/api/v1/hours", &token, Some(hours)).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    for pack in ids {
        let own =
            json!({"name": pack, "queue": "1", "hours": "office", "server": "http://a.example"});
        let made = rig.post(&format!("/api/v1/flows/packs/{pack}"), &token, own).await.json();
        let uri = format!("/api/v1/flows/{}/publish", made["id"].as_str().unwrap());
        let published = rig.post(&uri, &token, json!({"revision": 1})).await;
        assert_eq!(published.status, StatusCode::CREATED, "{pack}: {published:?}");
    }
    let nothing = rig.post("/api/v1/flows/packs/bank", &token, json!({"name": "x", "queue": "1"}));
    assert_eq!(nothing.await.status, StatusCode::NOT_FOUND);
    let supervisor = rig.token(Role::Supervisor).await;
    let denied = rig.post(uri, &supervisor, json!({"name": "x", "queue": "1"})).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_website_is_told_what_callers_are_told_from_the_tables_of_a_flow() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let own =
        json!({"name": "post", "queue": "1", "hours": "office", "server": "http://a.example"});
    let weekday = json!({"weekday": 1, "from_minute": 540, "to_minute": 1_080});
    let hours = json!({"name": "office", "windows": [weekday]});
    rig.ask(Method::PUT, "/api/v1/hours", &token, Some(hours)).await;
    let made = rig.post("/api/v1/flows/packs/post", &token, own).await.json();
    let uri = format!("/api/v1/flows/{}", made["id"].as_str().unwrap());
    let supervisor = rig.token(Role::Supervisor).await;
    let row = async |wanted: &str| rig.get(&format!("{uri}/table-row?{wanted}"), &supervisor).await;
    let draft = row("table=postcodes&key=0571").await;
    assert_eq!(draft.status, StatusCode::NOT_FOUND, "a draft answers nobody: {draft:?}");
    let published = rig.post(&format!("{uri}/publish"), &token, json!({"revision": 1})).await;
    assert_eq!(published.status, StatusCode::CREATED, "{published:?}");
    let hangzhou = json!({"key": "0571", "row": {"city": "杭州", "zip": "310000"}});
    assert_eq!(row("table=postcodes&key=0571").await.json(), hangzhou);
    let longer = "table=postcodes&key=057188888888";
    assert_eq!(row(longer).await.status, StatusCode::NOT_FOUND);
    assert_eq!(row(&format!("{longer}&match=longest_prefix")).await.json(), hangzhou);
    assert_eq!(row("table=papers&key=1*1").await.json()["row"]["paper"], "人民日报");
    assert_eq!(row("table=prices&key=1").await.status, StatusCode::NOT_FOUND);
    let (_, foreign) = rig.other_tenant().await;
    let refused = rig.get(&format!("{uri}/table-row?table=postcodes&key=0571"), &foreign).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");
}

#[tokio::test]
async fn a_number_is_led_by_trunk_and_time_to_what_the_tenant_has() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let number = rig.get("/api/v1/numbers", &token).await.json()[0].clone();
    assert_eq!(number["rules"], json!([]));
    let weekday = json!({"weekday": 1, "from_minute": 540, "to_minute": 1_080});
    let hours = json!({"name": "office", "windows": [weekday]});
    rig.ask(Method::PUT, "/api/v1/hours", &token, Some(hours)).await;
    let uri = format!("/api/v1/numbers/{}/rules", number["id"].as_str().unwrap());
    let target = json!({"voicemail": "1"});
    for (rule, word) in [
        (json!({"target": target}), "a trunk, opening hours, or both"),
        (json!({"trunk": "99", "target": target}), "no such trunk: 99"),
        (json!({"hours": "night", "target": target}), "no opening hours \"night\""),
        (json!({"hours": "office", "target": {"queue": "99"}}), "no such flow, queue"),
    ] {
        let got = rig.ask(Method::PUT, &uri, &token, Some(json!({"rules": [rule]}))).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
        assert!(got.json()["message"].as_str().unwrap().contains(word), "{got:?}");
    }
    let night = json!({"hours": "office", "closed": true, "target": target});
    let many = json!({"rules": vec![night.clone(); 21]});
    let got = rig.ask(Method::PUT, &uri, &token, Some(many)).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    let set = rig.ask(Method::PUT, &uri, &token, Some(json!({"rules": [night]}))).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let rules = &plan.number_rules[0].rules;
    assert_eq!((rules[0].hours.as_deref(), rules[0].closed), (Some("office"), true));
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch works by it");
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::PUT, &uri, &foreign, Some(json!({"rules": []}))).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
}

/// Three calls went through flow 1, and one through another.
async fn went(rig: &Rig) {
    // Seconds after noon, the flow, its version, the step, its edge, seconds in it.
    for (seq, (second, flow, version, step, exit, stay)) in [
        (0, 1, 1, "welcome", "next", 4),
        (0, 1, 1, "menu", "1", 2),
        (10, 1, 1, "menu", "1", 4),
        (20, 1, 2, "menu", "timeout", 9),
        (0, 2, 1, "menu", "1", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let entered_at = NOON + Duration::from_secs(second);
        let row = IvrStep {
            tenant_id: rig.tenant(),
            seq: seq as i64 + 1,
            call_id: CallId(second + 1),
            contact_id: ContactId(second + 1),
            call_started_at: entered_at,
            flow_id: FlowId(flow),
            flow_version: version,
            step: step.into(),
            kind: if step == "menu" { "menu" } else { "play" }.into(),
            entered_at,
            left_at: entered_at + Duration::from_secs(stay),
            exit: exit.into(),
            digits: (exit == "1").then(|| exit.into()),
        };
        rig.stage(&[Row::IvrStep(row)]).await;
    }
}

#[tokio::test]
async fn each_step_of_a_flow_is_counted_by_its_edges_and_by_how_long_calls_stayed() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    went(&rig).await;
    let uri = "/api/v1/flows/1/statistics";
    let told = rig.get(uri, &token).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    let exits = json!([{"exit": "1", "times": 2}, {"exit": "timeout", "times": 1}]);
    let welcome = json!([{"exit": "next", "times": 1}]);
    assert_eq!(
        told.json(),
        json!([
            {"step": "menu", "kind": "menu", "times": 3, "mean_ms": 5_000, "exits": exits},
            {"step": "welcome", "kind": "play", "times": 1, "mean_ms": 4_000, "exits": welcome},
        ])
    );
    let second = rig.get(&format!("{uri}?version=2"), &token).await.json();
    assert_eq!((second[0]["times"].as_u64(), second.as_array().unwrap().len()), (Some(1), 1));
    let later = rig.get(&format!("{uri}?from=2026-11-23T04:00:05Z"), &token).await.json();
    assert_eq!(later[0]["times"], 2);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(uri, &foreign).await.status, StatusCode::NOT_FOUND);
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get(uri, &agent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn counts_and_a_walk_say_which_damaged_file_they_lack() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    went(&rig).await;
    rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    rig.warehouse.publish_all().await.unwrap();
    let (counts, walk) = ("/api/v1/flows/1/statistics", "/api/v1/flows/1/replay");
    let whole = rig.get(counts, &token).await;
    assert_eq!((whole.header("x-truncated"), whole.header("x-left-out")), ("", ""));
    let end = json!({"format": 1, "start": "bye", "steps": {"bye": {"kind": "hangup"}}});
    let end = json!({"document": end});
    assert_eq!(rig.post(walk, &token, end.clone()).await.json()["incomplete"], json!(null));
    let name = rig.lose_published("ivr_steps");
    let told = rig.get(counts, &token).await;
    assert_eq!((told.json(), told.header("x-truncated")), (json!([]), "true"));
    assert!(told.header("x-left-out").contains(&name), "{told:?}");
    let walked = rig.post(walk, &token, end).await.json();
    assert!(walked["incomplete"].as_str().unwrap_or_default().contains(&name), "{walked}");
}

#[tokio::test]
async fn the_calls_of_yesterday_are_walked_through_the_draft() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    for (call, second) in [(1, 0), (11, 10), (21, 20)] {
        let row = call_row(rig.tenant(), CallId(call), second, 60, agent);
        rig.stage(&[Row::Call(row)]).await;
    }
    went(&rig).await;
    let end = json!({"kind": "enqueue", "queue": "1", "on": {"error": "bye"}});
    let mut flow = json!({"format": 1, "start": "menu", "steps": {
        "menu": {"kind": "menu", "prompts": ["menu"], "keys": {"1": "agent"},
            "on": {"timeout": "agent", "invalid": "bye"}},
        "agent": end, "bye": {"kind": "hangup"}}});
    let uri = "/api/v1/flows/1/replay";
    let told = rig.post(uri, &token, json!({"document": flow})).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    let told = told.json();
    // The first call heard a welcome that is gone, the others end at the menu and would go on.
    assert_eq!((&told["calls"], &told["differ"]), (&json!(3), &json!(3)), "{told}");
    let first = told["examples"].as_array().unwrap().iter().find(|one| one["call"] == "1").unwrap();
    assert_eq!(first["before"], json!({"step": "welcome", "exit": "next"}));
    assert_eq!(first["after"], json!({"step": "menu", "exit": "1"}));
    flow["steps"]["menu"]["keys"] = json!({"2": "agent"});
    let told = rig.post(uri, &token, json!({"document": flow})).await.json();
    let second = told["examples"].as_array().unwrap().iter().find(|one| one["call"] == "11");
    assert_eq!(second.unwrap()["after"], json!({"step": "menu", "exit": "invalid"}), "{told}");
    let later = json!({"document": flow, "from": "2026-11-23T05:00:00Z"});
    assert_eq!(rig.post(uri, &token, later).await.json()["calls"], 0);
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.post(uri, &foreign, json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_agent_is_shown_what_the_flow_learned_with_their_live_call() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let live = rig.get("/api/v1/live", &token).await.json();
    assert_eq!(live["calls"][0]["data"], json!({"business": "报修"}), "{live}");
    assert_eq!(live["calls"][0]["region"], json!({"province": "北京", "city": ""}), "{live}");
}
