//! Which keys a leg has: ours for each suite, made of the leg's own secret, and what was agreed of
//! them (SDES, RFC 4568), or the handshake that makes them (DTLS-SRTP, RFC 5763).
//!
//! A key that was in use and is left is replaced by a new one, because packets under one key are
//! numbered once: a phone that goes to another suite, or to plain audio, and comes back gets a new
//! key. As long as a peer changes nothing, an offer and an answer of ours repeat the key in use. The
//! same holds for a handshake: the same certificate and the same roles are the same association
//! (RFC 8842 §4), and media goes on with its keys and counters.

use super::Refused;
use super::crypto::Crypto;
use super::parse::Audio;
use super::webrtc::{Agreed, Credentials, usable};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize, Serializer};
use terms::media::{Dtls, DtlsRole, Fingerprint, Port, Srtp, SrtpKey, SrtpPolicy, SrtpSuite};

/// The transport of our offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Profile {
    /// `RTP/AVP`: plain, or encrypted where the other side takes the keys beside it.
    Plain,
    /// `RTP/SAVP`.
    Secure,
    /// `UDP/TLS/RTP/SAVP`: the keys come by a handshake.
    Handshake,
    /// `UDP/TLS/RTP/SAVPF`: what browsers write.
    Feedback,
}

impl Profile {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Profile::Plain => "RTP/AVP",
            Profile::Secure => "RTP/SAVP",
            Profile::Handshake => "UDP/TLS/RTP/SAVP",
            Profile::Feedback => "UDP/TLS/RTP/SAVPF",
        }
    }
}

/// What was agreed of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keying {
    /// Plain audio.
    None,
    /// Keys of the description; our line, where it is in an answer.
    Sdes(Crypto, Srtp),
    /// A handshake.
    Dtls(Agreed),
}

/// What our offer says about keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    pub profile: Profile,
    pub crypto: Vec<Crypto>,
    /// Our certificate, where a handshake is offered.
    pub certificate: Option<Fingerprint>,
}

/// The keys of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Kept")]
pub struct Security {
    policy: SrtpPolicy,
    /// Without a secret nothing is encrypted.
    keys: Option<Keys>,
    /// Without a certificate there is no handshake.
    certificate: Option<Fingerprint>,
    agreed: Option<(Profile, SrtpSuite)>,
    handshake: Option<(Profile, Dtls)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Keys {
    /// Of its own kind a cipher: what it gave does not tell what it will give. It is not kept: a leg
    /// that is restored gets another with [`Security::reseed`].
    #[serde(skip, default = "unseeded")]
    rng: StdRng,
    /// In the order of [`SrtpSuite::ALL`].
    ours: [SrtpKey; SrtpSuite::ALL.len()],
    ice: Credentials,
}

/// As it is kept.
#[derive(Deserialize)]
struct Kept {
    policy: SrtpPolicy,
    keys: Option<Keys>,
    certificate: Option<Fingerprint>,
    agreed: Option<(Profile, SrtpSuite)>,
    handshake: Option<(Profile, Dtls)>,
}

/// The same, on its way there: without keys that no peer knows of. A call is kept at each of its
/// steps, and nothing is copied for it.
#[derive(Serialize)]
struct Keeping<'a> {
    policy: SrtpPolicy,
    keys: Option<&'a Keys>,
    certificate: Option<Fingerprint>,
    agreed: Option<(Profile, SrtpSuite)>,
    handshake: Option<&'a (Profile, Dtls)>,
}

impl Serialize for Security {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Security { policy, certificate, agreed, .. } = *self;
        let (keys, handshake) = (self.keys.as_ref(), self.handshake.as_ref());
        let known = policy != SrtpPolicy::Off || agreed.is_some() || handshake.is_some();
        let keys = keys.filter(|_| known);
        Keeping { policy, keys, certificate, agreed, handshake }.serialize(to)
    }
}

impl From<Kept> for Security {
    fn from(kept: Kept) -> Self {
        let Kept { policy, keys, certificate, agreed, handshake } = kept;
        Security { policy, keys, certificate, agreed, handshake }
    }
}

fn unseeded() -> StdRng {
    StdRng::from_seed([0; 32])
}

impl Security {
    /// A leg that knows no keys: nothing encrypted is offered or taken.
    pub const NONE: Security = Security {
        policy: SrtpPolicy::Off,
        keys: None,
        certificate: None,
        agreed: None,
        handshake: None,
    };

    /// A leg with keys of its own. The secret comes from the system's randomness and is used for
    /// this leg only. `certificate` is the one of this box's media; without one there is no
    /// handshake.
    pub fn new(policy: SrtpPolicy, secret: [u8; 32], certificate: Option<Fingerprint>) -> Self {
        let mut rng = StdRng::from_seed(secret);
        let ours = std::array::from_fn(|_| random_key(&mut rng));
        let ice = Credentials::new(&mut rng);
        let keys = Some(Keys { rng, ours, ice });
        Security { policy, keys, certificate, agreed: None, handshake: None }
    }

    /// A secret for what comes, after a restart: keys in use stay, those that were not kept are made
    /// anew.
    pub fn reseed(&mut self, secret: [u8; 32]) {
        match &mut self.keys {
            Some(keys) => keys.rng = StdRng::from_seed(secret),
            None => *self = Security::new(self.policy, secret, self.certificate),
        }
    }

    /// The transport and the keys of our offer: those in use, or what port and policy say.
    pub(super) fn offer(&self, port: Port) -> Offered {
        use SrtpPolicy as P;
        let by_handshake = match (port, &self.handshake, self.policy) {
            (Port::Shared, ..) => Some(Profile::Feedback),
            (Port::Own, Some((profile, _)), _) => Some(*profile),
            (Port::Own, None, P::Dtls) if self.agreed.is_none() => Some(Profile::Handshake),
            (Port::Own, None, P::Off | P::Optional | P::Required | P::Dtls) => None,
        };
        if let (Some(profile), Some(_)) = (by_handshake, self.certificate) {
            return Offered { profile, crypto: Vec::new(), certificate: self.certificate };
        }
        let (profile, suites) = match (self.agreed, self.policy) {
            (Some((profile, suite)), _) => (profile, vec![suite]),
            (None, P::Off) => (Profile::Plain, Vec::new()),
            (None, P::Optional) => (Profile::Plain, SrtpSuite::ALL.to_vec()),
            (None, P::Required | P::Dtls) => (Profile::Secure, SrtpSuite::ALL.to_vec()),
        };
        let lines = suites.into_iter().zip(1..);
        let lines =
            lines.filter_map(|(suite, tag)| Some(Crypto { tag, suite, key: self.ours(suite)? }));
        Offered { profile, crypto: lines.collect(), certificate: None }
    }

    /// Our name and password for ICE.
    pub(super) fn ice(&self) -> Option<&Credentials> {
        self.keys.as_ref().map(|keys| &keys.ice)
    }

    /// The stream of an offer that this leg takes: one with keys first where the policy likes them.
    /// On the shared port only WebRTC is spoken.
    pub(super) fn choose<'a>(
        &self,
        port: Port,
        audios: &[&'a Audio],
    ) -> Result<&'a Audio, Refused> {
        let (policy, has_keys) = (self.policy, self.keys.is_some());
        let has_certificate = self.certificate.is_some() && has_keys;
        if port == Port::Shared {
            let webrtc = audios.iter().find(|audio| audio.is_webrtc() && audio.rtcp_mux).copied();
            let handshake = audios.iter().any(|audio| audio.handshake.is_some());
            let refused = if handshake { Refused::NoIce } else { Refused::NoKeys };
            return webrtc.filter(|_| has_certificate).ok_or(refused);
        }
        let with_keys = |audio: &&Audio| match &audio.handshake {
            Some(_) => has_certificate,
            None => has_keys && !audio.crypto.is_empty(),
        };
        let streams = || audios.iter().copied();
        let secured = streams().find(with_keys).filter(|_| policy != SrtpPolicy::Off);
        let any = streams().find(|audio| !audio.is_secure || with_keys(audio));
        let may_be_plain = matches!(policy, SrtpPolicy::Off | SrtpPolicy::Optional);
        match secured.or(any.filter(|_| may_be_plain)) {
            Some(audio) => Ok(audio),
            None if audios.iter().any(|audio| !audio.is_secure) => Err(Refused::Plain),
            None => Err(Refused::NoKeys),
        }
    }

    /// What we answer to a stream of an offer: a handshake where it is one, else the first line of
    /// theirs, with our key. With keys beside plain audio only where the policy likes them
    /// (RFC 8643 §3.2).
    ///
    /// # Errors
    /// When it has no ICE where it must.
    pub(super) fn answer(&mut self, port: Port, audio: &Audio) -> Result<Keying, Refused> {
        if audio.handshake.is_some() {
            return self.meet(port, audio, false).map(Keying::Dtls);
        }
        let likes = audio.is_secure || self.policy != SrtpPolicy::Off;
        let theirs = audio.crypto.first().filter(|_| likes && self.keys.is_some());
        let profile = if audio.is_secure { Profile::Secure } else { Profile::Plain };
        self.settle(theirs.map(|theirs| (profile, theirs.suite)));
        Ok(self.sdes(theirs))
    }

    /// What their answer to our offer agreed: a handshake, or one of our lines by its tag (RFC 4568
    /// §5.1.3).
    ///
    /// # Errors
    /// When it is keyed in another way than was offered, or not where it has to be.
    pub(super) fn accept(&mut self, port: Port, audio: &Audio) -> Result<Keying, Refused> {
        let offered = self.offer(port);
        let wants_handshake = offered.certificate.is_some();
        let is_secure = offered.profile != Profile::Plain;
        if audio.is_secure != is_secure || audio.handshake.is_some() != wants_handshake {
            return Err(if audio.is_secure { Refused::NoKeys } else { Refused::Plain });
        }
        if wants_handshake {
            return self.meet(port, audio, true).map(Keying::Dtls);
        }
        let is_ours = |theirs: &&Crypto| {
            offered.crypto.iter().any(|ours| (ours.tag, ours.suite) == (theirs.tag, theirs.suite))
        };
        let theirs = audio.crypto.iter().find(is_ours);
        if theirs.is_none() && audio.is_secure {
            return Err(Refused::NoKeys);
        }
        if theirs.is_none() && matches!(self.policy, SrtpPolicy::Required | SrtpPolicy::Dtls) {
            return Err(Refused::Plain);
        }
        self.settle(theirs.map(|theirs| (offered.profile, theirs.suite)));
        Ok(self.sdes(theirs))
    }

    fn sdes(&self, theirs: Option<&Crypto>) -> Keying {
        let keyed = theirs.and_then(|theirs| {
            let (suite, send) = (theirs.suite, self.ours(theirs.suite)?);
            let line = Crypto { tag: theirs.tag, suite, key: send };
            Some(Keying::Sdes(line, Srtp { suite, send, receive: theirs.key }))
        });
        keyed.unwrap_or(Keying::None)
    }

    /// Agrees on a handshake. A peer that shows the same certificates as before keeps its role.
    fn meet(&mut self, port: Port, audio: &Audio, is_answer: bool) -> Result<Agreed, Refused> {
        let theirs = audio.handshake.as_ref().ok_or(Refused::NoKeys)?;
        let before = self.handshake.as_ref();
        let same = before.filter(|(_, dtls)| dtls.fingerprints == theirs.fingerprints);
        let role = theirs.our_role(is_answer, same.map(|(_, dtls)| dtls.role));
        let ice = match (port, &mut self.keys) {
            (Port::Own, _) => None,
            (Port::Shared, None) => return Err(Refused::NoKeys),
            (Port::Shared, Some(keys)) => {
                let theirs = usable(audio.candidate.as_ref(), audio.rtcp_mux)?;
                Some(keys.ice.meet(theirs, !is_answer, &mut keys.rng))
            }
        };
        self.settle(None);
        let profile = if port == Port::Shared { Profile::Feedback } else { Profile::Handshake };
        let dtls = Dtls { role, fingerprints: theirs.fingerprints.clone() };
        self.handshake = Some((profile, dtls.clone()));
        Ok(Agreed { dtls, ice })
    }

    /// Our certificate, and our role where it is agreed.
    pub(super) fn certificate(&self) -> Option<(Fingerprint, Option<DtlsRole>)> {
        let role = self.handshake.as_ref().map(|(_, dtls)| dtls.role);
        self.certificate.map(|certificate| (certificate, role))
    }

    /// What goes over this leg must not be in clear: its owner wants so, or its audio is encrypted.
    pub fn forbids_plain(&self) -> bool {
        let is_encrypted = self.agreed.is_some() || self.handshake.is_some();
        is_encrypted || matches!(self.policy, SrtpPolicy::Required | SrtpPolicy::Dtls)
    }

    fn ours(&self, suite: SrtpSuite) -> Option<SrtpKey> {
        let place = SrtpSuite::ALL.iter().position(|&known| known == suite)?;
        self.keys.as_ref().map(|keys| keys.ours[place])
    }

    /// Notes which keys of descriptions are in use from now on.
    fn settle(&mut self, agreed: Option<(Profile, SrtpSuite)>) {
        self.handshake = None;
        let before = std::mem::replace(&mut self.agreed, agreed).map(|(_, suite)| suite);
        let left = before.filter(|&suite| agreed.is_none_or(|(_, now)| now != suite));
        if let (Some(left), Some(keys)) = (left, &mut self.keys) {
            let place = SrtpSuite::ALL.iter().position(|&known| known == left);
            keys.ours[place.expect("all suites are listed")] = random_key(&mut keys.rng);
        }
    }
}

fn random_key(rng: &mut StdRng) -> SrtpKey {
    SrtpKey::new(rng.random(), rng.random())
}
