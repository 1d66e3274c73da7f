//! Requests under an `Idempotency-Key`, from the outside.

use super::rig::{Got, MADE_CALL, Rig, request};
use crate::api::router;
use axum::Router;
use axum::body::to_bytes;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use std::time::Duration;
use terms::control::Ask;
use terms::{AgentId, UserId};
use tower::ServiceExt;

const CALLS: &str = "/api/v1/calls";

/// Sends a POST under a key.
async fn post(router: &Router, uri: &str, token: &str, key: &str, body: &Value) -> Got {
    let mut request = request(Method::POST, uri, token, Some(body.clone()));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Got { status: parts.status, headers: parts.headers, body }
}

fn dialled(rig: &Rig) -> usize {
    rig.calls.asked.lock().unwrap().iter().filter(|ask| matches!(ask, Ask::Dial(_))).count()
}

#[tokio::test]
async fn a_call_that_is_asked_for_again_under_its_key_is_made_once() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let wanted = json!({"to": "013811112222"});
    let first = post(&rig.router, CALLS, &token, "k-1", &wanted).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (StatusCode::CREATED, ""));
    let again = post(&rig.router, CALLS, &token, "k-1", &wanted).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (StatusCode::CREATED, "true"));
    assert_eq!(again.json(), json!({"call": MADE_CALL.to_string(), "recent": null}));
    assert_eq!(again.header("content-type"), "application/json");
    assert_eq!(dialled(&rig), 1);
    // The same over a restart of the API.
    let anew = router(rig.state.clone());
    assert_eq!(post(&anew, CALLS, &token, "k-1", &wanted).await.json(), first.json());
    assert_eq!(dialled(&rig), 1);
    let got = post(&rig.router, CALLS, &token, "k-2", &wanted).await;
    assert_eq!((got.status, dialled(&rig)), (StatusCode::CREATED, 2), "another key");
    let got = rig.post(CALLS, &token, wanted.clone()).await;
    assert_eq!((got.status, dialled(&rig)), (StatusCode::CREATED, 3), "and none");
    rig.clock.advance(Duration::from_secs(24 * 3_600));
    let token = rig.token(Role::Agent).await;
    let late = post(&rig.router, CALLS, &token, "k-1", &wanted).await;
    assert_eq!((late.status, dialled(&rig)), (StatusCode::CREATED, 4), "a day later it is new");
}

#[tokio::test]
async fn a_key_that_came_with_another_request_is_refused_and_belongs_to_one_person() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let wanted = json!({"to": "013811112222"});
    assert_eq!(post(&rig.router, CALLS, &token, "k", &wanted).await.status, StatusCode::CREATED);
    for (uri, body) in [(CALLS, json!({"to": "10086"})), ("/api/v1/orders", wanted.clone())] {
        let got = post(&rig.router, uri, &token, "k", &body).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{uri}: {got:?}");
        assert_eq!(got.json()["type"], "urn:switchgrid:problem:key_reused");
    }
    let second: AgentId = rig.first.agents[1].0;
    let other = rig.token_of(rig.tenant(), UserId(second.0), Role::Agent, Some(second)).await;
    let got = post(&rig.router, CALLS, &other, "k", &wanted).await;
    assert_eq!((got.status, dialled(&rig)), (StatusCode::CREATED, 2), "theirs is another one");
    for bad in ["", "two words", &"x".repeat(256)] {
        let got = post(&rig.router, CALLS, &token, bad, &wanted).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}: {got:?}");
    }
    let got = post(&rig.router, CALLS, "sgt_unknown", "k", &wanted).await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED, "a key opens nothing");
    assert_eq!(dialled(&rig), 2);
}

#[tokio::test]
async fn who_hangs_up_while_it_is_carried_out_finds_the_answer_and_others_are_told_to_wait() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let queue = json!({"name": "second line"});
    let uri = "/api/v1/queues";
    // The switch does not take plans yet, so the first request goes on.
    let door = rig.calls.door.lock().await;
    let mut changes = rig.store.plan_changes();
    let (held, first_token, body) = (rig.router.clone(), token.clone(), queue.clone());
    let first =
        tokio::spawn(async move { post(&held, uri, &first_token, "q", &body).await.status });
    changes.changed().await.unwrap();
    let got = post(&rig.router, uri, &token, "q", &queue).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "{got:?}");
    let still = "The request with this Idempotency-Key is still being carried out.";
    assert_eq!(got.json()["message"], still);
    // Whoever has been started anew does not know what became of it.
    let got = post(&router(rig.state.clone()), uri, &token, "q", &queue).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert!(got.json()["message"].as_str().unwrap().contains("is not known"), "{got:?}");
    // The asker hangs up, and finds the answer all the same.
    first.abort();
    drop(door);
    let answered = async {
        loop {
            let got = post(&rig.router, uri, &token, "q", &queue).await;
            if got.status != StatusCode::CONFLICT {
                return got;
            }
            tokio::task::yield_now().await;
        }
    };
    let got = tokio::time::timeout(Duration::from_secs(20), answered).await.unwrap();
    assert_eq!((got.status, got.header("idempotency-replayed")), (StatusCode::CREATED, "true"));
}

#[tokio::test]
async fn what_failed_on_our_side_may_be_sent_again_and_what_was_refused_stays_refused() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let uri = format!("/api/v1/calls/{}/actions", super::rig::LIVE_CALL);
    let hold = json!({"action": "hold"});
    *rig.calls.refuse.lock().unwrap() = Some("starting".into());
    let got = post(&rig.router, &uri, &token, "h", &hold).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    *rig.calls.refuse.lock().unwrap() = None;
    for replayed in ["", "true"] {
        let got = post(&rig.router, &uri, &token, "h", &hold).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
        assert_eq!(got.header("idempotency-replayed"), replayed);
    }
    *rig.calls.refuse.lock().unwrap() = Some("the agent has another call".into());
    let wanted = json!({"to": "013811112222"});
    assert_eq!(post(&rig.router, CALLS, &token, "d", &wanted).await.status, StatusCode::CONFLICT);
    *rig.calls.refuse.lock().unwrap() = None;
    let got = post(&rig.router, CALLS, &token, "d", &wanted).await;
    assert_eq!(
        (got.status, &got.json()["message"]),
        (StatusCode::CONFLICT, &json!("the agent has another call"))
    );
    assert_eq!(got.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_secret_is_answered_again_and_lies_nowhere_open() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let new = json!({"name": "export", "role": "supervisor", "days": 30});
    let first = post(&rig.router, "/api/v1/tokens", &token, "t", &new).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let secret = first.json()["secret"].as_str().unwrap().to_owned();
    let again = post(&rig.router, "/api/v1/tokens", &token, "t", &new).await;
    assert_eq!(again.json()["secret"], json!(secret), "once more to who lost it");
    for name in ["desk.db", "desk.db-wal"] {
        let bytes = std::fs::read(rig.folder.path().join(name)).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{name} holds the secret");
    }
}
