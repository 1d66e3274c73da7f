//! STUN as an ICE-lite agent needs it: binding requests read, their authors checked, and answered
//! (RFC 8489, RFC 8445 §7.3). Nothing is allocated; what follows MESSAGE-INTEGRITY counts for
//! nothing but its fingerprint.

use crate::latch::canonical;
use aws_lc_rs::hmac;
use std::net::{IpAddr, SocketAddr};

/// Octets of the header.
const HEADER_BYTES: usize = 20;
/// The fixed word of every message.
const COOKIE: u32 = 0x2112_A442;
/// Added to the checksum, so that it is no other protocol's.
const FINGERPRINT_XOR: u32 = 0x5354_554E;
/// Octets of the longest answer: header, an IPv6 address, integrity and fingerprint.
pub const ANSWER_BYTES_MAX: usize = HEADER_BYTES + 24 + 24 + 8;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const USE_CANDIDATE: u16 = 0x0025;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const FINGERPRINT: u16 = 0x8028;

/// It is no binding request of an ICE agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A check of a peer; its author is not proven yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    transaction: [u8; 12],
    /// Whom it is for: our name.
    pub ufrag: &'a str,
    /// Whom it is from.
    pub peer_ufrag: &'a str,
    /// It asks for media on this way.
    pub nominates: bool,
    /// All before MESSAGE-INTEGRITY, and its value.
    signed: &'a [u8],
    integrity: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// When it is anything else: an answer, another method, a message without name or signature,
    /// or one whose length or checksum is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let header = bytes.get(..HEADER_BYTES).ok_or(Malformed)?;
        let is_binding = word(header, 0) == Some(BINDING_REQUEST);
        let body = usize::from(word(header, 2).ok_or(Malformed)?);
        let cookie = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        if !is_binding || cookie != COOKIE || body % 4 != 0 || body + HEADER_BYTES != bytes.len() {
            return Err(Malformed);
        }
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&header[8..]);
        let (mut name, mut nominates, mut signature) = (None, false, None);
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let (kind, len) = (word(bytes, at), word(bytes, at + 2));
            let (Some(kind), Some(len)) = (kind, len) else { return Err(Malformed) };
            let (start, len) = (at + 4, usize::from(len));
            let value = bytes.get(start..start + len).ok_or(Malformed)?;
            match kind {
                FINGERPRINT => {
                    let sum = crc32fast::hash(&bytes[..at]) ^ FINGERPRINT_XOR;
                    if value != sum.to_be_bytes() || start + len != bytes.len() {
                        return Err(Malformed);
                    }
                }
                _ if signature.is_some() => {}
                USERNAME => name = std::str::from_utf8(value).ok().or(name),
                USE_CANDIDATE => nominates = true,
                MESSAGE_INTEGRITY if len == 20 => signature = Some((&bytes[..at], value)),
                _ => {}
            }
            at = start + len.next_multiple_of(4);
        }
        let (ufrag, peer_ufrag) = name.and_then(|name| name.split_once(':')).ok_or(Malformed)?;
        let (signed, integrity) = signature.ok_or(Malformed)?;
        Ok(Request { transaction, ufrag, peer_ufrag, nominates, signed, integrity })
    }

    /// Whether who wrote it knows the password.
    pub fn is_signed_with(&self, pwd: &str) -> bool {
        // The length counts up to the signature, whatever follows it (RFC 8489 §14.5).
        let len = self.signed.len() - HEADER_BYTES + 24;
        let Ok(len) = u16::try_from(len) else { return false };
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(&self.signed[..2]);
        context.update(&len.to_be_bytes());
        context.update(&self.signed[4..]);
        let made = context.sign();
        aws_lc_rs::constant_time::verify_slices_are_equal(made.as_ref(), self.integrity).is_ok()
    }

    /// Writes the answer: where we saw them, signed with our password. How long it is.
    pub fn answer(&self, from: SocketAddr, pwd: &str, out: &mut [u8; ANSWER_BYTES_MAX]) -> usize {
        let mut message = Message { out, len: HEADER_BYTES };
        message.out[..2].copy_from_slice(&BINDING_SUCCESS.to_be_bytes());
        message.out[4..8].copy_from_slice(&COOKIE.to_be_bytes());
        message.out[8..HEADER_BYTES].copy_from_slice(&self.transaction);
        message.add_address(canonical(from));
        message.count(24);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes());
        let signature = hmac::sign(&key, &message.out[..message.len]);
        message.add(MESSAGE_INTEGRITY, signature.as_ref());
        message.count(8);
        let sum = crc32fast::hash(&message.out[..message.len]) ^ FINGERPRINT_XOR;
        message.add(FINGERPRINT, &sum.to_be_bytes());
        message.len
    }
}

/// An answer that grows.
struct Message<'a> {
    out: &'a mut [u8; ANSWER_BYTES_MAX],
    len: usize,
}

impl Message<'_> {
    fn add(&mut self, kind: u16, value: &[u8]) {
        let start = self.len;
        self.out[start..start + 2].copy_from_slice(&kind.to_be_bytes());
        self.out[start + 2..start + 4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        self.out[start + 4..start + 4 + value.len()].copy_from_slice(value);
        self.len = start + 4 + value.len();
    }

    /// Writes the length as it will be with `more` octets.
    fn count(&mut self, more: usize) {
        let body = (self.len - HEADER_BYTES + more) as u16;
        self.out[2..4].copy_from_slice(&body.to_be_bytes());
    }

    /// The address, mixed with cookie and transaction so that no NAT rewrites it (§14.2).
    fn add_address(&mut self, address: SocketAddr) {
        let mut mask = [0; 16];
        mask.copy_from_slice(&self.out[4..HEADER_BYTES]);
        let mut value = [0; 20];
        let port = address.port() ^ (COOKIE >> 16) as u16;
        value[2..4].copy_from_slice(&port.to_be_bytes());
        let mix = |value: &mut [u8], octets: &[u8]| {
            for (at, (octet, mask)) in value.iter_mut().zip(octets.iter().zip(mask)) {
                *at = octet ^ mask;
            }
        };
        let len = match address.ip() {
            IpAddr::V4(v4) => {
                value[1] = 1;
                mix(&mut value[4..8], &v4.octets());
                8
            }
            IpAddr::V6(v6) => {
                value[1] = 2;
                mix(&mut value[4..20], &v6.octets());
                20
            }
        };
        self.add(XOR_MAPPED_ADDRESS, &value[..len]);
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let octets = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([octets[0], octets[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of RFC 5769 §2.1.
    const SAMPLE: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
        \x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\
        \x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\x00\x06\x00\x09evtj:h6vY   \
        \x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
        \x80\x28\x00\x04\xe5\x7a\x3b\xcf";
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn the_request_of_rfc_5769_is_read_and_its_author_is_who_knows_the_password() {
        let request = Request::parse(SAMPLE).expect("it is a request");
        assert_eq!((request.ufrag, request.peer_ufrag), ("evtj", "h6vY"));
        assert!(!request.nominates);
        assert!(request.is_signed_with(PASSWORD));
        assert!(!request.is_signed_with("VOkJxbRl1RmTxUk/WvJxBu"));
    }

    #[test]
    fn the_answer_of_rfc_5769_has_this_address_for_both_families() {
        let request = Request::parse(SAMPLE).unwrap();
        for (from, mixed) in [
            ("192.0.2.1:32853", &b"\x00\x01\xa1\x47\xe1\x12\xa6\x43"[..]),
            (
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
                &b"\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"[..],
            ),
        ] {
            let mut out = [0; ANSWER_BYTES_MAX];
            let len = request.answer(from.parse().unwrap(), PASSWORD, &mut out);
            assert_eq!(out[..2], [1, 1]);
            assert_eq!(word(&out, 2), Some((len - HEADER_BYTES) as u16));
            assert_eq!(out[4..20], SAMPLE[4..20], "of the same transaction");
            assert_eq!(&out[24..24 + mixed.len()], mixed, "{from}");
            let sum = crc32fast::hash(&out[..len - 8]) ^ FINGERPRINT_XOR;
            assert_eq!(out[len - 4..len], sum.to_be_bytes());
        }
    }

    #[test]
    fn what_follows_the_signature_is_not_signed_and_counts_for_nothing() {
        // Without its fingerprint, and with USE-CANDIDATE added by somebody on the way.
        let mut bytes = SAMPLE[..SAMPLE.len() - 8].to_vec();
        bytes.extend(b"\x00\x25\x00\x00");
        let body = (bytes.len() - HEADER_BYTES) as u16;
        bytes[2..4].copy_from_slice(&body.to_be_bytes());
        let request = Request::parse(&bytes).expect("it can still be read");
        assert!(request.is_signed_with(PASSWORD) && !request.nominates);
    }

    #[test]
    fn every_cut_and_every_changed_octet_is_refused() {
        for len in 0..SAMPLE.len() {
            assert_eq!(Request::parse(&SAMPLE[..len]), Err(Malformed), "{len}");
        }
        // But for the kind of the last attribute: what follows the signature may be anything.
        let kind = SAMPLE.len() - 8;
        for at in (0..kind).chain(kind + 2..SAMPLE.len()) {
            for bit in 0..8 {
                let mut bytes = SAMPLE.to_vec();
                bytes[at] ^= 1 << bit;
                let passes =
                    Request::parse(&bytes).is_ok_and(|request| request.is_signed_with(PASSWORD));
                assert!(!passes, "bit {bit} of octet {at}");
            }
        }
    }
}
