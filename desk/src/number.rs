//! Numbers that callers dial, and what answers them.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{Write, document, id};
use crate::{Error, Result, Store, hours, site};
use serde::{Deserialize, Serialize};
use terms::routing::{NUMBER_RULES_MAX, NumberRule, Target};
use terms::{NumberId, PhoneNumber, TenantId};
use utoipa::ToSchema;

/// Numbers of one tenant.
pub const NUMBERS_MAX: i64 = 10_000;

/// A dialled number.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Number {
    /// Its id.
    #[schema(value_type = String)]
    pub id: NumberId,
    /// As dialled and normalised; one number belongs to one tenant of the box.
    pub digits: String,
    /// What answers: `{"flow": "1"}`, `{"queue": "1"}`, `{"agent": "2"}`, `{"number": "1001"}`,
    /// `{"voicemail": "1"}`, `{"conference": "1"}`, `{"site": "1"}` or `"hangup"`.
    #[schema(value_type = Object)]
    pub target: Target,
    /// What answers calls from outside instead, by trunk and time; the first rule that fits decides:
    /// `{"trunk": "1", "hours": "office", "closed": true, "target": {"flow": "2"}}`.
    #[schema(value_type = Vec<Object>)]
    pub rules: Vec<NumberRule>,
}

/// A number to be, or as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberDraft {
    /// As dialled.
    pub digits: String,
    /// What answers: `{"flow": "1"}`, `{"queue": "1"}`, `{"agent": "2"}`, `{"number": "1001"}`,
    /// `{"voicemail": "1"}`, `{"conference": "1"}`, `{"site": "1"}` or `"hangup"`.
    #[schema(value_type = Object)]
    pub target: Target,
}

/// Refuses a target that is not the tenant's.
pub(crate) async fn check_target(
    write: &mut Write,
    tenant: TenantId,
    field: &'static str,
    target: &Target,
) -> Result<()> {
    let (select, id) = match target {
        Target::Flow(flow) => ("SELECT 1 FROM flows WHERE tenant_id = $1 AND id = $2", flow.0),
        Target::Queue(queue) | Target::Voicemail(queue) => {
            ("SELECT 1 FROM queues WHERE tenant_id = $1 AND id = $2", queue.0)
        }
        Target::Agent(agent) => ("SELECT 1 FROM agents WHERE tenant_id = $1 AND id = $2", agent.0),
        Target::Conference(conference) => {
            ("SELECT 1 FROM conferences WHERE tenant_id = $1 AND id = $2", conference.0)
        }
        Target::Site(site) => {
            ("SELECT 1 FROM sites WHERE tenant_id = $1 AND id = $2 AND number <> ''", site.0)
        }
        Target::Number(digits) => return dialable(field, digits),
        Target::Hangup => return Ok(()),
    };
    if write.has(tenant, select, id).await? {
        return Ok(());
    }
    if matches!(target, Target::Site(_)) {
        let problem = format!("there is no site {id} with a number of its own");
        return Err(Error::invalid(field, problem));
    }
    Err(Error::invalid(field, format!("there is no such flow, queue, agent or conference: {id}")))
}

pub(crate) fn dialable(field: &'static str, digits: &str) -> Result<()> {
    let fits = (1..=32).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'*' | b'#'));
    if fits { Ok(()) } else { Err(Error::invalid(field, "1-32 of 0-9, +, * and # are needed")) }
}

impl Store {
    /// The numbers of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn numbers(&self, tenant: TenantId) -> Result<Vec<Number>> {
        sql::query(
            "SELECT id, digits, target, rules FROM numbers WHERE tenant_id = $1 ORDER BY digits LIMIT 10000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list numbers")?
        .iter()
        .map(|row| {
            Ok(Number {
                id: NumberId(id(row, "id")),
                digits: row.get("digits"),
                target: document(row, "target", "list numbers", "target")?,
                rules: document(row, "rules", "list numbers", "rules")?,
            })
        })
        .collect()
    }

    /// Publishes a number.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`].
    pub async fn create_number(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &NumberDraft,
    ) -> Result<Number> {
        let country = self.tenant(tenant).await?.profile.country;
        let mut write = self.write("publish a number").await?;
        let made = insert(&mut write, tenant, by, draft, &country).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes what answers a number.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn set_number_target(
        &self,
        tenant: TenantId,
        by: &By,
        number: NumberId,
        target: &Target,
    ) -> Result<()> {
        let mut write = self.write("change a number").await?;
        check_target(&mut write, tenant, "target", target).await?;
        let done = sql::query("UPDATE numbers SET target = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(number.0 as i64)
            .bind(serde_json::to_string(target).expect("a target is always valid JSON"))
            .execute(write.db())
            .await
            .during("change a number")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("number", number));
        }
        write.audit(tenant, by, "number.change", number).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// Replaces what answers a number by trunk and time.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn set_number_rules(
        &self,
        tenant: TenantId,
        by: &By,
        number: NumberId,
        rules: &[NumberRule],
    ) -> Result<()> {
        if rules.len() > NUMBER_RULES_MAX {
            let problem = format!("at most {NUMBER_RULES_MAX} entries are kept");
            return Err(Error::invalid("rules", problem));
        }
        let mut write = self.write("change the rules of a number").await?;
        for rule in rules {
            check_rule(&mut write, tenant, rule).await?;
        }
        let done = sql::query("UPDATE numbers SET rules = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(number.0 as i64)
            .bind(serde_json::to_string(rules).expect("rules are always valid JSON"))
            .execute(write.db())
            .await
            .during("change the rules of a number")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("number", number));
        }
        write.audit(tenant, by, "number.rules", number).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// Takes a number out of use.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_number(&self, tenant: TenantId, by: &By, number: NumberId) -> Result<()> {
        let mut write = self.write("remove a number").await?;
        let delete = "DELETE FROM numbers WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("number", number.0)).await?;
        write.audit(tenant, by, "number.remove", number).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}

/// Refuses a rule that names what the tenant does not have, and one that would hide all behind it.
async fn check_rule(write: &mut Write, tenant: TenantId, rule: &NumberRule) -> Result<()> {
    if rule.trunk.is_none() && rule.hours.is_none() {
        return Err(Error::invalid("rules", "a rule needs a trunk, opening hours, or both"));
    }
    if rule.closed && rule.hours.is_none() {
        return Err(Error::invalid("rules", "closed needs opening hours"));
    }
    if let Some(trunk) = rule.trunk {
        let select = "SELECT 1 FROM trunks WHERE tenant_id = $1 AND id = $2";
        if !write.has(tenant, select, trunk.0).await? {
            return Err(Error::invalid("rules", format!("there is no such trunk: {trunk}")));
        }
    }
    if let Some(name) = &rule.hours {
        hours::check_name(write, tenant, "rules", name).await?;
    }
    check_target(write, tenant, "rules", &rule.target).await
}

pub(crate) async fn insert(
    write: &mut Write,
    tenant: TenantId,
    by: &By,
    draft: &NumberDraft,
    country: &str,
) -> Result<Number> {
    dialable("digits", &draft.digits)?;
    site::spare(write, tenant, "digits", &draft.digits).await?;
    check_target(write, tenant, "target", &draft.target).await?;
    write
        .room_for(tenant, "SELECT COUNT(*) FROM numbers WHERE tenant_id = $1", NUMBERS_MAX)
        .await?;
    let made = Number {
        id: NumberId(write.next_id("number").await? as u64),
        digits: PhoneNumber::parse(&draft.digits, country).normal,
        target: draft.target.clone(),
        rules: Vec::new(),
    };
    let doing = write.doing;
    sql::query("INSERT INTO numbers (id, tenant_id, digits, target) VALUES ($1, $2, $3, $4)")
        .bind(made.id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(&made.digits)
        .bind(serde_json::to_string(&made.target).expect("a target is always valid JSON"))
        .execute(write.db())
        .await
        .during(doing)?;
    write.audit(tenant, by, "number.create", &made.digits).await?;
    Ok(made)
}
