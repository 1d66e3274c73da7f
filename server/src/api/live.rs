//! What goes on right now: the live state, and the event log as it grows over a WebSocket.
//!
//! Every event has the log's sequence number. Whoever comes back says `?from_seq=` the last one
//! they saw plus one and misses nothing: what they missed is read from the log, then they follow
//! live. A client that does not read is cut when [`QUEUED_BYTES_MAX`] wait for it for two
//! seconds; it may come back at any time and resume.

pub mod feed;

use super::extract::Params;
use super::guard::{self, Caller, Guard, SUBPROTOCOL};
use super::number_regions::NumberRegion;
use super::problem::Problem;
use super::supervise::SupervisionLive;
use super::{Api, Shared, hidden};
use crate::api::agents::AgentLive;
use axum::Json;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use desk::team::Sight;
use desk::{Permission, when};
use feed::Subscription;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use terms::control::{Answer, Ask, LiveCall, LiveState, RecordingNow};
use terms::event::Entry;
use terms::{AgentId, CallId, ContactId, LegId, QueueId, TenantId, Timestamp};
use tokio::sync::mpsc;
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Live connections at a time.
pub const SOCKETS_MAX: usize = 500;
/// Bytes that may wait for one client before it is cut.
pub const QUEUED_BYTES_MAX: usize = 1 << 20;
/// How long a full queue may take to become half empty.
const FULL_MAX: Duration = Duration::from_secs(2);
/// Longest message of a client; nothing it says matters.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// How often a ping goes out and the token is looked at again.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long one message may take while a client catches up.
const SEND_MAX: Duration = Duration::from_secs(10);

/// The live state of a tenant.
#[derive(Serialize, ToSchema)]
struct Live {
    /// Version of the plan in use.
    #[schema(value_type = String)]
    plan_version: String,
    /// Queues with the contacts that wait.
    queues: Vec<QueueLive>,
    /// Agents.
    agents: Vec<AgentLive>,
    /// Calls.
    calls: Vec<CallLive>,
}

/// A queue right now.
#[derive(Serialize, ToSchema)]
struct QueueLive {
    /// Which.
    #[schema(value_type = String)]
    queue: QueueId,
    /// Contacts waiting, ringing ones included.
    waiting: u32,
    /// The oldest began to wait then.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
    /// Agents signed in who serve it.
    agents_signed_in: u32,
    /// Of those, free.
    agents_idle: u32,
}

/// A call right now.
#[derive(Serialize, ToSchema)]
struct CallLive {
    /// Which.
    #[schema(value_type = String)]
    call: CallId,
    /// Of which contact.
    #[schema(value_type = String)]
    contact: ContactId,
    /// Who calls.
    caller: String,
    /// What was dialled.
    called: String,
    /// Began then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// `ivr`, `waiting`, `ringing`, `talking`, `holding`, `consulting`, `parked`, `survey`,
    /// `voicemail`, `fax` or `conference`.
    phase: String,
    /// The queue.
    #[schema(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// The agent; none while it rings at several.
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// The agents at whose phones it rings for a queue.
    #[schema(value_type = Vec<String>)]
    rung: Vec<AgentId>,
    /// Its parties' legs.
    #[schema(value_type = Vec<String>)]
    legs: Vec<LegId>,
    /// Who supervises it; for those with the permission `calls.read` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    supervision: Option<SupervisionLive>,
    /// `off`, `on` or `paused`.
    #[schema(value_type = String)]
    recording: RecordingNow,
    /// The slot on which the caller is parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<u8>,
    /// What its flow learned and shows: the kind of business, an account.
    data: BTreeMap<String, String>,
    /// Where the number outside is at home; left out where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<NumberRegion>,
}

/// Where to begin.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// The first sequence number wanted; left out, whatever happens from now on.
    #[serde(default)]
    from_seq: Option<u64>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::FloorRead, routes!(state)))
        .routes(guard.may(Permission::EventsRead, routes!(events)))
}

impl Api {
    /// Asks the switch what goes on with the caller's tenant.
    pub(super) async fn live_state(&self, caller: &Caller) -> Result<LiveState, Problem> {
        match self.calls.ask(Ask::State { tenant: caller.tenant() }).await {
            Answer::State(state) => Ok(state),
            Answer::Refused(why) => {
                Err(Problem::unavailable("The switch does not answer right now.", why))
            }
            other => Err(Problem::internal(format!("the switch answered {other:?}"))),
        }
    }

    /// Whether numbers are hidden from who holds this token, as long as it is good, allows to follow
    /// events, and is not that of somebody who was limited to teams or queues meanwhile; else `None`.
    /// As long as the store is away nobody takes a token back, and it is as it was: `hides`.
    pub(super) async fn may_follow(&self, token: &str, hides: bool) -> Option<bool> {
        let known = match self.store.authenticate(token, self.clock.wall()).await {
            Err(error) if error.is_passing() => return Some(hides),
            known => known,
        };
        let (who, ..) = known.ok()??;
        let sight = match self.store.sight(&who).await {
            Err(error) if error.is_passing() => return Some(hides),
            sight => sight.ok()?,
        };
        let sees_all = sight.agents.is_none() && who.role.allows(Permission::EventsRead);
        sees_all.then_some(sight.mask_numbers)
    }
}

/// What goes on right now. Without the permission `calls.read` one sees one's own calls.
#[utoipa::path(get, path = "/api/v1/live", tag = "live", responses((status = 200, body = Live)))]
async fn state(State(api): State<Shared>, caller: Caller) -> Result<Json<Live>, Problem> {
    let state = api.live_state(&caller).await?;
    let all = caller.may(Permission::CallsRead);
    let is_own = |agent: Option<AgentId>| agent.is_some() && agent == caller.agent();
    let sight = match all {
        true => api.store.sight(caller.identity()).await?,
        false => Sight::WHOLE,
    };
    let shown = |queue: QueueId| sight.queues.as_ref().is_none_or(|seen| seen.contains(&queue));
    let queues = state.queues.into_iter().filter(|queue| shown(queue.queue));
    let queues = queues.map(|queue| QueueLive {
        queue: queue.queue,
        waiting: queue.waiting,
        oldest: queue.oldest,
        agents_signed_in: queue.agents_signed_in,
        agents_idle: queue.agents_idle,
    });
    let rings = |call: &LiveCall| call.rung.iter().any(|&agent| is_own(Some(agent)));
    let calls = state.calls.into_iter();
    let sees = |call: &LiveCall| all && sight.has(call.agent, call.queue);
    let calls = calls.filter(|call| sees(call) || is_own(call.agent) || rings(call));
    let calls = calls.map(|call| CallLive {
        call: call.call,
        contact: call.contact,
        caller: call.caller,
        called: call.called,
        started_at: call.started_at,
        phase: call.phase,
        queue: call.queue,
        agent: call.agent,
        rung: call.rung,
        legs: call.legs,
        supervision: call.supervision.filter(|_| all).map(SupervisionLive::from),
        recording: call.recording,
        parked: call.parked,
        data: call.data,
        region: call.region.map(NumberRegion::from),
    });
    let agent = |agent| AgentLive::seen_by(&caller, sight.agents.as_deref(), agent);
    Ok(Json(Live {
        plan_version: state.plan_version.to_string(),
        queues: queues.collect(),
        calls: calls.collect(),
        agents: state.agents.iter().map(agent).collect(),
    }))
}

/// Follow the event log over a WebSocket, one event a message.
///
/// Browsers send the token as the subprotocol `bearer.<token>` beside `switchgrid.v1`.
#[utoipa::path(get, path = "/api/v1/events", tag = "live", params(Begin), responses((status = 101, description = "A WebSocket; each message is an entry of the event log with `seq` and `at`")))]
async fn events(
    State(api): State<Shared>,
    caller: Caller,
    Params(Begin { from_seq }): Params<Begin>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    api.must_see_all(&caller).await?;
    let upgrade = upgrade.map_err(|_| {
        Problem::invalid("upgrade", "this address answers WebSocket connections only")
    })?;
    if let Some(from) = from_seq {
        has_entry(&api, from)?;
    }
    let Ok(place) = api.sockets.clone().try_acquire_owned() else {
        let message = "Too many live connections are open.";
        return Err(Problem::unavailable(message, "SOCKETS_MAX reached"));
    };
    let token = guard::token(&headers).unwrap_or_default().to_owned();
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (tenant, hides) = (caller.tenant(), caller.hides_numbers());
        let follower = Follower { api, token, tenant, hides };
        follower.follow(socket, from_seq).await;
        drop(place);
    }))
}

/// 410 when entry `from` was removed from the log.
fn has_entry(api: &Api, from: u64) -> Result<(), Problem> {
    let first = api.events.first().map_err(|error| Problem::internal(error.to_string()))?;
    match first.filter(|first| from < *first) {
        None => Ok(()),
        Some(first) => {
            let message = format!(
                "The log begins with event {first}; ask for what was before in the table events, \
                 and come back from {first}."
            );
            Err(Problem::new(StatusCode::GONE, "gone", message))
        }
    }
}

struct Follower {
    api: Shared,
    token: String,
    tenant: TenantId,
    /// Numbers are hidden from who follows.
    hides: bool,
}

/// Why a connection ends.
enum End {
    /// The client went.
    Gone,
    /// We close it, with a code and a sentence.
    Close(u16, String),
}

impl Follower {
    async fn follow(self, socket: WebSocket, from_seq: Option<u64>) {
        let (mut sink, mut stream) = socket.split();
        let mut subscription = self.api.events.subscribe(from_seq);
        if self.catch_up(&mut sink, &mut subscription).await.is_err() {
            return;
        }
        let (queue, waiting) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let mut writer = tokio::spawn(write(sink, waiting, queued.clone()));
        let end = self.pump(&mut stream, &mut subscription, &queue, &queued, &mut writer).await;
        if let End::Close(code, reason) = end {
            let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
            // What is queued goes out first; a client that does not read is not waited for.
            let _ = queue.send(Message::Close(Some(frame)));
            drop(queue);
            let _ = timeout(Duration::from_secs(1), &mut writer).await;
        }
        writer.abort();
    }

    /// Passes events on until the connection ends.
    async fn pump(
        &self,
        stream: &mut SplitStream<WebSocket>,
        subscription: &mut Subscription,
        queue: &mpsc::UnboundedSender<Message>,
        queued: &AtomicUsize,
        writer: &mut tokio::task::JoinHandle<()>,
    ) -> End {
        let mut ping =
            tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        loop {
            let message = tokio::select! {
                entries = subscription.next() => match entries {
                    Ok(entries) => {
                        for entry in entries.iter().filter(|entry| entry.tenant == self.tenant) {
                            let text = self.shown(entry);
                            queued.fetch_add(text.len(), Ordering::Relaxed);
                            if queue.send(Message::Text(text.into())).is_err() {
                                return End::Gone;
                            }
                            if !drained(queued).await {
                                let why = "too slow: come back with from_seq";
                                return End::Close(close_code::POLICY, why.to_owned());
                            }
                        }
                        continue;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the event log cannot be read for a live client");
                        return End::Close(close_code::ERROR, "the log cannot be read".to_owned());
                    }
                },
                message = stream.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    Some(Ok(_)) => continue,
                },
                _ = ping.tick() => {
                    if self.api.may_follow(&self.token, self.hides).await != Some(self.hides) {
                        let why = "the token is not good any more";
                        return End::Close(close_code::POLICY, why.to_owned());
                    }
                    Message::Ping(Default::default())
                }
                _ = &mut *writer => return End::Gone,
            };
            if queue.send(message).is_err() {
                return End::Gone;
            }
        }
    }

    /// Sends what the log already has. The client sets the pace, within [`SEND_MAX`] a message.
    async fn catch_up(
        &self,
        sink: &mut SplitSink<WebSocket, Message>,
        subscription: &mut Subscription,
    ) -> Result<(), ()> {
        loop {
            let entries = subscription.catch_up().await.map_err(|error| {
                tracing::error!(%error, "the event log cannot be read for a live client");
            })?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries.iter().filter(|entry| entry.tenant == self.tenant) {
                let message = Message::Text(self.shown(entry).into());
                let sent = timeout(SEND_MAX, sink.send(message)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return Err(());
                }
            }
        }
    }

    /// An entry as this client sees it.
    fn shown(&self, entry: &Entry) -> String {
        let mut value = told(entry);
        if self.hides {
            hidden::hide(&mut value);
        }
        value.to_string()
    }
}

/// False when a full queue does not empty in time. Meanwhile nothing more is read for the client:
/// what it misses in between, it gets from the log.
async fn drained(queued: &AtomicUsize) -> bool {
    if queued.load(Ordering::Relaxed) <= QUEUED_BYTES_MAX {
        return true;
    }
    let emptying = async {
        while queued.load(Ordering::Relaxed) > QUEUED_BYTES_MAX / 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(FULL_MAX, emptying).await.is_ok()
}

async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut waiting: mpsc::UnboundedReceiver<Message>,
    queued: Arc<AtomicUsize>,
) {
    while let Some(message) = waiting.recv().await {
        let bytes = match &message {
            Message::Text(text) => text.len(),
            _ => 0,
        };
        if sink.send(message).await.is_err() {
            return;
        }
        queued.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// An entry as clients see it: as in the log, with its time as RFC 3339.
pub(super) fn text(entry: &Entry) -> String {
    told(entry).to_string()
}

fn told(entry: &Entry) -> Value {
    let mut value = serde_json::to_value(entry).expect("an entry is always valid JSON");
    value["at"] = entry.at.to_string().into();
    value
}
