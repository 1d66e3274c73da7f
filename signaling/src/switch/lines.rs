//! Lines that agents keep open ([`crate::call`]'s `line`). What is called there rings no phone: the leg of
//! the call and an end of it in the line's own call send each other their audio, and what either asks of
//! the SIP core comes here and is told to the other as a phone would have said it. So no call knows of
//! lines, and whatever is done with an agent's phone is done with their line.
//!
//! An agent has one line, and one call at a time is on it: a second one rings their phone as ever.

use super::{Cx, Now, Switch};
use crate::call::ring_line;
use crate::sip::user_agent::{Command, Event, Invite};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use terms::control::NO_MORE_CALLS;
use terms::event::Activity;
use terms::{AgentId, CallId, LegId, TenantId};

/// Whose line it is.
pub(crate) type Key = (TenantId, AgentId);

/// Nobody signals here: both ends are ours.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// What a call hears of a line that is open no longer, RFC 3261 §21.4.18 and ITU-T Q.850.
const GONE: (u16, u8) = (480, 19);
/// The same of one whose other end did not come back from a kill.
const LOST: u8 = 41;
/// A line speaks, and nothing else.
const NOT_ACCEPTABLE: u16 = 488;

#[derive(Clone, Copy, Debug)]
struct Open {
    call: CallId,
    /// At whose phone it is.
    phone: AgentId,
    /// The phone has put it on hold: nobody would hear who is called there.
    held: bool,
    /// The leg that is on it.
    with: Option<LegId>,
}

/// What a leg or a line says to the other side.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// What it would say to the SIP core.
    Command(Command),
    /// The phone of the line holds, or does not any more. The leg is that of the call.
    Held(LegId, bool),
    /// Another line of the same agent is open.
    Replaced(CallId),
}

/// All open lines, and what is on them.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    open: BTreeMap<Key, Open>,
    /// Legs that are called on a line.
    called: BTreeMap<LegId, Key>,
    /// A leg and its end on the line, and the other way round.
    others: BTreeMap<LegId, LegId>,
    said: VecDeque<Said>,
}

impl Lines {
    /// A line is open from now on. One that the agent had until now ends.
    pub fn open(&mut self, key: Key, call: CallId, phone: AgentId) {
        let new = Open { call, phone, held: false, with: None };
        if let Some(old) = self.open.insert(key, new).filter(|old| old.call != call) {
            self.said.push_back(Said::Replaced(old.call));
        }
    }

    /// It is open no longer.
    pub fn close(&mut self, key: Key, call: CallId) {
        if self.of(key) == Some(call) {
            self.open.remove(&key);
        }
    }

    /// The call that is the agent's line.
    pub fn of(&self, key: Key) -> Option<CallId> {
        self.open.get(&key).map(|line| line.call)
    }

    /// Whether `leg` is called on the agent's line: it is open at the phone where they are, nobody else is
    /// on it, and somebody listens there.
    pub fn take(&mut self, key: Key, phone: AgentId, leg: LegId) -> bool {
        let line = self.open.get_mut(&key);
        let Some(line) =
            line.filter(|line| line.phone == phone && !line.held && line.with.is_none())
        else {
            return false;
        };
        line.with = Some(leg);
        self.called.insert(leg, key);
        true
    }

    /// These two hear each other. After a kill the line learns by it who is on it.
    pub fn pair(&mut self, key: Key, leg: LegId, end: LegId) {
        self.called.insert(leg, key);
        self.others.insert(leg, end);
        self.others.insert(end, leg);
        if let Some(line) = self.open.get_mut(&key) {
            line.with = Some(leg);
        }
    }

    /// The phone of the line holds, or does not any more.
    pub fn hold(&mut self, key: Key, held: bool) {
        let Some(line) = self.open.get_mut(&key) else { return };
        line.held = held;
        self.said.extend(line.with.map(|leg| Said::Held(leg, held)));
    }

    /// Whether what this leg asks of the SIP core is for the other side.
    pub fn has(&self, leg: LegId) -> bool {
        self.called.contains_key(&leg) || self.others.contains_key(&leg)
    }

    /// Says it to the other side.
    pub fn say(&mut self, command: Command) {
        self.said.push_back(Said::Command(command));
    }

    /// A leg is over of which the SIP core would not be told.
    pub fn let_go(&mut self, leg: LegId, cause: u8) {
        if self.has(leg) {
            self.say(Command::Hangup { leg, cause });
        }
    }

    /// All legs that are on lines, and their ends.
    pub fn legs(&self) -> BTreeSet<LegId> {
        self.others.keys().copied().collect()
    }

    /// The two hear each other no longer, and the line is free. Returns the other one.
    fn part(&mut self, leg: LegId) -> Option<LegId> {
        let other = self.others.remove(&leg);
        let both = [Some(leg), other];
        for leg in both.into_iter().flatten() {
            self.others.remove(&leg);
            let line = self.called.remove(&leg).and_then(|key| self.open.get_mut(&key));
            if let Some(line) = line.filter(|line| line.with == Some(leg)) {
                line.with = None;
            }
        }
        other
    }
}

impl Switch {
    /// Tells the other sides what was said. False when nothing was.
    pub(super) fn settle_lines(&mut self, now: Now) -> bool {
        let mut told = false;
        while let Some(said) = self.world.lines.said.pop_front() {
            self.on_line(now, said);
            told = true;
        }
        told
    }

    fn on_line(&mut self, now: Now, said: Said) {
        match said {
            Said::Command(command) => self.on_line_command(now, command),
            Said::Held(leg, on_hold) => {
                self.with_leg(now, leg, |call, cx| call.line_holds(cx, leg, on_hold));
            }
            Said::Replaced(call) => self.with_call(now, call, |call, cx| call.end_line(cx)),
        }
    }

    fn on_line_command(&mut self, now: Now, command: Command) {
        let leg = command.leg();
        let other = self.world.lines.others.get(&leg).copied();
        match (command, other) {
            (Command::Invite(invite), _) => self.call_line(now, &invite),
            (Command::Progress { status, .. }, Some(leg)) => {
                self.tell_leg(now, leg, Event::Progress { leg, status, early: None });
            }
            (Command::Answer { sdp, .. }, Some(leg)) => {
                let (source, encrypted, nat) = (NOWHERE, true, false);
                self.tell_leg(now, leg, Event::Answered { leg, sdp, source, encrypted, nat });
            }
            (Command::Reject { status, cause, .. }, _) => {
                if let Some(leg) = self.world.lines.part(leg) {
                    self.tell_leg(now, leg, Event::Failed { leg, status, cause });
                }
            }
            (Command::Hangup { cause, .. }, _) => {
                if let Some(leg) = self.world.lines.part(leg) {
                    self.tell_leg(now, leg, Event::Ended { leg, cause });
                }
            }
            (Command::Reoffer { .. }, _) => {
                self.tell_leg(now, leg, Event::OfferRejected { leg, status: NOT_ACCEPTABLE });
            }
            (
                Command::Progress { .. }
                | Command::Answer { .. }
                | Command::Probe { .. }
                | Command::AcceptOffer { .. }
                | Command::RejectOffer { .. }
                | Command::AcceptRefer { .. }
                | Command::RejectRefer { .. }
                | Command::ReferProgress { .. },
                _,
            ) => {}
        }
    }

    fn tell_leg(&mut self, now: Now, leg: LegId, event: Event) {
        self.with_leg(now, leg, |call, cx| call.on_sip(cx, leg, event));
    }

    /// A call comes to a line, if that is still open.
    fn call_line(&mut self, now: Now, invite: &Invite) {
        let leg = invite.leg;
        let key = self.world.lines.called.get(&leg).copied();
        if let Some((key, line)) = key.and_then(|key| Some((key, self.world.lines.of(key)?))) {
            self.with_call(now, line, |call, cx| call.line_is_called(cx, key, leg, &invite.sdp));
        }
        if !self.world.lines.others.contains_key(&leg) {
            self.world.lines.part(leg);
            let (status, cause) = GONE;
            self.tell_leg(now, leg, Event::Failed { leg, status, cause });
        }
    }

    /// An agent's line ends when they sign out, or sit at another phone.
    pub(super) fn line_follows(&mut self, now: Now, key: Key, activity: Activity) {
        let Some(line) = self.world.lines.open.get(&key).copied() else { return };
        let tenant = self.world.tenants.get(&key.0);
        let is_there = tenant.is_some_and(|tenant| tenant.acd.phone_of(key.1) == line.phone);
        if activity == Activity::SignedOut || !is_there {
            self.with_call(now, line.call, |call, cx| call.end_line(cx));
        }
    }

    /// Rings an agent's phone, whose line stays open then.
    pub(super) fn opens_line(&mut self, now: Now, (tenant, agent): Key) -> Result<(), String> {
        if self.drain.is_some() || self.calls.len() >= self.world.config.calls_max {
            return Err(NO_MORE_CALLS.to_owned());
        }
        let call = ring_line(&mut Cx { now, world: &mut self.world }, tenant, agent)?;
        self.world.calls_begun += 1;
        let id = call.id;
        self.calls.insert(id, Box::new(call));
        self.after(now, id);
        Ok(())
    }

    /// Hangs it up.
    pub(super) fn closes_line(&mut self, now: Now, key: Key) -> Result<(), String> {
        let line = self.world.lines.of(key).ok_or("no line is open")?;
        self.with_call(now, line, |call, cx| call.end_line(cx));
        Ok(())
    }

    /// In the next process: an end whose other one did not come back is over. It is told before anybody is
    /// offered to who is on the line.
    pub(super) fn wake_lines(&mut self, now: Now) {
        let alone = |leg: &LegId| !self.world.legs.contains_key(leg);
        let gone: Vec<LegId> = self.world.lines.others.keys().copied().filter(alone).collect();
        for leg in gone {
            self.world.lines.let_go(leg, LOST);
        }
        self.settle_lines(now);
    }

    pub(super) fn audit_lines(&self) -> Result<(), String> {
        let lines = &self.world.lines;
        let is_gone = |leg: &&LegId| !self.world.legs.contains_key(*leg);
        if let Some(line) = lines.open.values().find(|line| !self.calls.contains_key(&line.call)) {
            return Err(format!("an agent has the line {}, which is over", line.call));
        }
        if let Some(leg) = lines.called.keys().chain(lines.others.keys()).find(is_gone) {
            return Err(format!("{leg} is on a line and is over"));
        }
        match lines.open.values().filter_map(|line| line.with).find(|leg| !lines.has(*leg)) {
            Some(leg) => Err(format!("a line waits for the end of {leg}, which is not on it")),
            None => Ok(()),
        }
    }
}
