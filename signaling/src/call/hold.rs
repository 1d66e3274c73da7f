//! Hold, in all its forms: the agent's phone re-INVITEs with `sendonly`, `inactive` or the address
//! 0.0.0.0, or the agent presses hold on the screen. The other party hears music; the recording goes
//! on. Any other re-INVITE is answered and changes where the voice goes.

use super::leg::{Leg, Sip, Voice};
use super::{Call, Phase, media};
use crate::acd::Stage;
use crate::ivr::prompt;
use crate::sip::user_agent::Command as Sipc;
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use terms::LegId;
use terms::event::{Kind, Party};
use terms::media::Command;

/// Why a party waits. It waits as long as one reason is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hold {
    /// Who holds; the other one waits.
    pub holder: Option<LegId>,
    /// The holder's phone said so.
    pub phone: bool,
    /// The screen said so, or a consultation has just ended by itself.
    pub screen: bool,
    /// The holder consults somebody.
    pub consult: bool,
    /// The holder's page is lost.
    pub lost: bool,
}

impl Hold {
    /// Nobody holds whose page is lost.
    fn by(self) -> Party {
        if self.lost { Party::System } else { Party::Agent }
    }

    pub fn is_held(self) -> bool {
        self.phone || self.screen || self.consult || self.lost
    }
}

impl Call {
    /// Their re-INVITE or UPDATE.
    pub(super) fn on_offer(&mut self, cx: &mut Cx, id: LegId, sdp: Option<&str>) {
        let is_open = self.legs.get(&id).is_some_and(Leg::is_open);
        if is_open && self.fax_offered(cx, id, sdp) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Voice::Open(local) = &mut leg.voice else {
            return cx.sip(Sipc::RejectOffer { leg: id, status: 491 });
        };
        local.version += 1;
        let Some(sdp) = sdp else {
            leg.owes_answer = true;
            let sdp = media::offer(local);
            return cx.sip(Sipc::AcceptOffer { leg: id, sdp });
        };
        match media::answer(local, sdp, leg.source, leg.nat) {
            Ok((answer, remote)) => {
                // Nobody listens over there: that is what hold looks like.
                let on_hold = !remote.may_send;
                // Before the call is answered: the answer says again what this one agreed.
                if leg.incoming && leg.sip == Sip::Trying && leg.prepared.is_some() {
                    leg.prepared = Some((answer.clone(), Some(remote.clone())));
                }
                cx.sip(Sipc::AcceptOffer { leg: id, sdp: answer });
                self.connect_media(cx, id, remote);
                self.phone_holds(cx, id, on_hold);
            }
            Err(_) => cx.sip(Sipc::RejectOffer { leg: id, status: 488 }),
        }
    }

    /// The phone of `id` holds, or does not any more. Only agents hold customers: a customer or a
    /// guest who puts us on hold is simply away.
    fn phone_holds(&mut self, cx: &mut Cx, id: LegId, on_hold: bool) {
        if self.line_held(cx, id, on_hold) {
            return;
        }
        self.conference_away(cx, on_hold);
        let is_agent = self.agent_of(id).is_some();
        let Phase::Talking(talk) = &self.phase else { return };
        let mut hold = talk.hold;
        let is_guest = talk.guests.contains(&id) || talk.is_second(id) || self.is_supervisor(id);
        if !is_agent || is_guest || hold.holder.is_some_and(|holder| holder != id) {
            return;
        }
        hold.holder = Some(id);
        hold.phone = on_hold;
        self.set_hold(cx, hold);
    }

    /// The same of an agent's open line, on which this leg is.
    pub(crate) fn line_holds(&mut self, cx: &mut Cx, id: LegId, on_hold: bool) {
        self.phone_holds(cx, id, on_hold);
    }

    /// The screen's hold.
    pub(super) fn screen_holds(&mut self, cx: &mut Cx, on_hold: bool) -> Result<(), String> {
        let Phase::Talking(talk) = &self.phase else {
            return Err("there is no conversation to hold".to_owned());
        };
        if talk.consult.is_some() {
            return Err("somebody is being consulted: return to the customer first".to_owned());
        }
        let mut hold = talk.hold;
        let holder =
            [talk.partner, self.anchor].into_iter().find(|&id| self.agent_of(id).is_some());
        let holder = hold.holder.filter(|_| hold.is_held()).or(holder);
        let Some(holder) = holder else { return Err("there is no agent in this call".to_owned()) };
        if !on_hold && hold.phone {
            return Err("the phone itself holds: press resume on the phone".to_owned());
        }
        hold.holder = Some(holder);
        hold.screen = on_hold;
        self.set_hold(cx, hold);
        Ok(())
    }

    pub(super) fn set_hold(&mut self, cx: &mut Cx, hold: Hold) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let (was, partner) = (talk.hold, talk.partner);
        talk.hold = if hold.is_held() { hold } else { Hold::default() };
        let Some(holder) = hold.holder.filter(|_| was.is_held() != hold.is_held()) else { return };
        let held = if holder == self.anchor { partner } else { self.anchor };
        if hold.is_held() {
            cx.media(Command::Hold { leg: held });
            let music = prompt::prompt("", "music/hold");
            self.play(cx, held, vec![music], true, false);
            self.log(cx, Some(held), Kind::Held { by: hold.by() });
            self.tell_stage(cx, holder, Stage::Holding);
        } else {
            self.stop_play(cx, held);
            cx.media(Command::Resume { leg: held });
            self.log(cx, Some(held), Kind::Resumed);
            self.tell_stage(cx, holder, Stage::Talking);
        }
    }

    /// The conversation is over for one of them: the other one does not wait any more.
    pub(super) fn clear_hold(&mut self, cx: &mut Cx) {
        if matches!(&self.phase, Phase::Talking(talk) if talk.hold.is_held()) {
            let Phase::Talking(talk) = &mut self.phase else { return };
            let hold = std::mem::take(&mut talk.hold);
            let held = if hold.holder == Some(self.anchor) { talk.partner } else { self.anchor };
            self.stop_play(cx, held);
            cx.media(Command::Resume { leg: held });
            self.log(cx, Some(held), Kind::Resumed);
        }
    }

    pub(super) fn tell_stage(&mut self, cx: &mut Cx, id: LegId, stage: Stage) {
        let (now, call) = (cx.now, self.id);
        if let (Some(agent), Some(acd)) = (self.agent_of(id), cx.acd(self.tenant)) {
            acd.stage(now, agent, call, stage);
        }
    }
}
