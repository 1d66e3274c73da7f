//! Something is said into a conversation while it goes on: a prompt or a text, to both or to one of
//! them, mixed with what they say or, where that is asked for, with nobody hearing them meanwhile.
//! One at a time; it ends by itself, when somebody asks for it, and with whatever changes who talks
//! with whom.
//!
//! Its voice stands in the recording like a party of the other side, so that the file has what was
//! said, whoever heard it.

use super::{Call, Phase};
use crate::ivr::prompt;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::control::{PlayOrder, PlayTo, PlayWhat};
use terms::event::{Interjected, Kind};
use terms::media::{Audience, Command, Interject, Playback, Side, Source};
use terms::{LegId, PlaybackId, RoomId};

/// On which side of a recording it is: with all who are not the customer.
pub(super) const SIDE: Side = Side::Other;

/// What is being said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Interjection {
    room: RoomId,
    voice: LegId,
    playback: PlaybackId,
    /// Who began the conversation.
    pair: [LegId; 2],
    /// Nobody hears them.
    apart: bool,
}

impl Call {
    /// A screen has something said.
    pub(super) fn interject(&mut self, cx: &mut Cx, order: &PlayOrder) -> Result<(), String> {
        if self.interjection.is_some() {
            return Err("something is said into this call already".to_owned());
        }
        let (room, pair) = self.two_who_talk()?;
        let only = match order.to {
            PlayTo::Both => None,
            PlayTo::Agent => Some(self.agent_among(pair)?),
            PlayTo::Customer => {
                let agent = self.agent_among(pair)?;
                pair.into_iter().find(|&leg| leg != agent)
            }
        };
        let source = match &order.what {
            PlayWhat::Prompt(name) => prompt::prompt(self.language(), name),
            PlayWhat::Text(text) => {
                Source::Speech { language: self.language().to_owned(), text: text.clone() }
            }
        };
        self.hush_early(cx);
        let (voice, id) = (LegId(cx.id()), PlaybackId(cx.id()));
        let playback = Playback { tenant: Some(self.tenant), ..Playback::once(id, vec![source]) };
        self.record_voice(cx, voice);
        if order.apart {
            self.hear(cx, pair, Audience::Nobody);
        }
        let leg = only.unwrap_or(pair[0]);
        cx.media(Command::Interject(Box::new(Interject { leg, room, playback, voice, only })));
        let apart = order.apart;
        self.interjection = Some(Interjection { room, voice, playback: id, pair, apart });
        let prompt = match &order.what {
            PlayWhat::Prompt(name) => Some(name.clone()),
            PlayWhat::Text(_) => None,
        };
        let said = Interjected { by: order.by, prompt, to: order.to, apart };
        self.log(cx, only, Kind::Interjected(said));
        Ok(())
    }

    /// No more of it.
    pub(super) fn stop_interjection(&mut self, cx: &mut Cx) -> Result<(), String> {
        let Some(said) = self.interjection.take() else {
            return Err("nothing is said into this call".to_owned());
        };
        self.silence(cx, said);
        Ok(())
    }

    /// Whether this was the end of what was said.
    pub(super) fn interjection_over(&mut self, cx: &mut Cx, playback: PlaybackId) -> bool {
        let over = self.interjection.take_if(|said| said.playback == playback);
        if let Some(said) = over {
            self.leave_interjection(cx, said);
        }
        over.is_some()
    }

    /// After everything that happens: it goes with the conversation that it was said into.
    pub(crate) fn settle_interjection(&mut self, cx: &mut Cx) {
        let Some(said) = self.interjection else { return };
        let stays =
            self.two_who_talk().is_ok_and(|(room, pair)| (room, pair) == (said.room, said.pair));
        if !stays {
            self.interjection = None;
            self.silence(cx, said);
        }
    }

    fn silence(&mut self, cx: &mut Cx, said: Interjection) {
        let Interjection { room, playback, pair, .. } = said;
        if let Some(leg) = pair.into_iter().find(|&leg| self.can_hear(leg)) {
            cx.media(Command::StopInterject { leg, room, playback });
        }
        self.leave_interjection(cx, said);
    }

    fn leave_interjection(&mut self, cx: &mut Cx, said: Interjection) {
        if said.apart {
            self.hear(cx, said.pair, Audience::Everyone);
        }
        self.leave_recording(cx, said.voice);
    }

    /// Who hears the two.
    fn hear(&self, cx: &mut Cx, pair: [LegId; 2], audience: Audience) {
        for leg in pair {
            if self.can_hear(leg) {
                cx.media(Command::Audience { leg, audience });
            }
        }
    }

    fn can_hear(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| leg.is_open() && leg.is_alive())
    }

    /// The room of two who talk, and nobody beside them.
    fn two_who_talk(&self) -> Result<(RoomId, [LegId; 2]), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to say something into".to_owned());
        };
        if talk.hold.is_held() {
            return Err("the other party is on hold".to_owned());
        }
        if talk.asked.is_some() || talk.others().next().is_some() || talk.consult.is_some() {
            return Err("more than two are in the conversation, or asked in".to_owned());
        }
        if self.fax.is_on() {
            return Err("there is no conversation to say something into".to_owned());
        }
        Ok((talk.room, [talk.partner, self.anchor]))
    }

    fn agent_among(&self, pair: [LegId; 2]) -> Result<LegId, String> {
        let agent = pair.into_iter().find(|&leg| self.agent_of(leg).is_some());
        agent.ok_or_else(|| "there is no agent in this call".to_owned())
    }
}
