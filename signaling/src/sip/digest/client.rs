//! Our credentials for somebody else's challenge, RFC 7616 §3.4. Whether they may be sent at all is
//! decided by the trunk: realm and address are checked there.

use super::Algorithm;
use crate::sip::header;
use crate::sip::write::quoted;
use terms::routing::Credential;

/// Value of an Authorization header; `None` when the challenge asks for what we do not know.
pub(crate) fn respond(
    credential: &Credential,
    challenge: &header::Digest,
    method: &str,
    uri: &str,
    counter: u32,
    cnonce: &str,
) -> Option<String> {
    let algorithm = Algorithm::from_token(challenge.get("algorithm"))?;
    let (realm, nonce) = (challenge.get("realm")?, challenge.get("nonce")?);
    let ha1 = algorithm.hash(&[credential.user.as_bytes(), realm, credential.password.as_bytes()]);
    let ha2 = algorithm.hash(&[method.as_bytes(), uri.as_bytes()]);
    let (realm_text, nonce_text) =
        (std::str::from_utf8(realm).ok()?, std::str::from_utf8(nonce).ok()?);
    let mut value = format!(
        "Digest username={},realm={},nonce=\"{nonce_text}\",uri=\"{uri}\",algorithm={}",
        quoted(&credential.user),
        quoted(realm_text),
        algorithm.token()
    );
    let response = match challenge.get("qop") {
        Some(offered) => {
            let auth = offered.split(|&b| b == b',').any(|q| header::trim(q) == b"auth");
            auth.then_some(())?;
            let nc = format!("{counter:08x}");
            value += &format!(",qop=auth,nc={nc},cnonce=\"{cnonce}\"");
            let parts =
                [ha1.as_bytes(), nonce, nc.as_bytes(), cnonce.as_bytes(), b"auth", ha2.as_bytes()];
            algorithm.hash(&parts)
        }
        // RFC 2069: some carriers still send no qop.
        None => algorithm.hash(&[ha1.as_bytes(), nonce, ha2.as_bytes()]),
    };
    value += &format!(",response=\"{response}\"");
    if let Some(opaque) = challenge.get("opaque") {
        value += &format!(",opaque=\"{}\"", std::str::from_utf8(opaque).ok()?);
    }
    Some(value)
}
