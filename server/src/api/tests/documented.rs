//! The router and the document say the same: what is served is described, and the reverse.

use super::rig::{Rig, request};
use crate::api::document;
use axum::Router;
use axum::http::{Method, StatusCode};
use std::collections::{BTreeMap, BTreeSet};

/// Pages that show the document, and what leads to them.
const UNDESCRIBED: [&str; 5] =
    ["/", "/api/docs", "/api/docs/", "/api/docs/{*rest}", "/api/openapi.json"];

/// Addresses that end with a secret: whoever does not know one hears that nothing is there.
const BY_SECRET: [&str; 1] = ["/d/{code}"];

/// The methods of each address in the document, as words in capitals.
fn described() -> BTreeMap<String, BTreeSet<String>> {
    let document = serde_json::to_value(document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths.map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().map(|method| method.to_uppercase());
        (path.clone(), methods.collect::<BTreeSet<String>>())
    });
    methods.collect()
}

/// The addresses of a router, which lists them only where it is printed.
fn served(router: &Router) -> BTreeSet<String> {
    let printed = format!("{router:?}");
    let quoted = printed.split('"').filter(|text| text.starts_with('/'));
    // What catches all the rest is printed too, by axum's own name for it.
    quoted.filter(|path| !path.contains("__private")).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_address_that_is_served_is_in_the_document_and_the_reverse() {
    let rig = Rig::new().await;
    let mut expected: BTreeSet<String> = described().into_keys().collect();
    expected.extend(UNDESCRIBED.map(str::to_owned));
    let served = served(&rig.router);
    let hidden: Vec<_> = served.difference(&expected).collect();
    let missing: Vec<_> = expected.difference(&served).collect();
    assert!(hidden.is_empty() && missing.is_empty(), "hidden: {hidden:?}, missing: {missing:?}");
}

#[tokio::test]
async fn every_method_that_an_address_takes_is_in_the_document_and_the_reverse() {
    let rig = Rig::new().await;
    for (path, methods) in described() {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        let uri = parts.collect::<Vec<&str>>().join("/");
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            // Nobody has signed in: what is there is refused, and nothing is done.
            let got = rig.send(request(method.clone(), &uri, "", None)).await;
            let is_described = methods.contains(method.as_str());
            if is_described && BY_SECRET.contains(&path.as_str()) {
                assert_eq!(got.status, StatusCode::NOT_FOUND, "{method} {path}");
            } else if is_described {
                let none = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
                assert!(!none.contains(&got.status), "{method} {path} is described: {got:?}");
            } else {
                assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            }
        }
    }
}
