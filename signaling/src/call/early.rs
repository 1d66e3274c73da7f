//! What a trunk lets be heard before it answers: its own ring tone, or what the network says of a
//! number that cannot be reached (early media, RFC 3960 and RFC 3261 §13.3.1.1). Who waits hears it as
//! soon as it is described: a caller who was not answered by a description of ours with 183, any other
//! in place of our ring tone. Of who is consulted or asked in the agent hears it who wanted them: the
//! customer waits with music meanwhile, or talks on with the agent and hears nothing of it.
//!
//! One way only: a call that is not answered costs nothing, so nothing that who waits says or keys
//! reaches the far end. It lasts as long as a phone may ring (`calls.ring_max`), and ends with the
//! refusal that follows it. It is recorded where the rule records the whole call, and nowhere else.

use super::leg::{Leg, Sip};
use super::{Call, Phase, Talk, media};
use crate::sip::user_agent::{Command as Sipc, Early};
use crate::switch::Cx;
use terms::media::{Audience, Command, Remote};
use terms::routing::EarlyMedia;
use terms::{LegId, RoomId};

/// How who waits comes to hear it.
enum Ears {
    /// They were answered.
    Open,
    /// They are told so by this answer of ours, which agrees that.
    Closed(String, Box<Remote>),
}

/// Who hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    /// This leg, which waits for it in a room of their own.
    Waiting(LegId),
    /// An agent in the room of their conversation, and whom they talk with in it.
    Agent { agent: LegId, with: Option<LegId> },
}

/// The leg that is heard before it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeardEarly {
    leg: LegId,
    hears: Hears,
    remote: Remote,
    recorded: bool,
}

impl Call {
    /// A provisional answer of a phone that we ring.
    pub(super) fn on_provisional(
        &mut self,
        cx: &mut Cx,
        id: LegId,
        status: u16,
        early: Option<&Early>,
    ) {
        self.note_ringing(id, status);
        match early.map(|early| (self.early_media(id), early)) {
            Some((EarlyMedia::Pass, early)) => {
                let told = self.hear_early(cx, id, early);
                self.on_ringing(cx, id, status, told);
            }
            Some((EarlyMedia::None, _)) if status == 183 => {}
            Some((EarlyMedia::Ring | EarlyMedia::None, _)) | None => {
                self.on_ringing(cx, id, status, false);
            }
        }
        if let Some(early) = early {
            self.listen_early(cx, id, early);
        }
    }

    /// What its trunk says; phones of ours ring.
    fn early_media(&self, id: LegId) -> EarlyMedia {
        let trunk = self.legs.get(&id).and_then(|leg| leg.trunk);
        let trunk = trunk.and_then(|trunk| self.plan.trunk(trunk));
        trunk.map_or(EarlyMedia::Ring, |trunk| trunk.early_media)
    }

    /// True where who waits hears it, and need not be told that it rings.
    fn hear_early(&mut self, cx: &mut Cx, id: LegId, early: &Early) -> bool {
        let Some(hears) = self.who_hears(id) else { return false };
        let Some(ears) = self.ears(hears) else { return false };
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        leg.encrypted = early.encrypted;
        let agreed =
            leg.local().map(|local| media::accept(local, &early.sdp, early.source, early.nat));
        let Some(Ok(remote)) = agreed else { return false };
        let recorded = matches!(self.phase, Phase::Dialling(_)) && self.records_whole_call();
        let heard = Box::new(HeardEarly { leg: id, hears, remote: remote.clone(), recorded });
        let before = self.early_place().and_then(|early| early.replace(heard));
        // Networks repeat what they have said; another branch of theirs says something else.
        if before.as_ref().is_none_or(|before| before.remote != remote) {
            self.connect_media(cx, id, remote);
        }
        if before.is_none() {
            self.open_ears(cx, id, hears, ears);
            if recorded {
                self.join_recording(cx, id);
            }
        }
        true
    }

    /// Whoever waits for this leg. Where a supervisor is on the line, or something is said into the
    /// conversation, more would be heard over there than may be: nobody hears it then.
    fn who_hears(&self, id: LegId) -> Option<Hears> {
        let talk = match &self.phase {
            Phase::Dialling(dial) => {
                return (dial.leg == Some(id)).then_some(Hears::Waiting(self.anchor));
            }
            Phase::Talking(talk) => talk,
            _ => return None,
        };
        if self.supervision.is_some() || self.interjection.is_some() || !talk.guests.is_empty() {
            return None;
        }
        if let Some(consult) = talk.consult.as_ref().filter(|consult| consult.leg == id) {
            let agent = Hears::Agent { agent: consult.from, with: None };
            return Some(consult.own.map_or(agent, Hears::Waiting));
        }
        talk.asked.as_ref().filter(|asked| asked.leg == id)?;
        let pair = [talk.partner, self.anchor];
        let agent = pair.into_iter().find(|&leg| self.agent_of(leg).is_some())?;
        let with = pair.into_iter().find(|&leg| leg != agent);
        Some(Hears::Agent { agent, with })
    }

    fn early_place(&mut self) -> Option<&mut Option<Box<HeardEarly>>> {
        match &mut self.phase {
            Phase::Dialling(dial) => Some(&mut dial.early),
            Phase::Talking(talk) => Some(&mut talk.early),
            _ => None,
        }
    }

    /// Those of who waits; none where they can be told nothing before they have made an offer.
    fn ears(&self, hears: Hears) -> Option<Ears> {
        let leg = match hears {
            Hears::Waiting(leg) | Hears::Agent { agent: leg, .. } => self.legs.get(&leg)?,
        };
        if leg.sip == Sip::Answered {
            return Some(Ears::Open);
        }
        let (sdp, remote) = leg.prepared.as_ref()?;
        Some(Ears::Closed(sdp.clone(), Box::new(remote.clone()?)))
    }

    fn open_ears(&mut self, cx: &mut Cx, id: LegId, hears: Hears, ears: Ears) {
        let (agent, with) = match hears {
            Hears::Waiting(leg) => return self.open_own_ears(cx, id, leg, ears),
            Hears::Agent { agent, with } => (agent, with),
        };
        let Phase::Talking(Talk { room, .. }) = self.phase else { return };
        if with.is_none() {
            self.stop_play(cx, agent);
        }
        let audience = with.map_or(Audience::Nobody, Audience::Only);
        cx.media(Command::Audience { leg: agent, audience });
        cx.media(Command::KeepDigits { leg: agent, kept: true });
        if let Some(leg) = with {
            cx.media(Command::Audience { leg, audience: Audience::Only(agent) });
            cx.media(Command::KeepDigits { leg, kept: true });
        }
        cx.media(Command::Audience { leg: id, audience: Audience::Only(agent) });
        cx.media(Command::Join { leg: id, room });
    }

    fn open_own_ears(&mut self, cx: &mut Cx, id: LegId, leg: LegId, ears: Ears) {
        let room = RoomId(cx.id());
        self.stop_play(cx, leg);
        if let Ears::Closed(sdp, remote) = ears {
            cx.sip(Sipc::Progress { leg, status: 183, sdp: Some(sdp) });
            self.connect_media(cx, leg, *remote);
        }
        cx.media(Command::Audience { leg, audience: Audience::Nobody });
        cx.media(Command::KeepDigits { leg, kept: true });
        cx.media(Command::Join { leg, room });
        cx.media(Command::Join { leg: id, room });
    }

    /// The leg that was heard answers or ends: who waits may speak again.
    pub(super) fn early_over(&mut self, cx: &mut Cx, id: LegId) {
        let heard = self.early_place().and_then(|early| early.take_if(|early| early.leg == id));
        let Some(heard) = heard else { return };
        if heard.recorded {
            self.leave_recording(cx, id);
        }
        let legs = match heard.hears {
            Hears::Waiting(leg) => {
                cx.media(Command::Leave { leg });
                [Some(leg), None]
            }
            Hears::Agent { agent, with } => {
                cx.media(Command::Audience { leg: id, audience: Audience::Everyone });
                [Some(agent), with]
            }
        };
        let alive = |leg: &LegId| self.legs.get(leg).is_some_and(Leg::is_alive);
        for leg in legs.into_iter().flatten().filter(alive) {
            cx.media(Command::Audience { leg, audience: Audience::Everyone });
            cx.media(Command::KeepDigits { leg, kept: false });
        }
    }

    /// More than the agent would be heard in the conversation: what comes before the answer of who is
    /// consulted or asked in is heard no more.
    pub(super) fn hush_early(&mut self, cx: &mut Cx) {
        let Phase::Talking(talk) = &self.phase else { return };
        if let Some(leg) = talk.early.as_ref().map(|early| early.leg) {
            self.early_over(cx, leg);
            cx.media(Command::Leave { leg });
        }
    }

    /// This leg need not say anything while one hears what comes before an answer.
    pub(super) fn hears_early(&self, id: LegId) -> bool {
        match &self.phase {
            Phase::Dialling(dial) => dial.early.is_some(),
            Phase::Talking(talk) => talk.early.as_ref().is_some_and(|early| {
                early.leg == id
                    || early.hears == Hears::Waiting(id)
                    || early.hears == Hears::Agent { agent: id, with: None }
            }),
            _ => false,
        }
    }
}
