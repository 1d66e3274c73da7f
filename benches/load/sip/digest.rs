//! Digest authentication as a client, RFC 7616 with the MD5 of RFC 2617 beside it.

use crate::sip::message::Message;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::fmt;

/// A user and a password. The password stays out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Credential({}, …)", self.user)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Challenge {
    algorithm: Algorithm,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    auth: bool,
}

/// The field that answers the strongest challenge of a 401 or 407: its name and value. None when
/// there is no challenge that we know.
pub fn answer(
    response: &Message,
    credential: &Credential,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<(&'static str, String)> {
    let (asks, says) = match response.status()? {
        401 => ("WWW-Authenticate", "Authorization"),
        407 => ("Proxy-Authenticate", "Proxy-Authorization"),
        _ => return None,
    };
    let challenge = response.all(asks).filter_map(parse).max_by_key(|found| found.algorithm)?;
    Some((says, respond(&challenge, credential, method, uri, cnonce)))
}

fn parse(field: &str) -> Option<Challenge> {
    let rest = field.strip_prefix("Digest ").or_else(|| field.strip_prefix("digest "))?;
    let value = |name: &str| {
        parts(rest).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let algorithm = match value("algorithm").unwrap_or("MD5") {
        text if text.eq_ignore_ascii_case("MD5") => Algorithm::Md5,
        text if text.eq_ignore_ascii_case("SHA-256") => Algorithm::Sha256,
        _ => return None,
    };
    Some(Challenge {
        algorithm,
        realm: value("realm")?.to_owned(),
        nonce: value("nonce")?.to_owned(),
        opaque: value("opaque").map(str::to_owned),
        auth: value("qop").is_some_and(|qop| qop.split(',').any(|one| one.trim() == "auth")),
    })
}

/// `key=value` and `key="value, with commas"`, one after the other.
fn parts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (key, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        rest = next.trim_start_matches([',', ' ']);
        Some((key.trim(), value.trim()))
    })
}

fn respond(
    challenge: &Challenge,
    credential: &Credential,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> String {
    let Challenge { algorithm, realm, nonce, .. } = challenge;
    let Credential { user, password } = credential;
    let ha1 = algorithm.hash(&format!("{user}:{realm}:{password}"));
    let ha2 = algorithm.hash(&format!("{method}:{uri}"));
    let mut field = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         algorithm={}",
        algorithm.name()
    );
    if challenge.auth {
        let response = algorithm.hash(&format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}"));
        field += &format!(", response=\"{response}\", qop=auth, nc=00000001, cnonce=\"{cnonce}\"");
    } else {
        field += &format!(", response=\"{}\"", algorithm.hash(&format!("{ha1}:{nonce}:{ha2}")));
    }
    if let Some(opaque) = &challenge.opaque {
        field += &format!(", opaque=\"{opaque}\"");
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;

    fn challenged(fields: &[&str]) -> Message {
        let request = Message::request("GET", "/dir/index.html");
        let response = Message::response(&request, 401, "Unauthorized");
        fields.iter().fold(response, |response, field| response.with("WWW-Authenticate", *field))
    }

    fn mufasa() -> Credential {
        Credential { user: "Mufasa".into(), password: "Circle of Life".into() }
    }

    /// The example of RFC 7616 §3.9.1.
    #[test]
    fn both_answers_of_the_rfc_come_out() {
        let shared = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
            nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
            opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let md5 = format!("Digest algorithm=MD5, {shared}");
        let sha = format!("Digest algorithm=SHA-256, {shared}");
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let say = |fields: &[&str]| {
            answer(&challenged(fields), &mufasa(), "GET", "/dir/index.html", cnonce).unwrap().1
        };
        assert!(say(&[&md5]).contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""));
        let strongest = say(&[&md5, &sha]);
        assert!(strongest.contains(
            "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""
        ));
    }

    #[test]
    fn an_unknown_algorithm_is_not_answered() {
        let response = challenged(&["Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256"]);
        assert_eq!(answer(&response, &mufasa(), "GET", "/", "c"), None);
    }

    #[test]
    fn a_password_does_not_reach_a_log() {
        assert!(!format!("{:?}", mufasa()).contains("Circle"));
    }
}
