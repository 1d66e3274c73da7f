//! What an hour of an agent and a minute of a trunk cost a tenant: the report of the cost of a contact
//! is made of it. Amounts are whole hundredths of the tenant's currency.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::document;
use crate::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::TenantId;
use utoipa::ToSchema;

/// Beginnings of numbers with a rate of their own.
pub const PREFIXES_MAX: usize = 200;
/// Dearest hour and minute, in hundredths.
pub const RATE_MAX: u32 = 1_000_000;
/// Longest beginning of a number.
const PREFIX_CHARS_MAX: usize = 20;

/// The rates of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// An hour of an agent who is signed in.
    pub agent_hour: u32,
    /// A minute of a call that came in over a trunk.
    #[serde(default)]
    pub inbound_minute: u32,
    /// A minute of a call that went out over a trunk to a number that begins like none of `prefixes`.
    #[serde(default)]
    pub outbound_minute: u32,
    /// Minutes to numbers by their beginning; the longest that fits holds.
    #[serde(default)]
    pub prefixes: Vec<PrefixRate>,
}

/// What a minute to numbers costs that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefixRate {
    /// The beginning, `+8610`.
    pub prefix: String,
    /// A minute.
    pub minute: u32,
}

impl Rates {
    fn check(&self) -> Result<()> {
        if self.prefixes.len() > PREFIXES_MAX {
            let problem = format!("at most {PREFIXES_MAX} entries are kept");
            return Err(Error::invalid("prefixes", problem));
        }
        let mut seen = BTreeSet::new();
        for PrefixRate { prefix, minute } in &self.prefixes {
            let digits = prefix.strip_prefix('+').unwrap_or(prefix);
            let is_sound = !digits.is_empty()
                && prefix.len() <= PREFIX_CHARS_MAX
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !is_sound || !seen.insert(prefix) {
                let problem = "beginnings of numbers such as +8610 are needed, each once";
                return Err(Error::invalid("prefixes", problem));
            }
            in_range("prefixes", *minute)?;
        }
        in_range("agent_hour", self.agent_hour)?;
        in_range("inbound_minute", self.inbound_minute)?;
        in_range("outbound_minute", self.outbound_minute)
    }
}

fn in_range(field: &'static str, rate: u32) -> Result<()> {
    if rate <= RATE_MAX {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{rate} is outside 0-{RATE_MAX}")))
}

impl Store {
    /// The rates of a tenant; none before they are set.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rates(&self, tenant: TenantId) -> Result<Option<Rates>> {
        let row = sql::query("SELECT document FROM rates WHERE tenant_id = $1")
            .bind(tenant.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read the rates")?;
        row.map(|row| document(&row, "document", "read the rates", "set of rates")).transpose()
    }

    /// Sets the rates of a tenant. Reports over the past go by them too.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn set_rates(&self, tenant: TenantId, by: &By, rates: &Rates) -> Result<()> {
        rates.check()?;
        let document = serde_json::to_string(rates).expect("rates are always valid JSON");
        let mut write = self.write("set the rates").await?;
        sql::query(
            "INSERT INTO rates (tenant_id, document) VALUES ($1, $2)
             ON CONFLICT (tenant_id) DO UPDATE SET document = $2",
        )
        .bind(tenant.0 as i64)
        .bind(&document)
        .execute(write.db())
        .await
        .during("set the rates")?;
        write.audit(tenant, by, "rates.set", document).await?;
        write.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(prefixes: &[(&str, u32)], agent_hour: u32) -> &'static str {
        let rate = |(prefix, minute): &(&str, u32)| PrefixRate {
            prefix: (*prefix).to_owned(),
            minute: *minute,
        };
        let prefixes = prefixes.iter().map(rate).collect();
        match (Rates { agent_hour, prefixes, ..Rates::default() }).check() {
            Ok(()) => "",
            Err(Error::Invalid { field, .. }) => field,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn rates_name_beginnings_of_numbers_once_and_stay_in_their_range() {
        assert_eq!(refused(&[("+8610", 12), ("0", 0)], RATE_MAX), "");
        for prefix in ["", "+", "+86 10", "86*", "' OR 1", "+86101234567890123456"] {
            assert_eq!(refused(&[(prefix, 1)], 1), "prefixes", "{prefix}");
        }
        assert_eq!(refused(&[("+86", 1), ("+86", 2)], 1), "prefixes");
        assert_eq!(refused(&[("+86", RATE_MAX + 1)], 1), "prefixes");
        assert_eq!(refused(&[], RATE_MAX + 1), "agent_hour");
    }
}
