//! Our session refresh that is refused, RFC 4028 §10: without an answer, and with 408 or 481, the dialog is
//! over. After any other answer the rule of its status is followed, and the refresh is tried again, ever
//! more seldom where they do not say when.
//!
//! A session timer tells who is gone. Whoever refuses is there: the session lasts on from that, and who
//! takes it for over at their end says so with a BYE. What servers on the way say of somebody whom they do
//! not reach, and what takes the dialog for gone (RFC 5057 §5.1), tells of nobody: the call ends at its time,
//! unless a later try succeeds or they refresh.

use super::session_timer::RETRY;
use super::{Leg, Owner, cause};
use crate::sip::core::UserAgent;
use crate::sip::message::{Message, Name};
use crate::sip::write::Builder;
use crate::switch::Now;
use rand::Rng;
use std::time::Duration;
use terms::LegId;

/// The shortest pause that they may ask for.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// How often pauses grow to twice as long.
const DOUBLED_MAX: u32 = 10;
/// After so many refusals the next try is soon where an offer of theirs is in the way or they say so, and
/// then as seldom as after others.
const SOON_MAX: u32 = 5;

/// How the refreshes of a leg fare.
#[derive(Debug, Default)]
pub(super) struct Refreshing {
    /// Since the last one that was granted.
    refusals: u32,
    /// This one has had credentials.
    pub(super) proven: bool,
}

impl UserAgent {
    /// UPDATE without an offer.
    pub(super) fn send_refresh(
        &mut self,
        now: Now,
        leg: LegId,
        proof: Option<(&'static str, String)>,
    ) {
        let mut headers = self.refresh_headers(leg);
        headers.extend(proof);
        let add = |builder: &mut Builder| {
            for (name, value) in &headers {
                builder.header(name, value);
            }
        };
        self.request(now, leg, "UPDATE", Owner::Refresh(leg), add, ("", ""));
    }

    pub(super) fn on_refresh_response(&mut self, now: Now, leg: LegId, response: &Message) {
        match response.status() {
            100..200 => {}
            200..300 => self.refresh_granted(now, leg, response),
            401 | 407 if self.prove_refresh(now, leg, response) => {}
            422 if self.lengthen(now, leg, response) => {}
            408 | 481 => self.on_refresh_failed(now, leg, response.status()),
            _ => self.put_off_refresh(now, leg, response),
        }
        self.arm_leg(leg);
    }

    /// No answer will come. What could not be sent is tried again.
    pub(super) fn on_refresh_failed(&mut self, now: Now, leg: LegId, status: u16) {
        if matches!(status, 408 | 481) {
            self.say_bye(now, leg, cause::TIMER_EXPIRY, true);
        }
    }

    /// They refused: when it is tried next, and until when the session lasts. Some phones say that they
    /// take UPDATE and do not: the next try is an INVITE.
    pub(super) fn put_off_refresh(&mut self, now: Now, leg: LegId, response: &Message) {
        let status = response.status();
        let glare = self.glare_pause(leg);
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if matches!(status, 405 | 501) {
            state.takes_update = false;
        }
        let refusals = state.refreshing.refusals;
        state.refreshing.refusals = refusals.saturating_add(1);
        let said = response.number(Name::RetryAfter).map(|s| Duration::from_secs(s.into()));
        let grown = RETRY.saturating_mul(1 << refusals.min(DOUBLED_MAX));
        let pause = match said {
            Some(said) if refusals < SOON_MAX => said.max(PAUSE_MIN),
            Some(said) => said.max(grown),
            None if status == 491 && refusals < SOON_MAX => glare,
            None => grown,
        };
        if let Some(timer) = &mut state.session_timer {
            timer.put_off(now.moment, pause, is_there(status));
        }
        self.count("refreshes_refused");
    }

    /// RFC 3261 §14.1: the side that owns the Call-ID waits longer, so that one goes first.
    pub(super) fn glare_pause(&mut self, leg: LegId) -> Duration {
        let owns = self.legs.get(&leg).is_some_and(Leg::is_outgoing);
        let steps =
            if owns { self.rng.random_range(210..400) } else { self.rng.random_range(0..200) };
        Duration::from_millis(steps * 10)
    }

    fn prove_refresh(&mut self, now: Now, leg: LegId, response: &Message) -> bool {
        let Some(state) = self.legs.get_mut(&leg) else { return false };
        if std::mem::replace(&mut state.refreshing.proven, true) {
            return false;
        }
        let Some(proof) = self.proof(leg, "UPDATE", response) else { return false };
        self.send_refresh(now, leg, Some(proof));
        true
    }

    /// The trunk asks who we are within a call that the box made, and the request goes to that trunk itself
    /// (see [`super::bye`]).
    pub(super) fn proof(
        &mut self,
        leg: LegId,
        method: &str,
        response: &Message,
    ) -> Option<(&'static str, String)> {
        let state = self.legs.get(&leg).filter(|state| state.is_outgoing())?;
        let key = state.trunk?;
        self.trunks.get(key).filter(|trunk| trunk.is_reached_by(&state.hop))?;
        let uri = String::from_utf8_lossy(&state.dialog.as_ref()?.target).into_owned();
        let cnonce = self.token();
        self.authorize(key, response, method, &uri, &cnonce)
    }
}

/// Whether who gives this answer has the dialog: neither a server on the way that does not reach them or
/// asks who we are, nor one to whom the dialog is gone.
const fn is_there(status: u16) -> bool {
    !matches!(status, 300..400 | 404 | 407 | 408 | 410 | 416 | 430 | 480..=485 | 502..=504 | 604)
}
