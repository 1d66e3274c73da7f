//! Who is heard: mute by one's own key, by the chairperson, from a screen, and while a phone has the
//! meeting on hold. Nobody's voice is turned on by somebody else: what others undo is what others
//! did.

use super::{Conference, Member, Stand};
use crate::switch::Cx;
use terms::CallId;
use terms::event::{ConferenceBy, InConference};
use terms::media::Command;

impl Conference {
    /// The member's own key: off and on again, unless somebody else muted them.
    pub fn toggle_mute(&mut self, cx: &mut Cx, call: CallId) {
        let Some(member) = self.member(call) else { return };
        if member.hushed && !member.chair {
            return self.say(cx, call, "conference_hushed");
        }
        let mutes = !member.is_muted();
        let told = if mutes { "conference_muted" } else { "conference_unmuted" };
        self.change(cx, call, Some(ConferenceBy::Member), |member| {
            (member.muted, member.hushed) = (mutes, false);
        });
        self.say(cx, call, told);
    }

    /// A screen mutes one member, or lets them be heard.
    ///
    /// # Errors
    /// When there is no such member, or they muted themselves.
    pub fn mute_member(
        &mut self,
        cx: &mut Cx,
        call: CallId,
        muted: bool,
        by: ConferenceBy,
    ) -> Result<(), String> {
        let member = self.member(call).ok_or("there is no such member in the conference")?;
        if !muted && !member.hushed && member.muted {
            return Err("they muted themselves: they alone may undo it".to_owned());
        }
        self.hush(cx, call, muted, by);
        Ok(())
    }

    /// All guests are muted, those who come included; or all are heard again who did not mute
    /// themselves.
    pub fn mute_all(&mut self, cx: &mut Cx, muted: bool, by: ConferenceBy) {
        self.hushed = muted;
        let concerned = self.members.iter().filter(|member| !(muted && member.chair));
        let calls: Vec<CallId> = concerned.map(|member| member.call).collect();
        for call in calls {
            self.hush(cx, call, muted, by);
        }
    }

    /// The chairperson's key: all guests are muted, or heard again.
    pub fn toggle_mute_all(&mut self, cx: &mut Cx, call: CallId) {
        self.mute_all(cx, !self.hushed, ConferenceBy::Chair);
        let told = if self.hushed { "conference_all_muted" } else { "conference_all_unmuted" };
        self.say(cx, call, told);
    }

    fn hush(&mut self, cx: &mut Cx, call: CallId, hushed: bool, by: ConferenceBy) {
        if self.member(call).is_none_or(|member| member.hushed == hushed) {
            return;
        }
        self.change(cx, call, Some(by), |member| member.hushed = hushed);
        let own = self.member(call).is_some_and(|member| member.muted);
        let told = if hushed { "conference_hushed" } else { "conference_unmuted" };
        if hushed || !own {
            self.say(cx, call, told);
        }
    }

    /// The phone of a member has put the meeting on hold, or come back.
    pub fn set_away(&mut self, cx: &mut Cx, call: CallId, away: bool) {
        self.change(cx, call, None, |member| member.away = away);
    }

    /// Who is not heard has nothing to say, and may be silent.
    pub fn may_be_silent(&self, call: CallId) -> bool {
        self.member(call).is_some_and(|member| !member.is_heard())
    }

    /// Whether they came as a chairperson.
    pub fn is_chair(&self, call: CallId) -> bool {
        self.member(call).is_some_and(|member| member.chair)
    }

    /// Changes a member; media is told who hears them, and the log that they are muted or not.
    fn change(
        &mut self,
        cx: &mut Cx,
        call: CallId,
        by: Option<ConferenceBy>,
        change: impl FnOnce(&mut Member),
    ) {
        let Some(member) = self.members.iter_mut().find(|member| member.call == call) else {
            return;
        };
        let before = (member.is_heard(), member.is_muted());
        change(member);
        let after = (member.is_heard(), member.is_muted());
        let (who, leg, audience) = (member.who(), member.leg, member.audience());
        if before.0 != after.0 && member.stand == Stand::Inside {
            cx.media(Command::Audience { leg, audience });
            self.record(cx);
        }
        if let Some(by) = by.filter(|_| before.1 != after.1) {
            self.log(cx, who, InConference::Muted { muted: after.1, by });
        }
    }
}
