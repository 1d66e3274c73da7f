//! The people of an area are called for a caller, one after the other, and nobody is lost: field
//! workers at their own phones, then the team, the area's queue, and in the end a message. What keeps
//! one of them from answering (busy, silent, declined, away, no trunk) leads on to the next, and each
//! is written down with its reason. Who is called sees the area's published number, or the one that was
//! dialled, where the trunk may show it.
//!
//! Whom to try was decided when the hunt began ([`crate::switch::Stop`]). A worker's extension is not
//! followed to where it is forwarded: somebody might ring twice. The hunt is over with an answer, a
//! message, the end of the call, or when somebody takes the call elsewhere.

use super::dial::{Dialable, Why};
use super::voicemail::MessageFor;
use super::{Call, Next, Phase};
use crate::ivr::step::{AreaBy, UNKNOWN_AREA};
use crate::switch::{Cx, Stop};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use terms::event::{Direction, Hop, HopEnd, InHunt, Kind};
use terms::{AreaId, PhoneNumber, event};

/// A hunt on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hunt {
    area: AreaId,
    /// What who is called sees.
    shown: PhoneNumber,
    /// How long each worker's phone rings.
    ring: Duration,
    /// Those who are still to be tried.
    ahead: VecDeque<Stop>,
    /// Who is tried.
    at: Option<Hop>,
}

impl Call {
    /// A flow wants the people of an area called. Where there is none it goes on at `unknown`.
    pub(super) fn hunt_area(&mut self, cx: &mut Cx, by: AreaBy, code: &str) {
        let plan = cx.plan(self.tenant).unwrap_or_else(|| Arc::clone(&self.plan));
        let areas = plan.areas();
        let found = match by {
            AreaBy::Code => areas.by_code(code),
            AreaBy::Called => areas.by_number(&self.called),
            AreaBy::Caller => areas.by_caller(self.customer()),
            AreaBy::Address => areas.by_address(code),
        };
        let Some(area) = found else {
            if !self.follow_flow(cx, UNKNOWN_AREA) {
                self.strand(cx);
            }
            return;
        };
        let shown = match area.number.as_str() {
            "" => self.called.clone(),
            own => PhoneNumber::parse(own, &plan.plan.country),
        };
        let ahead = areas.stops(area, cx.now.wall, &self.caller).into();
        let ring = Duration::from_secs(area.ring_s.into());
        self.hunt = Some(Box::new(Hunt { area: area.id, shown, ring, ahead, at: None }));
        self.hunt_on(cx);
    }

    /// Who is tried is not to be had: the next one.
    pub(super) fn hunt_goes_on(&mut self, cx: &mut Cx, end: HopEnd) {
        self.end_hop(cx, end);
        self.hunt_on(cx);
    }

    /// Whoever answers, the hunt is over.
    pub(super) fn hunt_answered(&mut self, cx: &mut Cx) {
        self.end_hop(cx, HopEnd::Answered);
        self.hunt = None;
    }

    /// The call ends, or goes elsewhere.
    pub(super) fn hunt_is_over(&mut self, cx: &mut Cx, caller_left: bool) {
        self.end_hop(cx, if caller_left { HopEnd::CallerLeft } else { HopEnd::Over });
        self.hunt = None;
    }

    /// The number that the outside is to see of a call to a worker.
    pub(super) fn shown_in_hunt(&self) -> Option<PhoneNumber> {
        self.hunt.as_ref().map(|hunt| hunt.shown.clone())
    }

    /// How long a worker's phone may ring; none where none is called.
    pub(super) fn rings_in_hunt(&self) -> Option<Duration> {
        let Phase::Dialling(dial) = &self.phase else { return None };
        self.hunt.as_ref().filter(|_| matches!(dial.why, Why::Area)).map(|hunt| hunt.ring)
    }

    /// The field worker whose phone calls. An extension is theirs only from inside: a stranger can show
    /// any number.
    pub(super) fn worker_who_calls(&self) -> String {
        let from_outside = self.direction == Direction::Inbound;
        let forged = from_outside && self.plan.short_number(&self.caller.received).is_some();
        let worker = self.plan.areas().worker_at(&self.caller).filter(|_| !forged);
        worker.map(|worker| worker.name.clone()).unwrap_or_default()
    }

    /// The next one who can be tried.
    fn hunt_on(&mut self, cx: &mut Cx) {
        while let Some(stop) = self.hunt.as_mut().and_then(|hunt| hunt.ahead.pop_front()) {
            if let Some(hunt) = &mut self.hunt {
                hunt.at = Some(stop.hop);
            }
            match self.try_hop(cx, &stop) {
                Ok(()) => return,
                Err(end) => self.end_hop(cx, end),
            }
        }
    }

    /// Tries one. Why it is not to be had.
    fn try_hop(&mut self, cx: &mut Cx, Stop { hop, phone }: &Stop) -> Result<(), HopEnd> {
        let phone = phone.as_ref().map_err(|&end| end)?;
        match *hop {
            Hop::Worker { .. } => {
                let to = self.way_to(cx, phone)?;
                self.log_hop(cx, InHunt::Began);
                self.dial(cx, to, Why::Area);
            }
            Hop::Team { queue } | Hop::Queue { queue } => {
                cx.plan(self.tenant).and_then(|plan| plan.queue(queue)).ok_or(HopEnd::Gone)?;
                self.log_hop(cx, InHunt::Began);
                if !self.enqueue(cx, queue, 0, None) {
                    return Err(HopEnd::Gone);
                }
            }
            Hop::Voicemail { queue } => {
                let caller = self.customer().normal.clone();
                self.log_hop(cx, InHunt::Lost { caller });
                self.end_hop(cx, HopEnd::Message);
                self.hunt = None;
                self.left_flow(cx, "voicemail");
                self.take_message(cx, MessageFor::Queue(queue));
            }
        }
        Ok(())
    }

    /// What is dialled for a phone. The tenant's right counts, as in a flow.
    fn way_to(&self, cx: &Cx, phone: &str) -> Result<Dialable, HopEnd> {
        match self.resolve(phone) {
            Some(Next::Dial(to)) => match self.screen_may_call(cx, None, &to) {
                Ok(()) => Ok(to),
                Err(_) => Err(HopEnd::NoRight),
            },
            Some(
                Next::To(_)
                | Next::Say(_)
                | Next::TurnAway(_)
                | Next::Announce { .. }
                | Next::Leased(_)
                | Next::Identify(_)
                | Next::Line
                | Next::Message(_)
                | Next::Returning(_),
            )
            | None => Err(HopEnd::NoWay),
        }
    }

    fn end_hop(&mut self, cx: &mut Cx, end: HopEnd) {
        self.log_hop(cx, InHunt::Ended { end });
        if let Some(hunt) = &mut self.hunt {
            hunt.at = None;
        }
    }

    fn log_hop(&self, cx: &mut Cx, what: InHunt) {
        let Some(hunt) = &self.hunt else { return };
        let Some(hop) = hunt.at else { return };
        self.log(cx, None, Kind::Hunt(event::Hunt { area: hunt.area, hop, what }));
    }
}

/// How it ended for a worker whose phone gave this status and cause (ITU-T Q.850 §2.2.7).
pub(super) fn hop_end(status: u16, cause: u8) -> HopEnd {
    match (status, cause) {
        (486 | 600, _) | (_, 17) => HopEnd::Busy,
        (603, _) | (_, 21) => HopEnd::Refused,
        (480 | 487, _) | (_, 18 | 19) => HopEnd::NoAnswer,
        _ => HopEnd::Failed,
    }
}
