//! Builds messages. A value that would end its line refuses the whole message: nobody's name,
//! number or header starts a header of its own (CVE-2020-28361, threat T12 and T23).

use super::flow::{Flow, Transport};
use super::header::{self, is_blank};
use super::message::{Message, Name};
use super::uri::ip_of;
use std::borrow::Cow;

/// A value held CR, LF or NUL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header {0} would break its line")]
pub struct Injection(pub String);

/// A message that grows line by line.
#[derive(Clone, Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    refused: Option<Injection>,
}

impl Builder {
    /// A request.
    pub fn request(method: &str, uri: &[u8]) -> Self {
        let mut builder = Builder { bytes: Vec::with_capacity(700), refused: None };
        builder.bytes.extend_from_slice(method.as_bytes());
        builder.bytes.push(b' ');
        builder.checked("Request-URI", uri);
        builder.bytes.extend_from_slice(b" SIP/2.0\r\n");
        builder
    }

    /// A response with the usual phrase.
    pub fn response(status: u16) -> Self {
        Builder::response_with(status, phrase(status))
    }

    /// A response with a phrase of its own.
    pub fn response_with(status: u16, phrase: &str) -> Self {
        let mut builder = Builder { bytes: Vec::with_capacity(700), refused: None };
        builder.bytes.extend_from_slice(b"SIP/2.0 ");
        builder.bytes.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
        builder.bytes.push(b' ');
        builder.checked("Reason-Phrase", phrase.as_bytes());
        builder.bytes.extend_from_slice(b"\r\n");
        builder
    }

    /// Adds a header.
    pub fn header(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        if memchr::memchr(0, value.as_ref()).is_some() {
            self.refused.get_or_insert_with(|| Injection(name.to_owned()));
        }
        self.echoed(name, value)
    }

    /// Adds a header with what a peer sent before. A quoted string of theirs may hold NUL (RFC 4475
    /// §3.1.1.2), and they get it back.
    pub(crate) fn echoed(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        if !super::parse::is_token(name.as_bytes()) {
            self.refused.get_or_insert_with(|| Injection(name.escape_default().to_string()));
            return self;
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        self.checked(name, value.as_ref());
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header that came in a message: its folds become blanks.
    pub(crate) fn copied(&mut self, name: Name, value: &[u8]) -> &mut Self {
        self.echoed(name.text(), unfold(value))
    }

    /// Lines that were built before.
    pub(crate) fn lines(&mut self, lines: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(lines);
        self
    }

    fn checked(&mut self, name: &str, value: &[u8]) {
        if memchr::memchr2(b'\r', b'\n', value).is_some() {
            self.refused.get_or_insert_with(|| Injection(name.to_owned()));
        } else {
            self.bytes.extend_from_slice(value);
        }
    }

    /// Ends the message with a body of this type; an empty body has none.
    ///
    /// # Errors
    /// When a header would have broken its line.
    pub fn finish(mut self, content_type: &str, body: &[u8]) -> Result<Vec<u8>, Injection> {
        if !body.is_empty() {
            self.header("Content-Type", content_type);
        }
        self.header("Content-Length", itoa::Buffer::new().format(body.len()));
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes.extend_from_slice(body);
        Ok(self.bytes)
    }

    /// Ends a message without a body.
    ///
    /// # Errors
    /// As [`Builder::finish`].
    pub fn end(self) -> Result<Vec<u8>, Injection> {
        self.finish("", b"")
    }

    /// The header lines so far, without the start line.
    pub(crate) fn into_lines(self) -> Result<Vec<u8>, Injection> {
        match self.refused {
            Some(refused) => Err(refused),
            None => {
                let start = memchr::memchr(b'\n', &self.bytes).map_or(0, |at| at + 1);
                Ok(self.bytes[start..].to_vec())
            }
        }
    }
}

/// A folded value on one line.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut line = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        line.extend_from_slice(&rest[..at]);
        line.push(b' ');
        let blanks = rest[at..].iter().take_while(|&&b| is_blank(b)).count();
        rest = &rest[at + blanks..];
    }
    line.extend_from_slice(rest);
    line.into()
}

/// The lines that every response repeats (RFC 3261 §8.2.6.2): Via with `received` and `rport`,
/// From, To with our tag, Call-ID, CSeq. Built once per transaction.
pub(crate) fn reply_lines(request: &Message, flow: &Flow, tag: &str) -> Vec<u8> {
    let mut builder = Builder::response(200);
    for (index, via) in request.list(Name::Via).enumerate() {
        if index == 0 {
            builder.echoed("Via", top_via(&unfold(via), flow));
        } else {
            builder.copied(Name::Via, via);
        }
    }
    for name in [Name::From, Name::To, Name::CallId, Name::CSeq] {
        // What a broken request lacks, its answer lacks as well.
        let Some(value) = request.first(name) else { continue };
        let mut value = unfold(value);
        if name == Name::To && request.to_tag().is_none() && !tag.is_empty() {
            let value = value.to_mut();
            value.extend_from_slice(b";tag=");
            value.extend_from_slice(tag.as_bytes());
        }
        builder.echoed(name.text(), value);
    }
    builder.into_lines().unwrap_or_default()
}

/// RFC 3261 §18.2.1 and RFC 3581 §4: `received` when the address differs or `rport` asks.
fn top_via(value: &[u8], flow: &Flow) -> Vec<u8> {
    let Some(via) = header::Via::parse(value) else { return value.to_vec() };
    let source = flow.remote;
    let ip = source.ip().to_canonical();
    let said = ip_of(via.host);
    let rport = via.has_rport();
    let mut top = value.to_vec();
    if rport && let Some(at) = rport_at(value) {
        top.splice(at..at, format!("={}", source.port()).into_bytes());
    }
    if rport || said != Some(ip) {
        top.extend_from_slice(b";received=");
        top.extend_from_slice(ip.to_string().as_bytes());
    }
    top
}

/// Behind a `;rport` that has no value yet.
fn rport_at(value: &[u8]) -> Option<usize> {
    let lower = value.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, b";rport")? + b";rport".len();
    matches!(lower.get(at), None | Some(b';' | b' ' | b'\t')).then_some(at)
}

/// Where a response goes, RFC 3261 §18.2.2 and RFC 3581 §4.
pub(crate) fn reply_port(request: &Message, flow: &Flow) -> u16 {
    let via = request.via();
    match via {
        Some(via) if flow.transport == Transport::Udp && !via.has_rport() => {
            via.port.unwrap_or(5060)
        }
        _ => flow.remote.port(),
    }
}

/// A quoted string that holds any text: controls become blanks, quotes are escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Usual reason phrases.
pub(crate) fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        607 => "Unwanted",
        _ => match status / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Request Failed",
            5 => "Server Failed",
            _ => "Declined",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::Carrier;

    #[test]
    fn a_value_with_a_line_end_refuses_the_message() {
        for value in ["a\r\nX-Trust: yes", "a\nb", "a\rb", "a\0b"] {
            let mut builder = Builder::request("INVITE", b"sip:a@b");
            builder.header("Subject", value);
            assert_eq!(builder.end(), Err(Injection("Subject".into())));
        }
        let mut builder = Builder::response(200);
        builder.header("X: 1\r\nY", "z");
        assert!(builder.end().is_err());
        assert!(Builder::request("BYE", b"sip:a@b SIP/2.0\r\nX: y").end().is_err());
    }

    #[test]
    fn a_name_of_any_text_is_one_quoted_string() {
        assert_eq!(quoted("王\"a\\\r\nVia: x"), "\"王\\\"a\\\\  Via: x\"");
    }

    #[test]
    fn a_reply_shows_where_the_request_came_from() {
        let request =
            b"OPTIONS sip:x@y SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.9;rport;branch=z9hG4bK1\r\n\
            Via: SIP/2.0/TCP [2001:db8::1]\r\nf: <sip:a@b>;tag=1\r\nt: <sip:x@y>\r\ni: 7\r\n\
            CSeq: 1\r\n  OPTIONS\r\n\r\n";
        let request = Message::parse(request, Carrier::Datagram).unwrap();
        let flow = Flow::udp(0, "198.51.100.7:40000".parse().unwrap());
        let lines = String::from_utf8(reply_lines(&request, &flow, "me")).unwrap();
        let expected = "Via: SIP/2.0/UDP 10.0.0.9;rport=40000;branch=z9hG4bK1;received=198.51.100.7\r\n\
            Via: SIP/2.0/TCP [2001:db8::1]\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>;tag=me\r\n\
            Call-ID: 7\r\nCSeq: 1 OPTIONS\r\n";
        assert_eq!(lines, expected);
        assert_eq!(reply_port(&request, &flow), 40_000);
    }
}
