//! Who did what, from where, when. Rows are written in the transaction of the change itself and
//! never change.

use crate::error::During;
use crate::sql;
use crate::store::{DbRow, id, id_opt, time};
use crate::{Result, Store, when};
use serde::Serialize;
use terms::{TenantId, Timestamp, UserId, record};
use utoipa::ToSchema;

/// Longest text of a source or subject that is kept.
const TEXT_CHARS_MAX: usize = 200;

/// Who does something, from where, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The person; none for the box itself.
    pub user: Option<UserId>,
    /// An address, `command line`, `first start`.
    pub source: String,
    /// The wall clock.
    pub at: Timestamp,
}

impl By {
    /// The box itself.
    pub fn system(source: &str, at: Timestamp) -> Self {
        By { user: None, source: source.to_owned(), at }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditRow {
    /// Rises with time.
    pub id: i64,
    /// When.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who; none for the box itself.
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// From where.
    pub source: String,
    /// What, such as `recording.fetch`.
    pub action: String,
    /// To what.
    pub subject: String,
}

/// One line of printable text, cut to length: an audit row cannot forge another.
pub(crate) fn clean(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { '?' } else { c }).collect()
}

impl Store {
    /// Notes something that changes nothing in the store, such as the fetching of a recording.
    ///
    /// # Errors
    /// When it cannot be written: then the thing must not be done either.
    pub async fn note(
        &self,
        tenant: TenantId,
        by: &By,
        action: &'static str,
        subject: &str,
    ) -> Result<()> {
        let mut write = self.write("write the audit table").await?;
        write.audit(tenant, by, action, subject).await?;
        write.commit().await
    }

    /// The latest rows before `before`, the latest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn audit(
        &self,
        tenant: TenantId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>> {
        let rows = sql::query(
            "SELECT id, at, user_id, source, action, subject FROM audit
             WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        )
        .bind(tenant.0 as i64)
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit.min(crate::store::LIST_MAX)))
        .fetch_all(self.reader())
        .await
        .during("read the audit table")?;
        Ok(rows.iter().map(audit_row).collect())
    }

    /// Rows of all tenants after `id`, in order, at most `limit`, as the warehouse keeps them. They
    /// are numbered in the order of commits, and none is ever taken away.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn audit_after(&self, id: i64, limit: u32) -> Result<Vec<record::Audit>> {
        let rows = sql::query(
            "SELECT a.id, a.tenant_id, a.at, a.user_id, u.login, a.source, a.action, a.subject
             FROM audit a LEFT JOIN users u ON u.id = a.user_id
             WHERE a.id > $1 ORDER BY a.id LIMIT $2",
        )
        .bind(id)
        .bind(i64::from(limit.min(crate::store::LIST_MAX)))
        .fetch_all(self.reader())
        .await
        .during("read the audit table")?;
        Ok(rows.iter().map(handed_over).collect())
    }

    /// The rows about some ids, which stand alone in the subject or first, the earliest first; at
    /// most `limit` of each id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn audit_of(
        &self,
        tenant: TenantId,
        subjects: &[String],
        limit: u32,
    ) -> Result<Vec<AuditRow>> {
        let mut found = Vec::new();
        for subject in subjects {
            let rows = sql::query(
                "SELECT id, at, user_id, source, action, subject FROM audit
                 WHERE tenant_id = $1 AND (subject = $2 OR subject LIKE $3 ESCAPE '\\')
                 ORDER BY id LIMIT $4",
            )
            .bind(tenant.0 as i64)
            .bind(subject)
            .bind(format!("{} %", subject.replace(['%', '_', '\\'], "?")))
            .bind(i64::from(limit))
            .fetch_all(self.reader())
            .await
            .during("read the audit table")?;
            found.extend(rows.iter().map(audit_row));
        }
        found.sort_by_key(|row| row.id);
        Ok(found)
    }
}

fn handed_over(row: &DbRow) -> record::Audit {
    record::Audit {
        tenant_id: TenantId(id(row, "tenant_id")),
        audit_id: row.get("id"),
        done_at: time(row, "at"),
        user_id: id_opt(row, "user_id").map(UserId),
        login: row.get("login"),
        source: row.get("source"),
        action: row.get("action"),
        subject: row.get("subject"),
    }
}

fn audit_row(row: &DbRow) -> AuditRow {
    AuditRow {
        id: id(row, "id") as i64,
        at: time(row, "at"),
        user: id_opt(row, "user_id").map(UserId),
        source: row.get("source"),
        action: row.get("action"),
        subject: row.get("subject"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_stays_one_line() {
        assert_eq!(clean("a\r\nb\u{1b}[0m"), "a??b?[0m");
    }
}
