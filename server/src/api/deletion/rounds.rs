//! What became of the latest round of retention, tenant by tenant: people ask for it, counters count
//! what stopped. It is in memory: the first round comes a minute after a start.

use super::{Deletion, Error, Swept};
use desk::when;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use terms::{TenantId, Timestamp};
use utoipa::ToSchema;

/// A step of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Recordings.
    Recordings,
    /// Received faxes.
    Faxes,
    /// Rows of the warehouse.
    Rows,
}

/// The latest round of retention for one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RetentionRound {
    /// When it was; `null` in the first minute of the box.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Recordings and faxes that were deleted.
    pub deleted: u64,
    /// Those whose time is over and that a hold keeps.
    pub held: u64,
    /// Those of which files are left; they are tried again in the next round.
    pub failed: u64,
    /// The step in which something went wrong, so that the rest waits for the next round: the log says
    /// what. `null` when it came to its end.
    #[schema(value_type = Option<String>)]
    pub stopped: Option<Step>,
}

/// The latest rounds, one for each tenant that there is.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    latest: Mutex<BTreeMap<TenantId, RetentionRound>>,
    stopped: AtomicU64,
}

impl Rounds {
    fn latest(&self) -> MutexGuard<'_, BTreeMap<TenantId, RetentionRound>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deletion {
    /// What the latest round did for a tenant.
    pub fn latest_round(&self, tenant: TenantId) -> RetentionRound {
        self.rounds.latest().get(&tenant).cloned().unwrap_or_default()
    }

    /// How often a round stopped half-way, for a tenant or for what earlier rounds had left.
    pub fn rounds_stopped(&self) -> u64 {
        self.rounds.stopped.load(Ordering::Relaxed)
    }

    /// Deletes what is over at `now`, after what an earlier round left half done. What goes wrong for
    /// one tenant is told and keeps nobody else's round from coming to its end.
    ///
    /// # Errors
    /// When it cannot be told whose round it is.
    pub async fn round(&self, now: Timestamp) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        if let Err(error) = self.finish(&mut swept).await {
            self.left_over(&error, "recordings", &mut swept);
        }
        if let Err(error) = self.finish_faxes(now, &mut swept).await {
            self.left_over(&error, "faxes", &mut swept);
        }
        let tenants = self.store.tenants().await?;
        let is_there = |of: &TenantId| tenants.iter().any(|tenant| tenant.id == *of);
        self.rounds.latest().retain(|of, _| is_there(of));
        for tenant in &tenants {
            let of = self.round_of(tenant.id, now).await;
            swept = swept.and(of);
        }
        Ok(swept)
    }

    /// What was decided earlier waits for the next round.
    fn left_over(&self, error: &Error, what: &str, swept: &mut Swept) {
        tracing::error!(%error, what, "files of what was deleted go in the next round");
        self.rounds.stopped.fetch_add(1, Ordering::Relaxed);
        swept.stopped += 1;
    }

    async fn round_of(&self, tenant: TenantId, now: Timestamp) -> Swept {
        let mut swept = Swept::default();
        let mut step = Step::Recordings;
        let stopped = match self.steps_of(tenant, now, &mut swept, &mut step).await {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(
                    %error,
                    %tenant,
                    ?step,
                    "retention of this tenant goes on in the next round"
                );
                self.rounds.stopped.fetch_add(1, Ordering::Relaxed);
                swept.stopped += 1;
                Some(step)
            }
        };
        let Swept { deleted, held, failed, .. } = swept;
        let round = RetentionRound { at: Some(now), deleted, held, failed, stopped };
        self.rounds.latest().insert(tenant, round);
        swept
    }

    /// Rows go last: those of a recording are kept at least as long as its file. `step` is the one that
    /// was begun.
    async fn steps_of(
        &self,
        tenant: TenantId,
        now: Timestamp,
        swept: &mut Swept,
        step: &mut Step,
    ) -> Result<(), Error> {
        self.recordings_of(tenant, now, swept).await?;
        *step = Step::Faxes;
        self.faxes_of(tenant, now, swept).await?;
        *step = Step::Rows;
        self.rows_of(tenant, now).await
    }
}
