//! The child `calls`: signaling, mediacore and the recorder; no database of its own, no HTTP server. It waits
//! for nobody: what cannot be delivered is refused to its sender at once.

pub mod bot_step;
pub mod http_step;
pub mod measure;
pub mod sql_step;
pub mod wiring;

use crate::config::Config;
use crate::link::{self, Askers};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use terms::control::{Answer, Ask, Request, Response};
use wiring::Switchboard;

/// Number of the supervisor's own question to drain.
const DRAIN_ID: u64 = u64::MAX;

/// Runs until SIGTERM, then drains.
///
/// # Errors
/// When a port, a folder or a core cannot be had.
pub fn run(config: Config) -> Result<(), anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("calls-io")
        .enable_all()
        .build()?;
    let askers = Arc::new(Askers::default());
    let drained = Arc::new(tokio::sync::Notify::new());
    let (answering, draining) = (askers.clone(), drained.clone());
    let measured: Arc<OnceLock<Weak<Switchboard>>> = Arc::default();
    let measures = measured.clone();
    let switchboard = Arc::new(Switchboard::start(
        &config,
        runtime.handle().clone(),
        move |mut response: Response| {
            if response.id == DRAIN_ID {
                return draining.notify_one();
            }
            // signaling counted its own; media and storage add theirs.
            if let Answer::Metrics(metrics) = &mut response.body
                && let Some(board) = measures.get().and_then(Weak::upgrade)
            {
                metrics.extend(board.metrics());
            }
            answering.answer(response);
        },
    )?);
    measured.get_or_init(|| Arc::downgrade(&switchboard));
    runtime.block_on(async {
        let listener = link::listen(&config.server.data.join("run/calls.sock"))?;
        let asked = switchboard.clone();
        let ask = Arc::new(move |request: Request| asked.ask(request));
        tokio::spawn(link::serve(listener, askers, ask));
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        terminate.recv().await;
        let within = config.server.drain_max.0;
        let within_s = within.as_secs() as u32;
        switchboard.ask(Request { id: DRAIN_ID, body: Ask::Drain { within_s } });
        if tokio::time::timeout(within + Duration::from_secs(2), drained.notified()).await.is_err()
        {
            tracing::warn!("calls were still running when the drain time was over");
        }
        Ok::<(), anyhow::Error>(())
    })?;
    switchboard.stop();
    Ok(())
}
