//! One SIP message as an index over the bytes it came in: offsets, no copies, no allocation
//! (RFC 3261 §7). Headers are found by their canonical name, so compact forms and blanks before the
//! colon cannot hide one (CVE-2020-28361). Values are bytes: one Latin-1 letter in a Subject costs
//! nothing. Comma lists and folded lines are read on demand.

use std::fmt;

/// Most header lines that are read.
pub const HEADERS_MAX: usize = 128;
/// Longest Request-URI that is read, in bytes.
pub const URI_BYTES_MAX: usize = 4_096;
/// Longest message in bytes, body included.
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// A range of the message's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u16,
    pub(crate) end: u16,
}

impl Span {
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[usize::from(self.start)..usize::from(self.end)]
    }
}

/// One header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: Name,
    pub(crate) label: Span,
    pub(crate) value: Span,
}

impl Line {
    pub(crate) const NONE: Line = Line {
        name: Name::Other,
        label: Span { start: 0, end: 0 },
        value: Span { start: 0, end: 0 },
    };
}

/// What is wrong with a message, and the status that its sender is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {reason}")]
pub struct Fault {
    /// 400, 413, 414, 416, 420, 505, …
    pub status: u16,
    /// For the reason phrase and the log; never holds what the sender wrote.
    pub reason: &'static str,
}

impl Fault {
    pub(crate) const fn bad(reason: &'static str) -> Self {
        Fault { status: 400, reason }
    }
}

/// Request or response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Request { method: Span, uri: Span },
    Response { status: u16, reason: Span },
}

/// A message, borrowed from the datagram or stream it came in.
#[derive(Clone)]
pub struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) start: Start,
    pub(crate) lines: [Line; HEADERS_MAX],
    pub(crate) count: usize,
    pub(crate) body: Span,
    /// The first thing that was wrong while reading.
    pub(crate) fault: Option<Fault>,
}

impl<'a> Message<'a> {
    /// True for a request.
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }
    /// The method of the start line; of the CSeq for a response.
    pub fn method(&self) -> Method {
        match self.start {
            Start::Request { method, .. } => Method::from_bytes(method.of(self.bytes)),
            Start::Response { .. } => {
                self.cseq().map_or(Method::Other, |cseq| Method::from_bytes(cseq.method))
            }
        }
    }
    /// The method as it came.
    pub fn method_bytes(&self) -> &'a [u8] {
        match self.start {
            Start::Request { method, .. } => method.of(self.bytes),
            Start::Response { .. } => self.cseq().map_or(b"", |cseq| cseq.method),
        }
    }
    /// The Request-URI; empty for a response.
    pub fn uri(&self) -> &'a [u8] {
        match self.start {
            Start::Request { uri, .. } => uri.of(self.bytes),
            Start::Response { .. } => b"",
        }
    }
    /// The status; 0 for a request.
    pub fn status(&self) -> u16 {
        match self.start {
            Start::Request { .. } => 0,
            Start::Response { status, .. } => status,
        }
    }
    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.body.of(self.bytes)
    }
    /// The bytes that the message came in.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Value of the first header of this name.
    pub fn first(&self, name: Name) -> Option<&'a [u8]> {
        self.all(name).next()
    }
    /// Values of all headers of this name, a line each.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.bytes;
        let lines = self.lines[..self.count].iter().filter(move |line| line.name == name);
        lines.map(move |line| line.value.of(bytes))
    }
    /// Values of all headers of this name, split at their commas.
    pub fn list(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(super::header::split_list)
    }
    /// How many lines have this name.
    pub fn occurrences(&self, name: Name) -> usize {
        self.lines[..self.count].iter().filter(|line| line.name == name).count()
    }
    /// The first value of a header that has no [`Name`] of its own.
    pub fn other(&self, label: &str) -> Option<&'a [u8]> {
        let bytes = self.bytes;
        self.lines[..self.count]
            .iter()
            .find(|line| {
                line.name == Name::Other
                    && line.label.of(bytes).eq_ignore_ascii_case(label.as_bytes())
            })
            .map(|line| line.value.of(bytes))
    }
    /// True when a comma list such as Supported holds `token`.
    pub fn lists(&self, name: Name, token: &str) -> bool {
        self.list(name).any(|item| item.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The start line only: headers may hold passwords' hashes and people's names.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.start {
            Start::Request { method, uri } => {
                let (method, uri) = (method.of(self.bytes), uri.of(self.bytes));
                write!(f, "{} {}", method.escape_ascii(), uri.escape_ascii())
            }
            Start::Response { status, .. } => write!(f, "{status}"),
        }
    }
}

/// A method of RFC 3261 and its extensions. Unknown ones are kept as bytes in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261 §13.
    Invite,
    /// RFC 3261 §13.
    Ack,
    /// RFC 3261 §15.
    Bye,
    /// RFC 3261 §9.
    Cancel,
    /// RFC 3261 §11.
    Options,
    /// RFC 3261 §10.
    Register,
    /// RFC 6086.
    Info,
    /// RFC 3311.
    Update,
    /// RFC 3262.
    Prack,
    /// RFC 3515.
    Refer,
    /// RFC 6665.
    Notify,
    /// RFC 6665.
    Subscribe,
    /// RFC 3428.
    Message,
    /// RFC 3903.
    Publish,
    /// Anything else.
    Other,
}

impl Method {
    /// Methods are case-sensitive (RFC 3261 §7.1).
    pub fn from_bytes(bytes: &[u8]) -> Self {
        match bytes {
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"BYE" => Method::Bye,
            b"CANCEL" => Method::Cancel,
            b"OPTIONS" => Method::Options,
            b"REGISTER" => Method::Register,
            b"INFO" => Method::Info,
            b"UPDATE" => Method::Update,
            b"PRACK" => Method::Prack,
            b"REFER" => Method::Refer,
            b"NOTIFY" => Method::Notify,
            b"SUBSCRIBE" => Method::Subscribe,
            b"MESSAGE" => Method::Message,
            b"PUBLISH" => Method::Publish,
            _ => Method::Other,
        }
    }
}

macro_rules! names {
    ($($variant:ident $text:literal),+ $(,)?) => {
        /// A header that the core knows, by canonical name.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name { $($variant),+, Other }

        impl Name {
            #[cfg(test)]
            const ALL: &[Name] = &[$(Name::$variant),+];

            /// The name as we write it.
            pub const fn text(self) -> &'static str {
                match self { $(Name::$variant => $text),+, Name::Other => "" }
            }
        }
    };
}

names! {
    Via "Via", From "From", To "To", CallId "Call-ID", CSeq "CSeq", Contact "Contact",
    ContentLength "Content-Length", ContentType "Content-Type", ContentEncoding "Content-Encoding",
    MaxForwards "Max-Forwards", Route "Route", RecordRoute "Record-Route",
    Authorization "Authorization", ProxyAuthorization "Proxy-Authorization",
    WwwAuthenticate "WWW-Authenticate", ProxyAuthenticate "Proxy-Authenticate",
    Expires "Expires", MinExpires "Min-Expires", Require "Require", ProxyRequire "Proxy-Require",
    Supported "Supported", Accept "Accept", Allow "Allow", UserAgent "User-Agent", Server "Server",
    ReferTo "Refer-To", Reason "Reason", RetryAfter "Retry-After",
    PAssertedIdentity "P-Asserted-Identity", Event "Event", SubscriptionState "Subscription-State",
    SessionExpires "Session-Expires", MinSe "Min-SE", RSeq "RSeq", RAck "RAck",
    Replaces "Replaces", Privacy "Privacy", Diversion "Diversion",
    ServiceRoute "Service-Route",
}

impl Name {
    /// The name of a label as it came, compact forms included (RFC 3261 §7.3.3 and the registry).
    pub fn from_bytes(label: &[u8]) -> Name {
        if let [letter] = label {
            return Name::compact(*letter);
        }
        let candidates: &[Name] = match label.len() {
            2 => &[Name::To],
            3 => &[Name::Via],
            4 => &[Name::From, Name::CSeq, Name::RSeq, Name::RAck],
            5 => &[Name::Allow, Name::Route, Name::Event],
            6 => &[Name::Server, Name::Reason, Name::MinSe, Name::Accept],
            7 => &[Name::CallId, Name::Contact, Name::Expires, Name::Require, Name::Privacy],
            8 => &[Name::ReferTo, Name::Replaces],
            9 => &[Name::Supported, Name::Diversion],
            10 => &[Name::UserAgent],
            11 => &[Name::MinExpires, Name::RetryAfter],
            12 => &[Name::MaxForwards, Name::ContentType, Name::RecordRoute],
            13 => &[Name::Authorization, Name::ProxyRequire, Name::ServiceRoute],
            14 => &[Name::ContentLength],
            15 => &[Name::SessionExpires],
            16 => &[Name::WwwAuthenticate, Name::ContentEncoding],
            18 => &[Name::ProxyAuthenticate, Name::SubscriptionState],
            19 => &[Name::ProxyAuthorization, Name::PAssertedIdentity],
            _ => &[],
        };
        // Nearly everybody writes them as the RFCs do.
        let exactly = |name: &&Name| label == name.text().as_bytes();
        let same = |name: &&Name| label.eq_ignore_ascii_case(name.text().as_bytes());
        let found = candidates.iter().find(exactly).or_else(|| candidates.iter().find(same));
        found.copied().unwrap_or(Name::Other)
    }

    fn compact(letter: u8) -> Name {
        match letter.to_ascii_lowercase() {
            b'v' => Name::Via,
            b'f' => Name::From,
            b't' => Name::To,
            b'i' => Name::CallId,
            b'm' => Name::Contact,
            b'l' => Name::ContentLength,
            b'c' => Name::ContentType,
            b'e' => Name::ContentEncoding,
            b'k' => Name::Supported,
            b'o' => Name::Event,
            b'r' => Name::ReferTo,
            b'x' => Name::SessionExpires,
            _ => Name::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_by_its_own_text_in_any_case() {
        for &name in Name::ALL {
            assert_eq!(Name::from_bytes(name.text().as_bytes()), name);
            assert_eq!(Name::from_bytes(name.text().to_ascii_uppercase().as_bytes()), name);
        }
        assert_eq!(Name::from_bytes(b"X-Anything"), Name::Other);
    }
}
