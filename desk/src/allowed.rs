//! Callers that are let in whatever the list of blocked ones says.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, document, time};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use terms::routing::{AllowedCaller, Target, WITHHELD};
use terms::{PhoneNumber, TenantId, Timestamp};
use utoipa::ToSchema;

/// Callers of one tenant that are always let in.
pub const ALLOWED_MAX: i64 = 100_000;
/// Digits of a beginning.
const BEGINNING_DIGITS_MAX: usize = 20;

/// A caller that is always let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Allowed {
    /// Normalised; with `*` behind it every number that begins so; or `withheld`.
    pub number: String,
    /// Why.
    pub reason: String,
    /// Where they go, whatever answers the number that they dial.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub target: Option<Target>,
    /// Since.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A caller to be let in always.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Their number, however it is written; its beginning from the country code on with `*` behind it;
    /// or `withheld`, for who shows none.
    pub number: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Where they go, whatever answers the number that they dial: `{"queue": "2"}`, `{"agent": "3"}`;
    /// left out, as everybody does.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub target: Option<Target>,
}

/// A number as lists of callers have it.
pub(crate) fn number_of(number: &str, country: &str) -> Result<String> {
    let number = number.trim();
    let Some(beginning) = number.strip_suffix('*') else {
        if number == WITHHELD {
            return Ok(number.to_owned());
        }
        let parsed = PhoneNumber::parse(number, country);
        return text::name("number", &parsed.normal);
    };
    let digits = beginning.strip_prefix('+').unwrap_or(beginning);
    let fits = (1..=BEGINNING_DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        let problem = "a beginning is + and 1-20 digits with * behind it, such as +8610*";
        return Err(Error::invalid("number", problem));
    }
    Ok(number.to_owned())
}

impl From<Allowed> for AllowedCaller {
    fn from(Allowed { number, target, .. }: Allowed) -> Self {
        AllowedCaller { number, target }
    }
}

fn allowed(row: &DbRow) -> Result<Allowed> {
    let target = match row.get::<Option<String>>("target") {
        Some(_) => Some(document(row, "target", "list allowed callers", "target")?),
        None => None,
    };
    Ok(Allowed {
        number: row.get("number"),
        reason: row.get("reason"),
        target,
        created_at: time(row, "created_at"),
    })
}

impl Store {
    /// The callers of a tenant that are always let in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn allowed(&self, tenant: TenantId) -> Result<Vec<Allowed>> {
        sql::query(
            "SELECT number, reason, target, created_at FROM allowed WHERE tenant_id = $1
             ORDER BY number LIMIT 100000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list allowed callers")?
        .iter()
        .map(allowed)
        .collect()
    }

    /// Lets a caller in from now on, whatever else says.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Refused`] when the list is full.
    pub async fn allow(&self, tenant: TenantId, by: &By, draft: &Allow) -> Result<Allowed> {
        let country = self.tenant(tenant).await?.profile.country;
        let allowed = Allowed {
            number: number_of(&draft.number, &country)?,
            reason: text::line("reason", &draft.reason)?,
            target: draft.target.clone(),
            created_at: by.at,
        };
        let mut write = self.write("allow a caller").await?;
        if let Some(target) = &allowed.target {
            crate::number::check_target(&mut write, tenant, "target", target).await?;
        }
        let target = allowed
            .target
            .as_ref()
            .map(|target| serde_json::to_string(target).expect("a target is always valid JSON"));
        write
            .room_for(tenant, "SELECT COUNT(*) FROM allowed WHERE tenant_id = $1", ALLOWED_MAX)
            .await?;
        sql::query(
            "INSERT INTO allowed (tenant_id, number, reason, target, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, number)
             DO UPDATE SET reason = excluded.reason, target = excluded.target",
        )
        .bind(tenant.0 as i64)
        .bind(&allowed.number)
        .bind(&allowed.reason)
        .bind(target)
        .bind(by.at.0)
        .execute(write.db())
        .await
        .during("allow a caller")?;
        write.audit(tenant, by, "caller.allow", &allowed.number).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(allowed)
    }

    /// A caller is treated like others again.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn disallow(&self, tenant: TenantId, by: &By, number: &str) -> Result<()> {
        let mut write = self.write("take a caller off the white list").await?;
        let done = sql::query("DELETE FROM allowed WHERE tenant_id = $1 AND number = $2")
            .bind(tenant.0 as i64)
            .bind(number)
            .execute(write.db())
            .await
            .during("take a caller off the white list")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("allowed caller", crate::audit::clean(number)));
        }
        write.audit(tenant, by, "caller.disallow", number).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}
