//! `Idempotency-Key`: a POST that is sent again, because its answer was lost on the way, is not
//! carried out again. The key belongs to the person who asks and counts for 24 hours; the same key
//! with another request is refused. What was begun goes on to its end when the asker hangs up, so
//! that they find the answer when they come back.
//!
//! An answer of 500 and above, or 429, is not kept: the request came to nothing and may be sent again
//! under its key. Where the database went away while the change was made for good, nobody knows: the
//! key stays, and whoever comes back under it is told to look.

use super::extract::too_large;
use super::guard::Caller;
use super::problem::Problem;
use super::{Shared, plans};
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use desk::once::{Kept, Once, Slot};
use desk::secret::hex;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

/// The header that a client sends.
pub const KEY: &str = "idempotency-key";
/// The header of an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";
/// Longest key.
const KEY_CHARS_MAX: usize = 255;
/// Longest answer that is kept.
const ANSWER_BYTES_MAX: u64 = 256 << 10;

/// Keys whose requests are being carried out right now.
#[derive(Default)]
pub struct Running(Mutex<HashSet<Slot>>);

/// One request is being carried out under its key, until this is dropped.
struct Turn {
    api: Shared,
    slot: Slot,
}

impl Turn {
    /// None while another request has the same key.
    fn take(api: &Shared, slot: Slot) -> Option<Self> {
        let mut running = api.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(slot.clone()).then(|| Turn { api: api.clone(), slot })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.api.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.slot);
    }
}

/// The parameter as the document has it.
pub(super) fn parameter() -> Parameter {
    let text = "1 to 255 printable characters that the client chose: sent again within 24 hours, the \
                request is not carried out again, and its answer is the first one.";
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(text))
        .schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))))
        .build()
}

/// Carries a request out, unless it was before.
pub(super) async fn once(api: Shared, caller: &Caller, request: Request, next: Next) -> Response {
    match begin(&api, caller, request).await {
        Ok((turn, request)) => {
            // Not with the connection: what is begun is finished, and its answer kept.
            let doing = tokio::spawn(async move {
                let run = next.run(request);
                let tenant = turn.slot.tenant;
                let response = plans::after_change(&api, tenant, &Method::POST, run).await;
                keep(&turn, response).await
            });
            doing.await.unwrap_or_else(|error| Problem::internal(error.to_string()).into_response())
        }
        Err(answer) => *answer,
    }
}

/// The request may go on; else what it is answered.
async fn begin(
    api: &Shared,
    caller: &Caller,
    request: Request,
) -> Result<(Turn, Request), Box<Response>> {
    let refused = |problem: Problem| Box::new(problem.into_response());
    let key = key(request.headers()).map_err(refused)?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, api.limits.body_max).await.map_err(|_| refused(too_large()))?;
    let slot = Slot { tenant: caller.tenant(), user: caller.user(), key };
    let Some(turn) = Turn::take(api, slot) else {
        let message = "The request with this Idempotency-Key is still being carried out.";
        return Err(refused(Problem::conflict(message)));
    };
    let fingerprint = fingerprint(&parts, &body);
    let known = api.store.begin_once(&turn.slot, &fingerprint, caller.now()).await;
    match known.map_err(|error| refused(error.into()))? {
        Once::Begun => Ok((turn, Request::from_parts(parts, Body::from(body)))),
        Once::Known { fingerprint: before, answer } if before == fingerprint => {
            Err(Box::new(again(answer)))
        }
        Once::Known { .. } => {
            let message = "This Idempotency-Key came with another request; choose a new one.";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(refused(Problem::new(status, "key_reused", message)))
        }
    }
}

fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let key = headers.get(KEY).and_then(|key| key.to_str().ok()).unwrap_or_default().trim();
    let fits =
        (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if fits && headers.get_all(KEY).iter().count() == 1 {
        return Ok(key.to_owned());
    }
    let message = "one Idempotency-Key of 1 to 255 printable characters without blanks is needed";
    Err(Problem::invalid("idempotency_key", message))
}

/// What tells one request from another: its address and its body.
fn fingerprint(parts: &Parts, body: &Bytes) -> String {
    let mut hasher = Sha256::new();
    hasher.update(parts.uri.to_string().as_bytes());
    hasher.update(b"\n");
    hasher.update(body);
    hex(&hasher.finalize())
}

/// The answer that was given before.
fn again(answer: Option<Kept>) -> Response {
    let Some(Kept { status, kind, body }) = answer else {
        let message = "Whether the request with this Idempotency-Key was carried out is not known: \
                       the box started anew or its database went away meanwhile. Look, and choose a new key.";
        return Problem::conflict(message).into_response();
    };
    let Some(body) = body else {
        let message = "This was carried out before; its answer is not kept.";
        return Problem::conflict(message).into_response();
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    if let Some(kind) = HeaderValue::from_str(&kind).ok().filter(|kind| !kind.is_empty()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It was carried out, or refused.
    Answered,
    /// It came to nothing.
    Failed,
    /// It may have been carried out, or not.
    Unknown,
}

impl Fate {
    fn of(response: &Response) -> Fate {
        let status = response.status();
        let is_unsure =
            response.extensions().get::<Problem>().is_some_and(|problem| problem.is_unsure);
        match status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            true if is_unsure => Fate::Unknown,
            true => Fate::Failed,
            false => Fate::Answered,
        }
    }
}

/// Keeps the answer for who asks again.
async fn keep(turn: &Turn, response: Response) -> Response {
    let store = &turn.api.store;
    match Fate::of(&response) {
        Fate::Answered => {}
        // Begun and not answered, the key says so itself.
        Fate::Unknown => return response,
        Fate::Failed => {
            if let Err(error) = store.forget_once(&turn.slot).await {
                tracing::error!(%error, "a request that failed is not forgotten");
            }
            return response;
        }
    }
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let (parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    let (body, kept) = match length.filter(|length| *length <= ANSWER_BYTES_MAX) {
        // Of this length already.
        Some(_) => {
            let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
            (Body::from(bytes.clone()), String::from_utf8(bytes.to_vec()).ok())
        }
        None => (body, None),
    };
    let answer = Kept { status: status.as_u16(), kind, body: kept };
    if let Err(error) = store.keep_once(&turn.slot, &answer).await {
        tracing::error!(%error, "an answer is not kept");
    }
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_may_have_been_carried_out_keeps_its_key() {
        let fate = |problem: Problem| Fate::of(&problem.into_response());
        assert_eq!(fate(Problem::unsure("")), Fate::Unknown);
        assert_eq!(fate(Problem::away("")), Fate::Failed);
        let wait = std::time::Duration::from_secs(1);
        assert_eq!(fate(Problem::too_many("", wait)), Fate::Failed);
        assert_eq!(fate(Problem::conflict("")), Fate::Answered);
    }
}
