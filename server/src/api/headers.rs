//! What every answer gets: limits before, security headers and a count after.

use super::problem::{self, Problem};
use super::{Shared, messages, xml};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

/// For data: nothing in an answer may run or be framed, whatever text a caller put into it.
const CSP_DATA: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// For a report as a page: its own styles and pictures inside the document, no script.
const CSP_PAGE: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// For the pages of the documentation, which come from this server whole.
const CSP_DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'";

/// Routes that say which part does not answer; the box's own counters are told without the rest.
const SPEAK_FOR_THEMSELVES: &[&str] = &["/healthz", "/readyz", "/metrics"];

/// Wraps the whole API.
pub(super) fn wrap(router: Router<Shared>, api: &Shared) -> Router<Shared> {
    router
        .layer(DefaultBodyLimit::max(api.limits.body_max))
        .layer(from_fn_with_state(api.clone(), around))
}

async fn around(State(api): State<Shared>, request: Request, next: Next) -> Response {
    let start = api.clock.moment();
    let method = request.method().clone();
    let in_chinese = method != Method::HEAD && messages::prefers_chinese(request.headers());
    let in_xml = method != Method::HEAD && xml::is_wanted(request.headers());
    let is_docs = request.uri().path().starts_with("/api/docs");
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let speaks_for_itself =
        route.as_deref().is_some_and(|route| SPEAK_FOR_THEMSELVES.contains(&route));
    let answered = tokio::time::timeout(api.limits.request_max, next.run(request));
    let mut response = tokio::select! {
        biased;
        answered = answered => answered.unwrap_or_else(|_| {
            let message = "This took too long and was stopped; ask for less.";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message).into_response()
        }),
        silent = api.silence(), if !speaks_for_itself => {
            Problem::away(silent.names()).into_response()
        }
    };
    let took = api.clock.moment().since(start);
    api.http.count(&method, route.as_deref(), response.status(), took);
    if in_chinese {
        problem::tell_in_chinese(&mut response);
    }
    if in_xml {
        response = xml::told(response).await;
    }
    harden(&mut response, is_docs);
    response
}

fn harden(response: &mut Response, is_docs: bool) {
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy = match (is_docs, is_page) {
        (true, _) => CSP_DOCS,
        (false, true) => CSP_PAGE,
        (false, false) => CSP_DATA,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !is_docs {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
}
