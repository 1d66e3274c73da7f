//! What the API needs from the rest of the box, as small traits: the switch, the worker, the
//! sealing of the warehouse, signs of the databases, and the time. Tests put fakes in their place.

use super::silence::Silent;
use crate::link::NotThere;
use crate::work::flow::{FlowJob, Pieces};
use crate::work::jobs::{Done, Job, Problem};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Answer, Ask};
use terms::{Moment, Timestamp};

/// The live switch.
pub trait CallsLink: Send + Sync {
    /// Asks and waits for the answer; refused when the switch is not there.
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Answer>;

    /// The same, but a switch that is not there is told from one that refuses.
    fn deliver(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, NotThere>>;
}

/// The worker.
pub trait WorkLink: Send + Sync {
    /// Runs a job; dropping the future cancels it.
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>>;
}

/// The worker, for answers that come in pieces.
pub trait FlowLink: Send + Sync {
    /// Asks; dropping the stream ends the question.
    fn flow(&self, job: FlowJob) -> Pieces;
}

/// The database servers.
pub trait SignLink: Send + Sync {
    /// Asks each for a sign: who gives none `within` that time.
    fn silent(&self, within: Duration) -> BoxFuture<'_, Silent>;
}

/// The clocks of the box.
pub trait Clock: Send + Sync {
    /// What the wall clock says.
    fn wall(&self) -> Timestamp;
    /// CLOCK_MONOTONIC.
    fn moment(&self) -> Moment;
}

/// Reads the event log to its end and seals what is staged; says how many rows went into files.
pub type Seal = Arc<dyn Fn() -> BoxFuture<'static, Result<u64, String>> + Send + Sync>;

/// The clocks of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { start: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        crate::first::wall()
    }
    fn moment(&self) -> Moment {
        Moment(0) + self.start.elapsed()
    }
}

impl CallsLink for crate::link::Client {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(self.ask(ask))
    }

    fn deliver(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, NotThere>> {
        Box::pin(self.deliver(ask))
    }
}

impl WorkLink for crate::work::Client {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        Box::pin(async move { self.run(&job).await })
    }
}

impl FlowLink for crate::work::Client {
    fn flow(&self, job: FlowJob) -> Pieces {
        self.flow(job)
    }
}
