//! Our registration at a trunk, RFC 3261 §10.2: asked again before it ends, with growing pauses
//! when it is refused. A trunk whose name leads to several servers may have one at each of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use terms::Moment;

/// First pause after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(5);
/// Longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// State of one registration. Owned by its trunk; requests are built by the core.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// The Call-ID of all its requests.
    pub(crate) call_id: String,
    pub(crate) seq: u32,
    /// Waits for the answer to a request.
    pub(crate) asking: bool,
    /// The credentials were refused with this challenge already.
    pub(crate) challenged: bool,
    /// What a 423 asked for.
    pub(crate) expires_min_s: u32,
    pub(crate) is_registered: bool,
    /// The proxies that our calls go through, the first one first.
    pub(crate) routes: Vec<Vec<u8>>,
    failures: u32,
    next_at: Option<Moment>,
}

impl Registration {
    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        self.next_at.filter(|_| !self.asking)
    }

    pub(crate) fn ask_at(&mut self, at: Moment) {
        self.next_at = Some(at);
    }

    pub(crate) fn on_asked(&mut self) {
        self.asking = true;
        self.seq += 1;
    }

    /// The last try was refused, or what was granted is lost.
    pub(crate) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// It had failed before a restart, and is asked again as it is at any start.
    pub(crate) fn restore_failed(&mut self) {
        self.failures = self.failures.max(1);
    }

    /// 200 with this life, and this way for our calls.
    pub(crate) fn on_granted(&mut self, now: Moment, expires_s: u32, routes: Vec<Vec<u8>>) {
        *self = Registration {
            call_id: std::mem::take(&mut self.call_id),
            seq: self.seq,
            expires_min_s: self.expires_min_s,
            is_registered: true,
            routes,
            // A little early: lost packets take time.
            next_at: Some(now + Duration::from_secs(u64::from(expires_s.max(20))) * 4 / 5),
            ..Registration::default()
        };
    }

    /// Refused or unanswered; when it is tried again.
    pub(crate) fn on_failed(&mut self, now: Moment) -> Moment {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MAX);
        self.failures += 1;
        self.asking = false;
        self.challenged = false;
        self.is_registered = false;
        self.next_at = Some(now + pause);
        now + pause
    }
}

/// Our registrations at one trunk: one at whichever server has its turn (`None`), or one at each.
#[derive(Debug)]
pub(crate) struct Registrations {
    list: BTreeMap<Option<SocketAddr>, Registration>,
}

impl Default for Registrations {
    fn default() -> Self {
        Registrations { list: BTreeMap::from([(None, Registration::default())]) }
    }
}

impl Registrations {
    pub(crate) fn at(&self, server: Option<SocketAddr>) -> Option<&Registration> {
        self.list.get(&server)
    }

    pub(crate) fn at_mut(&mut self, server: Option<SocketAddr>) -> Option<&mut Registration> {
        self.list.get_mut(&server)
    }

    /// One at each of these from now on, or one alone where there are none. Those that stay are as they
    /// were; where all had failed the new ones have, too, until they count.
    pub(crate) fn at_each(&mut self, servers: &[SocketAddr]) {
        let one = servers.is_empty().then_some(None);
        let wanted = || servers.iter().copied().map(Some).chain(one);
        let has_failed = self.has_failed();
        self.list.retain(|server, _| wanted().any(|wanted| wanted == *server));
        for server in wanted() {
            let new = || Registration { failures: u32::from(has_failed), ..Default::default() };
            self.list.entry(server).or_insert_with(new);
        }
    }

    /// Those that have not begun are asked for now.
    pub(crate) fn begin(&mut self, now: Moment) {
        for own in self.list.values_mut() {
            if own.next_at.is_none() && !own.asking {
                own.ask_at(now);
            }
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Moment> {
        self.list.values().filter_map(Registration::next_timeout).min()
    }

    /// Where it is time to ask.
    pub(crate) fn due(&self, now: Moment) -> Vec<Option<SocketAddr>> {
        let is_due = |own: &Registration| own.next_timeout().is_some_and(|at| at <= now);
        let due = self.list.iter().filter(|(_, own)| is_due(own));
        due.map(|(server, _)| *server).collect()
    }

    /// One of them counts.
    pub(crate) fn is_registered(&self) -> bool {
        self.list.values().any(|own| own.is_registered)
    }

    /// None of them counts, and each has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.list.values().all(Registration::has_failed)
    }

    pub(crate) fn restore_failed(&mut self) {
        self.list.values_mut().for_each(Registration::restore_failed);
    }

    /// The way of calls that go to this server.
    pub(crate) fn routes(&self, server: Option<SocketAddr>) -> Vec<Vec<u8>> {
        let own = self.at(server).or_else(|| self.at(None));
        own.map(|own| own.routes.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_each_server_is_asked_one_that_counts_is_enough_and_those_that_stay_go_on() {
        let at = |last: u8| SocketAddr::from(([192, 0, 2, last], 5060));
        let mut all = Registrations::default();
        all.begin(Moment::from_secs(1));
        assert_eq!(all.due(Moment::from_secs(1)), [None]);
        all.at_each(&[at(1), at(2)]);
        all.begin(Moment::from_secs(2));
        assert_eq!(all.due(Moment::from_secs(2)), [Some(at(1)), Some(at(2))]);
        let own = |all: &mut Registrations, last| all.at_mut(Some(at(last))).unwrap().on_asked();
        own(&mut all, 1);
        own(&mut all, 2);
        assert_eq!(all.next_timeout(), None);
        let granted = Moment::from_secs(3);
        all.at_mut(Some(at(1))).unwrap().on_granted(granted, 600, vec![b"<sip:p;lr>".to_vec()]);
        all.at_mut(Some(at(2))).unwrap().on_failed(granted);
        assert!(all.is_registered() && !all.has_failed());
        assert_eq!((all.routes(Some(at(1))).len(), all.routes(Some(at(2))).len()), (1, 0));
        all.at_each(&[at(2), at(3)]);
        assert!(!all.is_registered() && !all.has_failed(), "the third was not asked yet");
        all.at_mut(Some(at(3))).unwrap().on_failed(granted);
        assert!(all.has_failed());
        all.at_each(&[]);
        assert!(all.at(None).is_some() && all.has_failed(), "nobody knows us yet");
        all.at_mut(None).unwrap().on_granted(granted, 600, Vec::new());
        all.at_each(&[at(4)]);
        assert!(!all.has_failed(), "it was not asked yet");
    }

    #[test]
    fn pauses_grow_and_a_grant_resets_them() {
        let mut registration = Registration::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            registration.on_asked();
            assert_eq!(registration.next_timeout(), None);
            pauses.push(registration.on_failed(Moment::default()).as_millis() / 1000);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert!(registration.has_failed());
        registration.on_granted(Moment::from_secs(100), 600, Vec::new());
        assert!(!registration.has_failed());
        assert_eq!(registration.next_timeout(), Some(Moment::from_secs(580)));
        assert_eq!(registration.on_failed(Moment::default()), Moment::from_secs(5));
    }
}
