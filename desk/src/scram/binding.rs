//! Channel binding `tls-server-end-point` (RFC 5929 §4): what a sign-in is bound to, so that it is good
//! for the connection it was made on alone. Who stands between with another certificate passes nothing
//! on.

use aws_lc_rs::digest::{self, Algorithm};

/// An object identifier of DER.
const OBJECT_IDENTIFIER: u8 = 0x06;
/// How certificates are signed, as DER has it, and the hash of their bytes: that of the signature, but
/// SHA-256 for MD5 and SHA-1 (RFC 4055 §5, RFC 5758 §3).
static SIGNATURES: [(&[u8], &Algorithm); 11] = [
    // sha256WithRSAEncryption and its like: 1.2.840.113549.1.1.
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", &digest::SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", &digest::SHA384),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", &digest::SHA512),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e", &digest::SHA224),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", &digest::SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", &digest::SHA256),
    // ecdsa-with-SHA256 and its like: 1.2.840.10045.4.
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", &digest::SHA256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", &digest::SHA384),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", &digest::SHA512),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x01", &digest::SHA224),
    (b"\x2a\x86\x48\xce\x3d\x04\x01", &digest::SHA256),
];

/// What a connection that shows this certificate (DER) is bound to. `None` for signatures without a
/// hash of their own, such as Ed25519: nothing is bound to them.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm, … }, … }
    let (_, inside, _) = element(certificate)?;
    let (_, _, behind) = element(inside)?;
    let (_, algorithm, _) = element(behind)?;
    let (tag, signature, _) = element(algorithm)?;
    let known = SIGNATURES.iter().find(|(known, _)| *known == signature);
    let (_, hash) = known.filter(|_| tag == OBJECT_IDENTIFIER)?;
    Some(digest::digest(hash, certificate).as_ref().to_vec())
}

/// The first element of some DER: its tag, its content, and what stands behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7f => (short, rest),
        long @ 0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(long - 0x80)?;
            (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some((*tag, content, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What looks like a certificate of this signature.
    fn signed(signature: &[u8]) -> Vec<u8> {
        let der = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, 0x81, length], content].concat()
        };
        let algorithm = der(0x30, &der(OBJECT_IDENTIFIER, signature));
        der(0x30, &[der(0x30, b"to be signed"), algorithm, der(0x03, b"\0signature")].concat())
    }

    #[test]
    fn a_certificate_is_hashed_as_it_is_signed() {
        let hashed = |signature: &[u8], hash: &'static Algorithm| {
            let certificate = signed(signature);
            let known = digest::digest(hash, &certificate).as_ref().to_vec();
            assert_eq!(end_point(&certificate), Some(known), "{signature:?}");
        };
        hashed(b"\x2a\x86\x48\xce\x3d\x04\x03\x02", &digest::SHA256);
        hashed(b"\x2a\x86\x48\xce\x3d\x04\x03\x03", &digest::SHA384);
        hashed(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", &digest::SHA512);
        hashed(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", &digest::SHA256);
    }

    #[test]
    fn nothing_is_bound_to_a_signature_without_a_hash_or_to_what_is_no_certificate() {
        assert_eq!(end_point(&signed(b"\x2b\x65\x70")), None, "Ed25519");
        let whole = signed(b"\x2a\x86\x48\xce\x3d\x04\x03\x02");
        assert!(end_point(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(end_point(&whole[..end]), None, "cut behind {end} bytes");
        }
        assert_eq!(end_point(b"\x30\x85\0\0\0\0\x01\0"), None);
        assert_eq!(end_point(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
