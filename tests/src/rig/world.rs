//! The world: the calendar of what is due, the clock that jumps from one thing to the next, and the
//! doing of it. What happens by itself is in `day`.

mod day;

use super::center::{Center, sip_address};
use super::disk::Disk;
use super::handset::{Handset, Heard};
use super::network::{Datagram, Weather};
use super::people::{Behaviour, Caller, CallerId, Habit, Reply};
use super::phone::{Line, Phone, User, audio_of, sdp};
use super::plan::{BOX_IP, CITY_IP, SIP_PORT, TENANT, box_plan, phone_ip};
use super::{millis, minutes, seconds};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use signaling::sip::user_agent::{Command, Event, Incoming};
use signaling::switch::rig::MORNING;
use signaling::switch::{self, Now};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;
use terms::control::{AgentAction, Answer, Ask, Asker, CallAction, LiveState, RecordingOrder};
use terms::event::Activity;
use terms::routing::{Change, Delta};
use terms::{AgentId, LegId, Moment, UserId};

/// The clock at the beginning.
const START: Moment = Moment::from_secs(1_000);
/// Agents of the plan.
const AGENTS: u64 = 3;
/// The public network among the phones.
const CITY: usize = 0;
/// Pauses between two sendings of a REFER (RFC 3261 §17.1.2.2), then it is given up.
const REFER_PAUSES: [u64; 7] = [500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000];
/// How long a silence of a voice means that its owner has gone.
const GONE_AFTER: Duration = Duration::from_millis(1_500);

/// Something that is due.
enum Due {
    Arrive(Datagram),
    /// The next packet of a handset.
    Speak(usize),
    Act(Act),
}

/// What people do at their time.
enum Act {
    Dial(usize),
    /// A caller looks at how the call goes.
    Look(usize),
    Code(AgentId, &'static str),
    Answer(usize, LegId),
    Refuse(usize, LegId),
    Hold(usize, LegId, Duration),
    Resume(usize, LegId),
    Refer(usize, LegId, String),
    /// To the conversation that this agent has then, on a screen.
    Control(AgentId, CallAction),
    Record(AgentId, RecordingOrder),
    ReferAgain(usize, String, usize),
    Hang(usize, LegId),
    Meet(day::Step),
    /// Agents whom the box set aside say that they are there.
    Tend,
}

/// Everything.
pub struct World {
    /// For the reader of a failure.
    pub seed: u64,
    /// Both clocks.
    pub now: Now,
    /// The box.
    pub center: Center,
    /// The public network, then each agent's phone.
    pub phones: Vec<Phone>,
    /// All handsets that ever were.
    pub handsets: Vec<Handset>,
    /// Everybody who calls.
    pub callers: Vec<Caller>,
    /// Agents who always do the same; the others do anything.
    pub habits: BTreeMap<AgentId, Habit>,
    /// How the network is.
    pub weather: Weather,
    /// Datagrams that the network lost.
    pub lost: u64,
    /// What was said in SIP since somebody began to listen.
    pub tap: Option<Vec<Datagram>>,
    rng: SmallRng,
    calendar: BTreeMap<(Moment, u64), Due>,
    noted: u64,
    listening: HashMap<SocketAddr, usize>,
    wakes: Vec<Option<Moment>>,
    ptimes: &'static [u32],
    tended: bool,
    /// When the meetings of the day begin.
    meetings: Vec<Duration>,
}

impl World {
    /// A day with 30 callers in its first 20 minutes, three agents, an ordinary network and a disk
    /// that fails now and then.
    pub fn seed(seed: u64) -> Self {
        let mut world = Self::with(seed, Weather::fair(), 0.01, switch::Config::default());
        world.ptimes = &[60, 60, 40, 20];
        world.tended = true;
        world.passes();
        world
    }

    /// A world in which nothing happens by itself but that phones register.
    pub fn quiet(seed: u64, weather: Weather) -> Self {
        Self::with(seed, weather, 0.0, switch::Config::default())
    }

    /// The same with a switch that works by `habits`.
    pub fn quiet_with(seed: u64, weather: Weather, habits: switch::Config) -> Self {
        Self::with(seed, weather, 0.0, habits)
    }

    fn with(seed: u64, weather: Weather, trouble: f64, habits: switch::Config) -> Self {
        let now = Now { moment: START, wall: MORNING };
        let agents = (1..=AGENTS).map(AgentId);
        let mut phones = vec![Phone::new(now, None, CITY_IP, seed ^ 0xC17)];
        phones.extend(
            agents.map(|agent| Phone::new(now, Some(agent), phone_ip(agent), seed ^ agent.0 << 8)),
        );
        let mut world = World {
            seed,
            now,
            center: Center::new(now, seed, &box_plan(), Disk::new(seed, trouble), habits),
            wakes: vec![Some(START); phones.len()],
            phones,
            handsets: Vec::new(),
            callers: Vec::new(),
            habits: BTreeMap::new(),
            weather,
            lost: 0,
            tap: None,
            rng: SmallRng::seed_from_u64(seed),
            calendar: BTreeMap::new(),
            noted: 0,
            listening: HashMap::new(),
            ptimes: &[20],
            tended: false,
            meetings: Vec::new(),
        };
        for phone in 0..world.phones.len() {
            world.settle_phone(phone);
        }
        world
    }

    // ---- what stories ask for ----

    /// Somebody calls, `after` from now.
    pub fn calls(&mut self, after: Duration, called: &str, behaviour: Behaviour) -> CallerId {
        let id = self.callers.len();
        self.callers.push(Caller {
            number: format!("138001{id:05}"),
            called: called.to_owned(),
            behaviour,
            dialled: None,
            leg: None,
            handset: None,
            answered: None,
            talking: None,
            pressed: None,
            ended: None,
        });
        self.at(after, Act::Dial(id));
        CallerId(id)
    }

    /// Somebody in the public network sends these bytes to the box.
    pub fn city_sends(&mut self, bytes: &[u8]) {
        let (from, to) = (self.phones[CITY].address, sip_address());
        self.note(self.now.moment, Due::Arrive(Datagram { from, to, bytes: bytes.to_vec() }));
    }

    /// The agent does something on the screen.
    ///
    /// # Panics
    /// When the box refuses.
    pub fn acts(&mut self, agent: AgentId, action: AgentAction) {
        let ask = Ask::Agent { tenant: TENANT, agent, action };
        assert_eq!(self.center.ask(self.now, ask), Answer::Done, "seed {}", self.seed);
        self.settle();
    }

    /// Somebody does this on a screen to the conversation that `agent` has, `after` from now.
    pub fn controls(&mut self, after: Duration, agent: AgentId, action: CallAction) {
        self.at(after, Act::Control(agent, action));
    }

    /// The caller puts their phone on hold now, for so long.
    pub fn caller_holds(&mut self, caller: CallerId, length: Duration) {
        if let Some(leg) = self.callers[caller.0].leg {
            self.act(Act::Hold(CITY, leg, length));
        }
    }

    /// The agent asks for it on the screen, so long from now.
    pub fn records(&mut self, after: Duration, agent: u64, order: RecordingOrder) {
        self.at(after, Act::Record(AgentId(agent), order));
    }

    /// The administrator changes the plan.
    ///
    /// # Panics
    /// When the box refuses.
    pub fn changes(&mut self, change: Change) {
        let version = self.state().plan_version + 1;
        let delta = Box::new(Delta { version, tenant: TENANT, change });
        let answer = self.center.ask(self.now, Ask::Delta(delta));
        assert_eq!(answer, Answer::Done, "seed {}", self.seed);
        self.settle();
    }

    /// The agent always does this.
    pub fn habit(&mut self, agent: u64, habit: Habit) {
        self.habits.insert(AgentId(agent), habit);
    }

    /// Agents sign in on the screen, `after` that their phones are registered.
    pub fn sign_in(&mut self, agents: &[u64]) {
        self.run_for(seconds(3));
        for &agent in agents {
            self.acts(AgentId(agent), AgentAction::SignIn);
        }
    }

    /// The live state.
    ///
    /// # Panics
    /// When the box has no plan.
    pub fn state(&mut self) -> LiveState {
        match self.center.ask(self.now, Ask::State { tenant: TENANT }) {
            Answer::State(state) => state,
            other => panic!("seed {}: no state: {other:?}", self.seed),
        }
    }

    /// What a caller heard of people.
    pub fn heard(&self, caller: CallerId) -> &[Heard] {
        let handset = self.callers[caller.0].handset;
        handset.map_or(&[], |set| &self.handsets[set].heard)
    }

    /// The caller.
    pub fn caller(&self, caller: CallerId) -> &Caller {
        &self.callers[caller.0]
    }

    /// The voices that an agent's phone had, one a call.
    pub fn voices_of(&self, agent: u64) -> Vec<u16> {
        let ip = phone_ip(AgentId(agent));
        let of_agent = self.handsets.iter().filter(|set| set.local.ip() == ip);
        of_agent.map(|set| set.tag).collect()
    }

    /// Runs until `time` after the beginning.
    pub fn run_until(&mut self, time: Duration) {
        self.run_to(START + time);
    }

    /// Runs for `time`.
    pub fn run_for(&mut self, time: Duration) {
        self.run_to(self.now.moment + time);
    }

    /// Nobody calls any more, all sign out, everybody hangs up, and time passes until nothing is
    /// left that could still end.
    pub fn close(&mut self) {
        self.run_for(minutes(5));
        self.tended = false;
        for agent in 1..=AGENTS {
            self.acts(AgentId(agent), AgentAction::SignOut);
        }
        self.calendar.retain(|_, due| !matches!(due, Due::Act(Act::Dial(_) | Act::Tend)));
        self.run_for(minutes(5));
        for phone in 0..self.phones.len() {
            for leg in self.phones[phone].lines.keys().copied().collect::<Vec<_>>() {
                self.hang(phone, leg);
            }
        }
        // The longest that anything is remembered is a silence of ten minutes that is not told.
        self.run_for(minutes(25));
    }

    // ---- time ----

    fn at(&mut self, after: Duration, act: Act) {
        self.note(self.now.moment + after, Due::Act(act));
    }

    fn note(&mut self, at: Moment, due: Due) {
        self.noted += 1;
        self.calendar.insert((at, self.noted), due);
    }

    fn set_clock(&mut self, to: Moment) {
        let moment = self.now.moment.max(to);
        // Counted from the beginning: a wall clock of whole microseconds would lose a part of one
        // with each of a million steps.
        self.now = Now { moment, wall: MORNING + (moment - START) };
    }

    fn run_to(&mut self, end: Moment) {
        loop {
            let noted = self.calendar.first_key_value().map(|(&(at, _), _)| at);
            let phone = self.wakes.iter().flatten().min().copied();
            let next = [noted, phone, self.center.next_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|&at| at <= end) else { break };
            self.set_clock(next);
            if noted.is_some_and(|at| at <= next) {
                let (_, due) = self.calendar.pop_first().expect("there is a first entry");
                self.do_due(due);
            } else if phone.is_some_and(|at| at <= next) {
                self.wake_phones();
            } else {
                self.center.timeouts(self.now);
                self.settle();
            }
        }
        self.set_clock(end);
    }

    fn do_due(&mut self, due: Due) {
        match due {
            Due::Arrive(datagram) if datagram.to.ip() == BOX_IP => {
                self.center.arrive(self.now, datagram);
                self.settle();
            }
            Due::Arrive(datagram) => self.arrive_at_phone(&datagram),
            Due::Speak(set) => self.speak(set),
            Due::Act(act) => self.act(act),
        }
    }

    fn arrive_at_phone(&mut self, datagram: &Datagram) {
        if let Some(&set) = self.listening.get(&datagram.to) {
            return self.handsets[set].hear(self.now.moment, &datagram.bytes);
        }
        let phone = self.phones.iter().position(|phone| phone.address == datagram.to);
        // Reports, and packets for a handset that is on the hook again.
        let Some(phone) = phone else { return };
        self.phones[phone].arrive(self.now, datagram.from, &datagram.bytes);
        self.settle_phone(phone);
    }

    fn wake_phones(&mut self) {
        for phone in 0..self.phones.len() {
            if self.wakes[phone].is_some_and(|at| at <= self.now.moment) {
                self.phones[phone].user_agent.handle_timeout(self.now);
                self.settle_phone(phone);
            }
        }
    }

    fn send(&mut self, datagram: Datagram) {
        let is_sip = datagram.from.port() == SIP_PORT && datagram.to.port() == SIP_PORT;
        if let Some(tap) = self.tap.as_mut().filter(|_| is_sip) {
            tap.push(datagram.clone());
        }
        if let Some(after) = self.weather.twin(&mut self.rng) {
            self.note(self.now.moment + after, Due::Arrive(datagram.clone()));
        }
        match self.weather.fate(&mut self.rng) {
            Some(after) => self.note(self.now.moment + after, Due::Arrive(datagram)),
            None => self.lost += 1,
        }
    }

    /// What the box wants to send is on its way.
    fn settle(&mut self) {
        for datagram in std::mem::take(&mut self.center.out) {
            self.send(datagram);
        }
    }

    fn settle_phone(&mut self, phone: usize) {
        while let Some(event) = self.phones[phone].poll_event() {
            self.phone_event(phone, event);
        }
        self.phones[phone].flush();
        for datagram in std::mem::take(&mut self.phones[phone].out) {
            self.send(datagram);
        }
        // A core that has nothing due right now must not be asked at the same moment again.
        let next = self.phones[phone].user_agent.next_timeout();
        self.wakes[phone] = next.map(|at| at.max(Moment(self.now.moment.0 + 1)));
    }

    // ---- audio ----

    fn speak(&mut self, set: usize) {
        let handset = &mut self.handsets[set];
        if !handset.open {
            return;
        }
        if let Some(to) = handset.remote {
            let (from, bytes) = (handset.local, handset.speak());
            self.send(Datagram { from, to, bytes });
        }
        let pause = millis(u64::from(self.handsets[set].ptime_ms));
        self.note(self.now.moment + pause, Due::Speak(set));
    }

    fn new_handset(&mut self, phone: usize) -> usize {
        let local = self.phones[phone].next_port();
        let set = self.handsets.len();
        let ptime_ms = self.ptimes[self.rng.random_range(0..self.ptimes.len())];
        self.handsets.push(Handset::new(local, set as u16 + 1, ptime_ms));
        self.listening.insert(local, set);
        set
    }

    fn pick_up(&mut self, set: usize, sdp: Option<&str>) {
        let remote = sdp.and_then(audio_of);
        let handset = &mut self.handsets[set];
        handset.remote = remote.or(handset.remote);
        if !std::mem::replace(&mut handset.open, true) {
            self.note(self.now.moment, Due::Speak(set));
        }
    }

    fn put_down(&mut self, set: usize) {
        let handset = &mut self.handsets[set];
        handset.open = false;
        self.listening.remove(&handset.local);
    }

    // ---- what phones hear ----

    fn phone_event(&mut self, phone: usize, event: Event) {
        match event {
            Event::Incoming(incoming) => self.ring(phone, *incoming),
            Event::Answered { leg, sdp, .. } => {
                let Some(line) = self.phones[phone].lines.get_mut(&leg) else { return };
                line.answered = true;
                let (set, user) = (line.handset, line.user);
                self.pick_up(set, Some(&sdp));
                if let User::Caller(caller) = user {
                    self.callers[caller].answered = Some(self.now.moment);
                }
            }
            Event::Offer { leg, sdp: offer, .. } => {
                let Some(line) = self.phones[phone].lines.get(&leg) else { return };
                let set = line.handset;
                self.handsets[set].remote =
                    offer.as_deref().and_then(audio_of).or(self.handsets[set].remote);
                let sdp = sdp(&self.handsets[set], "sendrecv", 2);
                self.command(phone, Command::AcceptOffer { leg, sdp });
            }
            Event::Ended { leg, .. } | Event::Failed { leg, .. } => self.over(phone, leg),
            Event::Refer { leg, .. } => {
                self.command(phone, Command::RejectRefer { leg, status: 403 });
            }
            Event::Progress { .. }
            | Event::Acked { .. }
            | Event::OfferAccepted { .. }
            | Event::OfferRejected { .. }
            | Event::Digit { .. }
            | Event::Registered { .. }
            | Event::Browser { .. }
            | Event::AppsAlone { .. }
            | Event::TextCame(_)
            | Event::TextDone { .. }
            | Event::Trunk { .. } => {}
        }
    }

    fn ring(&mut self, phone: usize, incoming: Incoming) {
        let leg = incoming.leg;
        let set = self.new_handset(phone);
        self.handsets[set].remote = incoming.sdp.as_deref().and_then(audio_of);
        let agent = self.phones[phone].agent;
        let user = if agent.is_some() { User::Agent } else { User::Outsider };
        let line = Line { user, handset: set, call_id: incoming.call_id, answered: false };
        self.phones[phone].lines.insert(leg, line);
        self.command(phone, Command::Progress { leg, status: 180, sdp: None });
        let habit = match agent {
            Some(agent) => match self.habits.get(&agent) {
                Some(habit) => habit.clone(),
                None => Habit::any(&mut self.rng, agent),
            },
            None => self.outsider(set, &incoming.called),
        };
        match habit.reply {
            Reply::Ignore => {}
            Reply::Decline(after) => self.at(after, Act::Refuse(phone, leg)),
            Reply::Answer(after) => {
                self.at(after, Act::Answer(phone, leg));
                if let Some((begin, length)) = habit.hold {
                    self.at(after + begin, Act::Hold(phone, leg, length));
                }
                if let Some((begin, target)) = habit.refer {
                    self.at(after + begin, Act::Refer(phone, leg, target));
                }
                if let (Some(agent), Some((begin, target))) = (agent, habit.invite) {
                    self.controls(after + begin, agent, CallAction::Invite { target });
                }
                if let Some(talk) = habit.talk {
                    self.at(after + talk, Act::Hang(phone, leg));
                }
            }
        }
    }

    fn over(&mut self, phone: usize, leg: LegId) {
        let Some(line) = self.phones[phone].lines.remove(&leg) else { return };
        self.put_down(line.handset);
        if let User::Caller(caller) = line.user {
            self.callers[caller].ended = Some(self.now.moment);
            self.callers[caller].leg = None;
        }
    }

    fn command(&mut self, phone: usize, command: Command) {
        self.phones[phone].user_agent.handle_command(self.now, command);
    }

    // ---- what people do ----

    fn act(&mut self, act: Act) {
        match act {
            Act::Dial(caller) => self.dial(caller),
            Act::Look(caller) => self.look(caller),
            Act::Code(agent, code) => {
                let phone = agent.0 as usize;
                let set = self.new_handset(phone);
                let me = super::plan::user(agent);
                self.dial_on(phone, code, &me, User::Code, set);
            }
            Act::Answer(phone, leg) => self.answer(phone, leg),
            Act::Refuse(phone, leg) => {
                if self.is_live(phone, leg) {
                    let (status, cause) = (486, 17);
                    let refusal =
                        Command::Reject { leg, status, cause, retry_after_s: None, warning: None };
                    self.command(phone, refusal);
                    self.over(phone, leg);
                    self.settle_phone(phone);
                }
            }
            Act::Hold(phone, leg, length) => {
                if self.reoffer(phone, leg, "sendonly", 2) {
                    self.at(length, Act::Resume(phone, leg));
                }
            }
            Act::Resume(phone, leg) => {
                self.reoffer(phone, leg, "sendrecv", 3);
            }
            Act::Refer(phone, leg, target) => {
                if self.is_live(phone, leg)
                    && let Some(name) = self.phones[phone].refer(leg, &target)
                {
                    self.act(Act::ReferAgain(phone, name, 0));
                }
            }
            Act::ReferAgain(phone, name, turn) => self.refer_again(phone, name, turn),
            Act::Control(agent, action) => self.control(agent, action),
            Act::Record(agent, order) => {
                let by = Asker { user: UserId(agent.0), any: false };
                self.control(agent, CallAction::Record { order, by });
            }
            Act::Hang(phone, leg) => self.hang(phone, leg),
            Act::Meet(step) => self.meet(step),
            Act::Tend => self.tend(),
        }
    }

    fn dial(&mut self, caller: usize) {
        let set = self.new_handset(CITY);
        let Caller { number, called, .. } = self.callers[caller].clone();
        let leg = self.dial_on(CITY, &called, &number, User::Caller(caller), set);
        let calling = &mut self.callers[caller];
        calling.handset = Some(set);
        calling.leg = Some(leg);
        calling.dialled = Some(self.now.moment);
        self.settle_phone(CITY);
        self.at(millis(500), Act::Look(caller));
    }

    fn dial_on(&mut self, phone: usize, to: &str, from: &str, user: User, set: usize) -> LegId {
        let leg = self.phones[phone].dial(self.now, to, from, user, &self.handsets[set]);
        self.phones[phone].lines.get_mut(&leg).expect("it was just dialled").handset = set;
        self.settle_phone(phone);
        leg
    }

    fn look(&mut self, id: usize) {
        let now = self.now.moment;
        let caller = &mut self.callers[id];
        let (Some(leg), Some(set), Some(dialled)) = (caller.leg, caller.handset, caller.dialled)
        else {
            return;
        };
        let handset = &mut self.handsets[set];
        let hears = handset.heard_people_at().is_some_and(|at| now - at < GONE_AFTER);
        if hears {
            caller.talking.get_or_insert(now);
        }
        if let Some(answered) = caller.answered
            && let Some((after, keys)) =
                caller.behaviour.keys.take_if(|keys| now - answered >= keys.0)
        {
            let _: Duration = after;
            handset.press(&keys);
        }
        let behaviour = &caller.behaviour;
        if let (Some(_), false, Some(key)) = (caller.talking, hears, behaviour.survey)
            && caller.pressed.is_none_or(|at| now - at >= seconds(3))
        {
            handset.press(&key.to_string());
            caller.pressed = Some(now);
        }
        let bored = match (caller.talking, caller.answered) {
            (Some(since), _) => now - since >= behaviour.talk && hears,
            (None, Some(answered)) => now - answered >= behaviour.patience,
            (None, None) => now - dialled >= behaviour.patience,
        };
        if bored || now - dialled >= behaviour.longest {
            self.hang(CITY, leg);
        } else {
            self.at(millis(500), Act::Look(id));
        }
    }

    fn is_live(&self, phone: usize, leg: LegId) -> bool {
        self.phones[phone].lines.contains_key(&leg)
    }

    fn answer(&mut self, phone: usize, leg: LegId) {
        let Some(line) = self.phones[phone].lines.get_mut(&leg) else { return };
        line.answered = true;
        let set = line.handset;
        let sdp = sdp(&self.handsets[set], "sendrecv", 1);
        self.command(phone, Command::Answer { leg, sdp });
        self.pick_up(set, None);
        self.settle_phone(phone);
    }

    fn reoffer(&mut self, phone: usize, leg: LegId, direction: &str, version: u32) -> bool {
        let Some(line) = self.phones[phone].lines.get(&leg) else { return false };
        let sdp = sdp(&self.handsets[line.handset], direction, version);
        self.command(phone, Command::Reoffer { leg, sdp });
        self.settle_phone(phone);
        true
    }

    fn refer_again(&mut self, phone: usize, name: String, turn: usize) {
        let Some(bytes) = self.phones[phone].refers.get(&name).cloned() else { return };
        let Some(&pause) = REFER_PAUSES.get(turn) else { return };
        let from = self.phones[phone].address;
        self.send(Datagram { from, to: sip_address(), bytes });
        self.at(millis(pause), Act::ReferAgain(phone, name, turn + 1));
    }

    /// Something is done to the conversation of an agent: they ask somebody in or pause the
    /// recording, or a supervisor takes part. Where there is none, or it is refused, everything goes
    /// on as it was.
    fn control(&mut self, agent: AgentId, action: CallAction) {
        let talks = |phase: &str| matches!(phase, "talking" | "holding");
        let calls = self.state().calls;
        let mine = calls.iter().find(|call| call.agent == Some(agent) && talks(&call.phase));
        if let Some(call) = mine.map(|call| call.call) {
            self.center.ask(self.now, Ask::Call { tenant: TENANT, call, action });
            self.settle();
        }
    }

    fn hang(&mut self, phone: usize, leg: LegId) {
        if self.is_live(phone, leg) {
            self.command(phone, Command::Hangup { leg, cause: 16 });
            self.over(phone, leg);
            self.settle_phone(phone);
        }
    }

    fn tend(&mut self) {
        if !self.tended {
            return;
        }
        let aside: Vec<AgentId> = self
            .state()
            .agents
            .iter()
            .filter(|agent| agent.activity == Activity::Break)
            .map(|agent| agent.agent)
            .collect();
        for agent in aside {
            self.acts(agent, AgentAction::Ready);
        }
        self.at(seconds(20), Act::Tend);
    }
}
