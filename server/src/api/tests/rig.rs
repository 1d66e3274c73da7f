//! A box for one test.

use crate::api::calling::follow;
use crate::api::deletion::Deletion;
use crate::api::items::handing::Items;
use crate::api::links::{CallsLink, Clock, Seal, WorkLink};
use crate::api::live::feed::Feed;
use crate::api::moving::Moving;
use crate::api::plans::Plans;
use crate::api::prompts::Prompts;
use crate::api::silence::Servers;
use crate::api::{ApiLimits, ApiState, router};
use crate::config::Config;
use crate::link::NotThere;
use crate::schedules::Schedules;
use crate::schedules::files::Files;
use crate::schedules::watermark::Sealed;
use crate::tier::Tier;
use crate::tier::cache::Cache;
use crate::tier::fragile::Fragile;
use crate::work::jobs::{Bench, Done, Job, Problem};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use desk::bootstrap::{Defaults, FIRST_QUEUE, First};
use desk::user::{Identity, NewUser};
use desk::{By, Role, Store};
use futures::future::BoxFuture;
use mediacore::speech::{Engine, Utterance};
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use terms::control::{
    Answer, Ask, Ban, LegQuality, LineFault, LineProblem, LiveAgent, LiveCall, LiveCallback,
    LiveConference, LiveRecording, LiveState, LiveSupervision, LiveTrunk, RecordingNow, TrunkDown,
    TrunkFault,
};
use terms::event;
use terms::media::{Codec, FarQuality, Quality, Ssrc, SsrcEpoch, VoipMetrics};
use terms::record::{Call, Item, Recording, Row};
use terms::{
    AgentId, CallId, ContactId, IdGen, ItemId, LegId, Moment, QueueId, RecordingId, Region,
    TenantId, TextId, Timestamp, TrunkId, UserId,
};
use tower::ServiceExt;
use warehouse::Warehouse;

/// 2026-11-23T04:00:00Z, noon in Shanghai.
pub const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
/// The live call that the switch knows; its agent is the first one.
pub const LIVE_CALL: CallId = CallId(900);
/// The recording of that call, which runs.
pub const LIVE_RECORDING: RecordingId = RecordingId(901);
/// The call that the switch makes when it is asked for one.
pub const MADE_CALL: CallId = CallId(902);
/// The text that the switch sends when it is asked to.
pub const MADE_TEXT: TextId = TextId(903);

/// What is kept of what was fetched back.
const CACHE_MAX: u64 = 1 << 20;
/// Largest file of a prompt; more than other bodies.
pub const PROMPT_BYTES_MAX: u64 = 256 << 10;
/// Prompts of a tenant.
pub const PROMPTS_MAX: u32 = 4;

/// Longest wait for the switch: no test waits for its end but the one about it.
const PLAN_MAX: Duration = Duration::from_secs(20);

pub struct Rig {
    pub folder: TempDir,
    pub store: Store,
    pub warehouse: Arc<Warehouse>,
    pub first: First,
    pub calls: Arc<Switch>,
    pub clock: Arc<Hands>,
    pub feed: Arc<Feed>,
    pub work: Arc<dyn WorkLink>,
    pub deletion: Arc<Deletion>,
    /// Where there is a second tier.
    pub moving: Option<Moving>,
    pub prompts: Arc<Prompts>,
    pub schedules: Arc<Schedules>,
    pub router: Router,
    /// What the router is made of: another one is the child after a restart.
    pub state: ApiState,
    ids: Mutex<IdGen>,
    position: AtomicI64,
}

/// A switch that notes what it is asked.
#[derive(Default)]
pub struct Switch {
    pub asked: Mutex<Vec<Ask>>,
    pub refuse: Mutex<Option<String>>,
    /// Nobody listens on the socket.
    pub away: Mutex<bool>,
    /// Plans wait at the door while a test holds this.
    pub door: tokio::sync::Mutex<()>,
    /// Who supervises the live call.
    pub supervision: Mutex<Option<LiveSupervision>>,
    /// What agents do.
    pub agents: Mutex<Vec<LiveAgent>>,
    /// Who waits to be called back.
    pub callbacks: Mutex<Vec<LiveCallback>>,
    /// Whom SIP does not listen to.
    pub bans: Mutex<Vec<Ban>>,
    /// What goes on in conference rooms.
    pub conferences: Mutex<Vec<LiveConference>>,
    agent: Mutex<AgentId>,
}

impl Switch {
    /// The version of the tenant's plan in use.
    pub fn plan_version(&self, of: TenantId) -> u64 {
        let asked = self.asked.lock().unwrap();
        let versions = asked.iter().filter_map(|ask| match ask {
            Ask::Plan(plan) if plan.tenant == of => Some(plan.version),
            _ => None,
        });
        versions.max().unwrap_or(0)
    }
}

impl CallsLink for Switch {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        let answer = match (&ask, self.refuse.lock().unwrap().clone()) {
            (_, Some(why)) => Answer::Refused(why),
            (Ask::State { tenant: TenantId(1) }, None) => Answer::State(LiveState {
                plan_version: 7,
                calls: vec![LiveCall {
                    call: LIVE_CALL,
                    contact: ContactId(1),
                    caller: "+8613800138000".into(),
                    called: "95105688".into(),
                    started_at: NOON,
                    phase: "talking".into(),
                    queue: Some(FIRST_QUEUE),
                    agent: Some(*self.agent.lock().unwrap()),
                    rung: Vec::new(),
                    legs: Vec::new(),
                    supervision: *self.supervision.lock().unwrap(),
                    recording: RecordingNow::On,
                    parked: Some(3),
                    data: [("business".to_owned(), "报修".to_owned())].into(),
                    region: Some(Region { province: "北京".into(), city: String::new() }),
                }],
                agents: self.agents.lock().unwrap().clone(),
                callbacks: self.callbacks.lock().unwrap().clone(),
                conferences: self.conferences.lock().unwrap().clone(),
                trunks: vec![LiveTrunk {
                    trunk: TrunkId(7),
                    calls: 2,
                    registered: Some(false),
                    problem: Some(LineProblem {
                        fault: LineFault::CertificateName,
                        detail: "for pbx.example".into(),
                    }),
                    down: Some(TrunkDown { fault: TrunkFault::Line, since: NOON }),
                }],
                ..LiveState::default()
            }),
            (Ask::State { .. }, None) => Answer::State(LiveState::default()),
            (Ask::Recording { tenant, recording }, None) => {
                let runs = *tenant == TenantId(1) && *recording == LIVE_RECORDING;
                Answer::Recording(runs.then(|| LiveRecording {
                    agent: Some(*self.agent.lock().unwrap()),
                    queue: Some(FIRST_QUEUE),
                }))
            }
            (Ask::Quality { .. }, None) => Answer::Quality(live_quality()),
            (Ask::Dial(_) | Ask::Fax(_), None) => Answer::Call(MADE_CALL),
            (Ask::Text(_), None) => Answer::Text(MADE_TEXT),
            (Ask::Bans | Ask::LiftBan(_), None) => Answer::Bans(self.bans.lock().unwrap().clone()),
            (Ask::Metrics, None) => Answer::Metrics(vec![terms::control::Metric {
                name: "switchgrid_calls".into(),
                labels: vec![("tenant".into(), "a\"b".into())],
                value: 3.0,
            }]),
            _ => Answer::Done,
        };
        self.asked.lock().unwrap().push(ask);
        Box::pin(async move { answer })
    }

    fn deliver(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, NotThere>> {
        Box::pin(async move {
            if *self.away.lock().unwrap() {
                return Err(NotThere("the switch is not running".into()));
            }
            let _open = self.door.lock().await;
            Ok(self.ask(ask).await)
        })
    }
}

/// The legs of the live call: one that hears, and one that nothing has come from.
fn live_quality() -> Vec<LegQuality> {
    let voip = VoipMetrics { mos_cq: Some(39), ..VoipMetrics::default() };
    let heard = Quality {
        packets_received: 995,
        packets_expected: 1_000,
        packets_lost: 5,
        packets_unheard: 5,
        bursts: 1,
        burst_packets: 10,
        burst_unheard: 5,
        packet_us: 20_000,
        jitter_us: 1_250,
        mos: 4.213,
        codec: Some(Codec::Pcma),
        epochs: 1,
        epoch_list: vec![SsrcEpoch { ssrc: Ssrc(10), from_ms: 20, received: 995, lost: 5 }],
        far: FarQuality { reports: 3, voip: Some(voip), ..FarQuality::default() },
        ..Quality::default()
    };
    let leg = |leg, role, quality| LegQuality { leg: LegId(leg), role, agent: None, quality };
    vec![leg(1, event::Role::Customer, heard), leg(2, event::Role::Agent, Quality::default())]
}

/// The worker's bench, without its process.
struct Worker(Bench);

impl WorkLink for Worker {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        Box::pin(self.0.run(job))
    }
}

/// A voice that hums for a tenth of a second for each letter, and fails at `fail`. Where a file
/// `mute` lies in the data folder, there is none.
struct Humming;

impl Engine for Humming {
    fn name(&self) -> &str {
        "humming"
    }
    fn speak(&mut self, of: &Utterance) -> Result<Vec<u8>, String> {
        if of.words.contains("fail") {
            return Err("asked to".to_owned());
        }
        Ok(super::prompts::tone(8_000, of.words.len() * 800))
    }
}

/// A clock that the test moves.
pub struct Hands(AtomicI64);

impl Hands {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as i64, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
    fn moment(&self) -> Moment {
        Moment((self.0.load(Ordering::Relaxed) - NOON.0) as u64 * 1000)
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Every problem that a test meets can be told in Chinese; only the SQL engine speaks for itself.
fn tellable(problem: &Value) {
    let message = problem["message"].as_str().unwrap();
    let is_sql = problem["type"] == "urn:switchgrid:problem:sql";
    assert!(
        is_sql || crate::api::messages::in_chinese(message).is_some(),
        "server/src/api/messages.rs lacks {message:?}"
    );
}

impl Rig {
    pub async fn new() -> Self {
        Rig::built(None).await
    }

    /// A box with a second tier.
    pub async fn with_tier(store: Arc<Fragile>) -> Self {
        Rig::built(Some(store)).await
    }

    async fn built(object_store: Option<Arc<Fragile>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
        let flow = signaling::ivr::default_flow(FIRST_QUEUE);
        let first = store.bootstrap(&Defaults::with_flow(flow), NOON).await.unwrap().unwrap();
        let warehouse = Arc::new(Warehouse::open(folder.path().join("warehouse")).await.unwrap());
        let mut config = Config::default();
        config.server.data = folder.path().to_owned();
        config.sql.jobs_max = 8;
        config.schedules.directories = vec![folder.path().join("out")];
        config.rtp.prompt_bytes_max = crate::config::value::Bytes(PROMPT_BYTES_MAX);
        config.rtp.prompt_length_max = crate::config::value::Span(Duration::from_secs(5));
        config.rtp.own_prompts_max = PROMPTS_MAX;
        config.rtp.own_prompts_length_max = crate::config::value::Span(Duration::from_secs(8));
        let calls = Arc::new(Switch::default());
        *calls.agent.lock().unwrap() = first.agents[0].0;
        let clock = Arc::new(Hands(AtomicI64::new(NOON.0)));
        let feed = Feed::new(folder.path().join("events"));
        let sealing = warehouse.clone();
        let plans = Arc::new(Plans::default());
        let carrying = (plans.clone(), store.clone(), calls.clone());
        tokio::spawn(async move { carrying.0.carry(carrying.1, carrying.2).await });
        let tier = object_store.map(|store| {
            let cache = Cache::new(config.tier_cache_dir(), CACHE_MAX);
            Arc::new(Tier::over(store, "box-1", cache))
        });
        let bench = Bench::open(config.clone()).await.unwrap().with_tier(tier.clone());
        let bench = bench.drawing(super::faxes::here());
        let work = Arc::new(Worker(bench));
        let moving = tier
            .clone()
            .map(|tier| Moving::new(warehouse.clone(), work.clone(), tier, Duration::from_secs(0)));
        let faxes = crate::fax::folder(&config);
        let reports = Files::new(config.report_runs_dir());
        let deletion =
            Deletion::new(store.clone(), warehouse.clone(), work.clone(), faxes, reports);
        let deletion = Arc::new(deletion);
        let mute = folder.path().join("mute");
        let engine = Arc::new(move || -> Result<Box<dyn Engine>, String> {
            if mute.exists() { Err("install espeak-ng".to_owned()) } else { Ok(Box::new(Humming)) }
        });
        let prompts = Arc::new(Prompts::new(&config, engine));
        let seal: Seal = Arc::new(move || {
            let sealing = sealing.clone();
            Box::pin(async move { sealing.seal().await.map_err(|e| e.to_string()) })
        });
        let sealed = Arc::new(Sealed::new(store.clone(), calls.clone(), seal.clone()));
        let (worker, second) = (work.clone(), tier.clone());
        let schedules = Schedules::open(&config, store.clone(), worker, sealed, second).unwrap();
        let schedules = Arc::new(schedules);
        let state = ApiState {
            store: store.clone(),
            warehouse: warehouse.clone(),
            servers: Arc::new(Servers { store: store.clone(), warehouse: warehouse.clone() }),
            data: folder.path().to_owned(),
            recordings: config.recordings_dir(),
            calls: calls.clone(),
            plans,
            work: work.clone(),
            deletion: deletion.clone(),
            tier,
            doors: Arc::default(),
            encoding: Arc::default(),
            recording_keys: folder.path().join("recording.keys"),
            evidence_key: folder.path().join("evidence.key"),
            seal,
            events: feed.clone(),
            clock: clock.clone(),
            limits: ApiLimits { body_max: 64 << 10, plan_max: PLAN_MAX, ..ApiLimits::default() },
            speechless: None,
            faxless: None,
            faxes: folder.path().join("faxes"),
            prompts: prompts.clone(),
            schedules: schedules.clone(),
            items: Items::new(store.clone(), calls.clone(), clock.clone(), true),
        };
        std::fs::create_dir_all(folder.path().join("events")).unwrap();
        std::fs::create_dir_all(folder.path().join("recordings")).unwrap();
        let (ids, position) = (Mutex::new(IdGen::new(1)), AtomicI64::new(0));
        let router = router(state.clone());
        Rig {
            folder,
            store,
            warehouse,
            first,
            calls,
            clock,
            feed,
            work,
            deletion,
            moving,
            prompts,
            schedules,
            router,
            state,
            ids,
            position,
        }
    }

    pub fn tenant(&self) -> TenantId {
        self.first.tenant
    }

    /// A token of somebody with this role; agents are the first agent.
    pub async fn token(&self, role: Role) -> String {
        let (user, agent) = match role {
            Role::Agent => (UserId(self.first.agents[0].0.0), Some(self.first.agents[0].0)),
            _ => (self.person(self.tenant(), role).await, None),
        };
        self.token_of(self.tenant(), user, role, agent).await
    }

    pub async fn token_of(
        &self,
        tenant: TenantId,
        user: UserId,
        role: Role,
        agent: Option<AgentId>,
    ) -> String {
        let (login, name) = (String::from("x"), String::from("x"));
        let who = Identity { tenant, user, login, name, role, agent, mask_numbers: false };
        let by = By::system("test", self.clock.wall());
        self.store.open_session(&who, &by).await.unwrap().1.expose().to_owned()
    }

    /// A person with this role, made when there is none.
    pub async fn person(&self, tenant: TenantId, role: Role) -> UserId {
        let users = self.store.users(tenant).await.unwrap();
        if let Some(user) = users.iter().find(|user| user.role == role) {
            return user.id;
        }
        let new = NewUser {
            login: format!("the-{}", role.as_str()),
            name: role.as_str().to_owned(),
            role,
            password: "a-good-password".into(),
        };
        let by = By::system("test", NOON);
        self.store.create_user(tenant, &by, &new).await.unwrap().id
    }

    /// Another tenant, and a token of its administrator.
    pub async fn other_tenant(&self) -> (TenantId, String) {
        let profile = desk::tenant::Profile {
            name: "Other".into(),
            time_zone: "Asia/Shanghai".into(),
            country: "86".into(),
            realm: "other".into(),
            language: "en".into(),
        };
        let by = By::system("test", NOON);
        let tenant = self.store.create_tenant(&by, &profile).await.unwrap().id;
        let user = self.person(tenant, Role::Administrator).await;
        let token = self.token_of(tenant, user, Role::Administrator, None).await;
        (tenant, token)
    }

    pub async fn send(&self, request: Request<Body>) -> Got {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap();
        let got = Got { status: parts.status, headers: parts.headers, body };
        if got.header("content-type") == "application/problem+json" && !got.body.is_empty() {
            tellable(&got.json());
        }
        got
    }

    pub async fn ask(&self, method: Method, uri: &str, token: &str, body: Option<Value>) -> Got {
        self.send(request(method, uri, token, body)).await
    }

    pub async fn get(&self, uri: &str, token: &str) -> Got {
        self.ask(Method::GET, uri, token, None).await
    }

    pub async fn post(&self, uri: &str, token: &str, body: Value) -> Got {
        self.ask(Method::POST, uri, token, Some(body)).await
    }

    /// The rows of a list, as soon as there are some, or none after a while.
    pub async fn rows_at_last(&self, uri: &str, token: &str) -> Vec<Value> {
        for _ in 0..2_000 {
            let rows = self.get(uri, token).await.json().as_array().unwrap().clone();
            if !rows.is_empty() {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Vec::new()
    }

    /// The switch writes these into the event log.
    pub fn write_log(&self, entries: &[event::Entry]) {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| event::write_frame(entry, &mut bytes));
        let log = self.folder.path().join("events/events-00000000000000000001.log");
        let mut log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        log.write_all(&bytes).unwrap();
    }

    /// The store follows the log from its beginning.
    pub fn follow_log(&self) {
        tokio::spawn(self.feed.clone().follow(1));
        tokio::spawn(follow::run(self.store.clone(), self.feed.clone(), 1));
    }

    pub fn id(&self) -> u64 {
        self.ids.lock().unwrap().next(NOON)
    }

    pub async fn stage(&self, rows: &[Row]) {
        let position = self.position.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(self.warehouse.stage_rows("test", position, rows).await.unwrap());
    }

    /// Stages a call that began `second` seconds after noon and lasted `length` seconds.
    pub async fn call(&self, tenant: TenantId, second: i64, length: i32, agent: AgentId) -> CallId {
        let call = CallId(self.id());
        self.stage(&[Row::Call(call_row(tenant, call, second, length, agent))]).await;
        call
    }

    /// Stages a recording and puts `bytes` into its file.
    pub async fn recording(&self, tenant: TenantId, agent: AgentId, bytes: &[u8]) -> RecordingId {
        let recording = RecordingId(self.id());
        let path = format!("{tenant}/2026-11-23/{recording}.wav");
        self.write(&path, bytes);
        let row = recording_row(tenant, recording, agent, Some(path), bytes.len());
        self.stage(&[Row::Recording(row)]).await;
        recording
    }

    /// Removes the first published file of a table's day of [`NOON`]; its name.
    pub fn lose_published(&self, table: &str) -> String {
        let day = self.folder.path().join("warehouse").join(table).join("dt=2026-11-23");
        let files = std::fs::read_dir(day).unwrap();
        let first = files.map(|entry| entry.unwrap().path()).min().unwrap();
        std::fs::remove_file(&first).unwrap();
        first.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Writes a file beneath the recordings folder.
    pub fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let file = self.folder.path().join("recordings").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        file
    }
}

pub fn request(method: Method, uri: &str, token: &str, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    request.extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 5000)))).body(body).unwrap()
}

pub fn call_row(tenant: TenantId, call: CallId, second: i64, length: i32, agent: AgentId) -> Call {
    let started_at = Timestamp(NOON.0 + second * 1_000_000);
    Call {
        tenant_id: tenant,
        call_id: call,
        contact_id: ContactId(call.0),
        direction: "inbound".into(),
        started_at,
        answered_at: Some(started_at),
        ended_at: started_at + Duration::from_secs(length as u64),
        duration_ms: length * 1000,
        caller: format!("+861380013{:04}", second.rem_euclid(10_000)),
        caller_received: "x".into(),
        called: "95105688".into(),
        trunk_id: None,
        flow_id: None,
        queue_id: Some(FIRST_QUEUE),
        agent_id: Some(agent),
        last_agent_id: Some(agent),
        outcome: if length > 30 { "answered" } else { "abandoned" }.into(),
        hangup_cause: 16,
        hangup_by: "customer".into(),
        ivr_ms: 0,
        wait_ms: 0,
        talk_ms: length * 1000,
        hold_ms: 0,
        transfers: 0,
        agents: 1,
        recording_id: None,
        satisfaction: None,
        sip_call_id: "../../etc/passwd".into(),
        user_agent: "=HYPERLINK(\"x\")".into(),
        outside_ms: Some(0),
        conference_id: None,
        meeting_id: None,
        province: None,
        city: None,
    }
}

/// A mail that somebody took an hour before it was done, three hours after it came.
pub fn item_row(tenant: TenantId, item: u64, agent: Option<AgentId>, done_at: Timestamp) -> Item {
    let before = |hours: i64| Timestamp(done_at.0 - hours * 3_600_000_000);
    let hours_ms = |hours: i64| hours * 3_600_000;
    Item {
        tenant_id: tenant,
        item_id: ItemId(item),
        channel: "email".into(),
        queue_id: FIRST_QUEUE,
        agent_id: agent,
        address: Some("zhang.wei@example.com".into()),
        priority: 0,
        received_at: before(4),
        taken_at: agent.map(|_| before(1)),
        done_at,
        wait_ms: if agent.is_some() { hours_ms(3) } else { hours_ms(4) },
        work_ms: if agent.is_some() { hours_ms(1) } else { 0 },
        offers: 2,
        unanswered: 1,
        outcome: if agent.is_some() { "done" } else { "closed" }.into(),
        disposition: None,
        order_id: None,
    }
}

pub fn recording_row(
    tenant: TenantId,
    recording: RecordingId,
    agent: AgentId,
    path: Option<String>,
    bytes: usize,
) -> Recording {
    Recording {
        tenant_id: tenant,
        recording_id: recording,
        call_id: CallId(5),
        contact_id: ContactId(5),
        call_started_at: NOON,
        started_at: NOON,
        duration_ms: 1000,
        kind: "conversation".into(),
        agent_id: Some(agent),
        queue_id: Some(QueueId(1)),
        caller: "+8613800138000".into(),
        state: if path.is_some() { "recorded" } else { "refused" }.into(),
        frames_expected: 100,
        frames_missing: 0,
        path,
        bytes: bytes as i64,
        sha256: Some("ab".repeat(32)),
        reason: None,
        paused_ms: Some(0),
        marks: Some("[]".into()),
        format: Some("both".into()),
    }
}
