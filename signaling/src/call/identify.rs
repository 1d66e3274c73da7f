//! An agent signs in at any phone: they dial the code with their number, and that of a skill set where they
//! choose one, and key in their PIN. The phone is
//! theirs then ([`crate::acd`]): what is offered to them rings there, and what is dialled there is theirs.
//!
//! A number that nobody has is asked for its PIN too. Wrong PINs are counted for the agent and for the
//! phone at which they are typed; past the limit even the right one is not heard for a while.

use super::feature_code::Newcomer;
use super::timers::Timer;
use super::{Call, Phase, cause};
use crate::acd::Distributor;
use crate::ivr::prompt;
use crate::sip::digest::Algorithm;
use crate::switch::Cx;
use terms::AgentId;
use terms::event::{Calling, InCalling, Kind, Party};
use terms::routing::{Agent, PIN_DIGITS_MAX};

/// Somebody says who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identifying {
    who: Newcomer,
    /// Typed so far.
    digits: String,
    attempts: u8,
}

impl Call {
    /// Asks for the PIN of who has this number.
    pub(super) fn identify(&mut self, cx: &mut Cx, who: Newcomer) {
        self.story.heard = true;
        self.phase = Phase::Identifying(Identifying { who, digits: String::new(), attempts: 0 });
        self.ask_for_pin(cx, None);
    }

    fn ask_for_pin(&mut self, cx: &mut Cx, before: Option<&str>) {
        let language = self.language();
        let names = before.into_iter().chain(["sign_in_pin"]);
        let sources = names.map(|name| prompt::prompt(language, name)).collect();
        self.timers.set(Timer::Pin, cx.now.moment + cx.world.config.announcement_max);
        if !self.play(cx, self.anchor, sources, false, true) {
            self.end(cx, cause::NO_RESOURCE, Party::System);
        }
    }

    /// The question was said: their time begins.
    pub(super) fn pin_asked(&mut self, cx: &Cx) {
        self.timers.set(Timer::Pin, cx.now.moment + cx.world.config.conference_key_max);
    }

    pub(super) fn pin_digit(&mut self, cx: &mut Cx, digit: char) {
        self.stop_play(cx, self.anchor);
        self.pin_asked(cx);
        let Phase::Identifying(identifying) = &mut self.phase else { return };
        match digit {
            '#' => self.try_sign_in(cx),
            '*' => identifying.digits.clear(),
            '0'..='9' => {
                identifying.digits.push(digit);
                if identifying.digits.len() > PIN_DIGITS_MAX {
                    self.try_sign_in(cx);
                }
            }
            _ => {}
        }
    }

    /// No key came, or no end of the prompt.
    pub(super) fn pin_timeout(&mut self, cx: &mut Cx) {
        self.try_sign_in(cx);
    }

    fn try_sign_in(&mut self, cx: &mut Cx) {
        let Phase::Identifying(identifying) = &mut self.phase else { return };
        let typed = std::mem::take(&mut identifying.digits);
        identifying.attempts += 1;
        let attempts = identifying.attempts;
        let Newcomer { number, skill_set } = identifying.who.clone();
        let plan = cx.plan(self.tenant);
        let (Some(plan), Some(phone)) = (plan, self.phone) else {
            return self.end(cx, cause::REJECTED, Party::System);
        };
        let settings = plan.short_number(&number).and_then(|agent| plan.agent(agent));
        let is_right = settings.is_some_and(|agent| opens(agent, &plan.plan.realm, &typed));
        let who = (settings.map(|agent| agent.id), phone);
        let (now, config) = (cx.now.moment, &cx.world.config);
        let (max, within) = (config.pin_wrong_max, config.pin_wrong_within);
        let is_last = attempts >= config.pin_attempts;
        let Some(acd) = cx.acd(self.tenant) else {
            return self.end(cx, cause::REJECTED, Party::System);
        };
        let barred = acd.guesses_too_often(now, who, (max, within));
        let is_wrong = !typed.is_empty() && !is_right;
        if is_wrong {
            acd.note_guess(now, who, within);
            let (agent, what) = (who.0.unwrap_or(phone), InCalling::PinRefused { at: phone });
            self.log(cx, Some(self.anchor), Kind::Calling(Calling { agent, what }));
        }
        if !barred && !is_last && !is_right {
            return self.ask_for_pin(cx, is_wrong.then_some("conference_pin_wrong"));
        }
        self.timers.clear(Timer::Pin);
        match who.0.filter(|_| is_right) {
            _ if barred => self.farewell(cx, &["conference_barred"], cause::REJECTED),
            Some(agent) => self.take_phone(cx, agent, phone, skill_set),
            None => {
                let told = ["conference_pin_wrong", "goodbye"];
                self.farewell(cx, &told[usize::from(!is_wrong)..], cause::REJECTED);
            }
        }
    }

    fn take_phone(&mut self, cx: &mut Cx, agent: AgentId, phone: AgentId, skill_set: Option<u32>) {
        let (now, call) = (cx.now, self.id);
        let chosen = skill_set.map(|number| self.plan.plan.skill_set(agent, number));
        let sits =
            |acd: &mut Distributor| acd.sit(now, agent, phone, chosen.flatten(), call).is_ok();
        if chosen == Some(None) || !cx.acd(self.tenant).is_some_and(sits) {
            return self.farewell(cx, &["invalid"], cause::REJECTED);
        }
        if let Some(leg) = self.legs.get_mut(&self.anchor) {
            (leg.agent, leg.engaged) = (Some(agent), true);
        }
        let what = InCalling::Moved { to: phone };
        self.log(cx, Some(self.anchor), Kind::Calling(Calling { agent, what }));
        self.farewell(cx, &["signed_in"], cause::NORMAL);
    }
}

/// Whether `typed` is the PIN of this agent.
fn opens(agent: &Agent, realm: &str, typed: &str) -> bool {
    let parts: [&[u8]; 3] = [agent.number.as_bytes(), realm.as_bytes(), typed.as_bytes()];
    !agent.sign_in_pin.is_empty() && Algorithm::Sha256.hash(&parts) == agent.sign_in_pin
}
