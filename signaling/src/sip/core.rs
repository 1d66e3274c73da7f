//! The machine that the edge drives: datagrams, stream bytes, commands and time in; transmits and
//! events out. Nothing here blocks, and everything that grows has a limit in [`Config`].

use super::accounts::{Accounts, extensions, users};
use super::allowed::Allowed;
use super::bans::{self, Bans};
use super::bucket::Sources;
use super::digest::{Algorithm, Authenticator};
use super::flow::{ConnectionId, Flow, Hop, Host, ListenerId, Seen, Transmit, Transport};
use super::frame::{Frame, Framer};
use super::lamps::{self, Lamps};
use super::late::Late;
use super::message::Message;
use super::parse::Carrier;
use super::registrar::{Limits, Registrar, Who};
use super::send::{ClientTx, ServerTx};
use super::session::{Branch, Leg, Probes};
use super::texts::Going;
use super::timers::{Timers, Waiting};
use super::transaction::{Key, Timing};
use super::trunk::{Trunk, TrunkKey, Trunks};
use super::user_agent::{Command, Event};
use super::write::Builder;
use crate::id_map::IdMap;
use crate::reach::{Network, Reach, Told};
use crate::switch::Now;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use terms::control::{LiveTrunk, TrunkDown};
use terms::routing::Plan;
use terms::{AgentId, IdGen, LegId, Moment, TenantId, TextId};

/// Node number of the core's [`LegId`]s.
const NODE: u16 = 1;

/// One place where we listen, and what we say there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// How it is reached.
    pub transport: Transport,
    /// The address in our Via and Contact, as peers reach it that [`Config::reach`] says nothing of.
    pub advertised: SocketAddr,
    /// Digest algorithms offered here, the preferred one first (RFC 8760 §2.3).
    pub digest: Vec<Algorithm>,
}

/// Limits and names of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// In the order of their [`ListenerId`].
    pub listeners: Vec<Listener>,
    /// Which peers are told another address than the listener's.
    pub reach: Arc<Reach>,
    /// Realm of challenges where no plan's realm is the host that was asked.
    pub realm: String,
    /// Server and User-Agent headers.
    pub user_agent: String,
    /// Most legs at a time; one more is answered 503.
    pub dialogs_max: usize,
    /// Most transactions at a time; new calls are answered 503, running ones get twice as much.
    pub transactions_max: usize,
    /// Most connections.
    pub connections_max: usize,
    /// Most requests per second from one source; more are dropped unread.
    pub requests_per_s_max: u32,
    /// Networks that may signal over a transport; one without any takes everybody. Sources of trunks
    /// always may.
    pub allowed: Vec<(Transport, Network)>,
    /// When a source is not listened to for a while.
    pub bans: bans::Limits,
    /// Most answers per second to one source before it has proven who it is (threat T16).
    pub challenges_per_s_max: u32,
    /// Bounds of registrations.
    pub registrations: Limits,
    /// Bounds of what phones watch.
    pub lamps: lamps::Limits,
    /// Timers of RFC 3261.
    pub timing: Timing,
    /// Longest wait for a first word of a trunk, 100 at least, where another server or trunk is left:
    /// in 6 s a trunk gets four copies of the INVITE over UDP.
    pub silence_max: Duration,
    /// Session interval that we ask for, and give to who knows of them, in seconds, 90 at least; 0 asks
    /// for none.
    pub session_expires_s: u32,
    /// How long a phone whose connection ended with the process before is waited for.
    pub return_max: Duration,
    /// Say after each step what changed, for a process that goes on after this one was killed.
    pub keeps: bool,
}

impl Config {
    /// Defaults for these listeners.
    pub fn new(listeners: Vec<Listener>) -> Self {
        Config {
            listeners,
            reach: Arc::default(),
            realm: "switchgrid".to_owned(),
            user_agent: concat!("Switchgrid/", env!("CARGO_PKG_VERSION")).to_owned(),
            dialogs_max: 20_000,
            transactions_max: 100_000,
            connections_max: 10_000,
            requests_per_s_max: 2_000,
            allowed: Vec::new(),
            bans: bans::Limits::default(),
            challenges_per_s_max: 500,
            registrations: Limits::default(),
            lamps: lamps::Limits::default(),
            timing: Timing::default(),
            silence_max: Duration::from_secs(6),
            session_expires_s: 1_800,
            return_max: Duration::from_secs(60),
            keeps: false,
        }
    }
}

/// Who a user name of a realm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    Agent(TenantId, AgentId),
    Trunk(TrunkKey),
}

/// What the core needs of a tenant's plan.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) realm: String,
    pub(super) country: String,
    /// SIP user and name of each agent.
    pub(super) agents: HashMap<AgentId, (String, String)>,
    /// Agents by number and by SIP user.
    pub(super) extensions: HashMap<String, AgentId>,
    pub(super) numbers: HashSet<String>,
    /// Messages for each agent: those that wait, and those that were heard.
    pub(super) messages: HashMap<AgentId, (u32, u32)>,
}

pub(super) struct Connection {
    pub(super) flow: Flow,
    framer: Framer,
    /// Our requests that wait on it.
    pub(super) clients: HashSet<u64>,
    /// We opened it to this trunk, which has shown its certificate.
    pub(super) trunk: Option<TrunkKey>,
    /// They opened it, and have shown a certificate of these trunks.
    pub(super) shown: Vec<TrunkKey>,
}

/// The SIP core.
pub struct UserAgent {
    pub(super) config: Config,
    pub(super) rng: StdRng,
    pub(super) ids: IdGen,
    tag_secret: u64,
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    pub(super) accounts: Accounts,
    pub(super) authenticator: Authenticator,
    pub(super) registrar: Registrar,
    pub(super) lamps: Lamps,
    pub(super) trunks: Trunks,
    /// What the switch was told of them.
    pub(super) trunks_down: BTreeMap<TrunkKey, TrunkDown>,
    /// Of which that is otherwise than before, for those who keep it.
    pub(super) trunks_touched: BTreeSet<TrunkKey>,
    pub(super) sources: Sources,
    pub(super) allowed: Allowed,
    pub(super) bans: Bans,
    pub(super) unproven: Sources,
    /// In boxes: their places are reserved, and stay when a rush is over.
    pub(super) servers: IdMap<u64, Box<ServerTx>>,
    pub(super) server_keys: HashMap<Key, u64>,
    pub(super) clients: IdMap<u64, ClientTx>,
    pub(super) client_keys: HashMap<String, u64>,
    pub(super) numbered: u64,
    pub(super) legs: IdMap<LegId, Leg>,
    /// Local tag → leg.
    pub(super) tags: HashMap<String, LegId>,
    pub(super) branches: IdMap<u64, Branch>,
    /// Texts on their way out.
    pub(super) texts: IdMap<TextId, Going>,
    /// Local tag → branch, until its transaction is over.
    pub(super) early_tags: HashMap<String, u64>,
    /// Incoming INVITEs that have a leg, by Call-ID, tag and CSeq.
    pub(super) merging: HashSet<Box<[u8]>>,
    pub(super) connections: HashMap<ConnectionId, Connection>,
    pub(super) timers: Timers,
    pub(super) probes: Probes,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counters: BTreeMap<&'static str, u64>,
    pub(super) draining: bool,
    /// Calls that waited too long to be taken.
    pub(super) late: Late,
    /// Legs that changed, for those who keep them.
    pub(super) touched: BTreeSet<LegId>,
}

impl UserAgent {
    /// A core without tenants. Tags, branches and nonces come from `seed`: give it real randomness
    /// outside of tests.
    pub fn new(config: Config, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        UserAgent {
            tag_secret: rng.random(),
            authenticator: Authenticator::new(rng.random()),
            sources: Sources::new(config.requests_per_s_max),
            allowed: Allowed::new(config.allowed.clone()),
            bans: Bans::new(config.bans.clone()),
            unproven: Sources::new(config.challenges_per_s_max),
            config,
            rng,
            ids: IdGen::new(NODE),
            tenants: BTreeMap::new(),
            accounts: Accounts::default(),
            registrar: Registrar::default(),
            lamps: Lamps::default(),
            trunks: Trunks::default(),
            trunks_down: BTreeMap::new(),
            trunks_touched: BTreeSet::new(),
            servers: IdMap::default(),
            server_keys: HashMap::new(),
            clients: IdMap::default(),
            client_keys: HashMap::new(),
            numbered: 0,
            legs: IdMap::default(),
            tags: HashMap::new(),
            branches: IdMap::default(),
            texts: IdMap::default(),
            early_tags: HashMap::new(),
            merging: HashSet::new(),
            connections: HashMap::new(),
            timers: Timers::default(),
            probes: Probes::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: BTreeMap::new(),
            draining: false,
            late: Late::default(),
            touched: BTreeSet::new(),
        }
    }

    /// Makes room for so many transactions: their tables do not grow, and move, while calls come.
    pub fn reserve(&mut self, transactions: usize) {
        self.servers.reserve(transactions);
        self.server_keys.reserve(transactions);
        self.clients.reserve(transactions);
        self.client_keys.reserve(transactions);
        self.branches.reserve(transactions);
    }

    /// Uses this tenant's agents and trunks from now on. Phones of agents that are gone are
    /// forgotten; running calls go on.
    pub fn set_plan(&mut self, now: Now, plan: &Plan) {
        let tenant = plan.tenant;
        self.set_accounts(plan);
        let agents: HashMap<_, _> =
            plan.agents.iter().map(|a| (a.id, (a.sip_user.clone(), a.name.clone()))).collect();
        let users: HashMap<_, _> = plan.agents.iter().map(|a| (a.id, users(a))).collect();
        for who in self.registrar.all().into_iter().filter(|who| who.0 == tenant) {
            let users = users.get(&who.1).map_or(&[][..], Vec::as_slice);
            if self.registrar.keep_users(who, users) {
                self.on_unregistered(who);
            }
        }
        let numbers = plan.numbers.iter().map(|number| number.digits.clone()).collect();
        let (realm, country) = (plan.realm.clone(), plan.country.clone());
        let (extensions, messages) = (extensions(plan), messages(plan));
        let empty = HashMap::new();
        let before = self.tenants.get(&tenant).map_or(&empty, |tenant| &tenant.messages);
        let count = |of: &HashMap<AgentId, (u32, u32)>, agent: AgentId| of.get(&agent).copied();
        for agent in plan.agents.iter().map(|agent| agent.id) {
            if count(before, agent) != count(&messages, agent) {
                self.lamps.messages_changed((tenant, agent));
            }
        }
        let known = Tenant { realm, country, agents, extensions, numbers, messages };
        self.tenants.insert(tenant, known);
        self.set_trunks(now, plan);
        self.arm_registrar();
        self.prune_lamps(now, None);
        self.settle_lamps(now);
    }

    /// A datagram came.
    pub fn handle_datagram(
        &mut self,
        now: Now,
        listener: ListenerId,
        source: SocketAddr,
        bytes: &[u8],
    ) {
        let flow = Flow::udp(listener, source);
        if !self.is_allowed(Transport::Udp, source) || self.turned_away(now, &flow) {
            return;
        }
        if !self.admit(now, source) || self.keeps_alive(bytes) {
            return;
        }
        self.on_bytes(now, flow, bytes, Carrier::Datagram);
    }

    /// Bytes came on a connection; its first call makes the connection known.
    pub fn handle_stream(
        &mut self,
        now: Now,
        listener: ListenerId,
        connection: ConnectionId,
        source: SocketAddr,
        bytes: &[u8],
    ) {
        let Some(flow) = self.connection_flow(listener, connection, source) else { return };
        match self.connections.get(&connection).and_then(|own| own.trunk) {
            Some(trunk) => self.on_line_heard(now, trunk),
            None if !self.is_allowed(flow.transport, source) => return self.close(flow),
            None => {}
        }
        if let Some(known) = self.connections.get_mut(&connection) {
            known.framer.push(bytes);
        }
        while let Some(frame) =
            self.connections.get_mut(&connection).and_then(|known| known.framer.next_frame())
        {
            if self.turned_away(now, &flow) {
                return self.close(flow);
            }
            match frame {
                Frame::Ping => self.pong(flow),
                Frame::Message(bytes) if self.admit(now, source) => {
                    self.on_bytes(now, flow, &bytes, Carrier::Stream);
                }
                Frame::Message(_) => {}
                Frame::Broken(fault, bytes) => {
                    self.count("streams_broken");
                    if let Ok(message) = Message::parse(&bytes, Carrier::Datagram) {
                        self.refuse_broken(now, flow, &message, fault);
                    }
                    self.close(flow);
                }
            }
        }
    }

    /// A message came over WebSocket, whole as it is (RFC 7118 §5.1).
    pub fn handle_message(
        &mut self,
        now: Now,
        listener: ListenerId,
        connection: ConnectionId,
        source: SocketAddr,
        bytes: &[u8],
    ) {
        let Some(flow) = self.connection_flow(listener, connection, source) else { return };
        let is_ours = self.connections.get(&connection).is_some_and(|own| own.trunk.is_some());
        if !is_ours && !self.is_allowed(flow.transport, source) || self.turned_away(now, &flow) {
            return self.close(flow);
        }
        if !self.admit(now, source) {
            return;
        }
        if self.keeps_alive(bytes) {
            // RFC 5626 §3.5.1: two line ends are answered with one; one is somebody's answer.
            if bytes == b"\r\n\r\n" {
                self.pong(flow);
            }
            return;
        }
        self.on_bytes(now, flow, bytes, Carrier::Datagram);
    }

    /// Only keeps the way open: the line ends of RFC 5626, the single zero byte of older phones.
    fn keeps_alive(&mut self, bytes: &[u8]) -> bool {
        let keeps = bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if keeps {
            self.count("keepalives");
        }
        keeps
    }

    fn pong(&mut self, flow: Flow) {
        self.transmit(flow, b"\r\n".as_slice().into(), None);
    }

    /// Somebody connects: a handshake costs us more than a request, so it is one of those that a
    /// source may send. False closes the connection unread.
    pub fn admit_connection(&mut self, now: Now, source: SocketAddr) -> bool {
        self.admit(now, source)
    }

    /// There are too many connections, of all or of one source: one more was closed.
    pub fn handle_connection_refused(&mut self) {
        self.count("connections_refused");
    }

    /// A connection ended before its handshake was done.
    pub fn handle_handshake_failed(&mut self) {
        self.count("handshakes_failed");
    }

    /// The flow of a connection, which is known from its first bytes on; `None` when there are too
    /// many.
    pub(super) fn connection_flow(
        &mut self,
        listener: ListenerId,
        connection: ConnectionId,
        source: SocketAddr,
    ) -> Option<Flow> {
        if let Some(known) = self.connections.get(&connection) {
            return Some(known.flow);
        }
        let transport = match self.config.listeners.get(usize::from(listener))?.transport {
            // A connection of ours where we listen for datagrams alone.
            Transport::Udp => Transport::Tcp,
            other => other,
        };
        let flow = Flow::connected(transport, listener, source, connection);
        if self.connections.len() >= self.config.connections_max {
            self.count("connections_refused");
            self.close(flow);
            return None;
        }
        self.know(flow, connection, None);
        Some(flow)
    }

    pub(super) fn know(&mut self, flow: Flow, connection: ConnectionId, trunk: Option<TrunkKey>) {
        let (framer, clients, shown) = (Framer::default(), HashSet::new(), Vec::new());
        self.connections.insert(connection, Connection { flow, framer, clients, trunk, shown });
    }

    /// How a tenant's trunks are.
    pub fn live_trunks(&self, tenant: TenantId) -> Vec<LiveTrunk> {
        let own = self.trunks.keys().into_iter().filter(|key| key.0 == tenant);
        let live = |key| Some(self.trunks.get(key)?.live(self.trunks_down.get(&key).copied()));
        own.filter_map(live).collect()
    }

    /// A connection closed: requests that wait on it failed, phones behind it are out of reach.
    pub fn handle_closed(&mut self, now: Now, connection: ConnectionId) {
        self.move_dialogs(now, connection);
        self.lamps.on_closed(connection, self.registrar.behind(connection));
        for who in self.registrar.on_closed(connection) {
            self.on_unregistered(who);
        }
        self.arm_registrar();
        let Some(known) = self.connections.remove(&connection) else { return };
        for client in known.clients {
            self.on_client_cut_off(now, client, true);
        }
        if let Some(trunk) = known.trunk {
            self.on_line_closed(now, trunk, connection);
        }
        self.settle_lamps(now);
    }

    /// The request of this [`Transmit::transaction`] could not be sent: no route, no name, refused.
    pub fn handle_unsent(&mut self, now: Now, transaction: u64) {
        self.on_client_cut_off(now, transaction, false);
        self.settle_lamps(now);
    }

    /// The switch wants something.
    pub fn handle_command(&mut self, now: Now, command: Command) {
        self.touch(command.leg());
        match command {
            Command::Progress { leg, status, sdp } => self.progress(now, leg, status, sdp),
            Command::Answer { leg, sdp } => self.answer(now, leg, sdp),
            Command::Reject { leg, status, cause, retry_after_s, warning } => {
                self.reject(now, leg, (status, cause), (retry_after_s, warning));
            }
            Command::Invite(invite) => self.invite(now, *invite),
            Command::Hangup { leg, cause } => self.hangup(now, leg, cause),
            Command::Reoffer { leg, sdp } => self.reoffer(now, leg, sdp),
            Command::Probe { leg } => self.probe(now, leg),
            Command::AcceptOffer { leg, sdp } => self.accept_offer(now, leg, sdp),
            Command::RejectOffer { leg, status } => self.reject_offer(now, leg, status),
            Command::AcceptRefer { leg } => self.accept_refer(now, leg),
            Command::RejectRefer { leg, status } => self.reject_refer(now, leg, status),
            Command::ReferProgress { leg, status } => self.refer_progress(now, leg, status),
        }
        self.settle_lamps(now);
    }

    /// `next_timeout` is reached.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(waiting) = self.timers.take(now.moment) {
            match waiting {
                Waiting::Client(id) => self.on_client_timeout(now, id),
                Waiting::Server(id) => self.on_server_timeout(now, id),
                Waiting::Leg(leg) => self.on_leg_timeout(now, leg),
                Waiting::Trunk(key) => self.register_trunk(now, key),
                Waiting::Health(key) => self.on_health_timeout(now, key),
                Waiting::Registrar => {
                    for who in self.registrar.expire(now.moment) {
                        self.on_unregistered(who);
                    }
                    self.arm_registrar();
                    self.prune_lamps(now, None);
                }
                Waiting::Lamps => self.on_lamps_timeout(now),
                Waiting::Probes => self.ask_who_is_there(now),
            }
        }
        self.settle_lamps(now);
    }

    /// When `handle_timeout` is to be called.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// The next thing to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing the switch should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes no new calls from now on: they get 503 with Retry-After. Running ones go on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Legs that live.
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Counters by name, and what lives by table.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let tables = [
            ("legs_live", self.legs.len()),
            ("transactions_live", self.servers.len() + self.clients.len()),
            ("connections_live", self.connections.len()),
            ("sources_live", self.sources.len()),
            ("lamps_live", self.lamps.len()),
            ("suspects_live", self.bans.len()),
        ];
        let counted = self.counters.iter().map(|(&name, &count)| (name, count));
        let tables = tables.into_iter().map(|(name, count)| (name, count as u64));
        counted.chain(tables).chain([("bans", self.bans.begun())])
    }

    /// Sources of trunks always may signal, others where no list keeps them out.
    fn is_allowed(&mut self, transport: Transport, source: SocketAddr) -> bool {
        let ip = source.ip();
        if self.allowed.admits(transport, ip) || self.trunks.at(ip).next().is_some() {
            return true;
        }
        self.allowed.note(transport, ip);
        self.count("dropped_not_allowed");
        false
    }

    /// A source may ask so often and no more; checked before anything is read (threat T5).
    fn admit(&mut self, now: Now, source: SocketAddr) -> bool {
        let (ip, trunks) = (source.ip(), &self.trunks);
        let is_trunk = || trunks.at(ip).next().is_some() || trunks.is_called_at(ip);
        let admitted = self.sources.take_vouched(now.moment, ip, is_trunk);
        if !admitted {
            self.count("dropped_rate");
        }
        admitted
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counters.entry(what).or_insert(0) += 1;
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn push_transmit(&mut self, transmit: Transmit) {
        self.transmits.push_back(transmit);
    }

    pub(super) fn close(&mut self, flow: Flow) {
        let bytes = Arc::from([]);
        self.push_transmit(Transmit { hop: flow.into(), bytes, transaction: None, close: true });
    }

    fn on_unregistered(&mut self, (tenant, agent): Who) {
        self.lamps.presence_changed((tenant, agent));
        self.emit(Event::Registered { tenant, agent, registered: false });
    }

    /// Whose browsers came and went, before anybody is offered a call.
    pub(super) fn tell_browsers(&mut self) {
        self.tell_apps_alone();
        for ((tenant, agent), present) in self.registrar.browser_changes() {
            self.emit(Event::Browser { tenant, agent, present });
        }
    }

    pub(super) fn arm_registrar(&mut self) {
        self.tell_browsers();
        self.note_contacts();
        self.timers.set(Waiting::Registrar, self.registrar.next_timeout());
    }

    /// 64 random bits as text: tags, branches, halves of Call-IDs.
    pub(super) fn token(&mut self) -> String {
        format!("{:016x}", self.rng.random::<u64>())
    }

    /// A number for a transaction or a branch.
    pub(super) fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// Our tag for an answer that leaves no state: the same for every repetition of the request.
    pub(super) fn stateless_tag(&self, request: &Message) -> String {
        let mut hasher = DefaultHasher::new();
        self.tag_secret.hash(&mut hasher);
        request.call_id().hash(&mut hasher);
        request.from_tag().hash(&mut hasher);
        request.via().and_then(|via| via.branch()).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// How whoever is at the end of this way reaches us: as their trunk says, as their network says, or
    /// as everybody does. `from` is where they signal from, once it is known.
    pub(super) fn seen(&self, hop: &Hop, from: Option<SocketAddr>) -> Seen {
        let usual = self.config.listeners[usize::from(hop.listener)].advertised;
        let ip = self.told(hop, from, |told| told.sip).unwrap_or(usual.ip());
        Seen { transport: hop.transport, address: SocketAddr::new(ip, usual.port()) }
    }

    /// The address that our audio comes to from there, where it is not the usual one.
    pub(super) fn media_told(&self, hop: &Hop) -> Option<IpAddr> {
        self.told(hop, None, |told| told.media)
    }

    fn told(
        &self,
        hop: &Hop,
        from: Option<SocketAddr>,
        which: impl Fn(&Told) -> IpAddr,
    ) -> Option<IpAddr> {
        let trunk = hop.trunk.and_then(|key| self.trunks.get(key));
        if let Some(own) = trunk.and_then(|trunk| trunk.plan.advertise) {
            return Some(own);
        }
        let ahead = match &hop.host {
            Host::Address(address) => Some(address.ip()),
            Host::Name(..) => trunk.and_then(Trunk::home),
        };
        let peer = from.map(|from| from.ip()).or(ahead)?;
        self.config.reach.at(peer).map(which)
    }

    /// The listener that requests over this transport leave from.
    pub(super) fn listener_for(&self, transport: Transport, to: Option<SocketAddr>) -> ListenerId {
        let fits = |listener: &Listener, family: bool| {
            let same = to.is_none_or(|to| to.is_ipv4() == listener.advertised.is_ipv4());
            listener.transport == transport && (same || !family)
        };
        let find = |family| self.config.listeners.iter().position(|l| fits(l, family));
        find(true).or_else(|| find(false)).unwrap_or(0) as ListenerId
    }

    /// Headers of every request of ours that begins or changes a dialog.
    pub(super) fn dialog_headers(&self, builder: &mut Builder, seen: &Seen) {
        builder.header("Contact", seen.contact());
        builder.header("Allow", super::session::ALLOW);
        builder.header("Supported", super::session::SUPPORTED.join(", "));
        builder.header("User-Agent", &self.config.user_agent);
    }
}

/// The messages for each agent, and those of all queues that they serve.
fn messages(plan: &Plan) -> HashMap<AgentId, (u32, u32)> {
    let mut messages: HashMap<AgentId, (u32, u32)> = HashMap::new();
    for of in &plan.messages {
        let Some(queue) = plan.queue(of.queue) else { continue };
        for agent in &queue.agents {
            let (waiting, heard) = messages.entry(*agent).or_default();
            *waiting = waiting.saturating_add(of.waiting);
            *heard = heard.saturating_add(of.heard);
        }
    }
    for of in plan.mailboxes.iter().filter(|of| of.waiting > 0 || of.heard > 0) {
        let (waiting, heard) = messages.entry(of.agent).or_default();
        *waiting = waiting.saturating_add(of.waiting);
        *heard = heard.saturating_add(of.heard);
    }
    messages
}
