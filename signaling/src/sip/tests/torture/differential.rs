//! Messages made by chance, read by our parser and by two of other people: all three say the same
//! of what decides where a message belongs. What is made is valid, in all the ways in which a value
//! may be written; where the others are stricter or laxer than the RFC is not asked. One of them knows no
//! telephone numbers (`tel:`) and no text but UTF-8: these are compared with the other alone.

use super::*;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::net::Ipv6Addr;

const MESSAGES: u64 = 3_000;

/// What a message says, in the words of none of the three.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    /// The method, or the status.
    start: String,
    uri: Option<Target>,
    call_id: String,
    cseq: (u32, String),
    vias: Vec<Hop>,
    from: (Target, Option<String>),
    to: (Target, Option<String>),
    body_bytes: usize,
}

/// A URI.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    secure: bool,
    /// Without escapes and without password.
    user: Option<String>,
    /// An IPv6 address in brackets and as short as can be.
    host: String,
    port: Option<u16>,
}

/// A Via.
#[derive(Debug, PartialEq, Eq)]
struct Hop {
    transport: String,
    host: String,
    port: Option<u16>,
    branch: Option<String>,
}

#[test]
fn three_parsers_say_the_same_of_every_message() {
    let mut requests = 0;
    for seed in 0..MESSAGES {
        let text = Maker { rng: StdRng::seed_from_u64(seed), numbers: false }.message();
        let ours = ours(text.as_bytes()).unwrap_or_else(|| panic!("seed {seed}: {text}"));
        let ezk = ezk(&text);
        assert_eq!(ezk.as_ref(), Some(&ours), "ezk-sip-types, seed {seed}: {text}");
        let sipx = sipx(text.as_bytes());
        assert_eq!(sipx.as_ref(), Some(&ours), "sipx-sip, seed {seed}: {text}");
        requests += u64::from(ours.uri.is_some());
    }
    assert!((MESSAGES / 2..MESSAGES).contains(&requests), "{requests} are requests");
}

#[test]
fn two_parsers_say_the_same_of_telephone_numbers_and_names_in_latin_1() {
    let (mut numbers, mut names) = (0, 0);
    for seed in 0..MESSAGES {
        let text = Maker { rng: StdRng::seed_from_u64(seed), numbers: true }.message();
        let text = text.replace("王芳", "Jörg Müller");
        let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        let ours = ours(&bytes).unwrap_or_else(|| panic!("seed {seed}: {text}"));
        let sipx = sipx(&bytes);
        assert_eq!(sipx.as_ref(), Some(&ours), "sipx-sip, seed {seed}: {text}");
        numbers += u64::from(text.contains("tel:+86"));
        names += u64::from(text.contains("Jörg"));
    }
    assert!(numbers > MESSAGES / 4 && names > MESSAGES / 10, "{numbers} numbers, {names} names");
}

#[test]
fn what_is_compared_differs_where_messages_differ() {
    let said = |text: &str| ours(text.as_bytes()).expect("a message");
    let one = String::from_utf8(request("BYE sip:a@h SIP/2.0", &["CSeq: 1 BYE"])).unwrap();
    for (part, other) in [
        ("BYE", "INFO"),
        ("sip:a@h", "sips:a@h"),
        ("torture.", "tortur3."),
        ("CSeq: 1", "CSeq: 2"),
        ("branch=z9hG4bK", "branch=z9hG4bKx"),
        ("242etr", "242etR"),
        ("\r\n\r\n", "\r\n\r\nbody"),
    ] {
        assert_ne!(said(&one), said(&one.replace(part, other)), "{part}");
    }
}

fn text_of(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn host_of(host: &[u8]) -> Option<String> {
    let host = text_of(host)?;
    let short = host.parse::<Ipv6Addr>().map(|ip| format!("[{ip}]"));
    Some(short.unwrap_or(host))
}

/// As our parser has it.
fn ours(text: &[u8]) -> Option<Said> {
    let message = Message::parse(text, Carrier::Datagram).ok()?;
    message.validate().ok()?;
    let target = |uri: crate::sip::uri::Uri| {
        let user = uri.user.map(|_| uri.user_text());
        let secure = uri.scheme == crate::sip::uri::Scheme::Sips;
        Some(Target { secure, user, host: host_of(uri.host)?, port: uri.port })
    };
    let party = |address: crate::sip::header::NameAddr| {
        Some((target(address.parsed_uri()?)?, address.tag().and_then(text_of)))
    };
    let hop = |via: &[u8]| {
        let via = crate::sip::header::Via::parse(via)?;
        let (transport, branch) = (text_of(via.transport)?, via.branch().and_then(text_of));
        Some(Hop { transport, host: host_of(via.host)?, port: via.port, branch })
    };
    let (start, uri) = if message.is_request() {
        let uri = crate::sip::uri::Uri::parse(message.uri())?;
        (text_of(message.method_bytes())?, Some(target(uri)?))
    } else {
        (message.status().to_string(), None)
    };
    let cseq = message.cseq()?;
    Some(Said {
        start,
        uri,
        call_id: text_of(message.call_id())?,
        cseq: (cseq.number, text_of(cseq.method)?),
        vias: message.list(Name::Via).map(hop).collect::<Option<_>>()?,
        from: party(message.from()?)?,
        to: party(message.to()?)?,
        body_bytes: message.body().len(),
    })
}

/// As `ezk-sip-types` has it.
fn ezk(text: &str) -> Option<Said> {
    use ezk_sip_types::header::typed::{CSeq, CallID, ContentLength, FromTo, Via};
    use ezk_sip_types::msg::{Line, MessageLine, PullParser};
    use ezk_sip_types::parse::Parse;
    use ezk_sip_types::uri::{SipUri, SipUriUserPart};

    let bytes = Bytes::from(text.to_owned());
    let mut lines = PullParser::new(&bytes, 0);
    let first = std::str::from_utf8(lines.next()?.ok()?).ok()?;
    let (_, first) = MessageLine::parse(&bytes)(first).ok()?;
    let mut headers = ezk_sip_types::Headers::new();
    for line in lines.by_ref() {
        let (_, line) = Line::parse(&bytes, std::str::from_utf8(line.ok()?).ok()?).ok()?;
        headers.insert(line.name, line.value);
    }
    let target = |uri: &SipUri| Target {
        secure: uri.sips,
        user: match &uri.user_part {
            SipUriUserPart::Empty => None,
            SipUriUserPart::User(user) => Some(user.to_string()),
            SipUriUserPart::UserPw(both) => Some(both.user.to_string()),
        },
        host: uri.host_port.host.to_string(),
        port: uri.host_port.port,
    };
    let party =
        |value: &FromTo| (target(&value.uri.uri), value.tag.as_ref().map(|tag| tag.to_string()));
    let hop = |via: &Via| Hop {
        transport: via.transport.to_string(),
        host: via.sent_by.host.to_string(),
        port: via.sent_by.port,
        branch: via.params.get_val("branch").map(|branch| branch.to_string()),
    };
    let (start, uri) = match &first {
        MessageLine::Request(line) => (line.method.to_string(), Some(target(&line.uri))),
        MessageLine::Response(line) => (line.code.into_u16().to_string(), None),
    };
    let cseq: CSeq = headers.get_named().ok()?;
    let vias: Vec<Via> = headers.get_named().ok()?;
    let rest = bytes.len() - lines.head_end();
    let length = headers.get_named::<ContentLength>().map_or(rest, |length| length.0);
    Some(Said {
        start,
        uri,
        call_id: headers.get_named::<CallID>().ok()?.0.to_string(),
        cseq: (cseq.cseq, cseq.method.to_string()),
        vias: vias.iter().map(hop).collect(),
        from: party(&headers.get(ezk_sip_types::Name::FROM).ok()?),
        to: party(&headers.get(ezk_sip_types::Name::TO).ok()?),
        body_bytes: length,
    })
}

/// As `sipx-sip` has it.
fn sipx(text: &[u8]) -> Option<Said> {
    use sipx_sip::headers::Address;
    use sipx_sip::{CSeq, CallId, Limits, Message, Scheme, Uri, Via, parse_datagram};

    let message = parse_datagram(Bytes::from(text.to_vec()), &Limits::datagram()).ok()?;
    let target = |uri: &Uri| {
        if let Some(number) = uri.tel_parts() {
            let user = text_of(number.subscriber());
            return Some(Target { secure: false, user, host: String::new(), port: None });
        }
        let user = uri.decoded_user().map(|user| text_of(&user));
        let host = uri.host()?.to_string();
        let secure = matches!(uri.scheme(), Scheme::Sips);
        Some(Target { secure, user: user.flatten(), host, port: uri.port() })
    };
    let party = |address: &Address| Some((target(&address.uri)?, address.tag().and_then(text_of)));
    let hop = |via: &Via| {
        let (transport, branch) = (text_of(&via.transport)?, via.branch().and_then(text_of));
        Some(Hop { transport, host: via.host.to_string(), port: via.port, branch })
    };
    let (start, uri) = match &message {
        Message::Request(request) => (request.method.to_string(), Some(target(&request.uri)?)),
        Message::Response(response) => (response.status.code().to_string(), None),
    };
    let headers = message.headers();
    let cseq = headers.typed::<CSeq>()?.ok()?;
    let vias: Vec<Via> = headers.typed_all::<Via>().collect::<Result<_, _>>().ok()?;
    Some(Said {
        start,
        uri,
        call_id: text_of(&headers.typed::<CallId>()?.ok()?.0)?,
        cseq: (cseq.sequence, cseq.method.to_string()),
        vias: vias.iter().map(hop).collect::<Option<_>>()?,
        from: party(&headers.typed::<sipx_sip::headers::From>()?.ok()?.0)?,
        to: party(&headers.typed::<sipx_sip::headers::To>()?.ok()?.0)?,
        body_bytes: message.body().len(),
    })
}

/// Makes messages.
struct Maker {
    rng: StdRng,
    /// Some of its URIs are telephone numbers.
    numbers: bool,
}

impl Maker {
    fn message(&mut self) -> String {
        let method = self.pick(&METHODS);
        let start = if self.rng.random_bool(0.75) {
            format!("{method} {} SIP/2.0", self.uri(true))
        } else {
            let reason = self.pick(&["OK", "", "Not Found, Sorry", "没有找到", "2**3 = 8"]);
            format!("SIP/2.0 {} {reason}", self.rng.random_range(100..700))
        };
        let body = self.body();
        let mut lines = self.lines(method, &body);
        lines.shuffle(&mut self.rng);
        format!("{start}\r\n{}\r\n{body}", lines.concat())
    }

    fn lines(&mut self, method: &str, body: &str) -> Vec<String> {
        let number = self.rng.random_range(0..1_u32 << 31);
        let blanks = self.pick(&[" ", "  ", "\t"]);
        let call_id = self.word(40) + self.pick(&["", "@192.0.2.7", "@pbx.example.com"]);
        let (from, to) = (self.party(), self.party());
        let mut lines = vec![
            self.line(&["From", "f", "F", "FROM"], &from),
            self.line(&["To", "t", "to"], &to),
            self.line(&["Call-ID", "i", "call-id"], &call_id),
            self.line(&["CSeq", "cseq"], &format!("{number}{blanks}{method}")),
            self.line(&["Max-Forwards"], "70"),
            self.line(&["Subject", "s"], "a line\r\n that goes on: <here>, \"there"),
            self.line(&["X-Unknown"], ";;,,;;,;"),
            self.vias(),
        ];
        if !body.is_empty() {
            lines.push(self.line(&["Content-Type", "c"], "text/plain"));
        }
        if self.rng.random_bool(0.5) {
            let length = body.len().to_string();
            lines.push(self.line(&["Content-Length", "l", "L"], &length));
        }
        lines
    }

    /// A header in one of its spellings.
    fn line(&mut self, names: &[&'static str], value: &str) -> String {
        let (name, before) = (self.pick(names), self.pick(&["", "", " "]));
        let after = self.pick(&[" ", " ", "", "\t ", "\r\n  "]);
        format!("{name}{before}:{after}{value}\r\n")
    }

    /// One to four Vias, of which some share a line. They stay in their order.
    fn vias(&mut self) -> String {
        let mut value = self.via();
        let mut lines = String::new();
        for _ in 0..self.rng.random_range(0..4) {
            let next = self.via();
            if self.rng.random_bool(0.5) {
                value += self.pick(&[",", ", ", " , ", ",\r\n "]);
                value += &next;
            } else {
                lines += &self.line(&["Via", "v", "V"], &value);
                value = next;
            }
        }
        lines + &self.line(&["Via", "v", "VIA"], &value)
    }

    fn via(&mut self) -> String {
        let transport = self.pick(&["UDP", "TCP", "TLS", "SCTP", "WS", "WSS", "QUIC"]);
        let mut via = format!("SIP/2.0/{transport} {}", self.host_port());
        for param in self.some(&["rport", "received=192.0.2.99", "ttl=3", "x"]) {
            via += &self.param(param);
        }
        let branch = format!("branch=z9hG4bK{}", self.word(30));
        via + &self.param(&branch)
    }

    /// From or To, with and without tag.
    fn party(&mut self) -> String {
        let tag = format!("tag={}", self.word(20));
        let tag = if self.rng.random_bool(0.8) { self.param(&tag) } else { String::new() };
        let name = self.pick(&[
            "\"Bell, Alexander\" ",
            "\"王芳\" ",
            "\"a;b <c>\"",
            "Alice ",
            "A. Bell",
            "",
        ]);
        if name.is_empty() && self.rng.random_bool(0.5) {
            return self.uri(false) + &tag;
        }
        format!("{name}<{}>{tag}", self.uri(true))
    }

    fn uri(&mut self, with_params: bool) -> String {
        if self.numbers && self.rng.random_bool(0.5) {
            return self.number(with_params);
        }
        let scheme = self.pick(&["sip:", "sip:", "sips:", "SIP:"]);
        let user = match self.rng.random_range(0..5) {
            0 => String::new(),
            1 => self.word(8) + self.pick(&["%40", "%23", "%20", "$", "&=+"]) + &self.word(8) + "@",
            2 => format!("{}:{}@", self.word(8), self.word(8)),
            3 => format!("+86{}@", self.rng.random_range(1_000_000_u64..9_000_000_000)),
            _ => self.word(12) + "@",
        };
        let mut uri = format!("{scheme}{user}{}", self.host_port());
        if with_params {
            for param in self.some(&["transport=tcp", "lr", "user=phone", "maddr=192.0.2.9"]) {
                uri += &format!(";{param}");
            }
        }
        uri
    }

    fn number(&mut self, with_params: bool) -> String {
        let scheme = self.pick(&["tel:", "tel:", "TEL:"]);
        let number = self.rng.random_range(1_000_000_u64..9_000_000_000);
        let params = self.pick(&["", ";phone-context=example.com", ";isub=1411", ";ext=12"]);
        format!("{scheme}+86{number}{}", if with_params { params } else { "" })
    }

    fn host_port(&mut self) -> String {
        let host = self.pick(&[
            "192.0.2.7",
            "10.255.0.1",
            "pbx.example.com",
            "h-1.Example.NET",
            "i3k2ug.invalid",
            "localhost",
            "[2001:db8::9:1]",
            "[2001:0db8:0:0:0:0:0:1]",
            "[::ffff:192.0.2.2]",
        ]);
        if self.rng.random_bool(0.5) {
            return host.to_owned();
        }
        format!("{host}:{}", self.rng.random_range(1..=u16::MAX))
    }

    fn param(&mut self, param: &str) -> String {
        let before = self.pick(&[" ", "\r\n ", "", "", "", ""]);
        let after = self.pick(&["", "", "", " "]);
        format!("{before};{after}{param}")
    }

    fn body(&mut self) -> String {
        let lines = self.rng.random_range(0..4);
        (0..lines).map(|_| self.word(30) + self.pick(&["\r\n", "\n", "\r\n\r\n", ""])).collect()
    }

    /// Letters that stand for themselves wherever they are written.
    fn word(&mut self, letters_max: usize) -> String {
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'";
        let count = self.rng.random_range(1..=letters_max);
        let letter = |_| char::from(letters[self.rng.random_range(0..letters.len())]);
        (0..count).map(letter).collect()
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.rng.random_range(0..from.len())]
    }

    /// Each of them or not.
    fn some(&mut self, of: &[&'static str]) -> Vec<&'static str> {
        of.iter().copied().filter(|_| self.rng.random_bool(0.3)).collect()
    }
}

/// Those that all three know, and two that none does.
const METHODS: [&str; 12] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "UPDATE",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
    "FROBNICATE",
    "X-Y.z~1",
];
