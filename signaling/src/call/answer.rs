//! Answering a caller: a port from media, an answer to their offer (or an offer of ours when they
//! made none), 200, and on with the ACK.

use super::leg::{Bye, Sip, Voice};
use super::timers::Timer;
use super::{Call, Next, Phase, cause, media};
use crate::sdp::Security;
use crate::sip::user_agent::{Command as Sipc, Invite};
use crate::switch::Cx;
use std::net::SocketAddr;
use terms::LegId;
use terms::event::{ConsultationEnd, Kind, Party};
use terms::media::Port;

impl Call {
    /// Media has a port for a leg.
    pub(super) fn on_opened(&mut self, cx: &mut Cx, id: LegId, rtp: SocketAddr) {
        let media_ip = cx.world.config.media_ip;
        let (session, secret) = (cx.session(), cx.secret());
        let spoken = self.legs.get(&self.anchor).and_then(|anchor| anchor.codec);
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.voice == Voice::Opening) else {
            return;
        };
        let trunk = leg.trunk.and_then(|trunk| self.plan.trunk(trunk));
        let codecs = trunk.map(|trunk| &trunk.codecs).filter(|codecs| !codecs.is_empty());
        let codecs = codecs.unwrap_or(&cx.world.config.codecs);
        let policy = trunk.map_or(cx.world.config.srtp, |trunk| trunk.srtp);
        let security = Security::new(policy, secret, cx.world.config.certificate);
        let mut local = media::local(rtp, media_ip, session, codecs, security, leg.port);
        local.others = cx.world.config.reach.media();
        if leg.wire.is_some() {
            media::stay_inside(&mut local, rtp, spoken.filter(|_| leg.is_line_end()));
            (leg.source, leg.encrypted) = (local.rtp, true);
        }
        leg.voice = Voice::Open(Box::new(local));
        self.tell_where(cx, id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let invitation = leg.invitation.take();
        if let (Some(invitation), Voice::Open(local)) = (invitation, &leg.voice) {
            leg.sip = Sip::Trying;
            let invite = Invite {
                leg: id,
                to: invitation.to,
                from_user: invitation.from_user,
                from_name: invitation.from_name,
                sdp: media::offer(local),
                elsewhere: media::offers_elsewhere(local, cx.world.config.reach.media()),
                browser: leg.port == Port::Shared,
                other_way: invitation.other_way,
                not_at: invitation.not_at,
                at_desk: invitation.at_desk,
                category: invitation.category,
                headers: invitation.headers,
            };
            cx.sip(Sipc::Invite(Box::new(invite)));
        } else if id == self.anchor {
            self.answer_opened(cx);
        } else if self.is_line_end(id) {
            self.line_end_opened(cx, id);
        } else if self.is_picking(id) {
            self.picker_opened(cx, id);
        } else if self.is_taker(id) {
            self.taker_opened(cx, id);
        } else if self.is_replacing(id) {
            self.replacement_opened(cx, id);
        } else if self.is_second_line(id) {
            self.second_opened(cx, id);
        }
    }

    /// No port: a caller is refused; a phone that should ring does not.
    pub(super) fn on_open_failed(&mut self, cx: &mut Cx, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.voice = Voice::None;
        if leg.ended.is_some() {
            self.finish_leg(cx, id, None);
        } else if matches!(self.phase, Phase::Opening { .. }) && id == self.anchor {
            self.story.refused = true;
            self.refuse(cx, 503, cause::NO_RESOURCE);
        } else if self.is_line_end(id) {
            self.line_end_left(cx, id, cause::NO_RESOURCE, Party::System, Bye::Hangup);
        } else if self.is_picking(id) {
            self.drop_picking(cx, cause::NO_RESOURCE, Bye::Hangup);
        } else if self.is_taker(id) {
            self.drop_taker(cx, cause::NO_RESOURCE, Bye::Hangup);
        } else if self.is_replacing(id) {
            self.drop_replacement(cx, cause::NO_RESOURCE, Bye::Hangup);
        } else if self.is_second_line(id) {
            self.let_consulted_go(cx, ConsultationEnd::Over, cause::NO_RESOURCE);
        } else {
            self.close_leg(cx, id, cause::NO_RESOURCE, Party::System, Bye::Gone);
            self.no_port_for(cx, id);
        }
    }

    /// The port of a caller is there. A phone that speaks none of our codecs is told so before
    /// anything rings.
    fn answer_opened(&mut self, cx: &mut Cx) {
        if !self.prepare_answer(self.anchor) {
            return self.refuse(cx, 488, cause::INCOMPATIBLE);
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        if let Phase::Opening { next } = phase {
            self.go_to(cx, next);
        }
    }

    /// Works out our answer to the offer of who calls. False when there is none that both can use.
    pub(super) fn prepare_answer(&mut self, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let (offer, source, nat) = (leg.offer.take(), leg.source, leg.nat);
        let Some(local) = leg.local() else { return false };
        let prepared = match &offer {
            Some(offer) => {
                media::answer(local, offer, source, nat).map(|(text, remote)| (text, Some(remote)))
            }
            None => Ok((media::offer(local), None)),
        };
        leg.prepared = prepared.ok();
        leg.prepared.is_some()
    }

    /// Who calls hears that it rings. Where their INVITE had no offer ours goes with it, for those who
    /// acknowledge what comes before the answer.
    pub(super) fn ring_back(&self, cx: &mut Cx, id: LegId) {
        let prepared = self.legs.get(&id).and_then(|leg| leg.prepared.as_ref());
        let ours = prepared.filter(|(_, remote)| remote.is_none());
        let sdp = ours.map(|(offer, _)| offer.clone());
        cx.sip(Sipc::Progress { leg: id, status: 180, sdp });
    }

    /// 200 now, and `next` with the ACK.
    pub(super) fn answer(&mut self, cx: &mut Cx, next: Next) {
        // The place is counted when the caller gets there.
        self.hops -= 1;
        self.send_answer(cx);
        // On a line that stays open nobody talks.
        if next != Next::Line {
            self.record_from_answer(cx);
        }
        self.phase = Phase::Answering { next };
        self.timers.set(Timer::Ack, cx.now.moment + cx.world.config.ack_max);
    }

    /// 200 to the caller, once.
    pub(super) fn send_answer(&mut self, cx: &mut Cx) {
        self.answer_leg(cx, self.anchor);
    }

    /// 200 to who called, once.
    pub(super) fn answer_leg(&mut self, cx: &mut Cx, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.sip == Sip::Trying) else { return };
        let Some((sdp, remote)) = leg.prepared.take() else { return };
        leg.sip = Sip::Answered;
        leg.owes_answer = remote.is_none();
        let is_party = !leg.is_line_end();
        cx.sip(Sipc::Answer { leg: id, sdp });
        if let Some(remote) = remote {
            self.connect_media(cx, id, remote);
        }
        if is_party {
            self.log(cx, Some(id), Kind::LegAnswered);
        }
    }

    /// The ACK of our 200; after a late offer it brings their answer.
    pub(super) fn on_acked(&mut self, cx: &mut Cx, id: LegId, sdp: Option<&str>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if std::mem::take(&mut leg.owes_answer) && !self.take_answer(cx, id, sdp) {
            return self.drop_leg(cx, id, cause::INCOMPATIBLE);
        }
        if id == self.anchor {
            self.timers.clear(Timer::Ack);
            self.after_ack(cx);
        }
    }

    /// What their answer to our offer agreed goes to media. False when there is none that we can
    /// use.
    fn take_answer(&mut self, cx: &mut Cx, id: LegId, sdp: Option<&str>) -> bool {
        if let Some(taken) = self.take_fax(cx, id, sdp) {
            return taken;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let (source, nat) = (leg.source, leg.nat);
        let (Some(local), Some(sdp)) = (leg.local(), sdp) else { return false };
        match media::accept(local, sdp, source, nat) {
            Ok(remote) => {
                self.connect_media(cx, id, remote);
                true
            }
            Err(_) => false,
        }
    }

    /// Their answer to a re-INVITE of ours.
    pub(super) fn on_offer_accepted(&mut self, cx: &mut Cx, id: LegId, sdp: &str) {
        if !self.fax_answered(cx, id, sdp) {
            self.take_answer(cx, id, Some(sdp));
        }
    }

    fn after_ack(&mut self, cx: &mut Cx) {
        match std::mem::replace(&mut self.phase, Phase::Ending) {
            Phase::Answering { next } => self.go_to(cx, next),
            other => self.phase = other,
        }
    }

    /// The ACK is late. The SIP core ends a dialog without one; a caller with a description hears us
    /// all the same.
    pub(super) fn ack_late(&mut self, cx: &mut Cx) {
        if self.legs.get(&self.anchor).is_some_and(|leg| leg.owes_answer) {
            self.drop_leg(cx, self.anchor, cause::TIMER_EXPIRED);
        } else {
            self.after_ack(cx);
        }
    }
}
