//! Messages that callers left for a queue's people, and whether somebody has heard them. They arise in
//! the switch; the store follows its event log ([`Store::keep_calling`]) and says in the plan how many
//! wait, so that phones show it after every start. A message goes with its recording. A queue may make
//! an order of each ([`crate::order`]).

use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, id_opt, time};
use crate::{Result, Store, when};
use serde::Serialize;
use terms::event::{Entry, Kind};
use terms::media::RecordingState;
use terms::routing::QueueMessages;
use terms::{OrderId, QueueId, RecordingId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Messages that are listed at a time, the latest first.
pub const LISTED_MAX: i64 = 500;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Voicemail {
    /// Its recording, under whose id it is fetched.
    #[schema(value_type = String)]
    pub recording: RecordingId,
    /// For whose people.
    #[schema(value_type = String)]
    pub queue: QueueId,
    /// When it was left.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub left_at: Timestamp,
    /// When somebody had heard it; none while it waits.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub heard_at: Option<Timestamp>,
    /// Who.
    #[schema(value_type = Option<String>)]
    pub heard_by: Option<UserId>,
    /// The order that it became; none where its queue wants none, or while it cannot be heard yet.
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
    /// Why it became no order although its queue wants one.
    pub order_problem: Option<String>,
}

const COLUMNS: &str = "SELECT recording_id, queue_id, left_at, heard_at, heard_by, order_id,
    order_problem FROM voicemails WHERE tenant_id = $1";

fn voicemail(row: &DbRow) -> Voicemail {
    Voicemail {
        recording: RecordingId(id(row, "recording_id")),
        queue: QueueId(id(row, "queue_id")),
        left_at: time(row, "left_at"),
        heard_at: row.get::<Option<i64>>("heard_at").map(Timestamp),
        heard_by: id_opt(row, "heard_by").map(UserId),
        order: id_opt(row, "order_id").map(OrderId),
        order_problem: row.get("order_problem"),
    }
}

impl Store {
    /// The messages of a tenant, the latest first, [`LISTED_MAX`] of them.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn voicemails(&self, tenant: TenantId) -> Result<Vec<Voicemail>> {
        let order = "ORDER BY left_at DESC, recording_id DESC LIMIT $2";
        let rows = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} {order}")))
            .bind(tenant.0 as i64)
            .bind(LISTED_MAX)
            .fetch_all(self.reader())
            .await
            .during("list messages")?;
        Ok(rows.iter().map(voicemail).collect())
    }

    /// The message of this recording; none where it is no message.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn voicemail(
        &self,
        tenant: TenantId,
        recording: RecordingId,
    ) -> Result<Option<Voicemail>> {
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND recording_id = $2")))
            .bind(tenant.0 as i64)
            .bind(recording.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a message")?;
        Ok(row.as_ref().map(voicemail))
    }

    /// How many messages each queue has, for the plan.
    pub(crate) async fn messages_for_plan(&self, tenant: TenantId) -> Result<Vec<QueueMessages>> {
        let rows = sql::query(
            "SELECT queue_id, COUNT(*) AS left_in_all, COUNT(heard_at) AS heard FROM voicemails
             WHERE tenant_id = $1 GROUP BY queue_id ORDER BY queue_id",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("count messages")?;
        let count = |row: &DbRow, column| u32::try_from(id(row, column)).unwrap_or(u32::MAX);
        let messages = rows.iter().map(|row| {
            let heard = count(row, "heard");
            let waiting = count(row, "left_in_all").saturating_sub(heard);
            QueueMessages { queue: QueueId(id(row, "queue_id")), waiting, heard }
        });
        Ok(messages.collect())
    }

    /// The recordings of these messages are deleted, and so are they.
    ///
    /// # Errors
    /// When the store does not answer; nothing was forgotten then.
    pub async fn forget_voicemails(
        &self,
        tenant: TenantId,
        recordings: &[RecordingId],
    ) -> Result<()> {
        if recordings.is_empty() {
            return Ok(());
        }
        let mut write = self.write("forget messages").await?;
        let mut some = false;
        for recording in recordings {
            some |= forget(&mut write, tenant, *recording).await?;
            some |= crate::mailbox::forget(&mut write, tenant, *recording).await?;
        }
        if some {
            write.raise_plan(tenant).await?;
        }
        write.commit().await
    }
}

const HEARD: &str = "UPDATE voicemails SET heard_at = $3, heard_by = $4
    WHERE tenant_id = $1 AND recording_id = $2 AND heard_at IS NULL";

/// What the switch said of a message. Said again it changes nothing.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    let changed = match &entry.kind {
        Kind::VoicemailLeft { queue, recording, caller } => {
            left(write, entry, (*queue, *recording), caller).await?
        }
        Kind::VoicemailHeard { recording, by, .. } => {
            heard(write, entry, (*recording, *by), HEARD).await?
        }
        // Too short, or not recorded after all: there is nothing to be heard.
        Kind::Recorded { ledger, agent: None, .. }
            if matches!(ledger.state, RecordingState::Refused) =>
        {
            forget(write, entry.tenant, ledger.recording).await?
        }
        _ => false,
    };
    if changed { write.raise_plan(entry.tenant).await } else { Ok(()) }
}

async fn left(
    write: &mut Write,
    entry: &Entry,
    (queue, recording): (QueueId, RecordingId),
    caller: &str,
) -> Result<bool> {
    let doing = write.doing;
    let done = sql::query(
        "INSERT INTO voicemails (tenant_id, recording_id, queue_id, left_at, caller)
         SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS TEXT)
         FROM tenants WHERE id = $1
         ON CONFLICT (tenant_id, recording_id) DO NOTHING",
    )
    .bind(entry.tenant.0 as i64)
    .bind(recording.0 as i64)
    .bind(queue.0 as i64)
    .bind(entry.at.0)
    .bind(caller.to_owned())
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(done.rows_affected() > 0)
}

/// Somebody heard a message for the first time, by the statement of the table that it stands in.
pub(crate) async fn heard(
    write: &mut Write,
    entry: &Entry,
    (recording, by): (RecordingId, UserId),
    statement: &'static str,
) -> Result<bool> {
    let doing = write.doing;
    let done = sql::query(statement)
        .bind(entry.tenant.0 as i64)
        .bind(recording.0 as i64)
        .bind(entry.at.0)
        .bind(by.0 as i64)
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(done.rows_affected() > 0)
}

async fn forget(write: &mut Write, tenant: TenantId, recording: RecordingId) -> Result<bool> {
    let doing = write.doing;
    let done = sql::query("DELETE FROM voicemails WHERE tenant_id = $1 AND recording_id = $2")
        .bind(tenant.0 as i64)
        .bind(recording.0 as i64)
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(done.rows_affected() > 0)
}
