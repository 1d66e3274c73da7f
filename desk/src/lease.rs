//! Leases: for a time a number of the tenant stands for somebody whose own number nobody is told. An
//! order system makes and ends them by the thousand, so a change raises a version of their own
//! and not the plan's; the call path is told what changed since ([`Store::lease_changes`]).

use crate::audit::By;
use crate::error::During;
use crate::sql::{self, Builder};
use crate::store::{DbRow, LIST_MAX, Write, id, id_opt, time};
use crate::{Error, Result, Store, number, text, when};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::event::{Entry, InLease, Kind, Leased};
use terms::routing::{self, LEASE_CODE_DIGITS, LEASES_MAX, LeaseChanges, LeaseKind};
use terms::{LeaseId, PhoneNumber, Subscriber, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Longest time from now on.
const LENGTH_MAX: Duration = Duration::from_secs(366 * 86_400);
/// The call path tells the parties of a lease for so long that it is over.
const TOLD_FOR_US: i64 = 86_400_000_000;
/// One that is over for longer is forgotten when the next one is made.
const KEPT_US: i64 = 366 * 86_400_000_000;
/// Leases that the call path is told in one message: as many as it knows of a tenant.
const CHANGES_MAX: usize = 2 * LEASES_MAX;

/// A leased number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Lease)]
pub struct Lease {
    /// Its id.
    #[schema(value_type = String)]
    pub id: LeaseId,
    /// `ax`, `axb` or `axe`.
    #[schema(value_type = String)]
    pub kind: LeaseKind,
    /// The number, normalised: one of the tenant's.
    pub number: String,
    /// Whose own number nobody is told, as it is dialled.
    pub a: String,
    /// The other one of two, as they are dialled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b: Option<String>,
    /// What the caller keys in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// It counts from then on,
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// and no longer at this time.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Conversations are recorded; else they never are.
    pub record: bool,
    /// What it is for, such as the number of an order.
    pub reference: String,
    /// Who made it.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<UserId>,
    /// When.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A lease to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLease {
    /// `ax`: the number stands for A. `axb`: A and B reach each other by it, and nobody else. `axe`: a
    /// code behind it leads to A.
    #[schema(value_type = String)]
    pub kind: LeaseKind,
    /// A number of the tenant that a trunk may show.
    pub number: String,
    /// A's own number, as it is dialled outside.
    pub a: String,
    /// B's, with `axb` only.
    #[serde(default)]
    pub b: Option<String>,
    /// 2-8 digits, with `axe` only.
    #[serde(default)]
    pub code: Option<String>,
    /// It counts from then on; left out, at once.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// and no longer at this time, at most 366 days ahead.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Conversations are recorded; left out, they never are.
    #[serde(default)]
    pub record: bool,
    /// What it is for, such as the number of an order.
    #[serde(default)]
    pub reference: String,
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct LeaseFilter {
    /// Of this number, however it is written.
    pub number: Option<String>,
    /// For this.
    pub reference: Option<String>,
    /// Not over at this time.
    pub open_at: Option<Timestamp>,
    /// Where the last page ended: the last one's id.
    pub before: Option<LeaseId>,
}

const COLUMNS: &str = "SELECT id, version, kind, number, a, b, code, from_at, until_at, record, \
    reference, created_by, created_at FROM leases WHERE tenant_id = ";

fn kind_text(kind: LeaseKind) -> &'static str {
    match kind {
        LeaseKind::Ax => "ax",
        LeaseKind::Axb => "axb",
        LeaseKind::Axe => "axe",
    }
}

fn kind_of(row: &DbRow) -> Result<LeaseKind> {
    let text: String = row.get("kind");
    let kinds = [LeaseKind::Ax, LeaseKind::Axb, LeaseKind::Axe];
    kinds.into_iter().find(|kind| kind_text(*kind) == text).ok_or_else(|| Error::Stored {
        doing: "list leases",
        what: "kind of lease",
        problem: format!("\"{text}\" is none of the known values"),
    })
}

fn lease(row: &DbRow) -> Result<Lease> {
    Ok(Lease {
        id: LeaseId(id(row, "id")),
        kind: kind_of(row)?,
        number: row.get("number"),
        a: row.get("a"),
        b: row.get("b"),
        code: row.get("code"),
        from: time(row, "from_at"),
        until: time(row, "until_at"),
        record: row.get("record"),
        reference: row.get("reference"),
        created_by: id_opt(row, "created_by").map(UserId),
        created_at: time(row, "created_at"),
    })
}

/// As the call path has it.
fn for_calls(row: &DbRow) -> Result<routing::Lease> {
    let Lease { id: lease, kind, number, a, b, code, from, until, record, .. } = lease(row)?;
    let version = id(row, "version");
    Ok(routing::Lease { id: lease, version, kind, number, a, b, code, from, until, record })
}

impl NewLease {
    fn check(&self, at: Timestamp, country: &str) -> Result<Lease> {
        let (from, until) = (self.from.unwrap_or(at), self.until);
        check_end(from, until, at)?;
        let b = match (self.kind, &self.b) {
            (LeaseKind::Axb, Some(b)) => Some(party("b", b)?),
            (LeaseKind::Axb, None) => {
                return Err(Error::invalid("b", "a lease of two needs the number of the other"));
            }
            (LeaseKind::Ax | LeaseKind::Axe, None) => None,
            (LeaseKind::Ax | LeaseKind::Axe, Some(_)) => {
                return Err(Error::invalid("b", "only a lease of two has another"));
            }
        };
        let code = match (self.kind, &self.code) {
            (LeaseKind::Axe, Some(code)) if is_code(code) => Some(code.clone()),
            (LeaseKind::Axe, _) => {
                return Err(Error::invalid("code", "a code of 2-8 digits is needed"));
            }
            (LeaseKind::Ax | LeaseKind::Axb, None) => None,
            (LeaseKind::Ax | LeaseKind::Axb, Some(_)) => {
                return Err(Error::invalid("code", "only a lease with a code has one"));
            }
        };
        let a = party("a", &self.a)?;
        let normal = |text: &str| PhoneNumber::parse(text, country).normal;
        if b.as_deref().is_some_and(|b| normal(b) == normal(&a)) {
            return Err(Error::invalid("b", "A and B have two numbers"));
        }
        Ok(Lease {
            id: LeaseId(0),
            kind: self.kind,
            number: normal(&self.number),
            a,
            b,
            code,
            from,
            until,
            record: self.record,
            reference: text::line("reference", &self.reference)?,
            created_by: None,
            created_at: at,
        })
    }
}

fn check_end(from: Timestamp, until: Timestamp, at: Timestamp) -> Result<()> {
    if until <= from || until <= at {
        return Err(Error::invalid("until", "a lease ends after it begins, and after now"));
    }
    if until > at + LENGTH_MAX {
        return Err(Error::invalid("until", "a lease ends within 366 days"));
    }
    Ok(())
}

fn is_code(code: &str) -> bool {
    LEASE_CODE_DIGITS.contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// Somebody outside, as they are dialled.
fn party(field: &'static str, digits: &str) -> Result<String> {
    number::dialable(field, digits)?;
    let rest = digits.strip_prefix('+').unwrap_or(digits);
    if rest.len() >= 3 && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(digits.to_owned());
    }
    Err(Error::invalid(field, "a number outside is needed, such as 13800138000"))
}

impl Store {
    /// The version of every tenant's leases, of those who ever had one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn lease_versions(&self) -> Result<Vec<(TenantId, u64)>> {
        let select = "SELECT id, lease_version FROM tenants WHERE lease_version > 0
             ORDER BY id LIMIT 1000";
        let rows =
            sql::query(select).fetch_all(self.reader()).await.during("read versions of leases")?;
        Ok(rows.iter().map(|row| (TenantId(id(row, "id")), id(row, "lease_version"))).collect())
    }

    /// What changed after the version `since`; without one all leases that are not over for long at
    /// `at`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn lease_changes(
        &self,
        tenant: TenantId,
        since: Option<u64>,
        at: Timestamp,
    ) -> Result<LeaseChanges> {
        self.lease_changes_of(tenant, since, at, CHANGES_MAX).await
    }

    async fn lease_changes_of(
        &self,
        tenant: TenantId,
        since: Option<u64>,
        at: Timestamp,
        most: usize,
    ) -> Result<LeaseChanges> {
        let doing = "read changes of leases";
        // The version first: a change in between is told twice, and not left out.
        let version = sql::query("SELECT lease_version FROM tenants WHERE id = $1")
            .bind(tenant.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during(doing)?
            .map(|row| id(&row, "lease_version"))
            .ok_or_else(|| Error::not_found("tenant", tenant))?;
        let mut query = Builder::new(COLUMNS);
        query.push_bind(tenant.0 as i64);
        // Of all there are those that end last count; of changes the rest follows with the next look.
        match since {
            Some(since) => {
                query.push(" AND version > ").push_bind(since as i64).push(" ORDER BY version");
            }
            None => {
                query.push(" AND until_at > ").push_bind(at.0.saturating_sub(TOLD_FOR_US));
                query.push(" ORDER BY until_at DESC, id");
            }
        }
        query.push(" LIMIT ").push_bind(most as i64);
        let rows = query.build().fetch_all(self.reader()).await.during(doing)?;
        let leases = rows.iter().map(for_calls).collect::<Result<Vec<_>>>()?;
        let last = leases.last().filter(|_| since.is_some() && leases.len() == most);
        let version = last.map_or(version, |last| last.version);
        Ok(LeaseChanges { tenant, since, version, leases })
    }

    /// Leases, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn leases(
        &self,
        tenant: TenantId,
        filter: &LeaseFilter,
        limit: u32,
    ) -> Result<Vec<Lease>> {
        let mut query = Builder::new(COLUMNS);
        query.push_bind(tenant.0 as i64);
        if let Some(number) = &filter.number {
            let country = self.tenant(tenant).await?.profile.country;
            query.push(" AND number = ").push_bind(PhoneNumber::parse(number, &country).normal);
        }
        if let Some(reference) = &filter.reference {
            query.push(" AND reference = ").push_bind(reference.clone());
        }
        if let Some(at) = filter.open_at {
            query.push(" AND until_at > ").push_bind(at.0);
        }
        if let Some(before) = filter.before {
            query.push(" AND id < ").push_bind(before.0 as i64);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit.min(LIST_MAX)));
        let rows = query.build().fetch_all(self.reader()).await.during("list leases")?;
        rows.iter().map(lease).collect()
    }

    /// Leases a number.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Refused`] where another lease has the number then, which is
    /// named, or there are too many.
    pub async fn create_lease(&self, tenant: TenantId, by: &By, new: &NewLease) -> Result<Lease> {
        let country = self.tenant(tenant).await?.profile.country;
        let mut made = new.check(by.at, &country)?;
        let mut write = self.write("lease a number").await?;
        check_numbers(&mut write, tenant, &made, &country).await?;
        refuse_conflict(&mut write, tenant, &made).await?;
        room_for(&mut write, tenant, by.at).await?;
        forget_old(&mut write, tenant, by.at).await?;
        made.id = LeaseId(write.next_id("lease").await? as u64);
        made.created_by = by.user;
        let version = raise(&mut write, tenant).await?;
        sql::query(
            "INSERT INTO leases (id, tenant_id, version, kind, number, a, b, code, from_at,
             until_at, record, reference, created_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(made.id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(version)
        .bind(kind_text(made.kind))
        .bind(&made.number)
        .bind(&made.a)
        .bind(&made.b)
        .bind(&made.code)
        .bind(made.from.0)
        .bind(made.until.0)
        .bind(made.record)
        .bind(&made.reference)
        .bind(made.created_by.map(|user| user.0 as i64))
        .bind(made.created_at.0)
        .execute(write.db())
        .await
        .during("lease a number")?;
        write.audit(tenant, by, "lease.create", told(&made)).await?;
        write.commit().await?;
        Ok(made)
    }

    /// A lease ends later, or earlier, than was said.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`]; [`Error::Refused`] where it is over, or another lease
    /// has the number by then.
    pub async fn extend_lease(
        &self,
        tenant: TenantId,
        by: &By,
        lease: LeaseId,
        until: Timestamp,
    ) -> Result<Lease> {
        let mut write = self.write("change the end of a lease").await?;
        let mut lease = open_lease(&mut write, tenant, lease, by.at).await?;
        check_end(lease.from, until, by.at)?;
        lease.until = until;
        refuse_conflict(&mut write, tenant, &lease).await?;
        set_end(&mut write, tenant, &lease).await?;
        write.audit(tenant, by, "lease.extend", told(&lease)).await?;
        write.commit().await?;
        Ok(lease)
    }

    /// A lease is over from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] where it is over already.
    pub async fn end_lease(&self, tenant: TenantId, by: &By, lease: LeaseId) -> Result<()> {
        let mut write = self.write("end a lease").await?;
        let mut lease = open_lease(&mut write, tenant, lease, by.at).await?;
        // One that had not begun never counts.
        lease.until = by.at.max(lease.from);
        set_end(&mut write, tenant, &lease).await?;
        write.audit(tenant, by, "lease.end", told(&lease)).await?;
        write.commit().await
    }
}

fn told(lease: &Lease) -> String {
    let Lease { id, kind, number, until, reference, .. } = lease;
    format!("{id} {} {number} until {until} {reference}", kind_text(*kind))
}

/// The version of the change that is being made.
async fn raise(write: &mut Write, tenant: TenantId) -> Result<i64> {
    let doing = write.doing;
    sql::query_scalar(
        "UPDATE tenants SET lease_version = lease_version + 1 WHERE id = $1
         RETURNING lease_version",
    )
    .bind(tenant.0 as i64)
    .fetch_one(write.db())
    .await
    .during(doing)
}

/// The leased number is the tenant's, and its parties are nobody's of the tenant: else a call would lead
/// back here.
async fn check_numbers(
    write: &mut Write,
    tenant: TenantId,
    lease: &Lease,
    country: &str,
) -> Result<()> {
    if !is_own(write, tenant, &lease.number).await? {
        return Err(Error::invalid("number", "a published number of the tenant is needed"));
    }
    for (field, party) in [("a", Some(&lease.a)), ("b", lease.b.as_ref())] {
        let Some(party) = party else { continue };
        let normal = PhoneNumber::parse(party, country).normal;
        if is_own(write, tenant, &normal).await? || is_own(write, tenant, party).await? {
            let problem = "this is a number of the tenant: calls would lead back here";
            return Err(Error::invalid(field, problem));
        }
    }
    Ok(())
}

async fn is_own(write: &mut Write, tenant: TenantId, digits: &str) -> Result<bool> {
    let doing = write.doing;
    let found = sql::query("SELECT 1 FROM numbers WHERE tenant_id = $1 AND digits = $2")
        .bind(tenant.0 as i64)
        .bind(digits)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
    Ok(found.is_some())
}

/// One number stands for one at a time; with codes for several, each with their own.
async fn refuse_conflict(write: &mut Write, tenant: TenantId, lease: &Lease) -> Result<()> {
    let doing = write.doing;
    let found = sql::query(
        "SELECT id, reference FROM leases WHERE tenant_id = $1 AND number = $2 AND id <> $3
         AND from_at < $4 AND until_at > $5 AND from_at < until_at
         AND NOT (kind = 'axe' AND $6 = 'axe' AND code <> $7) ORDER BY id LIMIT 1",
    )
    .bind(tenant.0 as i64)
    .bind(&lease.number)
    .bind(lease.id.0 as i64)
    .bind(lease.until.0)
    .bind(lease.from.0)
    .bind(kind_text(lease.kind))
    .bind(lease.code.clone().unwrap_or_default())
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    match found {
        None => Ok(()),
        Some(row) => {
            let lease = LeaseId(id(&row, "id"));
            Err(Error::Refused(format!("lease {lease} has this number at that time")))
        }
    }
}

async fn room_for(write: &mut Write, tenant: TenantId, at: Timestamp) -> Result<()> {
    let doing = write.doing;
    let open: i64 =
        sql::query_scalar("SELECT COUNT(*) FROM leases WHERE tenant_id = $1 AND until_at > $2")
            .bind(tenant.0 as i64)
            .bind(at.0)
            .fetch_one(write.db())
            .await
            .during(doing)?;
    if open >= LEASES_MAX as i64 {
        let problem = format!("{doing}: at most {LEASES_MAX} are kept for one tenant");
        return Err(Error::Refused(problem));
    }
    Ok(())
}

async fn forget_old(write: &mut Write, tenant: TenantId, at: Timestamp) -> Result<()> {
    let doing = write.doing;
    sql::query("DELETE FROM leases WHERE tenant_id = $1 AND until_at <= $2")
        .bind(tenant.0 as i64)
        .bind(at.0.saturating_sub(KEPT_US))
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(())
}

/// Puts down that the codes of a leased number are not heard for a while.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    let Kind::Leased(Leased { lease: Some(lease), what: InLease::Paused }) = &entry.kind else {
        return Ok(());
    };
    let call = entry.call.map(|call| format!(", call {call}")).unwrap_or_default();
    let subject = format!("codes of the number of lease {lease}: too many were wrong{call}");
    write.audit(entry.tenant, &By::system("switch", entry.at), "lease.pause", subject).await
}

/// Leases one of whose parties is this person are as if they had never counted, and do not tell of
/// them. Returns how many there were.
pub(crate) async fn forget_party(
    write: &mut Write,
    tenant: TenantId,
    person: &Subscriber,
) -> Result<u64> {
    let doing = write.doing;
    let found =
        sql::query("SELECT id, a, b FROM leases WHERE tenant_id = $1 AND (a LIKE $2 OR b LIKE $2)")
            .bind(tenant.0 as i64)
            .bind(person.pattern())
            .fetch_all(write.db())
            .await
            .during(doing)?;
    let mut forgotten = 0;
    for row in &found {
        let parties: (String, Option<String>) = (row.get("a"), row.get("b"));
        let is_a = person.is_in(&parties.0);
        let is_b = parties.1.as_deref().is_some_and(|b| person.is_in(b));
        if !is_a && !is_b {
            continue;
        }
        let version = raise(write, tenant).await?;
        sql::query(
            "UPDATE leases SET version = $3, from_at = 0, until_at = 0, a = $4, b = $5
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(id(row, "id") as i64)
        .bind(version)
        .bind(if is_a { String::new() } else { parties.0 })
        .bind(if is_b { Some(String::new()) } else { parties.1 })
        .execute(write.db())
        .await
        .during(doing)?;
        forgotten += 1;
    }
    Ok(forgotten)
}

/// A lease that is not over.
async fn open_lease(
    write: &mut Write,
    tenant: TenantId,
    wanted: LeaseId,
    at: Timestamp,
) -> Result<Lease> {
    let doing = write.doing;
    let mut query = Builder::new(COLUMNS);
    query.push_bind(tenant.0 as i64).push(" AND id = ").push_bind(wanted.0 as i64);
    let row = query.build().fetch_optional(write.db()).await.during(doing)?;
    let found = row.as_ref().map(lease).transpose()?;
    let found = found.ok_or_else(|| Error::not_found("lease", wanted))?;
    if found.until <= at.max(found.from) {
        return Err(Error::Refused("this lease is over already".to_owned()));
    }
    Ok(found)
}

async fn set_end(write: &mut Write, tenant: TenantId, lease: &Lease) -> Result<()> {
    let doing = write.doing;
    let version = raise(write, tenant).await?;
    let update = "UPDATE leases SET until_at = $3, version = $4 WHERE tenant_id = $1 AND id = $2";
    sql::query(update)
        .bind(tenant.0 as i64)
        .bind(lease.id.0 as i64)
        .bind(lease.until.0)
        .bind(version)
        .execute(write.db())
        .await
        .during(doing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Defaults;
    use serde_json::json;

    const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

    #[tokio::test]
    async fn of_too_many_leases_those_that_end_last_are_told_and_of_changes_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
        let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
        let tenant = store.bootstrap(&defaults, NOON).await.unwrap().unwrap().tenant;
        let mut made = Vec::new();
        for hours in [3, 2, 1] {
            let new = NewLease {
                kind: LeaseKind::Axe,
                number: "95105688".into(),
                a: "13800138001".into(),
                b: None,
                code: Some(format!("47{hours}")),
                from: None,
                until: Timestamp(NOON.0 + hours * 3_600_000_000),
                record: false,
                reference: String::new(),
            };
            let lease = store.create_lease(tenant, &By::system("test", NOON), &new).await;
            made.push(lease.unwrap().id);
        }
        for (since, told, version) in
            [(None, &made[..2], 3), (Some(0), &made[..2], 2), (Some(2), &made[2..], 3)]
        {
            let changes = store.lease_changes_of(tenant, since, NOON, 2).await.unwrap();
            let ids: Vec<LeaseId> = changes.leases.iter().map(|lease| lease.id).collect();
            assert_eq!((ids.as_slice(), changes.version), (told, version), "{since:?}");
        }
    }
}
