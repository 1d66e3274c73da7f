//! Where numbers are at home: who may load a table, what is refused of it, and whom it reaches.

use super::rig::{Got, Rig, request};
use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use desk::Role;
use serde_json::json;

const REGIONS: &str = "/api/v1/number-regions";

async fn load(rig: &Rig, token: &str, table: impl Into<Body>) -> Got {
    let mut request = request(Method::POST, REGIONS, token, None);
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
    *request.body_mut() = table.into();
    rig.send(request).await
}

#[tokio::test]
async fn a_table_is_loaded_line_by_line_and_reaches_the_plan() {
    let rig = Rig::new().await;
    let agent = rig.token(Role::Agent).await;
    assert_eq!(load(&rig, &agent, "138,北京,北京").await.status, StatusCode::FORBIDDEN);
    let token = rig.token(Role::Administrator).await;
    let loaded = load(&rig, &token, "prefix,province,city\n1380013,北京,北京\n+1,美国\n").await;
    assert_eq!((loaded.status, loaded.json()), (StatusCode::OK, json!({"prefixes": 2})));
    let more = load(&rig, &token, "1380013,北京,海淀\n139,上海,上海\n").await.json();
    assert_eq!(more, json!({"prefixes": 3}), "what is named again is replaced");
    let at_home = async |number: &str| {
        rig.get(&format!("{REGIONS}?number={number}"), &token).await.json()["region"].clone()
    };
    assert_eq!(at_home("13800138000").await, json!({"province": "北京", "city": "海淀"}));
    assert_eq!(at_home("02087654321").await, json!({"province": "广东", "city": "广州"}));
    assert_eq!(at_home("1001").await, json!(null));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!(plan.regions.0.len(), 3);
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");

    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(REGIONS, &foreign).await.json(), json!({"prefixes": 0}));
    let gone = rig.ask(Method::DELETE, REGIONS, &token, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(at_home("13800138000").await, json!(null));
}

#[tokio::test]
async fn a_table_with_a_wrong_line_is_refused_whole_with_the_line() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    for (table, part) in [
        ("", "lines such as"),
        ("138,北京,北京\n139", "line 2: two or three fields"),
        ("13x,北京", "line 1: a prefix is 1-15 digits"),
        ("138,", "line 1: a province is needed"),
        ("138,\"北京\"", "line 1: a name has at most 32 characters"),
        ("138,北京\n0086138,上海", "line 2: this prefix stands"),
    ] {
        let refused = load(&rig, &token, table).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{table}");
        let message = refused.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.starts_with("csv: ") && message.contains(part), "{table}: {message}");
    }
    let refused = load(&rig, &token, vec![0xff, 0xfe, 0x31]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(rig.get(REGIONS, &token).await.json(), json!({"prefixes": 0}));
}
