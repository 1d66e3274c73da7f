//! Strict peers for the switch, in virtual time: phones, trunks and media that do what they are
//! told, and panic when they are told nonsense. Stories and fuzzing are driven through here.

mod books;
mod kill;
mod ops;
mod page;
mod plan;

pub use books::Books;
pub use ops::run_ops;
pub use page::{FINGERPRINT, page_or_phone, page_sdp};
pub use plan::demo_plan;

use super::{
    BotAsk, Config, HttpAsk, HttpDone, Input, Now, OrderAsk, Output, Secret, SqlAsk, Switch,
};
use crate::kept::{Change, Key};
use crate::sip::user_agent::{
    Charging, Command as Sipc, Destination, Event as SipEvent, Incoming, Invite, Origin,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use terms::control::{Answer, Ask, LiveState, Request, Response};
use terms::event::Entry;
use terms::media::{
    Command, Event, Ledger, PlayEnd, Playback, Quality, RecordStart, RecordingState, Source,
};
use terms::routing::Plan;
use terms::{
    AgentId, Category, LegId, Moment, PhoneNumber, PlaybackId, RecordingId, TenantId, Timestamp,
    TrunkId,
};

/// The tenant of every story.
pub const TENANT: TenantId = TenantId(1);
/// The trunk that calls come in on.
pub const TRUNK: TrunkId = TrunkId(1);
/// How long every prompt is.
pub const PROMPT: Duration = Duration::from_secs(2);
/// Monday, 2026-11-23, 10:00 in Shanghai.
pub const MORNING: Timestamp = Timestamp::from_secs(1_795_399_200);

/// What a phone does when it is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phone {
    /// Rings, then answers after this long.
    Answers(Duration),
    /// Rings and rings.
    Rings,
    /// Says nothing at all.
    Silent,
    /// Refuses at once with this status.
    Refuses(u16),
}

/// The world around one switch.
pub struct Rig {
    /// Under test.
    pub switch: Switch,
    /// Both clocks.
    pub now: Now,
    /// What agents' phones do; the others answer after three seconds.
    pub phones: BTreeMap<AgentId, Phone>,
    /// What phones outside do.
    pub outside: Phone,
    /// What comes of calls over these trunks, whoever is called.
    pub over: BTreeMap<TrunkId, Phone>,
    /// How a phone that is rung answers our offer.
    pub describe: fn(&str) -> String,
    /// Signalling comes over TLS.
    pub encrypted: bool,
    /// How often a call was forwarded before it comes.
    pub diverted: u8,
    /// The category of who calls.
    pub category: Option<Category>,
    /// By what the next call is charged.
    pub charging: Option<Charging>,
    /// Where who calls signals from.
    pub callers_at: SocketAddr,
    /// Where who is called signals from.
    pub called_at: SocketAddr,
    /// What a port request gets.
    pub ports: bool,
    /// Prompts that media does not have.
    pub missing: Vec<String>,
    /// Everything that was logged.
    pub log: Vec<Entry>,
    /// Everything the SIP core was asked.
    pub sip: Vec<Sipc>,
    /// Everything media was asked.
    pub media: Vec<Command>,
    /// Answers to what was asked.
    pub answers: Vec<Response>,
    /// Requests of HTTP steps.
    pub requests: Vec<HttpAsk>,
    /// Questions of SQL steps.
    pub questions: Vec<SqlAsk>,
    /// Questions of order steps.
    pub orders: Vec<OrderAsk>,
    /// Talks of bot steps.
    pub talks: Vec<BotAsk>,
    /// What must balance.
    pub books: Books,
    events: BTreeMap<(Moment, u64), Input>,
    sent: u64,
    made: u64,
    dialogs: BTreeMap<LegId, Dialog>,
    ports_open: BTreeSet<LegId>,
    playing: BTreeMap<LegId, PlaybackId>,
    recordings: BTreeMap<RecordingId, (RecordStart, Moment)>,
    /// What the switch says is to be kept, once it is asked.
    kept: BTreeMap<Key, Change>,
    plan: Plan,
    config: Config,
    kills: u64,
}

#[derive(Clone, Debug)]
struct Dialog {
    agent: Option<AgentId>,
    /// A feature code or a second line: allowed beside a conversation.
    code: bool,
    late_offer: bool,
    answered: bool,
    /// Where it signals from.
    source: SocketAddr,
}

impl Rig {
    /// A world with `plan` in use.
    pub fn new(plan: Plan) -> Self {
        Self::with(plan, Config::default())
    }

    /// A world with other limits.
    pub fn with(plan: Plan, config: Config) -> Self {
        let config = Config { keeps: true, ..config };
        let mut rig = Rig {
            switch: Switch::new(config.clone(), 42, Secret([42; 32])),
            now: Now { moment: Moment::from_secs(1_000), wall: MORNING },
            phones: BTreeMap::new(),
            outside: Phone::Answers(Duration::from_secs(3)),
            over: BTreeMap::new(),
            describe: |_| sdp("sendrecv"),
            encrypted: false,
            diverted: 0,
            category: None,
            charging: None,
            callers_at: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 5060),
            called_at: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8)), 5060),
            ports: true,
            missing: Vec::new(),
            log: Vec::new(),
            sip: Vec::new(),
            media: Vec::new(),
            answers: Vec::new(),
            requests: Vec::new(),
            questions: Vec::new(),
            orders: Vec::new(),
            talks: Vec::new(),
            books: Books::default(),
            events: BTreeMap::new(),
            sent: 0,
            made: 0,
            dialogs: BTreeMap::new(),
            ports_open: BTreeSet::new(),
            playing: BTreeMap::new(),
            recordings: BTreeMap::new(),
            kept: BTreeMap::new(),
            plan: plan.clone(),
            config,
            kills: 0,
        };
        assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done, "the plan is taken");
        rig
    }

    /// Asks the switch and returns its answer.
    ///
    /// # Panics
    /// When it does not answer at once.
    pub fn ask(&mut self, body: Ask) -> Answer {
        let id = self.ask_later(body);
        let answer = self.answers.iter().find(|answer| answer.id == id);
        answer.expect("everything but a drain is answered at once").body.clone()
    }

    /// Asks what is answered later. Returns the request's number.
    pub fn ask_later(&mut self, body: Ask) -> u64 {
        self.made += 1;
        let id = self.made;
        let plan = match &body {
            Ask::Plan(plan) => Some((**plan).clone()),
            _ => None,
        };
        self.feed(Input::Ask(Request { id, body }));
        let taken = self.answers.last().is_some_and(|answer| answer.body == Answer::Done);
        self.plan = plan.filter(|_| taken).unwrap_or_else(|| self.plan.clone());
        id
    }

    /// The live state.
    ///
    /// # Panics
    /// When the tenant has no plan.
    pub fn state(&mut self) -> LiveState {
        match self.ask(Ask::State { tenant: TENANT }) {
            Answer::State(state) => state,
            other => panic!("no state: {other:?}"),
        }
    }

    /// A customer dials `called`.
    pub fn customer_dials(&mut self, called: &str) -> LegId {
        self.dials(Origin::Trunk(TRUNK), "13800138000", called, true)
    }

    /// An agent dials `called`.
    pub fn agent_dials(&mut self, agent: AgentId, called: &str) -> LegId {
        self.dials(Origin::Agent(agent), &format!("{}", 1_000 + agent.0), called, true)
    }

    /// Somebody dials, by a code where `caller` says `-app`; without an offer it is a late one.
    pub fn dials(&mut self, origin: Origin, caller: &str, called: &str, offer: bool) -> LegId {
        self.dials_with(origin, caller, called, offer.then(|| sdp("sendrecv")))
    }

    /// Somebody dials with this offer.
    pub fn dials_with(
        &mut self,
        origin: Origin,
        caller: &str,
        called: &str,
        offer: Option<String>,
    ) -> LegId {
        self.comes(origin, caller, called, offer, (None, None))
    }

    /// Somebody sends an INVITE that is to take the place of this leg.
    pub fn replaces(&mut self, origin: Origin, old: LegId) -> LegId {
        let offer = Some(sdp("sendrecv"));
        self.comes(origin, "13900139000", "95105600", offer, (Some(old), None))
    }

    /// Somebody sends an INVITE that is to come into the conversation of this leg.
    pub fn joins(&mut self, origin: Origin, of: LegId) -> LegId {
        let offer = Some(sdp("sendrecv"));
        self.comes(origin, "13900139000", "95105600", offer, (None, Some(of)))
    }

    fn comes(
        &mut self,
        origin: Origin,
        caller: &str,
        called: &str,
        offer: Option<String>,
        (replaces, join): (Option<LegId>, Option<LegId>),
    ) -> LegId {
        self.made += 1;
        let leg = LegId(1 << 62 | self.made);
        let agent = match origin {
            Origin::Agent(agent) => Some(agent),
            Origin::Trunk(_) => None,
        };
        // Who has a conversation dials on a second line of the same phone.
        let talks = |dialog: &Dialog| dialog.agent.is_some() && dialog.agent == agent;
        let second = self.dialogs.values().any(|dialog| talks(dialog) && dialog.answered);
        self.dialogs.insert(
            leg,
            Dialog {
                agent,
                code: second || called.starts_with('*'),
                late_offer: offer.is_none(),
                answered: false,
                source: self.callers_at,
            },
        );
        self.feed(Input::Sip(SipEvent::Incoming(Box::new(Incoming {
            leg,
            tenant: TENANT,
            origin,
            by_code: caller.ends_with("-app"),
            called: called.to_owned(),
            caller: PhoneNumber::parse(caller.trim_end_matches("-app"), "86"),
            caller_name: String::new(),
            call_id: format!("{leg}@rig"),
            user_agent: "rig".to_owned(),
            sdp: offer,
            source: self.callers_at,
            encrypted: self.encrypted,
            nat: false,
            servers_left: 70_u8.saturating_sub(self.diverted),
            diverted: self.diverted,
            category: self.category,
            charging: self.charging.clone(),
            replaces,
            join,
        }))));
        leg
    }

    /// A party hangs up, if it is still there.
    pub fn hangs_up(&mut self, leg: LegId) {
        if self.dialogs.remove(&leg).is_some() {
            self.cancel(leg);
            self.feed(Input::Sip(SipEvent::Ended { leg, cause: 16 }));
        }
    }

    /// A party presses keys, one every 200 ms, as RFC 4733.
    pub fn presses(&mut self, leg: LegId, keys: &str) {
        for digit in keys.chars() {
            if self.playing.contains_key(&leg) && self.may_stop(leg, digit) {
                // Media stops what may be interrupted; telling so for all is the harder case.
                self.stop(leg, PlayEnd::Interrupted);
            }
            self.feed(Input::Media(Event::Digit { leg, digit, duration_ms: 100 }));
            self.wait(Duration::from_millis(200));
        }
    }

    /// A phone sends a re-INVITE with this direction, or with none of its own.
    pub fn reinvites(&mut self, leg: LegId, direction: Option<&str>) {
        if self.dialogs.get(&leg).is_some_and(|dialog| dialog.answered) {
            let source = self.source_of(leg);
            self.feed(Input::Sip(SipEvent::Offer { leg, sdp: direction.map(sdp), source }));
            if direction.is_none() && self.dialogs.contains_key(&leg) {
                self.feed(Input::Sip(SipEvent::Acked { leg, sdp: Some(sdp("sendrecv")) }));
            }
        }
    }

    /// A phone sends a re-INVITE with this offer.
    pub fn reinvites_with(&mut self, leg: LegId, offer: String) {
        let source = self.source_of(leg);
        self.feed(Input::Sip(SipEvent::Offer { leg, sdp: Some(offer), source }));
    }

    /// Where the other end of a leg signals from.
    pub fn source_of(&self, leg: LegId) -> SocketAddr {
        self.dialogs[&leg].source
    }

    /// A phone sends REFER.
    pub fn refers(&mut self, leg: LegId, target: &str) {
        if self.dialogs.get(&leg).is_some_and(|dialog| dialog.answered) {
            let target = target.to_owned();
            self.feed(Input::Sip(SipEvent::Refer { leg, target, replaces: None }));
        }
    }

    /// A phone sends REFER with Replaces, which names the dialog of `other`.
    pub fn refers_replacing(&mut self, leg: LegId, other: LegId) {
        let refer = SipEvent::Refer { leg, target: String::new(), replaces: Some(other) };
        self.feed(Input::Sip(refer));
    }

    /// The live leg of an agent's phone.
    pub fn leg_of(&self, agent: AgentId) -> Option<LegId> {
        let mut dialogs = self.dialogs.iter();
        dialogs.find(|(_, dialog)| dialog.agent == Some(agent)).map(|(&leg, _)| leg)
    }

    /// All live legs.
    pub fn legs(&self) -> Vec<LegId> {
        self.dialogs.keys().copied().collect()
    }

    /// An HTTP step's request ends.
    pub fn http_done(&mut self, id: u64, result: Result<(u16, serde_json::Value), String>) {
        self.feed(Input::Http(HttpDone { id, result }));
    }

    /// Time passes; what is due happens in its order.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now.moment + time;
        loop {
            let event = self.events.first_key_value().map(|(&(at, _), _)| at);
            let timer = self.switch.next_timeout();
            let Some(next) = event.into_iter().chain(timer).min().filter(|&at| at <= end) else {
                break;
            };
            self.set_clock(next);
            if event.is_some_and(|at| at <= next) {
                let (_, input) = self.events.pop_first().expect("there is a first event");
                self.feed(input);
            } else {
                self.feed(Input::Timeout);
            }
        }
        self.set_clock(end);
    }

    /// Tells the switch and does what it wants.
    pub fn feed(&mut self, input: Input) {
        if let Input::Sip(SipEvent::Answered { leg, .. }) = &input
            && let Some(dialog) = self.dialogs.get_mut(leg)
        {
            dialog.answered = true;
        }
        if let Input::Sip(SipEvent::Failed { leg, .. }) = &input {
            self.dialogs.remove(leg);
        }
        if let Input::Media(Event::PlayDone { leg, playback, .. }) = &input
            && self.playing.get(leg) == Some(playback)
        {
            self.playing.remove(leg);
        }
        self.switch.handle_input(self.now, input);
        self.carry();
    }

    /// Does what the switch wants.
    fn carry(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(command) => self.on_sip(command),
                Output::Media(command) => self.on_media(command),
                Output::Log(entry) => {
                    self.books.note(&entry);
                    self.log.push(*entry);
                }
                Output::TextCame { .. } | Output::TextGoes(_) => {}
                Output::Answer(answer) => self.answers.push(answer),
                Output::Http(ask) => self.requests.push(ask),
                Output::Sql(ask) => self.questions.push(*ask),
                Output::Order(ask) => self.orders.push(*ask),
                Output::Bot(ask) => self.talks.push(*ask),
            }
        }
        for change in self.switch.take_changes() {
            match change.value {
                Some(_) => {
                    kill::reads_back(&change);
                    self.kept.insert(change.key, change)
                }
                None => self.kept.remove(&change.key),
            };
        }
        self.switch.audit().unwrap_or_else(|why| panic!("at {:?}: {why}", self.now.moment));
        let conversations = self.dialogs.values().filter(|dialog| !dialog.code);
        let mut agents: Vec<AgentId> = conversations.filter_map(|dialog| dialog.agent).collect();
        let count = agents.len();
        agents.sort_unstable();
        agents.dedup();
        self.books.agents_doubled |= agents.len() != count;
    }

    fn set_clock(&mut self, to: Moment) {
        let passed = to - self.now.moment;
        self.now = Now { moment: self.now.moment.max(to), wall: self.now.wall + passed };
    }

    fn later(&mut self, after: Duration, input: Input) {
        self.sent += 1;
        self.events.insert((self.now.moment + after, self.sent), input);
    }

    /// What was on its way from this leg's dialog is lost: the SIP core swallows it.
    fn cancel(&mut self, leg: LegId) {
        self.events.retain(|_, input| match input {
            Input::Sip(event) => super::leg_of(event) != Some(leg),
            Input::Media(_)
            | Input::Ask(_)
            | Input::Http(_)
            | Input::Sql(_)
            | Input::Bot(_)
            | Input::Timeout => true,
        });
    }

    fn on_sip(&mut self, command: Sipc) {
        match &command {
            Sipc::Invite(invite) => {
                assert!(invite.sdp.starts_with("v=0"), "an INVITE has our offer");
                self.invite(invite);
            }
            Sipc::Answer { leg, sdp } => {
                let leg = *leg;
                let dialog = self.dialogs.get_mut(&leg).expect("a 200 goes to a live INVITE");
                assert!(!std::mem::replace(&mut dialog.answered, true), "one 200 only");
                let sdp = dialog.late_offer.then(|| (self.describe)(sdp));
                let acked = SipEvent::Acked { leg, sdp };
                self.later(Duration::from_millis(10), Input::Sip(acked));
            }
            Sipc::Reject { leg, status, .. } => {
                assert!((300..700).contains(status), "a refusal has a final status");
                let dialog = self.dialogs.remove(leg).expect("a refusal goes to a live INVITE");
                assert!(!dialog.answered, "an answered call is not refused");
                self.cancel(*leg);
            }
            Sipc::Hangup { leg, .. } => {
                assert!(
                    self.dialogs.remove(leg).is_some(),
                    "{leg} is hung up once, while it lives"
                );
                self.cancel(*leg);
            }
            Sipc::Progress { leg, .. }
            | Sipc::Reoffer { leg, .. }
            | Sipc::Probe { leg }
            | Sipc::AcceptOffer { leg, .. }
            | Sipc::RejectOffer { leg, .. }
            | Sipc::AcceptRefer { leg }
            | Sipc::RejectRefer { leg, .. }
            | Sipc::ReferProgress { leg, .. } => {
                assert!(self.dialogs.contains_key(leg), "{command:?} goes to a live dialog");
            }
        }
        self.sip.push(command);
    }

    fn invite(&mut self, invite: &Invite) {
        let leg = invite.leg;
        assert!(self.ports_open.contains(&leg), "a port comes before the INVITE");
        let (agent, phone) = match &invite.to {
            Destination::Agent(_, agent) => {
                let default = Phone::Answers(Duration::from_secs(3));
                (Some(*agent), self.phones.get(agent).copied().unwrap_or(default))
            }
            Destination::Trunk(_, trunk, _) => {
                (None, self.over.get(trunk).copied().unwrap_or(self.outside))
            }
        };
        let source = self.called_at;
        // Who is to take another leg's place is rung beside it, and so is who has a call waiting.
        let beside = invite.not_at.is_some() || self.lets_wait(agent);
        let (code, late_offer, answered) = (beside, false, false);
        self.dialogs.insert(leg, Dialog { agent, code, late_offer, answered, source });
        let ringing = SipEvent::Progress { leg, status: 180, early: None };
        match phone {
            Phone::Answers(after) => {
                self.later(Duration::from_millis(20), Input::Sip(ringing));
                let (sdp, encrypted) = ((self.describe)(&invite.sdp), self.encrypted);
                let answered = SipEvent::Answered { leg, sdp, source, encrypted, nat: false };
                self.later(after, Input::Sip(answered));
            }
            Phone::Rings => self.later(Duration::from_millis(20), Input::Sip(ringing)),
            Phone::Silent => {}
            Phone::Refuses(status) => {
                let cause = if (500..600).contains(&status) { 41 } else { 17 };
                let failed = SipEvent::Failed { leg, status, cause };
                self.later(Duration::from_millis(20), Input::Sip(failed));
            }
        }
    }

    fn on_media(&mut self, command: Command) {
        let soon = Duration::from_millis(1);
        match &command {
            Command::Open { leg, .. } if self.ports => {
                assert!(self.ports_open.insert(*leg), "a leg is opened once");
                self.books.ports_opened += 1;
                let port = 20_000 + 2 * (self.books.ports_opened % 6_000) as u16;
                let rtp = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), port);
                self.later(soon, Input::Media(Event::Opened { leg: *leg, rtp }));
            }
            Command::Open { leg, .. } => {
                let failed = Event::OpenFailed { leg: *leg, reason: "no port".into() };
                self.later(soon, Input::Media(failed));
            }
            Command::Release { leg } => {
                if self.ports_open.remove(leg) {
                    self.books.ports_closed += 1;
                    self.stop(*leg, PlayEnd::Stopped);
                    let quality = Quality::default();
                    let released = Event::Released { leg: *leg, quality };
                    self.later(soon, Input::Media(released));
                }
            }
            Command::Play { leg, playback } => {
                assert!(!playback.sources.is_empty(), "something is played");
                self.stop(*leg, PlayEnd::Stopped);
                if self.ports_open.contains(leg) {
                    self.playing.insert(*leg, playback.id);
                    if let Some(name) = self.missing_of(playback) {
                        self.stop(*leg, PlayEnd::Missing(name));
                    } else if !playback.looped {
                        let (leg, playback) = (*leg, playback.id);
                        let end = PlayEnd::Finished;
                        let done = Event::PlayDone { leg, playback, end };
                        self.later(PROMPT, Input::Media(done));
                    }
                }
            }
            Command::StopPlay { leg, playback } => {
                if self.playing.get(leg) == Some(playback) {
                    self.stop(*leg, PlayEnd::Stopped);
                }
            }
            Command::RecordStart(start) => {
                let begun = (start.clone(), self.now.moment);
                assert!(self.recordings.insert(start.recording, begun).is_none(), "begun once");
            }
            Command::RecordStop { recording } => {
                let (start, at) = self.recordings.remove(recording).expect("stopped once");
                let ledger = ledger(&start, self.now.moment - at);
                self.later(soon, Input::Media(Event::Recorded(ledger)));
            }
            Command::RecordJoin { recording, .. }
            | Command::RecordLeave { recording, .. }
            | Command::RecordPause { recording, .. }
            | Command::RecordResume { recording, .. } => {
                assert!(self.recordings.contains_key(recording), "{command:?} while it runs");
            }
            Command::Measure { leg } => {
                if self.ports_open.contains(leg) {
                    let quality = Quality { packets_received: leg.0, ..Quality::default() };
                    self.later(soon, Input::Media(Event::Measured { leg: *leg, quality }));
                }
            }
            Command::Interject(order) => {
                let (leg, playback, end) = (order.leg, order.playback.id, PlayEnd::Finished);
                self.later(PROMPT, Input::Media(Event::PlayDone { leg, playback, end }));
            }
            Command::StopInterject { .. }
            | Command::Connect { .. }
            | Command::Fax { .. }
            | Command::Modem { .. }
            | Command::FaxStart { .. }
            | Command::FaxStop { .. }
            | Command::BotKey { .. }
            | Command::BotStop { .. }
            | Command::Join { .. }
            | Command::Audience { .. }
            | Command::KeepDigits { .. }
            | Command::Leave { .. }
            | Command::Hold { .. }
            | Command::Resume { .. }
            | Command::Seek { .. }
            | Command::SendDigits { .. }
            | Command::Announce { .. }
            | Command::Watch { .. } => {}
        }
        self.media.push(command);
    }

    /// Whether this key stops what plays: only where other keys are named it does not.
    fn may_stop(&self, leg: LegId, key: char) -> bool {
        let last = self.media.iter().rev().find_map(|command| match command {
            Command::Play { leg: l, playback } if *l == leg => Some(playback),
            _ => None,
        });
        last.is_none_or(|playback| playback.stop_keys.contains(key))
    }

    fn missing_of(&self, playback: &Playback) -> Option<String> {
        playback.sources.iter().find_map(|source| match source {
            Source::Prompt(name) if self.missing.contains(name) => Some(name.clone()),
            _ => None,
        })
    }

    /// A playback ends early; its end is told like any other.
    fn stop(&mut self, leg: LegId, end: PlayEnd) {
        let Some(playback) = self.playing.remove(&leg) else { return };
        self.events.retain(|_, input| {
            !matches!(input, Input::Media(Event::PlayDone { playback: p, .. }) if *p == playback)
        });
        let done = Event::PlayDone { leg, playback, end };
        self.later(Duration::from_millis(1), Input::Media(done));
    }
}

fn ledger(start: &RecordStart, length: Duration) -> Ledger {
    let whose = (start.tenant, start.contact, start.call);
    Ledger {
        duration_ms: length.as_millis() as i64,
        state: RecordingState::Recorded,
        frames_expected: length.as_millis() as u64 / 20,
        path: Some(format!("{}/{}.wav", start.tenant, start.recording)),
        bytes: 1,
        reason: None,
        format: start.terms.format,
        ..Ledger::refused(whose, start.recording, start.started_at, "")
    }
}

/// A phone's session description.
pub fn sdp(direction: &str) -> String {
    let ip = if direction == "zero" { "0.0.0.0" } else { "192.0.2.7" };
    let direction = if direction == "zero" { "sendrecv" } else { direction };
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )
}

/// A gateway's description of a fax; a port of zero refuses it.
pub fn t38(ip: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 2 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
         a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\n\
         a=T38FaxUdpEC:t38UDPRedundancy\r\n"
    )
}
