//! A call between two trunks goes over to fax (T.38) and back. Whoever of the two hears the machines
//! first asks with a re-INVITE; the other is asked with one of ours, and what it answers is what we
//! answer. Only when both have been told does media change, so nobody waits for packets that do not
//! come. Who is refused gets 488 and the fax goes on as audio; crossing offers get 491 and try again
//! (RFC 3261 §14).
//!
//! It takes two, alone, neither on hold: an agent's phone is no fax machine, a third party could
//! not hear it, what is encrypted does not become plain, and a trunk may refuse it for all its
//! calls. Or one party and a machine of ours ([`machine`]).

mod machine;

use super::leg::{Leg, Sip, Voice};
use super::{Call, Phase, media};
use crate::sdp::Description;
use crate::sdp::fax::{self, Image, T38};
use crate::sip::user_agent::Command as Sipc;
use crate::switch::Cx;
use machine::Machine;
use terms::LegId;
use terms::event::Kind;
use terms::media::{Codec, Command, FaxRemote, T38Policy, TrunkT38};

/// How far the parties are.
#[derive(Debug, Default)]
pub(super) struct Fax {
    asked: Option<Asked>,
    running: Option<Running>,
    machine: Option<Machine>,
}

/// One party asked, the other has not answered.
#[derive(Debug)]
struct Asked {
    by: LegId,
    of: LegId,
    /// What `by` sent: it waits for an answer.
    offer: String,
    to: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Fax,
    Audio,
}

/// Both carry T.38.
#[derive(Debug)]
struct Running {
    sides: [Side; 2],
}

/// What one of the two said, which the other is told.
#[derive(Clone, Debug)]
struct Side {
    leg: LegId,
    t38: T38,
    remote: FaxRemote,
}

impl Fax {
    /// The two carry T.38, or one has asked for it.
    pub(super) fn is_on(&self) -> bool {
        self.running.is_some() || self.asked.is_some() || self.machine.is_some()
    }
}

impl Running {
    fn side(&mut self, leg: LegId) -> Option<&mut Side> {
        self.sides.iter_mut().find(|side| side.leg == leg)
    }

    /// The one who is not `leg`.
    fn other(&self, leg: LegId) -> Option<&Side> {
        self.sides.iter().find(|side| side.leg != leg)
    }
}

impl Call {
    /// Their re-INVITE or UPDATE, where it is about a fax. False leaves it to others.
    pub(super) fn fax_offered(&mut self, cx: &mut Cx, id: LegId, sdp: Option<&str>) -> bool {
        if self.fax.asked.is_some() || self.machine_asks() {
            // The other party is being asked, or this one: one change at a time.
            cx.sip(Sipc::RejectOffer { leg: id, status: 491 });
            return true;
        }
        let read = sdp.map(Description::parse);
        let local = self.legs.get_mut(&id).and_then(Leg::local);
        let spoken = local.map_or_else(|| Codec::ALL.to_vec(), |local| local.codecs.clone());
        let is_fax = matches!(&read, Some(Ok(description)) if description.is_fax(&spoken));
        let runs = self.fax.running.is_some();
        let fax = read.as_ref().and_then(|read| read.as_ref().ok()).filter(|_| is_fax);
        if let Some(is_done) = self.machine_offered(cx, id, sdp, fax) {
            return is_done;
        }
        match (sdp, read) {
            (Some(sdp), Some(Ok(theirs))) if is_fax && runs => {
                self.fax_said_again(cx, id, sdp, &theirs);
            }
            (Some(sdp), Some(Ok(theirs))) if is_fax => self.ask_for_fax(cx, id, sdp, &theirs),
            (Some(sdp), _) if runs => self.ask_for_audio(cx, id, sdp),
            (None, _) if runs => self.offer_fax_late(cx, id),
            _ => return false,
        }
        true
    }

    fn ask_for_fax(&mut self, cx: &mut Cx, id: LegId, sdp: &str, theirs: &Description) {
        let (Some(other), Some(image)) = (self.fax_party(cx, id), theirs.image()) else {
            return self.fax_stays_audio(cx, id, 488);
        };
        self.offer_fax(cx, other, &image.t38);
        let (by, of, offer) = (id, other, sdp.to_owned());
        self.fax.asked = Some(Asked { by, of, offer, to: Wanted::Fax });
    }

    /// The other party, where both can carry a fax.
    fn fax_party(&self, cx: &Cx, id: LegId) -> Option<LegId> {
        let Phase::Talking(talk) = &self.phase else { return None };
        let alone = talk.guests.is_empty() && talk.asked.is_none() && self.supervision.is_none();
        let pair = [self.anchor, talk.partner];
        let may = cx.world.config.t38 == T38Policy::Pass
            && alone
            && !talk.hold.is_held()
            && pair.iter().all(|leg| self.legs.get(leg).is_some_and(|leg| self.can_fax(leg)));
        pair.into_iter().find(|&other| other != id).filter(|_| may && pair.contains(&id))
    }

    /// A party that may be a fax machine, and lives on the core of the call.
    fn can_fax(&self, leg: &Leg) -> bool {
        self.takes_t38(leg) && !leg.apart && leg.playing.is_none()
    }

    /// Over a trunk that allows it, answered, and in clear.
    fn takes_t38(&self, leg: &Leg) -> bool {
        let in_clear = matches!(&leg.voice, Voice::Open(local) if !local.security.forbids_plain());
        let refuses = |trunk| self.plan.trunk(trunk).is_some_and(|t| t.t38 == TrunkT38::Refuse);
        leg.trunk.is_some_and(|trunk| !refuses(trunk))
            && leg.sip == Sip::Answered
            && in_clear
            && !leg.owes_answer
    }

    /// Nothing changes for `id`, but that media leaves the machines' sound as it is.
    fn fax_stays_audio(&mut self, cx: &mut Cx, id: LegId, status: u16) {
        cx.sip(Sipc::RejectOffer { leg: id, status });
        cx.media(Command::Modem { leg: id });
    }

    fn offer_fax(&mut self, cx: &mut Cx, id: LegId, t38: &T38) {
        if let Some(local) = self.legs.get_mut(&id).and_then(Leg::local) {
            local.version += 1;
            cx.sip(Sipc::Reoffer { leg: id, sdp: fax::offer(local, t38) });
        }
    }

    fn offer_audio(&mut self, cx: &mut Cx, id: LegId) {
        if let Some(local) = self.legs.get_mut(&id).and_then(Leg::local) {
            local.version += 1;
            cx.sip(Sipc::Reoffer { leg: id, sdp: media::offer(local) });
        }
    }

    /// Their answer to our re-INVITE, where it is about a fax. False leaves it to others.
    pub(super) fn fax_answered(&mut self, cx: &mut Cx, id: LegId, sdp: &str) -> bool {
        if self.machine_agreed(cx, id, sdp) {
            return true;
        }
        match self.fax.asked.take_if(|asked| asked.of == id) {
            Some(asked) if asked.to == Wanted::Fax => self.fax_agreed(cx, &asked, sdp),
            Some(asked) => self.audio_agreed(cx, &asked, sdp),
            None if self.fax.running.is_some() => _ = self.take_fax(cx, id, Some(sdp)),
            None => return false,
        }
        true
    }

    fn fax_agreed(&mut self, cx: &mut Cx, asked: &Asked, sdp: &str) {
        let (by, of) = (asked.by, asked.of);
        let image = Description::parse(sdp).ok().and_then(|answer| answer.image().cloned());
        let Some(image) = image else {
            // They took the re-INVITE and left the fax out: now they hear nothing at all.
            self.fax_stays_audio(cx, by, 488);
            return self.offer_audio(cx, of);
        };
        let offer = Description::parse(&asked.offer);
        let local = self.legs.get_mut(&by).and_then(Leg::local);
        let (Ok(offer), Some(local)) = (offer, local) else { return };
        let Some(first) = offer.image() else { return };
        local.version += 1;
        let Ok(answer) = fax::answer(local, &offer, &image.t38) else { return };
        cx.sip(Sipc::AcceptOffer { leg: by, sdp: answer });
        let sides = [self.side_of(by, first), self.side_of(of, &image)];
        for Side { leg, remote, .. } in &sides {
            cx.media(Command::Fax { leg: *leg, remote: remote.clone() });
        }
        self.fax.running = Some(Running { sides });
        self.log(cx, Some(by), Kind::FaxStarted);
    }

    fn side_of(&self, leg: LegId, image: &Image) -> Side {
        let of = &self.legs[&leg];
        Side { leg, t38: image.t38, remote: image.remote(of.source.ip(), of.nat) }
    }

    /// Our re-INVITE was refused: so is theirs, and everything stays as it was.
    pub(super) fn fax_refused(&mut self, cx: &mut Cx, id: LegId, status: u16) {
        self.machine_refused(id);
        let Some(asked) = self.fax.asked.take_if(|asked| asked.of == id) else { return };
        let status = if status == 491 { 491 } else { 488 };
        match asked.to {
            Wanted::Fax => self.fax_stays_audio(cx, asked.by, status),
            Wanted::Audio => cx.sip(Sipc::RejectOffer { leg: asked.by, status }),
        }
    }

    /// The same offer again keeps a session alive, a changed address moves the machine. The other
    /// party need not know.
    fn fax_said_again(&mut self, cx: &mut Cx, id: LegId, sdp: &str, theirs: &Description) {
        let other = self.fax.running.as_ref().and_then(|running| running.other(id));
        let other = other.map(|side| side.t38);
        let answer =
            other.zip(self.legs.get_mut(&id).and_then(Leg::local)).and_then(|(t38, local)| {
                local.version += 1;
                fax::answer(local, theirs, &t38).ok()
            });
        let Some(answer) = answer else {
            return cx.sip(Sipc::RejectOffer { leg: id, status: 488 });
        };
        cx.sip(Sipc::AcceptOffer { leg: id, sdp: answer });
        self.take_fax(cx, id, Some(sdp));
    }

    /// Their re-INVITE had no offer: ours says what the other party said.
    fn offer_fax_late(&mut self, cx: &mut Cx, id: LegId) {
        let other = self.fax.running.as_ref().and_then(|running| running.other(id));
        let (Some(t38), Some(leg)) = (other.map(|side| side.t38), self.legs.get_mut(&id)) else {
            return;
        };
        leg.owes_answer = true;
        if let Some(local) = leg.local() {
            local.version += 1;
            cx.sip(Sipc::AcceptOffer { leg: id, sdp: fax::offer(local, &t38) });
        }
    }

    /// What a party says of its fax while one goes over. `None` while there is audio; false when
    /// there is no fax in it.
    pub(super) fn take_fax(&mut self, cx: &mut Cx, id: LegId, sdp: Option<&str>) -> Option<bool> {
        if let Some(taken) = self.machine_told(cx, id, sdp) {
            return Some(taken);
        }
        self.fax.running.as_ref()?;
        let image = sdp.and_then(|sdp| Description::parse(sdp).ok()?.image().cloned());
        let Some(image) = image else { return Some(false) };
        let now = self.side_of(id, &image);
        if let Some(side) = self.fax.running.as_mut().and_then(|running| running.side(id)) {
            if side.remote != now.remote {
                cx.media(Command::Fax { leg: id, remote: now.remote.clone() });
            }
            *side = now;
        }
        Some(true)
    }

    /// A party wants to talk again. What we could not answer the other is not asked for.
    fn ask_for_audio(&mut self, cx: &mut Cx, id: LegId, sdp: &str) {
        let other = self.fax.running.as_ref().and_then(|running| running.other(id));
        let other = other.map(|side| side.leg);
        let answers = self.answers_audio(id, sdp);
        let Some(other) = other.filter(|_| answers) else {
            return cx.sip(Sipc::RejectOffer { leg: id, status: 488 });
        };
        self.offer_audio(cx, other);
        let (by, of, offer) = (id, other, sdp.to_owned());
        self.fax.asked = Some(Asked { by, of, offer, to: Wanted::Audio });
    }

    /// Whether we have an answer to this offer of audio.
    fn answers_audio(&self, id: LegId, sdp: &str) -> bool {
        self.legs.get(&id).is_some_and(|leg| match &leg.voice {
            Voice::Open(local) => {
                media::answer(&mut local.clone(), sdp, leg.source, leg.nat).is_ok()
            }
            Voice::None | Voice::Opening | Voice::Releasing => false,
        })
    }

    fn audio_agreed(&mut self, cx: &mut Cx, asked: &Asked, sdp: &str) {
        let (by, of) = (asked.by, asked.of);
        let agreed = self.legs.get_mut(&of).and_then(|leg| {
            let (source, nat) = (leg.source, leg.nat);
            media::accept(leg.local()?, sdp, source, nat).ok()
        });
        let Some(theirs) = agreed else {
            // They took the re-INVITE without a word that we understand: the fax goes on.
            cx.sip(Sipc::RejectOffer { leg: by, status: 488 });
            let said = self.fax.running.as_ref().and_then(|running| running.other(of));
            let said = said.map(|side| side.t38);
            return said.into_iter().for_each(|t38| self.offer_fax(cx, of, &t38));
        };
        let answered = self.legs.get_mut(&by).and_then(|leg| {
            let (source, nat) = (leg.source, leg.nat);
            let local = leg.local()?;
            local.version += 1;
            media::answer(local, &asked.offer, source, nat).ok()
        });
        let Some((answer, ours)) = answered else {
            return cx.sip(Sipc::RejectOffer { leg: by, status: 488 });
        };
        cx.sip(Sipc::AcceptOffer { leg: by, sdp: answer });
        self.connect_media(cx, by, ours);
        self.connect_media(cx, of, theirs);
        self.fax.running = None;
        self.log(cx, Some(by), Kind::FaxEnded);
    }

    /// The call ends, whatever was on its way.
    pub(super) fn fax_is_over(&mut self, cx: &mut Cx) {
        let Fax { running, machine, .. } = std::mem::take(&mut self.fax);
        if running.is_some() || machine.is_some_and(|machine| machine.speaks()) {
            self.log(cx, None, Kind::FaxEnded);
        }
    }
}
