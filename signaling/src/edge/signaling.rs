//! The signaling thread: owns the SIP core, the switch and the event log, and carries their outputs.
//! Entries of the log are handed to the kernel before the packets of the same step leave.

mod arrive;
mod bans;

use super::clock;
use super::doors::{self, Doors};
use super::journal::{self, Journal, Synced};
use super::live::Live;
use super::names::NameServers;
use super::net::{ARRIVED_MAX, Bound, Inbox, Net};
use super::plans::Plans;
use super::refusals::Refusals;
use crate::kept::Change;
use crate::reach::{Network, Reach};
use crate::sip::digest::Algorithm;
use crate::sip::flow::Transport;
use crate::sip::user_agent::Command;
use crate::sip::{self, Listener, UserAgent};
use crate::switch::{
    self, BotAsk, BotDone, HttpAsk, HttpDone, Input, OrderAsk, Output, Secret, SqlAsk, SqlDone,
    Switch,
};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;
use terms::control::{Answer, Ask, Metric, Request, Response};
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::media;
use terms::{LegId, TenantId};
use tokio::sync::mpsc;

/// Inputs from other threads that wait.
const INPUTS_MAX: usize = 65_536;
/// Inputs taken before what they caused is sent.
const BATCH_MAX: usize = 64;
/// A transaction is remembered for 32 s (RFC 3261 §17, timers D and J), most dialogs live longer.
const TRANSACTIONS_PER_DIALOG: usize = 10;
/// Of those, what has its place from the start: memory that is not used is not there yet.
const TRANSACTIONS_RESERVED: usize = 2;
/// Why a dialog ends that no call knows of after a restart, Q.850: temporary failure.
const LOST_CAUSE: u8 = 41;
/// Number of questions that the edge asks itself.
const OWN_QUESTION: u64 = 0;

/// Where and how to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP addresses.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses.
    pub tcp: Vec<SocketAddr>,
    /// TLS and WebSocket.
    pub doors: doors::Config,
    /// Most connections of one address.
    pub connections_of_address_max: usize,
    /// The address that peers reach us at where [`Config::reach`] says nothing else.
    pub advertise: IpAddr,
    /// Which peers reach us at another address.
    pub reach: Arc<Reach>,
    /// Folder of `events` and `plans`.
    pub data: PathBuf,
    /// Digest algorithms, the preferred one first.
    pub digest: Vec<Algorithm>,
    /// Realm where no plan says otherwise.
    pub realm: String,
    /// Most SIP dialogs.
    pub dialogs_max: usize,
    /// Most requests per second from one source.
    pub requests_per_s_max: u32,
    /// Session interval that we ask for, in seconds; 0 asks for none.
    pub session_expires_s: u32,
    /// Networks that may signal over a transport; one without any takes everybody.
    pub allowed: Vec<(Transport, Network)>,
    /// When a source is not listened to for a while.
    pub bans: sip::bans::Limits,
    /// Name servers that are asked where trunks are; those of the system where there are none.
    pub name_servers: Vec<SocketAddr>,
    /// The event log.
    pub journal: journal::Config,
    /// The switch.
    pub switch: switch::Config,
    /// Seed of tags, nonces and ids.
    pub seed: u64,
    /// What keys of audio are made of.
    pub secret: Secret,
    /// Folder in memory of what survives a kill; `None` keeps nothing.
    pub live: Option<PathBuf>,
    /// Legs that media goes on with from before a kill.
    pub media_legs: BTreeSet<LegId>,
}

impl Config {
    /// Where it listens, in the order of the listeners' numbers.
    fn listeners(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let udp = self.udp.iter().map(|address| (Transport::Udp, *address));
        let tcp = self.tcp.iter().map(|address| (Transport::Tcp, *address));
        udp.chain(tcp).chain(self.doors.listeners())
    }
}

/// Why signaling does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("listen on {address} ({transport:?}): {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// How.
        transport: Transport,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody can come in over TLS or WebSocket.
    #[error(transparent)]
    Doors(#[from] doors::Error),
    /// The event log cannot be used.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The plans or the thread.
    #[error("{doing}: {source}")]
    Start {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Takes media commands.
pub type MediaSink = Box<dyn FnMut(media::Command) + Send>;
/// Takes answers to questions.
pub type Answers = Box<dyn FnMut(Response) + Send>;
/// Takes requests of HTTP steps.
pub type Http = Box<dyn FnMut(HttpAsk) + Send>;
/// Takes questions of SQL steps.
pub type Sql = Box<dyn FnMut(SqlAsk) + Send>;
/// Takes questions of order steps.
pub type Orders = Box<dyn FnMut(OrderAsk) + Send>;
/// Takes talks of bot steps.
pub type Bots = Box<dyn FnMut(BotAsk) + Send>;

enum Message {
    Input(Box<Input>),
    /// Says the number of the last entry once the input was worked off.
    Acknowledged(Box<Input>, std_mpsc::SyncSender<u64>),
    Stop,
}

/// Speaks to the signaling thread.
#[derive(Clone)]
pub struct Handle {
    inputs: mpsc::Sender<Message>,
    synced: Synced,
}

impl Handle {
    /// mediacore says something.
    pub fn media_event(&self, event: media::Event) {
        self.put(Input::Media(event));
    }

    /// The same, and waits until what it caused is on disk. False when `within` is over first.
    pub fn media_event_synced(&self, event: media::Event, within: Duration) -> bool {
        let (done, seq) = std_mpsc::sync_channel(1);
        let input = Box::new(Input::Media(event));
        if self.inputs.blocking_send(Message::Acknowledged(input, done)).is_err() {
            return false;
        }
        seq.recv_timeout(within).is_ok_and(|seq| self.synced.wait(seq, within))
    }

    /// The API asks something.
    pub fn ask(&self, request: Request) {
        self.put(Input::Ask(request));
    }

    /// An HTTP step's request ended.
    pub fn http_done(&self, done: HttpDone) {
        self.put(Input::Http(done));
    }

    /// A SQL or an order step's question ended.
    pub fn sql_done(&self, done: SqlDone) {
        self.put(Input::Sql(done));
    }

    /// A talk with a bot ended.
    pub fn bot_done(&self, done: BotDone) {
        self.put(Input::Bot(done));
    }

    fn put(&self, input: Input) {
        if self.inputs.try_send(Message::Input(Box::new(input))).is_err() {
            tracing::error!("signaling is {INPUTS_MAX} inputs behind or has ended; one is lost");
        }
    }
}

/// Signaling, running.
pub struct Signaling {
    handle: Handle,
    addresses: Vec<SocketAddr>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Signaling {
    /// Starts the thread; returns once every listener is bound and the last plans are loaded.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(
        config: Config,
        media: MediaSink,
        answers: Answers,
        http: Http,
        sql: Sql,
        orders: Orders,
        bots: Bots,
    ) -> Result<Self, Error> {
        let journal = Journal::open(&config.data.join("events"), config.journal.clone())?;
        let plans = Plans::open(config.data.join("plans"))
            .map_err(|source| Error::Start { doing: "read the kept plans", source })?;
        let (inputs, waiting) = mpsc::channel(INPUTS_MAX);
        let handle = Handle { inputs, synced: journal.synced() };
        let (ready, started) = std_mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("signaling".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(source) => {
                        let doing = "start the runtime of signaling";
                        let _ = ready.send(Err(Error::Start { doing, source }));
                        return;
                    }
                };
                let sinks = Sinks { media, answers, http, sql, orders, bots };
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, run(config, journal, plans, sinks, waiting, &ready));
            })
            .map_err(|source| Error::Start { doing: "start the signaling thread", source })?;
        let addresses = started.recv().map_err(|_| Error::Start {
            doing: "start the signaling thread",
            source: io::ErrorKind::BrokenPipe.into(),
        })??;
        Ok(Signaling { handle, addresses, thread: Some(thread) })
    }

    /// Speaks to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Where it listens: UDP first, then TCP, TLS, WebSocket and WebSocket over TLS, in the order of
    /// the configuration.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Works off what waits, syncs the event log and ends.
    pub fn stop(mut self) {
        let _ = self.handle.inputs.blocking_send(Message::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the signaling thread had panicked");
        }
    }
}

struct Sinks {
    media: MediaSink,
    answers: Answers,
    http: Http,
    sql: Sql,
    orders: Orders,
    bots: Bots,
}

type Ready = std_mpsc::SyncSender<Result<Vec<SocketAddr>, Error>>;

async fn run(
    config: Config,
    journal: Journal,
    plans: Plans,
    sinks: Sinks,
    mut inputs: mpsc::Receiver<Message>,
    ready: &Ready,
) {
    let (bound, addresses) = match bind(&config) {
        Ok(both) => both,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let name_servers: NameServers = config.name_servers.clone().into();
    let doors = match Doors::open(&config.doors, name_servers.clone()) {
        Ok(doors) => doors,
        Err(error) => {
            let _ = ready.send(Err(error.into()));
            return;
        }
    };
    let (arrived, mut arrivals) = mpsc::channel(ARRIVED_MAX);
    let most = config.connections_of_address_max;
    let (inbox, mut datagrams) = Inbox::open();
    let (net, mut opened) = Net::start(bound, doors, most, name_servers, inbox, arrived);
    let (live, kept) = open_live(config.live.as_deref());
    let keeps = live.is_some();
    let mut user_agent_config = user_agent_config(&config, &addresses);
    user_agent_config.keeps = keeps;
    let mut user_agent = UserAgent::new(user_agent_config, config.seed);
    user_agent.reserve(config.dialogs_max.saturating_mul(TRANSACTIONS_RESERVED));
    let reach = config.reach.clone();
    let switch_config = switch::Config { keeps, reach, ..config.switch.clone() };
    let switch = Switch::new(switch_config, config.seed, config.secret.clone());
    let mut thread = Thread {
        user_agent,
        switch,
        journal,
        plans,
        net,
        sinks,
        live,
        offered: None,
        looked_at: None,
        refusals: Refusals::default(),
        bans_file: config.data.join(bans::FILE),
    };
    thread.restore_bans(clock::now());
    thread.begin(&kept, &config.media_legs);
    drop(kept);
    let _ = ready.send(Ok(addresses));
    loop {
        let pause = thread.pause();
        tokio::select! {
            message = inputs.recv() => {
                let Some(message) = message else { break };
                if thread.take(message) {
                    break;
                }
            }
            Some(datagram) = datagrams.next() => thread.read(&datagram),
            Some(arrived) = arrivals.recv() => thread.arrive(arrived),
            Some(opening) = opened.recv() => thread.connect(opening),
            () = tokio::time::sleep(pause) => {}
        }
        // What else has come is part of the same step: its entries, its live state and its packets
        // leave together.
        for _ in 0..BATCH_MAX {
            let Some(datagram) = datagrams.try_next() else { break };
            thread.read(&datagram);
        }
        for _ in 0..BATCH_MAX {
            let Ok(arrived) = arrivals.try_recv() else { break };
            thread.arrive(arrived);
        }
        for _ in 0..BATCH_MAX {
            let Ok(message) = inputs.try_recv() else { break };
            if thread.take(message) {
                thread.carry();
                thread.live.into_iter().for_each(Live::forget);
                return;
            }
        }
        thread.timeouts();
        thread.carry();
    }
    thread.carry();
    thread.live.into_iter().for_each(Live::forget);
}

/// Where live state is kept, and what the process before has left there.
fn open_live(folder: Option<&Path>) -> (Option<Live>, Vec<Change>) {
    let Some(folder) = folder else { return (None, Vec::new()) };
    match Live::open(folder) {
        Ok((live, kept)) => (Some(live), kept),
        Err(error) => {
            let folder = folder.display();
            tracing::error!(%error, %folder, "no call will survive the end of this process");
            (None, Vec::new())
        }
    }
}

fn bind(config: &Config) -> Result<(Vec<Bound>, Vec<SocketAddr>), Error> {
    let mut bound = Vec::new();
    let mut addresses = Vec::new();
    for (transport, address) in config.listeners() {
        let refused = |source| Error::Listen { address, transport, source };
        let one = Bound::bind(transport, address).map_err(refused)?;
        addresses.push(one.local_addr().map_err(refused)?);
        bound.push(one);
    }
    Ok((bound, addresses))
}

fn user_agent_config(config: &Config, addresses: &[SocketAddr]) -> sip::Config {
    let listeners = config.listeners().zip(addresses).map(|((transport, _), address)| Listener {
        transport,
        advertised: SocketAddr::new(config.advertise, address.port()),
        digest: digest_at(transport, &config.digest),
    });
    let mut user_agent = sip::Config::new(listeners.collect());
    user_agent.reach = config.reach.clone();
    user_agent.realm.clone_from(&config.realm);
    user_agent.dialogs_max = config.dialogs_max;
    let transactions = config.dialogs_max.saturating_mul(TRANSACTIONS_PER_DIALOG);
    user_agent.transactions_max = user_agent.transactions_max.max(transactions);
    user_agent.requests_per_s_max = config.requests_per_s_max;
    user_agent.session_expires_s = config.session_expires_s;
    user_agent.allowed.clone_from(&config.allowed);
    user_agent.bans.clone_from(&config.bans);
    user_agent.silence_max = config.switch.trunk_silence_max;
    user_agent.return_max = config.switch.return_max;
    user_agent
}

/// Phones in browsers know MD5 alone and look at one challenge, some at the first and JsSIP 3 at the
/// last: they are asked by nothing else, where it is allowed at all.
fn digest_at(transport: Transport, configured: &[Algorithm]) -> Vec<Algorithm> {
    let is_browser = transport.is_websocket() && configured.contains(&Algorithm::Md5);
    if is_browser { vec![Algorithm::Md5] } else { configured.to_vec() }
}

/// What the signaling thread owns.
struct Thread {
    user_agent: UserAgent,
    switch: Switch,
    journal: Journal,
    plans: Plans,
    net: Net,
    sinks: Sinks,
    live: Option<Live>,
    /// A tenant whose new plan the switch is asked about, by the question's number.
    offered: Option<(u64, TenantId)>,
    /// A tenant whose state the switch is asked for, by the question's number.
    looked_at: Option<(u64, TenantId)>,
    refusals: Refusals,
    /// Where bans outlast an orderly stop.
    bans_file: PathBuf,
}

impl Thread {
    /// Says that we started, loads the last plans and takes up the calls of before a kill.
    fn begin(&mut self, kept: &[Change], media_legs: &BTreeSet<LegId>) {
        let started = Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: clock::wall(),
            tenant: TenantId(0),
            contact: None,
            call: None,
            leg: None,
            kind: Kind::Started {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                kept: Switch::calls_kept(kept).into_iter().collect(),
            },
        };
        self.journal.append(started);
        for plan in self.plans.take_found() {
            let now = clock::now();
            self.use_plan(&plan);
            let body = Ask::Plan(Box::new(plan));
            self.switch.handle_input(now, Input::Ask(Request { id: OWN_QUESTION, body }));
        }
        self.restore(kept, media_legs);
        self.carry();
    }

    /// Takes up what the process before kept. What one room has and the other does not know of is
    /// let go: a dialog gets its BYE, a port is given back.
    fn restore(&mut self, kept: &[Change], media_legs: &BTreeSet<LegId>) {
        let now = clock::now();
        self.user_agent.restore(now, kept);
        let user_agent = &self.user_agent;
        let has_dialog = |leg| user_agent.has_leg(leg);
        self.switch.restore(now, kept, has_dialog, |leg| media_legs.contains(&leg));
        if !kept.is_empty() || !media_legs.is_empty() {
            tracing::warn!(calls = self.switch.calls(), "calls go on from before a kill");
        }
        for leg in self.user_agent.leg_names() {
            if !self.switch.has_leg(leg) {
                self.user_agent.handle_command(now, Command::Hangup { leg, cause: LOST_CAUSE });
            }
        }
        for &leg in media_legs.iter().filter(|&&leg| !self.switch.has_leg(leg)) {
            (self.sinks.media)(media::Command::Release { leg });
        }
    }

    /// True when it is time to end.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Input(input) => self.input(*input),
            Message::Acknowledged(input, done) => {
                let lost = self.journal.lost();
                self.input(*input);
                self.carry();
                // One that is lost is never on disk: the asker waits in vain, or may have given up.
                if self.journal.lost() == lost {
                    let _ = done.try_send(self.journal.last_seq());
                }
            }
            Message::Stop => {
                self.keep_bans(clock::now());
                return true;
            }
        }
        false
    }

    fn input(&mut self, input: Input) {
        let now = clock::now();
        if let Input::Ask(request) = &input
            && let Some(bans) = self.about_bans(now, &request.body)
        {
            return (self.sinks.answers)(Response { id: request.id, body: Answer::Bans(bans) });
        }
        if let Input::Media(media::Event::OpenFailed { leg, reason }) = &input
            && let Some(legs) = self.refusals.note(now.moment)
        {
            tracing::warn!(%leg, %reason, legs, "media opens no leg: callers are refused");
        }
        if let Input::Ask(request) = &input {
            match &request.body {
                Ask::Plan(plan) => self.offered = Some((request.id, plan.tenant)),
                Ask::Delta(delta) => self.offered = Some((request.id, delta.tenant)),
                Ask::Drain { .. } => self.user_agent.drain(),
                Ask::State { tenant } => self.looked_at = Some((request.id, *tenant)),
                Ask::Agent { .. }
                | Ask::Leases(_)
                | Ask::Forget(..)
                | Ask::Call { .. }
                | Ask::PickUp { .. }
                | Ask::Dial(_)
                | Ask::Fax(_)
                | Ask::Conference { .. }
                | Ask::Recording { .. }
                | Ask::TakeParked { .. }
                | Ask::Heard { .. }
                | Ask::Mailbox(..)
                | Ask::Item(..)
                | Ask::Quality { .. }
                | Ask::Bans
                | Ask::LiftBan(_)
                | Ask::Metrics => {}
            }
        }
        self.switch.handle_input(now, input);
        if self.offered.is_some() || self.looked_at.is_some() {
            self.outputs();
            (self.offered, self.looked_at) = (None, None);
        }
    }

    /// A plan counts for the SIP core and is kept on disk once the switch has taken it: one that
    /// it refuses must not take the place of one that works.
    fn on_answer(&mut self, response: &Response) {
        let taken = self.offered.take_if(|(id, _)| *id == response.id);
        if let (Some((_, tenant)), Answer::Done) = (taken, &response.body)
            && let Some(compiled) = self.switch.plan(tenant)
        {
            self.use_plan(&compiled.plan);
            self.plans.put(&compiled.plan);
        }
    }

    /// How long until something is due.
    fn pause(&self) -> Duration {
        let next = self.user_agent.next_timeout().into_iter().chain(self.switch.next_timeout());
        let most = Duration::from_millis(250);
        next.min().map_or(most, |at| at.since(clock::moment()).min(most))
    }

    fn timeouts(&mut self) {
        clock::follow(self.switch.calls() == 0);
        let now = clock::now();
        if self.user_agent.next_timeout().is_some_and(|at| at <= now.moment) {
            self.user_agent.handle_timeout(now);
        }
        if self.switch.next_timeout().is_some_and(|at| at <= now.moment) {
            self.switch.handle_input(now, Input::Timeout);
        }
    }

    /// Carries outputs until there are none; packets go last.
    fn carry(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(event) = self.user_agent.poll_event() {
                quiet = false;
                self.switch.handle_input(clock::now(), Input::Sip(event));
            }
            quiet &= !self.outputs();
            if quiet {
                break;
            }
        }
        self.journal.flush();
        if let Some(live) = &mut self.live {
            let mut changes = self.user_agent.take_changes();
            changes.extend(self.switch.take_changes());
            live.write(changes);
            live.alive();
        }
        while let Some(transmit) = self.user_agent.poll_transmit() {
            self.net.send(transmit);
        }
        while let Some((source, known)) = self.user_agent.poll_known() {
            self.net.inbox().set_known(source, known);
        }
    }

    /// Carries what the switch wants; false when it wanted nothing.
    fn outputs(&mut self) -> bool {
        let mut any = false;
        while let Some(output) = self.switch.poll_output() {
            any = true;
            self.output(output);
        }
        any
    }

    /// Counters of the SIP core and of the event log.
    fn metrics(&self) -> Vec<Metric> {
        let metric =
            |name: String, value: u64| Metric { name, labels: Vec::new(), value: value as f64 };
        let core = self.user_agent.counters().map(|(name, value)| {
            let unit = if name.ends_with("_live") { "" } else { "_total" };
            metric(format!("switchgrid_sip_{name}{unit}"), value)
        });
        let lost = metric("switchgrid_event_log_lost_total".to_owned(), self.journal.lost());
        let left_out = self.live.as_ref().map_or(0, Live::left_out);
        let left_out = metric("switchgrid_live_state_left_out_total".to_owned(), left_out);
        let refused = metric("switchgrid_media_legs_refused_total".to_owned(), self.refusals.legs);
        let unread =
            metric("switchgrid_sip_datagrams_dropped_total".to_owned(), self.net.inbox().dropped());
        let banned = self.user_agent.bans(clock::now()).len() as u64;
        let banned = metric("switchgrid_sip_banned".to_owned(), banned);
        core.chain([lost, left_out, refused, unread, banned]).collect()
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Sip(command) => self.user_agent.handle_command(clock::now(), command),
            Output::Media(command) => (self.sinks.media)(command),
            Output::Log(entry) => {
                // What finds no room is counted and told by the log.
                let _ = self.journal.append(*entry);
            }
            Output::Answer(Response { id: OWN_QUESTION, body: Answer::Refused(why) }) => {
                tracing::error!(%why, "the switch refuses a kept plan");
            }
            Output::Answer(Response { id: OWN_QUESTION, .. }) => {}
            Output::Answer(mut response) => {
                self.on_answer(&response);
                if let Answer::Metrics(metrics) = &mut response.body {
                    metrics.extend(self.metrics());
                }
                let looked_at = self.looked_at.take_if(|(id, _)| *id == response.id);
                if let (Answer::State(state), Some((_, tenant))) = (&mut response.body, looked_at) {
                    state.trunks = self.user_agent.live_trunks(tenant);
                }
                (self.sinks.answers)(response);
            }
            Output::Http(ask) => (self.sinks.http)(ask),
            Output::Sql(ask) => (self.sinks.sql)(*ask),
            Output::Order(ask) => (self.sinks.orders)(*ask),
            Output::Bot(ask) => (self.sinks.bots)(*ask),
        }
    }
}
