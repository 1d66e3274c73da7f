//! Typed views of header values, read on demand: Via, name-addr (From, To, Contact, Route,
//! Refer-To, …), CSeq, digest parameters, numbers. RFC 3261 §20 and §25. A folded line's CR LF is a
//! blank like any other here.

use super::message::{Message, Name};
use super::parse::is_token;
use super::uri::{Uri, decimal, host_port_of};

pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Without blanks at both ends.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&b| !is_blank(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|&b| !is_blank(b)).map_or(start, |at| at + 1);
    &text[start..end]
}

/// Where the quoted string that starts at `text[0]` ends, behind its closing quote.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Position of the first `separator` outside quotes and angle brackets.
fn find_outside(text: &[u8], separator: u8) -> Option<usize> {
    // Most values have no separator, and most that do have nothing before it that could hide it.
    let first = memchr::memchr(separator, text)?;
    if memchr::memchr2(b'"', b'<', &text[..first]).is_none() {
        return Some(first);
    }
    let mut at = 0;
    let mut in_brackets = false;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' if !in_brackets => at = at + quoted_end(&text[at..])? - 1,
            b'<' => in_brackets = true,
            b'>' => in_brackets = false,
            _ if byte == separator && !in_brackets => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The items of a comma list, trimmed, empty ones dropped.
pub(crate) fn split_list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    split(value, b',')
}

fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    let items = std::iter::from_fn(move || {
        let text = rest?;
        let at = find_outside(text, separator);
        rest = at.map(|at| &text[at + 1..]);
        Some(trim(&text[..at.unwrap_or(text.len())]))
    });
    items.filter(|item| !item.is_empty())
}

/// Value of a `;name=value` parameter, quotes kept; empty when the parameter stands alone.
pub(crate) fn param<'a>(params: &'a [u8], name: &str) -> Option<&'a [u8]> {
    split(params, b';').find_map(|item| {
        let (key, value) = match memchr::memchr(b'=', item) {
            Some(at) => (trim(&item[..at]), trim(&item[at + 1..])),
            None => (item, &b""[..]),
        };
        key.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
    })
}

/// Without surrounding quotes; escapes stay, they do not occur in what we compare.
pub(crate) fn unquote(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value)
}

/// Bytes as text for people and for the log: bad UTF-8 replaced, controls blanked, cut.
pub(crate) fn text(value: &[u8], bytes_max: usize) -> String {
    let cut = &value[..value.len().min(bytes_max)];
    String::from_utf8_lossy(cut).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The top Via or a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// `2.0`. Another one is read too, so that its sender can be told (RFC 4475 §3.1.2.16).
    pub version: &'a [u8],
    /// `UDP`, `TCP`, …
    pub transport: &'a [u8],
    /// Name or address.
    pub host: &'a [u8],
    /// After the colon.
    pub port: Option<u16>,
    /// The rest.
    pub params: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one value, blanks around its slashes allowed (RFC 4475 §3.1.1.1).
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (name, rest) = cut(value, b'/')?;
        let (version, rest) = cut(rest, b'/')?;
        let version = trim(version);
        if !trim(name).eq_ignore_ascii_case(b"SIP") || !is_token(version) {
            return None;
        }
        let rest = trim(rest);
        let blank = rest.iter().position(|&b| is_blank(b))?;
        let (transport, rest) = (&rest[..blank], &rest[blank..]);
        let (sent_by, params) = cut(rest, b';').unwrap_or((rest, b""));
        let (host, port) = host_port_of(sent_by)?;
        is_token(transport).then_some(Via { version, transport, host, port, params })
    }
    /// The branch.
    pub fn branch(&self) -> Option<&'a [u8]> {
        param(self.params, "branch")
    }
    /// The branch names one transaction of its sender, as RFC 3261 §8.1.1.7 has it. The seven letters
    /// alone name none (RFC 4475 §3.2.1).
    pub fn names_transaction(&self) -> bool {
        self.branch().is_some_and(|branch| branch.starts_with(b"z9hG4bK") && branch.len() > 7)
    }
    /// The sender wants its answer where it came from (RFC 3581).
    pub fn has_rport(&self) -> bool {
        param(self.params, "rport").is_some()
    }
}

fn cut(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// `"Display" <uri>;params` or `uri;params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// As it came, quotes and escapes kept.
    pub display: &'a [u8],
    /// The URI without brackets.
    pub uri: &'a [u8],
    /// Header parameters.
    pub params: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Reads one value; the grammar's broken forms of RFC 4475 §3.1.2.6–15 give `None`.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let open = match value.first()? {
            b'"' => {
                let end = quoted_end(value)?;
                end + value[end..].iter().position(|&b| !is_blank(b))?
            }
            _ => match memchr::memchr(b'<', value) {
                Some(at) => at,
                None => return NameAddr::bare(value),
            },
        };
        let inside = value[open..].strip_prefix(b"<")?;
        let display = trim(&value[..open]);
        if !display.starts_with(b"\"") && !display.iter().all(|&b| is_display(b)) {
            return None;
        }
        let close = memchr::memchr(b'>', inside)?;
        let rest = trim(&inside[close + 1..]);
        let params = if rest.is_empty() { rest } else { rest.strip_prefix(b";")? };
        let uri = trim(&inside[..close]);
        (!uri.is_empty()).then_some(NameAddr { display, uri, params })
    }

    /// Without brackets every `;` begins a header parameter, so a URI with `,` or `?` needs them
    /// (RFC 3261 §20).
    fn bare(value: &'a [u8]) -> Option<Self> {
        let (uri, params) = cut(value, b';').unwrap_or((value, b""));
        let uri = trim(uri);
        let unfit = |&b: &u8| is_blank(b) || matches!(b, b',' | b'?' | b'"' | b'>');
        (!uri.is_empty() && !uri.iter().any(unfit)).then_some(NameAddr {
            display: b"",
            uri,
            params,
        })
    }

    /// The tag.
    pub fn tag(&self) -> Option<&'a [u8]> {
        param(self.params, "tag").filter(|tag| is_token(tag))
    }

    /// The URI in its parts.
    pub fn parsed_uri(&self) -> Option<Uri<'a>> {
        Uri::parse(self.uri)
    }

    /// The display name for people, at most 128 bytes of it.
    pub fn display_text(&self) -> String {
        let plain = unquote(self.display);
        text(plain, 128).replace("\\\"", "\"").replace("\\\\", "\\")
    }
}

/// An unquoted display name is tokens; phones put letters of all scripts there.
fn is_display(byte: u8) -> bool {
    is_blank(byte) || byte >= 0x80 || is_token(&[byte])
}

/// Sequence number and method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2^31.
    pub number: u32,
    /// As it came.
    pub method: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Reads the value.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let blank = value.iter().position(|&b| is_blank(b))?;
        let number = decimal::<u32>(&value[..blank]).filter(|&n| n < 1 << 31)?;
        let method = trim(&value[blank..]);
        is_token(method).then_some(CSeq { number, method })
    }
}

/// `RAck: <rseq> <cseq> <method>`, RFC 3262 §7.2.
pub(crate) fn rack(value: &[u8]) -> Option<(u32, CSeq<'_>)> {
    let value = trim(value);
    let blank = value.iter().position(|&b| is_blank(b))?;
    Some((decimal(&value[..blank])?, CSeq::parse(&value[blank..])?))
}

/// A digest challenge or credentials: the parameters behind `Digest`.
#[derive(Clone, Copy, Debug)]
pub struct Digest<'a>(&'a [u8]);

impl<'a> Digest<'a> {
    /// `None` for another scheme (RFC 4475 §3.3.7).
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let blank = value.iter().position(|&b| is_blank(b))?;
        value[..blank].eq_ignore_ascii_case(b"Digest").then_some(Digest(&value[blank..]))
    }
    /// A parameter without its quotes.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        split_list(self.0).find_map(|item| {
            let (key, value) = cut(item, b'=')?;
            trim(key).eq_ignore_ascii_case(name.as_bytes()).then(|| unquote(trim(value)))
        })
    }
}

/// The Q.850 cause of a Reason header, RFC 3326.
pub(crate) fn reason_cause(message: &Message) -> Option<u8> {
    message.list(Name::Reason).find_map(|item| {
        let (protocol, params) = cut(item, b';')?;
        if !trim(protocol).eq_ignore_ascii_case(b"Q.850") {
            return None;
        }
        decimal::<u8>(param(params, "cause")?).filter(|&cause| (1..128).contains(&cause))
    })
}

impl<'a> Message<'a> {
    /// The top Via.
    pub fn via(&self) -> Option<Via<'a>> {
        Via::parse(self.list(Name::Via).next()?)
    }
    /// From.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.first(Name::From)?)
    }
    /// To.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.first(Name::To)?)
    }
    /// The tag of To: present inside a dialog.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.to()?.tag()
    }
    /// The tag of From.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.from()?.tag()
    }
    /// The first Contact.
    pub fn contact(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.list(Name::Contact).next()?)
    }
    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        CSeq::parse(self.first(Name::CSeq)?)
    }
    /// Call-ID; empty when there is none.
    pub fn call_id(&self) -> &'a [u8] {
        trim(self.first(Name::CallId).unwrap_or_default())
    }
    /// A header that is one whole number, parameters ignored: Expires, Min-Expires, Retry-After, …
    pub fn number(&self, name: Name) -> Option<u32> {
        let value = self.first(name)?;
        let (number, _) = cut(value, b';').unwrap_or((value, b""));
        let word = trim(number).split(|&b| is_blank(b) || b == b'(').next()?;
        decimal(word)
    }
    /// The media type of the body, lower case, parameters dropped.
    pub fn content_type(&self) -> Option<String> {
        let value = self.first(Name::ContentType)?;
        let (kind, _) = cut(value, b';').unwrap_or((value, b""));
        Some(text(trim(kind), 100).to_ascii_lowercase())
    }
    /// The body when it is a session description; also the part of a multipart body that is one.
    pub fn sdp(&self) -> Option<String> {
        if self.body().is_empty() {
            return None;
        }
        match self.content_type()?.as_str() {
            "application/sdp" => Some(String::from_utf8_lossy(self.body()).into_owned()),
            kind if kind.starts_with("multipart/") => {
                let parts = self.parts().ok()?;
                let part = parts.iter().find(|part| part.is("application/sdp") && part.is_plain());
                part.map(|part| String::from_utf8_lossy(part.body).into_owned())
            }
            _ => None,
        }
    }
}

/// Feeds arbitrary bytes to the digest reader; for fuzzing.
pub fn fuzz_digest_header(bytes: &[u8]) {
    if let Some(digest) = Digest::parse(bytes) {
        for name in ["username", "realm", "nonce", "uri", "response", "nc", "cnonce", "qop"] {
            if let Some(value) = digest.get(name) {
                assert!(value.len() <= bytes.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_commas_and_brackets_do_not_split_a_list() {
        let items: Vec<&[u8]> =
            split_list(b"\"Bell, \\\"A\\\"\" <sip:a,b@c>;x=1 ,, <sip:d@e;y>,sip:f@g").collect();
        assert_eq!(
            items,
            [&b"\"Bell, \\\"A\\\"\" <sip:a,b@c>;x=1"[..], b"<sip:d@e;y>", b"sip:f@g"]
        );
    }

    #[test]
    fn names_and_addresses_are_told_apart() {
        let full = NameAddr::parse(b"\"J \\\\\\\"\" <sip:j@x;lr>\r\n ; tag = 9 ;z").unwrap();
        assert_eq!(
            (full.uri, full.tag(), full.display_text().as_str()),
            (&b"sip:j@x;lr"[..], Some(&b"9"[..]), "J \\\"")
        );
        let bare = NameAddr::parse(b"sip:j@x;tag=9").unwrap();
        assert_eq!((bare.uri, bare.tag()), (&b"sip:j@x"[..], Some(&b"9"[..])));
        for broken in [
            &b"\"J <sip:j@x>"[..],
            b"Bell, Alexander <sip:a@b>",
            b"sip:u@x?Route=y",
            b"<sip:u@x",
            b"<>",
            b"\"J\"",
        ] {
            assert_eq!(NameAddr::parse(broken), None, "{}", broken.escape_ascii());
        }
    }

    #[test]
    fn vias_with_blanks_and_addresses_of_both_families_are_read() {
        let via =
            Via::parse(b"SIP  / 2.0\r\n /UDP\r\n [2001:db8::9] : 5061 ;branch=\r\n z9hG4bKx;rport");
        let via = via.unwrap();
        assert_eq!(
            (via.transport, via.host, via.port),
            (&b"UDP"[..], &b"2001:db8::9"[..], Some(5061))
        );
        assert_eq!((via.branch(), via.has_rport()), (Some(&b"z9hG4bKx"[..]), true));
        assert_eq!(Via::parse(b"SIP/3.0/UDP x").map(|via| via.version), Some(&b"3.0"[..]));
        assert_eq!(Via::parse(b"HTTP/2.0/UDP x"), None);
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        assert_eq!(CSeq::parse(b"0009\r\n INVITE").map(|c| c.number), Some(9));
        assert_eq!(CSeq::parse(b"36893488147419103232 REGISTER"), None);
        assert_eq!(CSeq::parse(b"2147483648 OPTIONS"), None);
        assert_eq!(rack(b"776656 1 INVITE").map(|(r, c)| (r, c.number)), Some((776_656, 1)));
    }
}
