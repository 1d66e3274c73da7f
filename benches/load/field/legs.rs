//! The legs of the field: which call is whose, where its audio is, what its script does next.

use super::{News, Order, Report, Setup};
use crate::script::{Act, Caller, Handling, Step, Then};
use crate::sip::digest::Credential;
use crate::sip::phone::{Dial, Event, LegKey, Phone};
use crate::sip::sdp::{self, Audio};
use anyhow::{Result, bail};
use benches::media::delay::Delays;
use benches::media::engine::{Engines, Place, Totals, Watch};
use benches::media::rtp::{Listener, Speaker};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, HashMap};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;
use terms::Moment;

/// Agents' stamps begin here; callers' are below.
pub const FIRST_AGENT: u32 = 1 << 24;
/// How long an agent's phone rings.
const RING: Duration = Duration::from_millis(200);
/// A customer who says nothing is talked to all the same.
const CUSTOMER_SILENT_MAX: Duration = Duration::from_secs(3);
/// A few words after a hold.
const TALK_AFTER_HOLD: Duration = Duration::from_millis(500);
/// An agent is silent for this long before they hold: what was said last arrives before the hold does.
const SILENT_BEFORE_HOLD: Duration = Duration::from_millis(100);
/// After a transfer the old leg ends by BYE of the switch, or by ours.
const TRANSFER_MAX: Duration = Duration::from_secs(10);
/// Even ports, RTCP beside them; far from the switch's own.
const PORTS: std::ops::Range<u16> = 34_000..65_000;

struct CallerLeg {
    order: Order,
    script: Option<Caller>,
    placed: Moment,
    answered: Option<Moment>,
    place: Place,
    watch: Arc<Watch>,
    status: u16,
    failed: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum AgentState {
    Ringing { until: Moment },
    Greeting { since: Moment },
    Talking { until: Moment, then: Then },
    Holding { at: Moment, time: Duration },
    OnHold { until: Moment },
    Resuming,
    Passing { until: Moment },
    Staying,
}

struct AgentLeg {
    user: String,
    state: AgentState,
    place: Option<(Place, Arc<Watch>)>,
    offer: Option<Audio>,
    customer: Option<u32>,
}

/// See the module.
pub struct Legs {
    setup: Setup,
    engines: Engines,
    rng: SmallRng,
    port: u16,
    callers: BTreeMap<LegKey, CallerLeg>,
    agents: BTreeMap<LegKey, AgentLeg>,
    /// What agents do with a customer, and how many have had them.
    handling: HashMap<u32, (Vec<Handling>, usize)>,
    /// Stamp of each agent, and of each number that is called at a carrier.
    agent_ids: HashMap<String, u32>,
    /// What callers prove, who have a password.
    proofs: HashMap<String, Credential>,
    news: Vec<News>,
}

impl Legs {
    /// No legs.
    pub fn new(setup: Setup, engines: Engines) -> Legs {
        let rng = SmallRng::seed_from_u64(setup.seed ^ 0x5eed);
        Legs {
            setup,
            engines,
            rng,
            port: PORTS.start,
            callers: BTreeMap::new(),
            agents: BTreeMap::new(),
            handling: HashMap::new(),
            agent_ids: HashMap::new(),
            proofs: HashMap::new(),
            news: Vec::new(),
        }
    }

    /// What happened since the last time.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Delays of stamped frames since this was asked last.
    pub fn delays(&self) -> Delays {
        self.engines.delays()
    }

    /// Ends the media threads.
    ///
    /// # Errors
    /// What ended one before its time.
    pub fn stop(self) -> Result<Totals> {
        self.engines.stop()
    }

    /// Calls of this user are proven with a password.
    pub fn may_call(&mut self, credential: Credential) {
        self.proofs.insert(credential.user.clone(), credential);
    }

    /// Calls.
    ///
    /// # Errors
    /// When no port is free.
    pub fn place(&mut self, now: Moment, phone: &mut Phone, order: Order) -> Result<()> {
        let socket = self.bind()?;
        let rtp = socket.local_addr()?;
        let (place, watch) = self.open(socket, order.id, true);
        let dial = Dial {
            from: order.from.clone(),
            to: order.to.clone(),
            rtp,
            law: self.setup.law,
            credential: self.proofs.get(&order.from).cloned(),
        };
        self.handling.insert(order.id, (order.handling.clone(), 0));
        let leg = CallerLeg {
            order,
            script: None,
            placed: now,
            answered: None,
            place,
            watch,
            status: 0,
            failed: None,
        };
        self.callers.insert(phone.dial(now, dial), leg);
        Ok(())
    }

    /// Hangs up everything.
    pub fn clear(&mut self, now: Moment, outside: &mut Phone, inside: &mut Phone) {
        for key in self.callers.keys().copied().collect::<Vec<_>>() {
            outside.hang_up(now, key);
            self.end_caller(now, key);
        }
        for key in self.agents.keys().copied().collect::<Vec<_>>() {
            inside.hang_up(now, key);
            self.end_agent(key);
        }
    }

    fn bind(&mut self) -> Result<UdpSocket> {
        for _ in PORTS.step_by(2) {
            let port = self.port;
            self.port = if port + 2 < PORTS.end { port + 2 } else { PORTS.start };
            if let Ok(socket) = UdpSocket::bind((self.setup.ip, port)) {
                return Ok(socket);
            }
        }
        bail!("no free port in {PORTS:?} on {}", self.setup.ip)
    }

    fn open(&mut self, socket: UdpSocket, id: u32, customer: bool) -> (Place, Arc<Watch>) {
        let Setup { law, .. } = self.setup;
        let (own, other) = match customer {
            true => (self.setup.customer.clone(), self.setup.agent.clone()),
            false => (self.setup.agent.clone(), self.setup.customer.clone()),
        };
        let start = (self.rng.random(), self.rng.random(), self.rng.random());
        let speaker = Speaker::new(id, own, law, sdp::DTMF, start);
        self.engines.open(socket, speaker, Listener::new(other, law))
    }

    fn connect(&self, place: Place, audio: Option<&Audio>) {
        if let Some(audio) = audio {
            let speaks = audio.direction.hears() && !self.setup.silent;
            self.engines.connect(place, audio.rtp, audio.dtmf, speaks);
        }
    }

    /// What a caller's phone saw.
    pub fn on_caller_event(&mut self, now: Moment, phone: &mut Phone, event: Event) {
        match event {
            Event::Answered { leg, audio } => {
                let Some(caller) = self.callers.get_mut(&leg) else { return };
                caller.answered = Some(now);
                caller.status = 200;
                caller.script = Some(Caller::new(now, caller.order.steps.clone()));
                let place = caller.place;
                if audio.is_none() {
                    caller.failed = Some("the answer had no audio that we know".into());
                    phone.hang_up(now, leg);
                    return self.end_caller(now, leg);
                }
                self.connect(place, audio.as_ref());
            }
            Event::Offered { leg, audio } => {
                if let Some(place) = self.callers.get(&leg).map(|caller| caller.place) {
                    self.connect(place, audio.as_ref());
                }
            }
            Event::Failed { leg, status } => {
                if let Some(caller) = self.callers.get_mut(&leg) {
                    caller.status = status;
                }
                self.end_caller(now, leg);
            }
            Event::Ended { leg } => {
                if let Some(caller) = self.callers.get_mut(&leg)
                    && !caller.script.as_ref().is_some_and(Caller::on_ended)
                {
                    caller.failed.get_or_insert("the switch hung up in the middle".into());
                }
                self.end_caller(now, leg);
            }
            Event::Registered { user, status } => {
                self.news.push(News::Registered { user, status });
            }
            Event::Ringing { .. }
            | Event::OfferDone { .. }
            | Event::Refer { .. }
            | Event::Incoming { .. } => {}
        }
    }

    /// What an agent's phone saw.
    ///
    /// # Errors
    /// When no port is free.
    pub fn on_agent_event(&mut self, now: Moment, phone: &mut Phone, event: Event) -> Result<()> {
        match event {
            Event::Registered { user, status } => {
                let next = FIRST_AGENT + self.agent_ids.len() as u32;
                self.agent_ids.entry(user.clone()).or_insert(next);
                self.news.push(News::Registered { user, status });
            }
            Event::Incoming { leg, user, audio, .. } => {
                phone.ring(leg);
                let state = AgentState::Ringing { until: now + RING };
                let agent = AgentLeg { user, state, place: None, offer: audio, customer: None };
                self.agents.insert(leg, agent);
            }
            Event::Offered { leg, audio } => {
                let place = self.agents.get(&leg).and_then(|agent| agent.place.as_ref());
                if let Some((place, _)) = place {
                    self.connect(*place, audio.as_ref());
                }
            }
            Event::Refer { leg, status } if status >= 300 => {
                // The transfer failed: the agent still has the customer and lets them go.
                phone.hang_up(now, leg);
                self.end_agent(leg);
            }
            Event::Refer { leg, status: 200 } => {
                phone.hang_up(now, leg);
                self.end_agent(leg);
            }
            Event::Ended { leg } | Event::Failed { leg, .. } => self.end_agent(leg),
            Event::OfferDone { leg, .. } => self.on_resumed(now, leg),
            Event::Ringing { .. } | Event::Answered { .. } | Event::Refer { .. } => {}
        }
        Ok(())
    }

    /// Lets every script look at what was heard and act.
    pub fn look(&mut self, now: Moment, now_us: u64, outside: &mut Phone, inside: &mut Phone) {
        for key in self.callers.keys().copied().collect::<Vec<_>>() {
            self.look_caller(now, now_us, outside, key);
        }
        for key in self.agents.keys().copied().collect::<Vec<_>>() {
            self.look_agent(now, now_us, inside, key);
        }
    }

    fn look_caller(&mut self, now: Moment, now_us: u64, phone: &mut Phone, key: LegKey) {
        let Some(caller) = self.callers.get_mut(&key) else { return };
        let Some(script) = &mut caller.script else { return };
        let seen = caller.watch.look(now_us);
        match script.advance(now, &seen) {
            None => {}
            Some(Act::Press(keys)) => self.engines.press(caller.place, &keys),
            Some(Act::HangUp) => {
                phone.hang_up(now, key);
                self.end_caller(now, key);
            }
            Some(Act::GiveUp(step)) => {
                caller.failed = Some(in_words(&step));
                phone.hang_up(now, key);
                self.end_caller(now, key);
            }
        }
    }

    fn look_agent(&mut self, now: Moment, now_us: u64, phone: &mut Phone, key: LegKey) {
        let Some(agent) = self.agents.get(&key) else { return };
        let seen = agent.place.as_ref().map(|(_, watch)| watch.look(now_us)).unwrap_or_default();
        let next = match agent.state.clone() {
            AgentState::Ringing { until } if now >= until => match self.pick_up(now, phone, key) {
                Ok(()) => AgentState::Greeting { since: now },
                Err(_) => return phone.reject(now, key, 503),
            },
            AgentState::Greeting { since } => match seen.speaker {
                Some(customer) => self.begin_to_talk(now, key, customer),
                None if now.since(since) >= CUSTOMER_SILENT_MAX => AgentState::Staying,
                None => return,
            },
            AgentState::Talking { until, then } if now >= until => match then {
                Then::Stay => AgentState::Staying,
                Then::HoldAndRelease(time) => {
                    self.mute(key, true);
                    AgentState::Holding { at: now + SILENT_BEFORE_HOLD, time }
                }
                Then::TransferToColleague => match self.colleague(key) {
                    Some(target) => {
                        phone.refer(now, key, &target);
                        AgentState::Passing { until: now + TRANSFER_MAX }
                    }
                    None => AgentState::Staying,
                },
                Then::Release => {
                    phone.hang_up(now, key);
                    return self.end_agent(key);
                }
            },
            AgentState::Holding { at, time } if now >= at => {
                phone.hold(now, key, true);
                AgentState::OnHold { until: now + time }
            }
            AgentState::OnHold { until } if now >= until => {
                phone.hold(now, key, false);
                AgentState::Resuming
            }
            AgentState::Passing { until } if now >= until => {
                phone.hang_up(now, key);
                return self.end_agent(key);
            }
            _ => return,
        };
        if let Some(agent) = self.agents.get_mut(&key) {
            agent.state = next;
        }
    }

    /// An agent says nothing to a customer who hears music.
    fn mute(&self, key: LegKey, muted: bool) {
        if let Some((place, _)) = self.agents.get(&key).and_then(|agent| agent.place.as_ref()) {
            self.engines.mute(*place, muted);
        }
    }

    fn on_resumed(&mut self, now: Moment, key: LegKey) {
        let Some(agent) = self.agents.get_mut(&key) else { return };
        if agent.state == AgentState::Resuming {
            let until = now + TALK_AFTER_HOLD;
            agent.state = AgentState::Talking { until, then: Then::Release };
            self.mute(key, false);
        }
    }

    fn pick_up(&mut self, now: Moment, phone: &mut Phone, key: LegKey) -> Result<()> {
        let socket = self.bind()?;
        let rtp = socket.local_addr()?;
        let Some(agent) = self.agents.get(&key) else { return Ok(()) };
        let next = FIRST_AGENT + self.agent_ids.len() as u32;
        let id = *self.agent_ids.entry(agent.user.clone()).or_insert(next);
        let opened = self.open(socket, id, false);
        let Some(agent) = self.agents.get_mut(&key) else { return Ok(()) };
        let (place, offer) = (opened.0, agent.offer.clone());
        agent.place = Some(opened);
        phone.answer(now, key, rtp, self.setup.law);
        self.connect(place, offer.as_ref());
        Ok(())
    }

    /// Another agent, one who has no call if there is one.
    fn colleague(&self, key: LegKey) -> Option<String> {
        let own = &self.agents.get(&key)?.user;
        let busy = |user: &String| self.agents.values().any(|agent| agent.user == *user);
        let others = self.agent_ids.keys().filter(|user| *user != own);
        others.min_by_key(|user| (busy(user), (*user).clone())).cloned()
    }

    fn begin_to_talk(&mut self, now: Moment, key: LegKey, customer: u32) -> AgentState {
        if let Some(agent) = self.agents.get_mut(&key) {
            agent.customer = Some(customer);
        }
        let Some((handling, turn)) = self.handling.get_mut(&customer) else {
            return AgentState::Staying;
        };
        let Some(Handling { talk, then }) = handling.get(*turn).cloned() else {
            return AgentState::Staying;
        };
        *turn += 1;
        AgentState::Talking { until: now + talk, then }
    }

    fn end_caller(&mut self, now: Moment, key: LegKey) {
        let Some(caller) = self.callers.remove(&key) else { return };
        let (heard, said) = self.engines.close(caller.place);
        self.handling.remove(&caller.order.id);
        let report = Report {
            id: caller.order.id,
            status: caller.status,
            agents: caller.script.map(|script| script.agents().to_vec()).unwrap_or_default(),
            failed: caller.failed,
            setup: caller.answered.unwrap_or(now).since(caller.placed),
            heard,
            said,
        };
        self.news.push(News::Ended(Box::new(report)));
    }

    fn end_agent(&mut self, key: LegKey) {
        let Some(agent) = self.agents.remove(&key) else { return };
        let Some((place, _)) = agent.place else { return };
        let (heard, said) = self.engines.close(place);
        let (user, customer) = (agent.user, agent.customer);
        self.news.push(News::AgentFree { user, customer, heard: Box::new(heard), said });
    }
}

fn in_words(step: &Step) -> String {
    let (what, limit) = match step {
        Step::HearAgent(limit) => ("heard no agent", limit),
        Step::HearAnotherAgent(limit) => ("heard no second agent", limit),
        Step::HearAgentLeave(limit) => ("the agent did not release", limit),
        Step::HearBeep(limit) => ("heard no beep", limit),
        Step::Stay(limit) => ("the switch did not hang up", limit),
        Step::Wait(limit) => ("did not wait", limit),
        Step::Press(_) | Step::HangUp => ("could not act", &Duration::ZERO),
    };
    format!("{what} within {} s", limit.as_secs())
}
