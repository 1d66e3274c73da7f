//! Settings of a tenant that are a document each, in a column of its row.

use crate::error::During;
use crate::sql;
use crate::store::{Write, document};
use crate::{Error, Result, Store};
use serde::de::DeserializeOwned;
use terms::TenantId;

/// A column of tenants that holds a setting.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Its name.
    pub column: &'static str,
    /// Its noun, for an error.
    pub what: &'static str,
}

impl Store {
    /// What a tenant has set.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn setting<T: DeserializeOwned>(
        &self,
        tenant: TenantId,
        setting: Setting,
        doing: &'static str,
    ) -> Result<T> {
        let Setting { column, what } = setting;
        let select = format!("SELECT {column} FROM tenants WHERE id = $1");
        let row = sql::query(sqlx::AssertSqlSafe(select))
            .bind(tenant.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during(doing)?
            .ok_or_else(|| Error::not_found("tenant", tenant))?;
        document(&row, column, doing, what)
    }
}

impl Write {
    /// Sets it to this document.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn set(
        &mut self,
        tenant: TenantId,
        setting: Setting,
        written: &str,
    ) -> Result<()> {
        let update = format!("UPDATE tenants SET {} = $2 WHERE id = $1", setting.column);
        let doing = self.doing;
        let done = sql::query(sqlx::AssertSqlSafe(update))
            .bind(tenant.0 as i64)
            .bind(written)
            .execute(self.db())
            .await
            .during(doing)?;
        match done.rows_affected() {
            0 => Err(Error::not_found("tenant", tenant)),
            _ => Ok(()),
        }
    }
}
