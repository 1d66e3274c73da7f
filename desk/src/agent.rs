//! Agents: people who answer calls, their phones, and the queues they serve. An agent is a user
//! with a phone; both have one id. The phone's password is kept as HA1 only.

use crate::audit::By;
use crate::calling::{self, CallingBar, CallingRight};
use crate::error::During;
use crate::queue::Seat;
use crate::ringing::{self, Ringing};
use crate::secret::{Secret, generated_password, ha1};
use crate::skill::Skill;
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::user::NewUser;
use crate::{Error, Result, Role, Store, site, text};
use serde::{Deserialize, Serialize};
use terms::routing::{Bar, PhoneSettings};
use terms::{AgentId, QueueId, TenantId};
use utoipa::ToSchema;

/// Agents of one tenant.
pub const AGENTS_MAX: i64 = 10_000;

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Agent {
    /// Their id, also that of their user.
    #[schema(value_type = String)]
    pub id: AgentId,
    /// 工号, shown on reports.
    pub number: String,
    /// Their name.
    pub name: String,
    /// SIP user of their phone, also their short number.
    pub sip_user: String,
    /// The queues they serve.
    #[schema(value_type = Vec<String>)]
    pub queues: Vec<QueueId>,
    /// May pick up what rings at anybody's phone; else at those of who serve a queue together with
    /// them.
    pub pickup_any: bool,
    /// What they can do.
    pub skills: Vec<Skill>,
    /// What they may call outside.
    pub calling: CallingRight,
    /// They are kept from calling out; null where they are not.
    pub barred: Option<CallingBar>,
    /// How their phone is rung.
    pub ringing: Ringing,
    /// They have a PIN with which they sign in at the phones of others.
    pub has_pin: bool,
}

/// An agent to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// 工号, 2–12 digits; also their login and the SIP user of their phone.
    pub number: String,
    /// Their name.
    pub name: String,
    /// The queues they serve.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub queues: Vec<QueueId>,
}

/// A phone, for the plan: its HA1, what was set for it, and whether it may call out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Phone {
    pub(crate) ha1_md5: String,
    pub(crate) ha1_sha256: String,
    pub(crate) settings: PhoneSettings,
    pub(crate) bar: Bar,
    pub(crate) sign_in_pin: String,
}

fn agent(row: &DbRow, members: &[(QueueId, AgentId)]) -> Result<Agent> {
    let agent_id = AgentId(id(row, "id"));
    Ok(Agent {
        id: agent_id,
        number: row.get("number"),
        name: row.get("name"),
        sip_user: row.get("sip_user"),
        queues: members.iter().filter(|(_, a)| *a == agent_id).map(|(queue, _)| *queue).collect(),
        pickup_any: row.get("pickup_any"),
        skills: document(row, "skills", "read an agent", "agent")?,
        calling: calling::right(row)?,
        barred: calling::barred(row)?,
        ringing: ringing::ringing(row)?,
        has_pin: !row.get::<&str>("sign_in_pin").is_empty(),
    })
}

fn phone(row: &DbRow) -> Result<Phone> {
    Ok(Phone {
        ha1_md5: row.get("ha1_md5"),
        ha1_sha256: row.get("ha1_sha256"),
        settings: calling::settings(row)?,
        bar: calling::bar(row),
        sign_in_pin: row.get("sign_in_pin"),
    })
}

impl Store {
    /// The agents of a tenant who may sign in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn agents(&self, tenant: TenantId) -> Result<Vec<Agent>> {
        Ok(self.agents_with_phones(tenant).await?.into_iter().map(|(agent, _)| agent).collect())
    }

    pub(crate) async fn agents_with_phones(&self, tenant: TenantId) -> Result<Vec<(Agent, Phone)>> {
        let members: Vec<(QueueId, AgentId)> = sql::query(
            "SELECT queue_id, agent_id FROM queue_agents WHERE tenant_id = $1
             ORDER BY agent_id, queue_id",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list agents")?
        .iter()
        .map(|row| (QueueId(id(row, "queue_id")), AgentId(id(row, "agent_id"))))
        .collect();
        let rows = sql::query(
            "SELECT a.id, a.number, u.name, a.sip_user, a.ha1_md5, a.ha1_sha256,
                    a.pickup_any, a.skills, a.calling, a.barred, a.barred_at, a.barred_for,
                    a.do_not_disturb, a.forwarding, a.phone_set_at, a.ringing,
                    a.sign_in_pin
             FROM agents a JOIN users u ON u.id = a.id
             WHERE a.tenant_id = $1 AND u.disabled_at IS NULL ORDER BY a.number LIMIT 10000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list agents")?;
        rows.iter().map(|row| Ok((agent(row, &members)?, phone(row)?))).collect()
    }

    /// One agent.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn agent(&self, tenant: TenantId, agent_id: AgentId) -> Result<Agent> {
        let all = self.agents(tenant).await?;
        all.into_iter()
            .find(|agent| agent.id == agent_id)
            .ok_or_else(|| Error::not_found("agent", agent_id))
    }

    /// Makes an agent with a user of the same login. The password for both the phone and the
    /// first sign-in is generated, given once, and never kept.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::NotFound`] for a queue.
    pub async fn create_agent(
        &self,
        tenant: TenantId,
        by: &By,
        new: &NewAgent,
    ) -> Result<(Agent, Secret)> {
        let realm = self.tenant(tenant).await?.profile.realm;
        let password = generated_password();
        let hash = self.hashed(password.expose()).await?;
        let mut write = self.write("create an agent").await?;
        let made = insert(&mut write, tenant, by, new, &realm, &password, &hash).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok((made, password))
    }

    /// Gives an agent's phone a new password.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn renew_phone_password(
        &self,
        tenant: TenantId,
        by: &By,
        agent_id: AgentId,
    ) -> Result<Secret> {
        let realm = self.tenant(tenant).await?.profile.realm;
        let agent = self.agent(tenant, agent_id).await?;
        let password = generated_password();
        let (md5, sha256) = ha1(&agent.sip_user, &realm, password.expose());
        let mut write = self.write("renew a phone's password").await?;
        sql::query(
            "UPDATE agents SET ha1_md5 = $3, ha1_sha256 = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(agent_id.0 as i64)
        .bind(md5)
        .bind(sha256)
        .execute(write.db())
        .await
        .during("renew a phone's password")?;
        write.audit(tenant, by, "agent.phone_password", agent_id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(password)
    }

    /// Lets an agent pick up what rings at anybody's phone, or no longer.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_pickup_any(
        &self,
        tenant: TenantId,
        by: &By,
        agent_id: AgentId,
        any: bool,
    ) -> Result<Agent> {
        let mut agent = self.agent(tenant, agent_id).await?;
        let mut write = self.write("change whose calls an agent may pick up").await?;
        sql::query("UPDATE agents SET pickup_any = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(agent_id.0 as i64)
            .bind(any)
            .execute(write.db())
            .await
            .during("change whose calls an agent may pick up")?;
        let subject = format!("{agent_id} {any}");
        write.audit(tenant, by, "agent.pickup_any", subject).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        agent.pickup_any = any;
        Ok(agent)
    }
}

#[allow(clippy::too_many_arguments)]
pub(crate) async fn insert(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    new: &NewAgent,
    realm: &str,
    password: &Secret,
    hash: &str,
) -> Result<Agent> {
    let fits =
        (2..=12).contains(&new.number.len()) && new.number.bytes().all(|b| b.is_ascii_digit());
    if !fits {
        return Err(Error::invalid("number", "2-12 digits are needed, such as 1001"));
    }
    site::spare(write, tenant, "number", &new.number).await?;
    write.room_for(tenant, "SELECT COUNT(*) FROM agents WHERE tenant_id = $1", AGENTS_MAX).await?;
    let person = NewUser {
        login: new.number.clone(),
        name: text::name("name", &new.name)?,
        role: Role::Agent,
        password: String::new(),
    };
    let user = crate::user::insert(write, tenant, by, &person, hash).await?;
    let made = Agent {
        id: AgentId(user.id.0),
        number: new.number.clone(),
        name: user.name,
        sip_user: new.number.clone(),
        queues: new.queues.clone(),
        pickup_any: false,
        skills: Vec::new(),
        calling: CallingRight::default(),
        barred: None,
        ringing: Ringing::default(),
        has_pin: false,
    };
    let (md5, sha256) = ha1(&made.sip_user, realm, password.expose());
    let doing = write.doing;
    sql::query(
        "INSERT INTO agents (id, tenant_id, number, sip_user, ha1_md5, ha1_sha256)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(made.id.0 as i64)
    .bind(tenant.0 as i64)
    .bind(&made.number)
    .bind(&made.sip_user)
    .bind(md5)
    .bind(sha256)
    .execute(write.db())
    .await
    .during(doing)?;
    for queue in &new.queues {
        crate::queue::join(write, tenant, *queue, Seat::usual(made.id)).await?;
    }
    write.audit(tenant, by, "agent.create", &made.number).await?;
    Ok(made)
}

pub(crate) async fn exists(write: &mut Write, tenant: TenantId, agent_id: AgentId) -> Result<()> {
    let select = "SELECT 1 FROM agents WHERE tenant_id = $1 AND id = $2";
    let found = write.has(tenant, select, agent_id.0).await?;
    if found { Ok(()) } else { Err(Error::not_found("agent", agent_id)) }
}
