//! What every message must fulfil before anybody looks at its meaning (RFC 3261 §8.1.1, §8.2.2,
//! §16.3), and the status that is owed where it does not. RFC 4475 is the test.

use super::header::{CSeq, NameAddr, Via, split_list, trim};
use super::message::{Fault, Message, Method, Name, URI_BYTES_MAX};
use super::uri::{Scheme, Uri, decimal};

/// Headers that may stand once only (RFC 3261 §20, RFC 4475 §3.3.8), a bit each.
const SINGLE: u64 = 1 << Name::From as u8
    | 1 << Name::To as u8
    | 1 << Name::CallId as u8
    | 1 << Name::CSeq as u8
    | 1 << Name::MaxForwards as u8
    | 1 << Name::ContentType as u8;
/// Headers whose items are name-addr.
const ADDRESSES: &[Name] = &[Name::Contact, Name::Route, Name::RecordRoute, Name::ReferTo];

impl Message<'_> {
    /// Checks form, not meaning.
    ///
    /// # Errors
    /// The first fault: what a request is answered with; a response with one is dropped.
    pub fn validate(&self) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.check_single()?;
        self.check_mandatory()?;
        self.check_addresses()?;
        if self.is_request() { self.check_request() } else { Ok(()) }
    }

    fn check_single(&self) -> Result<(), Fault> {
        let mut seen = 0;
        for line in &self.lines[..self.count] {
            let bit = 1_u64 << line.name as u8;
            if SINGLE & bit != 0 && seen & bit != 0 {
                return Err(Fault::bad("Header Given Twice"));
            }
            seen |= bit;
        }
        Ok(())
    }

    fn check_mandatory(&self) -> Result<(), Fault> {
        let mut vias = self.list(Name::Via).peekable();
        vias.peek().ok_or(Fault::bad("Via Missing"))?;
        if !vias.all(|via| Via::parse(via).is_some_and(|via| via.version == b"2.0")) {
            return Err(Fault::bad("Bad Via"));
        }
        let call_id = self.call_id();
        if call_id.is_empty() || call_id.iter().any(|b| b.is_ascii_whitespace()) {
            return Err(Fault::bad("Bad or Missing Call-ID"));
        }
        let from = self.first(Name::From).ok_or(Fault::bad("From Missing"))?;
        address(from, "Bad From")?;
        let to = self.first(Name::To).ok_or(Fault::bad("To Missing"))?;
        address(to, "Bad To")?;
        let cseq = self.first(Name::CSeq).ok_or(Fault::bad("CSeq Missing"))?;
        CSeq::parse(cseq).map(|_| ()).ok_or(Fault::bad("Bad CSeq"))
    }

    fn check_addresses(&self) -> Result<(), Fault> {
        for &name in ADDRESSES {
            for value in self.all(name) {
                // `Contact: *` unregisters (RFC 3261 §10.2.2).
                if trim(value) == b"*" && name == Name::Contact {
                    continue;
                }
                if !balanced(value) {
                    return Err(Fault::bad("Unclosed Quote or Bracket"));
                }
                for item in split_list(value) {
                    address(item, "Bad Address in Header")?;
                }
            }
        }
        Ok(())
    }

    fn check_request(&self) -> Result<(), Fault> {
        let cseq = self.cseq().ok_or(Fault::bad("Bad CSeq"))?;
        if cseq.method != self.method_bytes() {
            return Err(Fault::bad("CSeq Names Another Method"));
        }
        if let Some(hops) = self.first(Name::MaxForwards)
            && decimal::<u8>(trim(hops)).is_none()
        {
            return Err(Fault::bad("Bad Max-Forwards"));
        }
        self.check_uri()
    }

    fn check_uri(&self) -> Result<(), Fault> {
        let unsupported = Fault { status: 416, reason: "Unsupported URI Scheme" };
        if self.uri().len() > URI_BYTES_MAX {
            return Err(Fault { status: 414, reason: "Request-URI Too Long" });
        }
        let uri = Uri::parse(self.uri()).ok_or(Fault::bad("Bad Request-URI"))?;
        match uri.scheme {
            Scheme::Other => Err(unsupported),
            // Escaped headers belong into no Request-URI (RFC 3261 §19.1.1, RFC 4475 §3.1.2.11).
            _ if !uri.headers.is_empty() => Err(Fault::bad("Headers in Request-URI")),
            _ => Ok(()),
        }
    }

    /// Things that phones get wrong and that cost nobody anything; counted.
    pub fn quirk(&self) -> Option<&'static str> {
        if self.is_request() && self.first(Name::MaxForwards).is_none() {
            return Some("missing_max_forwards");
        }
        if self.from_tag().is_none() && self.method() != Method::Cancel {
            return Some("missing_from_tag");
        }
        self.via().is_none_or(|via| !via.names_transaction()).then_some("old_branch")
    }
}

fn address(value: &[u8], reason: &'static str) -> Result<(), Fault> {
    let parsed = NameAddr::parse(value).ok_or(Fault::bad(reason))?;
    // Schemes that we do not know are carried, not judged (RFC 4475 §3.3.4).
    Uri::parse(parsed.uri).map(|_| ()).ok_or(Fault::bad(reason))
}

/// Every quote and bracket is closed: the list splitter then sees every comma as the sender did.
fn balanced(value: &[u8]) -> bool {
    let (mut quoted, mut open, mut at) = (false, false, 0);
    while let Some(&byte) = value.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' if !open => quoted = !quoted,
            b'<' if !quoted => open = true,
            b'>' if !quoted => open = false,
            _ => {}
        }
        at += 1;
    }
    !quoted && !open
}
