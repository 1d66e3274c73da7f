//! Four eyes on a flow: a draft is shown to somebody who did not write it before it answers calls.
//! An approval is for one revision; a change of the draft makes it worthless. A tenant with a single
//! administrator has nobody to ask: there a draft is published without.

use super::at_revision;
use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, id_opt, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, text, user, when};
use serde::{Deserialize, Serialize};
use terms::{FlowId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

text_enum! {
    /// Where a review stands.
    ReviewState, "state of a review" {
        /// Nobody has decided.
        Waiting = "waiting",
        /// The revision may be published.
        Approved = "approved",
        /// It may not.
        Rejected = "rejected",
        /// A later review took its place.
        Withdrawn = "withdrawn",
    }
}

/// A revision that was shown to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Review {
    /// Rises with time.
    pub id: i64,
    /// The draft's revision that is looked at.
    pub revision: i64,
    /// What it is about, in the words of who asked.
    pub note: String,
    /// When it was asked for.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub asked_by: Option<UserId>,
    /// Where it stands.
    pub state: ReviewState,
    /// Why, in the words of who decided.
    pub reason: String,
    /// When it was decided.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub decided_by: Option<UserId>,
}

/// What somebody says of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// It may be published.
    pub approve: bool,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

const COLUMNS: &str = "SELECT id, revision, note, asked_at, asked_by, state, reason, decided_at, decided_by FROM flow_reviews WHERE tenant_id = $1 AND flow_id = $2";

fn review(row: &DbRow) -> Result<Review> {
    Ok(Review {
        id: row.get("id"),
        revision: row.get("revision"),
        note: row.get("note"),
        asked_at: time(row, "asked_at"),
        asked_by: id_opt(row, "asked_by").map(UserId),
        state: ReviewState::stored("read a review", row.get("state"))?,
        reason: row.get("reason"),
        decided_at: time_opt(row, "decided_at"),
        decided_by: id_opt(row, "decided_by").map(UserId),
    })
}

impl Store {
    /// The reviews of a flow, the latest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn flow_reviews(&self, tenant: TenantId, flow_id: FlowId) -> Result<Vec<Review>> {
        self.flow(tenant, flow_id).await?;
        sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY id DESC LIMIT 1000")))
            .bind(tenant.0 as i64)
            .bind(flow_id.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list the reviews of a flow")?
            .iter()
            .map(review)
            .collect()
    }

    /// Asks for a review of the draft at `revision`. One that waits is withdrawn.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Refused`] when the draft was changed since.
    pub async fn ask_flow_review(
        &self,
        tenant: TenantId,
        by: &By,
        flow_id: FlowId,
        revision: i64,
        note: &str,
    ) -> Result<Review> {
        let note = text::line("note", note)?;
        let mut write = self.write("ask for a review").await?;
        at_revision(&mut write, tenant, flow_id, revision).await?;
        withdraw(&mut write, tenant, by, flow_id).await?;
        let made = Review {
            id: write.next_id("flow_review").await?,
            revision,
            note,
            asked_at: by.at,
            asked_by: by.user,
            state: ReviewState::Waiting,
            reason: String::new(),
            decided_at: None,
            decided_by: None,
        };
        sql::query(
            "INSERT INTO flow_reviews
             (id, tenant_id, flow_id, revision, note, asked_at, asked_by, state, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')",
        )
        .bind(made.id)
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .bind(revision)
        .bind(&made.note)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .bind(made.state.as_str())
        .execute(write.db())
        .await
        .during("ask for a review")?;
        write.audit(tenant, by, "flow.review", format!("{flow_id} revision {revision}")).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Approves or rejects. Who wrote the draft, or asked, may only reject, unless nobody else could.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the flow or the review, [`Error::Refused`] when it is decided already,
    /// the draft was changed since, or it is one's own.
    pub async fn decide_flow_review(
        &self,
        tenant: TenantId,
        by: &By,
        flow_id: FlowId,
        review_id: i64,
        decision: &Decision,
    ) -> Result<Review> {
        let reason = text::line("reason", &decision.reason)?;
        let mut write = self.write("decide a review").await?;
        let found = one(&mut write, tenant, flow_id, review_id).await?;
        if found.state != ReviewState::Waiting {
            return Err(Error::Refused(format!("this review is {} already", found.state.as_str())));
        }
        let (state, action) = if decision.approve {
            at_revision(&mut write, tenant, flow_id, found.revision).await?;
            stranger(&mut write, tenant, by, flow_id, &found).await?;
            (ReviewState::Approved, "flow.approve")
        } else {
            (ReviewState::Rejected, "flow.reject")
        };
        sql::query(
            "UPDATE flow_reviews SET state = $4, reason = $5, decided_at = $6, decided_by = $7
             WHERE tenant_id = $1 AND flow_id = $2 AND id = $3",
        )
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .bind(review_id)
        .bind(state.as_str())
        .bind(&reason)
        .bind(by.at.0)
        .bind(by.user.map(|user| user.0 as i64))
        .execute(write.db())
        .await
        .during("decide a review")?;
        let subject = format!("{flow_id} revision {}", found.revision);
        write.audit(tenant, by, action, subject).await?;
        write.commit().await?;
        Ok(Review { state, reason, decided_at: Some(by.at), decided_by: by.user, ..found })
    }
}

async fn one(
    write: &mut Write,
    tenant: TenantId,
    flow_id: FlowId,
    review_id: i64,
) -> Result<Review> {
    let doing = write.doing;
    let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $3")))
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .bind(review_id)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    review(&row.ok_or_else(|| Error::not_found("review", review_id))?)
}

async fn withdraw(write: &mut Write, tenant: TenantId, by: &By, flow_id: FlowId) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE flow_reviews SET state = 'withdrawn', decided_at = $3, decided_by = $4
         WHERE tenant_id = $1 AND flow_id = $2 AND state = 'waiting'",
    )
    .bind(tenant.0 as i64)
    .bind(flow_id.0 as i64)
    .bind(by.at.0)
    .bind(by.user.map(|user| user.0 as i64))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

/// Refuses who wrote a part of what is new since the last publishing, and who asked.
async fn stranger(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    flow_id: FlowId,
    review: &Review,
) -> Result<()> {
    if !needs_two(write, tenant).await? {
        return Ok(());
    }
    let doing = write.doing;
    let own = by.user.map(|user| user.0 as i64);
    let wrote: i64 = sql::query_scalar(
        "SELECT COUNT(*) FROM flow_edits
         WHERE tenant_id = $1 AND flow_id = $2 AND edited_by = $3 AND revision <= $4
         AND revision > (SELECT COALESCE(MAX(revision), 0) FROM flow_versions
                         WHERE tenant_id = $1 AND flow_id = $2)",
    )
    .bind(tenant.0 as i64)
    .bind(flow_id.0 as i64)
    .bind(own)
    .bind(review.revision)
    .fetch_one(write.db())
    .await
    .during(doing)?;
    if wrote > 0 || by.user.is_none() || by.user == review.asked_by {
        return Err(Error::Refused(
            "who wrote a draft or asked for its review does not approve it; ask somebody else"
                .into(),
        ));
    }
    Ok(())
}

/// Whether there is a second administrator to ask.
async fn needs_two(write: &mut Write, tenant: TenantId) -> Result<bool> {
    Ok(user::administrators(write, tenant).await? > 1)
}

/// Who approved the draft at `revision`; refuses when somebody had to and nobody did.
pub(super) async fn approval(
    write: &mut Write,
    tenant: TenantId,
    flow_id: FlowId,
    revision: i64,
) -> Result<Option<UserId>> {
    let doing = write.doing;
    let row = sql::query(
        "SELECT decided_by FROM flow_reviews
         WHERE tenant_id = $1 AND flow_id = $2 AND revision = $3 AND state = 'approved'
         ORDER BY id DESC LIMIT 1",
    )
    .bind(tenant.0 as i64)
    .bind(flow_id.0 as i64)
    .bind(revision)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    if row.is_none() && needs_two(write, tenant).await? {
        return Err(Error::Refused(
            "this revision is not approved: somebody who did not write it has to approve it first"
                .into(),
        ));
    }
    Ok(row.and_then(|row| id_opt(&row, "decided_by")).map(UserId))
}

/// Notes who wrote a revision.
pub(super) async fn note_edit(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    flow_id: FlowId,
    revision: i64,
) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "INSERT INTO flow_edits (tenant_id, flow_id, revision, edited_at, edited_by)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(tenant.0 as i64)
    .bind(flow_id.0 as i64)
    .bind(revision)
    .bind(by.at.0)
    .bind(by.user.map(|user| user.0 as i64))
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}
