//! Links to documents, from the outside: what opens without an account, and what does not.

use super::faxes::{bring, document};
use super::rig::{Got, NOON, Rig};
use crate::api::document_links::code;
use axum::http::{Method, StatusCode};
use desk::Role;
use std::time::Duration;

const ONE: &str = "/api/v1/fax-documents/price-list";
const PUBLIC: &str = "/api/v1/fax-documents/price-list/public";
const DAY: Duration = Duration::from_secs(86_400);

async fn made(rig: &Rig) -> Option<String> {
    let faxes = rig.folder.path().join("faxes");
    code(&faxes, rig.tenant(), "price-list", NOON).await
}

async fn opened(rig: &Rig, code: &str) -> Got {
    rig.get(&format!("/d/{code}"), "").await
}

/// A public document.
async fn publish(rig: &Rig, token: &str) {
    assert_eq!(bring(rig, "price-list", token, document(1_728)).await.status, StatusCode::OK);
    let done = rig.ask(Method::PUT, PUBLIC, token, None).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_link_opens_a_public_document_as_pdf_for_seven_days_and_is_noted() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    publish(&rig, &token).await;
    assert_eq!(rig.get("/api/v1/fax-documents", &token).await.json()[0]["public"], true);
    let code = made(&rig).await.expect("it is public");
    let got = opened(&rig, &code).await;
    assert_eq!(got.status, StatusCode::OK);
    assert!(got.body.starts_with(b"%PDF-"));
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-disposition", "attachment; filename=\"price-list.pdf\""),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let noted: Vec<_> = rows.iter().filter(|row| row.action == "fax_document.open").collect();
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].subject, "price-list");
    rig.clock.advance(7 * DAY - Duration::from_secs(1));
    assert_eq!(opened(&rig, &code).await.status, StatusCode::OK);
    rig.clock.advance(Duration::from_secs(1));
    let over = opened(&rig, &code).await;
    let never = opened(&rig, "nonsense").await;
    assert_eq!((over.status, &over.body), (StatusCode::NOT_FOUND, &never.body));
}

#[tokio::test]
async fn a_document_has_links_only_while_it_is_public_and_only_as_it_was_sent() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let agent = rig.token(Role::Agent).await;
    assert_eq!(bring(&rig, "price-list", &token, document(1_728)).await.status, StatusCode::OK);
    assert_eq!(made(&rig).await, None, "nobody made it public");
    let denied = rig.ask(Method::PUT, PUBLIC, &agent, None).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    let (_, stranger) = rig.other_tenant().await;
    let none = rig.ask(Method::PUT, PUBLIC, &stranger, None).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    publish(&rig, &token).await;
    let first = made(&rig).await.expect("it is public");
    bring(&rig, "price-list", &token, document(2_048)).await;
    assert_eq!(opened(&rig, &first).await.status, StatusCode::NOT_FOUND, "another version");
    let second = made(&rig).await.expect("it is public still");
    assert_eq!(opened(&rig, &second).await.status, StatusCode::OK);
    rig.ask(Method::DELETE, PUBLIC, &token, None).await;
    assert_eq!(opened(&rig, &second).await.status, StatusCode::NOT_FOUND, "taken back");
    publish(&rig, &token).await;
    let third = made(&rig).await.expect("it is public again");
    assert_eq!(opened(&rig, &second).await.status, StatusCode::NOT_FOUND);
    rig.ask(Method::DELETE, ONE, &token, None).await;
    assert_eq!(opened(&rig, &third).await.status, StatusCode::NOT_FOUND, "deleted");
    bring(&rig, "price-list", &token, document(1_728)).await;
    assert_eq!(made(&rig).await, None, "a new one of that name is not public");
}

#[tokio::test]
async fn who_guesses_links_is_locked_out_of_links_alone() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    publish(&rig, &token).await;
    let code = made(&rig).await.expect("it is public");
    for guess in 0..10 {
        let forged = format!("{}{guess:02}", &code[..code.len() - 2]);
        if forged != code {
            assert_eq!(opened(&rig, &forged).await.status, StatusCode::NOT_FOUND);
        }
    }
    opened(&rig, "nonsense").await;
    assert_eq!(opened(&rig, &code).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rig.get(ONE, &token).await.status, StatusCode::OK);
    rig.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(opened(&rig, &code).await.status, StatusCode::OK);
}
