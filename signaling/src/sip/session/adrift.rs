//! A phone behind a connection, after a kill: the connection ended with the process before, and only the
//! phone can open another one, as RFC 5626 §4.4.1 asks of it. Until then its dialogs are *adrift*. Audio
//! goes on, and nobody is told anything: what is due to the phone, a BYE or an offer, waits for its next
//! connection for as long as a lost page is waited for. The phone is back with the next request of the
//! dialog, or when it registers ([`super::rebind`]). A call to a phone that is expected waits too; one out
//! of a queue, which others may take, for a moment only.
//!
//! A phone over TCP may listen where its Contact says, and one that named an address for datagrams in the
//! dialog does: it is sent what is due at once as well, and answers 481 to a BYE that it has had before.

use super::{Leg, Stage, cause};
use crate::sip::core::UserAgent;
use crate::sip::flow::{Flow, Hop, Transport};
use crate::sip::registrar::Who;
use crate::sip::user_agent::{Destination, Event, Invite};
use crate::switch::Now;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use terms::{LegId, Moment};

/// How long a call out of a queue waits for a phone: shorter than any of them rings. Its agent is then set
/// aside as out of reach, which ends when the phone registers, and not as one who does not answer.
const OFFER_WAITS_MAX: Duration = Duration::from_secs(2);

/// The phone of a leg has no connection any more.
#[derive(Debug, Default)]
pub(super) struct Adrift {
    /// Something is due to it, and waits until then.
    pub(super) due_until: Option<Moment>,
}

/// A call to a phone that may come back.
#[derive(Debug)]
pub(super) struct Expected {
    invite: Box<Invite>,
    pub(super) until: Moment,
}

impl Leg {
    /// Nothing that is sent can reach its phone.
    pub(super) fn is_cut_off(&self) -> bool {
        self.adrift.is_some() && !matches!(self.hop.transport, Transport::Tcp | Transport::Udp)
    }
}

impl UserAgent {
    /// What is due to a leg waits for its phone.
    pub(super) fn wait_for_flow(&mut self, now: Now, leg: LegId) {
        let until = now.moment + self.config.return_max;
        let adrift = self.legs.get_mut(&leg).and_then(|state| state.adrift.as_mut());
        if let Some(adrift) = adrift {
            adrift.due_until.get_or_insert(until);
        }
        self.arm_leg(leg);
    }

    /// The switch lets go of a leg whose phone cannot be told yet.
    pub(super) fn close_adrift(&mut self, now: Now, leg: LegId, cause: u8) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        state.stage = Stage::Closing(cause);
        let may_listen = !state.is_cut_off();
        self.light(leg);
        if may_listen {
            self.send_bye(now, leg, cause);
        }
        self.wait_for_flow(now, leg);
    }

    /// A request of the dialog came over this flow: what follows goes there, and what is due goes now.
    pub(in crate::sip) fn on_flow(&mut self, now: Now, leg: LegId, flow: Flow) {
        let is_back =
            |state: &Leg| state.adrift.is_some() && state.flow.transport == flow.transport;
        if self.legs.get(&leg).is_some_and(is_back) {
            self.reach_by(leg, flow);
            self.count("dialogs_rebound");
            self.say_what_is_due(now, leg);
        }
    }

    /// The phone of a leg has a connection again.
    pub(super) fn say_what_is_due(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        if state.adrift.take().is_none() {
            return;
        }
        match state.stage {
            Stage::Closing(cause) => return self.say_bye(now, leg, cause, false),
            Stage::Confirmed if state.offering.waits() => self.offer_now(now, leg),
            Stage::Incoming | Stage::Outgoing | Stage::Confirmed => {}
        }
        self.arm_leg(leg);
    }

    /// The phone did not come back in time for what was due.
    pub(super) fn give_up_adrift(&mut self, now: Now, leg: LegId) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let Some(adrift) = &mut state.adrift else { return };
        if adrift.due_until.is_none_or(|until| until > now.moment) {
            return;
        }
        adrift.due_until = None;
        let (stage, offers) = (state.stage, state.offering.waits());
        self.count("phones_not_back");
        match stage {
            Stage::Closing(_) => {
                self.release(leg);
            }
            Stage::Confirmed if offers => self.offer_over(now, leg, 503),
            Stage::Incoming | Stage::Outgoing | Stage::Confirmed => {}
        }
    }

    /// Whether a call to nobody who is there may wait for a phone that is expected.
    pub(super) fn expects_phone(&self, invite: &Invite) -> bool {
        self.expected_flow(invite).is_some()
    }

    fn expected_flow(&self, invite: &Invite) -> Option<(Who, Flow)> {
        let Destination::Agent(tenant, agent) = invite.to else { return None };
        let lost = self.registrar.lost((tenant, agent)).iter();
        let lost = lost.filter(|binding| self.may_ring(invite, (tenant, agent), binding));
        let mut flows = lost.map(|binding| binding.flow);
        let flow = flows.find(|flow| flow.transport.is_websocket() == invite.browser)?;
        Some(((tenant, agent), flow))
    }

    /// A call waits for the phone that it is for.
    pub(super) fn expect_phone(&mut self, now: Now, invite: Invite) {
        let (Some((who, flow)), Some(until)) =
            (self.expected_flow(&invite), self.registrar.lost_until())
        else {
            return;
        };
        let until = match is_of_queue(&invite) {
            true => until.min(now.moment + OFFER_WAITS_MAX),
            false => until,
        };
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let hop = Hop { connection: None, ..Hop::from(flow) };
        let mut state = Leg::new(Stage::Outgoing, Flow::udp(flow.listener, nobody), hop);
        let leg = invite.leg;
        state.phone = Some(who);
        state.pickup = Some(self.token());
        state.expected = Some(Expected { invite: Box::new(invite), until });
        self.legs.insert(leg, state);
        self.light(leg);
        self.arm_leg(leg);
        self.count("calls_out");
    }

    /// A phone of theirs registered over a new connection: calls that waited for one ring there.
    pub(in crate::sip) fn ring_expected(&mut self, now: Now, who: Who) {
        if self.registrar.lost_until().is_none() {
            return;
        }
        let waits = |leg: &Leg| leg.phone == Some(who) && leg.expected.is_some();
        let waiting = self.legs.iter().filter(|(_, leg)| waits(leg));
        let waiting: Vec<LegId> = waiting.map(|(&id, _)| id).collect();
        for id in waiting {
            let expected = self.legs.get_mut(&id).and_then(|leg| leg.expected.take());
            let Some(expected) = expected else { continue };
            match self.ways(now, &expected.invite) {
                Ok((ways, _)) => self.ring(now, id, *expected.invite, ways),
                Err(_) => {
                    if let Some(state) = self.legs.get_mut(&id) {
                        state.expected = Some(expected);
                    }
                }
            }
            self.arm_leg(id);
        }
    }

    /// The phone did not come back in time for a call.
    pub(super) fn give_up_expected(&mut self, now: Now, leg: LegId) {
        let state = self.legs.get(&leg).and_then(|state| state.expected.as_ref());
        if state.is_some_and(|expected| expected.until <= now.moment) {
            self.release(leg);
            self.emit(Event::Failed { leg, status: 480, cause: cause::SUBSCRIBER_ABSENT });
        }
    }
}

/// Its phone is told of a queue.
fn is_of_queue(invite: &Invite) -> bool {
    invite.headers.iter().any(|(name, _)| name == "X-Queue")
}
