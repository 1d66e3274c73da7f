//! SIP, SIPS and tel URIs, RFC 3261 §19.1 and RFC 3966, as views over bytes.

use super::flow::Transport;
use super::header;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use terms::number::NUMBER_CHARS_MAX;

/// Which kind of URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Anything else.
    Other,
}

/// A URI in its parts. For `tel:` the number is the user and there is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Which kind.
    pub scheme: Scheme,
    /// Before the `@`, still escaped.
    pub user: Option<&'a [u8]>,
    /// Name or address; an IPv6 address without its brackets.
    pub host: &'a [u8],
    /// After the colon.
    pub port: Option<u16>,
    /// After the first `;`.
    pub params: &'a [u8],
    /// After the `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI without angle brackets. `None` when it breaks the grammar.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let colon = memchr::memchr(b':', text)?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        if !super::parse::is_token(scheme) {
            return None;
        }
        let is_clean = |&b: &u8| (b > b' ') & (b != 0x7f) & (b != b'<') & (b != b'>') & (b != b'"');
        // Without a branch in it the whole text is looked at in a few steps.
        let rest_is_clean = !rest.is_empty() & rest.iter().fold(true, |all, b| all & is_clean(b));
        if !rest_is_clean {
            return None;
        }
        let is = |name: &[u8]| scheme.eq_ignore_ascii_case(name);
        match () {
            () if is(b"sip") => Uri::sip(Scheme::Sip, rest),
            () if is(b"sips") => Uri::sip(Scheme::Sips, rest),
            () if is(b"tel") => Some(Uri::tel(rest)),
            () => Some(Uri { user: None, host: rest, ..Uri::bare(Scheme::Other) }),
        }
    }

    const fn bare(scheme: Scheme) -> Self {
        Uri { scheme, user: None, host: b"", port: None, params: b"", headers: b"" }
    }

    fn tel(rest: &'a [u8]) -> Self {
        let (number, params) = split_at(rest, b';');
        Uri { user: Some(number), params, ..Uri::bare(Scheme::Tel) }
    }

    fn sip(scheme: Scheme, rest: &'a [u8]) -> Option<Self> {
        // The user part may hold `;`, `?` and `/`, so it is cut off first (RFC 4475 §3.1.1.2).
        let (user, rest) = match memchr::memchr(b'@', rest) {
            Some(0) => return None,
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let (rest, headers) = split_at(rest, b'?');
        let (host_port, params) = split_at(rest, b';');
        let (host, port) = host_port_of(host_port)?;
        Some(Uri { scheme, user, host, port, params, headers })
    }

    /// The user part unescaped, password and parameters dropped, at most
    /// [`NUMBER_CHARS_MAX`] characters. Hostile text all the same.
    pub fn user_text(&self) -> String {
        let user = self.user.unwrap_or_default();
        let end = user.iter().position(|b| matches!(b, b':' | b';')).unwrap_or(user.len());
        let plain = unescape(&user[..end]);
        String::from_utf8_lossy(&plain).chars().take(NUMBER_CHARS_MAX).collect()
    }

    /// A header that a request to here is to carry, without its escapes (RFC 3261 §19.1.1).
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.split(|&b| b == b'&').find_map(|item| {
            let (key, value) = split_at(item, b'=');
            key.eq_ignore_ascii_case(name.as_bytes()).then(|| unescape(value))
        })
    }

    /// Value of a parameter; empty when it stands alone.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        header::param(self.params, name)
    }

    /// The host, when it is an address.
    pub fn ip(&self) -> Option<IpAddr> {
        ip_of(self.host)
    }

    /// The port that is meant (RFC 3261 §19.1.2).
    pub fn port_or_default(&self) -> u16 {
        let default = if self.transport() == Transport::Tls { 5061 } else { 5060 };
        self.port.unwrap_or(default)
    }

    /// Address and port, when the host is an address.
    pub fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip()?, self.port_or_default()))
    }

    /// The host as text, when it is ASCII.
    pub fn host_text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.host).ok()
    }

    /// How it wants to be reached; `sips:` is never in clear (RFC 3261 §19.1.1). Whoever says
    /// WebSocket is reached over the connection that they opened.
    pub fn transport(&self) -> Transport {
        let said = self.param("transport").unwrap_or_default();
        let is = |word: &str| said.eq_ignore_ascii_case(word.as_bytes());
        let secure = self.scheme == Scheme::Sips;
        match () {
            () if is("wss") || is("ws") && secure => Transport::Wss,
            () if is("ws") => Transport::Ws,
            () if is("tls") || secure => Transport::Tls,
            () if is("tcp") => Transport::Tcp,
            () => Transport::Udp,
        }
    }
}

fn split_at(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(separator, text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// `host[:port]` with an IPv6 address in brackets; blanks around the colon are RFC 3261's LWS.
pub(crate) fn host_port_of(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let text = header::trim(text);
    let (host, rest) = if let Some(inside) = text.strip_prefix(b"[") {
        let end = memchr::memchr(b']', inside)?;
        let address = &inside[..end];
        ip_of(address).filter(IpAddr::is_ipv6)?;
        (address, header::trim(&inside[end + 1..]))
    } else {
        let end = memchr::memchr(b':', text).unwrap_or(text.len());
        let host = header::trim(&text[..end]);
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if host.is_empty() || !host.iter().all(allowed) {
            return None;
        }
        (host, &text[end..])
    };
    let port = match rest.strip_prefix(b":") {
        Some(port) => Some(decimal::<u16>(header::trim(port))?),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some((host, port))
}

/// An address without brackets.
pub(crate) fn ip_of(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().or_else(|| with_three_colons(text))
}

/// The grammar of RFC 3261 put a third colon before the IPv4 part of an IPv6 address; those who
/// follow it to the letter are understood (RFC 5118 §4.10).
fn with_three_colons(text: &str) -> Option<IpAddr> {
    let (before, after) = text.split_once(":::")?;
    let after: Ipv4Addr = after.parse().ok()?;
    format!("{before}::{after}").parse().ok()
}

/// What a request may be sent to: a URI whose headers are left out, because they belong into no
/// Request-URI and a stranger's Route or From least of all (RFC 3261 §19.1.1 and §19.1.5).
pub(crate) fn without_headers(text: &[u8]) -> &[u8] {
    let user_end = memchr::memchr(b'@', text).unwrap_or(0);
    let headers = memchr::memchr(b'?', &text[user_end..]);
    headers.map_or(text, |at| &text[..user_end + at])
}

/// A whole decimal number without sign; `None` when it does not fit.
pub(crate) fn decimal<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                plain.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Escapes what may not stand in a user part, so that a dialled text stays one user part.
pub(crate) fn escape_user(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wild_user_part_stays_one_user_part() {
        let text = b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
        let uri = Uri::parse(text).unwrap();
        assert_eq!(uri.host, b"example.com");
        assert!(uri.user_text().starts_with("1_unusual.URI"));
    }

    #[test]
    fn ports_parameters_and_headers_are_told_apart() {
        let uri = Uri::parse(b"sips:a%40b:secret@[2001:db8::1]:5061;transport=TCP;lr?x=y").unwrap();
        assert_eq!((uri.user_text().as_str(), uri.port), ("a@b", Some(5061)));
        assert_eq!(uri.ip(), Some("2001:db8::1".parse().unwrap()));
        assert_eq!((uri.transport(), uri.param("lr")), (Transport::Tls, Some(&b""[..])));
        assert_eq!(uri.headers, b"x=y");
        let tel = Uri::parse(b"tel:+8613800138000;phone-context=x").unwrap();
        assert_eq!((tel.scheme, tel.user_text().as_str()), (Scheme::Tel, "+8613800138000"));
    }

    #[test]
    fn a_transport_is_read_from_its_word_and_from_the_scheme() {
        for (text, transport, port) in [
            ("sip:a@192.0.2.1", Transport::Udp, 5060),
            ("sip:a@192.0.2.1;transport=TCP", Transport::Tcp, 5060),
            ("sip:a@192.0.2.1;transport=tls", Transport::Tls, 5061),
            ("sips:a@192.0.2.1;transport=tcp", Transport::Tls, 5061),
            ("sip:a@x.invalid;transport=ws", Transport::Ws, 5060),
            ("sips:a@x.invalid;transport=ws", Transport::Wss, 5060),
            ("sip:a@192.0.2.1:7000;transport=tls", Transport::Tls, 7000),
        ] {
            let uri = Uri::parse(text.as_bytes()).unwrap();
            assert_eq!((uri.transport(), uri.port_or_default()), (transport, port), "{text}");
        }
    }

    #[test]
    fn broken_uris_are_refused() {
        let broken: [&[u8]; 7] = [
            b"sip:",
            b"sip:@host",
            b"sip:a@",
            b"sip:a@b:99999",
            b"sip:a b@c",
            b"a@b",
            b"sip:a@[::zz]",
        ];
        for text in broken {
            assert_eq!(Uri::parse(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_third_colon_is_borne_before_an_ipv4_part_and_nowhere_else() {
        let meant: IpAddr = "2001:db8::192.0.2.1".parse().unwrap();
        assert_eq!(ip_of(b"2001:db8::192.0.2.1"), Some(meant));
        assert_eq!(ip_of(b"2001:db8:::192.0.2.1"), Some(meant));
        for broken in ["2001:db8:::10", "2001:db8::::192.0.2.1", "2001:db8::1:::192.0.2.1", "a"] {
            assert_eq!(ip_of(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_request_goes_to_a_uri_without_its_headers() {
        for (said, meant) in [
            ("sip:a?b@h;lr?Route=%3Csip:evil%3E", "sip:a?b@h;lr"),
            ("sip:h?Subject=x", "sip:h"),
            ("sip:a@h", "sip:a@h"),
        ] {
            assert_eq!(without_headers(said.as_bytes()), meant.as_bytes());
        }
    }

    #[test]
    fn escaping_keeps_a_dial_string_in_its_place() {
        assert_eq!(escape_user("300&Zap/g1@x;y\r\n"), "300&Zap/g1%40x%3By%0D%0A");
    }
}
