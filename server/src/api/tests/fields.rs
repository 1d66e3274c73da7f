//! Bodies with a field that there is not: refused in both languages, with what was probably meant.

use super::rig::{LIVE_CALL, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn a_slip_in_a_fields_name_is_refused_with_the_nearest_one_in_both_languages() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let state = format!("/api/v1/agents/{}/state", rig.first.agents[0].0);
    let actions = format!("/api/v1/calls/{LIVE_CALL}/actions");
    let (post, put) = (Method::POST, Method::PUT);
    let address = "sqlite:gas.db";
    let cases: [(&Method, &str, Value, &str, &str); 9] = [
        (&post, "/api/v1/queues", json!({"name": "a", "wrapup_s": 5}), "wrapup_s", "wrap_up_s"),
        (&put, "/api/v1/queues/1", json!({"name": "a", "surveys": false}), "surveys", "survey"),
        (&post, "/api/v1/trunks", json!({"name": "a", "prefix": ["1"]}), "prefix", "prefixes"),
        (&put, "/api/v1/trunks/1", json!({"name": "a", "prefix": ["1"]}), "prefix", "prefixes"),
        (
            &put,
            "/api/v1/connectors/a",
            json!({"address": address, "write": true}),
            "write",
            "writes",
        ),
        (&put, "/api/v1/customers", json!({"number": "13800138000", "nmae": "王"}), "nmae", "name"),
        (
            &post,
            "/api/v1/orders/1/steps",
            json!({"action": "start", "versoin": 1}),
            "versoin",
            "version",
        ),
        // Fields of other steps.
        (&post, state.as_str(), json!({"action": "ready", "reason": "x"}), "reason", "action"),
        (
            &post,
            actions.as_str(),
            json!({"action": "hangup", "target": "1003"}),
            "target",
            "action",
        ),
    ];
    let before = rig.get("/api/v1/queues", &token).await.json();
    for (method, uri, body, wrong, meant) in cases {
        let got = rig.ask(method.clone(), uri, &token, Some(body)).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{uri}: {got:?}");
        let problem = got.json();
        assert_eq!(problem["field"], wrong, "{uri}");
        let message = problem["message"].as_str().expect("a message");
        let meant = format!("\"{meant}\"");
        assert!(message.contains("takes no field") && message.contains(&meant), "{message}");
        let told = crate::api::messages::in_chinese(message).expect("it is told in Chinese");
        assert!(told.contains("没有字段") && told.contains(&meant), "{told}");
    }
    assert_eq!(rig.get("/api/v1/queues", &token).await.json(), before, "nothing was changed");
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_as_it_came() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let trunk = json!({"name": "carrier", "proxy": "sip:carrier.example"});
    let trunk = rig.post("/api/v1/trunks", &token, trunk).await.json();
    let trunk = format!("/api/v1/trunks/{}", trunk["id"].as_str().expect("an id"));
    let queue = rig.get("/api/v1/queues/1", &token).await.json();
    assert!(queue["agents"].is_array(), "an answer has more than is taken: {queue}");
    for (uri, first) in [
        ("/api/v1/queues/1", queue),
        (trunk.as_str(), json!({"name": "carrier", "proxy": "sip:carrier.example"})),
        ("/api/v1/connectors/gas", json!({"address": "sqlite:gas.db"})),
        ("/api/v1/customers", json!({"number": "13800138000", "name": "王"})),
    ] {
        let read = rig.ask(Method::PUT, uri, &token, Some(first)).await;
        assert_eq!(read.status, StatusCode::OK, "{uri}: {read:?}");
        let mut whole = read.json();
        let again = rig.ask(Method::PUT, uri, &token, Some(whole.clone())).await;
        assert_eq!(again.status, StatusCode::OK, "{uri}: {again:?}");
        assert_eq!(again.json()["id"], whole["id"], "{uri}");
        whole["xylophones"] = json!(true);
        let refused = rig.ask(Method::PUT, uri, &token, Some(whole)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{uri}: {refused:?}");
        assert_eq!(refused.json()["field"], "xylophones", "{uri}");
    }
}
