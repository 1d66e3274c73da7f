//! Values of configuration keys: each is parsed once, and its error says what would be right.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// What stands in the file. A number without quotes is read as its text, so that its type can say
/// what is missing: `30` is no time, `"30s"` is.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text in quotes is needed")]
enum Scalar {
    Text(String),
    Whole(i64),
    Real(f64),
}

/// A type that stands as a string in the file.
macro_rules! textual {
    ($($type:ty),+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = match Scalar::deserialize(deserializer)? {
                    Scalar::Text(text) => text,
                    Scalar::Whole(number) => number.to_string(),
                    Scalar::Real(number) => number.to_string(),
                };
                text.parse().map_err(de::Error::custom)
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

textual!(
    Span,
    Bytes,
    Address,
    Listen,
    Origin,
    HttpPath,
    HostAddress,
    Reached,
    PortRange,
    Zone,
    Dialled,
    Network,
    NameServer,
    Bucket,
    Endpoint,
    Prefix,
    S3Folder
);

/// A time with its unit: `"30s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("\"{text}\" is no time: a whole number with ms, s, m, h or d, such as \"30s\"")
        };
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = text[..split].parse().map_err(|_| wrong())?;
        let ms = match text[split..].trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        Ok(Span(Duration::from_millis(number.checked_mul(ms).ok_or_else(wrong)?)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ms = self.0.as_millis();
        if ms.is_multiple_of(1000) { write!(f, "{}s", ms / 1000) } else { write!(f, "{ms}ms") }
    }
}

/// A size with its unit: `"64MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no size: a whole number with B, KiB, MiB or GiB, such as \"64MiB\""
            )
        };
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = text[..split].parse().map_err(|_| wrong())?;
        let shift = match text[split..].trim() {
            "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(wrong()),
        };
        number.checked_mul(1 << shift).map(Bytes).ok_or_else(wrong)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            n if n > 0 && n.is_multiple_of(1 << 20) => write!(f, "{}MiB", n >> 20),
            n if n > 0 && n.is_multiple_of(1 << 10) => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}B"),
        }
    }
}

/// An address and port; port 0 takes a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

impl FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Address).map_err(|_| {
            format!("\"{text}\" is no address and port, such as \"0.0.0.0:5060\" or \"[::]:5060\"")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An address and port, or empty to listen nowhere; port 0 takes a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl FromStr for Listen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Listen(None));
        }
        text.parse::<Address>().map(|address| Listen(Some(address.0)))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.map_or(Ok(()), |address| address.fmt(f))
    }
}

/// Where a page comes from, as a browser writes it: scheme, host, and a port that is not the usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub String);

impl FromStr for Origin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let fits = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        match host {
            Some(host) if !host.is_empty() && host.chars().all(fits) => Ok(Origin(text.to_owned())),
            _ => Err(format!("\"{text}\" is no origin, such as \"https://desk.example.com\"")),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path of HTTP, or empty for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPath(pub String);

impl FromStr for HttpPath {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
        if text.is_empty() || text.starts_with('/') && text.chars().all(fits) {
            Ok(HttpPath(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is no path, such as \"/sip\""))
        }
    }
}

impl fmt::Display for HttpPath {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IP address, or empty to find one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostAddress(pub Option<IpAddr>);

impl FromStr for HostAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(HostAddress(None));
        }
        text.parse()
            .map(|ip| HostAddress(Some(ip)))
            .map_err(|_| format!("\"{text}\" is no IP address, such as \"192.0.2.10\""))
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.map_or(Ok(()), |ip| ip.fmt(f))
    }
}

/// An address of ours that somebody reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached(pub IpAddr);

impl FromStr for Reached {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() || ip.is_multicast() => Err(format!(
                "nobody reaches \"{text}\": an address of this box, or of the NAT before it, such as \
                 \"203.0.113.10\""
            )),
            Ok(ip) => Ok(Reached(ip)),
            Err(_) => Err(format!("\"{text}\" is no IP address, such as \"203.0.113.10\"")),
        }
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the peers of one network are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Where they signal from.
    pub peers: Network,
    /// Our address in signalling.
    pub sip: Reached,
    /// Our address for audio; the same when left out.
    #[serde(default)]
    pub media: Option<Reached>,
}

/// Ports `first-last`; the first is even, as RTP takes even ports (RFC 3550 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// Lowest port.
    pub first: u16,
    /// Highest port.
    pub last: u16,
}

impl PortRange {
    /// True when `port` lies inside.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let range = text.split_once('-').and_then(|(first, last)| {
            Some(PortRange { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? })
        });
        match range {
            Some(range)
                if range.first >= 1024 && range.first % 2 == 0 && range.last > range.first =>
            {
                Ok(range)
            }
            _ => Err(format!(
                "\"{text}\" is no port range: an even first port from 1024 and a higher last one, \
                 such as \"20000-32766\""
            )),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(pub chrono_tz::Tz);

impl FromStr for Zone {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Zone)
            .map_err(|_| format!("\"{text}\" is no IANA time zone, such as \"Asia/Shanghai\""))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// A number that people dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled(pub String);

impl FromStr for Dialled {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if (2..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Dialled(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is no number: 2 to 20 digits, such as \"95105688\""))
        }
    }
}

impl fmt::Display for Dialled {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address or an address with a prefix length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(pub String);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let bits = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => 0,
        };
        let fits = !text.contains('/') || prefix.parse::<u8>().is_ok_and(|p| p <= bits);
        if bits > 0 && fits {
            Ok(Network(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is no address or network, such as \"192.0.2.0/24\""))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name server: an address, with a port where it is not 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameServer(pub SocketAddr);

impl FromStr for NameServer {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
        let read = text.parse::<SocketAddr>().or_else(|_| plain()).map_err(|_| {
            format!("\"{text}\" is no name server: an address such as \"10.0.0.53\" is needed")
        })?;
        Ok(NameServer(read))
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A bucket's name as S3 wants it, or empty for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket(pub String);

impl FromStr for Bucket {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let ends = text.bytes().next().is_some_and(plain) && text.bytes().last().is_some_and(plain);
        let inside = text.bytes().all(|b| plain(b) || matches!(b, b'-' | b'.'));
        if text.is_empty() || (ends && inside && (3..=63).contains(&text.len())) {
            Ok(Bucket(text.to_owned()))
        } else {
            Err(format!(
                "\"{text}\" is no bucket: 3 to 63 small letters, digits, - and ., such as \
                 \"recordings-1\""
            ))
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Scheme, host and port of a service, or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(pub String);

impl Endpoint {
    /// What is sent there can be read on the way.
    pub fn is_open(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl FromStr for Endpoint {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Endpoint(String::new()));
        }
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
        // A name or password in the address would reach logs.
        let is_plain = |host: &str| {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        };
        match host {
            Some(host) if is_plain(host) => {
                Ok(Endpoint(text.strip_suffix('/').unwrap_or(text).to_owned()))
            }
            // The text itself is not repeated: it may hold a password.
            _ => Err("this is no address of an object store: scheme, host and port, such as \
                      \"https://s3.example.com\" or \"http://192.0.2.7:9000\""
                .to_owned()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names of objects begin with: plain parts between slashes, or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(pub String);

impl FromStr for Prefix {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        let inner = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() || (inner.len() <= 200 && inner.split('/').all(is_part)) {
            Ok(Prefix(inner.to_owned()))
        } else {
            Err(format!(
                "\"{text}\" is no prefix: parts of letters, digits, -, _ and . with / between them, \
                 such as \"switchgrid/box-1\""
            ))
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bucket and what the names in it begin with, `s3://bucket/prefix`, or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Folder(pub String);

impl S3Folder {
    /// Bucket and prefix; `None` where it is empty.
    pub fn parts(&self) -> Option<(&str, &str)> {
        let rest = self.0.strip_prefix("s3://")?;
        Some(rest.split_once('/').unwrap_or((rest, "")))
    }
}

impl FromStr for S3Folder {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(S3Folder(String::new()));
        }
        let named =
            text.strip_prefix("s3://").filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
        let Some(rest) = named else {
            return Err(format!(
                "\"{text}\" is no folder of a bucket, such as \"s3://calls/box-1\""
            ));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (Bucket(bucket), Prefix(prefix)) = (bucket.parse()?, prefix.parse()?);
        let between = if prefix.is_empty() { "" } else { "/" };
        Ok(S3Folder(format!("s3://{bucket}{between}{prefix}")))
    }
}

impl fmt::Display for S3Folder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that nobody shall read: no log line and no message shows it. It is written out only into
/// the resolved configuration of the children, which its owner alone can read.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for whoever signs with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.is_empty() { "Secret(none)" } else { "Secret(…)" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Ok(Secret(text)),
            Scalar::Whole(_) | Scalar::Real(_) => {
                Err(de::Error::custom("a text in quotes is needed"))
            }
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Least severe log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Only what failed.
    Error,
    /// And what is odd.
    Warn,
    /// And what is going on.
    Info,
    /// And how.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// As `tracing` reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// Language of prompts and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// Chinese, simplified.
    #[serde(rename = "zh-CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en")]
    En,
}

impl Language {
    /// The folder of its prompts.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::ZhCn => "zh-CN",
            Language::En => "en",
        }
    }
}

/// What speaks texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speech {
    /// The program espeak-ng.
    #[serde(rename = "espeak-ng")]
    EspeakNg,
    /// Nothing: flows that say texts are refused.
    #[serde(rename = "none")]
    Nothing,
}

/// Encryption of mail on its way to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Asked for in clear (RFC 3207); a server that has none gets no mail.
    StartTls,
    /// From the first octet (RFC 8314).
    Implicit,
    /// None: everybody on the way can read.
    Off,
}

/// Socket loop of media and storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// io_uring where the kernel allows it.
    Auto,
    /// io_uring or nothing.
    IoUring,
    /// epoll, and blocking storage.
    Epoll,
}

/// A digest algorithm, RFC 7616.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// SHA-256.
    #[serde(rename = "SHA-256")]
    Sha256,
    /// MD5, which older phones and SIPp need.
    #[serde(rename = "MD5")]
    Md5,
}
