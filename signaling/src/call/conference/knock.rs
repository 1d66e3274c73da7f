//! At the door of a conference: the PIN, which the chairperson's or a guest's may be; for who was
//! called, whether they come; and what they must know of a recording before they are in it.
//!
//! A PIN is looked at by its digits alone, in the same time whether they are right or wrong, and
//! wrong ones are counted by room and caller ([`crate::conference::doors`]): a new call begins
//! nothing anew.

use crate::call::timers::Timer;
use crate::call::{Call, Phase, cause};
use crate::conference::doors::Patience;
use crate::conference::{Entrant, Refusal};
use crate::ivr::prompt;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::ConferenceId;
use terms::event::Party;
use terms::media::PlayEnd;
use terms::routing::{self, PIN_DIGITS_MAX, RecordingThen};

use super::Attendance;

/// Times somebody is asked whether they come.
const CONSENT_ATTEMPTS: u8 = 2;

/// Somebody at the door.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::call) struct Knock {
    settings: routing::Conference,
    asks: Asks,
    /// Typed so far; after a kill they are typed anew.
    #[serde(skip)]
    digits: String,
    attempts: u8,
}

/// What is asked there.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Asks {
    /// The PIN.
    Pin,
    /// Whether they come: 1 is yes, 2 is no.
    Consent { chair: bool },
    /// Nothing: they hear that they will be recorded.
    Notice { chair: bool, then: RecordingThen },
}

impl Knock {
    fn new(settings: routing::Conference, asks: Asks) -> Self {
        Knock { settings, asks, digits: String::new(), attempts: 0 }
    }
}

impl Call {
    /// The caller wants to come into a conference.
    pub(in crate::call) fn knock(&mut self, cx: &mut Cx, id: ConferenceId) {
        let Some(settings) = self.plan.plan.conference(id).cloned() else {
            return self.strand(cx);
        };
        self.story.heard = true;
        self.stop_listening(cx);
        if settings.guest_pin.is_none() && settings.chair_pin.is_none() {
            return self.come_in(cx, settings, false);
        }
        if self.is_barred(cx, id) {
            return self.farewell(cx, &["conference_barred"], cause::REJECTED);
        }
        self.phase = Phase::Knocking(Knock::new(settings, Asks::Pin));
        self.ask_at_door(cx, None);
    }

    /// Who was called answered: do they come?
    pub(super) fn ask_to_come(&mut self, cx: &mut Cx, settings: routing::Conference, chair: bool) {
        self.phase = Phase::Knocking(Knock::new(settings, Asks::Consent { chair }));
        self.ask_at_door(cx, None);
    }

    pub(super) fn ask_at_door(&mut self, cx: &mut Cx, before: Option<&str>) {
        let Phase::Knocking(knock) = &self.phase else { return };
        let name = match &knock.asks {
            Asks::Pin if knock.settings.guest_pin.is_none() => "conference_chair",
            Asks::Pin => "conference_pin",
            Asks::Consent { .. } => "conference_invite",
            Asks::Notice { then, .. } => then.announce.as_str(),
        };
        let language = self.language();
        let names = before.into_iter().chain([name]);
        let sources = names.map(|name| prompt::prompt(language, name)).collect();
        let interruptible = !matches!(knock.asks, Asks::Notice { .. });
        let until = cx.now.moment + cx.world.config.announcement_max;
        self.timers.set(Timer::ConferenceKey, until);
        if !self.play(cx, self.anchor, sources, false, interruptible) {
            self.strand(cx);
        }
    }

    /// They have heard it.
    pub(in crate::call) fn knock_asked(&mut self, cx: &mut Cx, end: &PlayEnd) {
        let Phase::Knocking(knock) = &self.phase else { return };
        if let Asks::Notice { chair, then } = &knock.asks {
            // Where the prompt is missing nobody was told, so nothing of them is recorded.
            let told = !matches!(end, PlayEnd::Missing(_));
            let (chair, then) = (*chair, told.then(|| then.clone()));
            return self.enter_conference(cx, chair, then);
        }
        self.wait_for_key(cx);
    }

    fn wait_for_key(&mut self, cx: &Cx) {
        let until = cx.now.moment + cx.world.config.conference_key_max;
        self.timers.set(Timer::ConferenceKey, until);
    }

    pub(in crate::call) fn knock_digit(&mut self, cx: &mut Cx, digit: char) {
        self.wait_for_key_of(cx);
        let Phase::Knocking(knock) = &mut self.phase else { return };
        match (&knock.asks, digit) {
            (Asks::Notice { .. }, _) => {}
            (Asks::Consent { chair }, '1') => {
                let (chair, settings) = (*chair, knock.settings.clone());
                self.come_in(cx, settings, chair);
            }
            (Asks::Consent { .. }, '2') => self.end(cx, cause::REJECTED, Party::System),
            (Asks::Pin, '#') => self.try_pin(cx),
            (Asks::Pin, '*') => knock.digits.clear(),
            (Asks::Pin, '0'..='9') => {
                knock.digits.push(digit);
                if knock.digits.len() > PIN_DIGITS_MAX {
                    self.try_pin(cx);
                }
            }
            (Asks::Pin | Asks::Consent { .. }, _) => {}
        }
    }

    /// A key ends the prompt, and time for the next one begins.
    fn wait_for_key_of(&mut self, cx: &mut Cx) {
        if !matches!(&self.phase, Phase::Knocking(Knock { asks: Asks::Notice { .. }, .. })) {
            self.stop_play(cx, self.anchor);
            self.wait_for_key(cx);
        }
    }

    /// No key came, or no end of the prompt.
    pub(in crate::call) fn knock_timeout(&mut self, cx: &mut Cx) {
        let Phase::Knocking(knock) = &mut self.phase else { return };
        match &knock.asks {
            Asks::Pin if !knock.digits.is_empty() => self.try_pin(cx),
            Asks::Pin => self.wrong_pin(cx, false),
            Asks::Consent { .. } => {
                knock.attempts += 1;
                if knock.attempts < CONSENT_ATTEMPTS {
                    self.ask_at_door(cx, None);
                } else {
                    self.end(cx, cause::NO_ANSWER, Party::System);
                }
            }
            Asks::Notice { chair, .. } => {
                let chair = *chair;
                self.enter_conference(cx, chair, None);
            }
        }
    }

    fn try_pin(&mut self, cx: &mut Cx) {
        let Phase::Knocking(knock) = &mut self.phase else { return };
        let digits = std::mem::take(&mut knock.digits);
        let settings = &knock.settings;
        // Both are compared, whatever comes of the first.
        let (chair, guest) = (settings.chair_pin.opens(&digits), settings.guest_pin.opens(&digits));
        let plain_guest = digits.is_empty() && settings.guest_pin.is_none();
        let id = settings.id;
        if self.is_barred(cx, id) {
            self.timers.clear(Timer::ConferenceKey);
            return self.farewell(cx, &["conference_barred"], cause::REJECTED);
        }
        if !(chair | guest | plain_guest) {
            return self.wrong_pin(cx, !digits.is_empty());
        }
        let Phase::Knocking(knock) = &self.phase else { return };
        let settings = knock.settings.clone();
        self.come_in(cx, settings, chair);
    }

    /// Once more, or goodbye. What was typed counts against the caller, silence does not.
    fn wrong_pin(&mut self, cx: &mut Cx, typed: bool) {
        let Phase::Knocking(knock) = &mut self.phase else { return };
        knock.attempts += 1;
        let (id, last) = (knock.settings.id, knock.attempts >= cx.world.config.pin_attempts);
        if typed {
            let (who, inside) = self.who_knocks();
            let key = (self.tenant, id);
            cx.world.doors.note(cx.now.moment, key, &who, inside);
        }
        if last {
            self.timers.clear(Timer::ConferenceKey);
            let told = ["conference_pin_wrong", "goodbye"];
            self.farewell(cx, &told[usize::from(!typed)..], cause::REJECTED);
        } else {
            self.ask_at_door(cx, typed.then_some("conference_pin_wrong"));
        }
    }

    fn who_knocks(&self) -> (String, bool) {
        match self.agent_of(self.anchor) {
            Some(agent) => (format!("agent {agent}"), true),
            None => (self.caller.normal.clone(), false),
        }
    }

    fn is_barred(&self, cx: &mut Cx, id: ConferenceId) -> bool {
        let (who, inside) = self.who_knocks();
        let config = &cx.world.config;
        let patience = Patience {
            caller_max: config.pin_wrong_max,
            room_max: config.pin_wrong_room_max,
            within: config.pin_wrong_within,
        };
        cx.world.doors.is_barred(cx.now.moment, (self.tenant, id), &who, inside, patience)
    }

    /// They may come: at once, or once they know that they are recorded.
    fn come_in(&mut self, cx: &mut Cx, settings: routing::Conference, chair: bool) {
        let then = self.recorded_in_conference(cx, settings.record);
        match then {
            Some(then) if !then.announce.is_empty() => {
                self.phase = Phase::Knocking(Knock::new(settings, Asks::Notice { chair, then }));
                self.ask_at_door(cx, None);
            }
            then => {
                self.phase = Phase::Knocking(Knock::new(settings, Asks::Pin));
                self.enter_conference(cx, chair, then);
            }
        }
    }

    fn enter_conference(&mut self, cx: &mut Cx, chair: bool, then: Option<RecordingThen>) {
        let Phase::Knocking(knock) = &self.phase else { return };
        let settings = knock.settings.clone();
        let (key, call) = ((self.tenant, settings.id), self.id);
        self.timers.clear(Timer::ConferenceKey);
        match cx.confer(key, |conference, _| conference.refuses(call, chair)).flatten() {
            Some(Refusal::Full) => return self.farewell(cx, &["conference_full"], cause::BUSY),
            Some(Refusal::Locked) => {
                return self.farewell(cx, &["conference_locked"], cause::REJECTED);
            }
            None => {}
        }
        // From here on they are recorded with the others, or not at all.
        self.stop_recording(cx);
        self.stop_play(cx, self.anchor);
        self.phase = Phase::Conferring(Attendance::default());
        self.conference = Some(settings.id);
        self.tell_stage(cx, self.anchor, crate::acd::Stage::Talking);
        let entrant = Entrant {
            call,
            leg: self.anchor,
            number: self.member_number(),
            agent: self.agent_of(self.anchor),
            chair,
            recorded: then.map(|then| self.conference_terms(&then)),
        };
        let (tenant, contact) = (self.tenant, self.contact);
        cx.convene(tenant, &settings, contact, |conference, cx| conference.enter(cx, entrant));
    }
}
