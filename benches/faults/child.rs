//! The system under test in a process of its own, so that it can be killed: `mediacore` with its
//! storage as the product runs it, told by JSON lines on standard input what signaling would tell it.

use crate::refuse;
use anyhow::{Context, Result, bail};
use benches::media::crowd::Pair;
use benches::media::served::{Calls, PORTS};
use benches::piped::{self, Piped};
use benches::procstat;
use mediacore::edge::engine::{Backend, EngineConfig};
use mediacore::edge::keys::Keys;
use mediacore::edge::storage::{Storage, StorageConfig, StorageStats};
use mediacore::shard;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use terms::failpoint::{self, Fault};
use terms::media::Ledger;

/// How long it is told how much is durable.
const TELLING_MAX: Duration = Duration::from_secs(60);
/// The word of how many bytes are durable, in the folder of the run.
const DURABLE: &str = "durable";

/// What the child is started with.
#[derive(Clone, Debug, clap::Args)]
pub struct Setup {
    /// Folder for everything it writes.
    #[arg(long)]
    pub folder: PathBuf,
    /// Its core.
    #[arg(long)]
    pub core: usize,
    /// Audio that the disk has not taken, in bytes.
    #[arg(long, default_value_t = 64 * 1024 * 1024)]
    pub backlog_bytes: usize,
    /// Meet a kernel that refuses io_uring.
    #[arg(long)]
    pub refuse_uring: bool,
    /// Write down, every millisecond, how many bytes are durable.
    #[arg(long)]
    pub tell_durable: bool,
}

impl Setup {
    /// The usual limits.
    pub fn new(folder: &Path, core: usize) -> Setup {
        let folder = folder.to_owned();
        let backlog_bytes = 64 * 1024 * 1024;
        Setup { folder, core, backlog_bytes, refuse_uring: false, tell_durable: false }
    }

    /// The directory of the segment logs.
    pub fn segments(&self) -> PathBuf {
        self.folder.join("segments")
    }

    /// The directory of the finished recordings.
    pub fn recordings(&self) -> PathBuf {
        self.folder.join("recordings")
    }

    /// The storage that this child runs, or that repairs what it left.
    ///
    /// # Errors
    /// When the keys cannot be made or read.
    pub fn storage(&self) -> Result<StorageConfig> {
        let keys = Keys::open(&self.folder.join("recording.keys"), &self.segments())?;
        let mut config = StorageConfig::new(self.segments(), self.recordings(), 1, keys);
        config.log.backlog_bytes_max = self.backlog_bytes;
        Ok(config)
    }

    /// How many bytes of the log the child called durable last, headers of segments not among them.
    ///
    /// # Errors
    /// When it wrote no such word.
    pub fn durable_bytes(&self) -> Result<u64> {
        let word = std::fs::read(self.folder.join(DURABLE)).context("read what is durable")?;
        Ok(u64::from_le_bytes(word[..].try_into().context("eight bytes")?))
    }
}

#[derive(Serialize, Deserialize)]
enum Ask {
    Open(Vec<Pair>),
    State,
    /// Point, milliseconds to stall (none: EIO), pass.
    Arm(String, Option<u64>, u64),
    Disarm(String),
    EndCalls,
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Ready(Backends),
    Opened(Vec<Pair>),
    State(State),
    Done,
    Ended(Vec<Ledger>),
}

/// What was chosen at the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backends {
    /// Why media runs on epoll; none on io_uring.
    pub media_on_epoll: Option<String>,
    /// Whether segments are written by blocking writers.
    pub storage_blocks: bool,
}

/// How it fares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Open legs.
    pub legs: usize,
    /// File operations that failed: the metric `switchgrid_storage_failures_total`.
    pub failures: u64,
    /// Frames given up: `switchgrid_storage_frames_lost_total`.
    pub frames_lost: u64,
    /// Bytes durable.
    pub bytes: u64,
    /// Bytes in memory, not durable yet.
    pub backlog_bytes: usize,
    /// Datagrams that were looked at and dropped.
    pub dropped: u64,
    /// The last failure, for people.
    pub last_error: Option<String>,
}

/// The child as the bench sees it.
pub struct Child {
    piped: Piped,
    /// What it chose.
    pub backends: Backends,
}

impl Child {
    /// Starts one. Its log is `child.log` in its folder.
    ///
    /// # Errors
    /// When it does not say that it is ready.
    pub fn start(setup: &Setup) -> Result<Child> {
        let log = File::create(setup.folder.join("child.log"))?;
        let mut program = Program::new(std::env::current_exe()?);
        program.arg("serve").arg("--folder").arg(&setup.folder);
        program.args(["--core", &setup.core.to_string()]);
        program.args(["--backlog-bytes", &setup.backlog_bytes.to_string()]);
        program.args(setup.refuse_uring.then_some("--refuse-uring"));
        program.args(setup.tell_durable.then_some("--tell-durable"));
        let mut piped = Piped::start(program.stderr(log))?;
        match piped.answer() {
            Ok(Answer::Ready(backends)) => Ok(Child { piped, backends }),
            _ => {
                let log = std::fs::read_to_string(setup.folder.join("child.log"));
                bail!("the system under test does not start: {}", log.unwrap_or_default().trim())
            }
        }
    }

    fn ask(&mut self, ask: &Ask) -> Result<Answer> {
        self.piped.ask(ask)
    }

    /// Opens and records calls: where their parties listen, to where they should send.
    ///
    /// # Errors
    /// What was refused.
    pub fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        match self.ask(&Ask::Open(calls.to_vec()))? {
            Answer::Opened(pairs) => Ok(pairs),
            _ => bail!("asked to open calls, it answered something else"),
        }
    }

    /// How it fares, at most 100 ms old.
    ///
    /// # Errors
    /// When it has ended.
    pub fn state(&mut self) -> Result<State> {
        match self.ask(&Ask::State)? {
            Answer::State(state) => Ok(state),
            _ => bail!("asked how it fares, it answered something else"),
        }
    }

    /// Arms a point of fault at its n-th pass, each pass when `pass` is 0: a stall, or EIO.
    ///
    /// # Errors
    /// When it has ended.
    pub fn arm(&mut self, point: &str, stall: Option<Duration>, pass: u64) -> Result<()> {
        let stall_ms = stall.map(|time| time.as_millis() as u64);
        self.ask(&Ask::Arm(point.to_owned(), stall_ms, pass)).map(|_| ())
    }

    /// Disarms it.
    ///
    /// # Errors
    /// When it has ended.
    pub fn disarm(&mut self, point: &str) -> Result<()> {
        self.ask(&Ask::Disarm(point.to_owned())).map(|_| ())
    }

    /// Ends all calls and waits for the rows of their recordings.
    ///
    /// # Errors
    /// What did not end in time.
    pub fn end_calls(&mut self) -> Result<Vec<Ledger>> {
        match self.ask(&Ask::EndCalls)? {
            Answer::Ended(rows) => Ok(rows),
            _ => bail!("asked to end calls, it answered something else"),
        }
    }

    /// SIGKILL, and until the kernel has taken it away.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(&mut self) -> Result<()> {
        self.piped.kill()
    }

    /// CPU time of all its threads.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<Duration> {
        Ok(procstat::threads(self.piped.id(), "")?.values().sum())
    }

    /// Its memory in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn memory(&self) -> Result<u64> {
        Ok(procstat::usage(self.piped.id(), "")?.memory_bytes)
    }
}

/// Runs the child until its input ends.
///
/// # Errors
/// What kept it from serving.
pub fn run(setup: &Setup) -> Result<()> {
    procstat::pin(setup.core).with_context(|| format!("run on core {}", setup.core))?;
    if setup.refuse_uring {
        refuse::io_uring().context("forbid io_uring to this process")?;
    }
    let mut core = Core::start(setup)?;
    piped::serve(&Answer::Ready(core.backends()), |ask: Ask| {
        Ok(match ask {
            Ask::Open(calls) => Answer::Opened(core.calls.open(&calls)?),
            Ask::State => Answer::State(core.state()),
            Ask::Arm(point, stall_ms, pass) => {
                failpoint::arm(&point, stall_ms.map_or(Fault::Eio, Fault::StallMs), pass);
                Answer::Done
            }
            Ask::Disarm(point) => {
                failpoint::disarm(&point);
                Answer::Done
            }
            Ask::EndCalls => Answer::Ended(core.calls.end()?),
        })
    })
}

struct Core {
    calls: Calls,
    storage: Arc<Mutex<Storage>>,
}

impl Core {
    fn start(setup: &Setup) -> Result<Core> {
        let (tell, rows) = mpsc::channel();
        let (storage, rings) = Storage::start(setup.storage()?, move |ledger| {
            // The bench hears of every row until it ends.
            let _ = tell.send(ledger);
        })?;
        let storage = Arc::new(Mutex::new(storage));
        if setup.tell_durable {
            tell_durable(&setup.folder, Arc::clone(&storage))?;
        }
        let config = EngineConfig {
            ports: Some(PORTS),
            pin: vec![setup.core],
            storage: rings,
            shard: shard::Config { legs_max: 4_096, ..shard::Config::default() },
            ..EngineConfig::default()
        };
        Ok(Core { calls: Calls::start(config, Some(rows))?, storage })
    }

    fn backends(&self) -> Backends {
        use mediacore::edge::storage::Backend as Writers;
        let media_on_epoll = match self.calls.engine.backend() {
            Backend::IoUring => None,
            Backend::Epoll { why } => Some(why.clone()),
        };
        let storage_blocks = stats(&self.storage).backend == Writers::Blocking;
        Backends { media_on_epoll, storage_blocks }
    }

    fn state(&self) -> State {
        let (stats, media) = (stats(&self.storage), self.calls.engine.stats());
        let dropped =
            |report: &mediacore::edge::ShardReport| -> u64 { report.packets.dropped.iter().sum() };
        let StorageStats { failures, frames_lost, bytes, backlog_bytes, last_error, .. } = stats;
        State {
            legs: media.legs(),
            dropped: media.shards.iter().map(dropped).sum(),
            failures,
            frames_lost,
            bytes,
            backlog_bytes,
            last_error,
        }
    }
}

fn stats(storage: &Mutex<Storage>) -> StorageStats {
    storage.lock().unwrap_or_else(PoisonError::into_inner).stats()
}

/// Writes down how much is durable, for who cuts off the rest.
fn tell_durable(folder: &Path, storage: Arc<Mutex<Storage>>) -> Result<()> {
    let word = File::create(folder.join(DURABLE))?;
    word.write_all_at(&0_u64.to_le_bytes(), 0)?;
    let tell = move || {
        let end = Instant::now() + TELLING_MAX;
        while Instant::now() < end
            && word.write_all_at(&stats(&storage).bytes.to_le_bytes(), 0).is_ok()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    std::thread::Builder::new().name("tell-durable".into()).spawn(tell)?;
    Ok(())
}
