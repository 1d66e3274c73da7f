//! Fax machines of ours: documents sent and received in the sound of a leg (ITU-T T.30), or as
//! packets (T.38).
//!
//! Each is a process of its own ([`process`]) with a thread here that speaks with it ([`session`]),
//! because what strangers send is read by a library in C ([`spandsp`]). Between that thread and the
//! media core lie two short rings of frames, so that a machine that hangs, or dies, costs its fax
//! and nothing else.

pub mod confine;
pub mod process;
mod session;
pub mod spandsp;

pub use session::documents;

use crate::shard::documents::{FaxHeard, FaxSaid};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{fmt, io};
use terms::LegId;
use terms::media::{Event, FaxOrder, FaxOutcome};

/// Frames on their way to a machine, or back: so long may a process take to begin.
const FRAMES_MAX: usize = 250;
/// What is received, and what is sent, has this name in the folder of its session.
const FILE: &str = "fax.tif";

/// Starts a process in this folder, with this line as its input and output; `None` is one that ends
/// by itself.
pub type Launch = Arc<dyn Fn(&Path, UnixStream) -> io::Result<Option<Child>> + Send + Sync>;

/// Where machines come from, and where documents lie.
#[derive(Clone)]
pub struct Config {
    /// How a process is started.
    pub launch: Launch,
    /// `<tenant>/<fax>.tif` is what was received, `<tenant>/documents/<name>.tif` what can be sent,
    /// `part/<fax>/` what a session has in its hands.
    pub folder: PathBuf,
    /// Faxes at a time: each is a process. One more is refused.
    pub faxes_max: usize,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut told = f.debug_struct("Config");
        told.field("folder", &self.folder).field("faxes_max", &self.faxes_max);
        told.finish_non_exhaustive()
    }
}

/// Runs this program with these arguments and `run`. It knows nothing of our environment and ends
/// with us.
pub fn program(path: PathBuf, arguments: Vec<String>) -> Launch {
    Arc::new(move |folder: &Path, line: UnixStream| -> io::Result<Option<Child>> {
        let mut command = Command::new(&path);
        command.args(&arguments).arg("run");
        command.current_dir(folder).env_clear();
        command.stdin(Stdio::from(OwnedFd::from(line.try_clone()?)));
        command.stdout(Stdio::from(OwnedFd::from(line)));
        command.stderr(Stdio::null());
        // SAFETY: between fork and exec only two system calls are made, which allocate nothing.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // Whatever this process has open beside its line ends with the start of the
                // program. A kernel that cannot do this leaves what each descriptor says of itself.
                let close = libc::CLOSE_RANGE_CLOEXEC;
                libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, close);
                Ok(())
            });
        }
        command.spawn().map(Some)
    })
}

/// Asks such a program whether faxes can be sent and received.
///
/// # Errors
/// A sentence that says what to install.
pub fn probe(path: &Path, arguments: &[String]) -> Result<(), String> {
    let failed = |why: &dyn fmt::Display| format!("the fax process does not run: {why}");
    let mut command = Command::new(path);
    command.args(arguments).arg("check").env_clear().stdin(Stdio::null());
    let output = command.output().map_err(|error| failed(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stdout);
    match told.trim() {
        "" => Err(failed(&output.status)),
        told => Err(told.to_owned()),
    }
}

/// The end of a line on a media core.
pub struct Line {
    heard: mpsc::SyncSender<FaxHeard>,
    said: rtrb::Consumer<FaxSaid>,
}

impl Line {
    /// What the machine hears. False when it is too far behind. A packet that finds no room is one
    /// that was lost, as packets are.
    pub fn hears(&self, heard: FaxHeard) -> bool {
        match self.heard.try_send(heard) {
            Err(mpsc::TrySendError::Full(heard)) => matches!(heard, FaxHeard::Packet(..)),
            Ok(()) | Err(mpsc::TrySendError::Disconnected(_)) => true,
        }
    }

    /// What it said next.
    pub fn said(&mut self) -> Option<FaxSaid> {
        self.said.pop().ok()
    }

    /// It has hung up, and nothing of it waits.
    pub fn is_over(&self) -> bool {
        // In this order: what was said before it hung up is seen.
        self.said.is_abandoned() && self.said.is_empty()
    }
}

type Tell = Arc<dyn Fn(usize, Event) + Send + Sync>;

/// Connects legs with machines.
pub(crate) struct Exchange {
    config: Option<Config>,
    running: Arc<AtomicUsize>,
    tell: Tell,
}

impl Exchange {
    /// `tell` hears how each fax ended, with the number of its core.
    pub fn new(
        config: Option<Config>,
        tell: impl Fn(usize, Event) + Send + Sync + 'static,
    ) -> Self {
        Exchange { config, running: Arc::default(), tell: Arc::new(tell) }
    }

    /// A leg gets no machine.
    pub fn refuse(&self, leg: LegId, shard: u16, order: &FaxOrder, why: &str) {
        let outcome = FaxOutcome::failed(order.fax, why);
        (self.tell)(usize::from(shard), Event::FaxDone { leg, outcome });
    }

    /// Starts the machine of a leg. The outcome is told in any case, and soon where there is none.
    pub fn connect(&self, leg: LegId, shard: Option<u16>, order: &FaxOrder) -> Option<Line> {
        let core = shard.unwrap_or_default();
        let tell = Arc::clone(&self.tell);
        let done = move |outcome| tell(usize::from(core), Event::FaxDone { leg, outcome });
        let opened = self.open(shard.is_some(), order.clone(), done);
        opened.inspect_err(|why| self.refuse(leg, core, order, why)).ok()
    }

    fn open(
        &self,
        has_leg: bool,
        order: FaxOrder,
        done: impl FnOnce(FaxOutcome) + Send + 'static,
    ) -> Result<Line, String> {
        let config = self.config.clone().ok_or("this box has no fax machine")?;
        if !has_leg {
            return Err("the leg is gone".to_owned());
        }
        let most = config.faxes_max;
        let place = Place::take(&self.running, most)
            .ok_or_else(|| format!("{most} faxes are under way (rtp.faxes_max)"))?;
        let (heard, hears) = mpsc::sync_channel(FRAMES_MAX);
        let (says, said) = rtrb::RingBuffer::new(FRAMES_MAX);
        let body = move || {
            let outcome = session::run(&config, &order, &hears, says);
            drop(place);
            done(outcome);
        };
        let thread = std::thread::Builder::new().name("fax".to_owned()).spawn(body);
        thread.map_err(|error| format!("the system gives no thread: {error}"))?;
        Ok(Line { heard, said })
    }
}

/// One of the faxes at a time.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(running: &Arc<AtomicUsize>, most: usize) -> Option<Place> {
        let more = |running: usize| (running < most).then_some(running + 1);
        running.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Place(Arc::clone(running)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
pub(crate) mod tests;
