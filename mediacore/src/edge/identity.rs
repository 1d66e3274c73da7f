//! The certificate of the box's media: made when the process starts, kept in memory only, the same
//! for all legs. The signalling carries its fingerprint, so nobody has to know it from before.

use crate::dtls::Identity;
use dimpl::certificate::generate_self_signed_certificate;
use std::time::Instant;

/// Makes a key on P-256 and a certificate for it.
///
/// # Errors
/// What the cryptographic library says.
pub fn generate() -> Result<Identity, String> {
    let made = generate_self_signed_certificate();
    let certificate = made.map_err(|error| format!("make the certificate of media: {error}"))?;
    Identity::new(certificate, Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_has_a_certificate_of_its_own() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(format!("{one:?}"), format!("Identity({})", one.fingerprint()));
    }
}
