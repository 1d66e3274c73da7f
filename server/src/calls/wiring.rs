//! Carries commands from signaling to mediacore and events back, and puts the recorder's ledger
//! into the event log. Each room is started once and ended in the order that loses nothing.

use super::bot_step::BotSteps;
use super::http_step::HttpSteps;
use super::measure;
use super::sql_step::SqlSteps;
use crate::config::{Config, value};
use crate::orders_line::OrderSteps;
use crate::prompts::{self, own_of};
use mediacore::codec::Rate;
use mediacore::edge::bot::Bot;
use mediacore::edge::engine::{BackendChoice, Engine, EngineConfig};
use mediacore::edge::identity;
use mediacore::edge::keys::Keys;
use mediacore::edge::storage::{self, Storage, StorageConfig};
use mediacore::edge::studio::own::{self, ReadOwn};
use mediacore::edge::studio::{Outlets, Studio, StudioConfig};
use mediacore::prompt::PromptStore;
use mediacore::speech;
use signaling::edge::doors;
use signaling::edge::plans::Plans;
use signaling::edge::signaling::{Handle, Signaling};
use signaling::edge::websocket::Rules;
use signaling::ivr::prompt;
use signaling::switch::{BotAsk, OutLimits, Secret};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use terms::control::{Ask, Metric, Request, Response};
use terms::media::{Command, Event, Fingerprint};
use terms::routing::Plan;

/// How long a ledger row may take into the event log before the renderer is told that it is not.
const LEDGER_MAX: Duration = Duration::from_secs(30);

/// The rooms of the call path, running.
pub struct Switchboard {
    handle: Handle,
    engine: Arc<Mutex<Option<Engine>>>,
    studio: Arc<Studio>,
    storage: Mutex<Option<Storage>>,
    signaling: Mutex<Option<Signaling>>,
    data: PathBuf,
    /// The box's.
    language: &'static str,
}

impl Switchboard {
    /// Starts storage, media and signaling, in this order. Calls of before a kill go on: media with
    /// their audio at once, signaling with everything else.
    ///
    /// # Errors
    /// The first room that does not start, with its own words.
    pub fn start(
        config: &Config,
        runtime: tokio::runtime::Handle,
        answers: impl FnMut(Response) + Send + 'static,
    ) -> Result<Self, anyhow::Error> {
        let handle: Arc<OnceLock<Handle>> = Arc::new(OnceLock::new());
        let (storage, rings) = start_storage(config, handle.clone())?;
        let events = handle.clone();
        let (prompts, own) = load_prompts(config)?;
        let mut engine_config = engine_config(config, rings, prompts.clone());
        let identity = identity::kept(config.live_dir().as_deref()).map_err(anyhow::Error::msg)?;
        let certificate = identity.fingerprint();
        engine_config.shard.identity = Some(Arc::new(identity));
        let engine = Engine::start(engine_config, move |_, event| {
            // Before signaling runs there are only legs of before a kill. What they say meanwhile, a
            // digit or a silence, is lost.
            if let Some(handle) = events.get() {
                handle.media_event(event);
            }
        })?;
        tracing::info!(backend = ?engine.backend(), "media runs");
        let media_legs = engine.restored().iter().copied().collect();
        let engine = Arc::new(Mutex::new(Some(engine)));
        let studio = Arc::new(start_studio(config, prompts, own, &engine)?);
        let (commands, passing) = (engine.clone(), studio.clone());
        let steps = HttpSteps::new(config.ivr.http_allowed.clone());
        let asked = handle.clone();
        let databases = SqlSteps::new(&config.ivr.sql_allowed, config.ivr.sqlite_folder.clone());
        let (sql_runtime, sql_asked) = (runtime.clone(), handle.clone());
        let orders = OrderSteps::new(&config.server.data);
        let (order_runtime, order_asked) = (runtime.clone(), handle.clone());
        let bots = BotSteps::new(&config.ivr.http_allowed);
        let (bot_runtime, bot_asked, legs) = (runtime.clone(), handle.clone(), engine.clone());
        let signaling = Signaling::start(
            signaling::edge::signaling::Config {
                media_legs,
                ..signaling_config(config, certificate)
            },
            Box::new(move |command| {
                if let Some(command) = passing.pass(command) {
                    send(&commands, command);
                }
            }),
            Box::new(answers),
            Box::new(move |ask| {
                let (steps, asked) = (steps.clone(), asked.clone());
                runtime.spawn(async move {
                    let done = steps.run(ask).await;
                    if let Some(handle) = asked.get() {
                        handle.http_done(done);
                    }
                });
            }),
            Box::new(move |ask| {
                let (databases, asked) = (databases.clone(), sql_asked.clone());
                sql_runtime.spawn(async move {
                    let done = databases.run(ask).await;
                    if let Some(handle) = asked.get() {
                        handle.sql_done(done);
                    }
                });
            }),
            Box::new(move |ask| {
                let (orders, asked) = (orders.clone(), order_asked.clone());
                order_runtime.spawn(async move {
                    let done = orders.run(ask).await;
                    if let Some(handle) = asked.get() {
                        handle.sql_done(done);
                    }
                });
            }),
            Box::new(move |ask| {
                let bot = line_to(&legs, &ask);
                let (bots, asked) = (bots.clone(), bot_asked.clone());
                bot_runtime.spawn(async move {
                    let done = bots.run(ask, bot).await;
                    if let Some(handle) = asked.get() {
                        handle.bot_done(done);
                    }
                });
            }),
        )?;
        let own = signaling.handle();
        handle.set(own.clone()).ok().expect("the handle is set once");
        Ok(Switchboard {
            handle: own,
            engine,
            studio,
            storage: Mutex::new(Some(storage)),
            signaling: Mutex::new(Some(signaling)),
            data: config.server.data.clone(),
            language: config.first.language.as_str(),
        })
    }

    /// Puts a question to the switch. A plan waits until what it names of the tenant's own can be
    /// heard: who was told of a new prompt hears it.
    pub fn ask(&self, request: Request) {
        let Ask::Plan(plan) = &request.body else { return self.handle.ask(request) };
        self.speak_ahead(plan);
        let own = own_of(&self.data, plan);
        let handle = self.handle.clone();
        self.studio.stock(own, move || handle.ask(request));
    }

    /// Texts of flows are made when a plan comes, so that the first caller does not wait for them.
    fn speak_ahead(&self, plan: &Plan) {
        let texts = plan.flows.iter().flat_map(|flow| texts(flow, plan, self.language));
        let texts: Vec<_> = texts.collect();
        if !texts.is_empty() && !self.studio.prepare(texts) {
            tracing::warn!("texts of a plan are spoken when they are played: too much waits");
        }
    }

    /// Counters and gauges of media and storage; signaling answers with its own.
    pub fn metrics(&self) -> Vec<Metric> {
        let storage = self.storage.lock().expect("no panic while held");
        let engine = self.engine.lock().expect("no panic while held");
        let stats = storage.as_ref().map(Storage::stats);
        measure::metrics(engine.as_ref(), stats.as_ref(), self.studio.spoken_elsewhere())
    }

    /// Ends the rooms: media first, so that the recorder's last blocks reach the disk and its last
    /// rows the event log.
    pub fn stop(&self) {
        let engine = self.engine.lock().expect("no panic while held").take();
        if let Some(engine) = engine {
            engine.stop();
        }
        let storage = self.storage.lock().expect("no panic while held").take();
        if let Some(storage) = storage {
            storage.stop();
        }
        let signaling = self.signaling.lock().expect("no panic while held").take();
        if let Some(signaling) = signaling {
            signaling.stop();
        }
    }
}

type Rings = Vec<rtrb::Producer<mediacore::record::Block>>;

fn start_storage(
    config: &Config,
    handle: Arc<OnceLock<Handle>>,
) -> Result<(Storage, Rings), anyhow::Error> {
    let mut storage = StorageConfig::new(
        config.server.data.join("segments"),
        config.recordings_dir(),
        config.rtp.shards,
        Keys::read(&config.recording_keys())?,
    );
    storage.backend = match config.rtp.backend {
        value::Backend::Auto => storage::Backend::Auto,
        value::Backend::IoUring => storage::Backend::TokioUring,
        value::Backend::Epoll => storage::Backend::Blocking,
    };
    storage.seal_renderings = config.recording.encrypt_renderings;
    storage.log.segment_bytes_max = config.recording.segment.0;
    storage.log.backlog_bytes_max = config.recording.backlog_max.0 as usize;
    Ok(Storage::start(storage, move |ledger| {
        // Rows of a repair can come before signaling runs: wait for it. The row must be in the
        // event log, synced, before this returns.
        handle.wait().media_event_synced(Event::Recorded(ledger), LEDGER_MAX);
    })?)
}

/// Hands a command to the media cores.
fn send(engine: &Mutex<Option<Engine>>, command: Command) {
    let engine = engine.lock().expect("no panic while held");
    if let Some(Err(error)) = engine.as_ref().map(|engine| engine.send(command)) {
        tracing::error!(%error, "a media command was not taken");
    }
}

/// The bot's end of a line to the leg. It begins at once, between the commands before and after it:
/// one that began when the bot is connected might come into what follows the talk.
fn line_to(engine: &Mutex<Option<Engine>>, ask: &BotAsk) -> Bot {
    let rate = if ask.talk.wide { Rate::Wide } else { Rate::Narrow };
    let (line, bot) = mediacore::edge::bot::line(rate, ask.voice);
    let engine = engine.lock().expect("no panic while held");
    let given = engine.as_ref().map(|engine| engine.give_to_bot(ask.leg, line));
    if let Some(Err(error)) = given {
        tracing::error!(%error, call = %ask.call, "a bot does not get its caller");
    }
    bot
}

/// The texts of a flow, each in every language that calls of the flow may hear it in.
fn texts(flow: &terms::routing::Flow, plan: &Plan, of_box: &str) -> Vec<(String, String)> {
    let languages = prompt::languages(&flow.document, &plan.language);
    let mut all = Vec::new();
    for (_, text) in prompt::texts(&flow.document) {
        let voices = languages.iter().filter_map(|language| {
            speech::readable(&text, [*language, plan.language.as_str(), of_box])
        });
        let voices: BTreeSet<&str> = voices.collect();
        all.extend(voices.into_iter().map(|voice| (voice.to_owned(), text.clone())));
    }
    all
}

/// The box's prompts, and those of the plans that were kept: calls of before a kill go on hearing
/// them, and new ones need no database.
fn load_prompts(config: &Config) -> Result<(PromptStore, Vec<ReadOwn>), anyhow::Error> {
    let limits = prompts::limits(config);
    let (mut store, mut skipped) =
        mediacore::edge::prompts::load(&prompts::folders(config), &limits)?;
    let mut all = Vec::new();
    for plan in Plans::open(config.server.data.join("plans"))?.take_found() {
        let read = own::read(&own_of(&config.server.data, &plan), None, &limits);
        store = store.with_own(plan.tenant, read.prompts.clone());
        skipped.extend(read.skipped.iter().cloned());
        all.push(read);
    }
    for file in skipped {
        tracing::warn!(file = %file.path.display(), reason = %file.reason, "prompt left out");
    }
    Ok((store, all))
}

fn start_studio(
    config: &Config,
    store: PromptStore,
    own: Vec<ReadOwn>,
    engine: &Arc<Mutex<Option<Engine>>>,
) -> std::io::Result<Studio> {
    let speech = crate::speech::engine(config);
    if let Err(reason) = &speech {
        tracing::warn!(%reason, "texts of flows are not spoken");
    }
    let (renewed, sent) = (engine.clone(), engine.clone());
    let outlets = Outlets {
        renew: Box::new(move |prompts| {
            let engine = renewed.lock().expect("no panic while held");
            engine.as_ref().is_none_or(|engine| engine.set_prompts(prompts).is_ok())
        }),
        send: Box::new(move |command| send(&sent, command)),
    };
    let (folders, limits) = (prompts::folders(config), prompts::limits(config));
    let language = config.first.language.as_str().to_owned();
    Studio::start(StudioConfig { folders, limits, speech, language, own }, store, outlets)
}

fn engine_config(config: &Config, rings: Rings, prompts: PromptStore) -> EngineConfig {
    let bind = config.rtp.bind.0.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shards = usize::from(config.rtp.shards);
    let mut engine = EngineConfig::new(bind);
    engine.advertised = Some(advertised(config));
    // Peers of different networks come to different addresses of one socket.
    engine.filters = config.sip.networks.is_empty() || !bind.is_unspecified();
    engine.ports = Some(config.rtp.ports.first..=config.rtp.ports.last);
    engine.dscp = config.rtp.dscp;
    engine.shards = config.rtp.shards;
    // Pinning helps only while one core stays for everything else.
    engine.pin = if shards < cores { (cores - shards..cores).collect() } else { Vec::new() };
    engine.backend = match config.rtp.backend {
        value::Backend::Auto => BackendChoice::Auto,
        value::Backend::IoUring => BackendChoice::IoUring,
        value::Backend::Epoll => BackendChoice::Epoll,
    };
    engine.prompts = prompts;
    engine.shard.legs_max = config.rtp.legs_max as usize;
    engine.buffers = u16::try_from(config.rtp.buffers).expect("checked with the configuration");
    engine.shard.room_legs_max = config.rtp.parties_max as usize;
    engine.shard.rooms_max = config.rtp.rooms_max as usize;
    engine.shard.speakers_max = config.rtp.speakers_max as usize;
    engine.recorder.recordings_max = config.recording.recordings_max as usize;
    engine.recorder.tracks_max = config.recording.tracks_max as usize;
    engine.shard.jitter.ms_min = config.rtp.jitter_ms_min;
    engine.shard.jitter.ms_max = config.rtp.jitter_ms_max;
    engine.storage = rings;
    engine.live = config.live_dir();
    engine.fax = Some(crate::fax::machines(config));
    engine
}

fn signaling_config(
    config: &Config,
    certificate: Fingerprint,
) -> signaling::edge::signaling::Config {
    signaling::edge::signaling::Config {
        udp: vec![config.sip.udp.0],
        tcp: vec![config.sip.tcp.0],
        doors: doors_config(config),
        connections_of_address_max: config.sip.connections_of_address_max as usize,
        advertise: advertised(config),
        reach: Arc::new(config.reach()),
        data: config.server.data.clone(),
        digest: config.sip.digest.iter().map(|a| algorithm(*a)).collect(),
        realm: config.sip.realm.clone(),
        dialogs_max: config.sip.dialogs_max as usize,
        requests_per_s_max: config.sip.requests_per_s_max,
        session_expires_s: config.sip.session_expires_s,
        allowed: config.allowed(),
        bans: config.bans(),
        name_servers: config.sip.name_servers.iter().map(|server| server.0).collect(),
        journal: signaling::edge::journal::Config::default(),
        switch: switch_config(config, certificate),
        seed: seed(),
        secret: secret(),
        live: config.live_dir(),
        media_legs: BTreeSet::new(),
    }
}

fn doors_config(config: &Config) -> doors::Config {
    let sip = &config.sip;
    doors::Config {
        tls: sip.tls.0.into_iter().collect(),
        ws: sip.ws.0.into_iter().collect(),
        wss: sip.wss.0.into_iter().collect(),
        certificate: config.certificate(),
        rules: Rules {
            origins: sip.ws_origins.iter().map(|origin| origin.0.clone()).collect(),
            path: sip.ws_path.0.clone(),
        },
    }
}

fn switch_config(config: &Config, certificate: Fingerprint) -> signaling::switch::Config {
    signaling::switch::Config {
        calls_max: config.calls.max as usize,
        call_max: config.calls.length_max.0,
        ring_max: config.calls.ring_max.0,
        trunk_attempts_max: config.calls.trunk_attempts_max,
        trunk_silence_max: config.sip.trunk_silence_max.0,
        silence_max: config.calls.silence_max.0,
        return_max: config.calls.return_max.0,
        message_max: config.calls.message_max.0,
        out: out_limits(config),
        record_direct: config.calls.record_direct,
        recording_part_max: config.recording.part_max.0,
        codecs: config.sip.codecs.clone(),
        srtp: config.sip.srtp,
        t38: config.sip.t38,
        certificate: Some(certificate),
        ..signaling::switch::Config::default()
    }
}

fn out_limits(config: &Config) -> OutLimits {
    OutLimits {
        per_minute_max: config.calls.out_per_minute_max,
        at_once_max: config.calls.out_at_once_max,
        destinations_per_hour_max: config.calls.out_destinations_per_hour_max,
        length_per_hour_max: config.calls.out_length_per_hour_max.0,
        refused_per_hour_max: config.calls.out_refused_per_hour_max,
    }
}

fn algorithm(algorithm: value::Algorithm) -> signaling::sip::digest::Algorithm {
    match algorithm {
        value::Algorithm::Sha256 => signaling::sip::digest::Algorithm::Sha256,
        value::Algorithm::Md5 => signaling::sip::digest::Algorithm::Md5,
    }
}

/// Tags and nonces must not be guessed: their generator begins with the system's randomness.
fn seed() -> u64 {
    getrandom::u64().expect("the system gives random bytes")
}

/// Whoever knows it knows the keys of every call.
fn secret() -> Secret {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    Secret(bytes)
}

/// The address that peers reach us at who are in no network of the configuration: configured, or bound, or that of the default route.
fn advertised(config: &Config) -> IpAddr {
    if let Some(ip) = config.sip.advertise.0 {
        return ip;
    }
    let bound = config.sip.udp.0.ip();
    if !bound.is_unspecified() {
        return bound;
    }
    // Connecting a UDP socket sends nothing; it only asks the kernel for a route. 192.0.2.1 is a
    // documentation address (RFC 5737).
    let route = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(SocketAddr::from(([192, 0, 2, 1], 9)))?;
        socket.local_addr()
    });
    route.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use terms::routing::Flow;
    use terms::{FlowId, TenantId};

    #[test]
    fn every_limit_of_media_reaches_the_engine() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "[rtp]\nlegs_max = 11\nrooms_max = 12\nparties_max = 13\nspeakers_max = 14\n\
                    faxes_max = 15\nbuffers = 64\n\
                    [recording]\nrecordings_max = 16\ntracks_max = 17\n";
        let mut config = Config::parse(text, &folder.path().join("switchgrid.toml")).expect("fine");
        config.server.data = folder.path().to_owned();
        let engine = engine_config(&config, Vec::new(), PromptStore::default());
        let shard = &engine.shard;
        let limits = [shard.legs_max, shard.rooms_max, shard.room_legs_max, shard.speakers_max];
        assert_eq!(limits, [11, 12, 13, 14]);
        assert_eq!(engine.fax.expect("machines of ours").faxes_max, 15);
        assert_eq!((engine.recorder.recordings_max, engine.recorder.tracks_max), (16, 17));
        assert_eq!(engine.buffers, 64);
    }

    #[test]
    fn texts_are_made_ahead_in_every_language_that_a_call_may_hear_them_in() {
        let document = json!({"steps": {
            "a": {"kind": "play", "prompts": ["say:Good bye", "say:您好", "say:\u{1F600}"]},
            "b": {"kind": "language", "language": "en"},
            "c": {"kind": "language", "language": "fr"}}});
        let flow = Flow { id: FlowId(1), name: "one".into(), version: 1, document };
        let mut plan = Plan::empty(TenantId(1), "demo");
        plan.language = "de".into();
        let made = |of_box: &str, plan: &Plan| {
            let mut made = texts(&flow, plan, of_box);
            made.sort();
            made
        };
        let pair = |language: &str, text: &str| (language.to_owned(), text.to_owned());
        // German and French have no voice: the box's speaks for them, and for Chinese in English.
        assert_eq!(
            made("zh-CN", &plan),
            [pair("en", "Good bye"), pair("zh-CN", "Good bye"), pair("zh-CN", "您好")]
        );
        assert_eq!(made("en", &plan), [pair("en", "Good bye")]);
        let document = json!({"steps": {
            "a": {"kind": "language", "language": "fr"},
            "b": {"kind": "play", "prompts": ["say:Good bye"]}}});
        let french = Flow { id: FlowId(2), name: "two".into(), version: 1, document };
        plan.language = "zh-CN".into();
        let before_the_boxs = texts(&french, &plan, "en");
        assert_eq!(before_the_boxs, [pair("zh-CN", "Good bye")]);
    }
}
