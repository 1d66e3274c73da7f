//! Our system under test in a process of its own: `mediacore` as the product runs it, told by JSON
//! lines on standard input what signaling would tell it.

use crate::bare::Bare;
use crate::system::{Ending, Kind, Pair, System};
use anyhow::{Context, Result, bail, ensure};
use benches::procstat;
use mediacore::edge::clock;
use mediacore::edge::engine::{Backend, BackendChoice, Engine, EngineConfig};
use mediacore::edge::keys::Keys;
use mediacore::edge::storage::{Storage, StorageConfig};
use mediacore::shard;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command as Program, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use terms::media::{
    Codec, Command, Event, Ledger, PayloadType, Payloads, Place, Port, RecordStart, RecordTerms,
    Remote, Side,
};
use terms::{CallId, ContactId, LegId, RecordingId, RoomId, TenantId};

/// Anything asked of the engine is answered within this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// A full ring is tried again after this.
const AGAIN: Duration = Duration::from_millis(1);
/// Pairs of even and odd ports below the ephemeral ones: 3,183 calls.
const PORTS: std::ops::RangeInclusive<u16> = 20_000..=32_766;

/// What the child is started with.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which system.
    #[arg(long, value_enum)]
    kind: Kind,
    /// Its core.
    #[arg(long)]
    core: usize,
    /// Folder for segments and recordings.
    #[arg(long)]
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Open(Vec<Pair>),
    EndCalls,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ready,
    Opened(Vec<Pair>),
    Ended(Ending),
}

/// The child as the bench sees it.
pub struct Child {
    process: Process,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Child {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not say that it is ready.
    pub fn start(kind: Kind, core: usize, folder: &Path) -> Result<Child> {
        let mut process = Program::new(std::env::current_exe()?)
            .args(["serve", "--kind", &kind.to_string(), "--core", &core.to_string(), "--folder"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let asks = process.stdin.take().context("its input is a pipe")?;
        let answers = BufReader::new(process.stdout.take().context("its output is a pipe")?);
        let mut child = Child { process, asks, answers };
        match child.answer()? {
            Answer::Ready => Ok(child),
            _ => bail!("the first word is not that it is ready"),
        }
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the system under test has ended; its words are above");
        serde_json::from_str(&line).with_context(|| format!("read {line:?}"))
    }

    fn ask(&mut self, ask: &Ask) -> Result<Answer> {
        serde_json::to_writer(&mut self.asks, ask)?;
        self.asks.write_all(b"\n")?;
        self.asks.flush()?;
        self.answer()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A child whose calls have ended has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl System for Child {
    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        match self.ask(&Ask::Open(calls.to_vec()))? {
            Answer::Opened(pairs) => Ok(pairs),
            _ => bail!("asked to open calls, it answered something else"),
        }
    }

    fn end_calls(&mut self) -> Result<Ending> {
        match self.ask(&Ask::EndCalls)? {
            Answer::Ended(ending) => Ok(ending),
            _ => bail!("asked to end calls, it answered something else"),
        }
    }
}

/// What the child runs.
trait Inside {
    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>>;
    fn end_calls(&mut self) -> Result<Ending>;
}

/// Runs the child until its input ends.
///
/// # Errors
/// What kept it from serving.
pub fn run(arguments: &Arguments) -> Result<()> {
    benches::procstat::pin(arguments.core)
        .with_context(|| format!("run on core {}", arguments.core))?;
    let mut inside: Box<dyn Inside> = match arguments.kind {
        Kind::Bare => Box::new(Loop(None)),
        kind => Box::new(Core::start(kind, arguments.core, &arguments.folder)?),
    };
    let mut out = std::io::stdout().lock();
    let mut say = |answer: &Answer| -> Result<()> {
        serde_json::to_writer(&mut out, answer)?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    };
    say(&Answer::Ready)?;
    for line in std::io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Ask::Open(calls) => say(&Answer::Opened(inside.open(&calls)?))?,
            Ask::EndCalls => say(&Answer::Ended(inside.end_calls()?))?,
        }
    }
    Ok(())
}

struct Loop(Option<Bare>);

impl Inside for Loop {
    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        let (bare, pairs) = Bare::start(calls)?;
        self.0 = Some(bare);
        Ok(pairs)
    }

    fn end_calls(&mut self) -> Result<Ending> {
        self.0.take().map_or(Ok(()), Bare::stop)?;
        Ok(Ending::default())
    }
}

struct Core {
    engine: Engine,
    storage: Option<Storage>,
    events: mpsc::Receiver<Event>,
    ledgers: mpsc::Receiver<Ledger>,
    /// Those that are up.
    calls: std::ops::Range<u64>,
}

impl Core {
    fn start(kind: Kind, core: usize, folder: &Path) -> Result<Core> {
        let (tell, ledgers) = mpsc::channel();
        let (storage, rings) = if kind.records() {
            let segments = folder.join("segments");
            let keys = Keys::open(&folder.join("recording.keys"), &segments)?;
            let config = StorageConfig::new(segments, folder.to_owned(), 1, keys);
            let told = move |ledger| {
                // The bench hears of every row until it ends.
                let _ = tell.send(ledger);
            };
            let (storage, rings) = Storage::start(config, told)?;
            (Some(storage), rings)
        } else {
            (None, Vec::new())
        };
        let backend =
            if kind == Kind::Epoll { BackendChoice::Epoll } else { BackendChoice::IoUring };
        let config = EngineConfig {
            backend,
            ports: Some(PORTS),
            pin: vec![core],
            buffers: 32_768,
            storage: rings,
            shard: shard::Config { legs_max: 8_192, ..shard::Config::default() },
            ..EngineConfig::default()
        };
        let (tell, events) = mpsc::channel();
        let engine = Engine::start(config, move |_, event| {
            let _ = tell.send(event);
        })?;
        let uring = matches!(engine.backend(), Backend::IoUring);
        ensure!(uring == (kind != Kind::Epoll), "the engine runs on {:?}", engine.backend());
        Ok(Core { engine, storage, events, ledgers, calls: 1..1 })
    }

    fn send(&self, command: &Command) {
        while self.engine.send(command.clone()).is_err() {
            std::thread::sleep(AGAIN);
        }
    }

    fn opened(&self) -> Result<SocketAddr> {
        loop {
            match self.events.recv_timeout(PATIENCE).context("a leg opens in time")? {
                Event::Opened { rtp, .. } => return Ok(rtp),
                // Nobody speaks before all calls are open.
                Event::Silent { .. } => {}
                other => bail!("a leg was to open, but {other:?}"),
            }
        }
    }

    fn open_leg(&self, call: u64, called: bool, phone: SocketAddr) -> Result<SocketAddr> {
        let leg = leg(call, called);
        let (contact, tenant) = (ContactId(call), TenantId(1));
        self.send(&Command::Open {
            leg,
            contact,
            tenant,
            place: Place::WithContact,
            port: Port::Own,
        });
        let rtp = self.opened()?;
        self.send(&Command::Connect { leg, remote: Box::new(remote(phone)) });
        self.send(&Command::Join { leg, room: RoomId(call) });
        Ok(rtp)
    }
}

fn leg(call: u64, called: bool) -> LegId {
    LegId(call * 2 + u64::from(called))
}

fn remote(rtp: SocketAddr) -> Remote {
    let payloads = Payloads::of(Codec::Pcma).with_dtmf(PayloadType(101));
    Remote::at(rtp, payloads)
}

impl Inside for Core {
    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        let first = self.calls.end;
        for (call, phones) in (first..).zip(calls) {
            let caller = self.open_leg(call, false, phones.0)?;
            let called = self.open_leg(call, true, phones.1)?;
            if self.storage.is_some() {
                self.send(&Command::RecordStart(RecordStart {
                    recording: RecordingId(call),
                    tenant: TenantId(1),
                    contact: ContactId(call),
                    call: CallId(call),
                    started_at: clock::wall(),
                    parties: vec![
                        (leg(call, false), Side::Customer),
                        (leg(call, true), Side::Other),
                    ],
                    terms: RecordTerms::default(),
                }));
            }
            pairs.push((caller, called));
        }
        self.calls = first..first + calls.len() as u64;
        Ok(pairs)
    }

    fn end_calls(&mut self) -> Result<Ending> {
        let mut ending = Ending::default();
        let calls = self.calls.clone().count() as u64;
        for call in self.calls.clone() {
            if self.storage.is_some() {
                self.send(&Command::RecordStop { recording: RecordingId(call) });
            }
            for called in [false, true] {
                self.send(&Command::Release { leg: leg(call, called) });
            }
        }
        let mut released = 0;
        while released < 2 * calls {
            let event = self.events.recv_timeout(PATIENCE).context("legs close in time")?;
            released += u64::from(matches!(event, Event::Released { .. }));
        }
        for _ in 0..if self.storage.is_some() { calls } else { 0 } {
            let row = self.ledgers.recv_timeout(PATIENCE).context("recordings end in time")?;
            ending.frames_expected += row.frames_expected;
            ending.frames_missing += row.frames_missing;
            ending.files.extend(row.path.map(PathBuf::from));
        }
        ensure!(
            self.storage.is_none() || ending.files.len() as u64 == calls,
            "{} files of {calls} calls",
            ending.files.len()
        );
        ending.render_cpu_us = procstat::threads(std::process::id(), "")?
            .iter()
            .filter(|(name, _)| name.starts_with("recording-rend"))
            .map(|(_, cpu)| cpu.as_micros() as u64)
            .sum();
        Ok(ending)
    }
}
