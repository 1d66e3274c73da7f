//! What a description says about a handshake (`a=fingerprint`, `a=setup`, RFC 8122 and RFC 8842),
//! about ICE (RFC 8839) and about streams that share a port (RFC 5761, RFC 9143), read and written.
//!
//! Of fingerprints only SHA-256 counts; a stream without one has no handshake. Candidates are read
//! over: we are ICE-lite and answer where we are asked.

use super::{Local, Refused};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use terms::media::{Dtls, DtlsRole, Fingerprint, Ice};

/// Most fingerprints of a stream that are read: those of a certificate on RSA and of one on an
/// elliptic curve. More would not fit into the slot that media keeps of a leg.
const FINGERPRINTS_MAX: usize = 2;
/// Characters of a name of ICE, RFC 8839 §5.4.
const UFRAG_CHARS: std::ops::RangeInclusive<usize> = 4..=256;
/// Characters of a password of ICE.
const PWD_CHARS: std::ops::RangeInclusive<usize> = 22..=256;
/// Longest name of a stream that is repeated.
const MID_CHARS_MAX: usize = 32;
/// Of a host candidate with one address, and of the first of several, RFC 8445 §5.1.2.
const PRIORITY: u32 = 2_130_706_431;
/// By so much each further address is less preferred: the local preference stands above the number of
/// the component.
const PREFERENCE_STEP: u32 = 1 << 8;

/// Who begins the handshake, from the describer's point of view (RFC 4145 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The describer.
    Active,
    /// The other.
    Passive,
    /// As the other likes; in offers only.
    ActPass,
}

impl Setup {
    fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "active" => Some(Setup::Active),
            "passive" => Some(Setup::Passive),
            "actpass" => Some(Setup::ActPass),
            // `holdconn` wants no handshake.
            _ => None,
        }
    }
}

/// What a stream says about its handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Who begins; `None` when it is not said.
    pub setup: Option<Setup>,
    /// Certificates that its writer may show.
    pub fingerprints: Vec<Fingerprint>,
}

impl Handshake {
    /// Our role in an answer to this offer, or after this answer to our offer. Where it is left to
    /// us we keep the role that we had, and at first let them begin: they know sooner when the way
    /// to us is open.
    pub fn our_role(&self, is_answer: bool, before: Option<DtlsRole>) -> DtlsRole {
        match (self.setup, is_answer) {
            (Some(Setup::Active), _) => DtlsRole::Server,
            (Some(Setup::Passive), _) => DtlsRole::Client,
            (Some(Setup::ActPass), _) => before.unwrap_or(DtlsRole::Server),
            // RFC 4145 §4: an offer without the word is active, an answer passive.
            (None, false) => DtlsRole::Server,
            (None, true) => DtlsRole::Client,
        }
    }
}

/// What a stream says about ICE.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The name of its writer.
    pub ufrag: String,
    /// Its password; only whether it has changed is of use to us.
    pub pwd: String,
    /// Its writer is ICE-lite too: nobody would ask.
    pub is_lite: bool,
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Candidate({})", self.ufrag)
    }
}

/// All values of an attribute of a stream; the session's where the stream has none (RFC 8866 §6).
fn values<'a>(
    session: &'a sdp_types::Session,
    media: &'a sdp_types::Media,
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    let of = move |list: &'a [sdp_types::Attribute]| {
        let named = list.iter().filter(move |a| a.attribute.eq_ignore_ascii_case(name));
        named.filter_map(|a| a.value.as_deref())
    };
    let own = of(&media.attributes).next().is_some();
    of(if own { &media.attributes } else { &session.attributes })
}

/// The handshake of a stream, where it has a fingerprint that we can check.
pub fn handshake(session: &sdp_types::Session, media: &sdp_types::Media) -> Option<Handshake> {
    let read = |value: &str| {
        let (hash, text) = value.trim().split_once(' ')?;
        hash.eq_ignore_ascii_case("sha-256").then(|| Fingerprint::parse(text.trim()))?
    };
    let fingerprints: Vec<_> =
        values(session, media, "fingerprint").filter_map(read).take(FINGERPRINTS_MAX).collect();
    let setup = match values(session, media, "setup").next() {
        Some(name) => Some(Setup::from_name(name)?),
        None => None,
    };
    (!fingerprints.is_empty()).then_some(Handshake { setup, fingerprints })
}

/// What a stream says about ICE, where name and password are well formed.
pub fn candidate(session: &sdp_types::Session, media: &sdp_types::Media) -> Option<Candidate> {
    let word = |name: &'static str, chars: std::ops::RangeInclusive<usize>| {
        let value = values(session, media, name).next()?.trim();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        (chars.contains(&value.len()) && value.bytes().all(is_word)).then(|| value.to_owned())
    };
    Some(Candidate {
        ufrag: word("ice-ufrag", UFRAG_CHARS)?,
        pwd: word("ice-pwd", PWD_CHARS)?,
        is_lite: session.has_attribute("ice-lite"),
    })
}

/// The name of a stream, where it is one that we can repeat.
pub fn mid(media: &sdp_types::Media) -> Option<String> {
    let mid = media.get_first_attribute_value("mid")??.trim();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_usable = (1..=MID_CHARS_MAX).contains(&mid.len()) && mid.bytes().all(is_word);
    is_usable.then(|| mid.to_owned())
}

/// RTCP goes the way of RTP.
pub fn rtcp_mux(media: &sdp_types::Media) -> bool {
    media.has_attribute("rtcp-mux")
}

/// Streams are gathered on one port (`a=group:BUNDLE`).
pub fn is_bundled(session: &sdp_types::Session, mid: &str) -> bool {
    session.get_attribute_values("group").any(|group| {
        let mut words = group.unwrap_or_default().split_ascii_whitespace();
        words.next() == Some("BUNDLE") && words.any(|word| word == mid)
    })
}

/// The lines before the first `m=` of who shares a port.
pub fn session_lines(ice: bool, bundled: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(mid) = bundled {
        write!(text, "a=group:BUNDLE {mid}\r\n").expect("a string takes any text");
    }
    text + if ice { "a=ice-lite\r\n" } else { "" }
}

/// The lines of a stream's handshake; `role` is `None` in an offer.
pub fn handshake_lines(certificate: Fingerprint, role: Option<DtlsRole>) -> String {
    let setup = match role {
        None => "actpass",
        Some(DtlsRole::Client) => "active",
        Some(DtlsRole::Server) => "passive",
    };
    format!("a=fingerprint:sha-256 {certificate}\r\na=setup:{setup}\r\n")
}

/// The lines of ICE of a stream: who we are, and every address that we may be reached at. The peer
/// finds out which of them it reaches; the one that it is told in `c=` is the first that it tries.
pub fn ice_lines(local: &Local, ufrag: &str, pwd: &str) -> String {
    let mut text = format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n");
    let port = local.rtp.port();
    for (number, ip) in (1_u32..).zip(local.addresses()) {
        let priority = PRIORITY - (number - 1) * PREFERENCE_STEP;
        write!(text, "a=candidate:{number} 1 udp {priority} {ip} {port} typ host\r\n")
            .expect("a string takes any text");
    }
    text + "a=end-of-candidates\r\n"
}

/// What was agreed of a handshake and of ICE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The handshake.
    pub dtls: Dtls,
    /// ICE, on a shared port.
    pub ice: Option<Ice>,
}

/// Names and passwords of ICE: ours, and those of theirs for which ours were made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Our name.
    pub ufrag: String,
    /// Our password.
    pub pwd: String,
    theirs: Option<(String, String)>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Credentials({})", self.ufrag)
    }
}

/// Letters of ICE, RFC 8839 §5.4: six bits each.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of our name: it alone finds the leg.
const OUR_UFRAG: usize = 12;
/// Characters of our password.
const OUR_PWD: usize = 24;

impl Credentials {
    /// New ones.
    pub fn new(rng: &mut impl rand::Rng) -> Self {
        let mut word = |len: usize| -> String {
            (0..len).map(|_| LETTERS[rng.random_range(0..LETTERS.len())] as char).collect()
        };
        Credentials { ufrag: word(OUR_UFRAG), pwd: word(OUR_PWD), theirs: None }
    }

    /// Notes theirs. Where they had others before, they begin anew (an ICE restart), and so do we
    /// where `may_change`: an answer to our own offer is about what we offered.
    pub fn meet(&mut self, theirs: &Candidate, may_change: bool, rng: &mut impl rand::Rng) -> Ice {
        let new = (theirs.ufrag.clone(), theirs.pwd.clone());
        if may_change && self.theirs.as_ref().is_some_and(|before| *before != new) {
            *self = Credentials::new(rng);
        }
        self.theirs = Some(new);
        Ice { ufrag: self.ufrag.clone(), pwd: self.pwd.clone(), peer_ufrag: theirs.ufrag.clone() }
    }
}

/// ICE of a stream that is to share a port.
///
/// # Errors
/// When it has none, when nobody would send checks, or when RTCP would need another port.
pub fn usable(candidate: Option<&Candidate>, rtcp_mux: bool) -> Result<&Candidate, Refused> {
    candidate.filter(|theirs| !theirs.is_lite && rtcp_mux).ok_or(Refused::NoIce)
}
