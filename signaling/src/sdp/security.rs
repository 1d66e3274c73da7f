//! Which keys a leg has: ours for each suite, made of the leg's own secret, and what was agreed of
//! them (SDES, RFC 4568).
//!
//! A key that was in use and is left is replaced by a new one, because packets under one key are
//! numbered once: a phone that goes to another suite, or to plain audio, and comes back gets a new
//! key. As long as a peer changes nothing, an offer and an answer of ours repeat the key in use.

use super::Refused;
use super::crypto::Crypto;
use super::parse::Audio;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use terms::media::{Srtp, SrtpKey, SrtpPolicy, SrtpSuite};

/// The transport of our offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Profile {
    /// `RTP/AVP`: plain, or encrypted where the other side takes the keys beside it.
    Plain,
    /// `RTP/SAVP`.
    Secure,
}

impl Profile {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Profile::Plain => "RTP/AVP",
            Profile::Secure => "RTP/SAVP",
        }
    }
}

/// The keys of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Kept", from = "Kept")]
pub struct Security {
    policy: SrtpPolicy,
    /// Without a secret nothing is encrypted.
    keys: Option<Keys>,
    agreed: Option<(Profile, SrtpSuite)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Keys {
    /// Of its own kind a cipher: what it gave does not tell what it will give. It is not kept: a leg
    /// that is restored gets another with [`Security::reseed`].
    #[serde(skip, default = "unseeded")]
    rng: StdRng,
    /// In the order of [`SrtpSuite::ALL`].
    ours: [SrtpKey; SrtpSuite::ALL.len()],
}

/// As it is kept: without keys that no peer knows of.
#[derive(Serialize, Deserialize)]
struct Kept {
    policy: SrtpPolicy,
    keys: Option<Keys>,
    agreed: Option<(Profile, SrtpSuite)>,
}

impl From<Security> for Kept {
    fn from(security: Security) -> Self {
        let Security { policy, keys, agreed } = security;
        let known = policy != SrtpPolicy::Off || agreed.is_some();
        Kept { policy, keys: keys.filter(|_| known), agreed }
    }
}

impl From<Kept> for Security {
    fn from(kept: Kept) -> Self {
        let Kept { policy, keys, agreed } = kept;
        Security { policy, keys, agreed }
    }
}

fn unseeded() -> StdRng {
    StdRng::from_seed([0; 32])
}

impl Security {
    /// A leg that knows no keys: nothing encrypted is offered or taken.
    pub const NONE: Security = Security { policy: SrtpPolicy::Off, keys: None, agreed: None };

    /// A leg with keys of its own. The secret comes from the system's randomness and is used for
    /// this leg only.
    pub fn new(policy: SrtpPolicy, secret: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(secret);
        let ours = std::array::from_fn(|_| random_key(&mut rng));
        Security { policy, keys: Some(Keys { rng, ours }), agreed: None }
    }

    /// A secret for what comes, after a restart: keys in use stay, those that were not kept are made
    /// anew.
    pub fn reseed(&mut self, secret: [u8; 32]) {
        match &mut self.keys {
            Some(keys) => keys.rng = StdRng::from_seed(secret),
            None => *self = Security::new(self.policy, secret),
        }
    }

    /// The transport and the `a=crypto` lines of our offer: those in use, or what the policy says.
    pub(super) fn offer(&self) -> (Profile, Vec<Crypto>) {
        let (profile, suites) = match (self.agreed, self.policy) {
            (Some((profile, suite)), _) => (profile, vec![suite]),
            (None, SrtpPolicy::Off) => (Profile::Plain, Vec::new()),
            (None, SrtpPolicy::Optional) => (Profile::Plain, SrtpSuite::ALL.to_vec()),
            (None, SrtpPolicy::Required) => (Profile::Secure, SrtpSuite::ALL.to_vec()),
        };
        let lines = suites.into_iter().zip(1..);
        let lines =
            lines.filter_map(|(suite, tag)| Some(Crypto { tag, suite, key: self.ours(suite)? }));
        (profile, lines.collect())
    }

    /// The stream of an offer that this leg takes: one with keys first where the policy likes them.
    pub(super) fn choose<'a>(&self, audios: &'a [Audio]) -> Result<&'a Audio, Refused> {
        let (policy, has_keys) = (self.policy, self.keys.is_some());
        let with_keys = |audio: &&Audio| has_keys && !audio.crypto.is_empty();
        let secured = audios.iter().find(with_keys).filter(|_| policy != SrtpPolicy::Off);
        let any = audios.iter().find(|audio| !audio.is_secure || with_keys(audio));
        match secured.or(any.filter(|_| policy != SrtpPolicy::Required)) {
            Some(audio) => Ok(audio),
            None if audios.iter().any(|audio| !audio.is_secure) => Err(Refused::Plain),
            None => Err(Refused::NoKeys),
        }
    }

    /// What we answer to a stream of an offer: the first line of theirs, with our key. With keys
    /// beside plain audio only where the policy likes them (RFC 8643 §3.2).
    pub(super) fn answer(&mut self, audio: &Audio) -> Option<(Crypto, Srtp)> {
        let likes = audio.is_secure || self.policy != SrtpPolicy::Off;
        let theirs = audio.crypto.first().filter(|_| likes && self.keys.is_some());
        let profile = if audio.is_secure { Profile::Secure } else { Profile::Plain };
        self.settle(theirs.map(|theirs| (profile, theirs.suite)));
        let theirs = theirs?;
        let (suite, send) = (theirs.suite, self.ours(theirs.suite)?);
        let line = Crypto { tag: theirs.tag, suite, key: send };
        Some((line, Srtp { suite, send, receive: theirs.key }))
    }

    /// What their answer to our offer agreed: one of our lines by its tag (RFC 4568 §5.1.3).
    pub(super) fn accept(&mut self, audio: &Audio) -> Result<Option<Srtp>, Refused> {
        let (profile, offered) = self.offer();
        if audio.is_secure != (profile == Profile::Secure) {
            return Err(if audio.is_secure { Refused::NoKeys } else { Refused::Plain });
        }
        let is_ours = |theirs: &&Crypto| {
            offered.iter().any(|ours| (ours.tag, ours.suite) == (theirs.tag, theirs.suite))
        };
        let theirs = audio.crypto.iter().find(is_ours);
        if theirs.is_none() && audio.is_secure {
            return Err(Refused::NoKeys);
        }
        if theirs.is_none() && self.policy == SrtpPolicy::Required {
            return Err(Refused::Plain);
        }
        self.settle(theirs.map(|theirs| (profile, theirs.suite)));
        let srtp = |theirs: &Crypto| {
            let (suite, send) = (theirs.suite, self.ours(theirs.suite)?);
            Some(Srtp { suite, send, receive: theirs.key })
        };
        Ok(theirs.and_then(srtp))
    }

    /// What goes over this leg must not be in clear: its owner wants so, or its audio is encrypted.
    pub fn forbids_plain(&self) -> bool {
        self.policy == SrtpPolicy::Required || self.agreed.is_some()
    }

    fn ours(&self, suite: SrtpSuite) -> Option<SrtpKey> {
        let place = SrtpSuite::ALL.iter().position(|&known| known == suite)?;
        self.keys.as_ref().map(|keys| keys.ours[place])
    }

    /// Notes what is in use from now on.
    fn settle(&mut self, agreed: Option<(Profile, SrtpSuite)>) {
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
