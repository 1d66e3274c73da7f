//! The engine: one pinned thread for each media core, started, asked and ended from outside.
//!
//! A command that cannot be delivered is refused to its sender at once; nobody waits for a core.

mod figures;
mod files;

use super::bot;
use super::epoll::Epoll;
use super::fax::{self, Exchange};
use super::identity;
use super::ports::{DSCP_EF, PortPool};
use super::quiet::Quiet;
use super::route::Router;
use super::slots;
use super::socket::Wake;
use super::worker::{self, Across, Handle, Input, Restored, Worker};
use crate::prompt::PromptStore;
use crate::record::{Block, RecorderConfig};
use crate::shard::{Config, Shard};
use crate::slot::{Kept, Slots};
use crate::uring::Uring;
pub use figures::{Counters, EngineStats, ShardReport};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use terms::LegId;
use terms::media::{Command, Event};

/// Cores at most: a far recording names them by the bits of one word.
pub const SHARDS_MAX: u16 = 64;
/// Niceness of a media core's thread.
const MEDIA_NICE: i32 = -15;
/// Frames and payloads on their way from one core to another.
const ACROSS_MAX: usize = 512;

/// How datagrams are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// io_uring where the kernel allows it, else epoll.
    #[default]
    Auto,
    /// io_uring; the start fails where it is refused.
    IoUring,
    /// epoll.
    Epoll,
}

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// io_uring.
    IoUring,
    /// epoll, for this reason.
    Epoll {
        /// "asked for", or what the kernel refused.
        why: String,
    },
}

/// Where and how to start.
#[derive(Debug)]
pub struct EngineConfig {
    /// Our address on the network.
    pub bind: IpAddr,
    /// The address that phones are told; `None` is `bind`.
    pub advertised: Option<IpAddr>,
    /// The kernel passes the datagrams of a leg's peer alone. A socket that is bound to every address
    /// takes them at one address from then on, the one that leads to the peer: where peers come to
    /// others of ours, this has to be off. Every source is checked all the same.
    pub filters: bool,
    /// RTP and RTCP ports, cut into equal parts for the cores; `None` lets the kernel choose.
    pub ports: Option<RangeInclusive<u16>>,
    /// How long a closed port rests.
    pub port_rest: Duration,
    /// Code point of all packets (RFC 2474), 0–63.
    pub dscp: u8,
    /// Media cores.
    pub shards: u16,
    /// CPUs to pin them to, one each; fewer leaves the others free.
    pub pin: Vec<usize>,
    /// How datagrams are moved.
    pub backend: BackendChoice,
    /// One turn while legs are open, 1–20 ms; where little comes a turn waits for two of them, 20 ms
    /// at most.
    pub tick: Duration,
    /// Commands that wait for a core.
    pub commands_max: usize,
    /// Receive buffers of one core, a power of two; 100 ms of its traffic.
    pub buffers: u16,
    /// Prompts and music.
    pub prompts: PromptStore,
    /// Limits of each core; its number, seed and clock are set here.
    pub shard: Config,
    /// The recorder's limits.
    pub recorder: RecorderConfig,
    /// Rings to storage, one for each core; empty keeps no recording.
    pub storage: Vec<rtrb::Producer<Block>>,
    /// Folder of the slots from which legs go on after a kill; `None` keeps none.
    pub live: Option<PathBuf>,
    /// Fax machines of ours; `None` has none.
    pub fax: Option<fax::Config>,
}

impl EngineConfig {
    /// One core on this address, with ports of the kernel's choice and without recording.
    pub fn new(bind: IpAddr) -> Self {
        EngineConfig {
            bind,
            advertised: None,
            filters: true,
            ports: None,
            port_rest: Duration::from_secs(2),
            dscp: DSCP_EF,
            shards: 1,
            pin: Vec::new(),
            backend: BackendChoice::Auto,
            tick: Duration::from_millis(2),
            commands_max: 8_192,
            buffers: 16_384,
            prompts: PromptStore::default(),
            shard: Config::default(),
            recorder: RecorderConfig::default(),
            storage: Vec::new(),
            live: None,
            fax: None,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A number is outside its range.
    #[error("start the media engine: {0}")]
    Config(String),
    /// io_uring was asked for and is refused.
    #[error("start the media engine on io_uring: {0}; choose `epoll` or `auto`, or allow io_uring")]
    NoUring(String),
    /// The kernel refused something else.
    #[error("start media core {shard}: {doing}: {source}")]
    Start {
        /// Which core.
        shard: u16,
        /// What was done.
        doing: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too many wait already.
    #[error("media core {0} has too many commands waiting")]
    Full(u16),
}

struct Asking {
    router: Router,
    inputs: Vec<rtrb::Producer<Input>>,
    refused: mpsc::Receiver<LegId>,
    /// The prompts of the cores, and those of before that a core may still hold: they are freed
    /// here and not on a media core.
    prompts: Vec<PromptStore>,
}

/// The running cores.
pub struct Engine {
    asking: Mutex<Asking>,
    handles: Vec<Handle>,
    counters: Vec<Arc<Counters>>,
    stop: Arc<AtomicBool>,
    backend: Backend,
    tell: Box<dyn Fn(usize, Event) + Send + Sync>,
    commands_unknown: AtomicU64,
    exchange: Exchange,
    live: Option<PathBuf>,
    restored: Vec<LegId>,
    lost: usize,
}

impl Engine {
    /// Starts the cores. `on_event` runs on their threads and must not wait.
    pub fn start(
        config: EngineConfig,
        on_event: impl Fn(usize, Event) + Send + Sync + Clone + 'static,
    ) -> Result<Engine, Error> {
        check(&config)?;
        let legs_max = files::legs_that_fit(config.shard.legs_max, usize::from(config.shards));
        let backend = choose(config.backend)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (refuse, refused) = mpsc::channel();
        let shards = config.shards;
        let mut engine = Engine {
            asking: Mutex::new(Asking {
                router: Router::new(shards),
                inputs: Vec::new(),
                refused,
                prompts: vec![config.prompts.clone()],
            }),
            handles: Vec::new(),
            counters: Vec::new(),
            stop,
            backend,
            tell: Box::new(on_event.clone()),
            commands_unknown: AtomicU64::new(0),
            exchange: Exchange::new(config.fax, on_event.clone()),
            live: config.live.filter(|folder| is_usable(folder, shards)),
            restored: Vec::new(),
            lost: 0,
        };
        let mut kept = Vec::new();
        let mut storage = config.storage.into_iter();
        let mut rings = across(usize::from(shards));
        for number in 0..shards {
            let (to_cores, from_cores) = rings.remove(0);
            let (producer, inputs) = rtrb::RingBuffer::new(config.commands_max);
            let wake = Arc::new(Wake::new().map_err(|source| Error::Start {
                shard: number,
                doing: "make a waker",
                source,
            })?);
            let counters = Arc::new(Counters::default());
            let core = usize::from(number);
            let on_event = on_event.clone();
            let seeds = Seeds {
                number,
                shards,
                bind: config.bind,
                advertised: config.advertised.unwrap_or(config.bind),
                filters: config.filters,
                ports: config.ports.clone(),
                port_rest: config.port_rest,
                dscp: config.dscp,
                tick: config.tick,
                buffers: config.buffers,
                pin: config.pin.get(core).copied(),
                backend: engine.backend.clone(),
                prompts: config.prompts.clone(),
                shard: Config {
                    legs_max,
                    recorder: config.recorder.clone(),
                    ..config.shard.clone()
                },
                storage: storage.next(),
                slots: slots_of(engine.live.as_deref(), number, legs_max),
                inputs,
                to_cores,
                from_cores,
                refuse: refuse.clone(),
                counters: Arc::clone(&counters),
                wake: Arc::clone(&wake),
                stop: Arc::clone(&engine.stop),
                on_event: Box::new(move |event| on_event(core, event)),
            };
            let (thread, restored) = seeds.grow()?;
            engine.handles.push(Handle { wake, thread: Some(thread) });
            engine.counters.push(counters);
            engine.asking().inputs.push(producer);
            engine.lost += restored.lost;
            kept.extend(restored.legs.into_iter().map(|leg| (number, leg)));
        }
        engine.rejoin(kept);
        Ok(engine)
    }

    /// Legs of different cores hear each other again.
    fn rejoin(&mut self, kept: Vec<(u16, Kept)>) {
        if !kept.is_empty() || self.lost > 0 {
            tracing::warn!(legs = kept.len(), lost = self.lost, "legs go on from before a kill");
        }
        self.restored = kept.iter().map(|(_, leg)| leg.leg).collect();
        let mut asking = self.asking();
        let asking = &mut *asking;
        for (shard, leg) in &kept {
            for (core, input) in asking.router.restore(*shard, leg) {
                if asking.inputs[usize::from(core)].push(input).is_err() {
                    tracing::error!(core, "a bridge between media cores is not built again");
                }
            }
        }
        self.handles.iter().for_each(|handle| handle.wake.wake());
    }

    /// Legs that go on from before a kill. Signaling says something about each that it wants;
    /// the others are released after [`crate::shard::keeping::CLAIM_MAX`].
    pub fn restored(&self) -> &[LegId] {
        &self.restored
    }

    /// Legs that were lost in a kill: their slot was torn, or their port could not be had again.
    pub fn legs_lost(&self) -> usize {
        self.lost
    }

    fn asking(&self) -> std::sync::MutexGuard<'_, Asking> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a command to the core of its leg. What is asked of a leg that is not there is answered
    /// with [`Event::Unknown`].
    ///
    /// # Errors
    /// When that core has too many commands waiting; nothing is done then.
    pub fn send(&self, command: Command) -> Result<(), SendError> {
        let unknown = self.asking().router.lacks(&command);
        if let Some(leg) = unknown {
            self.commands_unknown.fetch_add(1, Ordering::Relaxed);
            (self.tell)(0, Event::Unknown { leg });
            return Ok(());
        }
        let mut asking = self.asking();
        let asking = &mut *asking;
        let mut plan = Vec::new();
        let mut order = None;
        if let Command::FaxStart { leg, order: wanted } = &command {
            order = Some((*leg, wanted.clone()));
        }
        while let Ok(leg) = asking.refused.try_recv() {
            // One that went by itself leaves its room, too.
            plan.extend(asking.router.plan(Command::Release { leg }));
        }
        // Room for everything one command may become, so that no plan is cut in half.
        let needed = 2 * usize::from(SHARDS_MAX) + 2;
        let mut rings = (0_u16..).zip(&asking.inputs);
        if let Some((shard, _)) = rings.find(|(_, ring)| ring.slots() < needed) {
            if let Some((leg, order)) = &order {
                self.exchange.refuse(*leg, shard, order, &SendError::Full(shard).to_string());
            }
            return Err(SendError::Full(shard));
        }
        match order {
            Some((leg, order)) => {
                let shard = asking.router.shard_of(leg);
                let line = self.exchange.connect(leg, shard, &order);
                plan.extend(asking.router.plan(Command::Leave { leg }));
                plan.extend(shard.zip(line).map(|(shard, line)| (shard, Input::Fax(leg, line))));
            }
            None => plan.extend(asking.router.plan(command)),
        }
        for (shard, input) in plan {
            let pushed = asking.inputs[usize::from(shard)].push(input);
            pushed.map_err(|_| SendError::Full(shard))?;
            self.handles[usize::from(shard)].wake.wake();
        }
        Ok(())
    }

    /// Gives the leg to a bot: it leaves its room, and what plays there stops. Where there is no such
    /// leg the bot's end of the line says so.
    ///
    /// # Errors
    /// When that core has too many commands waiting; the line is closed then.
    pub fn give_to_bot(&self, leg: LegId, line: bot::Line) -> Result<(), SendError> {
        self.send(Command::Leave { leg })?;
        let mut asking = self.asking();
        let Some(shard) = asking.router.shard_of(leg) else { return Ok(()) };
        let pushed = asking.inputs[usize::from(shard)].push(Input::Bot(leg, line));
        pushed.map_err(|_| SendError::Full(shard))?;
        self.handles[usize::from(shard)].wake.wake();
        Ok(())
    }

    /// Gives all cores these prompts for what is played from now on.
    ///
    /// # Errors
    /// When a core has too many commands waiting; then none has them.
    pub fn set_prompts(&self, prompts: &PromptStore) -> Result<(), SendError> {
        let mut asking = self.asking();
        let asking = &mut *asking;
        let mut rings = (0_u16..).zip(&asking.inputs);
        if let Some((shard, _)) = rings.find(|(_, ring)| ring.slots() < 1) {
            return Err(SendError::Full(shard));
        }
        for (input, handle) in asking.inputs.iter_mut().zip(&self.handles) {
            // Only this lock pushes: the room that was just seen is there.
            let _ = input.push(Input::Prompts(prompts.clone()));
            handle.wake.wake();
        }
        asking.prompts.retain(PromptStore::is_shared);
        asking.prompts.push(prompts.clone());
        Ok(())
    }

    /// How datagrams are moved, and why.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The core of a leg.
    pub fn shard_of(&self, leg: LegId) -> Option<u16> {
        self.asking().router.shard_of(leg)
    }

    /// The figures of all cores.
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            shards: self.counters.iter().map(|counters| counters.read()).collect(),
            commands_unknown: self.commands_unknown.load(Ordering::Relaxed),
        }
    }

    /// Ends all legs and all cores, and waits for them.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        for handle in &self.handles {
            handle.wake.wake();
        }
        for handle in &mut self.handles {
            if let Some(thread) = handle.thread.take()
                && thread.join().is_err()
            {
                tracing::error!("a media core had panicked");
            }
        }
        // All legs are released: the files have nothing to say any more.
        let Some(folder) = self.live.take() else { return };
        if let Err(error) = slots::remove(&folder, 0) {
            tracing::warn!(%error, "files of slots stay");
        }
        if let Err(error) = identity::forget(&folder) {
            tracing::warn!(%error, "the certificate of media stays");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

fn check(config: &EngineConfig) -> Result<(), Error> {
    let wrong = |text: String| Err(Error::Config(text));
    let tick_ms = config.tick.as_millis();
    if !(1..=u128::from(SHARDS_MAX)).contains(&u128::from(config.shards)) {
        return wrong(format!("{} media cores; 1 to {SHARDS_MAX} are possible", config.shards));
    }
    if !(1..=20).contains(&tick_ms) {
        return wrong(format!("a tick of {tick_ms} ms; 1 to 20 ms are possible"));
    }
    if !config.buffers.is_power_of_two() || config.buffers < 64 {
        return wrong(format!("{} buffers; a power of two from 64 is needed", config.buffers));
    }
    if config.dscp > 63 {
        return wrong(format!("dscp {}; 0 to 63 are possible", config.dscp));
    }
    if config.commands_max < 1_024 {
        return wrong(format!("commands_max {}; at least 1024 is needed", config.commands_max));
    }
    let storage = config.storage.len();
    if storage != 0 && storage != usize::from(config.shards) {
        return wrong(format!("{storage} storage rings for {} media cores", config.shards));
    }
    Ok(())
}

fn is_usable(folder: &Path, shards: u16) -> bool {
    let prepared = slots::prepare(folder, shards);
    prepared
        .inspect_err(
            |error| tracing::error!(%error, "no call will survive the end of this process"),
        )
        .is_ok()
}

fn slots_of(live: Option<&Path>, shard: u16, legs_max: usize) -> Slots {
    let Some(folder) = live else { return Slots::default() };
    slots::open(folder, shard, legs_max).unwrap_or_else(|error| {
        tracing::error!(shard, %error, "no call of this media core will survive a kill");
        Slots::default()
    })
}

fn choose(choice: BackendChoice) -> Result<Backend, Error> {
    match (choice, choice == BackendChoice::Epoll) {
        (BackendChoice::Epoll, _) => Ok(Backend::Epoll { why: "asked for".into() }),
        (asked, _) => match (crate::uring::probe(), asked) {
            (Ok(()), _) => Ok(Backend::IoUring),
            (Err(why), BackendChoice::IoUring) => Err(Error::NoUring(why)),
            (Err(why), BackendChoice::Auto | BackendChoice::Epoll) => Ok(Backend::Epoll { why }),
        },
    }
}

type Rings = (Vec<Option<rtrb::Producer<Across>>>, Vec<rtrb::Consumer<Across>>);

/// One ring from every core to every other.
fn across(shards: usize) -> Vec<Rings> {
    let mut rings: Vec<Rings> = (0..shards).map(|_| (Vec::new(), Vec::new())).collect();
    for from in 0..shards {
        for to in 0..shards {
            if from == to {
                rings[from].0.push(None);
                continue;
            }
            let (producer, consumer) = rtrb::RingBuffer::new(ACROSS_MAX);
            rings[from].0.push(Some(producer));
            rings[to].1.push(consumer);
        }
    }
    rings
}

/// Everything a core's thread takes with it.
struct Seeds {
    number: u16,
    shards: u16,
    bind: IpAddr,
    advertised: IpAddr,
    filters: bool,
    ports: Option<RangeInclusive<u16>>,
    port_rest: Duration,
    dscp: u8,
    tick: Duration,
    buffers: u16,
    pin: Option<usize>,
    backend: Backend,
    prompts: PromptStore,
    shard: Config,
    storage: Option<rtrb::Producer<Block>>,
    slots: Slots,
    inputs: rtrb::Consumer<Input>,
    to_cores: Vec<Option<rtrb::Producer<Across>>>,
    from_cores: Vec<rtrb::Consumer<Across>>,
    refuse: mpsc::Sender<LegId>,
    counters: Arc<Counters>,
    wake: Arc<Wake>,
    stop: Arc<AtomicBool>,
    on_event: Box<dyn Fn(Event) + Send>,
}

impl Seeds {
    /// Starts the thread and waits until its sockets could be made: a ring belongs to the thread
    /// that made it.
    /// Legs from before a kill go on then.
    fn grow(self) -> Result<(std::thread::JoinHandle<()>, Restored), Error> {
        let number = self.number;
        let failed = move |doing, source| Error::Start { shard: number, doing, source };
        let (ready, started) = mpsc::channel();
        let body = move || {
            if let Some(cpu) = self.pin
                && let Err(error) = pin(cpu)
            {
                tracing::warn!(shard = number, cpu, %error, "the media core is not pinned");
            }
            if let Err(error) = hurry() {
                tracing::info!(shard = number, %error, "the media core runs at normal priority");
            }
            match self.backend {
                Backend::IoUring => {
                    let made = Uring::new(
                        Arc::clone(&self.wake),
                        self.buffers,
                        self.shard.legs_max as u32,
                    );
                    self.live(made, &ready);
                }
                Backend::Epoll { .. } => {
                    let made = Epoll::new(Arc::clone(&self.wake));
                    self.live(made, &ready);
                }
            }
        };
        let builder = std::thread::Builder::new().name(format!("media-{number}"));
        let thread = builder.spawn(body).map_err(|source| failed("start its thread", source))?;
        match started.recv() {
            Ok(Ok(restored)) => Ok((thread, restored)),
            Ok(Err(source)) => Err(failed("make its receive loop", source)),
            Err(_) => Err(failed("make its receive loop", io::Error::other("it panicked"))),
        }
    }

    fn live<B: worker::Backend>(
        self,
        made: io::Result<B>,
        ready: &mpsc::Sender<io::Result<Restored>>,
    ) {
        let backend = match made {
            Ok(backend) => backend,
            Err(error) => {
                let told = ready.send(Err(error));
                return told.unwrap_or_default();
            }
        };
        let now = super::clock::now();
        let config = Config {
            shard: self.number,
            seed: seed(self.number) ^ now.0,
            epoch: super::clock::epoch(),
            ..self.shard
        };
        let ports = PortPool::new(
            self.bind,
            self.ports,
            usize::from(self.number),
            usize::from(self.shards),
            self.port_rest,
        )
        .marked(self.dscp);
        let mut worker = Worker {
            shard: Shard::new(config, self.prompts).with_slots(self.slots),
            backend,
            ports,
            advertised: self.advertised,
            filters: self.filters,
            inputs: self.inputs,
            from_cores: self.from_cores,
            to_cores: self.to_cores,
            storage: self.storage,
            on_event: self.on_event,
            refused: self.refuse,
            counters: self.counters,
            stop: self.stop,
            tick: self.tick,
            quiet: Quiet::default(),
            number: self.number,
            taken: HashMap::new(),
            lines: HashMap::new(),
            bots: HashMap::new(),
            across_lost: 0,
        };
        let restored = worker.restore();
        if ready.send(Ok(restored)).is_ok() {
            worker.run();
        }
    }
}

/// Unpredictable beginnings of SSRC, sequence and timestamps (RFC 3550 §5.1), from the kernel.
fn seed(number: u16) -> u64 {
    let mut bytes = [0_u8; 8];
    // SAFETY: eight writable bytes, alive during the call. A short answer leaves zeros, which the
    // clock and the core's number still tell apart.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    u64::from_ne_bytes(bytes) ^ u64::from(number)
}

/// Audio goes before reports and encoding on a busy box. Only for this thread; needs the right to
/// raise its priority (CAP_SYS_NICE, or a limit of RLIMIT_NICE).
fn hurry() -> io::Result<()> {
    // SAFETY: no pointers are passed; 0 names this thread.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, MEDIA_NICE) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: a cpu_set_t of zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    if cpu >= 8 * size_of::<libc::cpu_set_t>() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: `cpu` is inside the set, as was just checked.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: `set` is valid and alive during the call; 0 names this thread.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests;
