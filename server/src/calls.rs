//! The child `calls`: signaling, mediacore and the recorder; no database, no HTTP server. It waits
//! for nobody: what cannot be delivered is refused to its sender at once.

pub mod http_step;
pub mod wiring;

use crate::config::Config;
use crate::link::{self, Askers};
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Answer, Ask, Request, Response};
use wiring::Box as Switchbox;

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
    let switchbox = Arc::new(Switchbox::start(
        &config,
        runtime.handle().clone(),
        move |response: Response| {
            if response.id == DRAIN_ID {
                draining.notify_one();
            } else {
                answering.answer(response);
            }
        },
    )?);
    runtime.block_on(async {
        let listener = link::listen(&config.server.data.join("run/calls.sock"))?;
        let asked = switchbox.clone();
        let own = askers.clone();
        tokio::spawn(link::serve(
            listener,
            askers,
            Arc::new(move |request: Request| match request.body {
                Ask::Metrics => own.answer(Response {
                    id: request.id,
                    body: Answer::Metrics(asked.metrics()),
                }),
                _ => asked.ask(request),
            }),
        ));
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        terminate.recv().await;
        let within = config.server.drain_max.0;
        let within_s = within.as_secs() as u32;
        switchbox.ask(Request { id: DRAIN_ID, body: Ask::Drain { within_s } });
        if tokio::time::timeout(within + Duration::from_secs(2), drained.notified()).await.is_err() {
            tracing::warn!("calls were still running when the drain time was over");
        }
        Ok::<(), anyhow::Error>(())
    })?;
    switchbox.stop();
    Ok(())
}
