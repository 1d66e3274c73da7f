//! Our system under test in a process of its own: `mediacore` as the product runs it, told by JSON
//! lines on standard input what signaling would tell it.

use crate::bare::Bare;
use crate::spoken;
use crate::system::{Counts, Ending, Kind, Pair, System};
use anyhow::{Context, Result, bail, ensure};
use benches::media::served::{Calls, PORTS};
use benches::piped::{self, Piped};
use benches::procstat;
use mediacore::dtls::Identity;
use mediacore::edge::ShardReport;
use mediacore::edge::engine::{Backend, BackendChoice, EngineConfig};
use mediacore::edge::identity;
use mediacore::edge::keys::Keys;
use mediacore::edge::storage::{Storage, StorageConfig};
use mediacore::shard;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::{Arc, mpsc};
use terms::media::Fingerprint;

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
    OpenPages(Vec<Pair>, Fingerprint),
    EndCalls,
    Counts,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ready,
    Opened(Vec<Pair>),
    OpenedPages(Vec<Pair>, Fingerprint),
    Ended(Ending),
    Counted(Counts),
}

/// The child as the bench sees it.
pub struct Child(Piped);

impl Child {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not say that it is ready.
    pub fn start(kind: Kind, core: usize, folder: &Path) -> Result<Child> {
        let mut program = Program::new(std::env::current_exe()?);
        program
            .envs(benches::ALLOCATOR)
            .args(["serve", "--kind", &kind.to_string(), "--core", &core.to_string(), "--folder"])
            .arg(folder);
        let mut piped = Piped::start(&mut program)?;
        match piped.answer().context("start the system under test, whose words are above")? {
            Answer::Ready => Ok(Child(piped)),
            _ => bail!("the first word is not that it is ready"),
        }
    }

    fn ask(&mut self, ask: &Ask) -> Result<Answer> {
        self.0.ask(ask).context("ask the system under test, whose words are above")
    }
}

impl System for Child {
    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        match self.ask(&Ask::Open(calls.to_vec()))? {
            Answer::Opened(pairs) => Ok(pairs),
            _ => bail!("asked to open calls, it answered something else"),
        }
    }

    fn open_pages(
        &mut self,
        calls: &[Pair],
        pages: Fingerprint,
    ) -> Result<(Vec<Pair>, Fingerprint)> {
        match self.ask(&Ask::OpenPages(calls.to_vec(), pages))? {
            Answer::OpenedPages(pairs, print) => Ok((pairs, print)),
            _ => bail!("asked to open calls of pages, it answered something else"),
        }
    }

    fn end_calls(&mut self) -> Result<Ending> {
        match self.ask(&Ask::EndCalls)? {
            Answer::Ended(ending) => Ok(ending),
            _ => bail!("asked to end calls, it answered something else"),
        }
    }

    fn counts(&mut self) -> Result<Counts> {
        match self.ask(&Ask::Counts)? {
            Answer::Counted(counts) => Ok(counts),
            _ => bail!("asked what it counted, it answered something else"),
        }
    }
}

/// What the child runs.
trait Inside {
    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>>;
    fn open_pages(&mut self, _: &[Pair], _: Fingerprint) -> Result<(Vec<Pair>, Fingerprint)> {
        bail!("no pages come here")
    }
    fn end_calls(&mut self) -> Result<Ending>;
    /// Nothing where no engine counts.
    fn counts(&self) -> Counts;
}

/// Runs the child until its input ends.
///
/// # Errors
/// What kept it from serving.
pub fn run(arguments: &Arguments) -> Result<()> {
    benches::procstat::pin(arguments.core)
        .with_context(|| format!("run on core {}", arguments.core))?;
    mediacore::edge::quiet::set_give_back(give_back);
    let mut inside: Box<dyn Inside> = match arguments.kind {
        Kind::Bare => Box::new(Loop(None)),
        kind => Box::new(Core::start(kind, arguments.core, &arguments.folder)?),
    };
    piped::serve(&Answer::Ready, |ask: Ask| {
        Ok(match ask {
            Ask::Open(calls) => Answer::Opened(inside.open(&calls)?),
            Ask::OpenPages(calls, pages) => {
                let (pairs, print) = inside.open_pages(&calls, pages)?;
                Answer::OpenedPages(pairs, print)
            }
            Ask::EndCalls => {
                let ending = inside.end_calls()?;
                // What a thousand calls were asked for with is of this bench, not of the program.
                give_back();
                Answer::Ended(ending)
            }
            Ask::Counts => Answer::Counted(inside.counts()),
        })
    })
}

unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Gives back what the calling thread has freed, as the program has it done.
fn give_back() {
    // SAFETY: a function of this program's allocator, which is linked; any thread may call it at any
    // time.
    unsafe { mi_collect(true) }
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

    fn counts(&self) -> Counts {
        Counts::default()
    }
}

struct Core {
    kind: Kind,
    /// What it shows to pages.
    print: Option<Fingerprint>,
    calls: Calls,
    /// Ends after the calls do.
    _storage: Option<Storage>,
}

impl Core {
    fn start(kind: Kind, core: usize, folder: &Path) -> Result<Core> {
        let (tell, rows) = mpsc::channel();
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
        let identity = (kind == Kind::Webrtc).then(identity::generate).transpose();
        let identity = identity.map_err(anyhow::Error::msg).context("make a certificate")?;
        let print = identity.as_ref().map(Identity::fingerprint);
        let identity = identity.map(Arc::new);
        let config = EngineConfig {
            backend,
            ports: Some(PORTS),
            pin: vec![core],
            buffers: 32_768,
            storage: rings,
            shard: shard::Config { legs_max: 8_192, identity, ..shard::Config::default() },
            ..EngineConfig::default()
        };
        let calls = Calls::start(config, kind.records().then_some(rows))?;
        let uring = matches!(calls.engine.backend(), Backend::IoUring);
        let runs_on = calls.engine.backend();
        ensure!(uring == (kind != Kind::Epoll), "the engine runs on {runs_on:?}");
        Ok(Core { kind, print, calls, _storage: storage })
    }
}

impl Inside for Core {
    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        let kind = self.kind;
        self.calls.open_as(calls, |_, called, phone| spoken::remote(kind, called, phone))
    }

    fn open_pages(
        &mut self,
        calls: &[Pair],
        pages: Fingerprint,
    ) -> Result<(Vec<Pair>, Fingerprint)> {
        let print = self.print.context("no pages come to this kind of call")?;
        let kind = self.kind;
        let opened = self.calls.open_as(calls, |call, called, phone| {
            let plain = spoken::remote(kind, called, phone);
            if called { plain } else { spoken::page(plain, pages, call) }
        });
        Ok((opened?, print))
    }

    fn counts(&self) -> Counts {
        let stats = self.calls.engine.stats();
        let sum = |of: fn(&ShardReport) -> u64| stats.shards.iter().map(of).sum::<u64>();
        Counts {
            legs: stats.legs(),
            rooms: sum(|shard| shard.rooms as u64) as usize,
            recordings: sum(|shard| shard.recordings as u64) as usize,
            packets_in: stats.packets_in(),
            packets_out: stats.packets_out(),
            buffers_short: sum(|shard| shard.moved.buffers_short),
            buffers_out: sum(|shard| shard.moved.buffers_out),
        }
    }

    fn end_calls(&mut self) -> Result<Ending> {
        let mut ending = Ending::default();
        let rows = self.calls.end()?;
        let calls = rows.len();
        for row in rows {
            ending.frames_expected += row.frames_expected;
            ending.frames_missing += row.frames_missing;
            ending.files.extend(row.path.map(PathBuf::from));
        }
        let files = ending.files.len();
        ensure!(files == calls, "{files} files of {calls} calls");
        ending.render_cpu_us = procstat::threads(std::process::id(), "")?
            .iter()
            .filter(|(name, _)| name.starts_with("recording-rend"))
            .map(|(_, cpu)| cpu.as_micros() as u64)
            .sum();
        Ok(ending)
    }
}
