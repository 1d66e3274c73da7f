//! Session timers, RFC 4028: our INVITE asks for one, and a peer that knows nothing of them is called
//! without; theirs gets one where it asks, or knows of them. Whoever refreshes does so at half of the
//! interval; the other side hangs up a little before its end.

use super::refresh::Refreshing;
use super::{Owner, Stage, cause};
use crate::sip::core::UserAgent;
use crate::sip::header::param;
use crate::sip::message::{Message, Name};
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::{LegId, Moment};

/// The shortest interval of RFC 4028 §4, in seconds.
const INTERVAL_S_MIN: u32 = 90;
/// Longest interval, a day.
const INTERVAL_S_MAX: u32 = 86_400;
/// A refresh of ours that fails is tried again after this long, and ever later.
pub(super) const RETRY: Duration = Duration::from_secs(10);

/// What our INVITE asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// 0 asks for no timer.
    interval_s: u32,
    min_s: u32,
    /// What comes before the answer has to arrive.
    reliable: bool,
}

impl Wanted {
    pub(super) fn new(interval_s: u32, reliable: bool) -> Self {
        Wanted { interval_s, min_s: INTERVAL_S_MIN, reliable }
    }

    pub(super) fn headers(self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if self.interval_s > 0 {
            headers.push(("Session-Expires", self.interval_s.to_string()));
            headers.push(("Min-SE", self.min_s.to_string()));
        }
        if self.reliable {
            headers.push(("Require", "100rel".to_owned()));
        }
        headers
    }

    /// After their 422: what it names, once; what it says again, or asks too much, is called without a
    /// timer. `None` where none was asked for.
    fn after_422(self, response: &Message) -> Option<Wanted> {
        if self.interval_s == 0 {
            return None;
        }
        let named = response.number(Name::MinSe).filter(|_| self.min_s == INTERVAL_S_MIN);
        let min_s = named.filter(|min| (INTERVAL_S_MIN + 1..=INTERVAL_S_MAX).contains(min));
        let raised = |min_s| Wanted { interval_s: self.interval_s.max(min_s), min_s, ..self };
        Some(min_s.map_or(Wanted { interval_s: 0, ..self }, raised))
    }
}

/// A leg's timer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionTimer {
    interval_s: u32,
    /// We refresh.
    ours: bool,
    /// Our refresh, or their last moment.
    pub(super) at: Moment,
    /// When the session is over whoever refreshes.
    ends_at: Moment,
}

impl SessionTimer {
    fn new(now: Moment, interval_s: u32, ours: bool) -> Self {
        let interval = Duration::from_secs(u64::from(interval_s));
        let margin = Duration::from_secs(32).min(interval / 3);
        let ends_at = now + (interval - margin);
        let at = if ours { now + interval / 2 } else { ends_at };
        SessionTimer { interval_s, ours, at, ends_at }
    }

    /// Our refresh was refused, by somebody who is there or not: the next one, while the session lasts.
    pub(super) fn put_off(&mut self, now: Moment, pause: Duration, is_there: bool) {
        if !self.ours {
            return;
        }
        if is_there {
            self.ends_at = SessionTimer::new(now, self.interval_s, true).ends_at;
        }
        let most = ((self.ends_at - now) / 2).max(RETRY);
        self.at = (now + pause.min(most)).min(self.ends_at);
    }
}

/// Session-Expires and its refresher.
fn expires<'a>(message: &Message<'a>) -> Option<(u32, Option<&'a [u8]>)> {
    let interval = message.number(Name::SessionExpires)?.min(INTERVAL_S_MAX);
    let value = message.first(Name::SessionExpires)?;
    let params = value.iter().position(|&b| b == b';').map_or(&b""[..], |at| &value[at + 1..]);
    Some((interval, param(params, "refresher")))
}

/// The interval of an INVITE is below what we take: Min-SE for the 422.
pub(super) fn too_short(request: &Message) -> Option<u32> {
    let (interval, _) = expires(request)?;
    (interval < INTERVAL_S_MIN).then_some(INTERVAL_S_MIN)
}

/// What their INVITE asks for (RFC 4028 §9): we refresh when they say so, or when only a proxy
/// between us knows about timers. Who asks for none and knows of them gets one of `wanted_s`, which we
/// refresh: a phone that only says that it knows them would lose its call otherwise.
pub(super) fn asked(now: Moment, request: &Message, wanted_s: u32) -> Option<SessionTimer> {
    let knows = request.lists(Name::Supported, "timer");
    let Some((interval, refresher)) = expires(request) else {
        let min = request.number(Name::MinSe).unwrap_or(0);
        let fits = knows && wanted_s > 0 && min <= INTERVAL_S_MAX;
        return fits.then(|| SessionTimer::new(now, wanted_s.max(min), true));
    };
    let ours = refresher.is_some_and(|r| r.eq_ignore_ascii_case(b"uas")) || !knows;
    Some(SessionTimer::new(now, interval.max(INTERVAL_S_MIN), ours))
}

/// What their 2xx to our INVITE says: there we are the UAC.
pub(super) fn granted(now: Moment, response: &Message) -> Option<SessionTimer> {
    let (interval, refresher) = expires(response)?;
    let ours = refresher.is_none_or(|r| r.eq_ignore_ascii_case(b"uac"));
    Some(SessionTimer::new(now, interval.max(INTERVAL_S_MIN), ours))
}

impl UserAgent {
    /// Headers of our 2xx to their INVITE or UPDATE; the timer starts over.
    pub(super) fn timer_headers(&mut self, now: Now, leg: LegId) -> Vec<(&'static str, String)> {
        let timer = self.legs.get_mut(&leg).and_then(|leg| leg.session_timer.as_mut());
        let Some(timer) = timer else { return Vec::new() };
        *timer = SessionTimer::new(now.moment, timer.interval_s, timer.ours);
        let refresher = if timer.ours { "uas" } else { "uac" };
        let mut headers =
            vec![("Session-Expires", format!("{};refresher={refresher}", timer.interval_s))];
        if !timer.ours {
            headers.push(("Require", "timer".to_owned()));
        }
        headers
    }

    /// Headers of our refresh: there we are the UAC.
    pub(super) fn refresh_headers(&self, leg: LegId) -> Vec<(&'static str, String)> {
        let timer = self.legs.get(&leg).and_then(|leg| leg.session_timer.as_ref());
        let refresher = |ours| if ours { "uac" } else { "uas" };
        timer.map_or_else(Vec::new, |timer| {
            let value = format!("{};refresher={}", timer.interval_s, refresher(timer.ours));
            vec![("Session-Expires", value)]
        })
    }

    /// Their re-INVITE or UPDATE may change the timer.
    pub(super) fn refreshed(&mut self, now: Now, leg: LegId, request: &Message) {
        let wanted_s = self.config.session_expires_s;
        if let Some(state) = self.legs.get_mut(&leg) {
            state.session_timer = asked(now.moment, request, wanted_s);
        }
    }

    /// The answer to our refresh starts it over.
    pub(super) fn refresh_granted(&mut self, now: Now, leg: LegId, response: &Message) {
        if let Some(state) = self.legs.get_mut(&leg) {
            state.refreshing = Refreshing::default();
            state.session_timer = granted(now.moment, response);
        }
    }

    /// The session that we ask for is too short for them: the same INVITE asks once more.
    pub(super) fn ask_longer(&mut self, now: Now, id: u64, response: &Message) -> bool {
        let branch = self.branches.get_mut(&id).filter(|branch| branch.leg.is_some());
        let Some(branch) = branch else { return false };
        let Some(session) = branch.session.after_422(response) else { return false };
        // Whoever asked for a password may do so again: the next INVITE goes out without.
        (branch.session, branch.challenged) = (session, false);
        if let Some(tx) = self.clients.get_mut(&branch.tx) {
            // The refused transaction ends by itself; the branch lives on in the next one.
            tx.owner = Owner::Nobody;
        }
        self.count("sessions_too_short");
        self.send_invite(now, id, None).is_ok()
    }

    /// Our refresh is too early for them: the next one, at once, has their interval. False where it had
    /// that already.
    pub(super) fn lengthen(&mut self, now: Now, leg: LegId, response: &Message) -> bool {
        let min = response.number(Name::MinSe).unwrap_or(0).min(INTERVAL_S_MAX);
        let timer = self.legs.get_mut(&leg).and_then(|leg| leg.session_timer.as_mut());
        let Some(timer) = timer.filter(|timer| timer.interval_s < min) else { return false };
        (timer.interval_s, timer.at) = (min, now.moment);
        true
    }

    pub(super) fn on_session_timer(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if state.stage == Stage::Incoming {
            return;
        }
        let Some(timer) = state.session_timer.as_mut().filter(|t| t.at <= now.moment) else {
            return;
        };
        if timer.ends_at <= now.moment {
            self.count("sessions_expired");
            return self.say_bye(now, leg, cause::TIMER_EXPIRY, true);
        }
        timer.at = (now.moment + RETRY).min(timer.ends_at);
        state.refreshing.proven = false;
        if !state.takes_update {
            return self.reoffer_same(now, leg);
        }
        self.send_refresh(now, leg, None);
    }
}
