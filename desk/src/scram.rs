//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, without sockets: how clients of PostgreSQL
//! prove a secret without sending it. What is kept is a verifier, from which nobody signs in.
//!
//! Channel binding is not offered: the name `SCRAM-SHA-256` alone is told to clients.

pub mod base64;

use crate::secret::random;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, pbkdf2};
use std::fmt;
use std::num::NonZeroU32;

/// The mechanism's name on the wire.
pub const MECHANISM: &str = "SCRAM-SHA-256";
/// Rounds of PBKDF2 for a new verifier: the secrets are 32 random bytes, which nobody guesses.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4_096).expect("it is not zero");
/// Longest message of a client.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// What is kept of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Why an exchange ends without a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A message that is none.
    #[error("a message of the sign-in cannot be read")]
    Malformed,
    /// The client wants its connection bound to the certificate, which is not offered.
    #[error("channel binding is not offered here; connect with channel_binding=prefer or disable")]
    Binding,
    /// The secret is not the right one.
    #[error("the name or the secret is wrong")]
    Wrong,
}

impl Verifier {
    /// Of a new secret, with a salt of its own. Secrets are printable ASCII, which SASLprep
    /// (RFC 4013) leaves as they are.
    pub fn of(secret: &str) -> Self {
        Verifier::salted(secret, &random::<16>(), ITERATIONS)
    }

    /// For a name that nobody has: the same salt at every try, so that the answer does not tell
    /// whether the name exists; no secret fits. `key` is the process's own.
    pub fn of_nobody(key: &[u8; 32], name: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let salt = hmac::sign(&key, name.as_bytes()).as_ref()[..16].to_vec();
        let (stored_key, server_key) = (random::<32>().to_vec(), random::<32>().to_vec());
        Verifier { iterations: ITERATIONS, salt, stored_key, server_key }
    }

    fn salted(secret: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let mut salted = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            salt,
            secret.as_bytes(),
            &mut salted,
        );
        Verifier {
            iterations,
            salt: salt.to_vec(),
            stored_key: sha256(&signed(&salted, b"Client Key")),
            server_key: signed(&salted, b"Server Key"),
        }
    }

    /// True when this is the secret, for doors whose clients send it. As slow as an exchange is for the
    /// client.
    pub fn is_of(&self, secret: &str) -> bool {
        if secret.len() > MESSAGE_BYTES_MAX {
            return false;
        }
        let said = Verifier::salted(secret, &self.salt, self.iterations);
        verify_slices_are_equal(&said.stored_key, &self.stored_key).is_ok()
    }

    /// As PostgreSQL writes it:
    /// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64.
    pub fn to_text(&self) -> String {
        format!(
            "{MECHANISM}${}:{}${}:{}",
            self.iterations,
            base64::encode(&self.salt),
            base64::encode(&self.stored_key),
            base64::encode(&self.server_key)
        )
    }

    /// The opposite of [`Verifier::to_text`].
    pub fn parse(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix(MECHANISM)?.strip_prefix('$')?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        Some(Verifier {
            iterations: iterations.parse().ok()?,
            salt: base64::decode(salt)?,
            stored_key: base64::decode(stored_key)?,
            server_key: base64::decode(server_key)?,
        })
    }
}

/// An exchange whose first half is done.
pub struct Exchange {
    verifier: Verifier,
    /// What the client's last message has to repeat.
    nonce: String,
    /// The first message of the client, whose head says how it thinks of channel binding.
    header: String,
    /// `client-first-message-bare "," server-first-message`, the beginning of AuthMessage.
    said: String,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Exchange(…)")
    }
}

impl Exchange {
    /// Takes the client's first message and gives ours.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::Binding`].
    pub fn begin(verifier: Verifier, first: &[u8]) -> Result<(Self, String), Refusal> {
        Exchange::begin_with(verifier, first, &base64::encode(&random::<18>()))
    }

    fn begin_with(verifier: Verifier, first: &[u8], ours: &str) -> Result<(Self, String), Refusal> {
        let first = text(first)?;
        // gs2-header: the flag of channel binding, then an identity to act as, which is not offered.
        let mut parts = first.splitn(3, ',');
        let (flag, act_as, bare) = (parts.next(), parts.next(), parts.next());
        let flag = flag.ok_or(Refusal::Malformed)?;
        match flag {
            "n" | "y" => {}
            flag if flag.starts_with("p=") => return Err(Refusal::Binding),
            _ => return Err(Refusal::Malformed),
        }
        if act_as != Some("") {
            return Err(Refusal::Malformed);
        }
        let bare = bare.ok_or(Refusal::Malformed)?;
        let mut fields = bare.split(',');
        // Clients of PostgreSQL leave the name empty: the start of the connection said it.
        fields.next().filter(|name| name.starts_with("n=")).ok_or(Refusal::Malformed)?;
        let theirs = fields.next().and_then(|field| field.strip_prefix("r="));
        let theirs = theirs.filter(|nonce| !nonce.is_empty()).ok_or(Refusal::Malformed)?;
        let nonce = format!("{theirs}{ours}");
        let answer =
            format!("r={nonce},s={},i={}", base64::encode(&verifier.salt), verifier.iterations);
        let said = format!("{bare},{answer}");
        Ok((Exchange { verifier, nonce, header: format!("{flag},,"), said }, answer))
    }

    /// Takes the client's last message; the answer proves to the client that we have the verifier.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::Wrong`].
    pub fn finish(&self, last: &[u8]) -> Result<String, Refusal> {
        let last = text(last)?;
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or(Refusal::Malformed)?;
        let mut fields = without_proof.split(',');
        let header = fields.next().and_then(|field| field.strip_prefix("c="));
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        if header != Some(base64::encode(self.header.as_bytes()).as_str())
            || nonce != Some(self.nonce.as_str())
        {
            return Err(Refusal::Malformed);
        }
        let proof = base64::decode(proof).filter(|proof| proof.len() == 32);
        let proof = proof.ok_or(Refusal::Malformed)?;
        let message = format!("{},{without_proof}", self.said);
        // ClientKey := ClientProof XOR HMAC(StoredKey, AuthMessage); H(ClientKey) is StoredKey.
        let signature = signed(&self.verifier.stored_key, message.as_bytes());
        let key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        verify_slices_are_equal(&sha256(&key), &self.verifier.stored_key)
            .map_err(|_| Refusal::Wrong)?;
        let answer = signed(&self.verifier.server_key, message.as_bytes());
        Ok(format!("v={}", base64::encode(&answer)))
    }
}

fn text(message: &[u8]) -> Result<&str, Refusal> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(Refusal::Malformed);
    }
    std::str::from_utf8(message).map_err(|_| Refusal::Malformed)
}

fn signed(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677 §3.
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
    const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const OURS: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn verifier(secret: &str) -> Verifier {
        Verifier::salted(secret, &base64::decode(SALT).unwrap(), ITERATIONS)
    }

    fn begun(secret: &str) -> (Exchange, String) {
        Exchange::begin_with(verifier(secret), FIRST, OURS).unwrap()
    }

    #[test]
    fn the_exchange_is_that_of_rfc_7677() {
        let (exchange, answer) = begun("pencil");
        let known = format!("r=rOprNGfwEbeRWgbNEkqO{OURS},s={SALT},i=4096");
        assert_eq!(answer, known);
        let proved = exchange.finish(LAST.as_bytes()).unwrap();
        assert_eq!(proved, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_secret_that_is_sent_is_known_and_another_is_not() {
        let verifier = Verifier::of("pencil");
        assert!(verifier.is_of("pencil"));
        assert!(!verifier.is_of("pencils"));
        assert!(!verifier.is_of(""));
        let long = "x".repeat(MESSAGE_BYTES_MAX + 1);
        assert!(!Verifier::of(&long).is_of(&long), "nobody sends a secret of that length");
        assert!(!Verifier::of_nobody(&[7; 32], "sql_7").is_of("pencil"));
    }

    #[test]
    fn another_secret_and_nobody_are_refused_alike() {
        let (exchange, _) = begun("pencils");
        assert_eq!(exchange.finish(LAST.as_bytes()), Err(Refusal::Wrong));
        let (one, other) =
            (Verifier::of_nobody(&[7; 32], "sql_9"), Verifier::of_nobody(&[7; 32], "sql_9"));
        assert_eq!(one.salt, other.salt, "a second try looks like the first");
        assert_ne!(Verifier::of_nobody(&[7; 32], "sql_8").salt, one.salt);
        let (exchange, _) = Exchange::begin_with(one, FIRST, OURS).unwrap();
        assert_eq!(exchange.finish(LAST.as_bytes()), Err(Refusal::Wrong));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let begin = |first: &[u8]| Exchange::begin_with(verifier("pencil"), first, OURS).map(drop);
        assert_eq!(begin(b"p=tls-server-end-point,,n=,r=abc"), Err(Refusal::Binding));
        let long = vec![b'n'; MESSAGE_BYTES_MAX + 1];
        for first in [
            b"".as_slice(),
            b"n",
            b"x,,n=,r=abc",
            b"n,a=admin,n=,r=abc",
            b"n,,n=",
            b"n,,n=,r=",
            b"n,,\xff",
            &long,
        ] {
            assert_eq!(begin(first), Err(Refusal::Malformed), "{first:?}");
        }
        let (exchange, _) = begun("pencil");
        for last in [
            "",
            "c=biws,r=another,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            &LAST.replace("biws", "eSws"),
            &LAST.replace("dHzb", ""),
            &LAST.replace("dHzb", "d zb"),
        ] {
            assert_eq!(exchange.finish(last.as_bytes()), Err(Refusal::Malformed), "{last}");
        }
    }

    #[test]
    fn a_verifier_is_kept_as_text_and_tells_nothing() {
        let verifier = verifier("pencil");
        let text = verifier.to_text();
        let known =
            format!("SCRAM-SHA-256$4096:{SALT}$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:");
        assert!(text.starts_with(&known), "{text}");
        assert_eq!(Verifier::parse(&text), Some(verifier.clone()));
        assert_eq!(format!("{verifier:?}"), "Verifier(…)");
        assert_ne!(Verifier::of("pencil").salt, Verifier::of("pencil").salt);
        for broken in ["", "md5", "SCRAM-SHA-256$0:AA==$AA==:AA==", "SCRAM-SHA-256$1:AA==$AA=="] {
            assert_eq!(Verifier::parse(broken), None, "{broken}");
        }
    }
}
