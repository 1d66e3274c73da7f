//! The box: the production machines, wired as the edges of signaling and mediacore wire them, with
//! every port, entry and row counted.

use super::disk::Disk;
use super::network::Datagram;
use super::plan::{BOX_IP, REALM, SIP_PORT};
use mediacore::leg::LegIdx;
use mediacore::prompt::{Prompt, PromptStore};
use mediacore::shard::{self, Channel, PortOrder, Shard, TRANSMIT_MAX, Verdict};
use mediacore::slot::Slots;
use signaling::kept::{Change, Key};
use signaling::sip::digest::Algorithm;
use signaling::sip::flow::{Host, Transport};
use signaling::sip::user_agent::Command;
use signaling::sip::{self, Listener, UserAgent};
use signaling::switch::rig::Books;
use signaling::switch::{self, Input, Now, Output, Secret, Switch};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use terms::control::{Answer, Ask, Request, Response};
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::media::{self, Event, Ledger};
use terms::record::Row;
use terms::routing::Plan;
use terms::{LegId, Moment, TenantId, Timestamp};
use warehouse::derive::Fold;

/// RTP ports: pairs from here on.
const PORTS_FROM: u16 = 20_000;
/// Legs at once.
const LEGS_MAX: usize = 512;
/// Names the start of the machine that all processes of a world belong to.
const BOOT: u128 = 7;
/// Q.850 cause of a dialog that no call has any more: temporary failure.
const LOST_CAUSE: u8 = 41;

/// The box.
pub struct Center {
    /// SIP.
    pub user_agent: UserAgent,
    /// Calls.
    pub switch: Switch,
    /// Media.
    pub shard: Shard,
    /// Under the recorder.
    pub disk: Disk,
    /// Everything that happened.
    pub entries: Vec<Entry>,
    /// What derives from it.
    pub fold: Fold,
    /// What it gave.
    pub rows: Vec<Row>,
    /// What must balance.
    pub books: Books,
    /// To the network.
    pub out: Vec<Datagram>,
    /// Ports that are reserved.
    pub ports: HashMap<LegIdx, u16>,
    /// When the process was killed.
    pub kills: Vec<Timestamp>,
    legs: HashMap<u16, LegIdx>,
    answers: Vec<Response>,
    asked: u64,
    seed: u64,
    plan: Plan,
    habits: switch::Config,
    /// Where media keeps its legs.
    memory: Arc<Vec<AtomicU64>>,
    /// What signaling keeps.
    kept: BTreeMap<Key, Change>,
    /// Legs that media opened in processes of before.
    legs_before: u64,
}

/// Keys of audio that a seed reproduces.
fn secret(seed: u64) -> Secret {
    Secret(std::array::from_fn(|n| (seed >> (n % 8 * 8)) as u8))
}

/// Where the box listens for SIP.
pub fn sip_address() -> SocketAddr {
    SocketAddr::new(BOX_IP, SIP_PORT)
}

fn prompts() -> PromptStore {
    let tone = |samples: usize, level: i16| Prompt::from_samples(&vec![level; samples]);
    let mut prompts = Vec::new();
    for language in ["zh-CN", "en"] {
        let extra = ["closed", "error", "test"].map(str::to_owned);
        let words = signaling::ivr::prompt::names(language).into_iter().chain(extra);
        let spoken = words.filter(|word| !word.starts_with("music/"));
        prompts.extend(spoken.map(|word| (format!("{language}/{word}"), tone(6_400, 3_000))));
    }
    prompts.push(("music/wait".to_owned(), tone(40_000, 900)));
    prompts.push(("music/hold".to_owned(), tone(40_000, 700)));
    PromptStore::new(prompts)
}

fn user_agent(seed: u64) -> UserAgent {
    let mut config = sip::Config::new(vec![Listener {
        transport: Transport::Udp,
        advertised: sip_address(),
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
    }]);
    config.realm = REALM.to_owned();
    config.keeps = true;
    UserAgent::new(config, seed)
}

fn media_core(now: Moment, seed: u64, memory: &Arc<Vec<AtomicU64>>) -> Shard {
    let config = shard::Config { seed, legs_max: LEGS_MAX, ..shard::Config::default() };
    let (slots, _) = Slots::take(memory.clone(), BOOT, now);
    Shard::new(config, prompts()).with_slots(slots)
}

impl Center {
    /// A box that just started with `plan` and works by `habits`.
    ///
    /// # Panics
    /// When the switch refuses the plan.
    pub fn new(now: Now, seed: u64, plan: &Plan, disk: Disk, habits: switch::Config) -> Self {
        let habits = switch::Config { keeps: true, ..habits };
        let memory: Arc<Vec<AtomicU64>> =
            Arc::new((0..Slots::words(LEGS_MAX)).map(|_| AtomicU64::new(0)).collect());
        let mut center = Center {
            user_agent: user_agent(seed),
            switch: Switch::new(habits.clone(), seed, secret(seed)),
            shard: media_core(now.moment, seed, &memory),
            disk,
            entries: Vec::new(),
            fold: Fold::new(),
            rows: Vec::new(),
            books: Books::default(),
            out: Vec::new(),
            ports: HashMap::new(),
            kills: Vec::new(),
            legs: HashMap::new(),
            answers: Vec::new(),
            asked: 0,
            seed,
            plan: plan.clone(),
            habits,
            memory,
            kept: BTreeMap::new(),
            legs_before: 0,
        };
        center.begin(now, &[]);
        center.carry(now);
        center.expect_plan();
        center
    }

    /// Says that a process began, and gives it the plan; [`Center::expect_plan`] is to follow.
    fn begin(&mut self, now: Now, kept: &[Change]) {
        let kept = Switch::calls_kept(kept).into_iter().collect();
        self.log(Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: now.wall,
            tenant: TenantId(0),
            contact: None,
            call: None,
            leg: None,
            kind: Kind::Started { program: "world".to_owned(), kept },
        });
        self.user_agent.set_plan(now, &self.plan);
        self.asked += 1;
        let (id, body) = (self.asked, Ask::Plan(Box::new(self.plan.clone())));
        self.switch.handle_input(now, Input::Ask(Request { id, body }));
    }

    fn expect_plan(&mut self) {
        let taken = self.answers.pop().map(|answer| answer.body);
        assert_eq!(taken, Some(Answer::Done), "the plan is taken");
    }

    /// The process is killed, and the next one takes up what it kept, as the edges do it: media its
    /// legs, then signaling its calls, under the plan that the box began with; what one has and the
    /// other does not know of is let go.
    ///
    /// # Panics
    /// When a slot of media is torn, or the switch refuses the plan.
    pub fn kill(&mut self, now: Now) {
        let kept: Vec<Change> = self.kept.values().cloned().collect();
        self.legs_before = self.legs_opened();
        self.kills.push(now.wall);
        let seed = self.seed ^ (self.kills.len() as u64) << 32;
        self.shard.slots().alive(now.moment);
        self.shard = media_core(now.moment, seed, &self.memory);
        self.switch = Switch::new(self.habits.clone(), seed, secret(seed));
        self.user_agent = user_agent(seed);
        self.disk.kill(now.moment);
        self.answers.clear();
        // What had not left the socket.
        self.out.clear();

        let media_legs = self.restore_media(now.moment);
        self.begin(now, &kept);
        self.user_agent.restore(now, &kept);
        let user_agent = &self.user_agent;
        let has_dialog = |leg| user_agent.has_leg(leg);
        self.switch.restore(now, &kept, has_dialog, |leg| media_legs.contains(&leg));
        for leg in self.user_agent.leg_names() {
            if !self.switch.has_leg(leg) {
                self.user_agent.handle_command(now, Command::Hangup { leg, cause: LOST_CAUSE });
            }
        }
        for &leg in media_legs.iter().filter(|&&leg| !self.switch.has_leg(leg)) {
            self.shard.handle_command(now.moment, media::Command::Release { leg });
        }
        self.carry(now);
        self.expect_plan();
    }

    /// The legs that media goes on with; the ports of others are given back.
    fn restore_media(&mut self, now: Moment) -> BTreeSet<LegId> {
        let (found, torn) = self.shard.find_kept();
        assert_eq!(torn, 0, "a slot is torn");
        for (place, kept, going) in &found {
            self.shard.restore(now, *place, kept, going);
        }
        let stays = |place: &LegIdx| found.iter().any(|(other, ..)| other == place);
        let gone: Vec<LegIdx> = self.ports.keys().copied().filter(|place| !stays(place)).collect();
        for place in gone {
            self.port(PortOrder::Close(place));
        }
        found.iter().map(|(_, kept, _)| kept.leg).collect()
    }

    /// Legs that media opened, in all processes together.
    pub fn legs_opened(&self) -> u64 {
        let stats = self.shard.stats();
        self.legs_before + stats.legs_opened - stats.legs_restored
    }

    /// Asks the switch.
    ///
    /// # Panics
    /// When it does not answer at once.
    pub fn ask(&mut self, now: Now, body: Ask) -> Answer {
        self.asked += 1;
        let id = self.asked;
        self.switch.handle_input(now, Input::Ask(Request { id, body }));
        self.carry(now);
        let place = self.answers.iter().position(|answer| answer.id == id);
        self.answers.swap_remove(place.expect("everything but a drain is answered at once")).body
    }

    /// A datagram came to one of our ports.
    pub fn arrive(&mut self, now: Now, datagram: Datagram) {
        let Datagram { from, to, mut bytes } = datagram;
        if to.port() == SIP_PORT {
            self.user_agent.handle_datagram(now, 0, from, &bytes);
        } else if let Some(&leg) = self.legs.get(&(to.port() & !1)) {
            if to.port() % 2 == 1 {
                self.shard.handle_rtcp(now.moment, leg, from, &mut bytes);
            } else {
                let len = bytes.len();
                bytes.resize(len + mediacore::srtp::ROOM_BYTES, 0);
                let verdict = self.shard.handle_packet(now.moment, leg, from, &mut bytes, len);
                // What was queued before leaves before.
                self.carry_datagrams();
                if let Verdict::Forward { to, address, range } = verdict {
                    let from = self.local(to, Channel::Rtp);
                    self.out.push(Datagram { from, to: address, bytes: bytes[range].to_vec() });
                }
            }
        }
        self.carry(now);
    }

    /// When something is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        let due = [
            self.user_agent.next_timeout(),
            self.switch.next_timeout(),
            self.shard.next_timeout(),
            self.disk.next_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn timeouts(&mut self, now: Now) {
        let due = |at: Option<Moment>| at.is_some_and(|at| at <= now.moment);
        if due(self.user_agent.next_timeout()) {
            self.user_agent.handle_timeout(now);
        }
        if due(self.switch.next_timeout()) {
            self.switch.handle_input(now, Input::Timeout);
        }
        if due(self.shard.next_timeout()) {
            self.shard.tick(now.moment);
        }
        if due(self.disk.next_timeout()) {
            for ledger in self.disk.handle_timeout(now.moment) {
                self.recorded(now, ledger);
            }
        }
        self.carry(now);
    }

    fn recorded(&mut self, now: Now, ledger: Ledger) {
        self.switch.handle_input(now, Input::Media(Event::Recorded(ledger)));
    }

    /// Carries outputs until there are none; SIP packets go last.
    fn carry(&mut self, now: Now) {
        loop {
            let mut quiet = true;
            while let Some(event) = self.user_agent.poll_event() {
                quiet = false;
                self.switch.handle_input(now, Input::Sip(event));
            }
            while let Some(output) = self.switch.poll_output() {
                quiet = false;
                self.output(now, output);
            }
            self.carry_datagrams();
            while let Some(order) = self.shard.poll_port() {
                quiet = false;
                self.port(order);
            }
            while let Some(event) = self.shard.poll_event() {
                quiet = false;
                self.switch.handle_input(now, Input::Media(event));
            }
            if quiet {
                break;
            }
        }
        while let Some(block) = self.shard.poll_block() {
            self.disk.accept(block);
        }
        // Before the packets of the step leave.
        let changes = self.user_agent.take_changes().into_iter().chain(self.switch.take_changes());
        for change in changes {
            match change.value {
                Some(_) => self.kept.insert(change.key, change),
                None => self.kept.remove(&change.key),
            };
        }
        while let Some(transmit) = self.user_agent.poll_transmit() {
            if let Host::Address(to) = transmit.hop.host
                && !transmit.bytes.is_empty()
            {
                let (from, bytes) = (sip_address(), transmit.bytes.to_vec());
                self.out.push(Datagram { from, to, bytes });
            }
        }
    }

    fn output(&mut self, now: Now, output: Output) {
        match output {
            Output::Sip(command) => self.user_agent.handle_command(now, command),
            Output::Media(command) => self.media(now, command),
            Output::Log(entry) => self.log(*entry),
            Output::TextCame { tx, entry } => {
                self.log(*entry);
                self.user_agent.handle_text_kept(now, tx, true);
            }
            Output::TextGoes(text) => self.user_agent.handle_text(now, *text),
            Output::Answer(answer) => self.answers.push(answer),
            Output::Http(ask) => panic!("no flow of this world asks {ask:?}"),
            Output::Sql(ask) => panic!("no flow of this world asks {ask:?}"),
            Output::Order(ask) => panic!("no flow of this world asks {ask:?}"),
            Output::Bot(ask) => panic!("no flow of this world speaks with {ask:?}"),
        }
    }

    fn media(&mut self, now: Now, command: media::Command) {
        self.shard.handle_command(now.moment, command);
    }

    fn log(&mut self, mut entry: Entry) {
        entry.seq = self.entries.len() as u64 + 1;
        self.books.note(&entry);
        self.fold.apply(&entry, &mut self.rows);
        self.entries.push(entry);
    }

    fn port(&mut self, order: PortOrder) {
        match order {
            PortOrder::Reserve(leg) => {
                self.books.ports_opened += 1;
                // Never the port of the leg before: late packets of that one must not be ours.
                let nth = (self.books.ports_opened % 6_000) as u16;
                let port = PORTS_FROM + 2 * nth;
                assert!(self.legs.insert(port, leg).is_none(), "6,000 ports are enough");
                assert!(self.ports.insert(leg, port).is_none(), "a leg has one port");
                self.shard.port_reserved(leg, Ok(SocketAddr::new(BOX_IP, port)));
            }
            PortOrder::Share(leg) => {
                let refused = Err("this world has no shared port".to_owned());
                self.shard.port_reserved(leg, refused);
            }
            PortOrder::Filter(..) => {}
            PortOrder::Close(leg) => {
                self.books.ports_closed += 1;
                let port = self.ports.remove(&leg).expect("only an open port is closed");
                self.legs.remove(&port);
            }
        }
    }

    fn carry_datagrams(&mut self) {
        let mut buffer = [0; TRANSMIT_MAX];
        while let Some(transmit) = self.shard.poll_transmit(&mut buffer) {
            let from = self.local(transmit.leg, transmit.channel);
            let bytes = buffer[..transmit.len].to_vec();
            self.out.push(Datagram { from, to: transmit.to, bytes });
        }
    }

    fn local(&self, leg: LegIdx, channel: Channel) -> SocketAddr {
        let port = *self.ports.get(&leg).expect("who sends has a port");
        SocketAddr::new(BOX_IP, port + u16::from(channel == Channel::Rtcp))
    }
}
