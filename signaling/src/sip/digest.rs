//! Digest authentication, RFC 7616 and RFC 8760: MD5 and SHA-256, `qop=auth`.
//!
//! A nonce is signed, dated and for one source, so a challenge costs no memory, and who answers it has
//! received it; only a nonce that was used with the right password gets a window of counters against
//! replay. Credentials with a nonce of another source are not looked at: they are stale. Unknown users are checked against a
//! made-up secret: same work, same answer (threat T15). A source is blocked after
//! [`FAILURES_MAX`] wrong passwords, never a user name.

mod client;
mod failures;

pub(crate) use client::respond;
use failures::Failures;

use super::bucket::source_key;
use super::header;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use terms::Moment;

/// Wrong passwords from one source before it is blocked.
pub const FAILURES_MAX: u32 = 10;
/// How long a source stays blocked, and how long a failure is remembered.
pub const BLOCKED_FOR: Duration = Duration::from_secs(300);
/// How long a nonce may be used.
pub const NONCE_LIFE: Duration = Duration::from_secs(300);
/// Nonces whose counters are remembered; older ones turn stale.
pub const NONCES_MAX: usize = 100_000;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// For phones and SIPp that know nothing else.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// The token on the wire.
    pub const fn token(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    fn from_token(token: Option<&[u8]>) -> Option<Self> {
        match token {
            None => Some(Algorithm::Md5),
            Some(t) if t.eq_ignore_ascii_case(b"MD5") => Some(Algorithm::Md5),
            Some(t) if t.eq_ignore_ascii_case(b"SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    /// Hex of the hash of `parts` joined by colons.
    pub fn hash(self, parts: &[&[u8]]) -> String {
        #[cfg(test)]
        work::count(parts);
        match self {
            Algorithm::Md5 => hex(&joined(md5::Md5::new(), parts)),
            Algorithm::Sha256 => hex(&joined(sha2::Sha256::new(), parts)),
        }
    }
}

fn joined<H: sha2::Digest>(mut hasher: H, parts: &[&[u8]]) -> Vec<u8> {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).expect("four bits"));
        text.push(char::from_digit(u32::from(byte & 15), 16).expect("four bits"));
        text
    })
}

/// Compares in a time that does not depend on where the texts differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    a.len() == b.len() && std::hint::black_box(difference) == 0
}

/// The stored secrets of one user.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    /// MD5 of `user:realm:password`.
    pub md5: String,
    /// SHA-256 of the same.
    pub sha256: String,
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Ha1(…)")
    }
}

impl Ha1 {
    fn of(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Md5 => &self.md5,
            Algorithm::Sha256 => &self.sha256,
        }
    }
}

/// Checks credentials and makes challenges.
#[derive(Debug)]
pub struct Authenticator {
    secret: Secret,
    serial: u64,
    /// Serial of a used nonce → its counters.
    used: BTreeMap<u64, Window>,
    /// Nonces up to here are forgotten, so they are stale.
    forgotten: u64,
    failures: Failures,
}

struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    made_at: Moment,
    highest: u32,
    /// Bit n: `highest - n` was used.
    seen: u64,
}

impl Window {
    /// Takes a counter once.
    fn take(&mut self, counter: u32) -> bool {
        if counter > self.highest {
            let step = counter - self.highest;
            self.seen = if step < 64 { self.seen << step | 1 } else { 1 };
            self.highest = counter;
            return true;
        }
        let back = self.highest - counter;
        let fresh = back < 64 && self.seen >> back & 1 == 0;
        if fresh {
            self.seen |= 1 << back;
        }
        fresh
    }
}

/// What came of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked<T> {
    /// Right: whose they are.
    Good(T),
    /// Nothing usable for this realm was sent.
    Missing,
    /// The nonce is old, used, or none that this source had from us.
    Stale,
    /// Wrong password or unknown user, the same to the outside; the source has received our nonce.
    Wrong,
    /// The source sent too many wrong ones.
    Blocked,
}

impl Authenticator {
    /// `secret` signs the nonces.
    pub fn new(secret: [u8; 32]) -> Self {
        Authenticator {
            secret: Secret(secret),
            serial: 0,
            used: BTreeMap::new(),
            forgotten: 0,
            failures: Failures::default(),
        }
    }

    /// Value of a WWW-Authenticate header for this source.
    pub fn challenge(
        &mut self,
        now: Moment,
        source: IpAddr,
        realm: &str,
        algorithm: Algorithm,
        stale: bool,
    ) -> String {
        self.serial += 1;
        let seconds = (now.as_millis() / 1000) as u32;
        let nonce = self.nonce(seconds, self.serial, source);
        let realm = super::write::quoted(realm);
        let stale = if stale { ",stale=true" } else { "" };
        let token = algorithm.token();
        format!("Digest realm={realm},nonce=\"{nonce}\",algorithm={token},qop=\"auth\"{stale}")
    }

    fn nonce(&self, seconds: u32, serial: u64, source: IpAddr) -> String {
        let mut bytes = seconds.to_be_bytes().to_vec();
        bytes.extend_from_slice(&serial.to_be_bytes()[2..]);
        let hasher = sha2::Sha256::new().chain_update(self.secret.0).chain_update(&bytes);
        let signature = match source_key(source) {
            IpAddr::V4(v4) => hasher.chain_update(v4.octets()),
            IpAddr::V6(v6) => hasher.chain_update(v6.octets()),
        }
        .finalize();
        bytes.extend_from_slice(&signature[..10]);
        hex(&bytes)
    }

    /// When it was made and its serial, for a nonce of ours that was made for this source.
    fn read_nonce(&self, nonce: &[u8], source: IpAddr) -> Option<(Moment, u64)> {
        let text = std::str::from_utf8(nonce).ok().filter(|text| text.len() == 40)?;
        let seconds = u32::from_str_radix(text.get(..8)?, 16).ok()?;
        let serial = u64::from_str_radix(text.get(8..20)?, 16).ok()?;
        equal(self.nonce(seconds, serial, source).as_bytes(), nonce)
            .then(|| (Moment::from_secs(u64::from(seconds)), serial))
    }

    /// True while requests from this source that need a password are dropped.
    pub fn is_blocked(&self, now: Moment, source: IpAddr) -> bool {
        self.failures.is_blocked(now, source)
    }

    /// Checks the Authorization value `credentials` of a request with this `method`. `find` gives
    /// the owner and the secrets for (realm, user).
    pub fn check<T>(
        &mut self,
        now: Moment,
        source: IpAddr,
        method: &[u8],
        credentials: &[u8],
        find: impl Fn(&[u8], &[u8]) -> Found<T>,
    ) -> Checked<T> {
        if self.is_blocked(now, source) {
            return Checked::Blocked;
        }
        let Some(claim) = Claim::read(credentials) else { return Checked::Missing };
        let found = match find(claim.realm, claim.user) {
            Found::User(owner, ha1) => Some((owner, ha1)),
            Found::NoUser => None,
            Found::NoRealm => return Checked::Missing,
        };
        let Some(nonce) = self.read_nonce(claim.nonce, source) else { return Checked::Stale };
        let made_up = self.made_up();
        let ha1 = found.as_ref().map_or(&made_up, |(_, ha1)| ha1);
        let right = equal(&claim.expected(method, ha1), claim.response);
        match found {
            Some((owner, _)) if right => match self.take(now, nonce, claim.counter) {
                true => {
                    self.failures.forgive(source);
                    Checked::Good(owner)
                }
                false => Checked::Stale,
            },
            _ => {
                self.failures.note(now, source);
                Checked::Wrong
            }
        }
    }

    fn made_up(&self) -> Ha1 {
        let made_up = hex(&self.secret.0);
        Ha1 { md5: made_up[..32].to_owned(), sha256: made_up }
    }

    /// The nonce is young, and its counter is new.
    fn take(&mut self, now: Moment, (made_at, serial): (Moment, u64), counter: u32) -> bool {
        if now.since(made_at) > NONCE_LIFE || serial <= self.forgotten {
            return false;
        }
        let window = self.used.entry(serial).or_insert(Window { made_at, highest: 0, seen: 1 });
        let fresh = window.take(counter);
        self.forget(now);
        fresh
    }

    fn forget(&mut self, now: Moment) {
        while let Some(oldest) = self.used.first_entry() {
            let expired = now.since(oldest.get().made_at) > NONCE_LIFE + Duration::from_secs(1);
            let serial = *oldest.key();
            if !expired && self.used.len() <= NONCES_MAX {
                return;
            }
            if !expired {
                self.forgotten = self.forgotten.max(serial);
            }
            self.used.remove(&serial);
        }
    }
}

/// Who a user name is.
pub enum Found<T> {
    /// Owner and secrets.
    User(T, Ha1),
    /// The realm is ours, the user is not.
    NoUser,
    /// We never offered that realm (CVE-2025-57767).
    NoRealm,
}

/// What an Authorization header claims.
struct Claim<'a> {
    realm: &'a [u8],
    user: &'a [u8],
    nonce: &'a [u8],
    uri: &'a [u8],
    response: &'a [u8],
    cnonce: &'a [u8],
    nc: &'a [u8],
    counter: u32,
    algorithm: Algorithm,
}

impl<'a> Claim<'a> {
    fn read(credentials: &'a [u8]) -> Option<Self> {
        let digest = header::Digest::parse(credentials)?;
        let nc = digest.get("nc")?;
        let counter = std::str::from_utf8(nc).ok().filter(|nc| nc.len() == 8)?;
        if !digest.get("qop")?.eq_ignore_ascii_case(b"auth") {
            return None;
        }
        Some(Claim {
            realm: digest.get("realm")?,
            user: digest.get("username")?,
            nonce: digest.get("nonce")?,
            uri: digest.get("uri")?,
            response: digest.get("response")?,
            cnonce: digest.get("cnonce")?,
            nc,
            counter: u32::from_str_radix(counter, 16).ok()?,
            algorithm: Algorithm::from_token(digest.get("algorithm"))?,
        })
    }

    /// RFC 7616 §3.4.1. The claimed `uri` is hashed as it is: SIPp and some gateways name the host
    /// there, not the dialled number, and the counter already stops a second use.
    fn expected(&self, method: &[u8], ha1: &Ha1) -> Vec<u8> {
        let ha1 = ha1.of(self.algorithm);
        let ha2 = self.algorithm.hash(&[method, self.uri]);
        let parts = [ha1.as_bytes(), self.nonce, self.nc, self.cnonce, b"auth", ha2.as_bytes()];
        self.algorithm.hash(&parts).into_bytes()
    }
}

/// How much was hashed on this thread, so that a test can compare the work of two answers without
/// a clock.
#[cfg(test)]
mod work {
    use std::cell::Cell;

    thread_local!(static DONE: Cell<(u32, usize)> = const { Cell::new((0, 0)) });

    pub fn count(parts: &[&[u8]]) {
        let bytes: usize = parts.iter().map(|part| part.len() + 1).sum();
        DONE.with(|done| done.set((done.get().0 + 1, done.get().1 + bytes)));
    }

    /// Hashes and bytes since the last question.
    pub fn take() -> (u32, usize) {
        DONE.with(Cell::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 5));

    fn ha1() -> Ha1 {
        let parts: [&[u8]; 3] = [b"1001", b"switchgrid", b"secret"];
        Ha1 { md5: Algorithm::Md5.hash(&parts), sha256: Algorithm::Sha256.hash(&parts) }
    }

    fn find(realm: &[u8], user: &[u8]) -> Found<u32> {
        match (realm, user) {
            (b"switchgrid", b"1001") => Found::User(1001, ha1()),
            (b"switchgrid", _) => Found::NoUser,
            _ => Found::NoRealm,
        }
    }

    fn credentials(challenge: &str, user: &str, password: &str, nc: u32) -> String {
        let credential = terms::routing::Credential {
            user: user.into(),
            password: password.into(),
            realm: String::new(),
        };
        let value = header::Digest::parse(challenge.as_bytes()).unwrap();
        respond(&credential, &value, "REGISTER", "sip:h", nc, "cn").unwrap()
    }

    fn authenticator() -> Authenticator {
        Authenticator::new([7; 32])
    }

    #[test]
    fn the_vectors_of_rfc_7616_come_out() {
        let vector = |algorithm: Algorithm| {
            let parts: [&[u8]; 3] = [b"Mufasa", b"http-auth@example.org", b"Circle of Life"];
            let made = algorithm.hash(&parts);
            let ha1 = Ha1 { md5: made.clone(), sha256: made };
            let claim = format!(
                "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
                 algorithm={}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
                 cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"-\"",
                algorithm.token()
            );
            let claim = Claim::read(claim.as_bytes()).unwrap();
            String::from_utf8(claim.expected(b"GET", &ha1)).unwrap()
        };
        assert_eq!(vector(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            vector(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn right_credentials_pass_once_per_counter() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let mut auth = authenticator();
            let now = Moment::from_secs(100);
            let challenge = auth.challenge(now, SOURCE, "switchgrid", algorithm, false);
            let mut check = |nc, now| {
                let sent = credentials(&challenge, "1001", "secret", nc);
                auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find)
            };
            assert_eq!(check(1, now), Checked::Good(1001));
            assert_eq!(check(1, now), Checked::Stale, "a replay");
            assert_eq!(check(3, now), Checked::Good(1001));
            assert_eq!(check(2, now), Checked::Good(1001), "a reordered one");
            assert_eq!(check(2, now), Checked::Stale);
            assert_eq!(check(4, Moment::from_secs(401)), Checked::Stale, "an old nonce");
        }
    }

    #[test]
    fn a_foreign_realm_or_nonce_leaves_no_state() {
        let mut auth = authenticator();
        let now = Moment::from_secs(100);
        let mut other = Authenticator::new([8; 32]);
        let foreign = other.challenge(now, SOURCE, "elsewhere", Algorithm::Md5, false);
        let sent = credentials(&foreign, "1001", "secret", 1);
        assert_eq!(auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find), Checked::Missing);
        let forged = other.challenge(now, SOURCE, "switchgrid", Algorithm::Md5, false);
        let sent = credentials(&forged, "1001", "secret", 1);
        assert_eq!(auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find), Checked::Stale);
        assert!(auth.used.is_empty());
    }

    #[test]
    fn an_unknown_user_costs_the_same_work_as_a_wrong_password() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let mut auth = authenticator();
            let now = Moment::from_secs(100);
            let challenge = auth.challenge(now, SOURCE, "switchgrid", algorithm, false);
            let kept = Ha1 { md5: "0".repeat(32), sha256: "0".repeat(64) };
            let find = |_: &[u8], user: &[u8]| match user {
                b"1001" => Found::User(1001, kept.clone()),
                _ => Found::NoUser,
            };
            let mut work_for = |user: &str, nc| {
                let sent = credentials(&challenge, user, "guess", nc);
                work::take();
                let checked = auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find);
                assert_eq!(checked, Checked::Wrong);
                work::take()
            };
            let known = work_for("1001", 1);
            assert!(known.0 > 0, "something is hashed");
            for (nc, user) in ["1002", "9999", "root", ""].into_iter().enumerate() {
                assert_eq!(work_for(user, nc as u32 + 2), known, "{user:?}");
            }
        }
    }

    #[test]
    fn ten_wrong_passwords_block_the_source_and_nobody_else() {
        let mut auth = authenticator();
        let now = Moment::from_secs(100);
        let challenge = auth.challenge(now, SOURCE, "switchgrid", Algorithm::Sha256, false);
        for attempt in 0..FAILURES_MAX {
            let user = if attempt % 2 == 0 { "1001" } else { "nobody" };
            let sent = credentials(&challenge, user, "guess", attempt + 1);
            let checked = auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find);
            assert_eq!(checked, Checked::Wrong, "same answer for known and unknown users");
        }
        let sent = credentials(&challenge, "1001", "secret", 50);
        assert_eq!(auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find), Checked::Blocked);
        let elsewhere = "192.0.2.6".parse().unwrap();
        let checked = auth.check(now, elsewhere, b"REGISTER", sent.as_bytes(), find);
        assert_eq!(checked, Checked::Stale, "a nonce is for the source that it was made for");
        let challenge = auth.challenge(now, elsewhere, "switchgrid", Algorithm::Sha256, false);
        let sent = credentials(&challenge, "1001", "secret", 1);
        let checked = auth.check(now, elsewhere, b"REGISTER", sent.as_bytes(), find);
        assert_eq!(checked, Checked::Good(1001), "the user is not locked out");
        let later = now + BLOCKED_FOR + Duration::from_secs(1);
        assert!(!auth.is_blocked(later, SOURCE));
    }

    #[test]
    fn remembered_nonces_stay_in_bounds_and_forgotten_ones_are_stale() {
        let mut auth = authenticator();
        let now = Moment::from_secs(100);
        let first = auth.challenge(now, SOURCE, "switchgrid", Algorithm::Md5, false);
        let mut last = first.clone();
        for _ in 0..NONCES_MAX + 5 {
            let serial = auth.serial;
            auth.used.insert(serial, Window { made_at: now, highest: 1, seen: 1 });
            last = auth.challenge(now, SOURCE, "switchgrid", Algorithm::Md5, false);
        }
        let sent = credentials(&last, "1001", "secret", 1);
        let checked = auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find);
        assert_eq!(checked, Checked::Good(1001));
        assert!(auth.used.len() <= NONCES_MAX);
        let sent = credentials(&first, "1001", "secret", 2);
        let checked = auth.check(now, SOURCE, b"REGISTER", sent.as_bytes(), find);
        assert_eq!(checked, Checked::Stale);
    }
}
