//! An agent keeps a line open: they dial a code once, or have their phone rung once from a screen, and the
//! line stays up between calls, in silence. What would ring their phone is told by a tone on it and heard
//! after that, with no new call to the phone; when that conversation is over the line goes on. Who hangs up
//! the line is rung as ever.
//!
//! The line is a call of its own, of nobody but the agent. A conversation is not part of it: it stays in its
//! own call, with a leg, rows, recording and end like any other, whose far end is no phone but a second leg
//! here, and the two send each other their audio (`switch::lines`). So a leg is of one call, whatever an
//! agent keeps open.
//!
//! The phone's hold is the conversation's. Three stars in a row hang up the conversation and not the line.

use super::leg::{Bye, Leg, Sip, Wire};
use super::timers::Timer;
use super::{Call, Next, Phase, cause};
use crate::sip::user_agent::Command as Sipc;
use crate::switch::{Cx, LineKey};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use terms::event::{Activity, Kind, Party, Role};
use terms::media::{Command, Place, Source};
use terms::{AgentId, LegId, PhoneNumber, RoomId, TenantId};

/// What is dialled for it.
const CODE: &str = "*46";
/// Length of the tone that tells of a call.
const TONE_MS: u32 = 400;
/// Of the one that tells that the line is open.
const OPENED_MS: u32 = 200;
/// What is heard between calls, again and again.
const SILENCE_MS: u32 = 10_000;
/// So many stars hang up a conversation.
const STARS: u8 = 3;

/// An open line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    agent: AgentId,
    /// At whose phone it is.
    phone: AgentId,
    room: RoomId,
    /// The end of what is on it.
    end: Option<LegId>,
    /// It was answered.
    open: bool,
    /// The phone holds.
    held: bool,
    stars: u8,
}

impl Line {
    fn new(cx: &mut Cx, agent: AgentId, phone: AgentId, open: bool) -> Self {
        Line { agent, phone, room: RoomId(cx.id()), end: None, open, held: false, stars: 0 }
    }

    /// In the next process: the line as it was, before anything goes on.
    pub fn wake(&self, cx: &mut Cx, call: &Call) {
        if !self.open {
            return;
        }
        let key = (call.tenant, self.agent);
        cx.world.lines.open(key, call.id, self.phone);
        cx.world.lines.hold(key, self.held);
        let wire = |end: LegId| call.legs.get(&end).and_then(|leg| leg.wire);
        if let Some((end, Wire::End(of))) = self.end.and_then(|end| Some((end, wire(end)?))) {
            cx.world.lines.pair(key, of, end);
        }
    }
}

impl Call {
    /// An agent who is signed in may keep their line open. A phone in a page is lost with the page, and may
    /// answer by itself instead.
    pub(super) fn may_open_line(&self, cx: &mut Cx, agent: AgentId) -> bool {
        let in_a_page = self.legs.get(&self.anchor).is_none_or(Leg::is_browser);
        !in_a_page && cx.acd(self.tenant).is_some_and(|acd| acd.is_signed_in(agent))
    }

    /// The agent was answered: the line is open, and they are free.
    pub(super) fn open_line(&mut self, cx: &mut Cx) {
        let agent = self.agent_of(self.anchor).filter(|&agent| self.may_open_line(cx, agent));
        let Some(agent) = agent else { return self.farewell(cx, &["invalid"], cause::NORMAL) };
        let phone = cx.acd(self.tenant).map_or(agent, |acd| acd.phone_of(agent));
        let (now, call) = (cx.now, self.id);
        self.story.heard = true;
        self.timers.clear(Timer::Ring);
        // It lasts as long as they want.
        self.timers.clear(Timer::CallMax);
        self.phase = Phase::Line(Line::new(cx, agent, phone, true));
        cx.world.lines.open((self.tenant, agent), call, phone);
        self.log(cx, Some(self.anchor), Kind::LineOpened { agent });
        self.play(cx, self.anchor, vec![Source::Beep { ms: OPENED_MS }], false, false);
        let engaged = self.legs.get_mut(&self.anchor).map(|leg| std::mem::take(&mut leg.engaged));
        if let Some(acd) = cx.acd(self.tenant).filter(|_| engaged == Some(true)) {
            acd.release(now, agent, call, None);
        }
    }

    fn line(&self) -> Option<&Line> {
        match &self.phase {
            Phase::Line(line) => Some(line),
            _ => None,
        }
    }

    /// The end of a conversation that is on the line, or about to be.
    pub(super) fn is_line_end(&self, id: LegId) -> bool {
        self.line().is_some_and(|line| line.end == Some(id))
    }

    /// A call comes to the line: it needs a port here.
    pub(crate) fn line_is_called(&mut self, cx: &mut Cx, key: LineKey, of: LegId, sdp: &str) {
        let Phase::Line(line) = &mut self.phase else { return };
        if line.end.is_some() || line.held {
            return;
        }
        let end = LegId(cx.id());
        (line.end, line.stars) = (Some(end), 0);
        let mut leg = Leg::new(Role::Outside, None, String::new());
        (leg.incoming, leg.sip) = (true, Sip::Trying);
        leg.offer = Some(sdp.to_owned());
        leg.wire = Some(Wire::End(of));
        self.legs.insert(end, leg);
        cx.world.legs.insert(end, self.id);
        cx.world.lines.pair(key, of, end);
        self.open_voice(cx, end, Place::WithContact);
    }

    /// The port is there: the agent hears the tone.
    pub(super) fn line_end_opened(&mut self, cx: &mut Cx, end: LegId) {
        let tone = vec![Source::Beep { ms: TONE_MS }];
        if !self.prepare_answer(end) || !self.play(cx, self.anchor, tone, false, false) {
            return self.line_end_left(cx, end, cause::INCOMPATIBLE, Party::System, Bye::Hangup);
        }
        cx.sip(Sipc::Progress { leg: end, status: 180, sdp: None });
    }

    /// What the agent heard is over: the tone before a conversation, or that the line is open.
    pub(super) fn line_played(&mut self, cx: &mut Cx) {
        let Some(line) = self.line().copied() else { return };
        let Some(end) = line.end else { return self.be_silent(cx) };
        let is_ready = |leg: &Leg| leg.sip == Sip::Trying && leg.prepared.is_some();
        if self.legs.get(&end).is_some_and(is_ready) {
            self.answer_leg(cx, end);
            self.join_line(cx, line.room, end);
            if line.held {
                // Since the tone began.
                cx.world.lines.hold((self.tenant, line.agent), true);
            }
        }
    }

    fn join_line(&mut self, cx: &mut Cx, room: RoomId, end: LegId) {
        for leg in [self.anchor, end] {
            cx.media(Command::Join { leg, room });
        }
    }

    /// Phones and networks drop a call in which nothing comes at all.
    fn be_silent(&mut self, cx: &mut Cx) {
        self.play(cx, self.anchor, vec![Source::Silence { ms: SILENCE_MS }], true, false);
    }

    /// The conversation is over, or was not taken; the line goes on.
    pub(super) fn line_end_left(
        &mut self,
        cx: &mut Cx,
        end: LegId,
        cause: u8,
        by: Party,
        bye: Bye,
    ) {
        if !self.is_line_end(end) {
            return;
        }
        if let Phase::Line(line) = &mut self.phase {
            (line.end, line.stars) = (None, 0);
        }
        self.close_leg(cx, end, cause, by, bye);
        cx.media(Command::Leave { leg: self.anchor });
        self.be_silent(cx);
    }

    /// A key on the line. In RFC 4733 it goes on by itself to whom they talk with.
    pub(super) fn line_digit(&mut self, cx: &mut Cx, id: LegId, digit: char, by_info: bool) {
        let anchor = self.anchor;
        let Phase::Line(line) = &mut self.phase else { return };
        let Some(end) = line.end.filter(|_| id == anchor) else { return };
        line.stars = if digit == '*' { line.stars + 1 } else { 0 };
        if line.stars >= STARS {
            return self.line_end_left(cx, end, cause::NORMAL, Party::Agent, DECLINE);
        }
        if by_info && self.legs.get(&end).is_some_and(|leg| leg.sip == Sip::Answered) {
            cx.media(Command::SendDigits { leg: end, digits: digit.to_string() });
        }
    }

    /// The phone of the line holds, or does not any more. False where it is no line.
    pub(super) fn line_held(&mut self, cx: &mut Cx, id: LegId, on_hold: bool) -> bool {
        let (tenant, anchor) = (self.tenant, self.anchor);
        let Phase::Line(line) = &mut self.phase else { return false };
        if id == anchor && std::mem::replace(&mut line.held, on_hold) != on_hold {
            cx.world.lines.hold((tenant, line.agent), on_hold);
        }
        true
    }

    /// Whether a leg of a line may say nothing: what is on it ends with its own call, and who holds is not
    /// there.
    pub(super) fn line_is_silent(&self, id: LegId) -> bool {
        self.line().is_some_and(|line| id != self.anchor || line.held)
    }

    /// The line is over.
    pub(super) fn close_line(&mut self, cx: &mut Cx, line: Line, cause: u8, by: Party) {
        cx.world.lines.close((self.tenant, line.agent), self.id);
        let answers = |end: &LegId| self.legs.get(end).is_some_and(|leg| leg.sip == Sip::Answered);
        if let Some(end) = line.end {
            let (cause, bye) = match by {
                Party::System => (cause, Bye::Hangup),
                _ if answers(&end) => (cause, Bye::Hangup),
                // They hang up on the tone.
                _ => (cause::REJECTED, DECLINE),
            };
            self.close_leg(cx, end, cause, by, bye);
        }
        if line.open {
            self.log(cx, Some(self.anchor), Kind::LineClosed { agent: line.agent });
        }
    }

    /// The agent is not there any more.
    pub(crate) fn end_line(&mut self, cx: &mut Cx) {
        if self.is_line() {
            self.end(cx, cause::NORMAL, Party::System);
        }
    }

    /// The box stops, and nobody is on the line but an agent.
    pub(crate) fn end_idle(&mut self, cx: &mut Cx) {
        match self.line() {
            Some(_) => self.end_line(cx),
            None => self.interrupt(cx),
        }
    }

    /// A line, open or about to be.
    pub(crate) fn is_line(&self) -> bool {
        match &self.phase {
            Phase::Opening { next } | Phase::Answering { next } => *next == Next::Line,
            phase => matches!(phase, Phase::Line(_)),
        }
    }

    /// A line that nothing is on.
    pub(crate) fn is_idle_line(&self) -> bool {
        self.line().is_some_and(|line| line.end.is_none())
    }

    /// In the next process: whose phone is there goes on.
    pub(super) fn line_on(&mut self, cx: &mut Cx, line: Line, goes_on: bool) {
        self.phase = Phase::Line(line);
        if !goes_on {
            return self.interrupt(cx);
        }
        match line.end {
            Some(end) if self.goes_on(end) => self.join_line(cx, line.room, end),
            Some(end) => {
                let cause = cause::TEMPORARY_FAILURE;
                self.line_end_left(cx, end, cause, Party::System, Bye::Hangup);
            }
            None => self.be_silent(cx),
        }
    }
}

/// Calls an agent's phone, whose line is open once it has answered.
///
/// # Errors
/// Why it does not ring, for people.
pub(crate) fn ring_line(cx: &mut Cx, tenant: TenantId, agent: AgentId) -> Result<Call, String> {
    let plan = cx.plan(tenant).ok_or("there is no such tenant")?;
    let extension = plan.agent(agent).map(|agent| agent.sip_user.clone());
    let extension = extension.ok_or("there is no such agent")?;
    let phone = may_ring(cx, (tenant, agent))?;
    let country = &plan.plan.country;
    let numbers = (PhoneNumber::parse(&extension, country), PhoneNumber::parse(CODE, country));
    let mut call = Call::blank(cx, tenant, Arc::clone(&plan), numbers);
    let (now, id) = (cx.now, call.id);
    let taken = cx.acd(tenant).and_then(|acd| acd.engage(now, agent, id, None, true).ok());
    taken.ok_or("the agent has another call")?;
    let started = Kind::CallStarted {
        direction: call.direction,
        caller: call.caller.clone(),
        called: call.called.clone(),
        trunk: None,
        sip_call_id: String::new(),
        user_agent: String::new(),
        region: None,
        category: None,
    };
    call.log(cx, None, started);
    let from = (CODE.to_owned(), String::new());
    let mut leg = call.phone_leg(Role::Agent, agent, extension, from);
    leg.engaged = true;
    call.anchor = call.open_leg(cx, leg, Place::WithContact);
    call.timers.set(Timer::Ring, now.moment + cx.world.config.ring_max);
    call.phase = Phase::Line(Line::new(cx, agent, phone, false));
    Ok(call)
}

/// At whose phone a line may be opened from a screen.
fn may_ring(cx: &mut Cx, key: LineKey) -> Result<AgentId, &'static str> {
    let (tenant, agent) = key;
    if cx.world.lines.of(key).is_some() {
        return Err("the line is open already");
    }
    let acd = cx.acd(tenant).ok_or("there is no such tenant")?;
    let view = acd.agents().find(|view| view.agent == agent).ok_or("there is no such agent")?;
    let phone = acd.phone_of(agent);
    let in_a_page = cx.world.has_browser((tenant, phone), phone != agent);
    match () {
        () if view.activity == Activity::SignedOut => Err("sign in first"),
        () if !view.registered => Err("the phone is not registered"),
        () if in_a_page && cx.world.config.certificate.is_some() => {
            Err("a phone in a page keeps no line open: let it answer by itself")
        }
        () => Ok(phone),
    }
}

/// The agent does not want it.
const DECLINE: Bye = Bye::Reject { status: 603, retry_after_s: None, warning: None };
