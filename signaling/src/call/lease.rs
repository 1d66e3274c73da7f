//! A call to a number that stands for somebody for a time (a lease: AX, AXB, AXE). The other side is
//! called over a trunk that may show the leased number, and over no other: neither side sees another
//! number, whatever a trunk's rule says. Whom nobody is called for is told so in words.
//!
//! With a code the caller is answered and keys it in, `#` ends it, three times at most; callers whose
//! codes are wrong too often are heard no more for a while, and at a number of which too many were wrong
//! nobody is, since who forges callers is another each time.

use super::dial::{Dialable, Why};
use super::timers::Timer;
use super::{Call, Next, Phase, cause, click};
use crate::ivr::prompt;
use crate::switch::{Binding, Compiled, Cx, LeaseFound};
use serde::{Deserialize, Serialize};
use terms::event::{InLease, Kind, LeaseRefusal, Leased};
use terms::routing::LEASE_CODE_DIGITS;
use terms::{LeaseId, PhoneNumber};

/// What becomes of a caller of a leased number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LeaseStep {
    /// The other side is called.
    Reach(Binding),
    /// A code is asked for.
    AskCode,
    /// Nobody is called: this prompt says why.
    Tell(&'static str, u8),
}

/// The lease that a call goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByLease {
    lease: LeaseId,
    pub record: bool,
}

/// The caller keys in a code.
#[derive(Debug, Default)]
pub(super) struct Coding {
    digits: String,
    attempts: u8,
}

/// The prompt that says it to who called.
const fn announcement(why: LeaseRefusal) -> &'static str {
    match why {
        LeaseRefusal::Stranger | LeaseRefusal::Code => "lease_stranger",
        LeaseRefusal::NobodyCalled => "lease_nobody",
        LeaseRefusal::Over => "lease_over",
        LeaseRefusal::NotCallable | LeaseRefusal::TooMany => "lease_unreachable",
    }
}

impl Call {
    /// What the number that was called stands for at this moment; none for nobody.
    pub(super) fn lease_of_number(&self, cx: &Cx) -> Option<LeaseFound> {
        let country = self.plan.plan.country.as_str();
        let leases = cx.world.leases.get(&self.tenant)?;
        leases.find(&self.called, (&self.caller, country), cx.now.wall, self.diverted > 0)
    }

    /// The next step of a call that goes by a lease, where it does not go in a circle.
    pub(super) fn by_lease(&self, cx: &mut Cx, found: LeaseFound) -> Option<LeaseStep> {
        match found {
            LeaseFound::Reaches(binding) => Some(LeaseStep::Reach(binding)),
            LeaseFound::Code => Some(LeaseStep::AskCode),
            LeaseFound::Refused(lease, why) => Some(self.refused_by_lease(cx, lease, why)),
            LeaseFound::Loop => None,
        }
    }

    fn refused_by_lease(
        &self,
        cx: &mut Cx,
        lease: Option<LeaseId>,
        why: LeaseRefusal,
    ) -> LeaseStep {
        let what = InLease::Refused(why);
        self.log(cx, Some(self.anchor), Kind::Leased(Leased { lease, what }));
        LeaseStep::Tell(announcement(why), cause::REJECTED)
    }

    pub(super) fn go_by_lease(&mut self, cx: &mut Cx, step: LeaseStep) {
        match step {
            LeaseStep::Reach(binding) => self.reach_by_lease(cx, binding),
            LeaseStep::AskCode => {
                self.story.heard = true;
                self.phase = Phase::Coding(Coding::default());
                self.ask_for_code(cx, &["lease_code"]);
            }
            LeaseStep::Tell(prompt, cause) => {
                self.story.refused = !self.story.stranded;
                self.farewell(cx, &[prompt], cause);
            }
        }
    }

    /// Calls the other side.
    fn reach_by_lease(&mut self, cx: &mut Cx, Binding { lease, to, record }: Binding) {
        self.lease = Some(ByLease { lease, record });
        self.wanted = Some(self.called.clone());
        let to = match self.callable_by_lease(cx, lease, &to) {
            Ok(to) => to,
            Err(why) => {
                let step = self.refused_by_lease(cx, Some(lease), why);
                return self.go_to(cx, Next::Leased(step));
            }
        };
        let country = self.plan.plan.country.clone();
        if let Some(leases) = cx.world.leases.get_mut(&self.tenant) {
            leases.note_caller(lease, &self.caller, &country);
        }
        let what = InLease::Called;
        self.log(cx, Some(self.anchor), Kind::Leased(Leased { lease: Some(lease), what }));
        self.dial(cx, to, Why::Lease);
    }

    /// How the tenant may call the other side and show the leased number; then it is counted.
    fn callable_by_lease(
        &self,
        cx: &mut Cx,
        lease: LeaseId,
        number: &str,
    ) -> Result<Dialable, LeaseRefusal> {
        let number = PhoneNumber::parse(number, &self.plan.plan.country);
        let mut to = self.outside(cx, number).ok_or(LeaseRefusal::NotCallable)?;
        click::shows(&self.plan, &mut to, &self.called).map_err(|_| LeaseRefusal::NotCallable)?;
        let Dialable::Outside { digits, .. } = &to else { return Err(LeaseRefusal::NotCallable) };
        let costly = self.plan.class_of(digits).is_some_and(|class| class.is_costly());
        let (now, limits) = (cx.now.moment, cx.world.config.out);
        let leases = cx.world.leases.get_mut(&self.tenant).ok_or(LeaseRefusal::Over)?;
        let call = (self.id, digits.as_str(), costly);
        leases.count(now, &limits, lease, call)?;
        Ok(to)
    }

    /// Whether a trunk that shows this number may be called over: by a lease no other is shown.
    pub(super) fn may_be_shown(&self, plan: &Compiled, shown: &str) -> bool {
        let shown = PhoneNumber::parse(shown, &plan.plan.country);
        self.lease.is_none() || shown.normal == self.called.normal
    }

    /// The other side was not reached.
    pub(super) fn lease_unreached(&mut self, cx: &mut Cx, cause: u8) {
        self.story.stranded = true;
        let prompt = match cause {
            cause::BUSY | cause::REJECTED => "lease_busy",
            cause::NO_ANSWER | cause::NORMAL => "lease_no_answer",
            _ => "lease_unreachable",
        };
        self.go_to(cx, Next::Leased(LeaseStep::Tell(prompt, cause)));
    }

    fn ask_for_code(&mut self, cx: &mut Cx, prompts: &[&str]) {
        let language = self.language();
        let sources = prompts.iter().map(|name| prompt::prompt(language, name)).collect();
        self.timers.set(Timer::Code, cx.now.moment + cx.world.config.announcement_max);
        if !self.play(cx, self.anchor, sources, false, true) {
            self.strand(cx);
        }
    }

    /// The question was said: the caller's time begins.
    pub(super) fn code_asked(&mut self, cx: &Cx) {
        self.timers.set(Timer::Code, cx.now.moment + cx.world.config.conference_key_max);
    }

    pub(super) fn code_digit(&mut self, cx: &mut Cx, digit: char) {
        self.stop_play(cx, self.anchor);
        self.code_asked(cx);
        let Phase::Coding(coding) = &mut self.phase else { return };
        match digit {
            '#' => self.try_code(cx),
            '*' => coding.digits.clear(),
            '0'..='9' => {
                coding.digits.push(digit);
                if coding.digits.len() >= *LEASE_CODE_DIGITS.end() {
                    self.try_code(cx);
                }
            }
            _ => {}
        }
    }

    /// No key came, or no end of the prompt.
    pub(super) fn code_timeout(&mut self, cx: &mut Cx) {
        if matches!(self.phase, Phase::Coding(_)) {
            self.try_code(cx);
        }
    }

    fn try_code(&mut self, cx: &mut Cx) {
        let Phase::Coding(coding) = &mut self.phase else { return };
        let digits = std::mem::take(&mut coding.digits);
        let (now, config) = (cx.now, &cx.world.config);
        let (max, within) = (config.pin_wrong_max, config.pin_wrong_within);
        let of_number = (config.pin_wrong_room_max, within);
        let Some(leases) = cx.world.leases.get_mut(&self.tenant) else { return self.strand(cx) };
        let found = leases.by_code(&self.called, &digits, now.wall);
        let has_proven =
            found.as_ref().is_some_and(|found| leases.has_proven(found.lease, &self.caller));
        // Whoever forges callers can have a number paused: it is not for those who reached A before.
        let is_paused = !has_proven && leases.is_paused(now.moment, &self.called, of_number);
        let barred = is_paused || leases.guesses_too_often(now.moment, &self.caller, (max, within));
        let is_wrong = !digits.is_empty() && found.is_none();
        if let Some(binding) = found.filter(|_| !barred) {
            leases.note_proven(binding.lease, &self.caller);
            self.timers.clear(Timer::Code);
            return self.go_to(cx, Next::Leased(LeaseStep::Reach(binding)));
        }
        // What was typed wrong counts against the caller. Silence does not, nor does a right code that
        // is not heard: who has it is let in once the pause is over.
        let mut paused = None;
        if is_wrong {
            leases.note_guess(now.moment, &self.caller, within);
            if !barred {
                paused = leases.note_wrong(now.moment, &self.called, of_number);
            }
        }
        coding.attempts += 1;
        let asks_again = !barred && coding.attempts < cx.world.config.pin_attempts;
        if paused.is_some() {
            let what = InLease::Paused;
            self.log(cx, Some(self.anchor), Kind::Leased(Leased { lease: paused, what }));
        }
        if asks_again {
            return self.ask_for_code(cx, &["invalid", "lease_code"]);
        }
        self.timers.clear(Timer::Code);
        let step = self.refused_by_lease(cx, None, LeaseRefusal::Code);
        self.go_to(cx, Next::Leased(step));
    }
}
