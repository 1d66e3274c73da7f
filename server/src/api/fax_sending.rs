//! Has the faxes sent whose time has come: each is taken first, then the switch is asked for its call. How
//! a try went comes with the event log ([`super::calling::follow`]).
//!
//! A try whose question may have reached the switch is not taken back, whatever the answer: it waits for
//! the log, and in the end for a person ([`desk::outgoing_fax`]).

use super::links::CallsLink;
use desk::Store;
use desk::outgoing_fax::{OutgoingFax, Then};
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Answer, Ask, FaxCall, NO_MORE_CALLS};
use terms::id::IdGen;
use terms::{FaxId, Timestamp};

/// How often it is looked whether one is due.
const EVERY: Duration = Duration::from_secs(1);
/// Rounds from one tidying to the next: a minute.
const TIDY_EVERY: u32 = 60;
/// So long one waits that a full box did not take.
const FULL_PAUSE: Duration = Duration::from_secs(30);
/// Of ids; the switch has 0.
const NODE: u16 = 2;

/// Sends until the process ends, so many at a time as there may be machines.
pub async fn run(store: Store, calls: Arc<dyn CallsLink>, machines: u32, now: fn() -> Timestamp) {
    let mut sender = Sender::new(store, calls, machines);
    let mut rounds = 0_u32;
    loop {
        if rounds.is_multiple_of(TIDY_EVERY) {
            sender.tidy(now()).await;
        }
        rounds = rounds.wrapping_add(1);
        // Several may be due.
        while sender.send_one(now()).await {}
        tokio::time::sleep(EVERY).await;
    }
}

/// What sends.
pub struct Sender {
    store: Store,
    calls: Arc<dyn CallsLink>,
    machines: i64,
    ids: IdGen,
}

impl Sender {
    /// Of a store over a switch, which has so many fax machines (`rtp.faxes_max`).
    pub fn new(store: Store, calls: Arc<dyn CallsLink>, machines: u32) -> Self {
        Sender { store, calls, machines: machines.into(), ids: IdGen::new(NODE) }
    }

    async fn tidy(&self, now: Timestamp) {
        match self.store.tidy_outgoing_faxes(now).await {
            Ok(0) => {}
            Ok(lost) => tracing::warn!(lost, "nobody knows what came of these faxes"),
            Err(error) => tracing::error!(%error, "faxes are not tidied"),
        }
    }

    /// Has the fax sent that has waited longest. False where none is due, or none can be sent now.
    pub async fn send_one(&mut self, now: Timestamp) -> bool {
        match self.try_one(now).await {
            Ok(sent) => sent,
            Err(error) => {
                tracing::error!(%error, "faxes wait");
                false
            }
        }
    }

    async fn try_one(&mut self, now: Timestamp) -> Result<bool, desk::Error> {
        if !self.store.outgoing_fax_due(now).await? {
            return Ok(false);
        }
        // Whoever answered would hear no machine, and would not be called again.
        if self.store.outgoing_faxes_under_way().await? >= self.machines {
            return Ok(false);
        }
        // While the switch starts nothing is taken.
        if self.calls.deliver(Ask::Metrics).await.is_err() {
            return Ok(false);
        }
        let attempt = FaxId(self.ids.next(now));
        let Some(fax) = self.store.claim_outgoing_fax(attempt, now).await? else {
            return Ok(false);
        };
        let ask = Ask::Fax(Box::new(order(attempt, &fax)));
        match self.calls.deliver(ask).await {
            Ok(Answer::Call(call)) => self.store.outgoing_fax_called(attempt, call).await?,
            Ok(Answer::Refused(why)) => {
                let is_full = why == NO_MORE_CALLS;
                let then = if is_full { Then::Wait(FULL_PAUSE) } else { Then::Fail };
                self.store.outgoing_fax_refused(attempt, &why, then, now).await?;
                return Ok(!is_full);
            }
            Ok(other) => tracing::error!(?other, fax = %fax.id, "the switch answered otherwise"),
            Err(error) => tracing::warn!(%error, fax = %fax.id, "whether it is sent is not known"),
        }
        Ok(true)
    }
}

fn order(attempt: FaxId, fax: &OutgoingFax) -> FaxCall {
    FaxCall {
        tenant: fax.tenant,
        fax: attempt,
        by: fax.asked_by,
        target: fax.draft.number.clone(),
        document: fax.draft.document.clone(),
        caller_number: fax.draft.caller_number.clone(),
        station: fax.draft.station.clone(),
        ecm: true,
    }
}
