//! What every answer has, the document, flows, health and counters.

use super::rig::{Rig, request};
use crate::api::document;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tower::ServiceExt;

#[tokio::test]
async fn every_answer_is_hardened_and_every_error_is_a_problem() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    for (method, uri, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/api/v1/nothing", 404),
        (Method::GET, "/api/v1/agents/x", 404),
        (Method::GET, "/api/v1/agents/99", 404),
        (Method::PATCH, "/api/v1/agents", 405),
        (Method::GET, "/api/v1/users", 403),
        (Method::POST, "/api/v1/orders", 415),
    ] {
        let got = rig.ask(method.clone(), uri, &token, None).await;
        assert_eq!(got.status.as_u16(), status, "{method} {uri}: {got:?}");
        assert_eq!(got.header("content-type"), "application/problem+json", "{uri}");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("x-frame-options"), "DENY");
        assert_eq!(got.header("cache-control"), "no-store");
        assert!(got.header("content-security-policy").starts_with("default-src 'none'"));
        let problem = got.json();
        assert_eq!(problem["status"], status);
        let kind = problem["type"].as_str().unwrap();
        assert!(kind.starts_with("urn:switchgrid:problem:"), "{kind}");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(problem["message"].as_str().unwrap().ends_with('.'), "{problem}");
        assert!(problem.get("detail").is_none());
    }
    let wrong = rig.post("/api/v1/orders", &token, json!({"kind": "投诉", "title": ""})).await;
    assert_eq!(
        (wrong.status, wrong.json()["field"].as_str()),
        (StatusCode::BAD_REQUEST, Some("title"))
    );
}

#[tokio::test]
async fn what_fails_inside_stays_inside() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    rig.store.close().await;
    let got = rig.get("/api/v1/agents", &token).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(got.header("retry-after"), "5");
    let text = String::from_utf8(got.body.to_vec()).unwrap();
    assert!(!text.contains("pool") && !text.contains("token") && !text.contains("sqlx"), "{text}");
}

#[tokio::test]
async fn a_body_has_a_limit_and_has_to_be_json() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let huge = json!({"kind": "投诉", "title": "x", "content": "y".repeat(80 << 10)});
    let got = rig.post("/api/v1/orders", &token, huge).await;
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
    for body in
        ["{", "[]", "null", "{\"kind\": 1}", "{\"kind\":\"a\",\"title\":\"b\",\"tenant\":\"2\"}"]
    {
        let mut request = request(Method::POST, "/api/v1/orders", &token, Some(Value::Null));
        *request.body_mut() = Body::from(body);
        let got = rig.send(request).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{body}: {got:?}");
    }
    let sign_in = Request::post("/api/v1/session").body(Body::from("x")).unwrap();
    assert_eq!(rig.send(sign_in).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn the_document_is_openapi_3_1_and_sound() {
    let document = serde_json::to_value(document()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in &references {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{reference} points nowhere");
    }
    assert!(references.len() > 30, "{}", references.len());
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(!operation["summary"].as_str().unwrap_or("").is_empty(), "{method} {path}");
            assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
            let named = path.matches('{').count();
            let parameters = operation["parameters"]
                .as_array()
                .map_or(0, |all| all.iter().filter(|parameter| parameter["in"] == "path").count());
            assert_eq!(named, parameters, "{method} {path}");
        }
    }
}

#[test]
fn each_type_has_its_own_schema_and_words_are_those_that_are_sent() {
    let document = serde_json::to_value(document()).unwrap();
    let schemas = &document["components"]["schemas"];
    for (schema, field) in [
        ("QueueSettings", "strategy"),
        ("TrunkSettings", "sources"),
        ("MadeAgent", "password"),
        ("MadeToken", "secret"),
    ] {
        let text = schemas[schema].to_string();
        assert!(text.contains(&format!("\"{field}\":")), "{schema}: {text}");
    }
    assert_eq!(schemas["Role"]["enum"], json!(Role::ALL));
    let mut words = BTreeSet::new();
    collect_words(&document, &mut words);
    assert!(words.contains("recordings.read") && words.len() > 100, "{words:?}");
    for word in words {
        assert_eq!(word, word.to_lowercase(), "serde writes it otherwise");
    }
}

#[test]
fn the_copy_in_the_documentation_is_current() {
    let text = document().to_pretty_json().unwrap() + "\n";
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text).expect("docs/openapi.json can be written");
    }
    let on_disk = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(on_disk == text, "docs/openapi.json is stale: run the tests once with UPDATE=1");
}

/// The words that fields may have.
fn collect_words(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let listed = fields.get("enum").and_then(Value::as_array).into_iter().flatten();
            words.extend(listed.filter_map(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect_words(value, words));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_words(value, words)),
        _ => {}
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                references.insert(reference.to_owned());
            }
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn the_document_lists_these_operations() {
    let document = serde_json::to_value(document()).unwrap();
    let mut listed = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            listed.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    for expected in [
        "POST /api/v1/session",
        "GET /api/v1/calls",
        "POST /api/v1/calls",
        "GET /api/v1/calls/{id}",
        "GET /api/v1/calls/{id}/routing",
        "POST /api/v1/calls/{id}/actions",
        "POST /api/v1/calls/{id}/supervise",
        "PATCH /api/v1/calls/{id}/supervise",
        "DELETE /api/v1/calls/{id}/supervise",
        "GET /api/v1/recordings",
        "GET /api/v1/recordings/{id}",
        "HEAD /api/v1/recordings/{id}",
        "GET /api/v1/reports",
        "GET /api/v1/reports/{id}",
        "POST /api/v1/sql",
        "POST /api/v1/warehouse/seal",
        "GET /api/v1/queues",
        "GET /api/v1/agents",
        "POST /api/v1/agents/{id}/state",
        "GET /api/v1/users",
        "GET /api/v1/tokens",
        "GET /api/v1/numbers",
        "GET /api/v1/flows",
        "GET /api/v1/trunks",
        "POST /api/v1/flows/{id}/publish",
        "POST /api/v1/flows/{id}/rollback",
        "POST /api/v1/flows/{id}/simulate",
        "POST /api/v1/flows/{id}/reviews/{review}",
        "GET /api/v1/flows/{id}/differences",
        "GET /api/v1/flows/{id}/statistics",
        "POST /api/v1/flows/{id}/replay",
        "GET /api/v1/flows/packs",
        "POST /api/v1/flows/packs/{pack}",
        "GET /api/v1/customers",
        "GET /api/v1/orders",
        "POST /api/v1/orders/{id}/steps",
        "GET /api/v1/live",
        "GET /api/v1/events",
        "POST /api/v1/hooks",
        "GET /api/v1/hooks/{id}/deliveries",
        "GET /api/v1/audit",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    ] {
        assert!(listed.iter().any(|operation| operation == expected), "{expected}");
    }
}

#[tokio::test]
async fn a_problem_is_told_in_the_readers_language() {
    let rig = Rig::new().await;
    for (languages, message) in [
        ("zh-CN,zh;q=0.9,en;q=0.8", "没有此队列。"),
        ("en-GB", "There is no such queue."),
        ("", "There is no such queue."),
    ] {
        let token = rig.token(Role::Manager).await;
        let mut asked = request(Method::GET, "/api/v1/queues/999", &token, None);
        asked.headers_mut().insert("accept-language", languages.parse().unwrap());
        let got = rig.router.clone().oneshot(asked).await.unwrap();
        assert_eq!(got.status(), StatusCode::NOT_FOUND);
        let is_chinese = got.headers().get("content-language").is_some_and(|l| l == "zh-CN");
        assert_eq!(is_chinese, message.starts_with('没'));
        assert_eq!(got.headers()["content-type"], "application/problem+json");
        let body = axum::body::to_bytes(got.into_body(), 1 << 20).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["message"], message);
    }
}

#[tokio::test]
async fn the_document_and_its_pages_come_from_this_server() {
    let rig = Rig::new().await;
    let served = rig.get("/api/openapi.json", "").await;
    assert_eq!(served.status, StatusCode::OK);
    assert_eq!(served.json()["paths"], serde_json::to_value(document()).unwrap()["paths"]);
    let page = rig.get("/api/docs/", "").await;
    assert_eq!(page.status, StatusCode::OK);
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for outside in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
        assert!(!text.contains(outside), "{outside}");
    }
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    let script = rig.get("/api/docs/swagger-ui-bundle.js", "").await;
    assert_eq!(script.status, StatusCode::OK);
    assert!(script.body.len() > 100_000);
    let setup = rig.get("/api/docs/swagger-initializer.js", "").await;
    let setup = String::from_utf8(setup.body.to_vec()).unwrap();
    assert!(setup.contains("\"validatorUrl\": \"none\""), "no outside server is asked: {setup}");
    assert!(setup.contains("/api/openapi.json"), "{setup}");
    let home = rig.get("/", "").await;
    assert_eq!(home.header("location"), "/api/docs/");
    let redirect = rig.get("/api/docs", "").await;
    assert_eq!(redirect.header("location"), "/api/docs/");
}

#[tokio::test]
async fn a_flow_is_published_only_when_the_checker_passes_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let flow = rig.get("/api/v1/flows/1", &token).await.json();
    assert_eq!((flow["published_version"].as_u64(), flow["revision"].as_i64()), (Some(1), Some(1)));
    let told = rig.post("/api/v1/flows/1/try", &token, json!({"script": "1"})).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    assert!(told.json()["lines"].as_array().unwrap().len() > 1);
    assert_eq!(told.json()["end"], json!({"kind": "queue", "queue": "1", "priority": 0}));

    let mut broken = flow["draft"].clone();
    broken["steps"]["service"]["queue"] = json!("99");
    let verdict = rig.post("/api/v1/flows/check", &token, json!({"document": broken})).await.json();
    assert_eq!(verdict["good"], false);
    assert!(verdict["problems"][0].as_str().unwrap().contains("service"), "{verdict}");
    let change = json!({"name": "热线", "document": broken});
    let uri = "/api/v1/flows/1?revision=1";
    let changed = rig.ask(Method::PUT, uri, &token, Some(change.clone())).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let stale = rig.ask(Method::PUT, uri, &token, Some(change)).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    let publish = rig.post("/api/v1/flows/1/publish", &token, json!({"revision": 2})).await;
    assert_eq!(publish.status, StatusCode::BAD_REQUEST);
    assert!(publish.json()["message"].as_str().unwrap().contains("service"));
    let change = json!({"name": "热线", "document": flow["draft"]});
    rig.ask(Method::PUT, "/api/v1/flows/1?revision=2", &token, Some(change)).await;
    let publish = rig.post("/api/v1/flows/1/publish", &token, json!({"revision": 3})).await;
    assert_eq!(
        (publish.status, publish.json()["version"].as_u64()),
        (StatusCode::CREATED, Some(2))
    );
    let back = rig.post("/api/v1/flows/1/rollback", &token, json!({"version": 1})).await;
    assert_eq!((back.status, back.json()["version"].as_u64()), (StatusCode::CREATED, Some(3)));
    let history = rig.get("/api/v1/flows/1/history", &token).await.json();
    assert_eq!(history.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn readiness_follows_the_switch() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/healthz", "").await.status, StatusCode::OK);
    let ready = rig.get("/readyz", "").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (StatusCode::OK, Some(true)));
    *rig.calls.refuse.lock().unwrap() = Some("starting".into());
    // An answer is remembered for a second, however often it is asked for.
    rig.clock.advance(std::time::Duration::from_millis(700));
    assert_eq!(rig.get("/readyz", "").await.status, StatusCode::OK);
    rig.clock.advance(std::time::Duration::from_millis(700));
    let ready = rig.get("/readyz", "").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        ready.json(),
        json!({"ready": false, "store": true, "warehouse": true, "calls": false})
    );
}

#[tokio::test]
async fn counters_are_for_this_machine_and_for_administrators() {
    let rig = Rig::new().await;
    rig.get("/api/v1/nothing%22%0a", "").await;
    assert_eq!(rig.get("/metrics", "").await.status, StatusCode::UNAUTHORIZED);
    let manager = rig.token(Role::Manager).await;
    assert_eq!(rig.get("/metrics", &manager).await.status, StatusCode::FORBIDDEN);
    let mut local = request(Method::GET, "/metrics", "", None);
    let home = std::net::SocketAddr::from(([127, 0, 0, 1], 5000));
    local.extensions_mut().insert(axum::extract::ConnectInfo(home));
    let got = rig.send(local).await;
    assert_eq!(got.status, StatusCode::OK);
    let mut passed_on = request(Method::GET, "/metrics", "", None);
    passed_on.extensions_mut().insert(axum::extract::ConnectInfo(home));
    passed_on.headers_mut().insert("x-forwarded-for", "198.51.100.7".parse().unwrap());
    assert_eq!(
        rig.send(passed_on).await.status,
        StatusCode::UNAUTHORIZED,
        "a proxy of this machine"
    );
    let text = String::from_utf8(got.body.to_vec()).unwrap();
    for line in [
        "switchgrid_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1\n",
        "switchgrid_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"401\"} 1\n",
        "switchgrid_calls{tenant=\"a\\\"b\"} 3\n",
        "switchgrid_calls_up 1\n",
        "switchgrid_warehouse_staged_rows 0\n",
        "switchgrid_sql_connections{door=\"postgres\"} 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[tokio::test]
async fn a_tokens_secret_is_shown_once_and_its_role_is_a_ceiling() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let new = json!({"name": "export", "role": "supervisor", "days": 30});
    let made = rig.post("/api/v1/tokens", &token, new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert_eq!(rig.get("/api/v1/users", &secret).await.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.get("/api/v1/calls", &secret).await.status, StatusCode::OK);
    let up = json!({"name": "up", "role": "manager", "days": 1});
    assert_eq!(rig.post("/api/v1/tokens", &secret, up).await.status, StatusCode::FORBIDDEN);
    let list = rig.get("/api/v1/tokens", &token).await;
    assert!(!String::from_utf8_lossy(&list.body).contains(&secret[4..]));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let gone = rig.ask(Method::DELETE, &format!("/api/v1/tokens/{id}"), &token, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/api/v1/calls", &secret).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_trunk_over_tls_takes_certificates_alone_and_says_how_it_is() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let made = rcgen::generate_simple_self_signed(vec!["sbc.example".to_owned()]).unwrap();
    let good = made.cert.pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (tls, clear) = ("sip:sbc.example;transport=tls", "sip:sbc.example");
    for (proxy, ca, expected) in [
        (tls, "", StatusCode::CREATED),
        (tls, &good, StatusCode::CREATED),
        (tls, broken, StatusCode::BAD_REQUEST),
        (tls, "/etc/ssl/certs/ca.pem", StatusCode::BAD_REQUEST),
        (clear, &good, StatusCode::BAD_REQUEST),
    ] {
        let name = format!("{} {}", proxy.len(), ca.len());
        let got = rig
            .post("/api/v1/trunks", &token, json!({"name": name, "proxy": proxy, "ca": ca}))
            .await;
        assert_eq!(got.status, expected, "{proxy} {ca}: {got:?}");
        if expected == StatusCode::BAD_REQUEST {
            assert_eq!(got.json()["field"], "ca");
        }
    }
    let live = rig.get("/api/v1/trunks/live", &token).await;
    let expected = json!([{"id": "7", "calls": 2, "registered": false,
        "problem": "certificate_name", "detail": "for pbx.example",
        "down": "line", "down_since": "2026-11-23T04:00:00.000Z"}]);
    assert_eq!(live.json(), expected);
}

#[tokio::test]
async fn trunk_passwords_go_in_and_never_come_out() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let draft = json!({
        "name": "carrier", "proxy": "sip:carrier.example:5060", "outbound_user": "us",
        "outbound_password": "very-secret-77", "inbound_user": "them", "inbound_password": "very-secret-88",
    });
    let made = rig.post("/api/v1/trunks", &token, draft).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let list = rig.get("/api/v1/trunks", &token).await;
    for got in [made, list] {
        let text = String::from_utf8(got.body.to_vec()).unwrap();
        assert!(text.contains("carrier") && !text.contains("very-secret") && !text.contains("ha1"));
    }
}
