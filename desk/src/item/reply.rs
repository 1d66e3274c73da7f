//! Replies that go out as mails. One is taken before it is sent: whoever dies in between leaves it
//! uncertain, and it is not sent again, because nobody shall have an answer twice.

use super::ReplyDelivery;
use crate::error::During;
use crate::sql;
use crate::store::id;
use crate::{Result, Store};
use terms::item::Channel;
use terms::{ItemId, TenantId, Timestamp};

/// What is said where nobody knows.
pub(super) const UNKNOWN: &str =
    "the box ended while it was sent; it is not known whether it arrived";

/// A mail that answers an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its step.
    pub step: i64,
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub item: ItemId,
    /// To whom.
    pub address: String,
    /// What the item says it is about.
    pub subject: String,
    /// The Message-ID of the mail that is answered.
    pub in_reply_to: Option<String>,
    /// What is said.
    pub text: String,
}

impl Store {
    /// Takes the reply that is due first, if one is: one that is tried again later holds up no other.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn claim_reply(&self, now: Timestamp) -> Result<Option<Reply>> {
        let mut write = self.write("take a reply").await?;
        let doing = write.doing;
        let row = sql::query(
            "SELECT s.id, s.tenant_id, s.item_id, s.text, i.address, i.subject, i.channel,
             i.external_id FROM item_steps s JOIN items i ON i.id = s.item_id
             WHERE s.delivery = 'waiting' AND s.send_at <= $1 ORDER BY s.send_at, s.id LIMIT 1",
        )
        .bind(now.0)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        let Some(row) = row else { return Ok(None) };
        let is_mail = row.get::<&str>("channel") == Channel::Email.as_str();
        let reply = Reply {
            step: row.get("id"),
            tenant: TenantId(id(&row, "tenant_id")),
            item: ItemId(id(&row, "item_id")),
            address: row.get("address"),
            subject: row.get("subject"),
            in_reply_to: row.get::<Option<String>>("external_id").filter(|_| is_mail),
            text: row.get("text"),
        };
        sql::query("UPDATE item_steps SET delivery = 'sending' WHERE id = $1")
            .bind(reply.step)
            .execute(write.db())
            .await
            .during(doing)?;
        write.commit().await?;
        Ok(Some(reply))
    }

    /// What became of a reply that was taken; one that waits is sent again at `again_at`. Where its
    /// receiver was forgotten meanwhile, it does not wait any more, and no problem is kept: a mail server
    /// names them in it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_reply(
        &self,
        step: i64,
        delivery: ReplyDelivery,
        problem: &str,
        again_at: Timestamp,
    ) -> Result<()> {
        let mut write = self.write("note a reply").await?;
        let doing = write.doing;
        let forgotten = "SELECT 1 FROM item_steps s JOIN items i ON i.id = s.item_id
                         WHERE s.id = $1 AND i.address = ''";
        let forgotten = sql::query(forgotten).bind(step).fetch_optional(write.db()).await;
        let (delivery, problem) = match (forgotten.during(doing)?.is_some(), delivery) {
            (true, ReplyDelivery::Waiting) => (ReplyDelivery::Failed, ""),
            (true, delivery) => (delivery, ""),
            (false, delivery) => (delivery, problem),
        };
        sql::query(
            "UPDATE item_steps SET delivery = $2, problem = $3, send_at = $4
             WHERE id = $1 AND delivery = 'sending'",
        )
        .bind(step)
        .bind(delivery.as_str())
        .bind(crate::audit::clean(problem))
        .bind(again_at.0)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await
    }

    /// At a start: what was being sent before is uncertain.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn doubt_replies(&self) -> Result<()> {
        let mut write = self.write("note a reply").await?;
        let doing = write.doing;
        sql::query(
            "UPDATE item_steps SET delivery = 'uncertain', problem = $1
             WHERE delivery = 'sending' AND text_id IS NULL",
        )
        .bind(UNKNOWN)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await
    }
}
