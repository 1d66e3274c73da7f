//! A call that outlives the process: what is kept of it after each step, and how it goes on.
//!
//! A conversation goes on with everybody in it, held, consulting or listened to as before; its
//! recording goes on in a further part. Who waited in a queue goes on waiting in their place, who was
//! parked on their slot. A caller in a flow hears it from its beginning, one who was asked for
//! satisfaction, a PIN or a code is asked again; an agent who was signing in by PIN dials again. A meeting
//! goes on with those of its members who do. A phone that only rang is let go. What cannot go on (the
//! caller's line or voice is lost, a party rang for them) is ended properly: each leg and the call get
//! their ends, the outcome is `interrupted`.

use super::callback::Callback;
use super::conference::Knock;
use super::hunt::Hunt;
use super::interject::Interjection;
use super::lease::{ByLease, LeaseStep};
use super::leg::{Bye, Leg, Sip, Voice};
use super::line::Line;
use super::park::Parked;
use super::pickup::Picking;
use super::queue::Waiting;
use super::record::Recording;
use super::replace::Replacing;
use super::supervise::Supervision;
use super::survey::Survey;
use super::timers::{Timer, Timers};
use super::voicemail::Message;
use super::{Call, Next, Phase, Story, Talk, cause};
use crate::acd;
use crate::ivr::prompt;
use crate::sip::user_agent::Charging;
use crate::switch::{Compiled, Cx, Now, RecordingOf};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use terms::event::{ConsultationEnd, Direction, FlowOut, ForwardWhen, Kind, OfferEnd, Party};
use terms::media::{Audience, Command, PlayEnd};
use terms::routing::{Onward, Queue, Target};
use terms::{
    AgentId, CallId, Category, ConferenceId, ContactId, FlowId, LegId, Moment, PhoneNumber,
    TenantId, VisitId,
};

/// A call as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept<'a> {
    pub id: CallId,
    contact: ContactId,
    pub tenant: TenantId,
    direction: Direction,
    caller: Cow<'a, PhoneNumber>,
    called: Cow<'a, PhoneNumber>,
    started: Now,
    anchor: LegId,
    legs: Cow<'a, BTreeMap<LegId, Leg>>,
    at: At,
    /// The stay in a queue, as the distributor has it.
    visit: Option<acd::KeptVisit>,
    queue: Option<Arc<Queue>>,
    queued_since: Option<Moment>,
    agent: Option<AgentId>,
    recording: Option<(Recording, Option<RecordingOf>)>,
    /// The parties are told that a recording begins.
    announcing: bool,
    supervision: Option<Supervision>,
    interjection: Option<Interjection>,
    picking: Option<Picking>,
    replacing: Option<Replacing>,
    story: Story,
    ending: Option<(u8, Party)>,
    released_by: Option<Party>,
    timers: Cow<'a, Timers>,
    hops: u8,
    forwarded: Cow<'a, [(AgentId, ForwardWhen)]>,
    diverted: u8,
    servers_left: Option<u8>,
    category: Option<Category>,
    charging: Option<Cow<'a, Charging>>,
    language: Option<Cow<'a, str>>,
    conference: Option<ConferenceId>,
    callback: Option<Cow<'a, Callback>>,
    hunt: Option<Cow<'a, Hunt>>,
    lease: Option<ByLease>,
}

/// What the call is doing, as far as it can be taken up again.
#[derive(Debug, Serialize, Deserialize)]
enum At {
    /// Being answered.
    Beginning,
    Flow(FlowId),
    /// In [`Kept::queue`].
    Waiting {
        visit: VisitId,
        offers: Vec<(AgentId, LegId)>,
        own: i32,
        brought: i32,
        onward: Vec<Onward>,
    },
    /// Somebody rings for the caller, who was passed on or not.
    Dialling {
        passed_on: bool,
    },
    Talking(Box<Talk>),
    Parked(Parked),
    /// Machines talk, over T.38 or on their way there, or one with ours: a pause ends their session.
    Fax,
    Survey(Survey),
    Message(Message),
    Knocking(Box<Knock>),
    Conferring,
    /// A phone that a conference rings.
    Summoning,
    /// Hears what an emergency plan says first.
    Announcing {
        target: Target,
    },
    Farewell {
        cause: u8,
    },
    Ending,
    /// A phone that rings because a screen had the call made.
    Clicking,
    /// Asked for the code of a leased number.
    Coding,
    /// An agent's open line.
    Line(Line),
}

impl At {
    fn waiting(Waiting { visit, offers, own, brought, onward, .. }: &Waiting) -> Self {
        let (visit, own, brought) = (*visit, *own, *brought);
        At::Waiting { visit, offers: offers.clone(), own, brought, onward: onward.clone() }
    }
}

impl Call {
    /// The call as it is now.
    pub fn keep(&self, cx: &Cx) -> Kept<'_> {
        let at = match &self.phase {
            Phase::Opening { .. } | Phase::Answering { .. } | Phase::Identifying(_) => {
                At::Beginning
            }
            Phase::Ivr => match (self.aside(), &self.flow) {
                (Some(aside), _) => At::waiting(&aside.waiting),
                (None, Some(flow)) => At::Flow(flow.flow),
                (None, None) => At::Beginning,
            },
            Phase::Waiting(waiting) => At::waiting(waiting),
            Phase::Dialling(dial) => At::Dialling { passed_on: dial.is_held() },
            Phase::Talking(_) if self.fax.is_on() => At::Fax,
            Phase::Faxing(_) => At::Fax,
            Phase::Talking(talk) => At::Talking(Box::new(talk.clone())),
            Phase::Parked(parked) => At::Parked(parked.clone()),
            Phase::Survey(survey) => At::Survey(*survey),
            Phase::Message(message) => At::Message(*message),
            Phase::Knocking(knock) => At::Knocking(Box::new(knock.clone())),
            Phase::Conferring(_) => At::Conferring,
            Phase::Summoning(_) => At::Summoning,
            Phase::Clicking(_) => At::Clicking,
            Phase::Announcing { target } => At::Announcing { target: target.clone() },
            Phase::Coding(_) => At::Coding,
            Phase::Line(line) => At::Line(*line),
            Phase::Farewell { cause } => At::Farewell { cause: *cause },
            Phase::Ending => At::Ending,
        };
        let visit = match &at {
            At::Waiting { visit, .. } => {
                let tenant = cx.world.tenants.get(&self.tenant);
                let kept = tenant.and_then(|tenant| tenant.acd.keep_visit(*visit));
                match self.aside() {
                    Some(aside) => kept.map(|kept| kept.back(aside.leave_at)),
                    None => kept,
                }
            }
            _ => None,
        };
        let recording = self.recording.clone().map(|recording| {
            let of = cx.world.recordings.get(&recording.id).copied();
            (recording, of)
        });
        Kept {
            id: self.id,
            contact: self.contact,
            tenant: self.tenant,
            direction: self.direction,
            caller: Cow::Borrowed(&self.caller),
            called: Cow::Borrowed(&self.called),
            started: self.started,
            anchor: self.anchor,
            legs: Cow::Borrowed(&self.legs),
            at,
            visit,
            queue: self.queue.clone(),
            queued_since: self.queued_since,
            agent: self.agent,
            recording,
            announcing: self.announcing.is_some(),
            supervision: self.supervision.clone(),
            interjection: self.interjection,
            picking: self.picking,
            replacing: self.replacing,
            story: self.story,
            ending: self.ending,
            released_by: self.released_by,
            timers: Cow::Borrowed(&self.timers),
            hops: self.hops,
            forwarded: Cow::Borrowed(self.forwarded.as_slice()),
            diverted: self.diverted,
            servers_left: self.servers_left,
            category: self.category,
            charging: self.charging.as_ref().map(Cow::Borrowed),
            language: self.language.as_deref().map(Cow::Borrowed),
            conference: self.conference,
            callback: self.callback.as_ref().map(Cow::Borrowed),
            hunt: self.hunt.as_deref().map(Cow::Borrowed),
            lease: self.lease,
        }
    }
}

impl Kept<'_> {
    /// The stay in a queue that is to be had again.
    pub fn visit(&self) -> Option<(VisitId, &acd::KeptVisit)> {
        match (&self.at, &self.visit) {
            (At::Waiting { visit: id, .. }, Some(visit)) => Some((*id, visit)),
            _ => None,
        }
    }

    /// Agents whom the call has taken, offers aside.
    pub fn takes(&self, agent: AgentId) -> bool {
        self.legs.values().any(|leg| leg.engaged && leg.agent == Some(agent) && leg.is_alive())
    }

    /// The call in the next process, before it goes on, and what it was doing.
    pub fn wake(self, cx: &mut Cx, plan: Arc<Compiled>) -> Waking {
        for (id, leg) in self.legs.iter() {
            cx.world.legs.insert(*id, self.id);
            let tenant = cx.world.tenants.get_mut(&self.tenant);
            if let (Some(trunk), Some(tenant)) = (leg.trunk, tenant) {
                tenant.trunks.restore(trunk);
            }
        }
        if let Some((recording, Some(of))) = &self.recording {
            cx.world.recordings.insert(recording.id, *of);
        }
        let call = Call {
            id: self.id,
            contact: self.contact,
            tenant: self.tenant,
            listed: None,
            plan,
            direction: self.direction,
            caller: self.caller.into_owned(),
            called: self.called.into_owned(),
            started: self.started,
            anchor: self.anchor,
            legs: self.legs.into_owned(),
            phase: Phase::Ending,
            flow: None,
            fax: super::fax::Fax::default(),
            hearing: super::hearing::Hearing::default(),
            queue: self.queue,
            queued_since: self.queued_since,
            agent: self.agent,
            // Media knows nothing of it any more: it goes on as another part.
            recording: None,
            supervision: self.supervision,
            interjection: self.interjection,
            picking: self.picking,
            replacing: self.replacing,
            announcing: None,
            story: self.story,
            ending: self.ending,
            released_by: self.released_by,
            timers: self.timers.into_owned(),
            hops: self.hops,
            forwarded: self.forwarded.into_owned(),
            diverted: self.diverted,
            servers_left: self.servers_left,
            category: self.category,
            charging: self.charging.map(Cow::into_owned),
            language: self.language.map(Cow::into_owned),
            // Whoever is called from now on sees what the trunk's rule says.
            wanted: None,
            over: false,
            conference: self.conference,
            callback: self.callback.map(Cow::into_owned),
            hunt: self.hunt.map(|hunt| Box::new(hunt.into_owned())),
            lease: self.lease,
            phone: None,
        };
        if let At::Line(line) = &self.at {
            line.wake(cx, &call);
        }
        let part = self.recording.map(|(recording, _)| recording);
        Waking { call, at: self.at, part, announcing: self.announcing }
    }
}

/// A call between two processes.
pub(crate) struct Waking {
    pub call: Call,
    at: At,
    /// What was being recorded.
    part: Option<Recording>,
    announcing: bool,
}

impl Waking {
    /// Goes on, or ends. `lives` says which legs have both their dialog and their ports again.
    pub fn resume(self, cx: &mut Cx, lives: impl Fn(LegId) -> bool) -> Call {
        let Waking { mut call, at, part, announcing } = self;
        call.timers.clear(Timer::Flow);
        if call.ending.is_some() {
            call.finish_ending(cx);
            return call;
        }
        call.find_legs(cx, lives);
        call.drop_picking(cx, cause::TEMPORARY_FAILURE, Bye::Gone);
        call.drop_replacement(cx, cause::TEMPORARY_FAILURE, Bye::Gone);
        call.find_conference(cx);
        // Media has forgotten it; who was kept apart hears the other one again.
        call.settle_interjection(cx);
        if call.waits_to_call_back() {
            let dialled = matches!(at, At::Dialling { .. });
            let offers = match at {
                At::Waiting { offers, .. } => offers,
                _ => Vec::new(),
            };
            call.call_back_on(cx, offers, dialled);
            return call;
        }
        let anchor = call.goes_on(call.anchor);
        match at {
            At::Waiting { visit, offers, own, brought, onward } => match call.queue.clone() {
                Some(queue) => {
                    let waiting =
                        Waiting { offers, brought, onward, ..Waiting::new(visit, queue, own) };
                    call.wait_on(cx, waiting, part, anchor);
                }
                None => call.interrupt(cx),
            },
            At::Talking(talk) => {
                let both = anchor && call.goes_on(talk.partner);
                call.talk_on(cx, *talk, part.filter(|_| both), both, announcing);
            }
            At::Parked(parked) => call.park_on(cx, parked, part, anchor),
            At::Survey(survey) => call.survey_on(cx, survey, part, anchor),
            At::Message(message) => call.message_on(cx, message, part, anchor),
            At::Knocking(knock) => call.knock_on(cx, *knock, anchor),
            At::Conferring => call.confer_on(cx, anchor),
            At::Flow(flow) if anchor => {
                call.record_next(cx, part);
                // The same walk once more.
                call.story.flows = call.story.flows.saturating_sub(1);
                call.start_flow(cx, flow);
            }
            // They have heard enough of it.
            At::Announcing { target } if anchor => {
                call.timers.clear(Timer::Farewell);
                call.record_next(cx, part);
                call.go_to(cx, Next::To(target));
            }
            At::Coding if anchor => call.go_by_lease(cx, LeaseStep::AskCode),
            At::Line(line) => call.line_on(cx, line, anchor),
            At::Farewell { cause } => call.end(cx, cause, Party::System),
            At::Dialling { passed_on } => {
                if passed_on {
                    call.log(cx, Some(call.anchor), Kind::Resumed);
                }
                call.interrupt(cx);
            }
            At::Beginning
            | At::Flow(_)
            | At::Announcing { .. }
            | At::Fax
            | At::Summoning
            | At::Clicking
            | At::Coding
            | At::Ending => call.interrupt(cx),
        }
        call
    }
}

impl Call {
    /// Its legs were being closed when the process ended; nothing more will be heard of them.
    fn finish_ending(&mut self, cx: &mut Cx) {
        for id in self.legs.keys().copied().collect::<Vec<_>>() {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.voice = Voice::None;
                leg.ended.get_or_insert((cause::TEMPORARY_FAILURE, Party::System));
            }
            self.finish_leg(cx, id, None);
        }
        self.try_finish(cx);
    }

    /// Says of each leg what is left of it.
    fn find_legs(&mut self, cx: &mut Cx, lives: impl Fn(LegId) -> bool) {
        let mut ended = Vec::new();
        for (&id, leg) in &mut self.legs {
            leg.playing = None;
            let secret = cx.secret();
            if let Some(local) = leg.local() {
                local.security.reseed(secret);
            }
            if leg.ended.is_some() {
                leg.voice = Voice::None;
                ended.push(id);
            } else if leg.sip != Sip::Answered {
                // Its INVITE is nobody's any more: a caller sends it again, a phone is told to stop.
                leg.sip = Sip::Gone;
                leg.voice = Voice::None;
            } else if !lives(id) || !leg.is_open() {
                leg.voice = Voice::None;
            }
        }
        for id in ended {
            self.finish_leg(cx, id, None);
        }
    }

    pub(super) fn goes_on(&self, id: LegId) -> bool {
        self.legs.get(&id).is_some_and(Leg::is_open)
    }

    fn wait_on(
        &mut self,
        cx: &mut Cx,
        mut waiting: Waiting,
        part: Option<Recording>,
        goes_on: bool,
    ) {
        let (visit, queue) = (waiting.visit, waiting.queue.id);
        let offers = std::mem::take(&mut waiting.offers);
        self.phase = Phase::Waiting(waiting);
        for (agent, leg) in offers {
            let end = OfferEnd::Withdrawn;
            self.log(cx, Some(leg), Kind::OfferEnded { visit, queue, agent, end });
            // One that had answered by itself heard the tone.
            self.close_leg(cx, leg, cause::TEMPORARY_FAILURE, Party::System, Bye::Hangup);
        }
        if !goes_on {
            return self.interrupt(cx);
        }
        self.record_next(cx, part);
        let now = cx.now;
        if let Some(acd) = cx.acd(self.tenant) {
            // Nobody answers any more what another program was asked.
            acd.present(now, visit, None);
        }
        self.timers.clear(Timer::Decision);
        let place = cx.acd(self.tenant).and_then(|acd| acd.position(visit));
        if place.is_none() {
            // Its queue went with the last plan.
            return self.flow_out(cx, visit, FlowOut::Forced);
        }
        self.tell_on(cx);
        self.play_music(cx, &PlayEnd::Finished);
    }

    /// Who was aside was told nothing more, and is in line again.
    fn tell_on(&mut self, cx: &Cx) {
        let Phase::Waiting(waiting) = &self.phase else { return };
        let queue = Arc::clone(&waiting.queue);
        if !self.timers.is_set(Timer::Announce) {
            self.arm_announcement(cx, &queue);
        }
        if !self.timers.is_set(Timer::Notice) {
            self.arm_notice(cx, &queue);
        }
    }

    fn talk_on(
        &mut self,
        cx: &mut Cx,
        talk: Talk,
        part: Option<Recording>,
        goes_on: bool,
        announcing: bool,
    ) {
        let (room, partner, guests) = (talk.room, talk.partner, talk.guests.clone());
        self.phase = Phase::Talking(talk);
        self.withdraw_asked(cx, cause::TEMPORARY_FAILURE);
        if self.supervision.as_ref().is_some_and(|s| !s.joined || !self.goes_on(s.leg)) {
            self.supervised_is_over(cx);
        }
        if !goes_on {
            return self.interrupt(cx);
        }
        for guest in guests {
            if !self.goes_on(guest) {
                self.drop_leg(cx, guest, cause::TEMPORARY_FAILURE);
            }
        }
        self.consult_on(cx);
        // Whether something comes of it is told anew.
        self.found(cx);
        let Phase::Talking(talk) = &self.phase else { return };
        let (hold, others) = (talk.hold, talk.others().collect::<Vec<_>>());
        for leg in [self.anchor, partner].into_iter().chain(others) {
            // Who heard the network of somebody asked in was not heard meanwhile, nor their keys.
            cx.media(Command::Audience { leg, audience: Audience::Everyone });
            cx.media(Command::KeepDigits { leg, kept: false });
            cx.media(Command::Join { leg, room });
        }
        if let Some(supervision) = &self.supervision {
            supervision.rejoin(cx, room);
        }
        let held = match hold.holder {
            Some(holder) if holder == self.anchor => partner,
            _ => self.anchor,
        };
        if hold.is_held() {
            cx.media(Command::Hold { leg: held });
            self.play(cx, held, vec![prompt::prompt("", "music/hold")], true, false);
        } else {
            cx.media(Command::Resume { leg: held });
        }
        self.record_next(cx, part);
        if announcing {
            self.record(cx, partner);
        }
    }

    /// Who is consulted from the screen goes on where they talk; else the customer waits until the
    /// agent resumes. Of a phone's second line the voice is not found again.
    fn consult_on(&mut self, cx: &mut Cx) {
        let Phase::Talking(talk) = &self.phase else { return };
        let Some(consult) = &talk.consult else { return };
        if !consult.joined || consult.own.is_some() || !self.goes_on(consult.leg) {
            let end = match consult.joined {
                true => ConsultationEnd::Left,
                false => ConsultationEnd::Unanswered,
            };
            self.let_consulted_go(cx, end, cause::TEMPORARY_FAILURE);
        }
    }

    /// Whoever was about to take them tries again.
    fn park_on(&mut self, cx: &mut Cx, parked: Parked, part: Option<Recording>, goes_on: bool) {
        cx.world.parked.insert((self.tenant, parked.slot), self.id);
        self.phase = Phase::Parked(parked);
        self.drop_taker(cx, cause::TEMPORARY_FAILURE, Bye::Gone);
        if !goes_on {
            return self.interrupt(cx);
        }
        self.record_next(cx, part);
        self.play_while_parked(cx);
    }

    fn survey_on(&mut self, cx: &mut Cx, survey: Survey, part: Option<Recording>, goes_on: bool) {
        self.phase = Phase::Survey(survey);
        if !goes_on {
            return self.interrupt(cx);
        }
        self.record_next(cx, part);
        self.survey_timeout(cx);
    }

    /// What was said so far is the message.
    fn message_on(
        &mut self,
        cx: &mut Cx,
        message: Message,
        part: Option<Recording>,
        goes_on: bool,
    ) {
        self.phase = Phase::Message(message);
        match (message.begins(), part) {
            (Some(whose), _) if goes_on => self.take_message(cx, whose),
            (None, Some(part)) => {
                self.message_was_left(cx, message, part.id);
                self.farewell(cx, &["thanks"], cause::NORMAL);
            }
            (Some(_) | None, _) => self.interrupt(cx),
        }
    }

    fn record_next(&mut self, cx: &mut Cx, part: Option<Recording>) {
        if let Some(part) = part {
            self.record_on(cx, part);
        }
    }
}
