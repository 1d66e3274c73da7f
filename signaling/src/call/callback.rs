//! A callback: a call that waits in its queue without a caller. It keeps the place that the caller
//! had, and somebody is called for it when it is their turn: the agent first, and the customer when
//! they have accepted; or the customer first, who then stands where they stood. It is one call, so at
//! most one leg to the customer exists at a time; a customer who rings in again takes the place, and
//! the callback ends with whatever rang for it.
//!
//! Until somebody is called the call is not in the event log: only `Callback` entries of its contact
//! are, and the call that begins later bears the id that they name.

mod ask;

pub(crate) use ask::AskedBack;

use super::dial::{Dialable, Why};
use super::leg::Bye;
use super::queue::Waiting;
use super::timers::Timer;
use super::{Call, Next, Phase, cause};
use crate::acd::{Arrival, Distributor};
use crate::ivr::prompt;
use crate::switch::{CallbackPlace, Compiled, Cx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use terms::control::LiveCallback;
use terms::event::{
    Callback as Told, CallbackEnd, Direction, ENTRY_VERSION, Entry, FlowOut, InCallback, Kind,
    OfferEnd, Party,
};
use terms::routing::{self, CallFirst, Queue};
use terms::{AgentId, LegId, Moment, PhoneNumber, TenantId, Timestamp, UserId, VisitId};

/// From one look to the next whether a customer's turn is near.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The same where opening hours decide.
const OPEN_EVERY: Duration = Duration::from_secs(60);
/// Nobody: the anchor of a callback until somebody is on the line.
const NOBODY: LegId = LegId(0);

/// What a call knows that calls a customer back, also after they were reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Callback {
    /// The stay in the queue, from the wish to the answer.
    visit: VisitId,
    settings: routing::Callback,
    /// The contact's own.
    priority: i32,
    /// The place counts from here.
    since: Moment,
    asked_at: Timestamp,
    until: Moment,
    tries: u32,
    not_before: Option<Timestamp>,
    /// Its call stands in the log.
    begun: bool,
    /// Its stay stands in the log.
    entered: bool,
    /// The customer was reached, or will not be called any more.
    over: bool,
}

/// The call that calls a customer back: it stands in the queue from now on.
pub(crate) fn call_back(cx: &mut Cx, asked: AskedBack) -> Call {
    let AskedBack { tenant, contact, hotline, number, language, queue, .. } = asked;
    let plan = cx.plan(tenant).unwrap_or_else(|| Compiled::nothing(tenant));
    let mut call = Call::blank(cx, tenant, plan, (hotline, number));
    let (now, visit) = (cx.now, VisitId(cx.id()));
    let until = now.moment + Duration::from_secs(asked.settings.age_max_s.into());
    let told =
        InCallback::Asked { number: call.called.normal.clone(), first: asked.settings.first };
    (call.contact, call.direction, call.language) = (contact, Direction::Outbound, language);
    (call.queue, call.queued_since) = (Some(Arc::clone(&queue)), Some(asked.since));
    call.callback = Some(Callback {
        visit,
        settings: asked.settings,
        priority: asked.priority,
        since: asked.since,
        asked_at: now.wall,
        until,
        tries: 0,
        not_before: None,
        begun: false,
        entered: false,
        over: false,
    });
    call.phase = Phase::Waiting(Waiting::new(visit, queue, asked.priority));
    call.tell_callback(cx, told);
    if call.stand(cx) {
        if asked.rest.is_zero() {
            call.look(cx);
        } else {
            call.rest(cx, asked.rest);
        }
    }
    call
}

impl Call {
    /// The customer: who is called back, else who calls.
    pub(super) fn customer(&self) -> &PhoneNumber {
        if self.callback.is_some() { &self.called } else { &self.caller }
    }

    /// The customer is still to be called.
    pub(crate) fn waits_to_call_back(&self) -> bool {
        self.callback.as_ref().is_some_and(|callback| !callback.over)
    }

    /// The same, and nobody is being called for it.
    pub(crate) fn is_idle_callback(&self) -> bool {
        self.waits_to_call_back() && self.legs.is_empty()
    }

    /// The callback as people see it, until it is over.
    pub(crate) fn live_callback(&self, acd: &Distributor) -> Option<LiveCallback> {
        let callback = self.callback.as_ref().filter(|callback| !callback.over)?;
        Some(LiveCallback {
            callback: self.id,
            contact: self.contact,
            queue: self.queue.as_ref()?.id,
            number: self.called.shown.clone(),
            asked_at: callback.asked_at,
            first: callback.settings.first,
            tries: callback.tries,
            position: acd.position(callback.visit).filter(|_| self.legs.is_empty()),
            not_before: callback.not_before,
        })
    }

    fn pending(&self) -> Option<(&Callback, &Arc<Queue>)> {
        self.callback.as_ref().filter(|callback| !callback.over).zip(self.queue.as_ref())
    }

    /// Stands in the queue, absent, where the age says. False where the queue is gone: it is over then.
    fn stand(&mut self, cx: &mut Cx) -> bool {
        let Some((callback, queue)) = self.pending() else { return false };
        let place = CallbackPlace { call: self.id, visit: callback.visit, since: callback.since };
        let key = (self.called.normal.clone(), queue.id);
        if let Some(tenant) = cx.world.tenants.get_mut(&self.tenant) {
            tenant.callbacks.insert(key, place);
        }
        let stands = self.line_up(cx);
        if !stands {
            self.end_callback(cx, CallbackEnd::QueueGone, None);
        }
        stands
    }

    fn line_up(&self, cx: &mut Cx) -> bool {
        let (Some(callback), Some(queue)) = (&self.callback, &self.queue) else { return false };
        let now = cx.now;
        let arrival = Arrival {
            visit: callback.visit,
            call: self.id,
            queue: queue.id,
            priority: callback.priority,
            since: callback.since,
            personal: None,
            callback: Some(callback.until - now.moment),
            undecided: false,
        };
        self.introduce(cx, callback.visit, queue);
        let Some(acd) = cx.acd(self.tenant) else { return false };
        acd.position(callback.visit).is_some() || acd.enqueue(now, arrival).is_ok()
    }

    /// Is it their turn, and a time to call? An agent is found by the distributor, a customer is dialled
    /// from here.
    pub(super) fn look(&mut self, cx: &mut Cx) {
        let Some((callback, queue)) = self.pending() else { return };
        if !matches!(&self.phase, Phase::Waiting(waiting) if !waiting.rings()) {
            // An agent rings for it. When they do not answer the distributor goes on.
            return self.timers.set(Timer::Callback, cx.now.moment + OPEN_EVERY);
        }
        let (now, visit, queue) = (cx.now, callback.visit, queue.id);
        let (first, lead_s) = (callback.settings.first, callback.settings.lead_s);
        let by_hours = callback.settings.hours.is_some();
        let open = !self.is_customer_inside(cx) && self.may_try_now(cx);
        let Some(acd) = cx.acd(self.tenant) else { return };
        let lead = Duration::from_secs(lead_s.into());
        let near = first == CallFirst::Customer && open && acd.is_near(queue, visit, lead);
        match first {
            CallFirst::Agent if open => acd.present(now, visit, None),
            CallFirst::Agent | CallFirst::Customer => acd.absent(visit),
        }
        if let Some(callback) = &mut self.callback {
            callback.not_before = None;
        }
        if near {
            return self.dial_customer(cx);
        }
        let every = match first {
            CallFirst::Customer if open => Some(LOOK_EVERY),
            CallFirst::Agent | CallFirst::Customer => by_hours.then_some(OPEN_EVERY),
        };
        self.timers.set_or_clear(Timer::Callback, every.map(|every| now.moment + every));
    }

    /// The customer has rung in or is gone again. What rests does so until its pause is over, and who is
    /// being called already is not called once more.
    pub(crate) fn look_again(&mut self, cx: &mut Cx) {
        let rests = self.callback.as_ref().is_none_or(|callback| callback.not_before.is_some());
        if !rests && matches!(self.phase, Phase::Waiting(_)) {
            self.look(cx);
        }
    }

    /// Who is on the line by this call, and is not called back meanwhile: whoever rang in.
    pub(crate) fn caller_inside(&self) -> Option<(TenantId, String)> {
        let is_known = self.direction == Direction::Inbound && !self.caller.is_withheld();
        is_known.then(|| (self.tenant, self.caller.normal.clone()))
    }

    fn is_customer_inside(&self, cx: &Cx) -> bool {
        cx.world.inside.has(self.tenant, &self.called.normal)
    }

    fn may_try_now(&self, cx: &Cx) -> bool {
        let name = self.callback.as_ref().and_then(|callback| callback.settings.hours.as_deref());
        self.is_within(cx, name)
    }

    /// An agent is about to be rung for it: what happens stands in the log from now on.
    pub(super) fn callback_offered(&mut self, cx: &mut Cx) {
        if self.waits_to_call_back() {
            self.begin_callback(cx);
            self.enter_callback(cx);
        }
    }

    fn begin_callback(&mut self, cx: &mut Cx) {
        let Some(callback) = self.callback.as_mut().filter(|callback| !callback.begun) else {
            return;
        };
        callback.begun = true;
        self.started = cx.now;
        let started = Kind::CallStarted {
            direction: self.direction,
            caller: self.caller.clone(),
            called: self.called.clone(),
            trunk: None,
            sip_call_id: String::new(),
            user_agent: String::new(),
            region: self.region(),
            category: None,
        };
        self.log(cx, None, started);
    }

    fn enter_callback(&mut self, cx: &mut Cx) {
        let (Some(callback), Some(queue)) = (&mut self.callback, &self.queue) else { return };
        if std::mem::replace(&mut callback.entered, true) {
            return;
        }
        let (visit, own, id) = (callback.visit, callback.priority, queue.id);
        let priority = queue.priority.saturating_add(own);
        let position = cx.acd(self.tenant).and_then(|acd| acd.position(visit)).unwrap_or(1);
        self.log(cx, None, Kind::Enqueued { visit, queue: id, priority, position });
    }

    /// The agent accepted, and hears ringing while the customer is dialled.
    pub(super) fn agent_takes_callback(&mut self, cx: &mut Cx, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.engaged = true;
        }
        self.anchor = id;
        if self.is_customer_inside(cx) {
            return self.spare_agent(cx);
        }
        self.dial_customer(cx);
    }

    /// The customer rang in while the agent's phone rang: nobody is dialled, and the place is kept.
    fn spare_agent(&mut self, cx: &mut Cx) {
        self.let_agent_go(cx, cause::NORMAL, Party::System, Bye::Hangup);
        self.wait_again();
        if self.stand(cx) {
            self.look(cx);
        }
    }

    fn dial_customer(&mut self, cx: &mut Cx) {
        self.begin_callback(cx);
        self.timers.clear(Timer::Callback);
        let Some(callback) = &mut self.callback else { return };
        callback.tries = callback.tries.saturating_add(1);
        let attempt = callback.tries;
        self.tell_callback(cx, InCallback::Tried { attempt });
        // Numbers, trunks and rights are those of today.
        self.plan = cx.plan(self.tenant).unwrap_or_else(|| Arc::clone(&self.plan));
        match self.outside(cx, self.called.clone()) {
            Some(to) => self.dial(cx, to, Why::Callback),
            None => self.customer_unreached(cx, cause::REJECTED),
        }
    }

    /// How the tenant may call this number outside; nothing else is called back.
    pub(super) fn outside(&self, cx: &Cx, number: PhoneNumber) -> Option<Dialable> {
        let PhoneNumber { received, normal, .. } = number;
        let to = [received, normal].iter().find_map(|digits| match self.resolve(digits) {
            Some(Next::Dial(to @ Dialable::Outside { site: None, .. })) => Some(to),
            _ => None,
        })?;
        self.screen_may_call(cx, None, &to).is_ok().then_some(to)
    }

    /// The customer answered: with the agent who waits for them, or back in their place.
    pub(super) fn customer_answered(&mut self, cx: &mut Cx, id: LegId) {
        let agent_leg = std::mem::replace(&mut self.anchor, id);
        let (Some(callback), Some(queue)) = (&self.callback, self.queue.clone()) else { return };
        let (visit, priority) = (callback.visit, callback.priority);
        self.timers.clear(Timer::Ring);
        self.timers.set(Timer::CallMax, cx.now.moment + cx.world.config.call_max);
        self.finish_callback(cx, CallbackEnd::Reached, None);
        let Some(agent) = self.agent_of(agent_leg) else {
            self.phase = Phase::Waiting(Waiting::new(visit, Arc::clone(&queue), priority));
            return self.stand_in_person(cx, visit, &queue);
        };
        self.stop_play(cx, agent_leg);
        if let Some(acd) = cx.acd(self.tenant) {
            acd.talks(&self.called.normal, agent);
        }
        self.connect(cx, agent_leg, Some((visit, &queue)));
    }

    fn stand_in_person(&mut self, cx: &mut Cx, visit: VisitId, queue: &Arc<Queue>) {
        if !self.line_up(cx) {
            return self.strand(cx);
        }
        self.story.heard = true;
        self.enter_callback(cx);
        let (now, stay) = (cx.now, Duration::from_secs(queue.wait_max_s.into()));
        if let Some(acd) = cx.acd(self.tenant) {
            acd.present(now, visit, Some(stay));
        }
        let greeting = prompt::prompt(self.language(), "queue");
        self.say_waiting(cx, vec![greeting]);
        self.arm_announcement(cx, queue);
        self.arm_notice(cx, queue);
    }

    /// The customer was not reached: again after the pause, or never.
    pub(super) fn customer_unreached(&mut self, cx: &mut Cx, cause: u8) {
        self.let_agent_go(cx, cause::NORMAL, Party::System, Bye::Hangup);
        let Some(callback) = self.callback.as_ref().filter(|callback| !callback.over) else {
            return;
        };
        let (attempt, tries_max) = (callback.tries, callback.settings.tries_max);
        self.tell_callback(cx, InCallback::Unreached { attempt, cause });
        self.wait_again();
        if attempt >= tries_max {
            return self.end_callback(cx, CallbackEnd::GivenUp, None);
        }
        if self.stand(cx) {
            self.pause(cx);
        }
    }

    fn wait_again(&mut self) {
        if let Some((callback, queue)) = self.pending() {
            let waiting = Waiting::new(callback.visit, Arc::clone(queue), callback.priority);
            self.phase = Phase::Waiting(waiting);
        }
    }

    fn pause(&mut self, cx: &mut Cx) {
        let Some(callback) = &self.callback else { return };
        let pause = Duration::from_secs(callback.settings.pause_s.into());
        self.rest(cx, pause);
    }

    /// Nobody is called for it so long.
    fn rest(&mut self, cx: &mut Cx, pause: Duration) {
        let Some(callback) = &mut self.callback else { return };
        callback.not_before = Some(cx.now.wall + pause);
        let visit = callback.visit;
        if let Some(acd) = cx.acd(self.tenant) {
            acd.absent(visit);
        }
        self.timers.set(Timer::Callback, cx.now.moment + pause);
    }

    /// Nobody is reached any more whom the agent could wait for.
    fn let_agent_go(&mut self, cx: &mut Cx, cause: u8, by: Party, bye: Bye) {
        let leg = std::mem::replace(&mut self.anchor, NOBODY);
        if let Some(agent) = self.agent_of(leg) {
            self.tell_offer_ended(cx, agent, leg);
            self.close_leg(cx, leg, cause, by, bye);
        }
    }

    /// The agent hung up while the customer's phone rang.
    pub(super) fn agent_left_callback(&mut self, cx: &mut Cx, cause: u8, by: Party, bye: Bye) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        self.timers.clear(Timer::Ring);
        self.let_agent_go(cx, cause, by, bye);
        if let Phase::Dialling(dial) = phase
            && let Some(leg) = dial.leg
        {
            self.close_leg(cx, leg, cause::NORMAL, Party::System, Bye::Hangup);
        }
        self.customer_unreached(cx, cause::NORMAL);
    }

    /// Media has no port for the agent who should ring; the leg is closed already.
    pub(super) fn callback_without_port(&mut self, cx: &mut Cx) {
        let now = cx.now;
        let Phase::Waiting(waiting) = &mut self.phase else { return };
        let (visit, offers) = (waiting.visit, std::mem::take(&mut waiting.offers));
        for (agent, leg) in offers {
            self.tell_offer_ended(cx, agent, leg);
        }
        if let Some(acd) = cx.acd(self.tenant) {
            acd.vacate(now, visit);
        }
        if self.stand(cx) {
            self.pause(cx);
        }
    }

    /// The distributor does not keep the place any longer.
    pub(super) fn callback_flows_out(&mut self, cx: &mut Cx, reason: FlowOut) {
        let end = match reason {
            FlowOut::MaxWait => CallbackEnd::TooOld,
            FlowOut::Overflow
            | FlowOut::ExitKey
            | FlowOut::Voicemail
            | FlowOut::Forced
            | FlowOut::NoAgents
            | FlowOut::Closed => CallbackEnd::QueueGone,
        };
        self.end_callback(cx, end, None);
    }

    /// The customer has rung in and taken the place.
    pub(crate) fn came_back(&mut self, cx: &mut Cx) {
        self.end_callback(cx, CallbackEnd::CameBack, None);
    }

    /// A person takes it off.
    pub(super) fn cancel_callback(&mut self, cx: &mut Cx, by: UserId) -> Result<(), String> {
        if !self.waits_to_call_back() {
            return Err("nobody waits to be called back by this call".to_owned());
        }
        self.end_callback(cx, CallbackEnd::Cancelled, Some(by));
        Ok(())
    }

    /// Nobody is called back any more: whatever rings for it stops, and the place is given up.
    pub(super) fn end_callback(&mut self, cx: &mut Cx, end: CallbackEnd, by: Option<UserId>) {
        let Some((callback, queue)) = self.pending() else { return };
        let (visit, queue, now) = (callback.visit, queue.id, cx.now);
        let (begun, entered) = (callback.begun, callback.entered);
        self.finish_callback(cx, end, by);
        let rung = match &self.phase {
            Phase::Waiting(waiting) => waiting.offers.clone(),
            _ => self.agent_of(self.anchor).map(|agent| (agent, self.anchor)).into_iter().collect(),
        };
        for (agent, leg) in rung {
            self.tell_offer_ended(cx, agent, leg);
        }
        if let Some(acd) = cx.acd(self.tenant) {
            acd.leave(now, visit);
        }
        if entered {
            let reason = match end {
                CallbackEnd::TooOld => FlowOut::MaxWait,
                _ => FlowOut::Forced,
            };
            self.log(cx, None, Kind::FlowedOut { visit, queue, reason });
        }
        self.phase = Phase::Ending;
        self.story.stranded = true;
        // A call that never began in the log does not end there.
        self.over = !begun;
        self.end(cx, cause::NORMAL, Party::System);
    }

    fn finish_callback(&mut self, cx: &mut Cx, end: CallbackEnd, by: Option<UserId>) {
        self.timers.clear(Timer::Callback);
        let key = self.queue.as_ref().map(|queue| (self.called.normal.clone(), queue.id));
        if let (Some(key), Some(tenant)) = (key, cx.world.tenants.get_mut(&self.tenant))
            && tenant.callbacks.get(&key).is_some_and(|place| place.call == self.id)
        {
            tenant.callbacks.remove(&key);
        }
        self.tell_callback(cx, InCallback::Ended { end, by });
        if let Some(callback) = &mut self.callback {
            (callback.over, callback.not_before) = (true, None);
        }
    }

    /// In the next process: it stands where it stood; who was being called for it is let go.
    pub(super) fn call_back_on(
        &mut self,
        cx: &mut Cx,
        offers: Vec<(AgentId, LegId)>,
        dialled: bool,
    ) {
        let accepted = self.agent_of(self.anchor).map(|agent| (agent, self.anchor));
        for (agent, leg) in offers.into_iter().chain(accepted) {
            self.tell_offer_ended(cx, agent, leg);
        }
        self.anchor = NOBODY;
        self.timers.clear(Timer::Ring);
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            self.close_leg(cx, leg, cause::TEMPORARY_FAILURE, Party::System, Bye::Hangup);
        }
        if dialled {
            return self.customer_unreached(cx, cause::TEMPORARY_FAILURE);
        }
        self.wait_again();
        self.stand(cx);
    }

    fn tell_offer_ended(&self, cx: &mut Cx, agent: AgentId, leg: LegId) {
        let (Some(callback), Some(queue)) = (&self.callback, &self.queue) else { return };
        let (visit, queue, end) = (callback.visit, queue.id, OfferEnd::Withdrawn);
        self.log(cx, Some(leg), Kind::OfferEnded { visit, queue, agent, end });
    }

    /// An entry of the contact: the call may not have begun yet.
    fn tell_callback(&self, cx: &mut Cx, what: InCallback) {
        let Some(queue) = self.queue.as_ref().map(|queue| queue.id) else { return };
        cx.world.log(Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: cx.now.wall,
            tenant: self.tenant,
            contact: Some(self.contact),
            call: None,
            leg: None,
            kind: Kind::Callback(Told { callback: self.id, queue, what }),
        });
    }
}
