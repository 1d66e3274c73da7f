//! From a master key and salt to session keys, RFC 3711 §4.3 with a key derivation rate of zero.
//! Galois/counter mode takes the function of its key's length, and its salt of 12 octets ends in
//! two zeros here (RFC 7714 §11).

use super::cipher::Cipher;
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use terms::media::{SALT_BYTES_MAX, SrtpKey, SrtpSuite};

/// Octets of the session key of HMAC-SHA1, RFC 3711 §5.2.
const AUTH_KEY_BYTES: usize = 20;

/// What a session key is for: its three labels are this and the next two, RFC 3711 §4.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// SRTP.
    Rtp = 0,
    /// SRTCP.
    Rtcp = 3,
}

/// The cipher of one direction for one use.
pub fn cipher(suite: SrtpSuite, master: &SrtpKey, of: Use) -> Cipher {
    let derive = |label: u8, out: &mut [u8]| {
        derive(master.key(suite), master.salt(suite), of as u8 + label, out);
    };
    let mut key = [0; 32];
    let key = &mut key[..suite.key_bytes()];
    derive(0, key);
    let mut salt = [0; SALT_BYTES_MAX];
    derive(2, &mut salt[..suite.salt_bytes()]);
    match suite {
        SrtpSuite::AeadAes256Gcm | SrtpSuite::AeadAes128Gcm => Cipher::galois(key, &salt),
        SrtpSuite::AesCm128HmacSha1Tag80 | SrtpSuite::AesCm128HmacSha1Tag32 => {
            let mut auth = [0; AUTH_KEY_BYTES];
            derive(1, &mut auth);
            let tag_bytes = if suite == SrtpSuite::AesCm128HmacSha1Tag32 { 4 } else { 10 };
            Cipher::counter(key, &salt, &auth, tag_bytes)
        }
    }
}

/// The first octets of the keystream of a label.
pub(super) fn derive(key: &[u8], salt: &[u8], label: u8, out: &mut [u8]) {
    let mut counter = [0; 16];
    counter[..salt.len()].copy_from_slice(salt);
    counter[7] ^= label;
    out.fill(0);
    keystream(&counter_key(key), counter, out);
}

/// A key of AES in counter mode.
pub(super) fn counter_key(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).expect("suites have keys of 16 or 32 octets");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

/// Adds the keystream that begins at `counter` to `bytes`.
pub(super) fn keystream(key: &EncryptingKey, counter: [u8; 16], bytes: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(counter));
    key.less_safe_encrypt(bytes, context).expect("any length is counted through");
}
