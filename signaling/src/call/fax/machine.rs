//! A machine of ours goes over to T.38 with whoever it has. The gateway of who was called asks:
//! that of the other side where the box called, and we where the box was called. It asks when its
//! machine is heard, because the other side's gateway takes T.38 only once it knows of a fax. Who
//! is refused goes on in sound, which the machine speaks until media is told otherwise.
//!
//! When the fax is over we ask for audio again, unless the call ends with it; when the other side
//! does so before, its machine is gone.

use super::{Fax, Image, Leg, T38, fax};
use crate::call::timers::Timer;
use crate::call::{Call, Phase};
use crate::sdp::Description;
use crate::sip::user_agent::Command as Sipc;
use crate::switch::Cx;
use std::time::Duration;
use terms::LegId;
use terms::event::Kind;
use terms::media::{Command, FaxRemote, T38Policy};

/// So long a machine that was called has the leg before we ask. It answers with a tone of 2.6 s
/// (CED, ITU-T T.30), which is heard by then and goes on while they answer us: nothing is lost when
/// T.30 begins anew. A gateway that is asked before it knows of a fax refuses.
const ASKS_AFTER: Duration = Duration::from_secs(2);

/// How far a machine of ours is with T.38.
#[derive(Debug)]
pub(super) struct Machine {
    leg: LegId,
    /// What was agreed; `None` while we wait for their answer.
    agreed: Option<Agreed>,
}

#[derive(Debug)]
struct Agreed {
    /// What we say of it.
    ours: T38,
    remote: FaxRemote,
}

impl Machine {
    /// It speaks in packets.
    pub fn speaks(&self) -> bool {
        self.agreed.is_some()
    }
}

impl Fax {
    /// What the machine of this leg agreed.
    fn agreed(&self, leg: LegId) -> Option<&Agreed> {
        self.machine.as_ref().filter(|machine| machine.leg == leg)?.agreed.as_ref()
    }
}

impl Call {
    /// We have asked for T.38, and they have not answered.
    pub(super) fn machine_asks(&self) -> bool {
        self.fax.machine.as_ref().is_some_and(|machine| !machine.speaks())
    }

    /// A machine of ours has this leg.
    fn has_machine(&self, id: LegId) -> bool {
        matches!(self.phase, Phase::Faxing(_)) && id == self.anchor
    }

    fn may_speak_t38(&self, cx: &Cx, id: LegId) -> bool {
        let takes = self.legs.get(&id).is_some_and(|leg| self.takes_t38(leg));
        takes && cx.world.config.t38 == T38Policy::Pass
    }

    /// A machine that was called begins: its answering tone comes first.
    pub(in crate::call) fn ask_for_t38_soon(&mut self, cx: &Cx) {
        if self.legs.get(&self.anchor).is_some_and(|leg| leg.incoming) {
            self.timers.set(Timer::T38, cx.now.moment + ASKS_AFTER);
        }
    }

    /// The tone was heard: we ask for T.38, as a gateway of our machine would, unless the other
    /// side was faster. The sound goes on meanwhile.
    pub(in crate::call) fn ask_for_t38(&mut self, cx: &mut Cx) {
        let id = self.anchor;
        if self.has_machine(id) && !self.fax.is_on() && self.may_speak_t38(cx, id) {
            self.offer_fax(cx, id, &T38::of_machine());
            self.fax.machine = Some(Machine { leg: id, agreed: None });
        }
    }

    /// Their re-INVITE to a leg that a machine of ours has: `fax` is what is said there of T.38, in
    /// place of audio. `None` is no matter of the machine; false leaves the answer to others.
    pub(super) fn machine_offered(
        &mut self,
        cx: &mut Cx,
        id: LegId,
        sdp: Option<&str>,
        fax: Option<&Description>,
    ) -> Option<bool> {
        let ours = self.fax.agreed(id).map(|agreed| agreed.ours);
        match (fax, sdp, ours) {
            (Some(theirs), _, _) if self.has_machine(id) => {
                self.answer_t38(cx, id, theirs);
                Some(true)
            }
            (None, None, Some(ours)) => {
                self.offer_t38_late(cx, id, &ours);
                Some(true)
            }
            (None, Some(sdp), Some(_)) => {
                if self.answers_audio(id, sdp) {
                    self.leave_t38(cx, Some(id));
                }
                Some(false)
            }
            _ => None,
        }
    }

    fn answer_t38(&mut self, cx: &mut Cx, id: LegId, theirs: &Description) {
        let image = theirs.image().filter(|_| self.may_speak_t38(cx, id));
        let ours = image.and_then(|image| image.t38.answer_of_machine());
        let answer = ours.and_then(|ours| {
            let local = self.legs.get_mut(&id).and_then(Leg::local)?;
            local.version += 1;
            fax::answer(local, theirs, &ours).ok()
        });
        let (Some(image), Some(ours), Some(sdp)) = (image, ours, answer) else {
            return self.fax_stays_audio(cx, id, 488);
        };
        cx.sip(Sipc::AcceptOffer { leg: id, sdp });
        self.speak_t38(cx, id, image, ours);
    }

    /// Their re-INVITE had no offer: ours says what we said before.
    fn offer_t38_late(&mut self, cx: &mut Cx, id: LegId, ours: &T38) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.owes_answer = true;
        if let Some(local) = leg.local() {
            local.version += 1;
            cx.sip(Sipc::AcceptOffer { leg: id, sdp: fax::offer(local, ours) });
        }
    }

    /// It is agreed, for the first time or anew.
    fn speak_t38(&mut self, cx: &mut Cx, id: LegId, image: &Image, ours: T38) {
        let Some(leg) = self.legs.get(&id) else { return };
        let machine = Some(image.t38.terms());
        let remote = FaxRemote { machine, ..image.remote(leg.source.ip(), leg.nat) };
        let before = self.fax.agreed(id).map(|agreed| agreed.remote.clone());
        let agreed = Agreed { ours, remote: remote.clone() };
        self.fax.machine = Some(Machine { leg: id, agreed: Some(agreed) });
        if before.as_ref() != Some(&remote) {
            cx.media(Command::Fax { leg: id, remote });
        }
        if before.is_none() {
            self.log(cx, Some(id), Kind::FaxStarted);
        }
    }

    /// Their answer to our re-INVITE, where that asked for T.38. False leaves it to others.
    pub(super) fn machine_agreed(&mut self, cx: &mut Cx, id: LegId, sdp: &str) -> bool {
        let asks = |machine: &mut Machine| machine.leg == id && !machine.speaks();
        if self.fax.machine.take_if(asks).is_none() {
            return false;
        }
        let answer = Description::parse(sdp).ok();
        let image = answer.as_ref().and_then(Description::image);
        // What we answer to such a machine is what we have said to this one, or less.
        let ours = image.and_then(|image| image.t38.answer_of_machine());
        match image.zip(ours).filter(|_| self.has_machine(id)) {
            Some((image, ours)) => self.speak_t38(cx, id, image, ours),
            // They took the re-INVITE and left the fax out, or it is over by now.
            None => self.offer_audio(cx, id),
        }
        true
    }

    /// They refused it: the machine goes on in sound.
    pub(super) fn machine_refused(&mut self, id: LegId) {
        self.fax.machine.take_if(|machine| machine.leg == id && !machine.speaks());
    }

    /// What they say of T.38 in answer to an offer of ours while it is spoken. `None` while it is
    /// not; false when there is no fax in it.
    pub(super) fn machine_told(
        &mut self,
        cx: &mut Cx,
        id: LegId,
        sdp: Option<&str>,
    ) -> Option<bool> {
        let ours = self.fax.agreed(id)?.ours;
        let image = sdp.and_then(|sdp| Description::parse(sdp).ok()?.image().cloned());
        let Some(image) = image else { return Some(false) };
        self.speak_t38(cx, id, &image, ours);
        Some(true)
    }

    /// The fax is over and the call goes on: in audio again.
    pub(in crate::call) fn back_to_audio(&mut self, cx: &mut Cx) {
        let speaks = self.fax.machine.as_ref().filter(|machine| machine.speaks());
        let Some(id) = speaks.map(|machine| machine.leg).filter(|_| !self.is_ending()) else {
            return;
        };
        self.leave_t38(cx, None);
        self.offer_audio(cx, id);
    }

    fn leave_t38(&mut self, cx: &mut Cx, by: Option<LegId>) {
        self.fax.machine = None;
        self.log(cx, by, Kind::FaxEnded);
    }
}
