//! Telephone numbers with their middle hidden, for people to whom an administrator does not show them.
//! Whatever the API answers such a person goes through here, whichever route gave it: in JSON every
//! number is masked, in any text and under any name, and every mail address from which something came;
//! what is no JSON is kept back unless it is one of the answers that are masked where they are read, or
//! sound. A search for digits is refused where it would
//! be answered from what is stored, because it would tell them one by one.
//!
//! What a phone rings with is no answer of the API: an agent's telephone shows who calls.

use super::extract::too_large;
use super::problem::Problem;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use terms::number::{masked, masked_address, masked_within};

/// Longest answer in JSON.
const BYTES_MAX: usize = 64 << 20;
/// Beginnings of addresses whose answers are masked where their rows are read.
const AT_SOURCE: [&str; 5] = [
    "/api/v1/sql",
    "/api/v1/reports/",
    "/api/v1/call-lists/",
    "/api/v1/order-lists/",
    "/api/v1/lists/",
];
/// Beginnings of addresses that search what is masked by these names: `caller=138****`.
const SEARCH_MASKED: [&str; 2] = ["/api/v1/calls", "/api/v1/call-lists/"];
const MASKED_NAMES: [&str; 2] = ["caller", "called"];
/// Parameters behind `?` that are compared with ids, times, lengths or words of ours. Of any other
/// digits are not looked for.
const HARMLESS: [&str; 64] = [
    "action",
    "after",
    "agent",
    "area",
    "assignee",
    "at",
    "before",
    "call",
    "city",
    "conference",
    "contact",
    "cursor",
    "customer",
    "department",
    "direction",
    "dispatcher",
    "done",
    "download",
    "drill",
    "flow",
    "format",
    "from",
    "from_seq",
    "hangup_by",
    "hangup_cause",
    "item_target_s",
    "kind",
    "lang",
    "limit",
    "max_duration",
    "max_talk",
    "max_wait",
    "meeting",
    "min_duration",
    "min_hold",
    "min_talk",
    "min_wait",
    "of",
    "open",
    "order",
    "orientation",
    "outcome",
    "paper",
    "period",
    "plan",
    "province",
    "queue",
    "recorded",
    "repeat_days",
    "result",
    "revision",
    "row",
    "schedule",
    "service_level_formula",
    "service_level_s",
    "short_abandon_s",
    "sort",
    "status",
    "team",
    "to",
    "trunk",
    "user",
    "version",
    "zone",
];
/// Names whose values are ids where they are digits and nothing else.
const IDS: [&str; 39] = [
    "active_by",
    "agent",
    "agents",
    "approved_by",
    "area",
    "areas",
    "asked_by",
    "assignee",
    "by",
    "call",
    "called_by",
    "conference",
    "contact",
    "created_by",
    "customer",
    "decided_by",
    "ended_by",
    "flow",
    "heard_by",
    "leg",
    "legs",
    "meeting",
    "member",
    "order",
    "owner",
    "parent",
    "plan_version",
    "planned_by",
    "queue",
    "queues",
    "recording",
    "rung",
    "schedule",
    "substitute",
    "taken_by",
    "team",
    "trunk",
    "user",
    "worker",
];
/// Names whose values were made by this box and are given back as they are.
const OPAQUE: [&str; 8] =
    ["etag", "next", "password", "revision", "secret", "sha256", "stored_sha256", "token"];
/// What stands in the place of four digits.
const STARS: &[u8] = b"****";
/// What stands in the place of a mail address, but for its first letter and its home.
const STARS_OF_MAIL: &[u8] = b"***@";
/// The name of what something came from, or where something is.
const ADDRESS: &str = "address";
/// Names under which people and flows keep what they like.
const FREE: [&str; 2] = ["data", "fields"];

/// Refuses a search for digits whose answer would tell what is hidden.
pub(super) fn refuse_search(uri: &Uri) -> Result<(), Problem> {
    // What cannot be read the route itself refuses.
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else { return Ok(()) };
    let is_masked = SEARCH_MASKED.iter().any(|address| uri.path().starts_with(address));
    for (name, value) in pairs {
        let is_harmless =
            HARMLESS.contains(&name.as_str()) || is_masked && MASKED_NAMES.contains(&name.as_str());
        // One digit after the other would tell all of them, by which of two customers is found.
        if !is_harmless && value.contains(char::is_numeric) {
            let message = "numbers are hidden from you and cannot be searched for";
            return Err(Problem::invalid(&name, message));
        }
    }
    Ok(())
}

/// Refuses to keep what was hidden before: somebody who is shown `138****8000` or `z***@example.com` and
/// sends it back would put the stars in the place of the number or address. Questions in SQL may have
/// them.
pub(super) async fn refuse_masked(body_max: usize, request: Request) -> Result<Request, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_json = kind.is_some_and(|kind| kind.starts_with(b"application/json"));
    let is_question = AT_SOURCE.iter().any(|address| request.uri().path().starts_with(address));
    if !is_json || is_question {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, body_max).await.map_err(|_| too_large())?;
    let has = |stars: &[u8]| body.windows(stars.len()).any(|some| some == stars);
    if has(STARS) {
        let message = "a number that is hidden from you cannot be saved; leave it as it is";
        return Err(Problem::invalid("body", message));
    }
    if has(STARS_OF_MAIL) {
        let message = "a mail address that is hidden from you cannot be saved; leave it as it is";
        return Err(Problem::invalid("body", message));
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The answer of the route at `path` as they see it from whom numbers are hidden.
pub(super) async fn told(path: &str, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default();
    let is_problem = kind.starts_with(b"application/problem+json");
    let is_masked = AT_SOURCE.iter().any(|address| path.starts_with(address));
    if is_masked && !is_problem || kind.starts_with(b"audio/") || is_empty(&response) {
        return response;
    }
    if !is_problem && !kind.starts_with(b"application/json") {
        return refusal().into_response();
    }
    let (mut parts, body) = response.into_parts();
    let mut value: Value = match to_bytes(body, BYTES_MAX).await {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => value,
            Err(error) => return Problem::internal(format!("no JSON: {error}")).into_response(),
        },
        Err(_) => {
            let message = "The answer is too large; ask for fewer rows or a shorter period.";
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Problem::new(status, "too_large", message).into_response();
        }
    };
    hide(&mut value);
    // Whoever tells it in another language takes its texts from there.
    if let Some(problem) = parts.extensions.remove::<Problem>() {
        parts.extensions.insert(problem.masked());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}

/// 403 for a file that shows numbers.
pub(super) fn refusal() -> Problem {
    let message = "Telephone numbers are hidden from you, and this file shows them.";
    Problem::new(StatusCode::FORBIDDEN, "hidden", message)
}

fn is_empty(response: &Response) -> bool {
    axum::body::HttpBody::size_hint(response.body()).exact() == Some(0)
}

/// Masks every number in `value`.
pub(super) fn hide(value: &mut Value) {
    within(value, "", false);
}

/// `free` is what hangs below a name that people chose.
fn within(value: &mut Value, name: &str, free: bool) {
    match value {
        Value::String(text) if !free && is_ours(name, text.as_str()) => {}
        Value::String(text) if !free && name == ADDRESS && is_mail(text.as_str()) => {
            *text = masked_within(&masked_address(text));
        }
        Value::String(text) => {
            let shown = masked_within(text);
            // What a caller sent is a number, however it is written.
            let is_whole = !free && name == "received" && shown == *text;
            *text = if is_whole && text.contains(char::is_numeric) { masked(text) } else { shown };
        }
        Value::Array(items) => items.iter_mut().for_each(|item| within(item, name, free)),
        Value::Object(fields) => {
            // The number of an order is none that rings.
            let is_order = !free && fields.contains_key("customer_number");
            for (name, value) in fields.iter_mut() {
                if !(is_order && name == "number") {
                    within(value, name, free || FREE.contains(&name.as_str()));
                }
            }
            if fields.keys().any(|name| masked_within(name) != *name) {
                let named = std::mem::take(fields).into_iter();
                let named = named.map(|(name, value)| (masked_within(&name), value));
                *fields = named.collect::<Map<String, Value>>();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A mail address, with the name of its owner maybe; none of SIP and none of the web.
fn is_mail(text: &str) -> bool {
    let start = text.split(':').next().unwrap_or_default();
    let is_sip = start.eq_ignore_ascii_case("sip") || start.eq_ignore_ascii_case("sips");
    text.contains('@') && !is_sip && !text.contains("://")
}

/// An id, or something else that the box made.
fn is_ours(name: &str, text: &str) -> bool {
    let is_id = name == "id" || name.ends_with("_id") || IDS.contains(&name);
    is_id && text.bytes().all(|byte| byte.is_ascii_digit()) || OPAQUE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_hidden_under_any_name_and_ids_are_not() {
        let mut value = json!({
            "call_id": "12345678", "agent": "12345678", "legs": ["12345678"], "seq": 12345678,
            "caller": "+8613800138000", "anything": ["13800138000"],
            "agents": ["+8613800138000"], "received": "138_0013_8000", "note": "138.0013.8000",
            "data": {"agent": "13800138000", "id": "13800138000"},
            "13800138000": true, "at": "2026-11-23T04:00:00Z", "next": "1795406400000000.7",
        });
        hide(&mut value);
        let expected = json!({
            "call_id": "12345678", "agent": "12345678", "legs": ["12345678"], "seq": 12345678,
            "caller": "+86138****8000", "anything": ["138****8000"],
            "agents": ["+86138****8000"], "received": "138_0****8000", "note": "138.****.8000",
            "data": {"agent": "138****8000", "id": "138****8000"},
            "138****8000": true, "at": "2026-11-23T04:00:00Z", "next": "1795406400000000.7",
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn of_a_mail_address_that_something_came_from_the_first_letter_and_the_home_are_shown() {
        let mut value = json!({
            "items": [
                {"id": "7", "channel": "email", "address": "zhang.wei@example.com"},
                {"id": "8", "channel": "email", "address": "13800138000@139.com"},
                {"id": "9", "channel": "sms", "address": "+8613800138000"},
                {"id": "10", "channel": "web", "address": "Zhang Wei <zhang.wei@example.com>"},
            ],
            "address": "Long Street 1", "host": {"address": "sip:gateway@10.0.0.1"},
            "hook": {"address": "https://crm@example.com/in"},
        });
        hide(&mut value);
        let expected = json!({
            "items": [
                {"id": "7", "channel": "email", "address": "z***@example.com"},
                {"id": "8", "channel": "email", "address": "1***@139.com"},
                {"id": "9", "channel": "sms", "address": "+86138****8000"},
                {"id": "10", "channel": "web", "address": "Z***@example.com>"},
            ],
            "address": "Long Street 1", "host": {"address": "sip:gateway@10.0.0.1"},
            "hook": {"address": "https://crm@example.com/in"},
        });
        assert_eq!(value, expected);
    }

    #[tokio::test]
    async fn what_was_hidden_before_is_not_kept() {
        let refused = async |text: &str| {
            let request = axum::http::Request::post("/api/v1/items")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(json!({ "address": text }).to_string()))
                .unwrap();
            refuse_masked(1_000, request).await.is_err()
        };
        for hidden in ["z***@example.com", "***@example.com", "138****8000"] {
            assert!(refused(hidden).await, "{hidden}");
        }
        for whole in ["zhang@example.com", "13800138000", "*** li@example.com"] {
            assert!(!refused(whole).await, "{whole}");
        }
    }

    #[test]
    fn an_order_keeps_the_number_that_people_quote() {
        let mut value = json!([{"number": "202611230001", "customer_number": "13800138000"}]);
        hide(&mut value);
        let expected = json!([{"number": "202611230001", "customer_number": "138****8000"}]);
        assert_eq!(value, expected);
        // What people named so is no order.
        let both = |number: &str| json!({"fields": {"number": number, "customer_number": number}});
        let mut value = both("13800138000");
        hide(&mut value);
        assert_eq!(value, both("138****8000"));
    }

    #[tokio::test]
    async fn a_problem_shows_no_number_wherever_it_comes_from() {
        let text = async |path: &str, response: Response| {
            let mut answered = told(path, response).await;
            super::super::problem::tell_in_chinese(&mut answered);
            let body = to_bytes(answered.into_body(), BYTES_MAX).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        };
        let number = "13800138000";
        let problem = || {
            let problem = Problem::invalid("body", format!("there is no number {number}"));
            problem.with_errors(vec![format!("{number} is none")]).into_response()
        };
        for path in AT_SOURCE.into_iter().chain(["/api/v1/calls"]) {
            let shown = text(path, problem()).await;
            assert!(shown.contains("没有号码 138****8000"), "{path}: {shown}");
            assert!(!shown.contains(number), "{path}: {shown}");
        }
        // What was masked where it was read is as it is.
        let rows = || axum::Json(json!({"rows": [number]})).into_response();
        assert!(text("/api/v1/sql", rows()).await.contains(number));
        assert!(!text("/api/v1/calls", rows()).await.contains(number));
    }

    #[test]
    fn what_is_hidden_cannot_be_searched_for() {
        let refused = |uri: &str| refuse_search(&uri.parse().unwrap()).is_err();
        for uri in [
            "/api/v1/customers?q=8",
            "/api/v1/customers?number=13800138000",
            "/api/v1/recordings?caller=%2B861",
            "/api/v1/orders?customer_number=138",
            "/api/v1/calls?text=138",
            "/api/v1/lists/customers/csv?q=138",
            "/api/v1/customers?q=%EF%BC%91%EF%BC%93%EF%BC%98",
        ] {
            assert!(refused(uri), "{uri}");
        }
        for uri in [
            "/api/v1/calls?caller=138%2A%2A%2A%2A8000&from=2026-11-23T04:00:00Z",
            "/api/v1/recordings?customer=123456&limit=500",
            "/api/v1/customers?q=%E5%BC%A0",
            "/api/v1/orders",
            "/api/v1/reports/queue_summary?period=2026-11&service_level_s=30&short_abandon_s=5",
            "/api/v1/reports/repeat_callers?period=2026-W47&repeat_days=7&service_level_formula=f1",
            "/api/v1/reports/workload?period=today&zone=Etc/GMT%2B8&format=pdf&paper=a4",
            "/api/v1/reports/workload/behind?period=today&row=12345678&at=2026-11-23T04:00:00Z",
            "/api/v1/flows/1/statistics?version=2",
        ] {
            assert!(!refused(uri), "{uri}");
        }
    }
}
