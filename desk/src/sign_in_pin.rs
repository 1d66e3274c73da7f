//! PINs with which agents sign in at the phones of others. Like the password of a phone a PIN is kept as a
//! hash only, with the agent's number and the tenant's realm in it. What comes of it at the phones is in
//! the audit table: who sat down where, and wrong PINs.

use crate::agent::Agent;
use crate::audit::By;
use crate::error::During;
use crate::secret::ha1;
use crate::sql;
use crate::store::Write;
use crate::{Error, Result, Store};
use terms::event::{Entry, InCalling};
use terms::routing::{PIN_DIGITS_MAX, PIN_DIGITS_MIN};
use terms::{AgentId, TenantId};

/// Who did what happened at a phone.
const SWITCH: &str = "switch";

impl Store {
    /// Gives an agent a PIN for the phones of others, or takes it away.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a PIN that has letters, or too few or many digits.
    pub async fn set_sign_in_pin(
        &self,
        tenant: TenantId,
        by: &By,
        agent_id: AgentId,
        pin: Option<&str>,
    ) -> Result<Agent> {
        let sound = |pin: &str| {
            let length = PIN_DIGITS_MIN..=PIN_DIGITS_MAX;
            length.contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !pin.is_none_or(sound) {
            let range = format!("{PIN_DIGITS_MIN}-{PIN_DIGITS_MAX}");
            return Err(Error::invalid("pin", format!("a PIN has {range} digits")));
        }
        let realm = self.tenant(tenant).await?.profile.realm;
        let mut agent = self.agent(tenant, agent_id).await?;
        let kept = pin.map(|pin| ha1(&agent.number, &realm, pin).1).unwrap_or_default();
        let doing = "change a PIN";
        let mut write = self.write(doing).await?;
        sql::query("UPDATE agents SET sign_in_pin = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(agent_id.0 as i64)
            .bind(&kept)
            .execute(write.db())
            .await
            .during(doing)?;
        agent.has_pin = pin.is_some();
        let subject = format!("{agent_id} {}", if agent.has_pin { "set" } else { "taken away" });
        write.audit(tenant, by, "agent.sign_in_pin", subject).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(agent)
    }
}

/// Writes down what agents did at phones, as the event log tells it.
pub(crate) async fn keep(
    write: &mut Write,
    entry: &Entry,
    agent: AgentId,
    what: &InCalling,
) -> Result<()> {
    let (action, phone) = match what {
        InCalling::Moved { to } => ("agent.phone", to),
        InCalling::PinRefused { at } => ("agent.pin_refused", at),
        InCalling::Set { .. } | InCalling::Refused { .. } | InCalling::Barred { .. } => {
            return Ok(());
        }
    };
    let by = By::system(SWITCH, entry.at);
    write.audit(entry.tenant, &by, action, format!("{agent} at the phone of {phone}")).await
}
