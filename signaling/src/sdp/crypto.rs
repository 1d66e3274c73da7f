//! One `a=crypto` line, RFC 4568 §4 and §6: a tag, a suite and the key of who writes it.
//!
//! A lifetime is accepted, because no call lives that long. Lines that ask for what we do not do
//! (master key identifiers, more than one key, key derivation rates, packets without encryption or
//! authentication) count as not written, as do suites that we do not know.

use super::base64;
use std::fmt::Write;
use terms::media::{SrtpKey, SrtpSuite};

/// Most lines of a stream that are read.
const LINES_MAX: usize = 16;
/// Longest lifetime, in packets as a power of two (RFC 3711 §9.2).
const LIFETIME_BITS_MAX: u32 = 48;
/// The largest tag, RFC 4568 §9.1.
const TAG_MAX: u32 = 999_999_999;

/// A line that we can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Names it in the answer.
    pub tag: u32,
    /// How packets are protected.
    pub suite: SrtpSuite,
    /// With which key its writer sends.
    pub key: SrtpKey,
}

impl Crypto {
    /// Reads the value of the attribute; `None` when we cannot use it.
    pub fn read(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?;
        let tag = tag.bytes().all(|b| b.is_ascii_digit()).then(|| tag.parse().ok())??;
        let suite = SrtpSuite::from_name(words.next()?)?;
        let key = inline_key(suite, words.next()?)?;
        let takes = |parameter: &str| {
            // §6.3.7: what begins with a minus may be passed over. A window of replays is ours to
            // choose (§6.3.6); that of media is twice the least.
            parameter.starts_with('-') || parameter.to_ascii_uppercase().starts_with("WSH=")
        };
        (tag <= TAG_MAX && words.all(takes)).then_some(Crypto { tag, suite, key })
    }

    /// Adds the attribute to a description.
    pub fn write(&self, text: &mut String) {
        let octets = [self.key.key(self.suite), self.key.salt(self.suite)].concat();
        let (tag, suite, key) = (self.tag, self.suite.name(), base64::write(&octets));
        write!(text, "a=crypto:{tag} {suite} inline:{key}\r\n").expect("a string takes any text");
    }
}

/// The lines of a stream that we can use, in their order; of two with one tag the first.
pub fn lines(media: &sdp_types::Media) -> Vec<Crypto> {
    let values = media.attributes.iter().filter(|a| a.attribute.eq_ignore_ascii_case("crypto"));
    let mut lines: Vec<Crypto> = Vec::new();
    for line in values.take(LINES_MAX).filter_map(|a| Crypto::read(a.value.as_deref()?)) {
        if lines.iter().all(|known| known.tag != line.tag) {
            lines.push(line);
        }
    }
    lines
}

/// `inline:<key and salt>[|<lifetime>]`
fn inline_key(suite: SrtpSuite, parameters: &str) -> Option<SrtpKey> {
    let (method, rest) = parameters.split_once(':')?;
    let mut parts = rest.split('|');
    let octets = base64::read(parts.next()?)?;
    let is_usable = method.eq_ignore_ascii_case("inline")
        && parts.next().is_none_or(is_lifetime)
        && parts.next().is_none();
    is_usable.then(|| SrtpKey::of(suite, &octets)).flatten()
}

/// `2^20`, or a number of packets. A master key identifier has a colon and is none.
fn is_lifetime(text: &str) -> bool {
    match text.strip_prefix("2^") {
        Some(bits) => bits.parse::<u32>().is_ok_and(|bits| bits <= LIFETIME_BITS_MAX),
        None => text.parse::<u64>().is_ok_and(|packets| packets > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 4568 §4.1.
    const KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

    #[test]
    fn lines_of_the_rfc_and_of_phones_are_read() {
        for line in [
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1048576 WSH=128 -X=1"),
            format!("1  aes_cm_128_hmac_sha1_80  INLINE:{KEY}"),
        ] {
            let read = Crypto::read(&line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((read.tag, read.suite), (1, SrtpSuite::AesCm128HmacSha1Tag80));
            assert_eq!(read.key.salt(read.suite).len(), 14);
            let mut again = String::new();
            read.write(&mut again);
            assert_eq!(again, format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"));
        }
    }

    #[test]
    fn what_we_do_not_do_counts_as_not_written() {
        for line in [
            String::new(),
            "1".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
            format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("+1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1000000000 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("99999999999 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AEAD_AES_256_GCM inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 prompt:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}A"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^99"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20;inline:{KEY}|2^20"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
        ] {
            assert_eq!(Crypto::read(&line), None, "{line}");
        }
    }
}
