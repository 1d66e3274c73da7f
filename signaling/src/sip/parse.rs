//! The one pass over a message: start line, header lines, body (RFC 3261 §7 and §18.3).
//!
//! A message without a readable start line or with bytes that no header can hold is
//! [`Unreadable`]; everything else is indexed as far as it goes and its first [`Fault`] kept, so
//! that the sender gets the status it is owed.

use super::header;
use super::message::{Fault, HEADERS_MAX, Line, MESSAGE_BYTES_MAX, Message, Name, Span, Start};
use memchr::{memchr, memchr2};

/// Not a SIP message: counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SIP message: {0}")]
pub struct Unreadable(pub &'static str);

/// What carried the message decides where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Without Content-Length the body is the rest; bytes beyond it are dropped.
    Datagram,
    /// Content-Length is mandatory and the framer has cut exactly there.
    Stream,
}

/// Characters of a token, RFC 3261 §25.1.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte += 1;
    }
    table
};

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[usize::from(byte)])
}

impl<'a> Message<'a> {
    /// Indexes one message.
    ///
    /// # Errors
    /// When the bytes are no SIP message at all.
    pub fn parse(bytes: &'a [u8], carrier: Carrier) -> Result<Self, Unreadable> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Unreadable("longer than 65,535 bytes"));
        }
        let mut at = 0;
        let (line, line_end) =
            next_line(bytes, &mut at).map_err(|_| Unreadable("no first line"))?;
        let (start, fault) = start_line(bytes, line, line_end)?;
        let mut message = Message {
            bytes,
            start,
            lines: [Line::NONE; HEADERS_MAX],
            count: 0,
            body: Span::default(),
            fault,
        };
        let body_at = message.headers(at)?;
        message.find_body(body_at, carrier);
        Ok(message)
    }

    /// Reads header lines from `at` on; where the body starts.
    fn headers(&mut self, mut at: usize) -> Result<usize, Unreadable> {
        loop {
            if at == self.bytes.len() {
                self.note(Fault::bad("Header Section Not Ended"));
                return Ok(at);
            }
            let (start, end) = match next_line(self.bytes, &mut at) {
                Ok(line) => line,
                Err(Cut::Open) => {
                    self.note(Fault::bad("Header Section Not Ended"));
                    return Ok(self.bytes.len());
                }
                Err(Cut::BareReturn) => return Err(Unreadable("a bare CR in a header")),
            };
            if start == end {
                return Ok(at);
            }
            if matches!(self.bytes[start], b' ' | b'\t') {
                self.fold(end);
            } else {
                self.header_line(start, end);
            }
        }
    }

    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// A line that begins with a blank continues the one before (RFC 3261 §7.3.1).
    fn fold(&mut self, end: usize) {
        match self.lines[..self.count].last_mut() {
            Some(line) => line.value.end = end as u16,
            None => self.note(Fault::bad("Folded Line Without Header")),
        }
    }

    fn header_line(&mut self, start: usize, end: usize) {
        let line = &self.bytes[start..end];
        let length = line.iter().position(|&b| !TOKEN[usize::from(b)]).unwrap_or(line.len());
        let before = line[length..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let colon = length + before;
        if length == 0 || line.get(colon) != Some(&b':') {
            let named = memchr(b':', line).is_some();
            let reason = if named { "Bad Header Name" } else { "Header Line Without Colon" };
            return self.note(Fault::bad(reason));
        }
        let label = &line[..length];
        if self.count == HEADERS_MAX {
            return self.note(Fault { status: 400, reason: "Too Many Headers" });
        }
        let blanks = line[colon + 1..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let value_start = start + colon + 1 + blanks;
        let trailing = self.bytes[value_start..end].iter().rev();
        let value_end = end - trailing.take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.lines[self.count] = Line {
            name: Name::from_bytes(label),
            label: Span { start: start as u16, end: (start + label.len()) as u16 },
            value: Span { start: value_start as u16, end: value_end as u16 },
        };
        self.count += 1;
    }

    fn find_body(&mut self, at: usize, carrier: Carrier) {
        let rest = self.bytes.len() - at;
        let length = match (self.content_length(), carrier) {
            (Ok(Some(length)), _) if length <= rest => length,
            (Ok(Some(_)), _) => {
                self.note(Fault::bad("Body Shorter Than Content-Length"));
                rest
            }
            (Ok(None), Carrier::Datagram) => rest,
            (Ok(None), Carrier::Stream) => {
                self.note(Fault::bad("Content-Length Missing"));
                0
            }
            (Err(fault), _) => {
                self.note(fault);
                0
            }
        };
        self.body = Span { start: at as u16, end: (at + length) as u16 };
    }

    /// All Content-Length lines agree on a whole number that fits a message (CVE-2026-39863).
    pub(crate) fn content_length(&self) -> Result<Option<usize>, Fault> {
        let mut agreed = None;
        for value in self.all(Name::ContentLength) {
            let length = length_value(header::trim(value))?;
            if agreed.is_some_and(|before| before != length) {
                return Err(Fault::bad("Conflicting Content-Length"));
            }
            agreed = Some(length);
        }
        Ok(agreed)
    }
}

fn length_value(value: &[u8]) -> Result<usize, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::bad("Bad Content-Length"));
    }
    let too_large = Fault { status: 413, reason: "Message Too Large" };
    let significant = value.iter().position(|&b| b != b'0').map_or(&b"0"[..], |at| &value[at..]);
    if significant.len() > 5 {
        return Err(too_large);
    }
    let length = significant.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    if length > MESSAGE_BYTES_MAX { Err(too_large) } else { Ok(length) }
}

enum Cut {
    /// The bytes end inside the line.
    Open,
    /// A CR that no LF follows could end a line for somebody else.
    BareReturn,
}

/// The line at `at` without its end, and `at` moved behind it. A lone LF ends a line as well.
fn next_line(bytes: &[u8], at: &mut usize) -> Result<(usize, usize), Cut> {
    let start = *at;
    let found = memchr2(b'\r', b'\n', &bytes[start..]).ok_or(Cut::Open)?;
    let end = start + found;
    if bytes[end] == b'\n' {
        *at = end + 1;
        return Ok((start, end));
    }
    match bytes.get(end + 1) {
        Some(b'\n') => *at = end + 2,
        Some(_) => return Err(Cut::BareReturn),
        None => return Err(Cut::Open),
    }
    Ok((start, end))
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u16, end: end as u16 }
}

const VERSION: &[u8] = b"SIP/2.0";

fn start_line(
    bytes: &[u8],
    start: usize,
    end: usize,
) -> Result<(Start, Option<Fault>), Unreadable> {
    let line = &bytes[start..end];
    if line.len() >= VERSION.len() && line[..VERSION.len()].eq_ignore_ascii_case(VERSION) {
        return status_line(bytes, start, end);
    }
    let first = memchr(b' ', line).ok_or(Unreadable("a start line without blanks"))?;
    let last = memchr::memrchr(b' ', line).ok_or(Unreadable("a start line without blanks"))?;
    if !is_token(&line[..first]) {
        return Err(Unreadable("a method that is no token"));
    }
    let method = span(start, start + first);
    let version = &line[last + 1..];
    if !is_protocol(version) {
        // `INVITE sip:a@b SIP/2.0 ` with blanks behind still deserves its 400 (RFC 4475 §3.1.2.10).
        let trimmed = line.trim_ascii_end();
        let again = memchr::memrchr(b' ', trimmed).filter(|&at| is_protocol(&trimmed[at + 1..]));
        let Some(again) = again.filter(|&at| at > first) else {
            return Err(Unreadable("a start line without SIP version"));
        };
        let uri = span(start + first + 1, start + again);
        return Ok((Start::Request { method, uri }, Some(Fault::bad("Bad Request Line"))));
    }
    if last <= first {
        return Err(Unreadable("a request line without URI"));
    }
    let uri = &line[first + 1..last];
    let fault = if !version.eq_ignore_ascii_case(VERSION) {
        Some(Fault { status: 505, reason: "Version Not Supported" })
    } else if uri.is_empty() || uri.iter().any(|b| b.is_ascii_whitespace() || *b == 0) {
        Some(Fault::bad("Bad Request Line"))
    } else {
        None
    };
    Ok((Start::Request { method, uri: span(start + first + 1, start + last) }, fault))
}

/// `SIP/<digits>.<digits>`
fn is_protocol(version: &[u8]) -> bool {
    version.len() > 4
        && version[..4].eq_ignore_ascii_case(b"SIP/")
        && version[4..].iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

fn status_line(
    bytes: &[u8],
    start: usize,
    end: usize,
) -> Result<(Start, Option<Fault>), Unreadable> {
    let rest = &bytes[start + VERSION.len()..end];
    let code = rest.get(1..4).filter(|code| code.iter().all(u8::is_ascii_digit));
    let (Some(b' '), Some(code)) = (rest.first(), code) else {
        return Err(Unreadable("a status line without status"));
    };
    // A reason phrase may be empty, but the blank before it is not (RFC 4475 §3.1.1.13).
    if !matches!(rest.get(4), Some(b' ') | None) {
        return Err(Unreadable("a status of more than three digits"));
    }
    let status = code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    if !(100..700).contains(&status) {
        return Err(Unreadable("a status outside 100-699"));
    }
    let reason = span((start + VERSION.len() + 5).min(end), end);
    Ok((Start::Response { status, reason }, None))
}
