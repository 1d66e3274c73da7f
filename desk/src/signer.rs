//! Signatures of what is sent to others: HMAC-SHA256 (RFC 2104) under a secret that the receiver
//! has too. The time is signed as well, so that a receiver can refuse what is old.

use crate::secret::{Secret, hex};
use aws_lc_rs::hmac;
use std::fmt;

/// Signs under a secret.
#[derive(Clone)]
pub struct Signer(hmac::Key);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// A signer under this secret, whose characters are the key.
    pub fn new(secret: &Secret) -> Self {
        Signer(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The signature of the seconds since 1970 and the parts, with a `.` between all of them, in
    /// lower-case hex.
    pub fn sign(&self, seconds: i64, parts: &[&[u8]]) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        signing.update(seconds.to_string().as_bytes());
        for part in parts {
            signing.update(b".");
            signing.update(part);
        }
        hex(signing.sign().as_ref())
    }

    /// The same as the text of a header: `t=<seconds>,v1=<hex>`.
    pub fn header(&self, seconds: i64, parts: &[&[u8]]) -> String {
        format!("t={seconds},v1={}", self.sign(seconds, parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by another program: `printf 1.x | openssl dgst -sha256 -hmac key`.
    #[test]
    fn a_signature_is_what_any_receiver_computes() {
        let signer = Signer::new(&Secret::new("key"));
        let known = "fc4913c41a7bf793267e2a384f3261c9436ec2cd097bd745e7b0d99113f510ec";
        assert_eq!(signer.sign(1, &[b"x"]), known);
        assert_ne!(signer.sign(2, &[b"x"]), signer.sign(1, &[b"x"]), "the time is signed too");
        assert_eq!(format!("{signer:?}"), "Signer(…)");
    }

    #[test]
    fn every_part_is_signed_and_the_header_names_the_time() {
        let signer = Signer::new(&Secret::new("key"));
        assert_eq!(signer.sign(1, &[b"k", b"x"]), signer.sign(1, &[b"k.x"]));
        assert_ne!(signer.sign(1, &[b"l", b"x"]), signer.sign(1, &[b"k", b"x"]));
        let known = "t=1,v1=fc4913c41a7bf793267e2a384f3261c9436ec2cd097bd745e7b0d99113f510ec";
        assert_eq!(signer.header(1, &[b"x"]), known);
    }
}
