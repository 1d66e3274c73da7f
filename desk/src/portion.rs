//! Rows that say something of people, forgotten in portions when their time is over: whoever writes in
//! between waits for one portion alone.

use crate::error::During;
use crate::sql;
use crate::store::DbRow;
use crate::{Result, Store};
use std::collections::BTreeSet;
use terms::{Subscriber, TenantId, Timestamp};

/// Rows that are looked at in one step.
const PORTION: i64 = 1_000;

/// A table whose rows have an `id` and a `tenant_id`, and where they say something of people.
pub(crate) struct Said {
    /// Its name.
    pub table: &'static str,
    /// The column that says when it was.
    pub at: &'static str,
    /// The columns that may name somebody, or be their number or address.
    pub words: &'static [&'static str],
    /// What is being done, for an error.
    pub doing: &'static str,
}

impl Said {
    /// Whether a row names one of these people.
    fn names_one(&self, row: &DbRow, people: &BTreeSet<Subscriber>) -> bool {
        let said: Vec<&str> = self.words.iter().map(|column| row.get(column)).collect();
        people.iter().any(|person| said.iter().any(|text| person.is_in(text)))
    }
}

impl Store {
    /// Forgets the rows of a tenant from before `until`, but for those that name one of the `held`
    /// people. Returns how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn forget_said(
        &self,
        said: &Said,
        tenant: TenantId,
        until: Timestamp,
        held: &BTreeSet<Subscriber>,
    ) -> Result<u64> {
        let (mut gone, mut after) = (0, -1_i64);
        loop {
            let rows = self.portion(said, tenant, until, after).await?;
            let Some(last) = rows.last() else { return Ok(gone) };
            after = last.get::<i64>("id");
            let over: Vec<String> = rows
                .iter()
                .filter(|row| !said.names_one(row, held))
                .map(|row| row.get::<i64>("id").to_string())
                .collect();
            gone += self.drop_said(said, tenant, &over).await?;
        }
    }

    async fn portion(
        &self,
        said: &Said,
        tenant: TenantId,
        until: Timestamp,
        after: i64,
    ) -> Result<Vec<DbRow>> {
        let select = format!(
            "SELECT id, {} FROM {} WHERE tenant_id = $1 AND {} < $2 AND id > $3
             ORDER BY id LIMIT $4",
            said.words.join(", "),
            said.table,
            said.at
        );
        sql::query(sqlx::AssertSqlSafe(select))
            .bind(tenant.0 as i64)
            .bind(until.0)
            .bind(after)
            .bind(PORTION)
            .fetch_all(self.reader())
            .await
            .during(said.doing)
    }

    async fn drop_said(&self, said: &Said, tenant: TenantId, ids: &[String]) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let mut write = self.write(said.doing).await?;
        let delete = format!(
            "DELETE FROM {} WHERE tenant_id = $1 AND id IN ({})",
            said.table,
            ids.join(", ")
        );
        let done = sql::query(sqlx::AssertSqlSafe(delete))
            .bind(tenant.0 as i64)
            .execute(write.db())
            .await
            .during(said.doing)?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}
