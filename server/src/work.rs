//! The child `work`: ad-hoc SQL, report rendering, encoding, the move of recordings to the second
//! tier and the removal of deleted ones, in limited memory and at low priority, encoding and removal at
//! the lowest, so that none of them takes a core or a byte from a call.
//!
//! One connection of `<data>/run/work.sock` is one job: a line of JSON asks, a line of JSON answers,
//! the bytes follow; an answer may come in pieces instead ([`flow`]). Closing the connection cancels
//! the job.

mod behind;
pub mod draw;
pub mod encode;
pub mod flow;
pub mod found;
pub mod given;
pub mod jobs;
pub mod moving;
pub mod opened;
pub mod own_report;
pub mod printing;
pub mod remove;
mod report;
mod watch;
pub mod wire;

use crate::config::Config;
use crate::tier::Tier;
use crate::{away, lifelines, link};
use jobs::{Done, Job, Problem};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

/// Connections that may wait for their turn.
const CONNECTIONS_MAX: usize = 64;
/// How long to wait before the next connection when one could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Answers longer than this are refused: a page of a browser cannot hold them.
const ANSWER_BYTES_MAX: u64 = 512 << 20;
/// Address space of the whole child beyond the memory of its questions: program, fonts, files.
const BASE_BYTES: u64 = 3 << 30;

/// Runs until SIGTERM.
///
/// # Errors
/// When the socket or the warehouse cannot be opened.
pub fn run(config: Config) -> Result<(), anyhow::Error> {
    lower_priority();
    limit_memory(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("work")
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let listener = link::listen(&config.server.data.join("run/work.sock"))?;
        let tier = Tier::open(&config)?.map(Arc::new);
        let servers = away::servers(&config)?;
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            () = away::wait(&servers, None) => {}
        }
        let ports = servers.iter().filter_map(away::Server::port).collect();
        tokio::spawn(lifelines::keep_on(ports));
        let bench = Arc::new(jobs::Bench::open(config).await?.with_tier(tier));
        bench.watch();
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let stream = tokio::select! {
                _ = terminate.recv() => return Ok(()),
                stream = listener.accept() => stream,
            };
            let stream = match stream {
                Ok((stream, _)) => stream,
                // No file descriptor is free: some will be when a job has ended.
                Err(error) => {
                    tracing::error!(%error, "a job's connection was not taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = connections.clone().try_acquire_owned() else {
                drop(stream);
                continue;
            };
            let bench = bench.clone();
            tokio::spawn(async move {
                if let Err(error) = serve(stream, &bench).await {
                    tracing::debug!(%error, "a job's connection ended");
                }
                drop(permit);
            });
        }
    })
}

/// One job.
async fn serve(stream: UnixStream, bench: &jobs::Bench) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    let mut line = Vec::new();
    if !link::read_line(&mut lines, &mut line).await? {
        return Ok(());
    }
    let job: Job = serde_json::from_slice(&line)?;
    let mut nothing = [0];
    if let Job::Flow(job) = job {
        return tokio::select! {
            answered = bench.flow(*job, &mut write) => answered,
            // As below.
            _ = lines.read(&mut nothing) => Ok(()),
        };
    }
    let result = tokio::select! {
        result = bench.run(job) => result,
        // The asker closed its side: dropping the job cancels it.
        _ = lines.read(&mut nothing) => return Ok(()),
    };
    let (head, body) = match result {
        Ok(Done { content_type, truncated, body }) => {
            (Head::Done { content_type, truncated, bytes: body.len() as u64 }, body)
        }
        Err(problem) => (Head::Problem(problem), Vec::new()),
    };
    let mut head = serde_json::to_vec(&head)?;
    head.push(b'\n');
    write.write_all(&head).await?;
    write.write_all(&body).await
}

#[derive(serde::Serialize, serde::Deserialize)]
enum Head {
    Done { content_type: String, truncated: bool, bytes: u64 },
    Problem(Problem),
}

/// The asking side.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    job_max: Duration,
}

impl Client {
    /// For the `work` child of the box with this data folder.
    pub fn new(data: &Path, job_max: Duration) -> Self {
        Client { socket: data.join("run/work.sock"), job_max }
    }

    /// Runs a job; dropping the future cancels it.
    ///
    /// # Errors
    /// The job's own problem, or 503 when the child is not there or ended in the middle.
    pub async fn run(&self, job: &Job) -> Result<Done, Problem> {
        match tokio::time::timeout(self.job_max, self.converse(job)).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Problem::ended(&error.to_string()))
            }
            Ok(Err(error)) => {
                Err(Problem::unavailable(&format!("the worker is starting: {error}")))
            }
            Err(_) => Err(Problem::late()),
        }
    }

    async fn converse(&self, job: &Job) -> io::Result<Result<Done, Problem>> {
        let mut stream = link::connect(&self.socket).await?;
        let mut line = serde_json::to_vec(job)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        if stream.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(match serde_json::from_str(&head)? {
            Head::Problem(problem) => Err(problem),
            Head::Done { bytes, .. } if bytes > ANSWER_BYTES_MAX => Err(Problem::too_large(bytes)),
            Head::Done { content_type, truncated, bytes } => {
                let mut body = vec![0; bytes as usize];
                stream.read_exact(&mut body).await?;
                Ok(Done { content_type, truncated, body })
            }
        })
    }
}

/// Nice 10, so that media and signalling come first.
fn lower_priority() {
    // SAFETY: setpriority has no memory effects; 0 is this process.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS as _, 0, 10) };
    if result != 0 {
        tracing::warn!(error = %io::Error::last_os_error(), "work keeps the normal priority");
    }
}

/// A runaway question ends this child, never the box.
fn limit_memory(config: &Config) {
    let bytes = BASE_BYTES + 2 * config.sql.memory_max.0 * u64::from(config.sql.jobs_max);
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: setrlimit reads the struct it is given and nothing else.
    if unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) } != 0 {
        tracing::warn!(error = %io::Error::last_os_error(), "work runs without a memory limit");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_takes_too_long_is_not_taken_for_one_that_starts() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(folder.path(), Duration::from_millis(50));
        let told = async || {
            let job = Job::RemoveFaxes { files: Vec::new() };
            client.run(&job).await.unwrap_err().kind
        };
        assert_eq!(told().await, "unavailable");
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let _silent = tokio::net::UnixListener::bind(folder.path().join("run/work.sock")).unwrap();
        assert_eq!(told().await, "late");
    }
}
