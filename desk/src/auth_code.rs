//! Authorisation codes of phones and apps. The short number and its password register the phone on an
//! agent's desk; a code registers one more phone or app of theirs, from anywhere, under a name of its
//! own. It is shown once and kept as HA1 only. Taken back, whatever registered with it is registered no
//! more; the short number, and what is published of it, stay as they are.

use crate::audit::By;
use crate::error::During;
use crate::secret::{Secret, generated_password, ha1, hex, random};
use crate::sql;
use crate::store::{DbRow, id, id_opt, time};
use crate::{Error, Result, Store, text, when};
use serde::Serialize;
use std::collections::HashMap;
use terms::routing;
use terms::{AgentId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Codes of one agent: as many as phones may be registered.
pub const CODES_MAX: usize = 5;

/// A code, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PhoneAuthCode)]
pub struct AuthCode {
    /// Names it for taking it back.
    pub id: i64,
    /// Whose phone.
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// Which phone or app, in people's words.
    pub name: String,
    /// The user that the phone proves itself by; it registers the agent's short number.
    pub user: String,
    /// When it was made.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<UserId>,
}

fn code(row: &DbRow) -> AuthCode {
    AuthCode {
        id: row.get("id"),
        agent: AgentId(id(row, "agent_id")),
        name: row.get("name"),
        user: row.get("sip_user"),
        created_at: time(row, "created_at"),
        created_by: id_opt(row, "created_by").map(UserId),
    }
}

impl Store {
    /// The codes of an agent, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the agent.
    pub async fn auth_codes(&self, tenant: TenantId, agent: AgentId) -> Result<Vec<AuthCode>> {
        self.agent(tenant, agent).await?;
        let rows = sql::query(
            "SELECT id, agent_id, name, sip_user, created_at, created_by FROM auth_codes
             WHERE tenant_id = $1 AND agent_id = $2 ORDER BY id",
        )
        .bind(tenant.0 as i64)
        .bind(agent.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list authorisation codes")?;
        Ok(rows.iter().map(code).collect())
    }

    /// Issues a code for one more phone or app of an agent. The secret is given once.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the agent, [`Error::Invalid`] for the name, [`Error::Refused`] where
    /// there are too many.
    pub async fn issue_auth_code(
        &self,
        tenant: TenantId,
        by: &By,
        agent: AgentId,
        name: &str,
    ) -> Result<(AuthCode, Secret)> {
        let name = text::name("name", name)?;
        let realm = self.tenant(tenant).await?.profile.realm;
        let short_number = self.agent(tenant, agent).await?.sip_user;
        let user = format!("{short_number}-{}", hex(&random::<4>()));
        let secret = generated_password();
        let (md5, sha256) = ha1(&user, &realm, secret.expose());
        let doing = "issue an authorisation code";
        let mut write = self.write(doing).await?;
        let have: i64 = sql::query_scalar(
            "SELECT COUNT(*) FROM auth_codes WHERE tenant_id = $1 AND agent_id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(agent.0 as i64)
        .fetch_one(write.db())
        .await
        .during(doing)?;
        if have >= CODES_MAX as i64 {
            let why = format!("an agent has at most {CODES_MAX} codes; take one back first");
            return Err(Error::Refused(why));
        }
        let made = AuthCode {
            id: write.next_id("authorisation code").await?,
            agent,
            name,
            user,
            created_at: by.at,
            created_by: by.user,
        };
        sql::query(
            "INSERT INTO auth_codes
             (id, tenant_id, agent_id, name, sip_user, ha1_md5, ha1_sha256, created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(made.id)
        .bind(tenant.0 as i64)
        .bind(agent.0 as i64)
        .bind(&made.name)
        .bind(&made.user)
        .bind(md5)
        .bind(sha256)
        .bind(made.created_at.0)
        .bind(made.created_by.map(|user| user.0 as i64))
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "auth_code.issue", &made.user).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok((made, secret))
    }

    /// Takes a code back: what registered with it is registered no more.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_auth_code(&self, tenant: TenantId, by: &By, code: i64) -> Result<()> {
        let mut write = self.write("take an authorisation code back").await?;
        let delete = "DELETE FROM auth_codes WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("authorisation code", code as u64)).await?;
        write.audit(tenant, by, "auth_code.revoke", code).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// All codes, by agent, as the plan has them.
    pub(crate) async fn auth_codes_for_plan(
        &self,
        tenant: TenantId,
    ) -> Result<HashMap<AgentId, Vec<routing::AuthCode>>> {
        let rows = sql::query(
            "SELECT agent_id, sip_user, ha1_md5, ha1_sha256 FROM auth_codes
             WHERE tenant_id = $1 ORDER BY id",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list authorisation codes")?;
        let mut codes: HashMap<AgentId, Vec<routing::AuthCode>> = HashMap::new();
        for row in &rows {
            let code = routing::AuthCode {
                user: row.get("sip_user"),
                ha1_md5: row.get("ha1_md5"),
                ha1_sha256: row.get("ha1_sha256"),
            };
            codes.entry(AgentId(id(row, "agent_id"))).or_default().push(code);
        }
        Ok(codes)
    }
}
