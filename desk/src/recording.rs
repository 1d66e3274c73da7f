//! Which conversations are recorded: rules in order, of which the first that matches decides, and
//! in [`exclusion`] what is never recorded. What a rule means is decided in the call path; here it
//! is kept, and refused when it cannot mean anything.

pub mod exclusion;

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::{Error, Result, Store, hours, text};
use serde::{Deserialize, Serialize};
use terms::routing::{RecordingRule, RecordingScope, RecordingThen, RecordingWhen};
use terms::{RecordingRuleId, TenantId};
use utoipa::ToSchema;

/// Rules of one tenant.
pub const RECORDING_RULES_MAX: i64 = 1_000;
/// Names in one condition.
const NAMED_MAX: usize = 256;
/// Longest of the lengths in a rule: a day.
const LENGTH_S_MAX: u32 = 86_400;
/// Seconds between two beeps.
const BEEP_EVERY_S: std::ops::RangeInclusive<u32> = 5..=600;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingRule)]
pub struct Rule {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RecordingRuleId,
    /// What it says.
    #[serde(flatten)]
    pub draft: RuleDraft,
}

/// A rule to be, or as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecordingRuleDraft)]
pub struct RuleDraft {
    /// Its name, unique in the tenant.
    pub name: String,
    /// Which conversations: `queues`, `numbers` (dialled), `directions` (`inbound`, `outbound`,
    /// `internal`), `agents`, `caller_prefixes`, `hours` (names of opening hours). Conditions
    /// combine; one that is left out asks nothing.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub when: RecordingWhen,
    /// What happens: `record`, `min_s` (a shorter one is dropped), `max_s` (a longer one is cut),
    /// `format` (made beside the WAV: `both`, `wav`, `mp3`, `opus`), `scope` (`conversation`,
    /// `call`), `announce` (a prompt that both hear first), `beep` and `beep_every_s`,
    /// `agents_control` (agents may start, stop, pause and resume). What is left out is as without
    /// a rule: recorded, whole.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub then: RecordingThen,
}

fn rule(row: &DbRow) -> Result<Rule> {
    let draft = document(row, "document", "list recording rules", "recording rule")?;
    Ok(Rule { id: RecordingRuleId(id(row, "id")), draft })
}

impl Store {
    /// The rules of a tenant, in the order in which they are asked.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn recording_rules(&self, tenant: TenantId) -> Result<Vec<Rule>> {
        sql::query(
            "SELECT id, document FROM recording_rules WHERE tenant_id = $1
             ORDER BY place, id LIMIT 1000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list recording rules")?
        .iter()
        .map(rule)
        .collect()
    }

    /// The same as the call path has them.
    pub(crate) async fn recording_rules_for_plan(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<RecordingRule>> {
        let rules = self.recording_rules(tenant).await?.into_iter();
        let compiled = |Rule { id, draft: RuleDraft { name, when, then } }| RecordingRule {
            id,
            name,
            when,
            then,
        };
        Ok(rules.map(compiled).collect())
    }

    /// Adds a rule behind the others.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`], [`Error::Refused`] when there are too many.
    pub async fn create_recording_rule(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &RuleDraft,
    ) -> Result<Rule> {
        let mut write = self.write("make a recording rule").await?;
        let draft = checked(&mut write, tenant, draft).await?;
        let count = "SELECT COUNT(*) FROM recording_rules WHERE tenant_id = $1";
        write.room_for(tenant, count, RECORDING_RULES_MAX).await?;
        let made =
            Rule { id: RecordingRuleId(write.next_id("recording_rule").await? as u64), draft };
        // Ids rise, so the newest stands last until somebody orders them.
        sql::query(
            "INSERT INTO recording_rules (id, tenant_id, place, name, document)
             VALUES ($1, $2, (SELECT COALESCE(MAX(place), 0) + 1 FROM recording_rules
                              WHERE tenant_id = $2), $3, $4)",
        )
        .bind(made.id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(&made.draft.name)
        .bind(written(&made.draft))
        .execute(write.db())
        .await
        .during("make a recording rule")?;
        write.audit(tenant, by, "recording_rule.create", &made.draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes a rule; it keeps its place.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn put_recording_rule(
        &self,
        tenant: TenantId,
        by: &By,
        id: RecordingRuleId,
        draft: &RuleDraft,
    ) -> Result<Rule> {
        let mut write = self.write("change a recording rule").await?;
        let draft = checked(&mut write, tenant, draft).await?;
        let done = sql::query(
            "UPDATE recording_rules SET name = $3, document = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(id.0 as i64)
        .bind(&draft.name)
        .bind(written(&draft))
        .execute(write.db())
        .await
        .during("change a recording rule")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("recording rule", id));
        }
        write.audit(tenant, by, "recording_rule.change", &draft.name).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Rule { id, draft })
    }

    /// Takes a rule away.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_recording_rule(
        &self,
        tenant: TenantId,
        by: &By,
        id: RecordingRuleId,
    ) -> Result<()> {
        let mut write = self.write("remove a recording rule").await?;
        let delete = "DELETE FROM recording_rules WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("recording rule", id.0)).await?;
        write.audit(tenant, by, "recording_rule.remove", id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }

    /// Puts the rules into this order. Each is named once.
    ///
    /// # Errors
    /// [`Error::Invalid`] when one is missing, named twice or unknown.
    pub async fn order_recording_rules(
        &self,
        tenant: TenantId,
        by: &By,
        order: &[RecordingRuleId],
    ) -> Result<()> {
        let mut write = self.write("order recording rules").await?;
        let known: Vec<i64> =
            sql::query_scalar("SELECT id FROM recording_rules WHERE tenant_id = $1 ORDER BY id")
                .bind(tenant.0 as i64)
                .fetch_all(write.db())
                .await
                .during("order recording rules")?;
        let mut named: Vec<i64> = order.iter().map(|id| id.0 as i64).collect();
        named.sort_unstable();
        if named != known {
            return Err(Error::invalid("order", "every rule has to be named, and each once"));
        }
        for (place, id) in (1_i64..).zip(order) {
            sql::query("UPDATE recording_rules SET place = $3 WHERE tenant_id = $1 AND id = $2")
                .bind(tenant.0 as i64)
                .bind(id.0 as i64)
                .bind(place)
                .execute(write.db())
                .await
                .during("order recording rules")?;
        }
        write.audit(tenant, by, "recording_rule.order", order.len()).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}

fn written(draft: &RuleDraft) -> String {
    serde_json::to_string(draft).expect("a rule is always valid JSON")
}

/// The rule with its name trimmed, when it can mean something.
async fn checked(write: &mut Write, tenant: TenantId, draft: &RuleDraft) -> Result<RuleDraft> {
    let draft = RuleDraft { name: text::name("name", &draft.name)?, ..draft.clone() };
    check_then(&draft.then)?;
    let RecordingWhen { queues, numbers, directions: _, agents, caller_prefixes, hours } =
        &draft.when;
    let lists = [
        ("queues", queues.len()),
        ("numbers", numbers.len()),
        ("agents", agents.len()),
        ("caller_prefixes", caller_prefixes.len()),
        ("hours", hours.len()),
    ];
    if let Some((field, _)) = lists.into_iter().find(|&(_, length)| length > NAMED_MAX) {
        return Err(Error::invalid(field, format!("at most {NAMED_MAX} entries are kept")));
    }
    for (field, texts) in [("numbers", numbers), ("caller_prefixes", caller_prefixes)] {
        for text in texts {
            crate::number::dialable(field, text)?;
        }
    }
    for queue in queues {
        let select = "SELECT 1 FROM queues WHERE tenant_id = $1 AND id = $2";
        is_there(write, tenant, "queues", select, queue.0).await?;
    }
    for agent in agents {
        let select = "SELECT 1 FROM agents WHERE tenant_id = $1 AND id = $2";
        is_there(write, tenant, "agents", select, agent.0).await?;
    }
    for name in hours {
        if hours::by_name(write, tenant, name).await?.is_none() {
            return Err(Error::invalid("hours", format!("there are no opening hours \"{name}\"")));
        }
    }
    Ok(draft)
}

async fn is_there(
    write: &mut Write,
    tenant: TenantId,
    field: &'static str,
    select: &'static str,
    id: u64,
) -> Result<()> {
    if write.has(tenant, select, id).await? {
        return Ok(());
    }
    Err(Error::invalid(field, format!("there is no such flow, queue or agent: {id}")))
}

fn check_then(then: &RecordingThen) -> Result<()> {
    let lengths = [("min_s", then.min_s), ("max_s", then.max_s)];
    if let Some((field, length)) = lengths.into_iter().find(|&(_, s)| s > LENGTH_S_MAX) {
        return Err(Error::invalid(field, format!("{length} is outside 0-{LENGTH_S_MAX}")));
    }
    if then.max_s > 0 && then.min_s > then.max_s {
        return Err(Error::invalid("min_s", "max_s must not be shorter than min_s"));
    }
    if then.beep && !BEEP_EVERY_S.contains(&then.beep_every_s) {
        let (least, most) = (BEEP_EVERY_S.start(), BEEP_EVERY_S.end());
        let problem = format!("{} is outside {least}-{most}", then.beep_every_s);
        return Err(Error::invalid("beep_every_s", problem));
    }
    if then.announce.is_empty() {
        return Ok(());
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    if then.announce.len() > 64 || !then.announce.chars().all(is_name) {
        return Err(Error::invalid("announce", "the name of a prompt is needed, such as welcome"));
    }
    if then.scope == RecordingScope::Call {
        return Err(Error::invalid(
            "announce",
            "a recording of the whole call begins before anybody talks: let the flow say it",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_by_its_field() {
        let then = RecordingThen::default;
        let refused = |then: RecordingThen| match check_then(&then) {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("{then:?}: {other:?}"),
        };
        assert!(check_then(&then()).is_ok());
        assert!(check_then(&RecordingThen { min_s: 5, max_s: 5, ..then() }).is_ok());
        assert_eq!(refused(RecordingThen { min_s: 6, max_s: 5, ..then() }), "min_s");
        assert_eq!(refused(RecordingThen { max_s: 86_401, ..then() }), "max_s");
        assert_eq!(
            refused(RecordingThen { beep: true, beep_every_s: 1, ..then() }),
            "beep_every_s"
        );
        for name in ["../secret", "a b"] {
            let announce = name.to_owned();
            assert_eq!(refused(RecordingThen { announce, ..then() }), "announce", "{name}");
        }
        let (announce, scope) = ("recorded".to_owned(), RecordingScope::Call);
        assert_eq!(refused(RecordingThen { announce, scope, ..then() }), "announce");
    }
}
