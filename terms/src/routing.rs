//! What a tenant's business data says about calls, compiled by desk for the call path.
//!
//! A [`Plan`] is a snapshot with a version; [`Delta`]s follow it in order. signaling keeps the last
//! plan on disk, so a database that is down never stops a call.

mod agent;
mod area;
mod callers;
mod calling;
mod conference;
mod connector;
mod early;
mod emergency;
mod in_queue;
mod lease;
mod mailbox;
mod matching;
mod number;
mod parking;
mod prompt;
mod recording;
mod site;
mod skill_set;
mod trace_back;

pub use agent::{Agent, AuthCode, Ringing};
pub use area::{
    AREA_RING_S, AREA_RING_S_USUAL, AREA_WORKERS_MAX, Absence, Area, FieldGrid, Worker,
};
pub use callers::{AllowedCaller, BlockedCaller, Treatment, WITHHELD};
pub use calling::{
    Bar, CallingRight, CallingRules, EMERGENCY_NUMBERS, NumberClass, NumberPrefix, PREFIXES_MAX,
    PhoneSettings,
};
pub use conference::{CONFERENCE_MEMBERS_MAX, Conference, PIN_DIGITS_MAX, PIN_DIGITS_MIN, Pin};
pub use connector::{CONNECTOR_MS_MAX, CONNECTOR_ROWS_MAX, Connector, Database, DatabaseTls};
pub use early::{EarlyMedia, Listening, Machines};
pub use emergency::Emergency;
pub use in_queue::{CallFirst, Callback, InQueue};
pub use lease::{LEASE_CODE_DIGITS, LEASES_MAX, Lease, LeaseChanges, LeaseKind};
pub use mailbox::{Mailbox, MailboxTakes};
pub use matching::{
    Decision, Doors, KnownCaller, Matching, Need, ONWARD_MAX, Onward, Seat, Skill, SkillChoice,
    Standing, Strategy,
};
pub use number::{NUMBER_RULES_MAX, NumberRule, NumberRules};
pub use parking::{PARK_WAIT_S_MAX, PARK_WAIT_S_MIN, ParkRules};
pub use prompt::{NO_LANGUAGE, OwnPrompt, is_language};
pub use recording::{
    BEEP_EVERY_S, Exclusion, Exclusions, RecordingRule, RecordingScope, RecordingThen,
    RecordingWhen,
};
pub use site::{SITE_DIGITS_MAX, SITE_RANGES_MAX, Site, SiteRange};
pub use skill_set::SkillSet;
pub use trace_back::{TRACE_KEEP_S_MAX, TRACE_WAIT_S_MAX, TraceBack};

use crate::id::{AgentId, ConferenceId, FlowId, NumberId, QueueId, SiteId, TenantId, TrunkId};
use crate::media::{Codec, SrtpPolicy, TrunkT38};
use crate::region::Regions;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Format version of [`Plan`] on disk and on the local socket. 2 has recording rules: a reader that
/// does not know them would record who must not be. 3 has rights to call out: a reader that does not
/// know them would let a thief call. 4 has callers who are blocked in their own way and for a time: a
/// reader that does not know them cannot read the list.
pub const PLAN_VERSION: u32 = 4;

/// Everything that the call path knows about one tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_VERSION`] of the writer.
    pub format: u32,
    /// Rises with every change.
    pub version: u64,
    /// Whose plan it is.
    pub tenant: TenantId,
    /// The tenant's name.
    pub name: String,
    /// IANA zone, `Asia/Shanghai` by default.
    pub time_zone: String,
    /// Country code without `+`, `86` by default.
    pub country: String,
    /// Realm of digest authentication.
    pub realm: String,
    /// Language of prompts: `zh-CN` or `en`.
    pub language: String,
    /// Numbers that callers dial.
    pub numbers: Vec<Number>,
    /// Published IVR flows.
    pub flows: Vec<Flow>,
    /// Opening hours by name.
    pub hours: Vec<Hours>,
    /// Queues.
    pub queues: Vec<Queue>,
    /// Agents.
    pub agents: Vec<Agent>,
    /// Trunks.
    pub trunks: Vec<Trunk>,
    /// Callers that are not let in.
    pub blocked: Vec<BlockedCaller>,
    /// Callers that are let in whatever [`Plan::blocked`] says.
    #[serde(default)]
    pub allowed: Vec<AllowedCaller>,
    /// Callers of whom something is known that counts while they wait.
    #[serde(default)]
    pub known_callers: Vec<KnownCaller>,
    /// Which conversations are recorded; the first rule that matches decides. Where none does, the
    /// queue's own setting, or the box's for calls without a queue.
    #[serde(default)]
    pub recording_rules: Vec<RecordingRule>,
    /// Who and what is never recorded.
    #[serde(default)]
    pub recording_exclusions: Arc<Exclusions>,
    /// Conference rooms.
    #[serde(default)]
    pub conferences: Vec<Conference>,
    /// Prompts of the tenant's own.
    #[serde(default)]
    pub prompts: Vec<OwnPrompt>,
    /// What agents may call outside.
    #[serde(default)]
    pub calling: CallingRules,
    /// What answers numbers by trunk and time instead of their targets.
    #[serde(default)]
    pub number_rules: Vec<NumberRules>,
    /// Messages that were left for the people of queues; what a queue is not in has none.
    #[serde(default)]
    pub messages: Vec<QueueMessages>,
    /// Areas and their field workers.
    #[serde(default)]
    pub grid: FieldGrid,
    /// Business databases that flows may ask.
    #[serde(default)]
    pub connectors: Vec<Connector>,
    /// Emergency plans in force.
    #[serde(default)]
    pub emergency: Vec<Emergency>,
    /// Whom those reach who call back.
    #[serde(default)]
    pub trace_back: TraceBack,
    /// Who takes parked callers, and where they go whom nobody takes.
    #[serde(default)]
    pub parking: ParkRules,
    /// Where numbers are at home that have no area code.
    #[serde(default)]
    pub regions: Arc<Regions>,
    /// Messages for single agents, and who is asked for one.
    #[serde(default)]
    pub mailboxes: Vec<Mailbox>,
    /// Other sites.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// What agents may choose when they sign in.
    #[serde(default)]
    pub skill_sets: Vec<SkillSet>,
}

/// How many messages were left for the people of a queue and are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueMessages {
    /// Whose.
    pub queue: QueueId,
    /// Nobody has heard them.
    pub waiting: u32,
    /// Somebody has.
    pub heard: u32,
}

/// A dialled number and what answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// Its id.
    pub id: NumberId,
    /// As dialled and normalised: `95105688`, `+862087654321`.
    pub digits: String,
    /// What answers.
    pub target: Target,
}

/// Where a call goes next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An IVR flow.
    Flow(FlowId),
    /// A queue.
    Queue(QueueId),
    /// One agent.
    Agent(AgentId),
    /// A number inside (an agent's short number) or outside through a trunk.
    Number(String),
    /// Leave a message for a queue's people.
    Voicemail(QueueId),
    /// A conference room.
    Conference(ConferenceId),
    /// Another site, at its own number.
    Site(SiteId),
    /// Say goodbye.
    Hangup,
}

/// One published version of a flow. The document is checked by signaling's flow checker before it
/// gets here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// The flow.
    pub id: FlowId,
    /// Its name.
    pub name: String,
    /// Which version is live.
    pub version: u32,
    /// The JSON graph.
    pub document: serde_json::Value,
}

/// Opening hours: several windows a day in the tenant's zone, and exceptions by date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Named in `hours` steps.
    pub name: String,
    /// Weekly windows.
    pub windows: Vec<Window>,
    /// Closed on these local dates, `2026-10-01`.
    pub closed: Vec<String>,
    /// Open on these local dates although a weekend (make-up working days 调休); Monday's windows.
    pub open: Vec<String>,
}

impl Hours {
    /// Monday's windows serve a make-up working day 调休.
    const MAKE_UP_WEEKDAY: u8 = 1;

    /// The windows of one local day, in no order: none on a closed date, Monday's on an open one,
    /// else those of the weekday. `date` is `2026-10-01`; of `weekday`, 1 is Monday.
    pub fn windows_on(&self, date: &str, weekday: u8) -> impl Iterator<Item = Window> + '_ {
        let names = |dates: &[String]| dates.iter().any(|named| named == date);
        let weekday = match (names(&self.closed), names(&self.open)) {
            (true, _) => None,
            (false, true) => Some(Self::MAKE_UP_WEEKDAY),
            (false, false) => Some(weekday),
        };
        self.windows.iter().copied().filter(move |window| Some(window.weekday) == weekday)
    }
}

/// One window of one weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// 1 is Monday, 7 is Sunday (ISO 8601).
    pub weekday: u8,
    /// Minutes after local midnight, inclusive.
    pub from_minute: u16,
    /// Minutes after local midnight, exclusive; 1440 is midnight.
    pub to_minute: u16,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// Its name.
    pub name: String,
    /// How the next agent is chosen.
    pub strategy: Strategy,
    /// Who serves it.
    pub agents: Vec<AgentId>,
    /// Higher goes first; age decides among equals.
    pub priority: i32,
    /// Most contacts waiting; one more goes to `overflow`.
    pub waiting_max: u32,
    /// Longest wait in seconds; then `overflow`.
    pub wait_max_s: u32,
    /// Where those go who may not wait or waited too long.
    pub overflow: Target,
    /// How long one agent rings, in seconds.
    pub ring_max_s: u32,
    /// Wrap-up in seconds; ends by itself.
    pub wrap_up_s: u32,
    /// Waiting music, a prompt name.
    pub music: String,
    /// Seconds between announcements of the position; 0 is never.
    pub announce_every_s: u32,
    /// Record conversations.
    pub record: bool,
    /// Ask for satisfaction when the agent releases first.
    pub survey: bool,
    /// T of the service level in seconds.
    pub service_level_s: u32,
    /// How contacts and agents find each other, beyond the strategy.
    #[serde(default)]
    pub matching: Matching,
    /// What a caller can do while they wait.
    #[serde(default)]
    pub in_queue: InQueue,
}

/// A SIP peer that carries calls of the public network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Its name.
    pub name: String,
    /// Source addresses or `address/prefix` that belong to it; calls from them need no other proof
    /// unless `inbound_digest` is set.
    pub sources: Vec<String>,
    /// Where calls to the outside go, `sip:host:port;transport=udp`.
    pub proxy: String,
    /// Who we are at the trunk.
    pub outbound: Option<Credential>,
    /// Keep a registration there.
    pub register: bool,
    /// Keep one at each of the servers that its name says, instead of at the one whose turn it is.
    #[serde(default)]
    pub register_each: bool,
    /// Seconds asked for in REGISTER.
    pub register_expires_s: u32,
    /// Who they are here.
    pub inbound_digest: Option<InboundDigest>,
    /// The number shown to the outside when the caller's own may not be: must be the tenant's.
    pub caller_number: String,
    /// Numbers of the tenant that may be shown besides.
    pub caller_numbers: Vec<String>,
    /// Most calls at a time, both directions.
    pub calls_max: u32,
    /// Most new calls per second, both directions.
    pub calls_per_s_max: u32,
    /// Dialled prefixes that go out here; empty is none. `""` in the list is all.
    pub prefixes: Vec<String>,
    /// Codecs spoken there, the preferred one first; empty takes those of the box.
    #[serde(default)]
    pub codecs: Vec<Codec>,
    /// Encryption of the audio there, in calls that we begin and in those that come.
    #[serde(default)]
    pub srtp: SrtpPolicy,
    /// Whether its calls may go over to fax.
    #[serde(default)]
    pub t38: TrunkT38,
    /// The address of ours that it is told, in signalling and for audio; none is the one of its
    /// network.
    #[serde(default)]
    pub advertise: Option<IpAddr>,
    /// Certificates of the authorities that its own is checked against, over TLS, as PEM; empty takes
    /// those of the system.
    #[serde(default)]
    pub ca: String,
    /// What we show where it asks for a certificate of ours, over TLS; none shows nothing.
    #[serde(default)]
    pub certificate: Option<ClientCertificate>,
    /// Domains of which its own certificate has to name one where it connects to us over TLS (RFC 5922
    /// §7.1), in small letters. Where there are some its calls come over such a connection and in no
    /// other way; where there are none it is known by its address.
    #[serde(default)]
    pub certificate_names: Vec<String>,
    /// Of the trunks that fit a number equally well the lowest is tried first.
    #[serde(default)]
    pub order: u32,
    /// Share of the calls among trunks of one order; those with 0 come after the others, as written.
    #[serde(default)]
    pub weight: u32,
    /// Seconds from one OPTIONS to the next, which asks whether calls can go out here; 0 asks nothing.
    #[serde(default)]
    pub options_every_s: u32,
    /// Whose number is shown, where it may be.
    #[serde(default)]
    pub caller_rule: CallerRule,
    /// It is within the circle that knows who calls (RFC 3325 §2.4): what it asserts of a caller is
    /// believed, and it is told our number even where the callee is not.
    #[serde(default)]
    pub trusted: bool,
    /// What who waits hears of it before it answers.
    #[serde(default)]
    pub early_media: EarlyMedia,
    /// What its far end is listened to for.
    #[serde(default)]
    pub listening: Listening,
    /// ISUP goes beside its descriptions, both ways (SIP-I, ITU-T Q.1912.5); else what comes of it is
    /// left unread.
    #[serde(default)]
    pub sip_i: bool,
    /// Its provisional answers have to arrive: our INVITE requires 100rel (RFC 3262).
    #[serde(default)]
    pub requires_prack: bool,
}

/// Whose number the outside sees on a call over a trunk. Whatever it says, the trunk has to list the
/// number and it has to be the tenant's; else the trunk's own is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerRule {
    /// The published number that the caller dialled, so that a field worker sees what the call is about.
    #[default]
    Dialled,
    /// The number that leads to the agent who calls, else the caller's, else as [`CallerRule::Dialled`].
    Caller,
    /// Always the trunk's own.
    Fixed,
    /// None: the callee sees that somebody calls. Where the network has to know, it is the trunk's own.
    Withheld,
}

/// A user name and password that we present. Kept out of logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// The only realm that it may be sent to; empty takes the first realm of the trunk's address.
    pub realm: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Credential({}, …)", self.user)
    }
}

/// A certificate of ours and its private key. The key is kept out of logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// Ours first, then those above it, as PEM.
    pub chain: String,
    /// The private key, as PEM.
    pub key: String,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("ClientCertificate(…)")
    }
}

/// What a peer must prove to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundDigest {
    /// The user.
    pub user: String,
    /// MD5 of `user:realm:password`.
    pub ha1_md5: String,
    /// SHA-256 of the same.
    pub ha1_sha256: String,
}

/// A small ordered change of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The plan's version after the change; exactly one above the version before.
    pub version: u64,
    /// Whose plan.
    pub tenant: TenantId,
    /// What changes.
    pub change: Change,
}

/// What a delta changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Publish a flow or a new version of it.
    Flow(Flow),
    /// Add or replace a queue.
    Queue(Queue),
    /// Add or replace an agent.
    Agent(Agent),
    /// Add or replace a number.
    Number(Number),
    /// Refuse this caller.
    Block(BlockedCaller),
    /// Let this caller in again.
    Unblock(String),
    /// Record by these rules from now on.
    RecordingRules(Vec<RecordingRule>),
    /// Never record this.
    Exclude(Exclusion),
    /// Record this again where a rule says so.
    Include(Exclusion),
    /// Add or replace a conference room. A meeting that goes on keeps what it began with.
    Conference(Conference),
}

impl Plan {
    /// An empty plan with the house's defaults.
    pub fn empty(tenant: TenantId, name: &str) -> Self {
        Plan {
            format: PLAN_VERSION,
            version: 0,
            tenant,
            name: name.to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            country: "86".to_owned(),
            realm: "switchgrid".to_owned(),
            language: "zh-CN".to_owned(),
            numbers: Vec::new(),
            flows: Vec::new(),
            hours: Vec::new(),
            queues: Vec::new(),
            agents: Vec::new(),
            trunks: Vec::new(),
            blocked: Vec::new(),
            allowed: Vec::new(),
            known_callers: Vec::new(),
            recording_rules: Vec::new(),
            recording_exclusions: Arc::default(),
            conferences: Vec::new(),
            prompts: Vec::new(),
            calling: CallingRules::default(),
            number_rules: Vec::new(),
            messages: Vec::new(),
            grid: FieldGrid::default(),
            connectors: Vec::new(),
            emergency: Vec::new(),
            trace_back: TraceBack::default(),
            parking: ParkRules::default(),
            regions: Arc::default(),
            mailboxes: Vec::new(),
            sites: Vec::new(),
            skill_sets: Vec::new(),
        }
    }

    /// Applies one delta. False, and nothing changes, when the delta is not the next one: the
    /// sender then sends a whole plan.
    pub fn apply(&mut self, delta: Delta) -> bool {
        if delta.tenant != self.tenant || delta.version != self.version + 1 {
            return false;
        }
        match delta.change {
            Change::Flow(flow) => put(&mut self.flows, flow, |a, b| a.id == b.id),
            Change::Queue(queue) => put(&mut self.queues, queue, |a, b| a.id == b.id),
            Change::Agent(agent) => put(&mut self.agents, agent, |a, b| a.id == b.id),
            Change::Number(number) => put(&mut self.numbers, number, |a, b| a.id == b.id),
            Change::Block(caller) => put(&mut self.blocked, caller, |a, b| a.number == b.number),
            Change::Unblock(number) => self.blocked.retain(|blocked| blocked.number != number),
            Change::RecordingRules(rules) => self.recording_rules = rules,
            Change::Exclude(exclusion) => {
                Arc::make_mut(&mut self.recording_exclusions).insert(exclusion);
            }
            Change::Include(exclusion) => {
                Arc::make_mut(&mut self.recording_exclusions).remove(&exclusion);
            }
            Change::Conference(room) => put(&mut self.conferences, room, |a, b| a.id == b.id),
        }
        self.version = delta.version;
        true
    }

    /// The agent with this id.
    pub fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == id)
    }
    /// The queue with this id.
    pub fn queue(&self, id: QueueId) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.id == id)
    }
    /// The mailbox of this agent, where there is one.
    pub fn mailbox(&self, agent: AgentId) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.agent == agent)
    }
    /// The conference room with this id.
    pub fn conference(&self, id: ConferenceId) -> Option<&Conference> {
        self.conferences.iter().find(|conference| conference.id == id)
    }
    /// The published flow with this id.
    pub fn flow(&self, id: FlowId) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.id == id)
    }
}

fn put<T>(list: &mut Vec<T>, item: T, same: impl Fn(&T, &T) -> bool) {
    match list.iter_mut().find(|old| same(old, &item)) {
        Some(old) => *old = item,
        None => list.push(item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_apply_in_order_only() {
        let mut plan = Plan::empty(TenantId(1), "demo");
        let block = |version| Delta {
            version,
            tenant: TenantId(1),
            change: Change::Block(BlockedCaller::always("+8613800138000")),
        };
        assert!(!plan.apply(block(2)), "a gap is refused");
        assert!(plan.apply(block(1)));
        assert!(!plan.apply(block(1)), "a repeat is refused");
        assert_eq!(plan.blocked.len(), 1);
    }

    #[test]
    fn a_closed_date_wins_over_a_make_up_day_which_has_mondays_windows() {
        let window = |weekday| Window { weekday, from_minute: 510, to_minute: 1_080 };
        let hours = Hours {
            name: "office".into(),
            windows: (1..=6).map(window).collect(),
            closed: vec!["2026-10-01".into(), "2026-10-11".into()],
            open: vec!["2026-10-10".into(), "2026-10-11".into()],
        };
        let on = |date, weekday| hours.windows_on(date, weekday).collect::<Vec<_>>();
        assert_eq!(on("2026-10-09", 5), [window(5)]);
        assert_eq!(on("2026-10-10", 6), [window(1)], "a Saturday that is worked");
        assert_eq!(on("2026-10-01", 4), [], "a holiday");
        assert_eq!(on("2026-10-11", 7), [], "named in both");
        assert_eq!(on("2026-10-04", 7), [], "a Sunday without windows");
    }

    #[test]
    fn an_exclusion_comes_and_goes_as_a_small_change() {
        let mut plan = Plan::empty(TenantId(1), "demo");
        let number = Exclusion::Number("+8613800138000".into());
        let changes = [Change::Exclude(number.clone()), Change::Include(number)];
        let mut left = Vec::new();
        for (version, change) in (1..).zip(changes) {
            assert!(plan.apply(Delta { version, tenant: TenantId(1), change }));
            left.push(plan.recording_exclusions.len());
        }
        assert_eq!(left, [1, 0]);
    }

    #[test]
    fn a_plan_from_before_recording_rules_conferences_and_prompts_has_none() {
        let mut plan = serde_json::to_value(Plan::empty(TenantId(1), "demo")).unwrap();
        let fields = plan.as_object_mut().unwrap();
        fields.remove("recording_rules");
        fields.remove("recording_exclusions");
        fields.remove("conferences");
        fields.remove("prompts");
        fields.remove("calling");
        fields.remove("number_rules");
        fields.remove("connectors");
        fields.remove("emergency");
        fields.remove("mailboxes");
        fields.remove("sites");
        fields.remove("skill_sets");
        let plan: Plan = serde_json::from_value(plan).unwrap();
        assert_eq!(plan.calling, CallingRules::default(), "nothing abroad");
        assert!(plan.recording_rules.is_empty() && plan.recording_exclusions.is_empty());
        assert!(plan.conferences.is_empty() && plan.prompts.is_empty());
        assert!(plan.number_rules.is_empty() && plan.mailboxes.is_empty());
        assert!(plan.sites.is_empty() && !plan.calling.sites, "nobody calls what is not there");
        assert!(plan.connectors.is_empty() && plan.emergency.is_empty());
        assert!(plan.skill_sets.is_empty());
    }

    #[test]
    fn a_trunk_from_before_it_said_anything_of_t38_allows_it() {
        let old = serde_json::json!({"id": "1", "name": "city", "sources": [], "proxy": "",
            "outbound": null, "register": false, "register_expires_s": 300, "inbound_digest": null,
            "caller_number": "", "caller_numbers": [], "calls_max": 1, "calls_per_s_max": 1,
            "prefixes": []});
        let mut trunk: Trunk = serde_json::from_value(old).unwrap();
        assert_eq!(trunk.t38, TrunkT38::Allow);
        trunk.t38 = TrunkT38::Refuse;
        let written = serde_json::to_value(&trunk).unwrap();
        assert_eq!(written["t38"], "refuse");
        assert_eq!(serde_json::from_value::<Trunk>(written).unwrap(), trunk);
    }

    #[test]
    fn a_password_does_not_reach_a_log() {
        let credential =
            Credential { user: "u".into(), password: "hunter2".into(), realm: String::new() };
        assert!(!format!("{credential:?}").contains("hunter2"));
    }
}
