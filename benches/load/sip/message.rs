//! SIP messages as text: parsed into a start line, header fields and a body, and written back.
//! RFC 3261 §7. Compact names are known, folded lines are joined, nothing is interpreted twice.

use std::fmt::Write as _;

/// Longest message that we read.
pub const BYTES_MAX: usize = 65_535;

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: Start,
    /// Header fields in order, names in their long form.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: String,
}

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// `METHOD uri SIP/2.0`
    Request {
        /// The method, upper case.
        method: String,
        /// The request URI.
        uri: String,
    },
    /// `SIP/2.0 status reason`
    Response {
        /// 100–699.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
}

const COMPACT: &[(&str, &str)] = &[
    ("v", "Via"),
    ("f", "From"),
    ("t", "To"),
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("k", "Supported"),
    ("e", "Content-Encoding"),
    ("s", "Subject"),
    ("r", "Refer-To"),
    ("b", "Referred-By"),
];

impl Message {
    /// Reads one datagram. None when it is not SIP.
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let text = std::str::from_utf8(bytes.get(..bytes.len().min(BYTES_MAX))?).ok()?;
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.trim_end(), ""));
        let mut lines = head.split("\r\n");
        let start = parse_start(lines.next()?)?;
        let mut headers: Vec<(String, String)> = Vec::with_capacity(16);
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let last = headers.last_mut()?;
                last.1.push(' ');
                last.1.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':')?;
            headers.push((long_name(name.trim()).to_owned(), value.trim().to_owned()));
        }
        Some(Message { start, headers, body: body.to_owned() })
    }

    /// A request without header fields.
    pub fn request(method: &str, uri: &str) -> Message {
        let start = Start::Request { method: method.to_owned(), uri: uri.to_owned() };
        Message { start, headers: Vec::new(), body: String::new() }
    }

    /// A response to `request` with the fields that RFC 3261 §8.2.6.2 copies.
    pub fn response(request: &Message, status: u16, reason: &str) -> Message {
        let start = Start::Response { status, reason: reason.to_owned() };
        let copied = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];
        let headers = request
            .headers
            .iter()
            .filter(|(name, _)| copied.iter().any(|copy| name.eq_ignore_ascii_case(copy)))
            .cloned()
            .collect();
        Message { start, headers, body: String::new() }
    }

    /// Adds a field at the end.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Message {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body and its type.
    pub fn with_body(mut self, kind: &str, body: impl Into<String>) -> Message {
        self.body = body.into();
        self.with("Content-Type", kind)
    }

    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    /// All fields of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// The method of a request, or the one that a response answers.
    pub fn method(&self) -> &str {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => {
                self.header("CSeq").and_then(|cseq| cseq.split_whitespace().nth(1)).unwrap_or("")
            }
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// The number of `CSeq`.
    pub fn cseq(&self) -> u32 {
        let cseq = self.header("CSeq").and_then(|cseq| cseq.split_whitespace().next());
        cseq.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The branch of the topmost `Via`.
    pub fn branch(&self) -> Option<&str> {
        parameter(self.header("Via")?.split(',').next()?, "branch")
    }

    /// `Call-ID`.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or("")
    }

    /// The message as it goes on the wire.
    pub fn write(&self) -> Vec<u8> {
        let mut text = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { status, reason } => format!("SIP/2.0 {status} {reason}\r\n"),
        };
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").expect("a String takes all");
        }
        write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body)
            .expect("a String takes all");
        text.into_bytes()
    }
}

fn parse_start(line: &str) -> Option<Start> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        return Some(Start::Response { status: status.parse().ok()?, reason: reason.to_owned() });
    }
    let mut words = line.split(' ');
    let (method, uri) = (words.next()?.to_owned(), words.next()?.to_owned());
    (words.next()? == "SIP/2.0").then_some(Start::Request { method, uri })
}

fn long_name(name: &str) -> &str {
    let compact = COMPACT.iter().find(|(short, _)| name.eq_ignore_ascii_case(short));
    compact.map_or(name, |(_, long)| long)
}

/// The value of `;name=value` in a header field.
pub fn parameter<'a>(field: &'a str, name: &str) -> Option<&'a str> {
    let after_uri = field.rfind('>').map_or(field, |end| &field[end..]);
    after_uri.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// The URI inside `"name" <uri>;parameters`.
pub fn uri_of(field: &str) -> &str {
    match (field.find('<'), field.find('>')) {
        (Some(from), Some(to)) if from < to => &field[from + 1..to],
        _ => field.split(';').next().unwrap_or(field).trim(),
    }
}

/// The user part of a SIP URI.
pub fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user.split(';').next().unwrap_or(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:1001@127.0.0.1:5070 SIP/2.0\r\n\
        v: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK7;rport\r\n\
        From: \"A; <b>\" <sip:13800138000@127.0.0.1>;tag=x1\r\n\
        t: <sip:1001@127.0.0.1>\r\n\
        i: abc@host\r\n\
        CSeq: 7 INVITE\r\n\
        Subject: one\r\n\
        \x20two\r\n\
        l: 4\r\n\r\nbody";

    #[test]
    fn a_request_with_compact_names_and_a_folded_line_is_read() {
        let message = Message::parse(INVITE.as_bytes()).unwrap();
        assert_eq!(message.method(), "INVITE");
        assert_eq!(message.branch(), Some("z9hG4bK7"));
        assert_eq!(message.call_id(), "abc@host");
        assert_eq!(message.cseq(), 7);
        assert_eq!(message.header("subject"), Some("one two"));
        assert_eq!(message.body, "body");
        let from = message.header("From").unwrap();
        assert_eq!(parameter(from, "tag"), Some("x1"));
    }

    #[test]
    fn a_response_carries_back_what_the_request_said() {
        let request = Message::parse(INVITE.as_bytes()).unwrap();
        let bytes = Message::response(&request, 180, "Ringing").write();
        let response = Message::parse(&bytes).unwrap();
        assert_eq!(response.status(), Some(180));
        assert_eq!(response.method(), "INVITE");
        assert_eq!(response.header("Via"), request.header("Via"));
        assert_eq!(response.header("Content-Length"), Some("0"));
    }

    #[test]
    fn rubbish_is_not_sip() {
        for bytes in [&b""[..], b"\xff\xfe", b"hello", b"INVITE x\r\n\r\n", b"A b SIP/2.0\r\nno"] {
            assert_eq!(Message::parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn users_are_found_in_uris() {
        assert_eq!(user_of(uri_of("<sip:95105688@127.0.0.1:5060>;tag=1")), "95105688");
        assert_eq!(user_of("sip:127.0.0.1"), "");
    }
}
