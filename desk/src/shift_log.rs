//! The log of a shift 岗位日志: what people write down for their post and for who comes after them.
//! An entry never changes: who erred writes another one.

use crate::audit::By;
use crate::error::During;
use crate::sql::{self, Builder};
use crate::store::{DbRow, id, id_opt, time};
use crate::text::text_enum;
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use terms::{AgentId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Entries of one tenant.
pub const ENTRIES_MAX: i64 = 1_000_000;
/// Longest entry: as much as a cell of a printed list holds. Who has more to say writes several.
pub const ENTRY_CHARS_MAX: usize = 200;

text_enum! {
    /// What an entry of the log is about.
    LogKind, "kind of an entry" {
        /// 交接: for who comes after.
        Handover = "handover",
        /// 事件: something happened.
        Incident = "incident",
        /// 备注: anything else.
        Remark = "remark",
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LogEntry {
    /// Its number.
    pub id: i64,
    /// Who wrote it.
    #[schema(value_type = String)]
    pub user: UserId,
    /// As which agent, if they are one.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// When.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub written_at: Timestamp,
    /// What it is about.
    pub kind: LogKind,
    /// What it says.
    pub text: String,
}

/// An entry to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLogEntry {
    /// What it is about.
    pub kind: LogKind,
    /// What it says: one line of at most 200 characters.
    pub text: String,
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Written at or after.
    pub from: Option<Timestamp>,
    /// Written before.
    pub to: Option<Timestamp>,
    /// About this.
    pub kind: Option<LogKind>,
    /// Written by this person.
    pub user: Option<UserId>,
    /// Only what this person wrote, or one of these agents.
    pub seen: Option<(UserId, Vec<AgentId>)>,
    /// Where the last page ended: time and number of its last entry.
    pub before: Option<(Timestamp, i64)>,
}

fn entry(row: &DbRow) -> Result<LogEntry> {
    let kind: String = row.get("kind");
    Ok(LogEntry {
        id: row.get("id"),
        user: UserId(id(row, "user_id")),
        agent: id_opt(row, "agent_id").map(AgentId),
        written_at: time(row, "written_at"),
        kind: LogKind::stored("read the shift log", &kind)?,
        text: row.get("text"),
    })
}

impl Store {
    /// Entries of the log, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn shift_log(
        &self,
        tenant: TenantId,
        filter: &LogFilter,
        limit: u32,
    ) -> Result<Vec<LogEntry>> {
        let mut query = Builder::new(
            "SELECT id, user_id, agent_id, written_at, kind, text FROM shift_log WHERE tenant_id = ",
        );
        query.push_bind(tenant.0 as i64);
        if let Some(from) = filter.from {
            query.push(" AND written_at >= ").push_bind(from.0);
        }
        if let Some(to) = filter.to {
            query.push(" AND written_at < ").push_bind(to.0);
        }
        if let Some(kind) = filter.kind {
            query.push(" AND kind = ").push_bind(kind.as_str());
        }
        if let Some(user) = filter.user {
            query.push(" AND user_id = ").push_bind(user.0 as i64);
        }
        if let Some((user, agents)) = &filter.seen {
            query.push(" AND (user_id = ").push_bind(user.0 as i64);
            for agent in agents {
                query.push(" OR agent_id = ").push_bind(agent.0 as i64);
            }
            query.push(")");
        }
        if let Some((at, id)) = filter.before {
            query.push(" AND (written_at, id) < (").push_bind(at.0);
            query.push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY written_at DESC, id DESC LIMIT ");
        query.push_bind(i64::from(limit.min(crate::store::LIST_MAX)));
        let rows = query.build().fetch_all(self.reader()).await.during("read the shift log")?;
        rows.iter().map(entry).collect()
    }

    /// Writes an entry into the log.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty or too long text, [`Error::Refused`] for one that nobody
    /// writes or where the log is full.
    pub async fn write_shift_log(
        &self,
        tenant: TenantId,
        by: &By,
        agent: Option<AgentId>,
        new: &NewLogEntry,
    ) -> Result<LogEntry> {
        let text = text::line("text", &new.text)?;
        if text.is_empty() {
            return Err(Error::invalid("text", "a text is needed, at least one character"));
        }
        if text.chars().count() > ENTRY_CHARS_MAX {
            let problem = format!("at most {ENTRY_CHARS_MAX} characters are kept");
            return Err(Error::invalid("text", problem));
        }
        let user = by.user.ok_or_else(|| Error::Refused("people write the log".to_owned()))?;
        let doing = "write the shift log";
        let mut write = self.write(doing).await?;
        let count = "SELECT COUNT(*) FROM shift_log WHERE tenant_id = $1";
        write.room_for(tenant, count, ENTRIES_MAX).await?;
        let id = write.next_id("shift_log").await?;
        sql::query(
            "INSERT INTO shift_log (id, tenant_id, user_id, agent_id, written_at, kind, text)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(tenant.0 as i64)
        .bind(user.0 as i64)
        .bind(agent.map(|agent| agent.0 as i64))
        .bind(by.at.0)
        .bind(new.kind.as_str())
        .bind(&text)
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "shift_log.write", format!("{id} {}", new.kind.as_str())).await?;
        write.commit().await?;
        Ok(LogEntry { id, user, agent, written_at: by.at, kind: new.kind, text })
    }
}
