//! Tenants: the organisations on the box.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{Write, id};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use terms::TenantId;
use utoipa::ToSchema;

/// Tenants on one box.
pub const TENANTS_MAX: i64 = 1_000;

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tenant {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TenantId,
    /// What it is.
    #[serde(flatten)]
    pub profile: Profile,
}

/// What an organisation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, unique on the box.
    pub name: String,
    /// IANA zone.
    pub time_zone: String,
    /// Country code without `+`.
    pub country: String,
    /// Realm of phones' digest authentication. Passwords are stored for it: it never changes.
    pub realm: String,
    /// Language of prompts: `zh-CN` or `en`.
    pub language: String,
}

impl Profile {
    fn check(&self) -> Result<Profile> {
        if self.time_zone.parse::<chrono_tz::Tz>().is_err() {
            return Err(Error::invalid(
                "time_zone",
                "an IANA name such as Asia/Shanghai is needed",
            ));
        }
        if self.country.is_empty()
            || self.country.len() > 3
            || !self.country.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(Error::invalid(
                "country",
                "a country code of 1-3 digits is needed, such as 86",
            ));
        }
        if !["zh-CN", "en"].contains(&self.language.as_str()) {
            return Err(Error::invalid("language", "zh-CN or en is needed"));
        }
        Ok(Profile {
            name: text::name("name", &self.name)?,
            time_zone: self.time_zone.clone(),
            country: self.country.clone(),
            realm: text::token("realm", &self.realm, 64)?,
            language: self.language.clone(),
        })
    }
}

const COLUMNS: &str = "SELECT id, name, time_zone, country, realm, language FROM tenants";

fn tenant(row: &crate::store::DbRow) -> Tenant {
    Tenant {
        id: TenantId(id(row, "id")),
        profile: Profile {
            name: row.get("name"),
            time_zone: row.get("time_zone"),
            country: row.get("country"),
            realm: row.get("realm"),
            language: row.get("language"),
        },
    }
}

impl Store {
    /// All tenants, for the box itself.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        let rows = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY id LIMIT 1000")))
            .fetch_all(self.reader())
            .await
            .during("list tenants")?;
        Ok(rows.iter().map(tenant).collect())
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn tenant(&self, tenant_id: TenantId) -> Result<Tenant> {
        sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1")))
            .bind(tenant_id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a tenant")?
            .map(|row| tenant(&row))
            .ok_or_else(|| Error::not_found("tenant", tenant_id))
    }

    /// Makes a tenant with nothing in it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`].
    pub async fn create_tenant(&self, by: &By, profile: &Profile) -> Result<Tenant> {
        let mut write = self.write("create a tenant").await?;
        let made = insert(&mut write, by, profile).await?;
        write.commit().await?;
        Ok(made)
    }
}

/// How many tenants there are, inside a change.
pub(crate) async fn count(write: &mut Write) -> Result<i64> {
    let doing = write.doing;
    sql::query_scalar("SELECT COUNT(*) FROM tenants").fetch_one(write.db()).await.during(doing)
}

pub(crate) async fn insert(write: &mut Write, by: &By, profile: &Profile) -> Result<Tenant> {
    let profile = profile.check()?;
    if count(write).await? >= TENANTS_MAX {
        return Err(Error::Refused(format!("at most {TENANTS_MAX} tenants fit on one box")));
    }
    let id = TenantId(write.next_id("tenant").await? as u64);
    let doing = write.doing;
    sql::query(
        "INSERT INTO tenants (id, name, time_zone, country, realm, language, plan_version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
    )
    .bind(id.0 as i64)
    .bind(&profile.name)
    .bind(&profile.time_zone)
    .bind(&profile.country)
    .bind(&profile.realm)
    .bind(&profile.language)
    .bind(by.at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    write.audit(id, by, "tenant.create", &profile.name).await?;
    write.raise_plan(id).await?;
    Ok(Tenant { id, profile })
}
