//! IVR flows: a draft that people work on, and published versions that never change. Going back
//! publishes an old document again under a new version, so that versions only rise and every call
//! record names what it ran.
//!
//! desk does not know what a flow means: whoever publishes has the document checked first and
//! names the draft's revision that was checked, so that nothing unchecked slips in between.

mod review;

pub use review::{Decision, Review, ReviewState};

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, document, id, id_opt, time};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use terms::{FlowId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Flows of one tenant.
pub const FLOWS_MAX: i64 = 500;
/// Longest document in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 512 << 10;

/// A flow with its draft.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Flow {
    /// Its id.
    #[schema(value_type = String)]
    pub id: FlowId,
    /// Its name.
    pub name: String,
    /// The document that people work on.
    #[schema(value_type = Object)]
    pub draft: Value,
    /// Rises with every change of the draft.
    pub revision: i64,
    /// The draft was changed.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// The version that answers calls; none before the first publishing.
    pub published_version: Option<u32>,
}

/// A draft of a flow.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// The JSON graph.
    #[schema(value_type = Object)]
    pub document: Value,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FlowVersion {
    /// From 1.
    pub version: u32,
    /// The JSON graph.
    #[schema(value_type = Object)]
    pub document: Value,
    /// What changed, in the publisher's words.
    pub note: String,
    /// Set when it is an older version again.
    pub rolled_back_to: Option<u32>,
    /// When.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub published_by: Option<UserId>,
    /// Who looked at it before; none where nobody had to.
    #[schema(value_type = Option<String>)]
    pub approved_by: Option<UserId>,
}

fn document_text(document: &Value) -> Result<String> {
    let text = document.to_string();
    if !document.is_object() {
        return Err(Error::invalid("document", "a flow is a JSON object"));
    }
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Error::invalid(
            "document",
            format!("{} bytes; at most {DOCUMENT_BYTES_MAX} are kept", text.len()),
        ));
    }
    Ok(text)
}

const COLUMNS: &str = "SELECT id, name, draft, revision, changed_at, published_version FROM flows WHERE tenant_id = $1";

fn flow(row: &DbRow) -> Result<Flow> {
    Ok(Flow {
        id: FlowId(id(row, "id")),
        name: row.get("name"),
        draft: document(row, "draft", "read a flow", "flow")?,
        revision: row.get("revision"),
        changed_at: time(row, "changed_at"),
        published_version: id_opt(row, "published_version").map(|version| version as u32),
    })
}

impl Store {
    /// The flows of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn flows(&self, tenant: TenantId) -> Result<Vec<Flow>> {
        sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY id LIMIT 500")))
            .bind(tenant.0 as i64)
            .fetch_all(self.reader())
            .await
            .during("list flows")?
            .iter()
            .map(flow)
            .collect()
    }

    /// One flow.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn flow(&self, tenant: TenantId, flow_id: FlowId) -> Result<Flow> {
        let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $2")))
            .bind(tenant.0 as i64)
            .bind(flow_id.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a flow")?;
        flow(&row.ok_or_else(|| Error::not_found("flow", flow_id))?)
    }

    /// The published versions of a flow, the latest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn flow_history(
        &self,
        tenant: TenantId,
        flow_id: FlowId,
    ) -> Result<Vec<FlowVersion>> {
        self.flow(tenant, flow_id).await?;
        sql::query(
            "SELECT version, document, note, rolled_back_to, published_at, published_by, approved_by
             FROM flow_versions WHERE tenant_id = $1 AND flow_id = $2
             ORDER BY version DESC LIMIT 1000",
        )
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list the versions of a flow")?
        .iter()
        .map(version)
        .collect()
    }

    /// One published version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the flow or the version.
    pub async fn flow_version(
        &self,
        tenant: TenantId,
        flow_id: FlowId,
        number: u32,
    ) -> Result<FlowVersion> {
        let row = sql::query(
            "SELECT version, document, note, rolled_back_to, published_at, published_by, approved_by
             FROM flow_versions WHERE tenant_id = $1 AND flow_id = $2 AND version = $3",
        )
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .bind(i64::from(number))
        .fetch_optional(self.reader())
        .await
        .during("read a version of a flow")?;
        version(&row.ok_or_else(|| Error::not_found("version", number))?)
    }

    /// Makes a flow with a draft; nothing answers calls yet.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`].
    pub async fn create_flow(&self, tenant: TenantId, by: &By, draft: &FlowDraft) -> Result<Flow> {
        let mut write = self.write("create a flow").await?;
        let flow_id = insert(&mut write, tenant, by, draft).await?;
        write.commit().await?;
        self.flow(tenant, flow_id).await
    }

    /// Replaces the draft. `revision` is the one that the writer has read.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Refused`] when somebody else changed it.
    pub async fn change_flow(
        &self,
        tenant: TenantId,
        by: &By,
        flow_id: FlowId,
        revision: i64,
        draft: &FlowDraft,
    ) -> Result<Flow> {
        let document = document_text(&draft.document)?;
        let name = text::name("name", &draft.name)?;
        let mut write = self.write("change a flow").await?;
        at_revision(&mut write, tenant, flow_id, revision).await?;
        sql::query(
            "UPDATE flows SET name = $3, draft = $4, revision = revision + 1, changed_at = $5
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .bind(name)
        .bind(document)
        .bind(by.at.0)
        .execute(write.db())
        .await
        .during("change a flow")?;
        review::note_edit(&mut write, tenant, by, flow_id, revision + 1).await?;
        write.audit(tenant, by, "flow.change", flow_id).await?;
        write.commit().await?;
        self.flow(tenant, flow_id).await
    }

    /// Publishes the draft at `revision`, which was checked. Calls that come in afterwards run it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Refused`] when the draft was changed since, or nobody approved
    /// it who had to.
    pub async fn publish_flow(
        &self,
        tenant: TenantId,
        by: &By,
        flow_id: FlowId,
        revision: i64,
        note: &str,
    ) -> Result<FlowVersion> {
        let mut write = self.write("publish a flow").await?;
        let flow = at_revision(&mut write, tenant, flow_id, revision).await?;
        let approved_by = review::approval(&mut write, tenant, flow_id, revision).await?;
        let origin = Origin::Draft { approved_by };
        let version = insert_version(&mut write, tenant, by, &flow, note, origin).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(version)
    }

    /// Publishes an older version again, under a new number.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the flow or the version.
    pub async fn roll_back_flow(
        &self,
        tenant: TenantId,
        by: &By,
        flow_id: FlowId,
        to: u32,
    ) -> Result<FlowVersion> {
        let flow = self.flow(tenant, flow_id).await?;
        let mut write = self.write("roll a flow back").await?;
        let row = sql::query(
            "SELECT version, document, note, rolled_back_to, published_at, published_by, approved_by
             FROM flow_versions WHERE tenant_id = $1 AND flow_id = $2 AND version = $3",
        )
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .bind(i64::from(to))
        .fetch_optional(write.db())
        .await
        .during("roll a flow back")?;
        let old = version(&row.ok_or_else(|| Error::not_found("version", to))?)?;
        let note = old.note.clone();
        let made =
            insert_version(&mut write, tenant, by, &flow, &note, Origin::Version(old)).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(made)
    }

    /// What answers calls now: (flow, name, version, document).
    pub(crate) async fn published_flows(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<terms::routing::Flow>> {
        sql::query(
            "SELECT f.id, f.name, v.version, v.document FROM flows f
             JOIN flow_versions v ON v.flow_id = f.id AND v.version = f.published_version
             WHERE f.tenant_id = $1 ORDER BY f.id LIMIT 500",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("read published flows")?
        .iter()
        .map(|row| {
            Ok(terms::routing::Flow {
                id: FlowId(id(row, "id")),
                name: row.get("name"),
                version: id(row, "version") as u32,
                document: document(row, "document", "read published flows", "flow")?,
            })
        })
        .collect()
    }
}

fn version(row: &DbRow) -> Result<FlowVersion> {
    Ok(FlowVersion {
        version: id(row, "version") as u32,
        document: document(row, "document", "read a version of a flow", "flow")?,
        note: row.get("note"),
        rolled_back_to: id_opt(row, "rolled_back_to").map(|version| version as u32),
        published_at: time(row, "published_at"),
        published_by: id_opt(row, "published_by").map(UserId),
        approved_by: id_opt(row, "approved_by").map(UserId),
    })
}

async fn at_revision(
    write: &mut Write,
    tenant: TenantId,
    flow_id: FlowId,
    revision: i64,
) -> Result<Flow> {
    let doing = write.doing;
    let row = sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $2")))
        .bind(tenant.0 as i64)
        .bind(flow_id.0 as i64)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    let flow = flow(&row.ok_or_else(|| Error::not_found("flow", flow_id))?)?;
    if flow.revision != revision {
        return Err(Error::Refused(format!(
            "the draft is at revision {}, not {revision}: somebody changed it; read it again",
            flow.revision
        )));
    }
    Ok(flow)
}

pub(crate) async fn insert(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    draft: &FlowDraft,
) -> Result<FlowId> {
    let document = document_text(&draft.document)?;
    let name = text::name("name", &draft.name)?;
    write.room_for(tenant, "SELECT COUNT(*) FROM flows WHERE tenant_id = $1", FLOWS_MAX).await?;
    let flow_id = FlowId(write.next_id("flow").await? as u64);
    let doing = write.doing;
    sql::query(
        "INSERT INTO flows (id, tenant_id, name, draft, revision, changed_at)
         VALUES ($1, $2, $3, $4, 1, $5)",
    )
    .bind(flow_id.0 as i64)
    .bind(tenant.0 as i64)
    .bind(name)
    .bind(document)
    .bind(by.at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    review::note_edit(write, tenant, by, flow_id, 1).await?;
    write.audit(tenant, by, "flow.create", flow_id).await?;
    Ok(flow_id)
}

/// Publishes the first version of a flow that was just made.
pub(crate) async fn publish_first(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    flow_id: FlowId,
) -> Result<()> {
    let flow = at_revision(write, tenant, flow_id, 1).await?;
    let origin = Origin::Draft { approved_by: None };
    insert_version(write, tenant, by, &flow, "", origin).await.map(drop)
}

/// What is published.
enum Origin {
    /// The draft as it is.
    Draft { approved_by: Option<UserId> },
    /// An older version again.
    Version(FlowVersion),
}

async fn insert_version(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    flow: &Flow,
    note: &str,
    origin: Origin,
) -> Result<FlowVersion> {
    let (document, revision, rolled_back_to, approved_by) = match origin {
        Origin::Draft { approved_by } => {
            (flow.draft.clone(), Some(flow.revision), None, approved_by)
        }
        Origin::Version(old) => (old.document, None, Some(old.version), old.approved_by),
    };
    let doing = write.doing;
    let last: Option<i64> = sql::query_scalar(
        "SELECT MAX(version) FROM flow_versions WHERE tenant_id = $1 AND flow_id = $2",
    )
    .bind(tenant.0 as i64)
    .bind(flow.id.0 as i64)
    .fetch_one(write.db())
    .await
    .during(doing)?;
    let made = FlowVersion {
        version: last.unwrap_or(0) as u32 + 1,
        document,
        note: text::line("note", note)?,
        rolled_back_to,
        published_at: by.at,
        published_by: by.user,
        approved_by,
    };
    sql::query(
        "INSERT INTO flow_versions
         (tenant_id, flow_id, version, document, note, rolled_back_to, published_at, published_by,
          revision, approved_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tenant.0 as i64)
    .bind(flow.id.0 as i64)
    .bind(i64::from(made.version))
    .bind(made.document.to_string())
    .bind(&made.note)
    .bind(rolled_back_to.map(i64::from))
    .bind(by.at.0)
    .bind(by.user.map(|user| user.0 as i64))
    .bind(revision)
    .bind(approved_by.map(|user| user.0 as i64))
    .execute(write.db())
    .await
    .during(doing)?;
    sql::query("UPDATE flows SET published_version = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.0 as i64)
        .bind(flow.id.0 as i64)
        .bind(i64::from(made.version))
        .execute(write.db())
        .await
        .during(doing)?;
    let action = if rolled_back_to.is_some() { "flow.roll_back" } else { "flow.publish" };
    write.audit(tenant, by, action, format!("{} version {}", flow.id, made.version)).await?;
    Ok(made)
}
