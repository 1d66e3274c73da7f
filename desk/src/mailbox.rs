//! Mailboxes of single agents: who is asked for a message, whether the agent drives, and the
//! messages. What is set lies here; that an agent drives, and the messages, the switch says, whose
//! event log the store follows ([`Store::keep_calling`]). The plan says it all, so that it holds
//! after every start. A message goes with its recording.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id, id_opt, time};
use crate::text::text_enum;
use crate::voicemail::heard;
use crate::{Error, Result, Store, when};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::event::{Entry, InMailbox, Kind, Mailbox as Happened};
use terms::media::RecordingState;
use terms::routing;
use terms::{AgentId, RecordingId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Messages that are listed at a time, the latest first.
pub const LISTED_MAX: i64 = 500;
/// Longest name of a prompt.
const PROMPT_CHARS_MAX: usize = 60;

text_enum! {
    /// Which callers of an agent are asked for a message.
    MailboxTakes, "rule of a mailbox" {
        /// None.
        Off = "off",
        /// Those who find them in another call, not to be disturbed or signed out, or declined.
        Busy = "busy",
        /// Those whom nobody answers.
        NoAnswer = "no_answer",
        /// Both.
        Missed = "missed",
        /// All; no phone rings.
        Always = "always",
    }
}

impl From<MailboxTakes> for routing::MailboxTakes {
    fn from(takes: MailboxTakes) -> Self {
        match takes {
            MailboxTakes::Off => routing::MailboxTakes::Off,
            MailboxTakes::Busy => routing::MailboxTakes::Busy,
            MailboxTakes::NoAnswer => routing::MailboxTakes::NoAnswer,
            MailboxTakes::Missed => routing::MailboxTakes::Missed,
            MailboxTakes::Always => routing::MailboxTakes::Always,
        }
    }
}

/// What an agent sets for their mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailboxDraft {
    /// Who is asked for a message: `off`, `busy`, `no_answer`, `missed` (both) or `always`.
    pub takes: MailboxTakes,
    /// The prompt that they hear before the tone, without its language; left out, the box's.
    #[serde(default)]
    pub greeting: Option<String>,
}

/// The mailbox of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mailbox {
    /// What they set.
    #[serde(flatten)]
    pub draft: MailboxDraft,
    /// They drive: whoever calls is asked for a message at once.
    pub driving: bool,
}

/// A message for an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentMessage {
    /// Its recording, under whose id it is fetched.
    #[schema(value_type = String)]
    pub recording: RecordingId,
    /// For whom.
    #[schema(value_type = String)]
    pub agent: AgentId,
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
}

fn message(row: &DbRow) -> AgentMessage {
    AgentMessage {
        recording: RecordingId(id(row, "recording_id")),
        agent: AgentId(id(row, "agent_id")),
        left_at: time(row, "left_at"),
        heard_at: row.get::<Option<i64>>("heard_at").map(Timestamp),
        heard_by: id_opt(row, "heard_by").map(UserId),
    }
}

fn mailbox(row: &DbRow) -> Result<Mailbox> {
    let takes: String = row.get("takes");
    let takes = MailboxTakes::stored("read a mailbox", &takes)?;
    let greeting = Some(row.get::<String>("greeting")).filter(|name| !name.is_empty());
    Ok(Mailbox { draft: MailboxDraft { takes, greeting }, driving: row.get("driving") })
}

impl Store {
    /// The mailbox of an agent; one who set nothing has one that is off.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such agent.
    pub async fn mailbox(&self, tenant: TenantId, agent: AgentId) -> Result<Mailbox> {
        self.agent(tenant, agent).await?;
        let row = sql::query(
            "SELECT takes, greeting, driving FROM mailboxes WHERE tenant_id = $1 AND agent_id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(agent.0 as i64)
        .fetch_optional(self.reader())
        .await
        .during("read a mailbox")?;
        let none = || {
            let draft = MailboxDraft { takes: MailboxTakes::Off, greeting: None };
            Ok(Mailbox { draft, driving: false })
        };
        row.as_ref().map_or_else(none, mailbox)
    }

    /// Sets who is asked for a message, and with what words. Whether the greeting is a prompt that
    /// there is, the caller has looked.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn set_mailbox(
        &self,
        tenant: TenantId,
        by: &By,
        agent: AgentId,
        draft: &MailboxDraft,
    ) -> Result<()> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
        let greeting = draft.greeting.as_deref();
        if greeting.is_some_and(|name| {
            !((1..=PROMPT_CHARS_MAX).contains(&name.len()) && name.chars().all(fits))
        }) {
            return Err(Error::invalid("greeting", "the name of a prompt is needed"));
        }
        let mut write = self.write("set a mailbox").await?;
        crate::agent::exists(&mut write, tenant, agent).await?;
        sql::query(
            "INSERT INTO mailboxes (agent_id, tenant_id, takes, greeting) VALUES ($1, $2, $3, $4)
             ON CONFLICT (agent_id) DO UPDATE
             SET takes = excluded.takes, greeting = excluded.greeting",
        )
        .bind(agent.0 as i64)
        .bind(tenant.0 as i64)
        .bind(draft.takes.as_str())
        .bind(greeting.unwrap_or_default())
        .execute(write.db())
        .await
        .during("set a mailbox")?;
        let subject = format!("{agent} {}", draft.takes.as_str());
        write.audit(tenant, by, "agent.mailbox", subject).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// The messages for agents of a tenant, the latest first, [`LISTED_MAX`] of them; those for one
    /// agent, where one is named.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn agent_messages(
        &self,
        tenant: TenantId,
        of: Option<AgentId>,
    ) -> Result<Vec<AgentMessage>> {
        let rows = sql::query(
            "SELECT recording_id, agent_id, left_at, heard_at, heard_by FROM agent_messages
             WHERE tenant_id = $1 AND ($2 IS NULL OR agent_id = $2)
             ORDER BY left_at DESC, recording_id DESC LIMIT $3",
        )
        .bind(tenant.0 as i64)
        .bind(of.map(|agent| agent.0 as i64))
        .bind(LISTED_MAX)
        .fetch_all(self.reader())
        .await
        .during("list messages for agents")?;
        Ok(rows.iter().map(message).collect())
    }

    /// The message of this recording; none where it is no message for an agent.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn agent_message(
        &self,
        tenant: TenantId,
        recording: RecordingId,
    ) -> Result<Option<AgentMessage>> {
        let row = sql::query(
            "SELECT recording_id, agent_id, left_at, heard_at, heard_by FROM agent_messages
             WHERE tenant_id = $1 AND recording_id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(recording.0 as i64)
        .fetch_optional(self.reader())
        .await
        .during("read a message for an agent")?;
        Ok(row.as_ref().map(message))
    }

    /// Every mailbox that is set or has messages, for the plan.
    pub(crate) async fn mailboxes_for_plan(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<routing::Mailbox>> {
        let doing = "read mailboxes";
        let mut mailboxes = BTreeMap::new();
        let set = "SELECT agent_id, takes, greeting, driving FROM mailboxes WHERE tenant_id = $1";
        let set = sql::query(set).bind(tenant.0 as i64).fetch_all(self.reader()).await;
        for row in &set.during(doing)? {
            let agent = AgentId(id(row, "agent_id"));
            let Mailbox { draft: MailboxDraft { takes, greeting }, driving } = mailbox(row)?;
            let (takes, greeting) = (takes.into(), greeting.unwrap_or_default());
            let empty = routing::Mailbox::of(agent);
            mailboxes.insert(agent, routing::Mailbox { takes, greeting, driving, ..empty });
        }
        let left = "SELECT agent_id, COUNT(*) AS left_in_all, COUNT(heard_at) AS heard
             FROM agent_messages WHERE tenant_id = $1 GROUP BY agent_id";
        let left = sql::query(left).bind(tenant.0 as i64).fetch_all(self.reader()).await;
        let count = |row: &DbRow, column| u32::try_from(id(row, column)).unwrap_or(u32::MAX);
        for row in &left.during(doing)? {
            let agent = AgentId(id(row, "agent_id"));
            let mailbox = mailboxes.entry(agent).or_insert_with(|| routing::Mailbox::of(agent));
            mailbox.heard = count(row, "heard");
            mailbox.waiting = count(row, "left_in_all").saturating_sub(mailbox.heard);
        }
        Ok(mailboxes.into_values().collect())
    }
}

const HEARD: &str = "UPDATE agent_messages SET heard_at = $3, heard_by = $4
    WHERE tenant_id = $1 AND recording_id = $2 AND heard_at IS NULL";

/// What the switch said of a mailbox. Said again it changes nothing.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    let changed = match &entry.kind {
        Kind::Mailbox(Happened { agent, what }) => match *what {
            InMailbox::Left { recording } => left(write, entry, *agent, recording).await?,
            InMailbox::Heard { recording, by } => {
                heard(write, entry, (recording, by), HEARD).await?
            }
            InMailbox::Driving { on } => drives(write, entry, *agent, on).await?,
        },
        // Too short, or not recorded after all: there is nothing to be heard.
        Kind::Recorded { ledger, message: true, .. }
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
    agent: AgentId,
    recording: RecordingId,
) -> Result<bool> {
    let doing = write.doing;
    let done = sql::query(
        "INSERT INTO agent_messages (tenant_id, recording_id, agent_id, left_at)
         SELECT tenant_id, CAST($3 AS BIGINT), id, CAST($4 AS BIGINT) FROM agents
         WHERE tenant_id = $1 AND id = $2
         ON CONFLICT (tenant_id, recording_id) DO NOTHING",
    )
    .bind(entry.tenant.0 as i64)
    .bind(agent.0 as i64)
    .bind(recording.0 as i64)
    .bind(entry.at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(done.rows_affected() > 0)
}

/// Of two words the later counts, whichever comes first.
async fn drives(write: &mut Write, entry: &Entry, agent: AgentId, on: bool) -> Result<bool> {
    let doing = write.doing;
    let done = sql::query(
        "INSERT INTO mailboxes (agent_id, tenant_id, driving, driving_at)
         SELECT id, tenant_id, CAST($3 AS BOOLEAN), CAST($4 AS BIGINT) FROM agents
         WHERE tenant_id = $1 AND id = $2
         ON CONFLICT (agent_id) DO UPDATE
         SET driving = excluded.driving, driving_at = excluded.driving_at
         WHERE mailboxes.driving_at < excluded.driving_at",
    )
    .bind(entry.tenant.0 as i64)
    .bind(agent.0 as i64)
    .bind(on)
    .bind(entry.at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(done.rows_affected() > 0)
}

/// The recording of a message is deleted, and so is the message.
pub(crate) async fn forget(
    write: &mut Write,
    tenant: TenantId,
    recording: RecordingId,
) -> Result<bool> {
    let doing = write.doing;
    let done = sql::query("DELETE FROM agent_messages WHERE tenant_id = $1 AND recording_id = $2")
        .bind(tenant.0 as i64)
        .bind(recording.0 as i64)
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(done.rows_affected() > 0)
}
