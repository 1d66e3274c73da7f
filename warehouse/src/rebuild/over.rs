//! Days whose rows went because their time was over: nothing brings them back.

use crate::db::{self, Db};
use crate::{Error, Warehouse};
use std::collections::BTreeSet;
use terms::TenantId;

/// The days of a tenant's table whose rows went by age.
pub const SCHEMA: &[&str] = &["CREATE TABLE IF NOT EXISTS over_day (
        tenant INTEGER NOT NULL, tbl TEXT NOT NULL, day TEXT NOT NULL,
        PRIMARY KEY (tenant, tbl, day)) STRICT"];

/// Notes that rows of a day go, before they do.
///
/// # Errors
/// See [`Error`].
pub async fn note(
    warehouse: &Warehouse,
    tenant: TenantId,
    (table, day): (&str, &str),
) -> Result<(), Error> {
    let error = "note a day that is over";
    let mut tx = warehouse.write(error).await?;
    sqlx::query(
        "INSERT INTO over_day (tenant, tbl, day) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(tenant.0 as i64)
    .bind(table)
    .bind(day)
    .execute(&mut *tx)
    .await
    .map_err(Error::database(error))?;
    db::commit(tx, error).await
}

/// All of them: tenant, table, day.
pub async fn all(db: &mut Db) -> Result<BTreeSet<(i64, String, String)>, Error> {
    let error = "list days that are over";
    // A reader may come before the first writer of this version.
    if !db::has_table(db, "over_day").await? {
        return Ok(BTreeSet::new());
    }
    let days: Vec<(i64, String, String)> = sqlx::query_as("SELECT tenant, tbl, day FROM over_day")
        .fetch_all(db)
        .await
        .map_err(Error::database(error))?;
    Ok(days.into_iter().collect())
}
