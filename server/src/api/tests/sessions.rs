//! Whose tokens one takes back, and how one changes one's password.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::lockout::{FAILURES_MAX, WINDOW};
use futures::future::join_all;
use serde_json::{Value, json};

const PASSWORD: &str = "/api/v1/session/password";
/// That of everybody whom the box for tests makes.
const OLD: &str = "a-good-password";
const NEW: &str = "quite-another-password";

impl Rig {
    async fn change(&self, token: &str, old: &str) -> StatusCode {
        let body = json!({"old": old, "new": NEW});
        self.ask(Method::PUT, PASSWORD, token, Some(body)).await.status
    }

    async fn sign_in(&self, login: &str, password: &str) -> StatusCode {
        let body = json!({"login": login, "password": password});
        self.post("/api/v1/session", "", body).await.status
    }

    async fn take_back(&self, token: &str, id: &Value) -> StatusCode {
        let uri = format!("/api/v1/tokens/{}", id.as_str().unwrap());
        self.ask(Method::DELETE, &uri, token, None).await.status
    }
}

#[tokio::test]
async fn a_token_is_taken_back_by_its_owner_and_by_administrators_of_their_tenant_alone() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let (_, foreign) = rig.other_tenant().await;
    let new = json!({"name": "export", "role": "agent", "days": 30});
    let made = async || rig.post("/api/v1/tokens", &manager, new.clone()).await.json();
    let is_good = async |made: &Value| {
        let secret = made["secret"].as_str().unwrap();
        rig.get("/api/v1/session", secret).await.status == StatusCode::OK
    };
    let first = made().await;
    for role in [Role::Agent, Role::Supervisor] {
        let token = rig.token(role).await;
        let got = rig.take_back(&token, &first["id"]).await;
        assert_eq!(got, StatusCode::NOT_FOUND, "{role:?}");
    }
    assert_eq!(rig.take_back(&foreign, &first["id"]).await, StatusCode::NOT_FOUND);
    assert!(is_good(&first).await);
    assert_eq!(rig.take_back(&manager, &first["id"]).await, StatusCode::NO_CONTENT);
    assert!(!is_good(&first).await);

    let second = made().await;
    let administrator = rig.token(Role::Administrator).await;
    assert_eq!(rig.take_back(&administrator, &second["id"]).await, StatusCode::NO_CONTENT);
    assert!(!is_good(&second).await);
    let audit = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let taken = audit.iter().filter(|row| row.action == "token.revoke");
    let taken: Vec<&str> = taken.map(|row| row.subject.as_str()).collect();
    assert_eq!(taken, [&second["id"], &first["id"]].map(|id| id.as_str().unwrap()));
}

#[tokio::test]
async fn whoever_knows_the_old_password_sets_a_new_one_and_every_session_ends() {
    let rig = Rig::new().await;
    let (token, other) = (rig.token(Role::Manager).await, rig.token(Role::Manager).await);
    assert_eq!(rig.change(&token, "not-my-password").await, StatusCode::BAD_REQUEST);
    assert_eq!(rig.change(&token, NEW).await, StatusCode::BAD_REQUEST);
    assert_eq!(rig.sign_in("the-manager", OLD).await, StatusCode::CREATED, "it is still good");
    let short = json!({"old": OLD, "new": "short"});
    let got = rig.ask(Method::PUT, PASSWORD, &token, Some(short)).await;
    assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &json!("new")));

    assert_eq!(rig.change(&token, OLD).await, StatusCode::NO_CONTENT);
    for token in [&token, &other] {
        let got = rig.get("/api/v1/session", token).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(rig.sign_in("the-manager", OLD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.sign_in("the-manager", NEW).await, StatusCode::CREATED);
    let audit = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let changed = audit.iter().filter(|row| row.action == "user.password" && row.user.is_some());
    assert_eq!(changed.count(), 1);
}

#[tokio::test]
async fn whoever_guesses_the_old_password_is_locked_out_as_at_the_door() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for _ in 0..FAILURES_MAX {
        assert_eq!(rig.change(&token, "a-guess-of-many").await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(rig.change(&token, OLD).await, StatusCode::TOO_MANY_REQUESTS, "right or wrong");
    let at_the_door = rig.sign_in("the-manager", OLD).await;
    assert_eq!(at_the_door, StatusCode::TOO_MANY_REQUESTS, "it is one count");
    rig.clock.advance(WINDOW);
    assert_eq!(rig.change(&token, OLD).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn guesses_that_come_together_tell_no_more_than_those_that_come_one_by_one() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let at_the_door = (0..FAILURES_MAX).map(|_| rig.sign_in("the-manager", "a-guess-of-many"));
    let inside = (0..FAILURES_MAX).map(|_| rig.change(&token, "a-guess-of-many"));
    let (at_the_door, inside) = tokio::join!(join_all(at_the_door), join_all(inside));
    let all: Vec<StatusCode> = at_the_door.into_iter().chain(inside).collect();
    let refused = all.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((all.len(), refused), (2 * FAILURES_MAX, FAILURES_MAX), "{all:?}");
}
