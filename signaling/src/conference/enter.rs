//! Coming and going. Members hear each other while the meeting is *open*: two are there, and a
//! chairperson where the room waits for one. Until then, and when it closes again, each hears music.

use super::{Alone, Conference, Member, Order, Stand};
use crate::switch::Cx;
use terms::event::{ConferenceEnd, InConference};
use terms::media::{Command, RecordTerms, Side, Source};
use terms::{AgentId, CallId, LegId};

/// Somebody who comes.
#[derive(Clone, Debug)]
pub(crate) struct Entrant {
    pub call: CallId,
    pub leg: LegId,
    /// As shown.
    pub number: String,
    pub agent: Option<AgentId>,
    pub chair: bool,
    /// On which side and how they are recorded, where they are.
    pub recorded: Option<(Side, RecordTerms, Option<u32>)>,
}

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// As many are there as may be.
    Full,
    /// It is locked.
    Locked,
}

impl Conference {
    /// Whether `call` may come in now: who was called may, whatever happened since.
    pub fn refuses(&self, call: CallId, chair: bool) -> Option<Refusal> {
        if self.called.iter().any(|called| called.call == call) {
            None
        } else if self.is_full() {
            Some(Refusal::Full)
        } else {
            (self.locked && !chair).then_some(Refusal::Locked)
        }
    }

    /// Who is called has a place already.
    pub(super) fn is_full(&self) -> bool {
        self.members.len() + self.called.len() >= self.settings.members_max.max(2) as usize
    }

    /// Somebody comes in.
    pub fn enter(&mut self, cx: &mut Cx, entrant: Entrant) {
        let Entrant { call, leg, number, agent, chair, recorded } = entrant;
        self.called.retain(|called| called.call != call);
        let (muted, hushed) = (self.settings.muted_on_entry && !chair, self.hushed && !chair);
        let side = recorded.map(|(side, terms, beep_every_s)| {
            self.recording.agree(terms, beep_every_s);
            side
        });
        let (since, away, stand) = (cx.now.wall, false, Stand::New);
        let member =
            Member { call, leg, number, agent, chair, since, muted, hushed, away, stand, side };
        let muted = member.is_muted();
        self.recording.meet(call, leg);
        self.members.push(member);
        self.log(cx, Some((call, Some(leg))), InConference::Joined { chair, muted });
        self.arrange(cx);
        if self.settings.tones {
            self.announce(cx, Source::Arrival);
        }
    }

    /// A member's call is not in the meeting any more; or somebody who was called does not come.
    pub fn leave(&mut self, cx: &mut Cx, call: CallId) {
        self.called.retain(|called| called.call != call);
        self.drop_member(cx, call, ConferenceEnd::Left);
    }

    pub(super) fn drop_member(&mut self, cx: &mut Cx, call: CallId, end: ConferenceEnd) {
        let Some(at) = self.members.iter().position(|member| member.call == call) else { return };
        let gone = self.members.remove(at);
        if gone.stand == Stand::Inside {
            cx.media(Command::Leave { leg: gone.leg });
        }
        self.log(cx, gone.who(), InConference::Left { end });
        let chair_left = gone.chair && self.members.iter().all(|member| !member.chair);
        if self.members.is_empty() || (chair_left && self.settings.ends_with_chair) {
            return self.dismiss_all(cx);
        }
        self.arrange(cx);
        if self.settings.tones {
            self.announce(cx, Source::Departure);
        }
    }

    /// Puts everybody where they belong, after any change of who is there.
    pub(super) fn arrange(&mut self, cx: &mut Cx) {
        if self.asleep {
            return;
        }
        let chaired = !self.settings.wait_for_chair || self.members.iter().any(|m| m.chair);
        self.open = chaired && self.members.len() >= 2;
        let stand = match (self.open, chaired) {
            (true, _) => Stand::Inside,
            (false, true) => Stand::Waiting(Alone::First),
            (false, false) => Stand::Waiting(Alone::NoChair),
        };
        let mut members = std::mem::take(&mut self.members);
        for member in members.iter_mut().filter(|member| member.stand != stand) {
            let leg = member.leg;
            let before = std::mem::replace(&mut member.stand, stand);
            let order = match stand {
                Stand::Waiting(why) => {
                    if before == Stand::Inside {
                        cx.media(Command::Leave { leg });
                    }
                    Order::Wait(why)
                }
                Stand::Inside | Stand::New => {
                    // Said before they are in: nobody hears a word of who comes muted.
                    cx.media(Command::Audience { leg, audience: member.audience() });
                    // Keys are the meeting's, also where only two are in it.
                    cx.media(Command::KeepDigits { leg, kept: true });
                    cx.media(Command::Join { leg, room: self.room });
                    Order::Join
                }
            };
            self.order(cx, member.call, order);
            if stand == Stand::Inside && member.is_muted() {
                let hushed = member.hushed;
                let told = if hushed { "conference_hushed" } else { "conference_muted" };
                self.say(cx, member.call, told);
            }
        }
        self.members = members;
        self.record(cx);
    }
}
