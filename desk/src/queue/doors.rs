//! Where those go on whom an overflow does not serve in time.

use crate::store::Write;
use crate::{Error, Result, number};
use serde::{Deserialize, Serialize};
use terms::TenantId;
use terms::routing::{self, ONWARD_MAX, Target};
use utoipa::ToSchema;

/// One further stage of a way out of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QueueOnward)]
#[serde(deny_unknown_fields)]
pub struct Onward {
    /// Longest wait in the queue before, in seconds, 5–7,200.
    pub after_s: u32,
    /// Where they go then: as `overflow`.
    #[schema(value_type = Object)]
    pub target: Target,
}

impl From<Onward> for routing::Onward {
    fn from(Onward { after_s, target }: Onward) -> Self {
        routing::Onward { after_s, target }
    }
}

/// Each stage but the last is a queue, or nobody would ever come to the next.
pub(super) fn check_chain(overflow: Option<&Target>, chain: &[Onward]) -> Result<()> {
    const FIELD: &str = "overflow_chain";
    if chain.len() > ONWARD_MAX {
        return Err(Error::invalid(FIELD, format!("at most {ONWARD_MAX} follow each other")));
    }
    if let Some(onward) = chain.iter().find(|onward| !(5..=7_200).contains(&onward.after_s)) {
        return Err(Error::invalid(FIELD, format!("{} is outside 5-7200", onward.after_s)));
    }
    let before = [overflow].into_iter().chain(chain.iter().map(|onward| Some(&onward.target)));
    let leads_on = |target: Option<&Target>| matches!(target, Some(Target::Queue(_)));
    if before.take(chain.len()).all(leads_on) {
        return Ok(());
    }
    let problem = "the overflow and each target but the last must be queues";
    Err(Error::invalid(FIELD, problem))
}

/// All of them must be the tenant's.
pub(super) async fn check_targets(
    write: &mut Write,
    tenant: TenantId,
    chain: &[Onward],
) -> Result<()> {
    for onward in chain {
        number::check_target(write, tenant, "overflow_chain", &onward.target).await?;
    }
    Ok(())
}
