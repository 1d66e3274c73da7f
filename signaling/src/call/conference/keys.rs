//! Keys in a conference, each after `*`: 6 mutes oneself and back, 2 tells how many are there; for
//! the chairperson 1 locks and unlocks, 5 mutes all guests and back, 9 ends the meeting, and 4
//! followed by a number and `#` calls somebody, where the chairperson is one of ours: a stranger
//! dials nothing at our expense. A key without `*` means nothing: people press keys by accident.

use crate::call::{Call, Phase, Summons};
use crate::ivr::prompt;
use crate::switch::Cx;
use std::time::Duration;
use terms::event::ConferenceBy;
use terms::number::NUMBER_CHARS_MAX;
use terms::{ConferenceId, Moment};

/// Longest pause between `*` and the key, and between two digits of a number.
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// What was pressed last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Pressed {
    /// Nothing that means anything.
    #[default]
    Nothing,
    /// `*`, at that time.
    Star(Moment),
    /// `*4` and so many digits of a number, the last at that time.
    Number(String, Moment),
}

impl Pressed {
    /// What still counts now.
    fn at(self, now: Moment) -> Self {
        match self {
            Pressed::Star(at) | Pressed::Number(_, at) if now - at > PAUSE_MAX => Pressed::Nothing,
            pressed => pressed,
        }
    }
}

impl Call {
    pub(in crate::call) fn conference_digit(&mut self, cx: &mut Cx, digit: char) {
        let now = cx.now.moment;
        let (Phase::Conferring(attendance), Some(id)) = (&mut self.phase, self.conference) else {
            return;
        };
        let pressed = std::mem::take(&mut attendance.pressed).at(now);
        attendance.pressed = match (&pressed, digit) {
            (Pressed::Number(number, _), '0'..='9') if number.len() < NUMBER_CHARS_MAX => {
                Pressed::Number(format!("{number}{digit}"), now)
            }
            (_, '*') => Pressed::Star(now),
            _ => Pressed::Nothing,
        };
        match (pressed, digit) {
            (Pressed::Star(_), '4') => self.begin_number(cx, id),
            (Pressed::Star(_), _) => self.conference_key(cx, id, digit),
            (Pressed::Number(target, _), '#') if !target.is_empty() => {
                let (tenant, by) = (self.tenant, ConferenceBy::Chair);
                let extension = self.agent_of(self.anchor);
                let (conference, chair) = (id, false);
                let summons = Summons { tenant, conference, target, chair, by, extension };
                cx.world.summons.push_back((self.id, summons));
            }
            (Pressed::Number(..) | Pressed::Nothing, _) => {}
        }
    }

    fn begin_number(&mut self, cx: &mut Cx, id: ConferenceId) {
        let (call, now) = (self.id, cx.now.moment);
        let chair = cx.confer((self.tenant, id), |conference, _| conference.is_chair(call));
        let ours = self.agent_of(self.anchor).is_some();
        if let Phase::Conferring(attendance) = &mut self.phase
            && ours
            && chair == Some(true)
        {
            attendance.pressed = Pressed::Number(String::new(), now);
        }
    }

    fn conference_key(&mut self, cx: &mut Cx, id: ConferenceId, digit: char) {
        let (call, key) = (self.id, (self.tenant, id));
        let count = cx.confer(key, |conference, cx| {
            match (digit, conference.is_chair(call)) {
                ('6', _) => conference.toggle_mute(cx, call),
                ('1', true) => conference.toggle_lock(cx, call),
                ('5', true) => conference.toggle_mute_all(cx, call),
                ('9', true) => conference.dismiss_all(cx),
                ('2', _) => return Some(conference.len()),
                _ => {}
            }
            None
        });
        if let Some(count) = count.flatten() {
            let language = self.language();
            let mut sources = vec![prompt::prompt(language, "conference_members")];
            sources.extend(prompt::count(language, u32::try_from(count).unwrap_or(u32::MAX)));
            self.play(cx, self.anchor, sources, false, false);
        }
    }
}
