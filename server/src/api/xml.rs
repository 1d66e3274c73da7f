//! Answers as XML, for programs that read nothing else: the same answer, whichever route gave it.
//!
//! A name of JSON is an element; an element of a list is `<item>`; what is no text says so in `type`.
//! The root is `<answer>`, of a problem `<problem>` (RFC 9457, appendix B). Where XML comes first in
//! `Accept` it is sent.

use super::problem::Problem;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::fmt::Write;

/// Longest answer in JSON that is told in XML.
const BYTES_MAX: usize = 64 << 20;
/// The namespace of problems, RFC 9457 appendix B.
const PROBLEM: &str = "urn:ietf:rfc:7807";

/// True where XML is the first thing that the reader takes.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let first = accept.and_then(|text| text.split([',', ';']).next()).unwrap_or_default().trim();
    ["application/xml", "text/xml"].iter().any(|kind| first.eq_ignore_ascii_case(kind))
}

/// The same answer in XML where it is JSON; any other stays as it is.
pub(super) async fn told(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_problem = kind == Some(&b"application/problem+json"[..]);
    if !is_problem && !kind.is_some_and(|kind| kind.starts_with(b"application/json")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let value = match to_bytes(body, BYTES_MAX).await.map(|bytes| serde_json::from_slice(&bytes)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => return Problem::internal(format!("no JSON: {error}")).into_response(),
        Err(_) => return too_long().into_response(),
    };
    let kind = if is_problem { "application/problem+xml" } else { "application/xml" };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(document(&value, is_problem)))
}

fn too_long() -> Problem {
    let message = "This answer is too long for XML; ask for less, or for JSON.";
    Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", message)
}

fn document(value: &Value, is_problem: bool) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    match is_problem {
        true => element(&mut out, "problem", &format!(" xmlns=\"{PROBLEM}\""), value),
        false => element(&mut out, "answer", "", value),
    }
    out.push('\n');
    out
}

fn element(out: &mut String, name: &str, attributes: &str, value: &Value) {
    // A name of our own making is one of XML; one that somebody chose may be anything.
    let (tag, chosen) = match is_name(name) {
        true => (name, String::new()),
        false => ("entry", format!(" name=\"{}\"", escaped(name))),
    };
    let kind = match value {
        Value::Null => " type=\"null\"",
        Value::Bool(_) => " type=\"boolean\"",
        Value::Number(_) => " type=\"number\"",
        Value::Array(_) => " type=\"list\"",
        Value::String(_) | Value::Object(_) => "",
    };
    write!(out, "<{tag}{chosen}{attributes}{kind}>").expect("a string takes text");
    match value {
        Value::Null => {}
        Value::Bool(is) => write!(out, "{is}").expect("a string takes text"),
        Value::Number(number) => write!(out, "{number}").expect("a string takes text"),
        Value::String(text) => out.push_str(&escaped(text)),
        Value::Array(items) => items.iter().for_each(|item| element(out, "item", "", item)),
        Value::Object(fields) => fields.iter().for_each(|(name, of)| element(out, name, "", of)),
    }
    write!(out, "</{tag}>").expect("a string takes text");
}

/// A part of what XML 1.0 §2.3 takes for a name, without colons; `xml…` is reserved.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let is_reserved = text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml"));
    starts && goes_on && !is_reserved && text != "entry"
}

/// Text as XML 1.0 has it. What no XML may hold (§2.2) becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // A reader would make a line feed of it.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_the_same_in_xml() {
        let value = json!({
            "calls": [{"call_id": "7", "duration_ms": 10, "held": false, "queue_id": null}],
            "next": "5.7",
        });
        assert_eq!(
            document(&value, false),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<answer><calls type=\"list\"><item>\
             <call_id>7</call_id><duration_ms type=\"number\">10</duration_ms>\
             <held type=\"boolean\">false</held><queue_id type=\"null\"></queue_id></item></calls>\
             <next>5.7</next></answer>\n"
        );
    }

    #[test]
    fn no_text_of_others_leaves_its_element() {
        let value = json!({ "a": "</a><b>&\"\u{1}\r", "1 \"<x>": "y", "xmlns": "z", "entry": 1 });
        let xml = document(&value, false);
        assert!(xml.contains("<a>&lt;/a&gt;&lt;b&gt;&amp;&quot;\u{fffd}&#13;</a>"), "{xml}");
        assert!(xml.contains("<entry name=\"1 &quot;&lt;x&gt;\">y</entry>"), "{xml}");
        assert!(xml.contains("<entry name=\"xmlns\">z</entry>"), "{xml}");
        assert!(xml.contains("<entry name=\"entry\" type=\"number\">1</entry>"), "{xml}");
    }

    #[test]
    fn xml_is_sent_to_who_names_it_first() {
        let wants = |text: &str| {
            let value = text.parse().unwrap();
            is_wanted(&HeaderMap::from_iter([(header::ACCEPT, value)]))
        };
        assert!(wants("application/xml"));
        assert!(wants("Text/XML; charset=utf-8, */*"));
        assert!(!wants("application/json, application/xml"));
        // What browsers say.
        assert!(!wants("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!is_wanted(&HeaderMap::new()));
    }
}
