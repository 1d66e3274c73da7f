//! `switchgrid serve`: a small supervisor of three children of the same program.
//!
//! It prepares what they share (folders, ports), lets the child `first` make the stores and end, starts
//! `calls` before the others and starts again, alone, whichever ends. Where a database server is away
//! and plans were kept, `calls` does not wait for `first`. SIGTERM and SIGINT drain: `calls` finishes
//! its calls, then `api` seals what is staged, then `work` goes. Children end with their supervisor.

pub mod child;
pub mod lock;
pub mod prepare;

use crate::away;
use crate::config::Config;
use crate::first::wall;
use crate::uptime::{ALIVE_EVERY, Journal, What};
use child::Child;
use prepare::Prepared;
use reqwest::header::RETRY_AFTER;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// What `serve` was asked besides the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to write the generated passwords (mode 0600) besides printing them once.
    pub credentials: Option<PathBuf>,
}

/// How long the API may take to the first good answer, from its start or from when it last said
/// that it waits for a database.
const READY_MAX: Duration = Duration::from_secs(60);
/// Pause before the stores are opened again while calls go on.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps the box from starting, for people.
pub fn run(config: Config, options: &Options) -> Result<(), anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let prepared = prepare::prepare(config).await?;
        let journal = Journal::open(&prepared.config.server.data);
        let why = away::calls_go_ahead(&prepared.config).await?;
        // Where calls are taken already, nothing of the rest is worth their end.
        let lasting = why.is_some();
        let calls = match why {
            None => {
                // A process of its own: what the stores and the passwords needed goes with it.
                child::finish("first", &prepared, options.credentials.as_deref()).await?;
                started("calls", &prepared, &journal)?
            }
            Some(why) => {
                tracing::warn!("{why}; calls begin with the plans that were kept");
                match ahead(&prepared, options, &journal).await? {
                    Some(calls) => calls,
                    None => return Ok(()),
                }
            }
        };
        supervise(prepared, calls, journal, lasting).await
    })
}

/// Starts `calls`, and `first` beside it, which waits for the databases. `None` when the box is to
/// end. Whatever `first` says, calls go on, and it is tried again.
async fn ahead(
    prepared: &Prepared,
    options: &Options,
    journal: &Journal,
) -> Result<Option<Child>, anyhow::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    crate::prompts::unpack(&prepared.config.server.data.join("prompts"))?;
    let mut calls = started("calls", prepared, journal)?;
    let first = async {
        let credentials = options.credentials.as_deref();
        while let Err(error) = child::finish("first", prepared, credentials).await {
            tracing::error!(%error, pause = ?FIRST_PAUSE, "the stores cannot be opened yet");
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    };
    tokio::pin!(first);
    let mut alive = tokio::time::interval(ALIVE_EVERY);
    loop {
        tokio::select! {
            _ = alive.tick() => journal.alive(wall()),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = &mut first => return Ok(Some(calls)),
            ended = calls.ended() => again(&mut calls, ended, prepared, true, journal).await?,
        }
    }
    calls.stop(prepared.config.server.drain_max.0 + Duration::from_secs(5)).await;
    journal.note(wall(), calls.name(), What::Stopped);
    prepare::forget_pid(prepared);
    Ok(None)
}

async fn supervise(
    prepared: Prepared,
    mut calls: Child,
    journal: Journal,
    lasting: bool,
) -> Result<(), anyhow::Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let drain_max = prepared.config.server.drain_max.0;
    let mut work = started("work", &prepared, &journal)?;
    let mut api = started("api", &prepared, &journal)?;
    let mut alive = tokio::time::interval(ALIVE_EVERY);
    let announce = announce(&prepared);
    tokio::pin!(announce);
    let (mut announced, mut was_ready) = (false, lasting);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            result = &mut announce, if !announced => {
                match result {
                    Err(error) if lasting => tracing::error!(%error, "calls go on without the API"),
                    result => result?,
                }
                (announced, was_ready) = (true, true);
            }
            _ = alive.tick() => journal.alive(wall()),
            ended = calls.ended() => again(&mut calls, ended, &prepared, was_ready, &journal).await?,
            ended = work.ended() => again(&mut work, ended, &prepared, was_ready, &journal).await?,
            ended = api.ended() => again(&mut api, ended, &prepared, was_ready, &journal).await?,
        }
    }
    tracing::info!("draining: running calls may go on for {drain_max:?}");
    let within =
        [drain_max + Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(5)];
    for (child, within) in [calls, api, work].iter_mut().zip(within) {
        child.stop(within).await;
        journal.note(wall(), child.name(), What::Stopped);
    }
    prepare::forget_pid(&prepared);
    Ok(())
}

/// Starts a child and writes that down.
fn started(
    name: &'static str,
    prepared: &Prepared,
    journal: &Journal,
) -> Result<Child, anyhow::Error> {
    let child = Child::start(name, prepared)?;
    journal.note(wall(), name, What::Up);
    Ok(child)
}

/// A child ended by itself: starts it again, and writes both down.
async fn again(
    child: &mut Child,
    ended: std::io::Result<std::process::ExitStatus>,
    prepared: &Prepared,
    announced: bool,
    journal: &Journal,
) -> Result<(), anyhow::Error> {
    journal.note(wall(), child.name(), What::Ended);
    child.again(ended, prepared, announced).await?;
    journal.note(wall(), child.name(), What::Up);
    Ok(())
}

/// Waits for the API and says where everything is.
async fn announce(prepared: &Prepared) -> Result<(), anyhow::Error> {
    let http = prepare::reachable(prepared.config.http.listen.0);
    let url = format!("http://{http}/readyz");
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
    let mut started = tokio::time::Instant::now();
    loop {
        let answer = client.get(&url).send().await;
        if answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
            break;
        }
        if answer.is_ok_and(|answer| answer.headers().contains_key(RETRY_AFTER)) {
            started = tokio::time::Instant::now();
        }
        anyhow::ensure!(
            started.elapsed() < READY_MAX,
            "the API at {url} did not become ready within {READY_MAX:?}; the log says why"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("ready  SIP  {} (UDP)  {} (TCP)", prepared.config.sip.udp, prepared.config.sip.tcp);
    let sip = &prepared.config.sip;
    for (name, listen) in [("TLS", sip.tls), ("WebSocket", sip.ws), ("secure WebSocket", sip.wss)] {
        if listen.0.is_some() {
            println!("       SIP  {listen} ({name})");
        }
    }
    println!("       HTTP http://{http}/   API pages http://{http}/api/docs");
    if prepared.config.sql.postgres.0.is_some() {
        println!("       SQL  {} (PostgreSQL)", prepared.config.sql.postgres);
    }
    if prepared.config.sql.flight.0.is_some() {
        println!("       SQL  {} (Flight SQL)", prepared.config.sql.flight);
    }
    println!("       data {}", prepared.config.server.data.display());
    Ok(())
}
