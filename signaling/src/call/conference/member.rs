//! A member of a conference: what they hear alone, and how they leave.

use super::keys::Pressed;
use crate::call::{Call, Phase, cause};
use crate::conference::{Alone, Order};
use crate::ivr::prompt;
use crate::switch::Cx;
use terms::event::{ConferenceEnd, Direction, Party};
use terms::media::{PlayEnd, Source};

/// What is heard while nobody else is there.
const MUSIC: &str = "music/wait";
/// Length of the silence that is repeated where the music is missing.
const SILENCE_MS: u32 = 60_000;

/// Being in a conference.
#[derive(Clone, Debug, Default)]
pub(in crate::call) struct Attendance {
    /// With music, until others are there.
    waits: bool,
    /// What the next key belongs to.
    pub(super) pressed: Pressed,
}

impl Call {
    /// Their meeting wants something of them.
    pub(crate) fn on_order(&mut self, cx: &mut Cx, order: Order) {
        if let Order::Dismiss(end) = order {
            return self.dismissed(cx, end);
        }
        let Phase::Conferring(attendance) = &mut self.phase else { return };
        match order {
            Order::Wait(why) => {
                attendance.waits = true;
                let why = match why {
                    Alone::First => "conference_alone",
                    Alone::NoChair => "conference_no_chair",
                };
                self.say_to_member(cx, &[why]);
            }
            Order::Join => {
                attendance.waits = false;
                self.story.answered = true;
                self.stop_play(cx, self.anchor);
            }
            Order::Say(names) => self.say_to_member(cx, &names),
            Order::Dismiss(_) => {}
        }
    }

    fn say_to_member(&mut self, cx: &mut Cx, names: &[&'static str]) {
        let language = self.language();
        let sources = names.iter().map(|name| prompt::prompt(language, name)).collect();
        self.play(cx, self.anchor, sources, false, false);
    }

    /// A prompt is over: music again for who waits. Where the music itself is missing it is silence:
    /// asking for it again and again would keep the box busy with nothing.
    pub(in crate::call) fn conference_music(&mut self, cx: &mut Cx, before: &PlayEnd) {
        let Phase::Conferring(Attendance { waits: true, .. }) = &self.phase else { return };
        let music = match before {
            PlayEnd::Missing(name) if name == MUSIC => Source::Silence { ms: SILENCE_MS },
            _ => prompt::prompt("", MUSIC),
        };
        self.play(cx, self.anchor, vec![music], true, false);
    }

    /// The meeting has put them out, and knows them no more.
    fn dismissed(&mut self, cx: &mut Cx, end: ConferenceEnd) {
        if self.conference.take().is_none() {
            return;
        }
        let prompt = match end {
            ConferenceEnd::Removed => "conference_removed",
            ConferenceEnd::Left | ConferenceEnd::Over => "conference_over",
        };
        match &self.phase {
            Phase::Conferring(_) | Phase::Knocking(_) => {
                self.timers.clear(crate::call::timers::Timer::ConferenceKey);
                self.farewell(cx, &[prompt], cause::NORMAL);
            }
            _ => self.end(cx, cause::NORMAL, Party::System),
        }
    }

    /// The call ends: the meeting goes on without it.
    pub(in crate::call) fn quit_conference(&mut self, cx: &mut Cx) {
        if let Some(id) = self.conference.take() {
            let call = self.id;
            cx.confer((self.tenant, id), |conference, cx| conference.leave(cx, call));
        }
    }

    /// Their phone has put us on hold, or come back: its music is not for the others.
    pub(in crate::call) fn conference_away(&mut self, cx: &mut Cx, away: bool) {
        if let (Phase::Conferring(_), Some(id)) = (&self.phase, self.conference) {
            let call = self.id;
            cx.confer((self.tenant, id), |conference, cx| conference.set_away(cx, call, away));
        }
    }

    /// Nobody hears them: their phone may be silent.
    pub(in crate::call) fn is_muted(&self, cx: &Cx) -> bool {
        let key = self.conference.map(|id| (self.tenant, id));
        let conference = key.and_then(|key| cx.world.conferences.get(&key));
        conference.is_some_and(|conference| conference.may_be_silent(self.id))
    }

    /// Which conference they are in, or called to.
    pub(crate) fn conference(&self) -> Option<terms::ConferenceId> {
        self.conference
    }

    /// Their number in the list of members.
    pub(super) fn member_number(&self) -> String {
        let called = matches!(self.legs.get(&self.anchor), Some(leg) if !leg.incoming);
        match (called, self.direction) {
            (true, Direction::Outbound | Direction::Internal) => self.called.shown.clone(),
            (true | false, _) => self.caller.shown.clone(),
        }
    }
}
