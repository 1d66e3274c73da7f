//! Persons, lines and numbers that are never recorded. The list is long where a tenant wants it
//! so: it is read by pages, written by many at a time, and looked up in the call path.

use crate::audit::By;
use crate::error::During;
use crate::sql;
use crate::store::{DbRow, Write, time};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use terms::routing::{Exclusion, Exclusions};
use terms::{AgentId, PhoneNumber, TenantId, Timestamp};
use utoipa::ToSchema;

/// Entries of one tenant: some 100 MB in the call path, which nobody reaches by hand.
pub const EXCLUSIONS_MAX: i64 = 1_000_000;
/// Entries of one import.
pub const IMPORT_MAX: usize = 20_000;
/// Entries of one page.
pub const PAGE_MAX: u32 = 10_000;

/// What an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingExclusionKind)]
pub enum ExclusionKind {
    /// A person, by the id of the agent.
    Agent,
    /// A line: the SIP user of a phone, or the name of a trunk.
    Line,
    /// A telephone number.
    Number,
}

impl ExclusionKind {
    fn as_str(self) -> &'static str {
        match self {
            ExclusionKind::Agent => "agent",
            ExclusionKind::Line => "line",
            ExclusionKind::Number => "number",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        use ExclusionKind::{Agent, Line, Number};
        [Agent, Line, Number].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An entry to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecordingExclusionDraft)]
pub struct EntryDraft {
    /// What it names.
    pub kind: ExclusionKind,
    /// Which: an id, a SIP user, a trunk's name, or a number as people write it.
    pub value: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingExclusion)]
pub struct Entry {
    /// Its name in addresses: `number:+8613800138000`.
    pub id: String,
    /// What it names.
    pub kind: ExclusionKind,
    /// Which; a number is normalised.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Since.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryId {
    kind: ExclusionKind,
    value: String,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.value)
    }
}

/// A text that names no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEntryId;

impl FromStr for EntryId {
    type Err = BadEntryId;
    fn from_str(text: &str) -> std::result::Result<Self, BadEntryId> {
        let (kind, value) = text.split_once(':').ok_or(BadEntryId)?;
        let kind = ExclusionKind::from_text(kind).ok_or(BadEntryId)?;
        Ok(EntryId { kind, value: value.to_owned() })
    }
}

fn entry(row: &DbRow) -> Entry {
    let kind = ExclusionKind::from_text(row.get("kind"));
    let kind = kind.expect("only kinds that we know are written");
    let value: String = row.get("value");
    let id = EntryId { kind, value: value.clone() }.to_string();
    Entry { id, kind, value, reason: row.get("reason"), created_at: time(row, "created_at") }
}

impl Store {
    /// A page of entries after `after`, in the order of their names.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn recording_exclusions(
        &self,
        tenant: TenantId,
        after: Option<&EntryId>,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        let (kind, value) = after.map_or(("", ""), |id| (id.kind.as_str(), id.value.as_str()));
        Ok(sql::query(
            "SELECT kind, value, reason, created_at FROM recording_exclusions
             WHERE tenant_id = $1 AND (kind > $2 OR (kind = $2 AND value > $3))
             ORDER BY kind, value LIMIT $4",
        )
        .bind(tenant.0 as i64)
        .bind(kind)
        .bind(value)
        .bind(i64::from(limit.clamp(1, PAGE_MAX)))
        .fetch_all(self.reader())
        .await
        .during("list recording exclusions")?
        .iter()
        .map(entry)
        .collect())
    }

    /// All of them, as the call path has them.
    pub(crate) async fn exclusions_for_plan(&self, tenant: TenantId) -> Result<Exclusions> {
        let rows = sql::query(
            "SELECT kind, value FROM recording_exclusions WHERE tenant_id = $1 LIMIT 1000000",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list recording exclusions")?;
        let mut all = Exclusions::default();
        for row in &rows {
            let value: String = row.get("value");
            match ExclusionKind::from_text(row.get("kind")) {
                Some(ExclusionKind::Agent) => {
                    if let Ok(agent) = value.parse() {
                        all.insert(Exclusion::Agent(agent));
                    }
                }
                Some(ExclusionKind::Line) => _ = all.insert(Exclusion::Line(value)),
                Some(ExclusionKind::Number) => _ = all.insert(Exclusion::Number(value)),
                None => {}
            }
        }
        Ok(all)
    }

    /// Adds entries, all or none of them; one that is there gets the new reason. How many are new.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the entry that is wrong, [`Error::Refused`] when the list is full.
    pub async fn exclude_from_recording(
        &self,
        tenant: TenantId,
        by: &By,
        drafts: &[EntryDraft],
    ) -> Result<u64> {
        if drafts.is_empty() || drafts.len() > IMPORT_MAX {
            let problem = format!("{} is outside 1-{IMPORT_MAX}", drafts.len());
            return Err(Error::invalid("entries", problem));
        }
        let country = self.tenant(tenant).await?.profile.country;
        let mut write = self.write("exclude from recording").await?;
        let before = count(&mut write, tenant).await?;
        for (place, draft) in (1..).zip(drafts) {
            let value = checked(&mut write, tenant, &country, draft).await;
            let value = value.map_err(|error| in_place(error, place))?;
            sql::query(
                "INSERT INTO recording_exclusions (tenant_id, kind, value, reason, created_at)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (tenant_id, kind, value) DO UPDATE SET reason = excluded.reason",
            )
            .bind(tenant.0 as i64)
            .bind(draft.kind.as_str())
            .bind(value)
            .bind(text::line("reason", &draft.reason).map_err(|error| in_place(error, place))?)
            .bind(by.at.0)
            .execute(write.db())
            .await
            .during("exclude from recording")?;
        }
        let after = count(&mut write, tenant).await?;
        if after > EXCLUSIONS_MAX {
            return Err(Error::Refused(format!(
                "exclude from recording: at most {EXCLUSIONS_MAX} are kept for one tenant"
            )));
        }
        let subject = match drafts {
            [one] => format!("{}:{}", one.kind.as_str(), one.value),
            many => format!("{} entries", many.len()),
        };
        write.audit(tenant, by, "recording_exclusion.add", subject).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok((after - before) as u64)
    }

    /// Takes an entry away.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn include_in_recording(
        &self,
        tenant: TenantId,
        by: &By,
        id: &EntryId,
    ) -> Result<()> {
        let mut write = self.write("include in recording").await?;
        let done = sql::query(
            "DELETE FROM recording_exclusions WHERE tenant_id = $1 AND kind = $2 AND value = $3",
        )
        .bind(tenant.0 as i64)
        .bind(id.kind.as_str())
        .bind(&id.value)
        .execute(write.db())
        .await
        .during("include in recording")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("exclusion", crate::audit::clean(&id.to_string())));
        }
        write.audit(tenant, by, "recording_exclusion.remove", id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await
    }
}

async fn count(write: &mut Write, tenant: TenantId) -> Result<i64> {
    let doing = write.doing;
    sql::query_scalar("SELECT COUNT(*) FROM recording_exclusions WHERE tenant_id = $1")
        .bind(tenant.0 as i64)
        .fetch_one(write.db())
        .await
        .during(doing)
}

/// The value as it is kept.
async fn checked(
    write: &mut Write,
    tenant: TenantId,
    country: &str,
    draft: &EntryDraft,
) -> Result<String> {
    let value = text::name("value", &draft.value)?;
    match draft.kind {
        ExclusionKind::Line => Ok(value),
        ExclusionKind::Number => {
            let normal = PhoneNumber::parse(&value, country).normal;
            crate::number::dialable("value", &normal)?;
            Ok(normal)
        }
        ExclusionKind::Agent => {
            let agent: AgentId = value
                .parse()
                .map_err(|_| Error::invalid("value", "the id of an agent is needed"))?;
            let select = "SELECT 1 FROM agents WHERE tenant_id = $1 AND id = $2";
            match write.has(tenant, select, agent.0).await? {
                true => Ok(agent.to_string()),
                false => Err(Error::invalid(
                    "value",
                    format!("there is no agent {agent} in this tenant"),
                )),
            }
        }
    }
}

/// Says which entry of an import is wrong.
fn in_place(error: Error, place: usize) -> Error {
    match error {
        Error::Invalid { problem, .. } => {
            Error::invalid("entries", format!("entry {place}: {problem}"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_nonsense_names_nothing() {
        let id: EntryId = "number:+8613800138000".parse().unwrap();
        assert_eq!((id.kind, id.value.as_str()), (ExclusionKind::Number, "+8613800138000"));
        assert_eq!(id.to_string(), "number:+8613800138000");
        assert_eq!("line:a:b".parse::<EntryId>().unwrap().value, "a:b");
        for bad in ["", "1", "person:7", "agent"] {
            assert_eq!(bad.parse::<EntryId>(), Err(BadEntryId), "{bad}");
        }
    }
}
