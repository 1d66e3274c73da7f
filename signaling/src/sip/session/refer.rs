//! Transfer: their REFER, RFC 3515, and our NOTIFYs about how it goes. A Refer-To with Replaces
//! (attended transfer, RFC 5589 §7) names another dialog with us: the phone's own second call.

use super::replaces::is_early_only;
use super::{Owner, Stage};
use crate::sip::core::UserAgent;
use crate::sip::header::NameAddr;
use crate::sip::message::{Message, Name};
use crate::sip::uri::Scheme;
use crate::sip::user_agent::Event;
use crate::sip::write::{Builder, phrase};
use crate::switch::Now;
use terms::LegId;

/// How long a phone is told that its subscription lives.
const SUBSCRIPTION_S: u32 = 180;

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Refer {
    /// Their REFER, until it is accepted or refused.
    tx: Option<u64>,
    /// CSeq of the REFER, named in NOTIFY when it is not the first (RFC 3515 §2.4.6).
    id: Option<u32>,
}

impl Refer {
    /// The request that still waits.
    pub(super) fn waiting(self) -> Option<u64> {
        self.tx
    }
}

impl UserAgent {
    pub(in crate::sip) fn on_refer(&mut self, now: Now, leg: LegId, tx: u64, request: &Message) {
        let target = refer_target(request).and_then(|(target, replaced)| {
            let replaces = replaced.map(|named| self.dialog_named(&named)).transpose()?;
            Ok((target, replaces))
        });
        if matches!(target, Err(481)) {
            self.count("refused_replaces");
        }
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let target = match target {
            _ if state.refer.is_some() || state.stage != Stage::Confirmed => Err(491),
            other => other,
        };
        match target {
            Err(status) => {
                self.respond(now, tx, status, &[], None);
            }
            Ok((target, replaces)) => {
                state.refers += 1;
                let id = request.cseq().map(|cseq| cseq.number).filter(|_| state.refers > 1);
                state.refer = Some(Refer { tx: Some(tx), id });
                self.emit(Event::Refer { leg, target, replaces });
            }
        }
    }

    /// The confirmed dialog of ours that a Replaces value names, RFC 3891 §3. The switch says whether
    /// the phone has anything to do with it.
    fn dialog_named(&self, named: &[u8]) -> Result<LegId, u16> {
        let leg = self.leg_named(named).ok_or(481_u16)?;
        match self.legs.get(&leg) {
            Some(state) if state.stage != Stage::Confirmed => Err(491),
            Some(_) if is_early_only(named) => Err(486),
            Some(_) => Ok(leg),
            None => Err(481),
        }
    }

    pub(in crate::sip) fn accept_refer(&mut self, now: Now, leg: LegId) {
        let Some(tx) = self.take_refer_tx(leg) else { return };
        self.respond(now, tx, 202, &[], None);
        self.notify(now, leg, 100);
    }

    pub(in crate::sip) fn reject_refer(&mut self, now: Now, leg: LegId, status: u16) {
        let Some(tx) = self.take_refer_tx(leg) else { return };
        self.respond(now, tx, status.clamp(400, 699), &[], None);
        if let Some(state) = self.legs.get_mut(&leg) {
            state.refer = None;
        }
    }

    fn take_refer_tx(&mut self, leg: LegId) -> Option<u64> {
        self.legs.get_mut(&leg)?.refer.as_mut()?.tx.take()
    }

    pub(in crate::sip) fn refer_progress(&mut self, now: Now, leg: LegId, status: u16) {
        let accepted = |leg: &super::Leg| leg.refer.as_ref().is_some_and(|r| r.tx.is_none());
        if !self.legs.get(&leg).is_some_and(accepted) {
            return;
        }
        self.notify(now, leg, status.clamp(100, 699));
        if status >= 200
            && let Some(state) = self.legs.get_mut(&leg)
        {
            state.refer = None;
        }
    }

    fn notify(&mut self, now: Now, leg: LegId, status: u16) {
        let Some(refer) = self.legs.get(&leg).and_then(|leg| leg.refer.as_ref()) else { return };
        let event = refer.id.map_or_else(|| "refer".to_owned(), |id| format!("refer;id={id}"));
        let state = if status < 200 {
            format!("active;expires={SUBSCRIPTION_S}")
        } else {
            "terminated;reason=noresource".to_owned()
        };
        let add = |builder: &mut Builder| {
            builder.header("Event", &event).header("Subscription-State", &state);
        };
        let body = format!("SIP/2.0 {status} {}\r\n", phrase(status));
        let kind = "message/sipfrag;version=2.0";
        self.request(now, leg, "NOTIFY", Owner::Notify(leg), add, (kind, &body));
    }

    /// A phone that does not want to hear is not told any more.
    pub(super) fn on_notify_response(&mut self, leg: LegId, status: u16) {
        if status >= 300
            && let Some(state) = self.legs.get_mut(&leg)
        {
            state.refer = None;
        }
    }
}

/// The user part of Refer-To and what its Replaces says, or the status that refuses it.
fn refer_target(request: &Message) -> Result<(String, Option<Vec<u8>>), u16> {
    if request.occurrences(Name::ReferTo) != 1 {
        return Err(400);
    }
    let value = request.first(Name::ReferTo).ok_or(400_u16)?;
    let uri = NameAddr::parse(value).and_then(|to| to.parsed_uri()).ok_or(400_u16)?;
    let replaces = uri.header("Replaces");
    match (uri.scheme, uri.user_text()) {
        (Scheme::Other, _) => Err(416),
        (_, user) if user.is_empty() && replaces.is_none() => Err(404),
        (_, user) => Ok((user, replaces)),
    }
}
