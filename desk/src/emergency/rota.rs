//! Who is on duty for an emergency plan, and when. Unlike the plan itself the rota changes at any time,
//! also while the plan is in force: people fall ill in emergencies.

use super::{Emergency, known};
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use terms::{TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Duties of one plan.
pub const DUTIES_MAX: usize = 200;

/// Somebody's duty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EmergencyDuty)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// Who.
    #[schema(value_type = String)]
    pub user: UserId,
    /// From then on.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// Until then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// What they do: leads, spare agent of a queue, speaks with the press.
    #[serde(default)]
    pub task: String,
}

/// Who is on duty at `at`, each once, in the order of the rota.
pub fn on_duty(rota: &[Duty], at: Timestamp) -> Vec<UserId> {
    let mut users = Vec::new();
    for duty in rota.iter().filter(|duty| duty.starts_at <= at && at < duty.ends_at) {
        if !users.contains(&duty.user) {
            users.push(duty.user);
        }
    }
    users
}

impl Store {
    /// Says who is on duty for an emergency plan, in force or not.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the plan; [`Error::Invalid`] for a duty without length or of somebody
    /// who is not there.
    pub async fn put_rota(
        &self,
        tenant: TenantId,
        by: &By,
        name: &str,
        rota: &[Duty],
    ) -> Result<Emergency> {
        let doing = "change the rota of an emergency plan";
        let mut write = self.write(doing).await?;
        let before = known(&mut write, tenant, name).await?;
        let rota = check(&mut write, tenant, rota).await?;
        sql::query("UPDATE emergencies SET rota = $3 WHERE tenant_id = $1 AND name = $2")
            .bind(tenant.0 as i64)
            .bind(name)
            .bind(serde_json::to_string(&rota).expect("a rota is always valid JSON"))
            .execute(write.db())
            .await
            .during(doing)?;
        write.audit(tenant, by, "emergency.rota", name).await?;
        write.commit().await?;
        Ok(Emergency { rota, ..before })
    }
}

async fn check(write: &mut Write, tenant: TenantId, rota: &[Duty]) -> Result<Vec<Duty>> {
    if rota.len() > DUTIES_MAX {
        return Err(Error::invalid("duties", format!("at most {DUTIES_MAX} entries are kept")));
    }
    let mut checked = Vec::with_capacity(rota.len());
    for duty in rota {
        if duty.ends_at <= duty.starts_at {
            return Err(Error::invalid("ends_at", "a duty ends after it begins"));
        }
        let select = "SELECT 1 FROM users WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL";
        if !write.has(tenant, select, duty.user.0).await? {
            return Err(Error::invalid("user", format!("there is no such person: {}", duty.user)));
        }
        checked.push(Duty { task: text::line("task", &duty.task)?, ..duty.clone() });
    }
    checked.sort_by_key(|duty| duty.starts_at);
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_duty_is_whose_duty_has_begun_and_not_ended() {
        let duty = |user, from, until| Duty {
            user: UserId(user),
            starts_at: Timestamp(from),
            ends_at: Timestamp(until),
            task: String::new(),
        };
        let rota = [duty(1, 0, 10), duty(2, 5, 15), duty(1, 5, 20)];
        for (at, users) in [(0, vec![1]), (5, vec![1, 2]), (10, vec![2, 1]), (20, vec![])] {
            let users: Vec<UserId> = users.into_iter().map(UserId).collect();
            assert_eq!(on_duty(&rota, Timestamp(at)), users, "{at}");
        }
    }
}
