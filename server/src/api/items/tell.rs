//! Carries what was done to items to the switch, which writes it into the event log: from there screens
//! and programs are told. The steps are numbered in the order of commits, and each is told until the
//! switch has it.

use crate::api::links::CallsLink;
use desk::Store;
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Answer, Ask};
use terms::event::ItemTold;

/// How often is looked for steps.
const EVERY: Duration = Duration::from_millis(500);
/// Pause after the store or the switch did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Steps of one reading.
const READ_MAX: u32 = 200;

/// Carries until the process ends.
pub async fn run(store: Store, calls: Arc<dyn CallsLink>) {
    loop {
        match carry(&store, &*calls).await {
            Ok(Carried { steps: 0, .. }) => tokio::time::sleep(EVERY).await,
            Ok(Carried { is_whole: true, .. }) => {}
            Ok(Carried { is_whole: false, .. }) => tokio::time::sleep(RETRY).await,
            Err(error) => {
                tracing::error!(%error, "steps of items wait for the event log");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// What came of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Steps that there were.
    pub steps: usize,
    /// The switch has all of them.
    pub is_whole: bool,
}

/// One reading.
///
/// # Errors
/// When the store does not answer.
pub async fn carry(store: &Store, calls: &dyn CallsLink) -> Result<Carried, desk::Error> {
    let steps = store.untold_item_steps(READ_MAX).await?;
    let mut through = None;
    let mut is_whole = true;
    for step in &steps {
        match calls.deliver(Ask::Item(step.tenant, ItemTold::from(step))).await {
            Ok(Answer::Done) => through = Some(step.step),
            // A tenant that the switch does not know shall not hold up the others.
            Ok(other) => {
                tracing::warn!(tenant = %step.tenant, ?other, "a step of an item is told to nobody");
                through = Some(step.step);
            }
            Err(error) => {
                tracing::warn!(%error, "steps of items wait for the switch");
                is_whole = false;
                break;
            }
        }
    }
    if let Some(through) = through {
        store.note_item_steps_told(through).await?;
    }
    Ok(Carried { steps: steps.len(), is_whole })
}
