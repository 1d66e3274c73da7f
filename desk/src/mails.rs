//! Mails that flows have sent. The switch says so in its event log; the store follows that log
//! ([`Store::keep_calling`]), and each of them is a row by the name that the log has for it, however often
//! an entry comes. A call has one: a process of calls that is killed between the log and its live state does
//! not know that the flow has asked, and asks again under another name. One is taken before it is sent:
//! whoever dies in between leaves it uncertain, and it is not sent again, because nobody shall have a mail
//! twice.
//!
//! Nobody asked for one who has a right of their own, and callers may name any address, so there are
//! limits besides; what is beyond them is kept as failed.

use crate::error::During;
use crate::portion::Said;
use crate::sql;
use crate::store::{DbRow, Write, id, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, when};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;
use terms::event::{Entry, Kind, MailAsked};
use terms::{CallId, MailId, Subscriber, TenantId, Timestamp};
use utoipa::ToSchema;

/// The time that the limits are about.
const HOUR: Duration = Duration::from_secs(3_600);
/// No flow that a killed process restores asks again for what it asked for so long ago.
const DAY: Duration = Duration::from_secs(86_400);
/// Mails to one address in that time, whatever the case of its letters.
const TO_ADDRESS_MAX: usize = 3;
/// Mails of all callers of a tenant in that time.
const OF_TENANT_MAX: usize = 500;
/// Where they name people.
const SAID: Said = Said {
    table: "mails",
    at: "asked_at",
    words: &["address", "subject", "text"],
    doing: "forget mails",
};

/// What is said of those that are beyond the limits.
const TOO_MANY: &str = "callers had too many mails sent within an hour";
/// What is said where nobody knows.
const UNKNOWN: &str = "the box ended while it was sent; it is not known whether it arrived";

text_enum! {
    /// How far a mail is, in the order of its life.
    MailState, "state of a mail" {
        /// It is to be sent, for the first time or again.
        Waiting = "waiting",
        /// The mail server is asked.
        Sending = "sending",
        /// The mail server took it.
        Sent = "sent",
        /// It will not be sent; `problem` says why.
        Failed = "failed",
        /// It may have been sent, and is not sent again.
        Uncertain = "uncertain",
    }
}

/// A mail that a flow has sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Mail)]
pub struct OutgoingMail {
    /// Its id, as the event names it.
    #[schema(value_type = String)]
    pub id: MailId,
    /// In which call.
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
    /// To whom.
    pub address: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The document that goes with it.
    pub document: Option<String>,
    /// When it was asked for.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// How far it is.
    pub state: MailState,
    /// Times that the mail server was asked.
    pub tries: u32,
    /// Why it was not sent, the last time.
    pub problem: String,
    /// When it was over.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

fn of(row: &DbRow) -> Result<OutgoingMail> {
    const DOING: &str = "read a mail";
    Ok(OutgoingMail {
        id: MailId(id(row, "id")),
        call: id_opt(row, "call_id").map(CallId),
        address: row.get("address"),
        subject: row.get("subject"),
        text: row.get("text"),
        document: row.get("document"),
        asked_at: time(row, "asked_at"),
        state: MailState::stored(DOING, row.get::<&str>("state"))?,
        tries: u32::try_from(row.get::<i64>("tries")).unwrap_or_default(),
        problem: row.get("problem"),
        ended_at: time_opt(row, "ended_at"),
    })
}

impl Store {
    /// Mails of a tenant, the latest first, from `before` on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn mails(
        &self,
        tenant: TenantId,
        before: Option<MailId>,
        limit: u32,
    ) -> Result<Vec<OutgoingMail>> {
        let before = before.map_or(i64::MAX, |before| before.0 as i64);
        let rows = sql::query(
            "SELECT * FROM mails WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        )
        .bind(tenant.0 as i64)
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .during("list mails")?;
        rows.iter().map(of).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn mail(&self, tenant: TenantId, mail: MailId) -> Result<OutgoingMail> {
        let row = sql::query("SELECT * FROM mails WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(mail.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a mail")?;
        of(&row.ok_or_else(|| Error::not_found("mail", mail))?)
    }

    /// Takes the mail that is due first, if one is, and says whose it is: one that is tried again later
    /// holds up no other.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn claim_mail(&self, now: Timestamp) -> Result<Option<(TenantId, OutgoingMail)>> {
        let mut write = self.write("take a mail").await?;
        let doing = write.doing;
        let row = sql::query(
            "SELECT * FROM mails WHERE state = 'waiting' AND next_at <= $1
             ORDER BY next_at, id LIMIT 1",
        )
        .bind(now.0)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        let Some(row) = row else { return Ok(None) };
        let (tenant, mut mail) = (TenantId(id(&row, "tenant_id")), of(&row)?);
        sql::query("UPDATE mails SET state = 'sending', tries = tries + 1 WHERE id = $1")
            .bind(mail.id.0 as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        write.commit().await?;
        (mail.state, mail.tries) = (MailState::Sending, mail.tries + 1);
        Ok(Some((tenant, mail)))
    }

    /// What became of a mail that was taken: it is over at `at`, or is sent again then. Of one whose
    /// receiver was forgotten meanwhile nothing is noted.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_mail(
        &self,
        mail: MailId,
        state: MailState,
        problem: &str,
        at: Timestamp,
    ) -> Result<()> {
        let ended = (state != MailState::Waiting).then_some(at.0);
        let mut write = self.write("note a mail").await?;
        let doing = write.doing;
        sql::query(
            "UPDATE mails SET state = $2, problem = $3, next_at = $4, ended_at = $5
             WHERE id = $1 AND state = 'sending'",
        )
        .bind(mail.0 as i64)
        .bind(state.as_str())
        .bind(crate::audit::clean(problem))
        .bind(at.0)
        .bind(ended)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await
    }

    /// At a start: what was being sent before is uncertain.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn doubt_mails(&self, now: Timestamp) -> Result<()> {
        let mut write = self.write("note a mail").await?;
        let doing = write.doing;
        sql::query(
            "UPDATE mails SET state = 'uncertain', problem = $1, ended_at = $2
             WHERE state = 'sending'",
        )
        .bind(UNKNOWN)
        .bind(now.0)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await
    }

    /// Forgets the mails of a tenant from before `until`, but for those that name one of the `held`
    /// people; also those that still wait: where there is no mail server they would wait for ever.
    /// Returns how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_mails(
        &self,
        tenant: TenantId,
        until: Timestamp,
        held: &BTreeSet<Subscriber>,
    ) -> Result<u64> {
        self.forget_said(&SAID, tenant, until, held).await
    }
}

/// What an entry of the event log says of mails. Entries that were followed before are not given: what was
/// erased since does not come back.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    let Kind::MailAsked(asked) = &entry.kind else { return Ok(()) };
    if has_one(write, entry).await? {
        tracing::info!(tenant = %entry.tenant, mail = %asked.id, "its call has had a mail sent before");
        return Ok(());
    }
    let state = match within_limits(write, entry, &asked.address).await? {
        true => MailState::Waiting,
        false => MailState::Failed,
    };
    insert(write, entry, asked, state).await
}

/// Whether the call of an entry has had a mail sent, under whatever name.
async fn has_one(write: &mut Write, entry: &Entry) -> Result<bool> {
    let Some(call) = entry.call else { return Ok(false) };
    let doing = write.doing;
    let found = sql::query(
        "SELECT id FROM mails WHERE tenant_id = $1 AND asked_at > $2 AND call_id = $3 LIMIT 1",
    )
    .bind(entry.tenant.0 as i64)
    .bind(entry.at.0 - DAY.as_micros() as i64)
    .bind(call.0 as i64)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    Ok(found.is_some())
}

async fn within_limits(write: &mut Write, entry: &Entry, address: &str) -> Result<bool> {
    let doing = write.doing;
    // Those that were beyond the limits were never tried.
    let addresses: Vec<String> = sql::query_scalar(
        "SELECT address FROM mails
         WHERE tenant_id = $1 AND asked_at > $2 AND (state <> 'failed' OR tries > 0)",
    )
    .bind(entry.tenant.0 as i64)
    .bind(entry.at.0 - HOUR.as_micros() as i64)
    .fetch_all(write.db())
    .await
    .during(doing)?;
    let to_address = addresses.iter().filter(|of| of.eq_ignore_ascii_case(address)).count();
    Ok(addresses.len() < OF_TENANT_MAX && to_address < TO_ADDRESS_MAX)
}

/// Of a tenant that is not there nothing is kept, and what follows in the log is.
async fn insert(
    write: &mut Write,
    entry: &Entry,
    asked: &MailAsked,
    state: MailState,
) -> Result<()> {
    let doing = write.doing;
    let is_over = state == MailState::Failed;
    if is_over {
        tracing::warn!(tenant = %entry.tenant, mail = %asked.id, "a caller's mail is not sent");
    }
    sql::query(
        "INSERT INTO mails (id, tenant_id, call_id, address, subject, text, document, asked_at,
         state, tries, next_at, problem, ended_at)
         SELECT CAST($1 AS BIGINT), id, CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT),
         CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS BIGINT), CAST($9 AS TEXT), 0,
         CAST($8 AS BIGINT), CAST($10 AS TEXT), CAST($11 AS BIGINT)
         FROM tenants WHERE id = $2 ON CONFLICT (id) DO NOTHING",
    )
    .bind(asked.id.0 as i64)
    .bind(entry.tenant.0 as i64)
    .bind(entry.call.map(|call| call.0 as i64))
    .bind(asked.address.as_str())
    .bind(asked.subject.as_str())
    .bind(asked.text.0.as_str())
    .bind(&asked.document)
    .bind(entry.at.0)
    .bind(state.as_str())
    .bind(if is_over { TOO_MANY } else { "" })
    .bind(is_over.then_some(entry.at.0))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}
