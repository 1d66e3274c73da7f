//! Logs for tests: entries written by hand, and whole days made from a seed.

use crate::derive::Fold;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::Path;
use terms::event::{
    Activity, Consent, ConsentWay, Direction, ENTRY_VERSION, Entry, FlowOut, InConference, Kind,
    Meeting, OfferEnd, Outcome, Party, Role, Satisfaction, TransferKind, write_frame,
};
use terms::media::{Codec, Ledger, Quality, RecordFormat, RecordingState};
use terms::record::{Order, Row};
use terms::{
    AgentId, CallId, ConferenceId, ContactId, FlowId, LegId, MeetingId, OrderId, PhoneNumber,
    QueueId, RecordingId, SurveyId, TenantId, Timestamp, TrunkId, VisitId,
};

/// 2026-11-22 23:50 UTC: calls of a test cross midnight.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_795_391_400);

/// A log written line by line; times are seconds after [`BEGIN`].
pub struct Script {
    pub entries: Vec<Entry>,
    tenant: TenantId,
}

impl Script {
    pub fn new(tenant: u64) -> Self {
        Script { entries: Vec::new(), tenant: TenantId(tenant) }
    }

    pub fn push(
        &mut self,
        secs: f64,
        call: Option<u64>,
        leg: Option<u64>,
        kind: Kind,
    ) -> &mut Self {
        self.entries.push(Entry {
            v: ENTRY_VERSION,
            seq: self.entries.len() as u64 + 1,
            at: Timestamp(BEGIN.0 + (secs * 1e6) as i64),
            tenant: self.tenant,
            contact: call.map(ContactId),
            call: call.map(CallId),
            leg: leg.map(LegId),
            kind,
        });
        self
    }

    pub fn call(&mut self, secs: f64, call: u64, kind: Kind) -> &mut Self {
        self.push(secs, Some(call), None, kind)
    }

    pub fn leg(&mut self, secs: f64, call: u64, leg: u64, kind: Kind) -> &mut Self {
        self.push(secs, Some(call), Some(leg), kind)
    }

    pub fn agent(
        &mut self,
        secs: f64,
        call: Option<u64>,
        agent: u64,
        activity: Activity,
    ) -> &mut Self {
        let (agent, reason, queue, skill_set) = (AgentId(agent), None, None, None);
        let kind = Kind::AgentChanged { agent, activity, reason, queue, skill_set };
        self.push(secs, call, None, kind)
    }

    pub fn rows(&self) -> Vec<Row> {
        fold(&self.entries)
    }
}

/// All rows of a log.
pub fn fold(entries: &[Entry]) -> Vec<Row> {
    let mut fold = Fold::new();
    let mut rows = Vec::new();
    entries.iter().for_each(|entry| fold.apply(entry, &mut rows));
    rows
}

pub fn call_started(caller: &str) -> Kind {
    Kind::CallStarted {
        direction: Direction::Inbound,
        caller: PhoneNumber::parse(caller, "86"),
        called: PhoneNumber::parse("95105688", "86"),
        trunk: Some(TrunkId(1)),
        sip_call_id: format!("{caller}@test"),
        user_agent: "test".into(),
        region: None,
        category: None,
    }
}

pub fn consented(given: bool) -> Kind {
    let (flow, step) = (Some(FlowId(7)), Some("agree".to_owned()));
    Kind::Consented(Consent { given, way: ConsentWay::Flow, flow, step, by: None })
}

pub fn leg_started(role: Role, agent: Option<u64>) -> Kind {
    let address = "sip:8001@test".into();
    Kind::LegStarted { role, agent: agent.map(AgentId), address, trunk: None }
}

pub fn enqueued(visit: u64, queue: u64) -> Kind {
    Kind::Enqueued { visit: VisitId(visit), queue: QueueId(queue), priority: 0, position: 1 }
}

pub fn offered(visit: u64, queue: u64, agent: u64) -> Kind {
    let (visit, queue, agent) = (VisitId(visit), QueueId(queue), AgentId(agent));
    Kind::Offered { visit, queue, agent, choice: None }
}

pub fn answered(visit: Option<u64>, queue: Option<u64>, agent: u64) -> Kind {
    let (visit, queue) = (visit.map(VisitId), queue.map(QueueId));
    Kind::Answered { visit, queue, agent: AgentId(agent) }
}

pub fn leg_ended(by: Party) -> Kind {
    let quality = Quality {
        packets_received: 500,
        packets_expected: 502,
        packets_lost: 2,
        jitter_us: 900,
        mos: 4.25,
        r_factor: 87.5,
        mos_listening: 4.31,
        codec: Some(Codec::Pcma),
        packet_us: 20_000,
        bursts: 1,
        burst_packets: 4,
        burst_unheard: 2,
        epochs: 1,
        ..Quality::default()
    };
    Kind::LegEnded { cause: 16, by, quality: Some(quality) }
}

/// Somebody comes into meeting `meeting` of room 3.
pub fn joined(meeting: u64) -> Kind {
    let of = Meeting { conference: ConferenceId(3), meeting: MeetingId(meeting) };
    Kind::Conference { of, what: InConference::Joined { chair: false, muted: false } }
}

pub fn call_ended(outcome: Outcome, by: Party) -> Kind {
    Kind::CallEnded { outcome, cause: 16, by }
}

pub fn recorded(tenant: u64, call: u64, recording: u64, agent: Option<u64>) -> Kind {
    let ledger = Ledger {
        recording: RecordingId(recording),
        tenant: TenantId(tenant),
        contact: ContactId(call),
        call: CallId(call),
        started_at: BEGIN,
        duration_ms: 12_000,
        state: RecordingState::Recorded,
        frames_expected: 1_200,
        frames_missing: 0,
        gaps: Vec::new(),
        path: Some(format!("{tenant}/2026-11-22/{recording}.wav")),
        bytes: 384_044,
        sha256: Some("ab".repeat(32)),
        reason: None,
        paused_ms: 0,
        marks: Vec::new(),
        format: RecordFormat::default(),
        before: None,
    };
    let (agent, queue) = (agent.map(AgentId), Some(QueueId(1)));
    Kind::Recorded { ledger, agent, queue, meeting: None, message: false }
}

/// A day of `calls` calls of tenants 1..=`tenants`, interleaved, the same for the same seed. Every
/// text of a tenant but the first holds `FOREIGN`.
pub fn day(seed: u64, tenants: u64, calls: u64) -> Vec<Entry> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut entries = Vec::new();
    for call in 1..=calls {
        let tenant = rng.random_range(1..=tenants);
        let start = rng.random_range(0.0..1_800.0);
        entries.extend(one_call(&mut rng, tenant, call * 100, start).entries);
    }
    for tenant in 1..=tenants {
        entries.extend(agent_day(&mut rng, tenant).entries);
    }
    entries.sort_by_key(|entry| entry.at);
    for (at, entry) in entries.iter_mut().enumerate() {
        entry.seq = at as u64 + 1;
    }
    entries
}

fn one_call(rng: &mut StdRng, tenant: u64, id: u64, start: f64) -> Script {
    let caller = match tenant {
        1 => format!("138{:08}", rng.random_range(0..100_000_000)),
        other => format!("FOREIGN-{other}"),
    };
    let (queue, agent) =
        (tenant * 10 + rng.random_range(0..2), tenant * 10 + rng.random_range(0..3));
    let mut s = Script::new(tenant);
    let mut t = start;
    let mut pass = |rng: &mut StdRng, most: f64| {
        t += rng.random_range(0.2..most);
        t
    };
    s.call(start, id, call_started(&caller));
    s.call(start, id, consented(!id.is_multiple_of(3)));
    s.leg(start, id, id + 1, leg_started(Role::Customer, None));
    s.leg(pass(rng, 1.0), id, id + 1, Kind::LegAnswered);
    let flow = FlowId(tenant);
    s.call(pass(rng, 0.5), id, Kind::IvrIn { flow, version: 1 });
    let entered_at = s.entries.last().expect("pushed just now").at;
    let step = Kind::IvrStep {
        flow,
        version: 1,
        step: "welcome".into(),
        kind: "menu".into(),
        entered_at,
        exit: "1".into(),
        digits: Some("1".into()),
    };
    s.call(pass(rng, 20.0), id, step);
    let (outcome, by) = match rng.random_range(0..10) {
        0 => (Outcome::IvrOnly, Party::Customer),
        1 | 2 => {
            s.call(pass(rng, 0.5), id, enqueued(id, queue));
            let (visit, queue) = (VisitId(id), QueueId(queue));
            s.call(pass(rng, 60.0), id, Kind::Abandoned { visit, queue });
            (Outcome::Abandoned, Party::Customer)
        }
        3 => {
            s.call(pass(rng, 0.5), id, enqueued(id, queue));
            let reason = FlowOut::MaxWait;
            let (visit, of) = (VisitId(id), QueueId(queue));
            s.call(pass(rng, 60.0), id, Kind::FlowedOut { visit, queue: of, reason });
            let recording = RecordingId(id + 50);
            let kind = Kind::VoicemailLeft { queue: of, recording, caller: String::new() };
            s.call(pass(rng, 30.0), id, kind);
            (Outcome::Voicemail, Party::Customer)
        }
        _ => {
            conversation(rng, &mut s, &mut pass, (tenant, id, queue, agent));
            (Outcome::Answered, Party::Agent)
        }
    };
    s.leg(pass(rng, 0.5), id, id + 1, leg_ended(by));
    s.call(pass(rng, 0.3), id, call_ended(outcome, by));
    if matches!(outcome, Outcome::Answered | Outcome::Voicemail) {
        let agent = (outcome == Outcome::Answered).then_some(agent);
        s.call(pass(rng, 20.0), id, recorded(tenant, id, id + 50, agent));
    }
    s
}

fn conversation(
    rng: &mut StdRng,
    s: &mut Script,
    pass: &mut impl FnMut(&mut StdRng, f64) -> f64,
    (_tenant, id, queue, agent): (u64, u64, u64, u64),
) {
    s.call(pass(rng, 0.5), id, enqueued(id, queue));
    if rng.random_bool(0.3) {
        s.call(pass(rng, 5.0), id, offered(id, queue, agent));
        let (visit, queue, agent) = (VisitId(id), QueueId(queue), AgentId(agent));
        let end = OfferEnd::NoAnswer;
        s.call(pass(rng, 20.0), id, Kind::OfferEnded { visit, queue, agent, end });
    }
    s.call(pass(rng, 5.0), id, offered(id, queue, agent));
    s.leg(pass(rng, 0.5), id, id + 2, leg_started(Role::Agent, Some(agent)));
    s.leg(pass(rng, 0.5), id, id + 2, Kind::LegRinging);
    s.leg(pass(rng, 9.0), id, id + 2, Kind::LegAnswered);
    s.leg(pass(rng, 0.3), id, id + 2, answered(Some(id), Some(queue), agent));
    if rng.random_bool(0.4) {
        s.leg(pass(rng, 60.0), id, id + 1, Kind::Held { by: Party::Agent });
        s.leg(pass(rng, 30.0), id, id + 1, Kind::Resumed);
    }
    if rng.random_bool(0.2) {
        let kind = TransferKind::Blind;
        let target = "8002".to_owned();
        s.leg(
            pass(rng, 60.0),
            id,
            id + 2,
            Kind::Transferred { kind, agent: AgentId(agent), target },
        );
    }
    let by = Party::Agent;
    s.leg(pass(rng, 200.0), id, id + 2, Kind::Released { agent: AgentId(agent), by });
    s.leg(pass(rng, 0.3), id, id + 2, leg_ended(by));
    let (survey, agent, queue) = (SurveyId(id), AgentId(agent), Some(QueueId(queue)));
    s.call(pass(rng, 0.3), id, Kind::SurveyAsked { survey, agent, queue });
    let answer = [Some(Satisfaction::Satisfied), Some(Satisfaction::Dissatisfied), None]
        [rng.random_range(0..3)];
    s.call(pass(rng, 9.0), id, Kind::SurveyAnswered { survey, agent, queue, answer });
}

fn agent_day(rng: &mut StdRng, tenant: u64) -> Script {
    let mut s = Script::new(tenant);
    for agent in 0..3 {
        let agent = tenant * 10 + agent;
        let mut t = rng.random_range(0.0..60.0);
        for activity in [Activity::Idle, Activity::Break, Activity::Idle, Activity::SignedOut] {
            s.agent(t, None, agent, activity);
            t += rng.random_range(60.0..600.0);
        }
    }
    s
}

/// A version of a work order.
pub fn order(tenant: u64, version_id: i64, order: u64, version: i32, assignee: u64) -> Row {
    let foreign = if tenant == 1 { "order" } else { "FOREIGN" };
    Row::Order(Order {
        tenant_id: TenantId(tenant),
        version_id,
        order_id: OrderId(order),
        version,
        changed_at: Timestamp(BEGIN.0 + version_id * 1_000_000),
        created_at: BEGIN,
        number: format!("{foreign}-{order}"),
        kind: "repair".into(),
        department: foreign.into(),
        area: "north".into(),
        title: foreign.into(),
        assignee_id: Some(AgentId(assignee)),
        deadline_at: None,
        warn_at: None,
        progress: if version > 1 { "done" } else { "open" }.into(),
        closed_at: None,
        call_id: None,
        customer_id: None,
        customer_number: "+8613800138000".into(),
    })
}

/// Writes entries as a file of the log; appears at once, as a whole.
pub fn write_log(dir: &Path, entries: &[Entry]) {
    std::fs::create_dir_all(dir).expect("the test's folder can be written");
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| write_frame(entry, &mut bytes));
    let path = dir.join(format!("events-{:020}.log", entries[0].seq));
    let tmp = path.with_extension("tmp");
    std::fs::write(&tmp, bytes).and_then(|()| std::fs::rename(&tmp, &path)).expect("it fits");
}
