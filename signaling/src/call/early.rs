//! What a trunk lets be heard before it answers: its own ring tone, or what the network says of a
//! number that cannot be reached (early media, RFC 3960 and RFC 3261 §13.3.1.1). Who waits hears it as
//! soon as it is described: a caller who was not answered by a description of ours with 183, any other
//! in place of our ring tone.
//!
//! One way only: a call that is not answered costs nothing, so nothing that who waits says or keys
//! reaches the far end. It lasts as long as a phone may ring (`calls.ring_max`), and ends with the
//! refusal that follows it. It is recorded where the rule records the whole call, and nowhere else.

use super::leg::Sip;
use super::{Call, Phase, media};
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

/// The leg that is heard before it answers.
#[derive(Debug)]
pub(super) struct HeardEarly {
    leg: LegId,
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
    }

    /// What its trunk says; phones of ours ring.
    fn early_media(&self, id: LegId) -> EarlyMedia {
        let trunk = self.legs.get(&id).and_then(|leg| leg.trunk);
        let trunk = trunk.and_then(|trunk| self.plan.trunk(trunk));
        trunk.map_or(EarlyMedia::Ring, |trunk| trunk.early_media)
    }

    /// True where who waits hears it, and need not be told that it rings.
    fn hear_early(&mut self, cx: &mut Cx, id: LegId, early: &Early) -> bool {
        let Phase::Dialling(dial) = &self.phase else { return false };
        let Some(ears) = self.ears().filter(|_| dial.leg == Some(id)) else { return false };
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        leg.encrypted = early.encrypted;
        let agreed =
            leg.local().map(|local| media::accept(local, &early.sdp, early.source, early.nat));
        let Some(Ok(remote)) = agreed else { return false };
        let recorded = self.records_whole_call();
        let heard = Box::new(HeardEarly { leg: id, remote: remote.clone(), recorded });
        let before = match &mut self.phase {
            Phase::Dialling(dial) => dial.early.replace(heard),
            _ => None,
        };
        // Networks repeat what they have said; another branch of theirs says something else.
        if before.as_ref().is_none_or(|before| before.remote != remote) {
            self.connect_media(cx, id, remote);
        }
        if before.is_none() {
            self.open_ears(cx, id, ears);
            if recorded {
                self.join_recording(cx, id);
            }
        }
        true
    }

    /// Those of who waits; none where they can be told nothing before they have made an offer.
    fn ears(&self) -> Option<Ears> {
        let anchor = self.legs.get(&self.anchor)?;
        if anchor.sip == Sip::Answered {
            return Some(Ears::Open);
        }
        let (sdp, remote) = anchor.prepared.as_ref()?;
        Some(Ears::Closed(sdp.clone(), Box::new(remote.clone()?)))
    }

    fn open_ears(&mut self, cx: &mut Cx, id: LegId, ears: Ears) {
        let (anchor, room) = (self.anchor, RoomId(cx.id()));
        self.stop_play(cx, anchor);
        if let Ears::Closed(sdp, remote) = ears {
            cx.sip(Sipc::Progress { leg: anchor, status: 183, sdp: Some(sdp) });
            self.connect_media(cx, anchor, *remote);
        }
        cx.media(Command::Audience { leg: anchor, audience: Audience::Nobody });
        cx.media(Command::KeepDigits { leg: anchor, kept: true });
        cx.media(Command::Join { leg: anchor, room });
        cx.media(Command::Join { leg: id, room });
    }

    /// The leg that was heard answers or ends: who waits may speak again.
    pub(super) fn early_over(&mut self, cx: &mut Cx, id: LegId) {
        let Phase::Dialling(dial) = &mut self.phase else { return };
        let Some(heard) = dial.early.take_if(|early| early.leg == id) else { return };
        let anchor = self.anchor;
        if heard.recorded {
            self.leave_recording(cx, id);
        }
        cx.media(Command::Leave { leg: anchor });
        cx.media(Command::Audience { leg: anchor, audience: Audience::Everyone });
        cx.media(Command::KeepDigits { leg: anchor, kept: false });
    }

    /// Neither need say anything while one hears what comes before an answer.
    pub(super) fn hears_early(&self) -> bool {
        matches!(&self.phase, Phase::Dialling(dial) if dial.early.is_some())
    }
}
