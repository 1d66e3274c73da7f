//! What calls share: ids, outputs, tenants with their queues and trunks, and who owns which leg.

use super::inside::Inside;
use super::leases::Leases;
use super::texts::Sending;
use super::traces::Traces;
use super::{
    BotAsk, Compiled, Config, HttpAsk, Lines, Now, OrderAsk, Output, Secret, SqlAsk, trunks::Usage,
};
use crate::acd::Distributor;
use crate::call::{AskedBack, Summons};
use crate::calling::{CallsOut, TextsAsked};
use crate::conference::{self, Conference};
use crate::id_map::IdMap;
use crate::sip::user_agent;
use rand::rngs::{SmallRng, StdRng};
use rand::{Rng, RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::id::IdGen;
use terms::media::{self, FaxOutcome, FaxWork, Ledger};
use terms::{
    AgentId, CallId, ContactId, FaxId, LegId, MeetingId, Moment, QueueId, RecordingId, TenantId,
    TextId, Timestamp, VisitId,
};

/// One tenant's part of the switch.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub plan: Arc<Compiled>,
    pub acd: Distributor,
    pub trunks: Usage,
    /// When agents last set something for their phones.
    pub set_at: BTreeMap<AgentId, Timestamp>,
    /// Who drives or no longer, where the plan does not say so yet.
    pub driving: BTreeMap<AgentId, bool>,
    /// Customers who wait to be called back, by number and queue.
    pub callbacks: BTreeMap<(String, QueueId), CallbackPlace>,
    /// Whom agents called outside, for who calls back.
    pub traces: Traces,
}

/// Where a customer stands who waits to be called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallbackPlace {
    /// The call that calls them.
    pub call: CallId,
    pub visit: VisitId,
    /// Since when they have waited.
    pub since: Moment,
}

/// About whom a recording is; its ledger comes when the call may be long gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordingOf {
    pub tenant: TenantId,
    pub agent: Option<AgentId>,
    pub queue: Option<QueueId>,
    pub meeting: Option<MeetingId>,
    /// A message for the agent.
    pub message: bool,
}

/// Outcomes of faxes that are awaited; media runs far fewer at a time.
const FAXES_MAX: usize = 1_000;

/// Whose a fax is; its outcome comes when the call may be long gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaxOf {
    pub tenant: TenantId,
    pub contact: ContactId,
    pub call: CallId,
    /// What is sent; none where one is received.
    pub document: Option<String>,
    /// Whose work it is then.
    pub work: Option<FaxWork>,
}

/// What calls share.
#[derive(Debug)]
pub(crate) struct World {
    pub config: Config,
    pub ids: IdGen,
    pub outputs: VecDeque<Output>,
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Numbers that stand for somebody for a time; they may come before the plan.
    pub leases: BTreeMap<TenantId, Leases>,
    pub legs: IdMap<LegId, CallId>,
    pub recordings: BTreeMap<RecordingId, RecordingOf>,
    /// Faxes that are being sent or received. They end with the process.
    faxes: BTreeMap<FaxId, FaxOf>,
    /// Texts that are on their way out. They end with the process.
    pub texts: BTreeMap<TextId, Sending>,
    /// Requests over HTTP and to databases that are on their way.
    pub requests: HashMap<u64, CallId>,
    /// Meetings that are going on.
    pub conferences: BTreeMap<conference::Key, Conference>,
    /// Meetings that may have changed, for those who keep them.
    pub conferences_touched: BTreeSet<conference::Key>,
    /// What meetings want of their members' calls; the switch hands it on.
    pub orders: VecDeque<(CallId, conference::Order)>,
    /// Whom meetings call because a chairperson dialled them, and whose call that is.
    pub summons: VecDeque<(CallId, Summons)>,
    /// Callers who are parked, by slot.
    pub parked: BTreeMap<(TenantId, u8), CallId>,
    /// Callers who asked to be called back and hang up; the switch makes the calls.
    pub callbacks_asked: VecDeque<AskedBack>,
    /// Callbacks whose place the customer has taken.
    pub callbacks_over: VecDeque<CallId>,
    /// Customers who are on the line.
    pub inside: Inside,
    /// Lines that agents keep open.
    pub lines: Lines,
    /// Agents who have a browser among their phones.
    pub browsers: BTreeSet<(TenantId, AgentId)>,
    /// Those of whose browsers all registered by a code.
    pub browsers_by_code: BTreeSet<(TenantId, AgentId)>,
    /// What agents call outside, and who may not.
    pub calls_out: CallsOut,
    /// Texts that flows have sent.
    pub texts_asked: TextsAsked,
    /// Wrong PINs.
    pub doors: conference::doors::Doors,
    /// Calls since the start.
    pub calls_begun: u64,
    /// Times that keys of audio were agreed over signalling in clear.
    pub keys_in_clear: u64,
    /// Calls over a trunk because another one could not do it.
    pub reroutes: u64,
    requests_made: u64,
    rng: SmallRng,
    /// Secrets of legs. A cipher: what one leg got does not tell what another gets.
    secrets: StdRng,
}

impl World {
    pub fn new(config: Config, seed: u64, secret: Secret) -> Self {
        World {
            config,
            ids: IdGen::new(0),
            outputs: VecDeque::new(),
            tenants: BTreeMap::new(),
            leases: BTreeMap::new(),
            legs: IdMap::default(),
            recordings: BTreeMap::new(),
            faxes: BTreeMap::new(),
            texts: BTreeMap::new(),
            requests: HashMap::new(),
            conferences: BTreeMap::new(),
            conferences_touched: BTreeSet::new(),
            orders: VecDeque::new(),
            summons: VecDeque::new(),
            parked: BTreeMap::new(),
            callbacks_asked: VecDeque::new(),
            callbacks_over: VecDeque::new(),
            inside: Inside::default(),
            lines: Lines::default(),
            browsers: BTreeSet::new(),
            browsers_by_code: BTreeSet::new(),
            calls_out: CallsOut::default(),
            texts_asked: TextsAsked::default(),
            doors: conference::doors::Doors::default(),
            calls_begun: 0,
            keys_in_clear: 0,
            reroutes: 0,
            requests_made: 0,
            rng: SmallRng::seed_from_u64(seed),
            secrets: StdRng::from_seed(secret.0),
        }
    }

    /// A number drawn from the seed.
    pub fn draw(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A recording begins; its ledger will come. One that never came must not stop others: the
    /// oldest is forgotten.
    pub fn expect_recording(&mut self, recording: RecordingId, of: RecordingOf) {
        if self.recordings.len() >= self.config.recordings_max {
            self.recordings.pop_first();
        }
        self.recordings.insert(recording, of);
    }

    /// A fax begins; its outcome will come.
    pub fn expect_fax(&mut self, fax: FaxId, of: FaxOf) {
        if self.faxes.len() >= FAXES_MAX {
            self.faxes.pop_first();
        }
        self.faxes.insert(fax, of);
    }

    /// To the event log. In a box: it is far larger than all else that the switch wants.
    pub fn log(&mut self, entry: Entry) {
        self.outputs.push_back(Output::Log(Box::new(entry)));
    }

    /// A fax has ended. What nobody asked for is not noted.
    pub fn faxed(&mut self, now: Now, leg: LegId, outcome: &FaxOutcome) {
        let Some(of) = self.faxes.remove(&outcome.fax) else { return };
        let FaxOf { tenant, contact, call, document, work } = of;
        self.log(Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: now.wall,
            tenant,
            contact: Some(contact),
            call: Some(call),
            leg: Some(leg),
            kind: Kind::FaxDone { document, outcome: outcome.clone(), work },
        });
    }

    /// A recording is on disk, or never will be. The call may have ended long ago, even before the
    /// last start.
    pub fn recorded(&mut self, now: Now, ledger: Ledger) {
        let of = self.recordings.remove(&ledger.recording);
        self.log(Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: now.wall,
            tenant: ledger.tenant,
            contact: Some(ledger.contact),
            call: Some(ledger.call),
            leg: None,
            kind: Kind::Recorded {
                agent: of.and_then(|of| of.agent),
                queue: of.and_then(|of| of.queue),
                meeting: of.and_then(|of| of.meeting),
                message: of.is_some_and(|of| of.message),
                ledger,
            },
        });
    }
}

/// The world at one moment, for one input.
pub(crate) struct Cx<'a> {
    pub now: Now,
    pub world: &'a mut World,
}

impl Cx<'_> {
    /// A new raw id.
    pub fn id(&mut self) -> u64 {
        self.world.ids.next(self.now.wall)
    }

    /// A session id of our descriptions: 62 bits, so that every peer can count it up.
    pub fn session(&mut self) -> u64 {
        self.world.rng.next_u64() >> 2
    }

    /// A secret for the keys of one leg.
    pub fn secret(&mut self) -> [u8; 32] {
        self.world.secrets.random()
    }

    /// Asks the SIP core; of a leg that is on an open line, the other end of it.
    pub fn sip(&mut self, command: user_agent::Command) {
        if self.world.lines.has(command.leg()) {
            return self.world.lines.say(command);
        }
        self.world.outputs.push_back(Output::Sip(command));
    }

    pub fn media(&mut self, command: media::Command) {
        self.world.outputs.push_back(Output::Media(command));
    }

    /// Sends a request of an HTTP step.
    pub fn http(&mut self, call: CallId, ask: impl FnOnce(u64) -> HttpAsk) -> u64 {
        let id = self.request(call);
        self.world.outputs.push_back(Output::Http(ask(id)));
        id
    }

    /// Sends a question of a SQL step.
    pub fn sql(&mut self, call: CallId, ask: impl FnOnce(u64) -> SqlAsk) -> u64 {
        let id = self.request(call);
        self.world.outputs.push_back(Output::Sql(Box::new(ask(id))));
        id
    }

    /// Sends a question of an order step.
    pub fn order(&mut self, call: CallId, ask: impl FnOnce(u64) -> OrderAsk) -> u64 {
        let id = self.request(call);
        self.world.outputs.push_back(Output::Order(Box::new(ask(id))));
        id
    }

    /// Begins a talk of a bot step.
    pub fn bot(&mut self, call: CallId, ask: impl FnOnce(u64) -> BotAsk) -> u64 {
        let id = self.request(call);
        self.world.outputs.push_back(Output::Bot(Box::new(ask(id))));
        id
    }

    fn request(&mut self, call: CallId) -> u64 {
        self.world.requests_made += 1;
        let id = self.world.requests_made;
        self.world.requests.insert(id, call);
        id
    }

    /// The tenant's plan as it is now; `None` before one came.
    pub fn plan(&self, tenant: TenantId) -> Option<Arc<Compiled>> {
        self.world.tenants.get(&tenant).map(|tenant| Arc::clone(&tenant.plan))
    }

    /// The tenant's distributor.
    pub fn acd(&mut self, tenant: TenantId) -> Option<&mut Distributor> {
        self.world.tenants.get_mut(&tenant).map(|tenant| &mut tenant.acd)
    }
}
