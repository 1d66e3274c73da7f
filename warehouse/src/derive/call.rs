//! A call from its first entry to its row.

use crate::derive::area_try::area_try;
use crate::derive::consent::consent;
use crate::derive::ended::{self, Ended};
use crate::derive::entry::word;
use crate::derive::leg::{LegOf, Mode, OpenLeg, TalkClock};
use crate::derive::ms;
use crate::derive::quality::quality_row;
use crate::derive::survey::OpenSurvey;
use crate::derive::visit::{OpenVisit, VisitEnd, VisitOf};
use std::collections::BTreeMap;
use terms::event::{
    Direction, Entry, FlowOut, Hunt, InConference, InHunt, InMailbox, Kind, Mailbox, Meeting,
    Outcome, Party, Role, Satisfaction, SupervisionEnd,
};
use terms::record::{Call, IvrStep, Row};
use terms::{
    AgentId, CallId, ContactId, FlowId, LegId, PhoneNumber, QueueId, RecordingId, Region, SurveyId,
    TenantId, Timestamp, TrunkId, VisitId,
};

/// A call that goes on.
#[derive(Debug)]
pub struct OpenCall {
    pub first_seq: u64,
    tenant: TenantId,
    call: CallId,
    contact: ContactId,
    direction: Direction,
    caller: PhoneNumber,
    called: PhoneNumber,
    trunk: Option<TrunkId>,
    sip_call_id: String,
    user_agent: String,
    region: Region,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    flow: Option<FlowId>,
    queue: Option<QueueId>,
    agents: Vec<AgentId>,
    last_agent: Option<AgentId>,
    transfers: i32,
    recording: Option<RecordingId>,
    satisfaction: Option<Satisfaction>,
    ivr: Ivr,
    wait_ms: i32,
    clock: TalkClock,
    /// Of the clock's talk, that with people outside.
    outside: TalkClock,
    meeting: Option<Meeting>,
    legs: BTreeMap<LegId, OpenLeg>,
    visits: BTreeMap<VisitId, OpenVisit>,
    surveys: BTreeMap<SurveyId, OpenSurvey>,
}

/// Time in flows before the first queue or agent.
#[derive(Clone, Copy, Debug)]
enum Ivr {
    Before,
    In(Timestamp),
    After(i32),
}

impl OpenCall {
    /// The call that `entry` starts.
    pub fn start(entry: &Entry) -> Option<(CallId, OpenCall)> {
        let Kind::CallStarted {
            direction,
            caller,
            called,
            trunk,
            sip_call_id,
            user_agent,
            region,
            ..
        } = &entry.kind
        else {
            return None;
        };
        let call = entry.call?;
        let open = OpenCall {
            first_seq: entry.seq,
            tenant: entry.tenant,
            call,
            // A call that came without a contact is the first of its own.
            contact: entry.contact.unwrap_or(ContactId(call.0)),
            direction: *direction,
            caller: caller.clone(),
            called: called.clone(),
            trunk: *trunk,
            sip_call_id: sip_call_id.clone(),
            user_agent: user_agent.clone(),
            region: region.clone().unwrap_or_default(),
            started_at: entry.at,
            answered_at: None,
            flow: None,
            queue: None,
            agents: Vec::new(),
            last_agent: None,
            transfers: 0,
            recording: None,
            satisfaction: None,
            ivr: Ivr::Before,
            wait_ms: 0,
            clock: TalkClock::default(),
            outside: TalkClock::default(),
            meeting: None,
            legs: BTreeMap::new(),
            visits: BTreeMap::new(),
            surveys: BTreeMap::new(),
        };
        Some((call, open))
    }

    /// Applies an entry of this call.
    pub fn apply(&mut self, entry: &Entry, rows: &mut Vec<Row>) {
        let at = entry.at;
        match &entry.kind {
            Kind::LegStarted { role, agent, address, trunk } => {
                self.start_leg(entry.leg, (*role, *agent), *trunk, address, at);
            }
            Kind::LegRinging => {
                if let Some(leg) = self.leg(entry.leg) {
                    leg.ringing_at.get_or_insert(at);
                }
            }
            Kind::LegAnswered => self.answer_leg(entry.leg, at),
            Kind::IvrIn { flow, .. } => {
                self.enter_flow(*flow, at);
                self.wait(entry.leg);
            }
            Kind::IvrStep { flow, version, step, kind, entered_at, exit, digits } => {
                rows.push(Row::IvrStep(IvrStep {
                    tenant_id: self.tenant,
                    seq: ended::signed(entry.seq),
                    call_id: self.call,
                    contact_id: self.contact,
                    call_started_at: self.started_at,
                    flow_id: *flow,
                    flow_version: i32::try_from(*version).unwrap_or(i32::MAX),
                    step: step.clone(),
                    kind: kind.clone(),
                    entered_at: *entered_at,
                    left_at: at,
                    exit: exit.clone(),
                    digits: digits.clone(),
                }));
            }
            Kind::Enqueued { visit, queue, priority, position } => {
                self.enqueue(*visit, *queue, *priority, *position, at);
                self.wait(entry.leg);
            }
            Kind::Offered { visit, queue, agent, .. } => self.offer(*visit, *queue, *agent, at),
            Kind::OfferEnded { visit, agent, end, .. } => {
                if let Some(open) = self.visits.get_mut(visit) {
                    open.end_offer(*agent, *end, at);
                }
            }
            Kind::Answered { visit, queue, agent } => {
                self.answer(entry.leg, *visit, *queue, *agent, at, rows);
            }
            Kind::Abandoned { visit, .. } => {
                self.leave_queue(*visit, at, VisitEnd::Abandoned, rows);
            }
            Kind::FlowedOut { visit, reason, .. } => {
                self.leave_queue(*visit, at, VisitEnd::FlowedOut(word(reason)), rows);
            }
            Kind::CallbackQueued { visit, .. } => {
                self.leave_queue(*visit, at, VisitEnd::CallbackQueued, rows);
            }
            Kind::Held { by } => self.hold(entry.leg, *by),
            Kind::Resumed => self.resume(entry.leg),
            Kind::Transferred { .. } => self.transfers += 1,
            Kind::Released { agent, .. } => self.release(entry.leg, *agent),
            Kind::SurveyAsked { survey, agent, queue } => {
                let open = self.survey(entry, *survey, *agent, *queue);
                self.surveys.insert(*survey, open);
            }
            Kind::SurveyAnswered { survey, agent, queue, answer } => {
                let asked = self.surveys.remove(survey);
                let asked = asked.unwrap_or_else(|| self.survey(entry, *survey, *agent, *queue));
                self.satisfaction = answer.or(self.satisfaction);
                rows.push(asked.close(at, *answer));
            }
            Kind::RecordingStarted { recording, .. } => {
                self.recording.get_or_insert(*recording);
            }
            Kind::VoicemailLeft { queue, recording, .. } => {
                self.queue.get_or_insert(*queue);
                self.recording.get_or_insert(*recording);
            }
            Kind::Mailbox(Mailbox { what: InMailbox::Left { recording }, .. }) => {
                self.recording.get_or_insert(*recording);
            }
            Kind::Recorded { ledger, agent, queue, .. } => {
                self.recording.get_or_insert(ledger.recording);
                let (start, caller) = (self.started_at, self.customer_number());
                rows.push(Row::Recording(ended::recording(
                    entry, ledger, *agent, *queue, start, caller,
                )));
            }
            Kind::Consented(said) => {
                let (contact, start, caller) =
                    (self.contact, self.started_at, self.customer_number());
                rows.push(Row::Consent(consent(entry, said, (self.call, contact), start, caller)));
            }
            Kind::Hunt(hunt @ Hunt { what: InHunt::Ended { end }, .. }) => {
                let (of, start) = ((self.call, self.contact), self.started_at);
                rows.push(Row::AreaTry(area_try(entry, hunt, *end, of, start)));
            }
            Kind::LegEnded { cause, by, quality } => {
                self.end_leg(entry.leg, at, (*cause, *by), quality.as_ref(), rows);
            }
            Kind::SupervisionEnded { end: SupervisionEnd::TakenOver, .. } => {
                self.take_over(entry.leg);
            }
            Kind::Conference { of, what: InConference::Joined { .. } } => self.meeting = Some(*of),
            // Who came is told by their leg, who picked up by the answer that follows; who only
            // listens, whispers or speaks up is no party.
            Kind::Invited { .. }
            | Kind::JoinRefused { .. }
            // What a program said of a contact shows in the offers that follow.
            | Kind::Decided(_)
            // What a flow tells programs is in `events` as it was told.
            | Kind::FlowTold { .. }
            // A fax that a flow asks for is a call of its own, a text or a mail is none.
            | Kind::FaxAsked { .. }
            | Kind::TextAsked(_)
            | Kind::MailAsked(_)
            // That the customer waits is told by hold, who came by their leg and its answer.
            | Kind::Consultation(_)
            // The same is so for who is parked.
            | Kind::Parking(_)
            // What was said into a conversation changes no figure of it.
            | Kind::Interjected(_)
            // Whom a leased number reached, and who was called back, is told by the legs that follow.
            | Kind::Leased(_)
            | Kind::TracedBack(_)
            | Kind::Forwarded { .. }
            // That somebody of an area is being tried is told when it is over; who came by their leg.
            | Kind::Hunt(_)
            // What was not called, and what an agent set, stands in `events`.
            | Kind::Calling(_)
            // What is talked about on an open line is in calls of their own.
            | Kind::LineOpened { .. }
            | Kind::LineClosed { .. }
            // The tries are in `events`; the stay that they are for is a stay like any other.
            | Kind::Callback(_)
            // Said long after the call.
            | Kind::VoicemailHeard { .. }
            | Kind::Mailbox(_)
            // No call: its row comes from the business store.
            | Kind::Item(_)
            | Kind::PickedUp { .. }
            | Kind::SupervisionStarted { .. }
            | Kind::SupervisionChanged { .. }
            | Kind::SupervisionEnded { .. }
            | Kind::Forced { .. }
            // Each member is a call of its own; what else happens in the room stands in `events`.
            | Kind::Conference { .. } => {}
            // Pauses are in the ledger.
            Kind::RecordingPaused { .. }
            | Kind::RecordingResumed { .. }
            | Kind::RecordingStopped { .. } => {}
            Kind::FaxDone { document, outcome, .. } => {
                let of_call = Some((self.started_at, self.customer_number()));
                rows.push(Row::Fax(ended::fax(entry, document.as_deref(), outcome, of_call)));
            }
            // A tone or a fax changes no figure of the call; it stands in `events`.
            Kind::ProgressHeard { .. } | Kind::FaxStarted | Kind::FaxEnded => {}
            // These are the fold's own.
            Kind::CallStarted { .. }
            | Kind::CallEnded { .. }
            | Kind::TextReceived(_)
            | Kind::TextSent(_)
            | Kind::AgentChanged { .. }
            | Kind::Started { .. } => {}
        }
        self.turn_clocks(at);
    }

    /// Ends what is still open and makes the call's row. Gives back what is remembered, and the
    /// questions without an answer yet.
    pub fn end(
        mut self,
        at: Timestamp,
        outcome: Outcome,
        cause: u8,
        by: Party,
        rows: &mut Vec<Row>,
    ) -> (Ended, Vec<OpenSurvey>) {
        for visit in self.visits.keys().copied().collect::<Vec<_>>() {
            let end = match outcome {
                Outcome::Abandoned => VisitEnd::Abandoned,
                _ => VisitEnd::FlowedOut(word(FlowOut::Forced)),
            };
            self.leave_queue(visit, at, end, rows);
        }
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            self.end_leg(Some(leg), at, (cause, by), None, rows);
        }
        self.clock.turn(Mode::Idle, at);
        self.outside.turn(Mode::Idle, at);
        self.leave_flow(at);
        let ended = Ended {
            call: self.call,
            tenant: self.tenant,
            started_at: self.started_at,
            ended_at: at,
            caller: self.customer_number(),
        };
        let surveys = std::mem::take(&mut self.surveys).into_values().collect();
        rows.push(Row::Call(self.row(at, outcome, cause, by)));
        (ended, surveys)
    }

    fn row(self, at: Timestamp, outcome: Outcome, cause: u8, by: Party) -> Call {
        let (talk_ms, hold_ms) = self.clock.read();
        Call {
            tenant_id: self.tenant,
            call_id: self.call,
            contact_id: self.contact,
            direction: word(self.direction),
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at: at.max(self.started_at),
            duration_ms: ms(self.started_at, at),
            caller: self.caller.normal,
            caller_received: self.caller.received,
            called: self.called.normal,
            trunk_id: self.trunk,
            flow_id: self.flow,
            queue_id: self.queue,
            agent_id: self.agents.first().copied(),
            last_agent_id: self.last_agent,
            outcome: word(outcome),
            hangup_cause: i32::from(cause),
            hangup_by: word(by),
            ivr_ms: match self.ivr {
                Ivr::After(ms) => ms,
                Ivr::Before | Ivr::In(_) => 0,
            },
            wait_ms: self.wait_ms,
            talk_ms,
            hold_ms,
            transfers: self.transfers,
            agents: i32::try_from(self.agents.len()).unwrap_or(i32::MAX),
            recording_id: self.recording,
            satisfaction: self.satisfaction.map(word),
            sip_call_id: self.sip_call_id,
            user_agent: self.user_agent,
            outside_ms: Some(self.outside.read().0),
            conference_id: self.meeting.map(|meeting| meeting.conference),
            meeting_id: self.meeting.map(|meeting| meeting.meeting),
            province: Some(self.region.province).filter(|name| !name.is_empty()),
            city: Some(self.region.city).filter(|name| !name.is_empty()),
        }
    }

    /// The number outside: who calls us, or whom we call.
    fn customer_number(&self) -> String {
        match self.direction {
            Direction::Outbound => self.called.normal.clone(),
            Direction::Inbound | Direction::Internal => self.caller.normal.clone(),
        }
    }

    fn leg(&mut self, leg: Option<LegId>) -> Option<&mut OpenLeg> {
        self.legs.get_mut(&leg?)
    }

    fn start_leg(
        &mut self,
        leg: Option<LegId>,
        (role, agent): (Role, Option<AgentId>),
        trunk: Option<TrunkId>,
        address: &str,
        at: Timestamp,
    ) {
        let Some(leg) = leg else { return };
        // Entries of an older program say only which trunk the call came in on.
        let trunk = trunk.or(self.trunk.filter(|_| role == Role::Customer));
        let queue = agent.and_then(|agent| {
            let rings = |visit: &&OpenVisit| visit.ringing.iter().any(|(who, _)| *who == agent);
            self.visits.values().find(rings).map(|visit| visit.queue)
        });
        self.legs.entry(leg).or_insert(OpenLeg {
            role,
            agent,
            queue,
            trunk,
            address: address.to_owned(),
            started_at: at,
            ringing_at: None,
            answered_at: None,
            conversing: false,
            waits: false,
            released: false,
            held_by: None,
            holding: false,
            clock: TalkClock::default(),
        });
    }

    fn answer_leg(&mut self, leg: Option<LegId>, at: Timestamp) {
        let Some(leg) = self.leg(leg) else { return };
        leg.answered_at.get_or_insert(at);
        match leg.role {
            Role::Customer => {
                self.answered_at.get_or_insert(at);
            }
            Role::Outside => {
                leg.conversing = true;
                self.leave_flow(at);
                self.end_waiting();
            }
            // An agent converses from `Answered`, when both parties hear each other; a supervisor
            // from the moment they take over.
            Role::Agent | Role::Supervisor => {}
        }
    }

    fn enter_flow(&mut self, flow: FlowId, at: Timestamp) {
        self.flow.get_or_insert(flow);
        if let Ivr::Before = self.ivr {
            self.ivr = Ivr::In(at);
        }
    }

    fn leave_flow(&mut self, at: Timestamp) {
        self.ivr = match self.ivr {
            Ivr::Before => Ivr::After(0),
            Ivr::In(since) => Ivr::After(ms(since, at)),
            after @ Ivr::After(_) => after,
        };
    }

    fn enqueue(
        &mut self,
        visit: VisitId,
        queue: QueueId,
        priority: i32,
        position: u32,
        at: Timestamp,
    ) {
        self.leave_flow(at);
        self.queue = Some(queue);
        self.visits.entry(visit).or_insert(OpenVisit {
            queue,
            entered_at: at,
            priority,
            position: i32::try_from(position).unwrap_or(i32::MAX),
            offers: 0,
            offers_unanswered: 0,
            ringing: Vec::new(),
            ring_ms: 0,
        });
    }

    fn offer(&mut self, visit: VisitId, queue: QueueId, agent: AgentId, at: Timestamp) {
        if let Some(open) = self.visits.get_mut(&visit) {
            open.offer(agent, at);
        }
        // The agent's leg may have begun just before.
        let theirs = |leg: &&mut OpenLeg| leg.agent == Some(agent) && leg.answered_at.is_none();
        if let Some(leg) = self.legs.values_mut().find(theirs) {
            leg.queue.get_or_insert(queue);
        }
    }

    fn answer(
        &mut self,
        leg: Option<LegId>,
        visit: Option<VisitId>,
        queue: Option<QueueId>,
        agent: AgentId,
        at: Timestamp,
        rows: &mut Vec<Row>,
    ) {
        self.leave_flow(at);
        if let Some(visit) = visit {
            self.leave_queue(visit, at, VisitEnd::Answered(agent), rows);
        }
        if !self.agents.contains(&agent) {
            self.agents.push(agent);
        }
        self.last_agent = Some(agent);
        self.end_waiting();
        if let Some(leg) = self.leg(leg) {
            leg.answered_at.get_or_insert(at);
            leg.conversing = true;
            leg.agent.get_or_insert(agent);
            leg.queue = leg.queue.or(queue);
        }
        // Between colleagues the one who called converses with the one who answered.
        if self.direction == Direction::Internal {
            let on_the_line = |leg: &&mut OpenLeg| leg.answered_at.is_some() && !leg.released;
            for leg in self.legs.values_mut().filter(on_the_line) {
                leg.conversing = true;
            }
        }
    }

    /// Who was left of a conversation and passed on converses with nobody meanwhile; a customer's time
    /// goes by the others' anyway.
    fn wait(&mut self, leg: Option<LegId>) {
        let was_in = |leg: &&mut OpenLeg| leg.conversing && leg.role != Role::Customer;
        if let Some(leg) = self.leg(leg).filter(was_in) {
            (leg.conversing, leg.waits) = (false, true);
        }
    }

    fn end_waiting(&mut self) {
        for leg in self.legs.values_mut().filter(|leg| leg.waits) {
            (leg.conversing, leg.waits) = (true, false);
        }
    }

    fn leave_queue(&mut self, visit: VisitId, at: Timestamp, end: VisitEnd, rows: &mut Vec<Row>) {
        let Some(open) = self.visits.remove(&visit) else { return };
        let of = VisitOf {
            tenant: self.tenant,
            visit,
            call: self.call,
            contact: self.contact,
            call_started_at: self.started_at,
        };
        let row = open.close(of, at, end);
        self.wait_ms = self.wait_ms.saturating_add(row.wait_ms);
        rows.push(Row::QueueVisit(row));
    }

    /// `leg` waits from now on. When an agent put it there, every other agent in the conversation
    /// holds; one who joins later is consulted and talks.
    fn hold(&mut self, leg: Option<LegId>, by: Party) {
        let Some(held) = self.leg(leg) else { return };
        held.held_by = Some(by);
        if by == Party::Agent {
            for (id, other) in &mut self.legs {
                other.holding = Some(*id) != leg && is_ours(other.role) && other.conversing;
            }
        }
    }

    /// The supervisor is a party from now on.
    fn take_over(&mut self, leg: Option<LegId>) {
        if let Some(leg) = self.leg(leg) {
            leg.conversing = true;
        }
    }

    fn resume(&mut self, leg: Option<LegId>) {
        let Some(held) = self.leg(leg) else { return };
        if held.held_by.take() == Some(Party::Agent) {
            for leg in self.legs.values_mut() {
                leg.holding = false;
            }
        }
    }

    fn release(&mut self, leg: Option<LegId>, agent: AgentId) {
        let id = leg.or_else(|| {
            let theirs = |leg: &OpenLeg| leg.agent == Some(agent) && leg.conversing;
            self.legs.iter().find(|(_, leg)| theirs(leg)).map(|(id, _)| *id)
        });
        let Some(leg) = self.leg(id) else { return };
        (leg.conversing, leg.waits, leg.released) = (false, false, true);
        if std::mem::take(&mut leg.holding) {
            self.free_the_held();
        }
    }

    /// The last agent who held is gone. When somebody else is there, the one who waited talks with
    /// them: an attended transfer. When nobody is, the goal of a blind transfer still rings, and the
    /// hold lasts until it ends: the wait and its recording go on.
    fn free_the_held(&mut self) {
        let waits = |leg: &OpenLeg| leg.held_by == Some(Party::Agent);
        let holds = self.legs.values().any(|leg| leg.holding);
        let company = |leg: &OpenLeg| leg.conversing && leg.role != Role::Customer && !waits(leg);
        if holds || !self.legs.values().any(company) {
            return;
        }
        for leg in self.legs.values_mut().filter(|leg| leg.held_by == Some(Party::Agent)) {
            leg.held_by = None;
        }
    }

    fn end_leg(
        &mut self,
        leg: Option<LegId>,
        at: Timestamp,
        how: (u8, Party),
        quality: Option<&terms::media::Quality>,
        rows: &mut Vec<Row>,
    ) {
        let Some((leg, open)) = leg.and_then(|leg| self.legs.remove_entry(&leg)) else { return };
        let held = open.holding;
        let of = LegOf {
            tenant: self.tenant,
            leg,
            call: self.call,
            contact: self.contact,
            call_started_at: self.started_at,
            direction: self.direction,
            call_queue: self.queue,
        };
        rows.extend(quality.and_then(|heard| quality_row(&open, &of, heard)));
        rows.push(Row::Leg(open.close(of, at, how, quality)));
        if held {
            self.free_the_held();
        }
    }

    fn survey(
        &self,
        entry: &Entry,
        survey: SurveyId,
        agent: AgentId,
        queue: Option<QueueId>,
    ) -> OpenSurvey {
        OpenSurvey {
            first_seq: self.first_seq,
            tenant: self.tenant,
            survey,
            call: self.call,
            contact: self.contact,
            call_started_at: self.started_at,
            agent,
            queue,
            asked_at: entry.at,
        }
    }

    /// Lets every clock run on as the legs stand now. The call's runs as its recording does: from
    /// the first answer to the end of that conversation, whoever of ours or of others it is with.
    fn turn_clocks(&mut self, at: Timestamp) {
        let of = |role: Role| move |leg: &OpenLeg| leg.role == role && leg.conversing;
        let outside = self.legs.values().any(of(Role::Outside));
        let on_hold = self.legs.values().any(|leg| leg.held_by == Some(Party::Agent));
        let ours = self.legs.values().any(|leg| is_ours(leg.role) && leg.conversing);
        let talks = outside || on_hold || ours;
        for leg in self.legs.values_mut() {
            let theirs = match leg.role {
                Role::Customer => talks,
                Role::Agent | Role::Outside | Role::Supervisor => leg.conversing,
            };
            leg.clock.turn(mode(theirs, leg.held_by.is_some() || leg.holding), at);
        }
        self.clock.turn(mode(talks, on_hold), at);
        self.outside.turn(mode(outside, on_hold), at);
    }
}

/// Who of the conversing ones holds and is held for: a supervisor converses once they took over.
fn is_ours(role: Role) -> bool {
    matches!(role, Role::Agent | Role::Supervisor)
}

fn mode(talks: bool, on_hold: bool) -> Mode {
    match (talks, on_hold) {
        (false, _) => Mode::Idle,
        (true, false) => Mode::Talk,
        (true, true) => Mode::Hold,
    }
}
