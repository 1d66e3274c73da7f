//! Sources that are not listened to for a while, because they guess passwords, look for names and
//! numbers, send what is no SIP, or say that they are scanners (threats T5, T15).
//!
//! A source is an address of IPv4 or a /64 of IPv6. Over UDP anybody writes any address, so a ban is
//! itself a weapon: who sends in the name of a phone must not have it banned. Therefore:
//!
//! - A wrong password counts only with a nonce that was made for that very source: who answers it has
//!   received it. So is what comes over a connection. Such failures are *proven*; everything else in
//!   a datagram is *claimed*.
//! - A source that lately proved a password is *known* for a day. Nothing counts against it but wrong
//!   passwords, and of those one for each name: a phone with an old password, which tries for ever,
//!   does not cost an office behind one address its calls.
//! - Where claims had a part, a ban holds for datagrams alone, for the first time and never longer:
//!   whoever is there may still connect, and ends it by proving a password.
//! - Names are counted whether they exist or not, else a ban would tell which do (threat T15). Many
//!   names at once are also what an office sends after a power cut: whoever asked for too many has ten
//!   seconds to prove one.
//!
//! What remains: who spoofs the address of a phone that never registered here, or not for a day, keeps
//! its datagrams out for the first time of a ban, again and again. Networks in `never` are safe from it.
//!
//! The table is bounded; where it is full the least bad and the oldest go first, once a second, and new
//! sources meanwhile are held to their rate alone. Time comes in as an argument.

mod kept;

pub use kept::Kept;

use super::bucket::{SOURCES_MAX, source_key};
use crate::reach::Network;
use crate::switch::Now;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;
use terms::control::{Ban, BanReason};
use terms::{Moment, Timestamp};

/// How many times longer a ban is than the one before it.
const GROWTH: u32 = 12;
/// How long whoever asked for too many names has to prove one.
const GRACE: Duration = Duration::from_secs(10);
/// How long a source stays known after it proved a password; phones register more often.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Most sources that are known.
const KNOWN_MAX: usize = 100_000;
/// Longest text of a stranger that is shown.
const NAMED_MAX: usize = 64;
/// Least time between two sweeps of a full table.
const SWEEP: Duration = Duration::from_secs(1);

/// When a source is banned, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures that ban; 0 bans nobody.
    pub after: usize,
    /// The time within which they count.
    pub within: Duration,
    /// The first ban of a source; each further one is twelve times as long.
    pub time: Duration,
    /// The longest, and how long a source has to keep the peace until its next is the first again.
    pub time_max: Duration,
    /// Who is never banned.
    pub never: Vec<Network>,
}

impl Default for Limits {
    /// Bans nobody.
    fn default() -> Self {
        Limits {
            after: 0,
            within: Duration::from_secs(600),
            time: Duration::from_secs(600),
            time_max: Duration::from_secs(24 * 60 * 60),
            never: Vec::new(),
        }
    }
}

impl Limits {
    fn length(&self, times: u32) -> Duration {
        self.time.saturating_mul(GROWTH.saturating_pow(times)).min(self.time_max)
    }
}

/// What a source did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence<'a> {
    /// A wrong password for this name, with a nonce that the source has received from us.
    Password(&'a str),
    /// Credentials for this name, from a source whose credentials are not looked at any more.
    Guess(&'a str),
    /// Asked for this name or number without credentials.
    Name(&'a str),
    /// A message that breaks the rules.
    Malformed,
    /// Named itself as this tool.
    Scanner(&'a str),
}

impl Offence<'_> {
    fn reason(self) -> BanReason {
        match self {
            Offence::Password(_) | Offence::Guess(_) => BanReason::Passwords,
            Offence::Name(_) => BanReason::Names,
            Offence::Malformed => BanReason::Malformed,
            Offence::Scanner(_) => BanReason::Scanner,
        }
    }

    fn named(self) -> String {
        match self {
            Offence::Password(text)
            | Offence::Guess(text)
            | Offence::Name(text)
            | Offence::Scanner(text) => text.chars().take(NAMED_MAX).collect(),
            Offence::Malformed => String::new(),
        }
    }
}

#[derive(Debug)]
struct Held {
    since: Timestamp,
    until: Moment,
    claimed: bool,
    why: BanReason,
    named: String,
}

#[derive(Debug, Default)]
struct Source {
    /// The first failure that counts, and the last.
    first: Moment,
    last: Moment,
    proven: usize,
    claimed: usize,
    /// Names whose password was wrong, by hash, each once.
    guessed: Vec<u64>,
    /// Names that were asked for, by hash, each once.
    asked: Vec<u64>,
    /// One of them was asked for in a datagram.
    asked_claimed: bool,
    /// They were too many: the ban begins then, and this was the last.
    due: Option<(Moment, String)>,
    held: Option<Held>,
    /// Proven bans without peace between them.
    times: u32,
}

impl Source {
    fn clear(&mut self) {
        (self.proven, self.claimed) = (0, 0);
        self.guessed.clear();
        self.asked.clear();
        (self.asked_claimed, self.due) = (false, None);
    }

    /// Forgets what is too long ago to count.
    fn freshen(&mut self, now: Moment, limits: &Limits) {
        if now.since(self.first) >= limits.within && self.due.is_none() {
            self.clear();
            self.first = now;
        }
        if self.held.as_ref().is_some_and(|held| now.since(held.until) >= limits.time_max) {
            (self.held, self.times) = (None, 0);
        }
        self.last = now;
    }

    fn is_held(&self, now: Moment) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.until)
    }

    /// Nothing of it counts any more.
    fn is_over(&self, now: Moment, limits: &Limits) -> bool {
        let peace = |held: &Held| now.since(held.until) >= limits.time_max;
        now.since(self.last) >= limits.within && self.held.as_ref().is_none_or(peace)
    }

    /// The least goes first.
    fn badness(&self, now: Moment) -> (u32, bool, usize, Moment) {
        let failures = self.proven + self.claimed + self.asked.len();
        (self.times, self.is_held(now), failures, self.last)
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Bans {
    limits: Limits,
    sources: HashMap<IpAddr, Source>,
    /// Who proved a password, and when last.
    known: HashMap<IpAddr, Moment>,
    swept_at: Moment,
    known_swept_at: Moment,
    begun: u64,
}

impl Bans {
    pub fn new(limits: Limits) -> Self {
        Bans {
            limits,
            sources: HashMap::new(),
            known: HashMap::new(),
            swept_at: Moment::default(),
            known_swept_at: Moment::default(),
            begun: 0,
        }
    }

    /// Nobody is ever banned.
    pub fn are_off(&self) -> bool {
        self.limits.after == 0
    }

    /// Whether this address is among those that are never banned.
    pub fn spare(&self, ip: IpAddr) -> bool {
        self.limits.never.iter().any(|network| network.holds(ip))
    }

    /// Whether what comes from there is not to be read. Over a connection the source is who it says.
    pub fn turn_away(&mut self, now: Now, ip: IpAddr, connected: bool) -> bool {
        let key = source_key(ip);
        let Some(source) = self.sources.get_mut(&key) else { return false };
        if let Some((_, last)) = source.due.take_if(|(at, _)| *at <= now.moment) {
            let claimed = source.asked_claimed;
            self.begin(now, key, claimed, Offence::Name(&last));
        }
        let held = self.sources.get(&key).and_then(|source| source.held.as_ref());
        held.is_some_and(|held| now.moment < held.until && !(held.claimed && connected))
    }

    /// A source did this.
    pub fn note(&mut self, now: Now, ip: IpAddr, connected: bool, offence: Offence) {
        let key = source_key(ip);
        let known = self.is_known(now.moment, key);
        if self.are_off() || known && !matches!(offence, Offence::Password(_)) {
            return;
        }
        if !self.has_room(now.moment, key) {
            return;
        }
        let after = self.limits.after;
        let source = self.sources.entry(key).or_default();
        source.freshen(now.moment, &self.limits);
        match offence {
            Offence::Password(user) => {
                source.proven += 1;
                remember(&mut source.guessed, user, after);
            }
            Offence::Name(name) => {
                remember(&mut source.asked, name, after);
                source.asked_claimed |= !connected;
                if source.asked.len() >= after && source.due.is_none() {
                    source.due = Some((now.moment + GRACE, offence.named()));
                }
            }
            Offence::Guess(_) | Offence::Malformed | Offence::Scanner(_) if connected => {
                source.proven += 1;
            }
            Offence::Guess(_) | Offence::Malformed | Offence::Scanner(_) => source.claimed += 1,
        }
        let proven = if known { source.guessed.len() } else { source.proven };
        let all = source.proven + source.claimed;
        if proven >= after {
            self.begin(now, key, false, offence);
        } else if !known && all >= after {
            self.begin(now, key, true, offence);
        }
    }

    fn begin(&mut self, now: Now, key: IpAddr, claimed: bool, offence: Offence) {
        let Some(source) = self.sources.get_mut(&key) else { return };
        let time = self.limits.length(if claimed { 0 } else { source.times });
        let (why, named) = (offence.reason(), offence.named());
        tracing::warn!(
            address = %key, ?why, ?named, claimed, seconds = time.as_secs(), "a source is banned"
        );
        let until = now.moment + time;
        source.held = Some(Held { since: now.wall, until, claimed, why, named });
        source.times = source.times.saturating_add(u32::from(!claimed));
        source.clear();
        self.begun += 1;
    }

    /// A source has proven this user's password: it is known from now on, and what was claimed of it
    /// counts no more. So do slips with this very name, and no guesses at others.
    pub fn on_proven(&mut self, now: Moment, ip: IpAddr, user: &str) {
        let key = source_key(ip);
        self.know(now, key);
        let Some(source) = self.sources.get_mut(&key) else { return };
        let own = hash(user);
        source.guessed.retain(|guessed| *guessed != own);
        let guessed = std::mem::take(&mut source.guessed);
        source.clear();
        source.proven = guessed.len();
        source.guessed = guessed;
        if source.held.as_ref().is_some_and(|held| held.claimed) {
            source.held = None;
        }
    }

    /// A phone is registered from there.
    pub fn know(&mut self, now: Moment, ip: IpAddr) {
        if self.are_off() {
            return;
        }
        let key = source_key(ip);
        if let Some(at) = self.known.get_mut(&key) {
            *at = now;
            return;
        }
        if self.known.len() >= KNOWN_MAX && now.since(self.known_swept_at) >= SWEEP {
            self.known_swept_at = now;
            self.known.retain(|_, at| now.since(*at) < KNOWN_FOR);
        }
        if self.known.len() < KNOWN_MAX {
            self.known.insert(key, now);
        }
    }

    fn is_known(&self, now: Moment, key: IpAddr) -> bool {
        self.known.get(&key).is_some_and(|at| now.since(*at) < KNOWN_FOR)
    }

    fn has_room(&mut self, now: Moment, key: IpAddr) -> bool {
        if self.sources.len() < SOURCES_MAX || self.sources.contains_key(&key) {
            return true;
        }
        if now.since(self.swept_at) >= SWEEP {
            self.swept_at = now;
            self.sweep(now);
        }
        self.sources.len() < SOURCES_MAX
    }

    /// Makes room: for what is over, else for half of the table.
    fn sweep(&mut self, now: Moment) {
        let limits = &self.limits;
        self.sources.retain(|_, source| !source.is_over(now, limits));
        if self.sources.len() < SOURCES_MAX {
            return;
        }
        let mut ranked: Vec<_> =
            self.sources.iter().map(|(key, source)| (source.badness(now), *key)).collect();
        ranked.sort_unstable();
        for (_, key) in ranked.into_iter().take(SOURCES_MAX / 2) {
            self.sources.remove(&key);
        }
    }

    /// The bans in force, the latest first.
    pub fn list(&self, now: Now) -> Vec<Ban> {
        let in_force = self.sources.iter().filter_map(|(key, source)| {
            let held = source.held.as_ref().filter(|held| now.moment < held.until)?;
            Some(Ban {
                address: *key,
                why: held.why,
                named: held.named.clone(),
                since: held.since,
                until: now.wall + held.until.since(now.moment),
                claimed: held.claimed,
                times: source.times.max(1),
            })
        });
        let mut list: Vec<Ban> = in_force.collect();
        list.sort_by_key(|ban| (std::cmp::Reverse(ban.since), ban.address));
        list
    }

    /// Forgets all that a source did. The ban that this ended, where one was in force.
    pub fn lift(&mut self, now: Now, ip: IpAddr) -> Option<Ban> {
        let key = source_key(ip);
        let ban = self.list(now).into_iter().find(|ban| ban.address == key)?;
        self.sources.remove(&key);
        Some(ban)
    }

    /// Bans that began.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Sources of which something is remembered.
    pub fn len(&self) -> usize {
        self.sources.len()
    }
}

fn remember(names: &mut Vec<u64>, name: &str, most: usize) {
    let name = hash(name);
    if names.len() < most && !names.contains(&name) {
        names.push(name);
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
