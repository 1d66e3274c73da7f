//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, without sockets: how clients of PostgreSQL
//! prove a secret without sending it. What is kept is a verifier, from which nobody signs in.
//!
//! Under TLS the exchange may be bound to the certificate (`SCRAM-SHA-256-PLUS`, [`binding`]). A client
//! that says that it could, had we only offered it, was told something else than what we said: it is
//! refused.

pub mod base64;
pub mod binding;

use crate::secret::random;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, pbkdf2};
use std::fmt;
use std::num::NonZeroU32;

/// The mechanism's name on the wire.
pub const MECHANISM: &str = "SCRAM-SHA-256";
/// The same with the exchange bound to the connection.
pub const MECHANISM_BOUND: &str = "SCRAM-SHA-256-PLUS";
/// The flag of a client that binds: the one kind there is here.
const BOUND: &str = "p=tls-server-end-point";
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
    /// The client wants its connection bound in a way that is not offered.
    #[error(
        "this channel binding is not offered here; connect with channel_binding=prefer or disable"
    )]
    Binding,
    /// The client did not hear that binding is offered.
    #[error("the offer of channel binding did not reach the client; somebody may stand between")]
    Downgraded,
    /// The client is bound to another certificate than the one that we show.
    #[error("the client sees another certificate than ours; somebody may stand between")]
    OtherChannel,
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

/// How an exchange stands to the connection that it goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel<'a> {
    /// Binding was not offered.
    Unbound,
    /// It was offered, and the client chose the mechanism without.
    Offered,
    /// The client chose the mechanism with it; what it has to repeat.
    Bound(&'a [u8]),
}

/// An exchange whose first half is done.
pub struct Exchange {
    verifier: Verifier,
    /// What the client's last message has to repeat.
    nonce: String,
    /// The head of the client's first message, which says how it thinks of channel binding, and what
    /// the connection is bound to.
    header: Vec<u8>,
    is_bound: bool,
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
    /// [`Refusal::Malformed`], [`Refusal::Binding`] and [`Refusal::Downgraded`].
    pub fn begin(
        verifier: Verifier,
        channel: Channel,
        first: &[u8],
    ) -> Result<(Self, String), Refusal> {
        Exchange::begin_with(verifier, channel, first, &base64::encode(&random::<18>()))
    }

    fn begin_with(
        verifier: Verifier,
        channel: Channel,
        first: &[u8],
        ours: &str,
    ) -> Result<(Self, String), Refusal> {
        let first = text(first)?;
        // gs2-header: the flag of channel binding, then an identity to act as, which is not offered.
        let mut parts = first.splitn(3, ',');
        let (flag, act_as, bare) = (parts.next(), parts.next(), parts.next());
        let flag = flag.ok_or(Refusal::Malformed)?;
        let bound = agreed(channel, flag)?;
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
        let header = [format!("{flag},,").as_bytes(), bound].concat();
        let is_bound = !bound.is_empty();
        Ok((Exchange { verifier, nonce, header, is_bound, said }, answer))
    }

    /// Takes the client's last message; the answer proves to the client that we have the verifier.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::OtherChannel`] and [`Refusal::Wrong`].
    pub fn finish(&self, last: &[u8]) -> Result<String, Refusal> {
        let last = text(last)?;
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or(Refusal::Malformed)?;
        let mut fields = without_proof.split(',');
        let header = fields.next().and_then(|field| field.strip_prefix("c="));
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        if header != Some(base64::encode(&self.header).as_str()) {
            return Err(if self.is_bound { Refusal::OtherChannel } else { Refusal::Malformed });
        }
        if nonce != Some(self.nonce.as_str()) {
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

/// What a client with this flag has to repeat of the connection (RFC 5802 §6).
fn agreed<'a>(channel: Channel<'a>, flag: &str) -> Result<&'a [u8], Refusal> {
    match (channel, flag) {
        (Channel::Unbound, "n" | "y") | (Channel::Offered, "n") => Ok(&[]),
        (Channel::Bound(bound), BOUND) => Ok(bound),
        (Channel::Offered, "y") => Err(Refusal::Downgraded),
        (Channel::Unbound | Channel::Bound(_), flag) if flag.starts_with("p=") => {
            Err(Refusal::Binding)
        }
        // Also one whose flag is not that of the mechanism it chose.
        _ => Err(Refusal::Malformed),
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
        Exchange::begin_with(verifier(secret), Channel::Unbound, FIRST, OURS).unwrap()
    }

    /// What a client of this secret sends at the end.
    fn proved(secret: &str, first: &str, answer: &str, channel: &[u8]) -> String {
        let nonce = answer.split(',').next().unwrap();
        let without_proof = format!("c={},{nonce}", base64::encode(channel));
        let bare = first.splitn(3, ',').nth(2).unwrap();
        let message = format!("{bare},{answer},{without_proof}");
        let mut salted = [0; 32];
        let salt = base64::decode(SALT).unwrap();
        let kind = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(kind, ITERATIONS, &salt, secret.as_bytes(), &mut salted);
        let key = signed(&salted, b"Client Key");
        let signature = signed(&sha256(&key), message.as_bytes());
        let proof: Vec<u8> = key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        format!("{without_proof},p={}", base64::encode(&proof))
    }

    #[test]
    fn an_exchange_is_bound_to_the_certificate_of_its_connection() {
        let first = "p=tls-server-end-point,,n=,r=abc";
        let finished = |seen: &[u8]| {
            let channel = Channel::Bound(b"our certificate");
            let begun = Exchange::begin_with(verifier("pencil"), channel, first.as_bytes(), OURS);
            let (exchange, answer) = begun.unwrap();
            let seen = [b"p=tls-server-end-point,,", seen].concat();
            exchange.finish(proved("pencil", first, &answer, &seen).as_bytes()).map(drop)
        };
        assert_eq!(finished(b"our certificate"), Ok(()));
        assert_eq!(finished(b"another one"), Err(Refusal::OtherChannel));
        assert_eq!(finished(b""), Err(Refusal::OtherChannel));
    }

    #[test]
    fn a_client_that_did_not_hear_of_binding_is_refused() {
        let begin = |channel: Channel, first: &[u8]| {
            Exchange::begin_with(verifier("pencil"), channel, first, OURS).map(drop)
        };
        let (with, without) = (Channel::Bound(b"hash"), Channel::Unbound);
        assert_eq!(begin(Channel::Offered, b"y,,n=,r=abc"), Err(Refusal::Downgraded));
        assert_eq!(begin(Channel::Offered, b"n,,n=,r=abc"), Ok(()), "it cannot bind");
        assert_eq!(begin(without, b"y,,n=,r=abc"), Ok(()), "nothing was offered");
        assert_eq!(begin(with, b"p=tls-server-end-point,,n=,r=abc"), Ok(()));
        assert_eq!(begin(with, b"p=tls-unique,,n=,r=abc"), Err(Refusal::Binding));
        for (channel, first) in [
            (with, b"n,,n=,r=abc".as_slice()),
            (with, b"y,,n=,r=abc"),
            (Channel::Offered, b"p=tls-server-end-point,,n=,r=abc"),
        ] {
            assert_eq!(begin(channel, first), Err(Refusal::Malformed), "{channel:?}");
        }
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
        let (exchange, _) = Exchange::begin_with(one, Channel::Unbound, FIRST, OURS).unwrap();
        assert_eq!(exchange.finish(LAST.as_bytes()), Err(Refusal::Wrong));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let begin = |first: &[u8]| {
            Exchange::begin_with(verifier("pencil"), Channel::Unbound, first, OURS).map(drop)
        };
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
