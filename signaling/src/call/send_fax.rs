//! A fax that the box sends of its own accord: a number outside is called as any number is, within the
//! right of who wants it and over the trunks that it leads to, and whoever answers gets a machine of
//! ours. Its outcome is noted once, also where nobody answered; after a kill nobody notes it, and the
//! call ends `interrupted`.

use super::click::shows;
use super::dial::{Dial, Dialable, Why};
use super::timers::Timer;
use super::{Call, Next, Phase, cause};
use crate::ivr::run::{Fax, FaxTo};
use crate::ivr::step::is_outside_number;
use crate::switch::Cx;
use std::sync::Arc;
use terms::control::FaxCall;
use terms::event::{Direction, Kind, Party};
use terms::media::{FaxOutcome, is_fax_name, is_fax_station};
use terms::{AgentId, FaxId, LegId, PhoneNumber};

/// What is sent to who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sending {
    fax: FaxId,
    wanted: Fax,
}

/// Makes the call. Where no trunk takes it, it is over already, and its outcome is noted.
///
/// # Errors
/// Why nobody may be called, for people.
pub(crate) fn send_fax(cx: &mut Cx, order: &FaxCall) -> Result<Call, String> {
    let tenant = order.tenant;
    let plan = cx.plan(tenant).ok_or_else(|| format!("tenant {tenant} has no plan yet"))?;
    let parse = |number: &str| PhoneNumber::parse(number, &plan.plan.country);
    let shown = order.caller_number.as_deref().map(parse);
    let caller = shown.clone().unwrap_or_else(|| parse(""));
    let mut call = Call::blank(cx, tenant, Arc::clone(&plan), (caller, parse(&order.target)));
    call.direction = Direction::Outbound;
    let mut to = call.whom_to_fax(&order.target)?;
    if let Some(number) = shown {
        shows(&plan, &mut to, &number)?;
        call.wanted = Some(number);
    }
    call.screen_may_call(cx, Some(order.by), &to)?;
    call.count_for(cx, AgentId(order.by.0), &to)?;
    let started = Kind::CallStarted {
        direction: call.direction,
        caller: call.caller.clone(),
        called: call.called.clone(),
        trunk: None,
        sip_call_id: String::new(),
        user_agent: String::new(),
        region: call.region(),
        category: None,
    };
    call.log(cx, None, started);
    call.timers.set(Timer::CallMax, cx.now.moment + cx.world.config.call_max);
    let station = match order.station.is_empty() && is_fax_station(&call.caller.normal) {
        true => call.caller.normal.clone(),
        false => order.station.clone(),
    };
    let document = Some(order.document.clone());
    let wanted = Fax { document, station, ecm: order.ecm, queue: None };
    call.dial(cx, to, Why::Fax(Box::new(Sending { fax: order.fax, wanted })));
    Ok(call)
}

impl Call {
    /// A step of the flow has a document sent to somebody else, by the tenant's right and once in a call.
    /// The store, which follows the log, has it sent. False, and nothing happens, where it may not be.
    pub(super) fn flow_asks_fax(&mut self, cx: &mut Cx, fax: FaxTo) -> bool {
        let FaxTo { number, document, station } = fax;
        let typed = number.trim();
        if self.story.fax_asked || !is_outside_number(typed) || !is_fax_name(&document) {
            return false;
        }
        let Ok(to) = self.whom_to_fax(typed) else { return false };
        if self.screen_may_call(cx, None, &to).is_err() {
            return false;
        }
        self.story.fax_asked = true;
        let number = PhoneNumber::parse(typed, &self.plan.plan.country);
        self.log(cx, Some(self.anchor), Kind::FaxAsked { document, number, station });
        true
    }

    fn whom_to_fax(&self, target: &str) -> Result<Dialable, &'static str> {
        match self.resolve(target) {
            // They need no right to be called, and nobody there reads a fax.
            Some(Next::Dial(Dialable::Outside { digits, site: None, .. }))
                if self.plan.class_of(&digits).is_none() =>
            {
                Err("a fax is sent to no emergency service")
            }
            Some(Next::Dial(to @ Dialable::Outside { site: None, .. })) => Ok(to),
            Some(_) => Err("a fax is sent to a number outside"),
            None => Err("nothing answers that number"),
        }
    }

    /// Somebody answered, a machine it is hoped.
    pub(super) fn machine_answered(&mut self, cx: &mut Cx, id: LegId) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        let Phase::Dialling(Dial { why: Why::Fax(sending), .. }) = phase else {
            self.phase = phase;
            return;
        };
        self.timers.clear(Timer::Ring);
        self.anchor = id;
        self.story.answered = true;
        let Sending { fax, wanted } = *sending;
        self.run_document(cx, fax, wanted);
    }

    /// Nobody answered, on any trunk.
    pub(super) fn fax_unreached(&mut self, cx: &mut Cx, sending: &Sending, cause: u8) {
        self.tell_unsent(cx, sending, cause);
        self.story.stranded = true;
        self.end(cx, cause, Party::System);
    }

    /// The call ends while it rings.
    pub(super) fn fax_given_up(&self, cx: &mut Cx, dial: &Dial, cause: u8) {
        if let Why::Fax(sending) = &dial.why {
            self.tell_unsent(cx, sending, cause);
        }
    }

    fn tell_unsent(&self, cx: &mut Cx, sending: &Sending, cause: u8) {
        let outcome = FaxOutcome {
            unreached: Some(cause),
            ..FaxOutcome::failed(sending.fax, unreached(cause))
        };
        let document = sending.wanted.document.clone();
        self.log(cx, None, Kind::FaxDone { document, outcome, work: None });
    }
}

/// For people.
fn unreached(cause: u8) -> String {
    match cause {
        cause::BUSY => "the number is busy".to_owned(),
        cause::NO_ANSWER => "nobody answers".to_owned(),
        cause::UNALLOCATED => "there is no such number".to_owned(),
        cause::REJECTED => "the call was rejected".to_owned(),
        cause::NO_CIRCUIT | cause::CONGESTION => "no line is free".to_owned(),
        other => format!("the call did not come about (cause {other})"),
    }
}
