//! One session key at work on the packet in its buffer: counter mode with HMAC-SHA1 (RFC 3711 §4.1.1
//! and §4.2.1) or Galois/counter mode (RFC 7714 §8 and §9).
//!
//! SRTP is header, encrypted payload, tag. SRTCP under HMAC ends with the index and then the tag,
//! under Galois/counter mode with the tag and then the index.

use super::{RTCP_HEADER_BYTES, RTCP_INDEX_BYTES, keys};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use terms::media::{SALT_BYTES_MAX, Ssrc};

/// Octets of the tag of Galois/counter mode.
const GALOIS_TAG_BYTES: usize = 16;
/// Octets of the tag of HMAC-SHA1 on SRTCP, whatever it is on SRTP (RFC 4568 §6.2.2).
const HMAC_RTCP_TAG_BYTES: usize = 10;

/// A session key of one direction, for SRTP or for SRTCP.
pub struct Cipher(Mode);

enum Mode {
    Counter {
        key: EncryptingKey,
        salt: [u8; SALT_BYTES_MAX],
        auth: hmac::Key,
        /// On SRTP.
        tag_bytes: usize,
    },
    Galois {
        key: LessSafeKey,
        salt: [u8; 12],
    },
}

impl Cipher {
    /// Counter mode with HMAC-SHA1.
    pub fn counter(key: &[u8], salt: &[u8; SALT_BYTES_MAX], auth: &[u8], tag_bytes: usize) -> Self {
        let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth);
        Cipher(Mode::Counter { key: keys::counter_key(key), salt: *salt, auth, tag_bytes })
    }

    /// Galois/counter mode with the first 12 octets of the salt.
    pub fn galois(key: &[u8], salt: &[u8; SALT_BYTES_MAX]) -> Self {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let key = UnboundKey::new(algorithm, key).expect("suites have keys of 16 or 32 octets");
        let salt = std::array::from_fn(|n| salt[n]);
        Cipher(Mode::Galois { key: LessSafeKey::new(key), salt })
    }

    /// Octets of the tag on SRTP.
    pub fn tag_bytes(&self) -> usize {
        match self.0 {
            Mode::Counter { tag_bytes, .. } => tag_bytes,
            Mode::Galois { .. } => GALOIS_TAG_BYTES,
        }
    }

    /// Octets of the tag on SRTCP.
    pub fn rtcp_tag_bytes(&self) -> usize {
        match self.0 {
            Mode::Counter { .. } => HMAC_RTCP_TAG_BYTES,
            Mode::Galois { .. } => GALOIS_TAG_BYTES,
        }
    }

    /// Encrypts the RTP packet of `len` bytes at the beginning of `buffer`, behind its header, and
    /// puts the tag behind it; how long it is now. There is room for it.
    pub fn seal(
        &self,
        buffer: &mut [u8],
        header: usize,
        len: usize,
        ssrc: Ssrc,
        index: u64,
    ) -> usize {
        let end = len + self.tag_bytes();
        let (packet, rest) = buffer.split_at_mut(len);
        let tag = &mut rest[..end - len];
        match &self.0 {
            Mode::Counter { key, salt, auth, .. } => {
                keys::keystream(key, counter(salt, ssrc, index), &mut packet[header..]);
                let made = mac(auth, &[packet, &roll_over(index)]);
                tag.copy_from_slice(&made.as_ref()[..tag.len()]);
            }
            Mode::Galois { key, salt } => {
                let (clear, secret) = packet.split_at_mut(header);
                seal_galois(key, nonce(salt, ssrc, index), clear, secret, tag);
            }
        }
        end
    }

    /// Checks and opens an SRTP packet; how long the RTP packet is. `None` when it is not
    /// authentic: its payload is garbage then.
    pub fn open(&self, bytes: &mut [u8], header: usize, ssrc: Ssrc, index: u64) -> Option<usize> {
        let len = bytes.len() - self.tag_bytes();
        let (packet, tag) = bytes.split_at_mut(len);
        match &self.0 {
            Mode::Counter { key, salt, auth, .. } => {
                let made = mac(auth, &[packet, &roll_over(index)]);
                verify_slices_are_equal(&made.as_ref()[..tag.len()], tag).ok()?;
                keys::keystream(key, counter(salt, ssrc, index), &mut packet[header..]);
            }
            Mode::Galois { key, salt } => {
                let (clear, secret) = packet.split_at_mut(header);
                open_galois(key, nonce(salt, ssrc, index), clear, secret, tag)?;
            }
        }
        Some(len)
    }

    /// Encrypts the RTCP packet of `len` bytes at the beginning of `buffer` and puts index and tag
    /// behind it; how long it is now. There is room for them.
    pub fn seal_rtcp(&self, buffer: &mut [u8], len: usize, ssrc: Ssrc, word: u32) -> usize {
        let end = len + RTCP_INDEX_BYTES + self.rtcp_tag_bytes();
        let (index, word) = (rtcp_index(word), word.to_be_bytes());
        match &self.0 {
            Mode::Counter { key, salt, auth, .. } => {
                let secret = &mut buffer[RTCP_HEADER_BYTES..len];
                keys::keystream(key, counter(salt, ssrc, index), secret);
                buffer[len..len + RTCP_INDEX_BYTES].copy_from_slice(&word);
                let made = mac(auth, &[&buffer[..len + RTCP_INDEX_BYTES]]);
                let tag = &mut buffer[len + RTCP_INDEX_BYTES..end];
                tag.copy_from_slice(&made.as_ref()[..HMAC_RTCP_TAG_BYTES]);
            }
            Mode::Galois { key, salt } => {
                let (packet, rest) = buffer.split_at_mut(len);
                let (clear, secret) = packet.split_at_mut(RTCP_HEADER_BYTES);
                let (tag, rest) = rest.split_at_mut(GALOIS_TAG_BYTES);
                rest[..RTCP_INDEX_BYTES].copy_from_slice(&word);
                let mut aad = [0; RTCP_HEADER_BYTES + RTCP_INDEX_BYTES];
                aad[..RTCP_HEADER_BYTES].copy_from_slice(clear);
                aad[RTCP_HEADER_BYTES..].copy_from_slice(&word);
                seal_galois(key, nonce(salt, ssrc, index), &aad, secret, tag);
            }
        }
        end
    }

    /// The index of an SRTCP packet with the bit that says it is encrypted.
    pub fn rtcp_index(&self, bytes: &[u8]) -> u32 {
        let end = match self.0 {
            Mode::Counter { .. } => bytes.len() - HMAC_RTCP_TAG_BYTES,
            Mode::Galois { .. } => bytes.len(),
        };
        let word = &bytes[end - RTCP_INDEX_BYTES..end];
        u32::from_be_bytes([word[0], word[1], word[2], word[3]])
    }

    /// Checks and opens an SRTCP packet; how long the RTCP packet is. `None` when it is not
    /// authentic.
    pub fn open_rtcp(
        &self,
        bytes: &mut [u8],
        ssrc: Ssrc,
        word: u32,
        is_encrypted: bool,
    ) -> Option<usize> {
        let len = bytes.len() - RTCP_INDEX_BYTES - self.rtcp_tag_bytes();
        let (index, word) = (rtcp_index(word), word.to_be_bytes());
        match &self.0 {
            Mode::Counter { key, salt, auth, .. } => {
                let (signed, tag) = bytes.split_at_mut(len + RTCP_INDEX_BYTES);
                let made = mac(auth, &[signed]);
                verify_slices_are_equal(&made.as_ref()[..HMAC_RTCP_TAG_BYTES], tag).ok()?;
                if is_encrypted {
                    let secret = &mut signed[RTCP_HEADER_BYTES..len];
                    keys::keystream(key, counter(salt, ssrc, index), secret);
                }
            }
            Mode::Galois { key, salt } => {
                let (packet, rest) = bytes.split_at_mut(len);
                let tag = &rest[..GALOIS_TAG_BYTES];
                let nonce = nonce(salt, ssrc, index);
                let readable = if is_encrypted { RTCP_HEADER_BYTES } else { len };
                // What is readable and the index are authenticated as one piece.
                let mut aad = [0; super::DATAGRAM_BYTES_MAX];
                aad[..readable].copy_from_slice(&packet[..readable]);
                aad[readable..readable + RTCP_INDEX_BYTES].copy_from_slice(&word);
                let aad = &aad[..readable + RTCP_INDEX_BYTES];
                open_galois(key, nonce, aad, &mut packet[readable..], tag)?;
            }
        }
        Some(len)
    }
}

fn rtcp_index(word: u32) -> u64 {
    u64::from(word & !super::RTCP_ENCRYPTED)
}

fn roll_over(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn mac(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}

/// `(salt · 2^16) ⊕ (SSRC · 2^64) ⊕ (index · 2^16)`, RFC 3711 §4.1.1.
fn counter(salt: &[u8; SALT_BYTES_MAX], ssrc: Ssrc, index: u64) -> [u8; 16] {
    let mut salted = [0; 16];
    salted[..SALT_BYTES_MAX].copy_from_slice(salt);
    let number = u128::from(ssrc.0) << 64 | u128::from(index) << 16;
    (u128::from_be_bytes(salted) ^ number).to_be_bytes()
}

/// Two zeros, SSRC and index, over the salt. Of SRTP the index is roll-over counter and sequence
/// number (RFC 7714 §8.1), of SRTCP two zeros and 31 bits (§9.1): 48 bits both.
fn nonce(salt: &[u8; 12], ssrc: Ssrc, index: u64) -> Nonce {
    let number = (u128::from(ssrc.0) << 48 | u128::from(index)).to_be_bytes();
    Nonce::assume_unique_for_key(std::array::from_fn(|n| salt[n] ^ number[n + 4]))
}

fn seal_galois(key: &LessSafeKey, nonce: Nonce, aad: &[u8], secret: &mut [u8], tag: &mut [u8]) {
    let made = key.seal_in_place_separate_tag(nonce, Aad::from(aad), secret);
    tag.copy_from_slice(made.expect("a datagram is shorter than the cipher's limit").as_ref());
}

fn open_galois(
    key: &LessSafeKey,
    nonce: Nonce,
    aad: &[u8],
    secret: &mut [u8],
    tag: &[u8],
) -> Option<()> {
    key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, secret).ok().map(|_| ())
}
