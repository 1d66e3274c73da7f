//! Bodies of several parts (RFC 2046 §5.1, in SIP RFC 5621): a description, and something beside it. The
//! parts borrow from the body; what is hostile ends in a [`Fault`], never in much work.

use super::header::{self, trim};
use super::message::{Fault, Message, Name};
use memchr::memmem;

/// Most parts of one body, those within each other counted together.
pub const PARTS_MAX: usize = 8;
/// How deep parts may lie within each other.
const DEPTH_MAX: usize = 3;
/// Longest header of a part.
const HEAD_BYTES_MAX: usize = 1_024;
/// Longest boundary (RFC 2046 §5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

const NO_BOUNDARY: Fault = Fault::bad("Multipart Without Boundary");
const UNENDED: Fault = Fault::bad("Unended Multipart Body");
const UNREADABLE: Fault = Fault::bad("Bad Part Of Body");
const MANY: Fault = Fault::bad("Too Many Parts Of Body");

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Content-Type as it came.
    pub kind: &'a [u8],
    /// Content-Disposition as it came; empty where none did.
    pub disposition: &'a [u8],
    /// Content-Transfer-Encoding as it came; empty where none did.
    pub encoding: &'a [u8],
    /// What it holds.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// One of ours.
    pub const fn new(kind: &'a str, disposition: &'a str, body: &'a [u8]) -> Self {
        let (kind, disposition) = (kind.as_bytes(), disposition.as_bytes());
        Part { kind, disposition, encoding: b"", body }
    }

    /// Its media type, without parameters.
    fn media_type(&self) -> &'a [u8] {
        trim(self.kind.split(|&b| b == b';').next().unwrap_or_default())
    }

    /// It is of this media type.
    pub fn is(&self, media_type: &str) -> bool {
        self.media_type().eq_ignore_ascii_case(media_type.as_bytes())
    }

    fn is_multipart(&self) -> bool {
        const BEGIN: &[u8] = b"multipart/";
        self.kind.get(..BEGIN.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(BEGIN))
    }

    /// A parameter of its type, without quotes.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        header::param(self.kind, name).map(header::unquote)
    }

    /// Who does not understand it must not go on as if it were not there. RFC 3261 §20.11 has that where
    /// nothing is said, too; too many devices say nothing of what may well be left.
    pub fn is_required(&self) -> bool {
        let handling = header::param(self.disposition, "handling").map(header::unquote);
        handling.is_some_and(|handling| handling.eq_ignore_ascii_case(b"required"))
    }

    /// Its bytes are what it holds. SIP is clean for eight bits: nobody needs base64 (RFC 3261 §7.4.2).
    pub fn is_plain(&self) -> bool {
        let plain: [&[u8]; 4] = [b"", b"binary", b"8bit", b"7bit"];
        plain.iter().any(|plain| trim(self.encoding).eq_ignore_ascii_case(plain))
    }

    /// Reads what stands between two boundaries: header lines, an empty line, the rest.
    fn read(piece: &'a [u8]) -> Result<Self, Fault> {
        let (head, body) = split_head(piece).ok_or(UNREADABLE)?;
        if head.len() > HEAD_BYTES_MAX {
            return Err(UNREADABLE);
        }
        let mut part = Part { kind: b"text/plain", disposition: b"", encoding: b"", body };
        for line in lines(head) {
            let at = memchr::memchr(b':', line).ok_or(UNREADABLE)?;
            let (name, value) = (trim(&line[..at]), trim(&line[at + 1..]));
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if is("Content-Type") {
                part.kind = value;
            } else if is("Content-Disposition") {
                part.disposition = value;
            } else if is("Content-Transfer-Encoding") {
                part.encoding = value;
            }
        }
        Ok(part)
    }
}

impl<'a> Message<'a> {
    /// The parts of the body, those within others on one level with them; the body itself where it has
    /// none, and nothing where it is empty.
    ///
    /// # Errors
    /// What is wrong with a body of several parts: no boundary, no end, too many or too deep.
    pub fn parts(&self) -> Result<Vec<Part<'a>>, Fault> {
        if self.body().is_empty() {
            return Ok(Vec::new());
        }
        let whole = Part {
            kind: self.first(Name::ContentType).unwrap_or_default(),
            disposition: self.other("Content-Disposition").unwrap_or_default(),
            encoding: self.other("Content-Transfer-Encoding").unwrap_or_default(),
            body: self.body(),
        };
        let mut parts = Vec::new();
        collect(whole, 0, &mut parts)?;
        Ok(parts)
    }
}

fn collect<'a>(part: Part<'a>, depth: usize, parts: &mut Vec<Part<'a>>) -> Result<(), Fault> {
    if !part.is_multipart() {
        if parts.len() >= PARTS_MAX {
            return Err(MANY);
        }
        parts.push(part);
        return Ok(());
    }
    if depth >= DEPTH_MAX {
        return Err(Fault::bad("Multipart Nested Too Deep"));
    }
    let boundary = part.param("boundary").filter(|boundary| !boundary.is_empty());
    let boundary = boundary.filter(|boundary| boundary.len() <= BOUNDARY_BYTES_MAX);
    for piece in pieces(boundary.ok_or(NO_BOUNDARY)?, part.body)? {
        collect(Part::read(piece)?, depth + 1, parts)?;
    }
    Ok(())
}

/// What stands between the boundary's lines. What is before the first and behind the last is for people
/// whose program knows no parts.
fn pieces<'a>(boundary: &[u8], body: &'a [u8]) -> Result<Vec<&'a [u8]>, Fault> {
    let delimiter = [b"--", boundary].concat();
    let mut found = Vec::new();
    let mut begun = None;
    for at in memmem::find_iter(body, &delimiter) {
        let Some((next, last)) = delimiter_line(body, at, delimiter.len()) else { continue };
        if let Some(start) = begun {
            if found.len() >= PARTS_MAX {
                return Err(MANY);
            }
            found.push(&body[start..line_before(body, at).max(start)]);
        }
        if last {
            return if found.is_empty() { Err(UNENDED) } else { Ok(found) };
        }
        begun = Some(next);
    }
    Err(UNENDED)
}

/// Where the line of the boundary at `at` ends, and whether it is the last one; none where it is no line
/// of its own.
fn delimiter_line(body: &[u8], at: usize, length: usize) -> Option<(usize, bool)> {
    if at > 0 && body[at - 1] != b'\n' {
        return None;
    }
    let rest = &body[at + length..];
    let last = rest.starts_with(b"--");
    let dashes = if last { 2 } else { 0 };
    let padding = rest[dashes..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let end = match &rest[dashes + padding..] {
        [] if last => 0,
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => return None,
    };
    Some((at + length + dashes + padding + end, last))
}

/// Where the line before `at` ends: its end belongs to the boundary.
fn line_before(body: &[u8], at: usize) -> usize {
    let head = &body[..at];
    head.strip_suffix(b"\r\n").or(head.strip_suffix(b"\n")).unwrap_or(head).len()
}

/// The header lines, and what follows the empty line behind them.
fn split_head(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(body) = piece.strip_prefix(b"\r\n").or(piece.strip_prefix(b"\n")) {
        return Some((&piece[..0], body));
    }
    let crlf = memmem::find(piece, b"\r\n\r\n").map(|at| (at, at + 4));
    let lf = memmem::find(piece, b"\n\n").map(|at| (at, at + 2));
    let (end, next) = [crlf, lf].into_iter().flatten().min()?;
    Some((&piece[..end], &piece[next..]))
}

/// Header lines; a folded one is one.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head);
    let all = std::iter::from_fn(move || {
        let text = rest?;
        let folds = |at: usize| matches!(text.get(at + 1), Some(b' ' | b'\t'));
        let end = memchr::memchr_iter(b'\n', text).find(|at| !folds(*at));
        rest = end.map(|end| &text[end + 1..]);
        Some(trim(&text[..end.unwrap_or(text.len())]))
    });
    all.filter(|line| !line.is_empty())
}

/// A body of these parts, and its Content-Type. The boundary stands in none of them.
pub fn write(parts: &[Part]) -> (String, Vec<u8>) {
    let mut boundary = "part".to_owned();
    while parts.iter().any(|part| memmem::find(part.body, boundary.as_bytes()).is_some()) {
        boundary.push('x');
    }
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        for (name, value) in
            [("Content-Type", part.kind), ("Content-Disposition", part.disposition)]
        {
            if !value.is_empty() {
                body.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(part.body);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/mixed;boundary={boundary}"), body)
}

/// Feeds arbitrary bytes to the reader, as a body of parts whose boundary is `b`; for fuzzing.
pub fn fuzz_multipart(bytes: &[u8]) {
    let mut parts = Vec::new();
    let whole = Part::new("multipart/mixed;boundary=b", "", bytes);
    if collect(whole, 0, &mut parts).is_ok() {
        assert!(!parts.is_empty() && parts.len() <= PARTS_MAX);
        assert!(parts.iter().all(|part| part.body.len() < bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse::Carrier;

    /// Type and body of each part of a message with this body.
    fn read(kind: &str, body: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        let head = format!(
            "INVITE sip:a@b SIP/2.0\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body].concat();
        let message = Message::parse(&bytes, Carrier::Datagram).unwrap();
        let text = |kind: &[u8]| String::from_utf8_lossy(kind).into_owned();
        let parts = message.parts()?;
        Ok(parts.into_iter().map(|part| (text(part.kind), part.body.to_vec())).collect())
    }

    fn of(kind: &str, body: &[u8]) -> (String, Vec<u8>) {
        (kind.to_owned(), body.to_vec())
    }

    #[test]
    fn parts_are_read_with_boundaries_in_every_form_and_with_what_is_for_people() {
        let body = b"For people.\r\n--one two\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n\
            --one two \t\r\ncontent-type:application/isup;\r\n version=x\r\n\
            Content-Disposition: signal ; HANDLING=\"Required\"\r\n\r\n\x01\r\n--\r\n\0\r\n\
            --one two--\r\n--one two\r\nepilogue";
        let expected = [
            of("application/sdp", b"v=0\r\n"),
            of("application/isup;\r\n version=x", b"\x01\r\n--\r\n\0"),
        ];
        assert_eq!(read("multipart/mixed; boundary=\"one two\"", body).unwrap(), expected);
        let bare = b"--b\n\nplain\n--bb\n--b--";
        assert_eq!(
            read("Multipart/Mixed;charset=x;Boundary=b", bare).unwrap(),
            [of("text/plain", b"plain\n--bb")]
        );
        assert_eq!(read("application/sdp", b"v=0").unwrap(), [of("application/sdp", b"v=0")]);
        assert!(read("multipart/mixed", b"").unwrap().is_empty());
    }

    #[test]
    fn parts_within_parts_are_on_one_level_with_them_up_to_a_depth() {
        let within = |depth: usize| {
            let inner = "v=0".to_owned();
            let wrap = |body: String, n: usize| {
                let kind = if n == 0 {
                    "application/sdp".to_owned()
                } else {
                    format!("multipart/alternative;boundary=b{}", n - 1)
                };
                format!("--b{n}\r\nContent-Type: {kind}\r\n\r\n{body}\r\n--b{n}--\r\n")
            };
            let body = (0..depth).fold(inner, wrap);
            let outer = format!("multipart/mixed;boundary=b{}", depth - 1);
            read(&outer, body.as_bytes())
        };
        for depth in 1..=DEPTH_MAX {
            assert_eq!(within(depth).unwrap(), [of("application/sdp", b"v=0")], "{depth}");
        }
        assert_eq!(within(DEPTH_MAX + 1).unwrap_err().reason, "Multipart Nested Too Deep");
    }

    #[test]
    fn a_body_that_cannot_be_taken_apart_is_refused() {
        let good = "--b\r\n\r\nx\r\n";
        let long = format!("--b\r\nX: {}\r\n\r\nx\r\n--b--", "x".repeat(HEAD_BYTES_MAX));
        let boundary = "b".repeat(BOUNDARY_BYTES_MAX + 1);
        for (kind, body, fault) in [
            ("multipart/mixed", format!("{good}--b--"), NO_BOUNDARY),
            ("multipart/mixed;boundary=", format!("{good}--b--"), NO_BOUNDARY),
            ("multipart/mixed;boundary=\"\"", format!("{good}--b--"), NO_BOUNDARY),
            (&*format!("multipart/mixed;boundary={boundary}"), String::new() + good, NO_BOUNDARY),
            ("multipart/mixed;boundary=b", good.to_owned(), UNENDED),
            ("multipart/mixed;boundary=c", format!("{good}--b--"), UNENDED),
            ("multipart/mixed;boundary=b", "--b--".to_owned(), UNENDED),
            ("multipart/mixed;boundary=b", "--b\r\nno colon\r\n\r\nx\r\n--b--".into(), UNREADABLE),
            ("multipart/mixed;boundary=b", "--b\r\nX: no end\r\n--b--".into(), UNREADABLE),
            ("multipart/mixed;boundary=b", long, UNREADABLE),
            ("multipart/mixed;boundary=b", good.repeat(PARTS_MAX + 1) + "--b--", MANY),
            ("multipart/mixed;boundary=b", good.repeat(6_000), MANY),
        ] {
            assert_eq!(read(kind, body.as_bytes()), Err(fault), "{kind} {body:.60}");
        }
        assert_eq!(
            read("multipart/mixed;boundary=b", (good.repeat(PARTS_MAX) + "--b--").as_bytes())
                .map(|parts| parts.len()),
            Ok(PARTS_MAX)
        );
    }

    #[test]
    fn what_is_said_of_a_part_is_read_in_any_case() {
        let with = |disposition, encoding| Part {
            disposition,
            encoding,
            ..Part::new("a/B;c=\"d\"", "", b"")
        };
        let part = with(b"signal;handling=optional", b" Binary ");
        assert!(part.is("A/b") && !part.is("a/b;c") && part.is_plain() && !part.is_required());
        assert_eq!(part.param("C"), Some(&b"d"[..]));
        assert!(with(b"signal ; Handling = REQUIRED", b"base64").is_required());
        for encoding in [&b"base64"[..], b"quoted-printable", b"x"] {
            assert!(!with(b"", encoding).is_plain());
        }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_it_holds() {
        let first = Part::new("application/sdp", "", b"v=0\r\n");
        let second =
            Part::new("application/isup", "signal;handling=optional", b"\r\n--partxx--\r\n\0");
        let (kind, body) = write(&[first, second]);
        assert_eq!(kind, "multipart/mixed;boundary=partxxx");
        let expected = [of("application/sdp", first.body), of("application/isup", second.body)];
        assert_eq!(read(&kind, &body).unwrap(), expected);
    }
}
