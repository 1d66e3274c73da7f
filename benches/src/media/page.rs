//! What a page in a browser and a box agree on before audio, and the page's first word: a check of
//! ICE that names its leg and nominates the way it comes.

use aws_lc_rs::hmac;
use terms::media::{Dtls, DtlsRole, Fingerprint, Ice};

/// Octets of a STUN header, RFC 8489 §5.
const STUN_HEADER_BYTES: usize = 20;
/// MESSAGE-INTEGRITY, §14.5, with its own header.
const SIGNATURE_BYTES: usize = 24;

/// What is agreed with a page: its handshake and its names.
pub struct Agreed {
    /// The certificate that it shows; the box waits for it to begin.
    pub dtls: Dtls,
    /// Names and password.
    pub ice: Ice,
}

/// What a box and page `n`, which shows this certificate, agree on.
pub fn agree(page: Fingerprint, n: u64) -> Agreed {
    let dtls = Dtls { role: DtlsRole::Server, fingerprints: vec![page] };
    let ice = Ice {
        ufrag: format!("leg{n}"),
        pwd: "0123456789abcdefghijklmn".to_owned(),
        peer_ufrag: format!("page{n}"),
    };
    Agreed { dtls, ice }
}

/// A binding request that nominates the way it comes, RFC 8445 §7.1.
pub fn check(ice: &Ice) -> Vec<u8> {
    let name = format!("{}:{}", ice.ufrag, ice.peer_ufrag);
    let mut bytes = vec![0; STUN_HEADER_BYTES];
    bytes[1] = 1;
    bytes[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
    attribute(&mut bytes, 0x0006, name.as_bytes());
    attribute(&mut bytes, 0x0025, &[]);
    let body = bytes.len() - STUN_HEADER_BYTES + SIGNATURE_BYTES;
    bytes[2..4].copy_from_slice(&(body as u16).to_be_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, ice.pwd.as_bytes());
    let signature = hmac::sign(&key, &bytes);
    attribute(&mut bytes, 0x0008, signature.as_ref());
    bytes
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(kind.to_be_bytes());
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_names_its_leg_and_says_how_long_it_is() {
        let bytes = check(&agree(Fingerprint([7; 32]), 12).ice);
        let said = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!(said, bytes.len() - STUN_HEADER_BYTES);
        assert!(bytes.windows(12).any(|part| part == b"leg12:page12"));
    }
}
