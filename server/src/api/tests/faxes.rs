//! Faxes and the documents that flows send, from the outside: who may, what is taken, and whose it is.

use super::rig::{Got, Rig, request};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use desk::Role;
use mediacore::tiff;
use serde_json::json;
use std::path::PathBuf;
use terms::{FaxId, TenantId};

const FAXES: &str = "/api/v1/faxes";
const DOCUMENTS: &str = "/api/v1/fax-documents";

/// Two pages.
fn document(width: u32) -> Vec<u8> {
    let (one, two) = (vec![0xA5; width as usize / 8 * 20], vec![0x5A; width as usize / 8 * 10]);
    tiff::write(&[(width, &one), (width, &two)])
}

async fn bring(rig: &Rig, name: &str, token: &str, file: Vec<u8>) -> Got {
    let mut sent = request(Method::PUT, &format!("{DOCUMENTS}/{name}"), token, None);
    *sent.body_mut() = Body::from(file);
    rig.send(sent).await
}

/// As the media cores leave one behind.
fn receive(rig: &Rig, tenant: TenantId, fax: FaxId) -> (PathBuf, Vec<u8>) {
    let folder = rig.folder.path().join("faxes").join(tenant.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let (path, file) = (folder.join(format!("{fax}.tif")), document(1_728));
    std::fs::write(&path, &file).unwrap();
    (path, file)
}

async fn actions(rig: &Rig) -> Vec<(String, String)> {
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let of_fax = rows.into_iter().filter(|row| row.action.starts_with("fax"));
    of_fax.map(|row| (row.action, row.subject)).collect()
}

#[tokio::test]
async fn a_fax_is_listed_fetched_in_both_forms_and_deleted_and_all_of_it_is_noted() {
    let rig = Rig::new().await;
    let (old, new) = (FaxId(rig.id()), FaxId(rig.id()));
    let (_, file) = receive(&rig, rig.tenant(), old);
    let (path, _) = receive(&rig, rig.tenant(), new);
    let token = rig.token(Role::Supervisor).await;
    let listed = rig.get(FAXES, &token).await.json();
    assert_eq!(listed[0]["fax_id"], json!(new.to_string()), "the latest first: {listed}");
    assert_eq!(listed[1]["bytes"], file.len());
    let second = rig.get(&format!("{FAXES}?before={new}&limit=1"), &token).await.json();
    assert_eq!(second[0]["fax_id"], json!(old.to_string()));
    assert_eq!(second.as_array().unwrap().len(), 1);

    let got = rig.get(&format!("{FAXES}/{new}"), &token).await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "image/tiff"));
    assert_eq!(got.body, file);
    let got = rig.get(&format!("{FAXES}/{new}?format=pdf"), &token).await;
    assert_eq!(got.header("content-type"), "application/pdf");
    assert!(got.body.starts_with(b"%PDF-"), "{:?}", &got.body[..8]);

    let refused = rig.ask(Method::DELETE, &format!("{FAXES}/{new}"), &token, None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let owner = rig.token(Role::Administrator).await;
    let gone = rig.ask(Method::DELETE, &format!("{FAXES}/{new}"), &owner, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(!path.exists());
    assert_eq!(rig.get(&format!("{FAXES}/{new}"), &token).await.status, StatusCode::NOT_FOUND);
    let mut noted = actions(&rig).await;
    noted.sort();
    let note = |action: &str, subject: String| (action.to_owned(), subject);
    assert_eq!(
        noted,
        [
            note("fax.delete", new.to_string()),
            note("fax.fetch", format!("{new} pdf")),
            note("fax.fetch", format!("{new} tif")),
        ]
    );
}

#[tokio::test]
async fn a_fax_is_nobody_elses() {
    let rig = Rig::new().await;
    let fax = FaxId(rig.id());
    receive(&rig, rig.tenant(), fax);
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get(FAXES, &agent).await.status, StatusCode::FORBIDDEN);
    let (_, stranger) = rig.other_tenant().await;
    assert_eq!(rig.get(FAXES, &stranger).await.json(), json!([]));
    for way in ["", "?format=pdf"] {
        let got = rig.get(&format!("{FAXES}/{fax}{way}"), &stranger).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{way}");
    }
    let gone = rig.ask(Method::DELETE, &format!("{FAXES}/{fax}"), &stranger, None).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_fax_that_is_no_tiff_is_not_shown_as_pdf() {
    let rig = Rig::new().await;
    let fax = FaxId(rig.id());
    let (path, _) = receive(&rig, rig.tenant(), fax);
    std::fs::write(path, b"damaged").unwrap();
    let token = rig.token(Role::Manager).await;
    let got = rig.get(&format!("{FAXES}/{fax}?format=pdf"), &token).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "{got:?}");
}

#[tokio::test]
async fn a_document_is_brought_looked_at_replaced_and_taken_away() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (first, second) = (document(1_728), document(2_048));
    let got = bring(&rig, "price-list", &token, first.clone()).await;
    assert_eq!(got.json(), json!({"name": "price-list", "pages": 2}), "{got:?}");
    let place = format!("faxes/{}/documents/price-list.tif", rig.tenant());
    assert_eq!(std::fs::read(rig.folder.path().join(place)).unwrap(), first);
    assert_eq!(bring(&rig, "price-list", &token, second.clone()).await.status, StatusCode::OK);
    let listed = rig.get(DOCUMENTS, &token).await.json();
    assert_eq!(listed, json!([{"name": "price-list", "bytes": second.len()}]));
    let one = format!("{DOCUMENTS}/price-list");
    assert_eq!(rig.get(&one, &token).await.body, second);
    let (_, stranger) = rig.other_tenant().await;
    assert_eq!(rig.get(&one, &stranger).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(DOCUMENTS, &stranger).await.json(), json!([]));
    let gone = rig.ask(Method::DELETE, &one, &token, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&one, &token).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(DOCUMENTS, &token).await.json(), json!([]));
}

#[tokio::test]
async fn what_cannot_be_faxed_is_refused_and_nothing_of_it_is_kept() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for (name, file, status) in [
        ("ok", b"%PDF-1.7".to_vec(), StatusCode::BAD_REQUEST),
        ("ok", document(800), StatusCode::BAD_REQUEST),
        ("Price.List", document(1_728), StatusCode::BAD_REQUEST),
        ("ok", vec![0; (16 << 20) + 1], StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let got = bring(&rig, name, &token, file).await;
        assert_eq!(got.status, status, "{name}: {got:?}");
    }
    let supervisor = rig.token(Role::Supervisor).await;
    let got = bring(&rig, "ok", &supervisor, document(1_728)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.get(DOCUMENTS, &supervisor).await.json(), json!([]));
    for name in ["..%2F1", "%2e%2e", "a%2Fb"] {
        let got = rig.get(&format!("{DOCUMENTS}/{name}"), &token).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{name}");
    }
}
