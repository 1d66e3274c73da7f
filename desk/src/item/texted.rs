//! Texts over trunks as items: where a trunk names a queue, a text that comes over it waits there for an
//! agent, and their reply goes back over it. An item is named by its text, and a step by the text that it
//! went out as, so that what the event log says of texts is said of items in the same transaction.
//!
//! A reply is written down before the switch is asked for its text. Whoever dies in between leaves it
//! uncertain, as with mails: nobody shall have an answer twice.

use super::reply::UNKNOWN;
use super::write::{checked, take_in};
use super::{Item, NewItem, ReplyDelivery};
use crate::audit::{self, By};
use crate::error::During;
use crate::sql;
use crate::store::Write;
use crate::texts::TextState;
use crate::{Result, Store, trunk};
use terms::event::{Entry, TextReceived};
use terms::item::Channel;
use terms::{TenantId, TextId, Timestamp};

/// A text that came in is an item where its trunk says so.
pub(crate) async fn hand_out(write: &mut Write, entry: &Entry, text: &TextReceived) -> Result<()> {
    let queue = trunk::texts::queue_of(write, entry.tenant, text.trunk).await?;
    let Some(queue) = queue else { return Ok(()) };
    let new = NewItem {
        channel: Channel::Sms,
        queue,
        external_id: Some(text.id.to_string()),
        address: String::new(),
        subject: String::new(),
        content: text.text.0.clone(),
        priority: 0,
        received_at: Some(entry.at),
        order: None,
    };
    let by = By::system("switch", entry.at);
    // The switch has made the number a normal one.
    let address = text.from.normal.clone();
    let made = checked(entry.tenant, &by, &new, "");
    let made = made.map(|item| Item { address, trunk: Some(text.trunk), ..item });
    take_in(write, &by, made).await
}

/// What became of a text that went out, where it is a reply.
pub(crate) async fn came_of(
    write: &mut Write,
    tenant: TenantId,
    text: TextId,
    (state, status): (TextState, Option<u16>),
) -> Result<()> {
    let Some((delivery, problem)) = outcome(state, status) else { return Ok(()) };
    let doing = write.doing;
    sql::query(
        "UPDATE item_steps SET delivery = $3, problem = $4
         WHERE tenant_id = $1 AND text_id = $2 AND delivery IN ('sending', 'uncertain')",
    )
    .bind(tenant.0 as i64)
    .bind(text.0 as i64)
    .bind(delivery.as_str())
    .bind(problem)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

/// For people; none while nothing came of it.
fn outcome(state: TextState, status: Option<u16>) -> Option<(ReplyDelivery, String)> {
    let of = |delivery, problem: &str| Some((delivery, problem.to_owned()));
    match (state, status) {
        (TextState::Received | TextState::Sending, _) => None,
        (TextState::Taken, _) => of(ReplyDelivery::Sent, ""),
        (TextState::Refused, Some(status)) => {
            of(ReplyDelivery::Failed, &format!("the trunk did not take it: {status}"))
        }
        (TextState::Refused, None) => of(ReplyDelivery::Failed, "the trunk did not take it"),
        (TextState::NoTrunk, _) => of(ReplyDelivery::Failed, "the trunk is not there for it"),
        (TextState::Unanswered, _) => {
            of(ReplyDelivery::Uncertain, "the trunk did not answer; it may have been sent")
        }
        (TextState::Unknown, _) => of(ReplyDelivery::Uncertain, UNKNOWN),
    }
}

/// The switch began anew: nobody will say what came of those that were on their way.
pub(crate) async fn lost(write: &mut Write, at: Timestamp) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE item_steps SET delivery = 'uncertain', problem = $2
         WHERE text_id IS NOT NULL AND delivery = 'sending' AND at <= $1",
    )
    .bind(at.0)
    .bind(UNKNOWN)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

impl Store {
    /// The switch has the text of a reply, under this name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_reply_text(&self, tenant: TenantId, step: i64, text: TextId) -> Result<()> {
        let mut write = self.write("note a reply").await?;
        let doing = write.doing;
        sql::query("UPDATE item_steps SET text_id = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(step)
            .bind(text.0 as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        // The log may have said what came of it before anybody could note its name.
        let row = sql::query("SELECT state, status FROM texts WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(text.0 as i64)
            .fetch_optional(write.db())
            .await
            .during(doing)?;
        if let Some(row) = row {
            let state = TextState::stored(doing, row.get::<&str>("state"))?;
            let status = row.get::<Option<i64>>("status");
            let status = status.and_then(|status| u16::try_from(status).ok());
            came_of(&mut write, tenant, text, (state, status)).await?;
        }
        write.commit().await
    }

    /// The switch has no text of a reply, or whether it has is not known.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_reply_untexted(
        &self,
        tenant: TenantId,
        step: i64,
        (delivery, problem): (ReplyDelivery, &str),
    ) -> Result<()> {
        let mut write = self.write("note a reply").await?;
        let doing = write.doing;
        sql::query(
            "UPDATE item_steps SET delivery = $3, problem = $4
             WHERE tenant_id = $1 AND id = $2 AND text_id IS NULL",
        )
        .bind(tenant.0 as i64)
        .bind(step)
        .bind(delivery.as_str())
        .bind(audit::clean(problem))
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await
    }

    /// At a start: replies that were written down, and for whose texts the switch may have been asked, are
    /// uncertain.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn doubt_text_replies(&self) -> Result<()> {
        let mut write = self.write("note a reply").await?;
        let doing = write.doing;
        sql::query(
            "UPDATE item_steps SET delivery = 'uncertain', problem = $1
             WHERE delivery = 'sending' AND text_id IS NULL
             AND item_id IN (SELECT id FROM items WHERE trunk_id IS NOT NULL)",
        )
        .bind(UNKNOWN)
        .execute(write.db())
        .await
        .during(doing)?;
        write.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_sent_failed_or_uncertain_as_its_text_is() {
        let of = |state, status| outcome(state, status).map(|(delivery, _)| delivery);
        assert_eq!(of(TextState::Sending, None), None);
        assert_eq!(of(TextState::Taken, Some(202)), Some(ReplyDelivery::Sent));
        assert_eq!(of(TextState::NoTrunk, None), Some(ReplyDelivery::Failed));
        assert_eq!(of(TextState::Unanswered, None), Some(ReplyDelivery::Uncertain));
        assert_eq!(of(TextState::Unknown, None), Some(ReplyDelivery::Uncertain));
        let (delivery, problem) = outcome(TextState::Refused, Some(480)).unwrap();
        assert_eq!(delivery, ReplyDelivery::Failed);
        assert_eq!(problem, "the trunk did not take it: 480");
    }
}
