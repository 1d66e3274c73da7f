//! Keys of an encrypted leg, as offer and answer agree them (SDES, RFC 4568) and mediacore uses
//! them (SRTP, RFC 3711 and RFC 7714). Key material appears in no `Debug` output.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Octets of the longest master key, that of AES-256.
pub const KEY_BYTES_MAX: usize = 32;
/// Octets of the longest master salt, that of counter mode.
pub const SALT_BYTES_MAX: usize = 14;

/// How packets are encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SrtpSuite {
    /// AES-256 in Galois/counter mode, tag of 16 octets, RFC 7714.
    #[serde(rename = "AEAD_AES_256_GCM")]
    AeadAes256Gcm,
    /// AES-128 in Galois/counter mode, tag of 16 octets, RFC 7714.
    #[serde(rename = "AEAD_AES_128_GCM")]
    AeadAes128Gcm,
    /// AES-128 in counter mode with HMAC-SHA1, tag of 10 octets, RFC 4568 §6.2.1: what every phone
    /// knows.
    #[serde(rename = "AES_CM_128_HMAC_SHA1_80")]
    AesCm128HmacSha1Tag80,
    /// The same with a tag of 4 octets on RTP (and 10 on RTCP), RFC 4568 §6.2.2.
    #[serde(rename = "AES_CM_128_HMAC_SHA1_32")]
    AesCm128HmacSha1Tag32,
}

impl SrtpSuite {
    /// All of them, in the order that we offer them: the strongest first.
    pub const ALL: [SrtpSuite; 4] = [
        SrtpSuite::AeadAes256Gcm,
        SrtpSuite::AeadAes128Gcm,
        SrtpSuite::AesCm128HmacSha1Tag80,
        SrtpSuite::AesCm128HmacSha1Tag32,
    ];

    /// The name in `a=crypto` (RFC 4568 §6.2, RFC 7714 §14.2).
    pub const fn name(self) -> &'static str {
        match self {
            SrtpSuite::AeadAes256Gcm => "AEAD_AES_256_GCM",
            SrtpSuite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            SrtpSuite::AesCm128HmacSha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            SrtpSuite::AesCm128HmacSha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
    /// The suite of a name; names of suites are compared without case (RFC 4568 §9.2).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }
    /// Octets of its master key.
    pub const fn key_bytes(self) -> usize {
        match self {
            SrtpSuite::AeadAes256Gcm => 32,
            SrtpSuite::AeadAes128Gcm
            | SrtpSuite::AesCm128HmacSha1Tag80
            | SrtpSuite::AesCm128HmacSha1Tag32 => 16,
        }
    }
    /// Octets of its master salt.
    pub const fn salt_bytes(self) -> usize {
        match self {
            SrtpSuite::AeadAes256Gcm | SrtpSuite::AeadAes128Gcm => 12,
            SrtpSuite::AesCm128HmacSha1Tag80 | SrtpSuite::AesCm128HmacSha1Tag32 => 14,
        }
    }
}

/// The master key and master salt of one direction. A suite uses the first octets of each, as many
/// as it needs.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrtpKey {
    key: [u8; KEY_BYTES_MAX],
    salt: [u8; SALT_BYTES_MAX],
}

impl SrtpKey {
    /// From octets of any kind: random ones make a new key.
    pub const fn new(key: [u8; KEY_BYTES_MAX], salt: [u8; SALT_BYTES_MAX]) -> Self {
        SrtpKey { key, salt }
    }
    /// From key and salt one after the other, as `inline:` carries them; `None` when they are not
    /// as long as the suite wants.
    pub fn of(suite: SrtpSuite, octets: &[u8]) -> Option<Self> {
        let (key, salt) = octets.split_at_checked(suite.key_bytes())?;
        if salt.len() != suite.salt_bytes() {
            return None;
        }
        let mut made = SrtpKey { key: [0; KEY_BYTES_MAX], salt: [0; SALT_BYTES_MAX] };
        made.key[..key.len()].copy_from_slice(key);
        made.salt[..salt.len()].copy_from_slice(salt);
        Some(made)
    }
    /// The master key of a suite.
    pub fn key(&self, suite: SrtpSuite) -> &[u8] {
        &self.key[..suite.key_bytes()]
    }
    /// The master salt of a suite.
    pub fn salt(&self, suite: SrtpSuite) -> &[u8] {
        &self.salt[..suite.salt_bytes()]
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("SrtpKey(…)")
    }
}

/// What encrypts a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Srtp {
    /// How.
    pub suite: SrtpSuite,
    /// Ours: with it we protect what we send.
    pub send: SrtpKey,
    /// Theirs: with it they protect what we receive.
    pub receive: SrtpKey,
}

/// What we ask of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SrtpPolicy {
    /// We offer plain audio. A peer that offers `RTP/SAVP` is answered in it all the same.
    #[default]
    Off,
    /// We offer plain audio with keys beside it and encrypt where the peer takes them
    /// (opportunistic, RFC 8643).
    Optional,
    /// We offer `RTP/SAVP` only; a peer without keys is refused with 488.
    Required,
    /// We offer `UDP/TLS/RTP/SAVP` only: the keys come by a handshake (DTLS-SRTP, RFC 5764) and stand
    /// in no description. A peer without keys of either kind is refused with 488.
    Dtls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_as_long_as_its_suite_wants_and_is_never_shown() {
        for suite in SrtpSuite::ALL {
            let len = suite.key_bytes() + suite.salt_bytes();
            let octets = vec![0xAB; len];
            let key = SrtpKey::of(suite, &octets).expect("as long as it should be");
            assert_eq!([key.key(suite), key.salt(suite)].concat(), octets);
            assert_eq!(SrtpKey::of(suite, &octets[1..]), None);
            assert_eq!(SrtpKey::of(suite, &[&octets[..], &[1]].concat()), None);
            let shown = format!("{:?}", Srtp { suite, send: key, receive: key });
            assert!(!shown.contains("171") && !shown.to_lowercase().contains("ab,"), "{shown}");
            assert_eq!(SrtpSuite::from_name(&suite.name().to_lowercase()), Some(suite));
        }
        assert_eq!(SrtpSuite::from_name("F8_128_HMAC_SHA1_80"), None);
    }
}
