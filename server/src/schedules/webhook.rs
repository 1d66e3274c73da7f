//! Delivery to a webhook: one `POST` of the file, signed with HMAC-SHA256 (RFC 2104), without
//! redirects, to no address inside unless the administrator allows it.
//!
//! The header `x-switchgrid-signature` is `t=<seconds>,v1=<hex>`; signed are the seconds, the key of
//! the header `idempotency-key` and the body, with a `.` between them. The key is the same at every
//! attempt: a receiver that has seen it drops the repeat.

use super::outcome::Outcome;
use crate::outward::{Place, Refusal};
use desk::schedule::run::RunFile;
use desk::secret::Secret;
use desk::signer::Signer;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use terms::Timestamp;

/// Longest time for one request.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// Largest file that is posted.
pub const BYTES_MAX: u64 = 64 << 20;

/// Posts files.
#[derive(Clone, Debug)]
pub struct Webhooks {
    allowed: Vec<IpAddr>,
}

/// What is posted.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a str,
    /// What it is signed with.
    pub secret: &'a str,
    /// The delivery's key.
    pub key: &'a str,
    /// The file's name and type.
    pub file: &'a RunFile,
    /// When.
    pub now: Timestamp,
}

impl Webhooks {
    /// Private addresses in `allowed` may be asked, over http too.
    pub fn new(allowed: Vec<IpAddr>) -> Webhooks {
        Webhooks { allowed }
    }

    /// Posts `body`.
    pub async fn send(&self, post: Post<'_>, body: Vec<u8>) -> Outcome {
        if body.len() as u64 > BYTES_MAX {
            return Outcome::Failed(format!("the file is larger than {BYTES_MAX} bytes"));
        }
        let Ok(url) = reqwest::Url::parse(post.url) else {
            return Outcome::Failed("this is no address".to_owned());
        };
        let place = match Place::of(&url, &self.allowed, "schedules.webhook_allowed").await {
            Ok(place) => place,
            Err(Refusal::Unknown(why)) => return Outcome::Again(why),
            Err(Refusal::Barred(why)) => return Outcome::Failed(why),
        };
        if !self.may_speak(url.scheme(), place.addresses()) {
            return Outcome::Failed("https is needed".to_owned());
        }
        let client = match place.client().timeout(REQUEST_MAX).build() {
            Ok(client) => client,
            Err(error) => return Outcome::Again(error.to_string()),
        };
        let signature = signature(post.secret, post.key, post.now, &body);
        let request = client
            .post(url)
            .header("content-type", &post.file.content_type)
            .header("content-disposition", format!("attachment; filename=\"{}\"", post.file.name))
            .header("idempotency-key", post.key)
            .header("x-switchgrid-signature", signature)
            .body(body);
        match request.send().await {
            Ok(answer) => judged(answer.status().as_u16()),
            // An address may carry a token of the receiver's.
            Err(error) => Outcome::Again(error.without_url().to_string()),
        }
    }

    /// Beyond the administrator's own neighbours nothing goes in the clear.
    fn may_speak(&self, scheme: &str, addresses: &[SocketAddr]) -> bool {
        match scheme {
            "https" => true,
            "http" => addresses.iter().all(|address| self.allowed.contains(&address.ip())),
            _ => false,
        }
    }
}

fn judged(status: u16) -> Outcome {
    let said = format!("the receiver answered {status}");
    match status {
        200..=299 => Outcome::Delivered,
        300..=399 => Outcome::Failed(format!("{said}; redirects are not followed")),
        408 | 425 | 429 | 500.. => Outcome::Again(said),
        _ => Outcome::Failed(said),
    }
}

/// `t=<seconds>,v1=<hex>`.
pub fn signature(secret: &str, key: &str, now: Timestamp, body: &[u8]) -> String {
    let signer = Signer::new(&Secret::new(secret));
    signer.header(now.as_millis() / 1_000, &[key.as_bytes(), body])
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac;

    const NOW: Timestamp = Timestamp::from_secs(1_795_406_400);

    fn file() -> RunFile {
        RunFile { name: "a.csv".into(), bytes: 3, content_type: "text/csv".into() }
    }

    async fn send(webhooks: &Webhooks, url: &str) -> Outcome {
        let file = file();
        let post = Post { url, secret: "secret", key: "k", file: &file, now: NOW };
        webhooks.send(post, b"a,b".to_vec()).await
    }

    #[tokio::test]
    async fn a_webhook_cannot_reach_inside() {
        let none = Webhooks::new(Vec::new());
        for url in [
            "https://127.0.0.1:1/",
            "https://localhost:1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]:1/",
            "https://[::ffff:127.0.0.1]:1/",
            "https://2130706433/",
        ] {
            let outcome = send(&none, url).await;
            assert!(
                matches!(&outcome, Outcome::Failed(why) if why.contains("inside")),
                "{url}: {outcome:?}"
            );
        }
        let outcome = send(&none, "http://1.1.1.1/").await;
        assert_eq!(outcome, Outcome::Failed("https is needed".into()));
        assert!(matches!(send(&none, "file:///etc/passwd").await, Outcome::Failed(_)));
    }

    #[test]
    fn what_the_receiver_answers_decides_whether_it_is_asked_again() {
        assert_eq!(judged(204), Outcome::Delivered);
        for status in [429, 500, 503] {
            assert!(matches!(judged(status), Outcome::Again(_)), "{status}");
        }
        for status in [302, 400, 401, 404, 413] {
            assert!(matches!(judged(status), Outcome::Failed(_)), "{status}");
        }
    }

    #[test]
    fn a_signature_is_the_one_that_anybody_computes() {
        // RFC 4231 §4.3 signs this text with the key "Jefe"; here it follows "0.k.".
        let known = signature("Jefe", "k", Timestamp(0), b"what do ya want for nothing?");
        assert!(known.starts_with("t=0,v1=") && known.len() == 7 + 64, "{known}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let tag = hmac::sign(&key, b"0.k.what do ya want for nothing?");
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(known, format!("t=0,v1={hex}"));
        assert_ne!(known, signature("Jefe", "l", Timestamp(0), b"what do ya want for nothing?"));
        assert_ne!(known, signature("Jeff", "k", Timestamp(0), b"what do ya want for nothing?"));
    }
}
