//! What agents may call outside, who is kept from it, and what agents set for their phones. People
//! decide about rights; bars and settings arise in the switch, and the store follows its event log
//! ([`Store::keep_calling`]), so that they are there after every start.

use crate::agent::Agent;
use crate::audit::By;
use crate::error::During;
use crate::setting::Setting;
use crate::sql;
use crate::store::{DbRow, Write, document, id, time};
use crate::{Error, Result, Store, when};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use terms::event::{Calling, CallingLimit, Entry, Forwarding, InCalling, Kind};
use terms::routing::{self, NumberClass, NumberPrefix, PREFIXES_MAX, PhoneSettings};
use terms::{AgentId, TenantId, Timestamp};
use utoipa::ToSchema;

/// Most digits of a prefix: those of a number with its country code (ITU-T E.164 §6.1).
const PREFIX_DIGITS_MAX: usize = 15;
/// Who writes what the switch says.
const SWITCH: &str = "switch";
/// How far the event log was followed.
const FOLLOWED: &str = "calling";
/// Where the rules of a tenant are kept.
const SETTING: Setting = Setting { column: "calling", what: "calling rule" };

/// What the agents of a tenant may call outside. Each class holds those before it: `internal`
/// (nothing outside), `local`, `national`, `international`, `premium`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallingRules {
    /// The dearest class that an agent without a right of their own may call; `national` when left
    /// out.
    #[serde(default)]
    #[schema(value_type = String)]
    pub dial: NumberClass,
    /// The dearest class that they may forward calls to; `national` when left out.
    #[serde(default)]
    #[schema(value_type = String)]
    pub forward: NumberClass,
    /// Classes of one's own; the longest prefix that fits a number decides.
    #[serde(default)]
    pub prefixes: Vec<CallingPrefix>,
    /// Who dials what they may not is answered and hears why; else their phone gets 403 and plays its
    /// tone for it.
    #[serde(default)]
    pub announce: bool,
    /// Agents without a right of their own may call other sites.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sites: bool,
}

/// Numbers that begin so are in this class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallingPrefix {
    /// As dialled, `020`, or with country code, `+8620`.
    pub prefix: String,
    /// `internal`, `local`, `national`, `international` or `premium`.
    #[schema(value_type = String)]
    pub class: NumberClass,
}

/// What one agent may call outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallingRight {
    /// The dearest class that they may call; null is the tenant's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub dial: Option<NumberClass>,
    /// The dearest class that they may forward calls to; null is the tenant's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub forward: Option<NumberClass>,
    /// They may come into conversations of others from their phone (Join, RFC 3911).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub join: bool,
    /// Whether they may call other sites; left out, it is the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<bool>,
    /// Whether they may take whom others have parked; left out, it is as the tenant says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<bool>,
}

/// An agent is kept from calling out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallingBar {
    /// Since then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was too much: `per_minute`, `at_once`, `destinations`, `length` or `refused`.
    #[schema(value_type = String)]
    pub limit: CallingLimit,
}

impl CallingRules {
    fn check(&self) -> Result<()> {
        if self.prefixes.len() > PREFIXES_MAX {
            let problem = format!("at most {PREFIXES_MAX} entries are kept");
            return Err(Error::invalid("prefixes", problem));
        }
        let mut seen = BTreeSet::new();
        for (n, CallingPrefix { prefix, .. }) in self.prefixes.iter().enumerate() {
            let digits = prefix.strip_prefix('+').unwrap_or(prefix);
            let fits = (1..=PREFIX_DIGITS_MAX).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit());
            if !fits {
                let problem = format!(
                    "entry {}: 1-{PREFIX_DIGITS_MAX} digits are needed, after + with country code",
                    n + 1
                );
                return Err(Error::invalid("prefixes", problem));
            }
            if !seen.insert(prefix) {
                return Err(Error::invalid("prefixes", "each prefix may stand once"));
            }
        }
        Ok(())
    }
}

impl From<CallingRules> for routing::CallingRules {
    fn from(rules: CallingRules) -> Self {
        let CallingRules { dial, forward, prefixes, announce, sites } = rules;
        let prefixes =
            prefixes.into_iter().map(|p| NumberPrefix { prefix: p.prefix, class: p.class });
        routing::CallingRules { dial, forward, prefixes: prefixes.collect(), announce, sites }
    }
}

impl Store {
    /// What the agents of a tenant may call outside.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn calling_rules(&self, tenant: TenantId) -> Result<CallingRules> {
        self.setting(tenant, SETTING, "read what may be called").await
    }

    /// Changes what the agents of a tenant may call outside.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn put_calling_rules(
        &self,
        tenant: TenantId,
        by: &By,
        rules: &CallingRules,
    ) -> Result<()> {
        rules.check()?;
        let mut write = self.write("change what may be called").await?;
        write.set(tenant, SETTING, &written(rules)).await?;
        let (dial, forward) = (written(&rules.dial), written(&rules.forward));
        let subject = format!("dial {dial}, forward {forward}, {} prefixes", rules.prefixes.len());
        write.audit(tenant, by, "calling_rules.change", subject).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// Gives an agent a right of their own, or takes it back.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_calling_right(
        &self,
        tenant: TenantId,
        by: &By,
        agent_id: AgentId,
        right: CallingRight,
    ) -> Result<Agent> {
        let mut agent = self.agent(tenant, agent_id).await?;
        let mut write = self.write("change what an agent may call").await?;
        sql::query("UPDATE agents SET calling = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(agent_id.0 as i64)
            .bind(written(&right))
            .execute(write.db())
            .await
            .during("change what an agent may call")?;
        let subject = format!("{agent_id} {}", written(&right));
        write.audit(tenant, by, "agent.calling_right", subject).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        agent.calling = right;
        Ok(agent)
    }

    /// Lets an agent call out again who was barred.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Refused`] where there is no bar.
    pub async fn lift_bar(&self, tenant: TenantId, by: &By, agent_id: AgentId) -> Result<Agent> {
        let mut agent = self.agent(tenant, agent_id).await?;
        let Some(barred) = agent.barred.take() else {
            return Err(Error::Refused("this agent is not barred from calling out".to_owned()));
        };
        // Of two words about one bar the later counts.
        let at = by.at.max(Timestamp(barred.at.0 + 1));
        let mut write = self.write("let an agent call out again").await?;
        sql::query(
            "UPDATE agents SET barred = FALSE, barred_at = $3 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(agent_id.0 as i64)
        .bind(at.0)
        .execute(write.db())
        .await
        .during("let an agent call out again")?;
        write.audit(tenant, by, "agent.bar_lifted", agent_id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(agent)
    }

    /// What an agent set for their phone.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn phone_settings(
        &self,
        tenant: TenantId,
        agent_id: AgentId,
    ) -> Result<PhoneSettings> {
        let row = sql::query(
            "SELECT do_not_disturb, forwarding, phone_set_at FROM agents
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(agent_id.0 as i64)
        .fetch_optional(self.reader())
        .await
        .during("read what an agent set")?
        .ok_or_else(|| Error::not_found("agent", agent_id))?;
        settings(&row)
    }

    /// The last entry of the event log that was kept; `None` before the first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn calling_kept(&self) -> Result<Option<u64>> {
        let row = sql::query("SELECT seq FROM followed WHERE name = $1")
            .bind(FOLLOWED)
            .fetch_optional(self.reader())
            .await
            .during("read how far the event log was followed")?;
        Ok(row.map(|row| id(&row, "seq")))
    }

    /// Keeps what these entries of the event log say about agents' calls and about messages, and that
    /// it was followed through `seq`. What is older than what is known changes nothing, so entries may
    /// come again.
    /// The switch works by what it says itself; where it may have begun anew since, `missed` has its
    /// plan told to it again.
    ///
    /// # Errors
    /// When the store does not answer; nothing was kept then.
    pub async fn keep_calling(&self, entries: &[Arc<Entry>], seq: u64, missed: bool) -> Result<()> {
        let mut write = self.write("keep what agents set").await?;
        let followed = followed(&mut write).await?;
        for entry in entries {
            crate::voicemail::keep(&mut write, entry).await?;
            crate::mailbox::keep(&mut write, entry).await?;
            crate::item::message::keep(&mut write, entry).await?;
            crate::order::lost::keep(self, &mut write, entry).await?;
            crate::order::message::keep(self, &mut write, entry).await?;
            crate::outgoing_fax::keep(&mut write, entry).await?;
            if followed.is_none_or(|seq| entry.seq > seq) {
                crate::lease::keep(&mut write, entry).await?;
                crate::outgoing_fax::asked::keep(&mut write, entry).await?;
                crate::texts::keep(&mut write, entry).await?;
                crate::mails::keep(&mut write, entry).await?;
                crate::item::fax::keep(&mut write, entry).await?;
            }
            let Kind::Calling(Calling { agent, what }) = &entry.kind else { continue };
            if followed.is_none_or(|seq| entry.seq > seq) {
                crate::sign_in_pin::keep(&mut write, entry, *agent, what).await?;
            }
            match what {
                InCalling::Set { do_not_disturb, forwarding } => {
                    let set = (*do_not_disturb, forwarding);
                    if keep_settings(&mut write, entry, *agent, set).await? && missed {
                        write.raise_plan(entry.tenant).await?;
                    }
                }
                InCalling::Barred { limit } => keep_bar(&mut write, entry, *agent, *limit).await?,
                InCalling::Refused { .. }
                | InCalling::Moved { .. }
                | InCalling::PinRefused { .. } => {}
            }
        }
        sql::query(
            "INSERT INTO followed (name, seq) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
        )
        .bind(FOLLOWED)
        .bind(seq as i64)
        .execute(write.db())
        .await
        .during("keep what agents set")?;
        write.commit().await
    }
}

/// Through which entry the event log was followed.
async fn followed(write: &mut Write) -> Result<Option<u64>> {
    let doing = write.doing;
    let row = sql::query("SELECT seq FROM followed WHERE name = $1")
        .bind(FOLLOWED)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    Ok(row.map(|row| id(&row, "seq")))
}

/// False where it was known, or something later.
async fn keep_settings(
    write: &mut Write,
    entry: &Entry,
    agent: AgentId,
    (do_not_disturb, forwarding): (bool, &Forwarding),
) -> Result<bool> {
    let doing = write.doing;
    let done = sql::query(
        "UPDATE agents SET do_not_disturb = $3, forwarding = $4, phone_set_at = $5
         WHERE tenant_id = $1 AND id = $2 AND phone_set_at < $5",
    )
    .bind(entry.tenant.0 as i64)
    .bind(agent.0 as i64)
    .bind(do_not_disturb)
    .bind(written(forwarding))
    .bind(entry.at.0)
    .execute(write.db())
    .await
    .during(doing)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let Forwarding { always, busy, no_answer, .. } = forwarding;
    let to = |target: &Option<String>| target.clone().unwrap_or_else(|| "-".to_owned());
    let subject = format!(
        "{agent} do_not_disturb {do_not_disturb}, forwards always {}, busy {}, no_answer {}",
        to(always),
        to(busy),
        to(no_answer)
    );
    let by = By::system(SWITCH, entry.at);
    write.audit(entry.tenant, &by, "agent.phone_settings", subject).await?;
    Ok(true)
}

async fn keep_bar(
    write: &mut Write,
    entry: &Entry,
    agent: AgentId,
    limit: CallingLimit,
) -> Result<()> {
    let doing = write.doing;
    let done = sql::query(
        "UPDATE agents SET barred = TRUE, barred_at = $3, barred_for = $4
         WHERE tenant_id = $1 AND id = $2 AND barred_at < $3",
    )
    .bind(entry.tenant.0 as i64)
    .bind(agent.0 as i64)
    .bind(entry.at.0)
    .bind(written(&limit))
    .execute(write.db())
    .await
    .during(doing)?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    let by = By::system(SWITCH, entry.at);
    let subject = format!("{agent} {}", written(&limit));
    write.audit(entry.tenant, &by, "agent.barred", subject).await?;
    write.raise_plan(entry.tenant).await
}

/// Of a row of `agents`.
pub(crate) fn settings(row: &DbRow) -> Result<PhoneSettings> {
    Ok(PhoneSettings {
        do_not_disturb: row.get("do_not_disturb"),
        forwarding: document(row, "forwarding", "read what an agent set", "forwarding")?,
        at: time(row, "phone_set_at"),
    })
}

/// Of a row of `agents`.
pub(crate) fn right(row: &DbRow) -> Result<CallingRight> {
    document(row, "calling", "read what an agent may call", "calling right")
}

/// Of a row of `agents`.
pub(crate) fn barred(row: &DbRow) -> Result<Option<CallingBar>> {
    let limit = document(row, "barred_for", "read why an agent is barred", "limit")?;
    let bar = CallingBar { at: time(row, "barred_at"), limit };
    Ok(row.get::<bool>("barred").then_some(bar))
}

/// Of a row of `agents`, for the plan.
pub(crate) fn bar(row: &DbRow) -> routing::Bar {
    routing::Bar { barred: row.get("barred"), at: time(row, "barred_at") }
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what is kept is always valid JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_digits_with_a_plus_before_them_or_not_and_stands_once() {
        let rules = |prefixes: &[&str]| CallingRules {
            prefixes: prefixes
                .iter()
                .map(|&prefix| CallingPrefix { prefix: prefix.into(), class: NumberClass::Local })
                .collect(),
            ..CallingRules::default()
        };
        assert!(rules(&["020", "+8620", "0"]).check().is_ok());
        for bad in ["", "+", "02x", "02 0", "0+20", "1234567890123456"] {
            let error = rules(&["020", bad]).check().unwrap_err().to_string();
            assert!(error.contains("entry 2"), "{bad}: {error}");
        }
        assert!(rules(&["020", "020"]).check().is_err());
        let many: Vec<String> = (0..=PREFIXES_MAX).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(rules(&many).check().is_err());
    }
}
