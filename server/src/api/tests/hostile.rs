//! What strangers and careless clients send: secrets that must not reach the log, pages of other
//! sites, texts of any length.

use super::rig::{Rig, request};
use crate::logging::kept::Kept;
use axum::http::{HeaderValue, Method, StatusCode, header};
use desk::Role;
use serde_json::json;

#[tokio::test]
async fn no_password_and_no_token_reaches_the_log() {
    // While there is one subscriber alone, tracing asks that of the thread that meets an event
    // first, and the other tests' threads have none.
    let _second = tracing::Dispatch::new(Kept::default().log("trace", false));
    let kept = Kept::default();
    let _log = tracing::subscriber::set_default(kept.log("trace", false));
    let rig = Rig::new().await;
    let (login, password) = &rig.first.administrator;
    let sign_in = |password: &str| json!({"login": login, "password": password});
    let session = rig.post("/api/v1/session", "", sign_in(password.expose())).await;
    assert_eq!(session.status, StatusCode::CREATED);
    let token = session.json()["token"].as_str().unwrap().to_owned();
    rig.post("/api/v1/session", "", sign_in("a-wrong-guess-55")).await;
    let broken = format!("{{\"login\": \"{login}\", \"password\": \"half-a-body-66\"");
    let mut half = request(Method::POST, "/api/v1/session", "", Some(json!({})));
    *half.body_mut() = axum::body::Body::from(broken);
    assert_eq!(rig.send(half).await.status, StatusCode::BAD_REQUEST);

    let user = json!({"login": "li", "name": "李", "role": "agent", "password": "of-a-user-77"});
    rig.post("/api/v1/users", &token, user).await;
    let trunk = json!({"name": "carrier", "proxy": "sip:carrier.example", "outbound_user": "us",
        "outbound_password": "of-a-trunk-88"});
    assert_eq!(rig.post("/api/v1/trunks", &token, trunk).await.status, StatusCode::CREATED);
    let new = json!({"name": "export", "role": "supervisor", "days": 30});
    let made = rig.post("/api/v1/tokens", &token, new).await.json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(rig.get("/api/v1/calls", &secret).await.status, StatusCode::OK);
    let mut events = request(Method::GET, "/api/v1/events", "", None);
    let protocols = format!("switchgrid.v1, bearer.{secret}");
    events.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocols.parse().unwrap());
    rig.send(events).await;

    let log = kept.text();
    assert!(log.contains("a sign-in failed"), "the log was kept: {log}");
    let secrets = [
        password.expose(),
        &token,
        &secret,
        "a-wrong-guess-55",
        "half-a-body-66",
        "of-a-user-77",
        "of-a-trunk-88",
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret stands in the log");
    }
}

/// Nothing in a browser speaks for a person but a token that a page of ours holds: there is no
/// cookie to ride on, so a page of another site opens no socket and reads no answer.
#[tokio::test]
async fn a_page_of_another_site_has_nothing_to_ride_on() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    for uri in ["/api/v1/events", "/api/v1/live", "/api/v1/recordings/1", "/api/v1/session"] {
        for method in [Method::GET, Method::OPTIONS] {
            for sent in ["", &token] {
                let mut request = request(method.clone(), uri, "", None);
                let headers = request.headers_mut();
                headers.insert(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
                let cookie = format!("token={sent}; session={sent}; bearer={sent}");
                headers.insert(header::COOKIE, cookie.parse().unwrap());
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                let got = rig.send(request).await;
                let refused = [StatusCode::UNAUTHORIZED, StatusCode::METHOD_NOT_ALLOWED];
                assert!(refused.contains(&got.status), "{method} {uri}: {got:?}");
                assert!(!got.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
            }
        }
    }
    let (login, password) = &rig.first.administrator;
    let body = json!({"login": login, "password": password.expose()});
    let session = rig.post("/api/v1/session", "", body).await;
    assert_eq!(session.status, StatusCode::CREATED);
    assert!(!session.headers.contains_key(header::SET_COOKIE), "{session:?}");
}

#[tokio::test]
async fn a_text_of_any_length_gets_an_answer_and_a_small_one() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let long = "x".repeat(60_000);
    let uris = [
        format!("/api/v1/calls?caller={long}"),
        format!("/api/v1/calls?cursor={long}"),
        format!("/api/v1/calls?sort={long}"),
        format!("/api/v1/calls?{long}=1"),
        format!("/api/v1/recordings?caller={long}"),
        format!("/api/v1/recordings/{long}"),
        format!("/api/v1/recordings/1?format={long}"),
        format!("/api/v1/customers?search={long}"),
        format!("/api/v1/orders?search={long}"),
        format!("/api/v1/reports/satisfaction?period={long}"),
        format!("/api/v1/reports/{long}?period=today"),
        format!("/{long}"),
    ];
    for uri in &uris {
        let got = rig.get(uri, &token).await;
        assert!(!got.status.is_server_error(), "{}: {}", &uri[..40], got.status);
        assert!(got.body.len() < 2_000, "{} repeats what was sent", &uri[..40]);
    }
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let mut nested = request(Method::POST, "/api/v1/orders", &token, Some(json!({})));
    *nested.body_mut() = axum::body::Body::from(deep);
    assert_eq!(rig.send(nested).await.status, StatusCode::BAD_REQUEST);
    for sent in [&long[..20_000], "", "\u{1b}[2J", "a\r\nb"] {
        let body = json!({"login": sent, "password": sent});
        let got = rig.post("/api/v1/session", "", body).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    }
    let bearer = rig.get("/api/v1/session", &long).await;
    assert_eq!(bearer.status, StatusCode::UNAUTHORIZED);
}
