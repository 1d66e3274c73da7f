//! The floor of a day: queues, agents of whom each serves some of them, and callers who wait as
//! long as they have patience. The switch is the product's; phones, the trunk and media are told
//! what to do by a list of what comes next, and time is what that list says.

use anyhow::{Result, ensure};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use signaling::edge::alone;
use signaling::sip::user_agent::{Command as Sip, Event as Told, Incoming, Origin};
use signaling::switch::{Config, Input, Now, Output, Secret, Switch};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use terms::control::{AgentAction, Answer, Ask, Request};
use terms::event::{Entry, Kind, Role};
use terms::media::{Command as Media, Event as Heard, PlayEnd, Quality};
use terms::routing::{InQueue, Matching, Number, Plan, Queue, Strategy, Target};
use terms::{
    AgentId, CallId, LegId, Moment, NumberId, PhoneNumber, QueueId, TenantId, Timestamp, TrunkId,
};

/// Whose day it is.
pub const TENANT: TenantId = TenantId(1);
/// 2026-11-25T00:00 in Shanghai, a Wednesday.
pub const MIDNIGHT: Timestamp = Timestamp::from_secs(1_795_536_000);

/// Who is on the floor.
#[derive(Clone, Copy, Debug)]
pub struct Staff {
    /// All agents.
    pub agents: u64,
    /// Queues, each with a number of its own.
    pub queues: u64,
    /// Agents of a queue. Where all queues together want more than there are, neighbours share.
    pub of_queue: u64,
}

/// That of a whole day: neighbours share most of their agents.
const OF_THE_DAY: Staff = Staff { agents: 420, queues: 40, of_queue: 50 };
/// How long a phone rings before it is answered, in seconds: any time between the two.
pub const RINGS_S: (u64, u64) = (2, 8);
/// The same of a conversation.
pub const TALKS_S: (u64, u64) = (20, 120);
/// What an agent needs afterwards.
pub const WRAP_UP_S: u32 = 5;
const CALLS_MAX: usize = 100_000;
/// How many of 197 calls come in each hour; the last ones end on the same day.
const HOURS: [u64; 24] =
    [1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 14, 10, 14, 18, 18, 16, 12, 8, 6, 5, 4, 2, 1];
const HOUR: Duration = Duration::from_secs(3_600);
/// Nobody calls in the last minutes, so that the day has all of every call.
const LAST: Duration = Duration::from_secs(23 * 3_600 + 40 * 60);
/// What is on its way to the switch takes this long.
const SOON: Duration = Duration::from_millis(1);
const PROMPT: Duration = Duration::from_secs(2);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
                   a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/// The day.
pub struct Day {
    staff: Staff,
    switch: Switch,
    now: Now,
    chance: SmallRng,
    /// What comes next, in the order in which it was said for the same moment.
    ahead: BTreeMap<(Moment, u64), What>,
    made: u64,
    /// Legs whose other end is there.
    dialogs: HashSet<LegId>,
    /// The customer of each call.
    customers: HashMap<CallId, LegId>,
    talking: HashSet<LegId>,
    told: Vec<Entry>,
    answers: Vec<Answer>,
}

enum What {
    /// A word of a phone or the trunk, if its leg is still there.
    Told(LegId, Box<Told>),
    /// A word of media.
    Heard(Box<Heard>),
    /// A customer is out of patience.
    GivesUp(LegId),
    /// The conversation has come to its end.
    HangsUp(LegId),
}

impl Day {
    /// Midnight: all agents sign in.
    ///
    /// # Errors
    /// When the switch refuses the plan or an agent.
    pub fn begin(seed: u64) -> Result<Day> {
        Day::with(OF_THE_DAY, seed)
    }

    /// The same with others on the floor.
    ///
    /// # Errors
    /// The same.
    pub fn with(staff: Staff, seed: u64) -> Result<Day> {
        let config = Config { calls_max: CALLS_MAX, ..Config::default() };
        let mut day = Day {
            staff,
            switch: Switch::new(config, seed, Secret([47; 32])),
            now: Now { moment: Moment::from_secs(1_000), wall: MIDNIGHT },
            chance: SmallRng::seed_from_u64(seed),
            ahead: BTreeMap::new(),
            made: 0,
            dialogs: HashSet::new(),
            customers: HashMap::new(),
            talking: HashSet::new(),
            told: Vec::new(),
            answers: Vec::new(),
        };
        day.ask(Ask::Plan(Box::new(plan(staff))))?;
        for n in 1..=staff.agents {
            let (tenant, agent) = (TENANT, AgentId(n));
            day.feed(Input::Sip(Told::Registered { tenant, agent, registered: true }));
            day.ask(Ask::Agent { tenant, agent, action: AgentAction::SignIn })?;
        }
        Ok(day)
    }

    /// So many calls come and go; `log` takes what the switch writes down.
    ///
    /// # Errors
    /// Those of `log`.
    pub fn pass(&mut self, calls: u64, log: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        let arrivals = self.arrivals(calls);
        self.pass_with(arrivals, log)
    }

    /// So many calls come within `time`, at any moment of it alike, and go.
    ///
    /// # Errors
    /// The same.
    pub fn pass_evenly(
        &mut self,
        calls: u64,
        time: Duration,
        log: impl FnMut(Entry) -> Result<()>,
    ) -> Result<()> {
        let mut at = |_: u64| time.mul_f64(self.chance.random_range(0.0..1.0));
        let mut arrivals: Vec<Duration> = (0..calls).map(&mut at).collect();
        arrivals.sort_unstable();
        self.pass_with(arrivals, log)
    }

    /// Calls come at these times, in order, and go.
    fn pass_with(
        &mut self,
        arrivals: Vec<Duration>,
        mut log: impl FnMut(Entry) -> Result<()>,
    ) -> Result<()> {
        let midnight = self.now.moment;
        let mut calls = arrivals.into_iter().map(|at| midnight + at).peekable();
        loop {
            self.told.drain(..).try_for_each(&mut log)?;
            let (call, event) = (calls.peek().copied(), self.ahead.keys().next().map(|key| key.0));
            if call.is_none() && self.dialogs.is_empty() && self.switch.calls() == 0 {
                return Ok(());
            }
            let timer = self.switch.next_timeout();
            let Some(next) = [call, event, timer].into_iter().flatten().min() else {
                return Ok(());
            };
            self.set_clock(next);
            if event.is_some_and(|at| at <= next) {
                let (_, what) = self.ahead.pop_first().expect("there is a first one");
                self.happen(what);
            } else if call.is_some_and(|at| at <= next) {
                calls.next();
                self.dial();
            } else {
                self.feed(Input::Timeout);
            }
        }
    }

    /// When they come, in order.
    fn arrivals(&mut self, calls: u64) -> Vec<Duration> {
        let all: u64 = HOURS.iter().sum();
        let mut at = |_: u64| {
            let mut place = self.chance.random_range(0..all);
            let mut hour = 0_u32;
            for of_hour in HOURS {
                if place < of_hour {
                    break;
                }
                place -= of_hour;
                hour += 1;
            }
            let within = Duration::from_millis(self.chance.random_range(0..3_600_000));
            (HOUR * hour + within).min(LAST)
        };
        let mut arrivals: Vec<Duration> = (0..calls).map(&mut at).collect();
        arrivals.sort_unstable();
        arrivals
    }

    fn ask(&mut self, body: Ask) -> Result<()> {
        self.feed(Input::Ask(Request { id: 1, body }));
        let answer = self.answers.pop();
        ensure!(answer == Some(Answer::Done), "the switch answers {answer:?}");
        Ok(())
    }

    fn set_clock(&mut self, to: Moment) {
        let to = self.now.moment.max(to);
        let passed = to - self.now.moment;
        self.now = Now { moment: to, wall: self.now.wall + passed };
    }

    fn later(&mut self, after: Duration, what: What) {
        self.made += 1;
        self.ahead.insert((self.now.moment + after, self.made), what);
    }

    fn seconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.chance.random_range(from * 1_000..to * 1_000))
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Told(leg, told) => {
                if self.dialogs.contains(&leg) {
                    self.feed(Input::Sip(*told));
                }
            }
            What::Heard(heard) => self.feed(Input::Media(*heard)),
            What::GivesUp(leg) => {
                if !self.talking.contains(&leg) {
                    self.leaves(leg);
                }
            }
            What::HangsUp(leg) => self.leaves(leg),
        }
    }

    fn leaves(&mut self, leg: LegId) {
        if self.dialogs.remove(&leg) {
            self.feed(Input::Sip(Told::Ended { leg, cause: 16 }));
        }
    }

    /// A customer calls one of the numbers.
    fn dial(&mut self) {
        self.made += 1;
        let leg = LegId(1 << 62 | self.made);
        let queue = self.chance.random_range(1..=self.staff.queues);
        let customer = self.chance.random_range(0..1_000_000_u64);
        let patience = self.seconds(20, 300);
        self.dialogs.insert(leg);
        self.later(patience, What::GivesUp(leg));
        self.feed(Input::Sip(Told::Incoming(Box::new(Incoming {
            leg,
            tenant: TENANT,
            origin: Origin::Trunk(TrunkId(1)),
            by_code: false,
            called: number(queue),
            caller: PhoneNumber::parse(&format!("13{:09}", 800_000_000 + customer), "86"),
            caller_name: String::new(),
            call_id: format!("{leg}@day"),
            user_agent: "day".to_owned(),
            sdp: Some(SDP.to_owned()),
            source: away(7),
            encrypted: false,
            nat: false,
            servers_left: 70,
            diverted: 0,
            category: None,
            charging: None,
            replaces: None,
            join: None,
        }))));
    }

    fn feed(&mut self, input: Input) {
        self.switch.handle_input(self.now, input);
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(command) => self.on_sip(command),
                Output::Media(command) => self.on_media(command),
                Output::Log(entry) => {
                    self.on_entry(&entry);
                    self.told.push(*entry);
                }
                Output::Answer(response) => self.answers.push(response.body),
                // No flow here asks anybody, and nobody writes.
                Output::Http(_)
                | Output::Sql(_)
                | Output::Order(_)
                | Output::Bot(_)
                | Output::TextCame { .. }
                | Output::TextGoes(_) => {}
            }
        }
    }

    fn on_sip(&mut self, command: Sip) {
        match command {
            Sip::Answer { leg, .. } => {
                let acked = Told::Acked { leg, sdp: None };
                self.later(SOON * 10, What::Told(leg, Box::new(acked)));
            }
            Sip::Reject { leg, .. } | Sip::Hangup { leg, .. } => {
                self.dialogs.remove(&leg);
            }
            Sip::Invite(invite) => {
                let leg = invite.leg;
                self.dialogs.insert(leg);
                let rings = Told::Progress { leg, status: 180, early: None };
                self.later(SOON * 20, What::Told(leg, Box::new(rings)));
                let (sdp, source) = (SDP.to_owned(), away(8));
                let answers = Told::Answered { leg, sdp, source, encrypted: false, nat: false };
                let after = self.seconds(RINGS_S.0, RINGS_S.1);
                self.later(after, What::Told(leg, Box::new(answers)));
            }
            _ => {}
        }
    }

    /// Media that is done with everything at once, but for music.
    fn on_media(&mut self, command: Media) {
        let heard = match command {
            Media::Open { leg, .. } => Heard::Opened { leg, rtp: away(1) },
            Media::Play { leg, playback } if !playback.looped => {
                let (playback, end) = (playback.id, PlayEnd::Finished);
                let done = Heard::PlayDone { leg, playback, end };
                return self.later(PROMPT, What::Heard(Box::new(done)));
            }
            Media::Release { leg } => Heard::Released { leg, quality: Quality::default() },
            Media::Measure { leg } => Heard::Measured { leg, quality: Quality::default() },
            _ => return,
        };
        self.later(SOON, What::Heard(Box::new(heard)));
    }

    fn on_entry(&mut self, entry: &Entry) {
        let Some(call) = entry.call else { return };
        match &entry.kind {
            Kind::LegStarted { role: Role::Customer, .. } => {
                self.customers.extend(entry.leg.map(|leg| (call, leg)));
            }
            Kind::Answered { .. } => {
                if let Some(&leg) = self.customers.get(&call) {
                    self.talking.insert(leg);
                    let talk = self.seconds(TALKS_S.0, TALKS_S.1);
                    self.later(talk, What::HangsUp(leg));
                }
            }
            Kind::CallEnded { .. } => {
                if let Some(leg) = self.customers.remove(&call) {
                    self.talking.remove(&leg);
                }
            }
            _ => {}
        }
    }
}

/// An address of somebody outside.
fn away(host: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(192, 0, 2, host), 5_060))
}

fn number(queue: u64) -> String {
    format!("951056{queue:02}")
}

fn plan(staff: Staff) -> Plan {
    let mut plan = Plan::empty(TENANT, "switchgrid");
    plan.version = 1;
    let realm = plan.realm.clone();
    let agent = |n: u64| {
        let user = (1_000 + n).to_string();
        alone::agent(AgentId(n), &user, "only in the day", &realm)
    };
    plan.agents = (1..=staff.agents).map(agent).collect();
    plan.queues = (1..=staff.queues).map(|n| queue(n, staff)).collect();
    plan.numbers = (1..=staff.queues)
        .map(|n| Number { id: NumberId(n), digits: number(n), target: Target::Queue(QueueId(n)) })
        .collect();
    plan.trunks = vec![alone::trunk(&number(1), CALLS_MAX as u32)];
    plan
}

fn queue(n: u64, Staff { agents: all, queues, of_queue }: Staff) -> Queue {
    let agents = (0..of_queue).map(|seat| AgentId(1 + (n * all / queues + seat) % all));
    Queue {
        id: QueueId(n),
        name: format!("queue {n}"),
        strategy: Strategy::LongestIdle,
        agents: agents.collect(),
        priority: 0,
        waiting_max: 50,
        wait_max_s: 180,
        overflow: Target::Hangup,
        ring_max_s: 15,
        wrap_up_s: WRAP_UP_S,
        music: "music/wait".into(),
        announce_every_s: 0,
        record: false,
        survey: false,
        service_level_s: 20,
        matching: Matching::default(),
        in_queue: InQueue::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_busy_hours_and_is_over_before_midnight() {
        let mut day = Day::begin(1).unwrap();
        let arrivals = day.arrivals(10_000);
        assert!(arrivals.is_sorted() && arrivals[9_999] <= LAST);
        let of = |hour: u64| arrivals.iter().filter(|at| at.as_secs() / 3_600 == hour).count();
        assert!(of(9) > 2 * of(6) && of(6) > of(3), "{} {} {}", of(3), of(6), of(9));
    }
}
