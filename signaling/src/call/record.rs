//! The recording of a conversation: from the moment both hear each other, through hold and blind
//! transfer, to the end; where its rule says so, from the answer on. A conversation that is not
//! recorded gets its row in the ledger all the same, saying why.
//!
//! [`rules`] decides, when a conversation begins and again when a transfer brings somebody else;
//! `order` is what people ask for while it runs; `notice` is what the parties are told; `consent` is
//! what the caller says of it.
//!
//! A long conversation is recorded in parts that follow each other: each is rendered while the
//! conversation goes on, so that one long call does not keep what was heard in all the others from
//! being cleared away on disk, and a crash late in it costs no more than its last part. A part that
//! begins in a pause begins paused.

mod consent;
mod notice;
mod order;
pub(crate) mod rules;

pub(super) use notice::Announcing;

use super::Call;
use super::interject::SIDE;
use super::timers::Timer;
use super::voicemail::MessageFor;
use crate::switch::{Compiled, Cx, RecordingOf};
use rules::{Clock, Decision, Facts, Parties};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use terms::event::{Kind, Party, Role};
use terms::media::{Command, Ledger, RecordStart, RecordTerms, Side};
use terms::routing::{RecordingScope, RecordingThen};
use terms::{AgentId, LegId, Moment, PhoneNumber, QueueId, RecordingId, UserId};

/// A recording that runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recording {
    pub id: RecordingId,
    parties: Vec<(LegId, Side)>,
    then: RecordingThen,
    /// Whoever asked for it; then no rule ends it.
    by: Option<UserId>,
    /// When its first part began.
    pub since: Moment,
    /// Whoever paused it.
    pub paused: Option<UserId>,
    /// Pauses of this part.
    pauses: u32,
}

impl Call {
    /// `partner` has joined the anchor.
    pub(super) fn record(&mut self, cx: &mut Cx, partner: LegId) {
        let decision = self.decide(cx, &[self.anchor, partner]);
        let asked = self.recording.as_ref().is_some_and(|running| running.by.is_some());
        if decision.is_excluded() || !(decision.then.record || asked) {
            self.stop_recording(cx);
        }
        if let Some(running) = &self.recording {
            // One that began with the answer has its agent from here on.
            if let Some(of) = cx.world.recordings.get_mut(&running.id) {
                of.agent = of.agent.or(self.agent);
                of.queue = of.queue.or(self.queue.as_ref().map(|queue| queue.id));
            }
        }
        if self.recording.is_some() || self.announcing.is_some() {
            return self.join_recording(cx, partner);
        }
        if decision.then.record {
            let parties =
                [self.anchor, partner].into_iter().map(|leg| (leg, self.side(leg))).collect();
            self.begin_recording(cx, decision, parties, None);
        } else {
            self.refuse_recording(cx, &decision.refusal());
        }
    }

    /// The caller was answered, by nobody yet.
    pub(super) fn record_from_answer(&mut self, cx: &mut Cx) {
        let decision = self.decide(cx, &[self.anchor]);
        if decision.then.record && decision.then.scope == RecordingScope::Call {
            let parties = vec![(self.anchor, self.side(self.anchor))];
            self.start_by(cx, decision, parties, None);
        }
    }

    /// The conversation is over, and the caller goes back to where they wait.
    pub(super) fn leave_conversation(&mut self, cx: &mut Cx) {
        let of_call = |r: &Recording| r.then.scope == RecordingScope::Call;
        if !self.recording.as_ref().is_some_and(of_call) {
            self.stop_recording(cx);
        }
    }

    /// The rule keeps all of it, what is heard before an answer included.
    pub(super) fn records_whole_call(&self) -> bool {
        self.recording.as_ref().is_some_and(|r| r.then.scope == RecordingScope::Call)
    }

    fn decide(&self, cx: &Cx, legs: &[LegId]) -> Decision {
        if self.lease.is_some_and(|by| !by.record) {
            return Decision::by_lease();
        }
        let direct = cx.world.config.record_direct || self.lease.is_some();
        let otherwise = self.queue.as_ref().map_or(direct, |queue| queue.record);
        self.decide_or(cx, legs, otherwise)
    }

    /// The same; `otherwise` is what happens where no rule matches.
    fn decide_or(&self, cx: &Cx, legs: &[LegId], otherwise: bool) -> Decision {
        if self.story.consent == Some(false) {
            return Decision::not_agreed();
        }
        let plan = self.recording_plan(cx);
        let mut parties = self.parties(&plan, legs);
        parties.numbers.extend([self.caller.normal.clone(), self.called.normal.clone()]);
        let facts = Facts {
            direction: self.direction,
            caller: &self.caller,
            dialled: &self.called,
            queue: self.queue.as_ref().map(|queue| queue.id),
            parties,
            otherwise,
        };
        rules::decide(&plan.plan, &facts, Clock { zone: plan.zone, at: cx.now.wall })
    }

    /// How the caller is recorded in a conference, whose own setting counts where no rule matches;
    /// `None` where they are not.
    pub(super) fn recorded_in_conference(&self, cx: &Cx, otherwise: bool) -> Option<RecordingThen> {
        let then = self.decide_or(cx, &[self.anchor], otherwise).then;
        then.record.then_some(then)
    }

    /// On which side the caller stands in the recording of a conference, and on what terms.
    pub(super) fn conference_terms(
        &self,
        then: &RecordingThen,
    ) -> (Side, RecordTerms, Option<u32>) {
        let is_customer = self.party(self.anchor) == Party::Customer;
        let side = if is_customer { Side::Customer } else { Side::Other };
        (side, record_terms(then), then.beep.then_some(then.beep_every_s))
    }

    /// The rules as they are now, whatever they were when the call began.
    fn recording_plan(&self, cx: &Cx) -> Arc<Compiled> {
        cx.plan(self.tenant).unwrap_or_else(|| Arc::clone(&self.plan))
    }

    fn parties(&self, plan: &Compiled, legs: &[LegId]) -> Parties {
        let mut parties = Parties::default();
        for leg in legs.iter().filter_map(|leg| self.legs.get(leg)) {
            let trunk = leg.trunk.and_then(|trunk| plan.trunk(trunk));
            parties.lines.extend(trunk.map(|trunk| trunk.name.clone()));
            match leg.agent {
                Some(agent) => {
                    parties.agents.push(agent);
                    parties.lines.extend(plan.agent(agent).map(|agent| agent.sip_user.clone()));
                }
                None => {
                    let number = PhoneNumber::parse(&leg.address, &plan.plan.country);
                    parties.numbers.push(number.normal);
                }
            }
        }
        parties
    }

    /// Whether this party is never recorded.
    fn is_excluded(&self, cx: &Cx, leg: LegId) -> bool {
        let plan = self.recording_plan(cx);
        rules::excluded(&plan.plan, &self.parties(&plan, &[leg])).is_some()
    }

    fn begin_recording(
        &mut self,
        cx: &mut Cx,
        decision: Decision,
        parties: Vec<(LegId, Side)>,
        by: Option<UserId>,
    ) {
        if decision.then.announce.is_empty() {
            self.start_by(cx, decision, parties, by);
        } else {
            self.announce_recording(cx, decision, parties, by);
        }
    }

    fn start_by(
        &mut self,
        cx: &mut Cx,
        Decision { then, .. }: Decision,
        parties: Vec<(LegId, Side)>,
        by: Option<UserId>,
    ) {
        let (agent, queue) = (self.agent, self.queue.as_ref().map(|queue| queue.id));
        let max = then.max_s;
        self.start_part(cx, parties, (agent, queue), record_terms(&then), by);
        if let Some(recording) = &mut self.recording {
            (recording.then, recording.by) = (then, by);
        }
        let until = (max > 0).then(|| cx.now.moment + Duration::from_secs(max.into()));
        self.timers.set_or_clear(Timer::RecordingMax, until);
        self.arm_next_part(cx);
        self.arm_beep(cx);
    }

    /// A message: no rule is about it.
    pub(super) fn record_message(&mut self, cx: &mut Cx, whose: MessageFor) {
        self.stop_recording(cx);
        let parties = vec![(self.anchor, Side::Customer)];
        let (agent, queue) = whose.owners();
        self.start_part(cx, parties, (agent, queue), RecordTerms::default(), None);
        let running = self.recording.as_ref().map(|running| running.id);
        if let Some(of) = running.and_then(|id| cx.world.recordings.get_mut(&id)) {
            of.message = agent.is_some();
        }
    }

    fn start_part(
        &mut self,
        cx: &mut Cx,
        parties: Vec<(LegId, Side)>,
        (agent, queue): (Option<AgentId>, Option<QueueId>),
        terms: RecordTerms,
        by: Option<UserId>,
    ) {
        let recording = RecordingId(cx.id());
        let of = RecordingOf { tenant: self.tenant, agent, queue, meeting: None, message: false };
        cx.world.expect_recording(recording, of);
        self.recording = Some(Recording {
            id: recording,
            parties: parties.clone(),
            then: RecordingThen::default(),
            by,
            since: cx.now.moment,
            paused: terms.paused,
            pauses: u32::from(terms.paused.is_some()),
        });
        self.log(cx, None, Kind::RecordingStarted { recording, by });
        cx.media(Command::RecordStart(RecordStart {
            recording,
            tenant: self.tenant,
            contact: self.contact,
            call: self.id,
            started_at: cx.now.wall,
            parties,
            terms,
        }));
    }

    /// `leg` has come into the conversation; where that is not recorded, neither are they. Who is
    /// never recorded stays out of a recording of the others.
    pub(super) fn join_recording(&mut self, cx: &mut Cx, leg: LegId) {
        if self.is_excluded(cx, leg) {
            return;
        }
        let side = self.side(leg);
        if let Some(Recording { id: recording, parties, .. }) = &mut self.recording {
            parties.push((leg, side));
            cx.media(Command::RecordJoin { recording: *recording, leg, side });
        } else if let Some(announcing) = &mut self.announcing {
            announcing.parties.push((leg, side));
        }
    }

    /// Something is said that is no leg's: it stands in the recording, where there is one.
    pub(super) fn record_voice(&mut self, cx: &mut Cx, voice: LegId) {
        if let Some(Recording { id: recording, parties, .. }) = &mut self.recording {
            parties.push((voice, SIDE));
            let (recording, side) = (*recording, SIDE);
            cx.media(Command::RecordJoin { recording, leg: voice, side });
        }
    }

    pub(super) fn leave_recording(&mut self, cx: &mut Cx, leg: LegId) {
        self.announce_without(cx, leg);
        if let Some(Recording { id: recording, parties, .. }) = &mut self.recording {
            parties.retain(|(party, _)| *party != leg);
            cx.media(Command::RecordLeave { recording: *recording, leg });
        }
    }

    fn arm_next_part(&mut self, cx: &Cx) {
        let max = cx.world.config.recording_part_max;
        self.timers.set(Timer::RecordingPart, cx.now.moment + max);
    }

    /// The part is long enough: the next one begins in the same moment, with the same parties. Its
    /// rule counts on: what was long enough once is not dropped, and the longest length is that of
    /// all parts together.
    pub(super) fn next_part(&mut self, cx: &mut Cx) {
        let Some(part) = self.recording.take() else { return };
        cx.media(Command::RecordStop { recording: part.id });
        self.begin_part_after(cx, part, None);
    }

    /// After a restart: what ran is rendered as far as it came, and what is said from now on is its
    /// next part, with those who are still there.
    pub(super) fn record_on(&mut self, cx: &mut Cx, mut part: Recording) {
        part.parties.retain(|(leg, _)| self.legs.get(leg).is_some_and(|leg| leg.is_open()));
        let cut = part.id;
        self.begin_part_after(cx, part, Some(cut));
        self.arm_beep(cx);
    }

    fn begin_part_after(&mut self, cx: &mut Cx, part: Recording, cut: Option<RecordingId>) {
        let max = Duration::from_secs(part.then.max_s.into());
        let left = max.saturating_sub(cx.now.moment - part.since);
        if !max.is_zero() && left.is_zero() {
            return self.stop_recording(cx);
        }
        let terms = RecordTerms {
            min_ms: 0,
            max_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX),
            format: part.then.format,
            paused: part.paused,
            continues: cut,
        };
        let queue = self.queue.as_ref().map(|queue| queue.id);
        self.start_part(cx, part.parties, (self.agent, queue), terms, part.by);
        if let Some(next) = &mut self.recording {
            (next.then, next.since) = (part.then, part.since);
        }
        self.arm_next_part(cx);
    }

    /// The conversation is over, or recorded for as long as its rule allows.
    pub(super) fn stop_recording(&mut self, cx: &mut Cx) {
        for timer in [Timer::RecordingPart, Timer::RecordingMax, Timer::RecordingBeep] {
            self.timers.clear(timer);
        }
        if self.announcing.take().is_some() {
            self.refuse_recording(cx, "the conversation ended before its announcement did");
        }
        if let Some(Recording { id: recording, .. }) = self.recording.take() {
            cx.media(Command::RecordStop { recording });
        }
    }

    fn refuse_recording(&self, cx: &mut Cx, why: &str) {
        let (agent, queue) = (self.agent, self.queue.as_ref().map(|queue| queue.id));
        let recording = RecordingId(cx.id());
        let whose = (self.tenant, self.contact, self.id);
        let ledger = Ledger::refused(whose, recording, cx.now.wall, why);
        self.log(cx, None, Kind::Recorded { ledger, agent, queue, meeting: None, message: false });
    }

    /// The customer is on the left; between colleagues it is the one who called.
    fn side(&self, leg: LegId) -> Side {
        let role = |id| self.legs.get(&id).map(|leg| leg.role);
        let has_customer = self.legs.values().any(|leg| leg.role == Role::Customer);
        let left = match role(leg) {
            Some(Role::Customer) => true,
            _ => !has_customer && leg == self.anchor,
        };
        if left { Side::Customer } else { Side::Other }
    }
}

/// What a rule asks of a recording.
fn record_terms(then: &RecordingThen) -> RecordTerms {
    RecordTerms {
        min_ms: then.min_s.saturating_mul(1_000),
        max_ms: then.max_s.saturating_mul(1_000),
        format: then.format,
        paused: None,
        continues: None,
    }
}
