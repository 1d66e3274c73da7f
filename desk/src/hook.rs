//! Hooks: programs that are told of events over HTTP. Each has a secret of its own, with which what it
//! is told is signed; it is shown once and kept sealed. How far a hook was in the event log stands
//! beside it, so that a restart repeats what was not acknowledged and nothing else.

use crate::audit::By;
use crate::error::During;
use crate::secret::{Secret, hex, random};
use crate::signer::Signer;
use crate::sql;
use crate::store::{DbRow, Write, document, id, id_opt, time, time_opt};
use crate::{Error, Result, Store, text, when};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use terms::{CallId, HookId, TenantId, Timestamp};
use utoipa::ToSchema;

/// Hooks of a tenant.
pub const HOOKS_MAX: i64 = 20;
/// Deliveries of a hook that are kept for people to look at.
pub const DELIVERIES_MAX: i64 = 200;
/// Secrets begin with this, so that a leaked one is recognised by scanners.
const PREFIX: &str = "sgh_";

/// Kinds of events, as they stand in `type` of an entry of the event log.
pub const KINDS: &[&str] = &[
    "call_started",
    "leg_started",
    "leg_ringing",
    "leg_answered",
    "leased",
    "traced_back",
    "ivr_in",
    "ivr_step",
    "flow_told",
    "enqueued",
    "decided",
    "offered",
    "offer_ended",
    "forwarded",
    "hunt",
    "picked_up",
    "answered",
    "abandoned",
    "flowed_out",
    "callback_queued",
    "callback",
    "progress_heard",
    "fax_started",
    "fax_ended",
    "fax_done",
    "fax_asked",
    "recording_started",
    "recording_paused",
    "recording_resumed",
    "recording_stopped",
    "consented",
    "held",
    "resumed",
    "transferred",
    "invited",
    "join_refused",
    "consultation",
    "parking",
    "interjected",
    "supervision_started",
    "supervision_changed",
    "supervision_ended",
    "conference",
    "forced",
    "released",
    "survey_asked",
    "survey_answered",
    "voicemail_left",
    "voicemail_heard",
    "mailbox",
    "item",
    "recorded",
    "leg_ended",
    "call_ended",
    "agent_changed",
    "calling",
    "line_opened",
    "line_closed",
    "text_received",
    "text_asked",
    "text_sent",
    "mail_asked",
];

/// A hook, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hook {
    /// Its id.
    #[schema(value_type = String)]
    pub id: HookId,
    /// What it is.
    #[serde(flatten)]
    pub draft: HookDraft,
    /// Made.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Deliveries have failed since then; none where the last one arrived.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// It failed for so long that nothing is sent any more, until somebody resumes it.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paused_at: Option<Timestamp>,
    /// What the last delivery that failed came to.
    pub problem: Option<String>,
}

/// A hook to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookDraft {
    /// What for, in its owner's words.
    pub name: String,
    /// Where events are sent: `https://` or `http://`, without a name and password.
    pub url: String,
    /// Kinds of events that it is told of, as in `type` of a live event; all where it is empty.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Events are sent; what happens while they are not is sent afterwards, as far as the event log
    /// goes back.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// The last attempts to tell a hook of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// The same at every attempt: the header `Switchgrid-Delivery`.
    pub id: String,
    /// Kind of the event.
    pub kind: String,
    /// Its call.
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
    /// How often it was tried.
    pub attempts: i64,
    /// The last time.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub tried_at: Timestamp,
    /// It arrived.
    pub delivered: bool,
    /// Somebody had it left out.
    pub skipped: bool,
    /// HTTP status of the last answer.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub problem: Option<String>,
}

/// What a hook needs to be told of events.
#[derive(Clone, Debug)]
pub struct Line {
    /// The hook.
    pub hook: HookId,
    /// Whose.
    pub tenant: TenantId,
    /// Rises when a person changes the hook.
    pub version: i64,
    /// Where to.
    pub url: String,
    /// Kinds of events; all where it is empty.
    pub kinds: Vec<String>,
    /// It was told of all entries of the event log up to this one.
    pub through: u64,
    /// Later ones that it was told of, or that are left out.
    pub told: BTreeSet<u64>,
    /// Deliveries have failed since then.
    pub failing_since: Option<Timestamp>,
    /// Signs what it is told.
    pub signer: Signer,
}

/// One attempt to tell a hook of an event.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// The entry.
    pub seq: u64,
    /// Its kind.
    pub kind: &'a str,
    /// Its call.
    pub call: Option<CallId>,
    /// When.
    pub at: Timestamp,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Why it failed; none where the event arrived.
    pub problem: Option<&'a str>,
    /// Up to here the hook was told of everything from then on.
    pub through: u64,
    /// Since when an event fails; none where all arrive.
    pub failing_since: Option<Timestamp>,
}

impl HookDraft {
    fn check(&self) -> Result<HookDraft> {
        let url = text::web_address("url", &self.url)?;
        if let Some(kind) = self.kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            let kind: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
            let problem = format!("there is no event {kind}; there are {}", KINDS.join(", "));
            return Err(Error::invalid("kinds", problem));
        }
        let mut kinds = self.kinds.clone();
        kinds.sort();
        kinds.dedup();
        let name = text::name("name", &self.name)?;
        Ok(HookDraft { name, url, kinds, enabled: self.enabled })
    }
}

const COLUMNS: &str =
    "SELECT id, tenant_id, name, url, kinds, secret, enabled, version, created_at,
     through_seq, failing_since, paused_at, problem FROM hooks";

fn hook(row: &DbRow) -> Result<Hook> {
    Ok(Hook {
        id: HookId(id(row, "id")),
        draft: HookDraft {
            name: row.get("name"),
            url: row.get("url"),
            kinds: document(row, "kinds", "read a hook", "list of events")?,
            enabled: row.get("enabled"),
        },
        created_at: time(row, "created_at"),
        failing_since: time_opt(row, "failing_since"),
        paused_at: time_opt(row, "paused_at"),
        problem: row.get("problem"),
    })
}

/// What a sealed secret belongs to.
fn owner(hook: HookId) -> String {
    format!("hook {hook}")
}

fn new_secret() -> Secret {
    Secret::new(format!("{PREFIX}{}", hex(&random::<32>())))
}

fn written(kinds: &[String]) -> String {
    serde_json::to_string(kinds).expect("a list of words is always valid JSON")
}

impl Store {
    /// The hooks of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hooks(&self, tenant: TenantId) -> Result<Vec<Hook>> {
        let rows = sql::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE tenant_id = $1 ORDER BY id LIMIT 100"
        )))
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list hooks")?;
        rows.iter().map(hook).collect()
    }

    /// One hook.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hook(&self, tenant: TenantId, of: HookId) -> Result<Hook> {
        let row =
            sql::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE tenant_id = $1 AND id = $2")))
                .bind(tenant.0 as i64)
                .bind(of.0 as i64)
                .fetch_optional(self.reader())
                .await
                .during("read a hook")?;
        hook(&row.ok_or_else(|| Error::not_found("hook", of))?)
    }

    /// Makes a hook that is told of what comes after entry `through` of the event log. The secret is
    /// given once and never again.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Refused`] when there are too many.
    pub async fn create_hook(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &HookDraft,
        through: u64,
    ) -> Result<(Hook, Secret)> {
        let draft = draft.check()?;
        let doing = "create a hook";
        let mut write = self.write(doing).await?;
        let count = "SELECT COUNT(*) FROM hooks WHERE tenant_id = $1";
        write.room_for(tenant, count, HOOKS_MAX).await?;
        let made = HookId(write.next_id("hook").await? as u64);
        let secret = new_secret();
        sql::query(
            "INSERT INTO hooks (id, tenant_id, name, url, kinds, secret, enabled, version,
             created_at, through_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)",
        )
        .bind(made.0 as i64)
        .bind(tenant.0 as i64)
        .bind(&draft.name)
        .bind(&draft.url)
        .bind(written(&draft.kinds))
        .bind(self.keeper.seal(&owner(made), secret.expose()))
        .bind(draft.enabled)
        .bind(by.at.0)
        .bind(through as i64)
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "hook.create", made).await?;
        write.commit().await?;
        Ok((self.hook(tenant, made).await?, secret))
    }

    /// Changes a hook.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn put_hook(
        &self,
        tenant: TenantId,
        by: &By,
        of: HookId,
        draft: &HookDraft,
    ) -> Result<Hook> {
        let draft = draft.check()?;
        let doing = "change a hook";
        let mut write = self.write(doing).await?;
        let done = sql::query(
            "UPDATE hooks SET name = $3, url = $4, kinds = $5, enabled = $6, version = version + 1
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(of.0 as i64)
        .bind(&draft.name)
        .bind(&draft.url)
        .bind(written(&draft.kinds))
        .bind(draft.enabled)
        .execute(write.db())
        .await
        .during(doing)?;
        found(done.rows_affected(), of)?;
        write.audit(tenant, by, "hook.put", of).await?;
        write.commit().await?;
        self.hook(tenant, of).await
    }

    /// Takes a hook away, with what is known of its deliveries.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_hook(&self, tenant: TenantId, by: &By, of: HookId) -> Result<()> {
        let doing = "delete a hook";
        let mut write = self.write(doing).await?;
        sql::query("DELETE FROM hook_deliveries WHERE tenant_id = $1 AND hook_id = $2")
            .bind(tenant.0 as i64)
            .bind(of.0 as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        let delete = "DELETE FROM hooks WHERE tenant_id = $1 AND id = $2";
        write.remove(tenant, delete, ("hook", of.0)).await?;
        write.audit(tenant, by, "hook.delete", of).await?;
        write.commit().await
    }

    /// Gives a hook a new secret: the one before signs nothing any more.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn renew_hook_secret(&self, tenant: TenantId, by: &By, of: HookId) -> Result<Secret> {
        let doing = "renew a hook's secret";
        let mut write = self.write(doing).await?;
        let secret = new_secret();
        let done = sql::query(
            "UPDATE hooks SET secret = $3, version = version + 1 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(of.0 as i64)
        .bind(self.keeper.seal(&owner(of), secret.expose()))
        .execute(write.db())
        .await
        .during(doing)?;
        found(done.rows_affected(), of)?;
        write.audit(tenant, by, "hook.secret", of).await?;
        write.commit().await?;
        Ok(secret)
    }

    /// Sends again what a hook was not told, from where it stood; with `skip`, without the oldest event
    /// that fails.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn resume_hook(
        &self,
        tenant: TenantId,
        by: &By,
        of: HookId,
        skip: bool,
    ) -> Result<Hook> {
        let doing = "resume a hook";
        let mut write = self.write(doing).await?;
        if skip {
            sql::query(
                "UPDATE hook_deliveries SET skipped = TRUE WHERE tenant_id = $1 AND hook_id = $2
                 AND seq = (SELECT MIN(d.seq) FROM hook_deliveries d JOIN hooks h ON h.id = d.hook_id
                     WHERE h.id = $2 AND NOT d.delivered AND NOT d.skipped AND d.seq > h.through_seq)",
            )
            .bind(tenant.0 as i64)
            .bind(of.0 as i64)
            .execute(write.db())
            .await
            .during(doing)?;
        }
        let done = sql::query(
            "UPDATE hooks SET paused_at = NULL, failing_since = NULL, problem = NULL,
             version = version + 1 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(of.0 as i64)
        .execute(write.db())
        .await
        .during(doing)?;
        found(done.rows_affected(), of)?;
        write.audit(tenant, by, "hook.resume", of).await?;
        write.commit().await?;
        self.hook(tenant, of).await
    }

    /// The last deliveries of a hook, the latest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hook_deliveries(&self, tenant: TenantId, of: HookId) -> Result<Vec<Delivery>> {
        self.hook(tenant, of).await?;
        let rows = sql::query(
            "SELECT seq, kind, call_id, attempts, tried_at, delivered, skipped, status, problem
             FROM hook_deliveries WHERE tenant_id = $1 AND hook_id = $2
             ORDER BY seq DESC LIMIT 200",
        )
        .bind(tenant.0 as i64)
        .bind(of.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list deliveries")?;
        let delivery = |row: &DbRow| Delivery {
            id: delivery_id(of, id(row, "seq")),
            kind: row.get("kind"),
            call: id_opt(row, "call_id").map(CallId),
            attempts: row.get("attempts"),
            tried_at: time(row, "tried_at"),
            delivered: row.get("delivered"),
            skipped: row.get("skipped"),
            status: id_opt(row, "status").and_then(|status| u16::try_from(status).ok()),
            problem: row.get("problem"),
        };
        Ok(rows.iter().map(delivery).collect())
    }

    /// The hooks of all tenants that are told of events now. For who tells them.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hook_lines(&self) -> Result<Vec<Line>> {
        let rows = sql::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE enabled AND paused_at IS NULL ORDER BY id"
        )))
        .fetch_all(self.reader())
        .await
        .during("list hooks")?;
        let ahead = sql::query(
            "SELECT d.hook_id, d.seq FROM hook_deliveries d JOIN hooks h ON h.id = d.hook_id
             WHERE d.seq > h.through_seq AND (d.delivered OR d.skipped)",
        )
        .fetch_all(self.reader())
        .await
        .during("list what hooks were told")?;
        let mut told: HashMap<u64, BTreeSet<u64>> = HashMap::new();
        for row in &ahead {
            told.entry(id(row, "hook_id")).or_default().insert(id(row, "seq"));
        }
        let mut line = |row: &DbRow| -> Result<Line> {
            let of = HookId(id(row, "id"));
            let secret = self.keeper.open_sealed(&owner(of), row.get("secret"))?;
            Ok(Line {
                hook: of,
                tenant: TenantId(id(row, "tenant_id")),
                version: row.get("version"),
                url: row.get("url"),
                kinds: document(row, "kinds", "read a hook", "list of events")?,
                through: id(row, "through_seq"),
                told: told.remove(&of.0).unwrap_or_default(),
                failing_since: time_opt(row, "failing_since"),
                signer: Signer::new(&secret),
            })
        };
        rows.iter().map(&mut line).collect()
    }

    /// Notes an attempt to tell a hook of an event; one that arrived is not sent again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn note_attempt(&self, of: &Line, attempt: &Attempt<'_>) -> Result<()> {
        let doing = "note a delivery";
        let mut write = self.write(doing).await?;
        let delivered = attempt.problem.is_none();
        sql::query(
            "INSERT INTO hook_deliveries (hook_id, tenant_id, seq, kind, call_id, attempts,
             tried_at, delivered, status, problem)
             SELECT id, tenant_id, $3, $4, $5, 1, $6, $7, $8, $9 FROM hooks
             WHERE tenant_id = $1 AND id = $2
             ON CONFLICT (hook_id, seq) DO UPDATE SET attempts = hook_deliveries.attempts + 1,
             tried_at = excluded.tried_at, delivered = excluded.delivered,
             status = excluded.status, problem = excluded.problem",
        )
        .bind(of.tenant.0 as i64)
        .bind(of.hook.0 as i64)
        .bind(attempt.seq as i64)
        .bind(attempt.kind)
        .bind(attempt.call.map(|call| call.0 as i64))
        .bind(attempt.at.0)
        .bind(delivered)
        .bind(attempt.status.map(i64::from))
        .bind(attempt.problem)
        .execute(write.db())
        .await
        .during(doing)?;
        match delivered {
            true => arrived(&mut write, of, attempt).await?,
            false => failed(&mut write, of, attempt).await?,
        }
        write.commit().await
    }

    /// A hook needs to be told of nothing up to this entry.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn pass_hook(&self, of: &Line, seq: u64) -> Result<()> {
        let mut write = self.write("note how far a hook is").await?;
        pass(&mut write, of, seq).await?;
        write.commit().await
    }

    /// A hook has failed for too long: nothing is sent any more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn pause_hook(&self, of: &Line, at: Timestamp) -> Result<()> {
        let doing = "pause a hook";
        let mut write = self.write(doing).await?;
        sql::query("UPDATE hooks SET paused_at = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(of.tenant.0 as i64)
            .bind(of.hook.0 as i64)
            .bind(at.0)
            .execute(write.db())
            .await
            .during(doing)?;
        write.audit(of.tenant, &By::system("hooks", at), "hook.paused", of.hook).await?;
        write.commit().await
    }
}

/// The name of a delivery, the same at every attempt.
pub fn delivery_id(hook: HookId, seq: u64) -> String {
    format!("{hook}-{seq}")
}

fn found(rows: u64, of: HookId) -> Result<()> {
    match rows {
        0 => Err(Error::not_found("hook", of)),
        _ => Ok(()),
    }
}

async fn arrived(write: &mut Write, of: &Line, attempt: &Attempt<'_>) -> Result<()> {
    let doing = write.doing;
    pass(write, of, attempt.through).await?;
    let text = match attempt.failing_since {
        Some(_) => "UPDATE hooks SET failing_since = $3 WHERE tenant_id = $1 AND id = $2",
        None => {
            "UPDATE hooks SET failing_since = $3, problem = NULL WHERE tenant_id = $1 AND id = $2"
        }
    };
    sql::query(text)
        .bind(of.tenant.0 as i64)
        .bind(of.hook.0 as i64)
        .bind(attempt.failing_since.map(|at| at.0))
        .execute(write.db())
        .await
        .during(doing)?;
    sql::query(
        "DELETE FROM hook_deliveries WHERE tenant_id = $1 AND hook_id = $2 AND seq NOT IN
         (SELECT seq FROM hook_deliveries WHERE hook_id = $2 ORDER BY seq DESC LIMIT $3)",
    )
    .bind(of.tenant.0 as i64)
    .bind(of.hook.0 as i64)
    .bind(DELIVERIES_MAX)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

async fn failed(write: &mut Write, of: &Line, attempt: &Attempt<'_>) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE hooks SET failing_since = $3, problem = $4 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(of.tenant.0 as i64)
    .bind(of.hook.0 as i64)
    .bind(attempt.failing_since.map(|at| at.0))
    .bind(attempt.problem)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

async fn pass(write: &mut Write, of: &Line, seq: u64) -> Result<()> {
    let doing = write.doing;
    sql::query(
        "UPDATE hooks SET through_seq = $3
         WHERE tenant_id = $1 AND id = $2 AND through_seq < $3",
    )
    .bind(of.tenant.0 as i64)
    .bind(of.hook.0 as i64)
    .bind(seq as i64)
    .execute(write.db())
    .await
    .during(doing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::event::Kind;

    #[test]
    fn every_kind_of_event_of_a_tenant_can_be_chosen_and_no_other() {
        let unknown = serde_json::json!({"type": "nothing of the kind"});
        let said = serde_json::from_value::<Kind>(unknown).unwrap_err().to_string();
        let known: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
        let known: Vec<&str> = known.into_iter().filter(|kind| *kind != "started").collect();
        assert_eq!(known, KINDS, "{said}");
    }

    #[test]
    fn an_address_that_is_none_and_an_event_that_is_none_are_refused() {
        let draft = |url: &str, kind: &str| HookDraft {
            name: "crm".into(),
            url: url.into(),
            kinds: vec![kind.into()],
            enabled: true,
        };
        assert!(draft("https://crm.example/x?y=1", "answered").check().is_ok());
        for bad in ["ftp://x", "https://", "https:///x", "http://u:p@x/", "http://x/ y", "x"] {
            assert!(draft(bad, "answered").check().is_err(), "{bad}");
        }
        let error = draft("https://crm.example/", "ring").check().unwrap_err().to_string();
        assert!(error.contains("ring") && error.contains("call_ended"), "{error}");
    }
}
