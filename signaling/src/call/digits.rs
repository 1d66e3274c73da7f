//! Keys that an agent presses on a screen: the party they talk with hears them as from the phone, by
//! RFC 4733 or as tones. They are written down nowhere: they may be a PIN.

use super::{Call, Phase};
use crate::switch::Cx;
use terms::media::Command;

/// Keys at a time; media keeps as many for a leg.
const DIGITS_MAX: usize = 64;

impl Call {
    /// Keys from the screen.
    pub(super) fn screen_sends(&self, cx: &mut Cx, digits: &str) -> Result<(), String> {
        let is_key = |c: char| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D');
        if !(1..=DIGITS_MAX).contains(&digits.len()) || !digits.chars().all(is_key) {
            return Err("1 to 64 keys of 0-9, *, # and A-D can be sent".to_owned());
        }
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to send keys into".to_owned());
        };
        let pair = [(talk.partner, self.anchor), (self.anchor, talk.partner)];
        let other = pair.into_iter().find(|&(own, _)| self.agent_of(own).is_some());
        let (_, other) = other.ok_or("there is no agent in this call")?;
        if talk.hold.is_held() {
            return Err("the other party is on hold".to_owned());
        }
        cx.media(Command::SendDigits { leg: other, digits: digits.to_owned() });
        Ok(())
    }
}
